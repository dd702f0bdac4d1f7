//! The archive of a pass: manifest and zip, the same bytes for the same files, and its strict reader ([`read`]).
//!
//! Written by hand rather than by the `zip` crate because a signed pass is to cost little more than its RSA operation:
//! pictures keep their CRC and SHA-1 from when they were drawn and are copied, one deflate state serves all passes of a
//! worker. No zip64, no comments, no directories, times fixed to the first that a zip knows (wallets/apple.md section 1).
//! The tests read it back by the `zip` crate, Python and unzip.

mod read;
#[cfg(test)]
mod tests;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use openssl::sha::sha1;

use super::Image;

pub use read::{ArchiveError, FILE_BYTES_MAX, FILES_MAX, File, inflates_to, read};

/// The file that lists the others.
pub const MANIFEST: &str = "manifest.json";

/// The file that signs the manifest.
pub const SIGNATURE: &str = "signature";

/// 1980-01-01 00:00:00, the first moment that a zip can name (APPNOTE section 4.4.6).
const DOS_DATE: u16 = 1 << 5 | 1;

const LOCAL: u32 = 0x0403_4B50;
const CENTRAL: u32 = 0x0201_4B50;
const END: u32 = 0x0605_4B50;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Version 2.0: deflate.
const VERSION: u16 = 20;
/// Names are UTF-8 (APPNOTE section 4.4.4, bit 11).
const FLAG_UTF8: u16 = 1 << 11;

/// CRC-32 as zip uses it.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The files of a pass and the manifest over them, not yet signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Made for this card: pass.json and strings, by name.
    texts: Vec<(String, Vec<u8>)>,
    /// Drawn before, by name.
    images: Vec<Image>,
    manifest: Vec<u8>,
}

impl Draft {
    /// Of texts and pictures. Names are unique; the later of two equal ones is left out.
    pub fn new(mut texts: Vec<(String, Vec<u8>)>, mut images: Vec<Image>) -> Self {
        texts.sort_by(|one, other| one.0.cmp(&other.0));
        texts.dedup_by(|later, first| later.0 == first.0);
        images.sort_by(|one, other| one.name.cmp(&other.name));
        images.dedup_by(|later, first| later.name == first.name);
        let manifest = manifest(&texts, &images);
        Self { texts, images, manifest }
    }

    /// `manifest.json`: what is signed. Two drafts with equal manifests show the same, so that nothing need be signed or
    /// sent again.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// A text by its name.
    pub fn text(&self, name: &str) -> Option<&[u8]> {
        self.texts.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.as_slice())
    }
}

/// The manifest: one object, each path with the SHA-1 of its bytes in lower-case hex, by name.
fn manifest(texts: &[(String, Vec<u8>)], images: &[Image]) -> Vec<u8> {
    let texts = texts.iter().map(|(name, bytes)| (name.as_str(), sha1(bytes)));
    let images = images.iter().map(|image| (image.name.as_str(), image.sha1));
    let mut all: Vec<(&str, [u8; 20])> = texts.chain(images).collect();
    all.sort_unstable();
    let mut json = String::with_capacity(64 * all.len() + 2);
    for (name, hash) in all {
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&serde_json::Value::from(name).to_string());
        json.push_str(":\"");
        for byte in hash {
            json.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            json.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        json.push('"');
    }
    if json.is_empty() {
        json.push('{');
    }
    json.push('}');
    json.into_bytes()
}

/// Writes archives; keeps its deflate state, so one for each worker.
pub struct Packer {
    deflate: Compress,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Default for Packer {
    fn default() -> Self {
        // The files are a few kilobytes of JSON: the fast level costs a tenth of the best and a few percent of size.
        Self { deflate: Compress::new(Compression::fast(), false), packed: Vec::new() }
    }
}

impl Packer {
    /// The archive of a draft with the signature over its manifest: pictures and signature stored, texts deflated.
    pub fn pack(&mut self, draft: &Draft, signature: &[u8]) -> Vec<u8> {
        let sizes = draft.images.iter().map(|image| image.bytes.len());
        let texts = draft.texts.iter().map(|(_, bytes)| bytes.len());
        let files = draft.images.len() + draft.texts.len() + 2;
        let room = sizes.chain(texts).sum::<usize>() + draft.manifest.len() + signature.len() + 160 * files + 22;
        let mut archive =
            Archive { bytes: Vec::with_capacity(room), directory: Vec::with_capacity(96 * files), files: 0 };
        for (name, bytes) in &draft.texts {
            self.add_deflated(&mut archive, name, bytes);
        }
        for image in &draft.images {
            archive.add(&image.name, STORED, image.crc32, image.bytes.len(), &image.bytes);
        }
        self.add_deflated(&mut archive, MANIFEST, &draft.manifest);
        archive.add(SIGNATURE, STORED, crc32(signature), signature.len(), signature);
        archive.finish()
    }

    fn add_deflated(&mut self, archive: &mut Archive, name: &str, bytes: &[u8]) {
        let crc = crc32(bytes);
        self.deflate.reset();
        self.packed.clear();
        // Deflate grows by five bytes for each block of incompressible input at most.
        self.packed.reserve(bytes.len() + bytes.len() / 1_000 + 64);
        let done = self.deflate.compress_vec(bytes, &mut self.packed, FlushCompress::Finish);
        if matches!(done, Ok(Status::StreamEnd)) && self.packed.len() < bytes.len() {
            archive.add(name, DEFLATED, crc, bytes.len(), &self.packed);
        } else {
            archive.add(name, STORED, crc, bytes.len(), bytes);
        }
    }
}

/// A zip that grows: local entries, and the directory that follows them.
struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    files: u16,
}

impl Archive {
    /// Appends a file of `size` bytes, which `data` holds by `method`. A pass is far below 4 GB and 65,535 files.
    fn add(&mut self, name: &str, method: u16, crc: u32, size: usize, data: &[u8]) {
        let offset = self.bytes.len() as u32;
        let mut entry = Vec::with_capacity(26);
        for number in [VERSION, FLAG_UTF8, method, 0, DOS_DATE] {
            entry.extend_from_slice(&number.to_le_bytes());
        }
        for number in [crc, data.len() as u32, size as u32] {
            entry.extend_from_slice(&number.to_le_bytes());
        }
        entry.extend_from_slice(&(name.len() as u16).to_le_bytes());
        // No extra field.
        entry.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&LOCAL.to_le_bytes());
        self.bytes.extend_from_slice(&entry);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(data);
        self.directory.extend_from_slice(&CENTRAL.to_le_bytes());
        self.directory.extend_from_slice(&VERSION.to_le_bytes());
        self.directory.extend_from_slice(&entry);
        // No comment, first disk, no attributes (2 + 2 + 2 + 4 bytes).
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.files += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(&END.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        for _ in 0..2 {
            self.bytes.extend_from_slice(&self.files.to_le_bytes());
        }
        self.bytes.extend_from_slice(&(self.directory.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes
    }
}
