//! Fobs, tags and bare chips at the counter of a running daemon, over a real pcscd: their grades, what is refused, and how
//! they are bound to a card and taken from it.

use serde_json::{Value, json};
use stampd::tools::phone::Handset;
use stampd::tools::phone::bare::{BareChip, BareKind};
use stampd::tools::phone::ntag::Ntag;

use crate::support::shop::By;
use crate::support::taps::{Taps, bytes, outcome};

/// A shop at its counter.
struct Desk {
    taps: Taps,
    slot: u16,
}

impl Desk {
    fn open() -> Self {
        Self { taps: Taps::open(), slot: 0 }
    }

    /// What a tap on one of the two readers, in turns, came to: outcome or code, medium, grade.
    fn outcome(&mut self, handset: Box<dyn Handset>) -> (String, String, String) {
        self.slot = 1 - self.slot;
        outcome(&self.taps.tap(self.slot, handset))
    }

    /// The fob with that UID, its counter at `counter`.
    fn fob(&self, uid: &str, counter: u32, faults: &[&str]) -> Box<dyn Handset> {
        let mut fob = self.taps.fob(uid, counter);
        for fault in faults {
            fob = fob.with_fault(&fault.parse().expect("never fails")).expect("a fault");
        }
        Box::new(fob)
    }

    fn bind(&self, serial: &str) {
        let path = format!("/v1/cards/{serial}/credentials");
        let waiting = self.taps.shop.post(&path, &json!({ "till": "till-1" })).send().expect(202);
        assert_eq!((waiting["status"].as_str(), waiting["wait_s"].as_i64()), (Some("waiting"), Some(60)));
    }

    fn serial(&self, programme: &str, index: usize) -> String {
        self.taps.shop.card(programme, index)["serial"].as_str().expect("a serial").to_owned()
    }
}

fn told(came: &str, medium: &str, grade: &str) -> (String, String, String) {
    (came.to_owned(), medium.to_owned(), grade.to_owned())
}

fn tag(text: &str, faults: &[&str]) -> Box<dyn Handset> {
    let mut tag = Ntag::new([0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6], text);
    for fault in faults {
        tag = tag.with_fault(&fault.parse().expect("never fails")).expect("a fault");
    }
    Box::new(tag)
}

fn chip(kind: BareKind, uid: &[u8]) -> Box<dyn Handset> {
    Box::new(BareChip::new(kind, uid))
}

#[test]
fn a_fob_of_a_card_that_was_joined_shows_the_card_that_stays() {
    let mut desk = Desk::open();
    let card = |desk: &Desk, index| desk.taps.shop.card("cafe10", index);
    let text = |card: &Value, name: &str| card[name].as_str().expect("a text").to_owned();
    let (stays, goes) = (card(&desk, 0), card(&desk, 1));
    let (kept, joined, uid) = (text(&stays, "serial"), text(&goes, "serial"), text(&goes, "ntag424_uid"));
    for (serial, count) in [(&kept, 9), (&joined, 10)] {
        desk.taps.shop.entry(serial, &json!({ "kind": "adjust", "value": count }));
    }
    let fob = desk.fob(&uid, 7, &[]);
    assert_eq!(desk.outcome(fob), told("awarded", "ntag424", "A"));
    desk.taps.shop.entry(&kept, &json!({ "kind": "reward_add", "count": 1, "amount_minor": 0 }));
    let path = format!("/v1/customers/{}/merge", text(&stays, "customer_id"));
    desk.taps.shop.post(&path, &json!({ "from": text(&goes, "customer_id") })).send().expect(200);
    // 9 and the 2 of the first tap meet and unlock, beside the reward of each.
    let standing = desk.taps.shop.standing(&kept);
    let figures = |standing: &Value| [&standing["balance"], &standing["rewards_available"]].map(|one| one.as_i64());
    assert_eq!(figures(&standing), [Some(1), Some(3)], "{standing:#}");
    // The fob lives on with the card that stays, and so does its counter.
    let fob = desk.fob(&uid, 7, &[]);
    assert_eq!(desk.outcome(fob), told("replayed", "ntag424", "A"));
    let fob = desk.fob(&uid, 5, &[]);
    assert_eq!(desk.outcome(fob), told("stale_token", "ntag424", "A"));
    let shown = desk.fob(&uid, 8, &[]);
    let answer = desk.taps.tap(0, shown);
    assert!(["awarded", "refused", "already_counted"].iter().any(|came| answer["outcome"] == **came), "{answer:#}");
    assert_eq!(answer["card"]["serial"], kept.as_str(), "{answer:#}");
    assert_eq!(desk.taps.shop.standing(&joined)["status"], "deleted");
    let media = desk.taps.shop.get(&format!("/v1/cards/{kept}/credentials")).expect(200);
    let fobs = media["credentials"].as_array().expect("a list").iter().filter(|one| one["medium"] == "ntag424");
    assert_eq!(fobs.filter(|one| one["revoked"] == false).count(), 2, "one of each card");
    for reward in 0..3 {
        let redeem = json!({ "kind": "reward_remove", "count": 1, "amount_minor": 0 });
        assert_eq!(desk.taps.shop.entry(&kept, &redeem)["card"]["rewards_redeemed"], reward + 1);
    }
    desk.taps.shop.verify();
}

#[test]
fn a_fob_awards_while_its_counter_rises() {
    let mut desk = Desk::open();
    let uid = |index| desk.taps.shop.card("cafe10", index)["ntag424_uid"].as_str().expect("a fob").to_owned();
    let (first, second) = (uid(0), uid(1));
    let fob = desk.fob(&first, 10, &[]);
    assert_eq!(desk.outcome(fob), told("awarded", "ntag424", "A"));
    let fob = desk.fob(&first, 11, &[]);
    assert_eq!(desk.outcome(fob), told("already_counted", "ntag424", "A"));
    // The counter of the last tap, and earlier ones.
    let fob = desk.fob(&first, 11, &[]);
    assert_eq!(desk.outcome(fob), told("replayed", "ntag424", "A"));
    let fob = desk.fob(&first, 5, &[]);
    assert_eq!(desk.outcome(fob), told("stale_token", "ntag424", "A"));
    for fault in ["wrong-mac", "wrong-key", "wrong-meta", "no-mirror"] {
        let fob = desk.fob(&second, 1, &[fault]);
        assert_eq!(desk.outcome(fob), told("unknown_token", "-", "-"), "{fault}");
    }
    let fob = desk.fob(&second, 1, &["other-uid"]);
    assert_eq!(desk.outcome(fob), told("unknown_token", "ntag424", "A"));
    let fob = desk.fob(&second, 1, &["lower-case"]);
    assert_eq!(desk.outcome(fob), told("awarded", "ntag424", "A"));
    // A chip with the fob's UID that makes no links is not the fob.
    let fob = desk.fob(&second, 1, &["no-ndef"]);
    assert_eq!(desk.outcome(fob), told("unknown_token", "uid", "C-"));
    desk.taps.shop.verify();
}

#[test]
fn chips_are_bound_by_showing_them_and_taken_away_with_the_books_kept() {
    let mut desk = Desk::open();
    let kinds = [
        (BareKind::Classic, &[0xDE, 0xAD, 0xBE, 0xEF][..]),
        (BareKind::Felica, &[1, 2, 3, 4, 5, 6, 7, 8]),
        (BareKind::Uid, &[0x04, 1, 2, 3, 4, 5, 6]),
    ];
    for (index, (kind, uid)) in kinds.into_iter().enumerate() {
        let serial = desk.serial("cafe10", index);
        assert_eq!(desk.outcome(chip(kind, uid)), told("unknown_token", "uid", "C-"));
        desk.bind(&serial);
        assert_eq!(desk.outcome(chip(kind, uid)), told("presented", "uid", "C-"));
        assert_eq!(desk.taps.shop.standing(&serial)["balance"], 0, "binding counts nothing");
        assert_eq!(desk.outcome(chip(kind, uid)), told("awarded", "uid", "C-"));

        let path = format!("/v1/cards/{serial}/credentials");
        let list = desk.taps.shop.get(&path).expect(200);
        let bound = list["credentials"].as_array().expect("a list").iter().find(|one| one["medium"] == "uid");
        let id = bound.expect("it is there")["id"].as_str().expect("an id").to_owned();
        for _ in 0..2 {
            let taken = desk.taps.shop.ask(By::Manager, "DELETE", &format!("{path}/{id}")).send();
            assert_eq!(taken.status, 204, "{taken}");
        }
        assert_eq!(desk.outcome(chip(kind, uid)), told("unknown_token", "uid", "C-"));
        assert_eq!(desk.taps.shop.standing(&serial)["balance"], 2, "the first stamp and its bonus");
    }
    // A lost fob that was found serves another card.
    let other = desk.serial("cafe10", 5);
    desk.bind(&other);
    assert_eq!(desk.outcome(chip(kinds[0].0, kinds[0].1)), told("presented", "uid", "C-"));
    // A phone's UID is made for one presence.
    desk.bind(&other);
    assert_eq!(desk.outcome(chip(BareKind::Classic, &[0x08, 1, 2, 3])), told("no_pass", "-", "-"));
    desk.taps.shop.verify();
}

#[test]
fn a_text_on_a_tag_counts_on_its_own_chip_only() {
    let mut desk = Desk::open();
    let kid_key = std::fs::read_to_string(desk.taps.shop.dir.join("keys/token-1.hex")).expect("the demo's key");
    let key = bytes(kid_key.trim()).try_into().expect("32 bytes");
    let keys = stampd::pure::tap::lc1::TokenKeys::new([(1, key)].into());
    let text = keys.mint(1, stampd::pure::domain::CredentialId([9; 12])).expect("a text");
    let serial = desk.serial("cafe10", 0);
    desk.bind(&serial);
    assert_eq!(desk.outcome(tag(&text, &[])), told("presented", "ndef", "B"));
    assert_eq!(desk.outcome(tag(&text, &["as-link"])), told("awarded", "ndef", "B"));
    for fault in ["lock-tlv", "long-form", "as-external"] {
        assert_eq!(desk.outcome(tag(&text, &[fault])), told("already_counted", "ndef", "B"), "{fault}");
    }
    assert_eq!(desk.outcome(tag(&text, &["copied"])), told("unknown_token", "ndef", "B"));
    assert_eq!(desk.outcome(tag(&text, &["random-uid"])), told("no_pass", "-", "-"));
    assert_eq!(desk.outcome(tag(&text, &["lost=8"])), told("hold_still", "-", "-"));
    for fault in ["blank", "no-cc", "long-tlv", "no-end", "chunked", "many", "not-lc1"] {
        assert_eq!(desk.outcome(tag(&text, &[fault])), told("unknown_token", "uid", "C-"), "{fault}");
    }
    // The barcode of a card, written to a tag.
    let barcode = desk.taps.shop.card("cafe10", 1)["barcode"].as_str().expect("a barcode").to_owned();
    assert_eq!(desk.outcome(tag(&barcode, &[])), told("unknown_token", "ndef", "B"));
    // The same text as a code is another medium.
    desk.taps.shop.scan(&text).send().problem(409, "unknown_token");
    desk.taps.shop.verify();
}

#[test]
fn a_printed_code_is_bound_by_its_text_and_by_showing_it() {
    let desk = Desk::open();
    let key = std::fs::read_to_string(desk.taps.shop.dir.join("keys/token-1.hex")).expect("the demo's key");
    let keys = stampd::pure::tap::lc1::TokenKeys::new([(1, bytes(key.trim()).try_into().expect("32 bytes"))].into());
    let printed = |byte| keys.mint(1, stampd::pure::domain::CredentialId([byte; 12])).expect("a text");
    let (serial, other) = (desk.serial("cafe10", 0), desk.serial("cafe10", 1));
    let path = format!("/v1/cards/{serial}/credentials");
    let bind = |path: &str, code: &str| desk.taps.shop.post(path, &json!({ "code": code })).send();
    let bound = bind(&path, &printed(1)).expect(201);
    assert_eq!((bound["medium"].as_str(), bound["revoked"].as_bool()), (Some("barcode"), Some(false)));
    assert_eq!(bind(&path, &printed(1)).expect(201), bound, "once more is the same");
    bind(&format!("/v1/cards/{other}/credentials"), &printed(1)).problem(409, "already_bound");
    bind(&path, "C-000042").problem(409, "unknown_token");
    assert_eq!(desk.taps.shop.scan(&printed(1)).send().expect(200)["outcome"], "awarded");

    desk.taps.shop.scan(&printed(2)).send().problem(409, "unknown_token");
    desk.bind(&other);
    // Somebody else's visit meanwhile is a visit.
    assert_eq!(desk.taps.shop.scan(&printed(1)).send().expect(200)["outcome"], "already_counted");
    assert_eq!(desk.taps.shop.scan(&printed(2)).send().expect(200)["outcome"], "presented");
    assert_eq!(desk.taps.shop.scan(&printed(2)).send().expect(200)["outcome"], "awarded");
    for body in [json!({}), json!({ "till": "till-1", "code": printed(3) })] {
        desk.taps.shop.post(&path, &body).send().problem(422, "invalid");
    }
    desk.taps.shop.verify();
}
