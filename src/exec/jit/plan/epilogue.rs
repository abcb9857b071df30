//! What products do to their sums before they store them, so that nobody walks over these again: a row is added to every row,
//! and a rectifier is applied.

use std::collections::HashMap;

use super::product::Product;
use super::{Kind, Operand, kind, maker, sizes};
use crate::exec::jit::micro::Activation;
use crate::ir::op::{MapOp, Op};
use crate::ir::{Graph, NodeId, ValueId};

/// A rectifier: what it is applied to, and the node that scales what is negative, if any.
#[derive(Clone, Copy)]
pub struct Rectifier {
    pub of: ValueId,
    pub activation: Activation<f64>,
    scaled: Option<NodeId>,
}

/// The rectifiers of a function that alone read what they are applied to, by their last node.
pub struct Rectifiers(HashMap<NodeId, Rectifier>);

impl Rectifiers {
    /// Finds them.
    pub fn of(graph: &Graph) -> Rectifiers {
        let uses = graph.use_counts();
        let ids = (0..graph.nodes().len() as u32).map(NodeId);
        Rectifiers(ids.filter_map(|id| Some((id, rectifier(graph, id, &uses)?))).collect())
    }

    /// The rectifier that ends with a node.
    pub fn at(&self, node: NodeId) -> Option<Rectifier> {
        self.0.get(&node).copied()
    }

    /// What a node scales for a rectifier.
    pub fn scaled_by(&self, node: NodeId) -> Option<ValueId> {
        self.0.values().find(|rectifier| rectifier.scaled == Some(node)).map(|rectifier| rectifier.of)
    }
}

/// `select(z > 0, z, c·z)` or `select(z ≤ 0, 0, z)`.
fn rectifier(graph: &Graph, id: NodeId, uses: &[u32]) -> Option<Rectifier> {
    let used = |value: ValueId| uses[value.0 as usize];
    let node = graph.node(id);
    if node.op != Op::Map(MapOp::Select) || used(node.args[0]) != 1 {
        return None;
    }
    let (question, then, otherwise) = (node.args[0], node.args[1], node.args[2]);
    if let Some(&[z, zero]) = graph.map_args(question, MapOp::Gt)
        && let Some(&[a, b]) = graph.map_args(otherwise, MapOp::Mul)
    {
        let slope = graph.uniform(if a == z { b } else { a }).filter(|slope| *slope >= 0.0)?;
        let fits = then == z && (a == z) != (b == z) && graph.is_zero(zero);
        let is_alone = used(z) == 3 && used(otherwise) == 1;
        let activation = Activation::LeakyRelu(slope);
        return (fits && is_alone).then_some(Rectifier { of: z, activation, scaled: maker(graph, otherwise) });
    }
    let &[z, zero] = graph.map_args(question, MapOp::Le)? else { return None };
    let fits = otherwise == z && [zero, then].into_iter().all(|value| graph.is_zero(value));
    (fits && used(z) == 2).then_some(Rectifier { of: z, activation: Activation::Relu, scaled: None })
}

/// What is added to every row of a product that nobody else reads, if a node adds it: the product and the row.
pub fn added_row(graph: &Graph, node: NodeId, resolve: &dyn Fn(ValueId) -> Operand) -> Option<(ValueId, Operand)> {
    let node = graph.node(node);
    if node.op != Op::Map(MapOp::Add) {
        return None;
    }
    let is_row = |operand: &Operand| match operand.view.strides.split_last() {
        Some((&last, others)) => last == 1 && others.iter().all(|&stride| stride == 0),
        None => false,
    };
    let pairs = [(node.args[0], node.args[1]), (node.args[1], node.args[0])];
    pairs.into_iter().map(|(product, row)| (product, resolve(row))).find(|(product, row)| {
        let from = maker(graph, *product);
        from.is_some_and(|from| kind(graph, from) == Kind::Product) && is_row(row)
    })
}

impl Product {
    /// Whether a row can be added to every row of the result, a type's worth of columns each.
    pub fn takes_row(&self, graph: &Graph) -> bool {
        let columns = sizes(graph.ty(self.result)).last().copied();
        !self.is_written_out() && self.sums.is_empty() && self.bias.is_none() && columns == Some(self.n)
    }

    /// Whether something can be done to the sums last.
    pub fn takes_activation(&self) -> bool {
        !self.is_written_out() && self.sums.is_empty() && self.activation == Activation::Identity
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, Step};
    use super::*;
    use crate::ir::text;

    #[test]
    fn a_row_and_a_rectifier_are_left_to_the_product() {
        let dense = |end: &str| {
            format!(
                "fn @main(%0: f32[8, 16], %1: f32[16, 24], %2: f32[24]) -> (f32[8, 24]) {{\n\
                 %3 = contract{{spec=\"mk,kn->mn\"}}(%0, %1): f32[8, 24]\n\
                 %4 = broadcast{{shape=[8, 24], axes=[1]}}(%2): f32[8, 24]\n  %5 = add(%4, %3): f32[8, 24]\n\
                 %6 = const{{value=f32[](0.0)}}(): f32[]\n  %7 = broadcast{{shape=[8, 24], axes=[]}}(%6): f32[8, 24]\n\
                 %8 = const{{value=f32[](0.5)}}(): f32[]\n  %9 = broadcast{{shape=[8, 24], axes=[]}}(%8): f32[8, 24]\n{end}}}\n"
            )
        };
        let relu = "%10 = le(%5, %7): bool[8, 24]\n%11 = select(%10, %7, %5): f32[8, 24]\nreturn %11\n";
        let leaky = "%10 = gt(%5, %7): bool[8, 24]\n%11 = mul(%5, %9): f32[8, 24]\n%12 = select(%10, %5, %11): f32[8, 24]\nreturn %12\n";
        // What is rectified is read by another as well.
        let kept = "%10 = le(%5, %7): bool[8, 24]\n%11 = select(%10, %7, %5): f32[8, 24]\n%12 = add(%11, %5): f32[8, 24]\nreturn %12\n";
        let cases =
            [(relu, Activation::Relu, 1), (leaky, Activation::LeakyRelu(0.5), 1), (kept, Activation::Identity, 2)];
        for (end, activation, n_steps) in cases {
            let module = text::parse(&dense(end)).expect("the text is a module");
            let main = module.ids().next().expect("there is one function");
            let plan = Plan::new(&module, main, &[]);
            let Step::Product(product) = &plan.steps[0] else { panic!("the first step is the product") };
            assert_eq!((plan.steps.len(), product.activation), (n_steps, activation), "{end}");
            assert!(product.bias.is_some(), "{end}");
        }
    }
}
