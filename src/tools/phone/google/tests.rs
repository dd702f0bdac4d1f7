//! The specification's vectors come out to the byte, and a terminal of a few lines reads what the phone seals.

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt};

use super::super::bytes::{from_hex, tlvs};
use super::super::deflate::tests::inflate;
use super::super::vpcd::tests::FakeReader;
use super::*;

const OSE: &str = "00A404000A4F53452E5641532E303100";
const SECOND: &str = "00A4040009A000000476D000011100";
const MORE: [u8; 5] = [0x90, 0xC0, 0, 0, 0];
const VALUE: &str = "LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y";
const COLLECTOR: u32 = 20_180_608;
const TERMINAL_PUBLIC: &str = "03721c978fcebdcdf98a8518bdc4fedfd802b4ee4128e2513b665593375e238786";
const TERMINAL_PRIVATE: &str = "826d17e50767b165b0e4d9e332f8d1d1e20224284fb4daf1e50a03246e70797d";

// google-smart-tap.md sections 14.2 to 14.4.
const V1_NEGOTIATE: &str = "90530000bdd403b76e6772000194030a7365735d1fedd64e15d2af010154039f637072427fe5cd629878c5aecdb7750a2f2e33374c5c0047278966e2df2a21d36441de0102a34124252b87195b6017cfd9c29611f0d89b21c1c6dce536f0b3c697d448776900000001940348736967043045022100f732b650af4d0caf76af2c3b7d4656cef7d1917aba6daa8c7ba502de1a18dc630220053568c1ff6db2040772b9816802543254b19589af5936d2c1d3cba7665ee0a9540305636c64040133ee8000";
const V1_NRS: &str = "d403376e727394030a7365735d1fedd64e15d2af020154032164706b0242e50347d28caef6fe2aeb4a5fa66535f4f2964a321f024aff33c1ad01c1eb4f";
const V1_GET: &str = "9050000041d4033b737271000194030a7365735d1fedd64e15d2af030114030b6d6572d40305636c64040133ee80140307736c72d4030173747203540305706372000000000100";
const V1_SRS: &str = "d4037973727394030a7365735d1fedd64e15d2af040154036372656201168cb4f5eb47ccbc114bb6032666bcb2c173e6185b536053d177f4ecfbbf1ae063f78f95dd5dd2f074d78369e5499cdb17cf5e747a8264e2e7dada0c6af40363d152de3138c3c46c411edabd075336351499f22cf65af4d798fc68475329fed53c98";
const V2_PLAIN: &str = "c4030000018361737694010669040100a1b2c34402000001716c799403096f696404f7b52915e9ded93949010000015901546e007b226b223a224772c3bcc39f65222c22706164223a226162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162227d";
const V2_SIGNATURE: &str = "304602210094878a25249f647b6d2c08c553cdae518e72009e92b431b10342c9fd4e95ea3c022100da9a83db0c03e12e6ae7dab29e389e92717fc6c60d02fe962e6b0c6bc2345c7e";
const V3_SIGNATURE: &str = "3045022100a84de710766bbf528802c824d153e7e395daaccf9b19762b60692bacc16d2fdb02200503cce582cfafe3950e04f2c7621560f4c9d8f9416f64712f7d7dee26dc0b37";
const V3_REB: &str = "01e7fd566ec226fc96ced1b6d6ca214295d73350ecc2f6507209df1bd14c6839ad7c582754d3c1b9faafb8225950e15edc765ebd52c099317cb7d8241d95ca4d1ef8622d3f7c2a452cbe701cd044e523b440ce9740c6df746e2321991848ef2f8558c7d1f2d06b86e0fe251c5dac1636ac7b2f6638bb40785306232415ddb2b5c02a25c1712024feb6b21262d5cfc56d4ac17c4e364f8d95e8b2903a56d5374e23209f0a2fd3d3df609654763af4d7fa12ae";

fn unhex(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal")
}

fn fixed<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().expect("the right length")
}

fn p256() -> EcGroup {
    EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256")
}

fn context() -> BigNumContext {
    BigNumContext::new().expect("memory")
}

fn private(scalar: &str) -> EcKey<Private> {
    let group = p256();
    let d = BigNum::from_slice(&unhex(scalar)).expect("a number");
    let mut point = EcPoint::new(&group).expect("memory");
    point.mul_generator2(&group, &d, &mut context()).expect("a point");
    EcKey::from_private_components(&group, &d, &point).expect("a key")
}

fn public(point: &[u8]) -> PKey<Public> {
    let group = p256();
    let point = EcPoint::from_bytes(&group, point, &mut context()).expect("a point");
    EcKey::from_public_key(&group, &point).and_then(PKey::from_ec_key).expect("a key")
}

fn pass(collector_id: u32, key_version: u32, terminal: &str, value: &str) -> GooglePass {
    let pem = public(&unhex(terminal)).public_key_to_pem().expect("PEM");
    let pem = String::from_utf8(pem).expect("ASCII");
    GooglePass::new(collector_id, key_version, &pem, value).expect("a sound key")
}

fn phone() -> AndroidPhone {
    let mut pass = pass(COLLECTOR, 1, TERMINAL_PUBLIC, VALUE);
    pass.barcode = Some("BARCODE".to_owned());
    AndroidPhone::new(pass)
}

fn faulty(fault: &str) -> AndroidPhone {
    phone().with_fault(&fault.parse().expect("never fails")).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(phone: &mut AndroidPhone, command: &[u8]) -> Vec<u8> {
    phone.answer(command).reply.bytes().to_vec()
}

fn status(answer: &[u8]) -> u16 {
    u16::from_be_bytes([answer[answer.len() - 2], answer[answer.len() - 1]])
}

fn data(answer: &[u8]) -> &[u8] {
    &answer[..answer.len() - 2]
}

/// The terminal's side of one session.
struct Terminal {
    collector: u32,
    key_version: u32,
    long: EcKey<Private>,
    session: [u8; 8],
    nonce: [u8; 32],
    key: EcKey<Private>,
    sequence: u8,
    live: bool,
    system: u8,
    signature: Option<Vec<u8>>,
    opening: Option<([u8; 16], [u8; 32])>,
}

impl Terminal {
    fn new() -> Self {
        Self {
            collector: COLLECTOR,
            key_version: 1,
            long: private(TERMINAL_PRIVATE),
            session: [7; 8],
            nonce: [9; 32],
            key: EcKey::generate(&p256()).expect("a key"),
            sequence: 1,
            live: true,
            system: 0,
            signature: None,
            opening: None,
        }
    }

    fn point(&self) -> Vec<u8> {
        self.key.public_key().to_bytes(&p256(), PointConversionForm::COMPRESSED, &mut context()).expect("a point")
    }

    fn cld(&self) -> Vec<u8> {
        [&[0x04], &self.collector.to_be_bytes()[..]].concat()
    }

    fn command(&mut self, ins: u8, name: &[u8], records: &[ndef::Record<'_>]) -> Vec<u8> {
        let ses = [&self.session[..], &[self.sequence, 0x01]].concat();
        self.sequence += 2;
        let all = [&[external(b"ses", &ses)], records].concat();
        let body = message(&[external(name, &[&[0x00, 0x01], &message(&all)[..]].concat())]);
        [&[0x90, ins, 0, 0, body.len() as u8], &body[..], &[0]].concat()
    }

    /// NEGOTIATE for a handset that showed `nonce`.
    fn negotiate(&mut self, nonce: &[u8]) -> Vec<u8> {
        let shown = if self.live { nonce } else { &[0; 32] };
        let signed = [&self.nonce, shown, &self.collector.to_be_bytes(), &self.point()].concat();
        let long = PKey::from_ec_key(self.long.clone()).expect("a key");
        let mut signer = Signer::new(MessageDigest::sha256(), &long).expect("a signer");
        let signature = self.signature.clone().unwrap_or_else(|| signer.sign_oneshot_to_vec(&signed).expect("signed"));
        self.signature = Some(signature.clone());
        let (sig, cld) = ([&[0x04], &signature[..]].concat(), self.cld());
        let inner = message(&[external(b"sig", &sig), external(b"cld", &cld)]);
        let version = self.key_version.to_be_bytes();
        let cpr = [&self.nonce[..], &[u8::from(self.live)], &self.point(), &version, &inner].concat();
        self.command(0x53, b"ngr", &[external(b"cpr", &cpr)])
    }

    /// Takes the handset's key out of NEGOTIATE's answer and derives the session's keys.
    fn agree(&mut self, nrs: &[u8], nonce: &[u8]) {
        let outer = ndef::records(nrs).expect("NDEF");
        let inner = ndef::records(outer[0].payload).expect("NDEF");
        let dpk = named(&inner, "dpk").expect("a key");
        let ours = PKey::from_ec_key(self.key.clone()).expect("a key");
        let theirs = public(dpk);
        let mut deriver = Deriver::new(&ours).expect("a deriver");
        deriver.set_peer(&theirs).expect("a peer");
        let z = deriver.derive_to_vec().expect("a secret");
        let signature = self.signature.clone().expect("signed");
        let info = [&self.nonce, nonce, &self.collector.to_be_bytes(), &self.point(), &signature].concat();
        let prk = mac(dpk, &z);
        let first = mac(&prk, &[&info[..], &[1]].concat());
        let okm = [&first[..], &mac(&prk, &[&first[..], &info, &[2]].concat())].concat();
        self.opening = Some((okm[..16].try_into().expect("16"), okm[16..48].try_into().expect("32")));
    }

    fn get(&mut self) -> Vec<u8> {
        let cld = self.cld();
        let (mer, slr) =
            (message(&[external(b"cld", &cld)]), message(&[external(b"str", &[0x03]), external(b"str", &[0x12])]));
        let pcr = [self.system, 0, 0, 0, 1];
        self.command(0x50, b"srq", &[external(b"mer", &mer), external(b"slr", &slr), external(b"pcr", &pcr)])
    }

    /// The plaintext of a bundle; `None` when its MAC does not hold.
    fn open(&self, reb: &[u8]) -> Option<Vec<u8>> {
        let (aes, key) = self.opening.as_ref().expect("agreed");
        let (body, tag) = reb[1..].split_at(reb.len() - 33);
        if mac(key, body) != tag || reb[0] & 1 == 0 {
            return None;
        }
        let plain =
            decrypt(Cipher::aes_128_ctr(), aes, Some(&[&body[..12], &[0; 4]].concat()), &body[12..]).expect("AES");
        Some(if reb[0] & 2 != 0 { inflate(&plain) } else { plain })
    }
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("a key");
    Signer::new(MessageDigest::sha256(), &key).and_then(|mut signer| signer.sign_oneshot_to_vec(bytes)).expect("a MAC")
}

/// The nonce in the FCI.
fn nonce(fci: &[u8]) -> Vec<u8> {
    let outer = tlvs(data(fci)).expect("BER-TLV");
    let inner = tlvs(outer[0].1).expect("BER-TLV");
    inner.iter().find(|(tag, _)| *tag == 0xC2).expect("a nonce").1.to_vec()
}

/// SELECT, NEGOTIATE, GET DATA and what more there is: the status words, and the whole `srs`.
fn tap(phone: &mut AndroidPhone, terminal: &mut Terminal) -> (Vec<u16>, Vec<u8>) {
    let fci = ask(phone, &unhex(OSE));
    let nonce = nonce(&fci);
    let nrs = ask(phone, &terminal.negotiate(&nonce));
    let mut words = vec![status(&fci), status(&nrs)];
    if data(&nrs).is_empty() || status(&nrs) == 0x9500 {
        return (words, Vec::new());
    }
    terminal.agree(data(&nrs), &nonce);
    let mut answer = ask(phone, &terminal.get());
    let mut srs = data(&answer).to_vec();
    words.push(status(&answer));
    while status(&answer) == 0x9100 && words.len() < 100 {
        answer = ask(phone, &MORE);
        srs.extend_from_slice(data(&answer));
        words.push(status(&answer));
    }
    (words, srs)
}

fn reb(srs: &[u8]) -> Vec<u8> {
    let outer = ndef::records(srs).expect("NDEF");
    let inner = ndef::records(outer[0].payload).expect("NDEF");
    named(&inner, "reb").expect("a bundle").to_vec()
}

/// Name and payload of the value record of each pass.
fn values(plain: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let objects = ndef::records(plain).expect("NDEF");
    let passes = objects.iter().flat_map(|object| ndef::records(object.payload).expect("NDEF"));
    let fields = passes.filter(|record| [&b"ly"[..], b"gr"].contains(&record.kind));
    let fields = fields.flat_map(|pass| ndef::records(pass.payload).expect("NDEF"));
    fields
        .filter(|record| record.kind == b"n" || record.id == b"n")
        .map(|record| (record.tnf, record.payload.to_vec()))
        .collect()
}

#[test]
fn vector_1_comes_out_to_the_byte() {
    let mut pass = pass(COLLECTOR, 1, TERMINAL_PUBLIC, "M-4711-0815");
    pass.issuer_id = 0x00A1_B2C3;
    pass.object_id = fixed("1f5aa49cd582ac3e");
    let mut phone = AndroidPhone::new(pass).with_fixed(Fixed {
        nonce: fixed("0050a4e461dd672cc717c4a310b0c8cf1c5ecf435379164ea8f79721302cb2bd"),
        scalar: fixed("8627eae3a8c99d7db90c544e890d3722d9a4f87ebe1e1a24bfb44b2e68a38fab"),
        iv: fixed("168cb4f5eb47ccbc114bb603"),
        customer: [[0; 16]; 2],
    });
    assert_eq!(status(&ask(&mut phone, &unhex(OSE))), 0x9000);
    assert_eq!(hex(&ask(&mut phone, &unhex(V1_NEGOTIATE))), format!("{V1_NRS}9000"));
    let given = phone.answer(&unhex(V1_GET));
    assert_eq!(hex(given.reply.bytes()), format!("{V1_SRS}9000"));
    assert!(given.gives_pass);
}

#[test]
fn vector_2_with_zlib_and_long_records_opens_to_its_plaintext() {
    let value = format!("{{\"k\":\"Gr\u{fc}\u{df}e\",\"pad\":\"{}\"}}", "ab".repeat(160));
    let mut pass = pass(COLLECTOR, 1, TERMINAL_PUBLIC, &value);
    pass.issuer_id = 0x00A1_B2C3;
    pass.object_id = fixed("f7b52915e9ded939");
    let nonce = fixed("0a0295f548877b904ffb3b7eabd611dce9f530375b166c93652c476590378fb8");
    let mut phone = AndroidPhone::new(pass).with_fixed(Fixed {
        nonce,
        scalar: fixed("0d9555df6e3564c4bb853734b2a6ae2230c44dd41d0050c00b7d1923ce69bb4c"),
        iv: fixed("7cc0bf69ab3c2ebc663ec20d"),
        customer: [[0; 16]; 2],
    });
    let mut terminal = Terminal::new();
    terminal.session = fixed("a5d052abafc39527");
    terminal.nonce = fixed("94e9533fcda26982ce13bded698be3d4788cd77552ea384c0c2ec8fe80236f74");
    terminal.key = private("87420d2a3f4ad93e72489b176d909bb1c3b396809bf912542bc361ac2c6fa022");
    terminal.signature = Some(unhex(V2_SIGNATURE));
    terminal.system = SYSTEM_ZLIB;
    let (words, srs) = tap(&mut phone, &mut terminal);
    assert_eq!(words, [0x9000; 3]);
    let reb = reb(&srs);
    assert_eq!(reb[0], 0x03);
    assert_eq!(hex(&terminal.open(&reb).expect("a MAC that holds")), V2_PLAIN);
}

#[test]
fn vector_3_with_a_signature_made_beforehand_comes_out_to_the_byte() {
    let mut pass =
        pass(87_654_321, 7, "0332015401b4c2f812acafd24e29741dcf5aae90a4b4e6f45cb434631207b8dc0b", "C-2026-77");
    pass.issuer_id = 0x00A1_B2C3;
    pass.object_id = fixed("1ac859442977332a");
    let mut phone = AndroidPhone::new(pass).with_fixed(Fixed {
        nonce: fixed("71f1d29b3e4c61f92b40c9140d47ebacbaca71afbd7a55f459542dde2be4abf8"),
        scalar: fixed("33aed9479e6b963b7aee8d3a9cc03b502b029dc1efa94489eb1f47ab27fc36db"),
        iv: fixed("e7fd566ec226fc96ced1b6d6"),
        customer: [fixed("e295e79a5e45b1e98418061451ff6e31"), fixed("db8b9fe7e3c71ea483f46d97a7be7d0f")],
    });
    for fault in ["language", "customer"] {
        phone = phone.with_fault(&fault.parse().expect("never fails")).expect("known");
    }
    let mut terminal = Terminal::new();
    (terminal.collector, terminal.key_version, terminal.live) = (87_654_321, 7, false);
    terminal.session = fixed("9d9933a547ac0226");
    terminal.nonce = fixed("cff4068e45b9cb932334aeeeae1aae5d0171b081d2d633d050f28d61547b654d");
    terminal.key = private("390dab748701b1cbe41b7aa4f760e76ee389e8a1f1413fcd4eea604093807884");
    terminal.signature = Some(unhex(V3_SIGNATURE));
    let (words, srs) = tap(&mut phone, &mut terminal);
    assert_eq!(words, [0x9000, 0x9002, 0x9000]);
    assert_eq!(hex(&reb(&srs)), V3_REB);
}

#[test]
fn a_whole_tap_over_the_virtual_reader() {
    let (reader, slot) = FakeReader::open();
    let presence = slot.present(Box::new(phone())).expect("the reader listens");
    let mut chip = reader.chip();
    assert_eq!(chip.atr(), Some(ATR.to_vec()));
    let mut terminal = Terminal::new();
    let fci = chip.transmit(&unhex(OSE)).expect("an answer");
    assert_eq!(tlvs(tlvs(data(&fci)).expect("BER-TLV")[0].1).expect("BER-TLV")[0], (0x50, &b"AndroidPay"[..]));
    let nonce = nonce(&fci);
    let nrs = chip.transmit(&terminal.negotiate(&nonce)).expect("an answer");
    terminal.agree(data(&nrs), &nonce);
    let srs = chip.transmit(&terminal.get()).expect("an answer");
    let plain = terminal.open(&reb(data(&srs))).expect("a MAC that holds");
    assert_eq!(values(&plain), [(1, ndef::text("", VALUE))]);
    let again = chip.transmit(&terminal.get()).expect("an answer");
    assert_eq!(status(&again), 0x9000, "the session goes on");
    assert_eq!(presence.lift().exchanges().len(), 4);
}

#[test]
fn what_is_wrong_with_the_terminal_is_refused() {
    let refused = |change: &dyn Fn(&mut Terminal)| {
        let mut terminal = Terminal::new();
        change(&mut terminal);
        *tap(&mut phone(), &mut terminal).0.last().expect("an answer")
    };
    assert_eq!(refused(&|_| {}), 0x9000);
    assert_eq!(refused(&|terminal| terminal.collector += 1), 0x9500);
    assert_eq!(refused(&|terminal| terminal.key_version = 2), 0x9500);
    assert_eq!(refused(&|terminal| terminal.long = EcKey::generate(&p256()).expect("a key")), 0x9500);
    assert_eq!(
        refused(&|terminal| terminal.signature = Some(unhex(V2_SIGNATURE))),
        0x9500,
        "a signature of another tap"
    );
    assert_eq!(refused(&|terminal| terminal.sequence = 0), 0x9000, "a trace begins at 00");

    let select = |phone: &mut AndroidPhone| nonce(&ask(phone, &unhex(OSE)));
    let sw = |phone: &mut AndroidPhone, command: &[u8]| format!("{:04X}", status(&ask(phone, command)));
    let (mut phone, mut terminal) = (phone(), Terminal::new());
    assert_eq!(sw(&mut phone, &terminal.negotiate(&[0; 32])), "9203", "nothing selected");
    let shown = select(&mut phone);
    terminal = Terminal::new();
    let negotiate = terminal.negotiate(&shown);
    assert_eq!(sw(&mut phone, &negotiate[..negotiate.len() - 1]), "9402", "no Le");
    assert_eq!(sw(&mut phone, &[&negotiate[..], &[0]].concat()), "9402", "a byte after Le");
    assert_eq!(sw(&mut phone, &terminal.get()), "9203", "GET DATA before NEGOTIATE");
    terminal.sequence = 5;
    terminal.signature = None;
    assert_eq!(sw(&mut phone, &terminal.negotiate(&shown)), "9000");
    terminal.sequence -= 2;
    assert_eq!(sw(&mut phone, &terminal.get()), "9203", "the sequence stands still");
    assert_eq!(sw(&mut phone, &MORE), "9405");
    assert_eq!(sw(&mut phone, &[0x90, 0x5F, 0, 0, 0]), "9400");
    phone.field(Field::Reset);
    assert_eq!(sw(&mut phone, &MORE), "9404");
    assert_eq!(sw(&mut phone, &unhex("00A4040007D276000085010100")), "6A82");
    assert_eq!(ask(&mut phone, &unhex("FFCA000000"))[0], 0x08);
}

#[test]
fn a_second_select_brings_a_nonce_that_counts() {
    let (mut phone, mut terminal) = (faulty("second-select"), Terminal::new());
    let first = nonce(&ask(&mut phone, &unhex(OSE)));
    assert_eq!(status(&ask(&mut phone, &terminal.negotiate(&first))), 0x9203, "not selected yet");
    let answer = ask(&mut phone, &unhex(SECOND));
    assert_eq!(answer[..4], [0, 1, 0, 1]);
    let record = ndef::records(&data(&answer)[4..]).expect("NDEF")[0];
    assert_eq!((record.kind, record.id, record.payload[0]), (&b"mdn"[..], &b"mdn"[..], 0x04));
    terminal = Terminal::new();
    assert_eq!(status(&ask(&mut phone, &terminal.negotiate(&record.payload[1..]))), 0x9000);
}

#[test]
fn sound_answers_in_unusual_forms_open_to_the_value() {
    for (fault, tnf, expected) in [
        ("payment-not-ready", 1, ndef::text("", VALUE)),
        ("generic", 1, ndef::text("", VALUE)),
        ("language", 1, ndef::text("en", VALUE)),
        ("primitive", 4, [&[1], VALUE.as_bytes()].concat()),
        ("long", 1, ndef::text("", VALUE)),
        ("customer", 1, ndef::text("", VALUE)),
        ("not-lc1", 1, ndef::text("", "C-000042")),
        ("lower-case", 1, ndef::text("", &VALUE.to_lowercase())),
        ("barcode", 1, ndef::text("", "BARCODE")),
        ("empty", 1, ndef::text("", "")),
    ] {
        let (mut phone, mut terminal) = (faulty(fault), Terminal::new());
        let (words, srs) = tap(&mut phone, &mut terminal);
        let last = if fault == "payment-not-ready" { 0x9101 } else { 0x9000 };
        assert_eq!(words.last(), Some(&last), "{fault}");
        assert_eq!(words.contains(&0x9100), fault == "long", "{fault}");
        assert_eq!(values(&terminal.open(&reb(&srs)).expect("a MAC that holds")), [(tnf, expected)], "{fault}");
    }
    let (mut phone, mut terminal) = (faulty("long"), Terminal::new());
    terminal.system = SYSTEM_ZLIB;
    assert!(tap(&mut phone, &mut terminal).0.contains(&0x9100), "long also when compressed");
    let (mut phone, mut terminal) = (faulty("utf16"), Terminal::new());
    let (_, srs) = tap(&mut phone, &mut terminal);
    let value = values(&terminal.open(&reb(&srs)).expect("a MAC that holds")).remove(0).1;
    assert_eq!(value[..5], [0x82, b'e', b'n', 0, b'L']);
}

#[test]
fn faults_show_what_their_names_say() {
    let run = |fault: &str| {
        let mut terminal = Terminal::new();
        let (words, srs) = tap(&mut faulty(fault), &mut terminal);
        (words, srs, terminal)
    };
    for (fault, words) in [
        ("locked=1", &[0x9000, 0x9000, 0x9300][..]),
        ("choose=always", &[0x9000, 0x9000, 0x9302]),
        ("action", &[0x9000, 0x9000, 0x9303]),
        ("transient", &[0x9000, 0x9000, 0x9200]),
        ("no-pass", &[0x9000, 0x9000, 0x9001]),
        ("stranger", &[0x9000, 0x9500]),
        ("stranger-with-body", &[0x9000, 0x9500]),
        ("presigned", &[0x9000, 0x9002, 0x9000]),
    ] {
        assert_eq!(run(fault).0, words, "{fault}");
    }
    for fault in ["wrong-mac", "flipped", "plain"] {
        let (_, srs, terminal) = run(fault);
        assert_eq!(terminal.open(&reb(&srs)), None, "{fault}");
    }
    let opened = |fault: &str| {
        let (_, srs, terminal) = run(fault);
        terminal.open(&reb(&srs)).expect("a MAC that holds")
    };
    assert_eq!(opened("bomb").len(), 1 << 20);
    assert_eq!(ndef::records(&opened("broken-ndef")), None);
    assert_eq!(opened("nothing"), b"");
    assert_eq!(values(&opened("no-value")), []);
    assert_eq!(values(&opened("two-passes")).len(), 2);
    assert_eq!(run("endless").0.len(), 100);
    let (_, srs, _) = run("session");
    assert!(!srs.windows(8).any(|window| window == [7; 8]));
    assert_eq!(status(&ask(&mut faulty("not-google"), &unhex(OSE))), 0x6A82);
    let fci = ask(&mut faulty("version"), &unhex(OSE));
    assert!(hex(&fci).contains("df6d020002"));
    let mut phone = faulty("off-curve");
    let shown = nonce(&ask(&mut phone, &unhex(OSE)));
    let nrs = ask(&mut phone, &Terminal::new().negotiate(&shown));
    let outer = ndef::records(data(&nrs)).expect("NDEF");
    let inner = ndef::records(outer[0].payload).expect("NDEF");
    let point = named(&inner, "dpk").expect("a key");
    assert!(EcPoint::from_bytes(&p256(), point, &mut context()).is_err());
}

#[test]
fn a_locked_phone_gives_in_and_a_replay_repeats() {
    let mut phone = faulty("locked=1");
    assert_eq!(tap(&mut phone, &mut Terminal::new()).0.last(), Some(&0x9300));
    phone.lifted();
    assert_eq!(tap(&mut phone, &mut Terminal::new()).0.last(), Some(&0x9000), "unlocked in the next tap");
    let mut phone = faulty("replay");
    let first = reb(&tap(&mut phone, &mut Terminal::new()).1);
    let mut terminal = Terminal::new();
    let second = reb(&tap(&mut phone, &mut terminal).1);
    assert_eq!(first, second);
    assert_eq!(terminal.open(&second), None, "sealed for another session");
}

#[test]
fn every_listed_fault_is_understood_and_no_other() {
    for kind in FAULTS {
        faulty(kind.name);
    }
    for wrong in ["melted", "locked=x", "empty=1"] {
        assert!(phone().with_fault(&wrong.parse().expect("never fails")).is_err(), "{wrong}");
    }
    assert!(GooglePass::new(1, 1, "no PEM", "v").is_err());
}

#[test]
fn nothing_that_a_terminal_sends_makes_the_phone_panic() {
    let good = unhex(V1_NEGOTIATE);
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    for round in 0..3_000usize {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut phone = phone();
        ask(&mut phone, &unhex(OSE));
        let mut command = good.clone();
        command[(seed >> 33) as usize % good.len()] = (seed >> 48) as u8;
        command.truncate(if round % 3 == 0 { (seed >> 40) as usize % good.len() } else { good.len() });
        assert!(ask(&mut phone, &command).len() >= 2);
    }
}
