//! Scanners of the device's own on real input: codes come over a pair of ptys and by a synthetic chip on a real pcscd into
//! the daemon, and are stamps, refusals, or nothing. Keyboards and hidraw need devices that no test has; their decoders are
//! tested on recorded bytes in `pure::tap::scan`.

use serde_json::{Value, json};
use stampd::tools::demo::CODE_SCANNER;

use crate::support::http::{Event, Events};
use crate::support::line::Line;
use crate::support::pcscd::Pcscd;
use crate::support::shop::{By, Shop, Start};
use crate::support::taps::reader_free;

/// A shop with a scanner on a line.
struct Counter {
    shop: Shop,
    line: Line,
}

impl Counter {
    /// `keys` are those of `[[scanner]]` but `device`.
    fn open(keys: &str) -> Self {
        let mut shop = Shop::closed();
        let line = Line::new(&shop.dir);
        let section = format!("\n[[scanner]]\ndevice = \"{}\"\n{keys}\n", line.host.display());
        shop.config_change(|text| text + &section);
        shop.start(Start::Run);
        Self { shop, line }
    }

    fn name(&self) -> Value {
        json!(self.line.host.display().to_string())
    }

    /// Scans the barcode of a card, as `stampd phone` does.
    #[track_caller]
    fn scan(&self, card: &Value, more: &[&str]) {
        let mut command = self.shop.command(&["phone", "--wallet", "scan", "--tty"]);
        command.arg(&self.line.scanner).arg("--demo").arg(self.shop.dir.join("demo.json"));
        command.args(["--card", serial(card)]).args(more);
        let output = command.output().expect("the phone starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The next tap of this scanner. That it is up is told once it is, and may come between.
    #[track_caller]
    fn told(&self, events: &mut Events) -> Event {
        loop {
            let event = events.next().expect("an event");
            if event.name.starts_with("tap.") && event.data["reader"] == self.name() {
                return event;
            }
        }
    }

    /// The next event of this scanner's own state.
    #[track_caller]
    fn changed(&self, events: &mut Events) -> Event {
        loop {
            let event = events.next().expect("an event");
            if event.data["name"] == self.name() {
                return event;
            }
        }
    }

    /// The scanner in the list of readers.
    fn listed(&self) -> Value {
        let list = self.shop.get("/v1/readers").expect(200);
        let mut readers = list["readers"].as_array().expect("a list").iter();
        readers.find(|reader| reader["name"] == self.name()).expect("the scanner").clone()
    }
}

fn serial(card: &Value) -> &str {
    card["serial"].as_str().expect("a serial")
}

fn text_of<'c>(card: &'c Value, medium: &str) -> &'c str {
    card[medium].as_str().expect("a text")
}

const SERIAL: &str = "kind = \"serial\"";

#[test]
fn a_scan_becomes_a_stamp_and_the_same_visit_is_one() {
    let counter = Counter::open("kind = \"serial\"\nframing = { baud = 115200, end = \"0D\" }");
    let mut events = counter.shop.events();
    let listed = counter.listed();
    assert_eq!(
        (&listed["state"], &listed["till"], &listed["exchanges"]),
        (&json!("ready"), &json!("till-1"), &json!(0))
    );
    let card = counter.shop.card("cafe10", 0);
    counter.scan(&card, &[]);
    let told = counter.told(&mut events);
    assert_eq!(told.name, "tap.presented");
    let tap = &told.data;
    let facts = (&tap["outcome"], &tap["medium"], &tap["grade"], &tap["till"]);
    assert_eq!(facts, (&json!("awarded"), &json!("barcode"), &json!("C"), &json!("till-1")));
    assert_eq!((&tap["card"]["serial"], &tap["card"]["scans"]), (&card["serial"], &json!(1)));
    assert_eq!(tap["card"]["taps"], 0);
    assert_eq!(tap["timing_ms"]["first_apdu"], Value::Null, "no chip was asked");
    assert!(tap["timing_ms"]["token"].is_number(), "{tap}");
    assert_eq!(counter.listed()["exchanges"], 1);
    // Shown to the till's own scanner as well: the visit is the same.
    let again = counter.shop.scan(text_of(&card, "barcode")).send().expect(200);
    assert_eq!((&again["outcome"], &again["visit"]), (&json!("already_counted"), &tap["visit"]));
    counter.shop.verify();
}

/// What a scanner or its code can have, and the code in which it ends; none for what is sound in an odd form.
const FAULTS: &[(&str, Option<&str>)] = &[
    ("no-suffix", None),
    ("line-feed", None),
    ("both", None),
    ("split", None),
    ("split=300", None),
    ("twice", None),
    ("lower-case", None),
    ("noise", Some("unknown_token")),
    ("damaged", Some("unknown_token")),
    ("cut-code", Some("unknown_token")),
    ("aim", Some("unknown_token")),
    ("gs1", Some("unknown_token")),
    ("ean", Some("unknown_token")),
    ("latin-1", Some("unknown_token")),
    ("control", Some("unknown_token")),
    ("huge", Some("unknown_token")),
    ("wrong-medium", Some("unknown_token")),
];

#[test]
fn a_scanner_that_is_wrong_is_told_and_books_nothing() {
    let counter = Counter::open(SERIAL);
    let mut events = counter.shop.events();
    for (index, (fault, code)) in FAULTS.iter().enumerate() {
        // Nothing at all is no scan: the next event is the next fault's.
        counter.scan(&counter.shop.card("cafe10", index), &["--fault", "empty"]);
        let card = counter.shop.card("cafe10", index);
        counter.scan(&card, &["--fault", fault]);
        let told = counter.told(&mut events).data;
        let outcome = if code.is_some() { "refused" } else { "awarded" };
        assert_eq!((&told["outcome"], &told["code"]), (&json!(outcome), &json!(code)), "{fault}: {told}");
        let goods = ["gs1", "ean"].contains(fault);
        assert_eq!(told["text"].as_str().is_some_and(|text| text.contains("goods")), goods, "{fault}: {told}");
        let stamps = if code.is_some() { 0 } else { 2 };
        assert_eq!(counter.shop.standing(serial(&card))["balance"], stamps, "{fault}");
    }
    let sound = FAULTS.iter().filter(|(_, code)| code.is_none()).count();
    assert_eq!(counter.shop.verify()["entries"], sound * 2, "a stamp and the first bonus each");
}

#[test]
fn bytes_come_as_they_like() {
    let counter = Counter::open(SERIAL);
    let mut events = counter.shop.events();
    let cards: Vec<Value> = (0..4).map(|index| counter.shop.card("cafe10", index)).collect();
    let barcode = |index: usize| text_of(&cards[index], "barcode");
    // Two codes in one burst are two customers.
    counter.line.write(format!("{}\r\n{}\r\n", barcode(0), barcode(1)).as_bytes());
    for card in &cards[..2] {
        let told = counter.told(&mut events).data;
        assert_eq!((&told["outcome"], &told["card"]["serial"]), (&json!("awarded"), &card["serial"]));
    }
    // Half a line is a code of its own when nothing more comes, and spoils no other.
    counter.line.write(&barcode(2).as_bytes()[..17]);
    let told = counter.told(&mut events).data;
    assert_eq!((&told["outcome"], &told["code"]), (&json!("refused"), &json!("unknown_token")));
    counter.line.write(format!("{}\r", barcode(2)).as_bytes());
    assert_eq!(counter.told(&mut events).data["card"]["serial"], cards[2]["serial"]);
    // Noise without an end, longer than any code, is told once.
    let noise: Vec<u8> = (0..=255_u8).filter(|byte| !b"\r\n".contains(byte)).cycle().take(20_000).collect();
    counter.line.write(&[&noise[..], b"\r"].concat());
    assert_eq!(counter.told(&mut events).data["code"], "unknown_token");
    counter.line.write(format!("{}\r", barcode(3)).as_bytes());
    assert_eq!(counter.told(&mut events).data["card"]["serial"], cards[3]["serial"]);
}

#[test]
fn a_scanner_is_unplugged_and_back_and_what_it_had_in_store_is_none() {
    let mut counter = Counter::open(SERIAL);
    let mut events = counter.shop.events();
    counter.line.unplug();
    let mut down = counter.changed(&mut events);
    if down.name == "reader.up" {
        // That it came up at the start may be told after the stream was opened.
        down = counter.changed(&mut events);
    }
    assert_eq!((down.name.as_str(), &down.data["state"]), ("reader.down", &json!("gone")));
    assert!(counter.listed()["remedy"].is_string());
    assert_eq!(counter.shop.get("/v1/health").expect(200)["status"], "degraded");
    counter.line.plug();
    let told = counter.changed(&mut events);
    assert_eq!((told.name.as_str(), &told.data["state"]), ("reader.up", &json!("ready")));
    let (first, second) = (counter.shop.card("cafe10", 0), counter.shop.card("cafe10", 1));
    counter.scan(&first, &[]);
    assert_eq!(counter.told(&mut events).data["card"]["serial"], first["serial"]);
    // What is scanned while no daemon listens is not awarded when one starts.
    counter.shop.stop();
    counter.scan(&second, &[]);
    counter.shop.start(Start::Run);
    let mut events = counter.shop.events();
    let third = counter.shop.card("cafe10", 2);
    counter.scan(&third, &[]);
    assert_eq!(counter.told(&mut events).data["card"]["serial"], third["serial"]);
    assert_eq!(counter.shop.standing(serial(&second))["balance"], 0);
    // A device of another kind, and one that is not there, are said; the shop opens all the same.
    counter.shop.stop();
    let (line, shop) = (counter.name(), &counter.shop);
    shop.config_change(|text| text.replace(line.as_str().expect("a path"), "/dev/null"));
    counter.shop.start(Start::Run);
    let list = counter.shop.get("/v1/readers").expect(200);
    let scanner = list["readers"].as_array().expect("a list").iter().find(|reader| reader["name"] == "/dev/null");
    assert_eq!(scanner.expect("the scanner")["state"], "wrong_kind");
}

#[test]
fn symbologies_and_payloads_are_read_as_configured() {
    let keys = "kind = \"typed\"\nframing = { start = \"02\", end = \"03\", aim = true, \
                media = { A = \"apple_vas\", G = \"smart_tap\", Q = \"barcode\" } }";
    let counter = Counter::open(keys);
    let mut events = counter.shop.events();
    let cards: Vec<Value> = (0..4).map(|index| counter.shop.card("cafe10", index)).collect();
    let (nfc, tap, code) = ("nfc_message", "smart_tap_value", "barcode");
    // What is typed for a card, by which medium it counts and how much that proves; none for what is no such medium.
    type Case<'a> = (&'a str, usize, &'a str, Option<(&'a str, &'a str)>);
    let cases: [Case; 8] = [
        ("A|", 0, nfc, Some(("apple_vas", "B"))),
        ("G|", 1, tap, Some(("smart_tap", "B"))),
        ("Q|", 2, code, Some(("barcode", "C"))),
        ("Q|]Q1", 3, code, Some(("barcode", "C"))),
        ("A|", 3, code, None),
        ("Q|", 3, nfc, None),
        ("X|", 3, code, None),
        ("Q|A|", 3, nfc, None),
    ];
    for (sign, index, medium, expected) in cases {
        counter.line.write(format!("noise\x02{sign}{}\x03", text_of(&cards[index], medium)).as_bytes());
        let told = counter.told(&mut events).data;
        match expected {
            Some((medium, grade)) => {
                let facts = (&told["outcome"], &told["medium"], &told["grade"], &told["card"]["serial"]);
                let expected = (&json!("awarded"), &json!(medium), &json!(grade), &cards[index]["serial"]);
                assert_eq!(facts, expected, "{sign}{medium}");
            }
            None => assert_eq!(told["code"], "unknown_token", "{sign}{medium}: {told}"),
        }
    }
}

/// A shop whose second reader is a scanner that shows its codes as chips.
struct ChipCounter {
    pcscd: Pcscd,
    shop: Shop,
    events: Events,
}

impl ChipCounter {
    fn open(framing: &str) -> Self {
        let pcscd = Pcscd::start();
        let mut shop = Shop::with_readers(&pcscd);
        shop.stop();
        // In place of the demo's own scanner of that kind.
        let scanner = format!("[[scanner]]\nkind = \"pcsc\"\ndevice = \" 00 01$\"\nframing = {{ {framing} }}");
        shop.config_change(|text| {
            assert!(text.contains(CODE_SCANNER), "{text}");
            text.replace(CODE_SCANNER, &scanner)
        });
        shop.start(Start::Run);
        let events = shop.events();
        Self { pcscd, shop, events }
    }

    /// Shows it on that reader; what the shop told of it, and what the phone said.
    #[track_caller]
    fn shown(&mut self, wallet: &str, card: &Value, more: &[&str]) -> (Value, String) {
        reader_free(&self.shop, &self.pcscd, 1);
        let mut phone = self.shop.command(&["phone", "--wallet", wallet, "--card", serial(card)]);
        let port = self.pcscd.port(1).to_string();
        phone.arg("--demo").arg(self.shop.dir.join("demo.json")).args(["--reader-port", &port]).args(more);
        let output = phone.output().expect("the phone starts");
        assert!(output.stderr.is_empty() || more.contains(&"--fault"), "{}", String::from_utf8_lossy(&output.stderr));
        loop {
            let event = self.events.next().expect("an event");
            if event.name.starts_with("tap.") {
                assert_eq!(event.data["reader"], self.pcscd.reader(1));
                return (event.data, String::from_utf8_lossy(&output.stdout).into_owned());
            }
        }
    }
}

#[test]
fn a_code_that_comes_as_a_chip_is_a_scan_and_a_phone_on_that_reader_a_tap() {
    let mut counter = ChipCounter::open("atr = \"3B8001\"");
    let card = counter.shop.card("cafe10", 0);
    let (told, said) = counter.shown("barcode", &card, &[]);
    assert_eq!(
        (&told["outcome"], &told["medium"], &told["grade"]),
        (&json!("awarded"), &json!("barcode"), &json!("C")),
        "{said}"
    );
    assert_eq!((&told["card"]["scans"], &told["card"]["taps"]), (&json!(1), &json!(0)));
    assert!(told["timing_ms"]["first_apdu"].is_number(), "{told}");
    let card = counter.shop.card("cafe10", 1);
    for (fault, text) in [("damaged", "known"), ("ean", "goods"), ("wrong-medium", "known")] {
        let (told, said) = counter.shown("barcode", &card, &["--fault", fault]);
        assert_eq!(told["code"], "unknown_token", "{fault}: {said}");
        assert!(told["text"].as_str().is_some_and(|line| line.contains(text)), "{fault}: {told}");
    }
    let (told, said) = counter.shown("barcode", &card, &["--fault", "empty"]);
    assert_eq!(told["code"], "no_pass", "{said}");
    let card = counter.shop.card("cafe10", 2);
    let (told, said) = counter.shown("apple", &card, &[]);
    assert_eq!((&told["outcome"], &told["medium"]), (&json!("awarded"), &json!("apple_vas")), "{said}");
    assert_eq!((&told["card"]["scans"], &told["card"]["taps"]), (&json!(0), &json!(1)));
}

#[test]
fn a_chip_gives_its_code_in_an_object_and_a_rotating_one_as_well() {
    let mut counter = ChipCounter::open("atr = \"3B8001\", tlv = [\"53\"]");
    // Faults, and the code in which each ends; none for what is sound in an odd form.
    let cases: [(&[&str], &str, Option<&str>); 9] = [
        (&[], "barcode", None),
        (&["--fault", "tlv-long-form"], "barcode", None),
        (&["--fault", "tlv-padded=80"], "barcode", None),
        (&["--rotating"], "rotating_barcode", None),
        (&["--rotating", "--fault", "stale"], "rotating_barcode", Some("stale_token")),
        (&["--fault", "tlv-cut"], "", Some("no_pass")),
        (&["--fault", "tlv-other"], "", Some("no_pass")),
        (&["--fault", "tlv-endless"], "", Some("no_pass")),
        (&["--fault", "tlv-wrapped"], "", Some("no_pass")),
    ];
    for (index, (more, medium, code)) in cases.into_iter().enumerate() {
        let card = counter.shop.card("cafe10", index);
        let (told, said) = counter.shown("barcode", &card, &[more, &["--tlv", "53"]].concat());
        let outcome = if code.is_some() { "refused" } else { "awarded" };
        assert_eq!((&told["outcome"], &told["code"]), (&json!(outcome), &json!(code)), "{more:?}: {told}\n{said}");
        assert_eq!(told["medium"].as_str().unwrap_or_default(), medium, "{more:?}: {told}");
    }
    counter.shop.verify();
}

/// What a rotating barcode can have, and the code in which it ends; none for what is sound in an odd form.
const ROTATING_FAULTS: &[(&[&str], Option<&str>)] = &[
    (&[], None),
    (&["--fault", "rounded"], None),
    (&["--fault", "lower-case"], None),
    (&["--clock-shift", "-20"], None),
    (&["--fault", "clock-off=20"], None),
    (&["--fault", "stale"], Some("stale_token")),
    (&["--fault", "clock-off"], Some("stale_token")),
    (&["--clock-shift", "-120"], Some("stale_token")),
    (&["--fault", "forged-time"], Some("unknown_token")),
    (&["--fault", "wrong-secret"], Some("unknown_token")),
    (&["--fault", "damaged"], Some("unknown_token")),
    (&["--fault", "cut-code=40"], Some("unknown_token")),
];

#[test]
fn a_rotating_barcode_is_shown_without_a_phone_and_in_every_way_in_which_it_is_wrong() {
    let counter = Counter::open(SERIAL);
    let mut events = counter.shop.events();
    for (index, (more, code)) in ROTATING_FAULTS.iter().enumerate() {
        let card = counter.shop.card("cafe10", index);
        counter.scan(&card, &[&["--rotating"], *more].concat());
        let told = counter.told(&mut events).data;
        let outcome = if code.is_some() { "refused" } else { "awarded" };
        assert_eq!((&told["outcome"], &told["code"]), (&json!(outcome), &json!(code)), "{more:?}: {told}");
        if code.is_none() {
            assert_eq!((&told["medium"], &told["grade"]), (&json!("rotating_barcode"), &json!("B")), "{more:?}");
        }
    }
    // A picture of the screen is a code that was used. Within two seconds it would be the same presentation.
    let card = counter.shop.card("cafe10", ROTATING_FAULTS.len());
    let twice = ["--rotating", "--fault", "used-code", "--count", "2", "--every-ms", "2500"];
    counter.scan(&card, &twice);
    let (first, second) = (counter.told(&mut events).data, counter.told(&mut events).data);
    assert_eq!((&first["outcome"], &second["code"]), (&json!("awarded"), &json!("replayed")), "{second}");
    // The pass that the shop makes is all that the phone needs.
    let card = counter.shop.card("cafe10", ROTATING_FAULTS.len() + 1);
    let made = counter.shop.get(&format!("/v1/cards/{}/google", serial(&card))).expect(200);
    let file = counter.shop.dir.join("object.json");
    std::fs::write(&file, made.to_string()).expect("written");
    let scan = |more: &[&str]| {
        let mut phone = counter.shop.command(&["phone", "--wallet", "scan", "--file"]);
        phone.arg(&file).arg("--tty").arg(&counter.line.scanner).args(more);
        phone.output().expect("the phone starts")
    };
    assert!(scan(&["--rotating"]).status.success());
    let told = counter.told(&mut events).data;
    assert_eq!((&told["card"]["serial"], &told["medium"]), (&card["serial"], &json!("rotating_barcode")));
    assert!(scan(&[]).status.success());
    let told = counter.told(&mut events).data;
    assert_eq!((&told["outcome"], &told["medium"]), (&json!("already_counted"), &json!("barcode")), "{told}");
    // What cannot be asked for is told, with the remedy.
    for (more, told) in [
        (&["--clock-shift", "5"][..], "--rotating"),
        (&["--fault", "stale"][..], "--rotating"),
        (&["--tlv", "53"][..], "--wallet scan"),
    ] {
        let output = scan(more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(told), "{more:?}: {said}");
    }
    let listed = counter.shop.command(&["phone", "--list"]).output().expect("the phone starts");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in ["--rotating", "stale", "used-code", "wrong-secret", "clock-off", "forged-time", "tlv-cut"] {
        assert!(listed.contains(name), "{name}:\n{listed}");
    }
    counter.shop.verify();
}

#[test]
fn a_till_names_the_symbology_of_what_its_own_scanner_read() {
    let shop = Shop::open();
    let text = |index: usize| text_of(&shop.card("cafe10", index), "barcode").to_owned();
    let scan = |text: &str, symbology: &str| {
        let body = json!({ "till": "till-1", "text": text, "symbology": symbology });
        shop.post("/v1/scans", &body).token(&shop.token(By::Till)).send()
    };
    for (index, symbology) in ["]Q1", "qr_code", "PDF417", "unknown"].into_iter().enumerate() {
        let told = scan(&text(index), symbology).expect(200);
        assert_eq!((&told["outcome"], &told["medium"]), (&json!("awarded"), &json!("barcode")), "{symbology}");
    }
    // The scanner sends the identifier before the code, and escapes: both are taken off.
    let told = scan(&format!("]Q2\\000026{}", text(4)), "]Q2").expect(200);
    assert_eq!(told["outcome"], "awarded");
    // Goods by symbology alone: a UPC-A of twelve digits may be a serial by its form.
    for (code, symbology) in [("036000291452", "upc_a"), ("4006381333931", "EAN-13"), (&text(5), "GS1-128")] {
        let refused = scan(code, symbology).problem(409, "unknown_token");
        assert!(refused["text"].as_str().is_some_and(|line| line.contains("goods")), "{symbology}: {refused}");
    }
    // What contradicts itself is a mistake of the till program, and books nothing.
    let with_other = format!("]C0{}", text(5));
    for (code, symbology) in [(&text(5)[..], "ean_13"), (&with_other, "]Q1"), (&text(5), "banana"), (&text(5), "]Q")] {
        assert_eq!(scan(code, symbology).pointers(), ["/symbology"], "{symbology}");
    }
    assert_eq!(scan(&text(5), "]Q1").expect(200)["outcome"], "awarded");
    shop.verify();
}
