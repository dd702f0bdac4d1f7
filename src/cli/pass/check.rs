//! `stampd pass check`: judges a `.pkpass` of anybody and says what Wallet would dislike.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::base::clock::{Clock, Trust};
use crate::base::config::{Apple, Config};
use crate::cli::{Context, given};
use crate::daemon;
use crate::pure::domain::Now;
use crate::pure::passes::check::{Against, Report, Severity, check};
use crate::pure::text::{SHOWN_MAX, shown, shown_to};

/// The largest file that is looked at: Apple takes no larger collection of passes.
const BYTES_MAX: u64 = 150 << 20;

/// A pass to check.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The pass.
    file: PathBuf,
    /// A certificate that is trusted, PEM or DER: the root that the chain must end at. By default the intermediates of the
    /// configured pass types: what wwdr names, else what lies in the key file.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
}

/// Runs the command; an error when Wallet would refuse the pass.
pub fn run(context: &Context, args: &CheckArgs) -> Result<()> {
    let bytes = given::read(&args.file, BYTES_MAX)?;
    // Anybody's pass can be judged where there is no shop.
    let config = Config::load(&context.config).ok();
    let apple = config.as_ref().map_or(&[][..], |config| &config.apple);
    let now = Clock::new(TimeZone::UTC, Trust::Always)?.now();
    let anchors = if args.ca.is_empty() {
        apple.iter().filter_map(|apple| intermediate(apple, &now)).collect::<Result<_>>()?
    } else {
        args.ca.iter().map(|file| given::read(file, given::KEY_BYTES_MAX)).collect::<Result<_>>()?
    };
    let against = Against {
        anchors,
        expected: apple.iter().map(|apple| (apple.pass_type_id.clone(), apple.team_id.clone())).collect(),
        now_s: now.wall_ms.div_euclid(1_000),
    };
    let report = check(&bytes, &against);
    told(context, &report)?;
    if report.is_good() {
        return Ok(());
    }
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    // More than are shown are left out behind the worst.
    let or_more = if errors == report.findings.len() && report.more > 0 { " or more" } else { "" };
    bail!("{}: {errors}{or_more} errors; Wallet would not take this pass, or show it wrong", args.file.display())
}

/// The intermediate of a pass type: the configured file, else the one in the key file, where that may be read.
fn intermediate(apple: &Apple, now: &Now) -> Option<Result<Vec<u8>>> {
    if let Some(file) = &apple.wwdr {
        return Some(given::read(file, given::KEY_BYTES_MAX));
    }
    let signing = Apple { nfc: false, ..apple.clone() };
    let signer = daemon::signing_open_one(&signing, now).ok()?.signer?;
    signer.intermediate_der().ok().map(Ok)
}

/// The most characters of a finding that are shown.
const FINDING_MAX: usize = 400;

/// Prints the report. All that it holds is foreign: on a terminal each value is one line without what the terminal would
/// obey, and cut.
fn told(context: &Context, report: &Report) -> Result<()> {
    let seen = &report.seen;
    let signed_at = seen.signed_at_s.and_then(|at_s| Timestamp::from_second(at_s).ok()).map(|at| at.to_string());
    if context.json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|one| {
                json!({ "severity": one.severity.name(), "part": one.part, "finding": one.what, "remedy": one.remedy })
            })
            .collect();
        let told = json!({
            "ok": report.is_good(), "pass_type_id": cut(&seen.pass_type_id), "team_id": cut(&seen.team_id),
            "serial": cut(&seen.serial), "signed_at": signed_at, "files": seen.files, "bytes": seen.bytes,
            "findings": findings, "more": report.more
        });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    say!(
        "{}, team {}, serial {}, signed {}: {} files, {} KB",
        or_unknown(&seen.pass_type_id),
        or_unknown(&seen.team_id),
        or_unknown(&seen.serial),
        signed_at.as_deref().unwrap_or("at no known time"),
        seen.files,
        seen.bytes.div_ceil(1024)
    );
    for finding in &report.findings {
        let remedy = if finding.remedy.is_empty() { String::new() } else { format!("; {}", finding.remedy) };
        let (part, what) = (shown(&finding.part), shown_to(&finding.what, FINDING_MAX));
        say!("{:<8} {part}: {what}{remedy}", finding.severity.name());
    }
    if report.more > 0 {
        say!("and {} more", report.more);
    }
    if report.is_good() {
        say!("ok       nothing that Wallet would refuse");
    }
    Ok(())
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "?".to_owned() } else { shown(text) }
}

/// The beginning of a value, for programs, which get its characters as they are.
fn cut(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}
