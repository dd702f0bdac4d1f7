//! From a token and what the ledger knows of it to a card, or to the reason why not (DESIGN.md section 7, the first three
//! refusals; apple-vas.md section 9). What keys alone can tell was told by `tap`.
//!
//! **Invariant:** the first reason that applies is told: unknown, then replayed, then stale. While our own clock is not
//! trusted, nobody else's is called wrong.

use crate::pure::domain::{Claim, ClockTrust, Grade, Medium, Now, Refusal, RefusalCode, Serial, TapProblem, Token};

/// How far the time stamp of a proof may lie from our clock, seconds, unless configured (apple-vas.md section 9, duty 2).
pub const WINDOW_S_DEFAULT: i64 = 300;

/// How far the time stamp of a rotating barcode may lie from our clock, seconds (readers-and-scanners.md section 3.8).
pub const ROTATING_WINDOW_S_MAX: i64 = 60;

/// What the ledger knows of the credential that a token names. For a plain serial: the card itself, medium
/// [`Medium::Number`], not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialFacts {
    /// The card that it belongs to.
    pub card: Serial,
    /// The one medium by which it may come.
    pub medium: Medium,
    /// Whether it was unbound from the card.
    pub revoked: bool,
    /// The chip to which a tag's text is bound, by the keyed hash of its UID.
    pub chip: Option<[u8; 32]>,
    /// The highest counter that its chip showed so far.
    pub counter: Option<u32>,
}

/// What to do with a stamped proof while the daemon's clock is not trusted (`[clock] when_untrusted`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUntrusted {
    /// Take it with the mark [`ClockSuspect`].
    #[default]
    Mark,
    /// Refuse it with [`TapProblem::ClockSuspect`].
    Refuse,
}

/// What the shop decided about stamped proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far a stamp may lie from our clock on either side, seconds.
    pub window_s: i64,
    /// What happens while our clock is not trusted.
    pub when_untrusted: WhenUntrusted,
}

impl Default for Policy {
    fn default() -> Self {
        Self { window_s: WINDOW_S_DEFAULT, when_untrusted: WhenUntrusted::default() }
    }
}

/// The mark of a proof whose age could not be judged: it earns, and redeems only with staff (DESIGN.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSuspect;

/// The card that a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The card.
    pub card: Serial,
    /// How much the token proves.
    pub grade: Grade,
    /// Set where the age of the proof could not be judged.
    pub mark: Option<ClockSuspect>,
}

/// Why a token stands for no card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// The ledger has no such credential.
    NoCredential,
    /// The credential was unbound from its card; the card, for the audit.
    Revoked(Serial),
    /// A credential of one medium came by another, as when the photo of a barcode is played as a tap: audited.
    WrongMedium {
        /// The card whose credential it is.
        card: Serial,
        /// The medium to which it is bound.
        bound: Medium,
    },
    /// The text of a tag came on another chip than its own, as when a tag is copied: audited; the card.
    OtherChip(Serial),
    /// The counter of its chip has not risen; the card, for the audit.
    CounterBehind(Serial),
    /// This very proof was used before; the card, for the audit.
    Replayed(Serial),
    /// The stamp of the proof lies outside the window.
    Stale {
        /// The card that it names.
        card: Serial,
        /// By how much the proof's clock is ahead of ours, seconds; negative when it is behind.
        ahead_s: i64,
    },
    /// Our clock is not trusted, and the policy refuses then.
    ClockSuspect(Serial),
}

impl Unresolved {
    /// What is told: a refusal, or a problem of the tap.
    pub fn told(self) -> Result<Refusal, TapProblem> {
        match self {
            Unresolved::NoCredential
            | Unresolved::Revoked(_)
            | Unresolved::WrongMedium { .. }
            | Unresolved::OtherChip(_) => Ok(RefusalCode::UnknownToken.into()),
            Unresolved::Replayed(_) => Ok(RefusalCode::Replayed.into()),
            Unresolved::Stale { .. } | Unresolved::CounterBehind(_) => Ok(RefusalCode::StaleToken.into()),
            Unresolved::ClockSuspect(_) => Err(TapProblem::ClockSuspect),
        }
    }

    /// The card that the token names, where it names one: for the event, not for the screen.
    pub fn card(self) -> Option<Serial> {
        match self {
            Unresolved::NoCredential => None,
            Unresolved::Revoked(card) | Unresolved::Replayed(card) | Unresolved::ClockSuspect(card) => Some(card),
            Unresolved::OtherChip(card) | Unresolved::CounterBehind(card) => Some(card),
            Unresolved::WrongMedium { card, .. } | Unresolved::Stale { card, .. } => Some(card),
        }
    }
}

/// Judges `token`. `found` is the credential that it names; `seen_before` says whether its proof stands in the replay
/// memory and counts only for tokens that carry one.
pub fn judge(
    token: &Token,
    found: Option<&CredentialFacts>,
    seen_before: bool,
    now: &Now,
    policy: &Policy,
) -> Result<Resolved, Unresolved> {
    let facts = *found.ok_or(Unresolved::NoCredential)?;
    let card = facts.card;
    if facts.revoked {
        return Err(Unresolved::Revoked(card));
    }
    if facts.medium != token.medium {
        return Err(Unresolved::WrongMedium { card, bound: facts.medium });
    }
    if matches!(&token.claim, Claim::Tag { chip, .. } if facts.chip != Some(*chip)) {
        return Err(Unresolved::OtherChip(card));
    }
    let resolved = Resolved { card, grade: token.grade, mark: None };
    let Some(freshness) = &token.freshness else { return Ok(resolved) };
    if seen_before {
        return Err(Unresolved::Replayed(card));
    }
    if freshness.counter.zip(facts.counter).is_some_and(|(shown, highest)| shown <= highest) {
        return Err(Unresolved::CounterBehind(card));
    }
    let Some(stamp_unix_s) = freshness.stamp_unix_s else { return Ok(resolved) };
    let rotating = token.medium == Medium::RotatingBarcode;
    match (now.trust, policy.when_untrusted) {
        // Without the time a rotating barcode proves what a static one does (readers-and-scanners.md section 3.8).
        (ClockTrust::Untrusted, _) if rotating => {
            Ok(Resolved { grade: token.grade.min(Grade::C), mark: Some(ClockSuspect), ..resolved })
        }
        (ClockTrust::Untrusted, WhenUntrusted::Mark) => Ok(Resolved { mark: Some(ClockSuspect), ..resolved }),
        (ClockTrust::Untrusted, WhenUntrusted::Refuse) => Err(Unresolved::ClockSuspect(card)),
        (ClockTrust::Trusted, _) => {
            let ahead_s = stamp_unix_s.saturating_sub(now.wall_ms.div_euclid(1000));
            let window_s = if rotating { policy.window_s.min(ROTATING_WINDOW_S_MAX) } else { policy.window_s };
            let in_window = (-window_s..=window_s).contains(&ahead_s);
            if in_window { Ok(resolved) } else { Err(Unresolved::Stale { card, ahead_s }) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::{BootId, CredentialId, Freshness};
    use jiff::tz::TimeZone;

    const NOW_S: i64 = 1_778_307_200;

    fn now(trust: ClockTrust) -> Now {
        Now { wall_ms: NOW_S * 1000 + 999, zone: TimeZone::UTC, boot_id: BootId([0; 16]), boot_ns: 0, trust }
    }

    fn tap(stamp_unix_s: i64) -> Token {
        Token {
            medium: Medium::AppleVas,
            grade: Grade::A,
            claim: Claim::Credential(CredentialId([1; 12])),
            freshness: Some(Freshness { stamp_unix_s: Some(stamp_unix_s), counter: None, proof: [2; 32] }),
        }
    }

    fn scan() -> Token {
        Token { medium: Medium::Barcode, grade: Grade::C, freshness: None, ..tap(0) }
    }

    fn card() -> Serial {
        Serial::from_random(42)
    }

    fn facts(medium: Medium) -> CredentialFacts {
        CredentialFacts { card: card(), medium, revoked: false, chip: None, counter: None }
    }

    fn check(token: &Token, found: CredentialFacts, seen_before: bool) -> Result<Resolved, Unresolved> {
        judge(token, Some(&found), seen_before, &now(ClockTrust::Trusted), &Policy::default())
    }

    #[test]
    fn the_first_reason_that_applies_is_told() {
        let old = tap(NOW_S - 301);
        let apple = facts(Medium::AppleVas);
        let barcode = facts(Medium::Barcode);
        let revoked = CredentialFacts { revoked: true, ..apple };
        let wrong = Unresolved::WrongMedium { card: card(), bound: Medium::Barcode };
        let none = judge(&old, None, true, &now(ClockTrust::Trusted), &Policy::default());
        assert_eq!(none, Err(Unresolved::NoCredential));
        assert_eq!(check(&old, revoked, true), Err(Unresolved::Revoked(card())));
        assert_eq!(check(&old, CredentialFacts { revoked: true, ..barcode }, true), Err(Unresolved::Revoked(card())));
        assert_eq!(check(&old, barcode, true), Err(wrong));
        assert_eq!(check(&old, apple, true), Err(Unresolved::Replayed(card())));
        assert_eq!(check(&old, apple, false), Err(Unresolved::Stale { card: card(), ahead_s: -301 }));
    }

    #[test]
    fn each_reason_has_one_thing_that_is_told() {
        let cases = [
            (Unresolved::NoCredential, Ok(RefusalCode::UnknownToken), None),
            (Unresolved::Revoked(card()), Ok(RefusalCode::UnknownToken), Some(card())),
            (
                Unresolved::WrongMedium { card: card(), bound: Medium::Barcode },
                Ok(RefusalCode::UnknownToken),
                Some(card()),
            ),
            (Unresolved::OtherChip(card()), Ok(RefusalCode::UnknownToken), Some(card())),
            (Unresolved::CounterBehind(card()), Ok(RefusalCode::StaleToken), Some(card())),
            (Unresolved::Replayed(card()), Ok(RefusalCode::Replayed), Some(card())),
            (Unresolved::Stale { card: card(), ahead_s: 900 }, Ok(RefusalCode::StaleToken), Some(card())),
            (Unresolved::ClockSuspect(card()), Err(TapProblem::ClockSuspect), Some(card())),
        ];
        for (reason, told, named) in cases {
            assert_eq!(reason.told().map(|refusal| refusal.code), told);
            assert_eq!(reason.card(), named);
        }
    }

    #[test]
    fn a_chip_is_known_by_its_rising_counter_and_a_tag_by_its_chip() {
        let fob = |counter| Token {
            medium: Medium::Ntag424,
            claim: Claim::Chip([5; 32]),
            freshness: Some(Freshness { stamp_unix_s: None, counter: Some(counter), proof: [2; 32] }),
            ..tap(0)
        };
        let known = CredentialFacts { counter: Some(8), ..facts(Medium::Ntag424) };
        for counter in [0, 7, 8] {
            assert_eq!(check(&fob(counter), known, false), Err(Unresolved::CounterBehind(card())));
            assert_eq!(check(&fob(counter), known, true), Err(Unresolved::Replayed(card())));
        }
        assert!(check(&fob(9), known, false).is_ok());
        assert!(check(&fob(0), facts(Medium::Ntag424), false).is_ok(), "the first time");

        let claim = Claim::Tag { id: CredentialId([1; 12]), chip: [5; 32] };
        let tag = Token { medium: Medium::Ndef, grade: Grade::B, freshness: None, claim };
        for (chip, fits) in [(Some([5; 32]), true), (Some([6; 32]), false), (None, false)] {
            let facts = CredentialFacts { chip, ..facts(Medium::Ndef) };
            assert_eq!(check(&tag, facts, false).is_ok(), fits);
        }
    }

    #[test]
    fn a_rotating_barcode_lives_a_minute_and_proves_less_without_the_time() {
        let shown = |ahead_s| Token { medium: Medium::RotatingBarcode, grade: Grade::B, ..tap(NOW_S + ahead_s) };
        let known = facts(Medium::RotatingBarcode);
        for (ahead_s, fresh) in [(-61, false), (-60, true), (60, true), (61, false)] {
            assert_eq!(check(&shown(ahead_s), known, false).is_ok(), fresh, "{ahead_s}");
        }
        for when_untrusted in [WhenUntrusted::Mark, WhenUntrusted::Refuse] {
            let policy = Policy { when_untrusted, ..Policy::default() };
            let judged = judge(&shown(9_999), Some(&known), false, &now(ClockTrust::Untrusted), &policy);
            assert_eq!(judged.map(|resolved| resolved.grade), Ok(Grade::C));
        }
    }

    #[test]
    fn the_window_is_closed_on_both_sides() {
        for (ahead_s, fresh) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            let judged = check(&tap(NOW_S + ahead_s), facts(Medium::AppleVas), false);
            let expected = Resolved { card: card(), grade: Grade::A, mark: None };
            let stale = Unresolved::Stale { card: card(), ahead_s };
            assert_eq!(judged, if fresh { Ok(expected) } else { Err(stale) });
        }
        for stamp_unix_s in [i64::MIN, i64::MAX] {
            assert!(check(&tap(stamp_unix_s), facts(Medium::AppleVas), false).is_err());
        }
    }

    #[test]
    fn an_untrusted_clock_judges_no_age() {
        let apple = facts(Medium::AppleVas);
        let untrusted = now(ClockTrust::Untrusted);
        let mark = Policy::default();
        let refuse = Policy { when_untrusted: WhenUntrusted::Refuse, ..mark };
        let marked = Resolved { card: card(), grade: Grade::A, mark: Some(ClockSuspect) };
        for stamp_unix_s in [0, NOW_S, NOW_S + 1_000_000] {
            let token = tap(stamp_unix_s);
            assert_eq!(judge(&token, Some(&apple), false, &untrusted, &mark), Ok(marked));
            let refused = judge(&token, Some(&apple), false, &untrusted, &refuse);
            assert_eq!(refused, Err(Unresolved::ClockSuspect(card())));
            let replayed = judge(&token, Some(&apple), true, &untrusted, &refuse);
            assert_eq!(replayed, Err(Unresolved::Replayed(card())), "a replay needs no clock to be one");
        }
    }

    #[test]
    fn a_token_without_freshness_is_neither_replayed_nor_stale() {
        let expected = Resolved { card: card(), grade: Grade::C, mark: None };
        let refuse = Policy { when_untrusted: WhenUntrusted::Refuse, ..Policy::default() };
        for trust in [ClockTrust::Trusted, ClockTrust::Untrusted] {
            let judged = judge(&scan(), Some(&facts(Medium::Barcode)), true, &now(trust), &refuse);
            assert_eq!(judged, Ok(expected));
        }
        // Without a stamp the proof can still be a replay.
        let counter =
            Token { freshness: Some(Freshness { stamp_unix_s: None, counter: None, proof: [0; 32] }), ..tap(0) };
        assert_eq!(check(&counter, facts(Medium::AppleVas), true), Err(Unresolved::Replayed(card())));
        assert!(check(&counter, facts(Medium::AppleVas), false).is_ok());
    }
}
