//! The reference programmes as values, for tests: `base::config` proves that the rule files that ship say the same.

use super::rules::*;
use crate::pure::domain::Grade;
use crate::pure::domain::entry::Rounding;

fn graded(rules: Rules) -> Rules {
    let limits = Limits { grade_earn: Some(Grade::D), grade_redeem: Some(Grade::B), ..rules.limits };
    Rules { limits, ..rules }
}

/// P1.
pub fn cafe10() -> Rules {
    graded(Rules {
        title: "Coffee card".to_owned(),
        tap_award: Some(1),
        earn: Earn { per_visit: 1, ..Earn::default() },
        limits: Limits { interval_s: Some(60), per_transaction: Some(4), per_day: Some(6), ..Limits::default() },
        goals: vec![Goal { at: 10, reward: "free_coffee".to_owned(), cost_minor: Some(80), ..Goal::default() }],
        reward_days: Some(30),
        bonus: BonusRules {
            first: 1,
            birthday: Some(BirthdayRules { times: 2, known_days: 30, every_days: 365 }),
            referrer: 2,
            friend: 1,
        },
        ..Rules::empty(Kind::Visit)
    })
}

/// P2.
pub fn spend10() -> Rules {
    let goal =
        Goal { at: 8, reward: "off5".to_owned(), worth: Worth::Off(500), cost_minor: Some(500), ..Goal::default() };
    graded(Rules {
        title: "Spend card".to_owned(),
        earn: Earn {
            per_visit: 1,
            by_amount: ByAmount::Steps { step_minor: 1000, units_per_step: 1, carry: true },
            ..Earn::default()
        },
        limits: Limits {
            cashier: RoleLimits { amount_minor: Some(50_000), ..RoleLimits::default() },
            ..Limits::default()
        },
        goals: vec![goal],
        ..Rules::empty(Kind::Spend)
    })
}

/// P2 with `shortfall = "debt"`.
pub fn spend10_debt() -> Rules {
    Rules { title: "Spend card with debt".to_owned(), shortfall: Shortfall::Debt, ..spend10() }
}

fn level(name: &str, from: i64, multiplier_percent: i64, cashback_bp: i64) -> Level {
    Level { name: name.to_owned(), from, multiplier_percent, cashback_bp }
}

/// P3.
pub fn points() -> Rules {
    let off5 = CatalogueReward {
        name: "off5".to_owned(),
        units: 100,
        worth: Worth::Off(500),
        cost_minor: Some(500),
        ..CatalogueReward::default()
    };
    let free_item = CatalogueReward {
        name: "free_item".to_owned(),
        units: 250,
        cost_minor: Some(600),
        ..CatalogueReward::default()
    };
    graded(Rules {
        title: "Points card".to_owned(),
        earn: Earn {
            per_visit: 1,
            by_amount: ByAmount::Rate { units: 1, per_minor: 100, rounding: Rounding::Down },
            ..Earn::default()
        },
        catalogue: vec![off5, free_item],
        levels: vec![level("Bronze", 0, 100, 0), level("Silver", 500, 125, 0), level("Gold", 1500, 150, 0)],
        lots: LotExpiry::Days { days: 365 },
        unit_cost_minor: Some(5),
        ..Rules::empty(Kind::Points)
    })
}

/// P3 with 14 days pending.
pub fn points_pending14() -> Rules {
    Rules { title: "Points card, 14 days pending".to_owned(), pending_days: 14, ..points() }
}

/// P4.
pub fn cashback3() -> Rules {
    graded(Rules {
        title: "Cashback card".to_owned(),
        earn: Earn { per_visit: 1, by_amount: ByAmount::Percent { rounding: Rounding::HalfUp }, ..Earn::default() },
        money: Some(Money { minor_per_unit: 1, cap_percent: 50, offline: OfflineRedeem::Limit }),
        levels: vec![level("L1", 0, 100, 100), level("L2", 50_000, 100, 300), level("L3", 200_000, 100, 500)],
        level_basis: LevelBasis::TxAmount,
        unit_cost_minor: Some(1),
        ..Rules::empty(Kind::Cashback)
    })
}

/// P4 with a happy hour.
pub fn cashback3_happy() -> Rules {
    let campaign = Campaign {
        name: "happy_hour".to_owned(),
        from_time: Some(jiff::civil::time(14, 0, 0, 0)),
        until_time: Some(jiff::civil::time(16, 0, 0, 0)),
        multiplier_percent: 100,
        plus_bp: 200,
        ..Campaign::default()
    };
    Rules { title: "Cashback card with happy hour".to_owned(), campaigns: vec![campaign], ..cashback3() }
}

/// All of them with the name of their file.
pub fn all() -> [(&'static str, Rules); 7] {
    [
        ("cafe10", cafe10()),
        ("spend10", spend10()),
        ("spend10_debt", spend10_debt()),
        ("points", points()),
        ("points_pending14", points_pending14()),
        ("cashback3", cashback3()),
        ("cashback3_happy", cashback3_happy()),
    ]
}
