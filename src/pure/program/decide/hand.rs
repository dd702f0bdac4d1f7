//! Corrections by hand: units, rewards, visits.

use super::{Act, Ask, Judge, Verdict};
use crate::pure::domain::entry::Adjust;
use crate::pure::domain::reason::{Reason, RemoveReason};
use crate::pure::domain::{Posting, Refusal, RefusalCode};
use crate::pure::program::{calendar, limits};

/// Units by hand. A minus below zero is refused with the most that is there, never clamped (X27).
pub(super) fn adjust(
    ask: &Ask,
    value: i64,
    purchase_minor: Option<i64>,
    reason: Option<Reason>,
) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Give);
    let available = ask.standing.available();
    let short = value < 0 && value.unsigned_abs() > available.unsigned_abs();
    judge.refuse_if(short, Refusal::new(RefusalCode::InsufficientBalance).max(available));
    limits::judge_hand(ask, Some(value), None, &mut judge);
    let reason = reason.unwrap_or(Reason::default_for(value));
    let expires_ms = if value > 0 { calendar::lot_end_ms(ask.rules(), ask.at) } else { None };
    let posting = Posting::Adjust(Adjust { value, purchase_minor, reason, expires_ms });
    let redeems = value < 0 && !ask.rules().kind.is_stamps();
    judge.done(|| Verdict {
        entries: vec![ask.entry(posting)],
        earned: value.max(0),
        redeemed: if redeems { value.saturating_neg() } else { 0 },
        amounts_differ: purchase_minor.is_some_and(|purchase| purchase.unsigned_abs() != value.unsigned_abs()),
        ..Verdict::default()
    })
}

/// Rewards given by hand.
pub(super) fn reward_add(ask: &Ask, count: i64, amount_minor: i64) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Give);
    limits::judge_hand(ask, Some(count), None, &mut judge);
    judge
        .done(|| Verdict { entries: vec![ask.entry(Posting::RewardAdd { count, amount_minor })], ..Verdict::default() })
}

/// Rewards taken by hand; cannot exceed what is available, whatever the reason (X14).
pub(super) fn reward_remove(ask: &Ask, count: i64, amount_minor: i64, why: RemoveReason) -> Result<Verdict, Refusal> {
    let act = if why == RemoveReason::Redeem { Act::Use } else { Act::Correct };
    let mut judge = Judge::gate(ask, act);
    judge_rewards(ask.standing, ask.standing.rewards_available(), count, &mut judge);
    limits::judge_hand(ask, Some(count), None, &mut judge);
    judge.done(|| Verdict {
        entries: vec![ask.entry(Posting::RewardRemove { count, amount_minor, why })],
        rewards_redeemed: if why == RemoveReason::Redeem { count } else { 0 },
        ..Verdict::default()
    })
}

/// Refuses rewards that are not there: `reward_expired` when none is left and the last to leave had lapsed.
pub(super) fn judge_rewards(standing: &crate::pure::program::Standing, available: i64, count: i64, judge: &mut Judge) {
    if count > available {
        let lapsed = standing.rewards_available() == 0 && standing.last_reward_lapsed;
        let code = if lapsed { RefusalCode::RewardExpired } else { RefusalCode::NoReward };
        judge.refuse(Refusal::new(code).max(available));
    }
}

/// Visits taken back, with the stamps that they had brought (X12).
pub(super) fn remove_visits(ask: &Ask, count: i64) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Correct);
    let visits = ask.standing.counters.visits;
    judge.refuse_if(count > visits, Refusal::new(RefusalCode::InsufficientBalance).max(visits));
    limits::judge_hand(ask, Some(count), None, &mut judge);
    let units = count.saturating_mul(ask.rules().units_per_visit);
    judge.done(|| Verdict {
        entries: vec![ask.entry(Posting::RemoveVisits { visits: count, units })],
        ..Verdict::default()
    })
}
