//! Customers found, listed and changed.

use super::people::{PersonCheck, person_text};
use super::view::{SEGMENTS, segment_bounds, visit_band};
use super::{Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, CustomerId, EventKind, Moment, Now, Serial};
use crate::pure::program;
use crate::pure::wire::lan::{CustomerList, CustomerRequest, CustomerView, Problem};
use crate::pure::wire::text::{Json, from_json, salted_hash};
use crate::shop::ledger::{CardFigures, LedgerError, Person, PersonFilter, PersonOrder, Reads, Txn};

/// Longest text to search for, bytes.
const QUERY_MAX: usize = 200;

/// Which customers are asked for.
#[derive(Clone, Debug, Default)]
pub struct CustomerSearch {
    /// Part of a name, e-mail address or phone number, or the serial of a card.
    pub query: Option<String>,
    /// The class by recency and frequency of a card.
    pub segment: Option<String>,
    /// The name of the level of a card.
    pub tier: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl CustomerSearch {
    /// Whether what cards say is asked for: then [`Till::lists_update_in_txn`] comes first.
    pub fn by_cards(&self) -> bool {
        self.segment.is_some() || self.tier.is_some()
    }
}

impl Till {
    /// A page of customers: all, or those whom the search finds.
    pub fn customer_list(
        &self,
        reads: &Reads<'_>,
        search: &CustomerSearch,
        order: PersonOrder,
        limit: usize,
        now: &Now,
    ) -> Result<CustomerList, TillError> {
        let query = search.query.as_deref().map(str::trim).filter(|query| !query.is_empty());
        if query.is_some_and(|query| query.len() > QUERY_MAX) {
            return Err(TillError::field("/query", format!("at most {QUERY_MAX} bytes")));
        }
        let wrong = || TillError::field("/cursor", "give next_cursor of the page before, unchanged");
        let after = search.cursor.as_deref().map(|text| text.parse::<CustomerId>().map_err(|_| wrong())).transpose()?;
        let also = match query.and_then(|query| query.parse::<Serial>().ok()) {
            Some(serial) => reads.card_fetch(serial)?.map(|card| card.customer),
            None => None,
        };
        let segment = match &search.segment {
            None => None,
            Some(name) => {
                let at = reads.rule_time(now)?;
                let known = SEGMENTS.iter().flatten().copied().collect::<Vec<_>>().join(", ");
                Some(segment_bounds(name, &at).ok_or_else(|| TillError::field("/segment", format!("one of {known}")))?)
            }
        };
        let filter = PersonFilter { text: query.map(str::to_owned), also, tier: search.tier.clone(), segment };
        let page = reads.persons_page(&filter, order, after, limit)?.ok_or_else(wrong)?;
        let next_cursor = page.rows.last().filter(|_| page.more).map(|row| row.id.to_string());
        let mut customers = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            customers.extend(self.customer_view(reads, row.id, now)?);
        }
        Ok(CustomerList { customers, next_cursor })
    }

    /// Takes the figures of at most `limit` cards that moved over into what lists show, and where fewer moved looks on
    /// among those whose rules changed; answers how many it looked at, 0 once all is taken over.
    pub fn lists_update_in_txn(&self, txn: &mut Txn<'_>, now: &Now, limit: usize) -> Result<usize, TillError> {
        let serials = txn.reads().cards_unlisted(limit)?;
        let books = self.rulebooks();
        for serial in &serials {
            let Some(row) = txn.reads().card_fetch(*serial)? else { continue };
            let customer = row.customer;
            // A card without its rule file is listed without figures until the file is back and the card moves.
            let figures = if books.contains_key(&row.programme) {
                let card = self.card_state_of(&txn.reads(), row)?;
                let at = Moment { ms: now.wall_ms, zone: now.zone.clone() };
                list_figures(&program::figures(card.book()?, &card.facts, &card.standing, &at))
            } else {
                CardFigures::default()
            };
            txn.card_listed_store(*serial, customer, &figures)?;
        }
        let room = limit.saturating_sub(serials.len());
        let looked = if room > 0 && txn.relist_step(room)? { room } else { 0 };
        Ok(serials.len() + looked)
    }

    /// Removes a customer whose cards are all deleted: what is known of the person is erased, the books stay. Once more is
    /// the same.
    ///
    /// # Errors
    /// `unknown_customer`; `not_empty` while a card is not deleted.
    pub fn customer_remove_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        id: CustomerId,
    ) -> Result<(), TillError> {
        let held = txn.reads().cards_of_customer(id)?.into_iter().filter(|card| !card.deleted).count();
        if held > 0 {
            let detail = format!("the customer holds {held} cards; delete them first");
            let problem = Problem::new(409, "not_empty", "the customer still holds cards", detail);
            return Err(TillError::Problem(Box::new(problem)));
        }
        match txn.person_erase(id, now.wall_ms)? {
            None => Err(TillError::Unknown { code: "unknown_customer", detail: "no such customer".to_owned() }),
            Some(false) => Ok(()),
            Some(true) => {
                let mut what = Happening::new(EventKind::CustomerChanged, actor);
                what.customer = Some(id);
                what.details = vec![("removed".to_owned(), true.to_string())];
                self.happened_in_txn(txn, now, what)?;
                Ok(())
            }
        }
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
            let appended = self.happened_in_txn(txn, now, what)?;
            txn.event_text_store(appended.position, &salt, &text)?;
            txn.person_store(id, &person, now.wall_ms)?;
        }
        let view = self.customer_view(&txn.reads(), id, now)?;
        view.ok_or_else(|| LedgerError::Damaged(format!("customer {id} vanished")).into())
    }
}

/// What lists show of a card's figures.
pub(super) fn list_figures(figures: &program::Figures) -> CardFigures {
    CardFigures {
        tier: figures.tier.as_ref().map(|tier| tier.name.clone()),
        visit_band: visit_band(figures.counters.visits),
        last_visit_ms: figures.last_visit_ms.unwrap_or(0),
        ltv_minor: figures.counters.ltv_minor,
        balance: figures.balance,
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
