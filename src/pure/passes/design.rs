//! A pass design: data only. A folder in `passes/` holds `design.toml`, the strip's SVG and the images; `base/config`
//! reads it into this.

use std::collections::BTreeMap;

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
}

/// A sentence in each language that the design speaks, by language tag (`en`, `de`). `en` is always there.
pub type Text = BTreeMap<String, String>;

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
    /// What stands over the value; may be empty.
    pub label: Text,
    /// The value with places such as `{balance}`, `{to_next_reward}`, `{tier}`; a field whose place has no value on a card
    /// is left out.
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
    /// The strip's SVG with its places, as its file says.
    pub strip_svg: String,
    /// Ground of the pass.
    pub background: Colour,
    /// Values.
    pub foreground: Colour,
    /// Labels.
    pub label: Colour,
    /// Beside the logo; may be empty.
    pub logo_text: Text,
    /// For screen readers.
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
    /// Names of rewards for people, by their name in the rule file.
    pub rewards: BTreeMap<String, Text>,
}
