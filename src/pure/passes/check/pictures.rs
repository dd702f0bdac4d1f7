//! Pictures: whole PNGs, of Wallet's sizes, in every scale, and of use on this style (wallets/apple.md section 1; PNG is
//! W3C's third edition).

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::pure::passes::bundle::{File, crc32};

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

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Width and height of a picture by its scale.
type Sizes = BTreeMap<u32, (u32, u32)>;

/// Judges every picture and all together. `is_store_card` tells the style, `logo_text` whether a text stands for the logo.
pub(super) fn judge(files: &[File], is_store_card: bool, logo_text: bool, findings: &mut Findings) {
    // By folder and stem.
    let mut families: BTreeMap<(&str, &str), Sizes> = BTreeMap::new();
    for file in files {
        let (folder, base) = file.name.rsplit_once('/').unwrap_or(("", &file.name));
        let Some((stem, scale)) = base.strip_suffix(".png").map(scaled) else { continue };
        if let Some(size) = one(file, stem, scale, findings) {
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
fn one(file: &File, stem: &str, scale: u32, findings: &mut Findings) -> Option<(u32, u32)> {
    let name = file.name.as_str();
    let (width, height) = match size_of(&file.bytes) {
        Ok(size) => size,
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

/// Width and height of a PNG whose chunks are whole (sections 5.3 and 5.6), or what is wrong with it.
fn size_of(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    const CUT: &str = "it is a PNG that is cut off";
    let mut rest = bytes.strip_prefix(PNG).ok_or("it is no PNG")?;
    let (mut size, mut has_pixels) = (None, false);
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CUT)?;
        // The kind has four bytes, the sum after the content as well.
        let whole = length.checked_add(4).and_then(|whole| after.get(..whole)).ok_or(CUT)?;
        let (sum, next) = after[whole.len()..].split_first_chunk::<4>().ok_or(CUT)?;
        if crc32(whole) != u32::from_be_bytes(*sum) {
            return Err("it is a PNG with a damaged part");
        }
        let (kind, content) = whole.split_at(4);
        match (kind, size) {
            (b"IHDR", None) => size = Some(header(content).ok_or("it is a PNG with an impossible head")?),
            (_, None) | (b"IHDR", _) => return Err("it is a PNG that does not begin with its head"),
            (b"IDAT", _) => has_pixels = true,
            (b"IEND", Some(size)) => {
                return match (has_pixels, next.is_empty()) {
                    (false, _) => Err("it is a PNG without pixels"),
                    (_, false) => Err("it is a PNG with bytes after its end"),
                    _ => Ok(size),
                };
            }
            _ => {}
        }
        rest = next;
    }
}

/// Width and height of an IHDR (section 11.2.1) whose depth goes with its kind of colour.
fn header(content: &[u8]) -> Option<(u32, u32)> {
    let content: &[u8; 13] = content.try_into().ok()?;
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, 0, 0, 0 | 1] = *content else { return None };
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return None,
    };
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    (depths.contains(&depth) && width > 0 && height > 0).then_some((width, height))
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

    #[test]
    fn a_png_is_whole_or_says_what_is_wrong() {
        let good = head(29, 28, 8, 6);
        let whole = png(&[(b"IHDR", &good), (b"IDAT", b"x"), (b"IEND", b"")]);
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
        ] {
            let said = size_of(&png(chunks)).expect_err(says);
            assert!(said.contains(says), "{said}");
        }
    }
}
