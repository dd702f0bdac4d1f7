//! A picture of a pass, with the sums by which manifest and archive name it.

use std::fmt;
use std::sync::Arc;

use openssl::sha::sha1;

use super::bundle::crc32;

/// A PNG by its name in the package.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The name with its scale: `strip@2x.png`.
    pub name: String,
    /// The file.
    pub bytes: Arc<[u8]>,
    /// SHA-1 of the file, as the manifest wants it (wallets/apple.md section 1).
    pub sha1: [u8; 20],
    /// CRC-32 of the file, as the archive wants it.
    pub crc32: u32,
}

impl Image {
    /// A picture called `name`.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), sha1: sha1(&bytes), crc32: crc32(&bytes), bytes: bytes.into() }
    }
}

impl fmt::Debug for Image {
    /// By name and size: the bytes say nothing to a reader.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}, {} bytes)", self.name, self.bytes.len())
    }
}
