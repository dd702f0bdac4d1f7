//! What is kept of each card's newest pass: one small file in the cache.
//!
//! It may vanish or be cut off at any time (a power cut, an owner who makes room): what does not read back whole is not
//! there, and the pass is made anew. So nothing is synced to the disk, and no tap waits for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use openssl::sha::{Sha256, sha256};

use crate::pure::domain::Serial;

/// What every file begins with.
const MAGIC: &[u8; 8] = b"stpass1\n";

/// Bytes before the signature: magic, key, manifest, certificate, time.
const HEAD: usize = 8 + 32 + 32 + 64 + 8;

/// A signature has leaf and intermediate inside; no chain comes near this.
const BYTES_MAX: u64 = 64 * 1024;

/// A pass that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it was made of.
    pub key: [u8; 32],
    /// SHA-256 of its manifest.
    pub manifest: [u8; 32],
    /// SHA-256 of the certificate that signed it, lower-case hex.
    pub certificate: String,
    /// When these bytes came to be, seconds since 1970-01-01 UTC.
    pub modified_unix_s: i64,
    /// The detached signature.
    pub signature: Vec<u8>,
}

impl Kept {
    /// Names the bytes of the pass: what it shows, and when it was signed.
    pub fn tag(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.manifest);
        hash.update(&self.signature);
        hash.finish()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.signature.len() + 32);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.manifest);
        bytes.extend_from_slice(self.certificate.as_bytes());
        bytes.extend_from_slice(&self.modified_unix_s.to_be_bytes());
        bytes.extend_from_slice(&self.signature);
        let sum = sha256(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<32>()?;
        if sha256(body) != *sum {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (manifest, rest) = rest.split_first_chunk::<32>()?;
        let (certificate, rest) = rest.split_first_chunk::<64>()?;
        let (modified, signature) = rest.split_first_chunk::<8>()?;
        Some(Self {
            key: *key,
            manifest: *manifest,
            certificate: std::str::from_utf8(certificate).ok()?.to_owned(),
            modified_unix_s: i64::from_be_bytes(*modified),
            signature: signature.to_vec(),
        })
    }
}

/// The folder of all that is kept.
pub struct Shelf {
    folder: PathBuf,
    writes: AtomicU64,
}

impl Shelf {
    /// The shelf in `folder`, which is made when the first pass is put there.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), writes: AtomicU64::new(0) }
    }

    /// What is kept of a card's pass.
    pub fn read(&self, serial: Serial) -> Option<Kept> {
        let path = self.path(serial);
        let size = fs::metadata(&path).ok()?.len();
        if size > BYTES_MAX {
            return None;
        }
        Kept::of(&fs::read(path).ok()?)
    }

    /// Keeps the newest pass of a card in place of the one before: written aside and renamed, so that nobody reads half.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn put(&self, serial: Serial, kept: &Kept) -> io::Result<()> {
        let path = self.path(serial);
        let aside = path.with_extension(format!("{}.new", self.writes.fetch_add(1, Ordering::Relaxed)));
        let bytes = kept.bytes();
        if let Err(error) = fs::write(&aside, &bytes) {
            let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound);
            fs::create_dir_all(folder.ok_or(error)?)?;
            fs::write(&aside, &bytes)?;
        }
        fs::rename(&aside, &path)
    }

    /// A thousand folders, so that none of them grows long.
    fn path(&self, serial: Serial) -> PathBuf {
        let name = serial.to_string();
        let (folder, _) = name.split_at(2.min(name.len()));
        self.folder.join(folder).join(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            key: [1; 32],
            manifest: [2; 32],
            certificate: "ab".repeat(32),
            modified_unix_s: 1_790_000_000,
            signature: vec![0x30; 3_000],
        }
    }

    #[test]
    fn what_is_put_there_reads_back_and_what_was_cut_or_changed_does_not() {
        let folder = std::env::temp_dir().join(format!("stampd-shelf-{}", std::process::id()));
        let shelf = Shelf::new(&folder);
        let serial = Serial::from_random(7);
        assert_eq!(shelf.read(serial), None);
        shelf.put(serial, &kept()).expect("kept");
        assert_eq!(shelf.read(serial), Some(kept()));
        let newer = Kept { modified_unix_s: 1_790_000_001, ..kept() };
        shelf.put(serial, &newer).expect("kept");
        assert_eq!(shelf.read(serial), Some(newer.clone()));
        assert_ne!(newer.tag(), Kept { signature: vec![1], ..newer.clone() }.tag());
        let path = shelf.path(serial);
        let whole = fs::read(&path).expect("read");
        for length in [0, 1, 8, HEAD, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("written");
            assert_eq!(shelf.read(serial), None, "{length} bytes");
        }
        let mut changed = whole;
        changed[50] ^= 1;
        fs::write(&path, changed).expect("written");
        assert_eq!(shelf.read(serial), None);
        fs::remove_dir_all(folder).expect("removed");
    }
}
