//! Tables of texts: what is accepted with which values, and what each wrong text is answered.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::pure::domain::{Language, Medium, Trust};

/// Five lines, so that an appended text begins in line 6.
const SHOP: &str = "[shop]\nid = \"nord\"\nname = \"Nord\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n";

const WRONG_TEXTS: &str = include_str!("wrong_texts.txt");

/// A folder with the files that the texts name, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stampd-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("keys")).expect("made");
        Self(folder)
    }

    fn file(&self, name: &str, content: &str, mode: u32) {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
    }

    fn check(&self, text: &str, overrides: &Overrides) -> Result<Config, ConfigError> {
        let source = Source::new(&self.0.join("s.toml"), text.to_owned(), EXAMPLE);
        Config::check(&source, overrides, &Environment::from_iter([("SET", "value")]))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

fn check(text: &str) -> Result<Config, ConfigError> {
    Folder::new("plain").check(text, &Overrides::default())
}

fn check_wrong(folder: &Folder, text: &str, line: usize, key: &str, what: &str, remedy: &str) {
    let error = match folder.check(&format!("{SHOP}{text}"), &Overrides::default()) {
        Err(error) => error,
        Ok(_) => panic!("accepted:\n{text}"),
    };
    let told = error.to_string();
    assert_eq!((error.line, error.key.as_deref()), (Some(line), Some(key)), "\n{text}\n{told}");
    assert!(error.what.contains(what), "{what:?} is not said of\n{text}\n{told}");
    assert!(error.remedy.contains(remedy), "{remedy:?} is not the remedy of\n{text}\n{told}");
    assert!(told.starts_with(&format!("{}/s.toml:{line}: {key}: ", folder.0.display())), "{told}");
}

#[test]
fn the_example_is_the_defaults() {
    let example = check(EXAMPLE).expect("the example is accepted");
    let shop_alone = EXAMPLE.split("[paths]").next().expect("[shop] comes first");
    let defaults = check(shop_alone).expect("[shop] alone will do");
    assert_eq!(
        format!("{example:#?}"),
        format!("{defaults:#?}"),
        "what stands in the example without # is the default"
    );
    assert_eq!(defaults.tills[0].id.as_str(), "till-1");
    assert_eq!(defaults.api.listen.to_string(), "127.0.0.1:8480");
    assert_eq!(defaults.ledger.path, Path::new("/var/lib/stampd/ledger.db"));
    assert_eq!(defaults.paths.programmes, defaults.file.with_file_name("programmes"), "counts from the file's folder");
    assert_eq!((defaults.shop.language, defaults.clock.trust), (Language::En, Trust::Auto));
}

/// The example with every key switched on that does not exclude another.
fn example_switched_on() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') && !rest.starts_with("tls =") => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|line| on(line) + "\n").collect()
}

fn folder_of_example() -> Folder {
    let folder = Folder::new("example");
    for name in ["pass.p12", "pass.password", "wwdr.pem", "vas.pem", "google.json", "smart-tap-1.pem", "hub.pem"] {
        folder.file(&format!("keys/{name}"), "content", 0o600);
    }
    folder.file("keys/mail.password", "content", 0o600);
    for (name, digits) in [("token-1", 64), ("uid", 64), ("rotating", 64), ("ntag424-meta", 32), ("ntag424-file", 32)] {
        folder.file(&format!("keys/{name}.hex"), &"a5".repeat(digits / 2), 0o600);
    }
    folder
}

#[test]
fn every_line_of_the_example_is_accepted_when_switched_on() {
    let folder = folder_of_example();
    let config = folder.check(&example_switched_on(), &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.readers[0].protocols.len(), 5);
    assert_eq!(config.readers[0].escape.start, [[0xFF, 0, 0x51, 0, 0]]);
    assert_eq!(config.readers[0].release, Some(ReleaseRule::Leave));
    assert_eq!(
        (config.scanners[0].kind, config.scanners[0].framing.end.as_slice()),
        (ScannerKind::Serial, &[0x0D][..])
    );
    assert_eq!(config.apple[0].vas_keys[0].read_text().expect("read").as_str(), "content");
    let google = config.google.expect("switched on");
    assert_eq!((google.collector_id, google.smart_tap_keys[0].version), (Some(20_180_608), 1));
    let ntag424 = config.media.ntag424.expect("switched on");
    assert_eq!((ntag424.application_id, ntag424.system_id.as_slice()), ([0x30, 0x42, 0xF5], b"NXP Abu".as_slice()));
    assert_eq!(config.mail.expect("switched on").port, 587);
    assert_eq!(config.api.listen_tls.expect("switched on").to_string(), "0.0.0.0:8481");
}

#[test]
fn the_example_shows_every_key_that_the_code_knows() {
    let heads = "[shop] [paths] [ledger] [backup] [clock] [api] [[till]] [[reader]] [[scanner]] [[apple]] [google] \
                 [media] [hub] [mail] [retention]";
    for head in heads.split_whitespace() {
        let section = head.trim_matches(['[', ']']);
        // A section that stands alone with an unknown key is answered with the keys that are known.
        let text = format!("{head}\nzzzzzzzz = 1\n");
        let source = Source::new(Path::new("s.toml"), text, EXAMPLE);
        let Err(error) = source.parse::<RawConfig>() else { panic!("{head} takes any key") };
        let known = error.remedy.strip_prefix("remove it; known here are ").unwrap_or_else(|| panic!("{error}"));
        for key in known.split(", ") {
            let line = source.example_of(&format!("{section}.{key}"));
            let explained = line.as_ref().is_some_and(|line| line.contains(" # "));
            assert!(explained, "the example does not explain {section}.{key}: {line:?}");
        }
    }
}

#[test]
fn wrong_texts_are_answered_with_line_key_and_remedy() {
    let folder = Folder::new("wrong");
    folder.file("keys/open.pem", "key", 0o644);
    folder.file("keys/good.pem", "key", 0o600);
    folder.file("keys/short.hex", "00112233", 0o600);
    let mut count = 0;
    for row in WRONG_TEXTS.lines().filter(|row| !row.starts_with('#')) {
        let columns: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [text, line, key, what, remedy] = columns[..] else { panic!("not five columns: {row}") };
        check_wrong(&folder, &text.replace('⏎', "\n"), line.parse().expect("a line number"), key, what, remedy);
        count += 1;
    }
    assert!(count > 70, "only {count} rows were played");
}

#[test]
fn a_shop_must_say_who_it_is() {
    let cases = [
        ("", None, "shop", "is missing"),
        ("[shop]\nid = \"a\"\n", Some(1), "shop.name", "the key `name` is missing"),
        (
            "[shop]\nid = \"a b\"\nname = \"A\"\ncurrency = \"EUR\"\ntime_zone = \"UTC\"\n",
            Some(2),
            "shop.id",
            "not a name",
        ),
        (
            "[shop]\nid = \"a\"\nname = \" \"\ncurrency = \"EUR\"\ntime_zone = \"UTC\"\n",
            Some(3),
            "shop.name",
            "not a shop's name",
        ),
        (
            "[shop]\nid = \"a\"\nname = \"A\"\ncurrency = \"€\"\ntime_zone = \"UTC\"\n",
            Some(4),
            "shop.currency",
            "not a currency",
        ),
        (
            "[shop]\nid = \"a\"\nname = \"A\"\ncurrency = \"EUR\"\ntime_zone = \"CET/Berlin\"\n",
            Some(5),
            "shop.time_zone",
            "is not known here",
        ),
    ];
    for (text, line, key, what) in cases {
        let error = check(text).expect_err("an incomplete shop");
        let line_ok = line.is_none() || error.line == line;
        assert!(line_ok && error.key.as_deref() == Some(key) && error.what.contains(what), "{error}");
        assert!(!error.remedy.is_empty(), "{error}");
    }
}

#[test]
fn broken_text_and_missing_files_are_told_plainly() {
    let error = check("[shop\nid = 1\n").expect_err("no TOML");
    assert_eq!(error.line, Some(1), "{error}");
    assert!(error.remedy.contains("key = value"), "{error}");
    let folder = Folder::new("files");
    let missing = Config::load(&folder.0.join("none.toml")).expect_err("no file");
    assert!(missing.to_string().contains("no such file") && missing.remedy.contains("stampd setup"), "{missing}");
    std::fs::write(folder.0.join("latin1.toml"), b"[shop]\nname = \"Caf\xe9\"\n").expect("written");
    let latin = Config::load(&folder.0.join("latin1.toml")).expect_err("no UTF-8");
    assert!(latin.remedy.contains("UTF-8"), "{latin}");
    let directory = Config::load(&folder.0).expect_err("a directory");
    assert!(directory.what.contains("cannot be read"), "{directory}");
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let text = format!("{SHOP}[api]\nlisten = \"127.0.0.1:1000\"\n[ledger]\npath = \"books.db\"\n");
    let environment =
        Environment::from_iter([("STAMPD_API_LISTEN", "127.0.0.1:2000"), ("STAMPD_PATHS_DATA", "/srv/stampd")]);
    let folder = Folder::new("layers");
    let listen = |overrides: &Overrides| folder.check(&text, overrides).expect("accepted").api.listen.port();
    assert_eq!(listen(&Overrides::default()), 1000);
    let variables = Overrides::from_environment(&environment);
    assert_eq!(listen(&variables), 2000);
    assert_eq!(listen(&variables.clone().with_flag("api.listen", "--listen", "127.0.0.1:3000")), 3000);
    let config = folder.check(&text, &variables).expect("accepted");
    assert_eq!(config.paths.data, Path::new("/srv/stampd"));
    assert_eq!(config.backup.dir, Path::new("/srv/stampd/backups"), "defaults follow");
    assert_eq!(config.ledger.path, folder.0.join("books.db"), "what the file says stays");

    let wrong = Overrides::from_environment(&Environment::from_iter([("STAMPD_API_LISTEN", "here")]));
    let error = folder.check(&text, &wrong).expect_err("no address").to_string();
    assert!(error.starts_with("environment variable STAMPD_API_LISTEN: "), "{error}");
    let wrong = Overrides::default().with_flag("api.listen", "--listen", "there");
    assert!(folder.check(&text, &wrong).expect_err("no address").to_string().starts_with("flag --listen: "));
}

#[test]
fn a_door_beyond_loopback_speaks_tls_unless_switched_off() {
    let doors = |api: &str| -> Vec<(String, Transport)> {
        let config = check(&format!("{SHOP}[api]\n{api}")).unwrap_or_else(|error| panic!("{error}"));
        config.api.listeners().iter().map(|door| (door.address.to_string(), door.transport)).collect()
    };
    let (plain, tls) = (Transport::Plain, Transport::Tls);
    assert_eq!(doors(""), [("127.0.0.1:8480".to_owned(), plain)]);
    assert_eq!(doors("listen = \"[::1]:0\"\n"), [("[::1]:0".to_owned(), plain)]);
    assert_eq!(doors("listen = \"0.0.0.0:8480\"\n"), [("0.0.0.0:8480".to_owned(), tls)]);
    assert_eq!(doors("listen = \"192.168.1.2:80\"\ntls = \"off\"\n"), [("192.168.1.2:80".to_owned(), plain)]);
    assert_eq!(doors("listen_tls = 8481\n")[1], ("0.0.0.0:8481".to_owned(), tls));
    assert_eq!(doors("listen_tls = \"10.0.0.1:1\"\n")[1], ("10.0.0.1:1".to_owned(), tls));
}

#[test]
fn secrets_come_from_three_homes_and_are_not_shown() {
    let folder = Folder::new("secrets");
    folder.file("keys/vas.pem", "from-file\n", 0o600);
    let text = format!(
        "{SHOP}[[apple]]\npass_type_id = \"pass.a.b\"\nteam_id = \"A1B2C3D4E5\"\nvas_keys = [\"keys/vas.pem\", {{ env = \"SET\" }}]\n"
    );
    let config = folder.check(&text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    let read: Vec<String> =
        config.apple[0].vas_keys.iter().map(|key| key.read_text().expect("read").to_string()).collect();
    assert_eq!(read, ["from-file", "value"]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("from-file") && !shown.contains("value\""), "{shown}");
}

#[test]
fn a_code_that_comes_as_a_chip_says_where_it_stands() {
    let scanner = |framing: &str| {
        let text = format!("{SHOP}[[scanner]]\nkind = \"pcsc\"\ndevice = \"x\"\nframing = {{ {framing} }}\n");
        check(&text).map(|config| config.scanners[0].framing.clone()).map_err(|error| error.to_string())
    };
    let framing = scanner("skip = 2, length = 40, tlv = [\"61\", \"5F50\"]").expect("accepted");
    assert_eq!((framing.skip, framing.length, framing.tlv), (2, Some(40), vec![0x61, 0x5F50]));
    let framing = scanner("").expect("accepted");
    assert_eq!((framing.length, framing.tlv), (None, vec![]));
    let wrong = [
        ("length = 0", "bytes"),
        ("tlv = []", "names no tag"),
        ("tlv = [\"5F\"]", "not a tag"),
        ("tlv = [\"00\"]", "not a tag"),
        ("tlv = [\"9F8101\"]", "too many"),
        ("tlv = [\"5381\"]", "not a tag"),
        ("tlv = [\"53\", \"54\"]", "no template"),
        ("tlv = [\"xx\"]", "hexadecimal"),
    ];
    for (keys, told) in wrong {
        let error = scanner(keys).expect_err(keys);
        assert!(error.contains(told), "{keys}: {error}");
    }
    let serial = "[[scanner]]\nkind = \"serial\"\ndevice = \"/dev/x\"\nframing = { tlv = [\"53\"] }\n";
    let error = check(&format!("{SHOP}{serial}")).expect_err("no chip").to_string();
    assert!(error.contains("has no `tlv`"), "{error}");
}

#[test]
fn readers_and_scanners_take_what_they_need() {
    let text = format!(
        "{SHOP}[[till]]\nid = \"a\"\n[[till]]\nid = \"b\"\nmode = \"sale\"\nhold_s = 30\n\
         [[reader]]\nmatch = \"Virtual PCD 00 0[01]\"\ntill = \"b\"\nprotocols = [\"uid\", \"apple_vas\"]\n\
         [[scanner]]\nkind = \"typed\"\ndevice = \"/dev/ttyACM0\"\nframing = {{ media = {{ A = \"apple_vas\" }} }}\n"
    );
    let config = check(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.tills[1].mode, config.tills[1].hold_s, config.tills[1].repeat_s), (TillMode::Sale, 30, 10));
    let reader = &config.readers[0];
    assert!(reader.name_match.is_match("Virtual PCD 00 01") && !reader.name_match.is_match("Virtual PCD 01 02"));
    assert_eq!((reader.till.as_str(), reader.protocols.as_slice()), ("b", &[Medium::Uid, Medium::AppleVas][..]));
    assert_eq!(config.scanners[0].till.as_str(), "a", "the first till");
    assert_eq!(config.scanners[0].framing.media.get(&'A'), Some(&Medium::AppleVas));
}
