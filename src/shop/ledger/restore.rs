//! A backup, with what the segment copy holds after it, put in the ledger's place. The file that was there is moved aside,
//! never overwritten; the device begins a new life (incarnation), so that what it books from now on is never taken for what
//! it had booked before. A damaged ledger is moved aside in the same way.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::error::LedgerError;
use super::read::ReadOnly;
use super::segments::{self, Replayed};
use super::state::mark_path;
use super::{connection_open, lock_take, migrate};

/// A ledger that was put together beside the one it will replace; without [`Restoring::finish`] nothing changes.
pub struct Restoring {
    path: PathBuf,
    coming: PathBuf,
    replayed: Replayed,
    _lock: File,
}

impl Restoring {
    /// Copies `backup` (none: an empty ledger) beside the ledger at `path`, which nobody may have open, brings its schema
    /// forward, and brings back what the segment copy in the folder `segments` holds after it.
    ///
    /// # Errors
    /// Another process holds the ledger; the copy cannot be made or is no ledger; the segment copy is another ledger's.
    pub fn prepare(
        path: &Path,
        backup: Option<&Path>,
        segments: Option<&Path>,
        now_ms: i64,
    ) -> Result<Self, LedgerError> {
        let lock = lock_take(path)?;
        let coming = path.with_extension("restoring");
        for stale in with_logs(&coming) {
            remove(&stale).map_err(|error| LedgerError::folder(folder_of(path), error))?;
        }
        if let Some(backup) = backup {
            ReadOnly::open_any(backup)?.copy_to(&coming)?;
        }
        let connection = connection_open(&coming)?;
        migrate::bring_forward(&connection, &coming, now_ms)?;
        let replayed = match segments {
            Some(folder) => segments::replay(&connection, folder)?,
            None => Replayed::default(),
        };
        life_begin(&connection)?;
        // Everything into the one file, so that it can be moved alone.
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;")?;
        Ok(Self { path: path.to_owned(), coming, replayed, _lock: lock })
    }

    /// The file that was put together, to be verified.
    pub fn file(&self) -> &Path {
        &self.coming
    }

    /// What came from the segment copy.
    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// Puts it in the ledger's place; answers where the ledger lies now that was there, if there was one.
    pub fn finish(self, now_ms: i64) -> Result<Option<PathBuf>, LedgerError> {
        let folder = folder_of(&self.path);
        let fault = |error| LedgerError::folder(folder, error);
        File::open(&self.coming).and_then(|file| file.sync_all()).map_err(fault)?;
        let aside = aside_path(&self.path, "before", now_ms);
        let moved = move_aside(&self.path, &aside).map_err(fault)?;
        fs::rename(&self.coming, &self.path).map_err(fault)?;
        remove(&mark_path(&self.path)).map_err(fault)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        Ok(moved.then_some(aside))
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        // After `finish` there is nothing left of it; before it, nobody wants it.
        for file in with_logs(&self.coming) {
            let _ = remove(&file);
        }
    }
}

/// Moves a damaged ledger aside with its log, so that nothing is booked on it any more; answers where it lies now, `None`
/// where there is none.
///
/// # Errors
/// Another process holds it; the folder cannot be written.
pub fn set_aside(path: &Path, now_ms: i64) -> Result<Option<PathBuf>, LedgerError> {
    let _lock = lock_take(path)?;
    let folder = folder_of(path);
    let fault = |error| LedgerError::folder(folder, error);
    let aside = aside_path(path, "damaged", now_ms);
    let moved = move_aside(path, &aside).map_err(fault)?;
    remove(&mark_path(path)).map_err(fault)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    Ok(moved.then_some(aside))
}

/// The name of a ledger that was moved aside: `ledger.damaged-20260202T090000Z.db`, the time in UTC.
pub fn aside_path(path: &Path, why: &str, now_ms: i64) -> PathBuf {
    let time = jiff::Timestamp::from_millisecond(now_ms).map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string());
    let name = format!("{why}-{}", time.unwrap_or_else(|_| now_ms.to_string()));
    // Two in one second.
    let mut names = (0..).map(|count: u32| match count {
        0 => path.with_extension(format!("{name}.db")),
        _ => path.with_extension(format!("{name}-{count}.db")),
    });
    names.find(|name| !name.exists()).unwrap_or_else(|| path.with_extension(format!("{name}.db")))
}

fn move_aside(path: &Path, aside: &Path) -> std::io::Result<bool> {
    let mut moved = false;
    // The log goes first: the old file alone is an older ledger, the old log beside a new file would be damage.
    for (from, to) in with_logs(path).into_iter().zip(with_logs(aside)).rev() {
        if from.exists() {
            fs::rename(&from, &to)?;
            moved = true;
        }
    }
    Ok(moved)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A ledger file and the two that SQLite keeps beside it.
fn with_logs(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The next life of the device: its events count from 1 again.
pub(super) fn life_begin(connection: &Connection) -> Result<(), LedgerError> {
    let known: u32 = connection.query_row("SELECT coalesce(max(incarnation), 0) FROM event", [], |row| row.get(0))?;
    if known == 0 {
        // Nothing was booked yet.
        return Ok(());
    }
    let told: Option<String> =
        connection.query_row("SELECT max(value) FROM meta WHERE name = 'incarnation'", [], |row| row.get(0))?;
    let last = told.and_then(|text| text.parse().ok()).unwrap_or(1).max(known);
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('incarnation', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![(last + 1).to_string()],
    )?;
    Ok(())
}
