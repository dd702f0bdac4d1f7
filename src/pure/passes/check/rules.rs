//! The rules of pass.json outside of its fields (wallets/apple.md section 3).

use jiff::Timestamp;
use openssl::base64::decode_block;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::{Map, Value};

use super::{Findings, fields};
use crate::pure::passes::design::Colour;

const PART: &str = "pass.json";

const STYLES: [&str; 6] = ["boardingPass", "coupon", "eventTicket", "generic", "posterGeneric", "storeCard"];

const FORMATS: [&str; 4] =
    ["PKBarcodeFormatQR", "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec", "PKBarcodeFormatCode128"];

/// Keys of the top level that a storeCard may have beside the styles.
const KNOWN: [&str; 32] = [
    "appLaunchURL",
    "associatedStoreIdentifiers",
    "authenticationToken",
    "backgroundColor",
    "barcode",
    "barcodes",
    "beacons",
    "description",
    "expirationDate",
    "foregroundColor",
    "formatVersion",
    "groupingIdentifier",
    "labelColor",
    "locations",
    "logoText",
    "maxDistance",
    "nfc",
    "organizationName",
    "passTypeIdentifier",
    "relevantDate",
    "relevantDates",
    "semantics",
    "serialNumber",
    "sharingProhibited",
    "storeCard",
    "suppressStripShine",
    "teamIdentifier",
    "userInfo",
    "voided",
    "webServiceURL",
    "preferredStyleSchemes",
    "useAutomaticColors",
];

/// Bytes that a QR code takes at its lowest level of correction.
const QR_BYTES_MAX: usize = 2_953;

/// Judges the whole of pass.json.
pub(super) fn judge(pass: &Map<String, Value>, now_s: i64, findings: &mut Findings) {
    required(pass, findings);
    style(pass, findings);
    updates(pass, findings);
    codes(pass, findings);
    nfc(pass, findings);
    places(pass, findings);
    life(pass, now_s, findings);
    colours(pass, findings);
    rest(pass, findings);
}

fn text<'a>(pass: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    pass.get(key).and_then(Value::as_str)
}

fn required(pass: &Map<String, Value>, findings: &mut Findings) {
    if pass.get("formatVersion") != Some(&Value::from(1)) {
        findings.error(PART, "formatVersion is not 1", "write \"formatVersion\": 1");
    }
    for key in ["passTypeIdentifier", "serialNumber", "teamIdentifier", "organizationName", "description"] {
        match pass.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => {}
            Some(Value::String(_)) => findings.error(PART, format!("{key} is empty"), "fill it"),
            Some(_) => findings.error(PART, format!("{key} is no text"), "write it in quotes"),
            None => findings.error(PART, format!("{key} is missing"), "add it"),
        }
    }
    if !text(pass, "passTypeIdentifier").is_none_or(|id| id.starts_with("pass.")) {
        findings.error(PART, "passTypeIdentifier does not begin with \"pass.\"", "write the certificate's UID");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !text(pass, "serialNumber").is_none_or(|serial| serial.bytes().all(plain)) {
        let remedy = "keep to letters, digits, \".\", \"_\", \"-\": it stands in addresses";
        findings.warning(PART, "serialNumber has other signs than letters and digits", remedy);
    }
}

fn style(pass: &Map<String, Value>, findings: &mut Findings) {
    let styles: Vec<&str> = STYLES.into_iter().filter(|style| pass.contains_key(*style)).collect();
    match styles.as_slice() {
        [] => findings.error(PART, "it has no style", "add \"storeCard\" with its fields"),
        [style] => match pass.get(*style).and_then(Value::as_object) {
            Some(card) => fields::judge(card, *style == "storeCard", findings),
            None => findings.error(PART, format!("{style} is no object"), "write its field groups in braces"),
        },
        several => findings.error(PART, format!("it has several styles: {}", several.join(", ")), "keep one"),
    }
    let is_store_card = styles == ["storeCard"];
    for (key, what) in [
        ("groupingIdentifier", "groupingIdentifier has no effect on a store card"),
        ("relevantDate", "relevantDate is ignored on a store card and deprecated"),
    ] {
        if is_store_card && pass.contains_key(key) {
            findings.note(PART, what);
        }
    }
}

fn updates(pass: &Map<String, Value>, findings: &mut Findings) {
    let (url, token) = (pass.get("webServiceURL"), pass.get("authenticationToken"));
    match (url, token) {
        (None, None) => findings.note(PART, "it has no webServiceURL: an installed pass never changes"),
        (Some(_), None) => {
            findings.error(PART, "webServiceURL without authenticationToken", "add a token of 16 characters or more")
        }
        (None, Some(_)) => findings.warning(PART, "authenticationToken without webServiceURL", "add the address"),
        (Some(_), Some(_)) => {}
    }
    if let Some(token) = token {
        match token.as_str() {
            Some(token) if token.chars().count() >= 16 => {}
            _ => findings.error(
                PART,
                "authenticationToken is shorter than 16 characters",
                "make a longer one, and keep it for this serial",
            ),
        }
    }
    match url.map(|url| url.as_str().unwrap_or_default()) {
        Some(url) if url.starts_with("http://") => {
            findings.warning(PART, "webServiceURL is plain http", "use https; phones take http in developer mode only")
        }
        Some(url) if !url.starts_with("https://") => {
            findings.error(PART, "webServiceURL is no web address", "write it in full, with https://")
        }
        Some(url) if url.trim_end_matches('/').ends_with("/v1") => {
            findings.warning(PART, "webServiceURL ends in /v1", "leave it out: the phone appends /v1 itself")
        }
        _ => {}
    }
}

fn codes(pass: &Map<String, Value>, findings: &mut Findings) {
    if pass.contains_key("barcode") {
        findings.note(PART, "barcode is deprecated since iOS 9; barcodes is enough");
    }
    let list = match pass.get("barcodes") {
        None => {
            if !pass.contains_key("nfc") && !pass.contains_key("barcode") {
                findings.warning(PART, "it has neither barcode nor NFC: a till cannot read it", "add barcodes");
            }
            return;
        }
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(_) => return findings.error(PART, "barcodes is no list with a barcode", "write [{ … }]"),
    };
    for barcode in list {
        let get = |key: &str| barcode.get(key).and_then(Value::as_str);
        match get("format") {
            Some(format) if FORMATS.contains(&format) => {}
            other => {
                let what = format!("the barcode's format '{}' is not known", other.unwrap_or("none"));
                findings.error(PART, what, "write PKBarcodeFormatQR, PDF417, Aztec or Code128");
            }
        }
        let encoding = get("messageEncoding").unwrap_or_default().to_ascii_lowercase();
        if encoding.is_empty() {
            findings.error(PART, "a barcode has no messageEncoding", "write \"iso-8859-1\"");
        }
        match get("message") {
            None | Some("") => findings.error(PART, "a barcode has no message", "write what the scanner is to read"),
            Some(message) => {
                let fits = match encoding.as_str() {
                    "iso-8859-1" | "latin1" => message.chars().all(|letter| u32::from(letter) < 0x100),
                    "us-ascii" | "ascii" => message.is_ascii(),
                    _ => true,
                };
                if !fits {
                    findings.error(
                        PART,
                        "a barcode's message does not fit its encoding",
                        "use plain letters, or utf-8",
                    );
                }
                if message.len() > QR_BYTES_MAX {
                    findings.error(PART, "a barcode's message is longer than a QR code holds", "shorten it");
                }
            }
        }
        if get("altText").is_none() {
            findings.note(PART, "a barcode has no altText: nothing to type where no scanner reads it");
        }
    }
}

fn nfc(pass: &Map<String, Value>, findings: &mut Findings) {
    let Some(nfc) = pass.get("nfc") else { return };
    findings.note(PART, "it has nfc: it opens only with a certificate that Apple allowed NFC");
    match nfc.get("message").and_then(Value::as_str) {
        None | Some("") => findings.error(PART, "nfc has no message", "write what a reader gets"),
        Some(message) if message.len() > 64 => {
            findings.error(PART, format!("nfc.message has {} bytes", message.len()), "a reader gets 64, shorten it")
        }
        Some(_) => {}
    }
    let der = nfc.get("encryptionPublicKey").and_then(Value::as_str).map(decode_block).and_then(Result::ok);
    let key = der.as_ref().and_then(|der| PKey::public_key_from_der(der).ok()?.ec_key().ok());
    match (key, der) {
        (Some(key), Some(der)) if key.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => {
            // A compressed SubjectPublicKeyInfo of P-256 has 59 bytes.
            if der.len() != 59 {
                findings.warning(PART, "nfc.encryptionPublicKey is not compressed", "write the compressed point");
            }
        }
        _ => findings.error(
            PART,
            "nfc.encryptionPublicKey is no P-256 key",
            "write base64 of SubjectPublicKeyInfo in DER",
        ),
    }
    if nfc.get("requiresAuthentication").is_some_and(|value| !value.is_boolean()) {
        findings.error(PART, "nfc.requiresAuthentication is neither true nor false", "write true or false");
    }
}

fn places(pass: &Map<String, Value>, findings: &mut Findings) {
    for (key, max) in [("locations", 10), ("beacons", 10)] {
        match pass.get(key) {
            None => {}
            Some(Value::Array(list)) if list.len() <= max => {}
            Some(Value::Array(list)) => {
                findings.error(PART, format!("{key} has {} entries", list.len()), "keep ten at most")
            }
            Some(_) => findings.error(PART, format!("{key} is no list"), "write it in brackets"),
        }
    }
    for place in pass.get("locations").and_then(Value::as_array).into_iter().flatten() {
        for (key, limit) in [("latitude", 90.0), ("longitude", 180.0)] {
            if !place.get(key).and_then(Value::as_f64).is_some_and(|degrees| degrees.abs() <= limit) {
                findings.error(
                    PART,
                    format!("a location's {key} is no number of degrees"),
                    "write degrees, as in 52.52",
                );
            }
        }
    }
    for beacon in pass.get("beacons").and_then(Value::as_array).into_iter().flatten() {
        if beacon.get("proximityUUID").and_then(Value::as_str).is_none_or(|text| uuid::Uuid::parse_str(text).is_err()) {
            findings.error(PART, "a beacon's proximityUUID is no UUID", "write the beacon's UUID");
        }
        for key in ["major", "minor"] {
            if beacon.get(key).is_some_and(|value| value.as_u64().is_none_or(|number| number > 65_535)) {
                findings.error(PART, format!("a beacon's {key} is no number of 0 to 65535"), "correct it");
            }
        }
    }
    if pass.get("maxDistance").is_some_and(|value| value.as_f64().is_none_or(|metres| metres <= 0.0)) {
        findings.error(PART, "maxDistance is no number of metres", "write metres, as in 100");
    }
}

fn life(pass: &Map<String, Value>, now_s: i64, findings: &mut Findings) {
    match pass.get("expirationDate").map(|date| date.as_str().and_then(w3c_seconds)) {
        Some(None) => {
            findings.error(PART, "expirationDate is no W3C date with zone", "write it as in 2026-12-31T23:59:59+01:00")
        }
        Some(Some(at_s)) if at_s <= now_s => findings.note(PART, "it has expired: Wallet shows it greyed"),
        _ => {}
    }
    for key in ["voided", "sharingProhibited", "suppressStripShine"] {
        if pass.get(key).is_some_and(|value| !value.is_boolean()) {
            findings.error(PART, format!("{key} is neither true nor false"), "write true or false, without quotes");
        }
    }
    if pass.get("voided") == Some(&Value::Bool(true)) {
        findings.note(PART, "it is voided: Wallet shows it greyed");
    }
}

/// Seconds of a W3C date with zone; seconds and fractions may be left out.
pub(super) fn w3c_seconds(text: &str) -> Option<i64> {
    let with_seconds = match text.split_once('T') {
        // `2026-12-31T23:59+01:00` lacks what the parser wants.
        Some((day, time)) if time.len() > 5 && !time[5..].starts_with(':') && time.is_char_boundary(5) => {
            format!("{day}T{}:00{}", &time[..5], &time[5..])
        }
        _ => text.to_owned(),
    };
    with_seconds.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn colours(pass: &Map<String, Value>, findings: &mut Findings) {
    let mut read = |key: &str| {
        let given = pass.get(key)?;
        let colour = given.as_str().and_then(colour);
        if colour.is_none() {
            findings.error(PART, format!("{key} is no colour"), "write it as in rgb(51, 32, 26)");
        }
        colour
    };
    let (ground, values, labels) = (read("backgroundColor"), read("foregroundColor"), read("labelColor"));
    for (what, colour) in [("foregroundColor", values), ("labelColor", labels)] {
        if let (Some(ground), Some(colour)) = (ground, colour)
            && ground.contrast(colour) < 3.0
        {
            findings.warning(
                PART,
                format!("{what} is hard to read on backgroundColor"),
                "choose a contrast of 4.5 or more",
            );
        }
    }
}

/// `rgb(51, 32, 26)`.
fn colour(text: &str) -> Option<Colour> {
    let inner = text.trim().strip_prefix("rgb(")?.strip_suffix(')')?;
    let mut parts = inner.split(',').map(|part| part.trim().parse::<u8>().ok());
    let colour = Colour(parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(colour)
}

fn rest(pass: &Map<String, Value>, findings: &mut Findings) {
    if pass.contains_key("appLaunchURL") && !pass.contains_key("associatedStoreIdentifiers") {
        findings.error(PART, "appLaunchURL without associatedStoreIdentifiers", "add the app's store identifiers");
    }
    if let Some(balance) = pass.get("semantics").and_then(|tags| tags.get("balance")) {
        let amount = balance.get("amount").and_then(Value::as_str).is_some_and(|text| text.parse::<f64>().is_ok());
        let currency = balance.get("currencyCode").and_then(Value::as_str).is_some_and(fields::is_currency);
        if !amount || !currency {
            let remedy = "write the amount in quotes with a point, and the currency by ISO 4217";
            findings.error(PART, "semantics.balance needs amount and currencyCode", remedy);
        }
    }
    if pass.contains_key("userInfo") {
        findings.note(PART, "userInfo is not shown, but everybody who has the file reads it");
    }
    for key in pass.keys().filter(|key| !KNOWN.contains(&key.as_str()) && !STYLES.contains(&key.as_str())) {
        findings.note(PART, format!("'{key}' is not known for a store card; phones leave it out"));
    }
}
