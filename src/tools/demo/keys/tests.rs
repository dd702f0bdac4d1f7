//! The keys as strangers see them: judged by the `openssl` command, and read by the configuration.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use jiff::tz::TimeZone;

use super::*;
use crate::base::clock::{Clock, Trust};
use crate::base::config::{Config, EXAMPLE, Environment, Overrides, Source};

/// A folder of this test alone, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("stampd-demo-keys-{name}-{}", std::process::id())))
    }

    fn open(&self) -> DemoKeys {
        let now = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock").now();
        DemoKeys::open(&self.0, &now).expect("keys")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `openssl` in the folder of the keys; returns what it printed.
fn openssl(keys: &DemoKeys, arguments: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(&keys.folder)
        .output()
        .expect("apt-get install openssl (make test does it)");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn openssl_text(keys: &DemoKeys, arguments: &str) -> String {
    String::from_utf8(openssl(keys, arguments)).expect("text")
}

/// One set of keys for all that only looks: four RSA keys are work.
#[test]
fn strangers_and_the_configuration_accept_the_keys() {
    let folder = Folder::new("accepted");
    let keys = folder.open();
    openssl_accepts_chain_and_package(&keys);
    public_halves_are_those_of_the_private_files(&keys);
    the_configuration_takes_them(&keys);
    foreign_content_is_told_with_its_file(&keys);
}

fn openssl_accepts_chain_and_package(keys: &DemoKeys) {
    openssl(keys, "pkcs12 -in pass.p12 -passin file:pass.password -nokeys -clcerts -out leaf.crt");
    openssl(keys, "pkcs12 -in pass.p12 -passin file:pass.password -nocerts -nodes -out leaf.key");
    assert_eq!(openssl_text(keys, "verify -x509_strict -CAfile ca.pem -untrusted wwdr.pem leaf.crt"), "leaf.crt: OK\n");
    assert_eq!(openssl(keys, "x509 -in leaf.crt -noout -pubkey"), openssl(keys, "pkey -in leaf.key -pubout"));

    let subject = openssl_text(keys, "x509 -in leaf.crt -noout -subject -nameopt RFC2253,-dn_rev");
    let name = format!("subject=UID={PASS_TYPE_ID},CN=Pass Type ID: {PASS_TYPE_ID},OU={TEAM_ID},O=stampd demo,C=US\n");
    assert_eq!(subject, name);
    // What pkcs12 wrote has notes before the certificate, which asn1parse does not skip.
    openssl(keys, "x509 -in leaf.crt -out leaf.pem");
    let text = openssl_text(keys, "x509 -in leaf.pem -noout -text");
    for part in ["Public-Key: (2048 bit)", "TLS Web Client Authentication, 1.2.840.113635.100.4.14", "Version: 3"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let parsed = openssl_text(keys, "asn1parse -in leaf.pem");
    let extension = parsed.lines().skip_while(|line| !line.contains("1.2.840.113635.100.6.1.16")).nth(1);
    let value = format!("0C{:02X}{}", PASS_TYPE_ID.len(), hex(PASS_TYPE_ID.as_bytes()).to_uppercase());
    assert!(extension.is_some_and(|line| line.ends_with(&format!(":{value}"))), "{extension:?}");
    assert!(openssl_text(keys, "asn1parse -in wwdr.pem").contains("1.2.840.113635.100.6.2.1"));

    let wrong = Command::new("openssl")
        .args(["pkcs12", "-in", "pass.p12", "-passin", "pass:wrong", "-noout"])
        .current_dir(&keys.folder)
        .output()
        .expect("openssl");
    assert!(!wrong.status.success(), "the package has a password");
}

fn public_halves_are_those_of_the_private_files(keys: &DemoKeys) {
    let vas = openssl(keys, "ec -in vas.pem -pubout -conv_form compressed -outform DER");
    assert_eq!(keys.apple.vas_public_key, encode_block(&vas));
    assert_eq!(keys.apple.vas_public_key.len(), 80);
    assert!(keys.apple.vas_public_key.starts_with("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgA"), "apple-vas.md section 10");
    assert_eq!(keys.google.smart_tap_public_key, openssl_text(keys, "pkey -in smart-tap-1.pem -pubout"));

    let account = std::fs::read(&keys.google.service_account_file).expect("the key file");
    let account: serde_json::Value = serde_json::from_slice(&account).expect("JSON");
    assert_eq!(account["type"], "service_account");
    assert_eq!(account["client_email"], keys.google.service_account_email.as_str());
    let private = account["private_key"].as_str().expect("a key");
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n"), "PKCS#8");
    std::fs::write(keys.folder.join("account.pem"), private).expect("written");
    let public = std::fs::read(&keys.google.jwt_public_key_file).expect("the public key");
    assert_eq!(public, openssl(keys, "pkey -in account.pem -pubout"));
    assert_eq!(keys.media.meta_read_key_hex.len(), 32);
    assert_ne!(keys.media.meta_read_key_hex, keys.media.file_read_key_hex);
}

#[test]
fn what_is_there_is_read_and_stays_private() {
    let folder = Folder::new("again");
    let first = folder.open();
    let content = || -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(&folder.0).expect("the folder");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
    };
    let before = content();
    assert_eq!(before.len(), 13, "{:?}", before.iter().map(|file| &file.0).collect::<Vec<_>>());
    assert_eq!(folder.open(), first);
    assert_eq!(content(), before, "nothing was remade");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    assert!(before.iter().all(|(path, _)| mode(path) == 0o600));

    // An interrupted first start: the set of certificates is made anew, everything else stays.
    std::fs::remove_file(&first.apple.certificate_file).expect("removed");
    let third = folder.open();
    assert_eq!(third, first);
    openssl(&third, "pkcs12 -in pass.p12 -passin file:pass.password -nokeys -clcerts -out leaf.crt");
    assert_eq!(openssl_text(&third, "verify -CAfile ca.pem -untrusted wwdr.pem leaf.crt"), "leaf.crt: OK\n");
}

fn foreign_content_is_told_with_its_file(keys: &DemoKeys) {
    let now = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock").now();
    let files =
        [&keys.apple.vas_private_key_file, &keys.google.service_account_file, &keys.media.ntag424_meta_key_file];
    for file in files {
        let good = std::fs::read(file).expect("there");
        std::fs::write(file, "something else").expect("written");
        let error = DemoKeys::open(&keys.folder, &now).expect_err("foreign content").to_string();
        assert!(error.starts_with(&file.display().to_string()) && error.contains("move it away"), "{error}");
        std::fs::write(file, good).expect("written");
    }
    let blocked = keys.folder.join("vas.pem").join("below");
    let error = DemoKeys::open(&blocked, &now).expect_err("a file in the way").to_string();
    assert!(error.contains("--dir"), "{error}");
}

fn the_configuration_takes_them(keys: &DemoKeys) {
    let shop = "[shop]\nid = \"demo\"\nname = \"Demo\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n";
    let text = format!("{shop}{}", keys.config_text());
    let source = Source::new(&keys.folder.join("stampd.toml"), text, EXAMPLE);
    let config = Config::check(&source, &Overrides::default(), &Environment::default());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.apple[0].pass_type_id.as_str(), config.apple[0].nfc), (PASS_TYPE_ID, true));
    assert_eq!(config.google.expect("there").smart_tap_keys[0].version, SMART_TAP_KEY_VERSION);
    assert_eq!(config.media.token_keys[0].kid, TOKEN_KID);
}
