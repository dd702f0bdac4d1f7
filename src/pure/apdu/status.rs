//! Status words: the last two bytes of every answer. Known ones have a name, all others are kept as they came.

use std::fmt;

/// A status word of ISO/IEC 7816-4, with what it means there. The wallets give some of them a meaning of their own
/// (apple-vas.md section 7); their machines say so where they match.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusWord {
    /// 9000: success.
    Success,
    /// 61xx: more data waits, xx bytes of it. Contactless chips never need it.
    BytesWaiting(u8),
    /// 6287: a referenced record is deactivated. Apple VAS: the pass is there, its owner has not confirmed.
    Deactivated,
    /// 6700: wrong length.
    WrongLength,
    /// 6982: security status not satisfied.
    SecurityStatus,
    /// 6984: reference data not usable. Apple VAS: the owner must choose a pass.
    ReferenceNotUsable,
    /// 6985: conditions of use not satisfied.
    ConditionsOfUse,
    /// 6A80: wrong data in the command.
    WrongData,
    /// 6A81: function not supported.
    NotSupported,
    /// 6A82: file or application not found.
    NotFound,
    /// 6A83: record not found. Apple VAS: no pass of that type, or another one is on the screen.
    RecordNotFound,
    /// 6B00: wrong P1 or P2.
    WrongParameters,
    /// 6D00: instruction unknown.
    UnknownInstruction,
    /// 6E00: class unknown.
    UnknownClass,
    /// Any other.
    Other(u16),
}

impl StatusWord {
    /// The two bytes as a number.
    pub fn code(self) -> u16 {
        match self {
            StatusWord::Success => 0x9000,
            StatusWord::BytesWaiting(count) => 0x6100 | u16::from(count),
            StatusWord::Deactivated => 0x6287,
            StatusWord::WrongLength => 0x6700,
            StatusWord::SecurityStatus => 0x6982,
            StatusWord::ReferenceNotUsable => 0x6984,
            StatusWord::ConditionsOfUse => 0x6985,
            StatusWord::WrongData => 0x6A80,
            StatusWord::NotSupported => 0x6A81,
            StatusWord::NotFound => 0x6A82,
            StatusWord::RecordNotFound => 0x6A83,
            StatusWord::WrongParameters => 0x6B00,
            StatusWord::UnknownInstruction => 0x6D00,
            StatusWord::UnknownClass => 0x6E00,
            StatusWord::Other(code) => code,
        }
    }
}

impl From<u16> for StatusWord {
    fn from(code: u16) -> Self {
        match code {
            0x9000 => StatusWord::Success,
            0x6100..=0x61FF => StatusWord::BytesWaiting(code as u8),
            0x6287 => StatusWord::Deactivated,
            0x6700 => StatusWord::WrongLength,
            0x6982 => StatusWord::SecurityStatus,
            0x6984 => StatusWord::ReferenceNotUsable,
            0x6985 => StatusWord::ConditionsOfUse,
            0x6A80 => StatusWord::WrongData,
            0x6A81 => StatusWord::NotSupported,
            0x6A82 => StatusWord::NotFound,
            0x6A83 => StatusWord::RecordNotFound,
            0x6B00 => StatusWord::WrongParameters,
            0x6D00 => StatusWord::UnknownInstruction,
            0x6E00 => StatusWord::UnknownClass,
            other => StatusWord::Other(other),
        }
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.code())
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusWord({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_word_keeps_its_code() {
        for code in 0..=u16::MAX {
            assert_eq!(StatusWord::from(code).code(), code);
        }
        assert_eq!(StatusWord::from(0x6A83), StatusWord::RecordNotFound);
        assert_eq!(StatusWord::from(0x6A84), StatusWord::Other(0x6A84));
        assert_eq!(format!("{:?}", StatusWord::from(0x0090)), "StatusWord(0090)");
    }
}
