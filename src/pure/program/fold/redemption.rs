//! The fold of rewards and redeemed points: used, reinstated, given, removed, set aside by an open sale.

use super::{Step, add, repay, sub};
use crate::pure::domain::SaleId;
use crate::pure::domain::entry::{Award, AwardSource, Lot, Redemption, Reinstatement, RewardLot};
use crate::pure::domain::explanation::Taken;
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::standing::Held;
use crate::pure::program::sales::SaleState;
use crate::pure::program::{calendar, lots, rewards};

impl Step<'_> {
    pub(super) fn redeem(&mut self, redemption: &Redemption) {
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
    pub(super) fn use_rewards(&mut self, count: i64, name: Option<&str>) {
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
    pub(super) fn take_rewards(&mut self, count: i64, name: Option<&str>) -> Vec<RewardLot> {
        let taken = rewards::take(&mut self.standing.rewards, count, name);
        self.take_claims(&taken);
        if !taken.is_empty() {
            self.standing.last_reward_lapsed = false;
        }
        taken
    }

    pub(super) fn take_claims(&mut self, taken: &[RewardLot]) {
        for lot in taken.iter().filter(|lot| lot.units_each > 0) {
            let units = lot.units_each.saturating_mul(lot.count).min(self.standing.claimed);
            self.debit(units);
            self.standing.claimed -= units;
        }
    }

    pub(super) fn reinstate(&mut self, reinstatement: &Reinstatement) {
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

    pub(super) fn reward_add(&mut self, count: i64, amount_minor: i64) {
        let (rules, at) = (self.rules, &self.fact.at);
        let name = rules.goals.first().map_or("reward", |goal| &goal.reward).to_owned();
        let expires_ms = calendar::reward_end_ms(rules, at);
        let lot = RewardLot { expires_ms, since_ms: at.ms, by: self.fact.event, name, units_each: 0, count };
        rewards::add(&mut self.standing.rewards, lot);
        add(&mut self.standing.counters.rewards_earned, count);
        add(&mut self.standing.counters.ltv_minor, amount_minor);
        self.standing.last_reward_earned_ms = self.standing.last_reward_earned_ms.max(Some(at.ms));
    }

    pub(super) fn reward_remove(&mut self, count: i64, why: RemoveReason) {
        match why {
            RemoveReason::Redeem => self.use_rewards(count, None),
            RemoveReason::Correction | RemoveReason::Expired => {
                let taken = self.take_rewards(count, None);
                self.standing.last_reward_lapsed |= why == RemoveReason::Expired && !taken.is_empty();
                self.trace.taken.rewards.extend(taken);
            }
        }
    }

    pub(super) fn hold(&mut self, sale: SaleId, units: i64, count: i64, name: Option<&str>) {
        let lots = lots::take(&mut self.standing.lots, units);
        let rewards = rewards::take(&mut self.standing.rewards, count, name);
        let lacking = (units - lots::total(&lots)).max(0) + (count - rewards::count(&rewards, None)).max(0);
        add(&mut self.trace.uncovered, lacking);
        self.standing.last_reward_lapsed &= rewards.is_empty();
        self.trace.taken = Taken { lots: lots.clone(), rewards: rewards.clone() };
        self.standing.held.push(Held { sale, lots, rewards });
    }

    pub(super) fn release(&mut self, sale: SaleId) {
        let Some(index) = self.standing.held.iter().position(|held| held.sale == sale) else { return };
        let held = self.standing.held.remove(index);
        held.lots.into_iter().for_each(|lot| self.credit(lot));
        held.rewards.into_iter().for_each(|lot| rewards::add(&mut self.standing.rewards, lot));
    }
}
