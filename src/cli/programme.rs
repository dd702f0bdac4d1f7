//! `stampd programme explain` and `stampd rehearse`: what rules say, and what they would have done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;

use super::{Context, given};
use crate::base::config::{Config, programme};
use crate::daemon;
use crate::pure::domain::ProgrammeName;
use crate::pure::domain::money::minor_digits;
use crate::pure::program::{Rules, explain};
use crate::shop::ledger::ReadOnly;
use crate::shop::till::{Rehearsal, Side, rehearse};

/// What is done with rule files.
#[derive(Debug, Subcommand)]
pub enum ProgrammeCommand {
    /// Says a rule file in plain sentences. Amounts have the decimals of the configuration's currency, or two where that
    /// cannot be read.
    Explain {
        /// The rule file.
        file: PathBuf,
    },
}

/// A rehearsal.
#[derive(Args, Debug)]
pub struct RehearseArgs {
    /// The draft: a rule file with the name of the programme whose activity is replayed, as in cafe10.toml.
    file: PathBuf,
    /// Replays from this local day on.
    #[arg(long, value_name = "DATE")]
    since: Date,
}

/// Runs `programme`.
pub fn run(context: &Context, command: ProgrammeCommand) -> Result<()> {
    let ProgrammeCommand::Explain { file } = command;
    // A rule file is also read where no shop is configured yet, or by somebody who may not read its keys.
    let minor_digits = match Config::load(&context.config) {
        Ok(config) => minor_digits(&config.shop.currency),
        Err(_) => {
            let file = context.config.display();
            mention!("note: {file} cannot be read; amounts are told with two decimals (stampd doctor says why)");
            2
        }
    };
    let sentences = explain::explain(&rules_of(&file)?, minor_digits);
    if context.json {
        let told: Vec<_> = sentences
            .iter()
            .map(|told| json!({ "subject": format!("{:?}", told.subject).to_lowercase(), "text": told.text }))
            .collect();
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let mut before = None;
    for told in sentences {
        if before.replace(told.subject) != Some(told.subject) {
            say!("{:?}", told.subject);
        }
        say!("  {}", told.text);
    }
    Ok(())
}

/// Runs `rehearse`. It reads beside a running daemon and changes nothing.
pub fn run_rehearse(context: &Context, args: RehearseArgs) -> Result<()> {
    let config = Config::load(&context.config)?;
    let stem = args.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = ProgrammeName::new(stem).context("the draft's file has the name of its programme, as in cafe10.toml")?;
    let draft = rules_of(&args.file)?;
    let reads = ReadOnly::open(&config.ledger.path)?;
    let books = daemon::rulebooks_of(&reads)?;
    let Some(book) = books.get(&name) else {
        let known: Vec<String> = books.keys().map(ToString::to_string).collect();
        bail!("this ledger has no programme '{name}'; it has {}", known.join(", "));
    };
    let zone = config.shop.time_zone.clone();
    let since_ms = args.since.to_zoned(zone)?.timestamp().as_millisecond();
    let told = reads.with(|reads| rehearse(reads, &name, book, draft, since_ms))?;
    let Rehearsal { cards, acts, refused, real, draft } = told;
    let side = |side: &Side| {
        json!({
            "awards": side.awards, "earned": side.earned, "rewards": side.rewards, "redeemed": side.redeemed,
            "rewards_redeemed": side.rewards_redeemed, "cost_minor": side.cost_minor
        })
    };
    if context.json {
        let told = json!({
            "programme": name.to_string(), "since": args.since.to_string(), "cards": cards, "acts": acts,
            "refused": refused, "real": side(&real), "draft": side(&draft)
        });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    say!("{name} since {}: {cards} cards, {acts} acts replayed, {refused} that the draft refuses", args.since);
    say!("{:<18} {:>14} {:>14}", "", "as it was", "draft");
    for (what, was, would) in [
        ("awards", real.awards, draft.awards),
        ("units earned", real.earned, draft.earned),
        ("rewards earned", real.rewards, draft.rewards),
        ("units redeemed", real.redeemed, draft.redeemed),
        ("rewards redeemed", real.rewards_redeemed, draft.rewards_redeemed),
        ("cost, minor", real.cost_minor, draft.cost_minor),
    ] {
        say!("{what:<18} {was:>14} {would:>14}");
    }
    Ok(())
}

fn rules_of(file: &Path) -> Result<Rules> {
    let text = given::read_text(file, given::RULES_BYTES_MAX)?;
    programme::parse(&text).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| format!("{}: {error}", file.display())).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}
