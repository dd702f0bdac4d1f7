//! Apple's half: from a face and a design to a signed `.pkpass` (wallets/apple.md sections 1 to 3).

use std::sync::Arc;

use super::sign::Signer;
use crate::pure::domain::ProgrammeName;

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
