//! Staff PINs: Argon2 hashes in PHC form. A PIN has few bits, so the hash is slow on purpose: call from a blocking thread
//! and bound the attempts.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Digits of a PIN.
pub const DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Not a PIN.
    #[error("a PIN has 4 to 12 digits")]
    Digits,
    /// The hash could not be made.
    #[error("the PIN could not be hashed: {0}")]
    Hash(String),
}

/// The hash of a PIN, with a salt of its own.
pub fn hash(pin: &str) -> Result<String, PinError> {
    if !DIGITS.contains(&pin.len()) || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PinError::Digits);
    }
    let hash = Argon2::default().hash_password(pin.as_bytes()).map_err(|error| PinError::Hash(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `pin` is the one that was hashed. A hash that cannot be read matches nothing.
pub fn verify(pin: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_pin_alone_and_differs_each_time() {
        let first = hash("1234").expect("four digits");
        assert_ne!(first, hash("1234").expect("four digits"));
        assert!(verify("1234", &first));
        assert!(!verify("1235", &first));
        assert!(!verify("1234", "no hash"));
        for wrong in ["", "123", "12a4", "1234567890123"] {
            assert!(hash(wrong).is_err(), "{wrong}");
        }
    }
}
