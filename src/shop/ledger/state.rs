//! How the ledger is now: writable, refusing for a reason that passes, or damaged. The writer tells, health asks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::LedgerError;

/// What the ledger can do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerState {
    /// It books.
    Writable,
    /// The disk is full: everything is refused until space returns.
    Full,
    /// The storage failed: everything is refused until a probe is written and synced.
    Faulty(String),
    /// The file is damaged: everything is refused, and so is the next start.
    Damaged(String),
}

/// One state for the writer, the readers and whoever asks.
#[derive(Clone)]
pub(super) struct StateCell {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<LedgerState>,
    /// A read met something that should not be: the file wants checking.
    suspected: AtomicBool,
    path: PathBuf,
}

impl StateCell {
    pub fn new(path: &Path) -> Self {
        let state = Mutex::new(LedgerState::Writable);
        Self { shared: Arc::new(Shared { state, suspected: AtomicBool::new(false), path: path.to_owned() }) }
    }

    pub fn now(&self) -> LedgerState {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the writer refuses with before it looks at the work: damage never passes.
    pub fn damage(&self) -> Option<LedgerError> {
        match &*self.shared.state.lock().unwrap_or_else(PoisonError::into_inner) {
            LedgerState::Damaged(what) => Some(LedgerError::Damaged(what.clone())),
            _ => None,
        }
    }

    pub fn writable(&self) {
        self.set(LedgerState::Writable);
    }

    /// A commit or a probe came to nothing. What looks like damage is looked at before the file is condemned.
    pub fn failed(&self, error: &LedgerError) {
        match error {
            LedgerError::DiskFull => self.set(LedgerState::Full),
            LedgerError::Damaged(what) => {
                self.suspect();
                self.set(LedgerState::Faulty(what.clone()));
            }
            other => self.set(LedgerState::Faulty(other.to_string())),
        }
    }

    /// The file is damaged for good: noted beside it, so that the next start does not trust it either.
    pub fn condemn(&self, what: &str) {
        tracing::error!("ledger.damaged: {what}; nothing more is booked until a backup is restored");
        if let Err(error) = std::fs::write(mark_path(&self.shared.path), what) {
            tracing::error!(%error, "ledger.damaged: the mark beside the ledger could not be written");
        }
        self.set(LedgerState::Damaged(what.to_owned()));
    }

    /// Something read was not as it should be.
    pub fn suspect(&self) {
        self.shared.suspected.store(true, Ordering::Relaxed);
    }

    pub fn suspected_take(&self) -> bool {
        self.shared.suspected.swap(false, Ordering::Relaxed)
    }

    fn set(&self, state: LedgerState) {
        let mut now = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Damage is not mended by a commit that still worked.
        if !matches!(*now, LedgerState::Damaged(_)) {
            *now = state;
        }
    }
}

/// The mark beside a ledger that was found damaged; its text says what.
pub fn mark_path(ledger: &Path) -> PathBuf {
    ledger.with_extension("damaged")
}
