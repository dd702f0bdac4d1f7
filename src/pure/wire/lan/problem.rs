//! Problem documents (RFC 9457) with the project's stable codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pure::domain::Refusal;

/// An error as the API tells it: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A link that names the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable: programs decide by it.
    pub code: String,
    /// What went wrong here and what to do about it, for a person.
    pub detail: String,
    /// Which fields are wrong, by JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Seconds until it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<i64>,
    /// What the limits would pass now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<i64>,
    /// The most that would be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The cards that a phone number finds (`several_cards`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<Vec<String>>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer (RFC 6901) into the request.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A problem of that status and code.
    pub fn new(status: u16, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("https://stampd.dev/problems/{code}"),
            title: title.to_owned(),
            status,
            code: code.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
            allowed: None,
            max: None,
            cards: None,
        }
    }

    /// What the rules refused (409), `text` being the sentence for the staff.
    pub fn refusal(refusal: &Refusal, text: &str) -> Self {
        Self {
            retry_after_s: refusal.retry_after_s,
            allowed: refusal.allowed,
            max: refusal.max,
            ..Self::new(409, refusal.code.name(), "refused by the rules", text)
        }
    }

    /// Fields that are unknown, missing or impossible (422).
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} fields are wrong; see errors", several.len()),
        };
        Self {
            errors,
            ..Self::new(422, "invalid", "the request has a field that is unknown, missing or impossible", detail)
        }
    }

    /// One field that is wrong (422).
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem { pointer: pointer.to_owned(), detail: detail.into() }])
    }
}
