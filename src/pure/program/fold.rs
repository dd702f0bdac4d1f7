//! The fold: facts of one card give its standing. One function on device and hub, so that a chain agrees with itself.

use std::collections::BTreeSet;

use super::rules::{ByAmount, Consume, CountEarns, Rulebook, Rules, Shortfall};
use super::sales::{SaleState, Taken, Trace, due_with_carry};
use super::standing::{
    BirthdayUse, CouponStage, CouponState, DayCount, Held, Joined, RECENT_MS, Recent, Standing, TXN_KEPT_MS,
    Transaction,
};
use super::{calendar, lots, rewards};
use crate::pure::domain::entry::{
    Adjust, Award, AwardSource, Bonus, BonusKind, Carried, Counters, CouponStep, Direction, Lapse, Lot, Moved, Pending,
    Redemption, Refund, Reinstatement, RemoveReason, RewardLot,
};
use crate::pure::domain::{CouponId, Fact, Posting, SaleId};

/// Whether [`apply`] could take a fact.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The standing counts it now.
    Done,
    /// A void changes what lies behind it: the standing is unchanged, [`fold()`] all facts instead.
    NeedsFold,
}

/// The standing that `facts` of one card give, in any order and with any repetition.
pub fn fold(book: &Rulebook, facts: &[Fact]) -> Standing {
    replay(book, facts, &BTreeSet::new()).0
}

/// Counts one more fact, later than all before. It trusts what the fact says of its sale; facts of other devices that
/// may contradict each other are taken by [`fold()`].
pub fn apply(book: &Rulebook, standing: &mut Standing, fact: &Fact) -> Applied {
    if matches!(fact.entry.posting, Posting::Void { .. }) {
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
pub(super) fn voided(facts: &[&Fact]) -> BTreeSet<crate::pure::domain::EventId> {
    let named = facts.iter().filter_map(|fact| match fact.entry.posting {
        Posting::Void { event } => Some(event),
        _ => None,
    });
    named.collect()
}

/// The whole fold, with `leave_out` voided on top, and what it knows beyond the standing.
pub(super) fn replay(
    book: &Rulebook,
    facts: &[Fact],
    leave_out: &BTreeSet<crate::pure::domain::EventId>,
) -> (Standing, Trace) {
    let facts = sorted(facts);
    let mut standing = Standing::default();
    let mut trace = Trace { voided: voided(&facts), ..Trace::default() };
    trace.voided.extend(leave_out);
    for fact in facts {
        step(book.at(fact.rule()), &mut standing, Some(&mut trace), fact);
    }
    (standing, trace)
}

/// Counts one fact by its own numbers, and tells what it took.
pub(super) fn step_blind(rules: &Rules, standing: &mut Standing, fact: &Fact) -> Taken {
    let mut trace = Trace::default();
    step_with(rules, standing, &mut trace, false, fact);
    trace.taken
}

/// Counts one fact. Without a trace the fact's own numbers of its sale are taken.
pub(super) fn step(rules: &Rules, standing: &mut Standing, trace: Option<&mut Trace>, fact: &Fact) {
    match trace {
        Some(trace) => step_with(rules, standing, trace, true, fact),
        None => step_with(rules, standing, &mut Trace::default(), false, fact),
    }
}

fn step_with(rules: &Rules, standing: &mut Standing, trace: &mut Trace, whole: bool, fact: &Fact) {
    trace.taken = Taken::default();
    standing.last_key = standing.last_key.max(Some(fact.key));
    standing.facts += 1;
    let posting = &fact.entry.posting;
    if matches!(posting, Posting::Void { .. }) || (trace.voided.contains(&fact.event) && !posting.is_job()) {
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
            DayCount::add(&mut self.standing.hand, self.fact.at.date(), 1);
        }
    }

    fn activity(&mut self) {
        let at = &self.fact.at;
        self.standing.last_activity_ms = self.standing.last_activity_ms.max(Some(at.ms));
        self.standing.inactive_ms = self.standing.inactive_ms.max(calendar::inactive_ms(self.rules, at));
    }

    // ---- awards

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
            let kept_ms = if recent.transaction.txn_id.is_some() { TXN_KEPT_MS } else { RECENT_MS };
            ms.saturating_sub(recent.ms) <= kept_ms
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

    /// Units that the customer earned: the lifetime counter rises, and the balance.
    fn earn(&mut self, lot: Lot, qualifies: Qualifies) {
        if lot.units <= 0 {
            return;
        }
        add(&mut self.standing.counters.earned, lot.units);
        self.standing.last_earned_ms = self.standing.last_earned_ms.max(Some(self.fact.at.ms));
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
            let units_each = if rules.consume == Consume::Redeem { rewards::step_of(&rules.goals, index) } else { 0 };
            let (since_ms, by) = (self.fact.at.ms, self.fact.event);
            let name = rules.goals[index].reward.clone();
            rewards::add(&mut standing.rewards, RewardLot { expires_ms, since_ms, by, name, units_each, count });
        }
        standing.last_reward_earned_ms = standing.last_reward_earned_ms.max(Some(self.fact.at.ms));
    }

    // ---- corrections

    fn adjust(&mut self, adjust: &Adjust) {
        if adjust.value > 0 {
            add(&mut self.standing.counters.ltv_minor, adjust.purchase_minor.unwrap_or(0));
            let lot = self.lot(adjust.value, adjust.expires_ms);
            self.earn(lot, Qualifies::No);
        } else {
            let units = adjust.value.saturating_neg();
            let lacking = self.debit(units);
            add(&mut self.trace.uncovered, lacking);
            if self.rules.kind.is_stamps() {
                add(&mut self.standing.counters.shortfall, lacking);
                self.hold_claims();
            } else {
                add(&mut self.standing.overdraft, lacking);
                self.redeemed(units);
            }
        }
        self.count_visit(self.rules.visits.manual);
    }

    fn redeemed(&mut self, units: i64) {
        if units > 0 {
            add(&mut self.standing.counters.redeemed, units);
            self.standing.last_redeemed_ms = self.standing.last_redeemed_ms.max(Some(self.fact.at.ms));
        }
    }

    fn remove_visits(&mut self, visits: i64, units: i64) {
        let counters = &mut self.standing.counters;
        counters.visits = counters.visits.saturating_sub(visits.max(0)).max(0);
        self.take_due(units);
    }

    /// Removes what is due at most; the rest is written off, owed, or taken below zero as the rules say (X08).
    fn take_due(&mut self, due: i64) {
        let lacking = self.debit(due);
        if lacking <= 0 {
            self.hold_claims();
            return;
        }
        if !self.rules.kind.is_stamps() && self.rules.negative_on_refund {
            add(&mut self.standing.owed, lacking);
        } else if self.rules.kind.is_stamps() && self.rules.shortfall == Shortfall::Debt {
            add(&mut self.standing.debt, lacking);
        } else {
            add(&mut self.standing.counters.shortfall, lacking);
        }
        self.hold_claims();
    }

    /// Stamps behind unlocked rewards cannot be more than there are.
    fn hold_claims(&mut self) {
        let balance = lots::total(&self.standing.lots);
        self.standing.claimed = self.standing.claimed.clamp(0, balance);
    }

    fn refund(&mut self, refund: &Refund) {
        let Some((amount, earning, due)) = self.refund_of(refund) else { return };
        let counters = &mut self.standing.counters;
        add(&mut counters.tx_amount_minor, -amount);
        add(&mut counters.ltv_minor, -amount);
        if self.rules.carries() {
            add(&mut counters.stepped_minor, -earning);
        }
        let mut rest = due;
        if let Some(index) = self.standing.pending.iter().position(|pending| Some(pending.award) == refund.award) {
            repay(&mut self.standing.pending[index].lot.units, &mut rest);
            self.standing.pending.retain(|pending| pending.lot.units > 0);
        }
        add(&mut self.standing.counters.qualifying, -rest);
        self.take_due(rest);
    }

    /// What a refund counts for: its stored numbers, held to what is left of its sale and of the transaction amount when
    /// two devices took back the same; nothing where the sale was voided elsewhere.
    fn refund_of(&mut self, refund: &Refund) -> Option<(i64, i64, i64)> {
        let total = self.standing.counters.tx_amount_minor.max(0);
        let sale = match refund.of {
            Some(of) if self.trace.voided.contains(&of) => return None,
            Some(of) => self.trace.sales.get_mut(&of),
            None => None,
        };
        let left = sale.as_ref().map_or(i64::MAX, |sale| sale.left_minor);
        let asked = refund.amount_minor.max(0);
        let amount = asked.min(left).min(total);
        add(&mut self.trace.cut_minor, asked - amount);
        let (mut earning, mut due) = (refund.earning_minor, refund.due);
        if let Some(sale) = sale {
            if amount < asked {
                earning = sale.earning_of(amount);
                due = sale.due(amount, earning);
            }
            earning = earning.clamp(0, sale.earning_left_minor);
            sale.left_minor -= amount;
            sale.earning_left_minor -= earning;
        } else if amount < asked {
            earning = earning.min(amount);
            due = 0;
        }
        if let (true, ByAmount::Steps { step_minor, units_per_step, carry: true }) =
            (amount < asked, self.rules.earn.by_amount)
        {
            let stepped = self.standing.counters.stepped_minor;
            due = due_with_carry(stepped, stepped.saturating_sub(earning), step_minor, units_per_step);
        }
        Some((amount, earning, due.max(0)))
    }

    // ---- redemption

    fn redeem(&mut self, redemption: &Redemption) {
        if redemption.units > 0 {
            let lacking = self.debit(redemption.units);
            add(&mut self.standing.overdraft, lacking);
            add(&mut self.trace.uncovered, lacking);
            self.redeemed(redemption.units);
        }
        if redemption.rewards > 0 {
            self.use_rewards(redemption.rewards, redemption.reward.as_deref());
        }
        if self.whole {
            let blank = Award::blank(AwardSource::Sale);
            let fresh = || SaleState::new(self.fact, &blank);
            let sale = self.trace.sales.entry(self.fact.event).or_insert_with(fresh);
            sale.redemption = Some(redemption.clone());
            sale.taken = self.trace.taken.clone();
        }
    }

    /// Rewards leave by use; what was not there is an overdraft, which the next unlock repays.
    fn use_rewards(&mut self, count: i64, name: Option<&str>) {
        let taken = self.take_rewards(count, name);
        for lot in &taken {
            add(self.trace.used_of.entry(lot.by).or_default(), lot.count);
        }
        let lacking = count - rewards::count(&taken, None);
        add(&mut self.standing.overdraft, lacking);
        add(&mut self.trace.uncovered, lacking);
        add(&mut self.standing.counters.rewards_redeemed, count);
        self.standing.last_reward_redeemed_ms = self.standing.last_reward_redeemed_ms.max(Some(self.fact.at.ms));
        self.trace.taken.rewards.extend(taken);
    }

    /// Takes rewards, and the stamps that were to go with them.
    fn take_rewards(&mut self, count: i64, name: Option<&str>) -> Vec<RewardLot> {
        let taken = rewards::take(&mut self.standing.rewards, count, name);
        self.take_claims(&taken);
        if !taken.is_empty() {
            self.standing.last_reward_lapsed = false;
        }
        taken
    }

    fn take_claims(&mut self, taken: &[RewardLot]) {
        for lot in taken.iter().filter(|lot| lot.units_each > 0) {
            let units = lot.units_each.saturating_mul(lot.count).min(self.standing.claimed);
            self.debit(units);
            self.standing.claimed -= units;
        }
    }

    fn reinstate(&mut self, reinstatement: &Reinstatement) {
        if self.trace.voided.contains(&reinstatement.of) {
            return;
        }
        if let Some(sale) = self.trace.sales.get_mut(&reinstatement.of) {
            if sale.returned {
                return;
            }
            sale.returned = true;
        }
        for lot in &reinstatement.lots {
            sub(&mut self.standing.counters.redeemed, lot.units);
            self.credit(*lot);
        }
        for lot in &reinstatement.rewards {
            let mut lot = lot.clone();
            sub(&mut self.standing.counters.rewards_redeemed, lot.count);
            if let Some(used) = self.trace.used_of.get_mut(&lot.by) {
                *used -= lot.count;
            }
            repay(&mut self.standing.overdraft, &mut lot.count);
            let claims = lot.units_each.saturating_mul(lot.count);
            if claims > 0 {
                self.credit(Lot { expires_ms: i64::MAX, since_ms: lot.since_ms, units: claims });
                add(&mut self.standing.claimed, claims);
            }
            rewards::add(&mut self.standing.rewards, lot);
        }
    }

    fn reward_add(&mut self, count: i64, amount_minor: i64) {
        let (rules, at) = (self.rules, &self.fact.at);
        let name = rules.goals.first().map_or("reward", |goal| &goal.reward).to_owned();
        let expires_ms = calendar::reward_end_ms(rules, at);
        let lot = RewardLot { expires_ms, since_ms: at.ms, by: self.fact.event, name, units_each: 0, count };
        rewards::add(&mut self.standing.rewards, lot);
        add(&mut self.standing.counters.rewards_earned, count);
        add(&mut self.standing.counters.ltv_minor, amount_minor);
        self.standing.last_reward_earned_ms = self.standing.last_reward_earned_ms.max(Some(at.ms));
    }

    fn reward_remove(&mut self, count: i64, why: RemoveReason) {
        match why {
            RemoveReason::Redeem => self.use_rewards(count, None),
            RemoveReason::Correction | RemoveReason::Expired => {
                let taken = self.take_rewards(count, None);
                self.trace.taken.rewards.extend(taken);
            }
        }
    }

    fn hold(&mut self, sale: SaleId, units: i64, count: i64, name: Option<&str>) {
        let lots = lots::take(&mut self.standing.lots, units);
        let rewards = rewards::take(&mut self.standing.rewards, count, name);
        let lacking = (units - lots::total(&lots)).max(0) + (count - rewards::count(&rewards, None)).max(0);
        add(&mut self.trace.uncovered, lacking);
        self.trace.taken = Taken { lots: lots.clone(), rewards: rewards.clone() };
        self.standing.held.push(Held { sale, lots, rewards });
    }

    fn release(&mut self, sale: SaleId) {
        let Some(index) = self.standing.held.iter().position(|held| held.sale == sale) else { return };
        let held = self.standing.held.remove(index);
        held.lots.into_iter().for_each(|lot| self.credit(lot));
        held.rewards.into_iter().for_each(|lot| rewards::add(&mut self.standing.rewards, lot));
    }

    // ---- jobs

    fn expire(&mut self, until_ms: i64, cause: Lapse) {
        let until_lots_ms = if cause == Lapse::Inactivity { i64::MAX } else { until_ms };
        let lots = lots::take_ended(&mut self.standing.lots, until_lots_ms);
        add(&mut self.standing.counters.expired, lots::total(&lots));
        let rewards = rewards::take_ended(&mut self.standing.rewards, until_ms.min(i64::MAX - 1));
        if !rewards.is_empty() {
            add(&mut self.standing.counters.rewards_expired, rewards::count(&rewards, None));
            self.take_claims(&rewards);
            self.standing.last_reward_lapsed = true;
        }
        self.trace.taken.lots.extend(lots);
        self.trace.taken.rewards.extend(rewards);
        self.hold_claims();
    }

    fn mature(&mut self, until_ms: i64) {
        let (ripe, open): (Vec<Pending>, Vec<Pending>) =
            std::mem::take(&mut self.standing.pending).into_iter().partition(|pending| pending.matures_ms <= until_ms);
        self.standing.pending = open;
        ripe.into_iter().for_each(|pending| self.earn(pending.lot, Qualifies::Yes));
    }

    // ---- moves

    fn moved(&mut self, moved: &Moved) {
        match moved.direction {
            Direction::In => self.carry_in(&moved.carried),
            Direction::Out => self.carry_out(&moved.carried),
        }
    }

    fn carry_in(&mut self, carried: &Carried) {
        let standing = &mut *self.standing;
        combine(&mut standing.counters, &carried.counters, i64::saturating_add);
        standing.first_earned |= carried.first_earned;
        add(&mut standing.debt, carried.debt);
        add(&mut standing.overdraft, carried.overdraft);
        standing.pending.extend(carried.pending.iter().copied());
        carried.rewards.iter().for_each(|lot| rewards::add(&mut standing.rewards, lot.clone()));
        let claims =
            carried.rewards.iter().fold(0i64, |sum, lot| sum.saturating_add(lot.units_each.saturating_mul(lot.count)));
        add(&mut standing.claimed, claims);
        // Lots and what is owed meet here like points coming in and a debit.
        carried.lots.iter().for_each(|lot| self.credit(*lot));
        let lacking = self.debit(carried.owed);
        add(&mut self.standing.owed, lacking);
        self.hold_claims();
        self.unlock();
    }

    fn carry_out(&mut self, carried: &Carried) {
        let lacking = self.debit(lots::total(&carried.lots));
        add(&mut self.trace.uncovered, lacking);
        add(&mut self.standing.overdraft, if self.rules.kind.is_stamps() { 0 } else { lacking });
        let taken = rewards::take(&mut self.standing.rewards, rewards::count(&carried.rewards, None), None);
        for lot in &taken {
            add(self.trace.used_of.entry(lot.by).or_default(), lot.count);
        }
        let standing = &mut *self.standing;
        combine(&mut standing.counters, &carried.counters, i64::saturating_sub);
        for (held, moved) in [
            (&mut standing.owed, carried.owed),
            (&mut standing.debt, carried.debt),
            (&mut standing.overdraft, carried.overdraft),
        ] {
            *held = held.saturating_sub(moved).max(0);
        }
        standing.pending.retain(|pending| carried.pending.iter().all(|moved| moved.award != pending.award));
        self.trace.taken.rewards.extend(taken);
        self.standing.claimed = 0;
        self.hold_claims();
    }

    fn coupon(&mut self, coupon: CouponId, step: &CouponStep) {
        let standing = &mut *self.standing;
        let known = standing.coupons.iter_mut().find(|state| state.id == coupon);
        match (step, known) {
            (CouponStep::Assigned(terms), None) => {
                standing.coupons.push(CouponState { id: coupon, terms: terms.clone(), stage: CouponStage::Assigned });
            }
            (CouponStep::Claimed, Some(state)) if state.stage == CouponStage::Assigned => {
                state.stage = CouponStage::Claimed;
                let counts = &mut standing.coupon_counts;
                add(if state.terms.entry { &mut counts.entry_claimed } else { &mut counts.coupons_claimed }, 1);
            }
            (CouponStep::Used, Some(state)) if matches!(state.stage, CouponStage::Assigned | CouponStage::Claimed) => {
                state.stage = CouponStage::Used;
                let counts = &mut standing.coupon_counts;
                add(if state.terms.entry { &mut counts.entry_used } else { &mut counts.coupons_used }, 1);
            }
            (CouponStep::Voided, Some(state)) if state.stage != CouponStage::Used => state.stage = CouponStage::Voided,
            _ => {}
        }
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

fn combine(into: &mut Counters, other: &Counters, with: fn(i64, i64) -> i64) {
    let pairs = [
        (&mut into.earned, other.earned),
        (&mut into.redeemed, other.redeemed),
        (&mut into.expired, other.expired),
        (&mut into.qualifying, other.qualifying),
        (&mut into.tx_amount_minor, other.tx_amount_minor),
        (&mut into.stepped_minor, other.stepped_minor),
        (&mut into.ltv_minor, other.ltv_minor),
        (&mut into.visits, other.visits),
        (&mut into.orders, other.orders),
        (&mut into.rewards_earned, other.rewards_earned),
        (&mut into.rewards_redeemed, other.rewards_redeemed),
        (&mut into.rewards_expired, other.rewards_expired),
        (&mut into.referral_earned, other.referral_earned),
        (&mut into.shortfall, other.shortfall),
    ];
    for (total, part) in pairs {
        *total = with(*total, part);
    }
}
