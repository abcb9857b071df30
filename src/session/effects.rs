//! The effects of top-level statements: printing, plots, files, evaluations.

use super::host::Runner;
use super::listing::Looking;
use super::results::event_value;
use crate::bail;
use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::{Call, Elaborator, Given, Halt, Record, RecordKind, Result, TensorValue, Value};
use crate::ir::Dim;
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::tensor::{DType, Tensor};
use crate::train::checkpoint::{self, Checkpoint, Element, Expected, Stored, Values};

impl Runner {
    /// An effect whose arguments were matched.
    pub fn do_effect(&self, elaborator: &mut Elaborator, call: Call) -> Result<Value> {
        match call.builtin.name {
            "print" => self.print(&call),
            "csv" => self.csv(elaborator, &call),
            "idx" => self.idx(elaborator, &call),
            "npy" => self.npy(elaborator, &call),
            "npz" => self.npz(elaborator, &call),
            "images" => self.images(elaborator, &call),
            "read_text" => self.text_file(elaborator, &call),
            "plot" => self.plot(&call),
            "save" => self.save(elaborator, &call),
            "load" => self.load(elaborator, &call),
            "summary" => self.summary(elaborator, &call),
            "evaluate" => self.evaluate(elaborator, &call),
            "check_grad" => self.check_grad(elaborator, &call),
            other => unreachable!("`{other}` is in the table of effects"),
        }
    }

    /// An effect with arguments of any names.
    pub fn do_effect_with(
        &self,
        elaborator: &mut Elaborator,
        name: &str,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Value> {
        match name {
            "emit" => self.emit(given),
            "folds" => self.folds(elaborator, given, span),
            "one_hot" | "split" | "scale" | "standardize" => self.data_function(elaborator, name, given, span),
            "derive" => self.derive_effect(elaborator, given, span),
            other => unreachable!("`{other}` is an effect with arguments of any names"),
        }
    }

    fn print(&self, call: &Call) -> Result<Value> {
        let text = crate::elaborate::builtin::format_value(call.arg("x"), None, call.span_of("x"))?;
        if let (Some(text), false) = (text, self.only_checks()) {
            self.shared.reporter.borrow_mut().print(&text);
        }
        Ok(Value::Unit)
    }

    fn emit(&self, given: Vec<Given>) -> Result<Value> {
        if !self.only_checks() {
            let fields: Vec<(String, serde_json::Value)> = given
                .iter()
                .filter_map(|arg| Some((arg.name.as_ref()?.name.to_string(), event_value(&arg.value)?)))
                .collect();
            self.shared.reporter.borrow_mut().emit(&fields);
        }
        Ok(Value::Unit)
    }

    fn save(&self, _: &mut Elaborator, call: &Call) -> Result<Value> {
        let model = model_of(call.arg("model"), call.span_of("model"))?;
        let Some(path) = call.opt_str("path")? else { bail!(E0303, call.span, "`save` needs the path of a file") };
        if self.only_checks() || self.shared.looking.get() != Looking::No {
            return Ok(Value::Unit);
        }
        save_model(&model, std::path::Path::new(&*path), call.span)?;
        Ok(Value::Unit)
    }

    /// `load(net, path)`: a model of the net with the parameters in the file.
    fn load(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let net = call.arg("net");
        let Some(func) = net.as_func().filter(|func| func.def_kind() == Some(crate::syntax::ast::DefKind::Net)) else {
            bail!(E0303, call.span_of("net"), "`load` needs a net, got {}", net.kind_text(); help: "`load(mlp, \"mlp.safetensors\")`")
        };
        let Some(path) = call.opt_str("path")? else { bail!(E0303, call.span, "`load` needs the path of a file") };
        let seed = elaborator.seed.clone();
        let model = elaborator.init_model(func, seed, call.span)?;
        let Value::Record(model) = elaborator.settle(&model)? else { unreachable!("a model is a record") };
        if self.only_checks() {
            return Ok(Value::Record(model));
        }
        let beside = self.input_path(&path);
        let file = if beside.exists() { beside } else { std::path::PathBuf::from(&*path) };
        let failed = |error: crate::train::data::DataError| Halt::from(error.into_diagnostic(call.span_of("path")));
        let read = checkpoint::load(&file).map_err(failed)?;
        let facts = read.metadata.clone();
        let (leaves, paths) = model_tensors(&model);
        let expected: Vec<Expected> = paths
            .iter()
            .zip(&leaves)
            .map(|(name, leaf)| {
                let element = match leaf.ty.dtype {
                    DType::I64 => Element::Int,
                    DType::Bool => Element::Bool,
                    DType::F32 | DType::F64 | DType::Key => Element::Real,
                };
                let size = |dim: &Dim| dim.known().expect("the sizes of parameters are known") as usize;
                Expected { name: name.clone(), shape: leaf.ty.shape.iter().map(size).collect(), element }
            })
            .collect();
        let stored = read.fit(&file, &expected).map_err(failed)?;
        let tensors = stored.into_iter().zip(&leaves).map(|(stored, leaf)| {
            let tensor = restored(stored);
            TensorValue::constant(if leaf.ty.dtype.is_real() { tensor.convert(leaf.ty.dtype) } else { tensor })
        });
        let pair = Value::tuple(vec![
            model.get("params").cloned().expect("a field"),
            model.get("state").cloned().expect("a field"),
        ]);
        let structure = flatten(&pair).1;
        let Value::Tuple(parts) = unflatten(&structure, tensors) else { unreachable!("a pair was flattened") };
        let int = |name: &str| facts.get(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let loaded = model
            .with("params", parts[0].clone())
            .with("state", parts[1].clone())
            .with("seed", TensorValue::int(int("seed")).into())
            .with("step", TensorValue::int(int("step")).into());
        Ok(Value::Record(std::rc::Rc::new(loaded)))
    }

    fn summary(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let text = super::summary::summary_text(elaborator, call.arg("model"), call.span)?;
        if !self.only_checks() {
            self.shared.reporter.borrow_mut().print(text.trim_end());
        }
        Ok(Value::Unit)
    }

    /// `evaluate(run, data)`: the run's cost and metrics on other data.
    fn evaluate(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let of = call.arg("model");
        let (mut cost, mut metrics) = (None, vec![]);
        if let Value::Record(record) = of
            && let RecordKind::Run(training) = &record.kind
        {
            (cost, metrics) = (training.cost.clone(), training.metrics.clone());
        }
        if let Some(given) = call.opt("cost") {
            cost = Some(given.clone());
        }
        if let Some(given) = call.opt("metrics") {
            let items = match given {
                Value::Tuple(items) => items.to_vec(),
                one => vec![one.clone()],
            };
            metrics = items
                .into_iter()
                .map(|item| match item.as_func() {
                    Some(func) => Ok((func.name(), item.clone())),
                    None => bail!(
                        E0303,
                        call.span_of("metrics"),
                        "`metrics` is a list of functions, got {}",
                        item.kind_text()
                    ),
                })
                .collect::<Result<_>>()?;
        }
        if cost.is_none() && metrics.is_empty() {
            bail!(E0405, call.span, "there is nothing to evaluate"; help: "`evaluate(model, data, cost = …, metrics = […])`")
        }
        let model = model_of(of, call.span_of("model"))?;
        let data = call.arg("data");
        let Some(parts) = crate::elaborate::builtin::row_parts(data).filter(|parts| parts.len() > 1) else {
            bail!(E0406, call.span_of("data"), "`evaluate` needs data with targets, got {}", data.kind_text())
        };
        let (target, inputs) = parts.split_last().expect("at least two parts");
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::from).collect();
        let prediction = elaborator.apply(&Value::Record(model), inputs, call.span_of("data"))?;
        let mut fields: Vec<(Name, Value)> = vec![];
        for (name, f) in cost.into_iter().map(|cost| ("cost".into(), cost)).chain(metrics) {
            let value = elaborator.apply(&f, vec![prediction.clone(), target.clone().into()], call.span)?;
            fields.push((name, value));
        }
        // The cost and the metrics are computed together.
        elaborator.settle(&Value::plain(fields))
    }

    /// `check_grad(f, at = x, tol = 1e-6)`: the gradient against central differences.
    fn check_grad(&self, elaborator: &mut Elaborator, call: &Call) -> Result<Value> {
        let f = call.func("f")?.clone();
        let at = call.arg("at").clone();
        let tolerance = call.opt_f64("tol")?.unwrap_or(1e-6);
        let gradient = elaborator.gradient_of(f.clone(), call.span)?;
        let gradient = elaborator.apply(&gradient, vec![at.clone()], call.span)?;
        let gradient = elaborator.settle(&gradient)?;
        if self.only_checks() {
            return Ok(Value::Unit);
        }
        let ((xs, structure), (gs, _)) = (flatten(&at), flatten(&gradient));
        for (leaf, (x, g)) in xs.iter().zip(&gs).enumerate() {
            let (x, g) =
                (x.known().expect("known when running").convert(DType::F64), g.known().expect("known when running"));
            for idx in 0..x.len() {
                let step = 1e-6 * x.get_f64(idx).abs().max(1.0);
                let mut side = |by: f64| -> Result<f64> {
                    let mut values = x.to_f64_vec();
                    values[idx] += by;
                    let mut leaves = xs.clone();
                    leaves[leaf] = TensorValue::constant(Tensor::from_vec(values, x.shape()));
                    let y = elaborator.apply(&f, vec![unflatten(&structure, leaves)], call.span)?;
                    let y = elaborator.settle(&y)?;
                    Ok(y.as_tensor().and_then(TensorValue::as_f64).unwrap_or(f64::NAN))
                };
                let difference = (side(step)? - side(-step)?) / (2.0 * step);
                let found = g.get_f64(idx);
                if (difference - found).abs() > tolerance * found.abs().max(1.0) {
                    bail!(E0509, call.span, "the gradient is {} at position {}, differences give {}", found, idx, difference;
                          help: "the function may have a corner there, or its `adjoint` is wrong")
                }
            }
        }
        Ok(Value::Unit)
    }

    fn derive_effect(&self, elaborator: &mut Elaborator, given: Vec<Given>, span: Span) -> Result<Value> {
        let text = super::derivation::derivation(elaborator, given, super::Notation::Text, span)?;
        if !self.only_checks() {
            self.shared.reporter.borrow_mut().print(text.trim_end());
        }
        Ok(Value::Unit)
    }
}

/// The model in a value: itself, or that of a run.
pub fn model_of(value: &Value, span: Span) -> Result<std::rc::Rc<Record>> {
    match value {
        Value::Record(record) => match &record.kind {
            RecordKind::Model(_) => Ok(record.clone()),
            RecordKind::Run(_) => model_of(record.get("model").expect("a run has a model"), span),
            _ => bail!(E0303, span, "a model is needed, got {}", value.kind_text()),
        },
        Value::Poisoned => Err(Halt::Reported),
        other => {
            bail!(E0303, span, "a model is needed, got {}", other.kind_text(); help: "`m = net.init()`, or the `model` of a run")
        }
    }
}

/// Writes a model of which everything is known to a file; `span` is the script's wish to have it.
pub fn save_model(model: &std::rc::Rc<Record>, path: &std::path::Path, span: Span) -> Result<()> {
    let (leaves, paths) = model_tensors(model);
    let mut file = Checkpoint::default();
    for (path, leaf) in paths.into_iter().zip(leaves) {
        file.tensors.insert(path, stored(&leaf.known().expect("everything is known when running")));
    }
    let int = |name: &str| model.get(name).and_then(Value::as_tensor).and_then(TensorValue::as_int).unwrap_or(0);
    let facts = [
        ("net", Value::Record(model.clone()).type_text().replace("model of ", "")),
        ("seed", int("seed").to_string()),
        ("step", int("step").to_string()),
        ("nabla", env!("CARGO_PKG_VERSION").to_string()),
    ];
    file.metadata.extend(facts.into_iter().map(|(name, fact)| (name.to_string(), fact)));
    checkpoint::save(path, &file).map_err(|error| error.into_diagnostic(span).into())
}

/// The tensors of a model and their paths, `params.dense_1.W`.
fn model_tensors(model: &Record) -> (Vec<TensorValue>, Vec<String>) {
    let (mut leaves, mut paths) = (vec![], vec![]);
    for field in ["params", "state"] {
        let (own, structure) = flatten(model.get(field).expect("a model has this field"));
        leaves.extend(own);
        paths.extend(structure.paths().into_iter().map(|path| format!("{field}{path}")));
    }
    (leaves, paths)
}

fn stored(tensor: &Tensor) -> Stored {
    let values = match tensor.dtype() {
        DType::F32 => Values::F32(tensor.as_slice::<f32>().to_vec()),
        DType::F64 => Values::F64(tensor.as_slice::<f64>().to_vec()),
        DType::I64 => Values::I64(tensor.as_slice::<i64>().to_vec()),
        DType::Bool | DType::Key => Values::Bool(tensor.as_slice::<bool>().to_vec()),
    };
    Stored { shape: tensor.shape().to_vec(), values }
}

fn restored(stored: Stored) -> Tensor {
    match stored.values {
        Values::F32(values) => Tensor::from_vec(values, &stored.shape),
        Values::F64(values) => Tensor::from_vec(values, &stored.shape),
        Values::I64(values) => Tensor::from_vec(values, &stored.shape),
        Values::Bool(values) => Tensor::from_vec(values, &stored.shape),
    }
}
