//! `[hub]` and `[mail]`: who is reached over the network.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::reading::{Field, Given, PlainHttp, Reading, is_host_name};
use super::secrets::Secret;
use super::source::{ConfigError, Place};

/// `[hub]`.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Its address, without the slash at its end.
    pub url: String,
    /// Key and certificate of this device.
    pub credentials: Secret,
}

/// `[mail]`.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The SMTP server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Who signs in, if the server asks.
    pub user: Option<String>,
    /// With what.
    pub password: Option<Secret>,
    /// The sender, as in `Café Nord <cards@cafe.example>`.
    pub from: String,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// Begins in clear and switches; refused when the server cannot.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// In clear: a server on this machine only.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHub {
    url: Spanned<String>,
    credentials: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMail {
    host: Spanned<String>,
    port: Field<i64>,
    security: Field<MailSecurity>,
    user: Field<String>,
    password: Field<Value>,
    from: Spanned<String>,
}

impl Hub {
    pub(super) fn check(reading: &Reading, raw: RawHub) -> Result<Self, ConfigError> {
        let url = Given { value: raw.url.get_ref().clone(), place: Place::Text(raw.url.span()) };
        Ok(Self {
            url: reading.web_address(&url, PlainHttp::OnLoopback)?,
            credentials: reading.secret(&raw.credentials)?,
        })
    }
}

impl Mail {
    pub(super) fn check(reading: &Reading, raw: RawMail) -> Result<Self, ConfigError> {
        let host = raw.host.get_ref();
        let address = host.parse::<std::net::IpAddr>();
        if address.is_err() && !is_host_name(host) {
            return reading.wrong(&raw.host, "not a mail server", "write its host name alone, as in \"smtp.example\"");
        }
        let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        if let Some(field) = &raw.security
            && *field.get_ref() == MailSecurity::None
            && !here
        {
            let remedy = "write \"starttls\" or \"tls\"; \"none\" is for a server on this machine";
            return reading.wrong(field, "mail in clear to another machine", remedy);
        }
        match (&raw.user, &raw.password) {
            (Some(user), None) => {
                return reading.wrong(user, "a user without a password", "name the secret in password");
            }
            (None, Some(password)) => return reading.wrong(password, "a password without a user", "add user"),
            _ => {}
        }
        let from = raw.from.get_ref();
        if !is_mail_address(from) {
            let remedy = "write it as in \"cards@cafe.example\" or \"Café Nord <cards@cafe.example>\"";
            return reading.wrong(&raw.from, "not a mail address", remedy);
        }
        Ok(Self {
            host: host.clone(),
            port: reading.number(&raw.port, 587, 1..=65_535, "as a port")?,
            security: raw.security.as_ref().map(|field| *field.get_ref()).unwrap_or_default(),
            user: raw.user.map(Spanned::into_inner),
            password: raw.password.as_ref().map(|field| reading.secret(field)).transpose()?,
            from: from.clone(),
        })
    }
}

/// `local@host`, alone or in angle brackets after a name; the mail library judges the rest.
fn is_mail_address(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(rest) => match rest.rsplit_once('<') {
            Some((_, address)) => address,
            None => return false,
        },
        None => text.trim(),
    };
    let no_control = !text.chars().any(char::is_control);
    no_control
        && address.rsplit_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !local.contains(char::is_whitespace) && is_host_name(host)
        })
}
