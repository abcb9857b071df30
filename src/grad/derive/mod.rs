//! The equations of back propagation of a function, as a person would write them.
//!
//! Goes in: a cost as it was lowered, before any pass, and what to differentiate by. Comes out: [`Equations`], which print
//! as Unicode text and as LaTeX.
//!
//! ```text
//! forward     a⁰ = x,  z¹ = a⁰ W¹ + b¹,  a¹ = σ(z¹),  …,  C = ols(a², t) = 1/n Σ_batch Σ_k (a² − t)²
//! backward    ∂C/∂a² = 2 (a² − t)/n,  δ² = ∂C/∂a²,  δ¹ = (δ² (W²)ᵀ) ∘ σ′(z¹)
//! gradients   ∂C/∂W² = (a¹)ᵀ δ²,  ∂C/∂b² = Σ_batch δ²,  …
//! updates     W² ← W² − η ∂C/∂W²,  …
//! ```
//!
//! The function is cut at the values that have a name ([`cut`]); each piece between cuts is differentiated by the
//! [`adjoint`](super::adjoint()) that differentiates everything, simplified, and read as a formula ([`read`]). So the
//! equations are those of the program, not of a template.
//!
//! What the lowering must say:
//! - Parameters of layers are named by their path, `dense_1.W`; other parameters and values by the user's name.
//! - The function is flat: layers are inlined, their nodes' origins carry the layer's path.
//! - A call of a `fn` the user would recognise, an activation or a cost, is a `call` of a function with
//!   [`Role::Named`](crate::ir::Role::Named) and without transforms. The operations `sigmoid` and `tanh` count as activations too.
//! - The cost is the first result.
//!
//! A clamp that only keeps a logarithm finite, and the shift by the largest that only keeps a softmax from overflowing, are
//! not written.

mod activation;
mod algebra;
mod components;
pub mod cut;
mod document;
pub mod latex;
pub mod layer;
pub mod math;
mod piece;
pub mod read;
pub mod text;

use std::collections::HashMap;

pub use document::{Equations, Row, Section, Sign};

use crate::ir::{FuncId, Module, ValueId};
use cut::{Activation, Cut, Cuts, Place};
use math::{Math, Symbol, difference, product, sum};

/// What to derive.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The parameters to differentiate by; their positions.
    pub wrt: Vec<usize>,
    /// What the cost is called: `C`, or the name of the function.
    pub cost: String,
    /// In which form.
    pub form: Form,
    /// Whether to write the steps of gradient descent.
    pub updates: Updates,
}

/// How a net's equations are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// By matrices.
    Matrices,
    /// By matrices, then for every single weight, if the net has only dense layers and few weights.
    Components,
}

/// Whether the steps of gradient descent are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Updates {
    /// They are.
    Written,
    /// They are not.
    LeftOut,
}

/// The equations of the gradient of the first result of `func`.
pub fn equations(module: &Module, func: FuncId, request: &Request) -> Equations {
    let cuts = cut::cut(module, func, request);
    let mut backward = Backward::new(&cuts);
    backward.run();
    let mut sections = vec![
        Section::new("Forward", forward(&cuts)),
        Section::new("Activations", activation::rows(&cuts)),
        Section::new("Backward", backward.errors),
        Section::new("Gradients", backward.gradients),
    ];
    if request.updates == Updates::Written {
        sections.push(Section::new("Updates", updates(&cuts)));
    }
    if request.form == Form::Components {
        sections.extend(components::sections(&cuts, &sections));
    }
    sections.retain(|section| !section.rows.is_empty());
    Equations { sections }
}

/// What every value with a name is.
fn forward(cuts: &Cuts) -> Vec<Row> {
    let mut rows = vec![];
    for cut in &cuts.all {
        match cut.place {
            Place::Input { ref alias } => {
                rows.extend(alias.clone().map(|alias| Row::new(cut.symbol.clone().into(), vec![alias.into()])));
            }
            Place::Param { .. } => {}
            Place::Active { activation: Activation::Identity, input, .. } => {
                let input = cuts.named(input).expect("the input of an activation is cut");
                rows.push(Row::new(cut.symbol.clone().into(), vec![input.symbol.clone().into()]));
            }
            Place::Affine { .. } | Place::Active { .. } | Place::Named => {
                rows.push(Row::new(cut.symbol.clone().into(), vec![cuts.formula(cut.value)]));
            }
            Place::Cost => rows.push(Row::new(cut.symbol.clone().into(), cuts.cost_formulas())),
        }
    }
    rows
}

/// `W ← W − η ∂C/∂W`.
fn updates(cuts: &Cuts) -> Vec<Row> {
    let rate = || Math::from(Symbol::new("η", 0));
    let params = cuts.all.iter().filter(|cut| matches!(cut.place, Place::Param { wanted: true }));
    let step = |cut: &Cut| {
        let gradient = cuts.partial(&cut.symbol);
        let next = difference(cut.symbol.clone().into(), product([rate(), gradient]));
        Row { sign: Sign::Becomes, ..Row::new(cut.symbol.clone().into(), vec![next]) }
    };
    let mut rows: Vec<(Option<usize>, Row)> = params.map(|cut| (cut.layer(), step(cut))).collect();
    rows.sort_by_key(|(layer, _)| std::cmp::Reverse(*layer));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The walk from the cost back to the parameters, cut by cut.
struct Backward<'a> {
    cuts: &'a Cuts,
    /// What each cut has received so far.
    received: HashMap<ValueId, Vec<Math>>,
    errors: Vec<Row>,
    gradients: Vec<Row>,
}

impl<'a> Backward<'a> {
    fn new(cuts: &'a Cuts) -> Backward<'a> {
        Backward { cuts, received: HashMap::new(), errors: vec![], gradients: vec![] }
    }

    fn run(&mut self) {
        self.received.insert(self.cuts.cost().value, vec![Math::Number(1.0)]);
        let mut gradients = vec![];
        for cut in self.cuts.all.iter().rev() {
            let Some(terms) = self.received.remove(&cut.value) else { continue };
            let total = sum(terms);
            match cut.place {
                Place::Param { .. } => {
                    gradients.extend(self.gradient(cut, total).into_iter().rev().map(|row| (cut.layer(), row)));
                }
                Place::Input { .. } => {}
                Place::Cost => self.send(cut, &Math::Number(1.0)),
                Place::Affine { layer } => {
                    let error: Math = self.cuts.error(layer).into();
                    let mut row = Row::new(error.clone(), vec![total]);
                    if let Some((short, provided)) = self.cuts.short_error(layer) {
                        row.right.push(short);
                        row.provided = provided;
                    }
                    self.errors.push(row);
                    self.send(cut, &error);
                }
                // The error of a hidden layer is written in one formula, that of the last in two, as in the notes.
                Place::Active { layer, .. } if layer < self.cuts.n_layers() && total.size() <= 4 => {
                    self.send(cut, &total)
                }
                Place::Active { .. } | Place::Named => {
                    let error = self.cuts.partial(&cut.symbol);
                    self.errors.push(Row::new(error.clone(), vec![total]));
                    self.send(cut, &error);
                }
            }
        }
        // Layers from the last to the first; parameters of one layer in their own order.
        gradients.reverse();
        gradients.sort_by_key(|(layer, _)| std::cmp::Reverse(*layer));
        self.gradients = gradients.into_iter().map(|(_, row)| row).collect();
    }

    /// The gradient by a parameter; by each component, if only components of it are used.
    fn gradient(&self, cut: &Cut, total: Math) -> Vec<Row> {
        match read::placed(&total) {
            Some(components) => components
                .into_iter()
                .map(|(place, total)| Row::new(self.cuts.partial(&cut.symbol.component(&place)), vec![total]))
                .collect(),
            None => vec![Row::new(self.cuts.partial(&cut.symbol), vec![total])],
        }
    }

    /// Gives the inputs of the piece that computes a cut what they get of its cotangent.
    fn send(&mut self, cut: &Cut, ct: &Math) {
        if let Place::Active { activation, input, .. } = &cut.place
            && let Some(slope) = self.slope(activation, *input)
        {
            let factors = match ct {
                Math::Partial { .. } => [slope, ct.clone()],
                ct => [ct.clone(), slope],
            };
            self.received.entry(*input).or_default().push(product(factors));
            return;
        }
        for (input, term) in piece::cotangents(self.cuts, cut.value, ct) {
            self.received.entry(input).or_default().push(term);
        }
    }

    /// `σ′(z)`, for an elementwise activation.
    fn slope(&self, activation: &Activation, input: ValueId) -> Option<Math> {
        let z = self.cuts.named(input)?.symbol.clone();
        match activation {
            Activation::Identity => Some(Math::Number(1.0)),
            Activation::Elementwise { name, .. } => Some(Math::derivative(name, z.into())),
            Activation::Other => None,
        }
    }
}
