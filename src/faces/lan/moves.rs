//! What moves between cards and customers and what ends a card: transfer, merge, coupons, deletion.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::booking::Booked;
use super::cards::serial_of;
use super::customers::customer_of;
use super::entries::actor_of;
use super::extract::{Posted, Segment};
use crate::faces::door::{Caller, Fault, Lan, ManagerCaller};
use crate::pure::domain::{CouponId, Role};
use crate::pure::program::CouponAct;
use crate::pure::wire::lan::{
    CouponList, CouponPosted, CouponRequest, CouponStepRequest, CustomerView, MergeRequest, TransferRequest,
    TransferView,
};

/// Moves balance and rewards to another card of the same programme: one posting on each. Counters stay where they are.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/transfer", tag = "cards", request_body = TransferRequest,
    params(("serial" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = TransferView), (status = 409, description = "refused by the rules"))
)]
pub async fn transfer(
    State(lan): State<Lan>,
    Segment(serial): Segment,
    posted: Posted<TransferRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), body.approved_by.as_ref()).await?;
    let serial = serial_of(&serial)?;
    let to = body.to.parse().map_err(|_| Fault::field("/to", "not a serial"))?;
    booking
        .run(&lan, move |desk, txn, now| {
            Booked::of(StatusCode::CREATED, desk.card_transfer_in_txn(txn, now, actor, serial, to)?)
        })
        .await
}

/// Makes two customers one: `from` goes, its cards and what was told come along. All of it, or nothing.
#[utoipa::path(
    post, path = "/v1/customers/{id}/merge", tag = "customers", request_body = MergeRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 200, body = CustomerView), (status = 409, description = "refused by the rules"))
)]
pub async fn merge(
    State(lan): State<Lan>,
    _manager: ManagerCaller,
    Segment(id): Segment,
    posted: Posted<MergeRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), None).await?;
    let stays = customer_of(&id)?;
    let goes = body.from.parse().map_err(|_| Fault::field("/from", "not the id of a customer"))?;
    booking
        .run(&lan, move |desk, txn, now| {
            Booked::of(StatusCode::OK, desk.customers_merge_in_txn(txn, now, actor, stays, goes)?)
        })
        .await
}

/// Deletes a card for good; its books stay. A repeat answers the same.
#[utoipa::path(
    delete, path = "/v1/cards/{serial}", tag = "cards", params(("serial" = String, Path)),
    responses((status = 204, description = "the card is deleted"))
)]
pub async fn card_delete(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<StatusCode, Fault> {
    caller.require(Role::Manager)?;
    let serial = serial_of(&serial)?;
    let actor = caller.actor(caller.till.clone());
    lan.write(move |till, txn, now| Ok(till.card_delete_in_txn(txn, now, actor, serial)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a card a coupon or entry reward.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/coupons", tag = "cards", request_body = CouponRequest,
    params(("serial" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CouponPosted), (status = 409, description = "refused by the rules"))
)]
pub async fn coupon_assign(
    State(lan): State<Lan>,
    Segment(serial): Segment,
    posted: Posted<CouponRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), None).await?;
    let serial = serial_of(&serial)?;
    booking
        .run(&lan, move |desk, txn, now| {
            Booked::of(StatusCode::CREATED, desk.coupon_assign_in_txn(txn, now, actor, serial, &body)?)
        })
        .await
}

/// The coupons and entry rewards of a card.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/coupons", tag = "cards", params(("serial" = String, Path)),
    responses((status = 200, body = CouponList))
)]
pub async fn coupons(
    State(lan): State<Lan>,
    _caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<CouponList>, Fault> {
    let (serial, now) = (serial_of(&serial)?, lan.clock.now());
    Ok(Json(lan.read(move |desk, reads| Ok(desk.coupon_list(reads, serial, &now)?)).await?))
}

/// The customer takes a coupon.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/coupons/{id}/claim", tag = "cards", request_body = CouponStepRequest,
    params(("serial" = String, Path), ("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CouponPosted), (status = 409, description = "refused by the rules"))
)]
pub async fn coupon_claim(
    State(lan): State<Lan>,
    Path(path): Path<(String, String)>,
    posted: Posted<CouponStepRequest>,
) -> Result<Response, Fault> {
    coupon_step(lan, path, posted, CouponAct::Claim).await
}

/// A coupon is used.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/coupons/{id}/use", tag = "cards", request_body = CouponStepRequest,
    params(("serial" = String, Path), ("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CouponPosted), (status = 409, description = "refused by the rules"))
)]
pub async fn coupon_use(
    State(lan): State<Lan>,
    Path(path): Path<(String, String)>,
    posted: Posted<CouponStepRequest>,
) -> Result<Response, Fault> {
    coupon_step(lan, path, posted, CouponAct::Use).await
}

/// A coupon is withdrawn.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/coupons/{id}/void", tag = "cards", request_body = CouponStepRequest,
    params(("serial" = String, Path), ("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CouponPosted), (status = 409, description = "refused by the rules"))
)]
pub async fn coupon_void(
    State(lan): State<Lan>,
    Path(path): Path<(String, String)>,
    posted: Posted<CouponStepRequest>,
) -> Result<Response, Fault> {
    coupon_step(lan, path, posted, CouponAct::Withdraw).await
}

async fn coupon_step(
    lan: Lan,
    (serial, id): (String, String),
    posted: Posted<CouponStepRequest>,
    act: CouponAct,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), None).await?;
    let serial = serial_of(&serial)?;
    let unknown = || Fault::not_found("unknown_coupon", "this card has no such coupon");
    let coupon: CouponId = id.parse().map_err(|_| unknown())?;
    booking
        .run(&lan, move |desk, txn, now| {
            Booked::of(StatusCode::CREATED, desk.coupon_step_in_txn(txn, now, actor, serial, coupon, act)?)
        })
        .await
}
