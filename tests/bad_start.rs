//! Bad input at the start and under a running daemon: each ends in a message that names the remedy, and nothing is lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::shop::{Shop, Start};
use crate::support::wait_until;

/// The message of a start that failed: what it says must contain all of `parts`, in one line of its own.
#[track_caller]
fn fails(shop: &mut Shop, parts: &[&str]) {
    let said = shop.start_fails();
    let message =
        said.lines().find(|line| line.starts_with("stampd: ")).unwrap_or_else(|| panic!("no message:\n{said}"));
    let whole = &said[said.find(message).expect("it is there")..];
    for part in parts {
        assert!(whole.contains(part), "it does not say '{part}':\n{whole}");
    }
    assert_eq!(said.lines().filter(|line| line.starts_with("stampd: ")).count(), 1, "{said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
}

fn ledger(shop: &Shop) -> PathBuf {
    shop.dir.join("ledger.db")
}

#[test]
fn a_configuration_with_a_mistake_is_told_by_line_and_remedy() {
    let mut shop = Shop::closed();
    let good = fs::read_to_string(shop.dir.join("stampd.toml")).expect("stampd.toml");
    let cases: &[(&str, &str, &[&str])] = &[
        ("[shop]\n", "[shop]\nnmae = \"x\"\n", &["stampd.toml", "nmae", "name"]),
        ("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = \"10s\"", &["stampd.toml", "repeat_s", "seconds"]),
        ("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = 86400", &["stampd.toml", "repeat_s", "3600"]),
        ("mode = \"tap\"", "mode = \"taps\"", &["stampd.toml", "mode", "sale"]),
        ("Europe/Berlin", "Europe/Atlantis", &["stampd.toml", "time_zone", "Atlantis"]),
        ("[shop]\n", "[shop\n", &["stampd.toml"]),
        ("programmes = \"programmes\"", "programmes = \"nowhere\"", &["nowhere", "[paths] programmes"]),
    ];
    for (from, to, parts) in cases {
        println!("{to}");
        assert!(good.contains(from), "the demo's configuration has no {from}");
        shop.config_change(|_| good.replace(from, to));
        fails(&mut shop, parts);
    }
    fs::remove_file(shop.dir.join("stampd.toml")).expect("removed");
    fails(&mut shop, &["stampd.toml"]);
    fs::write(shop.dir.join("stampd.toml"), &good).expect("written");
    shop.start(Start::Run);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let mut shop = Shop::closed();
    let text = fs::read_to_string(shop.dir.join("stampd.toml")).expect("stampd.toml");
    let mut named = text.split('"').filter(|part| part.contains("/keys/") && !part.ends_with(".p12"));
    let key = PathBuf::from(named.next_back().expect("a key in the configuration"));
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("rights");
        fails(&mut shop, &[&format!("chmod 600 {}", key.display())]);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("rights");
    shop.start(Start::Run);
}

#[test]
fn a_file_that_is_no_ledger_of_ours_is_left_as_it_is() {
    let mut shop = Shop::closed();
    let path = ledger(&shop);
    let good = fs::read(&path).expect("a ledger");
    // Where there is a copy of the books, whatever lies in their place is what is left of them, and is moved aside.
    fs::remove_dir_all(shop.dir.join("segments")).expect("removed");
    let other = shop.dir.join("other.db");
    let tables = Connection::open(&other).expect("a database");
    tables.execute_batch("CREATE TABLE till (id INTEGER); INSERT INTO till VALUES (1)").expect("a table");
    drop(tables);
    let mut newer = good.clone();
    // The user version in the file's head (sqlite.org/fileformat2.html section 1.3).
    newer[60..64].copy_from_slice(&99u32.to_be_bytes());
    let cases: [(&str, Vec<u8>, &[&str]); 3] = [
        ("newer", newer, &["schema 99", "newer stampd", "ledger.db"]),
        ("another's", fs::read(&other).expect("a database"), &["no stampd ledger", "[ledger] path"]),
        ("no database", b"Dear diary, today I sold eleven coffees.\n".repeat(400), &["ledger.db", "backup"]),
    ];
    for (what, bytes, parts) in cases {
        println!("{what}");
        fs::write(&path, &bytes).expect("written");
        fails(&mut shop, parts);
        assert!(fs::read(&path).expect("a file") == bytes, "{what}: the file was changed");
        // A look at the books leaves it alone, too.
        let output = shop.cli(&["ledger", "verify"]);
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
        assert!(fs::read(&path).expect("a file") == bytes, "{what}: the file was changed by a look");
        for name in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(shop.dir.join(name));
        }
    }
    fs::write(&path, &good).expect("written");
    shop.start(Start::Run);
    shop.verify();
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let mut shop = Shop::closed();
    let dir = shop.dir.display().to_string();
    shop.mounts_set(&format!("mount --bind {dir} {dir}; mount -o remount,bind,ro {dir}"));
    fails(&mut shop, &[&dir, "read-only", "mount it writable", "[ledger] path"]);
}

#[test]
fn a_full_disk_books_nothing_and_recovers() {
    let mut shop = Shop::closed();
    let dir = shop.dir.display().to_string();
    fs::create_dir(shop.dir.join("small")).expect("a folder");
    shop.mounts_set(&format!("mount -t tmpfs -o size=4m tmpfs {dir}/small; cp {dir}/ledger.db {dir}/small/"));
    shop.config_change(|text| text.replace("path = \"ledger.db\"", "path = \"small/ledger.db\""));
    shop.start(Start::Run);
    let serial = shop.card("points", 0)["serial"].as_str().expect("a serial").to_owned();
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 1 }));
    // What is left of the disk is filled to the last byte.
    let ballast = shop.seen("small/ballast");
    let full = std::iter::repeat_n([0; 4096], 2_000).try_for_each(|block| {
        let file = fs::File::options().create(true).append(true).open(&ballast);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, &block))
    });
    assert!(full.is_err(), "the disk did not fill");
    // Pages of the log that are there already may take some more postings.
    let mut booked = 1;
    let refused = loop {
        let ask = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
        let answer = ask.send();
        if answer.status != 201 {
            answer.problem(503, "disk_full");
            assert!(answer.header("Retry-After").is_some(), "{answer}");
            break ask;
        }
        booked += 1;
        assert!(booked < 2_000, "the disk never filled");
    };
    // Reads go on, and the same request is refused as long as the disk is full.
    assert_eq!(shop.standing(&serial)["balance"], booked);
    refused.send().problem(503, "disk_full");
    fs::remove_file(ballast).expect("removed");
    let answer = refused.send();
    answer.expect(201);
    assert_eq!(answer.header("Idempotency-Hit"), None);
    assert_eq!(refused.send().header("Idempotency-Hit"), Some("true"));
    assert_eq!(shop.standing(&serial)["balance"], booked + 1);
    shop.stop();
}

#[test]
fn what_another_program_has_is_told() {
    let mut shop = Shop::closed();
    let port = TcpListener::bind(shop.address).expect("a free port");
    let number = shop.address.port().to_string();
    fails(&mut shop, &["in use", &number, "[api] listen"]);
    drop(port);
    shop.start(Start::Run);
    // A second daemon on the same ledger, whatever else it is told.
    let text = fs::read_to_string(shop.dir.join("stampd.toml")).expect("stampd.toml");
    let text = text.replace(&shop.address.to_string(), "127.0.0.1:0").replace("stampd.sock", "second.sock");
    let second = shop.dir.join("second.toml");
    fs::write(&second, text).expect("written");
    let output = shop.command(&["run", "--config"]).arg(&second).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another stampd") && said.contains("ledger.db"), "{said}");
    shop.get("/v1/health").expect(200);
}

#[test]
fn rules_with_a_mistake_leave_the_old_ones_and_new_rules_work_at_once() {
    let mut shop = Shop::open();
    let programmes = shop.dir.join("programmes");
    let good = fs::read_to_string(programmes.join("cafe10.toml")).expect("a rule file");
    let earn = |shop: &Shop, index: usize| {
        let serial = shop.card("cafe10", index)["serial"].as_str().expect("a serial").to_owned();
        shop.entry(&serial, &json!({ "kind": "stamps", "count": 1 }))["card"]["balance"].clone()
    };
    assert_eq!(earn(&shop, 0), 2);
    // A mistake in one file, and a change in another: neither counts.
    fs::write(programmes.join("cafe10.toml"), good.replace("first = 1 ", "first = 5 ")).expect("written");
    fs::write(programmes.join("tea5.toml"), good.replace("tap_award = 1", "tap_awrad = 1")).expect("written");
    shop.signal(Signal::HUP);
    wait_until("the mistake is told", || shop.log().contains("daemon.reload: the programmes stay as they were"));
    let log = shop.log();
    assert!(log.contains("tea5.toml") && log.contains("tap_awrad"), "{log}");
    assert_eq!(earn(&shop, 1), 2, "the old rules");
    fs::write(programmes.join("tea5.toml"), good.replace("at = 10", "at = 5").replace("Coffee card", "Tea card"))
        .expect("written");
    shop.signal(Signal::HUP);
    wait_until("the new programme", || {
        let list = shop.get("/v1/programmes").expect(200);
        list["programmes"].as_array().is_some_and(|list| list.iter().any(|one| one["name"] == "tea5"))
    });
    assert_eq!(earn(&shop, 2), 6, "the new rules");
    let customer = shop.post("/v1/customers", &json!({})).send().expect(201)["id"].clone();
    let card = shop.post("/v1/cards", &json!({ "customer_id": customer, "programme": "tea5" })).send().expect(201);
    let serial = card["serial"].as_str().expect("a serial").to_owned();
    assert_eq!(shop.entry(&serial, &json!({ "kind": "stamps", "count": 4 }))["card"]["rewards_available"], 1);
    // At a start a mistake is no reload: the shop opens with rules, or not at all.
    shop.stop();
    fs::write(programmes.join("tea5.toml"), good.replace("scale = 0", "scale = 99")).expect("written");
    fails(&mut shop, &["tea5.toml", "scale"]);
    fs::write(programmes.join("tea5.toml"), &good).expect("written");
    shop.start(Start::Run);
    shop.verify();
}

#[test]
fn without_a_smart_card_service_the_shop_is_open_and_says_what_is_missing() {
    let shop = Shop::open();
    let health = shop.get("/v1/health").expect(200);
    let part = |name: &str| -> Value {
        let parts = health["parts"].as_array().expect("parts");
        parts.iter().find(|part| part["name"] == name).expect("a part").clone()
    };
    assert_eq!(
        (&health["status"], &part("readers")["state"], &part("ledger")["state"]),
        (&json!("degraded"), &json!("down"), &json!("ok"))
    );
    assert!(part("readers")["remedy"].as_str().is_some_and(|remedy| remedy.contains("pcscd")), "{health}");
    let barcode = shop.card("cafe10", 0)["barcode"].as_str().expect("a barcode").to_owned();
    assert_eq!(shop.scan(&barcode).send().expect(200)["outcome"], "awarded");
}

#[test]
fn a_changed_byte_in_the_books_is_found() {
    let mut shop = Shop::open();
    let serial = shop.card("points", 0)["serial"].as_str().expect("a serial").to_owned();
    shop.entry(&serial, &json!({ "kind": "adjust", "value": 7 }));
    shop.stop();
    let path = ledger(&shop);
    let books = Connection::open(&path).expect("a ledger");
    let (position, body): (i64, Vec<u8>) = books
        .query_row("SELECT position, body FROM event ORDER BY position DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("an event");
    drop(books);
    let mut bytes = fs::read(&path).expect("a ledger");
    let at = bytes.windows(body.len()).position(|window| window == body).expect("its bytes in one piece");
    bytes[at + body.len() / 2] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let output = shop.cli(&["ledger", "verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("FAULT") && said.contains(&format!("event row {position}")), "{said}");
    fails(&mut shop, &["damaged", &format!("event row {position}"), "backup"]);
    bytes[at + body.len() / 2] ^= 1;
    fs::write(&path, &bytes).expect("written");
    shop.start(Start::Run);
    assert_eq!(shop.standing(&serial)["balance"], 7);
}
