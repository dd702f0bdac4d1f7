//! A rule file as it is written, key by key; unknown keys are errors. What the keys mean is said in the files under
//! `config/programmes/`; what values they may have is checked in `check`.

use serde::Deserialize;
use toml::value::Datetime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub title: String,
    pub kind: String,
    pub unit: Option<String>,
    pub scale: Option<i64>,
    pub tap_award: Option<i64>,
    pub ledger_mode: Option<String>,
    pub paused: Option<bool>,
    pub starts: Option<Datetime>,
    pub ends: Option<Datetime>,
    pub combine: Option<String>,
    pub consume: Option<String>,
    pub level_basis: Option<String>,
    pub cost_minor: Option<i64>,
    #[serde(default)]
    pub earn: Earn,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub goal: Vec<Goal>,
    #[serde(default)]
    pub rewards: Rewards,
    #[serde(default)]
    pub catalogue: Vec<Catalogue>,
    pub money: Option<Money>,
    #[serde(default)]
    pub level: Vec<Level>,
    #[serde(default)]
    pub lots: Lots,
    #[serde(default)]
    pub pending: Pending,
    #[serde(default)]
    pub card: Card,
    #[serde(default)]
    pub bonus: Bonus,
    #[serde(default)]
    pub correction: Correction,
    #[serde(default)]
    pub visits: Visits,
    #[serde(default)]
    pub campaign: Vec<Campaign>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Earn {
    pub per_visit: Option<i64>,
    pub step_minor: Option<i64>,
    pub per_minor: Option<i64>,
    pub units: Option<i64>,
    pub carry: Option<bool>,
    pub rounding: Option<String>,
    pub min_spend_minor: Option<i64>,
    pub basis: Option<String>,
    pub redeemed_earns: Option<bool>,
    #[serde(default)]
    pub exclude: Exclude,
    #[serde(default)]
    pub item: Vec<Item>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Exclude {
    #[serde(default)]
    pub skus: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub discounted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub sku: Option<String>,
    pub category: Option<String>,
    pub units: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub interval_s: Option<i64>,
    pub per_transaction: Option<i64>,
    pub per_day: Option<i64>,
    pub rolling: Option<Rolling>,
    pub grade_earn: Option<String>,
    pub grade_redeem: Option<String>,
    #[serde(default)]
    pub cashier: Role,
    #[serde(default)]
    pub manager: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rolling {
    pub hours: i64,
    pub units: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub value: Option<i64>,
    pub amount_minor: Option<i64>,
    pub entries_per_day: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Goal {
    pub at: i64,
    pub reward: String,
    pub value_minor: Option<i64>,
    pub cost_minor: Option<i64>,
    pub offline_redeem: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Rewards {
    pub expire_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    pub name: String,
    pub units: i64,
    pub value_minor: Option<i64>,
    pub cost_minor: Option<i64>,
    pub offline_redeem: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Money {
    pub minor_per_unit: i64,
    pub cap_percent: Option<i64>,
    pub offline_redeem: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Level {
    pub name: String,
    pub from: i64,
    pub multiplier_percent: Option<i64>,
    pub cashback_bp: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Lots {
    pub expire: Option<String>,
    pub on: Option<Datetime>,
    pub days: Option<i64>,
    pub months: Option<i64>,
    pub years: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    pub days: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    pub expire: Option<String>,
    pub on: Option<Datetime>,
    pub days: Option<i64>,
    pub expired_redeem: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Bonus {
    pub first: Option<i64>,
    pub birthday: Option<Birthday>,
    pub referral: Option<Referral>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Birthday {
    pub times: i64,
    pub known_days: Option<i64>,
    pub every_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Referral {
    pub referrer: i64,
    pub friend: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Correction {
    pub shortfall: Option<String>,
    pub negative_on_refund: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Visits {
    pub earn: Option<String>,
    pub manual: Option<bool>,
    pub units_per_visit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Campaign {
    pub name: String,
    pub from: Option<Datetime>,
    pub until: Option<Datetime>,
    #[serde(default)]
    pub weekdays: Vec<String>,
    pub from_time: Option<Datetime>,
    pub until_time: Option<Datetime>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub first_visit: bool,
    pub multiplier_percent: Option<i64>,
    pub plus_bp: Option<i64>,
    pub bonus: Option<i64>,
    #[serde(default)]
    pub once: bool,
}
