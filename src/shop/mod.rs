//! Wing 3: the device in the shop. It never imports the hub: head office rebuilds from events alone.

pub mod delivery;
pub mod ledger;
pub mod reader;
pub mod till;
