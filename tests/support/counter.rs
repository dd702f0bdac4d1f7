//! A counter for tests: a sink and a feedback that record what readers report, in the order in which it happened, and a
//! software phone with a pass of this shop.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};

use stampd::pure::domain::CredentialId;
use stampd::pure::tap::apple_vas::{PassType, VasKey, VasKeys};
use stampd::pure::tap::keyring::Keyring;
use stampd::pure::tap::lc1::TokenKeys;
use stampd::pure::tap::p256::KeyPair;
use stampd::pure::tap::smart_tap::Collector;
use stampd::shop::reader::{Decision, Feedback, ReaderState, ReaderStatus, ReaderTap, ServiceStatus, TapSink};
use stampd::tools::phone::apple::{ApplePass, IPhone};
use stampd::tools::phone::fault::{Fault, Faulty};
use stampd::tools::phone::google::{AndroidPhone, GooglePass};
use stampd::tools::phone::{Handset, Phone, Presence, machine_time};

use super::DEADLINE;

const PASS_TYPE: &str = "pass.com.example.loyalty";

/// The credential in the pass of [`phone`].
pub const CREDENTIAL: CredentialId = CredentialId([7; 12]);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The sink took a tap.
    Tap(ReaderTap),
    /// The sink committed it.
    Committed,
    /// The feedback of that reader showed a decision.
    Shown(String, Decision),
    /// A reader changed.
    Reader(ReaderStatus),
    /// The service changed.
    Service(ServiceStatus),
}

/// Records what happens.
#[derive(Default)]
pub struct Counter {
    happened: Mutex<Vec<Happened>>,
    changed: Condvar,
    /// What the next taps do instead of a commit.
    tricks: Mutex<VecDeque<Trick>>,
}

/// What a tap does in the sink.
#[derive(Clone, Copy, Debug)]
pub enum Trick {
    /// Panics.
    Panic,
}

impl Counter {
    /// All that happened so far.
    pub fn happened(&self) -> Vec<Happened> {
        self.happened.lock().expect("no panic").clone()
    }

    /// The taps so far, as reader and what they gave: `Ok` for the token of [`CREDENTIAL`].
    pub fn taps(&self) -> Vec<ReaderTap> {
        self.happened()
            .into_iter()
            .filter_map(|one| if let Happened::Tap(tap) = one { Some(tap) } else { None })
            .collect()
    }

    /// Waits until `done` holds of what happened.
    pub fn wait(&self, what: &str, mut done: impl FnMut(&[Happened]) -> bool) {
        let happened = self.happened.lock().expect("no panic");
        let (happened, late) =
            self.changed.wait_timeout_while(happened, DEADLINE, |happened| !done(happened)).expect("no panic");
        assert!(!late.timed_out(), "not within {DEADLINE:?}: {what}; so far {happened:#?}");
    }

    /// Waits for so many taps and returns them.
    pub fn wait_taps(&self, count: usize) -> Vec<ReaderTap> {
        self.wait("taps", |happened| happened.iter().filter(|one| matches!(one, Happened::Shown(..))).count() >= count);
        self.taps()
    }

    /// Waits until the last word of `reader` is `state`.
    pub fn wait_state(&self, reader: &str, state: ReaderState) {
        self.wait(&format!("{reader} {state:?}"), |happened| {
            let of_reader = |one: &Happened| match one {
                Happened::Reader(status) if status.name == reader => Some(status.state),
                _ => None,
            };
            happened.iter().rev().find_map(of_reader) == Some(state)
        });
    }

    /// The next tap does this.
    pub fn trick(&self, trick: Trick) {
        self.tricks.lock().expect("no panic").push_back(trick);
    }

    fn push(&self, happened: Happened) {
        self.happened.lock().expect("no panic").push(happened);
        self.changed.notify_all();
    }
}

impl TapSink for Counter {
    fn tapped(&self, tap: ReaderTap) -> Decision {
        let decision = if tap.result.is_ok() { Decision::Awarded } else { Decision::Refused };
        let trick = self.tricks.lock().expect("no panic").pop_front();
        self.push(Happened::Tap(tap));
        if let Some(Trick::Panic) = trick {
            panic!("the trick of this test");
        }
        self.push(Happened::Committed);
        decision
    }

    fn reader_changed(&self, status: ReaderStatus) {
        self.push(Happened::Reader(status));
    }

    fn service_changed(&self, service: ServiceStatus) {
        self.push(Happened::Service(service));
    }
}

/// The stand-in for a reader's light and sound: records what it would show.
pub struct RecordingFeedback {
    /// Of this reader.
    pub reader: String,
    /// Where it is recorded, beside the commits.
    pub counter: Arc<Counter>,
}

impl Feedback for RecordingFeedback {
    fn show(&mut self, decision: Decision) {
        self.counter.push(Happened::Shown(self.reader.clone(), decision));
    }
}

/// The shop's keys.
pub fn keyring() -> Keyring {
    Keyring {
        pass_types: vec![PassType::new(PASS_TYPE).expect("a pass type")],
        vas: VasKeys::new([vas_key()]),
        collector: Some(Collector::new(COLLECTOR, [(1, smart_tap_key())])),
        tokens: token_keys(),
        ..Keyring::default()
    }
}

const COLLECTOR: u32 = 20_180_608;

fn smart_tap_key() -> KeyPair {
    KeyPair::from_scalar(&[0x43; 32]).expect("a key")
}

fn vas_key() -> VasKey {
    VasKey::from_scalar(&[0x42; 32]).expect("a key")
}

fn token_keys() -> TokenKeys {
    TokenKeys::new([(1, [3; 32])].into())
}

/// An iPhone with a pass of this shop, with faults as `stampd phone --fault` names them.
pub fn phone(faults: &[&str]) -> Box<dyn Handset> {
    let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse().expect("never fails")).collect();
    let text = token_keys().mint(1, CREDENTIAL).expect("a key");
    let pass = ApplePass::new(PASS_TYPE, &vas_key().encryption_public_key(), &text).expect("a pass");
    let mut iphone = IPhone::new(vec![pass], machine_time().expect("a clock"));
    let mut of_link = Vec::new();
    for fault in faults {
        let is_apple = stampd::tools::phone::apple::FAULTS.iter().any(|kind| kind.name == fault.name);
        if is_apple {
            iphone = iphone.with_fault(&fault).expect("a fault");
        } else {
            of_link.push(fault);
        }
    }
    Faulty::around(Box::new(iphone), &of_link).expect("faults").0
}

/// An Android phone with a pass of this shop, with faults of its wallet.
pub fn android(faults: &[&str]) -> Box<dyn Handset> {
    let text = token_keys().mint(1, CREDENTIAL).expect("a key");
    let pem = String::from_utf8(smart_tap_key().public_pem().expect("a key")).expect("PEM");
    let mut android = AndroidPhone::new(GooglePass::new(COLLECTOR, 1, &pem, &text).expect("a pass"));
    for fault in faults {
        android = android.with_fault(&fault.parse().expect("never fails")).expect("a fault");
    }
    Box::new(android)
}

/// Puts any handset on the reader at `port`.
pub fn present_handset(port: u16, handset: Box<dyn Handset>) -> Presence {
    let presence = Phone::connect(port).present(handset).expect("a reader");
    presence.noticed().expect("a free slot");
    presence
}

/// Puts a phone on the reader at `port`.
pub fn present(port: u16, faults: &[&str]) -> Presence {
    present_handset(port, phone(faults))
}
