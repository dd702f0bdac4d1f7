//! The originality signature of NXP's chips (readers-and-scanners.md section 2.5): made over the UID when the chip was made,
//! it proves that NXP made a chip of that UID. It is static: whoever copies chip and signature passes as well, so it raises
//! no grade; what it finds out are cheap imitations.
//!
//! Reading it needs raw frames, which readers pass on each in its own way, or not at all ([`Way`]).

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;

/// READ_SIG of NTAG21x.
const READ_SIG: [u8; 2] = [0x3C, 0x00];

/// NXP's public key for NTAG21x, on secp128r1.
const NTAG21X_KEY: [u8; 33] = [
    0x04, 0x49, 0x4E, 0x1A, 0x38, 0x6D, 0x3D, 0x3C, 0xFE, 0x3D, 0xC1, 0x0E, 0x5D, 0xE6, 0x8A, 0x49, 0x9B, 0x1C, 0x20,
    0x2D, 0xB5, 0xB1, 0x32, 0x39, 0x3E, 0x89, 0xED, 0x19, 0xFE, 0x5B, 0xE8, 0xBC, 0x61,
];

/// NXP's public key for NTAG 424 DNA, on secp224r1.
const NTAG424_KEY: [u8; 57] = [
    0x04, 0x8A, 0x9B, 0x38, 0x0A, 0xF2, 0xEE, 0x1B, 0x98, 0xDC, 0x41, 0x7F, 0xEC, 0xC2, 0x63, 0xF8, 0x44, 0x9C, 0x76,
    0x25, 0xCE, 0xCE, 0x82, 0xD9, 0xB9, 0x16, 0xC9, 0x92, 0xDA, 0x20, 0x9D, 0x68, 0x42, 0x2B, 0x81, 0xEC, 0x20, 0xB6,
    0x5A, 0x66, 0xB5, 0x10, 0x2A, 0x61, 0x59, 0x6A, 0xF3, 0x37, 0x92, 0x00, 0x59, 0x93, 0x16, 0xA0, 0x0A, 0x14, 0x10,
];

/// What the signature of a chip says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It holds for the chip's UID.
    Genuine,
    /// It does not.
    Forged,
    /// It was not read, or this machine's OpenSSL lacks the curve: nothing is known.
    Unknown,
}

/// How a reader passes raw frames on to a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// ACR122U: frames of its PN532, by `FF 00 00 00`.
    Direct,
    /// PC/SC part 3: a transparent session, by `FF C2`.
    Transparent,
}

impl Way {
    /// The way of a reader by its name; `None` for one that is not known to have any.
    pub fn of(reader: &str) -> Option<Self> {
        let name = reader.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match () {
            () if has(&["acr122"]) => Some(Way::Direct),
            () if has(&["acr1252", "acr1255", "acm1252", "acr1281", "acr1552", "omnikey", "springcard"]) => {
                Some(Way::Transparent)
            }
            () => None,
        }
    }

    /// The commands that read the signature of an NTAG21x, in their order. Whatever the reader answers to the others, the
    /// last one is sent, so that no session stays open.
    pub fn commands(self) -> Vec<Vec<u8>> {
        match self {
            Way::Direct => vec![[&[0xFF, 0x00, 0x00, 0x00, 0x04, 0xD4, 0x42][..], &READ_SIG].concat()],
            Way::Transparent => vec![
                vec![0xFF, 0xC2, 0x00, 0x00, 0x02, 0x81, 0x00, 0x00],
                [&[0xFF, 0xC2, 0x00, 0x01, 0x04, 0x95, 0x02][..], &READ_SIG, &[0x00]].concat(),
                vec![0xFF, 0xC2, 0x00, 0x00, 0x02, 0x82, 0x00, 0x00],
            ],
        }
    }

    /// The signature in the answer (data without status word) to one of those commands; `None` where it holds none.
    pub fn signature(self, data: &[u8]) -> Option<[u8; 32]> {
        match self {
            Way::Direct => data.strip_prefix(&[0xD5, 0x43, 0x00])?.try_into().ok(),
            Way::Transparent => {
                let mut rest = data;
                while let [tlv_tag, length, behind @ ..] = rest {
                    let (value, behind) = behind.split_at_checked(usize::from(*length))?;
                    if *tlv_tag == 0x97 {
                        return value.try_into().ok();
                    }
                    rest = behind;
                }
                None
            }
        }
    }
}

/// Judges the signature of an NTAG21x or Ultralight EV1: `r || s` over the UID itself, unhashed.
pub fn ntag21x(uid: &[u8; 7], signature: &[u8; 32]) -> Origin {
    judge(Nid::SECP128R1, &NTAG21X_KEY, uid, signature)
}

/// Judges the signature of an NTAG 424 DNA.
pub fn ntag424(uid: &[u8; 7], signature: &[u8; 56]) -> Origin {
    judge(Nid::SECP224R1, &NTAG424_KEY, uid, signature)
}

fn judge(curve: Nid, key: &[u8], uid: &[u8], signature: &[u8]) -> Origin {
    match verify(curve, key, uid, signature) {
        Ok(true) => Origin::Genuine,
        Ok(false) => Origin::Forged,
        Err(_) => Origin::Unknown,
    }
}

fn verify(curve: Nid, key: &[u8], uid: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, key, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    let (r, s) = signature.split_at(signature.len() / 2);
    let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    // Numbers out of range are an error of OpenSSL's, and no signature of NXP's.
    Ok(signature.verify(uid, &key).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
    }

    /// The vectors of readers-and-scanners.md section 2.5.
    #[test]
    fn the_signatures_of_the_vectors_hold_for_their_uids_alone() {
        let uid = hex::<7>("04E10CDA993C80");
        let signature = hex::<32>("8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3");
        assert_eq!(ntag21x(&uid, &signature), Origin::Genuine);
        for byte in 0..32 {
            let mut changed = signature;
            changed[byte] ^= 1;
            assert_eq!(ntag21x(&uid, &changed), Origin::Forged, "{byte}");
        }
        assert_eq!(ntag21x(&hex("04E10CDA993C81"), &signature), Origin::Forged);
        assert_eq!(ntag21x(&uid, &[0; 32]), Origin::Forged);
        assert_eq!(ntag21x(&uid, &[0xFF; 32]), Origin::Forged);

        let uid = hex::<7>("0463474AA26A80");
        let signature = "27E9A50E6CA4BA9037C02F7D20A80D0284D0C1D83C67F5A5AC1D8A4EF86C9508417E4E9C6F85AA7920F0ABDED984CAF2\
                         0467D66EA54BBF08";
        assert_eq!(ntag424(&uid, &hex(signature)), Origin::Genuine);
        assert_eq!(ntag424(&hex("0463474AA26A81"), &hex(signature)), Origin::Forged);
    }

    #[test]
    fn each_way_has_its_own_envelope() {
        assert_eq!(Way::of("ACS ACR122U PICC Interface 00 00"), Some(Way::Direct));
        assert_eq!(Way::of("HID Global OMNIKEY 5022 00 00"), Some(Way::Transparent));
        assert_eq!(Way::of("Virtual PCD 00 00"), None);
        let direct = [&[0xD5, 0x43, 0x00][..], &[7; 32]].concat();
        assert_eq!(Way::Direct.signature(&direct), Some([7; 32]));
        assert_eq!(Way::Direct.signature(&direct[..34]), None);
        assert_eq!(Way::Direct.signature(&[0xD5, 0x43, 0x01]), None, "the frame was not answered");
        let transparent = [&[0xC0, 0x03, 0x00, 0x90, 0x00, 0x92, 0x01, 0x00, 0x97, 0x20][..], &[7; 32]].concat();
        assert_eq!(Way::Transparent.signature(&transparent), Some([7; 32]));
        for length in 0..transparent.len() {
            assert_eq!(Way::Transparent.signature(&transparent[..length]), None, "{length}");
        }
        let sent: Vec<usize> = [Way::Direct, Way::Transparent].map(|way| way.commands().len()).to_vec();
        assert_eq!(sent, [1, 3]);
    }
}
