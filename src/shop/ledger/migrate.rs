//! The schema moves forward only: a list of migrations, each with its number and the SHA-256 of its text in a table, each
//! in a transaction of its own, with a backup of the file before the first that applies.

use std::path::{Path, PathBuf};

use openssl::sha::sha256;
use rusqlite::{Connection, TransactionBehavior, params};

use super::error::LedgerError;

/// "stmp": tells our files from others'.
const APPLICATION_ID: u32 = 0x7374_6D70;

/// Every migration ever released, in order. Never change one: add the next.
const MIGRATIONS: &[(u32, &str)] =
    &[(1, include_str!("schema/0001_spine.sql")), (2, include_str!("schema/0002_sums.sql"))];

/// The newest schema that this program knows.
pub const SCHEMA: u32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Whether this program can read the file as it is: one of ours, of exactly the schema that it knows.
pub fn readable(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let application: u32 = pragma(connection, "application_id").map_err(|error| LedgerError::open(path, error))?;
    let found: u32 = pragma(connection, "user_version")?;
    match found {
        _ if application != APPLICATION_ID => Err(LedgerError::Foreign { path: path.to_owned(), found: application }),
        _ if found > SCHEMA => Err(LedgerError::SchemaNewer { path: path.to_owned(), found, known: SCHEMA }),
        _ if found < SCHEMA => Err(LedgerError::Damaged(format!(
            "{} has schema {found}; start the daemon once, it brings the ledger forward",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// What a file says of itself.
pub struct Known {
    /// Its schema.
    found: u32,
    /// There is nothing in it yet.
    empty: bool,
}

/// Whether a file is an empty one or a ledger of a schema that this program knows. Only reads, so that another one is
/// left as it was.
pub fn ours(connection: &Connection, path: &Path) -> Result<Known, LedgerError> {
    let application: u32 = pragma(connection, "application_id").map_err(|error| LedgerError::open(path, error))?;
    let found: u32 = pragma(connection, "user_version")?;
    let empty: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if !(empty || application == APPLICATION_ID) {
        return Err(LedgerError::Foreign { path: path.to_owned(), found: application });
    }
    if found > SCHEMA {
        return Err(LedgerError::SchemaNewer { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(Known { found, empty })
}

/// Applies what is missing. A file of a later schema, or one that is none of ours, is refused and left as it was.
pub fn bring_forward(connection: &Connection, path: &Path, now_ms: i64) -> Result<(), LedgerError> {
    let Known { found, empty } = ours(connection, path)?;
    if found < SCHEMA && !empty {
        connection.execute("VACUUM INTO ?1", params![backup_path(path, found, now_ms).to_string_lossy()])?;
    }
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT",
    )?;
    for (number, text) in MIGRATIONS {
        apply(connection, *number, text, now_ms)?;
    }
    Ok(())
}

fn apply(connection: &Connection, number: u32, text: &str, now_ms: i64) -> Result<(), LedgerError> {
    let hash = sha256(text.as_bytes());
    let known: Option<Vec<u8>> = connection
        .query_row("SELECT sha256 FROM migration WHERE number = ?1", [number], |row| row.get(0))
        .map(Some)
        .or_else(|error| if error == rusqlite::Error::QueryReturnedNoRows { Ok(None) } else { Err(error) })?;
    match known {
        Some(known) if known == hash => return Ok(()),
        Some(_) => return Err(LedgerError::MigrationChanged { number }),
        None => {}
    }
    let txn = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    txn.execute_batch(text)?;
    txn.execute("INSERT INTO migration (number, sha256, at_ms) VALUES (?1, ?2, ?3)", params![number, hash, now_ms])?;
    txn.execute_batch(&format!("PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"))?;
    txn.commit()?;
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> Result<u32, rusqlite::Error> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Where the backup before a migration lies: beside the ledger, named by schema and time.
fn backup_path(path: &Path, schema: u32, now_ms: i64) -> PathBuf {
    path.with_extension(format!("schema{schema}-{now_ms}.db"))
}
