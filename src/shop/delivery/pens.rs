//! Pens at hand: the RSA operation of each certificate set up once and not for each pass.

use std::sync::{Arc, Mutex, PoisonError};

use super::Material;
use crate::pure::passes::sign::{Pen, SignError, Signer};

/// Pens that wait: as many as sign at the same time in a busy hour.
const PENS_MAX: usize = 8;

/// The pens that nobody writes with now.
#[derive(Default)]
pub struct Pens {
    idle: Mutex<Vec<Pen>>,
}

impl Pens {
    /// A pen of a signer.
    ///
    /// # Errors
    /// OpenSSL fails.
    pub fn take(&self, signer: &Arc<Signer>) -> Result<Pen, SignError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().position(|pen| Arc::ptr_eq(pen.signer(), signer)) {
            Some(at) => Ok(idle.swap_remove(at)),
            None => {
                drop(idle);
                Pen::new(Arc::clone(signer))
            }
        }
    }

    /// Puts a pen back that wrote well, unless its certificate was replaced meanwhile: no old key is to stay in memory.
    /// `material` tells what there is now; it is asked under the lock that [`Pens::clear`] takes after a change.
    pub fn put(&self, pen: Pen, material: impl FnOnce() -> Arc<Material>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let material = material();
        let mut signers = material.types.iter().filter_map(|kind| kind.signer.as_ref());
        if idle.len() < PENS_MAX && signers.any(|signer| Arc::ptr_eq(signer, pen.signer())) {
            idle.push(pen);
        }
    }

    /// Drops all: the certificates are other ones.
    pub fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
