//! What is said to a user about a script: a [`Diagnostic`] with a code, a place, and what to do about it.
//!
//! The front end builds diagnostics with [`diagnostic!`](crate::diagnostic) and leaves a function with one by
//! [`bail!`](crate::bail):
//!
//! ```ignore
//! bail!(E0301, span, "`@` needs equal inner sizes, got {a} and {b}";
//!       label: x.span, "x: {}", x.ty;
//!       help: "`x @ W.T` is {fixed}")
//! ```

use super::{Code, Span};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The script cannot run.
    Error,
    /// The script runs, but probably does not do what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A place in the source with a remark.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What to say there; empty where the underline says enough.
    pub text: String,
}

/// Something to tell the user about the source.
#[derive(Clone, PartialEq, Debug)]
pub struct Diagnostic {
    /// Its code; `nabla explain` has a page on each.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One line: lower case, no full stop.
    pub message: String,
    /// The place it is about.
    pub span: Span,
    /// Remarks at the place and at others that explain it, the most important first.
    pub labels: Vec<Label>,
    /// Further facts.
    pub notes: Vec<String>,
    /// Repairs that were tried, or what to do.
    pub helps: Vec<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            labels: vec![],
            notes: vec![],
            helps: vec![],
        }
    }

    /// The same, as a warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// The same, as a note.
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Note, ..Diagnostic::error(code, span, message) }
    }

    /// With a remark at a place.
    pub fn with_label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// With a further fact.
    pub fn with_note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// With something to do about it.
    pub fn with_help(mut self, text: impl Into<String>) -> Diagnostic {
        self.helps.push(text.into());
        self
    }

    /// Whether the script cannot run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A result whose error is shown to the user. Boxed: the good path stays small.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Builds an error [`Diagnostic`](crate::source::Diagnostic): code, span, message, then `label:`, `note:` and `help:` clauses.
#[macro_export]
macro_rules! diagnostic {
    ($code:ident, $span:expr, $fmt:literal $(, $arg:expr)* $(; $kind:ident : $($rest:tt)+)?) => {{
        #[allow(unused_mut, reason = "without clauses nothing is added")]
        let mut diagnostic = $crate::source::Diagnostic::error($crate::source::Code::$code, $span, format!($fmt $(, $arg)*));
        $($crate::diagnostic!(@clause diagnostic, $kind : $($rest)+);)?
        Box::new(diagnostic)
    }};
    (@clause $d:ident, label : $span:expr, $fmt:literal $(, $arg:expr)* $(; $kind:ident : $($rest:tt)+)?) => {
        $d = $d.with_label($span, format!($fmt $(, $arg)*));
        $($crate::diagnostic!(@clause $d, $kind : $($rest)+);)?
    };
    (@clause $d:ident, note : $fmt:literal $(, $arg:expr)* $(; $kind:ident : $($rest:tt)+)?) => {
        $d = $d.with_note(format!($fmt $(, $arg)*));
        $($crate::diagnostic!(@clause $d, $kind : $($rest)+);)?
    };
    (@clause $d:ident, help : $fmt:literal $(, $arg:expr)* $(; $kind:ident : $($rest:tt)+)?) => {
        $d = $d.with_help(format!($fmt $(, $arg)*));
        $($crate::diagnostic!(@clause $d, $kind : $($rest)+);)?
    };
}

/// Returns an error [`Diagnostic`](crate::source::Diagnostic) from the function; the arguments are those of [`diagnostic!`].
#[macro_export]
macro_rules! bail {
    ($($tokens:tt)+) => { return Err($crate::diagnostic!($($tokens)+).into()) };
}
