//! Google's payloads against Google's own description of them: every sample of every design, and every programme of a
//! running shop, is walked along the discovery document; what that document says in prose only stands in a table that was
//! reviewed by hand. Save links and the grant assertion are verified by the `openssl` command.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use openssl::base64::decode_block;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde_json::{Value, json};
use stampd::base::config::design::{SHIPPED, shipped_design};
use stampd::pure::domain::Moment;
use stampd::pure::passes::google::{Issuer, class, class_id, object, object_id};
use stampd::pure::passes::jwt::{AccountError, LINK_MAX, LinkTerms, Load, SAVE_URL, SPARED, SaveKind, ServiceAccount};
use stampd::pure::passes::preview::{Sample, samples};
use stampd::pure::passes::{Codes, Design, Face, Rotating, State};

use crate::support::discovery::Discovery;
use crate::support::shop::Shop;

fn issuer() -> Issuer {
    Issuer {
        issuer_id: 3_388_000_000_012_345_678,
        smart_tap: true,
        logo_url: Some("https://cards.example/logo.png".to_owned()),
        image_url: Some("https://cards.example/{design}/{state}.png".to_owned()),
    }
}

fn designs() -> Vec<Design> {
    SHIPPED.iter().map(|(name, _)| shipped_design(name).expect("it ships").expect("it reads")).collect()
}

/// Samples with everything that a card can have.
fn samples_of(design: &Design) -> Vec<Sample> {
    let mut all = samples(design, "Café Demo", 10);
    let last = all.last_mut().expect("a sample");
    last.face.message = Some("Closed on Monday".to_owned());
    last.face.ends =
        Some(Moment { ms: 1_830_204_000_000, zone: jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone") });
    last.face.codes = Codes {
        barcode: Some("LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y".to_owned()),
        nfc_message: None,
        smart_tap_value: Some("LC1051KHJRWBN12GP2VVAWW7RJHTZ41RQTCY3Z7Y".to_owned()),
        rotating: Some(Rotating {
            pattern: "LC22T4BQHB87VVF9SE6ZHZG{totp_timestamp_seconds}{totp_value_0}".to_owned(),
            key: vec![0xA5; 32],
            digits: 8,
            period_ms: 30_000,
        }),
    };
    all
}

/// Compares with a file in tests/golden/google; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, value: &Value) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/google").join(name);
    let text = format!("{value:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, &text).expect("written");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "{name} is another one; look at it, then run with UPDATE_GOLDEN=1:\n{text}");
}

#[test]
fn every_payload_is_as_the_snapshots_have_it_and_as_google_describes_it() {
    let discovery = Discovery::open();
    for design in designs() {
        for Sample { name, face } in samples_of(&design) {
            let (class, object) = (class(&issuer(), &design, &face), object(&issuer(), &design, &face));
            discovery.check("LoyaltyClass", &class);
            discovery.check("LoyaltyObject", &object);
            assert_eq!(object["classId"], class["id"]);
            golden(&format!("{}-{name}.json", design.name), &json!({ "class": class, "object": object }));
        }
    }
}

#[test]
fn the_schemas_are_those_that_were_reviewed() {
    Discovery::open().reviewed();
}

#[test]
fn the_walker_finds_what_is_wrong() {
    let discovery = Discovery::open();
    let design = &designs()[0];
    let face = &samples_of(design)[2].face;
    let good = object(&issuer(), design, face);
    let cases: [(&str, Value, &str); 9] = [
        ("/acountId", json!("x"), "unknown property"),
        ("/state", json!("active"), "deprecated"),
        ("/state", json!("GONE"), "is none of"),
        ("/hasUsers", json!(true), "Google sets it"),
        ("/rotatingBarcode/totpDetails/periodMillis", json!(30_000), "int64 as string"),
        ("/secondaryLoyaltyPoints/balance/int", json!(3_000_000_000_i64), "int32"),
        ("/loyaltyPoints/balance/int", json!(7), "exactly one"),
        ("/accountId", json!("more than twenty characters"), "characters"),
        ("/classId", Value::Null, "null"),
    ];
    for (pointer, value, expected) in cases {
        let mut wrong = good.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        wrong.pointer_mut(parent).expect("a parent")[key] = value;
        let said = discovery.faults("LoyaltyObject", &wrong).join("\n");
        assert!(said.contains(expected), "{pointer}: {said}");
    }
    let forms: [(&str, Value, &str); 16] = [
        ("/rotatingBarcode/totpDetails/parameters/0/key", json!("a5a5"), "base16"),
        ("/rotatingBarcode/totpDetails/parameters/0/valueLength", json!(10), "6 to 8 digits"),
        ("/rotatingBarcode/valuePattern", json!("{totp_value_1}"), "do not fit"),
        ("/rotatingBarcode/type", json!("AZTEC"), "callers send one of"),
        ("/rotatingBarcode/totpDetails/periodMillis", json!("0"), "is a time"),
        ("/barcode", Value::Null, "needs a plain one"),
        ("/smartTapRedemptionValue", json!("Ä"), "is ASCII"),
        ("/smartTapRedemptionValue", good["barcode"]["value"].clone(), "another medium's text"),
        ("/classId", json!("7.x"), "two issuers"),
        ("/loyaltyPoints/balance", json!({ "money": { "currencyCode": "eur", "micros": "1" } }), "ISO 4217"),
        ("/loyaltyPoints/localizedLabel/defaultValue/language", json!("English"), "no language tag"),
        ("/loyaltyPoints/localizedLabel/translatedValues/0/language", json!("en"), "twice"),
        ("/validTimeInterval/start", json!({ "date": "2026-01-01T00:00:00" }), "one end alone"),
        ("/validTimeInterval/end", json!({ "date": "2020-01-01T00:00:00Z" }), "before it starts"),
        ("/textModulesData/0/id", json!("a.b"), "letters, digits"),
        ("/linksModuleData/uris/0/uri", json!("cards.example"), "with a scheme"),
    ];
    for (pointer, value, expected) in forms {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in {good:#}")) = value;
        let said = discovery.faults("LoyaltyObject", &wrong).join("\n");
        assert!(said.contains(expected), "{pointer}: {said}");
    }
    let mut short = good;
    short.as_object_mut().expect("an object").remove("classId");
    assert!(discovery.faults("LoyaltyObject", &short).join("\n").contains("classId is required"));
}

#[test]
fn payloads_of_every_programme_of_a_shop_are_as_google_describes_them() {
    let discovery = Discovery::open();
    let shop = Shop::open();
    let programmes: BTreeSet<&str> =
        shop.sheet["cards"].as_array().expect("cards").iter().filter_map(|card| card["programme"].as_str()).collect();
    assert!(programmes.len() >= 4, "{programmes:?}");
    let public = std::fs::read(shop.sheet["google"]["jwt_public_key_file"].as_str().expect("a path")).expect("a key");
    for programme in programmes {
        let card = shop.card(programme, 0);
        let made = shop.get(&format!("/v1/cards/{}/google", card["serial"].as_str().expect("a serial"))).expect(200);
        discovery.check("LoyaltyClass", &made["class"]);
        discovery.check("LoyaltyObject", &made["object"]);
        assert_eq!(made["object"]["smartTapRedemptionValue"], card["smart_tap_value"]);
        assert_eq!(made["object"]["barcode"]["value"], card["barcode"]);
        assert!(made["object"]["rotatingBarcode"].is_object(), "{programme} has a rotating barcode");
        let link = made["save_url"].as_str().expect("a link");
        let token = link.strip_prefix(SAVE_URL).expect("Google's address");
        assert!(token.len() <= LINK_MAX, "{} characters", token.len());
        assert_eq!(made["save_kind"], "fat", "{programme}");
        let claims = verified(token, &public);
        assert_eq!((&claims["aud"], &claims["typ"]), (&json!("google"), &json!("savetowallet")));
        assert_eq!(claims["iss"], shop.sheet["google"]["service_account_email"]);
        let saved = &claims["payload"]["loyaltyObjects"][0];
        for part in ["id", "validTimeInterval"] {
            assert_eq!(saved[part], made["object"][part], "{programme}");
        }
        assert_eq!(saved["rotatingBarcode"]["totpDetails"], made["object"]["rotatingBarcode"]["totpDetails"]);
        let asked = |kind: &str| {
            let made = shop.get(&format!("/v1/cards/{}/google?link={kind}", card["serial"].as_str().expect("text")));
            made.expect(200)
        };
        assert_eq!((&asked("thin")["save_kind"], &asked("fat")["save_kind"]), (&json!("thin"), &json!("fat")));
        let thin = asked("thin")["save_url"].as_str().expect("a link").len();
        assert!(thin < link.len(), "{thin}");
    }
    let card = shop.card("cafe10", 1);
    let serial = card["serial"].as_str().expect("a serial");
    shop.entry(serial, &json!({ "kind": "stamps", "count": 3 }));
    let object = &shop.get(&format!("/v1/cards/{serial}/google")).expect(200)["object"];
    assert_eq!(object["loyaltyPoints"]["balance"]["string"], "4/10", "three, and one for the first visit");
    let picture = object["heroImage"]["sourceUri"]["uri"].as_str().expect("a picture");
    assert!(picture.starts_with("https://cards.example/stamps/stamps-4of10-ready0-"), "{picture}");
    shop.get(&format!("/v1/cards/{serial}/google?link=slim")).problem(422, "invalid");
}

/// Names longer and odder than a designer thinks of, a design whose folder has another alphabet, and every state.
#[test]
fn odd_names_and_every_state_are_as_google_describes_them() {
    let discovery = Discovery::open();
    for mut design in designs() {
        for Sample { face, .. } in samples(&design, "Zum „Goldenen“ Löffel & Söhne, am Markt", 10) {
            for state in [State::Live, State::Blocked, State::Expired, State::Deleted] {
                let mut face = Face { state, ..face.clone() };
                face.member = Some("Maximiliane-Charlotte von Hohenstein 🙂".to_owned());
                face.title = "Die Karte für alle, die gern wiederkommen".to_owned();
                face.message = Some("50 % off:\n\"today\"".to_owned());
                face.since = jiff::civil::date(2026, 3, 1);
                let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
                // In summer, when the offset is another than on the day of issue.
                face.ends = Some(Moment { ms: 1_782_856_800_000, zone });
                design.name = "Café 10/%{count}".to_owned();
                let (class, object) = (class(&issuer(), &design, &face), object(&issuer(), &design, &face));
                discovery.check("LoyaltyClass", &class);
                discovery.check("LoyaltyObject", &object);
                let picture = object["heroImage"]["sourceUri"]["uri"].as_str().expect("a picture");
                assert!(picture.starts_with("https://cards.example/Caf%C3%A9%2010%2F%25%7Bcount%7D/"), "{picture}");
            }
        }
    }
}

#[test]
fn ids_are_stable_and_a_level_has_a_class_of_its_own() {
    let points = shipped_design("points").expect("it ships").expect("it reads");
    let all = samples_of(&points);
    let ids: BTreeSet<String> = all.iter().map(|sample| class_id(&issuer(), &sample.face)).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let mut face = all[0].face.clone();
    for name in ["Größe 1", "Größe_1", "Gr.e", ""] {
        face.tier.as_mut().expect("a level").name = name.to_owned();
        let id = class_id(&issuer(), &face);
        assert!(id.chars().all(plain) && id.starts_with("3388000000012345678."), "{id}");
    }
    for state in [State::Live, State::Blocked, State::Expired, State::Deleted] {
        face.state = state;
        assert_eq!(object_id(&issuer(), &face), format!("3388000000012345678.{}", face.serial));
        let expected = match state {
            State::Live => "ACTIVE",
            State::Expired => "EXPIRED",
            State::Blocked | State::Deleted => "INACTIVE",
        };
        assert_eq!(object(&issuer(), &points, &face)["state"], expected);
    }
}

#[test]
fn without_addresses_and_smart_tap_nothing_of_them_is_said() {
    let bare = Issuer { issuer_id: 1, smart_tap: false, logo_url: None, image_url: None };
    let design = &designs()[0];
    let face = &samples_of(design)[2].face;
    let (class, object) = (class(&bare, design, face), object(&bare, design, face));
    for (payload, names) in [
        (&class, &["programLogo", "heroImage", "enableSmartTap", "redemptionIssuers"][..]),
        (&object, &["heroImage", "smartTapRedemptionValue"][..]),
    ] {
        assert!(names.iter().all(|name| payload.get(name).is_none()), "{payload:#}");
    }
    let fixed = Issuer { image_url: Some("https://cards.example/hero.png".to_owned()), ..bare };
    let class = stampd::pure::passes::google::class(&fixed, design, face);
    assert_eq!(class["heroImage"]["sourceUri"]["uri"], "https://cards.example/hero.png");
}

/// A service account with a key of its own, and the public half in PEM.
fn account() -> (ServiceAccount, Vec<u8>) {
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let pem = key.private_key_to_pem_pkcs8().expect("PEM");
    let file = json!({
        "type": "service_account", "client_email": "wallet@cafe-nord.iam.gserviceaccount.com",
        "private_key": String::from_utf8_lossy(&pem), "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    (ServiceAccount::read(file.to_string().as_bytes()).expect("an account"), key.public_key_to_pem().expect("PEM"))
}

/// The claims of a token whose signature the `openssl` command verifies.
fn verified(token: &str, public: &[u8]) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{} parts", parts.len()) };
    assert!(token.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)), "{token}");
    let decoded = |part: &str| {
        let padded = part.replace('-', "+").replace('_', "/") + &"=".repeat((4 - part.len() % 4) % 4);
        decode_block(&padded).expect("base64")
    };
    let header: Value = serde_json::from_slice(&decoded(header)).expect("JSON");
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("stampd-jwt-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let signed = token.rsplit_once('.').expect("a signature").0;
    for (name, bytes) in [("public.pem", public), ("signature", &decoded(signature)), ("signed", signed.as_bytes())] {
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    let arguments = ["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"];
    let output = Command::new("openssl").args(arguments).current_dir(&folder).output().expect("openssl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::remove_dir_all(folder).expect("removed");
    serde_json::from_slice(&decoded(claims)).expect("JSON")
}

#[test]
fn links_are_thin_or_fat_and_within_what_browsers_carry() {
    let (account, public) = account();
    let terms = LinkTerms { issued_unix_s: 1_790_000_000, origins: vec!["https://cards.example".to_owned()] };
    for design in designs() {
        for Sample { name, face } in samples_of(&design) {
            let load = |load: Load| account.save_token(&terms, &issuer(), &design, &face, load).expect("signed");
            let thin = load(Load::Thin);
            assert!(thin.len() < 900, "{}: {} characters", design.name, thin.len());
            let claims = verified(&thin, &public);
            let names: Vec<&str> = claims.as_object().expect("claims").keys().map(String::as_str).collect();
            assert_eq!(
                names,
                ["aud", "iat", "iss", "origins", "payload", "typ"],
                "and no end: a link is printed on paper"
            );
            assert_eq!(claims["iat"], 1_790_000_000);
            assert_eq!(claims["origins"], json!(["https://cards.example"]));
            let only = json!({ "loyaltyObjects": [{
                "id": object_id(&issuer(), &face), "classId": class_id(&issuer(), &face) }] });
            assert_eq!(claims["payload"], only, "a thin link tells nothing else");
            let whole = verified(&load(Load::Whole), &public);
            assert_eq!(whole["payload"]["loyaltyClasses"][0], class(&issuer(), &design, &face));
            assert_eq!(whole["payload"]["loyaltyObjects"][0], object(&issuer(), &design, &face));
            let lean = verified(&load(Load::Lean), &public);
            let discovery = Discovery::open();
            discovery.check("LoyaltyClass", &lean["payload"]["loyaltyClasses"][0]);
            discovery.check("LoyaltyObject", &lean["payload"]["loyaltyObjects"][0]);
            let least = verified(&load(Load::Spared(SPARED.len())), &public);
            discovery.check("LoyaltyClass", &least["payload"]["loyaltyClasses"][0]);
            let link = account.save_link(&terms, &issuer(), &design, &face, None).expect("signed");
            let token = link.url.strip_prefix(SAVE_URL).expect("Google's address");
            assert!(token.len() <= LINK_MAX, "{} {name}: {}", design.name, token.len());
            assert_eq!(link.kind, SaveKind::Fat, "{} {name}: {}", design.name, load(Load::Spared(SPARED.len())).len());
            // The card must end and its code must change, also where it was saved by a link.
            let (saved, whole) = (verified(token, &public), object(&issuer(), &design, &face));
            let saved = &saved["payload"]["loyaltyObjects"][0];
            assert_eq!(saved["validTimeInterval"]["end"], whole["validTimeInterval"]["end"]);
            assert_eq!(saved["rotatingBarcode"]["totpDetails"], whole["rotatingBarcode"]["totpDetails"]);
        }
    }
    // Too much for one link: the thin one is left.
    let design = &designs()[0];
    let mut face = samples_of(design)[2].face.clone();
    face.tier = Some(stampd::pure::passes::Tier {
        name: "ß".repeat(200),
        place: 0,
        all: vec!["ß".repeat(200)],
        next: None,
        by_spend: false,
        permille: 1000,
    });
    face.codes.barcode = Some("x".repeat(1_500));
    let link = |ask: Option<SaveKind>| account.save_link(&terms, &issuer(), design, &face, ask).expect("signed");
    let thin = link(None);
    assert_eq!(thin, link(Some(SaveKind::Thin)));
    assert_eq!(thin.kind, SaveKind::Thin);
    let claims = verified(thin.url.strip_prefix(SAVE_URL).expect("Google's address"), &public);
    assert!(claims["payload"].get("loyaltyClasses").is_none());
    let fat = link(Some(SaveKind::Fat));
    assert_eq!(fat.kind, SaveKind::Fat);
    assert!(fat.url.len() > SAVE_URL.len() + LINK_MAX, "as it was asked for");
    // No page shows Google's button: no origins.
    let nowhere = LinkTerms { origins: Vec::new(), ..terms };
    let token = account.save_token(&nowhere, &issuer(), design, &face, Load::Thin).expect("signed");
    assert!(verified(&token, &public).get("origins").is_none());
}

/// Google keeps a picture by its address: what looks different has another one.
#[test]
fn every_state_of_a_card_has_an_address_of_its_own() {
    let design = |name: &str| designs().into_iter().find(|design| design.name == name).expect("it ships");
    let (stamps, points, cashback) = (design("stamps"), design("points"), design("cashback"));
    let with = |design: &Design, change: &dyn Fn(&mut Face)| {
        let mut face = samples(design, "Café Demo", 10)[1].face.clone();
        change(&mut face);
        face
    };
    let states = [
        (&stamps, with(&stamps, &|face| face.rewards_available = 0)),
        (&stamps, with(&stamps, &|face| face.rewards_available = 1)),
        (&stamps, with(&stamps, &|face| face.next_reward.as_mut().expect("a way").of = 30)),
        (&points, with(&points, &|_| ())),
        (&points, with(&points, &|face| face.rewards_available = 1)),
        (&points, with(&points, &|face| face.tier.as_mut().expect("a level").place = 2)),
        (&cashback, with(&cashback, &|_| ())),
        (&cashback, with(&cashback, &|face| face.tier.as_mut().expect("a level").place = 2)),
    ];
    for address in ["{design}/{state}", "{design}/{count}-{goal}-{ready}-{level}"] {
        let issuer = Issuer { image_url: Some(format!("https://cards.example/{address}.png")), ..issuer() };
        let picture = |(design, face): &(&Design, Face)| {
            let address = object(&issuer, design, face)["heroImage"]["sourceUri"]["uri"].to_string();
            assert!(!address.contains(['{', '}']), "{address}");
            address
        };
        assert_eq!(states.iter().map(picture).collect::<BTreeSet<_>>().len(), states.len(), "{address}");
    }
}

#[test]
fn the_grant_assertion_is_what_google_asks_for() {
    let (account, public) = account();
    let claims = verified(&account.grant_assertion(1_790_000_000, 3_600).expect("signed"), &public);
    let expected: BTreeMap<&str, Value> = [
        ("iss", json!("wallet@cafe-nord.iam.gserviceaccount.com")),
        ("scope", json!("https://www.googleapis.com/auth/wallet_object.issuer")),
        ("aud", json!("https://oauth2.googleapis.com/token")),
        ("iat", json!(1_790_000_000)),
        ("exp", json!(1_790_003_600)),
    ]
    .into();
    assert_eq!(claims, json!(expected));
    let longer = verified(&account.grant_assertion(0, 1_000_000).expect("signed"), &public);
    assert_eq!(longer["exp"], 3_600, "an hour is the most");
}

#[test]
fn a_key_file_that_is_none_is_told_why() {
    let pem = |bits: u32| {
        let key = PKey::from_rsa(Rsa::generate(bits).expect("a key")).expect("a key");
        String::from_utf8(key.private_key_to_pem_pkcs8().expect("PEM")).expect("text")
    };
    let file = |change: fn(&mut Value)| {
        let mut file = json!({ "type": "service_account", "client_email": "a@b", "private_key": "no key" });
        change(&mut file);
        ServiceAccount::read(file.to_string().as_bytes()).expect_err("wrong")
    };
    assert_eq!(ServiceAccount::read(b"-----BEGIN").expect_err("wrong"), AccountError::NotJson);
    assert_eq!(ServiceAccount::read(b"[]").expect_err("wrong"), AccountError::NotJson);
    let other = file(|file| file["type"] = json!("authorized_user"));
    assert_eq!(other, AccountError::OtherType("authorized_user".to_owned()));
    for missing in ["type", "client_email", "private_key"] {
        let mut whole = json!({ "type": "service_account", "client_email": "a@b", "private_key": "k" });
        whole.as_object_mut().expect("an object").remove(missing);
        let error = ServiceAccount::read(whole.to_string().as_bytes()).expect_err("wrong");
        assert_eq!(error, AccountError::Missing(missing));
    }
    assert_eq!(file(|_| {}), AccountError::Key);
    let short = json!({ "type": "service_account", "client_email": "a@b", "private_key": pem(1024) });
    let error = ServiceAccount::read(short.to_string().as_bytes()).expect_err("wrong");
    assert_eq!(error, AccountError::Short(1024));
}
