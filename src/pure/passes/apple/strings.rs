//! `pass.strings`: the translations of a pass's texts (wallets/apple.md section 1).

use std::borrow::Cow;

use super::phrase::{BASE, Said, Tongue};

/// What the keys of our files begin with. A text that begins so is given a key itself, so that none equals one.
const FIRST: [&str; 3] = ["field.", "pass.", "place."];

/// The texts of a pass that differ between languages, each by its key.
#[derive(Debug, Default)]
pub(super) struct Strings<'s> {
    rows: Vec<(String, &'s Said<'s>)>,
}

impl<'s> Strings<'s> {
    /// Takes a text: returns what stands in pass.json, the key where it differs between languages, else the text. None
    /// where there is nothing to say in English.
    pub(super) fn take(&mut self, said: &'s Said<'_>, key: impl FnOnce() -> String) -> Option<Cow<'s, str>> {
        let english = said.words()?;
        let is_one = said.others.iter().all(|(_, other)| *other == english);
        if is_one && !FIRST.iter().any(|first| english.starts_with(first)) {
            return Some(Cow::Borrowed(english));
        }
        let key = key();
        self.rows.push((key.clone(), said));
        Some(Cow::Owned(key))
    }

    /// The files by name, English among them; every key in each, in English where a language lacks the text.
    pub(super) fn files(mut self, tongues: &[Tongue]) -> Vec<(String, Vec<u8>)> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        self.rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let room = self.rows.iter().map(|(key, said)| key.len() + said.words().map_or(0, str::len) * 2 + 8).sum();
        let is_spoken = |place: usize| self.rows.iter().any(|(_, said)| said.others.iter().any(|(at, _)| *at == place));
        let table = |place: Option<usize>, tag: &str| {
            let mut lines = String::with_capacity(room);
            for (key, said) in &self.rows {
                let own = said.others.iter().find(|(at, other)| Some(*at) == place && !other.is_empty());
                line(&mut lines, key, own.map_or(said.words().unwrap_or_default(), |(_, other)| &**other));
            }
            file(tag, lines)
        };
        let others = tongues.iter().enumerate().filter(|(place, tongue)| tongue.tag != BASE && is_spoken(*place));
        let others = others.map(|(place, tongue)| table(Some(place), &tongue.tag));
        [table(None, BASE)].into_iter().chain(others).collect()
    }
}

fn file(tag: &str, lines: String) -> (String, Vec<u8>) {
    (format!("{tag}.lproj/pass.strings"), lines.into_bytes())
}

fn line(lines: &mut String, key: &str, text: &str) {
    lines.push('"');
    escape_into(lines, key);
    lines.push_str("\" = \"");
    escape_into(lines, text);
    lines.push_str("\";\n");
}

/// As C escapes: quotes, backslashes and what would break the line.
fn escape_into(lines: &mut String, text: &str) {
    let mut rest = text;
    // Every one of them is a byte that stands nowhere inside another letter.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')) {
        let (plain, tail) = rest.split_at(at);
        lines.push_str(plain);
        lines.push_str(match tail.as_bytes()[0] {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            _ => "\\t",
        });
        rest = &tail[1..];
    }
    lines.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(english: &'static str, german: &'static str) -> Said<'static> {
        Said { english: Some(english.into()), others: vec![(0, german.into())] }
    }

    #[test]
    fn what_differs_has_a_key_in_every_language_and_nothing_else_equals_one() {
        let tongues = [Tongue::new("de"), Tongue::new("en"), Tongue::new("fr")];
        let texts = [
            (said("Level", "Stufe"), "field.level.label"),
            (said("Level", "Rang"), "field.rank.label"),
            (said("7", "7"), "field.count.value"),
            (said("A \"b\"\\\n", "C"), "field.odd.value"),
            (said("field.level.label", "field.level.label"), "field.member.value"),
            (said("Level", ""), "field.bare.label"),
            (said("", "nichts"), "field.empty.label"),
        ];
        let mut strings = Strings::default();
        let taken: Vec<Option<Cow<'_, str>>> =
            texts.iter().map(|(text, key)| strings.take(text, || (*key).to_owned())).collect();
        let taken: Vec<Option<&str>> = taken.iter().map(Option::as_deref).collect();
        let keys = ["field.level.label", "field.rank.label", "7", "field.odd.value", "field.member.value"];
        assert_eq!(taken[..5], keys.map(Some), "a customer may be called like a key");
        assert_eq!(taken[5..], [Some("field.bare.label"), None]);
        let files = strings.files(&tongues);
        let shown: Vec<(&str, &str)> =
            files.iter().map(|(name, bytes)| (name.as_str(), std::str::from_utf8(bytes).expect("text"))).collect();
        let english = "\"field.bare.label\" = \"Level\";\n\"field.level.label\" = \"Level\";\n\
                       \"field.member.value\" = \"field.level.label\";\n\
                       \"field.odd.value\" = \"A \\\"b\\\"\\\\\\n\";\n\"field.rank.label\" = \"Level\";\n";
        let german = "\"field.bare.label\" = \"Level\";\n\"field.level.label\" = \"Stufe\";\n\
                      \"field.member.value\" = \"field.level.label\";\n\
                      \"field.odd.value\" = \"C\";\n\"field.rank.label\" = \"Rang\";\n";
        assert_eq!(shown, [("en.lproj/pass.strings", english), ("de.lproj/pass.strings", german)]);
        assert!(Strings::default().files(&tongues).is_empty());
    }

    #[test]
    fn every_language_has_every_text() {
        let tongues = [Tongue::new("de"), Tongue::new("fr")];
        let level = said("Level", "Stufe");
        let others = vec![(0, "Karte".into()), (1, "Carte".into())];
        let card = Said { english: Some("Card".into()), others };
        let mut strings = Strings::default();
        for (text, key) in [(&level, "level"), (&card, "card")] {
            strings.take(text, || key.to_owned());
        }
        let files = strings.files(&tongues);
        let lines = |name: &str| {
            let file = files.iter().find(|(own, _)| own.starts_with(name)).expect("a file");
            std::str::from_utf8(&file.1).expect("text")
        };
        assert_eq!(lines("de"), "\"card\" = \"Karte\";\n\"level\" = \"Stufe\";\n");
        assert_eq!(lines("fr"), "\"card\" = \"Carte\";\n\"level\" = \"Level\";\n");
    }
}
