//! An Android phone's side of Google Smart Tap 2.1 with one pass (google-smart-tap.md sections 4 to 10).
//!
//! It verifies the terminal's signature as a phone does, derives its keys from the specification and can do all of it
//! wrong on purpose. What is random is injectable, so that the specification's vectors come out to the byte.

mod bundle;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;

use super::bytes::{Command, hex, tlv};
use super::chance::{off_curve_x, random, random_uid};
use super::fault::{Fault, FaultError, FaultKind};
use super::ndef::{self, external, message};
use super::replay::Replay;
use super::{Answer, Field, Handset};
use bundle::{Keys, named};

/// "OSE.VAS.01" (section 4).
const AID_OSE: &[u8] = b"OSE.VAS.01";
/// Smart Tap 2 (section 2).
const AID_SMART_TAP: &[u8] = &[0xA0, 0x00, 0x00, 0x04, 0x76, 0xD0, 0x00, 0x01, 0x11];
/// An ATR without historical bytes, as many Android phones have (readers-and-scanners.md section 1.7).
const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];
/// The longest piece of an answer (section 7).
const PIECE_BYTES_MAX: usize = 251;
/// `ses` status OK (section 6).
const STATUS_OK: u8 = 0x01;
/// `pcr` system bit: zlib accepted (section 7).
const SYSTEM_ZLIB: u8 = 0x40;

/// The faults of an Android phone, beside those of any phone.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "locked",
        value: "taps or always, 2",
        meaning: "The phone must be unlocked first: 9300 so many times, then the pass.",
    },
    FaultKind {
        name: "choose",
        value: "taps or always, 2",
        meaning: "A pass must be chosen on the phone first: 9302 so many times, then the pass.",
    },
    FaultKind {
        name: "action",
        value: "taps or always, 2",
        meaning: "The phone wants something else of its owner: 9303 so many times, then the pass.",
    },
    FaultKind { name: "no-pass", value: "", meaning: "The phone knows the shop and holds no pass of it: 9001." },
    FaultKind { name: "stranger", value: "", meaning: "The phone does not know the shop at all: 9500." },
    FaultKind {
        name: "stranger-with-body",
        value: "",
        meaning: "As stranger, with an answer that looks sound under the 9500.",
    },
    FaultKind { name: "not-google", value: "", meaning: "No wallet listens: SELECT is answered 6A82." },
    FaultKind { name: "version", value: "", meaning: "The phone speaks Smart Tap from version 2.2 on only." },
    FaultKind { name: "second-select", value: "", meaning: "Sound, yet the second SELECT may not be skipped." },
    FaultKind {
        name: "transient",
        value: "times or always, 2",
        meaning: "GET DATA fails for a moment: 9200 so many times, then the pass.",
    },
    FaultKind { name: "presigned", value: "", meaning: "NEGOTIATE is answered 9002 although the signature was live." },
    FaultKind { name: "off-curve", value: "", meaning: "The phone's key is no point on the curve." },
    FaultKind { name: "ses-status", value: "", meaning: "The session record says 04, bad sequence, under a 9000." },
    FaultKind { name: "session", value: "", meaning: "The answers name another session." },
    FaultKind { name: "wrong-mac", value: "", meaning: "One bit of the bundle's MAC is flipped." },
    FaultKind { name: "flipped", value: "", meaning: "One bit of the ciphertext is flipped." },
    FaultKind { name: "plain", value: "", meaning: "The bundle is not encrypted and says so." },
    FaultKind {
        name: "replay",
        value: "a file, else this run's memory",
        meaning: "The first bundle is recorded, and every later one is that very bundle again.",
    },
    FaultKind { name: "bomb", value: "", meaning: "The bundle inflates to a mebibyte of zeros." },
    FaultKind { name: "endless", value: "", meaning: "There is always more data: 9100 for ever." },
    FaultKind {
        name: "broken-ndef",
        value: "",
        meaning: "The bundle, well sealed, holds records whose lengths pass its end.",
    },
    FaultKind { name: "nothing", value: "", meaning: "The bundle, well sealed, is empty under a 9000." },
    FaultKind { name: "no-value", value: "", meaning: "The pass has no redemption value." },
    FaultKind { name: "two-passes", value: "", meaning: "Another pass with a foreign value comes before the shop's." },
    FaultKind { name: "not-lc1", value: "", meaning: "The value is a bare customer number and no LC1 text." },
    FaultKind { name: "lower-case", value: "", meaning: "The value is in lower case, as nobody handed it out." },
    FaultKind { name: "empty", value: "", meaning: "The value is empty." },
    FaultKind {
        name: "barcode",
        value: "",
        meaning: "The value is the text of the card's barcode: another medium's credential, played as a tap.",
    },
    FaultKind {
        name: "payment-not-ready",
        value: "",
        meaning: "Sound, yet the status says that payment is not ready: 9101.",
    },
    FaultKind { name: "generic", value: "", meaning: "Sound, yet the pass is of the kind generic." },
    FaultKind { name: "primitive", value: "", meaning: "Sound, yet the value stands in a PRIMITIVE record." },
    FaultKind { name: "language", value: "", meaning: "Sound, yet the value's text record names a language." },
    FaultKind { name: "utf16", value: "", meaning: "Sound, yet the value is written in UTF-16." },
    FaultKind {
        name: "long",
        value: "",
        meaning: "Sound, yet another object makes the answer so long that it comes in pieces.",
    },
    FaultKind { name: "customer", value: "", meaning: "Sound, yet a customer record comes with the pass." },
];

/// Why a pass cannot be put on the phone.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The key is not readable.
    #[error("the smart_tap_public_key is no public key in PEM form (-----BEGIN PUBLIC KEY-----) on the curve P-256")]
    Key,
}

/// One pass in the phone's Wallet, with what the phone knows of the shop.
#[derive(Clone)]
pub struct GooglePass {
    /// The shop's collector id.
    pub collector_id: u32,
    /// The version of the shop's key.
    pub key_version: u32,
    /// The shop's public key of that version.
    pub terminal_key: PKey<Public>,
    /// `smartTapRedemptionValue`.
    pub value: String,
    /// The text of the pass's barcode, for the fault that plays it as a tap.
    pub barcode: Option<String>,
    /// The issuer id in the record `i`.
    pub issuer_id: u32,
    /// The opaque id of the object.
    pub object_id: [u8; 8],
}

impl GooglePass {
    /// A pass of the shop `collector_id`, whose key of version `key_version` is `public_key_pem`.
    pub fn new(collector_id: u32, key_version: u32, public_key_pem: &str, value: &str) -> Result<Self, PassError> {
        let terminal_key = PKey::public_key_from_pem(public_key_pem.trim().as_bytes()).map_err(|_| PassError::Key)?;
        let curve = terminal_key.ec_key().map_err(|_| PassError::Key)?.group().curve_name();
        if curve != Some(openssl::nid::Nid::X9_62_PRIME256V1) {
            return Err(PassError::Key);
        }
        let object_id = random().map_err(|_| PassError::Key)?;
        let value = value.to_owned();
        Ok(Self { collector_id, key_version, terminal_key, value, barcode: None, issuer_id: 0, object_id })
    }
}

/// What is random in a tap, fixed for the specification's vectors.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The handset's nonce.
    pub nonce: [u8; 32],
    /// The handset's ephemeral private scalar.
    pub scalar: [u8; 32],
    /// The initialisation vector of the bundle.
    pub iv: [u8; 12],
    /// The ids `cid` and `cut` of a customer record.
    pub customer: [[u8; 16]; 2],
}

/// What the handset remembers of a field session.
struct Session {
    keys: Keys,
    selected: bool,
    id: Option<[u8; 8]>,
    last_sequence: Option<u8>,
    negotiated: Option<bundle::Sealer>,
    collector: Option<u32>,
    pieces: Vec<u8>,
    last_sw: u16,
}

/// An Android phone with one pass.
pub struct AndroidPhone {
    pass: GooglePass,
    fixed: Option<Fixed>,
    faults: Vec<Fault>,
    refusals: Option<(u16, u64)>,
    transients: u64,
    replay: Option<Replay>,
    session: Option<Session>,
    uid: [u8; 4],
}

/// A status word and its reason, in place of an answer.
type Refused = (u16, &'static str);

impl AndroidPhone {
    /// A phone that holds `pass`.
    pub fn new(pass: GooglePass) -> Self {
        Self {
            pass,
            fixed: None,
            faults: Vec::new(),
            refusals: None,
            transients: 0,
            replay: None,
            session: None,
            uid: random_uid(),
        }
    }

    /// Takes what is random from elsewhere.
    pub fn with_fixed(self, fixed: Fixed) -> Self {
        Self { fixed: Some(fixed), ..self }
    }

    /// Adds a fault of [`FAULTS`].
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        match fault.name.as_str() {
            "locked" => self.refusals = Some((0x9300, fault.times(2)?)),
            "choose" => self.refusals = Some((0x9302, fault.times(2)?)),
            "action" => self.refusals = Some((0x9303, fault.times(2)?)),
            "transient" => self.transients = fault.times(2)?,
            "replay" => self.replay = Some(Replay::open(fault)?),
            "barcode" if self.pass.barcode.is_none() => {
                return Err(FaultError::Lacks { name: fault.name.clone(), what: "a barcode" });
            }
            _ if fault.is_in(FAULTS) => fault.bare()?,
            _ => return Err(FaultError::Unknown { wallet: "google", name: fault.name.clone() }),
        }
        self.faults.push(fault.clone());
        Ok(self)
    }

    fn has(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }

    fn select(&mut self, command: Command<'_>) -> Result<(Vec<u8>, String), Refused> {
        if command.le != Some(0) {
            return Err((0x6700, "the command must end in Le 00"));
        }
        match command.data {
            AID_OSE if !self.has("not-google") => self.select_ose().map_err(no_randomness),
            AID_SMART_TAP if !self.has("not-google") => self.select_smart_tap().map_err(no_randomness),
            _ => Err((0x6A82, "no such application here")),
        }
    }

    fn select_ose(&mut self) -> Result<(Vec<u8>, String), ErrorStack> {
        let keys = self.fresh_keys()?;
        let skip = !self.has("second-select");
        let version: [u8; 2] = if self.has("version") { [0, 2] } else { [0, 1] };
        let entry = [
            tlv(0x4F, AID_SMART_TAP),
            tlv(0x50, b"AndroidPay"),
            tlv(0x87, &[1]),
            tlv(
                0x73,
                &[tlv(0xDF6D, &version), tlv(0xDF4D, &version), tlv(0xDF62, &[if skip { 3 } else { 2 }])].concat(),
            ),
        ];
        let fci = [
            tlv(0x50, b"AndroidPay"),
            tlv(0xC0, &[0, 1]),
            tlv(0xC1, &[0xCC, 0, 0, 0, 0, 0, 0, 0]),
            tlv(0xC2, &keys.nonce),
            tlv(0xC3, &keys.public),
            tlv(0xA5, &tlv(0xBF0C, &tlv(0x61, &entry.concat()))),
        ];
        self.session = Some(Session {
            keys,
            selected: skip,
            id: None,
            last_sequence: None,
            negotiated: None,
            collector: None,
            pieces: Vec::new(),
            last_sw: 0,
        });
        let words = if skip { "the second SELECT may be skipped" } else { "a second SELECT is needed" };
        Ok((tlv(0x6F, &fci.concat()), format!("AndroidPay, {words}")))
    }

    fn select_smart_tap(&mut self) -> Result<(Vec<u8>, String), ErrorStack> {
        if self.session.is_none() {
            self.select_ose()?;
        }
        let nonce = match self.fixed {
            Some(fixed) => fixed.nonce,
            None => random()?,
        };
        if let Some(session) = &mut self.session {
            session.keys.nonce = nonce;
            session.selected = true;
            session.negotiated = None;
        }
        let payload = [&[0x04], &nonce[..]].concat();
        let record = ndef::Record { tnf: 4, kind: b"mdn", id: b"mdn", payload: &payload };
        let version: [u8; 2] = if self.has("version") { [0, 2] } else { [0, 1] };
        Ok(([&version[..], &version, &message(&[record])].concat(), "Smart Tap 2.1, a new nonce".to_owned()))
    }

    fn negotiate(&mut self, command: Command<'_>) -> Result<(Vec<u8>, u16, String), Refused> {
        let request = request(command, b"ngr")?;
        let ses = self.begin(&request)?;
        let cpr = named(&request, "cpr").ok_or((0x9402, "no record cpr"))?;
        let (nonce, rest) = cpr.split_first_chunk::<32>().ok_or((0x9402, "cpr is too short"))?;
        let (&[auth], rest) = rest.split_first_chunk::<1>().ok_or((0x9402, "cpr is too short"))?;
        let (point, rest) = rest.split_first_chunk::<33>().ok_or((0x9402, "cpr is too short"))?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or((0x9402, "cpr is too short"))?;
        let inner = ndef::records(rest).ok_or((0x9402, "cpr holds no NDEF message"))?;
        let collector = collector_of(&inner)?;
        let signature =
            named(&inner, "sig").and_then(|sig| sig.strip_prefix(&[0x04])).ok_or((0x9402, "no record sig"))?;
        let version = u32::from_be_bytes(*version);
        let Some(session) = &mut self.session else { return Err((0x9203, "nothing selected")) };
        let live = auth & 0x01 != 0;
        let shown = if live { session.keys.nonce } else { [0; 32] };
        let signed = [&nonce[..], &shown, &collector.to_be_bytes(), point].concat();
        let pass = &self.pass;
        let known = collector == pass.collector_id && version == pass.key_version;
        if !known || !verifies(&pass.terminal_key, &signed, signature) {
            return Err((
                0x9500,
                if known { "the signature does not hold" } else { "unknown collector or key version" },
            ));
        }
        let info = [&nonce[..], &session.keys.nonce, &collector.to_be_bytes(), point, signature].concat();
        let sealer =
            session.keys.sealer(point, &info).map_err(|_| (0x9403, "the terminal's key is no point on the curve"))?;
        session.negotiated = Some(sealer);
        session.collector = Some(collector);
        let mut dpk = session.keys.public;
        if self.has("off-curve") {
            dpk[1..].copy_from_slice(&off_curve_x().map_err(no_randomness)?);
        }
        let ses = self.ses_answer(&ses);
        let inner = message(&[external(b"ses", &ses), external(b"dpk", &dpk)]);
        let body = message(&[external(b"nrs", &inner)]);
        if self.has("stranger-with-body") {
            return Ok((body, 0x9500, "refused under a body that looks sound".to_owned()));
        }
        if self.has("stranger") {
            return Err((0x9500, "this phone does not know the shop"));
        }
        let presigned = !live || self.has("presigned");
        let words = if live { "the live signature holds" } else { "the signature was made beforehand" };
        Ok((body, if presigned { 0x9002 } else { 0x9000 }, words.to_owned()))
    }

    /// The first answer to GET DATA: everything, cut into pieces afterwards.
    fn get_data(&mut self, command: Command<'_>) -> Result<(Vec<u8>, u16, String), Refused> {
        let request = request(command, b"srq")?;
        let ses = self.begin(&request)?;
        let mer = named(&request, "mer").and_then(ndef::records).ok_or((0x9407, "no record mer"))?;
        let collector = collector_of(&mer)?;
        let session = self.session.as_ref().ok_or((0x9203, "nothing selected"))?;
        if session.negotiated.is_none() {
            return Err((0x9203, "no secure session was negotiated"));
        }
        if session.collector != Some(collector) {
            return Err((0x9406, "another collector than in NEGOTIATE"));
        }
        let services = named(&request, "slr").and_then(ndef::records).ok_or((0x9402, "no record slr"))?;
        let kinds: Vec<u8> =
            services.iter().filter(|record| record.kind == b"str").flat_map(|record| record.payload).copied().collect();
        let zlib = named(&request, "pcr").and_then(|pcr| pcr.first()).is_some_and(|system| system & SYSTEM_ZLIB != 0);
        if self.transients > 0 {
            self.transients -= u64::from(self.transients != u64::MAX);
            return Err((0x9200, "a passing failure"));
        }
        if let Some((sw, times)) = self.refusals.as_mut().filter(|(_, times)| *times > 0) {
            *times -= u64::from(*times != u64::MAX);
            return Err((*sw, "its owner must do something first"));
        }
        let ours = if self.has("generic") { 0x12 } else { 0x03 };
        let ses = self.ses_answer(&ses);
        if self.has("no-pass") || !kinds.iter().any(|kind| [0x00, 0x01, ours].contains(kind)) {
            let body = message(&[external(b"srs", &message(&[external(b"ses", &ses)]))]);
            return Ok((body, 0x9001, "no pass for this shop".to_owned()));
        }
        let (reb, words) = self.bundle(zlib).map_err(no_randomness)?;
        let inner = message(&[external(b"ses", &ses), external(b"reb", &reb)]);
        let sw = if self.has("payment-not-ready") { 0x9101 } else { 0x9000 };
        Ok((message(&[external(b"srs", &inner)]), sw, words))
    }

    /// The session record of a request, its id and sequence checked; later requests must name the same session and count
    /// on from the answer.
    fn begin(&mut self, request: &[ndef::Record<'_>]) -> Result<[u8; 10], Refused> {
        let ses: [u8; 10] =
            named(request, "ses").and_then(|ses| ses.try_into().ok()).ok_or((0x9402, "no sound record ses"))?;
        let session = self.session.as_mut().filter(|session| session.selected).ok_or((0x9203, "nothing selected"))?;
        let id: [u8; 8] = std::array::from_fn(|index| ses[index]);
        if session.last_sequence.is_some_and(|last| ses[8] != last.wrapping_add(2)) {
            return Err((0x9203, "the sequence does not count on"));
        }
        if session.id.is_some_and(|known| known != id) {
            return Err((0x9203, "another session"));
        }
        session.id = Some(id);
        session.last_sequence = Some(ses[8]);
        session.pieces.clear();
        Ok(ses)
    }

    /// The session record of the answer to one with `ses`.
    fn ses_answer(&self, ses: &[u8; 10]) -> [u8; 10] {
        let mut answer = *ses;
        answer[0] ^= u8::from(self.has("session"));
        answer[8] = ses[8].wrapping_add(1);
        answer[9] = if self.has("ses-status") { 0x04 } else { STATUS_OK };
        answer
    }

    /// The next piece of the answer, with its status word, and whether it is the last.
    fn piece(&mut self) -> Result<(Vec<u8>, bool), Refused> {
        let endless = self.has("endless");
        let session = self.session.as_mut().ok_or((0x9404, "no data were asked for"))?;
        if session.pieces.is_empty() {
            return Err((0x9405, "no more data"));
        }
        let rest = session.pieces.split_off(session.pieces.len().min(PIECE_BYTES_MAX));
        let piece = std::mem::replace(&mut session.pieces, rest);
        if endless {
            session.pieces.extend_from_slice(&piece);
        }
        let last = session.pieces.is_empty();
        let sw = if last { session.last_sw } else { 0x9100 };
        Ok(([&piece[..], &sw.to_be_bytes()].concat(), last))
    }

    /// An answer of `body` under `sw`, or its first piece.
    fn send(&mut self, body: Vec<u8>, sw: u16, asked: &str, said: String) -> Answer {
        let length = body.len();
        if let Some(session) = &mut self.session {
            session.pieces = body;
            session.last_sw = sw;
        }
        let gives = matches!(sw, 0x9000 | 0x9101);
        match self.piece() {
            Ok((bytes, true)) => {
                let answer = Answer::plain(bytes, asked, format!("{said} ({sw:04X})"));
                if gives { answer.giving_pass() } else { answer }
            }
            Ok((bytes, false)) => Answer::plain(bytes, asked, format!("{said}, {length} bytes in pieces (9100)")),
            Err((sw, why)) => Answer::status(sw, asked, format!("{why} ({sw:04X})")),
        }
    }

    fn more(&mut self) -> Answer {
        match self.piece() {
            Ok((bytes, true)) => Answer::plain(bytes, "GET MORE DATA", "the last piece").giving_pass(),
            Ok((bytes, false)) => Answer::plain(bytes, "GET MORE DATA", "the next piece (9100)"),
            Err((sw, why)) => Answer::status(sw, "GET MORE DATA", format!("{why} ({sw:04X})")),
        }
    }

    fn smart_tap(&mut self, command: Command<'_>) -> Answer {
        let asked = match command.ins {
            0x53 => "NEGOTIATE SECURE SESSION",
            0x50 => "GET DATA",
            0xC0 => return self.more(),
            _ => return Answer::status(0x9400, format!("Smart Tap instruction {:02X}", command.ins), "unknown (9400)"),
        };
        let done = if command.ins == 0x53 { self.negotiate(command) } else { self.get_data(command) };
        match done {
            Ok((body, sw, said)) if command.ins == 0x53 => {
                let bytes = [&body[..], &sw.to_be_bytes()].concat();
                Answer::plain(bytes, asked, format!("{said} ({sw:04X})"))
            }
            Ok((body, sw, said)) => self.send(body, sw, asked, said),
            Err((sw, why)) => Answer::status(sw, asked, format!("{why} ({sw:04X})")),
        }
    }
}

impl Handset for AndroidPhone {
    fn name(&self) -> String {
        format!("Android phone with a pass of collector {}", self.pass.collector_id)
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn answer(&mut self, apdu: &[u8]) -> Answer {
        // Google's own test terminal sends this form, which is no sound short APDU (section 2).
        if apdu == [0x90, 0xC0, 0x00, 0x00, 0x00, 0x00] {
            return self.more();
        }
        let Some(command) = Command::parse(apdu) else {
            let sw = if apdu.first() == Some(&0x90) { 0x9402 } else { 0x6700 };
            return Answer::status(
                sw,
                format!("{} bytes that are no command", apdu.len()),
                format!("wrong length ({sw:04X})"),
            );
        };
        match (command.cla, command.ins) {
            (0x00, 0xA4) => {
                let asked = match command.data {
                    AID_OSE => "SELECT OSE.VAS.01".to_owned(),
                    AID_SMART_TAP => "SELECT Smart Tap 2".to_owned(),
                    other => format!("SELECT {}", hex(other)),
                };
                match self.select(command) {
                    Ok((body, said)) => {
                        Answer::plain([&body[..], &[0x90, 0x00]].concat(), asked, format!("{said} (9000)"))
                    }
                    Err((sw, why)) => Answer::status(sw, asked, format!("{why} ({sw:04X})")),
                }
            }
            (0x90, _) => self.smart_tap(command),
            (0xFF, 0xCA) if (command.p1, command.p2) == (0, 0) => {
                let bytes = [&self.uid[..], &[0x90, 0x00]].concat();
                Answer::plain(bytes, "the UID", format!("{}, random as of every phone (9000)", hex(&self.uid)))
            }
            (0xFF, _) => Answer::status(
                0x6A81,
                format!("the pseudo-APDU {}", hex(apdu)),
                "the reader has no such function (6A81)",
            ),
            (0x00 | 0x80, ins) => {
                Answer::status(0x6D00, format!("instruction {ins:02X}"), "unknown instruction (6D00)")
            }
            (cla, _) => Answer::status(0x6E00, format!("class {cla:02X}"), "unknown class (6E00)"),
        }
    }

    fn field(&mut self, _change: Field) {
        self.session = None;
    }

    fn lifted(&mut self) {
        self.session = None;
        self.uid = random_uid();
    }
}

/// The records of a request, `name(00 01 || NDEF message)`, which must end in Le 00.
fn request<'a>(command: Command<'a>, name: &[u8]) -> Result<Vec<ndef::Record<'a>>, Refused> {
    if command.le != Some(0) || (command.p1, command.p2) != (0, 0) {
        return Err((0x9402, "the command must have parameters 00 00 and end in Le 00"));
    }
    let outer = ndef::records(command.data).ok_or((0x9402, "the data are no NDEF message"))?;
    let payload = match outer[..] {
        [record] if record.tnf == 4 && record.kind == name => record.payload,
        _ => return Err((0x9401, "another record than the command's")),
    };
    let inner = match payload {
        [0x00, 0x01, inner @ ..] => inner,
        _ => return Err((0x9502, "another version than 2.1")),
    };
    ndef::records(inner).ok_or((0x9402, "the request holds no NDEF message"))
}

fn collector_of(records: &[ndef::Record<'_>]) -> Result<u32, Refused> {
    match named(records, "cld").ok_or((0x9407, "no record cld"))? {
        [0x04, a, b, c, d] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err((0x9402, "the collector id has another form than four bytes")),
    }
}

fn verifies(key: &PKey<Public>, signed: &[u8], signature: &[u8]) -> bool {
    Verifier::new(MessageDigest::sha256(), key)
        .and_then(|mut verifier| verifier.verify_oneshot(signature, signed))
        .unwrap_or(false)
}

fn no_randomness(_error: ErrorStack) -> Refused {
    (0x92FF, "the handset has no random numbers or memory left")
}

#[cfg(test)]
mod tests;
