//! What is told of many things at once: a customer's timeline, everything held about one person, the shift report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CardView, CustomerView, EntryView};

/// One row of a customer's timeline: an entry, what followed from it, or an event that moved nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    /// When, RFC 3339.
    pub at: String,
    /// The entry's kind, the name of what followed (`reward_redeemable`, `tier_changed`, `campaign_joined`, …), or the
    /// event's kind (`tap`, `card_issued`, …).
    pub kind: String,
    /// In words.
    pub label: String,
    /// The event.
    pub event: String,
    /// The card.
    pub serial: Option<String>,
    /// The entry, for entries.
    pub entry: Option<String>,
    /// Change of the balance.
    pub change: i64,
    /// Balance of the card after it, where it is known.
    pub balance: Option<i64>,
    /// Change of the rewards available.
    pub rewards_change: i64,
    /// The amount, signed, minor units.
    pub amount_minor: Option<i64>,
    /// A level left and the one reached; the name of a reward, campaign or coupon; fields that changed.
    pub names: Vec<String>,
    /// Why nothing was posted.
    pub refusal: Option<String>,
    /// Left out of the books by a void.
    pub voided: bool,
    /// The till.
    pub till: Option<String>,
    /// Who posted it: a member of staff, or a token.
    pub staff: Option<String>,
}

/// A page of a timeline, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelinePage {
    /// The rows.
    pub rows: Vec<TimelineRow>,
    /// Give it as `cursor` for the next, older rows; null at the end.
    pub next_cursor: Option<String>,
}

/// A card with all of its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CardExport {
    /// The card and its standing.
    pub card: CardView,
    /// Every row, newest first.
    pub history: Vec<EntryView>,
}

/// Everything held about one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CustomerExport {
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// What the person told.
    pub customer: CustomerView,
    /// The cards.
    pub cards: Vec<CardExport>,
    /// Every event, newest first.
    pub timeline: Vec<TimelineRow>,
}

/// One day of the shop on one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShiftView {
    /// The local day.
    pub day: String,
    /// Its first moment, RFC 3339.
    pub from: String,
    /// The first moment after it.
    pub until: String,
    /// Cards and phones held to readers, refused ones too.
    pub taps: i64,
    /// Codes scanned.
    pub scans: i64,
    /// What was refused, by code.
    pub refused: BTreeMap<String, i64>,
    /// Cards issued.
    pub cards_issued: i64,
    /// Customers who joined.
    pub customers_joined: i64,
    /// By programme; only those with anything.
    pub programmes: Vec<ShiftProgramme>,
    /// Corrections by staff: what was posted by hand, taken back and voided.
    pub corrections: Vec<ShiftCorrection>,
}

/// One programme on one day. What was voided by now is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShiftProgramme {
    /// Its name.
    pub programme: String,
    /// Its unit.
    pub unit: String,
    /// Decimal places of the unit.
    pub scale: u32,
    /// Cards that were moved.
    pub cards: i64,
    /// Units awarded by taps, stamps, purchases and sales; pending ones too.
    pub awarded: i64,
    /// Units on top: first earn, birthday, referral, campaign.
    pub bonus: i64,
    /// Points redeemed.
    pub redeemed: i64,
    /// Units that lapsed.
    pub expired: i64,
    /// Rewards unlocked or given.
    pub rewards_earned: i64,
    /// Rewards redeemed.
    pub rewards_redeemed: i64,
    /// Sales and typed purchases.
    pub sales: i64,
    /// What they came to, paid, minor units.
    pub sales_minor: i64,
    /// What was refunded, minor units.
    pub refunded_minor: i64,
}

/// Corrections of one kind by one person on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShiftCorrection {
    /// Who: a member of staff, or a token; null for the device itself.
    pub staff: Option<String>,
    /// The name, where it is a member of staff.
    pub name: Option<String>,
    /// The kind of entry.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// Units together, signed.
    pub units: i64,
}
