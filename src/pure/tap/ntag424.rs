//! NTAG 424 DNA, Secure Unique NFC (SUN): what its link says of UID and counter, and whether its MAC holds
//! (readers-and-scanners.md section 2.4; NXP AN12196 and, for the key of each chip, AN10922). AES mode only.
//!
//! A link proves that the chip was read, not when: its counter must have risen since, which the ledger knows.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};

/// The UID of an NTAG 424.
pub type Uid = [u8; 7];

const BLOCK: usize = 16;
const MAC_LENGTH: usize = 8;
/// First byte of PICCData: UID and counter are there, and the UID has seven bytes.
const PICC_TAG: u8 = 0xC7;
const SV1: [u8; 6] = [0xC3, 0x3C, 0x00, 0x01, 0x00, 0x80];
const SV2: [u8; 6] = [0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80];

/// The keys of a shop's chips.
#[derive(Clone)]
pub struct SunKeys {
    /// K_SDMMetaRead, one for all chips: needed before the UID is known.
    pub meta: [u8; BLOCK],
    /// The master from which the K_SDMFileRead of each chip is diversified.
    pub file_master: [u8; BLOCK],
    /// Application id of the diversification.
    pub application_id: [u8; 3],
    /// System id of the diversification, at most 20 bytes.
    pub system_id: Vec<u8>,
}

impl fmt::Debug for SunKeys {
    /// Never shows a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SunKeys(application {:02x?})", self.application_id)
    }
}

/// What a chip mirrored into its link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mirrored {
    /// The chip.
    pub uid: Uid,
    /// How often it was read, this time included: 24 bits.
    pub counter: u32,
}

impl fmt::Debug for Mirrored {
    /// Never shows a whole UID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirrored(counter {})", self.counter)
    }
}

/// A link as it was read, not judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sun {
    said: Said,
    mac: [u8; MAC_LENGTH],
}

#[derive(Clone, PartialEq, Eq)]
enum Said {
    /// PICCData, encrypted.
    Sealed([u8; BLOCK]),
    /// UID and counter in clear.
    Plain(Mirrored),
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Said::Sealed(_) => "Sealed",
            Said::Plain(_) => "Plain",
        })
    }
}

impl Sun {
    /// Finds the mirrored values in a link: its last runs of hexadecimal digits between other characters, 32 of encrypted
    /// PICCData, or 14 of UID and 6 of counter, then 16 of MAC. `None` for any other text.
    pub fn parse(link: &str) -> Option<Self> {
        let digits: Vec<&str> = link.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
        let values: Vec<Vec<u8>> = digits.iter().filter_map(|run| bytes(run)).collect();
        let (mac, before) = values.split_last()?;
        let mac = <[u8; MAC_LENGTH]>::try_from(mac.as_slice()).ok()?;
        let said = match before {
            [.., picc] if picc.len() == BLOCK => Said::Sealed(picc.as_slice().try_into().ok()?),
            [.., uid, counter] if uid.len() == 7 && counter.len() == 3 => {
                // In a link the counter stands with its highest byte first (readers-and-scanners.md section 2.4).
                let counter = counter.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
                Said::Plain(Mirrored { uid: uid.as_slice().try_into().ok()?, counter })
            }
            _ => return None,
        };
        Some(Self { said, mac })
    }

    /// UID and counter, if the MAC over nothing holds (`SDMMACInputOffset` equal to `SDMMACOffset`); `None` for a link that
    /// no chip of this shop made.
    pub fn verify(&self, keys: &SunKeys) -> Option<Mirrored> {
        let mirrored = match &self.said {
            Said::Sealed(picc) => decrypt_picc(&keys.meta, picc).ok()??,
            Said::Plain(mirrored) => *mirrored,
        };
        let file_key = diversified(keys, &mirrored.uid).ok()?;
        let expected = sun_mac(&file_key, &mirrored, b"").ok()?;
        memcmp::eq(&expected, &self.mac).then_some(mirrored)
    }
}

/// Bytes of a run of hexadecimal digits in one case or both; `None` for any other run.
fn bytes(run: &str) -> Option<Vec<u8>> {
    if run.is_empty() || !run.len().is_multiple_of(2) || !run.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..run.len() / 2).map(|index| u8::from_str_radix(&run[2 * index..2 * index + 2], 16).ok()).collect()
}

/// Step 1: UID and counter out of PICCData; `None` where its first byte is not that of a chip with both.
pub fn decrypt_picc(meta: &[u8; BLOCK], picc: &[u8; BLOCK]) -> Result<Option<Mirrored>, ErrorStack> {
    let plain = aes_cbc(Mode::Decrypt, meta, &[0; BLOCK], picc)?;
    Ok(match plain.as_slice() {
        [PICC_TAG, a, b, c, d, e, f, g, low, middle, high, ..] => {
            Some(Mirrored { uid: [*a, *b, *c, *d, *e, *f, *g], counter: u32::from_le_bytes([*low, *middle, *high, 0]) })
        }
        _ => None,
    })
}

/// AN10922 for AES-128: `CMAC(master, 01 | UID | application | system)`.
pub fn diversified(keys: &SunKeys, uid: &Uid) -> Result<[u8; BLOCK], ErrorStack> {
    let input = [&[0x01], uid.as_slice(), &keys.application_id, &keys.system_id].concat();
    diversification_mac(&keys.file_master, &input)
}

/// AN10922 section 2.2: the input is padded to two blocks whatever its length; that differs from plain CMAC for inputs of
/// up to one block.
fn diversification_mac(master: &[u8; BLOCK], input: &[u8]) -> Result<[u8; BLOCK], ErrorStack> {
    if input.len() > BLOCK {
        return cmac(master, input);
    }
    // Padded input, the second subkey folded into its last block, in one CBC chain from zero: the last block of it.
    let mut padded = [0; 2 * BLOCK];
    padded[..input.len()].copy_from_slice(input);
    padded[input.len()] = 0x80;
    let subkey = double(&double(&encrypt_block(master, &[0; BLOCK])?));
    for (byte, key) in padded[BLOCK..].iter_mut().zip(subkey) {
        *byte ^= key;
    }
    let chain = aes_cbc(Mode::Encrypt, master, &[0; BLOCK], &padded)?;
    let mut mac = [0; BLOCK];
    mac.copy_from_slice(&chain[BLOCK..]);
    Ok(mac)
}

/// Multiplication by x in GF(2^128), as CMAC makes its subkeys (NIST SP 800-38B).
fn double(block: &[u8; BLOCK]) -> [u8; BLOCK] {
    let value = u128::from_be_bytes(*block);
    let reduced = (value << 1) ^ if value >> 127 == 1 { 0x87 } else { 0 };
    reduced.to_be_bytes()
}

/// Steps 2 to 4: the eight odd bytes of `CMAC(CMAC(file key, SV2), input)`.
pub fn sun_mac(file_key: &[u8; BLOCK], mirrored: &Mirrored, input: &[u8]) -> Result<[u8; MAC_LENGTH], ErrorStack> {
    let full = cmac(&cmac(file_key, &session_vector(SV2, mirrored))?, input)?;
    let mut mac = [0; MAC_LENGTH];
    for (byte, pair) in mac.iter_mut().zip(full.chunks_exact(2)) {
        *byte = pair[1];
    }
    Ok(mac)
}

/// Step 5: encrypted file data, whole blocks.
pub fn decrypt_file(file_key: &[u8; BLOCK], mirrored: &Mirrored, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = cmac(file_key, &session_vector(SV1, mirrored))?;
    let mut counter = [0; BLOCK];
    counter[..3].copy_from_slice(&mirrored.counter.to_le_bytes()[..3]);
    aes_cbc(Mode::Decrypt, &key, &encrypt_block(&key, &counter)?, data)
}

fn session_vector(head: [u8; 6], mirrored: &Mirrored) -> [u8; BLOCK] {
    let mut vector = [0; BLOCK];
    vector[..6].copy_from_slice(&head);
    vector[6..13].copy_from_slice(&mirrored.uid);
    vector[13..].copy_from_slice(&mirrored.counter.to_le_bytes()[..3]);
    vector
}

fn cmac(key: &[u8; BLOCK], input: &[u8]) -> Result<[u8; BLOCK], ErrorStack> {
    let key = PKey::cmac(&Cipher::aes_128_cbc(), key)?;
    let mut signer = Signer::new_without_digest(&key)?;
    signer.update(input)?;
    let mut mac = [0; BLOCK];
    signer.sign(&mut mac)?;
    Ok(mac)
}

fn encrypt_block(key: &[u8; BLOCK], block: &[u8; BLOCK]) -> Result<[u8; BLOCK], ErrorStack> {
    let bytes = aes_cbc(Mode::Encrypt, key, &[0; BLOCK], block)?;
    let mut out = [0; BLOCK];
    out.copy_from_slice(&bytes);
    Ok(out)
}

/// Without padding; an error when `data` is no whole number of blocks.
fn aes_cbc(mode: Mode, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut crypter = Crypter::new(Cipher::aes_128_cbc(), mode, key, Some(iv))?;
    crypter.pad(false);
    let mut out = vec![0; data.len() + BLOCK];
    let count = crypter.update(data, &mut out)?;
    let rest = crypter.finalize(&mut out[count..])?;
    out.truncate(count + rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        bytes(text).unwrap().try_into().unwrap()
    }

    fn read(meta: &str, picc: &str) -> Mirrored {
        decrypt_picc(&hex(meta), &hex(picc)).unwrap().unwrap()
    }

    const ZERO: &str = "00000000000000000000000000000000";

    /// readers-and-scanners.md section 2.4, vector 1 (NXP AN12196).
    #[test]
    fn reads_the_first_vector() {
        let mirrored = read(ZERO, "EF963FF7828658A599F3041510671E88");
        assert_eq!((mirrored.uid, mirrored.counter), (hex("04DE5F1EACC040"), 61));
        let key = hex(ZERO);
        assert_eq!(cmac(&key, &session_vector(SV2, &mirrored)).unwrap(), hex("3fb5f6e3a807a03d5e3570ace393776f"));
        assert_eq!(sun_mac(&key, &mirrored, b"").unwrap(), hex("94EED9EE65337086"));
    }

    /// Vector 2 (NXP AN12196): encrypted file data, which the MAC covers.
    #[test]
    fn reads_the_second_vector() {
        let mirrored = read(ZERO, "FD91EC264309878BE6345CBE53BADF40");
        assert_eq!((mirrored.uid, mirrored.counter), (hex("04958CAA5C5E80"), 8));
        let (key, data) = (hex(ZERO), "CEE9A53E3E463EF1F459635736738962");
        assert_eq!(cmac(&key, &session_vector(SV2, &mirrored)).unwrap(), hex("3ed0920e5e6a0320d823d5987feafbb1"));
        assert_eq!(cmac(&key, &session_vector(SV1, &mirrored)).unwrap(), hex("42132d669442ad43e072c8c0c9828a72"));
        let input = format!("{data}&cmac=");
        assert_eq!(sun_mac(&key, &mirrored, input.as_bytes()).unwrap(), hex("ECC1E7F6C6C73BF6"));
        assert_eq!(decrypt_file(&key, &mirrored, &bytes(data).unwrap()).unwrap(), [b'x'; 16]);
    }

    /// Vectors 3 and 4 (nfc-developer/sdm-backend).
    #[test]
    fn reads_the_third_and_fourth_vector() {
        let mirrored = read("42aff114f2cb3b6141be6dc95dfc5416", "8ACADDEF0A9B62CDAE39A16B83FC14DE");
        assert_eq!((mirrored.uid, mirrored.counter), (hex("041D3C8A2D6B80"), 291));
        let (key, data) = (hex("b62a9baf092439bd43c62aee96b970c5"), "B8436E11F627BB7F543FCC0C1E0D1A89");
        assert_eq!(sun_mac(&key, &mirrored, data.as_bytes()).unwrap(), hex("238B2543A8DEBAD8"));
        assert_eq!(decrypt_file(&key, &mirrored, &bytes(data).unwrap()).unwrap(), b"NTXXqno_oBFpwy-V");

        let link = "https://a.example/t?uid=041E3C8A2D6B80&ctr=000006&cmac=4B00064004B0B3D3";
        let Said::Plain(plain) = Sun::parse(link).unwrap().said else { panic!("in clear") };
        assert_eq!((plain.uid, plain.counter), (hex("041E3C8A2D6B80"), 6));
        assert_eq!(session_vector(SV2, &plain), hex("3cc300010080041e3c8a2d6b80060000"));
        assert_eq!(sun_mac(&hex(ZERO), &plain, b"").unwrap(), hex("4B00064004B0B3D3"));
    }

    fn keys() -> SunKeys {
        let master = hex("00112233445566778899AABBCCDDEEFF");
        SunKeys {
            meta: [9; 16],
            file_master: master,
            application_id: hex("3042F5"),
            system_id: bytes("4E585020416275").unwrap(),
        }
    }

    /// AN10922; with a short input the padding to two blocks tells it from CMAC.
    #[test]
    fn diversifies_a_key_for_each_chip() {
        let key = diversified(&keys(), &hex("04782E21801D80")).unwrap();
        assert_eq!(key, hex("A8DD63A3B89D54B37CA802473FDA9175"));
        let short = SunKeys { system_id: Vec::new(), ..keys() };
        let plain = cmac(&short.file_master, &bytes("0104782E21801D803042F5").unwrap()).unwrap();
        assert_ne!(diversified(&short, &hex("04782E21801D80")).unwrap(), plain);
    }

    fn link(mirrored: &Mirrored) -> (String, String) {
        let keys = keys();
        let mut picc = vec![PICC_TAG];
        picc.extend(mirrored.uid);
        picc.extend(&mirrored.counter.to_le_bytes()[..3]);
        picc.extend([1, 2, 3, 4, 5]);
        let picc = aes_cbc(Mode::Encrypt, &keys.meta, &[0; 16], &picc).unwrap();
        let mac = sun_mac(&diversified(&keys, &mirrored.uid).unwrap(), mirrored, b"").unwrap();
        let upper = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        (upper(&picc), upper(&mac))
    }

    #[test]
    fn a_link_holds_in_either_case_and_no_bit_of_it_can_change() {
        let mirrored = Mirrored { uid: hex("04782E21801D80"), counter: 0x00_ABCD };
        let (picc, mac) = link(&mirrored);
        let written = format!("https://cards.example/t?picc={picc}&cmac={mac}");
        for text in [written.clone(), written.to_lowercase(), format!("https://c.example/{picc}/{mac}")] {
            assert_eq!(Sun::parse(&text).unwrap().verify(&keys()), Some(mirrored), "{text}");
        }
        for index in 0..16 {
            let mut other = bytes(&picc).unwrap();
            other[index] ^= 1;
            let other: String = other.iter().map(|byte| format!("{byte:02X}")).collect();
            let text = format!("https://cards.example/t?picc={other}&cmac={mac}");
            assert_eq!(Sun::parse(&text).unwrap().verify(&keys()), None);
        }
        let cut = &written[..written.len() - 9];
        for text in [cut, "", "https://cards.example/", "https://cards.example/AB12", "LC1", &picc, &mac] {
            assert_eq!(Sun::parse(text), None, "{text}");
        }
        let never_switched_on = format!("https://c.example/?picc={ZERO}&cmac=0000000000000000");
        assert_eq!(Sun::parse(&never_switched_on).unwrap().verify(&keys()), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "[0-9A-Fa-f=&/?x]{0,120}") {
            if let Some(sun) = Sun::parse(&text) {
                prop_assert_eq!(sun.verify(&keys()), None);
            }
        }
    }
}
