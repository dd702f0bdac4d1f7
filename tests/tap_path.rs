//! The main job on real input: the software phone, a process of its own, taps on a real pcscd, and a stamp is in the
//! ledger, on the event stream and on the terminal. And every way in which a phone can be wrong: nothing is booked.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use regex::Regex;
use serde_json::{Value, json};

use crate::support::http::{Event, Events};
use crate::support::pcscd::Pcscd;
use crate::support::shop::{Shop, Start};
use crate::support::taps::reader_free;
use crate::support::wait_until;

/// A shop with both slots of a virtual reader.
struct Counter {
    shop: Shop,
    pcscd: Pcscd,
}

/// A phone on a reader; lifted when this goes.
struct Phone(Child);

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Counter {
    fn open() -> Self {
        let pcscd = Pcscd::start();
        let shop = Shop::with_readers(&pcscd);
        Self { shop, pcscd }
    }

    fn phone(&self, slot: u16, card: &Value, more: &[&str]) -> Command {
        let wallet = if more.contains(&"google") { &[][..] } else { &["--wallet", "apple"] };
        let mut command = self.shop.command(&["phone"]);
        command.args(wallet).args(more).arg("--demo").arg(self.shop.dir.join("demo.json"));
        command.args(["--card", card["serial"].as_str().expect("a serial")]);
        command
            .args(["--reader-port", &self.pcscd.port(slot).to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Holds a phone to a reader until it was taken.
    #[track_caller]
    fn tap(&self, slot: u16, card: &Value, more: &[&str]) -> String {
        reader_free(&self.shop, &self.pcscd, slot);
        let output = self.phone(slot, card, more).output().expect("the phone starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Holds a phone to a reader until the daemon told what came of it.
    #[track_caller]
    fn tap_until_told(&self, slot: u16, card: &Value, more: &[&str], events: &mut Events) -> Event {
        reader_free(&self.shop, &self.pcscd, slot);
        let _phone = Phone(self.phone(slot, card, more).stdout(Stdio::null()).spawn().expect("the phone starts"));
        self.told(slot, events)
    }

    /// The next tap that the daemon tells of this reader.
    #[track_caller]
    fn told(&self, slot: u16, events: &mut Events) -> Event {
        loop {
            let event = events.next().expect("an event");
            if event.name.starts_with("tap.") && event.data["reader"] == self.pcscd.reader(slot) {
                return event;
            }
        }
    }
}

fn serial(card: &Value) -> &str {
    card["serial"].as_str().expect("a serial")
}

#[test]
fn a_tap_becomes_a_stamp_an_event_and_a_line() {
    let counter = Counter::open();
    let shop = &counter.shop;
    let readers = shop.get("/v1/readers").expect(200);
    let names: Vec<&Value> =
        readers["readers"].as_array().expect("a list").iter().map(|reader| &reader["name"]).collect();
    assert_eq!(names, [&json!(counter.pcscd.reader(0)), &json!(counter.pcscd.reader(1))]);
    let card = shop.card("cafe10", 0);
    let mut events = shop.events();
    let said = counter.tap(0, &card, &[]);
    assert!(said.contains("check mark"), "{said}");

    let told = counter.told(0, &mut events);
    let tap = &told.data;
    assert_eq!(told.name, "tap.presented");
    assert_eq!(
        (&tap["outcome"], &tap["medium"], &tap["till"]),
        (&json!("awarded"), &json!("apple_vas"), &json!("till-1"))
    );
    assert_eq!(
        (&tap["card"]["serial"], &tap["card"]["balance"], &tap["card"]["taps"]),
        (&card["serial"], &json!(2), &json!(1))
    );
    let timing = &tap["timing_ms"];
    assert!(timing["first_apdu"].as_f64() <= timing["token"].as_f64() && timing["first_apdu"].is_number(), "{tap}");
    let history = shop.get(&format!("/v1/cards/{}/history", serial(&card))).expect(200);
    let rows = history["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row["visit"] == tap["visit"] && row["reader"] == counter.pcscd.reader(0)),
        "{history}"
    );

    // Reader, medium, card, what was awarded, new balance, and the milliseconds to first command, token and commit.
    let line = format!(
        r"(?m)^{} · apple_vas · {} cafe10 · awarded: [^·]+ · \+2 · balance 2 · apdu [\d.]+ ms · token [\d.]+ ms · commit [\d.]+ ms$",
        counter.pcscd.reader(0),
        serial(&card)
    );
    let line = Regex::new(&line).expect("a pattern");
    wait_until("the tap's line", || line.is_match(&shop.log()));
    assert_eq!(line.find_iter(&shop.log()).count(), 1, "one line a tap");
    // A programme that awards nothing for a tap shows its card.
    let points = shop.card("points", 0);
    counter.tap(1, &points, &[]);
    let told = counter.told(1, &mut events).data;
    assert_eq!(
        (&told["outcome"], &told["entries"], &told["card"]["balance"]),
        (&json!("presented"), &json!([]), &json!(0))
    );
    shop.verify();
}

#[test]
fn one_presentation_counts_once_by_any_medium_and_over_a_restart() {
    let mut counter = Counter::open();
    counter.shop.stop();
    // As long as a slow machine may need for all of this.
    counter.shop.config_change(|text| text.replace("mode = \"tap\"", "mode = \"tap\"\nrepeat_s = 3600"));
    counter.shop.start(Start::Run);
    let card = counter.shop.card("cafe10", 0);
    let recorded = counter.shop.dir.join("recorded");
    let replay = format!("replay={}", recorded.display());
    let mut events = counter.shop.events();
    counter.tap(0, &card, &["--fault", &replay]);
    let first = counter.told(0, &mut events).data;
    assert_eq!(first["outcome"], "awarded");
    let again = counter.shop.scan(card["barcode"].as_str().expect("a barcode")).send().expect(200);
    let same = |again: &Value| {
        assert_eq!((&again["outcome"], &again["visit"]), (&json!("already_counted"), &first["visit"]), "{again}");
        assert_eq!((&again["entries"], &again["card"]["balance"]), (&first["entries"], &json!(2)));
        let at = first["at"].as_str().expect("a time");
        assert!(again["text"].as_str().is_some_and(|text| text.contains(&at[11..19])), "{again}: its time is {at}");
    };
    same(&again);
    counter.tap(1, &card, &[]);
    same(&counter.told(1, &mut events).data);

    counter.shop.kill();
    counter.shop.start(Start::Run);
    let mut events = counter.shop.events();
    counter.tap(0, &card, &[]);
    same(&counter.told(0, &mut events).data);
    // The very cryptogram of the first tap proves nothing any more.
    let told = counter.tap_until_told(0, &card, &["--fault", &replay], &mut events);
    assert_eq!((told.name.as_str(), &told.data["code"]), ("tap.refused", &json!("replayed")));
    let standing = counter.shop.standing(serial(&card));
    assert_eq!((&standing["balance"], &standing["visits"]), (&json!(2), &json!(1)));
    assert_eq!(counter.shop.verify()["entries"], 2);
}

#[test]
fn two_readers_serve_two_customers_at_once() {
    let counter = Counter::open();
    let mut events = counter.shop.events();
    std::thread::scope(|scope| {
        for slot in 0..2 {
            let counter = &counter;
            scope.spawn(move || {
                for round in 0..3 {
                    counter.tap(slot, &counter.shop.card("cafe10", usize::from(slot) * 3 + round), &[]);
                }
            });
        }
    });
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let event = events.next().expect("an event");
        if event.name == "tap.presented" {
            assert_eq!((&event.data["outcome"], &event.data["card"]["balance"]), (&json!("awarded"), &json!(2)));
            seen.push(event.data["card"]["serial"].clone());
        }
    }
    let mut expected: Vec<Value> = (0..6).map(|index| counter.shop.card("cafe10", index)["serial"].clone()).collect();
    expected.sort_by_key(Value::to_string);
    seen.sort_by_key(Value::to_string);
    assert_eq!(seen, expected);
}

/// Faults of an iPhone and of the way to it, each with the code in which it ends; none for a sound answer in an odd form.
const FAULTS: &[(&str, Option<&str>)] = &[
    ("locked=always", Some("unlock_phone")),
    ("choose=always", Some("choose_pass")),
    ("no-pass", Some("no_pass")),
    ("not-apple", Some("no_pass")),
    ("version", Some("chip_error")),
    ("no-vas", Some("no_pass")),
    ("odd-form", None),
    ("wrong-key", Some("foreign_key")),
    ("misfit-key", Some("chip_error")),
    ("flipped-tag", Some("chip_error")),
    ("off-curve", Some("chip_error")),
    ("stale", Some("stale_token")),
    ("stale=100000000", Some("stale_token")),
    ("future", Some("stale_token")),
    ("not-lc1", Some("unknown_token")),
    ("too-long", Some("chip_error")),
    ("empty", Some("unknown_token")),
    ("barcode", Some("unknown_token")),
    ("truncated", Some("chip_error")),
    ("truncated=2", Some("chip_error")),
    // What stands in place of the status word is none, so the phone is selected and asked once more: that needs Face ID.
    ("cut", Some("unlock_phone")),
    ("garbage", Some("chip_error")),
    ("garbage=300", Some("chip_error")),
    ("short", Some("hold_still")),
    ("status", Some("unlock_phone")),
    ("status=6A80", Some("chip_error")),
    ("status=6A83", Some("no_pass")),
    ("pulled=1", Some("hold_still")),
    ("pulled", Some("hold_still")),
    ("torn", Some("hold_still")),
    ("gone=1", Some("hold_still")),
    ("gone=2", None),
    ("slow=1500", Some("hold_still")),
    ("mute", Some("chip_error")),
];

#[test]
fn a_phone_that_is_wrong_is_told_and_books_nothing() {
    let counter = Counter::open();
    let listed = counter.shop.command(&["phone", "--list"]).output().expect("the phone starts");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for (fault, _) in FAULTS {
        let name = fault.split('=').next().unwrap_or_default();
        assert!(listed.contains(name), "stampd phone --list does not name {name}:\n{listed}");
    }
    let wrong = Mutex::new(Vec::new());
    let halves = FAULTS.split_at(FAULTS.len() / 2);
    std::thread::scope(|scope| {
        for (slot, faults) in [halves.0, halves.1].into_iter().enumerate() {
            let (counter, wrong) = (&counter, &wrong);
            scope.spawn(move || {
                let mut events = counter.shop.events();
                let mut fresh = (2 + slot..20).step_by(2);
                for (fault, code) in faults {
                    // A sound one needs a card that may earn.
                    let card = if code.is_some() { slot } else { fresh.next().expect("a card") };
                    let card = counter.shop.card("cafe10", card);
                    let told = counter.tap_until_told(slot as u16, &card, &["--fault", fault], &mut events).data;
                    if told["code"] != json!(code) || (told["outcome"] == "awarded") != code.is_none() {
                        wrong.lock().expect("no panic").push(format!("{fault}: {told}"));
                    }
                }
            });
        }
    });
    assert_eq!(wrong.into_inner().expect("no panic"), Vec::<String>::new());
    for index in 0..2 {
        let standing = counter.shop.standing(serial(&counter.shop.card("cafe10", index)));
        assert_eq!((&standing["balance"], &standing["visits"]), (&json!(0), &json!(0)));
    }
    let sound = FAULTS.iter().filter(|(_, code)| code.is_none()).count();
    assert_eq!(counter.shop.verify()["entries"], sound * 2, "a stamp and the first bonus each");
}

#[test]
fn a_phone_that_is_slow_absent_or_lets_go_is_waited_for() {
    let counter = Counter::open();
    let mut events = counter.shop.events();
    // Unlocked, chosen, or taken off and shown again: the reader goes on by itself.
    for (index, fault) in ["locked=1", "choose=1", "odd-form"].into_iter().enumerate() {
        let card = counter.shop.card("cafe10", index);
        counter.tap(0, &card, &["--fault", fault]);
        let told = loop {
            let told = counter.told(0, &mut events).data;
            if told["outcome"] != "refused" {
                break told;
            }
            assert!(["unlock_phone", "choose_pass"].contains(&told["code"].as_str().unwrap_or_default()), "{told}");
        };
        assert_eq!((&told["outcome"], &told["card"]["serial"]), (&json!("awarded"), &card["serial"]), "{fault}");
    }
    // Nothing is on the reader: nobody is told anything.
    let card = counter.shop.card("cafe10", 3);
    let mut absent = Phone(counter.phone(0, &card, &["--fault", "absent"]).spawn().expect("the phone starts"));
    let stdout = absent.0.stdout.take().expect("a pipe");
    assert!(BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.contains("finds nothing")));
    drop(absent);
    counter.tap(0, &card, &[]);
    assert_eq!(counter.told(0, &mut events).data["card"]["serial"], card["serial"]);
    // A hung one is reported by the watchdog, and the reader is used again once it is gone.
    let card = counter.shop.card("cafe10", 4);
    let told = counter.tap_until_told(1, &card, &["--fault", "hung=2", "--stay-ms", "30000"], &mut events).data;
    assert_eq!(told["code"], "chip_error");
    counter.tap(1, &card, &[]);
    assert_eq!(counter.told(1, &mut events).data["outcome"], "awarded");
}
