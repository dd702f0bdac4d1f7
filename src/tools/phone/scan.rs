//! A scanner on a serial line: writes a code to a tty, as a USB CDC or RS-232 scanner does
//! (readers-and-scanners.md section 3.2).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::code::{self, Code};
use super::fault::{Fault, FaultError, FaultKind};
use super::rotating;

/// The faults of a scanner's line, beside those of any code.
pub const FAULTS: &[FaultKind] = &[
    FaultKind { name: "no-suffix", value: "", meaning: "No carriage return comes after the code." },
    FaultKind {
        name: "line-feed",
        value: "",
        meaning: "Sound, yet a line feed comes in place of the carriage return.",
    },
    FaultKind { name: "both", value: "", meaning: "Sound, yet carriage return and line feed come after the code." },
    FaultKind {
        name: "split",
        value: "ms, 50",
        meaning: "Sound, yet the code comes in two pieces, so many milliseconds apart.",
    },
    FaultKind {
        name: "twice",
        value: "",
        meaning: "The scanner reads the code twice in one go, as in presentation mode.",
    },
    FaultKind { name: "noise", value: "", meaning: "Line noise comes before the code." },
];

/// A scanner that reads one code.
#[derive(Clone, Debug)]
pub struct Scanner {
    code: Code,
    faults: Vec<Fault>,
    split_ms: u64,
}

/// Bytes to write, after a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// How long the line is silent before, milliseconds.
    pub pause_ms: u64,
    /// What is written.
    pub bytes: Vec<u8>,
}

impl Scanner {
    /// A scanner that reads `code` and ends it with a carriage return.
    pub fn new(code: Code) -> Self {
        Self { code, faults: Vec::new(), split_ms: 0 }
    }

    /// Adds a fault of [`FAULTS`] or of a code.
    pub fn with_fault(mut self, fault: &Fault) -> Result<Self, FaultError> {
        match fault.name.as_str() {
            "split" => self.split_ms = fault.number(50, 0, 60_000)?,
            _ if fault.is_in(FAULTS) => fault.bare()?,
            _ if fault.is_in(code::FAULTS) || fault.is_in(rotating::FAULTS) => {
                self.code.add_fault(fault, "scan")?;
                return Ok(self);
            }
            _ => return Err(FaultError::Unknown { wallet: "scan", name: fault.name.clone() }),
        }
        self.faults.push(fault.clone());
        Ok(self)
    }

    /// What comes over the line for a scan of this moment.
    pub fn bursts(&self) -> Vec<Burst> {
        let has = |name: &str| self.faults.iter().any(|fault| fault.name == name);
        let suffix: &[u8] = match () {
            () if has("no-suffix") => b"",
            () if has("line-feed") => b"\n",
            () if has("both") => b"\r\n",
            () => b"\r",
        };
        let mut line = [&self.code.bytes()[..], suffix].concat();
        if has("twice") {
            line = line.repeat(2);
        }
        if has("noise") {
            line.splice(0..0, [0xFF, 0x00, 0xFE, 0x80]);
        }
        let rest = if has("split") { line.split_off(line.len() / 2) } else { Vec::new() };
        let mut bursts = vec![Burst { pause_ms: 0, bytes: line }];
        if !rest.is_empty() {
            bursts.push(Burst { pause_ms: self.split_ms, bytes: rest });
        }
        bursts
    }

    /// Writes one scan to `tty`, and says how many bytes that were. The tty does not become the process's own terminal.
    pub fn scan(&self, tty: &Path) -> io::Result<usize> {
        let flags = OFlags::NOCTTY.bits() as i32;
        let mut line = OpenOptions::new().write(true).custom_flags(flags).open(tty)?;
        let mut written = 0;
        for burst in self.bursts() {
            if burst.pause_ms > 0 {
                std::thread::sleep(Duration::from_millis(burst.pause_ms));
            }
            line.write_all(&burst.bytes)?;
            line.flush()?;
            written += burst.bytes.len();
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(fault: &str) -> Scanner {
        let scanner = Scanner::new(Code::new("LC1AYZQ", Some("NFC")));
        scanner.with_fault(&fault.parse().expect("never fails")).expect("a known fault")
    }

    #[test]
    fn a_scan_is_the_code_and_its_suffix() {
        let all = |scanner: Scanner| scanner.bursts().into_iter().flat_map(|burst| burst.bytes).collect::<Vec<u8>>();
        assert_eq!(all(Scanner::new(Code::new("LC1", None))), b"LC1\r");
        let cases: [(&str, &[u8]); 8] = [
            ("no-suffix", b"LC1AYZQ"),
            ("line-feed", b"LC1AYZQ\n"),
            ("both", b"LC1AYZQ\r\n"),
            ("split", b"LC1AYZQ\r"),
            ("twice", b"LC1AYZQ\rLC1AYZQ\r"),
            ("noise", b"\xFF\x00\xFE\x80LC1AYZQ\r"),
            ("aim", b"]Q1LC1AYZQ\r"),
            ("wrong-medium", b"NFC\r"),
        ];
        for (fault, expected) in cases {
            assert_eq!(all(scanner(fault)), expected, "{fault}");
        }
        let pieces = scanner("split=7").bursts();
        assert_eq!((pieces.len(), pieces[1].pause_ms), (2, 7));
        for kind in FAULTS {
            scanner(kind.name);
        }
        let melted = "melted".parse().expect("never fails");
        assert!(Scanner::new(Code::new("x", None)).with_fault(&melted).is_err());
    }

    #[test]
    fn a_scan_is_written_where_it_should_be_and_a_missing_line_is_an_error() {
        let file = std::env::temp_dir().join(format!("stampd-phone-line-{}", std::process::id()));
        std::fs::write(&file, "").expect("a scratch file");
        assert_eq!(scanner("both").scan(&file).expect("written"), 9);
        assert_eq!(std::fs::read(&file).expect("there"), b"LC1AYZQ\r\n");
        std::fs::remove_file(&file).expect("a scratch file");
        assert!(scanner("both").scan(&file).is_err(), "a scanner makes no file");
    }
}
