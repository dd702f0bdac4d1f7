//! The desk between readers and till: takes each tap into the ledger, tells what became of it, and knows the readers as
//! they are now.

mod key_watch;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use self::key_watch::KeyWatch;
use crate::base::clock::Clock;
use crate::pure::domain::Actor;
use crate::pure::tap::{Opened, TapProblem};
use crate::pure::text::{self, Unbooked};
use crate::pure::wire::lan::{ReaderList, ReaderView, TapView, TimingView};
use crate::pure::wire::text::json;
use crate::shop::ledger::{LedgerError, WriteError};
use crate::shop::reader::{
    Decision, ReaderState, ReaderStatus, ReaderTap, Readers, ScanSink, ScannerScan, ScannerState, ScannerStatus,
    ServiceStatus, Shown, TapSink,
};
use crate::shop::till::{Presentation, Source, TapPhases, Tapped, Till, TillError};

/// Takes a line that says what a tap did.
type Printer = Box<dyn Fn(&str) + Send + Sync>;

/// Where taps go.
pub struct Desk {
    till: Till,
    clock: Clock,
    printer: RwLock<Option<Printer>>,
    seen: Mutex<Seen>,
    google_key: KeyWatch,
    /// Every tap changes what lies on a reader, so that is asked for and not told.
    statuses: OnceLock<Statuses>,
}

/// The readers as they are at this instant.
type Statuses = Box<dyn Fn() -> Vec<ReaderStatus> + Send + Sync>;

/// The readers as they were last told.
struct Seen {
    service: ServiceStatus,
    readers: BTreeMap<String, (ReaderStatus, u64)>,
    scanners: BTreeMap<String, (ScannerStatus, u64)>,
}

impl Desk {
    pub fn new(till: Till, clock: Clock) -> Self {
        let seen = Seen { service: ServiceStatus::Up, readers: BTreeMap::new(), scanners: BTreeMap::new() };
        Self {
            till,
            clock,
            printer: RwLock::new(None),
            seen: Mutex::new(seen),
            google_key: KeyWatch::default(),
            statuses: OnceLock::new(),
        }
    }

    pub fn taps_to(&self, printer: impl Fn(&str) + Send + Sync + 'static) {
        *self.printer.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(printer));
    }

    /// Takes over the first picture of the readers.
    pub fn readers_known(&self, readers: &Readers) {
        // Called once, so nothing is there yet.
        let _ = self.statuses.set(Box::new(readers.statuses_source()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = readers.service() {
            seen.service = service;
        }
        for status in readers.statuses() {
            seen.readers.entry(status.name.clone()).or_insert((status, 0));
        }
    }

    /// The readers, for `GET /v1/readers` and health.
    pub fn reader_list(&self) -> ReaderList {
        let now = self.statuses.get().map_or_else(Vec::new, |statuses| statuses());
        let occupied = |name: &str| now.iter().any(|status| status.name == name && status.occupied);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (service, remedy) = match &seen.service {
            ServiceStatus::Up => ("ok".to_owned(), None),
            ServiceStatus::Down { reason, remedy } => (reason.clone(), Some(remedy.clone())),
        };
        let view =
            |(status, exchanges): &(ReaderStatus, u64)| self.reader_view(status, occupied(&status.name), *exchanges);
        let scanners = seen.scanners.values().map(|(status, scans)| self.scanner_view(status, *scans));
        let readers = seen.readers.values().map(view).chain(scanners).collect();
        ReaderList { service, remedy, readers, alarms: self.google_key.alarm().into_iter().collect() }
    }

    fn reader_view(&self, status: &ReaderStatus, occupied: bool, exchanges: u64) -> ReaderView {
        let state = status.state.name();
        ReaderView {
            name: status.name.clone(),
            till: status.till.to_string(),
            state: state.to_owned(),
            occupied,
            remedy: text::reader_remedy(self.till.settings().language, state),
            exchanges,
        }
    }

    fn scanner_view(&self, status: &ScannerStatus, scans: u64) -> ReaderView {
        let state = status.state.name();
        ReaderView {
            name: status.name.clone(),
            till: status.till.to_string(),
            state: state.to_owned(),
            occupied: false,
            remedy: text::scanner_remedy(self.till.settings().language, state),
            exchanges: scans,
        }
    }

    /// Tells listeners of a reader that came or went; nothing waits for it.
    fn live(&self, name: &'static str, status: &ReaderStatus) {
        self.live_view(name, &self.reader_view(status, status.occupied, 0));
    }

    fn live_view(&self, name: &'static str, view: &ReaderView) {
        self.live_tell(name, Some(view.till.clone()), json(view));
    }

    fn live_tell(&self, name: &'static str, till: Option<String>, data: String) {
        let now = self.clock.now();
        drop(self.till.ledger().write(move |txn| {
            txn.live_append(&now, name, till.as_deref(), &data)?;
            Ok::<(), LedgerError>(())
        }));
    }

    /// Takes what a reader or scanner gave into the ledger, and says what became of it.
    fn present(&self, shown: Presentation, problem: Option<TapProblem>) -> Decision {
        let (till, now) = (self.till.clone(), self.clock.now());
        let (reader, seen_ns, timing) = (shown.reader.clone().unwrap_or_default(), shown.seen_ns, shown.timing);
        let ledger = self.till.ledger();
        let told = (shown.till.to_string(), shown.reader.clone());
        let written = match problem {
            None => ledger.write_wait(move |txn| till.present_in_txn(txn, &now, shown)),
            Some(problem) => ledger.write_wait(move |txn| till.unread_in_txn(txn, &now, shown, problem)),
        };
        let ms = |at_ns: i64| (at_ns - seen_ns).max(0) as f64 / 1e6;
        let mut times = String::new();
        if let Some(phases) = timing {
            if let Some(first_apdu_ns) = phases.first_apdu_ns {
                times += &format!("apdu {:.1} ms · ", ms(first_apdu_ns));
            }
            times += &format!("token {:.1} ms · ", ms(phases.token_ns));
        }
        times += &format!("commit {:.1} ms", ms(self.clock.boot_ns()));
        match written {
            Ok(Tapped { view, .. }) => {
                self.print(&tap_line(&reader, &view, &times));
                decision(&view)
            }
            Err(error) => {
                let why = match &error {
                    WriteError::Work(TillError::Ledger(fault)) | WriteError::Storage(fault) => {
                        if matches!(fault, LedgerError::Damaged(_)) {
                            self.till.ledger().suspect();
                        }
                        if matches!(fault, LedgerError::DiskFull) { Unbooked::DiskFull } else { Unbooked::StorageFault }
                    }
                    WriteError::Work(_) => Unbooked::StorageFault,
                };
                self.unbooked_tell(told, why);
                tracing::error!(%error, reader, "till.tap: a tap was not booked");
                self.print(&format!("{reader} · not booked: {error} · {times}"));
                Decision::Refused
            }
        }
    }

    /// Tells the staff of a tap that could not even be noted: it is sent to who listens now.
    fn unbooked_tell(&self, (till, reader): (String, Option<String>), why: Unbooked) {
        let now = self.clock.now();
        let view = TapView {
            visit: self.till.fresh_id(now.wall_ms).to_string(),
            till: till.clone(),
            reader,
            medium: None,
            grade: None,
            at: now.moment().rfc3339(),
            card: None,
            customer_name: None,
            outcome: "refused".to_owned(),
            entries: Vec::new(),
            code: Some(why.code().to_owned()),
            text: text::unbooked(self.till.settings().language, why),
            retry_after_s: None,
            allowed: None,
            cards: None,
            clock_suspect: false,
            timing_ms: TimingView::default(),
        };
        self.till.ledger().tell_unkept(now.wall_ms, "tap.refused", Some(&till), json(&view));
    }

    fn print(&self, line: &str) {
        let printer = self.printer.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(printer) = printer.as_ref() {
            printer(line);
        }
    }
}

impl ScanSink for Desk {
    fn scanned(&self, scan: ScannerScan) {
        let ScannerScan { scanner, till, read, begun_ns, token_ns } = scan;
        if let Some((_, scans)) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).scanners.get_mut(&scanner) {
            *scans += 1;
        }
        let shown = Presentation {
            till: till.clone(),
            reader: Some(scanner),
            source: Source::Scan,
            actor: Actor::device(Some(till)),
            read: vec![read],
            seen_ns: begun_ns,
            timing: Some(TapPhases { first_apdu_ns: None, token_ns }),
        };
        // A scanner shows nothing: the screen and the till program do.
        let _ = self.present(shown, None);
    }

    fn scanner_changed(&self, status: ScannerStatus) {
        tracing::info!(scanner = %status.name, state = status.state.name(), "scanner.state");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let scans = seen.scanners.get(&status.name).map_or(0, |(_, scans)| *scans);
        let before = seen.scanners.insert(status.name.clone(), (status.clone(), scans));
        drop(seen);
        let was_up = before.map(|(before, _)| before.state == ScannerState::Ready);
        match (was_up, status.state == ScannerState::Ready) {
            (None | Some(false), true) => self.live_view("reader.up", &self.scanner_view(&status, scans)),
            (None | Some(true), false) => self.live_view("reader.down", &self.scanner_view(&status, scans)),
            _ => {}
        }
    }
}

impl TapSink for Desk {
    fn tapped(&self, tap: ReaderTap) -> Decision {
        let ReaderTap { reader, till, shown, result, google_key, timing } = tap;
        if let Some(alarm) = self.google_key.told(google_key) {
            self.live_tell("alarm", None, json(&alarm));
        }
        if let Some((_, exchanges)) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).readers.get_mut(&reader)
        {
            *exchanges += 1;
        }
        let (read, problem): (Vec<Opened>, _) = match result {
            Ok(opened) => (opened, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let shown = Presentation {
            till: till.clone(),
            reader: Some(reader),
            source: match shown {
                Shown::Chip => Source::Tap,
                Shown::Code => Source::Scan,
            },
            actor: Actor::device(Some(till)),
            read,
            seen_ns: timing.chip_seen_ns,
            timing: Some(TapPhases {
                first_apdu_ns: Some(timing.chip_seen_ns + i64::from(timing.chip_to_first_apdu_us) * 1000),
                token_ns: timing.chip_seen_ns + i64::from(timing.chip_to_token_us) * 1000,
            }),
        };
        self.present(shown, problem)
    }

    fn reader_changed(&self, status: ReaderStatus) {
        let away = is_away(status.state);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.readers.get(&status.name).map(|(status, _)| status.state);
        let was_away = before.is_none_or(is_away);
        if status.state == ReaderState::Gone {
            seen.readers.remove(&status.name);
        } else {
            let exchanges = seen.readers.get(&status.name).map_or(0, |(_, exchanges)| *exchanges);
            seen.readers.insert(status.name.clone(), (status.clone(), exchanges));
        }
        drop(seen);
        tracing::info!(reader = %status.name, state = status.state.name(), "reader.state");
        match (was_away, away) {
            (true, false) => self.live("reader.up", &status),
            (false, true) => self.live("reader.down", &status),
            _ => {}
        }
    }

    fn service_changed(&self, service: ServiceStatus) {
        match &service {
            ServiceStatus::Up => tracing::info!("reader.service: the smart card service answers"),
            ServiceStatus::Down { reason, remedy } => tracing::warn!("reader.service: {reason}; {remedy}"),
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).service = service;
    }
}

/// Whether a reader in that state reads nothing for a reason of its own, which is told as `reader.down`. One that took a
/// command and does not answer is as good as gone (apple-vas.md section 3).
fn is_away(state: ReaderState) -> bool {
    matches!(state, ReaderState::Gone | ReaderState::NoService | ReaderState::Stuck)
}

fn decision(view: &TapView) -> Decision {
    match view.outcome.as_str() {
        "awarded" => Decision::Awarded,
        "presented" => Decision::Presented,
        "already_counted" => Decision::AlreadyCounted,
        _ => Decision::Refused,
    }
}

/// One tap as one line: reader, medium, card, what was awarded, the new balance, and the milliseconds from the chip seen
/// to the first command, to the token, to the commit.
fn tap_line(reader: &str, view: &TapView, times: &str) -> String {
    let medium = view.medium.as_deref().unwrap_or("-");
    let card = view.card.as_ref().map_or_else(|| "-".to_owned(), |card| format!("{} {}", card.serial, card.programme));
    let earned: i64 = view.entries.iter().filter(|_| view.outcome == "awarded").map(|entry| entry.units).sum();
    let balance = view.card.as_ref().map_or_else(String::new, |card| {
        format!(" · +{earned} · balance {}{}", card.balance, rewards(card.rewards_available))
    });
    let code = view.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    format!("{reader} · {medium} · {card} · {}{code}: {}{balance} · {times}", view.outcome, view.text)
}

fn rewards(count: i64) -> String {
    if count == 0 { String::new() } else { format!(" · {count} reward(s) ready") }
}
