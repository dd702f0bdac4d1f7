//! The vocabulary: ids, times, media, entries, events, refusals. Imports nothing of ours, and nothing here is
//! serializable; shapes that cross a wire are written apart in `wire`.

pub mod actor;
pub mod crockford;
pub mod entry;
pub mod event;
pub mod explanation;
pub mod feedback;
pub mod ids;
pub mod language;
pub mod money;
pub mod reason;
pub mod refusal;
pub mod standing;
pub mod tap_problem;
pub mod time;
pub mod token;

pub use actor::{Actor, Role};
pub use entry::{Entry, EntryKind, NewEntry, Posting};
pub use event::{Event, EventKind, Fact, FactKey};
pub use feedback::FeedbackProfile;
pub use ids::*;
pub use language::Language;
pub use refusal::{Refusal, RefusalCode};
pub use standing::Standing;
pub use tap_problem::TapProblem;
pub use time::{BootId, ClockTrust, Hlc, Moment, Now, Trust};
pub use token::{Claim, Freshness, Grade, Medium, Token};
