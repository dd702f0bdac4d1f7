//! The fold of jobs, of moves between cards, and of coupons.

use super::{Qualifies, Step, add, repay};
use crate::pure::domain::CouponId;
use crate::pure::domain::entry::{Carried, Counters, CouponStep, Direction, Lapse, Moved, Pending};
use crate::pure::domain::standing::{CouponCounts, CouponStage, CouponState};
use crate::pure::program::{calendar, lots, rewards};

impl Step<'_> {
    pub(super) fn expire(&mut self, until_ms: i64, cause: Lapse) {
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

    pub(super) fn mature(&mut self, until_ms: i64) {
        let (ripe, open): (Vec<Pending>, Vec<Pending>) =
            std::mem::take(&mut self.standing.pending).into_iter().partition(|pending| pending.matures_ms <= until_ms);
        self.standing.pending = open;
        // Earned on the day on which they ripened, whenever that is posted.
        ripe.into_iter().for_each(|pending| self.earn_at(pending.matures_ms, pending.lot, Qualifies::Yes));
    }

    pub(super) fn moved(&mut self, moved: &Moved) {
        match moved.direction {
            Direction::In => self.carry_in(&moved.carried),
            Direction::Out => self.carry_out(&moved.carried),
        }
    }

    pub(super) fn carry_in(&mut self, carried: &Carried) {
        let standing = &mut *self.standing;
        combine(&mut standing.counters, &carried.counters, i64::saturating_add);
        combine_coupons(&mut standing.coupon_counts, &carried.coupon_counts, i64::saturating_add);
        let known: Vec<CouponId> = standing.coupons.iter().map(|state| state.id).collect();
        let brought = carried.coupons.iter().filter(|state| !known.contains(&state.id));
        standing.coupons.extend(brought.cloned());
        standing.first_earned |= carried.first_earned;
        let last = &carried.last;
        standing.last_earned_ms = standing.last_earned_ms.max(last.earned_ms);
        standing.last_redeemed_ms = standing.last_redeemed_ms.max(last.redeemed_ms);
        standing.last_reward_earned_ms = standing.last_reward_earned_ms.max(last.reward_earned_ms);
        standing.last_reward_redeemed_ms = standing.last_reward_redeemed_ms.max(last.reward_redeemed_ms);
        standing.last_visit_ms = standing.last_visit_ms.max(last.visit_ms);
        add(&mut standing.overdraft, carried.overdraft);
        standing.pending.extend(carried.pending.iter().copied());
        carried.rewards.iter().for_each(|lot| rewards::add(&mut standing.rewards, lot.clone()));
        let claims =
            carried.rewards.iter().fold(0i64, |sum, lot| sum.saturating_add(lot.units_each.saturating_mul(lot.count)));
        add(&mut standing.claimed, claims);
        // Lots and what is owed meet here like points coming in and a debit.
        carried.lots.iter().for_each(|lot| self.credit(*lot));
        let lacking = self.debit(carried.debt);
        add(&mut self.standing.debt, lacking);
        let lacking = self.debit(carried.owed);
        add(&mut self.standing.owed, lacking);
        self.hold_claims();
        self.unlock();
    }

    pub(super) fn carry_out(&mut self, carried: &Carried) {
        let lacking = self.debit(lots::total(&carried.lots));
        add(&mut self.trace.uncovered, lacking);
        add(&mut self.standing.overdraft, if self.rules.kind.is_stamps() { 0 } else { lacking });
        let moved = rewards::count(&carried.rewards, None);
        let taken = rewards::take(&mut self.standing.rewards, moved, None);
        add(&mut self.trace.uncovered, moved - rewards::count(&taken, None));
        for lot in &taken {
            add(self.trace.used_of.entry(lot.by).or_default(), lot.count);
        }
        let standing = &mut *self.standing;
        standing.last_reward_lapsed &= taken.is_empty();
        // Two devices may each have moved the card's totals away: what is gone already is not taken again.
        let less = |total: i64, part: i64| total.saturating_sub(part).max(total.min(0));
        combine(&mut standing.counters, &carried.counters, less);
        combine_coupons(&mut standing.coupon_counts, &carried.coupon_counts, less);
        standing.coupons.retain(|state| carried.coupons.iter().all(|moved| moved.id != state.id));
        // What left as owed and is owed no more, because the refund behind it was voided, was paid by the other card all the
        // same: it is this card's credit. Rewards that were overdrawn are no units.
        let (mut owed, mut debt, mut overdraft) = (carried.owed, carried.debt, carried.overdraft);
        repay(&mut standing.owed, &mut owed);
        repay(&mut standing.debt, &mut debt);
        repay(&mut standing.overdraft, &mut overdraft);
        let paid = [owed, debt, if self.rules.kind.is_stamps() { 0 } else { overdraft }];
        let paid = paid.into_iter().fold(0, |sum: i64, units| sum.saturating_add(units.max(0)));
        standing.pending.retain(|pending| carried.pending.iter().all(|moved| moved.award != pending.award));
        self.trace.taken.rewards.extend(taken);
        self.standing.claimed = 0;
        self.hold_claims();
        if paid > 0 {
            let lot = self.lot(paid, calendar::lot_end_ms(self.rules, &self.fact.at));
            self.credit(lot);
            self.unlock();
        }
    }

    pub(super) fn coupon(&mut self, coupon: CouponId, step: &CouponStep) {
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

fn combine_coupons(into: &mut CouponCounts, other: &CouponCounts, with: fn(i64, i64) -> i64) {
    let pairs = [
        (&mut into.coupons_claimed, other.coupons_claimed),
        (&mut into.coupons_used, other.coupons_used),
        (&mut into.entry_claimed, other.entry_claimed),
        (&mut into.entry_used, other.entry_used),
    ];
    for (total, part) in pairs {
        *total = with(*total, part);
    }
}
