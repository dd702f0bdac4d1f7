//! The face of a card: what its pass says, from the ledger and the rules as they are now.

use super::posting::CardState;
use super::{Till, TillError};
use crate::pure::domain::{ClockTrust, Medium, Moment, Now, Serial};
use crate::pure::passes::{Codes, Face, Kind, Money, NextExpiry, Progress, Rotating, State, Tier};
use crate::pure::program::{self, Figures, LevelBasis, Rules, Standing};
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
            next_reward: next_reward(rules, &standing, &figures),
            rewards_available: figures.rewards_available,
            tier: tier(rules, &figures),
            cashback_bp: figures.cashback_bp,
            worth: rules.money.map(|money| Money { minor: figures.balance.saturating_mul(money.minor_per_unit) }),
            // It lapses at the first moment after its last day.
            next_expiry: figures
                .next_expiry
                .map(|next| NextExpiry { last_day: date(next.at_ms.saturating_sub(1)), amount: next.amount }),
            member: card.customer_name(),
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

/// Stamp cards: the way to the next goal. Points: the way to the cheapest reward of the catalogue above the balance.
fn next_reward(rules: &Rules, standing: &Standing, figures: &Figures) -> Option<Progress> {
    let left = figures.to_next_reward?;
    let (reward, of) = match figures.reward_step {
        Some(step) => {
            let place = standing.next_goal as usize % rules.goals.len().max(1);
            (&rules.goals.get(place)?.reward, step)
        }
        None => {
            let above = rules.catalogue.iter().filter(|reward| reward.units > figures.balance);
            let cheapest = above.min_by_key(|reward| reward.units)?;
            (&cheapest.name, cheapest.units)
        }
    };
    Some(Progress { reward: reward.clone(), of, done: of.saturating_sub(left).clamp(0, of.max(0)) })
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
