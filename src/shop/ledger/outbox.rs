//! The outbox: work that follows a posting, committed with it, and taken away once it is done. At most one row waits for
//! each topic and card, and it names the newest revision, so that doing it once is enough however often it was asked for.

use rusqlite::params;

use super::error::LedgerError;
use super::read::Reads;
use super::txn::{Sql, Txn, serial_column};
use crate::pure::domain::{Now, Serial};

/// The longest that any row is told to wait, milliseconds. One that claims more was written by a clock that ran ahead.
pub const OUTBOX_WAIT_MS_MAX: i64 = 6 * 3_600_000;

/// One piece of work that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// What is to be done: `pass`.
    pub topic: String,
    /// For which card.
    pub card: Serial,
    /// The revision of the card that asked for it.
    pub revision: i64,
    /// When it was first asked for, milliseconds since 1970-01-01 UTC.
    pub made_ms: i64,
    /// Not before this, milliseconds since 1970-01-01 UTC.
    pub next_attempt_ms: i64,
    /// How often it was tried in vain.
    pub attempts: i64,
}

fn outbox_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        topic: row.get(0)?,
        card: serial_column(row, 1)?,
        revision: row.get(2)?,
        made_ms: row.get(3)?,
        next_attempt_ms: row.get(4)?,
        attempts: row.get(5)?,
    })
}

const COLUMNS: &str = "topic, card, revision, made_ms, next_attempt_ms, attempts";

impl Reads<'_> {
    /// How many rows wait in the outbox.
    pub fn outbox_waiting(&self) -> Result<i64, LedgerError> {
        Ok(self.prepare("SELECT count(*) FROM outbox")?.query_row([], |row| row.get(0))?)
    }

    /// The rows that wait, by topic and card, after this one, at most `limit`.
    pub fn outbox_list(&self, after: Option<(&str, Serial)>, limit: usize) -> Result<Vec<OutboxRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {COLUMNS} FROM outbox WHERE (topic, card) > (?1, ?2) ORDER BY topic, card LIMIT ?3"
        ))?;
        let (topic, card) = after.map_or(("", -1), |(topic, card)| (topic, card.bits() as i64));
        let rows = statement.query_map(params![topic, card, limit as i64], outbox_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of a topic that may be tried now, by card from `after` on, at most `limit`.
    pub fn outbox_due(
        &self,
        topic: &str,
        after: Option<Serial>,
        now_ms: i64,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {COLUMNS} FROM outbox
             WHERE topic = ?1 AND card > ?2 AND (next_attempt_ms <= ?3 OR next_attempt_ms > ?4) ORDER BY card LIMIT ?5"
        ))?;
        let after = after.map_or(-1, |serial| serial.bits() as i64);
        let ahead_ms = now_ms.saturating_add(OUTBOX_WAIT_MS_MAX);
        let rows = statement.query_map(params![topic, after, now_ms, ahead_ms, limit as i64], outbox_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the next row of a topic may be tried, milliseconds since 1970-01-01 UTC; `None` where none waits.
    pub fn outbox_next_ms(&self, topic: &str) -> Result<Option<i64>, LedgerError> {
        Ok(self
            .prepare("SELECT min(next_attempt_ms) FROM outbox WHERE topic = ?1")?
            .query_row([topic], |row| row.get(0))?)
    }
}

impl Txn<'_> {
    /// Leaves work for the delivery workers; a waiting row of the same topic and card takes the newer revision.
    pub fn outbox_put(&mut self, topic: &str, card: Serial, revision: i64, now: &Now) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO outbox (topic, card, revision, made_ms, next_attempt_ms) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (topic, card) DO UPDATE SET revision = excluded.revision, next_attempt_ms = excluded.made_ms",
            params![topic, Sql(card), revision, now.wall_ms],
        )?;
        self.keep("outbox", [&topic, &Sql(card)]);
        Ok(())
    }

    /// Takes away what is done. A row that was asked for anew meanwhile has another revision and stays.
    pub fn outbox_done(&mut self, row: &OutboxRow) -> Result<(), LedgerError> {
        self.execute(
            "DELETE FROM outbox WHERE topic = ?1 AND card = ?2 AND revision = ?3",
            params![row.topic, Sql(row.card), row.revision],
        )?;
        Ok(())
    }

    /// Counts an attempt in vain; the next one is at `next_attempt_ms`. A row that was asked for anew stays as it is.
    pub fn outbox_retry(&mut self, row: &OutboxRow, next_attempt_ms: i64) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?4
             WHERE topic = ?1 AND card = ?2 AND revision = ?3",
            params![row.topic, Sql(row.card), row.revision, next_attempt_ms],
        )?;
        Ok(())
    }

    /// Lets every waiting row of a topic be tried at once: what stood in the way may be gone.
    pub fn outbox_wake(&mut self, topic: &str, now: &Now) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE outbox SET next_attempt_ms = ?2 WHERE topic = ?1 AND next_attempt_ms > ?2",
            params![topic, now.wall_ms],
        )?;
        Ok(())
    }
}
