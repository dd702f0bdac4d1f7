//! Each refusal alone, and each pair that can both apply: the first of the documented order is told.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, Lot};
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::*;
use RefusalCode::*;

/// A shop, a card and a command that would be accepted.
#[derive(Clone)]
struct Case {
    shop: Shop,
    card: Serial,
    command: Command,
}

/// Makes one refusal apply.
type Cause = (RefusalCode, fn(&mut Case));

impl Case {
    fn rules(&mut self, change: impl FnOnce(&mut Rules)) {
        let mut rules = self.shop.book.current().1.clone();
        change(&mut rules);
        self.shop.book = Rulebook::single(rules);
    }

    fn told(&self) -> Option<Refusal> {
        let visit = VisitId(uuid::Uuid::max());
        self.shop.ask(self.card, Some(visit), None, |ask| {
            check(ask, &self.command).unwrap_or_else(|malformed| panic!("{malformed:?}"));
            decide(ask, &self.command).err()
        })
    }
}

/// Every cause alone and every pair in both orders of making them; pairs that exclude each other are named.
fn all_pairs(case: &Case, causes: &[Cause], exclude: &[(RefusalCode, RefusalCode)]) {
    assert_eq!(case.told(), None, "{:?} would be accepted", case.command);
    for (first, cause) in causes {
        let mut alone = case.clone();
        cause(&mut alone);
        assert_eq!(alone.told().map(|refusal| refusal.code), Some(*first), "{:?}", alone.command);
        for (second, other) in causes {
            let apart = exclude.iter().any(|pair| *pair == (*first, *second) || *pair == (*second, *first));
            if first == second || apart {
                continue;
            }
            let mut both = alone.clone();
            other(&mut both);
            let told = both.told().map(|refusal| refusal.code);
            assert_eq!(told, Some(*first.min(second)), "{first:?} and {second:?} for {:?}", both.command);
        }
    }
}

fn deleted(case: &mut Case) {
    case.shop.kept(case.card).facts.deleted = true;
}

fn blocked(case: &mut Case) {
    case.shop.kept(case.card).facts.blocked = true;
}

fn expired(case: &mut Case) {
    case.shop.kept(case.card).facts.expires_on = Some(jiff::civil::date(2026, 5, 1));
    case.rules(|rules| rules.expired_redeem = false);
}

fn paused(case: &mut Case) {
    case.rules(|rules| rules.paused = true);
}

fn foreign(case: &mut Case) {
    case.rules(|rules| rules.ledger_mode = rules::LedgerMode::Foreign);
}

fn weak(case: &mut Case) {
    case.shop.grade = Some(Grade::D);
    case.rules(|rules| (rules.limits.grade_earn, rules.limits.grade_redeem) = (Some(Grade::B), Some(Grade::B)));
}

fn too_soon(case: &mut Case) {
    let ms = case.shop.at.ms - 1000;
    case.shop.kept(case.card).standing.last_base_ms = Some(ms);
    case.rules(|rules| rules.limits.interval_s = Some(60));
}

fn daily(case: &mut Case) {
    case.rules(|rules| rules.limits.per_day = Some(0));
}

fn per_transaction(case: &mut Case) {
    case.rules(|rules| rules.limits.per_transaction = Some(0));
}

fn role(case: &mut Case) {
    case.rules(|rules| rules.limits.cashier.entries_per_day = Some(0));
}

fn items_differ(case: &mut Case) {
    match &mut case.command {
        Command::Sale(sale) => {
            let sku = "sku".to_owned();
            let amount_minor = sale.bill_minor + 1;
            let item = Item { sku, category: None, quantity: 1, amount_minor, tax_minor: None, discounted: false };
            sale.items = vec![item];
        }
        Command::Purchase { purchase_amount_minor, .. } | Command::SubtractAmount { purchase_amount_minor, .. } => {
            *purchase_amount_minor = Some(1);
        }
        other => panic!("{other:?} has no amounts to differ"),
    }
}

fn stamp_case(rules: Rules, command: Command) -> Case {
    let mut shop = Shop::new(rules);
    let card = shop.card();
    shop.opening(card, stamps_before(3, Counters { visits: 3, ..Counters::default() }));
    shop.actor = manager();
    shop.act(card, &Command::RewardAdd { count: 2, amount_minor: 0 }).expect("two rewards");
    shop.actor = cashier();
    Case { shop, card, command }
}

#[test]
fn earning() {
    let case = stamp_case(reference::cafe10(), Command::Stamps { count: 2, adds_to_visit: false });
    let causes: [Cause; 10] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (CardExpired, expired),
        (ProgrammePaused, paused),
        (ForeignLedger, foreign),
        (GradeTooLow, weak),
        (TooSoon, too_soon),
        (DailyLimit, daily),
        (PerTransactionLimit, per_transaction),
        (NeedsManager, role),
    ];
    all_pairs(&case, &causes, &[]);
    all_pairs(&Case { command: Command::Tap, ..case.clone() }, &causes[..9], &[]);
    let purchase = Command::Purchase { amount_minor: 500, purchase_amount_minor: None };
    let with_amounts: Vec<Cause> =
        causes.into_iter().chain([(AmountMismatch, items_differ as fn(&mut Case))]).collect();
    all_pairs(&Case { command: purchase, ..case }, &with_amounts, &[]);
}

fn sale(bill_minor: i64, redeem: Redeem) -> Command {
    Command::Sale(Sale { bill_minor, items: Vec::new(), redeem: Some(redeem), phase: SalePhase::Now })
}

fn asks_more(case: &mut Case) {
    let Command::Sale(sale) = &mut case.command else { panic!("a sale") };
    sale.redeem = Some(match &sale.redeem {
        Some(Redeem::Rewards(_)) => Redeem::Rewards(9),
        Some(Redeem::Value(_)) => Redeem::Value(300),
        other => panic!("{other:?}"),
    });
}

fn small_bill(case: &mut Case) {
    let Command::Sale(sale) = &mut case.command else { panic!("a sale") };
    sale.bill_minor = 1;
}

fn lapsed(case: &mut Case) {
    let standing = &mut case.shop.kept(case.card).standing;
    standing.rewards.clear();
    standing.last_reward_lapsed = true;
}

fn used_up(case: &mut Case) {
    case.shop.kept(case.card).standing.rewards.clear();
}

#[test]
fn sales_that_redeem() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: 250 }];
    shop.opening(card, Carried { lots, ..Carried::default() });
    let case = Case { shop, card, command: sale(3000, Redeem::Value(200)) };
    let causes: [Cause; 12] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (CardExpired, expired),
        (ProgrammePaused, paused),
        (ForeignLedger, foreign),
        (GradeTooLow, weak),
        (TooSoon, too_soon),
        (DailyLimit, daily),
        (PerTransactionLimit, per_transaction),
        (AmountMismatch, items_differ),
        (InsufficientBalance, asks_more),
        (RedeemCap, small_bill),
    ];
    // A bill of nothing, and a card past its date, earn nothing that a limit could refuse.
    let limits = [TooSoon, DailyLimit, PerTransactionLimit];
    let idle = limits.map(|limit| [(limit, RedeemCap), (limit, CardExpired)]);
    let exclude: Vec<_> = idle.into_iter().flatten().chain([(AmountMismatch, RedeemCap)]).collect();
    all_pairs(&case, &causes, &exclude);

    let case = stamp_case(reference::spend10(), sale(1500, Redeem::Rewards(2)));
    let causes: [Cause; 6] = [
        (CardDeleted, deleted),
        (GradeTooLow, weak),
        (AmountMismatch, items_differ),
        (RewardExpired, lapsed),
        (NoReward, asks_more),
        (RedeemCap, small_bill),
    ];
    all_pairs(&case, &causes, &[(AmountMismatch, RedeemCap)]);
}

#[test]
fn entries_by_hand() {
    let remove = |count| Command::RewardRemove { count, amount_minor: 0, why: RemoveReason::Redeem };
    let case = stamp_case(reference::cafe10(), remove(1));
    let causes: [Cause; 9] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (CardExpired, expired),
        (ProgrammePaused, paused),
        (ForeignLedger, foreign),
        (GradeTooLow, weak),
        (RewardExpired, lapsed),
        (NoReward, |case| {
            used_up(case);
            case.shop.kept(case.card).standing.last_reward_lapsed = false;
        }),
        (NeedsManager, role),
    ];
    all_pairs(&case, &causes, &[(RewardExpired, NoReward)]);

    let case =
        stamp_case(reference::cafe10(), Command::Adjust { value: -2, purchase_amount_minor: None, reason: None });
    let causes: [Cause; 7] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (CardExpired, expired),
        (ProgrammePaused, paused),
        (ForeignLedger, foreign),
        (InsufficientBalance, |case| {
            case.command = Command::Adjust { value: -9, purchase_amount_minor: None, reason: None };
        }),
        (NeedsManager, role),
    ];
    all_pairs(&case, &causes, &[]);

    let case = stamp_case(reference::cafe10(), Command::RemoveVisits { count: 1 });
    let causes: [Cause; 5] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (ForeignLedger, foreign),
        (InsufficientBalance, |case| case.command = Command::RemoveVisits { count: 9 }),
        (NeedsManager, role),
    ];
    all_pairs(&case, &causes, &[]);
}

#[test]
fn reversals() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    shop.sale(card, "t-0", 5000, None).expect("another sale");
    shop.later_s(1);
    shop.sale(card, "t-1", 2000, None).expect("the sale");
    let of = Target::Txn("t-1".to_owned());
    let command = Command::SubtractAmount { amount_minor: 500, purchase_amount_minor: None, of: Some(of) };
    let case = Case { shop, card, command };
    let causes: [Cause; 7] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (ForeignLedger, foreign),
        (AmountMismatch, items_differ),
        (RefundExceeds, |case| {
            let Command::SubtractAmount { amount_minor, .. } = &mut case.command else { panic!("a subtraction") };
            *amount_minor = 2001;
        }),
        (AlreadyVoided, |case| {
            let book = case.shop.book.clone();
            case.rules(|rules| *rules = reference::points());
            let facts = &case.shop.cards[&case.card].facts;
            let (deleted, blocked) = (facts.deleted, facts.blocked);
            let card = case.card;
            (case.shop.kept(card).facts.deleted, case.shop.kept(card).facts.blocked) = (false, false);
            let sold = case.shop.cards[&card].history.last().expect("the sale").event;
            case.shop.void(card, sold).expect("voided");
            (case.shop.kept(card).facts.deleted, case.shop.kept(card).facts.blocked) = (deleted, blocked);
            case.shop.book = book;
        }),
        (NeedsManager, role),
    ];
    // Nothing is left of a voided sale, so that nothing could be more than it.
    all_pairs(&case, &causes, &[(RefundExceeds, AlreadyVoided)]);
}

#[test]
fn voids() {
    let mut shop = Shop::new(reference::points());
    let card = shop.card();
    let sold = shop.sale(card, "t-1", 10_000, None).expect("100 points").event;
    let command = Command::Void { of: Target::Event(sold), elsewhere: Vec::new() };
    let case = Case { shop, card, command };
    let causes: [Cause; 8] = [
        (CardDeleted, deleted),
        (CardBlocked, blocked),
        (ForeignLedger, foreign),
        (RefundExceeds, |case| {
            case.shop.refund(case.card, "t-1", Some(100)).expect("a part");
        }),
        (DependentRedeemed, |case| {
            case.shop.adjust(case.card, -90, None).expect("spent");
        }),
        (VoidWindowPassed, |case| case.shop.later_s(601)),
        (AlreadyVoided, |case| {
            let Command::Void { of: Target::Event(event), .. } = case.command else { panic!("a void") };
            let before = std::mem::replace(&mut case.shop.actor, manager());
            case.shop.void(case.card, event).expect("voided");
            case.shop.actor = before;
        }),
        (NeedsManager, |case| case.shop.actor.till = Some(till("till-2"))),
    ];
    // A void and a refund of it, or what leans on it, exclude each other on one device.
    let mut exclude = vec![(AlreadyVoided, RefundExceeds), (AlreadyVoided, DependentRedeemed)];
    // The state of the card stands against the act that would make the other apply.
    for state in [CardDeleted, CardBlocked, ForeignLedger] {
        exclude.extend([RefundExceeds, DependentRedeemed, AlreadyVoided].map(|code| (state, code)));
    }
    all_pairs(&case, &causes, &exclude);
}

/// States of the card that come after the act, so that the pairs left out above are asked as well.
#[test]
fn states_come_before_what_stands_against_a_void() {
    for (state, code) in [(deleted as fn(&mut Case), CardDeleted), (blocked, CardBlocked), (foreign, ForeignLedger)] {
        let mut shop = Shop::new(reference::points());
        let card = shop.card();
        let sold = shop.sale(card, "t-1", 10_000, None).expect("100 points").event;
        shop.refund(card, "t-1", Some(100)).expect("a part");
        let command = Command::Void { of: Target::Event(sold), elsewhere: Vec::new() };
        let mut case = Case { shop, card, command };
        state(&mut case);
        assert_eq!(case.told().map(|refusal| refusal.code), Some(code));
    }
}

#[test]
fn staff_lift_a_weak_medium_for_redeeming_not_for_earning() {
    let mut case = stamp_case(reference::spend10(), sale(1500, Redeem::Rewards(1)));
    weak(&mut case);
    assert_eq!(case.told().map(|refusal| refusal.code), Some(GradeTooLow));
    case.shop.actor.staff = Some(StaffId(uuid::Uuid::nil()));
    assert_eq!(case.told(), None);
    case.command = Command::Sale(Sale { bill_minor: 1500, items: Vec::new(), redeem: None, phase: SalePhase::Now });
    assert_eq!(case.told().map(|refusal| refusal.code), Some(GradeTooLow));
    case.shop.grade = None;
    assert_eq!(case.told(), None, "where no medium was shown none is judged");
}

#[test]
fn a_paused_programme_takes_corrections_and_a_managers_gifts() {
    let mut case = stamp_case(reference::cafe10(), Command::RemoveVisits { count: 1 });
    paused(&mut case);
    assert_eq!(case.told(), None);
    case.command = Command::Adjust { value: 1, purchase_amount_minor: None, reason: None };
    assert_eq!(case.told().map(|refusal| refusal.code), Some(ProgrammePaused));
    case.shop.actor = manager();
    assert_eq!(case.told(), None);
}
