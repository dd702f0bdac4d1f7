//! The software phone: the handset's side of every tap protocol, shown to vsmartcard's virtual reader over TCP.
//!
//! ```text
//! Phone ── present(handset) ──> Presence   a thread that serves the virtual reader until the phone is lifted
//!   │                              │
//!   └─ host, port of one slot      └─ record: power, reset and every APDU with its answer, waited for by observation
//! ```
//!
//! A handset ([`Handset`]) is one wallet or chip: [`apple`], [`google`], [`ntag424`], [`ntag`], [`bare`] and [`barcode`];
//! [`scan`] writes a code to a serial line instead. Faults ([`fault`]) make each show itself wrong on purpose.
//!
//! **Invariant:** nothing here imports `pure::tap` or `pure::apdu`. The two sides of a protocol are written twice, from
//! the specification, so that a misreading in one does not pass unseen in the other. Nothing here prints: what was asked
//! and answered comes back in words, and the command line shows them.

pub mod apple;
pub mod barcode;
pub mod bare;
pub mod bytes;
pub mod chance;
pub mod code;
pub mod deflate;
pub mod fault;
pub mod google;
pub mod ndef;
pub mod ntag;
pub mod ntag424;
pub mod replay;
pub mod rotating;
pub mod scan;
pub mod vpcd;
pub mod wallet_file;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::clock::{Clock, ClockError, Trust};
use crate::pure::domain::Now;

pub use vpcd::{Ended, LinkError, Phone, Presence, Presented};

/// Where a handset and the record of an exchange take their time from; `base::clock` outside tests.
pub type TimeSource = Arc<dyn Fn() -> Now + Send + Sync>;

/// This machine's clocks; the zone is UTC, which no handset's bytes depend on.
pub fn machine_time() -> Result<TimeSource, ClockError> {
    let clock = Clock::new(TimeZone::UTC, Trust::Always)?;
    Ok(Arc::new(move || clock.now()))
}

/// What the reader did to the field or the chip's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Power on.
    On,
    /// Power off: for a phone the field is gone.
    Off,
    /// Reset: the exchange starts again.
    Reset,
}

/// What goes back to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These bytes (data and status word).
    Bytes(Vec<u8>),
    /// These bytes, after this many milliseconds.
    Late(Vec<u8>, u64),
    /// These bytes, and then the phone leaves.
    BytesThenLeave(Vec<u8>),
    /// The length of these bytes and half of them; then the phone leaves.
    Torn(Vec<u8>),
    /// Nothing, ever: the phone stays and hangs.
    Silence,
    /// Nothing: the phone leaves instead.
    Leave,
}

impl Reply {
    /// The bytes that reach the reader.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Reply::Bytes(bytes) | Reply::Late(bytes, _) | Reply::BytesThenLeave(bytes) => bytes,
            Reply::Torn(bytes) => &bytes[..bytes.len() / 2],
            Reply::Silence | Reply::Leave => &[],
        }
    }
}

/// A handset's answer to one command, with the words for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What goes back.
    pub reply: Reply,
    /// What the reader asked, in plain words.
    pub asked: String,
    /// What was answered, in plain words.
    pub said: String,
    /// Whether this answer hands the pass (the UID, the code) over in full, as a sound handset would.
    pub gives_pass: bool,
}

impl Answer {
    /// An answer of `bytes` that hands nothing over.
    pub fn plain(bytes: Vec<u8>, asked: impl Into<String>, said: impl Into<String>) -> Self {
        Self { reply: Reply::Bytes(bytes), asked: asked.into(), said: said.into(), gives_pass: false }
    }

    /// An answer of a status word alone.
    pub fn status(sw: u16, asked: impl Into<String>, said: impl Into<String>) -> Self {
        Self::plain(sw.to_be_bytes().to_vec(), asked, said)
    }

    /// The same answer, handing the pass over.
    pub fn giving_pass(mut self) -> Self {
        self.gives_pass = true;
        self
    }
}

/// One wallet or chip as the reader sees it. Two kinds of it exist side by side, so it is a trait.
pub trait Handset: Send {
    /// What it is, for whoever watches: `iPhone with …`.
    fn name(&self) -> String;

    /// The ATR; empty when there is nothing on the reader.
    fn atr(&mut self) -> Vec<u8>;

    /// The answer to one command APDU, whatever its bytes are.
    fn answer(&mut self, command: &[u8]) -> Answer;

    /// The reader switched the field or the power.
    fn field(&mut self, _change: Field) {}

    /// The handset was taken off the reader; the next presence is a new one.
    fn lifted(&mut self) {}

    /// Whether the handset waits for the field to drop before it calls the exchange done (an iPhone's check mark).
    fn waits_for_field_drop(&self) -> bool {
        false
    }
}
