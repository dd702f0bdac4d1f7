//! Opening a .p12 as people export them (wallets/apple.md section 6): OpenSSL reads today's, the `p12` crate those of
//! older Keychains, whose RC2 OpenSSL keeps in a module that is not always there.
//!
//! Before either opens the file its outline is read: which schemes it uses, how much work it asks for, how many keys it
//! holds. The `p12` crate asserts where it should refuse, so it sees only files of the two schemes that it knows, whose
//! check OpenSSL has passed already.

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::{Identity, KeyError};
use crate::pure::passes::der::{self, CONTEXT_0, Element, NotDer, OCTET_STRING, OID, Reader, SEQUENCE};

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const PBES2: &str = "1.2.840.113549.1.5.13";
const PBE_RC2_40: &str = "1.2.840.113549.1.12.1.6";
const PBE_3DES: &str = "1.2.840.113549.1.12.1.3";
const SHA1: &str = "1.3.14.3.2.26";

/// Schemes by name, for people; those after the bar OpenSSL reads by itself.
const NAMES: [(&str, &str); 14] = [
    ("1.2.840.113549.1.5.3", "PBE-MD5-DES"),
    ("1.2.840.113549.1.5.10", "PBE-SHA1-DES"),
    ("1.2.840.113549.1.12.1.1", "PBE-SHA1-RC4-128"),
    ("1.2.840.113549.1.12.1.2", "PBE-SHA1-RC4-40"),
    ("1.2.840.113549.1.12.1.5", "PBE-SHA1-RC2-128"),
    (PBE_RC2_40, "PBE-SHA1-RC2-40"),
    ("1.2.840.113549.3.2", "RC2-CBC"),
    ("1.3.14.3.2.7", "DES-CBC"),
    // ---
    (PBE_3DES, "PBE-SHA1-3DES"),
    ("1.2.840.113549.1.12.1.4", "PBE-SHA1-2DES"),
    ("1.2.840.113549.3.7", "3DES-CBC"),
    ("2.16.840.1.101.3.4.1.2", "AES-128-CBC"),
    ("2.16.840.1.101.3.4.1.22", "AES-192-CBC"),
    ("2.16.840.1.101.3.4.1.42", "AES-256-CBC"),
];

/// How many of [`NAMES`] need more than OpenSSL's default provider.
const FOREIGN: usize = 8;

/// The most rounds of key derivation that are run: a second or two. Exports use 2,048 to 100,000.
const ROUNDS_MAX: u64 = 5_000_000;

/// What a file says about itself without its password.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    /// Encryption schemes in the order of the file, each once.
    schemes: Vec<String>,
    /// The digest of the file's check; none where it has no check.
    mac_digest: Option<String>,
    /// Keys that lie outside of encrypted parts, where all known programs put them.
    keys: usize,
    /// The most rounds of any derivation.
    rounds: u64,
}

/// Opens the .p12 `bytes`.
pub(super) fn open(bytes: &[u8], password: &str) -> Result<Identity, KeyError> {
    let p12 = Pkcs12::from_der(bytes).map_err(|_| KeyError::NotPkcs12)?;
    // Some programs write BER, which OpenSSL reads and the outline does not; it then knows nothing.
    let outline = Outline::read(bytes).unwrap_or_default();
    if outline.rounds > ROUNDS_MAX {
        return Err(KeyError::Damaged(format!("it asks for {} rounds of key derivation", outline.rounds)));
    }
    if outline.keys > 1 {
        return Err(KeyError::SeveralKeys(outline.keys));
    }
    // OpenSSL takes the password as a C string.
    if password.contains('\0') {
        return Err(KeyError::WrongPassword);
    }
    let (key, certificates) = match p12.parse2(password) {
        Ok(parsed) => {
            let others = parsed.ca.into_iter().flatten();
            (parsed.pkey, parsed.cert.into_iter().chain(others).collect())
        }
        Err(errors) => match Reason::of(&errors) {
            Reason::WrongPassword => return Err(KeyError::WrongPassword),
            Reason::Unsupported if outline.is_old_keychain() => open_old(bytes, password)?,
            Reason::Unsupported => return Err(outline.unsupported()),
            Reason::NoCheck => return Err(KeyError::NoCheck),
            Reason::Other => return Err(KeyError::Damaged(errors.to_string())),
        },
    };
    Identity::of(key.into_iter().collect(), certificates)
}

/// By the `p12` crate: RC2-40 and 3DES under a SHA-1 check that OpenSSL has found right.
fn open_old(bytes: &[u8], password: &str) -> Result<(Option<PKey<Private>>, Vec<X509>), KeyError> {
    let damaged = || KeyError::Damaged("its parts do not decrypt".to_owned());
    let p12 = p12::PFX::parse(bytes).map_err(|_| damaged())?;
    if !p12.verify_mac(password) {
        return Err(KeyError::WrongPassword);
    }
    let mut keys = Vec::new();
    for pkcs8 in p12.key_bags(password).map_err(|_| damaged())? {
        let pkcs8 = zeroize::Zeroizing::new(pkcs8);
        keys.push(PKey::private_key_from_der(&pkcs8).map_err(|_| damaged())?);
    }
    if keys.len() > 1 {
        return Err(KeyError::SeveralKeys(keys.len()));
    }
    let certificates = p12.cert_x509_bags(password).map_err(|_| damaged())?;
    let certificates: Result<Vec<X509>, ErrorStack> = certificates.iter().map(|der| X509::from_der(der)).collect();
    Ok((keys.pop(), certificates.map_err(|_| damaged())?))
}

/// Why OpenSSL did not open a file.
#[derive(Debug, PartialEq, Eq)]
enum Reason {
    WrongPassword,
    Unsupported,
    NoCheck,
    Other,
}

impl Reason {
    fn of(errors: &ErrorStack) -> Self {
        const UNSUPPORTED: [&str; 5] = [
            "unsupported",
            "unsupported algorithm",
            "unknown pbe algorithm",
            "unknown digest algorithm",
            "unknown cipher",
        ];
        let said = |word: &str| errors.errors().iter().any(|error| error.reason().is_some_and(|said| said == word));
        if said("mac absent") {
            // OpenSSL adds "mac verify failure" to it.
            Self::NoCheck
        } else if said("mac verify failure") {
            Self::WrongPassword
        } else if UNSUPPORTED.into_iter().any(said) {
            Self::Unsupported
        } else {
            Self::Other
        }
    }
}

impl Outline {
    /// PFX of RFC 7292 section 4.
    fn read(bytes: &[u8]) -> Result<Self, NotDer> {
        let mut outline = Self::default();
        let mut pfx = Reader::only(bytes, SEQUENCE)?.inside();
        if der::integer(&pfx.want(der::INTEGER)?)? != 3 {
            return Err(NotDer);
        }
        let safes = data_of(&pfx.want(SEQUENCE)?)?;
        if let Some(mac) = pfx.maybe(SEQUENCE)? {
            outline.mac(&mac)?;
        }
        let mut safes = Reader::only(safes, SEQUENCE)?.inside();
        while !safes.is_empty() {
            outline.safe(&safes.want(SEQUENCE)?)?;
        }
        Ok(outline)
    }

    fn mac(&mut self, mac: &Element<'_>) -> Result<(), NotDer> {
        let mut mac = mac.inside();
        let digest = mac.want(SEQUENCE)?.inside().want(SEQUENCE)?.inside().want(OID)?;
        self.mac_digest = Some(der::oid_text(digest.content));
        mac.want(OCTET_STRING)?;
        // Absent means one round.
        if let Some(rounds) = mac.maybe(der::INTEGER)? {
            self.rounds = self.rounds.max(der::integer(&rounds)?);
        }
        Ok(())
    }

    /// One ContentInfo of the AuthenticatedSafe.
    fn safe(&mut self, info: &Element<'_>) -> Result<(), NotDer> {
        let mut parts = info.inside();
        let kind = der::oid_text(parts.want(OID)?.content);
        if kind == DATA {
            let mut bags = Reader::only(data_of(info)?, SEQUENCE)?.inside();
            while !bags.is_empty() {
                self.bag(&bags.want(SEQUENCE)?)?;
            }
            return Ok(());
        }
        if kind != ENCRYPTED_DATA {
            return Err(NotDer);
        }
        let mut encrypted = parts.want(CONTEXT_0)?.inside().want(SEQUENCE)?.inside();
        if der::integer(&encrypted.want(der::INTEGER)?)? != 0 {
            return Err(NotDer);
        }
        let mut content = encrypted.want(SEQUENCE)?.inside();
        if der::oid_text(content.want(OID)?.content) != DATA {
            return Err(NotDer);
        }
        self.scheme(&content.want(SEQUENCE)?)
    }

    fn bag(&mut self, bag: &Element<'_>) -> Result<(), NotDer> {
        let mut bag = bag.inside();
        let kind = der::oid_text(bag.want(OID)?.content);
        let value = bag.want(CONTEXT_0)?;
        if kind == KEY_BAG {
            self.keys += 1;
        }
        if kind == SHROUDED_KEY_BAG {
            self.keys += 1;
            self.scheme(&value.inside().want(SEQUENCE)?.inside().want(SEQUENCE)?)?;
        }
        Ok(())
    }

    /// An AlgorithmIdentifier; of PBES2 (RFC 8018 section 6.2) the cipher inside counts.
    fn scheme(&mut self, algorithm: &Element<'_>) -> Result<(), NotDer> {
        let mut parts = algorithm.inside();
        let mut name = der::oid_text(parts.want(OID)?.content);
        let mut parameters = parts.want(SEQUENCE)?.inside();
        if name == PBES2 {
            let mut derivation = parameters.want(SEQUENCE)?.inside();
            derivation.want(OID)?;
            let mut numbers = derivation.want(SEQUENCE)?.inside();
            numbers.want(OCTET_STRING)?;
            self.rounds = self.rounds.max(der::integer(&numbers.want(der::INTEGER)?)?);
            name = der::oid_text(parameters.want(SEQUENCE)?.inside().want(OID)?.content);
        } else {
            parameters.want(OCTET_STRING)?;
            self.rounds = self.rounds.max(der::integer(&parameters.want(der::INTEGER)?)?);
        }
        if !self.schemes.contains(&name) {
            self.schemes.push(name);
        }
        Ok(())
    }

    /// Whether the `p12` crate knows everything in it.
    fn is_old_keychain(&self) -> bool {
        let known = |scheme: &String| scheme == PBE_RC2_40 || scheme == PBE_3DES;
        self.mac_digest.as_deref() == Some(SHA1) && !self.schemes.is_empty() && self.schemes.iter().all(known)
    }

    /// The error that names what OpenSSL cannot decrypt; everything where that is not known.
    fn unsupported(&self) -> KeyError {
        let readable = |scheme: &String| NAMES[FOREIGN..].iter().any(|(oid, _)| oid == scheme);
        let foreign: Vec<&String> = self.schemes.iter().filter(|scheme| !readable(scheme)).collect();
        let told = if foreign.is_empty() { self.schemes.iter().collect() } else { foreign };
        KeyError::Unsupported(told.into_iter().map(|oid| named(oid)).collect())
    }
}

/// An OID with its name where it has one.
fn named(oid: &str) -> String {
    match NAMES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => format!("{name} ({oid})"),
        None => oid.to_owned(),
    }
}

/// The bytes of a ContentInfo of type data.
fn data_of<'a>(info: &Element<'a>) -> Result<&'a [u8], NotDer> {
    let mut parts = info.inside();
    if der::oid_text(parts.want(OID)?.content) != DATA {
        return Err(NotDer);
    }
    Ok(Reader::only(parts.want(CONTEXT_0)?.content, OCTET_STRING)?.content)
}
