//! Lines typed at a terminal: edited, completed, coloured and remembered by rustyline.

use std::borrow::Cow;
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::{colours, complete, history, symbols};
use crate::elaborate::Scope;
use crate::source::render::Colour;
use crate::syntax::complete as is_complete;

/// What stands before the cursor.
const PROMPT: &str = "∇ ";

/// What came of reading.
pub enum Read {
    /// A statement or a command, whole.
    Text(String),
    /// Nothing: the user began anew.
    Cleared,
    /// The user leaves.
    End,
}

/// The lines of a terminal.
pub struct Lines {
    editor: Editor<Help, FileHistory>,
    history: Option<PathBuf>,
}

impl Lines {
    /// Lines that are completed with the names in a scope.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub fn new(scope: Rc<Scope>, colour: Colour) -> rustyline::Result<Lines> {
        let mode = if colour == Colour::On { ColorMode::Enabled } else { ColorMode::Disabled };
        let config = Config::builder()
            .color_mode(mode)
            .completion_type(CompletionType::List)
            .max_history_size(10_000)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Help { scope, history: HistoryHinter::new() }));
        let history = history::file();
        if let Some(file) = &history {
            // There is none before the first session; where it cannot be kept, the session is none the worse.
            if let Some(folder) = file.parent() {
                drop(std::fs::create_dir_all(folder));
            }
            drop(editor.load_history(file));
        }
        Ok(Lines { editor, history })
    }

    /// Reads until something is whole.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn read(&mut self) -> rustyline::Result<Read> {
        match self.editor.readline(PROMPT) {
            Ok(text) => {
                let text = text.trim_end().to_string();
                let is_new = self.editor.add_history_entry(text.as_str())?;
                if let Some(file) = self.history.as_ref().filter(|_| is_new) {
                    drop(self.editor.append_history(file));
                }
                Ok(Read::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Read::Cleared),
            Err(ReadlineError::Eof) => Ok(Read::End),
            Err(error) => Err(error),
        }
    }
}

/// What rustyline asks while a line is typed.
struct Help {
    scope: Rc<Scope>,
    history: HistoryHinter,
}

impl Helper for Help {}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_whole = text.trim_start().starts_with(':') || is_complete(text);
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = complete::candidates(&line[..pos], &self.scope);
        let pairs = found.into_iter().map(|candidate| Pair { display: candidate.shown, replacement: candidate.text });
        Ok((start, pairs.collect()))
    }
}

/// What is shown behind the cursor.
struct Shown {
    text: String,
    /// What the arrow key takes over.
    taken: Option<String>,
}

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.taken.as_deref()
    }
}

impl Hinter for Help {
    type Hint = Shown;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Shown> {
        if pos < line.len() || line.is_empty() {
            return None;
        }
        if let Some(name) = symbols::name_at_end(line).filter(|name| !name.is_empty()) {
            let (_, sign) = *symbols::matching(name).first()?;
            return Some(Shown { text: format!("  {sign}"), taken: None });
        }
        if let Some(text) = complete::call_hint(line, &self.scope) {
            return Some(Shown { text, taken: None });
        }
        let text = self.history.hint(line, pos, context)?;
        Some(Shown { taken: Some(text.clone()), text })
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(colours::coloured(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\u{1b}[1;34m{prompt}\u{1b}[0m"))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\u{1b}[2m{hint}\u{1b}[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}
