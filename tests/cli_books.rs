//! The books on the command line: explain, entry, rehearse, backup and restore; and the backup that the daemon makes by
//! itself every night.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::shop::{By, Start};
use crate::support::wait_until;

#[test]
fn the_books_on_the_command_line() {
    let mut desk = Desk::open("2026-02-02T09:00:00Z");
    desk.shop.stop();
    desk.shop.config_change(|text| text + "\n[backup]\nkeep = 2\n");
    desk.shop.start(Start::Run);
    let serial = desk.card_of("points", json!({})).serial;
    desk.card_known(&serial).buys("cli-1", 4999);
    programmes_are_explained(&desk);
    entries_are_posted_voided_and_explained(&desk, &serial);
    a_draft_is_rehearsed(&desk);
    tables_go_out_and_come_in(&desk);
    the_daemon_backs_up_every_night(&desk);
    a_backup_takes_the_ledgers_place(&mut desk, &serial);
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn tables_go_out_and_come_in(desk: &Desk) {
    let file = desk.shop.dir.join("people.csv");
    let rows = "first_name,phone,programme,balance,visits,ltv_minor\nIdabell,+4915112345678,points,250,9,25000\n\
                Ole,0151,points,1,,\nUlf,,tea,,,\n";
    fs::write(&file, rows).expect("written");
    let import = |more: &[&str]| {
        let arguments: Vec<&str> = ["import", file.to_str().expect("text")].iter().chain(more).copied().collect();
        desk.shop.cli(&arguments)
    };
    let customers = || desk.shop.get("/v1/customers?query=idabell").expect(200)["customers"].as_array().map(Vec::len);
    assert!(refused(&import(&["--dry-run"])).contains("line 3: phone: an international number"));
    assert_eq!(customers(), Some(0));
    let output = import(&[]);
    assert!(refused(&output).contains("no programme is called 'tea'"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 of 3 rows taken\n");
    assert_eq!(customers(), Some(1));
    let errors = fs::read_to_string(desk.shop.dir.join("people.errors.csv")).expect("the rows that were not taken");
    assert_eq!(errors.lines().count(), 3, "{errors}");
    let head = "first_name,phone,programme,balance,visits,ltv_minor,error\r\nOle,0151,points,1,,,";
    assert!(errors.starts_with(head), "{errors}");
    let found = desk.shop.get("/v1/customers?query=idabell").expect(200);
    let serial = found["customers"][0]["cards"][0].as_str().expect("a card").to_owned();
    let card = desk.shop.standing(&serial);
    assert_eq!((&card["balance"], &card["earned"], &card["visits"]), (&json!(250), &json!(250), &json!(9)));
    assert_eq!((&card["ltv_minor"], &card["tx_amount_minor"]), (&json!(25_000), &json!(0)));
    // Brought along, not given by hand: one row, and it counts as no visit.
    let history = desk.shop.get(&format!("/v1/cards/{serial}/history")).expect(200);
    let rows = history["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0]["kind"], &rows[0]["change"]), (1, &json!("opening"), &json!(250)), "{history:#}");
    let by_till = desk.shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "opening", "figures": {} }));
    by_till.token(&desk.shop.token(By::Till)).send().problem(409, "needs_manager");

    let told = said(&desk.shop.cli(&["export", "customers"]));
    assert!(told.contains("\r\nIdabell,,,'+4915112345678,"), "{told}");
    let told = said(&desk.shop.cli(&["export", "cards"]));
    assert!(told.contains(",points,") && told.lines().next().is_some_and(|line| line.starts_with("serial,programme,")));
    let book = desk.shop.dir.join("history.xlsx");
    said(&desk.shop.cli(&["export", "history", "--format", "xlsx", "-o", book.to_str().expect("text")]));
    assert!(fs::read(book).expect("a workbook").starts_with(b"PK"));
}

fn rule_file(desk: &Desk, name: &str) -> PathBuf {
    PathBuf::from(desk.shop.sheet["programmes_dir"].as_str().expect("a folder")).join(name)
}

fn programmes_are_explained(desk: &Desk) {
    let file = rule_file(desk, "cafe10.toml");
    let told = said(&desk.shop.cli(&["programme", "explain", file.to_str().expect("text")]));
    assert!(told.contains("  10 stamps are worth one free_coffee.\n"), "{told}");
    let draft = desk.shop.dir.join("broken.toml");
    fs::write(&draft, "title = \"x\"\nkind = \"visits\"\n").expect("written");
    let why = refused(&desk.shop.cli(&["programme", "explain", draft.to_str().expect("text")]));
    assert!(why.contains("broken.toml") && why.contains('2'), "file and line: {why}");
}

fn entries_are_posted_voided_and_explained(desk: &Desk, serial: &str) {
    let posted =
        said(&desk.shop.cli(&["entry", "post", serial, "adjust", "--value", "-9", "--comment", "x", "--json"]));
    let posted: Value = serde_json::from_str(&posted).expect("JSON");
    assert_eq!(posted["card"]["balance"], 40);
    let id = posted["entries"][0]["id"].as_str().expect("an id");
    said(&desk.shop.cli(&["entry", "void", id, "--comment", "the wrong card"]));
    let short = desk.shop.cli(&["entry", "post", serial, "adjust", "--value", "-50"]);
    assert_eq!(short.status.code(), Some(3), "refused by the rules");
    assert!(String::from_utf8_lossy(&short.stderr).contains("insufficient_balance"));
    let told = said(&desk.shop.cli(&["ledger", "explain", serial]));
    assert!(told.contains("points added  +49  balance 49"), "{told}");
    assert!(told.contains("49.99 × 1/100") && told.contains("rules version 1"), "{told}");
    assert!(told.contains("voided"), "{told}");
    refused(&desk.shop.cli(&["ledger", "explain", "000000000000"]));
}

fn a_draft_is_rehearsed(desk: &Desk) {
    let card = desk.card(json!({}));
    card.visits(&[4, 2, 4, 1]);
    card.redeem().expect(201);
    card.post(json!({ "kind": "adjust", "value": 2 })).expect(201);
    let rules = fs::read_to_string(rule_file(desk, "cafe10.toml")).expect("a rule file");
    let folder = desk.shop.dir.join("draft");
    fs::create_dir_all(&folder).expect("a folder");
    let rehearse = |text: &str| {
        let draft = folder.join("cafe10.toml");
        fs::write(&draft, text).expect("written");
        let told =
            said(&desk.shop.cli(&["rehearse", draft.to_str().expect("text"), "--since", "2026-02-01", "--json"]));
        serde_json::from_str::<Value>(&told).expect("JSON")
    };
    // The rules as they are do what was done.
    let same = rehearse(&rules);
    assert_eq!(same["real"], same["draft"], "{same:#}");
    assert_eq!((&same["cards"], &same["acts"], &same["refused"]), (&json!(1), &json!(6), &json!(0)));
    assert_eq!((&same["real"]["earned"], &same["real"]["rewards"]), (&json!(14), &json!(1)));
    assert_eq!((&same["real"]["rewards_redeemed"], &same["real"]["cost_minor"]), (&json!(1), &json!(80)));
    // A coffee for five: two rewards for the same visits, at twice the cost.
    let five = rehearse(&rules.replace("at = 10", "at = 5"));
    assert_eq!(five["real"], same["real"]);
    assert_eq!((&five["draft"]["rewards"], &five["draft"]["cost_minor"]), (&json!(2), &json!(160)), "{five:#}");
    card.has(&[("B", 4), ("RA", 0), ("RR", 1)]);
}

fn backups(desk: &Desk) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(desk.shop.dir.join("backups")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listing.map(|item| item.expect("an item").path()).collect();
    files.sort();
    files
}

fn backup_told(desk: &Desk) -> String {
    let health = desk.shop.get("/v1/health").expect(200);
    let mut parts = health["parts"].as_array().expect("parts").iter();
    let part = parts.find(|part| part["name"] == "backup").expect("a part");
    assert_eq!(part["state"], "ok", "{part}");
    part["detail"].as_str().expect("a detail").to_owned()
}

fn the_daemon_backs_up_every_night(desk: &Desk) {
    // What a power cut left of a backup takes room until the next one.
    let folder = desk.shop.dir.join("backups");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("ledger-20260101T023000Z.part"), "half a ledger").expect("written");
    // 03:30 in Berlin, night after night; the visits before moved the clock over some of them.
    for day in 10..13 {
        desk.at(&format!("2026-02-{day}T02:30:00Z"));
        let name = format!("ledger-202602{day}T0230");
        let made = |files: &[PathBuf]| files.iter().any(|file| file.display().to_string().contains(&name));
        wait_until("a backup is made", || made(&backups(desk)));
        wait_until("health tells it", || backup_told(desk).contains(&format!("last 2026-02-{day}T03:30:0")));
    }
    // Only verified ones have their name, and the newest stay.
    wait_until("older ones are removed", || backups(desk).len() == 2);
    assert!(backups(desk).iter().all(|file| file.extension().is_some_and(|end| end == "db")));
}

fn a_backup_takes_the_ledgers_place(desk: &mut Desk, serial: &str) {
    let backup = backups(desk).pop().expect("a backup");
    let backup = backup.to_str().expect("text").to_owned();
    desk.card_known(serial).buys("after-backup", 100);
    let busy = refused(&desk.shop.cli(&["ledger", "restore", &backup]));
    assert!(busy.contains("in use"), "{busy}");
    desk.shop.stop();
    let broken = desk.shop.dir.join("broken.db");
    let mut bytes = fs::read(&backup).expect("a backup");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xA5);
    fs::write(&broken, bytes).expect("written");
    refused(&desk.shop.cli(&["ledger", "restore", broken.to_str().expect("text")]));
    let told = said(&desk.shop.cli(&["ledger", "restore", &backup]));
    let aside = told.lines().find_map(|line| line.split(" lies in ").nth(1)).expect("where the old one lies");
    assert!(PathBuf::from(aside).exists(), "{told}");
    desk.shop.start(Start::Run);
    let card = desk.card_known(serial);
    card.has(&[("B", 49)]);
    card.buys("after-restore", 100);
    card.has(&[("B", 50)]);
    desk.shop.verify();
}
