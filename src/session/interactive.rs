//! A session that goes on: input after input, each checked as a whole and then run, as at a prompt.
//!
//! What goes wrong is shown and undone: the names are bound as they were before the input. A name may be bound again, the
//! value of a bare expression is shown, and is `_` from there on.

mod replaced;
mod scripts;

use std::path::PathBuf;
use std::rc::Rc;

use super::answer::{answer, signature, type_answer};
use super::host::{Rebinding, Runner, Shared};
use super::options::{Engine, Notation, Setting, Stage};
use super::transcript::{Gives, Transcript};
use super::{Exit, Script, Session, Work, bound_idents};
use crate::elaborate::scope::Binding;
use crate::elaborate::tree::flatten;
use crate::elaborate::{BindKind, Elaborator, Halt, Mode, Scope, ScopeKind, TensorValue, Value};
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{Stmt, StmtKind};
use crate::syntax::{File, parse, parse_expr};
use crate::tensor::DType;

/// A session at a prompt.
pub struct Interactive {
    shared: Shared,
    /// Runs what was checked.
    elaborator: Elaborator,
    run_host: Rc<Runner>,
    check_host: Rc<Runner>,
    prelude: Rc<Scope>,
    scope: Rc<Scope>,
    transcript: Transcript,
    /// What `:set` gave to names of scripts that are loaded later.
    settings: Vec<Setting>,
    n_inputs: usize,
    nowhere: Span,
}

/// How an input ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// It was wrong; nothing has changed.
    Failed,
    /// The user stopped it; nothing has changed.
    Interrupted,
}

/// What can be looked at in definitions and trainings, each by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// The operations it is made of.
    Ir,
    /// The equations of back propagation.
    Derivation,
    /// The loop a training stands for.
    Expansion,
}

/// Whether values are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Values,
    Nothing,
}

/// What an input may change.
struct Before {
    bindings: Vec<Binding>,
    transcript: Transcript,
    seed: TensorValue,
    real: DType,
}

impl Session {
    /// A session at a prompt, for as long as `act` takes.
    ///
    /// # Errors
    /// There is no stack for it.
    pub fn interactive<T: Send>(self, act: impl FnOnce(&mut Interactive) -> T + Send) -> Result<T, Exit> {
        let script = Script { name: "<repl>".into(), folder: PathBuf::from("."), text: String::new() };
        self.on_own_stack(&script, |work| Ok(act(&mut Interactive::new(work.shared.clone()))))
    }
}

impl Interactive {
    fn new(mut shared: Shared) -> Interactive {
        shared.rebinding = Rebinding::Allowed;
        let nowhere = Span::new(shared.sources.borrow_mut().add("<repl>", ""), 0, 0);
        let run_host = Rc::new(Runner::new(shared.clone(), Mode::Run));
        let check_host = Rc::new(Runner::new(shared.clone(), Mode::Check));
        let elaborator = new_elaborator(&run_host, nowhere);
        let prelude = shared.library.prelude(elaborator.real);
        let scope = Scope::new(ScopeKind::File, Some(prelude.clone()));
        let (transcript, settings) = (Transcript::default(), vec![]);
        let n_inputs = 0;
        Interactive {
            shared,
            elaborator,
            run_host,
            check_host,
            prelude,
            scope,
            transcript,
            settings,
            n_inputs,
            nowhere,
        }
    }

    /// The names of the session, which change with each input.
    pub fn scope(&self) -> Rc<Scope> {
        self.scope.clone()
    }

    /// Text for the standard output.
    pub fn say(&self, text: &str) {
        self.shared.reporter.borrow_mut().print(text);
    }

    /// Says what is wrong with something that is no input of the language.
    pub fn complain(&self, message: &str) {
        self.shared.reporter.borrow_mut().diagnostic(&format!("error: {message}"));
    }

    /// Checks and runs an input.
    pub fn evaluate(&mut self, text: &str) -> Outcome {
        let name = self.input_name();
        let Some(stmts) = self.read(&name, text) else { return Outcome::Failed };
        self.take(&stmts, Echo::Values)
    }

    fn input_name(&mut self) -> String {
        self.n_inputs += 1;
        format!("<repl:{}>", self.n_inputs)
    }

    /// The statements of a text; none if there is a mistake in it, which is shown.
    fn read(&mut self, name: &str, text: &str) -> Option<Vec<Stmt>> {
        let file = self.shared.sources.borrow_mut().add(name, text);
        let (File { stmts, .. }, diagnostics) = parse(file, text);
        self.shared.show(&diagnostics);
        diagnostics.is_empty().then_some(stmts)
    }

    /// Checks and runs statements, or undoes what they did.
    fn take(&mut self, stmts: &[Stmt], echo: Echo) -> Outcome {
        self.shared.options.interrupt.lower();
        if !self.check(stmts) {
            return Outcome::Failed;
        }
        let before = Before {
            bindings: self.scope.own_bindings(),
            transcript: self.transcript.clone(),
            seed: self.elaborator.seed.clone(),
            real: self.elaborator.real,
        };
        self.elaborator.file_names = stmts.iter().flat_map(bound_idents).cloned().collect();
        for stmt in stmts {
            if let Err(halt) = self.run(stmt, echo) {
                return self.undo(before, halt);
            }
        }
        self.note_models(&before.bindings, stmts);
        Outcome::Done
    }

    /// Whether nothing is wrong with statements; what is, is shown.
    fn check(&mut self, stmts: &[Stmt]) -> bool {
        let (mut checker, scope) = self.checker();
        checker.file_names = stmts.iter().flat_map(bound_idents).cloned().collect();
        for stmt in stmts {
            checker.top_level(stmt, &scope);
        }
        let mut diagnostics = std::mem::take(&mut checker.diagnostics);
        // Whether a file is there is seen at once.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::W0501);
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        self.shared.show(&diagnostics);
        !diagnostics.iter().any(Diagnostic::is_error)
    }

    /// What checks an input, and a copy of the names for it.
    fn checker(&self) -> (Elaborator, Rc<Scope>) {
        let mut checker = Elaborator::new(Mode::Check, self.check_host.clone(), self.nowhere);
        checker.real = self.elaborator.real;
        checker.may_rebind = true;
        let scope = Scope::new(ScopeKind::File, Some(self.prelude.clone()));
        scope.restore(self.scope.own_bindings());
        (checker, scope)
    }

    fn run(&mut self, stmt: &Stmt, echo: Echo) -> Result<(), Halt> {
        let value = self.elaborator.whole_stmt(stmt, &self.scope)?;
        self.elaborator.diagnostics.clear();
        if matches!(stmt.kind, StmtKind::Precision(_)) {
            self.bind_constants();
            self.note_precision();
        }
        let mut gives = Gives::Nothing;
        if let Some(value) = value.filter(|value| !matches!(value, Value::Unit)) {
            gives = Gives::Value;
            if echo == Echo::Values {
                let shown = answer(&mut self.elaborator, &self.shared, &value, stmt.span)?;
                shown.into_iter().for_each(|text| self.say(&text));
            }
            self.scope.bind("_", value, None, BindKind::Let);
        }
        self.transcript.add(stmt, gives, &self.shared.sources.borrow());
        Ok(())
    }

    /// The constants in the precision of now.
    fn bind_constants(&self) {
        for (name, value) in crate::elaborate::builtin::constants(self.elaborator.real) {
            self.prelude.bind(name, value.into(), None, BindKind::Let);
        }
    }

    /// Says which values keep the precision of before.
    fn note_precision(&self) {
        let is_other = |value: &Value| {
            flatten(value)
                .0
                .iter()
                .any(|leaf| leaf.ty.dtype.is_real() && leaf.rank() > 0 && leaf.ty.dtype != self.elaborator.real)
        };
        let kept =
            self.scope.own_bindings().into_iter().filter(|binding| &*binding.name != "_" && is_other(&binding.value));
        let names: Vec<String> = kept.map(|binding| format!("`{}`", binding.name)).collect();
        if !names.is_empty() {
            let text = format!("note: what was bound before keeps its precision: {}", names.join(", "));
            self.shared.reporter.borrow_mut().note(&text);
        }
    }

    /// Makes everything as it was, and says why.
    fn undo(&mut self, before: Before, halt: Halt) -> Outcome {
        self.elaborator.abandon_stmt();
        self.elaborator.diagnostics.clear();
        self.scope.restore(before.bindings);
        self.transcript = before.transcript;
        self.elaborator.seed = before.seed;
        if self.elaborator.real != before.real {
            self.elaborator.real = before.real;
            self.bind_constants();
        }
        match halt {
            Halt::Diagnostic(diagnostic) => {
                self.shared.show(&[*diagnostic]);
                Outcome::Failed
            }
            Halt::Reported => Outcome::Failed,
            Halt::Interrupted => {
                self.shared.meet_interrupt();
                self.shared.reporter.borrow_mut().note("interrupted: nothing has changed");
                Outcome::Interrupted
            }
        }
    }

    /// Shows the type of an expression, which is not evaluated.
    pub fn show_type(&mut self, text: &str) -> Outcome {
        let name = self.input_name();
        let file = self.shared.sources.borrow_mut().add(name, text);
        let expr = match parse_expr(file, text, 0..text.len()) {
            Ok(expr) => expr,
            Err(diagnostics) => {
                self.shared.show(&diagnostics);
                return Outcome::Failed;
            }
        };
        let (mut checker, scope) = self.checker();
        match checker.expr(&expr, &scope) {
            Ok(value) if !checker.diagnostics.iter().any(Diagnostic::is_error) => {
                self.say(&type_answer(&value, &self.shared.sources.borrow()));
                Outcome::Done
            }
            Ok(_) => {
                self.shared.show(&checker.diagnostics);
                Outcome::Failed
            }
            Err(halt) => {
                checker.report(halt);
                self.shared.show(&checker.diagnostics);
                Outcome::Failed
            }
        }
    }

    /// Shows what a definition or training of the session is made of.
    pub fn look(&mut self, look: Look, name: &str) -> Outcome {
        let text = self.transcript.whole();
        let script = Script { name: "<session>".into(), folder: self.shared.folder(), text };
        let mut work = Work { script: &script, shared: self.shared.clone() };
        let shown = match look {
            Look::Ir => work.ir(Some(name), Stage::Lowered),
            Look::Derivation => work.derive(name, Notation::Text),
            Look::Expansion => work.expand(Some(name)),
        };
        match shown {
            Ok(text) if text.is_empty() => {
                self.complain(&format!("the session binds no `{name}`"));
                Outcome::Failed
            }
            Ok(text) => {
                self.say(text.trim_end());
                Outcome::Done
            }
            Err(_) => Outcome::Failed,
        }
    }

    /// What the session knows of a name of its own: signature or type, documentation, source.
    pub fn describe(&self, name: &str) -> Option<String> {
        let binding = self.scope.own(name)?;
        let sources = self.shared.sources.borrow();
        let Some(func) = binding.value.as_func() else {
            return Some(format!("{name}: {}\n", binding.value.type_text()));
        };
        let Some(closure) = func.closure() else { return Some(signature(func, &sources)) };
        let (doc, text) = (closure.def.doc.trim_end(), sources.text(closure.def.span));
        Some(if doc.is_empty() { format!("{text}\n") } else { format!("{doc}\n\n{text}\n") })
    }

    /// Forgets all names and what was typed.
    pub fn reset(&mut self) {
        self.scope.restore(vec![]);
        self.transcript = Transcript::default();
        self.settings.clear();
        self.elaborator = new_elaborator(&self.run_host, self.nowhere);
        self.bind_constants();
    }

    /// What evaluates.
    pub fn engine(&self) -> Engine {
        self.shared.engine.get()
    }

    /// Chooses what evaluates from here on.
    pub fn set_engine(&mut self, engine: Engine) {
        self.shared.engine.set(engine);
    }
}

fn new_elaborator(host: &Rc<Runner>, nowhere: Span) -> Elaborator {
    let mut elaborator = Elaborator::new(Mode::Run, host.clone(), nowhere);
    elaborator.may_rebind = true;
    elaborator
}
