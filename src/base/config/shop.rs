//! `[shop]`, `[paths]`, `[ledger]`, `[backup]`, `[clock]`, `[retention]`: who we are and what we keep.

use std::path::{Path, PathBuf};

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::reading::{Field, Reading};
use super::source::ConfigError;
use crate::pure::domain::{Language, TillId, Trust};

/// `[shop]`.
#[derive(Clone, Debug)]
pub struct Shop {
    /// A short name that never changes: 1 to 64 characters of `a-z A-Z 0-9 . _ -`.
    pub id: String,
    /// As customers read it.
    pub name: String,
    /// ISO 4217 code, upper case.
    pub currency: String,
    /// The zone whose calendar counts.
    pub time_zone: TimeZone,
    /// What staff and customers read.
    pub language: Language,
}

/// `[paths]`, all absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    /// What the daemon keeps.
    pub data: PathBuf,
    /// The folder of rule files.
    pub programmes: PathBuf,
    /// The folder of pass designs.
    pub passes: PathBuf,
    /// What can be made again, such as signed passes: safe to delete.
    pub cache: PathBuf,
}

/// Where the package keeps what must last.
const DATA: &str = "/var/lib/stampd";

/// Where the package keeps what can be made again.
const CACHE: &str = "/var/cache/stampd";

/// `[ledger]`.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The SQLite file.
    pub path: PathBuf,
    /// The folder of the segment copy.
    pub segments: PathBuf,
}

/// `[backup]`.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The folder of backups.
    pub dir: PathBuf,
    /// Local time of the nightly one.
    pub at: Time,
    /// How many of the newest stay.
    pub keep: u32,
}

/// `[clock]`.
#[derive(Clone, Copy, Debug)]
pub struct ClockSection {
    /// How the wall clock is judged.
    pub trust: Trust,
    /// What an Apple tap gets while it is not trusted.
    pub when_untrusted: WhenUntrusted,
}

/// What an Apple tap gets while the wall clock is not trusted (DESIGN.md section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUntrusted {
    /// Taken with the mark `clock_suspect`; earns, redeems only with staff.
    #[default]
    Mark,
    /// Refused.
    Refuse,
}

/// `[retention]`.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Days after the last visit until personal data is erased.
    pub personal_days: u32,
    /// Days of logs.
    pub log_days: u32,
    /// Days of delivery rows that are done.
    pub delivery_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShop {
    id: Spanned<String>,
    name: Spanned<String>,
    currency: Spanned<String>,
    time_zone: Spanned<String>,
    #[serde(default, with = "LanguageTag")]
    language: Language,
}

/// How a file writes a language.
#[derive(Deserialize)]
#[serde(remote = "Language", rename_all = "lowercase")]
enum LanguageTag {
    En,
    De,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPaths {
    data: Field<String>,
    programmes: Field<String>,
    passes: Field<String>,
    cache: Field<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLedger {
    path: Field<String>,
    segments: Field<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackup {
    dir: Field<String>,
    at: Field<String>,
    keep: Field<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClock {
    #[serde(default)]
    trust: RawTrust,
    #[serde(default)]
    when_untrusted: WhenUntrusted,
}

/// [`Trust`] in the file: domain types are not serializable.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawTrust {
    #[default]
    Auto,
    Always,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    personal_days: Field<i64>,
    log_days: Field<i64>,
    delivery_days: Field<i64>,
}

impl Shop {
    pub(super) fn check(reading: &Reading, raw: RawShop) -> Result<Self, ConfigError> {
        // A shop's id obeys the rule of all names.
        if let Err(error) = TillId::new(raw.id.get_ref()) {
            return reading.wrong(&raw.id, format!("not a name: {error}"), "write it as in \"cafe-nord\"");
        }
        let name = raw.name.get_ref().trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return reading.wrong(&raw.name, "not a shop's name", "give 1 to 100 characters on one line");
        }
        let currency = raw.currency.get_ref();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return reading.wrong(
                &raw.currency,
                "not a currency",
                "write its three capital letters (ISO 4217), as in \"EUR\"",
            );
        }
        let zone = raw.time_zone.get_ref();
        let time_zone = TimeZone::get(zone).or_else(|_| {
            let remedy = "write an IANA name, as in \"Europe/Berlin\"; when it is one, apt-get install tzdata";
            reading.wrong(&raw.time_zone, format!("the time zone \"{zone}\" is not known here"), remedy)
        })?;
        Ok(Self {
            id: raw.id.get_ref().clone(),
            name: name.to_owned(),
            currency: currency.clone(),
            time_zone,
            language: raw.language,
        })
    }
}

impl Paths {
    pub(super) fn check(reading: &Reading, raw: RawPaths) -> Result<Self, ConfigError> {
        let data = reading.path_given("paths.data", &raw.data, Path::new(DATA))?;
        // Where the package's folder is not used, its cache is not either.
        let cache = if data == Path::new(DATA) { CACHE.into() } else { data.join("cache") };
        Ok(Self {
            cache: reading.path(&raw.cache, &cache)?,
            data,
            programmes: reading.path_given("paths.programmes", &raw.programmes, Path::new("programmes"))?,
            passes: reading.path(&raw.passes, Path::new("passes"))?,
        })
    }
}

impl Ledger {
    pub(super) fn check(reading: &Reading, raw: RawLedger, paths: &Paths) -> Result<Self, ConfigError> {
        Ok(Self {
            path: reading.path_given("ledger.path", &raw.path, &paths.data.join("ledger.db"))?,
            segments: reading.path(&raw.segments, &paths.data.join("segments"))?,
        })
    }
}

impl Backup {
    pub(super) fn check(reading: &Reading, raw: RawBackup, paths: &Paths) -> Result<Self, ConfigError> {
        let at = match &raw.at {
            None => jiff::civil::time(3, 30, 0, 0),
            Some(field) => match clock_time(field.get_ref()) {
                Some(time) => time,
                None => return reading.wrong(field, "not a time of day", "write hours and minutes, as in \"03:30\""),
            },
        };
        Ok(Self {
            dir: reading.path(&raw.dir, &paths.data.join("backups"))?,
            at,
            keep: reading.number(&raw.keep, 14, 1..=1_000, "backups")?,
        })
    }
}

/// `HH:MM`, 00:00 to 23:59.
fn clock_time(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

impl ClockSection {
    pub(super) fn check(raw: RawClock) -> Self {
        let trust = match raw.trust {
            RawTrust::Auto => Trust::Auto,
            RawTrust::Always => Trust::Always,
        };
        Self { trust, when_untrusted: raw.when_untrusted }
    }
}

impl Retention {
    pub(super) fn check(reading: &Reading, raw: RawRetention) -> Result<Self, ConfigError> {
        Ok(Self {
            personal_days: reading.number(&raw.personal_days, 1_095, 30..=36_500, "days")?,
            log_days: reading.number(&raw.log_days, 90, 1..=3_650, "days")?,
            delivery_days: reading.number(&raw.delivery_days, 35, 1..=3_650, "days")?,
        })
    }
}
