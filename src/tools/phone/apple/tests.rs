//! The specification's vectors come out to the byte, and a reader's side of a few lines opens what the phone seals.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use openssl::symm::decrypt_aead;

use super::super::bytes::from_hex;
use super::super::vpcd::tests::FakeReader;
use super::*;
use crate::pure::domain::{BootId, ClockTrust, Now};

const SELECT: &str = "00a404000a4f53452e5641532e303100";

/// A pass type's vector: pass type, reader's private key, public key, ephemeral scalar, stamp (Unix), message, answer.
struct Vector(&'static str, &'static str, &'static str, &'static str, i64, &'static str, &'static str);

/// Vectors A, B and C of apple-vas.md section 12.
const VECTORS: [Vector; 3] = [
    Vector(
        "pass.com.example.loyalty",
        "8b5bab851239d9b6e4c8e9b818150d2271df47f0207d66dd28a5001ad5a922b8",
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADr7Znqe5e0UCgyGh6AtAvYK6XB/RilPfpU8e+YwKgJ+g=",
        "4c31947496d854a01b7bcdbe4638fb7f525ee3a93a6c247c6f2e8b02f51c22df",
        1_778_307_200,
        "432d303030303432",
        "70469f2a009f27402652cb6b196ebe7d3f04f510ee8807221624e761c65603c8066112212e908f47fa1545aa7dfa01
         348e1a2cd736b12595931b8320546d82d4091ca331f5d47f0f9000",
    ),
    Vector(
        "pass.com.example.loyalty",
        "eddc2eccb1fb775041c8e352f9aeb05bec7f04dfc7be1a5571a94fd08a455403",
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACAM0EwB8E2Jiyfxx2I1kQ80rN92CHZnba9OBMvViOfQg=",
        "841fcdbcf53d9dfd3fb03f58668e6930a069ba3a52651bdbd99cd481a59670a0",
        1_794_268_800,
        "",
        "703e9f2a009f2738200307355510f0724f3a7bc52371e8414b94f53de50968eaf870906747f5ec74d8c77ebf8a0c34
         ae0f2cde365564f4891b60a9526969ccd69000",
    ),
    Vector(
        "pass.org.example.cafe.stamps",
        "49bc98f369436417d110bc7dcd1e5abae49cec1d1f8aa904e08b3a190e0eed8f",
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAD2rGY5l7c52qrR7VrCQs6zCY0rQHu2HNJYJokOOwCSPw=",
        "af7a0ecd26d01dd77650f2375505295b8e0fc3389caf5fe75fc71e25f03f07e7",
        3_125_790_847,
        "38663163336135322d373764302d346130652d396331622d3266366630613364356531317c5ac3a4686c657220377c
         7878787878787878787878787878787878",
        "707e9f2a009f2778717e69601cd845a9991155deb794cd2a82a4c01975b5769b75778d0f12d9a369f8d9493747e644
         0e6defc6ebb7dd7827c00f6edd621d10731ab84031391fe93b531f5e8c4db32ae5973eac1e22a7bf52d5e938056a9ca4
         35a2faab2dbf0d534917ec3a631bd6086f15100304c9deb9f089be1bd12fc82fb99000",
    ),
];

const MESSAGE: &str = "LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y";
const NOW_UNIX_S: i64 = 1_794_268_800;

fn clock(unix_s: i64) -> TimeSource {
    let now = Now {
        wall_ms: unix_s * 1_000 + 999,
        zone: TimeZone::UTC,
        boot_id: BootId([0; 16]),
        boot_ns: 0,
        trust: ClockTrust::Trusted,
    };
    Arc::new(move || now.clone())
}

/// An iPhone with pass A (and barcode "BARCODE"), then a pass of another type.
fn phone() -> IPhone {
    let mut ours = ApplePass::new(VECTORS[0].0, VECTORS[0].2, MESSAGE).expect("a sound key");
    ours.barcode = Some("BARCODE".to_owned());
    let other = ApplePass::new(VECTORS[2].0, VECTORS[2].2, "other").expect("a sound key");
    IPhone::new(vec![ours, other], clock(NOW_UNIX_S))
}

fn faulty(faults: &[&str]) -> IPhone {
    faults.iter().fold(phone(), |phone, fault| {
        phone.with_fault(&fault.parse().expect("never fails")).unwrap_or_else(|error| panic!("{error}"))
    })
}

fn unhex(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal")
}

fn ask(phone: &mut IPhone, command: &str) -> Vec<u8> {
    phone.answer(&unhex(command)).reply.bytes().to_vec()
}

/// GET VAS DATA for a pass type, as kormax' reader orders it.
fn get(pass_type_id: &str) -> String {
    let id = hex(&sha256(pass_type_id.as_bytes()));
    format!("80ca0101369f220201009f2520{id}9f2604008000029f280438fa97ff00")
}

fn status(answer: &[u8]) -> u16 {
    u16::from_be_bytes([answer[answer.len() - 2], answer[answer.len() - 1]])
}

/// The cryptogram in an answer.
fn cryptogram(answer: &[u8]) -> Vec<u8> {
    let outer = tlvs(&answer[..answer.len() - 2]).expect("BER-TLV");
    let inner = tlvs(outer[0].1).expect("BER-TLV");
    inner.iter().find(|(tag, _)| *tag == 0x9F27).expect("a cryptogram").1.to_vec()
}

/// The reader's side in a few lines: stamp (Unix) and message, or `None` when the tag does not hold.
fn open(sealed: &[u8], private: &str, pass_type_id: &str) -> Option<(i64, Vec<u8>)> {
    let group = p256().expect("P-256");
    let d = BigNum::from_slice(&unhex(private)).expect("a number");
    let mut context = BigNumContext::new().expect("memory");
    let point = EcPoint::from_bytes(&group, &[&[2], &sealed[4..36]].concat(), &mut context).ok()?;
    let mut product = EcPoint::new(&group).expect("memory");
    product.mul2(&group, &point, &d, &mut context).expect("a product");
    let z = x_of(&group, &product).expect("a point");
    let info = [b"\x0Did-aes256-GCMApplePay encrypted VAS data", &sha256(pass_type_id.as_bytes())[..]].concat();
    let key = sha256(&[&z[..], &[0, 0, 0, 1], &info].concat());
    let (body, tag) = sealed[36..].split_at(sealed.len() - 36 - 16);
    let plain = decrypt_aead(Cipher::aes_256_gcm(), &key, Some(&[0; 16]), &[], body, tag).ok()?;
    let stamp = u32::from_be_bytes(plain[..4].try_into().expect("four bytes"));
    Some((i64::from(stamp) + APPLE_EPOCH_UNIX_S, plain[4..].to_vec()))
}

#[test]
fn the_specifications_vectors_come_out_to_the_byte() {
    for Vector(pass_type_id, private, public, scalar, stamp, message, answer) in VECTORS {
        let pass = ApplePass {
            pass_type_id: pass_type_id.to_owned(),
            key: VasKey::from_base64(public).expect("a sound key"),
            message: unhex(message),
            barcode: None,
        };
        let scalar = unhex(scalar).try_into().expect("32 bytes");
        let mut phone = IPhone::new(vec![pass], clock(stamp)).with_ephemeral(Ephemeral::Scalar(scalar));
        ask(&mut phone, SELECT);
        let given = ask(&mut phone, &get(pass_type_id));
        assert_eq!(hex(&given), hex(&unhex(answer)), "{pass_type_id}");
        assert_eq!(open(&cryptogram(&given), private, pass_type_id), Some((stamp, unhex(message))));
        assert_eq!(open(&cryptogram(&given), private, "pass.other"), None, "the info binds the pass type");
    }
}

#[test]
fn a_whole_tap_over_the_virtual_reader() {
    let (reader, slot) = FakeReader::open();
    let presence = slot.present(Box::new(phone())).expect("the reader listens");
    let mut chip = reader.chip();
    let atr = chip.atr().expect("a phone");
    assert_eq!(atr[1..].iter().fold(0, |sum, byte| sum ^ byte), 0, "TCK");
    chip.send(&[0x01]);
    let fci = chip.transmit(&unhex(SELECT)).expect("an answer");
    assert_eq!((fci.len(), hex(&fci[..20])), (33, "6f1d50084170706c655061799f210201009f2404".to_owned()));
    assert_eq!(hex(&fci[24..]), "9f23040000001e9000");
    let first = chip.transmit(&unhex(&get(VECTORS[0].0))).expect("an answer");
    let sealed = cryptogram(&first);
    assert_eq!(open(&sealed, VECTORS[0].1, VECTORS[0].0), Some((NOW_UNIX_S, MESSAGE.as_bytes().to_vec())));
    assert_eq!(chip.transmit(&unhex(&get(VECTORS[0].0))), Some(vec![0x62, 0x87]), "a re-read");
    assert_eq!(chip.transmit(&unhex(&get(VECTORS[2].0))), Some(vec![0x6A, 0x83]), "not the pass on the screen");
    assert_eq!(chip.transmit(&unhex(&get("pass.unknown"))), Some(vec![0x6A, 0x83]));
    assert!(!presence.taken(Duration::ZERO), "the check mark waits for the field to drop");
    chip.send(&[0x00]);
    assert!(presence.taken(Duration::from_secs(20)));
    let presented = presence.lift();
    assert_eq!(presented.exchanges().len(), 5);

    let presence = slot.present(presented.handset.expect("handed back")).expect("the reader listens");
    let mut chip = reader.chip();
    chip.transmit(&unhex(SELECT));
    let second = chip.transmit(&unhex(&get(VECTORS[0].0))).expect("an answer");
    assert_eq!(status(&second), 0x9000, "a new presence");
    assert_ne!(cryptogram(&second)[4..36], sealed[4..36], "with a key of its own");
    drop(presence);
}

#[test]
fn commands_are_checked_as_a_phone_checks_them() {
    let id = hex(&sha256(VECTORS[0].0.as_bytes()));
    let full = |data: &str, tail: &str| format!("80ca0101{:02x}{data}{tail}", data.len() / 2);
    let v = "9f22020100";
    let t = "9f260400800002";
    let m = format!("9f2520{id}");
    let cases: [(String, u16); 26] = [
        (full(&format!("{v}{m}{t}"), "00"), 0x9000),
        (full(&format!("{v}9f280401020304{t}{m}"), "00"), 0x9000),
        (full(&format!("{v}{t}{m}9f2b050100000000df0101ff"), "00"), 0x9000),
        (full(&format!("{v}{t}{m}9f2b050000000000"), "00"), 0x6A80),
        (full(&format!("{v}{t}{m}9f2b050200000000"), "00"), 0x6A83),
        (full(&format!("{v}{t}{m}9f2b06010000000000"), "00"), 0x6700),
        (full(&format!("{v}{m}{t}"), ""), 0x6700),
        (full(&format!("{v}{m}{t}"), "10"), 0x6700),
        (full(&format!("{v}{m}{t}"), "0000"), 0x6700),
        (full(&format!("{m}{t}"), "00"), 0x6A80),
        (full(&format!("9f22020200{m}{t}"), "00"), 0x6A80),
        (full(&format!("9f220101{m}{t}"), "00"), 0x6700),
        (full(&format!("{v}{m}"), "00"), 0x6A80),
        (full(&format!("{v}{t}"), "00"), 0x6A80),
        (full(&format!("{v}{t}9f250101"), "00"), 0x6700),
        (full(&format!("{v}{m}9f2603008000"), "00"), 0x6700),
        (full(&format!("{v}{m}{t}9f2803010203"), "00"), 0x6700),
        (full(&format!("{v}{m}{t}9f28"), "00"), 0x6A80),
        ("80ca020100".to_owned(), 0x6B00),
        ("80ca010200".to_owned(), 0x6B00),
        (full(&format!("{v}{t}9f290568747470733a"), "00").replacen("0101", "0100", 1), 0x6A80),
        ("80ca010014 9f22020100 9f260400800002 9f290568747470 73 00".to_owned(), 0x9000),
        ("00a4040007d276000085010100".to_owned(), 0x6A82),
        ("00a4000c02e103".to_owned(), 0x6B00),
        ("80cb0000".to_owned(), 0x6D00),
        ("9060000000".to_owned(), 0x6E00),
    ];
    for (command, expected) in cases {
        let mut phone = phone();
        ask(&mut phone, SELECT);
        assert_eq!(format!("{:04X}", status(&ask(&mut phone, &command))), format!("{expected:04X}"), "{command}");
    }
}

#[test]
fn what_the_field_and_the_order_of_commands_do() {
    let mut phone = phone();
    let wanted = get(VECTORS[0].0);
    assert_eq!(status(&ask(&mut phone, &wanted)), 0x6985, "nothing selected");
    ask(&mut phone, SELECT);
    phone.field(Field::Reset);
    assert_eq!(status(&ask(&mut phone, &wanted)), 0x6985, "a reset ends the selection");
    let uid = ask(&mut phone, "ffca000000");
    assert_eq!((uid.len(), uid[0]), (6, 0x08), "a phone's UID is random");
    assert_eq!(ask(&mut phone, "ffca000000"), uid, "for this activation");
    assert_eq!(status(&ask(&mut phone, "ffb0000410")), 0x6A81);
    let mut paid = self::phone().with_payment_card();
    assert_eq!(hex(&ask(&mut paid, SELECT)[24..]), "9f23040000003e9000");
    assert_eq!(status(&ask(&mut paid, &get(VECTORS[2].0))), 0x9000, "whatever is on the screen");
    assert_eq!(status(&ask(&mut paid, &wanted)), 0x9000);
    assert_eq!(status(&ask(&mut paid, &wanted)), 0x6287, "once each");
}

#[test]
fn faults_show_what_their_names_say() {
    let wanted = get(VECTORS[0].0);
    let tap = |faults: &[&str]| {
        let mut phone = faulty(faults);
        let fci = ask(&mut phone, SELECT);
        (fci, ask(&mut phone, &wanted))
    };
    let opened = |faults: &[&str]| open(&cryptogram(&tap(faults).1), VECTORS[0].1, VECTORS[0].0);
    let message = |text: &[u8]| Some((NOW_UNIX_S, text.to_vec()));
    assert_eq!(opened(&[]), message(MESSAGE.as_bytes()));
    assert_eq!(opened(&["odd-form"]), message(MESSAGE.as_bytes()));
    assert_eq!(opened(&["stale=301"]), Some((NOW_UNIX_S - 301, MESSAGE.as_bytes().to_vec())));
    assert_eq!(opened(&["future"]), Some((NOW_UNIX_S + 600, MESSAGE.as_bytes().to_vec())));
    assert_eq!(opened(&["not-lc1"]), message(b"C-000042"));
    assert_eq!(opened(&["too-long"]), message(&[b'0'; 80]));
    assert_eq!(opened(&["empty"]), message(b""));
    assert_eq!(opened(&["barcode"]), message(b"BARCODE"));
    for fault in ["flipped-tag", "off-curve", "misfit-key", "wrong-key"] {
        assert_eq!(opened(&[fault]), None, "{fault}");
        let ours = cryptogram(&tap(&[fault]).1)[..4] == unhex("2652cb6b")[..];
        assert_eq!(ours, fault != "wrong-key", "{fault}");
    }
    assert_eq!(status(&tap(&["no-pass"]).1), 0x6A83);
    assert_eq!(status(&tap(&["not-apple"]).0), 0x6A82);
    assert_eq!(hex(&tap(&["version"]).0[12..17]), "9f21020200");
    assert_eq!(hex(&tap(&["no-vas"]).0[24..31]), "9f230400000016");
}

#[test]
fn a_locked_phone_and_a_chooser_give_in_after_so_many_times() {
    for (fault, sw) in [("locked=2", 0x6287), ("choose=2", 0x6984), ("locked=always", 0x6287)] {
        let mut phone = faulty(&[fault]);
        let mut answers = Vec::new();
        for _ in 0..3 {
            ask(&mut phone, SELECT);
            answers.push(status(&ask(&mut phone, &get(VECTORS[0].0))));
            phone.field(Field::Reset);
        }
        let last = if fault == "locked=always" { sw } else { 0x9000 };
        assert_eq!(answers, [sw, sw, last], "{fault}");
    }
}

#[test]
fn a_replay_is_the_same_cryptogram_in_the_next_tap_and_in_the_next_run() {
    let file = std::env::temp_dir().join(format!("stampd-phone-replay-{}", std::process::id()));
    let fault = format!("replay={}", file.display());
    let tap = |phone: &mut IPhone| {
        phone.lifted();
        ask(phone, SELECT);
        ask(phone, &get(VECTORS[0].0))
    };
    let mut phone = faulty(&[&fault]);
    let first = tap(&mut phone);
    assert_eq!(tap(&mut phone), first);
    assert_eq!(tap(&mut faulty(&[&fault])), first, "another run");
    std::fs::write(&file, "not hex").expect("a scratch file");
    let refused = self::phone().with_fault(&fault.parse().expect("never fails"));
    assert!(refused.err().expect("no record").to_string().contains("remove it"));
    std::fs::remove_file(&file).expect("a scratch file");
    let mut unrecorded = faulty(&["replay"]);
    assert_eq!(tap(&mut unrecorded), tap(&mut unrecorded));
}

#[test]
fn every_listed_fault_is_understood_and_no_other() {
    for kind in FAULTS {
        faulty(&[kind.name]);
    }
    for wrong in ["melted", "locked=x", "empty=1", "replay=/nowhere\0"] {
        assert!(phone().with_fault(&wrong.parse().expect("never fails")).is_err(), "{wrong:?}");
    }
    let mut bare = phone();
    bare.passes[0].barcode = None;
    assert!(bare.with_fault(&"barcode".parse().expect("never fails")).is_err());
}

#[test]
fn keys_that_are_no_p256_points_are_refused() {
    let p384 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP384R1).expect("P-384")).expect("a key");
    let der = PKey::from_ec_key(p384).and_then(|key| key.public_key_to_der()).expect("DER");
    for wrong in ["", "AAAA", "not base64!", &openssl::base64::encode_block(&der)] {
        assert!(ApplePass::new("pass.x", wrong, "m").is_err(), "{wrong}");
    }
}

#[test]
fn nothing_that_a_reader_sends_makes_the_phone_panic() {
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    let mut byte = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as u8
    };
    let good = unhex(&get(VECTORS[0].0));
    for round in 0..20_000usize {
        let mut phone_bytes = if round % 2 == 0 { good.clone() } else { (0..round % 300).map(|_| byte()).collect() };
        if round % 2 == 0 {
            let at = usize::from(byte()) % phone_bytes.len();
            phone_bytes[at] = byte();
            phone_bytes.truncate(phone_bytes.len() - usize::from(byte()) % 3 * (round % 20));
        }
        // Names only: sealing 20,000 passes would take a minute.
        let mut phone = IPhone::new(Vec::new(), clock(0));
        phone.selected = true;
        assert!(phone.answer(&phone_bytes).reply.bytes().len() >= 2);
    }
}
