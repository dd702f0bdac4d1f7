//! `stampd ledger`: verify, explain, back up, restore.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::{Context, given};
use crate::base::clock::Clock;
use crate::base::config::Config;
use crate::daemon;
use crate::daemon::{CopyUse, RestorePlan, Restored};
use crate::pure::domain::Serial;
use crate::pure::domain::money::minor_digits;
use crate::pure::program::{self, HistoryRow};
use crate::shop::ledger::ReadOnly;
use crate::shop::till::{row_explained, verify};

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
    /// Puts a backup in the ledger's place, while no daemon runs, and brings back what the segment copy holds after it.
    /// The file that is there is moved aside.
    Restore {
        /// The backup; without it the newest in `[backup]` dir that verifies.
        file: Option<PathBuf>,
        /// Leaves the segment copy out: the ledger will be what the backup is. So it is without this where FILE is named
        /// and the ledger in its place is whole.
        #[arg(long, conflicts_with_all = ["up_to_damage", "with_segments"])]
        without_segments: bool,
        /// Brings back what came after FILE also where the ledger in its place is whole.
        #[arg(long)]
        with_segments: bool,
        /// Where the segment copy is damaged, takes what lies before the damage.
        #[arg(long)]
        up_to_damage: bool,
    },
    /// Every row of one card, with the rule version, inputs, rounding and lots that made it.
    Explain {
        /// The card, in any grouping.
        serial: Serial,
    },
}

/// Runs the command.
pub fn run(context: &Context, command: LedgerCommand) -> Result<()> {
    let config = Config::load(&context.config)?;
    match command {
        LedgerCommand::Verify => verify_all(context, &config),
        LedgerCommand::Explain { serial } => explain(context, &config, serial),
        LedgerCommand::Restore { file, without_segments, with_segments, up_to_damage } => {
            let copy = match (without_segments, up_to_damage, with_segments) {
                (true, _, _) => CopyUse::Nothing,
                (_, true, _) => CopyUse::UpToDamage,
                (_, _, true) => CopyUse::Whole,
                _ => CopyUse::AsNeeded,
            };
            file.as_deref().map(given::check).transpose()?;
            let clock = Clock::new(config.shop.time_zone.clone(), config.clock.trust)?;
            let plan = RestorePlan { backup: file.as_deref(), copy };
            restored_print(&daemon::restore(&config, &plan, clock.wall_ms())?);
            Ok(())
        }
        LedgerCommand::Backup { file } => {
            if file.exists() {
                bail!("{} exists; name a new file, a backup never overwrites", file.display());
            }
            ReadOnly::open(&config.ledger.path)?.copy_to(&file)?;
            say!("the ledger was copied to {}", file.display());
            Ok(())
        }
    }
}

fn restored_print(restored: &Restored) {
    restored.passed_over.iter().for_each(|why| say!("passed over: {why}"));
    let replayed = &restored.replayed;
    replayed.unread.iter().for_each(|place| say!("not read in the segment copy, and not missing: {place}"));
    match &restored.backup {
        Some(file) => say!("{} is the ledger now", file.display()),
        None => say!("the ledger was made anew from the segment copy"),
    }
    match restored.copy {
        CopyUse::Nothing => say!("what came after it stays away: --with-segments brings it back"),
        _ => say!("{} event(s) after it came back from the segment copy", replayed.events),
    }
    if replayed.torn {
        say!("the last record of the segment copy was cut off; what it held had not been written down whole");
    }
    if let Some(damage) = &replayed.damage {
        say!("LOST: {} event(s) behind {damage}", replayed.behind);
    }
    if let Some(aside) = &restored.aside {
        say!("the ledger that was there lies in {}", aside.display());
    }
    if let Some(aside) = &restored.copy_aside {
        say!("the segment files that do not belong to it lie in {}", aside.display());
    }
}

fn explain(context: &Context, config: &Config, serial: Serial) -> Result<()> {
    let reads = ReadOnly::open(&config.ledger.path)?;
    let books = daemon::rulebooks_of(&reads)?;
    let Some((card, facts)) = reads.with(|reads| {
        let Some(card) = reads.card_fetch(serial)? else { return Ok(None) };
        Ok(Some((card, reads.card_facts(serial)?)))
    })?
    else {
        bail!("no card of this ledger has the serial {}", serial.grouped());
    };
    let Some(book) = books.get(&card.programme) else {
        bail!("no rules of programme '{}' are kept in this ledger", card.programme);
    };
    let sentence =
        |row: &HistoryRow| row_explained(config.shop.language, minor_digits(&config.shop.currency), book, row);
    let rows = program::history(book, &facts);
    if context.json {
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "at": row.at.rfc3339(), "entry": row.entry.to_string(), "label": row.label.name(),
                    "change": row.change, "balance": row.balance, "rewards_change": row.rewards_change,
                    "amount_minor": row.amount_minor, "names": row.names, "voided": row.voided,
                    "source": row.source.name(), "rule_version": row.explanation.rule.map(|rule| rule.0),
                    "explanation": sentence(row),
                })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    say!("{}  {}", serial.grouped(), card.programme);
    for row in &rows {
        let names = if row.names.is_empty() { String::new() } else { format!(" ({})", row.names.join(", ")) };
        let voided = if row.voided { "  voided" } else { "" };
        let label = row.label.name().replace('_', " ");
        say!("{}  {label}{names}  {:+}  balance {}{voided}", row.at.rfc3339(), row.change, row.balance);
        say!("    {}", sentence(row));
    }
    Ok(())
}

fn verify_all(context: &Context, config: &Config) -> Result<()> {
    // A copy of the file is no lock: it is read like any reader beside the daemon does.
    let reads = ReadOnly::open(&config.ledger.path)?;
    let books = daemon::rulebooks_of(&reads)?;
    let report = reads.with(|reads| verify(reads, &books))?;
    if context.json {
        let faults: Vec<String> = report.faults.clone();
        say!(
            "{}",
            serde_json::json!({
                "events": report.events, "entries": report.entries, "cards": report.cards, "faults": faults
            })
        );
    } else {
        say!("{} events, {} entries, {} cards checked", report.events, report.entries, report.cards);
        report.faults.iter().for_each(|fault| say!("FAULT {fault}"));
    }
    if report.faults.is_empty() {
        if !context.json {
            say!("the chain is whole and every standing is what its entries give");
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
