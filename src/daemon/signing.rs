//! What signs passes, opened from where the configuration says: at start, on SIGHUP, and for commands.

use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::base::config::Apple;
use crate::pure::domain::Now;
use crate::pure::passes::apple::{Issuer, PassType};
use crate::pure::passes::sign::{Identity, Signer};
use crate::pure::tap::p256::KeyPair;

/// SubjectPublicKeyInfo of a P-256 key up to its compressed point (RFC 5480 section 2.2).
const SPKI_COMPRESSED_HEAD: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00,
];

/// All pass types in the order of the configuration. A key file that does not open, an intermediate that did not issue
/// the certificate, and a certificate of another pass type or team are errors; one whose time has not come or is over
/// is not: nothing is signed with it ([`Signer::may_sign`]), and taps go on.
pub fn open(config: &[Apple], now: &Now) -> Result<Vec<PassType>> {
    config.iter().map(|apple| open_one(apple, now)).collect()
}

/// One pass type.
pub fn open_one(apple: &Apple, now: &Now) -> Result<PassType> {
    let told = || format!("[[apple]] {}", apple.pass_type_id);
    let signer = signer_of(apple, now).with_context(told)?.map(Arc::new);
    let nfc_key = if apple.nfc { Some(nfc_key(apple).with_context(told)?) } else { None };
    let issuer = Issuer { pass_type_id: apple.pass_type_id.clone(), team_id: apple.team_id.clone(), nfc_key };
    Ok(PassType { issuer, programmes: apple.programmes.clone(), signer })
}

fn signer_of(apple: &Apple, now: &Now) -> Result<Option<Signer>> {
    let Some(certificate) = &apple.certificate else { return Ok(None) };
    let bytes = certificate.read()?;
    let password = apple.password.as_ref().map(|password| password.read_text()).transpose()?.unwrap_or_default();
    let wwdr = match &apple.wwdr {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => Vec::new(),
    };
    let home = certificate.home();
    let identity = Identity::open(bytes.expose(), &password).with_context(|| format!("cannot open {home}"))?;
    let signer = Signer::new(identity, &wwdr).with_context(|| home.clone())?;
    signer.agrees_with(&apple.pass_type_id, &apple.team_id).with_context(|| home.clone())?;
    signer.self_test(now).with_context(|| home)?;
    Ok(Some(signer))
}

/// What phones encrypt for: the newest of the keys that open what they send.
fn nfc_key(apple: &Apple) -> Result<String> {
    let Some(newest) = apple.vas_keys.first() else { bail!("passes with NFC need a key in vas_keys; name it") };
    let bytes = newest.read()?;
    let pair = KeyPair::from_bytes(bytes.expose())
        .with_context(|| format!("{} is no P-256 private key in PEM or DER", newest.home()))?;
    Ok(openssl::base64::encode_block(&[&SPKI_COMPRESSED_HEAD[..], &pair.public()].concat()))
}
