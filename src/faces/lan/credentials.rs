//! The media of a card: which there are, binding one more, taking one away.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::booking::Booked;
use super::cards::{serial_of, unknown_card};
use super::extract::{Posted, Segment};
use crate::faces::door::{Caller, Fault, Lan};
use crate::pure::domain::Role;
use crate::pure::wire::lan::{BindingView, CredentialList, CredentialRequest, CredentialView};
use crate::shop::till::{BINDING_S, Outcome};

/// The media of a card. A manager sees what each carries; a till only that it is there.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/credentials", tag = "cards", params(("serial" = String, Path)),
    responses((status = 200, body = CredentialList))
)]
pub async fn credentials(
    State(lan): State<Lan>,
    caller: Caller,
    Segment(serial): Segment,
) -> Result<Json<CredentialList>, Fault> {
    let serial = serial_of(&serial)?;
    let with_text = caller.role >= Role::Manager;
    let list = lan
        .read(move |till, reads| Ok(till.credential_list(reads, serial, with_text)?))
        .await?
        .ok_or_else(unknown_card)?;
    Ok(Json(list))
}

/// Binds a medium to the card: the printed code, or the next fob, tag or code that is shown at the till within a minute. A
/// medium that has its card is no answer to it: its customer is served as ever.
#[utoipa::path(
    post, path = "/v1/cards/{serial}/credentials", tag = "cards", request_body = CredentialRequest,
    params(("serial" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = CredentialView), (status = 202, body = BindingView))
)]
pub async fn credential_bind(
    State(lan): State<Lan>,
    Segment(serial): Segment,
    posted: Posted<CredentialRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let serial = serial_of(&serial)?;
    let till = caller.till_for(&lan, body.till.as_deref(), "/till")?;
    let actor = caller.actor(till.clone());
    match (body.till, body.code) {
        (None, Some(code)) => {
            booking
                .run(&lan, move |desk, txn, now| {
                    Booked::of(StatusCode::CREATED, desk.code_bind_in_txn(txn, now, actor, serial, &code)?)
                })
                .await
        }
        (Some(_), None) => {
            let till = till.ok_or_else(|| Fault::field("/till", "name the till at which the medium will be shown"))?;
            booking
                .run(&lan, move |desk, txn, now| match desk.binding_begin_in_txn(txn, now, serial, &till)? {
                    Outcome::Done(()) => {
                        let (status, till) = ("waiting".to_owned(), till.to_string());
                        Booked::ok(StatusCode::ACCEPTED, &BindingView { status, till, wait_s: BINDING_S })
                    }
                    Outcome::Refused(problem) => Booked::refused(&problem),
                })
                .await
        }
        _ => Err(Fault::field("/till", "give either till or code")),
    }
}

/// Takes a medium from the card; the books stay. Once more answers the same.
#[utoipa::path(
    delete, path = "/v1/cards/{serial}/credentials/{id}", tag = "cards",
    params(("serial" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "the medium is not taken any more"))
)]
pub async fn credential_unbind(
    State(lan): State<Lan>,
    caller: Caller,
    Path((serial, id)): Path<(String, String)>,
) -> Result<StatusCode, Fault> {
    caller.require(Role::Cashier)?;
    let serial = serial_of(&serial)?;
    let actor = caller.actor(caller.till.clone());
    lan.write(move |till, txn, now| Ok(till.credential_unbind_in_txn(txn, now, actor, serial, &id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
