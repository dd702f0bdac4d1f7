//! Faults that a phone shows on purpose: their names for `--fault` and `--list`, and those that any handset can have,
//! because they sit between handset and reader. A wallet's own faults stand in its file.

use std::str::FromStr;

use openssl::rand::rand_bytes;

use super::{Answer, Field, Handset, Reply};

/// A fault as `--list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// The name for `--fault`.
    pub name: &'static str,
    /// What may stand after `=`, with its default; empty when nothing may.
    pub value: &'static str,
    /// What it does, one sentence.
    pub meaning: &'static str,
}

/// The faults of the way between phone and reader; every wallet kind has them.
pub const LINK_FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "truncated",
        value: "bytes, 30",
        meaning: "The answer that holds the pass is cut to so many bytes, of which the last two still say 9000.",
    },
    FaultKind {
        name: "cut",
        value: "bytes, 20",
        meaning: "The answer that holds the pass is cut after so many bytes, status word and all.",
    },
    FaultKind { name: "garbage", value: "bytes, 64", meaning: "Random bytes and 9000 come in place of the pass." },
    FaultKind {
        name: "short",
        value: "0 or 1 bytes, 1",
        meaning: "In place of the pass comes an answer too short for a status word; after one of 0 bytes the phone leaves, or vpcd waits on.",
    },
    FaultKind {
        name: "status",
        value: "four hex digits, 6982",
        meaning: "This status word comes in place of the pass.",
    },
    FaultKind {
        name: "pulled",
        value: "APDU, 2",
        meaning: "The phone leaves when it gets the n-th command, without an answer.",
    },
    FaultKind { name: "torn", value: "APDU, 2", meaning: "The phone leaves in the middle of its n-th answer." },
    FaultKind { name: "gone", value: "APDU, 1", meaning: "The phone leaves right after its n-th answer." },
    FaultKind { name: "slow", value: "ms, 1500", meaning: "Every answer comes so many milliseconds late." },
    FaultKind {
        name: "hung",
        value: "APDU, 1",
        meaning: "The phone stays and never answers the n-th command, nor any after it.",
    },
    FaultKind {
        name: "mute",
        value: "",
        meaning: "Something is on the reader and gives no usable ATR when it is powered.",
    },
    FaultKind {
        name: "absent",
        value: "",
        meaning: "The connection is there and the ATR is empty: nothing is on the reader.",
    },
];

/// The faults of how the phone is held; the command line plays them with any wallet kind.
pub const HOLDING_FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "stay",
        value: "seconds, 10",
        meaning: "The phone stays on the reader so long after the pass was taken.",
    },
    FaultKind {
        name: "double-tap",
        value: "ms, 300",
        meaning: "The phone is lifted and shown a second time so many milliseconds later.",
    },
];

/// A fault as it is asked for: `name` or `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// What stood after `=`.
    pub value: Option<String>,
}

/// Why a fault cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such fault for this kind of wallet.
    #[error("the wallet kind '{wallet}' has no fault '{name}'; `stampd phone --list` names them all")]
    Unknown {
        /// The wallet kind.
        wallet: &'static str,
        /// The name as given.
        name: String,
    },
    /// The value does not fit.
    #[error("--fault {name}={value} cannot be: {wants}")]
    Value {
        /// The fault.
        name: String,
        /// The value as given.
        value: String,
        /// What it should have been.
        wants: &'static str,
    },
    /// The fault needs something that the card's description lacks.
    #[error("--fault {name} needs {what}, which this card's description does not have")]
    Lacks {
        /// The fault.
        name: String,
        /// What is missing.
        what: &'static str,
    },
}

impl FromStr for Fault {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((name, value)) => Self { name: name.to_owned(), value: Some(value.to_owned()) },
            None => Self { name: text.to_owned(), value: None },
        })
    }
}

impl Fault {
    /// The value as a number from `least` to `most`, or `default` when none was given.
    pub fn number(&self, default: u64, least: u64, most: u64) -> Result<u64, FaultError> {
        let Some(value) = &self.value else { return Ok(default) };
        match value.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(self.wrong("it takes a whole number in the range that `stampd phone --list` tells")),
        }
    }

    /// How many times, or for ever when the value is `always`.
    pub fn times(&self, default: u64) -> Result<u64, FaultError> {
        if self.value.as_deref() == Some("always") { Ok(u64::MAX) } else { self.number(default, 0, 1_000_000) }
    }

    /// Fails when a value was given to a fault that takes none.
    pub fn bare(&self) -> Result<(), FaultError> {
        if self.value.is_some() { Err(self.wrong("it takes no value")) } else { Ok(()) }
    }

    /// The error of a value that does not fit.
    pub fn wrong(&self, wants: &'static str) -> FaultError {
        FaultError::Value { name: self.name.clone(), value: self.value.clone().unwrap_or_default(), wants }
    }

    /// Whether it is one of `kinds`.
    pub fn is_in(&self, kinds: &[FaultKind]) -> bool {
        kinds.iter().any(|kind| kind.name == self.name)
    }
}

/// A fault between handset and reader, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkFault {
    Truncated(usize),
    Cut(usize),
    Garbage(usize),
    Short(usize),
    Status(u16),
    Pulled(u64),
    Torn(u64),
    Gone(u64),
    Slow(u64),
    Hung(u64),
    Mute,
    Absent,
}

impl LinkFault {
    fn read(fault: &Fault) -> Result<Option<Self>, FaultError> {
        let bytes = |default, least| fault.number(default, least, 65_000).map(|count| count as usize);
        let apdu = |default| fault.number(default, 1, 1_000_000);
        Ok(Some(match fault.name.as_str() {
            "truncated" => Self::Truncated(bytes(30, 2)?),
            "cut" => Self::Cut(bytes(20, 2)?),
            "garbage" => Self::Garbage(bytes(64, 0)?),
            "short" => Self::Short(fault.number(1, 0, 1)? as usize),
            "status" => Self::Status(match &fault.value {
                None => 0x6982,
                Some(value) if value.len() == 4 => {
                    u16::from_str_radix(value, 16).map_err(|_| fault.wrong("it takes four hex digits, such as 6985"))?
                }
                Some(_) => return Err(fault.wrong("it takes four hex digits, such as 6985")),
            }),
            "pulled" => Self::Pulled(apdu(2)?),
            "torn" => Self::Torn(apdu(2)?),
            "gone" => Self::Gone(apdu(1)?),
            "slow" => Self::Slow(fault.number(1_500, 0, 600_000)?),
            "hung" => Self::Hung(apdu(1)?),
            "mute" => fault.bare().map(|()| Self::Mute)?,
            "absent" => fault.bare().map(|()| Self::Absent)?,
            _ => return Ok(None),
        }))
    }

    /// What becomes of the `nth` answer (from 1) of this presence.
    fn bend(self, nth: u64, answer: Answer) -> Answer {
        let gives = answer.gives_pass;
        let bytes = answer.reply.bytes().to_vec();
        let spoil = |reply: Reply, said: String| Answer { reply, said, gives_pass: false, ..answer.clone() };
        match self {
            Self::Truncated(count) if gives => {
                let kept = bytes.len().saturating_sub(2).min(count - 2);
                let cut = [&bytes[..kept], &[0x90, 0x00]].concat();
                let said = format!("{}, cut to {} bytes under a false 9000", answer.said, cut.len());
                spoil(Reply::Bytes(cut), said)
            }
            Self::Cut(count) if gives => {
                let cut = bytes[..bytes.len().min(count)].to_vec();
                let said = format!("{}, cut after {} bytes", answer.said, cut.len());
                spoil(Reply::Bytes(cut), said)
            }
            Self::Garbage(count) if gives => {
                let mut noise = vec![0; count];
                // Noise of zeros is noise as well, should the generator ever fail.
                let _ = rand_bytes(&mut noise);
                noise.extend([0x90, 0x00]);
                spoil(Reply::Bytes(noise), format!("{count} random bytes in place of the pass (9000)"))
            }
            Self::Short(0) if gives => {
                spoil(Reply::BytesThenLeave(Vec::new()), "an empty answer in place of the pass, and left".to_owned())
            }
            Self::Short(count) if gives => {
                spoil(Reply::Bytes(vec![0x90; count]), format!("{count} byte in place of the pass"))
            }
            Self::Status(sw) if gives => {
                spoil(Reply::Bytes(sw.to_be_bytes().to_vec()), format!("{sw:04X} in place of the pass"))
            }
            Self::Pulled(at) if nth == at => spoil(Reply::Leave, "nothing: the phone was pulled away".to_owned()),
            Self::Torn(at) if nth == at => {
                let said = format!("{}, and was pulled away in the middle of it", answer.said);
                spoil(Reply::Torn(bytes), said)
            }
            Self::Gone(at) if nth == at => {
                let said = format!("{}, and left", answer.said);
                Answer { reply: Reply::BytesThenLeave(bytes), said, ..answer }
            }
            Self::Slow(ms) => {
                let said = format!("{}, {ms} ms late", answer.said);
                Answer { reply: Reply::Late(bytes, ms), said, ..answer }
            }
            Self::Hung(at) if nth >= at => spoil(Reply::Silence, "nothing: the phone hangs".to_owned()),
            _ => answer,
        }
    }
}

/// An ATR longer than any reader takes (33 bytes): after power-on pcscd calls such a chip mute.
const ATR_UNUSABLE: [u8; 64] = [0xFF; 64];

/// Any handset with faults between it and the reader.
pub struct Faulty {
    inner: Box<dyn Handset>,
    faults: Vec<LinkFault>,
    commands: u64,
}

impl Faulty {
    /// Puts those of `faults` that sit between phone and reader around `inner`, and hands the others back.
    pub fn around(inner: Box<dyn Handset>, faults: &[Fault]) -> Result<(Box<dyn Handset>, Vec<Fault>), FaultError> {
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for fault in faults {
            match LinkFault::read(fault)? {
                Some(link) => ours.push(link),
                None => others.push(fault.clone()),
            }
        }
        if ours.is_empty() {
            return Ok((inner, others));
        }
        Ok((Box::new(Self { inner, faults: ours, commands: 0 }), others))
    }
}

impl Handset for Faulty {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn atr(&mut self) -> Vec<u8> {
        if self.faults.contains(&LinkFault::Absent) {
            return Vec::new();
        }
        if self.faults.contains(&LinkFault::Mute) {
            return ATR_UNUSABLE.to_vec();
        }
        self.inner.atr()
    }

    fn answer(&mut self, command: &[u8]) -> Answer {
        self.commands += 1;
        let answer = self.inner.answer(command);
        self.faults.iter().fold(answer, |answer, fault| fault.bend(self.commands, answer))
    }

    fn field(&mut self, change: Field) {
        self.inner.field(change);
    }

    fn lifted(&mut self) {
        self.commands = 0;
        self.inner.lifted();
    }

    fn waits_for_field_drop(&self) -> bool {
        self.inner.waits_for_field_drop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;

    impl Handset for Plain {
        fn name(&self) -> String {
            "test".to_owned()
        }
        fn atr(&mut self) -> Vec<u8> {
            vec![0x3B]
        }
        fn answer(&mut self, command: &[u8]) -> Answer {
            let answer = Answer::plain(vec![7, 7, 7, 7, 0x90, 0x00], "asked", "said");
            if command == [1, 1] { answer.giving_pass() } else { answer }
        }
    }

    fn faulty(fault: &str) -> Box<dyn Handset> {
        let faults = [fault.parse().expect("never fails")];
        Faulty::around(Box::new(Plain), &faults).unwrap_or_else(|error| panic!("{fault}: {error}")).0
    }

    #[test]
    fn each_fault_bends_the_answer_that_it_names() {
        let ok = || Reply::Bytes(vec![7, 7, 7, 7, 0x90, 0x00]);
        let cases: [(&str, Reply, Reply); 10] = [
            ("truncated=3", ok(), Reply::Bytes(vec![7, 0x90, 0x00])),
            ("truncated", ok(), ok()),
            ("cut=5", ok(), Reply::Bytes(vec![7, 7, 7, 7, 0x90])),
            ("short=0", ok(), Reply::BytesThenLeave(vec![])),
            ("status=6985", ok(), Reply::Bytes(vec![0x69, 0x85])),
            ("pulled", ok(), Reply::Leave),
            ("torn", ok(), Reply::Torn(vec![7, 7, 7, 7, 0x90, 0x00])),
            ("gone=2", ok(), Reply::BytesThenLeave(vec![7, 7, 7, 7, 0x90, 0x00])),
            ("slow=5", Reply::Late(vec![7, 7, 7, 7, 0x90, 0x00], 5), Reply::Late(vec![7, 7, 7, 7, 0x90, 0x00], 5)),
            ("hung=2", ok(), Reply::Silence),
        ];
        for (fault, first, second) in cases {
            let mut handset = faulty(fault);
            assert_eq!(handset.answer(&[0, 0]).reply, first, "{fault}");
            let answer = handset.answer(&[1, 1]);
            assert_eq!(answer.reply, second, "{fault}");
            assert_eq!(answer.gives_pass, fault.starts_with("slow") || fault.starts_with("gone"), "{fault}");
        }
        let noise = faulty("garbage=9").answer(&[1, 1]).reply.bytes().to_vec();
        assert_eq!((noise.len(), &noise[9..]), (11, &[0x90, 0x00][..]));
        assert_eq!(faulty("absent").atr(), Vec::<u8>::new());
        assert!(faulty("mute").atr().len() > 33);
    }

    #[test]
    fn values_that_do_not_fit_are_refused_and_foreign_faults_handed_back() {
        for wrong in ["short=2", "short=x", "mute=1", "status=1", "status=zzzz", "pulled=0", "truncated=1"] {
            let faults = [wrong.parse().expect("never fails")];
            assert!(Faulty::around(Box::new(Plain), &faults).is_err(), "{wrong}");
        }
        let faults = ["locked=3".parse().expect("never fails")];
        let (_, others) = Faulty::around(Box::new(Plain), &faults).expect("not ours, so no error");
        assert_eq!(others, faults);
    }

    #[test]
    fn every_listed_fault_is_understood() {
        for kind in LINK_FAULTS {
            let faults = [kind.name.parse().expect("never fails")];
            let (_, others) = Faulty::around(Box::new(Plain), &faults).expect("defaults fit");
            assert!(others.is_empty(), "{}", kind.name);
        }
    }
}
