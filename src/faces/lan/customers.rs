//! Customers: create and read.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::booking::Booked;
use super::extract::{Posted, Segment};
use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault, with_etag};
use crate::pure::domain::CustomerId;
use crate::pure::wire::lan::{CustomerRequest, CustomerView};

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
    let unknown = || Fault::not_found("unknown_customer", "no such customer");
    let id: CustomerId = id.parse().map_err(|_| unknown())?;
    let now = lan.clock.now();
    let view = lan.read(move |till, reads| Ok(till.customer_view(reads, id, &now)?)).await?.ok_or_else(unknown)?;
    let mut response = with_etag(StatusCode::OK, view.revision, &view);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
