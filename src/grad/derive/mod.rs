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
//! - The function is flat: layers are inlined, their nodes' origins carry the layer's path. What is a convolution, a pool or a
//!   loop stands in the function itself and in no call.
//! - A call of a `fn` the user would recognise, an activation or a cost, is a `call` of a function with
//!   [`Role::Named`](crate::ir::Role::Named) and without transforms. The operations `sigmoid` and `tanh` count as activations too.
//! - The cost is the first result.
//!
//! - The body of a loop is a function of its own, whose parameters and results have the names of the user.
//!
//! Operations that arithmetic has no sign for, convolutions and pools and all others, are written by a sign or a name, and the
//! last section says what that means, index by index. A loop is a page within the page, for one step ([`recur`]).
//!
//! What is differentiated inside of the function, `deriv(u, x)` in the loss of a net that obeys an equation, is expanded before
//! anything is cut. The layers of the net then work on directions too, and these have the names of what they are directions of:
//! `z¹_x` beside `z¹` (module `tangents`).
//!
//! A clamp that only keeps a logarithm finite, and the shift by the largest that only keeps a softmax from overflowing, are
//! not written.

mod activation;
mod algebra;
pub mod axes;
mod backward;
mod cases;
mod components;
mod contraction;
pub mod cut;
mod document;
mod elementwise;
mod indices;
mod joined;
mod known;
pub mod latex;
pub mod layer;
mod letters;
pub mod math;
mod mathml;
mod name;
mod notation;
pub mod operation;
mod piece;
mod place;
pub mod read;
pub mod recur;
pub mod symbol;
mod tangents;
pub mod text;

pub use activation::Activation;
pub use document::{Equations, Row, Section, Sign, Turns};

use crate::ir::{FuncId, Module, Op, ValueId};
use backward::Backward;
use cut::{Cut, Cuts, Place};
use math::{Math, Step, Symbol, difference, product, turn};

/// What to derive.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The parameters to differentiate by; their positions.
    pub wrt: Vec<usize>,
    /// The parameters of layers, whether or not they are differentiated by; their positions.
    pub params: Vec<usize>,
    /// What the cost is called: `C`, or the name of the function.
    pub cost: String,
    /// In which form.
    pub form: Form,
    /// Whether to write the steps of gradient descent.
    pub updates: Updates,
    /// What the walk back starts from.
    pub start: Start,
    /// What a point in the name of a parameter means.
    pub naming: Naming,
}

impl Request {
    /// The path of a parameter and its name there.
    fn path_and_leaf<'a>(&self, name: &'a str) -> (&'a str, &'a str) {
        match self.naming {
            Naming::Layers => name.rsplit_once('.').unwrap_or(("", name)),
            Naming::Members => ("", name),
        }
    }
}

/// What the walk back starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// The first result, which is the cost.
    Cost,
    /// The results, of which any cost may be taken: `C = C(y)`.
    AnyCost,
}

/// What a point in the name of a parameter means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming {
    /// `dense_1.W` is the W of a layer.
    Layers,
    /// `p.w` is a part of the parameter p.
    Members,
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
    let walk = Backward::of_cost(&cuts);
    let updates = match request.updates {
        Updates::Written => updates(&cuts, &walk),
        Updates::LeftOut => vec![],
    };
    let mut sections = vec![
        Section::new("Parameters", parameters(&cuts, request)),
        Section::new("Forward", forward(&cuts).into_iter().chain(given_cost(&cuts)).collect()),
        Section::new("Activations", activation::rows(&cuts)),
        Section::new("Backward", walk.errors),
        Section::new("Gradients", walk.gradients),
        Section::new("Updates", updates),
    ];
    if request.form == Form::Components {
        let components = components::sections(&cuts, &sections);
        sections.extend(components);
    }
    if let Some(backward) = sections.iter_mut().find(|section| section.title == "Backward")
        && !cuts.layers.is_empty()
    {
        backward.rows.insert(0, error_row(&cuts));
    }
    let notation = notation::rows(&sections);
    sections.push(Section::new("Notation", notation));
    sections.retain(|section| !section.rows.is_empty());
    let name = |&param: &ValueId| cuts.named(param).map(|cut| cut.symbol.clone());
    let names = cuts.graph.params().iter().map(name).collect();
    Equations { sections, names }
}

/// What the parameters of layers are called in the script.
fn parameters(cuts: &Cuts, request: &Request) -> Vec<Row> {
    if request.naming == Naming::Members {
        return vec![];
    }
    let mut rows: Vec<(ValueId, Row)> = vec![];
    for cut in cuts.all.iter().filter(|cut| matches!(cut.place, Place::Param { .. })) {
        let value = cuts.graph.value(cut.value);
        if let Some(name) = value.name.as_deref().filter(|name| name.contains('.')) {
            let sizes: Vec<String> = value.ty.shape.iter().map(|size| size.to_string()).collect();
            let words = format!("{name}, real[{}]", sizes.join(", "));
            rows.push((cut.value, Row::new(cut.symbol.clone().into(), vec![Math::Words(words)])));
        }
    }
    rows.sort_by_key(|(value, _)| *value);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// `δˡ = ∂C/∂zˡ`, what δ means.
fn error_row(cuts: &Cuts) -> Row {
    let of_layer = |base: &str| Symbol { sup: Some("l".into()), ..Symbol::plain(base, 2) };
    Row::new(of_layer("δ").into(), vec![cuts.partial(&of_layer("z"))])
}

/// What every value with a name is.
fn forward(cuts: &Cuts) -> Vec<Row> {
    let mut rows = vec![];
    for cut in &cuts.all {
        let symbol = || Math::from(cut.symbol.clone());
        match cut.place {
            Place::Input { ref alias } => {
                rows.extend(alias.clone().map(|alias| Row::new(symbol(), vec![alias.into()])));
            }
            Place::Param { .. } | Place::Given => {}
            Place::Active { activation: Activation::Identity, input, .. } if cuts.named(input).is_some() => {
                let input = cuts.named(input).expect("looked up above");
                rows.push(Row::new(symbol(), vec![input.symbol.clone().into()]));
            }
            Place::Drawn => rows.push(drawn(cuts, cut)),
            Place::Fixed if cuts.graph.def(cut.value).is_none() => {}
            Place::Affine { .. } | Place::Tangent | Place::Active { .. } | Place::Named | Place::Fixed => {
                let formula = cuts.shorter(&cuts.formula(cut.value), &cut.symbol);
                let formula = match formula {
                    // A mask is 1 or 0.
                    condition @ Math::Relation { .. } => Math::Cases {
                        cases: vec![(Math::Number(1.0), condition)],
                        otherwise: Box::new(Math::Number(0.0)),
                    },
                    formula => formula,
                };
                rows.push(Row::new(symbol(), vec![formula]));
            }
            Place::Loop(idx) => rows.extend(steps(cuts, idx)),
            Place::Cost => rows.push(Row::new(symbol(), cuts.cost_formulas(cut.value))),
        }
    }
    rows
}

/// What the cost is, where that has a name already, a parameter or what a loop ends with, or where any may be taken.
fn given_cost(cuts: &Cuts) -> Option<Row> {
    if cuts.start == Start::AnyCost && cuts.ends().next().is_some() {
        let args = cuts.ends().map(|end| end.symbol.clone().into()).collect();
        let any = Math::Apply { name: cuts.cost.base.clone(), primes: 0, args, rank: 0 };
        return Some(Row::new(cuts.cost.clone().into(), vec![any]));
    }
    if cuts.start == Start::AnyCost {
        return None;
    }
    let named = cuts.named(cuts.graph.results()[0])?;
    let is_cost = matches!(named.place, Place::Cost);
    (!is_cost).then(|| Row::new(cuts.cost.clone().into(), vec![named.symbol.clone().into()]))
}

/// What is drawn at random.
fn drawn(cuts: &Cuts, cut: &Cut) -> Row {
    let dist = match cuts.graph.def(cut.value).map(|node| &node.op) {
        Some(Op::Draw(draw)) => draw.dist.to_string(),
        _ => "random".into(),
    };
    let words = match dist.as_str() {
        "uniform" => "uniform in [0, 1)".into(),
        "normal" => "normal with mean 0 and variance 1".into(),
        other => other.to_string(),
    };
    Row { sign: Sign::Drawn, ..Row::new(cut.symbol.clone().into(), vec![Math::Words(words)]) }
}

/// A loop: how it begins, and one step.
fn steps(cuts: &Cuts, idx: usize) -> Vec<Row> {
    let one = &cuts.loops[idx];
    let mut rows = vec![];
    for carry in &one.carries {
        let before = carry.symbol.at(Step::start());
        let start = match cuts.named(carry.start) {
            Some(named) => named.symbol.clone().into(),
            None => cuts.formula(carry.start),
        };
        if text::text(&start) != text::text(&before.clone().into()) {
            rows.push(Row::new(before.into(), vec![start]));
        }
    }
    let turns = Turns { index: turn(cuts.depth), count: one.count.clone(), down: false, ends: false };
    for mut row in forward(&one.body) {
        row.turns.insert(0, turns.clone());
        rows.push(row);
    }
    rows
}

/// `W ← W − η ∂C/∂W = W − η aᵀ δ`; the second form where the gradient is short.
fn updates(cuts: &Cuts, walk: &Backward) -> Vec<Row> {
    let rate = || Math::from(Symbol::plain("η", 0));
    let step = |symbol: &Symbol| {
        let old = || Math::from(symbol.clone());
        let gradient = cuts.partial(symbol);
        let mut right = vec![difference(old(), product([rate(), gradient.clone()]))];
        let is_short = |row: &&Row| row.left == gradient && matches!(row.right.as_slice(), [it] if it.size() <= 3);
        if let Some(row) = walk.gradients.iter().find(is_short) {
            right.push(difference(old(), product([rate(), row.right[0].clone()])));
        }
        Row { sign: Sign::Becomes, ..Row::new(old(), right) }
    };
    let params = cuts.all.iter().filter(|cut| walk.reached.contains(&cut.value));
    let mut rows: Vec<(Option<usize>, Row)> = params.map(|cut| (cut.layer(), step(&cut.symbol))).collect();
    rows.sort_by_key(|(layer, _)| std::cmp::Reverse(*layer));
    rows.into_iter().map(|(_, row)| row).collect()
}
