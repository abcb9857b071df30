//! What the operations of a page mean, index by index: `(x ⋆ K)[n, f, i] = Σ_{c, k} x[n, c, 2i + k − 1] K[f, c, k]`.
//!
//! An element outside of its tensor counts as nothing.

use super::algebra;
use super::axes::size_math;
use super::document::{Row, Section};
use super::math::{Axis, Big, Math, Symbol, difference, product, sum};
use super::operation::{Kind, Operation};
use crate::ir::op::{Contract, ReduceKind, Relation, Window};
use crate::ir::{Dim, Op};

/// One row for each operation that the sections have, with the operands it has first.
pub fn rows(sections: &[Section]) -> Vec<Row> {
    let found = std::cell::RefCell::new(vec![]);
    let note = |x: &Math| {
        algebra::substitute(x, &|part| {
            if let Math::Op { op, args } = part
                && !found.borrow().iter().any(|(other, _)| is_same(other, op))
            {
                found.borrow_mut().push(((**op).clone(), args.clone()));
            }
            None
        });
    };
    for row in sections.iter().flat_map(|section| &section.rows) {
        note(&row.left);
        row.right.iter().for_each(note);
    }
    let mut rows: Vec<Row> = vec![];
    for row in found.into_inner().iter().filter_map(|(op, args)| meaning(op, args)) {
        if rows.iter().all(|other| other.to_text() != row.to_text()) {
            rows.push(row);
        }
    }
    rows
}

/// Whether two operations mean the same: their attributes are the same, but for sizes that the operands tell.
fn is_same(a: &Operation, b: &Operation) -> bool {
    let bare = |op: &Op| match op {
        Op::Contract(contract) => {
            let mut contract = contract.clone();
            contract.relations.iter_mut().for_each(|relation| relation.size = 0.into());
            Op::from(contract)
        }
        op => op.clone(),
    };
    match (&a.kind, &b.kind) {
        (Kind::Plain(a), Kind::Plain(b)) => bare(a) == bare(b),
        (a, b) => a == b,
    }
}

/// Names of indices, as many as there are axes.
const LETTERS: [&str; 8] = ["n", "i", "j", "k", "l", "m", "p", "q"];

fn index(name: &str) -> Math {
    Symbol::plain(name, 0).into()
}

fn entry(of: &Math, at: Vec<Math>) -> Math {
    Math::Entry { of: Box::new(of.clone()), at }
}

fn equals(left: Math, right: Math) -> Math {
    Math::Relation { sign: "=", left: Box::new(left), right: Box::new(right) }
}

/// An operand: its name, or a letter where it is a formula.
fn operand(arg: &Math, letter: &str, rank: usize) -> Math {
    match arg {
        Math::Symbol(_) | Math::Partial { .. } => arg.clone(),
        _ => Symbol::plain(letter, rank).into(),
    }
}

/// What an operation gives at every position.
fn meaning(op: &Operation, args: &[Math]) -> Option<Row> {
    let letters = ["u", "v", "w", "y"];
    let named = |(idx, arg): (usize, &Math)| match arg {
        Math::Number(_) => arg.clone(),
        arg => operand(arg, letters[idx % 4], op.from.get(idx).map_or(0, |ty| ty.rank())),
    };
    let args: Vec<Math> = args.iter().enumerate().map(named).collect();
    let whole = Math::Op { op: Box::new(op.clone()), args: args.clone() };
    let at: Vec<Math> = (0..op.to.rank()).map(|axis| index(LETTERS[axis % 8])).collect();
    let words = |text: &str| Some(Row::new(whole.clone(), vec![Math::Words(text.into())]));
    let is = |at: Vec<Math>, right: Math| Some(Row::new(entry(&whole, at), vec![right]));
    let plain = match &op.kind {
        Kind::Plain(op) => op,
        Kind::Unpool(pool) => return unpool(&whole, op, &args, &pool.windows, pool.kind),
        Kind::Function(_) => return None,
        Kind::Loop(number) => return words(&format!("value {number} of what a loop gives")),
    };
    match plain {
        Op::Contract(contract) => Some(contraction(&whole, op, contract, &args)),
        Op::ReduceWindow(pool) => {
            let (out, inside, inner) = windows(op.from[0].rank(), &pool.windows);
            let sign = if pool.kind == ReduceKind::Min { Big::Min } else { Big::Max };
            let body = Box::new(entry(&args[0], inside));
            is(out, Math::Total { sign, over: inner, when: vec![], body })
        }
        Op::Transpose(transpose) => {
            let mut inner = vec![index("n"); at.len()];
            transpose.perm.iter().zip(&at).for_each(|(&axis, letter)| inner[axis] = letter.clone());
            is(at, entry(&args[0], inner))
        }
        Op::Reshape(_) => {
            let sizes: Vec<String> = op.to.shape.iter().map(Dim::to_string).collect();
            words(&format!("the elements in their order, as [{}]", sizes.join(", ")))
        }
        Op::Pad(pad) if op.placement().is_some() => {
            let inner =
                at.iter().zip(&pad.axes).map(|(at, axis)| difference(at.clone(), size_math(&axis.lo))).collect();
            is(at, entry(&args[0], inner))
        }
        Op::Gather(gather) if gather.batch_axes == 0 => {
            let (first, rest) = at.split_at(op.from[1].rank());
            let place = if first.is_empty() { args[1].clone() } else { entry(&args[1], first.to_vec()) };
            is(at.clone(), entry(&args[0], [&[place], rest].concat()))
        }
        Op::ScatterAdd(scatter) if scatter.batch_axes == 0 => {
            let n = op.from[0].rank();
            let over: Vec<Axis> =
                (0..n).map(|axis| Axis::new(["i", "j", "k", "l"][axis % 4], op.from[0].shape[axis].clone())).collect();
            let inner: Vec<Math> = over.iter().map(|axis| index(&axis.name)).collect();
            let out: Vec<Math> = (0..at.len()).map(|axis| index(["w", "p", "q", "r"][axis % 4])).collect();
            let place = if inner.is_empty() { args[0].clone() } else { entry(&args[0], inner.clone()) };
            let body = Box::new(entry(&args[1], [inner.as_slice(), &out[1..]].concat()));
            is(out.clone(), Math::Total { sign: Big::Sum, over, when: vec![equals(place, out[0].clone())], body })
        }
        Op::CumSum(cumsum) => {
            let over = vec![Axis::new("r", op.to.shape[cumsum.axis].clone())];
            let mut inner = at.clone();
            inner[cumsum.axis] = index("r");
            let sign = if cumsum.reverse { "≥" } else { "≤" };
            let when = Math::Relation { sign, left: Box::new(index("r")), right: Box::new(at[cumsum.axis].clone()) };
            is(at, Math::Total { sign: Big::Sum, over, when: vec![when], body: Box::new(entry(&args[0], inner)) })
        }
        Op::Flip(flip) => {
            let turned = |(axis, at): (usize, &Math)| match flip.axes.contains(&axis) {
                true => sum([size_math(&op.to.shape[axis]), Math::Number(-1.0), super::math::negative(at.clone())]),
                false => at.clone(),
            };
            let inner = at.iter().enumerate().map(turned).collect();
            is(at, entry(&args[0], inner))
        }
        Op::ArgReduce(_) => words("the first position of the largest, or smallest, element"),
        Op::ArgSort(_) => words("the positions of the elements in ascending order"),
        Op::Concat(concat) => words(&format!("one after the other, along axis {}", concat.axis)),
        Op::Gather(_) => words("the elements of the first at the positions in the second, row by row"),
        Op::ScatterAdd(_) => words("the elements of the second added up at the positions in the first, row by row"),
        Op::Iota(_) => words("the position along the axis: 0, 1, 2, …"),
        Op::Const(constant) if matches!(op.style(), super::operation::Style::Name(name) if name == "const") => {
            words(&format!("a constant with {} elements", constant.value.len()))
        }
        Op::Cholesky(_) => words("the lower triangular L with L Lᵀ = u"),
        Op::Const(_) | Op::Broadcast(_) | Op::Slice(_) | Op::Solve(_) | Op::TriSolve(_) => None,
        op => words(&format!("the operation {} of the instruction set", op.name())),
    }
}

/// The indices of what windows give, the position in x of an element of a window, and the indices within a window.
fn windows(rank: usize, windows: &[Window]) -> (Vec<Math>, Vec<Math>, Vec<Axis>) {
    let first = rank - windows.len();
    let before: Vec<Math> = (0..first).map(|axis| index(["n", "c", "g", "b"][axis % 4])).collect();
    let outer: Vec<Math> = (0..windows.len()).map(|idx| index(["i", "j", "p"][idx % 3])).collect();
    let names = ["k", "l", "m"];
    let inner =
        windows.iter().enumerate().map(|(idx, window)| Axis::new(names[idx % 3], window.size.clone())).collect();
    let place = |(idx, window): (usize, &Window)| {
        let stride = product([Math::Number(window.stride as f64), outer[idx].clone()]);
        let within = product([Math::Number(window.dilation as f64), index(names[idx % 3])]);
        difference(sum([stride, within]), size_math(&window.lo))
    };
    let inside = windows.iter().enumerate().map(place);
    let inside = before.iter().cloned().chain(inside).collect();
    (before.into_iter().chain(outer).collect(), inside, inner)
}

/// What a pool sends back: to each element what the windows got in which it is the largest.
fn unpool(whole: &Math, op: &Operation, args: &[Math], sliding: &[Window], kind: ReduceKind) -> Option<Row> {
    let (out, ..) = windows(op.to.rank(), sliding);
    let first = op.to.rank() - sliding.len();
    let places: Vec<Math> = (0..sliding.len()).map(|idx| index(["h", "w", "d"][idx % 3])).collect();
    let at: Vec<Math> = out[..first].iter().chain(&places).cloned().collect();
    let over = (first..out.len()).map(|axis| Axis::new(super::text::text(&out[axis]), op.from[0].shape[axis].clone()));
    let list = |parts: &[Math]| parts.iter().map(super::text::text).collect::<Vec<_>>().join(", ");
    let extreme = if kind == ReduceKind::Min { "smallest" } else { "largest" };
    let (inside, outside) = (list(&places), list(&out[first..]));
    let when = format!("the first {extreme} of window ({outside}) is at ({inside})");
    let body = Box::new(entry(&args[0], out.clone()));
    let total = Math::Total { sign: Big::Sum, over: over.collect(), when: vec![Math::Words(when)], body };
    Some(Row::new(entry(whole, at), vec![total]))
}

/// A contraction: a sum over the labels that the result does not have. Of three labels that a relation ties, one is told by
/// the others where its factor is 1; else the relation is a condition.
fn contraction(whole: &Math, op: &Operation, contract: &Contract, args: &[Math]) -> Row {
    let letter = |label: char| label_letter(contract, label);
    let mut told: Vec<(char, Math)> = vec![];
    let mut when = vec![];
    for relation in &contract.relations {
        // A window of ones says nothing of where it ends, so its index is summed over.
        let is_window = matches!(args[1], Math::Number(_));
        match solved(contract, relation, &letter).filter(|(label, _)| !is_window || *label != relation.k.1) {
            Some(label) => told.push(label),
            None => {
                let [i, k, h] =
                    [relation.i, relation.k, relation.h].map(|(factor, label)| scaled(factor, &letter(label)));
                when.push(equals(sum([i, k]), sum([h, size_math(&relation.offset)])));
            }
        }
    }
    let at = |leg: &[char]| {
        let place = |label: &char| match told.iter().find(|(other, _)| other == label) {
            Some((_, formula)) => formula.clone(),
            None => index(&letter(*label)),
        };
        leg.iter().map(place).collect::<Vec<_>>()
    };
    let mut over: Vec<Axis> = vec![];
    for (leg, ty) in [(&contract.left, &op.from[0]), (&contract.right, &op.from[1])] {
        for (label, size) in leg.iter().zip(&ty.shape) {
            let is_open = !contract.result.contains(label) && told.iter().all(|(other, _)| other != label);
            if is_open && over.iter().all(|axis| axis.name != letter(*label)) {
                over.push(Axis::new(letter(*label), size.clone()));
            }
        }
    }
    let factor = |arg: &Math, leg: &[char]| match arg {
        Math::Number(_) => arg.clone(),
        arg => entry(arg, at(leg)),
    };
    let body = product([factor(&args[0], &contract.left), factor(&args[1], &contract.right)]);
    let right = match over.is_empty() {
        true => body,
        false => Math::Total { sign: Big::Sum, over, when, body: Box::new(body) },
    };
    Row::new(entry(whole, at(&contract.result)), vec![right])
}

/// A label that a relation tells from the two others: what is summed over first.
fn solved(contract: &Contract, relation: &Relation, letter: &dyn Fn(char) -> String) -> Option<(char, Math)> {
    let Relation { i, k, h, offset, .. } = relation;
    let (a, b, c) = (scaled(i.0, &letter(i.1)), scaled(k.0, &letter(k.1)), scaled(h.0, &letter(h.1)));
    let is_open = |label: char| !contract.result.contains(&label);
    // h = a i + b k − p;  i = h + p − b k;  k = h + p − a i
    if is_open(h.1) && h.0 == 1 {
        return Some((h.1, difference(sum([a, b]), size_math(offset))));
    }
    if is_open(i.1) && i.0.abs() == 1 {
        let value = difference(sum([c, size_math(offset)]), b);
        return Some((i.1, product([Math::Number(i.0 as f64), value])));
    }
    if is_open(k.1) && k.0.abs() == 1 {
        let value = difference(sum([c, size_math(offset)]), a);
        return Some((k.1, product([Math::Number(k.0 as f64), value])));
    }
    None
}

fn scaled(factor: i64, letter: &str) -> Math {
    product([Math::Number(factor as f64), index(letter)])
}

/// What a label is called: the axes of images as usual, others as they are.
fn label_letter(contract: &Contract, label: char) -> String {
    for (idx, relation) in contract.relations.iter().enumerate() {
        for (other, letters) in
            [(relation.i.1, ["i", "j", "p"]), (relation.k.1, ["k", "l", "m"]), (relation.h.1, ["h", "w", "d"])]
        {
            if other == label {
                return letters[idx % 3].into();
            }
        }
    }
    match (label, contract.relations.is_empty()) {
        ('o', false) => "f".into(),
        (label, true) => label.into(),
        (label @ ('n' | 'c' | 'g'), false) => label.into(),
        (label, false) if contract.right.len() == contract.relations.len() => {
            let axis = contract.left.iter().chain(&contract.result).position(|other| *other == label).unwrap_or(0);
            ["n", "c", "g", "b"][axis % 4].into()
        }
        (label, false) => label.into(),
    }
}
