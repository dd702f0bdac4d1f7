//! Deciding: a standing, a command and the time give entries, or the first refusal of the documented order.
//!
//! What has lapsed ([`super::due()`]) is posted first and is in the standing. The till has judged what is its own already:
//! tokens, replays, several cards, `txn_reuse`, `offline_redeem`.

mod hand;
mod malformed;
mod moves;
mod quote;
mod redeem;
mod refund;
mod sale;
mod visit;
mod void;

pub use malformed::{Malformed, check};
pub use quote::{Quote, QuoteOption, quote};
pub use visit::present;
pub use void::VOID_WINDOW_MS;

use super::card::CardFacts;
use super::fold;
use super::rules::{LedgerMode, Rulebook, Rules};
use super::standing::Standing;
use crate::pure::domain::entry::{Carried, CouponTerms};
use crate::pure::domain::reason::{Reason, RemoveReason};
use crate::pure::domain::{
    Actor, ClockTrust, CouponId, EntryId, EventId, Fact, Grade, Moment, NewEntry, Posting, Refusal, RefusalCode, Role,
    RuleVersion, SaleId, VisitId,
};

/// Who asks, about which card, when.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The card's programme.
    pub book: &'a Rulebook,
    /// The card.
    pub card: &'a CardFacts,
    /// Its standing, with all that was due.
    pub standing: &'a Standing,
    /// All facts of the card when [`Command::needs_history`] says so, else empty.
    pub history: &'a [Fact],
    /// With them, all facts of each card that was joined with this one: what was bought there is brought back here.
    pub joined: &'a [Vec<Fact>],
    /// The card of who brought the customer, with its standing.
    pub referrer: Option<(&'a CardFacts, &'a Standing)>,
    /// Rule time.
    pub at: &'a Moment,
    /// Whether the clock can be believed.
    pub trust: ClockTrust,
    /// Who asks.
    pub actor: &'a Actor,
    /// What the medium proved; `None` where none was shown (the console, a job, a till that names the serial).
    pub grade: Option<Grade>,
    /// The visit.
    pub visit: Option<VisitId>,
    /// The till's number of the sale.
    pub txn_id: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// The version by which it is judged.
    pub fn version(&self) -> RuleVersion {
        self.book.current().0
    }

    /// The rules by which it is judged.
    pub fn rules(&self) -> &'a Rules {
        self.book.current().1
    }

    /// The role in which it is judged.
    pub(super) fn role(&self) -> Role {
        self.actor.judged_as()
    }

    fn manages(&self) -> bool {
        self.role() >= Role::Manager
    }

    fn expired(&self) -> bool {
        self.card.expired(self.at, self.trust)
    }

    fn entry(&self, posting: Posting) -> NewEntry {
        NewEntry { card: self.card.serial, rule: self.version(), posting }
    }

    /// The standing as it would be after this entry of the card.
    fn after(&self, standing: &Standing, entry: &NewEntry) -> Standing {
        let mut after = standing.clone();
        let fact = fold::provisional(standing, entry, self.at);
        fold::step(self.book.at(entry.rule), &mut after, None, &fact);
        after
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A tap or scan in mode `tap`: awards what `tap_award` says; without it the card is only presented.
    Tap,
    /// Stamps counted by the staff, on cards that earn by visit.
    Stamps {
        /// How many, at least 1.
        count: i64,
        /// They add to the visit of [`Ask::visit`].
        adds_to_visit: bool,
    },
    /// An amount typed in.
    Purchase {
        /// The amount, minor units, at least 1.
        amount_minor: i64,
        /// The amount once more; must agree (X10).
        purchase_amount_minor: Option<i64>,
    },
    /// An amount taken back, typed in.
    SubtractAmount {
        /// The amount, minor units, at least 1.
        amount_minor: i64,
        /// The amount once more; must agree.
        purchase_amount_minor: Option<i64>,
        /// Of which sale or purchase; optional on spend cards only.
        of: Option<Target>,
    },
    /// Visits taken back (X12).
    RemoveVisits {
        /// How many, at least 1.
        count: i64,
    },
    /// Units by hand.
    Adjust {
        /// Signed, not 0.
        value: i64,
        /// A purchase named with it.
        purchase_amount_minor: Option<i64>,
        /// Why; `None` takes the default of X19.
        reason: Option<Reason>,
    },
    /// Rewards given by hand.
    RewardAdd {
        /// How many, at least 1.
        count: i64,
        /// The purchase named with it; 0 must be said, too.
        amount_minor: i64,
    },
    /// Rewards taken by hand.
    RewardRemove {
        /// How many, at least 1.
        count: i64,
        /// The purchase named with it.
        amount_minor: i64,
        /// Why.
        why: RemoveReason,
    },
    /// A till's sale.
    Sale(Sale),
    /// An open sale is cancelled: what it set aside comes back.
    CancelSale {
        /// Which.
        sale: SaleId,
    },
    /// A till's refund, whole or in part.
    Refund {
        /// Of which sale.
        of: Target,
        /// How much; all that is left where neither this nor lines are given.
        amount_minor: Option<i64>,
        /// The lines that come back.
        items: Vec<Item>,
    },
    /// A posting is taken back as if it had never been.
    Void {
        /// Which.
        of: Target,
        /// The other cards that its event moved, each with all its facts.
        elsewhere: Vec<(CardFacts, Vec<Fact>)>,
    },
    /// Balance and rewards move to another card of the programme.
    Transfer {
        /// That card.
        to: CardFacts,
    },
    /// Everything of the card moves to another of the programme, when two customers became one.
    Merge {
        /// That card.
        into: CardFacts,
    },
    /// Figures brought along from another system.
    Opening {
        /// The figures, with lots that have an end of their own.
        carried: Box<Carried>,
        /// Units beside those lots: they lapse as if they were awarded now.
        units: i64,
    },
    /// A step in the life of a coupon.
    Coupon {
        /// Which coupon.
        coupon: CouponId,
        /// What is to happen to it.
        act: CouponAct,
    },
}

/// What is asked of a coupon.
#[derive(Clone, Debug, PartialEq)]
pub enum CouponAct {
    /// Give it.
    Assign(CouponTerms),
    /// Take it.
    Claim,
    /// Use it.
    Use,
    /// Withdraw it.
    Withdraw,
}

/// Which posting is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The event.
    Event(EventId),
    /// The event of that entry.
    Entry(EntryId),
    /// The sale of that till's number; the latest, should it repeat.
    Txn(String),
    /// The sale of our number.
    Sale(SaleId),
}

/// A till's sale.
#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    /// What the bill comes to before anything is redeemed, minor units, at least 0.
    pub bill_minor: i64,
    /// Its lines, if the till sent them; their sum must be the bill.
    pub items: Vec<Item>,
    /// What is to be redeemed on it.
    pub redeem: Option<Redeem>,
    /// At once, opened first, or completing an open one.
    pub phase: SalePhase,
}

/// Where a sale stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SalePhase {
    /// Posted at once.
    Now,
    /// Opened: what it redeems is set aside, nothing else is posted.
    Open(SaleId),
    /// Completed: what was set aside is redeemed, the award follows.
    Complete(SaleId),
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub sku: String,
    /// Its category.
    pub category: Option<String>,
    /// Pieces.
    pub quantity: i64,
    /// The line after its discounts, minor units.
    pub amount_minor: i64,
    /// The tax within it.
    pub tax_minor: Option<i64>,
    /// It was discounted.
    pub discounted: bool,
}

/// What is to be redeemed on a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeem {
    /// So many rewards of a stamp card.
    Rewards(i64),
    /// So many of a named reward.
    Reward {
        /// Its name.
        name: String,
        /// How many.
        count: i64,
    },
    /// So many units.
    Value(i64),
    /// As many units as balance and bill allow, where points are money.
    ValueMax,
    /// As much as the bill takes of so many units: what an open sale that asked for the most had set aside.
    ValueWithin(i64),
}

/// What is to be posted, and what a till is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The entries of one event, in order; a referral's bonus and a transfer move another card, too. Empty: nothing
    /// happens to the books (a tap that only presents).
    pub entries: Vec<NewEntry>,
    /// What is left to pay, for sales.
    pub due_minor: i64,
    /// What was taken off the bill, for sales.
    pub discount_minor: i64,
    /// Units earned on this card, bonuses included, pending ones too.
    pub earned: i64,
    /// Points redeemed.
    pub redeemed: i64,
    /// Rewards redeemed.
    pub rewards_redeemed: i64,
    /// Value and purchase amount of a manual entry differ: told, not refused, as their units differ (X10).
    pub amounts_differ: bool,
}

impl Command {
    /// Whether [`Ask::history`] must hold all facts of the card.
    pub fn needs_history(&self) -> bool {
        matches!(self, Command::Refund { .. } | Command::Void { .. } | Command::SubtractAmount { of: Some(_), .. })
    }
}

/// Decides. A command that [`check`] calls malformed is answered as `amount_mismatch`, should it come this far.
pub fn decide(ask: &Ask, command: &Command) -> Result<Verdict, Refusal> {
    if check(ask, command).is_err() {
        return Err(RefusalCode::AmountMismatch.into());
    }
    match command {
        Command::Tap => visit::tap(ask),
        Command::Stamps { count, adds_to_visit } => visit::stamps(ask, *count, *adds_to_visit),
        Command::Purchase { amount_minor, purchase_amount_minor } => {
            visit::purchase(ask, *amount_minor, *purchase_amount_minor)
        }
        Command::SubtractAmount { amount_minor, purchase_amount_minor, of } => {
            refund::subtract(ask, *amount_minor, *purchase_amount_minor, of.as_ref())
        }
        Command::RemoveVisits { count } => hand::remove_visits(ask, *count),
        Command::Adjust { value, purchase_amount_minor, reason } => {
            hand::adjust(ask, *value, *purchase_amount_minor, *reason)
        }
        Command::RewardAdd { count, amount_minor } => hand::reward_add(ask, *count, *amount_minor),
        Command::RewardRemove { count, amount_minor, why } => hand::reward_remove(ask, *count, *amount_minor, *why),
        Command::Sale(sale) => sale::sale(ask, sale),
        Command::CancelSale { sale } => sale::cancel(ask, *sale),
        Command::Refund { of, amount_minor, items } => refund::refund(ask, of, *amount_minor, items),
        Command::Void { of, elsewhere } => void::void(ask, of, elsewhere),
        Command::Transfer { to } => moves::transfer(ask, to),
        Command::Merge { into } => moves::merge(ask, into),
        Command::Opening { carried, units } => moves::opening(ask, carried, *units),
        Command::Coupon { coupon, act } => moves::coupon(ask, *coupon, act),
    }
}

/// What an act does, as far as the state of card and programme forbids it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Earns.
    Earn,
    /// Gives or takes units or rewards by hand.
    Give,
    /// Uses what the card holds.
    Use,
    /// Takes back.
    Correct,
}

/// Collects refusals and keeps the one that is told.
#[derive(Default)]
pub(super) struct Judge {
    first: Option<Refusal>,
}

impl Judge {
    /// One that applies.
    pub(super) fn refuse(&mut self, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        self.first = Some(match self.first.take() {
            Some(first) => first.first(refusal),
            None => refusal,
        });
    }

    fn refuse_if(&mut self, applies: bool, refusal: impl Into<Refusal>) {
        if applies {
            self.refuse(refusal);
        }
    }

    /// The verdict, unless something applies.
    fn done(self, verdict: impl FnOnce() -> Verdict) -> Result<Verdict, Refusal> {
        self.first.map_or_else(|| Ok(verdict()), Err)
    }

    /// What state of card, programme and medium forbid.
    fn gate(ask: &Ask, act: Act) -> Self {
        let rules = ask.rules();
        let mut judge = Judge::default();
        judge.refuse_if(ask.card.deleted, RefusalCode::CardDeleted);
        judge.refuse_if(ask.card.blocked, RefusalCode::CardBlocked);
        let free = act == Act::Correct || (act == Act::Give && ask.manages());
        let kept = act == Act::Use && rules.expired_redeem;
        judge.refuse_if(ask.expired() && !free && !kept, RefusalCode::CardExpired);
        judge.refuse_if(!free && !rules.runs_on(ask.at.date()), RefusalCode::ProgrammePaused);
        judge.refuse_if(rules.ledger_mode == LedgerMode::Foreign, RefusalCode::ForeignLedger);
        let (least, staff) = match act {
            Act::Earn => (rules.limits.grade_earn, false),
            Act::Use => (rules.limits.grade_redeem, ask.actor.staff.is_some() || ask.manages()),
            Act::Give | Act::Correct => (None, true),
        };
        let weak = least.zip(ask.grade).is_some_and(|(least, grade)| grade < least);
        judge.refuse_if(weak && !staff, RefusalCode::GradeTooLow);
        judge
    }
}

/// The verdict of an award with its bonuses.
fn award_verdict(ask: &Ask, standing: &Standing, award: crate::pure::domain::entry::Award) -> Verdict {
    let bonuses = super::bonus::bonuses(ask, standing, &award);
    let own = bonuses.iter().filter(|entry| entry.card == ask.card.serial);
    let on_top = own.fold(0i64, |sum, entry| match &entry.posting {
        Posting::Bonus(bonus) => sum.saturating_add(bonus.units),
        _ => sum,
    });
    let earned = award.units.saturating_add(on_top);
    let mut entries = vec![ask.entry(Posting::Award(award))];
    entries.extend(bonuses);
    Verdict { entries, earned, ..Verdict::default() }
}
