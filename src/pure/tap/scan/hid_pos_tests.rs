//! Reports and descriptors of point-of-sale scanners, as their manuals print them.

use super::*;
use proptest::prelude::*;

/// A report of the common layout.
fn report(count: u8, aim: &[u8; 3], data: &[u8], more: u8) -> Vec<u8> {
    let mut report = vec![0; 64];
    report[..2].copy_from_slice(&[2, count]);
    report[2..5].copy_from_slice(aim);
    report[5..5 + data.len()].copy_from_slice(data);
    report[63] = more;
    report
}

fn assembler() -> Assembler {
    Assembler::new(ReportLayout::COMMON)
}

/// Usage page 8C, scanner; one report, id 2: byte count, symbology, 56 of data, one bit of more, seven of nothing.
const DESCRIPTOR: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x09, 0x12, 0xA1, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08,
    0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x95, 0x03, 0x81,
    0x02, 0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95,
    0x07, 0x81, 0x03, 0xC0, 0xC0,
];

#[test]
fn a_code_of_sixty_characters_comes_in_two_reports() {
    let code: Vec<u8> = (b'0'..=b'9').cycle().take(60).collect();
    let mut assembler = assembler();
    assert_eq!(assembler.report(&report(56, b"]Q1", &code[..56], 1), 5), None);
    let reported = assembler.report(&report(4, b"]Q1", &code[56..], 0), 9).expect("a code");
    let aim = Aim::split(b"]Q1").map(|(aim, _)| aim);
    assert_eq!(reported, Reported { code: Some(Code { bytes: code, aim, origin: Origin::Printed }), begun_ns: 5 });
}

#[test]
fn reports_are_taken_by_their_fields_alone() {
    let text = |reported: Option<Reported>| reported.and_then(|it| it.code).map(|code| String::from_utf8(code.bytes));
    let mut assembler = assembler();
    let whole = |report: &[u8]| text(self::assembler().report(report, 0));
    assert_eq!(whole(&report(4, b"\0\0\0", b"CODExxx", 0)), Some(Ok("CODE".to_owned())));
    assert_eq!(whole(&report(255, b"]Q1", &[b'x'; 56], 0)).map(|it| it.map(|it| it.len())), Some(Ok(56)));
    assert_eq!(whole(&report(3, b"]Q1", b"abc", 0)), None, "noise");
    assert_eq!(whole(&report(0, b"]Q1", b"", 0)), None);
    let mut other = report(4, b"]Q1", b"CODE", 0);
    other[0] = 3;
    assert_eq!(whole(&other), None, "another report");
    for length in 0..5 {
        assert_eq!(whole(&report(4, b"]Q1", b"CODE", 0)[..length]), None, "{length} bytes");
    }
    // A short transfer carries what it carries.
    assert_eq!(whole(&report(4, b"]Q1", b"CODE", 0)[..9]), Some(Ok("CODE".to_owned())));
    // The rest of a code does not come: the next one is whole.
    assert_eq!(assembler.report(&report(56, b"]Q1", &[b'x'; 56], 1), 0), None);
    assert_eq!(text(assembler.report(&report(4, b"]Q1", b"CODE", 0), IDLE_NS + 1)), Some(Ok("CODE".to_owned())));
    // More than a code can hold is told once, and the next one is whole.
    for _ in 0..CODE_BYTES_MAX / 56 + 1 {
        assert_eq!(assembler.report(&report(56, b"]Q1", &[b'x'; 56], 1), 0), None);
    }
    assert_eq!(assembler.report(&report(1, b"]Q1", b"x", 0), 0), Some(Reported { code: None, begun_ns: 0 }));
    assert_eq!(text(assembler.report(&report(4, b"]Q1", b"CODE", 0), 0)), Some(Ok("CODE".to_owned())));
}

#[test]
fn a_descriptor_tells_the_places() {
    let expected =
        ReportLayout { report_id: Some(2), count: Some(1), aim: Some(2), data: 5..61, more: Some((61, 0x01)) };
    assert_eq!(ReportLayout::from_descriptor(DESCRIPTOR), Ok(expected));
    // Without report ids, the count in front of the data, no symbology.
    let plain = [
        0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x01, 0x0B, 0x3B, 0x00, 0x01, 0x00, 0x81, 0x02, 0x95,
        0x10, 0x09, 0xFE, 0x81, 0x02, 0xC0,
    ];
    let layout = ReportLayout::from_descriptor(&plain).expect("a scanner");
    assert_eq!(layout, ReportLayout { report_id: None, count: Some(0), aim: None, data: 1..17, more: None });
    let reported = Assembler::new(layout).report(b"\x04CODE\0\0\0\0\0\0\0\0\0\0\0\0", 0).expect("a code");
    assert_eq!(reported.code.map(|code| code.bytes), Some(b"CODE".to_vec()));
    // No count: zeros fill the end.
    let bare = [0x05, 0x8C, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x10, 0x09, 0xFE, 0x81, 0x02, 0xC0];
    let reported = Assembler::new(ReportLayout::from_descriptor(&bare).expect("a scanner"))
        .report(b"CODE\0\0\0\0\0\0\0\0\0\0\0\0", 0)
        .expect("a code");
    assert_eq!(reported.code.map(|code| code.bytes), Some(b"CODE".to_vec()));
}

#[test]
fn a_descriptor_without_fields_has_the_common_places_and_a_keyboard_none() {
    let named = [0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0xC0];
    assert_eq!(ReportLayout::from_descriptor(&named), Ok(ReportLayout::COMMON));
    let keyboard = [
        0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01,
        0x95, 0x08, 0x81, 0x02, 0xC0,
    ];
    assert_eq!(ReportLayout::from_descriptor(&keyboard), Err(NoScanner));
    assert_eq!(ReportLayout::from_descriptor(&[]), Err(NoScanner));
    for length in 0..DESCRIPTOR.len() {
        let _ = ReportLayout::from_descriptor(&DESCRIPTOR[..length]);
    }
    // Counts that no report holds end the layout, not the program.
    let endless = [0x05, 0x8C, 0x75, 0x08, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x09, 0xFE, 0x81, 0x02];
    let layout = ReportLayout::from_descriptor(&endless).expect("a scanner");
    assert_eq!(layout.data, 0..REPORT_BYTES_MAX);
}

proptest! {
    #[test]
    fn any_descriptor_and_reports_end_in_values(
        descriptor in proptest::collection::vec(any::<u8>(), 0..80),
        reports in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 0..6),
    ) {
        let layout = ReportLayout::from_descriptor(&descriptor).unwrap_or(ReportLayout::COMMON);
        let mut assembler = Assembler::new(layout);
        for (at, report) in reports.iter().enumerate() {
            if let Some(Reported { code: Some(code), .. }) = assembler.report(report, at as i64) {
                prop_assert!((CODE_BYTES_MIN..=CODE_BYTES_MAX).contains(&code.bytes.len()));
            }
        }
    }
}
