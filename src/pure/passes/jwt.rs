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
    /// Class and object in the least form that a phone can save.
    Lean,
    /// Class and object whole.
    Whole,
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
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!("RS256"));
        header.insert("typ".to_owned(), json!("JWT"));
        if let Some(id) = &self.key_id {
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
            Load::Whole => json!({
                "loyaltyClasses": [class(issuer, design, face)],
                "loyaltyObjects": [object(issuer, design, face)],
            }),
        };
        self.sign(&json!({
            "iss": self.email,
            "aud": "google",
            "typ": "savetowallet",
            "iat": terms.issued_unix_s,
            "origins": terms.origins,
            "payload": payload,
        }))
    }

    /// The link that saves a card: as much as [`LINK_MAX`] characters of token carry, whole, else lean, else thin.
    ///
    /// # Errors
    /// OpenSSL could not sign.
    pub fn save_link(
        &self,
        terms: &LinkTerms,
        issuer: &Issuer,
        design: &Design,
        face: &Face,
    ) -> Result<String, ErrorStack> {
        for load in [Load::Whole, Load::Lean] {
            let token = self.save_token(terms, issuer, design, face, load)?;
            if token.len() <= LINK_MAX {
                return Ok(format!("{SAVE_URL}{token}"));
            }
        }
        Ok(format!("{SAVE_URL}{}", self.save_token(terms, issuer, design, face, Load::Thin)?))
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
