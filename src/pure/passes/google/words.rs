//! Texts in payloads: one for all, and its translations.

use serde_json::{Map, Value, json};

use super::super::Text;
pub use super::super::fill::all as filled;
use crate::pure::text::{Language, WalletWord, wallet_word};

/// The language in which every design speaks.
const DEFAULT: &str = "en";

/// Sets a property.
pub fn put(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    map.insert(key.to_owned(), value.into());
}

/// Sets `key` to the text of the default language, and its translations beside it. Nothing where the text is empty.
pub fn put_text(map: &mut Map<String, Value>, key: &str, text: &Text) {
    let Some(default) = text.get(DEFAULT).filter(|text| !text.is_empty()) else { return };
    put(map, key, default.clone());
    if text.values().any(|other| other != default)
        && let Some(translated) = localized(text)
    {
        let mut name = String::from("localized");
        let mut letters = key.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        put(map, &name, translated);
    }
}

/// Sets `key` to one of our own words.
pub fn put_word(map: &mut Map<String, Value>, key: &str, word: WalletWord) {
    put_text(map, key, &text_of(word));
}

/// One of our own words in each language.
pub fn text_of(word: WalletWord) -> Text {
    Language::ALL.into_iter().map(|language| (language.tag().to_owned(), wallet_word(language, word))).collect()
}

/// A `LocalizedString`; none where there is no text in the default language.
pub fn localized(text: &Text) -> Option<Value> {
    let default = text.get(DEFAULT).filter(|text| !text.is_empty())?;
    let mut localized = Map::new();
    put(&mut localized, "defaultValue", json!({ "language": DEFAULT, "value": default }));
    let others: Vec<Value> = text
        .iter()
        .filter(|(tag, value)| *tag != DEFAULT && !value.is_empty())
        .map(|(tag, value)| json!({ "language": tag, "value": value }))
        .collect();
    if !others.is_empty() {
        put(&mut localized, "translatedValues", others);
    }
    Some(Value::Object(localized))
}

/// A text of at most `max` characters; a longer one ends in an ellipsis.
pub fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The named properties of an object, without their translations.
pub fn only(value: Value, keys: &[&str]) -> Value {
    let Value::Object(map) = value else { return value };
    Value::Object(map.into_iter().filter(|(key, _)| keys.contains(&key.as_str())).collect())
}
