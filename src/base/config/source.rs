//! A configuration text with its file name: parses it and words what is wrong with it, by file, line, key and remedy.
//!
//! Rule files use it as the daemon's configuration does. What an operator reads here is the only help at hand in a shop,
//! so every error ends with what to do; for a key that the example file has, the remedy shows its line.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A configuration file as text.
#[derive(Clone, Debug)]
pub struct Source {
    file: PathBuf,
    text: String,
    /// A text that shows every key with its comment; remedies quote it.
    example: &'static str,
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, these bytes of it.
    Text(Range<usize>),
    /// In a variable of the environment.
    Variable(String),
    /// By a flag of the command line.
    Flag(String),
    /// In the file as a whole.
    File,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, or the variable or flag that was given instead.
    pub origin: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Section and key, as in `till.hold_s`.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}\n  remedy: {}", self.what, self.remedy)
    }
}

impl Source {
    /// The text of `file`; `example` is the text whose lines remedies quote, empty where there is none.
    pub fn new(file: &Path, text: String, example: &'static str) -> Self {
        Self { file: file.to_owned(), text, example }
    }

    /// Reads `file`.
    pub fn read(file: &Path, example: &'static str) -> Result<Self, ConfigError> {
        let fail = |what: String, remedy: &str| ConfigError {
            origin: file.display().to_string(),
            line: None,
            key: None,
            what,
            remedy: remedy.to_owned(),
        };
        let bytes = std::fs::read(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => fail(
                "there is no such file".to_owned(),
                "run `stampd setup`, which writes one, or name another with --config FILE",
            ),
            std::io::ErrorKind::PermissionDenied => fail(
                "it cannot be read: permission denied".to_owned(),
                "let the daemon's user read it (chgrp, chmod 640)",
            ),
            _ => fail(format!("it cannot be read: {error}"), "check the path and the disk"),
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| fail("it is not UTF-8 text".to_owned(), "save it as UTF-8 in your editor"))?;
        Ok(Self::new(file, text, example))
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The whole text as `T`, a type that denies unknown fields.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| self.parse_error(&error))
    }

    /// An error at `place`; section and key are read from the text.
    pub fn error(&self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) -> ConfigError {
        let (origin, line, key) = match place {
            Place::Text(span) => {
                (self.file.display().to_string(), Some(self.line_of(span.start)), self.key_at(span.start))
            }
            Place::File => (self.file.display().to_string(), None, None),
            Place::Variable(name) => (format!("environment variable {name}"), None, None),
            Place::Flag(name) => (format!("flag {name}"), None, None),
        };
        ConfigError { origin, line, key, what: what.into(), remedy: remedy.into() }
    }

    /// How the example writes `key` (`till.hold_s`) or, for a section, its head.
    pub fn example_of(&self, key: &str) -> Option<String> {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut here = "";
        self.example.lines().find_map(|line| {
            let code = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
            if let Some(head) = section_head(code) {
                here = head;
            }
            let wanted = here == section && key_of(code) == Some(name);
            wanted.then(|| code.split_whitespace().collect::<Vec<_>>().join(" "))
        })
    }

    fn line_of(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    /// Section and key at a byte of the text: the nearest head and `key =` at or before it.
    fn key_at(&self, at: usize) -> Option<String> {
        let (mut section, mut key) = ("", None);
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            if start > at {
                break;
            }
            if let Some(head) = section_head(line) {
                (section, key) = (head, None);
            } else if let Some(name) = key_of(line) {
                key = Some(name);
            } else if line.starts_with('[') {
                // A head that is not closed: no key stands there.
                (section, key) = ("", None);
            }
            start += line.len();
        }
        match (section, key) {
            ("", None) => None,
            ("", Some(key)) => Some(key.to_owned()),
            (section, None) => Some(section.to_owned()),
            (section, Some(key)) => Some(format!("{section}.{key}")),
        }
    }

    /// What the parser found, with a remedy for each kind of finding.
    fn parse_error(&self, error: &toml::de::Error) -> ConfigError {
        let message = error.message().lines().next().unwrap_or("not understood");
        let place = error.span().map_or(Place::File, Place::Text);
        if let Some((unknown, known)) = unknown_field(message) {
            let remedy = unknown_field_remedy(unknown, &known);
            return ConfigError {
                key: self.key_in_section_of(&place, unknown),
                ..self.error(&place, format!("unknown key `{unknown}`"), remedy)
            };
        }
        if let Some(missing) = quoted_after(message, "missing field ") {
            let key = self.key_in_section_of(&place, missing);
            let remedy = match key.as_deref().and_then(|key| self.example_of(key)) {
                Some(line) => format!("add it, as in: {line}"),
                None => format!("add `{missing}`"),
            };
            return ConfigError { key, ..self.error(&place, format!("the key `{missing}` is missing"), remedy) };
        }
        if message == "duplicate key" {
            return self.error(&place, "this stands there twice", "keep one of them");
        }
        // What serde calls a struct is a section to the reader.
        let message = message.split("struct Raw").next().unwrap_or(message).to_owned();
        let message = if message.ends_with("expected ") { message + "a section" } else { message };
        let mut found = self.error(&place, message.clone(), "");
        found.remedy = match found.key.as_deref().and_then(|key| self.example_of(key)) {
            Some(line) => format!("write it as in: {line}"),
            None if message.starts_with("invalid") || message.starts_with("unknown variant") => {
                "give a value of the kind that is expected".to_owned()
            }
            None => "correct the line: `key = value`, texts in double quotes, sections as [name]".to_owned(),
        };
        found
    }

    /// `name` in the section in which `place` lies.
    fn key_in_section_of(&self, place: &Place, name: &str) -> Option<String> {
        let Place::Text(span) = place else { return Some(name.to_owned()) };
        let mut section = "";
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            if start > span.start {
                break;
            }
            section = section_head(line).unwrap_or(section);
            start += line.len();
        }
        // A section that is itself unknown is named once.
        let alone = section.is_empty() || section == name;
        Some(if alone { name.to_owned() } else { format!("{section}.{name}") })
    }
}

/// The name in `[name]` or `[[name]]`.
fn section_head(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('[')?;
    let rest = rest.strip_prefix('[').unwrap_or(rest);
    let name = rest.split(']').next()?.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (rest.contains(']') && !name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// The key of a line `key = value`.
fn key_of(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": x, and the known ones.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let unknown = quoted_after(message, "unknown field ")?;
    let expected = message.split_once(", expected").map_or("", |(_, rest)| rest);
    Some((unknown, expected.split('`').skip(1).step_by(2).collect()))
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// The known key that was probably meant: the same word with another unit, or nearly the same letters.
fn unknown_field_remedy(unknown: &str, known: &[&str]) -> String {
    let stem = |name: &str| name.split('_').next().unwrap_or(name).to_owned();
    let same_stem = |candidate: &&&str| candidate.contains('_') && stem(candidate) == stem(unknown);
    let near = known.iter().min_by_key(|candidate| edit_distance(candidate, unknown));
    let near = near.filter(|candidate| edit_distance(candidate, unknown) <= 2);
    match (near.or_else(|| known.iter().find(same_stem)), known) {
        (Some(meant), _) => match unit_of(meant) {
            Some(unit) => format!("write `{meant}`; its value is a whole number of {unit}"),
            None => format!("write `{meant}`"),
        },
        (None, []) => "remove it".to_owned(),
        (None, known) => format!("remove it; known here are {}", known.join(", ")),
    }
}

/// The unit that a key's ending says.
fn unit_of(key: &str) -> Option<&'static str> {
    match key.rsplit_once('_')?.1 {
        "s" => Some("seconds"),
        "ms" => Some("milliseconds"),
        "days" => Some("days"),
        "minor" => Some("minor units of the currency, such as cents"),
        _ => None,
    }
}

/// Levenshtein's distance; keys are short.
fn edit_distance(one: &str, two: &str) -> usize {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (line, left) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, right) in two.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_head_and_line() {
        let text = "a = 1\n[one]\nb = [\n  2,\n]\n[[two]] # x\nc.d = 3\n";
        let source = Source::new(Path::new("f.toml"), text.to_owned(), "");
        let key = |needle: &str| source.key_at(text.find(needle).expect("there"));
        assert_eq!(key("1").as_deref(), Some("a"));
        assert_eq!(key("2,").as_deref(), Some("one.b"));
        assert_eq!(key("[one]").as_deref(), Some("one"));
        assert_eq!(key("3").as_deref(), Some("two.c.d"));
        assert_eq!(source.line_of(text.find('3').expect("there")), 7);
    }

    #[test]
    fn the_example_is_quoted_also_where_it_is_switched_off() {
        let example = "# prose = 1\n[a]\nx = 1  # one\n#[[b]]\n#x = 2  # two\n";
        let source = Source::new(Path::new("f.toml"), String::new(), example);
        assert_eq!(source.example_of("a.x").as_deref(), Some("x = 1 # one"));
        assert_eq!(source.example_of("b.x").as_deref(), Some("x = 2 # two"));
        assert_eq!(source.example_of("b.y"), None);
        assert_eq!(source.example_of("prose"), None);
    }

    #[test]
    fn a_key_that_was_meant_is_named_with_its_unit() {
        let known = ["id", "mode", "hold_s", "repeat_s"];
        assert_eq!(unknown_field_remedy("mod", &known), "write `mode`");
        assert_eq!(unknown_field_remedy("hold_ms", &known), "write `hold_s`; its value is a whole number of seconds");
        assert_eq!(
            unknown_field_remedy("repeat_minutes", &known),
            "write `repeat_s`; its value is a whole number of seconds"
        );
        assert_eq!(unknown_field_remedy("colour", &known), "remove it; known here are id, mode, hold_s, repeat_s");
        assert_eq!(unknown_field_remedy("x", &[]), "remove it");
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
