//! Requests that book: each carries an `Idempotency-Key`, and its first answer is kept in the transaction of what it
//! booked (DESIGN.md section 5). The same key and body get that answer again, also after a restart.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use openssl::sha::Sha256;

use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault, problem_response};
use crate::pure::domain::Now;
use crate::pure::wire::lan::Problem;
use crate::shop::ledger::{Stored, StoredAnswer, Txn, WriteError};
use crate::shop::till::{Outcome, Till};

/// What a booking answers: a status with a JSON body.
pub struct Booked {
    /// 200 or 201, or 409 for a refusal that is kept like any other answer.
    pub status: StatusCode,
    /// JSON.
    pub body: Vec<u8>,
}

impl Booked {
    /// A success.
    pub fn ok<T: serde::Serialize>(status: StatusCode, body: &T) -> Result<Self, Fault> {
        Ok(Self { status, body: serde_json::to_vec(body).map_err(|_| Fault::internal())? })
    }

    /// What a use case came to: its view under `status`, or what the rules refused.
    pub fn of<T: serde::Serialize>(status: StatusCode, outcome: Outcome<T>) -> Result<Self, Fault> {
        match outcome {
            Outcome::Done(view) => Self::ok(status, &view),
            Outcome::Refused(problem) => Self::refused(&problem),
        }
    }

    /// What the rules refused: it is an answer, its event is kept.
    pub fn refused(problem: &Problem) -> Result<Self, Fault> {
        Self::ok(StatusCode::CONFLICT, problem)
    }
}

/// A request that books, checked as far as it can be without the ledger.
pub struct Booking {
    key: String,
    body_hash: [u8; 32],
    caller: Caller,
    location: Option<Location>,
}

/// Where the thing lies that a booking makes: a path, and the field of the answer that ends it.
#[derive(Clone, Copy)]
struct Location {
    path: &'static str,
    field: &'static str,
}

impl Booking {
    /// Takes the key of the request and the hash of what it asks: method, path and body.
    pub fn begin(caller: &Caller, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        let missing = |detail: &str| Fault::new(StatusCode::BAD_REQUEST, "key_missing", "no Idempotency-Key", detail);
        let mut values = headers.get_all("Idempotency-Key").iter();
        let key = values.next().ok_or_else(|| {
            missing("send an Idempotency-Key header of 1 to 255 characters, a new one for each new act")
        })?;
        let key = key.to_str().unwrap_or_default();
        let visible = key.bytes().all(|byte| (0x20..0x7F).contains(&byte));
        if key.is_empty() || key.len() > 255 || !visible || values.next().is_some() {
            return Err(missing("the Idempotency-Key must be one value of 1 to 255 printable ASCII characters"));
        }
        let mut hash = Sha256::new();
        for part in [method.as_str().as_bytes(), uri.path().as_bytes(), body] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Ok(Self { key: key.to_owned(), body_hash: hash.finish(), caller: caller.clone(), location: None })
    }

    /// The booking makes something that is read at `path` followed by `field` of the answer: `Location` and `ETag` say so.
    pub fn located(self, path: &'static str, field: &'static str) -> Self {
        Self { location: Some(Location { path, field }), ..self }
    }

    /// Runs `work` in the ledger's transaction and keeps its answer, or answers what was answered before.
    pub async fn run(
        self,
        lan: &Lan,
        work: impl FnOnce(&Till, &mut Txn<'_>, &Now) -> Result<Booked, Fault> + Send + 'static,
    ) -> Result<Response, Fault> {
        let Some(_in_use) = lan.key_begin(self.caller.token, &self.key) else {
            let mut problem =
                Problem::new(409, "key_busy", "the first request is under way", "ask again with the same key and body");
            problem.retry_after_s = Some(1);
            return Err(problem.into());
        };
        let location = self.location;
        let (token, key, body_hash) = (self.caller.token, self.key.clone(), self.body_hash);
        let begun = lan.clock.boot_ns();
        let answered = match lan.write(move |till, txn, now| self.work(till, txn, now, work)).await {
            Ok(answered) => answered,
            Err(fault) => {
                // A disk that takes no write can still be read: what was answered once is answered again.
                let is_storage = matches!(fault, WriteError::Storage(_));
                if matches!(&fault, WriteError::Work(fault) if fault.0.code == "storage_fault") {
                    // What the work read was not as it should be.
                    lan.ledger.suspect();
                }
                let known = lan.read(move |_, reads| Ok(reads.answer_fetch(token, &key, &body_hash)?));
                match if is_storage { known.await.ok() } else { None } {
                    Some(Stored::Answered(answer)) => Answered { answer, hit: true },
                    _ => return Err(fault.into()),
                }
            }
        };
        let commit_ms = (lan.clock.boot_ns() - begun) as f64 / 1e6;
        Ok(answered.into_response(commit_ms, location))
    }

    fn work(
        self,
        till: &Till,
        txn: &mut Txn<'_>,
        now: &Now,
        work: impl FnOnce(&Till, &mut Txn<'_>, &Now) -> Result<Booked, Fault>,
    ) -> Result<Answered, Fault> {
        match txn.reads().answer_fetch(self.caller.token, &self.key, &self.body_hash)? {
            Stored::Answered(answer) => return Ok(Answered { answer, hit: true }),
            Stored::OtherBody => {
                let detail = "this Idempotency-Key was used for another request; a new act needs a new key";
                return Err(Problem::new(422, "key_reuse", "the key stands for another request", detail).into());
            }
            Stored::New => {}
        }
        let booked = work(till, txn, now)?;
        let answer = StoredAnswer { status: booked.status.as_u16(), body: booked.body };
        txn.answer_store(self.caller.token, &self.key, &self.body_hash, &answer, now)?;
        Ok(Answered { answer, hit: false })
    }
}

struct Answered {
    answer: StoredAnswer,
    hit: bool,
}

impl Answered {
    fn into_response(self, commit_ms: f64, location: Option<Location>) -> Response {
        let StoredAnswer { status, body } = self.answer;
        let told = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
        let mut response = if status >= 400 {
            let retry_after_s = told["retry_after_s"].as_i64();
            problem_response(status, body, retry_after_s)
        } else {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        };
        let headers = response.headers_mut();
        if self.hit {
            headers.insert("Idempotency-Hit", HeaderValue::from_static("true"));
        }
        if let Some(Location { path, field }) = location.filter(|_| status == 201) {
            let id = told[field].as_str().unwrap_or_default();
            if let Ok(value) = HeaderValue::from_str(&format!("{path}{id}")) {
                headers.insert(header::LOCATION, value);
            }
            if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", told["revision"])) {
                headers.insert(header::ETAG, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(&format!("commit;dur={commit_ms:.2}")) {
            headers.insert("Server-Timing", value);
        }
        response
    }
}
