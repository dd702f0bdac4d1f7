//! Open sales, quotes, transfers, merges, coupons.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, CouponTerms, Lot};
use crate::pure::domain::standing::CouponStage;
use crate::pure::domain::*;
use crate::pure::program::rules::{Consume, Goal, Worth};
use crate::pure::program::*;

fn with_rewards(shop: &mut Shop, count: i64) -> Serial {
    let card = shop.card();
    shop.opening(card, stamps_before(8 * count, Counters::default()));
    card
}

fn phase(
    shop: &mut Shop,
    card: Serial,
    bill_minor: i64,
    redeem: Option<Redeem>,
    phase: SalePhase,
) -> Result<Done, Refusal> {
    let sale = Sale { bill_minor, items: Vec::new(), redeem, phase };
    shop.act_in(card, &Command::Sale(sale), None, Some("o-1"))
}

#[test]
fn an_open_sale_sets_aside_what_it_redeems() {
    let mut shop = Shop::new(reference::spend10());
    let card = with_rewards(&mut shop, 2);
    let id = shop.sale_id();
    let one = || Some(Redeem::Rewards(1));
    let opened = phase(&mut shop, card, 3000, one(), SalePhase::Open(id)).expect("opened");
    assert_eq!((opened.verdict.due_minor, opened.verdict.entries.len()), (2500, 1));
    shop.is(card, "RA 1 RR 0 T 0");
    let two = shop.sale(card, "t-2", 3000, Some(Redeem::Rewards(2))).unwrap_err();
    assert_eq!(two, Refusal::new(RefusalCode::NoReward).max(1), "the other is set aside");
    let mut cancelled = shop.clone();
    cancelled.act(card, &Command::CancelSale { sale: id }).expect("cancelled");
    cancelled.is(card, "RA 2 RR 0 T 0");
    let nothing = cancelled.act(card, &Command::CancelSale { sale: id }).expect("nothing left to return");
    assert!(nothing.verdict.entries.is_empty());
    let done = phase(&mut shop, card, 3000, one(), SalePhase::Complete(id)).expect("completed");
    assert_eq!((done.verdict.due_minor, done.verdict.earned), (2500, 2));
    shop.is(card, "RA 1 RR 1 T 2500 B 2 O 1 V 1");
    assert!(shop.standing(card).held.is_empty());
}

#[test]
fn what_is_set_aside_does_not_lapse_until_it_comes_back() {
    let mut rules = reference::points();
    rules.lots = rules::LotExpiry::Days { days: 1 };
    let mut shop = Shop::new(rules);
    let card = shop.card();
    shop.sale(card, "t-1", 10_000, None).expect("100 points");
    shop.now("2026-05-05T23:50");
    let id = shop.sale_id();
    phase(&mut shop, card, 1000, Some(Redeem::Value(100)), SalePhase::Open(id)).expect("opened");
    shop.now("2026-05-06T00:01");
    let mut left = shop.clone();
    phase(&mut shop, card, 1000, Some(Redeem::Value(100)), SalePhase::Complete(id)).expect("completed");
    shop.is(card, "B 5 R 100 X 0");
    left.act(card, &Command::CancelSale { sale: id }).expect("cancelled");
    left.jobs();
    left.is(card, "B 0 R 0 X 100");
}

#[test]
fn a_quote_says_what_each_reward_is_worth_or_why_not() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: 220 }];
    shop.opening(card, Carried { lots, ..Carried::default() });
    let sale = Sale { bill_minor: 700, items: Vec::new(), redeem: None, phase: SalePhase::Now };
    let quoted = shop.ask(card, None, Some("t-1"), |ask| quote(ask, &sale));
    assert_eq!(quoted.outcome.as_ref().map(|verdict| (verdict.earned, verdict.due_minor)), Ok((7, 700)));
    let options: Vec<_> =
        quoted.options.iter().map(|option| (option.name.as_str(), option.value_minor, option.most)).collect();
    assert_eq!(options, [("off5", 500, 2), ("free_item", 0, 0)]);
    let why = quoted.options[1].refusal.clone();
    assert_eq!(why, Some(Refusal::new(RefusalCode::InsufficientBalance).max(220)));

    let mut shop = Shop::new(reference::cashback3());
    let card = shop.card();
    let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: 2000 }];
    shop.opening(card, Carried { lots, ..Carried::default() });
    let quoted = shop.ask(card, None, None, |ask| quote(ask, &Sale { bill_minor: 3001, ..sale }));
    assert_eq!((quoted.options[0].most, quoted.options[0].value_minor), (1500, 1500));
}

#[test]
fn a_transfer_moves_balance_and_rewards_and_nothing_else() {
    let mut shop = Shop::new(reference::cafe10());
    let (from, to) = (with_rewards(&mut shop, 2), shop.card());
    shop.is(from, "B 6 RA 1");
    shop.later_s(600);
    shop.tap(to).expect("one stamp and the first");
    let target = shop.cards[&to].facts.clone();
    let moved = shop.act(from, &Command::Transfer { to: target.clone() }).expect("moved");
    shop.is(from, "B 0 RA 0 RE 1 V 0");
    shop.is(to, "B 8 RA 1 E 2 V 1 RE 0");
    assert_eq!(shop.labels(to).last(), Some(&"transferred_in"));
    let mut again = shop.clone();
    again.redeem(to, 1).expect("used there");
    again.actor = manager();
    assert_eq!(again.void(from, moved.event).unwrap_err().code, RefusalCode::DependentRedeemed);
    shop.void(from, moved.event).expect("both sides");
    shop.is(from, "B 6 RA 1");
    shop.is(to, "B 2 RA 0");
    shop.kept(to).facts.deleted = true;
    let deleted = CardFacts { deleted: true, ..target };
    assert_eq!(shop.act(from, &Command::Transfer { to: deleted }).unwrap_err().code, RefusalCode::CardDeleted);
}

#[test]
fn a_merge_moves_totals_too_and_stamps_that_meet_unlock() {
    let mut shop = Shop::new(reference::cafe10());
    let (from, into) = (shop.card(), shop.card());
    let figures = Counters { earned: 6, visits: 4, ltv_minor: 900, ..Counters::default() };
    shop.opening(from, stamps_before(6, figures));
    shop.opening(into, stamps_before(7, Counters { earned: 7, visits: 5, ..Counters::default() }));
    let target = shop.cards[&into].facts.clone();
    shop.act(from, &Command::Merge { into: target }).expect("merged");
    shop.is(from, "B 0 E 0 V 0 LTV 0 RA 0");
    shop.is(into, "B 3 E 13 V 9 LTV 900 RA 1 RE 1");
}

#[test]
fn a_merge_takes_along_when_the_totals_rose_and_what_is_owed_meets_what_is_there() {
    let mut shop = Shop::new(reference::spend10_debt());
    shop.actor = manager();
    let (from, into) = (shop.card(), shop.card());
    shop.sale(from, "t-1", 8500, None).expect("a reward");
    shop.redeem(from, 1).expect("used");
    shop.refund(from, "t-1", Some(3000)).expect("stamps that are gone");
    let before = shop.standing(from).clone();
    assert_eq!(before.debt, 3);
    shop.later_s(86_400);
    shop.adjust(into, 5, None).expect("five stamps");
    let target = shop.cards[&into].facts.clone();
    shop.act(from, &Command::Merge { into: target }).expect("merged");
    let after = shop.standing(into);
    assert_eq!((after.debt, after.balance()), (0, 2));
    assert_eq!(after.last_reward_redeemed_ms, before.last_reward_redeemed_ms);
    assert_eq!((after.last_visit_ms, after.last_earned_ms), (before.last_visit_ms, Some(shop.at.ms)));
}

#[test]
fn what_was_bought_on_a_card_that_was_joined_is_brought_back_on_the_card_that_stays() {
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let (from, into) = (shop.card(), shop.card());
    shop.sale(from, "t-0", 60_000, None).expect("Silver");
    shop.sale(from, "t-1", 3333, None).expect("41 points");
    shop.refund(from, "t-1", Some(1000)).expect("a part before");
    let voided = shop.sale(from, "t-2", 500, None).expect("a sale").event;
    shop.void(from, voided).expect("a mistake");
    shop.is(from, "B 629");
    let target = shop.cards[&into].facts.clone();
    shop.act(from, &Command::Merge { into: target }).expect("merged");
    shop.is(into, "B 629 T 62333 Q 629");
    assert_eq!(shop.refund(into, "t-1", Some(2334)).unwrap_err(), Refusal::new(RefusalCode::RefundExceeds).max(2333));
    let part = shop.refund(into, "t-1", Some(1000)).expect("a part").event;
    let rest = shop.refund(into, "t-1", None).expect("the rest");
    shop.is(into, "B 600 T 60000 Q 600");
    assert_eq!(rest.verdict.entries.len(), 1);
    assert_eq!(shop.refund(into, "t-1", Some(1)).unwrap_err(), Refusal::new(RefusalCode::RefundExceeds).max(0));
    assert_eq!(shop.refund(into, "t-2", None).unwrap_err().code, RefusalCode::AlreadyVoided);
    // A part that was voided may come again, and all parts still sum to the award.
    shop.void(into, part).expect("a mistake");
    shop.refund(into, "t-1", Some(1000)).expect("the part again");
    shop.is(into, "B 600 T 60000 Q 600");
}

#[test]
fn the_most_of_an_open_sale_is_what_it_set_aside() {
    let mut shop = Shop::new(reference::cashback3());
    shop.actor = manager();
    let card = shop.card();
    shop.adjust(card, 300, None).expect("3.00");
    let id = shop.sale_id();
    let sale = |phase, bill_minor| {
        Command::Sale(Sale { bill_minor, items: Vec::new(), redeem: Some(Redeem::ValueMax), phase })
    };
    let opened = shop.act(card, &sale(SalePhase::Open(id), 2000)).expect("opened").verdict;
    assert_eq!((opened.due_minor, opened.redeemed), (1700, 300));
    shop.adjust(card, 400, None).expect("4.00 more");
    let mut smaller = shop.clone();
    let done = shop.act(card, &sale(SalePhase::Complete(id), 2000)).expect("completed").verdict;
    assert_eq!((done.due_minor, done.redeemed), (1700, 300));
    // A bill that became smaller takes less.
    let done = smaller.act(card, &sale(SalePhase::Complete(id), 400)).expect("completed").verdict;
    assert_eq!((done.due_minor, done.redeemed), (200, 200));
}

#[test]
fn the_most_that_may_be_redeemed_counts_rewards_of_every_name() {
    let goal = |at, name: &str, off| Goal { at, reward: name.to_owned(), worth: Worth::Off(off), ..Goal::default() };
    let goals = vec![goal(3, "small", 100), goal(6, "middle", 300), goal(9, "large", 500)];
    let mut shop = Shop::new(Rules { goals, consume: Consume::Redeem, ..reference::spend10() });
    shop.actor = manager();
    let card = shop.card();
    shop.sale(card, "t-1", 9000, None).expect("nine stamps, three rewards");
    let sale = |bill_minor| Sale { bill_minor, items: Vec::new(), redeem: None, phase: SalePhase::Now };
    for (bill, most) in [(1000, 3), (100, 1), (350, 2), (0, 0)] {
        let quoted = shop.ask(card, None, None, |ask| quote(ask, &sale(bill)));
        assert_eq!(quoted.most, most, "{bill}");
    }
}

#[test]
fn a_negative_balance_moves_as_well() {
    let mut shop = Shop::new(reference::points());
    let (from, to) = (shop.card(), shop.card());
    shop.sale(from, "t-1", 10_000, None).expect("100 points");
    shop.adjust(from, -60, None).expect("spent");
    shop.refund(from, "t-1", None).expect("returned");
    shop.is(from, "B -60");
    shop.sale(to, "t-2", 4000, None).expect("40 points");
    let target = shop.cards[&to].facts.clone();
    shop.act(from, &Command::Transfer { to: target }).expect("moved");
    shop.is(from, "B 0");
    shop.is(to, "B -20");
}

#[test]
fn coupons_are_assigned_claimed_used_and_counted_apart() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let coupon = |number| CouponId(uuid::Uuid::from_u128(number));
    let until = shop.at.end_of_day_ms(jiff::civil::date(2026, 5, 10));
    let terms = |entry| CouponTerms {
        name: "Welcome".to_owned(),
        value_minor: Some(300),
        reward: None,
        valid_until_ms: Some(until),
        entry,
    };
    let act = |shop: &mut Shop, number, act| shop.act(card, &Command::Coupon { coupon: coupon(number), act });
    act(&mut shop, 1, CouponAct::Assign(terms(false))).expect("assigned");
    act(&mut shop, 2, CouponAct::Assign(terms(true))).expect("assigned");
    act(&mut shop, 1, CouponAct::Claim).expect("claimed");
    let again = act(&mut shop, 1, CouponAct::Claim).unwrap_err();
    assert_eq!(again.code, RefusalCode::NoReward);
    act(&mut shop, 1, CouponAct::Use).expect("used");
    act(&mut shop, 2, CouponAct::Claim).expect("claimed");
    let counts = shop.standing(card).coupon_counts;
    assert_eq!((counts.coupons_claimed, counts.coupons_used), (1, 1));
    assert_eq!((counts.entry_claimed, counts.entry_used), (1, 0), "claimed is not used");
    shop.now("2026-05-11T00:00");
    assert_eq!(act(&mut shop, 2, CouponAct::Use).unwrap_err().code, RefusalCode::RewardExpired);
    act(&mut shop, 2, CouponAct::Withdraw).expect("withdrawn");
    assert_eq!(shop.standing(card).coupons[1].stage, CouponStage::Voided);
    let into = shop.card();
    let target = shop.cards[&into].facts.clone();
    shop.act(card, &Command::Merge { into: target }).expect("merged");
    assert!(shop.standing(card).coupons.is_empty());
    let there = shop.standing(into);
    assert_eq!((there.coupons.len(), there.coupon_counts.coupons_used, there.coupon_counts.entry_claimed), (2, 1, 1));
    let unknown = Command::Coupon { coupon: coupon(9), act: CouponAct::Use };
    assert_eq!(shop.ask(card, None, None, |ask| check(ask, &unknown)).unwrap_err().pointer, "/coupon");
}

#[test]
fn a_debt_that_was_transferred_comes_back_as_credit_when_its_refund_is_voided() {
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let (from, to) = (shop.card(), shop.card());
    shop.sale(from, "t-1", 10_000, None).expect("100 points");
    shop.adjust(from, -100, None).expect("spent");
    shop.sale(to, "t-2", 3_000, None).expect("30 points");
    let refunded = shop.refund(from, "t-1", None).expect("below zero");
    shop.is(from, "B -100");
    let target = shop.cards[&to].facts.clone();
    let moved = shop.act(from, &Command::Transfer { to: target }).expect("moved");
    shop.is(from, "B 0");
    shop.is(to, "B -70");
    // The other card paid what is owed no more: together they hold what they would without refund and transfer.
    let mut still = shop.clone();
    shop.void(from, refunded.event).expect("voided");
    shop.is(from, "B 100 E 100 R 100");
    shop.is(to, "B -70");
    // The transfer voided as well, both are as before it.
    shop.void(from, moved.event).expect("voided");
    shop.is(from, "B 0");
    shop.is(to, "B 30");
    // Not the other way round: without the transfer alone the balance would be below zero again.
    assert_eq!(still.void(from, moved.event).unwrap_err().code, RefusalCode::DependentRedeemed);
}

#[test]
fn units_brought_along_lapse_as_if_they_were_awarded_now() {
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let card = shop.card();
    let counters = Counters { earned: 250, visits: 3, ..Counters::default() };
    let carried = Carried { counters, first_earned: true, ..Carried::default() };
    shop.act(card, &Command::Opening { carried: Box::new(carried.clone()), units: 250 }).expect("taken");
    shop.is(card, "B 250 E 250 V 3 RA 0");
    assert_eq!(shop.labels(card), ["opening_balance"]);
    let end = shop.standing(card).lots[0].expires_ms;
    shop.adjust(card, 1, None).expect("given by hand");
    assert!(shop.standing(card).lots.iter().all(|lot| lot.expires_ms == end));
    shop.actor = cashier();
    let refused = shop.act(card, &Command::Opening { carried: Box::new(carried), units: 1 }).unwrap_err();
    assert_eq!(refused.code, RefusalCode::NeedsManager);
}
