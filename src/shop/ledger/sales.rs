//! Sales and the card that a till has before it.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use super::error::LedgerError;
use super::read::Reads;
use super::sums;
use super::txn::{Sql, Txn, grade_column, serial_column, till_column, uuid_column};
use crate::pure::domain::standing::TXN_KEPT_MS;
use crate::pure::domain::{BootId, EventId, Grade, Now, SaleId, Serial, TillId, VisitId};

/// Where a sale stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleState {
    /// No card yet.
    Waiting,
    /// Opened: what it redeems is set aside.
    Open,
    /// Posted.
    Posted,
    /// Cancelled, or its card never came.
    Cancelled,
}

impl SaleState {
    /// The word in the ledger and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            SaleState::Waiting => "waiting",
            SaleState::Open => "open",
            SaleState::Posted => "posted",
            SaleState::Cancelled => "cancelled",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        use SaleState::*;
        [Waiting, Open, Posted, Cancelled].into_iter().find(|state| state.name() == name)
    }
}

/// A sale.
#[derive(Clone, Debug, PartialEq)]
pub struct SaleRow {
    /// Our number.
    pub id: SaleId,
    /// The till's number.
    pub txn_id: String,
    /// The till.
    pub till: TillId,
    /// Where it stands.
    pub state: SaleState,
    /// The card, once it is known.
    pub card: Option<Serial>,
    /// The event that posted it.
    pub event: Option<EventId>,
    /// SHA-256 of what was asked.
    pub body_hash: [u8; 32],
    /// What was asked, JSON.
    pub request: String,
    /// What its number answers, JSON.
    pub answer: String,
    /// The start of the machine in which it began to wait or was opened.
    pub boot_id: BootId,
    /// Time since that start, nanoseconds.
    pub boot_ns: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub made_ms: i64,
}

impl SaleRow {
    /// Nanoseconds for which it has been waiting or open: by time since boot, and after a new start of the machine at
    /// least as long as that one runs.
    pub fn age_ns(&self, now: &Now) -> i64 {
        if self.boot_id == now.boot_id { now.boot_ns - self.boot_ns } else { now.boot_ns }
    }
}

impl SaleRow {
    /// The sum of its row ([`sums::SALE`]).
    fn crc(&self) -> u32 {
        use ValueRef::{Blob, Integer, Text};
        sums::sum([
            Blob(self.id.0.as_bytes()),
            Text(self.txn_id.as_bytes()),
            Text(self.till.as_str().as_bytes()),
            Text(self.state.name().as_bytes()),
            sums::maybe(self.card, |card| Integer(card.bits() as i64)),
            sums::maybe(self.event.as_ref(), |event| Blob(event.0.as_bytes())),
            Blob(&self.body_hash),
            Text(self.request.as_bytes()),
            Text(self.answer.as_bytes()),
            Blob(self.boot_id.0.as_slice()),
            Integer(self.boot_ns),
            Integer(self.made_ms),
        ])
    }
}

/// The card presented at a till.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentedRow {
    /// The card.
    pub card: Serial,
    /// The visit.
    pub visit: VisitId,
    /// What the medium proved.
    pub grade: Grade,
    /// The age of that proof could not be judged.
    pub suspect: bool,
    /// The start of the machine in which it was shown.
    pub boot_id: BootId,
    /// Time since that start, nanoseconds.
    pub boot_ns: i64,
    /// The live event that told the tap.
    pub live: i64,
}

const SALE: &str = sums::SALE.columns;

/// The columns of [`sums::SALE`], then the sum.
fn sale_row(row: &Row<'_>) -> rusqlite::Result<SaleRow> {
    let state: String = row.get(3)?;
    let wrong = |index| rusqlite::Error::InvalidColumnType(index, "sale".to_owned(), rusqlite::types::Type::Text);
    let (card, event) = (row.get::<_, Option<i64>>(4)?, row.get_ref(5)?.as_blob_or_null()?.is_some());
    sums::check(row, 0..12, 12)?;
    Ok(SaleRow {
        id: SaleId(uuid_column(row, 0)?),
        txn_id: row.get(1)?,
        till: till_column(row, 2)?,
        state: SaleState::from_name(&state).ok_or_else(|| wrong(3))?,
        card: card.map(|_| serial_column(row, 4)).transpose()?,
        event: if event { Some(EventId(uuid_column(row, 5)?)) } else { None },
        body_hash: row.get(6)?,
        request: row.get(7)?,
        answer: row.get(8)?,
        boot_id: BootId(row.get(9)?),
        boot_ns: row.get(10)?,
        made_ms: row.get(11)?,
    })
}

impl Reads<'_> {
    /// The newest sale of the till's number that still stands for it.
    pub fn sale_by_txn(&self, txn_id: &str, now_ms: i64) -> Result<Option<SaleRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {SALE}, crc FROM sale WHERE txn_id = ?1 AND made_ms > ?2 ORDER BY made_ms DESC LIMIT 1"
        ))?;
        Ok(statement.query_row(params![txn_id, now_ms - TXN_KEPT_MS], sale_row).optional()?)
    }

    /// The newest sale that ever had the till's number: what a customer brings back after months carries it on the bill.
    pub fn sale_newest_by_txn(&self, txn_id: &str) -> Result<Option<SaleRow>, LedgerError> {
        let mut statement =
            self.prepare(&format!("SELECT {SALE}, crc FROM sale WHERE txn_id = ?1 ORDER BY made_ms DESC LIMIT 1"))?;
        Ok(statement.query_row([txn_id], sale_row).optional()?)
    }

    /// The sale of our number.
    pub fn sale_fetch(&self, id: SaleId) -> Result<Option<SaleRow>, LedgerError> {
        let mut statement = self.prepare(&format!("SELECT {SALE}, crc FROM sale WHERE sale_id = ?1"))?;
        Ok(statement.query_row([id.0.as_bytes()], sale_row).optional()?)
    }

    /// The newest sale that waits for a card at a till.
    pub fn sale_waiting(&self, till: &TillId) -> Result<Option<SaleRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {SALE}, crc FROM sale WHERE till = ?1 AND state = 'waiting' ORDER BY made_ms DESC LIMIT 1"
        ))?;
        Ok(statement.query_row([till.as_str()], sale_row).optional()?)
    }

    /// Every sale that is open, oldest first.
    pub fn sales_open(&self) -> Result<Vec<SaleRow>, LedgerError> {
        let mut statement =
            self.prepare(&format!("SELECT {SALE}, crc FROM sale WHERE state = 'open' ORDER BY made_ms"))?;
        let rows = statement.query_map([], sale_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Shows `look` every sale that is as it was written, those of one till's number together and the oldest of them first.
    pub fn sales_scan(&self, mut look: impl FnMut(SaleRow) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut statement = self.prepare(&format!("SELECT {SALE}, crc FROM sale ORDER BY txn_id, made_ms"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(sale) = sums::unless_changed(row, 0..12, 12, sale_row(row))? {
                look(sale)?;
            }
        }
        Ok(())
    }

    /// The card last presented at a till, however long ago.
    pub fn presented_fetch(&self, till: &TillId) -> Result<Option<PresentedRow>, LedgerError> {
        let mut statement =
            self.prepare("SELECT card, visit, grade, suspect, boot_id, boot_ns, live FROM presented WHERE till = ?1")?;
        let found = statement.query_row([till.as_str()], |row| {
            Ok(PresentedRow {
                card: serial_column(row, 0)?,
                visit: VisitId(uuid_column(row, 1)?),
                grade: grade_column(row, 2)?,
                suspect: row.get(3)?,
                boot_id: BootId(row.get(4)?),
                boot_ns: row.get(5)?,
                live: row.get(6)?,
            })
        });
        Ok(found.optional()?)
    }
}

impl Txn<'_> {
    /// Stores a sale; one of the same number of ours is replaced.
    pub fn sale_store(&mut self, sale: &SaleRow) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO sale (sale_id, txn_id, till, state, card, event_id, body_hash, request, answer, boot_id, boot_ns,
                 made_ms, crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (sale_id) DO UPDATE SET txn_id = excluded.txn_id, till = excluded.till, state = excluded.state,
                 card = excluded.card, event_id = excluded.event_id, body_hash = excluded.body_hash,
                 request = excluded.request, answer = excluded.answer, boot_id = excluded.boot_id,
                 boot_ns = excluded.boot_ns, made_ms = excluded.made_ms, crc = excluded.crc",
            params![
                sale.id.0.as_bytes(),
                sale.txn_id,
                sale.till.as_str(),
                sale.state.name(),
                sale.card.map(Sql),
                sale.event.as_ref().map(|id| id.0.as_bytes().as_slice()),
                sale.body_hash,
                sale.request,
                sale.answer,
                sale.boot_id.0.as_slice(),
                sale.boot_ns,
                sale.made_ms,
                sale.crc()
            ],
        )?;
        self.keep("sale", [sale.id.0.as_bytes()]);
        Ok(())
    }

    /// The card is now the one before the till; the newest wins.
    pub fn presented_store(&mut self, till: &TillId, shown: &PresentedRow) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO presented (till, card, visit, grade, suspect, boot_id, boot_ns, live)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (till) DO UPDATE SET card = excluded.card, visit = excluded.visit, grade = excluded.grade,
                 suspect = excluded.suspect, boot_id = excluded.boot_id, boot_ns = excluded.boot_ns, live = excluded.live",
            params![
                till.as_str(),
                Sql(shown.card),
                shown.visit.0.as_bytes(),
                shown.grade.name(),
                shown.suspect,
                shown.boot_id.0.as_slice(),
                shown.boot_ns,
                shown.live
            ],
        )?;
        Ok(())
    }

    /// The till has no card before it any more; answers whether it had.
    pub fn presented_clear(&mut self, till: &TillId) -> Result<bool, LedgerError> {
        Ok(self.execute("DELETE FROM presented WHERE till = ?1", [till.as_str()])? == 1)
    }
}
