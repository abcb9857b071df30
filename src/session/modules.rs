//! Modules: the standard library, which is part of the program, and files of the user.

use std::path::PathBuf;
use std::rc::Rc;

use super::host::Shared;
use super::library::NAMES;
use super::resolve;
use crate::elaborate::{Elaborator, Halt, ModulePath, Scope, ScopeKind};
use crate::source::nearest::nearest;
use crate::source::{Diagnostic, Span};
use crate::syntax::ast::{Stmt, StmtKind};
use crate::syntax::{File, parse};
use crate::{bail, diagnostic};

impl super::host::Runner {
    /// The definitions of a module, elaborated once in a session and mode.
    pub fn load_module(&self, elaborator: &mut Elaborator, path: &ModulePath, span: Span) -> Result<Rc<Scope>, Halt> {
        match path {
            ModulePath::Std(name) => self.shared.library.module(name, elaborator.real).ok_or_else(|| {
                let mut error = diagnostic!(E0206, span, "the standard library has no module `{}`", name);
                *error = match nearest(name, NAMES.iter().copied()) {
                    Some(near) => error.with_help(format!("did you mean `std.{near}`?")),
                    None => error.with_help(format!("it has {}", NAMES.join(", "))),
                };
                error.into()
            }),
            ModulePath::File(name) => self.load_file(elaborator, name, span),
        }
    }

    fn load_file(&self, elaborator: &mut Elaborator, name: &str, span: Span) -> Result<Rc<Scope>, Halt> {
        let folder = self.folders.borrow().last().cloned().unwrap_or_else(|| self.shared.folder());
        let full = resolve(&folder, name);
        let full = full.canonicalize().unwrap_or(full);
        if let Some(scope) = self.modules.borrow().get(&full) {
            return Ok(scope.clone());
        }
        if self.loading.borrow().contains(&full) {
            let circle: Vec<String> = self.loading.borrow().iter().map(|path| path.display().to_string()).collect();
            bail!(E0206, span, "these modules use each other in a circle: {}", circle.join(", "))
        }
        let text = match std::fs::read_to_string(&full) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!(E0501, span, "there is no file `{}`", name; note: "modules are looked for from the folder of the file that uses them")
            }
            Err(error) => bail!(E0501, span, "the module `{}` cannot be read: {}", name, error),
        };
        let stmts = self.shared.parse_module(&full, name, &text).map_err(|diagnostics| {
            let mut diagnostics = diagnostics.into_iter();
            let first = diagnostics.next().expect("there is at least one mistake");
            elaborator.diagnostics.extend(diagnostics);
            Halt::Diagnostic(Box::new(first))
        })?;
        self.loading.borrow_mut().push(full.clone());
        let own = full.parent().map_or_else(|| self.shared.folder(), Into::into);
        self.folders.borrow_mut().push(own);
        let result = self.elaborate_module(elaborator, &stmts);
        self.folders.borrow_mut().pop();
        self.loading.borrow_mut().pop();
        let scope = result?;
        self.modules.borrow_mut().insert(full, scope.clone());
        Ok(scope)
    }

    /// Runs the definitions of a module, and only those.
    fn elaborate_module(&self, elaborator: &mut Elaborator, stmts: &[Stmt]) -> Result<Rc<Scope>, Halt> {
        let scope = Scope::new(ScopeKind::File, Some(self.shared.library.prelude(elaborator.real)));
        let may_rebind = std::mem::replace(&mut elaborator.may_rebind, false);
        let own_names = stmts.iter().flat_map(super::bound_idents).cloned().collect();
        let file_names = std::mem::replace(&mut elaborator.file_names, own_names);
        let runs = |stmt: &&Stmt| matches!(stmt.kind, StmtKind::Def(_) | StmtKind::Use(_) | StmtKind::Bind { .. });
        let result = stmts.iter().filter(runs).try_for_each(|stmt| {
            elaborator.stmt(stmt, &scope)?;
            elaborator.resolve_names(stmt, &scope);
            Ok(())
        });
        elaborator.may_rebind = may_rebind;
        elaborator.file_names = file_names;
        result.map(|()| scope)
    }
}

impl Shared {
    /// Reads a module once in a session.
    fn parse_module(&self, path: &PathBuf, name: &str, text: &str) -> Result<Rc<Vec<Stmt>>, Vec<Diagnostic>> {
        if let Some(stmts) = self.parsed.borrow().get(path) {
            return Ok(stmts.clone());
        }
        let file = self.sources.borrow_mut().add(name, text);
        let (File { stmts, .. }, diagnostics) = parse(file, text);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let stmts = Rc::new(stmts);
        self.parsed.borrow_mut().insert(path.clone(), stmts.clone());
        Ok(stmts)
    }
}
