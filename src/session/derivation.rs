//! The equations of back propagation of a function, or of a net with a cost.

use super::options::Notation as NotationOption;
use crate::bail;
use crate::elaborate::freeze::named_leaves;
use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::{Elaborator, Function, Given, Phase, Repr, Result, TensorValue, Value, list_names};
use crate::grad::derive::{Equations, Form, Request, Updates, equations};
use crate::ir::{FuncId, Type};
use crate::source::Span;
use crate::syntax::ast::{DefKind, Name};

/// The most parameters of a net whose derivatives are written one by one.
const FEW_PARAMETERS: i64 = 12;

/// A cost as a function of the IR, and what to derive of it.
pub struct Derivation {
    /// The cost.
    pub func: FuncId,
    /// What is asked.
    pub request: Request,
}

/// The equations of a function, or of a net with a cost, as text or LaTeX.
pub fn derivation(
    elaborator: &mut Elaborator,
    given: Vec<Given>,
    notation: NotationOption,
    span: Span,
) -> Result<String> {
    let equations = equations_of(elaborator, given, span)?;
    Ok(match notation {
        NotationOption::Text => equations.to_text(),
        NotationOption::Latex => equations.to_latex(),
        NotationOption::Document => equations.to_document(),
    })
}

/// The equations of a function, or of a net with a cost.
pub fn equations_of(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Equations> {
    let derivation = traced(elaborator, given, span)?;
    Ok(equations(&elaborator.module, derivation.func, &derivation.request))
}

/// What `derive` is asked for: a function, or a net with a cost.
pub fn traced(elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Derivation> {
    let Some(of) = given.iter().find(|arg| arg.name.is_none()) else {
        bail!(E0204, span, "`derive` needs a function or a net")
    };
    let named = |name: &str| given.iter().find(|arg| arg.name.as_ref().is_some_and(|ident| &*ident.name == name));
    if let Some(wrong) =
        given.iter().filter_map(|arg| arg.name.as_ref()).find(|name| !["cost", "wrt"].contains(&&*name.name))
    {
        bail!(E0203, wrong.span, "`derive` has no argument `{}`", wrong.name; help: "it has `cost` and `wrt`")
    }
    let before = std::mem::replace(&mut elaborator.keep_calls, true);
    let traced = match &of.value {
        Value::Func(func) if func.def_kind() == Some(DefKind::Net) => match named("cost") {
            Some(cost) => of_net(elaborator, func, &cost.value, named("wrt"), span),
            None => Err(crate::diagnostic!(E0405, span, "the equations of a net need a cost";
                help: "`derive({}, cost = cross_entropy)`", func.name())
            .into()),
        },
        Value::Func(func) => of_function(elaborator, func, named("wrt"), span),
        other => {
            Err(crate::diagnostic!(E0303, of.span, "`derive` needs a function or a net, got {}", other.kind_text())
                .into())
        }
    };
    elaborator.keep_calls = before;
    traced
}

fn of_net(
    elaborator: &mut Elaborator,
    net: &std::rc::Rc<Function>,
    cost: &Value,
    wrt: Option<&Given>,
    span: Span,
) -> Result<Derivation> {
    let model = elaborator.abstract_model(net, span)?;
    let closure = net.closure().expect("a net is written in Nabla").clone();
    let names: Vec<Name> =
        closure.def.lists.last().into_iter().flatten().map(|param| param.name.name.clone()).collect();
    let inputs = elaborator.any_inputs_scratch(&closure, span)?;
    let output = elaborator.output_of(&model, inputs.clone(), span)?;
    let (leaves, structure) = flatten(&Value::tuple(inputs));
    let mut params: Vec<(Type, Option<Name>)> =
        leaves.iter().enumerate().map(|(idx, leaf)| (leaf.ty.clone(), names.get(idx).cloned())).collect();
    params.push((output.ty.clone(), Some("t".into())));
    let n_inputs = params.len();
    let traced = elaborator.trace_func("cost", &params, |elaborator, mut values| {
        let target = values.pop().expect("the target is the last parameter");
        let Value::Tuple(inputs) = unflatten(&structure, values) else { unreachable!("a tuple was flattened") };
        let inputs = inputs.iter().map(|input| Given::at(input.clone(), span)).collect();
        let (prediction, _) = elaborator.apply_model(&model, inputs, Phase::Training, span)?;
        let value = elaborator.apply(cost, vec![prediction, target.into()], span)?;
        match value {
            Value::Tensor(cost) if cost.rank() == 0 => Ok(vec![cost]),
            other => bail!(E0403, span, "a cost is one real number, this gives {}", other.kind_text()),
        }
    })?;
    let params = model.get("params").expect("a model has parameters");
    let (leaves, _) = flatten(params);
    let chosen = match wrt {
        Some(wrt) => named_leaves(params, &wrt.value, wrt.span)?,
        None => vec![true; leaves.len()],
    };
    let captured = |capture: &TensorValue| leaves.iter().position(|leaf| same_node(leaf, capture));
    let places =
        traced.captures.iter().enumerate().filter_map(|(idx, capture)| Some((n_inputs + idx, captured(capture)?)));
    let places: Vec<(usize, usize)> = places.collect();
    let params = places.iter().map(|(place, _)| *place).collect();
    let wrt = places.iter().filter(|(_, leaf)| chosen[*leaf]).map(|(place, _)| *place).collect();
    let n_numbers: i64 =
        leaves.iter().map(|leaf| leaf.ty.shape.iter().map(|dim| dim.known().unwrap_or(0)).product::<i64>()).sum();
    let form = if n_numbers <= FEW_PARAMETERS { Form::Components } else { Form::Matrices };
    let request = Request { wrt, params, cost: "C".into(), form, updates: Updates::Written };
    Ok(Derivation { func: traced.func, request })
}

fn same_node(a: &TensorValue, b: &TensorValue) -> bool {
    match (&a.repr, &b.repr) {
        (Repr::Node { level: m, id: p }, Repr::Node { level: n, id: q }) => m == n && p == q,
        _ => false,
    }
}

fn of_function(elaborator: &mut Elaborator, func: &Function, wrt: Option<&Given>, span: Span) -> Result<Derivation> {
    let Some(closure) = func.closure().cloned() else {
        bail!(E0305, span, "`derive` needs a function written in Nabla, got the {}", func.kind_text())
    };
    let names: Vec<Name> =
        closure.def.lists.last().into_iter().flatten().map(|param| param.name.name.clone()).collect();
    let inputs = elaborator.any_inputs_scratch(&closure, span)?;
    let chosen: Vec<&str> = match wrt.map(|arg| &arg.value) {
        Some(Value::Tuple(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => names.iter().map(|name| &**name).collect(),
    };
    if let Some(wrong) = chosen.iter().find(|name| !names.iter().any(|other| &**other == **name)) {
        let known: Vec<&str> = names.iter().map(|name| &**name).collect();
        bail!(E0404, wrt.map_or(span, |arg| arg.span), "the function has no parameter `{}`", wrong;
              help: "its parameters are {}", list_names(&known))
    }
    let mut params = vec![];
    for (name, input) in names.iter().zip(&inputs) {
        let Some(tensor) = input.as_tensor() else {
            bail!(E0305, span, "the parameter `{}` is {}, `derive` needs numbers and tensors", name, input.kind_text())
        };
        params.push((tensor.ty.clone(), Some(name.clone())));
    }
    let target = Function::value(func.kind.clone());
    let traced = elaborator.trace_func(func.name(), &params, |elaborator, values| {
        let value = elaborator.body_of(&target, values, span)?;
        match value {
            Value::Tensor(cost) if cost.rank() == 0 && cost.ty.dtype.is_real() => Ok(vec![cost]),
            other => bail!(E0403, span, "a derivation is of one real number, the function gives {}", other.kind_text()),
        }
    })?;
    let is_real = |idx: &usize| params[*idx].0.dtype.is_real();
    let places = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..names.len()).filter(|&idx| wanted(&names[idx])).filter(is_real).collect()
    };
    let wrt = places(&|name| chosen.contains(&name));
    let params = wrt.clone();
    let cost = func.name().to_string();
    let request = Request { wrt, params, cost, form: Form::Matrices, updates: Updates::Written };
    Ok(Derivation { func: traced.func, request })
}
