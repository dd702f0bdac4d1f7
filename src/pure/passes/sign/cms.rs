//! The detached signature over a manifest: CMS SignedData in DER (RFC 5652), written around bytes that are known since
//! start, so that a pass costs one RSA operation and little else.
//!
//! OpenSSL's CMS takes no signing time and encodes the certificates anew for each signature; what is written here is what
//! it would write with DETACHED, BINARY and NOSMIMECAP, and the tests let it verify every form.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::sha::Sha256;
use openssl::x509::X509;

use super::certificate::{self, issuer_among, shown_time};
use super::{CertificateError, Facts, Identity, Origin};
use crate::pure::domain::{ClockTrust, Now};
use crate::pure::passes::der::{
    self, CONTEXT_0, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTC_TIME,
};

const ID_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const ID_SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
const ID_CONTENT_TYPE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03];
const ID_MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04];
const ID_SIGNING_TIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x05];
const ID_SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const ID_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const NULL: &[u8] = &[0x05, 0x00];
const VERSION_1: &[u8] = &[INTEGER, 1, 1];

/// From here on a time needs four digits of its year (RFC 5652 section 11.3): 2050-01-01.
const UTC_TIME_ENDS_S: i64 = 2_524_608_000;

/// Why nothing was signed. What is to be done stands after the semicolon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The wall clock cannot be believed.
    #[error("the clock is not trusted, so no pass is signed; connect the device to a time server")]
    ClockUntrusted,
    /// The clock stands before the certificate's first moment.
    #[error("the certificate is valid from {}, and the clock stands before that; set the clock", shown_time(*from_s))]
    NotYetValid {
        /// Seconds since 1970.
        from_s: i64,
    },
    /// The certificate is over.
    #[error(
        "the certificate ended on {}, so no pass is signed; renew it with Apple under the same pass type id and send the \
         daemon SIGHUP",
        shown_time(*until_s)
    )]
    Expired {
        /// Seconds since 1970.
        until_s: i64,
    },
    /// The intermediate is over, though the certificate is not.
    #[error(
        "the intermediate '{name}' ended on {}, so no pass is signed; name Apple's newer one of the same name in wwdr and \
         restart stampd",
        shown_time(*until_s)
    )]
    IntermediateExpired {
        /// Its name.
        name: String,
        /// Seconds since 1970.
        until_s: i64,
    },
    /// OpenSSL failed.
    #[error("signing failed: {0}; export the certificate and its key again")]
    Failed(String),
}

impl From<ErrorStack> for SignError {
    fn from(errors: ErrorStack) -> Self {
        Self::Failed(errors.to_string())
    }
}

/// Signs manifests of one pass type. Shared between threads; holds the key for as long as it lives.
pub struct Signer {
    key: PKey<Private>,
    facts: Facts,
    /// First and last second in which leaf and intermediate are both valid.
    valid_s: (i64, i64),
    /// `[0]` with leaf and intermediate.
    certificates: Vec<u8>,
    /// Version, issuer and serial number, digest algorithm: a SignerInfo up to its attributes.
    signer_head: Vec<u8>,
    leaf: X509,
    intermediate: X509,
}

impl std::fmt::Debug for Signer {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer of `identity`. The intermediate that issued it is searched in `intermediates` (PEM or DER, several where
    /// they stand in one file), which win where there are any, else among what lay in the key file itself.
    pub fn new(identity: Identity, intermediates: &[u8]) -> Result<Self, CertificateError> {
        let facts = identity.facts()?;
        if !identity.is_strong() {
            return Err(CertificateError::WeakKey);
        }
        let Identity { key, leaf, others } = identity;
        let (origin, given) = match intermediates {
            [] => (Origin::KeyFile, others),
            configured => (Origin::Configured, certificate::chain_of_pem(configured)?),
        };
        let intermediate = issuer_among(&leaf, origin, given)?;
        let (leaf_der, intermediate_der) = (leaf.to_der()?, intermediate.to_der()?);
        let (issuer, serial) = certificate::issuer_and_serial(&leaf_der)
            .map_err(|_| CertificateError::Unusable("its issuer cannot be read".to_owned()))?;
        let signer_head = [
            VERSION_1.to_vec(),
            der::element(SEQUENCE, &[&issuer, &serial]),
            der::element(SEQUENCE, &[&der::element(OID, &[ID_SHA256])]),
        ];
        Ok(Self {
            valid_s: (
                facts.from_s.max(certificate::seconds(intermediate.not_before())?),
                facts.until_s.min(certificate::seconds(intermediate.not_after())?),
            ),
            certificates: der::set_of(CONTEXT_0, vec![&leaf_der, &intermediate_der]),
            signer_head: signer_head.concat(),
            key,
            facts,
            leaf,
            intermediate,
        })
    }

    /// What the leaf says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The name of the intermediate that issued it.
    pub fn intermediate(&self) -> String {
        certificate::shown(self.intermediate.subject_name())
    }

    /// The intermediate in DER: to trust it where a pass of this type is judged.
    ///
    /// # Errors
    /// OpenSSL cannot write it.
    pub fn intermediate_der(&self) -> Result<Vec<u8>, ErrorStack> {
        self.intermediate.to_der()
    }

    /// Last second in which leaf and intermediate are both valid, since 1970.
    pub fn until_s(&self) -> i64 {
        self.valid_s.1
    }

    /// Whether leaf and intermediate are valid at a time of a trusted clock, and if not why.
    pub fn may_sign(&self, now: &Now) -> Result<(), SignError> {
        let (from_s, until_s) = self.valid_s;
        match now.wall_ms.div_euclid(1_000) {
            _ if now.trust == ClockTrust::Untrusted => Err(SignError::ClockUntrusted),
            now_s if now_s < from_s => Err(SignError::NotYetValid { from_s }),
            now_s if now_s > until_s && until_s < self.facts.until_s => {
                Err(SignError::IntermediateExpired { name: self.intermediate(), until_s })
            }
            now_s if now_s > until_s => Err(SignError::Expired { until_s }),
            _ => Ok(()),
        }
    }

    /// The certificate decides; a configuration that expects something else is told with both values.
    pub fn agrees_with(&self, pass_type_id: &str, team_id: &str) -> Result<(), CertificateError> {
        let pairs =
            [("pass_type_id", pass_type_id, &self.facts.pass_type_id), ("team_id", team_id, &self.facts.team_id)];
        match pairs.into_iter().find(|(_, configured, certificate)| configured != certificate) {
            Some((key, configured, certificate)) => Err(CertificateError::Differs {
                key,
                configured: configured.to_owned(),
                certificate: certificate.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The bytes of `signature` for a manifest: leaf and intermediate inside, signed attributes content type, signing time
    /// and message digest in DER's order.
    pub fn sign(&self, manifest: &[u8], now: &Now) -> Result<Vec<u8>, SignError> {
        self.sign_by(&mut self.rsa()?, manifest, now)
    }

    /// The RSA operation: PKCS#1 v1.5 over a SHA-256.
    fn rsa(&self) -> Result<PkeyCtx<Private>, SignError> {
        let mut rsa = PkeyCtx::new(&self.key)?;
        rsa.sign_init()?;
        rsa.set_signature_md(Md::sha256())?;
        Ok(rsa)
    }

    fn sign_by(&self, rsa: &mut PkeyCtx<Private>, manifest: &[u8], now: &Now) -> Result<Vec<u8>, SignError> {
        self.may_sign(now)?;
        let now_s = now.wall_ms.div_euclid(1_000);
        let digest = sha256(manifest);
        let time = signing_time(now_s);
        let attributes = [
            attribute(ID_CONTENT_TYPE, &der::element(OID, &[ID_DATA])),
            attribute(ID_SIGNING_TIME, &time),
            attribute(ID_MESSAGE_DIGEST, &der::element(OCTET_STRING, &[&digest])),
        ];
        // The signature is over the attributes under the tag of SET (RFC 5652 section 5.4); in place they stand under [0].
        let mut attributes = der::set_of(SET, attributes.iter().map(Vec::as_slice).collect());
        let mut signature = Vec::new();
        rsa.sign_to_vec(&sha256(&attributes), &mut signature)?;
        attributes[0] = CONTEXT_0;
        let signer = der::element(
            SEQUENCE,
            &[
                &self.signer_head,
                &attributes,
                &der::element(SEQUENCE, &[&der::element(OID, &[ID_RSA]), NULL]),
                &der::element(OCTET_STRING, &[&signature]),
            ],
        );
        let signed_data = der::element(
            SEQUENCE,
            &[
                VERSION_1,
                &der::element(SET, &[&der::element(SEQUENCE, &[&der::element(OID, &[ID_SHA256])])]),
                &der::element(SEQUENCE, &[&der::element(OID, &[ID_DATA])]),
                &self.certificates,
                &der::element(SET, &[&signer]),
            ],
        );
        Ok(der::element(SEQUENCE, &[&der::element(OID, &[ID_SIGNED_DATA]), &der::element(CONTEXT_0, &[&signed_data])]))
    }

    /// Signs a trial manifest and lets OpenSSL verify it against the intermediate, as of the signing time. Does nothing
    /// where nothing may be signed now.
    pub fn self_test(&self, now: &Now) -> Result<(), CertificateError> {
        const TRIAL: &[u8] = b"{}";
        let Ok(signature) = self.sign(TRIAL, now) else { return Ok(()) };
        self.verified(TRIAL, &signature, now).map_err(|errors| CertificateError::SelfTest(errors.to_string()))
    }

    fn verified(&self, manifest: &[u8], signature: &[u8], now: &Now) -> Result<(), ErrorStack> {
        use openssl::cms::{CMSOptions, CmsContentInfo};
        use openssl::stack::Stack;
        use openssl::x509::X509PurposeId;
        use openssl::x509::store::X509StoreBuilder;
        use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(self.intermediate.clone())?;
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(now.wall_ms.div_euclid(1_000));
        // The store's anchor is the intermediate: the root is Apple's and need not be here.
        parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        parameters.set_purpose(X509PurposeId::ANY)?;
        store.set_param(&parameters)?;
        let mut certificates = Stack::new()?;
        certificates.push(self.leaf.clone())?;
        let flags = CMSOptions::BINARY | CMSOptions::DETACHED;
        let mut cms = CmsContentInfo::from_der(signature)?;
        cms.verify(Some(&certificates), Some(&store.build()), Some(manifest), None, flags)
    }
}

/// A signer in one hand, its RSA operation set up once: for whoever signs one pass after the other. Holds the key for as
/// long as it lives, as the signer does.
pub struct Pen {
    signer: Arc<Signer>,
    rsa: PkeyCtx<Private>,
}

impl std::fmt::Debug for Pen {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pen").field("signer", &self.signer).finish_non_exhaustive()
    }
}

impl Pen {
    /// Of a signer.
    ///
    /// # Errors
    /// OpenSSL fails.
    pub fn new(signer: Arc<Signer>) -> Result<Self, SignError> {
        Ok(Self { rsa: signer.rsa()?, signer })
    }

    /// Whose it is.
    pub fn signer(&self) -> &Arc<Signer> {
        &self.signer
    }

    /// As [`Signer::sign`].
    ///
    /// # Errors
    /// As there.
    pub fn sign(&mut self, manifest: &[u8], now: &Now) -> Result<Vec<u8>, SignError> {
        self.signer.sign_by(&mut self.rsa, manifest, now)
    }
}

/// By the block function itself: OpenSSL's one-call form looks the algorithm up anew each time.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.finish()
}

/// An Attribute with one value (RFC 5652 section 5.3).
fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    der::element(SEQUENCE, &[&der::element(OID, &[kind]), &der::element(SET, &[value])])
}

/// SigningTime (RFC 5652 section 11.3): UTCTime to 2049, GeneralizedTime after.
fn signing_time(now_s: i64) -> Vec<u8> {
    let time = Timestamp::from_second(now_s).unwrap_or(Timestamp::UNIX_EPOCH);
    if now_s < UTC_TIME_ENDS_S {
        der::element(UTC_TIME, &[time.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()])
    } else {
        der::element(GENERALIZED_TIME, &[time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signing_time_changes_its_form_in_2050() {
        assert_eq!(signing_time(0), b"\x17\x0D700101000000Z");
        assert_eq!(signing_time(UTC_TIME_ENDS_S - 1), b"\x17\x0D491231235959Z");
        assert_eq!(signing_time(UTC_TIME_ENDS_S), b"\x18\x0F20500101000000Z");
    }
}
