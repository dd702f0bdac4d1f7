//! The device, wired: builds every part from the configuration, starts and stops their threads, and owns nothing that
//! decides anything.
//!
//! Start: configuration, clock, ledger (its lock, schema and the last thousand events of its chain), programmes, keys,
//! till, doors, readers; only then is the start reported. SIGTERM and SIGINT let requests finish and stop within five
//! seconds; SIGHUP reads programmes, certificates and designs again.

mod backup;
mod counter;
mod desk;
mod keys;
mod passes;
mod programmes;
mod recovery;
mod scrub;
mod signing;
mod tls;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use backup::backup_verify;
pub use counter::interface;
pub use keys::keyring;
pub use passes::{material, passes_of};
pub use programmes::{parse_folder, rulebooks_of};
pub use recovery::{CopyUse, RestorePlan, Restored, restore, traces_of_books};
pub use signing::{open as signing_open, open_one as signing_open_one};
pub use tls::{LanCertificate, lan_certificate};

use crate::base::clock::{self, Clock};
use crate::base::config::{self, Config};
use crate::faces::door::{Doors, Lan, LanSettings, LanTls, lan_url};
use crate::faces::{console, exchange, lan as api};
use crate::pure::domain::Now;
use crate::pure::passes::apple::PassType;
use crate::pure::resolve::{Policy, WhenUntrusted};
use crate::pure::wire::lan::PartView;
use crate::shop::delivery::Passes;
use crate::shop::ledger::{Ledger, LedgerError, SegmentState};
use crate::shop::reader::pcsc::light_and_sound;
use crate::shop::reader::{Readers, Scanners};
use crate::shop::till::{Mode, Settings, Till, TillError, TillSettings};

/// How often the daemon looks for what is due.
const JOBS_EVERY: Duration = Duration::from_secs(10);

/// Cards whose jobs share a commit.
const JOBS_AT_ONCE: usize = 20;

/// How long requests under way may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(4);

/// A running device.
pub struct Daemon {
    /// The use cases.
    pub till: Till,
    /// The clocks.
    pub clock: Clock,
    config: Config,
    lan: Lan,
    doors: Doors,
    readers: Option<Readers>,
    scanners: Option<Scanners>,
    desk: Arc<desk::Desk>,
    backups: Arc<backup::Backups>,
    passes: Passes,
    signals: Signals,
}

/// The signals that the daemon obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            hangup: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
        })
    }
}

/// The use cases over the ledger that `config` names, without doors or readers: what the command line works on when no
/// daemon runs.
pub fn till_open(config: &Config) -> Result<(Till, Clock)> {
    till_open_at(config, 0)
}

/// As [`till_open`], the programmes dated `earlier_ms` before now: where a made-up history is to follow.
pub fn till_open_at(config: &Config, earlier_ms: i64) -> Result<(Till, Clock)> {
    let clock = Clock::new(config.shop.time_zone.clone(), config.clock.trust)?;
    let ledger = Ledger::open_with(&config.ledger.path, Some(&config.ledger.segments), clock.wall_ms())?;
    if let Some(newest_ms) = ledger.read(|reads| reads.newest_ms())? {
        clock.set_floor_ms(newest_ms);
    }
    let keys = Arc::new(keys::keyring(config)?);
    let till = Till::new(ledger, settings(config), keys, clock::random_fill);
    let now = clock.now();
    let rulebooks = programmes::load(config, &till, &Now { wall_ms: now.wall_ms - earlier_ms, ..now })?;
    till.rulebooks_set(rulebooks);
    Ok((till, clock))
}

/// What the use cases must know of the shop.
fn settings(config: &Config) -> Settings {
    let tills: BTreeMap<_, _> = config
        .tills
        .iter()
        .map(|till| {
            let mode = match till.mode {
                config::TillMode::Tap => Mode::Tap,
                config::TillMode::Sale => Mode::Sale,
            };
            let settings = TillSettings { mode, hold_s: i64::from(till.hold_s), repeat_s: i64::from(till.repeat_s) };
            (till.id.clone(), settings)
        })
        .collect();
    let when_untrusted = match config.clock.when_untrusted {
        config::WhenUntrusted::Mark => WhenUntrusted::Mark,
        config::WhenUntrusted::Refuse => WhenUntrusted::Refuse,
    };
    let policy = config.apple.first().map_or(Policy { when_untrusted, ..Policy::default() }, |apple| Policy {
        window_s: i64::from(apple.fresh_s),
        when_untrusted,
    });
    Settings {
        tills,
        open_sale_s: i64::from(config.api.open_sale_s),
        language: config.shop.language,
        policy,
        shop_name: config.shop.name.clone(),
        currency: config.shop.currency.clone(),
        base_url: config.api.public_url.clone().unwrap_or_else(|| lan_url(&config.api)),
    }
}

/// A device whose books are open and whose readers run, and which nobody can ask yet.
pub struct Opened {
    till: Till,
    clock: Clock,
    config: Config,
    desk: Arc<desk::Desk>,
    readers: Readers,
    scanners: Scanners,
    tls: Option<LanTls>,
    passes: Passes,
}

impl Opened {
    /// Opens the books and starts the readers. It blocks: call it outside the runtime. When it returns the first picture
    /// of the readers is taken.
    pub fn open(config: Config) -> Result<Self> {
        recovery::lost_check(&config)?;
        let (till, clock) = match till_open(&config) {
            Ok(opened) => opened,
            Err(error) => {
                let clock = Clock::new(config.shop.time_zone.clone(), config.clock.trust)?;
                return Err(recovery::start_failed(&config, error, clock.wall_ms()));
            }
        };
        // Before anybody can tap: a certificate of another pass type or team stops the start with both values.
        let passes = passes::passes_of(&config, &till, &clock)?;
        pass_types_told(&passes.material().types, &clock.now());
        let desk = Arc::new(desk::Desk::new(till.clone(), clock.clone()));
        let lights = light_and_sound(clock.clone());
        let readers = counter::readers_config(&config)?;
        let readers = Readers::start(readers, till.keys().clone(), clock.clone(), desk.clone(), lights)
            .context("cannot start the readers' threads")?;
        desk.readers_known(&readers);
        let scanners = counter::scanner_configs(&config);
        let scanners = Scanners::start(scanners, till.keys().clone(), clock.clone(), desk.clone())
            .context("cannot start the scanners' thread")?;
        let tls = tls::prepare(&config, clock.wall_ms())?;
        Ok(Self { till, clock, config, desk, readers, scanners, tls, passes })
    }
}

impl Daemon {
    /// Opens the doors; when it returns they accept.
    pub async fn start(opened: Opened) -> Result<Self> {
        let Opened { till, clock, config, desk, readers, scanners, tls, passes } = opened;
        // Before the doors: whoever saw one open may send a signal, and without these it would kill.
        let signals = Signals::listen()?;
        let lan_settings = LanSettings {
            shop_id: config.shop.id.clone(),
            shop_name: config.shop.name.clone(),
            origins: config.api.origins.clone(),
            names: config.api.names.clone(),
            certificate_sha256: tls.as_ref().map(|tls| tls.sha256.clone()),
        };
        let backups = Arc::new(backup::Backups::new(till.ledger().clone(), clock.clone(), config.backup.clone()));
        let (reader_desk, clock_seen, backups_seen) = (desk.clone(), clock.clone(), backups.clone());
        let (books, passes_seen) = (till.ledger().clone(), passes.clone());
        let lan = Lan::new(
            till.clone(),
            clock.clone(),
            lan_settings,
            Arc::new(move || reader_desk.reader_list()),
            Arc::new(move || {
                let passes = passes::part(&passes_seen, &clock_seen.now());
                let mut parts = vec![clock_part(&clock_seen), backups_seen.part(), passes];
                parts.extend(books.segments().map(segments_part));
                parts
            }),
        )
        .with_passes(passes.clone());
        let pages = api::router(lan.clone(), exchange::document())
            .merge(console::router(lan.clone()))
            .merge(exchange::router(lan.clone()));
        let doors = Doors::open(&config.api, pages, lan.stopping.clone(), tls).await?;
        let (readers, scanners) = (Some(readers), Some(scanners));
        Ok(Self { till, clock, config, lan, doors, readers, scanners, desk, backups, passes, signals })
    }

    /// Serves until SIGTERM or SIGINT, or until `stop` resolves.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) -> Result<()> {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let watchdog = watchdog_start(self.till.ledger().clone());
        let jobs = jobs_start(self.till.clone(), self.clock.clone());
        let backups = self.backups.start();
        let scrub = scrub::start(self.till.ledger().clone());
        let worker = self.passes.start().context("cannot start the thread that makes passes")?;
        let pokes = pokes_start(self.till.ledger(), self.passes.clone());
        tokio::pin!(stop);
        loop {
            tokio::select! {
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                () = &mut stop => break,
                _ = self.signals.hangup.recv() => self.reload().await,
            }
        }
        tracing::info!("daemon.stopping: finishing what is under way");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        if let Some(watchdog) = watchdog {
            watchdog.abort();
        }
        jobs.abort();
        backups.abort();
        scrub.abort();
        pokes.abort();
        let worker = tokio::task::spawn_blocking(move || worker.stop());
        self.lan.stopping.cancel();
        let (readers, scanners) = (self.readers.take(), self.scanners.take());
        let stop = move || {
            if let Some(scanners) = scanners {
                scanners.stop();
            }
            if let Some(readers) = readers {
                readers.stop();
            }
        };
        // Their threads end by themselves; a hung reader must not hold up the stop. The worker ends after the pass in hand.
        // All three at once, as one after the other could take longer than systemd waits.
        let readers = ended("readers", tokio::task::spawn_blocking(stop));
        tokio::join!(readers, ended("passes", worker), self.doors.close(DRAIN));
        Ok(())
    }

    /// The address of the first door.
    pub fn url(&self) -> String {
        self.doors.url()
    }

    /// Prints each tap as one line to `printer` from now on.
    pub fn taps_to(&self, printer: impl Fn(&str) + Send + Sync + 'static) {
        self.desk.taps_to(printer);
    }

    /// Reads programmes, certificates and designs again; one with an error leaves all of its kind as they were.
    async fn reload(&self) {
        let (config, till, now) = (self.config.clone(), self.till.clone(), self.clock.now());
        let loaded = tokio::task::spawn_blocking(move || {
            let rulebooks = programmes::load(&config, &till, &now)?;
            till.rulebooks_set(rulebooks);
            anyhow::Ok(till.rulebooks().len())
        });
        match loaded.await.map_err(anyhow::Error::from).and_then(|loaded| loaded) {
            Ok(count) => tracing::info!(count, "daemon.reload: the programmes were read again"),
            Err(error) => tracing::error!("daemon.reload: the programmes stay as they were: {error:#}"),
        }
        let (config, passes, now) = (self.config.clone(), self.passes.clone(), self.clock.now());
        let loaded = tokio::task::spawn_blocking(move || {
            passes.material_set(passes::material(&config, &now)?);
            anyhow::Ok(())
        });
        match loaded.await.map_err(anyhow::Error::from).and_then(|loaded| loaded) {
            Ok(()) => tracing::info!("daemon.reload: certificates and designs were read again"),
            Err(error) => tracing::error!("daemon.reload: certificates and designs stay as they were: {error:#}"),
        }
    }
}

/// Says at start which pass types cannot be signed now, and why; taps go on.
fn pass_types_told(types: &[PassType], now: &Now) {
    for kind in types {
        if let Some(Err(why)) = kind.signer.as_ref().map(|signer| signer.may_sign(now)) {
            tracing::warn!(pass_type = kind.issuer.pass_type_id, "daemon.passes: {why}");
        }
    }
}

fn clock_part(clock: &Clock) -> PartView {
    let trusted = clock.now().trust == crate::pure::domain::ClockTrust::Trusted;
    PartView {
        name: "clock".to_owned(),
        state: if trusted { "ok" } else { "degraded" }.to_owned(),
        detail: if trusted { "trusted" } else { "the wall clock is not synchronised yet" }.to_owned(),
        remedy: (!trusted).then(|| {
            "taps go on; connect the device to a time server, or set [clock] trust = \"always\" if you set it by hand"
                .to_owned()
        }),
    }
}

fn segments_part(segments: SegmentState) -> PartView {
    let (state, detail, remedy) = match segments.fault {
        None => ("ok", format!("complete to event {}", segments.to), None),
        Some(fault) => (
            "degraded",
            format!("behind since event {}: {fault}", segments.to),
            Some("taps go on; free some space where [ledger] segments lies, or name another folder".to_owned()),
        ),
    };
    PartView { name: "segments".to_owned(), state: state.to_owned(), detail, remedy }
}

/// Waits for a part of the daemon to end; what takes longer than [`DRAIN`] is left behind, and said.
async fn ended(part: &str, stopping: tokio::task::JoinHandle<()>) {
    if !matches!(tokio::time::timeout(DRAIN, stopping).await, Ok(Ok(()))) {
        tracing::warn!(part, "daemon.stopping: did not end as it should, and is left behind");
    }
}

/// Tells systemd that the ledger's writer still answers, at half the interval it asks for; nothing where it asks for none.
fn watchdog_start(ledger: Ledger) -> Option<tokio::task::JoinHandle<()>> {
    let interval = sd_notify::watchdog_enabled()?;
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval / 2);
        loop {
            ticks.tick().await;
            let answered = ledger.write(|_| Ok::<(), LedgerError>(())).await;
            // A full or faulty disk is answered too: no start of the daemon would mend it, and reads go on.
            if answered.is_ok() {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            }
        }
    }))
}

/// Wakes whoever makes passes after each commit that moved a card.
fn pokes_start(ledger: &Ledger, passes: Passes) -> tokio::task::JoinHandle<()> {
    let mut live = ledger.live();
    tokio::spawn(async move {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match live.recv().await {
                Ok(row) if row.name == "card.updated" => passes.poke(),
                // What was missed may have moved a card.
                Err(RecvError::Lagged(_)) => passes.poke(),
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            }
        }
    })
}

/// Posts what nobody taps for: open sales that nobody completed, lots and rewards whose day is over, pending points that
/// ripened. A look costs one indexed read; only what is due is written, a few cards in each commit, so that no tap waits.
fn jobs_start(till: Till, clock: Clock) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(JOBS_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            loop {
                let (desk, now) = (till.clone(), clock.now());
                let done = till.ledger().write(move |txn| -> Result<usize, TillError> {
                    let released = desk.sales_release_in_txn(txn, &now)?;
                    let posted = released + desk.jobs_due_in_txn(txn, &now, JOBS_AT_ONCE)?;
                    Ok(posted.max(desk.lists_update_in_txn(txn, &now, JOBS_AT_ONCE)?))
                });
                match done.await {
                    Ok(Ok(posted)) if posted >= JOBS_AT_ONCE => {}
                    Ok(Ok(_)) => break,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "daemon.jobs: what is due could not be posted; it is tried again");
                        break;
                    }
                    Err(_) => return,
                }
            }
        }
    })
}

/// Where a configuration lies that a command was not told.
pub fn config_path(named: Option<&Path>) -> std::path::PathBuf {
    named.map_or_else(|| config::DEFAULT_FILE.into(), Path::to_owned)
}
