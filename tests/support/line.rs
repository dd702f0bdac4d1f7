//! A serial line of a test: two pseudo-terminals, joined by socat (readers-and-scanners.md section 3.2).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait_until;

/// A serial line: the daemon opens one end, a scanner writes to the other.
pub struct Line {
    /// The end that the daemon opens.
    pub host: PathBuf,
    /// The end that a scanner writes to.
    pub scanner: PathBuf,
    socat: Option<Child>,
}

impl Line {
    /// A line whose ends are links in a folder.
    pub fn new(dir: &Path) -> Self {
        let mut line = Self { host: dir.join("tty-host"), scanner: dir.join("tty-scanner"), socat: None };
        line.plug();
        line
    }

    /// Plugs it in, again.
    pub fn plug(&mut self) {
        let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let mut socat = Command::new("setpriv");
        socat.args(["--pdeathsig", "KILL", "--", "socat"]).args([end(&self.host), end(&self.scanner)]);
        self.socat = Some(socat.stdin(Stdio::null()).spawn().expect("socat starts (make test installs it)"));
        wait_until("the line is there", || self.host.exists() && self.scanner.exists());
    }

    /// Takes it away.
    pub fn unplug(&mut self) {
        if let Some(mut socat) = self.socat.take() {
            socat.kill().and_then(|()| socat.wait()).expect("socat ends");
        }
        for end in [&self.host, &self.scanner] {
            // Killed, socat leaves its links behind; an unplugged device has none.
            std::fs::remove_file(end).expect("a link");
        }
    }

    /// Writes bytes in one go.
    pub fn write(&self, bytes: &[u8]) {
        let mut end = OpenOptions::new().write(true).open(&self.scanner).expect("the line");
        end.write_all(bytes).expect("written");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(mut socat) = self.socat.take() {
            let _ = socat.kill().and_then(|()| socat.wait());
        }
    }
}
