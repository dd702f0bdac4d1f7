//! The vectors of apple-vas.md section 12, the negative cases derived from them, and every status word of section 7.

use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::nid::Nid;
use openssl::sha::sha256;
use openssl::symm::{Cipher, encrypt_aead};
use proptest::prelude::*;

use super::open::derive_key;
use super::*;
use crate::pure::tap::TokenProblem;

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
}

fn key(scalar_hex: &str) -> VasKey {
    VasKey::from_scalar(&bytes(scalar_hex).try_into().unwrap()).unwrap()
}

const D_PASSKIT: &str = "3d1547f23cd78ad052a58860f1219e8fb791ec4dfe33769f5b9bfa627a656ca1";
const D_A: &str = "8b5bab851239d9b6e4c8e9b818150d2271df47f0207d66dd28a5001ad5a922b8";
const D_B: &str = "eddc2eccb1fb775041c8e352f9aeb05bec7f04dfc7be1a5571a94fd08a455403";
const D_C: &str = "49bc98f369436417d110bc7dcd1e5abae49cec1d1f8aa904e08b3a190e0eed8f";

const ANSWER_T1: &str =
    "70549f2a009f274ec0b77375d3f37956d84a538f28ac2a04b38ddc1a67d3647a4dd30abd736ea1cea8038388692e89db
    99e4746d872de782395640c536e79a75c47a9343da0af3937f06eeca7a865c4ad05a2c543ad29000";
const CRYPTOGRAM_T2: &str =
    "c0b77375eae416b79449347f9fe838c05cdb57dc7470b97b93b806cb348771d9bfbe29d58538c7c7d7c3d015fa205b68
    bfccd726058a62f7f44085ac98dbf877120fd9059f1507b956e0a6d56d0a";
const ANSWER_A: &str = "70469f2a009f27402652cb6b196ebe7d3f04f510ee8807221624e761c65603c8066112212e908f47fa1545aa7dfa01
    348e1a2cd736b12595931b8320546d82d4091ca331f5d47f0f9000";
const ANSWER_B: &str = "703e9f2a009f2738200307355510f0724f3a7bc52371e8414b94f53de50968eaf870906747f5ec74d8c77ebf8a0c34
    ae0f2cde365564f4891b60a9526969ccd69000";
const ANSWER_C: &str = "707e9f2a009f2778717e69601cd845a9991155deb794cd2a82a4c01975b5769b75778d0f12d9a369f8d9493747e644
    0e6defc6ebb7dd7827c00f6edd621d10731ab84031391fe93b531f5e8c4db32ae5973eac1e22a7bf52d5e938056a9ca4
    35a2faab2dbf0d534917ec3a631bd6086f15100304c9deb9f089be1bd12fc82fb99000";

const SELECT_ANSWER: &str = "6f1d50084170706c655061799f210201009f2404e9caede39f23040000003e9000";

fn passkit() -> PassType {
    PassType::new("pass.com.passkit.pksamples.nfcdemo").unwrap()
}

fn cafe() -> PassType {
    PassType::new("pass.org.example.cafe.stamps").unwrap()
}

/// Pass type and key of vector A.
pub(in crate::pure::tap) fn vector_a() -> (PassType, VasKey) {
    (PassType::new("pass.com.example.loyalty").unwrap(), key(D_A))
}

fn cryptogram(answer_hex: &str) -> Vec<u8> {
    match DataAnswer::parse(&bytes(answer_hex)) {
        DataAnswer::Cryptogram(cryptogram) => cryptogram.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Seals as a phone does, from public data alone: that anybody can is why the message needs a MAC of its own.
pub(in crate::pure::tap) fn seal(key: &VasKey, pass_type: &PassType, stamp_2001_s: u32, message: &[u8]) -> Vec<u8> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ephemeral = EcKey::generate(&group).unwrap();
    let mut context = openssl::bn::BigNumContext::new().unwrap();
    let point = ephemeral.public_key().to_bytes(&group, PointConversionForm::COMPRESSED, &mut context).unwrap();
    let x: [u8; 32] = point[1..].try_into().unwrap();
    let aes_key = derive_key(&key.agree_with_x(&x).unwrap(), pass_type);
    let plain = [&stamp_2001_s.to_be_bytes()[..], message].concat();
    let mut tag = [0; 16];
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), &aes_key, Some(&[0; 16]), &[], &plain, &mut tag).unwrap();
    [&key.key_id()[..], &x, &sealed, &tag].concat()
}

#[test]
fn opens_the_phone_captures_and_the_made_vectors() {
    let message_c = bytes(
        "38663163336135322d373764302d346130652d396331622d3266366630613364356531317c5ac3a4686c657220377c
         7878787878787878787878787878787878",
    );
    let (type_a, _) = vector_a();
    let cases = [
        (cryptogram(ANSWER_T1), passkit(), D_PASSKIT, 1_688_920_558, b"6d1UlFpnOc50iVKRaboDOK".to_vec()),
        (bytes(CRYPTOGRAM_T2), passkit(), D_PASSKIT, 1_688_913_590, b"499g3sYcKCp7WVI9qVogyT".to_vec()),
        (cryptogram(ANSWER_A), type_a, D_A, 1_778_307_200, b"C-000042".to_vec()),
        (cryptogram(ANSWER_C), cafe(), D_C, 3_125_790_847, message_c),
    ];
    for (cryptogram, pass_type, scalar, stamp_unix_s, message) in cases {
        let opened = open(&cryptogram, &pass_type, &VasKeys::new([key(scalar)]));
        assert_eq!(opened, Ok(VasMessage { stamp_unix_s, message, proof: sha256(&cryptogram) }));
    }
}

#[test]
fn derives_the_key_ids_public_keys_and_secrets_of_the_vectors() {
    let cases = [
        (D_PASSKIT, "c0b77375", None),
        (D_A, "2652cb6b", Some("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADr7Znqe5e0UCgyGh6AtAvYK6XB/RilPfpU8e+YwKgJ+g=")),
        (D_B, "20030735", Some("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACAM0EwB8E2Jiyfxx2I1kQ80rN92CHZnba9OBMvViOfQg=")),
        (D_C, "717e6960", Some("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAD2rGY5l7c52qrR7VrCQs6zCY0rQHu2HNJYJokOOwCSPw=")),
    ];
    for (scalar, key_id, public) in cases {
        assert_eq!(key(scalar).key_id().to_vec(), bytes(key_id));
        let written = key(scalar).encryption_public_key();
        assert_eq!(written.len(), 80);
        assert!(public.is_none_or(|public| public == written), "{written}");
    }
    let secrets = [
        (
            ANSWER_T1,
            D_PASSKIT,
            passkit(),
            "63813b5efcc1d744b0888ca05d52dad97b73731f4c3b3283655b6a3219263911",
            "c5a7023fe339ea5a39f0b3fba2defdacd37b639e96028daf6dbd362c32b291bf",
        ),
        (
            ANSWER_A,
            D_A,
            vector_a().0,
            "3c4c490ae05f1876928d6aa581eeff69158a86ba2dc37e6708ac2cea75b9684e",
            "7f896834c9edf4909eb7a07fba9219ab2d82bf910575e724c11d9cfd087d9086",
        ),
        (
            ANSWER_B,
            D_B,
            vector_a().0,
            "85514ad2457d228e4eaf6fd8b707182fe8f49f3600d4f3b0facb7e73aa98d40a",
            "d8562940a17d97b967950ac37be0233745a487782414d14a95c6d216ea0df077",
        ),
        (
            ANSWER_C,
            D_C,
            cafe(),
            "0080f33434e13e84ec3f22ab38784bcaf61d92a8ebae957abdfa6ed8d5d065b6",
            "23a96ceadd7b3f135a217e9a05ab8b633360464a927c746cc39b4c3b097ceeec",
        ),
    ];
    for (answer, scalar, pass_type, z_hex, aes_hex) in secrets {
        let x: [u8; 32] = cryptogram(answer)[4..36].try_into().unwrap();
        let z = key(scalar).agree_with_x(&x).unwrap();
        assert_eq!(z.to_vec(), bytes(z_hex));
        assert_eq!(derive_key(&z, &pass_type).to_vec(), bytes(aes_hex));
    }
    assert_eq!(
        cafe().merchant_id().to_vec(),
        bytes("85c7654687922c9f695eaf583a33026b542a4eab6d671aac37fe04f63372778f")
    );
}

#[test]
fn refuses_an_empty_message_a_foreign_key_and_another_pass_type() {
    let (type_a, key_a) = vector_a();
    let keys = VasKeys::new([key_a.clone(), key(D_B)]);
    assert_eq!(open(&cryptogram(ANSWER_B), &type_a, &keys), Err(TokenProblem::Unknown), "vector B is empty");
    let foreign = open(&cryptogram(ANSWER_C), &cafe(), &keys);
    assert_eq!(foreign, Err(TokenProblem::ForeignKey { key_id: [0x71, 0x7E, 0x69, 0x60] }));
    let other_type = open(&cryptogram(ANSWER_A), &cafe(), &keys);
    assert_eq!(other_type, Err(TokenProblem::Broken("the tag does not hold")));
    // The key id of another key that the shop has: its key opens nothing.
    let mut misnamed = cryptogram(ANSWER_A);
    misnamed[..4].copy_from_slice(&key(D_B).key_id());
    assert_eq!(open(&misnamed, &type_a, &keys), Err(TokenProblem::Broken("the tag does not hold")));
    assert!(open(&cryptogram(ANSWER_A), &type_a, &keys).is_ok());
}

#[test]
fn refuses_an_x_that_is_no_point() {
    let (type_a, key_a) = vector_a();
    let keys = VasKeys::new([key_a]);
    let mut off_curve = 0;
    for last in 0..=255 {
        let mut changed = cryptogram(ANSWER_A);
        changed[35] = last;
        match open(&changed, &type_a, &keys) {
            Ok(_) => assert_eq!(changed, cryptogram(ANSWER_A)),
            Err(TokenProblem::Broken("the ephemeral key is no point of the curve")) => off_curve += 1,
            Err(problem) => assert_eq!(problem, TokenProblem::Broken("the tag does not hold")),
        }
    }
    assert!((80..176).contains(&off_curve), "about half of all X are no point, here {off_curve} of 255");
    let mut beyond_field = cryptogram(ANSWER_A);
    beyond_field[4..36].fill(0xFF);
    assert!(matches!(open(&beyond_field, &type_a, &keys), Err(TokenProblem::Broken(_))));
}

#[test]
fn every_flipped_bit_and_every_other_length_is_refused() {
    let (type_a, key_a) = vector_a();
    let keys = VasKeys::new([key_a]);
    let whole = cryptogram(ANSWER_A);
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[index] ^= 1 << bit;
            let opened = open(&changed, &type_a, &keys);
            match opened {
                Err(TokenProblem::ForeignKey { .. }) => assert!(index < 4),
                Err(TokenProblem::Broken(_)) => assert!(index >= 4),
                other => panic!("byte {index} bit {bit}: {other:?}"),
            }
        }
    }
    for length in 0..=200 {
        let mut other: Vec<u8> = whole.iter().copied().cycle().take(length).collect();
        other.resize(length, 0);
        assert_eq!(open(&other, &type_a, &keys).is_ok(), length == whole.len(), "{length}");
    }
}

#[test]
fn keys_with_equal_ids_are_each_tried() {
    // Two keys with one four-byte id cannot be made to order; the same map entry with another key in front shows the loop.
    let (type_a, key_a) = vector_a();
    let keys = VasKeys::with_entry(key_a.key_id(), vec![key(D_C), key_a.clone()]);
    assert!(open(&cryptogram(ANSWER_A), &type_a, &keys).is_ok());
    let keys = VasKeys::with_entry(key_a.key_id(), vec![key(D_C), key(D_B)]);
    assert!(matches!(open(&cryptogram(ANSWER_A), &type_a, &keys), Err(TokenProblem::Broken(_))));
}

#[test]
fn reads_keys_as_pem_and_der_and_refuses_others() {
    use openssl::pkey::PKey;
    use openssl::symm::Cipher;
    let key_a = key(D_A);
    let pkcs8 = key_a.to_pem().unwrap();
    let private = PKey::private_key_from_pem(&pkcs8).unwrap();
    let sec1 = private.ec_key().unwrap().private_key_to_pem().unwrap();
    // What `openssl ecparam -genkey` writes without -noout: the curve's parameters first.
    let parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let with_parameters = [&parameters[..], &sec1].concat();
    let der_sec1 = private.ec_key().unwrap().private_key_to_der().unwrap();
    let der_pkcs8 = private.private_key_to_pkcs8().unwrap();
    for form in [&pkcs8, &sec1, &with_parameters, &der_sec1, &der_pkcs8] {
        assert_eq!(VasKey::from_bytes(form).unwrap().key_id(), key_a.key_id());
    }
    let p384 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP384R1).unwrap()).unwrap();
    let p384 = PKey::from_ec_key(p384).unwrap().private_key_to_pem_pkcs8().unwrap();
    let ed25519 = PKey::generate_ed25519().unwrap().private_key_to_pem_pkcs8().unwrap();
    assert_eq!(VasKey::from_bytes(&p384).map(|key| key.key_id()), Err(KeyProblem::OtherCurve));
    assert_eq!(VasKey::from_bytes(&ed25519).map(|key| key.key_id()), Err(KeyProblem::OtherCurve));
    let guarded = private.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret").unwrap();
    let public = private.public_key_to_pem().unwrap();
    for form in [&guarded[..], &public, b"", b"-----BEGIN EC PRIVATE KEY-----\n", &pkcs8[..60], &der_sec1[..50]] {
        assert_eq!(VasKey::from_bytes(form).map(|key| key.key_id()), Err(KeyProblem::Unreadable));
    }
    assert_eq!(VasKey::from_scalar(&[0; 32]).map(|key| key.key_id()), Err(KeyProblem::Unreadable));
    assert_eq!(VasKey::from_scalar(&[0xFF; 32]).map(|key| key.key_id()), Err(KeyProblem::Unreadable));
    assert_eq!(format!("{key_a:?}"), "KeyPair(afb667a9…)");
}

#[test]
fn pass_type_identifiers_are_printable_ascii() {
    assert!(PassType::new(&"x".repeat(255)).is_ok());
    for wrong in ["", "pass com", "pass.café", "a\n", &"x".repeat(256)] {
        assert_eq!(PassType::new(wrong), Err(PassTypeError), "{wrong}");
    }
}

/// Feeds answers and returns the commands that were sent and how it ended.
fn exchange(pass_types: &[PassType], answers: &[&[u8]]) -> (Vec<Vec<u8>>, Exchange) {
    let mut machine = AppleVas::new(pass_types, [7; 32]);
    let mut step = machine.start();
    let mut commands = Vec::new();
    let mut answers = answers.iter();
    loop {
        match step {
            Step::Transmit(command) => {
                commands.push(command);
                step = machine.feed(answers.next().copied().unwrap_or_default());
            }
            Step::Done(exchange) => return (commands, exchange),
        }
    }
}

#[test]
fn one_pass_type_takes_exactly_two_commands() {
    let (type_a, _) = vector_a();
    let mut random = [0; 32];
    random[..4].copy_from_slice(&[0x38, 0xFA, 0x97, 0xFF]);
    let mut machine = AppleVas::new(&[type_a], random);
    assert_eq!(machine.wait_ms_max(), SELECT_WAIT_MS_MAX);
    assert_eq!(machine.start(), Step::Transmit(bytes("00A404000A4F53452E5641532E303100")));
    let request = "80CA010136 9F22020100 9F25205888D01EBEEADF85C8B01EB437DD53D97F9B7D05761311C597340088BBB20B41
                   9F260400800002 9F280438FA97FF 00";
    assert_eq!(machine.feed(&bytes(SELECT_ANSWER)), Step::Transmit(bytes(request)));
    assert_eq!(machine.wait_ms_max(), DATA_WAIT_MS_MAX);
    let sealed = Sealed::AppleVas { pass_type: 0, cryptogram: cryptogram(ANSWER_A) };
    let end = Step::Done(Exchange { found: Found::Sealed(vec![sealed]), release: Release::Unpower });
    assert_eq!(machine.feed(&bytes(ANSWER_A)), end);
    assert_eq!(machine.feed(&bytes(ANSWER_A)), end, "what comes after the end changes nothing");
    assert!(machine.notes().is_empty());
}

#[test]
fn every_status_word_of_select_has_its_next_step() {
    use TapProblem::*;
    let (type_a, _) = vector_a();
    let other = (Found::OtherProtocol, 1);
    let problem = |problem, commands| (Found::Problem(problem), commands);
    let cases: [(&str, (Found, usize)); 20] = [
        ("6a82", other.clone()),
        ("6f0e 500a 416e64726f6964506179 5101 00 9000", problem(ChipError, 1)),
        ("6f0c 500a 416e64726f6964506179 9000", other.clone()),
        ("6f00 9000", other.clone()),
        ("9000", other.clone()),
        ("0102 9000", other),
        ("6f1d 5008 4170706c65506179 9f2102 0200 9f2404e9caede3 9f23040000003e 9000", problem(ChipError, 1)),
        ("6f0a 5008 4170706c65506179 9000", problem(ChipError, 1)),
        ("6f16 5008 4170706c65506179 9f2102 0100 9f2304 00000036 9000", problem(NoPass, 1)),
        ("6f1d 5008 4170 9000", problem(ChipError, 1)),
        ("6a81", problem(NoPass, 1)),
        ("6a80", problem(ChipError, 1)),
        ("6700", problem(ChipError, 1)),
        ("6b00", problem(ChipError, 1)),
        ("6110", problem(ChipError, 1)),
        ("", problem(HoldStill, 1)),
        ("90", problem(HoldStill, 1)),
        // One more SELECT, which finds the phone gone.
        ("6985", problem(HoldStill, 2)),
        ("6d00", problem(HoldStill, 2)),
        ("6f83", problem(HoldStill, 2)),
    ];
    for (answer, (found, count)) in cases {
        let (commands, end) = exchange(std::slice::from_ref(&type_a), &[&bytes(answer)]);
        assert_eq!((end, commands.len()), (Exchange { found, release: Release::Leave }, count), "{answer}");
    }
}

#[test]
fn every_status_word_of_get_vas_data_has_its_next_step() {
    use Release::*;
    use TapProblem::*;
    let (type_a, _) = vector_a();
    let cases = [
        ("6a83", NoPass, Leave, 2),
        ("6287", UnlockPhone, Reset, 2),
        ("6982", UnlockPhone, Reset, 2),
        ("6984", ChoosePass, Reset, 2),
        ("6a81", NoPass, Leave, 2),
        ("6700", ChipError, Leave, 2),
        ("6a80", ChipError, Leave, 2),
        ("6b00", ChipError, Leave, 2),
        ("6105", ChipError, Leave, 2),
        ("9000", ChipError, Leave, 2),
        ("7003 9f2a00 9000", ChipError, Leave, 2),
        ("7046 9f2a 9000", ChipError, Leave, 2),
        ("", HoldStill, Leave, 2),
        ("70", HoldStill, Leave, 2),
        ("6985", HoldStill, Leave, 3),
        ("6d00", HoldStill, Leave, 3),
        ("6e00", HoldStill, Leave, 3),
        ("6a82", HoldStill, Leave, 3),
        ("a12b", HoldStill, Leave, 3),
    ];
    for (answer, problem, release, count) in cases {
        let (commands, end) = exchange(std::slice::from_ref(&type_a), &[&bytes(SELECT_ANSWER), &bytes(answer)]);
        let expected = Exchange { found: Found::Problem(problem), release };
        assert_eq!((end, commands.len()), (expected, count), "{answer}");
    }
}

#[test]
fn a_lost_state_is_selected_again_once() {
    let (type_a, _) = vector_a();
    let select = bytes(SELECT_ANSWER);
    let answer = bytes(ANSWER_A);
    let lost = bytes("6985");
    let (commands, end) = exchange(std::slice::from_ref(&type_a), &[&select, &lost, &select, &answer]);
    assert_eq!(commands[0], commands[2]);
    assert_eq!(commands[1], commands[3]);
    assert!(matches!(end.found, Found::Sealed(_)));
    let (commands, end) = exchange(&[type_a], &[&select, &lost, &select, &lost, &select]);
    assert_eq!((commands.len(), end.found), (4, Found::Problem(TapProblem::ChipError)));
}

#[test]
fn several_pass_types_are_asked_for_in_order() {
    let types = [cafe(), vector_a().0, passkit()];
    let (select, none, unlock) = (bytes(SELECT_ANSWER), bytes("6a83"), bytes("6287"));
    let (a, c) = (bytes(ANSWER_A), bytes(ANSWER_C));
    let sealed = |pass_type, answer| Sealed::AppleVas { pass_type, cryptogram: cryptogram(answer) };

    let (commands, end) = exchange(&types, &[&select, &none, &a, &none]);
    assert_eq!(end, Exchange { found: Found::Sealed(vec![sealed(1, ANSWER_A)]), release: Release::Unpower });
    let capabilities: Vec<u8> = commands[1..].iter().map(|command| command[51]).collect();
    assert_eq!(capabilities, [0x82, 0x82, 0x02], "all but the last say that more follow");
    assert_eq!(commands[2][13..45], types[1].merchant_id());

    let (_, end) = exchange(&types, &[&select, &c, &a, &none]);
    assert_eq!(end.found, Found::Sealed(vec![sealed(0, ANSWER_C), sealed(1, ANSWER_A)]));
    let (commands, end) = exchange(&types, &[&select, &none, &none, &none]);
    assert_eq!((commands.len(), end.found), (4, Found::Problem(TapProblem::NoPass)));
    let (commands, end) = exchange(&types, &[&select, &none, &unlock]);
    assert_eq!((commands.len(), end.found), (3, Found::Problem(TapProblem::UnlockPhone)));
    // What was given stays given, whatever comes after it.
    for after in [&unlock[..], &[], b"\x69\x84", b"\x67\x00", b"\x90\x00"] {
        let (_, end) = exchange(&types, &[&select, &c, after]);
        assert_eq!(end, Exchange { found: Found::Sealed(vec![sealed(0, ANSWER_C)]), release: Release::Unpower });
    }
    let many = vec![cafe(); 12];
    let (commands, _) = exchange(&many, &[&[&select[..]], &vec![&none[..]; 12][..]].concat());
    assert_eq!(commands.len(), 1 + PASS_TYPES_MAX);
    assert_eq!(commands[PASS_TYPES_MAX][51], 0x02);
    assert_eq!(exchange(&[], &[]).1.found, Found::OtherProtocol);
}

#[test]
fn log_notes_name_the_command_and_its_status_word() {
    let mut machine = AppleVas::new(&[cafe()], [0; 32]);
    machine.start();
    let Step::Transmit(command) = machine.feed(&bytes(SELECT_ANSWER)) else { panic!("no request") };
    machine.feed(&bytes("6a80"));
    assert_eq!(machine.notes(), [Note::Status { command, status: StatusWord::WrongData }]);
}

#[test]
fn every_cut_of_a_good_answer_ends_without_a_cryptogram() {
    let (type_a, _) = vector_a();
    let good = [bytes(SELECT_ANSWER), bytes(ANSWER_A)];
    for (stage, whole) in good.iter().enumerate() {
        for length in 0..whole.len() {
            let plainly_cut = whole[..length].to_vec();
            let keeps_status = [&whole[..length.saturating_sub(2)], &[0x90, 0x00]].concat();
            for cut in [plainly_cut, keeps_status] {
                let answers = if stage == 0 { vec![&cut[..]] } else { vec![&good[0][..], &cut] };
                let (commands, end) = exchange(std::slice::from_ref(&type_a), &answers);
                let booked = matches!(end.found, Found::Sealed(_)) && cut != good[1];
                assert!(!booked && commands.len() <= 4, "stage {stage}, {length} bytes: {end:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_answers_end_the_exchange(
        answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..12),
        types in 0usize..10,
    ) {
        let types = vec![cafe(); types];
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let (commands, _) = exchange(&types, &answers);
        prop_assert!(commands.len() <= 3 + PASS_TYPES_MAX);
    }

    #[test]
    fn any_answers_of_a_known_shape_end_the_exchange(
        answers in proptest::collection::vec(
            prop_oneof![
                Just(bytes(SELECT_ANSWER)),
                Just(bytes(ANSWER_C)),
                any::<u16>().prop_map(|status| status.to_be_bytes().to_vec()),
                Just(vec![0x6A, 0x83]),
                Just(vec![0x69, 0x85]),
            ],
            0..16,
        ),
    ) {
        let types = vec![cafe(); PASS_TYPES_MAX];
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let (commands, end) = exchange(&types, &answers);
        prop_assert!(commands.len() <= 3 + PASS_TYPES_MAX);
        prop_assert_eq!(matches!(end.found, Found::Sealed(_)), end.release == Release::Unpower);
    }

    #[test]
    fn any_bytes_open_to_nothing(tail in proptest::collection::vec(any::<u8>(), 0..140)) {
        let (type_a, key_a) = vector_a();
        let cryptogram = [&key_a.key_id()[..], &tail].concat();
        prop_assert!(open(&cryptogram, &type_a, &VasKeys::new([key_a])).is_err());
    }
}
