//! The books of every released schema: a ledger of each is kept in `tests/books` with what it said then. Every run opens a
//! copy of each, brings it forward, verifies it and compares the figures.
//!
//! `make book` writes the one of the schema that this program has, by playing a shop over the API; a file of a schema that
//! was released is never written again. A figure that was wrong then is put right in the text beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use stampd::daemon;
use stampd::pure::domain::ClockTrust;
use stampd::shop::ledger::{Ledger, ReadOnly};
use stampd::shop::till::verify;

use crate::support::desk::{DAY_S, Desk};
use crate::support::http::Answer;
use crate::support::till::{moment, till_on};

/// The moment at which a book is looked at, milliseconds since 1970-01-01 UTC: 2026-06-01 12:00 in Berlin.
const LOOKED_AT_MS: i64 = 1_780_308_000_000;

/// Every kind of entry that a book must hold.
const KINDS: [&str; 17] = [
    "adjust",
    "bonus",
    "coupon",
    "expire",
    "mature",
    "merge",
    "purchase",
    "redeem",
    "refund",
    "reinstate",
    "remove_visits",
    "reward_add",
    "reward_remove",
    "stamps",
    "subtract_amount",
    "transfer",
    "void",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/books")
}

#[test]
fn the_books_of_every_schema_open_and_say_what_they_said() {
    if std::env::var_os("STAMPD_TEST_BOOK_WRITE").is_some() {
        book_write();
    }
    let listing = fs::read_dir(folder()).expect("tests/books");
    let books: Vec<PathBuf> = listing
        .map(|item| item.expect("an item").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    assert!(!books.is_empty(), "no book: make book writes one");
    for book in books {
        let golden = fs::read_to_string(book.with_extension("json")).expect("the figures beside it");
        let golden: Value = serde_json::from_str(&golden).expect("JSON");
        let copy = std::env::temp_dir().join(format!("stampd-book-{}.db", std::process::id()));
        fs::copy(&book, &copy).expect("copied");
        says(&figures(&copy), &golden, &book.display().to_string());
        for end in ["db", "db-wal", "db-shm", "lock"] {
            let _ = fs::remove_file(copy.with_extension(end));
        }
    }
}

/// What was said then is said now; a field that came later may stand beside it.
fn says(now: &Value, then: &Value, place: &str) {
    match then {
        Value::Object(fields) => {
            for (name, value) in fields {
                says(&now[name], value, &format!("{place} {name}"));
            }
        }
        _ => assert_eq!(now, then, "{place}"),
    }
}

/// The size of a ledger and the standing of every card, once it was brought forward and verified.
fn figures(path: &Path) -> Value {
    let ledger = Ledger::open(path, LOOKED_AT_MS).expect("it opens");
    let books = daemon::rulebooks_of(&ReadOnly::open(path).expect("it opens")).expect("its rules");
    let report = ledger.read(|reads| verify(reads, &books)).expect("it can be read");
    assert_eq!(report.faults, Vec::<String>::new());
    let till = till_on(&ledger, books);
    let now = moment(LOOKED_AT_MS, ClockTrust::Trusted);
    let cards = ledger.read(|reads| {
        let mut cards = Map::new();
        for serial in reads.serials_after(None, usize::MAX >> 1)? {
            let view = till.card_view(reads, serial, &now).expect("its figures").expect("a card");
            cards.insert(serial.to_string(), serde_json::to_value(view).expect("JSON"));
        }
        Ok(cards)
    });
    json!({ "events": report.events, "entries": report.entries, "cards": cards.expect("the cards") })
}

/// Plays a shop, and puts its ledger with its figures into `tests/books`.
fn book_write() {
    let desk = Desk::open("2026-02-02T09:00:00Z");
    stamps(&desk);
    for programme in ["points", "cashback3", "points_pending14", "cashback3_happy", "spend10", "spend10_debt"] {
        money(&desk, programme);
    }
    moves(&desk);
    time_passes(&desk);
    let schema = schema(&desk.shop.dir.join("ledger.db"));
    let file = folder().join(format!("schema-{schema}.db"));
    for old in [file.clone(), file.with_extension("json")] {
        let _ = fs::remove_file(old);
    }
    let output = desk.shop.cli(&["ledger", "backup", &file.display().to_string()]);
    assert!(output.status.success(), "{output:?}");
    let kinds = kinds(&file);
    println!("{kinds:?}");
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !kinds.contains(*kind)).collect();
    assert!(missing.is_empty(), "the book holds no {missing:?}");
    let copy = desk.shop.dir.join("book.db");
    fs::copy(&file, &copy).expect("copied");
    let mut figures = figures(&copy);
    // Cards on which nothing was ever posted say nothing.
    figures["cards"].as_object_mut().expect("cards").retain(|_, card| card["revision"] != 1);
    let figures = serde_json::to_string_pretty(&figures).expect("JSON");
    fs::write(file.with_extension("json"), figures + "\n").expect("written");
}

fn schema(ledger: &Path) -> u32 {
    let books = Connection::open(ledger).expect("a ledger");
    books.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("its schema")
}

fn kinds(ledger: &Path) -> BTreeSet<String> {
    let books = Connection::open(ledger).expect("a ledger");
    let mut kinds = books.prepare("SELECT DISTINCT kind FROM entry").expect("entries");
    let kinds = kinds.query_map([], |row| row.get(0)).expect("kinds");
    kinds.map(|kind| kind.expect("a kind")).collect()
}

/// Takes back what an answer posted, if it posted something.
fn void(desk: &Desk, answer: &Answer) {
    if let Some(entry) = answer.json()["entries"][0]["id"].as_str() {
        desk.shop.post(&format!("/v1/entries/{entry}/void"), &json!({})).send();
    }
}

// What the rules refuse on the way is a part of the book too; that nothing is missing is looked at in the end.

/// A stamp card with everything that is posted by hand, and a refusal.
fn stamps(desk: &Desk) {
    let card = desk.card(json!({ "first_name": "Ada", "birth_date": "1990-02-03" }));
    card.visits(&[4, 4, 4]);
    card.redeem();
    card.post(json!({ "kind": "reward_add", "count": 2, "amount_minor": 0, "comment": "sorry for the wait" }));
    card.post(json!({ "kind": "reward_remove", "count": 1, "amount_minor": 0, "why": "correction" }));
    card.post(json!({ "kind": "remove_visits", "count": 1 }));
    desk.pass(DAY_S);
    void(desk, &card.post(json!({ "kind": "stamps", "count": 1 })));
    desk.pass(DAY_S);
    card.show();
    card.post(json!({ "kind": "stamps", "count": 1 }));
    let used = desk.card(json!({}));
    used.visits(&[4, 4, 4]);
    desk.pass(DAY_S);
    used.sale("cafe-redeem", 400, json!({ "rewards": 1 })).send();
    desk.refund("cafe-redeem", None);
}

/// A card on which money counts: sales, redemption, parts that come back, corrections.
fn money(desk: &Desk, programme: &str) {
    let card = desk.card_of(programme, json!({ "first_name": "Ben", "email": format!("{programme}@example.org") }));
    let number = |name: &str| format!("{programme}-{name}");
    card.buys(&number("first"), 48_000);
    desk.pass(DAY_S);
    card.buys(&number("second"), 2_599);
    desk.pass(3600);
    desk.refund(&number("second"), Some(599));
    desk.pass(DAY_S);
    let redeem = match programme {
        "cashback3" | "cashback3_happy" => json!({ "value": 300 }),
        "points" => json!({ "reward": "off5", "count": 1 }),
        "spend10" | "spend10_debt" => json!({ "rewards": 1 }),
        _ => Value::Null,
    };
    card.sale(&number("third"), 3_000, redeem).send();
    desk.refund(&number("third"), None);
    desk.pass(DAY_S);
    void(desk, &card.post(json!({ "kind": "purchase", "amount_minor": 1_000 })));
    card.post(json!({ "kind": "subtract_amount", "amount_minor": 100, "of": number("first") }));
    card.post(json!({ "kind": "adjust", "value": 7, "reason": "compensation", "comment": "for the broken cup" }));
    card.post(json!({ "kind": "adjust", "value": 5 }));
}

/// Transfers, merges, coupons, a sale that stays open.
fn moves(desk: &Desk) {
    let (from, to) = (desk.card(json!({})), desk.card(json!({})));
    from.visits(&[3, 3]);
    desk.shop.post(&format!("/v1/cards/{}/transfer", from.serial), &json!({ "to": to.serial })).send();
    let (stays, goes) = (desk.card_of("points", json!({})), desk.card_of("points", json!({})));
    stays.buys("merge-1", 1_000);
    goes.buys("merge-2", 2_500);
    let path = format!("/v1/customers/{}/merge", stays.customer);
    desk.shop.post(&path, &json!({ "from": goes.customer })).send().expect(200);
    let path = format!("/v1/cards/{}/coupons", to.serial);
    let given = desk.shop.post(&path, &json!({ "name": "Five off", "value": 500 })).send().expect(201);
    let coupon = given["coupon"]["id"].as_str().expect("an id");
    for step in ["claim", "use"] {
        desk.shop.post(&format!("{path}/{coupon}/{step}"), &json!({})).send();
    }
    let open = desk.card_of("cashback3", json!({}));
    open.buys("open-before", 48_000);
    desk.pass(DAY_S);
    open.opens("open-1", 2_000, json!({ "value": 200 }));
}

/// Pending points ripen, lots and rewards lapse: each card is looked at once its day has come.
fn time_passes(desk: &Desk) {
    let ripe = desk.card_of("points_pending14", json!({}));
    ripe.buys("ripe-1", 5_000);
    desk.pass(15 * DAY_S);
    ripe.buys("ripe-2", 1_000);
    let late = desk.card_of("cashback3", json!({}));
    late.buys("late-1", 5_000);
    let stamps = desk.card(json!({}));
    stamps.visits(&[4, 4, 4]);
    desk.pass(400 * DAY_S);
    late.sale("late-2", 1_000, Value::Null).send();
    stamps.show();
}
