//! Light and sound over PC/SC: a thread of its own for each reader that has any, so that a tone of half a second holds up
//! no tap. It plays what `light.rs` says by escape commands, which need no chip; where the driver refuses them, the
//! families that can take the same commands from whoever talks to the chip get them there.
//!
//! Most drivers refuse escapes until their owner allows them. That is found out once, when the reader comes, and is said
//! in one line of the log.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::pure::domain::FeedbackProfile;
use crate::shop::reader::light::{self, Beat, Signal, TREMBLE_NS};
use crate::shop::reader::{Decision, Feedback, NoFeedback};

use super::link::Link;
use super::{Access, ReaderConfig};

/// The owner's own commands, which take the place of the family's where there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnSignals {
    /// Read, and nothing new was given.
    pub read: Vec<Vec<u8>>,
    /// Something was given.
    pub awarded: Vec<Vec<u8>>,
    /// Nothing came of it.
    pub refused: Vec<Vec<u8>>,
}

impl OwnSignals {
    fn of(&self, signal: Signal) -> &[Vec<u8>] {
        match signal {
            Signal::Read => &self.read,
            Signal::Awarded => &self.awarded,
            Signal::Refused => &self.refused,
        }
    }

    fn any(&self) -> bool {
        [Signal::Read, Signal::Awarded, Signal::Refused].into_iter().any(|signal| !self.of(signal).is_empty())
    }
}

/// What a reader shows for a signal.
fn beats(profile: FeedbackProfile, own: &OwnSignals, signal: Signal) -> Vec<Beat> {
    match own.of(signal) {
        [] => light::beats(profile, signal),
        own => own.iter().cloned().map(Beat::Send).collect(),
    }
}

/// One reader's light and sound.
pub struct Lamp {
    profile: FeedbackProfile,
    own: OwnSignals,
    clock: Clock,
    /// When a hand last trembled, nanoseconds since boot.
    trembled_ns: Option<i64>,
    /// Where escapes are refused, signals go through the chip or nowhere.
    refused: Arc<AtomicBool>,
    /// Signals that wait: one. A third that comes while the first still sounds is passed over.
    signals: SyncSender<Vec<Beat>>,
}

/// The feedback of a reader with that section; [`NoFeedback`] where it has nothing to show.
pub fn feedback(reader: &str, config: &ReaderConfig, clock: Clock) -> Box<dyn Feedback> {
    let profile = light::profile(config.feedback, reader);
    let own = config.signals.clone();
    let silent = light::beats(profile, Signal::Read).is_empty() && !own.any();
    // `feedback = "none"` silences the owner's own commands as well; a name with a zero byte is none.
    let (false, Ok(name)) = (silent || config.feedback == FeedbackProfile::None, CString::new(reader)) else {
        return Box::new(NoFeedback);
    };
    let (signals, played) = sync_channel(1);
    let refused = Arc::new(AtomicBool::new(false));
    let player = Player { name: reader.to_owned(), link: Link::new(name, Access::Shared), refused: refused.clone() };
    let question = light::question(profile);
    match thread::Builder::new().name("reader-light".to_owned()).spawn(move || player.run(question, &played)) {
        Ok(_) => Box::new(Lamp { profile, own, clock, trembled_ns: None, refused, signals }),
        Err(error) => {
            tracing::warn!(reader, %error, "reader shows nothing: the system gives no thread for its light");
            Box::new(NoFeedback)
        }
    }
}

impl Lamp {
    fn signal(&mut self, decision: Decision) -> Option<Signal> {
        let now_ns = self.clock.boot_ns();
        let again = self.trembled_ns.is_some_and(|then_ns| now_ns - then_ns < TREMBLE_NS);
        self.trembled_ns = (decision == Decision::HoldStill).then_some(now_ns);
        Signal::of(decision, again)
    }
}

impl Feedback for Lamp {
    fn show(&mut self, decision: Decision) {
        let Some(signal) = self.signal(decision) else { return };
        match self.signals.try_send(beats(self.profile, &self.own, signal)) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => self.refused.store(true, Ordering::Relaxed),
        }
    }

    fn wants_chip(&self) -> bool {
        self.refused.load(Ordering::Relaxed) && light::through_chip(self.profile)
    }

    fn chip_commands(&mut self, decision: Decision) -> Vec<Vec<u8>> {
        let Some(signal) = self.signal(decision) else { return Vec::new() };
        match self.own.of(signal) {
            [] => light::chip_commands(self.profile, signal),
            own => own.to_vec(),
        }
    }
}

/// The thread of a lamp. It ends when its lamp goes, or when the reader refuses.
struct Player {
    name: String,
    link: Link,
    refused: Arc<AtomicBool>,
}

impl Player {
    fn run(mut self, question: Option<Vec<u8>>, signals: &Receiver<Vec<Beat>>) {
        let mut taken = question.is_none_or(|question| self.send(question));
        while let (true, Ok(beats)) = (taken, signals.recv()) {
            taken = self.play(beats);
        }
    }

    fn play(&mut self, beats: Vec<Beat>) -> bool {
        beats.into_iter().all(|beat| match beat {
            Beat::Send(command) => self.send(command),
            Beat::Pause(ms) => {
                thread::sleep(Duration::from_millis(ms));
                true
            }
        })
    }

    /// Sends one command; false once the reader refused one, which is then told and not tried again.
    fn send(&mut self, command: Vec<u8>) -> bool {
        let commands = [command];
        let mut sent = self.link.escape(&commands);
        if sent.is_err() {
            // The service may be another one since the last tap.
            self.link.renew();
            sent = self.link.escape(&commands);
        }
        let Err(fault) = sent else { return true };
        self.refused.store(true, Ordering::Relaxed);
        tracing::info!(
            reader = self.name,
            %fault,
            "reader takes no commands for light and sound; libccid allows them by ifdDriverOptions 0x0001 in /etc/libccid_Info.plist"
        );
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Trust;
    use crate::pure::domain::TillId;
    use crate::shop::reader::ReadersConfig;
    use jiff::tz::TimeZone;

    fn clock() -> Clock {
        Clock::new(TimeZone::UTC, Trust::Always).expect("a clock")
    }

    fn lamp(profile: FeedbackProfile, own: OwnSignals) -> (Lamp, Receiver<Vec<Beat>>) {
        let (signals, played) = sync_channel(1);
        let refused = Arc::new(AtomicBool::new(false));
        (Lamp { profile, own, clock: clock(), trembled_ns: None, refused, signals }, played)
    }

    #[test]
    fn a_decision_is_played_and_a_queue_of_them_never_grows() {
        let (mut lamp, played) = lamp(FeedbackProfile::Utrust, OwnSignals::default());
        for _ in 0..5 {
            lamp.show(Decision::Awarded);
        }
        assert_eq!(played.try_iter().collect::<Vec<_>>(), [light::beats(FeedbackProfile::Utrust, Signal::Awarded)]);
        // The first trembling hand is let be, the second within the time is told.
        lamp.show(Decision::HoldStill);
        assert_eq!(played.try_iter().count(), 0);
        lamp.show(Decision::HoldStill);
        assert_eq!(played.try_iter().collect::<Vec<_>>(), [light::beats(FeedbackProfile::Utrust, Signal::Refused)]);
    }

    #[test]
    fn the_owners_commands_take_the_place_of_the_familys() {
        let own = OwnSignals { awarded: vec![vec![1, 2]], ..OwnSignals::default() };
        assert_eq!(beats(FeedbackProfile::Acr122u, &own, Signal::Awarded), [Beat::Send(vec![1, 2])]);
        assert_eq!(
            beats(FeedbackProfile::Acr122u, &own, Signal::Read),
            light::beats(FeedbackProfile::Acr122u, Signal::Read)
        );
        assert_eq!(beats(FeedbackProfile::Omnikey, &own, Signal::Awarded), [Beat::Send(vec![1, 2])]);
    }

    #[test]
    fn a_reader_that_refuses_is_told_through_the_chip_where_it_listens_there() {
        let (mut lamp, played) = lamp(FeedbackProfile::Acr122u, OwnSignals::default());
        assert!(!lamp.wants_chip());
        drop(played);
        lamp.show(Decision::Refused);
        assert!(lamp.wants_chip());
        let expected = light::chip_commands(FeedbackProfile::Acr122u, Signal::Awarded);
        assert_eq!(lamp.chip_commands(Decision::Awarded), expected);
        let (lamp, _) = self::lamp(FeedbackProfile::Acr1252u, OwnSignals::default());
        lamp.refused.store(true, Ordering::Relaxed);
        assert!(!lamp.wants_chip());
    }

    #[test]
    fn a_reader_of_no_family_gets_no_thread() {
        let config = ReadersConfig::new(TillId::new("till-1").expect("a till")).of("Virtual PCD 00 00", None);
        let mut silent = feedback("Virtual PCD 00 00", &config, clock());
        silent.show(Decision::Awarded);
        assert!(!silent.wants_chip());
    }
}
