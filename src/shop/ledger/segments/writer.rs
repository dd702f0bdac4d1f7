//! The thread that writes the copy. After a commit it reads, in one snapshot, the events that it has not written yet, the
//! rows that they name and those that were kept by hand, and appends them as one group of records; within a second they
//! are synced. Its files are no ledger: what goes wrong here is told and tried again, and nobody waits for it.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::catalogue::{KeptBy, TABLES, Table, table_of};
use super::folder::{Newest, file_path};
use super::frame::{FILE_BYTES, framed};
use super::record::{Record, RowState, record_hash};
use super::{Kept, SegmentState};
use crate::pure::wire::event::event_read;
use crate::shop::ledger::error::LedgerError;
use crate::shop::ledger::read;

/// From the first unsynced write to the sync.
const SYNC_AFTER: Duration = Duration::from_millis(700);

/// After a commit the copy looks so often whether more come, and so long each time: a snapshot reads the same pages for
/// one tap as for ten. Together far less than [`SYNC_AFTER`], with which the copy is safe.
const GATHERINGS: usize = 5;
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// Commits taken with one look.
const COMMITS_AT_ONCE: usize = 64;

/// Bytes of events or rows in one record; a snapshot with more takes several, each written when it is full.
const RECORD_BYTES: usize = 256 << 10;

/// Bytes of events after which a copy that is far behind ends its snapshot and begins another: the rows that events name
/// are remembered until then, so that it takes no more memory however far behind it is.
const READ_BYTES: usize = 512 << 10;

/// So much before the last known event the rows that were missed are looked for: the wall clock may have gone back.
const MARGIN_MS: i64 = 3_600_000;

/// What the thread is told.
pub enum Note {
    /// A group was committed, with these rows.
    Committed(Vec<Kept>),
    /// It is time to sync.
    Sync,
    /// Write what is left, sync, end.
    Close,
}

struct Open {
    file: File,
    at: u64,
}

/// The record that is being filled; those of one snapshot count together, by `more` of all but the last.
#[derive(Default)]
struct Filling {
    record: Option<Record>,
    size: usize,
}

/// The thread's own.
pub struct Writer {
    folder: PathBuf,
    ledger: PathBuf,
    connection: Option<Connection>,
    columns: BTreeMap<String, Vec<String>>,
    /// What the folder held at the start, until the first write.
    newest: Option<Newest>,
    file: Option<Open>,
    number: u64,
    prev: [u8; 32],
    /// The ledger's row up to which all is written, and up to which it is synced.
    to: i64,
    synced_to: i64,
    /// Of the newest event that was written, milliseconds since 1970-01-01 UTC.
    newest_ms: i64,
    live_id: i64,
    unsynced: bool,
    missed: Arc<AtomicBool>,
    state: Arc<Mutex<SegmentState>>,
}

impl Writer {
    pub fn new(
        folder: &Path,
        ledger: &Path,
        newest: Newest,
        missed: Arc<AtomicBool>,
        state: Arc<Mutex<SegmentState>>,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            ledger: ledger.to_owned(),
            connection: None,
            columns: BTreeMap::new(),
            file: None,
            number: newest.number,
            prev: newest.record_hash,
            to: newest.to,
            synced_to: newest.to,
            newest_ms: 0,
            live_id: 0,
            unsynced: false,
            newest: Some(newest),
            missed,
            state,
        }
    }

    /// Works until it is closed.
    pub fn run(mut self, notes: &mpsc::Receiver<Note>, ticker: &mpsc::SyncSender<Note>) {
        let (poke, poked) = mpsc::sync_channel::<()>(1);
        let ticker = ticker.clone();
        let ticking = thread::Builder::new().name("segments-sync".to_owned()).spawn(move || {
            while poked.recv().is_ok() {
                let early = poked.recv_timeout(SYNC_AFTER);
                if early == Err(mpsc::RecvTimeoutError::Disconnected) || ticker.send(Note::Sync).is_err() {
                    return;
                }
            }
        });
        self.copy(Vec::new());
        while let Ok(first) = notes.recv() {
            let (mut kept, mut sync, mut close) = (Vec::new(), ticking.is_err(), false);
            let mut take = |note: Note| match note {
                Note::Committed(rows) => kept.extend(rows),
                Note::Sync => sync = true,
                Note::Close => close = true,
            };
            take(first);
            for _ in 0..GATHERINGS {
                if let Ok(next) = notes.recv_timeout(GATHERED_FOR) {
                    take(next);
                    notes.try_iter().take(COMMITS_AT_ONCE).for_each(&mut take);
                }
            }
            let was_unsynced = self.unsynced;
            self.copy(kept);
            if close {
                self.close();
                return;
            }
            if sync && self.unsynced {
                self.sync();
            } else if self.unsynced && !was_unsynced {
                // One that waits already is enough.
                let _ = poke.try_send(());
            }
        }
    }

    fn copy(&mut self, kept: Vec<Kept>) {
        let missed = self.missed.swap(false, Ordering::Relaxed);
        let written = self.try_copy(kept, missed);
        self.outcome(written, missed);
    }

    /// Tells how it went; after a fault everything since the last sync is written again, into a new file.
    fn outcome(&mut self, written: Result<(), LedgerError>, missed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => {
                if state.fault.take().is_some() {
                    tracing::info!("segments.written: the segment copy is complete again");
                }
                state.to = self.to;
            }
            Err(error) => {
                let told = error.to_string();
                if state.fault.as_ref() != Some(&told) {
                    tracing::error!(error = %told, missed, "segments.fault: the segment copy cannot be written; it is tried again");
                }
                state.fault = Some(told);
                drop(state);
                self.missed.store(true, Ordering::Relaxed);
                (self.file, self.newest, self.connection) = (None, None, None);
                self.to = self.synced_to;
            }
        }
    }

    fn try_copy(&mut self, mut kept: Vec<Kept>, mut missed: bool) -> Result<(), LedgerError> {
        loop {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.connect()?,
            };
            let snapshot = connection.unchecked_transaction()?;
            let more = self.copy_snapshot(&snapshot, std::mem::take(&mut kept), std::mem::take(&mut missed))?;
            drop(snapshot);
            self.connection = Some(connection);
            if !more {
                return Ok(());
            }
        }
    }

    fn connect(&mut self) -> Result<Connection, LedgerError> {
        let connection = read::open(&self.ledger)?;
        for table in TABLES.iter().filter(|table| table.by != KeptBy::Chain) {
            let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
            let names = statement.query_map([table.name], |row| row.get(0))?.collect::<Result<_, _>>()?;
            self.columns.insert(table.name.to_owned(), names);
        }
        self.newest_ms = newest_ms(&connection, self.to)?;
        Ok(connection)
    }

    /// Writes what one snapshot has that the copy lacks; answers whether the ledger goes on behind it.
    fn copy_snapshot(&mut self, snapshot: &Connection, kept: Vec<Kept>, missed: bool) -> Result<bool, LedgerError> {
        let mut filling = Filling::default();
        let mut rows = Rows::default();
        kept.into_iter().for_each(|row| rows.add(row.table, row.key));
        let since_ms = if missed { Some(newest_ms(snapshot, self.to)? - MARGIN_MS) } else { None };
        let (to, more) = self.copy_events(snapshot, &mut filling, &mut rows)?;
        // Rows begin a record of their own.
        filling.size = RECORD_BYTES + 1;
        if let Some(since_ms) = since_ms {
            TABLES.iter().try_for_each(|table| self.copy_missed(snapshot, &mut filling, table, since_ms, to))?;
        }
        let live: i64 = snapshot.query_row("SELECT coalesce(max(id), 0) FROM live", [], |row| row.get(0))?;
        if live > std::mem::replace(&mut self.live_id, live) && !(filling.record.is_none() && rows.list.is_empty()) {
            rows.add("live", vec![Value::Integer(live)]);
        }
        for (table, key) in rows.list {
            let state = self.row_state(snapshot, table, key)?;
            self.copy_row(&mut filling, table, state, to)?;
        }
        if let Some(last) = filling.record {
            self.append(Record { more: false, ..last })?;
        }
        self.to = to;
        Ok(more)
    }

    /// The events after the last one that was written, and into `rows` what they name; answers the last one's row, and
    /// whether there are more.
    fn copy_events(
        &mut self,
        snapshot: &Connection,
        filling: &mut Filling,
        rows: &mut Rows,
    ) -> Result<(i64, bool), LedgerError> {
        let (mut to, mut read) = (self.to, 0);
        let mut statement =
            snapshot.prepare_cached("SELECT position, body, hlc FROM event WHERE position > ?1 ORDER BY position")?;
        let mut found = statement.query([self.to])?;
        while let Some(row) = found.next()? {
            if read > READ_BYTES {
                return Ok((to, true));
            }
            let (position, body, hlc): (i64, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            read += body.len();
            rows.add_named_by(snapshot, position, &body)?;
            let record = self.room(filling, body.len(), to)?;
            record.to = position;
            record.events.push(body);
            (to, self.newest_ms) = (position, hlc >> 16);
        }
        Ok((to, false))
    }

    /// Rows of commits that were not told.
    fn copy_missed(
        &mut self,
        snapshot: &Connection,
        filling: &mut Filling,
        table: &Table,
        since_ms: i64,
        to: i64,
    ) -> Result<(), LedgerError> {
        let condition = match table.by {
            KeptBy::Chain | KeptBy::Passing | KeptBy::Event => return Ok(()),
            KeptBy::Whole => "?1 IS NOT NULL".to_owned(),
            KeptBy::Since(column) => format!("{column} >= ?1"),
        };
        let Some(columns) = self.columns.get(table.name) else { return Ok(()) };
        let count = columns.len();
        let mut statement =
            snapshot.prepare(&format!("SELECT {} FROM {} WHERE {condition}", columns.join(", "), table.name))?;
        let mut found = statement.query([since_ms])?;
        while let Some(row) = found.next()? {
            self.copy_row(filling, table.name, RowState::Is(values(row, count)?), to)?;
        }
        Ok(())
    }

    fn copy_row(&mut self, filling: &mut Filling, table: &str, state: RowState, to: i64) -> Result<(), LedgerError> {
        let record = self.room(filling, state_size(&state), to)?;
        record.rows.push((table.to_owned(), state));
        Ok(())
    }

    /// The record that takes so many bytes more: one that is full is written, and another begins behind row `to`.
    fn room<'f>(&mut self, filling: &'f mut Filling, bytes: usize, to: i64) -> Result<&'f mut Record, LedgerError> {
        if filling.size > RECORD_BYTES
            && let Some(full) = filling.record.take()
        {
            self.append(full)?;
        }
        if filling.record.is_none() {
            filling.size = 0;
        }
        filling.size += bytes;
        Ok(filling.record.get_or_insert_with(|| Record { from: to, to, more: true, ..Record::default() }))
    }

    fn row_state(&self, snapshot: &Connection, table: &str, key: Vec<Value>) -> Result<RowState, LedgerError> {
        let (Some(known), Some(columns)) = (table_of(table), self.columns.get(table)) else {
            return Ok(RowState::Gone(key));
        };
        let wanted: Vec<String> =
            known.key.iter().enumerate().map(|(place, name)| format!("{name} = ?{}", place + 1)).collect();
        let text = format!("SELECT {} FROM {table} WHERE {}", columns.join(", "), wanted.join(" AND "));
        let mut statement = snapshot.prepare_cached(&text)?;
        let row = statement.query_row(params_from_iter(&key), |row| values(row, columns.len())).optional()?;
        Ok(row.map_or(RowState::Gone(key), RowState::Is))
    }

    fn append(&mut self, mut record: Record) -> Result<(), LedgerError> {
        record.prev = self.prev;
        let mut payload = record.encode();
        let room = |open: &Open| open.at + (super::frame::HEAD_BYTES + payload.len()) as u64 <= FILE_BYTES;
        if let Some(newest) = self.newest.take() {
            self.file = self.go_on(&newest)?;
        }
        if !self.file.as_ref().is_some_and(room) {
            self.file = Some(self.next_file(record.from)?);
            record.prev = self.prev;
            payload = record.encode();
        }
        self.write(&payload)
    }

    fn write(&mut self, payload: &[u8]) -> Result<(), LedgerError> {
        let Some(open) = self.file.as_mut() else { return Ok(()) };
        let bytes = framed(payload);
        open.file.write_all_at(&bytes, open.at).map_err(|error| LedgerError::folder(&self.folder, error))?;
        open.at += bytes.len() as u64;
        self.prev = record_hash(payload);
        self.unsynced = true;
        Ok(())
    }

    /// The newest file, where writing goes on at its end.
    fn go_on(&self, newest: &Newest) -> Result<Option<Open>, LedgerError> {
        let Some((at, _)) = newest.goes_on.as_ref().filter(|(_, head)| head.tables == self.columns) else {
            return Ok(None);
        };
        let path = file_path(&self.folder, newest.number);
        let file = File::options().write(true).open(path).map_err(|error| LedgerError::folder(&self.folder, error))?;
        Ok(Some(Open { file, at: *at }))
    }

    /// Syncs the file that is full, and begins the next with the columns of all tables.
    fn next_file(&mut self, from: i64) -> Result<Open, LedgerError> {
        let fault = |error| LedgerError::folder(&self.folder, error);
        if let Some(open) = self.file.take() {
            open.file.sync_data().map_err(fault)?;
        }
        let path = file_path(&self.folder, self.number + 1);
        let file = File::options().create_new(true).write(true).mode(0o600).open(&path).map_err(fault)?;
        self.number += 1;
        // Where the disk cannot reserve space the file grows as it is written.
        let _ = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, FILE_BYTES);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        let head = Record { prev: self.prev, from, to: self.to, tables: self.columns.clone(), ..Record::default() };
        self.file = Some(Open { file, at: 0 });
        self.write(&head.encode())?;
        self.file.take().ok_or(LedgerError::Stopped)
    }

    fn sync(&mut self) {
        let Some(open) = &self.file else { return };
        let synced = open.file.sync_data().map_err(|error| LedgerError::folder(&self.folder, error));
        self.unsynced = false;
        if synced.is_ok() {
            self.synced_to = self.to;
        }
        self.outcome(synced, false);
    }

    fn close(&mut self) {
        let complete = !self.missed.load(Ordering::Relaxed);
        if complete && self.file.is_some() {
            let last = Record { from: self.to, to: self.to, closed: true, ..Record::default() };
            let written = self.append(last);
            self.outcome(written, false);
        }
        self.sync();
    }
}

/// Rows to be read, each once.
#[derive(Default)]
struct Rows {
    list: Vec<(&'static str, Vec<Value>)>,
    known: HashSet<String>,
}

impl Rows {
    fn add(&mut self, table: &'static str, key: Vec<Value>) {
        if self.known.insert(format!("{table} {key:?}")) {
            self.list.push((table, key));
        }
    }

    /// The rows that an event names: cards with their credentials, customer, person, sale, text.
    fn add_named_by(&mut self, snapshot: &Connection, position: i64, body: &[u8]) -> Result<(), LedgerError> {
        // An event of a later version is copied as it is; what it names is not known here.
        let Ok(event) = event_read(body) else { return Ok(()) };
        if event.what.text_hash.is_some() {
            self.add("event_text", vec![Value::Integer(position)]);
        }
        if let Some(customer) = event.what.customer {
            for table in ["customer", "person"] {
                self.add(table, vec![Value::Blob(customer.0.as_bytes().to_vec())]);
            }
        }
        if let Some(sale) = event.what.sale {
            self.add("sale", vec![Value::Blob(sale.0.as_bytes().to_vec())]);
        }
        let moved = event.what.entries.iter().map(|entry| entry.card);
        for serial in event.what.card.into_iter().chain(moved) {
            let serial = Value::Integer(serial.bits() as i64);
            self.add("card", vec![serial.clone()]);
            let mut statement = snapshot.prepare_cached("SELECT id FROM credential WHERE card = ?1")?;
            let mut found = statement.query([serial])?;
            while let Some(row) = found.next()? {
                self.add("credential", vec![row.get(0)?]);
            }
        }
        Ok(())
    }
}

fn values(row: &Row<'_>, count: usize) -> rusqlite::Result<Vec<Value>> {
    (0..count).map(|index| row.get(index)).collect()
}

fn state_size(state: &RowState) -> usize {
    let (RowState::Is(values) | RowState::Gone(values)) = state;
    let size = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 8,
    };
    values.iter().map(size).sum()
}

/// The rule time of the event in row `position`, or 0.
fn newest_ms(connection: &Connection, position: i64) -> Result<i64, LedgerError> {
    let hlc: Option<i64> =
        connection.query_row("SELECT hlc FROM event WHERE position = ?1", [position], |row| row.get(0)).optional()?;
    Ok(hlc.map_or(0, |hlc| hlc >> 16))
}
