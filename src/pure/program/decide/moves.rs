//! Transfers, merges, opening figures and coupons.

use super::{Act, Ask, CouponAct, Judge, Verdict};
use crate::pure::domain::entry::{Carried, CouponStep, Direction, LastMoments, Lot, Moved};
use crate::pure::domain::{CouponId, NewEntry, Posting, Refusal, RefusalCode};
use crate::pure::program::calendar;
use crate::pure::program::card::CardFacts;
use crate::pure::program::standing::{CouponStage, Standing};

/// Balance and rewards move to another card of the programme: one posting on each. What has not ripened is no balance yet:
/// it stays with the purchase that awarded it.
pub(super) fn transfer(ask: &Ask, to: &CardFacts) -> Result<Verdict, Refusal> {
    moved(ask, to, holdings(ask.standing), Posting::Transfer)
}

/// Everything moves: holdings and totals.
pub(super) fn merge(ask: &Ask, into: &CardFacts) -> Result<Verdict, Refusal> {
    let standing = ask.standing;
    let carried = Carried {
        counters: standing.counters,
        pending: standing.pending.clone(),
        first_earned: standing.first_earned,
        coupons: standing.coupons.clone(),
        coupon_counts: standing.coupon_counts,
        last: LastMoments {
            earned_ms: standing.last_earned_ms,
            redeemed_ms: standing.last_redeemed_ms,
            reward_earned_ms: standing.last_reward_earned_ms,
            reward_redeemed_ms: standing.last_reward_redeemed_ms,
            visit_ms: standing.last_visit_ms,
        },
        ..holdings(standing)
    };
    moved(ask, into, carried, Posting::Merge)
}

/// Balance and rewards, with what is owed for them.
fn holdings(standing: &Standing) -> Carried {
    Carried {
        lots: standing.lots.clone(),
        owed: standing.owed,
        rewards: standing.rewards.clone(),
        debt: standing.debt,
        overdraft: standing.overdraft,
        ..Carried::default()
    }
}

fn moved(ask: &Ask, to: &CardFacts, carried: Carried, posting: fn(Moved) -> Posting) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Correct);
    judge.refuse_if(to.deleted, RefusalCode::CardDeleted);
    judge.refuse_if(to.blocked, RefusalCode::CardBlocked);
    judge.refuse_if(to.expired(ask.at, ask.trust) && !ask.manages(), RefusalCode::CardExpired);
    judge.done(|| {
        let side = |direction, other| posting(Moved { direction, other, carried: carried.clone() });
        let out = ask.entry(side(Direction::Out, to.serial));
        let into = NewEntry { card: to.serial, ..ask.entry(side(Direction::In, ask.card.serial)) };
        Verdict { entries: vec![out, into], ..Verdict::default() }
    })
}

/// Figures brought along from another system; a manager's act.
pub(super) fn opening(ask: &Ask, carried: &Carried, units: i64) -> Result<Verdict, Refusal> {
    let mut judge = Judge::gate(ask, Act::Give);
    judge.refuse_if(!ask.manages(), RefusalCode::NeedsManager);
    let mut carried = carried.clone();
    if units > 0 {
        let expires_ms = calendar::lot_end_ms(ask.rules(), ask.at).unwrap_or(i64::MAX);
        carried.lots.push(Lot { units, since_ms: ask.at.ms, expires_ms });
    }
    if ask.rules().carries() && carried.counters.stepped_minor == 0 {
        // Another system knows the total only; with carry it is the total that earns.
        carried.counters.stepped_minor = carried.counters.tx_amount_minor;
    }
    judge.done(|| Verdict { entries: vec![ask.entry(Posting::Opening(carried))], ..Verdict::default() })
}

/// A step in the life of a coupon: given, claimed, used, withdrawn; one that is used without having been claimed is claimed
/// by that. Past its day it is `reward_expired`, once used or withdrawn `no_reward`.
pub(super) fn coupon(ask: &Ask, coupon: CouponId, act: &CouponAct) -> Result<Verdict, Refusal> {
    let (gate, step) = match act {
        CouponAct::Assign(terms) => (Act::Give, CouponStep::Assigned(terms.clone())),
        CouponAct::Claim => (Act::Use, CouponStep::Claimed),
        CouponAct::Use => (Act::Use, CouponStep::Used),
        CouponAct::Withdraw => (Act::Correct, CouponStep::Voided),
    };
    let mut judge = Judge::gate(ask, gate);
    let state = ask.standing.coupons.iter().find(|state| state.id == coupon);
    if let Some(state) = state {
        let ended = state.terms.valid_until_ms.is_some_and(|ends_ms| ask.at.ms >= ends_ms)
            && ask.trust == crate::pure::domain::ClockTrust::Trusted;
        judge.refuse_if(gate == Act::Use && ended, Refusal::new(RefusalCode::RewardExpired).max(0));
        let open = match step {
            CouponStep::Assigned(_) => false,
            CouponStep::Claimed => state.stage == CouponStage::Assigned,
            CouponStep::Used | CouponStep::Voided => {
                matches!(state.stage, CouponStage::Assigned | CouponStage::Claimed)
            }
        };
        judge.refuse_if(!open, Refusal::new(RefusalCode::NoReward).max(0));
    }
    let claims = step == CouponStep::Used && state.is_some_and(|state| state.stage == CouponStage::Assigned);
    let steps = claims.then_some(CouponStep::Claimed).into_iter().chain([step]);
    let entries = |step| ask.entry(Posting::Coupon { coupon, step });
    judge.done(|| Verdict { entries: steps.map(entries).collect(), ..Verdict::default() })
}
