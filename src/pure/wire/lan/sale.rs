//! Sales: requests of a till, quotes, answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Approval, CardView, EntryView};

/// A sale at a till.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleRequest {
    /// The till; a token that is bound to one may leave it out.
    pub till: Option<String>,
    /// The till's number: 1 to 64 printable ASCII characters, unique per shop for 35 days. A quote may leave it out.
    pub txn_id: Option<String>,
    /// What the bill comes to before anything is redeemed, minor units.
    pub amount_minor: i64,
    /// The lines after line discounts; their sum must be the bill.
    #[serde(default)]
    pub items: Vec<ItemRequest>,
    /// The card; else the one now presented at the till.
    pub serial: Option<String>,
    /// What is redeemed on this bill.
    pub redeem: Option<RedeemRequest>,
    /// `open` reserves what `redeem` names; the sale is completed or cancelled later.
    pub state: Option<String>,
    /// The member of staff.
    pub staff: Option<String>,
    /// A manager who approves.
    #[serde(skip_serializing)]
    pub approved_by: Option<Approval>,
}

/// A line of a bill.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemRequest {
    /// What.
    pub sku: String,
    /// Its category.
    pub category: Option<String>,
    /// Pieces, 1 where it is not given.
    pub quantity: Option<i64>,
    /// The line after its discounts, minor units.
    pub amount_minor: i64,
    /// The tax within it.
    pub tax_minor: Option<i64>,
    /// It was discounted.
    #[serde(default)]
    pub discounted: bool,
}

/// What is redeemed: `{rewards}` on stamp cards, `{reward, count}` of a catalogue, `{value}` where points are money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemRequest {
    /// So many rewards of a stamp card.
    pub rewards: Option<i64>,
    /// A reward's name.
    pub reward: Option<String>,
    /// How many of it.
    pub count: Option<i64>,
    /// So many units, or `"max"`.
    #[schema(value_type = Option<Object>)]
    pub value: Option<UnitsOrMax>,
}

/// Units, or the most that balance and bill allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UnitsOrMax {
    /// So many of the programme's smallest unit.
    Units(i64),
    /// The word `max`.
    Word(String),
}

/// Completes an open sale.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// The bill, where it changed since the sale was opened.
    pub amount_minor: Option<i64>,
}

/// Cancels an open sale; it has no fields.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {}

/// A refund, whole where neither amount nor lines are given.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// How much, minor units.
    pub amount_minor: Option<i64>,
    /// The lines that come back.
    #[serde(default)]
    pub items: Vec<ItemRequest>,
    /// The member of staff.
    pub staff: Option<String>,
}

/// What a sale came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SaleView {
    /// `posted`, `waiting` for a card, `open`, `cancelled`, `refunded` or `voided`.
    pub status: String,
    /// The till's number.
    pub txn_id: String,
    /// Our number; it never repeats.
    pub sale_id: String,
    /// The visit.
    pub visit: Option<String>,
    /// What is left to pay, minor units.
    pub due_minor: i64,
    /// What was taken off, minor units.
    pub discount_minor: i64,
    /// Units earned, bonuses included.
    pub earned: i64,
    /// Units redeemed; rewards on stamp cards.
    pub redeemed: i64,
    /// What it posted on the card.
    pub entries: Vec<EntryView>,
    /// The card after it.
    pub card: Option<CardView>,
    /// What to print under the bill.
    pub receipt: ReceiptView,
    /// What a queue may read.
    pub masked_name: Option<String>,
}

/// What to print under the bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// Lines of at most 42 columns.
    pub lines: Vec<String>,
    /// A text to print as QR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
}

/// What a sale would come to; nothing was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteView {
    /// The card.
    pub serial: String,
    /// What would be left to pay, minor units.
    pub due_minor: i64,
    /// What would be taken off, minor units.
    pub discount_minor: i64,
    /// Units that would be earned, bonuses included.
    pub earned: i64,
    /// Units that would be redeemed; rewards on stamp cards.
    pub redeemed: i64,
    /// Each reward with its value on this bill, or why not.
    pub rewards: Vec<QuoteReward>,
    /// The most units that may be redeemed where points are money; the most rewards on stamp cards.
    pub max_redeem: i64,
}

/// A reward towards a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuoteReward {
    /// Its name; `value` where points are money.
    pub reward: String,
    /// Units that one takes; 0 on stamp cards.
    pub units_each: i64,
    /// What one takes off this bill, minor units.
    pub value_minor: i64,
    /// The most that may be redeemed now.
    pub max: i64,
    /// Why not even one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The sentence for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
