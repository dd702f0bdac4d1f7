//! The chain checked: every event's hash, its numbering and its clock, and that each entry's index row stands where its
//! event says. Standings against the fold are compared by `till`, which knows the rules.

use rusqlite::{OptionalExtension, params};

use super::error::LedgerError;
use super::read::Reads;
use crate::pure::domain::Hlc;
use crate::pure::wire::event::{event_hash, event_read};

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
        seq: u64,
    },
    /// The logical clock went back.
    #[error("event row {position}: its clock is not after the one before")]
    Clock {
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
}

/// More faults than this say nothing more.
const FAULTS_MAX: usize = 100;

impl Reads<'_> {
    /// Checks the events after row `after` (0: all), oldest first.
    pub fn chain_check(&self, after: i64) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport::default();
        let mut before = self.link_before(after)?;
        let mut statement =
            self.prepare("SELECT position, hash, body FROM event WHERE position > ?1 ORDER BY position")?;
        let mut index = self
            .prepare("SELECT count(*) FROM entry WHERE card = ?1 AND position = ?2 AND place = ?3 AND entry_id = ?4")?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let stored: [u8; 32] = row.get(1)?;
            let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let mut fault = |fault: ChainFault| {
                if report.faults.len() < FAULTS_MAX {
                    report.faults.push(fault);
                }
            };
            if event_hash(body) != stored {
                fault(ChainFault::Bytes { position });
            }
            match event_read(body) {
                Ok(event) => {
                    if event.prev != before.hash {
                        fault(ChainFault::Link { position });
                    }
                    if (event.incarnation.0, event.seq) != (before.incarnation, before.seq + 1)
                        && !(event.incarnation.0 > before.incarnation && event.seq == 1)
                    {
                        fault(ChainFault::Number { position, seq: event.seq });
                    }
                    if event.hlc <= before.hlc {
                        fault(ChainFault::Clock { position });
                    }
                    let expected = event.what.entries.len();
                    let mut found = 0;
                    for (place, entry) in event.what.entries.iter().enumerate() {
                        found += index.query_row(
                            params![entry.card.bits() as i64, position, place as i64, entry.id.0.as_bytes()],
                            |row| row.get::<_, i64>(0),
                        )? as usize;
                    }
                    if found != expected {
                        fault(ChainFault::Index { position, found, expected });
                    }
                    report.entries += expected as u64;
                    before.hlc = event.hlc;
                    before.seq = event.seq;
                    before.incarnation = event.incarnation.0;
                }
                Err(error) => fault(ChainFault::Unreadable { position, why: error.to_string() }),
            }
            before.hash = stored;
            report.events += 1;
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

    /// Entries in the index whose event does not exist: there must be none.
    pub fn entries_orphaned(&self) -> Result<i64, LedgerError> {
        Ok(self
            .prepare("SELECT count(*) FROM entry WHERE position NOT IN (SELECT position FROM event)")?
            .query_row([], |row| row.get(0))?)
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
            return Ok(Link { hash: [0; 32], seq: 0, incarnation: 1, hlc: Hlc::ZERO });
        }
        let mut statement = self.prepare("SELECT hash, seq, incarnation, hlc FROM event WHERE position = ?1")?;
        let link = statement.query_row([after], |row| {
            Ok(Link {
                hash: row.get(0)?,
                seq: row.get::<_, i64>(1)? as u64,
                incarnation: row.get(2)?,
                hlc: Hlc(row.get::<_, i64>(3)? as u64),
            })
        });
        link.map_err(|_| LedgerError::Damaged(format!("event row {after} is missing")))
    }
}

struct Link {
    hash: [u8; 32],
    seq: u64,
    incarnation: u32,
    hlc: Hlc,
}
