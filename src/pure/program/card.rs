//! What the rules must know of a card and its customer that is no entry.

use jiff::civil::Date;

use crate::pure::domain::{ClockTrust, Moment, Serial};

/// A customer's birth date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// The day of birth.
    pub date: Date,
    /// The local day since which the shop knows it in this form; a bonus asks for 30 days.
    pub known_since: Date,
}

/// A level that head office holds a card at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The level's name.
    pub tier: String,
    /// The last local day.
    pub until: Date,
}

/// Facts of a card and its customer.
#[derive(Clone, Debug, PartialEq)]
pub struct CardFacts {
    /// Its number.
    pub serial: Serial,
    /// Deleted for good.
    pub deleted: bool,
    /// Blocked in the shop or by head office.
    pub blocked: bool,
    /// The last valid local day.
    pub expires_on: Option<Date>,
    /// The customer's birth date, if known.
    pub birth: Option<Birth>,
    /// The card of who brought the customer.
    pub referrer: Option<Serial>,
    /// The customer's groups and segments, for campaigns.
    pub groups: Vec<String>,
    /// When the card was issued.
    pub issued_at: Moment,
    /// A level held by head office.
    pub pinned: Option<Pinned>,
}

impl CardFacts {
    /// A card without anything special.
    pub fn new(serial: Serial, issued_at: Moment) -> Self {
        Self {
            serial,
            deleted: false,
            blocked: false,
            expires_on: None,
            birth: None,
            referrer: None,
            groups: Vec::new(),
            issued_at,
            pinned: None,
        }
    }

    /// Whether the card is past its last day. Never while the clock is not trusted: nothing of a customer's expires then.
    pub fn expired(&self, at: &Moment, trust: ClockTrust) -> bool {
        trust == ClockTrust::Trusted && self.expires_on.is_some_and(|last| at.ms >= at.end_of_day_ms(last))
    }

    /// The level that head office holds the card at on that day.
    pub fn pinned_on(&self, today: Date) -> Option<&str> {
        self.pinned.as_ref().filter(|pinned| today <= pinned.until).map(|pinned| pinned.tier.as_str())
    }
}
