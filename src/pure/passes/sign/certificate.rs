//! What a pass type certificate says (wallets/apple.md section 2), read from its bytes, and which intermediate issued it.

use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef, X509Ref};

use super::{CertificateError, Origin};
use crate::pure::passes::der::{
    self, CONTEXT_0, CONTEXT_3, Element, INTEGER, NotDer, OCTET_STRING, OID, Reader, SEQUENCE,
};
use crate::pure::text;

/// Extended key usage: signing passes.
const PASS_SIGNING: &str = "1.2.840.113635.100.4.14";

/// Apple's extension that repeats the pass type.
const PASS_TYPE: &str = "1.2.840.113635.100.6.1.16";

/// Said of a certificate that could be the issuer by its name.
pub(in crate::pure::passes) const OTHER_KEY: &str = " (the name fits, its key does not)";

const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// What a pass type certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The subject's UID: the only pass type that it signs.
    pub pass_type_id: String,
    /// The subject's OU: the team.
    pub team_id: String,
    /// The issuer's common name, with its unit where it has one (`…, OU=G4`).
    pub issuer: String,
    /// First second of its validity, since 1970.
    pub from_s: i64,
    /// Last second of its validity, since 1970.
    pub until_s: i64,
    /// SHA-256 of it, lower-case hex.
    pub sha256: String,
}

impl Facts {
    /// Of a leaf; one that is not made for signing passes is an error.
    pub fn of(leaf: &X509Ref) -> Result<Self, CertificateError> {
        let der = leaf.to_der()?;
        let pass_type_id = subject_part(leaf.subject_name(), Nid::USERID).ok_or(CertificateError::NoSubject("UID"))?;
        let team_id =
            subject_part(leaf.subject_name(), Nid::ORGANIZATIONALUNITNAME).ok_or(CertificateError::NoSubject("OU"))?;
        if !usages(&der).is_ok_and(|usages| usages.iter().any(|usage| usage == PASS_SIGNING)) {
            return Err(CertificateError::NotForPasses);
        }
        if let Ok(Some(value)) = extension(&der, PASS_TYPE)
            && let Ok(text) = Reader::new(value).any()
            && text.content != pass_type_id.as_bytes()
        {
            let extension = String::from_utf8_lossy(text.content).into_owned();
            return Err(CertificateError::TwoPassTypes { subject: pass_type_id, extension });
        }
        Ok(Self {
            pass_type_id,
            team_id,
            issuer: shown(leaf.issuer_name()),
            from_s: seconds(leaf.not_before())?,
            until_s: seconds(leaf.not_after())?,
            sha256: leaf.digest(MessageDigest::sha256())?.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// Whole days that it is still valid; negative when it is over.
    pub fn days_left(&self, now_ms: i64) -> i64 {
        (self.until_s - now_ms.div_euclid(1_000)).div_euclid(86_400)
    }
}

/// Certificates of a file: PEM with one or several, or a single one in DER.
pub fn chain_of_pem(bytes: &[u8]) -> Result<Vec<X509>, CertificateError> {
    if let Ok(one) = X509::from_der(bytes) {
        return Ok(vec![one]);
    }
    match X509::stack_from_pem(bytes) {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(CertificateError::NotPem),
    }
}

/// The intermediate among `given` that issued `leaf`: same name, same key identifier, and its key verifies the leaf's
/// signature. Of several the one that lasts longest.
pub(super) fn issuer_among(leaf: &X509Ref, origin: Origin, given: Vec<X509>) -> Result<X509, CertificateError> {
    let is_named = |one: &X509| leaf.issuer_name().try_cmp(one.subject_name()).is_ok_and(|order| order.is_eq());
    let issued = |one: &X509| {
        let same_id = match (leaf.authority_key_id(), one.subject_key_id()) {
            (Some(wanted), Some(id)) => wanted.as_slice() == id.as_slice(),
            _ => true,
        };
        is_named(one) && same_id && one.public_key().and_then(|key| leaf.verify(&key)).unwrap_or(false)
    };
    let lasting = |one: &&X509| seconds(one.not_after()).unwrap_or(i64::MIN);
    if let Some(chosen) = given.iter().filter(|one| issued(one)).max_by_key(lasting) {
        return Ok(chosen.clone());
    }
    let issuer = shown(leaf.issuer_name());
    if given.is_empty() {
        return Err(CertificateError::Alone { issuer });
    }
    let told = |one: &X509| {
        let other_key = if is_named(one) { OTHER_KEY } else { "" };
        format!("'{}'{other_key}", shown(one.subject_name()))
    };
    Err(CertificateError::NoIntermediate { issuer, origin, given: given.iter().map(told).collect() })
}

/// Seconds since 1970.
pub(super) fn seconds(time: &Asn1TimeRef) -> Result<i64, openssl::error::ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// A moment as messages show it: `2026-11-22 03:51 UTC`.
pub(in crate::pure::passes) fn shown_time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| format!("second {seconds}"), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// A name as messages show it: the common name, and the unit where there is one, each cut and without what a terminal
/// would obey.
pub(in crate::pure::passes) fn shown(name: &X509NameRef) -> String {
    let common = subject_part(name, Nid::COMMONNAME).map_or_else(|| "?".to_owned(), |common| text::shown(&common));
    match subject_part(name, Nid::ORGANIZATIONALUNITNAME) {
        Some(unit) => format!("{common}, OU={}", text::shown(&unit)),
        None => common,
    }
}

fn subject_part(name: &X509NameRef, part: Nid) -> Option<String> {
    let entry = name.entries_by_nid(part).next()?;
    entry.data().to_string().ok()
}

/// Issuer and serial number of a certificate as its bytes have them, for IssuerAndSerialNumber (RFC 5652 section 10.2.4).
pub(super) fn issuer_and_serial(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>), NotDer> {
    let mut parts = to_be_signed(der)?;
    let serial = parts.want(INTEGER)?.whole.to_vec();
    parts.want(SEQUENCE)?;
    Ok((parts.want(SEQUENCE)?.whole.to_vec(), serial))
}

/// The parts of TBSCertificate after its version (RFC 5280 section 4.1).
fn to_be_signed(der: &[u8]) -> Result<Reader<'_>, NotDer> {
    let mut parts = Reader::only(der, SEQUENCE)?.inside().want(SEQUENCE)?.inside();
    parts.maybe(CONTEXT_0)?;
    Ok(parts)
}

/// The value of an extension; none where the certificate does not have it.
fn extension<'a>(der: &'a [u8], wanted: &str) -> Result<Option<&'a [u8]>, NotDer> {
    let mut parts = to_be_signed(der)?;
    let mut list: Option<Element<'a>> = None;
    while !parts.is_empty() {
        list = Some(parts.any()?).filter(|part| part.tag == CONTEXT_3);
    }
    let Some(list) = list else { return Ok(None) };
    let mut list = list.inside().want(SEQUENCE)?.inside();
    while !list.is_empty() {
        let mut one = list.want(SEQUENCE)?.inside();
        if der::oid_text(one.want(OID)?.content) == wanted {
            // `critical` stands before the value or not at all.
            one.maybe(0x01)?;
            return Ok(Some(one.want(OCTET_STRING)?.content));
        }
    }
    Ok(None)
}

/// The extended key usages by OID.
fn usages(der: &[u8]) -> Result<Vec<String>, NotDer> {
    let Some(value) = extension(der, EXTENDED_KEY_USAGE)? else { return Ok(Vec::new()) };
    let mut list = Reader::only(value, SEQUENCE)?.inside();
    let mut found = Vec::new();
    while !list.is_empty() {
        found.push(der::oid_text(list.want(OID)?.content));
    }
    Ok(found)
}

/// The value of an extension; none where the certificate does not have it or cannot be read.
pub(in crate::pure::passes) fn extension_of<'a>(der: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    extension(der, wanted).ok().flatten()
}

/// The extended key usages by OID; none where the certificate cannot be read.
pub(in crate::pure::passes) fn usages_of(der: &[u8]) -> Vec<String> {
    usages(der).unwrap_or_default()
}

/// Seconds since 1970; none where the time cannot be read.
pub(in crate::pure::passes) fn seconds_of(time: &Asn1TimeRef) -> Option<i64> {
    seconds(time).ok()
}
