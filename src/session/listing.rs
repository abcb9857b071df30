//! What the trainings of a script are compiled to. Compiled code is made for numbers, so the script is gone through up to
//! the training, without what it would print, plot or save, and with one turn of the trainings before it.

use std::ops::Range;

use super::host::Runner;
use super::{Checked, Work, precision};
use crate::elaborate::{Halt, LoopPlan, Mode, Result};
use crate::exec::jit::{self, Listing};
use crate::ir::{Dim, FuncId, Module, Type};
use crate::report::number::thousands;
use crate::report::progress::ProgressForm;
use crate::report::{Form, Reporter, Verbosity};
use crate::syntax::ast::{ExprKind, Stmt, StmtKind};
use crate::tensor::Tensor;

/// Whether the script is run or looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Looking {
    /// It is run.
    #[default]
    No,
    /// It is gone through up to what is looked at.
    Before,
    /// Loops of this statement are listed, and others follow that are.
    At,
    /// The same, and nothing that follows is of interest.
    Last,
}

/// What became of a statement: the listings of its loops.
pub type Listed = Vec<std::result::Result<Listing, jit::Error>>;

impl Runner {
    /// Lists a loop if it is looked at; gives how many of its turns are to be run.
    pub fn list_loop(&self, module: &Module, entry: FuncId, plan: &LoopPlan, given: [&[Tensor]; 3]) -> Result<usize> {
        let looking = self.shared.looking.get();
        if matches!(looking, Looking::At | Looking::Last) {
            let listing = Listing::of_loop(module, entry, plan.count, given, self.shared.context().memory_limit);
            self.shared.listed.borrow_mut().push(listing);
        }
        match looking {
            Looking::Last => Err(Halt::Reported),
            // The sizes of a trained model are those of a new one.
            Looking::Before | Looking::At if plan.traced.emitted.is_some() => Ok(plan.count.min(1)),
            _ => Ok(plan.count),
        }
    }
}

impl Work<'_> {
    /// Goes through the script for what these of its statements are compiled to, each by its index.
    pub(super) fn listings(&mut self, checked: &Checked, wanted: &[usize]) -> Result<Vec<Listed>> {
        let sink = || Box::new(std::io::sink());
        let silent = Reporter::new(sink(), sink(), Form::Text, ProgressForm::Silent, Verbosity::Quiet);
        let reporter = self.shared.reporter.replace(silent);
        let listed = self.listings_in_silence(checked, wanted);
        self.shared.looking.set(Looking::No);
        self.shared.reporter.replace(reporter);
        listed
    }

    fn listings_in_silence(&mut self, checked: &Checked, wanted: &[usize]) -> Result<Vec<Listed>> {
        let mut elaborator = self.elaborator(Mode::Run, checked.nowhere);
        elaborator.real = precision(&checked.stmts);
        let scope = self.global_scope(elaborator.real);
        let mut found = vec![];
        let last = wanted.last().map_or(0, |&last| last + 1);
        for (idx, stmt) in checked.stmts[..last].iter().enumerate() {
            let is_wanted = wanted.contains(&idx);
            self.shared.looking.set(match (is_wanted, idx + 1 == last) {
                (true, true) => Looking::Last,
                (true, false) => Looking::At,
                (false, _) => Looking::Before,
            });
            if !is_wanted && !binds(stmt) {
                continue;
            }
            let done = elaborator.whole_stmt(stmt, &scope);
            let listed = self.shared.listed.take();
            match done {
                Err(Halt::Reported) if !listed.is_empty() => {}
                done => _ = done?,
            }
            if is_wanted {
                found.push(listed);
            }
        }
        Ok(found)
    }
}

/// Whether what follows may need what a statement does; what it tells the world is not needed.
fn binds(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Print(_) => false,
        StmtKind::Expr(expr) => matches!(expr.kind, ExprKind::If { .. }),
        _ => true,
    }
}

/// What a definition is compiled to; an error says which sizes have no numbers.
pub fn list_function(module: &Module, func: FuncId, memory_limit: usize) -> std::result::Result<Listing, String> {
    let types = module.graph(func).param_types();
    let mut open: Vec<String> = vec![];
    for dim in types.iter().flat_map(|ty| &ty.shape).filter(|dim| dim.known().is_none()) {
        for name in dim.symbols().iter().map(|symbol| symbol.name().to_string()) {
            if !open.contains(&name) {
                open.push(name);
            }
        }
    }
    if !open.is_empty() {
        return Err(format!("these sizes are open: {}", open.join(", ")));
    }
    let number = |dim: &Dim| Dim::constant(dim.known().expect("looked at above"));
    let types: Vec<Type> = types.iter().map(|ty| ty.with_shape(ty.shape.iter().map(number).collect())).collect();
    Listing::of_function(module, func, &types, memory_limit).map_err(|error| error.to_string())
}

/// A comment on the memory that something takes when it runs.
pub fn frame_text(listing: &std::result::Result<Listing, String>) -> String {
    let listing = match listing {
        Ok(listing) => listing,
        Err(why) => return format!("; frame: not known, {why}\n"),
    };
    let bytes = |bytes: usize| format!("{} bytes", thousands(bytes as u128));
    let of_turns = |(turns, frame): &(Range<usize>, usize)| match turns.len() {
        1 => format!("{} in turn {}", bytes(*frame), turns.start),
        _ => format!("{} in turns {} to {}", bytes(*frame), turns.start, turns.end - 1),
    };
    match &listing.frames[..] {
        [(_, frame)] => format!("; frame: {}\n", bytes(*frame)),
        frames => format!("; frame: {}\n", frames.iter().map(of_turns).collect::<Vec<_>>().join(", ")),
    }
}
