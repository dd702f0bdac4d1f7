//! One reader's thread: waits for a chip, reads it in one hold, releases it, opens what it gave, hands that to the sink,
//! and shows what became of it, in this order and for one presence after the other.
//!
//! A panic in here, or in the sink, ends the presence and not the reader: the thread starts again with a fresh line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::originality::Way;
use crate::pure::tap::scan::card::CodeCard;
use crate::pure::tap::{Machine, Note, Opened, Release, TapProblem, TokenProblem};
use crate::shop::reader::{Decision, Feedback, GoogleKey, ReaderTap, Shown, TapSink, TapTiming};

use super::attending::{Attending, Next, Report};
use super::board::{Board, Condition};
use super::exchange::{self, Attempt, Chip, End, Observer};
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
        let Self { reader, config, codes, link, feedback, shared, attending, .. } = self;
        let attending = attending.get_or_insert_with(|| Attending::new(chip.presence));
        attending.begin(chip);
        let timing = TapTiming { chip_seen_ns: chip.seen_ns, ..TapTiming::default() };
        let watch = Some(shared.watchdog.watch(reader, timing));
        let asked = Asked::of(config, codes, &chip.atr);
        let mut reading = Reading { reader, asked, shared, keys: shared.keys.now(), chip, attending, watch };
        let through_chip = feedback.wants_chip();
        let (mut found, mut concluded) = (None, false);
        let connected = link.with_chip(&mut |held| {
            let attempt = reading.attempt(held);
            let release = reading.asked.config.release_override.unwrap_or(attempt.release);
            let release = reading.attending.release(&attempt.end, release);
            if !through_chip {
                found = Some(attempt);
                return release;
            }
            concluded = true;
            let commands = reading.conclude(attempt).map_or_else(Vec::new, |decision| feedback.chip_commands(decision));
            // The first that is not taken ends them: the chip may have left.
            let _ = commands.iter().try_for_each(|command| held.transmit(command).map(drop));
            release
        });
        if concluded {
            return;
        }
        let attempt = found.unwrap_or_else(|| reading.not_connected(connected));
        if let Some(decision) = reading.conclude(attempt) {
            feedback.show(decision);
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
            // The sink returns after the commit; only then light and sound say so.
            let timing = TapTiming { chip_seen_ns: unreadable.seen_ns, ..TapTiming::default() };
            let asked = Asked { config: &self.config, code: None };
            self.feedback.show(tapped(&self.shared, &self.reader, &asked, Err(problem), None, timing));
        }
    }
}

/// How a chip is asked: as a chip, or for the code that it stands for.
struct Asked<'a> {
    config: &'a ReaderConfig,
    code: Option<&'a CodeDevice>,
}

impl<'a> Asked<'a> {
    fn of(config: &'a ReaderConfig, codes: &'a [CodeDevice], atr: &[u8]) -> Self {
        Self { config, code: codes.iter().find(|device| device.rule.fits(atr)) }
    }
}

/// Hands a tap to the sink and returns once it is committed.
fn tapped(
    shared: &Shared,
    reader: &str,
    asked: &Asked<'_>,
    result: Result<Vec<Opened>, TapProblem>,
    google_key: Option<GoogleKey>,
    timing: TapTiming,
) -> Decision {
    let trembled = result == Err(TapProblem::HoldStill);
    let (till, shown) = asked.code.map_or((&asked.config.till, Shown::Chip), |device| (&device.till, Shown::Code));
    let tap = ReaderTap { reader: reader.to_owned(), till: till.clone(), shown, result, google_key, timing };
    let decision = shared.sink.tapped(tap);
    if trembled && decision == Decision::Refused { Decision::HoldStill } else { decision }
}

/// One attempt over PC/SC, from its first command to its report.
struct Reading<'a> {
    reader: &'a Arc<str>,
    asked: Asked<'a>,
    shared: &'a Shared,
    keys: Arc<Keyring>,
    chip: &'a ChipHere,
    attending: &'a mut Attending,
    /// Until the attempt is over.
    watch: Option<Watch>,
}

impl Reading<'_> {
    /// Runs the machines over the chip.
    fn attempt(&self, held: &mut dyn Chip) -> Attempt {
        let observer = Watched { clock: &self.shared.clock, watch: self.watch.as_ref() };
        let config = self.asked.config;
        let origin = if config.originality { Way::of(self.reader) } else { None };
        let machines = || match self.asked.code {
            Some(device) => vec![Box::new(CodeCard::new(&device.rule)) as Box<dyn Machine>],
            None => protocols::machines(&self.keys, &config.protocols, origin, &self.chip.atr),
        };
        exchange::attempt(held, machines, self.chip.seen_ns, &observer)
    }

    /// The attempt where the chip was never talked to, so that there is a fault to name.
    fn not_connected(&self, connected: Result<(), ChipFault>) -> Attempt {
        let fault = connected.err().unwrap_or(ChipFault::Left);
        let chip_to_token_us = exchange::us_since(self.chip.seen_ns, self.shared.clock.boot_ns());
        let timing = TapTiming { chip_seen_ns: self.chip.seen_ns, chip_to_token_us, ..TapTiming::default() };
        Attempt { end: End::Fault(fault), release: Release::Leave, timing, notes: Vec::new() }
    }

    /// What the attempt means, reported; what the till decided, where there was anything to report.
    fn conclude(&mut self, attempt: Attempt) -> Option<Decision> {
        let stuck = self.watch.take().is_some_and(Watch::end);
        let reader = &**self.reader;
        let board = &self.shared.board;
        if stuck {
            board.clear(reader, Condition::Stuck);
            tracing::warn!(reader, "reader answers again after it was stuck");
        }
        if attempt.end == End::Fault(ChipFault::Held) {
            board.raise(reader, Condition::Held);
        } else {
            board.clear(reader, Condition::Held);
        }
        if let End::Fault(fault) = &attempt.end {
            tracing::info!(reader, %fault, apdus = attempt.timing.apdus, "tap ended early");
        }
        for note in attempt.notes.iter().filter(|note| !matches!(note, Note::KeyTaken)) {
            tracing::info!(reader, ?note, "chip answered out of the ordinary");
        }
        let google_key = attempt.notes.iter().rev().find_map(|note| match note {
            Note::KeyTaken => Some(GoogleKey::Taken),
            Note::KeyRefused => Some(GoogleKey::Refused),
            _ => None,
        });
        let now_ns = self.shared.clock.boot_ns();
        let (result, timing) =
            match self.attending.end(attempt.end, attempt.release, stuck, now_ns, &self.shared.limits) {
                Report::Nothing => return None,
                Report::Problem(problem) => (Err(problem), attempt.timing),
                Report::Proofs(sealed) => {
                    let opened: Vec<Opened> = sealed.iter().flat_map(|sealed| self.keys.open_all(sealed)).collect();
                    let opened = self.attending.news(opened)?;
                    tell_foreign_keys(reader, &opened);
                    let opened_ns = self.shared.clock.boot_ns();
                    let chip_to_token_us = exchange::us_since(self.chip.seen_ns, opened_ns);
                    (Ok(opened), TapTiming { chip_to_token_us, ..attempt.timing })
                }
            };
        Some(tapped(self.shared, reader, &self.asked, result, google_key, timing))
    }
}

/// A pass that was sealed for a key that the shop does not have: which one tells the operator whose it is, or which of
/// the shop's own is missing (apple-vas.md section 8). The key id is public; the cryptogram stays out of the log.
fn tell_foreign_keys(reader: &str, opened: &[Opened]) {
    for problem in opened.iter().filter_map(|opened| opened.as_ref().err()) {
        if let TokenProblem::ForeignKey { key_id } = problem {
            let key_id = format!("{:08x}", u32::from_be_bytes(*key_id));
            tracing::warn!(reader, key_id, "pass issued with a key that this shop does not have");
        }
    }
}

struct Watched<'a> {
    clock: &'a Clock,
    watch: Option<&'a Watch>,
}

impl Observer for Watched<'_> {
    fn now_ns(&self) -> i64 {
        self.clock.boot_ns()
    }

    fn progress(&self, now_ns: i64, timing: TapTiming) {
        if let Some(watch) = self.watch {
            watch.progress(now_ns, timing);
        }
    }
}
