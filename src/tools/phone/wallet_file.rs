//! What the phone shows, from a file: a card of the shop that `stampd demo` made (`demo.json`, DESIGN.md section 3), or
//! one card described by itself, for installers whose shop is no demo.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::pure::domain::Serial;

/// The part of `demo.json` that a phone needs. Fields it does not know are left alone: the file serves other programs too.
#[derive(Debug, Deserialize)]
pub struct DemoFile {
    /// Apple's part; absent or null in a shop without it.
    #[serde(default)]
    pub apple: Option<DemoApple>,
    /// Google's part; absent or null in a shop without it.
    #[serde(default)]
    pub google: Option<DemoGoogle>,
    /// The cards of the first customers.
    #[serde(default)]
    pub cards: Vec<DemoCard>,
}

/// Apple's part of `demo.json`.
#[derive(Debug, Deserialize)]
pub struct DemoApple {
    /// The passTypeIdentifier.
    pub pass_type_id: String,
    /// The reader's key, base64 of the compressed SubjectPublicKeyInfo.
    pub vas_public_key: String,
}

/// Google's part of `demo.json`.
#[derive(Debug, Deserialize)]
pub struct DemoGoogle {
    /// The shop's collector id.
    pub collector_id: u32,
    /// The version of its key.
    pub key_version: u32,
    /// Its public key, PEM.
    pub smart_tap_public_key: String,
}

/// A card in `demo.json`. Media that the card does not have are null or absent.
#[derive(Clone, Debug, Deserialize)]
pub struct DemoCard {
    /// Its serial.
    pub serial: String,
    /// Its programme.
    #[serde(default)]
    pub programme: String,
    /// The message of its Apple pass.
    #[serde(default)]
    pub nfc_message: Option<String>,
    /// The value of its Google pass.
    #[serde(default)]
    pub smart_tap_value: Option<String>,
    /// The text of its barcode.
    #[serde(default)]
    pub barcode: Option<String>,
}

/// One Google pass, described by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleCardFile {
    /// The shop's collector id.
    pub collector_id: u32,
    /// The version of its key.
    pub key_version: u32,
    /// Its public key, PEM.
    pub smart_tap_public_key: String,
    /// The redemption value of the pass.
    pub smart_tap_value: String,
    /// The text of its barcode, needed by the fault `barcode` only.
    #[serde(default)]
    pub barcode: Option<String>,
}

impl GoogleCardFile {
    /// Reads a card described by itself.
    pub fn read(path: &Path) -> Result<Self, WalletFileError> {
        read(
            path,
            "it should hold {\"collector_id\": …, \"key_version\": …, \"smart_tap_public_key\": …, \"smart_tap_value\": …}",
        )
    }
}

/// One Apple pass, described by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppleCardFile {
    /// The passTypeIdentifier.
    pub pass_type_id: String,
    /// The reader's key, base64 of the compressed SubjectPublicKeyInfo.
    pub vas_public_key: String,
    /// The message of the pass.
    pub message: String,
    /// The text of its barcode, needed by the fault `barcode` only.
    #[serde(default)]
    pub barcode: Option<String>,
}

/// Which card of `demo.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChoice {
    /// The one with this serial.
    Serial(Serial),
    /// The first of this programme.
    Programme(String),
    /// The first of all.
    First,
}

/// Why there is no card to show, each with its remedy.
#[derive(Debug, thiserror::Error)]
pub enum WalletFileError {
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}; {hint}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The file is not what it should be.
    #[error("{path} is not the file that was expected: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: serde_json::Error,
    },
    /// No such card.
    #[error("{path} has no card {wanted}; it has {available}")]
    NoCard {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// The shop or the card lacks this medium.
    #[error("{path}: {what}")]
    NoMedium {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
}

impl DemoFile {
    /// Reads `demo.json`.
    pub fn read(path: &Path) -> Result<Self, WalletFileError> {
        read(
            path,
            "start `stampd demo` first, or name its file with --demo DIR/demo.json or a card of your own with --file",
        )
    }

    /// The chosen card. `path` is named in the error.
    pub fn card(&self, choice: &CardChoice, path: &Path) -> Result<&DemoCard, WalletFileError> {
        let found = self.cards.iter().find(|card| match choice {
            CardChoice::Serial(serial) => card.serial.parse() == Ok(*serial),
            CardChoice::Programme(name) => card.programme == *name,
            CardChoice::First => true,
        });
        found.ok_or_else(|| WalletFileError::NoCard {
            path: path.to_owned(),
            wanted: match choice {
                CardChoice::Serial(serial) => format!("with the serial {}", serial.grouped()),
                CardChoice::Programme(name) => format!("of the programme '{name}'"),
                CardChoice::First => "at all".to_owned(),
            },
            available: self.available(),
        })
    }

    /// The programmes and the number of their cards, in words.
    fn available(&self) -> String {
        let mut programmes: Vec<(&str, usize)> = Vec::new();
        for card in &self.cards {
            match programmes.iter_mut().find(|(name, _)| *name == card.programme) {
                Some((_, count)) => *count += 1,
                None => programmes.push((&card.programme, 1)),
            }
        }
        if programmes.is_empty() {
            return "none".to_owned();
        }
        let words: Vec<String> = programmes.iter().map(|(name, count)| format!("{count} of '{name}'")).collect();
        words.join(", ")
    }
}

impl AppleCardFile {
    /// Reads a card described by itself.
    pub fn read(path: &Path) -> Result<Self, WalletFileError> {
        read(path, "it should hold {\"pass_type_id\": …, \"vas_public_key\": …, \"message\": …}")
    }
}

/// Reads a JSON file of any shape; `hint` says what to do when there is none.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, WalletFileError> {
    let text =
        std::fs::read(path).map_err(|reason| WalletFileError::Unreadable { path: path.to_owned(), reason, hint })?;
    serde_json::from_slice(&text).map_err(|reason| WalletFileError::Malformed { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = r#"{ "api": "http://127.0.0.1:8480", "tokens": {"till": "x"},
        "apple": {"pass_type_id": "pass.x", "team_id": "T", "ca_file": "c", "vas_public_key": "k", "vas_private_key_file": "f"},
        "cards": [
          {"serial": "2C7H9XKMQ4TZ", "programme": "cafe10", "customer_id": "u", "nfc_message": "LC1A", "barcode": "LC1B", "ntag424_uid": null},
          {"serial": "2C7H9XKMQ4T0", "programme": "spend10", "customer_id": "u", "nfc_message": "LC1C"}] }"#;

    #[test]
    fn a_card_is_found_by_serial_by_programme_or_first() {
        let demo: DemoFile = serde_json::from_str(DEMO).expect("demo.json of DESIGN.md");
        let path = Path::new("demo.json");
        let message = |choice| demo.card(&choice, path).map(|card| card.nfc_message.clone().unwrap_or_default());
        let serial = |text: &str| CardChoice::Serial(text.parse().expect("a serial"));
        assert_eq!(message(CardChoice::First).expect("there"), "LC1A");
        assert_eq!(message(CardChoice::Programme("spend10".to_owned())).expect("there"), "LC1C");
        assert_eq!(message(serial("2c7h 9xkm q4t0")).expect("there"), "LC1C");
        let error = message(CardChoice::Programme("points".to_owned())).expect_err("not there").to_string();
        assert!(error.contains("1 of 'cafe10', 1 of 'spend10'"), "{error}");
        let error = message(serial("000000000000")).expect_err("not there").to_string();
        assert!(error.contains("0000 0000 0000"), "{error}");
    }

    #[test]
    fn a_card_described_by_itself_is_read_strictly() {
        let read = serde_json::from_str::<AppleCardFile>;
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k", "message": "m"}"#).is_ok());
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k", "message": "m", "mesage": "m"}"#).is_err());
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k"}"#).is_err());
    }
}
