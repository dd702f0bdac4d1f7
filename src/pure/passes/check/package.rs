//! The files: which are there, whether the manifest covers exactly them, pictures and translations.

use std::collections::{BTreeMap, BTreeSet};

use openssl::sha::sha1;

use super::{Findings, json};
use crate::pure::passes::bundle::{File, MANIFEST, SIGNATURE};

/// A pass larger than this is slow to fetch on a bad line (wallets/apple.md section 1).
const BYTES_AIM: usize = 300 * 1024;

/// Pictures of any pass, and the largest size of each at 1x; exact where the flag is set.
const PICTURES: [(&str, u32, u32, bool); 6] = [
    ("icon", 29, 29, true),
    ("logo", 160, 50, false),
    ("strip", 375, 144, true),
    ("thumbnail", 90, 90, false),
    ("background", 180, 220, false),
    ("footer", 286, 15, false),
];

/// Looks at everything but the inside of pass.json and the signature.
pub(super) fn judge(files: &[File], bytes: usize, findings: &mut Findings) {
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for (name, remedy) in [
        ("pass.json", "put the files at the top level of the archive, in no folder"),
        (MANIFEST, "list every file with its SHA-1 in manifest.json"),
        (SIGNATURE, "sign manifest.json into a detached signature"),
        ("icon.png", "add icon.png; without it Wallet drops the pass and says nothing"),
    ] {
        if !names.contains(name) {
            findings.error("archive", format!("{name} is missing"), remedy);
        }
    }
    for name in ["icon@2x.png", "icon@3x.png"] {
        if !names.contains(name) {
            findings.warning("archive", format!("{name} is missing"), "add it; phones of today show no other size");
        }
    }
    if bytes > BYTES_AIM {
        let what = format!("the pass has {} KB", bytes / 1024);
        findings.warning("archive", what, "aim under 300 KB: fewer colours in pictures");
    }
    manifest(files, findings);
    files.iter().for_each(|file| one(file, findings));
    languages(files, &names, findings);
}

/// The manifest covers exactly the files, with their hashes.
fn manifest(files: &[File], findings: &mut Findings) {
    let Some(manifest) = files.iter().find(|file| file.name == MANIFEST) else { return };
    let Some(manifest) = json::read(&manifest.bytes, MANIFEST, findings) else { return };
    for file in files.iter().filter(|file| file.name != MANIFEST && file.name != SIGNATURE) {
        let Some(listed) = manifest.get(&file.name) else {
            findings.error(MANIFEST, format!("{} is not listed", file.name), "list every file, then sign again");
            continue;
        };
        let hash: String = sha1(&file.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        match listed.as_str() {
            Some(listed) if listed == hash => {}
            Some(listed) if listed.eq_ignore_ascii_case(&hash) => findings.error(
                MANIFEST,
                format!("the hash of {} is in capitals", file.name),
                "write hashes in lower case",
            ),
            _ => findings.error(
                MANIFEST,
                format!("the hash of {} is not that of the file ({hash})", file.name),
                "the file was changed after signing, or the hash is no SHA-1: make and sign the manifest anew",
            ),
        }
    }
    for name in manifest.keys() {
        if name == MANIFEST || name == SIGNATURE {
            findings.error(MANIFEST, format!("{name} is listed"), "leave out manifest.json and signature");
        } else if !files.iter().any(|file| file.name == *name) {
            findings.error(MANIFEST, format!("{name} is listed and not there"), "make and sign the manifest anew");
        }
    }
}

/// One file by its name.
fn one(file: &File, findings: &mut Findings) {
    let name = file.name.as_str();
    let base = name.rsplit('/').next().unwrap_or(name);
    if name.starts_with("__MACOSX/") || base == ".DS_Store" {
        findings.error(name, "a leftover of the Finder", "zip with 'zip -X', which leaves them out");
        return;
    }
    if let Some((folder, base)) = name.split_once('/') {
        let language = folder.strip_suffix(".lproj").is_some_and(|tag| !tag.is_empty());
        if !language || base.contains('/') {
            findings.warning(name, "no file of a pass lies there", "only folders such as de.lproj are looked into");
            return;
        }
        if base == "pass.strings" {
            return;
        }
    }
    if ["pass.json", MANIFEST, SIGNATURE, "personalization.json"].contains(&name) {
        return;
    }
    let Some((stem, scale)) = base.strip_suffix(".png").map(scaled) else {
        findings.warning(name, "Wallet does not look at it", "leave it out");
        return;
    };
    let Some((width, height)) = png_size(&file.bytes) else {
        findings.error(name, "it is no PNG", "save the picture as PNG");
        return;
    };
    match PICTURES.iter().find(|(known, ..)| *known == stem) {
        Some((_, wide, high, exact)) => {
            let (wide, high) = (wide * scale, high * scale);
            if (*exact && (width, height) != (wide, high)) || width > wide || height > high {
                let size = if *exact { "" } else { "at most " };
                let what = format!("it is {width}×{height}, Wallet wants {size}{wide}×{high}");
                findings.warning(name, what, "draw it in that size; Wallet scales and cuts others");
            }
        }
        None if stem == "personalizationLogo" => {}
        None => findings.warning(name, "Wallet does not look at it", "leave it out"),
    }
}

/// `strip@2x` is (`strip`, 2).
fn scaled(stem: &str) -> (&str, u32) {
    match stem.rsplit_once('@') {
        Some((stem, "2x")) => (stem, 2),
        Some((stem, "3x")) => (stem, 3),
        _ => (stem, 1),
    }
}

/// Width and height of a PNG from its first chunk (PNG section 11.2.2).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR")?;
    let number = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    let whole = bytes.windows(4).rev().take(16).any(|window| window == b"IEND");
    whole.then_some((number(0)?, number(4)?))
}

/// Translations: readable, and English among them.
fn languages(files: &[File], names: &BTreeSet<&str>, findings: &mut Findings) {
    let tables: Vec<&File> = files.iter().filter(|file| file.name.ends_with(".lproj/pass.strings")).collect();
    for file in &tables {
        match strings(&file.bytes) {
            Ok(table) if table.is_empty() => findings.note(&file.name, "it translates nothing"),
            Ok(_) => {}
            Err(what) => findings.error(&file.name, what, "write lines such as \"Level\" = \"Stufe\";"),
        }
    }
    if !tables.is_empty() && !names.contains("en.lproj/pass.strings") {
        findings.warning(
            "archive",
            "there are translations and no en.lproj",
            "add one; a phone in a language that is not there may show any of the others",
        );
    }
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
        let after = skip_space(after)?.strip_prefix('=').ok_or_else(|| format!("after \"{key}\" there is no ="))?;
        let (value, after) = quoted(skip_space(after)?)?;
        let after = skip_space(after)?.strip_prefix(';').ok_or_else(|| format!("after \"{value}\" there is no ;"))?;
        if table.insert(key.clone(), value).is_some() {
            return Err(format!("\"{key}\" stands there twice"));
        }
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
    let shown = || text.chars().take(20).collect::<String>();
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
