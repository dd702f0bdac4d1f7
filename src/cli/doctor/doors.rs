//! The daemon, its doors, and where links lead.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Patient;
use super::finding::Finding;
use crate::base::clock::{Clock, Trust};
use crate::base::config::{Listener, Tls, Transport};
use crate::daemon::lan_certificate;
use crate::pure::wire::lan::{HealthView, ReaderList};

/// How long a daemon may take to answer; one that works takes milliseconds.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Days before its end at which a certificate is told.
const CERTIFICATE_DAYS_MIN: i32 = 30;

/// The running daemon, asked once over its Unix socket.
pub enum Daemon {
    /// It answers.
    Answers {
        /// What it says of itself.
        health: Box<HealthView>,
        /// Its readers; `None` when it does not tell this user.
        readers: Option<ReaderList>,
    },
    /// Something listens and gives no sensible answer.
    Silent(String),
    /// A socket lies there and nobody listens.
    LeftOver,
    /// Nothing is there.
    Absent,
    /// This user may not ask.
    Forbidden,
}

impl Daemon {
    /// Asks at `socket`.
    pub fn ask(socket: &Path) -> Self {
        match UnixStream::connect(socket).map_err(|error| error.kind()) {
            Ok(_) => {}
            Err(std::io::ErrorKind::ConnectionRefused) => return Daemon::LeftOver,
            Err(std::io::ErrorKind::PermissionDenied) => return Daemon::Forbidden,
            Err(_) => return Daemon::Absent,
        }
        let answer = Asker::over_socket(socket).and_then(|asker| {
            let health = asker.get("http://localhost/v1/health")?;
            Ok(Daemon::Answers { health: Box::new(health), readers: asker.get("http://localhost/v1/readers").ok() })
        });
        answer.unwrap_or_else(|error| Daemon::Silent(format!("{error:#}")))
    }
}

/// Sends GET requests and waits for their answers.
struct Asker {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Asker {
    fn over_socket(socket: &Path) -> anyhow::Result<Self> {
        Self::new(reqwest::Client::builder().unix_socket(socket))
    }

    /// For a door of this machine: whose certificate it is, is not the question here.
    fn over_network() -> anyhow::Result<Self> {
        Self::new(reqwest::Client::builder().danger_accept_invalid_certs(true).no_proxy())
    }

    fn new(client: reqwest::ClientBuilder) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, client: client.timeout(ANSWER_WAIT_MAX).build()? })
    }

    fn get<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let bytes = self.client.get(url).send().await?.error_for_status()?.bytes().await?;
            Ok(serde_json::from_slice(&bytes)?)
        })
    }
}

/// Whether the daemon runs, in which version, and what else it has to say.
pub fn daemon(patient: &Patient) -> Vec<Finding> {
    let socket = patient.config.api.socket.display();
    let start = "start it: systemctl enable --now stampd";
    let one = match &patient.daemon {
        Daemon::Answers { health, .. } => return daemon_findings(health, &patient.config.shop.id),
        Daemon::Silent(why) => Finding::fail(
            "daemon",
            format!("what listens on {socket} gives no sensible answer: {why}"),
            "look at: journalctl -u stampd; then: systemctl restart stampd",
        ),
        Daemon::LeftOver => {
            Finding::warn("daemon", format!("it does not run; {socket} was left by one that was killed"), start)
        }
        Daemon::Absent => Finding::warn("daemon", "it does not run", start),
        Daemon::Forbidden => Finding::warn(
            "daemon",
            format!("this user may not ask on {socket}"),
            "run doctor as root or as the daemon's user: sudo stampd doctor",
        ),
    };
    vec![one]
}

/// Parts that doctor looks at itself.
const LOOKED_AT: [&str; 3] = ["ledger", "readers", "clock"];

fn daemon_findings(health: &HealthView, shop: &str) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = vec![if health.shop != shop {
        Finding::fail(
            "daemon",
            format!("the one on this socket serves the shop '{}', this configuration is of '{shop}'", health.shop),
            "give each its own [api] socket, or name the other configuration with --config",
        )
    } else if health.version != own {
        let found = format!("version {} runs, version {own} is installed", health.version);
        Finding::warn("daemon", found, "systemctl restart stampd")
    } else {
        Finding::ok("daemon", format!("it runs and answers, version {own}"))
    }];
    let others = health.parts.iter().filter(|part| part.state != "ok" && !LOOKED_AT.contains(&part.name.as_str()));
    findings.extend(others.map(|part| {
        let remedy = part.remedy.clone().unwrap_or_else(|| "look at: journalctl -u stampd".to_owned());
        Finding::warn(&part.name, format!("{}: {}", part.state, part.detail), remedy)
    }));
    findings
}

/// Each door: ours, free, or taken; and whether what passes it can be read on the way.
pub fn listeners(patient: &Patient) -> Vec<Finding> {
    let api = &patient.config.api;
    let mut findings: Vec<Finding> = api.listeners().iter().map(|listener| door(patient, *listener)).collect();
    for listener in api.listeners() {
        if listener.transport == Transport::Plain && !listener.address.ip().is_loopback() {
            findings.push(Finding::warn(
                "doors",
                format!(
                    "{} speaks plain HTTP to the LAN: tokens and customers can be read on the way",
                    listener.address
                ),
                "remove tls = \"off\" from [api]; tills then pin the certificate that doctor names",
            ));
        }
    }
    findings.extend(certificate(patient));
    findings
}

fn door(patient: &Patient, listener: Listener) -> Finding {
    let address = listener.address;
    let runs = matches!(patient.daemon, Daemon::Answers { .. });
    match TcpListener::bind(address) {
        Ok(_) if runs && address.port() != 0 => Finding::fail(
            "doors",
            format!("the daemon runs and does not listen on {address}"),
            "it was started with another configuration or --listen: systemctl restart stampd",
        ),
        Ok(_) => Finding::ok("doors", format!("{address} is free for the daemon")),
        Err(error) => taken(patient, listener, error.kind()).unwrap_or_else(|| bind_fault(address, &error)),
    }
}

/// Ours, when what listens there answers as this shop.
fn taken(patient: &Patient, listener: Listener, error: std::io::ErrorKind) -> Option<Finding> {
    if error != std::io::ErrorKind::AddrInUse {
        return None;
    }
    let scheme = if listener.transport == Transport::Plain { "http" } else { "https" };
    let url = format!("{scheme}://{}", reachable(listener.address));
    let health = Asker::over_network().and_then(|asker| asker.get::<HealthView>(&format!("{url}/v1/health"))).ok()?;
    (health.shop == patient.config.shop.id).then(|| Finding::ok("doors", format!("the daemon answers at {url}")))
}

fn bind_fault(address: SocketAddr, error: &std::io::Error) -> Finding {
    let (finding, remedy) = match error.kind() {
        std::io::ErrorKind::AddrInUse => (
            format!("port {} is in use by another program", address.port()),
            format!(
                "find it (ss -ltnp 'sport = :{}') and stop it, or name another port in [api] listen",
                address.port()
            ),
        ),
        std::io::ErrorKind::PermissionDenied => (
            format!("this user may not listen on port {}", address.port()),
            "take a port above 1023 in [api] listen".to_owned(),
        ),
        std::io::ErrorKind::AddrNotAvailable => (
            format!("this machine has no address {}", address.ip()),
            "name one of its own in [api] listen ('ip address' lists them)".to_owned(),
        ),
        _ => (format!("cannot listen on {address}: {error}"), "name another address in [api] listen".to_owned()),
    };
    Finding::fail("doors", finding, remedy)
}

fn certificate(patient: &Patient) -> Option<Finding> {
    let api = &patient.config.api;
    if !api.listeners().iter().any(|listener| listener.transport == Transport::Tls) {
        return None;
    }
    let now_ms = Clock::new(patient.config.shop.time_zone.clone(), Trust::Always).map_or(0, |clock| clock.wall_ms());
    Some(match lan_certificate(&patient.config, now_ms) {
        Ok(None) => Finding::ok("doors", "the LAN certificate is made at the first start"),
        Ok(Some(certificate)) => {
            let found = format!("the LAN certificate has SHA-256 {}", certificate.sha256);
            let left = certificate.days_left;
            if left >= CERTIFICATE_DAYS_MIN || (left >= 0 && matches!(api.tls, Tls::Auto)) {
                Finding::ok("doors", format!("{found}, {left} days left"))
            } else {
                let remedy = match api.tls {
                    Tls::Auto => "systemctl restart stampd makes a new one; tills pin it anew",
                    _ => "put a new one in its place, then: systemctl restart stampd",
                };
                let told = format!("{found} and {left} days left ({})", certificate.path.display());
                if left < 0 { Finding::fail("doors", told, remedy) } else { Finding::warn("doors", told, remedy) }
            }
        }
        Err(error) => {
            Finding::fail("doors", format!("{error:#}"), "name a certificate in PEM in [api] tls, or write \"auto\"")
        }
    })
}

/// Where the links of passes and mails lead.
pub fn links(patient: &Patient) -> Vec<Finding> {
    let api = &patient.config.api;
    let lan = api.listeners().first().map_or_else(String::new, |listener| {
        let scheme = if listener.transport == Transport::Plain { "http" } else { "https" };
        format!("{scheme}://{}", reachable(listener.address))
    });
    vec![match &api.public_url {
        Some(url) if url.starts_with("https://") => Finding::ok("links", format!("they lead to {url}")),
        Some(url) => Finding::warn(
            "links",
            format!("they lead to {url}, in clear: Apple Wallet takes https only"),
            "give [api] public_url an https:// address",
        ),
        None => Finding::warn(
            "links",
            format!("they name the LAN address {lan}: phones outside cannot open them"),
            "set [api] public_url to the address under which phones reach this device or the hub",
        ),
    }]
}

/// An address as one can call it: the any-address is called by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(loopback, address.port())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::pure::wire::lan::PartView;

    fn health(version: &str, shop: &str, parts: Vec<PartView>) -> HealthView {
        HealthView {
            status: "ok".to_owned(),
            version: version.to_owned(),
            shop: shop.to_owned(),
            now: "2026-11-21T09:00:00.000+01:00".to_owned(),
            certificate_sha256: None,
            parts,
        }
    }

    fn part(name: &str, state: &str, remedy: Option<&str>) -> PartView {
        PartView {
            name: name.to_owned(),
            state: state.to_owned(),
            detail: "so it is".to_owned(),
            remedy: remedy.map(str::to_owned),
        }
    }

    #[test]
    fn a_daemon_of_another_version_or_shop_is_told() {
        let own = env!("CARGO_PKG_VERSION");
        let levels = |health: HealthView| -> Vec<Level> {
            daemon_findings(&health, "cafe").iter().map(|finding| finding.level).collect()
        };
        assert_eq!(levels(health(own, "cafe", vec![])), [Level::Ok]);
        assert_eq!(levels(health("0.0.1", "cafe", vec![])), [Level::Warn]);
        assert_eq!(levels(health(own, "bar", vec![])), [Level::Fail]);
        let parts =
            vec![part("clock", "degraded", None), part("outbox", "degraded", Some("look")), part("hub", "ok", None)];
        let findings = daemon_findings(&health(own, "cafe", parts), "cafe");
        assert_eq!(findings.len(), 2, "the clock is doctor's own matter");
        assert_eq!((findings[1].part.as_str(), findings[1].remedy.as_deref()), ("outbox", Some("look")));
    }

    #[test]
    fn every_way_in_which_a_port_cannot_be_had_has_a_remedy() {
        use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, Other, PermissionDenied};
        let address = SocketAddr::from(([192, 0, 2, 1], 80));
        for (kind, word) in [
            (AddrInUse, "port 80"),
            (PermissionDenied, "port 80"),
            (AddrNotAvailable, "192.0.2.1"),
            (Other, "192.0.2.1:80"),
        ] {
            let finding = bind_fault(address, &std::io::Error::from(kind));
            assert_eq!(finding.level, Level::Fail);
            assert!(finding.finding.contains(word), "{finding:?}");
            assert!(finding.remedy.is_some_and(|remedy| remedy.contains("[api] listen")));
        }
    }

    #[test]
    fn the_any_address_is_called_by_loopback() {
        let text = |address: &str| reachable(address.parse().expect("an address")).to_string();
        assert_eq!(text("0.0.0.0:8480"), "127.0.0.1:8480");
        assert_eq!(text("[::]:8480"), "[::1]:8480");
        assert_eq!(text("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn no_daemon_is_told_from_one_that_was_killed() {
        let folder = std::env::temp_dir().join(format!("stampd-doctor-doors-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join("stampd.sock");
        assert!(matches!(Daemon::ask(&socket), Daemon::Absent));
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        assert!(matches!(Daemon::ask(&socket), Daemon::LeftOver));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
