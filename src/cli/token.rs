//! `stampd token`: API tokens. A token is printed once; only its hash is kept.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::Context;
use super::api::Api;

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token and prints it, once.
    Create(CreateArgs),
}

/// A new token.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Whose it is, for people.
    #[arg(long)]
    name: String,
    /// What it may do: till, manager or admin.
    #[arg(long)]
    role: String,
    /// The only till for which it may act; needed for role till.
    #[arg(long)]
    till: Option<String>,
}

/// Runs the command.
pub fn run(context: &Context, command: TokenCommand) -> Result<()> {
    let TokenCommand::Create(CreateArgs { name, role, till }) = command;
    let api = Api::open(context)?;
    let made = api.post("/v1/tokens", &json!({ "name": name, "role": role, "till": till }))?;
    if context.json {
        say!("{}", serde_json::to_string_pretty(&made)?);
    } else {
        say!("{}", made["token"].as_str().unwrap_or_default());
        mention!("This is the only time that the token is shown. Send it as 'Authorization: Bearer TOKEN'.");
    }
    Ok(())
}
