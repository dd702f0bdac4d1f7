//! The `stampd` command: arguments in, one command run, exit code out.

use clap::Parser;

fn main() -> std::process::ExitCode {
    stampd::cli::run(stampd::cli::Cli::parse())
}
