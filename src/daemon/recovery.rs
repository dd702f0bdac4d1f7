//! A ledger that was damaged or lost: found out at the start, moved aside and never replaced unasked; and the way back,
//! the newest backup that verifies with what the segment copy holds after it.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};

use super::backup::{backup_verify, backups_of};
use super::scrub::{Depth, Looked};
use crate::base::config::Config;
use crate::shop::ledger::{LedgerError, Replayed, Restoring, mark_path, segments_hold, segments_set_aside, set_aside};

/// How every SQLite file begins (sqlite.org/fileformat2.html section 1.3).
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What tells that there were books where no ledger is now, in words; empty where nothing does.
pub fn traces_of_books(config: &Config) -> Vec<String> {
    let mut traces = Vec::new();
    let backups = backups_of(&config.backup.dir);
    if !backups.is_empty() {
        traces.push(format!("{} backup(s) in {}", backups.len(), config.backup.dir.display()));
    }
    if segments_hold(&config.ledger.segments) {
        traces.push(format!("a copy of its events in {}", config.ledger.segments.display()));
    }
    if damaged_beside(&config.ledger.path) {
        traces.push(format!("a damaged ledger that was moved aside, beside {}", config.ledger.path.display()));
    }
    traces
}

/// Refuses to begin with empty books where there were some: the ledger is not there, and backups of it are, or a damaged
/// one that was moved aside.
pub fn lost_check(config: &Config) -> Result<()> {
    let path = &config.ledger.path;
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    if !traces_of_books(config).is_empty() {
        bail!(LedgerError::Missing { path: path.clone() });
    }
    Ok(())
}

/// Whether a damaged ledger lies beside where the ledger should be.
fn damaged_beside(path: &Path) -> bool {
    let Some((folder, stem)) = path.parent().zip(path.file_stem().and_then(|stem| stem.to_str())) else { return false };
    let begin = format!("{stem}.damaged-");
    let Ok(listing) = std::fs::read_dir(folder) else { return false };
    listing.flatten().any(|item| item.file_name().to_string_lossy().starts_with(&begin))
}

/// What a failed start says: a damaged ledger of ours is moved aside first, with its log.
pub fn start_failed(config: &Config, error: Error, now_ms: i64) -> Error {
    let path = &config.ledger.path;
    let Some(LedgerError::Damaged(what)) = error.downcast_ref() else { return error };
    if !is_ours(config) {
        return error;
    }
    match set_aside(path, now_ms) {
        Ok(aside) => {
            let lies = aside.map_or_else(String::new, |aside| format!(" and lies now in {}", aside.display()));
            anyhow!(
                "the ledger {} is damaged: {what}. It was moved aside{lies}; nothing was changed in it. Run 'stampd ledger \
                 restore': it puts the newest backup that verifies in the ledger's place, with what the segment copy holds \
                 after it",
                path.display()
            )
        }
        Err(fault) => error.context(format!("the damaged ledger could not be moved aside: {fault}")),
    }
}

/// Whether the file is a ledger that was ours: a database, or whatever is left of one that has a copy.
fn is_ours(config: &Config) -> bool {
    let mut begin = [0; SQLITE_MAGIC.len()];
    let read = std::fs::File::open(&config.ledger.path).and_then(|mut file| file.read_exact(&mut begin));
    (read.is_ok() && &begin == SQLITE_MAGIC) || segments_hold(&config.ledger.segments)
}

/// What is restored, and how.
#[derive(Debug)]
pub struct RestorePlan<'a> {
    /// The backup; the newest in `[backup]` dir that verifies where none is named.
    pub backup: Option<&'a Path>,
    /// What the segment copy adds.
    pub copy: CopyUse,
}

/// What the segment copy adds to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyUse {
    /// [`CopyUse::Whole`] where the ledger is lost or damaged; [`CopyUse::Nothing`] where a backup is named and the ledger
    /// is whole: whoever asks for that backup wants what was then.
    AsNeeded,
    /// Everything after it; a place that cannot be read and held events ends the restore.
    Whole,
    /// Everything up to such a place.
    UpToDamage,
    /// Nothing: the ledger is what the backup is.
    Nothing,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The backup; `None` where the segment copy held everything from the first event.
    pub backup: Option<PathBuf>,
    /// What was asked of the segment copy.
    pub copy: CopyUse,
    /// Backups that were passed over, and why.
    pub passed_over: Vec<String>,
    /// What the segment copy added.
    pub replayed: Replayed,
    /// Where the ledger lies now that was there.
    pub aside: Option<PathBuf>,
    /// Where the segment files lie now that do not belong to the restored ledger.
    pub copy_aside: Option<PathBuf>,
}

/// Puts a backup with the segment copy in the ledger's place, when all of it verifies. No daemon may run.
pub fn restore(config: &Config, plan: &RestorePlan<'_>, now_ms: i64) -> Result<Restored> {
    let mut passed_over = Vec::new();
    let copy = match plan.copy {
        CopyUse::AsNeeded if plan.backup.is_some() && ledger_is_whole(&config.ledger.path) => CopyUse::Nothing,
        CopyUse::AsNeeded => CopyUse::Whole,
        told => told,
    };
    let backup = match plan.backup {
        Some(file) => {
            backup_verify(file)?;
            Some(file.to_owned())
        }
        None => newest_verified(config, &mut passed_over),
    };
    let folder = &config.ledger.segments;
    let segments = (copy != CopyUse::Nothing && segments_hold(folder)).then_some(folder.as_path());
    if backup.is_none() && segments.is_none() {
        bail!(
            "there is no backup in {} that verifies and no segment copy in {}; name a backup: stampd ledger restore FILE",
            config.backup.dir.display(),
            folder.display()
        );
    }
    let path = &config.ledger.path;
    let restoring = Restoring::prepare(path, backup.as_deref(), segments, now_ms)?;
    let replayed = restoring.replayed().clone();
    if let Some(damage) = &replayed.damage
        && copy == CopyUse::Whole
    {
        bail!(
            "the segment copy cannot be read whole: {damage}. {} event(s) would come back up to there, {} behind it do not \
             follow. Name a newer backup, or restore what can be with --up-to-damage; nothing was changed",
            replayed.events,
            replayed.behind
        );
    }
    backup_verify(restoring.file()).context("what was put together does not verify, so nothing was changed")?;
    let aside = restoring.finish(now_ms)?;
    // What does not lead to the new ledger must not be taken for its copy.
    let apart = copy == CopyUse::Nothing || replayed.damage.is_some();
    let copy_aside = (apart && segments_hold(folder)).then(|| segments_set_aside(folder, "before")).transpose()?;
    Ok(Restored { backup, copy, passed_over, replayed, aside, copy_aside })
}

/// Whether there is a ledger that nobody needs to bring back.
fn ledger_is_whole(path: &Path) -> bool {
    !mark_path(path).exists() && super::scrub::check(path, Depth::Whole).is_ok_and(|looked| looked == Looked::Whole)
}

fn newest_verified(config: &Config, passed_over: &mut Vec<String>) -> Option<PathBuf> {
    for (_, file) in backups_of(&config.backup.dir).into_iter().rev() {
        match backup_verify(&file) {
            Ok(()) => return Some(file),
            Err(error) => passed_over.push(format!("{error:#}")),
        }
    }
    None
}
