//! Looking at a script without running it: its IR, its derivations, the layers of its nets, what `train` stands for.

use super::derivation::{self, Asked};
use super::listing::{frame_text, list_function};
use super::objective::Objective;
use super::options::{Notation as NotationOption, Stage as StageOption};
use super::{Checked, Exit, Script, Session, Then, Work, bound_idents};
use crate::bail;
use crate::elaborate::tree::{flatten, unflatten};
use crate::elaborate::{Elaborator, Given, RecordKind, Result, TensorValue, Value};
use crate::exec::jit::Listing;
use crate::grad::derive::Request;
use crate::ir::{FuncId, Module, text};
use crate::source::Span;
use crate::syntax::ast::{DefKind, Expr, ExprKind, Name, Pattern, Stmt, StmtKind};
use crate::syntax::parse_expr;
use crate::{grad, rewrite};

pub use super::options::{Notation, Stage};

impl Session {
    /// The IR of a definition or a training, or of all trainings of the script.
    pub fn ir(self, script: &Script, name: Option<&str>, stage: StageOption) -> std::result::Result<String, Exit> {
        let name = name.map(str::to_string);
        self.on_own_stack(script, move |work| work.ir(name.as_deref(), stage))
    }

    /// The stages of a definition or a training, or of all trainings, side by side in so many columns, and what each pass
    /// did.
    pub fn passes(self, script: &Script, name: Option<&str>, width: usize) -> std::result::Result<String, Exit> {
        let name = name.map(str::to_string);
        self.on_own_stack(script, move |work| work.passes(name.as_deref(), width))
    }

    /// The equations of back propagation of a definition.
    pub fn derive(self, script: &Script, name: &str, notation: NotationOption) -> std::result::Result<String, Exit> {
        let name = name.to_string();
        self.on_own_stack(script, move |work| work.derive(&name, notation))
    }

    /// The cost that [`Session::derive`] is about, as a function of a module, and what is asked of it.
    pub fn derivation(self, script: &Script, name: &str) -> std::result::Result<(Module, FuncId, Request), Exit> {
        let name = name.to_string();
        self.on_own_stack(script, move |work| {
            work.derived(&name, |checked, asked| {
                let found = derivation::traced(&mut checked.checker, asked, checked.nowhere)?;
                let (module, func) = checked.checker.module.extract(found.func);
                Ok((module, func, found.request))
            })
        })
    }

    /// The layers of a net.
    pub fn summary(self, script: &Script, name: &str) -> std::result::Result<String, Exit> {
        let name = name.to_string();
        self.on_own_stack(script, move |work| work.summary(&name))
    }

    /// The script with its trainings written out.
    pub fn expand(self, script: &Script) -> std::result::Result<String, Exit> {
        self.on_own_stack(script, |work| work.expand(None))
    }
}

impl Work<'_> {
    fn fail<T>(&self, message: &str) -> std::result::Result<T, Exit> {
        self.shared.reporter.borrow_mut().diagnostic(&format!("error: {message}"));
        Err(Exit::Usage)
    }

    fn shown<T>(&self, result: Result<T>) -> std::result::Result<T, Exit> {
        self.shown_as(result, Exit::Script)
    }

    fn shown_as<T>(&self, result: Result<T>, exit: Exit) -> std::result::Result<T, Exit> {
        result.map_err(|halt| {
            if let crate::elaborate::Halt::Diagnostic(diagnostic) = halt {
                self.show(&[*diagnostic]);
            }
            exit
        })
    }

    pub(super) fn passes(&mut self, name: Option<&str>, width: usize) -> std::result::Result<String, Exit> {
        let mut checked = self.checked(Then::Stop)?;
        let mut texts = vec![];
        for idx in wanted(&checked.stmts, name) {
            for func in self.traced(&mut checked, idx)? {
                texts.push(super::passes::side_by_side(&checked.checker, func, width));
            }
        }
        self.joined(&texts, name)
    }

    /// What is shown of several things; there is something.
    fn joined(&self, texts: &[String], name: Option<&str>) -> std::result::Result<String, Exit> {
        match (texts.is_empty(), name) {
            (true, Some(name)) => self.fail(&format!("the script binds no `{name}` that has IR")),
            (true, None) => self.fail("the script trains nothing; name a definition"),
            _ => Ok(texts.join("\n")),
        }
    }

    pub(super) fn ir(&mut self, name: Option<&str>, stage: StageOption) -> std::result::Result<String, Exit> {
        let mut checked = self.checked(Then::Stop)?;
        let wanted = wanted(&checked.stmts, name);
        let trainings: Vec<usize> =
            wanted.iter().copied().filter(|&idx| trained(&checked.stmts[idx]).is_some()).collect();
        let listed = if stage.is_compiled() { self.listings(&checked, &trainings) } else { Ok(vec![]) };
        let mut listed = match stage {
            StageOption::Clif => self.shown_as(listed, Exit::Failed)?,
            // The IR can be shown all the same.
            _ => listed.unwrap_or_default(),
        }
        .into_iter();
        let mut texts = vec![];
        for idx in wanted {
            let funcs = self.traced(&mut checked, idx)?;
            let modules = funcs.into_iter().map(|func| stage_module(&checked.checker, func, stage));
            let modules: Vec<(Module, FuncId)> = modules.collect();
            let listings: Vec<std::result::Result<Listing, String>> = if !stage.is_compiled() {
                vec![]
            } else if trainings.contains(&idx) {
                let own = listed.next().map(|own| own.into_iter().map(|one| one.map_err(|error| error.to_string())));
                own.map_or(vec![Err("without the data the script reads".into())], Iterator::collect)
            } else {
                let limit = self.shared.context().memory_limit;
                modules.iter().map(|(module, entry)| list_function(module, *entry, limit)).collect()
            };
            if stage == StageOption::Clif {
                for listing in listings {
                    match listing {
                        Ok(listing) => texts.push(listing.functions.join("\n")),
                        Err(why) => return self.fail(&format!("there is no code to show: {why}")),
                    }
                }
            } else {
                let frames = listings.iter().map(frame_text).chain(std::iter::repeat(String::new()));
                texts.extend(modules.iter().zip(frames).map(|((module, _), frame)| frame + &text::show(module)));
            }
        }
        self.joined(&texts, name)
    }

    /// What a statement has as functions of the IR: the loops of a training, or a definition.
    fn traced(&self, checked: &mut Checked, idx: usize) -> std::result::Result<Vec<FuncId>, Exit> {
        let Checked { stmts, checker, scope, .. } = checked;
        let stmt = &stmts[idx];
        if let Some(training) = trained(stmt) {
            checker.may_rebind = true;
            checker.loops = Some(vec![]);
            let result = checker.expr(training, scope);
            let loops = checker.loops.take().unwrap_or_default();
            self.shown(result)?;
            return Ok(loops);
        }
        let value = bound_name(stmt).and_then(|bound| scope.get(bound)).unwrap_or(Value::Unit);
        let traced = trace_definition(checker, &value, stmt.span);
        Ok(vec![self.shown(traced)?])
    }

    pub(super) fn derive(&mut self, name: &str, notation: NotationOption) -> std::result::Result<String, Exit> {
        self.derived(name, |checked, asked| derivation::written(&mut checked.checker, asked, notation, checked.nowhere))
    }

    /// Derives a definition, a net with the cost the script gives it. The name of a training stands for its net and what that
    /// is trained for: its cost or loss, its penalties, what it leaves as it is.
    fn derived<T>(
        &mut self,
        name: &str,
        derive: impl FnOnce(&mut Checked, &Asked) -> Result<T>,
    ) -> std::result::Result<T, Exit> {
        let mut checked = self.checked(Then::Stop)?;
        // What is asked for is the training of this name, else the first training or derivation of the net.
        let own = checked.stmts.iter().find_map(|stmt| Objective::named(stmt, name));
        let mut value = match own.as_ref().and_then(|own| own.net.as_ref()) {
            Some(net) => self.evaluated(&mut checked, net)?,
            None => self.meant(&mut checked, name)?,
        };
        value = net_in(value);
        let net = value.as_func().filter(|func| func.def_kind() == Some(DefKind::Net)).map(|net| net.name());
        let objective = own.or_else(|| Objective::of_net(&checked.stmts, &net?));
        // A net that was given no hyper-parameters has those of its training.
        if let (true, Some(net)) = (awaits_hyper(&value), objective.as_ref().and_then(|own| own.net.as_ref())) {
            value = net_in(self.evaluated(&mut checked, net)?);
        }
        self.lacks_no_hyper(&value, name)?;
        let mut asked = Asked::about(Given::at(value, checked.nowhere));
        if let Some(objective) = objective {
            let filled = objective.fill(&mut checked, &mut asked);
            self.shown(filled)?;
        }
        let derived = derive(&mut checked, &asked);
        self.shown(derived)
    }

    fn summary(&mut self, name: &str) -> std::result::Result<String, Exit> {
        let mut checked = self.checked(Then::Stop)?;
        let value = self.meant(&mut checked, name)?;
        self.lacks_no_hyper(&value, name)?;
        let text = super::summary::summary_text(&mut checked.checker, &value, checked.nowhere);
        self.shown(text)
    }

    /// What a name stands for, or an expression where a net needs hyper-parameters: `curve(16)`.
    fn meant(&self, checked: &mut Checked, name: &str) -> std::result::Result<Value, Exit> {
        if let Some(value) = checked.scope.get(name) {
            return Ok(value);
        }
        if !name.contains('(') {
            return self.fail(&format!("the script binds no `{name}`"));
        }
        let file = self.shared.sources.borrow_mut().add("<asked>", name);
        match parse_expr(file, name, 0..name.len()) {
            Ok(expr) => self.evaluated(checked, &expr),
            Err(diagnostics) => {
                self.show(&diagnostics);
                Err(Exit::Usage)
            }
        }
    }

    /// Fails if something needs hyper-parameters that nothing gives.
    fn lacks_no_hyper(&self, value: &Value, name: &str) -> std::result::Result<(), Exit> {
        let closure = value.as_func().and_then(|func| func.closure()).filter(|closure| closure.awaits_hyper());
        match closure.and_then(|closure| closure.next_list().iter().find(|param| param.default.is_none())) {
            Some(param) => {
                let param = &param.name.name;
                self.fail(&format!("`{name}` needs its hyper-parameter `{param}`: ask for \"{name}({param} = …)\""))
            }
            None => Ok(()),
        }
    }

    fn evaluated(&self, checked: &mut Checked, expr: &Expr) -> std::result::Result<Value, Exit> {
        let value = checked.checker.expr(expr, &checked.scope);
        self.shown(value)
    }

    pub(super) fn expand(&mut self, name: Option<&str>) -> std::result::Result<String, Exit> {
        let mut checked = self.checked(Then::Stop)?;
        let is_asked = |stmt: &Stmt| name.is_none_or(|name| bound_name(stmt).is_some_and(|bound| **bound == *name));
        let mut text = String::new();
        let mut taken: Vec<Name> =
            checked.stmts.iter().flat_map(bound_idents).map(|ident| ident.name.clone()).collect();
        let asked: Vec<&Stmt> = checked.stmts.iter().filter(|stmt| is_asked(stmt)).collect();
        for stmt in if name.is_some() { last(&asked) } else { &asked } {
            match trained(stmt).map(|expr| (&expr.kind, expr.span)) {
                Some((ExprKind::Train(training), span)) => {
                    let expanded = checked.checker.expansion(training, &checked.scope, span, &taken);
                    let (stmts, model) = self.shown(expanded)?;
                    taken.extend(stmts.iter().flat_map(bound_idents).map(|ident| ident.name.clone()));
                    text += &crate::syntax::print::stmts(&stmts);
                    // What follows goes on with the model.
                    if let Some(name) = bound_name(stmt) {
                        text += &format!("{name} = {{model: {model}}}\n");
                    }
                }
                _ => text += &crate::syntax::print::stmts(std::slice::from_ref(stmt)),
            }
        }
        Ok(text)
    }
}

/// The statements whose IR is asked for: that which binds a name, or all trainings.
fn wanted(stmts: &[Stmt], name: Option<&str>) -> Vec<usize> {
    let is_wanted = |stmt: &Stmt| {
        let is_named = bound_name(stmt).is_some_and(|bound| name.is_none_or(|name| name == &**bound));
        is_named && (name.is_some() || trained(stmt).is_some())
    };
    let wanted: Vec<usize> = (0..stmts.len()).filter(|&idx| is_wanted(&stmts[idx])).collect();
    if name.is_some() { last(&wanted).to_vec() } else { wanted }
}

/// The last alone: at a prompt a name may be bound again, and what it was is gone.
fn last<T>(items: &[T]) -> &[T] {
    &items[items.len().saturating_sub(1)..]
}

/// Whether something is a definition whose hyper-parameters have still to be given.
fn awaits_hyper(value: &Value) -> bool {
    value.as_func().and_then(|func| func.closure()).is_some_and(|closure| closure.awaits_hyper())
}

/// The name a statement binds.
pub(super) fn bound_name(stmt: &Stmt) -> Option<&Name> {
    match &stmt.kind {
        StmtKind::Bind { pattern: Pattern::Name(ident), .. } => Some(&ident.name),
        StmtKind::Def(def) => def.name.as_ref().map(|ident| &ident.name),
        _ => None,
    }
}

/// The `train` of a statement.
fn trained(stmt: &Stmt) -> Option<&Expr> {
    match &stmt.kind {
        StmtKind::Bind { value, .. } | StmtKind::Expr(value) if matches!(value.kind, ExprKind::Train(_)) => Some(value),
        _ => None,
    }
}

/// The net of a model, or of what has a model; everything else is what it is.
fn net_in(value: Value) -> Value {
    match &value {
        Value::Record(record) => match (&record.kind, record.get("model")) {
            (RecordKind::Model(net), _) => Value::Func(net.clone()),
            (_, Some(model)) => net_in(model.clone()),
            (_, None) => value,
        },
        _ => value,
    }
}

/// A definition as a function of the IR, on inputs of the stated types.
fn trace_definition(elaborator: &mut Elaborator, value: &Value, span: Span) -> Result<FuncId> {
    let Some(func) = value.as_func().filter(|func| func.closure().is_some()).cloned() else {
        bail!(E0305, span, "{} has no IR of its own; a definition or a training has", value.kind_text())
    };
    let model = match func.def_kind() {
        Some(DefKind::Net) => Some(elaborator.init_model(&func, TensorValue::int(0), span)?),
        Some(DefKind::Fn) => None,
        _ => bail!(E0305, span, "a {} has IR inside a net or a training", func.kind_text()),
    };
    let closure = func.closure().expect("looked up above").clone();
    let inputs = elaborator.any_inputs_scratch(&closure, span)?;
    let (leaves, structure) = flatten(&Value::tuple(inputs));
    let params: Vec<_> = leaves.iter().map(|leaf| (leaf.ty.clone(), None)).collect();
    let target = model.unwrap_or_else(|| value.clone());
    let traced = elaborator.trace_func(func.name(), &params, |elaborator, values| {
        let Value::Tuple(inputs) = unflatten(&structure, values) else { unreachable!("a tuple was flattened") };
        let result = elaborator.apply(&target, inputs.to_vec(), span)?;
        Ok(flatten(&result).0)
    })?;
    Ok(traced.func)
}

/// A function taken as far as a stage says, in a module of its own.
pub(super) fn stage_module(elaborator: &Elaborator, func: FuncId, stage: StageOption) -> (Module, FuncId) {
    let (mut module, entry) = elaborator.module.extract(func);
    match stage {
        StageOption::Lowered => return (module, entry),
        StageOption::Adjoint => grad::expand(&mut module, entry),
        StageOption::Optimised | StageOption::Clif => {
            grad::expand(&mut module, entry);
            rewrite::pipeline(&mut module, entry);
        }
    }
    module.extract(entry)
}
