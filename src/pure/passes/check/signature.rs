//! The signature: its form, its attributes, whether OpenSSL verifies it, and the chain of who signed.

use jiff::Timestamp;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};

use super::{Against, Findings};
use crate::pure::passes::bundle::SIGNATURE;
use crate::pure::passes::der::{self, CONTEXT_0, INTEGER, NotDer, OCTET_STRING, OID, Reader, SEQUENCE, SET};
use crate::pure::passes::sign::{OTHER_KEY, extension_of, seconds_of, shown_name, shown_time, usages_of};
use crate::pure::text::shown;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const DATA: &str = "1.2.840.113549.1.7.1";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA1: &str = "1.3.14.3.2.26";
const PASS_SIGNING: &str = "1.2.840.113635.100.4.14";
const PASS_TYPE: &str = "1.2.840.113635.100.6.1.16";

/// SHA-256 of Apple's intermediate G4, which is known without a file (wallets/apple.md section 2).
const WWDR_G4: &str = "ea4757885538dd8cb59ff4556f676087d83c85e70902c122e42c0808b5bce14c";

/// The most certificates that are looked at; a signature has two or three.
const CERTIFICATES_MAX: usize = 16;

/// A clock that differs by less needs no words.
const AHEAD_S: i64 = 3_600;

/// Who signed, and when.
#[derive(Debug, Default)]
pub(super) struct Signed {
    /// The certificate's UID.
    pub(super) pass_type_id: Option<String>,
    /// The certificate's OU.
    pub(super) team_id: Option<String>,
    /// The signing time, as seconds since 1970.
    pub(super) at_s: Option<i64>,
}

/// SignedData as its bytes have it.
struct Outline {
    version: u64,
    /// OID of what was signed.
    content: String,
    detached: bool,
    certificates: Vec<Vec<u8>>,
    /// Of each signer: issuer and serial number, digest algorithm, attributes.
    signers: Vec<SignerInfo>,
}

struct SignerInfo {
    version: u64,
    issuer_and_serial: Vec<u8>,
    digest: String,
    /// Kind and its values; none where nothing is signed but the content.
    attributes: Option<Vec<(String, Vec<u8>)>>,
    sorted: bool,
}

/// Looks at `signature` over `manifest`.
pub(super) fn judge(manifest: &[u8], signature: &[u8], against: &Against, findings: &mut Findings) -> Option<Signed> {
    const ANEW: &str =
        "sign manifest.json anew: openssl cms -sign -binary -outform DER, with the WWDR certificate inside";
    // What follows the CMS, OpenSSL and many others do not look at: it is signed by nobody.
    let (signature, after) = signature.split_at(der::extent(signature).unwrap_or(signature.len()));
    if !after.is_empty() {
        let what = format!("it has {} bytes after the signature", after.len());
        findings.error(SIGNATURE, what, "leave out what follows the CMS, or sign anew");
    }
    let Ok(cms) = CmsContentInfo::from_der(signature) else {
        findings.error(SIGNATURE, "it is no CMS signature in DER", ANEW);
        return None;
    };
    let outline = Outline::read(signature).or_else(|_| {
        let der = cms.to_der().map_err(|_| NotDer)?;
        let outline = Outline::read(&der)?;
        findings.warning(SIGNATURE, "it is BER, not DER", "write definite lengths; some readers take nothing else");
        Ok::<_, NotDer>(outline)
    });
    let Ok(outline) = outline else {
        findings.error(SIGNATURE, "it is no SignedData with one signer by issuer and serial number", ANEW);
        return None;
    };
    if !outline.detached {
        findings.error(SIGNATURE, "it holds the manifest itself", "sign detached");
    }
    let [signer] = outline.signers.as_slice() else {
        findings.error(SIGNATURE, format!("it has {} signers", outline.signers.len()), "sign once");
        return None;
    };
    // Version 1 follows from both (RFC 5652 sections 5.1 and 5.3).
    if outline.content != DATA || outline.version != 1 || signer.version != 1 {
        let what = format!(
            "it is of version {} and {} over content {}, Wallet wants version 1 over data",
            outline.version,
            signer.version,
            shown(&outline.content)
        );
        findings.error(SIGNATURE, what, ANEW);
    }
    let mut signed = Signed::default();
    attributes(signer, manifest, &mut signed, findings);
    if outline.certificates.len() > CERTIFICATES_MAX {
        let what = format!("{} certificates are inside", outline.certificates.len());
        findings.error(SIGNATURE, what, "embed the signer's certificate and its intermediate");
        return Some(signed);
    }
    let certificates: Vec<X509> = outline.certificates.iter().filter_map(|der| X509::from_der(der).ok()).collect();
    let leaf = certificates.iter().find(|one| is_named(one, &signer.issuer_and_serial));
    let Some(leaf) = leaf else {
        findings.error(SIGNATURE, "the signer's certificate is not inside", "sign with the certificate embedded");
        return Some(signed);
    };
    if let Err(errors) = verify(cms, leaf, manifest) {
        findings.error(
            SIGNATURE,
            format!("it does not verify: {}", reason(&errors)),
            "the manifest was changed after signing, or another key signed",
        );
    }
    subject(leaf, &mut signed, findings);
    chain(leaf, &certificates, &signed, against, findings);
    validity(leaf, &signed, against, findings);
    Some(signed)
}

/// The signed attributes (RFC 5652 section 11).
fn attributes(signer: &SignerInfo, manifest: &[u8], signed: &mut Signed, findings: &mut Findings) {
    let Some(attributes) = &signer.attributes else {
        findings.error(SIGNATURE, "it has no signed attributes, so no signing time", "sign with attributes");
        return;
    };
    if !signer.sorted {
        let remedy = "sort the set by its encodings (X.690 section 11.6); at least one Android wallet refuses others";
        findings.warning(SIGNATURE, "its attributes are not in DER's order", remedy);
    }
    let value = |kind: &str| {
        let mut values = attributes.iter().filter(|(own, _)| own == kind).map(|(_, value)| value.as_slice());
        values.next().filter(|_| values.next().is_none())
    };
    if value(CONTENT_TYPE).is_none_or(|value| oid_in(value) != DATA) {
        findings.error(SIGNATURE, "its content type is not data", "sign with the content type id-data");
    }
    let digest = match signer.digest.as_str() {
        SHA256 => Some(MessageDigest::sha256()),
        SHA1 => {
            findings.note(SIGNATURE, "it uses SHA-1, which is accepted today; SHA-256 is too");
            Some(MessageDigest::sha1())
        }
        other => {
            findings.warning(
                SIGNATURE,
                format!("its digest is {}", shown(other)),
                "use SHA-256, which is known to be accepted",
            );
            None
        }
    };
    if let Some(digest) = digest.and_then(|digest| hash(digest, manifest).ok()) {
        let told = value(MESSAGE_DIGEST).and_then(|value| Reader::only(value, OCTET_STRING).ok());
        if told.is_none_or(|told| told.content != &digest[..]) {
            let remedy = "sign the very bytes that are packed, in binary mode: line ends must stay";
            findings.error(SIGNATURE, "its message digest is not that of manifest.json", remedy);
        }
    }
    match value(SIGNING_TIME).and_then(time_in) {
        Some(at_s) => signed.at_s = Some(at_s),
        None => findings.error(SIGNATURE, "it has no signing time", "sign with the attribute signing-time"),
    }
}

fn oid_in(value: &[u8]) -> String {
    Reader::only(value, OID).map(|oid| der::oid_text(oid.content)).unwrap_or_default()
}

/// Seconds of a UTCTime or GeneralizedTime (RFC 5652 section 11.3).
fn time_in(value: &[u8]) -> Option<i64> {
    let mut values = Reader::new(value);
    let time = values.any().ok().filter(|_| values.is_empty())?;
    let digits = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    let digits = match time.tag {
        der::UTC_TIME if digits.len() == 12 => {
            let century = if digits.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{digits}")
        }
        der::GENERALIZED_TIME if digits.len() == 14 => digits.to_owned(),
        _ => return None,
    };
    let part = |at: std::ops::Range<usize>| digits.get(at);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
        part(12..14)?
    );
    iso.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// The mathematics and the attributes, by OpenSSL; the chain is judged apart.
fn verify(mut cms: CmsContentInfo, leaf: &X509, manifest: &[u8]) -> Result<(), ErrorStack> {
    let mut signers = Stack::new()?;
    signers.push(leaf.clone())?;
    let flags = CMSOptions::BINARY | CMSOptions::DETACHED | CMSOptions::NO_SIGNER_CERT_VERIFY;
    cms.verify(Some(&signers), None, Some(manifest), None, flags)
}

fn reason(errors: &ErrorStack) -> String {
    let reasons: Vec<&str> = errors.errors().iter().filter_map(|error| error.reason()).collect();
    if reasons.is_empty() { "OpenSSL gives no reason".to_owned() } else { reasons.join(", ") }
}

/// What the leaf's subject and extensions say.
fn subject(leaf: &X509, signed: &mut Signed, findings: &mut Findings) {
    const OTHER: &str = "sign with the certificate 'Pass Type ID: …' of this pass type";
    let entry = |nid| leaf.subject_name().entries_by_nid(nid).next().and_then(|entry| entry.data().to_string().ok());
    signed.pass_type_id = entry(Nid::USERID);
    signed.team_id = entry(Nid::ORGANIZATIONALUNITNAME);
    for (part, value) in [("UID (the pass type)", &signed.pass_type_id), ("OU (the team)", &signed.team_id)] {
        if value.is_none() {
            findings.error(SIGNATURE, format!("the certificate's subject has no {part}"), OTHER);
        }
    }
    let der = leaf.to_der().unwrap_or_default();
    if !usages_of(&der).iter().any(|usage| usage == PASS_SIGNING) {
        findings.error(SIGNATURE, "the certificate is not made for signing passes", OTHER);
    }
    let extension = extension_of(&der, PASS_TYPE).and_then(|value| Reader::new(value).any().ok());
    match (extension, &signed.pass_type_id) {
        (Some(extension), Some(uid)) if extension.content != uid.as_bytes() => {
            findings.error(SIGNATURE, "the certificate names two pass types, in its subject and its extension", OTHER);
        }
        (None, _) => findings.note(SIGNATURE, "the certificate has no extension with its pass type"),
        _ => {}
    }
}

/// From the leaf over an embedded intermediate to an anchor.
fn chain(leaf: &X509, inside: &[X509], signed: &Signed, against: &Against, findings: &mut Findings) {
    const INTERMEDIATE: &str =
        "embed the intermediate that issued the certificate (Apple's WWDR of the same name, today G4)";
    let issued = |one: &&X509| {
        leaf.issuer_name().try_cmp(one.subject_name()).is_ok_and(|order| order.is_eq())
            && one.public_key().and_then(|key| leaf.verify(&key)).unwrap_or(false)
    };
    let issuer = shown_name(leaf.issuer_name());
    let Some(intermediate) = inside.iter().find(issued) else {
        let is_named = |one: &X509| leaf.issuer_name().try_cmp(one.subject_name()).is_ok_and(|order| order.is_eq());
        let told = |one: &X509| {
            let other_key = if is_named(one) { OTHER_KEY } else { "" };
            format!("'{}'{other_key}", shown_name(one.subject_name()))
        };
        let others: Vec<String> = inside.iter().map(told).collect();
        let what = format!("the intermediate '{issuer}' is not inside, only {}", others.join(", "));
        findings.error(SIGNATURE, what, INTERMEDIATE);
        return;
    };
    let same_id = match (leaf.authority_key_id(), intermediate.subject_key_id()) {
        (Some(wanted), Some(id)) => wanted.as_slice() == id.as_slice(),
        _ => true,
    };
    if !same_id {
        findings.error(SIGNATURE, "the intermediate's key identifier is not the one that the leaf names", INTERMEDIATE);
    }
    if inside.len() > 2 {
        findings.note(SIGNATURE, format!("{} certificates are inside; leaf and intermediate would do", inside.len()));
    }
    let mut anchors = Vec::new();
    for bytes in &against.anchors {
        let read = X509::from_der(bytes).map(|one| vec![one]).or_else(|_| X509::stack_from_pem(bytes));
        anchors.extend(read.unwrap_or_default());
    }
    let fingerprint = intermediate.digest(MessageDigest::sha256()).map(|digest| hex(&digest)).unwrap_or_default();
    if anchors.is_empty() && fingerprint != WWDR_G4 {
        let what = format!("it ends at '{issuer}'; whether that is Apple's was not judged");
        findings.warning(SIGNATURE, what, "name the root with --ca, as in --ca AppleRootCA.pem");
        return;
    }
    if fingerprint == WWDR_G4 {
        anchors.push(intermediate.clone());
    }
    match trusted(leaf, inside, anchors, signed.at_s.unwrap_or(against.now_s)) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => {
            let what = format!("the chain does not hold: {why}");
            findings.error(SIGNATURE, what, "sign with a certificate of Apple's, or name the right root with --ca");
        }
        Err(errors) => findings.error(SIGNATURE, format!("the chain cannot be judged: {errors}"), INTERMEDIATE),
    }
}

/// Whether the chain holds at a moment.
fn trusted(leaf: &X509, inside: &[X509], anchors: Vec<X509>, at_s: i64) -> Result<Result<(), String>, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    anchors.into_iter().try_for_each(|anchor| store.add_cert(anchor))?;
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_time(at_s);
    // An anchor may be the intermediate that a shop configured.
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    parameters.set_purpose(X509PurposeId::ANY)?;
    store.set_param(&parameters)?;
    let store = store.build();
    let mut others = Stack::new()?;
    for one in inside {
        others.push(one.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    context.init(&store, leaf, &others, |context| {
        let holds = context.verify_cert()?;
        Ok(if holds { Ok(()) } else { Err(context.error().error_string().to_owned()) })
    })
}

/// The signing time within the leaf's life, and that life against now.
fn validity(leaf: &X509, signed: &Signed, against: &Against, findings: &mut Findings) {
    let (Some(from), Some(until)) = (seconds_of(leaf.not_before()), seconds_of(leaf.not_after())) else { return };
    if let Some(at_s) = signed.at_s {
        if !(from..=until).contains(&at_s) {
            let what = format!(
                "it was signed on {}, the certificate is valid from {} to {}",
                shown_time(at_s),
                shown_time(from),
                shown_time(until)
            );
            findings.error(SIGNATURE, what, "set the clock of the device that signs");
        }
        if at_s > against.now_s + AHEAD_S {
            let what = format!("it was signed on {}, which is to come", shown_time(at_s));
            findings.warning(SIGNATURE, what, "set the clock of the device that signs, or of this one");
        }
    }
    if against.now_s > until {
        let what = format!("the certificate ended on {}: installed passes go on, new ones fail", shown_time(until));
        findings.error(SIGNATURE, what, "renew the certificate under the same pass type id and sign again");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `one` has this issuer and serial number.
fn is_named(one: &X509, issuer_and_serial: &[u8]) -> bool {
    let matches = || -> Result<bool, NotDer> {
        let der = one.to_der().map_err(|_| NotDer)?;
        let mut parts = Reader::only(&der, SEQUENCE)?.inside().want(SEQUENCE)?.inside();
        parts.maybe(CONTEXT_0)?;
        let serial = parts.want(INTEGER)?.whole;
        parts.want(SEQUENCE)?;
        Ok([parts.want(SEQUENCE)?.whole, serial].concat() == issuer_and_serial)
    };
    matches().unwrap_or(false)
}

impl Outline {
    /// SignedData of RFC 5652 section 5.1.
    fn read(bytes: &[u8]) -> Result<Self, NotDer> {
        let mut info = Reader::only(bytes, SEQUENCE)?.inside();
        if der::oid_text(info.want(OID)?.content) != SIGNED_DATA {
            return Err(NotDer);
        }
        let mut data = info.want(CONTEXT_0)?.inside().want(SEQUENCE)?.inside();
        let version = der::integer(&data.want(INTEGER)?)?;
        data.want(SET)?;
        let mut parts = data.want(SEQUENCE)?.inside();
        let content = der::oid_text(parts.want(OID)?.content);
        let detached = parts.is_empty();
        let mut certificates = Vec::new();
        if let Some(set) = data.maybe(CONTEXT_0)? {
            let mut set = set.inside();
            while !set.is_empty() {
                certificates.push(set.any()?.whole.to_vec());
            }
        }
        // Revocation lists.
        data.maybe(0xA1)?;
        let mut infos = data.want(SET)?.inside();
        let mut signers = Vec::new();
        while !infos.is_empty() {
            signers.push(SignerInfo::read(&mut infos.want(SEQUENCE)?.inside())?);
        }
        Ok(Self { version, content, detached, certificates, signers })
    }
}

impl SignerInfo {
    /// RFC 5652 section 5.3.
    fn read(parts: &mut Reader<'_>) -> Result<Self, NotDer> {
        let version = der::integer(&parts.want(INTEGER)?)?;
        let issuer_and_serial = parts.want(SEQUENCE)?.content.to_vec();
        let digest = der::oid_text(parts.want(SEQUENCE)?.inside().want(OID)?.content);
        let Some(set) = parts.maybe(CONTEXT_0)? else {
            return Ok(Self { version, issuer_and_serial, digest, attributes: None, sorted: true });
        };
        let (mut attributes, mut wholes) = (Vec::new(), Vec::new());
        let mut set = set.inside();
        while !set.is_empty() {
            let attribute = set.want(SEQUENCE)?;
            wholes.push(attribute.whole);
            let mut parts = attribute.inside();
            let kind = der::oid_text(parts.want(OID)?.content);
            attributes.push((kind, parts.want(SET)?.content.to_vec()));
        }
        Ok(Self { version, issuer_and_serial, digest, attributes: Some(attributes), sorted: wholes.is_sorted() })
    }
}
