//! Passes: what the customer carries. From the facts of a card ([`Face`]) and a design ([`Design`]) to the bytes that
//! Apple Wallet opens and the objects that Google Wallet keeps (wallets/apple.md, wallets/google.md).
//!
//! Nothing here reads a file or a clock: keys, time and artwork are arguments. The same face, design and artwork give the
//! same bytes, but for the signature.

pub mod design;
pub mod face;

pub use design::{Colour, Design, Field, Place, Slot, Speaks, StripKind, Text};
pub use face::{Codes, Face, Kind, Money, NextExpiry, Progress, Rotating, State, Tier};
