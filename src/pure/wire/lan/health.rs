//! Health, programmes and the greeting of the event stream.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/health`: parts and their state. It names nothing of customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok`, or `degraded` when a part needs somebody.
    pub status: String,
    /// The version of stampd.
    pub version: String,
    /// The shop's id.
    pub shop: String,
    /// RFC 3339.
    pub now: String,
    /// SHA-256 of the LAN certificate, hex; null without TLS.
    pub certificate_sha256: Option<String>,
    /// The parts.
    pub parts: Vec<PartView>,
}

/// One part of the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    /// `ledger`, `readers`, `clock`, ….
    pub name: String,
    /// `ok`, `degraded` or `down`.
    pub state: String,
    /// What is the matter, or what it is doing.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// One programme that runs here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgrammeView {
    /// Its name.
    pub name: String,
    /// `stamps`, `points` or `cashback`.
    pub kind: String,
    /// What is counted.
    pub unit: String,
    /// Decimal places of amounts in this unit.
    pub scale: u32,
    /// The version of the rules now.
    pub version: u32,
    /// What a tap earns; null where a tap only presents the card.
    pub tap_award: Option<i64>,
}

/// `GET /v1/programmes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgrammeList {
    /// By name.
    pub programmes: Vec<ProgrammeView>,
}

/// The first event of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// RFC 3339.
    pub now: String,
    /// The newest event's id.
    pub last_id: i64,
    /// The oldest event's id that is kept.
    pub oldest_id: i64,
}
