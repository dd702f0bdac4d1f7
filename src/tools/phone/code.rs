//! A barcode's text as a scanner reads it, and the faults that a code or a scanner's setting can have
//! (readers-and-scanners.md sections 3.1 to 3.5). Shown by the synthetic card ([`super::barcode`]) and by a scanner on a
//! line ([`super::scan`]).

use super::fault::{Fault, FaultError, FaultKind};
use super::rotating::{self, RotatingScreen};

/// The faults of a code, whatever interface it comes by.
pub const FAULTS: &[FaultKind] = &[
    FaultKind { name: "damaged", value: "", meaning: "One character in the middle was misread." },
    FaultKind { name: "cut-code", value: "characters, 20", meaning: "Only so many characters were read." },
    FaultKind {
        name: "lower-case",
        value: "",
        meaning: "Letters come in lower case, as with a keyboard scanner under Caps Lock.",
    },
    FaultKind {
        name: "layout-de",
        value: "",
        meaning: "Y and Z are swapped: the scanner is set to another keyboard than the shop.",
    },
    FaultKind {
        name: "layout-fr",
        value: "",
        meaning: "A and Q, Z and W are swapped: the scanner is set to a French keyboard.",
    },
    FaultKind { name: "aim", value: "", meaning: "The symbology comes before the code: ]Q1." },
    FaultKind { name: "gs1", value: "", meaning: "A GS1 code of a product comes, with its symbology ]C1." },
    FaultKind { name: "ean", value: "", meaning: "The number of a product comes: 4006381333931." },
    FaultKind { name: "latin-1", value: "", meaning: "Bytes come that are no UTF-8." },
    FaultKind { name: "control", value: "", meaning: "A NUL and an escape character stand within the code." },
    FaultKind { name: "huge", value: "", meaning: "A code of 5,000 characters comes." },
    FaultKind { name: "empty", value: "", meaning: "A code without characters comes." },
    FaultKind {
        name: "wrong-medium",
        value: "",
        meaning: "The message of the card's Apple pass comes, printed as a code: another medium's credential.",
    },
];

/// A code and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Code {
    shown: Shown,
    nfc_message: Option<String>,
    faults: Vec<Fault>,
    kept: usize,
}

/// Where a code stands.
#[derive(Clone, Debug)]
enum Shown {
    /// Printed, or on a screen where it stays as it is.
    Printed(String),
    /// On a screen that changes with the time.
    Rotating(RotatingScreen),
}

impl Code {
    /// The code `text`; `nfc_message` is the same card's credential of another medium, for the fault that plays it.
    pub fn new(text: &str, nfc_message: Option<&str>) -> Self {
        Self::of(Shown::Printed(text.to_owned()), nfc_message)
    }

    /// The code that `screen` shows at each scan; `nfc_message` as for [`Code::new`].
    pub fn rotating(screen: RotatingScreen, nfc_message: Option<&str>) -> Self {
        Self::of(Shown::Rotating(screen), nfc_message)
    }

    fn of(shown: Shown, nfc_message: Option<&str>) -> Self {
        Self { shown, nfc_message: nfc_message.map(str::to_owned), faults: Vec::new(), kept: usize::MAX }
    }

    /// Adds a fault of [`FAULTS`] or, where the code rotates, of [`rotating::FAULTS`]; `wallet` names the kind in the error.
    pub fn add_fault(&mut self, fault: &Fault, wallet: &'static str) -> Result<(), FaultError> {
        match (&mut self.shown, fault.is_in(rotating::FAULTS)) {
            (Shown::Rotating(screen), true) => return screen.add_fault(fault, wallet),
            (Shown::Printed(_), true) => {
                return Err(FaultError::Lacks { name: fault.name.clone(), what: "a rotating barcode (--rotating)" });
            }
            (_, false) => {}
        }
        match fault.name.as_str() {
            "cut-code" => self.kept = fault.number(20, 0, 100_000)? as usize,
            "wrong-medium" if self.nfc_message.is_none() => {
                return Err(FaultError::Lacks { name: fault.name.clone(), what: "an nfc_message" });
            }
            _ if fault.is_in(FAULTS) => fault.bare()?,
            _ => return Err(FaultError::Unknown { wallet, name: fault.name.clone() }),
        }
        self.faults.push(fault.clone());
        Ok(())
    }

    /// The bytes that the scanner gives out for a scan of this moment, without its suffix.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match (&self.nfc_message, &self.shown) {
            (Some(message), _) if self.has("wrong-medium") => message.clone().into_bytes(),
            (_, Shown::Printed(text)) => text.clone().into_bytes(),
            (_, Shown::Rotating(screen)) => screen.text().into_bytes(),
        };
        for fault in &self.faults {
            bytes = bend(&fault.name, bytes);
        }
        bytes.truncate(self.kept);
        bytes
    }

    fn has(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }
}

fn bend(fault: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    match fault {
        "damaged" => {
            if let Some(byte) = bytes.get_mut(middle) {
                *byte = if *byte == b'7' { b'8' } else { b'7' };
            }
        }
        "lower-case" => bytes.make_ascii_lowercase(),
        "layout-de" => swap(&mut bytes, &[(b'Y', b'Z')]),
        "layout-fr" => swap(&mut bytes, &[(b'A', b'Q'), (b'Z', b'W')]),
        "aim" => drop(bytes.splice(0..0, *b"]Q1")),
        "gs1" => bytes = b"]C1010400638133393110A1".to_vec(),
        "ean" => bytes = b"4006381333931".to_vec(),
        "latin-1" => bytes = b"Gr\xFC\xDFe \xE9".to_vec(),
        "control" => drop(bytes.splice(middle..middle, [0x00, 0x1B])),
        "huge" => bytes = b"0123456789".repeat(500),
        "empty" => bytes.clear(),
        _ => {}
    }
    bytes
}

fn swap(bytes: &mut [u8], pairs: &[(u8, u8)]) {
    for byte in bytes {
        for &(one, other) in pairs {
            if *byte == one {
                *byte = other;
            } else if *byte == other {
                *byte = one;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_bend_the_code_as_their_names_say() {
        let cases: [(&str, &[u8]); 14] = [
            ("damaged", b"LC17YZQ"),
            ("cut-code=3", b"LC1"),
            ("lower-case", b"lc1ayzq"),
            ("layout-de", b"LC1AZYQ"),
            ("layout-fr", b"LC1QYWA"),
            ("aim", b"]Q1LC1AYZQ"),
            ("gs1", b"]C1010400638133393110A1"),
            ("ean", b"4006381333931"),
            ("latin-1", b"Gr\xFC\xDFe \xE9"),
            ("control", b"LC1\x00\x1BAYZQ"),
            ("empty", b""),
            ("wrong-medium", b"NFC"),
            ("cut-code", b"LC1AYZQ"),
            ("huge", &b"0123456789".repeat(500)),
        ];
        for (fault, expected) in cases {
            let mut code = Code::new("LC1AYZQ", Some("NFC"));
            code.add_fault(&fault.parse().expect("never fails"), "scan").expect("a known fault");
            assert_eq!(code.bytes(), expected, "{fault}");
        }
        assert_eq!(Code::new("LC1AYZQ", None).bytes(), b"LC1AYZQ");
        for kind in FAULTS {
            let mut code = Code::new("LC1AYZQ", Some("NFC"));
            assert_eq!(code.add_fault(&kind.name.parse().expect("never fails"), "scan"), Ok(()));
        }
        for wrong in ["melted", "wrong-medium", "aim=1", "stale"] {
            assert!(Code::new("x", None).add_fault(&wrong.parse().expect("never fails"), "scan").is_err(), "{wrong}");
        }
    }
}
