//! The walk from the cost back to the parameters, cut by cut: what each has received is its derivative, and it gives what it
//! was made of its share.

use std::collections::{HashMap, HashSet};

use super::Start;
use super::activation::Activation;
use super::cut::{Cut, Cuts, Place};
use super::document::{Row, Turns};
use super::known::{in_step, later, one_step};
use super::math::{Axis, Big, Math, Step, Symbol, over, product, sum, turn};
use super::piece;
use super::place::placed;
use super::recur::{Carry, Loop};
use crate::ir::ValueId;

/// The most names and numbers of a derivative that is not written for itself, but in the formula of the next.
const SHORT: usize = 4;

/// The walk.
pub struct Backward<'a> {
    cuts: &'a Cuts,
    /// What each cut has received so far.
    received: HashMap<ValueId, Vec<Math>>,
    /// What has its row already: a loop said row by row what it is.
    written: HashSet<ValueId>,
    /// What must have a row of its own.
    forced: HashSet<ValueId>,
    /// Whether what is short stands in the formula of the next. Without layers every step is written, as in the notes.
    folds: bool,
    /// The derivatives by values.
    pub errors: Vec<Row>,
    /// The derivatives by parameters.
    pub gradients: Vec<Row>,
    /// The parameters that have one.
    pub reached: Vec<ValueId>,
}

impl<'a> Backward<'a> {
    /// The walk through a function, from the cost.
    pub fn of_cost(cuts: &'a Cuts) -> Backward<'a> {
        let mut walk = Backward { folds: !cuts.layers.is_empty(), ..Backward::new(cuts) };
        match cuts.start {
            Start::Cost => {
                walk.received.insert(cuts.graph.results()[0], vec![Math::Number(1.0)]);
            }
            // What a cost of the results gives them is not known: it is written as it is.
            Start::AnyCost => {
                for end in cuts.ends() {
                    walk.received.insert(end.value, vec![cuts.error(end)]);
                    walk.written.insert(end.value);
                }
            }
        }
        let mut gradients = vec![];
        walk.walk();
        for cut in cuts.all.iter().rev().filter(|cut| matches!(cut.place, Place::Param { wanted: true })) {
            let Some(terms) = walk.received.remove(&cut.value) else { continue };
            walk.reached.push(cut.value);
            let rows = walk.rows(cut, cuts.partial(&cut.symbol), sum(terms));
            gradients.extend(rows.into_iter().rev().map(|row| (cut.layer(), row)));
        }
        // Layers from the last to the first; parameters of one layer in their own order.
        gradients.reverse();
        gradients.sort_by_key(|(layer, _)| std::cmp::Reverse(*layer));
        walk.gradients = gradients.into_iter().map(|(_, row)| row).collect();
        walk
    }

    fn new(cuts: &'a Cuts) -> Backward<'a> {
        let (written, forced) = (HashSet::new(), HashSet::new());
        Backward {
            cuts,
            received: HashMap::new(),
            written,
            forced,
            folds: true,
            errors: vec![],
            gradients: vec![],
            reached: vec![],
        }
    }

    fn walk(&mut self) {
        let cuts = self.cuts;
        for cut in cuts.all.iter().rev() {
            if let Place::Loop(idx) = cut.place {
                self.through(&cuts.loops[idx]);
                continue;
            }
            let keeps = matches!(cut.place, Place::Param { .. } | Place::Input { .. } | Place::Given);
            if keeps || !self.received.contains_key(&cut.value) {
                continue;
            }
            let terms = self.received.remove(&cut.value).expect("looked up above");
            let total = cuts.shorter(&sum(terms), &cut.symbol);
            if self.written.contains(&cut.value) {
                self.send(cut, &cuts.error(cut));
                continue;
            }
            let folds = self.folds && total.size() <= SHORT && !self.forced.contains(&cut.value);
            match cut.place {
                Place::Param { .. } | Place::Input { .. } | Place::Given | Place::Loop(_) => {}
                Place::Drawn | Place::Fixed => {}
                Place::Cost => self.send(cut, &Math::Number(1.0)),
                Place::Affine { layer } => {
                    let error = cuts.error(cut);
                    let mut rows = self.rows(cut, error.clone(), total);
                    if let (Some((short, provided)), [row]) = (cuts.short_error(layer), rows.as_mut_slice()) {
                        row.right.push(short);
                        row.provided = provided;
                    }
                    self.errors.extend(rows);
                    self.send(cut, &error);
                }
                // The error of a hidden layer is written in one formula, that of the last in two, as in the notes.
                Place::Active { layer, .. }
                    if folds && layer.is_none_or(|layer| layer < cuts.n_layers()) && self.is_smooth(cut) =>
                {
                    self.send(cut, &total)
                }
                Place::Active { .. } | Place::Named | Place::Tangent => {
                    let error = cuts.error(cut);
                    let rows = self.rows(cut, error.clone(), total);
                    self.errors.extend(rows);
                    self.send(cut, &error);
                }
            }
        }
    }

    /// The rows of a derivative: one, or one for each part, if the parts of a tensor are used and not the whole.
    fn rows(&self, cut: &Cut, left: Math, total: Math) -> Vec<Row> {
        let total = super::algebra::collected(&self.cuts.shorter(&total, &cut.symbol));
        let Some(parts) = placed(&total) else { return vec![Row::new(left, vec![total])] };
        let part = |place: &str, rank: usize| -> Option<Symbol> {
            let single = place.chars().all(|letter| letter.is_ascii_digit());
            (single && cut.symbol.sub.is_none() && rank == 1).then(|| cut.symbol.component(place))
        };
        let row = |(op, place, value): (super::operation::Operation, String, Math)| {
            let left = match part(&place, op.to.rank()) {
                Some(symbol) => self.cuts.error(&Cut { symbol, ..cut.clone() }),
                None => super::operation::part_of(left.clone(), &op),
            };
            Row::new(left, vec![value])
        };
        parts.into_iter().map(row).collect()
    }

    /// Whether a cut is an activation with a derivative that is written `σ′`.
    fn is_smooth(&self, cut: &Cut) -> bool {
        matches!(&cut.place, Place::Active { activation: Activation::Elementwise { .. } | Activation::Identity, .. })
    }

    /// Gives the inputs of the piece that computes a cut what they get of its cotangent.
    fn send(&mut self, cut: &Cut, ct: &Math) {
        if let Place::Active { activation, input, .. } = &cut.place
            && let Some(named) = self.cuts.named(*input)
            && let Some(slope) = slope(activation, named.symbol.clone().into())
        {
            let factors = match ct {
                Math::Partial { .. } => [slope, ct.clone()],
                ct => [ct.clone(), slope],
            };
            self.received.entry(*input).or_default().push(product(factors));
            return;
        }
        for (input, term) in piece::cotangents(self.cuts, cut.value, ct) {
            self.received.entry(input).or_default().push(term);
        }
    }

    /// What goes back through a loop, written for one step.
    fn through(&mut self, one: &Loop) {
        let cuts = self.cuts;
        let depth = cuts.depth;
        let depends = |value: ValueId| one.body.depends[value.0 as usize];
        let mut inner = Backward::new(&one.body);
        let mut from_outside = HashMap::new();
        let mut is_reached = false;
        for (idx, carry) in one.carries.iter().enumerate().filter(|(_, carry)| depends(carry.behind)) {
            let (last, each) = self.sent_from_behind(one, carry);
            is_reached |= last.is_some() || each.is_some();
            inner.forced.insert(carry.behind);
            inner.received.insert(carry.behind, each.into_iter().chain([placeholder(depth, idx)]).collect());
            from_outside.insert(idx, last);
        }
        for row in one.ys.iter().filter(|row| depends(row.inner)) {
            let Some(terms) = self.received.remove(&row.array) else { continue };
            let array = cuts.named(row.array).expect("what a loop gives has a name");
            let rows = self.rows(array, cuts.partial(&array.symbol), sum(terms));
            self.errors.extend(rows);
            let part = cuts.partial(&array.symbol.in_step(Step::now(depth)));
            inner.received.entry(row.inner).or_default().push(part);
            is_reached = true;
        }
        if !is_reached {
            return;
        }
        inner.walk();

        let got = |inner: &Backward, value: ValueId| {
            inner.received.get(&value).map(|terms| sum(terms.clone())).filter(|total| *total != Math::Number(0.0))
        };
        // What the next step gives back; behind the last there is none.
        let mut ends = false;
        let mut puts: Vec<(Math, Math)> = vec![];
        for (idx, carry) in one.carries.iter().enumerate() {
            let Some(last) = from_outside.remove(&idx) else { continue };
            let next = got(&inner, carry.before).map(|term| later(&term, depth, 1));
            let is_last = || Math::Relation {
                sign: "=",
                left: Box::new(Symbol::plain(&turn(depth), 0).into()),
                right: Box::new(super::axes::size_math(&one.count)),
            };
            let term = match (last, next) {
                (None, None) => Math::Number(0.0),
                (None, Some(next)) => {
                    ends = true;
                    next
                }
                (Some(last), next) => {
                    let otherwise = Box::new(next.unwrap_or(Math::Number(0.0)));
                    Math::Cases { cases: vec![(last, is_last())], otherwise }
                }
            };
            puts.push((placeholder(depth, idx), term));
        }
        let mut rows = std::mem::take(&mut inner.errors);
        for row in &one.xs {
            let Some(outer) = cuts.named(row.array).filter(|_| cuts.depends[row.array.0 as usize]) else { continue };
            let Some(total) = got(&inner, row.inner) else { continue };
            // What every step of the loops around goes through gets something of each of them.
            let outer = &Cut { symbol: outer.symbol.in_all_steps(depth), ..outer.clone() };
            let step = Cut { symbol: outer.symbol.in_step(Step::now(depth)), ..outer.clone() };
            rows.extend(self.rows(&step, cuts.error(&step), total));
            self.written.insert(row.array);
            self.received.entry(row.array).or_default().push(cuts.error(outer));
        }
        let turns = Turns { index: turn(depth), count: one.count.clone(), down: true, ends };
        for row in &mut rows {
            for right in &mut row.right {
                *right = super::algebra::collected(&filled(right, &puts));
            }
            row.right.retain(|right| *right != Math::Number(0.0) && *right != row.left);
            row.turns.insert(0, turns.clone());
        }
        rows.retain(|row| !row.right.is_empty());
        self.errors.extend(rows);
        for (outer, param) in one.captures.iter().filter(|(outer, _)| cuts.depends[outer.0 as usize]) {
            let Some(total) = got(&inner, *param) else { continue };
            let steps = Axis::new(turn(depth), one.count.clone());
            let rank = total.rank();
            self.received.entry(*outer).or_default().push(over(Big::Sum, &steps, filled(&total, &puts), rank));
        }
        for carry in one.carries.iter().filter(|carry| cuts.depends[carry.start.0 as usize]) {
            if let Some(total) = got(&inner, carry.before) {
                self.received.entry(carry.start).or_default().push(in_step(&filled(&total, &puts), depth, 1));
            }
        }
    }

    /// What the values behind a loop give back to what it carries: in the last step alone, and in every step.
    fn sent_from_behind(&mut self, one: &Loop, carry: &Carry) -> (Option<Math>, Option<Math>) {
        let cuts = self.cuts;
        let mut last: Vec<Math> = self.received.remove(&carry.last).unwrap_or_default();
        let mut each = None;
        if let Some(stack) = carry.stack
            && let Some(terms) = self.received.remove(&stack)
        {
            let named = cuts.named(stack).expect("what a loop gives has a name");
            let total = cuts.shorter(&sum(terms), &named.symbol);
            let end = one.count.sub(&1.into());
            let is_end = |op: &super::operation::Operation| op.starts_at().any(|lo| Some(lo) == end.as_ref());
            let is_row = |symbol: &Symbol| {
                let same = |cut: &Cut| cut.symbol == *symbol || cuts.error(cut) == symbol.clone().into();
                let cut = cuts.all.iter().find(|cut| same(cut));
                cut.is_some_and(|cut| cuts.graph.ty(cut.value).shape.contains(&one.count))
            };
            match placed(&total) {
                Some(parts) if matches!(parts.as_slice(), [(op, ..)] if is_end(op)) => {
                    last.extend(parts.into_iter().map(|(_, _, value)| value));
                }
                _ => match one_step(&total, cuts.depth, &is_row).filter(|_| !is_over_steps(&total, one)) {
                    Some(row) => each = Some(row),
                    None => {
                        // It has a name of its own, as the derivative itself has what later steps give too.
                        let symbol = Symbol { base: "g".into(), ..named.symbol.clone() };
                        self.errors.push(Row::new(symbol.clone().into(), vec![total]));
                        each = Some(symbol.in_step(Step::now(cuts.depth)).into());
                    }
                },
            }
        }
        ((!last.is_empty()).then(|| sum(last)), each)
    }
}

/// Whether an operation in a formula gives all steps at once.
fn is_over_steps(formula: &Math, one: &Loop) -> bool {
    let found = std::cell::Cell::new(false);
    super::algebra::substitute(formula, &|part| {
        if let Math::Op { op, .. } = part {
            found.set(found.get() || op.to.shape.contains(&one.count));
        }
        None
    });
    found.get()
}

/// `σ′(z)`, for an elementwise activation.
fn slope(activation: &Activation, z: Math) -> Option<Math> {
    match activation {
        Activation::Identity => Some(Math::Number(1.0)),
        Activation::Elementwise { name, .. } => Some(Math::derivative(name, z)),
        Activation::Other => None,
    }
}

/// Stands for what a later step gives back, until that is known.
fn placeholder(depth: usize, idx: usize) -> Math {
    Symbol { sub: Some(format!("{depth},{idx}")), ..Symbol::plain("\u{0}next", 1) }.into()
}

/// The formula with what was not known yet.
fn filled(formula: &Math, puts: &[(Math, Math)]) -> Math {
    super::algebra::substitute(formula, &|part| puts.iter().find(|(old, _)| old == part).map(|(_, new)| new.clone()))
}
