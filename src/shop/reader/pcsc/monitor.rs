//! The monitor's thread: asks the service which readers there are and what lies on them, lets [`Picture`] tell what
//! changed, and hands that on: to the readers' threads, which it starts and stops, and to the board.
//!
//! The service may go away in any call. Then every context is dead for ever, even once the service is back
//! (readers-and-scanners.md section 1.3): all are dropped, and new ones made after 100 ms, 200 ms, … up to one second. The
//! picture stays, so that what is missing afterwards is reported.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use ::pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, Scope, State};

use crate::shop::reader::ServiceStatus;

use super::board::Condition;
use super::fault::{REFUSALS_MIN, ServiceFault};
use super::mailbox::{ChipHere, Mailbox, Unreadable, WhyUnreadable};
use super::picture::{Change, Field, Picture, Sighting};
use super::usb;
use super::worker::{Shared, Worker};
use super::{FeedbackMaker, ReadersConfig, Running, spawn};

/// The longest wait for a change. Older services lose the news that a reader came or went between two waits, so the list
/// is asked for again this often (readers-and-scanners.md section 1.2).
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The first and the longest wait for a service that is away.
const AWAY_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How soon the readers are listed again after one of a list was not there any more.
const LIST_AGAIN_WAIT: Duration = Duration::from_millis(20);

/// How long the readers' threads may take to stop, all together.
const STOP_NS_MAX: i64 = 1_500_000_000;

/// Ends the monitor from outside.
#[derive(Default)]
pub struct Switch {
    off: AtomicBool,
    /// The context on which the monitor waits: cancelling goes through the same one.
    context: Mutex<Option<Context>>,
    turned_off: Condvar,
}

/// The monitor, not started yet.
pub struct Monitor {
    config: ReadersConfig,
    feedback: FeedbackMaker,
    shared: Arc<Shared>,
    switch: Arc<Switch>,
    /// Told once, after the first look.
    looked: Option<mpsc::SyncSender<()>>,
    picture: Picture,
    stations: BTreeMap<String, Station>,
}

/// A reader's thread, as the monitor knows it.
struct Station {
    mailbox: Arc<Mailbox>,
    /// `None` when the system gave no thread.
    worker: Option<Running>,
}

/// Why a wait for the service, or on it, ended.
enum Ended {
    SwitchedOff,
    Fault(ServiceFault),
}

impl Switch {
    /// The flag first: a cancel that comes a moment too early is lost, and the flag is not.
    pub fn turn_off(&self) {
        self.off.store(true, Ordering::SeqCst);
        self.cancel();
    }

    /// Cancels the wait that is under way, if one is.
    pub fn cancel(&self) {
        let context = self.lock();
        if let Some(context) = &*context {
            // Fails where the wait ended by itself in the same instant, which is as well.
            let _ = context.cancel();
        }
        self.turned_off.notify_all();
    }

    fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    fn use_context(&self, context: Option<Context>) {
        *self.lock() = context;
    }

    fn wait_off(&self, wait: Duration) {
        let context = self.lock();
        if !self.is_off() {
            drop(self.turned_off.wait_timeout(context, wait));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Context>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor {
    /// A monitor that says to `looked` when it has taken its first look.
    pub fn new(
        config: ReadersConfig,
        feedback: FeedbackMaker,
        shared: Arc<Shared>,
        switch: Arc<Switch>,
        looked: mpsc::SyncSender<()>,
    ) -> Self {
        let (picture, stations) = (Picture::default(), BTreeMap::new());
        Self { config, feedback, shared, switch, looked: Some(looked), picture, stations }
    }

    /// Runs until switched off, then stops the readers' threads and waits for them, but for the stuck ones.
    pub fn run(mut self) {
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            tracing::error!("reader monitor failed and starts again");
            self.forget_service(ServiceFault::Lost);
            self.switch.wait_off(AWAY_WAIT.1);
        }
        let stations = std::mem::take(&mut self.stations);
        for station in stations.values() {
            station.mailbox.tell(|orders| orders.stop = true);
        }
        let until_ns = self.shared.clock.boot_ns() + STOP_NS_MAX;
        for (reader, station) in stations {
            let left_ns = (until_ns - self.shared.clock.boot_ns()).max(0).unsigned_abs();
            if station.worker.is_some_and(|worker| !worker.join(Duration::from_nanos(left_ns))) {
                tracing::warn!(reader, "reader gives no answer; its thread is left behind");
            }
        }
    }

    fn serve(&mut self) {
        let mut away = AWAY_WAIT.0;
        let mut refusals = 0;
        while !self.switch.is_off() {
            match Context::establish(Scope::System) {
                Ok(context) => {
                    (away, refusals) = (AWAY_WAIT.0, 0);
                    self.switch.use_context(Some(context.clone()));
                    let ended = self.watch(&context);
                    self.switch.use_context(None);
                    match ended {
                        Ended::SwitchedOff => return,
                        Ended::Fault(fault) => self.forget_service(fault),
                    }
                }
                Err(error) => {
                    refusals = if error == Error::SecurityViolation { (refusals + 1).min(REFUSALS_MIN) } else { 0 };
                    if let Some(fault) = ServiceFault::at_establish(error, refusals) {
                        self.picture.looked_at_nothing();
                        self.tell_service(fault.into());
                        self.tell_looked();
                    }
                }
            }
            self.switch.wait_off(away);
            away = (away * 2).min(AWAY_WAIT.1);
        }
    }

    /// Watches the readers on one context until it dies.
    fn watch(&mut self, context: &Context) -> Ended {
        // Kept through all waits: newer services count their changes in it.
        let mut plug_and_play = ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE);
        let mut names = match list(context) {
            Ok(names) => names,
            Err(fault) => return Ended::Fault(fault),
        };
        // The readers' contexts died with ours.
        for station in self.stations.values() {
            station.mailbox.tell(|orders| orders.renew = true);
        }
        loop {
            // Unaware of everything, so this returns what is true now.
            let mut states: Vec<ReaderState> =
                names.iter().map(|name| ReaderState::new(name.clone(), State::UNAWARE)).collect();
            match wait(context, Duration::ZERO, &mut states) {
                Ok(Woken::Changed | Woken::Quiet) => {
                    // The service first, then its readers: that is the order in which they became usable.
                    self.tell_service(ServiceStatus::Up);
                    self.observe(&states);
                }
                Ok(Woken::Unknown | Woken::Cancelled) => {
                    // A reader went between the list and the look.
                    self.switch.wait_off(LIST_AGAIN_WAIT);
                    match list(context) {
                        Ok(listed) => names = listed,
                        Err(fault) => return Ended::Fault(fault),
                    }
                    continue;
                }
                Err(fault) => return Ended::Fault(fault),
            }
            self.tell_looked();
            states.push(plug_and_play);
            let known = loop {
                if self.switch.is_off() {
                    return Ended::SwitchedOff;
                }
                states.iter_mut().for_each(ReaderState::sync_current_state);
                let woken = match wait(context, self.wait_max(), &mut states) {
                    Ok(woken) => woken,
                    Err(fault) => return Ended::Fault(fault),
                };
                let count = states.len() - 1;
                if woken == Woken::Changed {
                    self.observe(&states[..count]);
                }
                match list(context) {
                    Ok(listed) if listed == names && woken == Woken::Changed => {}
                    Ok(listed) => break listed,
                    Err(fault) => return Ended::Fault(fault),
                }
            };
            names = known;
            // The plug-and-play reader is always the last.
            plug_and_play = states.swap_remove(states.len() - 1);
            plug_and_play.sync_current_state();
        }
    }

    fn wait_max(&self) -> Duration {
        let now_ns = self.shared.clock.boot_ns();
        match self.picture.due_ns(now_ns) {
            // Whole milliseconds are waited for, rounded up so that what is due is due.
            Some(due_ns) => {
                Duration::from_millis((due_ns - now_ns).max(0).unsigned_abs() / 1_000_000 + 1).min(WAIT_MAX)
            }
            None => WAIT_MAX,
        }
    }

    fn observe(&mut self, states: &[ReaderState]) {
        let now_ns = self.shared.clock.boot_ns();
        let sightings: Vec<Sighting> = states.iter().filter_map(sighting).collect();
        for change in self.picture.observe(now_ns, &sightings) {
            self.act(change, now_ns);
        }
    }

    fn act(&mut self, change: Change, seen_ns: i64) {
        tracing::debug!(?change, "reader changed");
        match change {
            Change::ReaderUp { reader, occupied } => self.reader_up(reader, occupied),
            Change::ReaderDown { reader } => {
                if let Some(station) = self.stations.remove(&reader) {
                    station.mailbox.tell(|orders| orders.stop = true);
                }
                self.shared.board.reader_down(&reader);
            }
            Change::ChipCame { reader, presence, atr } => {
                let chip = ChipHere { presence, insertions: 1, in_field: true, atr, seen_ns };
                // Before its thread can have read it.
                self.shared.board.occupied(&reader, true);
                self.tell(&reader, |mailbox| mailbox.tell(|orders| orders.chip = Some(chip)));
                self.shared.board.clear(&reader, Condition::Mute);
            }
            Change::ChipReturned { reader, presence, atr } => {
                self.tell(&reader, |mailbox| {
                    mailbox.tell(|orders| {
                        let insertions = orders.chip.as_ref().map_or(1, |chip| chip.insertions + 1);
                        orders.chip = Some(ChipHere { presence, insertions, in_field: true, atr, seen_ns });
                    });
                });
                self.shared.board.clear(&reader, Condition::Mute);
            }
            Change::ChipLost { reader, .. } => self.tell(&reader, |mailbox| {
                mailbox.tell(|orders| {
                    if let Some(chip) = &mut orders.chip {
                        chip.in_field = false;
                    }
                });
            }),
            Change::ChipLeft { reader, .. } => {
                self.tell(&reader, |mailbox| mailbox.tell(|orders| orders.chip = None));
                self.shared.board.occupied(&reader, false);
                for condition in [Condition::LiftFirst, Condition::Mute, Condition::Held] {
                    self.shared.board.clear(&reader, condition);
                }
            }
            Change::ChipGlimpsed { reader, presence } => {
                self.shared.board.occupied(&reader, true);
                let unreadable = Unreadable { presence, why: WhyUnreadable::Glimpsed, seen_ns };
                self.tell(&reader, |mailbox| mailbox.tell(|orders| orders.unreadable = Some(unreadable)));
            }
            Change::ChipMute { reader, presence } => {
                self.shared.board.occupied(&reader, true);
                self.shared.board.raise(&reader, Condition::Mute);
                let unreadable = Unreadable { presence, why: WhyUnreadable::Mute, seen_ns };
                self.tell(&reader, |mailbox| mailbox.tell(|orders| orders.unreadable = Some(unreadable)));
            }
        }
    }

    fn tell(&self, reader: &str, tell: impl FnOnce(&Mailbox)) {
        if let Some(station) = self.stations.get(reader) {
            tell(&station.mailbox);
        }
    }

    fn reader_up(&mut self, reader: String, occupied: bool) {
        // A name from the service holds no zero byte; one that did could not be connected to either.
        let Ok(name) = CString::new(reader.as_bytes()) else { return };
        let port = if self.config.asks_port(&reader) { usb::port_of(&name) } else { None };
        let config = self.config.of(&reader, port.as_deref());
        self.shared.board.reader_up(&reader, &config.till, occupied);
        let mailbox = Arc::new(Mailbox::default());
        let feedback = (self.feedback)(&reader, &config);
        let codes = self.config.codes_of(&reader);
        let worker = Worker::new(&name, config, codes, mailbox.clone(), feedback, self.shared.clone());
        let worker = spawn("reader", move || worker.run())
            .inspect_err(|error| {
                tracing::error!(reader, %error, "reader is not served: the system gives no thread");
                self.shared.board.raise(&reader, Condition::Stuck);
            })
            .ok();
        self.stations.insert(reader, Station { mailbox, worker });
    }

    /// The service is away: contexts are dropped, the picture stays.
    fn forget_service(&mut self, fault: ServiceFault) {
        self.picture.interrupted();
        self.tell_service(fault.into());
    }

    fn tell_service(&self, service: ServiceStatus) {
        if self.shared.board.service().as_ref() == Some(&service) {
            return;
        }
        match &service {
            ServiceStatus::Up => tracing::info!("readers can be used"),
            ServiceStatus::Down { reason, remedy } => tracing::warn!(reason, remedy, "readers cannot be used"),
        }
        self.shared.board.service_changed(service);
    }

    fn tell_looked(&mut self) {
        if let Some(looked) = self.looked.take() {
            // Whoever started us may have stopped waiting.
            let _ = looked.send(());
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// Some state changed; all states are filled in.
    Changed,
    /// Nothing changed.
    Quiet,
    /// A reader of the list is gone.
    Unknown,
    /// Somebody cancelled.
    Cancelled,
}

fn wait(context: &Context, wait_max: Duration, states: &mut [ReaderState]) -> Result<Woken, ServiceFault> {
    match context.get_status_change(wait_max, states) {
        Ok(()) => Ok(Woken::Changed),
        Err(Error::Timeout) => Ok(Woken::Quiet),
        Err(Error::Cancelled) => Ok(Woken::Cancelled),
        Err(Error::UnknownReader | Error::ReaderUnavailable | Error::NoReadersAvailable) => Ok(Woken::Unknown),
        Err(error) => Err(ServiceFault::on_context(error)),
    }
}

/// The names of all readers, in the service's order.
fn list(context: &Context) -> Result<Vec<CString>, ServiceFault> {
    match context.list_readers_owned() {
        Ok(names) => Ok(names),
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        Err(error) => Err(ServiceFault::on_context(error)),
    }
}

fn sighting(state: &ReaderState) -> Option<Sighting> {
    sighting_of(state.name(), state.event_state(), state.event_count(), state.atr())
}

/// What a state says; `None` when its reader is gone. Only the bits that concern the chip count: INUSE and EXCLUSIVE flip
/// with every connection, our own among them.
pub fn sighting_of(name: &CStr, flags: State, event_count: u32, atr: &[u8]) -> Option<Sighting> {
    if flags.intersects(State::UNKNOWN | State::IGNORE | State::UNAVAILABLE) {
        return None;
    }
    let field = if !flags.contains(State::PRESENT) {
        Field::Empty
    } else if flags.contains(State::MUTE) {
        Field::Mute
    } else if atr.is_empty() {
        Field::Waking
    } else {
        Field::Chip(atr.to_vec())
    };
    Some(Sighting { reader: name.to_string_lossy().into_owned(), field, event_count })
}
