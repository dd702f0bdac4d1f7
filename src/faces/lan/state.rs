//! What every handler has at hand.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use super::answer::Fault;
use super::auth::Sessions;
use crate::base::clock::Clock;
use crate::pure::domain::{ApiTokenId, StaffId};
use crate::pure::wire::lan::{PartView, ReaderList};
use crate::shop::ledger::{Ledger, LedgerError, Reads, TokenRow};
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
    /// Ends the streams when the daemon stops.
    pub stopping: CancellationToken,
    tokens: Arc<RwLock<HashMap<[u8; 32], TokenRow>>>,
    busy_keys: Arc<Mutex<HashSet<(ApiTokenId, String)>>>,
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
            stopping: CancellationToken::new(),
            tokens: Arc::default(),
            busy_keys: Arc::default(),
        }
    }

    /// Reads on a blocking thread.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Till, &Reads<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (till, ledger) = (self.till.clone(), self.ledger.clone());
        let seen = tokio::task::spawn_blocking(move || {
            let mut fault = None;
            let seen = ledger.read(|reads| match look(&till, reads) {
                Ok(value) => Ok(Some(value)),
                Err(error) => {
                    fault = Some(error);
                    Ok(None)
                }
            });
            match (seen, fault) {
                (_, Some(fault)) => Err(fault),
                (Ok(Some(value)), None) => Ok(value),
                (Ok(None), None) => Err(Fault::internal()),
                (Err(error), None) => Err(Fault::from(error)),
            }
        });
        seen.await.unwrap_or_else(|_| Err(Fault::internal()))
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

    /// Marks a key as under way; `None` when it is already.
    pub fn key_begin(&self, token: ApiTokenId, key: &str) -> Option<KeyInUse> {
        let entry = (token, key.to_owned());
        let fresh = self.busy_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then(|| KeyInUse { keys: self.busy_keys.clone(), entry })
    }

    /// The error of a ledger read as a fault.
    pub fn fault(error: LedgerError) -> Fault {
        error.into()
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
