//! Codes that the till's own scanner read: the same result as a tap.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::booking::Booked;
use super::extract::Posted;
use crate::faces::door::Fault;
use crate::faces::door::Lan;
use crate::pure::tap::scan::symbology;
use crate::pure::wire::lan::{Problem, ScanRequest, TapView};
use crate::shop::till::{Presentation, Source, Tapped};

/// Longest text of a code (readers-and-scanners.md section 3.1).
const TEXT_MAX: usize = 4096;

/// A refused scan: the problem document, with all that the tap's event carries beside it.
#[derive(Serialize, ToSchema)]
struct RefusedScan {
    #[serde(flatten)]
    problem: Problem,
    #[serde(flatten)]
    view: TapView,
}

/// A code that the till's own scanner read. The answer is what the tap's event carries; a refusal by the rules is a problem
/// document (409) with the same fields beside it.
#[utoipa::path(
    post, path = "/v1/scans", tag = "tills", request_body = ScanRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 200, body = TapView), (status = 409, body = RefusedScan))
)]
pub async fn scan(State(lan): State<Lan>, posted: Posted<ScanRequest>) -> Result<Response, Fault> {
    let Posted { caller, booking, body } = posted;
    let till = caller
        .till_for(&lan, Some(&body.till), "/till")?
        .ok_or_else(|| Fault::field("/till", "name the till at which the code was read"))?;
    if body.text.is_empty() || body.text.len() > TEXT_MAX {
        return Err(Fault::field("/text", format!("the text of a code has 1 to {TEXT_MAX} bytes")));
    }
    let code = symbology::code(&body.text, body.symbology.as_deref())
        .map_err(|problem| Fault::field("/symbology", problem.to_string()))?;
    let mut actor = caller.actor(Some(till.clone()));
    actor.role = caller.role;
    let read = lan.till.scan_read(&code);
    let seen_ns = lan.clock.boot_ns();
    booking
        .run(&lan, move |desk, txn, now| {
            let presentation =
                Presentation { till, reader: None, source: Source::Scan, actor, read, seen_ns, timing: None };
            let Tapped { mut view, .. } = desk.present_in_txn(txn, now, presentation)?;
            match view.problem() {
                None => Booked::ok(StatusCode::OK, &view),
                Some(problem) => {
                    // The problem carries the code; JSON must not have it twice.
                    view.code = None;
                    Booked::ok(StatusCode::CONFLICT, &RefusedScan { problem, view })
                }
            }
        })
        .await
}
