//! Every derived figure of a card (DESIGN.md section 6), typed; the faces convert them.

use super::card::CardFacts;
use super::earn::{basis_of, level_of};
use super::rewards::{self, step_of};
use super::rules::{Consume, Kind, LevelBasis, OfflineRedeem, Rulebook, Rules};
use super::standing::{CouponCounts, Standing};
use super::{lots, round};
use crate::pure::domain::entry::Counters;
use crate::pure::domain::{ClockTrust, Moment, RuleVersion};

/// A level reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Its place, from 0.
    pub place: usize,
    /// Held there by head office.
    pub pinned: bool,
}

/// What lapses next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextExpiry {
    /// The first moment after its last day.
    pub at_ms: i64,
    /// Units, or rewards on stamp cards.
    pub amount: i64,
}

/// Every figure of a card at a moment. What does not apply is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The version of the rules by which they are shown.
    pub rule: RuleVersion,
    /// What the card is.
    pub kind: Kind,
    /// The unit's name.
    pub unit: String,
    /// Decimal places of the unit.
    pub scale: u8,
    /// Past its last day.
    pub expired_card: bool,
    /// Units usable now; negative where refunds took it there.
    pub balance: i64,
    /// Units not yet ripe.
    pub pending: i64,
    /// Totals: earned, redeemed, expired, qualifying, tx_amount, ltv, visits, orders, rewards, referral, shortfall.
    pub counters: Counters,
    /// Mean amount of an order, half-up; `None` without orders.
    pub average_order_minor: Option<i64>,
    /// Rewards that can be used.
    pub rewards_available: i64,
    /// Units owed after clamped corrections.
    pub debt: i64,
    /// Redeemed beyond what existed.
    pub overdraft: i64,
    /// The rest within a step, on cards with carry.
    pub carry_minor: Option<i64>,
    /// The level.
    pub tier: Option<Tier>,
    /// Units or minor units (as the basis says) to the next level.
    pub to_next_tier: Option<i64>,
    /// The next level's name.
    pub next_tier: Option<String>,
    /// By what levels go; `None` without levels.
    pub level_basis: Option<LevelBasis>,
    /// Units to the cheapest reward not yet reached.
    pub to_next_reward: Option<i64>,
    /// Units of that reward from its start: what a pass draws as circles.
    pub reward_step: Option<i64>,
    /// Cashback in hundredths of a percent, without campaigns.
    pub cashback_bp: Option<i64>,
    /// What lapses next.
    pub next_expiry: Option<NextExpiry>,
    /// When `earned` last rose.
    pub last_earned_ms: Option<i64>,
    /// When `redeemed` last rose.
    pub last_redeemed_ms: Option<i64>,
    /// When `rewards_earned` last rose.
    pub last_reward_earned_ms: Option<i64>,
    /// When `rewards_redeemed` last rose.
    pub last_reward_redeemed_ms: Option<i64>,
    /// When `visits` last rose.
    pub last_visit_ms: Option<i64>,
    /// Coupons and entry rewards.
    pub coupons: CouponCounts,
    /// Campaigns that the card has joined and that still run.
    pub campaigns: Vec<String>,
    /// The strictest offline policy among what the card could redeem.
    pub offline: OfflineRedeem,
}

/// The figures of a card at `at`, under the current rules.
pub fn figures(book: &Rulebook, card: &CardFacts, standing: &Standing, at: &Moment) -> Figures {
    let (rule, rules) = book.current();
    let counters = standing.counters;
    let level = level_of(rules, standing, card.pinned_on(at.date()));
    let pinned = card.pinned_on(at.date()).is_some();
    let next = next_level(rules, standing);
    let joined = standing.campaigns.iter().filter(|joined| joined.ends_ms.is_none_or(|ends_ms| at.ms < ends_ms));
    Figures {
        rule,
        kind: rules.kind,
        unit: rules.unit.clone(),
        scale: rules.scale,
        expired_card: card.expired(at, ClockTrust::Trusted),
        balance: standing.balance(),
        pending: standing.pending_units(),
        counters,
        average_order_minor: round::mean_half_up(counters.tx_amount_minor, counters.orders),
        rewards_available: standing.rewards_available(),
        debt: standing.debt,
        overdraft: standing.overdraft,
        carry_minor: carry_minor(rules, standing),
        tier: level.map(|place| Tier { name: rules.levels[place].name.clone(), place, pinned }),
        to_next_tier: next.map(|place| rules.levels[place].from.saturating_sub(basis_of(rules, standing))),
        next_tier: next.map(|place| rules.levels[place].name.clone()),
        level_basis: (!rules.levels.is_empty()).then_some(rules.level_basis),
        to_next_reward: to_next_reward(rules, standing),
        reward_step: next_goal(rules, standing).map(|place| step_of(&rules.goals, place)),
        cashback_bp: level.filter(|_| rules.kind == Kind::Cashback).map(|place| rules.levels[place].cashback_bp),
        next_expiry: next_expiry(rules, standing),
        last_earned_ms: standing.last_earned_ms,
        last_redeemed_ms: standing.last_redeemed_ms,
        last_reward_earned_ms: standing.last_reward_earned_ms,
        last_reward_redeemed_ms: standing.last_reward_redeemed_ms,
        last_visit_ms: standing.last_visit_ms,
        coupons: standing.coupon_counts,
        campaigns: joined.map(|joined| joined.name.clone()).collect(),
        offline: offline(rules, standing),
    }
}

fn next_level(rules: &Rules, standing: &Standing) -> Option<usize> {
    let reached = rules.level_at(basis_of(rules, standing))?;
    Some(reached + 1).filter(|next| *next < rules.levels.len())
}

fn carry_minor(rules: &Rules, standing: &Standing) -> Option<i64> {
    match rules.earn.by_amount {
        super::rules::ByAmount::Steps { step_minor, carry: true, .. } => {
            Some(standing.counters.stepped_minor.rem_euclid(step_minor.max(1)))
        }
        _ => None,
    }
}

fn next_goal(rules: &Rules, standing: &Standing) -> Option<usize> {
    let goals = if rules.kind.is_stamps() { rules.goals.len() } else { 0 };
    (goals > 0).then(|| standing.next_goal as usize % goals)
}

/// Stamp cards: the rest of the way to the next goal. Points: to the cheapest reward of the catalogue above the balance.
fn to_next_reward(rules: &Rules, standing: &Standing) -> Option<i64> {
    if let Some(place) = next_goal(rules, standing) {
        let claimed = if rules.consume == Consume::Redeem { standing.claimed } else { 0 };
        let free = standing.balance().saturating_sub(claimed);
        return Some(step_of(&rules.goals, place).saturating_sub(free).max(0));
    }
    let above = rules.catalogue.iter().filter(|reward| reward.units > standing.balance());
    above.map(|reward| reward.units.saturating_sub(standing.balance())).min()
}

/// The earliest day on which something lapses, with its sum: lots, on stamp cards rewards.
fn next_expiry(rules: &Rules, standing: &Standing) -> Option<NextExpiry> {
    let (at_ms, amount) = if rules.kind.is_stamps() {
        let at_ms = standing.rewards.first()?.expires_ms;
        let same = standing.rewards.iter().filter(|lot| lot.expires_ms == at_ms);
        (at_ms, same.fold(0i64, |sum, lot| sum.saturating_add(lot.count)))
    } else if let (Some(at_ms), Some(_)) = (standing.inactive_ms, standing.lots.first()) {
        (at_ms, lots::total(&standing.lots))
    } else {
        let at_ms = standing.lots.first()?.expires_ms;
        let same = standing.lots.iter().filter(|lot| lot.expires_ms == at_ms);
        (at_ms, same.fold(0i64, |sum, lot| sum.saturating_add(lot.units)))
    };
    (at_ms != i64::MAX).then_some(NextExpiry { at_ms, amount })
}

fn offline(rules: &Rules, standing: &Standing) -> OfflineRedeem {
    let stamps = rules.kind.is_stamps();
    let goals = rules.goals.iter().filter(|goal| stamps && standing.rewards_named(&goal.reward) > 0);
    let bought = rules.catalogue.iter().filter(|reward| !stamps && reward.units <= standing.available());
    let policies = goals
        .map(|goal| goal.offline)
        .chain(bought.map(|reward| reward.offline))
        .chain(rules.money.map(|money| money.offline));
    policies.max_by_key(|policy| *policy as u8).unwrap_or_default()
}

/// What the open balance and rewards of a card are worth at `cost_minor`: the card's part
/// of the open liability.
pub fn open_liability_minor(rules: &Rules, standing: &Standing) -> i64 {
    let units = rules.unit_cost_minor.map_or(0, |cost| standing.available().saturating_mul(cost));
    let rewards = rules.goals.iter().filter_map(|goal| {
        let count = rewards::count(&standing.rewards, Some(&goal.reward));
        goal.cost_minor.map(|cost| count.saturating_mul(cost))
    });
    rewards.fold(units, i64::saturating_add)
}
