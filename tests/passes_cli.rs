//! Certificates and passes on the command line: `stampd cert import`, `stampd pass check`, what doctor says of
//! certificates, and a start whose certificate is another one than the configuration expects.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use stampd::base::config::Config;
use stampd::daemon;
use stampd::pure::passes::bundle::Draft;

use crate::support::passes::{OFFICE, Office, sample};
use crate::support::shop::faketime_library;

/// A folder with a demo's keys and configuration, for one test.
struct Desk {
    folder: PathBuf,
    office: Office,
}

impl Desk {
    fn make(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stampd-passes-cli-{name}-{}", std::process::id()));
        Self { office: Office::make(&folder), folder }
    }

    fn config(&self) -> &Path {
        &self.office.config.file
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).expect("the configuration");
        assert!(text.contains(from), "no {from} in\n{text}");
        std::fs::write(self.config(), text.replacen(from, to, 1)).expect("written");
    }

    fn stampd(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
        command.args(arguments).arg("--config").arg(self.config()).current_dir(&self.folder).stdin(Stdio::null());
        command.output().expect("stampd runs")
    }

    /// What a command that must fail says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.stampd(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// What a command that must succeed prints as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let output = self.stampd(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.folder);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn an_imported_certificate_signs_and_lies_guarded() {
    let desk = Desk::make("import");
    let (p12, password) = (text(&desk.office.keys.join("pass.p12")), text(&desk.office.keys.join("pass.password")));
    let (out, key) = (desk.folder.join("guarded.pem"), desk.folder.join("guarded.key"));
    let (out_text, key_text) = (text(&out), text(&key));
    let import = ["cert", "import", &p12, "--password-file", &password, "--out", &out_text];
    let told = desk.told(&import);
    assert_eq!(told["pass_type_id"], desk.office.kind.issuer.pass_type_id);
    assert_eq!(told["key"], key_text);
    assert_eq!(told["advice"], serde_json::json!([]), "it is what the configuration expects");
    for file in [&out, &key] {
        let mode = std::fs::metadata(file).expect("written").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    assert!(std::fs::read_to_string(&out).expect("PEM").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert!(desk.refused(&import).contains("is there already"));
    // A renewed one takes the place of the old one and keeps the key that opens it.
    let before = std::fs::read(&key).expect("the key");
    desk.told(&[&import[..], &["--replace"]].concat());
    assert_eq!(std::fs::read(&key).expect("the key"), before);

    desk.edit(&format!("certificate = {p12:?}"), &format!("certificate = {out_text:?}"));
    desk.edit(&format!("password = {password:?}"), &format!("password = {key_text:?}"));
    let config = Config::load(desk.config()).unwrap_or_else(|error| panic!("{error}"));
    let kinds = daemon::signing_open(&config.apple, &desk.office.now).expect("it opens");
    let signer = kinds[0].signer.as_ref().expect("a signer");
    assert_eq!(signer.facts(), desk.office.signer().facts());
    std::fs::write(&key, "another key").expect("written");
    let error = daemon::signing_open(&config.apple, &desk.office.now).expect_err("another key");
    assert!(format!("{error:#}").contains("the password is wrong"), "{error:#}");
}

#[test]
fn an_import_that_fails_says_why_and_leaves_nothing() {
    let desk = Desk::make("refused");
    let p12 = text(&desk.office.keys.join("pass.p12"));
    let out = desk.folder.join("guarded.pem");
    let wrong = desk.folder.join("wrong.password");
    std::fs::write(&wrong, "wrong\n").expect("written");
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o600)).expect("private");
    let said = desk.refused(&["cert", "import", &p12, "--password-file", &text(&wrong), "--out", &text(&out)]);
    assert!(said.contains("the password is wrong"), "{said}");
    let said = desk.refused(&["cert", "import", "stampd.toml", "--out", &text(&out)]);
    assert!(said.contains("no PKCS#12 file"), "{said}");
    assert!(!out.exists() && !out.with_extension("key").exists());
}

#[test]
fn pass_check_prints_findings_and_exits_by_them() {
    let desk = Desk::make("check");
    let pass = OFFICE.pass(&sample("cafe10"));
    let (good, bad) = (desk.folder.join("good.pkpass"), desk.folder.join("bad.pkpass"));
    std::fs::write(&good, &pass).expect("written");
    std::fs::write(&bad, &pass[..pass.len() - 40]).expect("written");
    let ca = text(&OFFICE.keys.join("ca.pem"));
    let told = desk.told(&["pass", "check", &text(&good), "--ca", &ca]);
    assert_eq!(told["ok"], true, "{told:#}");
    assert_eq!(told["serial"], sample("cafe10").face.serial.to_string());
    // The desk's own intermediate is of another authority of the same name.
    assert!(desk.refused(&["pass", "check", &text(&good)]).contains("Wallet would not take this pass"));
    let output = desk.stampd(&["pass", "check", &text(&bad), "--ca", &ca]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("error    archive: it is no zip archive"), "{printed}");
    assert!(desk.refused(&["pass", "check", "nowhere.pkpass"]).contains("cannot read nowhere.pkpass"));
}

#[test]
fn a_certificate_of_another_type_or_team_stops_the_start_with_both_values() {
    let desk = Desk::make("differs");
    let issuer = desk.office.kind.issuer.clone();
    for (key, own, other) in [
        ("team_id", issuer.team_id.as_str(), "ZZZZZZZZZZ"),
        ("pass_type_id", issuer.pass_type_id.as_str(), "pass.com.example.other"),
    ] {
        desk.edit(&format!("{key} = \"{own}\""), &format!("{key} = \"{other}\""));
        let said = desk.refused(&["run"]);
        let told = format!("{key} is '{other}' in the configuration and '{own}' in the certificate");
        assert!(said.contains(&told), "{said}");
        let output = desk.stampd(&["doctor"]);
        let doctor = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(doctor.contains("FAIL  certificates: ") && doctor.contains(&told), "{doctor}");
        desk.edit(&format!("{key} = \"{other}\""), &format!("{key} = \"{own}\""));
    }
    let doctor = String::from_utf8_lossy(&desk.stampd(&["doctor"]).stdout).into_owned();
    let line = doctor.lines().find(|line| line.contains("certificates: ")).expect("a line").to_owned();
    assert!(line.starts_with("ok    ") && line.contains(&issuer.team_id) && line.contains("days left"), "{line}");
}

/// Runs `openssl` in the folder of the keys.
fn openssl(desk: &Desk, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(&desk.office.keys).output();
    let output = output.expect("apt-get install openssl (make test does it)");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Most exports hold the whole chain. Then `wwdr` is needed only where it is to be another one.
#[test]
fn the_intermediate_in_the_key_file_is_enough_and_a_configured_one_wins() {
    let desk = Desk::make("chain");
    let keys = &desk.office.keys;
    openssl(&desk, "pkcs12 -in pass.p12 -passin file:pass.password -nodes -out all.pem");
    for (name, chain) in [("bare.p12", None), ("whole.p12", Some("wwdr.pem")), ("foreign.p12", Some("ca.pem"))] {
        let only = "pkcs12 -export -in leaf.pem -inkey all.pem -passout file:pass.password -out";
        openssl(&desk, "x509 -in all.pem -out leaf.pem");
        openssl(&desk, &format!("{only} {name}{}", chain.map(|file| format!(" -certfile {file}")).unwrap_or_default()));
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(keys.join(name), mode).expect("private");
    }
    let wwdr = format!("wwdr = {:?}\n", text(&keys.join("wwdr.pem")));
    let mut named = text(&keys.join("pass.p12"));
    let mut name_file = |name: &str| {
        let next = text(&keys.join(name));
        desk.edit(&format!("certificate = {named:?}"), &format!("certificate = {next:?}"));
        named = next;
    };
    let doctor = || String::from_utf8_lossy(&desk.stampd(&["doctor"]).stdout).into_owned();
    let line = || doctor().lines().find(|line| line.contains("certificates: ")).expect("a line").to_owned();
    desk.edit(&wwdr, "");
    name_file("whole.p12");
    assert!(line().starts_with("ok    ") && line().contains("issued by stampd demo Worldwide"), "{}", line());
    // What it signs is judged by the same intermediate.
    let config = Config::load(desk.config()).unwrap_or_else(|error| panic!("{error}"));
    let signer = daemon::signing_open(&config.apple, &desk.office.now).expect("it opens")[0].signer.clone();
    let draft = sample("cafe10").draft(&desk.office.kind.issuer, None);
    let pass = draft.sign(&signer.expect("a signer"), &desk.office.now).expect("signed");
    let file = desk.folder.join("card.pkpass");
    std::fs::write(&file, pass).expect("written");
    let told = desk.told(&["pass", "check", &text(&file)]);
    assert_eq!((&told["ok"], told["findings"].to_string().contains("not judged")), (&true.into(), false), "{told:#}");
    // The guarded form keeps the chain.
    let password = text(&keys.join("pass.password"));
    let (p12, out) = (text(&keys.join("whole.p12")), text(&desk.folder.join("guarded.pem")));
    let told = desk.told(&["cert", "import", &p12, "--password-file", &password, "--out", &out]);
    assert_eq!(told["advice"], serde_json::json!([]));

    let issuer = "was issued by 'stampd demo Worldwide Developer Relations, OU=G4'";
    name_file("bare.p12");
    let said = desk.refused(&["run"]);
    assert!(said.contains(issuer) && said.contains("no intermediate is given"), "{said}");
    assert!(line().starts_with("FAIL  ") && line().contains("name it in wwdr"), "{}", line());
    name_file("foreign.p12");
    let said = desk.refused(&["run"]);
    assert!(
        said.contains(issuer) && said.contains("none of the intermediates in the key file ('stampd demo"),
        "{said}"
    );
    // A file that is configured is not passed over in silence, even where the key file has the right one.
    name_file("whole.p12");
    desk.edit("[[apple]]\n", &format!("[[apple]]\nwwdr = {:?}\n", text(&keys.join("ca.pem"))));
    let said = desk.refused(&["run"]);
    assert!(said.contains(issuer) && said.contains("none of the intermediates in wwdr ('stampd demo"), "{said}");
}

/// The pass of the sample with another serial number and another file, signed.
fn foreign_pass(serial: &str, more: &str) -> Vec<u8> {
    let card = sample("cafe10");
    let draft = card.draft(&OFFICE.kind.issuer, None);
    let mut pass: Value = serde_json::from_slice(draft.text("pass.json").expect("there")).expect("JSON");
    pass["serialNumber"] = serial.into();
    let texts = vec![("pass.json".to_owned(), pass.to_string().into_bytes()), (more.to_owned(), b"x".to_vec())];
    OFFICE.signed(&Draft::new(texts, card.images()))
}

#[test]
fn a_foreign_pass_neither_steers_the_terminal_nor_speaks_for_us() {
    let desk = Desk::make("foreign");
    let file = desk.folder.join("foreign.pkpass");
    let ca = text(&OFFICE.keys.join("ca.pem"));
    let check = |serial: &str| {
        std::fs::write(&file, foreign_pass(serial, "\u{202e}gnp.json")).expect("written");
        let output = desk.stampd(&["pass", "check", &text(&file), "--ca", &ca]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let printed = check("\u{1b}[2J\u{9b}1mA\nok       nothing that Wallet would refuse");
    assert!(printed.contains("serial \\u001b[2J\\u009b1mA\\u000aok "), "{printed}");
    assert!(printed.contains("\\u202egnp.json: Wallet does not look at it"), "{printed}");
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), 1, "{printed}");
    let obeyed = |letter: char| (letter.is_control() && letter != '\n') || ('\u{202a}'..='\u{202e}').contains(&letter);
    assert!(!printed.contains(obeyed), "{printed:?}");
    assert!(check(&"9".repeat(1_000_000)).len() < 2_000);
    // Programs get the characters, in JSON's own escapes.
    let told = desk.told(&["pass", "check", &text(&file), "--ca", &ca]);
    assert_eq!((told["serial"].as_str(), &told["more"]), (Some("9".repeat(80).as_str()), &0.into()));
    assert!(told["findings"].to_string().contains("\u{202e}gnp.json"));
}

#[test]
fn what_is_no_regular_file_is_refused_before_it_is_read() {
    let desk = Desk::make("regular");
    let (endless, pipe) = (desk.folder.join("endless"), desk.folder.join("pipe"));
    std::os::unix::fs::symlink("/dev/zero", &endless).expect("linked");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo of coreutils");
    assert!(made.success());
    for file in [&endless, &pipe, &desk.folder] {
        let file = &text(file);
        for arguments in [
            &["pass", "check", file][..],
            &["pass", "check", "stampd.toml", "--ca", file],
            &["cert", "import", file, "--out", "out.pem"],
            &["programme", "explain", file],
            &["import", file],
            &["ledger", "restore", file],
        ] {
            let said = desk.refused(arguments);
            assert!(said.contains("it is no regular file"), "{arguments:?}: {said}");
        }
    }
}

/// Output that nobody takes ends a command as it ends any other program: quietly, with the code of SIGPIPE.
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let desk = Desk::make("pipe");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/config/programmes/cafe10.toml");
    for arguments in [&["programme", "explain", rules][..], &["doctor"], &["doctor", "--json"], &["phone", "--list"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
        command.args(arguments).arg("--config").arg(desk.config()).stdin(Stdio::null()).stdout(writer);
        let output = command.stderr(Stdio::piped()).output().expect("stampd runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(141), ""), "{arguments:?}");
    }
    // A full disk is told.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
    command.args(["programme", "explain", rules]).arg("--config").arg(desk.config());
    let output = command.stdout(full).stderr(Stdio::piped()).output();
    let output = output.expect("stampd runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("stampd: the answer cannot be written: ") && said.lines().count() == 1, "{said}");
}

#[test]
fn an_import_takes_an_empty_password_and_tells_what_is_missing_or_over() {
    let desk = Desk::make("imports");
    let keys = &desk.office.keys;
    openssl(&desk, "pkcs12 -in pass.p12 -passin file:pass.password -nodes -out all.pem");
    openssl(&desk, "x509 -in all.pem -out leaf.pem");
    openssl(&desk, "pkcs12 -export -in leaf.pem -inkey all.pem -passout pass: -out empty.p12");
    openssl(&desk, "pkcs12 -export -nocerts -inkey all.pem -passout pass: -out nocert.p12");
    let empty = keys.join("empty.password");
    std::fs::write(&empty, "\n").expect("written");
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).expect("private");
    let (p12, password, out) = (text(&keys.join("empty.p12")), text(&empty), text(&desk.folder.join("out.pem")));
    let import = ["cert", "import", &p12, "--password-file", &password, "--out", &out, "--replace"];
    assert_eq!(desk.told(&import)["advice"], serde_json::json!([]));
    let nocert = text(&keys.join("nocert.p12"));
    let said = desk.refused(&["cert", "import", &nocert, "--password-file", &password, "--out", &out, "--replace"]);
    assert!(said.contains("it holds no certificate; export"), "{said}");
    for (at, says) in [("2126-01-01 00:00:00", "and signs nothing; renew it"), ("2001-01-01 00:00:00", "valid from ")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
        command.args(import).arg("--config").arg(desk.config());
        command.env("LD_PRELOAD", faketime_library()).env("FAKETIME", at).env("TZ", "UTC");
        let output = command.stdin(Stdio::null()).output().expect("apt-get install faketime (make test does it)");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.starts_with("warning: the certificate ") && said.contains(says),
            "{said}"
        );
    }
}
