//! The archive of a pass: manifest and zip, the same bytes for the same files, and its strict reader ([`read`]).
//!
//! Written by hand rather than by the `zip` crate because a signed pass is to cost little more than its RSA operation:
//! pictures keep their CRC and SHA-1 from when they were drawn, and everything is stored, as other makers of passes do.
//! Deflating the texts would save six kilobytes of more than a hundred and cost a sixth of the signature. No zip64, no
//! comments, no directories, times fixed to the first that a zip knows (wallets/apple.md section 1). The tests read it
//! back by the `zip` crate, Python and unzip.

mod read;
#[cfg(test)]
mod tests;

use flate2::Crc;
use openssl::sha::Sha1;

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
    let mut json = Vec::with_capacity(80 * all.len() + 2);
    for (name, hash) in all {
        json.push(if json.is_empty() { b'{' } else { b',' });
        json.push(b'"');
        escape_into(&mut json, name);
        json.extend_from_slice(b"\":\"");
        for byte in hash {
            json.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
        }
        json.push(b'"');
    }
    if json.is_empty() {
        json.push(b'{');
    }
    json.push(b'}');
    json
}

/// A name between JSON's quotes (RFC 8259 section 7). Names are short and plain, but nobody has to promise that.
fn escape_into(json: &mut Vec<u8>, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => json.extend([b'\\', byte]),
            0..0x20 => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => json.push(byte),
        }
    }
}

/// By the block function itself: OpenSSL's one-call form looks the algorithm up anew each time.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(bytes);
    hash.finish()
}

impl Draft {
    /// Writes the archive with the signature over the manifest into `into`, whose former content goes and whose room is
    /// used again.
    pub fn pack(&self, signature: &[u8], into: &mut Vec<u8>) {
        let images = self.images.iter().map(|image| image.name.len() + image.bytes.len());
        let texts = self.texts.iter().map(|(name, bytes)| name.len() + bytes.len());
        let files = self.images.len() + self.texts.len() + 2;
        let names = MANIFEST.len() + SIGNATURE.len();
        into.clear();
        into.reserve(images.chain(texts).sum::<usize>() + names + self.manifest.len() + signature.len() + 160 * files);
        let mut archive = Archive { bytes: into, directory: Vec::with_capacity(96 * files), files: 0 };
        for (name, bytes) in &self.texts {
            archive.store(name, crc32(bytes), bytes);
        }
        for image in &self.images {
            archive.store(&image.name, image.crc32, &image.bytes);
        }
        archive.store(MANIFEST, crc32(&self.manifest), &self.manifest);
        archive.store(SIGNATURE, crc32(signature), signature);
        archive.finish();
    }
}

/// A zip that grows: local entries, and the directory that follows them.
struct Archive<'b> {
    bytes: &'b mut Vec<u8>,
    directory: Vec<u8>,
    files: u16,
}

impl Archive<'_> {
    /// Appends a file as it is.
    fn store(&mut self, name: &str, crc: u32, bytes: &[u8]) {
        self.add(name, STORED, crc, bytes.len(), bytes);
    }

    /// Appends a file of `size` bytes, which `data` holds by `method`. A pass is far below 4 GB and 65,535 files.
    fn add(&mut self, name: &str, method: u16, crc: u32, size: usize, data: &[u8]) {
        let offset = self.bytes.len() as u32;
        let mut entry = [0; 26];
        let shorts = [VERSION, FLAG_UTF8, method, 0, DOS_DATE].map(u16::to_le_bytes);
        entry[..10].copy_from_slice(shorts.as_flattened());
        let longs = [crc, data.len() as u32, size as u32].map(u32::to_le_bytes);
        entry[10..22].copy_from_slice(longs.as_flattened());
        // The last two bytes: no extra field.
        entry[22..24].copy_from_slice(&(name.len() as u16).to_le_bytes());
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

    fn finish(self) {
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
    }
}
