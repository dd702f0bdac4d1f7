//! What a reader's thread remembers of the presence before it, and what it does next: the rules by which one presence is
//! read, read again, and reported, without threads and without a clock.
//!
//! - Proofs settle a presence: it is booked once, however long the phone stays. Whatever comes back within it is looked at
//!   again, [`LOOKS_AGAIN_MAX`] times, as it may be the next customer's chip: another token counts, the same one and
//!   every problem are passed over (readers-and-scanners.md section 4). A chip that answers the reset otherwise is another.
//! - A phone that must be unlocked, or asks which pass, and that its machine resets, is asked again every
//!   [`Limits::retry_every_ns`] while it stays, up to [`Limits::retry_ns`] (apple-vas.md section 11); a chip that another
//!   program holds likewise. One that is left as it is waits until it was lifted (google-smart-tap.md section 1).
//! - A chip that left too early is read when it comes back within the presence; one that was only lost to the reader, every
//!   [`Limits::retry_every_ns`], [`HOLD_STILL_MAX`] times (apple-vas.md section 7).
//! - Each problem is told once in a presence.

use crate::pure::domain::Claim;
use crate::pure::tap::{Opened, Release, TapProblem};

use super::Limits;
use super::exchange::End;
use super::fault::ChipFault;
use super::mailbox::ChipHere;
use super::picture::PresenceId;

/// The most attempts in one presence: every half second for fifteen seconds, and some for a hand that trembles.
pub const ATTEMPTS_MAX: u32 = 60;

/// How often a presence that gave its proofs is looked at again. Each look may itself make a reader report that the chip
/// went and came, so their number is small; a customer and the one behind make two.
pub const LOOKS_AGAIN_MAX: u32 = 3;

/// How often a chip that was lost where it lies is tried again.
pub const HOLD_STILL_MAX: u32 = 4;

/// A presence, as its reader's thread sees it.
#[derive(Debug)]
pub struct Attending {
    presence: PresenceId,
    /// What the chip of the last attempt said of itself.
    atr: Vec<u8>,
    look: Look,
    looks_again: u32,
    /// What was shown in this presence and handed on.
    shown: Vec<Claim>,
    /// The last insertion that was tried.
    insertion: u32,
    attempts: u32,
    /// When the first attempt ended, nanoseconds since boot.
    first_ns: Option<i64>,
    /// When to try again although nothing moved.
    retry_at_ns: Option<i64>,
    /// The chip was lost, not reset by us: one that comes back meanwhile is read at once.
    lost: bool,
    /// How often it was lost in this presence.
    losses: u32,
    settled: bool,
    told: Vec<TapProblem>,
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// To read the chip.
    First,
    /// To see whether it is still the chip that gave its proofs.
    Again,
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
            atr: Vec::new(),
            look: Look::First,
            looks_again: 0,
            shown: Vec::new(),
            insertion: 0,
            attempts: 0,
            first_ns: None,
            retry_at_ns: None,
            lost: false,
            losses: 0,
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
        if !chip.in_field || self.attempts >= ATTEMPTS_MAX {
            return Next::Rest;
        }
        let back = chip.insertions > self.insertion;
        if back && self.is_another(chip) {
            return Next::Read;
        }
        if self.settled {
            let again = back && !self.shown.is_empty() && self.looks_again < LOOKS_AGAIN_MAX;
            return if again { Next::Read } else { Next::Rest };
        }
        match self.retry_at_ns {
            _ if back && self.lost => Next::Read,
            // A reset makes some readers report a removal and an insertion; the phone wants its time all the same.
            Some(retry_at_ns) if now_ns < retry_at_ns => Next::NotBefore(retry_at_ns),
            Some(_) => Next::Read,
            None if back => Next::Read,
            None => Next::Rest,
        }
    }

    /// Whether `chip` answered the reset otherwise than the last one.
    fn is_another(&self, chip: &ChipHere) -> bool {
        self.attempts > 0 && chip.atr != self.atr
    }

    /// An attempt begins with this insertion of the chip.
    pub fn begin(&mut self, chip: &ChipHere) {
        if self.is_another(chip) {
            (self.settled, self.first_ns, self.losses) = (false, None, 0);
            self.told.clear();
        }
        self.look = if self.settled { Look::Again } else { Look::First };
        if self.look == Look::Again {
            self.looks_again += 1;
        }
        self.atr.clone_from(&chip.atr);
        self.insertion = chip.insertions;
        self.attempts += 1;
        self.retry_at_ns = None;
        self.lost = false;
    }

    /// Nothing more of this chip is read or reported in this presence.
    pub fn settle(&mut self) {
        self.settled = true;
        self.looks_again = LOOKS_AGAIN_MAX;
    }

    /// How the chip is to be released after an attempt that ended so. A chip that is only looked at again is left as it is:
    /// whatever moved it would make it come back once more.
    pub fn release(&self, end: &End, release: Release) -> Release {
        match (self.look, end) {
            (Look::Again, End::Problem(_) | End::Late | End::Fault(_)) => Release::Leave,
            _ => release,
        }
    }

    /// What of the opened proofs is to be handed on: all of them, or `None` where they show nothing that was not shown in
    /// this presence before.
    pub fn news(&mut self, opened: Vec<Opened>) -> Option<Vec<Opened>> {
        let claims = || opened.iter().flatten().map(|token| &token.claim);
        let new: Vec<Claim> = claims().filter(|claim| !self.shown.contains(claim)).cloned().collect();
        let same = new.is_empty() && (self.look == Look::Again || claims().next().is_some());
        if !new.is_empty() {
            // Another customer, and perhaps one more behind.
            self.looks_again = 0;
        }
        self.shown.extend(new);
        (!same).then_some(opened)
    }

    /// An attempt ended at `now_ns`, its machine released the chip by `release`; `stuck` when the reader gave no answer for
    /// so long that it was reported already.
    pub fn end(&mut self, end: End, release: Release, stuck: bool, now_ns: i64, limits: &Limits) -> Report {
        let since_ns = *self.first_ns.get_or_insert(now_ns);
        if stuck {
            self.settle();
            return Report::Nothing;
        }
        if self.look == Look::Again && !matches!(end, End::Sealed(_)) {
            return Report::Nothing;
        }
        let (problem, tries_again) = match end {
            End::Sealed(sealed) => {
                self.settled = true;
                return Report::Proofs(sealed);
            }
            // An Apple device that gave its pass says so when it is read once more, under whatever number it comes back.
            End::Problem(problem) if problem.tries_again() && !self.shown.is_empty() => {
                self.settled = true;
                return Report::Nothing;
            }
            End::Problem(problem) if problem.tries_again() && release != Release::Reset => return self.tell(problem),
            End::Problem(TapProblem::HoldStill)
            | End::Fault(ChipFault::Left | ChipFault::Reset | ChipFault::Broken) => {
                self.lost = true;
                self.losses += 1;
                (TapProblem::HoldStill, self.losses <= HOLD_STILL_MAX)
            }
            // One try takes it seconds: it is asked again once it was lifted.
            End::Late => (TapProblem::HoldStill, false),
            End::Problem(problem) => (problem, problem.tries_again()),
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
    use crate::pure::domain::{CredentialId, Grade, Medium, Token};
    use crate::pure::tap::{Sealed, TokenProblem};

    fn card(number: u8) -> Vec<Opened> {
        let claim = Claim::Credential(CredentialId([number; 12]));
        vec![Ok(Token { medium: Medium::AppleVas, grade: Grade::A, claim, freshness: None })]
    }

    const LIMITS: Limits = Limits::DEFAULT;

    fn chip(insertions: u32, in_field: bool) -> ChipHere {
        ChipHere { presence: PresenceId(1), insertions, in_field, atr: vec![0x3B], seen_ns: 0 }
    }

    fn sealed() -> End {
        End::Sealed(vec![Sealed::AppleVas { pass_type: 0, cryptogram: vec![1] }])
    }

    #[test]
    fn a_card_is_shown_once_in_a_presence_however_often_the_chip_comes_back() {
        let mut attending = Attending::new(PresenceId(1));
        assert_eq!(attending.next(&chip(1, true), 0), Next::Read);
        attending.begin(&chip(1, true));
        assert!(matches!(attending.end(sealed(), Release::Unpower, false, 0, &LIMITS), Report::Proofs(_)));
        assert_eq!(attending.news(card(1)), Some(card(1)));
        assert_eq!(attending.next(&chip(1, true), i64::MAX), Next::Rest, "it stays");
        for insertions in 2..2 + LOOKS_AGAIN_MAX {
            assert_eq!(attending.next(&chip(insertions, true), 0), Next::Read);
            attending.begin(&chip(insertions, true));
            assert!(matches!(attending.end(sealed(), Release::Unpower, false, 0, &LIMITS), Report::Proofs(_)));
            assert_eq!(attending.news(card(1)), None);
        }
        assert_eq!(attending.next(&chip(9, true), i64::MAX), Next::Rest);
    }

    #[test]
    fn the_next_customer_in_the_same_presence_is_read_and_a_failure_then_is_not_told() {
        let mut attending = Attending::new(PresenceId(1));
        attending.begin(&chip(1, true));
        attending.end(sealed(), Release::Unpower, false, 0, &LIMITS);
        attending.news(card(1));
        attending.begin(&chip(2, true));
        let locked = End::Problem(TapProblem::UnlockPhone);
        assert_eq!(attending.release(&locked, Release::Reset), Release::Leave);
        assert_eq!(attending.release(&sealed(), Release::Unpower), Release::Unpower);
        assert_eq!(attending.end(locked, Release::Leave, false, 0, &LIMITS), Report::Nothing);
        assert_eq!(attending.next(&chip(2, true), i64::MAX), Next::Rest);
        attending.begin(&chip(3, true));
        assert!(matches!(attending.end(sealed(), Release::Unpower, false, 0, &LIMITS), Report::Proofs(_)));
        assert_eq!(attending.news(vec![Err(TokenProblem::Unknown)]), None, "no card");
        assert_eq!(attending.news(card(2)), Some(card(2)), "another card");
        assert_eq!(attending.news(card(1)), None);
    }

    #[test]
    fn a_chip_of_another_answer_to_reset_is_another() {
        let other = |insertions| ChipHere { atr: vec![0x3B, 0x8F], ..chip(insertions, true) };
        for end in [sealed(), End::Problem(TapProblem::NoPass)] {
            let mut attending = Attending::new(PresenceId(1));
            attending.begin(&chip(1, true));
            if let Report::Proofs(_) = attending.end(end.clone(), Release::Leave, false, 0, &LIMITS) {
                attending.news(card(1));
            }
            assert_eq!(attending.next(&other(1), 0), Next::Rest, "not without having gone");
            assert_eq!(attending.next(&other(2), 0), Next::Read);
            attending.begin(&other(2));
            let report = attending.end(End::Problem(TapProblem::NoPass), Release::Leave, false, 0, &LIMITS);
            assert_eq!(report, Report::Problem(TapProblem::NoPass), "after {end:?}");
            attending.begin(&chip(3, true));
            assert!(matches!(attending.end(sealed(), Release::Leave, false, 0, &LIMITS), Report::Proofs(_)));
            assert_eq!(attending.news(card(1)).is_some(), end != sealed(), "shown before");
            assert!(attending.news(vec![Err(TokenProblem::Unknown)]).is_some(), "its own problem is told");
        }
        // An iPhone that gave its pass may come back under another number, and wants to be confirmed.
        let mut attending = Attending::new(PresenceId(1));
        attending.begin(&chip(1, true));
        attending.end(sealed(), Release::Unpower, false, 0, &LIMITS);
        attending.news(card(1));
        attending.begin(&other(2));
        let locked = End::Problem(TapProblem::UnlockPhone);
        assert_eq!(attending.end(locked, Release::Reset, false, 0, &LIMITS), Report::Nothing);
        assert_eq!(attending.next(&other(2), i64::MAX), Next::Rest);
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
            assert_eq!(attending.next(&chip, 1), Next::NotBefore(LIMITS.retry_every_ns));
        }
    }

    #[test]
    fn a_chip_that_was_lost_where_it_lies_is_tried_some_times_again() {
        for end in [End::Fault(ChipFault::Left), End::Problem(TapProblem::HoldStill)] {
            let mut attending = Attending::new(PresenceId(1));
            let (mut now_ns, mut reports) = (0, Vec::new());
            loop {
                match attending.next(&chip(1, true), now_ns) {
                    Next::Read => {
                        attending.begin(&chip(1, true));
                        reports.push(attending.end(end.clone(), Release::Leave, false, now_ns, &LIMITS));
                    }
                    Next::NotBefore(at_ns) => now_ns = at_ns,
                    Next::Rest => break,
                }
            }
            assert_eq!((reports.len() as u32, now_ns), (1 + HOLD_STILL_MAX, 2_000_000_000));
            assert_eq!(reports[0], Report::Problem(TapProblem::HoldStill));
            assert!(reports[1..].iter().all(|report| *report == Report::Nothing), "told once");
            assert_eq!(attending.next(&chip(1, false), i64::MAX), Next::Rest);
            assert_eq!(attending.next(&chip(2, true), now_ns), Next::Read, "and when it is back");
        }
        let mut attending = Attending::new(PresenceId(1));
        attending.begin(&chip(1, true));
        let report = attending.end(End::Late, Release::Leave, false, 0, &LIMITS);
        assert_eq!(report, Report::Problem(TapProblem::HoldStill));
        assert_eq!(attending.next(&chip(1, true), i64::MAX), Next::Rest, "a slow one is not");
        assert_eq!(attending.next(&chip(2, true), 0), Next::Read);
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
