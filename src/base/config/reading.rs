//! From parsed values to checked ones: the steps that all sections share, with the words for what is wrong.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use regex::Regex;
use toml::{Spanned, Value};

use super::secrets::{Environment, Secret, SecretError, decode_hex};
use super::source::{ConfigError, Place, Source};
use super::{OVERRIDABLE, Overrides};

/// A key that may be left out.
pub(super) type Field<T> = Option<Spanned<T>>;

/// A value and where it was given.
pub(super) struct Given {
    pub(super) value: String,
    pub(super) place: Place,
}

/// What checking needs to know.
pub(super) struct Reading<'a> {
    pub(super) source: &'a Source,
    pub(super) overrides: &'a Overrides,
    pub(super) environment: &'a Environment,
    /// Relative paths count from here.
    pub(super) folder: PathBuf,
}

type Checked<T> = Result<T, ConfigError>;

impl Reading<'_> {
    /// An error at a value of the file.
    pub(super) fn wrong<T, V>(
        &self,
        at: &Spanned<V>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Checked<T> {
        Err(self.source.error(&Place::Text(at.span()), what, remedy))
    }

    /// An error at a value, wherever it was given.
    pub(super) fn wrong_given<T>(&self, at: &Given, what: impl Into<String>, remedy: impl Into<String>) -> Checked<T> {
        Err(self.source.error(&at.place, what, remedy))
    }

    /// The value of an overridable key: from a flag, else a variable, else the file.
    pub(super) fn given(&self, key: &'static str, field: &Field<String>) -> Option<Given> {
        debug_assert!(OVERRIDABLE.contains(&key), "{key} is read as overridable and not listed");
        if let Some((place, value)) = self.overrides.values.get(key) {
            return Some(Given { value: value.clone(), place: place.clone() });
        }
        let field = field.as_ref()?;
        Some(Given { value: field.get_ref().clone(), place: Place::Text(field.span()) })
    }

    /// A whole number within `range`, `default` when it is left out; `unit` is for people.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        field: &Field<i64>,
        default: i64,
        range: RangeInclusive<i64>,
        unit: &str,
    ) -> Checked<T> {
        let value = field.as_ref().map_or(default, |field| *field.get_ref());
        let fits = range.contains(&value).then(|| T::try_from(value).ok()).flatten();
        match (fits, field) {
            (Some(value), _) => Ok(value),
            (None, Some(field)) => self.wrong(
                field,
                format!("{value} {unit} is out of range"),
                format!("give {} to {} {unit}", range.start(), range.end()),
            ),
            (None, None) => Err(self.source.error(&Place::File, format!("default {default} is out of range"), "")),
        }
    }

    /// A path, absolute; `default` when it is left out.
    pub(super) fn path(&self, field: &Field<String>, default: &Path) -> Checked<PathBuf> {
        match field {
            Some(field) if field.get_ref().is_empty() => {
                self.wrong(field, "the path is empty", "name a path, or leave the key out for its default")
            }
            Some(field) => Ok(self.folder.join(field.get_ref())),
            None => Ok(self.folder.join(default)),
        }
    }

    /// The path of an overridable key. What a flag or variable names counts from where the command runs, as everywhere
    /// on a command line.
    pub(super) fn path_given(&self, key: &'static str, field: &Field<String>, default: &Path) -> Checked<PathBuf> {
        match self.given(key, field) {
            Some(given) if !matches!(given.place, Place::Text(_)) => match std::path::absolute(&given.value) {
                Ok(path) => Ok(path),
                Err(_) => self.wrong_given(&given, "the path is empty", "name a path"),
            },
            _ => self.path(field, default),
        }
    }

    /// The path of a file that is no secret and must be there.
    pub(super) fn file(&self, field: &Spanned<String>) -> Checked<PathBuf> {
        let path = self.folder.join(field.get_ref());
        if path.is_file() {
            return Ok(path);
        }
        self.wrong(field, format!("there is no file {}", path.display()), "put the file there, or correct the path")
    }

    /// A secret: reads it once, so that what is wrong with it stops the start.
    pub(super) fn secret(&self, field: &Spanned<Value>) -> Checked<Secret> {
        let secret = self.secret_unread(field)?;
        self.read_of(field, secret.read())?;
        Ok(secret)
    }

    /// A secret of `bytes_min` or more bytes in hexadecimal digits.
    pub(super) fn secret_hex(&self, field: &Spanned<Value>, bytes_min: usize) -> Checked<Secret> {
        let secret = self.secret_unread(field)?;
        self.read_of(field, secret.read_hex(bytes_min))?;
        Ok(secret)
    }

    /// A secret of exactly `N` bytes in hexadecimal digits.
    pub(super) fn secret_hex_key<const N: usize>(&self, field: &Spanned<Value>) -> Checked<Secret> {
        let secret = self.secret_unread(field)?;
        self.read_of(field, secret.read_hex_key::<N>())?;
        Ok(secret)
    }

    fn secret_unread(&self, field: &Spanned<Value>) -> Checked<Secret> {
        const FORMS: &str = "give the path of its file, { env = \"NAME\" } or { credential = \"NAME\" }";
        match field.get_ref() {
            Value::String(path) if path.is_empty() => self.wrong(field, "the secret's path is empty", FORMS),
            Value::String(path) => Ok(Secret::in_file(self.folder.join(path))),
            Value::Table(table) => {
                let mut pairs = table.iter();
                match (pairs.next(), pairs.next()) {
                    (Some((form, Value::String(name))), None) if form == "env" => {
                        self.read_of(field, Secret::in_variable(name, self.environment))
                    }
                    (Some((form, Value::String(name))), None) if form == "credential" => {
                        self.read_of(field, Secret::in_credential(name, self.environment))
                    }
                    _ => self.wrong(field, "not a form in which a secret is named", FORMS),
                }
            }
            _ => self.wrong(field, "not a form in which a secret is named", FORMS),
        }
    }

    fn read_of<T, V>(&self, field: &Spanned<V>, read: Result<T, SecretError>) -> Checked<T> {
        read.or_else(|error| self.wrong(field, error.to_string(), error.remedy()))
    }

    /// A regular expression.
    pub(super) fn regex(&self, field: &Spanned<String>) -> Checked<Regex> {
        Regex::new(field.get_ref()).or_else(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            self.wrong(
                field,
                format!("not a regular expression: {reason}"),
                "a plain part of the name will do, as in \"ACR122\"; put \\\\ before signs such as ( [ . *",
            )
        })
    }

    /// Bytes in hexadecimal digits, at most `bytes_max`.
    pub(super) fn hex(&self, field: &Spanned<String>, bytes_max: usize) -> Checked<Vec<u8>> {
        match decode_hex(field.get_ref()) {
            Some(bytes) if bytes.len() <= bytes_max => Ok(bytes),
            Some(bytes) => self.wrong(
                field,
                format!("{} bytes are too many", bytes.len()),
                format!("give at most {bytes_max} bytes"),
            ),
            None => self.wrong(field, "not hexadecimal", "write pairs of the digits 0-9 and A-F, as in \"FF00\""),
        }
    }

    /// A web address `https://host…`, or `http://`; without the slash at its end.
    pub(super) fn web_address(&self, at: &Given, plain: PlainHttp) -> Checked<String> {
        let value = at.value.trim_end_matches('/');
        let Some(address) = WebAddress::parse(value) else {
            return self.wrong_given(at, "not a web address", "write it in full, as in \"https://cards.example\"");
        };
        if !address.encrypted && plain == PlainHttp::OnLoopback && !address.is_loopback() {
            return self.wrong_given(at, "plain http to another machine", "write https://; http is for loopback only");
        }
        Ok(value.to_owned())
    }
}

/// Where `http://` will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainHttp {
    Anywhere,
    OnLoopback,
}

/// The parts of a web address that the checks ask for.
pub(super) struct WebAddress<'a> {
    pub(super) encrypted: bool,
    pub(super) host: &'a str,
    /// What follows host and port.
    pub(super) path: &'a str,
}

impl<'a> WebAddress<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (encrypted, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':').or(after.is_empty().then_some(""))?),
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port_ok = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
        let path_ok = !path.bytes().any(|byte| byte.is_ascii_whitespace() || b"?#".contains(&byte));
        let host_ok = is_host_name(host) || host.parse::<std::net::IpAddr>().is_ok();
        (host_ok && port_ok && path_ok).then_some(Self { encrypted, host, path })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Labels of letters, digits and hyphens with dots between (RFC 1123).
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses() {
        for right in ["https://a.example", "http://127.0.0.1:8480", "https://[::1]:8481/x", "https://a-b.example/x/y"] {
            assert!(WebAddress::parse(right).is_some(), "{right}");
        }
        let wrong =
            ["", "a.example", "ftp://a", "https://", "https://a b", "https://a:0", "https://a:99999", "https://-a"];
        for wrong in wrong.into_iter().chain(["https://a/x?y", "https://[::1", "https://[::1]x", "https://user@a"]) {
            assert!(WebAddress::parse(wrong).is_none(), "{wrong}");
        }
        let loopback = ["http://localhost", "http://127.9.9.9", "http://[::1]"];
        assert!(loopback.iter().all(|text| WebAddress::parse(text).is_some_and(|address| address.is_loopback())));
    }
}
