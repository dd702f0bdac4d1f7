//! A backup put in the ledger's place. The file that was there is moved aside, never overwritten; the device begins a new
//! life (incarnation), so that what it books from now on is never taken for what it had booked before.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::error::LedgerError;
use super::read::ReadOnly;
use super::{connection_open, lock_take};

/// Puts a copy of `backup` in the place of the ledger at `path`, which nobody may have open. `backup` was verified before.
/// Answers where the ledger lies now that was there, if there was one.
///
/// # Errors
/// Another process holds the ledger; the copy cannot be made. The ledger is as it was then.
pub fn restore(path: &Path, backup: &Path, now_ms: i64) -> Result<Option<PathBuf>, LedgerError> {
    let _lock = lock_take(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fault = |error| LedgerError::folder(folder, error);
    let coming = path.with_extension("restoring");
    for stale in with_logs(&coming) {
        remove(&stale).map_err(fault)?;
    }
    ReadOnly::open(backup)?.copy_to(&coming)?;
    life_begin(&coming)?;
    File::open(&coming).and_then(|file| file.sync_all()).map_err(fault)?;
    let aside = path.with_extension(format!("before-{now_ms}.db"));
    let mut moved = None;
    // The log goes first: the old file alone is an older ledger, the old log beside the new file would be damage.
    for (from, to) in with_logs(path).into_iter().zip(with_logs(&aside)).rev() {
        if from.exists() {
            fs::rename(&from, &to).map_err(fault)?;
            moved = Some(aside.clone());
        }
    }
    fs::rename(&coming, path).map_err(fault)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    Ok(moved)
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
fn life_begin(path: &Path) -> Result<(), LedgerError> {
    let connection = connection_open(path)?;
    let known: u32 = connection.query_row("SELECT coalesce(max(incarnation), 1) FROM event", [], |row| row.get(0))?;
    let told: Option<String> =
        connection.query_row("SELECT max(value) FROM meta WHERE name = 'incarnation'", [], |row| row.get(0))?;
    let last = told.and_then(|text| text.parse().ok()).unwrap_or(1).max(known);
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('incarnation', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![(last + 1).to_string()],
    )?;
    // Everything into the one file, so that it can be moved alone.
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;")?;
    Ok(())
}
