//! A card and its standing (DESIGN.md section 6), credentials, history.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EntryView;

/// A card and its whole standing. Amounts of the programme's unit are integers of `scale`; what does not apply is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CardView {
    /// 12 characters of Crockford Base32.
    pub serial: String,
    /// The programme's name.
    pub programme: String,
    /// `stamps`, `points` or `cashback`.
    pub kind: String,
    /// What is counted: `stamp`, `point`.
    pub unit: String,
    /// Decimal places of amounts in this unit.
    pub scale: u32,
    /// Whose card it is.
    pub customer_id: String,
    /// `not_installed`, `installed` or `deleted`.
    pub status: String,
    /// Blocked in the shop or by head office.
    pub blocked: bool,
    /// RFC 3339.
    pub issued_at: String,
    /// Last valid local date.
    pub expires_at: Option<String>,
    /// Usable now.
    pub balance: i64,
    /// Earned and not matured.
    pub pending: i64,
    /// Earned over the life of the card.
    pub earned: i64,
    /// Redeemed over the life of the card.
    pub redeemed: i64,
    /// Lapsed over the life of the card.
    pub expired: i64,
    /// Counts for levels; null where there are none.
    pub qualifying: Option<i64>,
    /// Sum of recorded transactions.
    pub tx_amount_minor: i64,
    /// Sum of all purchases known.
    pub ltv_minor: i64,
    /// Visits.
    pub visits: i64,
    /// Orders.
    pub orders: i64,
    /// `tx_amount_minor / orders`, half-up; null without orders.
    pub average_order_minor: Option<i64>,
    /// Rewards that can be redeemed now.
    pub rewards_available: i64,
    /// Rewards unlocked or given.
    pub rewards_earned: i64,
    /// Rewards used.
    pub rewards_redeemed: i64,
    /// Rewards lapsed.
    pub rewards_expired: i64,
    /// Units written off because a reversal found less than was due.
    pub shortfall: i64,
    /// Units owed, repaid by later ones.
    pub debt: i64,
    /// Redeemed offline beyond what existed.
    pub overdraft: i64,
    /// Amount carried to the next unit; null where none is.
    pub carry_minor: Option<i64>,
    /// The level's name.
    pub tier: Option<String>,
    /// What is missing to the next level, in the unit of `level_basis`.
    pub to_next_tier: Option<i64>,
    /// What is missing to the cheapest reward not yet reached.
    pub to_next_reward: Option<i64>,
    /// The rate now, in percent, without happy hour.
    pub cashback_percent: Option<f64>,
    /// `points_earned` or `tx_amount`.
    pub level_basis: Option<String>,
    /// Earned by bringing friends or by having been brought.
    pub referral_earned: i64,
    /// RFC 3339.
    pub last_earned_at: Option<String>,
    /// RFC 3339.
    pub last_redeemed_at: Option<String>,
    /// RFC 3339.
    pub last_reward_earned_at: Option<String>,
    /// RFC 3339.
    pub last_reward_redeemed_at: Option<String>,
    /// What lapses next.
    pub next_expiry: Option<NextExpiry>,
    /// Recency and frequency class.
    pub segment: Option<String>,
    /// Average rating.
    pub feedback_rating: Option<f64>,
    /// Coupons claimed.
    pub coupons_claimed: i64,
    /// Coupons used.
    pub coupons_used: i64,
    /// Entry rewards claimed.
    pub entry_rewards_claimed: i64,
    /// Messages that Apple or Google accepted.
    pub pushes_sent: i64,
    /// Opens of the pass's links.
    pub clicks: i64,
    /// Taps on readers, refused ones too.
    pub taps: i64,
    /// Scans, refused ones too.
    pub scans: i64,
    /// Installed passes.
    pub installs: Installs,
    /// Where the card was installed through.
    #[schema(value_type = Object)]
    pub utm: serde_json::Value,
    /// The customer's groups.
    pub groups: Vec<String>,
    /// What the customer wants to hear of.
    pub preferences: Preferences,
    /// The customer's links.
    pub links: Links,
    /// Counts every change; the ETag.
    pub revision: i64,
}

/// What lapses next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NextExpiry {
    /// The first moment after it, RFC 3339.
    pub at: String,
    /// How much: units, or rewards on stamp cards.
    pub amount: i64,
}

/// Installed passes by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Installs {
    /// Apple Wallet.
    pub apple: i64,
    /// Google Wallet.
    pub google: i64,
    /// The card page as an app.
    pub pwa: i64,
}

/// What the customer wants to hear of; set by the customer alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preferences {
    /// The balance changed.
    pub balance: bool,
    /// A shop is near.
    pub location: bool,
    /// Offers.
    pub marketing: bool,
    /// The level changed.
    pub tier: bool,
    /// A reward is ready.
    pub reward: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { balance: true, location: true, marketing: true, tier: true, reward: true }
    }
}

/// The customer's links: unguessable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// Installs the card.
    pub installation: String,
    /// Brings a friend.
    pub referral: String,
}

/// A new card.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardRequest {
    /// Whose.
    pub customer_id: String,
    /// In which programme.
    pub programme: String,
}

/// A medium of a card. The text is shown to managers only: whoever has it can present the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialView {
    /// Names it in requests; proves nothing.
    pub id: String,
    /// `apple_vas`, `smart_tap`, `barcode`, `ntag424`, ….
    pub medium: String,
    /// RFC 3339.
    pub created_at: String,
    /// No longer taken.
    pub revoked: bool,
    /// What the medium carries, for managers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is to be bound to a card: the next medium that is shown at a till, or a printed code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    /// The till at which the medium will be shown.
    pub till: Option<String>,
    /// The text of a printed code of this shop.
    pub code: Option<String>,
}

/// A card waits for its medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BindingView {
    /// `waiting`.
    pub status: String,
    /// The till at which the medium is to be shown.
    pub till: String,
    /// For so long, seconds.
    pub wait_s: i64,
}

/// A card's credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CredentialList {
    /// Oldest first.
    pub credentials: Vec<CredentialView>,
}

/// What moved a card's balance, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// The rows.
    pub rows: Vec<EntryView>,
    /// Give it as `cursor` for the next, older rows; null at the end.
    pub next_cursor: Option<String>,
}
