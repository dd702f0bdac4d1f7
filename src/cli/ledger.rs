//! `stampd ledger`: verify and back up.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::Context;
use crate::base::config::Config;
use crate::daemon;
use crate::shop::ledger::ReadOnly;
use crate::shop::till::verify;

/// What is done with the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Checks the file, the hash chain, and every standing against its entries. A running daemon is not disturbed.
    Verify,
    /// Writes a copy of the ledger to a new file, also while the daemon runs.
    Backup {
        /// The new file.
        file: PathBuf,
    },
}

/// Runs the command.
pub fn run(context: &Context, command: LedgerCommand) -> Result<()> {
    let config = Config::load(&context.config)?;
    match command {
        LedgerCommand::Verify => verify_all(context, &config),
        LedgerCommand::Backup { file } => {
            if file.exists() {
                bail!("{} exists; name a new file, a backup never overwrites", file.display());
            }
            ReadOnly::open(&config.ledger.path)?.copy_to(&file)?;
            println!("the ledger was copied to {}", file.display());
            Ok(())
        }
    }
}

fn verify_all(context: &Context, config: &Config) -> Result<()> {
    // A copy of the file is no lock: it is read like any reader beside the daemon does.
    let reads = ReadOnly::open(&config.ledger.path)?;
    let books = daemon::rulebooks_of(&reads)?;
    let report = reads.with(|reads| verify(reads, &books))?;
    if context.json {
        let faults: Vec<String> = report.faults.clone();
        println!(
            "{}",
            serde_json::json!({
                "events": report.events, "entries": report.entries, "cards": report.cards, "faults": faults
            })
        );
    } else {
        println!("{} events, {} entries, {} cards checked", report.events, report.entries, report.cards);
        report.faults.iter().for_each(|fault| println!("FAULT {fault}"));
    }
    if report.faults.is_empty() {
        if !context.json {
            println!("the chain is whole and every standing is what its entries give");
        }
        Ok(())
    } else {
        bail!(
            "the ledger {} has {} fault(s). Stop the daemon, keep this file, and restore the newest backup",
            config.ledger.path.display(),
            report.faults.len()
        )
    }
}
