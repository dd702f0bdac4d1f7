//! Wing 3: the device in the shop.

pub mod ledger;
