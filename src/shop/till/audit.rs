//! The books checked from end to end: the file, the chain, every card's standing against the fold of its entries, and what
//! makes a repeated request safe against the entries that it names.

use super::Rulebooks;
use super::posting::{book_of, due_ms, standing_of_row};
use super::search::list_figures;
use crate::pure::domain::standing::TXN_KEPT_MS;
use crate::pure::domain::{EntryId, Moment};
use crate::pure::program::{self, CardFacts};
use crate::pure::wire::text::{Json, from_json};
use crate::shop::ledger::{CardBooks, LedgerError, Reads, SaleRow, SaleState};

/// Faults told; more say nothing more.
const FAULTS_MAX: usize = 100;

/// What a check of the books saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BooksReport {
    /// Events of the chain.
    pub events: u64,
    /// Entries of those events.
    pub entries: u64,
    /// Cards whose standing was compared.
    pub cards: u64,
    /// What is wrong, in sentences; empty when all is well.
    pub faults: Vec<String>,
}

/// Checks everything that one snapshot of the ledger shows: the chain in its order, then each card with its facts.
pub fn verify(reads: &Reads<'_>, books: &Rulebooks) -> Result<BooksReport, LedgerError> {
    let chain = reads.chain_scan()?;
    let mut report = BooksReport { events: chain.events, entries: chain.entries, ..BooksReport::default() };
    report.faults.extend(reads.file_check()?);
    report.faults.extend(chain.faults.iter().map(ToString::to_string));
    let mut cards = Vec::new();
    let index = reads.cards_scan(|card| {
        report.cards += 1;
        if cards.len() < FAULTS_MAX {
            cards.extend(card_faults(books, &card));
        }
    })?;
    report.faults.extend(index.faults.iter().map(ToString::to_string));
    if index.entries < chain.entries && index.faults.is_empty() {
        // Events name more than is indexed: which ones, the longer way tells.
        report.faults.extend(reads.chain_check(0)?.faults.iter().map(ToString::to_string));
    }
    report.faults.extend(cards);
    report.faults.extend(reads.sums_check(FAULTS_MAX)?);
    report.faults.extend(answer_faults(reads)?);
    report.faults.extend(sale_faults(reads)?);
    let unsummed = reads.customers_unsummed(FAULTS_MAX)?;
    report.faults.extend(unsummed.iter().map(|id| format!("customer {id}: lists show other sums than the cards give")));
    report.faults.truncate(FAULTS_MAX);
    Ok(report)
}

/// What is wrong with a card: its standing, and what follows from it.
fn card_faults(books: &Rulebooks, held: &CardBooks) -> Vec<String> {
    let (card, serial) = (&held.card, held.card.serial);
    let Ok(book) = book_of(books, &card.programme) else {
        return vec![format!("card {serial}: no rules of programme '{}' are kept", card.programme)];
    };
    let mut faults = Vec::new();
    let folded = program::fold(book, &held.facts);
    if let Some(listed) = &held.listed {
        let at = Moment { ms: 0, zone: jiff::tz::TimeZone::UTC };
        let shown = list_figures(&program::figures(book, &CardFacts::new(serial, at.clone()), &folded, &at));
        if *listed != shown {
            faults.push(format!("card {serial}: lists show other figures than its entries give"));
        }
    }
    match standing_of_row(card) {
        // A snapshot of an earlier layout is folded anew with the next posting.
        Ok(None) => {}
        Ok(Some(stored)) if stored != folded => {
            faults.push(format!("card {serial}: its standing is not what its entries give"));
        }
        Ok(Some(_)) if due_ms(&folded) != held.due_ms => {
            faults.push(format!("card {serial}: the time noted for what lapses or ripens next is another"));
        }
        Ok(Some(_)) => {}
        Err(fault) => faults.push(said(fault)),
    }
    faults
}

/// What is wrong with the first answers: one that tells of entries which are not booked.
fn answer_faults(reads: &Reads<'_>) -> Result<Vec<String>, LedgerError> {
    let mut faults = Vec::new();
    reads.answers_scan(|key, answer| {
        let unbooked = unbooked(reads, &String::from_utf8_lossy(&answer.body))?;
        faults.extend(unbooked.map(|what| format!("the first answer of key '{key}' tells of {what}")));
        Ok(())
    })?;
    Ok(faults)
}

/// What is wrong with the sales: one that tells of what is not booked, or that has another's number.
fn sale_faults(reads: &Reads<'_>) -> Result<Vec<String>, LedgerError> {
    let mut faults = Vec::new();
    let mut before: Option<SaleRow> = None;
    reads.sales_scan(|sale| {
        let unbooked = unbooked(reads, &sale.answer)?;
        faults.extend(unbooked.map(|what| format!("sale '{}' tells of {what}", sale.txn_id)));
        if let Some(event) = sale.event
            && reads.event_fetch(event)?.is_none()
        {
            faults.push(format!("sale '{}': its event {event} is missing", sale.txn_id));
        }
        if sale.state == SaleState::Posted && sale.card.is_none() {
            faults.push(format!("sale '{}' was posted to no card", sale.txn_id));
        }
        let twice = before.as_ref().filter(|old| old.txn_id == sale.txn_id && sale.made_ms - old.made_ms < TXN_KEPT_MS);
        faults.extend(twice.map(|_| format!("sale '{}' was taken twice within 35 days", sale.txn_id)));
        before = Some(sale);
        Ok(())
    })?;
    Ok(faults)
}

/// What was found, without the remedy that whoever checks the books is following already.
fn said(fault: LedgerError) -> String {
    match fault {
        LedgerError::Damaged(what) => what,
        other => other.to_string(),
    }
}

/// The first entry that an answer tells of and that is not booked as it says.
fn unbooked(reads: &Reads<'_>, answer: &str) -> Result<Option<String>, LedgerError> {
    let told: Json = from_json(answer).unwrap_or(Json::Null);
    for entry in told["entries"].as_array().into_iter().flatten() {
        let word = |name: &str| entry[name].as_str().unwrap_or_default();
        let booked = match uuid::Uuid::parse_str(word("id")) {
            Ok(id) => reads.entry_found(EntryId(id))?,
            Err(_) => None,
        };
        if !booked.is_some_and(|(card, kind)| card.to_string() == word("serial") && kind == word("kind")) {
            return Ok(Some(format!("entry {}, which is not booked as it says", word("id"))));
        }
    }
    Ok(None)
}
