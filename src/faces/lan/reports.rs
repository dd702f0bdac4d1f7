//! What is read of many things at once: a customer's timeline and everything held about one person, the open liability, the
//! shift report.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::customers::customer_of;
use super::extract::{Asked, Segment, page_limit};
use crate::faces::door::{Caller, Fault, Lan};
use crate::pure::domain::Role;
use crate::pure::wire::lan::{CustomerExport, LiabilityView, ShiftView, TimelinePage};

/// Which part of a timeline.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TimelineQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Kinds of entries and events and names of what follows (`reward_redeemable`, `tier_changed`, …), with commas
    /// between; all where it is not given.
    kinds: Option<String>,
    /// Rows, 1 to 200; 50 where it is not given.
    limit: Option<usize>,
}

/// What happened to a customer, newest first: entries, what followed from them, and events that moved nothing.
#[utoipa::path(
    get, path = "/v1/customers/{id}/timeline", tag = "customers", params(("id" = String, Path), TimelineQuery),
    responses((status = 200, body = TimelinePage))
)]
pub async fn timeline(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(id): Segment,
    Asked(query): Asked<TimelineQuery>,
) -> Result<Json<TimelinePage>, Fault> {
    let id = customer_of(&id)?;
    let limit = page_limit(query.limit)?;
    let kinds: Vec<String> = query
        .kinds
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect();
    lan.settle(move |reads| Ok(reads.cards_of_customer(id)?.into_iter().map(|card| card.serial).collect())).await?;
    let page =
        lan.read(move |till, reads| Ok(till.customer_timeline(reads, id, &kinds, query.cursor.as_deref(), limit)?));
    Ok(Json(page.await?))
}

/// Everything held about one person, as a file.
#[utoipa::path(
    get, path = "/v1/customers/{id}/export", tag = "customers", params(("id" = String, Path)),
    responses((status = 200, body = CustomerExport))
)]
pub async fn export(State(lan): State<Lan>, caller: Caller, Segment(id): Segment) -> Result<Response, Fault> {
    caller.require(Role::Manager)?;
    let id = customer_of(&id)?;
    let now = lan.clock.now();
    let told = lan.read(move |till, reads| Ok(till.customer_export(reads, id, &now)?)).await?;
    let file = format!("attachment; filename=\"customer-{id}.json\"");
    let headers = [(header::CONTENT_DISPOSITION, file), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((headers, Json(told)).into_response())
}

/// What all open balances and rewards are worth at `cost_minor`, per programme and age, with the part that by experience
/// lapses.
#[utoipa::path(get, path = "/v1/reports/liability", tag = "reports", responses((status = 200, body = LiabilityView)))]
pub async fn liability(State(lan): State<Lan>, caller: Caller) -> Result<Json<LiabilityView>, Fault> {
    caller.require(Role::Manager)?;
    let now = lan.clock.now();
    Ok(Json(lan.read(move |desk, reads| Ok(desk.liability(reads, &now)?)).await?))
}

/// Which day.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ShiftQuery {
    /// A local date; today where it is not given.
    day: Option<String>,
}

/// One day of the shop on one page: taps, stamps, rewards, and corrections by staff.
#[utoipa::path(
    get, path = "/v1/reports/shift", tag = "reports", params(ShiftQuery), responses((status = 200, body = ShiftView))
)]
pub async fn shift(
    State(lan): State<Lan>,
    caller: Caller,
    Asked(query): Asked<ShiftQuery>,
) -> Result<Json<ShiftView>, Fault> {
    caller.require(Role::Manager)?;
    let now = lan.clock.now();
    let day = match &query.day {
        None => now.moment().date(),
        Some(text) => text.parse().map_err(|_| Fault::field("/day", "a local date such as 2027-03-31"))?,
    };
    Ok(Json(lan.read(move |desk, reads| Ok(desk.shift(reads, day, &now)?)).await?))
}
