//! Base awards: what a tap, stamps, a purchase or a sale earns, with the multipliers of level and campaigns, rounded once.

use super::decide::{Ask, Item};
use super::rules::{ByAmount, Combine, Kind, Rules, TaxBasis};
use super::standing::Standing;
use super::{calendar, limits, round, sales};
use crate::pure::domain::entry::{Award, AwardSource, Rounding, Terms};

/// What is to be awarded for.
pub(super) struct Basis<'a> {
    /// A tap, stamps, a purchase or a sale.
    pub source: AwardSource,
    /// Units that the act itself names: of a tap, or counted by the staff.
    pub units: i64,
    /// The bill before anything is redeemed.
    pub bill_minor: i64,
    /// What is left to pay.
    pub paid_minor: i64,
    /// Its lines, where the till sent them.
    pub items: &'a [Item],
    /// The card is past its date: it earns nothing.
    pub expired: bool,
}

/// The base award.
pub(super) fn award(ask: &Ask, standing: &Standing, basis: &Basis) -> Award {
    let rules = ask.rules();
    let used = limits::used(ask, standing);
    let by_act = matches!(basis.source, AwardSource::Tap | AwardSource::Stamps);
    let multiplier = Multiplier::of(ask, standing);
    let earning_minor = if by_act { 0 } else { earning(rules, basis) };
    let too_small = basis.bill_minor < rules.earn.min_spend_minor;
    let item_units = if by_act || basis.paid_minor <= 0 { 0 } else { item_units(rules, basis.items) };
    let (terms, mut units) = if basis.expired || (!by_act && too_small) {
        (Terms::Nothing, 0)
    } else if by_act {
        (Terms::Fixed, basis.units)
    } else {
        by_amount(ask, standing, &multiplier, earning_minor, basis.paid_minor)
    };
    if terms != Terms::Nothing {
        units = units.saturating_add(item_units);
    }
    let units = units.clamp(0, round::UNITS_MAX);
    Award {
        source: basis.source,
        units,
        amount_minor: basis.paid_minor,
        earning_minor,
        item_units: if terms == Terms::Nothing { 0 } else { item_units },
        matures_ms: if units > 0 { calendar::ripens_ms(rules, ask.at) } else { None },
        expires_ms: if units > 0 { calendar::lot_end_ms(rules, ask.at) } else { None },
        tier: level(ask, standing).map(|index| rules.levels[index].name.clone()),
        campaigns: if units > 0 { multiplier.campaigns } else { Vec::new() },
        terms,
        before_in_transaction: used.in_transaction,
        before_in_day: used.in_day,
    }
}

/// The level at which the card earns now: pinned by head office, or reached.
pub(super) fn level(ask: &Ask, standing: &Standing) -> Option<usize> {
    level_of(ask.rules(), standing, ask.card.pinned_on(ask.at.date()))
}

/// The level that a standing has under these rules.
pub(super) fn level_of(rules: &Rules, standing: &Standing, pinned: Option<&str>) -> Option<usize> {
    let pinned = pinned.and_then(|name| rules.levels.iter().position(|level| level.name == name));
    pinned.or_else(|| rules.level_at(basis_of(rules, standing)))
}

/// The figure by which levels go.
pub(super) fn basis_of(rules: &Rules, standing: &Standing) -> i64 {
    match rules.level_basis {
        super::rules::LevelBasis::PointsEarned => standing.counters.qualifying,
        super::rules::LevelBasis::TxAmount => standing.counters.tx_amount_minor,
    }
}

fn by_amount(
    ask: &Ask,
    standing: &Standing,
    multiplier: &Multiplier,
    earning_minor: i64,
    paid_minor: i64,
) -> (Terms, i64) {
    let rules = ask.rules();
    let rated = |num: i64, den: i64, rounding: Rounding| {
        (Terms::Rate { num, den, rounding }, round::rate(earning_minor, num, den, rounding))
    };
    match rules.earn.by_amount {
        ByAmount::None if rules.kind == Kind::Visit && paid_minor > 0 => (Terms::Fixed, rules.earn.per_visit),
        ByAmount::None => (Terms::Fixed, 0),
        ByAmount::Steps { step_minor, units_per_step, carry } => {
            let carried_minor = carry.then_some(standing.counters.stepped_minor);
            let from = carried_minor.unwrap_or(0);
            let units = sales::due_with_carry(from.saturating_add(earning_minor), from, step_minor, units_per_step);
            (Terms::Steps { step_minor, units_per_step, carried_minor }, units)
        }
        ByAmount::Rate { units, per_minor, rounding } => {
            let (num, den) = reduced(
                i128::from(units) * i128::from(multiplier.num),
                i128::from(per_minor) * i128::from(multiplier.den),
            );
            rated(num, den, rounding)
        }
        ByAmount::Percent { rounding } => {
            let level_bp = level(ask, standing).map_or(0, |index| rules.levels[index].cashback_bp);
            let minor_per_unit = rules.money.map_or(1, |money| money.minor_per_unit.max(1));
            let (num, den) = reduced(
                i128::from(level_bp) * i128::from(multiplier.num)
                    + i128::from(multiplier.plus_bp) * i128::from(multiplier.den),
                10_000 * i128::from(multiplier.den) * i128::from(minor_per_unit),
            );
            rated(num, den, rounding)
        }
    }
}

/// The part of what is left to pay that earns: without excluded lines and, if so set, without tax; what was redeemed is
/// spread over all lines in proportion, rounded down.
fn earning(rules: &Rules, basis: &Basis) -> i64 {
    let eligible = if basis.items.is_empty() {
        basis.bill_minor
    } else {
        basis.items.iter().fold(0i64, |sum, item| sum.saturating_add(eligible_minor(rules, item)))
    };
    if rules.earn.redeemed_earns || basis.bill_minor <= 0 {
        return eligible;
    }
    if eligible == basis.bill_minor {
        return basis.paid_minor;
    }
    round::rate_down(eligible, basis.paid_minor, basis.bill_minor).max(0)
}

/// What one line adds to the amount that earns.
pub(super) fn eligible_minor(rules: &Rules, item: &Item) -> i64 {
    let exclude = &rules.earn.exclude;
    let excluded = exclude.skus.contains(&item.sku)
        || item.category.as_ref().is_some_and(|category| exclude.categories.contains(category))
        || (exclude.discounted && item.discounted);
    let tax_minor = match rules.earn.basis {
        TaxBasis::Gross => 0,
        TaxBasis::Net => item.tax_minor.unwrap_or(0),
    };
    if excluded { 0 } else { item.amount_minor.saturating_sub(tax_minor).max(0) }
}

fn item_units(rules: &Rules, items: &[Item]) -> i64 {
    items.iter().fold(0i64, |sum, item| {
        let awards = rules.earn.items.iter().filter(|award| {
            award.sku.as_ref().is_none_or(|sku| *sku == item.sku)
                && award.category.as_ref().is_none_or(|category| item.category.as_ref() == Some(category))
        });
        let units = awards.fold(0i64, |units, award| units.saturating_add(award.units));
        sum.saturating_add(units.saturating_mul(item.quantity.clamp(0, 1_000_000)))
    })
}

/// What level and campaigns multiply the base by, as a fraction, and what they add to a percentage.
pub(super) struct Multiplier {
    pub num: i64,
    pub den: i64,
    pub plus_bp: i64,
    /// The campaigns that have a part in it.
    pub campaigns: Vec<String>,
}

/// So many campaigns multiply at most, the first of the file; bounds the fraction.
const CAMPAIGNS_MAX: usize = 3;

impl Multiplier {
    pub(super) fn of(ask: &Ask, standing: &Standing) -> Self {
        let rules = ask.rules();
        let running: Vec<_> = (rules.campaigns.iter())
            .filter(|campaign| campaign.runs(ask.at, &ask.card.groups, !standing.first_earned))
            .filter(|campaign| campaign.multiplier_percent != 100 || campaign.plus_bp != 0)
            .collect();
        let tier_percent = level(ask, standing).map_or(100, |index| rules.levels[index].multiplier_percent);
        let percents: Vec<i64> = (running.iter())
            .map(|campaign| campaign.multiplier_percent)
            .filter(|percent| *percent != 100)
            .take(CAMPAIGNS_MAX)
            .collect();
        let factors: Vec<i64> = match (rules.combine, percents.last()) {
            (Combine::Replace, Some(last)) => vec![*last],
            (Combine::Max, Some(_)) => percents.into_iter().chain([tier_percent]).max().into_iter().collect(),
            (Combine::Product, Some(_)) => percents.into_iter().chain([tier_percent]).collect(),
            (_, None) => vec![tier_percent],
        };
        let (num, den) = factors
            .iter()
            .fold((1i128, 1i128), |(num, den), percent| (num * i128::from((*percent).clamp(0, 100_000)), den * 100));
        let (num, den) = reduced(num, den);
        let plus_bp = running.iter().fold(0i64, |sum, campaign| sum.saturating_add(campaign.plus_bp));
        Self { num, den, plus_bp, campaigns: running.iter().map(|campaign| campaign.name.clone()).collect() }
    }
}

/// The fraction in lowest terms; one beyond 64 bits is halved on both sides until it fits, which no checked rule file
/// reaches.
fn reduced(num: i128, den: i128) -> (i64, i64) {
    let (mut a, mut b) = (num.max(0), den.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let (mut num, mut den) = (num.max(0) / a.max(1), den.max(1) / a.max(1));
    while num > i128::from(i64::MAX) || den > i128::from(i64::MAX) {
        (num, den) = (num / 2, (den / 2).max(1));
    }
    (num as i64, den as i64)
}
