//! What a standing tells: its balance, what can be spent, whether a transaction is the same as one before.

use jiff::civil::Date;

use super::{lots, rewards};
use crate::pure::domain::{DeviceId, VisitId};

pub use crate::pure::domain::standing::*;

/// Two days: how long a visit may be added to, and the longest rolling window.
pub const RECENT_MS: i64 = 48 * 3_600_000;

impl Transaction {
    /// Whether both are one.
    pub fn is(&self, visit: Option<VisitId>, txn: Option<(DeviceId, &str)>) -> bool {
        (visit.is_some() && self.visit == visit)
            || txn.is_some_and(|(device, txn_id)| self.device == device && self.txn_id.as_deref() == Some(txn_id))
    }

    /// The same question on one device, which knows its own sales' numbers.
    pub(super) fn is_here(&self, visit: Option<VisitId>, txn_id: Option<&str>) -> bool {
        (visit.is_some() && self.visit == visit) || (txn_id.is_some() && self.txn_id.as_deref() == txn_id)
    }
}

impl DayCount {
    /// The count on `today`.
    pub(super) fn on(count: &Option<DayCount>, today: Date) -> i64 {
        count.filter(|day| day.date == today).map_or(0, |day| day.count)
    }

    /// Adds to the count of `today`; a count of a later day stays (two devices may differ by a day).
    pub(super) fn add(count: &mut Option<DayCount>, today: Date, more: i64) {
        match count {
            Some(day) if day.date == today => day.count = day.count.saturating_add(more),
            Some(day) if day.date > today => {}
            _ => *count = Some(DayCount { date: today, count: more }),
        }
    }
}

impl Standing {
    /// The balance: open lots less what is owed. Negative only where refunds may take it there.
    pub fn balance(&self) -> i64 {
        lots::total(&self.lots).saturating_sub(self.owed)
    }

    /// What can be spent: the balance, at least 0.
    pub fn available(&self) -> i64 {
        self.balance().max(0)
    }

    /// Units not yet ripe.
    pub fn pending_units(&self) -> i64 {
        self.pending.iter().fold(0i64, |sum, pending| sum.saturating_add(pending.lot.units))
    }

    /// Rewards that can be used.
    pub fn rewards_available(&self) -> i64 {
        rewards::count(&self.rewards, None)
    }

    /// Rewards of that name that can be used.
    pub fn rewards_named(&self, name: &str) -> i64 {
        rewards::count(&self.rewards, Some(name))
    }

    /// The recent transaction that is the same as this one, as the device sees it that judges now.
    pub(super) fn recent_here(&self, visit: Option<VisitId>, txn_id: Option<&str>) -> Option<&Recent> {
        self.recent.iter().rev().find(|recent| recent.transaction.is_here(visit, txn_id))
    }
}
