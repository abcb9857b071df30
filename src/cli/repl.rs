//! `nabla repl`: a session at a prompt, on the standard streams.

use std::io::IsTerminal;

use super::args::EngineArgument;
use super::{interrupt, streams};
use crate::repl::{self, Input};
use crate::report::progress::ProgressForm;
use crate::report::{Form, Reporter, Verbosity};
use crate::session::{Exit, Options, Session};
use crate::source::render::Colour;

/// Answers what is typed.
pub fn repl(engine: EngineArgument) -> Exit {
    let is_typed = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // Values are in the standard output, diagnostics beside it: both are coloured or none.
    let colour = if std::io::stdout().is_terminal() { streams::colour() } else { Colour::Off };
    let progress = if is_typed { streams::progress_form() } else { ProgressForm::Lines };
    let (out, err) = (Box::new(streams::Out::stdout()), Box::new(std::io::stderr()));
    let reporter = Reporter::new(out, err, Form::Text, progress, Verbosity::Normal);
    let options = Options {
        engine: engine.into(),
        colour,
        screen: streams::screen(),
        interrupt: interrupt::listen_for_long(),
        ..Options::default()
    };
    let input = if is_typed { Input::Terminal(colour) } else { Input::Pipe };
    repl::run(Session::new(options, reporter), input)
}
