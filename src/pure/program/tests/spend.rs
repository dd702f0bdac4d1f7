//! P2, the spend card: W11 to W16.

use super::shop::*;
use crate::pure::domain::entry::Counters;
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::*;

fn at_65(shop: &mut Shop) -> Serial {
    let card = shop.card();
    // 80.00 unlock the reward, 5.00 more: the state of W14.
    shop.purchase(card, 8000).expect("80.00");
    shop.purchase(card, 500).expect("5.00");
    shop.is(card, "T 8500 E 8 B 0 RA 1");
    shop.subtract(card, 2000, None).expect("20.00 taken back");
    card
}

#[test]
fn w11_to_w13_carry() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.purchase(card, 2700).expect("27.00");
    shop.is(card, "B 2 T 2700 LTV 2700 V 1");
    assert_eq!(shop.figures(card).carry_minor, Some(700));
    shop.purchase(card, 1300).expect("13.00");
    shop.is(card, "T 4000 B 4 E 4 LTV 4000 V 2");
    assert_eq!(shop.figures(card).carry_minor, Some(0));
    shop.subtract(card, 1500, None).expect("15.00 taken back");
    shop.is(card, "T 2500 LTV 2500 B 2 E 4 V 2");
    let rows = history(&shop.book, &shop.cards[&card].history);
    let last: Vec<_> = rows[2..].iter().map(|row| (row.label.name(), row.amount_minor, row.change)).collect();
    assert_eq!(last, [("refund_of_amount_spent", Some(-1500), 0), ("stamps_redeemed", None, -2)]);
}

#[test]
fn w14_subtract_behind_a_reward() {
    let mut shop = Shop::new(reference::spend10());
    let card = at_65(&mut shop);
    shop.is(card, "T 6500 S 2 B 0 RA 1 E 8 LTV 6500 D 0");
}

#[test]
fn w15_typing_error_and_repair() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    let done = shop.purchase(card, 25_000).expect("250.00 typed for 25.00");
    assert_eq!(done.verdict.earned, 25);
    shop.is(card, "RA 3 B 1");
    shop.subtract(card, 22_500, None).expect("225.00 taken back");
    shop.is(card, "T 2500 LTV 2500 S 22 B 0 RA 3");
    let why = RemoveReason::Correction;
    shop.act(card, &Command::RewardRemove { count: 3, amount_minor: 0, why }).expect("rewards removed");
    shop.is(card, "RA 0 RR 0");
    shop.adjust(card, 2, None).expect("two stamps");
    shop.is(card, "B 2 V 1");
}

#[test]
fn w16_debt_is_repaid_first() {
    let mut shop = Shop::new(reference::spend10_debt());
    let card = at_65(&mut shop);
    shop.is(card, "T 6500 S 0 D 2 B 0 RA 1 E 8");
    shop.purchase(card, 3500).expect("35.00");
    shop.is(card, "T 10000 B 2 E 12 D 0 S 0");
}

#[test]
fn typed_amounts_over_the_limit_need_a_manager_and_sales_do_not() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.purchase(card, 50_000).expect("500.00 exactly");
    assert_eq!(shop.purchase(card, 50_001).unwrap_err().code, RefusalCode::NeedsManager);
    assert_eq!(shop.subtract(card, 50_001, None).unwrap_err().code, RefusalCode::RefundExceeds, "first of the order");
    shop.sale(card, "t-1", 60_000, None).expect("a sale is not typed");
    assert_eq!(shop.subtract(card, 50_001, None).unwrap_err().code, RefusalCode::NeedsManager);
    shop.actor = Actor { approved_by: Some(StaffId(uuid::Uuid::nil())), ..cashier() };
    shop.subtract(card, 50_001, None).expect("approved by a manager");
    let both = Command::Purchase { amount_minor: 500, purchase_amount_minor: Some(400) };
    assert_eq!(shop.act(card, &both).unwrap_err().code, RefusalCode::AmountMismatch);
}

#[test]
fn an_amount_that_awards_no_stamp_is_an_order_but_no_visit() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.purchase(card, 999).expect("9.99");
    shop.is(card, "B 0 V 0 O 1 T 999");
    assert_eq!(shop.figures(card).average_order_minor, Some(999));
}

#[test]
fn rewards_on_a_bill_are_capped_by_started_fives_and_come_back_with_the_return() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.purchase(card, 24_000).expect("three rewards");
    shop.is(card, "B 0 RA 3");
    let over = shop.sale(card, "t-0", 900, Some(Redeem::Rewards(3))).unwrap_err();
    assert_eq!(over, Refusal::new(RefusalCode::RedeemCap).max(2));
    let more = shop.sale(card, "t-0", 900, Some(Redeem::Rewards(4))).unwrap_err();
    assert_eq!(more, Refusal::new(RefusalCode::NoReward).max(3), "no_reward comes before redeem_cap");
    let done = shop.sale(card, "t-1", 900, Some(Redeem::Rewards(2))).expect("the last lapses in part");
    assert_eq!((done.verdict.discount_minor, done.verdict.due_minor), (900, 0));
    shop.is(card, "B 0 RA 1 RR 2 T 24000 O 2 V 1");
    shop.refund(card, "t-1", None).expect("nothing was paid, the rewards come back");
    shop.is(card, "RA 3 RR 0 T 24000 O 2");
    assert_eq!(shop.refund(card, "t-1", None).unwrap_err(), Refusal::new(RefusalCode::RefundExceeds).max(0));
    let part = shop.sale(card, "t-2", 1500, Some(Redeem::Rewards(1))).expect("15.00 less 5.00");
    assert_eq!((part.verdict.due_minor, part.verdict.earned), (1000, 1));
    shop.is(card, "B 1 RA 2 T 25000 V 2");
    shop.refund(card, "t-2", Some(400)).expect("a part");
    shop.is(card, "B 0 RA 2 RR 1 T 24600");
    shop.refund(card, "t-2", None).expect("the rest");
    shop.is(card, "B 0 RA 3 RR 0 T 24000");
}

#[test]
fn an_expired_card_redeems_on_a_bill_and_earns_nothing() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.purchase(card, 8000).expect("a reward");
    shop.kept(card).facts.expires_on = Some(jiff::civil::date(2026, 5, 3));
    assert_eq!(shop.sale(card, "t-0", 3000, None).unwrap_err().code, RefusalCode::CardExpired);
    let done = shop.sale(card, "t-1", 3000, Some(Redeem::Rewards(1))).expect("taken");
    assert_eq!((done.verdict.due_minor, done.verdict.earned), (2500, 0));
    shop.is(card, "B 0 RA 0 RR 1 T 10500 LTV 10500 O 2 V 1");
}

#[test]
fn a_total_is_never_taken_below_zero() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    let counters = Counters { tx_amount_minor: 1000, stepped_minor: 1000, ..Counters::default() };
    shop.opening(card, stamps_before(1, counters));
    assert_eq!(shop.subtract(card, 1001, None).unwrap_err(), Refusal::new(RefusalCode::RefundExceeds).max(1000));
    shop.subtract(card, 1000, None).expect("all of it");
    shop.is(card, "T 0 B 0");
}
