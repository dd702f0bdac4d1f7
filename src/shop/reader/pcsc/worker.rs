//! One reader's thread: waits for a chip, reads it in one hold, releases it, opens what it gave, hands that to the sink,
//! and shows what became of it, in this order and for one presence after the other.
//!
//! A panic in here, or in the sink, ends the presence and not the reader: the thread starts again with a fresh line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::scan::card::CodeCard;
use crate::pure::tap::{Machine, Opened, Release, TapProblem};
use crate::shop::reader::{Feedback, ReaderTap, Shown, TapSink, TapTiming};

use super::attending::{Attending, Next, Report};
use super::board::{Board, Condition};
use super::exchange::{self, Attempt, End, Observer};
use super::fault::ChipFault;
use super::link::Link;
use super::mailbox::{ChipHere, Mailbox, Unreadable, WhyUnreadable};
use super::protocols;
use super::watchdog::{Watch, Watchdog};
use super::{CodeDevice, KeysInUse, Limits, ReaderConfig};

/// What all readers share.
pub struct Shared {
    /// Where taps go.
    pub sink: Arc<dyn TapSink>,
    /// The states of all readers.
    pub board: Board,
    /// The clocks.
    pub clock: Clock,
    /// The keys by which phones are asked and proofs opened.
    pub keys: KeysInUse,
    /// The limits of time.
    pub limits: Limits,
    /// Watches the calls.
    pub watchdog: Arc<Watchdog>,
}

/// One reader's thread.
pub struct Worker {
    reader: Arc<str>,
    config: ReaderConfig,
    codes: Vec<CodeDevice>,
    link: Link,
    mailbox: Arc<Mailbox>,
    feedback: Box<dyn Feedback>,
    shared: Arc<Shared>,
    attending: Option<Attending>,
}

/// What the thread does next.
enum Work {
    Stop,
    Renew,
    Read(ChipHere),
    Report(Unreadable),
}

impl Worker {
    /// The thread of `reader`, not started yet.
    pub fn new(
        reader: &std::ffi::CStr,
        config: ReaderConfig,
        codes: Vec<CodeDevice>,
        mailbox: Arc<Mailbox>,
        feedback: Box<dyn Feedback>,
        shared: Arc<Shared>,
    ) -> Self {
        let name = reader.to_string_lossy().into_owned().into();
        let link = Link::new(reader.to_owned(), config.access);
        Self { reader: name, config, codes, link, mailbox, feedback, shared, attending: None }
    }

    /// Runs until stopped.
    pub fn run(mut self) {
        self.link.renew();
        self.escape();
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            tracing::error!(
                reader = &*self.reader,
                "reader thread failed and starts again; the chip on it is not read"
            );
            if let Some(attending) = &mut self.attending {
                attending.settle();
            }
            self.link.renew();
            self.shared.board.clear(&self.reader, Condition::Stuck);
        }
    }

    /// What the owner wants the reader told; it must work without.
    fn escape(&mut self) {
        if self.config.escape_start.is_empty() {
            return;
        }
        let reader = &*self.reader;
        match self.link.escape(&self.config.escape_start) {
            Ok(answers) => tracing::info!(reader, ?answers, "escape APDUs were taken"),
            Err(fault) => tracing::warn!(
                reader,
                %fault,
                "the reader takes no escape APDUs; libccid allows them by ifdDriverOptions 0x0001 in /etc/libccid_Info.plist"
            ),
        }
    }

    fn serve(&mut self) {
        loop {
            match self.wait() {
                Work::Stop => return,
                Work::Renew => self.link.renew(),
                Work::Read(chip) => self.read(&chip),
                Work::Report(unreadable) => self.report_unreadable(unreadable),
            }
        }
    }

    fn wait(&mut self) -> Work {
        let (attending, clock) = (&mut self.attending, &self.shared.clock);
        self.mailbox.wait(|orders| {
            if orders.stop {
                return Ok(Work::Stop);
            }
            if std::mem::take(&mut orders.renew) {
                return Ok(Work::Renew);
            }
            if let Some(unreadable) = orders.unreadable.take() {
                return Ok(Work::Report(unreadable));
            }
            let Some(chip) = &orders.chip else { return Err(None) };
            if attending.as_ref().is_none_or(|known| known.presence() != chip.presence) {
                *attending = Some(Attending::new(chip.presence));
            }
            let now_ns = clock.boot_ns();
            match attending.as_ref().map_or(Next::Rest, |known| known.next(chip, now_ns)) {
                Next::Read => Ok(Work::Read(chip.clone())),
                Next::NotBefore(at_ns) => Err(Some(Duration::from_nanos((at_ns - now_ns).max(1).unsigned_abs()))),
                Next::Rest => Err(None),
            }
        })
    }

    fn read(&mut self, chip: &ChipHere) {
        let attending = self.attending.get_or_insert_with(|| Attending::new(chip.presence));
        attending.begin(chip);
        let timing = TapTiming { chip_seen_ns: chip.seen_ns, ..TapTiming::default() };
        let watch = self.shared.watchdog.watch(&self.reader, timing);
        let keys = self.shared.keys.now();
        let code = self.codes.iter().find(|device| device.rule.fits(&chip.atr));
        let asked = Asked { config: &self.config, code };
        let attempt = exchange(&mut self.link, &asked, &self.shared, &keys, chip, &watch);
        let stuck = watch.end();
        let board = &self.shared.board;
        if stuck {
            board.clear(&self.reader, Condition::Stuck);
            tracing::warn!(reader = &*self.reader, "reader answers again after it was stuck");
        }
        if attempt.end == End::Fault(ChipFault::Held) {
            board.raise(&self.reader, Condition::Held);
        } else {
            board.clear(&self.reader, Condition::Held);
        }
        if let End::Fault(fault) = &attempt.end {
            tracing::info!(reader = &*self.reader, %fault, apdus = attempt.timing.apdus, "tap ended early");
        }
        for note in &attempt.notes {
            tracing::info!(reader = &*self.reader, ?note, "chip answered out of the ordinary");
        }
        let now_ns = self.shared.clock.boot_ns();
        match attending.end(attempt.end, attempt.release, stuck, now_ns, &self.shared.limits) {
            Report::Nothing => {}
            Report::Problem(problem) => self.report(&chip.atr, Err(problem), attempt.timing),
            Report::Proofs(sealed) => {
                let opened: Vec<Opened> = sealed.iter().flat_map(|sealed| keys.open_all(sealed)).collect();
                let opened_ns = self.shared.clock.boot_ns();
                let chip_to_token_us = exchange::us_since(chip.seen_ns, opened_ns);
                self.report(&chip.atr, Ok(opened), TapTiming { chip_to_token_us, ..attempt.timing });
            }
        }
    }

    fn report_unreadable(&mut self, unreadable: Unreadable) {
        let problem = match unreadable.why {
            WhyUnreadable::Glimpsed => TapProblem::HoldStill,
            WhyUnreadable::Mute => TapProblem::ChipError,
        };
        if self.attending.as_ref().is_none_or(|known| known.presence() != unreadable.presence) {
            self.attending = Some(Attending::new(unreadable.presence));
        }
        if let Some(Report::Problem(problem)) = self.attending.as_mut().map(|known| known.tell(problem)) {
            self.report(&[], Err(problem), TapTiming { chip_seen_ns: unreadable.seen_ns, ..TapTiming::default() });
        }
    }

    /// The sink returns after the commit; only then light and sound say so.
    fn report(&mut self, atr: &[u8], result: Result<Vec<Opened>, TapProblem>, timing: TapTiming) {
        let code = self.codes.iter().find(|device| device.rule.fits(atr));
        let (till, shown) = code.map_or((&self.config.till, Shown::Chip), |device| (&device.till, Shown::Code));
        let (reader, till) = (self.reader.to_string(), till.clone());
        let decision = self.shared.sink.tapped(ReaderTap { reader, till, shown, result, timing });
        self.feedback.show(decision);
    }
}

/// How a chip is asked: as a chip, or for the code that it stands for.
struct Asked<'a> {
    config: &'a ReaderConfig,
    code: Option<&'a CodeDevice>,
}

/// One attempt over PC/SC: connect, hold, exchange, release.
fn exchange(
    link: &mut Link,
    asked: &Asked<'_>,
    shared: &Shared,
    keys: &Keyring,
    chip: &ChipHere,
    watch: &Watch,
) -> Attempt {
    let observer = Watched { clock: &shared.clock, watch };
    let mut attempt = None;
    let connected = link.with_chip(&mut |held| {
        let machines = || match asked.code {
            Some(device) => vec![Box::new(CodeCard::new(&device.rule)) as Box<dyn Machine>],
            None => protocols::machines(keys, &asked.config.protocols, &chip.atr),
        };
        let found = exchange::attempt(held, machines, chip.seen_ns, &observer);
        let release = asked.config.release_override.unwrap_or(found.release);
        attempt = Some(found);
        release
    });
    attempt.unwrap_or_else(|| {
        // The chip was never talked to, so there is a fault to name.
        let fault = connected.err().unwrap_or(ChipFault::Left);
        let chip_to_token_us = exchange::us_since(chip.seen_ns, shared.clock.boot_ns());
        let timing = TapTiming { chip_seen_ns: chip.seen_ns, chip_to_token_us, ..TapTiming::default() };
        Attempt { end: End::Fault(fault), release: Release::Leave, timing, notes: Vec::new() }
    })
}

struct Watched<'a> {
    clock: &'a Clock,
    watch: &'a Watch,
}

impl Observer for Watched<'_> {
    fn now_ns(&self) -> i64 {
        self.clock.boot_ns()
    }

    fn progress(&self, now_ns: i64, timing: TapTiming) {
        self.watch.progress(now_ns, timing);
    }
}
