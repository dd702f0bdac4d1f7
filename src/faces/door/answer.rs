//! Answers: JSON, and faults as problem documents.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::pure::wire::lan::{FieldProblem, Problem};
use crate::shop::ledger::{LedgerError, WriteError};
use crate::shop::till::TillError;

/// A request that ends with a problem document.
#[derive(Debug)]
pub struct Fault(pub Box<Problem>);

impl Fault {
    /// A problem of that status and code.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(status.as_u16(), code, title, detail)))
    }

    /// 404 with a code of its own.
    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, "not found", detail)
    }

    /// 422: fields.
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        Self(Box::new(Problem::invalid(errors)))
    }

    /// 422: one field.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::field(pointer, detail)))
    }

    /// 403: this role may not do it.
    pub fn forbidden(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "not allowed", detail)
    }

    /// 500: our mistake; the detail stays in the log.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "stampd made a mistake",
            "ask again with the same Idempotency-Key; nothing is booked twice. The journal has the detail",
        )
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::DiskFull => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "disk_full", "nothing was booked", error.to_string())
            }
            LedgerError::Statement(_) => {
                tracing::error!(%error, "lan.ledger: a statement failed");
                Self::internal()
            }
            _ => {
                tracing::error!(%error, "lan.ledger: the storage failed");
                let detail = "the storage under the ledger failed: nothing was booked. Ask again with the same \
                              Idempotency-Key; 'stampd doctor' on the device tells what to mend";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_fault", "nothing was booked", detail)
            }
        }
    }
}

impl From<TillError> for Fault {
    fn from(error: TillError) -> Self {
        match error {
            TillError::Ledger(error) => error.into(),
            TillError::Unknown { code, detail } => Self::not_found(code, detail),
            TillError::Invalid(errors) => Self::invalid(errors),
            TillError::Problem(problem) => Self(problem),
        }
    }
}

impl From<WriteError<Fault>> for Fault {
    fn from(error: WriteError<Fault>) -> Self {
        match error {
            WriteError::Work(fault) => fault,
            WriteError::Storage(error) => error.into(),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let problem = *self.0;
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        problem_response(problem.status, body, problem.retry_after_s)
    }
}

/// A problem document with its headers.
pub fn problem_response(status: u16, body: Vec<u8>, retry_after_s: Option<i64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after_s.or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(5)) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(0)));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stampd\""));
    }
    response
}

/// A JSON answer with the revision as its ETag.
pub fn with_etag<T: serde::Serialize>(status: StatusCode, revision: i64, body: &T) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}
