//! The picture of the readers and of what lies on them, and how it changes: the logic of the monitor without PC/SC,
//! without threads and without a clock, so that recorded status sequences can be played to it.
//!
//! A *presence* is one chip held to one reader, from the first insertion until the reader was empty for
//! [`EMPTY_NS_MIN`]. Readers report a removal and an insertion for many things that no customer did (a reset, a field
//! that flickers, a phone that moves by a centimetre); all of that happens inside one presence, and one presence books
//! once (readers-and-scanners.md sections 1.6 and 4).
//!
//! A chip that lies there at the first look, or lay there when its reader came up, belongs to nobody who stands at the
//! counter now: it is not read until it was lifted (section 1.2). A reader that comes up later counts its insertions from
//! then on, so a customer who was faster than our look is told apart.

use std::collections::BTreeMap;

/// How long a reader must be empty until a presence is over (readers-and-scanners.md section 1.6), nanoseconds.
pub const EMPTY_NS_MIN: i64 = 500_000_000;

/// How long a chip may be mute, or without ATR, before that is worth a word: phones move while they are put down
/// (readers-and-scanners.md section 1.2), nanoseconds.
pub const QUIET_NS_MAX: i64 = 300_000_000;

/// How soon a chip without ATR is looked at again, nanoseconds.
pub const QUIET_LOOK_NS: i64 = 50_000_000;

/// The presence of one chip on one reader; counts up over all readers and never repeats while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PresenceId(pub u64);

/// What a reader says of its field at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Nothing there.
    Empty,
    /// A chip that does not answer (MUTE).
    Mute,
    /// A chip whose ATR is not known yet: look again rather than connect.
    Waking,
    /// A chip with its ATR.
    Chip(Vec<u8>),
}

/// One reader at one instant, as PC/SC reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The reader's name.
    pub reader: String,
    /// What is in its field.
    pub field: Field,
    /// Insertions and removals since the reader came up; starts again when it goes away.
    pub event_count: u32,
}

/// What changed, in the order in which it is to be acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A reader came up.
    ReaderUp {
        /// Its name.
        reader: String,
        /// A chip lies on it, which is not read until it was lifted.
        occupied: bool,
    },
    /// A reader went away, with whatever lay on it.
    ReaderDown {
        /// Its name.
        reader: String,
    },
    /// A chip came: a new presence.
    ChipCame {
        /// On this reader.
        reader: String,
        /// Its presence.
        presence: PresenceId,
        /// What it said of itself.
        atr: Vec<u8>,
    },
    /// The chip of a presence that goes on was away for a moment, or was reset, and is back.
    ChipReturned {
        /// On this reader.
        reader: String,
        /// The same presence.
        presence: PresenceId,
        /// What it says now.
        atr: Vec<u8>,
    },
    /// The field is empty; the presence goes on until [`Change::ChipLeft`].
    ChipLost {
        /// On this reader.
        reader: String,
        /// Its presence.
        presence: PresenceId,
    },
    /// The presence is over, also that of a chip that lay there from the start.
    ChipLeft {
        /// On this reader.
        reader: String,
        /// Its presence.
        presence: PresenceId,
    },
    /// A chip came and went between two looks.
    ChipGlimpsed {
        /// On this reader.
        reader: String,
        /// Its presence, already without a chip.
        presence: PresenceId,
    },
    /// A chip lies there and does not answer.
    ChipMute {
        /// On this reader.
        reader: String,
        /// Its presence.
        presence: PresenceId,
    },
}

/// What is known of all readers.
#[derive(Debug, Default)]
pub struct Picture {
    readers: BTreeMap<String, Seen>,
    presences: u64,
    /// The first look was taken, or there was nothing to look at.
    looked: bool,
}

/// One reader as it was last seen.
#[derive(Debug)]
struct Seen {
    event_count: u32,
    /// The service was away since: whatever the counter says, the chip was without power.
    interrupted: bool,
    presence: Option<Presence>,
}

/// The presence on one reader.
#[derive(Clone, Debug)]
struct Presence {
    id: PresenceId,
    told: Told,
    /// Since when the field is empty, if it is.
    lost_ns: Option<i64>,
    /// Since when a chip is there that has no ATR.
    quiet_ns: Option<i64>,
    /// It came back and has no ATR yet.
    returning: bool,
    mute_told: bool,
}

/// What was said of a presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing yet: it has no ATR.
    Nothing,
    /// That it came.
    Came,
    /// It lay there from the start and is never read.
    Occupied,
}

impl Picture {
    /// Takes what all readers say at `now_ns` (since boot) and returns what changed. A reader that is not among
    /// `sightings` is gone.
    pub fn observe(&mut self, now_ns: i64, sightings: &[Sighting]) -> Vec<Change> {
        let mut changes = self.readers_gone(sightings);
        for sighting in sightings {
            match self.readers.get_mut(&sighting.reader) {
                Some(seen) => seen.observe(now_ns, sighting, &mut self.presences, &mut changes),
                None => self.reader_new(now_ns, sighting, &mut changes),
            }
        }
        self.looked = true;
        changes
    }

    /// When the next look is due although no reader reports anything, nanoseconds since boot; it is `now_ns` there.
    pub fn due_ns(&self, now_ns: i64) -> Option<i64> {
        self.readers.values().filter_map(|seen| seen.due_ns(now_ns)).min()
    }

    /// The first look found no service. Readers that come up from now on came up later.
    pub fn looked_at_nothing(&mut self) {
        self.looked = true;
    }

    /// The service went away: chips lost their power, and the counters start again. Readers that do not come back are
    /// found missing by the next [`Picture::observe`].
    pub fn interrupted(&mut self) {
        for seen in self.readers.values_mut() {
            seen.interrupted = true;
        }
    }

    fn readers_gone(&mut self, sightings: &[Sighting]) -> Vec<Change> {
        let mut changes = Vec::new();
        self.readers.retain(|reader, _| {
            let stays = sightings.iter().any(|sighting| sighting.reader == *reader);
            if !stays {
                changes.push(Change::ReaderDown { reader: reader.clone() });
            }
            stays
        });
        changes
    }

    fn reader_new(&mut self, now_ns: i64, sighting: &Sighting, changes: &mut Vec<Change>) {
        let reader = sighting.reader.clone();
        let occupied = sighting.field != Field::Empty && (!self.looked || sighting.event_count == 0);
        changes.push(Change::ReaderUp { reader: reader.clone(), occupied });
        let mut seen = Seen { event_count: sighting.event_count, interrupted: false, presence: None };
        if occupied {
            seen.presence = Some(Presence::new(fresh_id(&mut self.presences), Told::Occupied));
        } else {
            seen.observe(now_ns, sighting, &mut self.presences, changes);
        }
        self.readers.insert(reader, seen);
    }
}

impl Seen {
    fn observe(&mut self, now_ns: i64, sighting: &Sighting, presences: &mut u64, changes: &mut Vec<Change>) {
        let reader = &sighting.reader;
        self.end_if_over(now_ns, reader, changes);
        let counted = sighting.event_count.checked_sub(self.event_count);
        let moved = std::mem::take(&mut self.interrupted) || counted != Some(0);
        self.event_count = sighting.event_count;
        match (&mut self.presence, &sighting.field) {
            (None, Field::Empty) => {
                // A counter that went back was reset with its reader and tells nothing.
                if counted.is_some_and(|count| count >= 2) {
                    let mut presence = Presence::new(fresh_id(presences), Told::Came);
                    presence.lost_ns = Some(now_ns);
                    changes.push(Change::ChipGlimpsed { reader: reader.clone(), presence: presence.id });
                    self.presence = Some(presence);
                }
            }
            (None, field) => {
                let mut presence = Presence::new(fresh_id(presences), Told::Nothing);
                presence.observe_chip(now_ns, reader, field, false, changes);
                self.presence = Some(presence);
            }
            (Some(presence), Field::Empty) => presence.observe_empty(now_ns, reader, moved, changes),
            (Some(presence), field) => presence.observe_chip(now_ns, reader, field, moved, changes),
        }
    }

    fn end_if_over(&mut self, now_ns: i64, reader: &str, changes: &mut Vec<Change>) {
        let Some(presence) = &self.presence else { return };
        if presence.lost_ns.is_some_and(|since_ns| now_ns - since_ns >= EMPTY_NS_MIN) {
            changes.push(Change::ChipLeft { reader: reader.to_owned(), presence: presence.id });
            self.presence = None;
        }
    }

    fn due_ns(&self, now_ns: i64) -> Option<i64> {
        let presence = self.presence.as_ref()?;
        match (presence.lost_ns, presence.quiet_ns) {
            (Some(since_ns), _) => Some(since_ns + EMPTY_NS_MIN),
            (None, Some(since_ns)) if presence.may_be_mute() => {
                Some((since_ns + QUIET_NS_MAX).min(now_ns + QUIET_LOOK_NS))
            }
            _ => None,
        }
    }
}

impl Presence {
    fn new(id: PresenceId, told: Told) -> Self {
        Self { id, told, lost_ns: None, quiet_ns: None, returning: false, mute_told: false }
    }

    /// A chip that was there and lost its ATR where it lies was powered down, and is not mute.
    fn may_be_mute(&self) -> bool {
        !self.mute_told && (self.told == Told::Nothing || (self.told == Told::Came && self.returning))
    }

    fn observe_empty(&mut self, now_ns: i64, reader: &str, moved: bool, changes: &mut Vec<Change>) {
        self.quiet_ns = None;
        self.returning = false;
        match self.lost_ns {
            None => {
                self.lost_ns = Some(now_ns);
                if self.told == Told::Came {
                    changes.push(Change::ChipLost { reader: reader.to_owned(), presence: self.id });
                }
            }
            // It was back between two looks, so the field is empty only since then.
            Some(_) if moved => self.lost_ns = Some(now_ns),
            Some(_) => {}
        }
    }

    fn observe_chip(&mut self, now_ns: i64, reader: &str, field: &Field, moved: bool, changes: &mut Vec<Change>) {
        let back = self.lost_ns.take().is_some() || moved;
        self.returning |= back;
        let Field::Chip(atr) = field else {
            let since_ns = *self.quiet_ns.get_or_insert(now_ns);
            if now_ns - since_ns >= QUIET_NS_MAX && self.may_be_mute() {
                self.mute_told = true;
                changes.push(Change::ChipMute { reader: reader.to_owned(), presence: self.id });
            }
            return;
        };
        self.quiet_ns = None;
        let returning = std::mem::take(&mut self.returning);
        let (reader, presence, atr) = (reader.to_owned(), self.id, atr.clone());
        match self.told {
            Told::Nothing => {
                self.told = Told::Came;
                changes.push(Change::ChipCame { reader, presence, atr });
            }
            Told::Came if returning => changes.push(Change::ChipReturned { reader, presence, atr }),
            Told::Came | Told::Occupied => {}
        }
    }
}

fn fresh_id(presences: &mut u64) -> PresenceId {
    *presences += 1;
    PresenceId(*presences)
}

#[cfg(test)]
mod tests;
