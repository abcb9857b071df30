//! Operators on numbers and tensors: element types, the three broadcasting rules, matrix products.

use super::value::{Repr, TensorValue, Value, type_text};
use super::{Elaborator, Result};
use crate::bail;
use crate::ir::op::{Broadcast, Contract, Convert, MapOp, PowI, Refine, Reshape, Transpose};
use crate::ir::{Decision, Dim, Type};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, UnaryOp};
use crate::tensor::DType;

/// A tensor operand where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its value.
    pub value: &'a TensorValue,
    /// Where it stands.
    pub span: Span,
}

impl Elaborator {
    /// An operator before its operand.
    pub fn unary(&mut self, op: UnaryOp, value: &Value, span: Span) -> Result<Value> {
        let Value::Tensor(x) = value else {
            bail!(E0305, span, "`{}` is not possible with {}", unary_symbol(op), value.kind_text())
        };
        match (op, x.ty.dtype) {
            (UnaryOp::Neg, DType::I64) if x.as_size().is_some() => {
                let negative = x.as_size().and_then(|size| size.mul(&Dim::constant(-1)));
                match negative {
                    Some(dim) => Ok(TensorValue::size(dim).into()),
                    None => bail!(E0106, span, "this number does not fit 64 bits"),
                }
            }
            (UnaryOp::Neg, DType::F32 | DType::F64 | DType::I64) => {
                Ok(self.emit(MapOp::Neg, std::slice::from_ref(x))?.into())
            }
            (UnaryOp::Not, DType::Bool) => Ok(self.emit(MapOp::Not, std::slice::from_ref(x))?.into()),
            (UnaryOp::Neg, DType::Bool | DType::Key) | (UnaryOp::Not, _) => {
                bail!(E0303, span, "`{}` does not take {}", unary_symbol(op), value.kind_text())
            }
        }
    }

    /// An operator between two tensors.
    pub fn binary(&mut self, op: BinaryOp, a: Operand, b: Operand, span: Span) -> Result<TensorValue> {
        use BinaryOp as B;
        match op {
            B::MatMul => self.matmul(a, b, span),
            B::Pow => self.power(a, b, span),
            B::Add | B::Sub | B::Mul => {
                if let Some(size) = self.size_arithmetic(op, a, b, span)? {
                    return Ok(size);
                }
                let (a2, b2) = self.promote(op.symbol(), a, b, span)?;
                let map = match op {
                    B::Add => MapOp::Add,
                    B::Sub => MapOp::Sub,
                    _ => MapOp::Mul,
                };
                self.elementwise(map, op.symbol(), [a2, b2], [a.span, b.span], span)
            }
            B::Div => {
                let (a2, b2) = (self.to_real(a.value)?, self.to_real(b.value)?);
                let (a2, b2) = self.promote("/", Operand { value: &a2, ..a }, Operand { value: &b2, ..b }, span)?;
                self.elementwise(MapOp::Div, "/", [a2, b2], [a.span, b.span], span)
            }
            B::FloorDiv | B::Rem => {
                let symbol = op.symbol();
                for operand in [a, b] {
                    if operand.value.ty.dtype != DType::I64 {
                        bail!(E0303, span, "`{}` is for ints, got {} and {}", symbol, type_text(&a.value.ty), type_text(&b.value.ty);
                              label: operand.span, "{}", type_text(&operand.value.ty); help: "`/` divides reals")
                    }
                }
                if let Some(size) = self.size_arithmetic(op, a, b, span)? {
                    return Ok(size);
                }
                let map = if op == B::FloorDiv { MapOp::FloorDiv } else { MapOp::Rem };
                self.elementwise(map, symbol, [a.value.clone(), b.value.clone()], [a.span, b.span], span)
            }
            B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge => {
                if let (Some(x), Some(y)) = (a.value.as_int(), b.value.as_int()) {
                    return Ok(TensorValue::bool(compare(op, x, y)));
                }
                let both_bool = a.value.ty.dtype == DType::Bool && b.value.ty.dtype == DType::Bool;
                let (a2, b2) = if both_bool && matches!(op, B::Eq | B::Ne) {
                    (a.value.clone(), b.value.clone())
                } else {
                    self.promote(op.symbol(), a, b, span)?
                };
                let map = match op {
                    B::Eq => MapOp::Eq,
                    B::Ne => MapOp::Ne,
                    B::Lt => MapOp::Lt,
                    B::Le => MapOp::Le,
                    B::Gt => MapOp::Gt,
                    _ => MapOp::Ge,
                };
                self.elementwise(map, op.symbol(), [a2, b2], [a.span, b.span], span)
            }
            B::And | B::Or => {
                for operand in [a, b] {
                    if operand.value.ty.dtype != DType::Bool {
                        bail!(
                            E0303,
                            operand.span,
                            "`{}` takes truth values, this is {}",
                            op.symbol(),
                            type_text(&operand.value.ty)
                        )
                    }
                }
                let map = if op == B::And { MapOp::And } else { MapOp::Or };
                self.elementwise(map, op.symbol(), [a.value.clone(), b.value.clone()], [a.span, b.span], span)
            }
        }
    }

    /// Arithmetic on ints that are sizes stays a size.
    fn size_arithmetic(&mut self, op: BinaryOp, a: Operand, b: Operand, span: Span) -> Result<Option<TensorValue>> {
        let (Some(x), Some(y)) = (a.value.as_size(), b.value.as_size()) else { return Ok(None) };
        let result = match op {
            BinaryOp::Add => x.add(y),
            BinaryOp::Sub => x.sub(y),
            BinaryOp::Mul => x.mul(y),
            BinaryOp::FloorDiv | BinaryOp::Rem if y.known() == Some(0) => {
                bail!(E0305, span, "division by zero"; label: b.span, "this is 0")
            }
            BinaryOp::FloorDiv => x.floor_div(y),
            BinaryOp::Rem => x.rem(y),
            _ => return Ok(None),
        };
        match result {
            Some(dim) => Ok(Some(TensorValue::size(dim))),
            None => {
                bail!(E0106, span, "the result does not fit an int of 64 bits"; help: "write one of the numbers as a real: `2.0`")
            }
        }
    }

    fn power(&mut self, a: Operand, b: Operand, span: Span) -> Result<TensorValue> {
        if let (Some(exponent), DType::I64) = (b.value.as_int(), a.value.ty.dtype)
            && exponent >= 0
        {
            if let Some(base) = a.value.as_size() {
                let mut power = Some(Dim::constant(1));
                for _ in 0..exponent.min(64) {
                    power = power.and_then(|power| power.mul(base));
                }
                let trivial = base.known().is_some_and(|base| (-1..=1).contains(&base));
                match power {
                    Some(dim) if exponent <= 64 || trivial => return Ok(TensorValue::size(dim)),
                    _ => {
                        bail!(E0106, span, "the result does not fit an int of 64 bits"; help: "write the base as a real: `2.0`")
                    }
                }
            }
            return self.emit(PowI { exponent: exponent.min(1 << 20) as i32 }, std::slice::from_ref(a.value));
        }
        let base = self.to_real(a.value)?;
        if let Some(exponent) = b.value.as_int().and_then(|exponent| i32::try_from(exponent).ok()) {
            return self.emit(PowI { exponent }, &[base]);
        }
        let exponent = self.to_real(b.value)?;
        let (a2, b2) = self.promote("^", Operand { value: &base, ..a }, Operand { value: &exponent, ..b }, span)?;
        self.elementwise(MapOp::Pow, "^", [a2, b2], [a.span, b.span], span)
    }

    /// Two operands in one element type: ints widen to reals, and reals of hyper-parameters to those of tensors.
    pub fn promote(&mut self, symbol: &str, a: Operand, b: Operand, span: Span) -> Result<(TensorValue, TensorValue)> {
        let (x, y) = (a.value, b.value);
        let dtype = match (x.ty.dtype, y.ty.dtype) {
            (p, q) if p == q && p != DType::Bool && p != DType::Key => p,
            (DType::I64, real) | (real, DType::I64) if real.is_real() => {
                // An int tensor meets a hyper-parameter: the result is a tensor of the program's precision.
                let ranked = if x.ty.dtype == DType::I64 { x } else { y };
                if ranked.rank() > 0 { self.real } else { real }
            }
            (p, q) if p.is_real() && q.is_real() => DType::F32,
            _ => {
                let help = if x.ty.dtype == DType::Bool || y.ty.dtype == DType::Bool {
                    "`if c then 1 else 0` makes a number of a truth value"
                } else {
                    "both sides must be numbers"
                };
                bail!(E0303, span, "`{}` does not take {} and {}", symbol, type_text(&x.ty), type_text(&y.ty);
                      label: a.span, "{}", type_text(&x.ty); label: b.span, "{}", type_text(&y.ty); help: "{}", help)
            }
        };
        Ok((self.convert(x, dtype)?, self.convert(y, dtype)?))
    }

    /// The same numbers in another element type.
    pub fn convert(&mut self, value: &TensorValue, dtype: DType) -> Result<TensorValue> {
        if value.ty.dtype == dtype {
            return Ok(value.clone());
        }
        if let (Some(number), true) = (value.as_int(), dtype.is_real()) {
            return Ok(TensorValue::constant(crate::tensor::Tensor::scalar(dtype, number as f64)));
        }
        self.emit(Convert { dtype }, std::slice::from_ref(value))
    }

    /// A real: int scalars become hyper-parameters, int tensors take the program's precision.
    pub fn to_real(&mut self, value: &TensorValue) -> Result<TensorValue> {
        match value.ty.dtype {
            DType::I64 if value.rank() == 0 => self.convert(value, DType::F64),
            DType::I64 => self.convert(value, self.real),
            DType::F32 | DType::F64 | DType::Bool | DType::Key => Ok(value.clone()),
        }
    }

    /// An elementwise op on operands of fitting element types, after broadcasting.
    pub fn elementwise<const N: usize>(
        &mut self,
        op: MapOp,
        symbol: &str,
        values: [TensorValue; N],
        spans: [Span; N],
        span: Span,
    ) -> Result<TensorValue> {
        let mut shape = values[0].ty.shape.clone();
        for idx in 1..N {
            let operands =
                [Operand { value: &values[0], span: spans[0] }, Operand { value: &values[idx], span: spans[idx] }];
            shape = self.common_shape(symbol, &shape, operands, span)?;
        }
        let values = values.iter().map(|value| self.broadcast(value, &shape)).collect::<Result<Vec<_>>>()?;
        let mut result = self.emit(op, &values)?;
        result.ty.shape = shape;
        Ok(result)
    }

    /// The shape of both operands together: equal, one a suffix of the other, a scalar, or 1 against a size at equal rank.
    fn common_shape(&mut self, symbol: &str, shape: &[Dim], [a, b]: [Operand; 2], span: Span) -> Result<Vec<Dim>> {
        let (left, right) = (shape, b.value.ty.shape.as_slice());
        let (long, short) = if left.len() >= right.len() { (left, right) } else { (right, left) };
        let offset = long.len() - short.len();
        let mut result = long.to_vec();
        for (idx, small) in short.iter().enumerate() {
            let large = &long[offset + idx];
            let chosen = match large.compare(small) {
                Decision::Equal | Decision::Unknown => pick_labelled(large, small),
                Decision::Different if offset == 0 && large.as_const() == Some(1) => small.clone(),
                Decision::Different if offset == 0 && small.as_const() == Some(1) => large.clone(),
                Decision::Different => return Err(self.shapes_differ(symbol, a, b, span)),
            };
            result[offset + idx] = chosen;
        }
        Ok(result)
    }

    /// The value repeated to a shape it fits by the rules; sizes that were not decided are tested at run time.
    pub fn broadcast(&mut self, value: &TensorValue, shape: &[Dim]) -> Result<TensorValue> {
        let own = value.ty.shape.clone();
        let offset = shape.len() - own.len();
        let (mut kept, mut axes, mut want, mut unsure) = (vec![], vec![], vec![], false);
        for (axis, dim) in own.iter().enumerate() {
            let target = &shape[offset + axis];
            if dim != target && dim.as_const() == Some(1) && target.compare(dim) != Decision::Equal {
                continue;
            }
            unsure |= dim.compare(target) == Decision::Unknown;
            kept.push(dim.clone());
            axes.push(offset + axis);
            want.push(target.clone());
        }
        let mut value = value.clone();
        if kept.len() < own.len() {
            value = self.emit(Reshape { shape: kept.clone() }, &[value])?;
        }
        if unsure || kept != want {
            value = self.refine(&value, &want, "these sizes")?;
        }
        if axes.len() == shape.len() {
            return Ok(value);
        }
        self.emit(Broadcast { shape: shape.to_vec(), axes }, &[value])
    }

    /// The same tensor under other names for its sizes, tested at run time.
    pub fn refine(&mut self, value: &TensorValue, shape: &[Dim], what: &str) -> Result<TensorValue> {
        if value.ty.shape == shape {
            return Ok(TensorValue { ty: value.ty.with_shape(shape.to_vec()), repr: value.repr.clone() });
        }
        if matches!(value.repr, Repr::Const(_))
            && value.ty.shape.iter().zip(shape).all(|(a, b)| a.compare(b) == Decision::Equal)
        {
            return Ok(TensorValue { ty: value.ty.with_shape(shape.to_vec()), repr: value.repr.clone() });
        }
        let about = format!("{what} turned out to differ");
        self.emit(Refine { shape: shape.to_vec(), about }, std::slice::from_ref(value))
    }

    /// `a @ b`: vectors and matrices, the left one with any leading axes, or both with the same ones.
    fn matmul(&mut self, a: Operand, b: Operand, span: Span) -> Result<TensorValue> {
        for operand in [a, b] {
            if operand.value.rank() == 0 || operand.value.ty.dtype == DType::Bool {
                bail!(E0301, span, "`@` needs vectors or matrices, got {} and {}", type_text(&a.value.ty), type_text(&b.value.ty);
                      label: operand.span, "{}", type_text(&operand.value.ty); help: "`*` multiplies by a number")
            }
        }
        let (x, y) = (self.to_tensor_real(a.value)?, self.to_tensor_real(b.value)?);
        let (x, y) = self.promote("@", Operand { value: &x, ..a }, Operand { value: &y, ..b }, span)?;
        let (p, q) = (x.ty.shape.clone(), y.ty.shape.clone());
        let left = p[p.len() - 1].clone();
        let right = q[if q.len() == 1 { 0 } else { q.len() - 2 }].clone();
        let batched = q.len() > 2;
        let batch_fits = !batched
            || p.len() == q.len() && p[..p.len() - 2].iter().zip(&q).all(|(m, n)| m.compare(n) != Decision::Different);
        if left.compare(&right) == Decision::Different || !batch_fits {
            return Err(self.inner_sizes_differ(a, b, &left, &right, span));
        }
        let mut wanted = q.clone();
        let inner_axis = if q.len() == 1 { 0 } else { q.len() - 2 };
        wanted[inner_axis] = left;
        if batched {
            wanted[..q.len() - 2].clone_from_slice(&p[..p.len() - 2]);
        }
        let y = if wanted == q { y } else { self.refine(&y, &wanted, "the inner sizes of `@`")? };
        let mut result = self.emit(Contract::matmul(p.len(), q.len()), &[x, y])?;
        let mut shape = p[..p.len() - 1].to_vec();
        shape.extend(q.last().filter(|_| q.len() > 1).cloned());
        result.ty.shape = shape;
        Ok(result)
    }

    /// A real tensor of the program's precision, from ints too.
    pub fn to_tensor_real(&mut self, value: &TensorValue) -> Result<TensorValue> {
        if value.ty.dtype == DType::I64 { self.convert(value, self.real) } else { Ok(value.clone()) }
    }

    /// The axes in another order.
    pub fn transpose(&mut self, value: &TensorValue, perm: &[usize]) -> Result<TensorValue> {
        if perm.iter().copied().eq(0..value.rank()) {
            return Ok(value.clone());
        }
        let shape = perm.iter().map(|&axis| value.ty.shape[axis].clone()).collect();
        let mut result = self.emit(Transpose { perm: perm.to_vec() }, std::slice::from_ref(value))?;
        result.ty = Type::new(value.ty.dtype, shape);
        Ok(result)
    }

    /// The same elements in another shape of as many.
    pub fn reshape(&mut self, value: &TensorValue, shape: &[Dim]) -> Result<TensorValue> {
        let mut result = if value.ty.shape == shape {
            value.clone()
        } else {
            self.emit(Reshape { shape: shape.to_vec() }, std::slice::from_ref(value))?
        };
        result.ty.shape = shape.to_vec();
        Ok(result)
    }
}

fn unary_symbol(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Not => "not",
    }
}

fn compare(op: BinaryOp, x: i64, y: i64) -> bool {
    match op {
        BinaryOp::Eq => x == y,
        BinaryOp::Ne => x != y,
        BinaryOp::Lt => x < y,
        BinaryOp::Le => x <= y,
        BinaryOp::Gt => x > y,
        _ => x >= y,
    }
}

/// Of two equal sizes the one with an axis name.
fn pick_labelled(a: &Dim, b: &Dim) -> Dim {
    if a.label().is_some() || b.label().is_none() { a.clone() } else { b.clone() }
}
