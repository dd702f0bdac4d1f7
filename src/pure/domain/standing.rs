//! Standing: everything derived of a card that deciding the next thing needs. It grows with what is open (lots, rewards,
//! the transactions of the last days), never with the card's age. Made by the fold of `program`, stored as a snapshot by
//! `wire`.

use jiff::civil::Date;

use super::entry::{Counters, CouponTerms, Lot, Pending, RewardLot};
use super::{CouponId, DeviceId, EventId, FactKey, SaleId, VisitId};

/// A card at a moment. [`Default`] is a new card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Totals.
    pub counters: Counters,
    /// Open lots, earliest end first.
    pub lots: Vec<Lot>,
    /// What the balance is below zero, as a positive number; then there are no lots.
    pub owed: i64,
    /// Units not yet ripe, in order of award.
    pub pending: Vec<Pending>,
    /// Rewards available, earliest end first.
    pub rewards: Vec<RewardLot>,
    /// What open sales have set aside.
    pub held: Vec<Held>,
    /// Units owed after clamped corrections (`shortfall = "debt"`).
    pub debt: i64,
    /// Redeemed beyond what existed: rewards on stamp cards, units on the others.
    pub overdraft: i64,
    /// Units that stand behind rewards which consume them only when used.
    pub claimed: i64,
    /// The goal that comes next, by its place.
    pub next_goal: u32,
    /// Base units were awarded before.
    pub first_earned: bool,
    /// The last transaction with a birthday bonus.
    pub birthday: Option<BirthdayUse>,
    /// The last reward that left had lapsed, and none has left otherwise since.
    pub last_reward_lapsed: bool,
    /// When base units were last awarded.
    pub last_base_ms: Option<i64>,
    /// Base units of the last day on which there were any.
    pub day: Option<DayCount>,
    /// Entries by hand of cashiers on the last day on which there were any.
    pub hand: Option<DayCount>,
    /// The same of managers, and of cashiers whom one approved.
    pub hand_of_managers: Option<DayCount>,
    /// Transactions of late, oldest first.
    pub recent: Vec<Recent>,
    /// Campaigns that the card has joined and that have not ended.
    pub campaigns: Vec<Joined>,
    /// Coupons and entry rewards.
    pub coupons: Vec<CouponState>,
    /// Coupons ever given, claimed and used, entry rewards ever claimed and used.
    pub coupon_counts: CouponCounts,
    /// When `earned` last rose.
    pub last_earned_ms: Option<i64>,
    /// When `redeemed` last rose.
    pub last_redeemed_ms: Option<i64>,
    /// When `rewards_earned` last rose.
    pub last_reward_earned_ms: Option<i64>,
    /// When `rewards_redeemed` last rose.
    pub last_reward_redeemed_ms: Option<i64>,
    /// When `visits` last rose.
    pub last_visit_ms: Option<i64>,
    /// The last entry that was no job.
    pub last_activity_ms: Option<i64>,
    /// The last local day of activity that keeps lots alive, as the first moment after the time without activity.
    pub inactive_ms: Option<i64>,
    /// The last fact that was counted.
    pub last_key: Option<FactKey>,
    /// How many facts were counted, voided ones and voids among them.
    pub facts: u64,
}

/// What an open sale has set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The sale.
    pub sale: SaleId,
    /// Units, from these lots.
    pub lots: Vec<Lot>,
    /// Rewards.
    pub rewards: Vec<RewardLot>,
}

/// The transaction that last brought a birthday bonus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BirthdayUse {
    /// Its local day.
    pub date: Date,
    /// Which transaction.
    pub transaction: Transaction,
}

/// Thirty-five days, milliseconds: for how long a till's number stands for one sale (DESIGN.md section 5).
pub const TXN_KEPT_MS: i64 = 35 * 24 * 3_600_000;

/// By what postings are recognised as one transaction: the same visit, or the same number of one shop's sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The event.
    pub event: EventId,
    /// On which device, as a sale's number is unique in one shop.
    pub device: DeviceId,
    /// The visit.
    pub visit: Option<VisitId>,
    /// The till's number of the sale.
    pub txn_id: Option<String>,
}

/// A count that starts anew on each local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// The day.
    pub date: Date,
    /// The count.
    pub count: i64,
}

/// A transaction of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Which.
    pub transaction: Transaction,
    /// When its last posting came.
    pub ms: i64,
    /// Base units so far.
    pub units: i64,
    /// Counted as a visit.
    pub visited: bool,
    /// Counted as an order.
    pub ordered: bool,
}

/// A campaign that the card has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its name.
    pub name: String,
    /// The first moment after its last day.
    pub ends_ms: Option<i64>,
}

/// How far a coupon has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponStage {
    /// Given.
    Assigned,
    /// Taken by the customer.
    Claimed,
    /// Used.
    Used,
    /// Withdrawn.
    Voided,
}

impl CouponStage {
    /// All of them, in order of life.
    pub const ALL: [CouponStage; 4] =
        [CouponStage::Assigned, CouponStage::Claimed, CouponStage::Used, CouponStage::Voided];

    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            CouponStage::Assigned => "assigned",
            CouponStage::Claimed => "claimed",
            CouponStage::Used => "used",
            CouponStage::Voided => "void",
        }
    }
}

/// A coupon of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponState {
    /// Which.
    pub id: CouponId,
    /// What it is.
    pub terms: CouponTerms,
    /// How far it has come.
    pub stage: CouponStage,
}

/// Coupons and entry rewards, counted apart, claims apart from uses (PROFILE.md S2.24).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CouponCounts {
    /// Coupons claimed.
    pub coupons_claimed: i64,
    /// Coupons used.
    pub coupons_used: i64,
    /// Entry rewards claimed.
    pub entry_claimed: i64,
    /// Entry rewards used.
    pub entry_used: i64,
}
