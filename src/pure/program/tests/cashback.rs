//! P4, the cashback card, and its happy hour: W27 to W33.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, Lot};
use crate::pure::domain::*;
use crate::pure::program::*;

fn card_with(shop: &mut Shop, balance: i64, tx_amount_minor: i64) -> Serial {
    let card = shop.card();
    let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: balance }];
    let counters = Counters { tx_amount_minor, ltv_minor: tx_amount_minor, ..Counters::default() };
    shop.opening(card, Carried { lots, counters, first_earned: true, ..Carried::default() });
    card
}

fn buys(shop: &mut Shop, card: Serial, txn_id: &str, amount_minor: i64) -> i64 {
    shop.sale(card, txn_id, amount_minor, None).expect("a sale").verdict.earned
}

#[test]
fn w27_new() {
    let mut shop = Shop::new(reference::cashback3());
    let card = shop.card();
    assert_eq!(buys(&mut shop, card, "t-1", 12_000), 120);
    shop.is(card, "B 120 T 12000 V 1");
    let figures = shop.figures(card);
    assert_eq!((shop.tier(card).as_str(), figures.to_next_tier, figures.cashback_bp), ("L1", Some(38_000), Some(100)));
}

#[test]
fn w28_to_w31_levels_manual_and_the_cap() {
    let mut shop = Shop::new(reference::cashback3());
    let card = card_with(&mut shop, 480, 48_000);
    buys(&mut shop, card, "t-1", 5000);
    shop.is(card, "B 530 T 53000");
    assert_eq!(shop.tier(card), "L2");
    assert_eq!(buys(&mut shop, card, "t-2", 1250), 38, "0.375 is 0.38");
    shop.is(card, "B 568 T 54250 V 2");
    assert_eq!(shop.figures(card).to_next_tier, Some(145_750));
    let (earned, ltv) = (shop.standing(card).counters.earned, shop.standing(card).counters.ltv_minor);

    let done = shop.adjust(card, 2000, Some(10_000)).expect("W29");
    assert!(done.verdict.amounts_differ, "told, not refused");
    shop.is(card, &format!("B 2568 E {} LTV {} T 54250 V 3", earned + 2000, ltv + 10_000));
    assert_eq!(shop.tier(card), "L2");

    shop.adjust(card, -568, Some(568)).expect("W30");
    shop.is(card, &format!("B 2000 R 568 T 54250 LTV {} V 4", ltv + 10_000));

    let done = shop.sale(card, "t-3", 3000, Some(Redeem::ValueMax)).expect("W31");
    assert_eq!((done.verdict.discount_minor, done.verdict.earned), (1500, 45));
    shop.is(card, "B 545 R 2068 T 55750 V 5");
    let over = shop.sale(card, "t-4", 1001, Some(Redeem::Value(501))).unwrap_err();
    assert_eq!(over, Refusal::new(RefusalCode::RedeemCap).max(500), "half of 10.01, rounded down");
    let short = shop.sale(card, "t-4", 100, Some(Redeem::Value(546))).unwrap_err();
    assert_eq!(short, Refusal::new(RefusalCode::InsufficientBalance).max(545), "told before redeem_cap");
}

#[test]
fn w32_the_refund_that_crosses_back() {
    let mut shop = Shop::new(reference::cashback3());
    let card = card_with(&mut shop, 480, 48_000);
    buys(&mut shop, card, "t-1", 5000);
    shop.is(card, "B 530 T 53000");
    shop.refund(card, "t-1", None).expect("all of it");
    shop.is(card, "B 480 T 48000");
    assert_eq!((shop.tier(card).as_str(), shop.figures(card).to_next_tier), ("L1", Some(2000)));
}

#[test]
fn w33_happy_hour() {
    // The local time, what 40.00 earn.
    for (time, units) in [("13:59:59.999", 40), ("14:00", 120), ("14:30", 120), ("15:59:59", 120), ("16:00", 40)] {
        let mut shop = Shop::new(reference::cashback3_happy());
        shop.now(&format!("2026-05-04T{time}"));
        let card = shop.card();
        assert_eq!(buys(&mut shop, card, "t-1", 4000), units, "{time}");
        assert_eq!(shop.figures(card).cashback_bp, Some(100), "the figure is without campaigns");
    }
    let mut shop = Shop::new(reference::cashback3_happy());
    shop.now("2026-05-04T14:30");
    let card = shop.card();
    buys(&mut shop, card, "t-1", 4000);
    shop.now("2026-05-04T18:00");
    shop.refund(card, "t-1", Some(1000)).expect("at the stored rate");
    shop.is(card, "B 90");
    assert_eq!(shop.labels(card), ["points_added", "campaign_joined", "refund_of_amount_spent"]);
}
