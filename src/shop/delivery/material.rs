//! What passes are made of beside the card: designs, certificates, issuers.

use std::collections::BTreeMap;

use openssl::sha::{Sha256, sha256};

use crate::pure::domain::Now;
use crate::pure::passes::apple::{PassType, Sheet};
use crate::pure::passes::google;
use crate::pure::passes::jwt::ServiceAccount;
use crate::pure::passes::sign::SignError;
use crate::pure::passes::{Design, Designs, Face};

/// Google's side.
#[derive(Clone, Debug)]
pub struct GoogleDesk {
    /// What stands in all payloads.
    pub issuer: google::Issuer,
    /// Who signs save links; none where the configuration names no key file.
    pub account: Option<ServiceAccount>,
    /// Web origins of pages that show Google's button.
    pub origins: Vec<String>,
}

/// Everything that a reload may change.
#[derive(Debug)]
pub struct Material {
    /// The designs.
    pub designs: Designs,
    /// Apple's pass types, in the order of the configuration.
    pub types: Vec<PassType>,
    /// Google's side; none where it is not configured.
    pub google: Option<GoogleDesk>,
    /// Each design made ready, by its name.
    ready: BTreeMap<String, Ready>,
}

/// A design made ready for passes, with what it holds.
#[derive(Debug)]
struct Ready {
    sheet: Sheet,
    digest: [u8; 32],
}

impl Material {
    /// Takes it together.
    pub fn new(designs: Designs, types: Vec<PassType>, google: Option<GoogleDesk>) -> Self {
        let made = |design: &Design| Ready {
            sheet: Sheet::new(design.clone()),
            digest: sha256(format!("{design:?}").as_bytes()),
        };
        let ready = designs.iter().map(|design| (design.name.clone(), made(design))).collect();
        Self { designs, types, google, ready }
    }

    /// The design of a card, made ready.
    pub(super) fn sheet(&self, face: &Face) -> Option<&Sheet> {
        let design = self.designs.for_card(face.programme.as_str(), face.kind)?;
        self.ready.get(&design.name).map(|ready| &ready.sheet)
    }

    /// Names what a pass is made of: equal keys are equal passes but for the moment of signing. The revision does not
    /// count, because a card may change in what its pass does not show.
    pub(super) fn key(&self, design: &Design, kind: &PassType, face: &Face) -> [u8; 32] {
        let face = Face { revision: 0, ..face.clone() };
        let mut key = Sha256::new();
        key.update(env!("CARGO_PKG_VERSION").as_bytes());
        key.update(self.ready.get(&design.name).map_or(&[][..], |ready| ready.digest.as_slice()));
        let certificate = kind.signer.as_ref().map(|signer| signer.facts().sha256.as_str());
        key.update(format!("\0{:?}\0{certificate:?}\0{face:?}", kind.issuer).as_bytes());
        key.finish()
    }

    /// Why nothing at all may be signed now; `None` where something may, or where nothing is ever signed.
    pub fn hold(&self, now: &Now) -> Option<SignError> {
        let mut refused = None;
        for signer in self.types.iter().filter_map(|kind| kind.signer.as_ref()) {
            match signer.may_sign(now) {
                Ok(()) => return None,
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused
    }

    /// Days left of the certificate that ends first, with its pass type; `None` without certificates.
    pub fn days_left(&self, now: &Now) -> Option<(i64, String)> {
        let signers = self.types.iter().filter_map(|kind| kind.signer.as_ref());
        signers.map(|signer| (signer.facts().days_left(now.wall_ms), signer.facts().pass_type_id.clone())).min()
    }
}
