//! Opens a record bundle (google-smart-tap.md sections 8 and 9): session keys, MAC, decryption, bounded inflation, and the
//! redemption values in what comes out.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};
use openssl::memcmp;
use openssl::sha::sha256;
use openssl::symm::{Cipher, decrypt};

use crate::pure::tap::TokenProblem;
use crate::pure::tap::hmac::{hkdf_sha256, hmac_sha256};
use crate::pure::tap::ndef::{self, NdefError, Record, Tnf};
use crate::pure::tap::p256::KeyPair;

/// The most bytes that a bundle may inflate to (google-smart-tap.md section 8).
pub const INFLATED_MAX: usize = 64 * 1024;

const ENCRYPTED: u8 = 0x01;
const COMPRESSED: u8 = 0x02;
const IV_LENGTH: usize = 12;
const MAC_LENGTH: usize = 32;
const AES_KEY_LENGTH: usize = 16;

/// A record bundle with all that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    key: KeyPair,
    handset_key: [u8; 33],
    info: Vec<u8>,
    bytes: Vec<u8>,
}

impl Bundle {
    /// `bytes` as the phone gave them, with our ephemeral key, the phone's, and the context of the session keys.
    pub(super) fn new(key: KeyPair, handset_key: [u8; 33], info: Vec<u8>, bytes: Vec<u8>) -> Self {
        Self { key, handset_key, info, bytes }
    }

    /// SHA-256 of the bundle: what names it in the replay memory.
    pub fn proof(&self) -> [u8; 32] {
        sha256(&self.bytes)
    }
}

impl fmt::Debug for Bundle {
    /// Never shows the bundle.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({} bytes)", self.bytes.len())
    }
}

/// The redemption value of one pass.
#[derive(Clone, PartialEq, Eq)]
pub struct PassValue {
    /// The kind of object that holds it: `ly` loyalty, `gr` generic, ….
    pub kind: String,
    /// The value.
    pub value: String,
}

impl fmt::Debug for PassValue {
    /// Never shows the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassValue({}, {} characters)", self.kind, self.value.chars().count())
    }
}

/// Opens a bundle: the values of all passes in it, in their order; none where the phone gave a customer only.
///
/// Errors: [`TokenProblem::Broken`] for a bundle in clear (a downgrade), a MAC that does not hold, and contents that
/// cannot be inflated or read.
pub fn open(bundle: &Bundle) -> Result<Vec<PassValue>, TokenProblem> {
    let plain = decrypt_bundle(bundle).map_err(TokenProblem::Broken)?;
    if plain.is_empty() {
        return Ok(Vec::new());
    }
    pass_values(&plain).map_err(|_| TokenProblem::Broken("the bundle holds no NDEF message"))
}

/// google-smart-tap.md section 8, in its order of work. The flags are outside the MAC: nothing is done on their word but
/// refusing and inflating.
pub(super) fn decrypt_bundle(bundle: &Bundle) -> Result<Vec<u8>, &'static str> {
    const SHORT: &str = "a record bundle has at least 45 bytes";
    let (flags, body) = bundle.bytes.split_first().ok_or(SHORT)?;
    if flags & ENCRYPTED == 0 {
        return Err("a record bundle in clear after a session was negotiated");
    }
    if flags & !(ENCRYPTED | COMPRESSED) != 0 {
        return Err("a record bundle with flags that there are not");
    }
    let (sealed, mac) = body.split_last_chunk::<MAC_LENGTH>().ok_or(SHORT)?;
    let (iv, ciphertext) = sealed.split_first_chunk::<IV_LENGTH>().ok_or(SHORT)?;
    let (aes_key, mac_key) = session_keys(bundle)?;
    let expected = hmac_sha256(&mac_key, &[sealed]).map_err(|_| "OpenSSL gave no MAC")?;
    if !memcmp::eq(&expected, mac) {
        return Err("the MAC of the record bundle does not hold");
    }
    let mut counter = [0; 16];
    counter[..IV_LENGTH].copy_from_slice(iv);
    let plain = decrypt(Cipher::aes_128_ctr(), &aes_key, Some(&counter), ciphertext)
        .map_err(|_| "OpenSSL did not decrypt the record bundle")?;
    if flags & COMPRESSED != 0 { inflate(&plain) } else { Ok(plain) }
}

/// The AES key and the MAC key of the session.
pub(super) fn session_keys(bundle: &Bundle) -> Result<([u8; AES_KEY_LENGTH], [u8; MAC_LENGTH]), &'static str> {
    let z = bundle.key.agree(&bundle.handset_key).map_err(|_| "the phone's key is no point of the curve")?;
    let okm = hkdf_sha256(&z, &bundle.handset_key, &bundle.info).map_err(|_| "OpenSSL gave no session keys")?;
    let mut aes_key = [0; AES_KEY_LENGTH];
    let mut mac_key = [0; MAC_LENGTH];
    aes_key.copy_from_slice(&okm[..AES_KEY_LENGTH]);
    mac_key.copy_from_slice(&okm[AES_KEY_LENGTH..AES_KEY_LENGTH + MAC_LENGTH]);
    Ok((aes_key, mac_key))
}

/// zlib (RFC 1950) into at most [`INFLATED_MAX`] bytes; the stream must end there and fill its input.
pub fn inflate(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut plain = Vec::with_capacity(INFLATED_MAX);
    let mut stream = Decompress::new(true);
    match stream.decompress_vec(packed, &mut plain, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if stream.total_in() == packed.len() as u64 => Ok(plain),
        Ok(Status::StreamEnd) => Err("bytes are left behind the compressed bundle"),
        Ok(_) => Err("the compressed bundle is cut off or too large"),
        Err(_) => Err("the bundle cannot be inflated"),
    }
}

/// google-smart-tap.md section 9: one `asv` for each object, its value in the record `n`.
pub fn pass_values(plain: &[u8]) -> Result<Vec<PassValue>, NdefError> {
    let mut values = Vec::new();
    for service in ndef::parse(plain)?.into_iter().filter(|record| record.name() == b"asv") {
        for object in ndef::parse(service.payload)?.into_iter().filter(|record| is_pass(record)) {
            let fields = ndef::parse(object.payload)?;
            if let Some(value) = ndef::named(&fields, b"n").and_then(|record| redemption_value(&record)) {
                let kind = String::from_utf8_lossy(object.name()).into_owned();
                values.push(PassValue { kind, value });
            }
        }
    }
    Ok(values)
}

/// Whether a record of an `asv` is the object of a pass of the kinds that are asked for, loyalty and generic: the others
/// (an offer, a ticket, the customer) are no pass of ours, whatever value they carry.
fn is_pass(record: &Record<'_>) -> bool {
    const PASSES: [&[u8]; 2] = [b"ly", b"gr"];
    PASSES.contains(&record.name())
}

/// The value in either of the forms that Google allows: RTD Text, or a primitive with its format byte. `None` for a form
/// or encoding that there is not.
fn redemption_value(record: &Record<'_>) -> Option<String> {
    if record.tnf == Tnf::WellKnown {
        return if record.kind == b"T" { ndef::text(record.payload) } else { None };
    }
    let (format, value) = record.payload.split_first()?;
    match format {
        0x00 | 0x01 | 0x02 | 0x04 => std::str::from_utf8(value).ok().map(str::to_owned),
        0x03 => ndef::utf_16(value),
        0x05 => bcd_digits(value),
        _ => None,
    }
}

/// Two decimal digits a byte; an F fills up the last one.
fn bcd_digits(bytes: &[u8]) -> Option<String> {
    let mut digits: Vec<u8> = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).collect();
    if digits.last() == Some(&0x0F) {
        digits.pop();
    }
    digits.into_iter().map(|digit| char::from_digit(u32::from(digit), 10)).collect()
}
