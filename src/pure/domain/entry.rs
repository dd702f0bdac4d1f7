//! Entries: posted lines. A posting holds facts only (what was awarded, removed, redeemed, under which rule version, with
//! the inputs and rounding that made it); what follows from them (unlocks, tier, totals, lots) is derived by the fold.
//!
//! All units are the programme's smallest (stamps, points, hundredths of a point), all money is minor units, all
//! instants are milliseconds since 1970-01-01 UTC.

use super::reason::{Reason, RemoveReason};
use super::standing::{CouponCounts, CouponState};
use super::{CouponId, EntryId, EventId, RuleVersion, SaleId, Serial};

/// One posted line of one card.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The card that it moves.
    pub card: Serial,
    /// The version of the card's programme under which it was decided.
    pub rule: RuleVersion,
    /// What it says.
    pub posting: Posting,
}

/// An entry as the engine proposes it, before the till gives it an id.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// The card that it moves; a referral's bonus moves another card than the one tapped.
    pub card: Serial,
    /// The version under which it was decided.
    pub rule: RuleVersion,
    /// What it says.
    pub posting: Posting,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Posting {
    /// Base units for a tap, for stamps given, for a purchase or a sale; also when it awards 0.
    Award(Award),
    /// Units on top: first earn, birthday, referral, campaign. Never counts as a visit, towards limits or levels.
    Bonus(Bonus),
    /// Units by hand, plus or minus.
    Adjust(Adjust),
    /// Visits taken back, and what they had earned (RULES.md X12).
    RemoveVisits {
        /// Visits to take back; at least 1.
        visits: i64,
        /// Units that they had earned; the fold removes at most what is there (X08).
        units: i64,
    },
    /// An amount taken back, typed or by a till.
    Refund(Refund),
    /// Points or rewards spent on a bill.
    Redeem(Redemption),
    /// What a returned bill had been paid with comes back.
    Reinstate(Reinstatement),
    /// Rewards given by hand.
    RewardAdd {
        /// How many; at least 1.
        count: i64,
        /// The purchase named with it; moves LTV only (X13).
        amount_minor: i64,
    },
    /// Rewards taken by hand.
    RewardRemove {
        /// How many; at least 1.
        count: i64,
        /// The purchase named with it; kept for the record only (S4.56).
        amount_minor: i64,
        /// Why; only a redemption counts as redeemed (X14).
        why: RemoveReason,
    },
    /// An open sale sets aside what it means to redeem.
    Hold {
        /// The sale.
        sale: SaleId,
        /// Points set aside.
        units: i64,
        /// Rewards set aside.
        rewards: i64,
        /// By name, where the rewards of one name only may be taken.
        reward: Option<String>,
    },
    /// What an open sale set aside comes back: it was completed (and redeems now) or cancelled.
    Release {
        /// The sale.
        sale: SaleId,
    },
    /// Lots or rewards whose day is over. Takes whatever is left of them when the fold reaches it.
    Expire {
        /// Everything lapses whose end is at or before this instant.
        until_ms: i64,
        /// Units that this moved when it was posted.
        units: i64,
        /// Rewards that this moved when it was posted.
        rewards: i64,
        /// What ran out.
        cause: Lapse,
    },
    /// Pending points whose day has come.
    Mature {
        /// All that ripen at or before this instant.
        until_ms: i64,
        /// Units that this moved when it was posted.
        units: i64,
    },
    /// Balance and rewards moved to or from another card of the programme.
    Transfer(Moved),
    /// Everything of another card moved here, or of this card moved there, when two customers became one.
    Merge(Moved),
    /// Figures brought along from another system.
    Opening(Carried),
    /// A step in the life of a coupon or entry reward.
    Coupon {
        /// Which coupon.
        coupon: CouponId,
        /// What happened to it.
        step: CouponStep,
    },
    /// The event is left out of the books as if it had never been.
    Void {
        /// The event.
        event: EventId,
    },
}

/// What an award was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardSource {
    /// A tap or scan.
    Tap,
    /// Stamps counted by the staff.
    Stamps,
    /// An amount typed in.
    Purchase,
    /// A till's sale.
    Sale,
}

/// How a quotient becomes whole units; each has a function of its name in `program::round`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero: a started unit is not given.
    Down,
    /// To the nearest, halves away from zero.
    HalfUp,
}

/// How the units of an award follow from what was paid; a refund asks it again with what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Nothing was earned: the card was past its date, or the bill below the least amount.
    Nothing,
    /// A fixed number for the visit; goes with the part of a refund that leaves nothing.
    Fixed,
    /// `units = round(earning × num / den)`.
    Rate {
        /// Numerator, at least 0.
        num: i64,
        /// Denominator, at least 1.
        den: i64,
        /// The one rounding, at the end.
        rounding: Rounding,
    },
    /// `units_per_step` for each full `step_minor`.
    Steps {
        /// The amount of one step, at least 1.
        step_minor: i64,
        /// Units for each.
        units_per_step: i64,
        /// With carry on: the cumulative amount before this one. `None`: each amount stands alone (carry off).
        carried_minor: Option<i64>,
    },
}

/// Base units awarded, with what made them.
#[derive(Clone, Debug, PartialEq)]
pub struct Award {
    /// For what.
    pub source: AwardSource,
    /// Units awarded, at least 0.
    pub units: i64,
    /// What was paid: enters LTV and transaction amount. 0 for taps and stamps.
    pub amount_minor: i64,
    /// The part of it that earns, after exclusions, taxes and redemption as the rules say.
    pub earning_minor: i64,
    /// Units within `units` that were counted by items, not by amount.
    pub item_units: i64,
    /// How `units` follows from `earning_minor`.
    pub terms: Terms,
    /// When pending units ripen; `None` where they count at once.
    pub matures_ms: Option<i64>,
    /// The first moment after the lot's last day; `None` where it never lapses.
    pub expires_ms: Option<i64>,
    /// The level at which it was earned.
    pub tier: Option<String>,
    /// Campaigns that had a part in it, by name.
    pub campaigns: Vec<String>,
    /// Base units of this transaction before it.
    pub before_in_transaction: i64,
    /// Base units of this local day before it.
    pub before_in_day: i64,
}

impl Award {
    /// An award of nothing.
    pub fn blank(source: AwardSource) -> Self {
        Self {
            source,
            units: 0,
            amount_minor: 0,
            earning_minor: 0,
            item_units: 0,
            terms: Terms::Nothing,
            matures_ms: None,
            expires_ms: None,
            tier: None,
            campaigns: Vec::new(),
            before_in_transaction: 0,
            before_in_day: 0,
        }
    }
}

/// Why units were given on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BonusKind {
    /// The card's first base units.
    First,
    /// The customer's birthday.
    Birthday,
    /// For bringing a friend.
    Referrer {
        /// The friend's card.
        friend: Serial,
    },
    /// For having come by a friend's link.
    Friend {
        /// The card of who brought them.
        referrer: Serial,
    },
    /// A campaign.
    Campaign {
        /// Its name.
        name: String,
    },
}

/// Units on top.
#[derive(Clone, Debug, PartialEq)]
pub struct Bonus {
    /// Why.
    pub kind: BonusKind,
    /// Units, at least 1.
    pub units: i64,
    /// The first moment after the lot's last day.
    pub expires_ms: Option<i64>,
}

/// Units by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjust {
    /// Signed, not 0.
    pub value: i64,
    /// The purchase named with it: moves LTV with a plus, nothing with a minus (X02, X03).
    pub purchase_minor: Option<i64>,
    /// Why.
    pub reason: Reason,
    /// The first moment after the lot's last day, for a plus.
    pub expires_ms: Option<i64>,
}

/// An amount taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Refund {
    /// The event of the sale or purchase; `None` where a spend card's total is corrected.
    pub of: Option<EventId>,
    /// That event's award, whose pending units go first.
    pub award: Option<EntryId>,
    /// Typed in (`subtract_amount`) or a till's refund.
    pub typed: bool,
    /// The amount, at least 0.
    pub amount_minor: i64,
    /// The part of it that had earned.
    pub earning_minor: i64,
    /// Units due for it; the fold takes pending ones first, then lots, and clamps or goes negative as the rules say.
    pub due: i64,
    /// What was left of the sale before it.
    pub left_before_minor: i64,
}

/// Points or rewards spent on a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Redemption {
    /// Points spent, 0 on stamp cards.
    pub units: i64,
    /// Rewards used, 0 on points cards.
    pub rewards: i64,
    /// The reward's name, where one was named.
    pub reward: Option<String>,
    /// What the bill fell by.
    pub discount_minor: i64,
    /// The bill before it.
    pub bill_minor: i64,
}

/// Units that came from one award and lapse together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lot {
    /// The first moment after its last day; `i64::MAX` where it never lapses. Debits take the earliest first.
    pub expires_ms: i64,
    /// When it was awarded; of equal ends the older goes first.
    pub since_ms: i64,
    /// What is left of it, at least 1.
    pub units: i64,
}

/// Rewards that were unlocked together and lapse together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RewardLot {
    /// The first moment after its last day; `i64::MAX` where it never lapses. The earliest is used first.
    pub expires_ms: i64,
    /// When it was unlocked or given; of equal ends the older goes first.
    pub since_ms: i64,
    /// The event that unlocked it.
    pub by: EventId,
    /// Its name in the rules.
    pub name: String,
    /// Units that each takes from the balance when it is used; 0 where the unlock took them, or it was given by hand.
    pub units_each: i64,
    /// How many are left, at least 1.
    pub count: i64,
}

/// Units that are not yet the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The award's entry.
    pub award: EntryId,
    /// When it ripens.
    pub matures_ms: i64,
    /// The lot that it becomes.
    pub lot: Lot,
}

/// What comes back when a bill that was paid partly with points or rewards is returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Reinstatement {
    /// The event of the sale.
    pub of: EventId,
    /// Points, to the lots they came from, none ending before the 7th day after the return.
    pub lots: Vec<Lot>,
    /// Rewards likewise.
    pub rewards: Vec<RewardLot>,
}

/// What ran out when something expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// The last day of lots or rewards.
    Day,
    /// The time without activity: every lot goes.
    Inactivity,
}

/// In which direction something moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To this card.
    In,
    /// Away from this card.
    Out,
}

/// What moved between two cards.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// In which direction.
    pub direction: Direction,
    /// The other card.
    pub other: Serial,
    /// What.
    pub carried: Carried,
}

/// Holdings and figures as they move between cards, or come along from another system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carried {
    /// Open lots.
    pub lots: Vec<Lot>,
    /// What the balance is below zero, as a positive number.
    pub owed: i64,
    /// Pending units.
    pub pending: Vec<Pending>,
    /// Rewards not yet used.
    pub rewards: Vec<RewardLot>,
    /// Units owed after a clamped correction.
    pub debt: i64,
    /// Rewards or units redeemed beyond what existed.
    pub overdraft: i64,
    /// Totals to add.
    pub counters: Counters,
    /// The first earn is behind it.
    pub first_earned: bool,
    /// Coupons and entry rewards; a merge takes them along, a transfer does not.
    pub coupons: Vec<CouponState>,
    /// Coupons and entry rewards claimed and used.
    pub coupon_counts: CouponCounts,
    /// When the totals rose last; a merge takes the moments along with them.
    pub last: LastMoments,
}

/// When figures of a card rose last, milliseconds since 1970-01-01 UTC; `None` where they never did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastMoments {
    /// Units earned.
    pub earned_ms: Option<i64>,
    /// Units redeemed.
    pub redeemed_ms: Option<i64>,
    /// A reward unlocked or given.
    pub reward_earned_ms: Option<i64>,
    /// A reward used.
    pub reward_redeemed_ms: Option<i64>,
    /// A visit.
    pub visit_ms: Option<i64>,
}

/// The totals of a card. They add up when cards merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Units earned, lifetime.
    pub earned: i64,
    /// Units redeemed, lifetime; stays 0 on stamp cards.
    pub redeemed: i64,
    /// Units lapsed, lifetime.
    pub expired: i64,
    /// Units that count for levels: earned by base awards, net of refunds.
    pub qualifying: i64,
    /// Transaction amount: purchases less refunds.
    pub tx_amount_minor: i64,
    /// Cumulative amount that earns by steps (carry); its rest within a step is the card's carry.
    pub stepped_minor: i64,
    /// Signed sum of purchase amounts.
    pub ltv_minor: i64,
    /// Visits.
    pub visits: i64,
    /// Orders: amounts, one per transaction.
    pub orders: i64,
    /// Rewards unlocked or given, lifetime.
    pub rewards_earned: i64,
    /// Rewards used, lifetime.
    pub rewards_redeemed: i64,
    /// Rewards lapsed, lifetime.
    pub rewards_expired: i64,
    /// Units earned by referrals, on both sides.
    pub referral_earned: i64,
    /// Units due by corrections that were written off.
    pub shortfall: i64,
}

/// A step in the life of a coupon or entry reward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouponStep {
    /// It was given to the card.
    Assigned(CouponTerms),
    /// The customer took it.
    Claimed,
    /// It was used.
    Used,
    /// It was withdrawn.
    Voided,
}

/// What a coupon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponTerms {
    /// Its name, for staff and customer.
    pub name: String,
    /// What it takes off a bill.
    pub value_minor: Option<i64>,
    /// Or the thing that it gives.
    pub reward: Option<String>,
    /// The first moment after its last day.
    pub valid_until_ms: Option<i64>,
    /// An entry reward: given for joining.
    pub entry: bool,
}

/// The kind of an entry: DESIGN.md section 7, and for what never appears there `hold`, `release` and `opening`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words of DESIGN.md section 7, told by `name`")]
pub enum EntryKind {
    Purchase,
    Stamps,
    SubtractAmount,
    RemoveVisits,
    Adjust,
    RewardAdd,
    RewardRemove,
    Bonus,
    Redeem,
    Refund,
    Reinstate,
    Expire,
    Mature,
    Transfer,
    Merge,
    Coupon,
    Void,
    Hold,
    Release,
    Opening,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [EntryKind; 20] = {
        use EntryKind::*;
        [
            Purchase,
            Stamps,
            SubtractAmount,
            RemoveVisits,
            Adjust,
            RewardAdd,
            RewardRemove,
            Bonus,
            Redeem,
            Refund,
            Reinstate,
            Expire,
            Mature,
            Transfer,
            Merge,
            Coupon,
            Void,
            Hold,
            Release,
            Opening,
        ]
    };

    /// The word on the wire and in the ledger.
    pub fn name(self) -> &'static str {
        use EntryKind::*;
        match self {
            Purchase => "purchase",
            Stamps => "stamps",
            SubtractAmount => "subtract_amount",
            RemoveVisits => "remove_visits",
            Adjust => "adjust",
            RewardAdd => "reward_add",
            RewardRemove => "reward_remove",
            Bonus => "bonus",
            Redeem => "redeem",
            Refund => "refund",
            Reinstate => "reinstate",
            Expire => "expire",
            Mature => "mature",
            Transfer => "transfer",
            Merge => "merge",
            Coupon => "coupon",
            Void => "void",
            Hold => "hold",
            Release => "release",
            Opening => "opening",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Posting {
    /// The kind of entry that it is.
    pub fn kind(&self) -> EntryKind {
        match self {
            Posting::Award(award) => match award.source {
                AwardSource::Tap | AwardSource::Stamps => EntryKind::Stamps,
                AwardSource::Purchase | AwardSource::Sale => EntryKind::Purchase,
            },
            Posting::Bonus(_) => EntryKind::Bonus,
            Posting::Adjust(_) => EntryKind::Adjust,
            Posting::RemoveVisits { .. } => EntryKind::RemoveVisits,
            Posting::Refund(refund) if refund.typed => EntryKind::SubtractAmount,
            Posting::Refund(_) => EntryKind::Refund,
            Posting::Redeem(_) => EntryKind::Redeem,
            Posting::Reinstate(_) => EntryKind::Reinstate,
            Posting::RewardAdd { .. } => EntryKind::RewardAdd,
            Posting::RewardRemove { .. } => EntryKind::RewardRemove,
            Posting::Hold { .. } => EntryKind::Hold,
            Posting::Release { .. } => EntryKind::Release,
            Posting::Expire { .. } => EntryKind::Expire,
            Posting::Mature { .. } => EntryKind::Mature,
            Posting::Transfer(_) => EntryKind::Transfer,
            Posting::Merge(_) => EntryKind::Merge,
            Posting::Opening(_) => EntryKind::Opening,
            Posting::Coupon { .. } => EntryKind::Coupon,
            Posting::Void { .. } => EntryKind::Void,
        }
    }

    /// Units that it says came (plus) or went (minus), before the fold clamps, repays or unlocks anything.
    pub fn units(&self) -> i64 {
        match self {
            Posting::Award(award) => award.units,
            Posting::Bonus(bonus) => bonus.units,
            Posting::Adjust(adjust) => adjust.value,
            Posting::RemoveVisits { units, .. } | Posting::Expire { units, .. } => units.saturating_neg(),
            Posting::Refund(refund) => refund.due.saturating_neg(),
            Posting::Redeem(redemption) => redemption.units.saturating_neg(),
            Posting::Mature { units, .. } => *units,
            Posting::Reinstate(back) => back.lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.units)),
            Posting::Transfer(moved) | Posting::Merge(moved) => {
                let units = moved.carried.lots.iter().fold(0i64, |sum, lot| sum.saturating_add(lot.units));
                if moved.direction == Direction::In { units } else { units.saturating_neg() }
            }
            Posting::Opening(carried) => carried.lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.units)),
            Posting::RewardAdd { .. }
            | Posting::RewardRemove { .. }
            | Posting::Hold { .. }
            | Posting::Release { .. }
            | Posting::Coupon { .. }
            | Posting::Void { .. } => 0,
        }
    }

    /// Posted by the daemon when a day has come: cannot be voided, and runs again after a void.
    pub fn is_job(&self) -> bool {
        matches!(self, Posting::Expire { .. } | Posting::Mature { .. })
    }
}
