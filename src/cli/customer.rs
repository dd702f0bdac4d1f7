//! `stampd customer`: add and show.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Context;
use super::api::Api;
use super::card::print_card;

/// What is done with a customer.
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Makes a customer, and cards.
    Add(AddArgs),
    /// Shows a customer.
    Show {
        /// The customer's id.
        id: String,
    },
}

/// A new customer; everything is optional.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Given name.
    #[arg(long)]
    first_name: Option<String>,
    /// Family name.
    #[arg(long)]
    last_name: Option<String>,
    /// E-mail address.
    #[arg(long)]
    email: Option<String>,
    /// International phone number, as in +4915112345678.
    #[arg(long)]
    phone: Option<String>,
    /// YYYY-MM-DD.
    #[arg(long)]
    birth_date: Option<String>,
    /// The referral link of the customer who brought this one.
    #[arg(long)]
    referred_by: Option<String>,
    /// Issues a card of this programme, too; may be given several times.
    #[arg(long, value_name = "PROGRAMME")]
    card: Vec<String>,
}

/// Runs the command.
pub fn run(context: &Context, command: CustomerCommand) -> Result<()> {
    let api = Api::open(context)?;
    match command {
        CustomerCommand::Show { id } => {
            let customer = api.get(&format!("/v1/customers/{id}"))?;
            say!("{}", serde_json::to_string_pretty(&customer)?);
        }
        CustomerCommand::Add(args) => add(context, &api, args)?,
    }
    Ok(())
}

fn add(context: &Context, api: &Api, args: AddArgs) -> Result<()> {
    let mut body = Map::new();
    for (name, value) in [
        ("first_name", args.first_name),
        ("last_name", args.last_name),
        ("email", args.email),
        ("phone", args.phone),
        ("birth_date", args.birth_date),
        ("referred_by", args.referred_by),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    }
    let customer = api.post("/v1/customers", &Value::Object(body))?;
    let mut cards = Vec::new();
    for programme in args.card {
        cards.push(api.post("/v1/cards", &json!({ "customer_id": customer["id"], "programme": programme }))?);
    }
    if context.json {
        say!("{}", serde_json::to_string_pretty(&json!({ "customer": customer, "cards": cards }))?);
    } else {
        say!("customer {}", customer["id"].as_str().unwrap_or_default());
        cards.iter().for_each(|card| print_card(card, api.minor_digits()));
    }
    Ok(())
}
