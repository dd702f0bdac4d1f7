//! pass.json of a storeCard (wallets/apple.md section 3).
//!
//! A text that differs between languages stands there as a key of `pass.strings`, such as `field.level.label`, which no value
//! equals: Wallet translates whatever equals a key, a customer's name too. English is one of the files, so that a phone in a
//! language that the design does not speak has it to fall back to. Numbers, money and days that stand alone in a field are
//! handed over as such, so that the phone writes them by its own customs.
//!
//! The members of each object stand in the order of their names, so that equal passes are equal bytes.

use std::borrow::Cow;

use serde::Serialize;

use super::phrase::{Pages, Said};
use super::sheet::{FieldSheet, Sheet};
use super::strings::Strings;
use super::{AppleError, Issuer, Updates};
use crate::pure::domain::Moment;
use crate::pure::domain::money::decimal;
use crate::pure::passes::bundle::crc32;
use crate::pure::passes::design::{Blank, Slot, Speaks};
use crate::pure::passes::face::{Face, Kind, State};
use crate::pure::passes::fill;

/// What an NFC reader takes at most (wallets/apple.md section 3).
const NFC_BYTES_MAX: usize = 64;

/// The encoding that a barcode's text must fit.
const BARCODE_ENCODING: &str = "iso-8859-1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pass<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_token: Option<&'a str>,
    background_color: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcodes: Option<[Barcode<'a>; 1]>,
    description: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<String>,
    foreground_color: &'a str,
    format_version: u8,
    label_color: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_distance: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nfc: Option<Nfc<'a>>,
    organization_name: &'a str,
    pass_type_identifier: &'a str,
    semantics: Semantics<'a>,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sharing_prohibited: bool,
    store_card: StoreCard<'a>,
    team_identifier: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    voided: bool,
    #[serde(rename = "webServiceURL", skip_serializing_if = "Option::is_none")]
    web_service_url: Option<&'a str>,
}

/// The field groups; one without fields is left out.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoreCard<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    auxiliary_fields: Vec<Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    back_fields: Vec<Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    header_fields: Vec<Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    primary_fields: Vec<Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secondary_fields: Vec<Written<'a>>,
}

/// One field.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    change_message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_detector_types: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_style: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignores_time_zone: bool,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_style: Option<&'static str>,
    value: Value<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Day(String),
    Number(i64),
    Money(f64),
}

impl Default for Value<'_> {
    fn default() -> Self {
        Self::Text(Cow::Borrowed(""))
    }
}

/// The card's own text as QR, with what a cashier types where no scanner reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Barcode<'a> {
    alt_text: String,
    format: &'static str,
    message: &'a str,
    message_encoding: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nfc<'a> {
    encryption_public_key: &'a str,
    message: &'a str,
    requires_authentication: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    relevant_text: Option<Cow<'a, str>>,
}

/// What machines read: whose programme, which number, what it is worth.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Semantics<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Balance<'a>>,
    membership_program_name: &'a str,
    membership_program_number: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Balance<'a> {
    amount: String,
    currency_code: &'a str,
}

/// What a card's pass says, with its translations.
pub(super) struct Saying<'s> {
    description: Said<'s>,
    logo_text: Said<'s>,
    fields: Vec<FieldSaying<'s>>,
    places: Vec<Said<'s>>,
}

/// What one field says.
struct FieldSaying<'s> {
    field: &'s FieldSheet,
    label: Said<'s>,
    /// Not asked for where the value is handed over as a number or a day.
    value: Said<'s>,
    typed: Option<Typed>,
    change: Option<Said<'s>>,
}

impl<'s> Saying<'s> {
    /// Fills a sheet from a card.
    pub(super) fn of(sheet: &'s Sheet, face: &Face) -> Self {
        let pages = sheet.pages();
        Self {
            description: sheet.description.said(pages, face),
            logo_text: sheet.logo_text.said(pages, face),
            fields: sheet.fields.iter().filter_map(|field| FieldSaying::of(field, pages, face)).collect(),
            places: sheet.places.iter().map(|place| place.text.said(pages, face)).collect(),
        }
    }
}

impl<'s> FieldSaying<'s> {
    /// None where the card has nothing for the field.
    fn of(field: &'s FieldSheet, pages: Pages<'_>, face: &Face) -> Option<Self> {
        let label = field.label.said(pages, face);
        if field.has_label && label.english.is_none() {
            return None;
        }
        let typed = field.sole.and_then(|blank| typed(blank, face)).filter(|_| field.value.speaks(pages, face));
        let value = if typed.is_some() { Said::default() } else { field.value.said(pages, face) };
        if typed.is_none() && value.english.is_none() {
            return None;
        }
        let change = field.change.as_ref().filter(|(speaks, _)| heard(*speaks, face));
        Some(Self { field, label, value, typed, change: change.map(|(_, text)| text.said(pages, face)) })
    }
}

/// pass.json, and the translations of its texts.
pub(super) fn pass<'a>(
    issuer: &Issuer,
    updates: Option<&Updates>,
    sheet: &'a Sheet,
    saying: &'a Saying<'_>,
    face: &'a Face,
) -> Result<(Vec<u8>, Strings<'a>), AppleError> {
    let mut strings = Strings::default();
    // Nothing to say is no text for a screen reader: the programme's title stands in.
    let description = strings.take(&saying.description, || "pass.description".to_owned());
    let description = description.unwrap_or_else(|| face.title.as_str().into());
    let logo_text = strings.take(&saying.logo_text, || "pass.logo".to_owned());
    let store_card = fields(&saying.fields, face, &mut strings);
    let locations = sheet.places.iter().zip(&saying.places).enumerate().map(|(at, (place, text))| Location {
        latitude: place.latitude,
        longitude: place.longitude,
        relevant_text: strings.take(text, || format!("place.{at}.text")),
    });
    let locations: Vec<Location<'_>> = locations.collect();
    let serial = face.serial.to_string();
    let pass = Pass {
        authentication_token: updates.map(|updates| updates.authentication_token.as_str()),
        background_color: &sheet.background,
        barcodes: face.codes.barcode.as_deref().map(|text| barcode(text, face)).transpose()?.map(|code| [code]),
        description,
        expiration_date: face.ends.as_ref().map(w3c),
        foreground_color: &sheet.foreground,
        format_version: 1,
        label_color: &sheet.label,
        max_distance: sheet.design().max_distance_m.filter(|_| !locations.is_empty()),
        locations,
        logo_text,
        nfc: nfc(issuer, face)?,
        organization_name: &face.shop,
        pass_type_identifier: &issuer.pass_type_id,
        semantics: semantics(&serial, face),
        serial_number: &serial,
        sharing_prohibited: sheet.design().sharing_prohibited,
        store_card,
        team_identifier: &issuer.team_id,
        voided: matches!(face.state, State::Blocked | State::Deleted),
        web_service_url: updates.map(|updates| updates.web_service_url.as_str()),
    };
    let mut json = Vec::with_capacity(8 * 1024);
    serde_json::to_writer(&mut json, &pass).map_err(|error| AppleError::Json(error.to_string()))?;
    Ok((json, strings))
}

fn barcode<'a>(text: &'a str, face: &Face) -> Result<Barcode<'a>, AppleError> {
    if text.chars().any(|letter| u32::from(letter) > 0xFF) {
        return Err(AppleError::Barcode);
    }
    Ok(Barcode {
        alt_text: face.serial.grouped(),
        format: "PKBarcodeFormatQR",
        message: text,
        message_encoding: BARCODE_ENCODING,
    })
}

fn nfc<'a>(issuer: &'a Issuer, face: &'a Face) -> Result<Option<Nfc<'a>>, AppleError> {
    let (Some(key), Some(message)) = (&issuer.nfc_key, &face.codes.nfc_message) else { return Ok(None) };
    if message.len() > NFC_BYTES_MAX {
        return Err(AppleError::NfcMessage(message.len()));
    }
    Ok(Some(Nfc { encryption_public_key: key, message, requires_authentication: false }))
}

fn semantics<'a>(serial: &'a str, face: &'a Face) -> Semantics<'a> {
    let balance = face
        .worth
        .as_ref()
        .map(|worth| Balance { amount: decimal(worth.minor, face.currency_digits), currency_code: &face.currency });
    Semantics { balance, membership_program_name: &face.title, membership_program_number: serial }
}

fn fields<'a>(said: &'a [FieldSaying<'_>], face: &'a Face, strings: &mut Strings<'a>) -> StoreCard<'a> {
    let mut card = StoreCard::default();
    for saying in said {
        let group = match saying.field.slot {
            Slot::Header => &mut card.header_fields,
            Slot::Primary => &mut card.primary_fields,
            Slot::Secondary => &mut card.secondary_fields,
            Slot::Auxiliary => &mut card.auxiliary_fields,
            Slot::Back => &mut card.back_fields,
        };
        group.push(written(saying, face, strings));
    }
    card
}

fn written<'a>(saying: &'a FieldSaying<'_>, face: &'a Face, strings: &mut Strings<'a>) -> Written<'a> {
    let key = |part: &'static str| move || format!("field.{}.{part}", saying.field.key);
    let mut written = Written { key: &saying.field.key, ..Written::default() };
    match &saying.typed {
        Some(Typed::Number(number)) => {
            written.value = Value::Number(*number);
            written.number_style = Some("PKNumberStyleDecimal");
        }
        Some(Typed::Money(amount)) => {
            written.value = Value::Money(*amount);
            written.currency_code = Some(&face.currency);
        }
        Some(Typed::Day(date)) => {
            // Noon, and without the phone's zone: the same day wherever the phone is.
            written.value = Value::Day(format!("{date}T12:00:00Z"));
            (written.date_style, written.time_style) = (Some("PKDateStyleMedium"), Some("PKDateStyleNone"));
            written.ignores_time_zone = true;
        }
        None => written.value = Value::Text(strings.take(&saying.value, || value_key(saying)).unwrap_or_default()),
    }
    written.label = strings.take(&saying.label, key("label"));
    // With %@, as the sentence: a reader that knows no strings shows the new value all the same.
    written.change_message = saying.change.as_ref().and_then(|text| strings.take(text, key("change %@")));
    if saying.field.slot == Slot::Back {
        written.data_detector_types = Some(detectors(saying.field.sole));
    }
    written
}

/// The key of a field's value. Of a field that speaks another one for each text: Wallet tells of a value that changed, and
/// whether it looks at pass.json or at the translation is not documented.
fn value_key(saying: &FieldSaying<'_>) -> String {
    let key = &saying.field.key;
    match saying.value.words().filter(|_| saying.field.change.is_some()) {
        Some(words) => format!("field.{key}.value.{:08x}", crc32(words.as_bytes())),
        None => format!("field.{key}.value"),
    }
}

/// Whether the lock screen tells of it: the customer may have paused what it speaks of.
fn heard(speaks: Speaks, face: &Face) -> bool {
    match speaks {
        Speaks::Balance => face.balance_speaks,
        Speaks::Tier => face.tier_speaks,
        Speaks::Always => true,
    }
}

/// What the phone makes touchable in a back field: addresses, and whatever the shop wrote. Nothing else, so that no
/// serial number becomes a telephone number.
fn detectors(sole: Option<Blank>) -> &'static [&'static str] {
    match sole {
        Some(Blank::Page | Blank::Referral) => &["PKDataDetectorTypeLink"],
        Some(Blank::Message) => &["PKDataDetectorTypeLink", "PKDataDetectorTypePhoneNumber"],
        _ => &[],
    }
}

/// A value that the phone writes by its own customs.
enum Typed {
    Number(i64),
    /// Of the card's currency.
    Money(f64),
    Day(jiff::civil::Date),
}

/// The value of a field that is nothing but a number, an amount or a day. Units with decimals stay text: a number would
/// lose its last zero.
fn typed(blank: Blank, face: &Face) -> Option<Typed> {
    let units = |value: i64| (face.scale == 0).then_some(Typed::Number(value));
    let money = |minor: i64| {
        let amount: f64 = decimal(minor, face.currency_digits).parse().ok()?;
        amount.is_finite().then_some(Typed::Money(amount))
    };
    let way = face.next_reward.as_ref();
    match blank {
        Blank::Balance => units(face.balance),
        Blank::Pending => units(face.pending),
        Blank::Done => units(way?.done),
        Blank::Goal => units(way?.goal),
        Blank::ToNextReward => units(way?.left),
        Blank::RewardsAvailable => Some(Typed::Number(face.rewards_available)),
        Blank::Worth => money(face.worth?.minor),
        Blank::ToNextTier => {
            let tier = face.tier.as_ref()?;
            let missing = tier.next.as_ref()?.1;
            if tier.by_spend { money(missing) } else { units(missing) }
        }
        Blank::NextExpiry => Some(Typed::Day(face.next_expiry.as_ref()?.last_day)),
        Blank::NextExpiryAmount if face.kind == Kind::Stamps => Some(Typed::Number(face.next_expiry.as_ref()?.amount)),
        Blank::NextExpiryAmount => units(face.next_expiry.as_ref()?.amount),
        Blank::Since => Some(Typed::Day(face.since)),
        Blank::Ends => Some(Typed::Day(fill::last_day(face.ends.as_ref()?))),
        _ => None,
    }
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
    fn days_have_their_zone_and_no_fractions() {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("tzdata");
        let moment = Moment { ms: 1_774_745_999_120, zone };
        assert_eq!(w3c(&moment), "2026-03-29T01:59:59+01:00");
    }
}
