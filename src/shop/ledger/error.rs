//! What can go wrong with the ledger, each with its remedy.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A fault of the ledger file or of what it lies on. Never a refusal of the rules: those are values.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has it open.
    #[error(
        "the ledger {} is in use by another stampd; stop that one first (systemctl stop stampd), or use its API",
        path.display()
    )]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// The folder cannot be made or written.
    #[error("cannot write in {}: {cause}; give the stampd user this folder (chown), or name another in [ledger] path", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file system takes no writes.
    #[error(
        "the file system under {} is read-only, as after a fault on the disk: look at it (dmesg, fsck), mount it writable \
         again or name another place in [ledger] path, then start stampd",
        folder.display()
    )]
    ReadOnly {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be opened.
    #[error("cannot open the ledger {}: {cause}; check the disk and the rights of the file, or restore a backup with 'stampd ledger restore'", path.display())]
    Open {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// The file is an SQLite database, and none of ours.
    #[error("{} is no stampd ledger (application id {found:#010x}); name another file in [ledger] path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id that it carries.
        found: u32,
    },
    /// Written by a later stampd.
    #[error(
        "the ledger {} has schema {found}, this stampd knows up to {known}; install the newer stampd again, or restore \
         the backup that it wrote before the upgrade", path.display()
    )]
    SchemaNewer {
        /// The ledger.
        path: PathBuf,
        /// The schema of the file.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The ledger is not there, and there is a copy of one.
    #[error(
        "the ledger {} is missing or empty, and there is a copy of its events: nothing was begun anew. Run 'stampd ledger \
         restore', which brings everything back; to begin with empty books on purpose, move the copies away first",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The segment copy knows more than the ledger, and cannot bring it back by itself.
    #[error(
        "the ledger lost {missing} event(s) that its segment copy knows, and they do not follow ({why}); put the newest \
         backup in its place with 'stampd ledger restore'"
    )]
    Behind {
        /// How many.
        missing: i64,
        /// Why they do not follow.
        why: String,
    },
    /// A migration that was applied once has other text now.
    #[error("migration {number} of the ledger differs from the one that was applied; install an unmodified stampd")]
    MigrationChanged {
        /// Its number.
        number: u32,
    },
    /// The disk is full.
    #[error("the disk that holds the ledger is full; free some space: nothing was booked")]
    DiskFull,
    /// Reading or writing failed; the connection is opened anew before anything else is booked.
    #[error("the storage under the ledger failed ({0}); check the disk: nothing was booked")]
    Storage(String),
    /// The file holds what no ledger of ours holds.
    #[error(
        "the ledger is damaged: {0}; run 'stampd ledger verify', then restore the newest backup with 'stampd ledger restore'"
    )]
    Damaged(String),
    /// The writer has stopped: the daemon is going down.
    #[error("the ledger is closing; ask again once stampd runs")]
    Stopped,
    /// A statement failed for a reason that is our own mistake.
    #[error("ledger statement failed: {0}")]
    Statement(rusqlite::Error),
}

impl LedgerError {
    pub(super) fn folder(folder: &Path, cause: std::io::Error) -> Self {
        if cause.kind() == std::io::ErrorKind::StorageFull {
            return LedgerError::DiskFull;
        }
        if cause.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
            return LedgerError::ReadOnly { folder: folder.to_owned() };
        }
        LedgerError::Folder { folder: folder.to_owned(), cause }
    }

    pub(super) fn open(path: &Path, cause: rusqlite::Error) -> Self {
        match LedgerError::from(cause) {
            LedgerError::Statement(cause) => LedgerError::Open { path: path.to_owned(), cause },
            LedgerError::Storage(text) => {
                let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
                LedgerError::Folder { folder, cause: std::io::Error::other(text) }
            }
            LedgerError::Damaged(text) => LedgerError::Damaged(format!("{}: {text}", path.display())),
            other => other,
        }
    }

    /// Whether the disk or the file failed, so that the connection must not be trusted any more.
    pub fn poisons(&self) -> bool {
        matches!(self, LedgerError::DiskFull | LedgerError::Storage(_) | LedgerError::Damaged(_))
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        let (failure, text) = match &error {
            rusqlite::Error::SqliteFailure(failure, text) => (failure, text),
            // Every table is strict: what does not fit its column was not written by us.
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..) => {
                return LedgerError::Damaged(error.to_string());
            }
            _ => return LedgerError::Statement(error),
        };
        let text = || text.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::DiskFull => LedgerError::DiskFull,
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly => LedgerError::Storage(text()),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => LedgerError::Damaged(text()),
            _ => LedgerError::Statement(error),
        }
    }
}

impl From<crate::pure::wire::event::EventError> for LedgerError {
    fn from(error: crate::pure::wire::event::EventError) -> Self {
        LedgerError::Damaged(error.to_string())
    }
}

/// Why a piece of work handed to the writer came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The work itself said no, and what it had written is undone.
    #[error("{0}")]
    Work(E),
    /// The commit failed: nothing of it, nor of its neighbours, was booked.
    #[error("{0}")]
    Storage(LedgerError),
}
