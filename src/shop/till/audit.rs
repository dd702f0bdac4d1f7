//! The books checked from end to end: the file, the chain, and every card's standing against the fold of its entries.

use super::Rulebooks;
use super::posting::{book_of, due_ms, standing_of_row};
use super::search::list_figures;
use crate::pure::domain::Moment;
use crate::pure::program::{self, CardFacts};
use crate::shop::ledger::{CardBooks, LedgerError, Reads};

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
        Err(LedgerError::Damaged(what)) => faults.push(what),
        Err(error) => faults.push(error.to_string()),
    }
    faults
}
