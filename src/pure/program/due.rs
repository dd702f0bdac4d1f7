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
    let mut entries = Vec::new();
    let ripe: Vec<Lot> =
        standing.pending.iter().filter(|pending| pending.matures_ms <= at.ms).map(|pending| pending.lot).collect();
    if !ripe.is_empty() {
        entries.push(entry(Posting::Mature { until_ms: at.ms, units: lots::total(&ripe) }));
    }
    // Units that ripened and ended while the device was off lapse in the same event, after they were counted.
    let ended = |expires_ms: i64| expires_ms <= at.ms;
    let lapsed: Vec<Lot> = standing.lots.iter().chain(&ripe).filter(|lot| ended(lot.expires_ms)).copied().collect();
    let gone: Vec<RewardLot> = standing.rewards.iter().filter(|lot| ended(lot.expires_ms)).cloned().collect();
    if !lapsed.is_empty() || !gone.is_empty() {
        let (units, rewards) = (lots::total(&lapsed), rewards::count(&gone, None));
        entries.push(entry(Posting::Expire { until_ms: at.ms, units, rewards, cause: Lapse::Day }));
    }
    let idle = standing.inactive_ms.is_some_and(ended);
    let idle_units = lots::total(&standing.lots).saturating_sub(lots::total(&lapsed));
    if idle && idle_units > 0 {
        let cause = Lapse::Inactivity;
        entries.push(entry(Posting::Expire { until_ms: at.ms, units: idle_units, rewards: 0, cause }));
    }
    entries
}

/// The standing as it will be once what is due is posted: for quotes and figures, which change nothing.
pub fn settled(book: &Rulebook, card: &CardFacts, standing: &Standing, at: &Moment, trust: ClockTrust) -> Standing {
    let mut settled = standing.clone();
    for entry in due(book, card, standing, at, trust) {
        fold::step(book.at(entry.rule), &mut settled, None, &fold::provisional(standing, &entry, at));
    }
    settled
}
