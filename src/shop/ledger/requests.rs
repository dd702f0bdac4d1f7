//! What makes requests, taps and listeners safe to repeat: first answers by key, used proofs, recent visits and live events.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use super::error::LedgerError;
use super::read::Reads;
use super::sales::PresentedRow;
use super::sums;
use super::txn::{Sql, Txn, grade_column, till_column, uuid_column};
use crate::pure::domain::{ApiTokenId, BootId, Grade, Now, Serial, TillId, VisitId};

const ANSWER: &str = sums::ANSWER.columns;

/// How long first answers are kept: a till may be offline for weeks (DESIGN.md section 5).
const IDEMPOTENCY_KEPT_MS: i64 = 35 * 24 * 3_600_000;

/// How long used proofs are kept: far beyond the freshness window on both sides.
const PROOFS_KEPT_MS: i64 = 35 * 24 * 3_600_000;

/// How long live events can be resumed.
const LIVE_KEPT_MS: i64 = 24 * 3_600_000;

/// Old rows dropped with each new one: more than one, so that a backlog shrinks, and few, so that no commit is slow.
const PRUNED_AT_ONCE: i64 = 4;

/// Old live events are dropped with every so many new ones: a commit that drops some writes their pages too.
const LIVE_PRUNED_EVERY: i64 = 32;

/// How many at once: more than came, so that a backlog shrinks.
const LIVE_PRUNED_AT_ONCE: i64 = 96;

/// A first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl StoredAnswer {
    /// The sum of its row ([`sums::ANSWER`]).
    fn crc(&self, token: &[u8], key: &str, body_hash: &[u8]) -> u32 {
        let text = ValueRef::Text(key.as_bytes());
        let status = ValueRef::Integer(self.status.into());
        sums::sum([ValueRef::Blob(token), text, ValueRef::Blob(body_hash), status, ValueRef::Blob(&self.body)])
    }
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing: the request is new.
    New,
    /// The same request was answered before.
    Answered(StoredAnswer),
    /// The key was used with another body.
    OtherBody,
}

/// The last counted visit of a card.
#[derive(Clone, Debug, PartialEq)]
pub struct PastVisit {
    /// The visit.
    pub visit: VisitId,
    /// Where the card was shown.
    pub till: TillId,
    /// The most that was proved in this visit.
    pub grade: Grade,
    /// The age of that proof could not be judged.
    pub suspect: bool,
    /// The start of the machine in which it was.
    pub boot_id: BootId,
    /// Time since that start, nanoseconds.
    pub boot_ns: i64,
    /// Rule time, milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The live event that told it.
    pub live: i64,
}

impl PastVisit {
    /// The card as the one that this visit puts before its till.
    pub fn presented(&self, card: Serial) -> PresentedRow {
        let Self { visit, grade, suspect, boot_id, boot_ns, live, .. } = self.clone();
        PresentedRow { card, visit, grade, suspect, boot_id, boot_ns, live }
    }
}

/// One live event.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRow {
    /// Rising.
    pub id: i64,
    /// Wall clock, milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// `tap.presented`, ….
    pub name: String,
    /// The till that it concerns; `None` for all.
    pub till: Option<String>,
    /// JSON.
    pub data: String,
}

impl LiveRow {
    /// The id of an event that no table keeps, because nothing could be written.
    pub const UNKEPT: i64 = 0;
}

/// A first answer, and the hash of the body that it answers; columns of [`sums::ANSWER`], then the sum.
fn answer_row(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, StoredAnswer)> {
    sums::check(row, 0..5, 5)?;
    Ok((row.get(2)?, StoredAnswer { status: row.get(3)?, body: row.get(4)? }))
}

fn live_row(row: &Row<'_>) -> rusqlite::Result<LiveRow> {
    Ok(LiveRow { id: row.get(0)?, at_ms: row.get(1)?, name: row.get(2)?, till: row.get(3)?, data: row.get(4)? })
}

impl Reads<'_> {
    /// The live events after `id`, oldest first, at most `limit`.
    pub fn live_after(&self, id: i64, limit: usize) -> Result<Vec<LiveRow>, LedgerError> {
        let mut statement =
            self.prepare("SELECT id, at_ms, name, till, data FROM live WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let rows = statement.query_map(params![id, limit as i64], live_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest taps and scans at `till`, or at all tills, newest first: what the counter shows when it is opened.
    pub fn taps_recent(&self, till: Option<&str>, limit: usize) -> Result<Vec<LiveRow>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT id, at_ms, name, till, data FROM live
             WHERE name IN ('tap.presented', 'tap.refused') AND (?1 IS NULL OR till = ?1) ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![till, limit as i64], live_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One live event; `None` once it is dropped.
    pub fn live_fetch(&self, id: i64) -> Result<Option<LiveRow>, LedgerError> {
        let mut statement = self.prepare("SELECT id, at_ms, name, till, data FROM live WHERE id = ?1")?;
        Ok(statement.query_row([id], live_row).optional()?)
    }

    /// The oldest live event that is kept and the newest that there was; (0, 0) before the first.
    pub fn live_bounds(&self) -> Result<(i64, i64), LedgerError> {
        let mut statement =
            self.prepare("SELECT coalesce((SELECT min(id) FROM live), 0), coalesce((SELECT max(id) FROM live), 0)")?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The last counted visit of a card.
    pub fn visit_fetch(&self, card: Serial) -> Result<Option<PastVisit>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT visit, till, grade, suspect, boot_id, boot_ns, at_ms, live FROM recent_visit WHERE card = ?1",
        )?;
        let past = statement.query_row([Sql(card)], |row| {
            Ok(PastVisit {
                visit: VisitId(uuid_column(row, 0)?),
                till: till_column(row, 1)?,
                grade: grade_column(row, 2)?,
                suspect: row.get(3)?,
                boot_id: BootId(row.get(4)?),
                boot_ns: row.get(5)?,
                at_ms: row.get(6)?,
                live: row.get(7)?,
            })
        });
        Ok(past.optional()?)
    }

    /// What is known of `key`, as far as this snapshot shows.
    pub fn answer_fetch(&self, token: ApiTokenId, key: &str, body_hash: &[u8; 32]) -> Result<Stored, LedgerError> {
        let mut statement =
            self.prepare(&format!("SELECT {ANSWER}, crc FROM idempotency WHERE token = ?1 AND key = ?2"))?;
        let known = statement.query_row(params![token.0.as_bytes(), key], answer_row).optional()?;
        Ok(match known {
            None => Stored::New,
            Some((known, answer)) if known == body_hash => Stored::Answered(answer),
            Some(_) => Stored::OtherBody,
        })
    }

    /// Shows `look` every first answer that is kept and as it was written, by its key.
    pub fn answers_scan(
        &self,
        mut look: impl FnMut(&str, &StoredAnswer) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut statement = self.prepare(&format!("SELECT {ANSWER}, crc FROM idempotency"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some((_, answer)) = sums::unless_changed(row, 0..5, 5, answer_row(row))? {
                look(&row.get::<_, String>(1)?, &answer)?;
            }
        }
        Ok(())
    }
}

impl Txn<'_> {
    /// Keeps the first answer of a request, in the transaction of what it booked.
    pub fn answer_store(
        &mut self,
        token: ApiTokenId,
        key: &str,
        body_hash: &[u8; 32],
        answer: &StoredAnswer,
        now: &Now,
    ) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO idempotency (token, key, body_hash, status, answer, made_ms, crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                token.0.as_bytes(),
                key,
                body_hash,
                answer.status,
                answer.body,
                now.wall_ms,
                answer.crc(token.0.as_bytes(), key, body_hash)
            ],
        )?;
        self.keep("idempotency", [token.0.as_bytes(), &key]);
        self.execute(
            "DELETE FROM idempotency WHERE (token, key) IN
             (SELECT token, key FROM idempotency WHERE made_ms < ?1 ORDER BY made_ms LIMIT ?2)",
            params![now.wall_ms - IDEMPOTENCY_KEPT_MS, PRUNED_AT_ONCE],
        )?;
        Ok(())
    }

    /// Whether this proof was used before; if not, it is from now on.
    pub fn proof_use(&mut self, proof: &[u8; 32], now: &Now) -> Result<bool, LedgerError> {
        let fresh = self.execute(
            "INSERT INTO used_proof (proof, used_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![proof, now.wall_ms],
        )? == 1;
        if fresh {
            self.keep("used_proof", [proof]);
            // Its neighbours lie on the page that is written anyway; over time every proof is some new one's neighbour.
            self.execute(
                "DELETE FROM used_proof WHERE proof IN
                 (SELECT proof FROM used_proof WHERE proof > ?1 ORDER BY proof LIMIT ?2) AND used_ms < ?3",
                params![proof, PRUNED_AT_ONCE, now.wall_ms - PROOFS_KEPT_MS],
            )?;
        }
        Ok(!fresh)
    }

    /// Keeps a visit as the card's last counted one.
    pub fn visit_store(&mut self, card: Serial, past: &PastVisit) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO recent_visit (card, visit, till, grade, suspect, boot_id, boot_ns, at_ms, live)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (card) DO UPDATE SET visit = excluded.visit, till = excluded.till, grade = excluded.grade,
                 suspect = excluded.suspect, boot_id = excluded.boot_id, boot_ns = excluded.boot_ns,
                 at_ms = excluded.at_ms, live = excluded.live",
            params![
                Sql(card),
                past.visit.0.as_bytes(),
                past.till.as_str(),
                past.grade.name(),
                past.suspect,
                past.boot_id.0.as_slice(),
                past.boot_ns,
                past.at_ms,
                past.live
            ],
        )?;
        self.keep("recent_visit", [&Sql(card)]);
        Ok(())
    }

    /// Drops live events that can no longer be resumed, the oldest first and never the newest, whose number is `newest`:
    /// now and then, some at once.
    pub(super) fn live_prune(&mut self, now: &Now, newest: i64) -> Result<(), LedgerError> {
        if newest % LIVE_PRUNED_EVERY == 0 {
            self.execute(
                "DELETE FROM live WHERE id IN (SELECT id FROM live ORDER BY id LIMIT ?2) AND at_ms < ?1 AND id < ?3",
                params![now.wall_ms - LIVE_KEPT_MS, LIVE_PRUNED_AT_ONCE, newest],
            )?;
        }
        Ok(())
    }
}
