//! The sums of rows that neither the chain nor a standing covers: whoever reads a card, a medium, a person, a sale or a first
//! answer is told when the row is not as it was written. What changes with every posting (standings, revisions, figures of
//! lists) has its own proof and is not part of them.

use rusqlite::types::{ToSql, Type, ValueRef};
use rusqlite::{OptionalExtension, Row};

use super::error::LedgerError;
use super::read::Reads;
use super::txn::Txn;
use crate::pure::wire::checksum::crc32c;

/// A table whose rows have a sum, in their column `crc`. A row of before there were sums has none.
#[derive(Debug)]
pub(super) struct Summed {
    table: &'static str,
    /// The columns of its key.
    key: &'static str,
    /// The columns that the sum covers, in their order.
    pub(super) columns: &'static str,
}

/// Cards: what is not their standing.
pub(super) const CARD: Summed = Summed {
    table: "card",
    key: "serial",
    columns: "serial, customer, programme, issued_ms, deleted, blocked, expires_on, link",
};

/// Customers.
pub(super) const CUSTOMER: Summed =
    Summed { table: "customer", key: "id", columns: "id, created_ms, referrer, removed_ms" };

/// What customers told.
pub(super) const PERSON: Summed = Summed {
    table: "person",
    key: "customer",
    columns: "customer, first_name, last_name, email, email_verified, phone, birth_date, birth_known, language, telegram_id, \
              groups, custom, utm, consents, name_key",
};

/// Media.
pub(super) const CREDENTIAL: Summed =
    Summed { table: "credential", key: "id", columns: "id, card, medium, kid, created_ms, revoked_ms, chip" };

/// First answers.
pub(super) const ANSWER: Summed =
    Summed { table: "idempotency", key: "token, key", columns: "token, key, body_hash, status, answer" };

/// Sales.
pub(super) const SALE: Summed = Summed {
    table: "sale",
    key: "sale_id",
    columns: "sale_id, txn_id, till, state, card, event_id, body_hash, request, answer, boot_id, boot_ns, made_ms",
};

const ALL: [&Summed; 6] = [&CARD, &CUSTOMER, &PERSON, &CREDENTIAL, &ANSWER, &SALE];

/// The sum of these columns ([`Summed::columns`] in their order: rows that are written with every request are summed before
/// they are, the others by [`Txn::sum_store`] after), each by its type and length, so that no byte can move from one into the next.
pub(super) fn sum<'v>(columns: impl IntoIterator<Item = ValueRef<'v>>) -> u32 {
    let mut bytes = Vec::with_capacity(256);
    let mut put = |tag: u8, value: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    };
    for column in columns {
        match column {
            ValueRef::Null => put(0, &[]),
            ValueRef::Integer(number) => put(1, &number.to_le_bytes()),
            ValueRef::Real(number) => put(2, &number.to_le_bytes()),
            ValueRef::Text(text) => put(3, text),
            ValueRef::Blob(blob) => put(4, blob),
        }
    }
    crc32c(&bytes)
}

/// An optional column.
pub(super) fn maybe<'v, T>(value: Option<T>, with: impl FnOnce(T) -> ValueRef<'v>) -> ValueRef<'v> {
    value.map_or(ValueRef::Null, with)
}

/// Refuses a row whose columns at these places are not those of the sum at `crc`.
pub(super) fn check(row: &Row<'_>, places: impl IntoIterator<Item = usize>, crc: usize) -> rusqlite::Result<()> {
    if is_whole(row, places, crc)? {
        return Ok(());
    }
    let name = row.as_ref().column_name(crc).unwrap_or("crc").to_owned();
    let what = format!("a row was changed, its sum ({name}) is another");
    Err(rusqlite::Error::FromSqlConversionFailure(crc, Type::Integer, what.into()))
}

/// What was read of a row, for those who look at every row: nothing of one whose sum is another, as [`Reads::sums_check`]
/// tells of it; any other fault stays one.
pub(super) fn unless_changed<T>(
    row: &Row<'_>,
    places: impl IntoIterator<Item = usize>,
    crc: usize,
    read: rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match read {
        Err(_) if check(row, places, crc).is_err() => Ok(None),
        read => read.map(Some),
    }
}

fn is_whole(row: &Row<'_>, places: impl IntoIterator<Item = usize>, crc: usize) -> rusqlite::Result<bool> {
    let Some(written) = row.get::<_, Option<i64>>(crc)? else { return Ok(true) };
    let columns = places.into_iter().map(|place| row.get_ref(place)).collect::<Result<Vec<_>, _>>()?;
    Ok(written == i64::from(sum(columns)))
}

impl Reads<'_> {
    /// The rows that are not as they were written, in sentences, at most `limit`; and customers without whom others stand.
    pub fn sums_check(&self, limit: usize) -> Result<Vec<String>, LedgerError> {
        let mut faults = Vec::new();
        for Summed { table, columns, .. } in ALL {
            let count = columns.split(',').count();
            let mut statement = self.prepare(&format!("SELECT {columns}, crc FROM {table}"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if faults.len() < limit && !is_whole(row, 0..count, count).unwrap_or(false) {
                    faults.push(format!("{table} {}: the row was changed, its sum is another", key_text(row)));
                }
            }
        }
        for table in ["person", "card", "credential"] {
            let mut statement = self.prepare(&format!("PRAGMA foreign_key_check({table})"))?;
            let missing = statement.query_map([], |row| row.get::<_, String>(2))?;
            for parent in missing.take(limit) {
                faults.push(format!("a row of {table} belongs to a {} that is missing", parent?));
            }
        }
        Ok(faults)
    }
}

/// The first column of a row, as one can look for it.
fn key_text(row: &Row<'_>) -> String {
    match row.get_ref(0) {
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        Ok(ValueRef::Blob(blob)) => blob.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => "(unreadable)".to_owned(),
    }
}

impl Txn<'_> {
    /// Sums a row anew that was just written: the one of that key, in a table whose key is one column.
    pub(super) fn sum_store(&mut self, of: &Summed, key: &dyn ToSql) -> Result<(), LedgerError> {
        let Summed { table, key: name, columns } = of;
        let count = columns.split(',').count();
        let crc = {
            let reads = self.reads();
            let mut statement = reads.prepare(&format!("SELECT {columns} FROM {table} WHERE {name} = ?1"))?;
            let summed =
                |row: &Row<'_>| Ok(sum((0..count).map(|at| row.get_ref(at)).collect::<Result<Vec<_>, _>>()?));
            statement.query_row([key], summed).optional()?
        };
        if let Some(crc) = crc {
            self.execute(&format!("UPDATE {table} SET crc = ?2 WHERE {name} = ?1"), rusqlite::params![key, crc])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_moves_from_one_column_to_the_next() {
        use ValueRef::{Blob, Integer, Null, Text};
        let rows: [&[ValueRef<'_>]; 8] = [
            &[Text(b"ab"), Text(b"c")],
            &[Text(b"a"), Text(b"bc")],
            &[Blob(b"a"), Text(b"bc")],
            &[Text(b"abc"), Null],
            &[Null, Text(b"abc")],
            &[Text(b"abc"), Text(b"")],
            &[Text(b"abc"), Integer(0)],
            &[Text(b"abc")],
        ];
        let sums: std::collections::BTreeSet<u32> = rows.iter().map(|row| sum(row.iter().copied())).collect();
        assert_eq!(sums.len(), rows.len());
    }
}
