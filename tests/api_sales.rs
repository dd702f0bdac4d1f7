//! A till's way through a sale: quote, repeated numbers, waiting for a card, open sales, the presented card, refunds in
//! parts and voids, over the API of a running daemon.

use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::http::Answer;
use crate::support::shop::{By, Shop, Start};
use crate::support::wait_until;

#[test]
fn a_till_sells_through_the_api() {
    let mut desk = Desk::open("2026-02-02T09:00:00Z");
    quotes_agree_with_the_sale(&desk);
    a_number_stands_for_one_sale(&desk);
    a_waiting_sale_takes_the_card_that_is_shown(&desk);
    the_presented_card_comes_and_goes(&desk);
    an_open_sale_sets_aside_what_it_redeems(&desk);
    a_sale_is_voided_and_what_leans_on_it_is_told(&desk);
    what_no_card_could_make_right_is_refused_at_once(&desk);
    an_open_sale_ends_with_its_time(&desk);
    an_open_sale_ends_by_itself(&mut desk);
    desk.shop.verify();
}

/// Code and figures of a refusal.
fn told(answer: &Answer) -> (Value, Value, Value) {
    let problem = answer.json();
    (problem["code"].clone(), problem["max"].clone(), problem["allowed"].clone())
}

fn quotes_agree_with_the_sale(desk: &Desk) {
    let redeems = |name: &str, count: i64| json!({ "reward": name, "count": count });
    // Programme, what was bought before, the bill, what is redeemed on it.
    let cases = [
        ("cafe10", 1200, 500, Value::Null),
        ("cafe10", 1200, 0, Value::Null),
        ("cafe10", 1200, 500, json!({ "rewards": 1 })),
        ("spend10", 0, 2700, Value::Null),
        ("spend10", 9900, 1200, json!({ "rewards": 1 })),
        ("spend10", 24_000, 900, json!({ "rewards": 3 })),
        ("spend10", 24_000, 900, redeems("off5", 2)),
        ("points", 48_000, 6000, Value::Null),
        ("points", 62_000, 3333, redeems("off5", 2)),
        ("points", 62_000, 700, redeems("off5", 3)),
        ("points", 62_000, 0, redeems("free_item", 2)),
        ("points", 9900, 2000, json!({ "value": 100 })),
        ("points_pending14", 5000, 2000, Value::Null),
        ("cashback3", 48_000, 1001, json!({ "value": "max" })),
        ("cashback3", 48_000, 1001, json!({ "value": 480 })),
        ("cashback3", 48_000, 901, json!({ "value": 451 })),
        ("cashback3_happy", 0, 4000, Value::Null),
    ];
    for (place, (programme, before_minor, bill_minor, redeem)) in cases.into_iter().enumerate() {
        let what = format!("{programme} {bill_minor} {redeem}");
        let card = desk.card_of(programme, json!({}));
        if before_minor > 0 {
            card.buys(&format!("quote-{place}-before"), before_minor);
        }
        desk.pass(3600);
        let number = format!("quote-{place}");
        let sale = card.sale(&number, bill_minor, redeem.clone());
        let standing = card.standing();
        let quote = card.quote(&number, bill_minor, redeem).send();
        assert_eq!(card.standing(), standing, "a quote changes nothing: {what}");
        let sold = sale.send();
        if sold.status != 201 {
            assert_eq!((quote.status, told(&quote)), (sold.status, told(&sold)), "{what}");
            continue;
        }
        let (quote, sold) = (quote.expect(200), sold.expect(201));
        for name in ["due_minor", "discount_minor", "earned", "redeemed"] {
            assert_eq!(quote[name], sold[name], "{name} of {what}: {quote:#}");
        }
    }
}

fn a_number_stands_for_one_sale(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    let first = card.buys("number-1", 2500);
    // Another key, the same content: the first answer. It says what was then, also after more was bought.
    card.buys("number-2", 500);
    assert_eq!(card.sale("number-1", 2500, Value::Null).send().expect(201), first);
    assert_eq!(desk.shop.get("/v1/sales/number-1").expect(200), first);
    let ours = first["sale_id"].as_str().expect("our number");
    assert_eq!(desk.shop.get(&format!("/v1/sales/{ours}")).expect(200), first);
    card.has(&[("B", 30), ("V", 2)]);
    card.sale("number-1", 2600, Value::Null).send().problem(409, "txn_reuse");
    let other = desk.card_of("points", json!({}));
    other.sale("number-1", 2500, Value::Null).send().problem(409, "txn_reuse");
    other.has(&[("B", 0)]);
    desk.shop.get("/v1/sales/number-0").problem(404, "unknown_sale");
    // A purchase that is typed with the number of a sale belongs to it: one visit, one order.
    card.post(json!({ "kind": "purchase", "amount_minor": 2500, "txn_id": "number-1" })).expect(201);
    card.has(&[("B", 55), ("V", 2), ("O", 2)]);
}

fn a_waiting_sale_takes_the_card_that_is_shown(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    let body = json!({ "till": "till-1", "txn_id": "wait-1", "amount_minor": 1200 });
    let ask = desk.till("/v1/sales", &body);
    let waiting = ask.send().expect(202);
    assert_eq!((&waiting["status"], &waiting["card"]), (&json!("waiting"), &Value::Null));
    assert_eq!(desk.shop.get("/v1/sales/wait-1").expect(200)["status"], "waiting");
    let mut other = body.clone();
    other["amount_minor"] = json!(1300);
    desk.till("/v1/sales", &other).send().problem(409, "txn_reuse");
    assert_eq!(card.show().expect(200)["outcome"], "presented");
    let sold = desk.shop.get("/v1/sales/wait-1").expect(200);
    assert_eq!((&sold["status"], &sold["earned"]), (&json!("posted"), &json!(12)), "{sold:#}");
    card.has(&[("B", 12), ("V", 1), ("scans", 1)]);
    assert_eq!(desk.till("/v1/sales", &body).send().expect(201), sold);
    // The first key keeps its first answer.
    assert_eq!(ask.send().header("Idempotency-Hit"), Some("true"));
    assert_eq!(desk.shop.get("/v1/tills/till-1/presented").status, 204, "the sale used it up");
}

fn the_presented_card_comes_and_goes(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    let path = "/v1/tills/till-1/presented";
    let seen = || desk.shop.ask(By::Till, "GET", path).send();
    card.show().expect(200);
    assert_eq!(seen().expect(200)["card"]["serial"], card.serial);
    let gone = || desk.shop.ask(By::Till, "DELETE", path).send().status;
    assert_eq!((gone(), seen().status, gone()), (204, 204, 204));
    desk.shop.ask(By::Till, "GET", "/v1/tills/till-9/presented").send().problem(422, "invalid");
    // Shown again, a sale that names no card takes it.
    desk.pass(60);
    let other = desk.card_of("points", json!({}));
    other.show().expect(200);
    let body = json!({ "till": "till-1", "txn_id": "shown-1", "amount_minor": 700 });
    assert_eq!(desk.till("/v1/sales", &body).send().expect(201)["card"]["serial"], other.serial);
    assert_eq!(seen().status, 204);
}

fn an_open_sale_sets_aside_what_it_redeems(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.buys("open-before", 13_000);
    let off5 = json!({ "reward": "off5", "count": 1 });
    let opened = card.opens("open-1", 2000, off5.clone()).expect(201);
    assert_eq!((&opened["status"], &opened["due_minor"]), (&json!("open"), &json!(1500)));
    card.has(&[("B", 30), ("R", 0), ("V", 1)]);
    assert_eq!(card.sale("open-x", 2000, off5.clone()).send().problem(409, "insufficient_balance")["max"], 30);
    let complete = |number: &str, body: Value| desk.till(&format!("/v1/sales/{number}/complete"), &body).send();
    let sold = complete("open-1", json!({ "amount_minor": 2500 })).expect(201);
    assert_eq!((&sold["status"], &sold["due_minor"], &sold["earned"]), (&json!("posted"), &json!(2000), &json!(20)));
    card.has(&[("B", 50), ("R", 100), ("V", 2), ("LTV", 15_000)]);
    assert_eq!(complete("open-1", json!({})).expect(201), sold);
    let cancel = |number: &str| desk.till(&format!("/v1/sales/{number}/cancel"), &json!({})).send();
    cancel("open-1").problem(409, "sale_state");

    let card = desk.card_of("points", json!({}));
    card.buys("open-2-before", 13_000);
    card.opens("open-2", 2000, off5).expect(201);
    let cancelled = cancel("open-2").expect(201);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancel("open-2").expect(201), cancelled);
    card.has(&[("B", 130), ("R", 0), ("V", 1)]);
    complete("open-2", json!({})).problem(409, "sale_state");
}

fn a_sale_is_voided_and_what_leans_on_it_is_told(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    let before = card.standing();
    card.buys("void-1", 10_000);
    let void = |number: &str, by: By| {
        let token = desk.shop.token(by);
        desk.shop.post(&format!("/v1/sales/{number}/void"), &json!({})).token(&token).send()
    };
    assert_eq!(void("void-1", By::Till).expect(201)["status"], "voided");
    for name in
        ["balance", "earned", "visits", "orders", "ltv_minor", "tx_amount_minor", "qualifying", "last_earned_at"]
    {
        assert_eq!(card.standing()[name], before[name], "{name}");
    }
    void("void-1", By::Till).problem(409, "already_voided");
    desk.refund("void-1", None).problem(409, "already_voided");

    card.buys("void-2", 10_000);
    desk.pass(601);
    void("void-2", By::Till).problem(409, "void_window_passed");
    card.sale("void-3", 2000, json!({ "reward": "off5", "count": 1 })).send().expect(201);
    void("void-2", By::Manager).problem(409, "dependent_redeemed");
    desk.refund("void-3", Some(100)).expect(201);
    void("void-3", By::Manager).problem(409, "refund_exceeds");
    card.buys("void-4", 500);
    let entry = desk.shop.get("/v1/sales/void-4").expect(200)["entries"][0]["id"].clone();
    let path = format!("/v1/entries/{}/void", entry.as_str().expect("an id"));
    desk.till(&path, &json!({ "comment": "wrong customer" })).send().expect(201);
    desk.till(&path, &json!({})).send().problem(409, "already_voided");
}

fn what_no_card_could_make_right_is_refused_at_once(desk: &Desk) {
    let sale = |more: Value| {
        let mut body = json!({ "till": "till-1", "txn_id": "wrong-1", "amount_minor": 1000 });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        desk.till("/v1/sales", &body).send()
    };
    for (more, pointer) in [
        (json!({ "amount_minor": -1 }), "/amount_minor"),
        (json!({ "state": "shut" }), "/state"),
        (json!({ "redeem": {} }), "/redeem"),
        (json!({ "txn_id": "" }), "/txn_id"),
        (json!({ "serial": "none" }), "/serial"),
    ] {
        assert_eq!(sale(more.clone()).pointers(), [pointer], "{more}");
    }
    let items = json!([{ "sku": "tea", "amount_minor": 999 }]);
    let serial = desk.card_of("points", json!({})).serial;
    sale(json!({ "items": items, "serial": serial })).problem(409, "amount_mismatch");
    desk.shop.get("/v1/sales/wrong-1").problem(404, "unknown_sale");
}

fn an_open_sale_ends_with_its_time(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.buys("time-before", 13_000);
    for (number, is_completed) in [("time-1", false), ("time-2", true)] {
        card.opens(number, 2000, json!({ "value": 100 })).expect(201);
        desk.pass(899);
        card.has(&[("B", 30)]);
        if is_completed {
            // It was rung up at the till, though a manager completes it: the till may still take it back.
            let complete = format!("/v1/sales/{number}/complete");
            desk.shop.post(&complete, &json!({})).send().expect(201);
            desk.till(&format!("/v1/sales/{number}/void"), &json!({})).send().expect(201);
        }
        // Nobody waits for a job: whoever asks in its last second and in the next is told what is true.
        desk.pass(1);
        card.has(&[("B", 130)]);
    }
    assert_eq!(desk.shop.get("/v1/sales/time-1").expect(200)["status"], "cancelled");
    desk.till("/v1/sales/time-1/complete", &json!({})).send().problem(409, "sale_state");
    // A posting finds what came back, too.
    card.opens("time-3", 2000, json!({ "value": 100 })).expect(201);
    desk.pass(900);
    card.post(json!({ "kind": "adjust", "value": -130 })).expect(201);
}

fn an_open_sale_ends_by_itself(desk: &mut Desk) {
    let serial = {
        let card = desk.card_of("points", json!({}));
        card.buys("late-before", 13_000);
        card.opens("late-1", 2000, json!({ "value": 100 })).expect(201);
        card.has(&[("B", 30)]);
        card.serial
    };
    desk.shop.stop();
    desk.shop.config_change(|text| text.replacen("[api]", "[api]\nopen_sale_s = 1", 1));
    // Neither a restart nor a clock that is set back makes it younger.
    desk.pass(-3600);
    desk.shop.start(Start::Run);
    let card = desk.card_known(&serial);
    wait_until("the sale is released", || card.standing()["balance"] == 130);
    assert_eq!(desk.shop.get("/v1/sales/late-1").expect(200)["status"], "cancelled");
    desk.till("/v1/sales/late-1/complete", &json!({})).send().problem(409, "sale_state");
}

#[test]
fn receipts_rows_and_refusals_speak_the_shops_language_in_its_currency() {
    let mut shop = Shop::closed();
    shop.config_change(|text| {
        text.replace("currency = \"EUR\"", "currency = \"KWD\"").replace("language = \"en\"", "language = \"de\"")
    });
    shop.start(Start::Run);
    let serial = shop.card("spend10", 0)["serial"].clone();
    let sale = json!({ "till": "till-1", "txn_id": "k-1", "amount_minor": 12_345, "serial": serial });
    let sold = shop.post("/v1/sales", &sale).send().expect(201);
    let line = |word: &str, number: &str| format!("{word}{number:>room$}", room = 42 - word.chars().count());
    let lines = sold["receipt"]["lines"].as_array().expect("lines");
    // Twelve for the bill and two for the first, of which ten became a reward.
    let expected = [line("Gesammelt", "12"), line("Guthaben", "4"), line("Prämien bereit", "1")];
    assert_eq!(lines[1..], expected.map(Value::from), "{lines:?}");
    let said = sold["entries"][0]["explanation"].as_str().expect("a sentence");
    assert!(said.starts_with("Summe 0,000 auf 12,345, eins je volle 1,000: 12 Stempel"), "{said}");
    let refused = shop.post("/v1/sales/k-1/refund", &json!({ "amount_minor": 12_346 })).send().expect(409);
    assert_eq!(refused["code"], "refund_exceeds");
    let text = refused["detail"].as_str().expect("a line");
    assert!(text.ends_with("Höchstens 12,345\u{a0}KWD."), "{text}");
}

#[test]
fn an_approval_lifts_as_far_as_the_approver_may() {
    let mut shop = Shop::closed();
    let rules = shop.dir.join("programmes/spend10.toml");
    let text = std::fs::read_to_string(&rules).expect("the rules");
    std::fs::write(&rules, text + "\n[limits.manager]\nvalue = 5\n").expect("written");
    shop.start(Start::Run);
    let serial = shop.card("spend10", 0)["serial"].as_str().expect("a serial").to_owned();
    let path = format!("/v1/cards/{serial}/entries");
    let staff = shop.sheet["staff"].as_array().expect("staff").clone();
    for (role, code) in [("manager", Some("needs_manager")), ("admin", None)] {
        let who = staff.iter().find(|who| who["role"] == role).expect("one of them");
        let approval = json!({ "staff": who["id"], "pin": who["pin"] });
        let asked = json!({ "kind": "adjust", "value": 6, "approved_by": approval });
        let answer = shop.post(&path, &asked).token(&shop.token(By::Till)).send();
        match code {
            Some(code) => drop(answer.problem(409, code)),
            None => drop(answer.expect(201)),
        }
    }
}
