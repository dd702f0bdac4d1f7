//! The programme rules: facts and the fold give a standing; a standing, a command and the time give a verdict.
//!
//! **Facts.** An entry ([`Posting`](crate::pure::domain::Posting)) says what was awarded, removed or redeemed, under which
//! version of the rules, with the inputs, rounding and limits that made it. Everything else (unlocks, levels, totals,
//! lots, the end of a reward, overdraft, debt) is derived by one pure function, [`fold()`], on device and hub alike.
//!
//! **Order.** The fold sorts by [`FactKey`](crate::pure::domain::FactKey) and counts each fact once, so that neither the
//! order of delivery nor repetition matters. A voided event is left out with all its entries.
//!
//! **Path of an act:** [`due()`] first (what has lapsed or ripened is posted in an event of its own), then [`check`]
//! (malformed requests come before all), then [`decide()`], then [`apply`] for each accepted fact. [`quote()`] runs the very
//! same decision, so that a quote and the sale right after it cannot disagree.
//!
//! **Invariants:** integers only; every sum saturates and every product is taken in 128 bits, so that no input panics ·
//! balance = sum of open lots − what is owed · lifetime counters fall only by a void (and redeemed by a reinstatement).
//!
//! Nothing here reads a clock: [`Moment`](crate::pure::domain::Moment) is rule time and arrives as an argument.

mod bonus;
mod calendar;
mod card;
pub mod decide;
mod due;
mod earn;
pub mod explain;
mod figures;
mod fold;
pub mod history;
mod limits;
mod lots;
mod rewards;
pub mod round;
pub mod rules;
mod sales;
pub mod standing;

#[cfg(test)]
pub mod reference;
#[cfg(test)]
mod tests;

pub use calendar::card_expiry;
pub use card::{Birth, CardFacts, Pinned};
pub use decide::{
    Ask, Command, CouponAct, Item, Malformed, Quote, QuoteOption, Redeem, Sale, SalePhase, Target, Verdict, check,
    decide, present, quote,
};
pub use due::{due, settled};
pub use figures::{Figures, NextExpiry, Tier, figures, open_liability_minor};
pub use fold::{Applied, apply, fold};
pub use history::{HistoryRow, Label, Source, history, rows};
pub use rules::{Campaign, CatalogueReward, Consume, Kind, LevelBasis, Rulebook, Rules, Worth};
pub use standing::Standing;
