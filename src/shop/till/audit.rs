//! The books checked from end to end: the file, the chain, and every card's standing against the fold of its entries.

use super::Rulebooks;
use super::posting::book_of;
use super::search::list_figures;
use crate::pure::domain::Moment;
use crate::pure::program::{self, CardFacts, Standing};
use crate::pure::wire::standing::standing_from;
use crate::shop::ledger::{LedgerError, Reads};

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

/// Checks everything that one snapshot of the ledger shows.
pub fn verify(reads: &Reads<'_>, books: &Rulebooks) -> Result<BooksReport, LedgerError> {
    let chain = reads.chain_check(0)?;
    let mut report = BooksReport { events: chain.events, entries: chain.entries, ..BooksReport::default() };
    report.faults.extend(reads.file_check()?);
    report.faults.extend(chain.faults.iter().map(ToString::to_string));
    let orphaned = reads.entries_orphaned()?;
    if orphaned > 0 {
        report.faults.push(format!("{orphaned} entries belong to no event"));
    }
    for card in reads.cards() {
        if report.faults.len() >= FAULTS_MAX {
            break;
        }
        let card = card?;
        let serial = card.serial;
        report.cards += 1;
        let Ok(book) = book_of(books, &card.programme) else {
            report.faults.push(format!("card {serial}: no rules of programme '{}' are kept", card.programme));
            continue;
        };
        let facts = reads.card_facts(serial)?;
        let folded = program::fold(book, &facts);
        let stored =
            if card.standing.is_empty() { Ok(Some(Standing::default())) } else { standing_from(&card.standing) };
        let at = Moment { ms: 0, zone: jiff::tz::TimeZone::UTC };
        let facts = CardFacts::new(serial, at.clone());
        let shown = list_figures(&program::figures(book, &facts, &folded, &at));
        if reads.card_listed(serial)?.is_some_and(|listed| listed != shown) {
            report.faults.push(format!("card {serial}: lists show other figures than its entries give"));
        }
        match stored {
            // A snapshot of an earlier layout is folded anew with the next posting.
            Ok(None) => {}
            Ok(Some(stored)) if stored == folded => {}
            Ok(Some(_)) => report.faults.push(format!("card {serial}: its standing is not what its entries give")),
            Err(error) => report.faults.push(format!("card {serial}: its standing cannot be read: {error}")),
        }
    }
    let unsummed = reads.customers_unsummed(FAULTS_MAX)?;
    report.faults.extend(unsummed.iter().map(|id| format!("customer {id}: lists show other sums than the cards give")));
    report.faults.truncate(FAULTS_MAX);
    Ok(report)
}
