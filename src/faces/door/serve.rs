//! The doors: TCP on loopback, TLS on the LAN, and the Unix socket of the command line.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::ListenerExt;
use axum_server::tls_openssl::{OpenSSLAcceptor, OpenSSLConfig};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::auth::LocalPeer;
use crate::base::config::{Api, Transport};

/// What the TLS doors need.
#[derive(Clone)]
pub struct LanTls {
    /// Serves the certificate.
    pub acceptor: OpenSSLConfig,
    /// SHA-256 of the certificate, lower-case hex: the till pins it.
    pub sha256: String,
}

/// Why a door stays shut.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Another program has the port.
    #[error(
        "port {port} is in use by another program (another stampd?); stop that one, or name another in [api] listen"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port is one of the system's.
    #[error("this user may not listen on port {port}; take a port above 1023 in [api] listen")]
    PortForbidden {
        /// The port.
        port: u16,
    },
    /// The address belongs to another machine.
    #[error("this machine has no address {ip}; name one of its own in [api] listen ('ip address' lists them)")]
    NoSuchAddress {
        /// The address.
        ip: IpAddr,
    },
    /// Any other reason of the system.
    #[error("cannot listen on {address}: {cause}; name another in [api] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A living daemon answers on the socket.
    #[error("another stampd answers on {}; stop that one, or name another in [api] socket", path.display())]
    SocketTaken {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot make the socket {}: {cause}; name another place in [api] socket (at most 107 bytes)", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A TLS door without a certificate.
    #[error("a door speaks TLS and there is no certificate; this is a defect of stampd")]
    NoCertificate,
}

/// Open doors; closed by [`Doors::close`].
pub struct Doors {
    url: String,
    stop: CancellationToken,
    tls_handles: Vec<axum_server::Handle<SocketAddr>>,
    servers: Vec<JoinHandle<()>>,
    socket: PathBuf,
}

impl Doors {
    /// Opens every door of `[api]` to `pages`; when this returns they accept. `stop` ends them.
    pub async fn open(
        api: &Api,
        pages: axum::Router,
        stop: CancellationToken,
        tls: Option<LanTls>,
    ) -> Result<Self, DoorError> {
        let mut doors =
            Self { url: String::new(), stop, tls_handles: Vec::new(), servers: Vec::new(), socket: api.socket.clone() };
        for listener in api.listeners() {
            let bound = bind(listener.address).await?;
            let address = bound.local_addr().unwrap_or(listener.address);
            let scheme = match listener.transport {
                Transport::Plain => {
                    doors.serve_plain(bound, pages.clone());
                    "http"
                }
                Transport::Tls => {
                    let tls = tls.as_ref().ok_or(DoorError::NoCertificate)?;
                    doors.serve_tls(bound, pages.clone(), tls)?;
                    "https"
                }
            };
            if doors.url.is_empty() {
                doors.url = format!("{scheme}://{}", reachable(address));
            }
        }
        doors.serve_socket(&api.socket, pages)?;
        Ok(doors)
    }

    /// The address of the first door.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    fn serve_plain(&mut self, listener: TcpListener, pages: axum::Router) {
        let stop = self.stop.clone();
        // Small answers leave at once: a till waits for each.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        self.servers.push(tokio::spawn(async move {
            let served = axum::serve(listener, pages).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "lan.door: the HTTP door closed");
            }
        }));
    }

    fn serve_tls(&mut self, listener: TcpListener, pages: axum::Router, tls: &LanTls) -> Result<(), DoorError> {
        let listener_address = listener.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        let handle = axum_server::Handle::<SocketAddr>::new();
        self.tls_handles.push(handle.clone());
        let fault = |cause| DoorError::Listen { address: listener_address, cause };
        let listener = listener.into_std().map_err(fault)?;
        let acceptor = OpenSSLAcceptor::new(tls.acceptor.clone());
        let server = axum_server::from_tcp(listener).map_err(fault)?.acceptor(acceptor).handle(handle);
        self.servers.push(tokio::spawn(async move {
            if let Err(error) = server.serve(pages.into_make_service()).await {
                tracing::error!(%error, "lan.door: the TLS door closed");
            }
        }));
        Ok(())
    }

    /// The Unix socket: the peer's user is the credential.
    fn serve_socket(&mut self, path: &Path, pages: axum::Router) -> Result<(), DoorError> {
        let listener = bind_socket(path)?;
        let stop = self.stop.clone();
        let service = pages.into_make_service_with_connect_info::<LocalPeer>();
        self.servers.push(tokio::spawn(async move {
            let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "lan.door: the Unix socket closed");
            }
        }));
        Ok(())
    }

    /// Takes no more requests and lets those under way finish, at most `patience`.
    pub async fn close(self, patience: Duration) {
        self.stop.cancel();
        for handle in &self.tls_handles {
            handle.graceful_shutdown(Some(patience));
        }
        let aborts: Vec<_> = self.servers.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for server in self.servers {
                let _ = server.await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, DoorError> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => DoorError::PortInUse { port: address.port() },
        std::io::ErrorKind::PermissionDenied => DoorError::PortForbidden { port: address.port() },
        std::io::ErrorKind::AddrNotAvailable => DoorError::NoSuchAddress { ip: address.ip() },
        _ => DoorError::Listen { address, cause },
    })
}

/// Binds the socket; one left by a daemon that was killed is taken over, a living one is not.
fn bind_socket(path: &Path) -> Result<UnixListener, DoorError> {
    let fault = |cause| DoorError::Socket { path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(DoorError::SocketTaken { path: path.to_owned() });
        }
        std::fs::remove_file(path).map_err(fault)?;
    }
    let listener = UnixListener::bind(path).map_err(fault)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(fault)?;
    Ok(listener)
}

/// An address as one can call it: the any-address is called by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), address.port())
        }
        _ => address,
    }
}

/// Where links point when there is no public address: the first door.
pub fn lan_url(api: &Api) -> String {
    let first = api.listeners().into_iter().next();
    first.map_or_else(String::new, |listener| {
        let scheme = if matches!(listener.transport, Transport::Plain) { "http" } else { "https" };
        format!("{scheme}://{}", reachable(listener.address))
    })
}
