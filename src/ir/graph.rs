//! The IR itself: modules of functions, functions of nodes in execution order.
//!
//! A value is defined once, by a parameter or by a node, and used after its definition. A node applies one [`Op`] to
//! values. Regions (the body of a `scan`, the branches of an `if`) are functions of the module; what they use from outside
//! is passed as explicit captures, so a pass that handles functions handles regions.

use std::sync::Arc;

use super::op::MapOp;
use super::{Op, Type};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::tensor::DType;

/// A function of a [`Module`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncId(pub u32);

/// A value of a [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ValueId(pub u32);

/// A node of a [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// The functions of a program.
#[derive(Clone, Default, Debug)]
pub struct Module {
    funcs: Vec<Func>,
}

/// A function: its graph and what is known of it beyond that.
#[derive(Clone, Debug)]
pub struct Func {
    /// What it is called in print; need not be unique.
    pub name: Name,
    /// What it computes.
    pub graph: Graph,
    /// The reverse rule the user gave: takes the parameters, then the cotangents of the results, gives the cotangents of
    /// the parameters that are real.
    pub adjoint: Option<FuncId>,
    /// What the function is to the user; `derive` and the inliner look at it.
    pub role: Role,
}

/// What a function is to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A `fn` with a name: an activation, a cost. `derive` prints it by that name.
    Named,
    /// Made by the compiler: an entry, a region, a derivative.
    Internal,
}

/// Values and the nodes that compute them, in order.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    params: Vec<ValueId>,
    nodes: Vec<Node>,
    results: Vec<ValueId>,
    values: Vec<Value>,
}

/// Where a value comes from and what it is.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its type.
    pub ty: Type,
    /// The name the user bound it to; for a parameter of a layer its path, `dense_1.W`.
    pub name: Option<Name>,
    /// What defines it.
    pub def: Def,
}

/// What defines a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Def {
    /// The parameter of this index.
    Param(usize),
    /// The result of this index of a node.
    Node(NodeId, usize),
}

/// One application of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is applied.
    pub op: Op,
    /// To what.
    pub args: Vec<ValueId>,
    /// What it defines.
    pub results: Vec<ValueId>,
    /// Where it comes from in the script.
    pub origin: Origin,
}

/// Where in the script a node comes from.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Origin {
    /// The operation in the source; none for what passes add out of nothing.
    pub span: Option<Span>,
    /// The layer it belongs to: `dense_1`, empty outside of layers.
    pub path: Option<Name>,
    /// The call the operation was inlined at.
    pub via: Option<Arc<Origin>>,
}

impl Origin {
    /// The same operation, reached through a call at `call`.
    pub fn through(&self, call: &Origin) -> Origin {
        let via = match &self.via {
            None => call.clone(),
            Some(inner) => inner.through(call),
        };
        Origin { span: self.span, path: self.path.clone().or_else(|| call.path.clone()), via: Some(Arc::new(via)) }
    }

    /// The spans from the operation outwards to the statement that reached it.
    pub fn chain(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.span.into_iter().collect();
        let mut at = self.via.as_deref();
        while let Some(origin) = at {
            spans.extend(origin.span);
            at = origin.via.as_deref();
        }
        spans
    }
}

impl Module {
    /// Adds a function.
    pub fn add(&mut self, func: Func) -> FuncId {
        self.funcs.push(func);
        FuncId(self.funcs.len() as u32 - 1)
    }

    /// Adds a function the compiler made.
    pub fn add_internal(&mut self, name: impl Into<Name>, graph: Graph) -> FuncId {
        self.add(Func { name: name.into(), graph, adjoint: None, role: Role::Internal })
    }

    /// Takes out a function and all that were added after it.
    pub fn truncate(&mut self, first: FuncId) {
        self.funcs.truncate(first.0 as usize);
    }

    /// A function.
    pub fn func(&self, id: FuncId) -> &Func {
        &self.funcs[id.0 as usize]
    }

    /// A function, to be changed.
    pub fn func_mut(&mut self, id: FuncId) -> &mut Func {
        &mut self.funcs[id.0 as usize]
    }

    /// The graph of a function.
    pub fn graph(&self, id: FuncId) -> &Graph {
        &self.func(id).graph
    }

    /// Takes the graph of a function out, for a pass that puts another in its place.
    pub fn take_graph(&mut self, id: FuncId) -> Graph {
        std::mem::take(&mut self.func_mut(id).graph)
    }

    /// Every function, in order.
    pub fn ids(&self) -> impl Iterator<Item = FuncId> + use<> {
        (0..self.funcs.len() as u32).map(FuncId)
    }

    /// The functions `entry` needs, itself included, callees before callers.
    pub fn reachable(&self, entry: FuncId) -> Vec<FuncId> {
        let mut seen = vec![false; self.funcs.len()];
        let mut order = vec![];
        self.visit(entry, &mut seen, &mut order);
        order
    }

    fn visit(&self, id: FuncId, seen: &mut [bool], order: &mut Vec<FuncId>) {
        if std::mem::replace(&mut seen[id.0 as usize], true) {
            return;
        }
        let func = self.func(id);
        for callee in func.graph.nodes.iter().flat_map(|node| node.op.funcs()).chain(func.adjoint) {
            self.visit(callee, seen, order);
        }
        order.push(id);
    }

    /// A module of its own with `entry` and what it needs.
    pub fn extract(&self, entry: FuncId) -> (Module, FuncId) {
        let order = self.reachable(entry);
        let position = |id: FuncId| FuncId(order.iter().position(|&other| other == id).expect("reachable") as u32);
        let funcs = order.iter().map(|&id| {
            let mut func = self.func(id).clone();
            func.adjoint = func.adjoint.map(position);
            for node in &mut func.graph.nodes {
                node.op.map_funcs(&mut |callee| position(callee));
            }
            func
        });
        let module = Module { funcs: funcs.collect() };
        (module, position(entry))
    }
}

impl Graph {
    /// The parameters, in order.
    pub fn params(&self) -> &[ValueId] {
        &self.params
    }

    /// The nodes, each after those it uses.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes, to change their ops or origins in place.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// The results, in order.
    pub fn results(&self) -> &[ValueId] {
        &self.results
    }

    /// A value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &Type {
        &self.value(id).ty
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The node that defines a value, unless it is a parameter.
    pub fn def(&self, id: ValueId) -> Option<&Node> {
        match self.value(id).def {
            Def::Param(_) => None,
            Def::Node(node, _) => Some(self.node(node)),
        }
    }

    /// The arguments of an elementwise op, if that defines the value.
    pub fn map_args(&self, id: ValueId, op: MapOp) -> Option<&[ValueId]> {
        self.def(id).filter(|node| node.op == Op::Map(op)).map(|node| node.args.as_slice())
    }

    /// The number every element of a real or int tensor equals, if it is a constant.
    pub fn uniform(&self, id: ValueId) -> Option<f64> {
        let node = self.def(id)?;
        match &node.op {
            Op::Const(constant) => {
                let tensor = &constant.value;
                let number = tensor.dtype().is_real() || tensor.dtype() == DType::I64;
                (number && tensor.len() == 1).then(|| tensor.to_f64())
            }
            Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) => self.uniform(node.args[0]),
            _ => None,
        }
    }

    /// Whether every element is +0 or −0.
    pub fn is_zero(&self, id: ValueId) -> bool {
        self.uniform(id) == Some(0.0)
    }

    /// How many values there are.
    pub fn n_values(&self) -> usize {
        self.values.len()
    }

    /// Every value, in order of definition.
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values.len() as u32).map(ValueId)
    }

    /// The types of the parameters.
    pub fn param_types(&self) -> Vec<Type> {
        self.params.iter().map(|&id| self.ty(id).clone()).collect()
    }

    /// The types of the results.
    pub fn result_types(&self) -> Vec<Type> {
        self.results.iter().map(|&id| self.ty(id).clone()).collect()
    }

    /// Adds a parameter.
    pub fn add_param(&mut self, ty: Type, name: Option<Name>) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        self.values.push(Value { ty, name, def: Def::Param(self.params.len()) });
        self.params.push(id);
        id
    }

    /// Adds a node whose results have these types; [`Builder::push`](super::Builder::push) infers them.
    pub fn add_node(&mut self, op: Op, args: Vec<ValueId>, types: Vec<Type>, origin: Origin) -> NodeId {
        let node = NodeId(self.nodes.len() as u32);
        let results = types.into_iter().enumerate().map(|(idx, ty)| {
            let id = ValueId(self.values.len() as u32);
            self.values.push(Value { ty, name: None, def: Def::Node(node, idx) });
            id
        });
        let results = results.collect();
        self.nodes.push(Node { op, args, results, origin });
        node
    }

    /// Says what the function gives.
    pub fn set_results(&mut self, results: Vec<ValueId>) {
        self.results = results;
    }

    /// Names a value, unless it has a name already.
    pub fn name_value(&mut self, id: ValueId, name: &Name) {
        let slot = &mut self.values[id.0 as usize].name;
        if slot.is_none() {
            *slot = Some(name.clone());
        }
    }

    /// Takes the name of a value away.
    pub fn forget_name(&mut self, id: ValueId) {
        self.values[id.0 as usize].name = None;
    }

    /// How often each value is used by nodes and results, indexed by value.
    pub fn use_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        for &id in self.nodes.iter().flat_map(|node| &node.args).chain(&self.results) {
            counts[id.0 as usize] += 1;
        }
        counts
    }
}
