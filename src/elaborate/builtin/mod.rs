//! The functions the language provides; everything else is Nabla, in `stdlib/`.
//!
//! A function is a row: its name, its signature as a user reads it, what it is, and how it is elaborated. `:help`, the
//! reference and the matching of arguments all read the row.
//!
//! | file | functions |
//! |---|---|
//! | `math` | elementwise: `exp log sin max(a, b) …` |
//! | `reduce` | over axes: `sum max argmax all cumsum sort …` |
//! | `shape` | `shape len reshape transpose concat stack …` |
//! | `create` | `zeros full eye …`, constants |
//! | `random` | `draw_uniform draw_normal permutation` |
//! | `linear` | `solve cholesky tri_solve` |
//! | `conv`, `slide` | windows over axes: `conv conv_transpose window_max …` |
//! | `pad` | `pad` |
//! | `einsum` | `einsum` |
//! | `control` | `map scan tree_map stop_gradient …` |
//! | `derive` | `grad hessian jvp deriv …` |
//! | `text` | `str`, values as text |
//! | `effects` | `print csv save …`: what only top-level statements do |
//! | `figures` | `plot heatmap filters …`: pictures |

mod control;
mod conv;
mod create;
mod data;
mod derive;
mod effects;
mod einsum;
mod figures;
mod join;
mod linear;
mod math;
mod pad;
mod random;
mod reduce;
mod scan;
mod shape;
mod slide;
mod text;

use std::rc::Rc;
use std::sync::OnceLock;

use super::call::Given;
use super::value::{TensorValue, Value};
use super::{Elaborator, Result, Scope};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::Arg;

pub use create::constants;
pub use data::row_parts;
pub use join::rows_of_both;
pub use text::format_value;

/// A function the language provides.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its parameters: `x, axis? , *, keepdims?`. A `?` may be left out, after `*` only by name.
    pub signature: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// How it is elaborated.
    pub kind: BuiltinKind,
    /// The signature taken apart.
    params: OnceLock<Vec<BuiltinParam>>,
}

/// How a built-in function is elaborated.
#[derive(Clone, Copy, Debug)]
pub enum BuiltinKind {
    /// From the values of its arguments.
    Plain(fn(&mut Elaborator, Call) -> Result<Value>),
    /// From its arguments as they are written, some of which are names and not values.
    Form(fn(&mut Elaborator, &[Arg], &Rc<Scope>, Span) -> Result<Value>),
    /// From the values of arguments with any names.
    Open(fn(&mut Elaborator, Vec<Given>, Span) -> Result<Value>),
    /// By the host: it reads, writes or trains.
    Effect,
}

/// A parameter of a built-in function.
#[derive(Debug)]
pub struct BuiltinParam {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it can only be given by name.
    pub keyword_only: bool,
}

impl Builtin {
    const fn new(name: &'static str, signature: &'static str, doc: &'static str, kind: BuiltinKind) -> Builtin {
        Builtin { name, signature, doc, kind, params: OnceLock::new() }
    }

    /// Whether it does more than compute, so that only the host calls it.
    pub fn has_effect(&self) -> bool {
        match self.kind {
            BuiltinKind::Effect | BuiltinKind::Open(_) => true,
            BuiltinKind::Plain(_) => false,
            BuiltinKind::Form(_) => ["derive", "plot"].contains(&self.name),
        }
    }

    /// Its parameters.
    pub fn params(&self) -> &[BuiltinParam] {
        self.params.get_or_init(|| {
            let mut keyword_only = false;
            let mut params = vec![];
            for word in self.signature.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                if word == "*" {
                    keyword_only = true;
                } else {
                    let name = word.trim_end_matches('?');
                    params.push(BuiltinParam { name, required: name == word, keyword_only });
                }
            }
            params
        })
    }
}

/// A call of a built-in function, its arguments in the order of its parameters.
#[derive(Debug)]
pub struct Call {
    /// The function.
    pub builtin: &'static Builtin,
    /// What was given for each parameter.
    pub values: Vec<Option<Given>>,
    /// The whole call.
    pub span: Span,
}

impl Call {
    fn slot(&self, name: &str) -> Option<&Given> {
        let position = self.builtin.params().iter().position(|param| param.name == name);
        self.values[position.unwrap_or_else(|| panic!("`{}` has no parameter `{name}`", self.builtin.name))].as_ref()
    }

    /// An argument that may be left out.
    pub fn opt(&self, name: &str) -> Option<&Value> {
        self.slot(name).map(|given| &given.value)
    }

    /// An argument that was matched to be there.
    pub fn arg(&self, name: &str) -> &Value {
        self.opt(name).unwrap_or_else(|| panic!("the argument `{name}` was matched"))
    }

    /// Where an argument stands; the call, if it was left out.
    pub fn span_of(&self, name: &str) -> Span {
        self.slot(name).map_or(self.span, |given| given.span)
    }

    /// An argument that must be a tensor.
    pub fn tensor(&self, name: &str) -> Result<&TensorValue> {
        self.as_tensor(name, self.arg(name))
    }

    /// A tensor that may be left out.
    pub fn opt_tensor(&self, name: &str) -> Result<Option<&TensorValue>> {
        self.opt(name).map(|value| self.as_tensor(name, value)).transpose()
    }

    fn as_tensor<'a>(&self, name: &str, value: &'a Value) -> Result<&'a TensorValue> {
        match value {
            Value::Tensor(tensor) => Ok(tensor),
            other => bail!(
                E0303,
                self.span_of(name),
                "`{}` of `{}` needs a number or a tensor, got {}",
                name,
                self.builtin.name,
                other.kind_text()
            ),
        }
    }

    /// An argument that must be a function (or a model).
    pub fn func(&self, name: &str) -> Result<&Value> {
        match self.arg(name) {
            value @ Value::Func(_) => Ok(value),
            Value::Record(record) if matches!(record.kind, super::RecordKind::Model(_)) => Ok(self.arg(name)),
            other => bail!(
                E0303,
                self.span_of(name),
                "`{}` of `{}` needs a function, got {}",
                name,
                self.builtin.name,
                other.kind_text()
            ),
        }
    }

    /// A string that is known.
    pub fn opt_str(&self, name: &str) -> Result<Option<Rc<str>>> {
        match self.opt(name) {
            None => Ok(None),
            Some(Value::Str(Some(text))) => Ok(Some(text.clone())),
            Some(Value::Str(None)) => bail!(E0305, self.span_of(name), "`{}` must be known before anything runs", name),
            Some(other) => bail!(
                E0303,
                self.span_of(name),
                "`{}` of `{}` needs a string, got {}",
                name,
                self.builtin.name,
                other.kind_text()
            ),
        }
    }

    /// A truth value that is known; false if left out.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.opt(name) {
            None => Ok(false),
            Some(value) => match value.as_tensor().and_then(TensorValue::as_bool) {
                Some(truth) => Ok(truth),
                None => bail!(
                    E0303,
                    self.span_of(name),
                    "`{}` of `{}` needs `true` or `false`, got {}",
                    name,
                    self.builtin.name,
                    value.kind_text()
                ),
            },
        }
    }

    /// An int that is known by now.
    pub fn opt_int(&self, name: &str) -> Result<Option<i64>> {
        match self.opt(name) {
            None => Ok(None),
            Some(value) => match value.as_tensor().and_then(TensorValue::as_int) {
                Some(number) => Ok(Some(number)),
                None => bail!(
                    E0303,
                    self.span_of(name),
                    "`{}` of `{}` needs an int that is known here, got {}",
                    name,
                    self.builtin.name,
                    value.kind_text()
                ),
            },
        }
    }

    /// A real that is known by now.
    pub fn opt_f64(&self, name: &str) -> Result<Option<f64>> {
        match self.opt(name) {
            None => Ok(None),
            Some(value) => match value.as_tensor().and_then(TensorValue::as_f64) {
                Some(number) => Ok(Some(number)),
                None => bail!(
                    E0303,
                    self.span_of(name),
                    "`{}` of `{}` needs a number that is known here, got {}",
                    name,
                    self.builtin.name,
                    value.kind_text()
                ),
            },
        }
    }
}

/// Every built-in function.
pub fn all() -> impl Iterator<Item = &'static Builtin> {
    let tables: [&'static [Builtin]; 15] = [
        &math::TABLE,
        &reduce::TABLE,
        &shape::TABLE,
        &create::TABLE,
        &random::TABLE,
        &linear::TABLE,
        &conv::TABLE,
        &pad::TABLE,
        &einsum::TABLE,
        &control::TABLE,
        &derive::TABLE,
        &text::TABLE,
        &effects::TABLE,
        &data::TABLE,
        &figures::TABLE,
    ];
    tables.into_iter().flatten()
}

/// The built-in function of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    all().find(|builtin| builtin.name == name)
}

/// Which axes a call means: `axis = 1`, `axis = (0, 2)`, or the name of an axis; none if left out.
pub fn axes_of(call: &Call, x: &TensorValue) -> Result<Option<Vec<usize>>> {
    let Some(value) = call.opt("axis") else { return Ok(None) };
    let at = call.span_of("axis");
    let items = match value {
        Value::Tuple(items) => items.to_vec(),
        Value::Tensor(tensor) if tensor.rank() == 1 => match tensor.known() {
            Some(known) => (0..known.len()).map(|idx| TensorValue::int(known.get_f64(idx) as i64).into()).collect(),
            None => bail!(E0306, at, "an axis must be known here"),
        },
        other => vec![other.clone()],
    };
    let mut axes = vec![];
    for item in &items {
        let axis = axis_of(item, x, at)?;
        if axes.contains(&axis) {
            bail!(E0306, at, "axis {} is named twice", axis)
        }
        axes.push(axis);
    }
    Ok(Some(axes))
}

/// The one axis a value means in a tensor: a position, from the end if negative, or a name of its signature.
pub fn axis_of(value: &Value, x: &TensorValue, at: Span) -> Result<usize> {
    let Some(tensor) = value.as_tensor() else {
        bail!(E0306, at, "an axis is an int or a name from a signature, got {}", value.kind_text())
    };
    if let Some(label) = tensor.axis_label() {
        let found: Vec<usize> = (0..x.rank()).filter(|&axis| x.ty.shape[axis].label() == Some(label)).collect();
        if let [axis] = found[..] {
            return Ok(axis);
        }
        if tensor.as_int().is_none() {
            bail!(E0306, at, "`{}` names {} axes of {}", label.name(), found.len(), super::value::type_text(&x.ty);
                  help: "give the axis as a number, 0 is the first")
        }
    }
    let Some(number) = tensor.as_int() else {
        bail!(E0306, at, "an axis must be known before anything runs, got {}", value.kind_text())
    };
    let rank = x.rank() as i64;
    if number < -rank || number >= rank {
        let help = match rank {
            0 => "a scalar has no axes".to_string(),
            1 => "it has only axis 0".to_string(),
            _ => format!("it has the axes 0 to {}", rank - 1),
        };
        bail!(E0306, at, "there is no axis {} in {}", number, super::value::type_text(&x.ty); help: "{}", help)
    }
    Ok(number.rem_euclid(rank) as usize)
}
