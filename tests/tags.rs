//! Fobs, tags and bare chips at the counter of a running daemon, over a real pcscd: their grades, what is refused, and how
//! they are bound to a card and taken from it.

use std::time::Duration;

use serde_json::{Value, json};
use stampd::tools::phone::bare::{BareChip, BareKind};
use stampd::tools::phone::ntag::Ntag;
use stampd::tools::phone::ntag424::{Counter, FobKeys, Ntag424};
use stampd::tools::phone::vpcd::Sight;
use stampd::tools::phone::{Handset, Presence};

use crate::support::counter::present_handset;
use crate::support::http::Events;
use crate::support::pcscd::{Pcscd, with_pcscd};
use crate::support::shop::{By, Shop};

/// A reader asks a chip within some hundred milliseconds, or never.
const ASKED_WAIT_MAX: Duration = Duration::from_millis(2_000);

/// Lifted for so long, a chip that comes is a new one. No caller of the API can observe it.
const LIFTED_FOR: Duration = Duration::from_millis(1_200);

/// A shop at its counter.
struct Desk<'a> {
    shop: &'a Shop,
    pcscd: &'a Pcscd,
    events: Events,
    slot: u16,
}

impl Desk<'_> {
    /// Holds something to one of the two readers, in turns, and returns what the event stream tells of it.
    fn tap(&mut self, handset: impl Fn() -> Box<dyn Handset>) -> Value {
        self.slot = 1 - self.slot;
        std::thread::park_timeout(LIFTED_FOR / 2);
        loop {
            let presence = present_handset(self.pcscd.port(self.slot), handset());
            // Not asked: the reader takes it for the chip that was lifted less than half a second ago, which nobody tells.
            if presence
                .wait(ASKED_WAIT_MAX, |seen, _| seen.iter().any(|one| matches!(one.sight, Sight::Exchange { .. })))
            {
                break self.told(presence);
            }
            drop(presence);
            std::thread::park_timeout(LIFTED_FOR);
        }
    }

    /// What the event stream tells of a chip that is being read; it stays until then.
    fn told(&mut self, presence: Presence) -> Value {
        loop {
            let event = self.events.next().expect("an event");
            if event.name == "tap.presented" || event.name == "tap.refused" {
                drop(presence);
                return event.data;
            }
        }
    }

    /// What a tap came to: outcome or code, medium, grade.
    fn outcome(&mut self, handset: impl Fn() -> Box<dyn Handset>) -> (String, String, String) {
        let told = self.tap(handset);
        let text = |name: &str| told[name].as_str().unwrap_or("-").to_owned();
        let came = if told["outcome"] == "refused" { text("code") } else { text("outcome") };
        (came, text("medium"), text("grade"))
    }

    fn bind(&self, serial: &str) {
        let path = format!("/v1/cards/{serial}/credentials");
        let waiting = self.shop.post(&path, &json!({ "till": "till-1" })).send().expect(202);
        assert_eq!((waiting["status"].as_str(), waiting["wait_s"].as_i64()), (Some("waiting"), Some(60)));
    }

    fn serial(&self, programme: &str, index: usize) -> String {
        self.shop.card(programme, index)["serial"].as_str().expect("a serial").to_owned()
    }
}

fn desk(test: &str, body: impl FnOnce(Desk<'_>)) {
    with_pcscd(test, |pcscd| {
        pcscd.restart();
        let shop = Shop::with_readers(pcscd);
        let events = shop.events();
        body(Desk { shop: &shop, pcscd, events, slot: 0 });
        shop.verify();
    });
}

fn told(came: &str, medium: &str, grade: &str) -> (String, String, String) {
    (came.to_owned(), medium.to_owned(), grade.to_owned())
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex")).collect()
}

/// The fob of a card in demo.json, its counter at `counter`.
fn fob(shop: &Shop, uid: &str, counter: u32, faults: &[&str]) -> Box<dyn Handset> {
    let part = &shop.sheet["ntag424"];
    let key = |name: &str| bytes(part[name].as_str().expect("a key")).try_into().expect("16 bytes");
    let keys = FobKeys {
        meta: key("meta_read_key_hex"),
        file_master: key("file_read_key_hex"),
        application_id: [0x30, 0x42, 0xF5],
        system_id: bytes("4E585020416275"),
        url: part["url"].as_str().expect("a link").to_owned(),
    };
    let mut fob = Ntag424::new(keys, bytes(uid).try_into().expect("7 bytes"), Counter::in_memory(counter));
    for fault in faults {
        fob = fob.with_fault(&fault.parse().expect("never fails")).expect("a fault");
    }
    Box::new(fob)
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
fn a_fob_awards_while_its_counter_rises() {
    desk("tags::a_fob_awards_while_its_counter_rises", |mut desk| {
        let uid =
            |desk: &Desk<'_>, index| desk.shop.card("cafe10", index)["ntag424_uid"].as_str().expect("a fob").to_owned();
        let (first, second) = (uid(&desk, 0), uid(&desk, 1));
        let shop = desk.shop;
        assert_eq!(desk.outcome(|| fob(shop, &first, 10, &[])), told("awarded", "ntag424", "A"));
        assert_eq!(desk.outcome(|| fob(shop, &first, 11, &[])), told("already_counted", "ntag424", "A"));
        // The counter of the last tap, and earlier ones.
        assert_eq!(desk.outcome(|| fob(shop, &first, 11, &[])), told("replayed", "ntag424", "A"));
        assert_eq!(desk.outcome(|| fob(shop, &first, 5, &[])), told("stale_token", "ntag424", "A"));
        for fault in ["wrong-mac", "wrong-key", "wrong-meta", "no-mirror"] {
            assert_eq!(desk.outcome(|| fob(shop, &second, 1, &[fault])), told("unknown_token", "-", "-"), "{fault}");
        }
        assert_eq!(desk.outcome(|| fob(shop, &second, 1, &["other-uid"])), told("unknown_token", "ntag424", "A"));
        assert_eq!(desk.outcome(|| fob(shop, &second, 1, &["lower-case"])), told("awarded", "ntag424", "A"));
        // A chip with the fob's UID that makes no links is not the fob.
        assert_eq!(desk.outcome(|| fob(shop, &second, 1, &["no-ndef"])), told("unknown_token", "uid", "C-"));
    });
}

#[test]
fn chips_are_bound_by_showing_them_and_taken_away_with_the_books_kept() {
    desk("tags::chips_are_bound_by_showing_them_and_taken_away_with_the_books_kept", |mut desk| {
        let kinds = [
            (BareKind::Classic, &[0xDE, 0xAD, 0xBE, 0xEF][..]),
            (BareKind::Felica, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (BareKind::Uid, &[0x04, 1, 2, 3, 4, 5, 6]),
        ];
        for (index, (kind, uid)) in kinds.into_iter().enumerate() {
            let serial = desk.serial("cafe10", index);
            assert_eq!(desk.outcome(|| chip(kind, uid)), told("unknown_token", "uid", "C-"));
            desk.bind(&serial);
            assert_eq!(desk.outcome(|| chip(kind, uid)), told("presented", "uid", "C-"));
            assert_eq!(desk.shop.standing(&serial)["balance"], 0, "binding counts nothing");
            assert_eq!(desk.outcome(|| chip(kind, uid)), told("awarded", "uid", "C-"));

            let path = format!("/v1/cards/{serial}/credentials");
            let list = desk.shop.get(&path).expect(200);
            let bound = list["credentials"].as_array().expect("a list").iter().find(|one| one["medium"] == "uid");
            let id = bound.expect("it is there")["id"].as_str().expect("an id").to_owned();
            for _ in 0..2 {
                let taken = desk.shop.ask(By::Manager, "DELETE", &format!("{path}/{id}")).send();
                assert_eq!(taken.status, 204, "{taken}");
            }
            assert_eq!(desk.outcome(|| chip(kind, uid)), told("unknown_token", "uid", "C-"));
            assert_eq!(desk.shop.standing(&serial)["balance"], 2, "the first stamp and its bonus");
        }
        // A lost fob that was found serves another card.
        let other = desk.serial("cafe10", 5);
        desk.bind(&other);
        assert_eq!(desk.outcome(|| chip(kinds[0].0, kinds[0].1)), told("presented", "uid", "C-"));
        // A phone's UID is made for one presence.
        desk.bind(&other);
        assert_eq!(desk.outcome(|| chip(BareKind::Classic, &[0x08, 1, 2, 3])), told("no_pass", "-", "-"));
    });
}

#[test]
fn a_text_on_a_tag_counts_on_its_own_chip_only() {
    desk("tags::a_text_on_a_tag_counts_on_its_own_chip_only", |mut desk| {
        let kid_key = std::fs::read_to_string(desk.shop.dir.join("keys/token-1.hex")).expect("the demo's key");
        let key = bytes(kid_key.trim()).try_into().expect("32 bytes");
        let keys = stampd::pure::tap::lc1::TokenKeys::new([(1, key)].into());
        let text = keys.mint(1, stampd::pure::domain::CredentialId([9; 12])).expect("a text");
        let serial = desk.serial("cafe10", 0);
        desk.bind(&serial);
        assert_eq!(desk.outcome(|| tag(&text, &[])), told("presented", "ndef", "B"));
        assert_eq!(desk.outcome(|| tag(&text, &["as-link"])), told("awarded", "ndef", "B"));
        for fault in ["lock-tlv", "long-form", "as-external"] {
            assert_eq!(desk.outcome(|| tag(&text, &[fault])), told("already_counted", "ndef", "B"), "{fault}");
        }
        assert_eq!(desk.outcome(|| tag(&text, &["copied"])), told("unknown_token", "ndef", "B"));
        assert_eq!(desk.outcome(|| tag(&text, &["random-uid"])), told("no_pass", "-", "-"));
        assert_eq!(desk.outcome(|| tag(&text, &["lost=8"])), told("hold_still", "-", "-"));
        for fault in ["blank", "no-cc", "long-tlv", "no-end", "chunked", "many", "not-lc1"] {
            assert_eq!(desk.outcome(|| tag(&text, &[fault])), told("unknown_token", "uid", "C-"), "{fault}");
        }
        // The barcode of a card, written to a tag.
        let barcode = desk.shop.card("cafe10", 1)["barcode"].as_str().expect("a barcode").to_owned();
        assert_eq!(desk.outcome(|| tag(&barcode, &[])), told("unknown_token", "ndef", "B"));
        // The same text as a code is another medium.
        desk.shop.scan(&text).send().problem(409, "unknown_token");
    });
}

#[test]
fn a_printed_code_is_bound_by_its_text_and_by_showing_it() {
    desk("tags::a_printed_code_is_bound_by_its_text_and_by_showing_it", |desk| {
        let key = std::fs::read_to_string(desk.shop.dir.join("keys/token-1.hex")).expect("the demo's key");
        let keys =
            stampd::pure::tap::lc1::TokenKeys::new([(1, bytes(key.trim()).try_into().expect("32 bytes"))].into());
        let printed = |byte| keys.mint(1, stampd::pure::domain::CredentialId([byte; 12])).expect("a text");
        let (serial, other) = (desk.serial("cafe10", 0), desk.serial("cafe10", 1));
        let path = format!("/v1/cards/{serial}/credentials");
        let bind = |path: &str, code: &str| desk.shop.post(path, &json!({ "code": code })).send();
        let bound = bind(&path, &printed(1)).expect(201);
        assert_eq!((bound["medium"].as_str(), bound["revoked"].as_bool()), (Some("barcode"), Some(false)));
        assert_eq!(bind(&path, &printed(1)).expect(201), bound, "once more is the same");
        bind(&format!("/v1/cards/{other}/credentials"), &printed(1)).problem(409, "already_bound");
        bind(&path, "C-000042").problem(409, "unknown_token");
        assert_eq!(desk.shop.scan(&printed(1)).send().expect(200)["outcome"], "awarded");

        desk.shop.scan(&printed(2)).send().problem(409, "unknown_token");
        desk.bind(&other);
        // Somebody else's visit meanwhile is a visit.
        assert_eq!(desk.shop.scan(&printed(1)).send().expect(200)["outcome"], "already_counted");
        assert_eq!(desk.shop.scan(&printed(2)).send().expect(200)["outcome"], "presented");
        assert_eq!(desk.shop.scan(&printed(2)).send().expect(200)["outcome"], "awarded");
        for body in [json!({}), json!({ "till": "till-1", "code": printed(3) })] {
            desk.shop.post(&path, &body).send().problem(422, "invalid");
        }
    });
}
