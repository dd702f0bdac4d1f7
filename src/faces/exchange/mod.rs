//! Tables in and out: a card's history as CSV and as a workbook.
//!
//! What a customer or a till wrote into a text must not run where the table is opened: a text cell that a spreadsheet
//! would take for a formula is led by an apostrophe in CSV, and in a workbook every text is a text.

mod table;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::faces::door::{Caller, Fault, Lan, guard, panicked};
use crate::pure::domain::Serial;
use crate::pure::wire::lan::EntryView;
use table::{Cell, Table};

/// The files, with the checks of Host that the API has.
pub fn router(lan: Lan) -> Router {
    Router::new()
        .route("/v1/cards/{serial}/history.csv", get(history_csv))
        .route("/v1/cards/{serial}/history.xlsx", get(history_xlsx))
        .layer(middleware::from_fn_with_state(lan.clone(), guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .with_state(lan)
}

async fn history_csv(State(lan): State<Lan>, _caller: Caller, Path(serial): Path<String>) -> Result<Response, Fault> {
    let (serial, table) = history(&lan, &serial).await?;
    let bytes = table.csv().map_err(|_| Fault::internal())?;
    Ok(file(&format!("history-{serial}.csv"), "text/csv; charset=utf-8", bytes))
}

async fn history_xlsx(State(lan): State<Lan>, _caller: Caller, Path(serial): Path<String>) -> Result<Response, Fault> {
    let (serial, table) = history(&lan, &serial).await?;
    let bytes = table.xlsx("History").map_err(|_| Fault::internal())?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(file(&format!("history-{serial}.xlsx"), kind, bytes))
}

async fn history(lan: &Lan, serial: &str) -> Result<(Serial, Table), Fault> {
    let unknown = || Fault::not_found("unknown_card", "no card has this serial");
    let serial: Serial = serial.parse().map_err(|_| unknown())?;
    let rows = lan.read(move |till, reads| Ok(till.history_all(reads, serial)?)).await?.ok_or_else(unknown)?;
    Ok((serial, history_table(&rows)))
}

fn file(name: &str, kind: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// The rows of a history as a table: the columns of PROFILE.md S5.31 to S5.36 first.
fn history_table(rows: &[EntryView]) -> Table {
    let columns = [
        "date",
        "type",
        "label",
        "comment",
        "change",
        "balance",
        "expiry",
        "rewards_change",
        "amount_minor",
        "reason",
        "txn_id",
        "till",
        "staff",
        "medium",
        "voided",
        "rule_version",
        "explanation",
        "entry",
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let text = |text: &Option<String>| text.as_deref().map_or(Cell::Empty, Cell::text);
        table.push(vec![
            Cell::text(&row.at),
            Cell::text(&row.kind),
            Cell::text(&row.label),
            text(&row.comment),
            Cell::Number(row.change),
            Cell::Number(row.balance),
            text(&row.expires_at),
            Cell::Number(row.rewards_change),
            row.amount_minor.map_or(Cell::Empty, Cell::Number),
            text(&row.reason),
            text(&row.txn_id),
            text(&row.till),
            text(&row.staff),
            text(&row.medium),
            Cell::text(if row.voided { "yes" } else { "no" }),
            Cell::Number(i64::from(row.rule_version)),
            Cell::text(&row.explanation),
            Cell::text(&row.id),
        ]);
    }
    table
}
