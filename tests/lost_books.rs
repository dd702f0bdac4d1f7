//! The ledger is lost, damaged or put back from an older copy (SYNC.md row 6): it is found out, moved aside and never
//! replaced unasked, and everything that was acknowledged comes back from a backup and the segment copy.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use stampd::tools::phone::machine_time;
use stampd::tools::phone::rotating::RotatingBarcode;

use crate::support::counting::{Counting, books_hold};
use crate::support::shop::{By, Shop, Start};
use crate::support::wait_until;

fn ledger(shop: &Shop) -> PathBuf {
    shop.dir.join("ledger.db")
}

/// The ledger's file and its logs are gone.
fn lose(shop: &Shop) {
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(shop.dir.join(name));
    }
}

/// `stampd ledger` with these arguments: what it printed, when it went well.
#[track_caller]
fn done(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.cli(&[&["ledger"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Puts a backup where the nightly ones lie, dated that day of a year so far away that the daemon makes none by itself.
fn back_up(shop: &Shop, day: u32) -> PathBuf {
    let folder = shop.dir.join("backups");
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("ledger-209901{day:02}T033000Z.db"));
    done(shop, &["backup", &file.display().to_string()]);
    file
}

/// An open shop with a backup of the day before it opened.
fn shop_open() -> Shop {
    let mut shop = Shop::closed();
    back_up(&shop, 1);
    shop.start(Start::Run);
    shop
}

/// Waits until the segment copy has everything that the ledger has.
fn copied(shop: &Shop) {
    // The copy counts events, and may be ahead with them of rows that came without one: what was noted before the first of
    // these customers is copied before the second.
    for _ in 0..2 {
        shop.post("/v1/customers", &json!({})).send().expect(201);
        events_copied(shop);
    }
}

fn events_copied(shop: &Shop) {
    wait_until("the copy is complete", || {
        let health = shop.get("/v1/health").expect(200);
        let parts = health["parts"].as_array().expect("parts").clone();
        let detail = |name: &str| -> String {
            let part = parts.iter().find(|part| part["name"] == name).expect("a part");
            part["detail"].as_str().expect("a detail").to_owned()
        };
        let events = detail("ledger").split(' ').next().expect("events").to_owned();
        detail("segments") == format!("complete to event {events}")
    });
}

/// The segment files, oldest first.
fn segment_files(shop: &Shop) -> Vec<PathBuf> {
    let listing = fs::read_dir(shop.dir.join("segments")).expect("a folder");
    let mut files: Vec<PathBuf> =
        listing.map(|item| item.expect("an item").path()).filter(|path| path.extension().is_some()).collect();
    files.sort();
    files
}

/// A customer with a card, made over the API.
struct Newcomer {
    customer: Value,
    card: Value,
    barcode: String,
}

impl Newcomer {
    fn joins(shop: &Shop) -> Self {
        let asked = json!({ "first_name": "Nora", "email": "nora@example.org" });
        let customer = shop.post("/v1/customers", &asked).send().expect(201);
        let card = json!({ "customer_id": customer["id"], "programme": "cafe10" });
        let card = shop.post("/v1/cards", &card).send().expect(201);
        let serial = card["serial"].as_str().expect("a serial");
        let media = shop.get(&format!("/v1/cards/{serial}/credentials")).expect(200);
        let mut media = media["credentials"].as_array().expect("a list").iter();
        let barcode = media.find(|medium| medium["medium"] == "barcode").expect("a barcode")["text"].clone();
        Self { customer, card, barcode: barcode.as_str().expect("text").to_owned() }
    }

    /// Known as before, and the pass works.
    fn is_known(&self, shop: &Shop) {
        let id = self.customer["id"].as_str().expect("an id");
        let customer = shop.get(&format!("/v1/customers/{id}")).expect(200);
        assert_eq!(customer["email"], "nora@example.org");
        let shown = shop.scan(&self.barcode).send().expect(200);
        assert_eq!(shown["card"]["serial"], self.card["serial"], "{shown:#}");
    }
}

#[test]
fn what_the_database_lost_comes_back_from_a_backup_and_the_segments() {
    let mut shop = shop_open();
    let mut till = Counting::new(&shop, 0);
    till.some(&shop, 12);
    let backup = back_up(&shop, 2);
    till.some(&shop, 12);
    let newcomer = Newcomer::joins(&shop);
    till.some(&shop, 6);
    copied(&shop);
    shop.kill();
    lose(&shop);
    let said = shop.start_fails();
    assert!(said.contains("missing or empty") && said.contains("stampd ledger restore"), "{said}");
    assert!(!ledger(&shop).exists(), "no empty ledger was begun");
    let said = done(&shop, &["restore"]);
    assert!(said.contains("ledger-20990102T033000Z.db is the ledger now"), "{said}");
    assert!(said.contains("came back from the segment copy") && !said.contains("\n0 event(s)"), "{said}");
    shop.start(Start::Run);
    till.all_answers_hold();
    newcomer.is_known(&shop);
    till.some(&shop, 6);
    // Lost once more, this time without any backup: the segments hold everything since the first event.
    shop.stop();
    lose(&shop);
    fs::remove_dir_all(backup.parent().expect("a folder")).expect("removed");
    let said = done(&shop, &["restore"]);
    assert!(said.contains("made anew from the segment copy"), "{said}");
    shop.start(Start::Run);
    till.all_answers_hold();
    let scanned = shop.standing(newcomer.card["serial"].as_str().expect("a serial"));
    assert_eq!((&scanned["visits"], &scanned["balance"]), (&json!(1), &json!(2)), "{scanned:#}");
    shop.verify();
}

#[test]
fn an_older_ledger_in_its_place_is_brought_up_to_what_was_booked() {
    let mut shop = shop_open();
    let mut till = Counting::new(&shop, 0);
    till.some(&shop, 6);
    shop.stop();
    let older = shop.dir.join("older.db");
    fs::copy(ledger(&shop), &older).expect("copied");
    shop.start(Start::Run);
    till.some(&shop, 12);
    copied(&shop);
    shop.kill();
    lose(&shop);
    fs::rename(older, ledger(&shop)).expect("renamed");
    shop.start(Start::Run);
    assert!(shop.log().contains("segments.replayed"), "{}", shop.log());
    till.all_answers_hold();
    till.some(&shop, 6);
    books_hold(&shop, &[till]);
}

#[test]
fn a_damaged_ledger_is_moved_aside_and_comes_back() {
    let mut shop = shop_open();
    let mut till = Counting::new(&shop, 0);
    till.some(&shop, 12);
    back_up(&shop, 2);
    till.some(&shop, 12);
    copied(&shop);
    // Every page but the first is noise, in a file whose log is still beside it.
    shop.kill();
    let mut bytes = fs::read(ledger(&shop)).expect("a ledger");
    bytes[4096..].fill(0xA5);
    fs::write(ledger(&shop), &bytes).expect("written");
    let log = fs::read(shop.dir.join("ledger.db-wal")).expect("a log");
    let said = shop.start_fails();
    assert!(
        said.contains("damaged") && said.contains("moved aside") && said.contains("stampd ledger restore"),
        "{said}"
    );
    assert!(!ledger(&shop).exists(), "it was moved");
    let named = said.split("lies now in ").nth(1).and_then(|rest| rest.split(".db").next()).expect("where it lies");
    assert!(named.contains("ledger.damaged-20"), "{named}");
    assert!(fs::read(format!("{named}.db")).expect("the damaged file") == bytes, "it was changed");
    assert!(fs::read(format!("{named}.db-wal")).expect("its log") == log, "its log was changed");
    // A daemon that is started again by itself does not begin anew either.
    assert!(shop.start_fails().contains("stampd ledger restore"));
    done(&shop, &["restore"]);
    shop.start(Start::Run);
    till.all_answers_hold();
    books_hold(&shop, &[till]);
}

#[test]
fn damage_under_a_running_daemon_ends_booking_and_is_remembered() {
    let mut shop = shop_open();
    let mut till = Counting::new(&shop, 0);
    till.some(&shop, 6);
    shop.stop();
    shop.start(Start::Run);
    let bytes = fs::read(ledger(&shop)).expect("a ledger");
    let file = fs::File::options().write(true).open(ledger(&shop)).expect("the ledger");
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xA5; bytes.len() - 4096], 4096).expect("written");
    drop(file);
    let health = || -> Value {
        let health = shop.get("/v1/health").expect(200);
        health["parts"].as_array().expect("parts").iter().find(|part| part["name"] == "ledger").expect("it").clone()
    };
    // Whoever reads what is not in memory finds out.
    wait_until("the damage is found", || {
        let customers = shop.get("/v1/customers?limit=200").status;
        let part = health();
        customers == 503 && part["state"] == "down" && part["remedy"].to_string().contains("ledger restore")
    });
    let serial = till.points();
    let refused = shop.post(&format!("/v1/cards/{serial}/entries"), &json!({ "kind": "adjust", "value": 1 }));
    refused.send().problem(503, "storage_fault");
    shop.kill();
    let said = shop.start_fails();
    assert!(said.contains("moved aside") && said.contains("stampd ledger restore"), "{said}");
    done(&shop, &["restore"]);
    shop.start(Start::Run);
    till.all_answers_hold();
    refused.send().expect(201);
    shop.verify();
}

#[test]
fn a_torn_end_of_the_copy_is_tolerated_and_a_damaged_middle_is_told() {
    let mut shop = shop_open();
    let mut till = Counting::new(&shop, 0);
    till.some(&shop, 6);
    let backup = back_up(&shop, 2);
    // In three records: what comes close together is copied together.
    for _ in 0..3 {
        till.some(&shop, 4);
        copied(&shop);
    }
    shop.kill();
    lose(&shop);
    let file = segment_files(&shop).pop().expect("a segment");
    let good = fs::read(&file).expect("a segment");
    let end = good.iter().rposition(|byte| *byte != 0).expect("not empty") + 1;
    // The power went while the last record was written.
    let mut torn = good.clone();
    torn[end - 5..].fill(0);
    fs::write(&file, torn).expect("written");
    let said = done(&shop, &["restore"]);
    assert!(said.contains("the last record of the segment copy was cut off"), "{said}");
    shop.verify();
    // Bytes changed some records before the end.
    lose(&shop);
    let mut damaged = good.clone();
    let begin = good.windows(8).position(|bytes| bytes == b"t0-12-ke").expect("a request after the backup");
    damaged[begin] ^= 1;
    fs::write(&file, &damaged).expect("written");
    let output = shop.cli(&["ledger", "restore"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let at: usize = said
        .split(" at byte ")
        .nth(1)
        .and_then(|rest| rest.split(':').next())
        .expect("a place")
        .parse()
        .expect("a number");
    assert!(said.contains("segments/segment-00000001.seg") && at <= begin && begin < at + 65_536, "{begin}: {said}");
    assert!(!ledger(&shop).exists(), "nothing was changed");
    let said = done(&shop, &["restore", "--up-to-damage"]);
    assert!(said.contains("LOST") && said.contains("segments/before-1"), "{said}");
    shop.start(Start::Run);
    let balance = shop.standing(&till.points())["balance"].as_i64().expect("a balance");
    assert!(balance > 0 && balance < till.changes(&till.points()), "{balance}");
    shop.verify();
    // The backup alone is what it was.
    shop.stop();
    let said = done(&shop, &["restore", &backup.display().to_string(), "--without-segments"]);
    assert!(said.contains("segments/before-2"), "{said}");
    shop.start(Start::Run);
    assert!(shop.standing(&till.points())["balance"].as_i64().expect("a balance") < balance);
    shop.verify();
}

/// Issued before the shop had a key for rotating barcodes, a card gets its credential with its first object, once; what was
/// made is an event, so that it comes back with the books.
#[test]
fn a_rotating_barcode_that_came_later_is_made_once_and_comes_back() {
    let mut shop = Shop::closed();
    let (mut key, with_key) = (String::new(), shop.dir.join("stampd.toml"));
    let with_key = fs::read_to_string(with_key).expect("a configuration");
    shop.config_change(|text| {
        let (keys, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("rotating_key"));
        key = keys.concat();
        rest.join("\n")
    });
    assert!(key.contains("rotating.hex"), "the demo has such a key");
    shop.start(Start::Run);
    let newcomer = Newcomer::joins(&shop);
    let serial = newcomer.card["serial"].as_str().expect("a serial").to_owned();
    let path = format!("/v1/cards/{serial}/google");
    let object = |shop: &Shop| shop.get(&path).expect(200)["object"].clone();
    let rotating = |shop: &Shop| {
        let media = shop.get(&format!("/v1/cards/{serial}/credentials")).expect(200);
        let media = media["credentials"].as_array().expect("a list").clone();
        media.into_iter().filter(|one| one["medium"] == "rotating_barcode").collect::<Vec<Value>>()
    };
    assert!(object(&shop)["rotatingBarcode"].is_null() && rotating(&shop).is_empty(), "there is no key yet");
    shop.stop();
    shop.config_change(|_| with_key);
    shop.start(Start::Run);
    assert!(rotating(&shop).is_empty(), "nothing was made unasked");
    let made = object(&shop)["rotatingBarcode"].clone();
    assert!(made["valuePattern"].as_str().is_some_and(|pattern| pattern.starts_with("LC2")), "{made}");
    let events = shop.verify()["events"].clone();
    assert_eq!((object(&shop)["rotatingBarcode"].clone(), rotating(&shop).len()), (made.clone(), 1), "made once");
    assert_eq!(shop.verify()["events"], events, "the second object only reads");
    // What the phone shows of it counts, also when the books came back from their copy.
    copied(&shop);
    shop.kill();
    lose(&shop);
    done(&shop, &["restore"]);
    shop.start(Start::Run);
    assert_eq!(object(&shop)["rotatingBarcode"], made);
    let barcode: RotatingBarcode = serde_json::from_value(made).expect("Google's form");
    let screen = barcode.screen(machine_time().expect("a clock"), 0).expect("a phone can show it");
    let shown = shop.scan(&screen.text()).send().expect(200);
    assert_eq!((&shown["medium"], &shown["card"]["serial"]), (&json!("rotating_barcode"), &newcomer.card["serial"]));
    // Unbound, none is made in its place: whoever has the lost phone would get the next one too.
    let id = rotating(&shop)[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/cards/{serial}/credentials/{id}");
    assert_eq!(shop.ask(By::Manager, "DELETE", &path).send().status, 204);
    assert!(object(&shop)["rotatingBarcode"].is_null());
    shop.verify();
}
