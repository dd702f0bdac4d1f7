//! `stampd export` and `stampd import`: bulk out and in, over the same API as everything else.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::api::Api;
use super::{Context, given, terminal};
use crate::base::clock::Clock;
use crate::base::config::Config;
use crate::faces::exchange::{
    CARD_COLUMNS, CUSTOMER_COLUMNS, Cell, HISTORY_COLUMNS, Source, Table, card_row, customer_row, history_row,
    table_read,
};
use crate::pure::wire::lan::{CardView, CustomerRequest, CustomerView, EntryView};
use crate::shop::till::PersonCheck;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Every customer.
    Customers,
    /// Every row of every card's history, the newest of each card first.
    History,
    /// Every card with its standing.
    Cards,
}

/// As what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text, RFC 4180, UTF-8.
    Csv,
    /// A workbook; its sheet takes a million rows.
    Xlsx,
}

/// What is exported, and where to.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// What.
    what: What,
    /// As what.
    #[arg(long, default_value = "csv")]
    format: Form,
    /// The new file; standard output where it is not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is imported.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// CSV with a heading.
    file: PathBuf,
    /// Checks every row and books nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Tells how far it is: one line that moves on a terminal, a plain line now and then elsewhere.
struct Progress {
    done: usize,
    moves: bool,
}

impl Progress {
    fn new() -> Self {
        Self { done: 0, moves: std::io::stderr().is_terminal() }
    }

    fn step(&mut self, what: &str) {
        self.done += 1;
        if self.moves && self.done.is_multiple_of(20) {
            terminal::aside_raw(&format!("\r{} {what}", self.done));
        } else if !self.moves && self.done.is_multiple_of(10_000) {
            mention!("{} {what}", self.done);
        }
    }

    fn end(&self) {
        if self.moves && self.done >= 20 {
            terminal::aside_raw("\n");
        }
    }
}

/// Writes a table.
pub fn export(context: &Context, args: &ExportArgs) -> Result<()> {
    if args.format == Form::Xlsx && args.output.is_none() && std::io::stdout().is_terminal() {
        bail!("a workbook is no text for a terminal; name a file with -o");
    }
    let api = Api::open(context)?;
    let columns: &[&str] = match args.what {
        What::Customers => &CUSTOMER_COLUMNS,
        What::Cards => &CARD_COLUMNS,
        What::History => &HISTORY_COLUMNS,
    };
    // Rows of all cards in one table need to say whose they are.
    let heading: Vec<&str> =
        if args.what == What::History { ["serial"].iter().chain(columns).copied().collect() } else { columns.to_vec() };
    let mut table = Table::new(&heading);
    let mut progress = Progress::new();
    let mut cursor = None;
    loop {
        let page = api.get(&format!("/v1/customers?sort=joined&limit=200{}", cursor_of(cursor.as_deref())))?;
        let customers: Vec<CustomerView> = serde_json::from_value(page["customers"].clone())?;
        for customer in &customers {
            export_customer(&api, args.what, customer, &mut table)?;
            progress.step("customers");
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    progress.end();
    let bytes = match args.format {
        Form::Csv => table.csv()?,
        Form::Xlsx => table.xlsx("stampd")?,
    };
    match &args.output {
        Some(file) => std::fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display())),
        None => {
            terminal::bytes(&bytes);
            Ok(())
        }
    }
}

fn cursor_of(cursor: Option<&str>) -> String {
    cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"))
}

fn export_customer(api: &Api, what: What, customer: &CustomerView, table: &mut Table) -> Result<()> {
    if what == What::Customers {
        table.push(customer_row(customer));
        return Ok(());
    }
    for serial in &customer.cards {
        if what == What::Cards {
            let card: CardView = serde_json::from_value(api.get(&format!("/v1/cards/{serial}"))?)?;
            table.push(card_row(&card));
            continue;
        }
        let mut cursor = None;
        loop {
            let page = api.get(&format!("/v1/cards/{serial}/history?limit=200{}", cursor_of(cursor.as_deref())))?;
            let rows: Vec<EntryView> = serde_json::from_value(page["rows"].clone())?;
            for row in &rows {
                table.push(std::iter::once(Cell::text(serial)).chain(history_row(row)).collect());
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Columns that an import takes, beside those of a customer: the programme, and figures that the card had before.
const CARD_FIELDS: [&str; 9] =
    ["programme", "balance", "earned", "redeemed", "qualifying", "tx_amount_minor", "ltv_minor", "visits", "orders"];

/// Columns of a customer that an import takes.
const PERSON_FIELDS: usize = 8;

/// The most bytes of a table: some hundred thousand customers.
const TABLE_BYTES_MAX: u64 = 256 << 20;

/// Takes customers from a table.
pub fn import(context: &Context, args: &ImportArgs) -> Result<()> {
    let bytes = given::read(&args.file, TABLE_BYTES_MAX)?;
    let source = table_read(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", args.file.display()))?;
    let person = &CUSTOMER_COLUMNS[..PERSON_FIELDS];
    let known =
        |name: &&String| person.contains(&name.as_str()) || CARD_FIELDS.contains(&name.as_str()) || *name == "error";
    if let Some(wrong) = source.heading.iter().find(|name| !known(name)) {
        bail!(
            "{}: no column is called '{wrong}'; there are {}, {}",
            args.file.display(),
            person.join(", "),
            CARD_FIELDS.join(", ")
        );
    }
    let config = Config::load(&context.config)?;
    let clock = Clock::new(config.shop.time_zone.clone(), config.clock.trust)?;
    let today = clock.now().moment().date();
    let api = Api::open(context)?;
    let programmes = api.get("/v1/programmes")?;
    let names: Vec<&str> = programmes["programmes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|programme| programme["name"].as_str())
        .collect();
    let (mut progress, mut taken, mut faulty) = (Progress::new(), 0, Vec::new());
    for (line, cells) in &source.rows {
        let done = row_of(&source.heading, cells, today, &names).and_then(|row| {
            if args.dry_run { Ok(()) } else { row_import(&api, &row).map_err(|error| format!("{error:#}")) }
        });
        match done {
            Ok(()) => taken += 1,
            Err(why) => faulty.push((*line, cells, why)),
        }
        progress.step("rows");
    }
    progress.end();
    let word = if args.dry_run { "can be taken" } else { "taken" };
    say!("{taken} of {} rows {word}", source.rows.len());
    if faulty.is_empty() {
        return Ok(());
    }
    for (line, _, why) in faulty.iter().take(10) {
        mention!("line {line}: {why}");
    }
    let path = errors_write(&args.file, &source, &faulty)?;
    bail!("{} rows could not be taken; they lie in {} with the reason", faulty.len(), path.display());
}

/// A row that can be taken.
struct ImportRow {
    person: Map<String, Value>,
    programme: Option<String>,
    /// What the card had before, by the names of the API.
    figures: Map<String, Value>,
}

fn row_of(
    heading: &[String],
    cells: &[String],
    today: jiff::civil::Date,
    programmes: &[&str],
) -> Result<ImportRow, String> {
    let mut row = ImportRow { person: Map::new(), programme: None, figures: Map::new() };
    for (name, cell) in heading.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
        match name.as_str() {
            "error" => {}
            "programme" if !programmes.contains(&cell.as_str()) => {
                return Err(format!("no programme is called '{cell}'"));
            }
            "programme" => row.programme = Some(cell.clone()),
            figure if CARD_FIELDS.contains(&figure) => {
                let number: i64 = cell.parse().map_err(|_| format!("{figure}: '{cell}' is no whole number"))?;
                if number < 0 {
                    return Err(format!("{figure}: below 0"));
                }
                if number > 0 {
                    row.figures.insert(name.clone(), json!(number));
                }
            }
            "groups" => {
                let groups: Vec<&str> = cell.split(';').map(str::trim).filter(|group| !group.is_empty()).collect();
                row.person.insert(name.clone(), json!(groups));
            }
            _ => {
                row.person.insert(name.clone(), json!(cell));
            }
        }
    }
    if !row.figures.is_empty() && row.programme.is_none() {
        return Err("a balance needs its programme".to_owned());
    }
    let request: CustomerRequest =
        serde_json::from_value(Value::Object(row.person.clone())).map_err(|error| error.to_string())?;
    PersonCheck::default().person(request, today).map(|_| row).map_err(|error| error.to_string())
}

fn row_import(api: &Api, row: &ImportRow) -> Result<()> {
    let customer = api.post("/v1/customers", &Value::Object(row.person.clone()))?;
    let Some(programme) = &row.programme else { return Ok(()) };
    let card = api.post("/v1/cards", &json!({ "customer_id": customer["id"], "programme": programme }))?;
    if !row.figures.is_empty() {
        let serial = card["serial"].as_str().context("an answer without a serial")?;
        let body = json!({ "kind": "opening", "figures": row.figures, "comment": "imported" });
        api.post(&format!("/v1/cards/{serial}/entries"), &body)?;
    }
    Ok(())
}

/// Rows that could not be taken, with the reason in a last column.
fn errors_write(file: &Path, source: &Source, faulty: &[(u64, &Vec<String>, String)]) -> Result<PathBuf> {
    let kept: Vec<usize> = (0..source.heading.len()).filter(|index| source.heading[*index] != "error").collect();
    let heading: Vec<&str> = kept.iter().map(|index| source.heading[*index].as_str()).chain(["error"]).collect();
    let mut table = Table::new(&heading);
    for (_, cells, why) in faulty {
        table.push(kept.iter().map(|index| Cell::text(&cells[*index])).chain([Cell::text(why)]).collect());
    }
    let name = file.file_stem().map_or_else(|| "import".into(), |stem| stem.to_string_lossy().into_owned());
    let path = file.with_file_name(format!("{}.errors.csv", name.trim_end_matches(".errors")));
    std::fs::write(&path, table.csv()?).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}
