//! The till API on a real TCP socket at 64 connections: durable entries beside requests that touch nothing (goal 4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use stampd::faces::door::{Lan, LanSettings};
use stampd::faces::lan::router;
use stampd::pure::domain::Role;
use stampd::pure::wire::lan::ReaderList;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::mill::Mill;
use crate::shop::TestShop;
use crate::slices::{Slice, alternate, print_row};
use crate::{Limit, Options, Verdict};

/// Connections that stay open.
const CONNECTIONS: usize = 64;

/// The secret of the bench's token.
const SECRET: &str = "bench";

/// Goal 4, as far as there are sales: with entries of one stamp.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let shop = TestShop::open("http", "unlimited")?;
    let mut mill = Mill::open(&shop.dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (till, now) = (shop.till.clone(), shop.clock.now());
    shop.write(move |txn| {
        till.token_create_in_txn(txn, &now, "bench", Role::Manager, None, &openssl::sha::sha256(SECRET.as_bytes()))
    })?;
    let client = runtime.block_on(Client::open(&shop))?;
    let mut bare = |length: Duration| {
        let slice = Slice::of_repeated(length, || mill.commit());
        mill.checkpoint()?;
        slice
    };
    let mut empty = |length: Duration| runtime.block_on(client.slice(length, Asked::Nothing));
    let mut entries = |length: Duration| runtime.block_on(client.slice(length, Asked::Stamp));
    let [empty, entries, bare] = alternate(options.plan(), [&mut empty, &mut entries, &mut bare])?;
    print_row("GET /v1/readers: who asks is checked (floor)", &empty, None);
    print_row("POST …/entries: one durable stamp", &entries, Some(&empty));
    print_row("one bare SQLite commit", &bare, None);
    let rate = entries.ratio(&empty, Slice::rate);
    let own_p99 = entries.median(|slice| slice.quantile(0.99));
    let commits = own_p99 / bare.median(|slice| slice.quantile(0.5));
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(vec![
        Verdict {
            what: "goal 4: durable entries/s over empty requests/s, 64 conn.",
            ratio: rate,
            limit: Limit::AtLeast(0.5),
        },
        Verdict { what: "goal 4: p99 of an entry, in commits' time", ratio: commits, limit: Limit::AtMost(10.0) },
    ])
}

#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Stamp,
}

/// Open connections to the API.
struct Client {
    connections: Vec<tokio::sync::Mutex<TcpStream>>,
    paths: Vec<String>,
    turn: AtomicUsize,
}

impl Client {
    async fn open(shop: &TestShop) -> anyhow::Result<Arc<Self>> {
        let settings = LanSettings {
            shop_id: shop.config.shop.id.clone(),
            shop_name: shop.config.shop.name.clone(),
            origins: Vec::new(),
            names: Vec::new(),
            certificate_sha256: None,
        };
        let readers = || ReaderList { service: "ok".to_owned(), remedy: None, readers: Vec::new() };
        let lan = Lan::new(shop.till.clone(), shop.clock.clone(), settings, Arc::new(readers), Arc::new(Vec::new));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
            axum::serve(listener, router(lan, stampd::faces::exchange::document())).await
        });
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connections.push(tokio::sync::Mutex::new(stream));
        }
        let paths = shop.cards.iter().map(|card| format!("/v1/cards/{}/entries", card.serial)).collect();
        Ok(Arc::new(Self { connections, paths, turn: AtomicUsize::new(0) }))
    }

    /// All connections ask one request after the other.
    async fn slice(self: &Arc<Self>, length: Duration, asked: Asked) -> anyhow::Result<Slice> {
        let begun = Instant::now();
        let end = begun + length;
        let mut askers = tokio::task::JoinSet::new();
        for connection in 0..CONNECTIONS {
            let client = self.clone();
            askers.spawn(async move { client.ask_until(connection, end, asked).await });
        }
        let mut samples = Vec::new();
        while let Some(of_one) = askers.join_next().await {
            samples.extend(of_one??);
        }
        Ok(Slice::new(samples, begun.elapsed()))
    }

    async fn ask_until(&self, connection: usize, end: Instant, asked: Asked) -> anyhow::Result<Vec<u64>> {
        let mut stream = self.connections[connection].lock().await;
        let (mut samples, mut answer) = (Vec::new(), Vec::new());
        while Instant::now() < end {
            let request = self.request(asked);
            let one = Instant::now();
            stream.write_all(request.as_bytes()).await?;
            let status = answer_read(&mut stream, &mut answer).await?;
            samples.push(one.elapsed().as_nanos() as u64);
            let expected = if matches!(asked, Asked::Stamp) { 201 } else { 200 };
            ensure!(status == expected, "the API answered {}", String::from_utf8_lossy(&answer));
        }
        Ok(samples)
    }

    fn request(&self, asked: Asked) -> String {
        let head = format!("Host: localhost\r\nAuthorization: Bearer {SECRET}\r\n");
        match asked {
            Asked::Nothing => format!("GET /v1/readers HTTP/1.1\r\n{head}\r\n"),
            Asked::Stamp => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let (path, body) = (&self.paths[turn % self.paths.len()], r#"{"kind":"stamps","count":1}"#);
                format!(
                    "POST {path} HTTP/1.1\r\n{head}Idempotency-Key: bench-{turn}\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        }
    }
}

/// Reads one answer with a Content-Length into `answer`; its status.
async fn answer_read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    answer.clear();
    loop {
        ensure!(stream.read_buf(answer).await? > 0, "the API closed the connection");
        let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head])?;
        let length = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| {
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
            })
            .context("an answer without Content-Length")??;
        if answer.len() >= head + 4 + length {
            return Ok(text.get(9..12).context("no status")?.parse()?);
        }
    }
}
