//! A row of history said in a sentence: rule version, inputs, rounding and limits that made its number.

use super::history::HistoryRow;
use crate::pure::domain::entry::{Rounding, Terms};

/// Why the row's number is what it is.
pub fn sentence(row: &HistoryRow) -> String {
    let why = &row.explanation;
    let mut parts = Vec::new();
    if let Some(rule) = why.rule {
        parts.push(format!("rules version {}", rule.0));
    }
    match &why.terms {
        Some(Terms::Fixed) => parts.push("a fixed number for the visit".to_owned()),
        Some(Terms::Nothing) => parts.push("nothing earned".to_owned()),
        Some(Terms::Rate { num, den, .. }) => parts.push(format!("{num}/{den} of what earns")),
        Some(Terms::Steps { step_minor, units_per_step, carried_minor }) => {
            let carried = carried_minor.map_or_else(String::new, |carried| format!(", {carried} carried before"));
            parts.push(format!("{units_per_step} for each full {step_minor}{carried}"));
        }
        None => {}
    }
    parts.extend(why.inputs.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))));
    match why.rounding {
        Some(Rounding::Down) => parts.push("rounded down".to_owned()),
        Some(Rounding::HalfUp) => parts.push("rounded half-up".to_owned()),
        None => {}
    }
    parts.extend(why.tier.iter().map(|tier| format!("at level {tier}")));
    parts.extend(why.campaigns.iter().map(|name| format!("campaign {name}")));
    parts.extend(
        why.limits.iter().map(|(name, used, most)| format!("{} {used} of {most} used before", name.replace('_', " "))),
    );
    if why.repaid > 0 {
        parts.push(format!("{} repaid what was owed", why.repaid));
    }
    if why.shortfall > 0 {
        parts.push(format!("{} were not there and are written off", why.shortfall));
    }
    if row.voided {
        parts.push("taken back by a void".to_owned());
    }
    format!("{}: {}.", row.label.name().replace('_', " "), parts.join("; "))
}
