//! Recorded status sequences, played to the picture. One line of a sequence is one look: the time in milliseconds, then
//! what each reader says, as `name flags count ATR`.

use std::ffi::CString;

use ::pcsc::State;

use super::super::monitor::sighting_of;
use super::*;

const ATR: &str = "3B80800101";

/// One look: `"1000 | A PRESENT 1 3B80800101 | B EMPTY 0"`.
fn look(line: &str) -> (i64, Vec<Sighting>) {
    let mut parts = line.split('|').map(str::trim);
    let at_ms: i64 = parts.next().expect("a time").parse().expect("a time");
    let sightings = parts.filter_map(|reader| {
        let mut words = reader.split_whitespace();
        let name = CString::new(words.next().expect("a name")).expect("a name");
        let flags = words.next().expect("flags").split('+').map(flag).fold(State::empty(), |all, flag| all | flag);
        let count = words.next().expect("a count").parse().expect("a count");
        let atr = words.next().unwrap_or_default();
        let atr: Vec<u8> =
            (0..atr.len() / 2).map(|at| u8::from_str_radix(&atr[2 * at..2 * at + 2], 16).expect("hex")).collect();
        sighting_of(&name, flags | State::CHANGED, count, &atr)
    });
    (at_ms * 1_000_000, sightings.collect())
}

fn flag(name: &str) -> State {
    State::from_name(name).unwrap_or_else(|| panic!("no flag {name}"))
}

/// A change as one line: `up A`, `came A 1`.
fn told(change: &Change) -> String {
    match change {
        Change::ReaderUp { reader, occupied: false } => format!("up {reader}"),
        Change::ReaderUp { reader, occupied: true } => format!("up-occupied {reader}"),
        Change::ReaderDown { reader } => format!("down {reader}"),
        Change::ChipCame { reader, presence, atr } => format!("came {reader} {} {}", presence.0, hex(atr)),
        Change::ChipReturned { reader, presence, atr } => format!("returned {reader} {} {}", presence.0, hex(atr)),
        Change::ChipLost { reader, presence } => format!("lost {reader} {}", presence.0),
        Change::ChipLeft { reader, presence } => format!("left {reader} {}", presence.0),
        Change::ChipGlimpsed { reader, presence } => format!("glimpsed {reader} {}", presence.0),
        Change::ChipMute { reader, presence } => format!("mute {reader} {}", presence.0),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Plays lines `look => changes` (or `interrupted`) to a fresh picture.
fn check(name: &str, script: &str) {
    let mut picture = Picture::default();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.replace("$ATR", ATR);
        if line == "interrupted" {
            picture.interrupted();
            continue;
        }
        if line == "no service" {
            picture.looked_at_nothing();
            continue;
        }
        let (seen, expected) = line.split_once("=>").unwrap_or_else(|| panic!("{name}: {line}"));
        let (now_ns, sightings) = look(seen);
        let changes: Vec<String> = picture.observe(now_ns, &sightings).iter().map(told).collect();
        assert_eq!(changes.join(", "), expected.trim(), "{name}: {line}");
    }
}

// Long: one table, a line per look.
#[test]
fn recorded_sequences() {
    let cases = [
        (
            "a tap",
            "0 | A EMPTY 0 => up A
            100 | A PRESENT 1 $ATR => came A 1 3B80800101
            900 | A EMPTY 2 => lost A 1
            1399 | A EMPTY 2 =>
            1400 | A EMPTY 2 => left A 1
            1500 | A PRESENT 3 $ATR => came A 2 3B80800101",
        ),
        (
            "present at the first look: not read until lifted",
            "0 | A PRESENT 3 $ATR => up-occupied A
            100 | A PRESENT+INUSE 3 $ATR =>
            200 | A EMPTY 4 =>
            600 | A PRESENT 5 $ATR =>
            700 | A EMPTY 6 =>
            1200 | A EMPTY 6 => left A 1
            1300 | A PRESENT 7 $ATR => came A 2 3B80800101",
        ),
        (
            "insertion and removal inside one wait",
            "0 | A EMPTY 4 => up A
            100 | A EMPTY 6 => glimpsed A 1
            600 | A EMPTY 6 => left A 1",
        ),
        (
            "removal and insertion inside one wait: the same presence",
            "0 | A EMPTY 0 => up A
            100 | A PRESENT 1 $ATR => came A 1 3B80800101
            200 | A PRESENT 3 $ATR => returned A 1 3B80800101",
        ),
        (
            "insertion, removal and insertion inside one wait",
            "0 | A EMPTY 0 => up A
            100 | A PRESENT 3 $ATR => came A 1 3B80800101",
        ),
        (
            "a flicker shorter than half a second",
            "0 | A EMPTY 0 => up A
            100 | A PRESENT 1 $ATR => came A 1 3B80800101
            200 | A EMPTY 2 => lost A 1
            600 | A PRESENT 3 $ATR => returned A 1 3B80800101
            700 | A EMPTY 4 => lost A 1
            1100 | A EMPTY 6 =>
            1590 | A EMPTY 6 =>
            1600 | A EMPTY 6 => left A 1",
        ),
        (
            "two readers are swapped",
            "0 | A EMPTY 0 => up A
            10 | B EMPTY 0 => down A, up B
            20 | A EMPTY 0 | B EMPTY 0 => up A
            30 | A PRESENT 1 $ATR | B PRESENT 1 $ATR => came A 1 3B80800101, came B 2 3B80800101",
        ),
        (
            "a reader goes with its chip and comes back with it",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 1 $ATR => came A 1 3B80800101
            20 => down A
            30 | A PRESENT 0 $ATR => up-occupied A",
        ),
        (
            "a reader that came later, and a customer who was faster than our look",
            "0 => 
            10 | A PRESENT 1 $ATR => up A, came A 1 3B80800101",
        ),
        (
            "no service at the first look",
            "no service
            10 | A PRESENT 0 $ATR | B PRESENT 1 $ATR => up-occupied A, up B, came B 2 3B80800101",
        ),
        (
            "a reader of the list that the service does not know",
            "0 | A EMPTY 0 | B UNKNOWN+IGNORE 0 => up A
            10 | A UNKNOWN+UNAVAILABLE 0 => down A",
        ),
        (
            "connections of ours and of others",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 1 $ATR => came A 1 3B80800101
            20 | A PRESENT+INUSE 1 $ATR =>
            30 | A PRESENT+EXCLUSIVE+INUSE 1 $ATR =>
            40 | A PRESENT+UNPOWERED 1 =>
            900 | A PRESENT+UNPOWERED 1 =>",
        ),
        (
            "mute for a moment, then awake",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT+MUTE 1 =>
            200 | A PRESENT 1 $ATR => came A 1 3B80800101",
        ),
        (
            "mute for good, told once",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT+MUTE 1 =>
            309 | A PRESENT+MUTE 1 =>
            310 | A PRESENT+MUTE 1 => mute A 1
            900 | A PRESENT+MUTE 1 =>
            950 | A EMPTY 2 =>
            1450 | A EMPTY 2 => left A 1",
        ),
        (
            "present before its ATR is known",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 1 =>
            60 | A PRESENT 1 $ATR => came A 1 3B80800101",
        ),
        (
            "the counter starts again: the chip was without power",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 5 $ATR => came A 1 3B80800101
            20 | A PRESENT 0 $ATR => returned A 1 3B80800101
            30 | A EMPTY 1 => lost A 1
            600 | A EMPTY 0 => left A 1
            700 | A EMPTY 0 =>",
        ),
        (
            "the service was away: the same presence, once more",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 1 $ATR => came A 1 3B80800101
            interrupted
            500 | A PRESENT 1 $ATR => returned A 1 3B80800101
            510 | A PRESENT 1 $ATR =>",
        ),
        (
            "the service was away and counts anew: told once",
            "0 | A EMPTY 0 => up A
            10 | A PRESENT 1 $ATR => came A 1 3B80800101
            interrupted
            500 | A PRESENT 0 $ATR => returned A 1 3B80800101
            510 | A PRESENT 0 $ATR =>",
        ),
        (
            "the service was away: lifted, and another reader gone",
            "0 | A EMPTY 0 | B EMPTY 0 => up A, up B
            10 | A PRESENT 1 $ATR | B EMPTY 0 => came A 1 3B80800101
            interrupted
            900 | A EMPTY 0 => down B, lost A 1
            1400 | A EMPTY 0 => left A 1",
        ),
        (
            "the service was away: a customer came meanwhile",
            "0 | A EMPTY 0 => up A
            interrupted
            900 | A PRESENT 0 $ATR => came A 1 3B80800101",
        ),
    ];
    for (name, script) in cases {
        check(name, script);
    }
}

#[test]
fn it_says_when_to_look_again() {
    let mut picture = Picture::default();
    let mut see = |line: &str| {
        let (now_ns, sightings) = look(line);
        picture.observe(now_ns, &sightings);
        picture.due_ns(now_ns).map(|due_ns| due_ns / 1_000_000)
    };
    let cases = [
        ("0 | A EMPTY 0 | B EMPTY 0", None),
        ("10 | A PRESENT 1 | B EMPTY 0", Some(60)),
        ("290 | A PRESENT 1 | B EMPTY 0", Some(310)),
        ("310 | A PRESENT 1 | B EMPTY 0", None),
        ("320 | A EMPTY 2 | B PRESENT 1 3B00", Some(820)),
        ("400 | A EMPTY 2 | B EMPTY 2", Some(820)),
        ("820 | A EMPTY 2 | B EMPTY 2", Some(900)),
        ("900 | A EMPTY 2 | B EMPTY 2", None),
    ];
    for (line, due_ms) in cases {
        assert_eq!(see(line), due_ms, "{line}");
    }
}
