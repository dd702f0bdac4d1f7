//! Google Smart Tap 2.1, the terminal's side (google-smart-tap.md): SELECT, NEGOTIATE SECURE SESSION with a signature over
//! the phone's nonce of this tap, GET DATA. The machine collects the sealed bundle; [`open`] opens it once the phone is
//! released.
//!
//! **Invariant:** an orderly tap is three commands, four where the phone wants its application selected. Only live
//! authentication is spoken: a signature made beforehand could be replayed.

mod answer;
mod message;
mod open;
mod status;

pub use open::{Bundle, INFLATED_MAX, PassValue, inflate, open, pass_values};
pub use status::Status;

use self::answer::{OseAnswer, Session};
use super::p256::KeyPair;
use super::{Exchange, Found, Machine, Note, Release, Sealed, Step, TapProblem};
use crate::pure::apdu::{Header, Response, StatusWord, aid};

/// How often one command is sent again after a passing failure (google-smart-tap.md section 10, 9200).
pub const RETRIES_MAX: u8 = 2;

/// The most pieces of one answer to GET DATA: a hostile phone can promise more for ever (google-smart-tap.md section 7).
pub const PIECES_MAX: usize = 64;

/// The most bytes of one answer to GET DATA, all pieces together (google-smart-tap.md section 7).
pub const ANSWER_MAX: usize = 32 * 1024;

/// The longest wait for any answer, milliseconds (google-smart-tap.md section 11).
pub const WAIT_MS_MAX: u64 = 1_500;

/// The longest exchange, milliseconds (google-smart-tap.md section 11): a phone that answers each command just in time, and
/// promises one piece more each time, does not hold the reader.
pub const EXCHANGE_MS_MAX: u64 = 4_000;

/// GET MORE DATA (google-smart-tap.md section 2): always alone, without the empty length of Google's own sample.
const GET_MORE_DATA: Header = Header { cla: 0x90, ins: 0xC0, p1: 0x00, p2: 0x00 };

/// The shop as Google knows it: the collector id, and the key pairs by the version under which Google holds their public
/// halves. During a rotation phones learn the new one late, so both stay for weeks.
#[derive(Clone, Debug)]
pub struct Collector {
    id: u32,
    keys: Vec<(u32, KeyPair)>,
}

impl Collector {
    /// The collector `id` with its keys by version; the newest (highest) is tried first.
    pub fn new(id: u32, keys: impl IntoIterator<Item = (u32, KeyPair)>) -> Self {
        let mut keys: Vec<(u32, KeyPair)> = keys.into_iter().collect();
        keys.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Self { id, keys }
    }

    /// The collector id.
    pub fn id(&self) -> u32 {
        self.id
    }
}

/// What is made fresh for each tap, before it.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Names the session on both sides.
    pub session: [u8; 8],
    /// The terminal's nonce.
    pub nonce: [u8; 32],
    /// The terminal's ephemeral key.
    pub key: KeyPair,
}

/// The machine of one exchange.
pub struct SmartTap {
    collector: Collector,
    fresh: Fresh,
    stage: Stage,
    /// The sequence number of the last request that carried one: 1, 3, 5, …; the phone answers with the next.
    sequence: u8,
    /// Which of the collector's keys is being tried.
    attempt: usize,
    retries: u8,
    handset_nonce: [u8; 32],
    handset_key: [u8; 33],
    signature: Vec<u8>,
    pieces: usize,
    answer: Vec<u8>,
    command: Vec<u8>,
    notes: Vec<Note>,
}

enum Stage {
    /// Nothing was sent yet.
    Idle,
    /// SELECT OSE is under way.
    SelectingOse,
    /// SELECT SMART TAP 2 is under way.
    SelectingSmartTap,
    /// NEGOTIATE SECURE SESSION is under way.
    Negotiating,
    /// GET DATA or GET MORE DATA is under way.
    Getting,
    /// Ended so.
    Over(Exchange),
}

impl SmartTap {
    /// An exchange in the name of `collector`.
    pub fn new(collector: &Collector, fresh: Fresh) -> Self {
        Self {
            collector: collector.clone(),
            fresh,
            stage: Stage::Idle,
            sequence: 0,
            attempt: 0,
            retries: 0,
            handset_nonce: [0; 32],
            handset_key: [0; 33],
            signature: Vec::new(),
            pieces: 0,
            answer: Vec::new(),
            command: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn transmit(&mut self, command: Vec<u8>) -> Step {
        self.command.clone_from(&command);
        Step::Transmit(command)
    }

    /// A new command, with its own count of retries.
    fn go_on(&mut self, stage: Stage, command: Vec<u8>) -> Step {
        self.stage = stage;
        self.retries = 0;
        self.transmit(command)
    }

    /// google-smart-tap.md section 4.
    fn ose_selected(&mut self, data: &[u8], status: Status) -> Step {
        if status != Status::Success {
            return self.not_now(status);
        }
        match OseAnswer::parse(data) {
            OseAnswer::OtherWallet => self.end(Found::OtherProtocol, Release::Leave),
            OseAnswer::Unsupported(what) => {
                self.notes.push(Note::Malformed(what));
                self.problem(TapProblem::NoPass)
            }
            OseAnswer::Malformed(what) => self.malformed(what),
            OseAnswer::Select => self.go_on(Stage::SelectingSmartTap, Header::SELECT_BY_AID.with(&aid::SMART_TAP_2)),
            OseAnswer::Ready { handset_nonce } => {
                self.handset_nonce = handset_nonce;
                self.negotiate()
            }
        }
    }

    /// google-smart-tap.md section 5.
    fn smart_tap_selected(&mut self, data: &[u8], status: Status) -> Step {
        if status != Status::Success {
            return self.not_now(status);
        }
        match answer::smart_tap_selected(data) {
            Ok(handset_nonce) => {
                self.handset_nonce = handset_nonce;
                self.negotiate()
            }
            Err(what) => self.malformed(what),
        }
    }

    /// NEGOTIATE SECURE SESSION with the key that is being tried (google-smart-tap.md section 6).
    fn negotiate(&mut self) -> Step {
        match self.negotiate_command() {
            Some(command) => self.go_on(Stage::Negotiating, command),
            None => self.malformed("the shop's key gave no signature"),
        }
    }

    fn negotiate_command(&mut self) -> Option<Vec<u8>> {
        let (version, key) = self.collector.keys.get(self.attempt)?;
        let terminal_key = self.fresh.key.public();
        let signed = message::signed_bytes(&self.fresh.nonce, &self.handset_nonce, self.collector.id, &terminal_key);
        self.signature = key.sign(&signed).ok()?;
        self.sequence = next_request(self.sequence);
        let session = message::session(&self.fresh.session, self.sequence);
        let identity = message::Identity { collector: self.collector.id, version: *version };
        message::negotiate(&session, &self.fresh.nonce, &terminal_key, identity, &self.signature)
    }

    fn negotiated(&mut self, data: &[u8], status: Status) -> Step {
        match status {
            Status::Success => match answer::negotiated(data, self.session()) {
                Ok(handset_key) => {
                    self.handset_key = handset_key;
                    self.notes.push(Note::KeyTaken);
                    self.get_data()
                }
                Err(what) => self.malformed(what),
            },
            // The phone holds none of our passes, or not yet the newest key: an older one may do.
            Status::NotAuthenticated => {
                self.note_status(status);
                self.attempt += 1;
                if self.attempt < self.collector.keys.len() {
                    return self.negotiate();
                }
                self.notes.push(Note::KeyRefused);
                self.problem(TapProblem::NoPass)
            }
            Status::PreSigned | Status::MoreData | Status::SuccessWithoutPayment => self.fault(status),
            _ => self.not_now(status),
        }
    }

    /// GET DATA (google-smart-tap.md section 7).
    fn get_data(&mut self) -> Step {
        self.pieces = 0;
        self.answer.clear();
        match self.get_data_command() {
            Some(command) => self.go_on(Stage::Getting, command),
            None => self.malformed("the request for data does not fit a short command"),
        }
    }

    fn get_data_command(&mut self) -> Option<Vec<u8>> {
        self.sequence = next_request(self.sequence);
        let session = message::session(&self.fresh.session, self.sequence);
        message::get_data(&session, self.collector.id, message::SERVICE_TYPES, message::CAPABILITIES)
    }

    fn got(&mut self, data: &[u8], status: Status) -> Step {
        match status {
            Status::MoreData => {
                self.pieces += 1;
                self.answer.extend_from_slice(data);
                if self.pieces >= PIECES_MAX || self.answer.len() > ANSWER_MAX {
                    return self.malformed("an answer in more pieces or bytes than any pass has");
                }
                self.transmit(GET_MORE_DATA.alone())
            }
            Status::Success | Status::SuccessWithoutPayment => {
                self.answer.extend_from_slice(data);
                if self.answer.is_empty() && status == Status::SuccessWithoutPayment {
                    return self.problem(TapProblem::NoPass);
                }
                self.collect()
            }
            Status::PreSigned | Status::NotAuthenticated => self.fault(status),
            _ => self.not_now(status),
        }
    }

    /// The whole answer to GET DATA is here.
    fn collect(&mut self) -> Step {
        match answer::bundle(&self.answer, self.session()) {
            Ok(bundle) => {
                let sealed = Sealed::SmartTap(Bundle::new(
                    self.fresh.key.clone(),
                    self.handset_key,
                    message::key_info(
                        &self.fresh.nonce,
                        &self.handset_nonce,
                        self.collector.id,
                        &self.fresh.key.public(),
                        &self.signature,
                    ),
                    bundle.to_vec(),
                ));
                self.end(Found::Sealed(vec![sealed]), Release::Leave)
            }
            Err(what) => self.malformed(what),
        }
    }

    /// What the session record of an answer has to say: the phone answers with the number behind ours.
    fn session(&self) -> Session {
        Session { id: self.fresh.session, sequence: self.sequence.wrapping_add(1) }
    }

    /// Status words that mean the same after every command (google-smart-tap.md section 10).
    fn not_now(&mut self, status: Status) -> Step {
        match status {
            Status::NoPass => self.problem(TapProblem::NoPass),
            Status::Unlock | Status::SeePhone => self.problem(TapProblem::UnlockPhone),
            Status::Choose => self.problem(TapProblem::ChoosePass),
            Status::NotThere if matches!(self.stage, Stage::SelectingOse | Stage::SelectingSmartTap) => {
                self.end(Found::OtherProtocol, Release::Leave)
            }
            Status::Passing(_) if self.retries < RETRIES_MAX => self.again(1),
            Status::Placeholder(_) if self.retries == 0 => self.again(RETRIES_MAX),
            _ => self.fault(status),
        }
    }

    /// The same command again, with the next sequence number where it carries one, the same keys and nonce.
    fn again(&mut self, cost: u8) -> Step {
        self.retries += cost;
        let command = match self.stage {
            Stage::Negotiating => self.negotiate_command(),
            Stage::Getting if self.pieces == 0 => self.get_data_command(),
            _ => Some(self.command.clone()),
        };
        match command {
            Some(command) => self.transmit(command),
            None => self.malformed("the command cannot be made again"),
        }
    }

    fn fault(&mut self, status: Status) -> Step {
        self.note_status(status);
        self.problem(TapProblem::ChipError)
    }

    fn malformed(&mut self, what: &'static str) -> Step {
        self.notes.push(Note::Malformed(what));
        self.problem(TapProblem::ChipError)
    }

    fn note_status(&mut self, status: Status) {
        self.notes.push(Note::Status { command: self.command.clone(), status: StatusWord::from(status.code()) });
    }

    /// The phone is left as it is after every end: a new tap begins once it was lifted (google-smart-tap.md section 1).
    fn problem(&mut self, problem: TapProblem) -> Step {
        self.end(Found::Problem(problem), Release::Leave)
    }

    fn end(&mut self, found: Found, release: Release) -> Step {
        let exchange = Exchange { found, release };
        self.stage = Stage::Over(exchange.clone());
        Step::Done(exchange)
    }
}

/// 1, then every second number (google-smart-tap.md section 6).
fn next_request(last: u8) -> u8 {
    if last == 0 { 1 } else { last.wrapping_add(2) }
}

impl Machine for SmartTap {
    fn start(&mut self) -> Step {
        if self.collector.keys.is_empty() {
            return self.end(Found::OtherProtocol, Release::Leave);
        }
        self.go_on(Stage::SelectingOse, Header::SELECT_BY_AID.with(&aid::OSE_VAS_01))
    }

    fn feed(&mut self, response: &[u8]) -> Step {
        match self.stage {
            Stage::Idle => return self.start(),
            Stage::Over(ref exchange) => return Step::Done(exchange.clone()),
            _ => {}
        }
        let Some(Response { data, status }) = Response::split(response) else {
            self.notes.push(Note::Left);
            return self.problem(TapProblem::HoldStill);
        };
        let status = Status::from(status.code());
        match self.stage {
            Stage::SelectingOse => self.ose_selected(data, status),
            Stage::SelectingSmartTap => self.smart_tap_selected(data, status),
            Stage::Negotiating => self.negotiated(data, status),
            Stage::Getting | Stage::Idle | Stage::Over(_) => self.got(data, status),
        }
    }

    fn wait_ms_max(&self) -> u64 {
        WAIT_MS_MAX
    }

    fn exchange_ms_max(&self) -> u64 {
        EXCHANGE_MS_MAX
    }

    fn notes(&self) -> &[Note] {
        &self.notes
    }
}

#[cfg(test)]
pub(in crate::pure::tap) mod tests;
