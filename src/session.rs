//! Source text to results; used by the command line, the REPL and every test.
//!
//! A [`Session`] checks a script as a whole and then runs it statement by statement. What the script does to the world goes
//! through a [`Reporter`]; how it ended is an [`Exit`].

mod answer;
mod arrays;
mod data;
mod derivation;
mod effects;
mod figures;
mod files;
mod fingerprint;
pub mod help;
mod host;
mod inspect;
pub mod interactive;
mod library;
mod listing;
mod modules;
mod objective;
pub mod options;
mod passes;
mod rate;
mod report;
mod results;
pub mod script;
mod search;
mod settings;
mod summary;
mod training;
mod trainings;
mod transcript;
mod trial;
mod turns;

use std::path::PathBuf;
use std::rc::Rc;

use crate::elaborate::tree::flatten;
use crate::elaborate::{BindKind, Elaborator, Halt, Mode, Scope, ScopeKind, TensorValue, Value};
use crate::report::Reporter;
use crate::source::{Code, Diagnostic, SourceMap, Span};
use crate::syntax::ast::{Expr, Ident, Stmt, StmtKind, UseNames, UsePath};
use crate::syntax::{File, parse};
use crate::tensor::{DType, Tensor};

use host::{Rebinding, Runner, Shared};

pub use inspect::{Notation, Stage};
pub use interactive::Interactive;
pub use options::{Engine, Exit, Options};
pub use script::{Script, ScriptError};

/// Elaboration recurses along the syntax tree and through inlined calls, so it runs on a stack of its own.
const STACK_BYTES: usize = 1 << 30;

/// Checks and runs scripts.
pub struct Session {
    options: Options,
    reporter: Reporter,
}

/// A script that was read and checked.
struct Checked {
    stmts: Vec<Stmt>,
    checker: Elaborator,
    scope: Rc<Scope>,
    nowhere: Span,
    has_errors: bool,
}

impl Session {
    /// A session that reports to `reporter`.
    pub fn new(options: Options, reporter: Reporter) -> Session {
        Session { options, reporter }
    }

    /// Checks a script and shows what is wrong with it.
    pub fn check(self, script: &Script) -> Exit {
        self.on_own_stack(script, |work| {
            let checked = work.check(Then::Stop)?;
            Err(if checked.has_errors { Exit::Script } else { Exit::Done })
        })
        .unwrap_or_else(|exit: Exit| exit)
    }

    /// Checks a script and, if it is right, runs it.
    pub fn run(self, script: &Script) -> Exit {
        self.on_own_stack(script, |work| work.run(|_| ())).unwrap_or_else(|exit| exit)
    }

    /// Checks a script and runs it to its end; gives the tensors in the values of its top-level names, each under its
    /// path, such as `cost` or `run.model.params.dense_1.W`.
    ///
    /// # Errors
    /// How the script ended, if not with everything done.
    pub fn evaluate(self, script: &Script) -> Result<Vec<(String, Tensor)>, Exit> {
        self.on_own_stack(script, |work| {
            let mut tensors = vec![];
            match work.run(|scope| tensors = tensors_of(scope))? {
                Exit::Done => Ok(tensors),
                exit => Err(exit),
            }
        })
    }

    /// Does something with a script on a large stack of its own.
    fn on_own_stack<T: Send>(
        self,
        script: &Script,
        act: impl FnOnce(&mut Work) -> Result<T, Exit> + Send,
    ) -> Result<T, Exit> {
        let Session { options, reporter } = self;
        // Taken by the thread, if there is one.
        let mut given = Some((options, reporter, act));
        let taken = &mut given;
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, move || {
                let (options, reporter, act) = taken.take().expect("the thread is the only one to take it");
                let shared = Shared::new(options, reporter, script.folder.clone());
                act(&mut Work { script, shared })
            });
            match thread.map(|handle| handle.join()) {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(error),
            }
        });
        result.unwrap_or_else(|error| {
            if let Some((_, mut reporter, _)) = given {
                reporter.diagnostic(&format!("error: the system gives no address space for a stack of 1 GiB: {error}"));
            }
            Err(Exit::Failed)
        })
    }
}

/// What comes after a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Stop,
    Run,
}

/// A script being worked on.
struct Work<'a> {
    script: &'a Script,
    shared: Shared,
}

impl Work<'_> {
    /// Reads and checks the script, shows what was found.
    fn check(&mut self, then: Then) -> Result<Checked, Exit> {
        let (file, File { stmts, lost, .. }, mut diagnostics) = {
            let mut sources = self.shared.sources.borrow_mut();
            let file = sources.add(self.script.name.as_str(), self.script.text.as_str());
            let (read, diagnostics) = parse(file, &self.script.text);
            (file, read, diagnostics)
        };
        let nowhere = Span::new(file, 0, 0);
        let mut checker = self.elaborator(Mode::Check, nowhere);
        checker.real = precision(&stmts);
        checker.may_rebind = self.shared.rebinding == Rebinding::Allowed;
        checker.file_names = stmts.iter().flat_map(bound_idents).cloned().collect();
        let scope = self.global_scope(checker.real);
        for ident in lost {
            scope.bind(ident.name.clone(), Value::Poisoned, Some(ident.span), BindKind::Let);
        }
        let mut stmts = stmts;
        self.apply_settings(&mut stmts, &mut checker, &scope)?;
        for stmt in &stmts {
            let value = checker.top_level(stmt, &scope);
            if let (Some(value), StmtKind::Expr(expr)) = (value, &stmt.kind)
                && !matches!(value, Value::Unit)
                && !is_effect(expr)
            {
                checker.diagnostics.push(
                    Diagnostic::error(Code::E0108, expr.span, "this value is not used")
                        .with_help("`print` shows it, `name = …` keeps it"),
                );
            }
        }
        diagnostics.append(&mut checker.diagnostics);
        diagnostics.sort_by_key(|diagnostic| (diagnostic.span.file != file, diagnostic.span.start));
        let has_errors = diagnostics.iter().any(Diagnostic::is_error);
        if then == Then::Run {
            // Whether a file is there will be seen.
            diagnostics.retain(|diagnostic| diagnostic.code != Code::W0501);
        }
        if self.shared.rebinding == Rebinding::Allowed {
            // What is not wrong was told when it was typed.
            diagnostics.retain(Diagnostic::is_error);
        }
        self.show(&diagnostics);
        Ok(Checked { stmts, checker, scope, nowhere, has_errors })
    }

    /// Checks the script; the exit code of a wrong one is an error.
    fn checked(&mut self, then: Then) -> Result<Checked, Exit> {
        let checked = self.check(then)?;
        if checked.has_errors { Err(Exit::Script) } else { Ok(checked) }
    }

    /// Checks and runs the script; `finish` sees the top-level names once everything was done.
    fn run(&mut self, finish: impl FnOnce(&Scope)) -> Result<Exit, Exit> {
        let checked = self.checked(Then::Run)?;
        let began = self.begin_report()?;
        let mut elaborator = self.elaborator(Mode::Run, checked.nowhere);
        elaborator.real = precision(&checked.stmts);
        let scope = self.global_scope(elaborator.real);
        for stmt in &checked.stmts {
            match elaborator.whole_stmt(stmt, &scope) {
                Ok(_) => {}
                Err(Halt::Diagnostic(diagnostic)) => {
                    self.show(std::slice::from_ref(&diagnostic));
                    return Ok(if diagnostic.code == Code::E0504 { Exit::Diverged } else { Exit::Failed });
                }
                Err(Halt::Interrupted) => return Ok(Exit::Interrupted),
                Err(Halt::Reported) => return Ok(Exit::Failed),
            }
        }
        self.report_results(&scope);
        self.end_report(&mut elaborator, began, checked.nowhere)?;
        finish(&scope);
        Ok(if self.shared.was_interrupted() { Exit::Interrupted } else { Exit::Done })
    }

    /// The values of the top-level names, as events.
    fn report_results(&mut self, scope: &Scope) {
        for binding in scope.own_bindings() {
            if let Some(value) = results::event_value(&binding.value) {
                self.shared.reporter.borrow_mut().result(&binding.name, value);
            }
        }
    }

    fn elaborator(&self, mode: Mode, nowhere: Span) -> Elaborator {
        let mut elaborator = Elaborator::new(mode, Rc::new(Runner::new(self.shared.clone(), mode)), nowhere);
        if let Some(seed) = self.shared.options.seed {
            elaborator.seed = TensorValue::int(seed as i64);
            elaborator.seed_is_fixed = true;
        }
        elaborator
    }

    /// The scope of the file inside the prelude's.
    fn global_scope(&self, real: DType) -> Rc<Scope> {
        Scope::new(ScopeKind::File, Some(self.shared.library.prelude(real)))
    }

    fn show(&self, diagnostics: &[impl std::borrow::Borrow<Diagnostic>]) {
        self.shared.show(diagnostics);
    }
}

/// What `real` is in tensors: `precision f32` holds for the whole program.
fn precision(stmts: &[Stmt]) -> DType {
    let says_f32 = |stmt: &Stmt| matches!(&stmt.kind, StmtKind::Precision(ident) if &*ident.name == "f32");
    if stmts.iter().any(says_f32) { DType::F32 } else { DType::F64 }
}

/// The tensors in the values of a scope's names, with their paths.
fn tensors_of(scope: &Scope) -> Vec<(String, Tensor)> {
    let of_binding = |binding: crate::elaborate::scope::Binding| {
        let (leaves, structure) = flatten(&binding.value);
        let named = structure.paths().into_iter().zip(leaves);
        let known = named.filter_map(|(path, leaf)| Some((format!("{}{path}", binding.name), leaf.known()?)));
        known.collect::<Vec<_>>()
    };
    scope.own_bindings().into_iter().flat_map(of_binding).collect()
}

/// The names a statement binds, where they stand.
fn bound_idents(stmt: &Stmt) -> Vec<&Ident> {
    match &stmt.kind {
        StmtKind::Bind { pattern, .. } => pattern.names(),
        StmtKind::Var { name, .. } => vec![name],
        StmtKind::Draw(drawn) => vec![&drawn.name],
        StmtKind::Def(def) => def.name.iter().collect(),
        StmtKind::Use(import) => match (&import.names, &import.path) {
            (UseNames::List(names), _) => names.iter().collect(),
            (UseNames::Module(Some(name)), _) => vec![name],
            (UseNames::Module(None), UsePath::Std(words)) => words.last().into_iter().collect(),
            (UseNames::Module(None), UsePath::File(_)) => vec![],
        },
        _ => vec![],
    }
}

/// Whether a bare expression stands for what it does: a training.
fn is_effect(expr: &Expr) -> bool {
    use crate::syntax::ast::ExprKind;
    matches!(expr.kind, ExprKind::Train(_) | ExprKind::Search(_) | ExprKind::If { .. })
}

/// Paths in a script start from its folder. They are shown in messages, so without steps that lead nowhere: `./`.
fn resolve(folder: &std::path::Path, path: &str) -> PathBuf {
    use std::path::Component;
    let joined = folder.join(path);
    let steps: PathBuf = joined.components().filter(|step| !matches!(step, Component::CurDir)).collect();
    if steps.as_os_str().is_empty() { joined } else { steps }
}

/// What is shared by the sources of a session; a name for signatures.
type Sources = Rc<std::cell::RefCell<SourceMap>>;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::resolve;

    #[test]
    fn paths_are_shown_without_steps_that_lead_nowhere() {
        let shown = |folder: &str, path: &str| resolve(Path::new(folder), path).display().to_string();
        assert_eq!(shown(".", "data/digits.csv"), "data/digits.csv");
        assert_eq!(shown(".", "./data/digits.csv"), "data/digits.csv");
        assert_eq!(shown("examples", "./data/../a.csv"), "examples/data/../a.csv");
        assert_eq!(shown("./examples", "/tmp/a.csv"), "/tmp/a.csv");
    }
}
