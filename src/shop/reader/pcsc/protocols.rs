//! Which protocols a reader speaks, and the machines that speak them.

use crate::base::clock::random_bytes;
use crate::pure::apdu::atr::{ChipKind, classify};
use crate::pure::tap::Machine;
use crate::pure::tap::apple_vas::{AppleVas, PASS_TYPES_MAX};
use crate::pure::tap::keyring::Keyring;

/// A protocol that a reader tries, in the order of its configuration (DESIGN.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Apple VAS.
    AppleVas,
}

impl Protocol {
    /// All of them, in the order in which a reader without configuration tries them.
    pub const ALL: [Protocol; 1] = [Protocol::AppleVas];

    /// The word in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::AppleVas => "apple_vas",
        }
    }

    /// The protocol of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// Fresh machines for a chip with this ATR, in the order of `protocols`. Those that a chip of its kind cannot speak, or for
/// which the shop has nothing to ask, are left out.
pub fn machines(keys: &Keyring, protocols: &[Protocol], atr: &[u8]) -> Vec<Box<dyn Machine>> {
    let kind = classify(atr);
    let machine = |protocol: &Protocol| match (protocol, kind) {
        (Protocol::AppleVas, ChipKind::IsoDep) if !keys.pass_types.is_empty() => {
            let nonces = random_bytes::<{ 4 * PASS_TYPES_MAX }>();
            Some(Box::new(AppleVas::new(&keys.pass_types, nonces)) as Box<dyn Machine>)
        }
        (Protocol::AppleVas, _) => None,
    };
    protocols.iter().filter_map(machine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tap::apple_vas::PassType;

    #[test]
    fn a_protocol_is_known_by_its_name() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.name()), Some(protocol));
        }
        assert_eq!(Protocol::from_name("payment"), None);
    }

    #[test]
    fn a_wallet_is_asked_only_what_the_chip_may_know_and_the_shop_has() {
        let pass_types = vec![PassType::new("pass.com.example.loyalty").expect("a pass type")];
        let keyring = Keyring { pass_types, ..Keyring::default() };
        let count = |keyring: &Keyring, atr: &[u8]| machines(keyring, &Protocol::ALL, atr).len();
        let storage = [0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, 3, 0, 0, 0, 0, 0x68];
        assert_eq!((count(&keyring, &[0x3B, 0x80, 0x80, 0x01, 0x01]), count(&keyring, &storage)), (1, 0));
        assert_eq!(count(&Keyring::default(), &[0x3B, 0x80, 0x80, 0x01, 0x01]), 0);
    }
}
