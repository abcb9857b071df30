//! The commands that look at a script without running it: `check`, `ir`, `derive`, `summary` and `expand`.

use std::path::{Path, PathBuf};

use super::args::StageArgument;
use super::script;
use super::streams::{self, Out};
use super::width;
use crate::report::progress::ProgressForm;
use crate::report::{Form, Reporter, Verbosity};
use crate::session::{Exit, Notation, Options, Script, Session, Stage};

/// Checks each script; the worst exit counts.
pub fn check(files: &[PathBuf]) -> Exit {
    let mut worst = Exit::Done;
    for file in files {
        let exit = match script::read(file) {
            Ok(script) => session().check(&script),
            Err(exit) => exit,
        };
        if exit.code() > worst.code() {
            worst = exit;
        }
    }
    worst
}

/// Prints the IR of one definition, or of all trainings: one stage, or all side by side.
pub fn ir(file: &Path, name: Option<&str>, stage: Option<StageArgument>) -> Exit {
    let Some(stage) = stage else {
        return print(file, |session, script| session.passes(script, name, width::columns()));
    };
    let stage = match stage {
        StageArgument::Lowered => Stage::Lowered,
        StageArgument::Adjoint => Stage::Adjoint,
        StageArgument::Optimised => Stage::Optimised,
        StageArgument::Clif => Stage::Clif,
    };
    print(file, |session, script| session.ir(script, name, stage))
}

/// Prints the equations of back propagation of one definition.
pub fn derive(file: &Path, name: &str, notation: Notation) -> Exit {
    print(file, |session, script| session.derive(script, name, notation))
}

/// Prints the layers of a net.
pub fn summary(file: &Path, name: &str) -> Exit {
    print(file, |session, script| session.summary(script, name))
}

/// Prints a script with its trainings written out.
pub fn expand(file: &Path) -> Exit {
    print(file, |session, script| session.expand(script))
}

/// Prints what `text_of` makes of a script; diagnostics were reported where it fails.
fn print(file: &Path, text_of: impl FnOnce(Session, &Script) -> Result<String, Exit>) -> Exit {
    match script::read(file).and_then(|script| text_of(session(), &script)) {
        Ok(text) => {
            Out::stdout().line(text.trim_end_matches('\n'));
            Exit::Done
        }
        Err(exit) => exit,
    }
}

/// A session that says nothing but diagnostics.
fn session() -> Session {
    let (out, err) = (Box::new(Out::stdout()), Box::new(std::io::stderr()));
    let reporter = Reporter::new(out, err, Form::Text, ProgressForm::Silent, Verbosity::Quiet);
    Session::new(Options { colour: streams::colour(), ..Options::default() }, reporter)
}
