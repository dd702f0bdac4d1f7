//! Apple's passes as strangers read them: by the `openssl` command, Python's zipfile and unzip, by snapshots of what they
//! say, and by `stampd pass check`, which is led through passes that are wrong in each way.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use stampd::pure::domain::Now;
use stampd::pure::passes::bundle::{Draft, read};
use stampd::pure::passes::check::{Against, Report, Severity, check};
use stampd::pure::passes::{Blank, Face, Image, State, Text, apple, fill, preview};

use crate::support::passes::{NFC_KEY, OFFICE, ends_after, issuer, sample, samples, updates};

/// A folder of one test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("stampd-passes-{}", std::process::id())).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Runs a program that must succeed; returns what it printed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (scripts/setup.sh installs it)"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn judged(pass: &[u8]) -> Report {
    let expected = vec![(OFFICE.kind.issuer.pass_type_id.clone(), OFFICE.kind.issuer.team_id.clone())];
    check(pass, &Against { anchors: vec![OFFICE.root()], expected, now_s: OFFICE.now.wall_ms / 1_000 })
}

/// Compares with a file in tests/golden/passes; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/passes").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, text).expect("written");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        known == text,
        "{name} is another one than the snapshot; look at it, then run with UPDATE_GOLDEN=1:\n{text}"
    );
}

#[test]
fn what_each_programme_says_is_as_the_snapshots_have_it() {
    for sample in samples() {
        let draft = sample.draft(&issuer(), Some(&updates()));
        let text = draft.text("pass.json").expect("there");
        let pass: Value = serde_json::from_slice(text).expect("JSON");
        assert_eq!(text, pass.to_string().as_bytes(), "members by name, so that equal passes are equal bytes");
        golden(&format!("{}.pass.json", sample.programme), &format!("{pass:#}\n"));
        let strings = draft.text("de.lproj/pass.strings").expect("German");
        golden(&format!("{}.de.strings", sample.programme), &String::from_utf8_lossy(strings));
        // The pictures' hashes change with the artwork, which has tests of its own.
        let mut manifest: Value = serde_json::from_slice(draft.manifest()).expect("JSON");
        for (name, hash) in manifest.as_object_mut().expect("an object") {
            if name.ends_with(".png") {
                *hash = json!("…");
            }
        }
        golden(&format!("{}.manifest.json", sample.programme), &format!("{manifest:#}\n"));
    }
}

#[test]
fn strangers_accept_the_pass_of_every_programme() {
    for sample in samples() {
        let folder = folder(sample.programme);
        let pass = OFFICE.pass(&sample);
        std::fs::write(folder.join("card.pkpass"), &pass).expect("written");
        run("unzip", &["-tqq", "card.pkpass"], &folder);
        let listed = run(
            "python3",
            &[
                "-c",
                "import zipfile\nz = zipfile.ZipFile('card.pkpass')\nassert z.testzip() is None\n\
                 for i in z.infolist(): print(i.filename, i.compress_type, i.date_time == (1980, 1, 1, 0, 0, 0))\n\
                 z.extractall('seen')",
            ],
            &folder,
        );
        for line in listed.lines() {
            assert!(line.ends_with(" 0 True"), "stored, at the fixed time: {line}");
        }
        let ca = OFFICE.keys.join("ca.pem");
        let arguments = [
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            "seen/signature",
            "-content",
            "seen/manifest.json",
            "-CAfile",
            &ca.display().to_string(),
            "-purpose",
            "any",
            "-out",
            "verified",
        ];
        run("openssl", &arguments, &folder);
        let report = judged(&pass);
        let troubles: Vec<_> = report.findings.iter().filter(|one| one.severity != Severity::Note).collect();
        assert!(troubles.is_empty(), "{}: {troubles:#?}", sample.programme);
        assert_eq!(report.seen.serial, sample.face.serial.to_string());
        assert_eq!(report.seen.signed_at_s, Some(OFFICE.now.wall_ms.div_euclid(1_000)));
    }
}

/// Beside the samples: new, half-way and ready cards of each design, nameless, blocked, ended, and with names that are
/// longer and odder than a designer thinks of.
#[test]
fn every_state_of_every_design_is_accepted() {
    for sample in samples() {
        for preview::Sample { name, face } in preview::samples(&sample.design, "Zum \"Goldenen\" Löffel \\ & Söhne", 10)
        {
            let mut odd = face.clone();
            odd.member = Some("Zoë\u{202f}O’Neill “Z” 李 🙂".to_owned());
            odd.message = Some("50 % off:\n\"today\"; %@ {not a place}".to_owned());
            odd.title = "Ten % for a \"friend\"".to_owned();
            let states = [State::Blocked, State::Expired, State::Deleted].map(|state| {
                let ends = Some(ends_after(jiff::civil::date(2036, 3, 28)));
                Face { state, ends, member: None, ..face.clone() }
            });
            for face in [face, odd].into_iter().chain(states) {
                let draft = apple::draft(&OFFICE.kind.issuer, Some(&updates()), &sample.design, &face, sample.images());
                let report = judged(&OFFICE.signed(&draft.expect("a draft")));
                let troubles: Vec<_> = report.findings.iter().filter(|one| one.severity != Severity::Note).collect();
                assert!(troubles.is_empty(), "{} {name} {:?}: {troubles:#?}", sample.programme, face.state);
            }
        }
    }
}

#[test]
fn equal_states_differ_in_the_signature_only() {
    let draft = sample("cafe10").draft(&issuer(), None);
    let later = Now { wall_ms: OFFICE.now.wall_ms + 5_000, ..OFFICE.now.clone() };
    let sign = |now: &Now| draft.sign(&OFFICE.signer(), now).expect("signed");
    let (first, second) = (sign(&OFFICE.now), sign(&later));
    assert_eq!(first, sign(&OFFICE.now));
    assert_eq!(draft.manifest(), sample("cafe10").draft(&issuer(), None).manifest());
    for (one, other) in read(&first).expect("ours").iter().zip(read(&second).expect("ours")) {
        assert_eq!(one.name, other.name);
        assert_eq!(*one == other, one.name != "signature", "{}", one.name);
    }
}

#[test]
fn places_are_filled_in_the_language_of_their_text() {
    let (cafe, points, cashback) = (sample("cafe10"), sample("points"), sample("cashback3"));
    let serial = cafe.face.serial.grouped();
    for (card, text, tag, expected) in [
        (&cafe, "{done} of {goal}: {next_reward}", "en", Some("7 of 10: Free coffee")),
        (&cafe, "{next_reward} bis {next_expiry}", "de", Some("Gratis-Kaffee bis 22.12.2026")),
        (&cafe, "{serial}", "fr", Some(serial.as_str())),
        (&cafe, "{message}", "en", Some("–")),
        (&points, "{to_next_tier} to {next_tier}", "en", Some("820 to Gold")),
        (&cashback, "{balance}, {worth}", "de", Some("12,30, 12,30\u{a0}€")),
        (&cashback, "{worth} at {cashback_percent} %", "en", Some("€12.30 at 3 %")),
        (&cashback, "{to_next_tier} {ends}", "en", Some("€1259.00 30 Jun 2027")),
        (&cafe, "{tier}", "en", None),
        (&cafe, "x {worth}", "en", None),
        (&points, "{pending}", "en", None),
        (&cafe, "{ends}", "en", None),
        (&cafe, "{nonsense}", "en", None),
        (&cafe, "{", "en", None),
    ] {
        assert_eq!(fill::one(text, tag, &card.design, &card.face).as_deref(), expected, "{text}");
    }
    // Written once, filled in each language.
    let once = Text::from([("en".to_owned(), "{next_reward}".to_owned())]);
    assert_eq!(fill::all(&once, &cafe.design, &cafe.face)["de"], "Gratis-Kaffee");
    let german = Text::from([("de".to_owned(), "{tier}".to_owned()), ("en".to_owned(), "Level".to_owned())]);
    assert_eq!(fill::all(&german, &cafe.design, &cafe.face).into_keys().collect::<Vec<_>>(), ["en"]);
    assert_eq!(fill::sole_blank("{balance}"), Some(Blank::Balance));
    assert_eq!(fill::sole_blank("{balance} points"), None);
}

fn pass_json(draft: &Draft) -> Value {
    serde_json::from_slice(draft.text("pass.json").expect("there")).expect("JSON")
}

/// Keys of the fields that speak on the lock screen.
fn speaking(pass: &Value) -> Vec<&str> {
    let groups = pass["storeCard"].as_object().expect("groups").values();
    let fields = groups.flat_map(|group| group.as_array().expect("fields"));
    let speaks = fields.filter(|field| field.get("changeMessage").is_some());
    speaks.filter_map(|field| field["key"].as_str()).collect()
}

#[test]
fn a_field_speaks_where_the_customer_wants_to_hear() {
    let mut points = sample("points");
    let mut heard = |balance, tier| {
        (points.face.balance_speaks, points.face.tier_speaks) = (balance, tier);
        let pass = pass_json(&points.draft(&issuer(), None));
        let mut keys: Vec<String> = speaking(&pass).into_iter().map(str::to_owned).collect();
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(heard(true, true), "level message points");
    assert_eq!(heard(false, true), "level message");
    assert_eq!(heard(true, false), "message points");
    assert_eq!(heard(false, false), "message", "the shop's own words always come through");
    let cafe = pass_json(&sample("cafe10").draft(&issuer(), None));
    assert_eq!(speaking(&cafe), ["standing", "message"]);
}

#[test]
fn what_does_not_apply_is_left_out_and_what_ends_is_said() {
    let mut card = sample("cafe10");
    let keys = |pass: &Value| pass.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let plain = pass_json(&card.draft(&apple::Issuer { nfc_key: None, ..issuer() }, None));
    for absent in ["nfc", "webServiceURL", "authenticationToken", "expirationDate", "voided", "locations"] {
        assert!(!keys(&plain).contains(&absent.to_owned()), "{absent}");
    }
    assert_eq!(plain["barcodes"][0]["altText"], card.face.serial.grouped());
    assert_eq!(plain["barcodes"][0]["message"], card.face.codes.barcode.clone().expect("a code"));
    let nfc = pass_json(&card.draft(&issuer(), None))["nfc"].clone();
    assert_eq!(nfc["message"], card.face.codes.nfc_message.clone().expect("a code"), "a text of its own");
    for (state, voided) in
        [(State::Blocked, true), (State::Deleted, true), (State::Expired, false), (State::Live, false)]
    {
        card.face.state = state;
        assert_eq!(pass_json(&card.draft(&issuer(), None)).get("voided").is_some(), voided, "{state:?}");
    }
    card.face.ends = Some(ends_after(jiff::civil::date(2026, 3, 28)));
    assert_eq!(pass_json(&card.draft(&issuer(), None))["expirationDate"], "2026-03-29T00:00:00+01:00");
    card.face.codes.nfc_message = Some("x".repeat(65));
    let refused = apple::draft(&issuer(), None, &card.design, &card.face, card.images());
    assert_eq!(refused.map(|_| ()), Err(apple::AppleError::NfcMessage(65)));
    let refused = apple::draft(&issuer(), None, &card.design, &card.face, Vec::new());
    assert_eq!(refused.map(|_| ()), Err(apple::AppleError::NoIcon));
}

/// The worst finding that says something; panics when none does.
#[track_caller]
fn says(report: &Report, words: &str) -> Severity {
    let found = report.findings.iter().find(|finding| finding.what.contains(words));
    found.unwrap_or_else(|| panic!("nothing says '{words}': {:#?}", report.findings)).severity
}

/// A pass whose pass.json was changed before signing.
fn changed(change: &dyn Fn(&mut Map<String, Value>)) -> Vec<u8> {
    let card = sample("points");
    let draft = card.draft(&OFFICE.kind.issuer, Some(&updates()));
    let mut pass = pass_json(&draft);
    change(pass.as_object_mut().expect("an object"));
    let texts = vec![("pass.json".to_owned(), pass.to_string().into_bytes())];
    OFFICE.signed(&Draft::new(texts, card.images()))
}

type Change = fn(&mut Map<String, Value>);

#[test]
fn every_broken_rule_of_pass_json_is_told() {
    let cases: &[(&str, Change)] = &[
        ("formatVersion is not 1", |pass| pass["formatVersion"] = json!("1")),
        ("description is missing", |pass| drop(pass.remove("description"))),
        ("organizationName is empty", |pass| pass["organizationName"] = json!("")),
        ("the certificate says", |pass| pass["passTypeIdentifier"] = json!("pass.com.example.other")),
        ("the certificate says", |pass| pass["teamIdentifier"] = json!("ZZZZZZZZZZ")),
        ("it has no style", |pass| drop(pass.remove("storeCard"))),
        ("several styles", |pass| drop(pass.insert("coupon".into(), json!({})))),
        ("stands at two fields", |pass| pass["storeCard"]["backFields"][0]["key"] = json!("points")),
        ("has no value", |pass| pass["storeCard"]["headerFields"][0] = json!({ "key": "x" })),
        ("neither text nor number", |pass| pass["storeCard"]["headerFields"][0]["value"] = json!([1])),
        ("unknown numberStyle", |pass| pass["storeCard"]["primaryFields"][0]["numberStyle"] = json!("Decimal")),
        ("numberStyle and no number", |pass| pass["storeCard"]["primaryFields"][0]["value"] = json!("180")),
        ("currencyCode that is none", |pass| pass["storeCard"]["primaryFields"][0]["currencyCode"] = json!("euro")),
        ("dateStyle and no W3C date", |pass| {
            pass["storeCard"]["headerFields"][0]["dateStyle"] = json!("PKDateStyleShort")
        }),
        ("unknown dataDetectorTypes", |pass| pass["storeCard"]["backFields"][0]["dataDetectorTypes"] = json!(["x"])),
        ("shorter than 16", |pass| pass["authenticationToken"] = json!("short")),
        ("without authenticationToken", |pass| drop(pass.remove("authenticationToken"))),
        ("no web address", |pass| pass["webServiceURL"] = json!("cards.example")),
        ("is not known", |pass| pass["barcodes"][0]["format"] = json!("QR")),
        ("does not fit its encoding", |pass| pass["barcodes"][0]["message"] = json!("€")),
        ("no message", |pass| pass["barcodes"][0]["message"] = json!("")),
        ("no messageEncoding", |pass| drop(pass["barcodes"][0].as_object_mut().map(|it| it.remove("messageEncoding")))),
        ("nfc.message has 65 bytes", |pass| pass["nfc"]["message"] = json!("x".repeat(65))),
        ("no P-256 key", |pass| pass["nfc"]["encryptionPublicKey"] = json!("AAAA")),
        ("locations has 11", |pass| {
            drop(pass.insert("locations".into(), json!(vec![json!({"latitude": 1.0, "longitude": 1.0}); 11])))
        }),
        ("latitude is no number", |pass| {
            drop(pass.insert("locations".into(), json!([{"latitude": 91.0, "longitude": 1.0}])))
        }),
        ("no W3C date", |pass| drop(pass.insert("expirationDate".into(), json!("2026-12-31")))),
        ("neither true nor false", |pass| drop(pass.insert("voided".into(), json!("true")))),
        ("is no colour", |pass| pass["backgroundColor"] = json!("#102030")),
        ("semantics.balance", |pass| pass["semantics"]["balance"] = json!({ "amount": 5, "currencyCode": "EUR" })),
        ("appLaunchURL without", |pass| drop(pass.insert("appLaunchURL".into(), json!("x://")))),
    ];
    refused(cases);
}

/// Each change makes a pass that is refused with these words.
#[track_caller]
fn refused(cases: &[(&str, Change)]) {
    for (words, change) in cases {
        let report = judged(&changed(change));
        assert_eq!(says(&report, words), Severity::Error, "{words}");
        assert!(!report.is_good());
    }
}

#[test]
fn forms_of_values_are_judged_as_apple_documents_them() {
    refused(&[
        ("to which a path can be added", |pass| pass["webServiceURL"] = json!("https://cards.example/p?x=1")),
        ("to which a path can be added", |pass| pass["webServiceURL"] = json!("https:///passkit")),
        ("names no host", |pass| pass["webServiceURL"] = json!("https://")),
        ("signs that no header carries", |pass| pass["authenticationToken"] = json!("0123 4567 89ab cdef")),
        ("logoText is no text", |pass| pass["logoText"] = json!(7)),
        ("altText is no text", |pass| pass["barcodes"][0]["altText"] = json!(7)),
        ("longer than a QR code", |pass| pass["barcodes"][0]["message"] = json!("ä".repeat(2_954))),
        ("longer than a PDF417 code", |pass| {
            pass["barcodes"][0]["format"] = json!("PKBarcodeFormatPDF417");
            pass["barcodes"][0]["message"] = json!("x".repeat(1_109));
        }),
        ("Code 128 holds other letters", |pass| {
            pass["barcodes"][0]["format"] = json!("PKBarcodeFormatCode128");
            pass["barcodes"][0]["message"] = json!("Ä1");
        }),
        ("is not known", |pass| drop(pass.insert("barcode".into(), json!({ "format": "QR", "message": "x" })))),
        ("more bytes than the key", |pass| {
            let key = openssl::base64::decode_block(NFC_KEY).expect("base64");
            pass["nfc"]["encryptionPublicKey"] = json!(openssl::base64::encode_block(&[&key[..], b"x"].concat()));
        }),
        ("altitude is no number", |pass| place(pass, json!({ "latitude": 1.0, "longitude": 1.0, "altitude": "3" }))),
        ("relevantText is no text", |pass| {
            place(pass, json!({ "latitude": 1.0, "longitude": 1.0, "relevantText": "" }))
        }),
        ("relevantDate is no W3C date", |pass| drop(pass.insert("relevantDate".into(), json!("tomorrow")))),
        ("relevantDates is no list", |pass| drop(pass.insert("relevantDates".into(), json!({})))),
        ("neither one date nor a start", |pass| dated(pass, json!({ "startDate": "2026-12-01T10:00Z" }))),
        ("ends before it starts", |pass| {
            dated(pass, json!({ "startDate": "2026-12-01T10:00Z", "endDate": "2026-12-01T10:00+01:00" }))
        }),
        ("no list of numbers", |pass| drop(pass.insert("associatedStoreIdentifiers".into(), json!(["1"])))),
        ("userInfo is no object", |pass| drop(pass.insert("userInfo".into(), json!("x")))),
        ("semantics is no object", |pass| pass["semantics"] = json!([])),
        ("membershipProgramName is no text", |pass| pass["semantics"]["membershipProgramName"] = json!(1)),
        ("semantics.balance", |pass| pass["semantics"]["balance"] = json!({ "amount": "1e3", "currencyCode": "EUR" })),
        ("'klingon' is none of IANA's", |pass| pass["barcodes"][0]["messageEncoding"] = json!("klingon")),
        ("other tags than links", |pass| pass["storeCard"]["backFields"][0]["attributedValue"] = json!("<b>bold</b>")),
        ("currencyCode that is none of ISO 4217", |pass| {
            pass["storeCard"]["primaryFields"][0] = json!({ "key": "points", "value": 5, "currencyCode": "EUX" })
        }),
        ("semantics.balance", |pass| pass["semantics"]["balance"] = json!({ "amount": "1", "currencyCode": "EUX" })),
        ("voided is null", |pass| drop(pass.insert("voided".into(), Value::Null))),
        ("semantics that are no object", |pass| pass["storeCard"]["headerFields"][0]["semantics"] = json!("x")),
    ]);
}

fn place(pass: &mut Map<String, Value>, place: Value) {
    pass.insert("locations".into(), json!([place]));
}

fn dated(pass: &mut Map<String, Value>, date: Value) {
    pass.insert("relevantDates".into(), json!([date]));
}

#[test]
fn what_is_allowed_is_not_disliked() {
    let cases: &[Change] = &[
        |pass| dated(pass, json!({ "startDate": "2026-12-01T10:00Z", "endDate": "2026-12-01T12:00:30+01:00" })),
        |pass| dated(pass, json!({ "date": "2026-12-01T10:00:00-05:00" })),
        |pass| drop(pass.insert("expirationDate".into(), json!("2036-12-31T23:59+01:00"))),
        |pass| drop(pass.insert("userInfo".into(), json!({ "nothing": null }))),
        |pass| drop(pass.insert("associatedStoreIdentifiers".into(), json!([123_456_789]))),
        |pass| pass["semantics"]["balance"] = json!({ "amount": "-12.30", "currencyCode": "CHF" }),
        |pass| pass["barcodes"][0]["message"] = json!("ä".repeat(2_953)),
        |pass| place(pass, json!({ "latitude": -90, "longitude": 180.0, "altitude": 3, "relevantText": "Here" })),
        |pass| {
            let link = json!("<a href=\"https://cards.example\">Card</a>");
            pass["storeCard"]["backFields"][0]["attributedValue"] = link;
        },
    ];
    for (number, change) in cases.iter().enumerate() {
        let report = judged(&changed(change));
        let disliked: Vec<_> = report.findings.iter().filter(|one| one.severity != Severity::Note).collect();
        assert!(disliked.is_empty(), "case {number}: {disliked:#?}");
    }
}

#[test]
fn what_wallet_would_dislike_is_told_as_a_warning() {
    let field = json!({ "key": "extra", "value": 1 });
    let more = |group: &str, pass: &mut Map<String, Value>| {
        let list = pass["storeCard"][group].as_array_mut().expect("fields");
        for number in 0..4 {
            let mut one = field.clone();
            one["key"] = json!(format!("{group}{number}"));
            list.push(one);
        }
    };
    type Change<'c> = &'c dyn Fn(&mut Map<String, Value>);
    let cases: &[(&str, Change)] = &[
        ("a store card shows 3", &|pass| more("headerFields", pass)),
        ("a store card shows 4", &|pass| more("secondaryFields", pass)),
        ("without %@", &|pass| pass["storeCard"]["headerFields"][0]["changeMessage"] = json!("changed")),
        ("was not filled", &|pass| pass["storeCard"]["headerFields"][0]["value"] = json!("{tier}")),
        ("has no effect there", &|pass| {
            pass["storeCard"]["primaryFields"][0]["textAlignment"] = json!("PKTextAlignmentLeft")
        }),
        ("hard to read", &|pass| pass["foregroundColor"] = pass["backgroundColor"].clone()),
        ("plain http", &|pass| pass["webServiceURL"] = json!("http://cards.example")),
        ("ends in /v1", &|pass| pass["webServiceURL"] = json!("https://cards.example/v1/")),
        ("neither barcode nor NFC", &|pass| {
            pass.remove("nfc");
            pass.remove("barcodes");
        }),
        ("other signs than", &|pass| pass["serialNumber"] = json!("a b/c")),
        ("not the form of a team", &|pass| pass["teamIdentifier"] = json!("team")),
        ("may not be known to every phone", &|pass| pass["barcodes"][0]["messageEncoding"] = json!("utf-16")),
        ("which a watch does not show", &|pass| pass["barcodes"][0]["format"] = json!("PKBarcodeFormatCode128")),
        ("maxDistance without locations", &|pass| drop(pass.insert("maxDistance".into(), json!(50)))),
        ("signs that no phone shows", &|pass| pass["logoText"] = json!("Caf\u{7}")),
        ("a % beside %@", &|pass| pass["storeCard"]["headerFields"][0]["changeMessage"] = json!("50 % of %@")),
        ("several %@", &|pass| pass["storeCard"]["headerFields"][0]["changeMessage"] = json!("%@ %@")),
        ("which no country uses", &|pass| {
            pass["storeCard"]["primaryFields"][0] = json!({ "key": "points", "value": 5, "currencyCode": "XTS" })
        }),
        ("neither its date nor its time", &|pass| {
            let none = json!({ "key": "level", "value": "2026-12-01T10:00:00Z", "dateStyle": "PKDateStyleNone" });
            pass["storeCard"]["headerFields"][0] = none;
        }),
        ("as machines write it", &|pass| pass["storeCard"]["headerFields"][0]["value"] = json!("2026-12-01T10:00:00Z")),
        ("isRelative and no date", &|pass| pass["storeCard"]["headerFields"][0]["isRelative"] = json!(true)),
    ];
    for (words, change) in cases {
        assert_eq!(says(&judged(&changed(change)), words), Severity::Warning, "{words}");
    }
}

/// A draft of the sample with other files; unsigned files are told by the manifest, signed ones by their own rules.
#[test]
fn files_that_do_not_belong_are_told() {
    let card = sample("cafe10");
    let draft = card.draft(&OFFICE.kind.issuer, Some(&updates()));
    let pass = ("pass.json".to_owned(), draft.text("pass.json").expect("there").to_vec());
    let with = |texts: Vec<(&str, &[u8])>, images: Vec<Image>| {
        let more = texts.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
        judged(&OFFICE.signed(&Draft::new(std::iter::once(pass.clone()).chain(more).collect(), images)))
    };
    let without = |name: &str| card.images().into_iter().filter(|image| image.name != name).collect::<Vec<_>>();
    assert_eq!(says(&with(vec![], without("icon.png")), "icon.png is missing"), Severity::Error);
    assert_eq!(says(&with(vec![], without("icon@2x.png")), "icon@2x.png is missing"), Severity::Warning);
    let mut images = without("logo.png");
    images.push(Image::new("logo.png", b"GIF89a".to_vec()));
    assert_eq!(says(&with(vec![], images), "no PNG"), Severity::Error);
    let mut images = without("icon.png");
    let wrong = card.images().into_iter().find(|image| image.name == "icon@2x.png").expect("there");
    images.push(Image::new("icon.png", wrong.bytes.to_vec()));
    assert_eq!(says(&with(vec![], images), "it is 58×58, Wallet wants 29×29"), Severity::Warning);
    for (name, bytes, words, severity) in [
        (".DS_Store", &b"x"[..], "leftover", Severity::Error),
        ("folder/notes.txt", b"x", "no file of a pass lies there", Severity::Warning),
        ("readme.txt", b"x", "does not look at it", Severity::Warning),
        ("de.lproj/pass.strings", b"\"a\" = \"b\"", "there is no ;", Severity::Error),
        ("de.lproj/pass.strings", b"\"a\" = \"b\";", "no en.lproj", Severity::Warning),
        ("de.lproj/pass.strings", b"\"Now %@\" = \"Jetzt\";", "another number of %@", Severity::Error),
        ("de.lproj/pass.strings", b"\"a\" = \"{tier}\";", "a place that was not filled", Severity::Warning),
        ("german.lproj/pass.strings", b"\"a\" = \"b\";", "'german' is no language", Severity::Warning),
        ("de.lproj/pass.strings", b"\"a\" = \"b\";", "1 of its texts do not stand in pass.json", Severity::Note),
    ] {
        assert_eq!(says(&with(vec![(name, bytes)], card.images()), words), severity, "{name}");
    }
    let tables = vec![
        ("en.lproj/pass.strings", &b"\"field.member.label\" = \"Member\";"[..]),
        ("de.lproj/pass.strings", b"\"a\" = \"b\";"),
    ];
    assert_eq!(says(&with(tables, card.images()), "it lacks 1 texts"), Severity::Warning);
}

/// Pictures of the sample with one more, or one in another's place.
#[test]
fn pictures_come_in_every_scale_and_for_every_language() {
    let card = sample("cafe10");
    let draft = card.draft(&OFFICE.kind.issuer, Some(&updates()));
    let bytes = |name: &str| card.images().iter().find(|image| image.name == name).expect("there").bytes.to_vec();
    let with = |change: &dyn Fn(&mut Map<String, Value>), remove: &[&str], add: Vec<(&str, Vec<u8>)>| {
        let mut pass = pass_json(&draft);
        change(pass.as_object_mut().expect("an object"));
        let mut images = card.images();
        images
            .retain(|image| !remove.contains(&image.name.as_str()) && add.iter().all(|(name, _)| *name != image.name));
        images.extend(add.into_iter().map(|(name, bytes)| Image::new(name, bytes)));
        judged(&OFFICE.signed(&Draft::new(vec![("pass.json".to_owned(), pass.to_string().into_bytes())], images)))
    };
    let same = |_: &mut Map<String, Value>| ();
    let cut = bytes("strip@2x.png")[..500].to_vec();
    for (remove, add, words, severity) in [
        (&["strip@3x.png"][..], vec![], "strip@3x.png is missing", Severity::Warning),
        (&[], vec![("thumbnail.png", bytes("icon.png"))], "a store card does not show it", Severity::Warning),
        (&[], vec![("de.lproj/footer.png", bytes("icon.png"))], "for de.lproj alone", Severity::Warning),
        (&[], vec![("logo@2x.png", bytes("logo.png"))], "2 times logo.png is", Severity::Warning),
        (&[], vec![("other.png", bytes("icon.png"))], "does not look at it", Severity::Warning),
        (&[], vec![("strip@2x.png", cut)], "a PNG that is cut off", Severity::Error),
    ] {
        assert_eq!(says(&with(&same, remove, add), words), severity, "{words}");
    }
    let logos = ["logo.png", "logo@2x.png", "logo@3x.png"];
    let nameless = with(&|pass| drop(pass.remove("logoText")), &logos, vec![]);
    assert_eq!(says(&nameless, "neither logo.png nor logoText"), Severity::Warning);
    let named = with(&|pass| drop(pass.insert("logoText".into(), json!("Café"))), &logos, vec![]);
    assert!(named.findings.iter().all(|one| one.severity == Severity::Note), "{:#?}", named.findings);
}

/// What becomes of a file by name and bytes; none leaves it out.
type Repack<'r> = dyn Fn(&str, Vec<u8>) -> Option<(String, Vec<u8>)> + 'r;

/// Files packed anew after signing, the signature kept.
fn repacked(change: &Repack) -> Report {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in read(&OFFICE.pass(&sample("cashback3"))).expect("ours") {
        if let Some((name, bytes)) = change(&file.name, file.bytes) {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("started");
            writer.write_all(&bytes).expect("written");
        }
    }
    judged(&writer.finish().expect("finished").into_inner())
}

#[test]
fn a_pass_that_was_changed_after_signing_is_refused() {
    assert!(repacked(&|name, bytes| Some((name.to_owned(), bytes))).is_good(), "another zip of the same files");
    let altered = |wanted: &'static str, change: fn(Vec<u8>) -> Option<Vec<u8>>| {
        repacked(&move |name, bytes| {
            let bytes = if name == wanted { change(bytes)? } else { bytes };
            Some((name.to_owned(), bytes))
        })
    };
    let swapped = |bytes: Vec<u8>| Some(String::from_utf8_lossy(&bytes).replace("12.3", "99.3").into_bytes());
    says(&altered("pass.json", swapped), "the hash of pass.json is not that of the file");
    says(&altered("strip@2x.png", |_| None), "strip@2x.png is listed and not there");
    says(&altered("manifest.json", |_| Some(b"{}".to_vec())), "is not listed");
    let report = altered("manifest.json", |mut bytes| {
        bytes.push(b'\n');
        Some(bytes)
    });
    says(&report, "message digest is not that of manifest.json");
    says(&report, "it does not verify");
    says(&altered("signature", |_| Some(b"junk".to_vec())), "no CMS signature");
    says(&altered("signature", |_| None), "signature is missing");
    says(&altered("pass.json", |bytes| Some([b"\xEF\xBB\xBF", &bytes[..]].concat())), "byte order mark");
    says(&altered("pass.json", |_| Some(br#"{"a":1,"a":2}"#.to_vec())), "twice");
    let last = altered("signature", |mut bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        Some(bytes)
    });
    says(&last, "it does not verify");
    says(&repacked(&|name, bytes| Some((format!("card/{name}"), bytes))), "pass.json is missing");
}

#[test]
fn a_signature_of_another_form_is_told() {
    let altered = |from: &'static [u8], to: &'static [u8]| {
        repacked(&move |name, mut bytes| {
            if name == "signature" {
                let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
                bytes[at..at + to.len()].copy_from_slice(to);
            }
            Some((name.to_owned(), bytes))
        })
    };
    // The version comes first; what was signed (RFC 5652 section 5.2) before the certificates.
    let version = altered(&[0x02, 0x01, 0x01], &[0x02, 0x01, 0x03]);
    assert_eq!(says(&version, "it is of version 3 and 1"), Severity::Error);
    const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
    const DIGESTED: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x05];
    assert_eq!(says(&altered(DATA, DIGESTED), "over content 1.2.840.113549.1.7.5"), Severity::Error);
    let longer = repacked(&|name, mut bytes| {
        bytes.extend_from_slice(if name == "signature" { b"more" } else { b"" });
        Some((name.to_owned(), bytes))
    });
    assert_eq!(says(&longer, "4 bytes after the signature"), Severity::Error);
    let errors = longer.findings.iter().filter(|one| one.severity == Severity::Error).count();
    assert_eq!(errors, 1, "and it verifies: {:#?}", longer.findings);
}

/// A manifest and a pass.json of any size are judged in time that grows with them, and nobody reads a million lines.
#[test]
fn many_findings_are_counted_and_the_worst_are_kept() {
    let ghosts: Map<String, Value> = (0..20_000).map(|number| (format!("ghost{number}.png"), json!("00"))).collect();
    let ghosts = Value::Object(ghosts).to_string();
    let report = repacked(&|name, bytes| {
        Some((name.to_owned(), if name == "manifest.json" { ghosts.clone().into_bytes() } else { bytes }))
    });
    assert_eq!(says(&report, "it lists 20000 files, at most 500 are read"), Severity::Error);
    assert!(report.findings.len() < 10, "{:#?}", report.findings);
    let many = |pass: &mut Map<String, Value>| {
        let nulls = (0..30_000).map(|number| (format!("{number}"), Value::Null)).collect::<Map<String, Value>>();
        pass.insert("\u{1b}[2J".repeat(100_000), Value::Null);
        pass.insert("many".to_owned(), Value::Object(nulls));
        (0..300).for_each(|number| drop(pass.insert(format!("unknown{number}"), json!(1))));
    };
    let report = judged(&changed(&many));
    assert_eq!(report.findings.len(), 100);
    assert!(report.findings.iter().all(|one| one.severity == Severity::Error && one.what.len() < 1_000));
    assert!(report.more > 29_000 && !report.is_good(), "{}", report.more);
    let told = format!("{:?}", report.findings);
    assert!(!told.contains("\\u{1b}"), "escapes are written out: {}", &told[..1_000]);
}

/// Texts in many languages: a table is not compared with all others.
#[test]
fn many_languages_are_judged_together() {
    let card = sample("cafe10");
    let draft = card.draft(&OFFICE.kind.issuer, None);
    let mut pass = pass_json(&draft);
    pass["userInfo"] = json!({ "label": "Ghost" });
    let mut texts = vec![("pass.json".to_owned(), pass.to_string().into_bytes())];
    for number in 0..400 {
        let table: String = (0..200).map(|line| format!("\"{number}.{line}\" = \"x\";\n")).collect();
        let more = if number == 7 { "\"Ghost\" = \"Geist\";" } else { "" };
        texts.push((format!("aa-{number}x.lproj/pass.strings"), (table + more).into_bytes()));
    }
    let report = judged(&OFFICE.signed(&Draft::new(texts, card.images())));
    assert_eq!(says(&report, "it lacks 1 texts that another language has, as \"Ghost\""), Severity::Warning);
    assert_eq!(says(&report, "no en.lproj"), Severity::Warning);
}

#[test]
fn truncated_and_hostile_bytes_are_judged_without_panic() {
    let pass = OFFICE.pass(&sample("cafe10"));
    for cut in (0..pass.len()).step_by(997) {
        assert!(!judged(&pass[..cut]).is_good(), "cut at {cut}");
    }
    let signature = read(&pass).expect("ours").pop().expect("the last").bytes;
    for at in (0..signature.len()).step_by(29) {
        repacked(&|name, mut bytes| {
            if name == "signature" {
                bytes[at] ^= 0x20;
            }
            Some((name.to_owned(), bytes))
        });
    }
}

#[test]
fn the_chain_is_judged_against_the_roots_that_are_given() {
    let pass = OFFICE.pass(&sample("cafe10"));
    let now_s = OFFICE.now.wall_ms / 1_000;
    let with = |anchors: Vec<Vec<u8>>, now_s| check(&pass, &Against { anchors, expected: Vec::new(), now_s });
    let wwdr = std::fs::read(OFFICE.keys.join("wwdr.pem")).expect("the intermediate");
    assert!(with(vec![wwdr], now_s).is_good(), "a shop's own intermediate will do");
    assert_eq!(says(&with(Vec::new(), now_s), "whether that is Apple's was not judged"), Severity::Warning);
    let stranger = include_bytes!("golden/passes/stranger.pem").to_vec();
    assert_eq!(says(&with(vec![stranger], now_s), "the chain does not hold"), Severity::Error);
    let over = with(vec![OFFICE.root()], now_s + 400 * 86_400);
    assert_eq!(says(&over, "installed passes go on, new ones fail"), Severity::Error);
    assert_eq!(says(&with(vec![OFFICE.root()], now_s - 7_200), "which is to come"), Severity::Warning);
}

/// Wallet translates every text that equals a key: a customer may be called like a label, and like a key.
#[test]
fn no_value_of_a_card_is_translated_by_accident() {
    let mut card = sample("points");
    let shown = |card: &crate::support::passes::Sample| {
        let draft = card.draft(&issuer(), None);
        let strings = String::from_utf8_lossy(draft.text("de.lproj/pass.strings").expect("German")).into_owned();
        let back = pass_json(&draft)["storeCard"]["backFields"].as_array().expect("fields").clone();
        let member = back.into_iter().find(|field| field["key"] == "member").expect("a member");
        let value = member["value"].as_str().expect("a text").to_owned();
        let line = strings.lines().find(|line| line.starts_with(&format!("\"{value}\" = "))).map(str::to_owned);
        (value, line)
    };
    card.face.member = Some("Member".to_owned());
    assert_eq!(shown(&card), ("Member".to_owned(), None));
    card.face.member = Some("field.member.label".to_owned());
    let kept = "\"field.member.value\" = \"field.member.label\";".to_owned();
    assert_eq!(shown(&card), ("field.member.value".to_owned(), Some(kept)));
    // What speaks has another value in pass.json when it says another thing.
    let mut cafe = sample("cafe10");
    let mut standing = |done: i64| {
        cafe.face.next_reward.as_mut().expect("a way").done = done;
        let back = pass_json(&cafe.draft(&issuer(), None))["storeCard"]["backFields"][0].clone();
        assert_eq!(back["key"], "standing");
        back["value"].to_string()
    };
    assert_ne!(standing(7), standing(8));
}
