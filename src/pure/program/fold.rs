//! The fold: facts of one card give its standing. One function on device and hub, so that a chain agrees with itself.

mod corrections;
mod moves;
mod redemption;

use std::collections::BTreeSet;

use super::rules::{Consume, CountEarns, Rulebook, Rules};
use super::sales::{SaleState, Trace};
use super::standing::{BirthdayUse, DayCount, Joined, RECENT_MS, Recent, Standing, TXN_KEPT_MS, Transaction};
use super::{calendar, lots, rewards};
use crate::pure::domain::entry::{Award, AwardSource, Bonus, BonusKind, Lot, Pending, RewardLot};
use crate::pure::domain::explanation::Taken;
use crate::pure::domain::{
    DeviceId, Entry, EntryId, EventId, Fact, FactKey, Hlc, Incarnation, Moment, NewEntry, Posting, Role,
};

/// Whether [`apply`] could take a fact.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The standing counts it now.
    Done,
    /// A void changes what lies behind it, and a fact that is not later than all before belongs between them (or is
    /// there already): the standing is unchanged, [`fold()`] all facts instead.
    NeedsFold,
}

/// The standing that `facts` of one card give, in any order and with any repetition.
pub fn fold(book: &Rulebook, facts: &[Fact]) -> Standing {
    replay(book, facts, &BTreeSet::new()).0
}

/// Counts one more fact, later than all before. It trusts what the fact says of its sale; facts of other devices that
/// may contradict each other are taken by [`fold()`].
pub fn apply(book: &Rulebook, standing: &mut Standing, fact: &Fact) -> Applied {
    if matches!(fact.entry.posting, Posting::Void { .. }) || standing.last_key >= Some(fact.key) {
        return Applied::NeedsFold;
    }
    step(book.at(fact.rule()), standing, None, fact);
    Applied::Done
}

/// The facts in the order of the fold, each once.
pub(super) fn sorted(facts: &[Fact]) -> Vec<&Fact> {
    let mut sorted: Vec<&Fact> = facts.iter().collect();
    if !sorted.windows(2).all(|pair| pair[0].key < pair[1].key) {
        sorted.sort_by_key(|fact| fact.key);
        sorted.dedup_by_key(|fact| fact.key);
    }
    sorted
}

/// The events that voids among `facts` name.
pub(super) fn voided(facts: &[&Fact]) -> BTreeSet<EventId> {
    let named = facts.iter().filter_map(|fact| match fact.entry.posting {
        Posting::Void { event } => Some(event),
        _ => None,
    });
    named.collect()
}

/// The whole fold, with `leave_out` voided on top, and what it knows beyond the standing.
pub(super) fn replay(book: &Rulebook, facts: &[Fact], leave_out: &BTreeSet<EventId>) -> (Standing, Trace) {
    let facts = sorted(facts);
    let mut standing = Standing::default();
    let mut trace = trace_begin(&facts, leave_out);
    for fact in facts {
        for job in jobs_again(&standing, &trace, fact) {
            step_job(book.at(fact.rule()), &mut standing, &mut trace, &job);
        }
        step(book.at(fact.rule()), &mut standing, Some(&mut trace), fact);
    }
    (standing, trace)
}

/// What a whole fold must know before its first fact: the events that are left out, and where jobs run again for that.
pub(super) fn trace_begin(facts: &[&Fact], leave_out: &BTreeSet<EventId>) -> Trace {
    let mut voided = voided(facts);
    voided.extend(leave_out);
    let again = voided.iter().filter_map(|event| {
        let begin = facts.iter().find(|fact| fact.event == *event)?.key;
        let voids =
            facts.iter().filter(|fact| matches!(fact.entry.posting, Posting::Void { event: named } if named == *event));
        let end = if leave_out.contains(event) { None } else { voids.map(|fact| fact.key).max() };
        Some((begin, end))
    });
    let again = again.collect();
    Trace { voided, again, ..Trace::default() }
}

/// Jobs that would have run before this fact, had an event that is left out never been: what the event had taken lapses or
/// ripens on its day, not when the void is posted (RULES.md section 2, "jobs run again"). After the void the device posts
/// them itself.
pub(super) fn jobs_again(standing: &Standing, trace: &Trace, fact: &Fact) -> Vec<Fact> {
    let within = trace.again.iter().any(|(begin, end)| *begin < fact.key && end.is_none_or(|end| fact.key < end));
    // Nothing lapses within an event: what a completed sale gives back it may use.
    let same_event = |last: FactKey| FactKey { index: fact.key.index, ..last } == fact.key;
    if !within
        || standing.last_key.is_some_and(same_event)
        || fact.entry.posting.is_job()
        || trace.voided.contains(&fact.event)
    {
        return Vec::new();
    }
    let job = |posting| Fact {
        event: EventId(uuid::Uuid::nil()),
        entry: Entry { posting, ..fact.entry.clone() },
        ..fact.clone()
    };
    super::due::overdue(standing, fact.at.ms).into_iter().map(job).collect()
}

/// Counts a job that no fact posted: it is none of the card's facts.
pub(super) fn step_job(rules: &Rules, standing: &mut Standing, trace: &mut Trace, job: &Fact) {
    (trace.taken, trace.consumed, trace.unlocked) = (Taken::default(), 0, 0);
    Step { rules, standing, trace, whole: true, fact: job }.run(&job.entry.posting);
}

/// The entry as a fact that is not posted yet, after all that the standing counts.
pub(super) fn provisional(standing: &Standing, entry: &NewEntry, at: &Moment) -> Fact {
    let nil = uuid::Uuid::nil();
    let hlc = standing.last_key.map_or(Hlc::ZERO, |key| key.hlc);
    Fact {
        key: FactKey { hlc, device: DeviceId(0), incarnation: Incarnation(0), seq: 0, index: 0 },
        event: EventId(nil),
        at: at.clone(),
        till: None,
        role: Role::Cashier,
        visit: None,
        txn_id: None,
        sale: None,
        entry: Entry { id: EntryId(nil), card: entry.card, rule: entry.rule, posting: entry.posting.clone() },
    }
}

/// Counts one fact by its own numbers, and tells what it took.
pub(super) fn step_blind(rules: &Rules, standing: &mut Standing, fact: &Fact) -> Trace {
    let mut trace = Trace::default();
    step_with(rules, standing, &mut trace, false, fact);
    trace
}

/// Counts one fact. Without a trace the fact's own numbers of its sale are taken.
pub(super) fn step(rules: &Rules, standing: &mut Standing, trace: Option<&mut Trace>, fact: &Fact) {
    match trace {
        Some(trace) => step_with(rules, standing, trace, true, fact),
        None => step_with(rules, standing, &mut Trace::default(), false, fact),
    }
}

/// Whether a void leaves this fact out. What an open sale had set aside came back when it was completed, also when the
/// sale is voided later; and jobs run whatever is voided.
pub(super) fn left_out(trace: &Trace, fact: &Fact) -> bool {
    let posting = &fact.entry.posting;
    let kept = posting.is_job() || matches!(posting, Posting::Release { .. });
    trace.voided.contains(&fact.event) && !kept
}

fn step_with(rules: &Rules, standing: &mut Standing, trace: &mut Trace, whole: bool, fact: &Fact) {
    (trace.taken, trace.consumed, trace.unlocked) = (Taken::default(), 0, 0);
    standing.last_key = standing.last_key.max(Some(fact.key));
    standing.facts += 1;
    let posting = &fact.entry.posting;
    if matches!(posting, Posting::Void { .. }) || left_out(trace, fact) {
        return;
    }
    Step { rules, standing, trace, whole, fact }.run(posting);
}

/// One step of the fold: the rules of the fact's version, the standing before it, and the fact.
struct Step<'a> {
    rules: &'a Rules,
    standing: &'a mut Standing,
    trace: &'a mut Trace,
    whole: bool,
    fact: &'a Fact,
}

impl Step<'_> {
    fn run(&mut self, posting: &Posting) {
        match posting {
            Posting::Award(award) => self.award(award),
            Posting::Bonus(bonus) => self.bonus(bonus),
            Posting::Adjust(adjust) => self.adjust(adjust),
            Posting::RemoveVisits { visits, units } => self.remove_visits(*visits, *units),
            Posting::Refund(refund) => self.refund(refund),
            Posting::Redeem(redemption) => self.redeem(redemption),
            Posting::Reinstate(reinstatement) => self.reinstate(reinstatement),
            Posting::RewardAdd { count, amount_minor } => self.reward_add(*count, *amount_minor),
            Posting::RewardRemove { count, why, .. } => self.reward_remove(*count, *why),
            Posting::Hold { sale, units, rewards, reward } => self.hold(*sale, *units, *rewards, reward.as_deref()),
            Posting::Release { sale } => self.release(*sale),
            Posting::Expire { until_ms, cause, .. } => self.expire(*until_ms, *cause),
            Posting::Mature { until_ms, .. } => self.mature(*until_ms),
            Posting::Transfer(moved) | Posting::Merge(moved) => self.moved(moved),
            Posting::Opening(carried) => self.carry_in(carried),
            Posting::Coupon { coupon, step } => self.coupon(*coupon, step),
            Posting::Void { .. } => {}
        }
        if !posting.is_job() {
            self.activity();
        }
        let by_hand = match posting {
            Posting::Award(award) => matches!(award.source, AwardSource::Stamps | AwardSource::Purchase),
            Posting::Refund(refund) => refund.typed,
            Posting::Adjust(_)
            | Posting::RemoveVisits { .. }
            | Posting::RewardAdd { .. }
            | Posting::RewardRemove { .. } => true,
            _ => false,
        };
        if by_hand {
            let count = match self.fact.role {
                Role::Cashier => &mut self.standing.hand,
                Role::Manager | Role::Admin => &mut self.standing.hand_of_managers,
            };
            DayCount::add(count, self.fact.at.date(), 1);
        }
    }

    fn activity(&mut self) {
        let at = &self.fact.at;
        self.standing.last_activity_ms = self.standing.last_activity_ms.max(Some(at.ms));
        self.standing.inactive_ms = self.standing.inactive_ms.max(calendar::inactive_ms(self.rules, at));
    }

    fn award(&mut self, award: &Award) {
        let counters = &mut self.standing.counters;
        add(&mut counters.tx_amount_minor, award.amount_minor);
        add(&mut counters.ltv_minor, award.amount_minor);
        if self.rules.carries() {
            add(&mut counters.stepped_minor, award.earning_minor);
        }
        let lot = self.lot(award.units, award.expires_ms);
        match award.matures_ms {
            Some(matures_ms) if award.units > 0 => {
                self.standing.pending.push(Pending { award: self.fact.entry.id, matures_ms, lot });
            }
            _ => self.earn(lot, Qualifies::Yes),
        }
        self.transaction(award);
        if award.units > 0 {
            let (ms, today) = (self.fact.at.ms, self.fact.at.date());
            self.standing.first_earned = true;
            self.standing.last_base_ms = self.standing.last_base_ms.max(Some(ms));
            DayCount::add(&mut self.standing.day, today, award.units);
        }
        award.campaigns.iter().for_each(|name| self.join(name));
        if self.whole && matches!(award.source, AwardSource::Purchase | AwardSource::Sale) {
            let sale = SaleState::new(self.fact, award);
            let known = self.trace.sales.entry(self.fact.event).or_insert_with(|| sale.clone());
            // The redemption of the same bill came first and opened the record.
            *known = SaleState { redemption: known.redemption.take(), taken: std::mem::take(&mut known.taken), ..sale };
        }
    }

    /// One visit and one order per transaction, whatever is added to it (X06).
    fn transaction(&mut self, award: &Award) {
        let visit = match self.rules.visits.earn {
            CountEarns::Always => true,
            CountEarns::WhenAwarded => award.units > 0,
        };
        let order = matches!(award.source, AwardSource::Purchase | AwardSource::Sale);
        let ms = self.fact.at.ms;
        self.standing.recent.retain(|recent| {
            let age_ms = ms.saturating_sub(recent.ms);
            // As long as the till's number stands for that sale.
            if recent.transaction.txn_id.is_some() { age_ms < TXN_KEPT_MS } else { age_ms <= RECENT_MS }
        });
        let fact = self.fact;
        let txn = fact.txn_id.as_deref().map(|txn_id| (fact.key.device, txn_id));
        let known = self.standing.recent.iter().rposition(|recent| recent.transaction.is(fact.visit, txn));
        let index = known.unwrap_or_else(|| {
            self.standing.recent.push(Recent {
                transaction: self.this_transaction(),
                ms,
                units: 0,
                visited: false,
                ordered: false,
            });
            self.standing.recent.len() - 1
        });
        let recent = &mut self.standing.recent[index];
        let (visit, order) = (visit && !recent.visited, order && !recent.ordered);
        recent.visited |= visit;
        recent.ordered |= order;
        recent.ms = recent.ms.max(ms);
        add(&mut recent.units, award.units);
        recent.transaction.txn_id = recent.transaction.txn_id.take().or_else(|| fact.txn_id.clone());
        self.count_visit(visit);
        add(&mut self.standing.counters.orders, i64::from(order));
    }

    fn this_transaction(&self) -> Transaction {
        let fact = self.fact;
        Transaction { event: fact.event, device: fact.key.device, visit: fact.visit, txn_id: fact.txn_id.clone() }
    }

    fn count_visit(&mut self, counts: bool) {
        if counts {
            add(&mut self.standing.counters.visits, 1);
            self.standing.last_visit_ms = self.standing.last_visit_ms.max(Some(self.fact.at.ms));
        }
    }

    fn join(&mut self, name: &str) {
        let ms = self.fact.at.ms;
        self.standing.campaigns.retain(|joined| joined.ends_ms.is_none_or(|ends_ms| ms < ends_ms));
        if self.standing.campaigns.iter().all(|joined| joined.name != name) {
            let until = self.rules.campaign(name).and_then(|campaign| campaign.until);
            let ends_ms = until.map(|last| self.fact.at.end_of_day_ms(last));
            self.standing.campaigns.push(Joined { name: name.to_owned(), ends_ms });
        }
    }

    fn bonus(&mut self, bonus: &Bonus) {
        match &bonus.kind {
            BonusKind::Birthday => {
                let transaction = self.this_transaction();
                self.standing.birthday = Some(BirthdayUse { date: self.fact.at.date(), transaction });
            }
            BonusKind::Referrer { .. } | BonusKind::Friend { .. } => {
                add(&mut self.standing.counters.referral_earned, bonus.units);
            }
            BonusKind::Campaign { name } => self.join(name),
            BonusKind::First => {}
        }
        let lot = self.lot(bonus.units, bonus.expires_ms);
        self.earn(lot, Qualifies::No);
    }

    fn lot(&self, units: i64, expires_ms: Option<i64>) -> Lot {
        Lot { expires_ms: expires_ms.unwrap_or(i64::MAX), since_ms: self.fact.at.ms, units: units.max(0) }
    }

    /// Units that the customer earned with this fact: the lifetime counter rises, and the balance.
    fn earn(&mut self, lot: Lot, qualifies: Qualifies) {
        self.earn_at(self.fact.at.ms, lot, qualifies);
    }

    fn earn_at(&mut self, at_ms: i64, lot: Lot, qualifies: Qualifies) {
        if lot.units <= 0 {
            return;
        }
        add(&mut self.standing.counters.earned, lot.units);
        self.standing.last_earned_ms = self.standing.last_earned_ms.max(Some(at_ms));
        if qualifies == Qualifies::Yes {
            add(&mut self.standing.counters.qualifying, lot.units);
        }
        self.credit(lot);
        self.unlock();
    }

    /// Units that come in repay a debt first, then fill a negative balance, then repay overdrawn points.
    fn credit(&mut self, mut lot: Lot) {
        let standing = &mut *self.standing;
        if self.rules.kind.is_stamps() {
            repay(&mut standing.debt, &mut lot.units);
        }
        repay(&mut standing.owed, &mut lot.units);
        if !self.rules.kind.is_stamps() {
            repay(&mut standing.overdraft, &mut lot.units);
        }
        lots::add(&mut standing.lots, lot);
    }

    /// Takes units from the lots; answers what they lacked.
    fn debit(&mut self, units: i64) -> i64 {
        let taken = lots::take(&mut self.standing.lots, units);
        let lacking = units.max(0) - lots::total(&taken);
        self.trace.taken.lots.extend(taken);
        lacking
    }

    /// Repeats the unlock while the balance reaches the goal. A reward redeemed before it existed is repaid first.
    fn unlock(&mut self) {
        let (rules, standing) = (self.rules, &mut *self.standing);
        if rules.goals.is_empty() || !rules.kind.is_stamps() {
            return;
        }
        let free = lots::total(&standing.lots).saturating_sub(standing.claimed);
        let Some(unlocked) = rewards::unlocked(&rules.goals, standing.next_goal as usize, free) else { return };
        standing.next_goal = unlocked.next_goal as u32;
        match rules.consume {
            Consume::Unlock => {
                lots::take(&mut standing.lots, unlocked.consumed);
                add(&mut self.trace.consumed, unlocked.consumed);
            }
            Consume::Redeem => add(&mut standing.claimed, unlocked.consumed),
        }
        let expires_ms = calendar::reward_end_ms(rules, &self.fact.at);
        for (index, mut count) in unlocked.counts.into_iter().enumerate() {
            if count == 0 {
                continue;
            }
            add(&mut standing.counters.rewards_earned, count);
            repay(&mut standing.overdraft, &mut count);
            add(&mut self.trace.unlocked, count);
            let units_each = if rules.consume == Consume::Redeem { rewards::step_of(&rules.goals, index) } else { 0 };
            let (since_ms, by) = (self.fact.at.ms, self.fact.event);
            let name = rules.goals[index].reward.clone();
            rewards::add(&mut standing.rewards, RewardLot { expires_ms, since_ms, by, name, units_each, count });
        }
        standing.last_reward_earned_ms = standing.last_reward_earned_ms.max(Some(self.fact.at.ms));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Qualifies {
    Yes,
    No,
}

fn add(total: &mut i64, more: i64) {
    *total = total.saturating_add(more);
}

fn sub(total: &mut i64, less: i64) {
    *total = total.saturating_sub(less).max(0);
}

/// Takes from `units` what `owed` needs, and lowers both by it.
fn repay(owed: &mut i64, units: &mut i64) {
    let part = (*owed).min(*units).max(0);
    *owed -= part;
    *units -= part;
}
