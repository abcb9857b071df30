//! Values while a script is elaborated: what is known of them, and what stays for run time.
//!
//! Structure is always known: whether a value is a tensor, a tuple, a record or a function, and the shape of every tensor
//! up to symbolic sizes. A tensor's elements are known ([`Repr::Const`]), known as a size ([`Repr::Size`]), or a value of
//! a graph under construction ([`Repr::Node`]).

use std::rc::Rc;

use super::function::Function;
use crate::ir::{Dim, Symbol, Type, ValueId};
use crate::syntax::ast::Name;
use crate::tensor::{DType, Tensor};

/// A value of the language.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number or a tensor.
    Tensor(TensorValue),
    /// A string; none while checking, if it depends on what is not known.
    Str(Option<Rc<str>>),
    /// `(a, b)`, and `[a, b]` of anything but numbers and tensors.
    Tuple(Rc<Vec<Value>>),
    /// `{a: 1}`, a model, a dataset, a run: named fields.
    Record(Rc<Record>),
    /// Something that can be called.
    Func(Rc<Function>),
    /// The value of a statement that has none.
    Unit,
    /// The value of something that was wrong and has been reported: whatever uses it stays silent.
    Poisoned,
}

/// A number or a tensor of numbers.
#[derive(Clone, Debug)]
pub struct TensorValue {
    /// Its type; the sizes carry the names their axes have in the signatures around.
    pub ty: Type,
    /// What is known of it.
    pub repr: Repr,
}

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub enum Repr {
    /// Its elements.
    Const(Tensor),
    /// It is an int scalar, and this size.
    Size(Dim),
    /// It is a value of the trace on this level.
    Node {
        /// The level of the trace.
        level: usize,
        /// The value in its graph.
        id: ValueId,
    },
}

/// Named fields, and what they mean together.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the record is to the user.
    pub kind: RecordKind,
    /// The fields in order.
    pub fields: Vec<(Name, Value)>,
}

/// What a record is to the user.
#[derive(Clone, Debug)]
pub enum RecordKind {
    /// `{a: 1}`.
    Plain,
    /// Row tensors `x` and `t`, with `columns`, `classes` and `scaling` where known.
    Dataset,
    /// Named parts of a dataset.
    Split,
    /// `params`, `state`, `seed` and `step` of this net, its hyper-parameters bound.
    Model(Rc<Function>),
    /// The same, applied as in a training step: what a `loss` is given.
    TrainingModel(Rc<Function>),
    /// `state` and `count` of steps of this optimizer, its hyper-parameters bound.
    Optimizer(Rc<Function>),
    /// What `train` gives.
    Run(Rc<Training>),
    /// The rows a training reported.
    History,
    /// The names of a module.
    Module(Name),
    /// The batches of a dataset: `rows`, `size`, `count`, `order`.
    Batches,
    /// A rule that ends a training early.
    StopRule,
    /// A rule that writes the model of a training to a file from time to time.
    SaveRule,
    /// How rows are cut for cross validation.
    Folds,
    /// What `search` gives.
    Search,
    /// Columns of one length, by name.
    Table,
    /// A picture to be drawn.
    Figure,
}

/// What a run remembers of its training, so that `evaluate(run, data)` can use the same cost and metrics, and its equations
/// can be written.
#[derive(Debug)]
pub struct Training {
    /// The cost: a function of prediction and target, if one was given.
    pub cost: Option<Value>,
    /// The loss: a function of model and data, if that was given.
    pub loss: Option<Value>,
    /// The metrics, by name.
    pub metrics: Vec<(Name, Value)>,
    /// The types of the tensors it is trained on.
    pub data: Vec<Type>,
    /// The penalties: functions of parameters and a number, and that number.
    pub penalties: Vec<(Value, Value)>,
    /// The parameters that are not trained, by their paths.
    pub frozen: Option<Value>,
}

impl RecordKind {
    /// Whether two records are of one kind, so that one may take the place of the other.
    pub fn same(&self, other: &RecordKind) -> bool {
        match (self, other) {
            (RecordKind::Model(a), RecordKind::Model(b))
            | (RecordKind::TrainingModel(a), RecordKind::TrainingModel(b))
            | (RecordKind::Optimizer(a), RecordKind::Optimizer(b)) => Rc::ptr_eq(a, b) || a.same_definition(b),
            (RecordKind::Module(a), RecordKind::Module(b)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Record {
    /// A field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(other, _)| &**other == name).map(|(_, value)| value)
    }

    /// The same record with a field changed or added.
    pub fn with(&self, name: &str, value: Value) -> Record {
        let mut record = self.clone();
        match record.fields.iter_mut().find(|(other, _)| &**other == name) {
            Some((_, slot)) => *slot = value,
            None => record.fields.push((name.into(), value)),
        }
        record
    }
}

impl TensorValue {
    /// A tensor whose elements are known.
    pub fn constant(tensor: Tensor) -> TensorValue {
        if tensor.dtype() == DType::I64 && tensor.shape().is_empty() {
            return TensorValue::size(Dim::constant(tensor.to_i64()));
        }
        let shape = tensor.shape().iter().map(|&size| size.into()).collect();
        TensorValue { ty: Type::new(tensor.dtype(), shape), repr: Repr::Const(tensor) }
    }

    /// An int that is a size.
    pub fn size(dim: Dim) -> TensorValue {
        TensorValue { ty: Type::scalar(DType::I64), repr: Repr::Size(dim) }
    }

    /// An int.
    pub fn int(number: i64) -> TensorValue {
        TensorValue::size(Dim::constant(number))
    }

    /// A real of the precision of hyper-parameters.
    pub fn real(number: f64) -> TensorValue {
        TensorValue::constant(Tensor::scalar(DType::F64, number))
    }

    /// A truth value.
    pub fn bool(truth: bool) -> TensorValue {
        TensorValue::constant(Tensor::from_vec(vec![truth], &[]))
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.ty.rank()
    }

    /// Its size, if it is an int scalar that is one.
    pub fn as_size(&self) -> Option<&Dim> {
        match &self.repr {
            Repr::Size(dim) => Some(dim),
            Repr::Const(_) | Repr::Node { .. } => None,
        }
    }

    /// Its number, if it is an int scalar known by now.
    pub fn as_int(&self) -> Option<i64> {
        self.as_size().and_then(Dim::known)
    }

    /// Whether it is one int, known by now or not.
    pub fn is_int(&self) -> bool {
        self.ty == Type::scalar(DType::I64)
    }

    /// Its truth value, if it is a bool scalar known by now.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.repr {
            Repr::Const(tensor) if self.ty == Type::scalar(DType::Bool) => Some(tensor.to_bool()),
            _ => None,
        }
    }

    /// Its number, if it is a scalar known by now.
    pub fn as_f64(&self) -> Option<f64> {
        match &self.repr {
            Repr::Const(tensor) if self.ty.is_scalar() && self.ty.dtype.is_real() => Some(tensor.to_f64()),
            Repr::Size(dim) => dim.known().map(|number| number as f64),
            Repr::Const(_) | Repr::Node { .. } => None,
        }
    }

    /// The name of the axis it stands for, where it is a size named in a signature.
    pub fn axis_label(&self) -> Option<&Symbol> {
        self.as_size().and_then(Dim::label)
    }

    /// Its elements, if they are known by now.
    pub fn known(&self) -> Option<Tensor> {
        match &self.repr {
            Repr::Const(tensor) => Some(tensor.clone()),
            Repr::Size(dim) => dim.known().map(Tensor::from_i64),
            Repr::Node { .. } => None,
        }
    }
}

impl From<TensorValue> for Value {
    fn from(value: TensorValue) -> Value {
        Value::Tensor(value)
    }
}

impl Value {
    /// A string that is known.
    pub fn str(text: impl Into<Rc<str>>) -> Value {
        Value::Str(Some(text.into()))
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Rc::new(items))
    }

    /// A record of this kind.
    pub fn record(kind: RecordKind, fields: Vec<(Name, Value)>) -> Value {
        Value::Record(Rc::new(Record { kind, fields }))
    }

    /// A plain record.
    pub fn plain(fields: Vec<(Name, Value)>) -> Value {
        Value::record(RecordKind::Plain, fields)
    }

    /// The tensor, if it is one.
    pub fn as_tensor(&self) -> Option<&TensorValue> {
        match self {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The record, if it is one.
    pub fn as_record(&self) -> Option<&Rc<Record>> {
        match self {
            Value::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The function, if it is one.
    pub fn as_func(&self) -> Option<&Rc<Function>> {
        match self {
            Value::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The string, if it is one that is known.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(Some(text)) => Some(text),
            _ => None,
        }
    }

    /// Its type as a user reads it: `real[n, 64]`, `(int, real)`, `model of mlp`.
    pub fn type_text(&self) -> String {
        match self {
            Value::Tensor(tensor) => type_text(&tensor.ty),
            Value::Str(_) => "str".into(),
            Value::Tuple(items) => {
                let inner: Vec<String> = items.iter().map(Value::type_text).collect();
                format!("({}{})", inner.join(", "), if items.len() == 1 { "," } else { "" })
            }
            Value::Record(record) => match &record.kind {
                RecordKind::Plain => {
                    let field = |(name, value): &(Name, Value)| format!("{name}: {}", value.type_text());
                    format!("{{{}}}", record.fields.iter().map(field).collect::<Vec<_>>().join(", "))
                }
                RecordKind::Dataset => "dataset".into(),
                RecordKind::Split => "split data".into(),
                RecordKind::Model(net) | RecordKind::TrainingModel(net) => format!("model of {}", net.name()),
                RecordKind::Optimizer(optimizer) => format!("optimizer value of {}", optimizer.name()),
                RecordKind::Run(_) => "run".into(),
                RecordKind::History => "history".into(),
                RecordKind::Module(name) => format!("module {name}"),
                RecordKind::Batches => "batches".into(),
                RecordKind::StopRule => "stopping rule".into(),
                RecordKind::SaveRule => "saving rule".into(),
                RecordKind::Folds => "rule for folds".into(),
                RecordKind::Search => "search result".into(),
                RecordKind::Table => "table".into(),
                RecordKind::Figure => "figure".into(),
            },
            Value::Func(func) => func.kind_text(),
            Value::Unit => "nothing".into(),
            Value::Poisoned => "unknown".into(),
        }
    }

    /// What kind of thing it is, with an article: `a tensor`, `a function`.
    pub fn kind_text(&self) -> String {
        match self {
            Value::Tensor(tensor) if tensor.rank() == 0 => format!("{} {}", article(&tensor.ty), type_text(&tensor.ty)),
            Value::Tensor(tensor) => format!("a tensor {}", type_text(&tensor.ty)),
            Value::Str(_) => "a string".into(),
            Value::Tuple(_) => "a tuple".into(),
            Value::Record(record) => match record.kind {
                RecordKind::Plain => "a record".into(),
                RecordKind::Optimizer(_) => format!("an {}", self.type_text()),
                _ => format!("a {}", self.type_text()),
            },
            Value::Func(func) => format!("a {}", func.kind_text()),
            Value::Unit => "nothing".into(),
            Value::Poisoned => "unknown".into(),
        }
    }
}

fn article(ty: &Type) -> &'static str {
    if ty.dtype == DType::I64 { "an" } else { "a" }
}

/// An IR type in the language's words: `real[n, 64]`.
pub fn type_text(ty: &Type) -> String {
    let base = match ty.dtype {
        DType::F32 | DType::F64 => "real",
        DType::I64 => "int",
        DType::Bool => "bool",
        DType::Key => "key",
    };
    if ty.is_scalar() { base.into() } else { format!("{base}{}", shape_text(&ty.shape)) }
}

/// A shape as a user reads it: `[n, 64]`.
pub fn shape_text(shape: &[Dim]) -> String {
    let sizes: Vec<String> = shape.iter().map(|dim| dim.resolve().to_string()).collect();
    format!("[{}]", sizes.join(", "))
}
