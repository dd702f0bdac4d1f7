//! The JSON of the LAN API, version 1 (DESIGN.md section 5). `/v1` only grows: clients ignore fields they do not know,
//! requests with unknown fields are refused.

mod card;
mod entry;
mod health;
mod moves;
mod people;
mod problem;
mod report;
mod sale;
mod tap;

pub use card::*;
pub use entry::*;
pub use health::*;
pub use moves::*;
pub use people::*;
pub use problem::*;
pub use report::*;
pub use sale::*;
pub use tap::*;
