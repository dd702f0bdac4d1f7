//! The desk between readers and till: takes each tap into the ledger, tells what became of it, and knows the readers as
//! they are now.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use crate::base::clock::Clock;
use crate::base::config::{self, Config};
use crate::pure::domain::Actor;
use crate::pure::tap::Release;
use crate::pure::wire::lan::{ReaderList, ReaderView, TapView};
use crate::pure::wire::text::json;
use crate::shop::ledger::{LedgerError, WriteError};
use crate::shop::reader::light::Profile;
use crate::shop::reader::pcsc::{Access, OwnSignals};
use crate::shop::reader::{
    Decision, ReaderConfig, ReaderState, ReaderStatus, ReaderTap, Readers, ReadersConfig, ServiceStatus, TapSink,
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
    /// Every tap changes what lies on a reader, so that is asked for and not told.
    statuses: OnceLock<Statuses>,
}

/// The readers as they are at this instant.
type Statuses = Box<dyn Fn() -> Vec<ReaderStatus> + Send + Sync>;

/// The readers as they were last told.
struct Seen {
    service: ServiceStatus,
    readers: BTreeMap<String, (ReaderStatus, u64)>,
}

impl Desk {
    pub fn new(till: Till, clock: Clock) -> Self {
        let seen = Seen { service: ServiceStatus::Up, readers: BTreeMap::new() };
        Self { till, clock, printer: RwLock::new(None), seen: Mutex::new(seen), statuses: OnceLock::new() }
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
        let view = |(status, exchanges): &(ReaderStatus, u64)| ReaderView {
            name: status.name.clone(),
            till: status.till.to_string(),
            state: status.state.name().to_owned(),
            occupied: occupied(&status.name),
            remedy: status.state.remedy().map(str::to_owned),
            exchanges: *exchanges,
        };
        ReaderList { service, remedy, readers: seen.readers.values().map(view).collect() }
    }

    /// Tells listeners of a reader that came or went; nothing waits for it.
    fn live(&self, name: &'static str, status: &ReaderStatus) {
        let now = self.clock.now();
        let till = status.till.to_string();
        let view = ReaderView {
            name: status.name.clone(),
            till: till.clone(),
            state: status.state.name().to_owned(),
            occupied: status.occupied,
            remedy: status.state.remedy().map(str::to_owned),
            exchanges: 0,
        };
        let data = json(&view);
        drop(self.till.ledger().write(move |txn| {
            txn.live_append(&now, name, Some(&till), &data)?;
            Ok::<(), LedgerError>(())
        }));
    }

    fn print(&self, tap: &ReaderTap, view: Option<&TapView>, fault: Option<&str>, commit_ms: f64) {
        let printer = self.printer.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(printer) = printer.as_ref() {
            printer(&tap_line(tap, view, fault, commit_ms));
        }
    }
}

impl TapSink for Desk {
    fn tapped(&self, tap: ReaderTap) -> Decision {
        let (till, now) = (self.till.clone(), self.clock.now());
        let timing = tap.timing;
        let presentation = |read| Presentation {
            till: tap.till.clone(),
            reader: Some(tap.reader.clone()),
            source: Source::Tap,
            actor: Actor::device(Some(tap.till.clone())),
            read,
            seen_ns: timing.chip_seen_ns,
            timing: Some(TapPhases {
                first_apdu_ns: timing.chip_seen_ns + i64::from(timing.chip_to_first_apdu_us) * 1000,
                token_ns: timing.chip_seen_ns + i64::from(timing.chip_to_token_us) * 1000,
            }),
        };
        let written = match tap.result.clone() {
            Ok(opened) => {
                let shown = presentation(opened);
                self.till.ledger().write_wait(move |txn| till.present_in_txn(txn, &now, shown))
            }
            Err(problem) => {
                let shown = presentation(Vec::new());
                self.till.ledger().write_wait(move |txn| till.unread_in_txn(txn, &now, shown, problem))
            }
        };
        let commit_ms = (self.clock.boot_ns() - timing.chip_seen_ns) as f64 / 1e6;
        if let Some((_, exchanges)) =
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).readers.get_mut(&tap.reader)
        {
            *exchanges += 1;
        }
        match written {
            Ok(Tapped { view, .. }) => {
                self.print(&tap, Some(&view), None, commit_ms);
                decision(&view)
            }
            Err(error) => {
                let text = match error {
                    WriteError::Work(TillError::Ledger(error)) | WriteError::Storage(error) => error.to_string(),
                    WriteError::Work(TillError::Unknown { detail, .. }) => detail,
                    WriteError::Work(other) => format!("{other:?}"),
                };
                tracing::error!(error = %text, reader = %tap.reader, "till.tap: a tap was not booked");
                self.print(&tap, None, Some(&text), commit_ms);
                Decision::Refused
            }
        }
    }

    fn reader_changed(&self, status: ReaderStatus) {
        let away = matches!(status.state, ReaderState::Gone | ReaderState::NoService);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.readers.get(&status.name).map(|(status, _)| status.state);
        let was_away = before.is_none_or(|state| matches!(state, ReaderState::Gone | ReaderState::NoService));
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
fn tap_line(tap: &ReaderTap, view: Option<&TapView>, fault: Option<&str>, commit_ms: f64) -> String {
    let ms = |us: u32| f64::from(us) / 1000.0;
    let timing = format!(
        "apdu {:.1} ms · token {:.1} ms · commit {commit_ms:.1} ms",
        ms(tap.timing.chip_to_first_apdu_us),
        ms(tap.timing.chip_to_token_us)
    );
    let Some(view) = view else {
        return format!("{} · not booked: {} · {timing}", tap.reader, fault.unwrap_or("the ledger failed"));
    };
    let medium = view.medium.as_deref().unwrap_or("-");
    let card = view.card.as_ref().map_or_else(|| "-".to_owned(), |card| format!("{} {}", card.serial, card.programme));
    let earned: i64 = view.entries.iter().filter(|_| view.outcome == "awarded").map(|entry| entry.units).sum();
    let balance = view.card.as_ref().map_or_else(String::new, |card| {
        format!(" · +{earned} · balance {}{}", card.balance, rewards(card.rewards_available))
    });
    let code = view.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    format!("{} · {medium} · {card} · {}{code}: {}{balance} · {timing}", tap.reader, view.outcome, view.text)
}

fn rewards(count: i64) -> String {
    if count == 0 { String::new() } else { format!(" · {count} reward(s) ready") }
}

/// The readers' part of the configuration: what a reader has of its own, and the first till for all others.
pub fn readers_config(config: &Config) -> ReadersConfig {
    let readers = config
        .readers
        .iter()
        .map(|reader| ReaderConfig {
            pattern: reader.name_match.clone(),
            usb: reader.usb.clone(),
            till: reader.till.clone(),
            protocols: reader.protocols.clone(),
            access: if reader.exclusive { Access::Exclusive } else { Access::Shared },
            originality: reader.originality,
            escape_start: reader.escape.start.clone(),
            feedback: match reader.feedback {
                config::FeedbackProfile::Auto => Profile::Auto,
                config::FeedbackProfile::None => Profile::None,
                config::FeedbackProfile::Acr122u => Profile::Acr122u,
                config::FeedbackProfile::Acr1252u => Profile::Acr1252u,
                config::FeedbackProfile::Acr1552u => Profile::Acr1552u,
                config::FeedbackProfile::Utrust => Profile::Utrust,
                config::FeedbackProfile::Springcard => Profile::Springcard,
                config::FeedbackProfile::Omnikey => Profile::Omnikey,
            },
            signals: OwnSignals {
                read: reader.escape.read.clone(),
                awarded: reader.escape.awarded.clone(),
                refused: reader.escape.refused.clone(),
            },
            release_override: reader.release.map(|release| match release {
                config::ReleaseRule::Unpower => Release::Unpower,
                config::ReleaseRule::Reset => Release::Reset,
                config::ReleaseRule::Leave => Release::Leave,
            }),
        })
        .collect();
    // A configuration always has a till.
    ReadersConfig { readers, ..ReadersConfig::new(config.tills[0].id.clone()) }
}
