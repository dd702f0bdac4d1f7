//! Past activity replayed under a draft of its programme, beside what really happened. Nothing is written.

use std::collections::BTreeMap;

use crate::pure::domain::entry::{AwardSource, Bonus, BonusKind};
use crate::pure::domain::{
    Actor, ClockTrust, Entry, EntryId, EventId, Fact, FactKey, NewEntry, Posting, ProgrammeName, Role, RuleVersion,
};
use crate::pure::program::decide::Target;
use crate::pure::program::{self, Ask, CardFacts, Command, Label, Redeem, Rulebook, Rules, Sale, SalePhase, Standing};
use crate::shop::ledger::{CardRow, LedgerError, Reads};

/// What one side of a rehearsal came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Postings that awarded base units or a bonus.
    pub awards: i64,
    /// Units earned.
    pub earned: i64,
    /// Rewards unlocked or given.
    pub rewards: i64,
    /// Units redeemed.
    pub redeemed: i64,
    /// Rewards redeemed.
    pub rewards_redeemed: i64,
    /// What the units and rewards earned cost at `cost_minor`, minor units.
    pub cost_minor: i64,
}

/// A rehearsal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Cards with activity.
    pub cards: i64,
    /// Acts replayed.
    pub acts: i64,
    /// Acts that the draft refuses.
    pub refused: i64,
    /// As it was.
    pub real: Side,
    /// As the draft would have had it.
    pub draft: Side,
}

/// Replays what happened on the cards of a programme from `since_ms` on under `draft`. What was on the cards before stays
/// as it was.
pub fn rehearse(
    reads: &Reads<'_>,
    programme: &ProgrammeName,
    book: &Rulebook,
    draft: Rules,
    since_ms: i64,
) -> Result<Rehearsal, LedgerError> {
    let (newest, _) = book.current();
    let mut versions: BTreeMap<RuleVersion, Rules> =
        book.versions().map(|(version, rules)| (version, rules.clone())).collect();
    versions.insert(RuleVersion(newest.0 + 1), draft);
    let Some(drafted) = Rulebook::new(versions) else { return Ok(Rehearsal::default()) };
    let mut told = Rehearsal::default();
    for row in reads.cards() {
        let row = row?;
        if row.programme != *programme {
            continue;
        }
        let facts = reads.card_facts(row.serial)?;
        if facts.iter().any(|fact| fact.at.ms >= since_ms) {
            card_rehearse(&row, book, &drafted, &facts, since_ms, &mut told);
        }
    }
    Ok(told)
}

fn card_rehearse(
    row: &CardRow,
    book: &Rulebook,
    drafted: &Rulebook,
    facts: &[Fact],
    since_ms: i64,
    told: &mut Rehearsal,
) {
    let before: Vec<Fact> = facts.iter().filter(|fact| fact.at.ms < since_ms).cloned().collect();
    let Some(first) = facts.iter().find(|fact| fact.at.ms >= since_ms) else { return };
    // The date, block and end that a card has now say nothing of the time that is replayed.
    let mut card = CardFacts::new(row.serial, first.at.clone());
    card.issued_at.ms = row.issued_ms;
    let mut stage = Stage { book: drafted, card, standing: program::fold(drafted, &before), facts: before.clone() };
    told.cards += 1;
    let mut rest: Vec<&Fact> = facts.iter().filter(|fact| fact.at.ms >= since_ms).collect();
    while let Some(first) = rest.first().copied() {
        let event = first.event;
        let (group, others): (Vec<&Fact>, Vec<&Fact>) = rest.into_iter().partition(|fact| fact.event == event);
        rest = others;
        if group.iter().all(|fact| fact.entry.posting.is_job()) {
            continue;
        }
        told.acts += 1;
        told.refused += i64::from(!stage.act(&group));
    }
    add(&mut told.real, book, &before, facts, since_ms);
    add(&mut told.draft, drafted, &before, &stage.facts, since_ms);
}

/// Adds what came after `before`.
fn add(side: &mut Side, book: &Rulebook, before: &[Fact], facts: &[Fact], since_ms: i64) {
    let (old, new) = (program::fold(book, before).counters, program::fold(book, facts).counters);
    let earned = new.earned - old.earned;
    side.earned += earned;
    side.rewards += new.rewards_earned - old.rewards_earned;
    side.redeemed += new.redeemed - old.redeemed;
    side.rewards_redeemed += new.rewards_redeemed - old.rewards_redeemed;
    let rules = book.current().1;
    side.cost_minor += rules.unit_cost_minor.unwrap_or(0).saturating_mul(earned);
    for row in program::history(book, facts).iter().filter(|row| row.at.ms >= since_ms && !row.voided) {
        side.awards += i64::from(row.change > 0 && row.kind.is_some());
        if matches!(row.label, Label::RewardRedeemable | Label::RewardAdded) {
            let named = |name: &String| rules.goals.iter().find(|goal| goal.reward == *name);
            let goal = row.names.iter().find_map(named).or(rules.goals.first());
            let cost = goal.and_then(|goal| goal.cost_minor).unwrap_or(0);
            side.cost_minor += cost.saturating_mul(row.rewards_change);
        }
    }
}

/// One card as the draft has it.
struct Stage<'b> {
    book: &'b Rulebook,
    card: CardFacts,
    standing: Standing,
    facts: Vec<Fact>,
}

impl Stage<'_> {
    /// Does again what one event did; answers whether the draft takes it.
    fn act(&mut self, group: &[&Fact]) -> bool {
        let Some(first) = group.first().copied() else { return true };
        let due = program::due(self.book, &self.card, &self.standing, &first.at, ClockTrust::Trusted);
        // An event of its own that no other shares: the number of the real one, turned over.
        let job = EventId(uuid::Uuid::from_u128(!first.event.0.as_u128()));
        let mut place = self.post(first, job, due, 0);
        if let [Fact { entry: Entry { posting: Posting::Bonus(bonus), .. }, .. }] = group
            && let BonusKind::Referrer { friend } = &bonus.kind
        {
            let units = self.book.current().1.bonus.referrer;
            let kind = BonusKind::Referrer { friend: *friend };
            let posting = Posting::Bonus(Bonus { kind, units, expires_ms: bonus.expires_ms });
            let entries = if units > 0 { vec![self.entry(posting)] } else { Vec::new() };
            self.post(first, first.event, entries, place);
            return true;
        }
        // Replayed sales are posted at once: nothing is set aside, nothing comes back.
        if group.iter().all(|fact| matches!(fact.entry.posting, Posting::Hold { .. } | Posting::Release { .. })) {
            return true;
        }
        let Some(command) = command_of(group) else {
            // What no rule decides (a transfer, a coupon, opening figures) is taken as it was.
            let same = group.iter().map(|fact| self.entry(fact.entry.posting.clone())).collect();
            self.post(first, first.event, same, place);
            return true;
        };
        let verdict = self.decide(first, &command).or_else(|| match &command {
            // What the draft does not let redeem is paid.
            Command::Sale(sale) if sale.redeem.is_some() => {
                self.decide(first, &Command::Sale(Sale { redeem: None, ..sale.clone() }))
            }
            _ => None,
        });
        let Some(entries) = verdict else { return false };
        place = self.post(first, first.event, entries, place);
        place > 0
    }

    fn entry(&self, posting: Posting) -> NewEntry {
        NewEntry { card: self.card.serial, rule: self.book.current().0, posting }
    }

    fn decide(&self, real: &Fact, command: &Command) -> Option<Vec<NewEntry>> {
        let actor = Actor { role: Role::Admin, ..Actor::device(real.till.clone()) };
        let ask = Ask {
            book: self.book,
            card: &self.card,
            standing: &self.standing,
            history: &self.facts,
            joined: &[],
            referrer: None,
            at: &real.at,
            trust: ClockTrust::Trusted,
            actor: &actor,
            grade: None,
            visit: real.visit,
            txn_id: real.txn_id.as_deref(),
        };
        program::check(&ask, command).ok()?;
        program::decide(&ask, command).ok().map(|verdict| verdict.entries)
    }

    /// Posts entries in the place of a real fact; answers the place after the last.
    fn post(&mut self, real: &Fact, event: EventId, entries: Vec<NewEntry>, mut place: u16) -> u16 {
        for new in entries.into_iter().filter(|entry| entry.card == self.card.serial) {
            let id = EntryId(uuid::Uuid::from_u128(event.0.as_u128() ^ (u128::from(place) << 96)));
            let entry = Entry { id, card: new.card, rule: new.rule, posting: new.posting };
            let key = FactKey { index: place, ..real.key };
            let fact = Fact { key, event, entry, ..real.clone() };
            place += 1;
            self.facts.push(fact);
        }
        self.standing = program::fold(self.book, &self.facts);
        place
    }
}

/// The act behind the entries of one event on one card; `None` for what no rule decides.
fn command_of(group: &[&Fact]) -> Option<Command> {
    let redemption = group.iter().find_map(|fact| match &fact.entry.posting {
        Posting::Redeem(taken) => Some(taken),
        _ => None,
    });
    let posting = group.iter().map(|fact| &fact.entry.posting).find(|posting| {
        !matches!(posting, Posting::Redeem(_) | Posting::Bonus(_) | Posting::Release { .. } | Posting::Reinstate(_))
    })?;
    Some(match posting {
        Posting::Award(award) => match award.source {
            AwardSource::Tap => Command::Tap,
            AwardSource::Stamps => Command::Stamps { count: award.units.max(1), adds_to_visit: false },
            AwardSource::Purchase => {
                Command::Purchase { amount_minor: award.amount_minor, purchase_amount_minor: None }
            }
            AwardSource::Sale => {
                let redeem = redemption.map(|taken| match (&taken.reward, taken.rewards) {
                    (_, rewards) if rewards > 0 => Redeem::Rewards(rewards),
                    _ => Redeem::Value(taken.units),
                });
                let bill_minor = redemption.map_or(award.amount_minor, |taken| taken.bill_minor);
                Command::Sale(Sale { bill_minor, items: Vec::new(), redeem, phase: SalePhase::Now })
            }
        },
        Posting::RemoveVisits { visits, .. } => Command::RemoveVisits { count: *visits },
        Posting::Refund(refund) => match refund.of {
            Some(event) => {
                Command::Refund { of: Target::Event(event), amount_minor: Some(refund.amount_minor), items: Vec::new() }
            }
            None => {
                Command::SubtractAmount { amount_minor: refund.amount_minor, purchase_amount_minor: None, of: None }
            }
        },
        Posting::Adjust(adjust) => Command::Adjust {
            value: adjust.value,
            purchase_amount_minor: adjust.purchase_minor,
            reason: Some(adjust.reason),
        },
        Posting::RewardRemove { count, amount_minor, why } => {
            Command::RewardRemove { count: *count, amount_minor: *amount_minor, why: *why }
        }
        Posting::Void { event } => Command::Void { of: Target::Event(*event), elsewhere: Vec::new() },
        _ => return None,
    })
}
