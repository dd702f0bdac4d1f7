//! Why a row of a card's history has its numbers, in one sentence.

use fluent_bundle::FluentValue;

use super::catalogue::{self, decimal, fill};
use super::{Language, Unit};
use crate::pure::domain::entry::{Rounding, Terms};
use crate::pure::domain::explanation::{AwardTerms, Explanation, Input, LimitSpan, Measure};

/// In what a programme and its shop count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting<'a> {
    /// The unit as its rule file names it.
    pub unit: &'a str,
    /// Decimals of the unit.
    pub scale: u8,
    /// Decimals of the currency.
    pub minor_digits: u8,
}

/// Why a row's numbers are what they are, as a sentence for the staff. It may be longer than a line.
pub fn explanation(language: Language, counting: &Counting<'_>, why: &Explanation) -> String {
    let teller = Teller { language, counting };
    let mut parts = match &why.award {
        Some(award) => vec![teller.award(award)],
        None => {
            // That nothing was due says as much as any number.
            let told = why.inputs.iter().filter(|(input, value)| *value != 0 || *input == Input::Due);
            let cause = why.cause.map(|cause| {
                let other = why.other.map(|other| other.to_string()).unwrap_or_default();
                teller.say(&format!("row-cause-{}", cause.name()), &[("other", other)])
            });
            let inputs = told.map(|(input, value)| {
                let value = match input.measure() {
                    Measure::Units => teller.units(*value),
                    Measure::Money => teller.money(*value),
                    Measure::Count => teller.count(*value),
                };
                teller.say(&format!("row-input-{}", input.name()), &[("value", value)])
            });
            cause.into_iter().chain(inputs).collect()
        }
    };
    if let Some(tier) = &why.tier {
        parts.push(teller.say("row-tier", &[("tier", tier.clone())]));
    }
    if !why.campaigns.is_empty() {
        parts.push(teller.say("row-campaigns", &[("names", why.campaigns.join(", "))]));
    }
    for limit in &why.limits {
        let id = match limit.span {
            LimitSpan::Transaction => "row-limit-transaction",
            LimitSpan::Day => "row-limit-day",
        };
        let number = |units| decimal(language, units, counting.scale);
        parts.push(teller.say(id, &[("used", number(limit.used)), ("most", number(limit.most))]));
    }
    let lots = why.taken.lots.iter().map(|lot| teller.units(lot.units));
    if let Some(lots) = lots.reduce(|first, second| teller.say("row-and", &[("first", first), ("second", second)])) {
        parts.push(teller.say("row-lots", &[("lots", lots)]));
    }
    let rewards = why.taken.rewards.iter().fold(0i64, |sum, lot| sum.saturating_add(lot.count));
    if rewards > 0 {
        parts.push(teller.say("row-rewards", &[("count", teller.count(rewards))]));
    }
    for (id, units) in [("row-repaid", why.repaid), ("row-shortfall", why.shortfall)] {
        if units > 0 {
            parts.push(teller.say(id, &[("amount", teller.units(units))]));
        }
    }
    if parts.is_empty() {
        parts.push(teller.say("row-plain", &[]));
    }
    let told = parts.join("; ");
    match why.rule {
        Some(version) => teller.say("row-by-rules", &[("told", told), ("version", version.0.to_string())]),
        None => format!("{told}."),
    }
}

struct Teller<'a> {
    language: Language,
    counting: &'a Counting<'a>,
}

impl Teller<'_> {
    fn say(&self, id: &str, values: &[(&'static str, String)]) -> String {
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, FluentValue::from(value.as_str()))).collect();
        fill(self.language, id, &values)
    }

    fn money(&self, minor: i64) -> String {
        decimal(self.language, minor, self.counting.minor_digits)
    }

    fn count(&self, count: i64) -> String {
        decimal(self.language, count, 0)
    }

    fn units(&self, units: i64) -> String {
        let Counting { unit, scale, .. } = *self.counting;
        match unit {
            "stamp" => catalogue::amount(self.language, Unit::Stamps, units, scale),
            "point" => catalogue::amount(self.language, Unit::Points, units, scale),
            // A word of the shop's own, of which no other form is known.
            own => format!("{} {own}", decimal(self.language, units, scale)),
        }
    }

    fn award(&self, award: &AwardTerms) -> String {
        let given = ("given", self.units(award.units));
        let amount = ("amount", self.money(award.earning_minor));
        match &award.terms {
            Terms::Nothing => self.say("row-nothing", &[]),
            Terms::Fixed => self.say("row-visit", &[given]),
            Terms::Rate { num, den, rounding } => {
                let id = match rounding {
                    Rounding::Down => "row-rate-down",
                    Rounding::HalfUp => "row-rate-half-up",
                };
                self.say(id, &[amount, ("num", num.to_string()), ("den", den.to_string()), given])
            }
            Terms::Steps { step_minor, carried_minor, .. } => {
                let step = ("step", self.money(*step_minor));
                match carried_minor {
                    None => self.say("row-steps", &[step, amount, given]),
                    Some(carried) => {
                        let after = self.money(carried.saturating_add(award.earning_minor));
                        self.say("row-total", &[("before", self.money(*carried)), ("after", after), step, given])
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::RuleVersion;
    use crate::pure::domain::entry::Lot;
    use crate::pure::domain::explanation::{Cause, LimitAsked, Taken};
    use crate::pure::text::catalogue::try_fill;

    const POINTS: Counting<'static> = Counting { unit: "point", scale: 0, minor_digits: 2 };

    fn award(terms: Terms, units: i64, earning_minor: i64) -> Explanation {
        let award = Some(AwardTerms { terms, units, earning_minor });
        Explanation { rule: Some(RuleVersion(3)), award, ..Explanation::default() }
    }

    fn rate() -> Explanation {
        award(Terms::Rate { num: 1, den: 100, rounding: Rounding::HalfUp }, 49, 4_900)
    }

    #[test]
    fn every_part_is_said_in_both_languages() {
        let steps = |carried_minor| Terms::Steps { step_minor: 1_000, units_per_step: 1, carried_minor };
        let lot = |units| Lot { expires_ms: i64::MAX, since_ms: 0, units };
        let corrected = Explanation {
            inputs: vec![(Input::Value, -9), (Input::PurchaseMinor, 0)],
            taken: Taken { lots: vec![lot(5), lot(4)], rewards: Vec::new() },
            shortfall: 1,
            ..Explanation::default()
        };
        let limited = Explanation {
            tier: Some("Gold".to_owned()),
            campaigns: vec!["may".to_owned(), "june".to_owned()],
            limits: vec![LimitAsked { span: LimitSpan::Day, used: 1, most: 6 }],
            ..award(Terms::Fixed, 1, 0)
        };
        let cases = [
            (
                rate(),
                "49.00 × 1/100 in the smallest units, rounded half-up: 49 points (rules version 3).",
                "49,00 × 1/100 in kleinsten Einheiten, kaufmännisch gerundet: 49 Punkte (Regeln Version 3).",
            ),
            (
                award(steps(Some(500)), 2, 1_700),
                "total 5.00 to 22.00, one for each full 10.00: 2 points (rules version 3).",
                "Summe 5,00 auf 22,00, eins je volle 10,00: 2 Punkte (Regeln Version 3).",
            ),
            (
                award(steps(None), 1, 1_700),
                "one for each full 10.00 of 17.00: 1 point (rules version 3).",
                "eins je volle 10,00 von 17,00: 1 Punkt (Regeln Version 3).",
            ),
            (
                corrected,
                "value −9 points; took 5 points and 4 points from the lots that end first; \
                 not there and written off: 1 point.",
                "Korrektur −9 Punkte; nimmt 5 Punkte und 4 Punkte von dem, was zuerst verfällt; \
                 nicht vorhanden und abgeschrieben: 1 Punkt.",
            ),
            (
                limited,
                "1 point for the visit; at level Gold; with may, june; per day 1 of 6 used before (rules version 3).",
                "1 Punkt für den Besuch; auf Stufe Gold; mit may, june; am Tag vorher 1 von 6 verbraucht \
                 (Regeln Version 3).",
            ),
            (
                Explanation {
                    cause: Some(Cause::Returned),
                    inputs: vec![(Input::Units, 100), (Input::Rewards, 0)],
                    ..Explanation::default()
                },
                "back from a returned bill, valid to the end of the 7th day after the return at least; units 100 points.",
                "zurück von einem zurückgegebenen Bon, gültig mindestens bis zum Ende des 7. Tages danach; Menge 100 Punkte.",
            ),
            (
                Explanation { inputs: vec![(Input::AmountMinor, 400), (Input::Due, 0)], ..Explanation::default() },
                "amount 4.00; due 0 points.",
                "Betrag 4,00; fällig 0 Punkte.",
            ),
            (Explanation::default(), "posted as it is told.", "gebucht wie angegeben."),
        ];
        for (why, english, german) in cases {
            assert_eq!(explanation(Language::En, &POINTS, &why), english);
            assert_eq!(explanation(Language::De, &POINTS, &why), german);
        }
    }

    #[test]
    fn money_has_the_decimals_of_its_currency_and_units_those_of_the_programme() {
        let told = |minor_digits, scale| {
            let counting = Counting { unit: "point", scale, minor_digits };
            explanation(Language::En, &counting, &rate())
        };
        assert!(told(0, 0).starts_with("4900 × 1/100"), "{}", told(0, 0));
        assert!(told(3, 0).starts_with("4.900 × 1/100"), "{}", told(3, 0));
        assert!(told(0, 2).contains(": 0.49 points"), "{}", told(0, 2));
        let own = Counting { unit: "Bohne", ..POINTS };
        assert!(explanation(Language::De, &own, &rate()).contains(": 49 Bohne"));
    }

    #[test]
    fn every_input_and_cause_has_its_words() {
        for language in Language::ALL {
            for cause in Cause::ALL {
                let text = try_fill(language, &format!("row-cause-{}", cause.name()), &[("other", "7".into())]);
                assert!(text.is_ok_and(|text| text.len() > 10), "{cause:?}");
            }
            for input in Input::ALL {
                let text = try_fill(language, &format!("row-input-{}", input.name()), &[("value", "7".into())]);
                assert!(text.as_ref().is_ok_and(|text| text.ends_with(" 7")), "{text:?}");
            }
        }
    }
}
