//! The worked cases W01 to W10 (domain/CASES.md) through the API of a running daemon, whose clock this test sets from
//! outside.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::desk::{DAY_S, Desk, told};

#[test]
fn the_worked_cases_hold_through_the_api() {
    let desk = Desk::open("2026-01-05T09:00:00Z");
    w01_first_tap(&desk);
    w02_unlock_and_w03_redeem(&desk);
    w04_too_soon(&desk);
    w05_daily_limit(&desk);
    w06_referral(&desk);
    w07_and_w08_removed_visits(&desk);
    w09_card_past_its_date(&desk);
    w10_lapsed_reward(&desk);
    let books = desk.shop.verify();
    assert!(books["entries"].as_i64() > Some(60), "{books}");
}

fn w01_first_tap(desk: &Desk) {
    let card = desk.new_card();
    card.has(&[("B", 0), ("E", 0), ("V", 0), ("RA", 0)]);
    let shown = card.show().expect(200);
    assert_eq!(
        (&shown["outcome"], &shown["medium"], &shown["grade"]),
        (&json!("awarded"), &json!("barcode"), &json!("C"))
    );
    assert_eq!(shown["card"]["balance"], 2, "{shown:#}");
    let kinds: Vec<&Value> = shown["entries"].as_array().expect("a list").iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["stamps", "bonus"]);
    card.has(&[("B", 2), ("E", 2), ("V", 1), ("RA", 0), ("scans", 1), ("to_next_reward", 8)]);
}

fn w02_unlock_and_w03_redeem(desk: &Desk) {
    let card = desk.new_card();
    card.visits(&[1; 7]);
    card.has(&[("B", 8), ("E", 8), ("V", 7), ("RA", 0)]);
    desk.pass(DAY_S);
    let posted = card.earn(3);
    // The unlock is told as a moment; it is derived, and no entry of its own.
    assert!(posted["card"]["last_reward_earned_at"].is_string(), "{posted:#}");
    assert_eq!(posted["entries"].as_array().map(Vec::len), Some(1));
    card.has(&[("B", 1), ("E", 11), ("RA", 1), ("RE", 1), ("V", 8)]);

    let card = desk.new_card();
    desk.pass(DAY_S);
    card.post(json!({ "kind": "purchase", "amount_minor": 4000 })).expect(201);
    card.visits(&[2, 1, 1, 1, 1, 1, 1, 1]);
    card.has(&[("B", 1), ("RA", 1), ("RE", 1), ("V", 9), ("LTV", 4000)]);
    card.redeem().expect(201);
    card.has(&[("B", 1), ("RA", 0), ("RR", 1), ("V", 9), ("LTV", 4000)]);
    card.redeem().problem(409, "no_reward");
}

fn w04_too_soon(desk: &Desk) {
    let card = desk.new_card();
    card.earn(2);
    card.has(&[("B", 3), ("V", 1)]);
    desk.pass(20);
    let mut events = desk.shop.events();
    let refused = card.show();
    let problem = refused.problem(409, "too_soon");
    assert_eq!((&problem["retry_after_s"], refused.header("Retry-After")), (&json!(40), Some("40")));
    card.has(&[("B", 3), ("V", 1), ("scans", 1)]);
    let told = events.wait("tap.refused");
    assert_eq!((&told.data["code"], &told.data["retry_after_s"]), (&json!("too_soon"), &json!(40)));
    // A clock that is set back makes nothing younger or older: the rules' time does not go back.
    desk.pass(-3_600);
    assert_eq!(card.show().problem(409, "too_soon")["retry_after_s"], 40);
    desk.pass(3_600 + 39);
    assert_eq!(card.show().problem(409, "too_soon")["retry_after_s"], 1);
    desk.pass(1);
    assert_eq!(card.show().expect(200)["outcome"], "awarded");
    card.has(&[("B", 4), ("V", 2)]);
}

fn w05_daily_limit(desk: &Desk) {
    let card = desk.new_card();
    card.visits(&[1]);
    card.post(json!({ "kind": "adjust", "value": -2 })).expect(201);
    card.visits(&[4]);
    desk.pass(60);
    card.earn(1);
    card.has(&[("B", 5)]);
    desk.pass(60);
    assert_eq!(card.post(json!({ "kind": "stamps", "count": 2 })).problem(409, "daily_limit")["allowed"], 1);
    card.has(&[("B", 5)]);
    card.earn(1);
    card.has(&[("B", 6)]);
    // The day ends at midnight in Berlin, not in London.
    let day = desk.now().strftime("%F").to_string();
    desk.at(&format!("{day}T22:59:59Z"));
    assert_eq!(card.show().problem(409, "daily_limit")["allowed"], 0);
    assert_eq!(card.post(json!({ "kind": "stamps", "count": 5 })).problem(409, "daily_limit")["allowed"], 0);
    desk.pass(1);
    assert_eq!(card.post(json!({ "kind": "stamps", "count": 5 })).problem(409, "per_transaction_limit")["allowed"], 4);
    card.earn(1);
    card.has(&[("B", 7)]);
}

fn w06_referral(desk: &Desk) {
    let ann = desk.card(json!({ "first_name": "Ann" }));
    ann.visits(&[4, 2, 2]);
    ann.has(&[("B", 9), ("referral_earned", 0), ("V", 3)]);
    desk.pass(DAY_S);
    let link = ann.standing()["links"]["referral"].clone();
    let ben = desk.card(json!({ "first_name": "Ben", "referred_by": link }));
    assert_eq!(ben.show().expect(200)["card"]["balance"], 3);
    ben.has(&[("B", 3), ("V", 1), ("referral_earned", 1)]);
    ann.has(&[("B", 1), ("RA", 1), ("referral_earned", 2), ("V", 3)]);
    // Only the friend's first earn counts.
    desk.pass(60);
    ben.earn(1);
    ann.has(&[("B", 1), ("referral_earned", 2)]);
}

fn w07_and_w08_removed_visits(desk: &Desk) {
    let card = desk.new_card();
    card.visits(&[1; 3]);
    card.has(&[("B", 4), ("E", 4), ("V", 3), ("LTV", 0)]);
    card.post(json!({ "kind": "remove_visits", "count": 1 })).expect(201);
    card.has(&[("B", 3), ("V", 2), ("E", 4), ("LTV", 0), ("RR", 0)]);
    assert_eq!(told(&card.history())[0], ("stamps redeemed", -1, 3));

    let card = desk.new_card();
    card.visits(&[1; 10]);
    card.post(json!({ "kind": "adjust", "value": -1 })).expect(201);
    card.has(&[("B", 0), ("RA", 1), ("V", 10)]);
    card.post(json!({ "kind": "remove_visits", "count": 2 })).expect(201);
    card.has(&[("V", 8), ("B", 0), ("shortfall", 2), ("RA", 1)]);
}

fn w09_card_past_its_date(desk: &Desk) {
    let card = desk.new_card();
    card.visits(&[4, 4, 4, 1]);
    card.has(&[("B", 4), ("RA", 1)]);
    desk.pass(DAY_S);
    let day = |days: i64| (desk.now() + SignedDuration::from_hours(24 * days)).strftime("%F").to_string();
    card.expires(&day(-1));
    card.show().problem(409, "card_expired");
    card.has(&[("B", 4), ("RA", 1)]);
    card.redeem().expect(201);
    card.has(&[("RA", 0), ("RR", 1)]);
    // Valid to the end of its last day.
    card.expires(&day(0));
    card.show().expect(200);
    card.has(&[("B", 5)]);
    desk.pass(DAY_S);
    card.post(json!({ "kind": "stamps", "count": 1 })).problem(409, "card_expired");
    card.expires(&day(30));
    card.earn(1);
    card.has(&[("B", 6)]);
}

fn w10_lapsed_reward(desk: &Desk) {
    assert!(desk.now() < "2026-02-25T00:00:00Z".parse().expect("a moment"), "the cases before take too long");
    let card = desk.new_card();
    desk.at("2026-02-26T09:00:00Z");
    card.visits(&[4, 4]);
    // 10:00 in Berlin.
    desk.at("2026-03-01T09:00:00Z");
    card.earn(1);
    card.has(&[("RA", 1), ("RR", 0)]);
    // Summer time began meanwhile: the day ends an hour earlier.
    desk.at("2026-03-31T21:59:59Z");
    card.has(&[("RA", 1), ("rewards_expired", 0)]);
    desk.at("2026-03-31T22:00:00Z");
    card.has(&[("RA", 0), ("rewards_expired", 1)]);
    desk.at("2026-04-01T08:00:00Z");
    card.redeem().problem(409, "reward_expired");
    card.has(&[("RA", 0), ("rewards_expired", 1), ("RR", 0)]);
}
