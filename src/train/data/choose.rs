//! Which columns of a table are features and which are the target.

use super::DataError;
use super::error::Argument;
use crate::source::{Code, nearest::nearest};

/// What the first line of a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FirstLine {
    /// The names of the columns.
    #[default]
    Names,
    /// Already values: the columns are called `0`, `1`, ….
    Values,
}

/// A column as a script names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Column {
    /// By name.
    Name(String),
    /// By position from 0; negative positions count from the end.
    Index(i64),
}

/// What to read from a table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// What the first line holds.
    pub first_line: FirstLine,
    /// The columns to predict; none for data without a target.
    pub target: Vec<Column>,
    /// The columns to predict from; all but the targets unless said.
    pub columns: Option<Vec<Column>>,
    /// What separates cells; found from the first line unless said.
    pub delimiter: Option<u8>,
}

/// The columns of a table, known from its first line.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    /// The file, for messages.
    pub file: String,
    /// The names of all columns, in order.
    pub columns: Vec<String>,
    /// What the first line holds.
    pub first_line: FirstLine,
    /// What separates cells.
    pub delimiter: u8,
}

/// The columns that are used, as positions in the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The columns of `x`, in order.
    pub features: Vec<usize>,
    /// The columns of `t`, in order.
    pub targets: Vec<usize>,
}

impl Header {
    /// How a column is called in messages.
    pub fn shown(&self, column: usize) -> String {
        match self.first_line {
            FirstLine::Names => format!("column `{}`", self.columns[column]),
            FirstLine::Values => format!("column {column}"),
        }
    }

    /// Finds the columns that `options` ask for.
    ///
    /// # Errors
    /// E0502: there is no such column, two have the name, a feature is also the target, a column without a name would
    /// become a feature by default, no feature is left, or the first line holds numbers where it should hold names.
    pub fn choose(&self, options: &Options) -> Result<Choice, DataError> {
        let numbers = self.columns.iter().all(|name| name.parse::<f64>().is_ok());
        if self.first_line == FirstLine::Names && numbers {
            let message = format!("the first line of `{}` holds numbers, not the names of columns", self.file);
            return Err(DataError::new(Code::E0502, message).at_row(1).with_help("`header = false` reads it as a row"));
        }
        let targets = self.find_all(&options.target).map_err(|error| error.of_argument(Argument::Target))?;
        let features = match &options.columns {
            Some(columns) => self.find_all(columns).map_err(|error| error.of_argument(Argument::Columns))?,
            None => (0..self.columns.len()).filter(|column| !targets.contains(column)).collect(),
        };
        if let Some(&both) = features.iter().find(|feature| targets.contains(feature)) {
            let message = format!("{} is both a feature and the target", self.shown(both));
            return Err(DataError::new(Code::E0502, message)
                .in_column(&self.columns[both])
                .of_argument(Argument::Columns));
        }
        let nameless = features.iter().find(|&&column| self.columns[column].is_empty());
        if let (Some(column), None) = (nameless, &options.columns) {
            // Such a column is most often a row number that a data frame wrote, and a net would learn from it.
            let message = format!("column {column} of `{}` has no name", self.file);
            return Err(DataError::new(Code::E0502, message)
                .in_column(column.to_string())
                .with_help("name it if it is data; `columns = [..]` chooses the columns to read"));
        }
        if features.is_empty() {
            return Err(DataError::new(Code::E0502, format!("`{}` has no column left for features", self.file))
                .with_help(format!("its columns are {}", self.listed())));
        }
        Ok(Choice { features, targets })
    }

    fn find_all(&self, columns: &[Column]) -> Result<Vec<usize>, DataError> {
        let mut found = Vec::with_capacity(columns.len());
        for column in columns {
            let position = self.find(column)?;
            if found.contains(&position) {
                let message = format!("{} is asked for twice", self.shown(position));
                return Err(DataError::new(Code::E0502, message).in_column(&self.columns[position]));
            }
            found.push(position);
        }
        Ok(found)
    }

    fn find(&self, column: &Column) -> Result<usize, DataError> {
        let n_columns = self.columns.len();
        match column {
            Column::Index(index) => {
                let position = if *index < 0 { index + n_columns as i64 } else { *index };
                if (0..n_columns as i64).contains(&position) {
                    return Ok(position as usize);
                }
                let message = format!("there is no column {index} in `{}`", self.file);
                Err(DataError::new(Code::E0502, message)
                    .with_help(format!("it has {n_columns} columns, 0 to {}", n_columns - 1)))
            }
            Column::Name(name) => {
                let mut places = (0..n_columns).filter(|&position| self.columns[position] == *name);
                match (self.first_line, places.next(), places.next()) {
                    (FirstLine::Names, Some(position), None) => Ok(position),
                    (FirstLine::Names, Some(first), Some(second)) => {
                        let message =
                            format!("two columns of `{}` are called `{name}`, {first} and {second}", self.file);
                        Err(DataError::new(Code::E0502, message)
                            .in_column(name)
                            .with_help("a position, counted from 0, names one of them"))
                    }
                    (FirstLine::Names, None, _) => Err(self.unknown(name)),
                    (FirstLine::Values, ..) => {
                        let message =
                            format!("`{}` is read with `header = false`, so no column is called `{name}`", self.file);
                        Err(DataError::new(Code::E0502, message).with_help("columns are named by position, from 0"))
                    }
                }
            }
        }
    }

    fn unknown(&self, name: &str) -> DataError {
        let error = DataError::new(Code::E0502, format!("there is no column `{name}` in `{}`", self.file));
        match nearest(name, self.columns.iter().map(String::as_str)) {
            Some(close) => error.with_help(format!("did you mean `{close}`?")),
            None => error.with_help(format!("its columns are {}", self.listed())),
        }
    }

    /// The names of the columns, abbreviated if there are many.
    fn listed(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|name| format!("`{name}`")).collect();
        match quoted.len() {
            0..=8 => quoted.join(", "),
            n => format!("{}, … {} (of {n})", quoted[..5].join(", "), quoted[n - 1]),
        }
    }
}
