//! Sales of a till: quote, sale, complete and cancel, refund and void; and the card that a till has before it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::booking::Booked;
use super::entries::actor_of;
use super::extract::{Asked, Posted, Segment, Sent};
use crate::faces::door::{Caller, Fault, Lan};
use crate::pure::domain::{Role, TillId};
use crate::pure::wire::lan::{
    CancelRequest, CompleteRequest, QuoteView, RefundRequest, SaleRequest, SaleView, TapView, VoidRequest,
};
use crate::shop::till::Outcome;

/// Longest time that a request may wait for a card, seconds.
const WAIT_S_MAX: u64 = 30;

/// A sale as an answer: 201 where it is posted or open, 202 while it waits for a card.
fn sold(outcome: Outcome<SaleView>) -> Result<Booked, Fault> {
    match outcome {
        Outcome::Done(view) if view.status == "waiting" => Booked::ok(StatusCode::ACCEPTED, &view),
        other => Booked::of(StatusCode::CREATED, other),
    }
}

/// A sale at a till, for the given or the presented card; without either it waits for one.
#[utoipa::path(
    post, path = "/v1/sales", tag = "sales", request_body = SaleRequest, params(("Idempotency-Key" = String, Header)),
    responses(
        (status = 201, body = SaleView), (status = 202, description = "it waits for a card", body = SaleView),
        (status = 409, description = "refused by the rules")
    )
)]
pub async fn sale(State(lan): State<Lan>, posted: Posted<SaleRequest>) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, body.till.as_deref(), body.staff.as_deref(), body.approved_by.as_ref()).await?;
    let till = actor.till.clone().ok_or_else(|| Fault::field("/till", "name the till of the sale"))?;
    let command = lan.till.sale_command(body, till)?;
    booking.run(&lan, move |desk, txn, now| sold(desk.sale_in_txn(txn, now, actor, &command)?)).await
}

/// What a sale would do: earned, each reward with its value or the reason why not, what is left to pay. Changes nothing,
/// so it needs no key; a sale right after it agrees.
#[utoipa::path(
    post, path = "/v1/sales/quote", tag = "sales", request_body = SaleRequest,
    responses((status = 200, body = QuoteView), (status = 409, description = "the sale would be refused"))
)]
pub async fn quote(State(lan): State<Lan>, caller: Caller, sent: Sent<SaleRequest>) -> Result<Response, Fault> {
    let body = sent.body;
    let actor = actor_of(&lan, &caller, body.till.as_deref(), body.staff.as_deref(), body.approved_by.as_ref()).await?;
    let till = actor.till.clone().ok_or_else(|| Fault::field("/till", "name the till of the sale"))?;
    let command = lan.till.sale_command(body, till)?;
    let now = lan.clock.now();
    match lan.read(move |desk, reads| Ok(desk.quote(reads, &now, &actor, &command)?)).await? {
        Outcome::Done(view) => Ok(Json(view).into_response()),
        Outcome::Refused(problem) => Err(Fault(problem)),
    }
}

/// A sale by the till's number or ours, as it was answered; 409 `key_busy` never comes, as every answer is committed.
#[utoipa::path(
    get, path = "/v1/sales/{number}", tag = "sales", params(("number" = String, Path)),
    responses((status = 200, body = SaleView), (status = 404, description = "`unknown_sale`: nothing was booked"))
)]
pub async fn sale_read(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(number): Segment,
) -> Result<Json<SaleView>, Fault> {
    Ok(Json(lan.read(move |desk, reads| Ok(desk.sale_view(reads, &number)?)).await?))
}

/// Completes an open sale.
#[utoipa::path(
    post, path = "/v1/sales/{number}/complete", tag = "sales", request_body = CompleteRequest,
    params(("number" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = SaleView), (status = 409, description = "refused by the rules"))
)]
pub async fn sale_complete(
    State(lan): State<Lan>,
    Segment(number): Segment,
    posted: Posted<CompleteRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = caller.actor(caller.till.clone());
    booking
        .run(&lan, move |desk, txn, now| {
            sold(desk.sale_complete_in_txn(txn, now, actor, &number, body.amount_minor)?)
        })
        .await
}

/// Cancels an open or waiting sale; what it had set aside comes back.
#[utoipa::path(
    post, path = "/v1/sales/{number}/cancel", tag = "sales", request_body = CancelRequest,
    params(("number" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = SaleView), (status = 409, description = "refused by the rules"))
)]
pub async fn sale_cancel(
    State(lan): State<Lan>,
    Segment(number): Segment,
    posted: Posted<CancelRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, .. } = posted;
    let actor = caller.actor(caller.till.clone());
    booking.run(&lan, move |desk, txn, now| sold(desk.sale_cancel_in_txn(txn, now, actor, &number)?)).await
}

/// Takes a sale back, whole or in part, by what it had awarded.
#[utoipa::path(
    post, path = "/v1/sales/{number}/refund", tag = "sales", request_body = RefundRequest,
    params(("number" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = SaleView), (status = 409, description = "refused by the rules"))
)]
pub async fn sale_refund(
    State(lan): State<Lan>,
    Segment(number): Segment,
    posted: Posted<RefundRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), None).await?;
    booking.run(&lan, move |desk, txn, now| sold(desk.sale_refund_in_txn(txn, now, actor, &number, &body)?)).await
}

/// Takes a sale back as if it had never been.
#[utoipa::path(
    post, path = "/v1/sales/{number}/void", tag = "sales", request_body = VoidRequest,
    params(("number" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = SaleView), (status = 409, description = "refused by the rules"))
)]
pub async fn sale_void(
    State(lan): State<Lan>,
    Segment(number): Segment,
    posted: Posted<VoidRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, body.till.as_deref(), body.staff.as_deref(), body.approved_by.as_ref()).await?;
    booking.run(&lan, move |desk, txn, now| sold(desk.sale_void_in_txn(txn, now, actor, &number)?)).await
}

/// How long to wait for a card.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// Seconds, at most 30.
    wait_s: Option<u64>,
}

/// The card now presented at a till; 204 where there is none, after `wait_s`.
#[utoipa::path(
    get, path = "/v1/tills/{till}/presented", tag = "tills", params(("till" = String, Path), WaitQuery),
    responses((status = 200, body = TapView), (status = 204, description = "no card is presented"))
)]
pub async fn presented(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(till): Segment,
    Asked(query): Asked<WaitQuery>,
) -> Result<Response, Fault> {
    let wait_s = query.wait_s.unwrap_or(0);
    if wait_s > WAIT_S_MAX {
        return Err(Fault::field("/wait_s", format!("at most {WAIT_S_MAX} seconds")));
    }
    let till = till_of(&lan, &caller, &till)?;
    // Listening begins before the look, so that no card falls between.
    let mut live = lan.ledger.live();
    let wait = tokio::time::sleep(Duration::from_secs(wait_s));
    tokio::pin!(wait);
    loop {
        let (now, at) = (lan.clock.now(), till.clone());
        if let Some(view) = lan.read(move |desk, reads| Ok(desk.presented_view(reads, &now, &at)?)).await? {
            return Ok(Json(view).into_response());
        }
        tokio::select! {
            () = &mut wait => return Ok(StatusCode::NO_CONTENT.into_response()),
            () = lan.stopping.cancelled() => return Ok(StatusCode::NO_CONTENT.into_response()),
            heard = live.recv() => if matches!(heard, Err(RecvError::Closed)) {
                return Ok(StatusCode::NO_CONTENT.into_response());
            },
        }
    }
}

/// Sends the card away that is presented at a till.
#[utoipa::path(
    delete, path = "/v1/tills/{till}/presented", tag = "tills", params(("till" = String, Path)),
    responses((status = 204, description = "no card is presented any more"))
)]
pub async fn presented_clear(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(till): Segment,
) -> Result<StatusCode, Fault> {
    let till = till_of(&lan, &caller, &till)?;
    lan.write(move |_, txn, _| Ok(txn.presented_clear(&till)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The till in a path: one of the shop's, and one that the caller may act for.
fn till_of(lan: &Lan, caller: &Caller, text: &str) -> Result<TillId, Fault> {
    caller.require(Role::Cashier)?;
    caller
        .till_for(lan, Some(text), "/till")?
        .ok_or_else(|| Fault::not_found("unknown_till", "no till of this shop is called so"))
}
