//! What a user can ask of a session besides the script, and how a session can end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::plot::Screen;
use crate::source::render::Colour;

/// What evaluates the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Engine {
    /// The interpreter, which defines the semantics.
    Interp,
    /// Machine code, for loops and for whatever takes longer to run than to compile; the interpreter for the rest.
    #[default]
    Jit,
    /// Machine code for everything, to compare the two.
    JitAll,
}

/// How much the program is rewritten before it is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Optimise {
    /// Only what keeps numbers stable.
    Least,
    /// All passes.
    #[default]
    Full,
}

/// How far a program is taken before it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// As the script says it, with derivatives still to be taken.
    Lowered,
    /// With derivatives expanded.
    Adjoint,
    /// As it is evaluated.
    Optimised,
    /// As the code that is made of it.
    Clif,
}

impl Stage {
    /// Whether what is shown needs numbers for sizes.
    pub fn is_compiled(self) -> bool {
        matches!(self, Stage::Optimised | Stage::Clif)
    }
}

/// How a derivation is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Notation {
    /// Unicode text.
    #[default]
    Text,
    /// LaTeX to be included in a document.
    Latex,
    /// A whole LaTeX document.
    Document,
}

/// Settings of a session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What evaluates the program.
    pub engine: Engine,
    /// How many threads may be used; as many as there are processors if not said.
    pub threads: Option<usize>,
    /// The bytes of memory to do with; those of the machine if not said.
    pub memory: Option<usize>,
    /// The seed, before every `seed` in the script.
    pub seed: Option<u64>,
    /// Top-level names and the expressions to bind them to in place of the script's.
    pub settings: Vec<Setting>,
    /// How much is rewritten.
    pub optimise: Optimise,
    /// Where plots are written; nowhere if not said.
    pub plots: Option<PathBuf>,
    /// The page that is written about the run; none if not said.
    pub report: Option<PathBuf>,
    /// The terminal on which plots are drawn that are not written.
    pub screen: Option<Screen>,
    /// Whether diagnostics are coloured.
    pub colour: Colour,
    /// Set when the user wants the training to stop after its step.
    pub interrupt: Interrupt,
}

/// One `--set name=value`; the value is an expression of the language, checked by the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The name.
    pub name: String,
    /// The text of the expression.
    pub value: String,
}

/// A flag another thread raises to stop a training after its step. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Raises the flag and says whether it had been raised before.
    pub fn raise(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Takes the wish back: it was met.
    pub fn lower(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// The flag itself, for those who look at it in every step.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether the training is to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a session ended; the program's exit code says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// A mistake showed while running: a file is missing, an index is outside its axis.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The script is wrong; nothing was run.
    Script,
    /// A cost became infinite or not a number.
    Diverged,
    /// The user stopped it; what came after the stopped training was still done.
    Interrupted,
}

impl Exit {
    /// The exit code of the program.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Script => 3,
            Exit::Diverged => 4,
            Exit::Interrupted => 130,
        }
    }
}
