//! Strings: escapes and interpolated values.
//!
//! In `"cost {c:.3}"` the value is the text up to the first `:` outside brackets, read as an expression of its own; what
//! follows is how to show it.

use super::Reader;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{Ident, StrPart};
use crate::syntax::scan::Scan;

impl Reader<'_, '_> {
    /// The parts of the string literal at `span`.
    pub(super) fn string(&mut self, span: Span) -> Vec<StrPart> {
        let (start, end) = (span.start as usize + 1, span.end as usize - 1);
        let text = self.scan.text;
        let mut parts = vec![];
        let mut plain = String::new();
        let mut at = start;
        while at < end {
            let rest = &text[at..end];
            let c = rest.chars().next().expect("the string is not at its end");
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push(c);
                at += 2;
            } else if c == '{' {
                let Some(close) = closing_brace(rest) else {
                    self.report(
                        Diagnostic::error(Code::E0107, self.at(at, 1), "this `{` is not closed in the string")
                            .with_help("a value is written `{x}`, a brace `{{`"),
                    );
                    return parts;
                };
                if !plain.is_empty() {
                    parts.push(StrPart::Text(std::mem::take(&mut plain)));
                }
                parts.push(self.interpolated(at, close));
                at += close + 1;
            } else if c == '}' {
                self.report(
                    Diagnostic::error(Code::E0107, self.at(at, 1), "this `}` closes nothing in the string")
                        .with_help("a brace is written `}}`"),
                );
                at += 1;
            } else if c == '\\' {
                let escaped = rest[1..].chars().next().unwrap_or('\\');
                match escaped {
                    'n' => plain.push('\n'),
                    't' => plain.push('\t'),
                    '"' | '\\' => plain.push(escaped),
                    _ => self.report_escape(at, escaped),
                }
                at += 1 + escaped.len_utf8();
            } else {
                plain.push(c);
                at += c.len_utf8();
            }
        }
        if !plain.is_empty() {
            parts.push(StrPart::Text(plain));
        }
        parts
    }

    fn report_escape(&mut self, at: usize, escaped: char) {
        let help = match escaped {
            '{' | '}' => format!("a brace is written `{escaped}{escaped}`"),
            '\'' => "a single quote needs no `\\`".to_owned(),
            _ => format!("there are `\\n`, `\\t`, `\\\"` and `\\\\`; a backslash itself is `\\\\{escaped}`"),
        };
        let span = self.at(at, 1 + escaped.len_utf8());
        self.report(
            Diagnostic::error(Code::E0107, span, format!("`\\{escaped}` has no meaning in a string")).with_help(help),
        );
    }

    /// The value between the braces at `open` and `open + close`.
    fn interpolated(&mut self, open: usize, close: usize) -> StrPart {
        let inside = &self.scan.text[open + 1..open + close];
        let (value_len, spec) = match spec_colon(inside) {
            Some(colon) => (colon, Some(&inside[colon + 1..])),
            None => (inside.len(), None),
        };
        let whole = self.at(open, close + 1);
        if inside[..value_len].trim().is_empty() {
            self.report(
                Diagnostic::error(Code::E0107, whole, "there is no value between the braces")
                    .with_help("a value is written `{x}`, a pair of braces `{{}}`"),
            );
            return StrPart::Text(String::new());
        }
        let start = open + 1;
        let scan = Scan::new(self.scan.file, self.scan.text, start..start + value_len);
        let mut reader = Reader::new(&scan);
        let value = reader.lone_expr(self.at(start, value_len));
        self.diagnostics.append(&mut reader.diagnostics);
        let spec = spec.map(|spec| {
            let ident = Ident { name: spec.trim().into(), span: self.at(start + value_len + 1, spec.len()) };
            self.check_spec(&ident);
            ident
        });
        StrPart::Value { value, spec }
    }

    /// A spec is `.3`, `.3f` or `.3e`.
    fn check_spec(&mut self, spec: &Ident) {
        let digits = spec.name.strip_prefix('.').map(|rest| rest.strip_suffix(['f', 'e']).unwrap_or(rest));
        let good = digits.is_some_and(|digits| {
            (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        if !good {
            let message = match &*spec.name {
                "" => "after `:` it is said how to show the value".to_owned(),
                name => format!("`{name}` does not say how to show a value"),
            };
            self.report(
                Diagnostic::error(Code::E0107, spec.span, message)
                    .with_help("`.3` shows 3 significant digits, `.3f` 3 decimals, `.3e` an exponent"),
            );
        }
    }

    fn at(&self, start: usize, len: usize) -> Span {
        Span::new(self.scan.file, start, start + len)
    }
}

/// Where the brace closes that `rest` begins with.
fn closing_brace(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (idx, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(idx);
                }
            }
            _ => {}
        }
    }
    None
}

/// The first `:` outside brackets.
fn spec_colon(inside: &str) -> Option<usize> {
    let mut depth = 0usize;
    inside.bytes().position(|byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b':' && depth == 0
    })
}
