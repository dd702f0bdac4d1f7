//! A code that comes through PC/SC: a synthetic chip whose one readable block is the text that a scanner read
//! (readers-and-scanners.md section 3.7, form a), as it is or within a BER-TLV object.

use super::bytes::{Command, hex, tlv};
use super::code::{self, Code};
use super::fault::{Fault, FaultError, FaultKind};
use super::rotating;
use super::{Answer, Handset};

/// The faults of a device that gives its code in a TLV object, beside those of any code.
pub const FAULTS: &[FaultKind] = &[
    FaultKind { name: "tlv-long-form", value: "", meaning: "Sound, yet the length is written in three bytes." },
    FaultKind {
        name: "tlv-padded",
        value: "bytes, 64",
        meaning: "Sound, yet zeros fill the block up to so many bytes behind the object.",
    },
    FaultKind {
        name: "tlv-wrapped",
        value: "",
        meaning: "Another object comes before, and all lies in a template of tag 61.",
    },
    FaultKind { name: "tlv-cut", value: "", meaning: "The object says that it is longer than what comes." },
    FaultKind { name: "tlv-other", value: "", meaning: "The object has another tag: C1." },
    FaultKind { name: "tlv-endless", value: "", meaning: "The object has a length without end (80)." },
];

/// An ATR that begins with 3B8001, as the example configuration of such a scanner names it.
const ATR: [u8; 4] = [0x3B, 0x80, 0x01, 0x81];
/// The most that an answer holds: the text of a larger code is read in pieces.
const PIECE_BYTES_MAX: usize = 256;

/// A synthetic chip.
pub struct BarcodeCard {
    code: Code,
    /// The tag of the object in which the code lies; `None` where it lies there bare.
    tlv_tag: Option<u16>,
    faults: Vec<Fault>,
    padded: usize,
    /// The block of this presence: what was read once does not change while it is fetched.
    block: Option<Vec<u8>>,
}

impl BarcodeCard {
    /// A chip that holds `code`, within an object of tag `tlv_tag` where one is given.
    pub fn new(code: Code, tlv_tag: Option<u16>) -> Self {
        Self { code, tlv_tag, faults: Vec::new(), padded: 0, block: None }
    }

    /// Adds a fault of [`FAULTS`] or of a code.
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        if fault.is_in(code::FAULTS) || fault.is_in(rotating::FAULTS) || !fault.is_in(FAULTS) {
            self.code.add_fault(fault, "barcode")?;
            return Ok(self);
        }
        if self.tlv_tag.is_none() {
            return Err(FaultError::Lacks { name: fault.name.clone(), what: "the tag of an object (--tlv)" });
        }
        match fault.name.as_str() {
            "tlv-padded" => self.padded = fault.number(64, 0, PIECE_BYTES_MAX as u64)? as usize,
            _ => fault.bare()?,
        }
        self.faults.push(fault.clone());
        Ok(self)
    }

    /// The readable block for a scan of this moment.
    fn read(&self) -> Vec<u8> {
        let bytes = self.code.bytes();
        let Some(tlv_tag) = self.tlv_tag else { return bytes };
        let has = |name: &str| self.faults.iter().any(|fault| fault.name == name);
        let tag = if has("tlv-other") { 0xC1 } else { tlv_tag };
        let head = tag.to_be_bytes();
        let head = if tag > 0xFF { &head[..] } else { &head[1..] };
        let length = (bytes.len() as u16).to_be_bytes();
        let longer = (bytes.len() as u16).saturating_add(9).to_be_bytes();
        let mut block = match () {
            () if has("tlv-long-form") => [head, &[0x82], &length, &bytes].concat(),
            () if has("tlv-cut") => [head, &[0x82], &longer, &bytes].concat(),
            () if has("tlv-endless") => [head, &[0x80], &bytes, &[0, 0]].concat(),
            () => tlv(tag, &bytes),
        };
        if has("tlv-wrapped") {
            block = tlv(0x61, &[tlv(0x80, &[1]), block].concat());
        }
        block.resize(block.len().max(self.padded), 0);
        block
    }
}

impl Handset for BarcodeCard {
    fn name(&self) -> String {
        format!("a scanned code of {} bytes as a chip", self.code.bytes().len())
    }

    fn atr(&mut self) -> Vec<u8> {
        ATR.to_vec()
    }

    /// READ BINARY (FF B0) answers the block from the offset in P1 and P2, as much as Le asks for; anything else is
    /// unknown to such a device, which has no UID either.
    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins, command.le) {
            (0xFF, 0xB0, Some(le)) => {
                let fresh = self.read();
                let bytes = self.block.get_or_insert(fresh);
                let from = usize::from(u16::from_be_bytes([command.p1, command.p2]));
                let count = if le == 0 { PIECE_BYTES_MAX } else { usize::from(le) };
                let rest = bytes.get(from..).unwrap_or_default();
                let piece = &rest[..rest.len().min(count)];
                let words = format!("{} bytes of the code (9000)", piece.len());
                let answer = Answer::plain([piece, &[0x90, 0x00]].concat(), format!("the code from {from} on"), words);
                if piece.len() == rest.len() && !piece.is_empty() { answer.giving_pass() } else { answer }
            }
            (0xFF, _, _) => {
                let asked = format!("the pseudo-APDU {}", hex(apdu));
                Answer::status(0x6A81, asked, "the device has no such function (6A81)")
            }
            _ => Answer::status(0x6E00, hex(apdu), "no chip with commands of its own (6E00)"),
        }
    }

    fn lifted(&mut self) {
        self.block = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_whole_or_in_pieces() {
        let mut card = BarcodeCard::new(Code::new("LC1AYZQ", None), None);
        assert_eq!(card.atr()[1..].iter().fold(0, |sum, byte| sum ^ byte), 0, "TCK");
        let whole = card.answer(&[0xFF, 0xB0, 0, 0, 0]);
        assert_eq!(whole.reply.bytes(), b"LC1AYZQ\x90\x00");
        assert!(whole.gives_pass);
        let first = card.answer(&[0xFF, 0xB0, 0, 0, 4]);
        assert_eq!((first.reply.bytes(), first.gives_pass), (&b"LC1A\x90\x00"[..], false));
        let last = card.answer(&[0xFF, 0xB0, 0, 4, 4]);
        assert_eq!((last.reply.bytes(), last.gives_pass), (&b"YZQ\x90\x00"[..], true));
        assert_eq!(card.answer(&[0xFF, 0xB0, 0xFF, 0xFF, 4]).reply.bytes(), [0x90, 0x00]);
        assert_eq!(card.answer(&[0xFF, 0xCA, 0, 0, 0]).reply.bytes(), [0x6A, 0x81]);
        assert_eq!(card.answer(&[0x00, 0xA4, 4, 0]).reply.bytes(), [0x6E, 0x00]);
        assert_eq!(card.answer(&[0xFF]).reply.bytes(), [0x67, 0x00]);
    }

    #[test]
    fn an_object_holds_the_code_and_faults_bend_it_as_their_names_say() {
        let code = || Code::new("LC1AYZQ", None);
        let read = |tlv_tag: u16, faults: &[&str]| {
            let mut card = BarcodeCard::new(code(), Some(tlv_tag));
            for fault in faults {
                card = card.with_fault(&fault.parse().expect("never fails")).expect("a known fault");
            }
            card.answer(&[0xFF, 0xB0, 0, 0, 0]).reply.bytes().to_vec()
        };
        let cases: [(u16, &[&str], &[u8]); 9] = [
            (0x53, &[], b"\x53\x07LC1AYZQ"),
            (0x5F50, &[], b"\x5F\x50\x07LC1AYZQ"),
            (0x53, &["tlv-long-form"], b"\x53\x82\x00\x07LC1AYZQ"),
            (0x53, &["tlv-padded=12"], b"\x53\x07LC1AYZQ\0\0\0"),
            (0x53, &["tlv-wrapped"], b"\x61\x0C\x80\x01\x01\x53\x07LC1AYZQ"),
            (0x53, &["tlv-cut"], b"\x53\x82\x00\x10LC1AYZQ"),
            (0x53, &["tlv-other"], b"\xC1\x07LC1AYZQ"),
            (0x53, &["tlv-endless"], b"\x53\x80LC1AYZQ\0\0"),
            (0x53, &["cut-code=3"], b"\x53\x03LC1"),
        ];
        for (tlv_tag, faults, expected) in cases {
            assert_eq!(read(tlv_tag, faults), [expected, b"\x90\x00"].concat(), "{faults:?}");
        }
        for kind in FAULTS {
            let fault: Fault = kind.name.parse().expect("never fails");
            assert!(BarcodeCard::new(code(), Some(0x53)).with_fault(&fault).is_ok(), "{fault:?}");
            assert!(BarcodeCard::new(code(), None).with_fault(&fault).is_err(), "{fault:?}");
        }
        let melted = "melted".parse().expect("never fails");
        assert!(BarcodeCard::new(code(), Some(0x53)).with_fault(&melted).is_err());
    }
}
