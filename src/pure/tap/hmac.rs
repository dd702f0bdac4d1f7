//! HMAC-SHA256 and what is built on it.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// HMAC-SHA256 over the parts one after the other.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32], ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    for part in parts {
        signer.update(part)?;
    }
    let mut mac = [0; 32];
    signer.sign(&mut mac)?;
    Ok(mac)
}

/// HKDF-SHA256 (RFC 5869) for 64 bytes of key, two rounds of the expansion; callers take what they need from the front.
pub(super) fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<[u8; 64], ErrorStack> {
    let prk = hmac_sha256(salt, &[secret])?;
    let first = hmac_sha256(&prk, &[info, &[1]])?;
    let second = hmac_sha256(&prk, &[&first, info, &[2]])?;
    let mut okm = [0; 64];
    okm[..32].copy_from_slice(&first);
    okm[32..].copy_from_slice(&second);
    Ok(okm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 appendix A.1, which asks for 42 bytes.
    #[test]
    fn derives_the_example_of_the_rfc() {
        let salt: Vec<u8> = (0..=0x0C).collect();
        let info: Vec<u8> = (0xF0..=0xF9).collect();
        let okm = hkdf_sha256(&[0x0B; 22], &salt, &info).unwrap();
        let written: String = okm[..42].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    }
}
