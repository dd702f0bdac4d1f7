//! Readers over PC/SC: one thread watches which readers there are and what lies on them, one thread per reader talks to
//! chips, one thread watches that none of them is stuck. Each of the first two has a context of its own, because all
//! calls on one context wait for each other.
//!
//! ```text
//! monitor ─ picture ─> mailbox ─> worker (one per reader) ─ attending, exchange, link ─> sink ─> feedback
//!    └──────────── board (states) <──────┘        watchdog ─┘
//! ```
//!
//! The service (pcscd) may be absent, refuse us, die and come back at any time; a shop without readers runs as well
//! (readers-and-scanners.md section 1.3). `picture`, `attending` and `exchange` hold the rules and touch nothing; `link` and
//! `monitor` touch PC/SC and decide nothing.

mod attending;
mod board;
mod exchange;
mod fault;
mod lamp;
mod link;
mod mailbox;
mod monitor;
mod picture;
mod probe;
mod protocols;
mod usb;
mod watchdog;
mod worker;

use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::base::clock::Clock;
use crate::pure::domain::{FeedbackProfile, Medium, TillId};
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::scan::card::CardRule;
use crate::pure::tap::{Release, TapProblem};
use crate::shop::reader::{Feedback, ReaderStatus, ReaderTap, ServiceStatus, Shown, TapSink};

pub use self::lamp::OwnSignals;
pub use self::probe::{Lies, Probe, ProbedReader, probe};

use self::board::{Board, Condition};
use self::monitor::{Monitor, Switch};
use self::watchdog::{Overdue, Watchdog};
use self::worker::Shared;

/// One `[[reader]]` section of the configuration.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    /// Readers whose name matches belong to this section; the first section that matches counts.
    pub pattern: regex::Regex,
    /// Only the reader on this USB port belongs to it, as in `1-1.2`.
    pub usb: Option<String>,
    /// The till that they serve.
    pub till: TillId,
    /// What a chip is asked for, in order; media that are not read from a chip are passed over.
    pub protocols: Vec<Medium>,
    /// How chips are released, instead of what the protocol says (readers-and-scanners.md section 1.6).
    pub release_override: Option<Release>,
    /// Whether other programs may use the reader as well.
    pub access: Access,
    /// Escape APDUs that are sent when such a reader comes up, such as those that switch its polling to Apple's ECP
    /// (apple-vas.md section 2). A reader that refuses them works all the same.
    pub escape_start: Vec<Vec<u8>>,
    /// How light and sound show what became of a tap.
    pub feedback: FeedbackProfile,
    /// The owner's own commands for light and sound.
    pub signals: OwnSignals,
    /// Tags that claim to be NXP's are asked for its signature, where the reader passes that on, and imitations are refused
    /// (readers-and-scanners.md section 2.5).
    pub originality: bool,
}

/// Whether other programs may use a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// They may, but for the milliseconds of a tap.
    #[default]
    Shared,
    /// They may not while a chip is read; fails while one of them is at it.
    Exclusive,
}

/// A scanner that shows each code as a chip on a reader of its own or on another's
/// (readers-and-scanners.md section 3.7).
#[derive(Clone, Debug)]
pub struct CodeDevice {
    /// The reader's name matches.
    pub pattern: regex::Regex,
    /// The till that it serves.
    pub till: TillId,
    /// By what its chips are known, and how they are read.
    pub rule: CardRule,
}

/// The configuration of all readers.
#[derive(Clone, Debug)]
pub struct ReadersConfig {
    /// The sections, in order.
    pub readers: Vec<ReaderConfig>,
    /// Scanners that pose as readers.
    pub codes: Vec<CodeDevice>,
    /// The first till: a reader that no section matches serves it, with every protocol.
    pub first_till: TillId,
    /// The limits of time.
    pub limits: Limits,
}

impl ReadersConfig {
    /// A configuration without sections.
    pub fn new(first_till: TillId) -> Self {
        Self { readers: Vec::new(), codes: Vec::new(), first_till, limits: Limits::DEFAULT }
    }

    fn codes_of(&self, reader: &str) -> Vec<CodeDevice> {
        self.codes.iter().filter(|device| device.pattern.is_match(reader)).cloned().collect()
    }

    /// The section of a reader, by its name and the USB port on which it is, if that is known.
    fn of(&self, reader: &str, port: Option<&str>) -> ReaderConfig {
        let fits = |section: &&ReaderConfig| {
            section.pattern.is_match(reader) && section.usb.as_deref().is_none_or(|usb| Some(usb) == port)
        };
        self.readers.iter().find(fits).cloned().unwrap_or_else(|| ReaderConfig {
            // Matches every name, as this section does.
            pattern: any_name(),
            usb: None,
            till: self.first_till.clone(),
            protocols: protocols::DEFAULT.to_vec(),
            release_override: None,
            access: Access::Shared,
            escape_start: Vec::new(),
            feedback: FeedbackProfile::Auto,
            signals: OwnSignals::default(),
            originality: false,
        })
    }

    /// Whether the port of a reader of that name matters: only then is its driver asked.
    fn asks_port(&self, reader: &str) -> bool {
        self.readers.iter().any(|section| section.usb.is_some() && section.pattern.is_match(reader))
    }
}

fn any_name() -> regex::Regex {
    // The empty pattern is a valid one, so this cannot fail.
    regex::Regex::new("").expect("the empty pattern")
}

/// The limits of time, nanoseconds. Nobody needs to change them; tests of what is slow make them short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A reader that gives no answer for so long is stuck (readers-and-scanners.md section 1.5).
    pub stuck_ns: i64,
    /// After a phone asked to be unlocked, it is asked again so often (apple-vas.md section 11).
    pub retry_every_ns: i64,
    /// For so long.
    pub retry_ns: i64,
}

impl Limits {
    /// What the specifications say.
    pub const DEFAULT: Limits =
        Limits { stuck_ns: 5_000_000_000, retry_every_ns: 500_000_000, retry_ns: 15_000_000_000 };
}

/// Makes the feedback of a reader, by its name and section, when that reader comes up.
pub type FeedbackMaker = Box<dyn Fn(&str, &ReaderConfig) -> Box<dyn Feedback> + Send + Sync>;

/// The light and sound that each reader has of its own, by its family or by what its section says.
pub fn light_and_sound(clock: Clock) -> FeedbackMaker {
    Box::new(move |reader, config| lamp::feedback(reader, config, clock.clone()))
}

/// All readers of the shop, running.
pub struct Readers {
    shared: Arc<Shared>,
    switch: Arc<Switch>,
    monitor: Running,
    watchdog: Running,
}

/// A thread, and the word that it ended.
struct Running {
    thread: JoinHandle<()>,
    ended: mpsc::Receiver<()>,
}

/// How long [`Readers::start`] waits for the first look at the readers: a service that is only just being started by its
/// socket needs some hundred milliseconds.
const FIRST_LOOK_WAIT_MAX: Duration = Duration::from_secs(5);

/// How long [`Readers::stop`] waits for a thread. A reader that is stuck holds its own for longer.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

/// How often a cancel is repeated: one that comes a moment before the wait begins is lost (readers-and-scanners.md
/// section 1.4).
const CANCEL_EVERY: Duration = Duration::from_millis(20);

impl Readers {
    /// Starts the threads. Returns when the first look at the readers was taken, so that a chip that lies there from before
    /// is told apart from one that comes now; with no service that is at once. Fails when the system gives no thread.
    pub fn start(
        config: ReadersConfig,
        keys: Arc<Keyring>,
        clock: Clock,
        sink: Arc<dyn TapSink>,
        feedback: FeedbackMaker,
    ) -> std::io::Result<Readers> {
        let watchdog = Arc::new(Watchdog::new(clock.clone(), config.limits.stuck_ns));
        let shared = Arc::new(Shared {
            sink: sink.clone(),
            board: Board::new(sink, clock.clone()),
            clock,
            keys: KeysInUse(RwLock::new(keys)),
            limits: config.limits,
            watchdog,
        });
        let switch = Arc::new(Switch::default());
        let guard = shared.clone();
        let watchdog = spawn("reader-watchdog", move || watch(&guard))?;
        let (looked, first_look) = mpsc::sync_channel(1);
        let monitor = Monitor::new(config, feedback, shared.clone(), switch.clone(), looked);
        let monitor = spawn("reader-monitor", move || monitor.run())?;
        // Late or failed, the shop opens: whatever lies there then is read as if it had just come.
        let _ = first_look.recv_timeout(FIRST_LOOK_WAIT_MAX);
        Ok(Readers { shared, switch, monitor, watchdog })
    }

    /// All readers that there are now, by name.
    pub fn statuses(&self) -> Vec<ReaderStatus> {
        self.shared.board.statuses()
    }

    /// [`Readers::statuses`] for whoever does not own the readers; no reader is left once they stopped.
    pub fn statuses_source(&self) -> impl Fn() -> Vec<ReaderStatus> + Send + Sync + 'static {
        // Weak: the sink that asks is itself held by the readers.
        let shared = Arc::downgrade(&self.shared);
        move || shared.upgrade().map_or_else(Vec::new, |shared| shared.board.statuses())
    }

    /// The service behind them; `None` before the first look.
    pub fn service(&self) -> Option<ServiceStatus> {
        self.shared.board.service()
    }

    /// From the next tap on, other keys and pass types.
    pub fn set_keys(&self, keys: Arc<Keyring>) {
        *self.shared.keys.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Stops the threads and waits for them, but not for a reader that is stuck. A tap that is being committed is.
    pub fn stop(self) {
        self.switch.turn_off();
        self.shared.watchdog.stop();
        let mut waited = Duration::ZERO;
        while waited < STOP_WAIT_MAX
            && self.monitor.ended.recv_timeout(CANCEL_EVERY) == Err(mpsc::RecvTimeoutError::Timeout)
        {
            self.switch.cancel();
            waited += CANCEL_EVERY;
        }
        for running in [self.monitor, self.watchdog] {
            running.join(CANCEL_EVERY);
        }
    }
}

impl Running {
    /// Waits for the end; false when it did not come and the thread was left alone.
    fn join(self, wait_max: Duration) -> bool {
        let ended = self.ended.recv_timeout(wait_max) != Err(mpsc::RecvTimeoutError::Timeout);
        if ended && self.thread.join().is_err() {
            tracing::error!("a reader thread ended by a panic");
        }
        ended
    }
}

/// Starts a thread by name. The word that it ended is its sender, dropped with it.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<Running> {
    let (running, ended) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _running = running;
        run();
    })?;
    Ok(Running { thread, ended })
}

/// The watchdog's thread: a reader that is stuck is marked, and its tap reported, without waiting for it.
fn watch(shared: &Shared) {
    let mark = |overdue: &Overdue| {
        tracing::warn!(reader = &*overdue.reader, "reader gives no answer");
        shared.board.raise(&overdue.reader, Condition::Stuck);
    };
    let report = |overdue: Overdue| {
        let statuses = shared.board.statuses();
        let Some(till) = statuses.iter().find(|known| *known.name == *overdue.reader).map(|known| known.till.clone())
        else {
            return;
        };
        let (reader, result) = (overdue.reader.to_string(), Err(TapProblem::ChipError));
        let shown = Shown::Chip;
        let tap = ReaderTap { reader, till, shown, result, google_key: None, timing: overdue.timing };
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shared.sink.tapped(tap)));
        if told.is_err() {
            tracing::error!(reader = &*overdue.reader, "the report of a stuck reader failed");
        }
    };
    shared.watchdog.run(mark, report);
}

/// The keys as they are now; a tap uses from its first command to its last proof those that were in force when it began.
struct KeysInUse(RwLock<Arc<Keyring>>);

impl KeysInUse {
    fn now(&self) -> Arc<Keyring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_section_that_fits_name_and_port_counts() {
        let till = |name: &str| TillId::new(name).expect("a till");
        let mut config = ReadersConfig::new(till("first"));
        let section = |pattern: &str, usb: Option<&str>, name: &str| ReaderConfig {
            pattern: regex::Regex::new(pattern).expect("a pattern"),
            usb: usb.map(str::to_owned),
            till: till(name),
            ..ReadersConfig::new(till("first")).of("any", None)
        };
        config.readers = vec![
            section("ACR122", Some("1-1.2"), "left"),
            section("ACR122", Some("1-1.3"), "right"),
            section("VTAP", None, "door"),
        ];
        let served = |reader: &str, port: Option<&str>| config.of(reader, port).till.to_string();
        assert_eq!(served("ACS ACR122U 00 00", Some("1-1.2")), "left");
        assert_eq!(served("ACS ACR122U 00 00", Some("1-1.3")), "right");
        assert_eq!(served("ACS ACR122U 01 00", Some("1-1.4")), "first", "on a port that nobody named");
        assert_eq!(served("ACS ACR122U 01 00", None), "first", "where the port is not known");
        assert_eq!(served("VTAP 00 00", None), "door");
        assert!(config.asks_port("ACS ACR122U 00 00") && !config.asks_port("VTAP 00 00"));
    }
}
