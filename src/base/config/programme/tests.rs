//! Rule files that ship say what the engine's tables assume; wrong ones name line, reason and remedy.

use super::*;
use crate::pure::program::reference;

const SHIPPED: [(&str, &str); 7] = [
    ("cafe10", include_str!("../../../../config/programmes/cafe10.toml")),
    ("spend10", include_str!("../../../../config/programmes/spend10.toml")),
    ("spend10_debt", include_str!("../../../../config/programmes/spend10_debt.toml")),
    ("points", include_str!("../../../../config/programmes/points.toml")),
    ("points_pending14", include_str!("../../../../config/programmes/points_pending14.toml")),
    ("cashback3", include_str!("../../../../config/programmes/cashback3.toml")),
    ("cashback3_happy", include_str!("../../../../config/programmes/cashback3_happy.toml")),
];

#[test]
fn the_files_that_ship_are_the_reference_programmes() {
    for ((file, text), (name, rules)) in SHIPPED.into_iter().zip(reference::all()) {
        assert_eq!(file, name);
        assert_eq!(parse(text).unwrap_or_else(|errors| panic!("{file}: {errors:?}")), rules, "{file}");
    }
}

fn first_error(text: &str) -> RuleFileError {
    parse(text).expect_err("the file is wrong").remove(0)
}

/// Line, key, a part of the reason, a part of the remedy.
#[test]
fn errors_name_line_key_reason_and_remedy() {
    let cafe = "title = \"Card\"\nkind = \"visit\"\n[[goal]]\nat = 10\nreward = \"coffee\"\n";
    assert!(parse(cafe).is_ok());
    let cases: [(&str, usize, &str, &str, &str); 17] = [
        ("tap_awards = 1\n", 1, "tap_awards", "unknown field `tap_awards`, expected one of", "spelling"),
        ("tap_award = 0\n", 1, "tap_award", "0 is out of range", "from 1 to"),
        ("tap_award = \"one\"\n", 1, "\"one\"", "invalid type", "form"),
        ("tap_award = \n", 1, "the file", "", "config/programmes"),
        ("paused = 1\n", 1, "1", "invalid type", "form"),
        ("ledger_mode = \"theirs\"\n", 1, "ledger_mode", "\"theirs\" is not known", "\"own\", \"foreign\""),
        ("starts = 2026-05-01\nends = 2026-04-01\n", 2, "ends", "ends before it starts", "last day"),
        ("starts = 2026-05-01T10:00:00\n", 1, "starts", "is no day", "2026-12-31"),
        ("earn = { per_minor = 5 }\n", 1, "earn.per_minor", "does not belong", "kind = \"points\""),
        ("limits = { per_day = -1 }\n", 1, "limits.per_day", "-1 is out of range", "from 1 to"),
        ("limits = { grade_earn = \"E\" }\n", 1, "limits.grade_earn", "not known", "\"A\", \"B\""),
        ("level = [{ name = \"x\", from = 5 }]\n", 1, "level[0].from", "does not start at 0", "from = 0"),
        ("catalogue = [{ name = \"x\", units = 5 }]\n", 1, "catalogue", "does not belong", "points"),
        ("lots = { expire = \"days\" }\n", 1, "lots.days", "missing", "whole number"),
        ("campaign = [{ name = \"x\" }]\n", 1, "campaign[0]", "gives nothing", "bonus"),
        (
            "campaign = [{ name = \"x\", bonus = 1, weekdays = [\"moon\"] }]\n",
            1,
            "campaign[0].weekdays",
            "moon",
            "\"mon\"",
        ),
        ("correction = { negative_on_refund = true }\n", 1, "correction.negative_on_refund", "not belong", "points"),
    ];
    for (lines, line, key, reason, remedy) in cases {
        let error = first_error(&format!("{lines}{cafe}"));
        assert_eq!((error.line, error.key.as_str()), (line, key), "{lines}{error}");
        assert!(error.reason.contains(reason), "{lines}{error}");
        assert!(error.remedy.contains(remedy), "{lines}{error}");
    }
}

#[test]
fn a_line_deep_in_the_file_is_found_and_all_errors_are_told() {
    let text = "title = \"Card\"\nkind = \"visit\"\n\n[[goal]]\nat = 5\nreward = \"tea\"\n\n[[goal]]\nat = 5\nreward = \"tea\"\n\n\
                [limits]\nper_day = 0\n";
    let errors = parse(text).expect_err("three errors");
    let told: Vec<(usize, &str)> = errors.iter().map(|error| (error.line, error.key.as_str())).collect();
    assert_eq!(told, [(8, "goal[1]"), (9, "goal[1].at"), (13, "limits.per_day")]);
}

#[test]
fn programmes_that_can_reward_nobody_are_refused() {
    assert_eq!(first_error("title = \"x\"\nkind = \"visit\"\n").key, "kind");
    assert_eq!(
        first_error("title = \"x\"\nkind = \"spend\"\n[[goal]]\nat = 1\nreward = \"r\"\n").key,
        "earn.step_minor"
    );
    assert_eq!(first_error("title = \"x\"\nkind = \"stars\"\n").key, "kind");
    let none = parse("title = \"x\"\nkind = \"cashback\"\n").expect_err("no money, no level");
    assert_eq!(none.len(), 2, "{none:?}");
}

#[test]
fn any_text_is_refused_or_read_without_a_panic() {
    let text = SHIPPED.map(|(_, text)| text).join("\n");
    for end in (0..text.len()).step_by(97) {
        let _ = parse(&text[..text.floor_char_boundary(end)]);
    }
}
