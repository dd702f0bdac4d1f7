//! The published values come out to the byte, and a reader of a few lines reads what the fob mirrors.

use openssl::symm::decrypt;

use super::super::vpcd::tests::FakeReader;
use super::*;

const UID: [u8; 7] = [0x04, 0x95, 0x8C, 0xAA, 0x5C, 0x5E, 0x80];

fn unhex(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal")
}

fn keys() -> FobKeys {
    FobKeys {
        meta: [0x11; 16],
        file_master: [0x22; 16],
        application_id: APPLICATION_ID,
        system_id: SYSTEM_ID.to_vec(),
        url: "https://cards.example/t?picc={picc}&cmac={cmac}".to_owned(),
    }
}

fn fob(faults: &[&str]) -> Ntag424 {
    let fob = Ntag424::new(keys(), UID, Counter::in_memory(10));
    faults.iter().fold(fob, |fob, fault| fob.with_fault(&fault.parse().expect("never fails")).expect("a known fault"))
}

fn ask(fob: &mut Ntag424, command: &str) -> (Vec<u8>, u16) {
    let mut answer = fob.answer(&unhex(command)).reply.bytes().to_vec();
    let sw = answer.split_off(answer.len() - 2);
    (answer, u16::from_be_bytes([sw[0], sw[1]]))
}

/// Reads the NDEF message as section 2.2 tells, 59 bytes at a time.
fn message_of(fob: &mut Ntag424) -> Vec<u8> {
    assert_eq!(ask(fob, "00A4040007D276000085010100").1, 0x9000);
    assert_eq!(ask(fob, "00A4000C02E103").1, 0x9000);
    assert_eq!(ask(fob, "00B000000F"), (CC.to_vec(), 0x9000));
    assert_eq!(ask(fob, "00A4000C02E104").1, 0x9000);
    let length = ask(fob, "00B0000002").0;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let from = bytes.len() + 2;
        let (piece, sw) = ask(fob, &format!("00B0{from:04x}{:02x}", (length - bytes.len()).min(59)));
        assert_eq!(sw, 0x9000);
        bytes.extend(piece);
    }
    bytes
}

/// What the link mirrors: UID, counter, and whether the MAC holds. `None` when the link has another form.
fn sun(fob: &mut Ntag424) -> Option<(Vec<u8>, u32, bool)> {
    let bytes = message_of(fob);
    let payload = ndef::records(&bytes)?[0].payload;
    let link = String::from_utf8(payload.strip_prefix(&[0x04])?.to_vec()).ok()?;
    let (picc, mac) = link.strip_prefix("cards.example/t?picc=")?.split_once("&cmac=")?;
    let (picc, mac) = (unhex(picc), unhex(mac));
    // A second block makes the padding that `decrypt` takes off.
    let padded =
        [&picc[..], &aes_cbc(&[0x11; 16], &picc.iter().map(|byte| byte ^ 0x10).collect::<Vec<u8>>()).ok()?].concat();
    let plain = decrypt(Cipher::aes_128_cbc(), &[0x11; 16], Some(&[0; 16]), &padded).ok();
    let plain = plain.filter(|plain| plain[0] == 0xC7)?;
    let (uid, count) = (&plain[1..8], &plain[8..11]);
    let key = cmac(&[0x22; 16], &[&[1], uid, &[0x30, 0x42, 0xF5], b"NXP Abu"].concat()).ok()?;
    let session = cmac(&key, &[&unhex("3cc300010080")[..], uid, count].concat()).ok()?;
    let full = cmac(&session, &[]).ok()?;
    let holds = (0..8).all(|index| mac.get(index) == Some(&full[index * 2 + 1]));
    Some((uid.to_vec(), u32::from_le_bytes([count[0], count[1], count[2], 0]), holds))
}

#[test]
fn the_published_values_come_out() {
    let key = unhex("00112233445566778899AABBCCDDEEFF");
    let diversifier = [&[1], &unhex("04782E21801D80")[..], &APPLICATION_ID, SYSTEM_ID].concat();
    assert_eq!(hex(&cmac(&key, &diversifier).expect("AES")), "a8dd63a3b89d54b37ca802473fda9175");
    let plain = unhex("c704de5f1eacc0403d0000da5cf60941");
    assert_eq!(hex(&aes_cbc(&[0; 16], &plain).expect("AES")), "ef963ff7828658a599f3041510671e88");
    let session = cmac(&[0; 16], &unhex("3cc30001008004de5f1eacc0403d0000")).expect("AES");
    assert_eq!(hex(&session), "3fb5f6e3a807a03d5e3570ace393776f");
    let mac: Vec<u8> = cmac(&session, &[]).expect("AES").chunks(2).map(|pair| pair[1]).collect();
    assert_eq!(hex(&mac), "94eed9ee65337086");
}

#[test]
fn the_counter_rises_once_for_each_power_up() {
    let mut fob = fob(&[]).with_fixed_tail([1, 2, 3, 4, 5]);
    assert_eq!(sun(&mut fob), Some((UID.to_vec(), 11, true)));
    assert_eq!(sun(&mut fob), Some((UID.to_vec(), 11, true)), "read again in the same presence");
    fob.field(Field::Reset);
    assert_eq!(sun(&mut fob), Some((UID.to_vec(), 12, true)));
    fob.lifted();
    assert_eq!(sun(&mut fob), Some((UID.to_vec(), 13, true)));
}

#[test]
fn the_counter_outlives_the_process() {
    let file = std::env::temp_dir().join(format!("stampd-phone-counters-{}", std::process::id()));
    let at = |uid| Ntag424::new(keys(), uid, Counter::in_file(&file, &uid).expect("a scratch file"));
    let other = [0x04, 1, 2, 3, 4, 5, 6];
    assert_eq!(sun(&mut at(UID)).expect("a link").1, 1);
    assert_eq!(sun(&mut at(other)).expect("a link").1, 1);
    assert_eq!(sun(&mut at(UID)).expect("a link").1, 2);
    std::fs::write(&file, "something else").expect("a scratch file");
    assert!(Counter::in_file(&file, &UID).is_err());
    std::fs::remove_file(&file).expect("a scratch file");
}

#[test]
fn faults_show_what_their_names_say() {
    assert_eq!(sun(&mut fob(&["lower-case"])), Some((UID.to_vec(), 11, true)));
    assert_eq!(sun(&mut fob(&["wrong-mac"])), Some((UID.to_vec(), 11, false)));
    assert_eq!(sun(&mut fob(&["wrong-key"])), Some((UID.to_vec(), 11, false)));
    assert_eq!(sun(&mut fob(&["counter-back=3"])), Some((UID.to_vec(), 8, true)));
    assert_eq!(sun(&mut fob(&["wrong-meta"])), None);
    assert_eq!(sun(&mut fob(&["no-mirror"])), None);
    assert_eq!(sun(&mut fob(&["not-a-link"])), None);
    let (uid, _, holds) = sun(&mut fob(&["other-uid"])).expect("a link");
    assert!(uid != UID && holds);
    let mut stands = fob(&["counter-stands"]);
    let first = message_of(&mut stands);
    stands.lifted();
    assert_eq!(message_of(&mut stands), first);
    let whole = message_of(&mut fob(&[])).len();
    assert_eq!(message_of(&mut fob(&["cut-link"])).len(), whole - 9);
    assert_eq!(message_of(&mut fob(&["empty-file"])), b"");
    assert_eq!(ask(&mut fob(&["no-ndef"]), "00A4040007D276000085010100").1, 0x6A82);
    let mut long = fob(&["long-nlen"]);
    for select in ["00A4040007D276000085010100", "00A4000C02E104"] {
        assert_eq!(ask(&mut long, select).1, 0x9000);
    }
    assert_eq!(ask(&mut long, "00B0000002").0, [0x7F, 0xFF]);
    assert_eq!(ask(&mut long, "00B0010010").1, 0x6A82, "past the end");
    for kind in FAULTS {
        fob(&[kind.name]);
    }
}

#[test]
fn a_whole_reading_over_the_virtual_reader_hands_the_link_over_at_its_last_piece() {
    let (reader, slot) = FakeReader::open();
    let presence = slot.present(Box::new(fob(&[]))).expect("the reader listens");
    let mut chip = reader.chip();
    assert_eq!(chip.atr(), Some(ATR.to_vec()));
    assert_eq!(chip.transmit(&unhex("00A404000A4F53452E5641532E303100")), Some(vec![0x6A, 0x82]));
    assert_eq!(chip.transmit(&unhex("FFCA000000")), Some([&UID[..], &[0x90, 0x00]].concat()));
    assert_eq!(chip.transmit(&unhex("9060000000")).map(|frame| frame.len()), Some(9));
    assert_eq!(chip.transmit(&unhex("90AF000000")).map(|frame| frame.len()), Some(9));
    assert_eq!(chip.transmit(&unhex("90AF000000")).map(|frame| frame[..7].to_vec()), Some(UID.to_vec()));
    for command in ["00A4040007D276000085010100", "00A4000C02E104", "00B0000002", "00B0000000"] {
        chip.transmit(&unhex(command));
    }
    drop(chip);
    let presented = presence.lift();
    let gives: Vec<bool> = presented
        .seen
        .iter()
        .filter_map(|seen| match seen.sight {
            super::super::vpcd::Sight::Exchange { gives_pass, .. } => Some(gives_pass),
            _ => None,
        })
        .collect();
    assert_eq!(gives.iter().filter(|gives| **gives).count(), 1);
    assert_eq!(gives.last(), Some(&true));
}

#[test]
fn nothing_that_a_reader_sends_makes_the_fob_panic() {
    let mut seed = 7u64;
    let mut fob = fob(&[]);
    for round in 0..20_000usize {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bytes: Vec<u8> = seed.to_be_bytes().into_iter().chain([0xE1, 0x04]).take(round % 11).collect();
        let mut command = [&[0x00, [0xA4, 0xB0][round % 2]], &bytes[..]].concat();
        if round % 5 == 0 {
            command = bytes;
        }
        assert!(fob.answer(&command).reply.bytes().len() >= 2);
    }
}
