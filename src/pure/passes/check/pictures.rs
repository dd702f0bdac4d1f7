//! Pictures: whole PNGs, of Wallet's sizes, in every scale, and of use on this style (wallets/apple.md section 1; PNG is
//! W3C's third edition).

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::pure::passes::bundle::{File, crc32, inflates_to};

/// Pictures of any pass, and the largest size of each at 1x; exact where the flag is set.
const PICTURES: [(&str, u32, u32, bool); 6] = [
    ("icon", 29, 29, true),
    ("logo", 160, 50, false),
    ("strip", 375, 144, true),
    ("thumbnail", 90, 90, false),
    ("background", 180, 220, false),
    ("footer", 286, 15, false),
];

/// What a store card does not show.
const NOT_ON_STORE_CARDS: [&str; 3] = ["thumbnail", "background", "footer"];

/// The most bytes of pixels of one picture; the largest that Wallet shows has four million.
const PIXEL_BYTES_MAX: u64 = 16 << 20;

/// The most bytes of pixels of all pictures that are unpacked; full sets in thirty languages stay under it.
const PIXEL_BYTES_ALL_MAX: u64 = 256 << 20;

/// Width and height of each scale of a picture.
type Sizes = BTreeMap<u32, (u32, u32)>;

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Judges every picture and all together. `is_store_card` tells the style, `logo_text` whether a text stands for the logo.
pub(super) fn judge(files: &[File], is_store_card: bool, logo_text: bool, findings: &mut Findings) {
    // By folder and stem.
    let mut families: BTreeMap<(&str, &str), Sizes> = BTreeMap::new();
    let mut budget = PIXEL_BYTES_ALL_MAX;
    for file in files {
        let (folder, base) = file.name.rsplit_once('/').unwrap_or(("", &file.name));
        let Some((stem, scale)) = base.strip_suffix(".png").map(scaled) else { continue };
        if let Some(size) = one(file, stem, scale, &mut budget, findings) {
            families.entry((folder, stem)).or_default().insert(scale, size);
        }
        if is_store_card && folder.is_empty() && scale == 1 && NOT_ON_STORE_CARDS.contains(&stem) {
            findings.warning(&file.name, "a store card does not show it", "leave it out");
        }
    }
    let plain: BTreeSet<&str> =
        families.keys().filter(|(folder, _)| folder.is_empty()).map(|(_, stem)| *stem).collect();
    for ((folder, stem), sizes) in &families {
        family(folder, stem, sizes, findings);
        if !folder.is_empty() && !plain.contains(stem) {
            let what = format!("{stem} is there for {folder} alone");
            findings.warning("archive", what, "add one at the top level, for every other language");
        }
    }
    if is_store_card && !plain.contains("logo") && !logo_text {
        findings.warning(
            "archive",
            "there is neither logo.png nor logoText",
            "add one of them: nothing names the shop",
        );
    }
}

/// One picture; its size where that could be read.
fn one(file: &File, stem: &str, scale: u32, budget: &mut u64, findings: &mut Findings) -> Option<(u32, u32)> {
    let name = file.name.as_str();
    let (width, height) = match judged(&file.bytes, budget) {
        Ok(head) => (head.width, head.height),
        Err(what) => {
            findings.error(name, what, "save the picture as PNG");
            return None;
        }
    };
    match PICTURES.iter().find(|(known, ..)| *known == stem) {
        Some((_, wide, high, exact)) => {
            let (wide, high) = (wide * scale, high * scale);
            if (*exact && (width, height) != (wide, high)) || width > wide || height > high {
                let size = if *exact { "" } else { "at most " };
                let what = format!("it is {width}×{height}, Wallet wants {size}{wide}×{high}");
                findings.warning(name, what, "draw it in that size; Wallet scales and cuts others");
            }
        }
        None if stem == "personalizationLogo" => {}
        None => findings.warning(name, "Wallet does not look at it", "leave it out"),
    }
    Some((width, height))
}

/// One picture in its scales: the larger ones are there, and are the same picture by their form.
fn family(folder: &str, stem: &str, sizes: &Sizes, findings: &mut Findings) {
    let path = |scale: u32| {
        let at = if scale == 1 { String::new() } else { format!("@{scale}x") };
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        format!("{folder}{stem}{at}.png")
    };
    let Some((_, _, _, exact)) = PICTURES.iter().find(|(known, ..)| *known == stem) else { return };
    // The icon's have a finding of their own.
    for scale in [2, 3].into_iter().filter(|scale| stem != "icon" && !sizes.contains_key(scale)) {
        let what = format!("{} is missing", path(scale));
        findings.warning("archive", what, "add it; phones of today show no other size");
    }
    let Some((width, height)) = sizes.get(&1).filter(|_| !exact) else { return };
    for (scale, (own_width, own_height)) in sizes.iter().filter(|(scale, _)| **scale > 1) {
        let (wide, high) = (width * scale, height * scale);
        if own_width.abs_diff(wide) >= *scale || own_height.abs_diff(high) >= *scale {
            let what = format!("it is {own_width}×{own_height}, {scale} times {} is {wide}×{high}", path(1));
            findings.warning(&path(*scale), what, "draw each scale from one picture");
        }
    }
}

/// `strip@2x` is (`strip`, 2).
fn scaled(stem: &str) -> (&str, u32) {
    match stem.rsplit_once('@') {
        Some((stem, "2x")) => (stem, 2),
        Some((stem, "3x")) => (stem, 3),
        _ => (stem, 1),
    }
}

/// An IHDR (section 11.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    width: u32,
    height: u32,
    /// Bits of one pixel.
    bits: u64,
    has_palette: bool,
    interlaced: bool,
}

/// The head of a PNG whose chunks are whole (sections 5.3 and 5.6) and whose pixels are there, or what is wrong with it.
/// What the pixels take is taken from `budget`.
fn judged(bytes: &[u8], budget: &mut u64) -> Result<Head, &'static str> {
    let (head, pixels) = parts_of(bytes)?;
    let expected: u64 = head.passes().iter().map(|(row, rows)| (row + 1).saturating_mul(*rows)).sum();
    if expected > PIXEL_BYTES_MAX {
        return Err("it is a PNG of more pixels than any picture of a pass has");
    }
    *budget = budget.checked_sub(expected).ok_or("it is one of so many pixels that the others were not looked at")?;
    let mut rows = head.passes().into_iter().flat_map(|(row, rows)| (0..rows).map(move |_| row));
    // Bytes until the next row's first, which names its filter, one of five (section 9.2).
    let mut left = 0;
    let filtered = |mut piece: &[u8]| {
        while let Some((first, after)) = piece.split_first() {
            if left == 0 {
                if *first > 4 {
                    return false;
                }
                left = rows.next().unwrap_or(0);
                piece = after;
            } else {
                let pixels = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                left -= pixels as u64;
                piece = &piece[pixels..];
            }
        }
        true
    };
    if inflates_to(&pixels, expected, filtered) {
        Ok(head)
    } else {
        Err("it is a PNG whose pixels do not unpack to its width and height")
    }
}

/// The head and the packed pixels.
fn parts_of(bytes: &[u8]) -> Result<(Head, Vec<u8>), &'static str> {
    const CUT: &str = "it is a PNG that is cut off";
    let mut rest = bytes.strip_prefix(PNG).ok_or("it is no PNG")?;
    let (mut head, mut pixels, mut has_palette): (Option<Head>, Vec<u8>, bool) = (None, Vec::new(), false);
    let mut before = *b"IHDR";
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CUT)?;
        // The kind has four bytes, the sum after the content as well.
        let whole = length.checked_add(4).and_then(|whole| after.get(..whole)).ok_or(CUT)?;
        let (sum, next) = after[whole.len()..].split_first_chunk::<4>().ok_or(CUT)?;
        if crc32(whole) != u32::from_be_bytes(*sum) {
            return Err("it is a PNG with a damaged part");
        }
        let (kind, content) = whole.split_first_chunk::<4>().ok_or(CUT)?;
        match (kind, head) {
            (b"IHDR", None) => head = Some(header(content).ok_or("it is a PNG with an impossible head")?),
            (_, None) | (b"IHDR", _) => return Err("it is a PNG that does not begin with its head"),
            (b"PLTE", _) => has_palette = pixels.is_empty() && content.len() % 3 == 0 && !content.is_empty(),
            (b"IDAT", _) if !pixels.is_empty() && before != *b"IDAT" => {
                return Err("it is a PNG with something between its pixels");
            }
            (b"IDAT", _) => pixels.extend_from_slice(content),
            (b"IEND", Some(head)) => {
                return match (pixels.is_empty(), next.is_empty()) {
                    (true, _) => Err("it is a PNG without pixels"),
                    (_, false) => Err("it is a PNG with bytes after its end"),
                    _ if head.has_palette && !has_palette => Err("it is a PNG without its palette"),
                    _ => Ok((head, pixels)),
                };
            }
            _ => {}
        }
        (before, rest) = (*kind, next);
    }
}

/// An IHDR whose depth goes with its kind of colour.
fn header(content: &[u8]) -> Option<Head> {
    let content: &[u8; 13] = content.try_into().ok()?;
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, 0, 0, interlace @ (0 | 1)] = *content else { return None };
    let (depths, samples): (&[u8], u64) = match colour {
        0 => (&[1, 2, 4, 8, 16], 1),
        3 => (&[1, 2, 4, 8], 1),
        2 => (&[8, 16], 3),
        4 => (&[8, 16], 2),
        6 => (&[8, 16], 4),
        _ => return None,
    };
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    let head =
        Head { width, height, bits: samples * u64::from(depth), has_palette: colour == 3, interlaced: interlace == 1 };
    (depths.contains(&depth) && width > 0 && height > 0).then_some(head)
}

impl Head {
    /// Of each pass the bytes of a row without its filter, and how many rows it has (sections 7.2 and 8.2).
    fn passes(&self) -> Vec<(u64, u64)> {
        /// Where Adam7's passes begin and how far they step, across and down.
        const ADAM_7: [(u32, u32, u32, u32); 7] =
            [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];
        let row = |width: u32| u64::from(width).saturating_mul(self.bits).div_ceil(8);
        if !self.interlaced {
            return vec![(row(self.width), u64::from(self.height))];
        }
        let passes = ADAM_7.into_iter().map(|(x, across, y, down)| {
            let width = self.width.saturating_sub(x).div_ceil(across);
            let height = self.height.saturating_sub(y).div_ceil(down);
            (row(width), u64::from(height))
        });
        // A pass without columns has no rows either.
        passes.filter(|(row, rows)| *row > 0 && *rows > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of these chunks.
    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = PNG.to_vec();
        for (kind, content) in chunks {
            let whole = [&kind[..], content].concat();
            bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&whole);
            bytes.extend_from_slice(&crc32(&whole).to_be_bytes());
        }
        bytes
    }

    fn head(width: u8, height: u8, depth: u8, colour: u8) -> [u8; 13] {
        [0, 0, 0, width, 0, 0, 0, height, depth, colour, 0, 0, 0]
    }

    /// Bytes as zlib keeps them, stored and unpacked (RFC 1950, RFC 1951 section 3.2.4).
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let mut packed = vec![0x78, 0x01];
        let mut blocks = bytes.chunks(0xFFFF).peekable();
        while let Some(block) = blocks.next() {
            let length = block.len() as u16;
            packed.push(u8::from(blocks.peek().is_none()));
            packed.extend(length.to_le_bytes());
            packed.extend((!length).to_le_bytes());
            packed.extend_from_slice(block);
        }
        let (mut low, mut high) = (1u32, 0u32);
        for byte in bytes {
            low = (low + u32::from(*byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        packed.extend((high << 16 | low).to_be_bytes());
        packed
    }

    fn size_of(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
        judged(bytes, &mut PIXEL_BYTES_ALL_MAX.clone()).map(|head| (head.width, head.height))
    }

    #[test]
    fn a_png_is_whole_or_says_what_is_wrong() {
        let good = head(29, 28, 8, 6);
        let pixels = stored(&vec![0; 28 * (29 * 4 + 1)]);
        let whole = png(&[(b"IHDR", &good), (b"IDAT", &pixels[..90]), (b"IDAT", &pixels[90..]), (b"IEND", b"")]);
        assert_eq!(size_of(&whole), Ok((29, 28)));
        for length in 0..whole.len() {
            assert!(size_of(&whole[..length]).is_err(), "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(size_of(&changed).is_err(), "byte {at}");
        }
        for (chunks, says) in [
            (&[(b"IDAT", &b"x"[..]), (b"IHDR", &good)][..], "does not begin"),
            (&[(b"IHDR", &good), (b"IHDR", &good)], "does not begin"),
            (&[(b"IHDR", &good), (b"IEND", b"")], "without pixels"),
            (&[(b"IHDR", &head(0, 1, 8, 6))], "impossible head"),
            (&[(b"IHDR", &head(1, 1, 4, 6))], "impossible head"),
            (&[(b"IHDR", &good[..12])], "impossible head"),
            (&[(b"IHDR", &good), (b"IDAT", b"x"), (b"IEND", b""), (b"tEXt", b"")], "after its end"),
            (&[(b"IHDR", &good), (b"IDAT", b"x"), (b"tEXt", b""), (b"IDAT", b"x")], "between its pixels"),
            (&[(b"IHDR", &head(1, 1, 8, 3)), (b"IDAT", b"x"), (b"IEND", b"")], "without its palette"),
        ] {
            let said = size_of(&png(chunks)).expect_err(says);
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn pixels_unpack_to_exactly_the_size_that_the_head_names() {
        let of = |head: &[u8], raw: &[u8]| size_of(&png(&[(b"IHDR", head), (b"IDAT", &stored(raw)), (b"IEND", b"")]));
        // 5 times 3 in grey of one bit: a byte and a filter for each row.
        let grey = head(5, 3, 1, 0);
        assert_eq!(of(&grey, &[4, 0, 0, 9, 2, 0]), Ok((5, 3)));
        // Adam7 of 5 times 3: passes of 1×1, 1×1, none, 2×1, 3×1, 2×2 and 5×1.
        let mut woven = grey;
        woven[12] = 1;
        assert_eq!(of(&woven, &[0; 14]), Ok((5, 3)));
        const WRONG: Result<(u32, u32), &str> = Err("it is a PNG whose pixels do not unpack to its width and height");
        for raw in [&[0u8; 5][..], &[0; 7], &[0; 14], &[0, 0, 5, 0, 0, 0], &[]] {
            assert_eq!(of(&grey, raw), WRONG, "{raw:?}");
        }
        assert_eq!(of(&woven, &[0; 6]), WRONG);
        let mut after = stored(&[0; 6]);
        after.push(0);
        for packed in [&after[..], b"no zlib", &after[..after.len() - 3]] {
            let bytes = png(&[(b"IHDR", &grey), (b"IDAT", packed), (b"IEND", b"")]);
            assert_eq!(size_of(&bytes), WRONG, "{packed:?}");
        }
    }

    #[test]
    fn what_a_head_promises_is_not_allocated() {
        let mut huge = head(0, 0, 16, 6);
        huge[..8].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
        let pixels = stored(&[0; 6]);
        let bytes = |head: &[u8]| png(&[(b"IHDR", head), (b"IDAT", &pixels), (b"IEND", b"")]);
        assert_eq!(size_of(&bytes(&huge)), Err("it is a PNG of more pixels than any picture of a pass has"));
        huge[..8].copy_from_slice(&[0xFF; 8]);
        assert_eq!(size_of(&bytes(&huge)), Err("it is a PNG of more pixels than any picture of a pass has"));
        let mut budget = 11;
        let small = bytes(&head(5, 3, 1, 0));
        assert!(judged(&small, &mut budget).is_ok() && budget == 5);
        assert!(judged(&small, &mut budget).is_err_and(|what| what.contains("so many pixels")));
    }
}
