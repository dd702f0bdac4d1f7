//! stampd.
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A software phone or fob for installers and till makers.
    Phone(stampd::cli::phone::PhoneArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Phone(args) => stampd::cli::phone::run(args),
    }
}
