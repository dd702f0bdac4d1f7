//! The iPhone's side of Apple VAS: one or several passes, shown as a phone shows them (apple-vas.md sections 4 to 8).
//!
//! It checks the reader as strictly as a phone does, seals what it gives for the reader's key and no other, and can do
//! all of it wrong on purpose. The ephemeral key is injectable, so that the specification's vectors come out to the byte.

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::sha::{Sha256, sha256};
use openssl::symm::{Cipher, encrypt_aead};

use super::bytes::{Command, hex, tlv, tlvs};
use super::chance::{off_curve_x, random, random_uid};
use super::fault::{Fault, FaultError, FaultKind};
use super::replay::Replay;
use super::{Answer, Field, Handset, TimeSource};

/// The AID, "OSE.VAS.01" (section 4).
const AID: &[u8] = b"OSE.VAS.01";

/// What the pass's message may hold; a phone cuts the rest (section 10).
pub const MESSAGE_BYTES_MAX: usize = 64;

/// Seconds from 1970-01-01 to 2001-01-01, from which the stamp counts (section 8, step 7).
const APPLE_EPOCH_UNIX_S: i64 = 978_307_200;

/// An ATR of a phone with Apple Pay: eight historical bytes (readers-and-scanners.md section 1.7).
const ATR: [u8; 13] = [0x3B, 0x88, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x80, 0x81, 0x71, 0x00, 0x79];

/// What comes in place of an LC1 text by the fault `not-lc1`.
const FOREIGN_MESSAGE: &[u8] = b"C-000042";

/// The faults of an iPhone, beside those of any phone.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "locked",
        value: "times or always, 2",
        meaning: "The phone wants Face ID first: 6287 so many times, then the pass (also in a later tap).",
    },
    FaultKind {
        name: "choose",
        value: "times or always, 2",
        meaning: "The phone wants a pass chosen first: 6984 so many times, then the pass (also in a later tap).",
    },
    FaultKind {
        name: "no-pass",
        value: "",
        meaning: "There is no pass of this type, or another one is on the screen: 6A83.",
    },
    FaultKind { name: "not-apple", value: "", meaning: "The device knows no Apple VAS: SELECT is answered 6A82." },
    FaultKind { name: "version", value: "", meaning: "The device speaks VAS 2.0, which no reader here knows." },
    FaultKind {
        name: "no-vas",
        value: "",
        meaning: "The device's capabilities say that VAS may not be performed now.",
    },
    FaultKind {
        name: "odd-form",
        value: "",
        meaning: "A sound answer in an unusual form: mobile token, unknown element, other order, long lengths.",
    },
    FaultKind {
        name: "wrong-key",
        value: "",
        meaning: "The pass was issued with a key that the shop does not have: another key id.",
    },
    FaultKind {
        name: "misfit-key",
        value: "",
        meaning: "The key id is the shop's and the pass is sealed for another key.",
    },
    FaultKind { name: "flipped-tag", value: "", meaning: "One bit of the cryptogram's tag is flipped." },
    FaultKind { name: "off-curve", value: "", meaning: "The cryptogram's X is no point on the curve." },
    FaultKind {
        name: "stale",
        value: "seconds, 600",
        meaning: "The stamp inside the cryptogram is so many seconds old.",
    },
    FaultKind {
        name: "future",
        value: "seconds, 600",
        meaning: "The stamp inside the cryptogram is so many seconds ahead.",
    },
    FaultKind {
        name: "replay",
        value: "a file, else this run's memory",
        meaning: "The first answer is recorded, and every later one is that very cryptogram again.",
    },
    FaultKind { name: "not-lc1", value: "", meaning: "The message is a bare customer number and no LC1 text." },
    FaultKind { name: "too-long", value: "", meaning: "The message has 80 bytes, 16 more than a pass may hold." },
    FaultKind { name: "empty", value: "", meaning: "The message is empty." },
    FaultKind {
        name: "barcode",
        value: "",
        meaning: "The message is the text of the card's barcode: another medium's credential, played as a tap.",
    },
];

/// Why a pass cannot be put on the phone.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The key is not readable.
    #[error(
        "the vas_public_key is not base64 of a SubjectPublicKeyInfo on the curve P-256 (80 characters that begin with \
         MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgA); take it from demo.json or from the pass's nfc.encryptionPublicKey"
    )]
    Key,
}

/// The reader's key as the pass carries it.
#[derive(Clone)]
pub struct VasKey {
    point: PKey<Public>,
    x: [u8; 32],
}

impl VasKey {
    /// The key of a pass's `encryptionPublicKey`: base64 of a SubjectPublicKeyInfo, P-256 (section 10).
    pub fn from_base64(text: &str) -> Result<Self, PassError> {
        let der = openssl::base64::decode_block(text.trim()).map_err(|_| PassError::Key)?;
        let point = PKey::public_key_from_der(&der).map_err(|_| PassError::Key)?;
        Self::new(point).map_err(|_| PassError::Key)?.ok_or(PassError::Key)
    }

    /// A fresh key that no shop has.
    fn stranger() -> Result<Self, ErrorStack> {
        let key = EcKey::generate(&*p256()?)?;
        let point = PKey::from_ec_key(EcKey::from_public_key(key.group(), key.public_key())?)?;
        Ok(Self { x: x_of(key.group(), key.public_key())?, point })
    }

    fn new(point: PKey<Public>) -> Result<Option<Self>, ErrorStack> {
        let key = point.ec_key()?;
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Ok(None);
        }
        let x = x_of(key.group(), key.public_key())?;
        Ok(Some(Self { point, x }))
    }

    /// The first four bytes of SHA-256 over X, leading zeros kept (section 8).
    pub fn id(&self) -> [u8; 4] {
        let hash = sha256(&self.x);
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

/// One pass in the phone's Wallet.
#[derive(Clone)]
pub struct ApplePass {
    /// The passTypeIdentifier.
    pub pass_type_id: String,
    /// The reader's key that the pass carries.
    pub key: VasKey,
    /// `nfc.message`.
    pub message: Vec<u8>,
    /// The text of the pass's barcode, for the fault that plays it as a tap.
    pub barcode: Option<String>,
}

impl ApplePass {
    /// A pass as its pass.json describes it.
    pub fn new(pass_type_id: &str, vas_public_key: &str, message: &str) -> Result<Self, PassError> {
        Ok(Self {
            pass_type_id: pass_type_id.to_owned(),
            key: VasKey::from_base64(vas_public_key)?,
            message: message.as_bytes().to_vec(),
            barcode: None,
        })
    }

    fn merchant_id(&self) -> [u8; 32] {
        sha256(self.pass_type_id.as_bytes())
    }
}

/// Where the ephemeral key of a cryptogram comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ephemeral {
    /// A fresh one for each.
    Fresh,
    /// This private scalar, for the specification's vectors.
    Scalar([u8; 32]),
}

/// How a fault bends what the phone does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bent {
    refusals: Option<(u16, u64)>,
    no_pass: bool,
    not_apple: bool,
    version_two: bool,
    no_vas: bool,
    odd_form: bool,
    wrong_key: bool,
    misfit_key: bool,
    flipped_tag: bool,
    off_curve: bool,
    stamp_shift_s: i64,
    replay: Option<Replay>,
    message: Option<Vec<u8>>,
}

/// An iPhone with one or several passes, the first of them on the screen.
pub struct IPhone {
    passes: Vec<ApplePass>,
    clock: TimeSource,
    ephemeral: Ephemeral,
    payment_card: bool,
    bent: Bent,
    uid: [u8; 4],
    selected: bool,
    given: Vec<bool>,
    refused: u64,
}

impl IPhone {
    /// A phone with `passes`, the first of them on the screen; the stamps come from `clock`.
    pub fn new(passes: Vec<ApplePass>, clock: TimeSource) -> Self {
        let given = vec![false; passes.len()];
        let mut phone = Self {
            passes,
            clock,
            ephemeral: Ephemeral::Fresh,
            payment_card: false,
            bent: Bent::default(),
            uid: [0x08, 0, 0, 0],
            selected: false,
            given,
            refused: 0,
        };
        phone.lifted();
        phone
    }

    /// Takes the ephemeral keys from elsewhere.
    pub fn with_ephemeral(self, ephemeral: Ephemeral) -> Self {
        Self { ephemeral, ..self }
    }

    /// A phone whose owner authenticated a payment card: each pass type is given once, whatever is on the screen
    /// (section 5).
    pub fn with_payment_card(self) -> Self {
        Self { payment_card: true, ..self }
    }

    /// Shifts the stamps by so many seconds, as a phone whose clock is wrong would.
    pub fn with_clock_shift(mut self, shift_s: i64) -> Self {
        self.bent.stamp_shift_s += shift_s;
        self
    }

    /// Adds a fault of [`FAULTS`].
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        if !matches!(fault.name.as_str(), "locked" | "choose" | "stale" | "future" | "replay") && fault.is_in(FAULTS) {
            fault.bare()?;
        }
        let bent = &mut self.bent;
        match fault.name.as_str() {
            "locked" => bent.refusals = Some((0x6287, fault.times(2)?)),
            "choose" => bent.refusals = Some((0x6984, fault.times(2)?)),
            "no-pass" => bent.no_pass = true,
            "not-apple" => bent.not_apple = true,
            "version" => bent.version_two = true,
            "no-vas" => bent.no_vas = true,
            "odd-form" => bent.odd_form = true,
            "wrong-key" => bent.wrong_key = true,
            "misfit-key" => bent.misfit_key = true,
            "flipped-tag" => bent.flipped_tag = true,
            "off-curve" => bent.off_curve = true,
            "stale" => bent.stamp_shift_s -= fault.number(600, 0, 1 << 31)? as i64,
            "future" => bent.stamp_shift_s += fault.number(600, 0, 1 << 31)? as i64,
            "replay" => bent.replay = Some(Replay::open(fault)?),
            "not-lc1" => bent.message = Some(FOREIGN_MESSAGE.to_vec()),
            "too-long" => bent.message = Some(vec![b'0'; 80]),
            "empty" => bent.message = Some(Vec::new()),
            "barcode" => {
                let text = self.passes.first().and_then(|pass| pass.barcode.clone());
                let lacks = FaultError::Lacks { name: fault.name.clone(), what: "a barcode" };
                bent.message = Some(text.ok_or(lacks)?.into_bytes());
            }
            _ => return Err(FaultError::Unknown { wallet: "apple", name: fault.name.clone() }),
        }
        Ok(self)
    }

    fn select(&mut self, command: Command<'_>) -> Answer {
        let asked = match std::str::from_utf8(command.data) {
            Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.is_empty() => {
                format!("SELECT {name}")
            }
            _ => format!("SELECT {}", hex(command.data)),
        };
        if (command.p1, command.p2) != (0x04, 0x00) {
            return Answer::status(0x6B00, asked, "wrong parameters (6B00)");
        }
        if command.le != Some(0) {
            return Answer::status(0x6700, asked, "the command must end in Le 00 (6700)");
        }
        if command.data != AID || self.bent.not_apple {
            return Answer::status(0x6A82, asked, "no such application here (6A82)");
        }
        self.selected = true;
        // The nonce is used by nothing (section 4); a failing generator need not end the tap.
        let nonce: [u8; 4] = random().unwrap_or_default();
        let mut capabilities = if self.payment_card { 0x3E } else { 0x1E };
        if self.bent.no_vas {
            capabilities &= !0x08;
        }
        let version: [u8; 2] = if self.bent.version_two { [2, 0] } else { [1, 0] };
        let fci =
            [tlv(0x50, b"ApplePay"), tlv(0x9F21, &version), tlv(0x9F24, &nonce), tlv(0x9F23, &[0, 0, 0, capabilities])]
                .concat();
        let said = format!("ApplePay, VAS {}.{}, capabilities {capabilities:02X} (9000)", version[0], version[1]);
        Answer::plain([tlv(0x6F, &fci), vec![0x90, 0x00]].concat(), asked, said)
    }

    fn get_vas_data(&mut self, command: Command<'_>) -> Answer {
        let request = match Request::read(command) {
            Ok(request) => request,
            Err((sw, why)) => return Answer::status(sw, "GET VAS DATA", format!("{why} ({sw:04X})")),
        };
        let Some(merchant_id) = request.merchant_id else {
            let asked = format!("GET VAS DATA for the sign-up address {}", request.url.unwrap_or_default());
            return Answer::plain(
                [tlv(0x70, &tlv(0x9F2A, &[])), vec![0x90, 0x00]].concat(),
                asked,
                "taken note of (9000)",
            );
        };
        let index = self.passes.iter().position(|pass| pass.merchant_id() == merchant_id);
        let asked = match index {
            Some(index) => format!("GET VAS DATA for {}{}", self.passes[index].pass_type_id, request.more_words()),
            None => {
                format!("GET VAS DATA for the unknown pass type {}…{}", hex(&merchant_id[..4]), request.more_words())
            }
        };
        let Some(index) = index.filter(|index| !self.bent.no_pass && (self.payment_card || *index == 0)) else {
            return Answer::status(0x6A83, asked, "no such pass, or another one is on the screen (6A83)");
        };
        if let Some((sw, times)) = self.bent.refusals.filter(|(_, times)| self.refused < *times) {
            self.refused += 1;
            let left = if times == u64::MAX { String::new() } else { format!(", {} of {times}", self.refused) };
            let wish = if sw == 0x6287 { "unlock or confirm first" } else { "choose a pass first" };
            return Answer::status(sw, asked, format!("{wish}{left} ({sw:04X})"));
        }
        if self.given[index] {
            return Answer::status(0x6287, asked, "this pass was read before in this tap (6287)");
        }
        match self.give(index) {
            Ok((bytes, said)) => {
                self.given[index] = true;
                Answer::plain(bytes, asked, said).giving_pass()
            }
            // Only when the machine has no random numbers or memory left.
            Err(error) => Answer::status(0x6F00, asked, format!("cannot seal the pass: {error} (6F00)")),
        }
    }

    /// The answer that holds pass `index`, with its status word.
    fn give(&mut self, index: usize) -> Result<(Vec<u8>, String), ErrorStack> {
        if let Some(answer) = self.bent.replay.as_ref().and_then(Replay::kept) {
            return Ok((answer, "the recorded cryptogram once more (9000)".to_owned()));
        }
        let pass = &self.passes[index];
        let unix_s = (self.clock)().wall_ms.div_euclid(1_000).saturating_add(self.bent.stamp_shift_s);
        let stamp = unix_s.saturating_sub(APPLE_EPOCH_UNIX_S).clamp(0, i64::from(u32::MAX)) as u32;
        let message = match &self.bent.message {
            Some(message) => &message[..],
            None => &pass.message[..pass.message.len().min(MESSAGE_BYTES_MAX)],
        };
        let stranger = if self.bent.wrong_key || self.bent.misfit_key { Some(VasKey::stranger()?) } else { None };
        let sealed_for = stranger.as_ref().unwrap_or(&pass.key);
        let ephemeral = ephemeral_key(self.ephemeral)?;
        let mut cryptogram = seal(sealed_for, &pass.pass_type_id, &ephemeral, stamp, message)?;
        if self.bent.misfit_key {
            cryptogram[..4].copy_from_slice(&pass.key.id());
        }
        if self.bent.off_curve {
            cryptogram[4..36].copy_from_slice(&off_curve_x()?);
        }
        if let Some(last) = cryptogram.last_mut().filter(|_| self.bent.flipped_tag) {
            *last ^= 0x01;
        }
        let mut said = format!("the pass, sealed, {} bytes, stamp {} (9000)", cryptogram.len(), stamp_words(stamp));
        let body = if self.bent.odd_form { odd_body(&cryptogram) } else { plain_body(&cryptogram) };
        let answer = [body, vec![0x90, 0x00]].concat();
        if let Some(replay) = &mut self.bent.replay {
            said = format!("{said}; {}", replay.keep(&answer));
        }
        Ok((answer, said))
    }
}

impl Handset for IPhone {
    fn name(&self) -> String {
        let types: Vec<&str> = self.passes.iter().map(|pass| pass.pass_type_id.as_str()).collect();
        format!("iPhone with {}", types.join(", "))
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins) {
            (0x00, 0xA4) => self.select(command),
            (0x80, 0xCA) if !self.selected => {
                Answer::status(0x6985, "GET VAS DATA without SELECT", "nothing selected (6985)")
            }
            (0x80, 0xCA) => self.get_vas_data(command),
            // A pseudo-APDU: the reader answers it, with the random UID of this activation.
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
        self.selected = false;
    }

    fn lifted(&mut self) {
        self.selected = false;
        self.given.fill(false);
        self.uid = random_uid();
    }

    fn waits_for_field_drop(&self) -> bool {
        true
    }
}

/// A GET VAS DATA command, read and found sound (section 5).
#[derive(Debug)]
struct Request {
    merchant_id: Option<[u8; 32]>,
    url: Option<String>,
    more_follow: bool,
}

impl Request {
    /// Reads the command as a phone does; else the status word and the reason.
    fn read(command: Command<'_>) -> Result<Self, (u16, &'static str)> {
        let full = match (command.p1, command.p2) {
            (0x01, 0x01) => true,
            (0x01, 0x00) => false,
            _ => return Err((0x6B00, "P1 is 01 and P2 is 01 or 00")),
        };
        if command.le != Some(0) {
            return Err((0x6700, "the command must end in Le 00"));
        }
        let elements = tlvs(command.data).ok_or((0x6A80, "the data are no BER-TLV"))?;
        let find = |tag: u16| elements.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value);
        match find(0x9F22).ok_or((0x6A80, "the protocol version 9F22 is missing"))? {
            [0x01, 0x00] => {}
            [_, _] => return Err((0x6A80, "the protocol version is not 1.0")),
            _ => return Err((0x6700, "the protocol version 9F22 has two bytes")),
        }
        let terminal = find(0x9F26).ok_or((0x6A80, "the terminal capabilities 9F26 are missing"))?;
        let &[_, _, _, mode] = terminal else {
            return Err((0x6700, "the terminal capabilities 9F26 have four bytes"));
        };
        if find(0x9F28).is_some_and(|nonce| nonce.len() != 4) {
            return Err((0x6700, "the terminal nonce 9F28 has four bytes"));
        }
        match find(0x9F2B) {
            None | Some([0x01, _, _, _, _]) => {}
            Some(filter) if filter.len() > 5 => return Err((0x6700, "the filter 9F2B has five bytes")),
            Some([0x02, ..]) => return Err((0x6A83, "the filter 9F2B finds nothing")),
            Some(_) => return Err((0x6A80, "the filter 9F2B is unknown")),
        }
        let url = find(0x9F29).map(|url| String::from_utf8_lossy(url).into_owned());
        let merchant_id = match (full, find(0x9F25)) {
            (true, None) => return Err((0x6A80, "the merchant id 9F25 is missing")),
            (true, Some(id)) => Some(id.try_into().map_err(|_| (0x6700, "the merchant id 9F25 has 32 bytes"))?),
            (false, Some(_)) => return Err((0x6A80, "a merchant id 9F25 does not belong into an URL request")),
            (false, None) if url.is_none() => return Err((0x6A80, "the URL 9F29 is missing")),
            (false, None) => None,
        };
        Ok(Self { merchant_id, url, more_follow: mode & 0x80 != 0 })
    }

    fn more_words(&self) -> &'static str {
        if self.more_follow { ", more to follow" } else { "" }
    }
}

/// The cryptogram of section 8: `keyId | X | ciphertext | tag`, the plaintext being stamp and message.
pub fn seal(
    key: &VasKey,
    pass_type_id: &str,
    ephemeral: &EcKey<Private>,
    stamp_apple_s: u32,
    message: &[u8],
) -> Result<Vec<u8>, ErrorStack> {
    let x = x_of(ephemeral.group(), ephemeral.public_key())?;
    let ours = PKey::from_ec_key(ephemeral.clone())?;
    let mut deriver = Deriver::new(&ours)?;
    deriver.set_peer(&key.point)?;
    let z = deriver.derive_to_vec()?;
    let mut kdf = Sha256::new();
    kdf.update(&z);
    kdf.update(&[0, 0, 0, 1]);
    kdf.update(b"\x0Did-aes256-GCMApplePay encrypted VAS data");
    kdf.update(&sha256(pass_type_id.as_bytes()));
    let plain = [&stamp_apple_s.to_be_bytes()[..], message].concat();
    let mut tag = [0; 16];
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), &kdf.finish(), Some(&[0; 16]), &[], &plain, &mut tag)?;
    Ok([&key.id()[..], &x, &sealed, &tag].concat())
}

fn plain_body(cryptogram: &[u8]) -> Vec<u8> {
    tlv(0x70, &[tlv(0x9F2A, &[]), tlv(0x9F27, cryptogram)].concat())
}

/// As [`plain_body`], in another order, with a mobile token, an unknown element and lengths in the long form.
fn odd_body(cryptogram: &[u8]) -> Vec<u8> {
    let long = |tag: [u8; 2], value: &[u8]| [&tag[..], &[0x81, value.len() as u8], value].concat();
    let inner = [long([0x9F, 0x27], cryptogram), long([0xDF, 0x01], &[1, 2, 3]), long([0x9F, 0x2A], &[9; 8])].concat();
    [&[0x70, 0x81, inner.len() as u8], &inner[..]].concat()
}

fn p256() -> Result<EcGroup, ErrorStack> {
    EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)
}

/// X of a point, leading zeros kept.
fn x_of(group: &openssl::ec::EcGroupRef, point: &openssl::ec::EcPointRef) -> Result<[u8; 32], ErrorStack> {
    let bytes = point.to_bytes(group, PointConversionForm::COMPRESSED, &mut *BigNumContext::new()?)?;
    let mut x = [0; 32];
    // A compressed point on P-256 is its parity byte and 32 bytes.
    x.copy_from_slice(&bytes[1..33]);
    Ok(x)
}

fn ephemeral_key(ephemeral: Ephemeral) -> Result<EcKey<Private>, ErrorStack> {
    let group = p256()?;
    match ephemeral {
        Ephemeral::Fresh => EcKey::generate(&group),
        Ephemeral::Scalar(scalar) => {
            let scalar = BigNum::from_slice(&scalar)?;
            let mut point = EcPoint::new(&group)?;
            point.mul_generator2(&group, &scalar, &mut *BigNumContext::new()?)?;
            EcKey::from_private_components(&group, &scalar, &point)
        }
    }
}

/// The stamp for whoever watches, in UTC.
fn stamp_words(stamp: u32) -> String {
    jiff::Timestamp::from_second(i64::from(stamp) + APPLE_EPOCH_UNIX_S)
        .map_or_else(|_| stamp.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests;
