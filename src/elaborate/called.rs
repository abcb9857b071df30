//! Mistakes that are found inside of a call: where they are told.

use super::call::def_name;
use super::{Elaborator, Halt};
use crate::source::Span;
use crate::source::diagnostic::Label;
use crate::syntax::ast::Def;

impl Elaborator {
    /// Adds the place of a call to a mistake that was found inside it. What went wrong inside the library is told at the call
    /// of it, which is the user's text.
    pub(super) fn called_from(&self, halt: Halt, def: &Def, span: Span) -> Halt {
        let Halt::Diagnostic(mut diagnostic) = halt else { return halt };
        if diagnostic.labels.len() >= 6 || diagnostic.span == span {
            return Halt::Diagnostic(diagnostic);
        }
        let remark = format!("in this call of `{}`", def_name(def));
        if self.host.is_library(diagnostic.span) && !self.host.is_library(span) {
            let inner = std::mem::replace(&mut diagnostic.span, span);
            if diagnostic.labels.iter().all(|label| label.span != inner) {
                diagnostic.labels.push(Label { span: inner, text: "here".into() });
            }
            diagnostic.labels.retain(|label| label.span != span);
            diagnostic.labels.insert(0, Label { span, text: remark });
            return Halt::Diagnostic(diagnostic);
        }
        let inside = def.span.file == diagnostic.span.file
            && def.span.start <= diagnostic.span.start
            && diagnostic.span.end <= def.span.end;
        let known = diagnostic.labels.iter().any(|label| label.span == span);
        // A function called where it is written says nothing new.
        let written_here = def.span.file == span.file && span.start <= def.span.start && def.span.end <= span.end;
        if !inside || known || written_here {
            return Halt::Diagnostic(diagnostic);
        }
        Halt::Diagnostic(Box::new(diagnostic.with_label(span, remark)))
    }
}
