//! The way through all cards at once, each with the facts that its entries give: two statements that run side by side in
//! the order of serials, instead of some for every card. What it holds at a time is one card's.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rusqlite::{Row, Rows};

use super::books::{CARD_COLUMNS, CardRow, card_row, zone_of};
use super::error::LedgerError;
use super::lists::CardFigures;
use super::read::Reads;
use super::sums;
use super::verify::{ChainFault, ChainReport};
use crate::pure::domain::{Event, Fact, Serial};
use crate::pure::wire::event::{event_facts, event_read};

/// A card with all that the books hold of it.
#[derive(Clone, Debug)]
pub struct CardBooks {
    /// Its row.
    pub card: CardRow,
    /// The rule time at which something of it is noted to be due.
    pub due_ms: Option<i64>,
    /// What lists show of it; `None` while it is marked to be taken over.
    pub listed: Option<CardFigures>,
    /// Its facts, in the order of the chain.
    pub facts: Vec<Fact>,
}

impl Reads<'_> {
    /// Hands every card to `look`, by rising serial, and compares each row of the index of entries with its event. The
    /// report counts the rows that agree.
    pub fn cards_scan(&self, mut look: impl FnMut(CardBooks)) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport::default();
        let mut cards = self.prepare(&format!(
            "SELECT {CARD_COLUMNS}, due_ms, listed, tier, visit_band, last_visit_ms, ltv_minor, balance FROM card
             ORDER BY serial"
        ))?;
        let mut cards = Cards::begin(cards.query([])?)?;
        let mut entries = self.prepare(
            "SELECT e.card, e.position, e.place, e.entry_id, e.kind, e.units, v.body FROM entry e
             LEFT JOIN event v ON v.position = e.position ORDER BY e.card, e.position, e.place",
        )?;
        let mut entries = entries.query([])?;
        let mut group = Group::default();
        while let Some(row) = entries.next()? {
            let card: i64 = row.get(0)?;
            if group.card != Some(card) {
                if let Some(done) = group.card.replace(card) {
                    cards.until(done, std::mem::take(&mut group.facts), &mut report, &mut look)?;
                }
                group.event = None;
            }
            group.entry(row, &mut report)?;
        }
        if let Some(done) = group.card {
            cards.until(done, group.facts, &mut report, &mut look)?;
        }
        while let Some(card) = cards.take()? {
            look(card);
        }
        Ok(report)
    }
}

/// The entries of one card as they come.
#[derive(Default)]
struct Group {
    card: Option<i64>,
    facts: Vec<Fact>,
    /// The event of the last entry: a bonus stands in the event of its award.
    event: Option<(i64, Event)>,
    zones: BTreeMap<String, TimeZone>,
}

impl Group {
    /// One row of the index, which must be what its event says at that place.
    fn entry(&mut self, row: &Row<'_>, report: &mut ChainReport) -> Result<(), LedgerError> {
        let (position, place): (i64, i64) = (row.get(1)?, row.get(2)?);
        if self.event.as_ref().is_none_or(|(known, _)| *known != position) {
            self.event = None;
            let Some(body) = row.get_ref(6)?.as_blob_or_null().map_err(rusqlite::Error::from)? else {
                report.fault(ChainFault::Entry { position, place });
                return Ok(());
            };
            match event_read(body) {
                Ok(event) => self.event(position, event),
                Err(error) => {
                    report.fault(ChainFault::Unreadable { position, why: error.to_string() });
                    return Ok(());
                }
            }
        }
        let entries = self.event.as_ref().map_or(&[][..], |(_, event)| &event.what.entries);
        let said = usize::try_from(place).ok().and_then(|place| entries.get(place));
        let agrees = said.is_some_and(|entry| {
            let blob = row.get_ref(3).is_ok_and(|id| id.as_blob().is_ok_and(|id| id == entry.id.0.as_bytes()));
            let kind = row.get_ref(4).is_ok_and(|kind| kind.as_str() == Ok(entry.posting.kind().name()));
            let units = row.get::<_, i64>(5).is_ok_and(|units| units == entry.posting.units());
            Some(entry.card.bits() as i64) == self.card && blob && kind && units
        });
        if agrees {
            report.entries += 1;
        } else {
            report.fault(ChainFault::Entry { position, place });
        }
        Ok(())
    }

    /// A further event of this card.
    fn event(&mut self, position: i64, event: Event) {
        if !self.zones.contains_key(&event.zone) {
            self.zones.insert(event.zone.clone(), zone_of(&event));
        }
        if let Some(zone) = self.zones.get(&event.zone) {
            let own = event_facts(&event, zone).into_iter();
            self.facts.extend(own.filter(|fact| Some(fact.entry.card.bits() as i64) == self.card));
        }
        self.event = Some((position, event));
    }
}

/// The cards as they come, one ahead.
struct Cards<'s> {
    rows: Rows<'s>,
    ahead: Option<CardBooks>,
}

impl<'s> Cards<'s> {
    fn begin(rows: Rows<'s>) -> Result<Self, LedgerError> {
        let mut cards = Self { rows, ahead: None };
        cards.take()?;
        Ok(cards)
    }

    fn take(&mut self) -> Result<Option<CardBooks>, LedgerError> {
        let next = loop {
            let Some(row) = self.rows.next()? else { break None };
            if let Some(card) = sums::unless_changed(row, 0..8, 10, card_books(row))? {
                break Some(card);
            }
        };
        Ok(std::mem::replace(&mut self.ahead, next))
    }

    /// Every card up to that serial, the last with these facts.
    fn until(
        &mut self,
        serial: i64,
        facts: Vec<Fact>,
        report: &mut ChainReport,
        look: &mut impl FnMut(CardBooks),
    ) -> Result<(), LedgerError> {
        while self.ahead.as_ref().is_some_and(|ahead| (ahead.card.serial.bits() as i64) < serial) {
            self.take()?.into_iter().for_each(&mut *look);
        }
        if self.ahead.as_ref().is_none_or(|ahead| ahead.card.serial.bits() as i64 != serial) {
            report.fault(ChainFault::Cardless { card: Serial::from_random(serial as u64) });
        } else if let Some(card) = self.take()? {
            look(CardBooks { facts, ..card });
        }
        Ok(())
    }
}

fn card_books(row: &Row<'_>) -> rusqlite::Result<CardBooks> {
    let is_listed: bool = row.get(12)?;
    let figures = CardFigures {
        tier: row.get(13)?,
        visit_band: row.get(14)?,
        last_visit_ms: row.get(15)?,
        ltv_minor: row.get(16)?,
        balance: row.get(17)?,
    };
    Ok(CardBooks {
        card: card_row(row)?,
        due_ms: row.get(11)?,
        listed: is_listed.then_some(figures),
        facts: Vec::new(),
    })
}
