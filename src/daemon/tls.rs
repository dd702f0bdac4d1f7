//! The LAN certificate: made at first start, kept in the data folder, pinned by its SHA-256.

use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use axum_server::tls_openssl::OpenSSLConfig;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use crate::base::config::{Config, Secret, Tls, Transport};
use crate::faces::door::LanTls;

/// Days for which a certificate is made; browsers refuse longer ones from public authorities, tills pin it anyway.
const VALID_DAYS: i64 = 397;

/// It is made anew when two thirds of its life are over.
const RENEW_DAYS_LEFT: i64 = VALID_DAYS / 3;

/// What a till or an operator must know of the LAN certificate.
pub struct LanCertificate {
    /// Its file.
    pub path: std::path::PathBuf,
    /// SHA-256 of it, lower-case hex.
    pub sha256: String,
    /// Whole days that it is still valid, negative when it is over.
    pub days_left: i32,
}

/// The certificate that the TLS doors of `[api]` show; `None` where no door speaks TLS, or where it is made at the first
/// start.
pub fn lan_certificate(config: &Config, now_ms: i64) -> Result<Option<LanCertificate>> {
    if !config.api.listeners().iter().any(|listener| matches!(listener.transport, Transport::Tls)) {
        return Ok(None);
    }
    let path = match &config.api.tls {
        Tls::Files { certificate, .. } => certificate.clone(),
        _ => config.paths.data.join("tls").join("lan.pem"),
    };
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && matches!(config.api.tls, Tls::Auto) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let leaf = X509::from_pem(&pem).with_context(|| format!("{} is no certificate in PEM", path.display()))?;
    let now = Asn1Time::from_unix(now_ms / 1000)?;
    Ok(Some(LanCertificate { sha256: sha256_of(&leaf)?, days_left: now.diff(leaf.not_after())?.days, path }))
}

fn sha256_of(leaf: &X509) -> Result<String> {
    Ok(leaf.digest(MessageDigest::sha256())?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The certificate for the doors of `[api]`, made where there is none; `None` where no door speaks TLS.
pub fn prepare(config: &Config, now_ms: i64) -> Result<Option<LanTls>> {
    if !config.api.listeners().iter().any(|listener| matches!(listener.transport, Transport::Tls)) {
        return Ok(None);
    }
    let (certificate, key) = match &config.api.tls {
        Tls::Files { certificate, key } => (certificate.clone(), key.read()?),
        _ => {
            let folder = config.paths.data.join("tls");
            let (certificate, key) = (folder.join("lan.pem"), folder.join("lan.key"));
            if !still_good(&certificate, now_ms) || !key.exists() {
                make(config, &folder, &certificate, &key)?;
            }
            (certificate, Secret::in_file(key).read()?)
        }
    };
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    let key = PKey::private_key_from_pem(key.expose()).context("the key of [api] tls is no private key in PEM")?;
    acceptor.set_private_key(&key)?;
    acceptor
        .set_certificate_chain_file(&certificate)
        .with_context(|| format!("cannot use the TLS certificate {}", certificate.display()))?;
    acceptor.check_private_key().with_context(|| {
        format!("the key of [api] tls does not belong to {}; give both of one pair", certificate.display())
    })?;
    acceptor.set_alpn_select_callback(|_, offered| {
        openssl::ssl::select_next_proto(b"\x02h2\x08http/1.1", offered).ok_or(openssl::ssl::AlpnError::NOACK)
    });
    let leaf = X509::from_pem(&std::fs::read(&certificate)?)?;
    let sha256 = sha256_of(&leaf)?;
    Ok(Some(LanTls { acceptor: OpenSSLConfig::from_acceptor(std::sync::Arc::new(acceptor.build())), sha256 }))
}

/// Whether the certificate can be read and lasts long enough.
fn still_good(path: &Path, now_ms: i64) -> bool {
    let read = || -> Option<bool> {
        let leaf = X509::from_pem(&std::fs::read(path).ok()?).ok()?;
        let soon = Asn1Time::from_unix(now_ms / 1000 + RENEW_DAYS_LEFT * 86_400).ok()?;
        Some(leaf.not_after() > soon)
    };
    read().unwrap_or(false)
}

/// Makes a key and a certificate of its own for the device's names and addresses.
fn make(config: &Config, folder: &Path, certificate: &Path, key_path: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", &format!("stampd {}", config.shop.id))?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    builder.set_not_after(Asn1Time::days_from_now(VALID_DAYS as u32)?.as_ref())?;
    builder.set_pubkey(&key)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let mut names = SubjectAlternativeName::new();
    names.dns("localhost").ip("127.0.0.1").ip("::1");
    config.api.names.iter().for_each(|name| {
        names.dns(name);
    });
    let addresses = config.api.listeners().into_iter().map(|listener| listener.address.ip());
    for address in addresses.filter(|ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback()) {
        names.ip(&address.to_string());
    }
    let names = names.build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(&key, MessageDigest::sha256())?;
    write_private(key_path, &key.private_key_to_pem_pkcs8()?)?;
    std::fs::write(certificate, builder.build().to_pem()?)
        .with_context(|| format!("cannot write {}", certificate.display()))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
}
