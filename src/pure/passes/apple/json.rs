//! pass.json of a storeCard (wallets/apple.md section 3).
//!
//! Texts stand there in English, which is also their key in every `pass.strings`: a phone in a language that the design
//! does not speak reads English and never a key. Numbers, money and days that stand alone in a field are handed over as
//! such, so that the phone writes them by its own customs.

use serde_json::{Map, Number, Value, json};

use super::strings::Strings;
use super::{AppleError, Issuer, Updates};
use crate::pure::domain::Moment;
use crate::pure::passes::design::{Blank, Design, Field, Slot, Speaks, Text};
use crate::pure::passes::face::{Face, Kind, State};
use crate::pure::passes::fill;

/// What an NFC reader takes at most (wallets/apple.md section 3).
const NFC_BYTES_MAX: usize = 64;

/// The most places (wallets/apple.md section 3).
const PLACES_MAX: usize = 10;

/// The encoding that a barcode's text must fit.
const BARCODE_ENCODING: &str = "iso-8859-1";

/// pass.json, and the translations of its texts.
pub(super) fn pass(
    issuer: &Issuer,
    updates: Option<&Updates>,
    design: &Design,
    face: &Face,
) -> Result<(Value, Strings), AppleError> {
    let mut strings = Strings::default();
    let mut pass = Map::new();
    let mut put = |key: &str, value: Value| pass.insert(key.to_owned(), value);
    put("formatVersion", json!(1));
    put("passTypeIdentifier", json!(issuer.pass_type_id));
    put("teamIdentifier", json!(issuer.team_id));
    put("serialNumber", json!(face.serial.to_string()));
    put("organizationName", json!(face.shop));
    // Nothing to say is no text for a screen reader: the programme's title stands in.
    let description = strings.take(&fill::all(&design.description, design, face));
    put("description", json!(description.unwrap_or_else(|| face.title.clone())));
    if let Some(text) = strings.take(&fill::all(&design.logo_text, design, face)) {
        put("logoText", json!(text));
    }
    put("backgroundColor", json!(design.background.rgb()));
    put("foregroundColor", json!(design.foreground.rgb()));
    put("labelColor", json!(design.label.rgb()));
    put("storeCard", fields(design, face, &mut strings));
    if let Some(text) = &face.codes.barcode {
        put("barcodes", json!([barcode(text, face)?]));
    }
    if let (Some(key), Some(message)) = (&issuer.nfc_key, &face.codes.nfc_message) {
        if message.len() > NFC_BYTES_MAX {
            return Err(AppleError::NfcMessage(message.len()));
        }
        put("nfc", json!({ "message": message, "encryptionPublicKey": key, "requiresAuthentication": false }));
    }
    if !design.places.is_empty() {
        put("locations", places(design, face, &mut strings));
        if let Some(metres) = design.max_distance_m {
            put("maxDistance", json!(metres));
        }
    }
    if let Some(ends) = &face.ends {
        put("expirationDate", json!(w3c(ends)));
    }
    if matches!(face.state, State::Blocked | State::Deleted) {
        put("voided", json!(true));
    }
    if design.sharing_prohibited {
        put("sharingProhibited", json!(true));
    }
    if let Some(Updates { web_service_url, authentication_token }) = updates {
        put("webServiceURL", json!(web_service_url));
        put("authenticationToken", json!(authentication_token));
    }
    put("semantics", semantics(face));
    Ok((Value::Object(pass), strings))
}

/// The card's own text as QR, with what a cashier types where no scanner reads it.
fn barcode(text: &str, face: &Face) -> Result<Value, AppleError> {
    if text.chars().any(|letter| u32::from(letter) > 0xFF) {
        return Err(AppleError::Barcode);
    }
    Ok(json!({
        "format": "PKBarcodeFormatQR",
        "message": text,
        "messageEncoding": BARCODE_ENCODING,
        "altText": face.serial.grouped(),
    }))
}

/// What machines read: whose programme, which number, what it is worth.
fn semantics(face: &Face) -> Value {
    let mut tags = Map::new();
    tags.insert("membershipProgramName".to_owned(), json!(face.title));
    tags.insert("membershipProgramNumber".to_owned(), json!(face.serial.to_string()));
    if let Some(worth) = &face.worth {
        let amount = plain_decimal(worth.minor, face.currency_digits);
        tags.insert("balance".to_owned(), json!({ "amount": amount, "currencyCode": face.currency }));
    }
    Value::Object(tags)
}

fn places(design: &Design, face: &Face, strings: &mut Strings) -> Value {
    let places = design.places.iter().take(PLACES_MAX).map(|place| {
        let mut one = json!({ "latitude": place.latitude, "longitude": place.longitude });
        if let Some(text) = strings.take(&fill::all(&place.text, design, face)) {
            one["relevantText"] = json!(text);
        }
        one
    });
    Value::Array(places.collect())
}

/// The field groups; one without fields is left out.
fn fields(design: &Design, face: &Face, strings: &mut Strings) -> Value {
    let mut card = Map::new();
    for field in &design.fields {
        let Some(written) = written(field, design, face, strings) else { continue };
        let group = match field.slot {
            Slot::Header => "headerFields",
            Slot::Primary => "primaryFields",
            Slot::Secondary => "secondaryFields",
            Slot::Auxiliary => "auxiliaryFields",
            Slot::Back => "backFields",
        };
        if let Value::Array(list) = card.entry(group).or_insert_with(|| json!([])) {
            list.push(Value::Object(written));
        }
    }
    Value::Object(card)
}

/// One field; none where the card has nothing for it.
fn written(field: &Field, design: &Design, face: &Face, strings: &mut Strings) -> Option<Map<String, Value>> {
    let label = fill::all(&field.label, design, face);
    let has_label = field.label.values().any(|label| !label.is_empty());
    if has_label && !label.contains_key("en") {
        return None;
    }
    let texts = fill::all(&field.value, design, face);
    texts.get("en")?;
    let mut map = Map::new();
    map.insert("key".to_owned(), json!(field.key));
    match typed(field, face) {
        Some(typed) => map.extend(typed),
        None => {
            map.insert("value".to_owned(), json!(strings.take(&texts).unwrap_or_default()));
        }
    }
    if let Some(label) = strings.take(&label) {
        map.insert("label".to_owned(), json!(label));
    }
    if let Some(change) = change(field, face)
        && let Some(text) = strings.take(&fill::all(change, design, face))
    {
        map.insert("changeMessage".to_owned(), json!(text));
    }
    if field.slot == Slot::Back {
        map.insert("dataDetectorTypes".to_owned(), json!(detectors(field)));
    }
    Some(map)
}

/// The lock screen's sentence, unless the customer paused what it speaks of.
fn change<'a>(field: &'a Field, face: &Face) -> Option<&'a Text> {
    let (speaks, text) = field.change.as_ref()?;
    let heard = match speaks {
        Speaks::Balance => face.balance_speaks,
        Speaks::Tier => face.tier_speaks,
        Speaks::Always => true,
    };
    heard.then_some(text)
}

/// The only blank of a field in every language.
fn sole_blank(field: &Field) -> Option<Blank> {
    let mut blanks = field.value.values().map(|text| fill::sole_blank(text));
    let first = blanks.next()??;
    blanks.all(|blank| blank == Some(first)).then_some(first)
}

/// What the phone makes touchable in a back field: addresses, and whatever the shop wrote. Nothing else, so that no
/// serial number becomes a telephone number.
fn detectors(field: &Field) -> &'static [&'static str] {
    match sole_blank(field) {
        Some(Blank::Page | Blank::Referral) => &["PKDataDetectorTypeLink"],
        Some(Blank::Message) => &["PKDataDetectorTypeLink", "PKDataDetectorTypePhoneNumber"],
        _ => &[],
    }
}

/// The value of a field that is nothing but a number, an amount or a day, with its style. Units with decimals stay text:
/// a number would lose its last zero.
fn typed(field: &Field, face: &Face) -> Option<Map<String, Value>> {
    let number = |value: i64| json!({ "value": value, "numberStyle": "PKNumberStyleDecimal" });
    let units = |value: i64| (face.scale == 0).then(|| number(value));
    let money = |minor: i64| {
        let amount: f64 = plain_decimal(minor, face.currency_digits).parse().ok()?;
        Some(json!({ "value": Number::from_f64(amount)?, "currencyCode": face.currency }))
    };
    let day = |date: jiff::civil::Date| {
        // Noon, and without the phone's zone: the same day wherever the phone is.
        let value = format!("{}T12:00:00Z", date.strftime("%Y-%m-%d"));
        json!({
            "value": value, "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleNone", "ignoresTimeZone": true
        })
    };
    let way = face.next_reward.as_ref();
    let value = match sole_blank(field)? {
        Blank::Balance => units(face.balance)?,
        Blank::Pending => units(face.pending)?,
        Blank::Done => units(way?.done)?,
        Blank::Goal => units(way?.goal)?,
        Blank::ToNextReward => units(way?.left)?,
        Blank::RewardsAvailable => number(face.rewards_available),
        Blank::Worth => money(face.worth?.minor)?,
        Blank::ToNextTier => {
            let tier = face.tier.as_ref()?;
            let missing = tier.next.as_ref()?.1;
            if tier.by_spend { money(missing)? } else { units(missing)? }
        }
        Blank::NextExpiry => day(face.next_expiry.as_ref()?.last_day),
        Blank::NextExpiryAmount if face.kind == Kind::Stamps => number(face.next_expiry.as_ref()?.amount),
        Blank::NextExpiryAmount => units(face.next_expiry.as_ref()?.amount)?,
        Blank::Since => day(face.since),
        Blank::Ends => day(fill::last_day(face.ends.as_ref()?)),
        _ => return None,
    };
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// `1230` with two digits is `12.30`.
fn plain_decimal(minor: i64, digits: u8) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let width = usize::from(digits) + 1;
    let padded = format!("{:0>width$}", minor.unsigned_abs());
    let (whole, fraction) = padded.split_at(padded.len() - usize::from(digits));
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A W3C date with seconds and zone, as Apple's documentation has it: no fractions.
fn w3c(moment: &Moment) -> String {
    let zoned = moment.zoned();
    format!("{}{}", zoned.strftime("%Y-%m-%dT%H:%M:%S"), zoned.strftime("%:z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (minor, digits, text) in [
            (1_230, 2, "12.30"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (500, 0, "500"),
            (1_234, 3, "1.234"),
            (0, 2, "0.00"),
        ] {
            assert_eq!(plain_decimal(minor, digits), text);
        }
    }

    #[test]
    fn days_have_their_zone_and_no_fractions() {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("tzdata");
        let moment = Moment { ms: 1_774_745_999_120, zone };
        assert_eq!(w3c(&moment), "2026-03-29T01:59:59+01:00");
    }
}
