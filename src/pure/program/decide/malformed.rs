//! Requests that no state of the card could make right: told before every refusal, with a JSON pointer.

use super::{Ask, Command, CouponAct, Item, Redeem, Sale, Target};
use crate::pure::domain::entry::Carried;
use crate::pure::domain::{Fact, Posting};
use crate::pure::program::round::{AMOUNT_MAX_MINOR, UNITS_MAX};
use crate::pure::program::rules::{Kind, Rules, Worth};

/// Why a request means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which field, as a JSON pointer.
    pub pointer: &'static str,
    /// What is wrong with it, for a programmer.
    pub detail: String,
}

fn malformed(pointer: &'static str, detail: impl Into<String>) -> Result<(), Malformed> {
    Err(Malformed { pointer, detail: detail.into() })
}

/// Whether the command can mean something on this card at all.
pub fn check(ask: &Ask, command: &Command) -> Result<(), Malformed> {
    let rules = ask.rules();
    match command {
        Command::Tap | Command::CancelSale { .. } => Ok(()),
        Command::Opening { carried, units } => {
            check_opening(carried)?;
            if (0..=UNITS_MAX).contains(units) { Ok(()) } else { malformed("/figures/balance", figure_range()) }
        }
        Command::Stamps { count, .. } => {
            visit_only(rules)?;
            number("/count", *count)
        }
        Command::RemoveVisits { count } => {
            visit_only(rules)?;
            number("/count", *count)
        }
        Command::Purchase { amount_minor, purchase_amount_minor } => {
            amount("/amount_minor", *amount_minor, 1)?;
            amount("/purchase_amount_minor", purchase_amount_minor.unwrap_or(0), 0)
        }
        Command::SubtractAmount { amount_minor, purchase_amount_minor, of } => {
            amount("/amount_minor", *amount_minor, 1)?;
            amount("/purchase_amount_minor", purchase_amount_minor.unwrap_or(0), 0)?;
            match (rules.kind, of) {
                (Kind::Visit, _) => malformed("/kind", "cards that earn by visit take back visits: remove_visits"),
                (Kind::Points | Kind::Cashback, None) => malformed("/of", "points need the sale that they came from"),
                (_, Some(of)) => sale_target(ask, of, "/of"),
                (_, None) => Ok(()),
            }
        }
        Command::Adjust { value, purchase_amount_minor, .. } => {
            if *value == 0 {
                return malformed("/value", "0 changes nothing");
            }
            if value.unsigned_abs() > UNITS_MAX.unsigned_abs() {
                return malformed("/value", format!("beyond {UNITS_MAX}"));
            }
            amount("/purchase_amount_minor", purchase_amount_minor.unwrap_or(0), 0)
        }
        Command::RewardAdd { count, amount_minor } | Command::RewardRemove { count, amount_minor, .. } => {
            number("/count", *count)?;
            amount("/amount_minor", *amount_minor, 0)
        }
        Command::Sale(sale) => check_sale(rules, sale),
        Command::Refund { of, amount_minor, items } => {
            check_items(items)?;
            amount("/amount_minor", amount_minor.unwrap_or(0), 0)?;
            sale_target(ask, of, "/of")?;
            // Only a bill that was paid with rewards alone is returned with an amount of 0.
            if *amount_minor == Some(0) && super::refund::left_minor(ask, of).is_some_and(|left| left > 0) {
                return malformed("/amount_minor", "at least 1 minor unit");
            }
            Ok(())
        }
        Command::Void { of, .. } => void_target(ask.history, of),
        Command::Transfer { to } | Command::Merge { into: to } => {
            if to.serial == ask.card.serial {
                malformed("/to", "a card cannot move to itself")
            } else {
                Ok(())
            }
        }
        Command::Coupon { act: CouponAct::Assign(terms), .. } => match (terms.value_minor, &terms.reward) {
            (Some(value), None) => amount("/value", value, 1),
            (None, Some(_)) => Ok(()),
            _ => malformed("/value", "a coupon has either a value or a reward"),
        },
        Command::Coupon { coupon, .. } => {
            let known = ask.standing.coupons.iter().any(|state| state.id == *coupon);
            if known { Ok(()) } else { malformed("/coupon", "this card has no such coupon") }
        }
    }
}

/// Figures of another system: nothing negative, nothing beyond what sums bear.
fn check_opening(carried: &Carried) -> Result<(), Malformed> {
    let counters = &carried.counters;
    let lots = carried.lots.iter().chain(carried.pending.iter().map(|pending| &pending.lot)).map(|lot| lot.units);
    let rewards = carried.rewards.iter().flat_map(|lot| [lot.count, lot.units_each]);
    let totals = [
        counters.earned,
        counters.redeemed,
        counters.expired,
        counters.qualifying,
        counters.tx_amount_minor,
        counters.stepped_minor,
        counters.visits,
        counters.orders,
        counters.rewards_earned,
        counters.rewards_redeemed,
        counters.rewards_expired,
        counters.referral_earned,
        counters.shortfall,
        carried.owed,
        carried.debt,
        carried.overdraft,
    ];
    let fits = |figure: i64| (0..=UNITS_MAX).contains(&figure);
    if lots.chain(rewards).chain(totals).all(fits) && counters.ltv_minor.unsigned_abs() <= UNITS_MAX.unsigned_abs() {
        Ok(())
    } else {
        malformed("/figures", figure_range())
    }
}

fn figure_range() -> String {
    format!("each from 0 to {UNITS_MAX}")
}

fn visit_only(rules: &Rules) -> Result<(), Malformed> {
    if rules.kind == Kind::Visit { Ok(()) } else { malformed("/kind", "only cards that earn by visit take this") }
}

fn number(pointer: &'static str, count: i64) -> Result<(), Malformed> {
    if (1..=UNITS_MAX).contains(&count) { Ok(()) } else { malformed(pointer, format!("1 to {UNITS_MAX}")) }
}

fn amount(pointer: &'static str, amount_minor: i64, least: i64) -> Result<(), Malformed> {
    if (least..=AMOUNT_MAX_MINOR).contains(&amount_minor) {
        Ok(())
    } else {
        malformed(pointer, format!("{least} to {AMOUNT_MAX_MINOR} minor units"))
    }
}

fn check_items(items: &[Item]) -> Result<(), Malformed> {
    items.iter().try_for_each(|item| {
        amount("/items", item.amount_minor, 0)?;
        amount("/items", item.tax_minor.unwrap_or(0), 0)?;
        if (0..=1_000_000).contains(&item.quantity) { Ok(()) } else { malformed("/items", "quantity is 0 to 1000000") }
    })
}

fn check_sale(rules: &Rules, sale: &Sale) -> Result<(), Malformed> {
    amount("/amount_minor", sale.bill_minor, 0)?;
    check_items(&sale.items)?;
    let stamps = rules.kind.is_stamps();
    match &sale.redeem {
        None => Ok(()),
        Some(Redeem::Rewards(count)) if stamps => number("/redeem/rewards", *count),
        Some(Redeem::Rewards(_)) => malformed("/redeem/rewards", "this card redeems points, not rewards"),
        Some(Redeem::Reward { name, count }) => {
            let known = if stamps { rules.goal(name).is_some() } else { catalogue_has(rules, name) };
            if known { number("/redeem/count", *count) } else { malformed("/redeem/reward", "no reward of this name") }
        }
        Some(Redeem::Value(units)) => check_value(rules, *units),
        Some(Redeem::ValueMax | Redeem::ValueWithin(_)) if rules.money.is_some() => Ok(()),
        Some(Redeem::ValueMax | Redeem::ValueWithin(_)) => {
            malformed("/redeem/value", "\"max\" needs points that are money")
        }
    }
}

fn catalogue_has(rules: &Rules, name: &str) -> bool {
    rules.catalogue.iter().any(|reward| reward.name == name)
}

fn check_value(rules: &Rules, units: i64) -> Result<(), Malformed> {
    number("/redeem/value", units)?;
    if rules.money.is_some() {
        return Ok(());
    }
    match super::redeem::by_value(rules) {
        Some(reward) if units % reward.units.max(1) == 0 => Ok(()),
        Some(reward) => malformed("/redeem/value", format!("a multiple of {}", reward.units)),
        None => malformed("/redeem/value", "this card has no reward that goes by value"),
    }
}

/// The reward that `value` means on a card with a catalogue: the first that takes money off.
pub(super) fn first_off(rules: &Rules) -> Option<&crate::pure::program::rules::CatalogueReward> {
    rules.catalogue.iter().find(|reward| matches!(reward.worth, Worth::Off(_)))
}

fn sale_target(ask: &Ask, of: &Target, pointer: &'static str) -> Result<(), Malformed> {
    if super::refund::sale_meant(ask, of).is_some() {
        Ok(())
    } else {
        malformed(pointer, "no sale or purchase of this card has that number")
    }
}

fn void_target(history: &[Fact], of: &Target) -> Result<(), Malformed> {
    let Some(event) = super::void::event_of(history, of) else {
        return malformed("/of", "no entry of this card has that number");
    };
    let mut postings = history.iter().filter(|fact| fact.event == event).map(|fact| &fact.entry.posting);
    if postings.clone().any(|posting| posting.is_job() || matches!(posting, Posting::Void { .. })) {
        return malformed("/of", "voids and jobs cannot be voided");
    }
    // What was set aside comes back when the sale is completed or cancelled, and in no other way.
    if postings.all(|posting| matches!(posting, Posting::Hold { .. } | Posting::Release { .. })) {
        return malformed("/of", "a sale that is open is cancelled, not voided");
    }
    Ok(())
}
