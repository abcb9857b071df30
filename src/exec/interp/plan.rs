//! What is found out about a program before it is run.

use crate::ir::op::Op;
use crate::ir::{FuncId, Graph, Module, Symbol, Type, ValueId};

/// A program ready to be run, as often as needed, by several threads at once if need be.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) module: Module,
    pub(super) entry: FuncId,
    /// One for each function that is needed.
    pub(super) plans: Vec<Option<Plan>>,
}

/// How a function is run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many values there are.
    pub n_values: usize,
    /// The sizes that the arguments tell: parameter, axis, size.
    pub sizes: Vec<(usize, usize, Symbol)>,
    /// The values of the parameters; none for those nobody uses.
    pub params: Vec<Option<ValueId>>,
    /// The nodes.
    pub steps: Vec<Step>,
    /// The results.
    pub results: Vec<Use>,
}

/// How a node is run.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub op: Op,
    pub args: Vec<Use>,
    /// Where the results go; none if nobody uses one.
    pub results: Vec<Option<ValueId>>,
    /// What is to be checked before memory is asked for.
    pub guard: Guard,
}

/// A use of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub value: ValueId,
    /// Whether it is used no more.
    pub last: bool,
}

/// Whether the results of a node may be too large for the machine.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// They are not, or are no larger than the arguments.
    Small,
    /// Their types.
    Check(Vec<Type>),
}

/// Results that are known to take fewer bytes are not checked.
const UNCHECKED_BYTES: usize = 1 << 20;

impl Prepared {
    /// Prepares a function and what it calls.
    pub fn new(module: &Module, entry: FuncId) -> Prepared {
        let (module, entry) = module.extract(entry);
        let plans = module.ids().map(|id| Some(Plan::new(module.graph(id)))).collect();
        Prepared { module, entry, plans }
    }

    /// Prepares the functions an op names.
    pub(super) fn for_op(module: &Module, op: &Op) -> Prepared {
        let mut plans: Vec<Option<Plan>> = vec![None; module.ids().count()];
        for func in op.funcs().into_iter().flat_map(|func| module.reachable(func)) {
            plans[func.0 as usize] = Some(Plan::new(module.graph(func)));
        }
        let entry = FuncId(0);
        Prepared {
            module: if plans.iter().any(Option::is_some) { module.clone() } else { Module::default() },
            entry,
            plans,
        }
    }

    pub(super) fn plan(&self, func: FuncId) -> &Plan {
        self.plans[func.0 as usize].as_ref().expect("every function in reach is prepared")
    }
}

impl Plan {
    fn new(graph: &Graph) -> Plan {
        let mut sizes: Vec<(usize, usize, Symbol)> = vec![];
        for (param, ty) in graph.param_types().iter().enumerate() {
            for (axis, symbol) in ty.shape.iter().enumerate().filter_map(|(axis, dim)| Some((axis, dim.as_symbol()?))) {
                if !sizes.iter().any(|(_, _, other)| other == symbol) {
                    sizes.push((param, axis, symbol.clone()));
                }
            }
        }
        // Backwards, the first use met is the last.
        let mut used = vec![false; graph.n_values()];
        let mut use_of = |&value: &ValueId| Use { value, last: !std::mem::replace(&mut used[value.0 as usize], true) };
        let mut results: Vec<Use> = graph.results().iter().rev().map(&mut use_of).collect();
        results.reverse();
        let mut uses_of_nodes: Vec<Vec<Use>> = vec![];
        for node in graph.nodes().iter().rev() {
            let mut args: Vec<Use> = node.args.iter().rev().map(&mut use_of).collect();
            args.reverse();
            uses_of_nodes.push(args);
        }
        let is_used = |value: &ValueId| used[value.0 as usize];
        let steps = graph.nodes().iter().zip(uses_of_nodes.into_iter().rev()).map(|(node, args)| Step {
            op: node.op.clone(),
            args,
            results: node.results.iter().map(|value| Some(*value).filter(is_used)).collect(),
            guard: guard(&node.op, node.results.iter().map(|&value| graph.ty(value)).collect()),
        });
        let steps = steps.collect();
        let params = graph.params().iter().map(|param| Some(*param).filter(is_used)).collect();
        Plan { n_values: graph.n_values(), sizes, params, steps, results }
    }
}

/// What is to be checked before a node is run.
fn guard(op: &Op, types: Vec<&Type>) -> Guard {
    let may_grow = matches!(
        op,
        Op::Iota(_)
            | Op::Broadcast(_)
            | Op::Pad(_)
            | Op::Concat(_)
            | Op::Contract(_)
            | Op::ReduceWindow(_)
            | Op::ArgWindow(_)
            | Op::Gather(_)
            | Op::ScatterAdd(_)
            | Op::Draw(_)
    );
    let bytes = |ty: &Type| {
        let mut sizes = ty.shape.iter().map(|dim| usize::try_from(dim.as_const()?).ok());
        sizes.try_fold(ty.dtype.size_bytes(), |bytes, size| bytes.checked_mul(size?))
    };
    let small = |ty: &&Type| bytes(ty).is_some_and(|bytes| bytes < UNCHECKED_BYTES);
    if !may_grow || types.iter().all(small) { Guard::Small } else { Guard::Check(types.into_iter().cloned().collect()) }
}
