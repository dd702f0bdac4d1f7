//! What is held to a reader becomes tokens: drives the machines of `pure::tap` over real readers and hands each tap to
//! the till through [`TapSink`].
//!
//! Threads and blocking first: a reader's thread calls [`TapSink::tapped`] and waits there until the tap is committed; only
//! then is [`Feedback::show`] called, so that light and sound mean *read and booked*. Nothing here books, resolves or
//! knows a card. A reader that is slow, stuck, unplugged or held by another program never holds up another reader.
//!
//! **Invariant:** one presence of one chip is booked at most once, however long it stays and whatever the reader reports
//! meanwhile.

pub mod light;
pub mod pcsc;
pub mod scanner;

use crate::pure::domain::TillId;
use crate::pure::tap::{Opened, TapProblem};

pub use pcsc::{CodeDevice, ReaderConfig, Readers, ReadersConfig};
pub use scanner::{Interface, ScanSink, ScannerConfig, ScannerScan, ScannerState, ScannerStatus, Scanners};

/// Where taps go: the till, and whoever shows the readers' states.
pub trait TapSink: Send + Sync {
    /// Takes one tap and returns once it is committed (or refused), with what the feedback is to show. Called on the
    /// reader's own thread; two readers may call at once.
    fn tapped(&self, tap: ReaderTap) -> Decision;

    /// A reader came, went, or changed its state. Calls come one at a time and in order; it must not call back into
    /// [`Readers`] except for [`Readers::statuses`] and [`Readers::service`].
    fn reader_changed(&self, status: ReaderStatus);

    /// The service behind the readers came or went. Calls come in order with those of `reader_changed`.
    fn service_changed(&self, service: ServiceStatus);
}

/// What one presence of a chip gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderTap {
    /// The reader's name.
    pub reader: String,
    /// The till that it serves.
    pub till: TillId,
    /// What was shown.
    pub shown: Shown,
    /// The proofs in the order in which they were asked for, opened, or why there are none. Of several tokens the first
    /// that resolves to a card counts (DESIGN.md section 2). Never empty.
    pub result: Result<Vec<Opened>, TapProblem>,
    /// What a phone said to the shop's Google key; `None` where it was not asked, or did not say.
    pub google_key: Option<GoogleKey>,
    /// How long it took.
    pub timing: TapTiming,
}

/// What a phone says to the shop's Google key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoogleKey {
    /// It took the signature.
    Taken,
    /// It took none of the shop's keys.
    Refused,
}

/// What was shown to a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// A chip or phone.
    #[default]
    Chip,
    /// A code, by a device that hands it on as a chip.
    Code,
}

/// The durations of a tap, for the histograms of readers-and-scanners.md section 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapTiming {
    /// When the monitor saw the chip, nanoseconds since boot.
    pub chip_seen_ns: i64,
    /// From there to the first command sent, microseconds; 0 when none was.
    pub chip_to_first_apdu_us: u32,
    /// From there to the opened token (or to the end of the attempt), microseconds.
    pub chip_to_token_us: u32,
    /// Commands sent in the attempt that ended the tap.
    pub apdus: u32,
}

/// What became of a tap, as far as light and sound tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Something was awarded.
    Awarded,
    /// The card is shown to the till; the sale awards.
    Presented,
    /// The same visit again: nothing new.
    AlreadyCounted,
    /// Nothing was booked.
    Refused,
    /// Nothing could be read to its end: said by the reader's thread itself.
    HoldStill,
}

/// A reader's light and sound. Called on the reader's thread, after the commit only.
pub trait Feedback: Send {
    /// Shows what became of the tap. It must not wait for the signal to end.
    fn show(&mut self, decision: Decision);

    /// Whether what became of a tap is shown by commands to whoever talks to the chip: then the chip is held until it was
    /// committed and shown, some milliseconds longer.
    fn wants_chip(&self) -> bool {
        false
    }

    /// Those commands.
    fn chip_commands(&mut self, _: Decision) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// The feedback of a reader that has neither light nor sound.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFeedback;

impl Feedback for NoFeedback {
    fn show(&mut self, _: Decision) {}
}

/// One reader as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderStatus {
    /// Its name, as the service gives it.
    pub name: String,
    /// The till that it serves.
    pub till: TillId,
    /// What it does.
    pub state: ReaderState,
    /// Since when, nanoseconds since boot.
    pub since_ns: i64,
    /// A chip is held to it, or was within the last half second. Not told by [`TapSink::reader_changed`] when it changes:
    /// every tap does that.
    pub occupied: bool,
}

/// What a reader does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReaderState {
    /// Reads whatever is held to it.
    Ready,
    /// A chip lay on it when it came up; nothing is read until that chip was lifted.
    LiftFirst,
    /// A chip lies on it that does not answer.
    Mute,
    /// Another program holds its chip exclusively.
    Held,
    /// It took a command and gives no answer.
    Stuck,
    /// The service is away.
    NoService,
    /// Unplugged. Told once; such a reader is in no list.
    Gone,
}

impl ReaderState {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ReaderState::Ready => "ready",
            ReaderState::LiftFirst => "lift_first",
            ReaderState::Mute => "mute",
            ReaderState::Held => "held",
            ReaderState::Stuck => "stuck",
            ReaderState::NoService => "no_service",
            ReaderState::Gone => "gone",
        }
    }
}

/// The service behind the readers (pcscd).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceStatus {
    /// It answers.
    Up,
    /// It does not, which a shop without readers may well accept.
    Down {
        /// What is wrong, in one sentence.
        reason: String,
        /// What the operator does about it.
        remedy: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::text::{self, Language};

    #[test]
    fn only_a_ready_reader_needs_no_remedy() {
        use ReaderState::*;
        let names: Vec<&str> = [Ready, LiftFirst, Mute, Held, Stuck, NoService, Gone].map(ReaderState::name).to_vec();
        assert_eq!(names, ["ready", "lift_first", "mute", "held", "stuck", "no_service", "gone"]);
        for name in names {
            assert_eq!(text::reader_remedy(Language::De, name).is_none(), name == "ready", "{name}");
        }
    }
}
