//! Customers and cards: made, changed, looked at.

use std::collections::BTreeMap;

use super::media::details;
use super::{Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{
    Actor, CredentialId, CustomerId, EventId, EventKind, Medium, Moment, Now, ProgrammeName, Serial, crockford,
};
use crate::pure::tap::rotating::RotatingParts;
use crate::pure::wire::lan::{CardView, CustomerRequest, CustomerView, FieldProblem};
use crate::pure::wire::text::{from_json, json, named, object, salted_hash};
use crate::shop::ledger::{CardRow, CredentialRow, LedgerError, Person, PersonRow, Reads, Txn};
use jiff::civil::Date;

/// Media for which a card has a credential from the first day.
const FIRST_MEDIA: [Medium; 3] = [Medium::AppleVas, Medium::SmartTap, Medium::Barcode];

/// The medium for which it has one besides where the shop has a key for it (`[media] rotating_key`).
const ROTATING: Medium = Medium::RotatingBarcode;

/// Longest name, characters.
const NAME_MAX: usize = 100;

/// Checks what a person told, field by field, and collects every fault.
#[derive(Default)]
pub struct PersonCheck {
    faults: Vec<FieldProblem>,
}

impl PersonCheck {
    fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.faults.push(FieldProblem { pointer: pointer.to_owned(), detail: detail.into() });
    }

    fn name(&mut self, pointer: &str, text: Option<String>) -> Option<String> {
        let text = text?.trim().to_owned();
        if text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
            self.fault(pointer, format!("at most {NAME_MAX} characters, none of them control characters"));
        }
        (!text.is_empty()).then_some(text)
    }

    fn email(&mut self, text: Option<String>) -> Option<String> {
        let text = text?.trim().to_owned();
        let ok = text.len() <= 254
            && text.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty()
                    && host.contains('.')
                    && !host.starts_with('.')
                    && !host.ends_with('.')
                    && !host.contains('@')
            })
            && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
        if !ok {
            self.fault("/email", "an address such as ann@example.org");
        }
        Some(text)
    }

    fn phone(&mut self, text: Option<String>) -> Option<String> {
        let text: String = text?.chars().filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')' | '/')).collect();
        let digits = text.strip_prefix('+').unwrap_or_default();
        let ok = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if !ok {
            self.fault("/phone", "an international number (E.164) such as +4915112345678");
        }
        Some(text)
    }

    fn birth_date(&mut self, text: Option<String>, today: Date) -> Option<Date> {
        let text = text?;
        let date = text.parse::<Date>().ok().filter(|date| *date <= today && date.year() >= 1900);
        if date.is_none() {
            self.fault("/birth_date", "a date between 1900-01-01 and today, such as 1990-02-28");
        }
        date
    }

    fn texts(&mut self, pointer: &str, map: &BTreeMap<String, String>) {
        for (name, value) in map {
            if name.is_empty() || name.len() > 64 || value.len() > 1000 {
                // The name is the caller's own: RFC 6901 section 3 escapes it.
                let name = name.replace('~', "~0").replace('/', "~1");
                self.fault(&format!("{pointer}/{name}"), "names have 1 to 64 and values at most 1000 bytes");
            }
        }
    }

    /// What the person told, checked; `today` is the shop's local day.
    pub fn person(mut self, request: CustomerRequest, today: Date) -> Result<Person, TillError> {
        let birth_date = self.birth_date(request.birth_date, today);
        self.texts("/custom", &request.custom);
        self.texts("/utm", &request.utm);
        if request.groups.iter().any(|group| group.is_empty() || group.len() > 64) {
            self.fault("/groups", "the name of a group has 1 to 64 bytes");
        }
        let person = Person {
            first_name: self.name("/first_name", request.first_name),
            last_name: self.name("/last_name", request.last_name),
            email: self.email(request.email),
            email_verified: false,
            phone: self.phone(request.phone),
            birth_date: birth_date.map(|date| date.to_string()),
            birth_known: birth_date.map(|_| today.to_string()),
            language: self.name("/language", request.language),
            telegram_id: self.name("/telegram_id", request.telegram_id),
            groups: json(&request.groups),
            custom: json(&request.custom),
            utm: json(&request.utm),
            consents: json(&request.consents),
        };
        if self.faults.is_empty() { Ok(person) } else { Err(TillError::Invalid(self.faults)) }
    }
}

impl Till {
    /// Makes a customer of what the person told.
    pub fn customer_create_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        mut request: CustomerRequest,
    ) -> Result<CustomerView, TillError> {
        let referrer = request.referred_by.take().map(|link| self.referrer_of(&txn.reads(), &link)).transpose()?;
        let today = txn.rule_time(now).date();
        let person = PersonCheck::default().person(request, today)?;
        let id = CustomerId(self.fresh_id(now.wall_ms));
        let mut what = Happening::new(EventKind::CustomerCreated, actor);
        what.customer = Some(id);
        let (salt, text) = (self.random::<16>(), person_text(&person));
        what.text_hash = Some(salted_hash(&salt, &text));
        let appended = self.happened_in_txn(txn, now, what)?;
        txn.event_text_store(appended.position, &salt, &text)?;
        let row = PersonRow { id, created_ms: appended.event.hlc.ms(), referrer, revision: 1, person };
        txn.person_insert(&row)?;
        Ok(customer_view(row, Vec::new(), now))
    }

    /// The customer behind a referral link: the whole address, or its last part.
    fn referrer_of(&self, reads: &Reads<'_>, link: &str) -> Result<CustomerId, TillError> {
        let unknown = || TillError::field("/referred_by", "no customer has this referral link");
        let code = link.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let bytes = crockford::decode(code.as_bytes(), 16).ok_or_else(unknown)?;
        let link: [u8; 16] = bytes.try_into().map_err(|_| unknown())?;
        reads.customer_of_link(&link)?.ok_or_else(unknown)
    }

    /// A customer with the serials of the cards.
    pub fn customer_view(
        &self,
        reads: &Reads<'_>,
        id: CustomerId,
        now: &Now,
    ) -> Result<Option<CustomerView>, LedgerError> {
        let Some(row) = reads.person_fetch(id)? else { return Ok(None) };
        let cards = reads.cards_of_customer(id)?.into_iter().map(|card| card.serial).collect();
        Ok(Some(customer_view(row, cards, now)))
    }

    /// Issues a card of `programme` to a customer, with a credential for each of the first media.
    pub fn card_issue_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        customer: CustomerId,
        programme: &ProgrammeName,
    ) -> Result<CardView, TillError> {
        if !self.rulebooks().contains_key(programme) {
            return Err(TillError::field("/programme", format!("no programme is called '{programme}'")));
        }
        if txn.reads().person_fetch(customer)?.is_none() {
            return Err(TillError::field("/customer_id", "no customer has this id"));
        }
        let serial = self.fresh_serial(txn)?;
        let mut what = Happening::new(EventKind::CardIssued, actor);
        what.card = Some(serial);
        what.customer = Some(customer);
        what.details = vec![("programme".to_owned(), programme.to_string())];
        let appended = self.happened_in_txn(txn, now, what)?;
        let issued_ms = appended.event.hlc.ms();
        txn.card_insert(&CardRow {
            serial,
            customer,
            programme: programme.clone(),
            issued_ms,
            deleted: false,
            blocked: false,
            expires_on: self.first_expiry(programme, &Moment { ms: issued_ms, zone: now.zone.clone() }),
            link: self.random(),
            standing: Vec::new(),
            revision: 1,
        })?;
        for medium in FIRST_MEDIA {
            self.credential_make_in_txn(txn, serial, medium, issued_ms)?;
        }
        if self.keys().rotating.is_some() {
            self.credential_make_in_txn(txn, serial, ROTATING, issued_ms)?;
        }
        self.card_moved_in_txn(txn, now, serial, 1, EventKind::CardIssued)?;
        let view = self.card_view(&txn.reads(), serial, now)?;
        view.ok_or_else(|| LedgerError::Damaged(format!("card {serial} vanished")).into())
    }

    /// A serial that no card has: 60 random bits, so a second try is a formality.
    fn fresh_serial(&self, txn: &Txn<'_>) -> Result<Serial, TillError> {
        loop {
            let serial = Serial::from_random(u64::from_be_bytes(self.random()));
            if txn.reads().card_fetch(serial)?.is_none() {
                return Ok(serial);
            }
        }
    }

    /// Makes a credential of its own for one medium of a card.
    fn credential_make_in_txn(
        &self,
        txn: &mut Txn<'_>,
        card: Serial,
        medium: Medium,
        created_ms: i64,
    ) -> Result<CredentialId, TillError> {
        let id = CredentialId(self.random());
        // Texts of a rotating barcode name no key: there is one master.
        let kid = self.keys().tokens.newest().filter(|_| medium != ROTATING);
        let row = CredentialRow { id: id.0.to_vec(), card, medium, kid, chip: None, created_ms, revoked: false };
        txn.credential_insert(&row)?;
        Ok(id)
    }

    /// Whether a card was issued before the shop had a key for rotating barcodes, so that its pass lacks one
    /// ([`Till::rotating_in_txn`] makes it). One that was unbound is not missing.
    pub fn rotating_missing(&self, reads: &Reads<'_>, serial: Serial) -> Result<bool, LedgerError> {
        if self.keys().rotating.is_none() || reads.card_fetch(serial)?.is_none_or(|card| card.deleted) {
            return Ok(false);
        }
        Ok(!reads.credentials_of_card(serial)?.iter().any(|row| row.medium == ROTATING))
    }

    /// The rotating barcode of a card: its credential, and what the object of its pass holds. A card that was issued before
    /// the shop had a key for it gets its credential now, and an event says so. `None` where the shop has no such key, for a
    /// deleted card, and where the barcode was unbound: whoever has the lost phone is not given another one.
    ///
    /// # Errors
    /// The ledger's, and `unknown_card`.
    pub fn rotating_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        serial: Serial,
    ) -> Result<Option<(CredentialId, RotatingParts)>, TillError> {
        let card = self.card_known(&txn.reads(), serial)?;
        let Some(key) = self.keys().rotating.as_ref().filter(|_| !card.deleted) else { return Ok(None) };
        let mut held = txn.reads().credentials_of_card(serial)?;
        held.retain(|row| row.medium == ROTATING);
        let id = match held.iter().find(|row| !row.revoked).and_then(CredentialRow::lc1_id) {
            Some(id) => id,
            None if !held.is_empty() => return Ok(None),
            None => {
                let id = self.credential_make_in_txn(txn, serial, ROTATING, txn.rule_time(now).ms)?;
                // Of nobody: it follows from a key that the shop has now.
                let mut what = Happening::new(EventKind::CredentialChanged, Actor::device(None));
                what.card = Some(serial);
                what.medium = Some(ROTATING);
                what.details = details("bound", &id.0);
                txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)?;
                id
            }
        };
        let parts = key.parts(&id).map_err(|error| LedgerError::Damaged(format!("no key of a barcode: {error}")))?;
        Ok(Some((id, parts)))
    }

    /// Changes a card's date or block, if it still has the revision that was read.
    #[allow(clippy::too_many_arguments, reason = "each is one field of the request")]
    pub fn card_change_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        expected_revision: i64,
        expires_on: Option<Option<Date>>,
        blocked: Option<bool>,
    ) -> Result<CardView, TillError> {
        let card = self.card_known(&txn.reads(), serial)?;
        if card.revision != expected_revision {
            let detail = format!("the card changed meanwhile (revision {}); read it again", card.revision);
            return Err(TillError::Problem(Box::new(crate::pure::wire::lan::Problem::new(
                412,
                "revision_conflict",
                "the card changed meanwhile",
                detail,
            ))));
        }
        let expires_on = expires_on.unwrap_or(card.expires_on);
        let blocked = blocked.unwrap_or(card.blocked);
        if (expires_on, blocked) != (card.expires_on, card.blocked) {
            let mut what = Happening::new(EventKind::CardChanged, actor);
            what.card = Some(serial);
            what.details = vec![
                ("blocked".to_owned(), blocked.to_string()),
                ("expires_on".to_owned(), expires_on.map_or_else(|| "never".to_owned(), |date| date.to_string())),
            ];
            self.happened_in_txn(txn, now, what)?;
            let revision = txn.card_state_store(serial, card.deleted, blocked, expires_on)?;
            self.card_moved_in_txn(txn, now, serial, revision, EventKind::CardChanged)?;
        }
        let view = self.card_view(&txn.reads(), serial, now)?;
        view.ok_or_else(|| LedgerError::Damaged(format!("card {serial} vanished")).into())
    }

    /// The card of that serial, or the problem `unknown_card`.
    pub(super) fn card_known(&self, reads: &Reads<'_>, serial: Serial) -> Result<CardRow, TillError> {
        reads
            .card_fetch(serial)?
            .ok_or_else(|| TillError::Unknown { code: "unknown_card", detail: "no card has this serial".to_owned() })
    }
}

/// Personal data as one text, for the salted hash.
pub(super) fn person_text(person: &Person) -> String {
    let given = [
        ("first_name", person.first_name.as_deref()),
        ("last_name", person.last_name.as_deref()),
        ("email", person.email.as_deref()),
        ("phone", person.phone.as_deref()),
        ("birth_date", person.birth_date.as_deref()),
        ("language", person.language.as_deref()),
        ("telegram_id", person.telegram_id.as_deref()),
        ("groups", Some(person.groups.as_str())),
        ("custom", Some(person.custom.as_str())),
        ("utm", Some(person.utm.as_str())),
        ("consents", Some(person.consents.as_str())),
    ];
    named(&given).unwrap_or_default()
}

fn customer_view(row: PersonRow, cards: Vec<Serial>, now: &Now) -> CustomerView {
    let person = row.person;
    CustomerView {
        id: row.id.to_string(),
        first_name: person.first_name,
        last_name: person.last_name,
        email: person.email,
        email_verified: person.email_verified,
        phone: person.phone,
        birth_date: person.birth_date,
        birth_known_since: person.birth_known,
        language: person.language,
        telegram_id: person.telegram_id,
        groups: from_json(&person.groups).unwrap_or_default(),
        custom: object(&person.custom),
        utm: object(&person.utm),
        consents: object(&person.consents),
        referred_by: row.referrer.map(|id| id.to_string()),
        created_at: Moment { ms: row.created_ms, zone: now.zone.clone() }.rfc3339(),
        cards: cards.into_iter().map(|serial| serial.to_string()).collect(),
        revision: row.revision,
    }
}
