//! What the ledger remembers of media beside their credentials: the counters of chips, and the cards that wait at a till
//! for a medium to be bound.

use super::error::LedgerError;
use super::read::Reads;
use super::txn::{Sql, Txn, serial_column};
use crate::pure::domain::{BootId, Now, Serial, TillId};
use rusqlite::{OptionalExtension, params};

/// A card that waits at a till for the next medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingRow {
    /// The card.
    pub card: Serial,
    /// The boot during which it began to wait.
    pub boot_id: BootId,
    /// Since when, nanoseconds since that boot.
    pub boot_ns: i64,
}

impl Reads<'_> {
    /// The highest counter that a chip showed so far.
    pub fn chip_counter_fetch(&self, chip: &[u8; 32]) -> Result<Option<u32>, LedgerError> {
        let mut statement = self.prepare("SELECT counter FROM chip_counter WHERE chip = ?1")?;
        Ok(statement.query_row([chip.as_slice()], |row| row.get(0)).optional()?)
    }

    /// The card that waits at a till, however long.
    pub fn binding_fetch(&self, till: &TillId) -> Result<Option<BindingRow>, LedgerError> {
        let mut statement = self.prepare("SELECT card, boot_id, boot_ns FROM binding WHERE till = ?1")?;
        Ok(statement
            .query_row([till.as_str()], |row| {
                Ok(BindingRow { card: serial_column(row, 0)?, boot_id: BootId(row.get(1)?), boot_ns: row.get(2)? })
            })
            .optional()?)
    }
}

impl Txn<'_> {
    /// Keeps the counter of a chip; it never falls.
    pub fn chip_counter_store(&mut self, chip: &[u8; 32], counter: u32) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO chip_counter (chip, counter) VALUES (?1, ?2)
             ON CONFLICT (chip) DO UPDATE SET counter = MAX(counter, excluded.counter)",
            params![chip.as_slice(), counter],
        )?;
        self.keep("chip_counter", [chip]);
        Ok(())
    }

    /// A card waits at a till for the next medium; the newest wins.
    pub fn binding_store(&mut self, till: &TillId, card: Serial, now: &Now) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO binding (till, card, boot_id, boot_ns) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (till) DO UPDATE SET card = ?2, boot_id = ?3, boot_ns = ?4",
            params![till.as_str(), Sql(card), now.boot_id.0.as_slice(), now.boot_ns],
        )?;
        Ok(())
    }

    /// Nothing waits at that till any more.
    pub fn binding_clear(&mut self, till: &TillId) -> Result<(), LedgerError> {
        self.execute("DELETE FROM binding WHERE till = ?1", params![till.as_str()])?;
        Ok(())
    }
}
