//! The shop's VAS keys (apple-vas.md sections 8 and 10): P-256 private keys, found by the key id in a cryptogram.
//!
//! **Invariant:** nothing here shows a private key, not even to a debugger's print.

use std::collections::BTreeMap;
use std::fmt;

use openssl::base64;
use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use thiserror::Error;

/// DER of a SubjectPublicKeyInfo for a compressed P-256 point, up to the point itself (apple-vas.md section 10).
const SPKI_COMPRESSED_P256: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00,
];

/// Why bytes are no VAS key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// No private key in PEM or DER, or one under a passphrase.
    #[error("no unencrypted private key in PEM (SEC1 or PKCS#8) or DER")]
    Unreadable,
    /// A key of another kind or on another curve.
    #[error("not a P-256 key: make one with `openssl ecparam -name prime256v1 -genkey -noout`")]
    OtherCurve,
}

/// One P-256 key pair of the shop.
#[derive(Clone)]
pub struct VasKey {
    private: PKey<Private>,
    /// The compressed point: 02 or 03, then X in 32 bytes, leading zeros kept.
    public: [u8; 33],
}

impl VasKey {
    /// Reads a private key from PEM (SEC1 or PKCS#8) or DER.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, KeyProblem> {
        let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
        // The callback answers "no passphrase"; without it OpenSSL would ask for one on the terminal.
        let read = if is_pem {
            PKey::private_key_from_pem_callback(bytes, |_| Ok(0))
        } else {
            PKey::private_key_from_der(bytes)
        };
        let key = read.map_err(|_| KeyProblem::Unreadable)?;
        let key = key.ec_key().map_err(|_| KeyProblem::OtherCurve)?;
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(KeyProblem::OtherCurve);
        }
        key.check_key().map_err(|_| KeyProblem::Unreadable)?;
        Self::from_ec(key).map_err(|_| KeyProblem::Unreadable)
    }

    /// The key of that private scalar, big-endian: fresh random bytes make a new key. Zero and what reaches the order of
    /// the curve are [`KeyProblem::Unreadable`]; random bytes never meet them.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, KeyProblem> {
        ec_from_scalar(scalar).and_then(Self::from_ec).map_err(|_| KeyProblem::Unreadable)
    }

    fn from_ec(key: EcKey<Private>) -> Result<Self, ErrorStack> {
        let mut context = BigNumContext::new()?;
        let point = key.public_key().to_bytes(key.group(), PointConversionForm::COMPRESSED, &mut context)?;
        let public = point.as_slice().try_into().map_err(|_| ErrorStack::get())?;
        Ok(Self { private: PKey::from_ec_key(key)?, public })
    }

    /// The private key as PKCS#8 PEM, for the file that holds it (mode 0600).
    pub fn to_pem(&self) -> Result<Vec<u8>, KeyProblem> {
        self.private.private_key_to_pem_pkcs8().map_err(|_| KeyProblem::Unreadable)
    }

    /// What cryptograms name the key by: the first four bytes of SHA-256 over X, 32 bytes (apple-vas.md section 8).
    pub fn key_id(&self) -> [u8; 4] {
        let hash = sha256(&self.public[1..]);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// What `nfc.encryptionPublicKey` of pass.json says: base64 of the SubjectPublicKeyInfo with the compressed point, 80
    /// characters on one line (apple-vas.md section 10).
    pub fn encryption_public_key(&self) -> String {
        base64::encode_block(&[&SPKI_COMPRESSED_P256[..], &self.public].concat())
    }

    /// Z: the x coordinate, in 32 bytes, of this key times the point whose x coordinate is `ephemeral_x`. Which of the two
    /// points with that x is taken makes no difference to Z. An error when no point of the curve has it.
    pub(super) fn agree(&self, ephemeral_x: &[u8; 32]) -> Result<[u8; 32], ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let mut compressed = [0x02; 33];
        compressed[1..].copy_from_slice(ephemeral_x);
        let point = EcPoint::from_bytes(&group, &compressed, &mut context)?;
        let ephemeral = PKey::from_ec_key(EcKey::from_public_key(&group, &point)?)?;
        let mut deriver = Deriver::new(&self.private)?;
        deriver.set_peer(&ephemeral)?;
        let shared = deriver.derive_to_vec()?;
        let mut z = [0; 32];
        // OpenSSL pads to the field's size; the shorter case costs nothing to get right as well.
        let start = 32usize.saturating_sub(shared.len());
        z[start..].iter_mut().zip(&shared).for_each(|(place, byte)| *place = *byte);
        Ok(z)
    }
}

fn ec_from_scalar(scalar: &[u8; 32]) -> Result<EcKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let scalar = BigNum::from_slice(scalar)?;
    let mut point = EcPoint::new(&group)?;
    let mut context = BigNumContext::new()?;
    point.mul_generator2(&group, &scalar, &mut context)?;
    let key = EcKey::from_private_components(&group, &scalar, &point)?;
    key.check_key()?;
    Ok(key)
}

impl fmt::Debug for VasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.key_id();
        write!(f, "VasKey({a:02x}{b:02x}{c:02x}{d:02x})")
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
