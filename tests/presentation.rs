//! One presentation (DESIGN.md section 2) at the readers of a running daemon: what belongs together is counted once, in
//! both modes of a till, at one till or two, by one medium or several, and the sale finds the card that was shown.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};
use stampd::tools::phone::Handset;

use crate::support::http::Answer;
use crate::support::pcscd::Pcscd;
use crate::support::shop::{By, Shop};
use crate::support::taps::{Taps, outcome};
use crate::support::wait_until;

/// Two tills, the first reader at the first and the second reader at the second, in these modes.
fn two_tills(modes: [&'static str; 2], repeat_s: u32) -> Taps {
    Taps::open_with(move |text| {
        let till = |number: usize, mode: &str| {
            format!("[[till]]\nid = \"till-{number}\"\nmode = \"{mode}\"\nrepeat_s = {repeat_s}\n\n")
        };
        let reader = "[[reader]]\nmatch = \" 00 01$\"\ntill = \"till-2\"\n\n";
        let (head, tail) = text.split_once("[[till]]").expect("a till");
        let rest = &tail[tail.find("\n[").expect("a section behind it")..];
        format!("{head}{}{}{reader}{rest}", till(1, modes[0]), till(2, modes[1]))
    })
}

fn serial(card: &Value) -> String {
    card["serial"].as_str().expect("a serial").to_owned()
}

fn boxed(handset: impl Handset + 'static) -> Box<dyn Handset> {
    Box::new(handset)
}

/// What a tap came to, without its grade.
fn came(told: &Value) -> (String, String) {
    let (came, medium, _) = outcome(told);
    (came, medium)
}

fn is(came: &str, medium: &str) -> (String, String) {
    (came.to_owned(), medium.to_owned())
}

fn presented(taps: &Taps, till: &str) -> Answer {
    taps.shop.get(&format!("/v1/tills/{till}/presented"))
}

/// A sale without a card, by the manager: the token of the demo's till may act for `till-1` alone.
fn sell(taps: &Taps, till: &str, number: &str, amount_minor: i64) -> Answer {
    let body = json!({ "till": till, "txn_id": number, "amount_minor": amount_minor });
    taps.shop.post("/v1/sales", &body).send()
}

fn sold(taps: &Taps, number: &str) -> Value {
    taps.shop.get(&format!("/v1/sales/{number}")).expect(200)
}

#[test]
fn several_media_of_a_card_are_one_visit_at_both_readers_of_a_till() {
    let mut taps = Taps::open_with(|text| text.replace("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = 3600"));
    let card = taps.shop.card("cafe10", 0);
    let first = taps.tap(0, boxed(taps.iphone(&card)));
    assert_eq!(came(&first), is("awarded", "apple_vas"));
    let uid = card["ntag424_uid"].as_str().expect("a fob").to_owned();
    let again = [
        (1, boxed(taps.android(&card)), "smart_tap"),
        (0, boxed(taps.fob(&uid, 7)), "ntag424"),
        (1, boxed(taps.iphone(&card)), "apple_vas"),
    ];
    let at = first["at"].as_str().expect("a time")[11..19].to_owned();
    for (slot, handset, medium) in again {
        let told = taps.tap(slot, handset);
        assert_eq!(came(&told), is("already_counted", medium));
        assert_eq!((&told["visit"], &told["at"], &told["entries"]), (&first["visit"], &first["at"], &first["entries"]));
        assert_eq!(told["text"], format!("already counted {at}"), "the exact answer");
    }
    let scanned = taps.shop.scan(card["barcode"].as_str().expect("a code")).send().expect(200);
    assert_eq!(came(&scanned), is("already_counted", "barcode"));
    // Another card of the same customer is a card of its own.
    let other = taps.shop.card("points", 0);
    assert_eq!(other["customer_id"], card["customer_id"]);
    assert_eq!(came(&taps.tap(0, boxed(taps.iphone(&other)))), is("presented", "apple_vas"));
    assert_eq!(taps.shop.standing(&serial(&card))["visits"], 1);
    assert_eq!(taps.shop.verify()["entries"], 2);
}

#[test]
fn a_visit_counts_once_over_a_restart_and_the_next_one_after_its_time() {
    let mut taps = Taps::open_with(|text| text.replace("mode = \"tap\"", "mode = \"sale\"\nrepeat_s = 3600"));
    let card = taps.shop.card("points", 0);
    let first = taps.tap(0, boxed(taps.iphone(&card)));
    assert_eq!(came(&first), is("presented", "apple_vas"));
    taps.restart();
    // Right after the start: the card is still before the till, and shown again it is the same visit.
    assert_eq!(presented(&taps, "till-1").expect(200)["visit"], first["visit"]);
    let again = taps.tap(1, boxed(taps.android(&card)));
    assert_eq!((came(&again), &again["visit"]), (is("already_counted", "smart_tap"), &first["visit"]));
    taps.shop.stop();
    taps.shop.config_change(|text| text.replace("repeat_s = 3600", "repeat_s = 1"));
    taps.shop.start(crate::support::shop::Start::Run);
    taps.restart();
    let code = card["barcode"].as_str().expect("a code").to_owned();
    let mut next = Value::Null;
    wait_until("the visit's second is over", || {
        next = taps.shop.scan(&code).send().expect(200);
        next["outcome"] == "presented"
    });
    assert_ne!(next["visit"], first["visit"]);
}

#[test]
fn a_tap_before_or_after_the_sale_finds_it_at_its_own_till() {
    let mut taps = two_tills(["sale", "sale"], 3600);
    let card = |index| taps.shop.card("points", index);
    let (ann, ben, cleo) = (card(0), card(1), card(2));
    // Before: each till has its own card.
    assert_eq!(came(&taps.tap(0, boxed(taps.iphone(&ann)))), is("presented", "apple_vas"));
    assert_eq!(came(&taps.tap(1, boxed(taps.android(&ben)))), is("presented", "smart_tap"));
    for (till, card, number) in [("till-2", &ben, "two"), ("till-1", &ann, "one")] {
        let sale = sell(&taps, till, number, 1500).expect(201);
        assert_eq!((&sale["status"], &sale["card"]["serial"]), (&json!("posted"), &card["serial"]));
        assert_eq!(presented(&taps, till).status, 204, "the sale used it up");
    }
    // After: the sale waits for the card of its own till.
    assert_eq!(sell(&taps, "till-2", "later", 700).expect(202)["status"], "waiting");
    assert_eq!(came(&taps.tap(0, boxed(taps.iphone(&cleo)))), is("presented", "apple_vas"));
    assert_eq!(sold(&taps, "later")["status"], "waiting");
    // The customer stood at the wrong reader: the card goes where it is shown now, and is nowhere else.
    let moved = taps.tap(1, boxed(taps.android(&cleo)));
    assert_eq!(came(&moved), is("already_counted", "smart_tap"));
    let sale = sold(&taps, "later");
    assert_eq!(
        (&sale["status"], &sale["card"]["serial"], &sale["earned"]),
        (&json!("posted"), &cleo["serial"], &json!(7))
    );
    assert_eq!((presented(&taps, "till-1").status, presented(&taps, "till-2").status), (204, 204));
    // The next basket of the same customer, within the same visit: shown again, the card finds the sale that waits.
    assert_eq!(sell(&taps, "till-2", "second", 300).expect(202)["status"], "waiting");
    assert_eq!(came(&taps.tap(1, boxed(taps.iphone(&cleo)))).0, "already_counted");
    assert_eq!(sold(&taps, "second")["earned"], 3);
    // Shown once more with nothing that waits: the next customer's sale must not take it.
    assert_eq!(came(&taps.tap(1, boxed(taps.android(&cleo)))).0, "already_counted");
    assert_eq!(presented(&taps, "till-2").status, 204);
    assert_eq!(sell(&taps, "till-2", "stranger", 900).expect(202)["status"], "waiting");
    // The cashier sends a card away.
    let path = "/v1/tills/till-1/presented";
    assert_eq!(came(&taps.tap(0, boxed(taps.iphone(&taps.shop.card("cashback3", 3))))).0, "presented");
    assert_eq!(taps.shop.ask(By::Manager, "DELETE", path).send().status, 204);
    assert_eq!(presented(&taps, "till-1").status, 204);
    taps.shop.verify();
}

#[test]
fn the_newest_card_wins_and_a_programme_by_visit_awards_with_the_sale() {
    let mut taps = two_tills(["sale", "tap"], 3600);
    let (ann, ben) = (taps.shop.card("cafe10", 0), taps.shop.card("cafe10", 1));
    assert_eq!(came(&taps.tap(0, boxed(taps.iphone(&ann)))).0, "presented");
    assert_eq!(came(&taps.tap(0, boxed(taps.android(&ben)))).0, "presented");
    assert_eq!(presented(&taps, "till-1").expect(200)["card"]["serial"], ben["serial"]);
    let sale = sell(&taps, "till-1", "coffee", 320).expect(201);
    assert_eq!(
        (&sale["card"]["serial"], &sale["earned"]),
        (&ben["serial"], &json!(2)),
        "the stamp and the first bonus"
    );
    assert_eq!(taps.shop.standing(&serial(&ann))["balance"], 0);
    // In mode tap a tap awards by itself, unless a sale waits for it, which then awards in its place.
    let cleo = taps.shop.card("cafe10", 2);
    assert_eq!(sell(&taps, "till-2", "waits", 320).expect(202)["status"], "waiting");
    assert_eq!(came(&taps.tap(1, boxed(taps.iphone(&cleo)))).0, "presented");
    let sale = sold(&taps, "waits");
    assert_eq!(
        (&sale["status"], &sale["card"]["serial"], &sale["earned"]),
        (&json!("posted"), &cleo["serial"], &json!(2))
    );
    let dana = taps.shop.card("cafe10", 3);
    assert_eq!(came(&taps.tap(1, boxed(taps.iphone(&dana)))).0, "awarded");
    taps.shop.verify();
}

#[test]
fn a_static_code_earns_and_redeems_with_staff_or_a_better_proof_alone() {
    let mut taps = Taps::open_with(|text| text.replace("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = 3600"));
    let staff = taps.shop.sheet["staff"][0]["id"].as_str().expect("an id").to_owned();
    let card = taps.shop.card("cashback3", 0);
    let scan = |taps: &Taps, card: &Value| taps.shop.scan(card["barcode"].as_str().expect("a code")).send().expect(200);
    let sale = |taps: &Taps, number: &str, more: Value| {
        let mut body = json!({ "till": "till-1", "txn_id": number, "amount_minor": 3000 });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        taps.shop.post("/v1/sales", &body).token(&taps.shop.token(By::Till)).send()
    };
    assert_eq!(outcome(&scan(&taps, &card)), ("presented".to_owned(), "barcode".to_owned(), "C".to_owned()));
    assert_eq!(sale(&taps, "earns", json!({})).expect(201)["earned"], 30, "it earns");

    let redeem = json!({ "redeem": { "value": "max" } });
    let other = taps.shop.card("cashback3", 1);
    for (number, card) in [("first", &other), ("second", &taps.shop.card("cashback3", 2))] {
        taps.shop.entry(&serial(card), &json!({ "kind": "purchase", "amount_minor": 40_000 }));
        assert_eq!(scan(&taps, card)["outcome"], "presented");
        sale(&taps, number, redeem.clone()).problem(409, "grade_too_low");
        // Naming the card that was shown so proves no more.
        let mut named = redeem.clone();
        named["serial"] = card["serial"].clone();
        sale(&taps, number, named).problem(409, "grade_too_low");
    }
    // The second card is before the till now: with staff it may.
    let mut with_staff = redeem.clone();
    with_staff["staff"] = json!(staff);
    assert_eq!(sale(&taps, "second-staff", with_staff).expect(201)["redeemed"], 400);
    // The first is shown by a phone as well: counted once, proved better.
    let told = taps.tap(0, boxed(taps.iphone(&other)));
    assert_eq!(outcome(&told), ("already_counted".to_owned(), "apple_vas".to_owned(), "A".to_owned()));
    let mut named = redeem.clone();
    named["serial"] = other["serial"].clone();
    assert_eq!(sale(&taps, "first-phone", named).expect(201)["redeemed"], 400);

    // A stamp by a static code stands under the programme's limits like any other.
    let coffee = taps.shop.card("cafe10", 5);
    assert_eq!(scan(&taps, &coffee)["outcome"], "awarded");
    assert_eq!(scan(&taps, &coffee)["outcome"], "already_counted");
    taps.shop.entry(&serial(&coffee), &json!({ "kind": "reward_add", "count": 1, "amount_minor": 0 }));
    let named = json!({ "redeem": { "rewards": 1 }, "serial": coffee["serial"] });
    sale(&taps, "coffee", named).problem(409, "grade_too_low");
    taps.shop.verify();
}

#[test]
fn the_demos_phone_shows_every_medium_in_its_round() {
    let pcscd = Pcscd::start();
    let mut shop = Shop::empty();
    let (name, socket) = pcscd.env();
    shop.environment_set(name, socket);
    let mut demo = shop.command(&["demo", "--customers", "23", "--tap-every-ms", "1200"]);
    demo.args(["--listen", &shop.address.to_string(), "--port-vpcd", &pcscd.port(0).to_string(), "--dir"])
        .arg(&shop.dir);
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the demo starts");
    let lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut missing = vec!["apple_vas", "smart_tap", "ntag424", "uid", "barcode", "ndef"];
    for line in lines.take(100) {
        missing.retain(|medium| !line.contains(&format!(" \u{b7} {medium} \u{b7} ")) || !line.contains("awarded"));
        if missing.is_empty() {
            break;
        }
    }
    let rights = std::fs::metadata(shop.dir.join("demo.json")).expect("demo.json").permissions().mode() & 0o777;
    demo.kill().and_then(|()| demo.wait()).expect("ended");
    assert_eq!((missing, rights), (vec![], 0o600));
}
