//! What has come due: lots, rewards and pending units whose day is over or has come. Posted in an event of its own before
//! anything else is judged; catches up after days off.

use super::card::CardFacts;
use super::fold;
use super::rules::Rulebook;
use super::standing::Standing;
use super::{lots, rewards};
use crate::pure::domain::entry::{Lapse, Lot, RewardLot};
use crate::pure::domain::{ClockTrust, Moment, NewEntry, Posting};

/// The entries that are due at `at`; none while the clock is not trusted (nothing of a customer's expires then, and
/// nothing ripens by a clock that may run ahead), and none for a deleted card.
pub fn due(book: &Rulebook, card: &CardFacts, standing: &Standing, at: &Moment, trust: ClockTrust) -> Vec<NewEntry> {
    if trust == ClockTrust::Untrusted || card.deleted {
        return Vec::new();
    }
    let rule = book.current().0;
    let entry = |posting| NewEntry { card: card.serial, rule, posting };
    overdue(standing, at.ms).into_iter().map(entry).collect()
}

/// The jobs that a standing needs at an instant, in their order.
pub(super) fn overdue(standing: &Standing, until_ms: i64) -> Vec<Posting> {
    let mut jobs = Vec::new();
    let ripe: Vec<Lot> =
        standing.pending.iter().filter(|pending| pending.matures_ms <= until_ms).map(|pending| pending.lot).collect();
    if !ripe.is_empty() {
        jobs.push(Posting::Mature { until_ms, units: lots::total(&ripe) });
    }
    // Units that ripened and ended while the device was off lapse in the same event, after they were counted.
    let ended = |expires_ms: i64| expires_ms <= until_ms;
    let lapsed: Vec<Lot> = standing.lots.iter().chain(&ripe).filter(|lot| ended(lot.expires_ms)).copied().collect();
    let gone: Vec<RewardLot> = standing.rewards.iter().filter(|lot| ended(lot.expires_ms)).cloned().collect();
    if !lapsed.is_empty() || !gone.is_empty() {
        let (units, rewards) = (lots::total(&lapsed), rewards::count(&gone, None));
        jobs.push(Posting::Expire { until_ms, units, rewards, cause: Lapse::Day });
    }
    let idle = standing.inactive_ms.is_some_and(ended);
    let idle_units = lots::total(&standing.lots).saturating_sub(lots::total(&lapsed));
    if idle && idle_units > 0 {
        jobs.push(Posting::Expire { until_ms, units: idle_units, rewards: 0, cause: Lapse::Inactivity });
    }
    jobs
}

/// The standing as it will be once what is due is posted: for quotes and figures, which change nothing.
pub fn settled(book: &Rulebook, card: &CardFacts, standing: &Standing, at: &Moment, trust: ClockTrust) -> Standing {
    let mut settled = standing.clone();
    for entry in due(book, card, standing, at, trust) {
        fold::step(book.at(entry.rule), &mut settled, None, &fold::provisional(standing, &entry, at));
    }
    settled
}
