//! `nabla run`: a session with a reporter on the standard streams.

use super::args::{Level, RunArguments};
use super::{interrupt, script, streams};
use crate::report::progress::ProgressForm;
use crate::report::{Form, Reporter, Verbosity};
use crate::session::options::Optimise;
use crate::session::{Exit, Options, Session};

/// Runs a script.
pub fn run(arguments: RunArguments) -> Exit {
    let script = match script::read(&arguments.file) {
        Ok(script) => script,
        Err(exit) => return exit,
    };
    let form = if arguments.json { Form::Json } else { Form::Text };
    let verbosity = match (arguments.quiet, arguments.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    };
    let progress = if arguments.quiet { ProgressForm::Silent } else { streams::progress_form() };
    let out = Box::new(streams::Out::stdout());
    let reporter = Reporter::new(out, Box::new(std::io::stderr()), form, progress, verbosity);
    let options = Options {
        engine: arguments.engine.into(),
        threads: arguments.threads.map(std::num::NonZeroUsize::get),
        memory: None,
        seed: arguments.seed,
        settings: arguments.settings,
        optimise: match arguments.optimise {
            Level::Least => Optimise::Least,
            Level::Full => Optimise::Full,
        },
        plots: arguments.plots,
        report: arguments.report,
        screen: if arguments.json { None } else { streams::screen() },
        colour: streams::colour(),
        interrupt: interrupt::listen(),
    };
    Session::new(options, reporter).run(&script)
}
