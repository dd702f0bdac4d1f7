//! The vectors of google-smart-tap.md section 14, a phone written here from sections 4 to 9, and whatever it can get wrong.

use std::collections::BTreeMap;

use openssl::sha::sha256;
use proptest::prelude::*;

use super::open::{decrypt_bundle, inflate, pass_values, session_keys};
use super::*;
use crate::pure::tap::TokenProblem;
use crate::pure::tap::hmac::{hkdf_sha256, hmac_sha256};
use crate::pure::tap::ndef::{self, Message};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

/// One section of `vectors.txt`.
fn vector(name: &str) -> BTreeMap<&'static str, &'static str> {
    let text = include_str!("vectors.txt");
    let section =
        text.split('[').find_map(|section| section.strip_prefix(name)?.strip_prefix("]\n")).expect("a section");
    section.lines().filter_map(|row| row.split_once(' ')).collect()
}

fn key(hex: &str) -> KeyPair {
    KeyPair::from_scalar(&array(hex)).unwrap()
}

/// (vector, collector id, key version, value)
fn vectors() -> [(BTreeMap<&'static str, &'static str>, u32, u32, String); 3] {
    let long = format!("{{\"k\":\"Grüße\",\"pad\":\"{}\"}}", "ab".repeat(160));
    [
        (vector("v1"), 20_180_608, 1, "M-4711-0815".to_owned()),
        (vector("v2"), 20_180_608, 1, long),
        (vector("v3"), 87_654_321, 7, "C-2026-77".to_owned()),
    ]
}

fn info(v: &BTreeMap<&str, &str>, collector: u32) -> Vec<u8> {
    let (nonce, handset_nonce) = (array(v["reader_nonce"]), array(v["device_nonce"]));
    message::key_info(&nonce, &handset_nonce, collector, &array(v["reader_eph_pub"]), &bytes(v["signature"]))
}

fn bundle(v: &BTreeMap<&str, &str>, collector: u32, reb: Vec<u8>) -> Bundle {
    Bundle::new(key(v["reader_eph_priv"]), array(v["device_eph_pub"]), info(v, collector), reb)
}

#[test]
fn opens_the_vectors_step_by_step() {
    for (v, collector, _, value) in vectors() {
        assert_eq!(key(v["reader_eph_priv"]).public().to_vec(), bytes(v["reader_eph_pub"]));
        let shared = key(v["reader_eph_priv"]).agree(&array(v["device_eph_pub"])).unwrap();
        assert_eq!(shared.to_vec(), bytes(v["shared"]));
        assert_eq!(hmac_sha256(&bytes(v["device_eph_pub"]), &[&shared]).unwrap().to_vec(), bytes(v["prk"]));
        let sealed = bundle(&v, collector, bytes(v["reb"]));
        let (aes_key, mac_key) = session_keys(&sealed).unwrap();
        assert_eq!([&aes_key[..], &mac_key].concat(), bytes(v["okm"]));
        assert_eq!(decrypt_bundle(&sealed), Ok(bytes(v["plain"])));
        assert_eq!(open(&sealed), Ok(vec![PassValue { kind: "ly".into(), value }]));
        assert_eq!(sealed.proof(), sha256(&bytes(v["reb"])));
    }
}

#[test]
fn signs_what_the_vectors_sign() {
    for (v, collector, _, _) in vectors() {
        let presigned = collector == 87_654_321;
        let handset_nonce = if presigned { [0; 32] } else { array(v["device_nonce"]) };
        let terminal_key = array(v["reader_eph_pub"]);
        let signed = message::signed_bytes(&array(v["reader_nonce"]), &handset_nonce, collector, &terminal_key);
        assert_eq!(signed.len(), 101);
        assert_eq!(sha256(&signed).to_vec(), bytes(v["tbs_sha256"]));
        assert!(verifies(&bytes(v["long_pub"]), &signed, &bytes(v["signature"])));
        let own = key(v["long_priv"]).sign(&signed).unwrap();
        assert!(verifies(&bytes(v["long_pub"]), &signed, &own) && (68..=72).contains(&own.len()));
    }
}

fn verifies(public: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    use openssl::bn::BigNumContext;
    use openssl::ec::{EcGroup, EcKey, EcPoint};
    use openssl::ecdsa::EcdsaSig;
    let group = EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let point = EcPoint::from_bytes(&group, public, &mut BigNumContext::new().unwrap()).unwrap();
    let key = EcKey::from_public_key(&group, &point).unwrap();
    EcdsaSig::from_der(signature).unwrap().verify(&sha256(signed), &key).unwrap()
}

#[test]
fn writes_and_reads_the_messages_of_v1() {
    let (v, collector, version, _) = vectors()[0].clone();
    let session_id: [u8; 8] = array(v["session"]);
    let identity = message::Identity { collector, version };
    let (nonce, terminal_key) = (array(v["reader_nonce"]), array(v["reader_eph_pub"]));
    let session = message::session(&session_id, 1);
    let negotiate = message::negotiate(&session, &nonce, &terminal_key, identity, &bytes(v["signature"]));
    assert_eq!(negotiate, Some(bytes(v["negotiate"])));
    let get_data = message::get_data(&message::session(&session_id, 3), collector, &[3], [0, 0, 0, 0, 1]);
    assert_eq!(get_data, Some(bytes(v["get_data"])));
    let second = Session { id: session_id, sequence: 2 };
    assert_eq!(answer::negotiated(&bytes(v["nrs"]), second), Ok(array(v["device_eph_pub"])));
    let fourth = Session { id: session_id, sequence: 4 };
    assert_eq!(answer::bundle(&bytes(v["srs"]), fourth), Ok(&bytes(v["reb"])[..]));
    assert!(answer::bundle(&bytes(v["srs"]), second).is_err(), "out of sequence");
    assert!(answer::negotiated(&bytes(v["nrs"]), Session { id: [0; 8], sequence: 2 }).is_err(), "another session");
}

#[test]
fn inflates_and_reads_the_capture_of_a_phone() {
    let v = vector("capture");
    let packed = bytes(v["packed"]);
    assert_eq!((packed.len(), sha256(&packed).to_vec()), (372, bytes(v["packed_sha256"])));
    let plain = inflate(&packed).unwrap();
    assert_eq!((plain.len(), sha256(&plain).to_vec()), (1312, bytes(v["plain_sha256"])));
    let values = pass_values(&plain).unwrap();
    assert_eq!(values.len(), 1);
    assert_eq!((values[0].kind.as_str(), values[0].value.len()), ("ly", 1181));
    assert!(values[0].value.starts_with("{\"data-0\":\"data_here0\""));
    for length in 0..packed.len() {
        assert!(inflate(&packed[..length]).is_err(), "{length}");
    }
    assert!(inflate(&[&packed[..], &[0]].concat()).is_err());
}

#[test]
fn inflation_is_bounded() {
    use flate2::{Compress, Compression, FlushCompress};
    let pack = |length: usize| {
        let mut packed = Vec::with_capacity(4096);
        let mut stream = Compress::new(Compression::best(), true);
        stream.compress_vec(&vec![0; length], &mut packed, FlushCompress::Finish).unwrap();
        packed
    };
    assert_eq!(inflate(&pack(INFLATED_MAX)).map(|plain| plain.len()), Ok(INFLATED_MAX));
    assert!(inflate(&pack(INFLATED_MAX + 1)).is_err());
    assert!(inflate(&pack(1_000_000)).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_bundle_is_refused() {
    for (v, collector, _, _) in vectors() {
        let reb = bytes(v["reb"]);
        for index in 1..reb.len() {
            let mut changed = reb.clone();
            changed[index] ^= 1 << (index % 8);
            assert_eq!(
                open(&bundle(&v, collector, changed)),
                Err(TokenProblem::Broken("the MAC of the record bundle does not hold"))
            );
        }
        for length in 0..reb.len() {
            assert!(matches!(open(&bundle(&v, collector, reb[..length].to_vec())), Err(TokenProblem::Broken(_))));
        }
        // The flags are outside the MAC: in clear is a downgrade, compressed must inflate or not as it is, and no other
        // flag is there (section 8).
        for flags in 0..=255u8 {
            let mut changed = reb.clone();
            changed[0] = flags;
            assert_eq!(open(&bundle(&v, collector, changed)).is_ok(), flags == reb[0], "{flags:02x}");
        }
        let other = Bundle::new(key(v["long_priv"]), array(v["device_eph_pub"]), info(&v, collector), reb.clone());
        assert!(open(&other).is_err(), "another ephemeral key");
        assert!(open(&bundle(&v, collector + 1, reb)).is_err(), "another collector");
    }
}

#[test]
fn redemption_values_stand_in_several_forms() {
    let text = |payload: &[u8]| {
        // TNF 1, type T, id n: written by hand, the writer knows TNF 4 only.
        [&[0xD9, 0x01, payload.len() as u8, 0x01, b'T', b'n'], payload].concat()
    };
    let primitive = |payload: &[u8]| Message::new().external(b"n", payload).into_bytes();
    let cases = [
        (text(b"\x00LC1"), Some("LC1")),
        (text(b"\x02enLC1"), Some("LC1")),
        (text(b"\x80\x00L\x00C\x001"), Some("LC1")),
        (text(b""), None),
        (text(b"\x05en"), None),
        (primitive(b"\x00LC1"), Some("LC1")),
        (primitive(b"\x01LC1"), Some("LC1")),
        (primitive(b"\x02LC1"), Some("LC1")),
        (primitive(b"\x03\x00L\x00C\x001"), Some("LC1")),
        (primitive(b"\x04LC1"), Some("LC1")),
        (primitive(b"\x05\x12\x3F"), Some("123")),
        (primitive(b"\x05\x1A"), None),
        (primitive(b"\x04\xFF"), None),
        (primitive(b"\x06LC1"), None),
        (primitive(b""), None),
    ];
    for (field, value) in cases {
        let plain = |object: &[u8]| {
            let service = Message::new().external(b"i", b"\x04\x01").external(object, &field).into_bytes();
            Message::new().external(b"asv", &service).into_bytes()
        };
        let read = pass_values(&plain(b"gr")).unwrap();
        assert_eq!(read.first().map(|pass| pass.value.as_str()), value, "{field:02x?}");
        assert_eq!(pass_values(&plain(b"ly")).unwrap().len(), read.len());
        for other in [&b"cus"[..], b"of", b"gc", b"pl", b"et", b"fl", b"tr", b"gp", b"later"] {
            assert!(pass_values(&plain(other)).unwrap().is_empty(), "no pass that was asked for");
        }
    }
    let v = vector("v1");
    assert!(!format!("{:?}", pass_values(&bytes(v["plain"])).unwrap()).contains("4711"));
}

/// A phone after google-smart-tap.md, with all that can be set wrong about it.
pub(in crate::pure::tap) struct Phone {
    key: KeyPair,
    nonce: [u8; 32],
    value: String,
    skips_select: bool,
    piece: usize,
    /// Answers this in place of the answer to the command of that instruction, that often.
    instead: Option<(u8, usize, Vec<u8>)>,
    session: Vec<u8>,
    pending: Vec<u8>,
}

const SHOP_KEY: [u8; 32] = [0x11; 32];

impl Phone {
    pub(in crate::pure::tap) fn new() -> Self {
        Self {
            key: KeyPair::from_scalar(&[0x22; 32]).unwrap(),
            nonce: [0x33; 32],
            value: "M-4711-0815".to_owned(),
            skips_select: true,
            piece: 4096,
            instead: None,
            session: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub(in crate::pure::tap) fn with_value(value: &str) -> Self {
        Self { value: value.to_owned(), ..Self::new() }
    }

    pub(in crate::pure::tap) fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        let orderly = self.orderly_answer(command);
        match &mut self.instead {
            Some((instruction, times, answer)) if *instruction == command[1] && *times > 0 => {
                *times -= 1;
                answer.clone()
            }
            _ => orderly,
        }
    }

    fn orderly_answer(&mut self, command: &[u8]) -> Vec<u8> {
        match command[1] {
            0xA4 if command.ends_with(b"OSE.VAS.01\x00") => self.template(),
            0xA4 => [&[0, 0, 0, 1], &self.mdn()[..], &[0x90, 0]].concat(),
            0x53 => self.negotiated(command),
            0x50 => {
                let content = ndef_content(command, b"srq");
                self.pending = self.bundle_answer(&content);
                self.next_piece()
            }
            0xC0 => self.next_piece(),
            _ => vec![0x94, 0x00],
        }
    }

    fn template(&self) -> Vec<u8> {
        let capability = if self.skips_select { 0x03 } else { 0x02 };
        let details = [tlv(&[0xDF, 0x62], &[capability]), tlv(&[0xDF, 0x6D], &[0, 0]), tlv(&[0xDF, 0x4D], &[0, 1])];
        let entry = [tlv(&[0x4F], &aid::SMART_TAP_2), tlv(&[0x73], &details.concat())].concat();
        let directory = tlv(&[0xBF, 0x0C], &[tlv(&[0x61], b"\x4F\x01\xA0"), tlv(&[0x61], &entry)].concat());
        let content = [tlv(&[0x50], b"AndroidPay"), tlv(&[0xC2], &self.nonce), tlv(&[0xA5], &directory)].concat();
        [&tlv(&[0x6F], &content)[..], &[0x90, 0x00]].concat()
    }

    fn mdn(&self) -> Vec<u8> {
        // Type and id are both `mdn`.
        [&[0xDC, 0x03, 0x21, 0x03][..], b"mdnmdn\x04", &self.nonce].concat()
    }

    fn negotiated(&mut self, command: &[u8]) -> Vec<u8> {
        let content = ndef_content(command, b"ngr");
        self.session.clone_from(&content);
        let records = ndef::parse(&content).unwrap();
        let cpr = ndef::named(&records, b"cpr").unwrap().payload;
        let proof = ndef::parse(&cpr[70..]).unwrap();
        let signature = &ndef::named(&proof, b"sig").unwrap().payload[1..];
        let shop = KeyPair::from_scalar(&SHOP_KEY).unwrap();
        let signed = [&cpr[..32], &self.nonce, &20_180_608u32.to_be_bytes(), &cpr[33..66]].concat();
        if !verifies(&shop.public(), &signed, signature) {
            return vec![0x95, 0x00];
        }
        let body = Message::new().external(b"ses", &next_session(&records)).external(b"dpk", &self.key.public());
        [&Message::new().external(b"nrs", &body.into_bytes()).into_bytes()[..], &[0x90, 0x00]].concat()
    }

    fn bundle_answer(&self, content: &[u8]) -> Vec<u8> {
        let negotiated = ndef::parse(&self.session).unwrap();
        let cpr = ndef::named(&negotiated, b"cpr").unwrap().payload;
        let proof = ndef::parse(&cpr[70..]).unwrap();
        let signature = &ndef::named(&proof, b"sig").unwrap().payload[1..];
        let info = [&cpr[..32], &self.nonce, &20_180_608u32.to_be_bytes(), &cpr[33..66], signature].concat();
        let z = self.key.agree(cpr[33..66].try_into().unwrap()).unwrap();
        let okm = hkdf_sha256(&z, &self.key.public(), &info).unwrap();
        let value = [&[0x04], self.value.as_bytes()].concat();
        let object = Message::new().external(b"n", &value).into_bytes();
        let service = Message::new().external(b"i", b"\x04\x01").external(b"ly", &object).into_bytes();
        let plain = Message::new().external(b"asv", &service).into_bytes();
        let iv = [0x44; 16];
        let counter = [&iv[..12], &[0; 4]].concat();
        let cipher = openssl::symm::Cipher::aes_128_ctr();
        let sealed = openssl::symm::encrypt(cipher, &okm[..16], Some(&counter), &plain).unwrap();
        let body = [&iv[..12], &sealed].concat();
        let mac = hmac_sha256(&okm[16..48], &[&body]).unwrap();
        let reb = [&[0x01], &body[..], &mac].concat();
        let session = next_session(&ndef::parse(content).unwrap());
        let message = Message::new().external(b"ses", &session).external(b"reb", &reb).into_bytes();
        Message::new().external(b"srs", &message).into_bytes()
    }

    fn next_piece(&mut self) -> Vec<u8> {
        let rest = self.pending.split_off(self.pending.len().min(self.piece));
        let piece = std::mem::replace(&mut self.pending, rest);
        let status: [u8; 2] = if self.pending.is_empty() { [0x90, 0x00] } else { [0x91, 0x00] };
        [&piece[..], &status].concat()
    }

    /// The machine of the shop that this phone's wallet knows.
    pub(in crate::pure::tap) fn machine() -> SmartTap {
        let keys = KEYS.map(|(version, scalar)| (version, KeyPair::from_scalar(&scalar).unwrap()));
        SmartTap::new(&Collector::new(20_180_608, keys), fresh())
    }

    /// A whole exchange with a shop of these keys, and the commands it took.
    fn meet(&mut self, keys: &[(u32, [u8; 32])]) -> (Vec<Vec<u8>>, Exchange) {
        let keys = keys.iter().map(|(version, scalar)| (*version, KeyPair::from_scalar(scalar).unwrap()));
        let mut machine = SmartTap::new(&Collector::new(20_180_608, keys), fresh());
        let mut commands = Vec::new();
        let mut step = machine.start();
        loop {
            match step {
                Step::Transmit(command) => {
                    step = machine.feed(&self.answer(&command));
                    commands.push(command);
                }
                Step::Done(exchange) => return (commands, exchange),
            }
        }
    }
}

fn fresh() -> Fresh {
    Fresh { session: [0x55; 8], nonce: [0x66; 32], key: KeyPair::from_scalar(&[0x77; 32]).unwrap() }
}

fn tlv(tlv_tag: &[u8], value: &[u8]) -> Vec<u8> {
    [tlv_tag, &[0x81, value.len() as u8], value].concat()
}

/// The message inside the version-prefixed payload of a command's one record.
fn ndef_content(command: &[u8], name: &[u8]) -> Vec<u8> {
    let records = ndef::parse(&command[5..command.len() - 1]).unwrap();
    ndef::named(&records, name).unwrap().payload[2..].to_vec()
}

fn next_session(records: &[ndef::Record<'_>]) -> Vec<u8> {
    let mut session = ndef::named(records, b"ses").unwrap().payload.to_vec();
    session[8] += 1;
    session
}

const KEYS: [(u32, [u8; 32]); 1] = [(1, SHOP_KEY)];

fn value_of(exchange: &Exchange) -> Option<String> {
    let Found::Sealed(sealed) = &exchange.found else { return None };
    let [Sealed::SmartTap(bundle)] = &sealed[..] else { panic!("one bundle") };
    Some(open(bundle).unwrap()[0].value.clone())
}

#[test]
fn an_orderly_tap_takes_three_commands_or_four() {
    let (commands, exchange) = Phone::new().meet(&KEYS);
    assert_eq!((commands.len(), value_of(&exchange).as_deref()), (3, Some("M-4711-0815")));
    assert_eq!(exchange.release, Release::Leave);
    assert!(commands.iter().all(|command| command.ends_with(&[0x00])));
    let mut phone = Phone { skips_select: false, ..Phone::new() };
    let (commands, exchange) = phone.meet(&KEYS);
    assert_eq!((commands.len(), value_of(&exchange).as_deref()), (4, Some("M-4711-0815")));
    assert_eq!(commands[1], bytes("00A4040009A000000476D000011100"));
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    for (piece, fits) in [(1, false), (7, true), (100, true)] {
        let (commands, exchange) = Phone { piece, ..Phone::new() }.meet(&KEYS);
        assert_eq!(value_of(&exchange).is_some(), fits, "{piece}");
        assert!(commands[3..].iter().all(|command| *command == bytes("90C0000000")));
    }
    let for_ever = Some((0xC0, usize::MAX, bytes("009100")));
    let (commands, exchange) = Phone { piece: 10, instead: for_ever, ..Phone::new() }.meet(&KEYS);
    assert_eq!((commands.len(), exchange.found), (2 + PIECES_MAX, Found::Problem(TapProblem::ChipError)));
}

#[test]
fn an_older_key_is_tried_when_the_newest_is_not_known() {
    let (commands, exchange) = Phone::new().meet(&[(1, SHOP_KEY), (2, [0x12; 32])]);
    assert_eq!((commands.len(), value_of(&exchange).is_some()), (4, true));
    let sequences: Vec<u8> = commands[1..3].iter().map(|c| ndef_content(c, b"ngr")[14]).collect();
    assert_eq!(sequences, [1, 3], "a refused answer has its number too");
    assert_eq!(ndef_content(&commands[3], b"srq")[14], 5);
    let (commands, exchange) = Phone::new().meet(&[(1, [0x13; 32]), (2, [0x12; 32])]);
    assert_eq!((commands.len(), exchange.found), (3, Found::Problem(TapProblem::NoPass)));
    assert_eq!(Phone::new().meet(&[]).1.found, Found::OtherProtocol);
}

#[test]
fn every_status_word_has_its_next_step() {
    use TapProblem::*;
    let problem = Found::Problem;
    let cases = [
        (0x50, "9001", problem(NoPass), 3),
        (0x50, "9102", problem(NoPass), 3),
        (0x50, "91FF", problem(NoPass), 3),
        (0x50, "9000", problem(ChipError), 3),
        (0x50, "9002", problem(ChipError), 3),
        (0x53, "9002", problem(ChipError), 2),
        (0x53, "9100", problem(ChipError), 2),
        (0x53, "9000", problem(ChipError), 2),
        (0x50, "9200", problem(ChipError), 5),
        (0x53, "9201", problem(ChipError), 4),
        (0xA4, "92FF", problem(ChipError), 3),
        (0x50, "9998", problem(ChipError), 4),
        (0x50, "9300", problem(UnlockPhone), 3),
        (0x53, "9301", problem(UnlockPhone), 2),
        (0x50, "93AA", problem(UnlockPhone), 3),
        (0x50, "9302", problem(ChoosePass), 3),
        (0x50, "9400", problem(ChipError), 3),
        (0x53, "9407", problem(ChipError), 2),
        (0x53, "9500", problem(NoPass), 2),
        (0x50, "9500", problem(ChipError), 3),
        (0x53, "9502", problem(ChipError), 2),
        (0xA4, "6A82", Found::OtherProtocol, 1),
        (0x53, "6A82", problem(ChipError), 2),
        (0x53, "6D00", problem(ChipError), 2),
        (0xA4, "6985", problem(ChipError), 1),
        (0x53, "", problem(HoldStill), 2),
        (0x50, "90", problem(HoldStill), 3),
    ];
    for (instruction, answer, found, count) in cases {
        let instead = Some((instruction, usize::MAX, bytes(answer)));
        let (commands, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
        let expected = Exchange { found, release: Release::Leave };
        assert_eq!((exchange, commands.len()), (expected, count), "{instruction:02x} {answer}");
    }
}

/// What the operator is told where phone after phone refuses (section 10, 9500): whether it was the key.
#[test]
fn a_note_tells_whether_a_phone_took_the_key() {
    let cases = [
        (None, vec![Note::KeyTaken]),
        (Some((0x53, usize::MAX, bytes("9500"))), vec![Note::KeyRefused]),
        // No pass of ours behind a key that was taken.
        (Some((0x50, usize::MAX, bytes("9001"))), vec![Note::KeyTaken]),
        (Some((0xA4, usize::MAX, bytes("6A82"))), vec![]),
    ];
    for (instead, expected) in cases {
        let mut phone = Phone { instead: instead.clone(), ..Phone::new() };
        let mut machine = Phone::machine();
        let mut step = machine.start();
        while let Step::Transmit(command) = &step {
            step = machine.feed(&phone.answer(command));
        }
        let told = |note: &&Note| matches!(note, Note::KeyTaken | Note::KeyRefused);
        assert_eq!(machine.notes().iter().filter(told).cloned().collect::<Vec<_>>(), expected, "{instead:?}");
    }
}

#[test]
fn passing_failures_are_tried_again_with_the_next_number() {
    for (instruction, times, count) in [(0x53, 2, 5), (0x50, 2, 5), (0x50, 1, 4), (0xA4, 1, 4)] {
        let instead = Some((instruction, times, bytes("9200")));
        let (commands, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
        assert!(value_of(&exchange).is_some(), "{instruction:02x} {times}");
        assert_eq!(commands.len(), count);
    }
    let instead = Some((0x50, 1, bytes("9101")));
    let (_, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
    assert_eq!(exchange.found, Found::Problem(TapProblem::NoPass), "success without a body holds no pass");
}

#[test]
fn other_wallets_and_versions_are_told_apart() {
    let details = |least: u8, most: u8| [tlv(&[0xDF, 0x6D], &[0, least]), tlv(&[0xDF, 0x4D], &[0, most])].concat();
    let with = |label: &[u8], details: &[u8]| {
        let entry = [tlv(&[0x4F], &aid::SMART_TAP_2), tlv(&[0x73], details)].concat();
        let directory = tlv(&[0xA5], &tlv(&[0xBF, 0x0C], &tlv(&[0x61], &entry)));
        [&tlv(&[0x6F], &[label.to_vec(), directory].concat())[..], &[0x90, 0x00]].concat()
    };
    let google = tlv(&[0x50], b"AndroidPay");
    let no_pass = Found::Problem(TapProblem::NoPass);
    let cases = [
        (with(&tlv(&[0x50], b"ApplePay"), &details(0, 1)), Found::OtherProtocol, 1),
        (with(&google, &details(2, 3)), no_pass.clone(), 1),
        (with(&google, &details(0, 0)), no_pass.clone(), 1),
        ([&tlv(&[0x6F], &google)[..], &[0x90, 0x00]].concat(), no_pass, 1),
        (bytes("6F009000"), Found::OtherProtocol, 1),
        (bytes("9000"), Found::OtherProtocol, 1),
        (bytes("6F059000"), Found::Problem(TapProblem::ChipError), 1),
    ];
    for (answer, found, count) in cases {
        let instead = Some((0xA4, 1, answer));
        let (commands, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
        assert_eq!((exchange.found, commands.len()), (found, count));
    }
    // Older phones leave tags out: then the application is selected and says its versions itself.
    for (label, details) in [(&[][..], details(0, 1)), (&google, Vec::new())] {
        let instead = Some((0xA4, 1, with(label, &details)));
        let (commands, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
        assert_eq!((commands.len(), value_of(&exchange).is_some()), (4, true));
    }
    for bad in ["000200039000", "00000001", "0000000100", "9000"] {
        assert!(answer::smart_tap_selected(&bytes(bad)).is_err(), "{bad}");
    }
}

#[test]
fn every_cut_and_change_of_an_answer_opens_to_nothing_else() {
    for instruction in [0xA4, 0x53, 0x50] {
        // The answers of an orderly tap, each changed in turn.
        let mut phone = Phone::new();
        let (commands, _) = phone.meet(&KEYS);
        let command = commands.iter().find(|command| command[1] == instruction).unwrap();
        let whole = phone.answer(command);
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= 0x01;
            let cut = [&whole[..index], &[0x90, 0x00]].concat();
            for answer in [changed, whole[..index].to_vec(), cut] {
                let instead = Some((instruction, 1, answer));
                let (_, exchange) = Phone { instead, ..Phone::new() }.meet(&KEYS);
                let Found::Sealed(sealed) = exchange.found else { continue };
                let Sealed::SmartTap(bundle) = &sealed[0] else { panic!("one bundle") };
                if let Ok(values) = open(bundle) {
                    assert!(values.iter().all(|pass| pass.value == "M-4711-0815"), "{instruction:02x} {index}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_answers_end_the_exchange(
        answers in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                any::<u8>().prop_map(|low| vec![0x91, low]),
                any::<u8>().prop_map(|low| vec![0x92, low]),
                Just(Phone::new().template()),
            ],
            0..200,
        ),
    ) {
        let keys = [(1, KeyPair::from_scalar(&SHOP_KEY).unwrap())];
        let mut machine = SmartTap::new(&Collector::new(1, keys), fresh());
        let mut step = machine.start();
        let mut answers = answers.into_iter();
        let mut commands = 0;
        while let Step::Transmit(_) = step {
            commands += 1;
            step = machine.feed(&answers.next().unwrap_or_default());
        }
        prop_assert!(commands <= 12 + 3 * PIECES_MAX);
    }

    #[test]
    fn any_bundle_and_any_plaintext_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let sealed = Bundle::new(fresh().key, Phone::new().key.public(), Vec::new(), bytes.clone());
        prop_assert!(open(&sealed).is_err());
        let _ = pass_values(&bytes);
        let _ = inflate(&bytes);
        let session = Session { id: [0; 8], sequence: 0 };
        prop_assert!(answer::bundle(&bytes, session).is_err());
        prop_assert!(answer::negotiated(&bytes, session).is_err());
        let _ = OseAnswer::parse(&bytes);
    }
}
