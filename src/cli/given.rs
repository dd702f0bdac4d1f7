//! Files that are named on the command line: regular ones, read up to a bound. What has no end (`/dev/zero`) or waits for
//! somebody (a named pipe) is refused before it is opened.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::fs::OFlags;

/// The most bytes of a certificate or key file.
pub const KEY_BYTES_MAX: u64 = 1 << 20;

/// The most bytes of a rule file.
pub const RULES_BYTES_MAX: u64 = 1 << 20;

/// An error where `file` is no regular file, by itself or behind a link.
pub fn check(file: &Path) -> Result<()> {
    let found = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !found.is_file() {
        bail!("cannot read {}: it is no regular file; name the file itself", file.display());
    }
    Ok(())
}

/// The bytes of a regular file of at most `bytes_max`.
pub fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let opened = open(file)?;
    let mut bytes = Vec::new();
    opened.take(bytes_max + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", file.display()))?;
    if bytes.len() as u64 > bytes_max {
        bail!("{} is larger than {} KB, which no such file is; name the right one", file.display(), bytes_max >> 10);
    }
    Ok(bytes)
}

/// The text of a regular file of at most `bytes_max` bytes.
pub fn read_text(file: &Path, bytes_max: u64) -> Result<String> {
    String::from_utf8(read(file, bytes_max)?).with_context(|| format!("cannot read {}", file.display()))
}

/// A device may act on being opened, so it is looked at before; a file that was exchanged since is looked at again, and
/// does not block.
fn open(file: &Path) -> Result<File> {
    check(file)?;
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).context("the flags of this system")?;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(file);
    let opened = opened.with_context(|| format!("cannot read {}", file.display()))?;
    if !opened.metadata()?.is_file() {
        bail!("cannot read {}: it is no regular file; name the file itself", file.display());
    }
    Ok(opened)
}
