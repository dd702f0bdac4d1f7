//! The keys of a shop, and what they open: sealed proofs and scanned texts become tokens.
//!
//! What keys alone can tell is told here; what only the ledger knows (whose credential, replay, age) is told by `resolve`.

use super::apple_vas::{self, PassType, VasKeys, VasMessage};
use super::lc1::TokenKeys;
use super::smart_tap::{self, Collector, PassValue};
use super::{Opened, Sealed, TokenProblem, barcode};
use crate::pure::domain::{Claim, Freshness, Grade, Medium, Token};

/// All keys that taps and scans are checked with.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// Apple pass types in the order in which a tap asks for them; [`Sealed::AppleVas`] counts in it.
    pub pass_types: Vec<PassType>,
    /// The keys of their passes.
    pub vas: VasKeys,
    /// The shop as Google's wallet knows it; without it no phone is asked for Smart Tap.
    pub collector: Option<Collector>,
    /// The keys of LC1 texts.
    pub tokens: TokenKeys,
}

impl Keyring {
    /// Opens a proof. The message in it is nothing but a claim until its own MAC holds (apple-vas.md section 9, duty 1).
    pub fn open(&self, sealed: &Sealed) -> Opened {
        match sealed {
            Sealed::AppleVas { pass_type, cryptogram } => {
                let pass_type = self.pass_types.get(*pass_type).ok_or(TokenProblem::Broken("no such pass type"))?;
                self.vas_token(apple_vas::open(cryptogram, pass_type, &self.vas)?)
            }
            Sealed::SmartTap(bundle) => self.smart_tap_token(&smart_tap::open(bundle)?, bundle.proof()),
        }
    }

    /// Reads a scanned or typed text.
    pub fn scan(&self, text: &str) -> Opened {
        barcode::read(text, &self.tokens)
    }

    fn vas_token(&self, message: VasMessage) -> Opened {
        let text = std::str::from_utf8(&message.message).map_err(|_| TokenProblem::Unknown)?;
        // The seal held, so the chip did nothing wrong: a message that is no LC1 text of ours is an unknown token.
        let id = self.tokens.verify(text).map_err(|_| TokenProblem::Unknown)?;
        Ok(Token {
            medium: Medium::AppleVas,
            grade: Grade::A,
            claim: Claim::Credential(id),
            freshness: Some(Freshness { stamp_unix_s: Some(message.stamp_unix_s), proof: message.proof }),
        })
    }

    /// A phone may give several passes; the first value that is an LC1 text of ours counts.
    fn smart_tap_token(&self, values: &[PassValue], proof: [u8; 32]) -> Opened {
        if values.is_empty() {
            return Err(TokenProblem::NoPass);
        }
        let id = values.iter().find_map(|pass| self.tokens.verify(&pass.value).ok()).ok_or(TokenProblem::Unknown)?;
        Ok(Token {
            medium: Medium::SmartTap,
            grade: Grade::A,
            claim: Claim::Credential(id),
            // The session keys hang on both nonces, so the bundle has no age; its hash names it in the audit all the same.
            freshness: Some(Freshness { stamp_unix_s: None, proof }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::CredentialId;
    use crate::pure::tap::apple_vas::tests::{seal, vector_a};
    use crate::pure::tap::smart_tap::tests::Phone;
    use crate::pure::tap::{Found, Machine, Step};

    fn keyring() -> Keyring {
        let (pass_type, key) = vector_a();
        let tokens = TokenKeys::new([(1, [3; 32])].into());
        Keyring { pass_types: vec![pass_type], vas: VasKeys::new([key]), tokens, ..Keyring::default() }
    }

    #[test]
    fn a_sealed_text_becomes_a_token_of_grade_a() {
        let (pass_type, key) = vector_a();
        let id = CredentialId([6; 12]);
        let text = keyring().tokens.mint(1, id).unwrap();
        let cryptogram = seal(&key, &pass_type, 800_000_000, text.as_bytes());
        let proof = openssl::sha::sha256(&cryptogram);
        let token = keyring().open(&Sealed::AppleVas { pass_type: 0, cryptogram });
        let freshness = Some(Freshness { stamp_unix_s: Some(1_778_307_200), proof });
        let claim = Claim::Credential(id);
        assert_eq!(token, Ok(Token { medium: Medium::AppleVas, grade: Grade::A, claim, freshness }));
    }

    #[test]
    fn sealed_messages_that_are_no_text_of_ours_are_unknown() {
        let (pass_type, key) = vector_a();
        let foreign = TokenKeys::new([(1, [4; 32])].into()).mint(1, CredentialId([6; 12])).unwrap();
        for message in [b"C-000042".as_slice(), foreign.as_bytes(), b"2C7H9XKMQ4TZ", b"+4930123456", &[0xFF; 40]] {
            let cryptogram = seal(&key, &pass_type, 800_000_000, message);
            let opened = keyring().open(&Sealed::AppleVas { pass_type: 0, cryptogram });
            assert_eq!(opened, Err(TokenProblem::Unknown));
        }
        let cryptogram = seal(&key, &pass_type, 800_000_000, b"x");
        let opened = keyring().open(&Sealed::AppleVas { pass_type: 1, cryptogram });
        assert!(matches!(opened, Err(TokenProblem::Broken(_))));
    }

    fn smart_tap(value: &str) -> Opened {
        let mut phone = Phone::with_value(value);
        let mut machine = Phone::machine();
        let mut step = machine.start();
        while let Step::Transmit(command) = &step {
            step = machine.feed(&phone.answer(command));
        }
        let Step::Done(exchange) = step else { unreachable!() };
        let Found::Sealed(sealed) = exchange.found else { panic!("{exchange:?}") };
        keyring().open(&sealed[0])
    }

    #[test]
    fn a_redemption_value_is_a_token_only_when_it_is_a_text_of_ours() {
        let id = CredentialId([6; 12]);
        let text = keyring().tokens.mint(1, id).unwrap();
        let token = smart_tap(&text).unwrap();
        assert_eq!((token.medium, token.grade), (Medium::SmartTap, Grade::A));
        assert_eq!(token.claim, Claim::Credential(id));
        assert_eq!(token.freshness.unwrap().stamp_unix_s, None);
        for value in ["2C7H9XKMQ4TZ", "M-4711-0815", "", "+4930123456"] {
            assert_eq!(smart_tap(value), Err(TokenProblem::Unknown), "{value}");
        }
    }
}
