//! The units and rules that a package installs, judged by systemd's own tools. None of them needs a running systemd.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of this test alone, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stampd-systemd-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("etc")).expect("a scratch folder");
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{:?}: {error}; apt-get install systemd (make test does it)", command.get_program())
    });
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{told}", output.status);
    output
}

#[test]
fn the_unit_is_valid_and_reloads_by_hangup() {
    let scratch = Scratch::new("verify");
    let text = std::fs::read_to_string(shipped("stampd.service")).expect("the unit");
    assert!(text.contains("ExecStart=/usr/bin/stampd run"), "the packaged path");
    // verify wants to see the program: here it is the one that was just built.
    let unit = scratch.0.join("stampd.service");
    std::fs::write(&unit, text.replace("/usr/bin/stampd", env!("CARGO_BIN_EXE_stampd"))).expect("written");
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "verify has nothing to say");
    for line in ["Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "WatchdogSec=30", "User=stampd"] {
        assert!(text.lines().any(|found| found == line), "{line} is missing");
    }
}

#[test]
fn the_unit_is_hardened() {
    run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .arg(shipped("stampd.service")));
}

/// What a comment of the unit names for shops that make very many passes: it is valid, and costs as much as it says.
#[test]
fn the_drop_in_for_priorities_is_valid_and_costs_what_the_unit_says() {
    let scratch = Scratch::new("priority");
    let text = std::fs::read_to_string(shipped("stampd.service")).expect("the unit");
    const LINE: &str = "SystemCallFilter=setpriority";
    assert!(text.contains(&format!("[Service] {LINE}. The exposure that systemd counts is then 1.6.")), "the comment");
    // A drop-in is read after the unit.
    let text = text.replace("/usr/bin/stampd", env!("CARGO_BIN_EXE_stampd"));
    let unit = scratch.0.join("stampd.service");
    std::fs::write(&unit, format!("{text}\n[Service]\n{LINE}\n")).expect("written");
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "verify has nothing to say");
    run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=16", "--no-pager"])
        .arg(&unit));
}

#[test]
fn user_and_folders_are_made_in_an_empty_root() {
    let scratch = Scratch::new("root");
    let root = format!("--root={}", scratch.0.display());
    run(Command::new("systemd-sysusers").arg(&root).arg(shipped("sysusers.d/stampd.conf")));
    let users = std::fs::read_to_string(scratch.0.join("etc/passwd")).expect("users were made");
    let user = users.lines().find(|line| line.starts_with("stampd:")).expect("the daemon's user");
    assert!(user.ends_with(":/var/lib/stampd:/usr/sbin/nologin"), "{user}");
    // Only root may give folders away; whoever else runs the tests sees modes and paths judged.
    let mut table = std::fs::read_to_string(shipped("tmpfiles.d/stampd.conf")).expect("the table of folders");
    if !rustix::process::geteuid().is_root() {
        table = table.replace(" root   stampd ", " -      -      ").replace(" stampd stampd ", " -      -      ");
    }
    let folders = scratch.0.join("stampd.conf");
    std::fs::write(&folders, table).expect("written");
    run(Command::new("systemd-tmpfiles").arg(&root).arg("--create").arg(&folders));
    for (folder, mode) in [("etc/stampd", 0o750), ("etc/stampd/keys", 0o700), ("etc/stampd/programmes", 0o750)] {
        use std::os::unix::fs::PermissionsExt;
        let made = std::fs::metadata(scratch.0.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        assert_eq!(made.permissions().mode() & 0o777, mode, "{folder}");
    }
}

#[test]
fn kernel_nfc_drivers_are_kept_off_in_both_ways() {
    let text = std::fs::read_to_string(shipped("modprobe.d/stampd-nfc.conf")).expect("the modprobe file");
    for module in ["pn533_usb", "pn533", "port100", "nfc"] {
        for line in [format!("blacklist {module}"), format!("install {module} /bin/false")] {
            assert!(text.lines().any(|found| found == line), "{line} is missing");
        }
    }
}
