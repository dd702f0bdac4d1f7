//! Light and sound of the families of readers that are known, as tables: which commands show what became of a tap
//! (readers-and-scanners.md section 1.10), and for how long (section 4). Nothing here is needed: a reader of no family, or
//! one that refuses these commands, reads taps as well, in silence.
//!
//! Non-volatile settings of a reader are never written: what it beeps by itself when a chip comes is the owner's to
//! switch off once, by `escape = { start = […] }`.

use super::Decision;
use crate::pure::domain::FeedbackProfile;

/// What is signalled: fewer things than there are decisions, because three are what a customer can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Read, and nothing new was given: one short tone.
    Read,
    /// Something was given: two short tones.
    Awarded,
    /// Nothing came of it: one long tone.
    Refused,
}

impl Signal {
    /// The signal of a decision; `hold_still_again` says that another attempt failed by a trembling hand within
    /// [`TREMBLE_NS`]. The first one is not signalled: most customers try again at once (section 4).
    pub fn of(decision: Decision, hold_still_again: bool) -> Option<Self> {
        match decision {
            Decision::Awarded => Some(Signal::Awarded),
            Decision::Presented | Decision::AlreadyCounted => Some(Signal::Read),
            Decision::Refused => Some(Signal::Refused),
            Decision::HoldStill => hold_still_again.then_some(Signal::Refused),
        }
    }
}

/// Two attempts that fail within this time are a customer who needs to be told, nanoseconds (section 4).
pub const TREMBLE_NS: i64 = 1_500_000_000;

/// A short tone, milliseconds (section 4: 80 to 100).
pub const SHORT_MS: u64 = 80;
/// Between two short tones, milliseconds.
pub const GAP_MS: u64 = 80;
/// A long tone, milliseconds (section 4: 400 to 500).
pub const LONG_MS: u64 = 450;
/// How long a light stays, milliseconds (section 4: 750 at least).
pub const LIGHT_MS: u64 = 800;

/// One step of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// This command goes to the reader.
    Send(Vec<u8>),
    /// Nothing for so long, milliseconds.
    Pause(u64),
}

/// What a reader of that name signals by, as the owner chose.
pub fn profile(chosen: FeedbackProfile, name: &str) -> FeedbackProfile {
    if chosen == FeedbackProfile::Auto { profile_of(name) } else { chosen }
}

/// The profile of a reader by its name; for a name that no family has, [`FeedbackProfile::None`].
fn profile_of(name: &str) -> FeedbackProfile {
    const WORDS: [(&str, FeedbackProfile); 13] = [
        // A slot for a security module has no light of its own.
        (" sam ", FeedbackProfile::None),
        (" sam]", FeedbackProfile::None),
        ("acr122", FeedbackProfile::Acr122u),
        ("acr1252", FeedbackProfile::Acr1252u),
        ("acr1255", FeedbackProfile::Acr1252u),
        ("acm1252", FeedbackProfile::Acr1252u),
        ("acr1281", FeedbackProfile::Acr1252u),
        ("acr1552", FeedbackProfile::Acr1552u),
        ("walletmate", FeedbackProfile::Acr1552u),
        ("utrust", FeedbackProfile::Utrust),
        ("identiv", FeedbackProfile::Utrust),
        ("springcard", FeedbackProfile::Springcard),
        ("omnikey", FeedbackProfile::Omnikey),
    ];
    let name = format!(" {} ", name.to_lowercase());
    WORDS.iter().find(|(word, _)| name.contains(word)).map_or(FeedbackProfile::None, |(_, profile)| *profile)
}

/// A command that changes nothing, by which a reader shows whether it takes commands without a chip; `None` where the
/// family has none that is known.
pub fn question(profile: FeedbackProfile) -> Option<Vec<u8>> {
    match profile {
        FeedbackProfile::Acr122u => Some(vec![0xFF, 0x00, 0x48, 0x00, 0x00]),
        FeedbackProfile::Acr1252u | FeedbackProfile::Acr1552u => Some(vec![0xE0, 0x00, 0x00, 0x18, 0x00]),
        _ => None,
    }
}

/// Whether the family takes its commands from whoever talks to a chip on it, where the driver lets no escapes through.
pub fn through_chip(profile: FeedbackProfile) -> bool {
    matches!(profile, FeedbackProfile::Acr122u | FeedbackProfile::Springcard)
}

/// The steps that show `signal` on a reader of that family; none where nothing is known.
pub fn beats(profile: FeedbackProfile, signal: Signal) -> Vec<Beat> {
    match profile {
        FeedbackProfile::Auto | FeedbackProfile::None | FeedbackProfile::Omnikey => Vec::new(),
        FeedbackProfile::Acr122u => vec![Beat::Send(acr122u(signal))],
        FeedbackProfile::Acr1252u => {
            tones(signal, lit(e0_light(signal)), |ms| vec![Beat::Send(e0_buzzer(ms)), Beat::Pause(ms)])
        }
        FeedbackProfile::Acr1552u => {
            let (tone_ms, times) = count(signal);
            let repeated = [0xE0, 0x00, 0x00, 0x28, 0x03, tens(tone_ms), tens(GAP_MS), times];
            let mut beats = lit(e0_light(signal));
            beats.extend([Beat::Send(repeated.to_vec()), Beat::Pause(LIGHT_MS), Beat::Send(e0_lights(0))]);
            beats
        }
        FeedbackProfile::Utrust => tones(signal, Vec::new(), |ms| {
            vec![Beat::Send(vec![0x51, 0x01]), Beat::Pause(ms), Beat::Send(vec![0x51, 0x00])]
        }),
        FeedbackProfile::Springcard => tones(signal, lit(springcard_light(signal)), |ms| {
            let [high, low] = (ms as u16).to_be_bytes();
            vec![Beat::Send(vec![0x58, 0x1C, high, low]), Beat::Pause(ms)]
        }),
    }
    .into_iter()
    .chain(dark(profile))
    .collect()
}

/// The same signal as commands to whoever talks to the chip, without pauses: the reader does other things meanwhile.
pub fn chip_commands(profile: FeedbackProfile, signal: Signal) -> Vec<Vec<u8>> {
    match profile {
        FeedbackProfile::Acr122u => vec![acr122u(signal)],
        FeedbackProfile::Springcard => {
            let (tone_ms, _) = count(signal);
            let [high, low] = (tone_ms as u16).to_be_bytes();
            // readers-and-scanners.md section 1.10: of the two layouts in the maker's pages, the first.
            vec![vec![0xFF, 0xF0, 0x00, 0x58, 0x03, 0x1C, high, low]]
        }
        _ => Vec::new(),
    }
}

/// How long a tone of that signal is, milliseconds, and how often it sounds.
fn count(signal: Signal) -> (u64, u8) {
    match signal {
        Signal::Read => (SHORT_MS, 1),
        Signal::Awarded => (SHORT_MS, 2),
        Signal::Refused => (LONG_MS, 1),
    }
}

/// A light and then the tones, each by `tone`, with a gap between; the light stays for the rest of its time.
fn tones(signal: Signal, light: Vec<Beat>, tone: impl Fn(u64) -> Vec<Beat>) -> Vec<Beat> {
    let (tone_ms, times) = count(signal);
    let has_light = !light.is_empty();
    let mut beats = light;
    for sounded in 0..times {
        if sounded > 0 {
            beats.push(Beat::Pause(GAP_MS));
        }
        beats.extend(tone(tone_ms));
    }
    if has_light {
        let sounding_ms = u64::from(times) * tone_ms + u64::from(times - 1) * GAP_MS;
        beats.push(Beat::Pause(LIGHT_MS.saturating_sub(sounding_ms)));
    }
    beats
}

fn lit(command: Vec<u8>) -> Vec<Beat> {
    vec![Beat::Send(command)]
}

/// What puts the light out again.
fn dark(profile: FeedbackProfile) -> Vec<Beat> {
    match profile {
        FeedbackProfile::Acr1252u => lit(e0_lights(0)),
        FeedbackProfile::Springcard => lit(vec![0x58, 0x1E, 0x00, 0x00, 0x00]),
        _ => Vec::new(),
    }
}

/// `FF 00 40 P2 04 T1 T2 n link`: the lamp blinks and the buzzer sounds with its first half; units of 100 ms.
fn acr122u(signal: Signal) -> Vec<u8> {
    // Final state off and changed, blink on at first and changed: of the green lamp, or of the red one.
    const GREEN: u8 = 0x08 | 0x20 | 0x80;
    const RED: u8 = 0x04 | 0x10 | 0x40;
    let (lamp, first, times) = match signal {
        Signal::Read => (GREEN, 1, 1),
        Signal::Awarded => (GREEN, 1, 2),
        Signal::Refused => (RED, 5, 1),
    };
    vec![0xFF, 0x00, 0x40, lamp, 0x04, first, 0x01, times, 0x01]
}

/// `E0 00 00 28 01 dd`: the buzzer, units of 10 ms.
fn e0_buzzer(ms: u64) -> Vec<u8> {
    vec![0xE0, 0x00, 0x00, 0x28, 0x01, tens(ms)]
}

/// `E0 00 00 29 01 ll`: bit 0 red, bit 1 green.
fn e0_lights(lamps: u8) -> Vec<u8> {
    vec![0xE0, 0x00, 0x00, 0x29, 0x01, lamps]
}

fn e0_light(signal: Signal) -> Vec<u8> {
    e0_lights(if signal == Signal::Refused { 0x01 } else { 0x02 })
}

/// `58 1E r g b`.
fn springcard_light(signal: Signal) -> Vec<u8> {
    let (red, green) = if signal == Signal::Refused { (1, 0) } else { (0, 1) };
    vec![0x58, 0x1E, red, green, 0x00]
}

/// Tens of milliseconds in a byte: 00 and FF mean off and on for ever.
fn tens(ms: u64) -> u8 {
    (ms / 10).clamp(1, 0xFE) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [FeedbackProfile; 5] = [
        FeedbackProfile::Acr122u,
        FeedbackProfile::Acr1252u,
        FeedbackProfile::Acr1552u,
        FeedbackProfile::Utrust,
        FeedbackProfile::Springcard,
    ];
    const SIGNALS: [Signal; 3] = [Signal::Read, Signal::Awarded, Signal::Refused];

    fn sent(profile: FeedbackProfile, signal: Signal) -> Vec<String> {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        let told = |beat| match beat {
            Beat::Send(command) => hex(command),
            Beat::Pause(ms) => format!("{ms} ms"),
        };
        beats(profile, signal).into_iter().map(told).collect()
    }

    #[test]
    fn readers_are_known_by_their_names() {
        let cases = [
            ("ACS ACR122U PICC Interface 00 00", FeedbackProfile::Acr122u),
            ("ACS ACR1252 1S CL Reader [ACR1252 Dual Reader PICC] 00 00", FeedbackProfile::Acr1252u),
            ("ACS ACR1252 1S CL Reader [ACR1252 Dual Reader SAM] 00 01", FeedbackProfile::None),
            ("ACS ACR1281 1S Dual Reader 00 01", FeedbackProfile::Acr1252u),
            ("ACS ACR1552 1S CL Reader 00 00", FeedbackProfile::Acr1552u),
            ("ACS WalletMate 1S CL Reader 00 00", FeedbackProfile::Acr1552u),
            ("Identiv uTrust 3700 F CL Reader 00 00", FeedbackProfile::Utrust),
            ("SpringCard Puck One (1234) 00 00", FeedbackProfile::Springcard),
            ("HID OMNIKEY 5022 CL 00 00", FeedbackProfile::Omnikey),
            ("Virtual PCD 00 00", FeedbackProfile::None),
        ];
        for (name, profile) in cases {
            assert_eq!(profile_of(name), profile, "{name}");
        }
    }

    #[test]
    fn each_family_is_told_in_its_own_bytes() {
        let cases: [(FeedbackProfile, Signal, &[&str]); 11] = [
            (FeedbackProfile::Acr122u, Signal::Read, &["FF0040A80401010101"]),
            (FeedbackProfile::Acr122u, Signal::Awarded, &["FF0040A80401010201"]),
            (FeedbackProfile::Acr122u, Signal::Refused, &["FF0040540405010101"]),
            (
                FeedbackProfile::Acr1252u,
                Signal::Awarded,
                &["E00000290102", "E00000280108", "80 ms", "80 ms", "E00000280108", "80 ms", "560 ms", "E00000290100"],
            ),
            (
                FeedbackProfile::Acr1252u,
                Signal::Refused,
                &["E00000290101", "E0000028012D", "450 ms", "350 ms", "E00000290100"],
            ),
            (
                FeedbackProfile::Acr1552u,
                Signal::Awarded,
                &["E00000290102", "E000002803080802", "800 ms", "E00000290100"],
            ),
            (FeedbackProfile::Utrust, Signal::Read, &["5101", "80 ms", "5100"]),
            (FeedbackProfile::Utrust, Signal::Refused, &["5101", "450 ms", "5100"]),
            (FeedbackProfile::Springcard, Signal::Read, &["581E000100", "581C0050", "80 ms", "720 ms", "581E000000"]),
            (FeedbackProfile::Omnikey, Signal::Awarded, &[]),
            (FeedbackProfile::None, Signal::Awarded, &[]),
        ];
        for (profile, signal, expected) in cases {
            assert_eq!(sent(profile, signal), expected, "{profile:?} {signal:?}");
        }
    }

    #[test]
    fn a_signal_ends_dark_and_silent_within_a_second() {
        for (profile, signal) in FAMILIES.into_iter().flat_map(|family| SIGNALS.map(|signal| (family, signal))) {
            let beats = beats(profile, signal);
            let pause = |beat: &Beat| if let Beat::Pause(ms) = beat { *ms } else { 0 };
            assert!(beats.iter().map(pause).sum::<u64>() < 1_000, "{profile:?} {signal:?}");
            assert!(matches!(beats.last(), Some(Beat::Send(_))), "{profile:?} {signal:?}");
            let others = SIGNALS.into_iter().filter(|other| *other != signal);
            assert!(others.into_iter().all(|other| super::beats(profile, other) != beats), "{profile:?} {signal:?}");
        }
    }

    #[test]
    fn through_a_chip_goes_what_such_a_reader_takes_there() {
        for profile in FAMILIES {
            assert_eq!(through_chip(profile), !chip_commands(profile, Signal::Read).is_empty(), "{profile:?}");
        }
        let tone = chip_commands(FeedbackProfile::Springcard, Signal::Refused);
        assert_eq!(tone, [vec![0xFF, 0xF0, 0x00, 0x58, 0x03, 0x1C, 0x01, 0xC2]]);
    }

    #[test]
    fn a_first_trembling_hand_is_not_told_off() {
        assert_eq!(Signal::of(Decision::HoldStill, false), None);
        assert_eq!(Signal::of(Decision::HoldStill, true), Some(Signal::Refused));
        for (decision, signal) in [
            (Decision::Awarded, Signal::Awarded),
            (Decision::Presented, Signal::Read),
            (Decision::AlreadyCounted, Signal::Read),
            (Decision::Refused, Signal::Refused),
        ] {
            assert_eq!(Signal::of(decision, false), Some(signal));
        }
    }
}
