//! What is known of every reader and of the service, told to the sink whenever it changes.
//!
//! Several conditions may hold for one reader at once (a chip that is mute while the service goes away); the gravest
//! is its state, and when it passes the next one shows again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::clock::Clock;
use crate::pure::domain::TillId;
use crate::shop::reader::{ReaderState, ReaderStatus, ServiceStatus, TapSink};

/// The states of all readers.
pub struct Board {
    sink: Arc<dyn TapSink>,
    clock: Clock,
    /// Held while a change is made and told, so that changes are told in the order in which they were made.
    order: Mutex<()>,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    readers: BTreeMap<String, Known>,
    service: Option<ServiceStatus>,
}

struct Known {
    conditions: BTreeSet<Condition>,
    status: ReaderStatus,
}

/// What keeps a reader from reading; greater is graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// A chip lay there when the reader came up.
    LiftFirst,
    /// The chip does not answer.
    Mute,
    /// Another program holds the chip.
    Held,
    /// A call to the reader does not come back.
    Stuck,
    /// The service is away.
    NoService,
}

impl Condition {
    fn state(self) -> ReaderState {
        match self {
            Condition::LiftFirst => ReaderState::LiftFirst,
            Condition::Mute => ReaderState::Mute,
            Condition::Held => ReaderState::Held,
            Condition::Stuck => ReaderState::Stuck,
            Condition::NoService => ReaderState::NoService,
        }
    }
}

impl Board {
    /// An empty board that tells `sink`.
    pub fn new(sink: Arc<dyn TapSink>, clock: Clock) -> Self {
        Self { sink, clock, order: Mutex::default(), facts: Mutex::default() }
    }

    /// All readers by name.
    pub fn statuses(&self) -> Vec<ReaderStatus> {
        self.facts().readers.values().map(|known| known.status.clone()).collect()
    }

    /// The service; `None` before it was first asked.
    pub fn service(&self) -> Option<ServiceStatus> {
        self.facts().service.clone()
    }

    /// A reader came up.
    pub fn reader_up(&self, reader: &str, till: &TillId, occupied: bool) {
        let _order = self.order();
        let conditions: BTreeSet<Condition> = occupied.then_some(Condition::LiftFirst).into_iter().collect();
        let status = ReaderStatus {
            name: reader.to_owned(),
            till: till.clone(),
            state: state_of(&conditions),
            since_ns: self.clock.boot_ns(),
            occupied,
        };
        self.facts().readers.insert(reader.to_owned(), Known { conditions, status: status.clone() });
        self.sink.reader_changed(status);
    }

    /// A reader went away.
    pub fn reader_down(&self, reader: &str) {
        let _order = self.order();
        let known = self.facts().readers.remove(reader);
        if let Some(known) = known {
            let since_ns = self.clock.boot_ns();
            self.sink.reader_changed(ReaderStatus { state: ReaderState::Gone, since_ns, ..known.status });
        }
    }

    /// A presence on a reader began or ended. Kept for whoever asks, and not told.
    pub fn occupied(&self, reader: &str, occupied: bool) {
        if let Some(known) = self.facts().readers.get_mut(reader) {
            known.status.occupied = occupied;
        }
    }

    /// A condition of a reader holds from now on.
    pub fn raise(&self, reader: &str, condition: Condition) {
        self.change(reader, |conditions| conditions.insert(condition));
    }

    /// A condition of a reader is over.
    pub fn clear(&self, reader: &str, condition: Condition) {
        self.change(reader, |conditions| conditions.remove(&condition));
    }

    /// The service came or went; every reader follows.
    pub fn service_changed(&self, service: ServiceStatus) {
        let up = service == ServiceStatus::Up;
        let readers: Vec<String> = {
            let _order = self.order();
            let mut facts = self.facts();
            if facts.service.as_ref() == Some(&service) {
                return;
            }
            facts.service = Some(service.clone());
            let readers = facts.readers.keys().cloned().collect();
            drop(facts);
            self.sink.service_changed(service);
            readers
        };
        for reader in readers {
            if up { self.clear(&reader, Condition::NoService) } else { self.raise(&reader, Condition::NoService) }
        }
    }

    fn change(&self, reader: &str, change: impl FnOnce(&mut BTreeSet<Condition>) -> bool) {
        let _order = self.order();
        let mut facts = self.facts();
        let Some(known) = facts.readers.get_mut(reader) else { return };
        change(&mut known.conditions);
        let state = state_of(&known.conditions);
        if state == known.status.state {
            return;
        }
        known.status.state = state;
        known.status.since_ns = self.clock.boot_ns();
        let status = known.status.clone();
        drop(facts);
        self.sink.reader_changed(status);
    }

    // A sink that panicked while it was told leaves the facts whole.
    fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state_of(conditions: &BTreeSet<Condition>) -> ReaderState {
    conditions.last().map_or(ReaderState::Ready, |condition| condition.state())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Trust;
    use crate::shop::reader::{Decision, ReaderTap};

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl TapSink for Told {
        fn tapped(&self, _: ReaderTap) -> Decision {
            Decision::Refused
        }

        fn reader_changed(&self, status: ReaderStatus) {
            let line = format!("{} {}", status.name, status.state.name());
            self.0.lock().expect("no panic").push(line);
        }

        fn service_changed(&self, service: ServiceStatus) {
            let line = if service == ServiceStatus::Up { "up" } else { "down" };
            self.0.lock().expect("no panic").push(line.to_owned());
        }
    }

    #[test]
    fn the_gravest_condition_is_told_and_when_it_passes_the_next() {
        let told = Arc::new(Told::default());
        let clock = Clock::new(jiff::tz::TimeZone::UTC, Trust::Always).expect("a clock");
        let board = Board::new(told.clone(), clock);
        let till = TillId::new("till-1").expect("a till");
        let down = || ServiceStatus::Down { reason: "r".to_owned(), remedy: "m".to_owned() };
        board.service_changed(ServiceStatus::Up);
        board.reader_up("A", &till, true);
        board.reader_up("B", &till, false);
        board.raise("A", Condition::Stuck);
        board.raise("A", Condition::Stuck);
        board.raise("A", Condition::Mute);
        board.service_changed(down());
        board.service_changed(down());
        board.clear("A", Condition::Stuck);
        board.service_changed(ServiceStatus::Up);
        board.clear("A", Condition::Mute);
        board.occupied("A", false);
        board.clear("A", Condition::LiftFirst);
        board.raise("nobody", Condition::Stuck);
        board.reader_down("B");
        let expected = "up, A lift_first, B ready, A stuck, down, A no_service, B no_service, up, A mute, B ready, \
                        A lift_first, A ready, B gone";
        assert_eq!(told.0.lock().expect("no panic").join(", "), expected);
        assert_eq!(board.statuses().len(), 1);
    }
}
