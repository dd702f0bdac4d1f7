//! Texts of a design: one for all languages, or one for each.

use toml::{Spanned, Value};

use super::{Checked, wrong};
use crate::base::config::source::Source;
use crate::pure::passes::fill::VALUE;
use crate::pure::passes::{Blank, BlankError, Text, pieces};

/// Whether places in braces are filled in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Braces {
    /// Filled from the card.
    Filled,
    /// The text stands as it is: a brace would be shown.
    Refused,
    /// Only `{value}` is filled: what a reward takes off a bill.
    Value,
}

/// Longest text, in characters: a back field of a few paragraphs.
const CHARS_MAX: usize = 2_000;

/// A text as the file gives it.
pub(super) fn text(source: &Source, given: &Spanned<Value>, braces: Braces) -> Checked<Text> {
    const FORMS: &str = "write \"…\" for all languages, or { en = \"…\", de = \"…\" }";
    let mut text = Text::new();
    match given.get_ref() {
        Value::String(all) => {
            text.insert("en".to_owned(), all.clone());
        }
        Value::Table(table) => {
            for (language, words) in table {
                let Value::String(words) = words else {
                    return wrong(source, given, format!("`{language}` is no text"), FORMS);
                };
                if !is_language(language) {
                    return wrong(
                        source,
                        given,
                        format!("`{language}` is no language"),
                        "write tags such as en, de, pt-BR",
                    );
                }
                text.insert(language.clone(), words.clone());
            }
        }
        _ => return wrong(source, given, "not a text", FORMS),
    }
    if !text.contains_key("en") {
        return wrong(
            source,
            given,
            "the English words are missing",
            "add en = \"…\": what other languages fall back to",
        );
    }
    for (language, words) in &text {
        if words.chars().count() > CHARS_MAX {
            return wrong(
                source,
                given,
                format!("`{language}` is too long"),
                format!("use at most {CHARS_MAX} characters"),
            );
        }
        check_braces(source, given, words, braces)?;
    }
    Ok(text)
}

fn check_braces(source: &Source, given: &Spanned<Value>, words: &str, braces: Braces) -> Checked<()> {
    if braces == Braces::Value {
        return match words.replace(VALUE, "").contains(['{', '}']) {
            true => wrong(source, given, "only {value} is filled in here", "write the words without other braces"),
            false => Ok(()),
        };
    }
    let names = || Blank::ALL.map(|(name, _)| name).join(", ");
    match pieces(words) {
        Ok(_) if braces == Braces::Refused && words.contains('{') => {
            wrong(source, given, "nothing is filled in here", "write the words without braces")
        }
        Ok(_) => Ok(()),
        Err(error @ BlankError::Unknown(_)) => {
            wrong(source, given, error.to_string(), format!("take one of {}", names()))
        }
        Err(error @ BlankError::Alone) => wrong(source, given, error.to_string(), "write places as in {balance}"),
    }
}

/// A tag such as `en`, `de` or `pt-BR` (BCP 47, language with script or region).
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
