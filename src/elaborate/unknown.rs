//! Names and fields that are not there, and what was probably meant.

use std::rc::Rc;

use super::scope::{Scope, did_you_mean};
use super::value::{RecordKind, Value};
use super::{Elaborator, Halt};
use crate::source::{Code, Span};
use crate::syntax::ast::{DefKind, Name};

/// Names of modules in other languages that users write by habit.
const FOREIGN_MODULES: [&str; 9] = ["np", "numpy", "math", "torch", "tf", "jnp", "jax", "keras", "scipy"];

/// Names that mean something elsewhere, with what is written here.
const ELSEWHERE: [(&[&str], &str); 12] = [
    (&["range"], "a range is `a..b`, without `b`: `for i in 0..10 { … }`"),
    (&["null", "nil", "undefined"], "there is no empty value; leave the argument or key out"),
    (&["e", "E"], "Euler's number is `exp(1)`"),
    (&["type", "typeof", "dtype"], "at the prompt of `nabla repl` `:type x` shows the type of `x`"),
    (&["help", "dir", "man"], "at the prompt of `nabla repl` `:help NAME` tells of a name, `:help` of the prompt"),
    (&["exit", "quit"], "`:quit` or Ctrl-D leaves the prompt; a script ends with its last line"),
    (&["train", "fit"], "a net is trained by `train net on data { cost = …; optimizer = …; epochs = … }`"),
    (&["search"], "a search is written `search net on data { vary … }`"),
    (&["list", "array", "tensor", "matrix"], "a tensor is written `[1, 2, 3]`, a matrix `[[1, 2], [3, 4]]`"),
    (&["str", "format"], "values stand in a string in braces: `\"{x:.3}\"`"),
    (&["plt", "matplotlib", "pyplot", "sns"], "`plot(x)` draws a vector, a matrix, a history or a figure"),
    (&["println", "printf", "echo", "disp"], "`print x` shows a value"),
];

/// Methods of nets, models and runs elsewhere, with what is written here for each of them.
const METHODS: [(&[&str], &str); 4] = [
    (&["fit", "train"], "a net or model is trained by `train net on data { … }`"),
    (
        &["predict", "forward", "call", "apply"],
        "a model is called as a function, `m(x)`; that of a run is `run.model(x)`",
    ),
    (&["backward", "zero_grad", "step"], "`train` does the steps, and `grad(f)` is the derivative of a function"),
    (&["score", "evaluate", "eval"], "the cost and metrics on other data are `evaluate(run, data)`"),
];

impl Elaborator {
    /// A field that is not there: a function of that name is called with the value, and what is a method elsewhere has
    /// another form here.
    pub(super) fn method_elsewhere(&self, halt: Halt, value: &Value, field: &Name, scope: &Rc<Scope>) -> Halt {
        let Halt::Diagnostic(mut diagnostic) = halt else { return halt };
        let is_missing =
            diagnostic.code == Code::E0205 && diagnostic.helps.iter().all(|help| !help.contains("did you"));
        if !is_missing {
            return Halt::Diagnostic(diagnostic);
        }
        let is_trained = match value {
            Value::Func(func) => func.def_kind() == Some(DefKind::Net),
            Value::Record(record) => matches!(record.kind, RecordKind::Model(_) | RecordKind::Run(_)),
            _ => false,
        };
        let is_function = (is_trained || matches!(value, Value::Tensor(_)))
            && (super::builtin::find(field).is_some() || matches!(scope.get(field), Some(Value::Func(_))));
        let method = METHODS.iter().find(|(names, _)| is_trained && names.contains(&&**field));
        if matches!(value, Value::Tuple(_)) && ["x", "t"].contains(&&**field) {
            diagnostic.helps.push("a dataset is a record with these fields: `{x: …, t: …}`".into());
        } else if let Some((_, help)) = method {
            diagnostic.helps = vec![(*help).to_string()];
        } else if is_function {
            diagnostic.helps = vec![format!("it is a function: `{field}(x)`")];
        }
        Halt::Diagnostic(diagnostic)
    }

    pub(super) fn unknown_name(&self, name: &Name, span: Span, scope: &Rc<Scope>) -> Halt {
        let visible = scope.visible_names();
        let builtins = super::builtin::all().map(|builtin| builtin.name);
        let known = visible.iter().map(|name| &**name).chain(builtins);
        let mut diagnostic = crate::diagnostic!(E0201, span, "`{}` is not known here", name);
        let import = self.host.use_for(name);
        let below = self.file_names.iter().find(|ident| ident.name == *name && ident.span.start > span.start);
        if &**name == "_" {
            *diagnostic = diagnostic.with_help("`_` is the last value shown at the prompt of `nabla repl`");
        } else if let Some(ident) = below {
            *diagnostic = diagnostic
                .with_label(ident.span, "bound only here")
                .with_help("a name is bound before it is used: move it up");
        } else if FOREIGN_MODULES.contains(&&**name) {
            *diagnostic = diagnostic.with_help("functions stand without a module in front of them: `exp(x)`");
        } else if let Some(import) = import {
            *diagnostic = diagnostic.with_help(import);
        } else if let Some((_, help)) = ELSEWHERE.iter().find(|(names, _)| names.contains(&&**name)) {
            *diagnostic = diagnostic.with_help(*help);
        } else if let Some(meant) = did_you_mean(name, known) {
            *diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
        }
        diagnostic.into()
    }
}
