//! Cards: issue, read, change, credentials, history.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::booking::Booked;
use super::extract::{Asked, Posted, Segment, Sent, page_limit};
use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault, with_etag};
use crate::pure::domain::{ProgrammeName, Role, Serial};
use crate::pure::wire::lan::{CardRequest, CardView, HistoryPage};

/// The serial in a path, read without regard to case and grouping; what is none is an unknown card.
pub fn serial_of(text: &str) -> Result<Serial, Fault> {
    text.parse().map_err(|_| unknown_card())
}

/// 404.
pub fn unknown_card() -> Fault {
    Fault::not_found("unknown_card", "no card has this serial")
}

/// Issues a card of a programme to a customer, with a credential for each medium.
#[utoipa::path(
    post, path = "/v1/cards", tag = "cards", request_body = CardRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CardView))
)]
pub async fn card_issue(State(lan): State<Lan>, posted: Posted<CardRequest>) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let customer = body.customer_id.parse().map_err(|_| Fault::field("/customer_id", "not the id of a customer"))?;
    let programme = ProgrammeName::new(&body.programme)
        .map_err(|_| Fault::field("/programme", "not the name of a programme; GET /v1/programmes lists them"))?;
    let actor = caller.actor(caller.till.clone());
    booking
        .located("/v1/cards/", "serial")
        .run(&lan, move |till, txn, now| {
            let view = till.card_issue_in_txn(txn, now, actor, customer, &programme)?;
            Booked::ok(StatusCode::CREATED, &view)
        })
        .await
}

/// A card and its whole standing.
#[utoipa::path(
    get, path = "/v1/cards/{serial}", tag = "cards", params(("serial" = String, Path)),
    responses((status = 200, body = CardView))
)]
pub async fn card_read(State(lan): State<Lan>, _caller: Caller, Segment(serial): Segment) -> Result<Response, Fault> {
    let serial = serial_of(&serial)?;
    let now = lan.clock.now();
    let view = lan.read(move |till, reads| Ok(till.card_view(reads, serial, &now)?)).await?.ok_or_else(unknown_card)?;
    Ok(with_etag(StatusCode::OK, view.revision, &view))
}

/// What of a card can be changed by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardChange {
    /// The last local day on which it is valid, `YYYY-MM-DD`; null for none. A past one needs a manager.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    expires_on: Option<Option<String>>,
    /// Blocked.
    blocked: Option<bool>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(reader).map(Some)
}

/// Changes a card's date or block. `If-Match` carries the revision that was read.
#[utoipa::path(
    patch, path = "/v1/cards/{serial}", tag = "cards", request_body = CardChange,
    params(("serial" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = CardView))
)]
pub async fn card_change(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(serial): Segment,
    sent: Sent<CardChange>,
) -> Result<Response, Fault> {
    let Sent { headers, body: change } = sent;
    let serial = serial_of(&serial)?;
    let expected = if_match(&headers)?;
    let expires_on = match change.expires_on {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => {
            let date = text.parse().map_err(|_| Fault::field("/expires_on", "a local date such as 2027-03-31"))?;
            Some(Some(date))
        }
    };
    let today = lan.clock.now().moment().date();
    let past = expires_on.flatten().is_some_and(|date: jiff::civil::Date| date < today);
    if past || change.blocked.is_some() {
        caller.require(Role::Manager)?;
    }
    let actor = caller.actor(caller.till.clone());
    let changed = lan.write(move |till, txn, now| {
        Ok(till.card_change_in_txn(txn, now, actor, serial, expected, expires_on, change.blocked)?)
    });
    let view = changed.await?;
    Ok(with_etag(StatusCode::OK, view.revision, &view))
}

/// The revision in `If-Match`; 428 without one.
pub fn if_match(headers: &HeaderMap) -> Result<i64, Fault> {
    let missing = || {
        Fault::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_missing",
            "no If-Match",
            "read the card, change it, and send its ETag as If-Match, so that no other change is overwritten",
        )
    };
    let text = headers.get(header::IF_MATCH).ok_or_else(missing)?.to_str().unwrap_or_default();
    text.trim().trim_start_matches("W/").trim_matches('"').parse().map_err(|_| missing())
}

/// Which page of a history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows, 1 to 200; 50 where it is not given.
    limit: Option<usize>,
}

/// What moved a card's balance, newest first, each row with the rule version, inputs and rounding that made it.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/history", tag = "cards", params(("serial" = String, Path), HistoryQuery),
    responses((status = 200, body = HistoryPage))
)]
pub async fn history(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(serial): Segment,
    Asked(query): Asked<HistoryQuery>,
) -> Result<Json<HistoryPage>, Fault> {
    let serial = serial_of(&serial)?;
    let limit = page_limit(query.limit)?;
    lan.settle(move |_| Ok(vec![serial])).await?;
    let page = lan
        .read(move |till, reads| Ok(till.history_page(reads, serial, query.cursor.as_deref(), limit)?))
        .await?
        .ok_or_else(unknown_card)?;
    Ok(Json(page))
}
