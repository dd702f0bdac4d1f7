//! A headless browser of a test's own: Chromium, driven through chromedriver's HTTP protocol (W3C WebDriver).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::wait_until;

/// What keeps Chromium to itself: no network but the page's, no first-run pages, no background work.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,800",
];

/// By what a WebDriver answer names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with one window. Dropping it ends it.
pub struct Browser {
    runtime: Runtime,
    client: reqwest::Client,
    driver: Child,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Starts a browser with a fresh profile below `dir`.
    pub fn start(dir: &Path) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver (package chromium-driver) starts; make test installs it");
        let told = BufReader::new(driver.stdout.take().expect("its output"));
        let port = told
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        let port = port.expect("chromedriver tells its port");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let profile = dir.join("browser");
        let args: Vec<String> = FLAGS
            .iter()
            .map(|flag| (*flag).to_owned())
            .chain([format!("--user-data-dir={}", profile.display())])
            .collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let mut browser = Self {
            runtime,
            client: reqwest::Client::new(),
            driver,
            session: format!("http://127.0.0.1:{port}"),
            profile,
        };
        let session = browser.post("/session", &wanted);
        browser.session = format!("{}/session/{}", browser.session, session["sessionId"].as_str().expect("a session"));
        browser
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Types into the first element that `css` names.
    pub fn type_into(&self, css: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(css)), &json!({ "text": text }));
    }

    /// Clicks the first element that `css` names.
    pub fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.element(css)), &json!({}));
    }

    /// Presses Escape, wherever the cursor is.
    pub fn press_escape(&self) {
        let key = |kind: &str| json!({"type": kind, "value": "\u{e00c}"});
        let keys = json!({"type": "key", "id": "keyboard", "actions": [key("keyDown"), key("keyUp")]});
        self.post("/actions", &json!({ "actions": [keys] }));
    }

    /// What a script in the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script in the page returns `expected`.
    pub fn wait(&self, script: &str, expected: &Value) {
        let mut last = Value::Null;
        let what = format!("{script} is {expected}");
        wait_until(&what, || {
            last = self.run(script);
            last == *expected
        });
    }

    /// Writes what the window shows into a PNG file.
    pub fn screenshot(&self, file: &Path) {
        let picture = self.get("/screenshot");
        let bytes = openssl::base64::decode_block(picture.as_str().expect("a picture")).expect("base64");
        std::fs::write(file, bytes).expect("written");
    }

    /// What the page's scripts and policy complained of so far.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        entries.as_array().into_iter().flatten().map(|entry| entry["message"].to_string()).collect()
    }

    fn element(&self, css: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.answer(path, self.client.post(format!("{}{path}", self.session)).json(body))
    }

    fn get(&self, path: &str) -> Value {
        self.answer(path, self.client.get(format!("{}{path}", self.session)))
    }

    fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> Value {
        let answer = async { request.send().await.expect("chromedriver answers").json::<Value>().await.expect("JSON") };
        let mut answer = self.runtime.block_on(answer);
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let ended = self.client.delete(&self.session).send();
        let _ = self.runtime.block_on(ended);
        let _ = self.driver.kill().and_then(|()| self.driver.wait());
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
