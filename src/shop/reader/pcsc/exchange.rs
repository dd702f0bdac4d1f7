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
    /// It answered later than its protocol allows. It may lie there still, and is slow.
    Late,
    /// The chip left, or the line to it broke.
    Fault(ChipFault),
}

/// The most commands in one attempt: an answer of Smart Tap in 64 pieces takes 66, some more where keys are tried or
/// commands repeated; a machine that asks for more is led in circles by the chip.
pub const COMMANDS_MAX: u32 = 96;

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
        let began_ns = self.observer.now_ns();
        let mut step = machine.start();
        let exchange = loop {
            let command = match step {
                Step::Done(exchange) => break exchange,
                Step::Transmit(command) => command,
            };
            let wait_ns_max = machine.wait_ms_max().saturating_mul(1_000_000);
            match self.transmit(&command, wait_ns_max) {
                Ok(answer) => {
                    let budget_ns = machine.exchange_ms_max().saturating_mul(1_000_000);
                    if (self.observer.now_ns() - began_ns).max(0).unsigned_abs() > budget_ns {
                        return Some((End::Late, Release::Leave));
                    }
                    step = machine.feed(&answer);
                }
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
            return Err(End::Late);
        }
        Ok(answer)
    }
}

/// Microseconds from one instant to another: 0 when they are in the wrong order, at most what fits (71 minutes).
pub fn us_since(from_ns: i64, to_ns: i64) -> u32 {
    u32::try_from((to_ns - from_ns).max(0) / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    use super::*;
    use crate::pure::tap::{Exchange, Found};

    /// A chip that answers from a list; each answer takes some milliseconds.
    struct Script<'a> {
        answers: VecDeque<(i64, Result<Vec<u8>, ChipFault>)>,
        clock: &'a Ticks,
        reconnects: u32,
    }

    impl Chip for Script<'_> {
        fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, ChipFault> {
            let (ms, answer) = self.answers.pop_front().unwrap_or((0, Ok(vec![0x90, 0x00])));
            self.clock.0.set(self.clock.0.get() + ms * 1_000_000);
            answer
        }

        fn reconnect(&mut self) -> Result<(), ChipFault> {
            self.reconnects += 1;
            Ok(())
        }
    }

    #[derive(Default)]
    struct Ticks(Cell<i64>, RefCell<Vec<u32>>);

    impl Observer for Ticks {
        fn now_ns(&self) -> i64 {
            self.0.get()
        }

        fn progress(&self, _: i64, timing: TapTiming) {
            self.1.borrow_mut().push(timing.apdus);
        }
    }

    /// A machine that sends `commands` commands and then ends with `found`; an answer of fewer than two bytes ends it too.
    struct Counting {
        commands: u32,
        found: Found,
    }

    impl Machine for Counting {
        fn start(&mut self) -> Step {
            self.feed(&[0x90, 0x00])
        }

        fn feed(&mut self, response: &[u8]) -> Step {
            if response.len() < 2 {
                let found = Found::Problem(TapProblem::HoldStill);
                return Step::Done(Exchange { found, release: Release::Leave });
            }
            if self.commands == 0 {
                return Step::Done(Exchange { found: self.found.clone(), release: Release::Unpower });
            }
            self.commands -= 1;
            Step::Transmit(vec![0x00, 0xA4])
        }

        fn wait_ms_max(&self) -> u64 {
            1_000
        }

        fn exchange_ms_max(&self) -> u64 {
            2_500
        }

        fn notes(&self) -> &[Note] {
            &[Note::Left]
        }
    }

    fn sealed() -> Found {
        Found::Sealed(vec![Sealed::AppleVas { pass_type: 0, cryptogram: vec![1] }])
    }

    /// Runs machines of `(commands, found)` over `answers`; how it ended, with the commands sent and the reconnects.
    fn run(machines: &[(u32, Found)], answers: Vec<(i64, Result<Vec<u8>, ChipFault>)>) -> (Attempt, u32) {
        let clock = Ticks::default();
        let mut chip = Script { answers: answers.into(), clock: &clock, reconnects: 0 };
        let fresh = || -> Vec<Box<dyn Machine>> {
            let machine = |(commands, found): &(u32, Found)| {
                Box::new(Counting { commands: *commands, found: found.clone() }) as Box<dyn Machine>
            };
            machines.iter().map(machine).collect()
        };
        let attempt = attempt(&mut chip, fresh, 0, &clock);
        assert_eq!(clock.1.borrow().len() as u32, 2 * attempt.timing.apdus, "told before and after each command");
        (attempt, chip.reconnects)
    }

    fn ok(ms: i64) -> (i64, Result<Vec<u8>, ChipFault>) {
        (ms, Ok(vec![0x90, 0x00]))
    }

    #[test]
    fn protocols_are_tried_in_order_until_one_is_spoken() {
        let (attempt, _) = run(&[(1, Found::OtherProtocol), (2, sealed()), (9, sealed())], vec![ok(3), ok(4), ok(5)]);
        let Found::Sealed(expected) = sealed() else { return };
        assert_eq!((attempt.end, attempt.release), (End::Sealed(expected), Release::Unpower));
        assert_eq!((attempt.timing.apdus, attempt.timing.chip_to_token_us, attempt.notes.len()), (3, 12_000, 2));
        let (attempt, _) = run(&[(1, Found::OtherProtocol)], vec![]);
        assert_eq!((attempt.end, attempt.release), (End::Problem(TapProblem::NoPass), Release::Leave));
        assert_eq!(run(&[], vec![]).0.end, End::Problem(TapProblem::NoPass));
    }

    #[test]
    fn an_answer_in_time_is_used_and_a_later_one_ends_the_tap() {
        assert!(matches!(run(&[(1, sealed())], vec![ok(1_000)]).0.end, End::Sealed(_)));
        let (attempt, _) = run(&[(2, sealed())], vec![ok(1_001)]);
        assert_eq!((attempt.end, attempt.timing.apdus), (End::Late, 1));
    }

    #[test]
    fn answers_that_are_each_in_time_may_not_add_up_to_too_long() {
        assert!(matches!(run(&[(3, sealed())], vec![ok(900), ok(900), ok(700)]).0.end, End::Sealed(_)));
        let (attempt, _) = run(&[(3, sealed())], vec![ok(900), ok(900), ok(701)]);
        assert_eq!((attempt.end, attempt.timing.apdus), (End::Late, 3));
        // Each protocol has its own time.
        let (attempt, _) = run(&[(2, Found::OtherProtocol), (2, sealed())], vec![ok(900), ok(900), ok(900), ok(900)]);
        assert!(matches!(attempt.end, End::Sealed(_)));
    }

    #[test]
    fn a_reset_chip_starts_again_once() {
        let reset = || (1, Err(ChipFault::Reset));
        let (attempt, reconnects) = run(&[(2, sealed())], vec![ok(1), reset(), ok(1), ok(1)]);
        assert!(matches!(attempt.end, End::Sealed(_)));
        assert_eq!((attempt.timing.apdus, reconnects), (4, 1));
        let (attempt, reconnects) = run(&[(2, sealed())], vec![reset(), reset()]);
        assert_eq!((attempt.end, reconnects), (End::Fault(ChipFault::Reset), 1));
    }

    #[test]
    fn faults_short_answers_and_endless_questions_end_the_tap() {
        for fault in [ChipFault::Left, ChipFault::Broken, ChipFault::Mute] {
            let (attempt, reconnects) = run(&[(2, sealed()), (2, sealed())], vec![ok(1), (1, Err(fault))]);
            assert_eq!((attempt.end, attempt.release, reconnects), (End::Fault(fault), Release::Leave, 0));
        }
        for length in 0..2 {
            let (attempt, _) = run(&[(2, sealed())], vec![(1, Ok(vec![0x90; length]))]);
            assert_eq!(attempt.end, End::Problem(TapProblem::HoldStill), "{length} bytes");
        }
        let (attempt, _) = run(&[(u32::MAX, sealed())], vec![]);
        assert_eq!((attempt.end, attempt.timing.apdus), (End::Problem(TapProblem::ChipError), COMMANDS_MAX));
    }

    #[test]
    fn microseconds_are_held_to_what_fits() {
        assert_eq!([us_since(0, 1_999), us_since(5_000, 0), us_since(0, i64::MAX)], [1, 0, u32::MAX]);
    }
}
