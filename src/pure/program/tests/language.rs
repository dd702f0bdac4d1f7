//! What the rule language says beyond the reference programmes: multipliers and how they combine, items and exclusions, tax,
//! milestones, endings, limits by window and role, versions.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, date, time};

use super::shop::*;
use crate::pure::domain::entry::Counters;
use crate::pure::domain::*;
use crate::pure::program::rules::*;
use crate::pure::program::*;
use crate::pure::text;

fn earns(rules: &Rules, bill_minor: i64, items: &[Item]) -> i64 {
    let mut shop = Shop::new(rules.clone());
    let card = shop.card();
    let sale = Sale { bill_minor, items: items.to_vec(), redeem: None, phase: SalePhase::Now };
    shop.act_in(card, &Command::Sale(sale), None, Some("t")).expect("a sale").verdict.earned
}

fn item(sku: &str, category: &str, quantity: i64, amount_minor: i64) -> Item {
    let category = Some(category.to_owned());
    let tax_minor = Some(amount_minor / 5);
    Item { sku: sku.to_owned(), category, quantity, amount_minor, tax_minor, discounted: sku == "sale" }
}

fn campaign(name: &str, multiplier_percent: i64) -> Campaign {
    Campaign { name: name.to_owned(), multiplier_percent, ..Campaign::default() }
}

#[test]
fn multipliers_combine_as_the_file_says() {
    let level = Level { name: "Base".to_owned(), from: 0, multiplier_percent: 150, cashback_bp: 0 };
    let rules = |combine, campaigns: &[Campaign]| Rules {
        levels: vec![level.clone()],
        combine,
        campaigns: campaigns.to_vec(),
        ..reference::points()
    };
    let (double, triple) = (campaign("double", 200), campaign("triple", 300));
    // How they combine, campaigns that run, what 10.33 earn at ×1.5.
    let cases = [
        (Combine::Product, vec![], 15),
        (Combine::Product, vec![double.clone()], 30),
        (Combine::Product, vec![double.clone(), triple.clone()], 92),
        (Combine::Max, vec![double.clone(), triple.clone()], 30),
        (Combine::Max, vec![campaign("less", 120)], 15),
        (Combine::Replace, vec![campaign("less", 120)], 12),
        (Combine::Replace, vec![double, triple], 30),
    ];
    for (combine, campaigns, units) in cases {
        assert_eq!(earns(&rules(combine, &campaigns), 1033, &[]), units, "{combine:?} {campaigns:?}");
    }
}

#[test]
fn campaigns_run_by_date_weekday_hour_group_and_first_visit() {
    let monday = Campaign { weekdays: vec![Weekday::Monday], ..campaign("monday", 200) };
    let tuesday = Campaign { weekdays: vec![Weekday::Tuesday], ..campaign("tuesday", 200) };
    let days = |from: Date, until: Date| Campaign { from: Some(from), until: Some(until), ..campaign("days", 200) };
    let hours = |from, until| Campaign {
        from_time: Some(time(from, 0, 0, 0)),
        until_time: Some(time(until, 0, 0, 0)),
        ..campaign("hours", 200)
    };
    let group = |name: &str| Campaign { groups: vec![name.to_owned()], ..campaign("group", 200) };
    let first = Campaign { first_visit: true, ..campaign("first", 200) };
    // The shop's clock stands at Monday, 2026-05-04, 09:00.
    let cases = [
        (monday, 20),
        (tuesday, 10),
        (days(date(2026, 5, 4), date(2026, 5, 4)), 20),
        (days(date(2026, 5, 5), date(2026, 6, 1)), 10),
        (hours(9, 10), 20),
        (hours(10, 9), 10),
        (hours(22, 10), 20),
        (hours(8, 9), 10),
        (group("regulars"), 20),
        (group("others"), 10),
        (first, 20),
    ];
    for (campaign, units) in cases {
        let mut shop = Shop::new(Rules { campaigns: vec![campaign.clone()], ..reference::points() });
        let card = shop.card();
        shop.kept(card).facts.groups = vec!["regulars".to_owned()];
        let done = shop.sale(card, "t-1", 1000, None).expect("a sale");
        assert_eq!(done.verdict.earned, units, "{campaign:?}");
        if campaign.first_visit {
            assert_eq!(shop.sale(card, "t-2", 1000, None).expect("a second").verdict.earned, 10);
        }
    }
}

#[test]
fn a_campaign_is_joined_with_the_first_entry_and_left_at_its_end() {
    let spring = Campaign { until: Some(date(2026, 5, 10)), bonus: 5, once: true, ..campaign("spring", 100) };
    let mut shop = Shop::new(Rules { campaigns: vec![spring], ..reference::points() });
    let card = shop.card();
    shop.sale(card, "t-1", 1000, None).expect("a sale");
    shop.sale(card, "t-2", 1000, None).expect("the bonus is given once");
    shop.is(card, "B 25 E 25 Q 20");
    assert_eq!(shop.figures(card).campaigns, ["spring"]);
    shop.now("2026-05-11T00:00");
    assert!(shop.figures(card).campaigns.is_empty());
    shop.sale(card, "t-3", 1000, None).expect("after its end");
    let labels = shop.labels(card);
    let expected =
        ["points_added", "bonus_campaign", "campaign_joined", "points_added", "campaign_disjoined", "points_added"];
    assert_eq!(labels, expected);
}

#[test]
fn items_exclusions_tax_and_least_amount() {
    let lines = [item("tea", "drinks", 2, 600), item("cake", "food", 1, 400), item("sale", "food", 1, 1000)];
    let with = |change: fn(&mut Earn)| {
        let mut rules = reference::points();
        change(&mut rules.earn);
        rules
    };
    let award = |sku: Option<&str>, category: Option<&str>, units| ItemAward {
        sku: sku.map(str::to_owned),
        category: category.map(str::to_owned),
        units,
    };
    assert_eq!(earns(&reference::points(), 2000, &lines), 20);
    assert_eq!(earns(&with(|earn| earn.exclude.skus = vec!["tea".into()]), 2000, &lines), 14);
    assert_eq!(earns(&with(|earn| earn.exclude.categories = vec!["food".into()]), 2000, &lines), 6);
    assert_eq!(earns(&with(|earn| earn.exclude.discounted = true), 2000, &lines), 10);
    assert_eq!(earns(&with(|earn| earn.basis = TaxBasis::Net), 2000, &lines), 16);
    assert_eq!(earns(&with(|earn| earn.min_spend_minor = 2000), 2000, &lines), 20);
    assert_eq!(earns(&with(|earn| earn.min_spend_minor = 2001), 2000, &lines), 0);
    let mut rules = reference::points();
    rules.earn.items = vec![award(Some("tea"), None, 3), award(None, Some("food"), 1)];
    assert_eq!(earns(&rules, 2000, &lines), 20 + 2 * 3 + 2);
    // What was counted by items goes with the part that leaves nothing.
    let mut shop = Shop::new(rules);
    let card = shop.card();
    let sale = Sale { bill_minor: 2000, items: lines.to_vec(), redeem: None, phase: SalePhase::Now };
    shop.act_in(card, &Command::Sale(sale), None, Some("t")).expect("a sale");
    shop.refund(card, "t", Some(600)).expect("a part");
    shop.is(card, "B 22");
    shop.refund(card, "t", None).expect("the rest");
    shop.is(card, "B 0");
}

#[test]
fn lines_that_come_back_take_what_they_earned() {
    let mut rules = reference::points();
    rules.earn.exclude.categories = vec!["food".into()];
    let mut shop = Shop::new(rules);
    let card = shop.card();
    let lines = vec![item("tea", "drinks", 2, 600), item("cake", "food", 1, 400)];
    let sale = Sale { bill_minor: 1000, items: lines.clone(), redeem: None, phase: SalePhase::Now };
    shop.act_in(card, &Command::Sale(sale), None, Some("t")).expect("a sale");
    shop.is(card, "B 6");
    let back = |shop: &mut Shop, items: &[Item]| {
        let of = Target::Txn("t".to_owned());
        shop.act(card, &Command::Refund { of, amount_minor: None, items: items.to_vec() }).map(|_| ())
    };
    back(&mut shop, &lines[1..]).expect("the cake had earned nothing");
    shop.is(card, "B 6 T 600");
    back(&mut shop, &lines[..1]).expect("the tea");
    shop.is(card, "B 0 T 0");
}

#[test]
fn carry_off_judges_each_amount_alone() {
    let mut rules = reference::spend10();
    rules.earn.by_amount = ByAmount::Steps { step_minor: 1000, units_per_step: 2, carry: false };
    let mut shop = Shop::new(rules);
    let card = shop.card();
    for txn_id in ["t-1", "t-2"] {
        shop.sale(card, txn_id, 1900, None).expect("a sale");
    }
    shop.is(card, "B 4");
    assert_eq!(shop.figures(card).carry_minor, None);
    shop.refund(card, "t-1", Some(900)).expect("a full step is left");
    shop.is(card, "B 4");
    shop.refund(card, "t-1", Some(1)).expect("and now none");
    shop.is(card, "B 2");
}

#[test]
fn milestones_wait_until_they_are_used() {
    let goal = |at, reward: &str| Goal { at, reward: reward.to_owned(), ..Goal::default() };
    let rules = Rules {
        goals: vec![goal(3, "tea"), goal(6, "cake"), goal(9, "lunch")],
        consume: Consume::Redeem,
        limits: Limits::default(),
        bonus: BonusRules::default(),
        ..reference::cafe10()
    };
    let mut shop = Shop::new(rules);
    let card = shop.card();
    shop.stamps(card, 7).expect("seven");
    shop.is(card, "B 7 RA 2 RE 2");
    assert_eq!((shop.figures(card).to_next_reward, shop.figures(card).reward_step), (Some(2), Some(3)));
    let cake = Some(Redeem::Reward { name: "cake".to_owned(), count: 1 });
    shop.sale(card, "t-1", 0, cake.clone()).expect("the cake");
    shop.is(card, "B 4 RA 1 RR 1");
    assert_eq!(shop.sale(card, "t-2", 0, cake).unwrap_err(), Refusal::new(RefusalCode::NoReward).max(0));
    shop.stamps(card, 2).expect("two more reach the last");
    shop.is(card, "B 6 RA 2 RE 3");
    shop.redeem(card, 2).expect("tea and lunch");
    shop.is(card, "B 0 RA 0 RR 3");
    shop.stamps(card, 3).expect("a new round");
    shop.is(card, "B 3 RA 1");
}

#[test]
fn lots_end_as_the_file_says() {
    let cases = [
        (LotExpiry::Fixed { on: date(2026, 12, 31) }, "2027-01-01T00:00"),
        (LotExpiry::Days { days: 0 }, "2026-05-05T00:00"),
        (LotExpiry::EndOfMonth { months: 0 }, "2026-06-01T00:00"),
        (LotExpiry::EndOfMonth { months: 9 }, "2027-03-01T00:00"),
        (LotExpiry::EndOfYear { years: 1 }, "2028-01-01T00:00"),
        (LotExpiry::Inactivity { days: 30 }, "2026-06-04T00:00"),
    ];
    for (lots, end) in cases {
        let mut shop = Shop::new(Rules { lots, ..reference::points() });
        let card = shop.card();
        shop.sale(card, "t-1", 5000, None).expect("50 points");
        let next = shop.figures(card).next_expiry.expect("an end");
        assert_eq!((next.at_ms, next.amount), (moment(end).ms, 50), "{lots:?}");
        shop.at.ms = next.at_ms - 1;
        shop.jobs();
        shop.is(card, "B 50 X 0");
        shop.at.ms += 1;
        shop.jobs();
        shop.is(card, "B 0 X 50");
        shop.jobs();
        shop.is(card, "B 0 X 50");
    }
    let mut shop = Shop::new(Rules { lots: LotExpiry::Inactivity { days: 30 }, ..reference::points() });
    let card = shop.card();
    shop.sale(card, "t-1", 5000, None).expect("50 points");
    shop.now("2026-06-03T23:00");
    shop.sale(card, "t-2", 100, None).expect("activity");
    shop.now("2026-07-03T23:59");
    shop.jobs();
    shop.is(card, "B 51 X 0");
    shop.now("2026-07-04T00:00");
    shop.jobs();
    shop.is(card, "B 0 X 51");
}

#[test]
fn days_follow_the_local_calendar_through_clock_changes_and_days_off() {
    let mut shop = Shop::new(Rules { reward_days: Some(1), ..reference::cafe10() });
    // Clocks go forward in the night of 2026-03-29, whose day has 23 hours.
    shop.now("2026-03-28T12:00");
    let card = shop.card();
    shop.opening(card, stamps_before(10, Counters::default()));
    shop.now("2026-03-29T23:59:59.999");
    shop.jobs();
    shop.is(card, "RA 1");
    shop.at.ms += 1;
    shop.jobs();
    shop.is(card, "RA 0 RX 1");
    // Off for months: what lapsed meanwhile is posted before anything else is judged.
    let mut shop = Shop::new(reference::points_pending14());
    let card = shop.card();
    shop.sale(card, "t-1", 10_000, None).expect("100 points");
    shop.now("2026-09-01T10:00");
    shop.sale(card, "t-2", 900, Some(Redeem::Value(100))).expect("they have ripened");
    shop.is(card, "B 0 P 4 R 100 E 100");
    shop.now("2026-12-01T10:00");
    let kept = &shop.cards[&card];
    let settled = settled(&shop.book, &kept.facts, &kept.standing, &shop.at, shop.trust);
    assert_eq!((settled.balance(), settled.pending_units()), (4, 0), "what a quote sees");
    shop.jobs();
    assert_eq!(shop.standing(card).balance(), settled.balance());
}

#[test]
fn rolling_windows_and_roles_limit() {
    let rolling = Some(Rolling { hours: 2, units: 5 });
    let mut shop = Shop::new(Rules {
        limits: Limits {
            rolling,
            cashier: RoleLimits { value: Some(10), entries_per_day: Some(3), ..RoleLimits::default() },
            manager: RoleLimits { value: Some(100), entries_per_day: Some(2), ..RoleLimits::default() },
            ..Limits::default()
        },
        bonus: BonusRules::default(),
        ..reference::cafe10()
    });
    let card = shop.card();
    shop.stamps(card, 4).expect("four");
    shop.later_s(7199);
    assert_eq!(shop.stamps(card, 2).unwrap_err(), Refusal::new(RefusalCode::DailyLimit).allowed(1));
    shop.later_s(1);
    shop.stamps(card, 2).expect("the window has moved on");
    assert_eq!(shop.adjust(card, 11, None).unwrap_err().code, RefusalCode::NeedsManager);
    shop.adjust(card, 10, None).expect("the third entry of the day");
    assert_eq!(shop.adjust(card, 1, None).unwrap_err().code, RefusalCode::NeedsManager);
    shop.actor = manager();
    shop.adjust(card, 100, None).expect("a manager");
    assert_eq!(shop.adjust(card, 101, None).unwrap_err().code, RefusalCode::NeedsManager);
    // Each role's entries count towards its own limit; one that was approved is a manager's.
    shop.actor = Actor { approved_by: Some(StaffId(uuid::Uuid::nil())), ..cashier() };
    shop.adjust(card, 50, None).expect("approved, and the second of the day");
    assert_eq!(shop.adjust(card, 1, None).unwrap_err().code, RefusalCode::NeedsManager);
    shop.actor = Actor { role: Role::Admin, ..manager() };
    shop.adjust(card, 101, None).expect("an admin");
    shop.actor = manager();
    shop.now("2026-05-05T09:00");
    shop.adjust(card, 1, None).expect("another day");
    shop.adjust(card, 1, None).expect("the second");
    shop.actor = cashier();
    for _ in 0..3 {
        shop.adjust(card, 1, None).expect("managers took nothing of the cashiers' three");
    }
    assert_eq!(shop.adjust(card, 1, None).unwrap_err().code, RefusalCode::NeedsManager);
}

#[test]
fn a_level_pinned_by_head_office_holds_to_its_day() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.kept(card).facts.pinned = Some(Pinned { tier: "Gold".to_owned(), until: date(2026, 5, 4) });
    let tier = shop.figures(card).tier.expect("a level");
    assert_eq!((tier.name.as_str(), tier.pinned), ("Gold", true));
    assert_eq!(shop.sale(card, "t-1", 1000, None).expect("a sale").verdict.earned, 15);
    shop.now("2026-05-05T00:00");
    assert_eq!(shop.tier(card), "Bronze");
    assert_eq!(shop.sale(card, "t-2", 1000, None).expect("a sale").verdict.earned, 10);
}

#[test]
fn reversals_use_the_version_of_the_award_and_facts_keep_theirs() {
    let mut shop = Shop::new(reference::spend10());
    let card = shop.card();
    shop.sale(card, "t-1", 7000, None).expect("seven stamps");
    let mut second = reference::spend10();
    second.earn.by_amount = ByAmount::Steps { step_minor: 500, units_per_step: 1, carry: false };
    second.goals[0].at = 5;
    let versions = BTreeMap::from([(RuleVersion(1), reference::spend10()), (RuleVersion(2), second)]);
    shop.book = Rulebook::new(versions).expect("two versions");
    assert_eq!(shop.book.current().0, RuleVersion(2));
    shop.is(card, "B 7 RA 0");
    shop.refund(card, "t-1", Some(1000)).expect("by the rules of the sale");
    shop.is(card, "B 6 RA 0 T 6000");
    shop.sale(card, "t-2", 500, None).expect("by the new rules");
    shop.is(card, "B 2 RA 1 T 6500");
    let rules: Vec<u32> = shop.cards[&card].history.iter().map(|fact| fact.rule().0).collect();
    assert_eq!(rules, [1, 1, 2]);
}

fn said_of(unit: &str, row: &HistoryRow) -> String {
    let counting = text::Counting { unit, scale: 0, minor_digits: 2 };
    text::explanation(text::Language::En, &counting, &row.explanation)
}

#[test]
fn rows_explain_themselves() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.sale(card, "t-1", 4999, None).expect("a sale");
    shop.adjust(card, -9, None).expect("a minus");
    let rows = history(&shop.book, &shop.cards[&card].history);
    let said: Vec<String> = rows.iter().map(|row| said_of("point", row)).collect();
    assert_eq!(
        said[0],
        "49.99 × 1/100 in the smallest units, rounded down: 49 points; at level Bronze (rules version 1)."
    );
    assert_eq!(said[1], "value −9 points; took 9 points from the lots that end first (rules version 1).");
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.tap(card).expect("a tap");
    let rows = history(&shop.book, &shop.cards[&card].history);
    let said = said_of("stamp", &rows[0]);
    assert_eq!(
        said,
        "1 stamp for the visit; per transaction 0 of 4 used before; per day 0 of 6 used before (rules version 1)."
    );
}

#[test]
fn the_rows_of_an_answer_are_those_of_the_history() {
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.opening(card, stamps_before(8, Counters::default()));
    let before = shop.standing(card).clone();
    let done = shop.stamps(card, 3).expect("unlocks");
    let all = &shop.cards[&card].history;
    let facts: Vec<Fact> = all.iter().filter(|fact| fact.event == done.event).cloned().collect();
    let answered = rows(&shop.book, &before, &facts);
    assert_eq!(answered, history(&shop.book, all)[1..]);
}

#[test]
fn liability_is_what_open_holdings_cost() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.sale(card, "t-1", 10_000, None).expect("100 points");
    assert_eq!(open_liability_minor(shop.book.current().1, shop.standing(card)), 500);
    let mut shop = Shop::new(reference::cafe10());
    let card = shop.card();
    shop.opening(card, stamps_before(25, Counters::default()));
    assert_eq!(open_liability_minor(shop.book.current().1, shop.standing(card)), 160);
}
