//! Redeeming on a bill: what it takes off, how much of it the card holds, how much of it the bill takes.

use super::hand::judge_rewards;
use super::malformed::first_off;
use super::{Ask, Judge, Redeem};
use crate::pure::domain::entry::Redemption;
use crate::pure::domain::{Refusal, RefusalCode};
use crate::pure::program::round;
use crate::pure::program::rules::{CatalogueReward, Money, Rules, Worth};
use crate::pure::program::standing::Standing;

/// The reward that a bare value means on a card with a catalogue.
pub(super) fn by_value(rules: &Rules) -> Option<&CatalogueReward> {
    first_off(rules)
}

/// What is redeemed on a bill of `bill_minor`; refusals go to the judge.
pub(super) fn redemption(
    ask: &Ask,
    standing: &Standing,
    bill_minor: i64,
    redeem: &Redeem,
    judge: &mut Judge,
) -> Option<Redemption> {
    let rules = ask.rules();
    let blank = Redemption { units: 0, rewards: 0, reward: None, discount_minor: 0, bill_minor };
    match redeem {
        Redeem::Rewards(count) => {
            judge_rewards(standing, standing.rewards_available(), *count, judge);
            let bill = rewards_on_bill(rules, standing, bill_minor, *count, None);
            judge.refuse_if(*count > bill.most, Refusal::new(RefusalCode::RedeemCap).max(bill.most));
            Some(Redemption { rewards: *count, discount_minor: bill.discount_minor, ..blank })
        }
        Redeem::Reward { name, count } if rules.kind.is_stamps() => {
            judge_rewards(standing, standing.rewards_named(name), *count, judge);
            let bill = rewards_on_bill(rules, standing, bill_minor, *count, Some(name));
            judge.refuse_if(*count > bill.most, Refusal::new(RefusalCode::RedeemCap).max(bill.most));
            let reward = Some(name.clone());
            Some(Redemption { rewards: *count, reward, discount_minor: bill.discount_minor, ..blank })
        }
        Redeem::Reward { name, count } => {
            let reward = rules.catalogue.iter().find(|reward| reward.name == *name)?;
            Some(points(standing, bill_minor, reward, *count, In::Rewards, judge))
        }
        Redeem::Value(units) => match rules.money {
            Some(money) => Some(money_units(standing, bill_minor, &money, *units, judge)),
            None => {
                let reward = by_value(rules)?;
                Some(points(standing, bill_minor, reward, units / reward.units.max(1), In::Units, judge))
            }
        },
        Redeem::ValueMax | Redeem::ValueWithin(_) => {
            let money = rules.money?;
            let within = if let Redeem::ValueWithin(units) = redeem { *units } else { i64::MAX };
            let units = standing.available().min(money_cap(bill_minor, &money)).min(within);
            (units > 0).then(|| money_units(standing, bill_minor, &money, units, judge))
        }
    }
}

/// In what a cap is told: as it was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Rewards,
    Units,
}

fn points(
    standing: &Standing,
    bill_minor: i64,
    reward: &CatalogueReward,
    count: i64,
    told: In,
    judge: &mut Judge,
) -> Redemption {
    let units = count.saturating_mul(reward.units);
    let available = standing.available();
    judge.refuse_if(units > available, Refusal::new(RefusalCode::InsufficientBalance).max(available));
    let most = most_on_bill(reward.worth, bill_minor);
    if count > most {
        let max = if told == In::Rewards { most } else { most.saturating_mul(reward.units) };
        judge.refuse(Refusal::new(RefusalCode::RedeemCap).max(max));
    }
    let discount_minor = match reward.worth {
        Worth::Item => 0,
        Worth::Off(value) => count.saturating_mul(value).clamp(0, bill_minor),
    };
    Redemption { units, rewards: 0, reward: Some(reward.name.clone()), discount_minor, bill_minor }
}

/// How many rewards of a fixed value a bill takes: those that it has started to use (the last may lapse in part). Things
/// that the till leaves off the bill have no such bound.
pub(super) fn most_on_bill(worth: Worth, bill_minor: i64) -> i64 {
    match worth {
        Worth::Item => i64::MAX,
        Worth::Off(value) => round::started_parts(bill_minor, value),
    }
}

fn money_units(standing: &Standing, bill_minor: i64, money: &Money, units: i64, judge: &mut Judge) -> Redemption {
    let available = standing.available();
    judge.refuse_if(units > available, Refusal::new(RefusalCode::InsufficientBalance).max(available));
    let cap = money_cap(bill_minor, money);
    judge.refuse_if(units > cap, Refusal::new(RefusalCode::RedeemCap).max(cap));
    let discount_minor = units.saturating_mul(money.minor_per_unit).clamp(0, bill_minor);
    Redemption { units, rewards: 0, reward: None, discount_minor, bill_minor }
}

/// The most units that a bill takes where points are money: its share of the bill, rounded down.
pub(super) fn money_cap(bill_minor: i64, money: &Money) -> i64 {
    round::rate_down(bill_minor, money.cap_percent, 100) / money.minor_per_unit.max(1)
}

/// What rewards of a stamp card do to a bill.
struct OnBill {
    most: i64,
    discount_minor: i64,
}

/// The most rewards of a stamp card, whatever their names, that a bill takes.
pub(super) fn most_rewards(rules: &Rules, standing: &Standing, bill_minor: i64) -> i64 {
    rewards_on_bill(rules, standing, bill_minor, standing.rewards_available(), None).most
}

/// Takes rewards as they will be used (earliest end first) until the bill is used up.
fn rewards_on_bill(rules: &Rules, standing: &Standing, bill_minor: i64, count: i64, name: Option<&str>) -> OnBill {
    let (mut due, mut rest_minor, mut most) = (count.max(0), bill_minor, 0i64);
    let lots = standing.rewards.iter().filter(|lot| name.is_none_or(|name| name == lot.name));
    for lot in lots {
        let worth = rules.goal(&lot.name).or(rules.goals.first().map(|goal| (0, goal)));
        let worth = worth.map_or(Worth::Item, |(_, goal)| goal.worth);
        let taken = due.min(lot.count).min(most_on_bill(worth, rest_minor));
        if let Worth::Off(value) = worth {
            rest_minor = rest_minor.saturating_sub(taken.saturating_mul(value)).max(0);
        }
        most = most.saturating_add(taken);
        due -= taken;
    }
    // What the card does not hold is refused as no_reward; the bill alone decides about the rest.
    let held = crate::pure::program::rewards::count(&standing.rewards, name);
    if count > held {
        let worth = rules.goals.first().map_or(Worth::Item, |goal| goal.worth);
        most = most_on_bill(worth, bill_minor);
    }
    OnBill { most, discount_minor: bill_minor - rest_minor }
}
