//! `[[till]]`, `[[reader]]`, `[[scanner]]`: what stands on the counter.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::reading::{Field, Reading};
use super::source::{ConfigError, Place};
use crate::pure::domain::{FeedbackProfile, Medium, TillId};

/// The most bytes of one command: a short APDU with data and Le (ISO 7816-3).
const APDU_BYTES_MAX: usize = 261;

/// What a chip is asked for, in the default order (DESIGN.md section 2).
const PROTOCOLS: [Medium; 5] = [Medium::AppleVas, Medium::SmartTap, Medium::Ntag424, Medium::Ndef, Medium::Uid];

/// `[[till]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Till {
    /// Its name.
    pub id: TillId,
    /// What a tap does.
    pub mode: TillMode,
    /// Seconds a card stays presented in mode `sale`.
    pub hold_s: u32,
    /// Seconds in which the same card is the same visit.
    pub repeat_s: u32,
}

/// What a tap does at a till (DESIGN.md section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TillMode {
    /// Posts at once.
    #[default]
    Tap,
    /// Presents the card for the next sale.
    Sale,
}

/// `[[reader]]`: what one reader has of its own.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The reader's name, as PC/SC gives it, must match.
    pub name_match: Regex,
    /// Only on this USB port, as in `1-1.2`.
    pub usb: Option<String>,
    /// The till that it serves.
    pub till: TillId,
    /// What is asked of a chip, in this order: Apple VAS, Smart Tap, NTAG 424, NDEF, UID.
    pub protocols: Vec<Medium>,
    /// Its light and sound.
    pub feedback: FeedbackProfile,
    /// Escape APDUs of the owner's.
    pub escape: Escape,
    /// How a chip is let go, always; `None` leaves it to the protocol (readers-and-scanners.md section 1.6).
    pub release: Option<ReleaseRule>,
    /// Keeps every other program off this reader.
    pub exclusive: bool,
    /// Asks tags of NXP for its signature, where the reader can, and refuses imitations.
    pub originality: bool,
}

/// How a file writes a family of readers.
#[derive(Deserialize)]
#[serde(remote = "FeedbackProfile", rename_all = "snake_case")]
enum ProfileName {
    Auto,
    None,
    Acr122u,
    Acr1252u,
    Acr1552u,
    Utrust,
    Springcard,
    Omnikey,
}

/// Escape APDUs by occasion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escape {
    /// When the reader comes.
    pub start: Vec<Vec<u8>>,
    /// When a chip was read and nothing is decided.
    pub read: Vec<Vec<u8>>,
    /// When something was awarded.
    pub awarded: Vec<Vec<u8>>,
    /// When it was refused.
    pub refused: Vec<Vec<u8>>,
}

/// How a chip is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseRule {
    /// Drop the field.
    Unpower,
    /// Reset.
    Reset,
    /// Leave it as it is.
    Leave,
}

/// `[[scanner]]`.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// The till that it serves.
    pub till: TillId,
    /// How it is connected.
    pub kind: ScannerKind,
    /// Path of its device, absolute; for `pcsc` a regular expression on the reader's name.
    pub device: String,
    /// How its codes are framed.
    pub framing: Framing,
}

/// How a scanner is connected (readers-and-scanners.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScannerKind {
    /// Serial line, or USB that poses as one.
    Serial,
    /// Keyboard.
    Evdev,
    /// USB point-of-sale scanner (hidraw).
    HidPos,
    /// A code that comes as a chip.
    Pcsc,
    /// A wallet reader that types what it read.
    Typed,
}

/// How a scanner's codes are framed. What does not belong to its kind has its default.
#[derive(Clone, Debug)]
pub struct Framing {
    /// Bits per second of a serial line.
    pub baud: u32,
    /// Bytes before a code.
    pub start: Vec<u8>,
    /// Bytes after a code; empty ends it at CR, LF or both.
    pub end: Vec<u8>,
    /// The scanner sends the symbology before the code (AIM identifier).
    pub aim: bool,
    /// The country to which a keyboard scanner is set.
    pub layout: EvdevLayout,
    /// The type character before the payload of a wallet reader that types.
    pub media: BTreeMap<char, Medium>,
    /// Begin of the ATR of a code that comes as a chip.
    pub atr: Vec<u8>,
    /// What is sent to it; the last answer is the code.
    pub apdus: Vec<Vec<u8>>,
    /// Bytes left out at the begin of that answer.
    pub skip: u32,
    /// Bytes of it that are taken; all where it is none.
    pub length: Option<u32>,
    /// Tags of the TLV object that holds the code, the outermost first; empty where the bytes are the code.
    pub tlv: Vec<u16>,
}

/// The country to which a keyboard scanner is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvdevLayout {
    /// United States.
    #[default]
    Us,
    /// United Kingdom.
    Uk,
    /// Germany.
    De,
    /// France.
    Fr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTill {
    id: Spanned<String>,
    #[serde(default)]
    mode: TillMode,
    hold_s: Field<i64>,
    repeat_s: Field<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReader {
    #[serde(rename = "match")]
    name_match: Spanned<String>,
    usb: Field<String>,
    till: Field<String>,
    protocols: Field<Vec<Spanned<String>>>,
    #[serde(default, with = "ProfileName")]
    feedback: FeedbackProfile,
    #[serde(default)]
    escape: RawEscape,
    release: Option<ReleaseRule>,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    originality: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEscape {
    #[serde(default)]
    start: Vec<Spanned<String>>,
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    awarded: Vec<Spanned<String>>,
    #[serde(default)]
    refused: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScanner {
    till: Field<String>,
    kind: ScannerKind,
    device: Spanned<String>,
    #[serde(default)]
    framing: RawFraming,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFraming {
    baud: Field<i64>,
    start: Field<String>,
    end: Field<String>,
    #[serde(default)]
    aim: bool,
    layout: Field<EvdevLayout>,
    media: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    atr: Field<String>,
    apdus: Field<Vec<Spanned<String>>>,
    skip: Field<i64>,
    length: Field<i64>,
    tlv: Field<Vec<Spanned<String>>>,
}

pub(super) fn check_tills(reading: &Reading, raw: Vec<RawTill>) -> Result<Vec<Till>, ConfigError> {
    let mut tills: Vec<Till> = Vec::with_capacity(raw.len().max(1));
    for till in raw {
        let id = till_id(reading, &till.id)?;
        if tills.iter().any(|other| other.id == id) {
            return reading.wrong(&till.id, format!("there are two tills called {id}"), "give each its own id");
        }
        tills.push(Till {
            id,
            mode: till.mode,
            hold_s: reading.number(&till.hold_s, 90, 5..=3_600, "seconds")?,
            repeat_s: reading.number(&till.repeat_s, 10, 1..=3_600, "seconds")?,
        });
    }
    if tills.is_empty() {
        let id = TillId::new("till-1").map_err(|error| reading.source.error(&Place::File, error.to_string(), ""))?;
        tills.push(Till { id, mode: TillMode::Tap, hold_s: 90, repeat_s: 10 });
    }
    Ok(tills)
}

fn till_id(reading: &Reading, field: &Spanned<String>) -> Result<TillId, ConfigError> {
    TillId::new(field.get_ref())
        .or_else(|error| reading.wrong(field, format!("not a till's name: {error}"), "write it as in \"till-1\""))
}

/// The till that a reader or scanner names, the first when it names none.
fn till_served(reading: &Reading, field: &Field<String>, tills: &[Till]) -> Result<TillId, ConfigError> {
    let Some(field) = field else { return Ok(tills[0].id.clone()) };
    match tills.iter().find(|till| till.id.as_str() == field.get_ref()) {
        Some(till) => Ok(till.id.clone()),
        None => {
            let known: Vec<&str> = tills.iter().map(|till| till.id.as_str()).collect();
            reading.wrong(
                field,
                format!("there is no till \"{}\"", field.get_ref()),
                format!("name one of {}, or add a [[till]] of that id", known.join(", ")),
            )
        }
    }
}

pub(super) fn check_readers(
    reading: &Reading,
    raw: Vec<RawReader>,
    tills: &[Till],
) -> Result<Vec<Reader>, ConfigError> {
    raw.into_iter()
        .map(|reader| {
            Ok(Reader {
                name_match: reading.regex(&reader.name_match)?,
                usb: reader.usb.as_ref().map(|field| check_usb(reading, field)).transpose()?,
                till: till_served(reading, &reader.till, tills)?,
                protocols: check_protocols(reading, reader.protocols.as_ref())?,
                feedback: reader.feedback,
                escape: Escape {
                    start: check_apdus(reading, &reader.escape.start)?,
                    read: check_apdus(reading, &reader.escape.read)?,
                    awarded: check_apdus(reading, &reader.escape.awarded)?,
                    refused: check_apdus(reading, &reader.escape.refused)?,
                },
                release: reader.release,
                exclusive: reader.exclusive,
                originality: reader.originality,
            })
        })
        .collect()
}

/// A USB port as sysfs names it: bus, hyphen, ports with dots between.
fn check_usb(reading: &Reading, field: &Spanned<String>) -> Result<String, ConfigError> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let text = field.get_ref();
    match text.split_once('-') {
        Some((bus, ports)) if digits(bus) && ports.split('.').all(digits) => Ok(text.clone()),
        _ => reading.wrong(field, "not a USB port", "write it as `stampd doctor` prints it, as in \"1-1.2\""),
    }
}

fn check_protocols(
    reading: &Reading,
    field: Option<&Spanned<Vec<Spanned<String>>>>,
) -> Result<Vec<Medium>, ConfigError> {
    let Some(field) = field else { return Ok(PROTOCOLS.to_vec()) };
    if field.get_ref().is_empty() {
        return reading.wrong(
            field,
            "a reader that asks for nothing",
            "name one or more, or leave the key out for all",
        );
    }
    let mut protocols = Vec::new();
    for name in field.get_ref() {
        match Medium::from_name(name.get_ref()).filter(|medium| PROTOCOLS.contains(medium)) {
            Some(medium) if protocols.contains(&medium) => {
                return reading.wrong(name, format!("\"{}\" stands there twice", name.get_ref()), "name each once");
            }
            Some(medium) => protocols.push(medium),
            None => {
                let known = PROTOCOLS.map(Medium::name).join(", ");
                return reading.wrong(
                    name,
                    format!("\"{}\" is no protocol", name.get_ref()),
                    format!("known are {known}"),
                );
            }
        }
    }
    Ok(protocols)
}

fn check_apdus(reading: &Reading, fields: &[Spanned<String>]) -> Result<Vec<Vec<u8>>, ConfigError> {
    let command = |field: &Spanned<String>| match reading.hex(field, APDU_BYTES_MAX)? {
        bytes if bytes.is_empty() => reading.wrong(field, "an empty command", "write its bytes, or remove it"),
        bytes => Ok(bytes),
    };
    fields.iter().map(command).collect()
}

pub(super) fn check_scanners(
    reading: &Reading,
    raw: Vec<RawScanner>,
    tills: &[Till],
) -> Result<Vec<Scanner>, ConfigError> {
    raw.into_iter()
        .map(|scanner| {
            let path_wanted = !matches!(scanner.kind, ScannerKind::Pcsc);
            if path_wanted && !scanner.device.get_ref().starts_with('/') {
                let remedy = "write the path of its device, best one of /dev/serial/by-id or /dev/input/by-id";
                return reading.wrong(&scanner.device, "not the path of a device", remedy);
            }
            if !path_wanted {
                reading.regex(&scanner.device)?;
            }
            Ok(Scanner {
                till: till_served(reading, &scanner.till, tills)?,
                kind: scanner.kind,
                framing: check_framing(reading, scanner.kind, &scanner.framing)?,
                device: scanner.device.into_inner(),
            })
        })
        .collect()
}

fn check_framing(reading: &Reading, kind: ScannerKind, raw: &RawFraming) -> Result<Framing, ConfigError> {
    use ScannerKind::{Evdev, Pcsc, Serial, Typed};
    belongs(reading, raw.baud.as_ref(), "baud", kind, &[Serial, Typed])?;
    belongs(reading, raw.layout.as_ref(), "layout", kind, &[Evdev, Typed])?;
    belongs(reading, raw.media.as_ref().and_then(|media| media.values().next()), "media", kind, &[Typed])?;
    belongs(reading, raw.atr.as_ref(), "atr", kind, &[Pcsc])?;
    belongs(reading, raw.apdus.as_ref(), "apdus", kind, &[Pcsc])?;
    belongs(reading, raw.skip.as_ref(), "skip", kind, &[Pcsc])?;
    belongs(reading, raw.length.as_ref(), "length", kind, &[Pcsc])?;
    belongs(reading, raw.tlv.as_ref(), "tlv", kind, &[Pcsc])?;
    let bytes = |field: &Field<String>, bytes_max| match field {
        Some(field) => reading.hex(field, bytes_max),
        None => Ok(Vec::new()),
    };
    Ok(Framing {
        baud: reading.number(&raw.baud, 9_600, 300..=4_000_000, "bits per second")?,
        start: bytes(&raw.start, 16)?,
        end: bytes(&raw.end, 16)?,
        aim: raw.aim,
        layout: raw.layout.as_ref().map(|field| *field.get_ref()).unwrap_or_default(),
        media: check_media(reading, raw.media.as_ref())?,
        // An ATR has at most 33 bytes (ISO 7816-3).
        atr: bytes(&raw.atr, 33)?,
        apdus: raw.apdus.as_ref().map_or(Ok(Vec::new()), |field| check_apdus(reading, field.get_ref()))?,
        skip: reading.number(&raw.skip, 0, 0..=65_535, "bytes")?,
        length: match &raw.length {
            Some(_) => Some(reading.number(&raw.length, 1, 1..=65_535, "bytes")?),
            None => None,
        },
        tlv: raw.tlv.as_ref().map_or(Ok(Vec::new()), |field| check_tlv(reading, field))?,
    })
}

/// Tags of one or two bytes (ITU-T X.690 section 8.1.2). All but the last are templates, whose sixth bit is set.
fn check_tlv(reading: &Reading, field: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<u16>, ConfigError> {
    let tags = field.get_ref();
    let mut read = Vec::new();
    for (place, tag) in tags.iter().enumerate() {
        let bytes = reading.hex(tag, 2)?;
        let number = match bytes[..] {
            [one] if one & 0x1F != 0x1F && one != 0 => u16::from(one),
            [first, second] if first & 0x1F == 0x1F && second & 0x80 == 0 => u16::from_be_bytes([first, second]),
            _ => return reading.wrong(tag, "not a tag of one or two bytes", "write it as in \"53\" or \"5F50\""),
        };
        if place + 1 < tags.len() && bytes[0] & 0x20 == 0 {
            let what = format!("\"{}\" is no template, nothing can lie in it", tag.get_ref());
            return reading.wrong(tag, what, "name the templates from the outside in, then the object");
        }
        read.push(number);
    }
    if read.is_empty() {
        return reading.wrong(field, "names no tag", "name the object's tag, or remove `tlv`");
    }
    Ok(read)
}

/// A key of the framing that this kind of scanner does not have is a misunderstanding.
fn belongs<T>(
    reading: &Reading,
    field: Option<&Spanned<T>>,
    key: &str,
    kind: ScannerKind,
    kinds: &[ScannerKind],
) -> Result<(), ConfigError> {
    match field {
        Some(field) if !kinds.contains(&kind) => {
            let name = format!("{kind:?}").to_lowercase();
            reading.wrong(field, format!("a scanner of kind \"{name}\" has no `{key}`"), format!("remove `{key}`"))
        }
        _ => Ok(()),
    }
}

fn check_media(
    reading: &Reading,
    raw: Option<&BTreeMap<Spanned<String>, Spanned<String>>>,
) -> Result<BTreeMap<char, Medium>, ConfigError> {
    let mut media = BTreeMap::new();
    for (sign, name) in raw.into_iter().flatten() {
        let mut signs = sign.get_ref().chars();
        let (Some(first), None) = (signs.next(), signs.next()) else {
            return reading.wrong(sign, "not one type character", "write one character, as in { A = \"apple_vas\" }");
        };
        let Some(medium) = Medium::from_name(name.get_ref()) else {
            let known = Medium::ALL.map(Medium::name).join(", ");
            let what = format!("\"{}\" is no medium", name.get_ref());
            return reading.wrong(name, what, format!("known are {known}"));
        };
        media.insert(first, medium);
    }
    Ok(media)
}
