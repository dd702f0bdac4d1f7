//! `pass.strings`: the translations of a pass's texts (wallets/apple.md section 1).

use super::phrase::{BASE, Said, Tongue};

/// Translations of what a pass says, each by its English text.
#[derive(Debug, Default)]
pub(super) struct Strings<'s> {
    /// English, place of the language, translation; in the order in which they were taken.
    rows: Vec<(&'s str, usize, &'s str)>,
}

impl<'s> Strings<'s> {
    /// Takes a text: returns its English and keeps its translations. None where there is nothing to say in English.
    ///
    /// Where the same English was translated otherwise before, the first translation stays: a phone could not tell them
    /// apart.
    pub(super) fn take(&mut self, said: &'s Said<'_>) -> Option<&'s str> {
        let english = said.words()?;
        let others = said.others.iter().filter(|(_, other)| *other != english);
        self.rows.extend(others.map(|(place, other)| (english, *place, &**other)));
        Some(english)
    }

    /// The files by name. English has one as well: a phone in English would take the only language there is, which may
    /// be German.
    pub(super) fn files(mut self, tongues: &[Tongue]) -> Vec<(String, Vec<u8>)> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        // Stable, so that of equal ones the first comes first.
        self.rows.sort_by_key(|(english, place, _)| (*english, *place));
        self.rows.dedup_by_key(|(english, place, _)| (*english, *place));
        let room = self.rows.iter().map(|(english, _, other)| english.len().max(other.len()) * 2 + 8).sum();
        let mut first = String::with_capacity(room);
        let mut before = None;
        for (english, ..) in &self.rows {
            if before.replace(*english) != Some(*english) {
                line(&mut first, english, english);
            }
        }
        let mut files = vec![file(BASE, first)];
        for (place, tongue) in tongues.iter().enumerate() {
            let mut lines = String::new();
            for (english, _, other) in self.rows.iter().filter(|(_, own, _)| *own == place) {
                if lines.is_empty() {
                    lines.reserve(room);
                }
                line(&mut lines, english, other);
            }
            if !lines.is_empty() {
                files.push(file(&tongue.tag, lines));
            }
        }
        files
    }
}

fn file(tag: &str, lines: String) -> (String, Vec<u8>) {
    (format!("{tag}.lproj/pass.strings"), lines.into_bytes())
}

fn line(lines: &mut String, english: &str, text: &str) {
    lines.push('"');
    escape_into(lines, english);
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
    fn english_is_the_key_and_only_what_differs_is_written() {
        let tongues = [Tongue::new("de"), Tongue::new("en")];
        let texts = [
            said("Level", "Stufe"),
            said("Level", "Rang"),
            said("7", "7"),
            said("A \"b\"\\\n", "C"),
            said("", "nichts"),
        ];
        let mut strings = Strings::default();
        let taken: Vec<Option<&str>> = texts.iter().map(|text| strings.take(text)).collect();
        assert_eq!(taken, [Some("Level"), Some("Level"), Some("7"), Some("A \"b\"\\\n"), None], "the first stays");
        let files = strings.files(&tongues);
        let shown: Vec<(&str, &str)> =
            files.iter().map(|(name, bytes)| (name.as_str(), std::str::from_utf8(bytes).expect("text"))).collect();
        assert_eq!(
            shown,
            [
                ("en.lproj/pass.strings", "\"A \\\"b\\\"\\\\\\n\" = \"A \\\"b\\\"\\\\\\n\";\n\"Level\" = \"Level\";\n"),
                ("de.lproj/pass.strings", "\"A \\\"b\\\"\\\\\\n\" = \"C\";\n\"Level\" = \"Stufe\";\n"),
            ]
        );
        assert!(Strings::default().files(&tongues).is_empty());
    }
}
