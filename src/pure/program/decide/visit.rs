//! Taps, stamps and typed purchases.

use super::{Act, Ask, Judge, Verdict, award_verdict};
use crate::pure::domain::entry::AwardSource;
use crate::pure::domain::{Refusal, RefusalCode};
use crate::pure::program::{earn, limits};

/// A tap earns what the programme gives for one, or only presents the card.
pub(super) fn tap(ask: &Ask) -> Result<Verdict, Refusal> {
    match ask.rules().tap_award {
        Some(units) => earn_units(ask, AwardSource::Tap, units, false),
        None => present(ask).map(|()| Verdict::default()),
    }
}

/// Whether the card may be presented at a till: a deleted or blocked one may not. What else stands against a posting is
/// told when it is posted.
///
/// # Errors
/// `card_deleted`, `card_blocked`.
pub fn present(ask: &Ask) -> Result<(), Refusal> {
    let mut judge = Judge::default();
    judge.refuse_if(ask.card.deleted, RefusalCode::CardDeleted);
    judge.refuse_if(ask.card.blocked, RefusalCode::CardBlocked);
    judge.done(Verdict::default).map(|_| ())
}

/// Stamps counted by the staff.
pub(super) fn stamps(ask: &Ask, count: i64, adds_to_visit: bool) -> Result<Verdict, Refusal> {
    earn_units(ask, AwardSource::Stamps, count, adds_to_visit)
}

fn earn_units(ask: &Ask, source: AwardSource, units: i64, adds_to_visit: bool) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Earn);
    let basis = earn::Basis { source, units, bill_minor: 0, paid_minor: 0, items: &[], expired: false };
    let award = earn::award(ask, ask.standing, &basis);
    limits::judge_earn(ask, ask.standing, award.units, adds_to_visit, &mut judge);
    if source == AwardSource::Stamps {
        limits::judge_hand(ask, Some(units), None, &mut judge);
    }
    judge.done(|| award_verdict(ask, ask.standing, award))
}

/// An amount typed in.
pub(super) fn purchase(ask: &Ask, amount_minor: i64, again_minor: Option<i64>) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Earn);
    judge.refuse_if(again_minor.is_some_and(|again| again != amount_minor), RefusalCode::AmountMismatch);
    limits::judge_hand(ask, None, Some(amount_minor), &mut judge);
    let basis = earn::Basis {
        source: AwardSource::Purchase,
        units: 0,
        bill_minor: amount_minor,
        paid_minor: amount_minor,
        items: &[],
        expired: false,
    };
    let award = earn::award(ask, ask.standing, &basis);
    limits::judge_earn(ask, ask.standing, award.units, false, &mut judge);
    judge.done(|| Verdict { due_minor: amount_minor, ..award_verdict(ask, ask.standing, award) })
}
