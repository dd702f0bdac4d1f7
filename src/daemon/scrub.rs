//! The ledger's file is looked over in the background (SYNC.md row 6): a while after the start, every night, and whenever
//! something read was not as it should be. What is found damaged books nothing more.
//!
//! Each look covers the file as SQLite sees it, the newest part of the chain and the checksum of every standing; one that a
//! suspicion asked for, the whole chain.

use std::path::Path;
use std::time::Duration;

use crate::base::priority;
use crate::shop::ledger::{Ledger, LedgerError, ReadOnly};

/// After the start, so that the first customers do not wait for the disk.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// How often a suspicion is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks between two that nobody asked for: a day.
const LOOKS_A_DAY: u64 = 24 * 3600 / LOOK_EVERY.as_secs();

/// Events whose chain is checked with the file; the nightly backup is verified as a whole.
const CHAIN_CHECKED: i64 = 1_000;

/// Looks the file over from now on.
pub fn start(ledger: Ledger) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = LOOKS_A_DAY - FIRST_AFTER.as_secs() / LOOK_EVERY.as_secs();
        loop {
            ticks.tick().await;
            looks += 1;
            let depth = if ledger.suspected_take() { Depth::Whole } else { Depth::Newest };
            if depth == Depth::Newest && looks < LOOKS_A_DAY {
                continue;
            }
            looks = 0;
            let (tell, told) = tokio::sync::oneshot::channel();
            let path = ledger.path().to_owned();
            // A thread that nobody waits for: a large file takes longer than the daemon may take to stop.
            let spawned = std::thread::Builder::new().name("scrub".to_owned()).spawn(move || {
                // Refused, it looks all the same.
                let _ = priority::lower();
                tell.send(check(&path, depth))
            });
            match (spawned, told.await) {
                (Ok(_), Ok(Err(what))) => ledger.condemn(&what),
                (Ok(_), Ok(Ok(_))) => {}
                _ => tracing::warn!("scrub.unread: the look at the ledger did not come to its end"),
            }
        }
    })
}

/// How much of the chain a look covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its newest part: what older events say is checked whenever it is read, and every night with the backup.
    Newest,
    /// All of it.
    Whole,
}

/// How far a look got that found nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// To the end: the file is whole.
    Whole,
    /// It could not be read.
    Unread,
}

/// Looks a ledger's file over; the error says in one sentence what is wrong with it.
pub fn check(path: &Path, depth: Depth) -> Result<Looked, String> {
    match faults(path, depth) {
        Ok(faults) => faults.into_iter().next().map_or(Ok(Looked::Whole), Err),
        Err(LedgerError::Damaged(what)) => Err(what),
        Err(error) => {
            // Not read is not damaged: it is looked at again.
            tracing::warn!(%error, "scrub.unread: the ledger could not be looked over");
            Ok(Looked::Unread)
        }
    }
}

fn faults(path: &Path, depth: Depth) -> Result<Vec<String>, LedgerError> {
    ReadOnly::open(path)?.with(|reads| {
        let mut faults = reads.file_check()?;
        let after = match depth {
            Depth::Newest => (reads.newest_position()? - CHAIN_CHECKED).max(0),
            Depth::Whole => 0,
        };
        faults.extend(reads.chain_check(after)?.faults.iter().map(ToString::to_string));
        let changed = reads.standings_changed(1)?;
        faults.extend(changed.iter().map(|serial| format!("the standing of card {serial} was changed on the disk")));
        Ok(faults)
    })
}
