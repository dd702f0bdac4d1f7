//! One attempt to read a chip: runs the protocol machines over it, in the configured order, within the limits of time.
//! Knows neither PC/SC nor a clock: the chip and the time are arguments, so that scripted chips can be played to it.

use crate::pure::tap::{Found, Machine, Note, Release, Sealed, Step, TapProblem};
use crate::shop::reader::TapTiming;

use super::fault::ChipFault;

/// A chip inside one hold.
pub trait Chip {
    /// Sends one command and returns the answer, data and status word; fewer than two bytes when the chip left.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ChipFault>;

    /// Connects again after another program reset the chip, and keeps the hold.
    fn reconnect(&mut self) -> Result<(), ChipFault>;
}

/// Told of the progress of an attempt, before and after each command.
pub trait Observer {
    /// Nanoseconds since boot.
    fn now_ns(&self) -> i64;

    /// The attempt came this far.
    fn progress(&self, now_ns: i64, timing: TapTiming);
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What it found.
    pub end: End,
    /// How the chip is to be released.
    pub release: Release,
    /// How far it came, and when.
    pub timing: TapTiming,
    /// What is worth a line in the log.
    pub notes: Vec<Note>,
}

/// What an attempt found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Proofs, to be opened once the chip is released.
    Sealed(Vec<Sealed>),
    /// The chip answered, and there is nothing for us.
    Problem(TapProblem),
    /// The chip left, or the line to it broke.
    Fault(ChipFault),
}

/// The most commands in one attempt: eight pass types and two applications take twelve; a machine that asks for more is
/// led in circles by the chip.
pub const COMMANDS_MAX: u32 = 64;

/// Runs machines over `chip`, one after the other until one finds that the chip speaks its protocol. `machines` is asked for
/// fresh ones when another program reset the chip and the tap starts again, which it does once.
pub fn attempt(
    chip: &mut dyn Chip,
    machines: impl Fn() -> Vec<Box<dyn Machine>>,
    chip_seen_ns: i64,
    observer: &dyn Observer,
) -> Attempt {
    let timing = TapTiming { chip_seen_ns, ..TapTiming::default() };
    let mut run = Run { chip, observer, timing, notes: Vec::new() };
    let (mut end, mut release) = run.through(machines());
    if end == End::Fault(ChipFault::Reset) {
        (end, release) = match run.chip.reconnect() {
            Ok(()) => run.through(machines()),
            Err(fault) => (End::Fault(fault), Release::Leave),
        };
    }
    run.timing.chip_to_token_us = us_since(chip_seen_ns, observer.now_ns());
    Attempt { end, release, timing: run.timing, notes: run.notes }
}

struct Run<'a> {
    chip: &'a mut dyn Chip,
    observer: &'a dyn Observer,
    timing: TapTiming,
    notes: Vec<Note>,
}

impl Run<'_> {
    fn through(&mut self, machines: Vec<Box<dyn Machine>>) -> (End, Release) {
        for mut machine in machines {
            let ended = self.exchange(&mut *machine);
            self.notes.extend_from_slice(machine.notes());
            if let Some(ended) = ended {
                return ended;
            }
        }
        // A chip that speaks none of our protocols shows no pass of ours.
        (End::Problem(TapProblem::NoPass), Release::Leave)
    }

    /// One machine to its end; `None` when the chip speaks another protocol.
    fn exchange(&mut self, machine: &mut dyn Machine) -> Option<(End, Release)> {
        let mut step = machine.start();
        let exchange = loop {
            let command = match step {
                Step::Done(exchange) => break exchange,
                Step::Transmit(command) => command,
            };
            let wait_ns_max = machine.wait_ms_max().saturating_mul(1_000_000);
            match self.transmit(&command, wait_ns_max) {
                Ok(answer) => step = machine.feed(&answer),
                Err(end) => return Some((end, Release::Leave)),
            }
        };
        match exchange.found {
            Found::OtherProtocol => None,
            Found::Sealed(sealed) => Some((End::Sealed(sealed), exchange.release)),
            Found::Problem(problem) => Some((End::Problem(problem), exchange.release)),
        }
    }

    fn transmit(&mut self, command: &[u8], wait_ns_max: u64) -> Result<Vec<u8>, End> {
        if self.timing.apdus >= COMMANDS_MAX {
            return Err(End::Problem(TapProblem::ChipError));
        }
        let sent_ns = self.observer.now_ns();
        if self.timing.apdus == 0 {
            self.timing.chip_to_first_apdu_us = us_since(self.timing.chip_seen_ns, sent_ns);
        }
        self.timing.apdus += 1;
        self.observer.progress(sent_ns, self.timing);
        let answer = self.chip.transmit(command);
        let now_ns = self.observer.now_ns();
        self.observer.progress(now_ns, self.timing);
        let answer = answer.map_err(End::Fault)?;
        // An answer this late is no use to the customer, who has given up (apple-vas.md section 11).
        if (now_ns - sent_ns).max(0).unsigned_abs() > wait_ns_max {
            return Err(End::Problem(TapProblem::HoldStill));
        }
        Ok(answer)
    }
}

/// Microseconds from one instant to another: 0 when they are in the wrong order, at most what fits (71 minutes).
pub fn us_since(from_ns: i64, to_ns: i64) -> u32 {
    u32::try_from((to_ns - from_ns).max(0) / 1_000).unwrap_or(u32::MAX)
}
