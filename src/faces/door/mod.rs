//! What all faces stand behind: the open doors (TCP, TLS, Unix socket), who comes in, who it is, and how a fault is told.
//!
//! **Invariant:** nothing of the shop leaves without a token, a session or a user of this machine, but health and the
//! OpenAPI document.

mod answer;
mod auth;
mod guard;
mod here;
mod serve;
mod state;

pub use answer::{Fault, problem_response, with_etag};
pub use auth::{AdminCaller, BearerScheme, Caller, LocalPeer, ManagerCaller, SESSION_COOKIE, Sessions, cookie};
pub use guard::{guard, host, panicked};
pub use here::Here;
pub use serve::{DoorError, Doors, LanTls, lan_url};
pub use state::{Lan, LanSettings};
