//! The worker: one thread of low priority that drains the outbox, and looks at every card's pass after a start or a reload.
//!
//! It reads rows in turn, makes what they ask for, and takes the done ones away once a second at most, so that its commits
//! stay out of the way of taps: a tap that comes while one is on its way to the disk waits for it, and one in a hundred
//! would be seen in the 99th. A row that fails waits longer each time; while nothing at all may be signed the rows stay as
//! they are.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::{Hold, Outcome, PassFault, Passes};
use crate::base::priority;
use crate::pure::domain::{Now, Serial};
use crate::shop::ledger::{LedgerError, OUTBOX_WAIT_MS_MAX, OutboxRow};

/// The topic of its rows.
pub const TOPIC: &str = "pass";

/// Rows read at once.
const ROWS_AT_ONCE: usize = 64;

/// Rows that may be done and not yet taken away. After a crash they are looked at again, and nothing is signed twice.
const DONE_MAX: usize = 512;

/// Between two commits that take done rows away, at least.
const CLEAR_EVERY: Duration = Duration::from_secs(1);

/// The first wait after a failure, milliseconds; it doubles.
const RETRY_MS: i64 = 5_000;

/// How often it is asked again whether something may be signed.
const HOLD: Duration = Duration::from_secs(5);

/// Where it cannot step behind the taps by priority, it rests so many times as long as a pass took.
const REST_TIMES: u32 = 4;

/// And no longer than this.
const REST_MAX: Duration = Duration::from_millis(200);

/// How long it sleeps when nothing waits.
const IDLE: Duration = Duration::from_secs(60);

/// Why it wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Something was posted.
    Posted,
    /// Designs or certificates are other ones.
    Renewed,
    /// It is to end.
    Stop,
}

#[derive(Clone, Copy, Default)]
struct Rung {
    posted: bool,
    renewed: bool,
    stop: bool,
}

/// What wakes the worker; ringing it often is ringing it once.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<Rung>,
    heard: Condvar,
}

impl Bell {
    pub fn ring(&self, why: Ring) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Ring::Posted => rung.posted = true,
            Ring::Renewed => rung.renewed = true,
            Ring::Stop => rung.stop = true,
        }
        self.heard.notify_all();
    }

    /// For a worker that starts: whatever its forerunner was told is over.
    fn silence(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = Rung::default();
    }

    fn look(&self) -> Rung {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a ring, at most so long; answers what was rung. A stop stays rung.
    fn wait(&self, at_most: Duration) -> Rung {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |rung: &mut Rung| !(rung.posted || rung.renewed || rung.stop);
        let (mut rung, _) =
            self.heard.wait_timeout_while(rung, at_most, silent).unwrap_or_else(PoisonError::into_inner);
        let heard = *rung;
        *rung = Rung { stop: heard.stop, ..Rung::default() };
        heard
    }
}

/// The running worker.
pub struct Worker {
    passes: Passes,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(passes: Passes) -> std::io::Result<Self> {
        passes.inner.bell.silence();
        let working = passes.clone();
        let thread = std::thread::Builder::new().name("passes".to_owned()).spawn(move || {
            // Where the system refuses that (our unit takes such calls away), it rests between passes instead.
            let refused = priority::lower().err();
            if let Some(error) = &refused {
                tracing::info!(%error, "delivery.rests: no lower priority is given, so passes are made with rests between");
            }
            let rests = refused.is_some();
            Work { passes: working, sweep: Some(None), done: BTreeMap::new(), cleared_ns: None, rests }.run();
        })?;
        Ok(Self { passes, thread })
    }

    /// Ends it after the pass that it is making, and waits for it. What waits is made after the next start.
    pub fn stop(self) {
        self.passes.inner.bell.ring(Ring::Stop);
        if self.thread.join().is_err() {
            tracing::error!("delivery.panic: the worker that makes passes had panicked");
        }
    }
}

/// What the thread has in hand.
struct Work {
    passes: Passes,
    /// The card after which every card is looked at; `None` when that is over.
    sweep: Option<Option<Serial>>,
    /// Rows that are done and not yet taken away, by their cards.
    done: BTreeMap<Serial, OutboxRow>,
    /// When rows were taken away last, in time since boot.
    cleared_ns: Option<i64>,
    /// Whether it rests between passes, because it has the priority of taps.
    rests: bool,
}

/// What comes next.
enum Next {
    Wait(Duration),
    AtOnce,
}

impl Work {
    fn run(mut self) {
        self.begin();
        let mut wait = Duration::ZERO;
        loop {
            let rung = self.passes.inner.bell.wait(wait);
            if rung.stop {
                break;
            }
            if rung.renewed {
                self.renewed();
            }
            wait = match self.round() {
                Ok(Next::AtOnce) => Duration::ZERO,
                Ok(Next::Wait(wait)) => wait,
                Err(error) => {
                    tracing::error!(%error, "delivery.ledger: the outbox cannot be read; it is tried again");
                    HOLD
                }
            };
        }
        self.clear();
    }

    /// What failed before the start is tried at once: it may go well now, and if not, why is known again.
    fn begin(&self) {
        let now = self.passes.inner.clock.now();
        let next_ms = self.passes.inner.till.ledger().read(|reads| reads.outbox_next_ms(TOPIC));
        if next_ms.is_ok_and(|next_ms| next_ms.is_some()) {
            self.write(move |txn| txn.outbox_wake(TOPIC, &now));
        }
    }

    /// Other material: every card is looked at, and what failed before may go well now.
    fn renewed(&mut self) {
        self.sweep = Some(None);
        self.passes.inner.board.with(|status| status.faults.clear());
        let now = self.passes.inner.clock.now();
        self.write(move |txn| txn.outbox_wake(TOPIC, &now));
    }

    fn round(&mut self) -> Result<Next, LedgerError> {
        let now = self.passes.inner.clock.now();
        let waiting = self.passes.inner.till.ledger().read(|reads| reads.outbox_waiting())?;
        self.passes.inner.board.with(|status| {
            status.waiting = waiting;
            status.sweeping = self.sweep.is_some();
        });
        if let Some(error) = self.passes.material().hold(&now) {
            self.hold(&now, PassFault::Sign(error));
            return Ok(Next::Wait(HOLD));
        }
        self.passes.inner.board.with(|status| status.hold = None);
        self.drain(&now)?;
        let clear_in = self.clear_due();
        if self.sweep.is_some() && !self.interrupted() {
            self.sweep_on()?;
            return Ok(Next::AtOnce);
        }
        let next_ms = self.passes.inner.till.ledger().read(|reads| reads.outbox_next_ms(TOPIC))?;
        let waiting = self.passes.inner.till.ledger().read(|reads| reads.outbox_waiting())?;
        self.passes.inner.board.with(|status| {
            status.waiting = waiting;
            status.sweeping = self.sweep.is_some();
        });
        let until = |next_ms: i64| Duration::from_millis(next_ms.saturating_sub(now.wall_ms).clamp(50, 60_000) as u64);
        // Rows that are done and still there are due as well: their wait is the one for being taken away.
        Ok(Next::Wait(clear_in.unwrap_or_else(|| next_ms.map_or(IDLE, until))))
    }

    /// Nothing may be signed: said once, on the event stream too.
    fn hold(&mut self, now: &Now, fault: PassFault) {
        let (code, detail) = (fault.code(), fault.to_string());
        let mut told = false;
        self.passes.inner.board.with(|status| {
            told = status.hold.as_ref().is_some_and(|hold| hold.code == code);
            status.hold = Some(Hold { code, detail: detail.clone() });
        });
        if told {
            return;
        }
        tracing::warn!(code, "delivery.hold: no pass is signed: {detail}");
        let (now, data) = (now.clone(), json!({ "topic": TOPIC, "code": code, "detail": detail }).to_string());
        self.write(move |txn| txn.live_append(&now, "delivery.failed", None, &data).map(drop));
    }

    /// Makes what the rows ask for, each once.
    fn drain(&mut self, now: &Now) -> Result<(), LedgerError> {
        let mut after = None;
        loop {
            let now_ms = now.wall_ms;
            let ledger = self.passes.inner.till.ledger().clone();
            let rows = ledger.read(|reads| reads.outbox_due(TOPIC, after, now_ms, ROWS_AT_ONCE))?;
            let Some(last) = rows.last() else { break };
            after = Some(last.card);
            for row in rows {
                if self.passes.inner.bell.look().stop {
                    return Ok(());
                }
                if self.done.get(&row.card).is_none_or(|done| done.revision != row.revision) {
                    self.make(row);
                }
            }
        }
        Ok(())
    }

    fn make(&mut self, row: OutboxRow) {
        let now = self.passes.inner.clock.now();
        let made = self.refresh(row.card, &now);
        match made {
            Ok(_) => self.finished(row),
            Err(fault) if fault.is_nothing() => self.finished(row),
            Err(fault) => self.failed(row, &now, &fault),
        }
    }

    /// Makes one pass, and rests in proportion to what that took where it must.
    fn refresh(&self, card: Serial, now: &Now) -> Result<Outcome, PassFault> {
        let made = self.passes.refresh(card, now);
        if self.rests && !self.passes.inner.bell.look().stop {
            std::thread::park_timeout(rest_after(self.passes.inner.clock.boot_ns().saturating_sub(now.boot_ns)));
        }
        made
    }

    fn finished(&mut self, row: OutboxRow) {
        self.passes.inner.board.fault(row.card, None);
        self.done.insert(row.card, row);
        if self.done.len() >= DONE_MAX {
            self.clear();
        }
    }

    /// Takes the done rows away if it is time, else says when it will be.
    fn clear_due(&mut self) -> Option<Duration> {
        if self.done.is_empty() {
            return None;
        }
        let since = |cleared_ns: i64| self.passes.inner.clock.boot_ns().saturating_sub(cleared_ns).unsigned_abs();
        let past = self.cleared_ns.map_or(CLEAR_EVERY, |cleared_ns| Duration::from_nanos(since(cleared_ns)));
        let left = CLEAR_EVERY.saturating_sub(past);
        if left.is_zero() {
            self.clear();
            return None;
        }
        Some(left)
    }

    /// Takes the done rows away. If that fails they are looked at again.
    fn clear(&mut self) {
        let done = std::mem::take(&mut self.done);
        if !done.is_empty() {
            self.cleared_ns = Some(self.passes.inner.clock.boot_ns());
            self.write(move |txn| done.values().try_for_each(|row| txn.outbox_done(row)));
        }
    }

    fn failed(&mut self, row: OutboxRow, now: &Now, fault: &PassFault) {
        let (code, detail) = (fault.code(), fault.to_string());
        tracing::warn!(code, attempts = row.attempts + 1, "delivery.failed: a pass could not be made: {detail}");
        self.passes.inner.board.fault(row.card, Some((code, detail.clone())));
        let wait_ms = (RETRY_MS << row.attempts.clamp(0, 20)).min(OUTBOX_WAIT_MS_MAX);
        let data = json!({
            "topic": TOPIC, "serial": row.card.to_string(), "code": code, "detail": detail, "attempts": row.attempts + 1,
        });
        let (now, data) = (now.clone(), data.to_string());
        self.write(move |txn| {
            txn.outbox_retry(&row, now.wall_ms.saturating_add(wait_ms))?;
            // Once for each posting that it follows: the row itself tells of the rest.
            if row.attempts == 0 { txn.live_append(&now, "delivery.failed", None, &data).map(drop) } else { Ok(()) }
        });
    }

    /// Looks at some cards' passes.
    fn sweep_on(&mut self) -> Result<(), LedgerError> {
        let Some(after) = self.sweep else { return Ok(()) };
        let ledger = self.passes.inner.till.ledger().clone();
        let serials = ledger.read(|reads| reads.serials_after(after, ROWS_AT_ONCE))?;
        if serials.is_empty() {
            tracing::info!("delivery.swept: every card's pass is as it should be");
            self.sweep = None;
        }
        for serial in serials {
            // What was posted meanwhile goes first.
            if self.interrupted() {
                return Ok(());
            }
            let now = self.passes.inner.clock.now();
            let fault = self.refresh(serial, &now).err().filter(|fault| !fault.is_nothing());
            self.passes.inner.board.fault(serial, fault.map(|fault| (fault.code(), fault.to_string())));
            self.sweep = Some(Some(serial));
        }
        Ok(())
    }

    fn interrupted(&self) -> bool {
        let rung = self.passes.inner.bell.look();
        rung.posted || rung.renewed || rung.stop
    }

    fn write(&self, work: impl FnOnce(&mut crate::shop::ledger::Txn<'_>) -> Result<(), LedgerError> + Send + 'static) {
        if let Err(error) = self.passes.inner.till.ledger().upkeep_wait(work) {
            tracing::error!(%error, "delivery.ledger: the outbox cannot be written; it is tried again");
        }
    }
}

/// How long it rests after a pass that took so many nanoseconds, where taps have no other way past it.
fn rest_after(took_ns: i64) -> Duration {
    Duration::from_nanos(took_ns.max(0).unsigned_abs()).saturating_mul(REST_TIMES).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_follows_what_a_pass_took_and_has_an_end() {
        let millis = |took_ms: i64| rest_after(took_ms.saturating_mul(1_000_000)).as_millis();
        assert_eq!([0, 2, 40, 50, 60].map(millis), [0, 8, 160, 200, 200]);
        assert_eq!((millis(-1), millis(i64::MAX)), (0, 200), "a clock that cannot be is no reason to sleep on");
    }
}
