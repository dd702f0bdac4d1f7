//! P-256 key pairs, as both wallets use them: the shop's long-term keys and, for Smart Tap, a fresh one for each tap.
//!
//! **Invariant:** nothing here shows a private key, not even to a debugger's print.

use std::fmt;

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use thiserror::Error;

/// Why bytes are no key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// No private key in PEM or DER, or one under a passphrase.
    #[error("no unencrypted private key in PEM (SEC1 or PKCS#8) or DER")]
    Unreadable,
    /// A key of another kind or on another curve.
    #[error("not a P-256 key: make one with `openssl ecparam -name prime256v1 -genkey -noout`")]
    OtherCurve,
}

/// A private key with its public point.
#[derive(Clone)]
pub struct KeyPair {
    private: PKey<Private>,
    public: [u8; 33],
}

impl KeyPair {
    /// Reads a private key from PEM (SEC1 or PKCS#8) or DER.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyProblem> {
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

    /// The public key as SubjectPublicKeyInfo PEM, as Google's issuer resource takes it (google-smart-tap.md section 13).
    pub fn public_pem(&self) -> Result<Vec<u8>, KeyProblem> {
        self.private.public_key_to_pem().map_err(|_| KeyProblem::Unreadable)
    }

    /// The public point, compressed: 02 or 03, then X in 32 bytes, leading zeros kept.
    pub fn public(&self) -> [u8; 33] {
        self.public
    }

    /// ECDH: the x coordinate, in 32 bytes, of this key times the compressed point `other`. An error when that is no
    /// point of the curve.
    pub(super) fn agree(&self, other: &[u8; 33]) -> Result<[u8; 32], ErrorStack> {
        let other = PKey::from_ec_key(point(other)?)?;
        let mut deriver = Deriver::new(&self.private)?;
        deriver.set_peer(&other)?;
        let shared = deriver.derive_to_vec()?;
        let mut x = [0; 32];
        // OpenSSL pads to the field's size; the shorter case costs nothing to get right as well.
        let start = 32usize.saturating_sub(shared.len());
        x[start..].iter_mut().zip(&shared).for_each(|(place, byte)| *place = *byte);
        Ok(x)
    }

    /// ECDSA with SHA-256 over `message`, as ASN.1 DER (70 to 72 bytes). The number that ECDSA needs once comes out of
    /// OpenSSL: it is the one random value in `tap` that is no argument, because a signature with a repeated one tells the
    /// private key.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.private)?;
        signer.update(message)?;
        signer.sign_to_vec()
    }
}

/// Whether these bytes are a compressed point of the curve.
pub(super) fn is_point(compressed: &[u8; 33]) -> bool {
    point(compressed).is_ok()
}

fn point(compressed: &[u8; 33]) -> Result<EcKey<openssl::pkey::Public>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, compressed, &mut context)?;
    EcKey::from_public_key(&group, &point)
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

impl PartialEq for KeyPair {
    /// Key pairs with one public point are one key pair.
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for KeyPair {}

impl fmt::Debug for KeyPair {
    /// Shows the first bytes of the public X.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, a, b, c, d, ..] = self.public;
        write!(f, "KeyPair({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}
