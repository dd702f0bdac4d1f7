//! `pass.strings`: the translations of a pass's texts (wallets/apple.md section 1).

use std::collections::{BTreeMap, BTreeSet};

use crate::pure::passes::design::Text;

/// The language of pass.json.
const BASE: &str = "en";

/// Translations by language, each by the English text.
#[derive(Debug, Default)]
pub(super) struct Strings {
    by_language: BTreeMap<String, BTreeMap<String, String>>,
    /// Every English text that has a translation.
    translated: BTreeSet<String>,
}

impl Strings {
    /// Takes a text: returns its English and keeps its translations. None where there is nothing to say in English.
    ///
    /// Where the same English was translated otherwise before, the first translation stays: a phone could not tell them
    /// apart.
    pub(super) fn take(&mut self, text: &Text) -> Option<String> {
        let english = text.get(BASE).filter(|english| !english.is_empty())?;
        for (tag, translation) in text.iter().filter(|(tag, other)| *tag != BASE && *other != english) {
            let language = self.by_language.entry(tag.clone()).or_default();
            language.entry(english.clone()).or_insert_with(|| translation.clone());
            self.translated.insert(english.clone());
        }
        Some(english.clone())
    }

    /// The files by name. English has one as well: a phone in English would take the only language there is, which may
    /// be German. Every file has every text, in English where nobody translated it.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        if self.translated.is_empty() {
            return Vec::new();
        }
        let english = self.translated.iter().map(|text| (text, text));
        let mut files = vec![file(BASE, english)];
        files.extend(
            self.by_language.iter().map(|(tag, texts)| {
                file(tag, self.translated.iter().map(|text| (text, texts.get(text).unwrap_or(text))))
            }),
        );
        files
    }
}

fn file<'a>(tag: &str, texts: impl Iterator<Item = (&'a String, &'a String)>) -> (String, Vec<u8>) {
    let mut lines = String::new();
    for (key, value) in texts {
        for (part, end) in [(key, " = "), (value, ";\n")] {
            lines.push('"');
            escape_into(&mut lines, part);
            lines.push('"');
            lines.push_str(end);
        }
    }
    (format!("{tag}.lproj/pass.strings"), lines.into_bytes())
}

fn escape_into(lines: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '"' => lines.push_str("\\\""),
            '\\' => lines.push_str("\\\\"),
            '\n' => lines.push_str("\\n"),
            '\r' => lines.push_str("\\r"),
            '\t' => lines.push_str("\\t"),
            other => lines.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(english: &str, german: &str) -> Text {
        Text::from([("en".to_owned(), english.to_owned()), ("de".to_owned(), german.to_owned())])
    }

    #[test]
    fn english_is_the_key_and_only_what_differs_is_written() {
        let mut strings = Strings::default();
        assert_eq!(strings.take(&text("Level", "Stufe")).as_deref(), Some("Level"));
        assert_eq!(strings.take(&text("Level", "Rang")).as_deref(), Some("Level"), "the first stays");
        assert_eq!(strings.take(&text("7", "7")).as_deref(), Some("7"));
        assert_eq!(strings.take(&text("A \"b\"\\\n", "C")).as_deref(), Some("A \"b\"\\\n"));
        assert_eq!(strings.take(&text("", "nichts")), None);
        let files = strings.files();
        let shown: Vec<(&str, &str)> =
            files.iter().map(|(name, bytes)| (name.as_str(), std::str::from_utf8(bytes).expect("text"))).collect();
        assert_eq!(
            shown,
            [
                ("en.lproj/pass.strings", "\"A \\\"b\\\"\\\\\\n\" = \"A \\\"b\\\"\\\\\\n\";\n\"Level\" = \"Level\";\n"),
                ("de.lproj/pass.strings", "\"A \\\"b\\\"\\\\\\n\" = \"C\";\n\"Level\" = \"Stufe\";\n"),
            ]
        );
        assert!(Strings::default().files().is_empty());
    }

    #[test]
    fn every_language_has_every_text() {
        let mut strings = Strings::default();
        strings.take(&text("Level", "Stufe"));
        let mut three = text("Card", "Karte");
        three.insert("fr".to_owned(), "Carte".to_owned());
        strings.take(&three);
        let lines = |name: &str| {
            let file = strings.files().into_iter().find(|(own, _)| own.starts_with(name)).expect("a file");
            String::from_utf8(file.1).expect("text")
        };
        assert_eq!(lines("de"), "\"Card\" = \"Karte\";\n\"Level\" = \"Stufe\";\n");
        assert_eq!(lines("fr"), "\"Card\" = \"Carte\";\n\"Level\" = \"Level\";\n");
    }
}
