//! A programme said in plain sentences, for `stampd programme explain`. English; the only sentences of this module.

use jiff::civil::Time;

use super::rules::*;
use crate::pure::domain::entry::Rounding;
use crate::pure::domain::money::decimal;

/// What part of the rules a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// What the card is.
    Card,
    /// How it earns.
    Earning,
    /// What may be redeemed.
    Rewards,
    /// Levels.
    Levels,
    /// Bonuses and campaigns.
    Bonuses,
    /// Limits.
    Limits,
    /// What ends when.
    Expiry,
    /// Refunds, corrections, visits.
    Corrections,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// What it is about.
    pub subject: Subject,
    /// The sentence.
    pub text: String,
}

/// Says a programme. `minor_digits` are the decimal places of the shop's currency.
pub fn explain(rules: &Rules, minor_digits: u8) -> Vec<Sentence> {
    let teller = Teller { rules, minor_digits };
    let parts: [(Subject, Vec<String>); 8] = [
        (Subject::Card, teller.card()),
        (Subject::Earning, teller.earning()),
        (Subject::Rewards, teller.rewards()),
        (Subject::Levels, teller.levels()),
        (Subject::Bonuses, teller.bonuses()),
        (Subject::Limits, teller.limits()),
        (Subject::Expiry, teller.expiry()),
        (Subject::Corrections, teller.corrections()),
    ];
    let told = parts.into_iter().flat_map(|(subject, texts)| texts.into_iter().map(move |text| (subject, text)));
    told.map(|(subject, text)| Sentence { subject, text }).collect()
}

struct Teller<'a> {
    rules: &'a Rules,
    minor_digits: u8,
}

impl Teller<'_> {
    fn money(&self, minor: i64) -> String {
        decimal(minor, self.minor_digits)
    }

    fn units(&self, units: i64) -> String {
        let number = decimal(units, self.rules.scale);
        let one = i64::pow(10, u32::from(self.rules.scale.min(9)));
        if units == one { format!("{number} {}", self.rules.unit) } else { format!("{number} {}s", self.rules.unit) }
    }

    fn card(&self) -> Vec<String> {
        let rules = self.rules;
        let kind = match rules.kind {
            Kind::Visit => "a stamp card by visit",
            Kind::Spend => "a stamp card by amount",
            Kind::Points => "a points card",
            Kind::Cashback => "a cashback card: its points are money",
        };
        let mut told = vec![format!("\"{}\" is {kind}.", rules.title)];
        if rules.ledger_mode == LedgerMode::Foreign {
            told.push("Another system owns its balance: nothing is posted here.".to_owned());
        }
        if rules.paused {
            told.push("The programme stands still for now.".to_owned());
        }
        match (rules.starts, rules.ends) {
            (Some(first), Some(last)) => told.push(format!("It runs from {first} to {last}.")),
            (Some(first), None) => told.push(format!("It runs from {first} on.")),
            (None, Some(last)) => told.push(format!("It runs to {last}.")),
            (None, None) => {}
        }
        told
    }

    fn earning(&self) -> Vec<String> {
        let (rules, earn) = (self.rules, &self.rules.earn);
        let mut told = vec![match rules.tap_award {
            Some(units) => format!("A tap earns {} at once.", self.units(units)),
            None => "A tap only presents the card; the purchase earns.".to_owned(),
        }];
        told.push(match earn.by_amount {
            ByAmount::None => {
                format!("A purchase with anything left to pay earns {}.", self.units(earn.per_visit))
            }
            ByAmount::Steps { step_minor, units_per_step, carry } => {
                let rest = if carry {
                    "The rest of a step carries to the next purchase"
                } else {
                    "The rest of a step is lost"
                };
                format!("Each full {} earns {}. {rest}.", self.money(step_minor), self.units(units_per_step))
            }
            ByAmount::Rate { units, per_minor, rounding } => format!(
                "Each {} earns {}, {} once at the end.",
                self.money(per_minor),
                self.units(units),
                rounded(rounding)
            ),
            ByAmount::Percent { rounding } => {
                format!("A percentage of each purchase comes back, {} to the smallest unit.", rounded(rounding))
            }
        });
        if rules.kind != Kind::Visit || earn.redeemed_earns {
            let base = if earn.redeemed_earns {
                "The whole bill earns, also what is redeemed"
            } else {
                "Only what is left to pay earns"
            };
            told.push(format!("{base}."));
        }
        if earn.min_spend_minor > 0 {
            told.push(format!("Bills below {} earn nothing.", self.money(earn.min_spend_minor)));
        }
        if earn.basis == TaxBasis::Net {
            told.push("Tax earns nothing.".to_owned());
        }
        let exclude = &earn.exclude;
        let excluded: Vec<&str> = exclude.skus.iter().chain(&exclude.categories).map(String::as_str).collect();
        if !excluded.is_empty() {
            told.push(format!("These earn nothing: {}.", excluded.join(", ")));
        }
        if exclude.discounted {
            told.push("Lines that are discounted already earn nothing.".to_owned());
        }
        told.extend(earn.items.iter().map(|item| {
            let what =
                [item.sku.as_deref(), item.category.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" in ");
            format!("Each piece of {what} earns {} on top.", self.units(item.units))
        }));
        if rules.pending_days > 0 {
            told.push(format!("What is earned counts from the start of day {} after it.", rules.pending_days));
        }
        told
    }

    fn rewards(&self) -> Vec<String> {
        let rules = self.rules;
        let mut told: Vec<String> = rules
            .goals
            .iter()
            .map(|goal| format!("{} are worth one {}{}.", self.units(goal.at), goal.reward, self.worth(goal.worth)))
            .collect();
        if !rules.goals.is_empty() {
            told.push(match rules.consume {
                Consume::Unlock => "The stamps go when the reward is unlocked; what is over stays.".to_owned(),
                Consume::Redeem => "The stamps stay on the card until the reward is used.".to_owned(),
            });
        }
        told.extend(rules.catalogue.iter().map(|reward| {
            format!("{} buy one {}{}.", self.units(reward.units), reward.name, self.worth(reward.worth))
        }));
        if let Some(money) = rules.money {
            let one = i64::pow(10, u32::from(rules.scale.min(9)));
            let worth = self.money(money.minor_per_unit.saturating_mul(one));
            told.push(format!("{} is worth {worth}, for at most {} % of a bill.", self.units(one), money.cap_percent));
        }
        told
    }

    fn worth(&self, worth: Worth) -> String {
        match worth {
            Worth::Item => String::new(),
            Worth::Off(value) => format!(", {} off the bill", self.money(value)),
        }
    }

    fn levels(&self) -> Vec<String> {
        let rules = self.rules;
        let told = rules.levels.iter().map(|level| {
            let from = match rules.level_basis {
                LevelBasis::PointsEarned => format!("{} earned", self.units(level.from)),
                LevelBasis::TxAmount => format!("{} spent", self.money(level.from)),
            };
            let mut gives = Vec::new();
            if rules.kind == Kind::Cashback {
                gives.push(format!("{} % back", decimal(level.cashback_bp, 2)));
            }
            if level.multiplier_percent != 100 || gives.is_empty() {
                gives.push(format!("×{}", decimal(level.multiplier_percent, 2)));
            }
            format!("Level {} from {from}: {}.", level.name, gives.join(", "))
        });
        told.collect()
    }

    fn bonuses(&self) -> Vec<String> {
        let (rules, bonus) = (self.rules, &self.rules.bonus);
        let mut told = Vec::new();
        if bonus.first > 0 {
            told.push(format!("The first earn gives {} on top.", self.units(bonus.first)));
        }
        if let Some(birthday) = bonus.birthday {
            told.push(format!(
                "On the birthday one transaction earns ×{}, if the date has been known for {} days, once in {} days.",
                birthday.times, birthday.known_days, birthday.every_days
            ));
        }
        if bonus.referrer > 0 || bonus.friend > 0 {
            told.push(format!(
                "When a friend earns for the first time, who brought them gets {} and the friend {}.",
                self.units(bonus.referrer),
                self.units(bonus.friend)
            ));
        }
        told.extend(rules.campaigns.iter().map(|campaign| self.campaign(campaign)));
        let multipliers = rules.campaigns.iter().any(|campaign| campaign.multiplier_percent != 100);
        if multipliers {
            told.push(match rules.combine {
                Combine::Replace => "A campaign's multiplier stands in place of the level's.".to_owned(),
                Combine::Max => "Of several multipliers only the greatest counts.".to_owned(),
                Combine::Product => "Several multipliers are multiplied.".to_owned(),
            });
        }
        told
    }

    fn campaign(&self, campaign: &Campaign) -> String {
        let mut when = Vec::new();
        when.extend(campaign.from.map(|day| format!("from {day}")));
        when.extend(campaign.until.map(|day| format!("to {day}")));
        if !campaign.weekdays.is_empty() {
            let days: Vec<String> = campaign.weekdays.iter().map(|day| format!("{day:?}")).collect();
            when.push(format!("on {}", days.join(", ")));
        }
        let clock = |time: Time| time.strftime("%H:%M").to_string();
        when.extend(campaign.from_time.map(|time| format!("from {}", clock(time))));
        when.extend(campaign.until_time.map(|time| format!("until {}", clock(time))));
        if !campaign.groups.is_empty() {
            when.push(format!("for {}", campaign.groups.join(", ")));
        }
        if campaign.first_visit {
            when.push("for a first visit".to_owned());
        }
        let mut gives = Vec::new();
        if campaign.multiplier_percent != 100 {
            gives.push(format!("×{}", decimal(campaign.multiplier_percent, 2)));
        }
        if campaign.plus_bp != 0 {
            gives.push(format!("+{} percentage points", decimal(campaign.plus_bp, 2)));
        }
        if campaign.bonus != 0 {
            let once = if campaign.once { ", once per card" } else { "" };
            gives.push(format!("{} on top{once}", self.units(campaign.bonus)));
        }
        let when = if when.is_empty() { "always".to_owned() } else { when.join(" ") };
        format!("Campaign \"{}\", {when}: {}.", campaign.name, gives.join(", "))
    }

    fn limits(&self) -> Vec<String> {
        let limits = &self.rules.limits;
        let mut told = Vec::new();
        if let Some(seconds) = limits.interval_s {
            told.push(format!("Between two earns lie at least {seconds} seconds."));
        }
        if let Some(most) = limits.per_transaction {
            told.push(format!("One transaction earns at most {}, bonuses aside.", self.units(most)));
        }
        if let Some(most) = limits.per_day {
            told.push(format!("One local day earns at most {}, bonuses aside.", self.units(most)));
        }
        if let Some(rolling) = limits.rolling {
            told.push(format!("Any {} hours earn at most {}.", rolling.hours, self.units(rolling.units)));
        }
        for (who, role) in [("A cashier", limits.cashier), ("A manager", limits.manager)] {
            if let Some(most) = role.value {
                told.push(format!("{who} moves at most {} by hand in one entry.", self.units(most)));
            }
            if let Some(most) = role.amount_minor {
                told.push(format!("{who} types amounts of at most {}.", self.money(most)));
            }
            if let Some(most) = role.entries_per_day {
                told.push(format!("{who} makes at most {most} entries by hand on one card and day."));
            }
        }
        if let Some(grade) = limits.grade_earn {
            told.push(format!("To earn, a medium proves at least grade {}.", grade.name()));
        }
        if let Some(grade) = limits.grade_redeem {
            told.push(format!("To redeem without staff, a medium proves at least grade {}.", grade.name()));
        }
        told
    }

    fn expiry(&self) -> Vec<String> {
        let rules = self.rules;
        let unit = &rules.unit;
        let mut told = Vec::new();
        told.push(match rules.lots {
            LotExpiry::Never => format!("A {unit} does not lapse."),
            LotExpiry::Fixed { on } => format!("Every {unit} lapses at the end of {on}."),
            LotExpiry::Days { days } => format!("A {unit} lapses at the end of day {days} after it was earned."),
            LotExpiry::EndOfMonth { months } => {
                format!("A {unit} lapses at the end of the month, {months} months after it was earned.")
            }
            LotExpiry::EndOfYear { years } => {
                format!("A {unit} lapses at the end of the year, {years} years after it was earned.")
            }
            LotExpiry::Inactivity { days } => format!("Every {unit} lapses after {days} days without activity."),
        });
        if let Some(days) = rules.reward_days {
            told.push(format!("A reward lapses at the end of day {days} after its unlock."));
        }
        match rules.card_expiry {
            CardExpiry::Never => {}
            CardExpiry::Fixed { on } => told.push(format!("Cards end with {on}.")),
            CardExpiry::Days { days } => told.push(format!("A card ends {days} days after its issue.")),
        }
        let redeems = if rules.expired_redeem { "may still redeem" } else { "redeems nothing" };
        told.push(format!("A card past its date earns nothing and {redeems}."));
        told
    }

    fn corrections(&self) -> Vec<String> {
        let rules = self.rules;
        let mut told = Vec::new();
        told.push(match (rules.kind.is_stamps(), rules.shortfall, rules.negative_on_refund) {
            (true, Shortfall::WrittenOff, _) => "Stamps that a correction cannot find are written off.".to_owned(),
            (true, Shortfall::Debt, _) => {
                "Stamps that a correction cannot find are owed; later stamps repay them.".to_owned()
            }
            (false, _, true) => "A refund may take the balance below zero; nothing else may.".to_owned(),
            (false, _, false) => "Points that a refund cannot find are written off.".to_owned(),
        });
        told.push(match rules.visits.earn {
            CountEarns::Always => "Every earn is a visit, also one that awards nothing.".to_owned(),
            CountEarns::WhenAwarded => format!("An earn that awards a {} is a visit.", rules.unit),
        });
        if rules.visits.manual {
            told.push("Entries by hand are visits, too.".to_owned());
        }
        told
    }
}

fn rounded(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::Down => "rounded down",
        Rounding::HalfUp => "rounded half-up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::program::reference;

    #[test]
    fn each_reference_programme_is_said_in_whole_sentences() {
        for (name, rules) in reference::all() {
            let told = explain(&rules, 2);
            assert!(told.is_sorted_by_key(|sentence| sentence.subject), "{name}");
            for sentence in &told {
                assert!(sentence.text.ends_with('.') && !sentence.text.contains("  "), "{name}: {}", sentence.text);
            }
        }
        let told = |rules: &Rules| explain(rules, 2).into_iter().map(|sentence| sentence.text).collect::<Vec<_>>();
        let cafe = told(&reference::cafe10());
        assert_eq!(cafe[0], "\"Coffee card\" is a stamp card by visit.");
        assert!(cafe.contains(&"10 stamps are worth one free_coffee.".to_owned()), "{cafe:#?}");
        let happy = told(&reference::cashback3_happy());
        let campaign = "Campaign \"happy_hour\", from 14:00 until 16:00: +2.00 percentage points.".to_owned();
        assert!(happy.contains(&campaign), "{happy:#?}");
        assert!(happy.contains(&"1.00 point is worth 1.00, for at most 50 % of a bill.".to_owned()), "{happy:#?}");
    }
}
