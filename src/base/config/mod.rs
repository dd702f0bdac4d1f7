//! Text to checked values: the daemon's configuration (DESIGN.md section 4).
//!
//! A loaded [`Config`] holds no text that still has to be judged: paths are absolute, time zones known, regular
//! expressions compiled, tills exist, secrets were read once. Everything wrong is one [`ConfigError`] with file, line, key
//! and remedy; an unknown key is an error, never ignored. Sections whose parts come later are checked as well, so that a
//! configuration written today stays valid. `config/stampd.example.toml` lists every key with default and unit, and a test
//! holds it to the code.
//!
//! **Invariant:** nothing is opened but the configuration and the files of secrets; no clock, no network.

mod api;
mod counter;
pub mod design;
pub mod programme;
mod reading;
mod remote;
mod secrets;
mod shop;
mod source;
#[cfg(test)]
mod tests;
mod wallets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use api::{Api, Listener, Tls, Transport};
pub use counter::{Escape, EvdevLayout, Framing, Reader, ReleaseRule, Scanner, ScannerKind, Till, TillMode};
pub use remote::{Hub, Mail, MailSecurity};
pub use secrets::{Environment, Secret, SecretBytes, SecretError};
pub use shop::{Backup, ClockSection, Ledger, Paths, Retention, Shop, WhenUntrusted};
pub use source::{ConfigError, Place, Source};
pub use wallets::{Apple, Google, Media, Ntag424, SmartTapKey, TokenKey};

use reading::Reading;

/// The file with every key, its default and its unit.
pub const EXAMPLE: &str = include_str!("../../../config/stampd.example.toml");

/// Where the configuration lies when nobody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/stampd/stampd.toml";

/// The keys that a variable of the environment or a flag may give instead of the file.
pub const OVERRIDABLE: [&str; 6] =
    ["paths.data", "paths.programmes", "ledger.path", "api.listen", "api.socket", "api.public_url"];

/// The daemon's configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, absolute.
    pub file: PathBuf,
    /// `[shop]`: who we are.
    pub shop: Shop,
    /// `[paths]`: folders.
    pub paths: Paths,
    /// `[ledger]`: the books.
    pub ledger: Ledger,
    /// `[backup]`: the nightly copy.
    pub backup: Backup,
    /// `[clock]`: how the wall clock is judged.
    pub clock: ClockSection,
    /// `[api]`: the LAN API.
    pub api: Api,
    /// `[[till]]`: at least one, in the order of the file.
    pub tills: Vec<Till>,
    /// `[[reader]]`: readers that need something of their own; the first that matches counts.
    pub readers: Vec<Reader>,
    /// `[[scanner]]`: barcode scanners.
    pub scanners: Vec<Scanner>,
    /// `[[apple]]`: one for each pass type, in the order in which a tap asks for them.
    pub apple: Vec<Apple>,
    /// `[google]`: Google Wallet.
    pub google: Option<Google>,
    /// `[media]`: keys of codes and chips.
    pub media: Media,
    /// `[hub]`: head office.
    pub hub: Option<Hub>,
    /// `[mail]`: the mail server.
    pub mail: Option<Mail>,
    /// `[retention]`: how long things stay.
    pub retention: Retention,
}

/// What wins over the file: variables of the environment, and over them flags of the command line.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    values: BTreeMap<&'static str, (Place, String)>,
}

impl Overrides {
    /// The variables that are set: `STAMPD_API_LISTEN` for `api.listen`, and so on for each of [`OVERRIDABLE`].
    pub fn from_environment(environment: &Environment) -> Self {
        let values = OVERRIDABLE.into_iter().filter_map(|key| {
            let name = format!("STAMPD_{}", key.replace('.', "_").to_uppercase());
            let value = environment.text(&name)?.to_owned();
            Some((key, (Place::Variable(name), value)))
        });
        Self { values: values.collect() }
    }

    /// With what the flag called `flag` (`--listen`) says for `key`, one of [`OVERRIDABLE`].
    pub fn with_flag(mut self, key: &'static str, flag: &str, value: impl Into<String>) -> Self {
        debug_assert!(OVERRIDABLE.contains(&key), "{key} has no flag");
        self.values.insert(key, (Place::Flag(flag.to_owned()), value.into()));
        self
    }
}

/// The file as it is written; each section judges itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    shop: shop::RawShop,
    #[serde(default)]
    paths: shop::RawPaths,
    #[serde(default)]
    ledger: shop::RawLedger,
    #[serde(default)]
    backup: shop::RawBackup,
    #[serde(default)]
    clock: shop::RawClock,
    #[serde(default)]
    api: api::RawApi,
    #[serde(default)]
    till: Vec<counter::RawTill>,
    #[serde(default)]
    reader: Vec<counter::RawReader>,
    #[serde(default)]
    scanner: Vec<counter::RawScanner>,
    #[serde(default)]
    apple: Vec<wallets::RawApple>,
    google: Option<wallets::RawGoogle>,
    #[serde(default)]
    media: wallets::RawMedia,
    hub: Option<remote::RawHub>,
    mail: Option<remote::RawMail>,
    #[serde(default)]
    retention: shop::RawRetention,
}

impl Config {
    /// Reads `path` with the environment of this process.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let environment = Environment::of_process();
        Self::load_with(path, &Overrides::from_environment(&environment), &environment)
    }

    /// Reads `path`; `overrides` win over it, secrets may come from `environment`.
    pub fn load_with(path: &Path, overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        Self::check(&Source::read(path, EXAMPLE)?, overrides, environment)
    }

    /// Checks a text that was read before.
    pub fn check(source: &Source, overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let raw: RawConfig = source.parse()?;
        let file = std::path::absolute(source.file()).unwrap_or_else(|_| source.file().to_owned());
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let reading = Reading { source, overrides, environment, folder };
        let paths = Paths::check(&reading, raw.paths)?;
        let tills = counter::check_tills(&reading, raw.till)?;
        Ok(Self {
            shop: Shop::check(&reading, raw.shop)?,
            ledger: Ledger::check(&reading, raw.ledger, &paths)?,
            backup: Backup::check(&reading, raw.backup, &paths)?,
            clock: ClockSection::check(raw.clock),
            api: Api::check(&reading, raw.api)?,
            readers: counter::check_readers(&reading, raw.reader, &tills)?,
            scanners: counter::check_scanners(&reading, raw.scanner, &tills)?,
            apple: wallets::check_apple(&reading, raw.apple)?,
            google: raw.google.map(|google| Google::check(&reading, google)).transpose()?,
            media: Media::check(&reading, raw.media)?,
            hub: raw.hub.map(|hub| Hub::check(&reading, hub)).transpose()?,
            mail: raw.mail.map(|mail| Mail::check(&reading, mail)).transpose()?,
            retention: Retention::check(&reading, raw.retention)?,
            file,
            paths,
            tills,
        })
    }
}
