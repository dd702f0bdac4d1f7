//! The files: which are there, whether the manifest covers exactly them, and what does not belong.

use std::collections::BTreeSet;

use openssl::sha::sha1;

use super::{Findings, json};
use crate::pure::passes::bundle::{FILES_MAX, File, MANIFEST, SIGNATURE};
use crate::pure::text::shown;

/// A pass larger than this is slow to fetch on a bad line (wallets/apple.md section 1).
const BYTES_AIM: usize = 300 * 1024;

/// Looks at everything but the inside of pass.json and the signature.
pub(super) fn judge(files: &[File], bytes: usize, findings: &mut Findings) {
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for (name, remedy) in [
        ("pass.json", "put the files at the top level of the archive, in no folder"),
        (MANIFEST, "list every file with its SHA-1 in manifest.json"),
        (SIGNATURE, "sign manifest.json into a detached signature"),
        ("icon.png", "add icon.png; without it Wallet drops the pass and says nothing"),
    ] {
        if !names.contains(name) {
            findings.error("archive", format!("{name} is missing"), remedy);
        }
    }
    for name in ["icon@2x.png", "icon@3x.png"] {
        if !names.contains(name) {
            findings.warning("archive", format!("{name} is missing"), "add it; phones of today show no other size");
        }
    }
    if bytes > BYTES_AIM {
        let what = format!("the pass has {} KB", bytes / 1024);
        findings.warning("archive", what, "aim under 300 KB: fewer colours in pictures");
    }
    manifest(files, &names, findings);
    files.iter().for_each(|file| one(file, findings));
}

/// The manifest covers exactly the files, with their hashes.
fn manifest(files: &[File], names: &BTreeSet<&str>, findings: &mut Findings) {
    let Some(manifest) = files.iter().find(|file| file.name == MANIFEST) else { return };
    let Some(manifest) = json::read(&manifest.bytes, MANIFEST, findings) else { return };
    if manifest.len() > FILES_MAX {
        let what = format!("it lists {} files, at most {FILES_MAX} are read", manifest.len());
        return findings.error(MANIFEST, what, "list the files of the pass, and nothing else");
    }
    for file in files.iter().filter(|file| file.name != MANIFEST && file.name != SIGNATURE) {
        let Some(listed) = manifest.get(&file.name) else {
            findings.error(
                MANIFEST,
                format!("{} is not listed", shown(&file.name)),
                "list every file, then sign again",
            );
            continue;
        };
        let hash: String = sha1(&file.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        match listed.as_str() {
            Some(listed) if listed == hash => {}
            Some(listed) if listed.eq_ignore_ascii_case(&hash) => findings.error(
                MANIFEST,
                format!("the hash of {} is in capitals", shown(&file.name)),
                "write hashes in lower case",
            ),
            _ => findings.error(
                MANIFEST,
                format!("the hash of {} is not that of the file ({hash})", shown(&file.name)),
                "the file was changed after signing, or the hash is no SHA-1: make and sign the manifest anew",
            ),
        }
    }
    for name in manifest.keys() {
        if name == MANIFEST || name == SIGNATURE {
            findings.error(MANIFEST, format!("{name} is listed"), "leave out manifest.json and signature");
        } else if !names.contains(name.as_str()) {
            let name = shown(name);
            findings.error(MANIFEST, format!("{name} is listed and not there"), "make and sign the manifest anew");
        }
    }
}

/// One file by its name.
fn one(file: &File, findings: &mut Findings) {
    let name = file.name.as_str();
    let base = name.rsplit('/').next().unwrap_or(name);
    if name.starts_with("__MACOSX/") || base == ".DS_Store" {
        findings.error(name, "a leftover of the Finder", "zip with 'zip -X', which leaves them out");
        return;
    }
    if let Some((folder, base)) = name.split_once('/') {
        let language = folder.strip_suffix(".lproj").is_some_and(|tag| !tag.is_empty());
        if !language || base.contains('/') {
            findings.warning(name, "no file of a pass lies there", "only folders such as de.lproj are looked into");
            return;
        }
        if base == "pass.strings" {
            return;
        }
    }
    if ["pass.json", MANIFEST, SIGNATURE, "personalization.json"].contains(&name) {
        return;
    }
    // Pictures are judged together.
    if !base.ends_with(".png") {
        findings.warning(name, "Wallet does not look at it", "leave it out");
    }
}
