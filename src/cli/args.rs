//! The arguments, declared once: parser, help and completions are derived from this.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::session::Engine;
use crate::session::options::Setting;

/// Nabla: a small, declarative language for neural networks.
#[derive(Parser, Debug)]
#[command(name = "nabla", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One thing to do. FILE may be `-` for the standard input.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a script
    Run(RunArguments),
    /// Answer statements and commands as they are typed
    Repl {
        /// What evaluates the program
        #[arg(long, value_enum, default_value_t = EngineArgument::Jit)]
        engine: EngineArgument,
    },
    /// Check scripts without running them
    Check {
        /// The scripts; `-` is the standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the program as tensor operations: all stages side by side and what each pass did, or one stage
    Ir {
        /// The script; `-` is the standard input
        file: PathBuf,
        /// The function, net or training; all if left out
        name: Option<String>,
        /// One stage alone: how far the program is taken
        #[arg(long, value_enum)]
        stage: Option<StageArgument>,
    },
    /// Print the equations of back propagation of a function or net
    Derive {
        /// The script; `-` is the standard input
        file: PathBuf,
        /// The function or net
        name: String,
        /// As LaTeX instead of text
        #[arg(long)]
        latex: bool,
        /// As a whole LaTeX document
        #[arg(long)]
        document: bool,
    },
    /// Format scripts in place
    Fmt {
        /// Change nothing; list the files that are not formatted and exit with 1 if there are any
        #[arg(long)]
        check: bool,
        /// The scripts; `-` formats the standard input to the standard output
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the page on a code of a diagnostic, or list all codes
    Explain {
        /// The code, as `E0301`
        code: Option<String>,
    },
    /// Print the layers of a net with their shapes and numbers of parameters
    Summary {
        /// The script; `-` is the standard input
        file: PathBuf,
        /// The net
        name: String,
    },
    /// Print a script with every `train` written out as the loop it stands for
    Expand {
        /// The script; `-` is the standard input
        file: PathBuf,
    },
}

/// The arguments of `nabla run`.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// The script; `-` is the standard input
    pub file: PathBuf,
    /// What evaluates the program
    #[arg(long, value_enum, default_value_t = EngineArgument::Jit)]
    pub engine: EngineArgument,
    /// How many threads may be used [default: one a processor]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// The seed, in place of the script's
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Bind a top-level name to another value; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<Setting>,
    /// Print events, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Show no progress and no remarks
    #[arg(long, short)]
    pub quiet: bool,
    /// Write plots to this folder, each as SVG, PNG and CSV
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Write a page about the run to this file: script, summaries, curves, metrics, derivations
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Say what is done and how long it takes
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// How much the program is rewritten before it is evaluated; 0 is least
    #[arg(short = 'O', value_name = "LEVEL", value_enum, default_value_t = Level::Full)]
    pub optimise: Level,
}

/// The values of `--engine`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineArgument {
    /// The interpreter
    Interp,
    /// Machine code
    Jit,
}

impl From<EngineArgument> for Engine {
    fn from(engine: EngineArgument) -> Engine {
        match engine {
            EngineArgument::Interp => Engine::Interp,
            EngineArgument::Jit => Engine::Jit,
        }
    }
}

/// The values of `--stage`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageArgument {
    /// As the script says it
    Lowered,
    /// With derivatives expanded
    Adjoint,
    /// As it is evaluated, with the memory it takes where sizes are known; reads the data of the script
    Optimised,
    /// As machine-independent code of cranelift, for the sizes of the data
    Clif,
}

/// The values of `-O`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Only what keeps numbers stable
    #[value(name = "0")]
    Least,
    /// All passes
    #[value(name = "1")]
    Full,
}

/// Reads `name=value`. The value is not looked at: it is an expression, and the session says what is wrong with it.
fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("a name and a value are needed: `--set epochs=3`")?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    match (is_name, value) {
        (false, _) => Err(format!("`{name}` is not a name of the script's top level")),
        (true, "") => Err(format!("`{name}` has no value")),
        (true, value) => Ok(Setting { name: name.to_string(), value: value.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &str) -> Result<RunArguments, String> {
        let words = ["nabla", "run"].into_iter().chain(arguments.split_whitespace());
        match Arguments::try_parse_from(words) {
            Ok(Arguments { command: Command::Run(run) }) => Ok(run),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_declaration_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn options_of_a_run_are_read() {
        let options = run(
            "f.nn --engine interp --threads 2 --seed 7 --set epochs=3 --set lr=[1,2] --json --quiet --plots out -O0",
        )
        .unwrap();
        assert_eq!(
            (options.threads.map(NonZeroUsize::get), options.seed, options.optimise),
            (Some(2), Some(7), Level::Least)
        );
        let settings: Vec<(&str, &str)> =
            options.settings.iter().map(|s| (s.name.as_str(), s.value.as_str())).collect();
        assert_eq!(settings, [("epochs", "3"), ("lr", "[1,2]")]);
        assert!(options.json && options.quiet);
        assert_eq!(run("-").unwrap().file, PathBuf::from("-"));
    }

    #[test]
    fn impossible_options_are_refused() {
        for (arguments, what) in [
            ("f.nn --threads 0", "threads"),
            ("f.nn --seed -1", "seed"),
            ("f.nn --set epochs", "a name and a value are needed"),
            ("f.nn --set epochs=", "has no value"),
            ("f.nn --set 3=4", "is not a name"),
            ("f.nn --quiet -v", "cannot be used with"),
            ("f.nn -O7", "possible values: 0, 1"),
            ("", "<FILE>"),
        ] {
            let error = run(arguments).unwrap_err();
            assert!(error.contains(what), "{arguments}: {error}");
        }
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_a_greek_name() {
        let setting = setting("θ = a == b").unwrap();
        assert_eq!((setting.name.as_str(), setting.value.as_str()), ("θ", "a == b"));
    }
}
