//! Gives every size its number, once the arguments of a program are there.
//!
//! Sizes of batches are numbers too: a loop over batches whose last one is short becomes a loop over the full batches and
//! a last turn of its own. A loop of one turn becomes that turn.
//!
//! ```text
//! scan{body=@step, count=(n + 31)//32}(…)  with n = 70
//! ⇒
//! scan{body=@step.32, count=2}(…); the nodes of @step.6 with turn = 2
//! ```

use std::collections::HashMap;
use std::ops::Range;

use super::inline::splice;
use super::rebuild::ValueMap;
use super::{cse, dce, simplify};
use crate::ir::op::{Call, Concat, MapOp, Reshape, Rows, Scan, Slice, SliceAxis};
use crate::ir::{Builder, Def, Dim, FuncId, Graph, Module, Op, Origin, Symbol, Type, ValueId};
use crate::tensor::{DType, Tensor};

/// The numbers of sizes.
pub type Numbers = HashMap<Symbol, i64>;

/// Why a function cannot be specialised: its sizes do not fit, or depend on what is computed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit(pub String);

/// The function with numbers for all sizes, in the same module. Its parameters have `types`, which have no names in them.
pub fn specialise(module: &mut Module, func: FuncId, types: &[Type], numbers: &Numbers) -> Result<FuncId, Unfit> {
    let old = module.graph(func).clone();
    let numbers = matched(&old, types, numbers)?;
    let mut graph = Graph::default();
    let mut map = ValueMap::new(&old);
    for (&param, ty) in old.params().iter().zip(types) {
        map.set(param, graph.add_param(ty.clone(), old.value(param).name.clone()));
    }
    let mut pass = Pass { numbers, g: Builder::new(module, &mut graph, Origin::default()) };
    for node in old.nodes() {
        pass.g.origin = node.origin.clone();
        let args = map.all(&node.args);
        let results = pass.node(&node.op, &args)?;
        map.set_named(&mut pass.g, &old, &node.results, &results);
    }
    graph.set_results(map.all(old.results()));
    let name = module.func(func).name.clone();
    let new = module.add_internal(name, graph);
    simplify(module, new);
    cse(module, new);
    dce(module, new);
    Ok(new)
}

/// A loop body for some of the turns of a loop.
pub struct Turns {
    /// Which turns.
    pub range: Range<usize>,
    /// The body for these, as [`specialise`] makes it.
    pub body: FuncId,
}

/// The body of a loop with numbers for all sizes, for each size of the batches its turns have: the full ones, the last one.
pub fn specialise_turns(
    module: &mut Module,
    body: FuncId,
    types: &[Type],
    numbers: &Numbers,
    count: usize,
) -> Result<Vec<Turns>, Unfit> {
    let mut numbers = matched(module.graph(body), types, numbers)?;
    let Some(batches) = batches(module.graph(body), &numbers)? else {
        return Ok(vec![Turns { range: 0..count, body: specialise(module, body, types, &numbers)? }]);
    };
    let full = (batches.total / batches.capacity).min(count);
    let mut parts = vec![];
    for (range, size) in [(0..full, batches.capacity), (full..count, batches.total % batches.capacity)] {
        if !range.is_empty() {
            batches.symbols.iter().for_each(|symbol| _ = numbers.insert(symbol.clone(), size as i64));
            parts.push(Turns { range, body: specialise(module, body, types, &numbers)? });
        }
    }
    match parts.last() {
        Some(last) if batches.total % batches.capacity != 0 && last.range.end == count && count > full + 1 => {
            Err(Unfit("more turns than batches".into()))
        }
        _ => Ok(parts),
    }
}

/// The numbers of the names of sizes of a function, from the types of its arguments.
fn matched(graph: &Graph, types: &[Type], numbers: &Numbers) -> Result<Numbers, Unfit> {
    let mut numbers = numbers.clone();
    let params = graph.param_types();
    let dims = || params.iter().zip(types).flat_map(|(param, given)| param.shape.iter().zip(&given.shape));
    for (param, given) in dims() {
        if let (Some(symbol), Some(size)) = (param.as_symbol(), given.as_const())
            && symbol.value().is_none()
        {
            numbers.entry(symbol.clone()).or_insert(size);
        }
    }
    let fits = |(param, given): (&Dim, &Dim)| number(param, &numbers) == given.as_const();
    if params.len() != types.len() || !dims().all(fits) {
        return Err(Unfit("the arguments do not fit".into()));
    }
    Ok(numbers)
}

fn number(dim: &Dim, numbers: &Numbers) -> Option<i64> {
    dim.as_const().or_else(|| dim.eval(&|symbol| numbers.get(symbol).copied().or_else(|| symbol.value())))
}

/// What the batches are that the turns of a loop take.
struct Batches {
    symbols: Vec<Symbol>,
    total: usize,
    capacity: usize,
}

/// Finds the batches whose sizes have no numbers yet; the turn `k` takes those from `k · capacity` on.
fn batches(body: &Graph, numbers: &Numbers) -> Result<Option<Batches>, Unfit> {
    let mut found: Option<Batches> = None;
    for node in body.nodes() {
        let Op::Rows(rows) = &node.op else { continue };
        let Some(symbol) = rows.rows.as_symbol().filter(|_| rows.rows != rows.capacity) else { continue };
        if number(&rows.rows, numbers).is_some() {
            continue;
        }
        let size = |dim: &Dim| number(dim, numbers).and_then(|size| usize::try_from(size).ok());
        let sizes = size(&body.ty(node.args[0]).shape[0]).zip(size(&rows.capacity));
        let Some((total, capacity)) = sizes.filter(|_| starts_at_turn(body, node.args[1], &rows.capacity)) else {
            return Err(Unfit("a batch of a size that is computed".into()));
        };
        match &mut found {
            None => found = Some(Batches { symbols: vec![symbol.clone()], total, capacity: capacity.max(1) }),
            Some(batches) if (batches.total, batches.capacity) == (total, capacity) => {
                batches.symbols.push(symbol.clone());
            }
            Some(_) => return Err(Unfit("batches of several sizes in one loop".into())),
        }
    }
    Ok(found)
}

/// Whether a value is the turn times the capacity.
fn starts_at_turn(body: &Graph, start: ValueId, capacity: &Dim) -> bool {
    let is_turn = |value: ValueId| body.value(value).def == Def::Param(0);
    let is_capacity = |value: ValueId| match body.def(value).map(|node| &node.op) {
        Some(Op::Const(constant)) => {
            constant.value.dtype() == DType::I64 && Some(constant.value.to_i64()) == capacity.as_const()
        }
        Some(Op::SizeOf(size)) => size.dim == *capacity,
        _ => false,
    };
    if is_turn(start) {
        return capacity.as_const() == Some(1);
    }
    body.def(start).is_some_and(|node| {
        node.op == Op::Map(MapOp::Mul)
            && (is_turn(node.args[0]) && is_capacity(node.args[1])
                || is_turn(node.args[1]) && is_capacity(node.args[0]))
    })
}

struct Pass<'a> {
    numbers: Numbers,
    g: Builder<'a>,
}

impl Pass<'_> {
    fn dim(&self, dim: &Dim) -> Result<Dim, Unfit> {
        let number = number(dim, &self.numbers).ok_or_else(|| Unfit(format!("the size {dim} is not known")))?;
        Ok(Dim::constant(number))
    }

    fn size(&self, dim: &Dim) -> Result<usize, Unfit> {
        let size = self.dim(dim)?.as_const().and_then(|size| usize::try_from(size).ok());
        size.ok_or_else(|| Unfit(format!("the size {dim} is negative")))
    }

    fn types(&self, values: &[ValueId]) -> Vec<Type> {
        values.iter().map(|&value| self.g.ty(value).clone()).collect()
    }

    /// What stands for a node whose arguments have numbers for sizes.
    fn node(&mut self, op: &Op, args: &[ValueId]) -> Result<Vec<ValueId>, Unfit> {
        match op {
            Op::Rows(rows) => self.rows(rows, args),
            Op::Refine(refine) => {
                let wanted: Vec<Dim> = refine.shape.iter().map(|dim| self.dim(dim)).collect::<Result<_, _>>()?;
                if wanted != self.g.shape(args[0]) {
                    return Err(Unfit(refine.about.clone()));
                }
                Ok(args.to_vec())
            }
            Op::SizeOf(size) => {
                let number = self.size(&size.dim)? as i64;
                Ok(vec![self.g.constant(Tensor::from_i64(number))])
            }
            Op::Scan(scan) => self.scan(scan, args),
            Op::If(_) | Op::While(_) | Op::Call(_) => {
                let given = self.types(if matches!(op, Op::If(_)) { &args[1..] } else { args });
                let mut failed = None;
                let mut op = op.clone();
                let (module, numbers) = (&mut *self.g.module, &self.numbers);
                op.map_funcs(&mut |func| match specialise(module, func, &given, numbers) {
                    Ok(func) => func,
                    Err(unfit) => {
                        failed = Some(unfit);
                        func
                    }
                });
                failed.map_or_else(|| Ok(self.g.push(op, args)), Err)
            }
            _ => {
                let mut failed = None;
                let mut op = op.clone();
                let cell = std::cell::RefCell::new(&mut failed);
                op.map_dims(&|dim| {
                    self.dim(dim).unwrap_or_else(|unfit| {
                        **cell.borrow_mut() = Some(unfit);
                        dim.clone()
                    })
                });
                failed.map_or_else(|| Ok(self.g.push(op, args)), Err)
            }
        }
    }

    fn rows(&mut self, rows: &Rows, args: &[ValueId]) -> Result<Vec<ValueId>, Unfit> {
        let total = self.size(&self.g.shape(args[0])[0])?;
        let capacity = self.size(&rows.capacity)?;
        if let Some(symbol) = rows.rows.as_symbol()
            && number(&rows.rows, &self.numbers).is_none()
        {
            // Outside of a loop over batches there is one batch, of all rows.
            if capacity < total {
                return Err(Unfit("a batch of a size that is computed".into()));
            }
            self.numbers.insert(symbol.clone(), total as i64);
        }
        let n = self.size(&rows.rows)?;
        if n == total {
            return Ok(vec![args[0]]);
        }
        Ok(vec![self.g.emit(Rows { rows: n.into(), capacity: n.into() }, args)])
    }

    fn scan(&mut self, scan: &Scan, args: &[ValueId]) -> Result<Vec<ValueId>, Unfit> {
        let count = self.size(&scan.count)?;
        let (carry, rest) = args.split_at(scan.n_carry);
        let (xs, captures) = rest.split_at(scan.n_xs);
        let rows = self.types(xs).into_iter().map(|ty| ty.with_shape(ty.shape[1..].to_vec()));
        let turn = Type::scalar(DType::I64);
        let types: Vec<Type> =
            [turn].into_iter().chain(self.types(carry)).chain(rows).chain(self.types(captures)).collect();
        let mut parts = specialise_turns(self.g.module, scan.body, &types, &self.numbers, count)?;
        if count == 0 {
            let body = specialise(self.g.module, scan.body, &types, &self.numbers)?;
            parts = vec![Turns { range: 0..0, body }];
        }
        if scan.reverse {
            parts.reverse();
        }
        let mut carry = carry.to_vec();
        let mut stacks: Vec<Vec<ValueId>> = vec![];
        for part in parts {
            let n_turns = part.range.len();
            let xs: Vec<ValueId> = xs.iter().map(|&x| self.cut(x, &part.range)).collect();
            let results = if n_turns == 1 {
                let turn = self.g.constant(Tensor::from_i64(part.range.start as i64));
                let rows: Vec<ValueId> = xs.iter().map(|&x| self.row(x)).collect();
                let args: Vec<ValueId> = [turn].iter().chain(&carry).chain(&rows).chain(captures).copied().collect();
                let body = self.g.module.graph(part.body).clone();
                let mut results = splice(&mut self.g, &body, &args);
                for y in &mut results[scan.n_carry..] {
                    let shape: Vec<Dim> = [1.into()].into_iter().chain(self.g.shape(*y)).collect();
                    *y = self.g.emit(Reshape { shape }, &[*y]);
                }
                results
            } else {
                // A part that does not begin with turn 0 has turns of its own number.
                let first = part.range.start;
                let body = if first == 0 { part.body } else { self.shifted(part.body, first) };
                let op = Scan { body, count: n_turns.into(), checkpoint: None, ..scan.clone() };
                let args: Vec<ValueId> = carry.iter().chain(&xs).chain(captures).copied().collect();
                self.g.push(op, &args)
            };
            let (carried, ys) = results.split_at(scan.n_carry);
            carry = carried.to_vec();
            stacks.resize(ys.len(), vec![]);
            stacks.iter_mut().zip(ys).for_each(|(stack, &y)| stack.push(y));
        }
        for mut stack in stacks {
            if scan.reverse {
                stack.reverse();
            }
            let whole = if stack.len() == 1 { stack[0] } else { self.g.emit(Concat { axis: 0 }, &stack) };
            carry.push(whole);
        }
        Ok(carry)
    }

    /// Some of the rows.
    fn cut(&mut self, x: ValueId, range: &Range<usize>) -> ValueId {
        let shape = self.g.shape(x);
        if shape[0] == Dim::from(range.len()) {
            return x;
        }
        let whole = |dim: &Dim| SliceAxis { start: 0.into(), size: dim.clone(), step: 1 };
        let mut ranges: Vec<SliceAxis> = shape.iter().map(whole).collect();
        (ranges[0].start, ranges[0].size) = (range.start.into(), range.len().into());
        self.g.emit(Slice { ranges }, &[x])
    }

    /// The only row.
    fn row(&mut self, x: ValueId) -> ValueId {
        let shape = self.g.shape(x)[1..].to_vec();
        self.g.emit(Reshape { shape }, &[x])
    }

    /// The body with a turn that is larger by `first`.
    fn shifted(&mut self, body: FuncId, first: usize) -> FuncId {
        let types = self.g.module.graph(body).param_types();
        let name = self.g.module.func(body).name.clone();
        let mut graph = Graph::default();
        let params: Vec<ValueId> = types.into_iter().map(|ty| graph.add_param(ty, None)).collect();
        let mut g = Builder::new(self.g.module, &mut graph, self.g.origin.clone());
        let first = g.constant(Tensor::from_i64(first as i64));
        let turn = g.add(params[0], first);
        let args: Vec<ValueId> = [turn].into_iter().chain(params[1..].iter().copied()).collect();
        let results = g.push(Call::new(body), &args);
        graph.set_results(results);
        self.g.module.add_internal(name, graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text;

    fn type_of(shape: &[usize]) -> Type {
        Type::new(DType::F64, shape.iter().map(|&size| size.into()).collect())
    }

    #[test]
    fn a_short_last_batch_is_a_turn_of_its_own() {
        let source = "
fn @step(%0: i64[], %1: f64[], %2: f64[n]) -> (f64[]) {
  %3 = const{value=i64[](32)}(): i64[]
  %4 = mul(%0, %3): i64[]
  %5 = rows{rows=b, capacity=32}(%2, %4): f64[b]
  %6 = reduce{kind=\"sum\", axes=[0]}(%5): f64[]
  %7 = add(%1, %6): f64[]
  return %7
}

fn @main(%0: f64[], %1: f64[n]) -> (f64[]) {
  %2 = scan{body=@step, n_carry=1, n_xs=0, count=(n + 31)//32, reverse=0}(%0, %1): f64[]
  return %2
}";
        let mut module = text::parse(source).expect("it parses");
        let main = module.ids().last().expect("there are functions");
        let func = specialise(&mut module, main, &[type_of(&[]), type_of(&[70])], &Numbers::new()).expect("it fits");
        let printed = text::print(&module.extract(func).0);
        assert!(printed.contains("count=2"), "{printed}");
        assert!(printed.contains("f64[32]") && printed.contains("f64[6]"), "{printed}");
        let one = specialise(&mut module, main, &[type_of(&[]), type_of(&[20])], &Numbers::new()).expect("it fits");
        let printed = text::print(&module.extract(one).0);
        assert!(!printed.contains("scan") && !printed.contains("rows"), "{printed}");
    }

    #[test]
    fn sizes_that_differ_are_refused() {
        let mut module =
            text::parse("fn @f(%0: f64[n], %1: f64[n]) -> (f64[n]) {\n  %2 = add(%0, %1): f64[n]\n  return %2\n}")
                .expect("it parses");
        let func = module.ids().next().expect("there is a function");
        assert!(specialise(&mut module, func, &[type_of(&[2]), type_of(&[3])], &Numbers::new()).is_err());
    }
}
