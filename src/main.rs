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

fn main() -> std::process::ExitCode {
    let done = match Cli::parse().command {
        Command::Phone(args) => stampd::cli::phone::run(args),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stampd: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
