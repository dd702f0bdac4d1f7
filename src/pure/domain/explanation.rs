//! Why a row of a card's history has its numbers: what `program` finds in an entry and its rules, and `text` says.

use super::entry::{Lot, RewardLot, Terms};
use super::{RuleVersion, Serial};

/// Why a row's numbers are what they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// The version of the rules.
    pub rule: Option<RuleVersion>,
    /// What brought it about, where no purchase or visit did.
    pub cause: Option<Cause>,
    /// The other card of a move.
    pub other: Option<Serial>,
    /// What went in.
    pub inputs: Vec<(Input, i64)>,
    /// How an award followed from it.
    pub award: Option<AwardTerms>,
    /// The level at which it was earned.
    pub tier: Option<String>,
    /// Campaigns that had a part in it.
    pub campaigns: Vec<String>,
    /// Limits that were asked.
    pub limits: Vec<LimitAsked>,
    /// Lots and rewards that it took.
    pub taken: Taken,
    /// Units that repaid a debt, filled a negative balance or repaid an overdraft.
    pub repaid: i64,
    /// Units due that were not there and were written off.
    pub shortfall: i64,
}

/// What brought an entry about that is no award.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The card's first earn.
    FirstEarn,
    /// A visit on the birthday.
    Birthday,
    /// A friend earned for the first time.
    Referrer,
    /// The first earn of somebody who came by a friend's link.
    Friend,
    /// A campaign.
    Campaign,
    /// The bill on which it was redeemed was returned.
    Returned,
    /// The waiting time of an award is over.
    Ripened,
    /// Its last day is over.
    DayOver,
    /// Nothing happened on the card for as long as the rules allow.
    Idle,
    /// A sale was opened.
    SetAside,
    /// A sale that was open was completed or cancelled.
    CameBack,
    /// A posting was voided.
    LeftOut,
    /// Figures came along from another system.
    Opened,
    /// Balance and rewards came from another card.
    TransferIn,
    /// Balance and rewards went to another card.
    TransferOut,
    /// Another card was joined with this one.
    MergeIn,
    /// This card was joined with another.
    MergeOut,
    /// A step in the life of a coupon.
    CouponStep,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 18] = {
        use Cause::*;
        [
            FirstEarn,
            Birthday,
            Referrer,
            Friend,
            Campaign,
            Returned,
            Ripened,
            DayOver,
            Idle,
            SetAside,
            CameBack,
            LeftOut,
            Opened,
            TransferIn,
            TransferOut,
            MergeIn,
            MergeOut,
            CouponStep,
        ]
    };

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Cause::FirstEarn => "first-earn",
            Cause::Birthday => "birthday",
            Cause::Referrer => "referrer",
            Cause::Friend => "friend",
            Cause::Campaign => "campaign",
            Cause::Returned => "returned",
            Cause::Ripened => "ripened",
            Cause::DayOver => "day-over",
            Cause::Idle => "idle",
            Cause::SetAside => "set-aside",
            Cause::CameBack => "came-back",
            Cause::LeftOut => "left-out",
            Cause::Opened => "opened",
            Cause::TransferIn => "transfer-in",
            Cause::TransferOut => "transfer-out",
            Cause::MergeIn => "merge-in",
            Cause::MergeOut => "merge-out",
            Cause::CouponStep => "coupon-step",
        }
    }
}

/// How an award followed from a purchase or a visit.
#[derive(Clone, Debug, PartialEq)]
pub struct AwardTerms {
    /// The terms, with their rounding.
    pub terms: Terms,
    /// What it came to.
    pub units: i64,
    /// The part of the bill that earns, minor units.
    pub earning_minor: i64,
}

/// A number that went into an entry which is no award.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Units given or taken.
    Units,
    /// Units of a correction, signed.
    Value,
    /// Units that a correction asked for.
    Due,
    /// Rewards.
    Rewards,
    /// Visits.
    Visits,
    /// An amount, minor units.
    AmountMinor,
    /// The amount of a purchase that a correction goes with, minor units.
    PurchaseMinor,
    /// What was left of a sale before, minor units.
    LeftBeforeMinor,
    /// The bill, minor units.
    BillMinor,
    /// What came off the bill, minor units.
    DiscountMinor,
}

/// In what a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The programme's unit.
    Units,
    /// Minor units of the currency.
    Money,
    /// Pieces.
    Count,
}

impl Input {
    /// All of them.
    pub const ALL: [Input; 10] = {
        use Input::*;
        [Units, Value, Due, Rewards, Visits, AmountMinor, PurchaseMinor, LeftBeforeMinor, BillMinor, DiscountMinor]
    };

    /// Its name, without what it is counted in.
    pub fn name(self) -> &'static str {
        match self {
            Input::Units => "units",
            Input::Value => "value",
            Input::Due => "due",
            Input::Rewards => "rewards",
            Input::Visits => "visits",
            Input::AmountMinor => "amount",
            Input::PurchaseMinor => "purchase",
            Input::LeftBeforeMinor => "left-before",
            Input::BillMinor => "bill",
            Input::DiscountMinor => "discount",
        }
    }

    /// In what it is counted.
    pub fn measure(self) -> Measure {
        match self {
            Input::Units | Input::Value | Input::Due => Measure::Units,
            Input::Rewards | Input::Visits => Measure::Count,
            Input::AmountMinor
            | Input::PurchaseMinor
            | Input::LeftBeforeMinor
            | Input::BillMinor
            | Input::DiscountMinor => Measure::Money,
        }
    }
}

/// A limit of the rules that an award was held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitAsked {
    /// Over what it counts.
    pub span: LimitSpan,
    /// Units used before.
    pub used: i64,
    /// Units that it allows.
    pub most: i64,
}

/// Over what a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSpan {
    /// One transaction.
    Transaction,
    /// One local day.
    Day,
}

/// What a debit took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Parts of lots.
    pub lots: Vec<Lot>,
    /// Rewards.
    pub rewards: Vec<RewardLot>,
}
