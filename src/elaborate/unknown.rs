//! Names that nothing is bound to, and what was probably meant.

use std::rc::Rc;

use super::scope::{Scope, did_you_mean};
use super::{Elaborator, Halt};
use crate::source::Span;
use crate::syntax::ast::Name;

/// Names of modules in other languages that users write by habit.
const FOREIGN_MODULES: [&str; 9] = ["np", "numpy", "math", "torch", "tf", "jnp", "jax", "keras", "scipy"];

impl Elaborator {
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
        } else if let Some(meant) = did_you_mean(name, known) {
            *diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
        }
        diagnostic.into()
    }
}
