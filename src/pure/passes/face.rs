//! A card as its pass shows it: plain facts, already decided. The till makes it from the ledger; what is drawn, written
//! and encoded follows from it and the design alone.

use jiff::civil::Date;

use crate::pure::domain::{Moment, ProgrammeName, Serial};

/// What a card counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Stamps towards a reward, by visit or by spend.
    Stamps,
    /// Points that buy rewards.
    Points,
    /// Points that are money.
    Cashback,
}

/// Everything that a pass says about one card at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// The card.
    pub serial: Serial,
    /// Counts every change of the card; the pass of a higher one replaces the other.
    pub revision: i64,
    /// The programme by its name in the ledger.
    pub programme: ProgrammeName,
    /// The programme's title, for people.
    pub title: String,
    /// The shop's name, as on the lock screen.
    pub shop: String,
    /// What the card counts.
    pub kind: Kind,
    /// The unit's name in the rule file (`stamp`, `point`).
    pub unit: String,
    /// Decimal places of amounts in the unit.
    pub scale: u8,
    /// Units usable now; may be negative on points cards.
    pub balance: i64,
    /// Units not yet ripe.
    pub pending: i64,
    /// Towards the cheapest reward not yet reached; none when there is nothing left to reach.
    pub next_reward: Option<Progress>,
    /// Rewards that can be used now; of a catalogue, how many different ones the balance buys.
    pub rewards_available: i64,
    /// Their kinds: of a catalogue the dearest first, else in the order in which they are used.
    pub ready: Vec<Reward>,
    /// The level; none in programmes without levels.
    pub tier: Option<Tier>,
    /// Cashback in hundredths of a percent, without campaigns.
    pub cashback_bp: Option<i64>,
    /// What the balance is worth; none where points are no money.
    pub worth: Option<Money>,
    /// What lapses next.
    pub next_expiry: Option<NextExpiry>,
    /// The customer's name; none on nameless cards.
    pub member: Option<String>,
    /// The local day of issue.
    pub since: Date,
    /// The first moment after the card's last day; none where it does not end.
    pub ends: Option<Moment>,
    /// Whether the card can be used.
    pub state: State,
    /// What media of this card carry.
    pub codes: Codes,
    /// The card's public page.
    pub page: String,
    /// The customer's referral link.
    pub referral: String,
    /// The newest message of the shop to this card.
    pub message: Option<String>,
    /// Whether the customer hears of a changed balance.
    pub balance_speaks: bool,
    /// Whether the customer hears of a changed level.
    pub tier_speaks: bool,
    /// ISO 4217.
    pub currency: String,
    /// Decimal places of the currency.
    pub currency_digits: u8,
}

impl Face {
    /// A card with nothing on it: no units, no reward, no codes, no links; an amount is in euro. Samples say what theirs has.
    pub fn blank(programme: ProgrammeName, kind: Kind, since: Date) -> Self {
        Self {
            serial: Serial::from_random(1),
            revision: 1,
            title: programme.to_string(),
            programme,
            shop: String::new(),
            kind,
            unit: "unit".to_owned(),
            scale: 0,
            balance: 0,
            pending: 0,
            next_reward: None,
            rewards_available: 0,
            ready: Vec::new(),
            tier: None,
            cashback_bp: None,
            worth: None,
            next_expiry: None,
            member: None,
            since,
            ends: None,
            state: State::Live,
            codes: Codes::default(),
            page: String::new(),
            referral: String::new(),
            message: None,
            balance_speaks: true,
            tier_speaks: true,
            currency: "EUR".to_owned(),
            currency_digits: 2,
        }
    }
}

/// Whether a card can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// In use.
    Live,
    /// Blocked by the shop or head office; may come back.
    Blocked,
    /// Past its last day.
    Expired,
    /// Deleted for good.
    Deleted,
}

/// A reward as the rules have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reward {
    /// Its name in the rule file.
    pub name: String,
    /// What it takes off a bill; none where it is a thing.
    pub value: Option<Money>,
}

/// The way to a reward.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The reward at the end of it.
    pub reward: Reward,
    /// Units of the whole card: the circles of a stamp card.
    pub of: i64,
    /// Units at which the reward comes; less than `of` where the card has more milestones.
    pub goal: i64,
    /// Units done; below 0 where the card owes some.
    pub done: i64,
    /// Units still to go, as `to_next_reward` (DESIGN.md section 6): more than `goal` from a negative balance.
    pub left: i64,
    /// Where rewards lie on the card, rising; the last is `of`.
    pub marks: Vec<i64>,
}

impl Progress {
    /// The way to a single reward that `of` units buy.
    pub fn straight(reward: Reward, of: i64, done: i64) -> Self {
        Self { reward, of, goal: of, done, left: of.saturating_sub(done), marks: vec![of] }
    }

    /// Units done as a gauge shows them, from 0 to `of`.
    pub fn shown(&self) -> i64 {
        self.done.clamp(0, self.of.max(0))
    }
}

/// A reward of a catalogue with the units that buy it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The reward.
    pub reward: Reward,
    /// Its price.
    pub units: i64,
}

/// What a balance means before a catalogue: what it buys, the dearest first, and the way to the cheapest reward above it.
pub fn before_catalogue(offers: &[Offer], balance: i64) -> (Vec<Reward>, Option<Progress>) {
    let mut bought: Vec<&Offer> = offers.iter().filter(|offer| offer.units <= balance).collect();
    bought.sort_by_key(|offer| std::cmp::Reverse(offer.units));
    let next = offers.iter().filter(|offer| offer.units > balance).min_by_key(|offer| offer.units);
    let way = next.map(|offer| Progress::straight(offer.reward.clone(), offer.units, balance));
    (bought.into_iter().map(|offer| offer.reward.clone()).collect(), way)
}

/// A name without the marks that turn the direction of writing (Unicode Standard Annex 9, sections 2.1 to 2.5): one that
/// is left open would turn what stands behind the name.
pub fn unturned(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')).collect()
}

/// A level and the way to the next one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Its place, from 0.
    pub place: usize,
    /// Names of all levels, the lowest first.
    pub all: Vec<String>,
    /// The next one and what is missing to it: units, or minor units where levels go by spend; none on the highest.
    pub next: Option<(String, i64)>,
    /// Whether levels go by spend, so that what is missing is money.
    pub by_spend: bool,
    /// The way between this level and the next in thousandths, 0 to 1000; 1000 on the highest.
    pub permille: u16,
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units of the shop's currency.
    pub minor: i64,
}

/// What lapses next.
#[derive(Clone, Debug, PartialEq)]
pub struct NextExpiry {
    /// The last local day on which it can be used.
    pub last_day: Date,
    /// Units, or rewards on stamp cards.
    pub amount: i64,
}

/// What the media of one card carry, each its own text (DESIGN.md section 2); none where the card has no such medium.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// LC1 text of the barcode.
    pub barcode: Option<String>,
    /// LC1 text that an Apple pass hands to a reader, at most 64 bytes.
    pub nfc_message: Option<String>,
    /// LC1 text that a Google pass hands to a terminal.
    pub smart_tap_value: Option<String>,
    /// The barcode that changes by time.
    pub rotating: Option<Rotating>,
}

/// A rotating barcode (wallets/google.md section 1, readers-and-scanners.md): RFC 6238 with SHA-1 and T0 = 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Rotating {
    /// The text with `{totp_value_0}` and, where used, `{totp_timestamp_seconds}`.
    pub pattern: String,
    /// The secret of this card.
    pub key: Vec<u8>,
    /// Digits of a value.
    pub digits: u8,
    /// Milliseconds for which a value stands.
    pub period_ms: u32,
}

impl std::fmt::Debug for Rotating {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rotating").field("pattern", &self.pattern).field("period_ms", &self.period_ms).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_buys_what_it_reaches_and_goes_on_to_the_next() {
        let offer = |name: &str, units| Offer { reward: Reward { name: name.to_owned(), value: None }, units };
        let offers = [offer("item", 250), offer("off5", 100), offer("tour", 1_000)];
        for (balance, ready, next, left) in [
            (-75, &[][..], Some("off5"), 175),
            (0, &[], Some("off5"), 100),
            (99, &[], Some("off5"), 1),
            (100, &["off5"], Some("item"), 150),
            (400, &["item", "off5"], Some("tour"), 600),
            (1_000, &["tour", "item", "off5"], None, 0),
        ] {
            let (bought, way) = before_catalogue(&offers, balance);
            assert_eq!(bought.iter().map(|reward| reward.name.as_str()).collect::<Vec<_>>(), ready, "{balance}");
            assert_eq!(way.as_ref().map(|way| way.reward.name.as_str()), next, "{balance}");
            assert_eq!(way.as_ref().map_or(0, |way| way.left), left, "{balance}");
            assert!(way.is_none_or(|way| (0..=way.of).contains(&way.shown())), "{balance}");
        }
        assert_eq!(before_catalogue(&[], 7), (Vec::new(), None));
    }

    #[test]
    fn a_name_cannot_turn_what_stands_behind_it() {
        assert_eq!(unturned("Ann\u{202E}gnp\u{2066}.x\u{2069}"), "Anngnp.x");
        assert_eq!(
            unturned("\u{5D3}\u{5E0}\u{5D4} Müller"),
            "\u{5D3}\u{5E0}\u{5D4} Müller",
            "letters have their own direction"
        );
    }
}
