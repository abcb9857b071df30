//! Computes what a page of equations says, row by row, as a reader with a pocket calculator would: nothing is known of the
//! program but what is printed.
//!
//! Axes are told apart by their sizes, as by a reader who knows that 7 is the batch: so the nets that are tried have no two
//! axes of one size in one formula.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use nabla::exec::{Context, interp};
use nabla::grad::derive::math::{Axis, Big, Math, Step, Symbol, turn};
use nabla::grad::derive::operation::{Kind, Operation};
use nabla::grad::derive::text::text;
use nabla::grad::derive::{Equations, Row, Sign};
use nabla::ir::op::{ReduceKind, ReduceWindow};
use nabla::ir::{Dim, Module, Op, Type};
use nabla::tensor::{DType, Tensor};

/// Numbers in a shape.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

type Found<T> = Result<T, String>;

/// What is said of a function that the page does not define.
const UNKNOWN_FUNCTION: &str = ": what this function is stands nowhere";

/// What is known so far.
pub struct Page {
    /// Values by their names, each step of a loop behind an `@`.
    known: HashMap<String, Array>,
    /// What functions mean: the name of the argument, and the formula.
    functions: HashMap<(String, usize), (Symbol, Math)>,
    sizes: Vec<(nabla::ir::Symbol, usize)>,
    /// Where the axis of the steps stands in what stacks them.
    steps_axis: usize,
    /// The steps of now, of the loops from the outermost on.
    steps: [i64; DEPTH],
    /// The steps behind which the page says that all is 0.
    last: [i64; DEPTH],
}

/// In how many loops a row stands at most.
const DEPTH: usize = 4;

impl Array {
    pub fn scalar(value: f64) -> Array {
        Array { shape: vec![], data: vec![value] }
    }

    pub fn of(tensor: &Tensor) -> Array {
        let data = match tensor.dtype() {
            DType::Key => vec![0.0; tensor.len()],
            _ => tensor.to_f64_vec(),
        };
        Array { shape: tensor.shape().to_vec(), data }
    }

    fn reshaped(&self, shape: &[usize]) -> Option<Array> {
        (shape.iter().product::<usize>() == self.data.len())
            .then(|| Array { shape: shape.to_vec(), data: self.data.clone() })
    }

    /// The same repeated to a shape: its axes are found there by their sizes.
    fn repeated(&self, shape: &[usize]) -> Option<Array> {
        if self.shape == shape {
            return Some(self.clone());
        }
        let own: Vec<usize> = self.shape.iter().copied().filter(|size| *size != 1).collect();
        let mut places = vec![];
        let mut next = 0;
        for &size in &own {
            let place = next + shape[next..].iter().position(|other| *other == size)?;
            places.push(place);
            next = place + 1;
        }
        let mut data = Vec::with_capacity(shape.iter().product());
        for flat in 0..shape.iter().product() {
            let at = position(flat, shape);
            let own_at = places.iter().zip(&own).fold(0, |sum, (&place, &size)| sum * size + at[place]);
            data.push(self.data[own_at]);
        }
        Some(Array { shape: shape.to_vec(), data })
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Array {
        Array { shape: self.shape.clone(), data: self.data.iter().map(|x| f(*x)).collect() }
    }

    /// Combines along an axis.
    fn along(&self, axis: usize, f: impl Fn(f64, f64) -> f64) -> Array {
        let mut shape = self.shape.clone();
        let size = shape.remove(axis);
        let inner: usize = self.shape[axis + 1..].iter().product();
        let outer: usize = self.shape[..axis].iter().product();
        let mut data = vec![];
        for o in 0..outer {
            for i in 0..inner {
                let all = (0..size).map(|k| self.data[(o * size + k) * inner + i]);
                data.push(all.reduce(&f).expect("no axis is empty"));
            }
        }
        Array { shape, data }
    }

    /// What stands at a position of an axis.
    fn taken(&self, axis: usize, at: usize) -> Array {
        let mut shape = self.shape.clone();
        let size = shape.remove(axis);
        let inner: usize = shape[axis..].iter().product();
        let outer: usize = shape[..axis].iter().product();
        let data =
            (0..outer * inner).map(|flat| self.data[(flat / inner * size + at) * inner + flat % inner]).collect();
        Array { shape, data }
    }

    fn turned(&self) -> Array {
        let n = self.shape.len();
        if n < 2 {
            return self.clone();
        }
        let (rows, columns) = (self.shape[n - 2], self.shape[n - 1]);
        let mut shape = self.shape.clone();
        shape.swap(n - 2, n - 1);
        let one = rows * columns;
        let data = (0..self.data.len())
            .map(|flat| self.data[flat / one * one + flat % rows * columns + flat % one / rows])
            .collect();
        Array { shape, data }
    }
}

fn position(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    let mut rest = flat;
    for axis in (0..shape.len()).rev() {
        at[axis] = rest % shape[axis];
        rest /= shape[axis];
    }
    at
}

fn elementwise(a: &Array, b: &Array, f: impl Fn(f64, f64) -> f64) -> Found<Array> {
    let n = |x: &Array| x.shape.iter().filter(|size| **size != 1).count();
    let shape = if (n(a), a.shape.len()) >= (n(b), b.shape.len()) { &a.shape } else { &b.shape };
    let (Some(x), Some(y)) = (a.repeated(shape), b.repeated(shape)) else {
        return Err(format!("{:?} and {:?} do not go together", a.shape, b.shape));
    };
    Ok(Array { shape: shape.clone(), data: x.data.iter().zip(&y.data).map(|(x, y)| f(*x, *y)).collect() })
}

fn product(a: &Array, b: &Array, rank: usize) -> Found<Array> {
    let (m, n) = (a.shape.len(), b.shape.len());
    // A start that is 0 is so in every element.
    if (m == 0 && a.data[0] == 0.0) || (n == 0 && b.data[0] == 0.0) {
        return Ok(Array::scalar(0.0));
    }
    if (m, n, rank) == (1, 1, 2) {
        let data = a.data.iter().flat_map(|x| b.data.iter().map(move |y| x * y)).collect();
        return Ok(Array { shape: vec![a.shape[0], b.shape[0]], data });
    }
    let left = if m == 1 { vec![1, a.shape[0]] } else { a.shape.clone() };
    let right = if n == 1 { vec![b.shape[0], 1] } else { b.shape.clone() };
    let (rows, inner) = (left[left.len() - 2], left[left.len() - 1]);
    let (other, columns) = (right[right.len() - 2], right[right.len() - 1]);
    if inner != other {
        return Err(format!("a product of {:?} and {:?}", a.shape, b.shape));
    }
    let before = if left.len() >= right.len() { &left[..left.len() - 2] } else { &right[..right.len() - 2] };
    let count: usize = before.iter().product();
    let is_many = |shape: &[usize]| shape.len() > 2;
    let mut data = vec![];
    for block in 0..count {
        let (p, q) = (if is_many(&left) { block } else { 0 }, if is_many(&right) { block } else { 0 });
        for row in 0..rows {
            for column in 0..columns {
                let term = |k: usize| a.data[(p * rows + row) * inner + k] * b.data[(q * inner + k) * columns + column];
                data.push((0..inner).map(term).sum());
            }
        }
    }
    let mut shape = before.to_vec();
    shape.extend((m > 1).then_some(rows));
    shape.extend((n > 1).then_some(columns));
    Ok(Array { shape, data })
}

impl Page {
    /// A page with what is given: values by name, and the sizes of axes.
    pub fn new(given: Vec<(Symbol, Array)>, sizes: Vec<(nabla::ir::Symbol, usize)>, steps_axis: usize) -> Page {
        let known = given.into_iter().map(|(symbol, value)| (symbol_key(&symbol), value)).collect();
        Page { known, functions: HashMap::new(), sizes, steps_axis, steps: [0; DEPTH], last: [i64::MAX; DEPTH] }
    }

    /// Computes the sections up to the gradients. `draws` are what the random tensors are, in their order.
    pub fn compute(&mut self, equations: &Equations, mut draws: Vec<Array>) -> Found<()> {
        for section in equations.sections.iter().filter(|section| section.title == "Activations") {
            for row in &section.rows {
                if let Math::Apply { name, primes, args, .. } = &row.left
                    && let Math::Symbol(z) = &args[0]
                {
                    self.functions.insert((name.clone(), *primes), (z.clone(), row.right[0].clone()));
                }
            }
        }
        for title in ["Forward", "Backward", "Gradients"] {
            let Some(section) = equations.sections.iter().find(|section| section.title == title) else { continue };
            self.rows(&section.rows, 0, &mut draws)?;
        }
        Ok(())
    }

    /// Computes rows that stand in so many loops, those in a further one step by step.
    fn rows(&mut self, mut rest: &[Row], depth: usize, draws: &mut Vec<Array>) -> Found<()> {
        while let Some(first) = rest.first() {
            let Some(turns) = first.turns.get(depth) else {
                self.equation(first, draws)?;
                rest = &rest[1..];
                continue;
            };
            let n = rest.iter().take_while(|row| row.turns.get(depth) == Some(turns)).count();
            let (rows, others) = rest.split_at(n);
            rest = others;
            let count = self.size(&turns.count)? as i64;
            self.last[depth] = if turns.ends { count } else { i64::MAX };
            for step in 1..=count {
                self.steps[depth] = if turns.down { count + 1 - step } else { step };
                self.rows(rows, depth + 1, draws)?;
            }
            (self.steps[depth], self.last[depth]) = (0, i64::MAX);
        }
        Ok(())
    }

    fn equation(&mut self, row: &Row, draws: &mut Vec<Array>) -> Found<()> {
        let told = |error: String| format!("{}: {error}", row.to_text());
        // The definition of δ is no equation to compute with.
        if matches!(&row.left, Math::Symbol(symbol) if symbol.sup.as_deref() == Some("l")) {
            return Ok(());
        }
        if row.sign == Sign::Drawn {
            let Math::Symbol(symbol) = &row.left else { return Err("what is drawn has a name".into()) };
            self.known.insert(symbol_key(symbol), draws.remove(0));
            return Ok(());
        }
        // Any cost: what it gives back is given.
        if matches!((&row.left, row.right.as_slice()), (Math::Symbol(cost), [Math::Apply { name, .. }]) if *name == cost.base)
        {
            return Ok(());
        }
        let mut found: Vec<Array> = vec![];
        for formula in &row.right {
            match self.value(formula) {
                Ok(value) => found.push(value),
                // The cost by its name; what it computes follows.
                Err(error) if row.right.len() > 1 && error.ends_with(UNKNOWN_FUNCTION) => {}
                Err(error) => return Err(told(error)),
            }
        }
        let value = found.pop().ok_or_else(|| told("nothing can be computed".into()))?;
        for other in found {
            let difference = elementwise(&other, &value, |x, y| (x - y).abs() / (1.0 + x.abs())).map_err(told)?;
            if difference.data.iter().any(|x| *x > 1e-9) {
                return Err(told("the sides are not equal".into()));
            }
        }
        self.assign(&row.left, value).map_err(told)
    }

    fn assign(&mut self, left: &Math, value: Array) -> Found<()> {
        if let Math::Op { op, args } = left {
            let Kind::Plain(Op::Slice(slice)) = &op.kind else { return Err("an equation is about a value".into()) };
            let shape = self.shape(&op.from[0])?;
            let whole = self.key(&args[0]).ok_or("a part is of a value")?;
            let part: Vec<(usize, usize)> = slice
                .ranges
                .iter()
                .map(|range| Ok((self.size(&range.start)?, self.size(&range.size)?)))
                .collect::<Found<_>>()?;
            let sizes: Vec<usize> = part.iter().map(|(_, size)| *size).collect();
            let value =
                value.repeated(&sizes).or_else(|| value.reshaped(&sizes)).ok_or("the part has another shape")?;
            let n: usize = shape.iter().product();
            let array = self.known.entry(whole).or_insert_with(|| Array { shape: shape.clone(), data: vec![0.0; n] });
            for (flat, x) in value.data.iter().enumerate() {
                let at = position(flat, &sizes);
                let place = at.iter().zip(&part).zip(&shape).fold(0, |sum, ((at, (lo, _)), size)| sum * size + lo + at);
                array.data[place] = *x;
            }
            return Ok(());
        }
        let key = self.key(left).ok_or("an equation is about a value")?;
        // A derivative has the shape of what it is by, also where it is the same along an axis.
        let by = match left {
            Math::Partial { by, .. } => Some((**by).clone()),
            Math::Symbol(symbol) if symbol.base == "δ" => Some(Symbol { base: "z".into(), ..symbol.clone() }),
            _ => None,
        };
        let shape = by.and_then(|by| self.named(&by.into()).ok()).map(|by| by.shape);
        let value = shape.and_then(|shape| value.repeated(&shape)).unwrap_or(value);
        self.known.insert(key, value);
        Ok(())
    }

    /// The value of a name.
    pub fn named(&self, left: &Math) -> Found<Array> {
        let key = self.key(left).ok_or("this is no name")?;
        if let Some(value) = self.known.get(&key) {
            // A start that is the same for all rows has the shape of the steps behind it.
            let later = key.strip_suffix("@0").and_then(|whole| self.known.get(&format!("{whole}@1")));
            return Ok(later.and_then(|later| value.repeated(&later.shape)).unwrap_or_else(|| value.clone()));
        }
        if self.is_behind_the_last(left) {
            return Ok(Array::scalar(0.0));
        }
        if let Some((whole, step)) = key.rsplit_once('@') {
            let step: i64 = step.parse().map_err(|_| format!("the step {step}"))?;
            // What the user calls `y0` is y before the first step.
            if let Some(start) = self.known.get(&format!("{whole}₀")).filter(|_| step == 0) {
                return Ok(start.clone());
            }
        }
        if let Some(row) = self.row(&key) {
            return Ok(row);
        }
        // All steps of what is known step by step.
        let steps: Vec<&Array> = (1..).map_while(|step| self.known.get(&format!("{key}@{step}"))).collect();
        if let Some(first) = steps.first() {
            let axis = self.steps_axis;
            let mut shape = first.shape.clone();
            shape.insert(axis, steps.len());
            let data = (0..shape.iter().product()).map(|flat| {
                let mut at = position(flat, &shape);
                let step = at.remove(axis);
                steps[step].data[at.iter().zip(&first.shape).fold(0, |sum, (at, size)| sum * size + at)]
            });
            return Ok(Array { data: data.collect(), shape });
        }
        let is_step = key.rsplit_once('@').is_some_and(|(whole, _)| {
            self.known.keys().any(|other| other.rsplit_once('@').is_some_and(|(name, _)| name == whole))
        });
        if is_step { Ok(Array::scalar(0.0)) } else { Err(format!("{key} is not known")) }
    }

    /// A value, or a row of what stacks all steps; behind the last there is nothing.
    fn row(&self, key: &str) -> Option<Array> {
        if let Some(value) = self.known.get(key) {
            return Some(value.clone());
        }
        let (whole, step) = key.rsplit_once('@')?;
        let (array, step) = (self.row(whole)?, step.parse::<usize>().ok()?);
        // What is the same everywhere is so in every row.
        let Some(&count) = array.shape.get(self.steps_axis) else { return Some(array) };
        let in_range = (1..=count).contains(&step);
        Some(if in_range { array.taken(self.steps_axis, step - 1) } else { Array::scalar(0.0) })
    }

    fn key(&self, x: &Math) -> Option<String> {
        let step = |step: &Step| match step {
            Step::Near { depth, offset } => Some(self.steps[*depth] + i64::from(*offset)),
            Step::At(step) => {
                let known = self.sizes.iter().find(|(name, _)| **name.name() == **step).map(|(_, size)| *size as i64);
                known.or_else(|| step.parse().ok())
            }
        };
        let stepped = |symbol: &Symbol| {
            let steps = symbol.steps.iter().map(step).collect::<Option<Vec<i64>>>()?;
            Some(steps.iter().fold(symbol_key(symbol), |key, step| format!("{key}@{step}")))
        };
        match x {
            Math::Symbol(symbol) => stepped(symbol),
            Math::Partial { by, .. } => Some(format!("∂{}", stepped(by)?)),
            _ => None,
        }
    }

    /// Whether a name is of a step behind the last.
    fn is_behind_the_last(&self, x: &Math) -> bool {
        let symbol = match x {
            Math::Symbol(symbol) => symbol,
            Math::Partial { by, .. } => by,
            _ => return false,
        };
        symbol.steps.iter().any(|step| match step {
            Step::Near { depth, offset } => self.steps[*depth] + i64::from(*offset) > self.last[*depth],
            Step::At(_) => false,
        })
    }

    fn size(&self, dim: &Dim) -> Found<usize> {
        usize::try_from(self.offset(dim)?).map_err(|_| format!("the size {dim} is negative"))
    }

    fn offset(&self, dim: &Dim) -> Found<i64> {
        let of = |symbol: &nabla::ir::Symbol| {
            self.sizes.iter().find(|(other, _)| other.name() == symbol.name()).map(|(_, size)| *size as i64)
        };
        dim.eval(&of).ok_or_else(|| format!("the size {dim} is not known"))
    }

    /// The loop whose steps a name counts.
    fn depth_of(&self, symbol: &Symbol) -> Option<usize> {
        let is_plain = symbol.rank == 0 && symbol.sub.is_none() && symbol.sup.is_none() && symbol.steps.is_empty();
        let is_open = |depth: &usize| *depth == 0 || self.steps[*depth] > 0;
        (0..DEPTH).find(|depth| turn(*depth) == symbol.base).filter(|depth| is_plain && is_open(depth))
    }

    fn shape(&self, ty: &Type) -> Found<Vec<usize>> {
        ty.shape.iter().map(|dim| self.size(dim)).collect()
    }

    /// The value of a formula.
    pub fn value(&mut self, x: &Math) -> Found<Array> {
        match x {
            Math::Number(value) => Ok(Array::scalar(*value)),
            Math::Symbol(symbol) if self.depth_of(symbol).is_some() => {
                Ok(Array::scalar(self.steps[self.depth_of(symbol).expect("looked up above")] as f64))
            }
            Math::Symbol(symbol)
                if symbol.rank == 0 && symbol.steps.is_empty() && !self.known.contains_key(&symbol_key(symbol)) =>
            {
                let size = self.sizes.iter().find(|(other, _)| **other.name() == *symbol.base);
                size.map(|(_, size)| Array::scalar(*size as f64)).ok_or_else(|| format!("{} is not known", text(x)))
            }
            Math::Symbol(_) | Math::Partial { .. } => self.named(x),
            Math::Sum(parts) => self.fold(parts, |x, y| x + y),
            Math::Product(parts) => self.fold(parts, |x, y| x * y),
            Math::Neg(x) => Ok(self.value(x)?.map(|x| -x)),
            Math::Quotient(x, y) => elementwise(&self.value(x)?, &self.value(y)?, |x, y| x / y),
            Math::Power(x, y) => elementwise(&self.value(x)?, &self.value(y)?, f64::powf),
            Math::MatMul { factors, rank } => {
                let [a, b] = factors.as_slice() else { return Err("a product of two".into()) };
                product(&self.value(a)?, &self.value(b)?, *rank)
            }
            Math::Transpose(x) => Ok(self.value(x)?.turned()),
            Math::Apply { name, primes, args, .. } => self.applied(name, *primes, args),
            Math::Over { sign, axis, body, .. } => self.over(*sign, axis, body),
            Math::Cases { cases, otherwise } => {
                // A case of a step is chosen before anything else is looked at: behind the last step nothing is known.
                if let [(then, condition)] = cases.as_slice()
                    && let Ok(condition) = self.value(condition)
                    && condition.shape.is_empty()
                {
                    return self.value(if condition.data[0] != 0.0 { then } else { otherwise });
                }
                let mut value = self.value(otherwise)?;
                for (then, condition) in cases.iter().rev() {
                    let condition = self.value(condition)?;
                    if condition.shape.is_empty() {
                        value = if condition.data[0] != 0.0 { self.value(then)? } else { value };
                        continue;
                    }
                    let then = self.value(then)?;
                    let chosen = elementwise(&condition, &then, |c, x| if c != 0.0 { x } else { 0.0 })?;
                    let other = elementwise(&condition, &value, |c, x| if c != 0.0 { 0.0 } else { x })?;
                    value = elementwise(&chosen, &other, |x, y| x + y)?;
                }
                Ok(value)
            }
            Math::Relation { sign, left, right } => {
                let holds = |x: f64, y: f64| match *sign {
                    "=" => x == y,
                    "≠" => x != y,
                    "<" => x < y,
                    "≤" => x <= y,
                    ">" => x > y,
                    _ => x >= y,
                };
                elementwise(&self.value(left)?, &self.value(right)?, |x, y| f64::from(u8::from(holds(x, y))))
            }
            Math::Op { op, args } => {
                let args = args.iter().map(|arg| self.value(arg)).collect::<Found<Vec<_>>>()?;
                self.operation(op, args)
            }
            Math::Entry { .. } | Math::Total { .. } | Math::Words(_) => Err(format!("{} is not computed", text(x))),
        }
    }

    fn fold(&mut self, parts: &[Math], f: impl Fn(f64, f64) -> f64 + Copy) -> Found<Array> {
        let mut values = parts.iter().map(|part| self.value(part)).collect::<Found<Vec<_>>>()?;
        // The largest first, so that the others find their axes in it.
        values.sort_by_key(|value| std::cmp::Reverse(value.shape.len()));
        let mut all = values.into_iter();
        let first = all.next().ok_or("an empty sum")?;
        all.try_fold(first, |sum, value| elementwise(&sum, &value, f))
    }

    fn over(&mut self, sign: Big, axis: &Axis, body: &Math) -> Found<Array> {
        // What a function says of the axis k of its argument is about any last axis.
        let size = match self.size(&axis.size) {
            Err(_) if axis.name == "k" => *self.value(body)?.shape.last().ok_or("a sum of a number")?,
            size => size?,
        };
        let f = |x: f64, y: f64| match sign {
            Big::Sum => x + y,
            Big::Max => x.max(y),
            Big::Min | Big::All => x.min(y),
            Big::Any => x.max(y),
        };
        if let Some(depth) = (0..DEPTH).find(|depth| turn(*depth) == axis.name && mentions_step(body, *depth)) {
            let before = self.steps[depth];
            let mut total: Option<Array> = None;
            for step in 1..=size as i64 {
                self.steps[depth] = step;
                let value = self.value(body)?;
                total = Some(match total {
                    Some(total) => elementwise(&total, &value, f)?,
                    None => value,
                });
            }
            self.steps[depth] = before;
            return total.ok_or_else(|| "no steps".into());
        }
        let value = self.value(body)?;
        // k is the last axis; others are found by their sizes.
        let is_last = axis.name == "k" && value.shape.last() == Some(&size);
        let place = match is_last {
            true => Some(value.shape.len() - 1),
            false => value.shape.iter().position(|other| *other == size),
        };
        let place = place.or((axis.name == "k" && !value.shape.is_empty()).then(|| value.shape.len() - 1));
        let place = place.ok_or_else(|| format!("no axis {} in {:?}", axis.name, value.shape))?;
        Ok(value.along(place, f))
    }

    fn applied(&mut self, name: &str, primes: usize, args: &[Math]) -> Found<Array> {
        let values = args.iter().map(|arg| self.value(arg)).collect::<Found<Vec<_>>>()?;
        if let Some((param, body)) = self.functions.get(&(name.to_string(), primes)).cloned() {
            // A definition that mentions the function itself means it without primes: σ′ = σ (1 − σ).
            let before = self.known.insert(symbol_key(&param), values[0].clone());
            let value = self.value(&body);
            match before {
                Some(before) => self.known.insert(symbol_key(&param), before),
                None => self.known.remove(&symbol_key(&param)),
            };
            return value;
        }
        let one = |f: fn(f64) -> f64| Ok(values[0].map(f));
        match (name, primes) {
            ("exp", 0) => one(f64::exp),
            ("log", 0) => one(f64::ln),
            ("sqrt", 0) => one(f64::sqrt),
            ("tanh", 0) => one(f64::tanh),
            ("sin", 0) => one(f64::sin),
            ("cos", 0) => one(f64::cos),
            ("abs", 0) => one(f64::abs),
            ("sign", 0) => one(|x| if x == 0.0 { 0.0 } else { x.signum() }),
            ("sigmoid", 0) => one(|x| 1.0 / (1.0 + (-x).exp())),
            ("softplus", 0) => one(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            ("erf", 0) => one(libm_erf),
            ("max", 0) => elementwise(&values[0], &values[1], f64::max),
            ("min", 0) => elementwise(&values[0], &values[1], f64::min),
            _ => Err(format!("{name}{UNKNOWN_FUNCTION}")),
        }
    }

    fn operation(&self, op: &Operation, args: Vec<Array>) -> Found<Array> {
        let mut tensors = vec![];
        for (arg, ty) in args.iter().zip(&op.from) {
            let shape = self.shape(ty)?;
            let value = arg.repeated(&shape).or_else(|| arg.reshaped(&shape));
            let value = value.ok_or_else(|| format!("{:?} where {ty} is asked for", arg.shape))?;
            tensors.push(match ty.dtype {
                DType::I64 => Tensor::from_vec(value.data.iter().map(|x| *x as i64).collect(), &shape),
                _ => Tensor::from_vec(value.data, &shape),
            });
        }
        match &op.kind {
            Kind::Plain(plain) => {
                let stop = AtomicBool::new(false);
                let ctx = Context { interrupt: &stop, memory_limit: 1 << 30 };
                let mut plain = plain.clone();
                plain.map_dims(&|dim| self.offset(dim).map_or_else(|_| dim.clone(), Dim::constant));
                let result = interp::eval_op(&Module::default(), &plain, tensors, &[], &ctx);
                Ok(Array::of(&result.map_err(|fault| format!("{fault:?}"))?[0]))
            }
            Kind::Unpool(pool) => self.unpool(pool, &Array::of(&tensors[0]), &Array::of(&tensors[1])),
            Kind::Function(name) if name == "ones" => {
                let shape = self.shape(&op.to)?;
                Ok(Array { data: vec![1.0; shape.iter().product()], shape })
            }
            Kind::Function(name) => Err(format!("the function {name} is not computed")),
            Kind::Loop(_) => Err("a loop without a page is not computed".into()),
        }
    }

    /// Each element of `ct` to where its window of `x` is largest first.
    fn unpool(&self, pool: &ReduceWindow, ct: &Array, x: &Array) -> Found<Array> {
        let first = x.shape.len() - pool.windows.len();
        let sizes = pool.windows.iter().map(|window| self.size(&window.size)).collect::<Found<Vec<_>>>()?;
        let los = pool.windows.iter().map(|window| self.size(&window.lo)).collect::<Found<Vec<_>>>()?;
        let mut back = Array { shape: x.shape.clone(), data: vec![0.0; x.data.len()] };
        for (flat, g) in ct.data.iter().enumerate() {
            let at = position(flat, &ct.shape);
            let mut best: Option<(f64, usize)> = None;
            for inner in 0..sizes.iter().product() {
                let within = position(inner, &sizes);
                let mut place: Vec<i64> = at.iter().map(|at| *at as i64).collect();
                for (idx, window) in pool.windows.iter().enumerate() {
                    place[first + idx] =
                        at[first + idx] as i64 * window.stride + within[idx] as i64 * window.dilation - los[idx] as i64;
                }
                if place.iter().zip(&x.shape).any(|(at, size)| *at < 0 || *at >= *size as i64) {
                    continue;
                }
                let flat = place.iter().zip(&x.shape).fold(0, |sum, (at, size)| sum * size + *at as usize);
                let value = if pool.kind == ReduceKind::Min { -x.data[flat] } else { x.data[flat] };
                if best.is_none_or(|(most, _)| value > most) {
                    best = Some((value, flat));
                }
            }
            back.data[best.ok_or("a window without elements")?.1] += g;
        }
        Ok(back)
    }

    /// Whether a row of the notation is true: both sides computed, the left by the operation, the right index by index. Names
    /// that stand for any tensor are random.
    pub fn check_notation(&mut self, row: &Row) -> Found<bool> {
        let Math::Entry { of, at } = &row.left else { return Ok(false) };
        let Math::Op { op, args } = &**of else { return Ok(false) };
        if has_words(&row.right[0]) {
            return Ok(false);
        }
        for (idx, (arg, ty)) in args.iter().zip(&op.from).enumerate() {
            let shape = self.shape(ty)?;
            let Some(key) = self.key(arg) else { continue };
            let value = match self
                .named(arg)
                .ok()
                .and_then(|value| value.repeated(&shape).or_else(|| value.reshaped(&shape)))
            {
                Some(value) => value,
                None => {
                    let n: usize = shape.iter().product();
                    let noise = |k: usize| ((k * 37 + idx * 11) % 23) as f64 / 7.0 - 1.5;
                    Array { data: (0..n).map(noise).collect(), shape }
                }
            };
            self.known.insert(key, value);
        }
        let whole = self.value(of)?;
        let names: Vec<String> = at.iter().map(text).collect();
        for flat in 0..whole.data.len() {
            let place = position(flat, &whole.shape);
            let mut indices: HashMap<String, i64> =
                names.iter().cloned().zip(place.iter().map(|at| *at as i64)).collect();
            let right = self.at(&row.right[0], &mut indices)?.unwrap_or(0.0);
            if (right - whole.data[flat]).abs() > 1e-9 * (1.0 + right.abs()) {
                return Err(format!("{}: {right} and {} at {place:?}", row.to_text(), whole.data[flat]));
            }
        }
        Ok(true)
    }

    /// An element of a formula for these indices; none if it lies outside.
    fn at(&mut self, x: &Math, indices: &mut HashMap<String, i64>) -> Found<Option<f64>> {
        Ok(match x {
            Math::Number(value) => Some(*value),
            Math::Symbol(symbol) if symbol.rank == 0 => match indices.get(&text(x)) {
                Some(index) => Some(*index as f64),
                None => Some(self.value(x)?.data[0]),
            },
            Math::Entry { of, at } => {
                let value = self.value(of)?;
                let mut place = vec![];
                for index in at {
                    let Some(index) = self.at(index, indices)? else { return Ok(None) };
                    place.push(index as i64);
                }
                if place.len() != value.shape.len() {
                    return Err(format!("{} has {} axes", text(x), value.shape.len()));
                }
                if place.iter().zip(&value.shape).any(|(at, size)| *at < 0 || *at >= *size as i64) {
                    return Ok(None);
                }
                let flat = place.iter().zip(&value.shape).fold(0, |sum, (at, size)| sum * size + *at as usize);
                Some(value.data[flat])
            }
            Math::Sum(parts) => {
                let all = parts.iter().map(|part| self.at(part, indices)).collect::<Found<Option<Vec<_>>>>()?;
                all.map(|all| all.iter().sum())
            }
            Math::Product(parts) => {
                let all = parts.iter().map(|part| self.at(part, indices)).collect::<Found<Option<Vec<_>>>>()?;
                all.map(|all| all.iter().product())
            }
            Math::Neg(x) => self.at(x, indices)?.map(|x| -x),
            Math::Relation { sign, left, right } => {
                let (Some(left), Some(right)) = (self.at(left, indices)?, self.at(right, indices)?) else {
                    return Ok(None);
                };
                let holds = match *sign {
                    "=" => left == right,
                    "≤" => left <= right,
                    _ => left >= right,
                };
                Some(f64::from(u8::from(holds)))
            }
            Math::Total { sign, over, when, body } => {
                let sizes = over.iter().map(|axis| self.size(&axis.size)).collect::<Found<Vec<_>>>()?;
                let mut total: Option<f64> = None;
                for flat in 0..sizes.iter().product() {
                    for (axis, at) in over.iter().zip(position(flat, &sizes)) {
                        indices.insert(axis.name.clone(), at as i64);
                    }
                    let mut holds = true;
                    for condition in when {
                        holds &= self.at(condition, indices)? == Some(1.0);
                    }
                    let Some(value) = (if holds { self.at(body, indices)? } else { None }) else { continue };
                    total = Some(match (total, sign) {
                        (None, _) => value,
                        (Some(total), Big::Sum) => total + value,
                        (Some(total), Big::Min) => total.min(value),
                        (Some(total), _) => total.max(value),
                    });
                }
                indices.retain(|name, _| over.iter().all(|axis| axis.name != *name));
                total
            }
            other => return Err(format!("{} has no elements", text(other))),
        })
    }
}

fn has_words(x: &Math) -> bool {
    match x {
        Math::Words(_) => true,
        Math::Total { when, .. } => when.iter().any(has_words),
        _ => false,
    }
}

fn mentions_step(x: &Math, wanted: usize) -> bool {
    let near =
        |symbol: &Symbol| symbol.steps.iter().any(|step| matches!(step, Step::Near { depth, .. } if *depth == wanted));
    let mentions_step = |x: &Math| mentions_step(x, wanted);
    match x {
        Math::Symbol(symbol) => near(symbol),
        Math::Partial { by, .. } => near(by),
        Math::Neg(x) | Math::Transpose(x) => mentions_step(x),
        Math::Over { body, .. } => mentions_step(body),
        Math::Sum(parts) | Math::Product(parts) => parts.iter().any(mentions_step),
        Math::MatMul { factors, .. } => factors.iter().any(mentions_step),
        Math::Apply { args, .. } | Math::Op { args, .. } => args.iter().any(mentions_step),
        Math::Quotient(x, y) | Math::Power(x, y) => mentions_step(x) || mentions_step(y),
        Math::Cases { cases, otherwise } => {
            cases.iter().any(|(x, condition)| mentions_step(x) || mentions_step(condition)) || mentions_step(otherwise)
        }
        _ => false,
    }
}

fn symbol_key(symbol: &Symbol) -> String {
    text(&Symbol { steps: vec![], rank: 0, ..symbol.clone() }.into())
}

/// The error function, by its series and continued fraction to double precision where tests need it.
fn libm_erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}
