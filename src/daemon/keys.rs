//! The keys of taps and scans, read from where the configuration says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::base::config::{Config, Google, Ntag424};
use crate::pure::tap::apple_vas::{PassType, VasKey, VasKeys};
use crate::pure::tap::keyring::{Keyring, UidKey};
use crate::pure::tap::lc1::TokenKeys;
use crate::pure::tap::ntag424::SunKeys;
use crate::pure::tap::p256::KeyPair;
use crate::pure::tap::rotating::RotatingKey;
use crate::pure::tap::smart_tap::Collector;

/// All keys with which taps and scans are checked.
pub fn keyring(config: &Config) -> Result<Keyring> {
    let mut pass_types = Vec::new();
    let mut vas = Vec::new();
    for apple in &config.apple {
        pass_types.push(
            PassType::new(&apple.pass_type_id)
                .with_context(|| format!("[[apple]] pass_type_id '{}' is no pass type", apple.pass_type_id))?,
        );
        for secret in &apple.vas_keys {
            let bytes = secret.read()?;
            let key = VasKey::from_bytes(bytes.expose()).with_context(|| {
                format!("[[apple]] {}: a key of vas_keys is no P-256 private key in PEM or DER", apple.pass_type_id)
            })?;
            vas.push(key);
        }
    }
    let mut tokens = BTreeMap::new();
    for key in &config.media.token_keys {
        let text = key.key.read()?;
        let Some(bytes) = hex_32(text.expose()) else {
            bail!(
                "[media] token_keys: key {} must be 64 hexadecimal digits (32 bytes); 'openssl rand -hex 32' makes one",
                key.kid
            );
        };
        tokens.insert(key.kid, bytes);
    }
    let media = &config.media;
    Ok(Keyring {
        pass_types,
        vas: VasKeys::new(vas),
        collector: config.google.as_ref().map(collector).transpose()?.flatten(),
        tokens: TokenKeys::new(tokens),
        uid: media
            .uid_key
            .as_ref()
            .map(|key| Ok::<_, anyhow::Error>(UidKey::new(key.read_hex(32)?.expose())))
            .transpose()?,
        sun: media.ntag424.as_ref().map(sun_keys).transpose()?,
        rotating: (media.rotating_key.as_ref())
            .map(|key| Ok::<_, anyhow::Error>(RotatingKey::new(key.read_hex(32)?.expose())))
            .transpose()?,
    })
}

/// The keys of the shop's NTAG 424 chips.
fn sun_keys(ntag424: &Ntag424) -> Result<SunKeys> {
    Ok(SunKeys {
        meta: *ntag424.meta_key.read_hex_key::<16>()?,
        file_master: *ntag424.file_key.read_hex_key::<16>()?,
        application_id: ntag424.application_id,
        system_id: ntag424.system_id.clone(),
    })
}

/// The shop as Google's wallet knows it; `None` where it takes no Smart Tap.
fn collector(google: &Google) -> Result<Option<Collector>> {
    let Some(id) = google.collector_id else { return Ok(None) };
    let mut keys = Vec::new();
    for key in &google.smart_tap_keys {
        let bytes = key.key.read()?;
        let pair = KeyPair::from_bytes(bytes.expose())
            .with_context(|| format!("[google] smart_tap_keys: the key of version {} is not usable", key.version))?;
        keys.push((key.version, pair));
    }
    Ok((!keys.is_empty()).then(|| Collector::new(id, keys)))
}

/// 32 bytes from 64 hexadecimal digits, white space around them left out.
fn hex_32(text: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
