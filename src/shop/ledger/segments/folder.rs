//! The folder of segment files: their order, what the newest says, and what can go.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::frame::{Found, Frames};
use super::record::{Record, record_hash};
use crate::pure::wire::event::event_hash;
use crate::shop::ledger::error::LedgerError;

/// A place in the copy that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {at}: {what}", file.display())]
pub struct SegmentError {
    /// The file.
    pub file: PathBuf,
    /// Bytes from its start.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

/// What the newest files of a folder say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Newest {
    /// How many files there are.
    pub files: usize,
    /// The number of the newest; 0 where there is none.
    pub number: u64,
    /// The ledger's row up to which everything is there.
    pub to: i64,
    /// The hash of the event in that row, where the last file holds it.
    pub event_hash: Option<[u8; 32]>,
    /// The hash by which the next record names the last.
    pub record_hash: [u8; 32],
    /// The ledger was closed properly after it.
    pub closed: bool,
    /// Where writing goes on in the newest file, with the columns that its rows have; `None` when a new one is better.
    pub goes_on: Option<(u64, Record)>,
}

/// The files with their numbers, oldest first.
pub fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LedgerError> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(|error| LedgerError::folder(folder, error))?,
    };
    let mut known: Vec<(u64, PathBuf)> = listing
        .flatten()
        .filter_map(|item| {
            let name = item.file_name().into_string().ok()?;
            let number = name.strip_prefix("segment-")?.strip_suffix(".seg")?;
            Some((number.parse().ok()?, item.path()))
        })
        .collect();
    known.sort();
    Ok(known)
}

/// The path of file `number`.
pub fn file_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("segment-{number:08}.seg"))
}

/// Reads a file whole.
pub fn file_read(path: &Path) -> Result<Vec<u8>, LedgerError> {
    fs::read(path).map_err(|error| LedgerError::Storage(format!("{}: {error}", path.display())))
}

/// What the newest files say; older ones are looked at only where those hold no record.
pub fn newest(folder: &Path) -> Result<Newest, LedgerError> {
    let files = files(folder)?;
    let mut newest =
        Newest { files: files.len(), number: files.last().map_or(0, |(number, _)| *number), ..Newest::default() };
    for (number, path) in files.iter().rev() {
        let bytes = file_read(path)?;
        let mut frames = Frames::of(&bytes);
        let (mut head, mut begun, mut whole, mut to, mut event) = (None, false, true, None, None);
        for found in frames.by_ref() {
            let Found::Payload(payload) = found else {
                whole = false;
                continue;
            };
            let Ok(record) = Record::decode(payload) else {
                whole = false;
                continue;
            };
            newest.record_hash = record_hash(payload);
            event = record.events.last().map(|body| event_hash(body)).or(event);
            if !record.more {
                to = Some(record.to);
                newest.event_hash = event.or(newest.event_hash);
                newest.closed = record.closed;
            }
            if !std::mem::replace(&mut begun, true) {
                head = Some(record);
            }
        }
        if let Some(to) = to {
            newest.to = to;
            newest.goes_on = head.filter(|_| whole && *number == newest.number).map(|head| (frames.at() as u64, head));
            break;
        }
        newest.event_hash = None;
    }
    Ok(newest)
}

/// Takes away the files whose every record is older than a backup that ends in row `until`; answers how many.
pub fn prune(folder: &Path, until: i64) -> Result<usize, LedgerError> {
    let files = files(folder)?;
    let mut gone = 0;
    for pair in files.windows(2) {
        let bytes = file_read(&pair[1].1)?;
        let Some(Found::Payload(payload)) = Frames::of(&bytes).next() else { break };
        if !Record::decode(payload).is_ok_and(|head| head.from < until) {
            break;
        }
        let path = &pair[0].1;
        fs::remove_file(path).map_err(|error| LedgerError::Storage(format!("{}: {error}", path.display())))?;
        gone += 1;
    }
    Ok(gone)
}

/// Moves all files into a new folder below this one, named after why; answers which.
pub fn set_aside(folder: &Path, why: &str) -> Result<PathBuf, LedgerError> {
    let fault = |error| LedgerError::folder(folder, error);
    let mut names = (1..).map(|number: u32| folder.join(format!("{why}-{number}")));
    // The numbers do not end.
    let aside = names.find(|name| !name.exists()).unwrap_or_else(|| folder.join(why));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside).map_err(fault)?;
    for (number, path) in files(folder)? {
        fs::rename(path, file_path(&aside, number)).map_err(fault)?;
    }
    Ok(aside)
}
