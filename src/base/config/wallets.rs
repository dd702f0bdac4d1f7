//! `[[apple]]`, `[google]`, `[media]`: whose passes, and the keys of codes and chips.

use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::reading::{Field, Given, PlainHttp, Reading};
use super::secrets::Secret;
use super::source::{ConfigError, Place};
use crate::pure::domain::ProgrammeName;

/// `[[apple]]`: one pass type.
#[derive(Clone, Debug)]
pub struct Apple {
    /// As in the certificate (`pass.com.example.cafe`).
    pub pass_type_id: String,
    /// As in the certificate: ten letters and digits.
    pub team_id: String,
    /// The .p12 that signs passes; without it passes of this type are read and not made.
    pub certificate: Option<Secret>,
    /// The .p12's password.
    pub password: Option<Secret>,
    /// PEM or DER of the intermediate that issued the certificate; without it the one that lies in the key file.
    pub wwdr: Option<PathBuf>,
    /// P-256 keys (PEM or DER) that open what a phone sends, the newest first.
    pub vas_keys: Vec<Secret>,
    /// Whether Apple allowed this certificate NFC.
    pub nfc: bool,
    /// Programmes whose cards are passes of this type; empty means all.
    pub programmes: Vec<ProgrammeName>,
    /// Seconds by which a phone's time stamp may differ from ours (apple-vas.md section 9).
    pub fresh_s: u32,
}

/// `[google]`.
#[derive(Clone, Debug)]
pub struct Google {
    /// The issuer's number.
    pub issuer_id: u64,
    /// The key file (JSON) of the service account.
    pub service_account: Option<Secret>,
    /// The number that Google assigned for Smart Tap.
    pub collector_id: Option<u32>,
    /// Smart Tap keys, the newest first.
    pub smart_tap_keys: Vec<SmartTapKey>,
    /// Round logo of the card.
    pub logo_url: Option<String>,
    /// Wide picture of the card.
    pub image_url: Option<String>,
}

/// A P-256 key of the terminal.
#[derive(Clone, Debug)]
pub struct SmartTapKey {
    /// Its version, 1 or more.
    pub version: u32,
    /// PEM.
    pub key: Secret,
}

/// `[media]`.
#[derive(Clone, Debug, Default)]
pub struct Media {
    /// Sign LC1 texts; the first makes new ones, all are accepted.
    pub token_keys: Vec<TokenKey>,
    /// Hashes chips' UIDs: 32 bytes or more, hexadecimal.
    pub uid_key: Option<Secret>,
    /// Keys of NTAG 424 chips.
    pub ntag424: Option<Ntag424>,
    /// Master of rotating barcodes: 32 bytes or more, hexadecimal.
    pub rotating_key: Option<Secret>,
}

/// A key that signs LC1 texts (readers-and-scanners.md section 3.9).
#[derive(Clone, Debug)]
pub struct TokenKey {
    /// Its number in the text.
    pub kid: u8,
    /// 32 bytes or more, hexadecimal.
    pub key: Secret,
}

/// Keys of NTAG 424 chips (readers-and-scanners.md section 2.4).
#[derive(Clone, Debug)]
pub struct Ntag424 {
    /// K_SDMMetaRead: 16 bytes, hexadecimal.
    pub meta_key: Secret,
    /// The master from which each chip's K_SDMFileRead is diversified: 16 bytes, hexadecimal.
    pub file_key: Secret,
    /// Application id of the diversification, 3 bytes.
    pub application_id: [u8; 3],
    /// System id of the diversification; the diversification input has at most 31 bytes, 11 of them are not this.
    pub system_id: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApple {
    pass_type_id: Spanned<String>,
    team_id: Spanned<String>,
    certificate: Field<Value>,
    password: Field<Value>,
    wwdr: Field<String>,
    #[serde(default)]
    vas_keys: Vec<Spanned<Value>>,
    nfc: Field<bool>,
    #[serde(default)]
    programmes: Vec<Spanned<String>>,
    fresh_s: Field<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGoogle {
    issuer_id: Spanned<i64>,
    service_account: Field<Value>,
    collector_id: Field<i64>,
    #[serde(default)]
    smart_tap_keys: Vec<RawSmartTapKey>,
    logo_url: Field<String>,
    image_url: Field<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSmartTapKey {
    version: Spanned<i64>,
    key: Spanned<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMedia {
    #[serde(default)]
    token_keys: Vec<RawTokenKey>,
    uid_key: Field<Value>,
    ntag424: Option<RawNtag424>,
    rotating_key: Field<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokenKey {
    kid: Spanned<i64>,
    key: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNtag424 {
    meta_key: Spanned<Value>,
    file_key: Spanned<Value>,
    application_id: Spanned<String>,
    system_id: Spanned<String>,
}

pub(super) fn check_apple(reading: &Reading, raw: Vec<RawApple>) -> Result<Vec<Apple>, ConfigError> {
    let mut all: Vec<Apple> = Vec::with_capacity(raw.len());
    for table in raw {
        if all.iter().any(|other| other.pass_type_id == *table.pass_type_id.get_ref()) {
            return reading.wrong(
                &table.pass_type_id,
                "this pass type stands there twice",
                "keep one table for each pass type",
            );
        }
        all.push(Apple::check(reading, table)?);
    }
    Ok(all)
}

impl Apple {
    fn check(reading: &Reading, raw: RawApple) -> Result<Self, ConfigError> {
        let id = raw.pass_type_id.get_ref();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if !id.starts_with("pass.") || id.len() < 6 || id.len() > 155 || !id.bytes().all(plain) {
            let remedy = "write it as in the certificate: it begins with \"pass.\", as in \"pass.com.example.cafe\"";
            return reading.wrong(&raw.pass_type_id, "not a pass type id", remedy);
        }
        let team = raw.team_id.get_ref();
        if team.len() != 10 || !team.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            let remedy =
                "write the ten capital letters and digits of the Apple developer account, as in \"A1B2C3D4E5\"";
            return reading.wrong(&raw.team_id, "not a team id", remedy);
        }
        if let (Some(field), true) = (&raw.nfc, raw.vas_keys.is_empty())
            && *field.get_ref()
        {
            return reading.wrong(field, "passes with NFC need a key in vas_keys", "name it, or set nfc = false");
        }
        if let (Some(field), None) = (&raw.wwdr, &raw.certificate) {
            return reading.wrong(
                field,
                "an intermediate without a certificate that it issued",
                "name the .p12 in certificate, or remove it",
            );
        }
        if let (Some(field), None) = (&raw.password, &raw.certificate) {
            return reading.wrong(
                field,
                "a password without a certificate",
                "name the .p12 in certificate, or remove it",
            );
        }
        Ok(Self {
            certificate: raw.certificate.as_ref().map(|field| reading.secret(field)).transpose()?,
            password: raw.password.as_ref().map(|field| reading.secret(field)).transpose()?,
            wwdr: raw.wwdr.as_ref().map(|field| reading.file(field)).transpose()?,
            vas_keys: raw.vas_keys.iter().map(|field| reading.secret(field)).collect::<Result<_, _>>()?,
            nfc: raw.nfc.is_some_and(Spanned::into_inner),
            programmes: raw.programmes.iter().map(|field| programme(reading, field)).collect::<Result<_, _>>()?,
            fresh_s: reading.number(&raw.fresh_s, 300, 30..=86_400, "seconds")?,
            pass_type_id: raw.pass_type_id.into_inner(),
            team_id: raw.team_id.into_inner(),
        })
    }
}

fn programme(reading: &Reading, field: &Spanned<String>) -> Result<ProgrammeName, ConfigError> {
    ProgrammeName::new(field.get_ref()).or_else(|error| {
        reading.wrong(
            field,
            format!("not a programme's name: {error}"),
            "write the name of its rule file, as in \"cafe10\"",
        )
    })
}

impl Google {
    pub(super) fn check(reading: &Reading, raw: RawGoogle) -> Result<Self, ConfigError> {
        let issuer_id = match u64::try_from(*raw.issuer_id.get_ref()) {
            Ok(id) if id > 0 => id,
            _ => {
                let remedy = "write the issuer's number from the Pay & Wallet Console";
                return reading.wrong(&raw.issuer_id, "not an issuer id", remedy);
            }
        };
        let collector_id = match &raw.collector_id {
            Some(_) => Some(reading.number(&raw.collector_id, 0, 1..=i64::from(u32::MAX), "as a number")?),
            None => None,
        };
        if let (Some(first), None) = (raw.smart_tap_keys.first(), collector_id) {
            let remedy = "add collector_id, the number that Google assigned, or remove smart_tap_keys";
            return reading.wrong(&first.version, "Smart Tap keys without a collector id", remedy);
        }
        let mut smart_tap_keys: Vec<SmartTapKey> = Vec::new();
        for key in raw.smart_tap_keys {
            let version = within(reading, &key.version, i64::from(u32::MAX), "version")?;
            if smart_tap_keys.iter().any(|other| other.version == version) {
                return reading.wrong(
                    &key.version,
                    format!("version {version} stands there twice"),
                    "give each key its own",
                );
            }
            smart_tap_keys.push(SmartTapKey { version, key: reading.secret(&key.key)? });
        }
        Ok(Self {
            issuer_id,
            service_account: raw.service_account.as_ref().map(|field| reading.secret(field)).transpose()?,
            collector_id,
            smart_tap_keys,
            logo_url: raw.logo_url.as_ref().map(|field| image_url(reading, field)).transpose()?,
            image_url: raw.image_url.as_ref().map(|field| image_url(reading, field)).transpose()?,
        })
    }
}

/// Google fetches pictures itself, so the address must be one of the internet; it takes https only.
fn image_url(reading: &Reading, field: &Spanned<String>) -> Result<String, ConfigError> {
    let given = Given { value: field.get_ref().clone(), place: Place::Text(field.span()) };
    reading.web_address(&given, PlainHttp::OnLoopback)
}

/// A number from 1 to `max`.
fn within<T: TryFrom<i64>>(reading: &Reading, field: &Spanned<i64>, max: i64, unit: &str) -> Result<T, ConfigError> {
    let value = *field.get_ref();
    match (1..=max).contains(&value).then(|| T::try_from(value).ok()).flatten() {
        Some(value) => Ok(value),
        None => reading.wrong(field, format!("{unit} {value} is out of range"), format!("give 1 to {max}")),
    }
}

impl Media {
    pub(super) fn check(reading: &Reading, raw: RawMedia) -> Result<Self, ConfigError> {
        let mut token_keys: Vec<TokenKey> = Vec::new();
        for key in raw.token_keys {
            let kid = within(reading, &key.kid, 255, "kid")?;
            if token_keys.iter().any(|other| other.kid == kid) {
                return reading.wrong(&key.kid, format!("kid {kid} stands there twice"), "give each key its own");
            }
            token_keys.push(TokenKey { kid, key: reading.secret_hex(&key.key, 32)? });
        }
        Ok(Self {
            token_keys,
            uid_key: raw.uid_key.as_ref().map(|field| reading.secret_hex(field, 32)).transpose()?,
            ntag424: raw.ntag424.map(|ntag424| Ntag424::check(reading, ntag424)).transpose()?,
            rotating_key: raw.rotating_key.as_ref().map(|field| reading.secret_hex(field, 32)).transpose()?,
        })
    }
}

impl Ntag424 {
    fn check(reading: &Reading, raw: RawNtag424) -> Result<Self, ConfigError> {
        let application_id = match <[u8; 3]>::try_from(reading.hex(&raw.application_id, 3)?) {
            Ok(id) => id,
            Err(_) => {
                return reading.wrong(&raw.application_id, "not an application id", "give 3 bytes, as in \"3042F5\"");
            }
        };
        Ok(Self {
            meta_key: reading.secret_hex_key::<16>(&raw.meta_key)?,
            file_key: reading.secret_hex_key::<16>(&raw.file_key)?,
            application_id,
            system_id: reading.hex(&raw.system_id, 20)?,
        })
    }
}
