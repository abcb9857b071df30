//! Contractions of which one operand slides over the other, described for [`micro::Sliding`].

use super::Operand;
use super::axes::{Axis, Contraction};
use crate::exec::jit::micro::{self, Sliding, Turns, Way};
use crate::ir::{Graph, NodeId};
use crate::tensor::DType;

/// A contraction that a kernel for sliding operands computes.
#[derive(Clone, Debug)]
pub struct Slide {
    /// The contraction.
    pub node: NodeId,
    /// The element type.
    pub dtype: DType,
    /// The operand on the left, whose rows are those of the result.
    pub a: Operand,
    /// The operand on the right, whose columns are those of the result.
    pub b: Operand,
    /// Where everything lies, part by part.
    pub parts: Vec<Sliding>,
    /// Multiplications.
    pub work: usize,
}

/// The least part of the numbers in a register that must be of use.
const USEFUL: f64 = 0.5;
/// The most distances a table has.
const TABLE: usize = 1 << 16;
/// About as many as are walked in tables rather than in a loop around.
const WALKED: usize = 1 << 11;

impl Slide {
    /// The description of a contraction; none if neither neighbours of the result nor rows nor neighbouring terms fill registers, or
    /// tables would be too long.
    pub fn new(graph: &Graph, contraction: &Contraction) -> Option<Slide> {
        let lanes = micro::lanes(contraction.dtype);
        let Contraction { rows, columns, terms, all, .. } = contraction;
        if [rows, columns, terms, all].into_iter().flatten().any(|axis| axis.size == 0) {
            return None;
        }
        let way = way(contraction, lanes)?;
        let (inside, outside): (Split, &[Axis]) = match way {
            // The last axis outside of a run is a table, those before are loops.
            Way::Columns => {
                let (width, outside) = columns.split_last()?;
                let (loops, table) = outside.split_at(outside.len().saturating_sub(1));
                (Split { columns: table, terms, sums: None, width: width.size }, loops)
            }
            Way::Rows => {
                let (loops, columns) = walked(columns);
                let (sums, terms) = match walked(terms) {
                    ([], terms) => (None, terms),
                    // One axis can be a loop, so the others are not.
                    _ => terms.split_first().map(|(sums, terms)| (Some(sums), terms))?,
                };
                (Split { columns, terms, sums, width: 1 }, loops)
            }
            Way::Terms => {
                let (width, outside) = terms.split_last()?;
                let sums = outside.first();
                (Split { columns, terms: outside.get(1..).unwrap_or_default(), sums, width: width.size }, &[])
            }
        };
        let sums = inside.sums.map_or(Turns { count: 1, strides: [0; 3] }, turns);
        let rows = table(rows, [0, 2])?;
        let [columns, terms] = [table(inside.columns, [1, 2])?, table(inside.terms, [0, 1])?];
        let loops: Vec<Turns> = all.iter().chain(outside).map(turns).collect();
        let counts = loops.iter().map(|turns| turns.count).product::<usize>() * sums.count;
        let sliding = Sliding { way, loops, rows, columns, terms, sums, width: inside.width }.in_registers(lanes);
        let parts = sliding.wanted(graph, [&contraction.a, &contraction.b], graph.node(contraction.node).results[0]);
        let products = |part: &Sliding| counts * part.rows.len() * part.columns.len() * part.terms.len() * part.width;
        Some(Slide {
            node: contraction.node,
            dtype: contraction.dtype,
            a: contraction.a.clone(),
            b: contraction.b.clone(),
            work: parts.iter().map(products).sum(),
            parts,
        })
    }
}

/// What of a contraction is no loop around.
struct Split<'a> {
    columns: &'a [Axis],
    terms: &'a [Axis],
    sums: Option<&'a Axis>,
    width: usize,
}

/// The way that leaves the least numbers of registers unused; none if all leave too many.
fn way(contraction: &Contraction, lanes: usize) -> Option<Way> {
    let Contraction { rows, columns, terms, .. } = contraction;
    let n = |axes: &[Axis]| axes.iter().map(|axis| axis.size).product::<usize>();
    let useful = |size: usize| size as f64 / size.next_multiple_of(lanes) as f64;
    let use_of = |axis: Option<&Axis>| axis.map_or(0.0, |axis| useful(axis.size));
    let by_columns = use_of(columns.last().filter(|axis| axis.strides[1] == Some(1) && axis.strides[2] == Some(1)));
    let by_terms = use_of(terms.last().filter(|axis| axis.strides[0] == Some(1) && axis.strides[1] == Some(1)));
    // The rows are packed before, and the result is transposed behind: both take as long as some terms and columns.
    let of_all = |n: usize| n as f64 / (n + Sliding::ASIDE) as f64;
    let by_rows = useful(n(rows)) * of_all(n(terms)) * of_all(n(columns));
    let ways = [(by_columns, Way::Columns), (by_terms, Way::Terms), (by_rows, Way::Rows)];
    let (best, way) = ways.into_iter().reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    (best >= USEFUL).then_some(way)
}

/// The first axes as loops, the last ones as a table that is not long, but one at least.
fn walked(axes: &[Axis]) -> (&[Axis], &[Axis]) {
    let mut n = 1;
    let fits = axes.iter().rev().take_while(|axis| {
        n *= axis.size;
        n <= WALKED
    });
    axes.split_at(axes.len() - fits.count().max(1).min(axes.len()))
}

fn turns(axis: &Axis) -> Turns {
    Turns { count: axis.size, strides: axis.strides.map(Option::unwrap_or_default) }
}

/// The distances in two legs of all positions of some axes, the last axis the fastest; none if there are too many.
fn table(axes: &[Axis], legs: [usize; 2]) -> Option<Vec<[usize; 2]>> {
    let mut places = vec![[0; 2]];
    for axis in axes {
        if places.len().checked_mul(axis.size).is_none_or(|n| n > TABLE) {
            return None;
        }
        let strides = legs.map(|leg| axis.strides[leg].unwrap_or_default());
        let positions =
            |[a, b]: [usize; 2]| (0..axis.size).map(move |idx| [a + idx * strides[0], b + idx * strides[1]]);
        places = places.into_iter().flat_map(positions).collect();
    }
    Some(places)
}
