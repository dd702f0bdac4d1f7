//! LC2 texts: Google's rotating barcodes, whose code changes with the time (readers-and-scanners.md section 3.8; RFC 4226,
//! RFC 6238 with SHA-1).
//!
//! `LC2`, 20 Crockford digits of the credential id, ten digits of seconds, eight digits of TOTP: 41 characters that every
//! keyboard layout writes alike. The object of the pass holds the pattern and the key of this credential alone, so that
//! one master serves the shop.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sha::Sha256;
use openssl::sign::Signer;

use super::TokenProblem;
use super::hmac::hmac_sha256;
use crate::pure::domain::{CredentialId, crockford};

/// What every text starts with, in either case.
pub const PREFIX: &str = "LC2";

/// The characters of a text.
pub const TEXT_LENGTH: usize = 3 + ID_DIGITS + SECONDS_DIGITS + CODE_DIGITS;

/// For how long a code is shown, milliseconds: `periodMillis` of the object.
pub const PERIOD_MS: i64 = 30_000;

/// Digits of a code: `valueLength` of the object.
pub const CODE_DIGITS: usize = 8;

const ID_DIGITS: usize = 20;
const SECONDS_DIGITS: usize = 10;

/// The master of a shop's rotating barcodes.
#[derive(Clone)]
pub struct RotatingKey(Vec<u8>);

impl fmt::Debug for RotatingKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotatingKey(…)")
    }
}

/// What a text says, its code verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotating {
    /// The credential.
    pub id: CredentialId,
    /// When the phone made the code, seconds since 1970-01-01 UTC.
    pub stamp_unix_s: i64,
    /// What names the code in the memory of used ones: credential and period.
    pub proof: [u8; 32],
}

/// The `rotatingBarcode` of a Google object as far as it hangs on the shop's key (readers-and-scanners.md section 3.8).
#[derive(Clone, PartialEq, Eq)]
pub struct RotatingParts {
    /// `valuePattern`: the credential in clear, and the places of time and code.
    pub value_pattern: String,
    /// `totpDetails.parameters[0].key`, upper-case hexadecimal (Base16): of this credential alone, for this phone alone.
    pub key_hex: String,
    /// `totpDetails.parameters[0].valueLength`, decimal digits.
    pub value_length: usize,
    /// `totpDetails.periodMillis`, which Google's JSON writes as a text.
    pub period_ms: i64,
    /// `totpDetails.algorithm`.
    pub algorithm: &'static str,
}

impl fmt::Debug for RotatingParts {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatingParts({})", self.value_pattern)
    }
}

/// What the object of a pass with the rotating barcode of credential `id` holds: its own key, derived from the shop's
/// `master`, and the pattern of its texts. The same master and id give the same parts on every device and at the hub.
///
/// # Errors
/// OpenSSL has no SHA-256.
pub fn rotating(master: &RotatingKey, id: &CredentialId) -> Result<RotatingParts, ErrorStack> {
    let key = master.credential_key(id)?;
    Ok(RotatingParts {
        value_pattern: RotatingKey::pattern(id),
        key_hex: key.iter().map(|byte| format!("{byte:02X}")).collect(),
        value_length: CODE_DIGITS,
        period_ms: PERIOD_MS,
        algorithm: "TOTP_SHA1",
    })
}

impl RotatingKey {
    /// A master of 32 bytes or more.
    pub fn new(master: &[u8]) -> Self {
        Self(master.to_vec())
    }

    /// The key of one credential: HMAC-SHA256(master, id). As upper-case hexadecimal digits it is `key` of the object's
    /// `totpDetails`.
    ///
    /// # Errors
    /// OpenSSL has no SHA-256.
    pub fn credential_key(&self, id: &CredentialId) -> Result<[u8; 32], ErrorStack> {
        hmac_sha256(&self.0, &[&id.0])
    }

    /// Reads a text: the code of the period that its time stamp names, or of a neighbour, must hold.
    ///
    /// Errors: [`TokenProblem::Unknown`] for every text that no phone with a pass of this shop shows.
    pub fn verify(&self, text: &str) -> Result<Rotating, TokenProblem> {
        self.read(text).ok_or(TokenProblem::Unknown)
    }

    fn read(&self, text: &str) -> Option<Rotating> {
        if text.len() != TEXT_LENGTH || !text.is_ascii() {
            return None;
        }
        let (prefix, rest) = text.split_at(PREFIX.len());
        let (id, rest) = rest.split_at(ID_DIGITS);
        let (seconds, code) = rest.split_at(SECONDS_DIGITS);
        if !prefix.eq_ignore_ascii_case(PREFIX) || !seconds.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let id = CredentialId(crockford::decode(id.as_bytes(), 12)?.try_into().ok()?);
        let stamp_unix_s: i64 = seconds.parse().ok()?;
        let key = self.credential_key(&id).ok()?;
        let period = stamp_unix_s * 1_000 / PERIOD_MS;
        let counter = (period - 1..=period + 1).find(|counter| {
            let expected = u64::try_from(*counter).ok().and_then(|counter| hotp(&key, counter, CODE_DIGITS).ok());
            expected.is_some_and(|expected| memcmp::eq(expected.as_bytes(), code.as_bytes()))
        })?;
        let mut proof = Sha256::new();
        proof.update(PREFIX.as_bytes());
        proof.update(&id.0);
        proof.update(&counter.to_be_bytes());
        Some(Rotating { id, stamp_unix_s, proof: proof.finish() })
    }

    /// What the object of that credential's pass holds, so that the phone makes texts that [`RotatingKey::verify`] takes.
    ///
    /// # Errors
    /// OpenSSL has no SHA-256.
    pub fn parts(&self, id: &CredentialId) -> Result<RotatingParts, ErrorStack> {
        rotating(self, id)
    }

    /// `valuePattern` of the object of that credential.
    pub fn pattern(id: &CredentialId) -> String {
        format!("{PREFIX}{}{{totp_timestamp_seconds}}{{totp_value_0}}", crockford::encode(&id.0))
    }

    /// The text that a phone shows at `stamp_unix_s`.
    ///
    /// # Errors
    /// OpenSSL has no SHA-1 or SHA-256.
    pub fn text(&self, id: &CredentialId, stamp_unix_s: u32) -> Result<String, ErrorStack> {
        let counter = u64::from(stamp_unix_s) * 1_000 / PERIOD_MS as u64;
        let code = hotp(&self.credential_key(id)?, counter, CODE_DIGITS)?;
        Ok(format!("{PREFIX}{}{stamp_unix_s:010}{code}", crockford::encode(&id.0)))
    }
}

/// RFC 4226 section 5.3, `digits` up to nine.
fn hotp(key: &[u8], counter: u64, digits: usize) -> Result<String, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key)?;
    signer.update(&counter.to_be_bytes())?;
    let mac = signer.sign_to_vec()?;
    let at = usize::from(mac[mac.len() - 1] & 0x0F);
    let number = mac[at..at + 4].iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)) & 0x7FFF_FFFF;
    Ok(format!("{:0digits$}", number % 10_u32.pow(digits as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: CredentialId = CredentialId([0xA5; 12]);

    fn key() -> RotatingKey {
        RotatingKey::new(&[7; 32])
    }

    /// RFC 6238 appendix B, and the vectors of readers-and-scanners.md section 3.8.
    #[test]
    fn codes_are_those_of_the_vectors() {
        let key = b"12345678901234567890";
        let cases = [
            (59_000, 30_000, 8, "94287082"),
            (1_111_111_109_000, 30_000, 8, "07081804"),
            (1_700_000_000_123, 3_000, 6, "563237"),
            (1_700_000_000_123, 30_000, 6, "921300"),
            (1_700_000_000_123, 30_000, 8, "81921300"),
        ];
        for (unix_ms, period_ms, digits, code) in cases {
            assert_eq!(hotp(key, unix_ms / period_ms, digits).unwrap(), code);
        }
    }

    #[test]
    fn a_text_holds_as_it_is_shown_and_no_other() {
        let text = key().text(&ID, 1_700_000_000).unwrap();
        assert_eq!(text.len(), TEXT_LENGTH);
        let read = key().verify(&text).unwrap();
        assert_eq!((read.id, read.stamp_unix_s), (ID, 1_700_000_000));
        assert_eq!(key().verify(&text.to_lowercase()), Ok(read));
        let pattern = RotatingKey::pattern(&ID);
        assert!(text.starts_with(pattern.split('{').next().unwrap()));
        // The code of one period under the time of the next is the same code.
        let (head, code) = text.split_at(TEXT_LENGTH - CODE_DIGITS);
        let later = head.replace("1700000000", "1700000030") + code;
        let again = key().verify(&later).unwrap();
        assert_eq!((again.proof, again.stamp_unix_s), (read.proof, 1_700_000_030));
        let much_later = head.replace("1700000000", "1700000090") + code;
        let other = RotatingKey::new(&[8; 32]).text(&ID, 1_700_000_000).unwrap();
        for wrong in [&much_later, &other, &text[..40], "LC2", "", &format!("{text}0"), &text.replace("LC2", "LC1")] {
            assert_eq!(key().verify(wrong), Err(TokenProblem::Unknown), "{wrong}");
        }
        for index in PREFIX.len()..TEXT_LENGTH {
            let mut wrong = text.clone().into_bytes();
            wrong[index] = if wrong[index] == b'9' { b'8' } else { b'9' };
            let wrong = String::from_utf8(wrong).unwrap();
            let harmless = (PREFIX.len() + ID_DIGITS..TEXT_LENGTH - CODE_DIGITS).contains(&index);
            assert!(harmless || key().verify(&wrong).is_err(), "{wrong}");
        }
    }

    /// A phone knows the parts alone: it makes the code with the key in them and fills the pattern.
    #[test]
    fn a_phone_that_has_the_parts_shows_texts_that_hold() {
        let parts = key().parts(&ID).unwrap();
        assert_eq!((parts.value_length, parts.period_ms, parts.algorithm), (8, 30_000, "TOTP_SHA1"));
        let pair = |at: usize| u8::from_str_radix(&parts.key_hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..parts.key_hex.len()).step_by(2).map(pair).collect();
        assert!(bytes.len() == 32 && !parts.key_hex.bytes().any(|letter| letter.is_ascii_lowercase()));
        for stamp_unix_s in [0, 29, 30, 1_700_000_000_u64] {
            let code = hotp(&bytes, stamp_unix_s * 1_000 / parts.period_ms as u64, parts.value_length).unwrap();
            let filled = parts.value_pattern.replace("{totp_timestamp_seconds}", &format!("{stamp_unix_s:010}"));
            let text = filled.replace("{totp_value_0}", &code);
            assert_eq!(key().verify(&text).unwrap().id, ID, "{text}");
            assert_eq!(text, key().text(&ID, stamp_unix_s as u32).unwrap());
        }
        assert!(!format!("{parts:?}").contains(&parts.key_hex));
        assert_ne!(key().parts(&CredentialId([0; 12])).unwrap().key_hex, parts.key_hex);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_unknown(text in "\\PC{0,60}", digits in "LC2[0-9A-Z]{38}") {
            prop_assert!(key().verify(&text).is_err());
            let _ = key().verify(&digits);
        }
    }
}
