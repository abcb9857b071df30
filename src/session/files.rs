//! Files of data: tables, images, arrays. While checking, only their headers are read.

use std::path::{Path, PathBuf};

use super::data::{Rows, data_error, names, reals, unknown};
use super::host::Runner;
use crate::bail;
use crate::elaborate::{Call, Elaborator, Result, TensorValue, Value};
use crate::ir::{Dim, Symbol, SymbolKind, Type};
use crate::source::{Code, Diagnostic};
use crate::tensor::{DType, Tensor};
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
    fn unread(&self, file: &Path, error: DataError, call: &Call) -> crate::elaborate::Halt {
        let span = call.span_of(error.argument.map_or("path", Argument::name));
        let mut diagnostic = error.into_diagnostic(span);
        if !file.exists() {
            *diagnostic = diagnostic.with_note(self.paths_start());
        }
        diagnostic.into()
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
                self.warn_missing(elaborator, call, "path", path);
                (Symbol::new("columns", SymbolKind::Data).into(), Dim::constant(options.target.len().max(1) as i64))
            }
            Err(error) => return Err(self.unread(file, error, call)),
        };
        let x = unknown(elaborator, vec![n_rows.clone(), sizes.0]);
        let t = unknown(elaborator, vec![n_rows, sizes.1]);
        Ok(Rows { x, t, extra: vec![] }.with("columns", Value::Str(None)).into_value())
    }

    /// Says that a file is not there yet, where it will be needed.
    fn warn_missing(&self, elaborator: &mut Elaborator, call: &Call, name: &str, path: &str) {
        let warning = Diagnostic::warning(Code::W0501, call.span_of(name), format!("there is no file `{path}` yet"));
        elaborator.diagnostics.push(warning.with_note(self.paths_start()));
    }

    /// `read_text(path)`.
    pub fn text_file(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let Some(path) = call.opt_str("path")? else { unreachable!("`path` is required") };
        let file = self.input_path(&path);
        if self.only_checks() {
            if !file.exists() {
                self.warn_missing(elaborator, call, "path", &path);
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

    /// `idx(images, labels)` and `npy(path)`.
    pub fn array_file(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        use crate::train::data::{idx, npy};
        if call.builtin.name == "npy" {
            let path = call.opt_str("path")?.expect("matched");
            let file = self.input_path(&path);
            if self.only_checks() {
                return match npy::read_npy_header(&file) {
                    Ok(header) => {
                        let shape = header.shape.iter().map(|&size| size.into()).collect();
                        let dtype = if header.element.is_whole() { DType::I64 } else { elaborator.real };
                        Ok(elaborator.param(Type::new(dtype, shape), None).into())
                    }
                    Err(error) => Err(data_error(error, call.span_of("path"))),
                };
            }
            let array = npy::read_npy(&file).map_err(|error| data_error(error, call.span_of("path")))?;
            let shape = array.header.shape.clone();
            return Ok(match array.to_i64() {
                Some(ints) => TensorValue::constant(Tensor::from_vec(ints, &shape)).into(),
                None => reals(elaborator, array.to_f64(), &shape).into(),
            });
        }
        let path = |name: &str| -> Result<PathBuf> { Ok(self.input_path(&call.opt_str(name)?.expect("matched"))) };
        let (images, labels): (PathBuf, PathBuf) = (path("images")?, path("labels")?);
        if self.only_checks() && !images.exists() {
            let text = call.opt_str("images")?.expect("matched");
            self.warn_missing(elaborator, call, "images", &text);
            let [n, height, width] =
                ["rows", "height", "width"].map(|name| Dim::from(Symbol::new(name, SymbolKind::Data)));
            let x = unknown(elaborator, vec![n.clone(), 1.into(), height, width]);
            let t = unknown(elaborator, vec![n, 1.into()]);
            return Ok(Rows { x, t, extra: vec![] }.into_value());
        }
        if self.only_checks() {
            let header = idx::read_idx_header(&images).map_err(|error| data_error(error, call.span_of("images")))?;
            let [n, height, width] = header.shape[..] else {
                bail!(
                    E0502,
                    call.span_of("images"),
                    "images are an array with three axes, this has {}",
                    header.shape.len()
                )
            };
            let x = unknown(elaborator, vec![n.into(), 1.into(), height.into(), width.into()]);
            let t = unknown(elaborator, vec![n.into(), 1.into()]);
            return Ok(Rows { x, t, extra: vec![] }.into_value());
        }
        let read = idx::read_labelled_images(&images, &labels).map_err(|error| data_error(error, call.span))?;
        let x = reals(
            elaborator,
            read.pixels.iter().map(|&value| f64::from(value) / 255.0).collect(),
            &[read.n, 1, read.height, read.width],
        );
        let t = reals(elaborator, read.labels.iter().map(|&value| f64::from(value)).collect(), &[read.n, 1]);
        Ok(Rows { x, t, extra: vec![] }.into_value())
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
