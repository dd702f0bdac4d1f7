//! An event's canonical bytes: what the chain hashes, the ledger keeps and sync sends (SYNC.md C.1).
//!
//! Deterministic CBOR, a map with fixed small keys. A field that is absent leaves no trace, so that a key added later
//! does not change older bytes; a key is never given another meaning. Vectors are in `tests/golden`.

use openssl::sha::sha256;

use super::cbor::{CborError, Fields, Glance, MapWriter, Value};
use super::entry::{entry_from, entry_value};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{
    Actor, ApiTokenId, BootId, ClockTrust, CustomerId, DeviceId, Entry, Event, EventId, EventKind, Fact, FactKey,
    Grade, Hlc, Incarnation, Medium, Moment, RefusalCode, Role, SaleId, Serial, StaffId, TillId, VisitId,
};

/// The layout that this module writes; it is the first field of every event.
pub const EVENT_VERSION: i64 = 1;

/// Bytes of an event that no posting reaches; checked when an event is made, so that an unsendable one cannot exist
/// (SYNC.md row 20).
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Why bytes are no event of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not canonical CBOR, or a field is missing or of another type.
    #[error("event bytes: {0}")]
    Cbor(#[from] CborError),
    /// A layout or a kind of a later version: kept and forwarded as it is, not read.
    #[error("an event of a later version of stampd ({0}); update stampd to read it")]
    Later(String),
    /// A field holds what its type does not allow.
    #[error("event field {0} holds an impossible value")]
    Field(&'static str),
}

mod key {
    pub const VERSION: u64 = 0;
    pub const DEVICE: u64 = 1;
    pub const INCARNATION: u64 = 2;
    pub const SEQ: u64 = 3;
    pub const ID: u64 = 4;
    pub const HLC: u64 = 5;
    pub const WALL_MS: u64 = 6;
    pub const BOOT_ID: u64 = 7;
    pub const BOOT_NS: u64 = 8;
    pub const UNTRUSTED: u64 = 9;
    pub const ZONE: u64 = 10;
    pub const PREV: u64 = 11;
    pub const KIND: u64 = 12;
    pub const ROLE: u64 = 13;
    pub const TOKEN: u64 = 14;
    pub const STAFF: u64 = 15;
    pub const APPROVED_BY: u64 = 16;
    pub const TILL: u64 = 17;
    pub const CARD: u64 = 18;
    pub const CUSTOMER: u64 = 19;
    pub const READER: u64 = 20;
    pub const MEDIUM: u64 = 21;
    pub const GRADE: u64 = 22;
    pub const VISIT: u64 = 23;
    pub const TXN_ID: u64 = 24;
    pub const SALE: u64 = 25;
    pub const REFUSAL: u64 = 26;
    pub const DETAILS: u64 = 27;
    pub const TEXT_HASH: u64 = 28;
    pub const ENTRIES: u64 = 29;
}

/// The canonical bytes of `event`.
pub fn event_bytes(event: &Event) -> Vec<u8> {
    let what = &event.what;
    let actor = &what.actor;
    let mut map = MapWriter::default();
    map.int(key::VERSION, EVENT_VERSION)
        .int(key::DEVICE, i64::from(event.device.0))
        .int(key::INCARNATION, i64::from(event.incarnation.0))
        .int(key::SEQ, event.seq as i64)
        .bytes(key::ID, event.id.0.as_bytes())
        .int(key::HLC, event.hlc.0 as i64)
        .int(key::WALL_MS, event.wall_ms)
        .bytes(key::BOOT_ID, &event.boot_id.0)
        .int(key::BOOT_NS, event.boot_ns)
        .flag(key::UNTRUSTED, event.trust == ClockTrust::Untrusted)
        .str(key::ZONE, &event.zone)
        .bytes(key::PREV, &event.prev)
        .str(key::KIND, what.kind.name())
        .str(key::ROLE, actor.role.name())
        .bytes_opt(key::TOKEN, actor.token.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .bytes_opt(key::STAFF, actor.staff.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .bytes_opt(key::APPROVED_BY, actor.approved_by.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .str_opt(key::TILL, actor.till.as_ref().map(TillId::as_str))
        .int_opt(key::CARD, what.card.map(|serial| serial.bits() as i64))
        .bytes_opt(key::CUSTOMER, what.customer.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .str_opt(key::READER, what.reader.as_deref())
        .str_opt(key::MEDIUM, what.medium.map(Medium::name))
        .str_opt(key::GRADE, what.grade.map(Grade::name))
        .bytes_opt(key::VISIT, what.visit.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .str_opt(key::TXN_ID, what.txn_id.as_deref())
        .bytes_opt(key::SALE, what.sale.as_ref().map(|id| id.0.as_bytes().as_slice()))
        .str_opt(key::REFUSAL, what.refusal.map(RefusalCode::name))
        .items(key::DETAILS, what.details.iter().flat_map(|(name, value)| [name, value]).map(Value::text).collect())
        .bytes_opt(key::TEXT_HASH, what.text_hash.as_ref().map(<[u8; 32]>::as_slice))
        .items(key::ENTRIES, what.entries.iter().map(entry_value).collect());
    map.done().encode()
}

/// The hash by which the next event names this one: SHA-256 of its canonical bytes.
pub fn event_hash(bytes: &[u8]) -> [u8; 32] {
    sha256(bytes)
}

/// Reads canonical bytes back.
pub fn event_read(bytes: &[u8]) -> Result<Event, EventError> {
    let map = Value::decode(bytes)?;
    let version = map.int(key::VERSION)?;
    if version != EVENT_VERSION {
        return Err(EventError::Later(format!("layout {version}")));
    }
    Ok(Event {
        device: DeviceId(narrow(map.int(key::DEVICE)?, "device")?),
        incarnation: Incarnation(narrow(map.int(key::INCARNATION)?, "incarnation")?),
        seq: map.int(key::SEQ)?.try_into().map_err(|_| EventError::Field("seq"))?,
        id: EventId(uuid::Uuid::from_bytes(map.bytes(key::ID)?)),
        hlc: Hlc(map.int(key::HLC)?.try_into().map_err(|_| EventError::Field("hlc"))?),
        wall_ms: map.int(key::WALL_MS)?,
        boot_id: BootId(map.bytes(key::BOOT_ID)?),
        boot_ns: map.int(key::BOOT_NS)?,
        trust: if map.bool(key::UNTRUSTED)? { ClockTrust::Untrusted } else { ClockTrust::Trusted },
        zone: map.str(key::ZONE)?.to_owned(),
        prev: map.bytes(key::PREV)?,
        what: happening_read(&map)?,
    })
}

/// What the chain and the ledger's columns repeat of an event. Where there is none a number is `None`, an id too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventHead<'a> {
    /// Its device's life.
    pub incarnation: i64,
    /// Its number.
    pub seq: i64,
    /// Its id, 16 bytes.
    pub id: &'a [u8],
    /// Its logical clock.
    pub hlc: i64,
    /// The hash of the event before, 32 bytes.
    pub prev: &'a [u8],
    /// Its kind.
    pub kind: &'a str,
    /// The serial of the card that it is about.
    pub card: Option<i64>,
    /// The id of the customer whom it is about.
    pub customer: Option<&'a [u8]>,
    /// The id of its visit.
    pub visit: Option<&'a [u8]>,
    /// How many entries it has.
    pub entries: usize,
}

/// Reads the head of canonical bytes without the rest: a fraction of what [`event_read`] costs. The bytes must be known
/// by their hash.
pub fn event_head(bytes: &[u8]) -> Result<EventHead<'_>, EventError> {
    let mut head = EventHead::default();
    for field in Fields::of(bytes)? {
        match field? {
            (key::VERSION, Glance::Int(EVENT_VERSION)) => {}
            (key::VERSION, Glance::Int(version)) => return Err(EventError::Later(format!("layout {version}"))),
            (key::INCARNATION, Glance::Int(number)) => head.incarnation = number,
            (key::SEQ, Glance::Int(number)) => head.seq = number,
            (key::ID, Glance::Bytes(id)) => head.id = id,
            (key::HLC, Glance::Int(number)) => head.hlc = number,
            (key::PREV, Glance::Bytes(hash)) => head.prev = hash,
            (key::KIND, Glance::Text(kind)) => head.kind = kind,
            (key::CARD, Glance::Int(bits)) => head.card = Some(bits),
            (key::CUSTOMER, Glance::Bytes(id)) => head.customer = Some(id),
            (key::VISIT, Glance::Bytes(id)) => head.visit = Some(id),
            (key::ENTRIES, Glance::Items(count)) => head.entries = count,
            _ => {}
        }
    }
    Ok(head)
}

fn happening_read(map: &Value) -> Result<Happening, EventError> {
    let kind = map.str(key::KIND)?;
    let kind = EventKind::from_name(kind).ok_or_else(|| EventError::Later(format!("kind {kind}")))?;
    let actor = Actor {
        role: Role::from_name(map.str(key::ROLE)?).ok_or(EventError::Field("role"))?,
        token: map.bytes_opt(key::TOKEN)?.map(|bytes| ApiTokenId(uuid::Uuid::from_bytes(bytes))),
        staff: map.bytes_opt(key::STAFF)?.map(|bytes| StaffId(uuid::Uuid::from_bytes(bytes))),
        approved_by: map.bytes_opt(key::APPROVED_BY)?.map(|bytes| StaffId(uuid::Uuid::from_bytes(bytes))),
        till: named(map.str_opt(key::TILL)?, "till", |text| TillId::new(text).ok())?,
    };
    let details: Vec<String> = map
        .items(key::DETAILS)?
        .iter()
        .map(|item| match item {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(EventError::Field("details")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Happening {
        kind,
        actor,
        card: map.int_opt(key::CARD)?.map(|bits| Serial::from_random(bits as u64)),
        customer: map.bytes_opt(key::CUSTOMER)?.map(|bytes| CustomerId(uuid::Uuid::from_bytes(bytes))),
        reader: map.str_opt(key::READER)?.map(str::to_owned),
        medium: named(map.str_opt(key::MEDIUM)?, "medium", Medium::from_name)?,
        grade: named(map.str_opt(key::GRADE)?, "grade", Grade::from_name)?,
        visit: map.bytes_opt(key::VISIT)?.map(|bytes| VisitId(uuid::Uuid::from_bytes(bytes))),
        txn_id: map.str_opt(key::TXN_ID)?.map(str::to_owned),
        sale: map.bytes_opt(key::SALE)?.map(|bytes| SaleId(uuid::Uuid::from_bytes(bytes))),
        refusal: named(map.str_opt(key::REFUSAL)?, "refusal", RefusalCode::from_name)?,
        details: details.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
        text_hash: map.bytes_opt(key::TEXT_HASH)?,
        entries: map.items(key::ENTRIES)?.iter().map(entry_from).collect::<Result<_, _>>()?,
    })
}

/// The facts of an event: one for each of its entries, in order. `zone` is what [`Event::zone`] names; the shells look it
/// up, because a zone's rules lie in files.
pub fn event_facts(event: &Event, zone: &jiff::tz::TimeZone) -> Vec<Fact> {
    let fact = |(index, entry): (usize, &Entry)| Fact {
        key: FactKey {
            hlc: event.hlc,
            device: event.device,
            incarnation: event.incarnation,
            seq: event.seq,
            index: index as u16,
        },
        event: event.id,
        at: Moment { ms: event.hlc.ms(), zone: zone.clone() },
        till: event.what.actor.till.clone(),
        role: event.what.actor.judged_as(),
        visit: event.what.visit,
        txn_id: event.what.txn_id.clone(),
        sale: event.what.sale,
        entry: entry.clone(),
    };
    event.what.entries.iter().enumerate().map(fact).collect()
}

fn narrow(number: i64, field: &'static str) -> Result<u32, EventError> {
    number.try_into().map_err(|_| EventError::Field(field))
}

fn named<T>(
    text: Option<&str>,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, EventError> {
    text.map(|text| read(text).ok_or(EventError::Field(field))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::domain::entry::{Award, AwardSource, Bonus, BonusKind, Terms};
    use crate::pure::domain::{EntryId, Posting, RuleVersion};

    /// Canonical bytes that were written once and must be read and written so for ever: `name = hex`, one line each.
    const VECTORS: &str = include_str!("../../../tests/golden/events.txt");

    fn id(number: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
    }

    /// An event without entries: a tap that was refused.
    fn refused() -> Event {
        let mut what = Happening::new(EventKind::Tap, Actor::device(TillId::new("till-1").ok()));
        what.card = Some(Serial::from_random(0x0123_4567_89AB_CDEF));
        what.reader = Some("Virtual PCD 00 00".to_owned());
        what.medium = Some(Medium::AppleVas);
        what.grade = Some(Grade::A);
        what.visit = Some(VisitId(id(3)));
        what.refusal = Some(RefusalCode::TooSoon);
        what.details = vec![("clock".to_owned(), "suspect".to_owned())];
        Event {
            device: DeviceId(1),
            incarnation: Incarnation(1),
            seq: 7,
            id: EventId(id(1)),
            hlc: Hlc(1_795_000_000_000 << 16 | 2),
            wall_ms: 1_795_000_000_000,
            boot_id: BootId([0xAB; 16]),
            boot_ns: 12_345_678_901,
            trust: ClockTrust::Untrusted,
            zone: "Europe/Berlin".to_owned(),
            prev: [0x11; 32],
            what,
        }
    }

    /// An event with everything that an actor can be and two entries.
    fn awarded() -> Event {
        let mut event = Event { seq: 8, id: EventId(id(2)), trust: ClockTrust::Trusted, ..refused() };
        let card = Serial::from_random(42);
        let entry = |number, posting| Entry { id: EntryId(id(number)), card, rule: RuleVersion(3), posting };
        let award = Award {
            source: AwardSource::Tap,
            units: 1,
            amount_minor: 0,
            earning_minor: 0,
            item_units: 0,
            terms: Terms::Fixed,
            matures_ms: None,
            expires_ms: None,
            tier: None,
            campaigns: Vec::new(),
            before_in_transaction: 0,
            before_in_day: 2,
        };
        event.what.kind = EventKind::Entry;
        event.what.actor = Actor {
            role: Role::Manager,
            token: Some(ApiTokenId(id(10))),
            staff: Some(StaffId(id(11))),
            approved_by: Some(StaffId(id(12))),
            till: None,
        };
        event.what.refusal = None;
        event.what.customer = Some(CustomerId(id(13)));
        event.what.txn_id = Some("2026-11-21/17".to_owned());
        event.what.sale = Some(SaleId(id(14)));
        event.what.text_hash = Some([0x22; 32]);
        event.what.entries = vec![
            entry(20, Posting::Award(award)),
            entry(21, Posting::Bonus(Bonus { kind: BonusKind::First, units: 1, expires_ms: None })),
        ];
        event
    }

    #[test]
    fn the_vectors_are_written_and_read_to_the_byte() {
        let events = [("refused_tap", refused()), ("awarded_by_hand", awarded())];
        let written: String = events
            .iter()
            .map(|(name, event)| {
                let hex: String = event_bytes(event).iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name} = {hex}\n")
            })
            .collect();
        assert_eq!(written, VECTORS, "canonical bytes changed: events that exist would break their chain");
        for (_, event) in events {
            let bytes = event_bytes(&event);
            let what = &event.what;
            let head = EventHead {
                incarnation: 1,
                seq: event.seq as i64,
                id: event.id.0.as_bytes(),
                hlc: event.hlc.0 as i64,
                prev: &event.prev,
                kind: what.kind.name(),
                card: what.card.map(|serial| serial.bits() as i64),
                customer: what.customer.as_ref().map(|id| id.0.as_bytes().as_slice()),
                visit: what.visit.as_ref().map(|id| id.0.as_bytes().as_slice()),
                entries: what.entries.len(),
            };
            assert_eq!(event_head(&bytes), Ok(head));
            assert_eq!(event_read(&bytes), Ok(event));
        }
    }

    #[test]
    fn later_layouts_and_kinds_are_told_apart_from_damage() {
        let bytes = event_bytes(&refused());
        let Ok(Value::Map(mut pairs)) = Value::decode(&bytes) else { panic!("an event is a map") };
        let with = |pairs: &[(u64, Value)]| event_read(&Value::Map(pairs.to_vec()).encode());
        let position = pairs.iter().position(|(number, _)| *number == key::KIND).expect("a kind");
        pairs[position].1 = Value::text("from_the_future");
        assert!(matches!(with(&pairs), Err(EventError::Later(_))));
        pairs[0].1 = Value::Int(2);
        assert!(matches!(with(&pairs), Err(EventError::Later(_))));
        for length in 0..bytes.len() {
            assert!(event_read(&bytes[..length]).is_err(), "cut at {length}");
            // It stops at the last field's beginning, and never panics.
            let _ = event_head(&bytes[..length]);
        }
    }
}
