//! One posting: the event with its entries, each touched card's new standing, the outbox row and the live event, all in
//! the caller's transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::{Rulebooks, Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{
    Actor, Entry, EntryId, Event, EventId, EventKind, Fact, Moment, NewEntry, Now, ProgrammeName, Serial,
};
use crate::pure::program::{self, Applied, Birth, CardFacts, Rulebook, Rules, Standing};
use crate::pure::wire::event::event_facts;
use crate::pure::wire::lan::CardUpdated;
use crate::pure::wire::standing::{standing_bytes, standing_from};
use crate::pure::wire::text::{from_json, json};
use crate::shop::ledger::{Appended, CardRow, LedgerError, PersonRow, Reads, Txn};

/// A card with everything that deciding about it needs.
pub(super) struct CardState {
    pub row: CardRow,
    pub person: Option<PersonRow>,
    pub facts: CardFacts,
    pub standing: Standing,
    books: Arc<Rulebooks>,
}

impl CardState {
    /// All versions of the card's programme.
    pub fn book(&self) -> Result<&Rulebook, TillError> {
        book_of(&self.books, &self.row.programme)
    }

    /// The rules by which new postings are judged.
    pub fn rules(&self) -> Result<&Rules, TillError> {
        Ok(self.book()?.current().1)
    }

    /// Every fact of the card, in the order of the chain.
    ///
    /// # Errors
    /// The index of entries finds another number of them than the standing counts: the ledger is damaged.
    pub fn entries(&self, reads: &Reads<'_>) -> Result<Vec<Fact>, LedgerError> {
        facts_counted(reads, self.row.serial, self.standing.facts)
    }

    /// The customer's name as the staff reads it.
    pub fn customer_name(&self) -> Option<String> {
        let person = &self.person.as_ref()?.person;
        let parts: Vec<&str> =
            [&person.first_name, &person.last_name].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

pub(super) fn book_of<'b>(books: &'b Rulebooks, programme: &ProgrammeName) -> Result<&'b Rulebook, TillError> {
    books.get(programme).ok_or_else(|| TillError::Unknown {
        code: "unknown_programme",
        detail: format!("the rule file of programme '{programme}' is missing; put it back and reload (SIGHUP)"),
    })
}

/// What a posting left.
pub(super) struct Posted {
    pub event: Event,
    pub position: i64,
    /// The cards that it moved, with their standing after it.
    pub cards: BTreeMap<Serial, CardState>,
}

impl Till {
    /// Reads a card with its customer and its standing.
    pub(super) fn card_state(&self, reads: &Reads<'_>, serial: Serial) -> Result<Option<CardState>, TillError> {
        let Some(row) = reads.card_fetch(serial)? else { return Ok(None) };
        self.card_state_of(reads, row).map(Some)
    }

    /// The state of a card whose row was read.
    pub(super) fn card_state_of(&self, reads: &Reads<'_>, row: CardRow) -> Result<CardState, TillError> {
        let books = self.rulebooks();
        let book = book_of(&books, &row.programme)?;
        let standing = match standing_of_row(&row) {
            Ok(Some(standing)) => standing,
            // None yet, or one of another layout: the entries are the truth, it is folded anew.
            Ok(None) => program::fold(book, &reads.card_facts(row.serial)?),
            // A disk that changed these bytes may have changed others: nothing is booked on it before it was looked over.
            Err(error) => {
                self.ledger().suspect();
                return Err(error.into());
            }
        };
        let person = reads.person_fetch(row.customer)?;
        let referrer = match person.as_ref().and_then(|person| person.referrer) {
            Some(_) => reads.referrer_card(row.customer, &row.programme)?,
            None => None,
        };
        let facts = card_facts(&row, person.as_ref(), referrer);
        Ok(CardState { row, person, facts, standing, books })
    }

    /// Posts what has lapsed or ripened on a card, in an event of its own, before anything else is judged.
    pub(super) fn jobs_in_txn(&self, txn: &mut Txn<'_>, now: &Now, card: CardState) -> Result<CardState, TillError> {
        let at = txn.rule_time(now);
        let entries = program::due(card.book()?, &card.facts, &card.standing, &at, now.trust);
        if entries.is_empty() {
            return Ok(card);
        }
        let serial = card.row.serial;
        let mut what = Happening::new(EventKind::Job, Actor::device(None));
        what.card = Some(serial);
        let mut posted = self.post_in_txn(txn, now, what, entries, [card])?;
        posted
            .cards
            .remove(&serial)
            .ok_or_else(|| TillError::Ledger(LedgerError::Damaged("a job lost its card".to_owned())))
    }

    /// Posts `entries` in one event. `known` are cards that were read in this transaction and not changed since.
    pub(super) fn post_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        mut what: Happening,
        entries: Vec<NewEntry>,
        known: impl IntoIterator<Item = CardState>,
    ) -> Result<Posted, TillError> {
        let number = |entry: NewEntry| Entry {
            id: EntryId(self.fresh_id(now.wall_ms)),
            card: entry.card,
            rule: entry.rule,
            posting: entry.posting,
        };
        what.entries = entries.into_iter().map(number).collect();
        let cause = what.kind;
        let mut cards: BTreeMap<Serial, CardState> = known.into_iter().map(|card| (card.row.serial, card)).collect();
        // Before the event is there: a standing that is folded from the entries must not count it twice.
        for serial in what.entries.iter().map(|entry| entry.card) {
            if let std::collections::btree_map::Entry::Vacant(free) = cards.entry(serial) {
                let row = self.card_known(&txn.reads(), serial)?;
                free.insert(self.card_state_of(&txn.reads(), row)?);
            }
        }
        let appended = self.happened_in_txn(txn, now, what)?;
        // The cards that it moves, each with how many facts it has then.
        let mut moved: BTreeMap<Serial, u64> = BTreeMap::new();
        let facts = event_facts(&appended.event, &now.zone);
        for fact in &facts {
            let serial = fact.entry.card;
            let Some(card) = cards.get_mut(&serial) else { continue };
            let book = book_of(&card.books, &card.row.programme)?;
            let counted = *moved.entry(serial).or_insert_with(|| {
                let own = facts.iter().filter(|other| other.entry.card == serial);
                card.standing.facts + own.count() as u64
            });
            if program::apply(book, &mut card.standing, fact) == Applied::NeedsFold {
                card.standing = program::fold(book, &facts_counted(&txn.reads(), serial, counted)?);
            }
        }
        for serial in moved.into_keys() {
            if let Some(card) = cards.get_mut(&serial) {
                card.row.standing = standing_bytes(serial, &card.standing);
                card.row.revision = txn.card_standing_store(serial, &card.row.standing, due_ms(&card.standing))?;
                self.card_moved_in_txn(txn, now, serial, card.row.revision, cause)?;
            }
        }
        Ok(Posted { event: appended.event, position: appended.position, cards })
    }

    /// Posts what is due on at most `limit` cards; answers how many it was. What is not due after all (the clock is not
    /// trusted, the rules changed) is looked at again when its card moves.
    pub fn jobs_due_in_txn(&self, txn: &mut Txn<'_>, now: &Now, limit: usize) -> Result<usize, TillError> {
        let due = txn.reads().cards_due(txn.rule_time(now).ms, limit)?;
        let mut posted = 0;
        for serial in &due {
            let Some(card) = self.card_state(&txn.reads(), *serial)? else { continue };
            let revision = card.row.revision;
            posted += usize::from(self.jobs_in_txn(txn, now, card)?.row.revision != revision);
        }
        Ok(posted)
    }

    /// The cards of these on which something is due now.
    pub fn cards_due(&self, reads: &Reads<'_>, serials: &[Serial], now: &Now) -> Result<Vec<Serial>, TillError> {
        let at = reads.rule_time(now)?;
        let mut due = Vec::new();
        for serial in serials {
            let Some(card) = self.card_state(reads, *serial)? else { continue };
            if !program::due(card.book()?, &card.facts, &card.standing, &at, now.trust).is_empty() {
                due.push(*serial);
            }
        }
        Ok(due)
    }

    /// Posts what is due on these cards: whoever reads their rows finds them as the figures are.
    pub fn cards_settle_in_txn(&self, txn: &mut Txn<'_>, now: &Now, serials: &[Serial]) -> Result<(), TillError> {
        for serial in serials {
            if let Some(card) = self.card_state(&txn.reads(), *serial)? {
                self.jobs_in_txn(txn, now, card)?;
            }
        }
        Ok(())
    }

    /// Appends what happened under an id of its own.
    pub(super) fn happened_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        what: Happening,
    ) -> Result<Appended, LedgerError> {
        txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)
    }

    /// A card is another than it was: its pass is made anew, and listeners hear of it.
    pub(super) fn card_moved_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        serial: Serial,
        revision: i64,
        cause: EventKind,
    ) -> Result<(), LedgerError> {
        txn.outbox_put("pass", serial, revision, now)?;
        let told = CardUpdated { serial: serial.to_string(), revision, cause: cause.name().to_owned() };
        txn.live_append(now, "card.updated", None, &json(&told)).map(drop)
    }

    /// The last valid day of a card issued at that moment.
    pub(super) fn first_expiry(&self, programme: &ProgrammeName, issued: &Moment) -> Option<Date> {
        let books = self.rulebooks();
        let (_, rules) = books.get(programme)?.current();
        program::card_expiry(rules, issued.date())
    }
}

/// The facts of a card, which must be as many as its standing counts: nothing is derived from a part of the books.
fn facts_counted(reads: &Reads<'_>, serial: Serial, counted: u64) -> Result<Vec<Fact>, LedgerError> {
    let facts = reads.card_facts(serial)?;
    if facts.len() as u64 != counted {
        let found = facts.len();
        return Err(LedgerError::Damaged(format!(
            "card {serial}: {found} entries are indexed, {counted} were counted"
        )));
    }
    Ok(facts)
}

/// The standing that lies in a card's row; `None` where there is none yet, or one of another layout.
pub(super) fn standing_of_row(row: &CardRow) -> Result<Option<Standing>, LedgerError> {
    if row.standing.is_empty() {
        return Ok(None);
    }
    standing_from(row.serial, &row.standing)
        .map_err(|error| LedgerError::Damaged(format!("card {}: its standing cannot be trusted: {error}", row.serial)))
}

/// When something of the card lapses or ripens next.
pub(super) fn due_ms(standing: &Standing) -> Option<i64> {
    let lots = standing.lots.iter().map(|lot| lot.expires_ms);
    let rewards = standing.rewards.iter().map(|lot| lot.expires_ms);
    let pending = standing.pending.iter().map(|pending| pending.matures_ms);
    let inactive = standing.inactive_ms.filter(|_| !standing.lots.is_empty());
    lots.chain(rewards).chain(pending).chain(inactive).filter(|ms| *ms != i64::MAX).min()
}

/// What the rules must know of a card and its customer.
fn card_facts(row: &CardRow, person: Option<&PersonRow>, referrer: Option<Serial>) -> CardFacts {
    // The zone of the issue moment does not matter to the rules: they read days of later moments.
    let issued_at = Moment { ms: row.issued_ms, zone: jiff::tz::TimeZone::UTC };
    let mut facts = CardFacts::new(row.serial, issued_at);
    facts.deleted = row.deleted;
    facts.blocked = row.blocked;
    facts.expires_on = row.expires_on;
    facts.referrer = referrer;
    if let Some(PersonRow { person, .. }) = person {
        let date = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        facts.birth = date(&person.birth_date)
            .zip(date(&person.birth_known))
            .map(|(date, known_since)| Birth { date, known_since });
        facts.groups = from_json(&person.groups).unwrap_or_default();
    }
    facts
}
