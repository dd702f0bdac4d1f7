//! Read-only connections: a small pool, each read on a snapshot of its own beside the writer.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::{CachedStatement, Connection, OpenFlags};

use super::error::LedgerError;
use super::state::StateCell;
use super::txn::Txn;

/// Connections of the pool: enough for a console page and two tills at once on a small device.
const READERS: usize = 3;

/// What can be read, on a read-only connection or inside a transaction. The functions are beside the rows they read.
pub struct Reads<'c> {
    connection: &'c Connection,
}

impl<'c> Reads<'c> {
    pub(super) fn of(connection: &'c Connection) -> Self {
        Self { connection }
    }

    pub(super) fn prepare(&self, statement: &str) -> Result<CachedStatement<'c>, LedgerError> {
        Ok(self.connection.prepare_cached(statement)?)
    }
}

impl<'c> Txn<'c> {
    /// What can be read inside the transaction, its own writes included.
    pub fn reads(&self) -> Reads<'c> {
        Reads { connection: self.connection() }
    }
}

/// A ledger opened to be read, beside the daemon that may be using it: no lock is taken and nothing is written.
pub struct ReadOnly {
    connection: Connection,
}

impl ReadOnly {
    /// Opens the ledger at `path`.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = open(path)?;
        super::migrate::readable(&connection, path)?;
        Ok(Self { connection })
    }

    /// Opens a ledger of any schema that this program knows, to be copied.
    pub(super) fn open_any(path: &Path) -> Result<Self, LedgerError> {
        let connection = open(path)?;
        super::migrate::ours(&connection, path)?;
        Ok(Self { connection })
    }

    /// Runs `look` on one snapshot.
    pub fn with<T>(&self, look: impl FnOnce(&Reads<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let seen = look(&Reads { connection: &snapshot })?;
        snapshot.finish()?;
        Ok(seen)
    }

    /// Writes a copy of the ledger to `target`, which must not exist.
    pub fn copy_to(&self, target: &Path) -> Result<(), LedgerError> {
        // SQLite counts the new file as a write; the ledger itself is open for reading only.
        self.connection.execute_batch("PRAGMA query_only = OFF")?;
        let copied = self.connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]);
        self.connection.execute_batch("PRAGMA query_only = ON")?;
        copied?;
        Ok(())
    }
}

/// The pool of read-only connections.
pub struct ReaderPool {
    path: PathBuf,
    state: StateCell,
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl ReaderPool {
    pub fn new(path: &Path, state: StateCell) -> Result<Self, LedgerError> {
        let idle = (0..READERS).map(|_| open(path)).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), state, idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Runs `look` on one snapshot.
    pub fn with<T>(&self, look: impl FnOnce(&Reads<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let lease = self.take();
        let seen = self.look(&lease, look);
        if matches!(seen, Err(LedgerError::Damaged(_))) {
            self.state.suspect();
        }
        seen
    }

    fn look<T>(
        &self,
        lease: &Lease<'_>,
        look: impl FnOnce(&Reads<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let snapshot = lease.connection()?.unchecked_transaction()?;
        let seen = look(&Reads { connection: &snapshot });
        snapshot.finish()?;
        seen
    }

    fn take(&self) -> Lease<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return Lease { pool: self, connection: Some(connection) },
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// One connection on loan; it goes back when this goes, also when `look` panicked.
struct Lease<'p> {
    pool: &'p ReaderPool,
    connection: Option<Connection>,
}

impl Lease<'_> {
    fn connection(&self) -> Result<&Connection, LedgerError> {
        self.connection.as_ref().ok_or(LedgerError::Stopped)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A connection whose snapshot could not be ended is replaced, so that the pool never shrinks.
        let connection = if connection.is_autocommit() { Some(connection) } else { open(&self.pool.path).ok() };
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(connection);
        self.pool.returned.notify_one();
    }
}

pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| LedgerError::open(path, error))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    super::plans_stay(&connection)?;
    Ok(connection)
}
