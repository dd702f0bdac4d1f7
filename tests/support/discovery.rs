//! Google's discovery document of Wallet objects, and a walker along it: what a payload says that the document does not
//! know, and what the document says in prose only.
//!
//! The document comes from the PyPI package google-api-python-client; `scripts/setup.sh test` fetches it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use openssl::sha::sha256;
use serde_json::Value;

/// The revision at which [`PROSE`] was reviewed.
const REVISION: &str = "20260806";

/// SHA-256 of the schemas that are used, at that revision.
const USED_SHA256: &str = "f227b1b434f43466f39553bfb0eca43bfc754ef1662e4c1ad7bc2c97042c37fd";

/// What stands in prose only.
enum Prose {
    /// A call without it is refused.
    Required,
    /// Characters that are shown whole on small screens.
    Chars(usize),
    /// More are refused or not shown.
    Items(usize),
    /// Google sets it, what a caller says of it is ignored.
    Output,
    /// Exactly one of the schema's properties.
    OneOf,
    /// An address that Google fetches.
    Https,
    /// `#rrggbb`.
    Colour,
    /// `issuer.suffix`.
    Id,
    /// The only values that a caller may send.
    Sent(&'static [&'static str]),
}

/// Reviewed by hand: schema, property, what its description says.
const PROSE: &[(&str, &str, Prose)] = &[
    ("LoyaltyClass", "id", Prose::Required),
    ("LoyaltyClass", "id", Prose::Id),
    ("LoyaltyClass", "issuerName", Prose::Required),
    ("LoyaltyClass", "issuerName", Prose::Chars(20)),
    ("LoyaltyClass", "programName", Prose::Required),
    ("LoyaltyClass", "programName", Prose::Chars(20)),
    ("LoyaltyClass", "programLogo", Prose::Required),
    ("LoyaltyClass", "reviewStatus", Prose::Required),
    ("LoyaltyClass", "reviewStatus", Prose::Sent(&["DRAFT", "UNDER_REVIEW"])),
    ("LoyaltyClass", "review", Prose::Output),
    ("LoyaltyClass", "rewardsTier", Prose::Chars(7)),
    ("LoyaltyClass", "rewardsTierLabel", Prose::Chars(9)),
    ("LoyaltyClass", "accountIdLabel", Prose::Chars(15)),
    ("LoyaltyClass", "accountNameLabel", Prose::Chars(15)),
    ("LoyaltyClass", "hexBackgroundColor", Prose::Colour),
    ("LoyaltyClass", "merchantLocations", Prose::Items(10)),
    ("LoyaltyClass", "messages", Prose::Items(10)),
    ("LoyaltyClass", "textModulesData", Prose::Items(10)),
    ("LoyaltyClass", "imageModulesData", Prose::Items(1)),
    ("LoyaltyClass", "valueAddedModuleData", Prose::Items(15)),
    ("LoyaltyObject", "id", Prose::Required),
    ("LoyaltyObject", "id", Prose::Id),
    ("LoyaltyObject", "classId", Prose::Required),
    ("LoyaltyObject", "classId", Prose::Id),
    ("LoyaltyObject", "state", Prose::Required),
    ("LoyaltyObject", "accountId", Prose::Chars(20)),
    ("LoyaltyObject", "accountName", Prose::Chars(20)),
    ("LoyaltyObject", "merchantLocations", Prose::Items(10)),
    ("LoyaltyObject", "messages", Prose::Items(10)),
    ("LoyaltyObject", "textModulesData", Prose::Items(10)),
    ("LoyaltyObject", "imageModulesData", Prose::Items(1)),
    ("LoyaltyObject", "valueAddedModuleData", Prose::Items(15)),
    ("LoyaltyObject", "hasUsers", Prose::Output),
    ("LoyaltyObject", "hasLinkedDevice", Prose::Output),
    ("LoyaltyObject", "classReference", Prose::Output),
    ("LoyaltyPoints", "label", Prose::Required),
    ("LoyaltyPoints", "label", Prose::Chars(9)),
    ("LoyaltyPoints", "balance", Prose::Required),
    ("LocalizedString", "defaultValue", Prose::Required),
    ("TranslatedString", "language", Prose::Required),
    ("TranslatedString", "value", Prose::Required),
    ("Barcode", "type", Prose::Required),
    ("Barcode", "value", Prose::Required),
    ("RotatingBarcode", "type", Prose::Required),
    ("RotatingBarcode", "type", Prose::Sent(&["QR_CODE", "PDF_417"])),
    ("RotatingBarcode", "valuePattern", Prose::Required),
    ("RotatingBarcode", "totpDetails", Prose::Required),
    ("RotatingBarcodeTotpDetails", "algorithm", Prose::Required),
    ("RotatingBarcodeTotpDetails", "periodMillis", Prose::Required),
    ("RotatingBarcodeTotpDetails", "parameters", Prose::Required),
    ("Image", "sourceUri", Prose::Required),
    ("Uri", "uri", Prose::Required),
    ("Message", "id", Prose::Required),
    ("Message", "header", Prose::Required),
    ("Message", "body", Prose::Required),
    ("TextModuleData", "id", Prose::Required),
    ("TextModuleData", "body", Prose::Required),
    ("MerchantLocation", "latitude", Prose::Required),
    ("MerchantLocation", "longitude", Prose::Required),
    ("LoyaltyPointsBalance", "", Prose::OneOf),
    ("LoyaltyPointsBalance", "string", Prose::Chars(7)),
    ("TextModuleData", "header", Prose::Chars(35)),
    ("TextModuleData", "body", Prose::Chars(500)),
    ("Uri", "description", Prose::Chars(20)),
    ("ImageUri", "uri", Prose::Https),
];

/// The document.
pub struct Discovery {
    document: Value,
}

impl Discovery {
    /// Reads the document that `scripts/setup.sh test` fetched.
    pub fn open() -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        let file = target.join("discovery/walletobjects.v1.json");
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup.sh test", file.display()));
        Self { document: serde_json::from_str(&text).expect("JSON") }
    }

    /// A payload must be without fault.
    #[track_caller]
    pub fn check(&self, schema: &str, payload: &Value) {
        let faults = self.faults(schema, payload);
        assert!(faults.is_empty(), "{}\nin {payload:#}", faults.join("\n"));
    }

    /// What is wrong with a payload.
    pub fn faults(&self, schema: &str, payload: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.walk(schema, schema, payload, &mut faults);
        faults
    }

    /// The schemas that payloads use must be those at which the table was reviewed.
    #[track_caller]
    pub fn reviewed(&self) {
        let mut used = BTreeSet::new();
        self.used("LoyaltyClass", &mut used);
        self.used("LoyaltyObject", &mut used);
        let schemas: Vec<&Value> = used.iter().map(|name| &self.document["schemas"][name]).collect();
        let text = serde_json::to_string(&schemas).expect("JSON");
        let hash: String = sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hash, USED_SHA256,
            "the schemas of revision {} differ from those of {REVISION}: read what changed, review PROSE, then take over \
             the hash",
            self.document["revision"]
        );
    }

    fn used(&self, schema: &str, found: &mut BTreeSet<String>) {
        if !found.insert(schema.to_owned()) {
            return;
        }
        let properties = self.document["schemas"][schema]["properties"].as_object();
        for property in properties.into_iter().flat_map(|properties| properties.values()) {
            for place in [property, &property["items"]] {
                if let Some(next) = place["$ref"].as_str() {
                    self.used(next, found);
                }
            }
        }
    }

    fn walk(&self, schema: &str, at: &str, value: &Value, faults: &mut Vec<String>) {
        let properties = self.document["schemas"][schema]["properties"].as_object().expect("a schema");
        let Some(members) = value.as_object() else {
            return faults.push(format!("{at}: no object of {schema}"));
        };
        for (name, member) in members {
            let at = format!("{at}.{name}");
            match properties.get(name) {
                None => {
                    let near = properties.keys().find(|known| known.eq_ignore_ascii_case(name));
                    faults.push(format!("{at}: unknown property of {schema}, {near:?} is known"));
                }
                Some(property) if property["deprecated"] == true => faults.push(format!("{at}: deprecated")),
                Some(property) => self.member(property, &at, member, faults),
            }
        }
        self.prose(schema, at, value, faults);
        super::google_forms::judge(schema, at, value, faults);
    }

    fn member(&self, property: &Value, at: &str, value: &Value, faults: &mut Vec<String>) {
        if value.is_null() {
            return faults.push(format!("{at}: null; leave it out"));
        }
        if let Some(schema) = property["$ref"].as_str() {
            return self.walk(schema, at, value, faults);
        }
        let kind = property["type"].as_str().unwrap_or_default();
        let fits = match (kind, property["format"].as_str()) {
            ("string", Some("int64" | "uint64")) => value.as_str().is_some_and(|text| text.parse::<i128>().is_ok()),
            ("string", _) => value.is_string(),
            ("integer", Some("int32")) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            ("integer", _) => value.is_i64(),
            ("number", _) => value.is_number(),
            ("boolean", _) => value.is_boolean(),
            ("array", _) => value.is_array(),
            _ => false,
        };
        if !fits {
            let format = match property["format"].as_str() {
                Some("int64") => "int64 as string",
                Some(other) => other,
                None => "",
            };
            return faults.push(format!("{at}: {value} is no {kind} {format}"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.member(&property["items"], &format!("{at}[{index}]"), item, faults);
        }
        if let Some(known) = property["enum"].as_array() {
            match known.iter().position(|known| known == value) {
                None => faults.push(format!("{at}: {value} is none of {known:?}")),
                Some(place) if property["enumDeprecated"][place] == true => {
                    faults.push(format!("{at}: {value} is deprecated"));
                }
                Some(_) => {}
            }
        }
    }

    fn prose(&self, schema: &str, at: &str, value: &Value, faults: &mut Vec<String>) {
        for (_, property, rule) in PROSE.iter().filter(|(of, _, _)| *of == schema) {
            let member = &value[*property];
            let text = member.as_str();
            let at = format!("{at}.{property}");
            match rule {
                Prose::Required if member.is_null() => faults.push(format!("{at} is required")),
                Prose::Output if !member.is_null() => faults.push(format!("{at}: Google sets it")),
                Prose::OneOf if value.as_object().is_some_and(|members| members.len() != 1) => {
                    faults.push(format!("{at}: exactly one, and not {value}"));
                }
                Prose::Chars(max) => {
                    let mut texts: Vec<&str> = text.into_iter().collect();
                    let translated = format!("localized{}{}", property[..1].to_uppercase(), &property[1..]);
                    let translated = &value[&translated];
                    texts.extend(translated["defaultValue"]["value"].as_str());
                    let others = translated["translatedValues"].as_array().into_iter().flatten();
                    texts.extend(others.filter_map(|other| other["value"].as_str()));
                    for text in texts.into_iter().filter(|text| text.chars().count() > *max) {
                        faults.push(format!("{at}: '{text}' has more than {max} characters"));
                    }
                }
                Prose::Items(max) if member.as_array().is_some_and(|items| items.len() > *max) => {
                    faults.push(format!("{at}: more than {max} items"));
                }
                Prose::Https if text.is_some_and(|text| !text.starts_with("https://")) => {
                    faults.push(format!("{at}: Google fetches by https only"));
                }
                Prose::Colour if text.is_some_and(|text| !is_colour(text)) => {
                    faults.push(format!("{at}: no #rrggbb"));
                }
                Prose::Id if text.is_some_and(|text| !is_id(text)) => faults.push(format!("{at}: no issuer.suffix")),
                Prose::Sent(values) if text.is_some_and(|text| !values.contains(&text)) => {
                    faults.push(format!("{at}: callers send one of {values:?}"));
                }
                _ => {}
            }
        }
    }
}

fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase())
}

fn is_id(text: &str) -> bool {
    text.split_once('.').is_some_and(|(issuer, suffix)| {
        !issuer.is_empty()
            && issuer.bytes().all(|digit| digit.is_ascii_digit())
            && !suffix.is_empty()
            && suffix.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"._-".contains(&letter))
    })
}
