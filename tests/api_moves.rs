//! Transfers, merges, coupons, deletion, the list of customers and the open liability, over the API of a running daemon.

use serde_json::{Value, json};

use crate::support::desk::{Card, Desk};
use crate::support::http::Answer;
use crate::support::shop::By;

#[test]
fn what_moves_between_cards_and_customers() {
    let desk = Desk::open("2026-02-02T09:00:00Z");
    a_transfer_moves_balance_and_rewards(&desk);
    two_customers_become_one(&desk);
    a_coupon_lives(&desk);
    customers_are_found_and_changed(&desk);
    the_open_liability_is_the_sum_of_its_parts(&desk);
    a_deleted_card_stays_so(&desk);
    desk.shop.verify();
}

fn post(desk: &Desk, path: &str, body: Value) -> Answer {
    desk.shop.post(path, &body).send()
}

fn transfer(desk: &Desk, from: &Card<'_>, to: &str) -> Answer {
    post(desk, &format!("/v1/cards/{}/transfer", from.serial), json!({ "to": to }))
}

fn a_transfer_moves_balance_and_rewards(desk: &Desk) {
    let (from, to) = (desk.card(json!({})), desk.card(json!({})));
    from.visits(&[4, 4, 4]);
    to.earn(1);
    from.has(&[("B", 3), ("RA", 1), ("V", 3), ("E", 13)]);
    let moved = transfer(desk, &from, &to.serial).expect(201);
    assert_eq!((&moved["card"]["balance"], &moved["to"]["balance"]), (&json!(0), &json!(5)), "{moved:#}");
    assert_eq!(moved["entries"][0]["kind"], "transfer");
    from.has(&[("B", 0), ("RA", 0), ("V", 3), ("E", 13)]);
    to.has(&[("B", 5), ("RA", 1), ("V", 1), ("E", 2)]);
    assert_eq!(to.history()[0]["label"], "transferred in");
    // One posting on each: a void takes both back.
    let entry = moved["entries"][0]["id"].as_str().expect("an id").to_owned();
    post(desk, &format!("/v1/entries/{entry}/void"), json!({})).expect(201);
    from.has(&[("B", 3), ("RA", 1)]);
    to.has(&[("B", 2), ("RA", 0)]);
    let other = desk.card_of("points", json!({}));
    assert_eq!(transfer(desk, &from, &other.serial).pointers(), ["/to"]);
    assert_eq!(transfer(desk, &from, &from.serial).pointers(), ["/to"]);
    assert_eq!(transfer(desk, &from, "0000").pointers(), ["/to"]);
}

fn two_customers_become_one(desk: &Desk) {
    let stays = desk.card_of("points", json!({ "first_name": "Ida", "groups": ["regular"] }));
    let goes = desk.card_of("points", json!({ "first_name": "I.", "last_name": "Moor", "email": "ida@example.org" }));
    stays.buys("merge-1", 1000);
    goes.buys("merge-2", 2500);
    let other = json!({ "customer_id": goes.customer, "programme": "cafe10" });
    let cafe = post(desk, "/v1/cards", other).expect(201)["serial"].as_str().expect("a serial").to_owned();
    let path = format!("/v1/customers/{}/merge", stays.customer);
    // A sale that is open would lose its card.
    goes.opens("merge-open", 1000, Value::Null).expect(201);
    post(desk, &path, json!({ "from": goes.customer })).problem(409, "sale_state");
    desk.till("/v1/sales/merge-open/void", &json!({})).send().problem(409, "sale_state");
    desk.till("/v1/sales/merge-open/cancel", &json!({})).send().expect(201);
    let ask = desk.shop.post(&path, &json!({ "from": goes.customer }));
    ask.clone().token(&desk.shop.token(By::Till)).send().problem(403, "wrong_role");
    let one = ask.send().expect(200);
    assert_eq!(ask.send().header("Idempotency-Hit"), Some("true"));
    assert_eq!((&one["first_name"], &one["last_name"]), (&json!("Ida"), &json!("Moor")));
    assert_eq!((&one["email"], &one["groups"]), (&json!("ida@example.org"), &json!(["regular"])));
    assert_eq!(one["cards"].as_array().map(Vec::len), Some(3));
    stays.has(&[("B", 35), ("E", 35), ("V", 2), ("LTV", 3500), ("T", 3500)]);
    assert_eq!(desk.shop.standing(&goes.serial)["status"], "deleted");
    assert_eq!(desk.shop.standing(&cafe)["customer_id"], one["id"]);
    desk.shop.get(&format!("/v1/customers/{}", goes.customer)).problem(404, "unknown_customer");
    assert_eq!(post(desk, &path, json!({ "from": goes.customer })).pointers(), ["/from"]);
    assert_eq!(post(desk, &path, json!({ "from": stays.customer })).pointers(), ["/from"]);
    // What was bought on the card that is gone is brought back on the one that stays.
    desk.refund("merge-2", Some(500)).expect(201);
    stays.has(&[("B", 30), ("LTV", 3000), ("T", 3000)]);
    desk.refund("merge-2", Some(2001)).problem(409, "refund_exceeds");
    assert_eq!(desk.refund("merge-2", Some(0)).pointers(), ["/amount_minor"]);
    // What came from a card that is gone cannot go back to it.
    let rows = stays.history();
    let came = rows.iter().find(|row| row["kind"] == "merge").expect("its row")["id"].as_str().expect("an id");
    post(desk, &format!("/v1/entries/{came}/void"), json!({})).problem(409, "card_deleted");

    // A card that cannot be joined ends the whole merge.
    let blocked = desk.card_of("points", json!({}));
    let patch = desk.shop.ask(By::Manager, "PATCH", &format!("/v1/cards/{}", blocked.serial));
    patch.header("If-Match", "\"1\"").json(&json!({ "blocked": true })).send().expect(200);
    post(desk, &path, json!({ "from": blocked.customer })).problem(409, "card_blocked");
    assert_eq!(desk.shop.standing(&blocked.serial)["customer_id"], blocked.customer);
}

fn a_coupon_lives(desk: &Desk) {
    let card = desk.card(json!({}));
    let path = format!("/v1/cards/{}/coupons", card.serial);
    let welcome = json!({ "name": "Welcome", "reward": "cake", "entry": true, "valid_until": "2027-01-31" });
    let given = post(desk, &path, welcome).expect(201);
    assert_eq!((&given["coupon"]["stage"], &given["coupon"]["entry"]), (&json!("assigned"), &json!(true)));
    assert_eq!(given["coupon"]["valid_until"], "2027-02-01T00:00:00.000+01:00");
    let id = given["coupon"]["id"].as_str().expect("an id").to_owned();
    let step = |id: &str, step: &str| post(desk, &format!("{path}/{id}/{step}"), json!({}));
    assert_eq!(step(&id, "claim").expect(201)["coupon"]["stage"], "claimed");
    card.has(&[("entry_rewards_claimed", 1), ("coupons_claimed", 0)]);
    step(&id, "claim").problem(409, "no_reward");
    assert_eq!(step(&id, "use").expect(201)["coupon"]["stage"], "used");
    step(&id, "use").problem(409, "no_reward");
    step(&id, "void").problem(409, "no_reward");
    let five = post(desk, &path, json!({ "name": "Five off", "value": 500 })).expect(201);
    let five = five["coupon"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(step(&five, "void").expect(201)["coupon"]["stage"], "void");
    let cake = post(desk, &path, json!({ "name": "Cake", "reward": "cake" })).expect(201);
    // Whoever uses one claims it.
    let used = step(cake["coupon"]["id"].as_str().expect("an id"), "use").expect(201);
    let kinds: Vec<&str> =
        used["entries"].as_array().expect("entries").iter().filter_map(|row| row["label"].as_str()).collect();
    assert_eq!((used["coupon"]["stage"].as_str(), kinds), (Some("used"), vec!["coupon claimed", "coupon used"]));
    card.has(&[("coupons_claimed", 1), ("coupons_used", 1)]);
    step("0", "use").problem(404, "unknown_coupon");
    step(&desk.shop.fresh_key(), "use").problem(404, "unknown_coupon");
    for (body, pointer) in [
        (json!({ "name": "", "value": 5 }), "/name"),
        (json!({ "name": "x" }), "/value"),
        (json!({ "name": "x", "value": 5, "reward": "y" }), "/value"),
        (json!({ "name": "x", "value": 5, "valid_until": "soon" }), "/valid_until"),
    ] {
        assert_eq!(post(desk, &path, body.clone()).pointers(), [pointer], "{body}");
    }
    let short = json!({ "name": "Today", "value": 100, "valid_until": desk.now().strftime("%F").to_string() });
    let short = post(desk, &path, short).expect(201)["coupon"]["id"].as_str().expect("an id").to_owned();
    desk.next_morning();
    step(&short, "use").problem(409, "reward_expired");
}

fn a_deleted_card_stays_so(desk: &Desk) {
    let card = desk.card(json!({}));
    card.earn(1);
    card.post(json!({ "kind": "reward_add", "count": 1, "amount_minor": 0 })).expect(201);
    desk.pass(40 * 86_400);
    let delete = |by: By| desk.shop.ask(by, "DELETE", &format!("/v1/cards/{}", card.serial)).send();
    delete(By::Till).problem(403, "wrong_role");
    assert_eq!((delete(By::Manager).status, delete(By::Manager).status), (204, 204));
    let standing = card.standing();
    assert_eq!((&standing["status"], &standing["balance"]), (&json!("deleted"), &json!(2)));
    // What had lapsed by then stays lapsed.
    card.has(&[("rewards_available", 0), ("rewards_expired", 1)]);
    assert_eq!(standing["next_expiry"], Value::Null);
    card.post(json!({ "kind": "stamps", "count": 1 })).problem(409, "card_deleted");
    card.show().problem(409, "card_deleted");
    desk.shop.ask(By::Manager, "DELETE", "/v1/cards/000000000000").send().problem(404, "unknown_card");
}

fn customers_are_found_and_changed(desk: &Desk) {
    // Nobody else joined at this moment.
    desk.pass(60);
    let zoe =
        json!({ "first_name": "Zoe", "last_name": "Zander", "email": "zz@example.org", "phone": "+4915199988777" });
    let card = desk.card(zoe);
    let list = |query: &str| {
        let page = desk.shop.get(&format!("/v1/customers?{query}")).expect(200);
        let ids = page["customers"].as_array().expect("a list").iter();
        (ids.map(|one| one["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>(), page["next_cursor"].clone())
    };
    for query in ["zander", "ZOE%20Zan", "zz%40example", "99988777", &card.serial, &card.serial.to_lowercase()] {
        assert_eq!(list(&format!("query={query}")), (vec![card.customer.clone()], Value::Null), "{query}");
    }
    assert_eq!(list("query=nobody%25").0, Vec::<String>::new());
    // Pages join to the whole list, in either direction.
    for sort in ["name", "-name", "joined", "-joined"] {
        let (all, none) = list(&format!("sort={sort}&limit=200"));
        assert!(all.len() > 20 && none.is_null(), "{sort}");
        let (mut paged, mut cursor) = list(&format!("sort={sort}&limit=7"));
        while let Some(at) = cursor.as_str().map(str::to_owned) {
            let (more, next) = list(&format!("sort={sort}&limit=7&cursor={at}"));
            paged.extend(more);
            cursor = next;
        }
        assert_eq!(paged, all, "{sort}");
    }
    assert_eq!(list("sort=-joined&limit=1").0, std::slice::from_ref(&card.customer));
    assert_eq!(desk.shop.get("/v1/customers?sort=age").pointers(), ["/sort"]);
    assert_eq!(desk.shop.get("/v1/customers?cursor=x").pointers(), ["/cursor"]);

    let path = format!("/v1/customers/{}", card.customer);
    let patch = |revision: i64, body: Value| {
        let ask = desk.shop.ask(By::Manager, "PATCH", &path);
        ask.header("If-Match", &format!("\"{revision}\"")).json(&body).send()
    };
    let changed = patch(1, json!({ "last_name": "Zimmer", "phone": null, "custom": { "milk": "oat" } })).expect(200);
    assert_eq!(
        (&changed["last_name"], &changed["phone"], &changed["revision"]),
        (&json!("Zimmer"), &Value::Null, &json!(2))
    );
    assert_eq!((&changed["first_name"], &changed["custom"]["milk"]), (&json!("Zoe"), &json!("oat")));
    patch(1, json!({ "last_name": "Other" })).problem(412, "revision_conflict");
    assert_eq!(patch(2, json!({ "email": "none" })).pointers(), ["/email"]);
    assert_eq!(patch(2, json!({ "nickname": "Z" })).pointers(), ["/nickname"]);
    assert_eq!(patch(2, json!({ "custom": { "milk": null } })).expect(200)["custom"], json!({}));
    assert_eq!(list("query=zimmer").0, std::slice::from_ref(&card.customer));
}

fn the_open_liability_is_the_sum_of_its_parts(desk: &Desk) {
    let card = desk.card_of("cashback3", json!({}));
    card.buys("liability-1", 120_000);
    desk.shop.ask(By::Till, "GET", "/v1/reports/liability").send().problem(403, "wrong_role");
    let report = desk.shop.get("/v1/reports/liability").expect(200);
    let parts = report["programmes"].as_array().expect("a list");
    let sum = |list: &[Value], name: &str| list.iter().map(|part| part[name].as_i64().expect("a number")).sum::<i64>();
    assert_eq!(report["liability_minor"], sum(parts, "liability_minor"));
    for part in parts {
        let ages = part["ages"].as_array().expect("a list");
        for name in ["units", "rewards", "liability_minor"] {
            assert_eq!(part[name], sum(ages, name), "{name} of {part:#}");
        }
    }
    let of = |name: &str| parts.iter().find(|part| part["programme"] == name).expect("a programme").clone();
    // 12.00 points of 0.01 each; 30 points at 0.05.
    assert_eq!((&of("cashback3")["units"], &of("cashback3")["liability_minor"]), (&json!(1200), &json!(1200)));
    assert_eq!((&of("points")["units"], &of("points")["liability_minor"]), (&json!(30), &json!(150)));
    assert_eq!(of("cafe10")["rewards"], 1);
}
