//! The floor of goal 1: one bare SQLite commit with the durability of the ledger, in the same folder.

use std::path::Path;

use rusqlite::{Connection, params};

/// As many bytes as the canonical event of a tap has, about.
const ROW_BYTES: usize = 300;

/// A table into which one row at a time is committed.
pub struct Mill {
    connection: Connection,
    row: [u8; ROW_BYTES],
    count: i64,
}

impl Mill {
    /// Makes the table in a file of its own in `folder`.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("floor.db"))?;
        // As the ledger: the log is never cut, and copied into the file outside of what is measured.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = -1;
             PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;",
        )?;
        Ok(Self { connection, row: [0x5A; ROW_BYTES], count: 0 })
    }

    /// One durable row.
    pub fn commit(&mut self) -> anyhow::Result<()> {
        self.count += 1;
        self.connection
            .prepare_cached("INSERT INTO floor (at_ms, body) VALUES (?1, ?2)")?
            .execute(params![self.count, self.row.as_slice()])?;
        Ok(())
    }

    /// Copies the log into the file, between slices.
    pub fn checkpoint(&self) -> anyhow::Result<()> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }
}
