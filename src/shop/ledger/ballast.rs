//! Space that is kept for the moment when the disk is full (SYNC.md row 5): a file beside the ledger, given back so that
//! what was begun is brought to its end and the daemon can write what it must, and taken again when space returns. While
//! it is spent nothing new is booked.
//!
//! Where there is no room for it from the beginning, the ledger works without, until the disk itself says that it is full.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

/// Bytes of the ballast.
const BALLAST_BYTES: u64 = 16 << 20;

/// Free bytes under which it is given back: a group of postings at its largest takes less.
const LOW_BYTES: u64 = 4 << 20;

/// What a group of work meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It may be booked.
    Enough,
    /// It may be booked again.
    Again,
    /// Nothing new is booked; what the daemon must write still finds room.
    None,
}

/// The ballast of one ledger.
pub struct Ballast {
    path: PathBuf,
    bytes: u64,
    low_bytes: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It lies on the disk.
    Held,
    /// There was no room for it.
    Missing,
    /// It was given back, and space has not returned.
    Spent,
    /// The file system keeps no space.
    Unknown,
}

impl Ballast {
    /// That of a ledger, taken if there is room.
    pub fn of(ledger: &Path) -> Self {
        Self::with(ledger.with_extension("ballast"), BALLAST_BYTES, LOW_BYTES)
    }

    /// None: nothing is kept, and nothing refused before the disk does.
    pub fn none() -> Self {
        Self { path: PathBuf::new(), bytes: 0, low_bytes: 0, state: State::Unknown }
    }

    fn with(path: PathBuf, bytes: u64, low_bytes: u64) -> Self {
        let mut ballast = Self { path, bytes, low_bytes, state: State::Missing };
        ballast.take();
        if ballast.state == State::Missing {
            tracing::warn!(
                bytes,
                "ledger.ballast: there is no room for the reserve beside the ledger; free some space"
            );
        }
        ballast
    }

    /// Asked before each group of work.
    pub fn room(&mut self) -> Room {
        match self.state {
            State::Unknown => Room::Enough,
            State::Held if self.free_bytes() < self.low_bytes => {
                // The group that is here finds the room that this makes; the next one is refused.
                self.give_back();
                Room::Enough
            }
            State::Held => Room::Enough,
            State::Missing => {
                self.take();
                Room::Enough
            }
            State::Spent => {
                self.take();
                if self.state == State::Spent { Room::None } else { Room::Again }
            }
        }
    }

    /// Gives the space back: the disk is full, or as good as full.
    pub fn give_back(&mut self) {
        if self.state != State::Held {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::error!(%error, "ledger.ballast: the reserve could not be given back");
        }
        self.state = State::Spent;
        tracing::error!(
            "ledger.ballast: the disk is full; the reserve is used up to finish what was begun, nothing new is booked"
        );
    }

    /// Takes the space, if it leaves as much again as makes it worth while.
    fn take(&mut self) {
        let spare_bytes = self.low_bytes.saturating_mul(2);
        let lies_there = std::fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes);
        if !lies_there && self.free_bytes() < self.bytes.saturating_add(spare_bytes) {
            return;
        }
        let taken = File::options().create(true).truncate(false).write(true).open(&self.path).map_err(|_| Errno::IO);
        match taken.and_then(|file| fallocate(&file, FallocateFlags::empty(), 0, self.bytes)) {
            Ok(()) => self.state = State::Held,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                let _ = std::fs::remove_file(&self.path);
                self.state = State::Unknown;
            }
            Err(_) => {
                // A part of it helps nobody.
                let _ = std::fs::remove_file(&self.path);
            }
        }
    }

    /// Free bytes where the ledger lies; what cannot be asked is taken for enough.
    fn free_bytes(&self) -> u64 {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_once_and_taken_again_when_there_is_room() {
        let folder = std::env::temp_dir().join(format!("stampd-ballast-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("ledger.ballast");
        let mut ballast = Ballast::with(path.clone(), 1 << 16, 1 << 12);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 16);
        assert_eq!(ballast.room(), Room::Enough);
        // No disk has so much room: the group that finds it so is the last, and the ballast is its room.
        ballast.low_bytes = u64::MAX;
        assert_eq!(ballast.room(), Room::Enough);
        assert!(!path.exists());
        assert_eq!((ballast.room(), ballast.room()), (Room::None, Room::None));
        ballast.low_bytes = 1 << 12;
        assert_eq!((ballast.room(), ballast.room()), (Room::Again, Room::Enough));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 16);
        // Where it never was there is nothing to give back, and nothing is refused before the disk is full.
        let mut missing = Ballast::with(folder.join("none.ballast"), u64::MAX >> 1, 1 << 12);
        missing.give_back();
        assert_eq!((missing.state, missing.room()), (State::Missing, Room::Enough));
        assert_eq!(Ballast::none().room(), Room::Enough);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
