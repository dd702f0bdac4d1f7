//! The ledger: the one place with SQLite.
//!
//! One writer thread owns the only writing connection (WAL, `synchronous=FULL`); it takes every waiting piece of work
//! into one transaction, each in a savepoint of its own, commits, and only then answers ([`Ledger::write`]). Readers use
//! read-only connections beside it ([`Ledger::read`]), each call on a snapshot. Both block: call them from a blocking
//! thread, or await [`Ledger::write`]'s receiver.
//!
//! **Invariants:** an answer, a light or a live event leaves only after the commit · events and entries are append-only
//! (triggers refuse anything else) · each event names the hash of the one before · standing, outbox row and idempotency
//! row commit together with the entry.

mod ballast;
mod books;
mod error;
mod lists;
mod media;
mod migrate;
mod outbox;
mod people;
mod programmes;
mod read;
mod requests;
mod restore;
mod sales;
mod scan;
mod segments;
mod state;
mod sums;
#[cfg(test)]
mod tests;
mod txn;
mod verify;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{broadcast, oneshot};

pub use books::{CardRow, CredentialRow, PostedEvent};
pub use error::{LedgerError, WriteError};
pub use lists::{CardFigures, PersonFilter, PersonOrder, PersonPage, PersonSort};
pub use media::BindingRow;
pub use outbox::{OUTBOX_WAIT_MS_MAX, OutboxRow};
pub use people::{Person, PersonRow, StaffRow, TokenRow};
pub use programmes::ProgrammeVersionRow;
pub use read::{ReadOnly, Reads};
pub use requests::{LiveRow, PastVisit, Stored, StoredAnswer};
pub use restore::{Restoring, aside_path, set_aside};
pub use sales::{PresentedRow, SaleRow, SaleState};
pub use scan::CardBooks;
pub use segments::{
    Replayed, SegmentError, SegmentState, SegmentWatch, holds as segments_hold, set_aside as segments_set_aside,
};
pub use state::{LedgerState, mark_path};
pub use txn::{Appended, Txn, TxnContext};
pub use verify::{ChainFault, ChainReport};

/// Events whose chain is checked when a ledger is opened; the rest is `ledger verify`'s.
const CHAIN_CHECKED_AT_START: i64 = 1_000;

/// How many live events a slow listener may lag before it must resume from the table.
const LIVE_BACKLOG: usize = 1024;

/// An open ledger: cheap to clone, closed when the last clone goes.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: read::ReaderPool,
    state: state::StateCell,
    segments: Option<(PathBuf, SegmentWatch)>,
    /// After the readers: the last connection that closes copies the write-ahead log into the file, and a reader cannot.
    writer: writer::WriterHandle,
    live: broadcast::Sender<LiveRow>,
    _lock: File,
}

impl Ledger {
    /// Opens the ledger at `path`, makes it where none is, and brings its schema forward (a backup is written beside it
    /// first). `now_ms` dates the backup and a new ledger.
    ///
    /// # Errors
    /// Another process holds it; the folder cannot be written; the file is no ledger, of a later schema, or damaged.
    /// Each error names the remedy, and the file is left as it was.
    pub fn open(path: &Path, now_ms: i64) -> Result<Self, LedgerError> {
        Self::open_with(path, None, now_ms)
    }

    /// [`Ledger::open`] with the segment copy in the folder `segments`: events that the ledger lost are brought back from
    /// it first, and from now on it takes every commit (SYNC.md C.2).
    ///
    /// # Errors
    /// Beside those of [`Ledger::open`]: the ledger is missing or empty while the copy is not; the copy knows events that
    /// cannot be brought back.
    pub fn open_with(path: &Path, segments: Option<&Path>, now_ms: i64) -> Result<Self, LedgerError> {
        let lock = lock_take(path)?;
        let state = state::StateCell::new(path);
        if let Ok(what) = std::fs::read_to_string(state::mark_path(path)) {
            return Err(LedgerError::Damaged(what));
        }
        let is_there = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        if !is_there && segments.is_some_and(segments::holds) {
            return Err(LedgerError::Missing { path: path.to_owned() });
        }
        let connection = connection_open(path)?;
        migrate::bring_forward(&connection, path, now_ms)?;
        newest_check(&connection)?;
        let (live, _) = broadcast::channel(LIVE_BACKLOG);
        let copy = segments.map(|folder| {
            let newest = segments::settle(&connection, folder)?;
            let tail = read::Reads::of(&connection).newest_position()?;
            segments::Segments::start(folder, path, newest, tail)
        });
        let copy = copy.transpose()?;
        trusted(&connection)?;
        let watch = segments.zip(copy.as_ref()).map(|(folder, copy)| (folder.to_owned(), copy.watch()));
        let writer = writer::start(writer::WriterParts {
            connection,
            path: path.to_owned(),
            live: live.clone(),
            state: state.clone(),
            segments: copy,
            ballast: segments.map_or_else(ballast::Ballast::none, |_| ballast::Ballast::of(path)),
        })?;
        let readers = read::ReaderPool::new(path, state.clone())?;
        let inner = Inner { path: path.to_owned(), writer, readers, state, segments: watch, live, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hands `work` to the writer thread. It runs in a savepoint inside the writer's next transaction; what it returns
    /// is sent after the commit. `Err` from `work` undoes what it wrote, alone.
    ///
    /// The receiver yields [`WriteError::Storage`] when the commit failed: then nothing of it was booked.
    pub fn write<T, E, F>(&self, work: F) -> oneshot::Receiver<Result<T, WriteError<E>>>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
    {
        self.inner.writer.submit(false, work)
    }

    /// [`Ledger::write_wait`] for what must be noted also while the disk is full: small rows about work that was done, never
    /// a posting.
    pub fn upkeep_wait<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
    {
        let done = self.inner.writer.submit(true, work);
        done.blocking_recv().unwrap_or(Err(WriteError::Storage(LedgerError::Stopped)))
    }

    /// [`Ledger::write`] for threads that may block: waits for the commit.
    pub fn write_wait<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
    {
        self.write(work).blocking_recv().unwrap_or(Err(WriteError::Storage(LedgerError::Stopped)))
    }

    /// Runs `look` on a read-only snapshot. Blocks while all readers are busy.
    pub fn read<T>(&self, look: impl FnOnce(&Reads<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.inner.readers.with(look)
    }

    /// Tells listeners something that cannot be kept: it has no id ([`LiveRow::UNKEPT`]) and no listener that was away hears
    /// of it.
    pub fn tell_unkept(&self, at_ms: i64, name: &str, till: Option<&str>, data: String) {
        let (name, till) = (name.to_owned(), till.map(str::to_owned));
        // Nobody listening is an ordinary state.
        let _ = self.inner.live.send(LiveRow { id: LiveRow::UNKEPT, at_ms, name, till, data });
    }

    /// Live events as they are committed from now on.
    pub fn live(&self) -> broadcast::Receiver<LiveRow> {
        self.inner.live.subscribe()
    }

    /// Whether it books, and if not why.
    pub fn state(&self) -> LedgerState {
        self.inner.state.now()
    }

    /// Refuses everything from now on, also at the next start: the file was found damaged.
    pub fn condemn(&self, what: &str) {
        self.inner.state.condemn(what);
    }

    /// Something read was not as it should be: the file is looked over soon.
    pub fn suspect(&self) {
        self.inner.state.suspect();
    }

    /// Whether something read since the last call was not as it should be, so that the file wants checking.
    pub fn suspected_take(&self) -> bool {
        self.inner.state.suspected_take()
    }

    /// How the segment copy fares; `None` where there is none.
    pub fn segments(&self) -> Option<SegmentState> {
        self.inner.segments.as_ref().map(|(_, watch)| watch.now())
    }

    /// Takes away segment files that a backup ending in row `until` makes superfluous; answers how many.
    pub fn segments_prune(&self, until: i64) -> Result<usize, LedgerError> {
        self.inner.segments.as_ref().map_or(Ok(0), |(folder, _)| segments::prune(folder, until))
    }

    /// The ledger file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Writes a copy of the whole ledger to `target`, while it is in use.
    pub fn backup(&self, target: &Path) -> Result<(), LedgerError> {
        // A connection of its own: SQLite copies no file from within a transaction, and the readers' pool reads in one.
        ReadOnly::open(&self.inner.path)?.copy_to(target)
    }
}

/// Takes the lock file beside the ledger: one process at a time.
fn lock_take(path: &Path) -> Result<File, LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| LedgerError::folder(folder, error))?;
    let lock_path = path.with_extension("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| LedgerError::folder(folder, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(LedgerError::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(LedgerError::folder(folder, error)),
    }
}

/// Opens the writing connection with the pragmas on which durability rests (SYNC.md C.2).
fn connection_open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| LedgerError::open(path, error))?;
    // Closing would copy the log into a file that may turn out damaged: until it is trusted it stays as it was found.
    log_stays(&connection, true).map_err(|error| LedgerError::open(path, error))?;
    // Before the first pragma that writes: the journal's mode stands in the file.
    migrate::ours(&connection, path)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA journal_size_limit = -1;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;
             PRAGMA cache_size = -8192;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(|error| LedgerError::open(path, error))?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(|error| LedgerError::open(path, error))?;
    connection.set_prepared_statement_cache_capacity(96);
    plans_stay(&connection).map_err(|error| LedgerError::open(path, error))?;
    Ok(connection)
}

/// The newest part of the chain must hold before anything is booked on it (SYNC.md row 6).
fn newest_check(connection: &Connection) -> Result<(), LedgerError> {
    let reads = read::Reads::of(connection);
    let newest = reads.newest_position()?;
    let report = reads.chain_check((newest - CHAIN_CHECKED_AT_START).max(0))?;
    report.faults.first().map_or(Ok(()), |fault| Err(LedgerError::Damaged(fault.to_string())))
}

/// The file is trusted: closing the last connection copies the log into it.
fn trusted(connection: &Connection) -> Result<(), LedgerError> {
    Ok(log_stays(connection, false)?)
}

/// Whether the log stays beside the file when the last connection closes, or is copied into it.
fn log_stays(connection: &Connection, stays: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, stays).map(drop)
}

/// Keeps a prepared statement's plan whatever is bound to it. Without this SQLite parses every statement with a bound LIMIT
/// anew at each use, to look at the number.
fn plans_stay(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}
