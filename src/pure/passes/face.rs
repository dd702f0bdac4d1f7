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
    /// Rewards that can be used now.
    pub rewards_available: i64,
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

/// The way to a reward.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The reward's name in the rule file.
    pub reward: String,
    /// Units of the whole way: the circles of a stamp card.
    pub of: i64,
    /// Units done, from 0 to `of`.
    pub done: i64,
}

impl Progress {
    /// Units still to go.
    pub fn left(&self) -> i64 {
        self.of - self.done
    }
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
