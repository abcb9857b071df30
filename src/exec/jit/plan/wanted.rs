//! What of a contraction need not be computed: products with padding, and results that nobody reads.

use std::collections::BTreeMap;

use super::fuse::{moved, resolve};
use super::{Kind, Operand, kind, maker, sizes};
use crate::exec::jit::micro::{Sliding, Way};
use crate::exec::jit::view::View;
use crate::ir::op::{Op, PadAxis};
use crate::ir::{Dim, Graph, NodeId, ValueId};

/// Rows or columns, and the terms they have.
type Set = (Vec<[usize; 2]>, Vec<[usize; 2]>);

/// The most places that are looked at one by one.
const MANY: usize = 1 << 20;

/// The part of the products that must be saved for several parts to be worth their calls.
const SAVED: f64 = 0.15;
/// The least columns of a part that fill a tile.
const FILLED: usize = 6;

impl Sliding {
    /// The same without rows and columns that nobody reads, in a part for each set of terms that are no padding.
    pub fn wanted(self, graph: &Graph, [a, b]: [&Operand; 2], result: ValueId) -> Vec<Sliding> {
        let all = self.without_unread(graph, result);
        match all.way {
            Way::Columns => {}
            Way::Rows => return all.without_padding_of_b(graph, b).unwrap_or_else(|| vec![all]),
            Way::Terms => return vec![all],
        }
        let sets = all.sets(graph, a, 0, &all.rows, 1);
        let parts = sets.map(|sets| {
            let part = |(rows, terms)| Sliding { rows, terms, ..all.clone() };
            sets.into_iter().map(part).collect()
        });
        parts.or_else(|| all.without_padding_of_b(graph, b)).unwrap_or_else(|| vec![all])
    }

    /// A part for each set of terms that are no padding of B; none if they save too little.
    fn without_padding_of_b(&self, graph: &Graph, b: &Operand) -> Option<Vec<Sliding>> {
        let sets = self.sets(graph, b, 1, &self.columns, self.width)?;
        let products: usize = sets.iter().map(|(columns, terms)| columns.len() * terms.len()).sum();
        let whole = self.columns.len() * self.terms.len();
        let is_filled = self.way == Way::Columns || self.columns.len() >= FILLED * sets.len();
        let part = |(columns, terms)| Sliding { columns, terms, ..self.clone() };
        let pays = (products as f64) < (1.0 - SAVED) * whole as f64 && is_filled;
        pays.then(|| sets.into_iter().map(part).collect())
    }

    /// Of rows or columns, those that read no padding for the same terms, with these; none if an operand, by its number, is not padded, or
    /// that would take too long.
    fn sets(
        &self,
        graph: &Graph,
        operand: &Operand,
        leg: usize,
        lines: &[[usize; 2]],
        width: usize,
    ) -> Option<Vec<Set>> {
        let padding = Padding::new(graph, operand.root)?;
        let turns = self.places_of_turns(leg, |stride| !padding.is_same_after(stride));
        if turns.len() * lines.len() * self.terms.len() > MANY {
            return None;
        }
        let mut sets: BTreeMap<Vec<bool>, Vec<[usize; 2]>> = BTreeMap::new();
        for &line in lines {
            let is_padding = |term: &[usize; 2], turn: &usize| {
                let first = operand.view.offset as usize + turn + line[0] + term[leg];
                (first..first + width).all(|place| padding.holds(place))
            };
            let is_wanted = |term: &[usize; 2]| !turns.iter().all(|turn| is_padding(term, turn));
            sets.entry(self.terms.iter().map(is_wanted).collect()).or_default().push(line);
        }
        let terms = |wanted: Vec<bool>| {
            self.terms.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(&term, _)| term).collect()
        };
        Some(sets.into_iter().map(|(wanted, lines)| (lines, terms(wanted))).collect())
    }

    /// How far on an operand or the result, by its number, is in all turns of the loops whose distances count.
    fn places_of_turns(&self, leg: usize, counts: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut places = vec![0];
        let loops = self.loops.iter().chain([&self.sums]);
        for turns in loops.filter(|turns| turns.strides[leg] != 0 && counts(turns.strides[leg])) {
            places =
                (0..turns.count).flat_map(|turn| places.iter().map(move |at| at + turn * turns.strides[leg])).collect();
        }
        places
    }

    fn without_unread(self, graph: &Graph, result: ValueId) -> Sliding {
        let Some(is_read) = reads(graph, result) else { return self };
        let width = if self.way == Way::Columns { self.width } else { 1 };
        let turns = self.places_of_turns(2, |_| true);
        let wanted = |row: &[usize; 2], column: &[usize; 2]| {
            turns.iter().any(|turn| is_read[turn + row[1] + column[1]..][..width].contains(&true))
        };
        let rows = self.rows.iter().filter(|row| self.columns.iter().any(|column| wanted(row, column))).copied();
        let columns = self.columns.iter().filter(|column| self.rows.iter().any(|row| wanted(row, column))).copied();
        Sliding { rows: rows.collect(), columns: columns.collect(), ..self.clone() }
    }
}

/// What of a value is padding with zeros.
struct Padding {
    /// What is read of a padded tensor, in turn: the last view is of that tensor itself.
    views: Vec<View>,
    axes: Vec<Padded>,
}

/// An axis of a padded tensor.
struct Padded {
    size: usize,
    /// Where the first element is, from there to the next, and how many there are.
    first: i64,
    step: i64,
    n: i64,
}

impl Padding {
    /// Of a value that is a padded tensor or a copy of parts of one.
    fn new(graph: &Graph, mut value: ValueId) -> Option<Padding> {
        let mut views = vec![];
        loop {
            let node = maker(graph, value)?;
            match &graph.node(node).op {
                Op::Pad(pad) if pad.value == 0.0 => {
                    let from = &graph.ty(graph.node(node).args[0]).shape;
                    let axis = |((axis, size), from): ((&PadAxis, usize), &Dim)| {
                        let (first, n) = (axis.lo.as_const()?, from.as_const()?);
                        Some(Padded { size, first, step: axis.interior + 1, n })
                    };
                    let axes = pad.axes.iter().zip(sizes(graph.ty(value))).zip(from).map(axis);
                    return Some(Padding { views, axes: axes.collect::<Option<_>>()? });
                }
                _ if kind(graph, node) == Kind::Move => {
                    let from = resolve(graph, graph.node(node).args[0]);
                    value = from.root;
                    views.push(moved(graph, node, from.clone()).unwrap_or(from).view);
                }
                _ => return None,
            }
        }
    }

    /// Whether elements so far apart are both padding or both none.
    fn is_same_after(&self, distance: usize) -> bool {
        let is_whole = |axis: &Padded| axis.first == 0 && axis.step == 1 && axis.n == axis.size as i64;
        let inside = self.axes.iter().skip_while(|axis| is_whole(axis)).map(|axis| axis.size).product::<usize>();
        self.views.is_empty() && inside > 0 && distance.is_multiple_of(inside)
    }

    /// Whether the element there is padding.
    fn holds(&self, place: usize) -> bool {
        let mut rest = self.views.iter().fold(place, |place, view| nth(view, place));
        self.axes.iter().rev().any(|axis| {
            let from_first = (rest % axis.size) as i64 - axis.first;
            rest /= axis.size;
            from_first < 0 || from_first % axis.step != 0 || from_first / axis.step >= axis.n
        })
    }
}

/// Where the n-th element of a view lies.
fn nth(view: &View, mut n: usize) -> usize {
    let mut place = view.offset;
    for (&size, &stride) in view.shape.iter().zip(&view.strides).rev() {
        place += (n % size) as i64 * stride;
        n /= size;
    }
    place as usize
}

/// Which elements of a value are read; none if all are, or there are too many.
fn reads(graph: &Graph, value: ValueId) -> Option<Vec<bool>> {
    let whole = sizes(graph.ty(value)).iter().product::<usize>();
    let nodes = (0..graph.nodes().len() as u32).map(NodeId).filter(|&node| kind(graph, node) != Kind::Move);
    let args = nodes.flat_map(|node| graph.node(node).args.iter().copied());
    let read: Vec<ValueId> = args.chain(graph.results().iter().copied()).collect();
    if whole > MANY || read.contains(&value) {
        return None;
    }
    let mut found = vec![];
    for arg in read {
        let mut from = resolve(graph, arg);
        // What is copied for its reader is read from where it is copied.
        while let Some(node) = maker(graph, from.root).filter(|&node| kind(graph, node) == Kind::Move) {
            from = resolve(graph, graph.node(node).args[0]);
        }
        if from.root == value {
            found.push(from.view);
        }
    }
    if found.iter().any(|view| view.len() >= whole) {
        return None;
    }
    let mut is_read = vec![false; whole];
    for view in found {
        (0..view.len()).for_each(|n| is_read[nth(&view, n)] = true);
    }
    Some(is_read)
}
