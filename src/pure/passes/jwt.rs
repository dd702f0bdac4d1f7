//! Tokens that Google accepts from us, signed and never read: the link that saves a card, and the assertion for which the
//! service account gets access (wallets/google.md sections 2 and 3; RFC 7515, RFC 7519, RFC 7523). RS256 alone.

use std::fmt;

use openssl::base64::encode_block;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use serde_json::{Map, Value, json};

use super::google::{Issuer, class, class_id, class_lean, object, object_id, object_lean};
use super::{Design, Face};

/// Characters that a save link's token may have: Google names it as what every browser and messenger carries.
pub const LINK_MAX: usize = 1800;

/// Where a phone saves a card; the token follows.
pub const SAVE_URL: &str = "https://pay.google.com/gp/v/save/";

/// What the assertion asks for.
pub const SCOPE: &str = "https://www.googleapis.com/auth/wallet_object.issuer";

/// Where access is asked for, unless the key file names another place.
pub const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// The longest that an assertion may live, seconds.
pub const GRANT_S_MAX: i64 = 3600;

/// Bits of an RSA key below which nothing is signed.
const RSA_BITS_MIN: u32 = 2048;

/// The service account of an issuer: who signs.
#[derive(Clone)]
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_uri: String,
    key: PKey<Private>,
}

impl fmt::Debug for ServiceAccount {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

/// Why a key file gives no service account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not JSON at all.
    #[error(
        "the key file of the service account is no JSON; download it from the Google Cloud console (Keys, Add key, JSON)"
    )]
    NotJson,
    /// The file of something else.
    #[error(
        "the key file is of type '{0}', and a service account's is needed; in the Google Cloud console choose IAM, Service \
         accounts, Keys, Add key, JSON"
    )]
    OtherType(String),
    /// A field is missing or of another kind.
    #[error("the key file of the service account lacks '{0}'; download it anew and leave it as it is")]
    Missing(&'static str),
    /// The key in it cannot be read.
    #[error(
        "the private_key of the service account is no RSA key in PEM (PKCS#8); download the file anew and leave it as it is"
    )]
    Key,
    /// Google takes no shorter one, and neither do we.
    #[error("the private_key of the service account has {0} bits, and 2048 are the least; make a new key for it")]
    Short(u32),
}

/// Who is allowed to show the button, and when the link was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTerms {
    /// Seconds since 1970-01-01 UTC.
    pub issued_unix_s: i64,
    /// Web origins of pages that show Google's button; needed by its script only.
    pub origins: Vec<String>,
}

/// What a save link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The ids alone: class and object must have been inserted by REST. Tells nothing of the customer.
    Thin,
    /// Class and object in the form that a phone needs to save a card.
    Lean,
    /// The same without origins and the first so many of what can be spared ([`SPARED`]).
    Spared(usize),
    /// Class and object whole.
    Whole,
}

/// What a link spares where it would be too long, in this order: places in class and object of [`Load::Lean`]. Never the end of a card nor
/// its changing code.
pub const SPARED: [(&str, &str, &str); 8] = [
    ("loyaltyClasses", "", "hexBackgroundColor"),
    ("loyaltyObjects", "/barcode", "alternateText"),
    ("loyaltyObjects", "/rotatingBarcode", "alternateText"),
    ("loyaltyObjects", "/barcode", "renderEncoding"),
    ("loyaltyObjects", "/rotatingBarcode", "renderEncoding"),
    ("loyaltyObjects", "/validTimeInterval", "start"),
    ("loyaltyObjects", "", "accountId"),
    ("loyaltyObjects", "", "loyaltyPoints"),
];

/// Which of its two kinds a save link is (wallets/google.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveKind {
    /// It carries the card: nothing must be at Google before.
    Fat,
    /// It carries the ids alone: it works once class and object were inserted by REST.
    Thin,
}

impl SaveKind {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fat => "fat",
            Self::Thin => "thin",
        }
    }

    /// The kind of a word.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Fat, Self::Thin].into_iter().find(|kind| kind.name() == name)
    }
}

/// A link that saves a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveLink {
    /// The address.
    pub url: String,
    /// What it carries.
    pub kind: SaveKind,
}

impl ServiceAccount {
    /// Reads the key file that Google hands out.
    ///
    /// # Errors
    /// What is wrong with the file, with the remedy.
    pub fn read(file: &[u8]) -> Result<Self, AccountError> {
        let file: Value = serde_json::from_slice(file).map_err(|_| AccountError::NotJson)?;
        let Value::Object(file) = file else { return Err(AccountError::NotJson) };
        let text = |key: &'static str| {
            let value = file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            value.map(str::to_owned).ok_or(AccountError::Missing(key))
        };
        match text("type")? {
            kind if kind == "service_account" => {}
            kind => return Err(AccountError::OtherType(kind)),
        }
        let email = text("client_email")?;
        let key = PKey::private_key_from_pem(text("private_key")?.as_bytes()).map_err(|_| AccountError::Key)?;
        if key.id() != Id::RSA {
            return Err(AccountError::Key);
        }
        if key.bits() < RSA_BITS_MIN {
            return Err(AccountError::Short(key.bits()));
        }
        let token_uri = text("token_uri").unwrap_or_else(|_| TOKEN_URI.to_owned());
        Ok(Self { email, key_id: text("private_key_id").ok(), token_uri, key })
    }

    /// Its address, the `iss` of what it signs.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Where it asks for access.
    pub fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// A compact JWS over `claims`, RS256.
    ///
    /// # Errors
    /// OpenSSL could not sign.
    pub fn sign(&self, claims: &Value) -> Result<String, ErrorStack> {
        self.signed(claims, self.key_id.as_deref())
    }

    fn signed(&self, claims: &Value, key_id: Option<&str>) -> Result<String, ErrorStack> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!("RS256"));
        header.insert("typ".to_owned(), json!("JWT"));
        if let Some(id) = key_id {
            header.insert("kid".to_owned(), json!(id));
        }
        let mut token = base64url(Value::Object(header).to_string().as_bytes());
        token.push('.');
        token.push_str(&base64url(claims.to_string().as_bytes()));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        let signature = signer.sign_oneshot_to_vec(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url(&signature));
        Ok(token)
    }

    /// The assertion for which [`ServiceAccount::token_uri`] grants access (RFC 7523). It lives `for_s` seconds, at most
    /// [`GRANT_S_MAX`].
    ///
    /// # Errors
    /// OpenSSL could not sign.
    pub fn grant_assertion(&self, issued_unix_s: i64, for_s: i64) -> Result<String, ErrorStack> {
        self.sign(&json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued_unix_s,
            "exp": issued_unix_s.saturating_add(for_s.clamp(1, GRANT_S_MAX)),
        }))
    }

    /// The token of a save link for a card.
    ///
    /// # Errors
    /// OpenSSL could not sign.
    pub fn save_token(
        &self,
        terms: &LinkTerms,
        issuer: &Issuer,
        design: &Design,
        face: &Face,
        load: Load,
    ) -> Result<String, ErrorStack> {
        let payload = match load {
            Load::Thin => json!({
                "loyaltyObjects": [{ "id": object_id(issuer, face), "classId": class_id(issuer, face) }],
            }),
            Load::Lean => json!({
                "loyaltyClasses": [class_lean(issuer, design, face)],
                "loyaltyObjects": [object_lean(issuer, design, face)],
            }),
            Load::Spared(count) => {
                let mut payload = json!({
                    "loyaltyClasses": [class_lean(issuer, design, face)],
                    "loyaltyObjects": [object_lean(issuer, design, face)],
                });
                for (list, part, name) in SPARED.into_iter().take(count) {
                    let part = payload.pointer_mut(&format!("/{list}/0{part}")).and_then(Value::as_object_mut);
                    part.map(|part| part.remove(name));
                }
                payload
            }
            Load::Whole => json!({
                "loyaltyClasses": [class(issuer, design, face)],
                "loyaltyObjects": [object(issuer, design, face)],
            }),
        };
        let mut claims = json!({
            "iss": self.email,
            "aud": "google",
            "typ": "savetowallet",
            "iat": terms.issued_unix_s,
            "payload": payload,
        });
        // Only Google's own button needs them, not whoever follows the link.
        if !terms.origins.is_empty() && !matches!(load, Load::Spared(_)) {
            claims["origins"] = json!(terms.origins);
        }
        // Without the key's id, which a link has no room for and Google does not ask for.
        self.signed(&claims, None)
    }

    /// The link that saves a card. Without `ask` it carries as much as [`LINK_MAX`] characters of token take: all, else what
    /// a phone needs, else the ids alone. One that is asked to be fat carries the card even where it is longer than that.
    ///
    /// # Errors
    /// OpenSSL could not sign.
    pub fn save_link(
        &self,
        terms: &LinkTerms,
        issuer: &Issuer,
        design: &Design,
        face: &Face,
        ask: Option<SaveKind>,
    ) -> Result<SaveLink, ErrorStack> {
        let link = |token: String, kind: SaveKind| SaveLink { url: format!("{SAVE_URL}{token}"), kind };
        if ask != Some(SaveKind::Thin) {
            let spared = (0..=SPARED.len()).map(Load::Spared);
            for load in [Load::Whole, Load::Lean].into_iter().chain(spared) {
                let token = self.save_token(terms, issuer, design, face, load)?;
                let is_last = load == Load::Spared(SPARED.len());
                if token.len() <= LINK_MAX || (is_last && ask.is_some()) {
                    return Ok(link(token, SaveKind::Fat));
                }
            }
        }
        Ok(link(self.save_token(terms, issuer, design, face, Load::Thin)?, SaveKind::Thin))
    }
}

/// Base64 of RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    let text = encode_block(bytes);
    text.trim_end_matches('=')
        .chars()
        .map(|letter| match letter {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect()
}
