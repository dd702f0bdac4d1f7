//! What Google's descriptions ask of values beyond their type, in words alone: forms of texts, and what must go together.
//! Reviewed by hand at the revision that `discovery` names.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

/// Judges one object of a schema.
pub fn judge(schema: &str, at: &str, value: &Value, faults: &mut Vec<String>) {
    let mut want = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{at}: {what}"));
        }
    };
    match schema {
        "LocalizedString" => {
            let default = value["defaultValue"]["language"].as_str();
            let mut tags = BTreeSet::from_iter(default);
            let mut others = list(&value["translatedValues"]).filter_map(|other| other["language"].as_str());
            want(others.all(|tag| tags.insert(tag)), "a language stands there twice");
            want(tags.into_iter().all(is_tag), "no language tag");
        }
        "TranslatedString" => want(value["value"] != "", "a translation is empty"),
        "LoyaltyClass" => {
            let issuers: Vec<&Value> = list(&value["redemptionIssuers"]).collect();
            let smart_tap = value["enableSmartTap"] == true;
            want(smart_tap != issuers.is_empty(), "enableSmartTap and redemptionIssuers go together");
            want(issuers.iter().all(|id| id.as_str().is_some_and(is_number)), "a redemption issuer is no issuer id");
            want(are_unique(&value["textModulesData"]), "an id stands at two text modules");
        }
        "LoyaltyObject" => object(value, &mut want),
        "RotatingBarcode" => rotating(value, &mut want),
        "Money" => {
            let code = value["currencyCode"].as_str().unwrap_or_default();
            let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            want(is_code && !value["micros"].is_null(), "money needs micros and a currency by ISO 4217");
        }
        "Image" => want(value["privateImageId"].is_null(), "both sourceUri and privateImageId"),
        "Uri" => {
            let schemes = ["https://", "http://", "tel:", "mailto:", "geo:"];
            let address = value["uri"].as_str().unwrap_or_default();
            let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
            want(plain && schemes.iter().any(|scheme| address.starts_with(scheme)), "no address with a scheme");
        }
        "ImageUri" => {
            let address = value["uri"].as_str().unwrap_or_default();
            want(address.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}".contains(&byte)), "no address");
        }
        "TextModuleData" => {
            let id = value["id"].as_str().unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            want(!id.is_empty() && id.bytes().all(plain), "an id has letters, digits, '_' and '-' alone");
        }
        "TimeInterval" => interval(value, &mut want),
        "MerchantLocation" => {
            let within = |key: &str, limit: f64| value[key].as_f64().is_some_and(|degrees| degrees.abs() <= limit);
            want(within("latitude", 90.0) && within("longitude", 180.0), "no place on earth");
        }
        _ => {}
    }
}

fn object(value: &Value, want: &mut impl FnMut(bool, &str)) {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    if let Some(tapped) = text("/smartTapRedemptionValue") {
        want(tapped.is_ascii() && !tapped.is_empty(), "smartTapRedemptionValue is ASCII");
        // DESIGN.md section 2: what a camera sees must not pass for a tap.
        let others = [text("/barcode/value"), text("/accountId")];
        want(!others.contains(&Some(tapped)), "smartTapRedemptionValue is another medium's text");
    }
    let issuer = |pointer: &str| text(pointer).and_then(|id| id.split_once('.')).map(|(issuer, _)| issuer);
    want(issuer("/id") == issuer("/classId"), "object and class have two issuers");
    want(value["rotatingBarcode"].is_null() || value["barcode"].is_object(), "a rotating barcode needs a plain one");
    want(are_unique(&value["textModulesData"]), "an id stands at two text modules");
    want(are_unique(&value["messages"]), "an id stands at two messages");
    want(are_unique(&value["linksModuleData"]["uris"]), "an id stands at two links");
}

/// The pattern's values have a parameter each: base16 key, and a length that RFC 4226 section 5.3 knows.
fn rotating(value: &Value, want: &mut impl FnMut(bool, &str)) {
    let pattern = value["valuePattern"].as_str().unwrap_or_default();
    let parameters: Vec<&Value> = list(&value["totpDetails"]["parameters"]).collect();
    let places: BTreeSet<&str> = pattern.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
    let known = |place: &&str| {
        ["totp_timestamp_millis", "totp_timestamp_seconds"].contains(place)
            || (0..parameters.len()).any(|number| *place == format!("totp_value_{number}"))
    };
    want(places.contains("totp_value_0") && places.iter().all(known), "valuePattern and parameters do not fit");
    want(value["totpDetails"]["algorithm"] == "TOTP_SHA1", "the algorithm is TOTP_SHA1");
    let period = value["totpDetails"]["periodMillis"].as_str().and_then(|text| text.parse::<i64>().ok());
    want(period.is_some_and(|period| period > 0), "periodMillis is a time");
    for parameter in parameters {
        let key = parameter["key"].as_str().unwrap_or_default();
        let is_base16 =
            key.len() % 2 == 0 && key.bytes().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit));
        // RFC 4226 section 4, R6: 128 bits at least.
        want(is_base16 && key.len() >= 32, "a key is base16 of 16 bytes or more");
        want(parameter["valueLength"].as_i64().is_some_and(|length| (6..=8).contains(&length)), "6 to 8 digits");
    }
}

/// Offsets on both ends or on none, the earlier first.
fn interval(value: &Value, want: &mut impl FnMut(bool, &str)) {
    let ends: Vec<&str> = ["start", "end"].into_iter().filter_map(|end| value[end]["date"].as_str()).collect();
    want(!ends.is_empty(), "an interval without an end");
    let moments: Vec<Option<Timestamp>> = ends.iter().map(|end| end.parse().ok()).collect();
    let with_offset = moments.iter().filter(|moment| moment.is_some()).count();
    want(with_offset == 0 || with_offset == ends.len(), "an offset on one end alone");
    let is_date = |end: &&str| end.parse::<jiff::civil::DateTime>().is_ok() || end.parse::<Timestamp>().is_ok();
    want(ends.iter().all(is_date), "no date of ISO 8601");
    if let [Some(start), Some(end)] = moments[..] {
        want(start < end, "it ends before it starts");
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether every item of a list has an id of its own.
fn are_unique(items: &Value) -> bool {
    let mut ids = BTreeSet::new();
    list(items).all(|item| ids.insert(item["id"].to_string()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// BCP 47 as far as we write it: a language, perhaps a script and a region.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
