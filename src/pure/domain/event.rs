//! Events: what happened on one device, numbered and chained. Entries: the lines they post. Facts: what the fold reads.

use super::{
    Actor, BootId, ClockTrust, CustomerId, DeviceId, Entry, EventId, Grade, Hlc, Incarnation, Medium, Moment,
    RefusalCode, Role, RuleVersion, SaleId, Serial, TillId, VisitId,
};

/// What kind of thing happened. A stored kind that this version does not know is kept and forwarded as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A chip or phone was held to a reader.
    Tap,
    /// A code was scanned.
    Scan,
    /// An entry posted by hand.
    Entry,
    /// A sale of a till.
    Sale,
    /// A refund of a sale, whole or in part.
    Refund,
    /// A posting taken back as if it had never been.
    Void,
    /// Lots, rewards or pending points whose day had come.
    Job,
    /// A card was issued.
    CardIssued,
    /// A card's date, block or status changed.
    CardChanged,
    /// A credential was bound to a card, or unbound.
    CredentialChanged,
    /// A customer became known.
    CustomerCreated,
    /// A customer's data changed.
    CustomerChanged,
    /// A programme's rules changed: a new version.
    ProgrammeChanged,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 13] = {
        use EventKind::*;
        [
            Tap,
            Scan,
            Entry,
            Sale,
            Refund,
            Void,
            Job,
            CardIssued,
            CardChanged,
            CredentialChanged,
            CustomerCreated,
            CustomerChanged,
            ProgrammeChanged,
        ]
    };

    /// The word in the canonical bytes, in the ledger and on the wire.
    pub fn name(self) -> &'static str {
        use EventKind::*;
        match self {
            Tap => "tap",
            Scan => "scan",
            Entry => "entry",
            Sale => "sale",
            Refund => "refund",
            Void => "void",
            Job => "job",
            CardIssued => "card_issued",
            CardChanged => "card_changed",
            CredentialChanged => "credential_changed",
            CustomerCreated => "customer_created",
            CustomerChanged => "customer_changed",
            ProgrammeChanged => "programme_changed",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One event, before it is numbered and chained: what happened, without when and where in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// What kind of thing.
    pub kind: EventKind,
    /// Who asked.
    pub actor: Actor,
    /// The card that it is about, if one is known.
    pub card: Option<Serial>,
    /// The customer that it is about, where no card says it.
    pub customer: Option<CustomerId>,
    /// The reader or scanner by name.
    pub reader: Option<String>,
    /// By what medium the card was shown.
    pub medium: Option<Medium>,
    /// What that proved.
    pub grade: Option<Grade>,
    /// The visit that it belongs to.
    pub visit: Option<VisitId>,
    /// The till's number of the sale.
    pub txn_id: Option<String>,
    /// Our number of the sale.
    pub sale: Option<SaleId>,
    /// Why nothing was posted.
    pub refusal: Option<RefusalCode>,
    /// Facts that are no posting, name and value in order of name: `expires_on`, `programme`, ….
    pub details: Vec<(String, String)>,
    /// Salted SHA-256 of the free text and personal data that belong to the event and live in tables of their own.
    pub text_hash: Option<[u8; 32]>,
    /// What it posts.
    pub entries: Vec<Entry>,
}

impl Happening {
    /// A happening with nothing but its kind and who asked.
    pub fn new(kind: EventKind, actor: Actor) -> Self {
        Self {
            kind,
            actor,
            card: None,
            customer: None,
            reader: None,
            medium: None,
            grade: None,
            visit: None,
            txn_id: None,
            sale: None,
            refusal: None,
            details: Vec::new(),
            text_hash: None,
            entries: Vec::new(),
        }
    }
}

/// One event of the chain (SYNC.md C.1): identity and order, clocks, the hash of the one before, and what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// On which device.
    pub device: DeviceId,
    /// In which life of that device.
    pub incarnation: Incarnation,
    /// Contiguous from 1 within device and incarnation.
    pub seq: u64,
    /// Made when it happened.
    pub id: EventId,
    /// Order among the events of all devices; its milliseconds are the rule time.
    pub hlc: Hlc,
    /// What the wall clock said, milliseconds since 1970-01-01 UTC.
    pub wall_ms: i64,
    /// Which start of the machine.
    pub boot_id: BootId,
    /// Time since that start, nanoseconds.
    pub boot_ns: i64,
    /// Whether the wall clock could be believed.
    pub trust: ClockTrust,
    /// The shop's zone at that time, by IANA name: days and expiry of the entries count in it.
    pub zone: String,
    /// SHA-256 of the canonical bytes of the event before, zeros for the first.
    pub prev: [u8; 32],
    /// What happened.
    pub what: Happening,
}

/// The place of an entry in the fold: (hlc, device, incarnation, seq), then its place within the event (SYNC.md section 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// Order among all devices.
    pub hlc: Hlc,
    /// The device.
    pub device: DeviceId,
    /// Its life.
    pub incarnation: Incarnation,
    /// The event's number there.
    pub seq: u64,
    /// The entry's place within the event, from 0.
    pub index: u16,
}

/// One entry with what the fold must know of its event. All entries of one event share `event`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its place in the order of the fold.
    pub key: FactKey,
    /// The event that posted it.
    pub event: EventId,
    /// Rule time and zone of the event.
    pub at: Moment,
    /// The till at which it happened.
    pub till: Option<TillId>,
    /// The role in which it was judged.
    pub role: Role,
    /// The visit that it belongs to.
    pub visit: Option<VisitId>,
    /// The till's number of the sale: facts that share one are one visit and one order.
    pub txn_id: Option<String>,
    /// Our number of the sale.
    pub sale: Option<SaleId>,
    /// The entry.
    pub entry: Entry,
}

impl Fact {
    /// The version of the rules under which it was posted.
    pub fn rule(&self) -> RuleVersion {
        self.entry.rule
    }
}
