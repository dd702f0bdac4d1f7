//! Transfers, merges, coupons and the report of what is open.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Approval, CardView, EntryView};

/// Moves balance and rewards to another card of the same programme.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// Serial of the card that receives.
    pub to: String,
    /// The member of staff.
    pub staff: Option<String>,
    /// A manager who approves.
    pub approved_by: Option<Approval>,
}

/// What a transfer came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TransferView {
    /// The line on the card that gave.
    pub entries: Vec<EntryView>,
    /// The card that gave.
    pub card: CardView,
    /// The card that received.
    pub to: CardView,
}

/// Makes two customers one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// Id of the customer who goes.
    pub from: String,
    /// The member of staff.
    pub staff: Option<String>,
}

/// A coupon or entry reward for a card: of a value, or a thing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponRequest {
    /// Its name, 1 to 100 characters, for staff and customer.
    pub name: String,
    /// What it takes off a bill, minor units.
    pub value: Option<i64>,
    /// Or the thing that it gives.
    pub reward: Option<String>,
    /// The last local date on which it is valid.
    pub valid_until: Option<String>,
    /// An entry reward: given for joining.
    #[serde(default)]
    pub entry: bool,
    /// The member of staff.
    pub staff: Option<String>,
}

/// A step of a coupon: it has no field of its own.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponStepRequest {
    /// The member of staff.
    pub staff: Option<String>,
}

/// A coupon or entry reward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CouponView {
    /// UUIDv7.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it takes off a bill, minor units.
    pub value: Option<i64>,
    /// Or the thing that it gives.
    pub reward: Option<String>,
    /// The first moment after its last day, RFC 3339.
    pub valid_until: Option<String>,
    /// An entry reward.
    pub entry: bool,
    /// `assigned`, `claimed`, `used` or `void`.
    pub stage: String,
}

/// What a step of a coupon came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CouponPosted {
    /// The coupon after it.
    pub coupon: CouponView,
    /// The line that it posted.
    pub entries: Vec<EntryView>,
    /// The card after it.
    pub card: CardView,
}

/// The coupons of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CouponList {
    /// Those not yet at their end, and the last that were.
    pub coupons: Vec<CouponView>,
}

/// What all open balances and rewards are worth at `cost_minor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiabilityView {
    /// When it was taken, RFC 3339.
    pub at: String,
    /// Of all programmes, minor units.
    pub liability_minor: i64,
    /// The part of it that by experience lapses, minor units.
    pub lapse_minor: i64,
    /// By programme.
    pub programmes: Vec<ProgrammeLiability>,
}

/// The open liability of one programme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgrammeLiability {
    /// Its name.
    pub programme: String,
    /// What is counted.
    pub unit: String,
    /// Decimal places of amounts in this unit.
    pub scale: u32,
    /// Cards that are not deleted.
    pub cards: i64,
    /// Open units.
    pub units: i64,
    /// Open rewards.
    pub rewards: i64,
    /// What they cost, minor units; what has no `cost_minor` counts nothing.
    pub liability_minor: i64,
    /// Of what ended so far, the part that lapsed, percent; null where nothing has ended yet.
    pub lapse_percent: Option<f64>,
    /// The part of the liability that by this experience lapses, minor units.
    pub lapse_minor: i64,
    /// By age: days since it was earned.
    pub ages: Vec<AgeLiability>,
}

/// The part of a liability of one age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgeLiability {
    /// From so many days.
    pub from_days: i64,
    /// To so many days; null for the oldest.
    pub to_days: Option<i64>,
    /// Open units.
    pub units: i64,
    /// Open rewards.
    pub rewards: i64,
    /// What they cost, minor units.
    pub liability_minor: i64,
}
