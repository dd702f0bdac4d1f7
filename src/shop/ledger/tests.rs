//! The ledger by itself, on a real file: groups, savepoints, the chain, what repeats and what must not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::*;
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, ApiTokenId, BootId, ClockTrust, EventId, EventKind, Now};

/// A folder of its own, removed when it goes.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("stampd-ledger-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path(), 1_000).unwrap()
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

/// Appends an event that says nothing but its kind; a number makes its id.
fn append(txn: &mut Txn<'_>, number: u128, wall_ms: i64) -> Result<u64, LedgerError> {
    let what = Happening::new(EventKind::ProgrammeChanged, Actor::device(None));
    let appended = txn.event_append(&now(wall_ms), EventId(uuid::Uuid::from_u128(number)), what)?;
    Ok(appended.event.seq)
}

fn chain(ledger: &Ledger) -> ChainReport {
    ledger.read(|reads| reads.chain_check(0)).unwrap()
}

#[test]
fn a_piece_of_work_that_fails_undoes_itself_alone() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let mut listener = ledger.live();
    let waiting: Vec<_> = (0..20u128)
        .map(|number| {
            ledger.write(move |txn| {
                let seq = append(txn, number, 5_000)?;
                txn.live_append(&now(5_000), "test", None, &number.to_string())?;
                // Every third one changes its mind after it wrote.
                if number % 3 == 0 { Err(LedgerError::Damaged("no".to_owned())) } else { Ok(seq) }
            })
        })
        .collect();
    let answers: Vec<_> = waiting.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect();
    let seqs: Vec<u64> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    assert_eq!(seqs, (1..=13).collect::<Vec<u64>>(), "numbers stay contiguous");
    assert!(answers.iter().step_by(3).all(|answer| matches!(answer, Err(WriteError::Work(_)))));
    let report = chain(&ledger);
    assert_eq!((report.events, report.faults.as_slice()), (13, [].as_slice()));
    let told: Vec<String> = std::iter::from_fn(|| listener.try_recv().ok()).map(|row| row.data).collect();
    assert_eq!(told.len(), 13, "what was undone is told to nobody: {told:?}");
}

#[test]
fn what_was_committed_is_there_after_the_process_opens_it_again() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.write_wait(|txn| append(txn, 1, 9_000)).unwrap();
    assert!(matches!(Ledger::open(&scratch.path(), 0), Err(LedgerError::InUse { .. })), "one process at a time");
    drop(ledger);
    let ledger = scratch.open();
    // The wall clock stands before the last event: rule time and number go on all the same.
    let seq = ledger.write_wait(|txn| append(txn, 2, 10)).unwrap();
    assert_eq!(seq, 2);
    assert_eq!(chain(&ledger).faults, []);
    assert_eq!(ledger.read(|reads| reads.newest_ms()).unwrap(), Some(9_000));
}

#[test]
fn events_and_entries_cannot_be_changed_and_tampering_breaks_the_chain() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    for number in 1..=3 {
        ledger.write_wait(move |txn| append(txn, number, 1_000)).unwrap();
    }
    drop(ledger);
    let raw = Connection::open(scratch.path()).unwrap();
    for statement in ["UPDATE event SET kind = 'x'", "DELETE FROM event", "UPDATE entry SET units = 1"] {
        let refused = raw.execute(statement, []);
        assert!(statement.contains("entry") || refused.is_err(), "{statement}");
    }
    raw.execute_batch(
        "DROP TRIGGER event_no_update;
         UPDATE event SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB) WHERE position = 2;",
    )
    .unwrap();
    drop(raw);
    let faults = ReadOnly::open(&scratch.path()).unwrap().with(|reads| reads.chain_check(0)).unwrap().faults;
    assert!(faults.contains(&ChainFault::Bytes { position: 2 }), "{faults:?}");
}

#[test]
fn a_first_answer_is_kept_with_what_it_booked() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let token = ApiTokenId(uuid::Uuid::from_u128(7));
    let answer = StoredAnswer { status: 201, body: b"{}".to_vec() };
    let kept = answer.clone();
    ledger.write_wait(move |txn| txn.answer_store(token, "key", &[1; 32], &kept, &now(1_000))).unwrap();
    let ask = |body: u8| ledger.read(|reads| reads.answer_fetch(token, "key", &[body; 32])).unwrap();
    assert_eq!(ask(1), Stored::Answered(answer));
    assert_eq!(ask(2), Stored::OtherBody);
    let other = ledger.read(|reads| reads.answer_fetch(ApiTokenId(uuid::Uuid::nil()), "key", &[1; 32])).unwrap();
    assert_eq!(other, Stored::New, "keys count for each token alone");
}

#[test]
fn a_proof_is_used_once_also_across_a_restart() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let used = |ledger: &Ledger| ledger.write_wait(|txn| txn.proof_use(&[9; 32], &now(1_000))).unwrap();
    assert!(!used(&ledger));
    assert!(used(&ledger));
    drop(ledger);
    assert!(used(&scratch.open()));
}

#[test]
fn a_lone_piece_of_work_that_fails_leaves_nothing_and_hinders_nobody() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let failed = ledger.write_wait(|txn| {
        append(txn, 1, 1_000)?;
        txn.live_append(&now(1_000), "test", None, "1")?;
        Err::<(), _>(LedgerError::Stopped)
    });
    assert!(matches!(failed, Err(WriteError::Work(LedgerError::Stopped))));
    assert_eq!(ledger.write_wait(|txn| append(txn, 2, 1_000)).unwrap(), 1, "its number was given back");
    assert_eq!(ledger.read(|reads| reads.live_bounds()).unwrap(), (0, 0));
    assert_eq!((chain(&ledger).events, chain(&ledger).faults.len()), (1, 0));
}

#[test]
fn old_live_events_go_and_ids_never_come_twice() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let tell = |at_ms: i64, times: usize| {
        let one = move |txn: &mut Txn<'_>| txn.live_append(&now(at_ms), "test", None, "{}").map(drop);
        ledger.write_wait(move |txn| (0..times).try_for_each(|_| one(txn))).unwrap();
        ledger.read(|reads| reads.live_bounds()).unwrap()
    };
    assert_eq!([tell(0, 30), tell(1, 1)], [(1, 30), (1, 31)]);
    assert_eq!(tell(DAY_MS + 1, 1), (31, 32), "only the first thirty are over a day old");
    assert_eq!(tell(DAY_MS + 2, 32), (32, 64), "the one more goes with the next sweep");
    assert_eq!(tell(3 * DAY_MS, 200).1, 264);
    let (oldest, newest) = tell(9 * DAY_MS, 96);
    assert_eq!((newest, newest - oldest < 96 + 32), (360, true), "a backlog shrinks");
    assert_eq!(tell(19 * DAY_MS, 24), (361, 384), "all that is old is gone");
}

#[test]
fn old_proofs_are_dropped_by_their_new_neighbours() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let scratch = Scratch::new();
    let ledger = scratch.open();
    let used = |first: u8, at_ms: i64| ledger.write_wait(move |txn| txn.proof_use(&[first; 32], &now(at_ms))).unwrap();
    assert!((10..20).all(|first| !used(first, 0)));
    assert!(!used(9, 36 * DAY_MS), "after 10, 11, 12 and 13, which are too old now");
    assert!(!used(11, 36 * DAY_MS), "forgotten");
    assert!(used(19, 36 * DAY_MS), "too far from it, still known");
}

#[test]
fn foreign_newer_and_changed_files_are_refused_and_left_alone() {
    let refused = |prepare: fn(&Path)| {
        let scratch = Scratch::new();
        prepare(&scratch.path());
        let before = std::fs::read(scratch.path()).unwrap();
        let error = Ledger::open(&scratch.path(), 0).map(|_| ()).unwrap_err().to_string();
        assert_eq!(std::fs::read(scratch.path()).unwrap(), before, "{error}");
        error
    };
    let foreign = refused(|path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE other (x); PRAGMA journal_mode = WAL;").unwrap();
    });
    assert!(foreign.contains("no stampd ledger"), "{foreign}");
    let newer = refused(|path| {
        drop(Ledger::open(path, 0).unwrap());
        Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 99;").unwrap();
    });
    assert!(newer.contains("schema 99") && newer.contains("install the newer stampd"), "{newer}");
    let text = refused(|path| std::fs::write(path, "this is no database, however long it is").unwrap());
    assert!(text.contains("damaged") || text.contains("cannot open"), "{text}");
}

#[test]
fn sqlite_is_built_as_the_configuration_of_cargo_says() {
    let connection = Connection::open_in_memory().unwrap();
    let mut statement = connection.prepare("PRAGMA compile_options").unwrap();
    let options: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    assert!(has("DEFAULT_MEMSTATUS=0"), "built without .cargo/config.toml: {options:?}");
    assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[test]
fn a_backup_is_a_whole_ledger() {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    ledger.write_wait(|txn| append(txn, 1, 1_000)).unwrap();
    let copy = scratch.0.join("copy.db");
    ledger.backup(&copy).unwrap();
    let report = ReadOnly::open(&copy).unwrap().with(|reads| reads.chain_check(0)).unwrap();
    assert_eq!((report.events, report.faults.len()), (1, 0));
}

#[test]
fn a_search_among_100_000_people_reads_narrow_indexes_alone() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let raw = Connection::open(scratch.path()).unwrap();
    raw.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO customer (id, created_ms, changed_ms, revision)
             SELECT CAST(printf('%016d', i) AS BLOB), i, i, 1 FROM n;
         INSERT INTO person (customer, first_name, last_name, email, phone, name_key)
             SELECT id, 'Jörg', 'Özil ' || created_ms, 'j' || created_ms || '@example.org', '+49151' || created_ms,
                    'özil ' || created_ms || ' jörg' FROM customer;",
    )
    .unwrap();
    drop(raw);
    let ledger = scratch.open();
    let search = |text: &str, by: PersonSort| {
        let filter = PersonFilter { text: Some(text.to_owned()), ..PersonFilter::default() };
        let order = PersonOrder { by, falling: false };
        ledger.read(|reads| {
            let page = reads.persons_page(&filter, order, None, 5)?.expect("a page");
            let (text, values) = reads.page_query(&filter, order, None, 5)?.expect("a statement");
            let mut plan = reads.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
            let plan = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))?;
            Ok((page, plan.collect::<Result<Vec<_>, _>>()?))
        })
    };
    // What is looked for, and how many of the first five it finds: family name, given name, both in either order, e-mail,
    // number, nobody; capitals beyond ASCII too.
    let cases =
        [("Özil 4711", 5), ("JÖRG", 5), ("jörg ÖZIL 99999", 1), ("j4711@", 1), ("4915199999", 1), ("nobody", 0)];
    for (text, found) in cases {
        for by in [PersonSort::Name, PersonSort::Joined] {
            let (page, plan) = search(text, by).unwrap();
            assert_eq!(page.rows.len(), found, "{text} by {by:?}");
            let lists: Vec<&String> = plan.iter().filter(|step| step.starts_with("SCAN person")).collect();
            assert!(lists.iter().all(|step| step.contains("USING COVERING INDEX person_")), "{text}: {plan:?}");
            assert!(lists.iter().any(|step| step.contains("person_name")), "{text}: {plan:?}");
            assert!(!plan.iter().any(|step| step.starts_with("USE TEMP B-TREE FOR ORDER BY")), "{text}: {plan:?}");
        }
    }
}
