//! What the phone shows, from a file: a card of the shop that `stampd demo` made (`demo.json`, DESIGN.md section 3), or
//! one card described by itself, for installers whose shop is no demo.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bytes::from_hex;
use super::ntag424::{self, FobKeys, key_from_hex};
use super::rotating::RotatingBarcode;
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
    /// The fobs' part; absent or null in a shop without it.
    #[serde(default)]
    pub ntag424: Option<DemoFobs>,
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

/// The NTAG 424 fobs' part of `demo.json`.
#[derive(Debug, Deserialize)]
pub struct DemoFobs {
    /// The key that encrypts UID and counter, 16 bytes in hexadecimal.
    pub meta_read_key_hex: String,
    /// The master of the fobs' MAC keys, 16 bytes in hexadecimal.
    pub file_read_key_hex: String,
    /// The link with `{picc}` and `{cmac}`.
    pub url: String,
    /// Application id of the diversification, 3 bytes in hexadecimal; that of the specification's example when absent.
    #[serde(default)]
    pub application_id_hex: Option<String>,
    /// System id of the diversification in hexadecimal; that of the specification's example when absent.
    #[serde(default)]
    pub system_id_hex: Option<String>,
}

impl DemoFobs {
    /// The keys, read. `path` is named in the error.
    pub fn keys(&self, path: &Path) -> Result<FobKeys, WalletFileError> {
        let wrong = |what: &str| WalletFileError::NoMedium { path: path.to_owned(), what: what.to_owned() };
        let application_id = match &self.application_id_hex {
            None => Some(ntag424::APPLICATION_ID),
            Some(text) => from_hex(text).and_then(|bytes| bytes.try_into().ok()),
        };
        let system_id = match &self.system_id_hex {
            None => Some(ntag424::SYSTEM_ID.to_vec()),
            Some(text) => from_hex(text),
        };
        if !self.url.contains("{picc}") || !self.url.contains("{cmac}") {
            return Err(wrong("the link of the NTAG 424 fobs lacks {picc} or {cmac}"));
        }
        Ok(FobKeys {
            meta: key_from_hex(&self.meta_read_key_hex)
                .ok_or_else(|| wrong("meta_read_key_hex is no key of 16 bytes"))?,
            file_master: key_from_hex(&self.file_read_key_hex)
                .ok_or_else(|| wrong("file_read_key_hex is no key of 16 bytes"))?,
            application_id: application_id.ok_or_else(|| wrong("application_id_hex is not 3 bytes in hexadecimal"))?,
            system_id: system_id.ok_or_else(|| wrong("system_id_hex is not hexadecimal"))?,
            url: self.url.clone(),
        })
    }
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
    /// The rotating barcode of its Google pass, as the pass's object has it.
    #[serde(default)]
    pub rotating_barcode: Option<RotatingBarcode>,
    /// The UID of its NTAG 424 fob, 7 bytes in hexadecimal.
    #[serde(default)]
    pub ntag424_uid: Option<String>,
}

/// The codes of one Google pass: its object, as `GET /v1/cards/{serial}/google` and `stampd pass google --json` tell it
/// under `object`, or the object alone. Whatever else stands in it is left alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectFile {
    #[serde(default)]
    object: Option<Box<ObjectFile>>,
    /// The barcode that stays.
    #[serde(default)]
    pub barcode: Option<ObjectBarcode>,
    /// The barcode that changes with the time.
    #[serde(default)]
    pub rotating_barcode: Option<RotatingBarcode>,
}

/// The `barcode` of a Google object.
#[derive(Clone, Debug, Deserialize)]
pub struct ObjectBarcode {
    /// Its text.
    pub value: String,
}

impl ObjectFile {
    /// Reads a pass's object.
    pub fn read(path: &Path) -> Result<Self, WalletFileError> {
        let hint =
            "it should hold what `stampd pass google SERIAL --json` prints: {\"object\": {\"rotatingBarcode\": …}}";
        let file: Self = read(path, hint)?;
        Ok(match file.object {
            Some(object) => *object,
            None => file,
        })
    }
}

/// One NTAG 424 fob, described by itself.
#[derive(Debug, Deserialize)]
pub struct FobFile {
    /// Its UID, 7 bytes in hexadecimal.
    pub uid: String,
    /// The shop's keys and link.
    #[serde(flatten)]
    pub shop: DemoFobs,
}

impl FobFile {
    /// Reads a fob described by itself.
    pub fn read(path: &Path) -> Result<Self, WalletFileError> {
        read(path, "it should hold {\"uid\": …, \"meta_read_key_hex\": …, \"file_read_key_hex\": …, \"url\": …}")
    }
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

    /// What `medium` finds on the chosen card; where the choice leaves several, on the first that has it. `name` is the
    /// medium's field, and `path` the file, for the error.
    pub fn card<T>(
        &self,
        choice: &CardChoice,
        path: &Path,
        name: &str,
        medium: impl Fn(&DemoCard) -> Option<T>,
    ) -> Result<(&DemoCard, T), WalletFileError> {
        let mut chosen = self
            .cards
            .iter()
            .filter(|card| match choice {
                CardChoice::Serial(serial) => card.serial.parse() == Ok(*serial),
                CardChoice::Programme(name) => card.programme == *name,
                CardChoice::First => true,
            })
            .peekable();
        let wanted = match choice {
            CardChoice::Serial(serial) => format!("with the serial {}", serial.grouped()),
            CardChoice::Programme(name) => format!("of the programme '{name}'"),
            CardChoice::First => "at all".to_owned(),
        };
        if chosen.peek().is_none() {
            return Err(WalletFileError::NoCard { path: path.to_owned(), wanted, available: self.available() });
        }
        chosen.find_map(|card| Some((card, medium(card)?))).ok_or_else(|| WalletFileError::NoMedium {
            path: path.to_owned(),
            what: format!("no card {wanted} has a {name}"),
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
          {"serial": "2C7H9XKMQ4T0", "programme": "spend10", "customer_id": "u", "nfc_message": "LC1C", "ntag424_uid": "04"}] }"#;

    #[test]
    fn a_card_is_found_by_serial_by_programme_or_first() {
        let demo: DemoFile = serde_json::from_str(DEMO).expect("demo.json of DESIGN.md");
        let path = Path::new("demo.json");
        let message =
            |choice| demo.card(&choice, path, "nfc_message", |card| card.nfc_message.clone()).map(|found| found.1);
        let serial = |text: &str| CardChoice::Serial(text.parse().expect("a serial"));
        assert_eq!(message(CardChoice::First).expect("there"), "LC1A");
        assert_eq!(message(CardChoice::Programme("spend10".to_owned())).expect("there"), "LC1C");
        assert_eq!(message(serial("2c7h 9xkm q4t0")).expect("there"), "LC1C");
        let error = message(CardChoice::Programme("points".to_owned())).expect_err("not there").to_string();
        assert!(error.contains("1 of 'cafe10', 1 of 'spend10'"), "{error}");
        let fob =
            |choice| demo.card(&choice, path, "ntag424_uid", |card| card.ntag424_uid.clone()).map(|found| found.1);
        assert_eq!(fob(CardChoice::First).expect("the second has one"), "04");
        let error = fob(CardChoice::Programme("cafe10".to_owned())).expect_err("not there").to_string();
        assert!(error.contains("no card of the programme 'cafe10' has a ntag424_uid"), "{error}");
        let error = message(serial("000000000000")).expect_err("not there").to_string();
        assert!(error.contains("0000 0000 0000"), "{error}");
    }

    #[test]
    fn the_codes_of_an_object_are_found_with_and_without_its_answer() {
        let object = r#"{"id": "3388.x", "barcode": {"type": "QR_CODE", "value": "LC1A"}, "rotatingBarcode": {"type": "QR_CODE",
            "valuePattern": "LC2{totp_value_0}", "totpDetails": {"algorithm": "TOTP_SHA1", "periodMillis": "30000",
            "parameters": [{"key": "00", "valueLength": 8}]}}}"#;
        let answer = format!(r#"{{"class": {{"id": "3388"}}, "object": {object}, "save_url": null}}"#);
        let file = std::env::temp_dir().join(format!("stampd-phone-object-{}", std::process::id()));
        for text in [object, &answer] {
            std::fs::write(&file, text).expect("a scratch file");
            let read = ObjectFile::read(&file).expect("an object");
            assert_eq!(read.barcode.expect("there").value, "LC1A");
            assert!(read.rotating_barcode.is_some());
        }
        std::fs::remove_file(&file).expect("a scratch file");
        assert!(ObjectFile::read(&file).is_err());
    }

    #[test]
    fn a_card_described_by_itself_is_read_strictly() {
        let read = serde_json::from_str::<AppleCardFile>;
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k", "message": "m"}"#).is_ok());
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k", "message": "m", "mesage": "m"}"#).is_err());
        assert!(read(r#"{"pass_type_id": "p", "vas_public_key": "k"}"#).is_err());
    }
}
