//! Growth (goal 5): a shop with many customers beside one with a thousand, both as `stampd run` serves them. Their ledgers
//! are generated once and kept below the target folder; `--customers` and `--entries` say how large the large one is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rusqlite::Connection;

use crate::generate::{self, Sample, Size};
use crate::slices::{Slice, alternate, median, print_row};
use crate::{Limit, Options, Verdict};

/// The shop beside which the large one is held.
const SMALL: Size = Size { customers: 1_000, entries: 10_000 };

/// How often it is looked whether a backup was made.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Starts of each daemon.
const STARTS: usize = 5;

/// Posting, resolving a token and the first page of history; start and memory; `ledger verify`.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (small, large) = (generate::shop(root, SMALL)?, generate::shop(root, options.size)?);
    println!(
        "  {} customers, {} entries beside {} customers",
        options.size.customers, options.size.entries, SMALL.customers
    );
    let mut verdicts = Vec::new();
    let (start_ms, small_ms) = (starts(&large)?, starts(&small)?);
    println!("  start to ready: {start_ms:.0} ms (small shop {small_ms:.0} ms)");
    verdicts.push(at_most("goal 5: start to ready, of 300 ms", start_ms / 300.0, 1.0));
    let (mut few, mut many) = (Daemon::start(&small)?, Daemon::start(&large)?);
    // The first backup is due at once, as these shops have none; the nights when one is made are no time for tills.
    let (few_s, many_s) = (few.backed_up()?, many.backed_up()?);
    println!("  backup made and verified after {many_s:.1} s (small shop {few_s:.1} s)");
    for (what, asked) in [
        ("goal 5: posting, large over small", Asked::Post),
        ("goal 5: resolving a token, large over small", Asked::Scan),
        ("goal 5: first page of history, large over small", Asked::History),
    ] {
        let mut floor = |length: Duration| Slice::of_repeated(length, || few.ask(asked));
        let mut own = |length: Duration| Slice::of_repeated(length, || many.ask(asked));
        let [floor, own] = alternate(options.plan(), [&mut floor, &mut own])?;
        print_row(&format!("{asked:?}: small shop (floor)"), &floor, None);
        print_row(&format!("{asked:?}: large shop"), &own, Some(&floor));
        verdicts.push(at_most(what, own.ratio(&floor, |slice| slice.quantile(0.5)), 1.1));
    }
    let mib = many.resident_mib("VmRSS")?;
    println!(
        "  resident memory after that: {mib:.1} MiB, at most {:.1} since the start (small shop {:.1} and {:.1} MiB)",
        many.resident_mib("VmHWM")?,
        few.resident_mib("VmRSS")?,
        few.resident_mib("VmHWM")?
    );
    verdicts.push(at_most("goal 5: resident memory, of 64 MiB", mib / 64.0, 1.0));
    drop((few, many));
    verify(&large)?;
    Ok(verdicts)
}

fn at_most(what: &'static str, ratio: f64, limit: f64) -> Verdict {
    Verdict { what, ratio, limit: Limit::AtMost(limit) }
}

/// `stampd ledger verify` beside a bare scan and hash of the same rows.
fn verify(shop: &generate::Shop) -> anyhow::Result<()> {
    let begun = Instant::now();
    let connection = Connection::open(shop.ledger())?;
    let mut statement = connection.prepare("SELECT hash, body FROM event ORDER BY position")?;
    let (mut rows, mut events, mut bytes) = (statement.query([])?, 0u64, 0usize);
    while let Some(row) = rows.next()? {
        let (hash, body) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        ensure!(openssl::sha::sha256(body) == hash, "a row has another hash");
        (events, bytes) = (events + 1, bytes + body.len());
    }
    let bare = begun.elapsed();
    let begun = Instant::now();
    let verified = shop.command(&["ledger", "verify"]).output()?;
    let took = begun.elapsed();
    ensure!(verified.status.success(), "verify: {}", String::from_utf8_lossy(&verified.stdout));
    println!(
        "  ledger verify of {events} events ({} MiB): {:.1} s; a bare scan and hash of them {:.1} s; ratio {:.1}",
        bytes >> 20,
        took.as_secs_f64(),
        bare.as_secs_f64(),
        took.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

/// The median of some starts, milliseconds.
fn starts(shop: &generate::Shop) -> anyhow::Result<f64> {
    let one = |_| Daemon::start(shop).map(|daemon| daemon.ready_ms);
    Ok(median((0..STARTS).map(one).collect::<anyhow::Result<Vec<_>>>()?))
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Post,
    Scan,
    History,
}

/// A running daemon, and one connection to it.
struct Daemon {
    child: Child,
    stream: TcpStream,
    token: String,
    samples: Vec<Sample>,
    turn: usize,
    begun: Instant,
    ready_ms: f64,
    answer: Vec<u8>,
}

impl Daemon {
    fn start(shop: &generate::Shop) -> anyhow::Result<Self> {
        let address = shop.address_take()?;
        let begun = Instant::now();
        let mut child = shop.command(&["run"]).spawn()?;
        let stream = loop {
            if let Ok(stream) = TcpStream::connect(address) {
                break stream;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the daemon ended: {status}");
            }
            std::thread::park_timeout(Duration::from_millis(1));
        };
        stream.set_nodelay(true)?;
        let (token, samples) = shop.sample()?;
        let mut daemon = Self { child, stream, token, samples, turn: 0, begun, ready_ms: 0.0, answer: Vec::new() };
        ensure!(daemon.send("GET", "/v1/health", None)? == 200, "no health");
        daemon.ready_ms = begun.elapsed().as_secs_f64() * 1e3;
        Ok(daemon)
    }

    /// One request about the card whose turn it is.
    fn ask(&mut self, asked: Asked) -> anyhow::Result<()> {
        let sample = self.samples[self.turn % self.samples.len()].clone();
        self.turn += 1;
        let (status, expected) = match asked {
            Asked::Post => {
                let path = format!("/v1/cards/{}/entries", sample.serial);
                (self.send("POST", &path, Some(r#"{"kind":"stamps","count":1}"#.to_owned()))?, 201)
            }
            Asked::Scan => {
                let body = serde_json::json!({ "text": sample.barcode, "till": "till-1" });
                (self.send("POST", "/v1/scans", Some(body.to_string()))?, 200)
            }
            Asked::History => (self.send("GET", &format!("/v1/cards/{}/history", sample.serial), None)?, 200),
        };
        ensure!(status == expected, "{asked:?}: {}", String::from_utf8_lossy(&self.answer));
        Ok(())
    }

    fn send(&mut self, method: &str, path: &str, body: Option<String>) -> anyhow::Result<u16> {
        let body = body.unwrap_or_default();
        let key = if method == "POST" {
            format!("Idempotency-Key: {}-{}\r\nContent-Type: application/json\r\n", std::process::id(), unique())
        } else {
            String::new()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{key}Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.write_all(head.as_bytes())?;
        self.answer.clear();
        let mut part = [0; 16 * 1024];
        loop {
            let read = self.stream.read(&mut part)?;
            ensure!(read > 0, "the daemon closed the connection");
            self.answer.extend_from_slice(&part[..read]);
            let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.answer[..end])?.to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if self.answer.len() >= end + 4 + length.context("an answer without a length")? {
                return Ok(text.get(9..12).context("no status")?.parse()?);
            }
        }
    }

    /// Waits until the daemon has made its backup; answers how long after its start that was, seconds.
    fn backed_up(&mut self) -> anyhow::Result<f64> {
        loop {
            ensure!(self.send("GET", "/v1/health", None)? == 200, "no health");
            let body = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no body")? + 4;
            let health: serde_json::Value = serde_json::from_slice(&self.answer[body..])?;
            let parts = health["parts"].as_array().context("no parts")?;
            let backup = parts.iter().find(|part| part["name"] == "backup").context("no backups")?;
            ensure!(backup["state"] == "ok", "{backup}");
            if backup["detail"].as_str().is_some_and(|detail| detail.starts_with("last ")) {
                return Ok(self.begun.elapsed().as_secs_f64());
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// A figure of /proc/PID/status (proc(5)), MiB.
    fn resident_mib(&self, name: &str) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let figure = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(figure.context("no such figure")?.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unique() -> u64 {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// `stampd` on a configuration, without readers.
pub fn stampd(config: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampd"));
    command.args(arguments).arg("--config").arg(config);
    command.env("PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm");
    // As the systemd unit starts it.
    command.env("MALLOC_ARENA_MAX", "2");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
