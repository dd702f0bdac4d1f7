//! What a segment file says: a record holds events as their canonical bytes and the rows that belong to them as they were
//! in one snapshot. Each record names the hash of the one before, through all files, so that none is missing unseen.

use std::collections::BTreeMap;

use openssl::sha::sha256;
use rusqlite::types::Value as Sqlite;

use crate::pure::wire::cbor::{CborError, MapWriter, Value};

/// The layout that this program writes.
const VERSION: i64 = 1;

mod key {
    pub const VERSION: u64 = 0;
    pub const PREV: u64 = 1;
    pub const FROM: u64 = 2;
    pub const TO: u64 = 3;
    pub const EVENTS: u64 = 4;
    pub const ROWS: u64 = 5;
    pub const CLOSED: u64 = 6;
    pub const TABLES: u64 = 7;
    pub const MORE: u64 = 8;
}

/// A row as it was, or that it is gone.
#[derive(Clone, Debug, PartialEq)]
pub enum RowState {
    /// Its columns, in the order of the file's first record.
    Is(Vec<Sqlite>),
    /// The columns of its key.
    Gone(Vec<Sqlite>),
}

/// One record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// SHA-256 of the payload before.
    pub prev: [u8; 32],
    /// The ledger's row before the first event here.
    pub from: i64,
    /// The row of the newest event in the snapshot.
    pub to: i64,
    /// Canonical bytes of the events `from + 1` to `to`.
    pub events: Vec<Vec<u8>>,
    /// Rows by table.
    pub rows: Vec<(String, RowState)>,
    /// The ledger was closed after this, and nothing is missing here.
    pub closed: bool,
    /// In a file's first record, which holds nothing else: each table's columns. Everything in the files before it is in
    /// row `from` or before.
    pub tables: BTreeMap<String, Vec<String>>,
    /// The next record belongs to the same snapshot: both count, or neither.
    pub more: bool,
}

/// Why a payload is no record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not canonical CBOR, or a field is missing.
    #[error("{0}")]
    Cbor(#[from] CborError),
    /// Written by a later stampd.
    #[error("a record of layout {0}; install the stampd that wrote it")]
    Later(i64),
    /// A field of another type.
    #[error("a row or a table in it has no proper form")]
    Form,
}

/// The hash by which the next record names this one.
pub fn record_hash(payload: &[u8]) -> [u8; 32] {
    sha256(payload)
}

impl Record {
    /// Its payload.
    pub fn encode(&self) -> Vec<u8> {
        let tables = self.tables.iter().map(|(name, columns)| {
            let columns = columns.iter().map(Value::text).collect();
            Value::Array(vec![Value::text(name), Value::Array(columns)])
        });
        let rows = self.rows.iter().map(|(table, state)| {
            let (gone, values) = match state {
                RowState::Is(values) => (false, values),
                RowState::Gone(key) => (true, key),
            };
            Value::Array(vec![
                Value::text(table),
                Value::Bool(gone),
                Value::Array(values.iter().map(to_cbor).collect()),
            ])
        });
        let mut map = MapWriter::default();
        map.int(key::VERSION, VERSION)
            .bytes(key::PREV, &self.prev)
            .int(key::FROM, self.from)
            .int(key::TO, self.to)
            .items(key::EVENTS, self.events.iter().cloned().map(Value::Bytes).collect())
            .items(key::ROWS, rows.collect())
            .flag(key::CLOSED, self.closed)
            .items(key::TABLES, tables.collect())
            .flag(key::MORE, self.more);
        map.done().encode()
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let map = Value::decode(payload)?;
        let version = map.int(key::VERSION)?;
        if version != VERSION {
            return Err(RecordError::Later(version));
        }
        let event = |item: &Value| match item {
            Value::Bytes(bytes) => Ok(bytes.clone()),
            _ => Err(RecordError::Form),
        };
        Ok(Self {
            prev: map.bytes(key::PREV)?,
            from: map.int(key::FROM)?,
            to: map.int(key::TO)?,
            events: map.items(key::EVENTS)?.iter().map(event).collect::<Result<_, _>>()?,
            rows: map.items(key::ROWS)?.iter().map(row_from).collect::<Result<_, _>>()?,
            closed: map.bool(key::CLOSED)?,
            tables: map.items(key::TABLES)?.iter().map(table_from).collect::<Result<_, _>>()?,
            more: map.bool(key::MORE)?,
        })
    }
}

fn row_from(item: &Value) -> Result<(String, RowState), RecordError> {
    let Value::Array(parts) = item else { return Err(RecordError::Form) };
    let [Value::Text(table), Value::Bool(gone), Value::Array(values)] = parts.as_slice() else {
        return Err(RecordError::Form);
    };
    let values = values.iter().map(from_cbor).collect::<Result<_, _>>()?;
    Ok((table.clone(), if *gone { RowState::Gone(values) } else { RowState::Is(values) }))
}

fn table_from(item: &Value) -> Result<(String, Vec<String>), RecordError> {
    let Value::Array(parts) = item else { return Err(RecordError::Form) };
    let [Value::Text(table), Value::Array(columns)] = parts.as_slice() else { return Err(RecordError::Form) };
    let name = |column: &Value| match column {
        Value::Text(name) => Ok(name.clone()),
        _ => Err(RecordError::Form),
    };
    Ok((table.clone(), columns.iter().map(name).collect::<Result<_, _>>()?))
}

fn to_cbor(value: &Sqlite) -> Value {
    match value {
        Sqlite::Null => Value::Null,
        Sqlite::Integer(number) => Value::Int(*number),
        // No table of ours holds fractions: all are STRICT, and none has a REAL column.
        Sqlite::Real(number) => Value::Int(*number as i64),
        Sqlite::Text(text) => Value::text(text),
        Sqlite::Blob(bytes) => Value::Bytes(bytes.clone()),
    }
}

fn from_cbor(value: &Value) -> Result<Sqlite, RecordError> {
    Ok(match value {
        Value::Null => Sqlite::Null,
        Value::Int(number) => Sqlite::Integer(*number),
        Value::Text(text) => Sqlite::Text(text.clone()),
        Value::Bytes(bytes) => Sqlite::Blob(bytes.clone()),
        _ => return Err(RecordError::Form),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            prev: [7; 32],
            from: 3,
            to: 5,
            events: vec![vec![1, 2], vec![]],
            rows: vec![
                (
                    "card".to_owned(),
                    RowState::Is(vec![Sqlite::Integer(-1), Sqlite::Null, Sqlite::Text("é".to_owned())]),
                ),
                ("person".to_owned(), RowState::Gone(vec![Sqlite::Blob(vec![9; 16])])),
            ],
            closed: true,
            tables: BTreeMap::from([("card".to_owned(), vec!["serial".to_owned()])]),
            more: true,
        };
        let payload = record.encode();
        assert_eq!(Record::decode(&payload), Ok(record));
        assert_eq!(payload[0] & 0xE0, 0xA0, "frames are told from noise by the map's head");
        for length in 0..payload.len() {
            assert!(Record::decode(&payload[..length]).is_err(), "cut at {length}");
        }
    }
}
