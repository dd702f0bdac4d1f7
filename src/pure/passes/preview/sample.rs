//! Cards to look at: the states that a design meets.

use jiff::civil::{Date, date};

use crate::pure::domain::{ProgrammeName, Serial};
use crate::pure::passes::design::{Design, StripKind};
use crate::pure::passes::face::{
    Codes, Face, Kind, Money, NextExpiry, Offer, Progress, Reward, Tier, before_catalogue,
};
use crate::pure::passes::fill::VALUE;

/// A card and what its state is called.
#[derive(Clone, Debug)]
pub struct Sample {
    /// For file names.
    pub name: &'static str,
    /// The card.
    pub face: Face,
}

impl Sample {
    /// The card with what the shop would say to people of that language.
    pub fn face_in(&self, language: &str) -> Face {
        let german = self.face.message.is_some() && language.starts_with("de");
        let message = if german { Some(NEWS_DE.to_owned()) } else { self.face.message.clone() };
        Face { message, ..self.face.clone() }
    }
}

const NEWS: &str = "New on the counter: cinnamon buns, every morning until eleven.";
const NEWS_DE: &str = "Neu an der Theke: Zimtschnecken, jeden Morgen bis elf.";

/// Cards of a design: a new one, one on its way, one with something to use. `goal` is the number of circles of a stamp card,
/// or the price of the next reward.
pub fn samples(design: &Design, shop: &str, goal: i64) -> Vec<Sample> {
    let goal = goal.max(1);
    let offers = offers(design, goal);
    let states: [(&'static str, i64, i64); 3] = match design.strip {
        StripKind::Stamps => [("new", goal.min(2), 0), ("half", goal * 7 / 10, 0), ("ready", goal * 4 / 10, 1)],
        StripKind::Points => [("new", goal / 8, 0), ("half", goal * 6 / 10, 0), ("ready", goal * 13 / 10, 0)],
        StripKind::Cashback => [("new", 0, 0), ("half", 1, 0), ("ready", 2, 0)],
    };
    let face = |(at, (name, done, rewards)): (usize, (&'static str, i64, i64))| {
        let mut face = plain(design.strip, shop);
        face.member = (at > 0).then(|| "Friederike Sommerfeld".to_owned());
        match design.strip {
            StripKind::Stamps => {
                face.balance = done;
                face.rewards_available = rewards;
                let reward = offers[0].reward.clone();
                face.ready = (rewards > 0).then(|| reward.clone()).into_iter().collect();
                face.next_reward = Some(Progress::straight(reward, goal, done));
            }
            StripKind::Points => {
                face.balance = done;
                (face.ready, face.next_reward) = before_catalogue(&offers, done);
                face.rewards_available = face.ready.len() as i64;
                face.tier = Some(tier(&["Bronze", "Silver", "Gold"], at, &[488, 870, 0], false));
            }
            StripKind::Cashback => {
                face.balance = [0, 1_246, 23_870][at];
                face.worth = Some(Money { minor: face.balance });
                face.tier = Some(tier(&["L1", "L2", "L3"], at, &[43_250, 98_400, 0], true));
                face.cashback_bp = Some([100, 300, 500][at]);
            }
        }
        if face.rewards_available > 0 {
            face.next_expiry = Some(NextExpiry {
                last_day: SOON,
                amount: if design.strip == StripKind::Points { 40 } else { rewards },
            });
            face.message = Some(NEWS.to_owned());
        }
        Sample { name, face }
    };
    states.into_iter().enumerate().map(face).collect()
}

/// The design's rewards as a catalogue: the first costs `goal`, each other one goal and a half more.
fn offers(design: &Design, goal: i64) -> Vec<Offer> {
    let mut names: Vec<&str> = design.rewards.keys().map(String::as_str).collect();
    if names.is_empty() {
        names.push("reward");
    }
    let takes_off =
        |name: &str| design.rewards.get(name).is_some_and(|text| text.values().any(|one| one.contains(VALUE)));
    if design.strip == StripKind::Points {
        names.sort_by_key(|name| !takes_off(name));
    }
    let offer = |(at, name): (i64, &str)| Offer {
        reward: Reward { name: name.to_owned(), value: takes_off(name).then_some(Money { minor: 500 }) },
        units: goal + goal * 3 / 2 * at,
    };
    (0..).zip(names).map(offer).collect()
}

const SINCE: Date = date(2026, 3, 14);
const SOON: Date = date(2026, 12, 22);

fn tier(all: &[&str], place: usize, left: &[i64; 3], by_spend: bool) -> Tier {
    Tier {
        name: all[place].to_owned(),
        place,
        all: all.iter().map(|name| (*name).to_owned()).collect(),
        next: all.get(place + 1).map(|name| ((*name).to_owned(), left[place])),
        by_spend,
        permille: [130, 640, 1000][place],
    }
}

fn plain(strip: StripKind, shop: &str) -> Face {
    let (kind, title, unit, scale) = match strip {
        StripKind::Stamps => (Kind::Stamps, "Stamp card", "stamp", 0),
        StripKind::Points => (Kind::Points, "Points card", "point", 0),
        StripKind::Cashback => (Kind::Cashback, "Cashback card", "point", 2),
    };
    Face {
        serial: Serial::from_random(0x0123_4567_89AB_CDEF),
        title: title.to_owned(),
        shop: shop.to_owned(),
        unit: unit.to_owned(),
        scale,
        // As long as a real one, so that the code is as dense.
        codes: Codes { barcode: Some("LC1.A1.2C7H9XKMQ4TZ0P3RV8WY.9QZJ4M6T1XKD8RBN".to_owned()), ..Codes::default() },
        page: "https://cards.example/c/4TZ9XK".to_owned(),
        referral: "https://cards.example/r/7KQM2D".to_owned(),
        // A name that is right by the letters it has.
        ..Face::blank(ProgrammeName::new("sample").expect("a name"), kind, SINCE)
    }
}
