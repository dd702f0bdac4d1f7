//! The fields of pass.json (wallets/apple.md section 3, "Fields").

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::rules::w3c_seconds;
use super::{Findings, currency};
use crate::pure::text::shown;

const PART: &str = "pass.json";

const GROUPS: [&str; 5] = ["headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields"];

const NUMBER_STYLES: [&str; 4] =
    ["PKNumberStyleDecimal", "PKNumberStylePercent", "PKNumberStyleScientific", "PKNumberStyleSpellOut"];

const DATE_STYLES: [&str; 5] =
    ["PKDateStyleNone", "PKDateStyleShort", "PKDateStyleMedium", "PKDateStyleLong", "PKDateStyleFull"];

const ALIGNMENTS: [&str; 4] =
    ["PKTextAlignmentLeft", "PKTextAlignmentCenter", "PKTextAlignmentRight", "PKTextAlignmentNatural"];

const DETECTORS: [&str; 4] = [
    "PKDataDetectorTypePhoneNumber",
    "PKDataDetectorTypeLink",
    "PKDataDetectorTypeAddress",
    "PKDataDetectorTypeCalendarEvent",
];

const KNOWN: [&str; 15] = [
    "attributedValue",
    "changeMessage",
    "currencyCode",
    "dataDetectorTypes",
    "dateStyle",
    "ignoresTimeZone",
    "isRelative",
    "key",
    "label",
    "numberStyle",
    "row",
    "semantics",
    "textAlignment",
    "timeStyle",
    "value",
];

/// Fields that speak on the lock screen beyond this are too many for one update.
const SPEAKING_MAX: usize = 4;

/// Judges the field groups of a style.
pub(super) fn judge(card: &Map<String, Value>, is_store_card: bool, findings: &mut Findings) {
    let mut keys = BTreeSet::new();
    let mut speaking = 0;
    let count = |group: &str| card.get(group).and_then(Value::as_array).map_or(0, Vec::len);
    let limits = [
        ("headerFields", count("headerFields"), 3),
        ("primaryFields", count("primaryFields"), 1),
        ("secondaryFields and auxiliaryFields", count("secondaryFields") + count("auxiliaryFields"), 4),
    ];
    for (group, number, most) in limits.into_iter().filter(|_| is_store_card) {
        if number > most {
            findings.warning(
                PART,
                format!("{number} {group}, a store card shows {most}"),
                "move the others to the back",
            );
        }
    }
    for (group, list) in card {
        if !GROUPS.contains(&group.as_str()) {
            if !["transitType", "additionalInfoFields"].contains(&group.as_str()) {
                findings.note(PART, format!("'{}' is no field group", shown(group)));
            }
            continue;
        }
        let Some(list) = list.as_array() else {
            findings.error(PART, format!("{group} is no list"), "write the fields in brackets");
            continue;
        };
        for field in list {
            let Some(field) = field.as_object() else {
                findings.error(
                    PART,
                    format!("{group} holds something that is no field"),
                    "write { \"key\": …, \"value\": … }",
                );
                continue;
            };
            let key = field.get("key").and_then(Value::as_str).unwrap_or_default();
            if key.is_empty() {
                findings.error(PART, format!("a field of {group} has no key"), "give each field a key of its own");
            } else if !keys.insert(key.to_owned()) {
                findings.error(
                    PART,
                    format!("the key '{}' stands at two fields", shown(key)),
                    "give each field a key of its own",
                );
            }
            speaking += usize::from(field.contains_key("changeMessage"));
            Looked { key, group, field }.judge(findings);
        }
    }
    if speaking > SPEAKING_MAX {
        let what = format!("{speaking} fields have a changeMessage");
        findings.warning(
            PART,
            what,
            "keep it where a field should speak: several changes at once make one generic notice",
        );
    }
}

/// Whether a text still has a place of ours in braces, as in `{balance}`.
pub(super) fn is_unfilled(text: &str) -> bool {
    text.split('{').skip(1).any(|rest| rest.split_once('}').is_some_and(|(inner, _)| is_place(inner)))
}

/// One field with its place.
struct Looked<'a> {
    key: &'a str,
    group: &'a str,
    field: &'a Map<String, Value>,
}

impl Looked<'_> {
    fn judge(&self, findings: &mut Findings) {
        let value = self.field.get("value");
        match value {
            None => self.error(findings, "has no value", "give it one, or leave the field out"),
            Some(Value::String(_) | Value::Number(_)) => {}
            Some(_) => self.error(findings, "has a value that is neither text nor number", "write a text in quotes"),
        }
        self.texts(findings);
        self.styles(value, findings);
        self.place(findings);
        for key in self.field.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
            findings.note(PART, format!("the field '{}' has '{}', which is not known", shown(self.key), shown(key)));
        }
    }

    fn error(&self, findings: &mut Findings, what: &str, remedy: &str) {
        findings.error(PART, format!("the field '{}' {what}", shown(self.key)), remedy);
    }

    fn warning(&self, findings: &mut Findings, what: &str, remedy: &str) {
        findings.warning(PART, format!("the field '{}' {what}", shown(self.key)), remedy);
    }

    fn texts(&self, findings: &mut Findings) {
        for key in ["label", "changeMessage", "attributedValue"] {
            if self.field.get(key).is_some_and(|value| !value.is_string()) {
                self.error(findings, &format!("has a {key} that is no text"), "write it in quotes");
            }
        }
        if let Some(change) = self.field.get("changeMessage").and_then(Value::as_str) {
            self.change(change, findings);
        }
        if let Some(text) = self.field.get("attributedValue").and_then(Value::as_str)
            && !has_links_alone(text)
        {
            self.error(findings, "has an attributedValue with other tags than links", "keep to <a href=\"…\">…</a>");
        }
        for key in ["value", "label", "changeMessage"] {
            let text = self.field.get(key).and_then(Value::as_str).unwrap_or_default();
            if is_unfilled(text) {
                self.warning(
                    findings,
                    &format!("shows a place that was not filled in its {key}"),
                    "fill it, or leave the field out",
                );
            }
        }
    }

    /// The lock screen's sentence is a format: only `%@` has a meaning in it.
    fn change(&self, change: &str, findings: &mut Findings) {
        match change.matches("%@").count() {
            0 => self.warning(
                findings,
                "has a changeMessage without %@",
                "put %@ where the new value stands: without it a generic text appears",
            ),
            1 => {}
            _ => self.warning(findings, "has a changeMessage with several %@", "keep one: there is one new value"),
        }
        if change.replace("%@", "").contains('%') {
            self.warning(
                findings,
                "has a changeMessage with a % beside %@",
                "say it without the sign: the text is a format, and nobody documents what a phone makes of another %",
            );
        }
    }

    fn styles(&self, value: Option<&Value>, findings: &mut Findings) {
        let is_number = value.is_some_and(Value::is_number);
        for (key, known) in [
            ("numberStyle", &NUMBER_STYLES[..]),
            ("dateStyle", &DATE_STYLES),
            ("timeStyle", &DATE_STYLES),
            ("textAlignment", &ALIGNMENTS),
        ] {
            if self.field.get(key).is_some_and(|style| !style.as_str().is_some_and(|style| known.contains(&style))) {
                self.error(findings, &format!("has an unknown {key}"), &format!("write one of {}", known.join(", ")));
            }
        }
        if let Some(currency) = self.field.get("currencyCode") {
            match currency.as_str() {
                Some(code) if currency::is_known(code) => {}
                Some(code) if currency::is_out_of_use(code) => self.warning(
                    findings,
                    &format!("has the currencyCode {code}, which no country uses"),
                    "write that of the money that is paid with, as in EUR",
                ),
                _ => self.error(findings, "has a currencyCode that is none of ISO 4217", "write it as in EUR"),
            }
            if !is_number {
                self.error(findings, "has a currencyCode and no number", "write the value as a number");
            }
            if self.field.contains_key("numberStyle") {
                self.warning(findings, "has both currencyCode and numberStyle", "keep one of them");
            }
        }
        if self.field.contains_key("numberStyle") && !is_number {
            self.error(findings, "has a numberStyle and no number", "write the value as a number");
        }
        let dated = self.field.contains_key("dateStyle") || self.field.contains_key("timeStyle");
        if dated && value.and_then(Value::as_str).is_none_or(|text| w3c_seconds(text).is_none()) {
            self.error(findings, "has a dateStyle and no W3C date with zone", "write it as in 2026-12-31T12:00:00Z");
        }
        let style = |key: &str| self.field.get(key).and_then(Value::as_str);
        let none = |style: Option<&str>| style.is_none_or(|style| style == "PKDateStyleNone");
        if dated && none(style("dateStyle")) && none(style("timeStyle")) {
            self.warning(findings, "shows neither its date nor its time", "give one of them another style than none");
        }
        if !dated && value.and_then(Value::as_str).is_some_and(|text| w3c_seconds(text).is_some()) {
            self.warning(findings, "shows a date as machines write it", "add dateStyle, as in PKDateStyleMedium");
        }
        for key in ["ignoresTimeZone", "isRelative"].into_iter().filter(|key| !dated && self.field.contains_key(*key)) {
            self.warning(findings, &format!("has {key} and no date"), "leave it out, or add dateStyle");
        }
        for key in ["ignoresTimeZone", "isRelative"] {
            if self.field.get(key).is_some_and(|value| !value.is_boolean()) {
                self.error(findings, &format!("has {key} that is neither true nor false"), "write true or false");
            }
        }
    }

    /// What only some groups take.
    fn place(&self, findings: &mut Findings) {
        let back = self.group == "backFields";
        if self.field.contains_key("textAlignment") && (back || self.group == "primaryFields") {
            self.warning(findings, "has a textAlignment, which has no effect there", "leave it out");
        }
        if self.field.get("semantics").is_some_and(|tags| !tags.is_object()) {
            self.error(findings, "has semantics that are no object", "write the tags in braces");
        }
        if self.field.contains_key("row") {
            findings.note(PART, format!("the field '{}' has a row, which event tickets alone have", shown(self.key)));
        }
        if self.field.contains_key("attributedValue") && !back {
            self.warning(findings, "has an attributedValue outside of the back", "leave it out");
        }
        match self.field.get("dataDetectorTypes") {
            None => {}
            Some(_) if !back => self.warning(findings, "has dataDetectorTypes outside of the back", "leave them out"),
            Some(Value::Array(list))
                if list.iter().all(|one| one.as_str().is_some_and(|one| DETECTORS.contains(&one))) => {}
            Some(_) => {
                self.error(findings, "has unknown dataDetectorTypes", &format!("choose of {}", DETECTORS.join(", ")))
            }
        }
    }
}

/// Whether its only tags are whole links, one after the other: `<a href="…">…</a>`, in either kind of quotes as Apple
/// writes them. A `<` before anything but a letter, `/`, `!` or `?` begins no tag.
fn has_links_alone(text: &str) -> bool {
    let mut is_open = false;
    for rest in text.split('<').skip(1) {
        if !rest.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first)) {
            continue;
        }
        let is_end = rest.get(..3).is_some_and(|end| end.eq_ignore_ascii_case("/a>"));
        if is_end != is_open || !(is_end || is_link(rest)) {
            return false;
        }
        is_open = !is_open;
    }
    !is_open
}

/// `a href="…">` at the start, without other attributes.
fn is_link(rest: &str) -> bool {
    let link = || {
        let (name, after) = rest.split_at_checked(1).filter(|(name, _)| name.eq_ignore_ascii_case("a"))?;
        let spaced = after.trim_start();
        let (href, after) = spaced.split_at_checked(4).filter(|_| !name.is_empty() && spaced.len() < after.len())?;
        let quoted = after.trim_start().strip_prefix('=')?.trim_start();
        let quote = quoted.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let (address, after) = quoted[1..].split_once(quote)?;
        Some(href.eq_ignore_ascii_case("href") && !address.trim().is_empty() && after.trim_start().starts_with('>'))
    };
    link().unwrap_or(false)
}

/// Whether braces hold what looks like a place of ours: `balance`, `to_next_reward`.
fn is_place(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_the_only_tags() {
        for good in [
            "no tag",
            "1 < 2, 3 > 2, <3",
            "<a href=\"https://cards.example/?a=1&b=2\">Card</a>",
            "<a href='tel:+49'>Call</a> or <A  HREF = \"mailto:a@b.example\" >write</A>",
        ] {
            assert!(has_links_alone(good), "{good}");
        }
        for bad in [
            "<b>bold</b>",
            "<a>x</a>",
            "<a href=\"\">x</a>",
            "<a href=x>x</a>",
            "<ahref=\"x\">x</a>",
            "<a href=\"x\" onclick=\"y\">x</a>",
            "<a href=\"x\">x",
            "x</a>",
            "<a href=\"x\"><a href=\"y\">x</a></a>",
            "<a href=\"x\"><b>x</b></a>",
            "<!-- x -->",
            "<script>x</script>",
            "<a href=\"x",
            "<é>",
        ] {
            assert_eq!(has_links_alone(bad), bad == "<é>", "{bad}");
        }
    }
}
