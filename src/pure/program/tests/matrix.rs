//! The effect matrix of RULES.md section 4: what each event moves, column by column, on a card of each kind.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, Lot};
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::*;

const COLUMNS: &str = "B E R T LTV V Q RA";

/// A card with something of everything: 500 units, one reward where it has them, 100.00 of transactions.
fn prepared(rules: Rules) -> (Shop, Serial) {
    let mut shop = Shop::new(rules);
    let card = shop.card();
    let stamps = shop.book.current().1.kind.is_stamps();
    let units = if stamps { 3 } else { 500 };
    let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units }];
    let counters = Counters { visits: 5, tx_amount_minor: 10_000, stepped_minor: 10_000, ..Counters::default() };
    shop.opening(card, Carried { lots, counters, first_earned: true, ..Carried::default() });
    shop.actor = manager();
    if stamps {
        shop.act(card, &Command::RewardAdd { count: 1, amount_minor: 0 }).expect("a reward");
    }
    shop.later_s(3600);
    (shop, card)
}

fn figures(shop: &Shop, card: Serial) -> Vec<i64> {
    let line = shop.line(card, COLUMNS);
    line.split_whitespace().skip(1).step_by(2).map(|figure| figure.parse().expect("a number")).collect()
}

/// Runs the command and compares the change of each column, then voids it and compares with before.
#[track_caller]
fn moves(rules: Rules, what: &str, act: impl FnOnce(&mut Shop, Serial) -> Result<Done, Refusal>, expected: [i64; 8]) {
    let (mut shop, card) = prepared(rules);
    let (before, standing) = (figures(&shop, card), shop.standing(card).clone());
    let done = act(&mut shop, card).unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
    let change: Vec<i64> = figures(&shop, card).iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(change, expected, "{what}: {COLUMNS}");
    shop.void(card, done.event).unwrap_or_else(|refusal| panic!("void of {what}: {refusal:?}"));
    let mut after = shop.standing(card).clone();
    (after.last_key, after.facts) = (standing.last_key, standing.facts);
    assert_eq!(after, standing, "void of {what}: exact inverse of every column");
}

fn value(units: i64) -> Option<Redeem> {
    Some(Redeem::Value(units))
}

#[test]
fn purchases_stamps_and_sales() {
    use reference::*;
    moves(cafe10(), "purchase on a visit card", |s, c| s.purchase(c, 700), [1, 1, 0, 700, 700, 1, 1, 0]);
    moves(spend10(), "purchase on a spend card", |s, c| s.purchase(c, 2000), [2, 2, 0, 2000, 2000, 1, 2, 0]);
    moves(spend10(), "purchase without a full step", |s, c| s.purchase(c, 900), [0, 0, 0, 900, 900, 0, 0, 0]);
    moves(spend10(), "purchase that unlocks", |s, c| s.purchase(c, 6000), [-2, 6, 0, 6000, 6000, 1, 6, 1]);
    moves(points(), "purchase on a points card", |s, c| s.purchase(c, 2000), [20, 20, 0, 2000, 2000, 1, 20, 0]);
    moves(points(), "purchase that awards 0", |s, c| s.purchase(c, 99), [0, 0, 0, 99, 99, 1, 0, 0]);
    moves(cashback3(), "purchase on a cashback card", |s, c| s.purchase(c, 2000), [20, 20, 0, 2000, 2000, 1, 20, 0]);
    moves(cafe10(), "stamps", |s, c| s.stamps(c, 3), [3, 3, 0, 0, 0, 1, 3, 0]);
    moves(cafe10(), "tap", |s, c| s.tap(c), [1, 1, 0, 0, 0, 1, 1, 0]);
    moves(
        points(),
        "points spent on a bill",
        |s, c| s.sale(c, "x", 2000, value(100)),
        [-85, 15, 100, 1500, 1500, 1, 15, 0],
    );
    moves(
        cashback3(),
        "money spent on a bill",
        |s, c| s.sale(c, "x", 1000, value(500)),
        [-495, 5, 500, 500, 500, 1, 5, 0],
    );
    let reward = || Some(Redeem::Rewards(1));
    moves(spend10(), "reward used on a bill", |s, c| s.sale(c, "x", 2500, reward()), [2, 2, 0, 2000, 2000, 1, 2, -1]);
    moves(cafe10(), "coffee left off the bill", |s, c| s.sale(c, "x", 0, reward()), [0, 0, 0, 0, 0, 0, 0, -1]);
}

#[test]
fn bonuses() {
    let mut rules = reference::cafe10();
    rules.campaigns =
        vec![Campaign { name: "spring".into(), multiplier_percent: 100, bonus: 2, ..Campaign::default() }];
    moves(rules.clone(), "campaign bonus", |s, c| s.tap(c), [3, 3, 0, 0, 0, 1, 1, 0]);
    rules.campaigns[0] = Campaign { name: "double".into(), multiplier_percent: 200, ..Campaign::default() };
    moves(rules, "campaign multiplier on stamps", |s, c| s.stamps(c, 3), [6, 6, 0, 0, 0, 1, 3, 0]);
    let birthday = |s: &mut Shop, c: Serial| {
        let today = s.at.date();
        s.kept(c).facts.birth = Some(Birth { date: today, known_since: jiff::civil::date(2026, 1, 1) });
        s.stamps(c, 2)
    };
    moves(reference::cafe10(), "birthday", birthday, [4, 4, 0, 0, 0, 1, 2, 0]);
}

#[test]
fn entries_by_hand() {
    use reference::*;
    moves(cafe10(), "plus on stamps", |s, c| s.adjust(c, 2, Some(900)), [2, 2, 0, 0, 900, 0, 0, 0]);
    moves(cafe10(), "plus that unlocks", |s, c| s.adjust(c, 8, None), [-2, 8, 0, 0, 0, 0, 0, 1]);
    moves(points(), "plus on points", |s, c| s.adjust(c, 40, Some(900)), [40, 40, 0, 0, 900, 0, 0, 0]);
    moves(cashback3(), "plus on cashback", |s, c| s.adjust(c, 40, Some(900)), [40, 40, 0, 0, 900, 1, 0, 0]);
    moves(points(), "minus on points", |s, c| s.adjust(c, -40, Some(900)), [-40, 0, 40, 0, 0, 0, 0, 0]);
    moves(cashback3(), "minus on cashback", |s, c| s.adjust(c, -40, Some(40)), [-40, 0, 40, 0, 0, 1, 0, 0]);
    moves(cafe10(), "minus on stamps", |s, c| s.adjust(c, -2, Some(900)), [-2, 0, 0, 0, 0, 0, 0, 0]);
    let remove = |count| move |s: &mut Shop, c: Serial| s.act(c, &Command::RemoveVisits { count });
    moves(cafe10(), "remove visits", remove(2), [-2, 0, 0, 0, 0, -2, 0, 0]);
    moves(cafe10(), "remove visits, clamped", remove(4), [-3, 0, 0, 0, 0, -4, 0, 0]);
    let add = |s: &mut Shop, c: Serial| s.act(c, &Command::RewardAdd { count: 2, amount_minor: 700 });
    moves(spend10(), "reward +", add, [0, 0, 0, 0, 700, 0, 0, 2]);
    for why in [RemoveReason::Redeem, RemoveReason::Correction, RemoveReason::Expired] {
        let take = |s: &mut Shop, c: Serial| s.act(c, &Command::RewardRemove { count: 1, amount_minor: 700, why });
        moves(spend10(), why.name(), take, [0, 0, 0, 0, 0, 0, 0, -1]);
    }
}

#[test]
fn refunds_and_returns() {
    use reference::*;
    let refunded = |rules: Rules, bill: i64, redeem: Option<Redeem>, part: Option<i64>, expected: [i64; 8]| {
        let what = format!("refund of {part:?} of {bill}");
        let (mut shop, card) = prepared(rules);
        shop.sale(card, "x", bill, redeem).expect("the sale");
        let before = figures(&shop, card);
        shop.refund(card, "x", part).expect("the refund");
        let change: Vec<i64> = figures(&shop, card).iter().zip(&before).map(|(after, before)| after - before).collect();
        assert_eq!(change, expected, "{what}: {COLUMNS}");
    };
    refunded(points(), 2050, None, None, [-20, 0, 0, -2050, -2050, 0, -20, 0]);
    refunded(points(), 2050, None, Some(60), [-1, 0, 0, -60, -60, 0, -1, 0]);
    refunded(cashback3(), 2000, None, None, [-20, 0, 0, -2000, -2000, 0, -20, 0]);
    refunded(cafe10(), 2000, None, Some(1999), [0, 0, 0, -1999, -1999, 0, 0, 0]);
    refunded(cafe10(), 2000, None, None, [-1, 0, 0, -2000, -2000, 0, -1, 0]);
    refunded(spend10(), 2000, None, Some(1), [-1, 0, 0, -1, -1, 0, -1, 0]);
    refunded(points(), 2000, value(100), None, [85, 0, -100, -1500, -1500, 0, -15, 0]);
    refunded(points(), 2000, value(100), Some(1000), [-10, 0, 0, -1000, -1000, 0, -10, 0]);
    refunded(spend10(), 2500, Some(Redeem::Rewards(1)), None, [-2, 0, 0, -2000, -2000, 0, -2, 1]);
    moves(spend10(), "subtract", |s, c| s.subtract(c, 1500, None), [-2, 0, 0, -1500, -1500, 0, -2, 0]);
}

#[test]
fn jobs_move_what_is_left_and_nothing_else() {
    let mut shop = Shop::new(reference::points_pending14());
    let card = shop.card();
    shop.sale(card, "x", 4000, None).expect("pending");
    let change = |shop: &mut Shop, day: &str, expected: [i64; 8]| {
        let before = figures(shop, card);
        shop.now(day);
        shop.jobs();
        let change: Vec<i64> = figures(shop, card).iter().zip(&before).map(|(after, before)| after - before).collect();
        assert_eq!(change, expected, "{day}: {COLUMNS}");
    };
    change(&mut shop, "2026-05-18T00:00", [40, 40, 0, 0, 0, 0, 40, 0]);
    change(&mut shop, "2027-05-05T00:00", [-40, 0, 0, 0, 0, 0, 0, 0]);
    let (mut shop, card) = prepared(reference::cafe10());
    let before = figures(&shop, card);
    shop.now("2026-06-04T00:00");
    shop.jobs();
    let change: Vec<i64> = figures(&shop, card).iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(change, [0, 0, 0, 0, 0, 0, 0, -1]);
    shop.is(card, "RX 1 RR 0");
}
