//! A table of texts and whole numbers, written as CSV (RFC 4180, UTF-8) or as a workbook (ECMA-376).

use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A whole number. One beyond 2^53 stands as text in a workbook, whose numbers are floating.
    Number(i64),
    /// A text.
    Text(String),
}

impl Cell {
    /// A text.
    pub fn text(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

/// A heading and rows.
#[derive(Clone, Debug)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A table that was read: its heading and its rows as they stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Names of the columns, without spaces around them.
    pub heading: Vec<String>,
    /// Each row with the line on which it began, from 1, and as many cells as the heading.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// Reads CSV with a heading. An apostrophe that [`Table::csv`] set before a text is taken away again.
///
/// # Errors
/// It is no UTF-8, or a row has another number of cells than the heading; the message names the line.
pub fn table_read(bytes: &[u8]) -> Result<Source, String> {
    // Spreadsheets write a mark of the byte order before UTF-8.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        // After CRLF a record begins at its line feed, which is not counted yet.
        let line = record.position().map_or(0, |place| {
            let begins = usize::try_from(place.byte()).ok().and_then(|at| bytes.get(at));
            place.line() + u64::from(begins == Some(&b'\n'))
        });
        rows.push((line, record.iter().map(plain).collect()));
    }
    Ok(Source { heading, rows })
}

fn plain(cell: &str) -> String {
    match cell.strip_prefix('\'') {
        Some(text) if text.starts_with(FORMULA_STARTS) => text.to_owned(),
        _ => cell.to_owned(),
    }
}

/// With what a text begins that a spreadsheet takes for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The greatest whole number that floating numbers hold exactly.
const EXACT_MAX: u64 = 1 << 53;

impl Table {
    /// A table with these columns and no row.
    pub fn new(columns: &[&str]) -> Self {
        Self { heading: columns.iter().map(|column| (*column).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// As CSV.
    ///
    /// # Errors
    /// A row has another number of cells than the heading.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(&self.heading)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(csv_cell))?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// As a workbook of one sheet.
    ///
    /// # Errors
    /// More rows or longer texts than a sheet takes.
    pub fn xlsx(&self, sheet: &str) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let page = book.add_worksheet();
        page.set_name(sheet)?;
        let bold = Format::new().set_bold();
        for (column, name) in (0u16..).zip(&self.heading) {
            page.write_string_with_format(0, column, name, &bold)?;
        }
        for (line, row) in (1u32..).zip(&self.rows) {
            for (column, cell) in (0u16..).zip(row) {
                match cell {
                    Cell::Empty => {}
                    Cell::Number(number) if number.unsigned_abs() <= EXACT_MAX => {
                        page.write_number(line, column, *number as f64)?;
                    }
                    Cell::Number(number) => {
                        page.write_string(line, column, number.to_string())?;
                    }
                    Cell::Text(text) => {
                        page.write_string(line, column, text)?;
                    }
                }
            }
        }
        page.set_freeze_panes(1, 0)?;
        book.save_to_buffer()
    }
}

/// A text that a spreadsheet would take for a formula is led by an apostrophe.
fn csv_cell(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) if text.starts_with(FORMULA_STARTS) => format!("'{text}"),
        Cell::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_a_formula() {
        let mut table = Table::new(&["a", "b"]);
        for text in ["=1+1", "+49", "-5", "@SUM(A1)", "\t=1", "plain, with \"quotes\""] {
            table.push(vec![Cell::text(text), Cell::Number(-5)]);
        }
        table.push(vec![Cell::Empty, Cell::Number(i64::MAX)]);
        let text = String::from_utf8(table.csv().expect("written")).expect("UTF-8");
        let expected = "a,b\r\n'=1+1,-5\r\n'+49,-5\r\n'-5,-5\r\n'@SUM(A1),-5\r\n'\t=1,-5\r\n\"plain, with \"\"quotes\"\"\",-5\r\n,9223372036854775807\r\n";
        assert_eq!(text, expected);
        let read = table_read(text.as_bytes()).expect("read");
        assert_eq!((read.heading.len(), &read.rows[1]), (2, &(3, vec!["+49".to_owned(), "-5".to_owned()])));
        assert!(table_read(b"a,b\n1\n").expect_err("a cell too few").contains("line: 2"));
        // A workbook is a ZIP archive; what lies in it is the writer's matter.
        assert!(table.xlsx("Sheet").expect("written").starts_with(b"PK"));
    }
}
