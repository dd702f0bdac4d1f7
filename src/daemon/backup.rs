//! The nightly backup (`[backup]`): made at the configured local time, or as soon as the device runs again, verified, and
//! only then given its name; the newest `keep` stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Time;

use super::programmes::rulebooks_of;
use crate::base::clock::Clock;
use crate::base::config::Backup;
use crate::base::priority;
use crate::pure::domain::Moment;
use crate::pure::wire::lan::PartView;
use crate::shop::ledger::{Ledger, ReadOnly};
use crate::shop::till::verify;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// After a failure it is tried again after so long.
const RETRY_MS: i64 = 15 * 60_000;

/// The time in the name of a backup, UTC.
const NAME_TIME: &str = "%Y%m%dT%H%M%SZ";

/// Who makes the backups of one ledger, and knows how the last one went.
pub struct Backups {
    ledger: Ledger,
    clock: Clock,
    settings: Backup,
    failed: Mutex<Option<Failed>>,
}

struct Failed {
    at_ms: i64,
    why: String,
}

impl Backups {
    /// The backups of `ledger`.
    pub fn new(ledger: Ledger, clock: Clock, settings: Backup) -> Self {
        Self { ledger, clock, settings, failed: Mutex::default() }
    }

    /// Makes what is due from now on.
    pub fn start(self: &Arc<Self>) -> tokio::task::JoinHandle<()> {
        let backups = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let looking = backups.clone();
                if tokio::task::spawn_blocking(move || looking.look()).await.is_err() {
                    return;
                }
            }
        })
    }

    fn look(&self) {
        let now = self.clock.now().moment();
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed().as_ref().is_some_and(|last| (0..RETRY_MS).contains(&(now.ms - last.at_ms))) {
            return;
        }
        match self.make_if_due(&now) {
            Ok(None) => {}
            Ok(Some(file)) => {
                *failed() = None;
                tracing::info!(file = %file.display(), "backup.made: the ledger was copied and the copy verified");
            }
            Err(error) => {
                tracing::error!("backup.failed: {error:#}");
                *failed() = Some(Failed { at_ms: now.ms, why: format!("{error:#}") });
            }
        }
    }

    fn make_if_due(&self, now: &Moment) -> Result<Option<PathBuf>> {
        let last_ms = match backups_of(&self.settings.dir).last() {
            Some((made_ms, _)) => Some(*made_ms),
            // A shop that was opened today has no night behind it.
            None => self.ledger.read(|reads| reads.oldest_ms())?,
        };
        if last_ms.is_none_or(|last_ms| last_ms >= last_due_ms(now, self.settings.at)) {
            return Ok(None);
        }
        // Copying and checking a large ledger takes minutes; no tap is to wait for it.
        let made = priority::lowered("backup", || self.make(now)).context("the backup got no thread")??;
        self.prune()?;
        self.segments_prune()?;
        Ok(Some(made))
    }

    /// A copy beside its name, verified, then named.
    fn make(&self, now: &Moment) -> Result<PathBuf> {
        let folder = &self.settings.dir;
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}; [backup] dir names the folder of backups", folder.display()))?;
        let at = Timestamp::from_millisecond(now.ms).context("the clock is beyond the calendar")?;
        let file = folder.join(format!("ledger-{}.db", at.strftime(NAME_TIME)));
        let aside = file.with_extension("part");
        // What a power cut left of an earlier one takes the room of a ledger.
        for part in parts_of(folder) {
            fs::remove_file(&part).with_context(|| format!("cannot remove {}", part.display()))?;
        }
        self.ledger.backup(&aside)?;
        let checked = backup_verify(&aside);
        if let Err(error) = checked {
            // A copy with a fault is no backup; the ones before stay.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        fs::File::open(&aside).and_then(|file| file.sync_all())?;
        fs::rename(&aside, &file).with_context(|| format!("cannot name {}", file.display()))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all())?;
        Ok(file)
    }

    fn prune(&self) -> Result<()> {
        let known = backups_of(&self.settings.dir);
        let over = known.len().saturating_sub(self.settings.keep as usize);
        for (_, file) in &known[..over] {
            fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }

    /// What every backup that is kept holds need not lie in the segment copy too.
    fn segments_prune(&self) -> Result<()> {
        let Some((_, oldest)) = backups_of(&self.settings.dir).into_iter().next() else { return Ok(()) };
        let until = ReadOnly::open(&oldest)?.with(|reads| reads.newest_position())?;
        self.ledger.segments_prune(until)?;
        Ok(())
    }

    /// The last backup, for health.
    pub fn part(&self) -> PartView {
        let known = backups_of(&self.settings.dir);
        let last = known.last().map(|(made_ms, _)| Moment { ms: *made_ms, zone: self.clock.now().zone }.rfc3339());
        let detail = match last {
            Some(at) => format!("last {at}, {} kept", known.len()),
            None => format!("none yet; made every night at {}", self.settings.at.strftime("%H:%M")),
        };
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, detail, remedy) = match failed.as_ref() {
            None => ("ok", detail, None),
            Some(failed) => (
                "degraded",
                format!("{detail}; the newest one failed: {}", failed.why),
                Some("free some space in [backup] dir, or name another folder; it is tried again by itself".to_owned()),
            ),
        };
        PartView { name: "backup".to_owned(), state: state.to_owned(), detail, remedy }
    }
}

/// Checks a copy from end to end: file, chain, every standing.
pub fn backup_verify(file: &Path) -> Result<()> {
    let reads = ReadOnly::open(file)?;
    let books = rulebooks_of(&reads)?;
    let report = reads.with(|reads| verify(reads, &books))?;
    match report.faults.first() {
        None => Ok(()),
        Some(fault) => bail!(
            "{} has {} fault(s), the first: {fault}. Run 'stampd ledger verify' on the ledger itself",
            file.display(),
            report.faults.len()
        ),
    }
}

/// The last moment at or before `now` at which a backup was due.
fn last_due_ms(now: &Moment, at: Time) -> i64 {
    let today = now.date();
    let due_ms = |date: jiff::civil::Date| {
        // In the hour that a spring night leaves out the backup is due when that hour would have ended.
        let due = date.to_datetime(at).to_zoned(now.zone.clone());
        due.map_or(i64::MIN, |due| due.timestamp().as_millisecond())
    };
    let today_ms = due_ms(today);
    if today_ms <= now.ms { today_ms } else { today.yesterday().map_or(i64::MIN, due_ms) }
}

/// Copies that were begun and never named.
fn parts_of(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ledger-") && name.ends_with(".part"))
    })
}

/// The backups of a folder with the time in their names, oldest first.
pub(super) fn backups_of(folder: &Path) -> Vec<(i64, PathBuf)> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut known: Vec<(i64, PathBuf)> = listing
        .flatten()
        .filter_map(|item| {
            let name = item.file_name().into_string().ok()?;
            let time = name.strip_prefix("ledger-")?.strip_suffix(".db")?;
            let at = jiff::civil::DateTime::strptime(NAME_TIME, time).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some((at.timestamp().as_millisecond(), item.path()))
        })
        .collect();
    known.sort();
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_at_its_local_time() {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
        let ms = |text: &str| text.parse::<Timestamp>().expect("a moment").as_millisecond();
        // Now, and when the last one was due for 03:30 in Berlin.
        for (now, due) in [
            ("2026-02-02T02:29:59Z", "2026-02-01T02:30:00Z"),
            ("2026-02-02T02:30:00Z", "2026-02-02T02:30:00Z"),
            ("2026-02-02T23:00:00Z", "2026-02-02T02:30:00Z"),
            ("2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z"),
        ] {
            let moment = Moment { ms: ms(now), zone: zone.clone() };
            assert_eq!(last_due_ms(&moment, jiff::civil::time(3, 30, 0, 0)), ms(due), "{now}");
        }
    }
}
