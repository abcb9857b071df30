//! Tables of comma-separated values: a header, numbers, and a target of numbers or class labels.
//!
//! [`read_header`] looks at the first line only and is what `nabla check` uses; [`read_table`] reads everything.
//! Plain and gzipped files, a byte order mark, both line ends, quotes, and `,` `;` or tab between cells are understood.

use std::collections::BTreeMap;
use std::path::Path;

use super::choose::{Choice, FirstLine, Header, Options};
use super::{DataError, file};
use crate::source::Code;

/// A first line longer than this is not one of a table.
const LONGEST_HEADER: u64 = 4 << 20;

/// What people write into a cell that has no value.
const MISSING: [&str; 11] = ["", "na", "n/a", "nan", "-nan", "null", "none", "nil", "?", "-", "#n/a"];

/// A table that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// The names of the features, in the order of the columns of `x`.
    pub columns: Vec<String>,
    /// The names of the targets, in the order of the columns of `t`.
    pub targets: Vec<String>,
    /// The labels of the target in sorted order, where it held text; `t` then holds positions in this list.
    pub classes: Option<Vec<String>>,
    /// The features, row-major: `[n_rows, n_features]`.
    pub x: Vec<f64>,
    /// The targets, row-major: `[n_rows, n_targets]`.
    pub t: Vec<f64>,
    /// How many rows there are.
    pub n_rows: usize,
    /// How many columns `x` has.
    pub n_features: usize,
    /// How many columns `t` has.
    pub n_targets: usize,
}

/// The columns of the table in the file `path`, from its first line.
///
/// # Errors
/// E0501 where the file cannot be read; E0502 where it is no text or its first line is no header.
pub fn read_header(path: &Path, options: &Options) -> Result<Header, DataError> {
    let start = file::read_start(path, LONGEST_HEADER)?;
    if start.is_empty() {
        return Err(DataError::new(Code::E0501, format!("`{}` is empty", path.display())));
    }
    let text = strip_marks(path, &start)?;
    if text.len() as u64 + 3 >= LONGEST_HEADER && !text.contains(&b'\n') {
        return Err(DataError::new(Code::E0502, format!("the first line of `{}` does not end", path.display())));
    }
    parse_header(path, text, options)
}

/// The table in the file `path`: the columns `options` ask for.
///
/// # Errors
/// E0501 where the file cannot be read; E0502, naming line and column, where it holds no such table: unknown columns,
/// rows of different lengths, missing values, text among numbers, no rows.
pub fn read_table(path: &Path, options: &Options) -> Result<Table, DataError> {
    let bytes = file::read(path)?;
    let bytes = strip_marks(path, &bytes)?;
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = line_at(bytes, error.valid_up_to());
        let message = format!("line {line} of `{}` is not UTF-8 text", path.display());
        return Err(DataError::new(Code::E0502, message)
            .at_row(line)
            .with_help("save the file with the encoding UTF-8"));
    }
    let header = parse_header(path, bytes, options)?;
    let choice = header.choose(options)?;
    Rows { header: &header, choice: &choice, bytes }.read()
}

/// The text after a byte order mark.
fn strip_marks<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], DataError> {
    let shown = path.display();
    let not_text = |what: &str, help: &str| {
        Err(DataError::new(Code::E0502, format!("`{shown}` is {what}, not a table of text")).with_help(help))
    };
    if bytes.starts_with(b"PK\x03\x04") {
        return not_text("a spreadsheet or a zip archive", "save the sheet as CSV");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return not_text("text in UTF-16", "save the file with the encoding UTF-8");
    }
    if bytes.iter().take(8192).any(|&byte| byte == 0) {
        return not_text("a binary file", "CSV files hold text");
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// The line of a byte, from 1.
fn line_at(bytes: &[u8], byte: usize) -> u64 {
    bytes[..byte].iter().filter(|&&byte| byte == b'\n').count() as u64 + 1
}

fn parse_header(path: &Path, bytes: &[u8], options: &Options) -> Result<Header, DataError> {
    let file = path.display().to_string();
    let delimiter = options.delimiter.unwrap_or_else(|| delimiter_of(first_line(bytes)));
    let mut record = csv::ByteRecord::new();
    let found = reader(bytes, delimiter).read_byte_record(&mut record);
    if !found.expect("reading records of bytes from memory does not fail") {
        return Err(DataError::new(Code::E0501, format!("`{file}` holds nothing but empty lines")));
    }
    let columns = match options.first_line {
        FirstLine::Values => (0..record.len()).map(|column| column.to_string()).collect(),
        FirstLine::Names => {
            let names: Result<Vec<String>, _> = record.iter().map(|name| String::from_utf8(name.to_vec())).collect();
            names.map_err(|_| {
                DataError::new(Code::E0502, format!("the first line of `{file}` is not UTF-8 text"))
                    .at_row(1)
                    .with_help("save the file with the encoding UTF-8")
            })?
        }
    };
    Ok(Header { file, columns, first_line: options.first_line, delimiter })
}

fn reader(bytes: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    // Records may differ in length here because a short row should be reported with its line and in our words.
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(bytes)
}

/// The first line that is not empty.
fn first_line(bytes: &[u8]) -> &[u8] {
    let is_blank = |line: &&[u8]| line.iter().all(|byte| byte.is_ascii_whitespace());
    bytes.split(|&byte| byte == b'\n').find(|line| !is_blank(line)).unwrap_or(b"")
}

/// What separates the cells of a line: a tab if it has one outside quotes, else `;` if it has one, else `,`. In this
/// order because a comma in a line with `;` is a decimal comma or part of a name.
fn delimiter_of(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut found = [false; 2];
    for byte in line {
        match byte {
            b'"' => quoted = !quoted,
            b'\t' if !quoted => found[0] = true,
            b';' if !quoted => found[1] = true,
            _ => {}
        }
    }
    match found {
        [true, _] => b'\t',
        [false, true] => b';',
        [false, false] => b',',
    }
}

/// The rows of a table whose header is known.
struct Rows<'a> {
    header: &'a Header,
    choice: &'a Choice,
    bytes: &'a [u8],
}

/// A target of text: the labels seen so far with a number each, and these numbers row by row.
#[derive(Default)]
struct Labels {
    numbers: BTreeMap<String, usize>,
    rows: Vec<usize>,
}

impl Rows<'_> {
    fn read(&self) -> Result<Table, DataError> {
        let Choice { features, targets } = self.choice;
        let name = |column: &usize| self.header.columns[*column].clone();
        let mut table = Table {
            columns: features.iter().map(name).collect(),
            targets: targets.iter().map(name).collect(),
            classes: None,
            x: Vec::new(),
            t: Vec::new(),
            n_rows: 0,
            n_features: features.len(),
            n_targets: targets.len(),
        };
        let mut labels: Option<Labels> = None;
        let mut records = reader(self.bytes, self.header.delimiter);
        let mut record = csv::StringRecord::new();
        let mut is_header = self.header.first_line == FirstLine::Names;
        while records.read_record(&mut record).map_err(|error| self.broken(&error))? {
            if std::mem::take(&mut is_header) {
                continue;
            }
            if record.len() != self.header.columns.len() {
                return Err(self.ragged(&record));
            }
            for &column in features {
                table.x.push(self.number(&record, column)?);
            }
            // Only a single target may hold text, and then in every row; the first row decides.
            if let &[column] = targets.as_slice() {
                if table.n_rows == 0 && is_label(&record[column]) {
                    labels = Some(Labels::default());
                }
                if let Some(labels) = &mut labels {
                    labels.push(self.label(&record, column)?);
                    table.n_rows += 1;
                    continue;
                }
            }
            for &column in targets {
                table.t.push(self.number(&record, column)?);
            }
            table.n_rows += 1;
        }
        if table.n_rows == 0 {
            return Err(DataError::new(Code::E0502, format!("`{}` has a header but no rows", self.header.file)));
        }
        if let Some(labels) = labels {
            let (classes, t) = labels.sorted();
            (table.classes, table.t) = (Some(classes), t);
        }
        Ok(table)
    }

    /// The number in a cell.
    fn number(&self, record: &csv::StringRecord, column: usize) -> Result<f64, DataError> {
        let cell = &record[column];
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ if is_missing(cell) => Err(self.missing(record, column)),
            Ok(_) => Err(self.mistake(record, column, format!("`{cell}` is not a finite number"))),
            Err(_) => Err(self.text(record, column)),
        }
    }

    /// The label in a cell of a target whose first row holds text.
    fn label<'r>(&self, record: &'r csv::StringRecord, column: usize) -> Result<&'r str, DataError> {
        let cell = &record[column];
        if is_missing(cell) {
            return Err(self.missing(record, column));
        }
        if !is_label(cell) {
            let what = format!("`{cell}` is a number where the rows above have labels");
            return Err(self.mistake(record, column, what).with_help("labels are all text or all numbers"));
        }
        Ok(cell)
    }

    fn missing(&self, record: &csv::StringRecord, column: usize) -> DataError {
        let what = match &record[column] {
            "" => "the cell is empty".to_string(),
            cell => format!("`{cell}` is no value"),
        };
        self.mistake(record, column, what)
            .with_help("remove the row or fill in a number: a net cannot learn from a gap")
    }

    fn text(&self, record: &csv::StringRecord, column: usize) -> DataError {
        let cell = &record[column];
        let mut shown: String = cell.chars().take(30).collect();
        if shown.len() < cell.len() {
            shown.push('…');
        }
        let error = self.mistake(record, column, format!("`{}` is not a number", shown.escape_debug()));
        if cell.contains('\n') {
            return error.with_help("a quote may have no partner");
        }
        if cell.replacen(',', ".", 1).parse::<f64>().is_ok() {
            return error.with_help("decimals are written with a point");
        }
        if self.choice.targets.contains(&column) {
            return error.with_help("labels are all text or all numbers, and only a single target may hold text");
        }
        if self.header.columns.len() == 1 && cell.split_whitespace().nth(1).is_some() {
            return error.with_help("cells are separated by `,`, `;` or a tab");
        }
        error.with_help("`columns = [..]` chooses the columns to read")
    }

    fn ragged(&self, record: &csv::StringRecord) -> DataError {
        let (line, expected) = (self.line(record), self.header.columns.len());
        let first = match self.header.first_line {
            FirstLine::Names => "the header",
            FirstLine::Values => "the first row",
        };
        let cells = if record.len() == 1 { "cell" } else { "cells" };
        let message =
            format!("line {line} of `{}` has {} {cells}, {first} has {expected}", self.header.file, record.len());
        DataError::new(Code::E0502, message).at_row(line)
    }

    fn mistake(&self, record: &csv::StringRecord, column: usize, what: String) -> DataError {
        let line = self.line(record);
        let message = format!("{}: line {line}, {}: {what}", self.header.file, self.header.shown(column));
        DataError::new(Code::E0502, message).at_row(line).in_column(&self.header.columns[column])
    }

    fn broken(&self, error: &csv::Error) -> DataError {
        DataError::new(Code::E0502, format!("`{}` is not a table: {error}", self.header.file))
    }

    /// The line a record begins in, from 1. The reader stops before the line end it has not yet consumed and before
    /// empty lines it will skip, so those are passed first.
    fn line(&self, record: &csv::StringRecord) -> u64 {
        let position = record.position().expect("a record that was read has a position");
        let start = position.byte() as usize;
        let skipped = self.bytes[start..].iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
        line_at(self.bytes, start + skipped)
    }
}

impl Labels {
    fn push(&mut self, label: &str) {
        let next = self.numbers.len();
        let number = match self.numbers.get(label) {
            Some(&number) => number,
            None => *self.numbers.entry(label.to_string()).or_insert(next),
        };
        self.rows.push(number);
    }

    /// The labels in sorted order, and for each row the position of its label among them.
    fn sorted(self) -> (Vec<String>, Vec<f64>) {
        let mut rank = vec![0.0; self.numbers.len()];
        let mut classes = Vec::with_capacity(self.numbers.len());
        for (position, (label, number)) in self.numbers.into_iter().enumerate() {
            rank[number] = position as f64;
            classes.push(label);
        }
        (classes, self.rows.iter().map(|&number| rank[number]).collect())
    }
}

fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// Whether a cell holds text that can name a class.
fn is_label(cell: &str) -> bool {
    !is_missing(cell) && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests;
