//! The disk fails under the running daemon (SYNC.md rows 3 to 5): writes, syncs and space, once and for good, at each call
//! of a posting, and the power of the whole disk. Nothing is acknowledged that is not there afterwards, what was refused
//! was not booked, and booking goes on without a restart.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::support::counting::{Counting, books_hold};
use crate::support::dice::{Dice, seed};
use crate::support::faults::{Call, Disk, Fault, Times};
use crate::support::shop::{By, Shop, Start};
use crate::support::taps::Taps;
use crate::support::wait_until;

/// Power cuts in one test run; `STAMPD_TEST_POWER_CUTS` sets another number.
const POWER_CUTS: u64 = 30;

const TILLS: usize = 3;

/// The ledger in health: its state and what to do about it.
fn ledger_part(shop: &Shop) -> (String, Option<String>) {
    let health = shop.get("/v1/health").expect(200);
    let parts = health["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part["name"] == "ledger").expect("the ledger");
    (part["state"].as_str().expect("a state").to_owned(), part["remedy"].as_str().map(str::to_owned))
}

/// Waits until the worker that makes passes has nothing left to write into the ledger, so that a fault meets the request.
fn passes_made(shop: &Shop) {
    wait_until("the outbox is empty", || shop.get("/v1/outbox").expect(200)["waiting"] == 0);
}

fn points_card(shop: &Shop, index: usize) -> String {
    shop.card("points", index)["serial"].as_str().expect("a serial").to_owned()
}

#[test]
fn a_disk_that_fails_is_told_and_nothing_is_booked_until_it_works() {
    let mut shop = Shop::closed();
    let disk = Disk::under(&mut shop, "ledger.db");
    shop.start(Start::Run);
    let serial = points_card(&shop, 0);
    let barcode = shop.card("cafe10", 0)["barcode"].as_str().expect("a barcode").to_owned();
    let cases = [
        (Call::Write, Fault::Eio, Times::Some(1), "storage_fault"),
        (Call::Write, Fault::Eio, Times::ForGood, "storage_fault"),
        (Call::Write, Fault::Enospc, Times::Some(1), "disk_full"),
        (Call::Write, Fault::Enospc, Times::ForGood, "disk_full"),
        (Call::Write, Fault::Erofs, Times::ForGood, "storage_fault"),
        (Call::Sync, Fault::Eio, Times::Some(1), "storage_fault"),
        (Call::Sync, Fault::Eio, Times::ForGood, "storage_fault"),
        // SQLite does not tell why a sync failed.
        (Call::Sync, Fault::Enospc, Times::ForGood, "storage_fault"),
    ];
    for (place, (call, fault, times, code)) in cases.into_iter().enumerate() {
        println!("{call:?} {fault:?} {times:?}");
        passes_made(&shop);
        let before = shop.standing(&serial);
        disk.fails(call, fault, 0, times);
        let ask = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
        let answer = ask.send();
        answer.problem(503, code);
        assert!(answer.header("Retry-After").is_some(), "{answer}");
        assert!(disk.hits() > 0);
        // Reads go on, and show what was booked before and nothing more.
        assert_eq!(shop.standing(&serial), before);
        let (state, remedy) = ledger_part(&shop);
        assert_eq!(state, "down");
        assert!(remedy.is_some());
        if times == Times::ForGood {
            ask.send().problem(503, code);
            shop.scan(&barcode).send().problem(503, code);
            disk.works();
        }
        let booked = ask.send();
        booked.expect(201);
        assert_eq!(booked.header("Idempotency-Hit"), None, "it had not been booked");
        assert_eq!(ask.send().header("Idempotency-Hit"), Some("true"));
        assert_eq!(shop.standing(&serial)["balance"], json!(place + 1));
        assert_eq!(ledger_part(&shop), ("ok".to_owned(), None));
    }
    // Half a write is no fault: the other half follows.
    passes_made(&shop);
    disk.fails(Call::Write, Fault::Short, 0, Times::Some(3));
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
    assert!(disk.hits() > 0);
    disk.works();
    assert_eq!(shop.standing(&serial)["balance"], json!(cases.len() + 1));
    shop.verify();
    // What was refused is not in the file either, whoever reads it next.
    shop.kill();
    shop.start(Start::Run);
    assert_eq!(shop.standing(&serial)["balance"], json!(cases.len() + 1));
    shop.verify();
}

#[test]
fn whichever_call_of_a_posting_fails_it_is_booked_once() {
    let mut shop = Shop::closed();
    // The log alone: what copies it into the ledger runs beside the posting.
    let disk = Disk::under(&mut shop, "ledger.db-wal");
    shop.start(Start::Run);
    let serial = points_card(&shop, 0);
    let mut asked = 0;
    for (call, fault) in [(Call::Write, Fault::Eio), (Call::Write, Fault::Enospc), (Call::Sync, Fault::Eio)] {
        let mut after = 0;
        loop {
            assert!(after < 500, "a posting takes no such number of calls");
            disk.fails(call, fault, after, Times::Some(1));
            let ask = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
            let answer = ask.send();
            let hit = disk.hits() > 0;
            disk.works();
            asked += 1;
            assert!(hit || answer.status == 201, "{call:?} {fault:?} {after}: {answer}");
            let booked = answer.status == 201;
            assert!(booked || answer.status == 503, "{call:?} {fault:?} {after}: {answer}");
            let again = ask.send();
            again.expect(201);
            assert_eq!(again.header("Idempotency-Hit").is_some(), booked, "{call:?} {fault:?} {after}");
            if hit && booked {
                // The worker that clears the outbox took it, not the posting: this place is asked again.
                passes_made(&shop);
                continue;
            }
            after += 1;
            if !hit {
                assert!(after > 1, "{call:?}: no call of a posting was met");
                break;
            }
        }
    }
    assert_eq!(shop.standing(&serial)["balance"], json!(asked));
    shop.verify();
}

#[test]
fn what_was_acknowledged_outlives_the_power_of_the_disk() {
    let mut dice = Dice::new(seed());
    let mut shop = Shop::closed();
    let disk = Disk::losing_power(&mut shop, "ledger.db");
    shop.start(Start::Run);
    let mut tills: Vec<Counting> = (0..TILLS).map(|index| Counting::new(&shop, index)).collect();
    let told = std::env::var("STAMPD_TEST_POWER_CUTS").ok();
    let cuts = told.map_or(POWER_CUTS, |text| text.parse().expect("STAMPD_TEST_POWER_CUTS is a number"));
    for _ in 0..cuts {
        disk.loses_power(dice.below(30) as u32, dice.below(u64::from(u32::MAX)) as u32);
        // Each till works until no answer comes.
        let never = AtomicBool::new(false);
        std::thread::scope(|scope| {
            tills.iter_mut().for_each(|till| drop(scope.spawn(|| till.work(&shop, &never))));
        });
        shop.killed();
        disk.power_returns();
        shop.start(Start::Run);
        tills.iter_mut().for_each(Counting::answers_hold);
    }
    tills.iter_mut().for_each(Counting::finish);
    tills.iter_mut().for_each(Counting::all_answers_hold);
    let kinds = books_hold(&shop, &tills);
    assert!(kinds.values().sum::<usize>() > 0, "nothing was acknowledged");
}

#[test]
fn a_disk_that_fills_up_under_load_loses_nothing_and_booking_goes_on() {
    let mut shop = Shop::closed();
    let dir = shop.dir.display().to_string();
    fs::create_dir(shop.dir.join("small")).expect("a folder");
    shop.mounts_set(&format!("mount -t tmpfs -o size=6m tmpfs {dir}/small; cp {dir}/ledger.db {dir}/small/"));
    shop.config_change(|text| text.replace("path = \"ledger.db\"", "path = \"small/ledger.db\""));
    shop.start(Start::Run);
    let mut tills: Vec<Counting> = (0..TILLS).map(|index| Counting::new(&shop, index)).collect();
    tills.iter_mut().for_each(|till| till.some(&shop, 3));
    let full = shop.seen("small/full");
    let (never, stop) = (AtomicBool::new(false), AtomicBool::new(true));
    std::thread::scope(|scope| {
        // While they work the disk fills to the last byte.
        tills.iter_mut().for_each(|till| drop(scope.spawn(|| till.work(&shop, &never))));
        let file = fs::File::options().create(true).append(true).open(&full);
        let file = file.expect("a file");
        while std::io::Write::write_all(&mut &file, &[0; 4096]).is_ok() {}
    });
    for till in &mut tills {
        assert_eq!(till.refusals(), ["disk_full"]);
        till.answers_hold();
    }
    assert_eq!(ledger_part(&shop).0, "down");
    fs::remove_file(full).expect("removed");
    tills.iter_mut().for_each(Counting::finish);
    tills.iter_mut().for_each(|till| till.some(&shop, 6));
    tills.iter_mut().for_each(|till| till.work(&shop, &stop));
    assert_eq!(ledger_part(&shop).0, "ok");
    tills.iter_mut().for_each(Counting::all_answers_hold);
    books_hold_in(&shop, &tills);
    shop.stop();
}

/// Fills the disk behind that path but for so many bytes.
fn fill(path: &Path, but_bytes: u64) -> fs::File {
    let file = fs::File::options().create(true).append(true).open(path).expect("a file");
    let free = || {
        let disk = rustix::fs::fstatvfs(&file).expect("asked");
        disk.f_bavail * disk.f_frsize
    };
    while free() > but_bytes {
        std::io::Write::write_all(&mut &file, &[0; 65536]).expect("written");
    }
    file
}

#[test]
fn the_reserve_ends_what_was_begun_and_comes_back_with_the_space() {
    let mut shop = Shop::closed();
    let dir = shop.dir.display().to_string();
    fs::create_dir(shop.dir.join("small")).expect("a folder");
    shop.mounts_set(&format!("mount -t tmpfs -o size=48m tmpfs {dir}/small; cp {dir}/ledger.db {dir}/small/"));
    shop.config_change(|text| text.replace("path = \"ledger.db\"", "path = \"small/ledger.db\""));
    shop.start(Start::Run);
    let (serial, ballast, full) = (points_card(&shop, 0), shop.seen("small/ledger.ballast"), shop.seen("small/full"));
    assert_eq!(fs::metadata(&ballast).expect("a reserve").len(), 16 << 20);
    passes_made(&shop);
    let ask = || shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
    ask().send().expect(201);
    passes_made(&shop);
    fill(&full, 3 << 20);
    // The daemon's own work may be what finds the disk so; a posting is booked with the reserve, or refused after it.
    let (mut booked, mut refused) = (1, None);
    wait_until("the reserve is used", || {
        let posting = ask();
        let answer = posting.send();
        match answer.status {
            201 => booked += 1,
            _ => {
                answer.problem(503, "disk_full");
                refused = Some(posting);
            }
        }
        refused.is_some()
    });
    let refused = refused.expect("a refusal");
    assert!(booked <= 2, "{booked} postings after the disk was as good as full");
    assert!(!ballast.exists(), "the space was given back");
    let (state, remedy) = ledger_part(&shop);
    assert_eq!(state, "down");
    assert!(remedy.expect("a remedy").contains("free some space"));
    // Reads go on, and what was made for cards that moved before is noted: the outbox empties.
    assert_eq!(shop.standing(&serial)["balance"], json!(booked));
    passes_made(&shop);
    refused.send().problem(503, "disk_full");
    fs::remove_file(&full).expect("removed");
    refused.send().expect(201);
    assert_eq!(fs::metadata(&ballast).expect("the reserve again").len(), 16 << 20);
    assert_eq!(ledger_part(&shop), ("ok".to_owned(), None));
    assert_eq!(shop.standing(&serial)["balance"], json!(booked + 1));
    shop.stop();
}

#[test]
fn a_tap_that_the_disk_refuses_is_told_to_the_staff() {
    let (mut taps, disk) = Taps::open_prepared(|shop| Disk::under(shop, "ledger.db"));
    let card = taps.shop.card("cafe10", 0);
    for (slot, fault, code, said) in
        [(0, Fault::Enospc, "disk_full", "the disk is full"), (1, Fault::Eio, "storage_fault", "the storage failed")]
    {
        passes_made(&taps.shop);
        taps.free(slot);
        disk.fails(Call::Write, fault, 0, Times::ForGood);
        let phone = Box::new(taps.iphone(&card));
        let told = taps.tap(slot, phone);
        assert_eq!((&told["outcome"], &told["code"]), (&json!("refused"), &json!(code)), "{told:#}");
        let text = told["text"].as_str().expect("a text");
        assert!(text.starts_with("Nothing was booked") && text.contains(said), "{text}");
        disk.works();
    }
    // Told once and not kept; the next tap is booked, and a listener's place in the stream was not lost.
    let phone = Box::new(taps.iphone(&card));
    assert_eq!(taps.tap(0, phone)["outcome"], "awarded");
    let mut later = taps.shop.ask(By::Manager, "GET", "/v1/events").header("Last-Event-ID", "0").stream();
    loop {
        let event = later.next().expect("an event");
        assert!(event.name != "tap.refused", "{}", event.data);
        if event.name == "tap.presented" {
            break;
        }
    }
    taps.shop.verify();
}

#[test]
fn a_file_system_that_is_read_only_stops_the_start_and_says_so() {
    let mut shop = Shop::closed();
    let dir = shop.dir.display().to_string();
    fs::create_dir(shop.dir.join("small")).expect("a folder");
    let made = format!("mount -t tmpfs -o size=48m tmpfs {dir}/small; cp {dir}/ledger.db {dir}/small/");
    shop.mounts_set(&format!("{made}; mount -o remount,ro {dir}/small"));
    shop.config_change(|text| text.replace("path = \"ledger.db\"", "path = \"small/ledger.db\""));
    let said = shop.start_fails();
    assert!(said.contains("read-only") && said.contains("mount it writable"), "{said}");
    shop.mounts_set(&made);
    shop.start(Start::Run);
    shop.entry(&points_card(&shop, 0), &json!({ "kind": "adjust", "value": 1 }));
    shop.stop();
}

/// [`books_hold`] where only the daemon sees the disk: without `stampd ledger verify`, which runs outside.
fn books_hold_in(shop: &Shop, tills: &[Counting]) {
    for till in tills {
        let serial = till.points();
        let history = shop.get(&format!("/v1/cards/{serial}/history?limit=200")).expect(200);
        let rows = history["rows"].as_array().map_or(0, Vec::len);
        assert!(rows > 0, "{history:#}");
        let sum: i64 = till.changes(&serial);
        assert_eq!(shop.standing(&serial)["balance"], json!(sum));
    }
}

#[test]
fn the_copy_may_fail_and_catches_up() {
    let mut shop = Shop::closed();
    let disk = Disk::under(&mut shop, "segments");
    shop.start(Start::Run);
    let serial = points_card(&shop, 0);
    let segments = || -> Value {
        let health = shop.get("/v1/health").expect(200);
        let parts = health["parts"].as_array().expect("parts").clone();
        parts.into_iter().find(|part| part["name"] == "segments").expect("the copy")
    };
    for (call, fault) in [(Call::Write, Fault::Enospc), (Call::Write, Fault::Eio), (Call::Sync, Fault::Eio)] {
        disk.fails(call, fault, 0, Times::ForGood);
        let booked = shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
        assert!(booked["entries"][0]["id"].is_string(), "nobody waits for the copy");
        wait_until("the fault of the copy is told", || segments()["state"] == "degraded");
        assert!(segments()["remedy"].is_string());
        assert_eq!(ledger_part(&shop).0, "ok");
        disk.works();
        shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
        wait_until("the copy is complete", || segments()["state"] == "ok");
    }
    shop.stop();
    // Everything is in it, twice where a sync had failed: the books come back from it alone.
    fs::remove_file(shop.dir.join("ledger.db")).expect("removed");
    let output = shop.cli(&["ledger", "restore"]);
    assert!(output.status.success(), "{output:?}");
    shop.start(Start::Run);
    assert_eq!(shop.standing(&serial)["balance"], json!(6));
    shop.verify();
}
