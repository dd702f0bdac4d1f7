//! Archives that we write are read by others, and archives that others make badly are refused.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;

fn draft() -> Draft {
    let texts = vec![
        ("pass.json".to_owned(), br#"{"formatVersion":1,"description":"a card, a card, a card, a card"}"#.to_vec()),
        ("de.lproj/pass.strings".to_owned(), "\"Level\" = \"Stufe\";\n".repeat(20).into_bytes()),
    ];
    Draft::new(texts, vec![Image::new("icon.png", vec![9; 300]), Image::new("icon@2x.png", vec![8; 700])])
}

fn pack(draft: &Draft, signature: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    draft.pack(signature, &mut archive);
    archive
}

fn packed() -> Vec<u8> {
    pack(&draft(), b"not a signature")
}

#[test]
fn equal_drafts_are_equal_bytes_and_read_back_whole() {
    let first = pack(&draft(), b"s");
    let mut used = vec![7; first.len() * 2];
    draft().pack(b"s", &mut used);
    assert_eq!(used, first, "what was in the room before leaves no trace");
    let files = read(&first).expect("our own");
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["de.lproj/pass.strings", "pass.json", "icon.png", "icon@2x.png", "manifest.json", "signature"]);
    assert_eq!(files[1].bytes, draft().text("pass.json").expect("there"));
    let manifest: serde_json::Value = serde_json::from_slice(&files[4].bytes).expect("JSON");
    let hex = |bytes: &[u8]| openssl::sha::sha1(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for file in &files[..4] {
        assert_eq!(manifest[&file.name], hex(&file.bytes), "{}", file.name);
    }
    assert_eq!(manifest.as_object().map(serde_json::Map::len), Some(4));
}

#[test]
fn the_manifest_names_any_file_as_json_does() {
    let name = "a\"b\\c\n\u{1f}é.strings";
    let draft = Draft::new(vec![(name.to_owned(), Vec::new())], Vec::new());
    let manifest: serde_json::Value = serde_json::from_slice(draft.manifest()).expect("JSON");
    assert_eq!(manifest.as_object().and_then(|files| files.keys().next()).map(String::as_str), Some(name));
    assert_eq!(Draft::new(Vec::new(), Vec::new()).manifest(), b"{}");
}

#[test]
fn the_zip_crate_reads_what_we_write() {
    let bytes = packed();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).expect("a zip");
    for file in read(&bytes).expect("our own") {
        let mut entry = archive.by_name(&file.name).expect("there");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("read");
        assert_eq!(content, file.bytes);
        assert_eq!(entry.compression(), zip::CompressionMethod::Stored, "{}", file.name);
    }
}

#[test]
fn what_the_zip_crate_writes_is_read_unless_it_has_directories() {
    let write = |directory: bool| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        if directory {
            writer.add_directory("en.lproj", options).expect("added");
        }
        writer.start_file("en.lproj/pass.strings", options).expect("started");
        writer.write_all(b"\"a\" = \"b\";").expect("written");
        writer.finish().expect("finished").into_inner()
    };
    assert_eq!(read(&write(false)).expect("read")[0].bytes, b"\"a\" = \"b\";");
    assert!(read(&write(true)).expect_err("a directory").to_string().contains("is a directory"));
}

/// An archive of raw entries: name, method, flags, packed bytes, promised size.
fn raw(entries: &[(&str, u16, u16, &[u8], u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = Archive { bytes: &mut bytes, directory: Vec::new(), files: 0 };
    for (name, method, flags, data, size) in entries {
        let (local, central) = (archive.bytes.len(), archive.directory.len());
        archive.add(name, *method, crc32(data), *size as usize, data);
        archive.bytes[local + 6..local + 8].copy_from_slice(&flags.to_le_bytes());
        archive.directory[central + 8..central + 10].copy_from_slice(&flags.to_le_bytes());
    }
    archive.finish();
    bytes
}

#[test]
fn hostile_archives_are_refused() {
    let one = |name: &str| raw(&[(name, STORED, 0, b"x", 1)]);
    for (archive, says) in [
        (one("../evil"), "leads out"),
        (one("/etc/passwd"), "leads out"),
        (one("a\\b"), "leads out"),
        (one("c:evil"), "leads out"),
        (one("a//b"), "leads out"),
        (one("a/./b"), "leads out"),
        (one("dir/"), "directory"),
        (one(""), "no name"),
        (one(&"n".repeat(300)), "too long"),
        (one("a\nb"), "control"),
        (raw(&[("pass.json", STORED, 0, b"x", 1), ("pass.json", STORED, 0, b"y", 1)]), "twice"),
        (raw(&[("pass.json", STORED, 0, b"x", 1), ("PASS.json", STORED, 0, b"y", 1)]), "twice"),
        (raw(&[("a", STORED, 1, b"x", 1)]), "encrypted"),
        (raw(&[("a", STORED, 0x41, b"x", 1)]), "encrypted"),
        (raw(&[("a", 12, 0, b"x", 1)]), "another method"),
        (raw(&[("a", STORED, 0, b"x", 2)]), "size and check sum"),
        (raw(&[("a", DEFLATED, 0, b"\xFF\xFF", 9)]), "does not unpack"),
        (raw(&[("a", DEFLATED, 0, b"", 9)]), "does not unpack"),
        (raw(&[("a", DEFLATED, 0, b"x", 17 << 20)]), "larger than anything"),
        (raw(&[("a", STORED, 8, b"x", 1)]), "another one in the directory"),
    ] {
        let error = read(&archive).expect_err(says).to_string();
        assert!(error.contains(says), "{error} / {says}");
    }
    let many: Vec<String> = (0..=FILES_MAX).map(|number| format!("f{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), STORED, 0, &b"x"[..], 1)).collect();
    assert!(matches!(read(&raw(&many)), Err(ArchiveError::TooMany(_))));
}

/// What each of two readers could see differently is called by its name.
#[test]
fn links_zip64_and_comments_are_refused_by_their_names() {
    let of = |options: zip::write::SimpleFileOptions, link: bool, comment: &str| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        if link {
            writer.add_symlink("icon.png", "/etc/passwd", options).expect("added");
        } else {
            writer.start_file("icon.png", options).expect("started");
            writer.write_all(b"x").expect("written");
        }
        writer.set_comment(comment).expect("set");
        read(&writer.finish().expect("finished").into_inner()).map_err(|error| error.to_string())
    };
    let plain = zip::write::SimpleFileOptions::default();
    assert!(of(plain, false, "").is_ok() && of(plain.unix_permissions(0o600), false, "").is_ok());
    for (told, says) in [
        (of(plain, true, ""), "'icon.png' is a link"),
        (of(plain.large_file(true), false, ""), "zip64"),
        (of(plain, false, "hello"), "a comment of 5 bytes"),
    ] {
        let said = told.expect_err(says);
        assert!(said.contains(says), "{said}");
    }
    // A zip64 end, as programs write it that do so for every archive.
    let whole = packed();
    let end = whole.len() - 22;
    let locator = [&[0x50, 0x4B, 6, 7][..], &[0; 16]].concat();
    let bytes = [&whole[..end], &locator, &whole[end..]].concat();
    assert_eq!(read(&bytes), Err(ArchiveError::Zip64));
    let mut bytes = whole.clone();
    bytes[end + 16..end + 20].fill(0xFF);
    assert_eq!(read(&bytes), Err(ArchiveError::Zip64));
    let mut bytes = whole;
    bytes[end + 4] = 1;
    assert_eq!(read(&bytes), Err(ArchiveError::Split));
}

#[test]
fn a_bomb_is_stopped_at_the_size_that_it_admits() {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(&vec![0; 8 << 20]).expect("packed");
    let bomb = deflate.finish().expect("packed");
    for admitted in [10, 70_000, (8 << 20) - 1] {
        let error = read(&raw(&[("a", DEFLATED, 0, &bomb, admitted)])).expect_err("more than it says");
        assert!(error.to_string().contains("more than it says"), "{error}");
    }
}

#[test]
fn bytes_that_belong_to_nothing_are_refused() {
    let whole = packed();
    let mut before = vec![0];
    before.extend_from_slice(&whole);
    let mut after = whole.clone();
    after.push(0);
    let mut comment = whole.clone();
    let end = comment.len() - 2;
    comment[end] = 1;
    comment.push(b'!');
    for (bad, name) in [(before, "before"), (after, "after"), (comment, "a comment"), (Vec::new(), "nothing")] {
        assert!(read(&bad).is_err(), "{name}");
    }
    for cut in 0..whole.len() {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

proptest! {
    /// One changed byte is refused, or changes nothing that is read: times and versions are not looked at.
    #[test]
    fn a_changed_byte_changes_nothing_unseen(at in 0usize..2_000, bit in 0u8..8) {
        let whole = packed();
        let at = at % whole.len();
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        if let Ok(files) = read(&changed) {
            prop_assert_eq!(files, read(&whole).expect("our own"));
        }
    }

    #[test]
    fn noise_is_read_without_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&noise);
        let mut tail = noise.clone();
        tail.extend_from_slice(&packed()[packed().len() - 100..]);
        let _ = read(&tail);
    }

    #[test]
    fn any_texts_come_back(texts in proptest::collection::btree_map("[a-z]{1,8}(\\.lproj/[a-z]{1,8})?", proptest::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let texts: Vec<(String, Vec<u8>)> = texts.into_iter().collect();
        let archive = pack(&Draft::new(texts.clone(), Vec::new()), b"sig");
        let files = read(&archive).expect("our own");
        for ((name, bytes), file) in texts.iter().zip(&files) {
            prop_assert_eq!((name, bytes), (&file.name, &file.bytes));
        }
    }
}
