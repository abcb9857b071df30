//! What `derive` is asked about: a net with a cost or a loss, a net alone, or a function.

use std::rc::Rc;

use super::options::Notation as NotationOption;
use crate::bail;
use crate::elaborate::freeze::named_leaves;
use crate::elaborate::function::Closure;
use crate::elaborate::tree::{Structure, flatten, unflatten};
use crate::elaborate::{
    Elaborator, Function, Given, Halt, Phase, Record, Repr, Result, TensorValue, Value, list_names, row_types,
};
use crate::grad::derive::{Equations, Form, Naming, Request, Start, Updates, equations};
use crate::ir::op::MapOp;
use crate::ir::{FuncId, Type};
use crate::source::{Code, Span};
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

/// What to derive: the arguments of `derive`, or what a training says.
pub struct Asked {
    /// A net or a function.
    pub of: Given,
    /// A function of prediction and target.
    pub cost: Option<Value>,
    /// A function of the model and the data.
    pub loss: Option<Value>,
    /// The types of the data, where the loss does not state them.
    pub data: Option<Vec<Type>>,
    /// Penalties, functions of parameters and a number, and that number.
    pub penalties: Vec<(Value, Value)>,
    /// The parameters that are shown, by their paths.
    pub wrt: Option<Given>,
    /// The parameters that are not trained, by their paths.
    pub frozen: Option<Given>,
}

impl Asked {
    /// Only a net or a function.
    pub fn about(of: Given) -> Asked {
        Asked { of, cost: None, loss: None, data: None, penalties: vec![], wrt: None, frozen: None }
    }

    /// The arguments of `derive`.
    fn from_arguments(given: Vec<Given>, span: Span) -> Result<Asked> {
        let (mut named, mut unnamed): (Vec<Given>, Vec<Given>) = given.into_iter().partition(|arg| arg.name.is_some());
        if unnamed.is_empty() {
            bail!(E0204, span, "`derive` needs a function or a net")
        }
        let known = ["cost", "loss", "data", "wrt"];
        let name = |arg: &Given| arg.name.as_ref().map_or_else(|| "".into(), |ident| ident.name.clone());
        if let Some(wrong) = named.iter().find(|arg| !known.contains(&&*name(arg))) {
            let span = wrong.name.as_ref().map_or(wrong.span, |ident| ident.span);
            bail!(E0203, span, "`derive` has no argument `{}`", name(wrong);
                  help: "it has {}", list_names(&known))
        }
        let mut take = |wanted: &str| {
            let position = named.iter().position(|arg| *name(arg) == *wanted)?;
            Some(named.remove(position))
        };
        let mut asked = Asked::about(unnamed.remove(0));
        asked.cost = take("cost").map(|arg| arg.value);
        asked.loss = take("loss").map(|arg| arg.value);
        asked.data = take("data").map(|arg| types_of_rows(&arg.value)).transpose()?;
        asked.wrt = take("wrt");
        Ok(asked)
    }
}

/// The types of the row tensors of data; a mistake in these was told.
pub fn types_of_rows(data: &Value) -> Result<Vec<Type>> {
    if matches!(data, Value::Poisoned) { Err(Halt::Reported) } else { Ok(row_types(data)) }
}

/// The equations that `derive` is asked for by its arguments, as text or LaTeX.
pub fn derivation(
    elaborator: &mut Elaborator,
    given: Vec<Given>,
    notation: NotationOption,
    span: Span,
) -> Result<String> {
    written(elaborator, &Asked::from_arguments(given, span)?, notation, span)
}

/// The equations of what is asked, as text or LaTeX.
pub fn written(elaborator: &mut Elaborator, asked: &Asked, notation: NotationOption, span: Span) -> Result<String> {
    let equations = equations_of(elaborator, asked, span)?;
    Ok(match notation {
        NotationOption::Text => equations.to_text(),
        NotationOption::Latex => equations.to_latex(),
        NotationOption::Document => equations.to_document(),
    })
}

/// The equations of what is asked.
pub fn equations_of(elaborator: &mut Elaborator, asked: &Asked, span: Span) -> Result<Equations> {
    let derivation = traced(elaborator, asked, span)?;
    let equations = equations(&elaborator.module, derivation.func, &derivation.request);
    if equations.sections.iter().all(|section| section.title != "Gradients") {
        bail!(
            E0403,
            span,
            "there is nothing to derive: what is given does not change with any real number it is made of"
        )
    }
    Ok(equations)
}

/// What is asked as a function of the IR.
pub fn traced(elaborator: &mut Elaborator, asked: &Asked, span: Span) -> Result<Derivation> {
    let before = std::mem::replace(&mut elaborator.keep_calls, true);
    let traced = match &asked.of.value {
        Value::Func(func) if func.def_kind() == Some(DefKind::Net) => of_net(elaborator, func, asked, span),
        Value::Func(func) => of_function(elaborator, func, asked.wrt.as_ref(), span),
        other => Err(crate::diagnostic!(
            E0303,
            asked.of.span,
            "`derive` needs a function or a net, got {}",
            other.kind_text()
        )
        .into()),
    };
    elaborator.keep_calls = before;
    traced
}

/// Parameters of a function that is traced, with what they are called, and what they are put together to.
struct Leaves {
    params: Vec<(Type, Option<Name>)>,
    structure: Structure,
}

impl Leaves {
    /// The tensors of named values; what is part of a record or tuple is called by its path, `p.w`.
    fn of(named: &[(Name, Value)]) -> Leaves {
        let mut params = vec![];
        for (name, value) in named {
            let (leaves, structure) = flatten(value);
            let called = structure.paths().into_iter().map(|path| Some(Name::from(format!("{name}{path}"))));
            params.extend(leaves.into_iter().map(|leaf| leaf.ty).zip(called));
        }
        let (_, structure) = flatten(&Value::tuple(named.iter().map(|(_, value)| value.clone()).collect()));
        Leaves { params, structure }
    }

    /// The values again, of these tensors.
    fn values(&self, leaves: Vec<TensorValue>) -> Vec<Value> {
        let Value::Tuple(values) = unflatten(&self.structure, leaves) else { unreachable!("a tuple was flattened") };
        values.to_vec()
    }
}

fn of_net(elaborator: &mut Elaborator, net: &Rc<Function>, asked: &Asked, span: Span) -> Result<Derivation> {
    let model = elaborator.abstract_model(net, span)?;
    let closure = net.closure().expect("a net is written in Nabla").clone();
    let mut inputs = match &asked.loss {
        Some(loss) => match loss.as_func().and_then(|func| func.closure()) {
            Some(closure) => elaborator.loss_inputs(closure, asked.data.as_deref(), span)?,
            None => bail!(E0303, span, "a `loss` is a function written in Nabla, got {}", loss.kind_text()),
        },
        None => net_inputs(elaborator, &closure, span)?,
    };
    let n_inputs = inputs.len();
    let n_tensors = Leaves::of(&inputs).params.len();
    if asked.loss.is_none() && asked.cost.is_some() {
        let given = inputs.iter().map(|(_, input)| input.clone()).collect();
        let (types, structure) = elaborator.outputs_of(&model, given, span)?;
        inputs.push(("t".into(), elaborator.any_values(&types, &structure)?));
    }
    let leaves = Leaves::of(&inputs);
    let traced = elaborator.trace_func("cost", &leaves.params, |elaborator, tensors| {
        let mut values = leaves.values(tensors);
        let given = |values: Vec<Value>| values.into_iter().map(|value| Given::at(value, span)).collect::<Vec<_>>();
        let target = values.split_off(n_inputs).pop();
        let objective = match (&asked.loss, &asked.cost, target) {
            (Some(loss), ..) => {
                values.insert(0, loss.clone());
                match elaborator.model_loss(&model, given(values), span)? {
                    Value::Tuple(parts) => parts[0].clone(),
                    _ => unreachable!("a loss gives a cost and states"),
                }
            }
            (None, Some(cost), Some(target)) => {
                let (prediction, _) = elaborator.apply_model(&model, given(values), Phase::Training, span)?;
                elaborator.apply(cost, vec![prediction, target], span)?
            }
            _ => {
                let (outputs, _) = elaborator.apply_model(&model, given(values), Phase::Training, span)?;
                return named_outputs(elaborator, &outputs, None, span);
            }
        };
        match objective {
            Value::Tensor(cost) if cost.rank() == 0 => Ok(vec![penalised(elaborator, cost, &model, asked, span)?]),
            other => bail!(E0403, span, "a cost is one real number, this gives {}", other.kind_text()),
        }
    })?;
    let params = model.get("params").expect("a model has parameters");
    let (tensors, _) = flatten(params);
    let mut chosen = match &asked.wrt {
        Some(wrt) => named_leaves(params, &wrt.value, wrt.span)?,
        None => vec![true; tensors.len()],
    };
    if let Some(frozen) = &asked.frozen {
        let frozen = named_leaves(params, &frozen.value, frozen.span)?;
        chosen.iter_mut().zip(frozen).for_each(|(chosen, frozen)| *chosen &= !frozen);
    }
    let first = leaves.params.len();
    let captured = |capture: &TensorValue| tensors.iter().position(|leaf| same_node(leaf, capture));
    let places =
        traced.captures.iter().enumerate().filter_map(|(idx, capture)| Some((first + idx, captured(capture)?)));
    let places: Vec<(usize, usize)> = places.collect();
    let params = places.iter().map(|(place, _)| *place).collect();
    let wrt = places.iter().filter(|(_, leaf)| chosen[*leaf]).map(|(place, _)| *place).collect();
    let n_numbers: i64 =
        tensors.iter().map(|leaf| leaf.ty.shape.iter().map(|dim| dim.known().unwrap_or(0)).product::<i64>()).sum();
    let form = if n_numbers <= FEW_PARAMETERS { Form::Components } else { Form::Matrices };
    let start = if asked.cost.is_some() || asked.loss.is_some() { Start::Cost } else { Start::AnyCost };
    let mut request =
        Request { wrt, params, cost: "C".into(), form, updates: Updates::Written, start, naming: Naming::Layers };
    if tensors.is_empty() {
        // A net that has nothing to learn: what it gives back to its inputs.
        request.wrt = (0..n_tensors).filter(|&idx| leaves.params[idx].0.dtype.is_real()).collect();
        request.params = request.wrt.clone();
        (request.updates, request.naming) = (Updates::LeftOut, Naming::Members);
    }
    Ok(Derivation { func: traced.func, request })
}

fn net_inputs(elaborator: &mut Elaborator, closure: &Closure, span: Span) -> Result<Vec<(Name, Value)>> {
    let names = closure.def.lists.last().into_iter().flatten().map(|param| param.name.name.clone());
    let inputs = elaborator.any_inputs_scratch(closure, span)?;
    Ok(names.zip(inputs).collect())
}

/// The cost with the penalties on the parameters of the model.
fn penalised(
    elaborator: &mut Elaborator,
    cost: TensorValue,
    model: &Record,
    asked: &Asked,
    span: Span,
) -> Result<TensorValue> {
    let params = model.get("params").expect("a model has parameters");
    asked.penalties.iter().try_fold(cost, |cost, (penalty, number)| {
        match elaborator.body_of(penalty, vec![params.clone(), number.clone()], span)? {
            Value::Tensor(term) => elaborator.emit(MapOp::Add, &[cost, term]),
            other => bail!(E0403, span, "a penalty is one real number, this gives {}", other.kind_text()),
        }
    })
}

/// The real tensors of what is given, called by the fields they stand in where they have no name; one alone is called
/// `alone`.
fn named_outputs(
    elaborator: &mut Elaborator,
    outputs: &Value,
    alone: Option<&str>,
    span: Span,
) -> Result<Vec<TensorValue>> {
    let (leaves, structure) = flatten(outputs);
    let named: Vec<(TensorValue, String)> =
        leaves.into_iter().zip(structure.paths()).filter(|(leaf, _)| leaf.ty.dtype.is_real()).collect();
    if named.is_empty() {
        bail!(E0403, span, "a derivation is of real numbers, this gives {}", outputs.kind_text())
    }
    for (leaf, path) in &named {
        let called = match path.trim_start_matches('.') {
            "" => alone.map(str::to_string),
            // A tuple: y₀, y₁.
            place if place.chars().all(|letter| letter.is_ascii_digit()) => Some(format!("y{place}")),
            path => Some(path.to_string()),
        };
        if let Some(called) = called {
            elaborator.name_value(leaf, &called.into());
        }
    }
    Ok(named.into_iter().map(|(leaf, _)| leaf).collect())
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
    if closure.def.lists.len() > 1 && closure.hyper.is_none() {
        bail!(E0305, span, "`{}` takes two lists of arguments; `derive` is of what it gives for the first", func.name())
    }
    let inputs = elaborator.function_inputs(&closure, span)?;
    let leaves = Leaves::of(&inputs);
    let names: Vec<Name> = leaves.params.iter().map(|(_, name)| name.clone().unwrap_or_else(|| "".into())).collect();
    let chosen: Vec<&str> = match wrt.map(|arg| &arg.value) {
        Some(Value::Tuple(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => names.iter().map(|name| &**name).collect(),
    };
    // `p` means all that is part of it.
    let is_meant = |name: &str, chosen: &str| {
        name.strip_prefix(chosen).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some(wrong) = chosen.iter().find(|chosen| !names.iter().any(|name| is_meant(name, chosen))) {
        let known: Vec<&str> = names.iter().map(|name| &**name).collect();
        bail!(E0404, wrt.map_or(span, |arg| arg.span), "the function has no parameter `{}`", wrong;
              help: "its parameters are {}", list_names(&known))
    }
    let asked_for = wrt.is_some();
    let target = Function::value(func.kind.clone());
    let mut start = Start::Cost;
    let traced = elaborator.trace_func(func.name(), &leaves.params, |elaborator, tensors| {
        let value = elaborator.body_of(&target, leaves.values(tensors), span)?;
        match value {
            Value::Tensor(cost) if cost.rank() == 0 && cost.ty.dtype.is_real() => Ok(vec![cost]),
            outputs => {
                start = Start::AnyCost;
                named_outputs(elaborator, &outputs, Some(&func.name()), span)
            }
        }
    });
    // A parameter without a type was taken for a number, which it may not be where types, shapes or fields do not fit.
    let untyped =
        closure.def.lists.last().into_iter().flatten().find(|param| param.ty.is_none() && param.default.is_none());
    let traced = match (traced, untyped) {
        (Err(Halt::Diagnostic(diagnostic)), Some(param)) if asks_for_type(diagnostic.code) => {
            bail!(E0402, param.name.span, "`{}` is no number in `{}`, so `derive` needs its type", param.name.name, func.name();
                  help: "`{}: real[n, 3]`; a loss is derived with its net, `derive(net, loss = {})`", param.name.name, func.name())
        }
        (traced, _) => traced?,
    };
    let wanted = |idx: &usize| {
        leaves.params[*idx].0.dtype.is_real() && chosen.iter().any(|chosen| is_meant(&names[*idx], chosen))
    };
    let wrt: Vec<usize> = (0..names.len()).filter(wanted).collect();
    let cost = match start {
        Start::Cost => func.name().to_string(),
        Start::AnyCost => "C".into(),
    };
    // What is named is what is trained; all the others are data.
    let updates = if asked_for { Updates::Written } else { Updates::LeftOut };
    let form = Form::Matrices;
    let request = Request { params: wrt.clone(), wrt, cost, form, updates, start, naming: Naming::Members };
    Ok(Derivation { func: traced.func, request })
}

/// Whether an error may come from taking a parameter without a type for a number.
fn asks_for_type(code: Code) -> bool {
    code == Code::E0205 || code.name().starts_with("E03")
}
