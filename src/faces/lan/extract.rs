//! Requests taken apart: parts of the path, and JSON bodies with errors that name the field.

use std::convert::Infallible;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use tokio_stream::StreamExt;

use super::booking::Booking;
use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault};
use crate::pure::wire::lan::FieldProblem;

/// A booking request: who asks, its key, its body. The token is judged first, then JSON and key, then the fields.
pub struct Posted<T> {
    /// Who asks.
    pub caller: Caller,
    /// The key and what it stands for.
    pub booking: Booking,
    /// The body.
    pub body: T,
}

impl<T: DeserializeOwned> FromRequest<Lan> for Posted<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, lan: &Lan) -> Result<Self, Fault> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, lan).await?;
        let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
        let bytes = body_bytes(Request::from_parts(parts, body)).await?;
        begin(caller, &method, &uri, &headers, &bytes)
    }
}

fn begin<T: DeserializeOwned>(
    caller: Caller,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Posted<T>, Fault> {
    let text = if bytes.is_empty() { b"{}" } else { bytes };
    json_syntax(headers, bytes)?;
    let booking = Booking::begin(&caller, method, uri, headers, bytes)?;
    Ok(Posted { caller, booking, body: json_fields(text)? })
}

/// A JSON body of a request that needs no key, with the headers that came with it.
pub struct Sent<T> {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: T,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Fault> {
        let headers = request.headers().clone();
        let bytes = body_bytes(request).await?;
        json_syntax(&headers, &bytes)?;
        let body = json_fields(&bytes)?;
        Ok(Self { headers, body })
    }
}

/// A body that is too large is read on to here and thrown away: whoever still writes while we answer and close would see
/// a broken connection instead of the answer.
const DISCARDED_BYTES_MAX: usize = 32 << 20;

/// The body of a request, or 413.
async fn body_bytes(request: Request) -> Result<Vec<u8>, Fault> {
    // Who asks before sending is told before sending.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if asks_first && length.is_some_and(|length: usize| length > super::BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut chunks = request.into_body().into_data_stream();
    let (mut bytes, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| bad_json("the body ended before its length"))?;
        seen += chunk.len();
        if seen <= super::BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if seen > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if seen > super::BODY_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> Fault {
    Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "the request is too large",
        format!("a request has at most {} bytes; bulk data goes through 'stampd import'", super::BODY_BYTES_MAX),
    )
}

/// The one part of a path that names something. What is no text at all names nothing that there is.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.map_or_else(|_| char::REPLACEMENT_CHARACTER.to_string(), |Path(text)| text)))
    }
}

/// What a query asks; 422 where it cannot be understood.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Query(query) =
            Query::from_request_parts(parts, state).await.map_err(|rejection| query_fault(&rejection))?;
        Ok(Self(query))
    }
}

/// Rows of a page: 1 to 200, 50 where none are asked for.
pub fn page_limit(asked: Option<usize>) -> Result<usize, Fault> {
    let limit = asked.unwrap_or(50);
    if (1..=200).contains(&limit) { Ok(limit) } else { Err(Fault::field("/limit", "1 to 200 rows a page")) }
}

/// 422 for a query with an unknown or impossible parameter, which it names.
fn query_fault(rejection: &QueryRejection) -> Fault {
    let text = rejection.body_text();
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
    match text.split_once(": ") {
        Some((name, detail)) if !name.contains(' ') => Fault::field(&format!("/{name}"), detail),
        _ => Fault::field("/query", text),
    }
}

/// 415 for another media type, 400 for what is no JSON.
fn json_syntax(headers: &HeaderMap, bytes: &[u8]) -> Result<(), Fault> {
    if bytes.is_empty() {
        return Ok(());
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong_media_type",
            "not JSON",
            "send the body as JSON with the header 'Content-Type: application/json'",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| bad_json(&error.to_string()))?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(|error| bad_json(&error.to_string()))
}

fn bad_json(detail: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "bad_json", "the body is not JSON", detail)
}

/// The body as `T`, or 422 with the pointer of the field that is wrong.
pub fn json_fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let detail = plain(&error.inner().to_string());
        Fault::invalid(vec![FieldProblem { pointer: pointer_of(error.path(), &detail), detail }])
    })
}

/// The reader's message without its place in the text.
fn plain(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// JSON pointer of an error: its path, and for a missing or unknown field that field's name.
fn pointer_of(path: &serde_path_to_error::Path, detail: &str) -> String {
    use serde_path_to_error::Segment;
    let escape = |text: &str| text.replace('~', "~0").replace('/', "~1");
    let mut names: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(escape(key)),
            Segment::Enum { variant } => Some(escape(variant)),
            Segment::Unknown => None,
        })
        .collect();
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    if let Some(name) = named.map(escape)
        && names.last() != Some(&name)
    {
        names.push(name);
    }
    names.iter().map(|name| format!("/{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code, reason = "read by serde only")]
        count: i64,
        #[allow(dead_code, reason = "read by serde only")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code, reason = "read by serde only")]
        list: Vec<i64>,
    }

    #[test]
    fn errors_point_at_the_field() {
        let cases = [
            (r#"{}"#, "/count"),
            (r#"{"count": "x"}"#, "/count"),
            (r#"{"count": 1, "more": 2}"#, "/more"),
            (r#"{"count": 1, "inner": {"list": [1, "x"]}}"#, "/inner/list/1"),
            (r#"{"count": 1, "inner": {}}"#, "/inner/list"),
            (r#"{"count": 1, "inner": {"list": [], "a/b": 1}}"#, "/inner/a~1b"),
            (r#"{"count": 99999999999999999999}"#, "/count"),
        ];
        for (text, pointer) in cases {
            let fault = json_fields::<Outer>(text.as_bytes()).expect_err(text);
            assert_eq!(fault.0.errors[0].pointer, pointer, "{text}: {}", fault.0.detail);
            assert_eq!((fault.0.status, fault.0.code.as_str()), (422, "invalid"));
        }
    }
}
