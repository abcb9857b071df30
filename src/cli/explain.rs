//! `nabla explain`: the pages on diagnostics.

use super::streams::{Out, complain};
use crate::session::Exit;
use crate::source::Code;
use crate::source::nearest::nearest;

/// Prints the page on a code, or without one a line on each.
pub fn explain(code: Option<&str>) -> Exit {
    let mut out = Out::stdout();
    let Some(asked) = code else {
        for code in Code::ALL {
            out.line(&format!("{code}  {}", code.title()));
        }
        return Exit::Done;
    };
    match asked.parse::<Code>() {
        Ok(code) => {
            out.text(code.page());
            Exit::Done
        }
        Err(()) => {
            let hint = nearest(asked, Code::ALL.iter().map(|code| code.name()));
            let hint = hint.map_or_else(String::new, |name| format!("did you mean {name}? "));
            complain(&format!("there is no code `{asked}`; {hint}`nabla explain` lists all"));
            Exit::Usage
        }
    }
}
