//! One piece of work inside the writer's transaction: appending events to the chain, and what every other write shares.

use jiff::tz::TimeZone;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql, params};

use super::error::LedgerError;
use super::requests::LiveRow;
use super::segments::Kept;
use crate::pure::domain::event::Happening;
use crate::pure::domain::{DeviceId, Event, EventId, Grade, Hlc, Incarnation, Moment, Now, Serial, TillId};
use crate::pure::wire::event::{EVENT_BYTES_MAX, event_bytes, event_hash};

/// Where the chain stands.
#[derive(Clone, Debug)]
pub struct Tail {
    pub device: DeviceId,
    pub incarnation: Incarnation,
    pub seq: u64,
    pub position: i64,
    pub hlc: Hlc,
    pub hash: [u8; 32],
}

impl Tail {
    /// Reads it from the ledger; a new ledger starts at zero as device 1, incarnation 1.
    pub fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let number = |name: &str| -> Result<u32, LedgerError> {
            let text: Option<String> =
                connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?;
            text.map_or(Ok(1), |text| {
                text.parse().map_err(|_| LedgerError::Damaged(format!("meta '{name}' is no number")))
            })
        };
        let (device, incarnation) = (DeviceId(number("device")?), Incarnation(number("incarnation")?));
        let last = connection
            .query_row(
                "SELECT position, seq, hlc, hash, incarnation FROM event ORDER BY position DESC LIMIT 1",
                [],
                |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get(3)?, row.get::<_, u32>(4)?))
                },
            )
            .optional()?;
        Ok(match last {
            None => Self { device, incarnation, seq: 0, position: 0, hlc: Hlc::ZERO, hash: [0; 32] },
            Some((position, seq, hlc, hash, life)) => Self {
                device,
                incarnation,
                seq: if Incarnation(life) == incarnation { seq as u64 } else { 0 },
                position,
                hlc: Hlc(hlc as u64),
                hash,
            },
        })
    }
}

/// What the books know of time beside the clock: the newest rule time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnContext {
    /// The clock of the newest event.
    pub hlc: Hlc,
}

/// What follows a commit: events for listeners, and rows for the segment copy.
#[derive(Default)]
pub struct Effects {
    pub live: Vec<LiveRow>,
    pub kept: Vec<Kept>,
}

impl Effects {
    /// How far they go now.
    pub fn mark(&self) -> (usize, usize) {
        (self.live.len(), self.kept.len())
    }

    /// Forgets what came after `mark`: its work was undone.
    pub fn rewind(&mut self, mark: (usize, usize)) {
        self.live.truncate(mark.0);
        self.kept.truncate(mark.1);
    }
}

/// One piece of work inside the writer's transaction. What it writes is undone when the work ends with an error.
pub struct Txn<'c> {
    connection: &'c Connection,
    tail: &'c mut Tail,
    effects: &'c mut Effects,
    fault: Option<LedgerError>,
}

/// An event as it was appended.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The event with its place in the chain.
    pub event: Event,
    /// Its row.
    pub position: i64,
}

impl Appended {
    /// The event's rule time, in the zone of `now`.
    pub fn at(&self, now: &Now) -> Moment {
        Moment { ms: self.event.hlc.ms(), zone: now.zone.clone() }
    }
}

impl<'c> Txn<'c> {
    pub(super) fn new(connection: &'c Connection, tail: &'c mut Tail, effects: &'c mut Effects) -> Self {
        Self { connection, tail, effects, fault: None }
    }

    /// Leaves a row to the segment copy, named by the columns of its table's key (`segments/catalogue.rs`). Rows that an
    /// event names (card, customer, sale, text) come along with it.
    pub(super) fn keep<const N: usize>(&mut self, table: &'static str, key: [&dyn ToSql; N]) {
        let owned = key.iter().filter_map(|value| match value.to_sql().ok()? {
            ToSqlOutput::Owned(value) => Some(value),
            ToSqlOutput::Borrowed(value) => value.try_into().ok(),
            _ => None,
        });
        self.effects.kept.push(Kept { table, key: owned.collect() });
    }

    /// [`Txn::keep`] for each row whose key `statement` finds.
    pub(super) fn keep_found(
        &mut self,
        table: &'static str,
        statement: &str,
        values: impl Params,
    ) -> Result<(), LedgerError> {
        let keys = self.connection.prepare_cached(statement).and_then(|mut prepared| {
            let rows = prepared.query_map(values, |row| row.get::<_, rusqlite::types::Value>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        for key in keys.map_err(|error| self.note(error))? {
            self.effects.kept.push(Kept { table, key: vec![key] });
        }
        Ok(())
    }

    /// Whether the storage failed under this work: then the whole group is undone.
    pub(super) fn storage_failed(&self) -> bool {
        self.fault.is_some() || self.connection.is_autocommit()
    }

    pub(super) fn into_fault(self) -> LedgerError {
        self.fault.unwrap_or_else(|| LedgerError::Storage("the transaction was rolled back by the storage".to_owned()))
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Runs one statement; a storage fault is remembered, so that the group is not committed past it.
    pub(super) fn execute(&mut self, statement: &str, values: impl Params) -> Result<usize, LedgerError> {
        let done = self.connection.prepare_cached(statement).and_then(|mut prepared| prepared.execute(values));
        done.map_err(|error| self.note(error))
    }

    /// Reads one row, if there is one.
    pub(super) fn query_one<T>(
        &mut self,
        statement: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        let found = self
            .connection
            .prepare_cached(statement)
            .and_then(|mut prepared| prepared.query_row(values, read).optional());
        found.map_err(|error| self.note(error))
    }

    fn note(&mut self, error: rusqlite::Error) -> LedgerError {
        let error = LedgerError::from(error);
        if error.poisons() {
            self.fault = Some(match &error {
                LedgerError::DiskFull => LedgerError::DiskFull,
                LedgerError::Damaged(what) => LedgerError::Damaged(what.clone()),
                other => LedgerError::Storage(other.to_string()),
            });
        }
        error
    }

    /// The newest rule time in the books.
    pub fn context(&self) -> TxnContext {
        TxnContext { hlc: self.tail.hlc }
    }

    /// The rule time of an event that would be appended at `now`: never before the last one.
    pub fn rule_time(&self, now: &Now) -> Moment {
        Moment { ms: self.tail.hlc.next(now.wall_ms).ms(), zone: now.zone.clone() }
    }

    /// Numbers, chains and stores what happened, with the rows that find its entries again. Asserts that every entry's
    /// card exists (a foreign key would, at commit) and that the canonical bytes stay sendable.
    ///
    /// # Errors
    /// The storage failed, or the event is larger than any that could be sent.
    pub fn event_append(&mut self, now: &Now, id: EventId, what: Happening) -> Result<Appended, LedgerError> {
        let event = Event {
            device: self.tail.device,
            incarnation: self.tail.incarnation,
            seq: self.tail.seq + 1,
            id,
            hlc: self.tail.hlc.next(now.wall_ms),
            wall_ms: now.wall_ms,
            boot_id: now.boot_id,
            boot_ns: now.boot_ns,
            trust: now.trust,
            zone: zone_name(&now.zone),
            prev: self.tail.hash,
            what,
        };
        let body = event_bytes(&event);
        if body.len() > EVENT_BYTES_MAX {
            return Err(LedgerError::Damaged(format!("an event of {} bytes cannot be sent", body.len())));
        }
        let hash = event_hash(&body);
        let position = self.tail.position + 1;
        let stored = event_store(self.connection, position, &event, &hash, &body);
        stored.map_err(|error| self.note(error))?;
        *self.tail = Tail { seq: event.seq, position, hlc: event.hlc, hash, ..self.tail.clone() };
        Ok(Appended { event, position })
    }

    /// Stores the free text of an event, whose salted hash the event holds.
    pub fn event_text_store(&mut self, position: i64, salt: &[u8; 16], text: &str) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO event_text (position, salt, text) VALUES (?1, ?2, ?3)",
            params![position, salt.as_slice(), text],
        )?;
        Ok(())
    }

    /// Keeps a live event; it is broadcast after the commit. Answers its number. Old ones go.
    pub fn live_append(&mut self, now: &Now, name: &str, till: Option<&str>, data: &str) -> Result<i64, LedgerError> {
        self.execute(
            "INSERT INTO live (at_ms, name, till, data) VALUES (?1, ?2, ?3, ?4)",
            params![now.wall_ms, name, till, data],
        )?;
        let id = self.connection.last_insert_rowid();
        let (name, till, data) = (name.to_owned(), till.map(str::to_owned), data.to_owned());
        self.live_prune(now, id)?;
        self.effects.live.push(LiveRow { id, at_ms: now.wall_ms, name, till, data });
        Ok(id)
    }
}

/// Stores an event's row, and the rows that find its entries again.
pub(super) fn event_store(
    connection: &Connection,
    position: i64,
    event: &Event,
    hash: &[u8; 32],
    body: &[u8],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO event (position, incarnation, seq, event_id, kind, hlc, card, customer, visit, hash, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    statement.execute(params![
        position,
        event.incarnation.0,
        event.seq as i64,
        event.id.0.as_bytes(),
        event.what.kind.name(),
        event.hlc.0 as i64,
        event.what.card.map(Sql),
        event.what.customer.as_ref().map(|id| id.0.as_bytes().as_slice()),
        event.what.visit.as_ref().map(|id| id.0.as_bytes().as_slice()),
        hash,
        body
    ])?;
    for (place, entry) in event.what.entries.iter().enumerate() {
        let mut statement = connection.prepare_cached(
            "INSERT INTO entry (card, position, place, entry_id, kind, units) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        statement.execute(params![
            Sql(entry.card),
            position,
            place as i64,
            entry.id.0.as_bytes(),
            entry.posting.kind().name(),
            entry.posting.units()
        ])?;
    }
    Ok(())
}

/// The IANA name of a zone as events keep it.
fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// A serial as SQLite keeps it: a 60-bit integer.
pub(super) struct Sql(pub crate::pure::domain::Serial);

impl ToSql for Sql {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(rusqlite::types::Value::Integer(self.0.bits() as i64)))
    }
}

/// The serial in a column.
pub(super) fn serial_column(row: &Row<'_>, index: usize) -> rusqlite::Result<Serial> {
    Ok(Serial::from_random(row.get::<_, i64>(index)? as u64))
}

/// The 16-byte id in a column.
pub(super) fn uuid_column(row: &Row<'_>, index: usize) -> rusqlite::Result<uuid::Uuid> {
    match row.get_ref(index)? {
        ValueRef::Blob(bytes) if bytes.len() == 16 => Ok(uuid::Uuid::from_slice(bytes).unwrap_or_default()),
        other => Err(rusqlite::Error::InvalidColumnType(index, "id of 16 bytes".to_owned(), other.data_type())),
    }
}

/// The till in a column.
pub(super) fn till_column(row: &Row<'_>, index: usize) -> rusqlite::Result<TillId> {
    let name: String = row.get(index)?;
    TillId::new(&name).map_err(|_| rusqlite::Error::InvalidColumnType(index, "till".to_owned(), Type::Text))
}

/// The grade in a column; a word of a later program is the least of all.
pub(super) fn grade_column(row: &Row<'_>, index: usize) -> rusqlite::Result<Grade> {
    let name: String = row.get(index)?;
    Ok(Grade::from_name(&name).unwrap_or(Grade::D))
}
