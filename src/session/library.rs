//! The standard library, which is part of the program as text. A module is outlined when something of it is asked for, and a
//! definition is read when its name is first looked up: a script uses few of them, and reading all would be most of the
//! time that a small one takes.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::elaborate::builtin::{constants, find};
use crate::elaborate::{BindKind, Function, Scope, ScopeKind, Value};
use crate::source::FileId;
use crate::syntax::ast::{Def, ExprKind, Ident, StmtKind};
use crate::syntax::{Part, PartKind, outline, parse_part};
use crate::tensor::DType;

macro_rules! library {
    ($($name:literal)*) => {
        /// The text of a module of the standard library.
        pub fn source(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("../../stdlib/", $name, ".nn"))),)*
                _ => None,
            }
        }

        /// The modules of the standard library.
        pub const NAMES: &[&str] = &[$($name),*];
    };
}

library! {
    "activations" "arrays" "attention" "augment" "clip" "conv" "costs" "data" "figures" "init" "layers" "linalg" "metrics" "norm"
    "notes" "optim" "penalty" "pool" "prelude" "recurrent" "schedule" "signal" "stats"
}

/// The `use` that brings a public name of the standard library in, or a module of this name.
pub fn use_for(name: &str) -> Option<String> {
    let defines = |line: &str| {
        let rest = ["fn ", "layer ", "optimizer "].iter().find_map(|word| line.strip_prefix(word));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with(['(', ' ', '=']))
    };
    let has = |module: &&&str| source(module).is_some_and(|text| text.lines().any(defines));
    if name.starts_with('_') {
        return None;
    }
    let of_name = || NAMES.iter().filter(|module| **module != "notes").find(has);
    let own = NAMES.contains(&name).then(|| format!("`use std.{name}` brings it in"));
    own.or_else(|| of_name().map(|module| format!("`use std.{module}.{{{name}}}` brings it in")))
}

/// The library of a session.
pub struct Library {
    sources: super::Sources,
    texts: RefCell<HashMap<&'static str, Rc<Text>>>,
    /// The modules that were asked for; their constants have the precision of the program.
    scopes: RefCell<HashMap<(&'static str, DType), Rc<Scope>>>,
}

/// The text of a module, with what is found in it.
struct Text {
    file: FileId,
    text: &'static str,
    parts: Vec<(Part, OnceCell<Rc<Def>>)>,
}

impl Library {
    pub fn new(sources: super::Sources) -> Library {
        Library { sources, texts: RefCell::default(), scopes: RefCell::default() }
    }

    /// The scope of the names that are there without a `use`.
    pub fn prelude(self: &Rc<Self>, real: DType) -> Rc<Scope> {
        let scope = with_constants(real);
        for word in ["keep", "drop"] {
            scope.bind(word, Value::str(word), None, BindKind::Let);
        }
        self.fill(&scope, "prelude", real);
        scope
    }

    /// The names of a module, if there is one of this name.
    pub fn module(self: &Rc<Self>, name: &str, real: DType) -> Option<Rc<Scope>> {
        let module = *NAMES.iter().find(|module| **module == name)?;
        if let Some(scope) = self.scopes.borrow().get(&(module, real)) {
            return Some(scope.clone());
        }
        // The library says by `use` what it builds on; constants are everywhere.
        let scope = Scope::new(ScopeKind::File, Some(with_constants(real)));
        self.scopes.borrow_mut().insert((module, real), scope.clone());
        self.fill(&scope, module, real);
        Some(scope)
    }

    /// Binds what the statements of a module bind, each name when it is looked up.
    fn fill(self: &Rc<Self>, scope: &Rc<Scope>, module: &'static str, real: DType) {
        let text = self.text(module);
        for (idx, (part, _)) in text.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Definition(ident) => {
                    let (text, env) = (text.clone(), scope.clone());
                    scope.bind_later(ident.name.clone(), Some(ident.span), move || text.value(idx, &env));
                }
                PartKind::Names { module, names } => {
                    for ident in names {
                        let (library, module, name) = (self.clone(), module.name.clone(), ident.name.clone());
                        scope.bind_later(ident.name.clone(), Some(ident.span), move || {
                            let binding = library.module(&module, real).and_then(|module| module.own(&name));
                            binding.expect("a module of the library takes what there is").value
                        });
                    }
                }
                PartKind::Other => unreachable!("a module of the library defines names and takes those of others"),
            }
        }
    }

    fn text(&self, module: &'static str) -> Rc<Text> {
        let new = || {
            let text = source(module).expect("the names are those of the texts");
            let file = self.sources.borrow_mut().add(format!("std/{module}.nn"), text);
            let parts = outline(file, text).into_iter().map(|part| (part, OnceCell::new())).collect();
            Rc::new(Text { file, text, parts })
        };
        self.texts.borrow_mut().entry(module).or_insert_with(new).clone()
    }
}

impl Text {
    /// The value of a definition, which is read once.
    fn value(&self, idx: usize, env: &Rc<Scope>) -> Value {
        let (part, def) = &self.parts[idx];
        let def = def.get_or_init(|| match parse_part(self.file, self.text, part).map(|stmt| stmt.kind) {
            Ok(StmtKind::Def(def)) => def,
            other => unreachable!("a definition of the library has no mistake: {other:?}"),
        });
        match declared(def) {
            Some(ident) => Function::builtin(find(&ident.name).expect("what is declared is built in")),
            None => Function::defined(def, env),
        }
    }
}

/// The scope around a module of the library.
fn with_constants(real: DType) -> Rc<Scope> {
    let scope = Scope::new(ScopeKind::Prelude, None);
    for (name, value) in constants(real) {
        scope.bind(name, value.into(), None, BindKind::Let);
    }
    scope
}

/// The name of a definition that only declares what is built in: `fn exp(x) = builtin`.
fn declared(def: &Def) -> Option<&Ident> {
    let body = def.body.value.as_deref().map(|value| &value.kind);
    def.name.as_ref().filter(|_| matches!(body, Some(ExprKind::Name(name)) if &**name == "builtin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_module_names_is_there() {
        let library = Rc::new(Library::new(Rc::default()));
        for name in NAMES {
            let module = library.module(name, DType::F64).unwrap();
            for binding in module.own_bindings() {
                assert!(matches!(binding.value, Value::Func(_)), "std.{name}.{}", binding.name);
            }
        }
        assert!(library.module("nothing", DType::F64).is_none());
    }

    #[test]
    fn a_definition_is_read_when_its_name_is_looked_up() {
        let library = Rc::new(Library::new(Rc::default()));
        let prelude = library.prelude(DType::F64);
        assert!(prelude.visible_names().iter().any(|name| &**name == "relu"));
        let n_read = || {
            let texts = library.texts.borrow();
            texts.values().flat_map(|text| &text.parts).filter(|(_, def)| def.get().is_some()).count()
        };
        assert_eq!(n_read(), 0);
        assert!(prelude.get("relu").is_some());
        assert_eq!(n_read(), 1);
    }
}
