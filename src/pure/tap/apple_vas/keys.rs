//! The shop's VAS keys (apple-vas.md sections 8 and 10), found by the key id in a cryptogram.

use std::collections::BTreeMap;

use openssl::base64;
use openssl::error::ErrorStack;
use openssl::sha::sha256;

pub use crate::pure::tap::p256::{KeyPair as VasKey, KeyProblem};

/// DER of a SubjectPublicKeyInfo for a compressed P-256 point, up to the point itself (apple-vas.md section 10).
const SPKI_COMPRESSED_P256: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00,
];

impl VasKey {
    /// What VAS cryptograms name the key by: the first four bytes of SHA-256 over X, 32 bytes (apple-vas.md section 8).
    pub fn key_id(&self) -> [u8; 4] {
        let hash = sha256(&self.public()[1..]);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// What `nfc.encryptionPublicKey` of pass.json says: base64 of the SubjectPublicKeyInfo with the compressed point, 80
    /// characters on one line (apple-vas.md section 10).
    pub fn encryption_public_key(&self) -> String {
        base64::encode_block(&[&SPKI_COMPRESSED_P256[..], &self.public()].concat())
    }

    /// Z: the x coordinate, in 32 bytes, of this key times the point whose x coordinate is `ephemeral_x`. Which of the two
    /// points with that x is taken makes no difference to Z. An error when no point of the curve has it.
    pub(super) fn agree_with_x(&self, ephemeral_x: &[u8; 32]) -> Result<[u8; 32], ErrorStack> {
        let mut compressed = [0x02; 33];
        compressed[1..].copy_from_slice(ephemeral_x);
        self.agree(&compressed)
    }
}

/// The keys of a shop by key id. Several while a key is rotated or passes come in batches; on equal ids each is tried.
#[derive(Clone, Debug, Default)]
pub struct VasKeys {
    by_id: BTreeMap<[u8; 4], Vec<VasKey>>,
}

impl VasKeys {
    /// The keys, in the order in which they are tried where their ids are equal.
    pub fn new(keys: impl IntoIterator<Item = VasKey>) -> Self {
        let mut by_id: BTreeMap<[u8; 4], Vec<VasKey>> = BTreeMap::new();
        for key in keys {
            by_id.entry(key.key_id()).or_default().push(key);
        }
        Self { by_id }
    }

    /// A map in which `keys` stand under `key_id` whatever their own ids are.
    #[cfg(test)]
    pub(super) fn with_entry(key_id: [u8; 4], keys: Vec<VasKey>) -> Self {
        Self { by_id: [(key_id, keys)].into() }
    }

    /// The keys of that id; empty when the shop has none.
    pub fn of_id(&self, key_id: [u8; 4]) -> &[VasKey] {
        self.by_id.get(&key_id).map_or(&[], Vec::as_slice)
    }
}
