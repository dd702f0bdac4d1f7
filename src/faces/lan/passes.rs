//! What a customer carries: the signed pass, and what Google keeps. And what of it waits.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cards::{serial_of, unknown_card};
use super::extract::{Asked, Segment, page_limit};
use crate::faces::door::{Caller, Fault, Lan};
use crate::pure::domain::{Moment, Serial};
use crate::pure::passes::jwt::SaveKind;
use crate::pure::wire::lan::Problem;
use crate::shop::delivery::{Pass, PassFault, Passes};
use crate::shop::ledger::OutboxRow;

/// The media type of a signed pass.
const PKPASS: &str = "application/vnd.apple.pkpass";

/// After this many seconds it is worth asking again where the clock or a certificate stands in the way.
const RETRY_AFTER_S: i64 = 60;

/// Of a row whose attempts were all before the start: reasons are not kept over it.
const NOT_SINCE_THE_START: &str = "it failed before stampd was started and was not tried since; it is tried as soon as \
                                   passes can be made";

/// How HTTP writes a moment (RFC 9110 section 5.6.7).
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The card's signed pass for Apple Wallet, as its revision is now; made at once where none is kept.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/pass.pkpass", tag = "cards", params(("serial" = String, Path)),
    responses(
        (status = 200, description = "the signed pass", body = Vec<u8>, content_type = "application/vnd.apple.pkpass"),
        (status = 304, description = "as it was: If-None-Match or If-Modified-Since"),
        (status = 404, description = "`unknown_card`, `pass_not_configured` or `no_design`", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "`clock_untrusted`, `certificate_expired` or `certificate_not_yet_valid`: nothing is \
            signed now; `signing_failed`, `design_fault`, `cache_fault`; `storage_fault`", body = Problem,
            content_type = "application/problem+json")
    )
)]
pub async fn pass(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(serial): Segment,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let serial = serial_of(&serial)?;
    let pass = made(&lan, move |passes, now| passes.pass(serial, now)).await?;
    let modified = modified_text(&pass);
    let tag = format!("\"{}\"", pass.tag);
    let known = match headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) {
        // It wins over the date (RFC 9110 section 13.2.2).
        Some(tags) => tags.trim() == "*" || tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag),
        None => headers
            .get(header::IF_MODIFIED_SINCE)
            .and_then(|value| moment_of(value.to_str().ok()?))
            .is_some_and(|since_s| pass.modified_unix_s <= since_s),
    };
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { whole(serial, pass.bytes) };
    let headers = response.headers_mut();
    for (name, value) in [(header::ETAG, tag), (header::LAST_MODIFIED, modified)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

fn whole(serial: Serial, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"{serial}.pkpass\"");
    ([(header::CONTENT_TYPE, PKPASS), (header::CONTENT_DISPOSITION, name.as_str())], bytes).into_response()
}

fn modified_text(pass: &Pass) -> String {
    let moment = Moment { ms: pass.modified_unix_s.saturating_mul(1_000), zone: jiff::tz::TimeZone::UTC };
    moment.zoned().strftime(HTTP_DATE).to_string()
}

fn moment_of(text: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime(HTTP_DATE, text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// What Google Wallet keeps of a card.
#[derive(Serialize, ToSchema)]
pub struct GoogleView {
    /// The `LoyaltyClass`.
    #[schema(value_type = Object)]
    class: serde_json::Value,
    /// The `LoyaltyObject`.
    #[schema(value_type = Object)]
    object: serde_json::Value,
    /// The link by which a phone saves the card; null where no service account is configured.
    #[schema(required)]
    save_url: Option<String>,
    /// `fat`: the link carries the card. `thin`: it carries the ids alone and works once class and object were inserted by
    /// REST. Null where there is no link.
    #[schema(required)]
    save_kind: Option<&'static str>,
}

/// Which link.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GoogleQuery {
    /// `fat` or `thin`; without it a fat one, but a thin one where that would have more than 1800 characters, over which
    /// some browsers and messengers cut it off. A fat one that is asked for may be longer.
    link: Option<String>,
}

/// The card's class and object for Google Wallet, and the link that saves it.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/google", tag = "cards", params(("serial" = String, Path), GoogleQuery),
    responses(
        (status = 200, body = GoogleView),
        (status = 404, description = "`unknown_card`, `google_not_configured` or `no_design`", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "`clock_untrusted`: no link can be dated; `storage_fault`", body = Problem,
            content_type = "application/problem+json")
    )
)]
pub async fn google(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(serial): Segment,
    Asked(query): Asked<GoogleQuery>,
) -> Result<Json<GoogleView>, Fault> {
    let serial = serial_of(&serial)?;
    let kind = |word: String| SaveKind::named(&word).ok_or_else(|| Fault::field("/link", "fat or thin"));
    let ask = query.link.map(kind).transpose()?;
    let made = made(&lan, move |passes, now| passes.google(serial, ask, now)).await?;
    let (save_url, save_kind) = made.save.map(|link| (link.url, link.kind.name())).unzip();
    Ok(Json(GoogleView { class: made.class, object: made.object, save_url, save_kind }))
}

/// Work that waits.
#[derive(Serialize, ToSchema)]
pub struct OutboxView {
    /// How many rows wait in all.
    waiting: i64,
    /// Why nothing at all is done now: a code; null where work goes on.
    #[schema(required)]
    hold: Option<String>,
    /// The same for people.
    #[schema(required)]
    hold_detail: Option<String>,
    /// The rows, by topic and card.
    rows: Vec<OutboxRowView>,
    /// For the next page; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One piece of work that waits.
#[derive(Serialize, ToSchema)]
pub struct OutboxRowView {
    /// What is to be done: `pass`.
    topic: String,
    /// For which card.
    serial: String,
    /// The revision of the card that asked for it.
    revision: i64,
    /// Since when it waits.
    since: String,
    /// How often it was tried in vain.
    attempts: i64,
    /// Not before this.
    next_attempt_at: String,
    /// Why it failed the last time: a code; null where it was not tried yet, or not since stampd was started.
    #[schema(required)]
    code: Option<String>,
    /// The same for people. Where `attempts` are told without a code, that it was not tried since the start.
    #[schema(required)]
    detail: Option<String>,
}

/// Which page of the outbox.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OutboxQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows, 1 to 200; 50 where it is not given.
    limit: Option<usize>,
}

/// What follows postings and is not done yet, and why.
#[utoipa::path(
    get, path = "/v1/outbox", tag = "device", params(OutboxQuery), responses((status = 200, body = OutboxView))
)]
pub async fn outbox(
    State(lan): State<Lan>,
    _caller: Caller,
    Asked(query): Asked<OutboxQuery>,
) -> Result<Json<OutboxView>, Fault> {
    let limit = page_limit(query.limit)?;
    let after = query.cursor.as_deref().map(after_of).transpose()?;
    let (waiting, mut rows) = lan
        .read(move |_, reads| {
            let after = after.as_ref().map(|(topic, card)| (topic.as_str(), *card));
            Ok((reads.outbox_waiting()?, reads.outbox_list(after, limit + 1)?))
        })
        .await?;
    let next_cursor = (rows.len() > limit).then(|| {
        rows.truncate(limit);
        rows.last().map(|last| format!("{}.{}", last.topic, last.card)).unwrap_or_default()
    });
    let status = lan.passes.as_ref().map(Passes::status).unwrap_or_default();
    let zone = lan.clock.now().zone;
    let at = |ms: i64| Moment { ms, zone: zone.clone() }.rfc3339();
    let view = |row: OutboxRow| {
        let fault = status.faults.get(&row.card);
        OutboxRowView {
            serial: row.card.to_string(),
            revision: row.revision,
            since: at(row.made_ms),
            attempts: row.attempts,
            next_attempt_at: at(row.next_attempt_ms),
            code: fault.map(|(code, _)| (*code).to_owned()),
            detail: match fault {
                Some((_, detail)) => Some(detail.clone()),
                None => (row.attempts > 0).then(|| NOT_SINCE_THE_START.to_owned()),
            },
            topic: row.topic,
        }
    };
    let (hold, hold_detail) = status.hold.map(|hold| (hold.code.to_owned(), hold.detail)).unzip();
    Ok(Json(OutboxView { waiting, hold, hold_detail, rows: rows.into_iter().map(view).collect(), next_cursor }))
}

fn after_of(cursor: &str) -> Result<(String, Serial), Fault> {
    let parts = cursor.rsplit_once('.').and_then(|(topic, card)| Some((topic.to_owned(), card.parse().ok()?)));
    parts.ok_or_else(|| Fault::field("/cursor", "give next_cursor of the page before, unchanged"))
}

/// Makes something of passes on a thread that may block.
async fn made<T: Send + 'static>(
    lan: &Lan,
    make: impl FnOnce(&Passes, &crate::pure::domain::Now) -> Result<T, PassFault> + Send + 'static,
) -> Result<T, Fault> {
    let passes = lan.passes.clone().ok_or_else(|| {
        let detail = "passes are made by the daemon, and by commands that are told its configuration";
        Fault::not_found("pass_not_configured", detail)
    })?;
    let now = lan.clock.now();
    let made = tokio::task::spawn_blocking(move || make(&passes, &now)).await;
    made.map_err(|_| Fault::internal())?.map_err(|fault| fault_of(&fault))
}

/// What a request is answered where there is no pass.
fn fault_of(fault: &PassFault) -> Fault {
    match fault {
        PassFault::UnknownCard => unknown_card(),
        PassFault::NoPassType { .. }
        | PassFault::NoCertificate { .. }
        | PassFault::NoIssuer
        | PassFault::NoDesign { .. } => Fault::not_found(fault.code(), fault.to_string()),
        PassFault::Till(_) => {
            tracing::error!(%fault, "lan.pass: the card cannot be read");
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "storage_fault", "no pass now", fault.to_string())
        }
        _ => {
            let mut problem = Problem::new(503, fault.code(), "no pass now", fault.to_string());
            problem.retry_after_s = Some(RETRY_AFTER_S);
            problem.into()
        }
    }
}
