//! Judging a `.pkpass` of anybody: archive, manifest, signature and chain, identifiers, the rules of pass.json, and what
//! Wallet would dislike (wallets/apple.md sections 1 to 3 and 7).
//!
//! It starts from the bytes and shares nothing with what writes passes but the words of the archive and DER readers, so
//! that one mistake is not made twice.

mod currency;
mod fields;
mod json;
mod languages;
mod package;
mod pictures;
mod rules;
mod signature;

use std::collections::BTreeSet;

use super::bundle::{self, File};
use crate::pure::text::shown;

/// The most findings that are kept: a hostile file may have millions, and nobody reads more.
const FINDINGS_MAX: usize = 100;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Wallet refuses or drops the pass, or shows something wrong.
    Error,
    /// It works, and somebody should change it.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The part it is about: `archive`, `manifest.json`, `signature`, `pass.json`, or a file as the archive names it.
    pub part: String,
    /// What was found. Foreign values in it are cut, and hold nothing that a terminal would obey.
    pub what: String,
    /// What to do; empty where nothing needs to be done.
    pub remedy: String,
}

/// What a pass is judged against.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// Certificates that are trusted, each in PEM or DER: roots, or intermediates that the shop configured.
    pub anchors: Vec<Vec<u8>>,
    /// Pass types of the shop with their teams; empty where anybody's pass is judged.
    pub expected: Vec<(String, String)>,
    /// Seconds since 1970, as far as that is known.
    pub now_s: i64,
}

/// What a pass says about itself, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `passTypeIdentifier`.
    pub pass_type_id: String,
    /// `teamIdentifier`.
    pub team_id: String,
    /// `serialNumber`.
    pub serial: String,
    /// The signing time, as seconds since 1970.
    pub signed_at_s: Option<i64>,
    /// Files in the archive.
    pub files: usize,
    /// Bytes of the archive.
    pub bytes: usize,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the pass says about itself.
    pub seen: Seen,
    /// The worst first; at most a hundred.
    pub findings: Vec<Finding>,
    /// How many more there are, none of them worse than the last of `findings`.
    pub more: usize,
}

impl Report {
    /// Whether nothing would keep Wallet from taking it.
    pub fn is_good(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Findings as they are made: of each severity the first [`FINDINGS_MAX`], so that notes do not crowd out an error.
#[derive(Debug, Default)]
struct Findings {
    all: Vec<Finding>,
    known: BTreeSet<Finding>,
    /// By severity: how many are kept, and how many came after those.
    counts: [(usize, usize); 3],
}

impl Findings {
    fn add(&mut self, severity: Severity, part: &str, what: impl Into<String>, remedy: &str) {
        let (kept, more) = &mut self.counts[severity as usize];
        let finding = Finding { severity, part: part.to_owned(), what: what.into(), remedy: remedy.to_owned() };
        if self.known.contains(&finding) {
            return;
        }
        if *kept == FINDINGS_MAX {
            *more += 1;
            return;
        }
        *kept += 1;
        self.known.insert(finding.clone());
        self.all.push(finding);
    }

    /// The worst first, and how many are left out.
    fn done(mut self) -> (Vec<Finding>, usize) {
        self.all.sort_by_key(|finding| finding.severity);
        let over = self.all.len().saturating_sub(FINDINGS_MAX);
        self.all.truncate(FINDINGS_MAX);
        (self.all, over + self.counts.iter().map(|(_, more)| more).sum::<usize>())
    }

    fn error(&mut self, part: &str, what: impl Into<String>, remedy: &str) {
        self.add(Severity::Error, part, what, remedy);
    }

    fn warning(&mut self, part: &str, what: impl Into<String>, remedy: &str) {
        self.add(Severity::Warning, part, what, remedy);
    }

    fn note(&mut self, part: &str, what: impl Into<String>) {
        self.add(Severity::Note, part, what, "");
    }
}

/// Judges the bytes of a `.pkpass`.
pub fn check(bytes: &[u8], against: &Against) -> Report {
    let mut findings = Findings::default();
    let mut seen = Seen { bytes: bytes.len(), ..Seen::default() };
    match bundle::read(bytes) {
        Ok(files) => {
            seen.files = files.len();
            judge(&files, bytes.len(), against, &mut seen, &mut findings);
        }
        Err(error) => findings.error(
            "archive",
            error.to_string(),
            "make a plain zip of the files, stored or deflated, at the top level",
        ),
    }
    let (findings, more) = findings.done();
    Report { seen, findings, more }
}

fn judge(files: &[File], bytes: usize, against: &Against, seen: &mut Seen, findings: &mut Findings) {
    package::judge(files, bytes, findings);
    let file = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.bytes.as_slice());
    let signed = match (file(bundle::MANIFEST), file(bundle::SIGNATURE)) {
        (Some(manifest), Some(signature)) => signature::judge(manifest, signature, against, findings),
        _ => None,
    };
    seen.signed_at_s = signed.as_ref().and_then(|signed| signed.at_s);
    let pass = file("pass.json").and_then(|pass| json::read(pass, "pass.json", findings));
    languages::judge(files, pass.as_ref(), findings);
    let has = |key: &str| pass.as_ref().is_some_and(|pass| pass.contains_key(key));
    pictures::judge(files, has("storeCard"), has("logoText"), findings);
    let Some(pass) = pass else { return };
    let text = |key: &str| pass.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    (seen.pass_type_id, seen.team_id, seen.serial) =
        (text("passTypeIdentifier"), text("teamIdentifier"), text("serialNumber"));
    rules::judge(&pass, against.now_s, findings);
    identifiers(seen, signed.as_ref(), against, findings);
}

/// The certificate's subject and the shop's configuration against what pass.json says.
fn identifiers(seen: &Seen, signed: Option<&signature::Signed>, against: &Against, findings: &mut Findings) {
    const REMEDY: &str =
        "sign with the certificate of this pass type, or write the certificate's values into pass.json";
    if let Some(signed) = signed {
        for (key, pass, certificate) in [
            ("passTypeIdentifier", &seen.pass_type_id, &signed.pass_type_id),
            ("teamIdentifier", &seen.team_id, &signed.team_id),
        ] {
            if let Some(certificate) = certificate.as_ref().filter(|certificate| *certificate != pass) {
                let (pass, certificate) = (shown(pass), shown(certificate));
                findings.error("pass.json", format!("{key} is '{pass}', the certificate says '{certificate}'"), REMEDY);
            }
        }
    }
    if against.expected.is_empty() {
        return;
    }
    match against.expected.iter().find(|(pass_type_id, _)| *pass_type_id == seen.pass_type_id) {
        None => findings.warning(
            "pass.json",
            format!("'{}' is no pass type of this configuration", shown(&seen.pass_type_id)),
            "check the right file, or add an [[apple]] table",
        ),
        Some((_, team)) if *team != seen.team_id => findings.error(
            "pass.json",
            format!("teamIdentifier is '{}', the configuration says '{team}'", shown(&seen.team_id)),
            REMEDY,
        ),
        Some(_) => {}
    }
}
