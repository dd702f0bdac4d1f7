//! The rules of pass.json outside of its fields (wallets/apple.md section 3).

use jiff::Timestamp;
use openssl::base64::decode_block;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::{Map, Value};

use super::{Findings, currency, fields};
use crate::pure::passes::design::Colour;
use crate::pure::text::shown;

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

const CODE_128: &str = "PKBarcodeFormatCode128";

/// Encodings of messages that every phone is known to take.
const ENCODINGS: [&str; 5] = ["iso-8859-1", "latin1", "utf-8", "us-ascii", "ascii"];

/// Other names of IANA's list of character sets, which a phone may know; Wallet makes nothing of any other name.
const OTHER_ENCODINGS: [&str; 42] = [
    "big5",
    "cp437",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "gb2312",
    "gbk",
    "hz-gb-2312",
    "ibm437",
    "iso-2022-cn",
    "iso-2022-jp",
    "iso-2022-kr",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "shift_jis",
    "tis-620",
    "utf-16",
    "utf-16be",
    "utf-16le",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
];

/// Bytes that the largest code of each kind takes at its lowest level of correction (ISO/IEC 18004, 15438, 24778); a
/// longer Code 128 than this is wider than a phone.
const CAPACITIES: [(&str, &str, usize); 4] = [
    ("PKBarcodeFormatQR", "QR code", 2_953),
    ("PKBarcodeFormatPDF417", "PDF417 code", 1_108),
    ("PKBarcodeFormatAztec", "Aztec code", 1_914),
    (CODE_128, "Code 128", 80),
];

/// Metres beyond which a store card does not come up, whatever it says.
const DISTANCE_MAX_M: f64 = 100.0;

/// Judges the whole of pass.json.
pub(super) fn judge(pass: &Map<String, Value>, now_s: i64, findings: &mut Findings) {
    required(pass, findings);
    style(pass, findings);
    updates(pass, findings);
    codes(pass, findings);
    nfc(pass, findings);
    places(pass, findings);
    dates(pass, findings);
    life(pass, now_s, findings);
    colours(pass, findings);
    rest(pass, findings);
    plain("", &Value::Object(pass.clone()), findings);
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
    let is_team = |team: &str| team.len() == 10 && team.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !text(pass, "teamIdentifier").is_none_or(is_team) {
        let remedy = "write the certificate's OU: ten capital letters and digits";
        findings.warning(PART, "teamIdentifier has not the form of a team", remedy);
    }
    for key in ["logoText", "groupingIdentifier", "appLaunchURL"] {
        if pass.get(key).is_some_and(|value| !value.is_string()) {
            findings.error(PART, format!("{key} is no text"), "write it in quotes");
        }
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
            Some(token) if token.bytes().any(|byte| !byte.is_ascii_graphic()) => findings.error(
                PART,
                "authenticationToken has signs that no header carries",
                "make it of letters and digits, as in hexadecimal",
            ),
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
        Some(url) if url.contains(['?', '#', ' ', '@']) || url["https://".len()..].starts_with(['/', ':']) => {
            let remedy = "write https, the host and perhaps a path: the phone appends /v1/… to it";
            findings.error(PART, "webServiceURL is no address to which a path can be added", remedy)
        }
        Some(url) if url.trim_end_matches('/').ends_with("/v1") => {
            findings.warning(PART, "webServiceURL ends in /v1", "leave it out: the phone appends /v1 itself")
        }
        Some("https://") => findings.error(PART, "webServiceURL names no host", "write it in full"),
        _ => {}
    }
}

fn codes(pass: &Map<String, Value>, findings: &mut Findings) {
    if let Some(barcode) = pass.get("barcode") {
        findings.note(PART, "barcode is deprecated since iOS 9; barcodes is enough");
        code(barcode, findings);
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
    list.iter().for_each(|barcode| code(barcode, findings));
    let of = |barcode: &Value, format: &str| barcode.get("format").and_then(Value::as_str) == Some(format);
    if list.iter().all(|barcode| of(barcode, CODE_128)) {
        findings.warning(PART, "every barcode is Code 128, which a watch does not show", "add one as QR after it");
    }
}

/// One barcode: what it is, and whether its text fits the encoding and the kind of code.
fn code(barcode: &Value, findings: &mut Findings) {
    const ENCODING: &str = "write \"iso-8859-1\", as scanners expect it, or \"utf-8\"";
    let get = |key: &str| barcode.get(key).and_then(Value::as_str);
    let format = get("format").unwrap_or("none");
    if !FORMATS.contains(&format) {
        let what = format!("the barcode's format '{}' is not known", shown(format));
        findings.error(PART, what, "write PKBarcodeFormatQR, PDF417, Aztec or Code128");
    }
    let encoding = get("messageEncoding").unwrap_or_default().to_ascii_lowercase();
    if encoding.is_empty() {
        findings.error(PART, "a barcode has no messageEncoding", "write \"iso-8859-1\"");
    } else if OTHER_ENCODINGS.contains(&encoding.as_str()) {
        let what = format!("a barcode's messageEncoding '{encoding}' may not be known to every phone");
        findings.warning(PART, what, ENCODING);
    } else if !ENCODINGS.contains(&encoding.as_str()) {
        let what = format!("a barcode's messageEncoding '{}' is none of IANA's names", shown(&encoding));
        findings.error(PART, what, ENCODING);
    }
    match get("message") {
        None | Some("") => findings.error(PART, "a barcode has no message", "write what the scanner is to read"),
        Some(message) => {
            let latin = matches!(encoding.as_str(), "iso-8859-1" | "latin1");
            let fits = match encoding.as_str() {
                _ if latin => message.chars().all(|letter| u32::from(letter) < 0x100),
                "us-ascii" | "ascii" => message.is_ascii(),
                _ => true,
            };
            if !fits {
                findings.error(PART, "a barcode's message does not fit its encoding", "use plain letters, or utf-8");
            }
            let bytes = if latin { message.chars().count() } else { message.len() };
            if let Some((_, name, most)) = CAPACITIES.iter().find(|(known, ..)| *known == format)
                && bytes > *most
            {
                findings.error(PART, format!("a barcode's message is longer than a {name} holds"), "shorten it");
            }
            if format == CODE_128 && !message.is_ascii() {
                findings.error(
                    PART,
                    "Code 128 holds other letters than ASCII in no way that scanners agree on",
                    "use QR",
                );
            }
        }
    }
    match barcode.get("altText") {
        None => findings.note(PART, "a barcode has no altText: nothing to type where no scanner reads it"),
        Some(Value::String(_)) => {}
        Some(_) => findings.error(PART, "a barcode's altText is no text", "write it in quotes"),
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
            // A compressed SubjectPublicKeyInfo of P-256 has 59 bytes, an uncompressed one 91.
            match der.len() {
                59 => {}
                91 => findings.warning(PART, "nfc.encryptionPublicKey is not compressed", "write the compressed point"),
                _ => findings.error(
                    PART,
                    "nfc.encryptionPublicKey has more bytes than the key",
                    "write base64 of SubjectPublicKeyInfo in DER, and nothing after it",
                ),
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
        if place.get("altitude").is_some_and(|altitude| !altitude.is_number()) {
            findings.error(PART, "a location's altitude is no number of metres", "write metres, or leave it out");
        }
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
    for place in ["locations", "beacons"].into_iter().filter_map(|key| pass.get(key)?.as_array()).flatten() {
        if place.get("relevantText").is_some_and(|text| text.as_str().is_none_or(str::is_empty)) {
            findings.error(PART, "a relevantText is no text", "write what the lock screen says, or leave it out");
        }
    }
    match pass.get("maxDistance").map(Value::as_f64) {
        None => {}
        Some(Some(metres)) if metres > 0.0 => {
            if !pass.contains_key("locations") {
                findings.warning(PART, "maxDistance without locations has no effect", "add locations, or leave it out");
            } else if metres > DISTANCE_MAX_M {
                findings.note(PART, "maxDistance is more than the 100 m that a store card has, which stay");
            }
        }
        Some(_) => findings.error(PART, "maxDistance is no number of metres", "write metres, as in 100"),
    }
}

/// When it comes up by itself.
fn dates(pass: &Map<String, Value>, findings: &mut Findings) {
    const DATE: &str = "write it as in 2026-12-31T12:00:00+01:00";
    let seconds = |value: &Value| value.as_str().and_then(w3c_seconds);
    if pass.get("relevantDate").is_some_and(|date| seconds(date).is_none()) {
        findings.error(PART, "relevantDate is no W3C date with zone", DATE);
    }
    let list = match pass.get("relevantDates") {
        None => return,
        Some(Value::Array(list)) => list,
        Some(_) => return findings.error(PART, "relevantDates is no list", "write it in brackets"),
    };
    for one in list {
        let at = |key: &str| one.get(key).map(seconds);
        match (at("startDate"), at("endDate"), at("date").or(at("relevantDate"))) {
            (Some(Some(from)), Some(Some(until)), None) if from <= until => {}
            (None, None, Some(Some(_))) => {}
            (Some(Some(_)), Some(Some(_)), None) => {
                findings.error(PART, "an entry of relevantDates ends before it starts", "write the earlier one first")
            }
            _ => findings.error(
                PART,
                "an entry of relevantDates has neither one date nor a start and an end with zone",
                "write { \"startDate\": …, \"endDate\": … } or { \"date\": … }",
            ),
        }
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
    let is_identifier = |value: &Value| value.as_u64().is_some_and(|number| number > 0);
    if pass
        .get("associatedStoreIdentifiers")
        .is_some_and(|list| !list.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_identifier)))
    {
        findings.error(PART, "associatedStoreIdentifiers is no list of numbers", "write them as in [123456789]");
    }
    match pass.get("semantics") {
        None => {}
        Some(Value::Object(tags)) => semantics(tags, findings),
        Some(_) => findings.error(PART, "semantics is no object", "write its tags in braces"),
    }
    match pass.get("userInfo") {
        None => {}
        Some(Value::Object(_)) => findings.note(PART, "userInfo is not shown, but everybody who has the file reads it"),
        Some(_) => findings.error(PART, "userInfo is no object", "write what the app needs in braces"),
    }
    for key in pass.keys().filter(|key| !KNOWN.contains(&key.as_str()) && !STYLES.contains(&key.as_str())) {
        findings.note(PART, format!("'{}' is not known for a store card; phones leave it out", shown(key)));
    }
}

/// What machines read.
fn semantics(tags: &Map<String, Value>, findings: &mut Findings) {
    if let Some(balance) = tags.get("balance") {
        let amount = balance.get("amount").and_then(Value::as_str).is_some_and(is_decimal);
        let currency = balance.get("currencyCode").and_then(Value::as_str);
        let currency = currency.is_some_and(|code| currency::is_known(code) || currency::is_out_of_use(code));
        if !amount || !currency {
            let remedy = "write the amount in quotes with a point, and the currency by ISO 4217";
            findings.error(PART, "semantics.balance needs amount and currencyCode", remedy);
        }
    }
    for key in ["membershipProgramName", "membershipProgramNumber", "membershipProgramStatus"] {
        if tags.get(key).is_some_and(|value| !value.is_string()) {
            findings.error(PART, format!("semantics.{key} is no text"), "write it in quotes");
        }
    }
}

/// `-12.30`: digits, and a point between digits.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split_once('.').map_or_else(|| digits(text), |(whole, fraction)| digits(whole) && digits(fraction))
}

/// What stands nowhere in a pass: null, which Wallet takes for a value of the wrong kind, and signs that no phone shows.
fn plain(at: &str, value: &Value, findings: &mut Findings) {
    match value {
        // What lies there is the app's own.
        _ if at == "userInfo" => {}
        Value::Null => findings.error(PART, format!("{} is null", shown(at)), "leave out what has no value"),
        Value::String(text) if text.chars().any(|letter| letter.is_control() && !"\n\r\t".contains(letter)) => {
            findings.warning(
                PART,
                format!("{} has signs that no phone shows", shown(at)),
                "leave control characters out",
            );
        }
        Value::Array(list) => list.iter().for_each(|inner| plain(at, inner, findings)),
        Value::Object(map) => {
            for (key, inner) in map {
                // Cut, so that a long key with much in it is not copied for all of that.
                let path = if at.is_empty() { shown(key) } else { shown(&format!("{at}.{}", shown(key))) };
                plain(&path, inner, findings);
            }
        }
        _ => {}
    }
}
