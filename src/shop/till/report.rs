//! The open liability: what all open balances and rewards are worth at `cost_minor`, per programme and age, with the part
//! that by experience lapses.

use std::collections::BTreeMap;

use super::{Till, TillError};
use crate::pure::domain::{Now, ProgrammeName};
use crate::pure::program::{self, Rules, Standing};
use crate::pure::wire::lan::{AgeLiability, LiabilityView, ProgrammeLiability};
use crate::shop::ledger::Reads;

/// Ages in days: each part begins where the one before ends.
const AGES: [i64; 4] = [0, 31, 91, 366];

const DAY_MS: i64 = 86_400_000;

/// Sums of one programme.
#[derive(Default)]
struct Sums {
    cards: i64,
    units: i64,
    rewards: i64,
    liability_minor: i64,
    lapsed: i64,
    used: i64,
    ages: [AgeLiability; AGES.len()],
}

impl Till {
    /// The report as of now. It reads every card.
    pub fn liability(&self, reads: &Reads<'_>, now: &Now) -> Result<LiabilityView, TillError> {
        let at = reads.rule_time(now)?;
        let books = self.rulebooks();
        let mut sums: BTreeMap<ProgrammeName, Sums> = BTreeMap::new();
        for row in reads.cards() {
            let row = row?;
            if row.deleted {
                continue;
            }
            let Some(book) = books.get(&row.programme) else { continue };
            let name = row.programme.clone();
            let card = self.card_state_of(reads, row)?;
            let standing = program::settled(book, &card.facts, &card.standing, &at, now.trust);
            sums.entry(name).or_default().add(book.current().1, &standing, at.ms);
        }
        let view = |(name, sums): (&ProgrammeName, &Sums)| {
            let (_, rules) = books.get(name)?.current();
            Some(sums.view(name, rules))
        };
        let programmes: Vec<ProgrammeLiability> = sums.iter().filter_map(view).collect();
        Ok(LiabilityView {
            at: at.rfc3339(),
            liability_minor: programmes.iter().map(|part| part.liability_minor).sum(),
            lapse_minor: programmes.iter().map(|part| part.lapse_minor).sum(),
            programmes,
        })
    }
}

impl Sums {
    fn add(&mut self, rules: &Rules, standing: &Standing, now_ms: i64) {
        self.cards += 1;
        self.units += standing.available();
        self.rewards += standing.rewards_available();
        self.liability_minor += program::open_liability_minor(rules, standing);
        let counters = &standing.counters;
        let (lapsed, used) = if rules.kind.is_stamps() {
            (counters.rewards_expired, counters.rewards_redeemed)
        } else {
            (counters.expired, counters.redeemed)
        };
        (self.lapsed, self.used) = (self.lapsed + lapsed, self.used + used);
        for lot in &standing.lots {
            let age = self.age_of(now_ms - lot.since_ms);
            age.units += lot.units;
            age.liability_minor += rules.unit_cost_minor.unwrap_or(0).saturating_mul(lot.units);
        }
        for lot in &standing.rewards {
            let cost = rules.goals.iter().find(|goal| goal.reward == lot.name).and_then(|goal| goal.cost_minor);
            let age = self.age_of(now_ms - lot.since_ms);
            age.rewards += lot.count;
            age.liability_minor += cost.unwrap_or(0).saturating_mul(lot.count);
        }
    }

    fn age_of(&mut self, age_ms: i64) -> &mut AgeLiability {
        let days = age_ms.max(0) / DAY_MS;
        let place = AGES.iter().rposition(|from| *from <= days).unwrap_or(0);
        &mut self.ages[place]
    }

    fn view(&self, name: &ProgrammeName, rules: &Rules) -> ProgrammeLiability {
        let ended = self.lapsed + self.used;
        let lapse_minor = if ended > 0 {
            (i128::from(self.liability_minor) * i128::from(self.lapsed) / i128::from(ended)) as i64
        } else {
            0
        };
        let age = |(place, age): (usize, &AgeLiability)| AgeLiability {
            from_days: AGES[place],
            to_days: AGES.get(place + 1).map(|next| next - 1),
            ..age.clone()
        };
        ProgrammeLiability {
            programme: name.to_string(),
            unit: rules.unit.clone(),
            scale: u32::from(rules.scale),
            cards: self.cards,
            units: self.units,
            rewards: self.rewards,
            liability_minor: self.liability_minor,
            lapse_percent: (ended > 0).then(|| (self.lapsed as f64 * 1000.0 / ended as f64).round() / 10.0),
            lapse_minor,
            ages: self.ages.iter().enumerate().map(age).collect(),
        }
    }
}
