//! The writer thread: group commit without artificial delay. It takes every waiting piece of work, at most
//! [`GROUP_MAX`], into one transaction, each in a savepoint of its own, commits once, then answers all.
//!
//! When the storage fails nothing of the group is booked, every member is told so, and the connection is opened anew and
//! its tail read again before the next group: a failed fsync is never retried as if it had succeeded (SYNC.md row 4).
//! A panic in a piece of work is our bug: it ends the process, and systemd starts it again (STYLE.md section 9).

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::{broadcast, oneshot};

use super::error::{LedgerError, WriteError};
use super::requests::LiveRow;
use super::txn::{Tail, Txn};

/// Pieces of work in one commit. More would let one commit grow past what a waiting till notices.
const GROUP_MAX: usize = 64;

/// Pieces of work that may wait; a caller beyond that blocks, which slows tills down instead of filling memory.
const QUEUE_MAX: usize = 1024;

/// Pages in the write-ahead log after which the checkpointer is asked to copy them into the ledger (4 KiB each).
const CHECKPOINT_PAGES: i32 = 1000;

thread_local! {
    /// Pages that the write-ahead log held after the last commit on this thread; told by SQLite's hook.
    static WAL_PAGES: Cell<i32> = const { Cell::new(0) };
}

/// One piece of work with the caller who waits for it.
trait Work: Send {
    /// Runs inside the savepoint; `Err` undoes what it wrote. A storage fault ends the whole group.
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), Undo>;
    /// After the commit: answers.
    fn answer(self: Box<Self>);
    /// After a failed commit: says so.
    fn fail(self: Box<Self>, error: LedgerError);
}

/// What happens to the rest of the group when a piece of work came to nothing.
enum Undo {
    /// Only its own writes are undone.
    Alone,
    /// The storage failed under it.
    Group,
}

/// How the transaction of a group ends.
enum End {
    Commit,
    /// There is nothing to keep.
    Rollback,
}

struct Task<T, E, F> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, WriteError<E>>>,
}

impl<T, E, F> Work for Task<T, E, F>
where
    T: Send,
    E: From<LedgerError> + Send,
    F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), Undo> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let outcome = work(txn);
        let undo = match &outcome {
            Ok(_) => Ok(()),
            Err(_) if txn.storage_failed() => Err(Undo::Group),
            Err(_) => Err(Undo::Alone),
        };
        self.outcome = Some(outcome);
        undo
    }

    fn answer(self: Box<Self>) {
        let outcome = match self.outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(WriteError::Work(error)),
            None => Err(WriteError::Storage(LedgerError::Stopped)),
        };
        // A caller that no longer waits (its connection closed) loses nothing: the work is committed.
        let _ = self.reply.send(outcome);
    }

    fn fail(self: Box<Self>, error: LedgerError) {
        let _ = self.reply.send(Err(WriteError::Storage(error)));
    }
}

/// The way to the writer thread; the thread ends when this goes.
pub struct WriterHandle {
    queue: Option<mpsc::SyncSender<Box<dyn Work>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl WriterHandle {
    pub fn submit<T, E, F>(&self, work: F) -> oneshot::Receiver<Result<T, WriteError<E>>>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, receiver) = oneshot::channel();
        let task = Box::new(Task { work: Some(work), outcome: None, reply });
        let refused = match &self.queue {
            Some(queue) => queue.send(task).err().map(|unsent| unsent.0),
            None => Some(task as Box<dyn Work>),
        };
        if let Some(task) = refused {
            task.fail(LedgerError::Stopped);
        }
        receiver
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    path: PathBuf,
    connection: Connection,
    tail: Tail,
    live: broadcast::Sender<LiveRow>,
    checkpoints: mpsc::SyncSender<()>,
    /// The fault that poisoned the connection; work is refused with it until a new connection stands.
    poisoned: bool,
}

pub fn start(
    connection: Connection,
    path: PathBuf,
    live: broadcast::Sender<LiveRow>,
) -> Result<WriterHandle, LedgerError> {
    let tail = Tail::read(&connection)?;
    connection.wal_hook(Some(wal_pages_note));
    let checkpoints = checkpointer_start(&path)?;
    let mut writer = Writer { path, connection, tail, live, checkpoints, poisoned: false };
    let (queue, waiting) = mpsc::sync_channel::<Box<dyn Work>>(QUEUE_MAX);
    let thread = thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || {
            // The ledger's thread must not die alone: without it the daemon would answer and book nothing.
            let run = std::panic::AssertUnwindSafe(|| {
                while let Ok(first) = waiting.recv() {
                    let mut group = vec![first];
                    group.extend(waiting.try_iter().take(GROUP_MAX - 1));
                    writer.commit(group);
                }
            });
            if std::panic::catch_unwind(run).is_err() {
                tracing::error!(
                    "ledger.panic: the ledger writer panicked; ending the process, nothing half-done is booked"
                );
                std::process::abort();
            }
        })
        .map_err(|error| LedgerError::Storage(error.to_string()))?;
    Ok(WriterHandle { queue: Some(queue), thread: Some(thread) })
}

impl Writer {
    /// One group: run all, commit, answer all.
    fn commit(&mut self, mut group: Vec<Box<dyn Work>>) {
        if self.poisoned
            && let Err(error) = self.reopen()
        {
            tracing::error!(%error, "ledger.storage: the ledger is still not writable");
            return fail_all(group, &error);
        }
        let mut tail = self.tail.clone();
        let mut live = Vec::new();
        match self.run_group(&mut group, &mut tail, &mut live) {
            Ok(()) => {
                self.tail = tail;
                for row in live {
                    // Nobody listening is an ordinary state.
                    let _ = self.live.send(row);
                }
                group.into_iter().for_each(Work::answer);
                if WAL_PAGES.get() >= CHECKPOINT_PAGES {
                    // A checkpoint already asked for is enough.
                    let _ = self.checkpoints.try_send(());
                }
            }
            Err(error) => {
                tracing::error!(%error, pieces = group.len(), "ledger.storage: a commit failed, nothing of it is booked");
                self.poisoned = true;
                fail_all(group, &error);
            }
        }
    }

    fn run_group(
        &self,
        group: &mut [Box<dyn Work>],
        tail: &mut Tail,
        live: &mut Vec<LiveRow>,
    ) -> Result<(), LedgerError> {
        self.statement("BEGIN IMMEDIATE")?;
        let outcome = match group {
            [alone] => self.run_alone(alone.as_mut(), tail, live),
            many => many.iter_mut().try_for_each(|work| self.run_one(work.as_mut(), tail, live)).map(|()| End::Commit),
        };
        let outcome = outcome.and_then(|end| match end {
            End::Commit => self.statement("COMMIT"),
            End::Rollback => self.statement("ROLLBACK"),
        });
        if outcome.is_err() && !self.connection.is_autocommit() {
            // The connection is dropped next; a rollback that fails too changes nothing.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }

    /// A piece of work that is alone in its group, as a tap in a quiet shop is, needs no savepoint: what undoes it undoes
    /// the transaction.
    fn run_alone(&self, work: &mut dyn Work, tail: &mut Tail, live: &mut Vec<LiveRow>) -> Result<End, LedgerError> {
        let tail_before = tail.clone();
        let mut txn = Txn::new(&self.connection, tail, live);
        match work.run(&mut txn) {
            Ok(()) => Ok(End::Commit),
            Err(Undo::Alone) => {
                *tail = tail_before;
                live.clear();
                Ok(End::Rollback)
            }
            Err(Undo::Group) => Err(txn.into_fault()),
        }
    }

    fn run_one(&self, work: &mut dyn Work, tail: &mut Tail, live: &mut Vec<LiveRow>) -> Result<(), LedgerError> {
        let (tail_before, live_before) = (tail.clone(), live.len());
        self.statement("SAVEPOINT work")?;
        let mut txn = Txn::new(&self.connection, tail, live);
        match work.run(&mut txn) {
            Ok(()) => {}
            Err(Undo::Alone) => {
                self.statement("ROLLBACK TO work")?;
                *tail = tail_before;
                live.truncate(live_before);
            }
            Err(Undo::Group) => return Err(txn.into_fault()),
        }
        self.statement("RELEASE work")
    }

    /// One of the few statements around the work, prepared once.
    fn statement(&self, text: &str) -> Result<(), LedgerError> {
        self.connection.prepare_cached(text)?.execute([])?;
        Ok(())
    }

    /// A new connection, its tail read from what is durable.
    fn reopen(&mut self) -> Result<(), LedgerError> {
        let connection = super::connection_open(&self.path)?;
        connection.wal_hook(Some(wal_pages_note));
        self.tail = Tail::read(&connection)?;
        self.connection = connection;
        self.poisoned = false;
        tracing::info!("ledger.reopened: the ledger is writable again");
        Ok(())
    }
}

fn fail_all(group: Vec<Box<dyn Work>>, error: &LedgerError) {
    for work in group {
        work.fail(match error {
            LedgerError::DiskFull => LedgerError::DiskFull,
            other => LedgerError::Storage(other.to_string()),
        });
    }
}

fn wal_pages_note(_: &Wal, pages: std::ffi::c_int) -> rusqlite::Result<()> {
    WAL_PAGES.set(pages);
    Ok(())
}

/// A thread with a connection of its own that copies the write-ahead log into the ledger when asked, off the tap's path.
/// It is PASSIVE: it never makes the writer wait. It ends when the writer goes.
fn checkpointer_start(path: &Path) -> Result<mpsc::SyncSender<()>, LedgerError> {
    let (ask, asked) = mpsc::sync_channel::<()>(1);
    let path = path.to_owned();
    thread::Builder::new()
        .name("checkpoint".to_owned())
        .spawn(move || {
            while asked.recv().is_ok() {
                let done = super::connection_open(&path)
                    .and_then(|connection| Ok(connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?));
                if let Err(error) = done {
                    tracing::warn!(%error, "ledger.checkpoint: the log could not be copied into the ledger; it grows until it can");
                }
            }
        })
        .map_err(|error| LedgerError::Storage(error.to_string()))?;
    Ok(ask)
}
