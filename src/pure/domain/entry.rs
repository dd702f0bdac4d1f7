//! Entries: posted lines. A posting holds facts only (what was awarded, removed, redeemed, under which rule version);
//! what follows from them (unlocks, tier, totals) is derived by the fold.

use super::{EntryId, RuleVersion, Serial};

/// One posted line of one card.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The card that it moves.
    pub card: Serial,
    /// The version of the card's programme under which it was decided.
    pub rule: RuleVersion,
    /// What it says.
    pub posting: Posting,
}

/// An entry as the engine proposes it, before the till gives it an id.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// The card that it moves; a referral's bonus moves another card than the one tapped.
    pub card: Serial,
    /// The version under which it was decided.
    pub rule: RuleVersion,
    /// What it says.
    pub posting: Posting,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Posting {
    /// Placeholder until the engine lands.
    Nothing,
}
/// kind
pub struct K;
impl K { pub fn name(&self)->&'static str {""} }
impl Posting { pub fn kind(&self)->K {K} pub fn units(&self)->i64 {0} }
