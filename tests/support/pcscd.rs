//! A real pcscd of a test's own, with virtual readers, in a mount namespace of its own: tests run side by side, and each
//! may kill its service, restart it, and give it other readers (readers-and-scanners.md section 1.12).
//!
//! Its socket lies in the test's scratch directory, and libpcsclite finds it by `PCSCLITE_CSOCK_NAME`. The library reads
//! that variable once per process, so a program under test gets it in its environment ([`Pcscd::env`]), and a test that
//! calls PC/SC itself runs in a process of its own ([`with_pcscd`]).

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::wait_until;

/// By what libpcsclite finds the service.
pub const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// Tells the child of [`with_pcscd`] where its scratch directory is.
const CHILD_VARIABLE: &str = "STAMPD_TEST_PCSCD_DIR";

/// Where Debian's vsmartcard-vpcd puts the driver.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// In the namespace pcscd finds its /run/pcscd, which is the scratch directory's `run` outside. It dies with the thread
/// that started it, should the test be killed.
const START: &str = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && mount --bind \"$0/run\" /run/pcscd \
    && exec setpriv --pdeathsig KILL pcscd --foreground --config \"$0/readers\"";

/// A pcscd with one virtual reader of two slots. Dropping it ends it and removes its directory.
pub struct Pcscd {
    dir: PathBuf,
    name: String,
    ports: Ports,
    child: Option<Child>,
}

impl Pcscd {
    /// Starts a service; returns when it and both slots of its reader answer.
    pub fn start() -> Self {
        let mut pcscd = Self::absent(&scratch());
        pcscd.restart();
        pcscd
    }

    /// A service that does not run yet, with its directory at `dir`.
    fn absent(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("run")).expect("a scratch directory");
        std::fs::create_dir_all(dir.join("readers")).expect("a scratch directory");
        Self { dir: dir.to_owned(), name: "Virtual PCD".to_owned(), ports: Ports::reserve(), child: None }
    }

    /// What a program under test needs in its environment.
    pub fn env(&self) -> (&'static str, PathBuf) {
        (SOCKET_VARIABLE, socket(&self.dir))
    }

    /// The TCP port of a slot, 0 or 1.
    pub fn port(&self, slot: u16) -> u16 {
        self.ports.first + slot
    }

    /// The name under which PC/SC lists a slot, 0 or 1.
    pub fn reader(&self, slot: u16) -> String {
        format!("{} 00 {slot:02}", self.name)
    }

    /// Kills the service without a word, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("waited for");
        }
    }

    /// Starts the service, again or for the first time, with the same reader.
    pub fn restart(&mut self) {
        self.kill();
        loop {
            let port = self.ports.first;
            let file = format!(
                "FRIENDLYNAME \"{}\"\nDEVICENAME /dev/null:0x{port:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{port:X}\n",
                self.name
            );
            std::fs::write(self.dir.join("readers/vpcd"), file).expect("written");
            let mut child = self.spawn();
            let up = || UnixStream::connect(socket(&self.dir)).is_ok();
            wait_until("pcscd answers", || up() || child.try_wait().expect("asked").is_some());
            if up() && (0..2).all(|slot| is_listened_to(self.port(slot))) {
                self.child = Some(child);
                return;
            }
            // Another program took a port between our look and the driver's.
            let ended = child.kill().and_then(|()| child.wait()).expect("ended");
            let log = std::fs::read_to_string(self.dir.join("pcscd.log")).unwrap_or_default();
            assert!(up_to_the_ports(&log), "pcscd does not start ({ended}); make test installs what it needs:\n{log}");
            self.ports = Ports::reserve();
        }
    }

    /// Starts the service again with a reader of another name in another file, on other ports.
    pub fn restart_as(&mut self, name: &str) {
        self.kill();
        self.name = name.to_owned();
        self.ports = Ports::reserve();
        self.restart();
    }

    fn spawn(&self) -> Child {
        let log = std::fs::File::create(self.dir.join("pcscd.log")).expect("a log");
        let mut command = Command::new("unshare");
        // Whoever is not root is root in a user namespace of their own.
        command.args(if is_root() { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
        command.args(["sh", "-c", START]).arg(&self.dir).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        command.spawn().expect("unshare (package util-linux) starts")
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait().map(drop));
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Runs `body` with a pcscd that does not run yet, in a process of its own: the test program starts itself again for
/// `test` alone, with the service's socket in its environment. `test` is the test's full name, `reader::one_tap`.
pub fn with_pcscd(test: &str, body: impl FnOnce(&mut Pcscd)) {
    if let Some(dir) = std::env::var_os(CHILD_VARIABLE) {
        body(&mut Pcscd::absent(Path::new(&dir)));
        return;
    }
    let dir = scratch();
    let output = Command::new(std::env::current_exe().expect("this test program"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD_VARIABLE, &dir)
        .env(SOCKET_VARIABLE, socket(&dir))
        .output()
        .expect("the test program starts");
    let _ = std::fs::remove_dir_all(&dir);
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{test} failed:\n{text}\n{errors}");
}

/// Two TCP ports in a row, ours as long as the UDP socket lives: whoever else runs these tests asks for it as well.
struct Ports {
    first: u16,
    _reservation: UdpSocket,
}

impl Ports {
    fn reserve() -> Self {
        // Below the range from which the kernel gives ports to clients.
        let start = 20_000 + (std::process::id() % 5_000) as u16 * 2;
        let candidates = (start..30_000).chain(20_000..start).step_by(2);
        for first in candidates {
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, first)) else { continue };
            if [first, first + 1].into_iter().all(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()) {
                return Self { first, _reservation: reservation };
            }
        }
        panic!("no two free TCP ports between 20000 and 30000");
    }
}

fn scratch() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Short: the path of a Unix socket has at most 107 bytes.
    PathBuf::from(format!("/tmp/stampd-pcscd-{}-{count}", std::process::id()))
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("run/pcscd.comm")
}

/// Without connecting: the virtual reader would take that for a chip.
fn is_listened_to(port: u16) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp");
    let local = format!(":{port:04X}");
    sockets.lines().filter_map(|line| line.split_whitespace().nth(1).zip(line.split_whitespace().nth(3))).any(
        // 0A is LISTEN.
        |(address, state)| address.ends_with(&local) && state == "0A",
    )
}

fn up_to_the_ports(log: &str) -> bool {
    log.contains("Address already in use") || log.contains("bind")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}
