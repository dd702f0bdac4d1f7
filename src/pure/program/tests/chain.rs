//! Two shops apart: W37 and what else two devices may do to one card, merged in either order.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, Lot};
use crate::pure::domain::*;
use crate::pure::program::*;

/// Two shops that both know the card as it was before the link broke.
fn apart(rules: Rules, before: impl FnOnce(&mut Shop) -> Serial) -> (Shop, Shop, Serial) {
    let mut first = Shop::new(rules);
    let card = before(&mut first);
    first.later_s(600);
    let mut second = first.clone();
    second.device = DeviceId(2);
    (first, second, card)
}

/// The hub's fold of both shops' facts, in either order and with repetitions.
fn hub(first: &Shop, second: &Shop, card: Serial) -> Standing {
    let (a, b) = (&first.cards[&card].history, &second.cards[&card].history);
    let one: Vec<Fact> = a.iter().chain(b).cloned().collect();
    let other: Vec<Fact> = b.iter().rev().chain(a).chain(b).cloned().collect();
    let standing = fold(&first.book, &one);
    assert_eq!(standing, fold(&first.book, &other), "no order of delivery changes the result");
    standing
}

fn rewarded(shop: &mut Shop) -> Serial {
    let card = shop.card();
    shop.opening(card, stamps_before(10, Counters::default()));
    shop.is(card, "B 0 RA 1");
    card
}

#[test]
fn w37_both_shops_redeem_the_one_reward() {
    let (mut first, mut second, card) = apart(reference::cafe10(), rewarded);
    first.redeem(card, 1).expect("in the first shop");
    second.later_s(5);
    second.redeem(card, 1).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.rewards_available(), merged.counters.rewards_redeemed, merged.overdraft), (0, 2, 1));
    second.later_s(60);
    second.act(card, &Command::RewardAdd { count: 1, amount_minor: 0 }).expect("by hand");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.rewards_available(), merged.overdraft), (1, 1), "one given by hand does not repay");
    for round in 0..3 {
        second.now(&format!("2026-05-{:02}T10:00", 5 + round));
        second.stamps(card, 4).expect("four stamps");
    }
    let merged = hub(&first, &second, card);
    assert_eq!((merged.rewards_available(), merged.counters.rewards_earned, merged.overdraft), (1, 3, 0));
    assert_eq!(merged.balance(), 2);
}

#[test]
fn points_overdrawn_are_repaid_by_the_next_points() {
    let with_points = |shop: &mut Shop| {
        let card = shop.card();
        let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: 120 }];
        shop.opening(card, Carried { lots, ..Carried::default() });
        card
    };
    let (mut first, mut second, card) = apart(reference::points(), with_points);
    first.sale(card, "a-1", 500, Some(Redeem::Value(100))).expect("in the first shop");
    second.later_s(5);
    second.sale(card, "b-1", 500, Some(Redeem::Value(100))).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.overdraft, merged.counters.redeemed), (0, 80, 200));
    second.later_s(60);
    second.sale(card, "b-2", 10_000, None).expect("100 points");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.overdraft, merged.counters.earned), (20, 0, 100));
}

#[test]
fn a_refund_beyond_its_sale_counts_up_to_it() {
    let sold = |shop: &mut Shop| {
        let card = shop.card();
        shop.sale(card, "t-1", 3333, None).expect("a sale");
        card
    };
    let (mut first, mut second, card) = apart(reference::points(), sold);
    first.refund(card, "t-1", Some(3000)).expect("in the first shop");
    second.later_s(5);
    second.refund(card, "t-1", None).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.counters.tx_amount_minor, merged.counters.qualifying), (0, 0, 0));
}

#[test]
fn a_refund_of_a_sale_voided_elsewhere_counts_not_at_all() {
    let sold = |shop: &mut Shop| {
        let card = shop.card();
        shop.sale(card, "t-0", 5000, None).expect("another sale");
        shop.sale(card, "t-1", 2000, None).expect("a sale");
        card
    };
    let (mut first, mut second, card) = apart(reference::points(), sold);
    let event = first.cards[&card].history.last().expect("the sale").event;
    first.void(card, event).expect("in the first shop");
    second.later_s(5);
    second.refund(card, "t-1", None).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.counters.tx_amount_minor, merged.counters.visits), (50, 5000, 1));
}

#[test]
fn visits_stop_at_zero_and_a_return_counts_once() {
    let visited = |shop: &mut Shop| {
        let card = shop.card();
        shop.opening(card, stamps_before(1, Counters { visits: 1, ..Counters::default() }));
        card
    };
    let (mut first, mut second, card) = apart(reference::cafe10(), visited);
    first.act(card, &Command::RemoveVisits { count: 1 }).expect("in the first shop");
    second.later_s(5);
    second.act(card, &Command::RemoveVisits { count: 1 }).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.counters.visits, merged.balance(), merged.counters.shortfall), (0, 0, 1));

    let sold = |shop: &mut Shop| {
        let card = shop.card();
        shop.purchase(card, 8000).expect("a reward");
        shop.sale(card, "t-1", 500, Some(Redeem::Rewards(1))).expect("used on a bill");
        card
    };
    let (mut first, mut second, card) = apart(reference::spend10(), sold);
    first.refund(card, "t-1", None).expect("in the first shop");
    second.later_s(5);
    second.refund(card, "t-1", None).expect("in the second shop");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.rewards_available(), merged.counters.rewards_redeemed), (1, 0));
}

#[test]
fn awards_keep_their_stored_number_after_a_merge() {
    let (mut first, mut second, card) = apart(reference::spend10(), |shop| shop.card());
    first.purchase(card, 600).expect("6.00: none");
    second.later_s(5);
    second.purchase(card, 600).expect("6.00: none");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.counters.tx_amount_minor), (0, 1200));
    second.later_s(5);
    second.purchase(card, 400).expect("4.00 on its own total of 6.00: one");
    let merged = hub(&first, &second, card);
    assert_eq!((merged.balance(), merged.counters.tx_amount_minor), (1, 1600));
}

#[test]
fn a_fact_that_is_not_the_latest_needs_the_whole_fold() {
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.tap(card).expect("a tap");
    let history = shop.cards[&card].history.clone();
    let mut standing = shop.standing(card).clone();
    for fact in &history {
        assert_eq!(apply(&shop.book, &mut standing, fact), Applied::NeedsFold);
    }
    assert_eq!(&standing, shop.standing(card));
}
