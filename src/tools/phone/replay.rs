//! The fault `replay`: the first answer is kept, in memory or in a file, and played again later.

use std::path::PathBuf;

use super::bytes::{from_hex, hex};
use super::fault::{Fault, FaultError};

/// An answer to be played again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    file: Option<PathBuf>,
    answer: Option<Vec<u8>>,
}

impl Replay {
    /// The replay of that fault: what an earlier run recorded in its file is played at once.
    pub fn open(fault: &Fault) -> Result<Self, FaultError> {
        let Some(name) = &fault.value else { return Ok(Self::default()) };
        let file = PathBuf::from(name);
        let answer = match std::fs::read_to_string(&file) {
            Ok(text) => {
                let bytes = from_hex(&text).filter(|bytes| bytes.len() > 2);
                Some(bytes.ok_or_else(|| {
                    fault.wrong("the file is not the hexadecimal record of an earlier run; remove it")
                })?)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(_) => return Err(fault.wrong("the file cannot be read")),
        };
        Ok(Self { file: Some(file), answer })
    }

    /// What was recorded before.
    pub fn kept(&self) -> Option<Vec<u8>> {
        self.answer.clone()
    }

    /// Keeps `answer` for the next time and says where.
    pub fn keep(&mut self, answer: &[u8]) -> String {
        self.answer = Some(answer.to_vec());
        let Some(file) = &self.file else { return "recorded, the next tap replays it".to_owned() };
        match std::fs::write(file, hex(answer)) {
            Ok(()) => format!("recorded in {}, the next tap replays it", file.display()),
            Err(error) => format!("could not be recorded in {}: {error}", file.display()),
        }
    }
}
