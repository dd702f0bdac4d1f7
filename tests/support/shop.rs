//! A demo shop for tests: the daemon as a process of its own, in a folder and on a port of its own, with a wall clock that
//! the test may move.
//!
//! The first shop of a test run is made by `stampd demo` as anybody makes one; the others begin as copies of its folder,
//! because keys and people take seconds to make. No test starts the machine's own pcscd: a shop gets a private one, or
//! none.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::faults::WallClock;
use super::http::{Answer, Ask, Events};
use super::pcscd::{Pcscd, SOCKET_VARIABLE};
use super::wait_until;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stampd");

/// Who asks, by the tokens in demo.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The till program.
    Till,
    /// A manager.
    Manager,
    /// An admin.
    Admin,
}

impl By {
    /// The name of its token in demo.json.
    pub fn name(self) -> &'static str {
        match self {
            By::Till => "till",
            By::Manager => "manager",
            By::Admin => "admin",
        }
    }
}

/// A shop's folder, and the daemon in it while one runs. Dropping it ends the daemon and removes the folder.
pub struct Shop {
    /// The folder.
    pub dir: PathBuf,
    /// Where the API listens.
    pub address: SocketAddr,
    /// demo.json.
    pub sheet: Value,
    environment: Vec<(String, PathBuf)>,
    mounts: Option<String>,
    launcher: Option<PathBuf>,
    clock: Option<WallClock>,
    child: Option<Child>,
    /// Where in the log the last start begins.
    log_begin: usize,
    keys: AtomicU32,
    _port: Port,
}

/// How a daemon is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `stampd demo --no-phone`, which writes the configuration anew.
    Demo,
    /// `stampd run` on the configuration as it is.
    Run,
}

impl Shop {
    /// A shop that is open, with 20 customers and no reader.
    pub fn open() -> Self {
        let mut shop = Self::closed();
        shop.start(Start::Run);
        shop
    }

    /// A shop that is open, on the readers of a pcscd.
    pub fn with_readers(pcscd: &Pcscd) -> Self {
        let mut shop = Self::closed();
        let (name, socket) = pcscd.env();
        shop.environment_set(name, socket);
        shop.start(Start::Demo);
        shop
    }

    /// A shop whose daemon does not run yet.
    pub fn closed() -> Self {
        let mut shop = Self::empty();
        let template = template();
        copy_folder(&template.dir, &shop.dir);
        for name in ["stampd.toml", "demo.json"] {
            let text = fs::read_to_string(template.dir.join(name)).expect("a file of the demo");
            let text = text
                .replace(&template.dir.display().to_string(), &shop.dir.display().to_string())
                .replace(&template.address.to_string(), &shop.address.to_string());
            fs::write(shop.dir.join(name), text).expect("written");
        }
        shop.sheet_read();
        shop
    }

    /// An empty folder with a port, and no shop in it yet.
    pub fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a Unix socket has at most 107 bytes.
        let dir = PathBuf::from(format!("{FOLDERS}{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder");
        let port = Port::reserve();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let mut shop = Self {
            dir,
            address,
            sheet: Value::Null,
            environment: Vec::new(),
            mounts: None,
            launcher: None,
            clock: None,
            child: None,
            log_begin: 0,
            keys: AtomicU32::new(0),
            _port: port,
        };
        shop.environment_set(SOCKET_VARIABLE, PathBuf::from("/nowhere/pcscd.comm"));
        shop
    }

    /// A new shop, made at that moment (`YYYY-MM-DD hh:mm:ss`, UTC) of a clock that stands still until it is moved.
    pub fn made_at(moment: &str) -> Self {
        let mut shop = Self::empty();
        shop.clock_control();
        shop.clock_set(moment);
        shop.start(Start::Demo);
        shop
    }

    /// Sets a variable of the daemon's environment, from its next start on.
    pub fn environment_set(&mut self, name: &str, value: impl Into<PathBuf>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Runs these shell commands before each start, in a mount namespace of the daemon's own.
    pub fn mounts_set(&mut self, commands: &str) {
        self.mounts = Some(commands.to_owned());
    }

    /// Lets this program start the daemon.
    pub fn launcher_set(&mut self, program: PathBuf) {
        self.launcher = Some(program);
    }

    /// A path in the shop's folder, or an absolute one, as the daemon sees it, mounts and all.
    pub fn seen(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.process(), self.dir.join(path).display()))
    }

    /// The daemon's process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// From the daemon's next start on its wall clock is this test's to set; the time since boot stays real.
    pub fn clock_control(&mut self) {
        self.environment_set("TZ", "UTC");
        self.clock = Some(WallClock::of(self));
    }

    /// Moves the wall clock to that moment, `YYYY-MM-DD hh:mm:ss`, UTC.
    pub fn clock_set(&self, moment: &str) {
        let moment: jiff::civil::DateTime = moment.parse().expect("a moment");
        let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).expect("a moment of UTC");
        self.clock.as_ref().expect("clock_control came first").set(moment.timestamp().as_second());
    }

    /// Changes the configuration, for the next start by [`Start::Run`].
    pub fn config_change(&self, change: impl FnOnce(String) -> String) {
        let path = self.dir.join("stampd.toml");
        let text = fs::read_to_string(&path).expect("stampd.toml");
        fs::write(&path, change(text)).expect("written");
    }

    /// Starts the daemon; returns when it answers.
    #[track_caller]
    pub fn start(&mut self, how: Start) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = self.spawn(how);
        let mut ended = None;
        wait_until("the daemon answers", || {
            ended = child.try_wait().expect("asked");
            ended.is_some() || Ask::new(self.address, "GET", "/v1/health").try_send().is_ok()
        });
        assert!(ended.is_none(), "the daemon ended ({ended:?}):\n{}", self.said());
        self.child = Some(child);
        self.sheet_read();
    }

    fn spawn(&mut self, how: Start) -> Child {
        self.log_begin = self.log().len();
        let log = fs::File::options().create(true).append(true).open(self.dir.join("log")).expect("a log");
        let mut command = self.command(&[]);
        match how {
            Start::Run => command.args(["run", "--config"]).arg(self.dir.join("stampd.toml")),
            Start::Demo => command
                .args(["demo", "--no-phone", "--customers", "20", "--listen", &self.address.to_string(), "--dir"])
                .arg(&self.dir),
        };
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        command.spawn().expect("setpriv (package util-linux) starts")
    }

    /// Starts the daemon where it cannot start, and returns what it said.
    #[track_caller]
    pub fn start_fails(&mut self) -> String {
        let mut child = self.spawn(Start::Run);
        let mut ended = None;
        wait_until("the daemon ends", || {
            ended = child.try_wait().expect("asked");
            ended.is_some() || self.said().contains("daemon.ready")
        });
        let said = self.said();
        if ended.is_none() {
            child.kill().and_then(|()| child.wait()).expect("ended");
            panic!("it started, and should not:\n{said}");
        }
        assert_eq!(ended.and_then(|status| status.code()), Some(1), "{said}");
        said
    }

    /// A command of this program, in the environment of the shop. It ends with the thread that started it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.mounts {
            None => Command::new("setpriv"),
            Some(mounts) => {
                let mut command = Command::new("unshare");
                // Whoever is not root is root in a user namespace of their own.
                command.args(if is_root() { &["--mount"][..] } else { &["--map-root-user", "--mount"] });
                command.args(["sh", "-c", &format!("set -e; {mounts}; exec setpriv \"$@\""), "sh"]);
                command
            }
        };
        command
            .args(["--pdeathsig", "KILL", "--"])
            .args(&self.launcher)
            .arg(PROGRAM)
            .args(arguments)
            .stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command on the shop's configuration to its end.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let config = self.dir.join("stampd.toml");
        self.command(arguments).arg("--config").arg(config).output().expect("the program starts")
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("it lives");
    }

    /// Asks the daemon to end (SIGTERM), and waits until it did, well.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.said());
    }

    /// Kills the daemon without a word, as a power cut would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.killed();
    }

    /// Waits for the end of a daemon to which SIGKILL was sent.
    pub fn killed(&mut self) {
        assert_eq!(self.wait().signal(), Some(9), "it had ended before:\n{}", self.said());
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.take().expect("it runs").wait().expect("waited for")
    }

    /// All that the daemons of this shop printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// What the daemon printed since its last start.
    fn said(&self) -> String {
        self.log().split_off(self.log_begin)
    }

    fn sheet_read(&mut self) {
        let text = fs::read_to_string(self.dir.join("demo.json")).expect("demo.json");
        self.sheet = serde_json::from_str(&text).expect("JSON");
    }

    /// A token of demo.json.
    pub fn token(&self, by: By) -> String {
        self.sheet["tokens"][by.name()].as_str().expect("a token").to_owned()
    }

    /// The `index`-th card of a programme in demo.json: 20 customers have one each, without history.
    pub fn card(&self, programme: &str, index: usize) -> Value {
        let cards = self.sheet["cards"].as_array().expect("cards");
        cards.iter().filter(|card| card["programme"] == programme).nth(index).expect("a card").clone()
    }

    /// A request by one of the tokens.
    pub fn ask(&self, by: By, method: &'static str, path: &str) -> Ask {
        Ask::new(self.address, method, path).token(&self.token(by))
    }

    /// Reads as the manager.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(By::Manager, "GET", path).send()
    }

    /// A request that books, by the manager, with a key that no other has.
    pub fn post(&self, path: &str, body: &Value) -> Ask {
        self.ask(By::Manager, "POST", path).key(&self.fresh_key()).json(body)
    }

    /// An idempotency key that was not used before.
    pub fn fresh_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// A scan at the first till by its own program.
    pub fn scan(&self, text: &str) -> Ask {
        self.post("/v1/scans", &json!({ "till": "till-1", "text": text })).token(&self.token(By::Till))
    }

    /// A card's standing.
    #[track_caller]
    pub fn standing(&self, serial: &str) -> Value {
        self.get(&format!("/v1/cards/{serial}")).expect(200)
    }

    /// Posts on a card by hand, as the manager; it must be taken.
    #[track_caller]
    pub fn entry(&self, serial: &str, body: &Value) -> Value {
        self.post(&format!("/v1/cards/{serial}/entries"), body).send().expect(201)
    }

    /// The event stream as the manager sees it, after its greeting.
    #[track_caller]
    pub fn events(&self) -> Events {
        let mut events = self.ask(By::Manager, "GET", "/v1/events").stream();
        assert_eq!(events.next().expect("a greeting").name, "hello");
        events
    }

    /// `stampd ledger verify`, which must find nothing.
    #[track_caller]
    pub fn verify(&self) -> Value {
        let output = self.cli(&["ledger", "verify", "--json"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&said).expect("JSON")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
        if std::thread::panicking() {
            // What the daemon said belongs to the failure.
            println!("the daemon in {} said:\n{}", self.dir.display(), self.said());
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Where shops lie.
const FOLDERS: &str = "/tmp/stampd-shop-";

/// The folder that others are copied from.
#[derive(Clone)]
struct Template {
    dir: PathBuf,
    address: SocketAddr,
}

/// The first shop of this run, made, opened and closed once. Its folder lasts as long as this process; the next run takes
/// away those whose process is gone.
fn template() -> Template {
    static MADE: Mutex<Option<Template>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(template) = &*made {
        return template.clone();
    }
    folders_of_the_dead_remove();
    let mut shop = Shop::empty();
    shop.start(Start::Demo);
    shop.stop();
    let dir = PathBuf::from(format!("{FOLDERS}{}-first", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    copy_folder(&shop.dir, &dir);
    for name in ["stampd.toml", "demo.json"] {
        let text = fs::read_to_string(dir.join(name)).expect("a file of the demo");
        let text = text.replace(&shop.dir.display().to_string(), &dir.display().to_string());
        fs::write(dir.join(name), text).expect("written");
    }
    fs::remove_file(dir.join("log")).expect("a log");
    made.insert(Template { dir, address: shop.address }).clone()
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

fn folders_of_the_dead_remove() {
    let (parent, prefix) = FOLDERS.rsplit_once('/').expect("a path");
    for item in fs::read_dir(parent).expect("a folder").flatten() {
        let name = item.file_name().to_string_lossy().into_owned();
        let Some(process) = name.strip_prefix(prefix).and_then(|rest| rest.split('-').next()) else { continue };
        if !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

/// Copies a folder with the rights of its files; sockets stay behind.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::metadata(from).expect("a folder").permissions()).expect("rights");
    for item in fs::read_dir(from).expect("a folder") {
        let item = item.expect("an item");
        let kind = item.file_type().expect("a kind");
        if kind.is_dir() {
            copy_folder(&item.path(), &to.join(item.file_name()));
        } else if kind.is_file() && item.path().extension().is_none_or(|end| end != "ballast") {
            // The space that a ledger keeps is kept for each by itself.
            fs::copy(item.path(), to.join(item.file_name())).expect("copied");
        }
    }
}

/// A TCP port, ours as long as the UDP socket lives: whoever else runs these tests asks for it as well.
struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    fn reserve() -> Self {
        // Below the range from which the kernel gives ports to clients, beside that of the virtual readers.
        let start = 30_000 + (std::process::id() % 2_000) as u16;
        for number in (start..32_000).chain(30_000..start) {
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _reservation: reservation };
            }
        }
        panic!("no free TCP port between 30000 and 32000");
    }
}

/// The library by which a program sees another wall clock.
pub fn faketime_library() -> PathBuf {
    ["x86_64", "aarch64"]
        .map(|machine| PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1")))
        .into_iter()
        .find(|path| path.exists())
        .expect("libfaketime is missing: apt-get install libfaketime (make test does it)")
}
