//! The console: who gets in and what a stranger sees, by the router alone; and the counter in a real browser, over a shop
//! that runs as a process of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use stampd::base::clock::{Clock, Trust};
use stampd::base::config::Config;
use stampd::faces::console;
use stampd::faces::door::{Lan, LanSettings};
use stampd::pure::wire::lan::ReaderList;
use stampd::tools::demo;
use tower::ServiceExt;

use crate::support::browser::Browser;
use crate::support::pcscd::Pcscd;
use crate::support::wait_until;

const HOST: &str = "127.0.0.1:8480";
const SHOP: &str = "Corner House Coffee";

/// A folder of this test alone, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("stampd-console-{}-{count}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

/// The pages over a shop's ledger, without a daemon.
struct Pages {
    router: axum::Router,
    _scratch: Scratch,
}

impl Pages {
    /// The ledger is opened on a thread that may wait.
    async fn open(language: &'static str) -> Self {
        tokio::task::spawn_blocking(move || Self::new(language)).await.expect("a shop")
    }

    fn new(language: &str) -> Self {
        let scratch = Scratch::new();
        let now = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock").now();
        let shop = demo::prepare(&scratch.0, HOST.parse().expect("an address"), &now).expect("a shop");
        let text = std::fs::read_to_string(&shop.config).expect("a configuration");
        let text = text.replace("language = \"en\"", &format!("language = \"{language}\""));
        std::fs::write(&shop.config, text).expect("written");
        let config = Config::load(&shop.config).expect("a valid configuration");
        let (till, clock) = stampd::daemon::till_open_at(&config, demo::HISTORY_MS).expect("a ledger");
        demo::populate(&till, &clock.now(), &shop.secrets, demo::LISTED).expect("people");
        let settings = LanSettings {
            shop_id: "demo".to_owned(),
            shop_name: SHOP.to_owned(),
            origins: vec!["https://till.example".to_owned()],
            names: Vec::new(),
            certificate_sha256: None,
        };
        let readers = || ReaderList { service: "ok".to_owned(), remedy: None, readers: Vec::new(), alarms: Vec::new() };
        let lan = Lan::new(till, clock, settings, Arc::new(readers), Arc::new(Vec::new));
        Self { router: console::router(lan), _scratch: scratch }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.expect("never fails")).await
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header("Host", HOST).header("Cookie", cookie).body(Body::empty());
        self.ask(request.expect("a request")).await
    }

    /// A form, posted by the page at `origin`.
    async fn post(&self, path: &str, form: &str, origin: &str, cookie: &str) -> Answer {
        let request = Request::post(path)
            .header("Host", HOST)
            .header("Origin", origin)
            .header("Cookie", cookie)
            .header("Content-Type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form.to_owned())).expect("a request")).await
    }

    async fn login(&self, form: &str) -> Answer {
        self.post("/console/login", form, &format!("http://{HOST}"), "").await
    }
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        let body = String::from_utf8(bytes.to_vec()).expect("text");
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The cookie as a browser sends it back.
    fn cookie(&self) -> String {
        self.header(header::SET_COOKIE).split(';').next().unwrap_or_default().to_owned()
    }
}

/// What must never stand in an answer to a stranger.
fn tells_nothing(answer: &Answer) {
    for word in [SHOP, "till-1", "Kim", "Olaf", "cafe10"] {
        assert!(!answer.body.contains(word), "{word}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_stranger_sees_the_login_page_and_nothing_of_the_shop() {
    let pages = Pages::open("en").await;
    for cookie in ["", "stampd_session=", "stampd_session=guessed"] {
        let answer = pages.get("/", cookie).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("name=\"pin\"") && answer.body.contains("<html lang=\"en\">"), "{}", answer.body);
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        for part in ["default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        tells_nothing(&answer);
    }
    let recent = pages.get("/console/recent", "").await;
    assert_eq!(recent.status, StatusCode::UNAUTHORIZED);
    tells_nothing(&recent);
    assert_eq!(pages.get("/console/login", "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_right_pin_opens_the_counter_until_the_logout() {
    let pages = Pages::open("en").await;
    let by_name = pages.login("staff=+mara+&pin=2222").await;
    assert_eq!((by_name.status, by_name.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookie = by_name.header(header::SET_COOKIE);
    for part in ["stampd_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the door is not TLS: {cookie}");
    let session = by_name.cookie();
    let counter = pages.get("/", &session).await;
    for word in [SHOP, "till-1", "id=\"stage\"", "Ready"] {
        assert!(counter.body.contains(word), "{word}");
    }
    assert!(
        !counter.body.contains("<style") && !counter.body.contains(" style=") && !counter.body.contains(" onclick")
    );
    let recent = pages.get("/console/recent?till=till-1", &session).await;
    assert_eq!((recent.status, recent.body.as_str()), (StatusCode::OK, "{\"taps\":[]}"));
    assert_eq!(pages.get("/console/recent?till=till-9", &session).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let foreign = pages.post("/console/logout", "", "https://evil.example", &session).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(pages.get("/", &session).await.body.contains(SHOP), "the session still lasts");
    let out = pages.post("/console/logout", "", &format!("http://{HOST}"), &session).await;
    assert!(out.status == StatusCode::SEE_OTHER && out.header(header::SET_COOKIE).contains("Max-Age=0"));
    tells_nothing(&pages.get("/", &session).await);

    let over_tls = pages.post("/console/login", "staff=Olaf&pin=3333", &format!("https://{HOST}"), "").await;
    assert!(over_tls.header(header::SET_COOKIE).ends_with("; Secure"));
}

#[tokio::test]
async fn wrong_pins_are_told_counted_and_stopped_also_when_sent_at_once() {
    let pages = Pages::open("en").await;
    for form in ["staff=Nobody&pin=2222", "staff=&pin=2222", "staff=Mara&pin=0000"] {
        let wrong = pages.login(form).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{form}");
        assert!(wrong.body.contains("Name or PIN is wrong") && !wrong.headers.contains_key(header::SET_COOKIE));
    }
    assert!(pages.login("staff=%3Cb%3E&pin=1").await.body.contains("value=\"&#60;b&#62;\""), "what was typed is text");
    let guesses = (0..12).map(|guess| {
        let router = pages.router.clone();
        let request = Request::post("/console/login")
            .header("Host", HOST)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("staff=Kim&pin=00{guess:02}")))
            .expect("a request");
        tokio::spawn(async move { router.oneshot(request).await.expect("never fails").status() })
    });
    let mut heard = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.expect("no panic") {
            StatusCode::UNAUTHORIZED => heard += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(heard, 5);
    let right = pages.login("staff=Kim&pin=1111").await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "also the right one, for a while");
    assert!(right.body.contains("Too many wrong PINs. Again in 15 min.") && right.headers.contains_key("Retry-After"));
    assert_eq!(pages.login("staff=Mara&pin=2222").await.status, StatusCode::SEE_OTHER, "others log in as ever");
}

#[tokio::test]
async fn other_pages_and_other_hosts_are_turned_away() {
    let pages = Pages::open("de").await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:9999", "https://till.example"] {
        let answer = pages.post("/console/login", "staff=Mara&pin=2222", origin, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    for path in ["/", "/console/recent"] {
        let rebound = Request::get(path).header("Host", "evil.example").body(Body::empty()).expect("a request");
        let answer = pages.ask(rebound).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
        tells_nothing(&answer);
    }
    // HTTP/2 has no Host header: the authority of the address stands for it.
    for (address, status) in
        [("https://127.0.0.1:8481/", StatusCode::OK), ("https://evil.example/", StatusCode::MISDIRECTED_REQUEST)]
    {
        let request = Request::get(address).body(Body::empty()).expect("a request");
        assert_eq!(pages.ask(request).await.status, status, "{address}");
    }
    let german = pages.get("/", "").await.body;
    assert!(german.contains("<html lang=\"de\">") && german.contains(">Anmelden<"), "{german}");
}

#[tokio::test]
async fn files_are_kept_for_ever_and_change_their_address_with_their_content() {
    let pages = Pages::open("en").await;
    let session = pages.login("staff=Mara&pin=2222").await.cookie();
    let page = pages.get("/", &session).await.body;
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("/console/static/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let answer = pages.get(file, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable") && !answer.body.is_empty());
        let other = file.replacen('-', "-0", 1);
        assert_eq!(pages.get(&other, "").await.status, StatusCode::NOT_FOUND, "{other}");
    }
}

/// `stampd demo` as a process, with readers of its own.
struct Shop {
    child: Child,
    url: String,
    sheet: Value,
    _pcscd: Pcscd,
    scratch: Scratch,
}

impl Shop {
    fn start() -> Self {
        let (pcscd, scratch) = (Pcscd::start(), Scratch::new());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let (variable, socket) = pcscd.env();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stampd"))
            .args(["demo", "--no-phone", "--customers", "20", "--listen", &format!("127.0.0.1:{port}"), "--dir"])
            .arg(&scratch.0)
            .env(variable, socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the demo starts");
        wait_until("the shop is open", || {
            assert!(child.try_wait().expect("asked").is_none(), "the demo ended; its words are above");
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let sheet = std::fs::read(scratch.0.join("demo.json")).expect("demo.json is written before the door opens");
        let sheet = serde_json::from_slice(&sheet).expect("JSON");
        Self { child, url: format!("http://127.0.0.1:{port}"), sheet, _pcscd: pcscd, scratch }
    }

    /// Scans a code with the till's token; the answer is what the tap came to.
    fn scan(&self, text: &str) -> Value {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let key = format!("scan-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let request = reqwest::Client::new()
            .post(format!("{}/v1/scans", self.url))
            .bearer_auth(self.sheet["tokens"]["till"].as_str().expect("a token"))
            .header("Idempotency-Key", key)
            .json(&json!({"till": self.sheet["till"], "text": text}));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { request.send().await.expect("an answer").json().await.expect("JSON") })
    }

    fn barcode(&self, programme: &str) -> &str {
        let cards = self.sheet["cards"].as_array().expect("cards");
        let card = cards.iter().find(|card| card["programme"] == programme).expect("a card");
        card["barcode"].as_str().expect("a barcode")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn text_of(id: &str) -> String {
    format!("return document.getElementById('{id}').textContent")
}

fn count_of(css: &str) -> String {
    format!("return document.querySelectorAll('{css}').length")
}

#[test]
fn the_counter_shows_each_tap_as_it_happens() {
    let shop = Shop::start();
    let browser = Browser::start(&shop.scratch.0);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    browser.open(&shop.url);
    let staff = shop.sheet["staff"].as_array().expect("staff").iter().find(|person| person["role"] == "manager");
    let staff = staff.expect("a manager");
    browser.type_into("#staff", staff["name"].as_str().expect("a name"));
    browser.type_into("#pin", staff["pin"].as_str().expect("a PIN"));
    browser.click("button.act");
    browser.wait("return document.getElementById('lamp-stream')?.dataset.outcome", &json!("awarded"));
    browser.wait("return document.getElementById('lamp-readers').dataset.outcome", &json!("awarded"));
    browser.wait("return document.getElementById('idle').hidden", &json!(false));
    browser.run("window.sameOne = true");

    let awarded = shop.scan(shop.barcode("cafe10"));
    assert_eq!(awarded["outcome"], "awarded", "{awarded}");
    browser.wait(&text_of("verdict"), &awarded["text"]);
    assert_eq!(browser.run(&text_of("name")), awarded["customer_name"]);
    let card = &awarded["card"];
    let total = card["balance"].as_i64().expect("stamps") + card["to_next_reward"].as_i64().expect("a goal");
    assert_eq!(browser.run(&count_of("#stamps .filled")), card["balance"]);
    assert_eq!(browser.run(&count_of("#stamps i")), json!(total));
    browser.screenshot(&pictures.join("counter-awarded.png"));

    let again = shop.scan(shop.barcode("cafe10"));
    assert_eq!(again["outcome"], "already_counted");
    browser.wait(&text_of("verdict"), &again["text"]);
    assert_eq!(browser.run("return document.getElementById('band').dataset.outcome"), json!("already_counted"));
    browser.click("#done");
    browser.wait("return document.getElementById('idle').hidden", &json!(false));

    let points = shop.scan(shop.barcode("points"));
    browser.wait(&text_of("verdict"), &points["text"]);
    assert_eq!(browser.run("return document.getElementById('bar').hidden"), json!(false));

    let refused = shop.scan("not a code of ours");
    browser.wait("return document.getElementById('band').dataset.outcome", &json!("refused"));
    assert_ne!(browser.run(&text_of("remedy")), json!(""));
    browser.click("#lamp-readers");
    browser.press_escape();
    browser.wait("return document.querySelector(':popover-open') === null", &json!(true));
    assert_eq!(browser.run("return document.getElementById('idle').hidden"), json!(true), "one key closes one thing");
    let next = shop.scan(shop.barcode("spend10"));
    browser.wait(&text_of("verdict"), &next["text"]);
    let held = browser.run(&text_of("held-text"));
    let said = refused["text"].as_str().or(refused["detail"].as_str()).expect("a sentence");
    assert!(held.as_str().expect("text").contains(said), "nobody touched the refusal yet: {held}");
    assert_eq!(browser.run("return window.sameOne"), json!(true), "all of it without a reload");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    browser.open(&shop.url);
    browser.wait(&count_of("#recent li"), &json!(5));
    browser.click("form button");
    browser.wait("return document.getElementById('pin') !== null", &json!(true));
}
