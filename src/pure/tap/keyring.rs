//! The keys of a shop, and what they open: sealed proofs and scanned texts become tokens.
//!
//! What keys alone can tell is told here; what only the ledger knows (whose credential, replay, age) is told by `resolve`.

use std::fmt;

use openssl::sha::sha256;

use super::apple_vas::{self, PassType, VasKeys, VasMessage};
use super::hmac::hmac_sha256;
use super::lc1::{self, TokenKeys};
use super::ntag424::{Mirrored, Sun, SunKeys};
use super::originality::Origin;
use super::rotating::{self, Rotating, RotatingKey};
use super::scan::{Code, Origin as CodeOrigin, goods, text};
use super::smart_tap::{self, Collector, PassValue};
use super::tag::TagRead;
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
    /// Hashes the UIDs of chips; without it no tag is asked.
    pub uid: Option<UidKey>,
    /// The keys of NTAG 424 chips.
    pub sun: Option<SunKeys>,
    /// The master of rotating barcodes.
    pub rotating: Option<RotatingKey>,
}

/// The key that hashes UIDs, so that no UID stands in the ledger.
#[derive(Clone)]
pub struct UidKey(Vec<u8>);

impl fmt::Debug for UidKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UidKey(…)")
    }
}

impl UidKey {
    /// A key of 32 bytes or more.
    pub fn new(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// What stands for a chip in the ledger: HMAC-SHA256(key, "uid" | length | UID).
    pub fn hash(&self, uid: &[u8]) -> Option<[u8; 32]> {
        let length = u8::try_from(uid.len()).ok()?;
        hmac_sha256(&self.0, &[b"uid", &[length], uid]).ok()
    }
}

impl Keyring {
    /// Opens what one exchange gave: the tokens in the order in which they count, each or why there is none.
    pub fn open_all(&self, sealed: &Sealed) -> Vec<Opened> {
        match sealed {
            Sealed::Tag(read) => self.tag_tokens(read),
            Sealed::SmartTap(bundle) => match smart_tap::open(bundle) {
                Ok(values) => self.smart_tap_tokens(&values, &bundle.proof()),
                Err(problem) => vec![Err(problem)],
            },
            one => vec![self.open(one)],
        }
    }

    /// Opens a proof and takes the first token in it. The message in it is nothing but a claim until its own MAC holds (apple-vas.md section 9, duty 1).
    pub fn open(&self, sealed: &Sealed) -> Opened {
        match sealed {
            Sealed::AppleVas { pass_type, cryptogram } => {
                let pass_type = self.pass_types.get(*pass_type).ok_or(TokenProblem::Broken("no such pass type"))?;
                self.vas_token(apple_vas::open(cryptogram, pass_type, &self.vas)?)
            }
            Sealed::Code(code) => self.scanned(code.as_ref().map_err(Clone::clone)?),
            one => self.open_all(one).into_iter().next().unwrap_or(Err(TokenProblem::NoPass)),
        }
    }

    /// Reads what a scanner delivered. A payload counts as its own medium and never as a code; the cable vouches for it, so
    /// it proves less than the cryptogram that its device opened (readers-and-scanners.md section 3.6).
    pub fn scanned(&self, code: &Code) -> Opened {
        let text = text::decode(&code.bytes, code.aim);
        match code.origin {
            CodeOrigin::Printed if goods::is_goods(code.aim, &text) => Err(TokenProblem::Goods),
            CodeOrigin::Printed => self.scan(&text),
            CodeOrigin::Payload(medium) => self.payload_token(medium, text.trim()).ok_or(TokenProblem::Unknown),
        }
    }

    fn payload_token(&self, medium: Medium, text: &str) -> Option<Token> {
        let credential = || self.tokens.verify(text).ok().map(Claim::Credential);
        match medium {
            // No time stamp came with it, so nothing tells when the phone gave it.
            Medium::AppleVas | Medium::SmartTap => Some(token(medium, Grade::B, credential()?)),
            // The chip is not told, so the text proves what a printed one does.
            Medium::Ndef => Some(token(medium, Grade::C, Claim::Credential(self.tokens.verify(lc1_in(text)?).ok()?))),
            // The link proves itself, by whatever way it comes.
            Medium::Ntag424 => self.sun_token(&Sun::parse(text)?.verify(self.sun.as_ref()?)?),
            Medium::Uid => {
                let uid = uid_of(text).filter(|uid| !is_random(uid))?;
                let grade = if uid.len() == 4 { Grade::D } else { Grade::CMinus };
                Some(token(medium, grade, Claim::Chip(self.uid.as_ref()?.hash(&uid)?)))
            }
            Medium::Barcode | Medium::RotatingBarcode | Medium::Number => None,
        }
    }

    /// Reads a scanned or typed text.
    pub fn scan(&self, text: &str) -> Opened {
        if goods::is_goods(None, text) {
            return Err(TokenProblem::Goods);
        }
        let trimmed = text.trim();
        let is_lc2 = trimmed.get(..rotating::PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case("LC2"));
        match &self.rotating {
            Some(key) if is_lc2 => Ok(rotating_token(key.verify(trimmed)?)),
            _ => barcode::read(text, &self.tokens),
        }
    }

    /// A link of an NTAG 424, whoever made it, stands for itself: its UID alone would prove less. Else the text that is
    /// bound to this chip, then the chip.
    fn tag_tokens(&self, read: &TagRead) -> Vec<Opened> {
        if let (true, Some(keys), Some(sun)) = (read.wanted.sun, &self.sun, read.sun()) {
            return vec![sun.verify(keys).and_then(|mirrored| self.sun_token(&mirrored)).ok_or(TokenProblem::Unknown)];
        }
        let Some(uid) = read.uid.as_deref().filter(|uid| !is_random(uid)) else {
            // A phone: what it shows, its user wrote.
            return vec![Err(TokenProblem::NoPass)];
        };
        // Type B's number (PUPI) may be another each time, and so may four bytes of a chip that takes APDUs: nobody is known
        // by them (readers-and-scanners.md section 1.9).
        if read.iso_dep && uid.len() == 4 {
            return vec![Err(TokenProblem::NoPass)];
        }
        if read.origin() == Origin::Forged {
            // An imitation of NXP's chips, which the owner asked to be found out.
            return vec![Err(TokenProblem::Unknown)];
        }
        let Some(chip) = self.uid.as_ref().and_then(|key| key.hash(uid)) else {
            return vec![Err(TokenProblem::NoPass)];
        };
        let mut opened = Vec::new();
        if read.wanted.ndef {
            let texts = read.texts();
            let ids: Vec<_> =
                texts.iter().filter_map(|text| lc1_in(text)).map(|text| self.tokens.verify(text)).collect();
            match ids.iter().find_map(|id| id.as_ref().ok()) {
                Some(id) => opened.push(Ok(token(Medium::Ndef, Grade::B, Claim::Tag { id: *id, chip }))),
                None if !ids.is_empty() => opened.push(Err(TokenProblem::Unknown)),
                None => {}
            }
        }
        if read.wanted.uid {
            opened.push(Ok(token(Medium::Uid, Grade::CMinus, Claim::Chip(chip))));
        }
        if opened.is_empty() {
            opened.push(Err(TokenProblem::NoPass));
        }
        opened
    }

    fn sun_token(&self, mirrored: &Mirrored) -> Option<Token> {
        let chip = self.uid.as_ref()?.hash(&mirrored.uid)?;
        let proof = sha256(&[&b"sun"[..], &chip, &mirrored.counter.to_be_bytes()].concat());
        let freshness = Some(Freshness { stamp_unix_s: None, counter: Some(mirrored.counter), proof });
        Some(Token { freshness, ..token(Medium::Ntag424, Grade::A, Claim::Chip(chip)) })
    }

    fn vas_token(&self, message: VasMessage) -> Opened {
        let text = std::str::from_utf8(&message.message).map_err(|_| TokenProblem::Unknown)?;
        // The seal held, so the chip did nothing wrong: a message that is no LC1 text of ours is an unknown token.
        let id = self.tokens.verify_verbatim(text).map_err(|_| TokenProblem::Unknown)?;
        Ok(Token {
            medium: Medium::AppleVas,
            grade: Grade::A,
            claim: Claim::Credential(id),
            freshness: Some(Freshness {
                stamp_unix_s: Some(message.stamp_unix_s),
                counter: None,
                proof: message.proof,
            }),
        })
    }

    /// A phone may give several passes: each value that is an LC1 text of ours is a token, and the first that resolves to
    /// a card counts, so that a foreign pass, or one of ours that is not in force any more, hides no other.
    fn smart_tap_tokens(&self, values: &[PassValue], bundle: &[u8; 32]) -> Vec<Opened> {
        let tokens: Vec<Opened> = values
            .iter()
            .filter_map(|pass| self.tokens.verify_verbatim(&pass.value).ok())
            .enumerate()
            .map(|(place, id)| {
                // The session keys hang on both nonces, so the bundle has no age; its hash names it in the audit all the
                // same, and a second pass in it is a proof of its own.
                let proof = if place == 0 { *bundle } else { sha256(&[&bundle[..], &place.to_be_bytes()].concat()) };
                let freshness = Some(Freshness { stamp_unix_s: None, counter: None, proof });
                Ok(Token { freshness, ..token(Medium::SmartTap, Grade::A, Claim::Credential(id)) })
            })
            .collect();
        match (values.is_empty(), tokens.is_empty()) {
            (true, _) => vec![Err(TokenProblem::NoPass)],
            (false, true) => vec![Err(TokenProblem::Unknown)],
            (false, false) => tokens,
        }
    }
}

fn token(medium: Medium, grade: Grade, claim: Claim) -> Token {
    Token { medium, grade, claim, freshness: None }
}

fn rotating_token(read: Rotating) -> Token {
    let freshness = Some(Freshness { stamp_unix_s: Some(read.stamp_unix_s), counter: None, proof: read.proof });
    Token { freshness, ..token(Medium::RotatingBarcode, Grade::B, Claim::Credential(read.id)) }
}

/// A UID that a phone made for this presence (ISO/IEC 14443-3: four bytes, the first 08).
fn is_random(uid: &[u8]) -> bool {
    matches!(uid, [0x08, _, _, _])
}

/// The UID that a device typed: 4, 7, 8 or 10 bytes in hexadecimal digits, with or without signs between them.
fn uid_of(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b':' | b'-' | b' ')).collect();
    if !matches!(digits.len(), 8 | 14 | 16 | 20) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits.chunks(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// The LC1 text at the end of what a tag says: the whole of it, or what follows the last sign that none has.
fn lc1_in(text: &str) -> Option<&str> {
    let last = text.trim().rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
    let begins = last.get(..lc1::PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(lc1::PREFIX));
    (begins && last.len() == lc1::TEXT_LENGTH).then_some(last)
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
        let freshness = Some(Freshness { stamp_unix_s: Some(1_778_307_200), counter: None, proof });
        let claim = Claim::Credential(id);
        assert_eq!(token, Ok(Token { medium: Medium::AppleVas, grade: Grade::A, claim, freshness }));
    }

    #[test]
    fn sealed_messages_that_are_no_text_of_ours_are_unknown() {
        let (pass_type, key) = vector_a();
        let foreign = TokenKeys::new([(1, [4; 32])].into()).mint(1, CredentialId([6; 12])).unwrap();
        // As nobody handed it out.
        let lower = keyring().tokens.mint(1, CredentialId([6; 12])).unwrap().to_lowercase();
        let texts = [b"C-000042".as_slice(), b"2C7H9XKMQ4TZ", b"+4930123456", foreign.as_bytes(), lower.as_bytes()];
        for message in texts.into_iter().chain([&[0xFF; 40][..]]) {
            let cryptogram = seal(&key, &pass_type, 800_000_000, message);
            let opened = keyring().open(&Sealed::AppleVas { pass_type: 0, cryptogram });
            assert_eq!(opened, Err(TokenProblem::Unknown));
        }
        let cryptogram = seal(&key, &pass_type, 800_000_000, b"x");
        let opened = keyring().open(&Sealed::AppleVas { pass_type: 1, cryptogram });
        assert!(matches!(opened, Err(TokenProblem::Broken(_))));
    }

    #[test]
    fn a_payload_counts_as_its_own_medium_and_proves_less_than_its_cryptogram() {
        let sun =
            SunKeys { meta: [0; 16], file_master: [0; 16], application_id: [0x30, 0x42, 0xF5], system_id: Vec::new() };
        let keyring = Keyring { uid: Some(UidKey::new(&[5; 32])), sun: Some(sun), ..keyring() };
        let id = CredentialId([6; 12]);
        let text = keyring.tokens.mint(1, id).unwrap();
        let link = format!("https://cards.example/{text}");
        let read = |medium, text: &str| {
            let code = Code { origin: CodeOrigin::Payload(medium), ..Code::printed(text) };
            keyring.scanned(&code).map(|token| (token.medium, token.grade, token.claim))
        };
        let credential = |medium, grade| Ok((medium, grade, Claim::Credential(id)));
        assert_eq!(read(Medium::AppleVas, &text), credential(Medium::AppleVas, Grade::B));
        assert_eq!(read(Medium::SmartTap, &format!(" {text} ")), credential(Medium::SmartTap, Grade::B));
        assert_eq!(read(Medium::Ndef, &link), credential(Medium::Ndef, Grade::C));
        let chip = |uid: &[u8]| Claim::Chip(keyring.uid.as_ref().and_then(|key| key.hash(uid)).unwrap());
        let seven = [0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6];
        assert_eq!(read(Medium::Uid, "04A1B2C3D4E5F6"), Ok((Medium::Uid, Grade::CMinus, chip(&seven))));
        assert_eq!(read(Medium::Uid, "04:a1:b2:c3"), Ok((Medium::Uid, Grade::D, chip(&seven[..4]))));
        // A phone's own number, what is no number, other texts, other shops' chips.
        let wrong = [
            (Medium::Uid, "08A1B2C3"),
            (Medium::Uid, "04A1B2C3D4E5"),
            (Medium::Uid, "04A1B2CG"),
            (Medium::AppleVas, "2C7H9XKMQ4TZ"),
            (Medium::AppleVas, "+4930123456"),
            (Medium::SmartTap, &link),
            (Medium::Ndef, "https://cards.example/"),
            (Medium::Ntag424, "https://x.example/?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337087"),
            (Medium::Ntag424, &text),
        ];
        for (medium, text) in wrong {
            assert_eq!(read(medium, text), Err(TokenProblem::Unknown), "{medium:?} {text}");
        }
        assert_eq!(keyring.scanned(&Code::printed("4006381333931")), Err(TokenProblem::Goods));
        let printed = keyring.scanned(&Code::printed(text.as_str())).unwrap();
        assert_eq!((printed.medium, printed.grade), (Medium::Barcode, Grade::C));
    }

    #[test]
    fn a_number_that_is_another_one_each_time_is_nobody() {
        use crate::pure::tap::tag::Wanted;

        let keyring = Keyring { uid: Some(UidKey::new(&[5; 32])), ..keyring() };
        let text = keyring.tokens.mint(1, CredentialId([6; 12])).unwrap();
        let payload = [b"\x02en", text.as_bytes()].concat();
        let message = [&[0xD1, 0x01, payload.len() as u8, b'T'][..], &payload].concat();
        let wanted = Wanted { ndef: true, uid: true, ..Wanted::default() };
        let seven = [0x04, 1, 2, 3, 4, 5, 6];
        // UID, whether the chip takes APDUs, and the media of its tokens.
        let cases: [(&[u8], bool, &[Medium]); 6] = [
            (&seven, true, &[Medium::Ndef, Medium::Uid]),
            (&seven, false, &[Medium::Ndef, Medium::Uid]),
            (&[0x11, 1, 2, 3], false, &[Medium::Ndef, Medium::Uid]),
            (&[0x11, 1, 2, 3], true, &[]),
            (&[0x08, 1, 2, 3], true, &[]),
            (&[0x08, 1, 2, 3], false, &[]),
        ];
        for (uid, iso_dep, media) in cases {
            let ndef = Some(message.clone());
            let read = TagRead { uid: Some(uid.to_vec()), ndef, wanted, iso_dep, signature: None };
            let opened = keyring.open_all(&Sealed::Tag(read));
            let tokens: Vec<Medium> = opened.iter().flatten().map(|token| token.medium).collect();
            assert_eq!(tokens, media, "{uid:02X?} iso_dep {iso_dep}");
            assert!(!media.is_empty() || opened == [Err(TokenProblem::NoPass)]);
        }
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
