//! Entries: what a request posts and how a posted line is shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CardView;

/// A posting by hand (DESIGN.md section 7). Which fields a kind takes stands there; a field that its kind does not take is
/// refused.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryRequest {
    /// `purchase`, `stamps`, `subtract_amount`, `remove_visits`, `adjust`, `reward_add`, `reward_remove` or `opening`.
    pub kind: String,
    /// Stamps, visits or rewards.
    pub count: Option<i64>,
    /// Money, in minor units.
    pub amount_minor: Option<i64>,
    /// The customer's purchase, in minor units, for the record.
    pub purchase_amount_minor: Option<i64>,
    /// Signed units (`adjust`).
    pub value: Option<i64>,
    /// The visit that the stamps belong to.
    pub visit: Option<String>,
    /// The till's number of the purchase.
    pub txn_id: Option<String>,
    /// Entry or `txn_id` that is taken back (`subtract_amount`).
    pub of: Option<String>,
    /// Why (`adjust`): `manual_earning`, `compensation`, `promotion`, ….
    pub reason: Option<String>,
    /// Why rewards go (`reward_remove`): `redeem`, `correction` or `expired`.
    pub why: Option<String>,
    /// What a card brings along from another system (`opening`, for managers).
    pub figures: Option<OpeningFigures>,
    /// For the staff; never shown to the customer.
    pub comment: Option<String>,
    /// For the customer.
    pub public_note: Option<String>,
    /// The member of staff who posts.
    pub staff: Option<String>,
    /// A manager who approves what the role alone may not do.
    pub approved_by: Option<Approval>,
}

/// Figures that a card had in another system; what is not given is 0. No visit is counted, nothing is taken for a purchase,
/// and the units lapse as if they were awarded now.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpeningFigures {
    /// Units that can be spent.
    pub balance: i64,
    /// Units earned, lifetime; not given, what the balance is.
    pub earned: Option<i64>,
    /// Units redeemed, lifetime.
    pub redeemed: i64,
    /// Units that count for levels.
    pub qualifying: i64,
    /// Purchases less refunds, minor units.
    pub tx_amount_minor: i64,
    /// What the customer spent, minor units.
    pub ltv_minor: i64,
    /// Visits.
    pub visits: i64,
    /// Orders.
    pub orders: i64,
}

/// A manager's approval, given with the PIN.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Id of the manager.
    pub staff: String,
    /// The manager's PIN.
    pub pin: String,
}

impl std::fmt::Debug for Approval {
    /// Never shows the PIN.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Approval({})", self.staff)
    }
}

/// One posted line, as history shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Its id. What lapsed or ripened because of a void has no entry: it bears the id of the one before which it stands.
    pub id: String,
    /// The card.
    pub serial: String,
    /// `stamps`, `bonus`, `purchase`, `redeem`, `void`, ….
    pub kind: String,
    /// The word that history shows.
    pub label: String,
    /// RFC 3339.
    pub at: String,
    /// Signed units of the posting itself: what was awarded or taken, before an unlock consumes any.
    pub units: i64,
    /// Signed change of the balance, unlocks included.
    pub change: i64,
    /// The balance after it.
    pub balance: i64,
    /// Signed change of the rewards available.
    pub rewards_change: i64,
    /// Money of the posting, in minor units, signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// When what was awarded lapses, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Taken back by a void.
    pub voided: bool,
    /// The version of the rules under which it was decided.
    pub rule_version: u32,
    /// Why this number: inputs, rule, rounding and limits in a sentence.
    pub explanation: String,
    /// The visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<String>,
    /// The till's number of the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    /// The till.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub till: Option<String>,
    /// The member of staff, or the token's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<String>,
    /// By what medium the card was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// The reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// Why it was adjusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The staff's comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The note for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_note: Option<String>,
}

/// What a posting answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PostedView {
    /// The lines that it posted on this card.
    pub entries: Vec<EntryView>,
    /// The card after it.
    pub card: CardView,
}

/// A void: why, if one wants to say.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// For the staff.
    pub comment: Option<String>,
    /// The till at which it happens, for a token that is bound to none.
    pub till: Option<String>,
    /// The member of staff.
    pub staff: Option<String>,
    /// A manager who approves.
    pub approved_by: Option<Approval>,
}
