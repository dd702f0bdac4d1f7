//! Signing what Apple Wallet opens: the key and its certificate (from a .p12 or the guarded form), what the certificate
//! says, its intermediate, and the detached signature over a manifest (wallets/apple.md sections 2 and 6).
//!
//! Keys and time are arguments. **Invariants:** nothing is signed outside the validity of leaf and intermediate, nor by a
//! clock that is not trusted; a signer exists only with an intermediate that issued its leaf; private bytes are erased
//! when dropped, and never shown.

mod certificate;
mod cms;
mod guarded;
mod p12;
#[cfg(test)]
mod tests;

use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;
use zeroize::Zeroizing;

pub use certificate::{Facts, chain_of_pem};
pub(super) use certificate::{OTHER_KEY, extension_of, seconds_of, shown as shown_name, shown_time, usages_of};
pub use cms::{Pen, SignError, Signer};

/// What an operator runs to turn a foreign .p12 into one that is read.
pub const CONVERT: &str = "convert it with 'openssl pkcs12 -legacy -in OLD.p12 -nodes -out all.pem && openssl pkcs12 -export \
                           -in all.pem -out NEW.p12 && shred -u all.pem', which needs OpenSSL's legacy provider";

/// Why a key file does not open. What is to be done stands after the semicolon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The password is another.
    #[error("the password is wrong; give the one that was typed when the file was exported")]
    WrongPassword,
    /// Encrypted by schemes that are not read here, by OID.
    #[error("its encryption is not supported: {}; {CONVERT}", .0.join(", "))]
    Unsupported(Vec<String>),
    /// No check sum, so that nobody can tell a wrong password from a damaged file.
    #[error("it has no integrity check (MAC); {CONVERT}")]
    NoCheck,
    /// No certificate.
    #[error("it holds no certificate; export the certificate and its key together")]
    NoCertificate,
    /// No private key, or one that belongs to none of the certificates.
    #[error(
        "it holds no private key that matches one of its {certificates} certificates; export the certificate together \
         with its key (in Keychain Access the row that unfolds to a key)"
    )]
    NoMatchingKey {
        /// How many certificates it holds.
        certificates: usize,
    },
    /// More than one private key.
    #[error("it holds {0} private keys; export the pass certificate alone")]
    SeveralKeys(usize),
    /// Another kind of file.
    #[error(
        "it is no PKCS#12 file; export the certificate and its key as .p12, or name what 'stampd cert import' wrote"
    )]
    NotPkcs12,
    /// The guarded form, but its key is not encrypted.
    #[error("its private key is not encrypted; write it with 'stampd cert import'")]
    NotGuarded,
    /// Nothing else of the above.
    #[error("it is damaged: {0}; export it again")]
    Damaged(String),
}

/// Where an intermediate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file that `wwdr` names.
    Configured,
    /// The key file itself: an export often holds the chain.
    KeyFile,
}

impl Origin {
    /// As messages say it.
    pub fn words(self) -> &'static str {
        match self {
            Origin::Configured => "in wwdr",
            Origin::KeyFile => "in the key file",
        }
    }
}

/// What is wrong with a certificate that opened. What is to be done stands after the semicolon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A part of the subject is missing.
    #[error(
        "the certificate's subject has no {0}; it is no pass type certificate: export the one named 'Pass Type ID: …'"
    )]
    NoSubject(&'static str),
    /// The extended key usage does not have pass signing.
    #[error("the certificate is not made for signing passes; export the one named 'Pass Type ID: …'")]
    NotForPasses,
    /// Not RSA of 2048 bits or more.
    #[error("the certificate's key is not RSA of 2048 bits or more; make a new certificate request in Keychain Access")]
    WeakKey,
    /// Two statements of the certificate about its pass type.
    #[error("the certificate names two pass types, '{subject}' and '{extension}'; get a new one from Apple")]
    TwoPassTypes {
        /// In the subject.
        subject: String,
        /// In Apple's extension.
        extension: String,
    },
    /// No intermediate is configured, and none lies in the key file.
    #[error(
        "the certificate was issued by '{issuer}', and no intermediate is given: the key file holds none, and wwdr names \
         none; download Apple's intermediate of that name (.cer or PEM) and name it in wwdr"
    )]
    Alone {
        /// The issuer that the leaf names.
        issuer: String,
    },
    /// None of the intermediates issued it.
    #[error(
        "the certificate was issued by '{issuer}', and none of the intermediates {} ({}) is that; download Apple's \
         intermediate of that name and name it in wwdr", origin.words(), given.join(", ")
    )]
    NoIntermediate {
        /// The issuer that the leaf names.
        issuer: String,
        /// Where they stand.
        origin: Origin,
        /// The subjects of those that were looked at, in quotes; one of the issuer's name with another key says so.
        given: Vec<String>,
    },
    /// The configuration expects another pass type or team.
    #[error(
        "{key} is '{configured}' in the configuration and '{certificate}' in the certificate; the certificate decides: \
         correct the configuration, or name the certificate of this {key}"
    )]
    Differs {
        /// The key of `[[apple]]`.
        key: &'static str,
        /// What it says.
        configured: String,
        /// What the certificate says.
        certificate: String,
    },
    /// A file of intermediates cannot be read.
    #[error("the intermediate is no certificate in PEM or DER; download it from Apple's certificate authority page")]
    NotPem,
    /// OpenSSL does not take it.
    #[error("the certificate cannot be used: {0}; export it again")]
    Unusable(String),
    /// What was signed for trial does not verify.
    #[error("a signature made for trial does not verify: {0}; export the certificate and its key again")]
    SelfTest(String),
}

impl From<ErrorStack> for CertificateError {
    fn from(errors: ErrorStack) -> Self {
        Self::Unusable(errors.to_string())
    }
}

/// A private key with the certificate that it belongs to.
pub struct Identity {
    key: PKey<Private>,
    leaf: X509,
    /// What else lay in the file: perhaps the intermediate.
    others: Vec<X509>,
}

impl std::fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("others", &self.others.len()).finish_non_exhaustive()
    }
}

impl Identity {
    /// From the bytes of a key file: the guarded form, or a .p12. `password` is of either; empty where there is none.
    pub fn open(bytes: &[u8], password: &str) -> Result<Self, KeyError> {
        if guarded::is(bytes) { guarded::open(bytes, password) } else { p12::open(bytes, password) }
    }

    /// The guarded form: the key as encrypted PKCS#8 under `key`, and the certificates, in PEM. `key` is random and lies
    /// apart (a systemd credential), so that it needs no slow derivation.
    pub fn guarded(&self, key: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        guarded::write(self, key)
    }

    /// What the certificate says.
    pub fn facts(&self) -> Result<Facts, CertificateError> {
        Facts::of(&self.leaf)
    }

    /// The one key and the certificate that belongs to it, the one that lasts longest where several do (a renewal may
    /// keep its key).
    fn of(mut keys: Vec<PKey<Private>>, mut certificates: Vec<X509>) -> Result<Self, KeyError> {
        if certificates.is_empty() {
            return Err(KeyError::NoCertificate);
        }
        let none = KeyError::NoMatchingKey { certificates: certificates.len() };
        if keys.len() > 1 {
            return Err(KeyError::SeveralKeys(keys.len()));
        }
        let key = keys.pop().ok_or(none.clone())?;
        let belongs = |certificate: &X509| certificate.public_key().is_ok_and(|public| public.public_eq(&key));
        let lasting = |at: &usize| certificate::seconds(certificates[*at].not_after()).unwrap_or(i64::MIN);
        let leaf = (0..certificates.len()).filter(|at| belongs(&certificates[*at])).max_by_key(lasting).ok_or(none)?;
        let leaf = certificates.swap_remove(leaf);
        Ok(Self { key, leaf, others: certificates })
    }

    fn is_strong(&self) -> bool {
        self.key.id() == Id::RSA && self.key.bits() >= 2048
    }
}
