//! One sans-io machine per tap protocol. A machine takes the bytes that a chip answered and returns one step: bytes to
//! transmit, or the end of the exchange. It never waits, so the reader's loop stays a few lines, and whatever a chip or
//! phone sends ends in a value, never in a panic.
//!
//! Cryptograms are collected while the phone is in the field and opened after it was released (apple-vas.md section 11).
//!
//! **Invariant:** nonces, fresh keys and time are arguments; nothing here knows a reader, a clock or the ledger.

pub mod apple_vas;
pub mod barcode;
mod hmac;
pub mod keyring;
pub mod lc1;
pub mod ndef;
pub mod ntag424;
pub mod originality;
pub mod p256;
pub mod rotating;
pub mod scan;
pub mod smart_tap;
pub mod tag;
pub mod wallet;

use std::fmt;

use super::apdu::StatusWord;
use super::domain::Token;

pub use super::domain::TapProblem;

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

/// A proof as the chip gave it, to be opened once the chip is released ([`keyring::Keyring::open`]).
#[derive(Clone, PartialEq, Eq)]
pub enum Sealed {
    /// Apple VAS: which of the configured pass types answered (from 0), and its cryptogram (tag 9F27).
    AppleVas {
        /// Index into the pass types of the request.
        pass_type: usize,
        /// `keyId[4] | X[32] | ciphertext | tag[16]`.
        cryptogram: Vec<u8>,
    },
    /// Google Smart Tap: the record bundle with the session that opens it.
    SmartTap(smart_tap::Bundle),
    /// A tag or bare chip: its message and UID.
    Tag(tag::TagRead),
    /// A code that came as a chip, or why what came is none.
    Code(Result<scan::Code, TokenProblem>),
}

impl fmt::Debug for Sealed {
    /// Never shows the cryptogram: whoever has it can play it to a till that has not seen it yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sealed::AppleVas { pass_type, cryptogram } => {
                write!(f, "AppleVas {{ pass_type: {pass_type}, cryptogram: {} bytes }}", cryptogram.len())
            }
            Sealed::SmartTap(bundle) => write!(f, "SmartTap({bundle:?})"),
            Sealed::Tag(read) => read.fmt(f),
            Sealed::Code(code) => code.fmt(f),
        }
    }
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

/// A protocol machine: one exchange in one presence.
pub trait Machine {
    /// The first step.
    fn start(&mut self) -> Step;

    /// The step after the chip answered `response` (data and status word). Fewer than two bytes mean that the chip left.
    fn feed(&mut self, response: &[u8]) -> Step;

    /// How long the answer to the last command may take, milliseconds; a later one ends the tap with
    /// [`TapProblem::HoldStill`].
    fn wait_ms_max(&self) -> u64;

    /// How long the whole exchange may take, milliseconds, where the protocol says so: an answer after that ends the tap
    /// with [`TapProblem::HoldStill`].
    fn exchange_ms_max(&self) -> u64 {
        u64::MAX
    }

    /// What is worth a line in the log, in the order in which it was met. None of it is secret.
    fn notes(&self) -> &[Note];
}

/// A fact for the log: what a chip answered that says more than the outcome of the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A status word that an orderly exchange does not have; with the command that it answered.
    Status {
        /// The command as sent.
        command: Vec<u8>,
        /// Its answer.
        status: StatusWord,
    },
    /// A successful answer whose data the protocol does not allow, or only by another version of it.
    Malformed(&'static str),
    /// The chip left, or was reset, while it was expected to answer.
    Left,
    /// A phone took the signature of the shop's Google key, whatever it gave then.
    KeyTaken,
    /// A phone took none of the shop's Google keys (9500): everyday for one without a pass of ours, and a sign of a wrong
    /// key where all phones do (google-smart-tap.md section 10).
    KeyRefused,
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
    /// It opens, and there is no pass in it (`no_pass`).
    NoPass,
    /// It opens, and what it says is no token of ours (`unknown_token`).
    Unknown,
    /// The code of goods or of a coupon (`unknown_token`, with a sentence of its own).
    Goods,
}

impl TokenProblem {
    /// What a tap is told for it; `None` stands for the refusal `unknown_token`.
    pub fn tap_problem(&self) -> Option<TapProblem> {
        match self {
            TokenProblem::ForeignKey { .. } => Some(TapProblem::ForeignKey),
            TokenProblem::Broken(_) => Some(TapProblem::ChipError),
            TokenProblem::NoPass => Some(TapProblem::NoPass),
            TokenProblem::Unknown | TokenProblem::Goods => None,
        }
    }
}
