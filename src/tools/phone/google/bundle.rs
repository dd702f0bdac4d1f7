//! What an Android phone seals and how: the records of a pass, the keys of a session, compression
//! (google-smart-tap.md sections 8 and 9).

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::symm::{Cipher, encrypt};

use super::super::bytes::hex;
use super::super::chance::random;
use super::super::deflate::zlib;
use super::super::ndef::{self, Record, external, message, text};
use super::super::replay::Replay;
use super::AndroidPhone;

/// Bundle flags.
const ENCRYPTED: u8 = 0x01;
const COMPRESSED: u8 = 0x02;
/// What a zlib bomb inflates to.
const BOMB_BYTES: usize = 1 << 20;
/// The value of a pass that is not the shop's.
const FOREIGN_VALUE: &str = "4006381333931";

/// The handset's part of a session's secrets.
pub(super) struct Keys {
    pub(super) nonce: [u8; 32],
    pub(super) public: [u8; 33],
    private: PKey<Private>,
}

/// The keys that a bundle is sealed with.
pub(super) struct Sealer {
    aes: [u8; 16],
    mac: [u8; 32],
}

impl AndroidPhone {
    /// Nonce and ephemeral key of a new field session.
    pub(super) fn fresh_keys(&self) -> Result<Keys, ErrorStack> {
        let group = p256()?;
        let mut context = BigNumContext::new()?;
        let (nonce, key) = match self.fixed {
            Some(fixed) => {
                let scalar = BigNum::from_slice(&fixed.scalar)?;
                let mut point = EcPoint::new(&group)?;
                point.mul_generator2(&group, &scalar, &mut context)?;
                (fixed.nonce, EcKey::from_private_components(&group, &scalar, &point)?)
            }
            None => (random()?, EcKey::generate(&group)?),
        };
        let bytes = key.public_key().to_bytes(&group, PointConversionForm::COMPRESSED, &mut context)?;
        let mut public = [0; 33];
        // A compressed point on P-256 has 33 bytes.
        public.copy_from_slice(&bytes);
        Ok(Keys { nonce, public, private: PKey::from_ec_key(key)? })
    }

    /// The record bundle of GET DATA's answer, and what it is in words.
    pub(super) fn bundle(&mut self, zlib_accepted: bool) -> Result<(Vec<u8>, String), ErrorStack> {
        if let Some(reb) = self.replay.as_ref().and_then(Replay::kept) {
            return Ok((reb, "the recorded bundle once more".to_owned()));
        }
        let mut plain = match () {
            () if self.has("nothing") => Vec::new(),
            () if self.has("broken-ndef") => vec![0xD4, 0x03, 0xFF, b'a', b's', b'v', 0x00],
            () if self.has("bomb") => vec![0; BOMB_BYTES],
            () => self.records()?,
        };
        let mut flags = ENCRYPTED;
        let packed = if zlib_accepted || self.has("bomb") { zlib(&plain) } else { plain.clone() };
        if packed.len() < plain.len() {
            plain = packed;
            flags |= COMPRESSED;
        }
        if self.has("plain") {
            return Ok(([&[flags & !ENCRYPTED], &plain[..]].concat(), "the pass, not encrypted".to_owned()));
        }
        let iv = match self.fixed {
            Some(fixed) => fixed.iv,
            None => random()?,
        };
        let Some(sealer) = self.session.as_ref().and_then(|session| session.negotiated.as_ref()) else {
            return Ok((Vec::new(), "nothing, for want of a session".to_owned()));
        };
        let mut reb = [&[flags], &sealer.seal(&iv, &plain)?[..]].concat();
        if let Some(last) = reb.last_mut().filter(|_| self.has("wrong-mac")) {
            *last ^= 0x01;
        }
        if let Some(first) = reb.get_mut(13).filter(|_| self.has("flipped")) {
            *first ^= 0x01;
        }
        let packed = if flags & COMPRESSED != 0 { ", compressed" } else { "" };
        let mut words = format!("the pass, sealed{packed}, {} bytes", reb.len());
        if let Some(replay) = &mut self.replay {
            words = format!("{words}; {}", replay.keep(&reb));
        }
        Ok((reb, words))
    }

    /// The plaintext: one `asv` record for each object (section 9).
    fn records(&self) -> Result<Vec<u8>, ErrorStack> {
        let issuer = [&[0x04, 0x01], &self.pass.issuer_id.to_be_bytes()[..]].concat();
        let mut objects = Vec::new();
        if self.has("two-passes") {
            objects.push(self.object(&issuer, &random()?, FOREIGN_VALUE));
        }
        let lower = self.pass.value.to_lowercase();
        let value = match () {
            () if self.has("lower-case") => &lower,
            () if self.has("not-lc1") => "C-000042",
            () if self.has("empty") => "",
            () if self.has("barcode") => self.pass.barcode.as_deref().unwrap_or_default(),
            () => &self.pass.value,
        };
        objects.push(self.object(&issuer, &self.pass.object_id, value));
        if self.has("long") {
            // Random, so that compression does not make it short again.
            let filler = hex(&random::<300>()?);
            let body = message(&[external(b"oid", &[0x04; 9]), value_record(&text("", &filler))]);
            objects.push(asv(&issuer, b"of", &body));
        }
        if self.has("customer") {
            objects.push(self.customer()?);
        }
        let records: Vec<Record<'_>> = objects.iter().map(|payload| external(b"asv", payload)).collect();
        Ok(message(&records))
    }

    /// The payload of one pass's `asv` record.
    fn object(&self, issuer: &[u8], object_id: &[u8; 8], value: &str) -> Vec<u8> {
        let oid = [&[0x04], &object_id[..]].concat();
        let words = match () {
            () if self.has("language") => text("en", value),
            () if self.has("primitive") => [&[0x01], value.as_bytes()].concat(),
            () if self.has("utf16") => {
                let units = value.encode_utf16().flat_map(u16::to_be_bytes);
                [0x82, b'e', b'n'].into_iter().chain(units).collect()
            }
            () => text("", value),
        };
        let n = if self.has("primitive") { external(b"n", &words) } else { value_record(&words) };
        let inner = if self.has("no-value") {
            message(&[external(b"oid", &oid)])
        } else {
            message(&[external(b"oid", &oid), n])
        };
        asv(issuer, if self.has("generic") { b"gr" } else { b"ly" }, &inner)
    }

    /// The payload of the customer record's `asv`: issued by the wallet, `71797971`.
    fn customer(&self) -> Result<Vec<u8>, ErrorStack> {
        let [cid, cut]: [[u8; 16]; 2] = match self.fixed {
            Some(fixed) => fixed.customer,
            None => [random()?, random()?],
        };
        let binary = |id: [u8; 16]| [&[0x04], &id[..]].concat();
        let language = text("", "en");
        let inner = message(&[
            external(b"cid", &binary(cid)),
            Record { tnf: 1, kind: b"T", id: b"cpl", payload: &language },
            external(b"cut", &binary(cut)),
        ]);
        Ok(asv(&[0x04, 0x02, 0x71, 0x79, 0x79, 0x71], b"cus", &inner))
    }
}

fn asv(issuer: &[u8], kind: &[u8], body: &[u8]) -> Vec<u8> {
    message(&[external(b"i", issuer), external(kind, body)])
}

/// The record `n` in the form that phones use: TNF 1, type `T`, id `n`.
fn value_record(payload: &[u8]) -> Record<'_> {
    Record { tnf: 1, kind: b"T", id: b"n", payload }
}

impl Keys {
    /// The keys of section 8 for the terminal's ephemeral key `point` and the HKDF `info`.
    pub(super) fn sealer(&self, point: &[u8; 33], info: &[u8]) -> Result<Sealer, ErrorStack> {
        let group = p256()?;
        let theirs = EcPoint::from_bytes(&group, point, &mut *BigNumContext::new()?)?;
        let theirs = PKey::from_ec_key(EcKey::from_public_key(&group, &theirs)?)?;
        let mut deriver = Deriver::new(&self.private)?;
        deriver.set_peer(&theirs)?;
        let prk = hmac(&self.public, &[&deriver.derive_to_vec()?])?;
        let first = hmac(&prk, &[info, &[0x01]])?;
        let second = hmac(&prk, &[&first, info, &[0x02]])?;
        let okm = [first, second].concat();
        let (mut aes, mut mac) = ([0; 16], [0; 32]);
        // HMAC-SHA256 has 32 bytes: 48 of the 64 are the two keys.
        aes.copy_from_slice(&okm[..16]);
        mac.copy_from_slice(&okm[16..48]);
        Ok(Sealer { aes, mac })
    }
}

impl Sealer {
    /// `IV || ciphertext || MAC`.
    fn seal(&self, iv: &[u8; 12], plain: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let counter = [&iv[..], &[0; 4]].concat();
        let sealed = encrypt(Cipher::aes_128_ctr(), &self.aes, Some(&counter), plain)?;
        let mac = hmac(&self.mac, &[iv, &sealed])?;
        Ok([&iv[..], &sealed, &mac].concat())
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    parts.iter().try_for_each(|part| signer.update(part))?;
    signer.sign_to_vec()
}

fn p256() -> Result<EcGroup, ErrorStack> {
    EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)
}

/// The payload of the record of that name: the type where TNF is 4, the id where it is 1 (section 3).
pub(super) fn named<'a>(records: &[ndef::Record<'a>], name: &str) -> Option<&'a [u8]> {
    let is_it = |record: &&ndef::Record<'_>| match record.tnf {
        4 => record.kind == name.as_bytes(),
        1 => record.id == name.as_bytes(),
        _ => false,
    };
    records.iter().find(is_it).map(|record| record.payload)
}
