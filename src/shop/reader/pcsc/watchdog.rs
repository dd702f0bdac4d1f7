//! Watches calls that PC/SC neither ends nor lets anyone cancel: a reader that takes a command and gives no answer holds
//! its thread for as long as its driver likes (readers-and-scanners.md section 1.5). One thread watches all readers; it
//! sleeps while no call is under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::clock::Clock;
use crate::shop::reader::TapTiming;

/// Watches the calls of all readers.
pub struct Watchdog {
    clock: Clock,
    /// How long a call may give no answer, nanoseconds.
    stuck_ns: i64,
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Default)]
struct Watched {
    stop: bool,
    next: u64,
    calls: BTreeMap<u64, Call>,
}

struct Call {
    reader: Arc<str>,
    /// When the reader last answered.
    since_ns: i64,
    timing: TapTiming,
    told: bool,
}

/// A reader that is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Which.
    pub reader: Arc<str>,
    /// How far the tap had come.
    pub timing: TapTiming,
}

/// The calls of one attempt; they are watched until it is ended or dropped.
pub struct Watch {
    dog: Arc<Watchdog>,
    key: u64,
    ended: bool,
}

impl Watchdog {
    /// A watchdog that finds a reader stuck after `stuck_ns` nanoseconds without an answer.
    pub fn new(clock: Clock, stuck_ns: i64) -> Self {
        Self { clock, stuck_ns, watched: Mutex::default(), changed: Condvar::new() }
    }

    /// Watches from now on what `reader` is asked.
    pub fn watch(self: &Arc<Self>, reader: &Arc<str>, timing: TapTiming) -> Watch {
        let mut watched = self.lock();
        let key = watched.next;
        watched.next += 1;
        let call = Call { reader: reader.clone(), since_ns: self.clock.boot_ns(), timing, told: false };
        watched.calls.insert(key, call);
        if watched.calls.len() == 1 {
            self.changed.notify_one();
        }
        Watch { dog: self.clone(), key, ended: false }
    }

    /// Ends [`Watchdog::run`].
    pub fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_one();
    }

    /// Runs until stopped. For each attempt that is overdue it calls `mark` once, before [`Watch::end`] can return, so
    /// that whoever sees the end can take the mark back; then `report`, which may take its time.
    pub fn run(&self, mark: impl Fn(&Overdue), report: impl Fn(Overdue)) {
        let mut watched = self.lock();
        while !watched.stop {
            let now_ns = self.clock.boot_ns();
            let overdue = watched.take_overdue(now_ns, self.stuck_ns);
            if !overdue.is_empty() {
                overdue.iter().for_each(&mark);
                drop(watched);
                overdue.into_iter().for_each(&report);
                watched = self.lock();
                continue;
            }
            watched = match watched.due_ns(self.stuck_ns) {
                None => self.changed.wait(watched).unwrap_or_else(PoisonError::into_inner),
                Some(due_ns) => {
                    let wait = Duration::from_nanos(due_ns.saturating_sub(now_ns).max(0).unsigned_abs());
                    self.changed.wait_timeout(watched, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn take_overdue(&mut self, now_ns: i64, stuck_ns: i64) -> Vec<Overdue> {
        let mut overdue = Vec::new();
        for call in self.calls.values_mut() {
            if !call.told && now_ns - call.since_ns >= stuck_ns {
                call.told = true;
                overdue.push(Overdue { reader: call.reader.clone(), timing: call.timing });
            }
        }
        overdue
    }

    fn due_ns(&self, stuck_ns: i64) -> Option<i64> {
        self.calls.values().filter(|call| !call.told).map(|call| call.since_ns + stuck_ns).min()
    }
}

impl Watch {
    /// The reader answered, or is asked the next thing.
    pub fn progress(&self, now_ns: i64, timing: TapTiming) {
        if let Some(call) = self.dog.lock().calls.get_mut(&self.key) {
            call.since_ns = now_ns;
            call.timing = timing;
        }
    }

    /// Ends the watch; true when the reader was found stuck meanwhile.
    pub fn end(mut self) -> bool {
        self.ended = true;
        self.remove()
    }

    fn remove(&self) -> bool {
        self.dog.lock().calls.remove(&self.key).is_some_and(|call| call.told)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_overdue_once_and_progress_puts_it_off() {
        let mut watched = Watched::default();
        let call = |since_ns| Call { reader: "r".into(), since_ns, timing: TapTiming::default(), told: false };
        watched.calls.insert(0, call(100));
        watched.calls.insert(1, call(160));
        assert_eq!((watched.due_ns(50), watched.take_overdue(149, 50).len()), (Some(150), 0));
        assert_eq!(watched.take_overdue(150, 50).len(), 1);
        assert_eq!((watched.due_ns(50), watched.take_overdue(200, 50).len()), (Some(210), 0), "told once");
        watched.calls.get_mut(&1).expect("there").since_ns = 205;
        assert_eq!((watched.due_ns(50), watched.take_overdue(210, 50).len()), (Some(255), 0));
        assert_eq!(watched.take_overdue(255, 50).len(), 1);
        assert_eq!(watched.due_ns(50), None);
    }
}
