//! What is loaded before the daemon and steered while it runs: a disk that fails on command (`tests/faults/disk.c`), single
//! calls or the power of the whole disk, and a wall clock that a test sets (`tests/faults/clock.c`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::shop::Shop;
use super::wait_until;

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Writing.
    Write = 1,
    /// fsync and fdatasync.
    Sync = 2,
}

/// How they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Input/output error.
    Eio = 1,
    /// No space left on the device.
    Enospc = 2,
    /// Only the first half is written.
    Short = 3,
    /// The power goes: what was not synced is lost, torn or out of order, and the process ends.
    Power = 4,
    /// The file system was mounted read-only after a fault.
    Erofs = 5,
}

/// How often they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So many calls, then all is well again.
    Some(u32),
    /// Until it is switched off.
    ForGood,
}

/// The disk of one shop.
pub struct Disk {
    control: File,
}

/// Where the fields of the control file lie (`struct control` in disk.c).
const FAULT_AT: u64 = 0;
const CALLS_AT: u64 = 4;
const AFTER_AT: u64 = 8;
const TIMES_AT: u64 = 12;
const SEED_AT: u64 = 16;
const SEEN_AT: u64 = 20;
const HITS_AT: u64 = 24;
const LOST_AT: u64 = 28;
const CONTROL_BYTES: u64 = 32;

impl Disk {
    /// From the daemon's next start on, calls on files whose path begins with `name` in the shop's folder may fail.
    pub fn under(shop: &mut Shop, name: &str) -> Self {
        let path = shop.dir.join("disk-control");
        let control = File::options().create(true).truncate(true).read(true).write(true).open(&path).expect("a file");
        control.set_len(CONTROL_BYTES).expect("its size");
        shop.environment_set("LD_PRELOAD", library());
        shop.environment_set("STAMPD_FAULT_CONTROL", path);
        shop.environment_set("STAMPD_FAULT_PREFIX", shop.dir.join(name));
        Self { control }
    }

    /// As [`Disk::under`], and unsynced writes are remembered, so that [`Fault::Power`] can lose them.
    pub fn losing_power(shop: &mut Shop, name: &str) -> Self {
        shop.environment_set("STAMPD_FAULT_DISK", "1");
        Self::under(shop, name)
    }

    /// From now on: `after` calls pass, then they fail.
    pub fn fails(&self, call: Call, fault: Fault, after: u32, times: Times) {
        self.works();
        let times = match times {
            Times::Some(times) => times,
            Times::ForGood => 0,
        };
        for (at, value) in [(CALLS_AT, call as u32), (AFTER_AT, after), (TIMES_AT, times), (SEEN_AT, 0), (HITS_AT, 0)] {
            self.put(at, value);
        }
        self.put(FAULT_AT, fault as u32);
    }

    /// The power goes at the sync after `after` others; `seed` decides what is left.
    pub fn loses_power(&self, after: u32, seed: u32) {
        self.put(SEED_AT, seed);
        self.put(LOST_AT, 0);
        self.fails(Call::Sync, Fault::Power, after, Times::ForGood);
    }

    /// All is well again.
    pub fn works(&self) {
        self.put(FAULT_AT, 0);
    }

    /// Waits until the power went ([`Disk::loses_power`]) and the disk holds what it kept; then all is well again.
    pub fn power_returns(&self) {
        wait_until("the unsynced writes are lost", || self.number(LOST_AT) == 1);
        self.works();
    }

    /// How many calls failed since [`Disk::fails`].
    pub fn hits(&self) -> u32 {
        self.number(HITS_AT)
    }

    fn number(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, at).expect("a number");
        u32::from_ne_bytes(bytes)
    }

    fn put(&self, at: u64, value: u32) {
        self.control.write_all_at(&value.to_ne_bytes(), at).expect("written");
    }
}

/// A wall clock that stands still until it is set.
pub struct WallClock {
    control: File,
}

impl WallClock {
    /// From the daemon's next start on it has this clock, which shows 1970-01-01 UTC.
    pub fn of(shop: &mut Shop) -> Self {
        let path = shop.dir.join("wall-clock");
        let control = File::options().create(true).truncate(true).write(true).open(&path).expect("a file");
        let clock = Self { control };
        clock.set(0);
        shop.environment_set("LD_PRELOAD", clock_library());
        shop.environment_set("STAMPD_CLOCK", path);
        clock
    }

    /// Sets it: seconds since 1970-01-01 UTC. From then on the daemon sees this moment and no other.
    pub fn set(&self, seconds: i64) {
        let moment = [seconds.to_ne_bytes(), (!seconds).to_ne_bytes()].concat();
        self.control.write_all_at(&moment, 0).expect("written");
    }
}

/// The library that is the clock.
fn clock_library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("clock.c", "clock.so", &["-shared", "-fPIC", "-pthread", "-ldl"])).clone()
}

/// The library that is the disk.
fn library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("disk.c", "disk.so", &["-shared", "-fPIC", "-pthread", "-ldl"])).clone()
}

/// A program that starts another with the calls refused that our unit refuses (`tests/faults/sandbox.c`).
pub fn sandbox() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("sandbox.c", "sandbox", &[])).clone()
}

/// What the machine's C compiler makes of a file of tests/faults.
fn built(source: &str, name: &str, options: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(source);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (made, aside) = (folder.join(name), folder.join(format!("{name}-{}", std::process::id())));
    let mut command = Command::new("cc");
    command.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&aside).arg(source).args(options);
    let built = command.output().expect("a C compiler is missing: apt-get install gcc libc6-dev (make test does it)");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Another run of these tests may be using it.
    std::fs::rename(aside, &made).expect("renamed");
    made
}
