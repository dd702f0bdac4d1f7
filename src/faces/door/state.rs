//! What every handler has at hand.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use super::answer::Fault;
use super::auth::Sessions;
use crate::base::clock::Clock;
use crate::base::pin;
use crate::pure::domain::{ApiTokenId, Now, Serial, StaffId};
use crate::pure::wire::lan::{PartView, Problem, ReaderList};
use crate::shop::delivery::Passes;
use crate::shop::ledger::{Ledger, LedgerError, Reads, StaffRow, TokenRow, Txn, WriteError};
use crate::shop::till::Till;

/// What the API must know of the shop beside its tills.
#[derive(Clone, Debug)]
pub struct LanSettings {
    /// The shop's id.
    pub shop_id: String,
    /// The shop's name.
    pub shop_name: String,
    /// Browser origins that may call, exactly.
    pub origins: Vec<String>,
    /// Host names by which the device is called, beside loopback and literal addresses of its own.
    pub names: Vec<String>,
    /// SHA-256 of the LAN certificate, hex.
    pub certificate_sha256: Option<String>,
}

/// What tells the state of parts that the API does not own.
pub type PartsSource = Arc<dyn Fn() -> Vec<PartView> + Send + Sync>;
/// What tells the state of the readers.
pub type ReadersSource = Arc<dyn Fn() -> ReaderList + Send + Sync>;

/// The state of the API, cheap to clone.
#[derive(Clone)]
pub struct Lan {
    /// The use cases.
    pub till: Till,
    /// The ledger, for reads.
    pub ledger: Ledger,
    /// The clocks.
    pub clock: Clock,
    /// The shop.
    pub settings: Arc<LanSettings>,
    /// Console sessions.
    pub sessions: Sessions,
    /// The readers as they are now.
    pub readers: ReadersSource,
    /// Other parts as they are now.
    pub parts: PartsSource,
    /// What makes passes; none where only the books are at hand.
    pub passes: Option<Passes>,
    /// Ends the streams when the daemon stops.
    pub stopping: CancellationToken,
    tokens: Arc<RwLock<HashMap<[u8; 32], TokenRow>>>,
    busy_keys: Arc<Mutex<HashSet<(ApiTokenId, String)>>>,
    pins: Arc<PinGuard>,
}

impl Lan {
    /// The state of an API over `till`.
    pub fn new(till: Till, clock: Clock, settings: LanSettings, readers: ReadersSource, parts: PartsSource) -> Self {
        Self {
            ledger: till.ledger().clone(),
            till,
            clock,
            settings: Arc::new(settings),
            sessions: Sessions::default(),
            readers,
            parts,
            passes: None,
            stopping: CancellationToken::new(),
            tokens: Arc::default(),
            busy_keys: Arc::default(),
            pins: Arc::default(),
        }
    }

    /// With what makes passes.
    pub fn with_passes(mut self, passes: Passes) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Writes in the ledger's transaction, taking the time as it is now, once what lapsed by itself is posted.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Till, &mut Txn<'_>, &Now) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, WriteError<Fault>> {
        let (till, now) = (self.till.clone(), self.clock.now());
        let work = move |txn: &mut Txn<'_>| {
            till.sales_release_in_txn(txn, &now)?;
            work(&till, txn, &now)
        };
        let written = self.ledger.write(work).await;
        written.unwrap_or_else(|_| Err(WriteError::Work(Fault::internal())))
    }

    /// Reads on a blocking thread, once what lapsed by itself is posted.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Till, &Reads<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (till, ledger, now) = (self.till.clone(), self.ledger.clone(), self.clock.now());
        let seen = tokio::task::spawn_blocking(move || {
            let mut look = Some(look);
            let mut look_if = |whole: bool| {
                ledger.read(|reads| {
                    // A sale that is late is no reason not to show what there is: a full disk posts nothing.
                    if !whole && till.sales_late(reads, &now).is_ok_and(|late| !late.is_empty()) {
                        return Ok(None);
                    }
                    Ok(look.take().map(|look| look(&till, reads)))
                })
            };
            let seen = match look_if(false) {
                Ok(None) => {
                    let (till, now) = (till.clone(), now.clone());
                    let _ = ledger.write_wait(move |txn| till.sales_release_in_txn(txn, &now));
                    look_if(true)
                }
                seen => seen,
            };
            seen.map_err(Fault::from).and_then(|seen| seen.unwrap_or_else(|| Err(Fault::internal())))
        });
        let seen = seen.await.unwrap_or_else(|_| Err(Fault::internal()));
        if seen.as_ref().is_err_and(|fault| fault.0.code == "storage_fault") {
            self.ledger.suspect();
        }
        seen
    }

    /// Posts what is due on the cards that `which` names, before their rows are read. A disk that takes no write is no reason
    /// not to show what there is.
    pub async fn settle(
        &self,
        which: impl FnOnce(&Reads<'_>) -> Result<Vec<Serial>, LedgerError> + Send + 'static,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        let due = self.read(move |till, reads| Ok(till.cards_due(reads, &which(reads)?, &now)?)).await?;
        if !due.is_empty() {
            let _ = self.write(move |till, txn, now| Ok(till.cards_settle_in_txn(txn, now, &due)?)).await;
        }
        Ok(())
    }

    /// The live token whose secret has this hash. Found ones are remembered: a token lives until it is revoked here.
    pub async fn token(&self, secret_hash: [u8; 32]) -> Result<Option<TokenRow>, Fault> {
        if let Some(row) = self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(&secret_hash) {
            return Ok(Some(row.clone()));
        }
        let found = self.read(move |_, reads| Ok(reads.token_by_secret(&secret_hash)?)).await?;
        if let Some(row) = &found {
            self.tokens.write().unwrap_or_else(PoisonError::into_inner).insert(secret_hash, row.clone());
        }
        Ok(found)
    }

    /// The id of a member of staff named in a request.
    pub async fn staff_id(&self, text: &str) -> Result<StaffId, Fault> {
        let unknown = || Fault::field("/staff", "no such member of staff; GET /v1/staff lists them");
        let id: StaffId = text.parse().map_err(|_| unknown())?;
        let known = self.read(|_, reads| Ok(reads.staff_list()?)).await?;
        if known.iter().any(|staff| staff.id == id) { Ok(id) } else { Err(unknown()) }
    }

    /// The member of staff with this id and PIN, if the PIN holds. At most five wrong ones are heard in
    /// a quarter of an hour; then 429, also for the right one.
    pub async fn pin_check(&self, id: StaffId, pin: String) -> Result<Option<StaffRow>, Fault> {
        let now_ns = self.clock.boot_ns();
        self.pins.admit(id, now_ns)?;
        let staff = self.read(|_, reads| Ok(reads.staff_list()?)).await?.into_iter().find(|staff| staff.id == id);
        let Some(staff) = staff else { return Ok(None) };
        // The hash is slow on purpose: one at a time, so that guessing cannot starve the tills. Whoever waited is counted
        // again: a hundred guesses sent at once are still five.
        let _turn = self.pins.turn.acquire().await.map_err(|_| Fault::internal())?;
        self.pins.admit(id, now_ns)?;
        let hash = staff.pin_hash.clone();
        let holds = tokio::task::spawn_blocking(move || pin::verify(&pin, &hash)).await.unwrap_or(false);
        self.pins.note(id, holds, now_ns);
        Ok(holds.then_some(staff))
    }

    /// Marks a key as under way; `None` when it is already.
    pub fn key_begin(&self, token: ApiTokenId, key: &str) -> Option<KeyInUse> {
        let entry = (token, key.to_owned());
        let fresh = self.busy_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then(|| KeyInUse { keys: self.busy_keys.clone(), entry })
    }
}

/// Wrong PINs of one person.
const PIN_ATTEMPTS: usize = 5;

/// For how long a wrong PIN counts, nanoseconds since boot.
const PIN_WINDOW_NS: i64 = 15 * 60 * 1_000_000_000;

/// Who guessed wrong of late, and whose turn it is to compute.
struct PinGuard {
    wrong: Mutex<HashMap<StaffId, Vec<i64>>>,
    turn: tokio::sync::Semaphore,
}

impl Default for PinGuard {
    fn default() -> Self {
        Self { wrong: Mutex::default(), turn: tokio::sync::Semaphore::new(1) }
    }
}

impl PinGuard {
    fn admit(&self, id: StaffId, now_ns: i64) -> Result<(), Fault> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = wrong.get_mut(&id) else { return Ok(()) };
        times.retain(|time| now_ns - time < PIN_WINDOW_NS);
        if times.len() < PIN_ATTEMPTS {
            return Ok(());
        }
        let wait_s = times.first().map_or(0, |oldest| (PIN_WINDOW_NS - (now_ns - oldest)) / 1_000_000_000 + 1);
        let mut problem = Problem::new(429, "too_many_attempts", "too many wrong PINs", "wait, then try again");
        problem.retry_after_s = Some(wait_s);
        Err(problem.into())
    }

    fn note(&self, id: StaffId, holds: bool, now_ns: i64) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if holds {
            wrong.remove(&id);
        } else {
            wrong.entry(id).or_default().push(now_ns);
        }
    }
}

/// A key whose first request is under way; it ends when this goes.
pub struct KeyInUse {
    keys: Arc<Mutex<HashSet<(ApiTokenId, String)>>>,
    entry: (ApiTokenId, String),
}

impl Drop for KeyInUse {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}
