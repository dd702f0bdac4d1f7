//! Cards, their credentials and their events: the rows that postings move and read.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, Row, params};

use super::error::LedgerError;
use super::read::Reads;
use super::sums;
use super::txn::{Sql, Txn, serial_column, uuid_column};
use super::verify::ChainFault;
use crate::pure::domain::{
    CredentialId, CustomerId, EntryId, Event, EventId, Fact, Medium, Moment, Now, ProgrammeName, Serial, VisitId,
};
use crate::pure::wire::event::{event_facts, event_hash, event_head, event_read};

/// Serials read at once on the way through every card.
const SERIALS_AT_ONCE: usize = 500;

/// A card as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct CardRow {
    /// Its serial.
    pub serial: Serial,
    /// Whose it is.
    pub customer: CustomerId,
    /// In which programme.
    pub programme: ProgrammeName,
    /// When it was issued, milliseconds since 1970-01-01 UTC.
    pub issued_ms: i64,
    /// Deleted for good.
    pub deleted: bool,
    /// Blocked for now.
    pub blocked: bool,
    /// The last local day on which it is valid.
    pub expires_on: Option<Date>,
    /// The unguessable part of the customer's links.
    pub link: [u8; 16],
    /// The standing after the last posting, as `wire` writes it; empty for a card without postings.
    pub standing: Vec<u8>,
    /// Counts every change of the card; the ETag.
    pub revision: i64,
}

/// One medium of a card.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialRow {
    /// The LC1 credential id (12 bytes) or the keyed hash of a chip (32 bytes).
    pub id: Vec<u8>,
    /// The card that it names.
    pub card: Serial,
    /// The only medium by which it is taken.
    pub medium: Medium,
    /// The LC1 key that mints its text, where it has one.
    pub kid: Option<u8>,
    /// The chip to which the text of a tag is bound.
    pub chip: Option<[u8; 32]>,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// No longer taken.
    pub revoked: bool,
}

impl CredentialRow {
    /// The LC1 credential id, where this is one.
    pub fn lc1_id(&self) -> Option<CredentialId> {
        self.id.as_slice().try_into().ok().map(CredentialId)
    }
}

/// An event with its place, as read back.
#[derive(Clone, Debug)]
pub struct PostedEvent {
    /// Its row.
    pub position: i64,
    /// The event.
    pub event: Event,
    /// The free text that belongs to it, if it was not erased.
    pub text: Option<String>,
}

const CREDENTIAL: &str = sums::CREDENTIAL.columns;

/// The columns of [`sums::CARD`], the others, and the sum.
pub(super) const CARD_COLUMNS: &str =
    "serial, customer, programme, issued_ms, deleted, blocked, expires_on, link, standing, revision, crc";

pub(super) fn card_row(row: &Row<'_>) -> rusqlite::Result<CardRow> {
    let programme: String = row.get(2)?;
    let expires_on: Option<String> = row.get(6)?;
    sums::check(row, 0..8, 10)?;
    Ok(CardRow {
        serial: serial_column(row, 0)?,
        customer: CustomerId(uuid_column(row, 1)?),
        programme: ProgrammeName::new(&programme).map_err(|_| wrong(row, 2))?,
        issued_ms: row.get(3)?,
        deleted: row.get(4)?,
        blocked: row.get(5)?,
        expires_on: expires_on.map(|text| text.parse().map_err(|_| wrong(row, 6))).transpose()?,
        link: row.get(7)?,
        standing: row.get(8)?,
        revision: row.get(9)?,
    })
}

/// A column that holds what its type does not allow.
fn wrong(row: &Row<'_>, index: usize) -> rusqlite::Error {
    let name = row.as_ref().column_name(index).unwrap_or("?").to_owned();
    rusqlite::Error::InvalidColumnType(index, name, rusqlite::types::Type::Text)
}

impl Reads<'_> {
    /// The card of that serial.
    pub fn card_fetch(&self, serial: Serial) -> Result<Option<CardRow>, LedgerError> {
        let mut statement = self.prepare(&format!("SELECT {CARD_COLUMNS} FROM card WHERE serial = ?1"))?;
        Ok(statement.query_row([Sql(serial)], card_row).optional()?)
    }

    /// The cards of a customer, oldest first.
    pub fn cards_of_customer(&self, customer: CustomerId) -> Result<Vec<CardRow>, LedgerError> {
        let mut statement =
            self.prepare(&format!("SELECT {CARD_COLUMNS} FROM card WHERE customer = ?1 ORDER BY issued_ms, serial"))?;
        let rows = statement.query_map([customer.0.as_bytes()], card_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Cards of which something is due at rule time `until_ms`, the longest due first, at most `limit`.
    pub fn cards_due(&self, until_ms: i64, limit: usize) -> Result<Vec<Serial>, LedgerError> {
        let mut statement = self.prepare("SELECT serial FROM card WHERE due_ms <= ?1 ORDER BY due_ms LIMIT ?2")?;
        let rows = statement.query_map(params![until_ms, limit as i64], |row| serial_column(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All serials from `after` on, rising, at most `limit`: the way through every card.
    pub fn serials_after(&self, after: Option<Serial>, limit: usize) -> Result<Vec<Serial>, LedgerError> {
        let mut statement = self.prepare("SELECT serial FROM card WHERE serial > ?1 ORDER BY serial LIMIT ?2")?;
        let after = after.map_or(-1, |serial| serial.bits() as i64);
        let rows = statement.query_map(params![after, limit as i64], |row| serial_column(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every card, by serial.
    pub fn cards(&self) -> impl Iterator<Item = Result<CardRow, LedgerError>> + '_ {
        let (mut after, mut page) = (None, Vec::new().into_iter());
        let serials = std::iter::from_fn(move || {
            page.next().map(Ok).or_else(|| match self.serials_after(after, SERIALS_AT_ONCE) {
                Ok(serials) => {
                    after = serials.last().copied();
                    page = serials.into_iter();
                    page.next().map(Ok)
                }
                Err(error) => Some(Err(error)),
            })
        });
        serials.filter_map(|serial| serial.and_then(|serial| self.card_fetch(serial)).transpose())
    }

    /// The credential of that id, live or revoked.
    pub fn credential_fetch(&self, id: &[u8]) -> Result<Option<CredentialRow>, LedgerError> {
        let mut statement = self.prepare(&format!("SELECT {CREDENTIAL}, crc FROM credential WHERE id = ?1"))?;
        Ok(statement.query_row([id], credential_row).optional()?)
    }

    /// The credentials of a card, oldest first.
    pub fn credentials_of_card(&self, serial: Serial) -> Result<Vec<CredentialRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {CREDENTIAL}, crc FROM credential WHERE card = ?1 ORDER BY created_ms, medium, id"
        ))?;
        let rows = statement.query_map([Sql(serial)], credential_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every fact of a card, in the order of the chain.
    pub fn card_facts(&self, serial: Serial) -> Result<Vec<Fact>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT position, body, hash FROM event WHERE position IN (SELECT position FROM entry WHERE card = ?1)
             ORDER BY position",
        )?;
        let mut rows = statement.query([Sql(serial)])?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next()? {
            let event = event_column(row, row.get(0)?, 1, 2)?;
            let zone = zone_of(&event);
            facts.extend(event_facts(&event, &zone).into_iter().filter(|fact| fact.entry.card == serial));
        }
        Ok(facts)
    }

    /// The events of a card (its own and those that moved it), newest first, below row `before`, at most `limit`.
    pub fn card_events(&self, serial: Serial, before: i64, limit: usize) -> Result<Vec<PostedEvent>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT e.position, e.body, t.text, e.hash FROM event e LEFT JOIN event_text t ON t.position = e.position
             WHERE e.position < ?2 AND (e.card = ?1 OR e.position IN (SELECT position FROM entry WHERE card = ?1))
             ORDER BY e.position DESC LIMIT ?3",
        )?;
        let mut rows = statement.query(params![Sql(serial), before, limit as i64])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(posted_event(row)?);
        }
        Ok(events)
    }

    /// The events that are about a customer, oldest first.
    pub fn customer_events(&self, customer: CustomerId) -> Result<Vec<PostedEvent>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT e.position, e.body, t.text, e.hash FROM event e LEFT JOIN event_text t ON t.position = e.position
             WHERE e.customer = ?1 ORDER BY e.position",
        )?;
        let mut rows = statement.query([customer.0.as_bytes()])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(posted_event(row)?);
        }
        Ok(events)
    }

    /// Hands every event whose rule time lies from `from_ms` until `until_ms` (exclusive) to `look`, oldest first. Rule time
    /// rises with the rows, so that the first one is found by halving.
    pub fn events_between(&self, from_ms: i64, until_ms: i64, mut look: impl FnMut(Event)) -> Result<(), LedgerError> {
        let mut at = self.prepare("SELECT position, hlc FROM event WHERE position >= ?1 ORDER BY position LIMIT 1")?;
        let (mut low, mut high) = (0i64, self.newest_position()? + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = at.query_row([middle], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
            match found {
                Some((position, hlc)) if hlc >> 16 < from_ms => low = position + 1,
                _ => high = middle,
            }
        }
        let mut statement =
            self.prepare("SELECT hlc, body, hash, position FROM event WHERE position >= ?1 ORDER BY position")?;
        let mut rows = statement.query([low])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? >> 16 >= until_ms {
                break;
            }
            look(event_column(row, row.get(3)?, 1, 2)?);
        }
        Ok(())
    }

    /// The event that posted an entry.
    pub fn event_of_entry(&self, entry: EntryId) -> Result<Option<PostedEvent>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT e.position, e.body, t.text, e.hash FROM event e LEFT JOIN event_text t ON t.position = e.position
             WHERE e.position = (SELECT position FROM entry WHERE entry_id = ?1)",
        )?;
        let mut rows = statement.query([entry.0.as_bytes()])?;
        rows.next()?.map(posted_event).transpose()
    }

    /// The card that an entry moved and the entry's kind; `None` where there is no such entry.
    pub fn entry_found(&self, entry: EntryId) -> Result<Option<(Serial, String)>, LedgerError> {
        let mut statement = self.prepare("SELECT card, kind FROM entry WHERE entry_id = ?1")?;
        let found = statement.query_row([entry.0.as_bytes()], |row| Ok((serial_column(row, 0)?, row.get(1)?)));
        Ok(found.optional()?)
    }

    /// The event of that id.
    pub fn event_fetch(&self, id: EventId) -> Result<Option<PostedEvent>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT e.position, e.body, t.text, e.hash FROM event e LEFT JOIN event_text t ON t.position = e.position
             WHERE e.event_id = ?1",
        )?;
        let mut rows = statement.query([id.0.as_bytes()])?;
        rows.next()?.map(posted_event).transpose()
    }

    /// How often a card was tapped and scanned, refused ones too.
    pub fn shown_counts(&self, serial: Serial) -> Result<(i64, i64), LedgerError> {
        let mut statement = self.prepare(
            "SELECT coalesce(sum(kind = 'tap'), 0), coalesce(sum(kind = 'scan'), 0) FROM event WHERE card = ?1",
        )?;
        Ok(statement.query_row([Sql(serial)], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Whether a card has that visit.
    pub fn visit_known(&self, serial: Serial, visit: VisitId) -> Result<bool, LedgerError> {
        let mut statement = self.prepare("SELECT 1 FROM event WHERE card = ?1 AND visit = ?2 LIMIT 1")?;
        Ok(statement.exists(params![Sql(serial), visit.0.as_bytes()])?)
    }

    /// The first customers, in the order in which they joined.
    pub fn customers_first(&self, limit: usize) -> Result<Vec<CustomerId>, LedgerError> {
        let mut statement =
            self.prepare("SELECT customer FROM event WHERE kind = 'customer_created' ORDER BY position LIMIT ?1")?;
        let rows = statement.query_map([limit as i64], |row| Ok(CustomerId(uuid_column(row, 0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest row of the chain: how many events there are. 0 in an empty ledger.
    pub fn newest_position(&self) -> Result<i64, LedgerError> {
        let mut statement = self.prepare("SELECT coalesce(max(position), 0) FROM event")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// How many cards, customers and events there are. It counts them: nothing for whatever is asked often.
    pub fn counts(&self) -> Result<(i64, i64, i64), LedgerError> {
        let mut statement = self.prepare(
            "SELECT (SELECT count(*) FROM card), (SELECT count(*) FROM customer),
                    (SELECT coalesce(max(position), 0) FROM event)",
        )?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
    }

    /// The oldest rule time in the books, milliseconds since 1970-01-01 UTC; `None` in an empty ledger.
    pub fn oldest_ms(&self) -> Result<Option<i64>, LedgerError> {
        let mut statement = self.prepare("SELECT hlc FROM event ORDER BY position LIMIT 1")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0)).optional()?.map(|hlc| hlc >> 16))
    }

    /// Rule time at `now`: the wall clock, and never before the newest time in the books.
    pub fn rule_time(&self, now: &Now) -> Result<Moment, LedgerError> {
        let newest_ms = self.newest_ms()?.unwrap_or(i64::MIN);
        Ok(Moment { ms: now.wall_ms.max(newest_ms), zone: now.zone.clone() })
    }

    /// The newest rule time in the books, milliseconds since 1970-01-01 UTC; `None` in an empty ledger. What has lapsed
    /// follows from it, so the event itself is asked and not the column beside it.
    pub fn newest_ms(&self) -> Result<Option<i64>, LedgerError> {
        let mut statement = self.prepare("SELECT position, body, hash FROM event ORDER BY position DESC LIMIT 1")?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let head = event_head(body_column(row, row.get(0)?, 1, 2)?)?;
        Ok(Some(head.hlc >> 16))
    }
}

fn posted_event(row: &Row<'_>) -> Result<PostedEvent, LedgerError> {
    let position = row.get(0)?;
    Ok(PostedEvent { position, event: event_column(row, position, 1, 3)?, text: row.get(2)? })
}

/// The event in a column, when its bytes are those whose hash stands beside them.
fn event_column(row: &Row<'_>, position: i64, body: usize, hash: usize) -> Result<Event, LedgerError> {
    Ok(event_read(body_column(row, position, body, hash)?)?)
}

fn body_column<'r>(row: &'r Row<'_>, position: i64, body: usize, hash: usize) -> Result<&'r [u8], LedgerError> {
    let body = row.get_ref(body)?.as_blob().map_err(rusqlite::Error::from)?;
    if event_hash(body) != row.get::<_, [u8; 32]>(hash)? {
        return Err(LedgerError::Damaged(ChainFault::Bytes { position }.to_string()));
    }
    Ok(body)
}

/// The zone in which an event counts its days. A name that this machine does not know counts as UTC: the fold goes on.
pub(super) fn zone_of(event: &Event) -> TimeZone {
    TimeZone::get(&event.zone).unwrap_or(TimeZone::UTC)
}

fn credential_row(row: &Row<'_>) -> rusqlite::Result<CredentialRow> {
    let medium: String = row.get(2)?;
    sums::check(row, 0..7, 7)?;
    Ok(CredentialRow {
        id: row.get(0)?,
        card: serial_column(row, 1)?,
        medium: Medium::from_name(&medium).ok_or_else(|| wrong(row, 2))?,
        kid: row.get(3)?,
        created_ms: row.get(4)?,
        revoked: row.get::<_, Option<i64>>(5)?.is_some(),
        chip: row.get(6)?,
    })
}

impl Txn<'_> {
    /// Stores a new card.
    pub fn card_insert(&mut self, card: &CardRow) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO card (serial, customer, programme, issued_ms, deleted, blocked, expires_on, link, standing, revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                Sql(card.serial),
                card.customer.0.as_bytes(),
                card.programme.as_str(),
                card.issued_ms,
                card.deleted,
                card.blocked,
                card.expires_on.map(|date| date.to_string()),
                card.link.as_slice(),
                card.standing,
                card.revision
            ],
        )?;
        self.sum_store(&sums::CARD, &Sql(card.serial))
    }

    /// Stores a card's new standing and when something of it is due next; answers its new revision.
    pub fn card_standing_store(
        &mut self,
        serial: Serial,
        standing: &[u8],
        due_ms: Option<i64>,
    ) -> Result<i64, LedgerError> {
        self.query_one(
            "UPDATE card SET standing = ?2, due_ms = ?3, revision = revision + 1, listed = 0 WHERE serial = ?1
             RETURNING revision",
            params![Sql(serial), standing, due_ms],
            |row| row.get(0),
        )?
        .ok_or_else(|| LedgerError::Damaged(format!("card {serial} vanished")))
    }

    /// Stores a card's block, date and status; answers its new revision.
    pub fn card_state_store(
        &mut self,
        serial: Serial,
        deleted: bool,
        blocked: bool,
        expires_on: Option<Date>,
    ) -> Result<i64, LedgerError> {
        let revision = self.query_one(
            "UPDATE card SET deleted = ?2, blocked = ?3, expires_on = ?4, revision = revision + 1, listed = 0
             WHERE serial = ?1 RETURNING revision",
            params![Sql(serial), deleted, blocked, expires_on.map(|date| date.to_string())],
            |row| row.get(0),
        )?;
        self.sum_store(&sums::CARD, &Sql(serial))?;
        revision.ok_or_else(|| LedgerError::Damaged(format!("card {serial} vanished")))
    }

    /// Binds a credential to a card; one that was revoked is live again.
    pub fn credential_insert(&mut self, credential: &CredentialRow) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO credential (id, card, medium, kid, created_ms, chip) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET card = ?2, medium = ?3, kid = ?4, created_ms = ?5, chip = ?6,
             revoked_ms = NULL WHERE revoked_ms IS NOT NULL",
            params![
                credential.id,
                Sql(credential.card),
                credential.medium.name(),
                credential.kid,
                credential.created_ms,
                credential.chip
            ],
        )?;
        self.sum_store(&sums::CREDENTIAL, &credential.id)
    }

    /// A live credential names another card from now on.
    pub fn credential_move(&mut self, id: &[u8], card: Serial) -> Result<(), LedgerError> {
        self.execute("UPDATE credential SET card = ?2 WHERE id = ?1 AND revoked_ms IS NULL", params![id, Sql(card)])?;
        self.sum_store(&sums::CREDENTIAL, &id)
    }

    /// Revokes a credential; answers whether it was live.
    pub fn credential_revoke(&mut self, id: &[u8], now: &Now) -> Result<bool, LedgerError> {
        let changed = self.execute(
            "UPDATE credential SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL",
            params![id, now.wall_ms],
        )?;
        self.sum_store(&sums::CREDENTIAL, &id)?;
        Ok(changed == 1)
    }
}
