//! The guarded form of a key: PEM with an encrypted PKCS#8 key and the certificates, written by `stampd cert import`.

use openssl::pkey::PKey;
use openssl::symm::Cipher;
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::{Identity, KeyError};

const HEAD: &[u8] = b"-----BEGIN ";
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Whether `bytes` are PEM, and so no .p12.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(HEAD)
}

/// Opens the guarded form.
pub(super) fn open(pem: &[u8], password: &str) -> Result<Identity, KeyError> {
    // Without this OpenSSL would take a key that lies open as well, or ask a terminal for the password.
    if !String::from_utf8_lossy(pem).contains(ENCRYPTED) {
        return Err(KeyError::NotGuarded);
    }
    let certificates = X509::stack_from_pem(pem).map_err(|errors| KeyError::Damaged(errors.to_string()))?;
    let key = PKey::private_key_from_pem_passphrase(pem, password.as_bytes()).map_err(|_| KeyError::WrongPassword)?;
    Identity::of(vec![key], certificates)
}

/// Writes it: leaf first, then what else there is.
pub(super) fn write(identity: &Identity, key: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let written = || {
        let mut pem =
            Zeroizing::new(identity.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), key.as_bytes())?);
        for certificate in std::iter::once(&identity.leaf).chain(&identity.others) {
            pem.extend_from_slice(&certificate.to_pem()?);
        }
        Ok(pem)
    };
    written().map_err(|errors: openssl::error::ErrorStack| KeyError::Damaged(errors.to_string()))
}
