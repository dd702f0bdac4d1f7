//! P1, the coffee card: W01 to W10.

use super::shop::*;
use crate::pure::domain::entry::Counters;
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::*;

fn cafe() -> Shop {
    Shop::new(reference::cafe10())
}

fn before(shop: &mut Shop, balance: i64, counters: Counters) -> Serial {
    let card = shop.card();
    shop.opening(card, stamps_before(balance, counters));
    card
}

/// A card with one reward unlocked by stamps, and nothing else on it.
fn with_reward(shop: &mut Shop) -> Serial {
    let card = before(shop, 9, Counters { visits: 8, ..Counters::default() });
    shop.tap(card).expect("the tenth stamp");
    shop.is(card, "B 0 RA 1 V 9");
    card
}

#[test]
fn w01_first_tap() {
    let mut shop = cafe();
    let card = shop.card();
    let done = shop.tap(card).expect("a first tap");
    shop.is(card, "B 2 E 2 V 1 RA 0");
    assert_eq!(done.verdict.earned, 2);
    assert_eq!(shop.labels(card), ["stamps_added", "bonus_first"]);
}

#[test]
fn w02_unlock() {
    let mut shop = cafe();
    let card = before(&mut shop, 8, Counters { earned: 8, visits: 7, ..Counters::default() });
    shop.stamps(card, 3).expect("three stamps");
    shop.is(card, "B 1 E 11 RA 1 RE 1 V 8");
    assert_eq!(shop.labels(card)[1..], ["stamps_added", "reward_redeemable"]);
    let rows = history(&shop.book, &shop.cards[&card].history);
    assert_eq!((rows[1].change, rows[2].change, rows[2].rewards_change), (3, -10, 1));
}

#[test]
fn w03_redeem() {
    let mut shop = cafe();
    let card = before(&mut shop, 10, Counters { visits: 9, ltv_minor: 4000, ..Counters::default() });
    shop.adjust(card, 1, None).expect("one stamp");
    shop.is(card, "B 1 RA 1 V 9 LTV 4000");
    shop.redeem(card, 1).expect("one reward");
    shop.is(card, "B 1 RA 0 RR 1 V 9 LTV 4000");
    assert_eq!(shop.redeem(card, 1).unwrap_err(), Refusal::new(RefusalCode::NoReward).max(0));
}

#[test]
fn w04_too_soon() {
    let mut shop = cafe();
    let card = before(&mut shop, 2, Counters::default());
    shop.tap(card).expect("earned");
    shop.is(card, "B 3 V 1");
    shop.later_s(20);
    assert_eq!(shop.tap(card).unwrap_err(), Refusal::new(RefusalCode::TooSoon).retry_after_s(40));
    shop.is(card, "B 3 V 1");
    shop.at.ms += 39_001;
    assert_eq!(shop.tap(card).unwrap_err(), Refusal::new(RefusalCode::TooSoon).retry_after_s(1), "rounded up");
    shop.at.ms += 999;
    shop.tap(card).expect("60 s exactly is enough");
}

#[test]
fn w05_daily_limit() {
    let mut shop = cafe();
    let card = before(&mut shop, 0, Counters::default());
    shop.stamps(card, 4).expect("four");
    shop.later_s(60);
    shop.stamps(card, 1).expect("the fifth");
    shop.later_s(60);
    assert_eq!(shop.stamps(card, 2).unwrap_err(), Refusal::new(RefusalCode::DailyLimit).allowed(1));
    shop.is(card, "B 5");
    shop.stamps(card, 1).expect("the sixth");
    shop.is(card, "B 6");
    shop.later_s(60);
    assert_eq!(shop.tap(card).unwrap_err(), Refusal::new(RefusalCode::DailyLimit).allowed(0));
    shop.now("2026-05-05T00:00");
    shop.tap(card).expect("the next local day is free again");
}

#[test]
fn one_visit_is_one_transaction_and_counts_once() {
    let mut shop = cafe();
    let card = before(&mut shop, 0, Counters::default());
    let visit = shop.visit();
    shop.act_in(card, &Command::Tap, Some(visit), None).expect("a tap");
    shop.later_s(5);
    let add = |count| Command::Stamps { count, adds_to_visit: true };
    let over = shop.act_in(card, &add(4), Some(visit), None).unwrap_err();
    assert_eq!(over, Refusal::new(RefusalCode::PerTransactionLimit).allowed(3));
    shop.act_in(card, &add(3), Some(visit), None).expect("three more coffees");
    shop.is(card, "B 4 V 1");
    let five = shop.act_in(card, &add(5), Some(visit), None).unwrap_err();
    assert_eq!(five, Refusal::new(RefusalCode::DailyLimit).allowed(0), "the day comes first in the order");
    let foreign = shop.visit();
    let refused = shop.act_in(card, &add(1), Some(foreign), None).unwrap_err();
    assert_eq!(refused.code, RefusalCode::TooSoon, "a visit that earned nothing is not added to");
}

#[test]
fn w06_referral() {
    let mut shop = cafe();
    let ann = before(&mut shop, 9, Counters::default());
    let ben = shop.card();
    shop.kept(ben).facts.referrer = Some(ann);
    let done = shop.tap(ben).expect("Ben's first tap");
    shop.is(ben, "B 3 V 1 REF 1");
    shop.is(ann, "B 1 RA 1 REF 2 V 0");
    assert_eq!(done.verdict.earned, 3);
    shop.later_s(60);
    shop.tap(ben).expect("Ben's second tap");
    shop.is(ann, "B 1 RA 1 REF 2 V 0");
    assert_eq!(shop.void(ben, done.event).map(|_| ()), Ok(()), "the referrer's bonus goes, too");
    shop.is(ann, "B 9 RA 0 REF 0 V 0");
    shop.is(ben, "B 1 V 1 REF 0");
}

#[test]
fn the_referrers_bonus_needs_a_live_card() {
    for deleted in [true, false] {
        let mut shop = cafe();
        let (ann, ben) = (shop.card(), shop.card());
        shop.kept(ben).facts.referrer = Some(ann);
        if deleted {
            shop.kept(ann).facts.deleted = true;
        } else {
            shop.kept(ann).facts.expires_on = Some(jiff::civil::date(2026, 5, 3));
        }
        shop.tap(ben).expect("Ben's first tap");
        shop.is(ben, "B 3 REF 1");
        shop.is(ann, "B 0 REF 0");
    }
}

#[test]
fn w07_remove_a_visit() {
    let mut shop = cafe();
    let card = before(&mut shop, 4, Counters { earned: 4, visits: 3, ..Counters::default() });
    shop.act(card, &Command::RemoveVisits { count: 1 }).expect("removed");
    shop.is(card, "B 3 V 2 E 4 LTV 0 RR 0");
    let rows = history(&shop.book, &shop.cards[&card].history);
    assert_eq!((rows[1].label, rows[1].change), (Label::StampsRedeemed, -1));
    let over = shop.act(card, &Command::RemoveVisits { count: 3 }).unwrap_err();
    assert_eq!(over, Refusal::new(RefusalCode::InsufficientBalance).max(2));
}

#[test]
fn w08_remove_visits_behind_a_reward() {
    let mut shop = cafe();
    let card = before(&mut shop, 9, Counters { visits: 9, ..Counters::default() });
    shop.tap(card).expect("the tenth stamp");
    shop.is(card, "B 0 RA 1 V 10");
    shop.act(card, &Command::RemoveVisits { count: 2 }).expect("removed");
    shop.is(card, "V 8 B 0 S 2 RA 1");
}

#[test]
fn w09_expired_card() {
    let mut shop = cafe();
    let card = before(&mut shop, 13, Counters::default());
    shop.adjust(card, 1, None).expect("unlocks");
    shop.is(card, "B 4 RA 1");
    shop.kept(card).facts.expires_on = Some(jiff::civil::date(2026, 5, 3));
    assert_eq!(shop.tap(card).unwrap_err(), RefusalCode::CardExpired.into());
    assert_eq!(shop.adjust(card, 1, None).unwrap_err(), RefusalCode::CardExpired.into());
    shop.is(card, "B 4");
    shop.redeem(card, 1).expect("rewards of an expired card may be used");
    shop.is(card, "RA 0 RR 1");
    shop.actor = manager();
    shop.adjust(card, 1, None).expect("a manager may");
    shop.actor = cashier();
    shop.trust = ClockTrust::Untrusted;
    shop.tap(card).expect("nothing expires by a clock that is not trusted");
    shop.trust = ClockTrust::Trusted;
    shop.later_s(60);
    shop.kept(card).facts.expires_on = Some(jiff::civil::date(2026, 5, 4));
    shop.tap(card).expect("the date is the last valid day");
}

#[test]
fn w10_reward_expired() {
    let mut shop = cafe();
    shop.now("2026-03-01T10:00");
    let card = with_reward(&mut shop);
    shop.now("2026-03-31T23:59:59.999");
    shop.jobs();
    shop.is(card, "RA 1");
    shop.now("2026-04-01T00:00");
    assert_eq!(shop.redeem(card, 1).unwrap_err(), Refusal::new(RefusalCode::RewardExpired).max(0));
    shop.is(card, "RA 0 RX 1 RR 0");
    shop.act(card, &Command::RewardAdd { count: 1, amount_minor: 0 }).expect("a new one");
    let why = RemoveReason::Correction;
    shop.act(card, &Command::RewardRemove { count: 1, amount_minor: 0, why }).expect("removed by hand");
    assert_eq!(shop.redeem(card, 1).unwrap_err().code, RefusalCode::NoReward, "the last to leave had not lapsed");
}

#[test]
fn nothing_lapses_while_the_clock_is_not_trusted() {
    let mut shop = cafe();
    let card = with_reward(&mut shop);
    shop.trust = ClockTrust::Untrusted;
    shop.now("2030-01-01T10:00");
    shop.redeem(card, 1).expect("the reward is still there");
}

#[test]
fn birthday_doubles_once_a_year_if_known_long_enough() {
    let birth = |known| Some(Birth { date: jiff::civil::date(2000, 2, 29), known_since: known });
    let known = jiff::civil::date(2026, 1, 29);
    // The day, since when the date is known, stamps for a tap.
    let cases = [
        ("2026-02-28T10:00", known, 2),
        ("2026-02-28T10:00", jiff::civil::date(2026, 1, 30), 1),
        ("2026-02-27T10:00", known, 1),
        ("2028-02-28T10:00", known, 1),
        ("2028-02-29T10:00", known, 2),
    ];
    for (day, known, stamps) in cases {
        let mut shop = cafe();
        let card = before(&mut shop, 0, Counters::default());
        shop.kept(card).facts.birth = birth(known);
        shop.now(day);
        shop.tap(card).expect("a tap");
        shop.is(card, &format!("B {stamps}"));
        shop.later_s(600);
        shop.tap(card).expect("another tap");
        shop.is(card, &format!("B {}", stamps + 1));
    }
    let mut shop = cafe();
    let card = before(&mut shop, 0, Counters::default());
    shop.kept(card).facts.birth = birth(known);
    for (day, balance) in [("2026-02-28T10:00", 2), ("2027-02-28T10:00", 4)] {
        shop.now(day);
        shop.tap(card).expect("a tap");
        shop.is(card, &format!("B {balance}"));
    }
}

#[test]
fn sales_and_purchases_earn_a_stamp_while_something_is_left_to_pay() {
    let mut shop = cafe();
    let card = before(&mut shop, 10, Counters::default());
    shop.sale(card, "t-1", 450, None).expect("a sale");
    shop.is(card, "B 1 RA 1 V 1 O 1 T 450 LTV 450");
    shop.later_s(1);
    let done = shop.sale(card, "t-2", 0, Some(Redeem::Rewards(1))).expect("a free coffee alone earns nothing");
    assert_eq!((done.verdict.due_minor, done.verdict.discount_minor, done.verdict.rewards_redeemed), (0, 0, 1));
    shop.is(card, "B 1 RA 0 RR 1 V 1 O 2 T 450");
    shop.later_s(60);
    shop.purchase(card, 300).expect("a purchase");
    shop.is(card, "B 2 V 2 O 3 T 750 LTV 750");
}
