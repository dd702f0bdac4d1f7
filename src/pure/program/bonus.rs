//! Bonuses: first earn, birthday with its guards, referral on both sides, campaigns. They follow base units, never a manual
//! entry, and count towards neither limits nor levels nor visits.

use super::calendar;
use super::decide::Ask;
use super::earn::Multiplier;
use super::round;
use super::standing::{BirthdayUse, Standing};
use crate::pure::domain::entry::{Award, Bonus, BonusKind};
use crate::pure::domain::{NewEntry, Posting, Serial};

/// What comes on top of this base award; the referrer's bonus moves the referrer's card.
pub(super) fn bonuses(ask: &Ask, standing: &Standing, award: &Award) -> Vec<NewEntry> {
    let rules = ask.rules();
    let mut bonuses = Vec::new();
    if award.units <= 0 {
        return bonuses;
    }
    let mut give = |card: Serial, kind: BonusKind, units: i64| {
        if units > 0 {
            let units = units.min(round::UNITS_MAX);
            let bonus = Bonus { kind, units, expires_ms: calendar::lot_end_ms(rules, ask.at) };
            bonuses.push(NewEntry { card, rule: ask.version(), posting: Posting::Bonus(bonus) });
        }
    };
    let own = ask.card.serial;
    let first = !standing.first_earned;
    if first {
        give(own, BonusKind::First, rules.bonus.first);
    }
    if let Some(birthday) = rules.bonus.birthday
        && is_birthday(ask, standing, birthday.known_days, birthday.every_days)
    {
        give(own, BonusKind::Birthday, award.units.saturating_mul((birthday.times - 1).max(0)));
    }
    campaign_bonuses(ask, standing, award, |name, units| give(own, BonusKind::Campaign { name }, units));
    if let (true, Some(referrer)) = (first, ask.card.referrer) {
        give(own, BonusKind::Friend { referrer }, rules.bonus.friend);
        let there = ask.referrer.filter(|(card, _)| !card.deleted && !card.expired(ask.at, ask.trust));
        if let Some((card, _)) = there {
            give(card.serial, BonusKind::Referrer { friend: own }, rules.bonus.referrer);
        }
    }
    bonuses
}

/// On the birthday, if the date has been known long enough, and in one transaction per year. What is added to that same
/// transaction is still it.
fn is_birthday(ask: &Ask, standing: &Standing, known_days: i64, every_days: i64) -> bool {
    let today = ask.at.date();
    let Some(birth) = ask.card.birth else { return false };
    let again = match &standing.birthday {
        None => true,
        Some(BirthdayUse { date, transaction }) => {
            calendar::days_between(*date, today) >= every_days || transaction.is_here(ask.visit, ask.txn_id)
        }
    };
    calendar::is_birthday(birth.date, today) && calendar::days_between(birth.known_since, today) >= known_days && again
}

/// Campaigns that give units on top; on stamp cards also what a multiplier adds to the base, rounded down to whole stamps.
fn campaign_bonuses(ask: &Ask, standing: &Standing, award: &Award, mut give: impl FnMut(String, i64)) {
    let rules = ask.rules();
    let multiplier = Multiplier::of(ask, standing);
    if rules.kind.is_stamps() && multiplier.num > multiplier.den {
        let name = multiplier.campaigns.first().cloned().or_else(|| award.tier.clone());
        let more = round::rate_down(award.units, multiplier.num - multiplier.den, multiplier.den);
        give(name.unwrap_or_else(|| "level".to_owned()), more);
    }
    for campaign in &rules.campaigns {
        let before = standing.campaigns.iter().any(|joined| joined.name == campaign.name);
        if campaign.bonus > 0
            && !(campaign.once && before)
            && campaign.runs(ask.at, &ask.card.groups, !standing.first_earned)
        {
            give(campaign.name.clone(), campaign.bonus);
        }
    }
}
