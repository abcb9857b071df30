//! Indexing: `x[0, 1..3, :, new]`.

use std::rc::Rc;

use super::numeric::Operand;
use super::value::{TensorValue, Value, type_text};
use super::{Elaborator, Result, Scope};
use crate::bail;
use crate::ir::op::movement::SliceAxis;
use crate::ir::op::{Gather, MapOp, Slice};
use crate::ir::{Decision, Dim};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, IndexItem};
use crate::tensor::DType;

impl Elaborator {
    /// `value[items]`.
    pub fn index(
        &mut self,
        value: &Value,
        of: Span,
        items: &[IndexItem],
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<Value> {
        match value {
            Value::Tensor(tensor) => Ok(self.index_tensor(tensor, of, items, scope, span)?.into()),
            Value::Tuple(parts) => {
                if let [IndexItem::Slice(start, end, at)] = items {
                    let (from, to) = self.tuple_slice(parts.len(), start.as_ref(), end.as_ref(), *at, scope)?;
                    return Ok(Value::tuple(parts[from..to].to_vec()));
                }
                let [IndexItem::At(expr)] = items else {
                    bail!(E0305, span, "a tuple takes one index, known before anything runs")
                };
                let position = self.expr(expr, scope)?;
                let Some(idx) = position.as_tensor().and_then(TensorValue::as_int) else {
                    bail!(
                        E0305,
                        expr.span,
                        "the index of a tuple must be an int that is known, got {}",
                        position.kind_text()
                    )
                };
                let n = parts.len() as i64;
                if idx < -n || idx >= n {
                    bail!(E0307, expr.span, "there is no position {} in a tuple of {}", idx, n)
                }
                Ok(parts[idx.rem_euclid(n) as usize].clone())
            }
            Value::Poisoned => Err(super::Halt::Reported),
            other => bail!(E0305, span, "{} cannot be indexed", other.kind_text(); label: of, "{}", other.type_text()),
        }
    }

    /// The first position of a slice of a tuple, and the one behind the last.
    fn tuple_slice(
        &mut self,
        n: usize,
        start: Option<&Expr>,
        end: Option<&Expr>,
        at: Span,
        scope: &Rc<Scope>,
    ) -> Result<(usize, usize)> {
        let mut bound = |expr: Option<&Expr>, default: usize| -> Result<i64> {
            let Some(expr) = expr else { return Ok(default as i64) };
            match self.int_bound(expr, scope)?.as_int() {
                Some(number) if number < 0 => Ok(number + n as i64),
                Some(number) => Ok(number),
                None => bail!(E0308, expr.span, "the ends of a slice of a tuple must be known before anything runs"),
            }
        };
        let (from, to) = (bound(start, 0)?, bound(end, n)?);
        match (usize::try_from(from), usize::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to && to <= n => Ok((from, to)),
            _ => bail!(E0307, at, "the slice {}..{} does not lie in a tuple of {}", from, to, n),
        }
    }

    fn index_tensor(
        &mut self,
        x: &TensorValue,
        of: Span,
        items: &[IndexItem],
        scope: &Rc<Scope>,
        span: Span,
    ) -> Result<TensorValue> {
        let n_taken = items.iter().filter(|item| !matches!(item, IndexItem::New(_))).count();
        if n_taken > x.rank() {
            bail!(E0307, span, "{} indices into {}, which has {} ax{}", n_taken, type_text(&x.ty), x.rank(),
                  if x.rank() == 1 { "is" } else { "es" }; label: of, "{}", type_text(&x.ty))
        }
        let mut value = x.clone();
        // The axis of `value` that the next item is about.
        let mut axis = 0;
        for item in items {
            match item {
                IndexItem::All(_) => axis += 1,
                IndexItem::New(_) => {
                    let mut shape = value.ty.shape.clone();
                    shape.insert(axis, Dim::constant(1));
                    value = self.reshape(&value, &shape)?;
                    axis += 1;
                }
                IndexItem::Slice(start, end, at) => {
                    value = self.slice_axis(&value, axis, start.as_ref(), end.as_ref(), *at, scope)?;
                    axis += 1;
                }
                IndexItem::At(expr) => {
                    let position = self.expr(expr, scope)?;
                    let Value::Tensor(position) = position else {
                        bail!(
                            E0303,
                            expr.span,
                            "an index is an int, ints or truth values, got {}",
                            position.kind_text()
                        )
                    };
                    match (position.ty.dtype, position.rank()) {
                        (DType::I64, 0) => value = self.take(&value, axis, &position, expr.span)?,
                        (DType::I64, rank) => {
                            value = self.gather(&value, axis, &position, expr.span)?;
                            axis += rank;
                        }
                        (DType::Bool, _) => bail!(E0305, expr.span, "rows cannot be chosen by truth values here";
                                                  help: "`filter(x, keep)` chooses rows"),
                        (DType::F32 | DType::F64 | DType::Key, _) => {
                            bail!(E0303, expr.span, "an index is an int, got {}", type_text(&position.ty))
                        }
                    }
                }
            }
        }
        Ok(value)
    }

    /// One position of an axis, which disappears.
    pub fn take(&mut self, x: &TensorValue, axis: usize, position: &TensorValue, span: Span) -> Result<TensorValue> {
        let size = x.ty.shape[axis].clone();
        let Some(start) = position.as_size() else {
            // Known only when running: gather one row.
            return self.gather(x, axis, position, span);
        };
        let start = self.position_from_end(start, &size, span)?;
        if let (Some(at), Some(size)) = (start.known(), size.known())
            && (at < 0 || at >= size)
        {
            bail!(E0307, span, "there is no position {} in an axis of {}", position.as_size().expect("matched").resolve(), size;
                  label: span, "the tensor is {}", type_text(&x.ty); help: "positions go from 0 to {}", size - 1)
        }
        let row = self.slice(x, axis, start, 1.into())?;
        let mut shape = x.ty.shape.clone();
        shape.remove(axis);
        self.reshape(&row, &shape)
    }

    /// `x` along an axis, a negative number counting from the end.
    fn position_from_end(&mut self, position: &Dim, size: &Dim, span: Span) -> Result<Dim> {
        match position.known() {
            Some(number) if number < 0 => match size.add(&Dim::constant(number)) {
                Some(dim) => Ok(dim),
                None => bail!(E0106, span, "this index does not fit 64 bits"),
            },
            _ => Ok(position.clone()),
        }
    }

    fn slice_axis(
        &mut self,
        x: &TensorValue,
        axis: usize,
        start: Option<&Expr>,
        end: Option<&Expr>,
        at: Span,
        scope: &Rc<Scope>,
    ) -> Result<TensorValue> {
        let size = x.ty.shape[axis].clone();
        let bound = |elaborator: &mut Elaborator, expr: Option<&Expr>, default: Dim| -> Result<Dim> {
            let Some(expr) = expr else { return Ok(default) };
            let value = elaborator.int_bound(expr, scope)?;
            let Some(dim) = value.as_size() else {
                bail!(E0308, expr.span, "the ends of a slice must be known before anything runs";
                      help: "the size of the result depends on them; `x[i]` takes one position known when running")
            };
            elaborator.position_from_end(dim, &size, expr.span)
        };
        let from = bound(self, start, 0.into())?;
        let to = bound(self, end, size.clone())?;
        let Some(count) = to.sub(&from) else { bail!(E0106, at, "this slice does not fit 64 bits") };
        let outside = |dim: &Dim| match (dim.known(), size.known()) {
            (Some(number), Some(size)) => number < 0 || number > size,
            (Some(number), None) => number < 0,
            _ => false,
        };
        if outside(&from) || outside(&to) {
            bail!(E0307, at, "the slice {}..{} does not lie in an axis of {}", from.resolve(), to.resolve(), size.resolve();
                  label: at, "the tensor is {}", type_text(&x.ty))
        }
        if count.known().is_some_and(|count| count < 0) {
            bail!(E0307, at, "the slice {}..{} ends before it begins", from.resolve(), to.resolve())
        }
        let whole = from.known() == Some(0) && to.compare(&size) == Decision::Equal;
        if whole { Ok(x.clone()) } else { self.slice(x, axis, from, count) }
    }

    /// `count` positions of an axis from `start`.
    pub fn slice(&mut self, x: &TensorValue, axis: usize, start: Dim, count: Dim) -> Result<TensorValue> {
        let mut ranges: Vec<SliceAxis> = x.ty.shape.iter().map(Slice::all).collect();
        ranges[axis] = SliceAxis { start, size: count, step: 1 };
        self.emit(Slice { ranges }, std::slice::from_ref(x))
    }

    /// Positions of an axis given by ints: the axis is replaced by those of the ints.
    pub fn gather(&mut self, x: &TensorValue, axis: usize, positions: &TensorValue, span: Span) -> Result<TensorValue> {
        let size = TensorValue::size(x.ty.shape[axis].clone());
        let at = |value| Operand { value, span };
        // Negative positions count from the end.
        let zero = TensorValue::int(0);
        let wrapped = self.binary(BinaryOp::Add, at(positions), at(&size), span)?;
        let negative = self.binary(BinaryOp::Lt, at(positions), at(&zero), span)?;
        let positions = if let Some(known) = positions.known()
            && (0..known.len()).all(|idx| known.get_f64(idx) >= 0.0)
        {
            TensorValue::constant(known)
        } else {
            self.elementwise(MapOp::Select, "[ ]", [negative, wrapped, positions.clone()], [span; 3], span)?
        };
        let rank = x.rank();
        let to_front: Vec<usize> = std::iter::once(axis).chain((0..rank).filter(|&other| other != axis)).collect();
        let front = self.transpose(x, &to_front)?;
        let taken = self.emit(Gather { batch_axes: 0 }, &[front, positions.clone()])?;
        // [positions…, others…] → the positions where the axis was.
        let k = positions.rank();
        let back: Vec<usize> = (k..k + axis).chain(0..k).chain(k + axis..k + rank - 1).collect();
        self.transpose(&taken, &back)
    }
}
