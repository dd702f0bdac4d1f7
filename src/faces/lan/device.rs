//! Health, and the small lists: readers, programmes, staff, tokens.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::booking::Booked;
use super::extract::Posted;
use crate::faces::door::{AdminCaller, Caller, Fault, Lan};
use crate::pure::domain::{Role, TillId};
use crate::pure::wire::lan::{HealthView, PartView, ProgrammeList, ReaderList};
use crate::shop::ledger::LedgerState;

/// Parts and their state; open, and names nothing of customers.
#[utoipa::path(get, path = "/v1/health", tag = "device", security(()), responses((status = 200, body = HealthView)))]
pub async fn health(State(lan): State<Lan>) -> Json<HealthView> {
    let ledger = match lan.read(|_, reads| Ok(reads.newest_position()?)).await {
        Ok(events) => ledger_part(&lan.ledger.state(), format!("{events} events")),
        Err(fault) => match lan.ledger.state() {
            LedgerState::Writable => part("ledger", "down", fault.0.detail.clone(), Some("run 'stampd doctor'")),
            known => ledger_part(&known, "it cannot be read".to_owned()),
        },
    };
    let mut readers = (lan.readers)();
    let alarms = std::mem::take(&mut readers.alarms);
    let readers = if readers.service == "ok" {
        let stuck = readers.readers.iter().find(|reader| reader.remedy.is_some());
        match stuck {
            Some(reader) => {
                part("readers", "degraded", format!("{}: {}", reader.name, reader.state), reader.remedy.as_deref())
            }
            None => part("readers", "ok", format!("{} connected", readers.readers.len()), None),
        }
    } else {
        part("readers", "down", readers.service, readers.remedy.as_deref())
    };
    let mut parts = vec![ledger, readers];
    parts.extend(alarms.iter().map(|alarm| part(&alarm.code, "degraded", alarm.detail.clone(), Some(&alarm.remedy))));
    parts.extend((lan.parts)());
    let status = if parts.iter().all(|part| part.state == "ok") { "ok" } else { "degraded" };
    Json(HealthView {
        status: status.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shop: lan.settings.shop_id.clone(),
        now: lan.clock.now().moment().rfc3339(),
        certificate_sha256: lan.settings.certificate_sha256.clone(),
        parts,
    })
}

/// What the ledger can do now; `size` is what can be read all the same.
fn ledger_part(state: &LedgerState, size: String) -> PartView {
    let refusing =
        |why: &str, remedy| part("ledger", "down", format!("{size}; nothing is booked: {why}"), Some(remedy));
    match state {
        LedgerState::Writable => part("ledger", "ok", size, None),
        LedgerState::Full => refusing("the disk is full", "free some space; booking goes on by itself"),
        LedgerState::Faulty(why) => refusing(why, "check the disk; booking goes on by itself once it takes writes"),
        LedgerState::Damaged(why) => {
            refusing(why, "stop stampd, run 'stampd ledger restore', and start it again; the damaged file is kept")
        }
    }
}

fn part(name: &str, state: &str, detail: String, remedy: Option<&str>) -> PartView {
    PartView { name: name.to_owned(), state: state.to_owned(), detail, remedy: remedy.map(str::to_owned) }
}

/// The readers, and whether the PC/SC service answers.
#[utoipa::path(get, path = "/v1/readers", tag = "device", responses((status = 200, body = ReaderList)))]
pub async fn readers(State(lan): State<Lan>, _caller: Caller) -> Json<ReaderList> {
    Json((lan.readers)())
}

/// The programmes that run here.
#[utoipa::path(get, path = "/v1/programmes", tag = "device", responses((status = 200, body = ProgrammeList)))]
pub async fn programmes(State(lan): State<Lan>, _caller: Caller) -> Json<ProgrammeList> {
    Json(ProgrammeList { programmes: lan.till.programme_views() })
}

/// A member of the staff, without the PIN.
#[derive(Serialize, ToSchema)]
pub struct StaffView {
    /// Id, for `staff` in requests.
    id: String,
    /// Name.
    name: String,
    /// `cashier`, `manager` or `admin`.
    role: String,
}

/// The staff.
#[derive(Serialize, ToSchema)]
pub struct StaffList {
    /// By name.
    staff: Vec<StaffView>,
}

/// The staff of the shop.
#[utoipa::path(get, path = "/v1/staff", tag = "device", responses((status = 200, body = StaffList)))]
pub async fn staff_list(State(lan): State<Lan>, _caller: Caller) -> Result<Json<StaffList>, Fault> {
    let rows = lan.read(|_, reads| Ok(reads.staff_list()?)).await?;
    let view = |row: crate::shop::ledger::StaffRow| StaffView {
        id: row.id.to_string(),
        name: row.name,
        role: row.role.name().to_owned(),
    };
    Ok(Json(StaffList { staff: rows.into_iter().map(view).collect() }))
}

/// A new API token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// For people: whose it is.
    name: String,
    /// `till`, `manager` or `admin`.
    role: String,
    /// The only till for which it may act; required for role `till`.
    till: Option<String>,
}

/// A token's secret, told once.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Id.
    id: String,
    /// The secret: `Authorization: Bearer …`. Only its hash is kept.
    token: String,
}

/// Makes an API token; the secret is in this answer and nowhere else, so a repeat of the request does not tell it again.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "device", request_body = TokenRequest,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 201, body = TokenView))
)]
pub async fn token_create(
    State(lan): State<Lan>,
    _admin: AdminCaller,
    posted: Posted<TokenRequest>,
) -> Result<Response, Fault> {
    let Posted { booking, body, .. } = posted;
    let role = match body.role.as_str() {
        "till" => Role::Cashier,
        "manager" => Role::Manager,
        "admin" => Role::Admin,
        _ => return Err(Fault::field("/role", "a role is till, manager or admin")),
    };
    if body.name.trim().is_empty() || body.name.len() > 100 {
        return Err(Fault::field("/name", "a name has 1 to 100 characters"));
    }
    let till = match (&body.till, role) {
        (None, Role::Cashier) => return Err(Fault::field("/till", "a till token names its till")),
        (None, _) => None,
        (Some(text), _) => Some(
            TillId::new(text)
                .ok()
                .filter(|till| lan.till.settings().tills.contains_key(till))
                .ok_or_else(|| Fault::field("/till", format!("no till is called '{text}'")))?,
        ),
    };
    // The stored first answer holds no secret: it is joined to the answer after the commit.
    let secret = lan.till.fresh_secret();
    let hash = openssl::sha::sha256(secret.as_bytes());
    let response = booking
        .run(&lan, move |desk, txn, now| {
            let id = desk.token_create_in_txn(txn, now, &body.name, role, till, &hash)?;
            Booked::ok(StatusCode::CREATED, &serde_json::json!({ "id": id.to_string() }))
        })
        .await?;
    if response.headers().contains_key("Idempotency-Hit") {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, super::BODY_BYTES_MAX).await.map_err(|_| Fault::internal())?;
    let id: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| Fault::internal())?;
    let view = TokenView { id: id["id"].as_str().unwrap_or_default().to_owned(), token: secret };
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok((parts.status, Json(view)).into_response())
}
