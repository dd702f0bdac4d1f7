//! `demo.json`: everything by which another program drives the demo.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::people::{fob, fob_uid};
use super::{DemoShop, LISTED, PROGRAMMES, TILL, staff, write_private};
use crate::pure::domain::{Claim, Medium, ProgrammeName};
use crate::shop::ledger::{CardRow, Reads};
use crate::shop::till::Till;

/// Writes `demo.json` for a shop whose API answers at `api`.
pub fn sheet_write(shop: &DemoShop, till: &Till, api: &str) -> Result<()> {
    let (cards, staff_rows) = till.ledger().read(|reads| Ok((cards(till, reads)?, reads.staff_list()?)))?;
    let staff_sheet: Vec<Value> = staff_rows
        .iter()
        .map(|row| {
            let pin = staff().into_iter().find(|person| person.name == row.name).map(|person| person.pin);
            json!({ "id": row.id.to_string(), "name": row.name, "role": row.role.name(), "pin": pin })
        })
        .collect();
    let mut sheet = json!({
        "api": api,
        "tokens": {
            "till": shop.secrets.till, "manager": shop.secrets.manager, "admin": shop.secrets.admin,
        },
        "staff": staff_sheet,
        "till": TILL,
        "config": shop.config,
        "programmes_dir": shop.programmes,
        "cards": cards,
    });
    for (name, part) in shop.keys.sheet_parts() {
        sheet[name] = part;
    }
    let text = serde_json::to_string_pretty(&sheet).context("demo.json")?;
    write_private(&shop.sheet, &text)
}

/// The cards of the first customers, programme by programme as the customers hold them.
fn cards(till: &Till, reads: &Reads<'_>) -> Result<Vec<Value>, crate::shop::ledger::LedgerError> {
    let mut sheet = Vec::new();
    for customer in reads.customers_first(LISTED)? {
        let mut held = reads.cards_of_customer(customer)?;
        held.sort_by_key(|card| place(&card.programme));
        for card in held {
            sheet.push(card_sheet(till, reads, &card)?);
        }
    }
    Ok(sheet)
}

/// A programme's place in the list of those that ship.
fn place(programme: &ProgrammeName) -> usize {
    PROGRAMMES.iter().position(|(name, _)| *name == programme.as_str()).unwrap_or(PROGRAMMES.len())
}

fn card_sheet(till: &Till, reads: &Reads<'_>, card: &CardRow) -> Result<Value, crate::shop::ledger::LedgerError> {
    let credentials = reads.credentials_of_card(card.serial)?;
    let text = |medium: Medium| {
        let live = credentials.iter().find(|credential| credential.medium == medium && !credential.revoked)?;
        till.keys().tokens.mint(live.kid?, live.lc1_id()?)
    };
    let fob = fob(till, card.serial).map(|token| token.claim);
    let has_fob = credentials.iter().any(|credential| {
        let Some(Claim::Chip(chip)) = &fob else { return false };
        credential.medium == Medium::Ntag424 && !credential.revoked && credential.id == chip
    });
    let rotating = || {
        let live = credentials.iter().rev().find(|one| one.medium == Medium::RotatingBarcode && !one.revoked)?;
        let parts = till.keys().rotating.as_ref()?.parts(&live.lc1_id()?).ok()?;
        // As far as a phone makes its text of it, in the form of the object of a Google pass.
        Some(json!({
            "valuePattern": parts.value_pattern,
            "totpDetails": {
                "algorithm": parts.algorithm,
                "periodMillis": parts.period_ms.to_string(),
                "parameters": [{ "key": parts.key_hex, "valueLength": parts.value_length }],
            },
        }))
    };
    let hex = |uid: [u8; 7]| uid.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let fob_uid = has_fob.then(|| hex(fob_uid(card.serial)));
    Ok(json!({
        "serial": card.serial.to_string(),
        "programme": card.programme.as_str(),
        "customer_id": card.customer.to_string(),
        "nfc_message": text(Medium::AppleVas),
        "smart_tap_value": text(Medium::SmartTap),
        "barcode": text(Medium::Barcode),
        "rotating_barcode": rotating(),
        "ntag424_uid": fob_uid,
    }))
}
