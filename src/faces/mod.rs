//! Wing 4: faces. They decode, call `till` or the ledger's reads, and encode.

pub mod console;
pub mod door;
pub mod exchange;
pub mod lan;
