//! A pass design: data only. A folder in `passes/` holds `design.toml`, the strip's SVG and the images; `base/config`
//! reads it into this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::face::Kind;

/// A colour of 8 bits a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// As pass.json writes it: `rgb(r, g, b)`.
    pub fn rgb(self) -> String {
        format!("rgb({}, {}, {})", self.0, self.1, self.2)
    }

    /// As SVG and Google write it: `#rrggbb`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// How well one is read on the other, 1 to 21 (WCAG 2.2, contrast ratio); 4.5 is the least for small letters.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Relative luminance, 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

/// A sentence in each language that the design speaks, by language tag (`en`, `de`). `en` is always there.
pub type Text = BTreeMap<String, String>;

/// What a text of a design may ask for in braces, as in `{balance}`. This is the one table of the names: the reader of
/// designs refuses any other, and whoever fills a text matches on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blank {
    /// `{balance}`: units usable now, with the unit's decimal places.
    Balance,
    /// `{pending}`: units not yet ripe; missing where there are none.
    Pending,
    /// `{done}`: units done on the way to the next reward, below 0 where the card owes some; missing where nothing is left
    /// to reach.
    Done,
    /// `{goal}`: units at which the next reward comes; missing where nothing is left to reach.
    Goal,
    /// `{to_next_reward}`: units still to go; missing where nothing is left to reach.
    ToNextReward,
    /// `{next_reward}`: the next reward's name for people; missing where nothing is left to reach.
    NextReward,
    /// `{rewards_available}`: rewards that can be used now, also 0.
    RewardsAvailable,
    /// `{ready_reward}`: the name of one that can be used now, of a catalogue the dearest; missing where there is none.
    ReadyReward,
    /// `{ready_rewards}`: the names of all kinds that can be used now, with commas; missing where there is none.
    ReadyRewards,
    /// `{tier}`: the level's name; missing in programmes without levels.
    Tier,
    /// `{next_tier}`: the next level's name; missing on the highest.
    NextTier,
    /// `{to_next_tier}`: what is missing to the next level, in units, or as money where levels go by spend; missing on the
    /// highest.
    ToNextTier,
    /// `{cashback_percent}`: the rate as a number without the sign (`3`, `2.5`); missing on other cards.
    CashbackPercent,
    /// `{worth}`: what the balance is worth, as money; missing where points are no money.
    Worth,
    /// `{next_expiry}`: the last day of what lapses next; missing where nothing does.
    NextExpiry,
    /// `{next_expiry_amount}`: how many units, or rewards on stamp cards, lapse then; missing where nothing does.
    NextExpiryAmount,
    /// `{member}`: the customer's name; missing on nameless cards.
    Member,
    /// `{since}`: the day of issue.
    Since,
    /// `{ends}`: the card's last day; missing where it does not end.
    Ends,
    /// `{serial}`: the card's serial number.
    Serial,
    /// `{message}`: the shop's newest message. Never missing, a dash where there is none: Wallet tells of a changed value
    /// only, so the field must be there before and after (wallets/apple.md section 3).
    Message,
    /// `{page}`: the address of the card's page.
    Page,
    /// `{referral}`: the customer's referral link.
    Referral,
    /// `{shop}`: the shop's name.
    Shop,
    /// `{title}`: the programme's title.
    Title,
}

impl Blank {
    /// All of them, with the name that stands in braces.
    pub const ALL: [(&'static str, Self); 25] = [
        ("balance", Self::Balance),
        ("pending", Self::Pending),
        ("done", Self::Done),
        ("goal", Self::Goal),
        ("to_next_reward", Self::ToNextReward),
        ("next_reward", Self::NextReward),
        ("rewards_available", Self::RewardsAvailable),
        ("ready_reward", Self::ReadyReward),
        ("ready_rewards", Self::ReadyRewards),
        ("tier", Self::Tier),
        ("next_tier", Self::NextTier),
        ("to_next_tier", Self::ToNextTier),
        ("cashback_percent", Self::CashbackPercent),
        ("worth", Self::Worth),
        ("next_expiry", Self::NextExpiry),
        ("next_expiry_amount", Self::NextExpiryAmount),
        ("member", Self::Member),
        ("since", Self::Since),
        ("ends", Self::Ends),
        ("serial", Self::Serial),
        ("message", Self::Message),
        ("page", Self::Page),
        ("referral", Self::Referral),
        ("shop", Self::Shop),
        ("title", Self::Title),
    ];

    /// The blank of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, blank)| *blank)
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words as they stand.
    Words(&'a str),
    /// What a card fills.
    Blank(Blank),
}

/// A brace that means nothing: a name outside the table, or one without its partner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlankError {
    /// A name that [`Blank`] does not have.
    #[error("there is no place {{{0}}}")]
    Unknown(String),
    /// A brace alone.
    #[error("a brace stands alone")]
    Alone,
}

/// Takes a text apart. A checked [`Design`] has no text that fails.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, BlankError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (words, tail) = rest.split_at(at);
        if !words.is_empty() {
            found.push(Piece::Words(words));
        }
        let (name, after) = tail.strip_prefix('{').and_then(|tail| tail.split_once('}')).ok_or(BlankError::Alone)?;
        found.push(Piece::Blank(Blank::named(name).ok_or_else(|| BlankError::Unknown(name.to_owned()))?));
        rest = after;
    }
    if !rest.is_empty() {
        found.push(Piece::Words(rest));
    }
    Ok(found)
}

/// What the strip draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StripKind {
    /// A grid of circles, one for each stamp of the way to the reward.
    Stamps,
    /// Points with level and the way to the next reward.
    Points,
    /// Cashback with rate and level.
    Cashback,
}

/// Where a field stands on the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// Top right, at most three; the only ones visible in the stack.
    Header,
    /// On the strip, at most one.
    Primary,
    /// Below the strip.
    Secondary,
    /// Below the secondary ones.
    Auxiliary,
    /// On the back.
    Back,
}

/// Whose preference decides whether a change of this field is shown on the lock screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaks {
    /// The balance.
    Balance,
    /// The level.
    Tier,
    /// Always: messages of the shop.
    Always,
}

/// One field of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Unique in the pass.
    pub key: String,
    /// Where it stands.
    pub slot: Slot,
    /// What stands over the value, with places as the value has them; may be empty.
    pub label: Text,
    /// The value with places such as `{balance}` ([`Blank`]); a field whose place has no value on a card is left out.
    pub value: Text,
    /// What the lock screen says when the value changed, with `%@` for the new value; none where it keeps quiet.
    pub change: Option<(Speaks, Text)>,
}

/// A place where the pass comes up by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// What the lock screen says there.
    pub text: Text,
}

/// A design as read from its folder and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The folder's name.
    pub name: String,
    /// Programmes whose cards take this design; empty: those of the strip's kind that no other design names.
    pub programmes: Vec<String>,
    /// What the strip draws.
    pub strip: StripKind,
    /// The strip's SVG as its file says: what it draws is the ground, its symbols are the artwork (`strip.rs`).
    pub strip_svg: String,
    /// Colours of the artwork by name, the three of the pass among them. In the SVGs the classes `fill-NAME`, `line-NAME`
    /// and `stop-NAME` take them.
    pub palette: BTreeMap<String, Colour>,
    /// Ground of the pass.
    pub background: Colour,
    /// Values.
    pub foreground: Colour,
    /// Labels.
    pub label: Colour,
    /// Beside the logo, with places; may be empty.
    pub logo_text: Text,
    /// For screen readers, with places.
    pub description: Text,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// At most ten.
    pub places: Vec<Place>,
    /// Metres around the places; none takes Wallet's own.
    pub max_distance_m: Option<u32>,
    /// Whether Share is hidden: set on cards that are worth money.
    pub sharing_prohibited: bool,
    /// SVG of icon and logo by name without extension (`icon`, `logo`); drawn at 1x, 2x and 3x.
    pub images: BTreeMap<String, String>,
    /// Names of rewards for people, by their name in the rule file; `{value}` in them is what one takes off a bill.
    pub rewards: BTreeMap<String, Text>,
    /// Names of levels for people, by their name in the rule file.
    pub levels: BTreeMap<String, Text>,
    /// Titles of programmes, by the programme's name; the rule file's own where there is none.
    pub titles: BTreeMap<String, Text>,
}

impl Design {
    /// The languages of its fields; English always.
    pub fn languages(&self) -> BTreeSet<&str> {
        let texts = self.fields.iter().flat_map(|field| field.label.keys().chain(field.value.keys()));
        texts.map(String::as_str).chain(["en"]).collect()
    }
}

/// Every design of a shop; a card finds at most one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Designs {
    all: Vec<Design>,
}

/// Two designs for one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesignClash {
    /// One design's name.
    pub one: String,
    /// The other's.
    pub other: String,
    /// The programme that both name; none where both take all cards of one kind.
    pub programme: Option<String>,
}

impl fmt::Display for DesignClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one, other, programme } = self;
        match programme {
            Some(programme) => write!(f, "the designs `{one}` and `{other}` both name the programme {programme}"),
            None => write!(f, "the designs `{one}` and `{other}` both take all other cards of one kind"),
        }
    }
}

impl std::error::Error for DesignClash {}

impl Designs {
    /// Takes designs together; an error where two would take one card.
    pub fn new(all: Vec<Design>) -> Result<Self, DesignClash> {
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                let programme = one.programmes.iter().find(|name| other.programmes.contains(name));
                let same_rest = one.strip == other.strip && one.programmes.is_empty() && other.programmes.is_empty();
                if programme.is_some() || same_rest {
                    let (one, other) = (one.name.clone(), other.name.clone());
                    return Err(DesignClash { one, other, programme: programme.cloned() });
                }
            }
        }
        Ok(Self { all })
    }

    /// The design of a card: the one that names its programme, else the one for its kind.
    pub fn for_card(&self, programme: &str, kind: Kind) -> Option<&Design> {
        let strip = match kind {
            Kind::Stamps => StripKind::Stamps,
            Kind::Points => StripKind::Points,
            Kind::Cashback => StripKind::Cashback,
        };
        let named = self.all.iter().find(|design| design.programmes.iter().any(|name| name == programme));
        named.or_else(|| self.all.iter().find(|design| design.programmes.is_empty() && design.strip == strip))
    }

    /// The design of a name.
    pub fn named(&self, name: &str) -> Option<&Design> {
        self.all.iter().find(|design| design.name == name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Design> {
        self.all.iter()
    }
}
