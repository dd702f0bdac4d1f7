//! The copy read back into a ledger that ends before it: events are appended where they follow by number and hash, rows
//! take the state that the copy saw last. What is there already stays; doing it twice changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::catalogue::table_of;
use super::folder::{SegmentError, file_read, files};
use super::frame::{Found, Frames};
use super::record::{Record, RowState, record_hash};
use crate::pure::wire::event::{event_hash, event_read};
use crate::shop::ledger::error::LedgerError;
use crate::shop::ledger::read::Reads;
use crate::shop::ledger::txn::{Tail, event_store};

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The ledger's newest row before.
    pub from: i64,
    /// Its newest row now.
    pub to: i64,
    /// Events brought back.
    pub events: u64,
    /// The last record of a file was cut off while it was written, as by a power cut; what it held is not acknowledged
    /// anywhere but in the ledger that was lost.
    pub torn: bool,
    /// Places that cannot be read, none of which held an event that is missing.
    pub unread: Vec<SegmentError>,
    /// Why the rest could not be brought back: a place that cannot be read held events, or is missing.
    pub damage: Option<SegmentError>,
    /// Events behind that place, which are in the copy and do not follow.
    pub behind: u64,
}

/// Brings `connection`'s ledger as far as the copy in `folder` goes.
pub fn replay(connection: &Connection, folder: &Path) -> Result<Replayed, LedgerError> {
    // Rows come in any order; what they point to is checked at the end.
    connection.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")?;
    let replayed = replay_in_txn(connection, folder);
    let ended = connection.execute_batch(if replayed.is_ok() { "COMMIT" } else { "ROLLBACK" });
    connection.execute_batch("PRAGMA foreign_keys = ON")?;
    let replayed = replayed?;
    ended?;
    Ok(replayed)
}

fn replay_in_txn(connection: &Connection, folder: &Path) -> Result<Replayed, LedgerError> {
    let tail = Tail::read(connection)?;
    let done = Replayed { from: tail.position, to: tail.position, ..Replayed::default() };
    let mut back = Back { connection, start: tail.position, tail, done, tables: BTreeMap::new(), group: Vec::new() };
    for (_, path) in files(folder)? {
        back.file(&path)?;
    }
    if back.done.damage.is_some() {
        // Rows behind the damage were left out with their events.
        return Ok(back.done);
    }
    let mut broken = connection.prepare("SELECT \"table\", rowid FROM pragma_foreign_key_check")?;
    if let Some(row) = broken.query([])?.next()? {
        let table: String = row.get(0)?;
        return Err(LedgerError::Damaged(format!("a row of '{table}' names something that did not come back")));
    }
    Ok(back.done)
}

struct Back<'c> {
    connection: &'c Connection,
    /// The ledger's newest row before anything was brought back.
    start: i64,
    tail: Tail,
    done: Replayed,
    /// The columns of the file's rows.
    tables: BTreeMap<String, Vec<String>>,
    /// Records of a snapshot of which more follows; it may go on in the next file.
    group: Vec<Record>,
}

impl Back<'_> {
    fn file(&mut self, path: &Path) -> Result<(), LedgerError> {
        let bytes = file_read(path)?;
        let mut frames = Frames::of(&bytes);
        let mut before: Option<[u8; 32]> = None;
        loop {
            let at = frames.at();
            let unread = |what: String| SegmentError { file: path.to_owned(), at, what };
            let record = match frames.next() {
                None => return Ok(()),
                Some(Found::Torn { .. }) => {
                    self.done.torn = true;
                    return Ok(());
                }
                Some(Found::Damage { .. }) => Err(unread("its bytes were changed".to_owned())),
                Some(Found::Payload(payload)) => match Record::decode(payload) {
                    Err(error) => Err(unread(error.to_string())),
                    // The first record of a file names one in the file before, which may have lost its end.
                    Ok(record) if before.is_some_and(|before| before != record.prev) => {
                        before = Some(record_hash(payload));
                        self.done.unread.push(unread("a record before it was taken out".to_owned()));
                        Ok(record)
                    }
                    Ok(record) => {
                        before = Some(record_hash(payload));
                        Ok(record)
                    }
                },
            };
            match record {
                Err(error) => {
                    before = None;
                    self.group.clear();
                    self.done.unread.push(error);
                }
                Ok(record) => {
                    if !record.tables.is_empty() {
                        // The first of a file: it says how rows are written, and nothing of the ledger.
                        self.tables = record.tables;
                        continue;
                    }
                    if self.group.last().is_some_and(|last| last.to != record.from) {
                        // A group that was begun and never ended was written again from its start.
                        self.group.clear();
                    }
                    let ends = !record.more;
                    self.group.push(record);
                    if ends {
                        let group = std::mem::take(&mut self.group);
                        self.group(group, unread(String::new()))?;
                    }
                }
            }
        }
    }

    /// One snapshot of the ledger that was lost.
    fn group(&mut self, group: Vec<Record>, place: SegmentError) -> Result<(), LedgerError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        if last.to < self.start {
            return Ok(());
        }
        if first.from > self.tail.position || self.done.damage.is_some() {
            self.done.behind += group.iter().map(|record| record.events.len() as u64).sum::<u64>();
            if self.done.damage.is_none() {
                let what =
                    format!("it goes on after event row {}, the ledger ends with {}", first.from, self.tail.position);
                let damage = self.done.unread.pop().unwrap_or(SegmentError { what, ..place });
                self.done.damage = Some(damage);
            }
            return Ok(());
        }
        for record in group {
            for (body, position) in record.events.iter().zip(record.from + 1..) {
                self.event(body, position, &place)?;
            }
            for (table, state) in &record.rows {
                self.row(table, state)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, body: &[u8], position: i64, place: &SegmentError) -> Result<(), LedgerError> {
        let hash = event_hash(body);
        let other = || {
            LedgerError::Damaged(format!(
                "{}: event row {position} there is not that of this ledger",
                place.file.display()
            ))
        };
        if position <= self.tail.position {
            let known = Reads::of(self.connection).event_hash_at(position)?;
            return if known == Some(hash) { Ok(()) } else { Err(other()) };
        }
        let event = event_read(body)?;
        if event.prev != self.tail.hash {
            return Err(other());
        }
        event_store(self.connection, position, &event, &hash, body)?;
        self.tail = Tail {
            device: event.device,
            incarnation: event.incarnation,
            seq: event.seq,
            position,
            hlc: event.hlc,
            hash,
        };
        self.done.events += 1;
        self.done.to = position;
        Ok(())
    }

    fn row(&self, table: &str, state: &RowState) -> Result<(), LedgerError> {
        // A table that a later stampd had is none of this one's.
        let (Some(known), Some(columns)) = (table_of(table), self.tables.get(table)) else { return Ok(()) };
        let places = |count: usize| (1..=count).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let (text, values): (String, &Vec<Value>) = match state {
            RowState::Is(values) if values.len() == columns.len() => {
                let names = columns.join(", ");
                (format!("INSERT OR REPLACE INTO {table} ({names}) VALUES ({})", places(values.len())), values)
            }
            RowState::Gone(key) if key.len() == known.key.len() => {
                let names = known.key.join(", ");
                (format!("DELETE FROM {table} WHERE ({names}) = ({})", places(key.len())), key)
            }
            _ => return Err(LedgerError::Damaged(format!("a row of '{table}' in the copy has other columns"))),
        };
        self.connection.prepare_cached(&text)?.execute(params_from_iter(values))?;
        if let ("card", RowState::Is(values), Some(place)) =
            (table, state, columns.iter().position(|column| column == "serial"))
        {
            // Its customer's sums were copied at another time, or not at all: lists take both over anew.
            self.connection
                .prepare_cached("UPDATE card SET listed = 0 WHERE serial = ?1")?
                .execute([&values[place]])?;
        }
        Ok(())
    }
}
