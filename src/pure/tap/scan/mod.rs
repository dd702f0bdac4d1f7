//! What scanners deliver, taken apart: lines of a serial port, keys of a keyboard, HID reports, payloads that a wallet
//! reader types, and codes that come as a chip (readers-and-scanners.md section 3). Each becomes a [`Code`], which
//! [`super::keyring::Keyring::scanned`] reads.
//!
//! ```text
//! serial, typed  bytes ── frame ──┐
//! keyboard       keys ─ keyboard ─┤ frame ── Reading ── Code ── keyring ── Token
//! HID POS        reports ─ hid_pos┘
//! chip           APDUs ── card ─────────────────────────┘
//! ```
//!
//! Whatever a device sends ends in a value; time is an argument, in nanoseconds since boot.

pub mod aim;
pub mod card;
pub mod frame;
pub mod goods;
pub mod hid_pos;
pub mod keyboard;
pub mod layout;
pub mod steady;
pub mod symbology;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;

use self::aim::Aim;
use super::TokenProblem;
use crate::pure::domain::Medium;

/// The fewest bytes of a code; less is noise (readers-and-scanners.md section 3.1).
pub const CODE_BYTES_MIN: usize = 4;

/// The most bytes of a code (readers-and-scanners.md section 3.1).
pub const CODE_BYTES_MAX: usize = 4_096;

/// Parts the type character of a wallet reader from its payload, where it is set to send one.
const TYPE_SEPARATOR: u8 = b'|';

/// One code as a device delivered it, framing taken off.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Its bytes, in whatever encoding the symbol had.
    pub bytes: Vec<u8>,
    /// The symbology, where the device tells it.
    pub aim: Option<Aim>,
    /// What it is.
    pub origin: Origin,
}

/// What a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was printed or shown, and a camera or laser read it.
    Printed,
    /// A wallet reader took it by this medium, opened it, and typed it (readers-and-scanners.md section 3.6).
    Payload(Medium),
}

impl fmt::Debug for Code {
    /// Never shows the text: whoever has it can show it to another till.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code {{ {} bytes, aim: {:?}, origin: {:?} }}", self.bytes.len(), self.aim, self.origin)
    }
}

impl Code {
    /// A code that was printed or shown, of an unknown symbology.
    pub fn printed(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), aim: None, origin: Origin::Printed }
    }
}

/// How the frames of one device are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The device puts the AIM identifier before each code.
    pub aim: bool,
    /// The device puts a type character before each payload, and what each stands for; empty for devices that do not.
    pub media: BTreeMap<char, Medium>,
}

impl Reading {
    /// The code of one frame.
    ///
    /// Errors: [`TokenProblem::Unknown`] for a payload of a type that the configuration does not name.
    pub fn read(&self, frame: &[u8]) -> Result<Code, TokenProblem> {
        let (origin, rest) = if self.media.is_empty() {
            (Origin::Printed, frame)
        } else {
            let text = frame.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            let sign = text.chars().next().ok_or(TokenProblem::Unknown)?;
            let medium = *self.media.get(&sign).ok_or(TokenProblem::Unknown)?;
            let rest = &frame[sign.len_utf8()..];
            (origin_of(medium), rest.strip_prefix(&[TYPE_SEPARATOR]).unwrap_or(rest))
        };
        let (aim, rest) = match Aim::split(rest) {
            Some((aim, rest)) if self.aim && origin == Origin::Printed => (Some(aim), rest),
            _ => (None, rest),
        };
        Ok(Code { bytes: rest.to_vec(), aim, origin })
    }
}

/// A wallet reader passes on what a scanner on its own port read: that is a code like any other, whatever it holds.
fn origin_of(medium: Medium) -> Origin {
    match medium {
        Medium::Barcode | Medium::RotatingBarcode | Medium::Number => Origin::Printed,
        other => Origin::Payload(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_the_device_is_set() {
        let typed: BTreeMap<char, Medium> =
            [('A', Medium::AppleVas), ('G', Medium::SmartTap), ('Q', Medium::Barcode), ('ü', Medium::Uid)].into();
        let plain = Reading::default();
        let aim = Reading { aim: true, ..Reading::default() };
        let wallet = Reading { aim: true, media: typed };
        let qr = Aim::split(b"]Q1").map(|(aim, _)| aim);
        let vas = Origin::Payload(Medium::AppleVas);
        type Case<'a> = (&'a Reading, &'a [u8], Option<Aim>, Origin, &'a [u8]);
        let cases: [Case; 12] = [
            (&plain, b"LC1ABC", None, Origin::Printed, b"LC1ABC"),
            (&plain, b"]Q1LC1", None, Origin::Printed, b"]Q1LC1"),
            (&aim, b"]Q1LC1", qr, Origin::Printed, b"LC1"),
            (&aim, b"LC1", None, Origin::Printed, b"LC1"),
            (&aim, b"]Q", None, Origin::Printed, b"]Q"),
            (&wallet, b"A|LC1", None, vas, b"LC1"),
            (&wallet, b"ALC1", None, vas, b"LC1"),
            (&wallet, b"A", None, vas, b""),
            (&wallet, b"A|]Q1LC1", None, vas, b"]Q1LC1"),
            (&wallet, b"Q|]Q1LC1", qr, Origin::Printed, b"LC1"),
            (&wallet, b"Q|A|LC1", None, Origin::Printed, b"A|LC1"),
            (&wallet, "ü|04AB".as_bytes(), None, Origin::Payload(Medium::Uid), b"04AB"),
        ];
        for (reading, frame, aim, origin, bytes) in cases {
            let shown = String::from_utf8_lossy(frame).into_owned();
            assert_eq!(reading.read(frame), Ok(Code { bytes: bytes.to_vec(), aim, origin }), "{shown}");
        }
        for frame in [&b"X|LC1"[..], b"", b"\xFF|LC1", b"|LC1"] {
            assert_eq!(wallet.read(frame), Err(TokenProblem::Unknown), "{frame:?}");
        }
    }

    #[test]
    fn the_log_never_shows_a_code() {
        let shown = format!("{:?}", Code::printed("LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y"));
        assert!(!shown.contains("LC1"), "{shown}");
    }
}
