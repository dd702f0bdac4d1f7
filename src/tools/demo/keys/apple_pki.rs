//! A stand-in for Apple's authority: a root, an intermediate like WWDR, and a Pass Type ID certificate with the subject
//! and extensions of a real one (wallets/apple.md section 2), packed as the .p12 that an owner exports.

use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509Name, X509NameBuilder};

use super::vault::Vault;
use super::{DemoKeysError, PASS_TYPE_ID, TEAM_ID, hex};
use crate::base::clock::random_bytes;
use crate::pure::domain::Now;

/// The demo root.
pub(super) const CA: &str = "ca.pem";
/// The intermediate.
pub(super) const WWDR: &str = "wwdr.pem";
/// Certificate and key.
pub(super) const CERTIFICATE: &str = "pass.p12";
/// The password of [`CERTIFICATE`].
pub(super) const PASSWORD: &str = "pass.password";

const DAY_S: i64 = 86_400;
/// An Apple leaf lives about a year.
const LEAF_DAYS: i64 = 397;
const AUTHORITY_DAYS: i64 = 3_650;

/// Extended key usage "pass signing".
const OID_PASS_SIGNING: &str = "1.2.840.113635.100.4.14";
/// Extension that holds the pass type id.
const OID_PASS_TYPE: &str = "1.2.840.113635.100.6.1.16";
/// Extension that marks a WWDR intermediate.
const OID_WWDR: &str = "1.2.840.113635.100.6.2.1";

/// A certificate with its key.
struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// Makes all four files unless they are there. The .p12 is written last and marks the set as whole: until then no pass
/// was signed, and what an interrupted start left is made anew.
pub(super) fn ensure(vault: &Vault, now: &Now) -> Result<(), DemoKeysError> {
    if [CA, WWDR, PASSWORD, CERTIFICATE].iter().all(|name| vault.has(name)) {
        return Ok(());
    }
    let now_s = now.wall_ms.div_euclid(1_000);
    let root = root(now_s)?;
    let wwdr = intermediate(&root, now_s)?;
    let leaf = leaf(&wwdr, now_s)?;
    let password = hex(&random_bytes::<16>());
    let package = Pkcs12::builder()
        .name(&format!("Pass Type ID: {PASS_TYPE_ID}"))
        .pkey(&leaf.key)
        .cert(&leaf.certificate)
        .build2(&password)?
        .to_der()?;
    vault.write(CA, &root.certificate.to_pem()?)?;
    vault.write(WWDR, &wwdr.certificate.to_pem()?)?;
    vault.write(PASSWORD, format!("{password}\n").as_bytes())?;
    vault.write(CERTIFICATE, &package)
}

fn root(now_s: i64) -> Result<Authority, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let name = name(&[("CN", "stampd demo Root CA"), ("O", "stampd demo"), ("C", "US")])?;
    let mut builder = begin(&key, &name, now_s, AUTHORITY_DAYS)?;
    builder.set_issuer_name(&name)?;
    builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(Authority { certificate: builder.build(), key })
}

fn intermediate(root: &Authority, now_s: i64) -> Result<Authority, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let name =
        name(&[("CN", "stampd demo Worldwide Developer Relations"), ("OU", "G4"), ("O", "stampd demo"), ("C", "US")])?;
    let mut builder = begin(&key, &name, now_s, AUTHORITY_DAYS)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    // DER NULL, as in Apple's.
    builder.append_extension(own_extension(OID_WWDR, &[0x05, 0x00])?)?;
    finish(builder, key, root)
}

fn leaf(wwdr: &Authority, now_s: i64) -> Result<Authority, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let name = name(&[
        ("UID", PASS_TYPE_ID),
        ("CN", &format!("Pass Type ID: {PASS_TYPE_ID}")),
        ("OU", TEAM_ID),
        ("O", "stampd demo"),
        ("C", "US"),
    ])?;
    let mut builder = begin(&key, &name, now_s, LEAF_DAYS)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().client_auth().other(OID_PASS_SIGNING).build()?)?;
    // UTF8String of at most 127 bytes: one byte of length.
    let text = [&[0x0C, PASS_TYPE_ID.len() as u8], PASS_TYPE_ID.as_bytes()].concat();
    builder.append_extension(own_extension(OID_PASS_TYPE, &text)?)?;
    finish(builder, key, wwdr)
}

/// Version, serial, subject, key and validity: from a day before now, so that no zone or small clock error matters.
fn begin(key: &PKey<Private>, name: &X509Name, now_s: i64, days: i64) -> Result<X509Builder, ErrorStack> {
    let mut serial = random_bytes::<16>();
    // A positive number of full length (RFC 5280 section 4.1.2.2).
    serial[0] = serial[0] & 0x7F | 0x40;
    let mut builder = X509::builder()?;
    // Version 3 counts from 0.
    builder.set_version(2)?;
    let serial = BigNum::from_slice(&serial)?.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(name)?;
    builder.set_pubkey(key)?;
    let (from, to) = (Asn1Time::from_unix(now_s - DAY_S)?, Asn1Time::from_unix(now_s + days * DAY_S)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    Ok(builder)
}

/// Issuer, key identifiers and signature.
fn finish(mut builder: X509Builder, key: PKey<Private>, issuer: &Authority) -> Result<Authority, ErrorStack> {
    builder.set_issuer_name(issuer.certificate.subject_name())?;
    let context = builder.x509v3_context(Some(&issuer.certificate), None);
    let subject_id = SubjectKeyIdentifier::new().build(&context)?;
    let authority_id = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
    builder.append_extension(subject_id)?;
    builder.append_extension(authority_id)?;
    builder.sign(&issuer.key, MessageDigest::sha256())?;
    Ok(Authority { certificate: builder.build(), key })
}

fn name(parts: &[(&str, &str)]) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    for (field, value) in parts {
        name.append_entry_by_nid(nid_of(field), value)?;
    }
    Ok(name.build())
}

fn nid_of(field: &str) -> Nid {
    match field {
        "UID" => Nid::USERID,
        "CN" => Nid::COMMONNAME,
        "OU" => Nid::ORGANIZATIONALUNITNAME,
        "O" => Nid::ORGANIZATIONNAME,
        _ => Nid::COUNTRYNAME,
    }
}

/// An extension that OpenSSL has no name for.
fn own_extension(oid: &str, der: &[u8]) -> Result<X509Extension, ErrorStack> {
    let (oid, content) = (Asn1Object::from_str(oid)?, Asn1OctetString::new_from_bytes(der)?);
    X509Extension::new_from_der(&oid, false, &content)
}
