//! Opens a VAS cryptogram (apple-vas.md section 8) and says what stands in it.
//!
//! A tag that holds proves nothing about the sender (section 9): whoever has a pass.json can seal any message. Hence the
//! message carries its own proof (an LC1 text), the stamp bounds its age and [`VasMessage::proof`] its use.

use std::fmt;

use openssl::sha::{Sha256, sha256};
use openssl::symm::{Cipher, decrypt_aead};

use super::PassType;
use super::keys::{VasKey, VasKeys};
use crate::pure::tap::TokenProblem;

/// The shortest cryptogram: key id, X, sealed time stamp, tag, and no message.
pub const CRYPTOGRAM_MIN: usize = 56;

/// The longest cryptogram: a message of [`MESSAGE_MAX`] bytes.
pub const CRYPTOGRAM_MAX: usize = CRYPTOGRAM_MIN + MESSAGE_MAX;

/// The longest message; the phone cuts what exceeds it (apple-vas.md section 10).
pub const MESSAGE_MAX: usize = 64;

/// 2001-01-01T00:00:00 UTC, from which a phone counts its seconds, in Unix time.
const APPLE_EPOCH_UNIX_S: i64 = 978_307_200;

/// 16 zero bytes. Not 12: the longer IV goes through GHASH and gives another key stream.
const IV: [u8; 16] = [0; 16];

const TAG_LENGTH: usize = 16;

/// What a phone sealed for the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct VasMessage {
    /// When the phone sealed it by its own clock, seconds since 1970-01-01 UTC.
    pub stamp_unix_s: i64,
    /// `nfc.message` of the pass, 1 to 64 bytes. Anybody can have written it.
    pub message: Vec<u8>,
    /// SHA-256 of the cryptogram: the ephemeral key in it is used once, so the same hash again is a replay.
    pub proof: [u8; 32],
}

impl fmt::Debug for VasMessage {
    /// Never shows the message (apple-vas.md section 9, duty 7).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.message.len();
        write!(f, "VasMessage {{ stamp_unix_s: {}, message: {length} bytes }}", self.stamp_unix_s)
    }
}

/// Opens the answer to the request for `pass_type`: the pass type enters the key, so a cryptogram for another one fails.
///
/// Errors: [`TokenProblem::Broken`] for a length out of range, an X that is no point and a tag that does not hold;
/// [`TokenProblem::ForeignKey`] when the shop has no key of that id; [`TokenProblem::Unknown`] for an empty message.
pub fn open(cryptogram: &[u8], pass_type: &PassType, keys: &VasKeys) -> Result<VasMessage, TokenProblem> {
    if !(CRYPTOGRAM_MIN..=CRYPTOGRAM_MAX).contains(&cryptogram.len()) {
        return Err(TokenProblem::Broken("a cryptogram has 56 to 120 bytes"));
    }
    let parts = cryptogram
        .split_first_chunk::<4>()
        .and_then(|(key_id, rest)| rest.split_first_chunk::<32>().map(|(x, sealed)| (key_id, x, sealed)));
    let Some((key_id, ephemeral_x, sealed)) = parts else {
        return Err(TokenProblem::Broken("a cryptogram has 56 to 120 bytes"));
    };
    let candidates = keys.of_id(*key_id);
    if candidates.is_empty() {
        return Err(TokenProblem::ForeignKey { key_id: *key_id });
    }
    let mut problem = TokenProblem::Broken("the tag does not hold");
    for key in candidates {
        match unseal(key, pass_type, ephemeral_x, sealed) {
            Ok(plain) => return read_plain(&plain, sha256(cryptogram)),
            Err(why) => problem = TokenProblem::Broken(why),
        }
    }
    Err(problem)
}

/// Steps 3 to 6 of apple-vas.md section 8.
fn unseal(key: &VasKey, pass_type: &PassType, x: &[u8; 32], sealed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let z = key.agree_with_x(x).map_err(|_| "the ephemeral key is no point of the curve")?;
    let Some((ciphertext, tag)) = sealed.split_last_chunk::<TAG_LENGTH>() else {
        return Err("the cryptogram is too short for its tag");
    };
    let aes_key = derive_key(&z, pass_type);
    decrypt_aead(Cipher::aes_256_gcm(), &aes_key, Some(&IV), &[], ciphertext, tag).map_err(|_| "the tag does not hold")
}

/// ANSI X9.63 key derivation with SHA-256 for 32 bytes, so one round (apple-vas.md section 8, step 5).
pub(super) fn derive_key(z: &[u8; 32], pass_type: &PassType) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(z);
    hash.update(&[0, 0, 0, 1]);
    hash.update(b"\x0Did-aes256-GCM");
    hash.update(b"ApplePay encrypted VAS data");
    hash.update(&pass_type.merchant_id());
    hash.finish()
}

/// Step 7: four bytes of seconds since 2001, then the message.
fn read_plain(plain: &[u8], proof: [u8; 32]) -> Result<VasMessage, TokenProblem> {
    let Some((seconds, message)) = plain.split_first_chunk::<4>() else {
        return Err(TokenProblem::Broken("the plaintext is too short for its time stamp"));
    };
    if message.is_empty() {
        return Err(TokenProblem::Unknown);
    }
    let stamp_unix_s = APPLE_EPOCH_UNIX_S + i64::from(u32::from_be_bytes(*seconds));
    Ok(VasMessage { stamp_unix_s, message: message.to_vec(), proof })
}
