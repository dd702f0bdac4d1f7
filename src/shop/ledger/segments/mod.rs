//! The segment copy (SYNC.md C.2): beside the database every commit is written a second time, to append-only files in a
//! folder of their own, on the same or on another disk. A lost or damaged database comes back from a backup and what the
//! segments hold after it; an older one that was put in its place is found out.
//!
//! A thread of its own reads what was committed and writes it, after the answer left and never on the tap's path, and syncs
//! it within a second: the copy repairs, it does not promise. What it missed (the daemon was killed, the disk of the copy
//! was full) it reads from the ledger when it can write again.

mod catalogue;
mod folder;
mod frame;
mod record;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::Connection;
use rusqlite::types::Value;

pub use folder::{Newest, SegmentError};
pub use replay::{Replayed, replay};

use super::error::LedgerError;

/// Commits that may wait for the thread; one more and it reads on from the ledger instead.
const NOTES_MAX: usize = 4096;

/// A row that the copy takes, by its table and the columns of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The table.
    pub table: &'static str,
    /// Its key.
    pub key: Vec<Value>,
}

/// How the copy fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentState {
    /// The ledger's row up to which it is written.
    pub to: i64,
    /// Why it cannot be written now.
    pub fault: Option<String>,
}

/// The copy of one ledger; the thread ends, with everything written and synced, when this goes.
pub struct Segments {
    notes: mpsc::SyncSender<writer::Note>,
    missed: Arc<AtomicBool>,
    state: Arc<Mutex<SegmentState>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Asks how the copy fares.
#[derive(Clone)]
pub struct SegmentWatch {
    state: Arc<Mutex<SegmentState>>,
}

impl SegmentWatch {
    /// How it fares now.
    pub fn now(&self) -> SegmentState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Segments {
    /// Begins to copy the ledger at `ledger`, whose newest event is in row `tail`, into `folder`. What the folder holds is
    /// the same ledger's and not ahead of it ([`settle`]).
    pub fn start(folder: &Path, ledger: &Path, newest: Newest, tail: i64) -> Result<Self, LedgerError> {
        let (notes, received) = mpsc::sync_channel(NOTES_MAX);
        let missed = Arc::new(AtomicBool::new(!(newest.closed && newest.to == tail)));
        let state = Arc::new(Mutex::new(SegmentState { to: newest.to, fault: None }));
        let writer = writer::Writer::new(folder, ledger, newest, missed.clone(), state.clone());
        let ticker = notes.clone();
        let thread = thread::Builder::new()
            .name("segments".to_owned())
            .spawn(move || writer.run(&received, &ticker))
            .map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok(Self { notes, missed, state, thread: Some(thread) })
    }

    /// A group was committed; `kept` are its rows. Never waits.
    pub fn committed(&self, kept: Vec<Kept>) {
        if self.notes.try_send(writer::Note::Committed(kept)).is_err() {
            self.missed();
        }
    }

    /// Commits were not told: the copy reads them from the ledger.
    pub fn missed(&self) {
        self.missed.store(true, Ordering::Relaxed);
    }

    /// Who asks how it fares.
    pub fn watch(&self) -> SegmentWatch {
        SegmentWatch { state: self.state.clone() }
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        let _ = self.notes.send(writer::Note::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Looks at the folder before a ledger is opened whose newest event lies in row `tail`, and brings back what the ledger has
/// lost: it was put back from an older copy, or its log is gone. Files of another ledger are set aside.
pub fn settle(connection: &Connection, folder: &Path) -> Result<Newest, LedgerError> {
    std::fs::create_dir_all(folder).map_err(|error| LedgerError::folder(folder, error))?;
    let newest = folder::newest(folder)?;
    let reads = super::read::Reads::of(connection);
    let tail = reads.newest_position()?;
    if newest.files == 0 {
        return Ok(Newest { to: tail, ..newest });
    }
    if newest.to <= tail {
        // The last event of the copy must be that of the ledger.
        let known = reads.event_hash_at(newest.to)?;
        if newest.to == 0 || newest.event_hash.is_none() || known == newest.event_hash {
            return Ok(newest);
        }
        let aside = folder::set_aside(folder, "other")?;
        tracing::warn!(aside = %aside.display(), "segments.other: the segment copy was that of another ledger");
        return Ok(Newest { to: tail, ..Newest::default() });
    }
    let lost = replay(connection, folder)?;
    if let Some(damage) = lost.damage {
        return Err(LedgerError::Behind { missing: newest.to - lost.to, why: damage.to_string() });
    }
    super::restore::life_begin(connection)?;
    tracing::warn!(
        events = lost.events,
        "segments.replayed: the ledger had lost events; they were brought back from the segment copy"
    );
    folder::newest(folder)
}

/// Whether a folder holds a copy of anything.
pub fn holds(folder: &Path) -> bool {
    folder::files(folder).is_ok_and(|files| !files.is_empty())
}

/// Takes away the files of which every event is in row `until` or before.
pub fn prune(folder: &Path, until: i64) -> Result<usize, LedgerError> {
    folder::prune(folder, until)
}

/// Moves the files of a folder into one below it, named after why; answers which.
pub fn set_aside(folder: &Path, why: &str) -> Result<PathBuf, LedgerError> {
    folder::set_aside(folder, why)
}
