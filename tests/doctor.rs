//! `stampd doctor` as an installer runs it: a healthy shop has no failure, and each broken thing is named with its remedy.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use stampd::base::clock::{Clock, Trust};
use stampd::base::config::Config;
use stampd::daemon;
use stampd::tools::demo;

use crate::support::line::Line;
use crate::support::pcscd::{Pcscd, SOCKET_VARIABLE};
use crate::support::wait_until;

/// A demo shop on disk, made without starting anything.
struct Shop {
    dir: PathBuf,
    config: PathBuf,
    /// Where its readers' service is; nowhere unless a test says otherwise.
    pcsc: PathBuf,
}

/// What one run of doctor said.
struct Told {
    code: Option<i32>,
    checks: Vec<Value>,
}

impl Shop {
    fn make(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("stampd-doctor-{name}-{}", std::process::id()));
        let clock = Clock::new(jiff::tz::TimeZone::UTC, Trust::Always).expect("a clock");
        let port = free_port();
        let shop = demo::prepare(&dir, ([127, 0, 0, 1], port).into(), &clock.now()).expect("a shop");
        let config = Config::load(&shop.config).expect("a sound configuration");
        let (till, clock) = daemon::till_open(&config).expect("a ledger");
        demo::populate(&till, &clock.now(), &shop.secrets, 2).expect("customers");
        Self { pcsc: dir.join("no-pcscd"), config: shop.config, dir }
    }

    /// Changes the configuration's text.
    fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(&self.config).expect("the configuration");
        std::fs::write(&self.config, change(text)).expect("written");
    }

    fn stampd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
        command.args(arguments).arg("--config").arg(&self.config).env(SOCKET_VARIABLE, &self.pcsc);
        command
    }

    fn doctor(&self) -> Told {
        let output = self.stampd(&["doctor", "--json"]).output().expect("doctor runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let checks = told["checks"].as_array().expect("checks").clone();
        let failed = checks.iter().any(|check| check["level"] == "fail");
        assert_eq!(told["ok"], !failed, "{text}");
        assert_eq!(output.status.code(), Some(i32::from(failed)), "{text}");
        Told { code: output.status.code(), checks }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.dir);
    }
}

impl Told {
    /// The checks of a part at a level.
    fn of(&self, part: &str, level: &str) -> Vec<String> {
        let wanted = self.checks.iter().filter(|check| check["part"] == part && check["level"] == level);
        wanted
            .map(|check| {
                format!("{} -> {}", check["finding"].as_str().unwrap_or(""), check["remedy"].as_str().unwrap_or(""))
            })
            .collect()
    }

    /// Fails unless this part failed, saying `finding` and the remedy `remedy`; any other failure than of `pcsc` is wrong.
    fn assert_failed(&self, part: &str, finding: &str, remedy: &str) {
        let told = self.of(part, "fail");
        let named = told.iter().filter_map(|line| line.split_once(" -> "));
        let named = named.filter(|(said, to_do)| said.contains(finding) && to_do.contains(remedy)).count();
        assert!(named == 1, "{part}: '{finding}' with the remedy '{remedy}' is not told once: {:#?}", self.checks);
        let others = self
            .checks
            .iter()
            .filter(|check| check["level"] == "fail" && check["part"] != part && check["part"] != "pcsc");
        assert_eq!(others.count(), 0, "{:#?}", self.checks);
        assert_eq!(self.code, Some(1));
    }
}

/// A running daemon; ended with the value.
struct Daemon(Child);

impl Daemon {
    fn start(shop: &Shop) -> Self {
        let log = std::fs::File::create(shop.dir.join("daemon.log")).expect("a log");
        let mut command = shop.stampd(&["run"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the daemon starts");
        let socket = shop.dir.join("stampd.sock");
        wait_until("the daemon answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended_already = self.0.kill().and_then(|()| self.0.wait().map(drop));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|door| door.local_addr()).expect("a free port").port()
}

#[test]
fn a_healthy_shop_has_no_failure_with_and_without_its_daemon() {
    let pcscd = Pcscd::start();
    let mut shop = Shop::make("healthy");
    shop.pcsc = pcscd.env().1;
    let told = shop.doctor();
    assert_eq!(told.code, Some(0), "{:#?}", told.checks);
    assert!(told.of("daemon", "warn")[0].contains("systemctl enable --now stampd"), "{:#?}", told.checks);
    for part in ["configuration", "rules", "keys", "clock", "ledger", "doors", "tills", "kernel", "pcsc"] {
        assert!(!told.of(part, "ok").is_empty(), "{part}: {:#?}", told.checks);
    }
    // Amber as long as it is so: no address for phones outside, and a reader that anybody can tap on.
    assert!(told.of("links", "warn")[0].contains("public_url"));
    let virtual_readers = told.of("readers", "warn");
    assert!(
        virtual_readers[0].contains(&pcscd.reader(0)) && virtual_readers[0].contains("ecp none"),
        "{virtual_readers:?}"
    );
    assert!(virtual_readers[0].contains("apt remove vsmartcard-vpcd"), "{virtual_readers:?}");

    let daemon = Daemon::start(&shop);
    let told = shop.doctor();
    assert_eq!(told.code, Some(0), "{:#?}", told.checks);
    assert!(told.of("daemon", "ok")[0].contains(env!("CARGO_PKG_VERSION")));
    assert!(told.of("doors", "ok")[0].contains("the daemon answers at http://127.0.0.1:"));
    drop(daemon);
    let told = shop.doctor();
    assert!(told.of("daemon", "warn")[0].contains("left by one that was killed"), "{:#?}", told.checks);
    assert_eq!(told.code, Some(0), "{:#?}", told.checks);
}

#[test]
fn lines_are_for_people_and_say_how_many_failed() {
    let shop = Shop::make("lines");
    let output = shop.stampd(&["doctor"]).output().expect("doctor runs");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        text.lines().all(|line| ["ok    ", "warn  ", "FAIL  "].iter().any(|word| line.starts_with(word))),
        "{text}"
    );
    assert!(text.contains("FAIL  pcsc: ") && text.contains("systemctl enable --now pcscd.socket"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    assert!(errors.starts_with("stampd: 1 of ") && errors.contains("remedy"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_wrong_configuration_is_told_by_file_line_and_key() {
    let shop = Shop::make("config");
    shop.edit(|text| text.replace("mode = \"tap\"", "mode = \"tap\"\nhold_ms = 5"));
    let file = shop.config.display().to_string();
    shop.doctor().assert_failed("configuration", &format!("{file}:"), "`hold_s`");
    shop.edit(|text| text.replace("hold_ms = 5", "hold_s = 1"));
    shop.doctor().assert_failed("configuration", "till.hold_s", "seconds");
    std::fs::remove_file(&shop.config).expect("removed");
    shop.doctor().assert_failed("configuration", "there is no such file", "--config");
}

#[test]
fn rule_files_are_told_error_by_error() {
    let shop = Shop::make("rules");
    let cafe = shop.dir.join("programmes/cafe10.toml");
    let text = std::fs::read_to_string(&cafe).expect("the rules");
    let wrong = text.replace("per_day = 6", "per_day = -6").replace("scale = 0", "scale = 12");
    std::fs::write(&cafe, wrong).expect("written");
    let told = shop.doctor();
    told.assert_failed("rules", "limits.per_day", "Give");
    assert_eq!(told.of("rules", "fail").len(), 2, "{:#?}", told.checks);
    std::fs::write(&cafe, text).expect("written");
    std::fs::write(shop.dir.join("programmes/Two words.toml"), "").expect("written");
    shop.doctor().assert_failed("rules", "Two words.toml", "rename it");
    std::fs::remove_dir_all(shop.dir.join("programmes")).expect("removed");
    shop.doctor().assert_failed("rules", "cannot be read", "cafe10.toml");
}

#[test]
fn keys_that_others_can_read_or_that_are_none_fail() {
    let shop = Shop::make("keys");
    let text = std::fs::read_to_string(&shop.config).expect("the configuration");
    let config = Config::load(&shop.config).expect("a sound configuration");
    let key = config.apple[0].vas_keys[0].file().expect("a file").to_owned();
    assert!(text.contains("vas_keys"));
    let mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).expect("set");
    mode(0o644);
    shop.doctor().assert_failed("configuration", "can be read by others", "chmod 600");
    mode(0o600);
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n").expect("written");
    shop.doctor().assert_failed("keys", "vas_keys is no P-256 private key", "key file");
}

#[test]
fn a_damaged_or_newer_ledger_fails_and_is_left_as_it_is() {
    let shop = Shop::make("ledger");
    let ledger = shop.dir.join("ledger.db");
    let sql = |statement: &str| {
        let done =
            Command::new("sqlite3").arg(&ledger).arg(statement).status().expect("sqlite3 (make test installs it)");
        assert!(done.success());
    };
    sql("PRAGMA user_version = 99");
    shop.doctor().assert_failed("ledger", "has schema 99", "newer stampd");
    sql("PRAGMA user_version = 1");
    sql("DROP TRIGGER event_no_update; UPDATE event SET hash = zeroblob(32) WHERE position = 3");
    let told = shop.doctor();
    assert!(told.of("ledger", "fail").iter().any(|line| line.contains("backup")), "{:#?}", told.checks);
    std::fs::write(&ledger, b"no database at all, but longer than nothing").expect("written");
    shop.doctor().assert_failed("ledger", "ledger.db", "backup");
    assert!(std::fs::read(&ledger).expect("there").starts_with(b"no database"), "left as it was");
    std::fs::remove_file(&ledger).expect("removed");
    // There were books: that the daemon will make new ones is not so.
    shop.doctor().assert_failed("ledger", "a copy of its events in ", "stampd ledger restore");
    std::fs::remove_dir_all(shop.dir.join("segments")).expect("removed");
    let backups = shop.dir.join("backups");
    std::fs::create_dir_all(&backups).expect("a folder");
    std::fs::write(backups.join("ledger-20260101T033000Z.db"), "a backup").expect("written");
    shop.doctor().assert_failed("ledger", "1 backup(s) in ", "stampd ledger restore");
    std::fs::remove_dir_all(&backups).expect("removed");
    let told = shop.doctor();
    assert!(told.of("ledger", "ok")[0].contains("first start"), "{:#?}", told.checks);
}

#[test]
fn a_taken_port_and_plain_http_on_the_lan_are_told() {
    let shop = Shop::make("doors");
    let config = Config::load(&shop.config).expect("a sound configuration");
    let squatter = TcpListener::bind(config.api.listen).expect("the port");
    let port = config.api.listen.port();
    shop.doctor().assert_failed("doors", &format!("port {port} is in use by another program"), "[api] listen");
    drop(squatter);
    let listen = format!("listen = \"127.0.0.1:{port}\"");
    shop.edit(|text| text.replace(&listen, "listen = \"192.0.2.77:8480\"\ntls = \"off\""));
    let told = shop.doctor();
    told.assert_failed("doors", "no address 192.0.2.77", "ip address");
    assert!(told.of("doors", "warn")[0].contains("plain HTTP"), "{:#?}", told.checks);
    shop.edit(|text| text.replace("192.0.2.77:8480", &format!("0.0.0.0:{port}")));
    let told = shop.doctor();
    assert!(told.of("doors", "warn")[0].contains("plain HTTP"), "amber for ever: {:#?}", told.checks);
    assert!(told.of("doors", "fail").is_empty(), "{:#?}", told.checks);
}

#[test]
fn a_full_and_a_read_only_disk_are_told_apart() {
    let shop = Shop::make("disk");
    let place = shop.dir.join("small");
    std::fs::create_dir_all(&place).expect("a folder");
    shop.edit(|text| text.replace("path = \"ledger.db\"", "path = \"small/ledger.db\""));
    // In a mount namespace of their own, doctor and its disk.
    let in_mounted = |prepare: &str| -> Value {
        let script =
            format!("mount -t tmpfs -o size=64k tmpfs \"$1\" && {prepare}; exec \"$2\" doctor --json --config \"$3\"");
        let mut command = Command::new("unshare");
        command.args(if is_root() { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
        command.args(["sh", "-c", &script, "sh"]).arg(&place).arg(env!("CARGO_BIN_EXE_stampd")).arg(&shop.config);
        let output = command.env(SOCKET_VARIABLE, &shop.pcsc).output().expect("unshare (package util-linux) starts");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let fails = |told: &Value, finding: &str, remedy: &str| {
        let text = |check: &Value, key: &str| check[key].as_str().unwrap_or("").to_owned();
        let named = |check: &&Value| text(check, "finding").contains(finding) && text(check, "remedy").contains(remedy);
        let found = told["checks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|check| check["level"] == "fail")
            .any(|check| named(&check));
        assert!(found, "'{finding}', '{remedy}': {told:#}");
    };
    fails(
        &in_mounted("{ dd if=/dev/zero of=\"$1/full\" bs=1k count=200 2>/dev/null || true; }"),
        "is full",
        "free some space",
    );
    fails(&in_mounted("mount -o remount,ro \"$1\""), "read-only", "remount,rw");
    fails(&in_mounted("true"), "MiB are free", "free some space");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

#[test]
fn scanners_are_there_of_their_kind_or_named_with_the_remedy() {
    let shop = Shop::make("scanners");
    shop.edit(|text| text.replace(demo::CODE_SCANNER, ""));
    assert!(shop.doctor().of("scanners", "ok")[0].contains("none of the device's own"));
    // A pseudo-terminal is a serial line.
    let ends = Line::new(&shop.dir);
    let line = ends.host.display().to_string();
    let scanner = |kind: &str, device: &str| format!("\n[[scanner]]\nkind = \"{kind}\"\ndevice = \"{device}\"\n");
    let sections = [
        scanner("serial", &line),
        scanner("serial", "/dev/serial/by-id/no-such-scanner"),
        scanner("serial", "/dev/null"),
        scanner("hidpos", &line),
        scanner("evdev", &shop.config.display().to_string()),
        scanner("pcsc", "No Such Reader"),
    ];
    shop.edit(|text| text + &sections.concat());
    let told = shop.doctor();
    assert!(told.of("scanners", "ok")[0].contains("a serial line at 9600 bits"), "{:#?}", told.checks);
    let warned = told.of("scanners", "warn").join("\n");
    assert!(warned.contains("no such device -> plug it in") && warned.contains("fits no reader"), "{warned}");
    told.assert_failed("scanners", "/dev/null: it is a device of kind mem", "a serial line");
    told.assert_failed("scanners", "it is a device of kind tty", "a point-of-sale scanner is wanted");
    told.assert_failed("scanners", "it is no device of a scanner", "a keyboard of layout us is wanted");
}

#[test]
fn a_process_that_holds_the_ledger_and_does_not_answer_is_named() {
    let shop = Shop::make("lock");
    let lock = std::fs::File::options().write(true).open(shop.dir.join("ledger.lock")).expect("the lock's file");
    lock.lock().expect("locked");
    let told = shop.doctor();
    told.assert_failed("ledger", &format!("process {} holds", std::process::id()), "stop it");
}
