//! The LAN API's contract (DESIGN.md section 5, INTERFACES.md section 1.1) against a running daemon: who may ask, what a
//! wrong request is told, repeats, revisions, and the API's own description.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::http::{Answer, Ask, send_cut, send_raw};
use crate::support::shop::{By, Shop, Start};

/// A shop with a second till.
fn two_tills() -> Shop {
    let mut shop = Shop::closed();
    shop.config_change(|text| text + "\n[[till]]\nid = \"till-2\"\n");
    shop.start(Start::Run);
    shop
}

fn serial_of(card: &Value) -> String {
    card["serial"].as_str().expect("a serial").to_owned()
}

#[test]
fn the_token_is_judged_before_anything_else() {
    let shop = two_tills();
    let card = serial_of(&shop.card("cafe10", 0));
    let half = |method, path: &str| Ask::new(shop.address, method, path).bytes("application/json", b"{\"till\":");
    for (method, path) in operations(&shop) {
        if path == "/v1/health" || path == "/v1/openapi.json" {
            Ask::new(shop.address, method, &path).send().expect(200);
            continue;
        }
        let path = path.replace("{serial}", &card).replace("{till}", "till-1");
        let path = path.replace("{id}", "none").replace("{number}", "none");
        for authorization in [None, Some("Bearer"), Some("Bearer WRONG"), Some("Basic c3RhbXBk"), Some("WRONG")] {
            let mut ask = half(method, &path);
            if let Some(value) = authorization {
                ask = ask.header("Authorization", value);
            }
            let answer = ask.send();
            answer.problem(401, "unauthorized");
            let scheme = answer.header("WWW-Authenticate").unwrap_or_default();
            assert!(scheme.starts_with("Bearer"), "{method} {path}: {answer}");
        }
        // Every token is somebody, so its request is judged for what it asks.
        for by in [By::Till, By::Manager, By::Admin] {
            let status =
                if path == "/v1/events" { 200 } else { half(method, &path).token(&shop.token(by)).send().status };
            let deleted = [format!("/v1/cards/{card}"), "/v1/customers/none".to_owned()];
            let for_managers = (method == "DELETE" && deleted.contains(&path))
                || (method == "GET" && (path.starts_with("/v1/reports/") || path == "/v1/customers/none/export"))
                || path.ends_with("/merge");
            let refused = (path == "/v1/tokens" && by != By::Admin) || (for_managers && by == By::Till);
            assert!(status != 401 && (status == 403) == refused, "{method} {path} by {by:?}: {status}");
        }
    }
}

#[test]
fn a_role_or_till_that_may_not_is_told_so() {
    let shop = two_tills();
    let card = serial_of(&shop.card("cafe10", 0));
    let (card_path, void) = (format!("/v1/cards/{card}"), "/v1/entries/01890000-0000-7000-8000-000000000000/void");
    let entries = format!("{card_path}/entries");
    let staff = shop.sheet["staff"][0]["id"].clone();
    let by_till = |method, path: &str, body: Value| {
        shop.ask(By::Till, method, path).key(&shop.fresh_key()).header("If-Match", "\"1\"").json(&body).send()
    };
    by_till("POST", "/v1/tokens", json!({ "name": "x", "role": "admin" })).problem(403, "wrong_role");
    by_till("PATCH", &card_path, json!({ "blocked": true })).problem(403, "wrong_role");
    by_till("PATCH", &card_path, json!({ "expires_on": "2020-01-01" })).problem(403, "wrong_role");
    by_till("POST", "/v1/scans", json!({ "till": "till-2", "text": card })).problem(403, "wrong_till");
    by_till("POST", void, json!({ "till": "till-2" })).problem(403, "wrong_till");
    assert_eq!(by_till("POST", "/v1/scans", json!({ "till": "till-9", "text": card })).pointers(), ["/till"]);
    // Credentials' texts are for managers: whoever has one can show the card.
    let media = shop.ask(By::Till, "GET", &format!("{card_path}/credentials")).send().expect(200);
    assert!(
        media["credentials"].as_array().expect("a list").iter().all(|medium| medium.get("text").is_none()),
        "{media}"
    );
    // The same key by another token is another request.
    let post = |by| shop.ask(by, "POST", &entries).key("shared").json(&json!({ "kind": "adjust", "value": 1 })).send();
    let (manager, admin) = (post(By::Manager), post(By::Admin));
    manager.expect(201);
    admin.expect(201);
    assert_eq!((manager.header("Idempotency-Hit"), admin.header("Idempotency-Hit")), (None, None));
    let named = json!({ "kind": "adjust", "value": 1, "staff": staff });
    assert_eq!(shop.entry(&card, &named)["entries"][0]["staff"], staff);
}

#[test]
fn a_request_that_is_none_is_told_why_and_not_kept() {
    let shop = Shop::open();
    let good = json!({ "first_name": "Ann" });
    let create = || shop.post("/v1/customers", &good).key("kept");
    let json = "application/json";
    let token = shop.token(By::Manager);
    let text = |head: &str| {
        format!("POST /v1/customers HTTP/1.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{head}")
    };
    let raw = |head: &str| send_raw(shop.address, text(head).as_bytes()).expect("an answer");
    let cut = |head: &str| send_cut(shop.address, text(head).as_bytes()).expect("an answer");
    let host = format!("Host: {}\r\nContent-Type: {json}\r\nIdempotency-Key: kept\r\n", shop.address);
    let cases: Vec<(&str, Answer, u16, &str)> = vec![
        ("half a body", create().bytes(json, b"{\"first_name\": \"An").send(), 400, "bad_json"),
        ("no JSON", create().bytes(json, b"first_name=Ann").send(), 400, "bad_json"),
        ("two values", create().bytes(json, b"{} {}").send(), 400, "bad_json"),
        ("bytes that are no text", create().bytes(json, b"{\"first_name\": \"\xff\"}").send(), 400, "bad_json"),
        ("deep", create().bytes(json, "[".repeat(100_000).as_bytes()).send(), 400, "bad_json"),
        ("cut short", cut(&format!("{host}Content-Length: 40\r\n\r\n{{\"first_name\"")), 400, "bad_json"),
        ("no key", create().without("Idempotency-Key").send(), 400, "key_missing"),
        ("an empty key", create().key("").send(), 400, "key_missing"),
        ("a long key", create().key(&"k".repeat(256)).send(), 400, "key_missing"),
        ("a key of other letters", create().key("schlüssel").send(), 400, "key_missing"),
        ("two keys", raw(&format!("{host}Idempotency-Key: b\r\nContent-Length: 2\r\n\r\n{{}}")), 400, "key_missing"),
        ("a form", create().bytes("application/x-www-form-urlencoded", b"{}").send(), 415, "wrong_media_type"),
        ("no media type", create().without("Content-Type").send(), 415, "wrong_media_type"),
        ("10 MB", create().bytes(json, &vec![b' '; 10_000_000]).send(), 413, "too_large"),
        ("a megabyte and a byte", create().bytes(json, &vec![b' '; (1 << 20) + 1]).send(), 413, "too_large"),
        ("another house", create().header("Host", "stampd.example").send(), 421, "foreign_host"),
        ("no place", shop.post("/v1/customer", &good).send(), 404, "unknown_route"),
        ("no verb", shop.ask(By::Manager, "DELETE", "/v1/customers").send(), 405, "wrong_method"),
    ];
    for (what, answer, status, code) in cases {
        println!("{what}");
        let problem = answer.problem(status, code);
        assert_eq!(answer.header("Idempotency-Hit"), None, "{what}: {answer}");
        assert!(!problem["detail"].as_str().unwrap_or_default().contains("axum"), "{what}: {answer}");
        assert_eq!(answer.header("Allow").is_some(), status == 405, "{what}: {answer}");
    }
    let names = ["127.0.0.1", "localhost:1", "[::1]:8480", "stampd-1234.local"];
    for name in names {
        Ask::new(shop.address, "GET", "/v1/health").header("Host", name).send().expect(200);
    }
    // None of them took the key.
    let made = create().send();
    made.expect(201);
    assert_eq!(made.header("Idempotency-Hit"), None);
    shop.post("/v1/customers", &good).key(&"k".repeat(255)).send().expect(201);
}

// Long: a table of wrong fields, one line each.
#[test]
fn a_wrong_field_of_an_entry_is_pointed_at() {
    let shop = Shop::open();
    let (stamps, points) = (serial_of(&shop.card("cafe10", 0)), serial_of(&shop.card("points", 0)));
    let (stamps, points) = (format!("/v1/cards/{stamps}/entries"), format!("/v1/cards/{points}/entries"));
    let cases: &[(&str, Value, &[&str])] = &[
        (&stamps, json!({}), &["/kind"]),
        (&stamps, json!({ "kind": "gift" }), &["/kind"]),
        (&stamps, json!({ "kind": 1 }), &["/kind"]),
        (&stamps, json!({ "kind": "stamps" }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": "2" }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": 1.5 }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": 0 }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": -1 }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": i64::MAX }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": u64::MAX }), &["/count"]),
        (&stamps, json!({ "kind": "stamps", "count": 1, "counts": 1 }), &["/counts"]),
        (&stamps, json!({ "kind": "stamps", "count": 1, "value": 1 }), &["/value"]),
        (&stamps, json!({ "kind": "stamps", "amount_minor": 1 }), &["/amount_minor", "/count"]),
        (&stamps, json!({ "kind": "stamps", "count": 1, "visit": "x" }), &["/visit"]),
        (
            &stamps,
            json!({ "kind": "stamps", "count": 1, "visit": "01890000-0000-7000-8000-000000000000" }),
            &["/visit"],
        ),
        (&stamps, json!({ "kind": "stamps", "count": 1, "staff": "Kim" }), &["/staff"]),
        (&stamps, json!({ "kind": "stamps", "count": 1, "comment": "c".repeat(2_001) }), &["/comment"]),
        (&stamps, json!({ "kind": "stamps", "count": 1, "approved_by": {} }), &["/approved_by/staff"]),
        (&stamps, json!({ "kind": "remove_visits" }), &["/count"]),
        (&stamps, json!({ "kind": "adjust" }), &["/value"]),
        (&stamps, json!({ "kind": "adjust", "value": 0 }), &["/value"]),
        (&stamps, json!({ "kind": "adjust", "value": i64::MIN }), &["/value"]),
        (&stamps, json!({ "kind": "adjust", "value": 1, "reason": "mood" }), &["/reason"]),
        (&stamps, json!({ "kind": "reward_add" }), &["/amount_minor", "/count"]),
        (&stamps, json!({ "kind": "reward_add", "count": 1, "amount_minor": -1 }), &["/amount_minor"]),
        (&stamps, json!({ "kind": "reward_remove", "count": 1, "amount_minor": 0, "why": "lost" }), &["/why"]),
        (&stamps, json!({ "kind": "subtract_amount", "amount_minor": 100 }), &["/kind"]),
        (&points, json!({ "kind": "stamps", "count": 1 }), &["/kind"]),
        (&points, json!({ "kind": "purchase" }), &["/amount_minor"]),
        (&points, json!({ "kind": "purchase", "amount_minor": 0 }), &["/amount_minor"]),
        (&points, json!({ "kind": "purchase", "amount_minor": 100, "txn_id": "" }), &["/txn_id"]),
        (&points, json!({ "kind": "purchase", "amount_minor": 100, "txn_id": "t".repeat(65) }), &["/txn_id"]),
        (&points, json!({ "kind": "subtract_amount", "amount_minor": 100 }), &["/of"]),
        (&points, json!({ "kind": "subtract_amount", "amount_minor": 100, "of": "none" }), &["/of"]),
    ];
    point_at(&shop, cases);
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=x", "/cursor"),
        ("page=2", "/page"),
    ] {
        let path = stamps.replace("/entries", "/history");
        assert_eq!(shop.get(&format!("{path}?{query}")).pointers(), [pointer], "{query}");
    }
    // Nothing of all this was booked.
    assert_eq!(shop.verify()["entries"], 0);
}

#[test]
fn a_wrong_field_of_people_cards_scans_and_tokens_is_pointed_at() {
    let shop = Shop::open();
    let cases: &[(&str, Value, &[&str])] = &[
        ("/v1/customers", json!({ "firstname": "Ann" }), &["/firstname"]),
        ("/v1/customers", json!({ "first_name": ["Ann"] }), &["/first_name"]),
        ("/v1/customers", json!({ "first_name": "A\u{7}" }), &["/first_name"]),
        (
            "/v1/customers",
            json!({ "email": "ann", "phone": "0151 1", "birth_date": "2999-01-01" }),
            &["/birth_date", "/email", "/phone"],
        ),
        ("/v1/customers", json!({ "birth_date": "1990-02-30" }), &["/birth_date"]),
        ("/v1/customers", json!({ "referred_by": "http://x/r/NONE" }), &["/referred_by"]),
        ("/v1/customers", json!({ "consents": { "mail": "yes" } }), &["/consents/mail"]),
        ("/v1/customers", json!({ "custom": { "a/b": "v".repeat(1_001) } }), &["/custom/a~1b"]),
        ("/v1/cards", json!({}), &["/customer_id"]),
        ("/v1/cards", json!({ "customer_id": "x", "programme": "cafe10" }), &["/customer_id"]),
        (
            "/v1/cards",
            json!({ "customer_id": "01890000-0000-7000-8000-000000000000", "programme": "tea" }),
            &["/programme"],
        ),
        (
            "/v1/cards",
            json!({ "customer_id": "01890000-0000-7000-8000-000000000000", "programme": "cafe10" }),
            &["/customer_id"],
        ),
        ("/v1/scans", json!({ "text": "x" }), &["/till"]),
        ("/v1/scans", json!({ "till": "till-1" }), &["/text"]),
        ("/v1/scans", json!({ "till": "till-1", "text": "" }), &["/text"]),
        ("/v1/scans", json!({ "till": "till-1", "text": "x".repeat(4_097) }), &["/text"]),
        ("/v1/tokens", json!({ "name": "", "role": "till" }), &["/name"]),
        ("/v1/tokens", json!({ "name": "x", "role": "king" }), &["/role"]),
        ("/v1/tokens", json!({ "name": "x", "role": "till" }), &["/till"]),
        ("/v1/tokens", json!({ "name": "x", "role": "till", "till": "till-9" }), &["/till"]),
        ("/v1/tokens", json!([]), &[""]),
    ];
    point_at(&shop, cases);
}

/// Posts each body as the admin; it must be told exactly these pointers.
fn point_at(shop: &Shop, cases: &[(&str, Value, &[&str])]) {
    let admin = shop.token(By::Admin);
    for (path, body, pointers) in cases {
        println!("{path} {body}");
        let mut found = shop.post(path, body).token(&admin).send().pointers();
        found.sort();
        assert_eq!(found, *pointers, "{path} {body}");
    }
}

#[test]
fn what_is_not_there_is_404_with_a_code_of_its_own() {
    let shop = Shop::open();
    let nobody = "01890000-0000-7000-8000-000000000000";
    let stamps = json!({ "kind": "stamps", "count": 1 });
    for (answer, code) in [
        (shop.get("/v1/cards/0000-0000-0000"), "unknown_card"),
        (shop.get("/v1/cards/short"), "unknown_card"),
        (shop.get("/v1/cards/0000-0000-0000/history"), "unknown_card"),
        (shop.get("/v1/cards/0000-0000-0000/credentials"), "unknown_card"),
        (shop.post("/v1/cards/000000000000/entries", &stamps).send(), "unknown_card"),
        (shop.get(&format!("/v1/customers/{nobody}")), "unknown_customer"),
        (shop.get("/v1/customers/ann"), "unknown_customer"),
        (shop.post(&format!("/v1/entries/{nobody}/void"), &json!({})).send(), "unknown_entry"),
        (shop.post("/v1/entries/first/void", &json!({})).send(), "unknown_entry"),
        (shop.get("/v1/cards/%FF"), "unknown_card"),
    ] {
        answer.problem(404, code);
    }
}

#[test]
fn a_serial_is_read_in_any_grouping_and_case() {
    let shop = Shop::open();
    let serial = serial_of(&shop.card("cafe10", 0));
    let (one, two, three) = (&serial[..4], &serial[4..8], &serial[8..]);
    let lower = serial.to_lowercase();
    let alike = serial.replace('0', "O").replace('1', "l");
    let forms = [format!("{one}%20{two}%20{three}"), format!("{one}-{two}-{three}"), lower.clone(), alike.clone()];
    for form in &forms {
        assert_eq!(shop.standing(form)["serial"], serial.as_str(), "{form}");
    }
    // A till's keyboard scanner sends the number itself: it looks a card up and proves little.
    let shown = shop.scan(&format!("{} {} {}", &lower[..4], &lower[4..8], &lower[8..])).send().expect(200);
    assert_eq!(
        (&shown["medium"], &shown["grade"], &shown["card"]["serial"]),
        (&json!("number"), &json!("D"), &json!(serial))
    );
    shop.scan("000000000000").send().problem(409, "unknown_token");
    shop.scan("hello").send().problem(409, "unknown_token");
}

#[test]
fn the_same_request_is_answered_once_and_for_all() {
    let mut shop = Shop::open();
    let card = serial_of(&shop.card("cafe10", 0));
    let path = format!("/v1/cards/{card}/entries");
    let body = json!({ "kind": "adjust", "value": 3 });
    let redeem = json!({ "kind": "reward_remove", "count": 1, "amount_minor": 0 });
    let taken = shop.post(&path, &body);
    let refused = shop.post(&path, &redeem);
    let first = [taken.send(), refused.send()];
    first[0].expect(201);
    first[1].problem(409, "no_reward");
    let same_again = |times: &str| {
        for (ask, first) in [&taken, &refused].into_iter().zip(&first) {
            let again = ask.send();
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{times}");
            assert_eq!((again.header("Idempotency-Hit"), first.header("Idempotency-Hit")), (Some("true"), None));
            assert_eq!(again.header("Content-Type"), first.header("Content-Type"));
            assert_eq!(again.header("Location"), first.header("Location"));
        }
    };
    same_again("at once");
    // A reward is there now; the refusal stays what it was.
    shop.entry(&card, &json!({ "kind": "reward_add", "count": 1, "amount_minor": 0 }));
    same_again("after the card changed");
    shop.kill();
    shop.start(Start::Run);
    same_again("after a kill and a restart");
    shop.stop();
    shop.start(Start::Demo);
    same_again("after a stop and a restart");
    for other in [json!({ "kind": "adjust", "value": 4 }), json!({ "kind": "adjust", "value": 0 })] {
        let status = taken.clone().json(&other).send();
        assert_eq!(status.status, 422, "{status}");
    }
    taken.clone().json(&json!({ "kind": "adjust", "value": 4 })).send().problem(422, "key_reuse");
    let standing = shop.standing(&card);
    assert_eq!((&standing["balance"], &standing["rewards_available"]), (&json!(3), &json!(1)));
    shop.verify();
}

#[test]
fn requests_with_one_key_at_once_book_once() {
    let shop = Shop::open();
    const THREADS: usize = 8;
    for round in 0..10 {
        let card = serial_of(&shop.card("cafe10", round));
        let ask = shop.post(&format!("/v1/cards/{card}/entries"), &json!({ "kind": "adjust", "value": 1 }));
        let gate = Barrier::new(THREADS);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        gate.wait();
                        ask.send()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let first = answers.iter().filter(|answer| answer.status == 201 && answer.header("Idempotency-Hit").is_none());
        assert_eq!(first.count(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.problem(409, "key_busy");
            assert!(answer.header("Retry-After").is_some(), "{answer}");
        }
        assert_eq!(ask.send().header("Idempotency-Hit"), Some("true"));
        assert_eq!(shop.standing(&card)["balance"], 1);
    }
}

#[test]
fn a_change_needs_the_revision_that_was_read() {
    let shop = Shop::open();
    let path = format!("/v1/cards/{}", serial_of(&shop.card("cafe10", 0)));
    let read = shop.get(&path);
    let etag = read.header("ETag").expect("an ETag").to_owned();
    assert_eq!(etag, format!("\"{}\"", read.json()["revision"]));
    let change = |body: Value| shop.ask(By::Manager, "PATCH", &path).json(&body);
    change(json!({ "blocked": true })).send().problem(428, "if_match_missing");
    change(json!({ "blocked": true })).header("If-Match", "\"99\"").send().problem(412, "revision_conflict");
    for (body, pointer) in [
        (json!({ "balance": 5 }), "/balance"),
        (json!({ "blocked": "yes" }), "/blocked"),
        (json!({ "expires_on": "2027-02-30" }), "/expires_on"),
        (json!({ "expires_on": 5 }), "/expires_on"),
    ] {
        assert_eq!(change(body).header("If-Match", &etag).send().pointers(), [pointer]);
    }
    change(json!({})).bytes("application/json", b"{").header("If-Match", &etag).send().problem(400, "bad_json");
    let done = change(json!({ "blocked": true })).header("If-Match", &etag).send();
    assert_eq!(done.expect(200)["blocked"], true);
    let newer = done.header("ETag").expect("an ETag").to_owned();
    assert_ne!(newer, etag);
    change(json!({ "blocked": false })).header("If-Match", &etag).send().problem(412, "revision_conflict");
    let barcode = shop.card("cafe10", 0)["barcode"].as_str().expect("a barcode").to_owned();
    shop.scan(&barcode).send().problem(409, "card_blocked");
    let done =
        change(json!({ "blocked": false, "expires_on": "2040-01-31" })).header("If-Match", &newer).send().expect(200);
    assert_eq!((&done["blocked"], &done["expires_at"]), (&json!(false), &json!("2040-01-31")));
    let newest = format!("\"{}\"", done["revision"]);
    let done = change(json!({ "expires_on": null })).header("If-Match", &newest).send().expect(200);
    assert_eq!((&done["expires_at"], &done["blocked"]), (&Value::Null, &json!(false)));
}

#[test]
fn answers_carry_the_headers_that_tills_and_browsers_need() {
    let mut shop = Shop::closed();
    shop.config_change(|text| text.replace("[api]\n", "[api]\norigins = [\"https://till.example\"]\n"));
    shop.start(Start::Run);
    let made = shop.post("/v1/customers", &json!({})).header("X-Request-Id", "request-7").send();
    let customer = made.expect(201);
    let id = customer["id"].as_str().expect("an id");
    let location = format!("/v1/customers/{id}");
    assert_eq!(made.header("Location"), Some(location.as_str()));
    assert_eq!((made.header("X-Request-Id"), made.header("Cache-Control")), (Some("request-7"), Some("no-store")));
    assert!(made.header("Server-Timing").is_some_and(|timing| timing.starts_with("commit;dur=")), "{made}");
    assert_eq!(shop.get(&location).expect(200)["id"], id);
    let card = shop.post("/v1/cards", &json!({ "customer_id": id, "programme": "cafe10" })).send();
    let path = format!("/v1/cards/{}", serial_of(&card.expect(201)));
    assert_eq!((card.header("Location"), card.header("ETag")), (Some(path.as_str()), Some("\"1\"")));
    assert!(shop.get("/v1/health").header("X-Request-Id").is_some_and(|id| !id.is_empty()));

    let preflight = |origin: &str| {
        let ask = Ask::new(shop.address, "OPTIONS", "/v1/scans").header("Origin", origin);
        ask.header("Access-Control-Request-Method", "POST").send()
    };
    let allowed = preflight("https://till.example");
    assert_eq!((allowed.status, allowed.header("Access-Control-Allow-Origin")), (204, Some("https://till.example")));
    let headers = allowed.header("Access-Control-Allow-Headers").unwrap_or_default();
    assert!(
        ["Authorization", "Idempotency-Key", "Last-Event-ID"].iter().all(|name| headers.contains(name)),
        "{allowed}"
    );
    for origin in ["https://till.example.org", "http://till.example", "https://TILL.example", "null"] {
        let refused = preflight(origin);
        assert_eq!(refused.header("Access-Control-Allow-Origin"), None, "{origin}: {refused}");
    }
}

/// Methods and paths of the API's own description.
fn operations(shop: &Shop) -> Vec<(&'static str, String)> {
    let document = Ask::new(shop.address, "GET", "/v1/openapi.json").send().expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
            if item.get(method.to_lowercase()).is_some() {
                found.push((method, path.clone()));
            }
        }
    }
    found
}

#[test]
fn the_api_describes_itself() {
    let shop = Shop::open();
    let document = Ask::new(shop.address, "GET", "/v1/openapi.json").send().expect(200);
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    references_resolve(&document, &document);
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an object") {
            let at = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].to_string()), "{at}: its operationId is not its own");
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{at}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.values().all(|response| response["description"].is_string()), "{at}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named = |place: &str| -> BTreeSet<String> {
                let here = parameters.iter().filter(|parameter| parameter["in"] == place);
                here.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
            };
            let in_path = path.split(['{', '}']).skip(1).step_by(2).map(str::to_owned).collect();
            assert_eq!(named("path"), in_path, "{at}");
            if method == "post" && path != "/v1/sales/quote" {
                assert!(named("header").contains("Idempotency-Key") && operation["requestBody"].is_object(), "{at}");
            }
            let open = operation["security"] == json!([]) || operation["security"] == json!([{}]);
            assert_eq!(open, path == "/v1/health" || path == "/v1/openapi.json", "{at}");
            if !open {
                assert!(responses.contains_key("401"), "{at} does not tell of 401");
            }
        }
    }
    // The calls of this part of DESIGN.md section 5.
    let expected = [
        "/v1/health",
        "/v1/events",
        "/v1/customers",
        "/v1/customers/{id}",
        "/v1/cards",
        "/v1/cards/{serial}",
        "/v1/cards/{serial}/credentials",
        "/v1/cards/{serial}/history",
        "/v1/cards/{serial}/entries",
        "/v1/entries/{id}/void",
        "/v1/scans",
        "/v1/readers",
        "/v1/openapi.json",
    ];
    for path in expected {
        assert!(document["paths"].get(path).is_some(), "{path} is not described");
    }
}

/// Every address under /v1 that a face serves, as its source says it, stands in the document.
#[test]
fn every_route_is_described() {
    let shop = Shop::open();
    let document = Ask::new(shop.address, "GET", "/v1/openapi.json").send().expect(200);
    let described: BTreeSet<&String> = document["paths"].as_object().expect("paths").keys().collect();
    let mut served = BTreeSet::new();
    routes_collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/faces"), &mut served);
    assert!(served.len() > 30, "{served:?}");
    assert_eq!(described.into_iter().cloned().collect::<BTreeSet<_>>(), served);
    let files = ["/v1/cards/{serial}/history.csv", "/v1/cards/{serial}/history.xlsx"];
    assert!(files.iter().all(|path| document["paths"][path]["get"]["responses"]["404"].is_object()));
}

/// The addresses that a router is given, with or without a description: `.route("…")`, and `path = "…"` of annotations.
fn routes_collect(folder: &Path, served: &mut BTreeSet<String>) {
    for item in std::fs::read_dir(folder).expect("sources") {
        let path = item.expect("an item").path();
        if path.is_dir() {
            routes_collect(&path, served);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        for begin in [".route(\"", ".route(\n", "path = \""] {
            let parts = source.split(begin).skip(1);
            let named = parts.filter_map(|part| part.trim_start().trim_start_matches('"').split('"').next());
            served.extend(named.filter(|path| path.starts_with("/v1/")).map(str::to_owned));
        }
    }
}

fn references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').expect("a reference inside the document");
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            members.values().for_each(|member| references_resolve(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| references_resolve(document, item)),
        _ => {}
    }
}
