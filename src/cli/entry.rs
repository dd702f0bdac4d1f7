//! `stampd entry`: posts and voids by hand.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Context;
use super::api::Api;
use crate::pure::domain::Serial;

/// What is done with entries.
#[derive(Debug, Subcommand)]
pub enum EntryCommand {
    /// Posts on a card.
    Post(Box<PostArgs>),
    /// Takes a whole posting back, as if it had never been.
    Void {
        /// The id of one of its entries.
        id: String,
        /// Why, for the staff.
        #[arg(long)]
        comment: Option<String>,
    },
}

/// A posting by hand.
#[derive(Args, Debug)]
pub struct PostArgs {
    /// The card, in any grouping.
    serial: String,
    /// purchase, stamps, subtract_amount, remove_visits, adjust, reward_add or reward_remove.
    kind: String,
    /// Stamps, visits or rewards.
    #[arg(long)]
    count: Option<i64>,
    /// Money, in minor units.
    #[arg(long, value_name = "MINOR")]
    amount: Option<i64>,
    /// The customer's purchase, in minor units.
    #[arg(long, value_name = "MINOR")]
    purchase_amount: Option<i64>,
    /// Units in the programme's smallest unit, with - before it to take.
    #[arg(long, allow_hyphen_values = true)]
    value: Option<i64>,
    /// The till's number of the purchase.
    #[arg(long)]
    txn_id: Option<String>,
    /// The entry or till's number that is taken back.
    #[arg(long)]
    of: Option<String>,
    /// Why units move.
    #[arg(long)]
    reason: Option<String>,
    /// Why rewards go: redeem, correction or expired.
    #[arg(long)]
    why: Option<String>,
    /// For the staff.
    #[arg(long)]
    comment: Option<String>,
    /// For the customer.
    #[arg(long)]
    public_note: Option<String>,
}

/// Runs the command.
pub fn run(context: &Context, command: EntryCommand) -> Result<()> {
    let api = Api::open(context)?;
    let posted = match command {
        EntryCommand::Void { id, comment } => {
            let body = comment.map_or(json!({}), |comment| json!({ "comment": comment }));
            api.post(&format!("/v1/entries/{id}/void"), &body)?
        }
        EntryCommand::Post(args) => {
            let serial: Serial = args.serial.parse().context("this is no serial")?;
            api.post(&format!("/v1/cards/{serial}/entries"), &body_of(*args))?
        }
    };
    if context.json {
        say!("{}", serde_json::to_string_pretty(&posted)?);
        return Ok(());
    }
    for entry in posted["entries"].as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        say!("{}  {}  {}  {}", text("id"), text("label"), entry["change"], text("explanation"));
    }
    super::card::print_card(&posted["card"], api.minor_digits());
    Ok(())
}

fn body_of(args: PostArgs) -> Value {
    let numbers = [
        ("count", args.count),
        ("amount_minor", args.amount),
        ("purchase_amount_minor", args.purchase_amount),
        ("value", args.value),
    ];
    let texts = [
        ("kind", Some(args.kind)),
        ("txn_id", args.txn_id),
        ("of", args.of),
        ("reason", args.reason),
        ("why", args.why),
        ("comment", args.comment),
        ("public_note", args.public_note),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    Value::Object(numbers.chain(texts).collect::<Map<_, _>>())
}
