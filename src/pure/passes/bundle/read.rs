//! Reading an archive that anybody may have made. What two readers could see differently is refused: a name twice, a
//! directory that does not agree with the entries, bytes that belong to nothing. So what is checked here is what Wallet
//! sees.

use std::collections::BTreeSet;

use flate2::{Decompress, FlushDecompress, Status};

use super::{CENTRAL, DEFLATED, END, LOCAL, STORED, crc32};
use crate::pure::text::shown_to;

/// The most files of a pass; a full one with two languages has about thirty.
pub const FILES_MAX: usize = 500;

/// The most bytes of one unpacked file.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most bytes of all unpacked files together.
const TOTAL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest name.
const NAME_BYTES_MAX: usize = 255;

const END_BYTES: usize = 22;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the archive.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why an archive is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// No end of a zip, or something follows it.
    #[error("it is no zip archive, or its end is cut off")]
    NotZip,
    /// Parts over several disks.
    #[error("it is split, or its directory is damaged at its end")]
    Split,
    /// Written for sizes beyond 4 GB or more than 65,534 files (APPNOTE section 4.3.14), which no pass needs.
    #[error("it is of the zip64 form, which readers of passes do not agree on")]
    Zip64,
    /// A comment behind the directory; its bytes.
    #[error("it has a comment of {0} bytes at its end, and nothing may be there")]
    Comment(usize),
    /// Bytes that belong to no file.
    #[error("it has bytes that belong to no file, at {0}")]
    Stray(usize),
    /// The directory is cut off or does not add up.
    #[error("its directory is damaged")]
    Directory,
    /// More files than [`FILES_MAX`].
    #[error("it has {0} files, at most {FILES_MAX} are read")]
    TooMany(usize),
    /// An entry is damaged: what about it.
    #[error("the entry '{name}' {what}")]
    Entry {
        /// Its name, shortened and made printable.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// The end of a zip64 archive, and where it lies (APPNOTE sections 4.3.14 and 4.3.15).
const LOCATOR_64: u32 = 0x0706_4B50;
const LOCATOR_64_BYTES: usize = 20;

/// A number that stands in a zip64 field instead (APPNOTE section 4.4.8).
const ELSEWHERE: usize = 0xFFFF_FFFF;

/// Bits of a Unix mode that tell the kind of a file, and the kind that is one.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// Entry as the directory has it.
struct Listed<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    offset: usize,
    /// The mode that Unix programs write; 0 where others wrote it.
    mode: u32,
}

const ZIP64: &str = "is of the zip64 form, which readers of passes do not agree on";

/// All files of an archive in the order of its directory.
pub fn read(archive: &[u8]) -> Result<Vec<File>, ArchiveError> {
    let (count, start, end) = directory_of(archive)?;
    let mut listed = Vec::with_capacity(count);
    let mut at = start;
    for _ in 0..count {
        let (entry, next) = entry_at(archive, at, end)?;
        listed.push(entry);
        at = next;
    }
    if at != end {
        return Err(ArchiveError::Stray(at));
    }
    check_names(&listed)?;
    let mut files = Vec::with_capacity(count);
    let mut total = 0usize;
    for entry in &listed {
        total = total.saturating_add(entry.size);
        if entry.size > FILE_BYTES_MAX || total > TOTAL_BYTES_MAX {
            return Err(wrong(entry.name, "is larger than anything of a pass"));
        }
    }
    let mut extents = Vec::with_capacity(count);
    for entry in &listed {
        let (data, extent) = data_of(archive, entry, start)?;
        extents.push(extent);
        files.push(File { name: String::from_utf8_lossy(entry.name).into_owned(), bytes: unpacked(entry, data)? });
    }
    check_extents(extents, start)?;
    Ok(files)
}

/// Number of entries, and where the directory begins and ends.
fn directory_of(archive: &[u8]) -> Result<(usize, usize, usize), ArchiveError> {
    let end = archive.len().checked_sub(END_BYTES).ok_or(ArchiveError::NotZip)?;
    if u32_at(archive, end) != Some(END) || u16_at(archive, end + 20) != Some(0) {
        return Err(comment_of(archive).map_or(ArchiveError::NotZip, ArchiveError::Comment));
    }
    let locator = end.checked_sub(LOCATOR_64_BYTES).and_then(|at| u32_at(archive, at));
    let small = |at: usize| u16_at(archive, end + at).map(usize::from).ok_or(ArchiveError::NotZip);
    let large = |at: usize| u32_at(archive, end + at).map(|number| number as usize).ok_or(ArchiveError::NotZip);
    let (disk, directory_disk, here, count) = (small(4)?, small(6)?, small(8)?, small(10)?);
    if locator == Some(LOCATOR_64) || count == 0xFFFF || large(12)? == ELSEWHERE || large(16)? == ELSEWHERE {
        return Err(ArchiveError::Zip64);
    }
    if disk != 0 || directory_disk != 0 || here != count {
        return Err(ArchiveError::Split);
    }
    if count > FILES_MAX {
        return Err(ArchiveError::TooMany(count));
    }
    let (bytes, start) = (large(12)?, large(16)?);
    if start.checked_add(bytes) != Some(end) {
        return Err(ArchiveError::Directory);
    }
    Ok((count, start, end))
}

/// The length of a comment that reaches to the end of the archive.
fn comment_of(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_BYTES)?;
    (last.saturating_sub(0xFFFF)..last).rev().find_map(|at| {
        let comment = last - at;
        (u32_at(archive, at) == Some(END) && u16_at(archive, at + 20).map(usize::from) == Some(comment))
            .then_some(comment)
    })
}

/// The entry of the directory at `at`, and where the next begins.
fn entry_at(archive: &[u8], at: usize, end: usize) -> Result<(Listed<'_>, usize), ArchiveError> {
    let damaged = || ArchiveError::Directory;
    if at + CENTRAL_BYTES > end || u32_at(archive, at) != Some(CENTRAL) {
        return Err(damaged());
    }
    let small = |offset: usize| u16_at(archive, at + offset).map(usize::from).ok_or_else(damaged);
    let large = |offset: usize| u32_at(archive, at + offset).ok_or_else(damaged);
    let (name, extra, comment, disk) = (small(28)?, small(30)?, small(32)?, small(34)?);
    let next = at + CENTRAL_BYTES + name + extra + comment;
    if next > end || disk != 0 {
        return Err(damaged());
    }
    let listed = Listed {
        name: &archive[at + CENTRAL_BYTES..at + CENTRAL_BYTES + name],
        flags: u16_at(archive, at + 8).ok_or_else(damaged)?,
        method: u16_at(archive, at + 10).ok_or_else(damaged)?,
        crc: large(16)?,
        packed: large(20)? as usize,
        size: large(24)? as usize,
        offset: large(42)? as usize,
        mode: large(38)? >> 16,
    };
    Ok((listed, next))
}

/// Names that lead nowhere else, each once; case counts as the same, because phones' and desktops' disks think so.
fn check_names(listed: &[Listed<'_>]) -> Result<(), ArchiveError> {
    let mut seen = BTreeSet::new();
    for entry in listed {
        let Ok(name) = std::str::from_utf8(entry.name) else {
            return Err(wrong(entry.name, "has a name that is no UTF-8"));
        };
        let what = if name.is_empty() || name.len() > NAME_BYTES_MAX {
            "has no name, or one that is too long"
        } else if name.ends_with('/') {
            "is a directory; only files may be there"
        } else if name.contains(['\\', ':']) || name.split('/').any(|part| ["", ".", ".."].contains(&part)) {
            "has a path that leads out of the archive"
        } else if name.chars().any(char::is_control) {
            "has control characters in its name"
        } else if !seen.insert(name.to_lowercase()) {
            "stands there twice"
        } else if ![0, REGULAR].contains(&(entry.mode & KIND)) {
            "is a link, a folder or a device by its Unix mode; only files may be there"
        } else if [entry.packed, entry.size, entry.offset].contains(&ELSEWHERE) {
            ZIP64
        } else {
            continue;
        };
        return Err(wrong(entry.name, what));
    }
    Ok(())
}

/// The packed bytes of an entry, and from where to where it reaches with its head and descriptor.
fn data_of<'a>(
    archive: &'a [u8],
    entry: &Listed<'_>,
    directory: usize,
) -> Result<(&'a [u8], (usize, usize)), ArchiveError> {
    let fail = |what| wrong(entry.name, what);
    const CUT: &str = "is cut off";
    const DIFFERS: &str = "is another one in the directory than where it lies";
    // Bit 0 is encryption, 6 strong encryption, 13 hidden headers; 5 is patched data.
    if entry.flags & 0b0010_0000_0110_0001 != 0 {
        return Err(fail("is encrypted or patched"));
    }
    if ![STORED, DEFLATED].contains(&entry.method) {
        return Err(fail("is packed by another method than deflate"));
    }
    let at = entry.offset;
    if at.checked_add(LOCAL_BYTES).is_none_or(|head| head > directory) || u32_at(archive, at) != Some(LOCAL) {
        return Err(fail(CUT));
    }
    let small = |offset: usize| u16_at(archive, at + offset).ok_or_else(|| fail(CUT));
    let large = |offset: usize| u32_at(archive, at + offset).ok_or_else(|| fail(CUT));
    let name_end = at + LOCAL_BYTES + usize::from(small(26)?);
    let data_start = name_end + usize::from(small(28)?);
    let data_end = data_start.saturating_add(entry.packed);
    if data_end > directory {
        return Err(fail(CUT));
    }
    let flags = small(6)?;
    if archive[at + LOCAL_BYTES..name_end] != *entry.name || small(8)? != entry.method || flags & 1 != 0 {
        return Err(fail(DIFFERS));
    }
    // Bit 3: sums and sizes follow the data, and may be zero before it.
    let streamed = flags & (1 << 3) != 0;
    let head = (large(14)?, large(18)? as usize, large(22)? as usize);
    if [head.1, head.2].contains(&ELSEWHERE) {
        return Err(fail(ZIP64));
    }
    let listed = (entry.crc, entry.packed, entry.size);
    if head != listed && !(streamed && head == (0, 0, 0)) {
        return Err(fail(DIFFERS));
    }
    let tail = if streamed { descriptor_bytes(archive, data_end, listed).ok_or_else(|| fail(DIFFERS))? } else { 0 };
    Ok((&archive[data_start..data_end], (at, data_end + tail)))
}

/// The length of the descriptor after streamed data: twelve bytes, often with a mark before them.
fn descriptor_bytes(archive: &[u8], at: usize, (crc, packed, size): (u32, usize, usize)) -> Option<usize> {
    const MARK: u32 = 0x0807_4B50;
    let start = if u32_at(archive, at) == Some(MARK) { at + 4 } else { at };
    let says = (u32_at(archive, start)?, u32_at(archive, start + 4)? as usize, u32_at(archive, start + 8)? as usize);
    (says == (crc, packed, size)).then_some(start + 12 - at)
}

/// Every byte before the directory belongs to exactly one entry.
fn check_extents(mut extents: Vec<(usize, usize)>, directory: usize) -> Result<(), ArchiveError> {
    extents.sort_unstable();
    let mut at = 0;
    for (start, end) in extents {
        if start != at {
            return Err(ArchiveError::Stray(at));
        }
        at = end;
    }
    if at == directory { Ok(()) } else { Err(ArchiveError::Stray(at)) }
}

/// The content, of exactly the size that the directory names: an archive cannot ask for more memory than it admits.
fn unpacked(entry: &Listed<'_>, data: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let fail = |what| wrong(entry.name, what);
    let bytes = if entry.method == STORED {
        data.to_vec()
    } else {
        // One byte more than promised, so that more is seen; grown as it comes, not as it is promised.
        let mut bytes = Vec::with_capacity(entry.size.min(data.len().saturating_mul(8)) + 1);
        let mut inflate = Decompress::new(false);
        loop {
            let read = inflate.total_in() as usize;
            let status = inflate.decompress_vec(&data[read..], &mut bytes, FlushDecompress::Finish);
            if bytes.len() > entry.size {
                return Err(fail("unpacks to more than it says"));
            }
            match status {
                Ok(Status::StreamEnd) => break,
                // Out of room: go on with more, as long as something moves.
                Ok(_) if bytes.len() == bytes.capacity() => bytes.reserve(bytes.len().max(4_096).min(entry.size + 1)),
                _ => return Err(fail("does not unpack")),
            }
        }
        if inflate.total_in() as usize != data.len() {
            return Err(fail("has bytes after its end"));
        }
        bytes
    };
    if bytes.len() != entry.size || crc32(&bytes) != entry.crc {
        return Err(fail("does not match its size and check sum"));
    }
    Ok(bytes)
}

fn wrong(name: &[u8], what: &'static str) -> ArchiveError {
    ArchiveError::Entry { name: shown_to(&String::from_utf8_lossy(name), 60), what }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Unpacks a zlib stream (RFC 1950) and keeps nothing of it: whether it is whole, gives exactly `expected` bytes, and
/// nothing follows it. `see` gets the bytes piece by piece, and ends it by `false`.
pub fn inflates_to(packed: &[u8], expected: u64, mut see: impl FnMut(&[u8]) -> bool) -> bool {
    let mut inflate = Decompress::new(true);
    let mut piece = vec![0; 32 * 1024];
    loop {
        let (read, made) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(&packed[read as usize..], &mut piece, FlushDecompress::None);
        let fresh = (inflate.total_out() - made) as usize;
        if inflate.total_out() > expected || !see(&piece[..fresh]) {
            return false;
        }
        match status {
            Ok(Status::StreamEnd) => {
                return inflate.total_in() == packed.len() as u64 && inflate.total_out() == expected;
            }
            // Nothing moves any more: it is cut off.
            Ok(_) if inflate.total_in() == read && fresh == 0 => return false,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}
