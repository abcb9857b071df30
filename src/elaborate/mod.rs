//! From syntax tree to IR: names, types and symbolic shapes are checked while the IR is built.
//!
//! Elaboration is an abstract evaluation of the script. Whatever is known when it runs (structure, ranks, sizes as
//! polynomials, functions, strings, literals) is computed here; whatever is not becomes a node of a graph. There is one
//! definition of what a script means, used in two modes:
//!
//! - [`Mode::Check`]: the whole file with data unknown. Sizes of files are symbols, tensors are values of a scratch graph.
//!   Every mistake in types, names and shapes is found here, before anything runs.
//! - [`Mode::Run`]: statement by statement with what came before known. Top-level operations are evaluated at once through
//!   the [`Host`]; functions that are differentiated, mapped, looped or trained are traced into a graph first.
//!
//! Every call is inlined. Functions become functions of the IR only where something needs them whole: derivatives, `map`,
//! loops, branches chosen at run time, and definitions with an `adjoint` of their own.

mod any;
mod arguments;
mod branch;
pub mod builtin;
mod call;
mod called;
mod chain;
mod choice;
mod control;
mod define;
mod diagram;
mod diff;
mod draws;
mod expansion;
mod expr;
pub mod freeze;
pub mod function;
mod import;
mod index;
mod jacobian;
mod keys;
mod list;
mod mentions;
mod method;
mod misfit;
mod net;
mod numeric;
mod optimizer;
mod owned;
mod parameters;
mod paths;
mod purity;
mod repair;
mod resolve;
pub mod scope;
mod search;
mod seen;
mod signature;
mod stmt;
mod top_loop;
mod trace;
mod train;
mod trained;
pub mod tree;
mod unknown;
pub mod value;
mod whole;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::ir::op::Fault;
use crate::ir::{FuncId, Module, Op, Origin, ValueId};
use crate::source::{Diagnostic, Span};
use crate::syntax::ast::{Block, Ident, Name};
use crate::tensor::{DType, Tensor};

pub use any::row_types;
pub use builtin::{Builtin, Call};
pub use call::Given;
pub use control::TracedLoop;
pub use diagram::{StepBox, Steps};
pub use expr::list_names;
pub use function::Function;
pub use keys::{EXPANSION_KEYS, SaveRule};
pub use net::{NetRun, Phase};
pub use scope::{BindKind, Scope, ScopeKind};
pub use search::{Pick, SEARCH_KEYS, Scores, Search, SearchOutcome, Stage, Unit};
pub use top_loop::{LoopOutcome, LoopPlan};
pub use trace::Trace;
pub use train::{TrainingHooks, penalty};
pub use trained::Trained;
pub use value::{Record, RecordKind, Repr, TensorValue, Training, Value};

/// Why elaboration of a statement stopped.
#[derive(Debug)]
pub enum Halt {
    /// A mistake, to be shown.
    Diagnostic(Box<Diagnostic>),
    /// It uses something whose mistake has been reported.
    Reported,
    /// The user asked to stop.
    Interrupted,
}

impl From<Box<Diagnostic>> for Halt {
    fn from(diagnostic: Box<Diagnostic>) -> Halt {
        Halt::Diagnostic(diagnostic)
    }
}

/// A result whose error ends the statement.
pub type Result<T> = std::result::Result<T, Halt>;

/// What is known while elaborating.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The whole file, nothing run.
    Check,
    /// Statement by statement, everything before known.
    Run,
}

/// What went wrong while a graph ran.
#[derive(Debug)]
pub struct Failure {
    /// What it was.
    pub fault: Fault,
    /// Where the operation comes from.
    pub origin: Origin,
}

/// What elaboration asks of the world: running graphs, and the effects of top-level statements.
pub trait Host {
    /// Evaluates one op on tensors, in [`Mode::Run`].
    fn eval(&self, module: &Module, op: &Op, args: Vec<Tensor>) -> std::result::Result<Vec<Tensor>, Failure>;

    /// Runs a function whose transforms are not yet expanded.
    fn run(&self, module: &Module, func: FuncId, args: Vec<Tensor>) -> std::result::Result<Vec<Tensor>, Failure>;

    /// Does what an effect is for, or says what its value will be when only checking.
    fn effect(&self, elaborator: &mut Elaborator, call: Call) -> Result<Value>;

    /// The same for an effect that takes arguments of any names.
    fn effect_with(
        &self,
        elaborator: &mut Elaborator,
        name: &'static str,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Value>;

    /// Runs a loop whose turns are all alike, reporting what each emits.
    fn run_loop(&self, elaborator: &mut Elaborator, plan: &LoopPlan) -> Result<LoopOutcome>;

    /// Runs the trials of a search.
    fn search(&self, elaborator: &mut Elaborator, search: &Search) -> Result<SearchOutcome>;

    /// Is told of a training or search that ended.
    fn trained(&self, elaborator: &mut Elaborator, trained: Trained);

    /// Ends the script if the user asked for it.
    fn poll(&self) -> Result<()>;

    /// Why the last training ended: `epochs`, `early` or `interrupted`; none while checking.
    fn stopped(&self) -> Option<String>;

    /// Whether a place lies in the standard library, which is not the user's text.
    fn is_library(&self, span: Span) -> bool;

    /// How a public name of the standard library that is not there without a `use` is brought in.
    fn use_for(&self, name: &str) -> Option<String>;

    /// The definitions of a module: a file relative to the importing one, or a module of the standard library.
    fn module(&self, elaborator: &mut Elaborator, path: &ModulePath, span: Span) -> Result<Rc<Scope>>;
}

/// How a module is named in `use`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ModulePath {
    /// A file, relative to the file that names it.
    File(Name),
    /// A module of the standard library: `data`.
    Std(Name),
}

/// The state of an elaboration.
pub struct Elaborator {
    /// The functions built so far.
    pub module: Module,
    /// What is known.
    pub mode: Mode,
    /// What `real` is for tensors.
    pub real: DType,
    /// The seed of the next draw outside nets.
    pub seed: TensorValue,
    /// The names the file binds, some of them further down.
    pub file_names: Vec<Ident>,
    /// Mistakes found so far, in the order they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// Keep calls of named functions as calls, so that `derive` can name them.
    pub keep_calls: bool,
    /// Whether a function is being called, and not a layer: names in it are none of the page that `derive` writes.
    in_function: bool,
    /// Whether a name may be bound again in one scope, as in the REPL.
    pub may_rebind: bool,
    /// Whether the seed was given from outside and stays.
    pub seed_is_fixed: bool,
    /// What the host must know of the training whose loop runs next.
    pub training: Option<TrainingHooks>,
    /// Whether the loop being traced may emit rows.
    emits_allowed: bool,
    /// The row emitted last at top level.
    last_row: Option<Vec<(Name, Value)>>,
    /// What the last loop at top level emitted: structure, rows, seconds.
    last_loop: Option<top_loop::LoopRows>,
    /// The turns of the loops the host goes through.
    host_turns: Vec<i64>,
    /// What the loops that run turn by turn are at: the names they bind and their values.
    turn_values: Vec<(Name, Value)>,
    /// The name that the current statement binds.
    binding: Option<Name>,
    /// The level at which a loss is evaluated, and the states of its model by now.
    moved_states: Option<(usize, Value)>,
    optimizer: Option<optimizer::OptimizerRun>,
    /// The tensors the statement of now at top level starts from: the parameters of its graph.
    statement_args: Vec<Tensor>,
    /// What was computed of the statement of now at top level.
    settled: HashMap<ValueId, Tensor>,
    /// The values of the file that `derive` met by name.
    globals: Vec<(Name, TensorValue)>,
    /// The loops traced while checking, for those who want to see their IR.
    pub loops: Option<Vec<FuncId>>,
    /// The layers of the net applied last: path and type of the result.
    layers: Vec<(String, String)>,
    /// What is noted of the net whose steps are asked for.
    watch: Option<diagram::Watch>,
    host: Rc<dyn Host>,
    traces: Vec<Trace>,
    /// The nets being applied, innermost last.
    nets: Vec<NetRun>,
    /// The named definitions being called, innermost last.
    calls: Vec<*const Block>,
    /// Where the draws of the current statement count from.
    draws: draws::DrawPath,
    /// The sizes along pipes of several steps, by where the pipe or the name bound to it stands.
    chains: HashMap<Span, String>,
    /// The operation being elaborated.
    at: Span,
    via: Option<Arc<Origin>>,
}

impl Elaborator {
    /// A new elaboration.
    pub fn new(mode: Mode, host: Rc<dyn Host>, nowhere: Span) -> Elaborator {
        Elaborator {
            module: Module::default(),
            mode,
            real: DType::F64,
            seed: TensorValue::int(0),
            file_names: vec![],
            diagnostics: vec![],
            keep_calls: false,
            in_function: false,
            may_rebind: false,
            seed_is_fixed: false,
            training: None,
            emits_allowed: false,
            last_row: None,
            last_loop: None,
            host_turns: vec![],
            turn_values: vec![],
            binding: None,
            moved_states: None,
            optimizer: None,
            statement_args: vec![],
            settled: HashMap::new(),
            globals: vec![],
            loops: None,
            layers: vec![],
            watch: None,
            host,
            traces: vec![Trace::default()],
            nets: vec![],
            calls: vec![],
            draws: draws::DrawPath::default(),
            chains: HashMap::new(),
            at: nowhere,
            via: None,
        }
    }

    /// Asks the host, which may use the elaborator itself.
    pub fn with_host<T>(&mut self, act: impl FnOnce(&dyn Host, &mut Elaborator) -> T) -> T {
        let host = self.host.clone();
        act(&*host, self)
    }

    /// Whether the operations of now are evaluated at once.
    pub fn is_eager(&self) -> bool {
        self.mode == Mode::Run && self.traces.len() == 1
    }

    /// Whether a statement of the file itself runs, not the body of something it calls.
    pub fn is_top_level(&self) -> bool {
        self.is_eager() && self.calls.is_empty() && self.nets.is_empty()
    }

    /// Where the operation of now comes from.
    pub fn origin(&self) -> Origin {
        let path = self.nets.last().and_then(NetRun::path_text);
        Origin { span: Some(self.at), path, via: self.via.clone() }
    }

    /// The diagnostic for a failure at run time.
    pub fn failure(&self, failure: Failure) -> Halt {
        use crate::diagnostic;
        let mut spans = failure.origin.chain();
        let at = if spans.is_empty() { self.at } else { spans.remove(0) };
        let mut diagnostic = match failure.fault {
            Fault::Index { index, size } => {
                diagnostic!(E0505, at, "index {} is outside an axis of {} positions", index, size)
            }
            Fault::Matrix(what) => diagnostic!(E0506, at, "{}", what),
            Fault::Size(what) => diagnostic!(E0507, at, "{}", what),
            Fault::TooLarge(what) => diagnostic!(E0314, at, "{}", what),
            Fault::Interrupted => return Halt::Interrupted,
        };
        if matches!(diagnostic.code, crate::source::Code::E0506) {
            *diagnostic = diagnostic
                .with_help("a small number on the diagonal helps where rounding is to blame: `A + 1e-8 * eye(n)`");
        }
        spans.dedup();
        for span in spans.into_iter().filter(|&span| span != at).take(3) {
            *diagnostic = diagnostic.with_label(span, "reached from here");
        }
        Halt::Diagnostic(diagnostic)
    }
}
