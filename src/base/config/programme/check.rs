//! The checks of a rule file: bounds, combinations, names. What passes is a programme that means something.

use jiff::civil::{Date, Time, Weekday};
use toml::value::Datetime;

use super::{Problems, raw};
use crate::pure::domain::Grade;
use crate::pure::domain::entry::Rounding;
use crate::pure::program::Rules;
use crate::pure::program::round::{AMOUNT_MAX_MINOR, UNITS_MAX};
use crate::pure::program::rules::*;

/// No rule needs more units than this at once.
const UNITS: i64 = 1_000_000;
/// Ten years.
const DAYS: i64 = 3660;

pub(super) fn rules(file: &raw::File, problems: &mut Problems) -> Rules {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kind = one_of(problems, "kind", Some(&file.kind), &Kind::ALL.map(|kind| (kind.name(), kind)), Kind::Visit);
    if !kinds.contains(&file.kind.as_str()) {
        // Everything else depends on it.
        return Rules::empty(kind);
    }
    let mut rules = Rules::empty(kind);
    general(file, problems, &mut rules);
    earn(file, problems, &mut rules);
    limits(file, problems, &mut rules);
    goals(file, problems, &mut rules);
    catalogue(file, problems, &mut rules);
    levels(file, problems, &mut rules);
    endings(file, problems, &mut rules);
    bonuses(file, problems, &mut rules);
    corrections(file, problems, &mut rules);
    rules.campaigns = file
        .campaign
        .iter()
        .enumerate()
        .map(|(place, raw)| campaign(kind, &format!("campaign[{place}]"), raw, problems))
        .collect();
    unique(problems, "campaign", rules.campaigns.iter().map(|campaign| campaign.name.as_str()));
    rules
}

fn general(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    if file.title.trim().is_empty() || file.title.chars().count() > 80 {
        problems.add("title", "the title is empty or too long", "Give 1 to 80 characters: what people call the card.");
    }
    rules.title = file.title.trim().to_owned();
    if let Some(unit) = &file.unit {
        rules.unit = name(problems, "unit", unit);
    }
    if let Some(scale) = file.scale {
        rules.scale = problems.bounded("scale", scale, 0..=4) as u8;
    }
    rules.tap_award = file.tap_award.map(|units| problems.bounded("tap_award", units, 1..=UNITS));
    let modes = [("own", LedgerMode::Own), ("foreign", LedgerMode::Foreign)];
    rules.ledger_mode = one_of(problems, "ledger_mode", file.ledger_mode.as_deref(), &modes, LedgerMode::Own);
    rules.paused = file.paused.unwrap_or(false);
    rules.starts = date(problems, "starts", file.starts);
    rules.ends = date(problems, "ends", file.ends);
    if rules.starts.zip(rules.ends).is_some_and(|(starts, ends)| ends < starts) {
        problems.add("ends", "the programme ends before it starts", "Give a last day that is not before the first.");
    }
    let combines = [("replace", Combine::Replace), ("max", Combine::Max), ("product", Combine::Product)];
    rules.combine = one_of(problems, "combine", file.combine.as_deref(), &combines, Combine::Product);
    rules.unit_cost_minor = file.cost_minor.map(|cost| problems.bounded("cost_minor", cost, 0..=AMOUNT_MAX_MINOR));
}

fn earn(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let raw = &file.earn;
    let kind = rules.kind;
    let by_amount = kind != Kind::Visit;
    only(problems, "earn.per_visit", raw.per_visit.is_some(), !by_amount, "cards that earn by visit");
    only(problems, "earn.step_minor", raw.step_minor.is_some(), kind == Kind::Spend, "kind = \"spend\"");
    only(problems, "earn.carry", raw.carry.is_some(), kind == Kind::Spend, "kind = \"spend\"");
    only(problems, "earn.per_minor", raw.per_minor.is_some(), kind == Kind::Points, "kind = \"points\"");
    let rated = matches!(kind, Kind::Spend | Kind::Points);
    only(problems, "earn.units", raw.units.is_some(), rated, "kind = \"spend\" or \"points\"");
    let rounded = matches!(kind, Kind::Points | Kind::Cashback);
    only(problems, "earn.rounding", raw.rounding.is_some(), rounded, "kind = \"points\" or \"cashback\"");
    let roundings = [("down", Rounding::Down), ("half_up", Rounding::HalfUp)];
    let default = if kind == Kind::Cashback { Rounding::HalfUp } else { Rounding::Down };
    let rounding = one_of(problems, "earn.rounding", raw.rounding.as_deref(), &roundings, default);
    let units = problems.bounded("earn.units", raw.units.unwrap_or(1), 1..=UNITS);
    rules.earn.per_visit = problems.bounded("earn.per_visit", raw.per_visit.unwrap_or(1), 0..=UNITS);
    rules.earn.by_amount = match kind {
        Kind::Visit => ByAmount::None,
        Kind::Spend => {
            let step_minor = needed(problems, "earn.step_minor", raw.step_minor, 1..=1_000_000_000);
            ByAmount::Steps { step_minor, units_per_step: units, carry: raw.carry.unwrap_or(true) }
        }
        Kind::Points => {
            let per_minor = needed(problems, "earn.per_minor", raw.per_minor, 1..=1_000_000_000);
            ByAmount::Rate { units, per_minor, rounding }
        }
        Kind::Cashback => ByAmount::Percent { rounding },
    };
    rules.earn.min_spend_minor =
        problems.bounded("earn.min_spend_minor", raw.min_spend_minor.unwrap_or(0), 0..=AMOUNT_MAX_MINOR);
    let bases = [("gross", TaxBasis::Gross), ("net", TaxBasis::Net)];
    rules.earn.basis = one_of(problems, "earn.basis", raw.basis.as_deref(), &bases, TaxBasis::Gross);
    rules.earn.redeemed_earns = raw.redeemed_earns.unwrap_or(false);
    rules.earn.exclude = Exclude {
        skus: raw.exclude.skus.clone(),
        categories: raw.exclude.categories.clone(),
        discounted: raw.exclude.discounted,
    };
    for (place, item) in raw.item.iter().enumerate() {
        let key = format!("earn.item[{place}]");
        if item.sku.is_none() && item.category.is_none() {
            problems.add(&key, "the line names neither sku nor category", "Say with `sku` or `category` what earns.");
        }
        let units = problems.bounded(&format!("{key}.units"), item.units, 1..=UNITS);
        rules.earn.items.push(ItemAward { sku: item.sku.clone(), category: item.category.clone(), units });
    }
}

fn limits(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let raw = &file.limits;
    let role = |problems: &mut Problems, name: &str, raw: &raw::Role| RoleLimits {
        value: bounded(problems, &format!("limits.{name}.value"), raw.value, 0..=UNITS_MAX),
        amount_minor: bounded(problems, &format!("limits.{name}.amount_minor"), raw.amount_minor, 0..=AMOUNT_MAX_MINOR),
        entries_per_day: bounded(problems, &format!("limits.{name}.entries_per_day"), raw.entries_per_day, 0..=UNITS),
    };
    let grade = |problems: &mut Problems, key: &str, text: &Option<String>, default: Grade| {
        let grades = [Grade::A, Grade::B, Grade::C, Grade::CMinus, Grade::D].map(|grade| (grade.name(), grade));
        Some(one_of(problems, key, text.as_deref(), &grades, default))
    };
    rules.limits = Limits {
        interval_s: bounded(problems, "limits.interval_s", raw.interval_s, 1..=86_400),
        per_transaction: bounded(problems, "limits.per_transaction", raw.per_transaction, 1..=UNITS),
        per_day: bounded(problems, "limits.per_day", raw.per_day, 1..=UNITS),
        rolling: raw.rolling.as_ref().map(|rolling| Rolling {
            hours: problems.bounded("limits.rolling.hours", rolling.hours, 1..=48),
            units: problems.bounded("limits.rolling.units", rolling.units, 1..=UNITS),
        }),
        cashier: role(problems, "cashier", &raw.cashier),
        manager: role(problems, "manager", &raw.manager),
        grade_earn: grade(problems, "limits.grade_earn", &raw.grade_earn, Grade::D),
        grade_redeem: grade(problems, "limits.grade_redeem", &raw.grade_redeem, Grade::B),
    };
    if let (Some(award), Some(most)) = (rules.tap_award, rules.limits.per_transaction)
        && award > most
    {
        problems.add("limits.per_transaction", "no tap could ever earn", "Give at least what `tap_award` says.");
    }
}

fn goals(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let stamps = rules.kind.is_stamps();
    only(problems, "goal", !file.goal.is_empty(), stamps, "stamp cards; points buy from [[catalogue]]");
    if stamps && file.goal.is_empty() {
        problems.add("kind", "a stamp card without a goal gives no reward", "Add a [[goal]] with `at` and `reward`.");
    }
    let mut before = 0;
    for (place, raw) in file.goal.iter().enumerate() {
        let key = |name: &str| format!("goal[{place}].{name}");
        let at = problems.bounded(&key("at"), raw.at, 1..=UNITS);
        if at <= before {
            problems.add(&key("at"), "goals do not rise", "Order the goals by `at`, each higher than the one before.");
        }
        before = at;
        rules.goals.push(Goal {
            at,
            reward: name(problems, &key("reward"), &raw.reward),
            worth: worth(problems, &key("value_minor"), raw.value_minor),
            cost_minor: bounded(problems, &key("cost_minor"), raw.cost_minor, 0..=AMOUNT_MAX_MINOR),
            offline: offline(problems, &key("offline_redeem"), raw.offline_redeem.as_deref()),
        });
    }
    unique(problems, "goal", rules.goals.iter().map(|goal| goal.reward.as_str()));
    only(problems, "consume", file.consume.is_some(), stamps, "stamp cards");
    let consumes = [("unlock", Consume::Unlock), ("redeem", Consume::Redeem)];
    rules.consume = one_of(problems, "consume", file.consume.as_deref(), &consumes, Consume::Unlock);
    rules.reward_days = days(problems, "rewards.expire_days", file.rewards.expire_days);
}

fn catalogue(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let stamps = rules.kind.is_stamps();
    only(problems, "catalogue", !file.catalogue.is_empty(), !stamps, "cards with points; stamps have [[goal]]");
    only(problems, "money", file.money.is_some(), !stamps, "cards with points");
    for (place, raw) in file.catalogue.iter().enumerate() {
        let key = |name: &str| format!("catalogue[{place}].{name}");
        rules.catalogue.push(CatalogueReward {
            name: name(problems, &key("name"), &raw.name),
            units: problems.bounded(&key("units"), raw.units, 1..=UNITS_MAX),
            worth: worth(problems, &key("value_minor"), raw.value_minor),
            cost_minor: bounded(problems, &key("cost_minor"), raw.cost_minor, 0..=AMOUNT_MAX_MINOR),
            offline: offline(problems, &key("offline_redeem"), raw.offline_redeem.as_deref()),
        });
    }
    unique(problems, "catalogue", rules.catalogue.iter().map(|reward| reward.name.as_str()));
    if rules.kind == Kind::Cashback && file.money.is_none() {
        problems.add(
            "kind",
            "cashback points are money, but nothing says their worth",
            "Add [money] with minor_per_unit.",
        );
    }
    rules.money = file.money.as_ref().map(|raw| Money {
        minor_per_unit: problems.bounded("money.minor_per_unit", raw.minor_per_unit, 1..=1_000_000),
        cap_percent: problems.bounded("money.cap_percent", raw.cap_percent.unwrap_or(100), 1..=100),
        offline: offline(problems, "money.offline_redeem", raw.offline_redeem.as_deref()),
    });
}

fn levels(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let bases = [LevelBasis::PointsEarned, LevelBasis::TxAmount].map(|basis| (basis.name(), basis));
    let cashback = rules.kind == Kind::Cashback;
    let default = if cashback { LevelBasis::TxAmount } else { LevelBasis::PointsEarned };
    rules.level_basis = one_of(problems, "level_basis", file.level_basis.as_deref(), &bases, default);
    if cashback && file.level.is_empty() {
        problems.add("kind", "nothing says the percentage", "Add a [[level]] with from = 0 and cashback_bp.");
    }
    for (place, raw) in file.level.iter().enumerate() {
        let key = |name: &str| format!("level[{place}].{name}");
        only(problems, &key("cashback_bp"), raw.cashback_bp.is_some(), cashback, "kind = \"cashback\"");
        let from = problems.bounded(&key("from"), raw.from, 0..=UNITS_MAX);
        match rules.levels.last() {
            None if from != 0 => {
                problems.add(
                    &key("from"),
                    "the first level does not start at 0",
                    "Start the first level with from = 0.",
                );
            }
            Some(before) if before.from >= from => {
                problems.add(
                    &key("from"),
                    "levels do not rise",
                    "Order the levels by `from`, each above the one before.",
                );
            }
            _ => {}
        }
        let cashback_bp = match raw.cashback_bp {
            None if cashback => needed(problems, &key("cashback_bp"), None, 0..=10_000),
            percentage => problems.bounded(&key("cashback_bp"), percentage.unwrap_or(0), 0..=10_000),
        };
        rules.levels.push(Level {
            name: shown(problems, &key("name"), &raw.name),
            from,
            multiplier_percent: problems.bounded(
                &key("multiplier_percent"),
                raw.multiplier_percent.unwrap_or(100),
                1..=1000,
            ),
            cashback_bp,
        });
    }
    unique(problems, "level", rules.levels.iter().map(|level| level.name.as_str()));
}

fn endings(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let raw = &file.lots;
    let on = date(problems, "lots.on", raw.on);
    let small = |problems: &mut Problems, key: &str, count: Option<i64>| {
        problems.bounded(key, count.unwrap_or(0), 0..=1200) as u32
    };
    rules.lots = match raw.expire.as_deref() {
        None | Some("never") => LotExpiry::Never,
        Some("fixed") => LotExpiry::Fixed { on: on.unwrap_or_else(|| missing(problems, "lots.on")) },
        Some("days") => LotExpiry::Days { days: needed(problems, "lots.days", raw.days, 0..=DAYS) as u32 },
        Some("end_of_month") => LotExpiry::EndOfMonth { months: small(problems, "lots.months", raw.months) },
        Some("end_of_year") => LotExpiry::EndOfYear { years: small(problems, "lots.years", raw.years) },
        Some("inactivity") => LotExpiry::Inactivity { days: needed(problems, "lots.days", raw.days, 1..=DAYS) as u32 },
        Some(_) => {
            let words = ["never", "fixed", "days", "end_of_month", "end_of_year", "inactivity"];
            problems.add(
                "lots.expire",
                "not one of the ways in which lots end",
                format!("Use one of {}.", list(&words)),
            );
            LotExpiry::Never
        }
    };
    let ways = raw.expire.as_deref().unwrap_or("never");
    only(problems, "lots.on", raw.on.is_some(), ways == "fixed", "expire = \"fixed\"");
    let by_days = matches!(ways, "days" | "inactivity");
    only(problems, "lots.days", raw.days.is_some(), by_days, "expire = \"days\" or \"inactivity\"");
    only(problems, "lots.months", raw.months.is_some(), ways == "end_of_month", "expire = \"end_of_month\"");
    only(problems, "lots.years", raw.years.is_some(), ways == "end_of_year", "expire = \"end_of_year\"");
    let pending = days(problems, "pending.days", file.pending.days).unwrap_or(0);
    only(problems, "pending.days", pending > 0, !rules.kind.is_stamps(), "cards with points");
    rules.pending_days = pending;
    let card = &file.card;
    rules.card_expiry = match card.expire.as_deref() {
        None | Some("never") => CardExpiry::Never,
        Some("fixed") => {
            let on = date(problems, "card.on", card.on);
            CardExpiry::Fixed { on: on.unwrap_or_else(|| missing(problems, "card.on")) }
        }
        Some("days") => CardExpiry::Days { days: needed(problems, "card.days", card.days, 1..=DAYS) as u32 },
        Some(_) => {
            problems.add(
                "card.expire",
                "not one of the ways in which cards end",
                "Use \"never\", \"fixed\" or \"days\".",
            );
            CardExpiry::Never
        }
    };
    let policies = [("allow", true), ("deny", false)];
    rules.expired_redeem = one_of(problems, "card.expired_redeem", card.expired_redeem.as_deref(), &policies, true);
}

fn bonuses(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let raw = &file.bonus;
    rules.bonus = BonusRules {
        first: problems.bounded("bonus.first", raw.first.unwrap_or(0), 0..=UNITS),
        birthday: raw.birthday.as_ref().map(|birthday| BirthdayRules {
            times: problems.bounded("bonus.birthday.times", birthday.times, 2..=10),
            known_days: problems.bounded("bonus.birthday.known_days", birthday.known_days.unwrap_or(30), 0..=DAYS),
            every_days: problems.bounded("bonus.birthday.every_days", birthday.every_days.unwrap_or(365), 1..=DAYS),
        }),
        referrer: raw
            .referral
            .as_ref()
            .map_or(0, |referral| problems.bounded("bonus.referral.referrer", referral.referrer, 0..=UNITS)),
        friend: raw
            .referral
            .as_ref()
            .map_or(0, |referral| problems.bounded("bonus.referral.friend", referral.friend, 0..=UNITS)),
    };
}

fn corrections(file: &raw::File, problems: &mut Problems, rules: &mut Rules) {
    let stamps = rules.kind.is_stamps();
    let raw = &file.correction;
    only(problems, "correction.shortfall", raw.shortfall.is_some(), stamps, "stamp cards");
    let negative = raw.negative_on_refund.is_some();
    only(problems, "correction.negative_on_refund", negative, !stamps, "cards with points");
    let shortfalls = [("written_off", Shortfall::WrittenOff), ("debt", Shortfall::Debt)];
    rules.shortfall =
        one_of(problems, "correction.shortfall", raw.shortfall.as_deref(), &shortfalls, Shortfall::WrittenOff);
    rules.negative_on_refund = raw.negative_on_refund.unwrap_or(rules.negative_on_refund);
    let counts = [("always", CountEarns::Always), ("when_awarded", CountEarns::WhenAwarded)];
    let visits = &file.visits;
    rules.visits.earn = one_of(problems, "visits.earn", visits.earn.as_deref(), &counts, rules.visits.earn);
    rules.visits.manual = visits.manual.unwrap_or(rules.visits.manual);
    let per_visit = visits.units_per_visit;
    only(problems, "visits.units_per_visit", per_visit.is_some(), rules.kind == Kind::Visit, "kind = \"visit\"");
    rules.units_per_visit = problems.bounded("visits.units_per_visit", per_visit.unwrap_or(1), 0..=UNITS);
}

fn campaign(kind: Kind, key: &str, raw: &raw::Campaign, problems: &mut Problems) -> Campaign {
    let at = |name: &str| format!("{key}.{name}");
    only(problems, &at("plus_bp"), raw.plus_bp.is_some(), kind == Kind::Cashback, "kind = \"cashback\"");
    let campaign = Campaign {
        name: shown(problems, &at("name"), &raw.name),
        from: date(problems, &at("from"), raw.from),
        until: date(problems, &at("until"), raw.until),
        weekdays: raw.weekdays.iter().filter_map(|day| weekday(problems, &at("weekdays"), day)).collect(),
        from_time: time(problems, &at("from_time"), raw.from_time),
        until_time: time(problems, &at("until_time"), raw.until_time),
        groups: raw.groups.clone(),
        first_visit: raw.first_visit,
        multiplier_percent: problems.bounded(
            &at("multiplier_percent"),
            raw.multiplier_percent.unwrap_or(100),
            1..=1000,
        ),
        plus_bp: problems.bounded(&at("plus_bp"), raw.plus_bp.unwrap_or(0), 0..=10_000),
        bonus: problems.bounded(&at("bonus"), raw.bonus.unwrap_or(0), 0..=UNITS),
        once: raw.once,
    };
    if campaign.multiplier_percent == 100 && campaign.plus_bp == 0 && campaign.bonus == 0 {
        problems.add(key, "the campaign gives nothing", "Add multiplier_percent, plus_bp or bonus.");
    }
    if campaign.from.zip(campaign.until).is_some_and(|(from, until)| until < from) {
        problems.add(
            &at("until"),
            "the campaign ends before it starts",
            "Give a last day that is not before the first.",
        );
    }
    campaign
}

// ---- values

fn one_of<T: Copy>(problems: &mut Problems, key: &str, text: Option<&str>, words: &[(&str, T)], default: T) -> T {
    let Some(text) = text else { return default };
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => *value,
        None => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            problems.add(key, format!("\"{text}\" is not known here"), format!("Use one of {}.", list(&words)));
            default
        }
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn only(problems: &mut Problems, key: &str, given: bool, fits: bool, place: &str) {
    if given && !fits {
        problems.add(key, "the key does not belong to this kind of card", format!("Remove it; it is for {place}."));
    }
}

fn bounded(
    problems: &mut Problems,
    key: &str,
    value: Option<i64>,
    bounds: std::ops::RangeInclusive<i64>,
) -> Option<i64> {
    value.map(|value| problems.bounded(key, value, bounds))
}

fn needed(problems: &mut Problems, key: &str, value: Option<i64>, bounds: std::ops::RangeInclusive<i64>) -> i64 {
    match value {
        Some(value) => problems.bounded(key, value, bounds),
        None => {
            let (low, high) = (*bounds.start(), *bounds.end());
            problems.add(key, "the key is missing", format!("Add it, a whole number from {low} to {high}."));
            low
        }
    }
}

fn missing(problems: &mut Problems, key: &str) -> Date {
    problems.add(key, "the day is missing", "Add it, as in 2027-12-31.");
    Date::MAX
}

fn days(problems: &mut Problems, key: &str, count: Option<i64>) -> Option<u32> {
    count.map(|count| problems.bounded(key, count, 0..=DAYS) as u32)
}

fn worth(problems: &mut Problems, key: &str, value_minor: Option<i64>) -> Worth {
    value_minor.map_or(Worth::Item, |value| Worth::Off(problems.bounded(key, value, 1..=AMOUNT_MAX_MINOR)))
}

fn offline(problems: &mut Problems, key: &str, text: Option<&str>) -> OfflineRedeem {
    let words = [("allow", OfflineRedeem::Allow), ("limit", OfflineRedeem::Limit), ("deny", OfflineRedeem::Deny)];
    one_of(problems, key, text, &words, OfflineRedeem::Limit)
}

fn name(problems: &mut Problems, key: &str, text: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
        problems.add(key, format!("\"{text}\" is no name"), "Use 1 to 64 of a-z, 0-9, '_' and '-'.");
    }
    text.to_owned()
}

/// A name that customers read.
fn shown(problems: &mut Problems, key: &str, text: &str) -> String {
    let length = text.chars().count();
    if text.trim() != text || !(1..=64).contains(&length) || text.chars().any(char::is_control) {
        problems.add(key, "no name to show", "Use 1 to 64 printable characters without space at the ends.");
    }
    text.to_owned()
}

fn unique<'a>(problems: &mut Problems, key: &str, names: impl Iterator<Item = &'a str>) {
    let mut seen = std::collections::BTreeSet::new();
    for (place, name) in names.enumerate() {
        if !seen.insert(name) {
            problems.add(&format!("{key}[{place}]"), format!("the name \"{name}\" stands twice"), "Name each once.");
        }
    }
}

fn date(problems: &mut Problems, key: &str, value: Option<Datetime>) -> Option<Date> {
    let value = value?;
    let date = match (value.date, value.time, value.offset) {
        (Some(date), None, None) => Date::new(date.year as i16, date.month as i8, date.day as i8).ok(),
        _ => None,
    };
    if date.is_none() {
        problems.add(key, format!("{value} is no day"), "Write a day without time, as in 2026-12-31.");
    }
    date
}

fn time(problems: &mut Problems, key: &str, value: Option<Datetime>) -> Option<Time> {
    let value = value?;
    let time = match (value.date, value.time, value.offset) {
        (None, Some(time), None) => {
            Time::new(time.hour as i8, time.minute as i8, time.second.unwrap_or(0) as i8, 0).ok()
        }
        _ => None,
    };
    if time.is_none() {
        problems.add(key, format!("{value} is no time of day"), "Write a local time, as in 14:00:00.");
    }
    time
}

fn weekday(problems: &mut Problems, key: &str, text: &str) -> Option<Weekday> {
    let days = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    let found = days.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
    if found.is_none() {
        let words = days.map(|(name, _)| name);
        problems.add(key, format!("\"{text}\" is no day of the week"), format!("Use {}.", list(&words)));
    }
    found
}
