//! Limits: the interval between earns, base units per transaction, day and window, and what each role may do by hand.

use super::decide::{Ask, Judge};
use super::round;
use super::rules::RoleLimits;
use super::standing::{DayCount, Standing};
use crate::pure::domain::{Refusal, RefusalCode, Role};

/// Base units so far, as limits count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// In this transaction.
    pub in_transaction: i64,
    /// On this local day.
    pub in_day: i64,
}

/// Base units of this transaction and of this local day so far. Bonuses and corrections do not count.
pub(super) fn used(ask: &Ask, standing: &Standing) -> Used {
    Used {
        in_transaction: standing.recent_here(ask.visit, ask.txn_id).map_or(0, |recent| recent.units),
        in_day: DayCount::on(&standing.day, ask.at.date()),
    }
}

/// Refuses base units that the limits do not pass; the whole entry, never a part of it.
pub(super) fn judge_earn(ask: &Ask, standing: &Standing, units: i64, adds_to_visit: bool, judge: &mut Judge) {
    if units <= 0 {
        return;
    }
    let limits = &ask.rules().limits;
    let recent = standing.recent_here(ask.visit, ask.txn_id);
    // The interval was asked when the visit first earned; what is added to it is the same visit (DESIGN.md section 7).
    let same_visit = adds_to_visit && recent.is_some_and(|recent| recent.units > 0);
    if let (Some(interval_s), Some(last_ms), false) = (limits.interval_s, standing.last_base_ms, same_visit) {
        let elapsed_ms = ask.at.ms.saturating_sub(last_ms).max(0);
        let wait_ms = interval_s.saturating_mul(1000).saturating_sub(elapsed_ms);
        if wait_ms > 0 {
            judge.refuse(Refusal::new(RefusalCode::TooSoon).retry_after_s(round::seconds_up(wait_ms)));
        }
    }
    let used = used(ask, standing);
    let in_day = limits.per_day.map(|most| most.saturating_sub(used.in_day));
    let in_window = limits.rolling.map(|rolling| {
        let since_ms = ask.at.ms.saturating_sub(rolling.hours.saturating_mul(3_600_000));
        let within = standing.recent.iter().filter(|recent| recent.ms > since_ms);
        rolling.units.saturating_sub(within.fold(0i64, |sum, recent| sum.saturating_add(recent.units)))
    });
    let in_transaction = limits.per_transaction.map(|most| most.saturating_sub(used.in_transaction));
    let allowed = [in_day, in_window, in_transaction].into_iter().flatten().min().unwrap_or(0).max(0);
    if [in_day, in_window].into_iter().flatten().any(|rest| units > rest) {
        judge.refuse(Refusal::new(RefusalCode::DailyLimit).allowed(allowed));
    }
    if in_transaction.is_some_and(|rest| units > rest) {
        judge.refuse(Refusal::new(RefusalCode::PerTransactionLimit).allowed(allowed));
    }
}

/// Refuses what the role may not do by hand: `value` in units or rewards, `amount_minor` as typed in a purchase or taken
/// back (what else names a purchase moves no transaction amount, and has no limit of amount: RULES.md section 1).
pub(super) fn judge_hand(ask: &Ask, value: Option<i64>, amount_minor: Option<i64>, judge: &mut Judge) {
    let limits = &ask.rules().limits;
    let role = ask.role();
    let (limit, made): (RoleLimits, _) = match role {
        Role::Cashier => (limits.cashier, &ask.standing.hand),
        Role::Manager => (limits.manager, &ask.standing.hand_of_managers),
        Role::Admin => return,
    };
    let over = |most: Option<i64>, asked: Option<i64>| {
        most.zip(asked).is_some_and(|(most, asked)| asked.unsigned_abs() > most.unsigned_abs())
    };
    let entries = DayCount::on(made, ask.at.date());
    if over(limit.value, value)
        || over(limit.amount_minor, amount_minor)
        || limit.entries_per_day.is_some_and(|most| entries >= most)
    {
        judge.refuse(RefusalCode::NeedsManager);
    }
}
