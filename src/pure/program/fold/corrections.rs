//! The fold of what is taken back: entries by hand, removed visits, refunds.

use super::{Qualifies, Step, add, repay};
use crate::pure::domain::entry::{Adjust, Refund};
use crate::pure::program::lots;
use crate::pure::program::rules::{ByAmount, Shortfall};
use crate::pure::program::sales::due_with_carry;

impl Step<'_> {
    pub(super) fn adjust(&mut self, adjust: &Adjust) {
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

    pub(super) fn redeemed(&mut self, units: i64) {
        if units > 0 {
            add(&mut self.standing.counters.redeemed, units);
            self.standing.last_redeemed_ms = self.standing.last_redeemed_ms.max(Some(self.fact.at.ms));
        }
    }

    pub(super) fn remove_visits(&mut self, visits: i64, units: i64) {
        let counters = &mut self.standing.counters;
        counters.visits = counters.visits.saturating_sub(visits.max(0)).max(0);
        self.take_due(units);
    }

    /// Removes what is due at most; the rest is written off, owed, or taken below zero as the rules say (X08).
    pub(super) fn take_due(&mut self, due: i64) {
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
    pub(super) fn hold_claims(&mut self) {
        let balance = lots::total(&self.standing.lots);
        self.standing.claimed = self.standing.claimed.clamp(0, balance);
    }

    pub(super) fn refund(&mut self, refund: &Refund) {
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
    pub(super) fn refund_of(&mut self, refund: &Refund) -> Option<(i64, i64, i64)> {
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
            sale.take(amount, earning, due);
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
}
