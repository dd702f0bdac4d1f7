//! Recorded key events, and every layout typed and read back.

use super::*;
use crate::pure::tap::scan::CODE_BYTES_MAX;

const MS: i64 = 1_000_000;
/// What a scanner needs for one key.
const KEY_NS: i64 = 2 * MS;

fn rule() -> FrameRule {
    FrameRule { start: Vec::new(), end: Vec::new(), idle_ns: FrameRule::KEYBOARD_IDLE_NS }
}

/// What a scanner types for `text` when it is set to `layout`: presses and releases, with modifiers around.
fn strokes(layout: Layout, text: &str) -> Vec<(u16, i32)> {
    let mut events = Vec::new();
    for letter in text.chars() {
        let place = (1..=127_u16).find_map(|code| {
            let level = [Level::Plain, Level::Shift, Level::AltGr]
                .into_iter()
                .find(|level| layout.character(code, *level) == Some(letter));
            level.map(|level| (code, level))
        });
        let (code, level) = match letter {
            '\r' => (ENTER, Level::Plain),
            '\t' => (TAB, Level::Plain),
            ' ' => (SPACE, Level::Plain),
            _ => place.unwrap_or_else(|| panic!("{letter} is not on {layout:?}")),
        };
        let modifier = match level {
            Level::Plain => None,
            Level::Shift => Some(LEFT_SHIFT),
            Level::AltGr => Some(RIGHT_ALT),
        };
        events.extend(modifier.map(|key| (key, 1)));
        events.extend([(code, 1), (code, 0)]);
        events.extend(modifier.map(|key| (key, 0)));
    }
    events
}

/// The texts of the frames that these events give, and a long silence after them.
fn read(layout: Layout, events: &[(u16, i32)]) -> Vec<String> {
    play(&mut Keyboard::new(layout, &rule()), events).iter().map(|typed| text(&typed.frame)).collect()
}

fn play(keyboard: &mut Keyboard, events: &[(u16, i32)]) -> Vec<TypedFrame> {
    let mut now_ns = 0;
    let mut frames = Vec::new();
    for (code, value) in events {
        now_ns += KEY_NS;
        frames.extend(keyboard.key(*code, *value, now_ns));
    }
    frames.extend(keyboard.idle(i64::MAX));
    frames
}

fn text(frame: &Frame) -> String {
    frame.bytes.as_ref().map_or_else(|| "…".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Alt held, digits of the keypad, Alt let go.
fn alt(digits: &str) -> Vec<(u16, i32)> {
    let mut events = vec![(LEFT_ALT, 1)];
    for digit in digits.chars() {
        let (code, _) = KEYPAD.iter().find(|(_, letter)| *letter == digit).expect("a digit");
        events.extend([(*code, 1), (*code, 0)]);
    }
    events.push((LEFT_ALT, 0));
    events
}

fn keys(codes: &[u16]) -> Vec<(u16, i32)> {
    codes.iter().flat_map(|code| [(*code, 1), (*code, 0)]).collect()
}

/// As a Honeywell in US mode types `LC1A` and Enter: Shift held over each capital, repetitions of the kernel between.
#[test]
fn recorded_events_of_a_code() {
    let recorded = [
        (42, 1),
        (38, 1),
        (38, 0),
        (42, 0), // L
        (42, 1),
        (46, 1),
        (46, 2),
        (46, 0),
        (42, 0), // C, repeated once by the kernel
        (2, 1),
        (2, 0), // 1
        (54, 1),
        (30, 1),
        (54, 0),
        (30, 0), // A by the right Shift, let go first
        (28, 1),
        (28, 0),
    ];
    assert_eq!(read(Layout::Us, &recorded), ["LC1A"]);
}

#[test]
fn every_layout_reads_what_it_types() {
    let ascii: String = (' '..='~').filter(|letter| !"^`~".contains(*letter)).collect();
    for layout in Layout::ALL {
        assert_eq!(read(layout, &strokes(layout, &format!("{ascii}\r"))), [ascii.as_str()], "{layout:?}");
    }
    assert_eq!(read(Layout::De, &strokes(Layout::De, "Grüße²@€\r")), ["Grüße²@€"]);
    assert_eq!(read(Layout::Fr, &strokes(Layout::Fr, "été ç§@€\r")), ["été ç§@€"]);
    assert_eq!(read(Layout::Uk, &strokes(Layout::Uk, "£10 ¬\"@\r")), ["£10 ¬\"@"]);
}

#[test]
fn modifiers_dead_keys_and_pads_type_what_they_should() {
    type Case<'a> = (&'a str, Layout, Vec<(u16, i32)>, &'a str);
    let cases: Vec<Case> = vec![
        ("caps lock turns letters alone", Layout::Us, [keys(&[58]), strokes(Layout::Us, "Lc1a=\r")].concat(), "lC1A="),
        ("caps lock twice is none", Layout::Us, [keys(&[58, 58]), strokes(Layout::Us, "LC1a\r")].concat(), "LC1a"),
        ("the pad has digits", Layout::De, keys(&[79, 80, 81, 82, 78, 83, 96]), "1230+."),
        ("tab ends a code", Layout::Us, strokes(Layout::Us, "CODE\t"), "CODE"),
        ("a dead key and its letter", Layout::De, keys(&[13, 18, 41, 30, 41, 57, 13, 48, 28]), "éâ^´b"),
        ("a dead key before the end", Layout::De, keys(&[30, 30, 30, 13, 28]), "aaa´"),
        ("two dead keys", Layout::De, keys(&[30, 13, 41, 30, 28]), "a´â"),
        ("French dead keys", Layout::Fr, keys(&[26, 18, 26, 16, 30, 30, 28]), "êâqq"),
        ("Alt and pad", Layout::Fr, [alt("76"), alt("067"), alt("49"), alt("0228"), keys(&[28])].concat(), "LC1ä"),
        ("Alt and no pad", Layout::Us, [alt(""), strokes(Layout::Us, "CODE\r")].concat(), "CODE"),
        (
            "GS by Ctrl",
            Layout::Us,
            [strokes(Layout::Us, "ABCD"), vec![(29, 1), (27, 1), (27, 0), (29, 0)], keys(&[28])].concat(),
            "ABCD\u{1D}",
        ),
        ("GS by Alt", Layout::De, [strokes(Layout::De, "ABCD"), alt("029"), keys(&[28])].concat(), "ABCD\u{1D}"),
        (
            "AltGr by Ctrl and Alt",
            Layout::De,
            [vec![(29, 1), (56, 1), (16, 1), (16, 0), (56, 0), (29, 0)], keys(&[30, 30, 30, 28])].concat(),
            "@aaa",
        ),
        (
            "Ctrl+M is Enter",
            Layout::Us,
            [strokes(Layout::Us, "CODE"), vec![(97, 1), (50, 1), (50, 0), (97, 0)]].concat(),
            "CODE",
        ),
        (
            "unknown keys type nothing",
            Layout::Us,
            [strokes(Layout::Us, "CO"), keys(&[1, 59, 125, 183, 240, 65_535]), strokes(Layout::Us, "DE\r")].concat(),
            "CODE",
        ),
        (
            "a release without a press",
            Layout::Us,
            [vec![(42, 0), (30, 0)], strokes(Layout::Us, "code\r")].concat(),
            "code",
        ),
    ];
    for (what, layout, events, expected) in cases {
        assert_eq!(read(layout, &events), [expected], "{what}");
    }
}

#[test]
fn a_silence_ends_a_code_and_short_noise_is_none() {
    let mut keyboard = Keyboard::new(Layout::Us, &rule());
    let at_ms = |keyboard: &mut Keyboard, text: &str, ms: i64| -> Vec<String> {
        let events = strokes(Layout::Us, text);
        events
            .iter()
            .flat_map(|(code, value)| keyboard.key(*code, *value, ms * MS))
            .map(|typed| text_of(&typed))
            .collect()
    };
    fn text_of(typed: &TypedFrame) -> String {
        text(&typed.frame)
    }
    assert_eq!(at_ms(&mut keyboard, "CODE1", 0), [""; 0]);
    assert_eq!(keyboard.idle_at_ns(), Some(100 * MS));
    assert_eq!(keyboard.idle(99 * MS), []);
    assert_eq!(at_ms(&mut keyboard, "COD", 150), ["CODE1"]);
    assert_eq!(at_ms(&mut keyboard, "CODE2\r", 300), ["CODE2"], "three letters are noise");
    assert_eq!(keyboard.idle_at_ns(), None);
    let huge = "0".repeat(CODE_BYTES_MAX + 10);
    assert_eq!(at_ms(&mut keyboard, &format!("{huge}\rCODE\r"), 500), ["…", "CODE"]);
}

#[test]
fn the_other_layouts_tell_what_they_would_have_read() {
    let code = "LC1YZAQWM";
    let typed = play(&mut Keyboard::new(Layout::Us, &rule()), &strokes(Layout::Fr, &format!("{code}\r")));
    let [typed] = typed.as_slice() else { panic!("{typed:?}") };
    assert_ne!(text(&typed.frame), code);
    let right: Vec<Layout> =
        typed.elsewise.iter().filter(|(_, frame)| text(frame) == code).map(|(layout, _)| *layout).collect();
    assert_eq!(right, [Layout::Fr]);
}
