//! The symbology as a till program names it beside a code's text (`POST /v1/scans`): an AIM identifier, or one of the names
//! that scanners' drivers and browsers have for it. Either becomes the [`Aim`] that a scanner of the device's own sends.
//!
//! A name that nobody knows is an error, and so is one that the text belies: whichever of the two is wrong, the till
//! program mixes its scans up.

use super::aim::Aim;
use super::{Code, Origin};

/// Names, small letters and digits alone, and the identifier of each in its common use (ISO/IEC 15424; the names of UPOS,
/// of the browsers' Barcode Detection API, and of the scanners' own SDKs).
const NAMES: [(&str, &[u8; 3]); 55] = [
    ("qr", b"]Q1"),
    ("qrcode", b"]Q1"),
    ("qr2", b"]Q1"),
    ("microqr", b"]Q1"),
    ("microqrcode", b"]Q1"),
    ("gs1qr", b"]Q3"),
    ("gs1qrcode", b"]Q3"),
    ("datamatrix", b"]d1"),
    ("ecc200", b"]d1"),
    ("gs1datamatrix", b"]d2"),
    ("aztec", b"]z0"),
    ("azteccode", b"]z0"),
    ("pdf417", b"]L0"),
    ("micropdf417", b"]L0"),
    ("code128", b"]C0"),
    ("code128a", b"]C0"),
    ("code128b", b"]C0"),
    ("code128c", b"]C0"),
    ("gs1128", b"]C1"),
    ("ean128", b"]C1"),
    ("ucc128", b"]C1"),
    ("uccean128", b"]C1"),
    ("code39", b"]A0"),
    ("code3of9", b"]A0"),
    ("code93", b"]G0"),
    ("codabar", b"]F0"),
    ("nw7", b"]F0"),
    ("itf", b"]I0"),
    ("itf14", b"]I0"),
    ("i2of5", b"]I0"),
    ("interleaved2of5", b"]I0"),
    ("ean13", b"]E0"),
    ("jan13", b"]E0"),
    ("isbn", b"]E0"),
    ("ean", b"]E0"),
    ("ean8", b"]E4"),
    ("jan8", b"]E4"),
    ("upca", b"]E0"),
    ("upce", b"]E0"),
    ("upc", b"]E0"),
    ("gs1databar", b"]e0"),
    ("gs1databaromnidirectional", b"]e0"),
    ("gs1databarexpanded", b"]e0"),
    ("gs1databarlimited", b"]e0"),
    ("databar", b"]e0"),
    ("databarexpanded", b"]e0"),
    ("rss14", b"]e0"),
    ("rssexpanded", b"]e0"),
    ("dotcode", b"]J0"),
    ("gs1dotcode", b"]J1"),
    ("maxicode", b"]U0"),
    ("hanxin", b"]h0"),
    ("code11", b"]H0"),
    ("msi", b"]M0"),
    ("telepen", b"]B0"),
];

/// What a name may begin with where an SDK tells it in its own way: `FORMAT_QR_CODE`, `LABEL-TYPE-EAN13`, `org.iso.QRCode`.
const PREFIXES: [&str; 6] = ["format", "labeltype", "barcodetype", "orgiso", "orggs1", "scansdt"];

/// Names by which a driver says that it knows none.
const UNKNOWN: [&str; 4] = ["", "unknown", "other", "none"];

/// Why a symbology cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbologyProblem {
    /// No such name.
    #[error(
        "no symbology is called so; give an AIM identifier such as ]Q1, or a name such as qr_code, code_128 or ean_13"
    )]
    Unknown,
    /// The text begins with the identifier of another one.
    #[error("the text begins with the identifier of another symbology; give one of the two, or both alike")]
    Contradicted,
    /// The symbol holds digits alone, and the text has other characters.
    #[error("a symbol of this kind holds digits alone, and the text has other characters")]
    NotDigits,
}

/// The identifier that a name stands for; `None` where the name says that nothing is known.
///
/// Errors: [`SymbologyProblem::Unknown`].
pub fn named(name: &str) -> Result<Option<Aim>, SymbologyProblem> {
    let name = name.trim();
    if name.starts_with(']') {
        let split = Aim::split(name.as_bytes()).filter(|(_, rest)| rest.is_empty());
        return split.map(|(aim, _)| Some(aim)).ok_or(SymbologyProblem::Unknown);
    }
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let strange = |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, ' ' | '-' | '_' | '.' | '/');
    if name.chars().any(strange) {
        return Err(SymbologyProblem::Unknown);
    }
    let without = PREFIXES.iter().find_map(|prefix| plain.strip_prefix(prefix)).filter(|rest| !rest.is_empty());
    let known = |plain: &str| NAMES.iter().find(|(known, _)| *known == plain).map(|(_, aim)| *aim);
    if UNKNOWN.contains(&plain.as_str()) {
        return Ok(None);
    }
    let aim = known(&plain).or_else(|| known(without?)).and_then(|aim| Aim::split(aim));
    aim.map(|(aim, _)| Some(aim)).ok_or(SymbologyProblem::Unknown)
}

/// The code of `text` that a till program read, with the symbology that it names. A text that begins with that very
/// identifier has it taken off: a scanner that sends it does so before every code.
///
/// Errors: [`SymbologyProblem`].
pub fn code(text: &str, symbology: Option<&str>) -> Result<Code, SymbologyProblem> {
    let printed = |bytes: &[u8], aim| Code { bytes: bytes.to_vec(), aim, origin: Origin::Printed };
    let Some(aim) = symbology.map(named).transpose()?.flatten() else { return Ok(printed(text.as_bytes(), None)) };
    let rest = match Aim::split(text.as_bytes()) {
        Some((own, rest)) if own == aim => rest,
        // Names stand for the common use of a symbology; which one it was the identifier tells better.
        Some((own, rest)) if own.is_kin(aim) && !is_identifier(symbology) => {
            return checked(printed(rest, Some(own)));
        }
        Some(_) => return Err(SymbologyProblem::Contradicted),
        None => text.as_bytes(),
    };
    checked(printed(rest, Some(aim)))
}

fn is_identifier(symbology: Option<&str>) -> bool {
    symbology.is_some_and(|name| name.trim().starts_with(']'))
}

fn checked(code: Code) -> Result<Code, SymbologyProblem> {
    let digits = || code.bytes.trim_ascii().iter().all(u8::is_ascii_digit);
    if code.aim.is_some_and(Aim::has_digits_alone) && !digits() { Err(SymbologyProblem::NotDigits) } else { Ok(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::{CredentialId, Medium};
    use crate::pure::tap::TokenProblem;
    use crate::pure::tap::keyring::Keyring;
    use crate::pure::tap::lc1::TokenKeys;

    #[test]
    fn names_and_identifiers_are_read_in_any_writing() {
        let cases = [
            ("]Q1", "]Q1"),
            (" ]d2 ", "]d2"),
            ("qr_code", "]Q1"),
            ("QRCode", "]Q1"),
            ("QR Code", "]Q1"),
            ("FORMAT_QR_CODE", "]Q1"),
            ("org.iso.QRCode", "]Q1"),
            ("LABEL-TYPE-EAN13", "]E0"),
            ("EAN-13", "]E0"),
            ("ean_8", "]E4"),
            ("UPC-A", "]E0"),
            ("GS1-128", "]C1"),
            ("UCC/EAN-128", "]C1"),
            ("CODE_128", "]C0"),
            ("Aztec", "]z0"),
            ("pdf417", "]L0"),
            ("gs1_datamatrix", "]d2"),
        ];
        for (name, aim) in cases {
            let read = named(name).expect(name).expect("a symbology");
            assert_eq!(format!("{read:?}"), aim, "{name}");
        }
        for (name, aim) in NAMES {
            assert_eq!(named(name), Ok(Aim::split(aim).map(|(aim, _)| aim)), "{name}");
        }
        for name in ["unknown", "Unknown", "other", ""] {
            assert_eq!(named(name), Ok(None), "{name}");
        }
        for name in ["]", "]Q", "]Q12", "]ü1", "][]", "banana", "format", "qr!", "Straßen", "12"] {
            assert_eq!(named(name), Err(SymbologyProblem::Unknown), "{name}");
        }
    }

    /// What a till program sends, and what becomes of it: a medium, goods, unknown, or a contradiction.
    #[test]
    fn a_code_is_what_its_symbology_and_its_text_say_together() {
        let keyring = Keyring { tokens: TokenKeys::new([(1, [3; 32])].into()), ..Keyring::default() };
        let lc1 = keyring.tokens.mint(1, CredentialId([6; 12])).expect("a key");
        let with = |aim: &str| format!("{aim}{lc1}");
        let (barcode, number) = (Ok(Ok(Medium::Barcode)), Ok(Ok(Medium::Number)));
        let (goods, unknown) = (Ok(Err(TokenProblem::Goods)), Ok(Err(TokenProblem::Unknown)));
        let contradicted = Err(SymbologyProblem::Contradicted);
        let not_digits = Err(SymbologyProblem::NotDigits);
        let cases = [
            (lc1.clone(), None, barcode.clone()),
            (lc1.clone(), Some("]Q1"), barcode.clone()),
            (lc1.clone(), Some("qr_code"), barcode.clone()),
            (lc1.clone(), Some("unknown"), barcode.clone()),
            (with("]Q1"), Some("]Q1"), barcode.clone()),
            (with("]Q1"), Some("qr_code"), barcode.clone()),
            // The set of characters is named before the text, and unescaped.
            (with("]Q2\\000026"), Some("]Q2"), barcode.clone()),
            (with("]Q2\\000026"), Some("qr_code"), barcode.clone()),
            (with("\\000026"), Some("]Q2"), barcode.clone()),
            (with("\\000026"), Some("]Q1"), unknown.clone()),
            (with("]Q1"), None, unknown.clone()),
            ("2C7H9XKMQ4TZ".to_owned(), Some("code_39"), number.clone()),
            ("036000291452".to_owned(), None, number),
            // Goods and coupons, by the symbology where the form does not tell.
            ("036000291452".to_owned(), Some("upc_a"), goods.clone()),
            ("4006381333931".to_owned(), Some("ean_13"), goods.clone()),
            ("4006381333931".to_owned(), Some("]Q1"), goods.clone()),
            ("0104006381333931".to_owned(), Some("GS1-128"), goods.clone()),
            (lc1.clone(), Some("]C1"), goods.clone()),
            (lc1.clone(), Some("]Q3"), goods.clone()),
            ("]C10104006381333931".to_owned(), Some("code_128"), goods),
            // What cannot be.
            (with("]C0"), Some("]Q1"), contradicted.clone()),
            (with("]Q2"), Some("]Q1"), contradicted.clone()),
            (with("]E0"), Some("qr_code"), contradicted.clone()),
            ("]E04006381333931".to_owned(), Some("pdf417"), contradicted),
            (lc1.clone(), Some("ean_13"), not_digits.clone()),
            (lc1.clone(), Some("]I0"), not_digits.clone()),
            ("+4930123456".to_owned(), Some("]E0"), not_digits),
            (lc1, Some("banana"), Err(SymbologyProblem::Unknown)),
        ];
        for (text, symbology, expected) in cases {
            let found = code(&text, symbology).map(|code| keyring.scanned(&code).map(|token| token.medium));
            assert_eq!(found, expected, "{symbology:?} {text}");
        }
    }
}
