//! What of a contraction need not be computed: products with padding, and results that nobody reads.

use std::collections::BTreeMap;

use super::fuse::{moved, resolve};
use super::{Kind, Operand, kind, maker, sizes};
use crate::exec::jit::micro::{Sliding, Way};
use crate::exec::jit::view::View;
use crate::ir::op::{Op, PadAxis};
use crate::ir::{Dim, Graph, NodeId, ValueId};

/// The most places that are looked at one by one.
const MANY: usize = 1 << 20;

impl Sliding {
    /// The same without rows and columns that nobody reads, in a part for each set of terms that are no padding of A.
    pub fn wanted(self, graph: &Graph, a: &Operand, result: ValueId) -> Vec<Sliding> {
        let all = self.without_unread(graph, result);
        let turns = all.places_of_turns(0);
        let padding = Padding::new(graph, a.root).filter(|_| all.way == Way::Columns);
        let Some(padding) = padding.filter(|_| turns.len() * all.rows.len() * all.terms.len() <= MANY) else {
            return vec![all];
        };
        let mut parts: BTreeMap<Vec<bool>, Vec<[usize; 2]>> = BTreeMap::new();
        for &row in &all.rows {
            let place = |turn: &usize, term: &[usize; 2]| a.view.offset as usize + turn + row[0] + term[0];
            let is_wanted = |term: &[usize; 2]| !turns.iter().all(|turn| padding.holds(place(turn, term)));
            parts.entry(all.terms.iter().map(is_wanted).collect()).or_default().push(row);
        }
        let part = |(wanted, rows): (Vec<bool>, Vec<[usize; 2]>)| {
            let terms = all.terms.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(&term, _)| term).collect();
            Sliding { rows, terms, ..all.clone() }
        };
        parts.into_iter().map(part).collect()
    }

    /// How far on an operand or the result, by its number, is in all turns of the loops.
    fn places_of_turns(&self, leg: usize) -> Vec<usize> {
        let mut places = vec![0];
        for turns in self.loops.iter().filter(|turns| turns.strides[leg] != 0) {
            places =
                (0..turns.count).flat_map(|turn| places.iter().map(move |at| at + turn * turns.strides[leg])).collect();
        }
        places
    }

    fn without_unread(self, graph: &Graph, result: ValueId) -> Sliding {
        let Some(is_read) = reads(graph, result) else { return self };
        let width = if self.way == Way::Columns { self.width } else { 1 };
        let turns = self.places_of_turns(2);
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
