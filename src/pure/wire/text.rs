//! Small JSON texts of the ledger and the event stream, and the salted hash under which an event names free text.

use std::collections::BTreeMap;

use openssl::sha::Sha256;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A JSON value as it is.
pub type Json = serde_json::Value;

/// Any of our shapes as JSON. They hold no maps with foreign keys, so they always turn into text.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A text that [`json`] wrote, as `T`; `None` for one of an earlier layout.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// A stored object as it is; null where it is none.
pub fn object(text: &str) -> Json {
    from_json(text).unwrap_or(Json::Null)
}

/// The named texts that are there, as one JSON object: `None` where none is.
pub fn named(texts: &[(&str, Option<&str>)]) -> Option<String> {
    let there: BTreeMap<&str, &str> = texts.iter().filter_map(|(name, text)| Some((*name, (*text)?))).collect();
    (!there.is_empty()).then(|| json(&there))
}

/// One text of an object that [`named`] wrote.
pub fn part(object: &Json, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// SHA-256(salt || text): what an event holds of free text and personal data, which can so be erased while the chain stays
/// whole (STYLE.md section 7).
pub fn salted_hash(salt: &[u8; 16], text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(text.as_bytes());
    hash.finish()
}

/// SHA-256 over texts, each with its length: what tells one request from another.
pub fn content_hash(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finish()
}

/// A short name for bytes that must not be shown: the first ten of their SHA-256.
pub fn short_name(bytes: &[u8]) -> [u8; 10] {
    let hash = openssl::sha::sha256(bytes);
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_written_and_read_back() {
        assert_eq!(named(&[("comment", None), ("public_note", None)]), None);
        let text = named(&[("public_note", Some("Danke")), ("comment", Some("x\"y"))]).expect("two texts");
        assert_eq!(text, r#"{"comment":"x\"y","public_note":"Danke"}"#);
        assert_eq!(part(&object(&text), "comment").as_deref(), Some("x\"y"));
        assert_eq!(part(&object(&text), "other"), None);
        assert_eq!(object("no json"), Json::Null);
    }

    #[test]
    fn the_salt_decides_the_hash() {
        assert_ne!(salted_hash(&[0; 16], "text"), salted_hash(&[1; 16], "text"));
        assert_eq!(salted_hash(&[7; 16], "text"), salted_hash(&[7; 16], "text"));
    }
}
