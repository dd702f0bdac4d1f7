//! The event stream of a running daemon (DESIGN.md section 5): greeting, live events, resuming by `Last-Event-ID`, also
//! over a restart, the reset, and what a till's token sees.

use serde_json::{Value, json};

use crate::support::http::{Ask, Event, Events};
use crate::support::shop::{By, Shop, Start};

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn take(events: &mut Events, count: usize) -> Vec<Event> {
    (0..count).map(|_| events.next().expect("an event")).collect()
}

/// The stream as a browser's `fetch` opens it: the token in a header.
fn resume(shop: &Shop, by: By, last_id: i64) -> Events {
    let ask = shop.ask(by, "GET", "/v1/events").header("Origin", &format!("http://{}", shop.address));
    ask.header("Last-Event-ID", &last_id.to_string()).header("Cache-Control", "no-cache").stream()
}

fn barcode(shop: &Shop, index: usize) -> String {
    shop.card("cafe10", index)["barcode"].as_str().expect("a barcode").to_owned()
}

#[test]
fn a_listener_is_greeted_and_told_what_is_committed_in_order() {
    let shop = Shop::open();
    let mut stream = shop.ask(By::Till, "GET", "/v1/events").stream();
    assert_eq!(stream.answer.header("Cache-Control"), Some("no-store"));
    let hello = stream.next().expect("a greeting");
    assert_eq!((hello.name.as_str(), hello.id), ("hello", None));
    let last_id = hello.data["last_id"].as_i64().expect("last_id");
    assert!(hello.data["oldest_id"].as_i64().is_some_and(|oldest| oldest <= last_id), "{hello:?}");
    assert!(hello.data["now"].is_string(), "{hello:?}");

    let shown = shop.scan(&barcode(&shop, 0)).send().expect(200);
    let serial = shop.card("cafe10", 0)["serial"].clone();
    shop.entry(serial.as_str().expect("a serial"), &json!({ "kind": "adjust", "value": 1, "comment": "sorry" }));
    shop.scan("hello").send().problem(409, "unknown_token");
    let told = take(&mut stream, 4);
    assert_eq!(names(&told), ["card.updated", "tap.presented", "card.updated", "tap.refused"]);
    let ids: Vec<i64> = told.iter().map(|event| event.id.expect("an id")).collect();
    assert!(ids.is_sorted() && ids[0] > last_id, "{ids:?}");
    let tap = &told[1].data;
    for name in ["visit", "till", "medium", "grade", "at", "card", "outcome", "entries", "text", "timing_ms"] {
        assert_eq!(tap[name], shown[name], "{name}: a scan answers what its event carries");
    }
    assert_eq!(told[0].data["serial"], serial);
    assert!(told[2].data["revision"].as_i64() > told[0].data["revision"].as_i64());
    assert!(!told[2].data.to_string().contains("sorry"), "free text is not for every listener");
    assert_eq!((&told[3].data["code"], &told[3].data["outcome"]), (&json!("unknown_token"), &json!("refused")));
}

#[test]
fn a_listener_resumes_where_it_was_also_over_a_restart() {
    let mut shop = Shop::open();
    let mut stream = shop.events();
    shop.scan(&barcode(&shop, 0)).send().expect(200);
    let seen = take(&mut stream, 2).pop().expect("two").id.expect("an id");
    drop(stream);
    shop.scan(&barcode(&shop, 1)).send().expect(200);
    let missed = take_after_hello(resume(&shop, By::Manager, seen), 2);
    shop.kill();
    shop.start(Start::Run);
    shop.scan(&barcode(&shop, 2)).send().expect(200);
    let all = take_after_hello(resume(&shop, By::Manager, seen), 4);
    assert_eq!(all[..2], missed[..], "the same events, with the same ids");
    assert_eq!(all[3].data["card"]["serial"], shop.card("cafe10", 2)["serial"]);
    // And goes on live.
    let mut stream = resume(&shop, By::Manager, all[3].id.expect("an id"));
    assert_eq!(stream.next().expect("a greeting").name, "hello");
    shop.scan("hello").send().problem(409, "unknown_token");
    assert_eq!(stream.next().expect("an event").name, "tap.refused");
    // A daemon that is asked to stop does not wait for those who listen.
    shop.stop();
    assert_eq!(stream.next(), None);
}

fn take_after_hello(mut stream: Events, count: usize) -> Vec<Event> {
    assert_eq!(stream.next().expect("a greeting").name, "hello");
    take(&mut stream, count)
}

#[test]
fn a_listener_who_was_away_too_long_is_told_to_read_anew() {
    let shop = Shop::made_at("2026-06-01 08:00:00");
    let hello = shop.ask(By::Manager, "GET", "/v1/events").stream().next().expect("a greeting").data;
    let last_id = hello["last_id"].as_i64().expect("last_id");
    // One from the future: of a ledger that is no more.
    let mut stream = resume(&shop, By::Manager, last_id + 1_000);
    let begin = take(&mut stream, 2);
    assert_eq!(names(&begin), ["hello", "reset"]);
    shop.scan("hello").send().problem(409, "unknown_token");
    let refused = stream.next().expect("an event");
    assert_eq!((refused.name.as_str(), refused.id), ("tap.refused", Some(last_id + 1)));
    drop(stream);

    // A day and an hour later what came before is gone, a few with each new event.
    shop.clock_set("2026-06-02 09:00:00");
    let oldest = |hello: &Value| hello["oldest_id"].as_i64().expect("oldest_id");
    let serial = shop.card("cafe10", 0)["serial"].as_str().expect("a serial").to_owned();
    let mut now = json!({ "oldest_id": 0 });
    for _ in 0..200 {
        shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
        now = shop.ask(By::Manager, "GET", "/v1/events").stream().next().expect("a greeting").data;
        if oldest(&now) > last_id + 1 {
            break;
        }
    }
    assert!(oldest(&now) > last_id + 1, "{now}");
    let mut stream = resume(&shop, By::Manager, last_id);
    let begin = take(&mut stream, 3);
    assert_eq!(names(&begin), ["hello", "reset", "card.updated"]);
    assert_eq!((&begin[1].data["oldest_id"], begin[2].id), (&now["oldest_id"], Some(oldest(&now))), "{begin:?}");
    // The oldest that is there follows directly on the one that this listener has: nothing was missed.
    let mut stream = resume(&shop, By::Manager, oldest(&now) - 1);
    assert_eq!(names(&take(&mut stream, 2)), ["hello", "card.updated"]);
}

#[test]
fn a_till_is_told_of_itself_and_of_what_concerns_all() {
    let mut shop = Shop::closed();
    shop.config_change(|text| text + "\n[[till]]\nid = \"till-2\"\n");
    shop.start(Start::Run);
    let request = json!({ "name": "Till 2", "role": "till", "till": "till-2" });
    let made = shop.post("/v1/tokens", &request).token(&shop.token(By::Admin));
    let token = made.send().expect(201)["token"].as_str().expect("a token").to_owned();
    let again = made.send();
    assert_eq!(
        (again.header("Idempotency-Hit"), &again.expect(201)["token"]),
        (Some("true"), &Value::Null),
        "told once"
    );

    let listen = |token: &str| {
        let mut stream = Ask::new(shop.address, "GET", "/v1/events").token(token).stream();
        assert_eq!(stream.next().expect("a greeting").name, "hello");
        stream
    };
    let (mut first, mut second, mut all) = (listen(&shop.token(By::Till)), listen(&token), shop.events());
    shop.scan(&barcode(&shop, 0)).send().expect(200);
    let body = json!({ "till": "till-2", "text": barcode(&shop, 1) });
    shop.post("/v1/scans", &body).token(&token).send().expect(200);
    assert_eq!(names(&take(&mut all, 4)), ["card.updated", "tap.presented", "card.updated", "tap.presented"]);
    assert_eq!(names(&take(&mut first, 3)), ["card.updated", "tap.presented", "card.updated"]);
    let own = take(&mut second, 3);
    assert_eq!(
        (names(&own), &own[2].data["till"]),
        (vec!["card.updated", "card.updated", "tap.presented"], &json!("till-2"))
    );
    // Also what it missed.
    drop(second);
    let mut second = Ask::new(shop.address, "GET", "/v1/events").token(&token);
    second = second.header("Last-Event-ID", &(own[0].id.expect("an id") - 1).to_string());
    assert_eq!(take_after_hello(second.stream(), 3), own);
}

#[test]
fn who_may_not_listen_or_asks_nonsense_gets_a_problem() {
    let shop = Shop::open();
    Ask::new(shop.address, "GET", "/v1/events").send().problem(401, "unauthorized");
    // A token in the address would land in logs: it counts for nothing.
    let path = format!("/v1/events?token={}", shop.token(By::Manager));
    Ask::new(shop.address, "GET", &path).send().problem(401, "unauthorized");
    for id in ["x", "1.5", "99999999999999999999", "-"] {
        let answer = shop.ask(By::Manager, "GET", "/v1/events").header("Last-Event-ID", id).send();
        assert_eq!(answer.pointers(), ["/Last-Event-ID"], "{id}");
    }
}
