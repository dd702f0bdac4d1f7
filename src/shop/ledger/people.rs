//! Customers and their personal data, API tokens, staff. Personal data lies in a table of its own and can be erased while
//! the books stay; types that hold it show none of it in logs.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};

use super::error::LedgerError;
use super::read::Reads;
use super::sums;
use super::txn::{Txn, serial_column, uuid_column};
use crate::pure::domain::{ApiTokenId, CustomerId, ProgrammeName, Role, Serial, StaffId, TillId};

/// What a person told the shop; all of it optional.
#[derive(Clone, Default, PartialEq)]
pub struct Person {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// E.164.
    pub phone: Option<String>,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Local date since when the birth date is known.
    pub birth_known: Option<String>,
    /// Language tag.
    pub language: Option<String>,
    /// Telegram.
    pub telegram_id: Option<String>,
    /// Customer groups, a JSON array of names.
    pub groups: String,
    /// Fields of the shop's own, a JSON object.
    pub custom: String,
    /// Campaign marks of the installation, a JSON object.
    pub utm: String,
    /// Consents by name, a JSON object.
    pub consents: String,
}

impl Person {
    /// The name as lists sort it: family name, then given name, in small letters; empty where neither is known.
    pub fn name_key(&self) -> String {
        let part = |name: &Option<String>| name.as_deref().unwrap_or_default().to_lowercase();
        format!("{} {}", part(&self.last_name), part(&self.first_name)).trim_end().to_owned()
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// A customer with what is known of the person.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonRow {
    /// The customer.
    pub id: CustomerId,
    /// When the customer joined, milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// Whose link brought the customer.
    pub referrer: Option<CustomerId>,
    /// Counts every change; the ETag.
    pub revision: i64,
    /// What the person told.
    pub person: Person,
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    /// Its id.
    pub id: ApiTokenId,
    /// For people.
    pub name: String,
    /// What it may do; [`Role::Cashier`] for a till.
    pub role: Role,
    /// The only till for which it may act.
    pub till: Option<TillId>,
}

/// A member of the staff.
#[derive(Clone, Debug, PartialEq)]
pub struct StaffRow {
    /// Id.
    pub id: StaffId,
    /// Name, unique.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Argon2 hash of the PIN, in PHC form.
    pub pin_hash: String,
}

pub(super) const PERSON_COLUMNS: &str = "c.id, c.created_ms, c.referrer, c.revision, p.first_name, p.last_name, p.email,
    p.email_verified, p.phone, p.birth_date, p.birth_known, p.language, p.telegram_id, p.groups, p.custom, p.utm, p.consents,
    c.removed_ms, c.crc, p.customer, p.name_key, p.crc";

pub(super) fn person_row(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    let referrer = row.get_ref(2)?.as_blob_or_null()?.is_some();
    // The columns of `sums::CUSTOMER` and their sum, then those of `sums::PERSON` and theirs.
    sums::check(row, [0, 1, 2, 17], 18)?;
    sums::check(row, [19].into_iter().chain(4..17).chain([20]), 21)?;
    let (removed_ms, told): (Option<i64>, Option<Vec<u8>>) = (row.get(17)?, row.get(19)?);
    if removed_ms.is_none() && told.is_none() {
        // Whoever was not removed has a row, be it an empty one: the way to it is damaged.
        return Err(rusqlite::Error::InvalidColumnType(19, "person".to_owned(), rusqlite::types::Type::Null));
    }
    Ok(PersonRow {
        id: CustomerId(uuid_column(row, 0)?),
        created_ms: row.get(1)?,
        referrer: if referrer { Some(CustomerId(uuid_column(row, 2)?)) } else { None },
        revision: row.get(3)?,
        person: Person {
            first_name: row.get(4)?,
            last_name: row.get(5)?,
            email: row.get(6)?,
            email_verified: row.get::<_, Option<bool>>(7)?.unwrap_or(false),
            phone: row.get(8)?,
            birth_date: row.get(9)?,
            birth_known: row.get(10)?,
            language: row.get(11)?,
            telegram_id: row.get(12)?,
            groups: row.get::<_, Option<String>>(13)?.unwrap_or_else(|| "[]".to_owned()),
            custom: row.get::<_, Option<String>>(14)?.unwrap_or_else(|| "{}".to_owned()),
            utm: row.get::<_, Option<String>>(15)?.unwrap_or_else(|| "{}".to_owned()),
            consents: row.get::<_, Option<String>>(16)?.unwrap_or_else(|| "{}".to_owned()),
        },
    })
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let (role, till): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let wrong = |index| rusqlite::Error::InvalidColumnType(index, "api_token".to_owned(), rusqlite::types::Type::Text);
    Ok(TokenRow {
        id: ApiTokenId(uuid_column(row, 0)?),
        name: row.get(1)?,
        role: Role::from_name(&role).ok_or_else(|| wrong(2))?,
        till: till.map(|till| TillId::new(&till).map_err(|_| wrong(3))).transpose()?,
    })
}

fn staff_row(row: &Row<'_>) -> rusqlite::Result<StaffRow> {
    let role: String = row.get(2)?;
    let wrong = || rusqlite::Error::InvalidColumnType(2, "staff".to_owned(), rusqlite::types::Type::Text);
    Ok(StaffRow {
        id: StaffId(uuid_column(row, 0)?),
        name: row.get(1)?,
        role: Role::from_name(&role).ok_or_else(wrong)?,
        pin_hash: row.get(3)?,
    })
}

impl Reads<'_> {
    /// The customer of that id.
    pub fn person_fetch(&self, id: CustomerId) -> Result<Option<PersonRow>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {PERSON_COLUMNS} FROM customer c LEFT JOIN person p ON p.customer = c.id
             WHERE c.id = ?1 AND c.removed_ms IS NULL"
        ))?;
        Ok(statement.query_row([id.0.as_bytes()], person_row).optional()?)
    }

    /// The cards of everybody with that phone number (E.164), oldest first.
    pub fn cards_by_phone(&self, phone: &str) -> Result<Vec<Serial>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT d.serial FROM person p JOIN card d ON d.customer = p.customer
             WHERE p.phone = ?1 AND d.deleted = 0 ORDER BY d.issued_ms, d.serial LIMIT 50",
        )?;
        let rows = statement.query_map([phone], |row| serial_column(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The card that a customer's referrer holds in `programme`, the oldest if there are several.
    pub fn referrer_card(
        &self,
        customer: CustomerId,
        programme: &ProgrammeName,
    ) -> Result<Option<Serial>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT d.serial FROM customer c JOIN card d ON d.customer = c.referrer
             WHERE c.id = ?1 AND d.programme = ?2 ORDER BY d.deleted, d.issued_ms, d.serial LIMIT 1",
        )?;
        Ok(statement
            .query_row(params![customer.0.as_bytes(), programme.as_str()], |row| serial_column(row, 0))
            .optional()?)
    }

    /// The customer to whom a link belongs: the link of any of the customer's cards.
    pub fn customer_of_link(&self, link: &[u8; 16]) -> Result<Option<CustomerId>, LedgerError> {
        let mut statement = self.prepare("SELECT customer FROM card WHERE link = ?1")?;
        Ok(statement.query_row([link.as_slice()], |row| Ok(CustomerId(uuid_column(row, 0)?))).optional()?)
    }

    /// The live token whose secret has this SHA-256.
    pub fn token_by_secret(&self, secret_hash: &[u8; 32]) -> Result<Option<TokenRow>, LedgerError> {
        let mut statement =
            self.prepare("SELECT id, name, role, till FROM api_token WHERE secret_hash = ?1 AND revoked_ms IS NULL")?;
        Ok(statement.query_row([secret_hash.as_slice()], token_row).optional()?)
    }

    /// The staff who have not left, by name.
    pub fn staff_list(&self) -> Result<Vec<StaffRow>, LedgerError> {
        let mut statement =
            self.prepare("SELECT id, name, role, pin_hash FROM staff WHERE left_ms IS NULL ORDER BY name")?;
        let rows = statement.query_map([], staff_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Txn<'_> {
    /// Stores a new customer with what the person told.
    pub fn person_insert(&mut self, row: &PersonRow) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO customer (id, created_ms, changed_ms, referrer, revision) VALUES (?1, ?2, ?2, ?3, ?4)",
            params![
                row.id.0.as_bytes(),
                row.created_ms,
                row.referrer.as_ref().map(|id| id.0.as_bytes().as_slice()),
                row.revision
            ],
        )?;
        self.sum_store(&sums::CUSTOMER, &row.id.0.as_bytes())?;
        self.person_put(row.id, &row.person)
    }

    /// Stores what a person told now in place of before; answers the new revision.
    pub fn person_store(&mut self, id: CustomerId, person: &Person, now_ms: i64) -> Result<i64, LedgerError> {
        self.person_put(id, person)?;
        self.query_one(
            "UPDATE customer SET revision = revision + 1, changed_ms = ?2 WHERE id = ?1 RETURNING revision",
            params![id.0.as_bytes(), now_ms],
            |row| row.get(0),
        )?
        .ok_or_else(|| LedgerError::Damaged(format!("customer {id} vanished")))
    }

    /// What a person told, in place of what was told before.
    fn person_put(&mut self, id: CustomerId, person: &Person) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO person (customer, first_name, last_name, email, email_verified, phone, birth_date, birth_known,
                 language, telegram_id, groups, custom, utm, consents, name_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (customer) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
                 email = excluded.email, email_verified = excluded.email_verified, phone = excluded.phone,
                 birth_date = excluded.birth_date, birth_known = excluded.birth_known, language = excluded.language,
                 telegram_id = excluded.telegram_id, groups = excluded.groups, custom = excluded.custom,
                 utm = excluded.utm, consents = excluded.consents, name_key = excluded.name_key",
            params![
                id.0.as_bytes(),
                person.first_name,
                person.last_name,
                person.email,
                person.email_verified,
                person.phone,
                person.birth_date,
                person.birth_known,
                person.language,
                person.telegram_id,
                person.groups,
                person.custom,
                person.utm,
                person.consents,
                person.name_key()
            ],
        )?;
        self.sum_store(&sums::PERSON, &id.0.as_bytes())
    }

    /// A card belongs to another customer from now on.
    pub fn card_owner_store(&mut self, serial: Serial, customer: CustomerId) -> Result<i64, LedgerError> {
        let revision = self.query_one(
            "UPDATE card SET customer = ?2, revision = revision + 1, listed = 0 WHERE serial = ?1 RETURNING revision",
            params![super::txn::Sql(serial), customer.0.as_bytes()],
            |row| row.get(0),
        )?;
        self.sum_store(&sums::CARD, &super::txn::Sql(serial))?;
        revision.ok_or_else(|| LedgerError::Damaged(format!("card {serial} vanished")))
    }

    /// A customer became one with another: whoever was brought by them was brought by the other, and what was known of the
    /// person goes. The customer must have no card any more.
    pub fn customer_absorb(&mut self, gone: CustomerId, into: CustomerId) -> Result<(), LedgerError> {
        let (gone, into) = (gone.0, into.0);
        for name in ["customer", "person"] {
            self.keep(name, [gone.as_bytes()]);
        }
        let brought = "SELECT id FROM customer WHERE referrer = ?1";
        self.keep_found("customer", brought, [gone.as_bytes()])?;
        let brought: Vec<Vec<u8>> = {
            let reads = self.reads();
            let mut statement = reads.prepare(brought)?;
            let rows = statement.query_map([gone.as_bytes()], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        self.execute(
            "UPDATE customer SET referrer = ?2 WHERE referrer = ?1 AND id <> ?2",
            params![gone.as_bytes(), into.as_bytes()],
        )?;
        // Nobody brings themselves.
        self.execute(
            "UPDATE customer SET referrer = NULL WHERE id = ?2 AND referrer = ?1",
            params![gone.as_bytes(), into.as_bytes()],
        )?;
        for customer in brought {
            self.sum_store(&sums::CUSTOMER, &customer)?;
        }
        self.execute("DELETE FROM person WHERE customer = ?1", [gone.as_bytes()])?;
        self.execute("DELETE FROM customer WHERE id = ?1", [gone.as_bytes()])?;
        Ok(())
    }

    /// Stores a token; only the hash of its secret is kept.
    pub fn token_insert(&mut self, token: &TokenRow, secret_hash: &[u8; 32], now_ms: i64) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO api_token (id, name, role, till, secret_hash, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                token.id.0.as_bytes(),
                token.name,
                token.role.name(),
                token.till.as_ref().map(TillId::as_str),
                secret_hash.as_slice(),
                now_ms
            ],
        )?;
        self.keep("api_token", [token.id.0.as_bytes()]);
        Ok(())
    }

    /// Stores a member of the staff.
    pub fn staff_insert(&mut self, staff: &StaffRow, now_ms: i64) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO staff (id, name, role, pin_hash, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![staff.id.0.as_bytes(), staff.name, staff.role.name(), staff.pin_hash, now_ms],
        )?;
        self.keep("staff", [staff.id.0.as_bytes()]);
        Ok(())
    }
}
