//! Voids: the event is left out as if it had never been, unless something later leans on it.

use std::collections::BTreeSet;

use super::{Act, Ask, Judge, Target, Verdict};
use crate::pure::domain::{EventId, Fact, NewEntry, Posting, Refusal, RefusalCode};
use crate::pure::program::card::CardFacts;
use crate::pure::program::fold;

/// How long a till may take back what it posted itself, inclusive.
pub const VOID_WINDOW_MS: i64 = 600_000;

/// The event that is meant; of several with one number the latest.
pub(super) fn event_of(history: &[Fact], of: &Target) -> Option<EventId> {
    let mut facts = fold::sorted(history).into_iter().rev();
    let found = match of {
        Target::Event(id) => facts.find(|fact| fact.event == *id),
        Target::Entry(id) => facts.find(|fact| fact.entry.id == *id),
        // A refund and a void of a sale may carry its numbers, too; the sale itself is meant.
        Target::Txn(_) | Target::Sale(_) => return super::refund::sale_event(history, of),
    };
    found.map(|fact| fact.event)
}

/// Leaves an event out, on every card that it moved.
pub(super) fn void(ask: &Ask, of: &Target, elsewhere: &[(CardFacts, Vec<Fact>)]) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Correct);
    let found = event_of(ask.history, of)
        .and_then(|event| ask.history.iter().find(|fact| fact.event == event).map(|fact| (event, fact)));
    // `check` has found the event; without it there is nothing to leave out.
    let Some((event, fact)) = found else {
        judge.refuse(RefusalCode::AlreadyVoided);
        return judge.done(Verdict::default);
    };
    let already = fold::voided(&fold::sorted(ask.history)).contains(&event);
    judge.refuse_if(already, RefusalCode::AlreadyVoided);
    if !ask.manages() {
        let age_ms = ask.at.ms.saturating_sub(fact.at.ms);
        judge.refuse_if(age_ms > VOID_WINDOW_MS, RefusalCode::VoidWindowPassed);
        judge.refuse_if(fact.till != ask.actor.till, RefusalCode::NeedsManager);
    }
    if !already {
        let cards = std::iter::once(ask.history).chain(elsewhere.iter().map(|(_, facts)| facts.as_slice()));
        cards.for_each(|facts| judge_card(ask, facts, event, &mut judge));
    }
    judge.done(|| {
        let posting = Posting::Void { event };
        let others = elsewhere.iter().map(|(card, _)| NewEntry { card: card.serial, ..ask.entry(posting.clone()) });
        let mut entries = vec![ask.entry(posting.clone())];
        entries.extend(others);
        Verdict { entries, ..Verdict::default() }
    })
}

/// Folds one card with and without the event and compares.
fn judge_card(ask: &Ask, facts: &[Fact], event: EventId, judge: &mut Judge) {
    let (with, with_trace) = fold::replay(ask.book, facts, &BTreeSet::new());
    let (without, without_trace) = fold::replay(ask.book, facts, &BTreeSet::from([event]));
    let refunded = facts.iter().any(|fact| {
        matches!(&fact.entry.posting, Posting::Refund(refund) if refund.of == Some(event))
            && !with_trace.voided.contains(&fact.event)
    });
    if refunded {
        judge.refuse(Refusal::new(RefusalCode::RefundExceeds).max(0));
    }
    let used = with_trace.used_of.get(&event).is_some_and(|used| *used > 0);
    let uncovered = without_trace.uncovered > with_trace.uncovered || without_trace.cut_minor > with_trace.cut_minor;
    let below = |now: i64, before: i64| now < 0 && now < before;
    let falls = below(without.balance(), with.balance())
        || below(without.counters.tx_amount_minor, with.counters.tx_amount_minor);
    // What a refund of this very event took is answered above, and first.
    judge.refuse_if(!refunded && (used || uncovered || falls), RefusalCode::DependentRedeemed);
}
