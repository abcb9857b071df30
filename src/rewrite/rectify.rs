//! Asks what a rectifier gave, not what it was given, where that was positive. Then nobody needs what it was given, and it can be
//! computed together with that.
//!
//! ```text
//! p = gt z 0; y = select p z (c·z); d = select p …      0 ≤ c
//! ⇒
//! p = gt z 0; y = select p z (c·z); q = gt y 0; d = select q …
//! ```

use std::collections::HashMap;

use super::rebuild::{copy_node, rebuild};
use super::simplify::view::{def, is_zero, map_args, uniform};
use crate::ir::op::MapOp;
use crate::ir::{Builder, FuncId, Module, Op, ValueId};

/// Lets what comes after a rectifier ask for the sign of its result.
pub fn rectify(module: &mut Module, func: FuncId) {
    if !module.graph(func).nodes().iter().any(|node| node.op == Op::Map(MapOp::Select)) {
        return;
    }
    let old = module.take_graph(func);
    // The question that was asked of an argument, asked of the result.
    let mut asked: HashMap<ValueId, ValueId> = HashMap::new();
    module.func_mut(func).graph = rebuild(module, &old, &mut |g, node, args| {
        let args: Vec<ValueId> = args.iter().map(|arg| asked.get(arg).copied().unwrap_or(*arg)).collect();
        let results = copy_node(g, &old, node, &args);
        if node.op == Op::Map(MapOp::Select)
            && let Some((comparison, zero)) = rectifier(g, &args)
        {
            let again = g.map(comparison, &[results[0], zero]);
            asked.insert(args[0], again);
        }
        results
    });
}

/// What a rectifier asks of its argument, and the zero it compares with.
fn rectifier(g: &Builder, args: &[ValueId]) -> Option<(MapOp, ValueId)> {
    let (Op::Map(comparison), compared) = def(g, args[0])? else { return None };
    let (z, zero) = match compared[..] {
        [z, zero] if is_zero(g, zero) => (z, zero),
        _ => return None,
    };
    let is_rectified = match comparison {
        MapOp::Gt => {
            let scaled = map_args(g, args[2], MapOp::Mul)?;
            let factor = scaled.iter().find(|&&arg| arg != z)?;
            args[1] == z && scaled.contains(&z) && uniform(g, *factor).is_some_and(|factor| factor >= 0.0)
        }
        MapOp::Le => args[2] == z && is_zero(g, args[1]),
        _ => false,
    };
    is_rectified.then_some((comparison, zero))
}
