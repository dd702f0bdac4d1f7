//! Google Wallet: the loyalty class of a programme and the loyalty object of a card (wallets/google.md section 1; Google's
//! discovery document `walletobjects.v1`).
//!
//! The same face, design and issuer give the same JSON, byte by byte. Numbers of 64 bits are strings and enums upper case,
//! as the document wants them; a property without a value is left out, never null. What Google sets itself (`hasUsers`,
//! `version`) and what it must be told anew in each change (`notifyPreference`) does not stand here.
//!
//! **Invariant:** a payload names no property that the discovery document does not have, and none that it calls deprecated
//! (`tests/google.rs` walks every payload of every programme).

mod object;
mod words;

use serde_json::{Map, Value, json};

use super::{Design, Face, Kind, Text, fill, strip};
use crate::pure::text::WalletWord;

pub use object::{object, object_lean};
use words::{localized, put, put_text, put_word, short};

/// Merchant locations and messages of one payload.
const LIST_MAX: usize = 10;

/// Characters of a programme's or shop's name that the front of a card shows.
const NAME_SHOWN: usize = 20;

/// Who issues: what stands alike in all payloads of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer's number.
    pub issuer_id: u64,
    /// Whether terminals of this issuer read the card by Smart Tap.
    pub smart_tap: bool,
    /// Address of the round logo, https; Google refuses a class without one.
    pub logo_url: Option<String>,
    /// Address of the wide picture, https, with the places of [`PLACES`]. Google keeps a picture by its address: each
    /// picture needs one of its own, so all that it shows must stand there, or `{state}`, which names all of it.
    pub image_url: Option<String>,
}

/// What an address of a picture may ask for: `{design}` is the design's name; `{count}` how far the card is, in stamps, on
/// other cards in tenths of the way to the next reward or level; `{goal}` the stamps of the whole card, on other cards the
/// units of the next reward; `{ready}` how many rewards can be used, 3 for more, on cards without stamps 0 or 1; `{level}`
/// the level's place from 0; `{state}` what the strip of Apple's pass shows, artwork and all.
pub const PLACES: [&str; 6] = ["{design}", "{count}", "{goal}", "{ready}", "{level}", "{state}"];

impl Issuer {
    /// The wide picture of a card. None without an address.
    fn picture(&self, design: &Design, face: &Face) -> Option<String> {
        let address = self.image_url.as_ref()?;
        let ready = face.rewards_available.clamp(0, if face.kind == Kind::Stamps { 3 } else { 1 });
        let filled = PLACES.iter().filter(|place| address.contains(**place)).fold(address.clone(), |address, place| {
            let value = match *place {
                "{count}" => count(face).to_string(),
                "{goal}" => face.next_reward.as_ref().map_or(0, |way| way.of).to_string(),
                "{ready}" => ready.to_string(),
                "{level}" => face.tier.as_ref().map_or(0, |tier| tier.place).to_string(),
                "{state}" => strip::state(design, face),
                _ => in_address(&design.name),
            };
            address.replace(place, &value)
        });
        Some(filled)
    }

    /// Whether a card has a picture of its own.
    fn picture_varies(&self) -> bool {
        let address = self.image_url.as_deref().unwrap_or_default();
        PLACES.iter().any(|place| *place != "{design}" && address.contains(place))
    }
}

/// A name as part of an address (RFC 3986 section 2): a design's is that of its folder, and may have any letters.
fn in_address(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// How far the card is, for its picture.
fn count(face: &Face) -> i64 {
    match (face.kind, &face.next_reward, &face.tier) {
        (Kind::Stamps, Some(way), _) => way.shown(),
        (_, Some(way), _) => way.shown().saturating_mul(10) / way.of.max(1),
        (_, None, Some(tier)) => i64::from(tier.permille) / 100,
        _ => 0,
    }
}

/// The id of a card's class: one for each programme, and for each level of it, because the level stands on the class.
pub fn class_id(issuer: &Issuer, face: &Face) -> String {
    let programme = face.programme.as_str();
    match &face.tier {
        None => format!("{}.{programme}", issuer.issuer_id),
        Some(tier) => format!("{}.{programme}.level-{}", issuer.issuer_id, suffix(&tier.name)),
    }
}

/// The id of a card's object. The serial never changes and never comes twice, so that an insert may be repeated.
pub fn object_id(issuer: &Issuer, face: &Face) -> String {
    format!("{}.{}", issuer.issuer_id, face.serial)
}

/// A level's name in the characters that an id may have; two names never become one.
fn suffix(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("_{byte:02x}"));
        }
    }
    text
}

/// The class of the programme (and level) of a card.
pub fn class(issuer: &Issuer, design: &Design, face: &Face) -> Value {
    let mut class = Map::new();
    put(&mut class, "id", class_id(issuer, face));
    put(&mut class, "issuerName", short(&face.shop, NAME_SHOWN));
    let each = |name: &dyn Fn(&str) -> String| {
        design.languages().into_iter().map(|tag| (tag.to_owned(), name(tag))).collect::<Text>()
    };
    put_text(&mut class, "programName", &each(&|tag| short(fill::title(tag, design, face), NAME_SHOWN)));
    // What a caller may say of it; Google answers with its own word (wallets/google.md section 1).
    put(&mut class, "reviewStatus", "UNDER_REVIEW");
    put(&mut class, "hexBackgroundColor", design.background.hex());
    if let Some(logo) = &issuer.logo_url {
        put(&mut class, "programLogo", image(logo, design, face));
    }
    if !issuer.picture_varies()
        && let Some(picture) = issuer.picture(design, face)
    {
        put(&mut class, "heroImage", image(&picture, design, face));
    }
    if let Some(tier) = &face.tier {
        put_text(&mut class, "rewardsTier", &each(&|tag| fill::level_name(&tier.name, tag, design).to_owned()));
        put_word(&mut class, "rewardsTierLabel", WalletWord::Level);
    }
    put_word(&mut class, "accountIdLabel", WalletWord::CardId);
    put_word(&mut class, "accountNameLabel", WalletWord::MemberName);
    if issuer.smart_tap {
        put(&mut class, "enableSmartTap", true);
        put(&mut class, "redemptionIssuers", json!([issuer.issuer_id.to_string()]));
    }
    let holders = if design.sharing_prohibited { "ONE_USER_ALL_DEVICES" } else { "MULTIPLE_HOLDERS" };
    put(&mut class, "multipleDevicesAndHoldersAllowedStatus", holders);
    put(&mut class, "viewUnlockRequirement", "UNLOCK_NOT_REQUIRED");
    let places: Vec<Value> = design
        .places
        .iter()
        .take(LIST_MAX)
        .map(|place| json!({ "latitude": place.latitude, "longitude": place.longitude }))
        .collect();
    if !places.is_empty() {
        put(&mut class, "merchantLocations", places);
    }
    let names = whole_names(design, face);
    if !names.is_empty() {
        put(&mut class, "textModulesData", names);
    }
    Value::Object(class)
}

/// The least of a class with which a phone can save a card: what a fat link carries. The rest follows by REST.
pub fn class_lean(issuer: &Issuer, design: &Design, face: &Face) -> Value {
    const LEAN: [&str; 9] = [
        "id",
        "issuerName",
        "programName",
        "reviewStatus",
        "programLogo",
        "hexBackgroundColor",
        "rewardsTier",
        "enableSmartTap",
        "redemptionIssuers",
    ];
    let mut class = words::only(class(issuer, design, face), &LEAN);
    if let Some(logo) = class.get_mut("programLogo").and_then(Value::as_object_mut) {
        logo.remove("contentDescription");
    }
    class
}

/// The names that the front cuts short, whole.
fn whole_names(design: &Design, face: &Face) -> Vec<Value> {
    let cut = |name: &str| name.chars().count() > NAME_SHOWN;
    let names = [
        ("shop", WalletWord::Shop, face.shop.as_str()),
        ("programme", WalletWord::Programme, fill::title("en", design, face)),
    ];
    names
        .into_iter()
        .filter(|(_, _, name)| cut(name))
        .map(|(id, word, name)| {
            let mut module = Map::new();
            put(&mut module, "id", id);
            put_word(&mut module, "header", word);
            put(&mut module, "body", name);
            Value::Object(module)
        })
        .collect()
}

/// A picture that Google fetches, described for who cannot see it.
fn image(address: &str, design: &Design, face: &Face) -> Value {
    let mut image = Map::new();
    put(&mut image, "sourceUri", json!({ "uri": address }));
    if let Some(description) = localized(&words::filled(&design.description, design, face)) {
        put(&mut image, "contentDescription", description);
    }
    Value::Object(image)
}
