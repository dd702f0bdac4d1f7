//! Who asks: a bearer token, a console session, or a user of this machine on the Unix socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ConnectInfo;
use axum::extract::FromRequestParts;
use axum::extract::connect_info::Connected;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::serve::IncomingStream;
use openssl::sha::sha256;
use tokio::net::UnixListener;
use utoipa::Modify;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::answer::Fault;
use super::state::Lan;
use crate::pure::domain::{Actor, ApiTokenId, Role, StaffId, TillId};
use crate::shop::ledger::TokenRow;

/// The console's cookie.
pub const SESSION_COOKIE: &str = "stampd_session";

/// How long a console session lasts without a new login, nanoseconds since boot: one long shift.
const SESSION_NS: i64 = 12 * 3_600 * 1_000_000_000;

/// Sessions kept at once; the oldest goes first.
const SESSIONS_MAX: usize = 256;

/// Who asks, and in which role.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token, or what stands for it (console session, local user): scopes idempotency keys.
    pub token: ApiTokenId,
    /// What it may do.
    pub role: Role,
    /// The only till for which it may act.
    pub till: Option<TillId>,
    /// The member of staff, where the session or the header names one.
    pub staff: Option<StaffId>,
}

/// A user of this machine who came over the Unix socket; put into the request by the listener.
#[derive(Clone, Copy, Debug)]
pub struct LocalPeer {
    /// The user's id.
    pub uid: u32,
    /// Whether it is root or the daemon's own user.
    pub trusted: bool,
}

impl Connected<IncomingStream<'_, UnixListener>> for LocalPeer {
    /// The peer's user, as the kernel vouches for it; one that it does not name may do nothing more than a manager.
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let uid = stream.io().peer_cred().map_or(u32::MAX, |peer| peer.uid());
        Self { uid, trusted: uid == 0 || uid == rustix::process::getuid().as_raw() }
    }
}

impl Caller {
    /// 403 unless the role is at least `least`.
    pub fn require(&self, least: Role) -> Result<(), Fault> {
        if self.role >= least {
            return Ok(());
        }
        let detail = format!("this needs a token of role {}; 'stampd token create' makes one", least.name());
        Err(Fault::forbidden("wrong_role", detail))
    }

    /// The till for which the caller may act: the one of its token, or any that the shop has. `named` is what the request
    /// says; the pointer names the field.
    pub fn till_for(&self, lan: &Lan, named: Option<&str>, pointer: &str) -> Result<Option<TillId>, Fault> {
        let named = match named {
            None => return Ok(self.till.clone()),
            Some(text) => {
                TillId::new(text).ok().filter(|till| lan.till.settings().tills.contains_key(till)).ok_or_else(|| {
                    Fault::field(
                        pointer,
                        format!("no till is called '{text}'; [[till]] in the configuration names them"),
                    )
                })?
            }
        };
        match &self.till {
            Some(own) if *own != named => {
                Err(Fault::forbidden("wrong_till", format!("this token acts for {own} only, not for {named}")))
            }
            _ => Ok(Some(named)),
        }
    }

    /// The actor of a posting at `till`.
    pub fn actor(&self, till: Option<TillId>) -> Actor {
        Actor { role: self.role, token: Some(self.token), staff: self.staff, approved_by: None, till }
    }
}

impl FromRequestParts<Lan> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, lan: &Lan) -> Result<Self, Fault> {
        let mut caller = if let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<LocalPeer>>() {
            let role = if peer.trusted { Role::Admin } else { Role::Manager };
            Caller { token: ApiTokenId(uuid::Uuid::from_u128(u128::from(peer.uid))), role, till: None, staff: None }
        } else if let Some(secret) = bearer(&parts.headers)? {
            let row = lan.token(sha256(secret.as_bytes())).await?.ok_or_else(|| unauthorized("no such token"))?;
            let TokenRow { id, role, till, .. } = row;
            Caller { token: id, role, till, staff: None }
        } else if let Some(secret) = cookie(&parts.headers, SESSION_COOKIE) {
            lan.sessions
                .find(secret, lan.clock.boot_ns())
                .ok_or_else(|| unauthorized("the session is over; log in again"))?
        } else {
            return Err(unauthorized("send 'Authorization: Bearer TOKEN'; 'stampd token create' makes one"));
        };
        if let Some(text) = parts.headers.get("Stampd-Staff") {
            caller.staff = Some(lan.staff_id(text.to_str().unwrap_or_default()).await?);
        }
        Ok(caller)
    }
}

/// An admin asks; for requests whose role is judged before their body.
pub struct AdminCaller(pub Caller);

impl FromRequestParts<Lan> for AdminCaller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, lan: &Lan) -> Result<Self, Fault> {
        let caller = Caller::from_request_parts(parts, lan).await?;
        caller.require(Role::Admin)?;
        Ok(Self(caller))
    }
}

/// A manager or admin asks; likewise.
pub struct ManagerCaller(pub Caller);

impl FromRequestParts<Lan> for ManagerCaller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, lan: &Lan) -> Result<Self, Fault> {
        let caller = Caller::from_request_parts(parts, lan).await?;
        caller.require(Role::Manager)?;
        Ok(Self(caller))
    }
}

fn unauthorized(detail: &str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", "who asks is not known", detail)
}

/// The bearer token of a request. A token in the URL is not looked for: it would land in logs.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") && !secret.trim().is_empty() => {
            Ok(Some(secret.trim()))
        }
        _ => Err(unauthorized("the Authorization header must read 'Bearer TOKEN'")),
    }
}

/// One cookie of a request.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Console sessions: kept in memory, so that a restart ends them.
#[derive(Clone, Default)]
pub struct Sessions {
    open: Arc<Mutex<HashMap<[u8; 32], Session>>>,
}

struct Session {
    caller: Caller,
    since_ns: i64,
}

impl Sessions {
    /// Opens a session for `caller`; the secret goes into the cookie.
    pub fn open(&self, caller: Caller, secret: &str, boot_ns: i64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= SESSIONS_MAX
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.since_ns).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(sha256(secret.as_bytes()), Session { caller, since_ns: boot_ns });
    }

    /// The caller of a session that still lasts.
    pub fn find(&self, secret: &str, boot_ns: i64) -> Option<Caller> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(&sha256(secret.as_bytes()))?;
        (boot_ns - session.since_ns < SESSION_NS).then(|| session.caller.clone())
    }

    /// Ends a session.
    pub fn close(&self, secret: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256(secret.as_bytes()));
    }
}

/// Names the bearer scheme in the OpenAPI document.
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}
