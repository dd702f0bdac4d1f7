//! Scanners of the device's own: serial lines and USB ports that pose as one, keyboards, point-of-sale scanners by hidraw,
//! and wallet readers that type what they read. A code that comes through PC/SC is read by [`super::pcsc`].
//!
//! One thread with a runtime of its own serves all of them, one task each; [`ScanSink::scanned`] is called on a blocking
//! thread of that runtime and waited for, so that the codes of one scanner are taken in their order and none holds up
//! another scanner. A device that is not there, or goes away, is opened again for as long as the daemon runs, and what it
//! had in store then is thrown away. Keyboards and hidraw have a thread each that does nothing but read: it ends with the
//! device, or with the process. The decoders are pure (`pure::tap::scan`); the shells here open, read and close.
//!
//! `serial` runs end to end over a pair of ptys. `keyboard` and `hid` need /dev/input and /dev/hidraw, which no test here
//! has: they hold nothing but the calls.

mod attendant;
mod hid;
mod keyboard;
mod serial;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::base::clock::Clock;
use crate::pure::domain::TillId;
use crate::pure::tap::Opened;
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::scan::Reading;
use crate::pure::tap::scan::frame::FrameRule;
use crate::pure::tap::scan::layout::Layout;

use self::attendant::Attendant;

pub use self::hid::descriptor_of;

/// One `[[scanner]]` section of the configuration, but those of kind `pcsc`.
#[derive(Clone, Debug)]
pub struct ScannerConfig {
    /// Its device.
    pub device: PathBuf,
    /// The till that it serves.
    pub till: TillId,
    /// How it is connected.
    pub interface: Interface,
    /// Bytes before a code; empty where there are none.
    pub start: Vec<u8>,
    /// Bytes after a code; empty ends it at CR, LF or both.
    pub end: Vec<u8>,
    /// How a frame is read.
    pub reading: Reading,
}

/// How a scanner is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// A serial line of this speed, bits per second, 8N1; USB that poses as one does not mind the speed.
    Serial {
        /// Bits per second.
        baud: u32,
    },
    /// A keyboard, taken for itself; set to this country.
    Keyboard {
        /// The country.
        layout: Layout,
    },
    /// A point-of-sale scanner.
    HidPos,
}

impl ScannerConfig {
    /// Its name in lists and events: the path of its device.
    pub fn name(&self) -> String {
        self.device.display().to_string()
    }

    fn frame_rule(&self, idle_ns: i64) -> FrameRule {
        FrameRule { start: self.start.clone(), end: self.end.clone(), idle_ns }
    }
}

/// Where scans go: the till, and whoever shows the scanners' states.
pub trait ScanSink: Send + Sync {
    /// Takes one scan and returns once it is committed or refused. Two scanners may call at once.
    fn scanned(&self, scan: ScannerScan);

    /// A scanner came, went, or changed its state.
    fn scanner_changed(&self, status: ScannerStatus);
}

/// What a scanner read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerScan {
    /// The scanner's name.
    pub scanner: String,
    /// The till that it serves.
    pub till: TillId,
    /// The token, or why there is none.
    pub read: Opened,
    /// When the first byte of the code came, nanoseconds since boot.
    pub begun_ns: i64,
    /// When the token was read, nanoseconds since boot.
    pub token_ns: i64,
}

/// One scanner as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerStatus {
    /// Its name.
    pub name: String,
    /// The till that it serves.
    pub till: TillId,
    /// What it does.
    pub state: ScannerState,
}

/// What a scanner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScannerState {
    /// Reads.
    Ready,
    /// Not plugged in.
    Gone,
    /// The daemon may not open it.
    NoRights,
    /// Another program has it.
    Held,
    /// The device is of another kind than the configuration says.
    WrongKind,
}

impl ScannerState {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ScannerState::Ready => "ready",
            ScannerState::Gone => "gone",
            ScannerState::NoRights => "no_rights",
            ScannerState::Held => "held",
            ScannerState::WrongKind => "wrong_kind",
        }
    }
}

/// Why a device cannot be used now; it is tried again.
#[derive(Debug)]
pub struct Trouble {
    /// What to show.
    pub state: ScannerState,
    /// For the log.
    pub detail: String,
}

impl Trouble {
    /// What the system said when a device was opened or read.
    fn of(error: &std::io::Error) -> Self {
        let state = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ScannerState::NoRights,
            std::io::ErrorKind::ResourceBusy => ScannerState::Held,
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error()) => ScannerState::WrongKind,
            _ => ScannerState::Gone,
        };
        Self { state, detail: error.to_string() }
    }

    fn wrong_kind(detail: impl Into<String>) -> Self {
        Self { state: ScannerState::WrongKind, detail: detail.into() }
    }

    fn gone(detail: impl Into<String>) -> Self {
        Self { state: ScannerState::Gone, detail: detail.into() }
    }
}

/// How much a thread that reads may be ahead.
const READ_AHEAD_MAX: usize = 64;

/// What comes from a thread that reads a device, and how it ended.
type Delivered<T> = tokio::sync::mpsc::Receiver<std::io::Result<T>>;

/// A thread that reads a device by calls that block, and what it read. The thread ends when the device does, or at its next
/// delivery once nobody listens.
fn blocking<T: Send + 'static>(
    name: &str,
    read: impl FnOnce(&tokio::sync::mpsc::Sender<std::io::Result<T>>) -> std::io::Result<()> + Send + 'static,
) -> std::io::Result<Delivered<T>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(READ_AHEAD_MAX);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = read(&sender) {
            // Nobody listens any more when the daemon stops.
            let _ = sender.blocking_send(Err(error));
        }
    })?;
    Ok(receiver)
}

/// All scanners of the shop, running.
pub struct Scanners {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    ended: mpsc::Receiver<()>,
}

/// What all tasks share.
struct Shared {
    keys: Arc<Keyring>,
    clock: Clock,
    sink: Arc<dyn ScanSink>,
}

/// How long [`Scanners::start`] waits until every device was tried once.
const FIRST_LOOK_WAIT_MAX: Duration = Duration::from_secs(3);

/// How long [`Scanners::stop`] waits for a scan that is being committed.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

/// How long the runtime waits for a scan under way before it leaves it alone.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a scanner whose task failed rests.
const AFTER_FAULT: Duration = Duration::from_secs(1);

impl Scanners {
    /// Starts the thread. Returns when every device was tried once, so that a scan from then on is not taken for an old one.
    /// Fails when the system gives no thread or runtime.
    pub fn start(
        configs: Vec<ScannerConfig>,
        keys: Arc<Keyring>,
        clock: Clock,
        sink: Arc<dyn ScanSink>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let (looked, first_looks) = mpsc::channel();
        let (running, ended) = mpsc::channel::<()>();
        let (count, stopped) = (configs.len(), stop.clone());
        let shared = Arc::new(Shared { keys, clock, sink });
        let thread = std::thread::Builder::new().name("scanners".to_owned()).spawn(move || {
            let _running = running;
            runtime.block_on(serve(configs, &shared, &looked, &stopped));
            runtime.shutdown_timeout(DRAIN);
        })?;
        for _ in 0..count {
            // A device that hangs when it is opened holds up nobody.
            let _ = first_looks.recv_timeout(FIRST_LOOK_WAIT_MAX);
        }
        Ok(Self { stop, thread, ended })
    }

    /// Stops the thread and waits for it, but not for long.
    pub fn stop(self) {
        self.stop.cancel();
        let ended = self.ended.recv_timeout(STOP_WAIT_MAX) != Err(mpsc::RecvTimeoutError::Timeout);
        if ended && self.thread.join().is_err() {
            tracing::error!("scanner.thread: it ended by a panic");
        }
    }
}

/// Serves all scanners until stopped. A task that fails is our fault: it is started again, the others go on.
async fn serve(configs: Vec<ScannerConfig>, shared: &Arc<Shared>, looked: &mpsc::Sender<()>, stop: &CancellationToken) {
    let mut tasks = tokio::task::JoinSet::new();
    for config in configs {
        let (shared, looked) = (shared.clone(), looked.clone());
        tasks.spawn(async move {
            loop {
                let attendant = Attendant::new(config.clone(), shared.clone(), looked.clone());
                let task = tokio::spawn(attendant.run());
                if task.await.is_err() {
                    tracing::error!(scanner = config.name(), "scanner.task: it failed and starts again");
                }
                tokio::time::sleep(AFTER_FAULT).await;
            }
        });
    }
    stop.cancelled().await;
}
