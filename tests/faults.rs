//! Every way in which an Android phone or a fob can be wrong, as `stampd phone --list` names them, held to the readers of a
//! running daemon: what is wrong is told by its code and books nothing, a sound answer in an unusual form is taken. What
//! each chip costs in commands is counted.

use serde_json::{Value, json};
use stampd::tools::phone::Handset;
use stampd::tools::phone::bare::{BareChip, BareKind};
use stampd::tools::phone::fault::Fault;
use stampd::tools::phone::google;
use stampd::tools::phone::ntag::Ntag;
use stampd::tools::phone::ntag424;

use crate::support::taps::{Taps, outcome};

/// Faults of an Android phone, each with the code in which it ends; none for a sound answer.
const GOOGLE: &[(&str, Option<&str>)] = &[
    ("locked=always", Some("unlock_phone")),
    ("choose=always", Some("choose_pass")),
    ("action=always", Some("unlock_phone")),
    ("no-pass", Some("no_pass")),
    ("stranger", Some("no_pass")),
    ("stranger-with-body", Some("no_pass")),
    ("not-google", Some("no_pass")),
    ("version", Some("no_pass")),
    ("second-select", None),
    ("transient", None),
    ("transient=always", Some("chip_error")),
    ("presigned", Some("chip_error")),
    ("off-curve", Some("chip_error")),
    ("ses-status", Some("chip_error")),
    ("session", Some("chip_error")),
    ("wrong-mac", Some("chip_error")),
    ("flipped", Some("chip_error")),
    ("plain", Some("chip_error")),
    ("bomb", Some("chip_error")),
    ("endless", Some("chip_error")),
    ("broken-ndef", Some("chip_error")),
    ("nothing", Some("no_pass")),
    ("no-value", Some("no_pass")),
    ("two-passes", None),
    ("not-lc1", Some("unknown_token")),
    ("lower-case", Some("unknown_token")),
    ("empty", Some("unknown_token")),
    ("barcode", Some("unknown_token")),
    ("payment-not-ready", None),
    ("generic", None),
    ("primitive", None),
    ("language", None),
    ("utf16", None),
    ("long", None),
    ("customer", None),
];

/// Faults of a fob. A counter that is not higher than the last is a replay, or an older link.
const FOB: &[(&str, Option<&str>)] = &[
    ("wrong-mac", Some("unknown_token")),
    ("wrong-key", Some("unknown_token")),
    ("wrong-meta", Some("unknown_token")),
    ("other-uid", Some("unknown_token")),
    ("no-mirror", Some("unknown_token")),
    ("lower-case", None),
    ("cut-link", Some("unknown_token")),
    ("not-a-link", Some("unknown_token")),
    ("empty-file", Some("unknown_token")),
    ("long-nlen", Some("unknown_token")),
    ("no-ndef", Some("unknown_token")),
];

fn fault(text: &str) -> Fault {
    text.parse().expect("never fails")
}

/// The code of a tap, or `None` for one that awarded.
fn code(told: &Value) -> Option<String> {
    let (came, ..) = outcome(told);
    (came != "awarded").then_some(came)
}

/// Plays faults in turns at both readers; each sound one at a card of its own, the others at the first.
fn play(
    taps: &mut Taps,
    faults: &[(&str, Option<&str>)],
    handset: impl Fn(&Taps, &Value, &str) -> Box<dyn Handset>,
) -> Vec<String> {
    let (mut wrong, mut fresh) = (Vec::new(), 1..20);
    for (place, (name, expected)) in faults.iter().enumerate() {
        let card = if expected.is_some() { 0 } else { fresh.next().expect("a card") };
        let card = taps.shop.card("cafe10", card);
        let shown = handset(taps, &card, name);
        let told = taps.tap((place % 2) as u16, shown);
        if code(&told).as_deref() != *expected {
            wrong.push(format!("{name}: {told}"));
        }
    }
    let standing = taps.shop.standing(taps.shop.card("cafe10", 0)["serial"].as_str().expect("a serial"));
    assert_eq!((&standing["balance"], &standing["visits"]), (&json!(0), &json!(0)));
    let sound = faults.iter().filter(|(_, code)| code.is_none()).count();
    assert_eq!(taps.shop.verify()["entries"], sound * 2, "a stamp and the first bonus each");
    wrong
}

#[test]
fn an_android_phone_that_is_wrong_is_told_and_books_nothing() {
    let named: Vec<&str> = GOOGLE.iter().filter_map(|(name, _)| name.split('=').next()).collect();
    for known in google::FAULTS.iter().filter(|known| known.name != "replay") {
        assert!(named.contains(&known.name), "{} is not played", known.name);
    }
    let mut taps = Taps::open();
    let wrong = play(&mut taps, GOOGLE, |taps, card, name| {
        Box::new(taps.android(card).with_fault(&fault(name)).expect("a fault"))
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_fob_that_is_wrong_is_told_and_books_nothing() {
    let named: Vec<&str> = FOB.iter().map(|(name, _)| *name).collect();
    for known in ntag424::FAULTS.iter().filter(|known| !known.name.starts_with("counter")) {
        assert!(named.contains(&known.name), "{} is not played", known.name);
    }
    let mut taps = Taps::open();
    let wrong = play(&mut taps, FOB, |taps, card, name| {
        let uid = card["ntag424_uid"].as_str().expect("a fob");
        Box::new(taps.fob(uid, 5).with_fault(&fault(name)).expect("a fault"))
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_chip_costs_no_more_commands_than_it_takes_to_read_it() {
    let mut taps = Taps::open();
    let card = taps.shop.card("cafe10", 0);
    let uid = card["ntag424_uid"].as_str().expect("a fob").to_owned();
    let text = card["barcode"].as_str().expect("a code").to_owned();
    let tag_uid = [0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6];
    let cases: [(&str, Box<dyn Handset>, usize); 7] = [
        ("SELECT and GET VAS DATA", Box::new(taps.iphone(&card)), 2),
        ("SELECT, NEGOTIATE, GET DATA", Box::new(taps.android(&card)), 3),
        ("a second SELECT", Box::new(taps.android(&card).with_fault(&fault("second-select")).expect("a fault")), 4),
        // The wallets' SELECT; application, container, its bytes, file, its length, the link. The UID stands in it.
        ("a fob", Box::new(taps.fob(&uid, 3)), 7),
        // The UID; then four pages at a time from the container on.
        ("a tag", Box::new(Ntag::new(tag_uid, &text)), 5),
        ("a bare chip", Box::new(BareChip::new(BareKind::Uid, &tag_uid)), 2),
        ("a MIFARE Classic", Box::new(BareChip::new(BareKind::Classic, &[1, 2, 3, 4])), 1),
    ];
    for (place, (what, handset, commands)) in cases.into_iter().enumerate() {
        let slot = (place % 2) as u16;
        let presence = taps.hold(slot, handset);
        taps.told(slot);
        assert_eq!(presence.exchanges().len(), commands, "{what}: {:02X?}", presence.exchanges());
    }
}
