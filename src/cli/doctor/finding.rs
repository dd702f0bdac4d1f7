//! What a check found, and how it is shown: one line each, or JSON.

use std::io::IsTerminal;

use serde::Serialize;

use crate::cli::terminal;
use crate::pure::text::printable;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// The daemon would not start, or not do its work.
    Fail,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub level: Level,
    /// The part that was looked at.
    pub part: String,
    /// What was found, half a sentence.
    pub finding: String,
    /// What to do about it; `None` only where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(part: impl Into<String>, finding: impl Into<String>) -> Self {
        Self { level: Level::Ok, part: part.into(), finding: finding.into(), remedy: None }
    }

    /// It works, but.
    pub fn warn(part: impl Into<String>, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, part: part.into(), finding: finding.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work.
    pub fn fail(part: impl Into<String>, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, part: part.into(), finding: finding.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work, by an error that names its remedy after the first semicolon, as ours do.
    pub fn fail_as_told(part: impl Into<String>, error: &str, otherwise: &str) -> Self {
        let (finding, remedy) = error.split_once("; ").unwrap_or((error, otherwise));
        Self::fail(part, finding, remedy)
    }

    fn line(&self, colours: bool) -> String {
        let (word, colour) = match self.level {
            Level::Ok => ("ok  ", "32"),
            Level::Warn => ("warn", "33"),
            Level::Fail => ("FAIL", "31"),
        };
        let word = if colours { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
        // One line each, whatever an error brought with it.
        let flat = |text: &str| printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned();
        let remedy = self.remedy.as_deref().map_or_else(String::new, |remedy| format!("; {}", flat(remedy)));
        format!("{word}  {}: {}{remedy}", flat(&self.part), flat(&self.finding))
    }
}

/// Prints all of them: lines for people, coloured only on a terminal, or one JSON object.
pub fn print(findings: &[Finding], json: bool) -> anyhow::Result<()> {
    if json {
        let healthy = findings.iter().all(|finding| finding.level != Level::Fail);
        let told = serde_json::json!({ "ok": healthy, "checks": findings });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    findings.iter().for_each(|finding| terminal::styled_line(&finding.line(colours)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_remedy() {
        assert_eq!(Finding::ok("clock", "trusted").line(false), "ok    clock: trusted");
        let warn = Finding::warn("disk", "little\n  is left", "free some");
        assert_eq!(warn.line(false), "warn  disk: little is left; free some");
        let fail = Finding::fail_as_told("ledger", "it is locked; stop the other one; wait", "look");
        assert_eq!(fail.line(false), "FAIL  ledger: it is locked; stop the other one; wait");
        assert_eq!(fail.remedy.as_deref(), Some("stop the other one; wait"));
        assert_eq!(Finding::fail_as_told("ledger", "odd", "look").remedy.as_deref(), Some("look"));
        let foreign = Finding::warn("readers", "\u{1b}[2J\u{202e}x", "unplug\rit");
        assert_eq!(foreign.line(false), "warn  readers: \\u001b[2J\\u202ex; unplug it");
        assert!(fail.line(true).starts_with("\u{1b}[31mFAIL\u{1b}[0m  "));
    }

    #[test]
    fn json_has_the_words_in_lower_case() {
        let json = serde_json::to_value(Finding::ok("clock", "trusted")).expect("a finding is JSON");
        assert_eq!(json, serde_json::json!({ "level": "ok", "part": "clock", "finding": "trusted" }));
        assert_eq!(serde_json::to_value(Level::Fail).expect("a level is JSON"), "fail");
    }
}
