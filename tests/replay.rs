//! What was used once is never used again, whatever happens between (SYNC.md rows 8, 10 and 11): cryptograms of Apple
//! passes, sessions of Google's, counters of NTAG 424 chips and codes of rotating barcodes, each over a restart of the
//! daemon by a kill.

use std::time::Duration;

use serde_json::{Value, json};
use stampd::pure::domain::{CredentialId, crockford};
use stampd::pure::tap::rotating::{PERIOD_MS, PREFIX, RotatingKey};
use stampd::tools::phone::fault::Fault;

use crate::support::shop::{By, Shop, Start};
use crate::support::taps::{Taps, bytes, outcome};

fn fault(text: String) -> Fault {
    text.parse().expect("never fails")
}

fn code(told: &Value) -> String {
    outcome(told).0
}

#[test]
fn a_proof_of_a_phone_or_fob_is_used_once_over_a_restart() {
    let mut taps = Taps::open();
    let (apple, google, fob) = (taps.shop.card("cafe10", 0), taps.shop.card("cafe10", 1), taps.shop.card("cafe10", 2));
    let uid = fob["ntag424_uid"].as_str().expect("a fob").to_owned();
    // The first tap records what the phone gave, the next one plays it.
    let recorded = |taps: &Taps, name: &str| fault(format!("replay={}", taps.shop.dir.join(name).display()));
    let iphone = |taps: &Taps| Box::new(taps.iphone(&apple).with_fault(&recorded(taps, "apple")).expect("a fault"));
    let android = |taps: &Taps| Box::new(taps.android(&google).with_fault(&recorded(taps, "google")).expect("a fault"));
    let key = |taps: &Taps, counter| Box::new(taps.fob(&uid, counter));
    let told = taps.tap(0, iphone(&taps));
    assert_eq!(code(&told), "awarded");
    let told = taps.tap(1, android(&taps));
    assert_eq!(code(&told), "awarded");
    let told = taps.tap(0, key(&taps, 41));
    assert_eq!(code(&told), "awarded");
    let entries = taps.shop.verify()["entries"].clone();
    for earlier in [40, 39] {
        taps.restart();
        let told = taps.tap(0, iphone(&taps));
        assert_eq!(code(&told), "replayed", "the cryptogram");
        // A session of another tap does not even open.
        let told = taps.tap(1, android(&taps));
        assert_eq!(code(&told), "chip_error", "the bundle");
        let told = taps.tap(0, key(&taps, 41));
        assert_eq!(code(&told), "replayed", "the link");
        let told = taps.tap(1, key(&taps, earlier));
        assert_eq!(code(&told), "stale_token", "the counter");
    }
    assert_eq!(taps.shop.verify()["entries"], entries, "nothing was booked");
    // Each is in the audit, with the card that it named and without an entry.
    for (card, refusals) in [(&apple, 2), (&fob, 4)] {
        let path = format!("/v1/customers/{}/timeline", card["customer_id"].as_str().expect("an id"));
        let timeline = taps.shop.get(&path).expect(200).to_string();
        let told = timeline.matches("\"replayed\"").count() + timeline.matches("\"stale_token\"").count();
        assert!(told >= refusals, "{timeline}");
    }
}

/// What a phone with the rotating barcode of a card would show.
struct Rotating {
    key: RotatingKey,
    id: CredentialId,
}

impl Rotating {
    fn of(shop: &Shop, serial: &str) -> Self {
        let path = format!("/v1/cards/{serial}/credentials");
        let list = shop.get(&path).expect(200);
        let mut media = list["credentials"].as_array().expect("a list").iter();
        let pattern = media.find(|one| one["medium"] == "rotating_barcode").expect("issued with the card");
        let digits = &pattern["text"].as_str().expect("its pattern")[PREFIX.len()..PREFIX.len() + 20];
        let id = crockford::decode(digits.as_bytes(), 12).expect("an id").try_into().expect("12 bytes");
        let master = std::fs::read_to_string(shop.dir.join("keys/rotating.hex")).expect("the demo's key");
        Self { key: RotatingKey::new(&bytes(master.trim())), id: CredentialId(id) }
    }

    /// What it shows so many periods from now.
    fn text(&self, periods: i64) -> String {
        let now = Duration::from_millis(jiff::Timestamp::now().as_millisecond().unsigned_abs());
        let at = now.as_secs() as i64 + periods * PERIOD_MS / 1_000;
        self.key.text(&self.id, u32::try_from(at).expect("this century")).expect("a code")
    }
}

#[test]
fn a_rotating_code_is_used_once_over_a_restart_and_lives_a_minute() {
    let mut shop = Shop::closed();
    shop.config_change(|text| text.replace("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = 1"));
    shop.start(Start::Run);
    let card = shop.card("points", 0);
    let serial = card["serial"].as_str().expect("a serial").to_owned();
    let phone = Rotating::of(&shop, &serial);
    let text = phone.text(0);
    let shown = shop.scan(&text).send().expect(200);
    assert_eq!(outcome(&shown), ("presented".to_owned(), "rotating_barcode".to_owned(), "B".to_owned()));
    shop.scan(&text).send().problem(409, "replayed");
    shop.kill();
    shop.start(Start::Run);
    shop.scan(&text).send().problem(409, "replayed");
    shop.scan(&text.to_lowercase()).send().problem(409, "replayed");
    // A code that is older or newer than a minute, one for another card, and one that was misread.
    shop.scan(&phone.text(-4)).send().problem(409, "stale_token");
    shop.scan(&phone.text(4)).send().problem(409, "stale_token");
    let mut misread = phone.text(1);
    misread.replace_range(40.., if misread.ends_with('0') { "1" } else { "0" });
    shop.scan(&misread).send().problem(409, "unknown_token");
    // The next code is another proof. It is one that redeems without staff.
    assert_eq!(shop.scan(&phone.text(1)).send().expect(200)["medium"], "rotating_barcode");
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 100 }));
    let body = json!({ "till": "till-1", "txn_id": "rotates", "amount_minor": 1000, "redeem": { "value": 100 } });
    let sale = shop.post("/v1/sales", &body).token(&shop.token(By::Till)).send();
    assert_eq!(sale.expect(201)["redeemed"], 100);
    // Unbound, it is nobody's.
    let list = shop.get(&format!("/v1/cards/{serial}/credentials")).expect(200);
    let mut media = list["credentials"].as_array().expect("a list").iter();
    let id = media.find(|one| one["medium"] == "rotating_barcode").expect("there")["id"].clone();
    let path = format!("/v1/cards/{serial}/credentials/{}", id.as_str().expect("an id"));
    assert_eq!(shop.ask(By::Manager, "DELETE", &path).send().status, 204);
    shop.scan(&phone.text(-1)).send().problem(409, "unknown_token");
    shop.verify();
}

#[test]
fn a_code_of_unsure_age_earns_and_redeems_with_staff_alone() {
    let mut shop = Shop::made_at("2026-03-02 09:00:00");
    shop.stop();
    // No time service is asked, and the books know a later time than the clock.
    shop.mounts_set("for dir in /run/systemd /run/chrony; do if [ -d $dir ]; then mount -t tmpfs none $dir; fi; done");
    shop.clock_set("2026-03-01 09:00:00");
    shop.config_change(|text| text.replace("trust = \"always\"", "trust = \"auto\""));
    let programme = shop.dir.join("programmes/points.toml");
    let rules = std::fs::read_to_string(&programme).expect("a rule file");
    std::fs::write(&programme, format!("{rules}\n[limits]\ngrade_redeem = \"C\"\n")).expect("written");
    shop.start(Start::Run);
    let card = shop.card("points", 0);
    let serial = card["serial"].as_str().expect("a serial").to_owned();
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 200 }));
    let phone = Rotating::of(&shop, &serial);
    let shown = shop.scan(&phone.text(500)).send().expect(200);
    assert_eq!((&shown["clock_suspect"], &shown["grade"]), (&json!(true), &json!("C")));
    let staff = shop.sheet["staff"][0]["id"].clone();
    let body = json!({ "till": "till-1", "txn_id": "unsure", "amount_minor": 1000, "redeem": { "value": 100 } });
    let till = shop.token(By::Till);
    shop.post("/v1/sales", &body).token(&till).send().problem(409, "grade_too_low");
    let mut with_staff = body.clone();
    with_staff["txn_id"] = json!("sure");
    with_staff["staff"] = staff;
    assert_eq!(shop.post("/v1/sales", &with_staff).token(&till).send().expect(201)["redeemed"], 100);
    shop.verify();
}
