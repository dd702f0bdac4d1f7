//! Customers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new customer; every field is optional.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerRequest {
    /// Given name, at most 100 characters.
    pub first_name: Option<String>,
    /// Family name, at most 100 characters.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// E.164, as in +4915112345678.
    pub phone: Option<String>,
    /// Local date.
    pub birth_date: Option<String>,
    /// Language tag, as in `de`.
    pub language: Option<String>,
    /// Telegram.
    pub telegram_id: Option<String>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// Fields of the shop's own: text by name.
    pub custom: BTreeMap<String, String>,
    /// Campaign marks: text by name.
    pub utm: BTreeMap<String, String>,
    /// The referral link of the customer who brought this one.
    pub referred_by: Option<String>,
    /// Consents by name.
    pub consents: BTreeMap<String, bool>,
}

impl std::fmt::Debug for CustomerRequest {
    /// Shows nothing: everything in it is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerRequest(…)")
    }
}

impl CustomerRequest {
    /// This one with the fields of `patch` in place of its own (RFC 7396: null takes a field away, objects are joined).
    ///
    /// # Errors
    /// What is wrong with the patch: an unknown field, or one of another type.
    pub fn patched(&self, patch: &serde_json::Value) -> Result<Self, String> {
        let mut fields = serde_json::to_value(self).map_err(|error| error.to_string())?;
        merge(&mut fields, patch);
        serde_json::from_value(fields).map_err(|error| error.to_string())
    }
}

/// RFC 7396 section 2.
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(serde_json::Value::Null), value);
        }
    }
}

/// A page of customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CustomerList {
    /// The customers, as sorted.
    pub customers: Vec<CustomerView>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// A customer.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CustomerView {
    /// UUIDv7.
    pub id: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether it was proved.
    pub email_verified: bool,
    /// E.164.
    pub phone: Option<String>,
    /// Local date.
    pub birth_date: Option<String>,
    /// Since when the birth date is known, local date.
    pub birth_known_since: Option<String>,
    /// Language tag.
    pub language: Option<String>,
    /// Telegram.
    pub telegram_id: Option<String>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// Fields of the shop's own.
    #[schema(value_type = Object)]
    pub custom: serde_json::Value,
    /// Campaign marks.
    #[schema(value_type = Object)]
    pub utm: serde_json::Value,
    /// Consents by name.
    #[schema(value_type = Object)]
    pub consents: serde_json::Value,
    /// The customer who brought this one.
    pub referred_by: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Serials of the customer's cards.
    pub cards: Vec<String>,
    /// Counts every change; the ETag.
    pub revision: i64,
}

impl std::fmt::Debug for CustomerView {
    /// Shows the id alone: everything else is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CustomerView({})", self.id)
    }
}
