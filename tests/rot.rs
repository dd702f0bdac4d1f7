//! Bits rot in the ledger's file (SYNC.md row 6): whatever is flipped, overwritten or swapped, a card shows the figures
//! that it had or none, and `ledger verify` says so where something is lost. The file lies still in one test and is in use
//! by a daemon in the other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use stampd::daemon;
use stampd::pure::domain::{ClockTrust, Serial};
use stampd::shop::ledger::{Ledger, PersonRow, ReadOnly, StoredAnswer};
use stampd::shop::till::verify;

use crate::support::counting::Counting;
use crate::support::dice::{Dice, seed};
use crate::support::shop::{Shop, Start};
use crate::support::till::{moment, till_on};
use crate::support::wait_until;

/// Damages tried on a file that nobody uses; `STAMPD_TEST_ROT` sets another number.
const TRIALS: u64 = 150;

/// Damages tried under a running daemon.
const ROUNDS: u64 = 8;

const TILLS: usize = 3;

/// What of a card's view follows from its entries.
const FIGURES: [&str; 16] = [
    "balance",
    "pending",
    "earned",
    "redeemed",
    "expired",
    "qualifying",
    "tx_amount_minor",
    "ltv_minor",
    "visits",
    "orders",
    "rewards_available",
    "rewards_earned",
    "rewards_redeemed",
    "rewards_expired",
    "shortfall",
    "debt",
];

/// What else of a card's view somebody decided.
const STATE: [&str; 7] = ["status", "blocked", "expires_at", "programme", "customer_id", "issued_at", "links"];

/// One way in which a disk is wrong.
#[derive(Debug)]
enum Rot {
    /// One bit is another.
    Bit(u64),
    /// Some bytes are others.
    Noise(u64, Vec<u8>),
    /// A sector lost its bytes.
    Zeros(u64, usize),
    /// A page was written in the place of another.
    Misplaced(u64, u64),
}

impl Rot {
    fn some(dice: &mut Dice, size: u64) -> Self {
        let place = dice.below(size);
        match dice.below(8) {
            0 => Rot::Noise(place, (0..=dice.below(300)).map(|_| dice.below(256) as u8).collect()),
            1 => Rot::Zeros(place / 512 * 512, 512),
            2 => Rot::Misplaced(place / 4096 * 4096, dice.below(size) / 4096 * 4096),
            _ => Rot::Bit(place),
        }
    }

    fn strike(&self, file: &fs::File, dice: &mut Dice) {
        let write = |bytes: &[u8], at: u64| file.write_all_at(bytes, at).expect("written");
        let read = |bytes: &mut [u8], at: u64| file.read_exact_at(bytes, at).expect("read");
        match self {
            Rot::Bit(at) => {
                let mut byte = [0];
                read(&mut byte, *at);
                write(&[byte[0] ^ 1 << dice.below(8)], *at);
            }
            Rot::Noise(at, bytes) => write(bytes, *at),
            Rot::Zeros(at, length) => write(&vec![0; *length], *at),
            Rot::Misplaced(from, to) => {
                let mut page = [0; 4096];
                read(&mut page, *from);
                write(&page, *to);
            }
        }
    }
}

/// A shop with some history, closed.
fn shop_with_history() -> Shop {
    let mut shop = Shop::open();
    for index in 0..TILLS {
        Counting::new(&shop, index).some(&shop, 12);
    }
    let spend = shop.card("cashback3", 0)["serial"].as_str().expect("a serial").to_owned();
    for amount in [60_000, 1_234] {
        shop.entry(&spend, &json!({ "kind": "purchase", "amount_minor": amount }));
    }
    let void = shop.entry(&spend, &json!({ "kind": "purchase", "amount_minor": 999 }));
    let path = format!("/v1/entries/{}/void", void["entries"][0]["id"].as_str().expect("an id"));
    shop.post(&path, &json!({})).send().expect(201);
    shop.stop();
    // All of it in the one file that rots: a daemon that was stopped may leave its log to the next one.
    let books = Connection::open(shop.dir.join("ledger.db")).expect("a ledger");
    let busy: i64 = books.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).expect("a checkpoint");
    assert_eq!(busy, 0, "nobody else has it open");
    shop
}

/// Flips some bits of one byte wherever these bytes lie in the file: a page that was split may still hold an older copy.
fn flip(path: &Path, bytes: &[u8], offset: usize, bits: u8) {
    let whole = fs::read(path).expect("a ledger");
    let file = open_for_writing(path);
    let places = whole.windows(bytes.len()).enumerate().filter(|(_, window)| *window == bytes);
    let struck = places.map(|(at, _)| {
        file.write_all_at(&[bytes[offset] ^ bits], (at + offset) as u64).expect("written");
    });
    assert!(struck.count() > 0, "it lies in one piece");
}

fn open_for_writing(path: &Path) -> fs::File {
    fs::File::options().read(true).write(true).open(path).expect("the ledger")
}

/// What a look at a ledger showed.
#[derive(Debug, Default)]
struct Seen {
    /// What each card showed: its figures and its history.
    cards: BTreeMap<String, Value>,
    /// What else it told: first answers by their key, what customers told.
    answers: BTreeMap<String, StoredAnswer>,
    people: BTreeMap<String, PersonRow>,
    /// What was refused or found wrong; empty for a whole ledger.
    faults: Vec<String>,
}

/// Opens the ledger as a daemon does, looks at these cards, then verifies it.
fn look(path: &Path, serials: &[Serial]) -> Seen {
    let mut seen = Seen::default();
    if let Err(fault) = look_into(path, serials, &mut seen) {
        seen.faults.push(fault);
    }
    seen
}

fn look_into(path: &Path, serials: &[Serial], seen: &mut Seen) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Debug| format!("{error:?}");
    let now = moment(1_900_000_000_000, ClockTrust::Untrusted);
    let ledger = Ledger::open(path, now.wall_ms).map_err(|error| said(&error))?;
    let books = daemon::rulebooks_of(&ReadOnly::open(path).map_err(|error| said(&error))?);
    let books = books.map_err(|error| said(&error))?;
    let till = till_on(&ledger, books.clone());
    for serial in serials {
        let told = ledger.read(|reads| {
            let view = till.card_view(reads, *serial, &now).map_err(|error| said(&error));
            let history = till.history_page(reads, *serial, None, 200).map_err(|error| said(&error));
            Ok(view.and_then(|view| Ok((view, history?))))
        });
        match told.map_err(|error| said(&error)).and_then(|told| told) {
            Ok((Some(view), Some(history))) => {
                let view = serde_json::to_value(view).expect("JSON");
                let mut told = json!({ "history": serde_json::to_value(history).expect("JSON") });
                FIGURES.iter().chain(&STATE).for_each(|name| told[*name] = view[*name].clone());
                seen.cards.insert(serial.to_string(), told);
            }
            Ok(_) => seen.faults.push(format!("card {serial} is gone")),
            Err(fault) => seen.faults.push(fault),
        }
    }
    let told = ledger.read(|reads| {
        for serial in serials {
            let Ok(Some(card)) = reads.card_fetch(*serial) else { continue };
            if let Ok(Some(told)) = reads.person_fetch(card.customer) {
                seen.people.insert(told.id.to_string(), told);
            }
        }
        reads.answers_scan(|key, answer| {
            seen.answers.insert(key.to_owned(), answer.clone());
            Ok(())
        })
    });
    told.map_err(|error| said(&error))?;
    let report = ledger.read(|reads| verify(reads, &books)).map_err(|error| said(&error))?;
    seen.faults.extend(report.faults);
    Ok(())
}

/// A ledger file of its own in a folder, removed when it goes.
struct Copy(PathBuf);

impl Copy {
    fn of(ledger: &Path, name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stampd-rot-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(ledger, folder.join("ledger.db")).expect("copied");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn serials(ledger: &Path) -> Vec<Serial> {
    let reads = ReadOnly::open(ledger).expect("it opens");
    reads.with(|reads| reads.serials_after(None, 10_000)).expect("its cards")
}

#[test]
fn a_file_that_rotted_shows_what_was_booked_or_says_so() {
    let shop = shop_with_history();
    let whole = shop.dir.join("ledger.db");
    let serials = serials(&whole);
    let first = look(&Copy::of(&whole, "whole").path(), &serials);
    assert_eq!(first.faults, Vec::<String>::new());
    assert!(!first.answers.is_empty() && !first.people.is_empty(), "there is more than cards");
    let mut dice = Dice::new(seed());
    let told = std::env::var("STAMPD_TEST_ROT").ok();
    let trials = told.map_or(TRIALS, |text| text.parse().expect("STAMPD_TEST_ROT is a number"));
    let (mut harmless, mut found) = (0, 0);
    for trial in 0..trials {
        let copy = Copy::of(&whole, "struck");
        let file = open_for_writing(&copy.path());
        let rot = Rot::some(&mut dice, file.metadata().expect("its size").len() / 4096 * 4096 - 4096);
        rot.strike(&file, &mut dice);
        drop(file);
        let seen = look(&copy.path(), &serials);
        for (serial, card) in &seen.cards {
            assert_eq!(card, &first.cards[serial], "trial {trial}, {rot:?}, card {serial}: {:?}", seen.faults);
        }
        for (key, answer) in &seen.answers {
            assert_eq!(Some(answer), first.answers.get(key), "trial {trial}, {rot:?}, key {key}: {:?}", seen.faults);
        }
        for (id, told) in &seen.people {
            let known = first.people.get(id).map(|known| &known.person);
            assert!(known == Some(&told.person), "trial {trial}, {rot:?}, customer {id}: {:?}", seen.faults);
        }
        let counts = |seen: &Seen| [seen.cards.len(), seen.answers.len(), seen.people.len()];
        assert!(counts(&seen) == counts(&first) || !seen.faults.is_empty(), "trial {trial}, {rot:?}");
        *(if seen.faults.is_empty() { &mut harmless } else { &mut found }) += 1;
    }
    println!("{harmless} damages did no harm, {found} were found");
    assert!(found > 0, "no damage was found");
}

#[test]
fn a_standing_that_changed_by_a_bit_is_never_shown() {
    let shop = shop_with_history();
    let whole = shop.dir.join("ledger.db");
    let serial: Serial = shop.card("points", 0)["serial"].as_str().expect("a serial").parse().expect("a serial");
    let books = Connection::open(&whole).expect("a ledger");
    let standing: Vec<u8> = books
        .query_row("SELECT standing FROM card WHERE serial = ?1", [serial.bits() as i64], |row| row.get(0))
        .expect("its standing");
    drop(books);
    for offset in (0..standing.len()).step_by(7).chain([standing.len() - 1]) {
        let copy = Copy::of(&whole, "standing");
        flip(&copy.path(), &standing, offset, 1 << (offset % 8));
        let seen = look(&copy.path(), &[serial]);
        assert!(seen.cards.is_empty(), "byte {offset}");
        assert!(seen.faults.iter().all(|fault| fault.contains("its standing cannot be trusted")), "{:?}", seen.faults);
        assert_eq!(seen.faults.len(), 2, "the card refuses, and verify says so: {:?}", seen.faults);
    }
}

#[test]
fn a_row_that_changed_by_a_bit_is_told_by_nobody() {
    let shop = shop_with_history();
    let whole = shop.dir.join("ledger.db");
    let serials = serials(&whole);
    let first = look(&Copy::of(&whole, "whole").path(), &serials);
    let books = Connection::open(&whole).expect("a ledger");
    let bytes = |query: &str| -> Vec<u8> { books.query_row(query, [], |row| row.get(0)).expect("bytes") };
    // A few bytes that stand in one row alone, and who says that they changed.
    let cases = [
        ("SELECT substr(answer, 1, 60) FROM idempotency WHERE status = 201 LIMIT 1", "idempotency "),
        ("SELECT body_hash FROM idempotency LIMIT 1", "idempotency "),
        ("SELECT CAST(email AS BLOB) FROM person WHERE email IS NOT NULL LIMIT 1", "person "),
        ("SELECT body_hash FROM sale LIMIT 1", "sale "),
        ("SELECT link FROM card LIMIT 1", "card "),
        ("SELECT id FROM credential LIMIT 1", "credential "),
    ];
    for (query, says) in cases {
        let copy = Copy::of(&whole, "row");
        let bytes = bytes(query);
        flip(&copy.path(), &bytes, bytes.len() / 2, 1);
        let seen = look(&copy.path(), &serials);
        assert!(seen.faults.iter().any(|fault| fault.contains(says)), "{query}: {:?}", seen.faults);
        assert!(seen.answers.iter().all(|(key, answer)| first.answers[key] == *answer), "{query}");
        assert!(seen.people.iter().all(|(id, told)| first.people[id].person == told.person), "{query}");
    }
}

/// What the API shows of a card's figures; none where it refuses.
fn figures(shop: &Shop, serial: &str) -> Option<Value> {
    let answer = shop.get(&format!("/v1/cards/{serial}"));
    if answer.status != 200 {
        assert!([404, 503].contains(&answer.status), "{answer}");
        return None;
    }
    let view = answer.json();
    Some(FIGURES.iter().map(|name| ((*name).to_owned(), view[*name].clone())).collect::<serde_json::Map<_, _>>().into())
}

#[test]
fn bits_that_rot_under_a_running_daemon_never_change_a_balance() {
    let mut shop = shop_with_history();
    let (ledger, kept) = (shop.dir.join("ledger.db"), shop.dir.join("kept.db"));
    fs::copy(&ledger, &kept).expect("copied");
    let serials: Vec<String> = serials(&ledger).iter().map(ToString::to_string).collect();
    let mut dice = Dice::new(seed());
    for round in 0..ROUNDS {
        // The copy of another life would bring back what this one lost.
        let _ = fs::remove_dir_all(shop.dir.join("segments"));
        for end in ["db", "db-wal", "db-shm", "damaged"] {
            let _ = fs::remove_file(ledger.with_extension(end));
        }
        fs::copy(&kept, &ledger).expect("copied");
        shop.start(Start::Run);
        let mut expected: BTreeMap<&String, Value> =
            serials.iter().map(|serial| (serial, figures(&shop, serial).expect("whole"))).collect();
        let file = open_for_writing(&ledger);
        let size = file.metadata().expect("its size").len() / 4096 * 4096 - 4096;
        let rots: Vec<Rot> = (0..6).map(|_| Rot::some(&mut dice, size)).collect();
        rots.iter().for_each(|rot| rot.strike(&file, &mut dice));
        for (place, serial) in serials.iter().enumerate() {
            if place % 5 == 0 {
                // Each commit makes the readers look at the file again.
                let ask = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
                let answer = ask.send();
                assert!([201, 404, 409, 503].contains(&answer.status), "round {round}, {rots:?}: {answer}");
                let told = answer.json()["card"].clone();
                if answer.status == 201 {
                    let before = expected[serial]["balance"].as_i64().expect("a balance");
                    let stamps = told["kind"] == "visit" || told["kind"] == "spend";
                    assert!(stamps || told["balance"] == before + 1, "round {round}, {rots:?}: {told:#}");
                    let now: Option<Value> = figures(&shop, serial);
                    expected.insert(serial, now.unwrap_or_else(|| told.clone()));
                }
            }
            if let Some(seen) = figures(&shop, serial) {
                let known = &expected[serial];
                FIGURES
                    .iter()
                    .for_each(|name| assert_eq!(seen[*name], known[*name], "round {round}, {rots:?} {serial}"));
            }
        }
        shop.kill();
        let output = shop.cli(&["ledger", "verify"]);
        println!("round {round}: verify says {:?}, {rots:?}", output.status.code());
    }
}

#[test]
fn a_standing_that_rots_under_a_running_daemon_ends_booking() {
    let mut shop = shop_with_history();
    let serial = shop.card("points", 0)["serial"].as_str().expect("a serial").to_owned();
    let path = shop.dir.join("ledger.db");
    let bits = serial.parse::<Serial>().expect("a serial").bits() as i64;
    let books = Connection::open(&path).expect("a ledger");
    let read = |column: &str| format!("SELECT {column} FROM card WHERE serial = ?1");
    let standing: Vec<u8> = books.query_row(&read("standing"), [bits], |row| row.get(0)).expect("its standing");
    drop(books);
    flip(&path, &standing, 9, 4);
    // The start looks at the newest part of the chain alone.
    shop.start(Start::Run);
    let refused = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
    refused.send().problem(503, "storage_fault");
    let ledger = || -> Value {
        let health = shop.get("/v1/health").expect(200);
        health["parts"].as_array().expect("parts").iter().find(|part| part["name"] == "ledger").expect("it").clone()
    };
    wait_until("the file is condemned", || {
        let part = ledger();
        part["state"] == "down" && part["remedy"].to_string().contains("ledger restore")
    });
    shop.kill();
    let said = shop.start_fails();
    assert!(said.contains("moved aside") && said.contains("standing of card"), "{said}");
    // Everything is in the segment copy since the first event.
    let output = shop.cli(&["ledger", "restore"]);
    assert!(output.status.success(), "{output:?}");
    shop.start(Start::Run);
    refused.send().expect(201);
    shop.verify();
}
