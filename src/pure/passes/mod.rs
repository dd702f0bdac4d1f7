//! Passes: what the customer carries. From the facts of a card ([`Face`]) and a design ([`Design`]) to the bytes that
//! Apple Wallet opens and the objects that Google Wallet keeps (wallets/apple.md, wallets/google.md).
//!
//! Nothing here reads a file or a clock: keys, time and artwork are arguments. The same face, design and artwork give the
//! same bytes, but for the signature.

pub mod apple;
pub mod bundle;
pub mod check;

mod der;
pub mod design;
pub mod face;
pub mod fill;
pub mod google;
pub mod image;
pub mod jwt;
pub mod preview;
pub mod sign;
pub mod strip;

pub use design::{
    Blank, BlankError, Colour, Design, DesignClash, Designs, Field, Piece, Place, Slot, Speaks, StripKind, Text, pieces,
};
pub use face::{Codes, Face, Kind, Money, NextExpiry, Offer, Progress, Reward, Rotating, State, Tier};
pub use image::Image;
pub use strip::StripError;
