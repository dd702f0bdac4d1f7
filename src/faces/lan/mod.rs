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
mod moves;
mod passes;
mod reports;
mod sales;
mod scans;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Extension;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::{ContentBuilder, OpenApi as OpenApiDocument, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::door::{BearerScheme, Fault, Lan, guard, panicked};

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
fn api(others: OpenApiDocument) -> (Router<Lan>, OpenApiDocument) {
    let (routes, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(device::health))
        .routes(routes!(device::readers))
        .routes(routes!(device::programmes))
        .routes(routes!(events::events))
        .routes(routes!(customers::customer_create, customers::customer_list))
        .routes(routes!(customers::customer_read, customers::customer_change, customers::customer_remove))
        .routes(routes!(moves::merge))
        .routes(routes!(cards::card_issue))
        .routes(routes!(cards::card_read, cards::card_change, moves::card_delete))
        .routes(routes!(moves::transfer))
        .routes(routes!(moves::coupon_assign, moves::coupons))
        .routes(routes!(moves::coupon_claim))
        .routes(routes!(moves::coupon_use))
        .routes(routes!(moves::coupon_void))
        .routes(routes!(reports::liability))
        .routes(routes!(reports::shift))
        .routes(routes!(reports::timeline))
        .routes(routes!(reports::export))
        .routes(routes!(credentials::credentials, credentials::credential_bind))
        .routes(routes!(credentials::credential_unbind))
        .routes(routes!(cards::history))
        .routes(routes!(passes::pass))
        .routes(routes!(passes::google))
        .routes(routes!(passes::outbox))
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
        .routes(routes!(openapi))
        .split_for_parts();
    document.merge(others);
    problems_describe(&mut document);
    (routes, document)
}

/// What every operation may answer beside its own: problem documents.
fn problems_describe(document: &mut OpenApiDocument) {
    let problem = |description: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        RefOr::T(ResponseBuilder::new().description(description).content("application/problem+json", content).build())
    };
    const OF_ALL: &[(&str, &str)] = &[
        ("401", "`unauthorized`: no token, or a wrong one"),
        ("403", "`wrong_role` or `wrong_till`"),
        ("503", "`storage_fault` or `disk_full`: nothing was booked; ask again with the same key"),
    ];
    const OF_BODIES: &[(&str, &str)] = &[
        ("400", "`bad_json` or `key_missing`"),
        ("413", "`too_large`"),
        ("415", "`wrong_media_type`"),
        ("422", "`invalid`, with a JSON pointer for each wrong field, or `key_reuse`"),
    ];
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten() {
            // `security: [{}]` marks what is open to all.
            let open = operation.security.is_some();
            let by_body = operation.request_body.as_ref().map_or(&[][..], |_| OF_BODIES);
            let unknown = path.contains('{').then_some(&("404", "there is no such thing; the code tells which"));
            let of_all = if open { &[][..] } else { OF_ALL };
            let responses = &mut operation.responses.responses;
            for (status, description) in of_all.iter().chain(by_body).chain(unknown) {
                responses.entry((*status).to_owned()).or_insert_with(|| problem(description));
            }
            // OpenAPI wants a description of every response, and the shape says it all.
            for (status, response) in responses {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description = if status == "201" { "it is booked" } else { "as asked" }.to_owned();
                }
            }
        }
    }
}

/// The OpenAPI document; its text is made when it is first asked for.
struct Described {
    document: OpenApiDocument,
    text: OnceLock<String>,
}

impl Described {
    fn text(&self) -> &str {
        // The document holds no maps with foreign keys, so it always turns into JSON.
        self.text.get_or_init(|| self.document.to_pretty_json().unwrap_or_default())
    }
}

/// The whole API. `others` describes the routes that other faces add to it. `doors_of_lan` adds what only network listeners
/// need: the Host and Origin checks.
pub fn router(lan: Lan, others: OpenApiDocument) -> Router {
    let (routes, document) = api(others);
    routes
        .layer(Extension(Arc::new(Described { document, text: OnceLock::new() })))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(lan.clone(), guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .with_state(lan)
}

/// This document: every call of the API, in OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "device", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn openapi(Extension(described): Extension<Arc<Described>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], described.text().to_owned()).into_response()
}

async fn unknown_route() -> Fault {
    Fault::not_found("unknown_route", "there is nothing at this address; /v1/openapi.json lists what there is")
}

async fn wrong_method() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "wrong method", "this address does not take this method")
}
