//! Everything that takes bytes from chips, phones and scanners, as functions of arbitrary bytes: for cargo-fuzz, which
//! looks for new ones, and for `tests/fuzz_replay.rs`, which plays the found ones with every test run.
//!
//! Each target ends for every input, without a panic, and holds what the specification promises of its outcome.

mod seal;

use std::sync::OnceLock;

use stampd::pure::apdu::{atr, tlv};
use stampd::pure::domain::{Claim, CredentialId, Medium};
use stampd::pure::tap::apple_vas::{self, AppleVas, PassType, VasKey, VasKeys};
use stampd::pure::tap::keyring::{Keyring, UidKey};
use stampd::pure::tap::lc1::TokenKeys;
use stampd::pure::tap::ndef;
use stampd::pure::tap::ntag424::{Sun, SunKeys};
use stampd::pure::tap::p256::KeyPair;
use stampd::pure::tap::rotating::RotatingKey;
use stampd::pure::tap::scan::card::{CardRule, CodeCard};
use stampd::pure::tap::scan::frame::{Frame, FrameRule, Framer};
use stampd::pure::tap::scan::hid_pos::{Assembler, ReportLayout};
use stampd::pure::tap::scan::keyboard::Keyboard;
use stampd::pure::tap::scan::layout::Layout;
use stampd::pure::tap::scan::steady::Steady;
use stampd::pure::tap::scan::{CODE_BYTES_MAX, CODE_BYTES_MIN, Code, Origin, Reading};
use stampd::pure::tap::smart_tap::{self, Collector, Fresh, SmartTap};
use stampd::pure::tap::tag::{Kind, Tag, Wanted};
use stampd::pure::tap::wallet::Wallet;
use stampd::pure::tap::{Found, Machine, Sealed, Step, TokenProblem};

/// A function of arbitrary bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 13] = [
    ("vas_answer", vas_answer),
    ("vas_cryptogram", vas_cryptogram),
    ("smart_tap_answer", smart_tap_answer),
    ("smart_tap_bundle", smart_tap_bundle),
    ("ndef", ndef_message),
    ("tlv", tlv_bytes),
    ("tag_answer", tag_answer),
    ("sun_link", sun_link),
    ("code_card", code_card),
    ("frame", frame),
    ("keyboard", keyboard),
    ("hid_pos", hid_pos),
    ("token", token),
];

/// The most commands of an honest machine with an input of this kind: more would be a circle.
const COMMANDS_MAX: usize = 600;

fn pass_type() -> PassType {
    PassType::new("pass.com.example.loyalty").expect("a pass type")
}

/// The shop's VAS key.
const VAS_SCALAR: [u8; 32] = [0x42; 32];

/// The shop's keys. Made once: a point of the curve takes longer than what most inputs do.
fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| Keyring {
        pass_types: vec![pass_type()],
        vas: VasKeys::new([VasKey::from_scalar(&VAS_SCALAR).expect("a key")]),
        tokens: TokenKeys::new([(1, std::array::from_fn(|index| index as u8))].into()),
        uid: Some(UidKey::new(&[5; 32])),
        sun: Some(sun_keys()),
        rotating: Some(RotatingKey::new(&[7; 32])),
        // What asks phones opens nothing.
        ..Keyring::default()
    })
}

/// An exchange of Smart Tap. The keys are made once.
fn smart_tap_machine() -> SmartTap {
    static KEYS: OnceLock<(Collector, KeyPair)> = OnceLock::new();
    let (collector, key) = KEYS.get_or_init(|| {
        let key = |scalar| KeyPair::from_scalar(&[scalar; 32]).expect("a key");
        (Collector::new(20_180_608, [(1, key(0x43))]), key(0x44))
    });
    SmartTap::new(collector, Fresh { session: [1; 8], nonce: [2; 32], key: key.clone() })
}

fn sun_keys() -> SunKeys {
    SunKeys { meta: [0; 16], file_master: [0; 16], application_id: [0x30, 0x42, 0xF5], system_id: b"NXP Abu".to_vec() }
}

/// Cuts the input into pieces: one byte of length, then so many bytes.
fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first()?;
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        data = rest;
        Some(piece)
    })
}

/// Plays answers to a machine; what it found is opened.
fn play(machine: &mut dyn Machine, data: &[u8]) {
    let mut answers = pieces(data);
    let mut step = machine.start();
    for _ in 0..COMMANDS_MAX {
        match step {
            Step::Done(exchange) => {
                if let Found::Sealed(sealed) = &exchange.found {
                    for sealed in sealed {
                        assert!(!keyring().open_all(sealed).is_empty(), "a proof is a token or says why not");
                    }
                }
                return;
            }
            Step::Transmit(command) => {
                assert!((4..=261).contains(&command.len()), "a short APDU");
                // An input that is used up is a chip that left.
                step = machine.feed(answers.next().unwrap_or_default());
            }
        }
    }
    panic!("the machine does not end");
}

/// Answers to the wallets' SELECT and to Apple VAS.
pub fn vas_answer(data: &[u8]) {
    play(&mut AppleVas::new(&[pass_type(), pass_type()], [9; 4 * apple_vas::PASS_TYPES_MAX]), data);
    let apple = AppleVas::new(&[pass_type()], [9; 4 * apple_vas::PASS_TYPES_MAX]);
    play(&mut Wallet::new(Some(apple), Some(smart_tap_machine())), data);
}

/// What stands in tag 9F27. The first byte chooses: the rest is a cryptogram as it is ([`CRYPTOGRAM_RAW`]), or what a
/// phone seals (four bytes of time, then the message; with [`CRYPTOGRAM_LC1`] the message is the text of a credential,
/// twelve bytes of id), after so many changes (its high four bits; each a place and what is added to the byte there).
pub fn vas_cryptogram(data: &[u8]) {
    let keyring = keyring();
    let pass_type = &keyring.pass_types[0];
    let Some((choice, rest)) = data.split_first() else { return };
    if choice & CRYPTOGRAM_RAW != 0 {
        let _ = apple_vas::open(rest, pass_type, &keyring.vas);
        assert!(!keyring.open_all(&Sealed::AppleVas { pass_type: 0, cryptogram: rest.to_vec() }).is_empty());
        return;
    }
    let (changes, rest) = rest.split_at(rest.len().min(usize::from(choice >> 4) * 2));
    let Some((stamp, rest)) = rest.split_first_chunk::<4>() else { return };
    let id = rest.first_chunk().map(|id| CredentialId(*id)).filter(|_| choice & CRYPTOGRAM_LC1 != 0);
    let message = match id {
        Some(id) => keyring.tokens.mint(1, id).expect("the key is there").into_bytes(),
        None => rest.to_vec(),
    };
    let whole = seal::sealed(pass_type, *stamp, &message);
    let mut cryptogram = whole.clone();
    for change in changes.chunks_exact(2) {
        if let Some(byte) = cryptogram.get_mut(usize::from(change[0])) {
            *byte = byte.wrapping_add(change[1]);
        }
    }
    let opened = apple_vas::open(&cryptogram, pass_type, &keyring.vas);
    let token = keyring.open(&Sealed::AppleVas { pass_type: 0, cryptogram: cryptogram.clone() });
    match (cryptogram == whole, message.len()) {
        (true, 0) => assert_eq!(opened, Err(TokenProblem::Unknown), "no message"),
        (true, 1..=apple_vas::MESSAGE_MAX) => {
            let opened = opened.expect("what a phone sealed opens");
            assert_eq!(opened.message, message);
            assert_eq!(opened.stamp_unix_s, 978_307_200 + i64::from(u32::from_be_bytes(*stamp)));
            let claim = token.as_ref().ok().map(|token| token.claim.clone());
            assert!(id.is_none() || claim == id.map(Claim::Credential), "a text of ours is a token");
        }
        _ => assert!(opened.is_err() && token.is_err(), "whatever was changed does not open"),
    }
}

/// [`vas_cryptogram`]: the rest is the cryptogram.
const CRYPTOGRAM_RAW: u8 = 0x04;

/// [`vas_cryptogram`]: the message is a text of ours.
const CRYPTOGRAM_LC1: u8 = 0x01;

/// Answers to Smart Tap.
pub fn smart_tap_answer(data: &[u8]) {
    play(&mut smart_tap_machine(), data);
}

/// What stands in a record bundle, deciphered: the first byte says whether it is compressed.
pub fn smart_tap_bundle(data: &[u8]) {
    let Some((flags, body)) = data.split_first() else { return };
    let plain = if flags & 1 == 0 { Ok(body.to_vec()) } else { smart_tap::inflate(body) };
    if let Ok(plain) = plain {
        let _ = smart_tap::pass_values(&plain);
    }
}

/// An NDEF message, and texts in its records.
pub fn ndef_message(data: &[u8]) {
    if let Ok(records) = ndef::parse(data) {
        assert!(!records.is_empty(), "a message has a record");
        let held: usize = records.iter().map(|record| record.payload.len()).sum();
        assert!(held < data.len(), "payloads lie in the message");
        for record in &records {
            let _ = (record.name(), ndef::text(record.payload), ndef::utf_16(record.payload));
        }
    }
}

/// BER-TLV and an ATR.
pub fn tlv_bytes(data: &[u8]) {
    let mut held = 0;
    for item in tlv::TlvReader::new(data) {
        let Ok(item) = item else { break };
        held += item.value.len();
    }
    assert!(held <= data.len(), "values lie in the bytes");
    let _ = (tlv::find(data, 0x9F27), tlv::find(data, 0x50), atr::classify(data));
}

/// Answers of tags and bare chips: the first byte chooses the kind.
pub fn tag_answer(data: &[u8]) {
    let Some((kind, answers)) = data.split_first() else { return };
    let kind = [Kind::IsoDep, Kind::Type2, Kind::Bare][usize::from(kind % 3)];
    play(&mut Tag::new(kind, Wanted { sun: true, ndef: true, uid: true, origin: None }), answers);
}

/// The link of an NTAG 424.
pub fn sun_link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(mirrored) = Sun::parse(&text).and_then(|sun| sun.verify(&sun_keys())) {
        assert!(mirrored.counter < 1 << 24, "three bytes of counter");
    }
}

/// A code that comes as a chip.
pub fn code_card(data: &[u8]) {
    let apdus = vec![vec![0xFF, 0xB0, 0, 0, 0], vec![0xFF, 0xB0, 1, 0, 0]];
    let place = CardRule { atr: vec![0x3B], apdus, skip: 2, reading: reading(), ..CardRule::default() };
    let _ = place.fits(data);
    play(&mut CodeCard::new(&place), data);
    play(&mut CodeCard::new(&CardRule { length: Some(8), tlv: vec![0x61, 0x5F50], ..place.clone() }), data);
    play(&mut CodeCard::new(&CardRule { tlv: vec![0x53], skip: 0, ..place }), data);
}

fn reading() -> Reading {
    let media = [('A', Medium::AppleVas), ('G', Medium::SmartTap), ('Q', Medium::Barcode), ('0', Medium::Uid)];
    let media = media.into_iter().chain([('4', Medium::Ntag424), ('2', Medium::Ndef)]).collect();
    Reading { aim: true, media }
}

/// Silence that ends a code in the tests of lines, nanoseconds.
const IDLE_NS: i64 = 100;

/// A line: the first byte chooses how codes are framed; then pieces as the line delivers them, each with its length, the
/// nanoseconds since the one before, and its bytes.
pub fn frame(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let framings: [(&[u8], &[u8]); 6] =
        [(b"", b""), (b"\x02", b"\x03"), (b"@@", b"##"), (b"", b"\r\n"), (b"aa", b"aba"), (b"\x02\x02", b"")];
    let (start, end) = framings[usize::from(choice % 6)];
    let rule = FrameRule { start: start.to_vec(), end: end.to_vec(), idle_ns: IDLE_NS };
    let mut chunks: Vec<(i64, &[u8])> = Vec::new();
    let mut now_ns = 0;
    while let [length, gap, after @ ..] = rest {
        let (bytes, left) = after.split_at(after.len().min(usize::from(*length)));
        now_ns += i64::from(*gap);
        chunks.push((now_ns, bytes));
        rest = left;
    }
    let whole = chunks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect::<Vec<u8>>();
    // Without silence nothing matters but the bytes.
    let at_once = frames(&rule, &[(7, &whole)]);
    let at_seven: Vec<(i64, &[u8])> = chunks.iter().map(|(_, bytes)| (7, *bytes)).collect();
    assert_eq!(at_once, frames(&rule, &at_seven), "pieces matter");
    let single: Vec<(i64, &[u8])> = whole.chunks(1).map(|byte| (7, byte)).collect();
    assert_eq!(at_once, frames(&rule, &single), "pieces matter");
    // With it, whoever is told of the silence by the next bytes gets what one gets who waits for it.
    let timed = frames(&rule, &chunks);
    assert_eq!(timed, frames_waited_for(&rule, &chunks), "who looks at the clock matters");
    let held: usize = timed.iter().filter_map(|frame| frame.bytes.as_ref()).map(Vec::len).sum();
    assert!(
        held <= whole.len() && timed.iter().all(|frame| (0..=now_ns).contains(&frame.begun_ns)),
        "made of the bytes"
    );
    let mut steady = Steady::default();
    for bytes in at_once.iter().chain(&timed).filter_map(|frame| frame.bytes.as_ref()) {
        assert!((CODE_BYTES_MIN..=CODE_BYTES_MAX).contains(&bytes.len()), "a code's length");
        if steady.is_new(bytes, 0) {
            assert!(!steady.is_new(bytes, 0), "a code that stays is one");
        }
        if let Ok(code) = reading().read(bytes) {
            let _ = keyring().scanned(&code);
        }
    }
}

fn frames(rule: &FrameRule, chunks: &[(i64, &[u8])]) -> Vec<Frame> {
    let mut framer = Framer::new(rule.clone());
    let mut frames: Vec<Frame> = chunks.iter().flat_map(|(at_ns, bytes)| framer.push(bytes, *at_ns)).collect();
    frames.extend(framer.idle(i64::MAX));
    assert_eq!(framer.idle_at_ns(), None, "nothing is left");
    frames
}

/// As [`frames`], by somebody who wakes whenever a silence is over.
fn frames_waited_for(rule: &FrameRule, chunks: &[(i64, &[u8])]) -> Vec<Frame> {
    let mut framer = Framer::new(rule.clone());
    let mut frames = Vec::new();
    for (at_ns, bytes) in chunks {
        if let Some(over_ns) = framer.idle_at_ns().filter(|over_ns| over_ns <= at_ns) {
            assert!(framer.idle(over_ns - 1).is_none(), "not before");
            frames.extend(framer.idle(over_ns));
            assert_eq!(framer.idle_at_ns(), None, "a silence ends one code");
        }
        frames.extend(framer.push(bytes, *at_ns));
    }
    frames.extend(framer.idle(i64::MAX));
    frames
}

/// Key events: the first byte chooses the layout; then a key, and what it does in the low bits with the time in the others.
pub fn keyboard(data: &[u8]) {
    let Some((choice, events)) = data.split_first() else { return };
    let rule = FrameRule { start: Vec::new(), end: Vec::new(), idle_ns: 100 };
    let mut keyboard = Keyboard::new(Layout::ALL[usize::from(choice % 4)], &rule);
    let mut now_ns = 0;
    let mut typed = Vec::new();
    for event in events.chunks_exact(2) {
        now_ns += i64::from(event[1] >> 2);
        typed.extend(keyboard.key(u16::from(event[0]), i32::from(event[1] & 3), now_ns));
    }
    typed.extend(keyboard.idle(i64::MAX));
    for bytes in typed.iter().filter_map(|typed| typed.frame.bytes.as_ref()) {
        assert!(std::str::from_utf8(bytes).is_ok(), "keys type characters");
        let _ = keyring().scanned(&Code::printed(bytes.clone()));
    }
}

/// A report descriptor, then reports.
pub fn hid_pos(data: &[u8]) {
    let mut pieces = pieces(data);
    let descriptor = pieces.next().unwrap_or_default();
    let mut assembler = Assembler::new(ReportLayout::from_descriptor(descriptor).unwrap_or(ReportLayout::COMMON));
    for (at, report) in pieces.enumerate() {
        if let Some(code) = assembler.report(report, at as i64).and_then(|reported| reported.code) {
            assert!((CODE_BYTES_MIN..=CODE_BYTES_MAX).contains(&code.bytes.len()), "a code's length");
            let _ = keyring().scanned(&code);
        }
    }
}

/// A text: the first byte chooses by what way it came.
pub fn token(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let keyring = keyring();
    if let Ok(id) = keyring.tokens.verify(&String::from_utf8_lossy(bytes)) {
        let minted = keyring.tokens.mint(1, id).expect("the key is there");
        assert_eq!(minted.len(), bytes.len(), "no two texts of one credential but for case and look");
    }
    let origins = [Medium::AppleVas, Medium::SmartTap, Medium::Ntag424, Medium::Ndef, Medium::Uid].map(Origin::Payload);
    let origin = origins.get(usize::from(choice % 8)).copied().unwrap_or(Origin::Printed);
    let (aim, bytes) =
        stampd::pure::tap::scan::aim::Aim::split(bytes).map_or((None, bytes), |(aim, rest)| (Some(aim), rest));
    let Ok(token) = keyring.scanned(&Code { bytes: bytes.to_vec(), aim, origin }) else { return };
    match origin {
        Origin::Payload(medium) => assert_eq!(token.medium, medium, "a payload is its own medium"),
        Origin::Printed => {
            let printed = [Medium::Barcode, Medium::RotatingBarcode, Medium::Number];
            assert!(printed.contains(&token.medium) && !matches!(token.claim, Claim::Chip(_)), "a code is a code");
        }
    }
}
