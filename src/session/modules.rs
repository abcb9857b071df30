//! Modules: the standard library, which is part of the program, and files of the user.

use std::rc::Rc;

use super::host::Shared;
use super::resolve;
use crate::elaborate::{BindKind, Elaborator, Halt, ModulePath, Scope, ScopeKind, Value};
use crate::source::Span;
use crate::syntax::ast::{Stmt, StmtKind};
use crate::syntax::{File, parse};
use crate::{bail, diagnostic};

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

/// The scope of the names that are there without a `use`.
pub fn prelude(elaborator: &mut Elaborator, nowhere: Span) -> Result<Rc<Scope>, Halt> {
    let module = elaborator
        .with_host(|host, elaborator| host.module(elaborator, &ModulePath::Std("prelude".into()), nowhere))?;
    let scope = Scope::new(ScopeKind::Prelude, None);
    for (name, value) in crate::elaborate::builtin::constants(elaborator.real) {
        scope.bind(name, value.into(), None, BindKind::Let);
    }
    for word in ["keep", "drop"] {
        scope.bind(word, Value::str(word), None, BindKind::Let);
    }
    for binding in module.own_bindings() {
        scope.bind(binding.name, binding.value, binding.span, BindKind::Let);
    }
    Ok(scope)
}

impl super::host::Runner {
    /// The definitions of a module, elaborated once in a session and mode.
    pub fn load_module(&self, elaborator: &mut Elaborator, path: &ModulePath, span: Span) -> Result<Rc<Scope>, Halt> {
        let (key, folder) = match path {
            ModulePath::Std(name) => (format!("std.{name}"), None),
            ModulePath::File(name) => {
                let folder = self.folders.borrow().last().cloned().unwrap_or_else(|| self.shared.folder());
                let full = resolve(&folder, name);
                let full = full.canonicalize().unwrap_or(full);
                (full.display().to_string(), Some(full))
            }
        };
        if let Some(scope) = self.modules.borrow().get(&key) {
            return Ok(scope.clone());
        }
        if self.loading.borrow().contains(&key) {
            bail!(E0206, span, "these modules use each other in a circle: {}", self.loading.borrow().join(", "))
        }
        let (name, text) = match (path, &folder) {
            (ModulePath::Std(name), _) => match source(name) {
                Some(text) => (format!("std/{name}.nn"), text.to_string()),
                None => {
                    let mut error = diagnostic!(E0206, span, "the standard library has no module `{}`", name);
                    *error = match crate::source::nearest::nearest(name, NAMES.iter().copied()) {
                        Some(near) => error.with_help(format!("did you mean `std.{near}`?")),
                        None => error.with_help(format!("it has {}", NAMES.join(", "))),
                    };
                    return Err(error.into());
                }
            },
            (ModulePath::File(name), Some(full)) => match std::fs::read_to_string(full) {
                Ok(text) => (name.to_string(), text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    bail!(E0501, span, "there is no file `{}`", name; note: "modules are looked for from the folder of the file that uses them")
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    bail!(E0501, span, "there is no file `{}`", name; note: "modules are looked for from the folder of the file that uses them")
                }
                Err(error) => bail!(E0501, span, "the module `{}` cannot be read: {}", name, error),
            },
            (ModulePath::File(_), None) => unreachable!("files have a path"),
        };
        let stmts = self.shared.parse_module(&key, &name, &text).map_err(|diagnostics| {
            let mut diagnostics = diagnostics.into_iter();
            let first = diagnostics.next().expect("there is at least one mistake");
            elaborator.diagnostics.extend(diagnostics);
            Halt::Diagnostic(Box::new(first))
        })?;
        self.loading.borrow_mut().push(key.clone());
        let own = folder.as_deref().and_then(|full| full.parent()).map_or_else(|| self.shared.folder(), Into::into);
        self.folders.borrow_mut().push(own);
        let result = self.elaborate_module(elaborator, path, &stmts);
        self.folders.borrow_mut().pop();
        self.loading.borrow_mut().pop();
        let scope = result?;
        self.modules.borrow_mut().insert(key, scope.clone());
        Ok(scope)
    }

    /// Runs the definitions of a module, and only those.
    fn elaborate_module(
        &self,
        elaborator: &mut Elaborator,
        path: &ModulePath,
        stmts: &[Stmt],
    ) -> Result<Rc<Scope>, Halt> {
        let is_library = matches!(path, ModulePath::Std(_));
        let parent = match path {
            // The library says by `use` what it builds on; constants are everywhere.
            ModulePath::Std(_) => {
                let constants = Scope::new(ScopeKind::Prelude, None);
                for (name, value) in crate::elaborate::builtin::constants(elaborator.real) {
                    constants.bind(name, value.into(), None, BindKind::Let);
                }
                constants
            }
            ModulePath::File(_) => {
                let nowhere = stmts.first().map_or(Span::new(crate::source::FileId(0), 0, 0), |stmt| stmt.span);
                let prelude = self.load_module(elaborator, &ModulePath::Std("prelude".into()), nowhere)?;
                let scope = Scope::new(ScopeKind::Prelude, None);
                for (name, value) in crate::elaborate::builtin::constants(elaborator.real) {
                    scope.bind(name, value.into(), None, BindKind::Let);
                }
                prelude.own_bindings().into_iter().for_each(|b| scope.bind(b.name, b.value, b.span, BindKind::Let));
                scope
            }
        };
        let scope = Scope::new(ScopeKind::File, Some(parent));
        let before = std::mem::replace(&mut elaborator.checks_definitions, !is_library);
        let may_rebind = std::mem::replace(&mut elaborator.may_rebind, is_library);
        let file_names = std::mem::replace(
            &mut elaborator.file_names,
            stmts.iter().flat_map(super::bound_idents).cloned().collect(),
        );
        let notes = elaborator.diagnostics.len();
        let mut result = Ok(());
        for stmt in stmts {
            let is_declaration = matches!(&stmt.kind, StmtKind::Def(def) if is_builtin_declaration(def));
            if is_declaration {
                if let StmtKind::Def(def) = &stmt.kind
                    && let Some(name) = &def.name
                    && let Some(builtin) = crate::elaborate::builtin::find(&name.name)
                {
                    scope.bind(
                        name.name.clone(),
                        crate::elaborate::Function::builtin(builtin),
                        Some(name.span),
                        BindKind::Let,
                    );
                }
                continue;
            }
            let runs = matches!(stmt.kind, StmtKind::Def(_) | StmtKind::Use(_) | StmtKind::Bind { .. });
            if runs {
                result = elaborator.stmt(stmt, &scope).map(drop);
                if result.is_err() {
                    break;
                }
                if !is_library {
                    elaborator.resolve_names(stmt, &scope);
                }
            }
        }
        if is_library {
            elaborator.diagnostics.truncate(notes);
        }
        elaborator.checks_definitions = before;
        elaborator.may_rebind = may_rebind;
        elaborator.file_names = file_names;
        result?;
        Ok(scope)
    }
}

/// Whether a definition only declares what is built in: `fn exp(x) = builtin`.
fn is_builtin_declaration(def: &crate::syntax::ast::Def) -> bool {
    use crate::syntax::ast::ExprKind;
    matches!(def.body.value.as_deref().map(|value| &value.kind), Some(ExprKind::Name(name)) if &**name == "builtin")
}

impl Shared {
    /// Reads a module once in a session.
    pub fn parse_module(
        &self,
        key: &str,
        name: &str,
        text: &str,
    ) -> Result<Rc<Vec<Stmt>>, Vec<crate::source::Diagnostic>> {
        if let Some(stmts) = self.parsed.borrow().get(key) {
            return Ok(stmts.clone());
        }
        let file = self.sources.borrow_mut().add(name, text);
        let (File { stmts, .. }, diagnostics) = parse(file, text);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let stmts = Rc::new(stmts);
        self.parsed.borrow_mut().insert(key.to_string(), stmts.clone());
        Ok(stmts)
    }
}
