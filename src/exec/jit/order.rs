//! Puts the axes over which something slides behind the others.
//!
//! Pictures `[n, c, h, w]` have neighbours of a row next to each other in memory, and the kernels for what slides fill registers
//! with them. Where a net turned its pictures round, or passes moved a `transpose` into the contraction, the axes come in another
//! order; then they are turned back first.

use crate::ir::op::Contract;
use crate::ir::{Builder, ValueId};

/// A contraction whose legs are in order.
pub struct InOrder {
    pub contract: Contract,
    pub args: [ValueId; 2],
    /// Where each axis of the result as it was lies now.
    result: Vec<usize>,
}

impl InOrder {
    /// The contraction with turned operands.
    pub fn new(g: &mut Builder, contract: &Contract, args: &[ValueId]) -> InOrder {
        // The relations in the order of the result, whose axes are those of pictures or of their filters.
        let place = |label: char| contract.result.iter().position(|&other| other == label);
        let mut relations: Vec<[char; 3]> =
            contract.relations.iter().map(|relation| [relation.i.1, relation.k.1, relation.h.1]).collect();
        relations.sort_by_key(|labels| labels.iter().find_map(|&label| place(label)));
        let rank = |label: char| relations.iter().position(|labels| labels.contains(&label)).map_or(0, |idx| idx + 1);
        let turned = |leg: &[char]| {
            let mut axes: Vec<usize> = (0..leg.len()).collect();
            axes.sort_by_key(|&axis| rank(leg[axis]));
            axes
        };
        let take = |leg: &[char], axes: &[usize]| axes.iter().map(|&axis| leg[axis]).collect();
        let mut operand = |leg: &[char], arg: ValueId| {
            let axes = turned(leg);
            (take(leg, &axes), g.transpose(arg, &axes))
        };
        let (left, a) = operand(&contract.left, args[0]);
        let (right, b) = operand(&contract.right, args[1]);
        let axes = turned(&contract.result);
        let mut result = vec![0; axes.len()];
        axes.iter().enumerate().for_each(|(now, &before)| result[before] = now);
        let contract = Contract { left, right, result: take(&contract.result, &axes), ..contract.clone() };
        InOrder { contract, args: [a, b], result }
    }

    /// The result as it was to be.
    pub fn back(&self, g: &mut Builder, result: ValueId) -> ValueId {
        g.transpose(result, &self.result)
    }
}
