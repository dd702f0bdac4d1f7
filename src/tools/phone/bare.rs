//! Chips that are only known by their UID: an NFC tag without content, MIFARE Classic and FeliCa
//! (readers-and-scanners.md sections 1.7 to 1.9). They differ in ATR, UID length and what the reader answers for them.

use super::bytes::{Command, hex};
use super::chance::random_uid;
use super::fault::{Fault, FaultError, FaultKind};
use super::{Answer, Handset};

/// Which chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareKind {
    /// An ISO 14443-3 tag whose pages cannot be read; UID of 7 bytes.
    Uid,
    /// MIFARE Classic 1K; UID of 4 bytes, blocks readable only with a key.
    Classic,
    /// FeliCa; IDm of 8 bytes.
    Felica,
}

/// The faults of a chip with a UID alone, beside those of any chip.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "random-uid",
        value: "",
        meaning: "A random UID of 4 bytes, 08 first, new at every tap, as a phone shows it.",
    },
    FaultKind { name: "no-uid", value: "", meaning: "The reader does not tell the UID: 6A81." },
    FaultKind { name: "short-uid", value: "", meaning: "The UID has 3 bytes, which no chip has." },
    FaultKind { name: "long-uid", value: "", meaning: "The UID has 32 bytes, which no chip has." },
    FaultKind {
        name: "iso-dep",
        value: "",
        meaning: "The ATR is that of a chip with commands of its own, which answers 6A82 to every SELECT.",
    },
];

/// A chip with a UID alone.
pub struct BareChip {
    kind: BareKind,
    uid: Vec<u8>,
    random: [u8; 4],
    faults: Vec<Fault>,
}

impl BareKind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            BareKind::Uid => "uid",
            BareKind::Classic => "classic",
            BareKind::Felica => "felica",
        }
    }

    /// How many bytes its UID has.
    pub fn uid_bytes(self) -> usize {
        match self {
            BareKind::Uid => 7,
            BareKind::Classic => 4,
            BareKind::Felica => 8,
        }
    }

    /// A UID for who gives none.
    pub fn uid_default(self) -> &'static [u8] {
        match self {
            BareKind::Uid => &[0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6],
            BareKind::Classic => &[0x9A, 0x3C, 0x51, 0x7E],
            BareKind::Felica => &[0x01, 0x2E, 0x4C, 0xD0, 0x11, 0x22, 0x33, 0x44],
        }
    }

    /// Standard and card name of the synthesised ATR (section 1.7).
    fn standard_and_name(self) -> [u8; 3] {
        match self {
            BareKind::Uid => [0x03, 0x00, 0x03],
            BareKind::Classic => [0x03, 0x00, 0x01],
            BareKind::Felica => [0x11, 0x00, 0x3B],
        }
    }
}

impl BareChip {
    /// A chip of that kind. Chips of another UID length than the kind's are possible, as some shops have them.
    pub fn new(kind: BareKind, uid: &[u8]) -> Self {
        Self { kind, uid: uid.to_vec(), random: random_uid(), faults: Vec::new() }
    }

    /// Adds a fault of [`FAULTS`].
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        if !fault.is_in(FAULTS) {
            return Err(FaultError::Unknown { wallet: self.kind.name(), name: fault.name.clone() });
        }
        fault.bare()?;
        self.faults.push(fault.clone());
        Ok(self)
    }

    fn has(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }

    fn shown_uid(&self) -> Vec<u8> {
        if self.has("random-uid") {
            self.random.to_vec()
        } else if self.has("short-uid") {
            self.uid.iter().copied().take(3).collect()
        } else if self.has("long-uid") {
            self.uid.iter().copied().cycle().take(32).collect()
        } else {
            self.uid.clone()
        }
    }
}

impl Handset for BareChip {
    fn name(&self) -> String {
        let kind = match self.kind {
            BareKind::Uid => "NFC tag",
            BareKind::Classic => "MIFARE Classic",
            BareKind::Felica => "FeliCa",
        };
        format!("{kind} {}", hex(&self.shown_uid()))
    }

    fn atr(&mut self) -> Vec<u8> {
        if self.has("iso-dep") {
            return vec![0x3B, 0x80, 0x80, 0x01, 0x01];
        }
        let [standard, high, low] = self.kind.standard_and_name();
        let mut atr = vec![0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06];
        atr.extend([standard, high, low, 0x00, 0x00, 0x00, 0x00]);
        atr.push(atr[1..].iter().fold(0, |sum, byte| sum ^ byte));
        atr
    }

    fn answer(&mut self, apdu: &[u8]) -> Answer {
        let asked = || format!("the pseudo-APDU {}", hex(apdu));
        let Some(command) = Command::parse(apdu) else {
            return Answer::status(0x6700, format!("{} bytes that are no command", apdu.len()), "wrong length (6700)");
        };
        match (command.cla, command.ins, self.kind) {
            (0xFF, 0xCA, _) if (command.p1, command.p2) == (0, 0) && !self.has("no-uid") => {
                let uid = self.shown_uid();
                let said = format!("{} (9000)", hex(&uid));
                Answer::plain([&uid[..], &[0x90, 0x00]].concat(), "the UID", said).giving_pass()
            }
            (0xFF, 0xB0, BareKind::Uid) => Answer::status(0x6A81, asked(), "it has no pages (6A81)"),
            (0xFF, 0xB0, BareKind::Classic) => Answer::status(0x6982, asked(), "not without the block's key (6982)"),
            (0xFF, 0x82, BareKind::Classic) => Answer::status(0x9000, asked(), "the reader keeps the key (9000)"),
            (0xFF, 0x86, BareKind::Classic) => Answer::status(0x6300, asked(), "the key does not fit (6300)"),
            (0xFF, _, _) => Answer::status(0x6A81, asked(), "the reader has no such function (6A81)"),
            (0x00, 0xA4, _) if self.has("iso-dep") => {
                Answer::status(0x6A82, format!("SELECT {}", hex(command.data)), "no such application (6A82)")
            }
            _ => Answer::status(0x6E00, hex(apdu), "no chip with commands of its own (6E00)"),
        }
    }

    fn lifted(&mut self) {
        self.random = random_uid();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [BareKind; 3] = [BareKind::Uid, BareKind::Classic, BareKind::Felica];

    fn chip(kind: BareKind, fault: &str) -> BareChip {
        let chip = BareChip::new(kind, kind.uid_default());
        chip.with_fault(&fault.parse().expect("never fails")).expect("a known fault")
    }

    #[test]
    fn atrs_are_those_of_the_table() {
        let atrs = KINDS.map(|kind| hex(&BareChip::new(kind, kind.uid_default()).atr()));
        assert_eq!(atrs[0], "3b8f8001804f0ca0000003060300030000000068");
        assert_eq!(atrs[1], "3b8f8001804f0ca000000306030001000000006a");
        assert_eq!(atrs[2], "3b8f8001804f0ca00000030611003b0000000042");
    }

    #[test]
    fn the_uid_is_all_there_is() {
        for kind in KINDS {
            let mut chip = BareChip::new(kind, kind.uid_default());
            assert_eq!(kind.uid_default().len(), kind.uid_bytes());
            let answer = chip.answer(&[0xFF, 0xCA, 0, 0, 0]);
            assert_eq!(answer.reply.bytes(), [kind.uid_default(), &[0x90, 0x00]].concat());
            assert!(answer.gives_pass);
            let read = chip.answer(&[0xFF, 0xB0, 0, 4, 0x10]);
            assert!(read.reply.bytes().len() == 2 && !read.gives_pass);
        }
        let mut classic = BareChip::new(BareKind::Classic, BareKind::Classic.uid_default());
        let key = [0xFF, 0x82, 0, 0, 6, 255, 255, 255, 255, 255, 255];
        assert_eq!(classic.answer(&key).reply.bytes(), [0x90, 0x00]);
        assert_eq!(classic.answer(&[0xFF, 0x86, 0, 0, 5, 1, 0, 4, 0x60, 0]).reply.bytes(), [0x63, 0x00]);
    }

    #[test]
    fn faults_show_what_their_names_say() {
        let uid = |fault: &str| {
            let answer = chip(BareKind::Uid, fault).answer(&[0xFF, 0xCA, 0, 0, 0]).reply.bytes().to_vec();
            answer[..answer.len() - 2].to_vec()
        };
        assert_eq!((uid("random-uid").len(), uid("random-uid")[0]), (4, 0x08));
        assert_eq!((uid("no-uid").len(), uid("short-uid").len(), uid("long-uid").len()), (0, 3, 32));
        let mut dep = chip(BareKind::Uid, "iso-dep");
        assert_eq!(dep.atr(), [0x3B, 0x80, 0x80, 0x01, 0x01]);
        assert_eq!(dep.answer(&[0, 0xA4, 4, 0, 1, 0xA0, 0]).reply.bytes(), [0x6A, 0x82]);
        let mut phone = chip(BareKind::Uid, "random-uid");
        let first = phone.shown_uid();
        assert_eq!(phone.shown_uid(), first, "for this tap");
        assert!((0..64).any(|_| {
            phone.lifted();
            phone.shown_uid() != first
        }));
        let melted = "melted".parse().expect("never fails");
        assert!(BareChip::new(BareKind::Felica, &[1; 8]).with_fault(&melted).is_err());
    }
}
