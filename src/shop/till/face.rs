//! The face of a card: what its pass says, from the ledger and the rules as they are now.

use super::posting::CardState;
use super::{Till, TillError};
use crate::pure::domain::{ClockTrust, Medium, Moment, Now, Serial};
use crate::pure::passes::face::{before_catalogue, unturned};
use crate::pure::passes::{Codes, Face, Kind, Money, NextExpiry, Offer, Progress, Reward, Rotating, State, Tier};
use crate::pure::program::{self, Consume, Figures, LevelBasis, Rules, Standing, Worth};
use crate::pure::tap::rotating::{CODE_DIGITS, PERIOD_MS, RotatingKey};
use crate::pure::wire::lan::Preferences;
use crate::shop::ledger::{CredentialRow, LedgerError, Reads};

impl Till {
    /// What the pass of a card says; `None` where no card has this serial. What has lapsed counts as lapsed, also before
    /// its entry is posted.
    pub fn card_face(&self, reads: &Reads<'_>, serial: Serial, now: &Now) -> Result<Option<Face>, TillError> {
        match self.card_state(reads, serial)? {
            Some(card) => self.card_face_of(reads, &card, now).map(Some),
            None => Ok(None),
        }
    }

    fn card_face_of(&self, reads: &Reads<'_>, card: &CardState, now: &Now) -> Result<Face, TillError> {
        let at = reads.rule_time(now)?;
        let book = card.book()?;
        let rules = card.rules()?;
        let standing = program::settled(book, &card.facts, &card.standing, &at, now.trust);
        let figures = program::figures(book, &card.facts, &standing, &at);
        let settings = self.settings();
        let row = &card.row;
        let links = self.links(&row.link);
        let preferences = Preferences::default();
        let date = |ms: i64| Moment { ms, zone: at.zone.clone() }.date();
        let rewards = rewards(rules, &standing, &figures);
        Ok(Face {
            serial: row.serial,
            revision: row.revision,
            programme: row.programme.clone(),
            title: rules.title.clone(),
            shop: settings.shop_name.clone(),
            kind: match figures.kind {
                program::Kind::Visit | program::Kind::Spend => Kind::Stamps,
                program::Kind::Points => Kind::Points,
                program::Kind::Cashback => Kind::Cashback,
            },
            unit: figures.unit.clone(),
            scale: figures.scale,
            balance: figures.balance,
            pending: figures.pending,
            next_reward: rewards.next,
            rewards_available: rewards.available,
            ready: rewards.ready,
            tier: tier(rules, &figures),
            cashback_bp: figures.cashback_bp,
            worth: rules.money.map(|money| Money { minor: figures.balance.saturating_mul(money.minor_per_unit) }),
            // It lapses at the first moment after its last day.
            next_expiry: figures
                .next_expiry
                .map(|next| NextExpiry { last_day: date(next.at_ms.saturating_sub(1)), amount: next.amount }),
            member: card.customer_name().map(|name| unturned(&name)),
            since: date(row.issued_ms),
            ends: row.expires_on.map(|last| Moment { ms: at.end_of_day_ms(last), zone: at.zone.clone() }),
            state: state(card, &at, now.trust),
            codes: self.codes(&reads.credentials_of_card(row.serial)?)?,
            page: links.installation,
            referral: links.referral,
            message: None,
            balance_speaks: preferences.balance,
            tier_speaks: preferences.tier,
            currency: settings.currency.clone(),
            currency_digits: settings.minor_digits(),
        })
    }

    /// The texts of the card's live credentials, the newest of each medium.
    fn codes(&self, credentials: &[CredentialRow]) -> Result<Codes, TillError> {
        let newest = |medium: Medium| {
            credentials.iter().rev().find(|row| row.medium == medium && !row.revoked && row.chip.is_none())
        };
        let text = |medium: Medium| {
            let row = newest(medium)?;
            self.keys().tokens.mint(row.kid?, row.lc1_id()?)
        };
        let rotating = match (&self.keys().rotating, newest(Medium::RotatingBarcode).and_then(CredentialRow::lc1_id)) {
            (Some(master), Some(id)) => {
                let key = master.credential_key(&id).map_err(|error| LedgerError::Storage(error.to_string()))?;
                Some(Rotating {
                    pattern: RotatingKey::pattern(&id),
                    key: key.to_vec(),
                    digits: CODE_DIGITS as u8,
                    period_ms: PERIOD_MS as u32,
                })
            }
            _ => None,
        };
        Ok(Codes {
            barcode: text(Medium::Barcode),
            nfc_message: text(Medium::AppleVas),
            smart_tap_value: text(Medium::SmartTap),
            rotating,
        })
    }
}

fn state(card: &CardState, at: &Moment, trust: ClockTrust) -> State {
    if card.row.deleted {
        State::Deleted
    } else if card.row.blocked {
        State::Blocked
    } else if card.facts.expired(at, trust) {
        State::Expired
    } else {
        State::Live
    }
}

/// What can be used now, and what comes next.
#[derive(Debug, PartialEq)]
struct Rewards {
    available: i64,
    ready: Vec<Reward>,
    next: Option<Progress>,
}

/// What the card holds; with a catalogue, also what the balance buys.
fn rewards(rules: &Rules, standing: &Standing, figures: &Figures) -> Rewards {
    let worths = rules.goals.iter().map(|goal| (&goal.reward, goal.worth));
    let worths = worths.chain(rules.catalogue.iter().map(|reward| (&reward.name, reward.worth)));
    let worths: Vec<(&String, Worth)> = worths.collect();
    let reward = |name: &str| {
        let worth = worths.iter().find(|(known, _)| *known == name).map(|(_, worth)| *worth);
        let value = match worth {
            Some(Worth::Off(minor)) => Some(Money { minor }),
            Some(Worth::Item) | None => None,
        };
        Reward { name: name.to_owned(), value }
    };
    let mut ready: Vec<Reward> = Vec::new();
    // Those that the card holds lie in the order in which they are used.
    for lot in &standing.rewards {
        if !ready.iter().any(|known| known.name == lot.name) {
            ready.push(reward(&lot.name));
        }
    }
    let mut available = figures.rewards_available;
    if figures.reward_step.is_some() {
        return Rewards { available, ready, next: on_card(rules, standing, figures, &reward) };
    }
    let offer = |offered: &program::CatalogueReward| Offer { reward: reward(&offered.name), units: offered.units };
    let offers: Vec<Offer> = rules.catalogue.iter().map(offer).collect();
    let (bought, next) = before_catalogue(&offers, figures.balance);
    available = available.saturating_add(i64::try_from(bought.len()).unwrap_or(i64::MAX));
    ready.extend(bought);
    Rewards { available, ready, next }
}

/// The way of a stamp card to its next goal. Where stamps stay until the reward is used (RULES.md X15) the card is shown
/// whole, with all of its milestones, and a full one stays full until the next stamp or until its rewards are used.
fn on_card(rules: &Rules, standing: &Standing, figures: &Figures, reward: &dyn Fn(&str) -> Reward) -> Option<Progress> {
    let (step, left) = (figures.reward_step?, figures.to_next_reward?);
    let place = standing.next_goal as usize % rules.goals.len().max(1);
    let next = reward(&rules.goals.get(place)?.reward);
    if rules.consume == Consume::Unlock {
        let done = figures.balance.saturating_sub(figures.debt);
        return Some(Progress { reward: next, of: step, goal: step, done, left, marks: vec![step] });
    }
    let free = figures.balance.saturating_sub(standing.claimed);
    let whole = rules.goals.last()?.at;
    let is_full = place == 0 && free == 0 && standing.claimed > 0;
    let before = place.checked_sub(1).map_or(0, |before| rules.goals[before].at);
    let (goal, done) = if is_full { (whole, whole) } else { (rules.goals[place].at, before.saturating_add(free)) };
    let marks = rules.goals.iter().map(|goal| goal.at).collect();
    Some(Progress { reward: next, of: whole, goal, done: done.saturating_sub(figures.debt), left, marks })
}

fn tier(rules: &Rules, figures: &Figures) -> Option<Tier> {
    let reached = figures.tier.as_ref()?;
    let next = figures.next_tier.clone().zip(figures.to_next_tier);
    let permille = next.as_ref().map_or(1000, |(name, left)| {
        let Some(place) = rules.levels.iter().position(|level| level.name == *name) else { return 1000 };
        let from = place.checked_sub(1).map_or(0, |before| rules.levels[before].from);
        let way = i128::from(rules.levels[place].from) - i128::from(from);
        let done = way - i128::from(*left);
        (done * 1000 / way.max(1)).clamp(0, 1000) as u16
    });
    Some(Tier {
        name: reached.name.clone(),
        place: reached.place,
        all: rules.levels.iter().map(|level| level.name.clone()).collect(),
        next,
        by_spend: figures.level_basis == Some(LevelBasis::TxAmount),
        permille,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::EventId;
    use crate::pure::domain::entry::{Lot, RewardLot};
    use crate::pure::program::rules::Goal;
    use crate::pure::program::{CardFacts, Rulebook, reference};

    /// What a card of these rules shows.
    fn shown(rules: &Rules, standing: &Standing) -> Rewards {
        let at = Moment { ms: 1_790_000_000_000, zone: jiff::tz::TimeZone::UTC };
        let facts = CardFacts::new(Serial::from_random(7), at.clone());
        rewards(rules, standing, &program::figures(&Rulebook::single(rules.clone()), &facts, standing, &at))
    }

    fn holding(units: i64) -> Standing {
        let lot = Lot { expires_ms: i64::MAX, since_ms: 0, units };
        Standing {
            lots: (units > 0).then_some(lot).into_iter().collect(),
            owed: (-units).max(0),
            ..Standing::default()
        }
    }

    fn names(rewards: &[Reward]) -> Vec<&str> {
        rewards.iter().map(|reward| reward.name.as_str()).collect()
    }

    #[test]
    fn points_show_what_they_buy_and_what_is_missing_from_below_zero_too() {
        let rules = reference::points();
        for (balance, ready, left) in [
            (-75, &[][..], Some(175)),
            (99, &[], Some(1)),
            (100, &["off5"], Some(150)),
            (250, &["free_item", "off5"], None),
        ] {
            let shown = shown(&rules, &holding(balance));
            assert_eq!(names(&shown.ready), ready, "{balance}");
            assert_eq!(shown.available, ready.len() as i64, "{balance}");
            assert_eq!(shown.next.as_ref().map(|way| way.left), left, "{balance}");
            assert_eq!(shown.next.as_ref().map_or(0, Progress::shown), balance.max(0) % 250, "{balance}");
        }
        let off5 = shown(&rules, &holding(120)).ready.remove(0);
        assert_eq!(off5.value, Some(Money { minor: 500 }), "what it takes off a bill");
    }

    #[test]
    fn stamps_that_are_owed_are_shown_below_zero() {
        let rules = reference::spend10_debt();
        let way = shown(&rules, &Standing { debt: 3, ..Standing::default() }).next.expect("a way");
        assert_eq!((way.done, way.goal, way.shown()), (-3, 8, 0));
    }

    #[test]
    fn a_card_with_milestones_is_shown_whole_and_names_what_is_ready() {
        let goal = |at: i64| Goal { at, reward: format!("at_{at}"), ..Goal::default() };
        let rules = Rules { goals: vec![goal(3), goal(6), goal(9)], consume: Consume::Redeem, ..reference::cafe10() };
        let held = |at: i64| RewardLot {
            expires_ms: i64::MAX,
            since_ms: at,
            by: EventId(uuid::Uuid::nil()),
            name: format!("at_{at}"),
            units_each: 3,
            count: 1,
        };
        let card = |stamps: i64, ready: &[i64], next_goal: u32| {
            let (claimed, rewards) = (ready.len() as i64 * 3, ready.iter().map(|at| held(*at)).collect());
            let shown = shown(&rules, &Standing { claimed, rewards, next_goal, ..holding(stamps) });
            let way = shown.next.expect("a way");
            assert_eq!((way.of, way.marks.as_slice()), (9, &[3, 6, 9][..]));
            (way.done, way.goal, way.left, names(&shown.ready).join(" "))
        };
        assert_eq!(card(2, &[], 0), (2, 3, 1, String::new()));
        assert_eq!(card(4, &[3], 1), (4, 6, 2, "at_3".to_owned()));
        assert_eq!(card(1, &[], 1), (4, 6, 2, String::new()), "the first reward was used, its stamps with it");
        assert_eq!(card(9, &[3, 6, 9], 0), (9, 9, 3, "at_3 at_6 at_9".to_owned()), "full");
        assert_eq!(card(0, &[], 0), (0, 3, 3, String::new()), "all used: a new card");
        assert_eq!(card(10, &[3, 6, 9], 0), (1, 3, 2, "at_3 at_6 at_9".to_owned()), "the next one has begun");
        let usual = shown(&reference::cafe10(), &holding(7)).next.expect("a way");
        assert_eq!((usual.done, usual.goal, usual.of, usual.marks), (7, 10, 10, vec![10]));
    }
}
