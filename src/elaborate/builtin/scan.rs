//! `scan`: a loop whose turns give something each.

use super::{Call, axis_of};
use crate::bail;
use crate::elaborate::call::Given;
use crate::elaborate::trace::Traced;
use crate::elaborate::tree::{Structure, flatten, unflatten};
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Halt, Result, TensorValue, Value};
use crate::ir::op::{Op, Scan};
use crate::ir::{Decision, Dim, Type};
use crate::syntax::ast::Name;
use crate::tensor::DType;

/// How often the element types of the state may widen before that is a mistake.
const WIDENINGS: usize = 3;

/// The tensors that are gone through, the axis in front.
struct Rows {
    tensors: Vec<TensorValue>,
    structure: Structure,
    /// Where the axis was, and comes back in what the turns give.
    axis: usize,
    count: Dim,
}

/// A turn that was traced.
struct Turn {
    traced: Traced,
    /// The structure of what it gives.
    given: Structure,
    /// Element types of the state that are wider behind the turn than before it.
    wider: Vec<(usize, DType)>,
}

pub(super) fn scan(e: &mut Elaborator, call: Call) -> Result<Value> {
    let checkpoint = checkpoint_of(&call)?;
    let step = call.func("step")?.clone();
    let (mut carry, structure) = flatten(call.arg("start"));
    let rows = rows_of(e, &call)?;
    for _ in 0..WIDENINGS {
        let turn = trace_turn(e, &call, &step, &carry, &structure, &rows)?;
        if turn.wider.is_empty() {
            return run(e, &call, turn, carry, &structure, rows, checkpoint);
        }
        for (idx, dtype) in turn.wider {
            carry[idx] = e.convert(&carry[idx], dtype)?;
        }
    }
    bail!(E0311, call.span_of("start"), "the state of `scan` does not keep its type from turn to turn")
}

fn rows_of(e: &mut Elaborator, call: &Call) -> Result<Rows> {
    let (leaves, structure) = flatten(call.arg("xs"));
    let at = call.span_of("xs");
    let zero = TensorValue::int(0).into();
    let axis_value = call.opt("axis").unwrap_or(&zero);
    let mut rows: Option<Rows> = None;
    for leaf in leaves {
        if leaf.rank() == 0 {
            bail!(E0304, at, "`scan` goes through the slices of tensors, got {}", call.arg("xs").kind_text();
                  help: "`0..n` is a tensor of ints")
        }
        let axis = axis_of(axis_value, &leaf, call.span_of("axis"))?;
        let to_front: Vec<usize> = [axis].into_iter().chain((0..leaf.rank()).filter(|&other| other != axis)).collect();
        let turned = e.transpose(&leaf, &to_front)?;
        match &mut rows {
            None => {
                let count = turned.ty.shape[0].clone();
                rows = Some(Rows { tensors: vec![turned], structure: structure.clone(), axis, count });
            }
            Some(rows) => {
                let mut shape = turned.ty.shape.clone();
                if shape[0].compare(&rows.count) == Decision::Different {
                    bail!(E0304, at, "`scan` needs as many slices of every tensor, got {} and {}", rows.count.resolve(),
                          shape[0].resolve(); label: at, "{}", call.arg("xs").type_text())
                }
                shape[0] = rows.count.clone();
                let turned = e.refine(&turned, &shape, "the numbers of slices in `scan`")?;
                rows.tensors.push(turned);
            }
        }
    }
    match rows {
        Some(rows) => Ok(rows),
        None => bail!(E0303, at, "`scan` goes through the slices of tensors, got {}", call.arg("xs").kind_text()),
    }
}

/// The type with the sizes that are known put in, as the op will see it.
fn known_sizes(ty: &Type) -> Type {
    Type::new(ty.dtype, ty.shape.iter().map(|dim| dim.resolve().labelled_as(dim)).collect())
}

impl Elaborator {
    /// Calls what goes from turn to turn, and the slice, as the function of a turn does, for `derive`.
    fn name_turn(&mut self, step: &Value, state: &[TensorValue], slice: &[TensorValue]) {
        let Some(names) = crate::elaborate::parameters::parameter_names(step).filter(|_| self.keep_calls) else {
            return;
        };
        for (values, name) in [state, slice].into_iter().zip(&names) {
            if let [value] = values {
                self.name_value(value, name);
            }
        }
    }
}

fn trace_turn(
    e: &mut Elaborator,
    call: &Call,
    step: &Value,
    carry: &[TensorValue],
    structure: &Structure,
    rows: &Rows,
) -> Result<Turn> {
    let states = carry.iter().map(|value| known_sizes(&value.ty));
    let slices = rows.tensors.iter().map(|x| known_sizes(&x.ty.with_shape(x.ty.shape[1..].to_vec())));
    let turn_type = (Type::scalar(DType::I64), Some(Name::from("turn")));
    let params: Vec<(Type, Option<Name>)> =
        [turn_type].into_iter().chain(states.chain(slices).map(|ty| (ty, None))).collect();
    let (mut given, mut wider) = (None, vec![]);
    let traced = e.trace_func("step", &params, |e, values| {
        e.trace().turn = Some(values[0].clone());
        let (state, slice) = values[1..].split_at(carry.len());
        e.name_turn(step, state, slice);
        let args = vec![
            Given::at(unflatten(structure, state.to_vec()), call.span_of("start")),
            Given::at(unflatten(&rows.structure, slice.to_vec()), call.span_of("xs")),
        ];
        let value = e.call(step, args, call.span)?;
        let Value::Tuple(pair) = &value else { return Err(no_pair(call, &value)) };
        let [after, y] = &pair[..] else { return Err(no_pair(call, &value)) };
        let (after_leaves, after_structure) = flatten(after);
        if !structure.same(&after_structure) {
            return Err(changed(call, call.arg("start").type_text(), after.type_text()));
        }
        let mut results = vec![];
        for (idx, (old, new)) in state.iter().zip(&after_leaves).enumerate() {
            let (fitted, dtype) = keep_type(e, call, old, new)?;
            wider.extend(dtype.map(|dtype| (idx, dtype)));
            results.push(fitted);
        }
        let (ys, y_structure) = flatten(y);
        results.extend(ys);
        given = Some(y_structure);
        Ok(results)
    })?;
    Ok(Turn { traced, given: given.expect("the trace ended well"), wider })
}

fn no_pair(call: &Call, value: &Value) -> Halt {
    crate::diagnostic!(E0303, call.span_of("step"), "the function of `scan` gives a pair, the next state and what the turn gives, got {}",
        value.type_text(); help: "`fn(s, x) (s + x, s)`")
    .into()
}

fn changed(call: &Call, from: String, to: String) -> Halt {
    crate::diagnostic!(E0311, call.span_of("step"), "the state of `scan` changes its type in a turn, from {} to {}", from, to;
        label: call.span_of("start"), "{} at the start", from; help: "give the start that type")
    .into()
}

/// The state behind a turn as one of the type before it, or the wider type it should have had.
fn keep_type(
    e: &mut Elaborator,
    call: &Call,
    old: &TensorValue,
    new: &TensorValue,
) -> Result<(TensorValue, Option<DType>)> {
    let misfit = || changed(call, type_text(&old.ty), type_text(&new.ty));
    let differs = |(a, b): (&Dim, &Dim)| a.compare(b) == Decision::Different;
    if old.rank() != new.rank() || old.ty.shape.iter().zip(&new.ty.shape).any(differs) {
        return Err(misfit());
    }
    let wider = match (old.ty.dtype, new.ty.dtype) {
        (a, b) if a == b => None,
        (DType::I64, b) if b.is_real() => Some(b),
        (DType::F64, DType::F32) => Some(DType::F32),
        (a, DType::I64) if a.is_real() => None,
        (DType::F32, DType::F64) => None,
        _ => return Err(misfit()),
    };
    if wider.is_some() {
        return Ok((new.clone(), wider));
    }
    let fitted = e.convert(new, old.ty.dtype)?;
    Ok((e.refine(&fitted, &old.ty.shape, "the sizes of the state of `scan`")?, None))
}

/// How many turns the adjoint runs again from a state it kept; none where it keeps every one.
fn checkpoint_of(call: &Call) -> Result<Option<Dim>> {
    let Some(value) = call.opt("checkpoint") else { return Ok(None) };
    let at = call.span_of("checkpoint");
    let tensor = value.as_tensor().filter(|tensor| tensor.ty.is_scalar() && tensor.ty.dtype == DType::I64);
    match tensor.and_then(TensorValue::as_size).map(Dim::resolve) {
        Some(turns) if turns.known().is_some_and(|turns| turns < 1) => {
            bail!(E0304, at, "`checkpoint` is at least 1, this is {}", turns;
                  help: "`checkpoint = k` keeps the state of every k-th turn, 1 that of every turn")
        }
        Some(turns) if turns.known() == Some(1) => Ok(None),
        Some(turns) => Ok(Some(turns.labelled_as(&1.into()))),
        None if tensor.is_some() => {
            bail!(E0308, at, "`checkpoint` must be known before anything runs, this int is not";
                      help: "it is made of literals, sizes in signatures and other ints that are bound once")
        }
        None => bail!(E0303, at, "`checkpoint` of `scan` needs an int, got {}", value.kind_text();
                      help: "`checkpoint = k` keeps the state of every k-th turn"),
    }
}

fn run(
    e: &mut Elaborator,
    call: &Call,
    turn: Turn,
    carry: Vec<TensorValue>,
    structure: &Structure,
    rows: Rows,
    checkpoint: Option<Dim>,
) -> Result<Value> {
    let op = Scan {
        body: turn.traced.func,
        n_carry: carry.len(),
        n_xs: rows.tensors.len(),
        count: rows.count.resolve(),
        reverse: false,
        stoppable: false,
        checkpoint,
    };
    let args: Vec<TensorValue> = carry.iter().chain(&rows.tensors).chain(&turn.traced.captures).cloned().collect();
    let mut last = e.emit_all(Op::Scan(op), &args)?;
    let ys = last.split_off(carry.len());
    for (value, start) in last.iter_mut().zip(&carry) {
        value.ty.shape.clone_from(&start.ty.shape);
    }
    let mut given = vec![];
    for mut y in ys {
        if y.rank() <= rows.axis {
            let why = "the axis comes back at the same place in what the turns give";
            bail!(E0306, call.span_of("axis"), "there is no axis {} in {}, {}", rows.axis, type_text(&y.ty), why)
        }
        y.ty.shape[0] = rows.count.clone();
        let back: Vec<usize> = (1..=rows.axis).chain([0]).chain(rows.axis + 1..y.rank()).collect();
        given.push(e.transpose(&y, &back)?);
    }
    Ok(Value::tuple(vec![unflatten(structure, last), unflatten(&turn.given, given)]))
}
