//! Reversals by the stored award facts and the version under which they were made, never by the current rule.

use super::{Act, Ask, Item, Judge, Target, Verdict};
use crate::pure::domain::entry::{AwardSource, Lot, Refund, Reinstatement, RewardLot};
use crate::pure::domain::{EventId, Fact, NewEntry, Posting, Refusal, RefusalCode};
use crate::pure::program::rules::ByAmount;
use crate::pure::program::sales::{SaleState, Trace, due_with_carry};
use crate::pure::program::{calendar, earn, fold, limits, lots, rewards};

/// What was redeemed on a returned bill is valid for so many days at least (RULES.md section 2).
const REINSTATED_DAYS: i64 = 7;

/// The event of the sale or purchase that is meant, on this card or on one that was joined with it.
pub(super) fn sale_meant(ask: &Ask, of: &Target) -> Option<EventId> {
    let joined = || ask.joined.iter().find_map(|facts| sale_event(facts, of));
    sale_event(ask.history, of).or_else(joined)
}

/// The event of the sale or purchase that is meant; of several with one number the latest.
pub(super) fn sale_event(history: &[Fact], of: &Target) -> Option<EventId> {
    let facts = fold::sorted(history);
    let mut sales = facts.into_iter().rev().filter(|fact| match &fact.entry.posting {
        Posting::Award(award) => matches!(award.source, AwardSource::Purchase | AwardSource::Sale),
        Posting::Redeem(_) => true,
        _ => false,
    });
    let event = |fact: &Fact| fact.event;
    match of {
        Target::Event(id) => sales.find(|fact| fact.event == *id).map(event),
        Target::Entry(id) => {
            let event = history.iter().find(|fact| fact.entry.id == *id)?.event;
            sales.find(|fact| fact.event == event).map(|fact| fact.event)
        }
        Target::Txn(txn_id) => sales.find(|fact| fact.txn_id.as_deref() == Some(txn_id)).map(event),
        Target::Sale(id) => sales.find(|fact| fact.sale == Some(*id)).map(event),
    }
}

/// An amount typed in to be taken back.
pub(super) fn subtract(
    ask: &Ask,
    amount_minor: i64,
    again_minor: Option<i64>,
    of: Option<&Target>,
) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Correct);
    judge.refuse_if(again_minor.is_some_and(|again| again != amount_minor), RefusalCode::AmountMismatch);
    limits::judge_hand(ask, None, Some(amount_minor), &mut judge);
    match of {
        Some(of) => reverse(ask, of, Some(amount_minor), &[], Typed::Yes, judge),
        None => correct_total(ask, amount_minor, judge),
    }
}

/// What is left of the sale that is meant, if there is one.
pub(super) fn left_minor(ask: &Ask, of: &Target) -> Option<i64> {
    let (_, trace) = fold::replay(ask.book, ask.history, &Default::default());
    match sale_of(ask, sale_meant(ask, of)?, &trace) {
        Found::Sale(sale) => Some(sale.left_minor),
        Found::Voided | Found::Nothing => None,
    }
}

/// What there is of a sale.
enum Found {
    Sale(Box<SaleState>),
    Voided,
    Nothing,
}

/// What is left of a sale of this card, or of one that was joined with it. What was brought back since then stands on the
/// card that it was joined with.
fn sale_of(ask: &Ask, event: EventId, own: &Trace) -> Found {
    if own.voided.contains(&event) {
        return Found::Voided;
    }
    if let Some(sale) = own.sales.get(&event) {
        return Found::Sale(Box::new(sale.clone()));
    }
    let home = ask.joined.iter().position(|facts| facts.iter().any(|fact| fact.event == event));
    let Some(home) = home else { return Found::Nothing };
    let (_, trace) = fold::replay(ask.book, &ask.joined[home], &Default::default());
    let Some(mut sale) = trace.sales.get(&event).cloned() else {
        return if trace.voided.contains(&event) { Found::Voided } else { Found::Nothing };
    };
    let others = ask.joined.iter().enumerate().filter(|(place, _)| *place != home).map(|(_, facts)| facts.as_slice());
    for facts in others.chain([ask.history]) {
        let facts = fold::sorted(facts);
        let voided = fold::voided(&facts);
        for fact in facts.into_iter().filter(|fact| !voided.contains(&fact.event)) {
            match &fact.entry.posting {
                Posting::Refund(refund) if refund.of == Some(event) => {
                    sale.take(refund.amount_minor, refund.earning_minor, refund.due)
                }
                Posting::Reinstate(back) if back.of == event => sale.returned = true,
                _ => {}
            }
        }
    }
    Found::Sale(Box::new(sale))
}

/// A till's refund. Without amount and lines it takes all that is left.
pub(super) fn refund(ask: &Ask, of: &Target, amount_minor: Option<i64>, items: &[Item]) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Correct);
    let lines = items.iter().fold(0i64, |sum, item| sum.saturating_add(item.amount_minor));
    let named = !items.is_empty();
    judge.refuse_if(named && amount_minor.is_some_and(|amount| amount != lines), RefusalCode::AmountMismatch);
    let amount_minor = amount_minor.or(named.then_some(lines));
    reverse(ask, of, amount_minor, items, Typed::No, judge)
}

/// A spend card's total is corrected without naming a purchase (X09).
fn correct_total(ask: &Ask, amount_minor: i64, mut judge: Judge) -> Result<Verdict, Refusal> {
    let counters = &ask.standing.counters;
    let total = counters.tx_amount_minor.max(0);
    judge.refuse_if(amount_minor > total, Refusal::new(RefusalCode::RefundExceeds).max(total));
    let due = match ask.rules().earn.by_amount {
        ByAmount::Steps { step_minor, units_per_step, carry: true } => {
            let before = counters.stepped_minor;
            due_with_carry(before, before.saturating_sub(amount_minor), step_minor, units_per_step)
        }
        // With carry off each amount stood alone; without naming it, it is judged as one of its own.
        ByAmount::Steps { step_minor, units_per_step, carry: false } => {
            due_with_carry(amount_minor, 0, step_minor, units_per_step)
        }
        _ => 0,
    };
    let refund = Refund {
        of: None,
        award: None,
        typed: true,
        amount_minor,
        earning_minor: amount_minor,
        due: due.max(0),
        left_before_minor: total,
    };
    judge.done(|| Verdict { entries: vec![ask.entry(Posting::Refund(refund))], ..Verdict::default() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    Yes,
    No,
}

fn reverse(
    ask: &Ask,
    of: &Target,
    amount_minor: Option<i64>,
    items: &[Item],
    typed: Typed,
    mut judge: Judge,
) -> Result<Verdict, Refusal> {
    let (standing, trace) = fold::replay(ask.book, ask.history, &Default::default());
    // `check` has found the event; without it there is nothing left to take back.
    let found = sale_meant(ask, of).map(|event| (event, sale_of(ask, event, &trace)));
    let (event, sale) = match found {
        Some((event, Found::Sale(sale))) => (event, sale),
        Some((_, Found::Voided)) => {
            judge.refuse(RefusalCode::AlreadyVoided);
            return judge.done(Verdict::default);
        }
        Some((_, Found::Nothing)) | None => {
            judge.refuse(Refusal::new(RefusalCode::RefundExceeds).max(0));
            return judge.done(Verdict::default);
        }
    };
    let sale = &*sale;
    let amount_minor = amount_minor.unwrap_or(sale.left_minor);
    let max = sale.left_minor.min(standing.counters.tx_amount_minor.max(0));
    // A bill that was paid with rewards alone has no amount to return, but once what paid it.
    let comes_back = sale.redemption.is_some() && !sale.returned && amount_minor == sale.left_minor;
    let nothing = amount_minor == 0 && !comes_back;
    judge.refuse_if(amount_minor > max || nothing, Refusal::new(RefusalCode::RefundExceeds).max(max));
    let refund = part(ask, event, sale, &standing, amount_minor, items, typed);
    judge.done(|| {
        let mut entries = vec![NewEntry { rule: sale.rule, ..ask.entry(Posting::Refund(refund)) }];
        if comes_back {
            let reinstated = Posting::Reinstate(reinstatement(ask, event, sale));
            entries.push(NewEntry { rule: sale.rule, ..ask.entry(reinstated) });
        }
        Verdict { entries, ..Verdict::default() }
    })
}

/// The part of a sale that goes: its earning amount, and the units due for it.
fn part(
    ask: &Ask,
    event: EventId,
    sale: &SaleState,
    standing: &crate::pure::program::Standing,
    amount_minor: i64,
    items: &[Item],
    typed: Typed,
) -> Refund {
    let rules = ask.book.at(sale.rule);
    let by_items = items.iter().fold(0i64, |sum, item| sum.saturating_add(earn::eligible_minor(rules, item)));
    let earning_minor = if items.is_empty() || amount_minor >= sale.left_minor {
        sale.earning_of(amount_minor)
    } else {
        by_items.clamp(0, sale.earning_left_minor)
    };
    let due = match rules.earn.by_amount {
        ByAmount::Steps { step_minor, units_per_step, carry: true } => {
            let before = standing.counters.stepped_minor;
            due_with_carry(before, before.saturating_sub(earning_minor), step_minor, units_per_step)
        }
        _ => sale.due(amount_minor, earning_minor),
    };
    Refund {
        of: Some(event),
        award: Some(sale.entry),
        typed: typed == Typed::Yes,
        amount_minor,
        earning_minor,
        due: due.max(0),
        left_before_minor: sale.left_minor,
    }
}

/// Points go back to their lots and rewards to theirs, with the original end, but not before the end of the 7th local day
/// after the return.
fn reinstatement(ask: &Ask, event: EventId, sale: &SaleState) -> Reinstatement {
    let least_ms = ask.at.end_of_day_ms(calendar::days_after(ask.at.date(), REINSTATED_DAYS));
    let (units, count) = sale.redemption.as_ref().map_or((0, 0), |taken| (taken.units, taken.rewards));
    let mut back: Vec<Lot> = (sale.taken.lots.iter())
        .filter(|_| units > 0)
        .map(|lot| Lot { expires_ms: lot.expires_ms.max(least_ms), ..*lot })
        .collect();
    let mut rewards_back: Vec<RewardLot> = (sale.taken.rewards.iter())
        .map(|lot| RewardLot { expires_ms: lot.expires_ms.max(least_ms), ..lot.clone() })
        .collect();
    // What was redeemed beyond what existed (two shops offline) comes back as well; it repays the overdraft.
    let (lacking, lacking_rewards) = (units - lots::total(&back), count - rewards::count(&rewards_back, None));
    if lacking > 0 {
        back.insert(0, Lot { expires_ms: least_ms, since_ms: ask.at.ms, units: lacking });
    }
    if lacking_rewards > 0 {
        let name = ask.book.at(sale.rule).goals.first().map_or("reward", |goal| &goal.reward).to_owned();
        let (since_ms, units_each) = (ask.at.ms, 0);
        let lot = RewardLot { expires_ms: least_ms, since_ms, by: event, name, units_each, count: lacking_rewards };
        rewards_back.insert(0, lot);
    }
    Reinstatement { of: event, lots: back, rewards: rewards_back }
}
