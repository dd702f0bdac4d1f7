//! Customers listed by what their cards say, removed, exported; timelines, the shift report, and histories as tables.

use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::http::Answer;
use crate::support::shop::By;

#[test]
fn customers_are_listed_removed_and_told_about() {
    let desk = Desk::open("2026-03-02T09:00:00Z");
    lists_follow_the_books(&desk);
    segments_follow_visits_and_days(&desk);
    a_customer_is_removed(&desk);
    completion_and_refused_merge_answer_again(&desk);
    a_fob_follows_its_customer(&desk);
    timeline_export_and_tables(&desk);
    a_shift_on_one_page(&desk);
    desk.shop.verify();
}

fn ids(page: &Value) -> Vec<String> {
    let customers = page["customers"].as_array().expect("a list");
    customers.iter().map(|customer| customer["id"].as_str().expect("an id").to_owned()).collect()
}

/// All pages of a list.
fn listed(desk: &Desk, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.shop.get(&format!("/v1/customers?limit=3&{query}{cursor}")).expect(200);
        found.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

fn lists_follow_the_books(desk: &Desk) {
    let mut cards = Vec::new();
    for (number, amount_minor) in [70_000, 160_000, 1_000, 60_000, 2_000].into_iter().enumerate() {
        desk.pass(3600);
        let card = desk.card_of("points", json!({ "last_name": format!("Lister {number}") }));
        card.buys(&format!("list-{number}"), amount_minor);
        cards.push(card);
    }
    let own = |query: &str| -> Vec<usize> {
        let found = listed(desk, query);
        let place = |id: &String| cards.iter().position(|card| card.customer == *id);
        found.iter().filter_map(place).collect()
    };
    assert_eq!(own("sort=name"), [0, 1, 2, 3, 4]);
    assert_eq!(own("sort=-name"), [4, 3, 2, 1, 0]);
    assert_eq!(own("sort=ltv"), [2, 4, 3, 0, 1]);
    assert_eq!(own("sort=-balance"), [1, 0, 3, 4, 2]);
    assert_eq!(own("sort=-last_visit"), [4, 3, 2, 1, 0]);
    assert_eq!(own("tier=Silver&sort=-ltv"), [0, 3]);
    assert_eq!(own("tier=Gold"), [1]);
    assert!(listed(desk, "tier=Platinum").is_empty());
    assert_eq!(own("tier=Silver&query=lister"), [0, 3]);
    // What was taken back is gone from the list as well.
    desk.refund("list-1", None).expect(201);
    assert!(own("tier=Gold").is_empty());
    assert_eq!(own("sort=ltv")[0], 1);
    for (query, pointer) in [("sort=size", "/sort"), ("segment=rich", "/segment"), ("cursor=x", "/cursor")] {
        assert_eq!(desk.shop.get(&format!("/v1/customers?{query}")).pointers(), [pointer]);
    }
}

fn segments_follow_visits_and_days(desk: &Desk) {
    desk.next_morning();
    let card = desk.card_of("points", json!({ "last_name": "Segmented" }));
    assert!(card.standing()["segment"].is_null());
    let is = |segment: &str| {
        assert_eq!(card.standing()["segment"], segment);
        for other in ["beginners", "doubtful", "sleeping", "growths", "champions", "medium", "at_risk"] {
            let found = listed(desk, &format!("segment={other}&sort=-last_visit"));
            assert_eq!(found.contains(&card.customer), other == segment, "{other}");
        }
    };
    for visit in 0..3 {
        card.buys(&format!("segment-{visit}"), 100);
    }
    is("beginners");
    card.buys("segment-3", 100);
    is("growths");
    for _ in 0..30 {
        desk.next_morning();
    }
    is("growths");
    desk.next_morning();
    is("medium");
    for _ in 0..30 {
        desk.next_morning();
    }
    is("at_risk");
}

fn a_customer_is_removed(desk: &Desk) {
    let card = desk.card(json!({ "last_name": "Leaving", "email": "leaving@example.org" }));
    card.earn(1);
    let path = format!("/v1/customers/{}", card.customer);
    let remove = |by: By| desk.shop.ask(by, "DELETE", &path).send();
    remove(By::Till).problem(403, "wrong_role");
    remove(By::Manager).problem(409, "not_empty");
    let delete = desk.shop.ask(By::Manager, "DELETE", &format!("/v1/cards/{}", card.serial)).send();
    assert_eq!(delete.status, 204);
    assert_eq!((remove(By::Manager).status, remove(By::Manager).status), (204, 204));
    desk.shop.get(&path).problem(404, "unknown_customer");
    assert!(listed(desk, "query=leaving").is_empty());
    assert_eq!(card.standing()["balance"], 2);
    let unknown = "/v1/customers/01900000-0000-7000-8000-000000000000";
    desk.shop.ask(By::Manager, "DELETE", unknown).send().problem(404, "unknown_customer");
}

fn post(desk: &Desk, path: &str, body: Value) -> Answer {
    desk.shop.post(path, &body).send()
}

fn completion_and_refused_merge_answer_again(desk: &Desk) {
    let card = desk.card_of("points", json!({}));
    card.opens("open-again", 2000, Value::Null).expect(201);
    let complete = |body: Value| desk.till("/v1/sales/open-again/complete", &body).send();
    let first = complete(json!({ "amount_minor": 1500 })).expect(201);
    assert_eq!(complete(json!({})).expect(201), first);
    assert_eq!(complete(json!({ "amount_minor": 1500 })).expect(201), first);
    complete(json!({ "amount_minor": 1501 })).problem(409, "txn_reuse");
    card.has(&[("B", 15), ("V", 1)]);
    // What an open sale had set aside comes back with it, also when it is voided after its completion.
    card.post(json!({ "kind": "adjust", "value": 85 })).expect(201);
    card.opens("open-void", 2000, json!({ "reward": "off5", "count": 1 })).expect(201);
    card.has(&[("B", 0)]);
    desk.till("/v1/sales/open-void/complete", &json!({})).send().expect(201);
    card.has(&[("B", 15), ("R", 100)]);
    post(desk, "/v1/sales/open-void/void", json!({})).expect(201);
    card.has(&[("B", 100), ("R", 0)]);

    let (stays, goes) = (desk.card_of("points", json!({})), desk.card_of("points", json!({})));
    let patch = desk.shop.ask(By::Manager, "PATCH", &format!("/v1/cards/{}", goes.serial));
    patch.header("If-Match", "\"1\"").json(&json!({ "blocked": true })).send().expect(200);
    let ask = desk.shop.post(&format!("/v1/customers/{}/merge", stays.customer), &json!({ "from": goes.customer }));
    ask.clone().send().problem(409, "card_blocked");
    let again = ask.send();
    assert_eq!(again.header("Idempotency-Hit"), Some("true"));
    again.problem(409, "card_blocked");
}

fn a_fob_follows_its_customer(desk: &Desk) {
    let (stays, goes) = (desk.card_of("points", json!({})), desk.card_of("points", json!({})));
    let media = |serial: &str| {
        let list = desk.shop.get(&format!("/v1/cards/{serial}/credentials")).expect(200);
        list["credentials"].as_array().expect("a list").len()
    };
    let before = (media(&stays.serial), media(&goes.serial));
    let bind = json!({ "code": "04A1B2C3D4E5F6" });
    let bound = post(desk, &format!("/v1/cards/{}/credentials", goes.serial), bind);
    let fobs = usize::from(bound.status == 201);
    post(desk, &format!("/v1/customers/{}/merge", stays.customer), json!({ "from": goes.customer })).expect(200);
    assert_eq!((media(&stays.serial), media(&goes.serial)), (before.0 + fobs, before.1));
}

fn timeline_export_and_tables(desk: &Desk) {
    let card = desk.card_of("points", json!({ "first_name": "Tim" }));
    card.buys("time-1", 60_000);
    card.post(json!({ "kind": "adjust", "value": 7, "comment": "=1+1, \"quoted\"" })).expect(201);
    let timeline = |query: &str| {
        let page = desk.shop.get(&format!("/v1/customers/{}/timeline?{query}", card.customer)).expect(200);
        let rows = page["rows"].as_array().expect("rows").clone();
        let kinds: Vec<String> = rows.iter().map(|row| row["kind"].as_str().expect("a kind").to_owned()).collect();
        (kinds, page["next_cursor"].clone())
    };
    let all = ["adjust", "tier_changed", "purchase", "card_issued", "customer_created"].map(str::to_owned);
    assert_eq!(timeline("limit=5"), (all.to_vec(), Value::Null));
    assert_eq!(timeline("kinds=purchase,tier_changed").0, [all[1].clone(), all[2].clone()]);
    let (first, cursor) = timeline("limit=2");
    assert_eq!(first, all[..2]);
    let second = timeline(&format!("limit=2&cursor={}", cursor.as_str().expect("more")));
    assert_eq!(second.0, all[2..4]);
    let wrong = desk.shop.get(&format!("/v1/customers/{}/timeline?kinds=party", card.customer));
    assert_eq!(wrong.pointers(), ["/kinds"]);

    let told = desk.shop.get(&format!("/v1/customers/{}/export", card.customer)).expect(200);
    assert_eq!(told["customer"]["first_name"], "Tim");
    assert_eq!(told["cards"][0]["card"]["balance"], 607);
    assert_eq!(told["cards"][0]["history"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["timeline"].as_array().map(Vec::len), Some(5));

    let table = desk.shop.get(&format!("/v1/cards/{}/history.csv", card.serial));
    assert_eq!((table.status, table.header("Content-Type")), (200, Some("text/csv; charset=utf-8")));
    let text = table.text();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines[0].starts_with("date,type,label,comment,change,balance,expiry,"), "{text}");
    assert!(lines[1].contains(",adjust,points added,\"'=1+1, \"\"quoted\"\"\",7,607,"), "{text}");
    assert_eq!(lines.len(), 4, "{text}");
    let book = desk.shop.get(&format!("/v1/cards/{}/history.xlsx", card.serial));
    assert_eq!(book.status, 200);
    desk.shop.get("/v1/cards/000000000000/history.csv").problem(404, "unknown_card");
}

fn a_shift_on_one_page(desk: &Desk) {
    desk.next_morning();
    let card = desk.card(json!({}));
    card.show().expect(200);
    let day = desk.now().strftime("%F").to_string();
    card.post(json!({ "kind": "adjust", "value": 9 })).expect(201);
    card.redeem().expect(201);
    card.post(json!({ "kind": "stamps", "count": 1 })).problem(409, "too_soon");
    let shift = desk.shop.get(&format!("/v1/reports/shift?day={day}")).expect(200);
    assert_eq!((&shift["scans"], &shift["taps"], &shift["cards_issued"]), (&json!(1), &json!(0), &json!(1)));
    let cafe = &shift["programmes"][0];
    assert_eq!((&cafe["programme"], &cafe["awarded"], &cafe["bonus"]), (&json!("cafe10"), &json!(1), &json!(1)));
    assert_eq!((&cafe["rewards_earned"], &cafe["rewards_redeemed"]), (&json!(1), &json!(1)));
    let corrections = shift["corrections"].as_array().expect("corrections");
    assert_eq!(corrections.len(), 2, "{shift:#}");
    assert_eq!((&corrections[0]["kind"], &corrections[0]["units"]), (&json!("adjust"), &json!(9)));
    desk.shop.ask(By::Till, "GET", "/v1/reports/shift").send().problem(403, "wrong_role");
    assert_eq!(desk.shop.get("/v1/reports/shift?day=today").pointers(), ["/day"]);
}
