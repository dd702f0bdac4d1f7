//! Lists of customers: filtered and sorted by indexes, page after page, whatever the number of customers.
//!
//! What lists ask for are figures of standings, kept beside them. A posting marks its card ([`Txn::card_standing_store`]),
//! and [`Txn::card_listed_store`] takes the figures over later: so a tap's commit does not carry the pages of four more
//! indexes, and a list still tells what is true, as whoever reads one has the marked cards taken over first.

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::error::LedgerError;
use super::people::{PERSON_COLUMNS, PersonRow, person_row};
use super::read::Reads;
use super::sums;
use super::txn::{Sql, Txn, serial_column, uuid_column};
use crate::pure::domain::{CustomerId, ProgrammeName, Serial};

/// By what customers are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonSort {
    /// Family name, then given name; who has none first.
    Name,
    /// When they joined.
    Joined,
    /// The last visit with any card; who never came first.
    LastVisit,
    /// What they spent, over all cards.
    Ltv,
    /// The balances of their cards that are not deleted, in each programme's smallest unit.
    Balance,
}

/// In which order customers are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonOrder {
    /// By what.
    pub by: PersonSort,
    /// The greatest first.
    pub falling: bool,
}

/// Which customers are listed; all of what is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonFilter {
    /// Part of a name or e-mail address, or of a phone number's digits.
    pub text: Option<String>,
    /// One more customer to find, where the text is the serial of a card.
    pub also: Option<CustomerId>,
    /// Holds a card at the level of this name.
    pub tier: Option<String>,
    /// Holds a card with visits of this band, the last one from the first moment (inclusive) to the second (exclusive).
    pub segment: Option<(i64, i64, i64)>,
}

/// A page of customers.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonPage {
    /// The customers.
    pub rows: Vec<PersonRow>,
    /// There are more behind them.
    pub more: bool,
}

/// The figures of one card that lists ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardFigures {
    /// The level's name.
    pub tier: Option<String>,
    /// 0 without visits, else the band of their number (RULES.md X32).
    pub visit_band: i64,
    /// The last visit, milliseconds since 1970-01-01 UTC; 0 without one.
    pub last_visit_ms: i64,
    /// Minor units.
    pub ltv_minor: i64,
    /// Units.
    pub balance: i64,
}

/// A filter that finds at most so many cards is looked up first and its customers sorted; one that finds more is asked of
/// each customer in turn, as then few are passed over.
const SELECTIVE_MAX: i64 = 20_000;

/// A card whose visits lie in a band, the last one within a time.
const SEEN: &str =
    "d.deleted = 0 AND d.visit_band > 0 AND d.visit_band = ? AND d.last_visit_ms >= ? AND d.last_visit_ms < ?";

/// A statement that is put together, with its values in order.
#[derive(Default)]
struct Query {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Query {
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }
}

fn id_value(id: CustomerId) -> Value {
    Value::Blob(id.0.as_bytes().to_vec())
}

/// What of a person holds the text that is looked for; `id` is the column that names the customer.
fn text_condition(filter: &PersonFilter, id: &str, query: &mut Query) {
    let Some(text) = &filter.text else { return };
    let escaped = |text: &str| text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return;
    }
    // Each list of customers comes from one narrow index alone; the people themselves are read for those found. Words of
    // a name may stand in any order: the key holds the family name first.
    let words: Vec<String> = words
        .into_iter()
        .map(|word| format!("name_key LIKE {} ESCAPE '!'", query.bind(format!("%{}%", escaped(word)))))
        .collect();
    let like = query.bind(format!("%{}%", escaped(text)));
    let mut found = vec![
        format!("SELECT customer FROM person WHERE {}", words.join(" AND ")),
        format!("SELECT customer FROM person WHERE email IS NOT NULL AND lower(email) LIKE {like} ESCAPE '!'"),
    ];
    // A serial has digits as well, and is no part of a number.
    let is_number = text.chars().all(|letter| letter.is_ascii_digit() || "+ -/().".contains(letter));
    let digits: String = text.chars().filter(|letter| letter.is_ascii_digit() || *letter == '+').collect();
    if is_number && digits.len() >= 3 {
        let digits = query.bind(format!("%{digits}%"));
        found.push(format!("SELECT customer FROM person WHERE phone IS NOT NULL AND phone LIKE {digits}"));
    }
    if let Some(also) = filter.also {
        let also = query.bind(id_value(also));
        found.push(format!("SELECT {also}"));
    }
    // The plus keeps the walk in the order of the list, which ends with the page, however many there are.
    query.conditions.push(format!("+{id} IN ({})", found.join(" UNION ALL ")));
}

impl PersonSort {
    fn column(self) -> &'static str {
        match self {
            PersonSort::Name => "p.name_key",
            PersonSort::Joined => "c.created_ms",
            PersonSort::LastVisit => "c.last_visit_ms",
            PersonSort::Ltv => "c.ltv_minor",
            PersonSort::Balance => "c.balance",
        }
    }
}

impl Reads<'_> {
    /// A page of at most `limit` customers behind the customer `after`; `None` where there is no such customer.
    pub fn persons_page(
        &self,
        filter: &PersonFilter,
        order: PersonOrder,
        after: Option<CustomerId>,
        limit: usize,
    ) -> Result<Option<PersonPage>, LedgerError> {
        let Some((text, values)) = self.page_query(filter, order, after, limit)? else { return Ok(None) };
        let mut statement = self.prepare(&text)?;
        let rows = statement.query_map(params_from_iter(values), person_row)?;
        let mut rows: Vec<PersonRow> = rows.collect::<Result<_, _>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok(Some(PersonPage { rows, more }))
    }

    /// The statement of a page, with its values.
    pub(super) fn page_query(
        &self,
        filter: &PersonFilter,
        order: PersonOrder,
        after: Option<CustomerId>,
        limit: usize,
    ) -> Result<Option<(String, Vec<Value>)>, LedgerError> {
        let mut query = Query::default();
        query.conditions.push("c.removed_ms IS NULL".to_owned());
        let (key, direction) = (order.by.column(), if order.falling { "DESC" } else { "ASC" });
        let id = if order.by == PersonSort::Name { "p.customer" } else { "c.id" };
        if let Some(after) = after {
            let Some(value) = self.sort_value(order.by, after)? else { return Ok(None) };
            let than = if order.falling { "<" } else { ">" };
            let (value, after) = (query.bind(value), query.bind(id_value(after)));
            query.conditions.push(format!("({key}, {id}) {than} ({value}, {after})"));
        }
        text_condition(filter, id, &mut query);
        let from = self.card_conditions(filter, order.by, &mut query)?;
        let limit_value = query.bind(limit as i64 + 1);
        let text = format!(
            "SELECT {PERSON_COLUMNS} FROM {from} WHERE {} ORDER BY {key} {direction}, {id} {direction} LIMIT {limit_value}",
            query.conditions.join(" AND ")
        );
        Ok(Some((text, query.values)))
    }

    fn sort_value(&self, sort: PersonSort, id: CustomerId) -> Result<Option<Value>, LedgerError> {
        let mut statement = self.prepare(&format!(
            "SELECT {} FROM customer c LEFT JOIN person p ON p.customer = c.id WHERE c.id = ?1 AND c.removed_ms IS NULL",
            sort.column()
        ))?;
        let mut rows = statement.query([id.0.as_bytes()])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    /// What cards must be like; answers from where customers are read.
    fn card_conditions(
        &self,
        filter: &PersonFilter,
        sort: PersonSort,
        query: &mut Query,
    ) -> Result<String, LedgerError> {
        let mut few: Option<String> = None;
        let mut wanted: Vec<(&str, Vec<Value>)> = Vec::new();
        if let Some(tier) = &filter.tier {
            wanted.push(("d.deleted = 0 AND d.tier = ?", vec![tier.clone().into()]));
        }
        if let Some((band, from_ms, until_ms)) = filter.segment {
            wanted.push((SEEN, vec![band.into(), from_ms.into(), until_ms.into()]));
        }
        for (condition, values) in wanted {
            let most = SELECTIVE_MAX + 1;
            let count = format!("SELECT count(*) FROM (SELECT 1 FROM card d WHERE {condition} LIMIT {most})");
            let found: i64 = self.prepare(&count)?.query_row(params_from_iter(values.clone()), |row| row.get(0))?;
            let mut parts = condition.split('?');
            let mut bound = parts.next().unwrap_or_default().to_owned();
            for (value, part) in values.into_iter().zip(parts) {
                bound.push_str(&query.bind(value));
                bound.push_str(part);
            }
            if found <= SELECTIVE_MAX && few.is_none() {
                few = Some(bound);
            } else {
                // The plus keeps the index of the customer's cards in use.
                let asked = bound.replace("d.tier =", "+d.tier =").replace("d.visit_band =", "+d.visit_band =");
                query.conditions.push(format!("EXISTS (SELECT 1 FROM card d WHERE d.customer = c.id AND {asked})"));
            }
        }
        const PERSON: &str = "LEFT JOIN person p ON p.customer = c.id";
        Ok(match few {
            Some(bound) => format!(
                "(SELECT DISTINCT d.customer AS id FROM card d WHERE {bound}) f CROSS JOIN customer c ON c.id = f.id {PERSON}"
            ),
            None if sort == PersonSort::Name => "person p CROSS JOIN customer c ON c.id = p.customer".to_owned(),
            None => format!("customer c {PERSON}"),
        })
    }

    /// Cards whose figures lists do not show yet, at most `limit`.
    pub fn cards_unlisted(&self, limit: usize) -> Result<Vec<Serial>, LedgerError> {
        let mut statement = self.prepare("SELECT serial FROM card WHERE listed = 0 LIMIT ?1")?;
        let rows = statement.query_map([limit as i64], |row| serial_column(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether lists do not show yet what cards say.
    pub fn lists_behind(&self) -> Result<bool, LedgerError> {
        let mut statement = self.prepare(
            "SELECT EXISTS (SELECT 1 FROM card WHERE listed = 0)
                 OR EXISTS (SELECT 1 FROM meta WHERE name BETWEEN 'relist:' AND 'relist;')",
        )?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// The figures of a card as lists show them; `None` while they are to be taken over.
    pub fn card_listed(&self, serial: Serial) -> Result<Option<CardFigures>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT tier, visit_band, last_visit_ms, ltv_minor, balance FROM card WHERE serial = ?1 AND listed = 1
                 AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'relist:' || programme
                                     AND CAST(value AS INTEGER) <= serial)",
        )?;
        let mut rows = statement.query([Sql(serial)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(CardFigures {
            tier: row.get(0)?,
            visit_band: row.get(1)?,
            last_visit_ms: row.get(2)?,
            ltv_minor: row.get(3)?,
            balance: row.get(4)?,
        }))
    }

    /// Customers whose sums are not those of their cards, though no card of theirs is marked: there must be none. At most
    /// `limit` of them.
    pub fn customers_unsummed(&self, limit: usize) -> Result<Vec<CustomerId>, LedgerError> {
        let mut statement = self.prepare(
            "SELECT c.id FROM customer c WHERE
                 (c.ltv_minor, c.balance, c.last_visit_ms) IS NOT
                     (SELECT coalesce(sum(d.ltv_minor), 0), coalesce(sum(d.balance) FILTER (WHERE d.deleted = 0), 0),
                             coalesce(max(d.last_visit_ms), 0) FROM card d WHERE d.customer = c.id)
                 AND NOT EXISTS (SELECT 1 FROM card d WHERE d.customer = c.id AND d.listed = 0) LIMIT ?1",
        )?;
        let rows = statement.query_map([limit as i64], |row| Ok(CustomerId(uuid_column(row, 0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Txn<'_> {
    /// Has the figures of all cards of a programme taken over again, step by step: a shop may have very many.
    pub(super) fn relist(&mut self, programme: &ProgrammeName) -> Result<(), LedgerError> {
        let name = format!("relist:{programme}");
        self.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, '0')", [&name])?;
        self.keep("meta", [&name]);
        Ok(())
    }

    /// Marks the next cards of a programme whose figures are to be taken over again, looking at `limit` cards; answers
    /// whether there was anything to look at.
    pub fn relist_step(&mut self, limit: usize) -> Result<bool, LedgerError> {
        let next = self.query_one(
            "SELECT substr(name, 8), CAST(value AS INTEGER) FROM meta WHERE name BETWEEN 'relist:' AND 'relist;' LIMIT 1",
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((programme, from)) = next else { return Ok(false) };
        let until: Option<i64> = self.query_one(
            "SELECT serial FROM card WHERE serial >= ?1 ORDER BY serial LIMIT 1 OFFSET ?2",
            params![from, limit as i64],
            |row| row.get(0),
        )?;
        self.execute(
            "UPDATE card SET listed = 0 WHERE serial >= ?1 AND serial < ?2 AND programme = ?3 AND listed = 1",
            params![from, until.unwrap_or(i64::MAX), programme],
        )?;
        let name = format!("relist:{programme}");
        match until {
            Some(until) => {
                self.execute("UPDATE meta SET value = ?2 WHERE name = ?1", params![name, until.to_string()])?
            }
            None => self.execute("DELETE FROM meta WHERE name = ?1", [&name])?,
        };
        self.keep("meta", [&name]);
        Ok(true)
    }

    /// Takes the figures of a card over into lists, and with them its customer's sums.
    pub fn card_listed_store(
        &mut self,
        serial: Serial,
        customer: CustomerId,
        figures: &CardFigures,
    ) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE card SET listed = 1, tier = ?2, visit_band = ?3, last_visit_ms = ?4, ltv_minor = ?5, balance = ?6
             WHERE serial = ?1",
            params![
                Sql(serial),
                figures.tier,
                figures.visit_band,
                figures.last_visit_ms,
                figures.ltv_minor,
                figures.balance
            ],
        )?;
        self.execute(
            "UPDATE customer SET (ltv_minor, balance, last_visit_ms) =
                 (SELECT coalesce(sum(d.ltv_minor), 0), coalesce(sum(d.balance) FILTER (WHERE d.deleted = 0), 0),
                         coalesce(max(d.last_visit_ms), 0) FROM card d WHERE d.customer = customer.id)
             WHERE id = ?1",
            [customer.0.as_bytes()],
        )?;
        Ok(())
    }

    /// Erases what is known of a person and what was typed about the cards; the books stay. Answers whether the customer was
    /// there: `Some(false)` where it was removed before.
    pub fn person_erase(&mut self, id: CustomerId, now_ms: i64) -> Result<Option<bool>, LedgerError> {
        let known =
            self.query_one("SELECT removed_ms IS NULL FROM customer WHERE id = ?1", [id.0.as_bytes()], |row| {
                row.get::<_, bool>(0)
            })?;
        if known != Some(true) {
            return Ok(known);
        }
        let id = id.0.as_bytes();
        for statement in [
            "DELETE FROM event_text WHERE position IN (SELECT position FROM event WHERE customer = ?1)",
            "DELETE FROM event_text WHERE position IN
                 (SELECT e.position FROM card d JOIN event e ON e.card = d.serial WHERE d.customer = ?1)",
            "DELETE FROM recent_visit WHERE card IN (SELECT serial FROM card WHERE customer = ?1)",
            "DELETE FROM presented WHERE card IN (SELECT serial FROM card WHERE customer = ?1)",
            "DELETE FROM person WHERE customer = ?1",
        ] {
            self.execute(statement, [id])?;
        }
        self.execute(
            "UPDATE customer SET removed_ms = ?2, changed_ms = ?2, revision = revision + 1 WHERE id = ?1",
            params![id, now_ms],
        )?;
        self.sum_store(&sums::CUSTOMER, id)?;
        Ok(Some(true))
    }
}
