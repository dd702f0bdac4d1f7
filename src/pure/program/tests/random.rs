//! A seeded source of shops' days: programmes, customers and acts, plausible more often than not.

use super::shop::*;
use crate::pure::domain::entry::{Carried, Counters, CouponTerms, Lot};
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::*;
use crate::pure::program::rules::*;
use crate::pure::program::*;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to choose acts.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.roll() % (high - low + 1) as u64) as i64
    }

    /// In `n` of 100 rolls.
    pub(super) fn percent(&mut self, n: u64) -> bool {
        self.roll() % 100 < n
    }

    pub(super) fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        things[(self.roll() % things.len() as u64) as usize].clone()
    }
}

/// The reference programmes and some that use what these do not.
pub(super) fn programmes() -> Vec<(&'static str, Rules)> {
    let mut programmes: Vec<_> = reference::all().into_iter().collect();
    let goal = |at, reward: &str| Goal { at, reward: reward.to_owned(), worth: Worth::Off(200), ..Goal::default() };
    let milestones = Rules {
        goals: vec![goal(3, "tea"), goal(6, "cake"), goal(9, "lunch")],
        consume: Consume::Redeem,
        limits: Limits::default(),
        ..reference::cafe10()
    };
    programmes.push(("milestones", milestones));
    let steps = ByAmount::Steps { step_minor: 700, units_per_step: 2, carry: false };
    let no_carry = Rules {
        earn: Earn { by_amount: steps, min_spend_minor: 300, ..Earn::default() },
        lots: LotExpiry::Inactivity { days: 40 },
        campaigns: vec![Campaign {
            name: "tuesday".to_owned(),
            weekdays: vec![jiff::civil::Weekday::Tuesday],
            multiplier_percent: 150,
            ..Campaign::default()
        }],
        ..reference::spend10_debt()
    };
    programmes.push(("no_carry", no_carry));
    let strict = Rules {
        negative_on_refund: false,
        pending_days: 3,
        lots: LotExpiry::Days { days: 20 },
        limits: Limits { per_day: Some(400), ..Limits::default() },
        ..reference::points()
    };
    programmes.push(("strict", strict));
    programmes
}

pub(super) fn shop(dice: &mut Dice) -> (Shop, Vec<Serial>) {
    let (_, rules) = dice.one_of(&programmes());
    let mut shop = Shop::new(rules);
    shop.actor = manager();
    let cards = vec![shop.card(), shop.card()];
    let ann = cards[0];
    shop.kept(cards[1]).facts.referrer = Some(ann);
    if dice.percent(40) {
        shop.kept(ann).facts.birth = Some(Birth {
            date: jiff::civil::date(1990, 5, dice.between(4, 12) as i8),
            known_since: jiff::civil::date(2026, 1, 1),
        });
    }
    if dice.percent(15) {
        let last = jiff::civil::date(2026, 5, dice.between(4, 20) as i8);
        shop.kept(ann).facts.expires_on = Some(last);
    }
    if dice.percent(30) {
        let lots = vec![Lot { expires_ms: i64::MAX, since_ms: 0, units: dice.between(1, 700) }];
        let counters = Counters { visits: dice.between(0, 9), ..Counters::default() };
        shop.opening(ann, Carried { lots, counters, ..Carried::default() });
    }
    (shop, cards)
}

/// Lets time pass: seconds mostly, sometimes days, rarely a year.
pub(super) fn pass(dice: &mut Dice, shop: &mut Shop) {
    let ms = match dice.between(0, 99) {
        0..50 => dice.between(0, 120_000),
        50..85 => dice.between(0, 86_400_000),
        85..98 => dice.between(0, 20 * 86_400_000),
        _ => dice.between(0, 400 * 86_400_000),
    };
    shop.at.ms += ms;
}

fn event_of(dice: &mut Dice, shop: &Shop, card: Serial) -> Option<EventId> {
    let history = &shop.cards[&card].history;
    (!history.is_empty()).then(|| dice.one_of(history).event)
}

fn redeem(dice: &mut Dice, shop: &Shop, card: Serial) -> Option<Redeem> {
    if !dice.percent(50) {
        return None;
    }
    let rules = shop.book.current().1;
    let available = shop.standing(card).available();
    Some(if rules.kind.is_stamps() {
        Redeem::Rewards(dice.between(1, 3))
    } else if rules.money.is_some() {
        if dice.percent(40) { Redeem::ValueMax } else { Redeem::Value(dice.between(1, available.clamp(1, 5000))) }
    } else {
        let reward = dice.one_of(&rules.catalogue);
        Redeem::Reward { name: reward.name, count: dice.between(1, 2) }
    })
}

pub(super) fn sale(dice: &mut Dice, shop: &Shop, card: Serial) -> Sale {
    let bill_minor = if dice.percent(10) { dice.between(0, 3) } else { dice.between(0, 9000) };
    let redeem = redeem(dice, shop, card);
    let mut items = Vec::new();
    if dice.percent(20) {
        let amount_minor = if dice.percent(80) { bill_minor } else { 7 };
        let sku = "tea".to_owned();
        items.push(Item { sku, category: None, quantity: 1, amount_minor, tax_minor: None, discounted: false });
    }
    Sale { bill_minor, items, redeem, phase: SalePhase::Now }
}

/// One act on one card. Some will be malformed or refused; that is part of the days of a shop.
pub(super) fn command(dice: &mut Dice, shop: &mut Shop, card: Serial, other: Serial) -> Command {
    let amount = dice.between(1, 12_000);
    let small = dice.between(1, 4);
    let target = event_of(dice, shop, card).map(Target::Event);
    let held = shop.standing(card).held.first().map(|held| held.sale);
    match dice.between(0, 99) {
        0..12 => Command::Tap,
        12..20 => Command::Stamps { count: small, adds_to_visit: false },
        20..30 => Command::Purchase { amount_minor: amount, purchase_amount_minor: None },
        30..52 => Command::Sale(sale(dice, shop, card)),
        52..57 => match held {
            Some(sale) if dice.percent(30) => Command::CancelSale { sale },
            Some(id) => Command::Sale(Sale { phase: SalePhase::Complete(id), ..sale(dice, shop, card) }),
            None => {
                let id = shop.sale_id();
                Command::Sale(Sale { phase: SalePhase::Open(id), ..sale(dice, shop, card) })
            }
        },
        57..67 => {
            let of = target.unwrap_or(Target::Txn("none".to_owned()));
            let amount_minor = if dice.percent(50) { None } else { Some(amount / 2) };
            Command::Refund { of, amount_minor, items: Vec::new() }
        }
        67..71 => {
            let of = if dice.percent(50) { target } else { None };
            Command::SubtractAmount { amount_minor: amount / 3 + 1, purchase_amount_minor: None, of }
        }
        71..79 => {
            let balance = shop.standing(card).available();
            let value = if dice.percent(50) { small * 3 } else { -dice.between(1, balance.clamp(1, 500)) };
            let purchase_amount_minor = dice.percent(50).then_some(amount);
            Command::Adjust { value, purchase_amount_minor, reason: None }
        }
        79..82 => Command::RewardAdd { count: small, amount_minor: 0 },
        82..88 => {
            let why = dice.one_of(&[RemoveReason::Redeem, RemoveReason::Correction, RemoveReason::Expired]);
            Command::RewardRemove { count: dice.between(1, 2), amount_minor: 0, why }
        }
        88..90 => Command::RemoveVisits { count: small },
        90..96 => Command::Void { of: target.unwrap_or(Target::Txn("none".to_owned())), elsewhere: Vec::new() },
        96..97 => Command::Transfer { to: shop.cards[&other].facts.clone() },
        97..98 => Command::Merge { into: shop.cards[&other].facts.clone() },
        _ => {
            let coupon = CouponId(uuid::Uuid::from_u128(u128::from(small as u64)));
            let terms = CouponTerms {
                name: "coupon".to_owned(),
                value_minor: Some(amount),
                reward: None,
                valid_until_ms: None,
                entry: dice.percent(50),
            };
            let act = dice.one_of(&[CouponAct::Assign(terms), CouponAct::Claim, CouponAct::Use, CouponAct::Withdraw]);
            Command::Coupon { coupon, act }
        }
    }
}
