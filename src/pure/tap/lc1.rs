//! LC1 texts: the shop's signed tokens, minted and checked without asking anybody (readers-and-scanners.md section 3.9).
//!
//! `LC1` and 37 Crockford digits of `kid(1) | credential id(12) | MAC(10)`: 40 characters that are read alike on every
//! keyboard layout, scanner and phone. Whoever has a text can copy it; nobody without the key can make one.

use std::collections::BTreeMap;
use std::fmt;

use openssl::memcmp;

use super::TokenProblem;
use super::hmac::hmac_sha256;
use crate::pure::domain::{CredentialId, crockford};

/// What every text starts with, in either case.
pub const PREFIX: &str = "LC1";

/// The characters of a text.
pub const TEXT_LENGTH: usize = 40;

const ID_LENGTH: usize = 12;
const MAC_LENGTH: usize = 10;
const BODY_LENGTH: usize = 1 + ID_LENGTH + MAC_LENGTH;

/// What the MAC is for: keeps it apart from whatever else the key may ever sign.
const MAC_LABEL: &[u8] = b"stampd-qr-v1\0";

/// The shop's token keys by number (kid). Old ones stay while texts that they signed are in use.
#[derive(Clone, Default)]
pub struct TokenKeys {
    by_kid: BTreeMap<u8, [u8; 32]>,
}

impl fmt::Debug for TokenKeys {
    /// Shows the numbers only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kid.keys()).finish()
    }
}

impl TokenKeys {
    /// The keys.
    pub fn new(by_kid: BTreeMap<u8, [u8; 32]>) -> Self {
        Self { by_kid }
    }

    /// The highest number: the key that signs new texts. `None` when there is no key.
    pub fn newest(&self) -> Option<u8> {
        self.by_kid.last_key_value().map(|(kid, _)| *kid)
    }

    /// The text of credential `id`, signed with key `kid`; `None` when there is no such key.
    pub fn mint(&self, kid: u8, id: CredentialId) -> Option<String> {
        let mac = self.mac(kid, &id)?;
        let mut body = [0; BODY_LENGTH];
        body[0] = kid;
        body[1..=ID_LENGTH].copy_from_slice(&id.0);
        body[1 + ID_LENGTH..].copy_from_slice(&mac);
        Some(format!("{PREFIX}{}", crockford::encode(&body)))
    }

    /// The credential that `text` names, if its MAC holds. Read without regard to case, O as 0, I and L as 1; anything else
    /// that [`TokenKeys::mint`] does not write is refused, so that no two texts differ and mean the same.
    ///
    /// Errors: [`TokenProblem::Unknown`] for a text that is no LC1 text and for a key number that the shop does not have;
    /// [`TokenProblem::Broken`] for one that was misread, damaged or forged.
    pub fn verify(&self, text: &str) -> Result<CredentialId, TokenProblem> {
        let digits = text.as_bytes().split_at_checked(PREFIX.len());
        let Some((_, digits)) = digits.filter(|(prefix, _)| prefix.eq_ignore_ascii_case(PREFIX.as_bytes())) else {
            return Err(TokenProblem::Unknown);
        };
        if text.len() != TEXT_LENGTH {
            return Err(TokenProblem::Broken("an LC1 text has 40 characters"));
        }
        let body = crockford::decode(digits, BODY_LENGTH).and_then(|body| <[u8; BODY_LENGTH]>::try_from(body).ok());
        let Some(body) = body else {
            return Err(TokenProblem::Broken("a character or the padding is none that LC1 texts have"));
        };
        let [kid, rest @ ..] = body;
        let Some((id, mac)) = rest.split_first_chunk::<ID_LENGTH>() else {
            return Err(TokenProblem::Broken("an LC1 text has 40 characters"));
        };
        let id = CredentialId(*id);
        let expected = self.mac(kid, &id).ok_or(TokenProblem::Unknown)?;
        if memcmp::eq(&expected, mac) { Ok(id) } else { Err(TokenProblem::Broken("the MAC does not hold")) }
    }

    /// As [`TokenKeys::verify`], of a text that a phone gives back byte for byte, so that any other writing of it was never
    /// handed out (google-smart-tap.md section 9: looked up verbatim). Such a text is [`TokenProblem::Unknown`].
    pub fn verify_verbatim(&self, text: &str) -> Result<CredentialId, TokenProblem> {
        let digits = text.strip_prefix(PREFIX).ok_or(TokenProblem::Unknown)?;
        let is_other = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'O' | b'I' | b'L');
        if digits.bytes().any(is_other) { Err(TokenProblem::Unknown) } else { self.verify(text) }
    }

    /// The first ten bytes of HMAC-SHA256(K_kid, label | kid | id).
    fn mac(&self, kid: u8, id: &CredentialId) -> Option<[u8; MAC_LENGTH]> {
        let key = self.by_kid.get(&kid)?;
        // OpenSSL fails here only for want of memory; no key then answers as no key.
        hmac_sha256(key, &[MAC_LABEL, &[kid], &id.0]).ok()?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vector of readers-and-scanners.md section 3.9.
    const TEXT: &str = "LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y";

    fn keys() -> TokenKeys {
        let key: [u8; 32] = std::array::from_fn(|index| index as u8);
        TokenKeys::new([(1, key), (7, [9; 32])].into())
    }

    fn id() -> CredentialId {
        CredentialId(std::array::from_fn(|index| index as u8))
    }

    #[test]
    fn mints_and_reads_the_vector() {
        assert_eq!(keys().mint(1, id()).as_deref(), Some(TEXT));
        assert_eq!(keys().verify(TEXT), Ok(id()));
        assert_eq!(keys().verify(&TEXT.to_lowercase()), Ok(id()));
        assert_eq!(keys().verify(&TEXT.replace('0', "O")), Ok(id()), "O reads as 0");
        let with_letters = format!("LC1{}", TEXT[3..].replace('1', "l"));
        assert_eq!(keys().verify(&with_letters), Ok(id()), "l reads as 1");
        assert_eq!(keys().verify_verbatim(TEXT), Ok(id()));
        let upper = with_letters.to_uppercase();
        for other in [TEXT.to_lowercase(), TEXT.replace("LC1", "lc1"), TEXT.replace('0', "O"), with_letters, upper] {
            assert_eq!(keys().verify_verbatim(&other), Err(TokenProblem::Unknown), "{other}");
        }
        assert_eq!(keys().newest(), Some(7));
        assert_eq!(TokenKeys::default().newest(), None);
        assert_eq!(keys().mint(2, id()), None);
        assert_eq!(format!("{:?}", keys()), "{1, 7}");
    }

    #[test]
    fn each_key_verifies_only_what_it_signed() {
        let text = keys().mint(7, id()).unwrap();
        assert_eq!(text.len(), TEXT_LENGTH);
        assert_eq!(keys().verify(&text), Ok(id()));
        let other_shop = TokenKeys::new([(7, [8; 32])].into());
        assert!(matches!(other_shop.verify(&text), Err(TokenProblem::Broken(_))));
        let without = TokenKeys::new([(1, [9; 32])].into());
        assert_eq!(without.verify(&text), Err(TokenProblem::Unknown), "a key number that the shop does not have");
    }

    #[test]
    fn refuses_whatever_mint_does_not_write() {
        let broken = [
            &TEXT[..39],
            &format!("{TEXT}0"),
            &format!("{TEXT} "),
            &TEXT.replace('Y', "U"),
            // The last digit carries one padding bit, which is zero: Y is 11110, Z 11111.
            &TEXT.replace('Y', "Z"),
            &TEXT.replacen("QK", "Q-", 1),
            "LC1",
            "LC1äöüäöüäöüäöüäöüäöü0",
        ];
        for text in broken {
            assert!(matches!(keys().verify(text), Err(TokenProblem::Broken(_))), "{text}");
        }
        for text in ["", "L", "LC", "LC2040020G30G2GC1R81450QK1WWS93EA9X9639Y", "1C1040020G30", "äLC1"] {
            assert_eq!(keys().verify(text), Err(TokenProblem::Unknown), "{text}");
        }
    }

    #[test]
    fn every_changed_digit_is_refused() {
        for index in 3..TEXT_LENGTH {
            for digit in crockford::ALPHABET {
                let mut text = TEXT.as_bytes().to_vec();
                if text[index] == *digit {
                    continue;
                }
                text[index] = *digit;
                let text = String::from_utf8(text).unwrap();
                assert!(keys().verify(&text).is_err(), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in ".{0,60}", tail in "[0-9A-Za-z]{37}") {
            prop_assert!(keys().verify(&text).is_err());
            let forged = format!("LC1{tail}");
            prop_assert!(keys().verify(&forged).is_err());
        }

        #[test]
        fn what_is_minted_is_read(kid in prop_oneof![Just(1u8), Just(7u8)], id in any::<[u8; 12]>()) {
            let text = keys().mint(kid, CredentialId(id)).unwrap();
            prop_assert_eq!(text.len(), TEXT_LENGTH);
            prop_assert_eq!(keys().verify(&text), Ok(CredentialId(id)));
        }
    }
}
