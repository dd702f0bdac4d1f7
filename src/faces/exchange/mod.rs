//! Tables in and out: customers, cards and histories as CSV and as workbooks, and CSV that is read.
//!
//! What a customer or a till wrote into a text must not run where the table is opened: a text cell that a spreadsheet
//! would take for a formula is led by an apostrophe in CSV, and in a workbook every text is a text.

mod table;

pub use table::{Cell, Source, Table, table_read};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::door::{Caller, Fault, Lan, guard, panicked};
use crate::pure::domain::Serial;
use crate::pure::wire::lan::{CardView, CustomerView, EntryView};

/// The files, with the checks of Host that the API has.
pub fn router(lan: Lan) -> Router {
    let (routes, _) = files().split_for_parts();
    routes
        .layer(middleware::from_fn_with_state(lan.clone(), guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .with_state(lan)
}

/// What the API's document says of the files.
pub fn document() -> OpenApiDocument {
    files().split_for_parts().1
}

fn files() -> OpenApiRouter<Lan> {
    OpenApiRouter::new().routes(routes!(history_csv)).routes(routes!(history_xlsx))
}

/// A card's whole history as CSV: UTF-8, a heading, the newest row first.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/history.csv", tag = "cards", params(("serial" = String, Path)),
    responses((status = 200, description = "the table", content_type = "text/csv", body = String))
)]
async fn history_csv(State(lan): State<Lan>, _caller: Caller, Path(serial): Path<String>) -> Result<Response, Fault> {
    let (serial, table) = history(&lan, &serial).await?;
    let bytes = table.csv().map_err(|_| Fault::internal())?;
    Ok(file(&format!("history-{serial}.csv"), "text/csv; charset=utf-8", bytes))
}

/// A card's whole history as a workbook, with the rows of the CSV.
#[utoipa::path(
    get, path = "/v1/cards/{serial}/history.xlsx", tag = "cards", params(("serial" = String, Path)),
    responses((
        status = 200, description = "the workbook",
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body = Vec<u8>
    ))
)]
async fn history_xlsx(State(lan): State<Lan>, _caller: Caller, Path(serial): Path<String>) -> Result<Response, Fault> {
    let (serial, table) = history(&lan, &serial).await?;
    let bytes = table.xlsx("History").map_err(|_| Fault::internal())?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(file(&format!("history-{serial}.xlsx"), kind, bytes))
}

async fn history(lan: &Lan, serial: &str) -> Result<(Serial, Table), Fault> {
    let unknown = || Fault::not_found("unknown_card", "no card has this serial");
    let serial: Serial = serial.parse().map_err(|_| unknown())?;
    lan.settle(move |_| Ok(vec![serial])).await?;
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

/// Columns of a history: those of PROFILE.md S5.31 to S5.36 first.
pub const HISTORY_COLUMNS: [&str; 18] = [
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

/// Columns of customers; `stampd import` takes the first ones.
pub const CUSTOMER_COLUMNS: [&str; 12] = [
    "first_name",
    "last_name",
    "email",
    "phone",
    "birth_date",
    "language",
    "telegram_id",
    "groups",
    "id",
    "created_at",
    "referred_by",
    "cards",
];

/// Columns of cards.
pub const CARD_COLUMNS: [&str; 22] = [
    "serial",
    "programme",
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
    "rewards_available",
    "rewards_earned",
    "rewards_redeemed",
    "tier",
    "segment",
];

fn optional(text: Option<&String>) -> Cell {
    text.map_or(Cell::Empty, |text| Cell::text(text))
}

/// A customer as a row of [`CUSTOMER_COLUMNS`].
pub fn customer_row(customer: &CustomerView) -> Vec<Cell> {
    vec![
        optional(customer.first_name.as_ref()),
        optional(customer.last_name.as_ref()),
        optional(customer.email.as_ref()),
        optional(customer.phone.as_ref()),
        optional(customer.birth_date.as_ref()),
        optional(customer.language.as_ref()),
        optional(customer.telegram_id.as_ref()),
        Cell::text(&customer.groups.join(";")),
        Cell::text(&customer.id),
        Cell::text(&customer.created_at),
        optional(customer.referred_by.as_ref()),
        Cell::text(&customer.cards.join(";")),
    ]
}

/// A card as a row of [`CARD_COLUMNS`].
pub fn card_row(card: &CardView) -> Vec<Cell> {
    vec![
        Cell::text(&card.serial),
        Cell::text(&card.programme),
        Cell::text(&card.customer_id),
        Cell::text(&card.status),
        Cell::text(if card.blocked { "yes" } else { "no" }),
        Cell::text(&card.issued_at),
        optional(card.expires_at.as_ref()),
        Cell::Number(card.balance),
        Cell::Number(card.pending),
        Cell::Number(card.earned),
        Cell::Number(card.redeemed),
        Cell::Number(card.expired),
        card.qualifying.map_or(Cell::Empty, Cell::Number),
        Cell::Number(card.tx_amount_minor),
        Cell::Number(card.ltv_minor),
        Cell::Number(card.visits),
        Cell::Number(card.orders),
        Cell::Number(card.rewards_available),
        Cell::Number(card.rewards_earned),
        Cell::Number(card.rewards_redeemed),
        optional(card.tier.as_ref()),
        optional(card.segment.as_ref()),
    ]
}

/// A row of a history as one of [`HISTORY_COLUMNS`].
pub fn history_row(row: &EntryView) -> Vec<Cell> {
    vec![
        Cell::text(&row.at),
        Cell::text(&row.kind),
        Cell::text(&row.label),
        optional(row.comment.as_ref()),
        Cell::Number(row.change),
        Cell::Number(row.balance),
        optional(row.expires_at.as_ref()),
        Cell::Number(row.rewards_change),
        row.amount_minor.map_or(Cell::Empty, Cell::Number),
        optional(row.reason.as_ref()),
        optional(row.txn_id.as_ref()),
        optional(row.till.as_ref()),
        optional(row.staff.as_ref()),
        optional(row.medium.as_ref()),
        Cell::text(if row.voided { "yes" } else { "no" }),
        Cell::Number(i64::from(row.rule_version)),
        Cell::text(&row.explanation),
        Cell::text(&row.id),
    ]
}

fn history_table(rows: &[EntryView]) -> Table {
    let mut table = Table::new(&HISTORY_COLUMNS);
    rows.iter().for_each(|row| table.push(history_row(row)));
    table
}
