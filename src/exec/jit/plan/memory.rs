//! Where values lie: in the place of a result if that can be, else in the frame, in memory that is used again as soon as
//! nobody reads the value any more.

use std::collections::HashMap;

use super::fuse::Fused;
use super::{Kind, sizes};
use super::{Operand, Plan, Shared, Step, bytes, kind, maker};
use crate::exec::jit::view::View;
use crate::ir::op::Op;
use crate::ir::{FuncId, Graph, Module, ValueId};

/// Where a value lies that a step made. Arguments and constants lie where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the place the caller has for this result.
    Result(usize),
    /// At this byte of the frame.
    Frame(usize),
}

/// Values begin at such addresses: a line of the cache.
const ALIGN: usize = 64;

/// Memory that is needed from a step to another.
struct Need {
    what: What,
    bytes: usize,
    from: usize,
    to: usize,
}

enum What {
    Value(ValueId),
    Scratch(usize),
}

/// Gives every value of a function its place.
pub fn assign(module: &Module, func: FuncId, fused: Fused, shared: &[Shared]) -> Plan {
    let graph = module.graph(func);
    let Fused { steps, results } = fused;
    let reads: Vec<Vec<Operand>> = steps.iter().map(|step| step.reads(graph)).collect();
    let mut made: HashMap<ValueId, usize> = HashMap::new();
    for (idx, step) in steps.iter().enumerate() {
        step.writes(graph).into_iter().for_each(|value| _ = made.insert(value, idx));
    }

    let mut places = HashMap::new();
    let mut copies = vec![];
    for (idx, operand) in results.iter().enumerate() {
        let value = graph.results()[idx];
        let whole = operand.view.offset == 0 && bytes(graph.ty(operand.root)) == bytes(graph.ty(value));
        let param = shared.iter().find(|pair| pair.result == idx).map(|pair| graph.params()[pair.param]);
        if param == Some(operand.root) && whole {
            continue;
        }
        let direct = made.get(&operand.root).is_some_and(|&at| {
            let kept = |param| !may_overwrite(graph, &steps[at], at, operand.root, param, &reads, &results);
            whole && !places.contains_key(&operand.root) && !param.is_some_and(kept)
        });
        if direct {
            places.insert(operand.root, Place::Result(idx));
        } else {
            copies.push((idx, operand.clone()));
        }
    }

    let mut needs = vec![];
    for (&value, &from) in &made {
        if !places.contains_key(&value) {
            let is_read = |reads: &Vec<Operand>| reads.iter().any(|read| read.root == value);
            let last = reads.iter().rposition(is_read).unwrap_or(from).max(from);
            let at_end = results.iter().any(|result| result.root == value);
            let to = if at_end { steps.len() } else { last };
            needs.push(Need { what: What::Value(value), bytes: bytes(graph.ty(value)), from, to });
        }
    }
    for (idx, step) in steps.iter().enumerate() {
        let bytes = scratch(graph, step);
        if bytes > 0 {
            needs.push(Need { what: What::Scratch(idx), bytes, from: idx, to: idx });
        }
    }
    let copied_bytes: usize =
        copies.iter().map(|(idx, _)| bytes(graph.ty(graph.results()[*idx])).next_multiple_of(ALIGN)).sum();
    let end = steps.len();
    needs.push(Need { what: What::Scratch(end), bytes: copied_bytes, from: end, to: end });

    let table = 8 * (graph.params().len() + graph.results().len());
    let (offsets, frame) = pack(&needs, table.next_multiple_of(ALIGN));
    let mut scratch = HashMap::new();
    for (need, offset) in needs.iter().zip(offsets) {
        match need.what {
            What::Value(value) => _ = places.insert(value, Place::Frame(offset)),
            What::Scratch(step) => _ = scratch.insert(step, offset),
        }
    }
    Plan { func, steps, copies, places, scratch, frame }
}

/// Whether a step may write a value where a parameter lies: nobody reads the parameter afterwards, and the step itself reads
/// each element only where it writes it.
fn may_overwrite(
    graph: &Graph,
    step: &Step,
    at: usize,
    value: ValueId,
    param: ValueId,
    reads: &[Vec<Operand>],
    results: &[Operand],
) -> bool {
    let is_param = |operand: &&Operand| operand.root == param;
    if results.iter().any(|result| result.root == param)
        || reads[at + 1..].iter().flatten().any(|read| read.root == param)
    {
        return false;
    }
    match step {
        Step::Loop(group) => {
            let node = maker(graph, value).expect("a step made it");
            let whole = View::contiguous(&group.shape);
            let reads_elsewhere = reads[at].iter().filter(is_param).any(|read| read.view != whole);
            let writes_elsewhere = kind(graph, node) == Kind::Reduce || sizes(graph.ty(value)) != group.shape;
            reads[at].iter().find(is_param).is_none() || !reads_elsewhere && !writes_elsewhere
        }
        Step::Region { node, args, .. } => {
            // What a loop carries begins where it ends.
            let slot = graph.node(*node).results.iter().position(|&result| result == value);
            let carried = match &graph.node(*node).op {
                Op::Scan(scan) => scan.n_carry,
                Op::While(op) => op.n_carry,
                _ => 0,
            };
            let own = slot.filter(|&slot| slot < carried && args[slot].root == param && args[slot].view.offset == 0);
            args.iter().enumerate().all(|(idx, arg)| arg.root != param || Some(idx) == own)
        }
        _ => reads[at].iter().find(is_param).is_none(),
    }
}

/// The bytes a step needs while it runs.
fn scratch(graph: &Graph, step: &Step) -> usize {
    let pointers = |node| 8 * (graph.node(node).args.len() + graph.node(node).results.len());
    match step {
        Step::Kernel { node, .. } => pointers(*node),
        // The turn, the condition of a loop, the frames, and second places.
        Step::Region { node, children, swapped, .. } => {
            let carried = swapped.iter().map(|&slot| bytes(graph.ty(graph.node(*node).results[slot])));
            let parts = children.iter().map(|child| child.frame).chain(carried);
            2 * ALIGN + parts.map(|part| part.next_multiple_of(ALIGN)).sum::<usize>()
        }
        Step::Product(product) => product.scratch,
        Step::Winograd(winograd) => winograd.scratch,
        _ => 0,
    }
}

/// A place for each need, so that no two that are needed at the same time overlap, and where the last one ends. The largest
/// are placed first, each as low as it fits.
fn pack(needs: &[Need], first: usize) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|&idx| (std::cmp::Reverse(needs[idx].bytes), needs[idx].from, needs[idx].to));
    let mut offsets = vec![first; needs.len()];
    let mut placed: Vec<usize> = vec![];
    let mut end = first;
    for idx in order {
        let need = &needs[idx];
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&other| needs[other].from <= need.to && need.from <= needs[other].to)
            .map(|&other| (offsets[other], (offsets[other] + needs[other].bytes).next_multiple_of(ALIGN)))
            .collect();
        taken.sort_unstable();
        let mut at = first;
        for (from, to) in taken {
            if from >= at + need.bytes {
                break;
            }
            at = at.max(to);
        }
        offsets[idx] = at;
        placed.push(idx);
        end = end.max((at + need.bytes).next_multiple_of(ALIGN));
    }
    (offsets, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_but_never_by_two_at_a_time() {
        let need = |bytes, from, to| Need { what: What::Scratch(0), bytes, from, to };
        let needs = [need(100, 0, 1), need(64, 1, 2), need(300, 2, 3), need(10, 3, 3), need(64, 0, 3)];
        let (offsets, end) = pack(&needs, 64);
        for (i, a) in needs.iter().enumerate() {
            for (j, b) in needs.iter().enumerate().filter(|(j, _)| *j != i) {
                let together = a.from <= b.to && b.from <= a.to;
                let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                assert!(!together || apart, "{i} and {j}");
            }
        }
        assert!(end <= 64 + 64 + 320 + 64 && offsets.iter().all(|offset| offset % ALIGN == 0), "{end}");
    }
}
