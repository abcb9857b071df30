//! What the elaborator asks of the world, answered: running graphs, modules, effects.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use super::library::Library;
use super::listing::{Listed, Looking};
use super::options::{Engine, Optimise, Options};
use super::trainings::Trainings;
use crate::elaborate::{
    Call, Elaborator, Failure, Given, Halt, Host, LoopOutcome, LoopPlan, Mode, ModulePath, Result, Scope, Search,
    SearchOutcome, Trained, Value,
};
use crate::exec::{self, Context, jit};
use crate::ir::op::Op;
use crate::ir::{FuncId, Module};
use crate::report::Reporter;
use crate::report::plot::Plots;
use crate::source::render::render;
use crate::source::{Diagnostic, Span};
use crate::syntax::ast::Stmt;
use crate::tensor::Tensor;
use crate::{grad, rewrite};

/// The most bytes one tensor may take where the system does not say how much memory there is.
const FALLBACK_MEMORY: usize = 8 << 30;

/// Whether a name may be bound twice at top level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rebinding {
    /// It is a mistake, as in a file.
    Refused,
    /// The later binding holds, as at a prompt.
    Allowed,
}

/// What all parts of a session use together.
#[derive(Clone)]
pub struct Shared {
    pub options: Rc<Options>,
    pub reporter: Rc<RefCell<Reporter>>,
    pub sources: super::Sources,
    pub library: Rc<Library>,
    /// Modules of the user that were read, by path.
    pub parsed: Rc<RefCell<HashMap<PathBuf, Rc<Vec<Stmt>>>>>,
    /// What evaluates the program by now.
    pub engine: Rc<Cell<Engine>>,
    /// Where the script is.
    pub folder: Rc<RefCell<PathBuf>>,
    /// Whether a name may be bound again at top level, as at a prompt.
    pub rebinding: Rebinding,
    pub plots: Rc<RefCell<Plots>>,
    /// The trainings that ended, if there will be a page about them.
    pub trainings: Rc<RefCell<Trainings>>,
    /// Why the last training ended.
    pub stopped: Rc<RefCell<String>>,
    /// Whether the user stopped a training.
    interrupted: Rc<Cell<bool>>,
    /// Whether it was said that nothing is compiled.
    uncompiled: Rc<Cell<bool>>,
    pool: Rc<OnceCell<Rc<jit::Pool>>>,
    /// Whether the script is only looked at.
    pub looking: Rc<Cell<Looking>>,
    /// The loops of the statement that is looked at.
    pub listed: Rc<RefCell<Listed>>,
    memory_limit: usize,
}

impl Shared {
    pub fn new(options: Options, reporter: Reporter, folder: PathBuf) -> Shared {
        let plots = Plots::new(options.plots.clone(), options.screen);
        let memory_limit = options.memory.or_else(physical_memory).unwrap_or(FALLBACK_MEMORY);
        let sources = super::Sources::default();
        Shared {
            library: Rc::new(Library::new(sources.clone())),
            engine: Rc::new(Cell::new(options.engine)),
            options: Rc::new(options),
            reporter: Rc::new(RefCell::new(reporter)),
            sources,
            parsed: Rc::default(),
            folder: Rc::new(RefCell::new(folder)),
            rebinding: Rebinding::Refused,
            plots: Rc::new(RefCell::new(plots)),
            trainings: Rc::default(),
            stopped: Rc::default(),
            interrupted: Rc::default(),
            uncompiled: Rc::default(),
            pool: Rc::default(),
            looking: Rc::default(),
            listed: Rc::default(),
            memory_limit,
        }
    }

    /// Shows what was found.
    pub fn show(&self, diagnostics: &[impl std::borrow::Borrow<Diagnostic>]) {
        for diagnostic in diagnostics {
            let text = render(diagnostic.borrow(), &self.sources.borrow(), self.options.colour);
            self.reporter.borrow_mut().diagnostic(&text);
        }
    }

    /// Where the script is, from where its paths start.
    pub fn folder(&self) -> PathBuf {
        self.folder.borrow().clone()
    }

    /// Whether the user stopped a training of this session.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted.get() || self.options.interrupt.is_raised()
    }

    /// The threads of the session.
    pub fn pool(&self) -> Rc<jit::Pool> {
        let n_threads = || {
            let of_machine = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
            self.options.threads.unwrap_or_else(of_machine)
        };
        self.pool.get_or_init(|| Rc::new(jit::Pool::new(n_threads()))).clone()
    }

    /// What a graph may use while it runs.
    pub fn context(&self) -> Context<'_> {
        Context { interrupt: self.options.interrupt.flag(), memory_limit: self.memory_limit }
    }

    /// Says once that the machine runs no compiled code.
    pub fn note_uncompiled(&self, error: &jit::Error) {
        if !self.uncompiled.replace(true) {
            self.reporter.borrow_mut().note(&format!("interpreted, as machine code cannot be made: {error}"));
        }
    }

    /// Notes that the user's wish to stop was met, so that the rest of the script runs.
    pub fn meet_interrupt(&self) {
        self.interrupted.set(true);
        self.options.interrupt.lower();
    }
}

/// The bytes of memory of the machine.
fn physical_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Answers an elaborator.
pub struct Runner {
    pub shared: Shared,
    pub mode: Mode,
    /// The modules of the user elaborated in this mode, by path.
    pub modules: RefCell<HashMap<PathBuf, Rc<Scope>>>,
    /// The folders of the modules being loaded.
    pub folders: RefCell<Vec<PathBuf>>,
    /// The modules being loaded.
    pub loading: RefCell<Vec<PathBuf>>,
}

impl Runner {
    pub fn new(shared: Shared, mode: Mode) -> Runner {
        Runner { shared, mode, modules: RefCell::default(), folders: RefCell::default(), loading: RefCell::default() }
    }

    /// Whether nothing is to be done, only checked.
    pub fn only_checks(&self) -> bool {
        self.mode == Mode::Check
    }
}

/// A function with everything expanded and rewritten, in a module of its own.
pub fn ready(module: &Module, func: FuncId, optimise: Optimise) -> (Module, FuncId) {
    let (mut module, entry) = module.extract(func);
    grad::expand(&mut module, entry);
    match optimise {
        Optimise::Least => rewrite::least(&mut module, entry),
        Optimise::Full => rewrite::pipeline(&mut module, entry),
    }
    (module, entry)
}

pub fn failure(failure: exec::Failure) -> Failure {
    Failure { fault: failure.fault, origin: failure.place.origin.clone() }
}

impl Runner {
    /// The results of compiled code; none if it is not worth it, or if something goes wrong, which the interpreter explains.
    fn run_compiled(&self, module: &Module, entry: FuncId, args: &[Tensor]) -> Option<Vec<Tensor>> {
        let all = match self.shared.engine.get() {
            Engine::Interp => return None,
            Engine::Jit => false,
            Engine::JitAll => true,
        };
        let sized = match jit::Sized::new(module, entry, args, self.shared.memory_limit) {
            Ok(sized) if all || sized.is_worth_compiling() => sized,
            _ => return None,
        };
        let began = Instant::now();
        match sized.compile() {
            Ok(mut program) => {
                let took = 1e3 * began.elapsed().as_secs_f64();
                let name = &module.func(entry).name;
                self.shared.reporter.borrow_mut().log(&format!("compiled {name} in {took:.1} ms"));
                program.run(args, self.shared.context().interrupt, &self.shared.pool()).ok()
            }
            Err(error) => {
                self.shared.note_uncompiled(&error);
                None
            }
        }
    }
}

impl Host for Runner {
    fn eval(&self, module: &Module, op: &Op, args: Vec<Tensor>) -> std::result::Result<Vec<Tensor>, Failure> {
        let funcs = op.funcs();
        let context = self.shared.context();
        if funcs.is_empty() {
            let faulty = |fault| Failure { fault, origin: crate::ir::Origin::default() };
            return exec::interp::eval_op(module, op, args, &[], &context).map_err(faulty);
        }
        // An op with functions is run as the only node of a program, once its transforms are expanded.
        let mut own = module.clone();
        let mut graph = crate::ir::Graph::default();
        let types = args.iter().map(crate::ir::Type::of);
        let ids: Vec<_> = types.map(|ty| graph.add_param(ty, None)).collect();
        let arg_types = graph.param_types();
        let results = op.rule().infer(&arg_types, &own).expect("the elaborator inferred the same");
        let node = graph.add_node(op.clone(), ids, results, crate::ir::Origin::default());
        let results = graph.node(node).results.clone();
        graph.set_results(results);
        let entry = own.add_internal("expression", graph);
        self.run(&own, entry, args)
    }

    fn run(&self, module: &Module, func: FuncId, args: Vec<Tensor>) -> std::result::Result<Vec<Tensor>, Failure> {
        let (module, entry) = ready(module, func, self.shared.options.optimise);
        if let Some(results) = self.run_compiled(&module, entry, &args) {
            return Ok(results);
        }
        exec::interp::run(&module, entry, args, &self.shared.context()).map_err(failure)
    }

    fn effect(&self, elaborator: &mut Elaborator, call: Call) -> Result<Value> {
        self.do_effect(elaborator, call)
    }

    fn effect_with(
        &self,
        elaborator: &mut Elaborator,
        name: &'static str,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Value> {
        self.do_effect_with(elaborator, name, given, span)
    }

    fn run_loop(&self, elaborator: &mut Elaborator, plan: &LoopPlan) -> Result<LoopOutcome> {
        self.drive(elaborator, plan)
    }

    fn search(&self, elaborator: &mut Elaborator, search: &Search) -> Result<SearchOutcome> {
        self.run_search(elaborator, search)
    }

    fn trained(&self, elaborator: &mut Elaborator, trained: Trained) {
        if self.shared.options.report.is_some() && self.shared.looking.get() == Looking::No {
            self.shared.trainings.borrow_mut().keep(elaborator, trained);
        }
    }

    fn poll(&self) -> Result<()> {
        if self.shared.options.interrupt.is_raised() { Err(Halt::Interrupted) } else { Ok(()) }
    }

    fn stopped(&self) -> Option<String> {
        (!self.only_checks()).then(|| self.shared.stopped.borrow().clone())
    }

    fn is_library(&self, span: Span) -> bool {
        self.shared.sources.borrow().file(span.file).name.starts_with("std/")
    }

    fn use_for(&self, name: &str) -> Option<String> {
        super::library::use_for(name)
    }

    fn module(&self, elaborator: &mut Elaborator, path: &ModulePath, span: Span) -> Result<Rc<Scope>> {
        self.load_module(elaborator, path, span)
    }
}
