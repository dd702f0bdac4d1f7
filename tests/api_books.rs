//! The worked cases W11 to W36 (domain/CASES.md) through the API of a running daemon, whose clock this test sets from
//! outside. Every state is reached by postings; sales are a till's, typed postings a manager's.

use serde_json::{Value, json};

use crate::support::desk::{Card, Desk, told};
use crate::support::shop::{By, Start};

#[test]
fn the_books_hold_through_the_api() {
    let mut desk = Desk::open("2025-06-30T09:00:00Z");
    let lots = [lots_begin(&desk, "debit"), lots_begin(&desk, "part")];
    let [debit, part] = lots.map(|card| card.serial);
    w11_to_w13_carry(&desk);
    w14_and_w15_behind_rewards(&desk);
    w16_debt(&desk);
    w17_to_w19_levels(&desk);
    w20_parts(&desk);
    w21_and_w22_points_on_a_bill(&desk);
    w26_negative(&desk);
    w27_to_w31_cashback(&desk);
    w32_level_falls(&desk);
    w33_happy_hour(&desk);
    w34_and_w35_by_hand(&desk);
    desk.at("2025-09-30T09:00:00Z");
    for serial in [&debit, &part] {
        desk.card_known(serial).buys(&format!("late-{serial}"), 8000);
    }
    w25_pending(&desk);
    w23_and_w24_lots(&desk, &debit, &part);
    w36_power_cut(&mut desk);
    let books = desk.shop.verify();
    assert!(books["entries"].as_i64() > Some(60), "{books}");
}

fn redeems(name: &str, count: i64) -> Value {
    json!({ "reward": name, "count": count })
}

fn w11_to_w13_carry(desk: &Desk) {
    let card = desk.card_of("spend10", json!({}));
    let purchase =
        |amount_minor: i64| card.post(json!({ "kind": "purchase", "amount_minor": amount_minor })).expect(201);
    purchase(2700);
    card.has(&[("B", 2), ("T", 2700), ("LTV", 2700), ("V", 1), ("carry_minor", 700)]);
    purchase(1300);
    card.has(&[("T", 4000), ("B", 4), ("E", 4), ("LTV", 4000), ("V", 2), ("carry_minor", 0)]);
    card.post(json!({ "kind": "subtract_amount", "amount_minor": 1500 })).expect(201);
    card.has(&[("T", 2500), ("LTV", 2500), ("B", 2), ("E", 4), ("V", 2)]);
    let rows = card.history();
    assert_eq!(told(&rows)[..2], [("stamps redeemed", -2, 2), ("refund of amount spent", 0, 4)]);
    assert_eq!(rows[1]["amount_minor"], -1500);
}

/// The state of W14: 80.00 unlock the reward, 5.00 more, then 20.00 are taken back.
fn spent_65<'d>(desk: &'d Desk, programme: &str) -> Card<'d> {
    let card = desk.card_of(programme, json!({}));
    for amount_minor in [8000, 500] {
        card.post(json!({ "kind": "purchase", "amount_minor": amount_minor })).expect(201);
    }
    card.has(&[("T", 8500), ("E", 8), ("B", 0), ("RA", 1)]);
    card.post(json!({ "kind": "subtract_amount", "amount_minor": 2000 })).expect(201);
    card
}

fn w14_and_w15_behind_rewards(desk: &Desk) {
    let card = spent_65(desk, "spend10");
    card.has(&[("T", 6500), ("S", 2), ("B", 0), ("RA", 1), ("E", 8), ("LTV", 6500), ("D", 0)]);

    let card = desk.card_of("spend10", json!({}));
    card.post(json!({ "kind": "purchase", "amount_minor": 25_000 })).expect(201);
    card.has(&[("RA", 3), ("B", 1)]);
    card.post(json!({ "kind": "subtract_amount", "amount_minor": 22_500 })).expect(201);
    card.has(&[("T", 2500), ("LTV", 2500), ("S", 22), ("B", 0), ("RA", 3)]);
    card.post(json!({ "kind": "reward_remove", "count": 3, "amount_minor": 0, "why": "correction" })).expect(201);
    card.has(&[("RA", 0), ("RR", 0)]);
    card.post(json!({ "kind": "adjust", "value": 2 })).expect(201);
    card.has(&[("B", 2), ("V", 1)]);
}

fn w16_debt(desk: &Desk) {
    let card = spent_65(desk, "spend10_debt");
    card.has(&[("T", 6500), ("D", 2), ("S", 0), ("B", 0)]);
    card.post(json!({ "kind": "purchase", "amount_minor": 3500 })).expect(201);
    card.has(&[("T", 10_000), ("B", 2), ("E", 12), ("D", 0), ("S", 0)]);
}

fn w17_to_w19_levels(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    assert_eq!(card.buys("w17", 4999)["earned"], 49);
    card.has(&[("B", 49), ("LTV", 4999), ("Q", 49)]);

    let card = desk.card_of("points", json!({}));
    card.buys("w18-before", 48_000);
    card.has(&[("B", 480), ("Q", 480)]);
    assert_eq!(card.tier(), "Bronze");
    card.buys("w18-1", 6000);
    card.has(&[("B", 540), ("Q", 540)]);
    assert_eq!(card.tier(), "Silver");
    card.buys("w18-2", 6000);
    card.has(&[("B", 615), ("Q", 615), ("to_next_tier", 885)]);

    let card = desk.card_of("points", json!({}));
    card.buys("w19-before", 48_000);
    card.buys("w19", 6000);
    card.has(&[("B", 540), ("Q", 540)]);
    assert_eq!(desk.refund("w19", None).expect(201)["status"], "refunded");
    card.has(&[("B", 480), ("Q", 480)]);
    assert_eq!(card.tier(), "Bronze");
    assert_eq!(desk.refund("w19", None).problem(409, "refund_exceeds")["max"], 0);
}

fn w20_parts(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.buys("w20-before", 60_000);
    assert_eq!(card.buys("w20", 3333)["earned"], 41);
    desk.refund("w20", Some(1000)).expect(201);
    card.has(&[("B", 629), ("Q", 629)]);
    assert_eq!(desk.refund("w20", Some(2334)).problem(409, "refund_exceeds")["max"], 2333);
    desk.refund("w20", Some(2333)).expect(201);
    card.has(&[("B", 600), ("Q", 600), ("V", 2), ("O", 2)]);
}

fn w21_and_w22_points_on_a_bill(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.buys("w21-before", 13_000);
    let sold = card.sale("w21", 2000, redeems("off5", 1)).send().expect(201);
    assert_eq!((&sold["due_minor"], &sold["discount_minor"]), (&json!(1500), &json!(500)));
    assert_eq!((&sold["earned"], &sold["redeemed"]), (&json!(15), &json!(100)));
    card.has(&[("B", 45), ("R", 100), ("LTV", 14_500), ("V", 2)]);
    desk.refund("w21", None).expect(201);
    card.has(&[("B", 130), ("R", 0), ("LTV", 13_000), ("V", 2)]);
}

fn lots_begin<'d>(desk: &'d Desk, name: &str) -> Card<'d> {
    let card = desk.card_of("points", json!({}));
    card.buys(&format!("early-{name}"), 10_000);
    card
}

fn w23_and_w24_lots(desk: &Desk, debit: &str, part: &str) {
    let (debit, part) = (desk.card_known(debit), desk.card_known(part));
    desk.at("2026-06-15T09:00:00Z");
    assert_eq!(part.standing()["next_expiry"], json!({ "at": "2026-07-01T00:00:00.000+02:00", "amount": 100 }));
    debit.post(json!({ "kind": "adjust", "value": -120 })).expect(201);
    part.post(json!({ "kind": "adjust", "value": -30 })).expect(201);
    debit.has(&[("B", 60), ("R", 120)]);
    part.has(&[("B", 150), ("R", 30)]);
    assert_eq!(part.standing()["next_expiry"]["amount"], 70);
    // Days end at midnight in Berlin.
    desk.at("2026-06-30T21:59:59Z");
    part.has(&[("B", 150), ("X", 0)]);
    desk.at("2026-06-30T22:00:00Z");
    debit.has(&[("B", 60), ("X", 0)]);
    part.has(&[("B", 80), ("Q", 180), ("X", 70)]);
    desk.at("2026-10-01T08:00:00Z");
    debit.has(&[("B", 0), ("X", 60)]);
    part.has(&[("B", 0), ("X", 150), ("Q", 180)]);
}

fn w25_pending(desk: &Desk) {
    desk.at("2026-05-01T08:00:00Z");
    let card = desk.card_of("points_pending14", json!({}));
    card.buys("w25", 4000);
    card.has(&[("P", 40), ("B", 0), ("E", 0), ("Q", 0), ("V", 1), ("LTV", 4000)]);
    desk.at("2026-05-05T08:00:00Z");
    desk.refund("w25", Some(1000)).expect(201);
    card.has(&[("P", 30), ("B", 0)]);
    desk.at("2026-05-14T21:59:59Z");
    card.has(&[("P", 30), ("B", 0)]);
    desk.at("2026-05-14T22:00:00Z");
    card.has(&[("P", 0), ("B", 30), ("E", 30), ("Q", 30)]);
}

fn w26_negative(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.buys("w26-1", 10_000);
    card.sale("w26-2", 2000, redeems("off5", 1)).send().expect(201);
    card.has(&[("B", 15), ("Q", 115)]);
    desk.refund("w26-1", None).expect(201);
    card.has(&[("B", -85), ("Q", 15)]);
    card.buys("w26-3", 6000);
    card.has(&[("B", -25), ("Q", 75)]);
    let refused = card.sale("w26-4", 2000, redeems("off5", 1)).send();
    assert_eq!(refused.problem(409, "insufficient_balance")["max"], 0);
    // What was refused is no sale: its number is free.
    desk.shop.get("/v1/sales/w26-4").problem(404, "unknown_sale");
}

fn w27_to_w31_cashback(desk: &Desk) {
    let card = desk.card_of("cashback3", json!({}));
    assert_eq!(card.buys("w27", 12_000)["earned"], 120);
    card.has(&[("B", 120), ("T", 12_000), ("to_next_tier", 38_000), ("V", 1)]);
    assert_eq!(card.standing()["cashback_percent"], 1.0);

    let card = desk.card_of("cashback3", json!({}));
    card.buys("w28-before", 48_000);
    card.has(&[("B", 480), ("T", 48_000)]);
    card.buys("w28-1", 5000);
    card.has(&[("B", 530), ("T", 53_000)]);
    assert_eq!(card.tier(), "L2");
    card.buys("w28-2", 1250);
    card.has(&[("B", 568), ("T", 54_250), ("to_next_tier", 145_750), ("V", 3), ("E", 568), ("LTV", 54_250)]);
    card.post(json!({ "kind": "adjust", "value": 2000, "purchase_amount_minor": 10_000 })).expect(201);
    card.has(&[("B", 2568), ("E", 2568), ("LTV", 64_250), ("T", 54_250), ("V", 4)]);
    card.post(json!({ "kind": "adjust", "value": -568, "purchase_amount_minor": 568 })).expect(201);
    card.has(&[("B", 2000), ("R", 568), ("T", 54_250), ("LTV", 64_250), ("V", 5)]);
    let sold = card.sale("w31", 3000, json!({ "value": "max" })).send().expect(201);
    assert_eq!((&sold["due_minor"], &sold["earned"], &sold["redeemed"]), (&json!(1500), &json!(45), &json!(1500)));
    card.has(&[("B", 545), ("R", 2068), ("T", 55_750), ("V", 6)]);
    let over = card.sale("w31-over", 1001, json!({ "value": 501 })).send();
    assert_eq!(over.problem(409, "redeem_cap")["max"], 500);
}

fn w32_level_falls(desk: &Desk) {
    let card = desk.card_of("cashback3", json!({}));
    card.buys("w32-before", 48_000);
    card.buys("w32", 5000);
    assert_eq!(card.tier(), "L2");
    desk.refund("w32", None).expect(201);
    card.has(&[("B", 480), ("T", 48_000), ("to_next_tier", 2000)]);
    assert_eq!(card.tier(), "L1");
}

fn w33_happy_hour(desk: &Desk) {
    // Berlin is two hours ahead of UTC in July: the moment, and what 40.00 earn.
    for (hour, earned) in [("11:59:59", 40), ("12:00:00", 120), ("12:30:00", 120), ("13:59:59", 120), ("14:00:00", 40)]
    {
        desk.at(&format!("2025-07-10T{hour}Z"));
        let card = desk.card_of("cashback3_happy", json!({}));
        assert_eq!(card.buys(&format!("w33-{hour}"), 4000)["earned"], earned, "{hour}");
        card.has(&[("B", earned)]);
    }
}

fn w34_and_w35_by_hand(desk: &Desk) {
    for reason in ["compensation", "purchase"] {
        let card = desk.card_of("points", json!({}));
        for (part, amount_minor) in [1600, 1700, 1700].into_iter().enumerate() {
            card.buys(&format!("w34-{reason}-{part}"), amount_minor);
        }
        card.post(json!({ "kind": "adjust", "value": 30 })).expect(201);
        card.has(&[("B", 80), ("E", 80), ("LTV", 5000), ("V", 3), ("Q", 50)]);
        let note =
            json!({ "kind": "adjust", "value": 100, "reason": reason, "comment": "spilled", "public_note": "sorry" });
        card.post(note).expect(201);
        card.has(&[("B", 180), ("E", 180), ("LTV", 5000), ("V", 3), ("Q", 50)]);
        let row = &card.history()[0];
        assert_eq!((&row["kind"], &row["change"], &row["balance"]), (&json!("adjust"), &json!(100), &json!(180)));
        assert_eq!((&row["reason"], &row["comment"]), (&json!(reason), &json!("spilled")));
        // To the end of local day 365 after it.
        let last = desk.now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone")).date();
        let ends = last.checked_add(jiff::Span::new().days(366)).expect("a date");
        assert_eq!(row["expires_at"], format!("{ends}T00:00:00.000+02:00"));
    }
    let card = desk.card_of("points", json!({}));
    card.post(json!({ "kind": "adjust", "value": 30 })).expect(201);
    let refused = card.post(json!({ "kind": "adjust", "value": -50 }));
    assert_eq!(refused.problem(409, "insufficient_balance")["max"], 30);
    card.has(&[("B", 30)]);
    assert_eq!(card.history().len(), 1);
}

fn w36_power_cut(desk: &mut Desk) {
    let serial = desk.card_of("points", json!({})).serial;
    let body = |amount_minor: i64| json!({ "till": "till-1", "txn_id": "w36", "amount_minor": amount_minor, "serial": serial });
    let token = desk.shop.token(By::Till);
    let send =
        |desk: &Desk, amount_minor| desk.shop.post("/v1/sales", &body(amount_minor)).token(&token).key("K").send();
    let first = send(desk, 2500).expect(201);
    desk.shop.kill();
    desk.shop.start(Start::Run);
    for _ in 0..2 {
        let again = send(desk, 2500);
        assert_eq!(again.header("Idempotency-Hit"), Some("true"));
        assert_eq!(again.expect(201), first);
    }
    send(desk, 2600).problem(422, "key_reuse");
    desk.card_known(&serial).has(&[("B", 25), ("V", 1)]);
}
