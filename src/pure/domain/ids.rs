//! Ids as newtypes, so that two of them are never mixed up. Fresh ids are made by the shells and arrive as arguments.

use std::fmt;
use std::str::FromStr;

use super::crockford;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub uuid::Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                uuid::Uuid::try_parse(text).map(Self).map_err(|_| IdError::Uuid)
            }
        }
    )+};
}

uuid_id! {
    /// A person whom the shop knows (UUIDv7).
    CustomerId,
    /// One thing that happened on one device; made when it happened (UUIDv7), also the anchor of its idempotency.
    EventId,
    /// One posted line.
    EntryId,
    /// One tap or scan at one till, with what was added to it.
    VisitId,
    /// A sale as we number it; unlike the till's `txn_id` it never repeats.
    SaleId,
    /// An API token (not its secret).
    ApiTokenId,
    /// A member of the staff.
    StaffId,
    /// A coupon or entry reward of one card.
    CouponId,
}

macro_rules! name_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name, 1 to 64 characters of `a-z A-Z 0-9 . _ -`; anything else is an error.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let ok = !text.is_empty()
                    && text.len() <= 64
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
                if ok { Ok(Self(text.to_owned())) } else { Err(IdError::Name) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

name_id! {
    /// A till of the shop, as the configuration names it (`till-1`).
    TillId,
    /// A programme, as its rule file is called (`cafe10`).
    ProgrammeName,
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a UUID.
    #[error("not a UUID such as 0190f3c1-2a5e-7000-8000-000000000000")]
    Uuid,
    /// Not a name.
    #[error("a name has 1 to 64 characters of a-z, A-Z, 0-9, '.', '_' and '-'")]
    Name,
    /// Not a serial.
    #[error("a serial has 12 characters of Crockford Base32 (0-9, A-Z without I, L, O, U), as in 2C7H 9XKM Q4TZ")]
    Serial,
}

/// The number of a card: 60 random bits, so that shops issue offline without asking. It looks a card up and proves
/// nothing (grade D). Shown in groups of four, read without regard to case, spaces or hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(u64);

impl Serial {
    /// The serial of the low 60 bits of `random`.
    pub fn from_random(random: u64) -> Self {
        Self(random & ((1 << 60) - 1))
    }

    /// The 60 bits; [`Serial::from_random`] takes them back.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// For people: `2C7H 9XKM Q4TZ`.
    pub fn grouped(self) -> String {
        let text = self.to_string();
        format!("{} {} {}", &text[..4], &text[4..8], &text[8..])
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..12).rev().try_for_each(|digit| {
            let value = (self.0 >> (digit * 5)) as usize & 31;
            write!(f, "{}", char::from(crockford::ALPHABET[value]))
        })
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (mut bits, mut count) = (0u64, 0);
        for byte in text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
            let value = crockford::digit_value(byte).ok_or(IdError::Serial)?;
            count += 1;
            if count > 12 {
                return Err(IdError::Serial);
            }
            bits = (bits << 5) | u64::from(value);
        }
        if count == 12 { Ok(Self(bits)) } else { Err(IdError::Serial) }
    }
}

/// What a medium carries in its LC1 text: 12 random bytes, one per medium of a card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub [u8; 12]);

impl fmt::Debug for CredentialId {
    /// Shows the first two bytes only: whoever has the whole id and a signing key can mint the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// The number of a device within its chain (SYNC.md C.1); 1 for a single shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// Counts how often a device was found rolled back or re-imaged (SYNC.md C.1); starts at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// The version of a programme's rules; counts from 1 in the order in which this ledger saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleVersion(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_read_without_regard_to_case_and_grouping() {
        let serial = Serial::from_random(0x0123_4567_89AB_CDEF);
        let text = serial.to_string();
        assert_eq!(text.len(), 12);
        for form in [text.clone(), text.to_lowercase(), serial.grouped(), serial.grouped().replace(' ', "-")] {
            assert_eq!(form.parse(), Ok(serial), "{form}");
        }
        for wrong in ["", "0123", "0123456789AB0", "U00000000000", "00000000000!"] {
            assert_eq!(wrong.parse::<Serial>(), Err(IdError::Serial), "{wrong}");
        }
        assert_eq!("ooooooooooil".parse::<Serial>().map(Serial::bits), Ok(1 << 5 | 1));
    }

    #[test]
    fn names_hold_what_a_file_name_may_hold() {
        assert!(TillId::new("till-1").is_ok());
        for wrong in ["", "a b", "ä", "x/y", &"x".repeat(65)] {
            assert_eq!(TillId::new(wrong), Err(IdError::Name));
        }
    }
}
