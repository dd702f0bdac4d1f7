//! How delivery stands: what waits, and why.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Outcome;
use crate::pure::domain::Serial;

/// Cards whose faults are remembered for whoever asks; the rows of the rest wait as well.
const FAULTS_MAX: usize = 200;

/// Why nothing at all is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The code on the wire.
    pub code: &'static str,
    /// For a person, with the remedy.
    pub detail: String,
}

/// How delivery stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Rows that wait, as of the worker's last look.
    pub waiting: i64,
    /// Why nothing at all is made now.
    pub hold: Option<Hold>,
    /// Cards whose pass could not be made, with code and reason.
    pub faults: BTreeMap<Serial, (&'static str, String)>,
    /// Passes signed since the start.
    pub signed: u64,
    /// Cards looked at since the start whose pass needed no signature.
    pub unchanged: u64,
    /// Whether every card's pass is being looked at.
    pub sweeping: bool,
}

/// Where the worker writes it down.
#[derive(Default)]
pub struct Board {
    status: Mutex<Status>,
}

impl Board {
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn made(&self, outcome: Outcome) {
        self.with(|status| match outcome {
            Outcome::Signed => status.signed += 1,
            Outcome::Kept | Outcome::Same => status.unchanged += 1,
        });
    }

    pub fn with(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn fault(&self, card: Serial, fault: Option<(&'static str, String)>) {
        self.with(|status| match fault {
            None => drop(status.faults.remove(&card)),
            Some(fault) if status.faults.len() < FAULTS_MAX || status.faults.contains_key(&card) => {
                status.faults.insert(card, fault);
            }
            Some(_) => {}
        });
    }
}
