//! The command line: arguments in, a session's work, an exit code out.

mod args;
mod explain;
mod fmt;
mod interrupt;
mod repl;
mod run;
mod script;
mod show;
mod streams;
mod width;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

use crate::session::Notation;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version come as errors too; only real mistakes have exit code 2.
        Err(error) => {
            drop(error.print());
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let exit = match arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Repl { engine } => repl::repl(engine),
        Command::Check { files } => show::check(&files),
        Command::Ir { file, name, stage } => show::ir(&file, name.as_deref(), stage),
        Command::Derive { file, name, latex, document } => {
            let notation = match (latex, document) {
                (_, true) => Notation::Document,
                (true, false) => Notation::Latex,
                (false, false) => Notation::Text,
            };
            show::derive(&file, &name, notation)
        }
        Command::Fmt { check, files } => fmt::fmt(&files, if check { fmt::Mode::Check } else { fmt::Mode::Write }),
        Command::Explain { code } => explain::explain(code.as_deref()),
        Command::Summary { file, name } => show::summary(&file, &name),
        Command::Expand { file } => show::expand(&file),
    };
    ExitCode::from(exit.code())
}
