//! An NTAG 424 DNA fob: a Type 4 tag whose link mirrors its UID, counter and MAC anew at every reading (SUN;
//! readers-and-scanners.md sections 2.2 and 2.4). Its counter is kept in a file, as a real fob keeps it for life.

use std::io;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};

use super::bytes::{Command, from_hex, hex};
use super::chance::random;
use super::fault::{Fault, FaultError, FaultKind};
use super::ndef::{self, Record, message};
use super::{Answer, Field, Handset};

/// DESFire and NTAG 424 alike (section 1.7).
const ATR: [u8; 6] = [0x3B, 0x81, 0x80, 0x01, 0x80, 0x80];
/// The NDEF application.
const AID_NDEF: &[u8] = &[0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
/// The capability container: version 2.0, up to 256 bytes a read, NDEF file E104 of 256 bytes, read-only.
const CC: [u8; 15] = [0x00, 0x0F, 0x20, 0x01, 0x00, 0x00, 0xFF, 0x04, 0x06, 0xE1, 0x04, 0x01, 0x00, 0x00, 0xFF];
/// Size of the NDEF file.
const FILE_BYTES: usize = 256;
/// Highest counter: three bytes.
const COUNTER_MAX: u32 = 0x00FF_FFFF;
/// Application id of the diversification where nothing else is said (section 2.4).
pub const APPLICATION_ID: [u8; 3] = [0x30, 0x42, 0xF5];
/// System id of the diversification where nothing else is said (section 2.4).
pub const SYSTEM_ID: &[u8] = b"NXP Abu";

/// The faults of a fob, beside those of any chip.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "counter-stands",
        value: "",
        meaning: "The counter does not rise: the link of the last reading is played again.",
    },
    FaultKind { name: "counter-back", value: "steps, 5", meaning: "The counter has gone back by so many steps." },
    FaultKind { name: "wrong-mac", value: "", meaning: "One bit of the link's MAC is flipped." },
    FaultKind { name: "wrong-key", value: "", meaning: "The MAC is made with the key of another fob." },
    FaultKind {
        name: "wrong-meta",
        value: "",
        meaning: "UID and counter are encrypted with a key that the shop does not have.",
    },
    FaultKind { name: "other-uid", value: "", meaning: "Well made for a UID that the shop never bound." },
    FaultKind {
        name: "no-mirror",
        value: "",
        meaning: "The link holds neither UID nor MAC: mirroring was never switched on.",
    },
    FaultKind { name: "lower-case", value: "", meaning: "Sound, yet the link's digits are in lower case." },
    FaultKind { name: "cut-link", value: "", meaning: "The link ends in the middle of its MAC." },
    FaultKind { name: "not-a-link", value: "", meaning: "The file holds a text in place of the link." },
    FaultKind { name: "empty-file", value: "", meaning: "The NDEF file is empty." },
    FaultKind { name: "long-nlen", value: "", meaning: "The file's length field passes the end of the file." },
    FaultKind { name: "no-ndef", value: "", meaning: "The chip has no NDEF application: 6A82." },
];

/// Keys and link of a shop's fobs.
#[derive(Clone, Debug)]
pub struct FobKeys {
    /// Encrypts UID and counter; one for all fobs.
    pub meta: [u8; 16],
    /// The master from which each fob's MAC key is diversified.
    pub file_master: [u8; 16],
    /// Application id of the diversification.
    pub application_id: [u8; 3],
    /// System id of the diversification.
    pub system_id: Vec<u8>,
    /// The link, with `{picc}` and `{cmac}`.
    pub url: String,
}

/// A fob.
pub struct Ntag424 {
    keys: FobKeys,
    uid: [u8; 7],
    counter: Counter,
    faults: Vec<Fault>,
    back: u32,
    fixed_tail: Option<[u8; 5]>,
    file: Option<u16>,
    application: bool,
    link: Option<String>,
    current: Option<Vec<u8>>,
    version_frame: u8,
}

/// The counter of a fob and where it is kept: lines of `UID counter`, one fob each.
#[derive(Clone, Debug)]
pub struct Counter {
    file: Option<PathBuf>,
    value: u32,
}

impl Counter {
    /// A counter in memory that has stood at `value` so far.
    pub fn in_memory(value: u32) -> Self {
        Self { file: None, value }
    }

    /// The counter of the fob `uid` in `file`; 0 when there is none yet. Fails when the file is no such file.
    pub fn in_file(file: &Path, uid: &[u8; 7]) -> io::Result<Self> {
        let counters = read_counters(file)?;
        let value = counters.iter().find(|(found, _)| *found == hex(uid)).map_or(0, |(_, value)| *value);
        Ok(Self { file: Some(file.to_owned()), value })
    }

    /// Moves on by one and keeps it.
    fn step(&mut self, uid: &[u8; 7]) -> io::Result<u32> {
        self.value = (self.value + 1).min(COUNTER_MAX);
        let Some(file) = &self.file else { return Ok(self.value) };
        let mut counters = read_counters(file)?;
        counters.retain(|(found, _)| *found != hex(uid));
        counters.push((hex(uid), self.value));
        let text: String = counters.iter().map(|(uid, value)| format!("{uid} {value}\n")).collect();
        let aside = file.with_extension("new");
        std::fs::write(&aside, text)?;
        std::fs::rename(aside, file)?;
        Ok(self.value)
    }
}

fn read_counters(file: &Path) -> io::Result<Vec<(String, u32)>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let read = |line: &str| line.split_once(' ').and_then(|(uid, value)| Some((uid.to_owned(), value.parse().ok()?)));
    text.lines()
        .map(|line| read(line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a line of 'UID counter'")))
        .collect()
}

impl Ntag424 {
    /// The fob `uid` of the shop that has `keys`.
    pub fn new(keys: FobKeys, uid: [u8; 7], counter: Counter) -> Self {
        Self {
            keys,
            uid,
            counter,
            faults: Vec::new(),
            back: 0,
            fixed_tail: None,
            file: None,
            application: false,
            link: None,
            current: None,
            version_frame: 0,
        }
    }

    /// Takes the five random bytes of the encrypted UID from elsewhere.
    pub fn with_fixed_tail(self, tail: [u8; 5]) -> Self {
        Self { fixed_tail: Some(tail), ..self }
    }

    /// Adds a fault of [`FAULTS`].
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        match fault.name.as_str() {
            "counter-back" => self.back = fault.number(5, 1, u64::from(COUNTER_MAX))? as u32,
            _ if fault.is_in(FAULTS) => fault.bare()?,
            _ => return Err(FaultError::Unknown { wallet: "ntag424", name: fault.name.clone() }),
        }
        self.faults.push(fault.clone());
        Ok(self)
    }

    fn has(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }

    fn shown_uid(&self) -> [u8; 7] {
        let mut uid = self.uid;
        uid[6] ^= u8::from(self.has("other-uid"));
        uid
    }

    /// The link of this reading.
    fn mirror(&mut self) -> Result<String, String> {
        if let Some(link) = self.link.clone().filter(|_| self.has("counter-stands")) {
            return Ok(link);
        }
        let uid = self.shown_uid();
        let step =
            if self.has("counter-stands") { Ok(self.counter.value.max(1)) } else { self.counter.step(&self.uid) };
        let counter = step.map_err(|error| format!("the counter cannot be kept: {error}"))?.saturating_sub(self.back);
        let (picc, cmac) = self.sun(&uid, counter).map_err(|error| error.to_string())?;
        let link = if self.has("no-mirror") {
            self.keys.url.replace("{picc}", &"0".repeat(32)).replace("{cmac}", &"0".repeat(16))
        } else if self.has("lower-case") {
            self.keys.url.replace("{picc}", &hex(&picc)).replace("{cmac}", &hex(&cmac))
        } else {
            let upper = |bytes: &[u8]| hex(bytes).to_uppercase();
            self.keys.url.replace("{picc}", &upper(&picc)).replace("{cmac}", &upper(&cmac))
        };
        self.link = Some(link.clone());
        let kept = if self.has("cut-link") { link.chars().count().saturating_sub(9) } else { usize::MAX };
        Ok(link.chars().take(kept).collect())
    }

    /// Encrypted UID and counter, and the MAC over nothing (section 2.4).
    fn sun(&self, uid: &[u8; 7], counter: u32) -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
        let count = &counter.to_le_bytes()[..3];
        let tail = self.fixed_tail.map_or_else(random, Ok)?;
        let meta = if self.has("wrong-meta") { random()? } else { self.keys.meta };
        let picc = aes_cbc(&meta, &[&[0xC7], &uid[..], count, &tail].concat())?;
        let owner = if self.has("wrong-key") { [0x04; 7] } else { *uid };
        let diversifier = [&[0x01], &owner[..], &self.keys.application_id, &self.keys.system_id].concat();
        let key = cmac(&self.keys.file_master, &diversifier)?;
        let session = cmac(&key, &[&[0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80], &uid[..], count].concat())?;
        let mut mac: Vec<u8> = cmac(&session, &[])?.chunks(2).map(|pair| pair[1]).collect();
        mac[7] ^= u8::from(self.has("wrong-mac"));
        Ok((picc, mac))
    }

    /// The NDEF file of this reading, its length field first.
    fn contents(&mut self) -> Result<Vec<u8>, String> {
        let payload;
        let record = if self.has("not-a-link") {
            payload = ndef::text("en", "stampd");
            Record { tnf: 1, kind: b"T", id: &[], payload: &payload }
        } else {
            payload = ndef::uri(&self.mirror()?);
            Record { tnf: 1, kind: b"U", id: &[], payload: &payload }
        };
        let bytes = if self.has("empty-file") { Vec::new() } else { message(&[record]) };
        let length = if self.has("long-nlen") { 0x7FFF } else { bytes.len() as u16 };
        let mut file = [&length.to_be_bytes()[..], &bytes].concat();
        file.resize(FILE_BYTES.max(file.len()), 0);
        Ok(file)
    }

    fn select(&mut self, command: Command<'_>) -> Answer {
        let asked = format!("SELECT {}", hex(command.data));
        match (command.p1, command.data) {
            (0x04, AID_NDEF) if !self.has("no-ndef") => {
                (self.application, self.file) = (true, None);
                Answer::status(0x9000, asked, "the NDEF application (9000)")
            }
            (0x00, &[0xE1, which @ (0x03 | 0x04)]) if self.application => {
                self.file = Some(0xE100 | u16::from(which));
                let words = if which == 0x03 { "the capability container (9000)" } else { "the NDEF file (9000)" };
                Answer::status(0x9000, asked, words)
            }
            _ => Answer::status(0x6A82, asked, "not found (6A82)"),
        }
    }

    fn read(&mut self, command: Command<'_>) -> Answer {
        let asked = format!("READ BINARY at {}", u16::from_be_bytes([command.p1, command.p2]));
        let mut gives = false;
        let contents = match (self.file, command.le) {
            (None, _) => return Answer::status(0x6985, asked, "no file is selected (6985)"),
            (_, None) => return Answer::status(0x6700, asked, "no Le (6700)"),
            (Some(0xE103), _) => CC.to_vec(),
            (Some(_), _) => {
                gives = true;
                match self.reading() {
                    Ok(file) => file,
                    Err(error) => return Answer::status(0x6F00, asked, format!("{error} (6F00)")),
                }
            }
        };
        let from = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        let count = command.le.map_or(0, |le| if le == 0 { 256 } else { usize::from(le) });
        let Some(rest) = contents.get(from..).filter(|rest| !rest.is_empty()) else {
            return Answer::status(0x6A82, asked, "past the end of the file (6A82)");
        };
        let piece = &rest[..rest.len().min(count)];
        let said = match &self.link {
            Some(_) if gives => format!("{} bytes, counter {} (9000)", piece.len(), self.counter.value),
            _ => format!("{} bytes (9000)", piece.len()),
        };
        let answer = Answer::plain([piece, &[0x90, 0x00]].concat(), asked, said);
        let used = contents.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if gives && from + piece.len() >= used { answer.giving_pass() } else { answer }
    }

    /// The file as this power-up shows it: the counter rises at the first read.
    fn reading(&mut self) -> Result<Vec<u8>, String> {
        if let Some(file) = &self.current {
            return Ok(file.clone());
        }
        let file = self.contents()?;
        self.current = Some(file.clone());
        Ok(file)
    }

    /// GetVersion in its three frames: an NTAG 424 DNA by NXP, its software, its UID and batch.
    fn version(&mut self, ins: u8) -> Answer {
        let frame = match (ins, self.version_frame) {
            (0x60, _) => vec![0x04, 0x04, 0x02, 0x30, 0x00, 0x11, 0x05, 0x91, 0xAF],
            (0xAF, 1) => vec![0x04, 0x02, 0x01, 0x02, 0x00, 0x11, 0x05, 0x91, 0xAF],
            (0xAF, 2) => [&self.uid[..], &[0, 0, 0, 0, 0, 0x20, 0x22, 0x91, 0x00]].concat(),
            _ => return Answer::status(0x911C, format!("chip command {ins:02X}"), "no such command (911C)"),
        };
        self.version_frame = if ins == 0x60 { 1 } else { (self.version_frame + 1) % 3 };
        Answer::plain(frame, "GetVersion", "NTAG 424 DNA")
    }
}

impl Handset for Ntag424 {
    fn name(&self) -> String {
        format!("NTAG 424 fob {}", hex(&self.uid))
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins) {
            (0x00, 0xA4) => self.select(command),
            (0x00, 0xB0) => self.read(command),
            (0x90, ins) => self.version(ins),
            (0xFF, 0xCA) if (command.p1, command.p2) == (0, 0) => {
                let bytes = [&self.uid[..], &[0x90, 0x00]].concat();
                Answer::plain(bytes, "the UID", format!("{} (9000)", hex(&self.uid)))
            }
            (0xFF, _) => {
                let asked = format!("the pseudo-APDU {}", hex(apdu));
                Answer::status(0x6A81, asked, "the reader has no such function (6A81)")
            }
            (0x00, ins) => Answer::status(0x6D00, format!("instruction {ins:02X}"), "unknown instruction (6D00)"),
            (cla, _) => Answer::status(0x6E00, format!("class {cla:02X}"), "unknown class (6E00)"),
        }
    }

    fn field(&mut self, _change: Field) {
        (self.application, self.file, self.current, self.version_frame) = (false, None, None, 0);
    }

    fn lifted(&mut self) {
        self.field(Field::Off);
    }
}

fn cmac(key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::cmac(&Cipher::aes_128_cbc(), key)?;
    let mut signer = Signer::new_without_digest(&key)?;
    signer.update(bytes)?;
    signer.sign_to_vec()
}

/// One block, IV zero, no padding.
fn aes_cbc(key: &[u8; 16], block: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut crypter = Crypter::new(Cipher::aes_128_cbc(), Mode::Encrypt, key, Some(&[0; 16]))?;
    crypter.pad(false);
    let mut out = vec![0; block.len() + 16];
    let written = crypter.update(block, &mut out)?;
    let rest = crypter.finalize(&mut out[written..])?;
    out.truncate(written + rest);
    Ok(out)
}

/// The 16 bytes of a key in hexadecimal; `None` when it is no such key.
pub fn key_from_hex(text: &str) -> Option<[u8; 16]> {
    from_hex(text)?.try_into().ok()
}

#[cfg(test)]
mod tests;
