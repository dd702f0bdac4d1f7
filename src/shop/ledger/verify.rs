//! The chain checked: every event's hash, its numbering and its clock, that the columns beside an event say what it says,
//! and that each entry's index row stands where its event says. Standings against the fold are compared by `till`, which
//! knows the rules; `scan.rs` hands it each card with its facts.

use rusqlite::{OptionalExtension, Row, params};

use super::error::LedgerError;
use super::read::Reads;
use super::txn::serial_column;
use crate::pure::domain::Serial;
use crate::pure::wire::event::{EventHead, event_hash, event_head, event_read};
use crate::pure::wire::standing::standing_intact;

/// What a check of the chain saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainReport {
    /// Events checked.
    pub events: u64,
    /// Entries checked.
    pub entries: u64,
    /// What is wrong, at most the first hundred.
    pub faults: Vec<ChainFault>,
}

impl ChainReport {
    pub(super) fn fault(&mut self, fault: ChainFault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// One thing that is wrong with the chain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChainFault {
    /// The stored hash is not that of the stored bytes.
    #[error("event row {position}: its bytes were changed (the hash does not match)")]
    Bytes {
        /// The row.
        position: i64,
    },
    /// The event does not name the hash of the one before.
    #[error("event row {position}: the chain is broken before it (an event was changed, removed or put in)")]
    Link {
        /// The row.
        position: i64,
    },
    /// A number is missing or out of order.
    #[error("event row {position}: its number {seq} does not follow")]
    Number {
        /// The row.
        position: i64,
        /// The number found.
        seq: i64,
    },
    /// The logical clock went back.
    #[error("event row {position}: its clock is not after the one before")]
    Clock {
        /// The row.
        position: i64,
    },
    /// The columns beside the event, by which it is found, say something else.
    #[error("event row {position}: its columns say something else than the event")]
    Columns {
        /// The row.
        position: i64,
    },
    /// The bytes cannot be read.
    #[error("event row {position}: {why}")]
    Unreadable {
        /// The row.
        position: i64,
        /// Why.
        why: String,
    },
    /// The index of entries says something else than the event.
    #[error("event row {position}: {found} entries are indexed, the event has {expected}")]
    Index {
        /// The row.
        position: i64,
        /// Rows found that match the event.
        found: usize,
        /// Entries of the event.
        expected: usize,
    },
    /// A row of the index of entries that no event stands behind.
    #[error("the entry indexed at event row {position}, place {place}, is none of that event")]
    Entry {
        /// The row.
        position: i64,
        /// The place.
        place: i64,
    },
    /// Entries of a card that is not there.
    #[error("card {card} is missing and has entries")]
    Cardless {
        /// Its serial.
        card: Serial,
    },
}

/// More faults than this say nothing more.
const FAULTS_MAX: usize = 100;

impl Reads<'_> {
    /// Checks the events after row `after` (0: all), oldest first, each with the index of its entries.
    pub fn chain_check(&self, after: i64) -> Result<ChainReport, LedgerError> {
        let mut index = self.prepare(
            "SELECT count(*) FROM entry
             WHERE card = ?1 AND position = ?2 AND place = ?3 AND entry_id = ?4 AND kind = ?5 AND units = ?6",
        )?;
        self.chain_walk(after, |position, body, report| {
            let event = event_read(body)?;
            let expected = event.what.entries.len();
            let mut found = 0;
            for (place, entry) in event.what.entries.iter().enumerate() {
                let (kind, units) = (entry.posting.kind().name(), entry.posting.units());
                let key = params![entry.card.bits() as i64, position, place as i64, entry.id.0.as_bytes(), kind, units];
                found += index.query_row(key, |row| row.get::<_, i64>(0))? as usize;
            }
            if found != expected {
                report.fault(ChainFault::Index { position, found, expected });
            }
            Ok(())
        })
    }

    /// Checks every event, oldest first, and only counts its entries: [`Reads::cards_scan`] reads those and their index.
    pub fn chain_scan(&self) -> Result<ChainReport, LedgerError> {
        self.chain_walk(0, |_, body, _| {
            // An event with entries is read with the cards that it moved.
            if event_head(body)?.entries == 0 {
                event_read(body)?;
            }
            Ok(())
        })
    }

    /// The chain after row `after`; `look` sees the bytes of each event and answers why they cannot be read.
    fn chain_walk(
        &self,
        after: i64,
        mut look: impl FnMut(i64, &[u8], &mut ChainReport) -> Result<(), LedgerError>,
    ) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport::default();
        let mut before = self.link_before(after)?;
        let mut statement = self.prepare(
            "SELECT position, hash, body, incarnation, seq, event_id, kind, hlc, card, customer, visit FROM event
             WHERE position > ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let stored: [u8; 32] = row.get(1)?;
            let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            report.events += 1;
            if event_hash(body) != stored {
                report.fault(ChainFault::Bytes { position });
            }
            match event_head(body).map_err(LedgerError::from) {
                Ok(head) => {
                    if !columns_agree(row, &head)? {
                        report.fault(ChainFault::Columns { position });
                    }
                    report.entries += head.entries as u64;
                    before.follow(position, &head, &mut report);
                    if let Err(LedgerError::Damaged(why)) = look(position, body, &mut report) {
                        report.fault(ChainFault::Unreadable { position, why });
                    }
                }
                Err(error) => report.fault(ChainFault::Unreadable { position, why: error.to_string() }),
            }
            before.hash = stored;
        }
        Ok(report)
    }

    /// The hash of the event at row `position`; zeros for row 0, `None` where there is no such row.
    pub fn event_hash_at(&self, position: i64) -> Result<Option<[u8; 32]>, LedgerError> {
        if position == 0 {
            return Ok(Some([0; 32]));
        }
        let mut statement = self.prepare("SELECT hash FROM event WHERE position = ?1")?;
        Ok(statement.query_row([position], |row| row.get(0)).optional()?)
    }

    /// Cards whose standing is not as it was written, at most `limit`.
    pub fn standings_changed(&self, limit: usize) -> Result<Vec<Serial>, LedgerError> {
        let mut statement = self.prepare("SELECT serial, standing FROM card ORDER BY serial")?;
        let mut rows = statement.query([])?;
        let mut changed = Vec::new();
        while let Some(row) = rows.next()? {
            let serial = serial_column(row, 0)?;
            let standing = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            if !standing.is_empty() && !standing_intact(serial, standing) {
                changed.push(serial);
            }
            if changed.len() >= limit {
                break;
            }
        }
        Ok(changed)
    }

    /// What SQLite itself says of the file: empty when all is well.
    pub fn file_check(&self) -> Result<Vec<String>, LedgerError> {
        let mut statement = self.prepare("PRAGMA quick_check(20)")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let lines: Vec<String> = rows.collect::<Result<_, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    fn link_before(&self, after: i64) -> Result<Link, LedgerError> {
        if after == 0 {
            return Ok(Link { hash: [0; 32], seq: 0, incarnation: 1, hlc: 0 });
        }
        let mut statement = self.prepare("SELECT hash, seq, incarnation, hlc FROM event WHERE position = ?1")?;
        let link = statement.query_row([after], |row| {
            Ok(Link { hash: row.get(0)?, seq: row.get(1)?, incarnation: row.get(2)?, hlc: row.get(3)? })
        });
        link.map_err(|_| LedgerError::Damaged(format!("event row {after} is missing")))
    }
}

/// Whether the columns of a row repeat what its event says.
fn columns_agree(row: &Row<'_>, head: &EventHead<'_>) -> rusqlite::Result<bool> {
    let blob = |index: usize| row.get_ref(index)?.as_blob_or_null().map_err(rusqlite::Error::from);
    Ok(row.get::<_, i64>(3)? == head.incarnation
        && row.get::<_, i64>(4)? == head.seq
        && blob(5)? == Some(head.id)
        && row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)? == head.kind
        && row.get::<_, i64>(7)? == head.hlc
        && row.get::<_, Option<i64>>(8)? == head.card
        && blob(9)? == head.customer
        && blob(10)? == head.visit)
}

/// The end of the chain so far.
struct Link {
    hash: [u8; 32],
    seq: i64,
    incarnation: i64,
    hlc: i64,
}

impl Link {
    /// The next event follows: faults where it does not.
    fn follow(&mut self, position: i64, head: &EventHead<'_>, report: &mut ChainReport) {
        if head.prev != self.hash {
            report.fault(ChainFault::Link { position });
        }
        let follows = head.incarnation == self.incarnation && head.seq == self.seq + 1;
        if !(follows || head.incarnation > self.incarnation && head.seq == 1) {
            report.fault(ChainFault::Number { position, seq: head.seq });
        }
        if head.hlc <= self.hlc {
            report.fault(ChainFault::Clock { position });
        }
        (self.seq, self.incarnation, self.hlc) = (head.seq, head.incarnation, head.hlc);
    }
}
