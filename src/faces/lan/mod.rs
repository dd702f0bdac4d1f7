//! The LAN API: HTTP and JSON for tills, console and command line (DESIGN.md section 5).
//!
//! Routes and OpenAPI document are made from the same annotations, so they cannot drift apart. Nothing here decides
//! anything: a handler checks who asks and what, hands it to `till` inside the ledger's transaction, and answers after the
//! commit. Reads run on blocking threads beside the writer.

mod booking;
mod cards;
mod credentials;
mod customers;
mod device;
mod entries;
mod events;
mod extract;
mod sales;
mod scans;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::door::{BearerScheme, Fault, Lan, guard};

/// The largest request body, bytes. Bulk import has a way of its own.
pub const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "stampd LAN API",
        description = "Loyalty on the shop counter. Every POST that books needs an Idempotency-Key; errors are RFC 9457 \
                       problem documents with a stable code.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&BearerScheme),
    security(("bearer" = []))
)]
struct Document;

/// The routes of the API and its document.
fn api() -> (Router<Lan>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(device::health))
        .routes(routes!(device::readers))
        .routes(routes!(device::programmes))
        .routes(routes!(events::events))
        .routes(routes!(customers::customer_create))
        .routes(routes!(customers::customer_read))
        .routes(routes!(cards::card_issue))
        .routes(routes!(cards::card_read, cards::card_change))
        .routes(routes!(credentials::credentials, credentials::credential_bind))
        .routes(routes!(credentials::credential_unbind))
        .routes(routes!(cards::history))
        .routes(routes!(entries::entry_post))
        .routes(routes!(entries::entry_void))
        .routes(routes!(scans::scan))
        .routes(routes!(sales::sale))
        .routes(routes!(sales::quote))
        .routes(routes!(sales::sale_read))
        .routes(routes!(sales::sale_complete))
        .routes(routes!(sales::sale_cancel))
        .routes(routes!(sales::sale_refund))
        .routes(routes!(sales::sale_void))
        .routes(routes!(sales::presented, sales::presented_clear))
        .routes(routes!(device::token_create))
        .routes(routes!(device::staff_list))
        .split_for_parts()
}

/// The OpenAPI 3.1 document, as served at `/v1/openapi.json`.
pub fn openapi_json() -> String {
    // The document holds no maps with foreign keys, so it always turns into JSON.
    api().1.to_pretty_json().unwrap_or_default()
}

/// The whole API. `doors_of_lan` adds what only network listeners need: the Host and Origin checks.
pub fn router(lan: Lan) -> Router {
    let (routes, document) = api();
    let document = document.to_json().unwrap_or_default();
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], document).into_response() };
    routes
        .route("/v1/openapi.json", get(openapi))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(lan.clone(), guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .with_state(lan)
}

async fn unknown_route() -> Fault {
    Fault::not_found("unknown_route", "there is nothing at this address; /v1/openapi.json lists what there is")
}

async fn wrong_method() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "wrong method", "this address does not take this method")
}

/// A panic in a handler is our bug: it ends the request with a fixed phrase, the detail stays in the log.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("lan.panic: a request handler panicked");
    Fault::internal().into_response()
}
