//! What a scanned or typed text claims: an LC1 text (the static barcode of a pass or printed card), a plain serial, or a
//! phone number. The last two look a card up and prove nothing (readers-and-scanners.md section 2.6).

use super::lc1::{self, TokenKeys};
use super::{Opened, TokenProblem};
use crate::pure::domain::{Claim, Grade, Medium, Serial, Token};

/// The longest text that is looked at, bytes: what a scanner delivers at most (readers-and-scanners.md section 3.1).
pub const TEXT_MAX: usize = 4_096;

/// The digits of a phone number in E.164 form, country code included.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The token of a scanned or typed text; white space around it is not part of it. Whatever is no token of ours, a forged
/// LC1 text among it, is [`TokenProblem::Unknown`].
pub fn read(text: &str, keys: &TokenKeys) -> Opened {
    if text.len() > TEXT_MAX {
        return Err(TokenProblem::Unknown);
    }
    let text = text.trim();
    let is_lc1 = text.get(..lc1::PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(lc1::PREFIX));
    if is_lc1 && text.len() == lc1::TEXT_LENGTH {
        let id = keys.verify(text).map_err(|_| TokenProblem::Unknown)?;
        return Ok(token(Medium::Barcode, Grade::C, Claim::Credential(id)));
    }
    if let Some(phone) = phone(text) {
        return Ok(token(Medium::Number, Grade::D, Claim::Phone(phone)));
    }
    let serial: Serial = text.parse().map_err(|_| TokenProblem::Unknown)?;
    Ok(token(Medium::Number, Grade::D, Claim::Serial(serial)))
}

fn token(medium: Medium, grade: Grade, claim: Claim) -> Token {
    Token { medium, grade, claim, freshness: None }
}

/// A phone number in international form, spaces and hyphens between its digits left out: `+` and 7 to 15 digits, of which
/// the first is not 0.
fn phone(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+')?;
    let digits: String = digits.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let ok = PHONE_DIGITS.contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    ok.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::CredentialId;
    use proptest::prelude::*;

    fn keys() -> TokenKeys {
        TokenKeys::new([(1, [3; 32])].into())
    }

    #[test]
    fn tells_texts_serials_and_phone_numbers_apart() {
        let id = CredentialId([5; 12]);
        let text = keys().mint(1, id).unwrap();
        let serial = Serial::from_random(0x0123_4567_89AB_CDEF);
        let barcode = |text: &str| (text.to_owned(), Medium::Barcode, Grade::C, Claim::Credential(id));
        let number = |text: &str, claim: &Claim| (text.to_owned(), Medium::Number, Grade::D, claim.clone());
        let phone = Claim::Phone("+4930123456".into());
        let cases = [
            barcode(&text),
            barcode(&text.to_lowercase()),
            barcode(&format!(" {text}\r\n")),
            number(&serial.to_string(), &Claim::Serial(serial)),
            number(&serial.grouped(), &Claim::Serial(serial)),
            number(&serial.to_string().to_lowercase(), &Claim::Serial(serial)),
            number("+4930123456", &phone),
            number("+49 30 123-456", &phone),
            number("+1234567", &Claim::Phone("+1234567".into())),
            number("+123456789012345", &Claim::Phone("+123456789012345".into())),
        ];
        for (text, medium, grade, claim) in cases {
            assert_eq!(read(&text, &keys()), Ok(Token { medium, grade, claim, freshness: None }), "{text}");
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        let forged = TokenKeys::new([(1, [4; 32])].into()).mint(1, CredentialId([5; 12])).unwrap();
        let long = format!("{}2C7H9XKMQ4TZ", " ".repeat(TEXT_MAX));
        let texts = [
            "",
            " ",
            "+",
            "+123456",
            "+1234567890123456",
            "+0123456789",
            "+49 30 12345x",
            "4006381333931",
            "2C7H9XKMQ4T",
            "https://example.com/c/AB12",
            "LC1",
            &forged,
            &forged[..39],
            &long,
        ];
        for text in texts {
            assert_eq!(read(text, &keys()), Err(TokenProblem::Unknown), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_unknown(text in "\\PC{0,80}") {
            if let Err(problem) = read(&text, &keys()) {
                prop_assert_eq!(problem, TokenProblem::Unknown);
            }
        }
    }
}
