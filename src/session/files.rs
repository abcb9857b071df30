//! Tables. While checking, only their headers are read.

use std::path::{Path, PathBuf};

use super::data::{Rows, names, reals, unknown};
use super::host::Runner;
use crate::bail;
use crate::elaborate::{Call, Elaborator, Result, TensorValue, Value};
use crate::ir::{Dim, Symbol, SymbolKind};
use crate::source::{Code, Diagnostic};
use crate::train::data::DataError;
use crate::train::data::choose::{Column, FirstLine, Options};
use crate::train::data::error::Argument;
use crate::train::data::table::{read_header, read_table};

impl Runner {
    /// The file a script names.
    pub fn input_path(&self, path: &str) -> PathBuf {
        super::resolve(&self.shared.folder.borrow(), path)
    }

    fn paths_start(&self) -> String {
        let folder = self.shared.folder();
        match folder == Path::new(".") {
            true => "paths start from the folder of the script".into(),
            false => format!("paths start from the folder of the script, {}", folder.display()),
        }
    }

    /// A mistake in reading a file; where it is not there, from where it was looked for.
    pub(super) fn unread(&self, file: &Path, error: DataError, call: &Call) -> crate::elaborate::Halt {
        let at = error.argument.map_or("path", Argument::name);
        self.unread_at(file, error, call, at)
    }

    /// The same where the path is another argument.
    pub(super) fn unread_at(&self, file: &Path, error: DataError, call: &Call, at: &str) -> crate::elaborate::Halt {
        let span = call.span_of(at);
        let mut diagnostic = error.into_diagnostic(span);
        if !file.exists() {
            *diagnostic = diagnostic.with_note(self.paths_start());
        }
        diagnostic.into()
    }

    /// While checking, a file that is not there may still be written.
    pub(super) fn warn_of_absent(&self, elaborator: &mut Elaborator, path: &str, call: &Call, at: &str) {
        let warning = Diagnostic::warning(Code::W0501, call.span_of(at), format!("there is no file `{path}` yet"))
            .with_note(self.paths_start());
        elaborator.diagnostics.push(warning);
    }

    /// `csv(path, target = …)`.
    pub fn csv(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let Some(path) = call.opt_str("path")? else { bail!(E0303, call.span, "`csv` needs the path of a file") };
        let header = call.opt("header").is_none() || call.flag("header")?;
        let options = Options {
            first_line: if header { FirstLine::Names } else { FirstLine::Values },
            target: columns(call, "target")?,
            columns: call.opt("columns").map(|_| columns(call, "columns")).transpose()?.filter(|list| !list.is_empty()),
            delimiter: match call.opt_str("delimiter")?.as_deref() {
                None | Some("") => None,
                Some(text) if text.len() == 1 => Some(text.as_bytes()[0]),
                Some(_) => bail!(E0508, call.span_of("delimiter"), "a delimiter is one character"),
            },
        };
        let file = self.input_path(&path);
        if self.only_checks() {
            return self.csv_header(elaborator, call, &file, &path, &options);
        }
        let table = read_table(&file, &options).map_err(|error| self.unread(&file, error, call))?;
        let x = reals(elaborator, table.x, &[table.n_rows, table.n_features]);
        let t = reals(elaborator, table.t, &[table.n_rows, table.n_targets]);
        let mut rows = Rows { x, t, extra: vec![] }.with("columns", names(&table.columns));
        if let Some(classes) = &table.classes {
            rows = rows.with("classes", names(classes));
        }
        Ok(rows.into_value())
    }

    fn csv_header(
        &self,
        elaborator: &mut Elaborator,
        call: &Call,
        file: &Path,
        path: &str,
        options: &Options,
    ) -> Result<Value> {
        let n_rows: Dim = Symbol::new("rows", SymbolKind::Data).into();
        let sizes = match read_header(file, options).and_then(|header| header.choose(options)) {
            Ok(choice) => (choice.features.len().into(), choice.targets.len().into()),
            Err(_) if !file.exists() => {
                self.warn_of_absent(elaborator, path, call, "path");
                (Symbol::new("columns", SymbolKind::Data).into(), Dim::constant(options.target.len().max(1) as i64))
            }
            Err(error) => return Err(self.unread(file, error, call)),
        };
        let x = unknown(elaborator, vec![n_rows.clone(), sizes.0]);
        let t = unknown(elaborator, vec![n_rows, sizes.1]);
        Ok(Rows { x, t, extra: vec![] }.with("columns", Value::Str(None)).into_value())
    }

    /// `read_text(path)`.
    pub fn text_file(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let Some(path) = call.opt_str("path")? else { unreachable!("`path` is required") };
        let file = self.input_path(&path);
        if self.only_checks() {
            if !file.exists() {
                self.warn_of_absent(elaborator, &path, call, "path");
            }
            return Ok(Value::Str(None));
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Value::str(text)),
            Err(error) => {
                bail!(E0501, call.span_of("path"), "`{}` cannot be read: {}", path, error; note: "{}", self.paths_start())
            }
        }
    }
}

/// The columns an argument names: a name, a number, or several.
fn columns(call: &Call, name: &str) -> Result<Vec<Column>> {
    let Some(value) = call.opt(name) else { return Ok(vec![]) };
    let one = |value: &Value| -> Result<Column> {
        match value {
            Value::Str(Some(text)) => Ok(Column::Name(text.to_string())),
            other => match other.as_tensor().and_then(TensorValue::as_int) {
                Some(idx) => Ok(Column::Index(idx)),
                None => bail!(E0303, call.span_of(name), "a column is a name or a number, got {}", other.kind_text()),
            },
        }
    };
    match value {
        Value::Tuple(items) => items.iter().map(one).collect(),
        Value::Tensor(tensor) if tensor.rank() == 1 => {
            let ints = tensor.known().map(|known| known.to_f64_vec()).unwrap_or_default();
            Ok(ints.into_iter().map(|idx| Column::Index(idx as i64)).collect())
        }
        other => Ok(vec![one(other)?]),
    }
}
