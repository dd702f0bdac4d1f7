//! From a posting to the pass on the phone, over a running daemon: made, fetched, verified by the `openssl` command; kept
//! where nothing changed; late where nothing may be signed, and never lost.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use stampd::pure::passes::bundle::read;

use crate::support::faults::sandbox;
use crate::support::http::Answer;
use crate::support::shop::{By, Shop, Start};
use crate::support::wait_until;

/// Everything that an earlier posting asked for is done.
#[track_caller]
fn delivered(shop: &Shop) {
    wait_until("the outbox is empty", || shop.get("/v1/outbox").expect(200)["waiting"] == 0);
}

fn pass(shop: &Shop, serial: &str) -> Answer {
    shop.get(&format!("/v1/cards/{serial}/pass.pkpass"))
}

fn serial_of(card: &Value) -> String {
    card["serial"].as_str().expect("a serial").to_owned()
}

/// The passes part of health.
fn part(shop: &Shop) -> Value {
    let health = shop.get("/v1/health").expect(200);
    let parts = health["parts"].as_array().expect("parts");
    parts.iter().find(|part| part["name"] == "passes").expect("a part").clone()
}

/// The texts of a pass whose signature the `openssl` command verifies against the shop's authority.
#[track_caller]
fn opened(shop: &Shop, answer: &Answer, checks_time: bool) -> String {
    assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("application/vnd.apple.pkpass")), "{answer}");
    let files = read(&answer.body).expect("a pass");
    let folder = shop.dir.join("opened");
    fs::create_dir_all(&folder).expect("a folder");
    for file in files.iter().filter(|file| !file.name.contains('/')) {
        fs::write(folder.join(&file.name), &file.bytes).expect("written");
    }
    let authority = shop.sheet["apple"]["ca_file"].as_str().expect("a path");
    let mut command = Command::new("openssl");
    command.args(["cms", "-verify", "-binary", "-inform", "DER", "-in", "signature", "-content", "manifest.json"]);
    command.args(["-purpose", "any", "-out", "/dev/null", "-CAfile", authority]).current_dir(&folder);
    if !checks_time {
        command.arg("-no_check_time");
    }
    let output = command.output().expect("openssl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("there")).expect("JSON");
    for file in files.iter().filter(|file| !["manifest.json", "signature"].contains(&file.name.as_str())) {
        let hash: String = openssl::sha::sha1(&file.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(manifest[&file.name], hash, "{}", file.name);
    }
    let texts = files.iter().filter(|file| !file.name.ends_with(".png") && file.name != "signature");
    texts.map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).collect::<Vec<_>>().join("\n")
}

fn tag(answer: &Answer) -> String {
    answer.header("ETag").expect("a tag").to_owned()
}

#[test]
fn every_programme_has_passes_and_a_stamp_makes_a_new_one() {
    let shop = Shop::open();
    for card in shop.sheet["cards"].as_array().expect("cards").iter().take(7) {
        let texts = opened(&shop, &pass(&shop, &serial_of(card)), true);
        for code in ["nfc_message", "barcode"] {
            assert!(texts.contains(card[code].as_str().expect("a code")), "{}: {code}", card["programme"]);
        }
    }
    let serial = serial_of(&shop.card("cafe10", 0));
    let before = pass(&shop, &serial);
    shop.entry(&serial, &json!({ "kind": "stamps", "count": 2 }));
    delivered(&shop);
    let after = pass(&shop, &serial);
    assert!(!opened(&shop, &before, true).contains("3 of 10") && opened(&shop, &after, true).contains("3 of 10"));
    assert_ne!(tag(&before), tag(&after));
    assert_ne!(before.header("Last-Modified"), after.header("Last-Modified"), "also within one second");
}

#[test]
fn what_did_not_change_is_not_signed_again_also_after_a_restart() {
    let mut shop = Shop::open();
    let serial = serial_of(&shop.card("points", 0));
    let first = pass(&shop, &serial);
    assert_eq!(pass(&shop, &serial).body, first.body);
    let known = |name: &str, value: &str| {
        shop.ask(By::Manager, "GET", &format!("/v1/cards/{serial}/pass.pkpass")).header(name, value).send()
    };
    let modified = first.header("Last-Modified").expect("a date").to_owned();
    for (name, value, status) in [
        ("If-None-Match", tag(&first), 304),
        ("If-None-Match", format!("\"other\", W/{}", tag(&first)), 304),
        ("If-None-Match", "\"other\"".to_owned(), 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT".to_owned(), 200),
        ("If-Modified-Since", "yesterday".to_owned(), 200),
    ] {
        let answer = known(name, &value);
        assert_eq!((answer.status, tag(&answer)), (status, tag(&first)), "{name}: {value}");
    }
    shop.stop();
    shop.start(Start::Run);
    delivered(&shop);
    assert_eq!(pass(&shop, &serial).body, first.body);
    shop.stop();
    // The cache is safe to delete: what it held is made anew.
    fs::remove_dir_all(shop.dir.join("cache")).expect("removed");
    shop.start(Start::Run);
    opened(&shop, &pass(&shop, &serial), true);
}

/// Ends a shop whose certificate's time is over: nothing may be signed from then on.
fn late(shop: &Shop) {
    shop.clock_set("2029-01-02 12:00:00");
    wait_until("health tells of the certificate", || {
        part(shop)["detail"].as_str().is_some_and(|detail| detail.contains("certificate_expired"))
    });
}

#[test]
fn past_the_certificate_nothing_is_signed_taps_go_on_and_a_crash_loses_nothing() {
    let mut shop = Shop::made_at("2026-11-20 12:00:00");
    let serial = serial_of(&shop.card("cafe10", 3));
    delivered(&shop);
    let before = pass(&shop, &serial);
    opened(&shop, &before, false);
    let mut events = shop.events();
    late(&shop);
    assert_eq!(events.wait("delivery.failed").data["code"], "certificate_expired");
    shop.entry(&serial, &json!({ "kind": "stamps", "count": 2 }));
    assert_eq!(shop.standing(&serial)["balance"], 3, "taps go on: two, and one for the first visit");
    let problem = pass(&shop, &serial).problem(503, "certificate_expired");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("renew")), "{problem}");
    let outbox = shop.get("/v1/outbox").expect(200);
    assert_eq!((&outbox["hold"], &outbox["rows"][0]["serial"]), (&json!("certificate_expired"), &json!(serial)));
    assert_eq!(outbox["rows"][0]["attempts"], 0, "waiting is no failure");
    // Posted and not signed: here the power goes.
    shop.kill();
    shop.clock_set("2026-11-21 12:00:00");
    shop.start(Start::Run);
    delivered(&shop);
    assert_eq!(part(&shop)["state"], "ok");
    let after = pass(&shop, &serial);
    assert!(opened(&shop, &after, false).contains("3 of 10"));
    assert_ne!(tag(&before), tag(&after));
}

#[test]
fn a_renewed_certificate_and_a_changed_design_are_taken_over_on_sighup() {
    let mut other = Shop::empty();
    other.start(Start::Demo);
    other.stop();
    let shop = Shop::open();
    let serial = serial_of(&shop.card("cafe10", 0));
    delivered(&shop);
    let before = pass(&shop, &serial);
    // What is half replaced is refused, and the old certificate goes on.
    fs::copy(other.dir.join("keys/pass.p12"), shop.dir.join("keys/pass.p12")).expect("copied");
    shop.signal(Signal::HUP);
    wait_until("the reload is refused", || shop.log().contains("certificates and designs stay as they were"));
    assert_eq!(pass(&shop, &serial).body, before.body);
    for name in ["ca.pem", "wwdr.pem", "pass.password"] {
        fs::copy(other.dir.join("keys").join(name), shop.dir.join("keys").join(name)).expect("copied");
    }
    shop.signal(Signal::HUP);
    wait_until("another certificate signs", || tag(&pass(&shop, &serial)) != tag(&before));
    let renewed = pass(&shop, &serial);
    opened(&shop, &renewed, true);
    let design = shop.dir.join("passes/stamps/design.toml");
    let text = fs::read_to_string(&design).expect("a design");
    let changed = text.replacen("sharing_prohibited = true", "sharing_prohibited = false", 1);
    assert_ne!(text, changed, "the design has the key");
    fs::write(&design, changed).expect("written");
    shop.signal(Signal::HUP);
    wait_until("the changed design shows", || tag(&pass(&shop, &serial)) != tag(&renewed));
    assert!(!opened(&shop, &pass(&shop, &serial), true).contains("\"sharingProhibited\":true"));
}

/// How many passes are kept in the cache.
fn kept(shop: &Shop) -> usize {
    let folders = fs::read_dir(shop.dir.join("cache/passes")).into_iter().flatten();
    folders.map(|folder| fs::read_dir(folder.expect("a folder").path()).expect("a folder").count()).sum()
}

#[test]
fn an_untrusted_clock_signs_nothing_until_it_is_trusted() {
    let mut shop = Shop::made_at("2026-11-20 12:00:00");
    delivered(&shop);
    shop.stop();
    fs::remove_dir_all(shop.dir.join("cache")).expect("removed");
    shop.config_change(|text| text.replace("trust = \"always\"", "trust = \"auto\""));
    // No mark of a synchronised clock; and it stands before the newest time in the ledger, so that a hardware clock, where
    // this machine has one, is no ground either.
    shop.mounts_set("mount -t tmpfs none /run; mkdir -p /run/systemd/timesync");
    shop.clock_set("2026-11-20 11:00:00");
    shop.start(Start::Run);
    let clock = || {
        let health = shop.get("/v1/health").expect(200);
        let parts = health["parts"].as_array().expect("parts");
        parts.iter().find(|part| part["name"] == "clock").expect("a part")["state"].clone()
    };
    assert_eq!(clock(), "degraded");
    // The worker has seen that, too.
    wait_until("health says so", || {
        part(&shop)["detail"].as_str().is_some_and(|detail| detail.contains("clock_untrusted"))
    });
    let card = shop.card("cafe10", 0);
    let serial = serial_of(&card);
    let tapped = shop.scan(card["barcode"].as_str().expect("a code")).send().expect(200);
    assert_eq!(tapped["outcome"], "awarded", "taps go on: {tapped}");
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
    let balance = shop.standing(&serial)["balance"].as_i64().expect("a number");
    assert!(balance >= 2, "{balance}");
    pass(&shop, &serial).problem(503, "clock_untrusted");
    shop.get(&format!("/v1/cards/{serial}/google")).problem(503, "clock_untrusted");
    let outbox = shop.get("/v1/outbox").expect(200);
    assert_eq!((&outbox["hold"], &outbox["waiting"]), (&json!("clock_untrusted"), &json!(1)), "{outbox}");
    assert_eq!((&outbox["rows"][0]["serial"], &outbox["rows"][0]["attempts"]), (&json!(serial), &json!(0)));
    assert_eq!(kept(&shop), 0, "nothing was signed");

    // A time service sets the clock right.
    shop.clock_set("2026-11-20 13:00:00");
    fs::write(shop.seen("/run/systemd/timesync/synchronized"), "").expect("the mark");
    delivered(&shop);
    assert_eq!((clock(), part(&shop)["state"].clone()), (json!("ok"), json!("ok")));
    assert!(kept(&shop) > 0, "signing has begun");
    let texts = opened(&shop, &pass(&shop, &serial), false);
    assert!(texts.contains(&format!("{balance} of 10")), "{balance}");
    shop.verify();
}

/// Nice values of the daemon's threads of that name, by the kernel (proc(5), stat, field 19).
fn nice_of(shop: &Shop, name: &str) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", shop.process())).expect("threads");
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let named = stats.filter(|stat| stat.contains(&format!("({name})")));
    let nice = |stat: String| stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok();
    named.map(|stat| nice(stat).expect("a number")).collect()
}

/// Our unit takes the call away by which the worker steps behind the taps.
#[test]
fn where_no_lower_priority_is_given_passes_are_made_with_rests() {
    const RESTS: &str = "delivery.rests";
    let mut shop = Shop::open();
    delivered(&shop);
    assert_eq!((nice_of(&shop, "passes"), shop.log().contains(RESTS)), (vec![19], false));
    shop.stop();
    shop.launcher_set(sandbox());
    shop.start(Start::Run);
    wait_until("the worker says so", || shop.log().contains(RESTS));
    assert_eq!(nice_of(&shop, "passes"), [0], "the kernel refused it");
    let serial = serial_of(&shop.card("cafe10", 0));
    let before = pass(&shop, &serial);
    shop.entry(&serial, &json!({ "kind": "stamps", "count": 2 }));
    delivered(&shop);
    let after = pass(&shop, &serial);
    assert!(opened(&shop, &after, true).contains("3 of 10"));
    assert_ne!(tag(&before), tag(&after));
    shop.stop();
}

#[test]
fn why_a_pass_waits_is_told_again_after_a_restart_or_said_not_to_be_known() {
    let mut shop = Shop::made_at("2026-11-20 12:00:00");
    delivered(&shop);
    let serial = serial_of(&shop.card("cafe10", 0));
    opened(&shop, &pass(&shop, &serial), false);
    shop.stop();
    let rows = |shop: &Shop| shop.get("/v1/outbox").expect(200)["rows"].clone();
    // Where the card's pass is kept, something else lies.
    let folder = shop.dir.join("cache/passes").join(&serial[..2]);
    fs::remove_dir_all(&folder).expect("removed");
    fs::write(&folder, "in the way").expect("written");
    shop.start(Start::Run);
    shop.entry(&serial, &json!({ "kind": "stamps", "count": 2 }));
    wait_until("it fails", || rows(&shop)[0]["attempts"] == 1);
    assert_eq!((&rows(&shop)[0]["code"], &rows(&shop)[0]["serial"]), (&json!("cache_fault"), &json!(serial)));
    // The clock stands still, so that the next attempt never comes due by itself; after a start it is made at once.
    shop.stop();
    shop.start(Start::Run);
    wait_until("it is tried again", || rows(&shop)[0]["attempts"] == 2);
    assert_eq!(rows(&shop)[0]["code"], "cache_fault");
    // Where nothing is tried after a start, nobody knows why it failed before it.
    shop.kill();
    shop.clock_set("2029-01-02 12:00:00");
    shop.start(Start::Run);
    wait_until("nothing is signed", || shop.get("/v1/outbox").expect(200)["hold"] == "certificate_expired");
    let row = &rows(&shop)[0];
    assert_eq!((&row["attempts"], &row["code"]), (&json!(2), &Value::Null), "{row}");
    assert!(row["detail"].as_str().is_some_and(|detail| detail.contains("not tried since")), "{row}");
    shop.kill();
    fs::remove_file(&folder).expect("removed");
    shop.clock_set("2026-11-20 12:00:01");
    shop.start(Start::Run);
    delivered(&shop);
    assert!(opened(&shop, &pass(&shop, &serial), false).contains("3 of 10"));
}

#[test]
fn what_is_not_configured_is_told_with_a_code() {
    let mut shop = Shop::closed();
    shop.config_change(|text| {
        let (head, rest) = text.split_once("[[apple]]").expect("a table");
        let media = rest.split_once("[media]").expect("a table").1;
        format!("{head}[media]{media}")
    });
    shop.start(Start::Run);
    let serial = serial_of(&shop.card("cafe10", 0));
    pass(&shop, &serial).problem(404, "pass_not_configured");
    shop.get(&format!("/v1/cards/{serial}/google")).problem(404, "google_not_configured");
    pass(&shop, "000000000000").problem(404, "unknown_card");
    shop.entry(&serial, &json!({ "kind": "stamps", "count": 1 }));
    delivered(&shop);
    for query in ["?limit=0", "?limit=201", "?cursor=x", "?nothing=1"] {
        shop.get(&format!("/v1/outbox{query}")).problem(422, "invalid");
    }
}

#[test]
fn a_blocked_card_is_voided_and_killed_deliveries_are_caught_up() {
    let mut shop = Shop::open();
    let cards: Vec<String> = (0..10).map(|index| serial_of(&shop.card("cafe10", index))).collect();
    for round in 1..=3 {
        for serial in &cards {
            shop.entry(serial, &json!({ "kind": "adjust", "value": 1 }));
        }
        // In the middle of it.
        shop.kill();
        shop.start(Start::Run);
        delivered(&shop);
        for serial in &cards {
            let texts = opened(&shop, &pass(&shop, serial), true);
            assert!(texts.contains(&format!("{round} of 10")), "{serial} after {round} rounds");
        }
    }
    let revision = shop.standing(&cards[0])["revision"].clone();
    let path = format!("/v1/cards/{}", cards[0]);
    let change = shop.ask(By::Manager, "PATCH", &path).header("If-Match", &format!("\"{revision}\""));
    change.json(&json!({ "blocked": true })).send().expect(200);
    assert!(opened(&shop, &pass(&shop, &cards[0]), true).contains("\"voided\":true"));
    shop.verify();
}

#[test]
fn the_command_line_builds_passes_with_and_without_a_daemon() {
    let mut shop = Shop::open();
    let serial = serial_of(&shop.card("cashback3", 0));
    let file = shop.dir.join("one.pkpass");
    for running in [true, false] {
        if !running {
            shop.stop();
        }
        let output = shop.cli(&["pass", "build", &serial, "-o", file.to_str().expect("text")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(read(&fs::read(&file).expect("written")).is_ok());
        let output = shop.cli(&["pass", "google", &serial, "--json"]);
        let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(made["save_url"].as_str().is_some_and(|link| link.starts_with("https://pay.google.com/gp/v/save/")));
        assert_eq!(made["save_kind"], "fat");
        let output = shop.cli(&["pass", "google", &serial, "--link", "thin"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.trim_end().ends_with("(thin link)"), "{said}");
    }
    let output = shop.cli(&["pass", "build", "000000000000"]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("unknown_card"));
}
