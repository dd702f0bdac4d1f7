//! The only reader of OS time, and the source of fresh ids and random bytes.
//!
//! A shell takes one [`Now`] per act and hands it down; nothing below it asks again. Two clocks are read: the wall clock,
//! which anybody may set and which may be wrong by decades on a small computer without battery, and the time since
//! boot, which nobody sets and which goes on while the daemon is restarted. Windows and debounce count on the second,
//! rules and dates on the first, and [`Now::trust`] tells whether the first can be believed (DESIGN.md section 4).
//!
//! **Invariant:** `SystemTime::now` and `Instant::now` stand in no other module (`tests/tidy.rs`).

mod chrony;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};

pub use crate::pure::domain::Trust;
use crate::pure::domain::{BootId, ClockTrust, Now};

/// How often an untrusted clock asks chrony, nanoseconds since boot. Marks in the file system are looked at each time.
const CHRONY_EVERY_NS: i64 = 2_000_000_000;

/// The clocks of this machine. Cheap to clone; all clones share what was learnt.
#[derive(Clone, Debug)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    zone: TimeZone,
    boot_id: BootId,
    policy: Trust,
    evidence: Evidence,
    /// Newest time in the ledger: a hardware clock before it has lost its battery.
    floor_ms: AtomicI64,
    /// A mark of synchronisation was seen; it holds until the next boot.
    synchronised: AtomicBool,
    /// When chrony is to be asked next, nanoseconds since boot.
    chrony_due_ns: AtomicI64,
}

/// Where the evidence for a good wall clock is found; another place only in tests.
#[derive(Debug)]
struct Evidence {
    /// Exists once systemd-timesyncd synchronised; lives in /run, so it never outlasts a boot.
    timesyncd_mark: PathBuf,
    /// Exists while chronyd is installed and runs.
    chrony_dir: PathBuf,
    /// chronyd's command port.
    chrony_address: std::net::SocketAddr,
    /// A hardware clock: its device, or its entry in sysfs where a unit hides devices.
    hardware_clocks: [PathBuf; 2],
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            timesyncd_mark: "/run/systemd/timesync/synchronized".into(),
            chrony_dir: "/run/chrony".into(),
            chrony_address: chrony::ADDRESS,
            hardware_clocks: ["/dev/rtc0".into(), "/sys/class/rtc/rtc0".into()],
        }
    }
}

/// On what the trust in the wall clock rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The configuration says that it is right.
    Configured,
    /// A time service has synchronised it since boot.
    Synchronised,
    /// A hardware clock keeps it, and the ledger knows no later time.
    HardwareClock,
    /// Not trusted: a hardware clock keeps it, but it stands before the newest time in the ledger.
    BehindLedger,
    /// Not trusted: neither a time service nor a hardware clock.
    None,
}

/// Why there is no clock.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The kernel's boot id could not be read.
    #[error(
        "cannot read {path}: {source}. Time windows need it to survive a restart; in a systemd unit, do not hide /proc/sys (ProcSubset=all)"
    )]
    BootId {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The boot id is no UUID.
    #[error("{path} holds no boot id; it should be a UUID made by the kernel")]
    BootIdMalformed {
        /// The file.
        path: PathBuf,
    },
}

impl Clock {
    /// The clocks of this machine: `zone` is the shop's, `policy` tells how the wall clock is judged. Fails when the
    /// kernel's boot id cannot be read.
    pub fn new(zone: TimeZone, policy: Trust) -> Result<Self, ClockError> {
        let boot_id = read_boot_id(Path::new("/proc/sys/kernel/random/boot_id"))?;
        Ok(Self::with_evidence(zone, policy, boot_id, Evidence::default()))
    }

    fn with_evidence(zone: TimeZone, policy: Trust, boot_id: BootId, evidence: Evidence) -> Self {
        Self {
            shared: Arc::new(Shared {
                zone,
                boot_id,
                policy,
                evidence,
                floor_ms: AtomicI64::new(i64::MIN),
                synchronised: AtomicBool::new(false),
                chrony_due_ns: AtomicI64::new(i64::MIN),
            }),
        }
    }

    /// What the clocks say at this instant; take it once per act.
    pub fn now(&self) -> Now {
        let wall_ms = self.wall_ms();
        Now {
            wall_ms,
            zone: self.shared.zone.clone(),
            boot_id: self.shared.boot_id,
            boot_ns: self.boot_ns(),
            trust: self.judge(wall_ms),
        }
    }

    /// The wall clock, milliseconds since 1970-01-01 UTC; negative before that.
    pub fn wall_ms(&self) -> i64 {
        let now = SystemTime::now();
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        }
    }

    /// Time since boot, nanoseconds: never set by anyone, counts while the machine sleeps, outlives a restart of the
    /// daemon. Compare two only when both come with the same boot id.
    pub fn boot_ns(&self) -> i64 {
        let time = clock_gettime(ClockId::Boottime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// The shop's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.shared.zone
    }

    /// The newest time in the ledger, milliseconds since 1970-01-01 UTC: a hardware clock that stands before it is not
    /// believed. A lower floor than the one set changes nothing.
    pub fn set_floor_ms(&self, floor_ms: i64) {
        self.shared.floor_ms.fetch_max(floor_ms, Ordering::Relaxed);
    }

    /// Why the wall clock is believed, or why not (DESIGN.md section 4).
    pub fn ground(&self) -> Ground {
        self.ground_at(self.wall_ms())
    }

    fn judge(&self, wall_ms: i64) -> ClockTrust {
        match self.ground_at(wall_ms) {
            Ground::Configured | Ground::Synchronised | Ground::HardwareClock => ClockTrust::Trusted,
            Ground::BehindLedger | Ground::None => ClockTrust::Untrusted,
        }
    }

    fn ground_at(&self, wall_ms: i64) -> Ground {
        if self.shared.policy == Trust::Always {
            Ground::Configured
        } else if self.is_synchronised() {
            Ground::Synchronised
        } else if !self.shared.evidence.has_hardware_clock() {
            Ground::None
        } else if wall_ms < self.shared.floor_ms.load(Ordering::Relaxed) {
            Ground::BehindLedger
        } else {
            Ground::HardwareClock
        }
    }

    fn is_synchronised(&self) -> bool {
        let shared = &self.shared;
        if shared.synchronised.load(Ordering::Relaxed) {
            return true;
        }
        let marked = shared.evidence.timesyncd_mark.exists() || (self.chrony_is_due() && shared.evidence.chrony_says());
        if marked {
            shared.synchronised.store(true, Ordering::Relaxed);
        }
        marked
    }

    /// True for one caller every [`CHRONY_EVERY_NS`].
    fn chrony_is_due(&self) -> bool {
        let now_ns = self.boot_ns();
        let due_ns = self.shared.chrony_due_ns.load(Ordering::Relaxed);
        now_ns >= due_ns
            && self
                .shared
                .chrony_due_ns
                .compare_exchange(due_ns, now_ns + CHRONY_EVERY_NS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Evidence {
    fn has_hardware_clock(&self) -> bool {
        self.hardware_clocks.iter().any(|path| path.exists())
    }

    fn chrony_says(&self) -> bool {
        self.chrony_dir.exists() && chrony::is_synchronised(self.chrony_address)
    }
}

/// `N` bytes of the kernel's random generator, fit for keys and nonces.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator fails only where its system call is forbidden; no id or key can be made then.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// Fills `bytes` from the kernel's random generator.
pub fn random_fill(bytes: &mut [u8]) {
    // As in `random_bytes`: without it no id or key can be made.
    getrandom::fill(bytes).expect("the kernel gives random bytes");
}

fn read_boot_id(path: &Path) -> Result<BootId, ClockError> {
    let text = std::fs::read_to_string(path).map_err(|source| ClockError::BootId { path: path.to_owned(), source })?;
    uuid::Uuid::try_parse(text.trim())
        .map(|id| BootId(id.into_bytes()))
        .map_err(|_| ClockError::BootIdMalformed { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("stampd-clock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a scratch directory");
        dir
    }

    fn clock_in(dir: &Path, policy: Trust) -> Clock {
        let evidence = Evidence {
            timesyncd_mark: dir.join("synchronized"),
            chrony_dir: dir.join("chrony"),
            chrony_address: "127.0.0.1:9".parse().expect("an address"),
            hardware_clocks: [dir.join("rtc0"), dir.join("sys-rtc0")],
        };
        Clock::with_evidence(TimeZone::UTC, policy, BootId([7; 16]), evidence)
    }

    #[test]
    fn a_clock_is_trusted_by_evidence_only() {
        let dir = scratch("trust");
        let clock = clock_in(&dir, Trust::Auto);
        assert_eq!((clock.now().trust, clock.ground()), (ClockTrust::Untrusted, Ground::None), "no evidence");
        assert_eq!(clock_in(&dir, Trust::Always).now().trust, ClockTrust::Trusted);

        std::fs::write(dir.join("rtc0"), "").expect("written");
        assert_eq!(clock.now().trust, ClockTrust::Trusted, "a hardware clock and nothing newer");
        clock.set_floor_ms(clock.wall_ms() + 60_000);
        assert_eq!(clock.now().trust, ClockTrust::Untrusted, "the ledger knows a later time");
        assert_eq!(clock.ground(), Ground::BehindLedger);
        clock.set_floor_ms(0);
        assert_eq!(clock.now().trust, ClockTrust::Untrusted, "a floor never falls");

        std::fs::write(dir.join("synchronized"), "").expect("written");
        assert_eq!(clock.now().trust, ClockTrust::Trusted, "synchronised");
        std::fs::remove_dir_all(&dir).expect("removed");
        assert_eq!(clock.clone().now().trust, ClockTrust::Trusted, "holds until the next boot, for all clones");
    }

    #[test]
    fn this_machine_has_a_boot_id_and_time_that_only_grows() {
        let clock = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock");
        let (first, second) = (clock.now(), clock.now());
        assert_eq!(first.boot_id, second.boot_id);
        assert!(first.boot_ns > 0 && second.boot_ns >= first.boot_ns);
        assert_eq!(clock.zone(), &TimeZone::UTC);
    }

    #[test]
    fn a_missing_or_foreign_boot_id_is_an_error_with_the_path() {
        let dir = scratch("boot-id");
        let path = dir.join("boot_id");
        let missing = read_boot_id(&path).expect_err("missing").to_string();
        assert!(missing.contains("boot_id") && missing.contains("ProcSubset"), "{missing}");
        std::fs::write(&path, "not a uuid\n").expect("written");
        assert!(matches!(read_boot_id(&path), Err(ClockError::BootIdMalformed { .. })));
        std::fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random_bytes::<16>(), random_bytes::<16>());
    }

    /// Set for the child that the next test starts: it prints both clocks and ends.
    const PROBE: &str = "STAMPD_TEST_CLOCK_PROBE";

    #[test]
    fn libfaketime_moves_the_wall_clock_and_not_the_time_since_boot() {
        let clock = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock");
        if std::env::var_os(PROBE).is_some() {
            println!("probe {} {}", clock.wall_ms(), clock.boot_ns());
            return;
        }
        let library = ["x86_64", "aarch64"]
            .map(|machine| PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1")))
            .into_iter()
            .find(|path| path.exists())
            .expect("libfaketime is missing: apt-get install libfaketime (make test does it)");
        let before_ns = clock.boot_ns();
        let output = Command::new(std::env::current_exe().expect("this test program"))
            .args(["--exact", "--nocapture"])
            .arg("base::clock::tests::libfaketime_moves_the_wall_clock_and_not_the_time_since_boot")
            .env(PROBE, "1")
            .env("TZ", "UTC")
            .env("LD_PRELOAD", library)
            .env("FAKETIME", "@1999-12-31 23:59:59")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .output()
            .expect("the child ran");
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<i64> = text
            .split_once("probe ")
            .map(|(_, rest)| rest.split_whitespace().map_while(|word| word.parse().ok()).take(2).collect())
            .unwrap_or_default();
        let [wall_ms, boot_ns] = words[..] else { panic!("no probe in: {text}") };
        let millennium_ms = 946_684_800_000;
        assert!((millennium_ms - 1_000..millennium_ms + 600_000).contains(&wall_ms), "{wall_ms}");
        assert!((before_ns..=clock.boot_ns()).contains(&boot_ns), "the time since boot is real");
    }
}
