//! Both catalogues are whole and equal in shape, every code has its texts, and lines stay lines.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use proptest::prelude::*;

use super::catalogue::{DE, EN, try_fill};
use super::*;
use crate::pure::domain::RefusalCode;
use crate::pure::domain::explanation::Input;

/// Message ids of a catalogue with the arguments that each uses.
fn messages(source: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut messages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut current = "";
    for row in source.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        if row.starts_with(|first: char| first.is_ascii_lowercase()) {
            current = row.split_once(" =").expect("a message has a value").0;
            assert!(messages.insert(current, BTreeSet::new()).is_none(), "{current} stands twice");
        }
        let names = row.split('$').skip(1).map(|rest| rest.split([' ', '}']).next().unwrap_or_default());
        messages.get_mut(current).expect("a message comes first").extend(names);
    }
    messages
}

#[test]
fn both_languages_hold_the_same_messages_with_the_same_arguments() {
    assert_eq!(messages(EN), messages(DE));
    for source in [EN, DE] {
        FluentResource::try_new(source.to_owned()).expect("every message parses");
    }
    assert!(messages(EN).len() > 60);
}

#[test]
fn every_refusal_has_a_line_with_and_without_figures() {
    for language in Language::ALL {
        for code in RefusalCode::ALL {
            let bare = Refusal::new(code);
            for refusal in [bare.clone(), bare.max(530).allowed(3).retry_after_s(719), Refusal::new(code).allowed(0)] {
                let filled = catalogue::refusal(language, &refusal, refusal.max.map(|_| "5,30 €"));
                let text = filled.unwrap_or_else(|text| panic!("{code:?} {language:?} is not whole: {text}"));
                let length = text.chars().count();
                assert!((5..=LINE_MAX).contains(&length), "{length}: {text}");
            }
        }
    }
}

#[test]
fn no_message_is_left_over() {
    let codes = RefusalCode::ALL.map(RefusalCode::name);
    let problems = TapProblem::ALL.map(TapProblem::name);
    for id in messages(EN).into_keys() {
        let used = match id.split_once('-').expect("ids have a family") {
            ("refusal", rest) => codes.contains(&rest.trim_end_matches("-figure")),
            ("tap", rest) => problems.contains(&rest.trim_end_matches("-advice")),
            ("unbooked", rest) => Unbooked::ALL.iter().any(|why| why.code() == rest),
            ("label", _) => Label::ALL.iter().any(|label| label.id() == id),
            ("reader" | "scanner", rest) => READER_STATES.contains(&rest.trim_end_matches("-advice")),
            ("wallet", _) => WalletWord::ALL.iter().any(|word| word.id() == id),
            ("remedy", rest) => {
                RefusalCode::ALL.iter().any(|code| code.name() == rest && remedy(Language::En, *code).is_some())
            }
            ("login", rest) => rest == "locked",
            ("receipt", rest) => ["redeemed", "earned", "balance", "rewards-ready"].contains(&rest),
            ("row", rest) => {
                let input = rest.strip_prefix("input-");
                input.is_none_or(|name| Input::ALL.iter().any(|input| input.name() == name))
            }
            ("duration" | "amount" | "outcome" | "stale" | "vas" | "smart", _) => true,
            _ => false,
        };
        assert!(used, "{id}");
    }
}

#[test]
fn every_word_of_the_console_is_there_and_short() {
    for language in Language::ALL {
        let states = READER_STATES.map(|state| format!("reader-{state}"));
        let labels = Label::ALL.map(Label::id);
        for id in labels.into_iter().chain(states.iter().map(String::as_str)) {
            let text = try_fill(language, id, &[]).expect("a message");
            assert!(id.ends_with("-advice") || text.chars().count() <= LINE_MAX, "{id}: {text}");
        }
        for code in RefusalCode::ALL {
            assert!(remedy(language, code).is_none_or(|text| text.ends_with('.')), "{code:?}");
        }
        assert!(login_locked(language, 900).contains("15 min"));
        assert_eq!(reader_state(language, "something_new"), "something new");
        for state in ["gone", "no_rights", "held", "wrong_kind"] {
            assert!(scanner_remedy(language, state).is_some_and(|text| text.contains(": ")), "{state}");
        }
        assert_eq!((reader_remedy(language, "ready"), scanner_remedy(language, "ready")), (None, None));
    }
}

#[test]
fn a_tap_that_could_not_be_booked_says_so_and_what_to_do() {
    for why in Unbooked::ALL {
        assert!(unbooked(Language::En, why).starts_with("Nothing was booked: "), "{why:?}");
        assert!(unbooked(Language::De, why).starts_with("Nichts gebucht: "), "{why:?}");
    }
}

#[test]
fn every_word_on_a_wallet_card_is_there_and_has_room() {
    for language in Language::ALL {
        for word in WalletWord::ALL {
            let text = try_fill(language, word.id(), &[]).expect("a message");
            assert!(text.chars().count() <= word.room(), "{text}");
        }
    }
}

#[test]
fn every_tap_problem_has_a_line_and_advice_that_names_the_barcode() {
    for language in Language::ALL {
        for problem in TapProblem::ALL {
            for suffix in ["", "-advice"] {
                assert!(try_fill(language, &format!("tap-{}{suffix}", problem.name()), &[]).is_ok(), "{problem:?}");
            }
            let line = tap_problem_line(language, problem);
            assert!(line.chars().count() <= LINE_MAX && !line.contains('…'), "{line}");
            assert!(tap_problem(language, problem).to_lowercase().contains("barcode"));
        }
    }
}

#[test]
fn every_vas_status_word_has_its_advice() {
    let words =
        [0x6A83, 0x6287, 0x6984, 0x6982, 0x6700, 0x6A80, 0x6B00, 0x6A81, 0x6105, 0x6985, 0x6D00, 0x6E00, 0x1234];
    for language in Language::ALL {
        for status in words {
            let advice = vas_status(language, status).expect("advice");
            assert!(advice.to_lowercase().contains("barcode"), "{status:04X}: {advice}");
        }
        assert_eq!(vas_status(language, 0x9000), None);
        assert_eq!(vas_status(language, 0x6A82), None);
    }
    assert_eq!(vas_status(Language::En, 0x6982), vas_status(Language::En, 0x6287));
}

#[test]
fn every_smart_tap_status_word_has_its_advice() {
    let silent = [0x9000, 0x9100, 0x9101, 0x91FF, 0x6A82];
    let listed = [
        0x9001, 0x9002, 0x9102, 0x9200, 0x9201, 0x9202, 0x9203, 0x92FF, 0x9300, 0x9301, 0x9302, 0x93AA, 0x9400, 0x9401,
        0x9402, 0x9403, 0x9404, 0x9405, 0x9406, 0x9407, 0x9408, 0x94FF, 0x9500, 0x9501, 0x9502, 0x95FF, 0x9998, 0x6700,
    ];
    for language in Language::ALL {
        for status in listed {
            let advice = smart_tap_status(language, status).expect("advice");
            assert!(advice.to_lowercase().contains("barcode"), "{status:04X}: {advice}");
        }
        assert_eq!(silent.map(|status| smart_tap_status(language, status)), [const { None }; 5]);
    }
    assert_ne!(smart_tap_status(Language::En, 0x9300), smart_tap_status(Language::En, 0x9302));
}

fn stamps<'a>(amount: i64, to_next: Option<i64>, rewards_ready: i64, reward: Option<&'a str>) -> Outcome<'a> {
    Outcome::Card(Figures { unit: Unit::Stamps, scale: 0, amount, to_next, rewards_ready, reward })
}

fn points<'a>(amount: i64, scale: u8, to_next: Option<i64>) -> Outcome<'a> {
    Outcome::Card(Figures { unit: Unit::Points, scale, amount, to_next, rewards_ready: 0, reward: None })
}

#[test]
fn outcomes_read_as_the_counter_shows_them() {
    let long = "One very large cappuccino with oat milk, extra shot and cocoa powder";
    let cases = [
        (stamps(1, None, 1, Some("Free coffee")), "1 stamp. Free coffee ready.", "1 Stempel. Free coffee bereit."),
        (stamps(2, Some(8), 0, None), "2 stamps, 8 to go", "2 Stempel, noch 8"),
        (stamps(3, Some(9), 2, Some("Coffee")), "3 stamps. 2 × Coffee ready.", "3 Stempel. 2 × Coffee bereit."),
        (stamps(0, Some(10), 1, None), "0 stamps. Reward ready.", "0 Stempel. Prämie bereit."),
        (stamps(1, None, 1, Some(" ")), "1 stamp. Reward ready.", "1 Stempel. Prämie bereit."),
        (
            stamps(1, None, 1, Some(long)),
            "1 stamp. One very large cappuccino with oat milk, ex… ready.",
            "1 Stempel. One very large cappuccino with oat milk,… bereit.",
        ),
        (points(12, 0, Some(88)), "12 points, 88 to go", "12 Punkte, noch 88"),
        (points(1, 0, None), "1 point.", "1 Punkt."),
        (points(530, 2, None), "5.30 points.", "5,30 Punkte."),
        (points(5, 2, Some(100)), "0.05 points, 1.00 to go", "0,05 Punkte, noch 1,00"),
        (points(-530, 2, None), "−5.30 points.", "−5,30 Punkte."),
        (Outcome::Bound, "belongs to the card now", "gehört jetzt zur Karte"),
        (Outcome::AlreadyCounted { at: "14:05:07" }, "already counted 14:05:07", "schon gezählt 14:05:07"),
    ];
    for (case, en, de) in cases {
        assert_eq!(outcome(Language::En, &case), en);
        assert_eq!(outcome(Language::De, &case), de);
    }
}

#[test]
fn refusals_show_their_figures() {
    let cases = [
        (
            Refusal::new(RefusalCode::TooSoon).retry_after_s(719),
            "Too soon. Again in 12 min.",
            "Zu früh. Wieder in 12 min.",
        ),
        (
            Refusal::new(RefusalCode::DailyLimit).allowed(2),
            "Over the day's limit. At most 2 more today.",
            "Über dem Tageslimit. Heute noch höchstens 2.",
        ),
        (
            Refusal::new(RefusalCode::DailyLimit).allowed(0),
            "The day's limit is reached.",
            "Das Tageslimit ist erreicht.",
        ),
        (
            Refusal::new(RefusalCode::RedeemCap).max(5),
            "More than this bill may take. At most 5.",
            "Mehr, als dieser Bon zulässt. Höchstens 5.",
        ),
    ];
    for (case, en, de) in cases {
        assert_eq!(refusal(Language::En, &case), en);
        assert_eq!(refusal(Language::De, &case), de);
    }
    let cap = Refusal::new(RefusalCode::RedeemCap).max(530);
    assert_eq!(refusal_shown(Language::De, &cap, Some("5,30 €")), "Mehr, als dieser Bon zulässt. Höchstens 5,30 €.");
}

#[test]
fn a_stale_pass_names_the_clock_and_the_difference() {
    let cases = [
        (721, "Phone's clock is 12 min fast. Scan the barcode.", "Handy-Uhr geht 12 min vor. Barcode scannen."),
        (310, "Phone's clock is 5 min fast. Scan the barcode.", "Handy-Uhr geht 5 min vor. Barcode scannen."),
        (-330, "Phone's clock is 6 min slow. Scan the barcode.", "Handy-Uhr geht 6 min nach. Barcode scannen."),
        (
            -86_400 * 3,
            "Phone's clock is 3 days slow. Scan the barcode.",
            "Handy-Uhr geht 3 Tage nach. Barcode scannen.",
        ),
    ];
    for (ahead_s, en, de) in cases {
        assert_eq!(stale_token(Language::En, ahead_s), en);
        assert_eq!(stale_token(Language::De, ahead_s), de);
    }
    assert!(stale_token(Language::De, i64::MIN).chars().count() <= LINE_MAX);
}

#[test]
fn durations_are_one_whole_unit_rounded_up() {
    let cases = [
        (-5, "0 s"),
        (45, "45 s"),
        (90, "90 s"),
        (91, "2 min"),
        (5_400, "90 min"),
        (5_401, "2 h"),
        (172_800, "48 h"),
        (172_801, "3 days"),
    ];
    for (seconds, text) in cases {
        assert_eq!(duration(Language::En, seconds), text);
    }
}

#[test]
fn languages_are_found_by_their_tag() {
    let cases =
        [("de", Some(Language::De)), ("de-AT", Some(Language::De)), ("EN_us", Some(Language::En)), ("fr", None)];
    for (tag, language) in cases {
        assert_eq!(Language::from_tag(tag), language);
    }
    assert_eq!(Language::from_tag(""), None);
}

proptest! {
    #[test]
    fn lines_stay_lines_whatever_the_figures(
        amount in any::<i64>(), to_next in any::<Option<i64>>(), rewards_ready in any::<i64>(),
        reward in proptest::option::of(".{0,90}"), scale in 0u8..=9, at in ".{0,90}",
    ) {
        let figures =
            Figures { unit: Unit::Points, scale, amount, to_next, rewards_ready, reward: reward.as_deref() };
        for language in Language::ALL {
            for case in [Outcome::Card(figures), Outcome::AlreadyCounted { at: &at }] {
                prop_assert!(outcome(language, &case).chars().count() <= LINE_MAX);
            }
            let refused = Refusal::new(RefusalCode::TooSoon).retry_after_s(amount).allowed(amount).max(amount);
            prop_assert!(refusal(language, &refused).chars().count() <= LINE_MAX);
        }
    }
}
