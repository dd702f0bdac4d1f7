//! Taps and scans, as the event stream and `POST /v1/scans` tell them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CardView, EntryView, Problem};

/// A code that the till's own scanner read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanRequest {
    /// The till at which it was read.
    pub till: String,
    /// The text of the code, at most 4096 characters.
    pub text: String,
    /// The symbology, as the scanner names it: an AIM identifier (`]Q1`), or a name such as `qr_code`, `code_128`, `ean_13`
    /// in any writing. It tells goods from cards and how the text is escaped. One that nobody knows, or that the text
    /// belies, is `invalid`.
    pub symbology: Option<String>,
}

/// What a tap or scan came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TapView {
    /// The visit: entries can be added to it.
    pub visit: String,
    /// The till.
    pub till: String,
    /// The reader by name; null for a scan by the till.
    pub reader: Option<String>,
    /// By what medium the card was shown; null when nothing was read.
    pub medium: Option<String>,
    /// What that proved: `A` to `D`.
    pub grade: Option<String>,
    /// RFC 3339; for `already_counted` the time at which it was counted.
    pub at: String,
    /// The card after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardView>,
    /// Whose card it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    /// `awarded`, `presented`, `already_counted` or `refused`.
    pub outcome: String,
    /// What it posted.
    pub entries: Vec<EntryView>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The sentence for the staff, at most 60 characters where it is an award.
    pub text: String,
    /// Seconds until it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<i64>,
    /// What the limits would pass now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<i64>,
    /// The cards that a phone number finds (`several_cards`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<Vec<String>>,
    /// The clock could not be believed: it earned, and redeems only with staff.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock_suspect: bool,
    /// Milliseconds from the chip seen (or the request received) to each phase.
    pub timing_ms: TimingView,
}

impl TapView {
    /// What a refused one is as a problem document, without the figures that the view itself carries; `None` for the rest.
    pub fn problem(&self) -> Option<Problem> {
        let code = self.code.as_deref()?;
        Some(Problem::new(409, code, "refused by the rules", self.text.clone()))
    }
}

/// Milliseconds from the chip seen, or the request received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimingView {
    /// To the first command sent to the chip; null for a scan.
    pub first_apdu: Option<f64>,
    /// To the token read.
    pub token: Option<f64>,
    /// To the decision, before its commit. The commit itself is in the daemon's line and histogram.
    pub decided: Option<f64>,
}

/// `card.updated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardUpdated {
    /// The card.
    pub serial: String,
    /// Its revision now.
    pub revision: i64,
    /// What changed it: the event's kind.
    pub cause: String,
}

/// `reader.up` and `reader.down`, and an element of `GET /v1/readers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReaderView {
    /// As PC/SC names it.
    pub name: String,
    /// The till that it serves.
    pub till: String,
    /// `ready`, `lift_first`, `mute`, `held`, `stuck`, `no_service`, ….
    pub state: String,
    /// A chip is held to it, or was within the last half second: the next one is read after that.
    pub occupied: bool,
    /// What to do about it, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Exchanges since it was plugged in.
    pub exchanges: u64,
}

/// `GET /v1/readers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReaderList {
    /// Whether the PC/SC service answers.
    pub service: String,
    /// What to do about it, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The readers.
    pub readers: Vec<ReaderView>,
    /// What no single tap shows, only many together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<AlarmView>,
}

/// What somebody should look at, though every reader works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmView {
    /// `google_key`: phone after phone takes none of the shop's Google keys.
    pub code: String,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}
