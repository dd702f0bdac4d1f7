//! P3, the points card, and its pending variant: W17 to W26 and W34 to W36.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, Lot};
use crate::pure::domain::*;
use crate::pure::program::*;

fn card_with(shop: &mut Shop, balance: i64, counters: Counters) -> Serial {
    let card = shop.card();
    let expires_ms = shop.at.end_of_day_ms(jiff::civil::date(2027, 1, 31));
    let lots = vec![Lot { expires_ms, since_ms: shop.at.ms, units: balance }];
    shop.opening(card, Carried { lots, counters, first_earned: true, ..Carried::default() });
    card
}

fn qualified(qualifying: i64) -> Counters {
    Counters { qualifying, ..Counters::default() }
}

/// Buys and names it for a later refund.
fn buys(shop: &mut Shop, card: Serial, txn_id: &str, amount_minor: i64) -> i64 {
    shop.sale(card, txn_id, amount_minor, None).expect("a sale").verdict.earned
}

#[test]
fn w17_one_floor_at_the_end() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    assert_eq!(buys(&mut shop, card, "t-1", 4999), 49);
    shop.is(card, "B 49 LTV 4999 Q 49 V 1");
}

#[test]
fn w18_the_event_that_crosses_earns_at_the_old_rate() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 480, qualified(480));
    assert_eq!(shop.tier(card), "Bronze");
    buys(&mut shop, card, "t-1", 6000);
    shop.is(card, "B 540 Q 540");
    assert_eq!(shop.tier(card), "Silver");
    buys(&mut shop, card, "t-2", 6000);
    shop.is(card, "B 615 Q 615");
    assert_eq!(shop.figures(card).to_next_tier, Some(885));
}

#[test]
fn w19_a_full_refund_takes_the_stored_award_and_the_tier() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 480, qualified(480));
    buys(&mut shop, card, "t-1", 6000);
    assert_eq!(shop.tier(card), "Silver");
    shop.refund(card, "t-1", None).expect("all of it");
    shop.is(card, "B 480 Q 480");
    assert_eq!(shop.tier(card), "Bronze");
    let changed = history(&shop.book, &shop.cards[&card].history);
    let tiers: Vec<_> =
        changed.iter().filter(|row| row.label == Label::TierChanged).map(|row| row.names.clone()).collect();
    assert_eq!(tiers, [["Bronze", "Silver"], ["Silver", "Bronze"]]);
}

#[test]
fn w20_parts_sum_to_the_award() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 600, qualified(600));
    assert_eq!(buys(&mut shop, card, "t-1", 3333), 41);
    shop.refund(card, "t-1", Some(1000)).expect("10.00");
    shop.is(card, "B 629 Q 629");
    assert_eq!(shop.refund(card, "t-1", Some(2334)).unwrap_err(), Refusal::new(RefusalCode::RefundExceeds).max(2333));
    shop.refund(card, "t-1", Some(2333)).expect("23.33");
    shop.is(card, "B 600 Q 600 T 0 V 1 O 1");
}

#[test]
fn w21_w22_points_on_a_bill_and_its_return() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 130, Counters::default());
    let off5 = Redeem::Reward { name: "off5".to_owned(), count: 1 };
    let done = shop.sale(card, "t-1", 2000, Some(off5)).expect("20.00 less 5.00");
    assert_eq!((done.verdict.due_minor, done.verdict.discount_minor), (1500, 500));
    assert_eq!((done.verdict.earned, done.verdict.redeemed), (15, 100));
    shop.is(card, "B 45 R 100 LTV 1500 V 1");
    shop.refund(card, "t-1", None).expect("the whole bill");
    shop.is(card, "B 130 R 0 LTV 0 T 0 V 1");
    // The refund took the earliest lot first, like any debit; the 100 went back to the lot they came from.
    let lots: Vec<_> = shop.standing(card).lots.iter().map(|lot| (lot.expires_ms, lot.units)).collect();
    let end = |year, month, day| shop.at.end_of_day_ms(jiff::civil::date(year, month, day));
    assert_eq!(lots, [(end(2027, 1, 31), 115), (end(2027, 5, 4), 15)]);
}

#[test]
fn points_that_had_lapsed_come_back_for_seven_days() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 100, Counters::default());
    shop.now("2027-01-30T12:00");
    shop.sale(card, "t-1", 2000, Some(Redeem::Value(100))).expect("as off5");
    shop.now("2027-02-20T12:00");
    shop.refund(card, "t-1", None).expect("the whole bill");
    shop.is(card, "B 100 R 0");
    shop.now("2027-02-27T23:59");
    shop.jobs();
    shop.is(card, "B 100");
    shop.now("2027-02-28T00:00");
    shop.jobs();
    shop.is(card, "B 0 X 100");
}

fn two_lots(shop: &mut Shop) -> Serial {
    let card = shop.card();
    shop.now("2026-05-30T12:00");
    let lot = |shop: &Shop, month, units| {
        let expires_ms = shop.at.end_of_day_ms(jiff::civil::date(2026, month, 30));
        Lot { expires_ms, since_ms: shop.at.ms, units }
    };
    let lots = vec![lot(shop, 6, 100), lot(shop, 9, 80)];
    shop.opening(card, Carried { lots, counters: qualified(180), ..Carried::default() });
    shop.now("2026-06-15T12:00");
    card
}

#[test]
fn w23_debits_take_the_earliest_lot() {
    let mut shop = Shop::new(reference::points());
    let card = two_lots(&mut shop);
    shop.adjust(card, -120, None).expect("manual minus");
    shop.is(card, "B 60 R 120");
    for (day, figures) in
        [("2026-07-01T00:00", "B 60 X 0"), ("2026-09-30T23:59", "B 60 X 0"), ("2026-10-01T00:00", "B 0 X 60")]
    {
        shop.now(day);
        shop.jobs();
        shop.is(card, figures);
    }
}

#[test]
fn w24_a_job_moves_what_is_left_of_a_lot() {
    let mut shop = Shop::new(reference::points());
    let card = two_lots(&mut shop);
    assert_eq!(shop.figures(card).next_expiry.map(|next| next.amount), Some(100));
    shop.adjust(card, -30, None).expect("manual minus");
    let next = shop.figures(card).next_expiry.expect("a lot");
    assert_eq!((next.amount, next.at_ms), (70, moment("2026-07-01T00:00").ms));
    shop.now("2026-07-01T08:00");
    shop.jobs();
    shop.is(card, "B 80 Q 180 X 70");
}

#[test]
fn w25_pending() {
    let mut shop = Shop::new(reference::points_pending14());
    shop.now("2026-05-01T10:00");
    let card = shop.card();
    buys(&mut shop, card, "t-1", 4000);
    shop.is(card, "P 40 B 0 E 0 Q 0 V 1 LTV 4000 T 4000");
    shop.now("2026-05-05T10:00");
    shop.refund(card, "t-1", Some(1000)).expect("10.00");
    shop.is(card, "P 30 B 0 Q 0 T 3000");
    shop.now("2026-05-14T23:59:59");
    shop.jobs();
    shop.is(card, "P 30 B 0");
    shop.now("2026-05-15T00:00");
    shop.jobs();
    shop.is(card, "P 0 B 30 E 30 Q 30");
    let ends = shop.standing(card).lots[0].expires_ms;
    assert_eq!(ends, shop.at.end_of_day_ms(jiff::civil::date(2027, 5, 1)), "365 days count from the award");
}

#[test]
fn points_that_ripened_count_from_their_day_and_stay_with_their_purchase_until_then() {
    let mut shop = Shop::new(reference::points_pending14());
    shop.now("2026-05-01T10:00");
    let (card, other) = (shop.card(), shop.card());
    buys(&mut shop, card, "t-1", 4000);
    let to = shop.cards[&other].facts.clone();
    shop.act(card, &Command::Transfer { to }).expect("nothing to move yet");
    shop.is(card, "P 40");
    for look in ["2026-05-15T07:00", "2026-05-20T10:00"] {
        shop.now(look);
        let settled = shop.ask(card, None, None, |ask| settled(ask.book, ask.card, ask.standing, ask.at, ask.trust));
        assert_eq!(settled.last_earned_ms, Some(moment("2026-05-15T00:00").ms), "{look}");
    }
    shop.jobs();
    assert_eq!(shop.standing(card).last_earned_ms, Some(moment("2026-05-15T00:00").ms));
    shop.is(card, "P 0 B 40 Q 40");
    shop.is(other, "P 0 B 0 Q 0");
}

#[test]
fn a_tills_number_is_one_visit_and_one_order_for_35_days_and_another_from_then_on() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    buys(&mut shop, card, "t-1", 1000);
    let mut early = shop.clone();
    early.at.ms += 35 * 86_400_000 - 1;
    buys(&mut early, card, "t-1", 1000);
    early.is(card, "V 1 O 1");
    shop.at.ms += 35 * 86_400_000;
    buys(&mut shop, card, "t-1", 1000);
    shop.is(card, "V 2 O 2");
}

#[test]
fn pending_that_ripened_and_ended_during_days_off_is_counted_and_lapses() {
    let mut shop = Shop::new(reference::points_pending14());
    let card = shop.card();
    buys(&mut shop, card, "t-1", 4000);
    shop.now("2028-01-01T10:00");
    shop.jobs();
    shop.is(card, "P 0 B 0 E 40 Q 40 X 40");
    assert!(shop.ask(card, None, None, |ask| due(ask.book, ask.card, ask.standing, ask.at, ask.trust)).is_empty());
}

#[test]
fn w26_negative_by_a_refund() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    buys(&mut shop, card, "t-1", 10_000);
    shop.is(card, "B 100 Q 100");
    shop.sale(card, "t-2", 2000, Some(Redeem::Value(100))).expect("redeems 100");
    shop.is(card, "B 15 Q 115");
    shop.refund(card, "t-1", None).expect("all of it");
    shop.is(card, "B -85 Q 15");
    buys(&mut shop, card, "t-3", 6000);
    shop.is(card, "B -25 Q 75");
    let refused = shop.sale(card, "t-4", 2000, Some(Redeem::Value(100))).unwrap_err();
    assert_eq!(refused, Refusal::new(RefusalCode::InsufficientBalance).max(0));
}

#[test]
fn w34_manual_points() {
    let mut shop = Shop::new(reference::points());
    let counters = Counters { earned: 80, ltv_minor: 5000, visits: 3, qualifying: 7, ..Counters::default() };
    let card = card_with(&mut shop, 80, counters);
    for reason in [reason::Reason::Compensation, reason::Reason::Purchase] {
        let mut shop = shop.clone();
        let command = Command::Adjust { value: 100, purchase_amount_minor: None, reason: Some(reason) };
        shop.act(card, &command).expect("manual plus");
        shop.is(card, "B 180 E 180 LTV 5000 V 3 Q 7");
        let rows = history(&shop.book, &shop.cards[&card].history);
        let row = rows.last().expect("a row");
        assert_eq!((row.source, row.change, row.balance), (history::Source::Manual, 100, 180));
        assert_eq!(row.expires_ms, Some(shop.at.end_of_day_ms(jiff::civil::date(2027, 5, 4))));
    }
}

#[test]
fn w35_a_minus_below_zero_is_refused_with_the_most() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 30, Counters::default());
    let refused = shop.adjust(card, -50, None).unwrap_err();
    assert_eq!(refused, Refusal::new(RefusalCode::InsufficientBalance).max(30));
    shop.is(card, "B 30 R 0");
    assert_eq!(shop.labels(card), ["opening_balance"]);
}

/// W36 is the till's (idempotency); here: the same sale counts one visit and one order, whatever is posted with its number.
#[test]
fn w36_one_transaction_counts_once() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    buys(&mut shop, card, "t-1", 2500);
    buys(&mut shop, card, "t-1", 2500);
    shop.is(card, "B 50 V 1 O 1 LTV 5000");
    shop.now("2026-06-08T09:00:01");
    buys(&mut shop, card, "t-1", 2500);
    shop.is(card, "V 2 O 2");
}

#[test]
fn caps_of_the_catalogue() {
    let mut shop = Shop::new(reference::points());
    let card = card_with(&mut shop, 600, Counters::default());
    let reward = |name: &str, count| Some(Redeem::Reward { name: name.to_owned(), count });
    // The bill, what is asked, what comes of it.
    let cases = [
        (900, reward("off5", 2), Ok((900, 200))),
        (900, reward("off5", 3), Err(Refusal::new(RefusalCode::RedeemCap).max(2))),
        (900, Some(Redeem::Value(300)), Err(Refusal::new(RefusalCode::RedeemCap).max(200))),
        (900, reward("free_item", 2), Ok((0, 500))),
        (0, reward("free_item", 1), Ok((0, 250))),
        (0, reward("off5", 1), Err(Refusal::new(RefusalCode::RedeemCap).max(0))),
        (900, reward("free_item", 3), Err(Refusal::new(RefusalCode::InsufficientBalance).max(600))),
        (100, reward("off5", 7), Err(Refusal::new(RefusalCode::InsufficientBalance).max(600))),
    ];
    for (bill, redeem, expected) in cases {
        let mut shop = shop.clone();
        let done = shop.sale(card, "t-1", bill, redeem.clone());
        let told = done.map(|done| (done.verdict.discount_minor, done.verdict.redeemed));
        assert_eq!(told, expected, "{bill} {redeem:?}");
    }
}
