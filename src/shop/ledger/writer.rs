//! The writer thread: group commit without artificial delay. It takes every waiting piece of work, at most
//! [`GROUP_MAX`], into one transaction, each in a savepoint of its own, commits once, then answers all.
//!
//! When the storage fails nothing of the group is booked, every member is told so, and the connection is closed. Before the
//! next group a new one is opened, what was acknowledged is looked for and the newest part of the chain checked, and a probe
//! is written and synced: a failed fsync is never retried as if it had succeeded (SYNC.md row 4).
//! A panic in a piece of work is our bug: it ends the process, and systemd starts it again (STYLE.md section 9).

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::{broadcast, oneshot};

use super::ballast::{Ballast, Room};
use super::error::{LedgerError, WriteError};
use super::read::Reads;
use super::requests::LiveRow;
use super::segments::Segments;
use super::state::StateCell;
use super::txn::{Effects, Tail, Txn};

/// Pieces of work in one commit. More would let one commit grow past what a waiting till notices.
const GROUP_MAX: usize = 64;

/// Pieces of work that may wait; a caller beyond that blocks, which slows tills down instead of filling memory.
const QUEUE_MAX: usize = 1024;

/// Pages in the write-ahead log after which the checkpointer is asked to copy them into the ledger (4 KiB each): some
/// hundred taps, whose pages are mostly the same ones. After a power cut the log is read once, 16 MiB at most.
const CHECKPOINT_PAGES: i32 = 4000;

/// Events whose chain is checked when the connection was opened anew.
const TAIL_CHECKED: i64 = 100;

thread_local! {
    /// Pages that the write-ahead log held after the last commit on this thread; told by SQLite's hook.
    static WAL_PAGES: Cell<i32> = const { Cell::new(0) };
}

/// One piece of work with the caller who waits for it.
trait Work: Send {
    /// Runs inside the savepoint; `Err` undoes what it wrote. A storage fault ends the whole group.
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), Undo>;
    /// Whether it is written even where nothing new is booked.
    fn is_upkeep(&self) -> bool;
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
    upkeep: bool,
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

    fn is_upkeep(&self) -> bool {
        self.upkeep
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
    /// Hands work over; `upkeep` is written also while the disk is as good as full, from what was kept for that.
    pub fn submit<T, E, F>(&self, upkeep: bool, work: F) -> oneshot::Receiver<Result<T, WriteError<E>>>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, receiver) = oneshot::channel();
        let task = Box::new(Task { upkeep, work: Some(work), outcome: None, reply });
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
    /// The chain as far as it was acknowledged.
    tail: Tail,
    live: broadcast::Sender<LiveRow>,
    checkpointer: Checkpointer,
    state: StateCell,
    segments: Option<Segments>,
    ballast: Ballast,
    /// A fault closed the connection; work is refused until a new one stands.
    poisoned: bool,
}

/// What a writer starts with.
pub struct WriterParts {
    pub connection: Connection,
    pub path: PathBuf,
    pub live: broadcast::Sender<LiveRow>,
    pub state: StateCell,
    pub segments: Option<Segments>,
    pub ballast: Ballast,
}

pub fn start(parts: WriterParts) -> Result<WriterHandle, LedgerError> {
    let WriterParts { connection, path, live, state, segments, ballast } = parts;
    let tail = Tail::read(&connection)?;
    connection.wal_hook(Some(wal_pages_note));
    let checkpointer = Checkpointer::start(&path)?;
    let mut writer = Writer { path, connection, tail, live, checkpointer, state, segments, ballast, poisoned: false };
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
                // Their connections go before the writer's: only that one may copy the log into the file.
                drop(writer.segments.take());
                writer.checkpointer.stop();
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
        if let Some(damage) = self.state.damage() {
            return fail_all(group, &damage);
        }
        match self.ballast.room() {
            Room::Enough => {}
            Room::Again => self.state.writable(),
            Room::None => {
                self.state.failed(&LedgerError::DiskFull);
                let (upkeep, refused) = group.into_iter().partition(|work| work.is_upkeep());
                fail_all(refused, &LedgerError::DiskFull);
                group = upkeep;
            }
        }
        if group.is_empty() {
            return;
        }
        if self.poisoned
            && let Err(error) = self.reopen()
        {
            tracing::error!(%error, "ledger.storage: the ledger is still not writable");
            match &error {
                LedgerError::Damaged(what) => self.state.condemn(what),
                other => self.state.failed(other),
            }
            return fail_all(group, &error);
        }
        let mut tail = self.tail.clone();
        let mut effects = Effects::default();
        match self.run_group(&mut group, &mut tail, &mut effects) {
            Ok(()) => {
                self.tail = tail;
                for row in effects.live {
                    // Nobody listening is an ordinary state.
                    let _ = self.live.send(row);
                }
                group.into_iter().for_each(Work::answer);
                if let Some(segments) = &self.segments {
                    segments.committed(effects.kept);
                }
                if WAL_PAGES.get() >= CHECKPOINT_PAGES {
                    self.checkpointer.ask();
                }
            }
            Err(error) => {
                tracing::error!(%error, pieces = group.len(), "ledger.storage: a commit failed, nothing of it is booked");
                self.poison(&error);
                fail_all(group, &error);
            }
        }
    }

    /// Closes the connection: what it believes of the file may be wrong now.
    fn poison(&mut self, error: &LedgerError) {
        self.poisoned = true;
        self.state.failed(error);
        if matches!(error, LedgerError::DiskFull) {
            self.ballast.give_back();
        }
        if let Ok(nothing) = Connection::open_in_memory() {
            self.connection = nothing;
        }
    }

    fn run_group(
        &self,
        group: &mut [Box<dyn Work>],
        tail: &mut Tail,
        effects: &mut Effects,
    ) -> Result<(), LedgerError> {
        self.statement("BEGIN IMMEDIATE")?;
        let outcome = match group {
            [alone] => self.run_alone(alone.as_mut(), tail, effects),
            many => {
                many.iter_mut().try_for_each(|work| self.run_one(work.as_mut(), tail, effects)).map(|()| End::Commit)
            }
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
    fn run_alone(&self, work: &mut dyn Work, tail: &mut Tail, effects: &mut Effects) -> Result<End, LedgerError> {
        let tail_before = tail.clone();
        let mut txn = Txn::new(&self.connection, tail, effects);
        match work.run(&mut txn) {
            Ok(()) => Ok(End::Commit),
            Err(Undo::Alone) => {
                *tail = tail_before;
                *effects = Effects::default();
                Ok(End::Rollback)
            }
            Err(Undo::Group) => Err(txn.into_fault()),
        }
    }

    fn run_one(&self, work: &mut dyn Work, tail: &mut Tail, effects: &mut Effects) -> Result<(), LedgerError> {
        let (tail_before, effects_before) = (tail.clone(), effects.mark());
        self.statement("SAVEPOINT work")?;
        let mut txn = Txn::new(&self.connection, tail, effects);
        match work.run(&mut txn) {
            Ok(()) => {}
            Err(Undo::Alone) => {
                self.statement("ROLLBACK TO work")?;
                *tail = tail_before;
                effects.rewind(effects_before);
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

    /// A new connection, when what was acknowledged is there and the disk takes a write.
    fn reopen(&mut self) -> Result<(), LedgerError> {
        let connection = super::connection_open(&self.path)?;
        let tail = tail_verify(&connection, &self.tail)?;
        probe(&connection)?;
        super::trusted(&connection)?;
        connection.wal_hook(Some(wal_pages_note));
        self.tail = tail;
        self.connection = connection;
        self.poisoned = false;
        self.state.writable();
        if let Some(segments) = &self.segments {
            // What was refused may be in the file after all: the copy reads on from what it knows.
            segments.missed();
        }
        tracing::info!("ledger.reopened: the ledger is writable again");
        Ok(())
    }
}

/// The tail of the file, which must hold everything that was acknowledged, unchanged.
fn tail_verify(connection: &Connection, acknowledged: &Tail) -> Result<Tail, LedgerError> {
    let reads = Reads::of(connection);
    if let Some(hash) = reads.event_hash_at(acknowledged.position)?
        && hash == acknowledged.hash
    {
        let tail = Tail::read(connection)?;
        let report = reads.chain_check((tail.position - TAIL_CHECKED).max(0))?;
        return match report.faults.first() {
            None => Ok(tail),
            Some(fault) => Err(LedgerError::Damaged(fault.to_string())),
        };
    }
    Err(LedgerError::Damaged(format!("event row {}, which was acknowledged, is gone", acknowledged.position)))
}

/// Writes something and syncs it: only that proves that the disk takes writes again.
fn probe(connection: &Connection) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('reopened', '1')
         ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
        [],
    )?;
    Ok(())
}

fn fail_all(group: Vec<Box<dyn Work>>, error: &LedgerError) {
    for work in group {
        work.fail(match error {
            LedgerError::DiskFull => LedgerError::DiskFull,
            LedgerError::Damaged(what) => LedgerError::Damaged(what.clone()),
            LedgerError::Storage(what) => LedgerError::Storage(what.clone()),
            other => LedgerError::Storage(other.to_string()),
        });
    }
}

fn wal_pages_note(_: &Wal, pages: std::ffi::c_int) -> rusqlite::Result<()> {
    WAL_PAGES.set(pages);
    Ok(())
}

/// A thread with a connection of its own that copies the write-ahead log into the ledger when asked, off the tap's path.
/// It is PASSIVE: it never makes the writer wait.
struct Checkpointer {
    asks: Option<mpsc::SyncSender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Checkpointer {
    fn start(path: &Path) -> Result<Self, LedgerError> {
        let (asks, asked) = mpsc::sync_channel::<()>(1);
        let path = path.to_owned();
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || {
                let mut open = None;
                while asked.recv().is_ok() {
                    // After a fault it is opened anew: what the old one believes of the file may be wrong.
                    match checkpoint(open.take(), &path) {
                        Ok(connection) => open = Some(connection),
                        Err(error) => {
                            tracing::warn!(%error, "ledger.checkpoint: the log could not be copied into the ledger; it grows until it can");
                        }
                    }
                }
            })
            .map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok(Self { asks: Some(asks), thread: Some(thread) })
    }

    fn ask(&self) {
        if let Some(asks) = &self.asks {
            // One that was asked for and not begun is enough.
            let _ = asks.try_send(());
        }
    }

    fn stop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the log would merely not have been copied.
            let _ = thread.join();
        }
    }
}

/// Copies what the log has into the ledger. The connection never does so when it closes: that is the writer's.
fn checkpoint(open: Option<Connection>, path: &Path) -> Result<Connection, LedgerError> {
    let connection = open.map_or_else(|| super::connection_open(path), Ok)?;
    connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(connection)
}
