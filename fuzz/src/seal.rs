//! Seals a VAS message as a phone does, from public data alone (apple-vas.md section 8), so that inputs reach what lies
//! behind the tag: no mutation finds one that holds.

use std::sync::OnceLock;

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::{Sha256, sha256};
use openssl::symm::{Cipher, encrypt_aead};
use stampd::pure::tap::apple_vas::PassType;

use super::VAS_SCALAR;

/// The phone's ephemeral key. It is the same for all inputs, so that equal inputs are equal cryptograms.
const EPHEMERAL_SCALAR: [u8; 32] = [0x46; 32];

/// What a phone and the shop agree on: the shop's key id, the phone's X, and the secret Z.
struct Agreed {
    key_id: [u8; 4],
    x: [u8; 32],
    z: Vec<u8>,
}

/// The cryptogram of `stamp` (seconds since 2001, big-endian) and `message` for the shop's key.
pub fn sealed(pass_type: &PassType, stamp: [u8; 4], message: &[u8]) -> Vec<u8> {
    static AGREED: OnceLock<Agreed> = OnceLock::new();
    let Agreed { key_id, x, z } = AGREED.get_or_init(|| agreed().expect("OpenSSL agrees on two keys"));
    let mut key = Sha256::new();
    key.update(z);
    key.update(&[0, 0, 0, 1]);
    key.update(b"\x0Did-aes256-GCM");
    key.update(b"ApplePay encrypted VAS data");
    key.update(&pass_type.merchant_id());
    let plain = [&stamp[..], message].concat();
    let mut tag = [0; 16];
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), &key.finish(), Some(&[0; 16]), &[], &plain, &mut tag);
    [&key_id[..], x, &sealed.expect("OpenSSL seals"), &tag].concat()
}

fn agreed() -> Result<Agreed, ErrorStack> {
    let (shop, shop_x) = key(&VAS_SCALAR)?;
    let (phone, x) = key(&EPHEMERAL_SCALAR)?;
    let mut deriver = Deriver::new(&phone)?;
    deriver.set_peer(&shop)?;
    let hash = sha256(&shop_x);
    Ok(Agreed { key_id: [hash[0], hash[1], hash[2], hash[3]], x, z: deriver.derive_to_vec()? })
}

/// The key of a scalar on P-256, and X of its public point.
fn key(scalar: &[u8; 32]) -> Result<(PKey<Private>, [u8; 32]), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let scalar = BigNum::from_slice(scalar)?;
    let mut point = EcPoint::new(&group)?;
    point.mul_generator2(&group, &scalar, &mut context)?;
    let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
    point.affine_coordinates(&group, &mut x, &mut y, &mut context)?;
    let bytes = x.to_vec_padded(32)?.try_into().expect("32 bytes were asked for");
    Ok((PKey::from_ec_key(EcKey::from_private_components(&group, &scalar, &point)?)?, bytes))
}
