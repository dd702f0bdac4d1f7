//! Apple's half: from a face and a design to a signed `.pkpass` (wallets/apple.md sections 1 to 3).
//!
//! In two steps, because an update that shows nothing new is not to be signed: [`Sheet::draft`] writes everything but the
//! signature, and equal drafts have equal manifests; [`Draft::sign`] signs one.

mod json;
mod phrase;
mod sheet;
mod strings;

use std::sync::Arc;

use super::bundle::Draft;
use super::design::Design;
use super::face::Face;
use super::image::Image;
use super::sign::{SignError, Signer};
use crate::pure::domain::{Now, ProgrammeName};

pub use sheet::Sheet;

/// Whose passes: one `[[apple]]` table as passes need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// `passTypeIdentifier`, also the UID of the certificate.
    pub pass_type_id: String,
    /// `teamIdentifier`, also the OU of the certificate.
    pub team_id: String,
    /// `nfc.encryptionPublicKey`: base64 of the compressed P-256 SubjectPublicKeyInfo; none where Apple did not allow the
    /// certificate NFC.
    pub nfc_key: Option<String>,
}

/// A pass type and what signs it.
#[derive(Clone, Debug)]
pub struct PassType {
    /// Whose passes.
    pub issuer: Issuer,
    /// Programmes whose cards are passes of this type; empty means all.
    pub programmes: Vec<ProgrammeName>,
    /// None where no certificate is configured: passes of this type are read and not made.
    pub signer: Option<Arc<Signer>>,
}

impl PassType {
    /// The type of a programme's passes: the first that takes it.
    pub fn of<'a>(types: &'a [PassType], programme: &ProgrammeName) -> Option<&'a PassType> {
        types.iter().find(|kind| kind.programmes.is_empty() || kind.programmes.contains(programme))
    }
}

/// Where a phone asks for a newer pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updates {
    /// `webServiceURL`: https, without the `/v1` that the phone appends.
    pub web_service_url: String,
    /// `authenticationToken`: 16 characters or more, never another one for the same card.
    pub authentication_token: String,
}

/// Why a card has no pass. What is to be done stands after the semicolon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppleError {
    /// A reader would cut it off.
    #[error("the NFC message has {0} bytes, a reader takes 64; issue the card's NFC credential anew")]
    NfcMessage(usize),
    /// The barcode does not fit its encoding.
    #[error("the barcode's text has letters outside of ISO 8859-1; issue the card's barcode anew")]
    Barcode,
    /// Wallet drops a pass without it and says nothing.
    #[error("the design has no icon; add icon.svg to its folder")]
    NoIcon,
    /// The writer of JSON refuses.
    #[error("pass.json cannot be written: {0}; look at the design's places and texts")]
    Json(String),
    /// Nothing is signed now.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// [`Sheet::draft`] of a design that makes one pass.
///
/// # Errors
/// As there.
pub fn draft(
    issuer: &Issuer,
    updates: Option<&Updates>,
    design: &Design,
    face: &Face,
    images: Vec<Image>,
) -> Result<Draft, AppleError> {
    Sheet::new(design.clone()).draft(issuer, updates, face, images)
}

impl Draft {
    /// The finished pass, signed at `now`.
    pub fn sign(&self, signer: &Signer, now: &Now) -> Result<Vec<u8>, SignError> {
        let signature = signer.sign(self.manifest(), now)?;
        let mut pass = Vec::new();
        self.pack(&signature, &mut pass);
        Ok(pass)
    }
}
