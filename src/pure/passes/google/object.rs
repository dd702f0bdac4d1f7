//! The loyalty object: one card.

use serde_json::{Map, Value, json};

use super::words::{filled, localized, put, put_text, put_word, short, text_of};
use super::{Issuer, LIST_MAX, NAME_SHOWN, class_id, image, object_id};
use crate::pure::domain::Moment;
use crate::pure::domain::money::decimal;
use crate::pure::passes::fill::sole_blank;
use crate::pure::passes::{Blank, Codes, Design, Face, Field, Kind, Money, Rotating, Slot, State};
use crate::pure::text::WalletWord;

/// Text modules that Wallet shows.
const MODULES_MAX: usize = 10;

/// The object of a card.
pub fn object(issuer: &Issuer, design: &Design, face: &Face) -> Value {
    let mut object = Map::new();
    put(&mut object, "id", object_id(issuer, face));
    put(&mut object, "classId", class_id(issuer, face));
    put(&mut object, "state", state(face.state));
    put(&mut object, "accountId", face.serial.to_string());
    if let Some(member) = &face.member {
        put(&mut object, "accountName", short(member, NAME_SHOWN));
    }
    put(&mut object, "loyaltyPoints", points(face));
    if let Some(second) = second_points(face) {
        put(&mut object, "secondaryLoyaltyPoints", second);
    }
    codes(&mut object, issuer, &face.codes, &face.serial.grouped());
    if issuer.picture_varies()
        && let Some(picture) = issuer.picture(design, face)
    {
        put(&mut object, "heroImage", image(&picture, design, face));
    }
    if let Some(ends) = &face.ends {
        // Offsets on both ends of an interval, or on none.
        let begins = face.since.to_zoned(ends.zone.clone()).ok();
        let mut interval = Map::new();
        if let Some(begins) = begins.map(|day| Moment { ms: day.timestamp().as_millisecond(), zone: ends.zone.clone() })
            && begins.ms < ends.ms
        {
            put(&mut interval, "start", json!({ "date": begins.rfc3339() }));
        }
        put(&mut interval, "end", json!({ "date": ends.rfc3339() }));
        put(&mut object, "validTimeInterval", interval);
    }
    let modules: Vec<Value> =
        design.fields.iter().filter_map(|field| module(field, design, face)).take(MODULES_MAX).collect();
    if !modules.is_empty() {
        put(&mut object, "textModulesData", modules);
    }
    if let Some(message) = &face.message {
        let message = json!({ "id": "shop", "header": face.shop, "body": message, "messageType": "TEXT" });
        put(&mut object, "messages", vec![message]);
    }
    put(&mut object, "linksModuleData", json!({ "uris": links(face) }));
    if design.sharing_prohibited {
        put(&mut object, "passConstraints", json!({ "screenshotEligibility": "INELIGIBLE" }));
    }
    debug_assert!(design.places.len() <= LIST_MAX, "a design names more places than Google takes");
    Value::Object(object)
}

/// There is no way to delete an object: a card that is gone is inactive, as a blocked one.
fn state(state: State) -> &'static str {
    match state {
        State::Live => "ACTIVE",
        State::Expired => "EXPIRED",
        State::Blocked | State::Deleted => "INACTIVE",
    }
}

/// Barcode, rotating barcode and what a terminal gets. Each medium has a text of its own (DESIGN.md section 2): without a
/// text of its own for Smart Tap Google would hand the barcode's to the terminal.
fn codes(object: &mut Map<String, Value>, issuer: &Issuer, codes: &Codes, serial: &str) {
    if let Some(text) = &codes.barcode {
        let mut barcode = Map::new();
        put(&mut barcode, "type", "QR_CODE");
        put(&mut barcode, "value", text.clone());
        // What a cashier types where no scanner reads the code.
        put(&mut barcode, "alternateText", serial);
        put(&mut barcode, "renderEncoding", "UTF_8");
        if issuer.smart_tap
            && let Some(words) = localized(&text_of(WalletWord::Code))
        {
            put(&mut barcode, "showCodeText", words);
        }
        put(object, "barcode", barcode);
    }
    if let Some(rotating) = &codes.rotating {
        put(object, "rotatingBarcode", rotating_barcode(rotating, serial));
    }
    if issuer.smart_tap
        && let Some(text) = &codes.smart_tap_value
    {
        put(object, "smartTapRedemptionValue", text.clone());
    }
}

fn rotating_barcode(rotating: &Rotating, serial: &str) -> Value {
    let key: String = rotating.key.iter().map(|byte| format!("{byte:02X}")).collect();
    json!({
        "type": "QR_CODE",
        "renderEncoding": "UTF_8",
        "alternateText": serial,
        "valuePattern": rotating.pattern,
        "totpDetails": {
            "algorithm": "TOTP_SHA1",
            "periodMillis": rotating.period_ms.to_string(),
            "parameters": [{ "key": key, "valueLength": rotating.digits }],
        },
    })
}

/// What the card counts: `7/10` stamps, points as a number, cashback as money.
fn points(face: &Face) -> Value {
    let (word, balance) = match face.kind {
        Kind::Stamps => {
            let shown = match &face.next_reward {
                Some(way) => format!("{}/{}", way.done, way.goal),
                None => face.balance.to_string(),
            };
            (WalletWord::Stamps, json!({ "string": shown }))
        }
        Kind::Points => (WalletWord::Points, number(face.balance, face.scale)),
        Kind::Cashback => (WalletWord::Cashback, cashback(face)),
    };
    labelled(word, balance)
}

/// Rewards that are ready, what is missing to the next one, or the percentage that comes back.
fn second_points(face: &Face) -> Option<Value> {
    match face.kind {
        Kind::Stamps => Some(labelled(WalletWord::Rewards, number(face.rewards_available, 0))),
        Kind::Points => face.next_reward.as_ref().map(|way| labelled(WalletWord::ToGo, number(way.left, face.scale))),
        Kind::Cashback => face.cashback_bp.map(|bp| labelled(WalletWord::Rate, json!({ "string": percent(bp) }))),
    }
}

fn labelled(word: WalletWord, balance: Value) -> Value {
    let mut points = Map::new();
    put_word(&mut points, "label", word);
    put(&mut points, "balance", balance);
    Value::Object(points)
}

/// An amount as Wallet writes it: a whole number of 32 bits, else text.
fn number(amount: i64, scale: u8) -> Value {
    match i32::try_from(amount) {
        Ok(whole) if scale == 0 => json!({ "int": whole }),
        _ => json!({ "string": decimal(amount, scale) }),
    }
}

/// Points that are money, in millionths of the currency.
fn cashback(face: &Face) -> Value {
    let micros = |Money { minor }: Money| {
        let each = 10i64.checked_pow(6u32.checked_sub(u32::from(face.currency_digits))?)?;
        minor.checked_mul(each)
    };
    match face.worth.and_then(micros) {
        Some(micros) => json!({ "money": { "currencyCode": face.currency, "micros": micros.to_string() } }),
        None => number(face.balance, face.scale),
    }
}

/// Hundredths of a percent: 150 is `1.5 %`.
fn percent(bp: i64) -> String {
    let text = decimal(bp, 2);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// What the design says below the strip and on the back, as a text module. Header and primary fields are the points here,
/// and links are links.
fn module(field: &Field, design: &Design, face: &Face) -> Option<Value> {
    if matches!(field.slot, Slot::Header | Slot::Primary) {
        return None;
    }
    // Who and which card stand on the front, and the message is a message.
    let only = field.value.get("en").and_then(|text| sole_blank(text));
    if matches!(only, Some(Blank::Serial | Blank::Member | Blank::Message)) {
        return None;
    }
    let header = filled(&field.label, design, face);
    let body = filled(&field.value, design, face);
    let linked = |text: &String| text.contains(&face.page) || text.contains(&face.referral);
    if body.get("en").is_none_or(|text| text.is_empty() || linked(text)) {
        return None;
    }
    let mut module = Map::new();
    // An id has no dots, and a design may name its field as it likes.
    let id: String =
        field.key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    put(&mut module, "id", id);
    put_text(&mut module, "header", &header);
    put_text(&mut module, "body", &body);
    Some(Value::Object(module))
}

fn links(face: &Face) -> Vec<Value> {
    let link = |id: &str, address: &str, word: WalletWord| {
        let mut link = Map::new();
        put(&mut link, "id", id);
        put(&mut link, "uri", address);
        put_word(&mut link, "description", word);
        Value::Object(link)
    };
    vec![link("card", &face.page, WalletWord::CardLink), link("invite", &face.referral, WalletWord::InviteLink)]
}

/// The least of an object with which a phone can save a card: what a fat link carries. That the card ends and that its
/// code changes is part of it: with neither, whoever copies the plain barcode could use it for ever.
pub fn object_lean(issuer: &Issuer, design: &Design, face: &Face) -> Value {
    const LEAN: [&str; 9] = [
        "id",
        "classId",
        "state",
        "accountId",
        "loyaltyPoints",
        "barcode",
        "rotatingBarcode",
        "smartTapRedemptionValue",
        "validTimeInterval",
    ];
    let mut object = super::words::only(object(issuer, design, face), &LEAN);
    for (part, property) in [("barcode", "showCodeText"), ("loyaltyPoints", "localizedLabel")] {
        if let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) {
            part.remove(property);
        }
    }
    object
}
