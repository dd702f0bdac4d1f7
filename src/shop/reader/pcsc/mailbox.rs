//! What the monitor tells a reader's thread: not a queue of messages but the latest state, so that it is bounded by
//! nature and a thread that was held up finds what is true now.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::picture::PresenceId;

/// One reader's orders, between the monitor and the reader's thread.
#[derive(Debug, Default)]
pub struct Mailbox {
    orders: Mutex<Orders>,
    changed: Condvar,
}

/// What a reader's thread is to know.
#[derive(Debug, Default)]
pub struct Orders {
    /// End.
    pub stop: bool,
    /// The service is another one: make a new context.
    pub renew: bool,
    /// The chip that is held to the reader, from its coming until its presence is over.
    pub chip: Option<ChipHere>,
    /// A presence that gave nothing to talk to, to be reported once.
    pub unreadable: Option<Unreadable>,
}

/// A chip held to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChipHere {
    /// Its presence.
    pub presence: PresenceId,
    /// How often it came within this presence, from 1.
    pub insertions: u32,
    /// It is in the field now.
    pub in_field: bool,
    /// What it said of itself.
    pub atr: Vec<u8>,
    /// When it was last seen coming, nanoseconds since boot.
    pub seen_ns: i64,
}

/// A presence without a chip to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which.
    pub presence: PresenceId,
    /// Why.
    pub why: WhyUnreadable,
    /// When it was seen, nanoseconds since boot.
    pub seen_ns: i64,
}

/// Why there was no chip to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUnreadable {
    /// It came and went between two looks.
    Glimpsed,
    /// It does not answer.
    Mute,
}

impl Mailbox {
    /// Changes the orders and wakes the reader's thread.
    pub fn tell(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `look` finds something to do. `look` returns what it found, or how long to wait at most before it is
    /// asked again (`None`: until the orders change).
    pub fn wait<T>(&self, mut look: impl FnMut(&mut Orders) -> Result<T, Option<Duration>>) -> T {
        let mut orders = self.lock();
        loop {
            orders = match look(&mut orders) {
                Ok(found) => return found,
                Err(None) => self.changed.wait(orders).unwrap_or_else(PoisonError::into_inner),
                Err(Some(wait)) => self.changed.wait_timeout(orders, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    // Orders are plain values, written whole: a panic elsewhere leaves them right.
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
