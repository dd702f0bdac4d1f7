//! The key material of a demo shop: what an owner otherwise gets from Apple and Google or makes with `openssl`.
//!
//! All of it lies in one folder, files 0600 in a folder 0700. What is there is read and never remade, so that a demo
//! started again on the same directory is the same shop and the passes on phones stay valid. The names of the files are
//! those of `config/stampd.example.toml`, and [`DemoKeys::config_text`] writes the sections that name them.
//!
//! These keys are for demonstration: anyone who can read the folder can sign for this shop, and no wallet trusts its root.

mod apple_pki;
mod vault;

use std::path::{Path, PathBuf};

use openssl::base64::encode_block;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::json;

use crate::base::clock::random_bytes;
use crate::pure::domain::{Now, crockford};
use vault::Vault;

/// The demo's pass type; `example` belongs to nobody.
pub const PASS_TYPE_ID: &str = "pass.example.stampd.demo";
/// The demo's Apple team.
pub const TEAM_ID: &str = "STAMPDEMO1";
/// The demo's Google issuer: 15 digits, so that programs which hold numbers as doubles read it exactly.
pub const ISSUER_ID: u64 = 338_800_000_001_234;
/// The demo's Smart Tap collector.
pub const COLLECTOR_ID: u32 = 31_415_926;
/// The version of the demo's Smart Tap key.
pub const SMART_TAP_KEY_VERSION: u32 = 1;
/// The number of the demo's LC1 key.
pub const TOKEN_KID: u8 = 1;
/// Application id of the NTAG 424 key diversification, hexadecimal (readers-and-scanners.md section 2.4).
pub const NTAG424_APPLICATION_ID: &str = "3042F5";
/// System id of the NTAG 424 key diversification, hexadecimal.
pub const NTAG424_SYSTEM_ID: &str = "4E585020416275";
/// What an NTAG 424 of the demo serves; `{picc}` and `{cmac}` are filled by the chip, the MAC input is empty.
pub const NTAG424_URL: &str = "https://cards.example/t?picc={picc}&cmac={cmac}";

/// Where the demo's logo would lie; Google fetches it, and nobody owns `example`.
pub const LOGO_URL: &str = "https://cards.example/logo.png";
/// Where the demo's wide pictures would lie, one for each design and count.
pub const IMAGE_URL: &str = "https://cards.example/{design}/{state}.png";

/// DER of a SubjectPublicKeyInfo on P-256 up to the compressed point (apple-vas.md section 10).
const SPKI_COMPRESSED_HEAD: [u8; 26] = [
    0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00,
];

/// A demo shop's keys: what `demo.json` tells (DESIGN.md section 3), and where the rest lies. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoKeys {
    /// The folder of all files.
    pub folder: PathBuf,
    /// Apple's side.
    pub apple: AppleKeys,
    /// Google's side.
    pub google: GoogleKeys,
    /// Chips and codes.
    pub media: MediaKeys,
}

/// Apple's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppleKeys {
    /// UID of the certificate.
    pub pass_type_id: String,
    /// OU of the certificate.
    pub team_id: String,
    /// The demo root, PEM: verifiers trust it in place of Apple's.
    pub ca_file: PathBuf,
    /// The intermediate that issued the certificate, PEM.
    pub wwdr_file: PathBuf,
    /// Certificate and key, PKCS#12.
    pub certificate_file: PathBuf,
    /// Its password.
    pub password_file: PathBuf,
    /// Base64 of the compressed SubjectPublicKeyInfo, as in pass.json.
    pub vas_public_key: String,
    /// The key that opens what a phone sends, PEM.
    pub vas_private_key_file: PathBuf,
}

/// Google's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleKeys {
    /// The issuer.
    pub issuer_id: u64,
    /// The Smart Tap collector.
    pub collector_id: u32,
    /// The version of the Smart Tap key.
    pub key_version: u32,
    /// The Smart Tap public key, PEM.
    pub smart_tap_public_key: String,
    /// The Smart Tap private key, PEM.
    pub smart_tap_private_key_file: PathBuf,
    /// The service account's key file, JSON as Google hands it out.
    pub service_account_file: PathBuf,
    /// The service account's address.
    pub service_account_email: String,
    /// The public half of the service account's key, PEM: checks save links.
    pub jwt_public_key_file: PathBuf,
}

/// Chips and codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaKeys {
    /// Signs LC1 texts, hexadecimal.
    pub token_key_file: PathBuf,
    /// Hashes UIDs, hexadecimal.
    pub uid_key_file: PathBuf,
    /// Master of rotating barcodes, hexadecimal.
    pub rotating_key_file: PathBuf,
    /// K_SDMMetaRead, hexadecimal.
    pub ntag424_meta_key_file: PathBuf,
    /// The master from which each chip's K_SDMFileRead is diversified, hexadecimal.
    pub ntag424_file_key_file: PathBuf,
    /// The same as `ntag424_meta_key_file` holds.
    pub meta_read_key_hex: String,
    /// The same as `ntag424_file_key_file` holds.
    pub file_read_key_hex: String,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum DemoKeysError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}; check that the folder may be written, or name another with --dir")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is there and holds something else.
    #[error("{path} does not hold {expected}; move it away, and the next start makes a new one")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// OpenSSL could not make something.
    #[error("OpenSSL could not make keys: {0}")]
    Crypto(#[from] ErrorStack),
}

impl DemoKeys {
    /// The keys in `folder`, made where they are missing; certificates are valid from a day before `now`.
    pub fn open(folder: &Path, now: &Now) -> Result<Self, DemoKeysError> {
        let vault = Vault::open(folder)?;
        apple_pki::ensure(&vault, now)?;
        Ok(Self {
            apple: AppleKeys::open(&vault)?,
            google: GoogleKeys::open(&vault)?,
            media: MediaKeys::open(&vault)?,
            folder: vault.folder().to_owned(),
        })
    }

    /// A secret of 160 random bits as text, in the file `name`; made once.
    pub fn secret(&self, name: &str) -> Result<String, DemoKeysError> {
        let vault = Vault::open(&self.folder)?;
        let bytes = vault.read_or_make(name, || Ok(crockford::encode(&random_bytes::<20>()).into_bytes()))?;
        String::from_utf8(bytes).map_err(|_| DemoKeysError::Foreign { path: vault.path(name), expected: "a secret" })
    }

    /// The parts `apple`, `google` and `ntag424` of `demo.json`, by name.
    pub fn sheet_parts(&self) -> [(&'static str, serde_json::Value); 3] {
        let (apple, google, media) = (&self.apple, &self.google, &self.media);
        [
            (
                "apple",
                json!({
                    "pass_type_id": apple.pass_type_id, "team_id": apple.team_id, "ca_file": apple.ca_file,
                    "vas_public_key": apple.vas_public_key, "vas_private_key_file": apple.vas_private_key_file,
                }),
            ),
            (
                "google",
                json!({
                    "issuer_id": google.issuer_id, "collector_id": google.collector_id,
                    "key_version": google.key_version, "smart_tap_public_key": google.smart_tap_public_key,
                    "service_account_email": google.service_account_email,
                    "jwt_public_key_file": google.jwt_public_key_file,
                }),
            ),
            (
                "ntag424",
                json!({
                    "meta_read_key_hex": media.meta_read_key_hex, "file_read_key_hex": media.file_read_key_hex,
                    "url": NTAG424_URL,
                }),
            ),
        ]
    }

    /// The sections `[[apple]]`, `[google]` and `[media]` of a configuration with these keys.
    pub fn config_text(&self) -> String {
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let (apple, google, media) = (&self.apple, &self.google, &self.media);
        format!(
            "[[apple]]\n\
             pass_type_id = \"{PASS_TYPE_ID}\"\n\
             team_id = \"{TEAM_ID}\"\n\
             certificate = {certificate}\n\
             password = {password}\n\
             wwdr = {wwdr}\n\
             vas_keys = [{vas}]\n\
             nfc = true\n\n\
             [google]\n\
             issuer_id = {ISSUER_ID}\n\
             service_account = {account}\n\
             collector_id = {COLLECTOR_ID}\n\
             smart_tap_keys = [{{ version = {SMART_TAP_KEY_VERSION}, key = {smart_tap} }}]\n\
             logo_url = \"{LOGO_URL}\"\n\
             image_url = \"{IMAGE_URL}\"\n\n\
             [media]\n\
             token_keys = [{{ kid = {TOKEN_KID}, key = {token} }}]\n\
             uid_key = {uid}\n\
             rotating_key = {rotating}\n\
             ntag424 = {{ meta_key = {meta}, file_key = {file}, application_id = \"{NTAG424_APPLICATION_ID}\", \
             system_id = \"{NTAG424_SYSTEM_ID}\" }}\n",
            certificate = quoted(&apple.certificate_file),
            password = quoted(&apple.password_file),
            wwdr = quoted(&apple.wwdr_file),
            vas = quoted(&apple.vas_private_key_file),
            account = quoted(&google.service_account_file),
            smart_tap = quoted(&google.smart_tap_private_key_file),
            token = quoted(&media.token_key_file),
            uid = quoted(&media.uid_key_file),
            rotating = quoted(&media.rotating_key_file),
            meta = quoted(&media.ntag424_meta_key_file),
            file = quoted(&media.ntag424_file_key_file),
        )
    }
}

impl AppleKeys {
    fn open(vault: &Vault) -> Result<Self, DemoKeysError> {
        let vas = p256_key(vault, "vas.pem")?;
        let mut context = BigNumContext::new()?;
        let point = vas.public_key().to_bytes(vas.group(), PointConversionForm::COMPRESSED, &mut context)?;
        Ok(Self {
            pass_type_id: PASS_TYPE_ID.to_owned(),
            team_id: TEAM_ID.to_owned(),
            ca_file: vault.path(apple_pki::CA),
            wwdr_file: vault.path(apple_pki::WWDR),
            certificate_file: vault.path(apple_pki::CERTIFICATE),
            password_file: vault.path(apple_pki::PASSWORD),
            vas_public_key: encode_block(&[SPKI_COMPRESSED_HEAD.as_slice(), &point].concat()),
            vas_private_key_file: vault.path("vas.pem"),
        })
    }
}

impl GoogleKeys {
    fn open(vault: &Vault) -> Result<Self, DemoKeysError> {
        let smart_tap = PKey::from_ec_key(p256_key(vault, "smart-tap-1.pem")?)?;
        let (email, account_key) = service_account(vault)?;
        let public = account_key.public_key_to_pem()?;
        vault.read_or_make("jwt-public.pem", || Ok(public))?;
        Ok(Self {
            issuer_id: ISSUER_ID,
            collector_id: COLLECTOR_ID,
            key_version: SMART_TAP_KEY_VERSION,
            smart_tap_public_key: String::from_utf8_lossy(&smart_tap.public_key_to_pem()?).into_owned(),
            smart_tap_private_key_file: vault.path("smart-tap-1.pem"),
            service_account_file: vault.path("google.json"),
            service_account_email: email,
            jwt_public_key_file: vault.path("jwt-public.pem"),
        })
    }
}

impl MediaKeys {
    fn open(vault: &Vault) -> Result<Self, DemoKeysError> {
        for name in ["token-1.hex", "uid.hex", "rotating.hex"] {
            hex_key::<32>(vault, name)?;
        }
        Ok(Self {
            token_key_file: vault.path("token-1.hex"),
            uid_key_file: vault.path("uid.hex"),
            rotating_key_file: vault.path("rotating.hex"),
            ntag424_meta_key_file: vault.path("ntag424-meta.hex"),
            ntag424_file_key_file: vault.path("ntag424-file.hex"),
            meta_read_key_hex: hex_key::<16>(vault, "ntag424-meta.hex")?,
            file_read_key_hex: hex_key::<16>(vault, "ntag424-file.hex")?,
        })
    }
}

/// A P-256 key in PKCS#8 PEM.
fn p256_key(vault: &Vault, name: &str) -> Result<EcKey<Private>, DemoKeysError> {
    let foreign = || DemoKeysError::Foreign { path: vault.path(name), expected: "a P-256 key in PEM" };
    let pem = vault.read_or_make(name, || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Ok(PKey::from_ec_key(EcKey::generate(&group)?)?.private_key_to_pem_pkcs8()?)
    })?;
    let key = PKey::private_key_from_pem(&pem).and_then(|key| key.ec_key()).map_err(|_| foreign())?;
    if key.group().curve_name() == Some(Nid::X9_62_PRIME256V1) { Ok(key) } else { Err(foreign()) }
}

/// `N` random bytes in hexadecimal digits.
fn hex_key<const N: usize>(vault: &Vault, name: &str) -> Result<String, DemoKeysError> {
    let bytes = vault.read_or_make(name, || Ok(hex(&random_bytes::<N>()).into_bytes()))?;
    let digits = String::from_utf8_lossy(&bytes).trim().to_owned();
    if digits.len() == 2 * N && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(DemoKeysError::Foreign { path: vault.path(name), expected: "a key in hexadecimal digits" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The service account: its address and key, from a key file with the fields that Google's have.
fn service_account(vault: &Vault) -> Result<(String, PKey<Private>), DemoKeysError> {
    const NAME: &str = "google.json";
    let bytes = vault.read_or_make(NAME, || {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let account = serde_json::json!({
            "type": "service_account",
            "project_id": "stampd-demo",
            "private_key_id": hex(&random_bytes::<20>()),
            "private_key": String::from_utf8_lossy(&key.private_key_to_pem_pkcs8()?),
            "client_email": "stampd-demo@stampd-demo.iam.gserviceaccount.com",
            "client_id": "100000000000000000001",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        Ok(format!("{account:#}\n").into_bytes())
    })?;
    let read = || {
        let account: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let key = PKey::private_key_from_pem(account["private_key"].as_str()?.as_bytes()).ok()?;
        Some((account["client_email"].as_str()?.to_owned(), key))
    };
    read().ok_or(DemoKeysError::Foreign { path: vault.path(NAME), expected: "a service account's key file" })
}

#[cfg(test)]
mod tests;
