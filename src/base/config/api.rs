//! `[api]`: the doors of the LAN API. Plain HTTP is for loopback; every other address speaks TLS unless it is switched off
//! by name (DESIGN.md section 5).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::reading::{Field, PlainHttp, Reading, WebAddress, is_host_name};
use super::secrets::Secret;
use super::source::ConfigError;

/// `[api]`.
#[derive(Clone, Debug)]
pub struct Api {
    /// The first door: loopback by default.
    pub listen: SocketAddr,
    /// A second door, always with TLS.
    pub listen_tls: Option<SocketAddr>,
    /// The Unix socket of the command line.
    pub socket: PathBuf,
    /// Where the certificate comes from.
    pub tls: Tls,
    /// Origins of web pages that may call the API, exact: `scheme://host[:port]`, lower case.
    pub origins: Vec<String>,
    /// Further host names of this machine, lower case.
    pub names: Vec<String>,
    /// Where phones reach the public pages from outside, without the slash at its end.
    pub public_url: Option<String>,
    /// Seconds until an open sale is cancelled.
    pub open_sale_s: u32,
}

/// Where the LAN certificate comes from.
#[derive(Clone, Debug)]
pub enum Tls {
    /// The shop's own authority.
    Auto,
    /// None: plain HTTP on the LAN, wanted by name.
    Off,
    /// PEM files of the owner's.
    Files {
        /// The certificate and its chain.
        certificate: PathBuf,
        /// Its key.
        key: Secret,
    },
}

/// How a door speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP in clear.
    Plain,
    /// HTTP over TLS.
    Tls,
}

/// One door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its address.
    pub address: SocketAddr,
    /// How it speaks.
    pub transport: Transport,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApi {
    listen: Field<String>,
    listen_tls: Field<Value>,
    socket: Field<String>,
    tls: Field<Value>,
    #[serde(default)]
    origins: Vec<Spanned<String>>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    public_url: Field<String>,
    open_sale_s: Field<i64>,
}

impl Api {
    /// The doors, each with how it speaks.
    pub fn listeners(&self) -> Vec<Listener> {
        let encrypted = !matches!(self.tls, Tls::Off) && !self.listen.ip().is_loopback();
        let transport = if encrypted { Transport::Tls } else { Transport::Plain };
        let second = self.listen_tls.map(|address| Listener { address, transport: Transport::Tls });
        [Some(Listener { address: self.listen, transport }), second].into_iter().flatten().collect()
    }

    pub(super) fn check(reading: &Reading, raw: RawApi) -> Result<Self, ConfigError> {
        let tls = check_tls(reading, raw.tls.as_ref())?;
        let listen = check_listen(reading, &raw.listen)?;
        let listen_tls = raw.listen_tls.as_ref().map(|field| check_listen_tls(reading, field)).transpose()?;
        if let (Some(field), Tls::Off) = (&raw.listen_tls, &tls) {
            return reading.wrong(field, "this door speaks TLS, and tls is \"off\"", "remove one of both keys");
        }
        if let (Some(field), Some(second)) = (&raw.listen_tls, listen_tls)
            && second.port() == listen.port()
            && second.port() != 0
            && (second.ip() == listen.ip() || second.ip().is_unspecified() || listen.ip().is_unspecified())
        {
            return reading.wrong(field, "both doors would have the same port", "give listen_tls another, as in 8481");
        }
        let public_url = match reading.given("api.public_url", &raw.public_url) {
            Some(given) => Some(reading.web_address(&given, PlainHttp::Anywhere)?),
            None => None,
        };
        Ok(Self {
            listen,
            listen_tls,
            socket: reading.path_given("api.socket", &raw.socket, Path::new("/run/stampd/stampd.sock"))?,
            tls,
            origins: raw.origins.iter().map(|field| check_origin(reading, field)).collect::<Result<_, _>>()?,
            names: raw.names.iter().map(|field| check_name(reading, field)).collect::<Result<_, _>>()?,
            public_url,
            open_sale_s: reading.number(&raw.open_sale_s, 900, 1..=86_400, "seconds")?,
        })
    }
}

fn check_listen(reading: &Reading, field: &Field<String>) -> Result<SocketAddr, ConfigError> {
    let Some(given) = reading.given("api.listen", field) else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8480)));
    };
    given.value.parse().or_else(|_| {
        let remedy = "write an IP address and a port, as in \"127.0.0.1:8480\"";
        reading.wrong_given(&given, format!("\"{}\" is no address to listen on", given.value), remedy)
    })
}

fn check_listen_tls(reading: &Reading, field: &Spanned<Value>) -> Result<SocketAddr, ConfigError> {
    let address = match field.get_ref() {
        Value::Integer(port) => u16::try_from(*port)
            .ok()
            .filter(|port| *port > 0)
            .map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match address {
        Some(address) => Ok(address),
        None => reading.wrong(
            field,
            "not a port or address to listen on",
            "write a port, as in 8481, or an IP address with one, as in \"192.168.1.10:8481\"",
        ),
    }
}

fn check_tls(reading: &Reading, field: Option<&Spanned<Value>>) -> Result<Tls, ConfigError> {
    const FORMS: &str = "write \"auto\", \"off\" or { certificate = \"FILE\", key = \"FILE\" }";
    let Some(field) = field else { return Ok(Tls::Auto) };
    match field.get_ref() {
        Value::String(word) if word == "auto" => Ok(Tls::Auto),
        Value::String(word) if word == "off" => Ok(Tls::Off),
        Value::Table(table) if table.len() == 2 => {
            let (Some(Value::String(certificate)), Some(key)) = (table.get("certificate"), table.get("key")) else {
                return reading.wrong(field, "not a way to speak TLS", FORMS);
            };
            let at = |value: Value| Spanned::new(field.span(), value);
            Ok(Tls::Files {
                certificate: reading.file(&Spanned::new(field.span(), certificate.clone()))?,
                key: reading.secret(&at(key.clone()))?,
            })
        }
        _ => reading.wrong(field, "not a way to speak TLS", FORMS),
    }
}

fn check_origin(reading: &Reading, field: &Spanned<String>) -> Result<String, ConfigError> {
    let text = field.get_ref().to_ascii_lowercase();
    match WebAddress::parse(&text) {
        Some(address) if address.path.is_empty() => Ok(text),
        _ => reading.wrong(
            field,
            "not the origin of a web page",
            "write scheme and host without a path, as in \"https://till.example\"; there is no * for all",
        ),
    }
}

fn check_name(reading: &Reading, field: &Spanned<String>) -> Result<String, ConfigError> {
    let name = field.get_ref().to_ascii_lowercase();
    if is_host_name(&name) {
        return Ok(name);
    }
    reading.wrong(field, "not a host name", "write it without scheme and port, as in \"stampd.shop.example\"")
}
