//! What a reader's thread remembers of the presence before it, and what it does next: the rules by which one presence is
//! read, read again, and reported, without threads and without a clock.
//!
//! - Proofs settle a presence: it is booked once, however long the phone stays.
//! - A phone that must be unlocked, or asks which pass, and that its machine resets, is asked again every
//!   [`Limits::retry_every_ns`] while it stays, up to [`Limits::retry_ns`] (apple-vas.md section 11); a chip that another
//!   program holds likewise. One that is left as it is waits until it was lifted (google-smart-tap.md section 1).
//! - A chip that left too early is read when it comes back within the presence.
//! - Each problem is told once in a presence.

use crate::pure::tap::{Release, TapProblem};

use super::Limits;
use super::exchange::End;
use super::fault::ChipFault;
use super::mailbox::ChipHere;
use super::picture::PresenceId;

/// The most attempts in one presence: every half second for fifteen seconds, and some for a hand that trembles.
pub const ATTEMPTS_MAX: u32 = 60;

/// A presence, as its reader's thread sees it.
#[derive(Debug)]
pub struct Attending {
    presence: PresenceId,
    /// The last insertion that was tried.
    insertion: u32,
    attempts: u32,
    /// When the first attempt ended, nanoseconds since boot.
    first_ns: Option<i64>,
    /// When to try again although nothing moved.
    retry_at_ns: Option<i64>,
    settled: bool,
    told: Vec<TapProblem>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read the chip.
    Read,
    /// Nothing before this time, unless something moves.
    NotBefore(i64),
    /// Nothing, until something moves.
    Rest,
}

/// What is to be reported of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Its proofs.
    Proofs(Vec<crate::pure::tap::Sealed>),
    /// That it failed.
    Problem(TapProblem),
    /// Nothing: it is known.
    Nothing,
}

impl Attending {
    /// A presence of which nothing was read yet.
    pub fn new(presence: PresenceId) -> Self {
        Self {
            presence,
            insertion: 0,
            attempts: 0,
            first_ns: None,
            retry_at_ns: None,
            settled: false,
            told: Vec::new(),
        }
    }

    /// Which presence.
    pub fn presence(&self) -> PresenceId {
        self.presence
    }

    /// What to do with `chip`, which belongs to this presence.
    pub fn next(&self, chip: &ChipHere, now_ns: i64) -> Next {
        if self.settled || !chip.in_field || self.attempts >= ATTEMPTS_MAX {
            return Next::Rest;
        }
        match self.retry_at_ns {
            // A reset makes some readers report a removal and an insertion; the phone wants its time all the same.
            Some(retry_at_ns) if now_ns < retry_at_ns => Next::NotBefore(retry_at_ns),
            Some(_) => Next::Read,
            None if chip.insertions > self.insertion => Next::Read,
            None => Next::Rest,
        }
    }

    /// An attempt begins with this insertion of the chip.
    pub fn begin(&mut self, chip: &ChipHere) {
        self.insertion = chip.insertions;
        self.attempts += 1;
        self.retry_at_ns = None;
    }

    /// Nothing more is read or reported in this presence.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// An attempt ended at `now_ns`, its machine released the chip by `release`; `stuck` when the reader gave no answer for
    /// so long that it was reported already.
    pub fn end(&mut self, end: End, release: Release, stuck: bool, now_ns: i64, limits: &Limits) -> Report {
        let since_ns = *self.first_ns.get_or_insert(now_ns);
        if stuck {
            self.settled = true;
            return Report::Nothing;
        }
        let (problem, tries_again) = match end {
            End::Sealed(sealed) => {
                self.settled = true;
                return Report::Proofs(sealed);
            }
            End::Problem(problem) if problem.tries_again() && release != Release::Reset => return self.tell(problem),
            End::Problem(problem) => (problem, problem.tries_again()),
            End::Fault(ChipFault::Left | ChipFault::Reset | ChipFault::Broken) => (TapProblem::HoldStill, false),
            // The reader says itself that it is gone.
            End::Fault(ChipFault::ReaderGone) => return Report::Nothing,
            End::Fault(ChipFault::Held) => (TapProblem::ChipError, true),
            End::Fault(ChipFault::Mute | ChipFault::Other(_)) => (TapProblem::ChipError, false),
        };
        if tries_again && now_ns - since_ns < limits.retry_ns {
            self.retry_at_ns = Some(now_ns + limits.retry_every_ns);
        } else if problem != TapProblem::HoldStill {
            self.settled = true;
        }
        self.tell(problem)
    }

    /// A problem is told once in a presence.
    pub fn tell(&mut self, problem: TapProblem) -> Report {
        if self.told.contains(&problem) {
            return Report::Nothing;
        }
        self.told.push(problem);
        Report::Problem(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tap::Sealed;

    const LIMITS: Limits = Limits::DEFAULT;

    fn chip(insertions: u32, in_field: bool) -> ChipHere {
        ChipHere { presence: PresenceId(1), insertions, in_field, atr: vec![0x3B], seen_ns: 0 }
    }

    fn sealed() -> End {
        End::Sealed(vec![Sealed::AppleVas { pass_type: 0, cryptogram: vec![1] }])
    }

    #[test]
    fn proofs_settle_a_presence_however_often_the_chip_comes_back() {
        let mut attending = Attending::new(PresenceId(1));
        assert_eq!(attending.next(&chip(1, true), 0), Next::Read);
        attending.begin(&chip(1, true));
        assert!(matches!(attending.end(sealed(), Release::Unpower, false, 0, &LIMITS), Report::Proofs(_)));
        for insertions in 1..5 {
            assert_eq!(attending.next(&chip(insertions, true), i64::MAX), Next::Rest);
        }
    }

    #[test]
    fn a_locked_phone_is_asked_every_half_second_for_fifteen_seconds_and_told_once() {
        let mut attending = Attending::new(PresenceId(1));
        let (mut now_ns, mut reads, mut reports) = (0, 0, Vec::new());
        loop {
            match attending.next(&chip(1, true), now_ns) {
                Next::Read => {
                    attending.begin(&chip(1, true));
                    reads += 1;
                    let end = End::Problem(TapProblem::UnlockPhone);
                    reports.push(attending.end(end, Release::Reset, false, now_ns, &LIMITS));
                }
                Next::NotBefore(at_ns) => {
                    assert_eq!(at_ns - now_ns, 500_000_000);
                    now_ns = at_ns;
                }
                Next::Rest => break,
            }
        }
        assert_eq!((reads, now_ns), (31, 15_000_000_000));
        assert_eq!(reports[0], Report::Problem(TapProblem::UnlockPhone));
        assert!(reports[1..].iter().all(|report| *report == Report::Nothing));
    }

    #[test]
    fn another_problem_is_told_and_an_unlocked_phone_is_read() {
        let mut attending = Attending::new(PresenceId(1));
        for problem in [TapProblem::UnlockPhone, TapProblem::ChoosePass] {
            attending.begin(&chip(1, true));
            let report = attending.end(End::Problem(problem), Release::Reset, false, 0, &LIMITS);
            assert_eq!(report, Report::Problem(problem));
        }
        assert_eq!(attending.next(&chip(1, false), i64::MAX), Next::Rest, "not while it is lifted");
        assert_eq!(attending.next(&chip(2, true), 0), Next::NotBefore(500_000_000), "nor before its time");
        attending.begin(&chip(2, true));
        assert!(matches!(attending.end(sealed(), Release::Unpower, false, 1, &LIMITS), Report::Proofs(_)));
    }

    #[test]
    fn a_phone_that_its_machine_leaves_is_asked_again_once_it_was_lifted() {
        let mut attending = Attending::new(PresenceId(1));
        attending.begin(&chip(1, true));
        let end = End::Problem(TapProblem::UnlockPhone);
        let report = attending.end(end.clone(), Release::Leave, false, 0, &LIMITS);
        assert_eq!(report, Report::Problem(TapProblem::UnlockPhone));
        assert_eq!(attending.next(&chip(1, true), i64::MAX), Next::Rest, "not while it stays");
        assert_eq!(attending.next(&chip(2, true), 1), Next::Read, "at once when it is back");
        attending.begin(&chip(2, true));
        assert_eq!(attending.end(end, Release::Leave, false, 2, &LIMITS), Report::Nothing, "told once");
        assert_eq!(attending.next(&chip(3, true), 3), Next::Read);
    }

    #[test]
    fn a_chip_that_left_is_read_when_it_is_back_and_told_once() {
        let mut attending = Attending::new(PresenceId(1));
        let faults = [ChipFault::Left, ChipFault::Reset, ChipFault::Broken];
        for (index, fault) in faults.into_iter().enumerate() {
            let chip = chip(index as u32 + 1, true);
            assert_eq!(attending.next(&chip, 0), Next::Read);
            attending.begin(&chip);
            let report = attending.end(End::Fault(fault), Release::Reset, false, 0, &LIMITS);
            let known = index > 0;
            assert_eq!(report, if known { Report::Nothing } else { Report::Problem(TapProblem::HoldStill) });
            assert_eq!(attending.next(&chip, i64::MAX), Next::Rest, "not before it moved");
        }
    }

    #[test]
    fn attempts_are_bounded_and_a_stuck_reader_is_not_told_twice() {
        let mut attending = Attending::new(PresenceId(1));
        let mut insertions = 0;
        while attending.next(&chip(insertions + 1, true), 0) == Next::Read {
            insertions += 1;
            attending.begin(&chip(insertions, true));
            attending.end(End::Fault(ChipFault::Left), Release::Reset, false, 0, &LIMITS);
        }
        assert_eq!(insertions, ATTEMPTS_MAX);

        let mut attending = Attending::new(PresenceId(2));
        attending.begin(&chip(1, true));
        assert_eq!(attending.end(sealed(), Release::Unpower, true, 0, &LIMITS), Report::Nothing);
        assert_eq!(attending.next(&chip(2, true), i64::MAX), Next::Rest);
    }

    #[test]
    fn what_no_second_try_mends_settles_and_a_held_chip_is_tried_again() {
        for end in [
            End::Problem(TapProblem::NoPass),
            End::Problem(TapProblem::ChipError),
            End::Fault(ChipFault::Mute),
            End::Fault(ChipFault::Other(::pcsc::Error::ProtoMismatch)),
        ] {
            let mut attending = Attending::new(PresenceId(1));
            attending.begin(&chip(1, true));
            assert!(matches!(attending.end(end.clone(), Release::Reset, false, 0, &LIMITS), Report::Problem(_)));
            assert_eq!(attending.next(&chip(2, true), i64::MAX), Next::Rest, "{end:?}");
        }
        let mut attending = Attending::new(PresenceId(1));
        attending.begin(&chip(1, true));
        attending.end(End::Fault(ChipFault::Held), Release::Reset, false, 0, &LIMITS);
        assert_eq!(attending.next(&chip(1, true), LIMITS.retry_every_ns), Next::Read);
    }
}
