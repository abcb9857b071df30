//! Calls of functions, and the transforms that make other functions of them.

use std::collections::HashMap;

use super::{Attrs, Batched, Derivative, Fault, Frame, OwnDerivative, Primal, Rule, Sample, TypeError};
use super::{mismatch, with_axis};
use crate::ir::{Builder, Dim, FuncId, Graph, Module, Symbol, Type, ValueId};
use crate::tensor::Tensor;

/// Makes another function of a function.
#[derive(Clone, PartialEq, Debug)]
pub enum Transform {
    /// Reverse mode. Takes `f`'s arguments, then a cotangent for each of its results `of`; gives `f`'s results, then the
    /// cotangents of its parameters `wrt`.
    Vjp {
        /// Parameters, which are real.
        wrt: Vec<usize>,
        /// Results, which are real.
        of: Vec<usize>,
    },
    /// Forward mode. Takes `f`'s arguments, then a tangent for each of its parameters `wrt`; gives `f`'s results, then the
    /// tangents of those that are real.
    Jvp {
        /// Parameters, which are real.
        wrt: Vec<usize>,
    },
    /// Applies `f` to every element of a leading axis. All results have that axis.
    Vmap {
        /// The size of the axis.
        size: Dim,
        /// Which arguments have it; the others are the same for every element.
        in_axes: Vec<bool>,
    },
}

impl Transform {
    /// The types of the parameters and of the results of the transformed function.
    pub fn signature(&self, params: &[Type], results: &[Type]) -> Result<(Vec<Type>, Vec<Type>), TypeError> {
        let (mut all_params, mut all_results) = (params.to_vec(), results.to_vec());
        match self {
            Transform::Vjp { wrt, of } => {
                all_params.extend(reals(results, of)?);
                all_results.extend(reals(params, wrt)?);
            }
            Transform::Jvp { wrt } => {
                all_params.extend(reals(params, wrt)?);
                all_results.extend(results.iter().filter(|ty| ty.dtype.is_real()).cloned());
            }
            Transform::Vmap { size, in_axes } => {
                if in_axes.len() != params.len() {
                    mismatch!(
                        "vmap says of {} arguments whether they have the axis, not of {}",
                        in_axes.len(),
                        params.len()
                    );
                }
                let mapped = all_params.iter_mut().zip(in_axes).filter(|(_, has_axis)| **has_axis).map(|(ty, _)| ty);
                mapped.chain(&mut all_results).for_each(|ty| *ty = ty.with_leading(size.clone()));
            }
        }
        Ok((all_params, all_results))
    }
}

/// The types at these positions, all real.
fn reals(types: &[Type], indices: &[usize]) -> Result<Vec<Type>, TypeError> {
    let real = |idx: &usize| types.get(*idx).filter(|ty| ty.dtype.is_real()).cloned();
    let found = indices.iter().map(real).collect::<Option<_>>();
    found.ok_or_else(|| TypeError(format!("differentiates {indices:?}, not all real")))
}

impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |indices: &[usize]| indices.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        match self {
            Transform::Vjp { wrt, of } => write!(f, "vjp:{}:{}", list(wrt), list(of)),
            Transform::Jvp { wrt } => write!(f, "jvp:{}", list(wrt)),
            Transform::Vmap { in_axes, .. } => {
                let axes: String = in_axes.iter().map(|&has_axis| if has_axis { '1' } else { '0' }).collect();
                write!(f, "vmap:{axes}")
            }
        }
    }
}

/// Reads `vjp:0,2:0`, `jvp:0`, `vmap:101`; the sizes of `vmap` stand in another attribute.
fn parse_transform(text: &str, sizes: &mut impl Iterator<Item = Dim>) -> Option<Transform> {
    let (kind, rest) = text.split_once(':')?;
    let list = |text: &str| -> Option<Vec<usize>> {
        text.split(',').filter(|item| !item.is_empty()).map(|item| item.parse().ok()).collect()
    };
    Some(match kind {
        "vjp" => {
            let (wrt, of) = rest.split_once(':')?;
            Transform::Vjp { wrt: list(wrt)?, of: list(of)? }
        }
        "jvp" => Transform::Jvp { wrt: list(rest)? },
        "vmap" => Transform::Vmap { size: sizes.next()?, in_axes: rest.chars().map(|axis| axis == '1').collect() },
        _ => return None,
    })
}

/// Applies a function of the module.
///
/// The sizes in its parameters' types take those of the arguments. Transforms are applied in order, the first to the
/// function itself; they are gone before a program runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The function.
    pub func: FuncId,
    /// What is made of it before it is applied.
    pub transforms: Vec<Transform>,
}

impl Call {
    /// A plain call.
    pub fn new(func: FuncId) -> Call {
        Call { func, transforms: vec![] }
    }

    /// The call of what one more transform makes.
    pub fn then(&self, transform: Transform) -> Call {
        let transforms = self.transforms.iter().cloned().chain([transform]).collect();
        Call { func: self.func, transforms }
    }

    /// The types of the parameters and results, with the function's own size names.
    pub fn signature(&self, module: &Module) -> Result<(Vec<Type>, Vec<Type>), TypeError> {
        let graph = module.graph(self.func);
        let own = (graph.param_types(), graph.result_types());
        self.transforms.iter().try_fold(own, |(params, results), transform| transform.signature(&params, &results))
    }
}

/// What the size names in `params` stand for when arguments of the types `args` are given; none if they do not fit.
pub fn match_sizes(params: &[Type], args: &[Type]) -> Option<HashMap<Symbol, Dim>> {
    let alike = |(param, arg): (&Type, &Type)| param.dtype == arg.dtype && param.rank() == arg.rank();
    if params.len() != args.len() || !params.iter().zip(args).all(alike) {
        return None;
    }
    let mut sizes = HashMap::new();
    let dims = || params.iter().zip(args).flat_map(|(param, arg)| param.shape.iter().zip(&arg.shape));
    for (param, arg) in dims() {
        if let Some(symbol) = param.as_symbol() {
            sizes.entry(symbol.clone()).or_insert_with(|| arg.clone());
        }
    }
    let fits = |(param, arg): (&Dim, &Dim)| param.substitute(&|symbol| sizes.get(symbol).cloned()) == *arg;
    if dims().all(fits) { Some(sizes) } else { None }
}

impl Rule for Call {
    fn name(&self) -> &'static str {
        "call"
    }

    fn attrs(&self) -> Attrs {
        let attrs = Attrs::none().func("func", self.func);
        if self.transforms.is_empty() {
            return attrs;
        }
        let texts: Vec<String> = self.transforms.iter().map(Transform::to_string).collect();
        let size = |transform: &Transform| match transform {
            Transform::Vmap { size, .. } => Some(size.clone()),
            Transform::Vjp { .. } | Transform::Jvp { .. } => None,
        };
        let sizes: Vec<Dim> = self.transforms.iter().filter_map(size).collect();
        attrs.word("transforms", texts.join(" ")).dims("sizes", &sizes)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Call, TypeError> {
        let func = attrs.take_func("func")?;
        if attrs.0.is_empty() {
            return Ok(Call::new(func));
        }
        let text: String = attrs.take_word("transforms")?;
        let mut sizes = attrs.take_dims("sizes")?.into_iter();
        let transforms = text.split_whitespace().map(|text| parse_transform(text, &mut sizes)).collect::<Option<_>>();
        let transforms = transforms.ok_or_else(|| TypeError(format!("`{text}` are not transforms")))?;
        Ok(Call { func, transforms })
    }

    fn infer(&self, args: &[Type], module: &Module) -> Result<Vec<Type>, TypeError> {
        let (params, results) = self.signature(module)?;
        let Some(sizes) = match_sizes(&params, args) else {
            let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
            mismatch!("@{} takes ({}), got ({})", module.func(self.func).name, list(&params), list(args));
        };
        let put = |dim: &Dim| dim.substitute(&|symbol| sizes.get(symbol).cloned());
        Ok(results.iter().map(|ty| ty.with_shape(ty.shape.iter().map(put).collect())).collect())
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        assert!(self.transforms.is_empty(), "transforms are expanded before a program runs");
        frame.call(self.func, args)
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        let in_axes = args.iter().map(|arg| arg.has_axis).collect();
        let values: Vec<ValueId> = args.iter().map(|arg| arg.value).collect();
        with_axis(g.push(self.then(Transform::Vmap { size: size.clone(), in_axes }), &values))
    }

    fn samples(&self) -> Vec<Sample> {
        vec![]
    }
}

/// The derivative of a call is a call with one more transform.
impl OwnDerivative for Call {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(self.clone(), args), residuals: vec![] }
    }

    fn adjoint(&self, g: &mut Builder, args: &[ValueId], _: &Primal, cts: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        let wrt = real_indices(g, args);
        let (of, given) = present(cts);
        let mut results = g.push(self.then(Transform::Vjp { wrt: wrt.clone(), of }), &[args, &given].concat());
        spread(args.len(), &wrt, results.split_off(cts.len()))
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let (wrt, given) = present(tangents);
        let mut all = g.push(self.then(Transform::Jvp { wrt }), &[args, &given].concat());
        spread(results.len(), &real_indices(g, results), all.split_off(results.len()))
    }
}

/// The positions of the real values.
pub(super) fn real_indices(g: &Builder, values: &[ValueId]) -> Vec<usize> {
    (0..values.len()).filter(|&idx| g.ty(values[idx]).dtype.is_real()).collect()
}

/// The positions of what is there, and that.
pub(super) fn present(values: &[Option<ValueId>]) -> (Vec<usize>, Vec<ValueId>) {
    values.iter().enumerate().filter_map(|(idx, value)| value.map(|value| (idx, value))).unzip()
}

/// `n` places with the values at the places `indices`.
pub(super) fn spread(n: usize, indices: &[usize], values: Vec<ValueId>) -> Vec<Option<ValueId>> {
    let mut places = vec![None; n];
    indices.iter().zip(values).for_each(|(&idx, value)| places[idx] = Some(value));
    places
}

/// A new function with parameters of these types, built by `body` from its parameters.
pub fn region(
    g: &mut Builder,
    name: String,
    params: Vec<Type>,
    body: impl FnOnce(&mut Builder, &[ValueId]) -> Vec<ValueId>,
) -> FuncId {
    let mut graph = Graph::default();
    let params: Vec<ValueId> = params.into_iter().map(|ty| graph.add_param(ty, None)).collect();
    let origin = g.origin.clone();
    let results = body(&mut Builder::new(g.module, &mut graph, origin), &params);
    graph.set_results(results);
    g.module.add_internal(name, graph)
}
