//! What is random about a handset, in one place.

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::rand::rand_bytes;

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], ErrorStack> {
    let mut bytes = [0; N];
    rand_bytes(&mut bytes)?;
    Ok(bytes)
}

/// The UID of a phone in this activation: 08 and three random bytes (ISO 14443-3). The zeros serve as well, should the
/// generator fail.
pub fn random_uid() -> [u8; 4] {
    let [a, b, c] = random().unwrap_or_default();
    [0x08, a, b, c]
}

/// An X that belongs to no point of P-256: about every second number does, so a few tries find one.
pub fn off_curve_x() -> Result<[u8; 32], ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    loop {
        let x = random()?;
        if EcPoint::from_bytes(&group, &[&[0x02], &x[..]].concat(), &mut context).is_err() {
            return Ok(x);
        }
    }
}
