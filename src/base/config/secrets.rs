//! Secrets: where a key or password lies, and the reading of it.
//!
//! A configuration names a secret and never holds it: a file that only the daemon's user may read, a variable of the
//! environment, or a systemd credential. Each is read once when the configuration is loaded, so that a wrong one stops
//! the start and not the first tap, and again whenever it is used, so that a renewed one is taken over.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The most bytes that a secret may have; a .p12 with its chain has some kilobytes.
const BYTES_MAX: u64 = 256 * 1024;

/// The environment as the configuration sees it.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

/// A secret by name: knows where it lies, shows nothing of what it holds.
#[derive(Clone)]
pub struct Secret {
    home: Home,
}

#[derive(Clone)]
enum Home {
    File(PathBuf),
    Variable { name: String, value: Zeroizing<String> },
    Credential { name: String, path: PathBuf },
}

/// The bytes of a secret; erased when dropped, never shown.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is not there.
    #[error("there is no file {path}")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Group or others may read the file.
    #[error("{path} can be read by others (mode {mode:03o})")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Reading failed.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{home} is empty")]
    Empty {
        /// Where it lies.
        home: String,
    },
    /// No secret is that long.
    #[error("{path} is over {BYTES_MAX} bytes long, which no key is")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The variable is not set.
    #[error("the environment has no variable {name}")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// systemd gave no credential of that name.
    #[error("systemd gave the daemon no credential {name}")]
    NoCredential {
        /// Its name.
        name: String,
    },
    /// Not hexadecimal, or another length.
    #[error("{home} holds no key of {expected} bytes in hexadecimal digits")]
    NotHex {
        /// Where it lies.
        home: String,
        /// How many bytes it should have: a number, or a range.
        expected: String,
    },
    /// Not text.
    #[error("{home} is not UTF-8 text")]
    NotText {
        /// Where it lies.
        home: String,
    },
}

impl SecretError {
    /// What the operator does about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "put the file there, or correct the path; a secret itself never stands in the configuration".into()
            }
            Self::Open { path, .. } => {
                format!("chmod 600 {}; if others were at this machine, replace the key", path.display())
            }
            Self::Unreadable { path, .. } => format!("let the daemon's user own it: chown stampd: {}", path.display()),
            Self::Empty { .. } => "write the key or password into it".into(),
            Self::TooLong { .. } => "name the file of the key".into(),
            Self::NoVariable { name } => format!("set {name} for the daemon, in a unit by EnvironmentFile="),
            Self::NoCredential { name } => {
                format!("add LoadCredential={name}:FILE to the unit (systemctl edit stampd)")
            }
            Self::NotHex { expected, .. } => {
                let bytes = expected.split(' ').next().unwrap_or("32");
                format!("make one: openssl rand -hex {bytes}")
            }
            Self::NotText { .. } => "save it as plain text".into(),
        }
    }
}

impl Environment {
    /// The environment of this process. Values that are no UTF-8 are kept as they are.
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of a variable as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str()
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Secret {
    /// A secret in a file that only its owner may read.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self { home: Home::File(path.into()) }
    }

    /// A secret in a variable of the environment; its value is taken now.
    pub fn in_variable(name: &str, environment: &Environment) -> Result<Self, SecretError> {
        let value = environment.text(name).ok_or_else(|| SecretError::NoVariable { name: name.to_owned() })?;
        Ok(Self { home: Home::Variable { name: name.to_owned(), value: Zeroizing::new(value.to_owned()) } })
    }

    /// A systemd credential: a file in the folder that `CREDENTIALS_DIRECTORY` names.
    pub fn in_credential(name: &str, environment: &Environment) -> Result<Self, SecretError> {
        let none = || SecretError::NoCredential { name: name.to_owned() };
        let folder = environment.text("CREDENTIALS_DIRECTORY").ok_or_else(none)?;
        // A credential's name is one path component (systemd.exec), so that it cannot lead out of the folder.
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(none());
        }
        let path = Path::new(folder).join(name);
        if !path.exists() {
            return Err(none());
        }
        Ok(Self { home: Home::Credential { name: name.to_owned(), path } })
    }

    /// Where it lies, for messages.
    pub fn home(&self) -> String {
        match &self.home {
            Home::File(path) => path.display().to_string(),
            Home::Variable { name, .. } => format!("the variable {name}"),
            Home::Credential { name, .. } => format!("the credential {name}"),
        }
    }

    /// The file in which it lies, if it lies in one.
    pub fn file(&self) -> Option<&Path> {
        match &self.home {
            Home::File(path) | Home::Credential { path, .. } => Some(path),
            Home::Variable { .. } => None,
        }
    }

    /// Reads it. A file that group or others may read is refused.
    pub fn read(&self) -> Result<SecretBytes, SecretError> {
        let bytes = match &self.home {
            Home::File(path) => read_file(path, true)?,
            // systemd makes the folder for this unit alone and sets its modes.
            Home::Credential { path, .. } => read_file(path, false)?,
            Home::Variable { value, .. } => Zeroizing::new(value.as_bytes().to_vec()),
        };
        if bytes.trim_ascii().is_empty() {
            return Err(SecretError::Empty { home: self.home() });
        }
        Ok(SecretBytes(bytes))
    }

    /// Reads it as text without the line end that editors add.
    pub fn read_text(&self) -> Result<Zeroizing<String>, SecretError> {
        let bytes = self.read()?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| SecretError::NotText { home: self.home() })?;
        Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Reads it as `bytes_min` bytes or more in hexadecimal digits; white space does not count.
    pub fn read_hex(&self, bytes_min: usize) -> Result<SecretBytes, SecretError> {
        let key = self.read_digits()?.filter(|key| key.len() >= bytes_min);
        key.map(SecretBytes).ok_or_else(|| self.not_hex(format!("{bytes_min} or more")))
    }

    /// Reads it as a key of exactly `N` bytes in hexadecimal digits; white space does not count.
    pub fn read_hex_key<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, SecretError> {
        let key = self.read_digits()?.and_then(|key| <[u8; N]>::try_from(key.as_slice()).ok());
        key.map(Zeroizing::new).ok_or_else(|| self.not_hex(N.to_string()))
    }

    fn read_digits(&self) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        let bytes = self.read()?;
        Ok(std::str::from_utf8(bytes.expose()).ok().and_then(decode_hex).map(Zeroizing::new))
    }

    fn not_hex(&self, expected: String) -> SecretError {
        SecretError::NotHex { home: self.home(), expected }
    }
}

/// Bytes from hexadecimal digits; white space between them does not count.
pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for digit in text.chars().filter(|digit| !digit.is_whitespace()) {
        let value = digit.to_digit(16)? as u8;
        match high.take() {
            None => high = Some(value << 4),
            Some(high) => bytes.push(high | value),
        }
    }
    high.is_none().then_some(bytes)
}

impl SecretBytes {
    /// The bytes. Do not log, copy or keep them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.home())
    }
}

fn read_file(path: &Path, must_be_private: bool) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => SecretError::Missing { path: path.to_owned() },
        _ => SecretError::Unreadable { path: path.to_owned(), source },
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that what is judged is what is read.
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if must_be_private && mode & 0o077 != 0 {
        return Err(SecretError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.by_ref().take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(SecretError::TooLong { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = std::env::temp_dir().join(format!("stampd-secret-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
        path
    }

    #[test]
    fn only_a_private_file_is_read() {
        for (mode, ok) in [(0o600, true), (0o400, true), (0o700, true), (0o640, false), (0o604, false), (0o660, false)]
        {
            let path = file(&format!("mode-{mode:o}"), b"key\n", mode);
            let read = Secret::in_file(&path).read();
            assert_eq!(read.is_ok(), ok, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains(&format!("{mode:03o}")), "{error}");
                assert!(error.remedy().starts_with(&format!("chmod 600 {}", path.display())), "{}", error.remedy());
            }
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn missing_empty_and_endless_secrets_say_so() {
        assert!(matches!(Secret::in_file("/nonexistent/key").read(), Err(SecretError::Missing { .. })));
        assert!(matches!(
            Secret::in_file("/dev/null").read(),
            Err(SecretError::Open { .. } | SecretError::Empty { .. })
        ));
        let blank = file("blank", b" \n", 0o600);
        assert!(matches!(Secret::in_file(&blank).read(), Err(SecretError::Empty { .. })));
        let endless = file("endless", &vec![b'x'; BYTES_MAX as usize + 1], 0o600);
        assert!(matches!(Secret::in_file(&endless).read(), Err(SecretError::TooLong { .. })));
        for path in [blank, endless] {
            std::fs::remove_file(path).expect("removed");
        }
    }

    #[test]
    fn variables_and_credentials_are_read_and_never_shown() {
        let folder = std::env::temp_dir().join(format!("stampd-credentials-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("stampd.vas"), "from-systemd\n").expect("written");
        let environment: Environment =
            [("MAIL_PASSWORD", "hidden"), ("CREDENTIALS_DIRECTORY", folder.to_str().expect("text"))]
                .into_iter()
                .collect();
        let variable = Secret::in_variable("MAIL_PASSWORD", &environment).expect("set");
        let credential = Secret::in_credential("stampd.vas", &environment).expect("given");
        assert_eq!(variable.read_text().expect("read").as_str(), "hidden");
        assert_eq!(credential.read_text().expect("read").as_str(), "from-systemd");
        let shown = format!("{environment:?} {variable:?} {credential:?} {:?}", variable.read());
        assert!(!shown.contains("hidden") && !shown.contains("from-systemd"), "{shown}");
        assert!(matches!(Secret::in_variable("OTHER", &environment), Err(SecretError::NoVariable { .. })));
        for name in ["other", "", "..", "../stampd.vas", "/etc/passwd"] {
            assert!(
                matches!(Secret::in_credential(name, &environment), Err(SecretError::NoCredential { .. })),
                "{name}"
            );
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn keys_in_hexadecimal_have_their_length() {
        let key = file("hex", b"00 11 22 33\n44556677 8899AAbb ccddeeff\n", 0o600);
        let secret = Secret::in_file(&key);
        assert_eq!(secret.read_hex_key::<16>().expect("16 bytes")[15], 0xFF);
        assert!(secret.read_hex(16).is_ok());
        let error = secret.read_hex_key::<32>().expect_err("another length");
        assert_eq!(error.remedy(), "make one: openssl rand -hex 32");
        assert!(secret.read_hex(17).is_err());
        for wrong in ["0", "0g", "ü0"] {
            assert_eq!(decode_hex(wrong), None, "{wrong}");
        }
        std::fs::remove_file(&key).expect("removed");
    }
}
