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
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
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
        // A workbook is a ZIP archive; what lies in it is the writer's matter.
        assert!(table.xlsx("Sheet").expect("written").starts_with(b"PK"));
    }
}
