//! The command line's way to the use cases: the running daemon's Unix socket, or, when none runs, the very same API in
//! this process on the ledger itself, under its lock.

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use serde_json::Value;
use tower::ServiceExt;

use super::{Context, Refused};
use crate::base::clock;
use crate::base::config::Config;
use crate::daemon;
use crate::faces::lan::{Lan, LanSettings, LocalPeer, router};
use crate::pure::wire::lan::{Problem, ReaderList};

/// One API, wherever it runs.
pub struct Api {
    runtime: tokio::runtime::Runtime,
    home: Home,
}

enum Home {
    /// A daemon runs.
    Daemon(reqwest::Client),
    /// None runs: the ledger is ours as long as this lives.
    Here(axum::Router),
}

impl Api {
    /// Finds the daemon of the configuration, or opens its ledger.
    pub fn open(context: &Context) -> Result<Self> {
        let config = Config::load(&context.config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = &config.api.socket;
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            let client = reqwest::Client::builder().unix_socket(socket.as_path()).build()?;
            return Ok(Self { runtime, home: Home::Daemon(client) });
        }
        let (till, clock) = daemon::till_open(&config)?;
        let settings = LanSettings {
            shop_id: config.shop.id.clone(),
            shop_name: config.shop.name.clone(),
            origins: Vec::new(),
            names: Vec::new(),
            certificate_sha256: None,
        };
        let readers = || ReaderList { service: "no daemon runs".to_owned(), remedy: None, readers: Vec::new() };
        let lan = Lan::new(till, clock, settings, std::sync::Arc::new(readers), std::sync::Arc::new(Vec::new));
        Ok(Self { runtime, home: Home::Here(router(lan)) })
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None)
    }

    /// Books, with a key of its own.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::POST, path, Some(body))
    }

    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let key = uuid::Uuid::from_bytes(clock::random_bytes()).to_string();
        let text = body.map_or_else(String::new, Value::to_string);
        let (status, bytes) = match &self.home {
            Home::Daemon(client) => self.runtime.block_on(async {
                let mut request = client
                    .request(method, format!("http://localhost{path}"))
                    .header("Idempotency-Key", &key)
                    .body(text);
                if body.is_some() {
                    request = request.header(header::CONTENT_TYPE, "application/json");
                }
                let response = request.send().await.context("the daemon does not answer on its socket")?;
                anyhow::Ok((response.status(), response.bytes().await?.to_vec()))
            })?,
            Home::Here(router) => self.runtime.block_on(async {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("Idempotency-Key", &key)
                    .header(header::CONTENT_TYPE, "application/json")
                    .extension(ConnectInfo(LocalPeer { uid: 0, trusted: true }))
                    .body(Body::from(text))?;
                let response = router.clone().oneshot(request).await?;
                let status = response.status();
                anyhow::Ok((status, axum::body::to_bytes(response.into_body(), usize::MAX).await?.to_vec()))
            })?,
        };
        if status.is_success() {
            return if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) };
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
