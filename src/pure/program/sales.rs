//! What is left of each sale: kept by a whole fold only, as a card's standing must not grow with its age.

use std::collections::{BTreeMap, BTreeSet};

use super::round;
use crate::pure::domain::entry::{Award, Redemption, Terms};
use crate::pure::domain::explanation::Taken;
use crate::pure::domain::{EntryId, EventId, Fact, FactKey, RuleVersion, SaleId};

/// What is left of one sale or purchase.
#[derive(Clone, Debug, PartialEq)]
pub struct SaleState {
    /// The entry of its award.
    pub entry: EntryId,
    /// The version of the rules under which it was made.
    pub rule: RuleVersion,
    /// The award as stored.
    pub award: Award,
    /// The till's number.
    pub txn_id: Option<String>,
    /// Our number.
    pub sale: Option<SaleId>,
    /// What is left of the paid amount.
    pub left_minor: i64,
    /// What is left of the part that earned.
    pub earning_left_minor: i64,
    /// Units that the refunds of it took which stand.
    pub refunded_units: i64,
    /// What was redeemed on its bill.
    pub redemption: Option<Redemption>,
    /// The lots and rewards that the redemption took.
    pub taken: Taken,
    /// It was returned in full, and what was redeemed came back.
    pub returned: bool,
}

/// What a whole fold knows beyond the standing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace {
    /// Sales and purchases by event.
    pub sales: BTreeMap<EventId, SaleState>,
    /// Events left out.
    pub voided: BTreeSet<EventId>,
    /// Where jobs run again: from the first fact of an event that is left out to its void, or to the end.
    pub again: Vec<(FactKey, Option<FactKey>)>,
    /// How many rewards that an event unlocked were used.
    pub used_of: BTreeMap<EventId, i64>,
    /// Units and rewards redeemed or removed by hand that were not there.
    pub uncovered: i64,
    /// Amounts of refunds that were not there.
    pub cut_minor: i64,
    /// What the fact counted last took.
    pub taken: Taken,
    /// Stamps that the unlocks of the fact counted last consumed.
    pub consumed: i64,
    /// Rewards that these unlocks made available, after what repaid an overdraft.
    pub unlocked: i64,
}

impl SaleState {
    pub(super) fn new(fact: &Fact, award: &Award) -> Self {
        Self {
            entry: fact.entry.id,
            rule: fact.rule(),
            award: award.clone(),
            txn_id: fact.txn_id.clone(),
            sale: fact.sale,
            left_minor: award.amount_minor,
            earning_left_minor: award.earning_minor,
            refunded_units: 0,
            redemption: None,
            taken: Taken::default(),
            returned: false,
        }
    }

    /// Counts a part that was brought back.
    pub(super) fn take(&mut self, amount_minor: i64, earning_minor: i64, due: i64) {
        self.left_minor -= amount_minor;
        self.earning_left_minor -= earning_minor;
        self.refunded_units = self.refunded_units.saturating_add(due.max(0));
    }

    /// The part of the earning amount that goes with `amount_minor` of what is left: all of it with the last part, else in
    /// proportion, rounded down.
    pub(super) fn earning_of(&self, amount_minor: i64) -> i64 {
        if amount_minor >= self.left_minor {
            return self.earning_left_minor;
        }
        if self.earning_left_minor == self.left_minor {
            return amount_minor;
        }
        round::rate_down(self.earning_left_minor, amount_minor, self.left_minor).clamp(0, self.earning_left_minor)
    }

    /// Units due when `amount_minor` with `earning_minor` goes: the award less the award of what is left after, at the
    /// stored rate, less what the parts that stand took, so that the parts always sum to the award (RULES.md section 2),
    /// also when one between them was voided.
    pub(super) fn due(&self, amount_minor: i64, earning_minor: i64) -> i64 {
        let (left, earning) = (self.left_minor - amount_minor, self.earning_left_minor - earning_minor);
        let whole = self.award_of(self.award.amount_minor, self.award.earning_minor);
        whole.saturating_sub(self.award_of(left, earning)).saturating_sub(self.refunded_units).max(0)
    }

    fn award_of(&self, left_minor: i64, earning_minor: i64) -> i64 {
        if left_minor <= 0 {
            return 0;
        }
        let by_amount = match &self.award.terms {
            Terms::Nothing => 0,
            // The base of a visit goes with the part that leaves nothing.
            Terms::Fixed => self.award.units.saturating_sub(self.award.item_units),
            Terms::Rate { num, den, rounding } => round::rate(earning_minor, *num, *den, *rounding),
            // With carry on the total decides, not this sale (X09): `decide` and the fold ask the total instead.
            Terms::Steps { step_minor, units_per_step, .. } => {
                round::full_steps(earning_minor, *step_minor).saturating_mul(*units_per_step)
            }
        };
        by_amount.saturating_add(self.award.item_units)
    }
}

/// Units due on a card with carry when the cumulative amount falls (RULES.md X09).
pub(super) fn due_with_carry(before_minor: i64, after_minor: i64, step_minor: i64, units_per_step: i64) -> i64 {
    round::full_steps(before_minor, step_minor)
        .saturating_sub(round::full_steps(after_minor, step_minor))
        .saturating_mul(units_per_step)
}
