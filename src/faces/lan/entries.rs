//! Posting by hand, and voids.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::booking::Booked;
use super::cards::serial_of;
use super::extract::{Posted, Segment};
use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault};
use crate::pure::domain::{Actor, EntryId, Role, StaffId};
use crate::pure::wire::lan::{Approval, EntryRequest, PostedView, VoidRequest};

/// Posts an entry by hand (DESIGN.md section 7).
#[utoipa::path(
    post, path = "/v1/cards/{serial}/entries", tag = "cards", request_body = EntryRequest,
    params(("serial" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = PostedView), (status = 409, description = "refused by the rules"))
)]
pub async fn entry_post(
    State(lan): State<Lan>,
    Segment(serial): Segment,
    posted: Posted<EntryRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, None, body.staff.as_deref(), body.approved_by.as_ref()).await?;
    let command = lan.till.entry_command(&body)?;
    let serial = serial_of(&serial)?;
    booking
        .run(&lan, move |till, txn, now| {
            Booked::of(StatusCode::CREATED, till.entry_post_in_txn(txn, now, actor, serial, &command)?)
        })
        .await
}

/// Takes a whole posting back, as if it had never been: all entries of the event that posted this one.
#[utoipa::path(
    post, path = "/v1/entries/{id}/void", tag = "cards", request_body = VoidRequest,
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = PostedView), (status = 409, description = "refused by the rules"))
)]
pub async fn entry_void(
    State(lan): State<Lan>,
    Segment(id): Segment,
    posted: Posted<VoidRequest>,
) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let actor = actor_of(&lan, &caller, body.till.as_deref(), body.staff.as_deref(), body.approved_by.as_ref()).await?;
    let id: EntryId = id.parse().map_err(|_| Fault::not_found("unknown_entry", "no such entry"))?;
    booking
        .run(&lan, move |till, txn, now| {
            let voided = till.entry_void_in_txn(txn, now, actor, id, body.comment.as_deref())?;
            Booked::of(StatusCode::CREATED, voided)
        })
        .await
}

/// Who posts: the caller at its till, the member of staff whom the request names, and a manager who approved with a PIN.
pub(super) async fn actor_of(
    lan: &Lan,
    caller: &Caller,
    till: Option<&str>,
    staff: Option<&str>,
    approval: Option<&Approval>,
) -> Result<Actor, Fault> {
    let till = caller.till_for(lan, till, "/till")?;
    let mut actor = caller.actor(till);
    if let Some(staff) = staff {
        actor.staff = Some(lan.staff_id(staff).await?);
    }
    if let Some(approval) = approval {
        let (approver, role) = approved(lan, approval).await?;
        actor.approved_by = Some(approver);
        // What only an admin may do is judged as an admin's.
        actor.role = if role == Role::Admin { role } else { actor.role };
    }
    Ok(actor)
}

/// The manager behind an approval, the PIN checked on a blocking thread.
async fn approved(lan: &Lan, approval: &Approval) -> Result<(StaffId, Role), Fault> {
    let wrong = || Fault::field("/approved_by", "no manager with this id and PIN");
    let id: StaffId = approval.staff.parse().map_err(|_| wrong())?;
    let staff = lan.pin_check(id, approval.pin.clone()).await?.ok_or_else(wrong)?;
    if staff.role < Role::Manager {
        return Err(Fault::field("/approved_by/staff", format!("{} is no manager", staff.name)));
    }
    Ok((staff.id, staff.role))
}
