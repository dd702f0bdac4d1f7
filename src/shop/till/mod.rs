//! The till: the use cases of the shop. Each is one piece of work in the ledger's transaction: look up, ask `program` for a
//! verdict, post, and make the answer that leaves after the commit. No sockets, no readers, no clock.
//!
//! Functions that end in `_in_txn` run inside a transaction that the caller opened ([`Ledger::write`]); what they return
//! may leave only after its commit. Views are read on any snapshot.

mod audit;
mod command;
mod face;
mod media;
mod moves;
mod people;
mod posting;
mod present;
mod rehearse;
mod repeat;
mod report;
mod sale;
mod search;
mod shift;
mod timeline;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::pure::domain::money::minor_digits;
use crate::pure::domain::{ApiTokenId, Now, ProgrammeName, Role, StaffId, TillId};
use crate::pure::program::Rulebook;
use crate::pure::resolve::Policy;
use crate::pure::tap::TokenProblem;
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::scan::Code;
use crate::pure::text::Language;
use crate::pure::wire::lan::{FieldProblem, Problem};
use crate::shop::ledger::{Ledger, LedgerError, StaffRow, TokenRow, Txn};

pub use audit::{BooksReport, verify};
pub use command::HandPosting;
pub use media::BINDING_S;
pub use people::PersonCheck;
pub use present::{Presentation, Source, TapPhases, Tapped};
pub use rehearse::{Rehearsal, Side, rehearse};
pub use sale::SaleCommand;
pub use search::CustomerSearch;
pub use view::row_explained;

/// The programmes that run here, each with all its versions.
pub type Rulebooks = BTreeMap<ProgrammeName, Rulebook>;

/// What a till does with a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A tap awards at once where the programme has a `tap_award`.
    Tap,
    /// A tap presents the card; the till's sale awards.
    Sale,
}

/// One till of the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TillSettings {
    /// What it does with a tap.
    pub mode: Mode,
    /// How long a presented card stays, seconds.
    pub hold_s: i64,
    /// Within this time the same card is the same visit, seconds.
    pub repeat_s: i64,
}

/// What the use cases must know of the shop.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tills by id; never empty.
    pub tills: BTreeMap<TillId, TillSettings>,
    /// For how long an open sale waits to be completed, seconds.
    pub open_sale_s: i64,
    /// The language of what staff and customers read.
    pub language: Language,
    /// How fresh a proof must be.
    pub policy: Policy,
    /// The shop's name, as customers read it.
    pub shop_name: String,
    /// ISO 4217.
    pub currency: String,
    /// Links of cards begin with this: `[api] public_url`, or the LAN address.
    pub base_url: String,
}

impl Settings {
    /// Decimals of the currency.
    pub fn minor_digits(&self) -> u8 {
        minor_digits(&self.currency)
    }
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Till {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: Ledger,
    settings: Settings,
    keys: Arc<Keyring>,
    rulebooks: RwLock<Arc<Rulebooks>>,
    entropy: fn(&mut [u8]),
}

/// Why a use case came to nothing; nothing of it is booked.
#[derive(Debug, thiserror::Error)]
pub enum TillError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such thing: 404 with this code.
    #[error("{detail}")]
    Unknown {
        /// The code on the wire.
        code: &'static str,
        /// For a person.
        detail: String,
    },
    /// The request's fields are wrong: 422.
    #[error("{}", fields_told(.0))]
    Invalid(Vec<FieldProblem>),
    /// Another problem, complete.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
}

/// Wrong fields in one line, each by its name.
fn fields_told(fields: &[FieldProblem]) -> String {
    let told = fields.iter().map(|field| format!("{}: {}", field.pointer.trim_start_matches('/'), field.detail));
    told.collect::<Vec<_>>().join("; ")
}

impl TillError {
    /// One wrong field.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        TillError::Invalid(vec![FieldProblem { pointer: pointer.to_owned(), detail: detail.into() }])
    }
}

/// What a use case came to: an answer, or what the rules refused. Both are answers that are kept.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It is posted.
    Done(T),
    /// The rules said no.
    Refused(Box<Problem>),
}

impl Till {
    /// The use cases over a ledger. `entropy` fills its argument with random bytes.
    pub fn new(ledger: Ledger, settings: Settings, keys: Arc<Keyring>, entropy: fn(&mut [u8])) -> Self {
        let rulebooks = RwLock::new(Arc::new(Rulebooks::new()));
        Self { inner: Arc::new(Inner { ledger, settings, keys, rulebooks, entropy }) }
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// What the use cases know of the shop.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The keys with which taps and scans are checked.
    pub fn keys(&self) -> &Arc<Keyring> {
        &self.inner.keys
    }

    /// The programmes as they are now.
    pub fn rulebooks(&self) -> Arc<Rulebooks> {
        self.inner.rulebooks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over other programmes from the next act on.
    pub fn rulebooks_set(&self, rulebooks: Rulebooks) {
        *self.inner.rulebooks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rulebooks);
    }

    /// What a code that the till's own scanner read claims.
    pub fn scan_read(&self, code: &Code) -> Vec<Result<crate::pure::domain::Token, TokenProblem>> {
        vec![self.inner.keys.scanned(code)]
    }

    /// `N` random bytes.
    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.inner.entropy)(&mut bytes);
        bytes
    }

    /// A fresh UUIDv7 for something that happened at `wall_ms`.
    pub fn fresh_id(&self, wall_ms: i64) -> uuid::Uuid {
        uuid::Builder::from_unix_timestamp_millis(wall_ms.max(0) as u64, &self.random()).into_uuid()
    }

    /// A secret of 160 random bits, as text.
    pub fn fresh_secret(&self) -> String {
        crate::pure::domain::crockford::encode(&self.random::<20>())
    }

    /// Stores an API token; `secret_hash` is the SHA-256 of its secret.
    pub fn token_create_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        name: &str,
        role: Role,
        till: Option<TillId>,
        secret_hash: &[u8; 32],
    ) -> Result<ApiTokenId, TillError> {
        let id = ApiTokenId(self.fresh_id(now.wall_ms));
        txn.token_insert(&TokenRow { id, name: name.to_owned(), role, till }, secret_hash, now.wall_ms)?;
        Ok(id)
    }

    /// Stores a member of the staff; `pin_hash` is an Argon2 hash in PHC form.
    pub fn staff_add_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        name: &str,
        role: Role,
        pin_hash: String,
    ) -> Result<StaffId, TillError> {
        let id = StaffId(self.fresh_id(now.wall_ms));
        txn.staff_insert(&StaffRow { id, name: name.to_owned(), role, pin_hash }, now.wall_ms)?;
        Ok(id)
    }
}
