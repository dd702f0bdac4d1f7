//! Quotes: the decision of a sale without posting it, and what else could be redeemed on the same bill.

use super::redeem::{money_cap, most_on_bill, most_rewards};
use super::{Ask, Command, Redeem, Sale, SalePhase, Verdict, decide};
use crate::pure::domain::Refusal;
use crate::pure::program::rules::Kind;

/// What a sale would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// The sale as asked: the very decision that posting it would make.
    pub outcome: Result<Verdict, Refusal>,
    /// Each reward with its value on this bill, or the reason why not.
    pub options: Vec<QuoteOption>,
    /// The most that may be redeemed at once: rewards of all names together on stamp cards, units on others.
    pub most: i64,
}

/// A reward, as it stands towards this bill.
#[derive(Clone, Debug, PartialEq)]
pub struct QuoteOption {
    /// Its name; `value` where points are money.
    pub name: String,
    /// Units that one takes; 0 on stamp cards.
    pub units_each: i64,
    /// What one takes off this bill; with money, what the most takes off.
    pub value_minor: i64,
    /// The most that may be redeemed now: rewards, or units where points are money.
    pub most: i64,
    /// Why not even one.
    pub refusal: Option<Refusal>,
}

/// What a sale would do now. Calls the same decision as the sale, so that both agree.
pub fn quote(ask: &Ask, sale: &Sale) -> Quote {
    let now = Sale { phase: SalePhase::Now, ..sale.clone() };
    let outcome = decide(ask, &Command::Sale(now.clone()));
    let rules = ask.rules();
    let trial = |redeem: Redeem| decide(ask, &Command::Sale(Sale { redeem: Some(redeem), ..now.clone() }));
    let mut options = Vec::new();
    for goal in rules.goals.iter().filter(|_| rules.kind.is_stamps()) {
        let most = ask.standing.rewards_named(&goal.reward).min(most_on_bill(goal.worth, sale.bill_minor));
        let redeem = Redeem::Reward { name: goal.reward.clone(), count: 1 };
        options.push(option(goal.reward.clone(), 0, most, trial(redeem)));
    }
    for reward in rules.catalogue.iter().filter(|_| !rules.kind.is_stamps()) {
        let held = ask.standing.available() / reward.units.max(1);
        let most = held.min(most_on_bill(reward.worth, sale.bill_minor));
        let redeem = Redeem::Reward { name: reward.name.clone(), count: 1 };
        options.push(option(reward.name.clone(), reward.units, most, trial(redeem)));
    }
    if let (Some(money), Kind::Points | Kind::Cashback) = (rules.money, rules.kind) {
        let most = ask.standing.available().min(money_cap(sale.bill_minor, &money));
        options.push(option("value".to_owned(), 1, most, trial(Redeem::Value(most.max(1)))));
    }
    let most = if rules.kind.is_stamps() {
        let allowed = options.iter().fold(0i64, |sum, option| sum.saturating_add(option.most));
        allowed.min(most_rewards(rules, ask.standing, sale.bill_minor))
    } else {
        options.iter().map(|option| option.most.saturating_mul(option.units_each)).max().unwrap_or(0)
    };
    Quote { outcome, options, most }
}

fn option(name: String, units_each: i64, most: i64, trial: Result<Verdict, Refusal>) -> QuoteOption {
    match trial {
        Ok(verdict) => QuoteOption { name, units_each, value_minor: verdict.discount_minor, most, refusal: None },
        Err(refusal) => QuoteOption { name, units_each, value_minor: 0, most: 0, refusal: Some(refusal) },
    }
}
