//! stampd: loyalty on the shop counter.
//!
//! The house has four wings; a wing imports only wings of a lower number (`tests/tidy.rs` checks it):
//!
//! ```text
//! 4  faces   tools      what people, tills and phones speak to
//! 3  shop    hub        the device and head office; neither imports the other
//! 2  base               what both share that touches the world
//! 1  pure               everything that can be right or wrong by itself: no I/O, no clock, no thread
//!
//! reader ─> tap ─> Token ─> resolve ─> program ─> ledger (entries + outbox, one transaction)
//!                           └────────── till ──────────┘            │
//!        faces: lan, console, exchange ─> till, ledger reads        └─> delivery ─> wallets (later)
//! ```
//!
//! **Ledger invariants**, asserted where written and again where read: balance equals the sum of entries · entries are
//! never updated or deleted, a correction is a new entry that names the old · one request posts once, and a visit counts
//! once whatever is added to it · an entry and its outbox row commit together · no balance passes its floor.

pub mod base;
#[cfg(feature = "device")]
pub mod cli;
#[cfg(feature = "device")]
pub mod daemon;
#[cfg(feature = "device")]
pub mod faces;
pub mod pure;
#[cfg(feature = "device")]
pub mod shop;
#[cfg(feature = "device")]
pub mod tools;
