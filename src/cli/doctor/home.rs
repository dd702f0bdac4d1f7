//! What the daemon lives on: clock, folders and their disk, the ledger.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Patient;
use super::doors::Daemon;
use super::finding::Finding;
use crate::base::clock::{Clock, Ground};
use crate::base::config::Config;
use crate::daemon::traces_of_books;
use crate::shop::ledger::{LedgerError, ReadOnly, Reads};

/// Events whose chain is looked at, as at the daemon's start; the rest is `ledger verify`'s.
const CHAIN_CHECKED: i64 = 1_000;

/// Faults of the ledger that are told; more say nothing more.
const FAULTS_TOLD: usize = 5;

/// Free space under which nothing can be booked for long.
const FREE_BYTES_MIN: u64 = 32 << 20;

/// Free space under which somebody should make room: a backup of a large shop.
const FREE_BYTES_AMPLE: u64 = 512 << 20;

/// Whether the wall clock is trusted, and why.
pub fn clock(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    let clock = match Clock::new(config.shop.time_zone.clone(), config.clock.trust) {
        Ok(clock) => clock,
        Err(error) => {
            return vec![Finding::fail(
                "clock",
                error.to_string(),
                "run stampd where /proc of the machine can be read",
            )];
        }
    };
    let newest_ms =
        ReadOnly::open(&config.ledger.path).and_then(|books| books.with(|reads| reads.newest_ms())).ok().flatten();
    if let Some(newest_ms) = newest_ms {
        clock.set_floor_ms(newest_ms);
    }
    vec![clock_finding(clock.ground(), newest_ms.is_some_and(|newest_ms| clock.wall_ms() < newest_ms))]
}

fn clock_finding(ground: Ground, before_newest: bool) -> Finding {
    let set = "set the time (timedatectl set-time), or connect the device to a time server";
    match ground {
        Ground::Synchronised | Ground::Configured if before_newest => {
            Finding::warn("clock", "it stands before the newest event in the ledger, whose time goes on instead", set)
        }
        Ground::Synchronised => Finding::ok("clock", "trusted: synchronised since boot"),
        Ground::HardwareClock => Finding::ok("clock", "trusted: kept by a hardware clock"),
        Ground::Configured => Finding::ok("clock", "trusted: [clock] trust = \"always\" says so"),
        Ground::BehindLedger => {
            Finding::warn("clock", "not trusted: the hardware clock stands before the newest event in the ledger", set)
        }
        Ground::None => Finding::warn(
            "clock",
            "not trusted: neither synchronised since boot nor kept by a hardware clock; taps earn, and nothing expires",
            "connect the device to a time server (systemd-timesyncd or chrony), or set [clock] trust = \"always\" if you \
             keep it right by hand",
        ),
    }
}

/// Each folder in which something is kept: whether it can be written, and how much room there is.
pub fn folders(patient: &Patient) -> Vec<Finding> {
    places(&patient.config).into_iter().map(|(names, folder)| folder_finding(&names, &folder)).collect()
}

/// The folders with what lies in them, each once.
fn places(config: &Config) -> Vec<(String, PathBuf)> {
    let ledger = config.ledger.path.parent().unwrap_or(Path::new("/"));
    let mut places: Vec<(String, PathBuf)> = Vec::new();
    for (name, folder) in [("data", config.paths.data.as_path()), ("ledger", ledger), ("backups", &config.backup.dir)] {
        match places.iter_mut().find(|(_, known)| known == folder) {
            Some((names, _)) => names.push_str(&format!(" and {name}")),
            None => places.push((name.to_owned(), folder.to_owned())),
        }
    }
    places
}

fn folder_finding(names: &str, folder: &Path) -> Finding {
    // A folder that is not there is made by the daemon, in the nearest one that is.
    let Some(there) = folder.ancestors().find(|path| path.exists()) else {
        return Finding::fail("disk", format!("{}: there is no such path", folder.display()), "correct it in [paths]");
    };
    let shown = folder.display();
    if let Err(error) = try_writing(there) {
        return match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Finding::fail(
                "disk",
                format!("the disk under {shown} ({names}) is full"),
                "free some space: nothing can be booked",
            ),
            std::io::ErrorKind::ReadOnlyFilesystem => Finding::fail(
                "disk",
                format!("{shown} ({names}) lies on a disk that is mounted read-only"),
                "mount it writable (mount -o remount,rw); a disk that turned so by itself is failing: replace it",
            ),
            _ => Finding::fail(
                "disk",
                format!("{} ({names}) cannot be written: {error}", there.display()),
                format!("give it to the daemon's user (chown stampd: {}), or name another folder", there.display()),
            ),
        };
    }
    match rustix::fs::statvfs(there) {
        Ok(disk) => space_finding(
            names,
            folder,
            disk.f_bavail.saturating_mul(disk.f_frsize),
            disk.f_files > 0 && disk.f_favail == 0,
        ),
        Err(error) => {
            Finding::warn("disk", format!("{shown} ({names}): its free space is not known: {error}"), "check the disk")
        }
    }
}

fn space_finding(names: &str, folder: &Path, free_bytes: u64, no_inode_left: bool) -> Finding {
    let shown = folder.display();
    let mib = free_bytes >> 20;
    if no_inode_left {
        return Finding::fail(
            "disk",
            format!("no new file fits under {shown} ({names})"),
            "remove old files: the disk is out of inodes",
        );
    }
    match free_bytes {
        ..FREE_BYTES_MIN => Finding::fail(
            "disk",
            format!("only {mib} MiB are free under {shown} ({names})"),
            "free some space before it is full",
        ),
        FREE_BYTES_MIN..FREE_BYTES_AMPLE => Finding::warn(
            "disk",
            format!("{mib} MiB are free under {shown} ({names})"),
            "make room: backups need as much as the ledger",
        ),
        _ => Finding::ok("disk", format!("{shown} ({names}) can be written, {mib} MiB are free")),
    }
}

/// Writes a file and takes it away again: rights alone do not tell a full disk.
fn try_writing(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".stampd-doctor-{}", std::process::id()));
    let written = std::fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

/// The ledger: whether it opens, its schema, the newest part of its chain, the file. It is only read.
pub fn ledger(patient: &Patient) -> Vec<Finding> {
    let path = &patient.config.ledger.path;
    if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
        let traces = traces_of_books(&patient.config);
        if !traces.is_empty() {
            return vec![Finding::fail(
                "ledger",
                format!("{} is missing or empty, and there is {}", path.display(), traces.join(", and ")),
                "run 'stampd ledger restore', which brings everything back; the daemon begins no empty books before",
            )];
        }
        return vec![Finding::ok(
            "ledger",
            format!("{} is not there yet; the daemon makes it at its first start", path.display()),
        )];
    }
    let mut findings = match ReadOnly::open(path).and_then(|books| books.with(look)) {
        Ok(findings) => findings,
        Err(error) => vec![ledger_fault(&error, path)],
    };
    if let (Some(holder), false) = (holder(path), patient.daemon.answers()) {
        findings.push(Finding::fail(
            "ledger",
            format!("process {holder} holds {} and does not answer on [api] socket", path.display()),
            format!("another stampd with another configuration, or one that hangs: stop it (kill {holder}) or use its socket"),
        ));
    }
    findings
}

fn ledger_fault(error: &LedgerError, path: &Path) -> Finding {
    let told = error.to_string();
    let told = if told.contains(&*path.to_string_lossy()) { told } else { format!("{}: {told}", path.display()) };
    Finding::fail_as_told("ledger", &told, "restore the newest backup with 'stampd ledger restore'")
}

fn look(reads: &Reads<'_>) -> Result<Vec<Finding>, LedgerError> {
    let remedy =
        "stop the daemon, keep this file, and restore the newest backup; 'stampd ledger verify' tells all of it";
    let (cards, customers, newest) = reads.counts()?;
    let mut faults = reads.file_check()?;
    let chain = reads.chain_check((newest - CHAIN_CHECKED).max(0))?;
    faults.extend(chain.faults.iter().map(ToString::to_string));
    let changed = reads.standings_changed(FAULTS_TOLD)?;
    faults.extend(changed.iter().map(|serial| format!("the standing of card {serial} was changed on the disk")));
    if faults.is_empty() {
        let found = format!(
            "{customers} customers, {cards} cards, {newest} events; the file and the newest {} of the chain hold",
            chain.events
        );
        return Ok(vec![Finding::ok("ledger", found)]);
    }
    Ok(faults.into_iter().take(FAULTS_TOLD).map(|fault| Finding::fail("ledger", fault, remedy)).collect())
}

/// The process that holds the ledger's lock, without touching the lock.
fn holder(ledger: &Path) -> Option<u32> {
    let lock = std::fs::metadata(ledger.with_extension("lock")).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    lock_holder(&locks, lock.ino())
}

/// From /proc/locks: `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF`; the inode stands last of the three.
fn lock_holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, file, ..] = fields[..] else { return None };
        let same = file.rsplit(':').next()?.parse::<u64>().ok()? == inode;
        if same { process.parse().ok() } else { None }
    })
}

impl Daemon {
    fn answers(&self) -> bool {
        matches!(self, Daemon::Answers { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn an_untrusted_clock_says_why_and_what_to_do() {
        let cases = [
            (Ground::Synchronised, false, Level::Ok, "synchronised"),
            (Ground::HardwareClock, false, Level::Ok, "hardware clock"),
            (Ground::Configured, false, Level::Ok, "always"),
            (Ground::Configured, true, Level::Warn, "before the newest event"),
            (Ground::BehindLedger, true, Level::Warn, "before the newest event"),
            (Ground::None, false, Level::Warn, "neither"),
        ];
        for (ground, before_newest, level, word) in cases {
            let finding = clock_finding(ground, before_newest);
            assert_eq!(finding.level, level, "{ground:?}");
            assert!(finding.finding.contains(word), "{finding:?}");
            assert_eq!(finding.remedy.is_some(), level != Level::Ok);
        }
    }

    #[test]
    fn free_space_is_judged_by_what_is_left() {
        let level = |free_bytes, no_inode_left| space_finding("data", Path::new("/d"), free_bytes, no_inode_left).level;
        assert_eq!(level(FREE_BYTES_MIN - 1, false), Level::Fail);
        assert_eq!(level(FREE_BYTES_MIN, false), Level::Warn);
        assert_eq!(level(FREE_BYTES_AMPLE - 1, false), Level::Warn);
        assert_eq!(level(FREE_BYTES_AMPLE, false), Level::Ok);
        assert_eq!(level(u64::MAX, true), Level::Fail);
    }

    #[test]
    fn the_holder_of_a_lock_is_found_by_its_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 10 fe:00:131 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 12 fe:00:131 0 EOF\n3: FLOCK  ADVISORY  READ 5 fe:00:9 0 EOF\n";
        assert_eq!(lock_holder(locks, 131), Some(4711));
        assert_eq!(lock_holder(locks, 9), None);
        assert_eq!(lock_holder("", 131), None);
    }
}
