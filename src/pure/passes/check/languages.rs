//! Translations: readable, English among them, and of the texts that pass.json has (wallets/apple.md section 1,
//! "Localisation").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Findings, fields};
use crate::pure::passes::bundle::File;
use crate::pure::text::{shown, shown_to};

const ENDING: &str = ".lproj/pass.strings";

/// Keys of pass.json, at any depth, whose texts Wallet translates.
const TRANSLATED: [&str; 8] =
    ["altText", "attributedValue", "changeMessage", "description", "label", "logoText", "relevantText", "value"];

/// Judges the strings files against what `pass` says; that is none where it could not be read.
pub(super) fn judge(files: &[File], pass: Option<&Map<String, Value>>, findings: &mut Findings) {
    let mut tables: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut there = BTreeSet::new();
    for file in files {
        let Some(tag) = file.name.strip_suffix(ENDING) else { continue };
        there.insert(tag);
        if !is_tag(tag) {
            let remedy = "name the folder by a language tag, as in de.lproj, en-GB.lproj or zh-Hans.lproj";
            findings.warning(&file.name, format!("'{}' is no language", shown(tag)), remedy);
        }
        match strings(&file.bytes) {
            Ok(table) => {
                one(&file.name, &table, findings);
                tables.insert(tag, table);
            }
            Err(what) => findings.error(&file.name, what, "write lines such as \"Level\" = \"Stufe\";"),
        }
    }
    if !there.is_empty() && !there.contains("en") {
        findings.warning(
            "archive",
            "there are translations and no en.lproj",
            "add one; a phone in a language that is not there may show any of the others",
        );
    }
    if let Some(pass) = pass {
        let mut texts = BTreeSet::new();
        collect(&Value::Object(pass.clone()), &mut texts);
        together(&tables, &texts, findings);
    }
}

/// One table by itself.
fn one(file: &str, table: &BTreeMap<String, String>, findings: &mut Findings) {
    if table.is_empty() {
        findings.note(file, "it translates nothing");
    }
    for (text, translation) in table {
        let shown = || shown_to(text, 40);
        if text.matches("%@").count() != translation.matches("%@").count() {
            let what = format!("the translation of \"{}\" has another number of %@", shown());
            findings.error(file, what, "keep %@ in every language: the new value stands there");
        }
        if fields::is_unfilled(translation) {
            let what = format!("the translation of \"{}\" shows a place that was not filled", shown());
            findings.warning(file, what, "fill it, or leave the text out");
        }
    }
}

/// The tables against each other and against the texts of the pass.
fn together(tables: &BTreeMap<&str, BTreeMap<String, String>>, texts: &BTreeSet<String>, findings: &mut Findings) {
    // Those that matter, so that the work grows with the tables and not with their square.
    let keys: BTreeSet<&String> =
        tables.values().flat_map(BTreeMap::keys).filter(|key| texts.contains(key.as_str())).collect();
    for (tag, table) in tables {
        let file = format!("{tag}{ENDING}");
        let has = table.keys().filter(|key| keys.contains(key)).count();
        if let Some(first) = keys.iter().find(|key| !table.contains_key(key.as_str())) {
            let lacking = keys.len() - has;
            let what = format!("it lacks {lacking} texts that another language has, as \"{}\"", shown(first));
            findings.warning(&file, what, "translate every text in every language: a phone would show two");
        }
        let idle = table.len() - has;
        if idle > 0 {
            findings.note(&file, format!("{idle} of its texts do not stand in pass.json"));
        }
    }
}

/// All texts that Wallet translates.
fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner {
                    Value::String(text) if TRANSLATED.contains(&key.as_str()) => drop(texts.insert(text.clone())),
                    _ => collect(inner, texts),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, texts)),
        _ => {}
    }
}

/// Whether it reads as a language tag: two or three letters, then parts of two to eight letters and digits. Apple's older
/// form has an underscore.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The lines of a strings file: `"key" = "value";`, comments between them.
fn strings(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(|text| text.trim_start_matches('\u{feff}').to_owned()),
    };
    let text = text.ok_or("it is neither UTF-8 nor UTF-16 text")?;
    let mut table = BTreeMap::new();
    let mut rest = skip_space(&text)?;
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let after =
            skip_space(after)?.strip_prefix('=').ok_or_else(|| format!("after \"{}\" there is no =", shown(&key)))?;
        let (value, after) = quoted(skip_space(after)?)?;
        let after =
            skip_space(after)?.strip_prefix(';').ok_or_else(|| format!("after \"{}\" there is no ;", shown(&value)))?;
        if table.contains_key(&key) {
            return Err(format!("\"{}\" stands there twice", shown(&key)));
        }
        table.insert(key, value);
        rest = skip_space(after)?;
    }
    Ok(table)
}

fn utf16(bytes: &[u8], number: fn([u8; 2]) -> u16) -> Option<String> {
    let units: Vec<u16> = bytes.chunks(2).map(|pair| Some(number(pair.try_into().ok()?))).collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}

/// What follows white space and comments.
fn skip_space(text: &str) -> Result<&str, String> {
    let mut rest = text.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or("a comment does not end")?.1.trim_start();
        } else if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after).trim_start();
        } else {
            return Ok(rest);
        }
    }
}

/// The text in quotes at the start, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let shown = || shown_to(text, 20);
    let rest = text.strip_prefix('"').ok_or_else(|| format!("no quotation mark before: {}", shown()))?;
    let mut value = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &rest[at + 1..])),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(format!("a text does not end: {}", shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_files_are_read_as_phones_do() {
        let table = strings("/* a */ \"A \\\"b\\\"\" = \"C\\nd\"; // e\n\"Ä\"=\"Ö\";".as_bytes()).expect("strings");
        assert_eq!(
            table.into_iter().collect::<Vec<_>>(),
            [("A \"b\"".into(), "C\nd".into()), ("Ä".into(), "Ö".into())]
        );
        let utf16: Vec<u8> = "\u{feff}\"a\" = \"ß\";".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(strings(&utf16).expect("strings")["a"], "ß");
        for wrong in [
            "\"a\"",
            "\"a\" = b;",
            "a = \"b\";",
            "\"a\" = \"b\"",
            "\"a\" = \"b",
            "/* ",
            "\"a\"=\"b\";\"a\"=\"c\";",
            "\"a\\",
        ] {
            assert!(strings(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(strings(b"\xFF").is_err() && strings(b"\xFF\xFEa").is_err());
    }
}
