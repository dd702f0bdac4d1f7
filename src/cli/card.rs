//! `stampd card`: show and issue.

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Context;
use super::api::Api;
use crate::pure::domain::Serial;
use crate::pure::domain::money::decimal;

/// What is done with a card.
#[derive(Debug, Subcommand)]
pub enum CardCommand {
    /// Shows a card and its whole standing.
    Show {
        /// Its serial, in any grouping.
        serial: String,
    },
    /// Issues a card.
    Issue {
        /// The customer's id.
        customer: String,
        /// The programme.
        programme: String,
    },
}

/// Runs the command.
pub fn run(context: &Context, command: CardCommand) -> Result<()> {
    let api = Api::open(context)?;
    let card = match command {
        CardCommand::Show { serial } => {
            let serial: Serial = serial.parse()?;
            api.get(&format!("/v1/cards/{serial}"))?
        }
        CardCommand::Issue { customer, programme } => {
            api.post("/v1/cards", &json!({ "customer_id": customer, "programme": programme }))?
        }
    };
    if context.json {
        say!("{}", serde_json::to_string_pretty(&card)?);
    } else {
        print_card(&card, api.minor_digits());
    }
    Ok(())
}

/// A card for people: what applies, one line each. `minor_digits` are the decimals of the currency.
pub fn print_card(card: &Value, minor_digits: u8) {
    let text = |name: &str| card[name].as_str().unwrap_or_default().to_owned();
    let serial = text("serial").parse::<Serial>().map_or_else(|_| text("serial"), Serial::grouped);
    say!("{serial}  {} ({})", text("programme"), text("kind"));
    let scale = card["scale"].as_u64().and_then(|scale| u8::try_from(scale).ok()).unwrap_or(0);
    let shown = |name: &str| -> Option<String> {
        let amount_of_unit = ["balance", "pending", "earned", "redeemed", "expired", "shortfall", "debt", "qualifying"];
        match &card[name] {
            Value::Null => None,
            Value::Number(number) if name.ends_with("_minor") => Some(decimal(number.as_i64()?, minor_digits)),
            Value::Number(number) if amount_of_unit.contains(&name) => Some(decimal(number.as_i64()?, scale)),
            Value::String(text) => Some(text.clone()),
            Value::Bool(false) => None,
            other => Some(other.to_string()),
        }
    };
    for name in [
        "customer_id",
        "status",
        "blocked",
        "issued_at",
        "expires_at",
        "balance",
        "pending",
        "earned",
        "redeemed",
        "expired",
        "qualifying",
        "tx_amount_minor",
        "ltv_minor",
        "visits",
        "orders",
        "average_order_minor",
        "rewards_available",
        "rewards_earned",
        "rewards_redeemed",
        "rewards_expired",
        "shortfall",
        "debt",
        "overdraft",
        "carry_minor",
        "tier",
        "to_next_tier",
        "to_next_reward",
        "cashback_percent",
        "last_earned_at",
        "revision",
    ] {
        if let Some(value) = shown(name) {
            say!("  {name:<20} {value}");
        }
    }
}
