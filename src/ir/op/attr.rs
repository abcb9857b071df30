//! Attributes of ops: what stands in braces after an op's name in the text form.

use std::borrow::Cow;

use super::TypeError;
use crate::ir::{Dim, FuncId};
use crate::tensor::Tensor;

/// The value of an attribute.
#[derive(Clone, PartialEq, Debug)]
pub enum Attr {
    /// `axis=1`.
    Int(i64),
    /// `perm=[1, 0]`.
    Ints(Vec<i64>),
    /// `value=0.5`.
    Real(f64),
    /// `kind="sum"`.
    Word(String),
    /// `length=n`.
    Dim(Dim),
    /// `shape=[n, 64]`.
    Dims(Vec<Dim>),
    /// `body=@step`.
    Func(FuncId),
    /// `value=f64[2](1.0, 2.0)`.
    Tensor(Tensor),
}

/// The attributes of an op, in the order they are written.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Attrs(pub Vec<(Cow<'static, str>, Attr)>);

impl Attrs {
    /// No attributes.
    pub fn none() -> Attrs {
        Attrs::default()
    }

    /// With one more.
    pub fn with(mut self, name: &'static str, value: Attr) -> Attrs {
        self.0.push((name.into(), value));
        self
    }

    /// With an int.
    pub fn int(self, name: &'static str, value: impl TryInto<i64>) -> Attrs {
        let Ok(value) = value.try_into() else { panic!("an attribute beyond 64 bits") };
        self.with(name, Attr::Int(value))
    }

    /// With ints.
    pub fn ints(self, name: &'static str, values: impl IntoIterator<Item = impl TryInto<i64>>) -> Attrs {
        let to_int = |value: _| match TryInto::<i64>::try_into(value) {
            Ok(value) => value,
            Err(_) => panic!("an attribute beyond 64 bits"),
        };
        self.with(name, Attr::Ints(values.into_iter().map(to_int).collect()))
    }

    /// With a word.
    pub fn word(self, name: &'static str, value: impl ToString) -> Attrs {
        self.with(name, Attr::Word(value.to_string()))
    }

    /// With a flag, as 0 or 1.
    pub fn flag(self, name: &'static str, value: bool) -> Attrs {
        self.with(name, Attr::Int(value.into()))
    }

    /// With a function.
    pub fn func(self, name: &'static str, func: FuncId) -> Attrs {
        self.with(name, Attr::Func(func))
    }

    /// With sizes.
    pub fn dims(self, name: &'static str, dims: &[Dim]) -> Attrs {
        self.with(name, Attr::Dims(dims.to_vec()))
    }

    fn take(&mut self, name: &str) -> Result<Attr, TypeError> {
        match self.0.iter().position(|(other, _)| *other == name) {
            Some(position) => Ok(self.0.remove(position).1),
            None => Err(TypeError(format!("the attribute `{name}` is missing"))),
        }
    }

    /// Takes out an int.
    pub fn take_int(&mut self, name: &str) -> Result<i64, TypeError> {
        match self.take(name)? {
            Attr::Int(value) => Ok(value),
            Attr::Dim(dim) => dim.as_const().ok_or_else(|| wrong(name, "an int")),
            _ => Err(wrong(name, "an int")),
        }
    }

    /// Takes out an int that is no less than 0.
    pub fn take_usize(&mut self, name: &str) -> Result<usize, TypeError> {
        usize::try_from(self.take_int(name)?).map_err(|_| wrong(name, "a positive int"))
    }

    /// Takes out a flag.
    pub fn take_flag(&mut self, name: &str) -> Result<bool, TypeError> {
        match self.take_int(name)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(wrong(name, "0 or 1")),
        }
    }

    /// Takes out a flag that is written only where it holds.
    pub fn take_mark(&mut self, name: &str) -> Result<bool, TypeError> {
        if self.0.iter().any(|(other, _)| *other == name) { self.take_flag(name) } else { Ok(false) }
    }

    /// Takes out ints.
    pub fn take_ints(&mut self, name: &str) -> Result<Vec<i64>, TypeError> {
        match self.take(name)? {
            Attr::Ints(values) => Ok(values),
            Attr::Dims(dims) => {
                dims.iter().map(|dim| dim.as_const()).collect::<Option<_>>().ok_or_else(|| wrong(name, "ints"))
            }
            _ => Err(wrong(name, "ints")),
        }
    }

    /// Takes out ints that are no less than 0.
    pub fn take_usizes(&mut self, name: &str) -> Result<Vec<usize>, TypeError> {
        let to_usize = |value: i64| usize::try_from(value).map_err(|_| wrong(name, "positive ints"));
        self.take_ints(name)?.into_iter().map(to_usize).collect()
    }

    /// Takes out a real.
    pub fn take_real(&mut self, name: &str) -> Result<f64, TypeError> {
        match self.take(name)? {
            Attr::Real(value) => Ok(value),
            Attr::Int(value) => Ok(value as f64),
            Attr::Dim(dim) => dim.as_const().map(|value| value as f64).ok_or_else(|| wrong(name, "a real")),
            _ => Err(wrong(name, "a real")),
        }
    }

    /// Takes out a word and reads it.
    pub fn take_word<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, TypeError> {
        match self.take(name)? {
            Attr::Word(word) => word.parse().map_err(|_| TypeError(format!("`{name}` cannot be {word}"))),
            _ => Err(wrong(name, "a word in quotes")),
        }
    }

    /// Takes out a size.
    pub fn take_dim(&mut self, name: &str) -> Result<Dim, TypeError> {
        match self.take(name)? {
            Attr::Dim(dim) => Ok(dim),
            Attr::Int(value) => Ok(Dim::constant(value)),
            _ => Err(wrong(name, "a size")),
        }
    }

    /// Takes out a size that is written only where there is one.
    pub fn take_dim_if_there(&mut self, name: &str) -> Result<Option<Dim>, TypeError> {
        if self.0.iter().any(|(other, _)| *other == name) { self.take_dim(name).map(Some) } else { Ok(None) }
    }

    /// Takes out sizes.
    pub fn take_dims(&mut self, name: &str) -> Result<Vec<Dim>, TypeError> {
        match self.take(name)? {
            Attr::Dims(dims) => Ok(dims),
            Attr::Ints(values) => Ok(values.into_iter().map(Dim::constant).collect()),
            _ => Err(wrong(name, "sizes")),
        }
    }

    /// Takes out a function.
    pub fn take_func(&mut self, name: &str) -> Result<FuncId, TypeError> {
        match self.take(name)? {
            Attr::Func(func) => Ok(func),
            _ => Err(wrong(name, "a function")),
        }
    }

    /// Takes out a tensor.
    pub fn take_tensor(&mut self, name: &str) -> Result<Tensor, TypeError> {
        match self.take(name)? {
            Attr::Tensor(tensor) => Ok(tensor),
            _ => Err(wrong(name, "a tensor")),
        }
    }
}

fn wrong(name: &str, wanted: &str) -> TypeError {
    TypeError(format!("the attribute `{name}` should be {wanted}"))
}
