//! Values that can be called: built-in functions, definitions, derivatives, methods.

use std::rc::Rc;

use super::builtin::Builtin;
use super::call::Given;
use super::scope::Scope;
use super::value::Value;
use crate::syntax::ast::{Def, DefKind, Expr, ExprKind, Name, Size, TypeExpr, TypeExprKind};

/// Something that can be called.
#[derive(Clone, Debug)]
pub struct Function {
    /// Which one.
    pub kind: FunctionKind,
}

/// The kinds of functions.
#[derive(Clone, Debug)]
pub enum FunctionKind {
    /// Provided by the language.
    Builtin(&'static Builtin),
    /// Written in Nabla.
    Closure(Closure),
    /// `grad(f)` and its like.
    Derived(Derived),
    /// `split(train = 0.8, test = 0.2)`, waiting for its dataset.
    Bound(Bound),
    /// `m.train`, `o.step`, `r.with`.
    Method {
        /// What stands before the dot.
        receiver: Value,
        /// What stands behind it.
        name: Name,
    },
}

/// A `fn`, `layer`, `net` or `optimizer` with what it needs from around it.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The definition.
    pub def: Rc<Def>,
    /// Where it was defined.
    pub env: Rc<Scope>,
    /// The names of sizes in its signature that were ints in scope where it was defined.
    pub outer_sizes: Rc<Vec<Name>>,
    /// The arguments of its first list, once given, in order.
    pub hyper: Option<Rc<Vec<Value>>>,
    /// The parameters it owns, where a name fixed them: the path from the net.
    pub place: Option<Rc<Vec<Name>>>,
}

/// A data function that waits for its dataset.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its name.
    pub name: &'static str,
    /// What was given so far.
    pub given: Vec<Given>,
}

/// A function made from another by differentiation.
#[derive(Clone, Debug)]
pub struct Derived {
    /// How.
    pub transform: Transform,
    /// From which function.
    pub of: Value,
    /// The parameters differentiated by; none for all real ones.
    pub wrt: Option<Vec<Name>>,
    /// Whether `wrt` was one name and not a tuple.
    pub single: bool,
    /// Whether only the first result is differentiated.
    pub aux: bool,
}

/// The ways to differentiate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the language's")]
pub enum Transform {
    Grad,
    ValueAndGrad,
    Jacobian,
    Hessian,
    Jvp,
    Vjp,
    Hvp,
    Deriv,
}

impl Function {
    /// A built-in function.
    pub fn builtin(builtin: &'static Builtin) -> Value {
        Value::Func(Rc::new(Function { kind: FunctionKind::Builtin(builtin) }))
    }

    /// A function of this kind, as a value.
    pub fn value(kind: FunctionKind) -> Value {
        Value::Func(Rc::new(Function { kind }))
    }

    /// A definition with the scope around it, as a value.
    pub fn defined(def: &Rc<Def>, env: &Rc<Scope>) -> Value {
        let mut names = vec![];
        let params = def.lists.iter().flatten().filter_map(|param| param.ty.as_ref());
        params.chain(&def.result).for_each(|ty| sizes_of(ty, &mut names));
        let is_int = |name: &Name| {
            env.get(name).is_some_and(|value| value.as_tensor().is_some_and(|int| int.as_size().is_some()))
        };
        let outer: Vec<Name> = names.into_iter().filter(is_int).collect();
        Function::value(FunctionKind::Closure(Closure {
            def: def.clone(),
            env: env.clone(),
            outer_sizes: Rc::new(outer),
            hyper: None,
            place: None,
        }))
    }

    /// The definition, if it is written in Nabla.
    pub fn closure(&self) -> Option<&Closure> {
        match &self.kind {
            FunctionKind::Closure(closure) => Some(closure),
            FunctionKind::Builtin(_)
            | FunctionKind::Derived(_)
            | FunctionKind::Bound(_)
            | FunctionKind::Method { .. } => None,
        }
    }

    /// The kind of its definition, if it is written in Nabla.
    pub fn def_kind(&self) -> Option<DefKind> {
        self.closure().map(|closure| closure.def.kind)
    }

    /// Its name, as it is printed.
    pub fn name(&self) -> Name {
        match &self.kind {
            FunctionKind::Builtin(builtin) => builtin.name.into(),
            FunctionKind::Closure(closure) => match &closure.def.name {
                Some(ident) => ident.name.clone(),
                None => "fn".into(),
            },
            FunctionKind::Derived(derived) => {
                let of = derived.of.as_func().map_or_else(|| "f".into(), |of| of.name());
                format!("{}({of})", derived.transform.word()).into()
            }
            FunctionKind::Bound(bound) => bound.name.into(),
            FunctionKind::Method { name, .. } => name.clone(),
        }
    }

    /// What it is: ``layer `dense` ``, ``function `sigmoid` ``.
    pub fn kind_text(&self) -> String {
        let word = match self.def_kind() {
            Some(DefKind::Layer) => "layer",
            Some(DefKind::Net) => "net",
            Some(DefKind::Optimizer) => "optimizer",
            Some(DefKind::Fn) | None => "function",
        };
        match self.closure().map(|closure| &closure.def.name) {
            Some(None) => word.into(),
            Some(Some(_)) | None => format!("{word} `{}`", self.name()),
        }
    }

    /// Whether both come from one definition.
    pub fn same_definition(&self, other: &Function) -> bool {
        match (self.closure(), other.closure()) {
            (Some(a), Some(b)) => Rc::ptr_eq(&a.def, &b.def),
            _ => false,
        }
    }
}

impl Closure {
    /// Whether its first list of two has still to be given.
    pub fn awaits_hyper(&self) -> bool {
        self.def.lists.len() == 2 && self.hyper.is_none()
    }

    /// The list of arguments the next call gives.
    pub fn next_list(&self) -> &[crate::syntax::ast::Param] {
        let last = self.def.lists.last().map_or(&[][..], Vec::as_slice);
        if self.awaits_hyper() { &self.def.lists[0] } else { last }
    }
}

impl Transform {
    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Transform::Grad => "grad",
            Transform::ValueAndGrad => "value_and_grad",
            Transform::Jacobian => "jacobian",
            Transform::Hessian => "hessian",
            Transform::Jvp => "jvp",
            Transform::Vjp => "vjp",
            Transform::Hvp => "hvp",
            Transform::Deriv => "deriv",
        }
    }
}

/// The names that stand for sizes in a type.
fn sizes_of(ty: &TypeExpr, names: &mut Vec<Name>) {
    match &ty.kind {
        TypeExprKind::Tensor(_, sizes) => {
            for size in sizes {
                if let Size::Expr(Expr { kind: ExprKind::Name(name), .. }) = size {
                    names.push(name.clone());
                }
            }
        }
        TypeExprKind::Tuple(types) => types.iter().for_each(|ty| sizes_of(ty, names)),
        TypeExprKind::Record(fields) => fields.iter().for_each(|(_, ty)| sizes_of(ty, names)),
        TypeExprKind::Fn(params, result) => {
            params.iter().for_each(|ty| sizes_of(ty, names));
            sizes_of(result, names);
        }
        TypeExprKind::Str | TypeExprKind::Hole => {}
    }
}
