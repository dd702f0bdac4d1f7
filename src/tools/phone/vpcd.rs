//! The card's side of vsmartcard's virtual reader (vpcd): one TCP connection is one presence of a phone on the reader.
//!
//! Source: readers-and-scanners.md section 1.12. The reader speaks first; each message is a length of two bytes, big end
//! first, and a body. A body of one byte is control (00 off, 01 on, 02 reset, 04 ATR); longer ones are APDUs. Asking for
//! the ATR doubles as the presence poll, every 400 ms. Closing the socket is how a phone leaves.
//!
//! Threads: [`Phone::present`] connects on the caller's thread and serves on one of its own. Nobody sleeps: whoever waits
//! does so on the record's condition, which also ends a slow answer early when the phone is lifted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::linux::net::TcpStreamExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Field, Handset, Reply, TimeSource};

/// The TCP port of the virtual reader's first slot, as Debian's package sets it; the second slot has the next one.
pub const PORT_DEFAULT: u16 = 35963;

/// How long the reader may stay silent after a connect. It polls every 400 ms; a slot held by another phone never speaks.
pub const FIRST_WORD_MS_MAX: u64 = 4_000;

/// How long a connect may take. The reader is on this machine or on the LAN.
const CONNECT_MS_MAX: u64 = 3_000;

/// Why there is no presence, each with its remedy.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The host name cannot be resolved.
    #[error("no address found for the host '{host}' ({reason}); give the reader's machine with --host, e.g. 127.0.0.1")]
    NoHost {
        /// The name as given.
        host: String,
        /// What the resolver said.
        reason: io::Error,
    },
    /// Nothing listens.
    #[error(
        "no virtual reader answers at {host}:{port} ({reason}). Is pcscd running (`systemctl start pcscd`, or `stampd demo`), \
         is the package vsmartcard-vpcd installed, and is this the port of its reader file? Slot 1 is {PORT_DEFAULT} by default, slot 2 the next"
    )]
    Refused {
        /// The reader's host.
        host: String,
        /// The slot's port.
        port: u16,
        /// What the connect said.
        reason: io::Error,
    },
    /// The kernel took the connection and the reader does not serve it.
    #[error(
        "the virtual reader at port {port} does not speak: another phone is on this slot (it takes one at a time). \
         Lift that one, or use the other slot with --slot"
    )]
    SlotTaken {
        /// The slot's port.
        port: u16,
    },
}

/// How a presence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The phone was lifted by [`Presence::lift`].
    Lifted,
    /// The handset left by itself, by a fault.
    Left,
    /// The reader closed the connection: it went away, or took an empty ATR or answer as removal.
    ReaderGone,
    /// The reader never spoke: another phone holds the slot.
    SlotTaken,
}

/// One thing that the handset saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The reader asked for the ATR and got this; recorded when it changes, not at every poll.
    Atr(Vec<u8>),
    /// The field or power changed.
    Field(Field),
    /// A command and what came back.
    Exchange {
        /// The command APDU.
        command: Vec<u8>,
        /// The bytes that reached the reader.
        answer: Vec<u8>,
        /// What was asked, in words.
        asked: String,
        /// What was answered, in words.
        said: String,
        /// Whether the pass was handed over in full.
        gives_pass: bool,
    },
}

/// A sight with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was seen.
    pub sight: Sight,
    /// When, in nanoseconds since the machine's start; `None` when the phone has no clock ([`Phone::timed_by`]).
    pub boot_ns: Option<i64>,
}

/// One slot of a virtual reader, and who may be shown to it.
#[derive(Clone)]
pub struct Phone {
    host: String,
    port: u16,
    clock: Option<TimeSource>,
}

impl Phone {
    /// The slot on `port` of this machine. Nothing is sent before [`Phone::present`].
    pub fn connect(port: u16) -> Self {
        Self::at("127.0.0.1", port)
    }

    /// The slot on `port` of `host`. Nothing is sent before [`Phone::present`].
    pub fn at(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, clock: None }
    }

    /// Writes times into the record.
    pub fn timed_by(self, clock: TimeSource) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Puts `handset` on the reader and serves it on a thread until it is lifted or leaves. Fails when nothing listens;
    /// a slot that is taken shows as [`Ended::SlotTaken`] ([`Presence::noticed`] waits for it).
    pub fn present(&self, handset: Box<dyn Handset>) -> Result<Presence, LinkError> {
        let refused = |reason| LinkError::Refused { host: self.host.clone(), port: self.port, reason };
        let stream = self.open()?;
        stream.set_nodelay(true).map_err(refused)?;
        stream.set_read_timeout(Some(Duration::from_millis(FIRST_WORD_MS_MAX))).map_err(refused)?;
        let lifter = stream.try_clone().map_err(refused)?;
        let record = Arc::new(Record::default());
        let waits_for_drop = handset.waits_for_field_drop();
        let mut service = Service { stream, handset, record: record.clone(), clock: self.clock.clone(), atr: None };
        let server = std::thread::Builder::new()
            .name("phone".to_owned())
            .spawn(move || {
                let ended = service.run();
                service.finish(ended)
            })
            .map_err(refused)?;
        Ok(Presence { port: self.port, waits_for_drop, lifter, record, server: Some(server) })
    }

    fn open(&self) -> Result<TcpStream, LinkError> {
        let no_host = |reason| LinkError::NoHost { host: self.host.clone(), reason };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in (self.host.as_str(), self.port).to_socket_addrs().map_err(no_host)? {
            match TcpStream::connect_timeout(&address, Duration::from_millis(CONNECT_MS_MAX)) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(LinkError::Refused { host: self.host.clone(), port: self.port, reason: last })
    }
}

/// A phone on the reader. Dropping it lifts the phone.
pub struct Presence {
    port: u16,
    waits_for_drop: bool,
    lifter: TcpStream,
    record: Arc<Record>,
    server: Option<JoinHandle<Box<dyn Handset>>>,
}

/// What is left of a presence that ended: the handset for the next one, and what it saw.
pub struct Presented {
    /// The handset; `None` only when it panicked.
    pub handset: Option<Box<dyn Handset>>,
    /// What it saw, in order.
    pub seen: Vec<Seen>,
    /// How the presence ended.
    pub ended: Ended,
}

impl Presented {
    /// Commands and the bytes that were answered, in order.
    pub fn exchanges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        exchanges(&self.seen)
    }
}

impl Presence {
    /// Waits until the reader spoke for the first time; an error when the slot is taken. A presence that ended since
    /// counts as noticed.
    pub fn noticed(&self) -> Result<(), LinkError> {
        let wait = Duration::from_millis(FIRST_WORD_MS_MAX * 2);
        self.wait(wait, |seen, ended| !seen.is_empty() || ended.is_some());
        match self.ended() {
            Some(Ended::SlotTaken) => Err(LinkError::SlotTaken { port: self.port }),
            _ => Ok(()),
        }
    }

    /// Waits until `done` holds of what was seen and how it ended; `false` when `timeout` passed before.
    pub fn wait(&self, timeout: Duration, mut done: impl FnMut(&[Seen], Option<Ended>) -> bool) -> bool {
        let guard = self.record.lock();
        let (_guard, result) = self
            .record
            .changed
            .wait_timeout_while(guard, timeout, |state| !done(&state.seen, state.ended))
            .unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    /// Waits until the reader took the pass: it was handed over in full and, where the handset waits for it, the field
    /// dropped since. `false` when `timeout` passed or the presence ended before.
    pub fn taken(&self, timeout: Duration) -> bool {
        let mut taken = false;
        self.wait(timeout, |seen, ended| {
            taken = is_taken(seen, self.waits_for_drop);
            taken || ended.is_some()
        });
        taken
    }

    /// What was seen from index `from` on.
    pub fn seen_from(&self, from: usize) -> Vec<Seen> {
        self.record.lock().seen.get(from..).unwrap_or_default().to_vec()
    }

    /// Commands and the bytes that were answered so far, in order.
    pub fn exchanges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        exchanges(&self.record.lock().seen)
    }

    /// How it ended; `None` while the phone is on the reader.
    pub fn ended(&self) -> Option<Ended> {
        self.record.lock().ended
    }

    /// Takes the phone off the reader, unless it left before, and hands it back with what it saw.
    pub fn lift(mut self) -> Presented {
        let handset = self.take_off();
        let mut state = self.record.lock();
        Presented { handset, seen: std::mem::take(&mut state.seen), ended: state.ended.unwrap_or(Ended::Lifted) }
    }

    fn take_off(&mut self) -> Option<Box<dyn Handset>> {
        self.record.lift();
        // Fails only when the connection is gone already, which is what is wanted.
        let _ = self.lifter.shutdown(Shutdown::Both);
        self.server.take().and_then(|server| server.join().ok())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.take_off();
    }
}

fn is_taken(seen: &[Seen], waits_for_drop: bool) -> bool {
    let given = seen.iter().position(|seen| matches!(seen.sight, Sight::Exchange { gives_pass: true, .. }));
    let dropped = |seen: &Seen| matches!(seen.sight, Sight::Field(Field::Off | Field::Reset));
    given.is_some_and(|at| !waits_for_drop || seen[at..].iter().any(dropped))
}

fn exchanges(seen: &[Seen]) -> Vec<(Vec<u8>, Vec<u8>)> {
    seen.iter()
        .filter_map(|seen| match &seen.sight {
            Sight::Exchange { command, answer, .. } => Some((command.clone(), answer.clone())),
            Sight::Atr(_) | Sight::Field(_) => None,
        })
        .collect()
}

/// What the serving thread and its watchers share.
#[derive(Default)]
struct Record {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    ended: Option<Ended>,
    lifted: bool,
}

impl Record {
    /// The state; a watcher that panicked leaves nothing half-written here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, seen: Seen) {
        self.lock().seen.push(seen);
        self.changed.notify_all();
    }

    fn lift(&self) {
        self.lock().lifted = true;
        self.changed.notify_all();
    }

    /// Waits `ms` milliseconds, or until the phone is lifted.
    fn hold_back(&self, ms: u64) {
        let wait = Duration::from_millis(ms);
        drop(self.changed.wait_timeout_while(self.lock(), wait, |state| !state.lifted));
    }
}

/// The serving side of a presence.
struct Service {
    stream: TcpStream,
    handset: Box<dyn Handset>,
    record: Arc<Record>,
    clock: Option<TimeSource>,
    atr: Option<Vec<u8>>,
}

impl Service {
    fn run(&mut self) -> Ended {
        let mut spoken = false;
        loop {
            let message = match self.read_message() {
                Ok(message) => message,
                Err(error) if !spoken && is_timeout(&error) => return Ended::SlotTaken,
                Err(_) => return Ended::ReaderGone,
            };
            if !spoken {
                spoken = true;
                if self.stream.set_read_timeout(None).is_err() {
                    return Ended::ReaderGone;
                }
            }
            match self.serve(&message) {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(_) => return Ended::ReaderGone,
            }
        }
    }

    /// Closes the connection, then tells the watchers: who sees the end may present again at once.
    fn finish(self, ended: Ended) -> Box<dyn Handset> {
        let Service { stream, mut handset, record, .. } = self;
        let _ = stream.shutdown(Shutdown::Both);
        drop(stream);
        handset.lifted();
        let mut state = record.lock();
        state.ended = Some(if state.lifted { Ended::Lifted } else { ended });
        drop(state);
        record.changed.notify_all();
        handset
    }

    fn serve(&mut self, message: &[u8]) -> io::Result<Option<Ended>> {
        match message {
            [] => Ok(None),
            [0x00] => Ok(self.field(Field::Off)),
            [0x01] => Ok(self.field(Field::On)),
            [0x02] => Ok(self.field(Field::Reset)),
            [0x04] => {
                let atr = self.handset.atr();
                if self.atr.as_ref() != Some(&atr) {
                    self.note(Sight::Atr(atr.clone()));
                    self.atr = Some(atr.clone());
                }
                self.write_message(&atr).map(|()| None)
            }
            // A control code that vpcd may gain some day: no answer is expected to an unknown one.
            [_] => Ok(None),
            command => self.serve_command(command),
        }
    }

    fn serve_command(&mut self, command: &[u8]) -> io::Result<Option<Ended>> {
        let answer = self.handset.answer(command);
        if let Reply::Late(_, ms) = &answer.reply {
            self.record.hold_back(*ms);
        }
        // Held until the answer is in it: who has seen what came of an answer finds it there.
        let record = Arc::clone(&self.record);
        let mut state = record.lock();
        let ended = match &answer.reply {
            Reply::Bytes(bytes) | Reply::Late(bytes, _) => self.write_message(bytes).map(|()| None),
            Reply::BytesThenLeave(bytes) => self.write_message(bytes).map(|()| Some(Ended::Left)),
            Reply::Torn(bytes) => self.write_torn(bytes).map(|()| Some(Ended::Left)),
            Reply::Silence => Ok(None),
            Reply::Leave => Ok(Some(Ended::Left)),
        };
        state.seen.push(self.seen(Sight::Exchange {
            command: command.to_vec(),
            answer: answer.reply.bytes().to_vec(),
            asked: answer.asked,
            said: answer.said,
            gives_pass: answer.gives_pass && ended.is_ok(),
        }));
        record.changed.notify_all();
        ended
    }

    fn field(&mut self, change: Field) -> Option<Ended> {
        self.handset.field(change);
        self.note(Sight::Field(change));
        None
    }

    fn note(&self, sight: Sight) {
        self.record.push(self.seen(sight));
    }

    fn seen(&self, sight: Sight) -> Seen {
        Seen { sight, boot_ns: self.clock.as_ref().map(|clock| clock().boot_ns) }
    }

    fn read_message(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 2];
        self.read_exactly(&mut length)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.read_exactly(&mut body)?;
        Ok(body)
    }

    /// Reads until `into` is full. The acknowledgement is hurried before each read, because vpcd 3.3 sends length and
    /// body apart and would otherwise wait 40 ms for it, at every APDU.
    fn read_exactly(&mut self, into: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            self.stream.set_quickack(true)?;
            match self.stream.read(&mut into[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes length and body in one piece. What exceeds the length field cannot be said and is cut.
    fn write_message(&mut self, body: &[u8]) -> io::Result<()> {
        let body = &body[..body.len().min(usize::from(u16::MAX))];
        let mut message = (body.len() as u16).to_be_bytes().to_vec();
        message.extend_from_slice(body);
        self.stream.write_all(&message)
    }

    fn write_torn(&mut self, body: &[u8]) -> io::Result<()> {
        let mut message = (body.len() as u16).to_be_bytes().to_vec();
        message.extend_from_slice(&body[..body.len() / 2]);
        self.stream.write_all(&message)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
pub(crate) mod tests;
