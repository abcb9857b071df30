//! The standard streams, as a well-behaved program of a shell pipeline uses them.

use std::io::{ErrorKind, IsTerminal, Write};

use anstream::ColorChoice;

use super::width;
use crate::report::figure::terminal::Ink;
use crate::report::plot::Screen;
use crate::report::progress::ProgressForm;
use crate::session::Exit;
use crate::source::Code;
use crate::source::render::Colour;

/// The standard output. Where the reader has closed the pipe (`nabla run f.nn | head`) the program ends at once and
/// silently, as done; where it cannot be written for another reason, a full disk say, the program says so and fails.
pub struct Out(std::io::Stdout);

impl Out {
    /// The standard output of this process.
    pub fn stdout() -> Out {
        Out(std::io::stdout())
    }

    /// Writes one line.
    pub fn line(&mut self, text: &str) {
        // `write` below does not return where writing is not possible.
        drop(writeln!(self, "{text}"));
    }

    /// Writes text as it is.
    pub fn text(&mut self, text: &str) {
        drop(self.write_all(text.as_bytes()));
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).or_else(|error| end(&error))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().or_else(|error| end(&error))
    }
}

/// Ends the program because nothing can be written, unless the write was only interrupted.
fn end<T>(error: &std::io::Error) -> std::io::Result<T> {
    match error.kind() {
        ErrorKind::Interrupted => Err(ErrorKind::Interrupted.into()),
        ErrorKind::BrokenPipe => std::process::exit(Exit::Done.code().into()),
        _ => {
            complain(&format!("the standard output cannot be written: {error}"));
            std::process::exit(Exit::Failed.code().into());
        }
    }
}

/// Says what is wrong with what was asked for, on the standard error.
pub fn complain(message: &str) {
    // The only place left to say that this failed is the one that failed.
    drop(writeln!(anstream::stderr(), "\u{1b}[1;31merror\u{1b}[0m: {message}"));
}

/// Says what is wrong with a file, with the code of the page on it.
pub fn complain_with(code: Code, message: &str) {
    drop(writeln!(anstream::stderr(), "\u{1b}[1;31merror[{code}]\u{1b}[0m: {message}"));
}

/// Writes rendered text to the standard error.
pub fn err(text: &str) {
    drop(write!(std::io::stderr(), "{text}"));
}

/// Whether diagnostics are coloured: on a terminal, unless `NO_COLOR`; always with `CLICOLOR_FORCE`.
pub fn colour() -> Colour {
    match anstream::AutoStream::choice(&std::io::stderr()) {
        ColorChoice::Never => Colour::Off,
        ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => Colour::On,
    }
}

/// How progress is shown here: a bar where the standard error is a terminal that can redraw a line.
pub fn progress_form() -> ProgressForm {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match std::io::stderr().is_terminal() && !is_dumb {
        true => ProgressForm::Bar { width: width::of_progress },
        false => ProgressForm::Lines,
    }
}

/// The terminal that pictures are drawn on: that of the standard output, if it is one.
pub fn screen() -> Option<Screen> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !std::io::stdout().is_terminal() || is_dumb {
        return None;
    }
    let knows_all = std::env::var("COLORTERM").is_ok_and(|term| ["truecolor", "24bit"].contains(&term.as_str()));
    let ink = match anstream::AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => Ink::Plain,
        ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi if knows_all => Ink::True,
        ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => Ink::Indexed,
    };
    Some(Screen { size: terminal_size, ink })
}

/// The columns and rows of the terminal; the customary ones where it does not say.
fn terminal_size() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or((80, 24), |(columns, rows)| (usize::from(columns.0), usize::from(rows.0)))
}
