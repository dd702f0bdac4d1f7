//! The command line's way to the use cases: the running daemon's Unix socket, or, when none runs, the very same API in
//! this process on the ledger itself, under its lock.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Context, Refused};
use crate::base::clock;
use crate::base::config::Config;
use crate::daemon;
use crate::faces::door::{Here, Lan, LanSettings};
use crate::faces::exchange;
use crate::faces::lan::router;
use crate::pure::domain::money::minor_digits;
use crate::pure::wire::lan::{Problem, ReaderList};

/// One API, wherever it runs.
pub struct Api {
    runtime: tokio::runtime::Runtime,
    home: Home,
    minor_digits: u8,
}

enum Home {
    /// A daemon runs.
    Daemon(reqwest::Client),
    /// None runs: the ledger is ours as long as this lives.
    Here(Here),
}

/// What a command needs of the API.
#[derive(Clone, Copy)]
enum Wants {
    Books,
    Passes,
}

impl Api {
    /// Finds the daemon of the configuration, or opens its ledger.
    pub fn open(context: &Context) -> Result<Self> {
        Self::open_for(context, Wants::Books)
    }

    /// As [`Api::open`]; what stands in the way of making passes is an error.
    pub fn open_for_passes(context: &Context) -> Result<Self> {
        Self::open_for(context, Wants::Passes)
    }

    fn open_for(context: &Context, wants: Wants) -> Result<Self> {
        let config = Config::load(&context.config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let minor_digits = minor_digits(&config.shop.currency);
        let socket = &config.api.socket;
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            let client = reqwest::Client::builder().unix_socket(socket.as_path()).build()?;
            return Ok(Self { runtime, home: Home::Daemon(client), minor_digits });
        }
        let (till, clock) = daemon::till_open(&config)?;
        let settings = LanSettings {
            shop_id: config.shop.id.clone(),
            shop_name: config.shop.name.clone(),
            origins: Vec::new(),
            names: Vec::new(),
            certificate_sha256: None,
        };
        let readers = || ReaderList {
            service: "no daemon runs".to_owned(),
            remedy: None,
            readers: Vec::new(),
            alarms: Vec::new(),
        };
        let passes = daemon::passes_of(&config, &till, &clock);
        if let (Err(error), Wants::Passes) = (&passes, wants) {
            bail!("{error:#}");
        }
        let lan = Lan::new(till, clock, settings, std::sync::Arc::new(readers), std::sync::Arc::new(Vec::new));
        let lan = match passes {
            Ok(passes) => lan.with_passes(passes),
            // The books are at hand without it.
            Err(_) => lan,
        };
        let home = Home::Here(Here::new(router(lan, exchange::document())));
        Ok(Self { runtime, home, minor_digits })
    }

    /// Decimals of the shop's currency.
    pub fn minor_digits(&self) -> u8 {
        self.minor_digits
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None)
    }

    /// Reads what is no JSON.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        self.call_bytes("GET", path, None)
    }

    /// Books, with a key of its own.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let bytes = self.call_bytes(method, path, body)?;
        if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) }
    }

    fn call_bytes(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
        let key = uuid::Uuid::from_bytes(clock::random_bytes()).to_string();
        let text = body.map_or_else(String::new, Value::to_string);
        let (status, bytes) = match &self.home {
            Home::Daemon(client) => self.runtime.block_on(async {
                let mut request = client
                    .request(reqwest::Method::from_bytes(method.as_bytes())?, format!("http://localhost{path}"))
                    .header("Idempotency-Key", &key)
                    .body(text);
                if body.is_some() {
                    request = request.header("Content-Type", "application/json");
                }
                let response = request.send().await.context("the daemon does not answer on its socket")?;
                anyhow::Ok((response.status().as_u16(), response.bytes().await?.to_vec()))
            })?,
            Home::Here(here) => {
                let called = self.runtime.block_on(here.call(method, path, &key, text));
                called.context("the API in this process did not answer; this is a defect of stampd")?
            }
        };
        if (200..300).contains(&status) {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if problem.status == 409 => {
                Err(Refused(format!("{}: {}", problem.code, problem.detail)).into())
            }
            Ok(problem) => bail!("{} ({})", problem.detail, problem.code),
            Err(_) => bail!("the daemon answered {status}"),
        }
    }
}
