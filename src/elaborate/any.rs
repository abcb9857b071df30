//! Inputs that stand for any, where a definition alone does not state them: those of a loss, which are the parts of the data,
//! and those of a plain function, which are numbers unless it says otherwise.

use super::call::def_name;
use super::function::Closure;
use super::signature::Sizes;
use super::tree::{Structure, unflatten};
use super::value::{TensorValue, Value};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::{Dim, Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::{Name, Param};

impl Elaborator {
    /// What a loss takes behind the model: of the stated types, else of those that the parts of `data` have, for any number
    /// of rows.
    pub fn loss_inputs(&mut self, loss: &Closure, data: Option<&[Type]>, span: Span) -> Result<Vec<(Name, Value)>> {
        let parts = data.unwrap_or_default();
        let before = self.enter(span);
        let inputs = self.in_scratch(|elaborator| {
            let mut sizes = elaborator.body_scope(loss);
            let rows: Dim = Symbol::new("n", SymbolKind::Rigid).into();
            let params = loss.def.lists.last().map(|list| list.get(1..).unwrap_or_default()).unwrap_or_default();
            let mut inputs = vec![];
            for (idx, param) in params.iter().enumerate() {
                // What is left out in the training has its default.
                if param.default.is_some() && (data.is_none() || idx >= parts.len()) {
                    break;
                }
                let value = match (elaborator.stated(param, &mut sizes)?, parts.get(idx)) {
                    (Some(value), _) => value,
                    (None, Some(part)) => {
                        let mut shape = part.shape.clone();
                        shape.first_mut().into_iter().for_each(|size| *size = rows.clone());
                        elaborator.param(Type::new(part.dtype, shape), Some(param.name.name.clone())).into()
                    }
                    (None, None) => {
                        bail!(E0402, param.name.span, "the part `{}` of the data needs a stated type", param.name.name;
                                          help: "`{}: real[n, 2]`: the first axis is that of the rows", param.name.name)
                    }
                };
                inputs.push((param.name.name.clone(), value));
            }
            Ok(inputs)
        });
        self.leave(before);
        inputs
    }

    /// What a function takes: of the stated types, a number where none is stated; what has a default is left out.
    pub fn function_inputs(&mut self, closure: &Closure, span: Span) -> Result<Vec<(Name, Value)>> {
        let before = self.enter(span);
        let inputs = self.in_scratch(|elaborator| {
            let mut sizes = elaborator.body_scope(closure);
            let mut inputs = vec![];
            let params = closure.def.lists.last().into_iter().flatten();
            for param in params.take_while(|param| param.default.is_none() || param.ty.is_some()) {
                let value = match (elaborator.stated(param, &mut sizes)?, &param.ty) {
                    (Some(value), _) => value,
                    (None, None) => {
                        elaborator.param(Type::scalar(elaborator.real), Some(param.name.name.clone())).into()
                    }
                    (None, Some(_)) => bail!(E0402, param.name.span, "the input `{}` of `{}` needs a type with known axes", param.name.name,
                                             def_name(&closure.def); help: "`{}: real[n, 3]`", param.name.name),
                };
                inputs.push((param.name.name.clone(), value));
            }
            Ok(inputs)
        });
        self.leave(before);
        inputs
    }

    /// Values of these types in this structure, for their types alone.
    pub fn any_values(&mut self, types: &[Type], structure: &Structure) -> Result<Value> {
        self.in_scratch(|elaborator| {
            let leaves: Vec<TensorValue> = types.iter().map(|ty| elaborator.param(ty.clone(), None)).collect();
            Ok(unflatten(structure, leaves))
        })
    }

    fn stated(&mut self, param: &Param, sizes: &mut Sizes) -> Result<Option<Value>> {
        match &param.ty {
            Some(ty) => self.any_value(&param.name.name, ty, sizes),
            None => Ok(None),
        }
    }
}

/// The types of the row tensors of what a net is trained on.
pub fn row_types(data: &Value) -> Vec<Type> {
    let ty = |value: &Value| value.as_tensor().map(|tensor| tensor.ty.clone());
    match data {
        Value::Record(record) => match record.get("train") {
            Some(part) => row_types(part),
            None => ["x", "t"].iter().filter_map(|name| ty(record.get(name)?)).collect(),
        },
        Value::Tuple(items) => items.iter().filter_map(ty).collect(),
        other => ty(other).into_iter().collect(),
    }
}
