//! One scanner's task: opens the device, takes what it delivers to the sink, and when it goes away tries again, less and
//! less often. The same for every kind of device.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::pure::tap::scan::Code;
use crate::pure::tap::scan::frame::Frame;
use crate::pure::tap::scan::steady::Steady;
use crate::pure::tap::{Opened, TokenProblem};

use super::{
    Interface, ScannerConfig, ScannerScan, ScannerState, ScannerStatus, Shared, Trouble, hid, keyboard, serial,
};

/// The first pause before a device is opened again, and the longest: whoever plugs it in waits for no more.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// One scanner's task.
pub struct Attendant {
    pub(super) config: ScannerConfig,
    shared: Arc<Shared>,
    /// Told once, when the device was tried.
    looked: Option<mpsc::Sender<()>>,
    state: Option<ScannerState>,
    steady: Steady,
    retry: Duration,
}

impl Attendant {
    pub fn new(config: ScannerConfig, shared: Arc<Shared>, looked: mpsc::Sender<()>) -> Self {
        Self { config, shared, looked: Some(looked), state: None, steady: Steady::default(), retry: RETRY_MIN }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        loop {
            let trouble = match self.config.interface {
                Interface::Serial { baud } => serial::serve(&mut self, baud).await,
                Interface::Keyboard { layout } => keyboard::serve(&mut self, layout).await,
                Interface::HidPos => hid::serve(&mut self).await,
            };
            if self.state != Some(trouble.state) {
                let scanner = self.config.name();
                tracing::warn!(scanner, state = trouble.state.name(), "scanner.state: {}", trouble.detail);
            }
            self.is(trouble.state);
            tokio::time::sleep(self.retry).await;
            self.retry = (self.retry * 2).min(RETRY_MAX);
        }
    }

    /// The device is open.
    pub fn up(&mut self) {
        self.retry = RETRY_MIN;
        self.is(ScannerState::Ready);
    }

    fn is(&mut self, state: ScannerState) {
        if self.state.replace(state) != Some(state) {
            let status = ScannerStatus { name: self.config.name(), till: self.config.till.clone(), state };
            self.shared.sink.scanner_changed(status);
        }
        if let Some(looked) = self.looked.take() {
            // Nobody waits any more where the start took too long.
            let _ = looked.send(());
        }
    }

    /// Nanoseconds since boot.
    pub fn now_ns(&self) -> i64 {
        self.shared.clock.boot_ns()
    }

    /// Waits until then; for ever where there is nothing to wait for.
    pub async fn until(&self, at_ns: Option<i64>) {
        match at_ns {
            Some(at_ns) => {
                let wait_ns = (at_ns - self.now_ns()).max(0).unsigned_abs();
                // A timer may be a moment early, and nothing would have ended yet.
                tokio::time::sleep(Duration::from_nanos(wait_ns) + Duration::from_millis(1)).await;
            }
            None => std::future::pending().await,
        }
    }

    /// A frame came to its end: it is read and taken to the sink.
    pub async fn frame(&mut self, frame: Frame) {
        match &frame.bytes {
            Some(bytes) => {
                let code = self.config.reading.read(bytes);
                self.code(bytes, code, frame.begun_ns).await;
            }
            None => self.code(&[], Err(TokenProblem::Unknown), frame.begun_ns).await,
        }
    }

    /// A code came: it is taken to the sink, unless it is still in sight. `bytes` are what tells one code from another.
    pub async fn code(&mut self, bytes: &[u8], code: Result<Code, TokenProblem>, begun_ns: i64) {
        let now_ns = self.now_ns();
        if !self.steady.is_new(bytes, now_ns) {
            return;
        }
        let read = code.and_then(|code| self.shared.keys.scanned(&code));
        self.hint(bytes, &read);
        let scan = ScannerScan {
            scanner: self.config.name(),
            till: self.config.till.clone(),
            read,
            begun_ns,
            token_ns: self.now_ns(),
        };
        let sink = self.shared.sink.clone();
        if tokio::task::spawn_blocking(move || sink.scanned(scan)).await.is_err() {
            tracing::error!(scanner = self.config.name(), "scanner.scan: a scan was not taken");
        }
    }

    /// Whether a code would have been a token of ours.
    pub fn would_be_read(&self, code: &Code) -> bool {
        self.shared.keys.scanned(code).is_ok()
    }

    /// Says what an installer can see in a code that was no token.
    fn hint(&self, bytes: &[u8], read: &Opened) {
        let aim = !self.config.reading.aim && bytes.first() == Some(&b']') && read.is_err();
        if aim && bytes.get(3..).is_some_and(|rest| self.would_be_read(&Code::printed(rest))) {
            let scanner = self.config.name();
            tracing::warn!(scanner, "scanner.hint: it sends the symbology before the code; set framing.aim = true");
        }
    }
}

impl Trouble {
    /// The device answered a read with nothing: it was unplugged.
    pub fn hung_up() -> Self {
        Trouble::gone("the device hung up")
    }
}
