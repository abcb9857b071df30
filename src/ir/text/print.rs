//! Writes modules.

use std::collections::HashMap;
use std::fmt::{self, Write};

use crate::ir::op::{Attr, Op};
use crate::ir::{Dim, Func, FuncId, Graph, Module, Node, Role, Symbol, Type, ValueId};
use crate::tensor::{DType, Key, Tensor};

/// Constants of up to this many elements are shown whole.
const SHOWN: usize = 16;

/// The text of a module, which [`parse`](super::parse()) reads.
pub fn print(module: &Module) -> String {
    Printer::new(module, usize::MAX).module()
}

/// The text of a module with large constants abbreviated.
pub fn show(module: &Module) -> String {
    Printer::new(module, SHOWN).module()
}

struct Printer<'a> {
    module: &'a Module,
    /// The most elements of a constant that are written.
    limit: usize,
    funcs: Vec<String>,
    sizes: HashMap<Symbol, String>,
}

/// Gives names to things so that no two are the same.
#[derive(Default)]
struct Names {
    used: HashMap<String, usize>,
}

impl Names {
    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_string();
        while self.used.contains_key(&candidate) {
            let count = self.used.get_mut(name).expect("the plain name was used first");
            *count += 1;
            candidate = format!("{name}#{count}");
        }
        self.used.insert(candidate.clone(), 1);
        candidate
    }
}

impl<'a> Printer<'a> {
    fn new(module: &'a Module, limit: usize) -> Printer<'a> {
        let mut names = Names::default();
        let funcs = module.ids().map(|id| names.unique(&module.func(id).name)).collect();
        let (mut names, mut sizes) = (Names::default(), HashMap::new());
        let mut add = |dim: &Dim| {
            for symbol in dim.symbols() {
                sizes.entry(symbol.clone()).or_insert_with(|| names.unique(symbol.name()));
            }
        };
        for id in module.ids() {
            let graph = module.graph(id);
            for value in graph.value_ids() {
                graph.ty(value).shape.iter().for_each(&mut add);
            }
            for (_, attr) in graph.nodes().iter().flat_map(|node| node.op.rule().attrs().0) {
                match attr {
                    Attr::Dim(dim) => add(&dim),
                    Attr::Dims(dims) => dims.iter().for_each(&mut add),
                    _ => {}
                }
            }
        }
        Printer { module, limit, funcs, sizes }
    }

    fn module(&self) -> String {
        let funcs = self.module.ids().map(|id| {
            let mut out = String::new();
            self.func(&mut out, id, self.module.func(id)).expect("a string takes all text");
            out
        });
        funcs.collect::<Vec<_>>().join("\n")
    }

    fn func(&self, out: &mut String, id: FuncId, func: &Func) -> fmt::Result {
        let graph = &func.graph;
        let numbers = number_values(graph);
        let value = |id: &ValueId| format!("%{}", numbers[id]);
        let head = |id: &ValueId| match &graph.value(*id).name {
            Some(name) => format!("{} {name}", value(id)),
            None => value(id),
        };
        let params = graph.params().iter().map(|id| format!("{}: {}", head(id), self.ty(graph.ty(*id))));
        let results = graph.results().iter().map(|id| self.ty(graph.ty(*id)));
        let role = match func.role {
            Role::Named => "named ",
            Role::Internal => "",
        };
        let rule = func.adjoint.map_or(String::new(), |rule| format!("adjoint {} ", self.func_name(rule)));
        let (params, results) = (join(params), join(results));
        writeln!(out, "{role}fn {}({params}) -> ({results}) {rule}{{", self.func_name(id))?;
        for node in graph.nodes() {
            let heads = join(node.results.iter().map(head));
            let types = join(node.results.iter().map(|id| self.ty(graph.ty(*id))));
            let args = join(node.args.iter().map(value));
            writeln!(out, "  {heads} = {}({args}): {types}", self.op(node))?;
        }
        writeln!(out, "  return {}", join(graph.results().iter().map(value)))?;
        writeln!(out, "}}")
    }

    fn func_name(&self, id: FuncId) -> String {
        match self.funcs.get(id.0 as usize) {
            Some(name) => format!("@{name}"),
            None => format!("@missing#{}", id.0),
        }
    }

    fn op(&self, node: &Node) -> String {
        let attrs = match node.op {
            // Elementwise ops are written by their own names.
            Op::Map(_) => vec![],
            _ => node.op.rule().attrs().0,
        };
        if attrs.is_empty() {
            return node.op.name().to_string();
        }
        let attrs = join(attrs.iter().map(|(name, attr)| format!("{name}={}", self.attr(attr))));
        format!("{}{{{attrs}}}", node.op.name())
    }

    fn attr(&self, attr: &Attr) -> String {
        match attr {
            Attr::Int(value) => value.to_string(),
            Attr::Ints(values) => format!("[{}]", join(values.iter().map(i64::to_string))),
            Attr::Real(value) => format!("{value:?}"),
            Attr::Word(word) => format!("{word:?}"),
            Attr::Dim(dim) => self.dim(dim),
            Attr::Dims(dims) => format!("[{}]", join(dims.iter().map(|dim| self.dim(dim)))),
            Attr::Func(func) => self.func_name(*func),
            Attr::Tensor(tensor) => self.tensor(tensor),
        }
    }

    fn dim(&self, dim: &Dim) -> String {
        dim.display_with(&self.sizes)
    }

    fn ty(&self, ty: &Type) -> String {
        format!("{}[{}]", ty.dtype, join(ty.shape.iter().map(|dim| self.dim(dim))))
    }

    fn tensor(&self, tensor: &Tensor) -> String {
        let head = format!("{}[{}]", tensor.dtype(), join(tensor.shape().iter().map(usize::to_string)));
        if tensor.len() > self.limit {
            return format!("{head}(…)");
        }
        fn list<T: fmt::Debug>(elements: &[T]) -> String {
            join(elements.iter().map(|element| format!("{element:?}")))
        }
        let elements = match tensor.dtype() {
            DType::F32 => list(tensor.as_slice::<f32>()),
            DType::F64 => list(tensor.as_slice::<f64>()),
            DType::I64 => list(tensor.as_slice::<i64>()),
            DType::Bool => list(tensor.as_slice::<bool>()),
            DType::Key => join(tensor.as_slice::<Key>().iter().map(|key| {
                let [a, b] = key.to_bits();
                format!("{a:016x}{b:016x}")
            })),
        };
        format!("{head}({elements})")
    }
}

/// The numbers values are written with: parameters first, then in order of definition.
fn number_values(graph: &Graph) -> HashMap<ValueId, usize> {
    let defined = graph.params().iter().chain(graph.nodes().iter().flat_map(|node| &node.results));
    defined.enumerate().map(|(number, &id)| (id, number)).collect()
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
