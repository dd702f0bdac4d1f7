//! Voids: the window, the till, what stands against them, and that they restore exactly.

use super::shop::*;
use crate::pure::domain::entry::Counters;
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::rules::{ByAmount, Earn};
use crate::pure::program::*;

fn refused(shop: &mut Shop, card: Serial, event: EventId) -> RefusalCode {
    shop.void(card, event).unwrap_err().code
}

#[test]
fn a_till_takes_back_what_it_posted_for_ten_minutes_and_a_manager_at_any_time() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let sold = shop.sale(card, "t-1", 2500, None).expect("a sale").event;
    shop.actor.till = Some(till("till-2"));
    assert_eq!(refused(&mut shop, card, sold), RefusalCode::NeedsManager, "another till");
    shop.actor = cashier();
    shop.at.ms += 600_001;
    assert_eq!(refused(&mut shop, card, sold), RefusalCode::VoidWindowPassed);
    shop.at.ms -= 1;
    shop.void(card, sold).expect("600 s are within");
    shop.is(card, "B 0 E 0 V 0 O 0 T 0 LTV 0 Q 0");
    assert_eq!(refused(&mut shop, card, sold), RefusalCode::AlreadyVoided);
    assert_eq!(shop.refund(card, "t-1", None).unwrap_err().code, RefusalCode::AlreadyVoided);
    let again = shop.sale(card, "t-2", 2500, None).expect("a sale").event;
    shop.now("2027-01-01T10:00");
    shop.actor = manager();
    shop.void(card, again).expect("a manager, at any time");
}

#[test]
fn a_used_reward_stands_against_the_void_of_what_unlocked_it() {
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.opening(card, stamps_before(9, Counters::default()));
    let tenth = shop.tap(card).expect("unlocks").event;
    shop.redeem(card, 1).expect("used");
    assert_eq!(refused(&mut shop, card, tenth), RefusalCode::DependentRedeemed);
    // One removed as a correction was not used.
    shop.now("2026-05-05T10:00");
    shop.stamps(card, 4).expect("four");
    shop.now("2026-05-06T10:00");
    shop.stamps(card, 4).expect("eight");
    shop.now("2026-05-07T10:00");
    let unlocks = shop.stamps(card, 2).expect("ten").event;
    let why = RemoveReason::Correction;
    shop.act(card, &Command::RewardRemove { count: 1, amount_minor: 0, why }).expect("a correction");
    shop.void(card, unlocks).expect("nothing was used");
    shop.is(card, "B 8 RA 0 RR 1 RE 1");
}

#[test]
fn rewards_are_used_earliest_first_so_a_later_unlock_can_be_voided() {
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.opening(card, stamps_before(10, Counters::default()));
    shop.later_s(3600);
    shop.actor = manager();
    let second = shop.adjust(card, 10, None).expect("unlocks another").event;
    shop.is(card, "RA 2");
    shop.redeem(card, 1).expect("the older is used");
    shop.void(card, second).expect("its own reward was not");
    shop.is(card, "RA 0 RR 1 B 0");
}

#[test]
fn parts_sum_to_the_award_also_when_one_between_them_was_voided() {
    // Rules, what was bought before and on the sale; the parts; the balance in the end, in which no bonus was taken back.
    let steps = Rules {
        earn: Earn {
            by_amount: ByAmount::Steps { step_minor: 1000, units_per_step: 1, carry: false },
            ..reference::spend10().earn
        },
        ..reference::spend10()
    };
    let cases = [
        (reference::cafe10(), 0, 3500, [1000, 2500], 1),
        (steps, 0, 3500, [600, 2900], 0),
        (reference::points(), 60_000, 333, [19, 314], 600),
    ];
    for (rules, before, bill, [first, second], balance) in cases {
        let mut shop = Shop::new(rules);
        shop.actor = manager();
        let card = shop.card();
        if before > 0 {
            shop.sale(card, "t-0", before, None).expect("a sale");
        }
        shop.sale(card, "t-1", bill, None).expect("a sale");
        let part = shop.refund(card, "t-1", Some(first)).expect("a part").event;
        shop.refund(card, "t-1", Some(second)).expect("the rest");
        shop.void(card, part).expect("the part was a mistake");
        shop.refund(card, "t-1", Some(first)).expect("it was none");
        shop.is(card, &format!("B {balance} T {before}"));
        assert_eq!(shop.standing(card).counters.qualifying, if before > 0 { balance } else { 0 });
        assert_eq!(shop.refund(card, "t-1", Some(1)).unwrap_err().code, RefusalCode::RefundExceeds);
    }
}

#[test]
fn parts_of_a_bill_that_was_paid_with_points_sum_to_the_award_as_well() {
    let mut shop = Shop::new(reference::cashback3());
    shop.actor = manager();
    let card = shop.card();
    shop.adjust(card, 1000, None).expect("10.00");
    shop.sale(card, "t-1", 2000, Some(Redeem::Value(1000))).expect("half of it");
    shop.is(card, "B 10");
    let part = shop.refund(card, "t-1", Some(400)).expect("a part").event;
    shop.refund(card, "t-1", Some(600)).expect("the rest, and what paid it");
    shop.void(card, part).expect("the part was a mistake");
    shop.is(card, "B 1004 T 400");
    shop.refund(card, "t-1", Some(400)).expect("it was none");
    shop.is(card, "B 1000 T 0");
}

#[test]
fn a_reward_that_came_back_and_was_moved_away_stands_against_the_void_of_its_return() {
    let mut shop = Shop::new(reference::spend10());
    shop.actor = manager();
    let (card, other) = (shop.card(), shop.card());
    shop.act(card, &Command::RewardAdd { count: 1, amount_minor: 0 }).expect("given");
    shop.sale(card, "t-1", 1500, Some(Redeem::Rewards(1))).expect("used");
    let returned = shop.refund(card, "t-1", None).expect("it comes back").event;
    let to = shop.cards[&other].facts.clone();
    shop.act(card, &Command::Transfer { to }).expect("moved");
    assert_eq!(refused(&mut shop, card, returned), RefusalCode::DependentRedeemed);
}

#[test]
fn what_a_completed_sale_gave_back_is_used_by_it_though_its_day_is_over() {
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let card = shop.card();
    let nothing = shop.sale(card, "t-0", 50, None).expect("earns nothing").event;
    shop.sale(card, "t-1", 10_000, None).expect("100 points");
    let last = shop.standing(card).lots[0].expires_ms - 1000;
    shop.at.ms = last;
    let sale = shop.sale_id();
    let open =
        Sale { bill_minor: 1000, items: Vec::new(), redeem: Some(Redeem::Value(100)), phase: SalePhase::Open(sale) };
    shop.act(card, &Command::Sale(open.clone())).expect("reserves them");
    shop.later_s(60);
    shop.jobs();
    shop.act(card, &Command::Sale(Sale { phase: SalePhase::Complete(sale), ..open })).expect("uses them");
    shop.is(card, "R 100 B 5");
    shop.void(card, nothing).expect("nothing hangs on it");
    shop.is(card, "R 100 B 5");
}

#[test]
fn the_rows_sum_to_the_balance_also_where_a_void_lets_lots_lapse() {
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let card = shop.card();
    shop.adjust(card, 100, None).expect("100 points");
    shop.later_s(86_400);
    let used = shop.sale(card, "t-1", 500, Some(Redeem::Value(100))).expect("uses them").event;
    shop.now("2027-08-22T10:00");
    shop.sale(card, "t-2", 200, None).expect("2 points");
    shop.void(card, used).expect("a manager's");
    shop.is(card, "B 2 X 100");
    let rows = history(&shop.book, &shop.cards[&card].history);
    let moving: Vec<_> = rows.into_iter().filter(|row| row.kind.is_some()).collect();
    let mut balance = 0;
    for row in &moving {
        balance += row.change;
        assert_eq!(row.balance, balance, "{:?}", row.label);
    }
    assert!(moving.iter().any(|row| row.kind == Some(EntryKind::Expire) && row.change == -100), "it is told");
}

#[test]
fn what_came_later_must_keep_its_cover() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let first = shop.sale(card, "t-1", 10_000, None).expect("100 points").event;
    shop.sale(card, "t-2", 2000, Some(Redeem::Value(100))).expect("redeems them");
    shop.sale(card, "t-3", 30_000, None).expect("300 more");
    shop.is(card, "B 315");
    assert_eq!(refused(&mut shop, card, first), RefusalCode::DependentRedeemed, "the redemption lacks cover then");
    let third = shop.cards[&card].history.last().expect("the third").event;
    shop.adjust(card, -20, None).expect("a minus");
    assert_eq!(refused(&mut shop, card, third), RefusalCode::DependentRedeemed, "the balance would fall below 0");
    let mut spend = Shop::new(reference::spend10());
    let card = spend.card();
    let bought = spend.purchase(card, 2000).expect("20.00").event;
    spend.subtract(card, 1500, None).expect("without naming it");
    assert_eq!(refused(&mut spend, card, bought), RefusalCode::DependentRedeemed, "the total would fall below 0");
}

#[test]
fn a_refund_stands_against_the_void_until_it_is_voided_itself() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let sold = shop.sale(card, "t-1", 10_000, None).expect("100 points").event;
    let back = shop.refund(card, "t-1", Some(3000)).expect("a part").event;
    assert_eq!(refused(&mut shop, card, sold), RefusalCode::RefundExceeds);
    shop.void(card, back).expect("the refund");
    shop.is(card, "B 100 T 10000 Q 100");
    shop.void(card, sold).expect("and the sale");
    shop.is(card, "B 0 T 0 Q 0 V 0");
}

#[test]
fn later_awards_keep_their_number_and_later_unlocks_are_derived_anew() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    let first = shop.purchase(card, 500).expect("5.00").event;
    shop.purchase(card, 500).expect("the step is full: one stamp");
    shop.purchase(card, 7000).expect("seven stamps, a reward");
    shop.is(card, "B 0 RA 1 E 8 T 8000");
    shop.void(card, first).expect("the first 5.00");
    shop.is(card, "B 0 RA 1 E 8 T 7500");
    let last = shop.cards[&card].history.iter().rfind(|fact| matches!(fact.entry.posting, Posting::Award(_)));
    let last = last.expect("the last purchase").event;
    shop.void(card, last).expect("its reward is unused");
    shop.is(card, "B 1 RA 0 RE 0 E 1 T 500");
}

#[test]
fn jobs_run_again_after_a_void() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.sale(card, "t-1", 10_000, None).expect("100 points");
    shop.now("2027-05-04T12:00");
    shop.actor = manager();
    let minus = shop.adjust(card, -60, None).expect("takes of the lot").event;
    shop.now("2027-05-05T00:00");
    shop.jobs();
    shop.is(card, "B 0 X 40 R 60");
    shop.void(card, minus).expect("the minus");
    shop.is(card, "B 0 X 100 R 0");
    shop.jobs();
    shop.is(card, "B 0 X 100 R 0");
}

#[test]
fn voids_and_jobs_cannot_be_voided_and_what_is_not_there_is_malformed() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let sold = shop.sale(card, "t-1", 10_000, None).expect("100 points").event;
    let void = shop.void(card, sold).expect("voided").event;
    shop.sale(card, "t-2", 10_000, None).expect("100 points");
    shop.now("2028-01-01T00:00");
    shop.jobs();
    let job = shop.cards[&card].history.last().expect("the expiry").event;
    for event in [void, job, EventId(uuid::Uuid::max())] {
        let command = Command::Void { of: Target::Event(event), elsewhere: Vec::new() };
        let told = shop.ask(card, None, None, |ask| check(ask, &command));
        assert_eq!(told.unwrap_err().pointer, "/of");
    }
}

#[test]
fn what_the_voided_redemption_had_taken_lapses_before_a_later_refund_looks_for_units() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.actor = manager();
    shop.now("2026-01-10T10:00");
    shop.sale(card, "old", 10_000, None).expect("100 points, to 2027-01-10");
    shop.now("2026-12-01T10:00");
    let redeem = Some(Redeem::Reward { name: "off5".to_owned(), count: 1 });
    let paid = shop.sale(card, "paid", 2_000, redeem).expect("15 points for what is left to pay").event;
    shop.now("2027-02-01T10:00");
    shop.sale(card, "new", 5_000, None).expect("50 points");
    shop.refund(card, "new", None).expect("takes the 15 and 35 of the 50");
    shop.is(card, "B 15 E 165 R 100 X 0");
    shop.void(card, paid).expect("nothing leans on it");
    // The 100 lapsed on 2027-01-10, so that the refund still took the 50.
    shop.is(card, "B 0 E 150 R 0 X 100");
    let rows = history(&shop.book, &shop.cards[&card].history);
    let lapsed: Vec<_> = rows.iter().filter(|row| row.label == Label::PointsExpired).map(|row| row.change).collect();
    assert_eq!(lapsed, [-100]);
}

#[test]
fn jobs_run_again_where_a_void_leaves_an_event_out() {
    // The older reward was used and the younger too; without the first use the older had lapsed before the second.
    let mut shop = Shop::new(reference::cafe10());
    shop.actor = manager();
    let card = shop.card();
    shop.adjust(card, 10, None).expect("the first reward");
    shop.now("2026-05-20T10:00");
    shop.adjust(card, 10, None).expect("the second");
    let first = shop.redeem(card, 1).expect("the older").event;
    shop.now("2026-06-15T10:00");
    shop.redeem(card, 1).expect("the younger");
    shop.is(card, "RA 0 RR 2 RX 0");
    shop.void(card, first).expect("by a manager");
    shop.is(card, "RA 0 RR 1 RX 1");

    // Points likewise: a later debit takes the lot that was really there.
    let mut shop = Shop::new(reference::points());
    shop.actor = manager();
    let card = shop.card();
    shop.adjust(card, 100, None).expect("a lot");
    shop.now("2026-12-01T10:00");
    shop.adjust(card, 80, None).expect("another");
    let first = shop.adjust(card, -100, None).expect("the older lot").event;
    shop.now("2027-08-01T10:00");
    shop.adjust(card, -50, None).expect("of the other");
    shop.void(card, first).expect("by a manager");
    shop.is(card, "B 30 R 50 X 100");
}

#[test]
fn a_voided_sale_keeps_nothing_set_aside() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.adjust(card, 100, None).expect("points");
    let id = SaleId(uuid::Uuid::from_u128(7));
    let sale =
        |phase| Command::Sale(Sale { bill_minor: 2000, items: Vec::new(), redeem: Some(Redeem::Value(100)), phase });
    shop.act(card, &sale(SalePhase::Open(id))).expect("opens");
    shop.is(card, "B 0 R 0");
    let done = shop.act(card, &sale(SalePhase::Complete(id))).expect("completes").event;
    shop.is(card, "B 15 R 100");
    shop.void(card, done).expect("right after");
    shop.is(card, "B 100 R 0");
    assert!(shop.standing(card).held.is_empty());
}
