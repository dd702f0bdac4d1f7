//! The machines that a chip is asked by.

use crate::base::clock::random_bytes;
use crate::pure::apdu::atr::{ChipKind, classify};
use crate::pure::domain::Medium;
use crate::pure::tap::Machine;
use crate::pure::tap::apple_vas::{AppleVas, PASS_TYPES_MAX};
use crate::pure::tap::keyring::Keyring;

/// What a reader without a section in the configuration asks of a chip, in this order (DESIGN.md section 2).
pub const DEFAULT: [Medium; 5] = [Medium::AppleVas, Medium::SmartTap, Medium::Ntag424, Medium::Ndef, Medium::Uid];

/// Fresh machines for a chip with this ATR, in the order of `protocols`. Those that a chip of its kind cannot speak, for
/// which the shop has nothing to ask, or that have no machine, are left out.
pub fn machines(keys: &Keyring, protocols: &[Medium], atr: &[u8]) -> Vec<Box<dyn Machine>> {
    let kind = classify(atr);
    let machine = |protocol: &Medium| match (protocol, kind) {
        (Medium::AppleVas, ChipKind::IsoDep) if !keys.pass_types.is_empty() => {
            let nonces = random_bytes::<{ 4 * PASS_TYPES_MAX }>();
            Some(Box::new(AppleVas::new(&keys.pass_types, nonces)) as Box<dyn Machine>)
        }
        _ => None,
    };
    protocols.iter().filter_map(machine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tap::apple_vas::PassType;

    #[test]
    fn a_wallet_is_asked_only_what_the_chip_may_know_and_the_shop_has() {
        let pass_types = vec![PassType::new("pass.com.example.loyalty").expect("a pass type")];
        let keyring = Keyring { pass_types, ..Keyring::default() };
        let count = |keyring: &Keyring, atr: &[u8]| machines(keyring, &DEFAULT, atr).len();
        let storage = [0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, 3, 0, 0, 0, 0, 0x68];
        assert_eq!((count(&keyring, &[0x3B, 0x80, 0x80, 0x01, 0x01]), count(&keyring, &storage)), (1, 0));
        assert_eq!(count(&Keyring::default(), &[0x3B, 0x80, 0x80, 0x01, 0x01]), 0);
    }
}
