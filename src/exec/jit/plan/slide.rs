//! Contractions of which one operand slides over the other, described for [`micro::Sliding`].

use super::Operand;
use super::axes::{Axis, Contraction};
use crate::exec::jit::micro::{Element, Sliding, Turns, Way};
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

impl Slide {
    /// The description of a contraction; none if neither neighbours of the result nor neighbouring terms fill registers, or
    /// tables would be too long.
    pub fn new(graph: &Graph, contraction: &Contraction) -> Option<Slide> {
        let lanes = match contraction.dtype {
            DType::F32 => f32::kernels().lanes(),
            _ => f64::kernels().lanes(),
        };
        let useful = |axis: &Axis| axis.size as f64 / axis.size.next_multiple_of(lanes) as f64;
        let column = contraction.columns.last().filter(|axis| axis.strides[1] == Some(1) && axis.strides[2] == Some(1));
        let term = contraction.terms.last().filter(|axis| axis.strides[0] == Some(1) && axis.strides[1] == Some(1));
        let use_of = |axis: Option<&Axis>| axis.map_or(0.0, useful);
        let way = if use_of(column) >= use_of(term) { Way::Columns } else { Way::Terms };
        if use_of(column).max(use_of(term)) < USEFUL {
            return None;
        }
        let Contraction { rows, columns, terms, all, .. } = contraction;
        if [rows, columns, terms, all].into_iter().flatten().any(|axis| axis.size == 0) {
            return None;
        }
        let mut loops: Vec<Axis> = all.clone();
        let mut sums = Turns { count: 1, strides: [0; 3] };
        let (columns, terms, width): (&[Axis], &[Axis], usize) = match way {
            Way::Columns => {
                let (width, outside) = columns.split_last()?;
                // The last axis outside is a table, those before are loops.
                let first = outside.len().saturating_sub(1);
                loops.extend(&outside[..first]);
                (&outside[first..], terms, width.size)
            }
            Way::Terms => {
                let (width, outside) = terms.split_last()?;
                let inside = outside.split_first().map_or(outside, |(first, inside)| {
                    sums = turns(first);
                    inside
                });
                (columns, inside, width.size)
            }
        };
        let [rows, columns, terms] = [table(rows, [0, 2])?, table(columns, [1, 2])?, table(terms, [0, 1])?];
        let loops: Vec<Turns> = loops.iter().map(turns).collect();
        let counts = loops.iter().map(|turns| turns.count).product::<usize>() * sums.count;
        let sliding = Sliding { way, loops, rows, columns, terms, sums, width };
        let parts = sliding.wanted(graph, &contraction.a, graph.node(contraction.node).results[0]);
        let products = |part: &Sliding| counts * part.rows.len() * part.columns.len() * part.terms.len() * width;
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
