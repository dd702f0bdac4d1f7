//! Customers found, listed and changed.

use super::people::{PersonCheck, person_text};
use super::{Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, CustomerId, EventId, EventKind, Now, Serial};
use crate::pure::wire::lan::{CustomerList, CustomerRequest, CustomerView};
use crate::pure::wire::text::{Json, from_json, salted_hash};
use crate::shop::ledger::{LedgerError, Person, PersonOrder, Reads, Txn};

/// Longest text to search for, bytes.
const QUERY_MAX: usize = 200;

impl Till {
    /// A page of customers: all, or those whom `query` finds by name, e-mail, phone or the serial of a card.
    pub fn customer_list(
        &self,
        reads: &Reads<'_>,
        query: Option<&str>,
        order: PersonOrder,
        cursor: Option<&str>,
        limit: usize,
        now: &Now,
    ) -> Result<CustomerList, TillError> {
        let query = query.map(str::trim).filter(|query| !query.is_empty());
        if query.is_some_and(|query| query.len() > QUERY_MAX) {
            return Err(TillError::field("/query", format!("at most {QUERY_MAX} bytes")));
        }
        let wrong = || TillError::field("/cursor", "give next_cursor of the page before, unchanged");
        let after = cursor.map(|text| text.parse::<CustomerId>().map_err(|_| wrong())).transpose()?;
        if let Some(after) = after
            && reads.person_fetch(after)?.is_none()
        {
            return Err(wrong());
        }
        let also = match query.and_then(|query| query.parse::<Serial>().ok()) {
            Some(serial) => reads.card_fetch(serial)?.map(|card| card.customer),
            None => None,
        };
        // One more than asked tells whether there is another page.
        let mut rows = reads.persons_page(query, also, order, after, limit + 1)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.id.to_string());
        let mut customers = Vec::with_capacity(rows.len());
        for row in rows {
            customers.extend(self.customer_view(reads, row.id, now)?);
        }
        Ok(CustomerList { customers, next_cursor })
    }

    /// Changes what is known of a person, if the customer still has the revision that was read. `patch` is an RFC 7396
    /// merge patch of the fields of a new customer.
    pub fn customer_change_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        id: CustomerId,
        expected_revision: i64,
        patch: &Json,
    ) -> Result<CustomerView, TillError> {
        let unknown = || TillError::Unknown { code: "unknown_customer", detail: "no such customer".to_owned() };
        let row = txn.reads().person_fetch(id)?.ok_or_else(unknown)?;
        if row.revision != expected_revision {
            return Err(self.changed_meanwhile("customer", row.revision));
        }
        if patch.get("referred_by").is_some() {
            return Err(TillError::field(
                "/referred_by",
                "who brought a customer is told once, when the customer joins",
            ));
        }
        let request = request_of(&row.person).patched(patch).map_err(|detail| TillError::field("", detail))?;
        let before = row.person;
        let mut person = PersonCheck::default().person(request, txn.rule_time(now).date())?;
        if person.birth_date == before.birth_date {
            person.birth_known = before.birth_known.clone();
        }
        person.email_verified = before.email_verified && person.email == before.email;
        if person != before {
            let mut what = Happening::new(EventKind::CustomerChanged, actor);
            what.customer = Some(id);
            let (salt, text) = (self.random::<16>(), person_text(&person));
            what.text_hash = Some(salted_hash(&salt, &text));
            let appended = txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)?;
            txn.event_text_store(appended.position, &salt, &text)?;
            txn.person_store(id, &person, now.wall_ms)?;
        }
        let view = self.customer_view(&txn.reads(), id, now)?;
        view.ok_or_else(|| LedgerError::Damaged(format!("customer {id} vanished")).into())
    }
}

/// What is known as the request that would tell it.
fn request_of(person: &Person) -> CustomerRequest {
    let person = person.clone();
    CustomerRequest {
        first_name: person.first_name,
        last_name: person.last_name,
        email: person.email,
        phone: person.phone,
        birth_date: person.birth_date,
        language: person.language,
        telegram_id: person.telegram_id,
        groups: from_json(&person.groups).unwrap_or_default(),
        custom: from_json(&person.custom).unwrap_or_default(),
        utm: from_json(&person.utm).unwrap_or_default(),
        referred_by: None,
        consents: from_json(&person.consents).unwrap_or_default(),
    }
}
