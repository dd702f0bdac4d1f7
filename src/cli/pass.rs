//! `stampd pass`: passes by hand.

mod check;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Context;
use super::api::Api;
use crate::base::config::{Config, design};
use crate::pure::domain::Serial;
use crate::pure::passes::jwt::{LINK_MAX, SAVE_URL, SaveKind};
use crate::pure::passes::{Design, preview, strip};

/// What is done with passes.
#[derive(Debug, Subcommand)]
pub enum PassCommand {
    /// Draws a design's front and back as PNG, for cards in several states and in each of its languages.
    #[command(
        after_help = "Examples:\n  stampd pass preview stamps\n  stampd pass preview ./passes/mycafe --dir /tmp/mycafe --goal 8"
    )]
    Preview(PreviewArgs),
    /// Judges a pass of anybody: archive, manifest, signature, chain, identifiers, fields, and what Wallet would dislike.
    #[command(after_help = "Example:\n  stampd pass check card.pkpass --ca AppleRootCA.pem")]
    Check(check::CheckArgs),
    /// Makes the signed pass of a card.
    #[command(after_help = "Example:\n  stampd pass build 2C7H9XKMQ4TZ -o ann.pkpass")]
    Build(BuildArgs),
    /// Shows what Google Wallet keeps of a card, and the link that saves it.
    #[command(after_help = "Example:\n  stampd pass google 2C7H9XKMQ4TZ --json | jq -r .save_url")]
    Google {
        /// The card's serial, in any grouping.
        serial: String,
        /// The link's kind: fat carries the card, thin its ids alone and works once class and object were inserted by REST.
        #[arg(long, value_name = "KIND", value_parser = ["fat", "thin"])]
        link: Option<String>,
    },
}

/// Which pass is made.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// The card's serial, in any grouping.
    serial: String,
    /// Where the pass goes; by default SERIAL.pkpass in this folder.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A preview.
#[derive(Args, Debug)]
pub struct PreviewArgs {
    /// The design: a folder, or the name of one in [paths] passes or of one that ships.
    design: String,
    /// Where the pictures go; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Stamps, or points, of the way to the reward; by default 10 stamps or 100 points.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=100_000))]
    goal: Option<i64>,
}

/// Runs `pass`.
pub fn run(context: &Context, command: PassCommand) -> Result<()> {
    match command {
        PassCommand::Preview(args) => preview(context, args),
        PassCommand::Check(args) => check::run(context, &args),
        PassCommand::Build(args) => build(context, args),
        PassCommand::Google { serial, link } => google(context, &serial, link.as_deref()),
    }
}

/// Has the daemon make the pass, or makes it on the ledger itself where none runs.
fn build(context: &Context, args: BuildArgs) -> Result<()> {
    let serial: Serial = args.serial.parse()?;
    let bytes = Api::open_for_passes(context)?.get_bytes(&format!("/v1/cards/{serial}/pass.pkpass"))?;
    let file = args.output.unwrap_or_else(|| format!("{serial}.pkpass").into());
    std::fs::write(&file, &bytes)
        .with_context(|| format!("cannot write {}; give a file that you may write: -o FILE", file.display()))?;
    if context.json {
        say!("{}", json!({ "file": file, "bytes": bytes.len() }));
    } else {
        say!("{} ({} KB)", file.display(), bytes.len().div_ceil(1024));
    }
    Ok(())
}

fn google(context: &Context, serial: &str, link: Option<&str>) -> Result<()> {
    let serial: Serial = serial.parse()?;
    let asked = link.map(|kind| format!("?link={kind}")).unwrap_or_default();
    let made = Api::open_for_passes(context)?.get(&format!("/v1/cards/{serial}/google{asked}"))?;
    if made["class"]["programLogo"].is_null() {
        mention!(
            "warning: the class has no programLogo, and Google refuses a class without; name the logo's address in \
             [google] logo_url"
        );
    }
    if let (Some(url), Some(kind)) = (made["save_url"].as_str(), made["save_kind"].as_str()) {
        warn(url, kind, link.is_some());
    }
    if context.json {
        say!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(());
    }
    say!("{}", serde_json::to_string_pretty(&json!({ "class": made["class"], "object": made["object"] }))?);
    match made["save_url"].as_str() {
        Some(link) => say!("{link}\n({} link)", made["save_kind"].as_str().unwrap_or_default()),
        None => say!("no link: [google] service_account names no key file"),
    }
    Ok(())
}

/// Says on the error output where a link may not do what is expected of it.
fn warn(url: &str, kind: &str, is_asked: bool) {
    let length = url.len().saturating_sub(SAVE_URL.len());
    if kind == SaveKind::Thin.name() && !is_asked {
        mention!(
            "note: a link that carries the card would have more than {LINK_MAX} characters, so this one is thin: it works \
             once class and object were inserted by REST; --link fat carries the card all the same"
        );
    } else if length > LINK_MAX {
        mention!("note: {length} characters; some browsers and messengers cut off what is longer than {LINK_MAX}");
    }
}

fn preview(context: &Context, args: PreviewArgs) -> Result<()> {
    let config = Config::load(&context.config).ok();
    let design = design_of(&args.design, config.as_ref())?;
    let shop = config.map_or_else(|| "Café Demo".to_owned(), |config| config.shop.name);
    let goal = args.goal.unwrap_or(if design.strip == crate::pure::passes::StripKind::Stamps { 10 } else { 100 });
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make {}; give a folder that you may write: --dir DIR", args.dir.display()))?;
    let mut files = Vec::new();
    let mut advice = advice(&design);
    for sample in preview::samples(&design, &shop, goal) {
        let strips = strip::render(&design, &sample.face)?;
        let bytes: usize = strips.iter().map(|image| image.bytes.len()).sum();
        for language in languages(&design) {
            let face = sample.face_in(&language);
            let words = preview::words(&design, &face, &language);
            let drawn = preview::draw(&design, &face, &words)?;
            advice.extend(drawn.cut.iter().map(|text| {
                format!("{}, {language}: no room for \"{text}\"; write it shorter, or move it to the back", sample.name)
            }));
            for (side, png) in [("front", &drawn.front), ("back", &drawn.back)] {
                let file = args.dir.join(format!("{}-{}-{language}-{side}.png", design.name, sample.name));
                std::fs::write(&file, png).with_context(|| format!("cannot write {}", file.display()))?;
                files.push((file, bytes));
            }
        }
    }
    let fixed: usize = strip::fixed(&design)?.iter().map(|image| image.bytes.len()).sum();
    let largest = fixed + files.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    if largest > PICTURES_BYTES {
        advice.push(format!(
            "the pictures have {} KB; keep a pass under 300 KB: plainer artwork is smaller",
            largest / 1024
        ));
    }
    told(context, &files.into_iter().map(|(file, _)| file).collect::<Vec<_>>(), largest, &advice)
}

/// What the pictures of a pass should keep under, in bytes (wallets/apple.md section 1), with room for the rest of it.
const PICTURES_BYTES: usize = 280 * 1024;

fn told(context: &Context, files: &[PathBuf], bytes: usize, advice: &[String]) -> Result<()> {
    if context.json {
        let told = json!({ "files": files, "pictures_bytes": bytes, "advice": advice });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    for file in files {
        say!("{}", file.display());
    }
    say!("The pictures of a pass have up to {} KB.", bytes.div_ceil(1024));
    for line in advice {
        say!("note: {line}");
    }
    Ok(())
}

/// The least contrast at which small letters are read easily (WCAG 2.2, 1.4.3).
const CONTRAST_MIN: f64 = 4.5;

fn advice(design: &Design) -> Vec<String> {
    let pairs = [("foreground", design.foreground), ("label", design.label)];
    let weak = pairs.into_iter().filter_map(|(name, colour)| {
        let contrast = colour.contrast(design.background);
        (contrast < CONTRAST_MIN).then(|| {
            format!(
                "colours.{name} on colours.background has a contrast of {contrast:.1}; {CONTRAST_MIN} is read easily: \
                 make one lighter or the other darker"
            )
        })
    });
    weak.collect()
}

/// The languages that a design speaks.
fn languages(design: &Design) -> std::collections::BTreeSet<String> {
    design.fields.iter().flat_map(|field| field.value.keys().chain(field.label.keys())).cloned().collect()
}

/// A design by its folder, or by its name.
fn design_of(given: &str, config: Option<&Config>) -> Result<Design> {
    let folder = Path::new(given);
    if folder.is_dir() {
        return Ok(design::read(folder)?);
    }
    if let Some(own) = config.map(|config| config.paths.passes.join(given)).filter(|own| own.is_dir()) {
        return Ok(design::read(&own)?);
    }
    if let Some(shipped) = design::shipped_design(given) {
        return Ok(shipped?);
    }
    let known = design::SHIPPED.map(|(name, _)| name).join(", ");
    bail!("there is no design {given}; give its folder, or one of those that ship: {known}")
}
