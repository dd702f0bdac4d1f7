//! Rule files: TOML text to checked [`Rules`]. Every error names the line, the key, the reason and the remedy; a file is
//! taken whole or not at all.

mod check;
mod raw;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::pure::program::Rules;

/// One thing wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key}: {reason}. {remedy}")]
pub struct RuleFileError {
    /// The line, from 1.
    pub line: usize,
    /// The key with the tables around it (`limits.per_day`), or the file's start.
    pub key: String,
    /// What is wrong, as half a sentence.
    pub reason: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

/// Reads a rule file. All that is wrong with its values is told at once; a text that is no TOML, or has an unknown key, is
/// told by its first error.
pub fn parse(text: &str) -> Result<Rules, Vec<RuleFileError>> {
    let file: raw::File = toml::from_str(text).map_err(|error| vec![syntax(text, &error)])?;
    let table = DeTable::parse(text).map_err(|error| vec![syntax(text, &error)])?;
    let mut problems = Problems { text, table: &table, found: Vec::new() };
    let rules = check::rules(&file, &mut problems);
    if problems.found.is_empty() {
        Ok(rules)
    } else {
        problems.found.sort_by_key(|error| error.line);
        Err(problems.found)
    }
}

/// What the checks find, each with its place in the file.
struct Problems<'a> {
    text: &'a str,
    table: &'a Spanned<DeTable<'a>>,
    found: Vec<RuleFileError>,
}

impl Problems<'_> {
    fn add(&mut self, key: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        let span = locate(self.table, key);
        let line = line_of(self.text, span.start);
        self.found.push(RuleFileError { line, key: key.to_owned(), reason: reason.into(), remedy: remedy.into() });
    }

    /// The number, held to its bounds; outside of them it is a problem.
    fn bounded(&mut self, key: &str, value: i64, bounds: std::ops::RangeInclusive<i64>) -> i64 {
        if !bounds.contains(&value) {
            let (low, high) = (bounds.start(), bounds.end());
            self.add(key, format!("{value} is out of range"), format!("Give a whole number from {low} to {high}."));
        }
        value.clamp(*bounds.start(), *bounds.end())
    }
}

/// The place of `a.b[1].c` in the file, or of the innermost table of it that is there.
fn locate(table: &Spanned<DeTable<'_>>, key: &str) -> Range<usize> {
    let (mut place, mut inner) = (0..0, Some(table.get_ref()));
    for part in key.split('.') {
        let (name, index) = part.split_once('[').unwrap_or((part, ""));
        let Some((found, value)) = inner.and_then(|inner| inner.iter().find(|(found, _)| found.get_ref() == name))
        else {
            break;
        };
        place = found.span();
        let mut value = value;
        if let (Ok(index), DeValue::Array(items)) = (index.trim_end_matches(']').parse::<usize>(), value.get_ref()) {
            let Some(item) = items.get(index) else { break };
            place = item.span();
            value = item;
        }
        inner = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
    }
    place
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// An error of the TOML reader in our form: the key is what stands at its place.
fn syntax(text: &str, error: &toml::de::Error) -> RuleFileError {
    let span = error.span().unwrap_or(0..0);
    let there = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default().trim();
    let message = error.message();
    let remedy = if message.starts_with("unknown field") {
        "Remove the key or correct its spelling; the keys that may stand there are listed."
    } else if message.starts_with("missing field") {
        "Add the key."
    } else if message.starts_with("invalid type") {
        "Write the value in the form that is named."
    } else {
        "Correct the line; the files under config/programmes show each form."
    };
    RuleFileError {
        line: line_of(text, span.start),
        key: if there.is_empty() { "the file".to_owned() } else { there.chars().take(64).collect() },
        reason: message.trim_end_matches('.').replace('\n', " "),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;
