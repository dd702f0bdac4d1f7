//! The copy by itself, over a ledger on a real file: what it takes, how it comes back, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::catalogue::{KeptBy, TABLES};
use super::frame::{Found, Frames};
use super::*;
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, ApiTokenId, BootId, ClockTrust, CustomerId, EventId, EventKind, Now, Serial};
use crate::shop::ledger::{CardRow, Ledger, Restoring, StoredAnswer, Txn};
use crate::shop::ledger::{Person, PersonRow};

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("stampd-segments-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    fn folder(&self) -> PathBuf {
        self.0.join("segments")
    }

    fn open(&self) -> Ledger {
        Ledger::open_with(&self.path(), Some(&self.folder()), 1_000).unwrap()
    }

    fn lose(&self) {
        for end in ["db", "db-wal", "db-shm"] {
            let _ = std::fs::remove_file(self.path().with_extension(end));
        }
    }

    /// The ledger that the copy alone gives, in the place of the one that was lost.
    fn restore(&self) -> Replayed {
        let restoring = Restoring::prepare(&self.path(), None, Some(&self.folder()), 2_000).unwrap();
        let replayed = restoring.replayed().clone();
        restoring.finish(2_000).unwrap();
        replayed
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn now(wall_ms: i64) -> Now {
    Now { wall_ms, zone: TimeZone::UTC, boot_id: BootId([1; 16]), boot_ns: wall_ms, trust: ClockTrust::Trusted }
}

fn append(txn: &mut Txn<'_>, number: u128, what: Happening) -> Result<(), LedgerError> {
    txn.event_append(&now(number as i64 * 1_000), EventId(uuid::Uuid::from_u128(number)), what).map(drop)
}

fn plain(ledger: &Ledger, number: u128) {
    let what = || Happening::new(EventKind::ProgrammeChanged, Actor::device(None));
    ledger.write_wait(move |txn| append(txn, number, what())).unwrap();
}

/// Every row of every table that the copy takes, and of the chain.
fn rows(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let connection = Connection::open(path).unwrap();
    let tables =
        TABLES.iter().filter(|table| table.by != KeptBy::Passing && !["migration", "meta"].contains(&table.name));
    tables
        .map(|table| {
            let mut statement = connection.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
            let count = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                (0..count).map(|index| row.get::<_, Value>(index).map(|value| format!("{value:?}"))).collect()
            };
            let rows = statement.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap();
            (table.name.to_owned(), rows)
        })
        .collect()
}

#[test]
fn every_table_of_the_schema_says_how_it_comes_back() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let connection = Connection::open(scratch.path()).unwrap();
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let schema: BTreeSet<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
    let known: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    assert_eq!(schema, known, "write a row in segments/catalogue.rs, and keep its rows where they are written");
    for table in TABLES {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        let columns: BTreeSet<String> =
            statement.query_map([table.name], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let since = if let KeptBy::Since(column) = table.by { Some(column) } else { None };
        for column in table.key.iter().copied().chain(since) {
            assert!(columns.contains(column), "{} has no column {column}", table.name);
        }
    }
}

/// A customer with a card, and what goes with a request; `number` tells them apart.
fn joins(ledger: &Ledger, number: u128) {
    let customer = CustomerId(uuid::Uuid::from_u128(1_000 + number));
    let serial = Serial::from_random(number as u64);
    let person = PersonRow {
        id: customer,
        person: Person { first_name: Some(format!("Person {number}")), ..Person::default() },
        created_ms: 1,
        referrer: None,
        revision: 1,
    };
    let card = CardRow {
        serial,
        customer,
        programme: crate::pure::domain::ProgrammeName::new("cafe10").unwrap(),
        issued_ms: 1,
        deleted: false,
        blocked: false,
        expires_on: None,
        link: [number as u8; 16],
        standing: Vec::new(),
        revision: 1,
    };
    ledger
        .write_wait(move |txn| {
            txn.person_insert(&person)?;
            txn.card_insert(&card)?;
            let mut what = Happening::new(EventKind::CardIssued, Actor::device(None));
            (what.card, what.customer) = (Some(serial), Some(customer));
            append(txn, number, what)?;
            txn.proof_use(&[number as u8; 32], &now(1))?;
            txn.outbox_put("pass", serial, 1, &now(1))?;
            let answer = StoredAnswer { status: 201, body: vec![number as u8; 40] };
            txn.answer_store(ApiTokenId(uuid::Uuid::nil()), &number.to_string(), &[0; 32], &answer, &now(1))
        })
        .unwrap();
}

#[test]
fn the_copy_alone_gives_every_row_back() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    (1..40).for_each(|number| joins(&ledger, number));
    let gone = CustomerId(uuid::Uuid::from_u128(1_003));
    let into = CustomerId(uuid::Uuid::from_u128(1_004));
    ledger
        .write_wait(move |txn| {
            txn.card_owner_store(Serial::from_random(3), into)?;
            txn.customer_absorb(gone, into)?;
            let mut what = Happening::new(EventKind::CustomerChanged, Actor::device(None));
            (what.card, what.customer) = (Some(Serial::from_random(3)), Some(into));
            append(txn, 100, what)
        })
        .unwrap();
    drop(ledger);
    let before = rows(&scratch.path());
    assert!(before["person"].len() == 38 && before["idempotency"].len() == 39, "{:?}", before["person"]);
    scratch.lose();
    let replayed = scratch.restore();
    assert_eq!((replayed.events, replayed.torn, replayed.damage), (40, false, None));
    assert_eq!(rows(&scratch.path()), before);
    // The device begins a new life, and the copy goes on with it.
    let ledger = scratch.open();
    plain(&ledger, 200);
    drop(ledger);
    let before = rows(&scratch.path());
    scratch.lose();
    assert_eq!(scratch.restore().events, 41);
    assert_eq!(rows(&scratch.path()), before);
}

#[test]
fn what_the_copy_missed_it_reads_from_the_ledger() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    (1..5).for_each(|number| joins(&ledger, number));
    drop(ledger);
    // Without the copy, as when its thread was killed with the process.
    let ledger = Ledger::open(&scratch.path(), 1_000).unwrap();
    (5..9).for_each(|number| joins(&ledger, number));
    drop(ledger);
    drop(scratch.open());
    let before = rows(&scratch.path());
    scratch.lose();
    assert_eq!(scratch.restore().events, 8);
    assert_eq!(rows(&scratch.path()), before);
}

#[test]
fn a_ledger_without_its_log_is_brought_up_and_one_of_another_shop_is_not() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    (1..5).for_each(|number| joins(&ledger, number));
    drop(ledger);
    let older = scratch.0.join("older.db");
    std::fs::copy(scratch.path(), &older).unwrap();
    let ledger = scratch.open();
    (5..9).for_each(|number| joins(&ledger, number));
    drop(ledger);
    let mut before = rows(&scratch.path());
    std::fs::copy(&older, scratch.path()).unwrap();
    let ledger = scratch.open();
    drop(ledger);
    let mut now = rows(&scratch.path());
    assert_eq!(now["event"].len(), 8);
    assert_eq!(now.remove("event"), before.remove("event"));
    assert_eq!(now, before);
    // Another ledger in its place does not take these events.
    let other = Scratch::new();
    let ledger = other.open();
    plain(&ledger, 77);
    drop(ledger);
    scratch.lose();
    std::fs::copy(other.path(), scratch.path()).unwrap();
    let refused = Ledger::open_with(&scratch.path(), Some(&scratch.folder()), 1_000).map(drop).unwrap_err();
    assert!(refused.to_string().contains("is not that of this ledger"), "{refused}");
    // Where it is longer than the copy, the copy is set aside and a new one begun.
    let ledger = Ledger::open(&other.path(), 1_000).unwrap();
    (300..320).for_each(|number| plain(&ledger, number));
    drop(ledger);
    scratch.lose();
    std::fs::copy(other.path(), scratch.path()).unwrap();
    drop(scratch.open());
    assert!(scratch.folder().join("other-1").exists());
}

#[test]
fn files_that_every_backup_holds_go_and_the_rest_still_leads_on() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    // Long enough texts to fill some files.
    let body = vec![7; 200_000];
    for number in 1..80u128 {
        let answer = StoredAnswer { status: 201, body: body.clone() };
        ledger
            .write_wait(move |txn| {
                append(txn, number, Happening::new(EventKind::ProgrammeChanged, Actor::device(None)))?;
                txn.answer_store(ApiTokenId(uuid::Uuid::nil()), &number.to_string(), &[0; 32], &answer, &now(1))
            })
            .unwrap();
        if number == 60 {
            ledger.backup(&scratch.0.join("backup.db")).unwrap();
            // What comes close together is copied together, into files that belong together.
            while ledger.segments().is_none_or(|copy| copy.to < 60) {
                std::thread::yield_now();
            }
        }
    }
    drop(ledger);
    let before = rows(&scratch.path());
    let count = folder::files(&scratch.folder()).unwrap().len();
    assert!(count >= 4, "{count} files");
    let gone = prune(&scratch.folder(), 60).unwrap();
    assert!(gone > 0 && gone < count, "{gone} of {count}");
    assert_eq!(prune(&scratch.folder(), 60).unwrap(), 0);
    scratch.lose();
    let (backup, folder) = (scratch.0.join("backup.db"), scratch.folder());
    let restoring = Restoring::prepare(&scratch.path(), Some(&backup), Some(&folder), 2_000).unwrap();
    assert_eq!((restoring.replayed().from, restoring.replayed().to), (60, 79));
    restoring.finish(2_000).unwrap();
    assert_eq!(rows(&scratch.path()), before);
    // Without the backup the first events are missing: it says where the copy begins.
    let restoring = Restoring::prepare(&scratch.path(), None, Some(&folder), 2_000).unwrap();
    let damage = restoring.replayed().damage.clone().unwrap();
    assert!(damage.to_string().contains("the ledger ends with 0"), "{damage}");
}

#[test]
fn a_copy_that_is_far_behind_reads_on_in_parts() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    plain(&ledger, 1);
    drop(ledger);
    // Without the copy; more than is read at once.
    let ledger = Ledger::open(&scratch.path(), 1_000).unwrap();
    for number in 2..60u128 {
        let mut what = Happening::new(EventKind::ProgrammeChanged, Actor::device(None));
        what.details = vec![("text".to_owned(), "x".repeat(200_000))];
        let answer = StoredAnswer { status: 201, body: vec![7; 100_000] };
        ledger
            .write_wait(move |txn| {
                append(txn, number, what)?;
                txn.answer_store(ApiTokenId(uuid::Uuid::nil()), &number.to_string(), &[0; 32], &answer, &now(1))
            })
            .unwrap();
    }
    drop(ledger);
    drop(scratch.open());
    let before = rows(&scratch.path());
    // Events and rows of 17 MB came in records that are written when they are full.
    let payloads = |path: &Path| -> Vec<usize> {
        let bytes = folder::file_read(path).unwrap();
        let found = Frames::of(&bytes).map(|found| match found {
            Found::Payload(payload) => payload.len(),
            other => panic!("{other:?}"),
        });
        found.collect()
    };
    let sizes: Vec<usize> =
        folder::files(&scratch.folder()).unwrap().iter().flat_map(|(_, path)| payloads(path)).collect();
    assert!(sizes.len() > 40 && sizes.iter().all(|size| *size < 500_000), "{sizes:?}");
    scratch.lose();
    let replayed = scratch.restore();
    assert_eq!((replayed.events, replayed.to, replayed.damage), (59, 59, None));
    assert_eq!(rows(&scratch.path()), before);
}
