//! Apple VAS, the reader's side (apple-vas.md): one SELECT, then one GET VAS DATA for each of the shop's pass types. The
//! machine collects cryptograms; [`open`] decrypts them once the phone is released.
//!
//! **Invariant:** for one pass type an orderly tap is exactly two commands. A chip that never answers as it should costs at
//! most one SELECT more than that.

mod answer;
mod keys;
mod open;

pub use keys::{KeyProblem, VasKey, VasKeys};
pub use open::{CRYPTOGRAM_MAX, CRYPTOGRAM_MIN, MESSAGE_MAX, VasMessage, open};

use openssl::sha::sha256;
use thiserror::Error;

use self::answer::{DataAnswer, SelectAnswer};
use super::{Exchange, Found, Machine, Note, Release, Sealed, Step, TapProblem};
use crate::pure::apdu::{Header, StatusWord, aid};

/// The most pass types that one tap asks for: each costs the customer a round trip, and makers of readers allow 6 to 8
/// (apple-vas.md section 5). The configuration refuses more.
pub const PASS_TYPES_MAX: usize = 8;

/// How often SELECT is sent again after an answer that shows a lost state (apple-vas.md section 7).
pub const SELECT_AGAIN_MAX: u8 = 1;

/// The longest wait for the answer to SELECT, milliseconds (apple-vas.md section 11).
pub const SELECT_WAIT_MS_MAX: u64 = 1_000;

/// The longest wait for the answer to GET VAS DATA, milliseconds (apple-vas.md section 11).
pub const DATA_WAIT_MS_MAX: u64 = 3_000;

/// GET VAS DATA, full VAS (apple-vas.md section 5: P1 always 01, P2 01).
const GET_VAS_DATA: Header = Header { cla: 0x80, ins: 0xCA, p1: 0x01, p2: 0x01 };

/// Terminal capabilities 9F26 of the last or only request: VAS supported, VAS only (apple-vas.md section 5).
const CAPABILITIES_LAST: [u8; 4] = [0x00, 0x80, 0x00, 0x02];

/// Terminal capabilities 9F26 of the earlier requests: as the last, and more of them follow.
const CAPABILITIES_MORE: [u8; 4] = [0x00, 0x80, 0x00, 0x82];

/// A pass type of the shop: its identifier and what phones know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassType {
    identifier: String,
    merchant_id: [u8; 32],
}

/// A text that is no pass type identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a pass type identifier has 1 to 255 printable ASCII characters without spaces, as in pass.com.example.loyalty"
)]
pub struct PassTypeError;

impl PassType {
    /// The pass type `identifier`, such as `pass.com.example.loyalty`.
    pub fn new(identifier: &str) -> Result<Self, PassTypeError> {
        let ok = (1..=255).contains(&identifier.len()) && identifier.bytes().all(|byte| byte.is_ascii_graphic());
        if !ok {
            return Err(PassTypeError);
        }
        Ok(Self { identifier: identifier.to_owned(), merchant_id: sha256(identifier.as_bytes()) })
    }

    /// The identifier as text.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// What 9F25 carries: SHA-256 of the identifier (apple-vas.md section 5).
    pub fn merchant_id(&self) -> [u8; 32] {
        self.merchant_id
    }
}

/// The machine of one exchange.
pub struct AppleVas {
    requests: Vec<Vec<u8>>,
    stage: Stage,
    selects_again: u8,
    collected: Vec<Sealed>,
    notes: Vec<Note>,
}

enum Stage {
    /// Nothing was sent yet.
    Idle,
    /// SELECT is under way; behind it goes the request of that index.
    Selecting { next: usize },
    /// The request of that index is under way.
    Asking { index: usize },
    /// Ended so.
    Over(Exchange),
}

impl AppleVas {
    /// An exchange that asks for `pass_types` in their order, at most [`PASS_TYPES_MAX`] of them. `random` gives each
    /// request its terminal nonce 9F28: fresh bytes for every tap, although phones bind nothing to them.
    pub fn new(pass_types: &[PassType], random: [u8; 4 * PASS_TYPES_MAX]) -> Self {
        let (nonces, _) = random.as_chunks::<4>();
        let count = pass_types.len().min(PASS_TYPES_MAX);
        let requests = pass_types.iter().zip(nonces).enumerate().map(|(index, (pass_type, nonce))| {
            let capabilities = if index + 1 == count { CAPABILITIES_LAST } else { CAPABILITIES_MORE };
            get_vas_data(&pass_type.merchant_id, &capabilities, nonce)
        });
        Self {
            requests: requests.collect(),
            stage: Stage::Idle,
            selects_again: 0,
            collected: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn select(&mut self, next: usize) -> Step {
        self.stage = Stage::Selecting { next };
        Step::Transmit(Header::SELECT_BY_AID.with(&aid::OSE_VAS_01))
    }

    /// The request of that index, or the end when there is none left.
    fn ask(&mut self, index: usize) -> Step {
        match self.requests.get(index).cloned() {
            Some(request) => {
                self.stage = Stage::Asking { index };
                Step::Transmit(request)
            }
            None => self.give_up(TapProblem::NoPass),
        }
    }

    /// apple-vas.md section 7, the rows of SELECT.
    fn selected(&mut self, response: &[u8], next: usize) -> Step {
        match SelectAnswer::parse(response) {
            SelectAnswer::ApplePay { vas_possible: true } => self.ask(next),
            SelectAnswer::ApplePay { vas_possible: false } => {
                self.notes.push(Note::Malformed("the phone says that VAS may not be performed now"));
                self.give_up(TapProblem::NoPass)
            }
            SelectAnswer::OtherWallet => self.end(Found::OtherProtocol, Release::Leave),
            SelectAnswer::NotThere => self.end(Found::OtherProtocol, Release::Leave),
            SelectAnswer::NoVas => self.give_up(TapProblem::NoPass),
            SelectAnswer::Left => self.left(),
            SelectAnswer::Malformed(what) => self.malformed(what),
            SelectAnswer::Fault(status) => {
                self.note_status(Header::SELECT_BY_AID.with(&aid::OSE_VAS_01), status);
                self.give_up(TapProblem::ChipError)
            }
            SelectAnswer::Lost(status) => {
                self.note_status(Header::SELECT_BY_AID.with(&aid::OSE_VAS_01), status);
                self.select_again(next)
            }
        }
    }

    /// apple-vas.md section 7, the rows of GET VAS DATA, and section 5 for which of them let the next request go on.
    fn answered(&mut self, response: &[u8], index: usize) -> Step {
        match DataAnswer::parse(response) {
            DataAnswer::Cryptogram(cryptogram) => {
                self.collected.push(Sealed::AppleVas { pass_type: index, cryptogram: cryptogram.to_vec() });
                self.ask(index + 1)
            }
            DataAnswer::NoSuchPass => self.ask(index + 1),
            DataAnswer::Unconfirmed => self.give_up(TapProblem::UnlockPhone),
            DataAnswer::Unchosen => self.give_up(TapProblem::ChoosePass),
            DataAnswer::NoVas => self.give_up(TapProblem::NoPass),
            DataAnswer::Left => self.left(),
            DataAnswer::Malformed(what) => self.malformed(what),
            DataAnswer::Fault(status) => {
                self.note_request(index, status);
                self.give_up(TapProblem::ChipError)
            }
            DataAnswer::Lost(status) => {
                self.note_request(index, status);
                self.select_again(index)
            }
        }
    }

    fn select_again(&mut self, next: usize) -> Step {
        if self.selects_again >= SELECT_AGAIN_MAX {
            return self.give_up(TapProblem::ChipError);
        }
        self.selects_again += 1;
        self.select(next)
    }

    fn left(&mut self) -> Step {
        self.notes.push(Note::Left);
        self.give_up(TapProblem::HoldStill)
    }

    fn malformed(&mut self, what: &'static str) -> Step {
        self.notes.push(Note::Malformed(what));
        self.give_up(TapProblem::ChipError)
    }

    fn note_request(&mut self, index: usize, status: StatusWord) {
        let command = self.requests.get(index).cloned().unwrap_or_default();
        self.note_status(command, status);
    }

    fn note_status(&mut self, command: Vec<u8>, status: StatusWord) {
        self.notes.push(Note::Status { command, status });
    }

    /// Ends with what was collected; without any, with `problem`. The chip is released as readers-and-scanners.md section
    /// 1.6 says: an iPhone that gave its pass shows its check mark when the field drops, one that waits for its owner is
    /// reset so that the exchange can start again.
    fn give_up(&mut self, problem: TapProblem) -> Step {
        let collected = std::mem::take(&mut self.collected);
        if !collected.is_empty() {
            return self.end(Found::Sealed(collected), Release::Unpower);
        }
        let release = if problem.tries_again() { Release::Reset } else { Release::Leave };
        self.end(Found::Problem(problem), release)
    }

    fn end(&mut self, found: Found, release: Release) -> Step {
        let exchange = Exchange { found, release };
        self.stage = Stage::Over(exchange.clone());
        Step::Done(exchange)
    }
}

impl Machine for AppleVas {
    fn start(&mut self) -> Step {
        if self.requests.is_empty() {
            return self.end(Found::OtherProtocol, Release::Leave);
        }
        self.select(0)
    }

    fn feed(&mut self, response: &[u8]) -> Step {
        match self.stage {
            Stage::Idle => self.start(),
            Stage::Selecting { next } => self.selected(response, next),
            Stage::Asking { index } => self.answered(response, index),
            Stage::Over(ref exchange) => Step::Done(exchange.clone()),
        }
    }

    fn wait_ms_max(&self) -> u64 {
        match self.stage {
            Stage::Asking { .. } => DATA_WAIT_MS_MAX,
            _ => SELECT_WAIT_MS_MAX,
        }
    }

    fn notes(&self) -> &[Note] {
        &self.notes
    }
}

/// GET VAS DATA (apple-vas.md section 5): protocol version, merchant id, terminal capabilities, terminal nonce.
fn get_vas_data(merchant_id: &[u8; 32], capabilities: &[u8; 4], nonce: &[u8; 4]) -> Vec<u8> {
    let mut data = [0; 54];
    let parts: [&[u8]; 8] = [
        &[0x9F, 0x22, 0x02],
        &[0x01, 0x00],
        &[0x9F, 0x25, 0x20],
        merchant_id,
        &[0x9F, 0x26, 0x04],
        capabilities,
        &[0x9F, 0x28, 0x04],
        nonce,
    ];
    let bytes = parts.into_iter().flatten();
    data.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    GET_VAS_DATA.with(&data)
}

#[cfg(test)]
pub(in crate::pure::tap) mod tests;
