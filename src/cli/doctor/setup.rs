//! Configuration, rule files, keys: what the owner wrote.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Patient;
use super::finding::Finding;
use crate::base::config::{Config, ConfigError, Secret, Tls, programme};
use crate::daemon;
use crate::pure::domain::ProgrammeName;

/// The configuration was read.
pub fn config_found(config: &Config) -> Finding {
    let (shop, zone) = (&config.shop, config.shop.time_zone.iana_name().unwrap_or("UTC"));
    let found = format!("{} is sound: {} ({}), {}, {zone}", config.file.display(), shop.name, shop.id, shop.currency);
    Finding::ok("configuration", found)
}

/// What is wrong with it, by file, line and key.
pub fn config_fault(error: &ConfigError) -> Finding {
    let line = error.line.map_or_else(String::new, |line| format!(":{line}"));
    let key = error.key.as_deref().map_or_else(String::new, |key| format!("{key}: "));
    Finding::fail("configuration", format!("{}{line}: {key}{}", error.origin, error.what), &error.remedy)
}

/// Every rule file, each error by its line.
pub fn rules(patient: &Patient) -> Vec<Finding> {
    let folder = &patient.config.paths.programmes;
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) => {
            return vec![Finding::fail(
                "rules",
                format!("the programmes' folder {} cannot be read: {error}", folder.display()),
                "make it and copy a rule file into it, such as cafe10.toml, or name another in [paths] programmes",
            )];
        }
    };
    let mut files: Vec<PathBuf> = listing.filter_map(|item| Some(item.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        let found = format!("there is no rule file in {}", folder.display());
        return vec![Finding::fail("rules", found, "copy one of those that ship, such as cafe10.toml")];
    }
    let faults: Vec<Finding> = files.iter().flat_map(|path| rule_file(path)).collect();
    if !faults.is_empty() {
        return faults;
    }
    let names: Vec<_> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    vec![Finding::ok("rules", format!("{} in {}", names.join(", "), folder.display()))]
}

fn rule_file(path: &Path) -> Vec<Finding> {
    let fail = |found: String, remedy: &str| Finding::fail("rules", format!("{}: {found}", path.display()), remedy);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if let Err(error) = ProgrammeName::new(stem) {
        return vec![fail(format!("the file's name is the programme's name: {error}"), "rename it, as in cafe10.toml")];
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![fail(error.to_string(), "let the daemon's user read it (chmod 644), as UTF-8 text")],
    };
    let errors = programme::parse(&text).err().unwrap_or_default();
    let told = |error: programme::RuleFileError| {
        Finding::fail(
            "rules",
            format!("{}:{}: {}: {}", path.display(), error.line, error.key, error.reason),
            error.remedy,
        )
    };
    errors.into_iter().map(told).collect()
}

/// The keys: whether they can be used, and whether the daemon's user can read them.
pub fn keys(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    if let Err(error) = daemon::keyring(config) {
        let remedy = "name the right key file, or make a new key; cards that were issued with the old one stay with it";
        return vec![Finding::fail_as_told("keys", &format!("{error:#}"), remedy)];
    }
    let secrets = secrets(config);
    let mut findings = foreign_owners(&secrets, &config.paths.data);
    if config.media.token_keys.is_empty() {
        findings.push(Finding::warn(
            "keys",
            "no [media] token_keys: cards get neither an NFC pass nor a barcode of their own",
            "openssl rand -hex 32 > token.key; chmod 600 token.key; then token_keys = [{ kid = 1, key = { file = \"token.key\" } }]",
        ));
    }
    if findings.is_empty() {
        let count = secrets.len();
        findings.push(Finding::ok("keys", format!("{count} can be used, and nobody else can read them")));
    }
    findings
}

/// Every secret that the configuration names, with the key that names it.
fn secrets(config: &Config) -> Vec<(String, &Secret)> {
    let mut all: Vec<(String, &Secret)> = Vec::new();
    for apple in &config.apple {
        all.extend(apple.vas_keys.iter().map(|key| ("[[apple]] vas_keys".to_owned(), key)));
        all.extend(apple.certificate.iter().map(|key| ("[[apple]] certificate".to_owned(), key)));
        all.extend(apple.password.iter().map(|key| ("[[apple]] password".to_owned(), key)));
    }
    if let Some(google) = &config.google {
        all.extend(google.service_account.iter().map(|key| ("[google] service_account".to_owned(), key)));
        all.extend(google.smart_tap_keys.iter().map(|key| ("[google] smart_tap_keys".to_owned(), &key.key)));
    }
    let media = &config.media;
    all.extend(media.token_keys.iter().map(|key| ("[media] token_keys".to_owned(), &key.key)));
    all.extend(media.uid_key.iter().map(|key| ("[media] uid_key".to_owned(), key)));
    all.extend(media.rotating_key.iter().map(|key| ("[media] rotating_key".to_owned(), key)));
    if let Some(ntag424) = &media.ntag424 {
        all.push(("[media] ntag424 meta_key".to_owned(), &ntag424.meta_key));
        all.push(("[media] ntag424 file_key".to_owned(), &ntag424.file_key));
    }
    all.extend(config.hub.iter().map(|hub| ("[hub] credentials".to_owned(), &hub.credentials)));
    all.extend(config.mail.iter().filter_map(|mail| Some(("[mail] password".to_owned(), mail.password.as_ref()?))));
    if let Tls::Files { key, .. } = &config.api.tls {
        all.push(("[api] tls key".to_owned(), key));
    }
    all
}

/// Root reads everything, the daemon does not: key files must belong to whoever owns the data folder.
fn foreign_owners(secrets: &[(String, &Secret)], data: &Path) -> Vec<Finding> {
    let Ok(owner) = std::fs::metadata(data).map(|it| it.uid()) else { return Vec::new() };
    let foreign = |(name, secret): &(String, &Secret)| {
        let path = secret.file()?;
        // What systemd hands over as a credential is the unit's, whoever owns it.
        if path.starts_with("/run/credentials") {
            return None;
        }
        let uid = std::fs::metadata(path).ok()?.uid();
        let found = format!("{name}: {} belongs to user {uid}, the data folder to user {owner}", path.display());
        let remedy = format!("chown --reference={} {}", data.display(), path.display());
        (uid != owner).then(|| Finding::fail("keys", format!("{found}, which the daemon runs as"), remedy))
    };
    secrets.iter().filter_map(foreign).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_fault_of_the_configuration_names_file_line_key_and_remedy() {
        let error = ConfigError {
            origin: "/etc/stampd/stampd.toml".to_owned(),
            line: Some(7),
            key: Some("till.hold_ms".to_owned()),
            what: "unknown key `hold_ms`".to_owned(),
            remedy: "write `hold_s`".to_owned(),
        };
        let finding = config_fault(&error);
        assert_eq!(finding.level, Level::Fail);
        assert_eq!(finding.finding, "/etc/stampd/stampd.toml:7: till.hold_ms: unknown key `hold_ms`");
        assert_eq!(finding.remedy.as_deref(), Some("write `hold_s`"));
        let whole = ConfigError { line: None, key: None, what: "there is no such file".to_owned(), ..error };
        assert_eq!(config_fault(&whole).finding, "/etc/stampd/stampd.toml: there is no such file");
    }
}
