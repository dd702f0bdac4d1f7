//! The command line: one file per command. Together with `main` the only code that prints and exits.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the rules (the code is printed), 141 nobody reads the output
//! any more.

#[macro_use]
mod terminal;

pub mod api;
pub mod card;
pub mod cert;
pub mod customer;
pub mod demo;
pub mod doctor;
pub mod entry;
pub mod exchange;
mod given;
pub mod ledger;
pub mod pass;
pub mod phone;
pub mod programme;
pub mod run;
pub mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Loyalty on the shop counter: NFC and barcode taps into a durable ledger, offline for days.
#[derive(Debug, Parser)]
#[command(name = "stampd", version, arg_required_else_help = true, max_term_width = 110)]
pub struct Cli {
    /// The configuration.
    #[arg(long, global = true, value_name = "FILE", env = "STAMPD_CONFIG")]
    config: Option<PathBuf>,
    /// Answers as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon: reads taps, keeps the ledger, answers tills and console.
    #[command(after_help = "Example:\n  stampd run --config /etc/stampd/stampd.toml")]
    Run(run::RunArgs),
    /// A whole shop in one command, on a virtual reader, to look at and to develop against.
    #[command(after_help = "Example:\n  stampd demo --dir ./stampd-demo --listen 127.0.0.1:8480")]
    Demo(demo::DemoArgs),
    /// A software phone that holds a pass to the virtual reader.
    Phone(phone::PhoneArgs),
    /// Checks everything an installation needs, one line each, with the remedy.
    ///
    /// Looks at configuration, rule files, keys, clock, disk, ledger, the running daemon, its doors and links, tills, the
    /// kernel's NFC drivers, the smart card service and each reader. It changes nothing and may run beside the daemon.
    ///
    /// Each line begins with `ok`, `warn` (it works, and somebody should know) or `FAIL` (the daemon would not start or not
    /// do its work), and ends with what to do. The exit code is 1 if anything fails.
    #[command(
        after_help = "Examples:\n  stampd doctor --config /etc/stampd/stampd.toml\n  stampd doctor --json | jq '.checks[] | select(.level != \"ok\")'"
    )]
    Doctor(doctor::DoctorArgs),
    /// Cards: show, issue.
    #[command(subcommand, after_help = "Example:\n  stampd card show 2C7H9XKMQ4TZ")]
    Card(card::CardCommand),
    /// Customers: add, show.
    #[command(subcommand, after_help = "Example:\n  stampd customer add --first-name Ann --card cafe10")]
    Customer(customer::CustomerCommand),
    /// API tokens for tills and people.
    #[command(
        subcommand,
        after_help = "Example:\n  stampd token create --name 'Till at the door' --role till --till till-1"
    )]
    Token(token::TokenCommand),
    /// Postings by hand: post, void.
    #[command(subcommand, after_help = "Example:\n  stampd entry post 2C7H9XKMQ4TZ stamps --count 2")]
    Entry(entry::EntryCommand),
    /// Rule files: explain.
    #[command(subcommand, after_help = "Example:\n  stampd programme explain /etc/stampd/programmes/cafe10.toml")]
    Programme(programme::ProgrammeCommand),
    /// Passes: make one, judge one, draw a design.
    #[command(subcommand, after_help = "Example:\n  stampd pass preview stamps --dir /tmp/stamps")]
    Pass(pass::PassCommand),
    /// Replays past activity under a draft of its programme, beside what really happened; changes nothing.
    #[command(after_help = "Example:\n  stampd rehearse draft/cafe10.toml --since 2026-01-01")]
    Rehearse(programme::RehearseArgs),
    /// Certificates that sign passes: import.
    #[command(subcommand, after_help = "Example:\n  stampd cert import pass.p12")]
    Cert(cert::CertCommand),
    /// The ledger: verify, explain, back up, restore.
    #[command(subcommand, after_help = "Example:\n  stampd ledger verify")]
    Ledger(ledger::LedgerCommand),
    /// Writes customers, cards or histories as a table.
    #[command(
        after_help = "Example:\n  stampd export customers -o customers.csv\n  stampd export history --format xlsx -o history.xlsx"
    )]
    Export(exchange::ExportArgs),
    /// Takes customers from a table, each with a card and an opening balance where it names them.
    ///
    /// The first line names the columns: first_name, last_name, email, phone, birth_date, language, telegram_id, groups
    /// (with ; between), programme, balance (the programme's smallest unit). Rows that cannot be taken are written to
    /// FILE.errors.csv with the reason; put them right there and import that file.
    #[command(after_help = "Example:\n  stampd import customers.csv --dry-run\n  stampd import customers.csv")]
    Import(exchange::ImportArgs),
}

/// What every command may need.
pub struct Context {
    config: PathBuf,
    json: bool,
}

/// A refusal by the rules, told with its code: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Runs one command.
pub fn run(cli: Cli) -> ExitCode {
    terminal::guarded(|| dispatch(cli))
}

fn dispatch(cli: Cli) -> ExitCode {
    let context = Context { config: crate::daemon::config_path(cli.config.as_deref()), json: cli.json };
    let done = match cli.command {
        Command::Run(args) => run::run(&context, args),
        Command::Demo(args) => demo::run(args),
        Command::Phone(args) => phone::run(args),
        Command::Doctor(args) => doctor::run(&context, args),
        Command::Card(command) => card::run(&context, command),
        Command::Customer(command) => customer::run(&context, command),
        Command::Token(command) => token::run(&context, command),
        Command::Entry(command) => entry::run(&context, command),
        Command::Programme(command) => programme::run(&context, command),
        Command::Pass(command) => pass::run(&context, command),
        Command::Rehearse(args) => programme::run_rehearse(&context, args),
        Command::Cert(command) => cert::run(&context, command),
        Command::Ledger(command) => ledger::run(&context, command),
        Command::Export(args) => exchange::export(&context, &args),
        Command::Import(args) => exchange::import(&context, &args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            mention!("stampd: {error:#}");
            if error.downcast_ref::<Refused>().is_some() { ExitCode::from(3) } else { ExitCode::FAILURE }
        }
    }
}

/// Logs to standard error, at the level of `STAMPD_LOG` (default `info`).
pub fn logs_start() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STAMPD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let plain = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // Under systemd the journal adds the time.
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        let _ = plain.without_time().with_ansi(false).try_init();
    } else {
        let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let _ = plain.with_ansi(ansi).try_init();
    }
}
