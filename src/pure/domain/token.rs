//! What a tap or scan yields before it is resolved to a card.

use super::{CredentialId, Serial};

/// By what means a token came. Each medium of a card has a credential of its own; one that arrives by another is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// Apple Wallet over NFC (Apple VAS).
    AppleVas,
    /// Google Wallet over NFC (Smart Tap).
    SmartTap,
    /// NTAG 424 DNA with SUN message.
    Ntag424,
    /// A signed token in a tag's NDEF message, bound to the chip's UID.
    Ndef,
    /// A chip's bare UID.
    Uid,
    /// The static barcode of a pass or of a printed card.
    Barcode,
    /// Google's rotating barcode.
    RotatingBarcode,
    /// A serial or phone number typed or scanned: looks up, proves nothing.
    Number,
}

impl Medium {
    /// All of them.
    pub const ALL: [Medium; 8] = [
        Medium::AppleVas,
        Medium::SmartTap,
        Medium::Ntag424,
        Medium::Ndef,
        Medium::Uid,
        Medium::Barcode,
        Medium::RotatingBarcode,
        Medium::Number,
    ];

    /// The word on the wire and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Medium::AppleVas => "apple_vas",
            Medium::SmartTap => "smart_tap",
            Medium::Ntag424 => "ntag424",
            Medium::Ndef => "ndef",
            Medium::Uid => "uid",
            Medium::Barcode => "barcode",
            Medium::RotatingBarcode => "rotating_barcode",
            Medium::Number => "number",
        }
    }

    /// The medium of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|medium| medium.name() == name)
    }
}

/// How much a medium proves (readers-and-scanners.md section 2.6). Greater proves more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// A number: look-up only.
    D,
    /// A bare UID ("C−"): stamps only.
    CMinus,
    /// A signed static token: copyable, not guessable.
    C,
    /// A token bound to a chip.
    B,
    /// Cryptogram of a wallet or of an NTAG 424.
    A,
}

impl Grade {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Grade::A => "A",
            Grade::B => "B",
            Grade::C => "C",
            Grade::CMinus => "C-",
            Grade::D => "D",
        }
    }

    /// The grade of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Grade::A, Grade::B, Grade::C, Grade::CMinus, Grade::D].into_iter().find(|grade| grade.name() == name)
    }
}

/// What a token says of itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Claim {
    /// An LC1 text whose MAC holds: the credential of one medium of one card.
    Credential(CredentialId),
    /// A chip known by the keyed hash of its UID, or of what stands for it.
    Chip([u8; 32]),
    /// An LC1 text whose MAC holds, on a tag: good only on the chip to which it is bound.
    Tag {
        /// The credential.
        id: CredentialId,
        /// The keyed hash of the UID of the chip that holds it.
        chip: [u8; 32],
    },
    /// A plain serial.
    Serial(Serial),
    /// A phone number in E.164 form.
    Phone(String),
}

impl std::fmt::Debug for Claim {
    /// Never shows a phone number, a UID's hash or a whole credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Claim::Credential(id) => id.fmt(f),
            Claim::Chip(_) => f.write_str("Chip(…)"),
            Claim::Tag { id, .. } => write!(f, "Tag({id:?})"),
            Claim::Serial(serial) => serial.fmt(f),
            Claim::Phone(_) => f.write_str("Phone(…)"),
        }
    }
}

/// What bounds the use of one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The time stamp inside the proof, seconds since 1970-01-01 UTC; `None` where the medium has none.
    pub stamp_unix_s: Option<i64>,
    /// The counter of the chip that made the proof: it must have risen since the last; `None` where the medium has none.
    pub counter: Option<u32>,
    /// SHA-256 of the proof: a second one with the same hash is a replay.
    pub proof: [u8; 32],
}

/// What a tap or scan yields before it is resolved: who it claims to be, by which medium, proved how well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// By what means it came.
    pub medium: Medium,
    /// How much that proves.
    pub grade: Grade,
    /// Who it claims to be.
    pub claim: Claim,
    /// Time stamp and replay hash, where the medium has them.
    pub freshness: Option<Freshness>,
}
