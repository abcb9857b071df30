//! What can be wrong with data.

use crate::source::{Code, Diagnostic, Span};

/// The arguments that name columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// `target = …`.
    Target,
    /// `columns = …`.
    Columns,
}

impl Argument {
    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Argument::Target => "target",
            Argument::Columns => "columns",
        }
    }
}

/// A mistake in data or in what was asked of it. The message names the file, the row and the column.
#[derive(Clone, PartialEq, Debug)]
pub struct DataError {
    /// The page that explains it.
    pub code: Code,
    /// One line: lower case, no full stop.
    pub message: String,
    /// The row it is about: in files the line, from 1; in tensors the index, from 0.
    pub row: Option<u64>,
    /// The column it is about, by name, or by index where the columns have no names.
    pub column: Option<String>,
    /// The argument of the call that asked for what is not there; none where the file itself is at fault.
    pub argument: Option<Argument>,
    /// Further facts.
    pub notes: Vec<String>,
    /// What to do about it.
    pub helps: Vec<String>,
}

impl DataError {
    /// A mistake that is about no row in particular.
    pub fn new(code: Code, message: impl Into<String>) -> DataError {
        DataError {
            code,
            message: message.into(),
            row: None,
            column: None,
            argument: None,
            notes: vec![],
            helps: vec![],
        }
    }

    /// At this row.
    pub fn at_row(mut self, row: u64) -> DataError {
        self.row = Some(row);
        self
    }

    /// In this column.
    pub fn in_column(mut self, column: impl Into<String>) -> DataError {
        self.column = Some(column.into());
        self
    }

    /// About this argument.
    pub fn of_argument(mut self, argument: Argument) -> DataError {
        self.argument = Some(argument);
        self
    }

    /// With a further fact.
    pub fn with_note(mut self, note: impl Into<String>) -> DataError {
        self.notes.push(note.into());
        self
    }

    /// With something to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> DataError {
        self.helps.push(help.into());
        self
    }

    /// As an error about the place in the script that asked for the data.
    pub fn into_diagnostic(self, span: Span) -> Box<Diagnostic> {
        let mut diagnostic = Diagnostic::error(self.code, span, self.message);
        (diagnostic.notes, diagnostic.helps) = (self.notes, self.helps);
        Box::new(diagnostic)
    }
}

impl std::fmt::Display for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))?;
        self.helps.iter().try_for_each(|help| write!(f, "; help: {help}"))
    }
}

impl std::error::Error for DataError {}
