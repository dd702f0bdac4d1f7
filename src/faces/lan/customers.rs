//! Customers: create, find, read, change.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::booking::Booked;
use super::cards::if_match;
use super::extract::{Asked, Posted, Segment, Sent, json_fields, page_limit};
use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault, with_etag};
use crate::pure::domain::{CustomerId, Role};
use crate::pure::wire::lan::{CustomerList, CustomerRequest, CustomerView};
use crate::shop::ledger::{PersonOrder, PersonSort};
use crate::shop::till::CustomerSearch;

/// The customer in a path; what is no id names none.
pub fn customer_of(text: &str) -> Result<CustomerId, Fault> {
    text.parse().map_err(|_| unknown_customer())
}

fn unknown_customer() -> Fault {
    Fault::not_found("unknown_customer", "no such customer")
}

/// Makes a customer; all of a person's data is optional.
#[utoipa::path(
    post, path = "/v1/customers", tag = "customers", request_body = CustomerRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CustomerView))
)]
pub async fn customer_create(State(lan): State<Lan>, posted: Posted<CustomerRequest>) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = caller.actor(caller.till.clone());
    let response = booking
        .located("/v1/customers/", "id")
        .run(&lan, move |till, txn, now| {
            let view = till.customer_create_in_txn(txn, now, actor, body)?;
            Booked::ok(StatusCode::CREATED, &view)
        })
        .await?;
    Ok(response)
}

/// A customer with the serials of the cards.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers", params(("id" = String, Path)),
    responses((status = 200, body = CustomerView))
)]
pub async fn customer_read(State(lan): State<Lan>, _caller: Caller, Segment(id): Segment) -> Result<Response, Fault> {
    let (id, now) = (customer_of(&id)?, lan.clock.now());
    let view = lan.read(move |till, reads| Ok(till.customer_view(reads, id, &now)?)).await?;
    let view = view.ok_or_else(unknown_customer)?;
    let mut response = with_etag(StatusCode::OK, view.revision, &view);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Which customers, in which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Part of a name, an e-mail address or a phone number, or the serial of a card.
    query: Option<String>,
    /// Holds a card of this class by recency and frequency of visits: `beginners`, `growths`, `champions`, `doubtful`,
    /// `medium`, `loyal_regular`, `sleeping`, `at_risk` or `needs_attention`.
    segment: Option<String>,
    /// Holds a card at the level of this name.
    tier: Option<String>,
    /// `name`, `joined`, `last_visit`, `ltv` or `balance`, with `-` before it for falling; `name` where it is not given.
    sort: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Customers, 1 to 200; 50 where it is not given.
    limit: Option<usize>,
}

/// Customers, all or those found by name, e-mail, phone or serial.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers", params(ListQuery), responses((status = 200, body = CustomerList))
)]
pub async fn customer_list(
    State(lan): State<Lan>,
    _caller: Caller,
    Asked(query): Asked<ListQuery>,
) -> Result<Response, Fault> {
    let limit = page_limit(query.limit)?;
    let order = order_of(query.sort.as_deref().unwrap_or("name"))?;
    let ListQuery { query, segment, tier, cursor, .. } = query;
    let search = CustomerSearch { query, segment, tier, cursor };
    if search.by_cards() || !matches!(order.by, PersonSort::Name | PersonSort::Joined) {
        lists_update(&lan).await?;
    }
    let now = lan.clock.now();
    let page = lan.read(move |till, reads| Ok(till.customer_list(reads, &search, order, limit, &now)?)).await?;
    let mut response = axum::response::IntoResponse::into_response(Json(page));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn order_of(sort: &str) -> Result<PersonOrder, Fault> {
    let falling = sort.starts_with('-');
    let by = match sort.strip_prefix('-').unwrap_or(sort) {
        "name" => PersonSort::Name,
        "joined" => PersonSort::Joined,
        "last_visit" => PersonSort::LastVisit,
        "ltv" => PersonSort::Ltv,
        "balance" => PersonSort::Balance,
        _ => {
            let detail = "name, joined, last_visit, ltv or balance, with - before it for falling";
            return Err(Fault::field("/sort", detail));
        }
    };
    Ok(PersonOrder { by, falling })
}

/// Cards taken over into lists in one commit: few, so that no tap waits.
const LISTED_AT_ONCE: usize = 200;

/// How often: after a change of rules all cards of a programme are looked at again, and for a million of them nobody waits;
/// lists then show the old levels until that is done.
const LISTED_ROUNDS_MAX: usize = 50;

/// Takes every card that moved over into what lists show.
async fn lists_update(lan: &Lan) -> Result<(), Fault> {
    for _ in 0..LISTED_ROUNDS_MAX {
        if !lan.read(|_, reads| Ok(reads.lists_behind()?)).await? {
            return Ok(());
        }
        lan.write(|till, txn, now| Ok(till.lists_update_in_txn(txn, now, LISTED_AT_ONCE)?)).await?;
    }
    Ok(())
}

/// Removes a customer whose cards are all deleted: what is known of the person is erased. A repeat answers the same.
#[utoipa::path(
    delete, path = "/v1/customers/{id}", tag = "customers", params(("id" = String, Path)),
    responses(
        (status = 204, description = "the customer is removed"),
        (status = 409, description = "`not_empty`: a card is not deleted")
    )
)]
pub async fn customer_remove(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Fault> {
    caller.require(Role::Manager)?;
    let id = customer_of(&id)?;
    let actor = caller.actor(caller.till.clone());
    lan.write(move |till, txn, now| Ok(till.customer_remove_in_txn(txn, now, actor, id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what is known of a person: a merge patch (RFC 7396), null takes a field away. `If-Match` carries the revision
/// that was read.
#[utoipa::path(
    patch, path = "/v1/customers/{id}", tag = "customers", request_body = CustomerRequest,
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = CustomerView))
)]
pub async fn customer_change(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(id): Segment,
    sent: Sent<serde_json::Value>,
) -> Result<Response, Fault> {
    let Sent { headers, body: patch } = sent;
    // Unknown fields and wrong types are told by their place; nulls take a field away and say nothing of its type.
    let mut told = patch.clone();
    if let Some(fields) = told.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        for inner in fields.values_mut().filter_map(serde_json::Value::as_object_mut) {
            inner.retain(|_, value| !value.is_null());
        }
    }
    let without_nulls = serde_json::to_vec(&told).map_err(|_| Fault::internal())?;
    json_fields::<CustomerRequest>(&without_nulls)?;
    let id = customer_of(&id)?;
    let expected = if_match(&headers)?;
    let actor = caller.actor(caller.till.clone());
    let changed =
        lan.write(move |till, txn, now| Ok(till.customer_change_in_txn(txn, now, actor, id, expected, &patch)?));
    let view = changed.await?;
    let mut response = with_etag(StatusCode::OK, view.revision, &view);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
