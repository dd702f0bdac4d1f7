//! The machines that a chip is asked by.

use crate::base::clock::random_bytes;
use crate::pure::apdu::atr::{ChipKind, StorageCard, classify};
use crate::pure::domain::Medium;
use crate::pure::tap::Machine;
use crate::pure::tap::apple_vas::{AppleVas, PASS_TYPES_MAX};
use crate::pure::tap::keyring::Keyring;
use crate::pure::tap::originality::Way;
use crate::pure::tap::p256::KeyPair;
use crate::pure::tap::smart_tap::{Fresh, SmartTap};
use crate::pure::tap::tag::{Kind, Tag, Wanted};
use crate::pure::tap::wallet::Wallet;

/// What a reader without a section in the configuration asks of a chip, in this order (DESIGN.md section 2).
pub const DEFAULT: [Medium; 5] = [Medium::AppleVas, Medium::SmartTap, Medium::Ntag424, Medium::Ndef, Medium::Uid];

/// Fresh machines for a chip with this ATR, in the order of `protocols`. Those that a chip of its kind cannot speak, for
/// which the shop has nothing to ask, or that have no machine, are left out. Both wallets begin with the same SELECT, so
/// one machine asks for them, where the first of the two stands; so do the media of a tag that stand together, of which
/// one reading gives all. `origin` is how the reader passes on the question for a chip's origin, where that is asked.
pub fn machines(keys: &Keyring, protocols: &[Medium], origin: Option<Way>, atr: &[u8]) -> Vec<Box<dyn Machine>> {
    let kind = classify(atr);
    let is_wallet = |medium: &Medium| matches!(medium, Medium::AppleVas | Medium::SmartTap);
    let place = protocols.iter().position(is_wallet).unwrap_or(protocols.len());
    let (before, from) = protocols.split_at(place);
    let mut machines: Vec<Box<dyn Machine>> = Vec::new();
    machines.extend(tag(keys, before, origin, kind));
    if kind == ChipKind::IsoDep {
        machines.extend(wallet(keys, from));
    }
    machines.extend(tag(keys, from, origin, kind));
    machines
}

/// The machine of the wallets that the shop takes; `None` where it takes neither.
fn wallet(keys: &Keyring, protocols: &[Medium]) -> Option<Box<dyn Machine>> {
    let apple = (protocols.contains(&Medium::AppleVas) && !keys.pass_types.is_empty())
        .then(|| AppleVas::new(&keys.pass_types, random_bytes::<{ 4 * PASS_TYPES_MAX }>()));
    let collector = keys.collector.as_ref().filter(|_| protocols.contains(&Medium::SmartTap));
    let google = collector.map(|collector| SmartTap::new(collector, fresh()));
    (apple.is_some() || google.is_some()).then(|| Box::new(Wallet::new(apple, google)) as Box<dyn Machine>)
}

/// The machine of tags and bare chips; `None` where the shop takes none of what such a chip gives.
fn tag(keys: &Keyring, protocols: &[Medium], origin: Option<Way>, kind: ChipKind) -> Option<Box<dyn Machine>> {
    let known = keys.uid.is_some();
    let wanted = Wanted {
        sun: known && keys.sun.is_some() && protocols.contains(&Medium::Ntag424),
        ndef: known && protocols.contains(&Medium::Ndef),
        uid: known && protocols.contains(&Medium::Uid),
        origin,
    };
    let (kind, asked) = match kind {
        ChipKind::None => return None,
        ChipKind::IsoDep => (Kind::IsoDep, wanted.sun || wanted.ndef || wanted.uid),
        ChipKind::Storage(StorageCard::Type2) => (Kind::Type2, wanted.ndef || wanted.uid),
        ChipKind::Storage(_) => (Kind::Bare, wanted.uid),
    };
    asked.then(|| Box::new(Tag::new(kind, wanted)) as Box<dyn Machine>)
}

/// Session, nonce and key of one Smart Tap exchange, which no other one has.
fn fresh() -> Fresh {
    let key = loop {
        // One scalar in 2^32 is none, and the next one is.
        if let Ok(key) = KeyPair::from_scalar(&random_bytes()) {
            break key;
        }
    };
    Fresh { session: random_bytes(), nonce: random_bytes(), key }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tap::Step;
    use crate::pure::tap::apple_vas::PassType;
    use crate::pure::tap::keyring::UidKey;
    use crate::pure::tap::ntag424::SunKeys;
    use crate::pure::tap::smart_tap::Collector;

    #[test]
    fn a_wallet_is_asked_only_what_the_chip_may_know_and_the_shop_has() {
        let pass_types = vec![PassType::new("pass.com.example.loyalty").expect("a pass type")];
        let keyring = Keyring { pass_types, ..Keyring::default() };
        let count = |keyring: &Keyring, atr: &[u8]| machines(keyring, &DEFAULT, None, atr).len();
        let storage = [0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, 3, 0, 0, 0, 0, 0x68];
        assert_eq!((count(&keyring, &[0x3B, 0x80, 0x80, 0x01, 0x01]), count(&keyring, &storage)), (1, 0));
        assert_eq!(count(&Keyring::default(), &[0x3B, 0x80, 0x80, 0x01, 0x01]), 0);
        let collector = Some(Collector::new(7, [(1, fresh().key)]));
        let both = Keyring { collector, ..keyring };
        assert_eq!(count(&both, &[0x3B, 0x80, 0x80, 0x01, 0x01]), 1, "one SELECT for both wallets");
    }

    #[test]
    fn tags_go_before_the_wallets_where_the_owner_says_so() {
        let iso_dep = [0x3B, 0x80, 0x80, 0x01, 0x01];
        let (uid, sun) = (Some(UidKey::new(&[1; 32])), Some(sun_keys()));
        let keyring =
            Keyring { uid, sun, collector: Some(Collector::new(7, [(1, fresh().key)])), ..Keyring::default() };
        let first = |protocols: &[Medium]| -> (usize, Vec<u8>) {
            let mut machines = machines(&keyring, protocols, None, &iso_dep);
            let Step::Transmit(command) = machines[0].start() else { panic!("asks nothing") };
            (machines.len(), command[5..command.len() - 1].to_vec())
        };
        assert_eq!(first(&DEFAULT), (2, b"OSE.VAS.01".to_vec()));
        let tag = vec![0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
        assert_eq!(first(&[Medium::Ntag424, Medium::SmartTap, Medium::Uid]), (3, tag.clone()));
        assert_eq!(first(&[Medium::Ntag424, Medium::Ndef]), (1, tag));
    }

    fn sun_keys() -> SunKeys {
        SunKeys { meta: [0; 16], file_master: [0; 16], application_id: [0; 3], system_id: vec![0x4E] }
    }

    #[test]
    fn no_two_exchanges_share_anything() {
        let (first, second) = (fresh(), fresh());
        assert!(first.session != second.session && first.nonce != second.nonce && first.key != second.key);
    }
}
