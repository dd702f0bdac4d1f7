//! Who may come in at all: a Host that is ours, an Origin that is configured. Marks every answer.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Fault;
use super::auth::LocalPeer;
use super::state::Lan;

const ALLOWED_HEADERS: &str =
    "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id, Stampd-Staff";
const EXPOSED_HEADERS: &str = "ETag, Idempotency-Hit, Location, Retry-After, Server-Timing, X-Request-Id";

/// Refuses a Host that is not ours (DNS rebinding), answers preflights of configured origins, and marks every answer.
pub async fn guard(State(lan): State<Lan>, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<ConnectInfo<LocalPeer>>().is_some();
    if !local && !host(&request).is_some_and(|host| host_is_ours(host, &lan)) {
        let detail = "this Host is none of the device's names; list it in [api] names";
        return Fault::new(StatusCode::MISDIRECTED_REQUEST, "foreign_host", "not this host", detail).into_response();
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed =
        origin.filter(|origin| lan.settings.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
    let request_id = request.headers().get("X-Request-Id").cloned();
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if preflight && allowed.is_some() { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let request_id =
        request_id.or_else(|| HeaderValue::from_str(&lan.till.fresh_id(lan.clock.wall_ms()).to_string()).ok());
    if let Some(id) = request_id {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, DELETE"));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
        }
    }
    response
}

/// The host that a request names, with its port: the Host header, or in HTTP/2 the authority.
pub fn host(request: &Request) -> Option<&str> {
    match request.headers().get(header::HOST) {
        Some(value) => value.to_str().ok(),
        None => request.uri().authority().map(axum::http::uri::Authority::as_str),
    }
}

/// Whether the host names this device: loopback, a literal address (a page cannot rebind those), `NAME.local`, or a
/// configured name.
fn host_is_ours(host: &str, lan: &Lan) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok()
        || name.to_ascii_lowercase().ends_with(".local")
        || lan.settings.names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A panic in a handler is our bug: it ends the request with a fixed phrase, the detail stays in the log.
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("lan.panic: a request handler panicked");
    Fault::internal().into_response()
}
