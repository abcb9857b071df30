//! Lists and ranges: tensors put together from their parts.

use std::rc::Rc;

use super::numeric::Operand;
use super::scope::Scope;
use super::value::{TensorValue, Value, type_text};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::op::Concat;
use crate::ir::{Decision, Dim};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr};
use crate::tensor::{DType, Tensor};

/// The longest range whose ints are known while checking.
const KNOWN_RANGE: i64 = 64;

impl Elaborator {
    /// `[a, b]`: a tensor of numbers or of equal-shaped tensors, else a tuple.
    pub(super) fn list(&mut self, items: &[Expr], scope: &Rc<Scope>, span: Span) -> Result<Value> {
        let values = items.iter().map(|item| self.expr(item, scope)).collect::<Result<Vec<_>>>()?;
        let Some(tensors) = values.iter().map(|value| value.as_tensor().cloned()).collect::<Option<Vec<_>>>() else {
            return Ok(Value::tuple(values));
        };
        if tensors.is_empty() {
            let empty = Tensor::from_vec(Vec::<f64>::new(), &[0]);
            return Ok(TensorValue::constant(empty.convert(self.real)).into());
        }
        let first = tensors[0].ty.shape.clone();
        for (item, tensor) in items.iter().zip(&tensors) {
            let fits = tensor.rank() == first.len()
                && tensor.ty.shape.iter().zip(&first).all(|(a, b)| a.compare(b) != Decision::Different);
            if !fits {
                bail!(E0309, span, "the parts of a list need one shape, got {} and {}", type_text(&tensors[0].ty), type_text(&tensor.ty);
                      label: items[0].span, "{}", type_text(&tensors[0].ty); label: item.span, "{}", type_text(&tensor.ty))
            }
        }
        Ok(self.stack(&tensors, 0, span)?.into())
    }

    /// Tensors of one shape along a new axis.
    pub fn stack(&mut self, tensors: &[TensorValue], axis: usize, span: Span) -> Result<TensorValue> {
        let dtype = self.common_dtype(tensors, span)?;
        let mut shape = tensors[0].ty.shape.clone();
        let target = shape.clone();
        shape.insert(axis, 1.into());
        if shape.len() == 1
            && let Some(known) = tensors.iter().map(TensorValue::known).collect::<Option<Vec<_>>>()
        {
            // A vector of known numbers is put together here, however long it is.
            let numbers: Vec<f64> = known.iter().map(|tensor| tensor.get_f64(0)).collect();
            let vector = match dtype {
                DType::I64 => Tensor::from_vec(known.iter().map(Tensor::to_i64).collect::<Vec<i64>>(), &[known.len()]),
                DType::Bool => {
                    Tensor::from_vec(known.iter().map(Tensor::to_bool).collect::<Vec<bool>>(), &[known.len()])
                }
                DType::F32 | DType::F64 | DType::Key => Tensor::from_vec(numbers, &[known.len()]).convert(dtype),
            };
            return Ok(TensorValue::constant(vector));
        }
        let mut rows = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let tensor = self.convert(tensor, dtype)?;
            let tensor =
                if tensor.ty.shape == target { tensor } else { self.refine(&tensor, &target, "the sizes of a list")? };
            rows.push(self.reshape(&tensor, &shape)?);
        }
        let mut result = if rows.len() == 1 { rows.remove(0) } else { self.emit(Concat { axis }, &rows)? };
        let mut labelled = target;
        labelled.insert(axis, Dim::constant(tensors.len() as i64));
        result.ty.shape = labelled;
        Ok(result)
    }

    /// The element type tensors get when they are put together: ints beside reals become reals.
    pub fn common_dtype(&self, tensors: &[TensorValue], span: Span) -> Result<DType> {
        let has = |dtype: DType| tensors.iter().any(|tensor| tensor.ty.dtype == dtype);
        let real = has(DType::F32) || has(DType::F64);
        if has(DType::Bool) && (real || has(DType::I64)) || has(DType::Key) {
            bail!(E0309, span, "numbers and truth values cannot be put together")
        }
        Ok(match (has(DType::Bool), real) {
            (true, _) => DType::Bool,
            (false, true) => self.real,
            (false, false) => DType::I64,
        })
    }

    /// An int at the end of a range or a slice.
    pub fn int_bound(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Result<TensorValue> {
        match self.expr(expr, scope)? {
            Value::Tensor(tensor) if tensor.ty.is_scalar() && tensor.ty.dtype == DType::I64 => Ok(tensor),
            other => bail!(E0303, expr.span, "this must be an int, got {}", other.kind_text()),
        }
    }

    /// The ints from `a` up to, not including, `b`.
    pub fn range(&mut self, a: &TensorValue, b: &TensorValue, span: Span) -> Result<Value> {
        let (Some(start), Some(end)) = (a.as_size(), b.as_size()) else {
            bail!(E0308, span, "the ends of a range must be known before it is made"; help: "use `while`, or a range of a fixed length")
        };
        let Some(length) = end.sub(start) else { bail!(E0106, span, "this range does not fit 64 bits") };
        let length = if length.known().is_some_and(|length| length < 0) { Dim::constant(0) } else { length };
        if let (Some(first), Some(count)) = (start.known(), length.known())
            && count <= KNOWN_RANGE
        {
            // Known while checking too: `axis = 0..rank(x)` names axes.
            let ints: Vec<i64> = (first..first + count).collect();
            return Ok(TensorValue::constant(Tensor::from_vec(ints, &[count as usize])).into());
        }
        let counted = self.emit(crate::ir::op::Iota { shape: vec![length], axis: 0 }, &[])?;
        if start.known() == Some(0) {
            return Ok(counted.into());
        }
        let at = |value| Operand { value, span };
        Ok(self.binary(BinaryOp::Add, at(&counted), at(a), span)?.into())
    }
}
