//! `stampd demo`: a shop in one command. Makes it on the first start, then runs the daemon and lets a software phone, a
//! process of its own, tap now and then.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use jiff::tz::TimeZone;

use crate::base::clock::{Clock, Trust};
use crate::base::config::Config;
use crate::daemon::{self, Daemon};
use crate::tools::demo::{self, DemoChip, DemoShop};

/// What a demo may be told.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Where the shop lies; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "./stampd-demo")]
    dir: PathBuf,
    /// The address of the API and the console.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Leaves the readers to others: no software phone taps.
    #[arg(long)]
    no_phone: bool,
    /// How many customers the shop has when it is made.
    #[arg(long, value_name = "N", default_value_t = demo::CUSTOMERS)]
    customers: usize,
    /// The TCP port on which the virtual reader's first slot listens, as pcscd's reader file sets it.
    #[arg(long, value_name = "PORT", default_value_t = crate::tools::phone::vpcd::PORT_DEFAULT)]
    port_vpcd: u16,
    /// Milliseconds between two taps of the software phone.
    #[arg(long, value_name = "MS", default_value_t = 6_000)]
    tap_every_ms: u64,
}

/// The programme whose cards the phone shows: its taps award at once.
const TAPPED: &str = "cafe10";

/// What the phone shows, in turns: each medium that a customer can hold up, phones more often than the rest. One round
/// takes longer than the interval that the programme wants between two stamps on one card.
const ROUND: [&str; 12] =
    ["apple", "google", "ntag424", "uid", "barcode", "google", "ntag", "apple", "google", "ntag424", "apple", "google"];

/// Runs the command.
pub fn run(args: DemoArgs) -> Result<()> {
    if std::env::var_os("STAMPD_LOG").is_some() {
        super::logs_start();
    } else {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(std::io::stderr)
            .with_target(false)
            // A file or a pipe gets plain text.
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init();
    }
    let now = Clock::new(TimeZone::UTC, Trust::Always)?.now();
    let shop = demo::prepare(&args.dir, args.listen, &now)?;
    let config = Config::load(&shop.config)?;
    port_free(args.listen)?;
    populate(&shop, &config, args.customers)?;
    let service = Service::ensure();
    let mut phone = None;
    let served = super::run::serve(config, |daemon| {
        tell(&args, &shop, daemon, &service);
        if !args.no_phone {
            let chips = demo::chips(&daemon.till)?;
            phone = Some(TappingPhone::start(&shop, chips, args.port_vpcd, args.tap_every_ms)?);
        }
        Ok(())
    });
    if let Some(phone) = phone {
        phone.stop();
    }
    served
}

/// Fills the ledger on the first start, and writes `demo.json` before any door opens.
fn populate(shop: &DemoShop, config: &Config, customers: usize) -> Result<()> {
    let (till, clock) = daemon::till_open_at(config, if shop.sheet.exists() { 0 } else { demo::HISTORY_MS })?;
    demo::populate(&till, &clock.now(), &shop.secrets, customers)?;
    demo::sheet_write(shop, &till, &till.settings().base_url)
}

/// A port in use is told before the ledger is made, not after.
fn port_free(listen: SocketAddr) -> Result<()> {
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => anyhow::bail!(
            "{listen} is in use by another program (another demo?); stop that one, or choose another with --listen"
        ),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {listen}; choose another with --listen")),
    }
}

fn tell(args: &DemoArgs, shop: &DemoShop, daemon: &Daemon, service: &Service) {
    let manager = demo::staff().into_iter().find(|person| person.role == crate::pure::domain::Role::Manager);
    say!("stampd demo: a shop that works, in {}", shop.dir.display());
    say!(
        "  console      {}/  (staff PIN of {})",
        daemon.url(),
        manager.map_or(String::new(), |person| { format!("{}: {}", person.name, person.pin) })
    );
    say!("  API          {}/v1  (tokens, keys and cards are in {})", daemon.url(), shop.sheet.display());
    match service {
        Service::Running | Service::Ours(_) => {
            let port = args.port_vpcd;
            say!(
                "  reader       the virtual reader listens on ports {port} and {}, open to everybody on this network",
                port + 1
            );
        }
        Service::Missing(remedy) => say!("  reader       none: {remedy}"),
    }
    if args.no_phone {
        say!("  phone        none: 'stampd phone --wallet apple --demo {}' taps once", shop.sheet.display());
    }
    say!("Each tap: reader · medium · card · what it did · balance · milliseconds from the chip seen. Ctrl-C ends.");
    daemon.taps_to(|line| say!("{line}"));
}

/// The smart card service behind the virtual reader.
enum Service {
    /// It answers already.
    Running,
    /// Started for this demo; ended with it.
    Ours(Child),
    /// Not to be had, with what to do about it.
    Missing(String),
}

/// Where pcscd listens, unless the environment names another place.
const PCSCD_SOCKET: &str = "/run/pcscd/pcscd.comm";

impl Service {
    /// Uses the pcscd that runs, or starts one: on a machine without systemd nobody else does.
    fn ensure() -> Self {
        let named = std::env::var_os("PCSCLITE_CSOCK_NAME").map(PathBuf::from);
        let socket = named.clone().unwrap_or_else(|| PCSCD_SOCKET.into());
        if answers(&socket) {
            return Service::Running;
        }
        if let Some(named) = named {
            // One that we started would listen at its own place and never answer there.
            return Service::Missing(format!(
                "no pcscd answers at {}, which PCSCLITE_CSOCK_NAME names; start that one, or unset the variable",
                named.display()
            ));
        }
        let program = ["/usr/sbin/pcscd", "/usr/local/sbin/pcscd"].into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            return Service::Missing(
                "install pcscd and vsmartcard-vpcd (apt-get install), or use make demo".to_owned(),
            );
        };
        // It must not outlive the demo, nor take its Ctrl-C.
        let started = Command::new(program)
            .arg("--foreground")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let Ok(mut child) = started else {
            return Service::Missing(format!("{program} does not start; run it as root beside this demo"));
        };
        for _ in 0..100 {
            if answers(&socket) {
                return Service::Ours(child);
            }
            if matches!(child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = child.kill();
        let _ = child.wait();
        Service::Missing(format!("{program} does not stay up; run it as root beside this demo and read what it says"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Service::Ours(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn answers(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// The software phone: a process for each tap, with another card each time.
struct TappingPhone {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl TappingPhone {
    fn start(shop: &DemoShop, chips: Vec<DemoChip>, port: u16, every_ms: u64) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program for the software phone")?;
        let sheet: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&shop.sheet)?)?;
        let cards: Vec<String> = sheet["cards"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|card| card["programme"] == TAPPED)
            .filter_map(|card| Some(card["serial"].as_str()?.to_owned()))
            .collect();
        let (stop, stopped) = channel::<()>();
        let sheet = shop.sheet.clone();
        let thread = std::thread::Builder::new().name("phone".to_owned()).spawn(move || {
            let mut missed = false;
            for (card, wallet) in cards.iter().cycle().zip(ROUND.iter().cycle()) {
                // A small demo has no such chips: phones go on.
                let Some(shown) = shown(wallet, card, &chips) else { continue };
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    missed = false;
                    tap(&program, &sheet, &shown, port);
                } else if !missed {
                    missed = true;
                    say!("phone: nothing listens on port {port}; is the virtual reader installed (vsmartcard-vpcd)?");
                }
                match stopped.recv_timeout(Duration::from_millis(every_ms)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// The arguments by which the phone shows a card's medium, or a chip; `None` where the demo has no such chip.
fn shown(wallet: &str, card: &str, chips: &[DemoChip]) -> Option<Vec<String>> {
    let has_text = match wallet {
        "uid" => false,
        "ntag" => true,
        _ => return Some(["--wallet", wallet, "--card", card].map(str::to_owned).to_vec()),
    };
    let chip = chips.iter().find(|chip| chip.text.is_some() == has_text)?;
    let uid: String = chip.uid.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut arguments = ["--wallet", wallet, "--uid", &uid].map(str::to_owned).to_vec();
    arguments.extend(chip.text.iter().flat_map(|text| ["--text".to_owned(), text.clone()]));
    Some(arguments)
}

/// One tap by a process of its own; the daemon's line tells what came of it.
fn tap(program: &Path, sheet: &Path, shown: &[String], port: u16) {
    let done = Command::new(program)
        .args(["phone", "--demo"])
        .arg(sheet)
        .args(shown)
        .args(["--reader-port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .status();
    if let Err(error) = done {
        say!("phone: it does not start: {error}");
    }
}
