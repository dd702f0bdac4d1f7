//! One sans-io machine per tap protocol. A machine takes the bytes that a chip answered and returns one step: bytes to
//! transmit, or the end of the exchange. It never waits, so the reader's loop stays a few lines, and whatever a chip or
//! phone sends ends in a value, never in a panic.
//!
//! Cryptograms are collected while the phone is in the field and opened after it was released (apple-vas.md section 11).
//!
//! **Invariant:** nonces, fresh keys and time are arguments; nothing here knows a reader, a clock or the ledger.

use super::domain::Token;

/// What a machine wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this command APDU and feed the answer to [`Machine::feed`].
    Transmit(Vec<u8>),
    /// The exchange is over.
    Done(Exchange),
}

/// How an exchange ended and how the chip is to be released (readers-and-scanners.md section 1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What came of it.
    pub found: Found,
    /// How the chip is released.
    pub release: Release,
}

/// What came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The chip speaks this protocol and gave these proofs, sealed, in the order in which they were asked for.
    Sealed(Vec<Sealed>),
    /// The chip does not speak this protocol: the next one may try, in the same presence.
    OtherProtocol,
    /// The chip speaks it, and there is nothing for us.
    Problem(TapProblem),
}

/// A proof as the chip gave it, to be opened once the chip is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Apple VAS: which of the configured pass types answered (from 0), and its cryptogram (tag 9F27).
    AppleVas {
        /// Index into the pass types of the request.
        pass_type: usize,
        /// `keyId[4] | X[32] | ciphertext | tag[16]`.
        cryptogram: Vec<u8>,
    },
}

/// How a chip is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Drop the field: an iPhone shows its check mark only then.
    Unpower,
    /// Reset, so that the exchange can start again while the phone stays.
    Reset,
    /// Leave the chip as it is.
    Leave,
}

/// Why an exchange gave no card. Each has a sentence for the staff in `text` and a code on the wire (DESIGN.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TapProblem {
    /// No pass of ours on this phone, or another one is on its screen (`no_pass`).
    NoPass,
    /// The customer must unlock or confirm; tried again while the phone stays (`unlock_phone`).
    UnlockPhone,
    /// The customer must choose the pass on the screen; tried again while the phone stays (`choose_pass`).
    ChoosePass,
    /// The phone left, or came too briefly (`hold_still`).
    HoldStill,
    /// A pass was issued with a key that this shop does not have (`foreign_key`).
    ForeignKey,
    /// The shop's own clock cannot be trusted and the policy refuses then (`clock_suspect`).
    ClockSuspect,
    /// The chip or reader answered something that the protocol does not allow (`chip_error`).
    ChipError,
}

impl TapProblem {
    /// All of them.
    pub const ALL: [TapProblem; 7] = [
        TapProblem::NoPass,
        TapProblem::UnlockPhone,
        TapProblem::ChoosePass,
        TapProblem::HoldStill,
        TapProblem::ForeignKey,
        TapProblem::ClockSuspect,
        TapProblem::ChipError,
    ];

    /// The code on the wire.
    pub fn name(self) -> &'static str {
        match self {
            TapProblem::NoPass => "no_pass",
            TapProblem::UnlockPhone => "unlock_phone",
            TapProblem::ChoosePass => "choose_pass",
            TapProblem::HoldStill => "hold_still",
            TapProblem::ForeignKey => "foreign_key",
            TapProblem::ClockSuspect => "clock_suspect",
            TapProblem::ChipError => "chip_error",
        }
    }

    /// Whether the reader tries again by itself while the phone stays (apple-vas.md section 11).
    pub fn tries_again(self) -> bool {
        matches!(self, TapProblem::UnlockPhone | TapProblem::ChoosePass)
    }
}

/// A protocol machine: one exchange in one presence.
pub trait Machine {
    /// The first step.
    fn start(&mut self) -> Step;

    /// The step after the chip answered `response` (data and status word). Fewer than two bytes mean that the chip left.
    fn feed(&mut self, response: &[u8]) -> Step;
}

/// A sealed proof, opened: a token, or why there is none.
pub type Opened = Result<Token, TokenProblem>;

/// Why a sealed proof, or a scanned text, yields no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    /// Sealed for a key that this shop does not have; the key id goes to the log.
    ForeignKey {
        /// First four bytes of the key's hash.
        key_id: [u8; 4],
    },
    /// Malformed, or its tag does not hold: nothing of ours.
    Broken(&'static str),
    /// It opens, and what it says is no token of ours (`unknown_token`).
    Unknown,
}
