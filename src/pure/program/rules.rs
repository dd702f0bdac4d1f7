//! One checked version of one programme as plain data, and the book of all its versions.
//!
//! `base::config` makes [`Rules`] from a rule file and checks every bound that is named here; the engine relies on them
//! for meaning, never for safety (no value makes it panic).

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};

use crate::pure::domain::entry::Rounding;
use crate::pure::domain::{Grade, Moment, RuleVersion};

/// How a programme earns, and so what its card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stamps by visit (P1).
    Visit,
    /// Stamps by full steps of the amount (P2).
    Spend,
    /// Points by amount (P3).
    Points,
    /// Points that are money, a percentage of the amount (P4).
    Cashback,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Visit, Kind::Spend, Kind::Points, Kind::Cashback];

    /// The word in rule files and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Visit => "visit",
            Kind::Spend => "spend",
            Kind::Points => "points",
            Kind::Cashback => "cashback",
        }
    }

    /// A card that collects stamps towards goals, and never goes below zero.
    pub fn is_stamps(self) -> bool {
        matches!(self, Kind::Visit | Kind::Spend)
    }
}

/// Who owns the balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerMode {
    /// This ledger.
    #[default]
    Own,
    /// Another system: every posting is refused `foreign_ledger`.
    Foreign,
}

/// What earns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earn {
    /// Units for a purchase or sale with anything left to pay, on cards that earn by visit.
    pub per_visit: i64,
    /// How the amount earns, on the others.
    pub by_amount: ByAmount,
    /// Units by what is bought, on top of the amount.
    pub items: Vec<ItemAward>,
    /// Lines that earn nothing.
    pub exclude: Exclude,
    /// Bills below this earn nothing. Minor units.
    pub min_spend_minor: i64,
    /// Before or after tax.
    pub basis: TaxBasis,
    /// Whether what is redeemed on the bill earns too; by default only what is left to pay does.
    pub redeemed_earns: bool,
}

/// How an amount becomes units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByAmount {
    /// It does not.
    #[default]
    None,
    /// Units for each full step of the cumulative amount (carry on) or of each amount (carry off).
    Steps {
        /// Minor units of one step, at least 1.
        step_minor: i64,
        /// Units for each step, at least 1.
        units_per_step: i64,
        /// Whether the rest carries to the next purchase.
        carry: bool,
    },
    /// `units` for `per_minor`, times the multipliers, rounded once.
    Rate {
        /// Units.
        units: i64,
        /// For so many minor units, at least 1.
        per_minor: i64,
        /// The rounding at the end.
        rounding: Rounding,
    },
    /// The level's percentage of the amount, in units of [`Money`], rounded once.
    Percent {
        /// The rounding at the end.
        rounding: Rounding,
    },
}

/// Units by what is bought.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemAward {
    /// Lines with this sku, if given.
    pub sku: Option<String>,
    /// Lines of this category, if given.
    pub category: Option<String>,
    /// Units for each piece.
    pub units: i64,
}

/// Lines that earn nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exclude {
    /// By sku.
    pub skus: Vec<String>,
    /// By category.
    pub categories: Vec<String>,
    /// Lines already discounted.
    pub discounted: bool,
}

/// Whether taxes earn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaxBasis {
    /// The amount with tax.
    #[default]
    Gross,
    /// The amount without the tax that the lines name.
    Net,
}

/// How several multipliers act together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// A campaign's multiplier stands in place of the level's; of several campaigns the last in the file.
    Replace,
    /// The greatest alone.
    Max,
    /// All multiplied.
    #[default]
    Product,
}

/// Limits of earning, and of what each role may do by hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Least seconds between two entries that award base units.
    pub interval_s: Option<i64>,
    /// Most base units in one transaction.
    pub per_transaction: Option<i64>,
    /// Most base units on one local day.
    pub per_day: Option<i64>,
    /// Most base units in a rolling window.
    pub rolling: Option<Rolling>,
    /// What a cashier may do without a manager.
    pub cashier: RoleLimits,
    /// What a manager may do without an admin.
    pub manager: RoleLimits,
    /// The least that a medium must prove to earn.
    pub grade_earn: Option<Grade>,
    /// The least that a medium must prove to redeem without staff.
    pub grade_redeem: Option<Grade>,
}

/// A limit over a window that moves with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// Its length in hours, 1 to 48.
    pub hours: i64,
    /// Most base units within it.
    pub units: i64,
}

/// Limits of one role, for postings by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleLimits {
    /// Most units or rewards of one entry.
    pub value: Option<i64>,
    /// Greatest amount typed in one entry, minor units.
    pub amount_minor: Option<i64>,
    /// Most entries by hand on one card and local day.
    pub entries_per_day: Option<i64>,
}

/// What a reward does to a bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Worth {
    /// A thing that the till leaves off the bill: nothing is deducted.
    #[default]
    Item,
    /// Minor units off the bill; the last may lapse in part.
    Off(i64),
}

/// Whether a reward may be redeemed while head office is away (SYNC.md C.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfflineRedeem {
    /// Without caps.
    Allow,
    /// Within the caps.
    #[default]
    Limit,
    /// Not at all.
    Deny,
}

/// A milestone of a stamp card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goal {
    /// Stamps from the start of a round, rising from goal to goal.
    pub at: i64,
    /// The reward's name.
    pub reward: String,
    /// What it does to a bill.
    pub worth: Worth,
    /// What it costs the shop.
    pub cost_minor: Option<i64>,
    /// Offline policy.
    pub offline: OfflineRedeem,
}

/// When stamps are consumed (RULES.md X15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consume {
    /// When the reward is unlocked.
    #[default]
    Unlock,
    /// When it is used; until then they stay on the card and unlock nothing else.
    Redeem,
}

/// A reward that points buy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogueReward {
    /// Its name.
    pub name: String,
    /// Points that one takes.
    pub units: i64,
    /// What it does to a bill.
    pub worth: Worth,
    /// What it costs the shop.
    pub cost_minor: Option<i64>,
    /// Offline policy.
    pub offline: OfflineRedeem,
}

/// Points that are money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Minor units of one unit, at least 1.
    pub minor_per_unit: i64,
    /// Most of a bill that may be paid so, percent, 1 to 100; rounded down to a minor unit.
    pub cap_percent: i64,
    /// Offline policy.
    pub offline: OfflineRedeem,
}

/// A level.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// From this on, inclusive: units or minor units as [`LevelBasis`] says. The first starts at 0.
    pub from: i64,
    /// Multiplier of the base rate in percent (125 is ×1.25).
    pub multiplier_percent: i64,
    /// Cashback in hundredths of a percent (150 is 1.5 %), on cashback cards.
    pub cashback_bp: i64,
}

/// By what levels go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LevelBasis {
    /// Qualifying points: earned by base awards, net of refunds.
    #[default]
    PointsEarned,
    /// Transaction amount.
    TxAmount,
}

impl LevelBasis {
    /// The word in rule files and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            LevelBasis::PointsEarned => "points_earned",
            LevelBasis::TxAmount => "tx_amount",
        }
    }
}

/// When lots lapse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LotExpiry {
    /// Never.
    #[default]
    Never,
    /// At the end of one day for all.
    Fixed {
        /// That day.
        on: Date,
    },
    /// At the end of local day award + n.
    Days {
        /// n.
        days: u32,
    },
    /// At the end of the month n months after the award.
    EndOfMonth {
        /// n; 0 is the award's own month.
        months: u32,
    },
    /// At the end of the year n years after the award.
    EndOfYear {
        /// n; 0 is the award's own year.
        years: u32,
    },
    /// All together, at the end of the day n days after the last activity.
    Inactivity {
        /// n.
        days: u32,
    },
}

/// When cards end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CardExpiry {
    /// Never, unless a date is set on the card.
    #[default]
    Never,
    /// On one day for all.
    Fixed {
        /// The last valid day.
        on: Date,
    },
    /// n days after issue.
    Days {
        /// n.
        days: u32,
    },
}

/// Bonuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BonusRules {
    /// Units with the card's first base units.
    pub first: i64,
    /// The birthday's multiplier and guards.
    pub birthday: Option<BirthdayRules>,
    /// For bringing a friend: units on the referrer's card.
    pub referrer: i64,
    /// And on the friend's, at the friend's first earn.
    pub friend: i64,
}

/// The birthday's multiplier and guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BirthdayRules {
    /// Times the base units (2 doubles them).
    pub times: i64,
    /// Days since which the birth date must be known.
    pub known_days: i64,
    /// Least days between two birthday transactions.
    pub every_days: i64,
}

/// What becomes of units that a correction cannot find (RULES.md X08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortfall {
    /// Written off, and recorded.
    #[default]
    WrittenOff,
    /// Owed: later stamps repay it first.
    Debt,
}

/// Which entries are visits (RULES.md X06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitCounting {
    /// Base awards.
    pub earn: CountEarns,
    /// Manual plus and minus.
    pub manual: bool,
}

/// Which base awards are visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountEarns {
    /// All, also those that award 0.
    Always,
    /// Those that award at least one base unit.
    WhenAwarded,
}

/// Dates, hours and groups with a multiplier or a bonus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// The first local day.
    pub from: Option<Date>,
    /// The last local day.
    pub until: Option<Date>,
    /// On these days of the week; none: all.
    pub weekdays: Vec<Weekday>,
    /// From this local time.
    pub from_time: Option<Time>,
    /// Until this local time, which no longer counts.
    pub until_time: Option<Time>,
    /// For these groups or segments; none: everybody.
    pub groups: Vec<String>,
    /// For a card's first base earn only ("first visit").
    pub first_visit: bool,
    /// Multiplier in percent (200 doubles); 100 changes nothing.
    pub multiplier_percent: i64,
    /// Added to the cashback percentage, hundredths of a percent.
    pub plus_bp: i64,
    /// Units on top of an entry that earns.
    pub bonus: i64,
    /// The bonus once per card only.
    pub once: bool,
}

impl Campaign {
    /// Whether it runs at this moment for a customer of these groups.
    pub fn runs(&self, at: &Moment, groups: &[String], first_visit: bool) -> bool {
        let local = at.zoned().datetime();
        let (today, time) = (local.date(), local.time());
        self.from.is_none_or(|from| from <= today)
            && self.until.is_none_or(|until| today <= until)
            && (self.weekdays.is_empty() || self.weekdays.contains(&today.weekday()))
            && self.in_hours(time)
            && (self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group)))
            && (!self.first_visit || first_visit)
    }

    fn in_hours(&self, time: Time) -> bool {
        match (self.from_time, self.until_time) {
            // Hours that pass midnight, such as 22:00 to 02:00.
            (Some(from), Some(until)) if until <= from => time >= from || time < until,
            (from, until) => from.is_none_or(|from| from <= time) && until.is_none_or(|until| time < until),
        }
    }
}

/// One checked version of one programme.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What people call it.
    pub title: String,
    /// How it earns.
    pub kind: Kind,
    /// The unit's name (`stamp`, `point`).
    pub unit: String,
    /// Decimal places of the unit (0; 2 where points are money).
    pub scale: u8,
    /// What a tap earns at once; without it a tap only presents the card.
    pub tap_award: Option<i64>,
    /// Who owns the balance.
    pub ledger_mode: LedgerMode,
    /// Stands still for now.
    pub paused: bool,
    /// The first local day.
    pub starts: Option<Date>,
    /// The last local day.
    pub ends: Option<Date>,
    /// What earns.
    pub earn: Earn,
    /// How several multipliers act together.
    pub combine: Combine,
    /// Limits.
    pub limits: Limits,
    /// Milestones of a stamp card, rising.
    pub goals: Vec<Goal>,
    /// When stamps are consumed.
    pub consume: Consume,
    /// Rewards that points buy.
    pub catalogue: Vec<CatalogueReward>,
    /// Points that are money.
    pub money: Option<Money>,
    /// Levels, rising from 0; none: no levels.
    pub levels: Vec<Level>,
    /// By what they go.
    pub level_basis: LevelBasis,
    /// When lots lapse.
    pub lots: LotExpiry,
    /// Days until units ripen; 0: at once.
    pub pending_days: u32,
    /// Days after the unlock on which a reward is still valid; `None`: for ever.
    pub reward_days: Option<u32>,
    /// When cards end.
    pub card_expiry: CardExpiry,
    /// Whether a card past its date may still redeem (RULES.md X23).
    pub expired_redeem: bool,
    /// Bonuses.
    pub bonus: BonusRules,
    /// What becomes of units that a correction cannot find.
    pub shortfall: Shortfall,
    /// Whether a refund may take a points balance below zero.
    pub negative_on_refund: bool,
    /// Which entries are visits.
    pub visits: VisitCounting,
    /// Units that a removed visit takes with it (RULES.md X12).
    pub units_per_visit: i64,
    /// Campaigns.
    pub campaigns: Vec<Campaign>,
    /// What one unit costs the shop, minor units.
    pub unit_cost_minor: Option<i64>,
}

impl Rules {
    /// The rules of a programme of this kind in which nothing earns yet; rule files fill in the rest.
    pub fn empty(kind: Kind) -> Self {
        Self {
            title: String::new(),
            kind,
            unit: if kind.is_stamps() { "stamp" } else { "point" }.to_owned(),
            scale: if kind == Kind::Cashback { 2 } else { 0 },
            tap_award: None,
            ledger_mode: LedgerMode::Own,
            paused: false,
            starts: None,
            ends: None,
            earn: Earn::default(),
            combine: Combine::Product,
            limits: Limits::default(),
            goals: Vec::new(),
            consume: Consume::Unlock,
            catalogue: Vec::new(),
            money: None,
            levels: Vec::new(),
            level_basis: LevelBasis::PointsEarned,
            lots: LotExpiry::Never,
            pending_days: 0,
            reward_days: None,
            card_expiry: CardExpiry::Never,
            expired_redeem: true,
            bonus: BonusRules::default(),
            shortfall: Shortfall::WrittenOff,
            negative_on_refund: !kind.is_stamps(),
            visits: VisitCounting {
                earn: if kind.is_stamps() { CountEarns::WhenAwarded } else { CountEarns::Always },
                manual: kind == Kind::Cashback,
            },
            units_per_visit: 1,
            campaigns: Vec::new(),
            unit_cost_minor: None,
        }
    }

    /// Whether the programme runs on that local day.
    pub fn runs_on(&self, today: Date) -> bool {
        !self.paused && self.starts.is_none_or(|first| first <= today) && self.ends.is_none_or(|last| today <= last)
    }

    /// The place of the level that a basis of `value` reaches; `None` without levels.
    pub fn level_at(&self, value: i64) -> Option<usize> {
        (!self.levels.is_empty()).then(|| self.levels.iter().rposition(|level| level.from <= value).unwrap_or_default())
    }

    /// The campaign of that name.
    pub fn campaign(&self, name: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.name == name)
    }

    /// The goal whose reward has that name, with its place.
    pub fn goal(&self, reward: &str) -> Option<(usize, &Goal)> {
        self.goals.iter().enumerate().find(|(_, goal)| goal.reward == reward)
    }

    /// Whether the carry of amounts is on.
    pub fn carries(&self) -> bool {
        matches!(self.earn.by_amount, ByAmount::Steps { carry: true, .. })
    }
}

/// All versions of one programme.
#[derive(Clone, Debug, PartialEq)]
pub struct Rulebook {
    /// Those before the current one.
    earlier: BTreeMap<RuleVersion, Rules>,
    current: (RuleVersion, Rules),
}

impl Rulebook {
    /// The book of these versions; `None` when there is none. The highest is the current one.
    pub fn new(mut versions: BTreeMap<RuleVersion, Rules>) -> Option<Self> {
        let current = versions.pop_last()?;
        Some(Self { earlier: versions, current })
    }

    /// A book with one version, numbered 1.
    pub fn single(rules: Rules) -> Self {
        Self { earlier: BTreeMap::new(), current: (RuleVersion(1), rules) }
    }

    /// The version by which new postings are judged.
    pub fn current(&self) -> (RuleVersion, &Rules) {
        (self.current.0, &self.current.1)
    }

    /// That version, if this book has it.
    pub fn get(&self, version: RuleVersion) -> Option<&Rules> {
        if version == self.current.0 { Some(&self.current.1) } else { self.earlier.get(&version) }
    }

    /// That version, else the one before it, else the first: a fact of a version that this device never saw is still
    /// counted.
    pub fn at(&self, version: RuleVersion) -> &Rules {
        if version >= self.current.0 {
            return &self.current.1;
        }
        let known = self.earlier.range(..=version).next_back().or_else(|| self.earlier.iter().next());
        known.map_or(&self.current.1, |(_, rules)| rules)
    }

    /// All versions, rising.
    pub fn versions(&self) -> impl Iterator<Item = (RuleVersion, &Rules)> {
        self.earlier
            .iter()
            .map(|(version, rules)| (*version, rules))
            .chain(std::iter::once((self.current.0, &self.current.1)))
    }
}
