//! Characters to tokens.

use std::ops::Range;

use super::foreign::{self, Foreign};
use super::{Scan, Token, TokenKind};
use crate::source::{Code, Diagnostic, Span};

/// Symbols of several characters, longest first.
const LONG_SYMBOLS: [&str; 11] = ["...", "|>", ":=", "->", "..", "==", "!=", "<=", ">=", "//", "<-"];

impl Scan<'_> {
    /// Fills in `tokens`.
    pub(super) fn lex(&mut self, range: Range<usize>) {
        let mut at = range.start;
        if at == 0 && self.text.starts_with('\u{feff}') {
            at = '\u{feff}'.len_utf8();
        }
        while at < range.end {
            let rest = &self.text[at..range.end];
            let c = rest.chars().next().expect("the range is not at its end");
            at += match c {
                ' ' | '\t' | '\x0c' => 1,
                '\r' if rest.starts_with("\r\n") => self.push(TokenKind::Newline, at, 2),
                '\n' | '\r' => self.push(TokenKind::Newline, at, 1),
                '#' => self.comment(at, rest),
                '"' => self.string(at, rest),
                '0'..='9' => self.number(at, rest),
                '(' | '[' | '{' => self.push(TokenKind::Open, at, 1),
                ')' | ']' | '}' => self.push(TokenKind::Close, at, 1),
                ';' => self.push(TokenKind::Semicolon, at, 1),
                c if is_word_start(c) => self.push(TokenKind::Word, at, word_len(rest)),
                _ => self.symbol(at, rest, c),
            };
        }
        self.partner = vec![None; self.tokens.len()];
    }

    fn push(&mut self, kind: TokenKind, at: usize, len: usize) -> usize {
        self.tokens.push(Token { kind, start: at as u32, end: (at + len) as u32 });
        len
    }

    fn bad(&mut self, at: usize, len: usize, diagnostic: Diagnostic) -> usize {
        self.push(TokenKind::Bad, at, len);
        self.problem(self.tokens.len() - 1, diagnostic);
        len
    }

    fn comment(&mut self, at: usize, rest: &str) -> usize {
        let line = line_of(rest);
        // A line of `###…` is a rule, not documentation.
        let is_doc = line.starts_with("##") && !line.starts_with("###");
        let kind = if is_doc && self.starts_line() { TokenKind::Doc } else { TokenKind::Comment };
        self.push(kind, at, line.len())
    }

    /// Whether nothing but `;` stands before the next token on its line.
    fn starts_line(&self) -> bool {
        let before = self.tokens.iter().rev().find(|token| token.kind != TokenKind::Semicolon);
        before.is_none_or(|token| token.kind == TokenKind::Newline)
    }

    fn string(&mut self, at: usize, rest: &str) -> usize {
        let mut escaped = false;
        for (idx, c) in rest.char_indices().skip(1) {
            match c {
                '\n' | '\r' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return self.push(TokenKind::Str, at, idx + 1),
                _ => {}
            }
        }
        let len = line_of(rest).trim_end().len();
        let mut diagnostic = Diagnostic::error(Code::E0103, self.here(at, 1), "this string does not end on its line")
            .with_label(self.here(at, 1), "the string starts here");
        let after_empty = self.tokens.last().is_some_and(|token| {
            token.end as usize == at && token.kind == TokenKind::Str && token.end - token.start == 2
        });
        diagnostic = if after_empty {
            diagnostic.with_help(
                "a string stands on one line, between single `\"`; documentation is `## …` above a definition",
            )
        } else if escaped {
            diagnostic.with_help("the last `\\` takes the line's end for itself; a backslash is written `\\\\`")
        } else {
            diagnostic.with_help("close it with `\"`; a new line inside a string is written `\\n`")
        };
        self.bad(at, len, diagnostic)
    }

    fn number(&mut self, at: usize, rest: &str) -> usize {
        // After a dot only digits belong to the number: `θ.0.1` is a field of a field.
        let after_dot = self.tokens.last().is_some_and(|token| token.end as usize == at)
            && self.tokens.len().checked_sub(1).is_some_and(|last| self.word(last) == ".");
        if after_dot {
            return self.push(TokenKind::Number, at, digits_len(rest));
        }
        let len = number_len(rest);
        let tail = &rest[len..];
        let next = tail.chars().next();
        if next.is_some_and(|c| is_word_start(c) || c == '∇') {
            let name = &tail[..word_len(tail).max(next.map_or(0, char::len_utf8))];
            let number = &rest[..len];
            let diagnostic = Diagnostic::error(
                Code::E0101,
                self.here(at, len + name.len()),
                format!("the number {number} runs into `{name}`"),
            );
            let is_radix = number == "0" && matches!(next, Some('x' | 'b' | 'o' | 'X'));
            let diagnostic = if is_radix {
                diagnostic.with_help("numbers are written in decimal")
            } else if name == "j" {
                diagnostic.with_help("there are no complex numbers; keep real and imaginary part as two tensors")
            } else {
                diagnostic.with_help(format!("a product needs its sign: `{number}*{name}`"))
            };
            return self.bad(at, len + name.len(), diagnostic);
        }
        if tail.starts_with('.') && digits_len(&tail[1..]) > 0 {
            let all = len + 1 + number_len(&tail[1..]);
            let message = format!("`{}` has two points", &rest[..all]);
            return self.bad(at, all, Diagnostic::error(Code::E0101, self.here(at, all), message));
        }
        let behind = tail.trim_start_matches([' ', '\t']);
        if behind.len() < tail.len() && behind.starts_with('.') && digits_len(&behind[1..]) > 0 {
            let all = rest.len() - behind.len() + 1 + number_len(&behind[1..]);
            let message = format!("there is a space in the number `{}`", &rest[..all]);
            let diagnostic = Diagnostic::error(Code::E0101, self.here(at, all), message);
            return self.bad(at, all, diagnostic.with_help("the digits of a number and its point stand side by side"));
        }
        let whole = !rest[..len].contains(['.', 'e', 'E']);
        let ends_in_dot = tail.starts_with('.')
            && !tail[1..].starts_with(|c: char| c == '.' || c.is_ascii_digit() || is_word_start(c));
        if whole && ends_in_dot {
            let number = &rest[..len];
            let diagnostic = Diagnostic::error(
                Code::E0101,
                self.here(at, len + 1),
                format!("`{number}.` lacks the digits after the point"),
            )
            .with_help(format!("write `{number}.0`"));
            return self.bad(at, len + 1, diagnostic);
        }
        self.push(TokenKind::Number, at, len)
    }

    fn symbol(&mut self, at: usize, rest: &str, c: char) -> usize {
        if rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit()) && !self.after_operand() {
            let len = 1 + number_len(&rest[1..]);
            let number = &rest[..len];
            let diagnostic = Diagnostic::error(
                Code::E0101,
                self.here(at, len),
                format!("`{number}` lacks the digit before the point"),
            )
            .with_help(format!("write `0{number}`"));
            return self.bad(at, len, diagnostic);
        }
        if let Some(Foreign { len, code, message, help }) = foreign::look(rest, self.follows_directly(at)) {
            let mut diagnostic = Diagnostic::error(code, self.here(at, len), message);
            if let Some(help) = help {
                diagnostic = diagnostic.with_help(help);
            }
            return self.bad(at, len, diagnostic);
        }
        // `<-` is a comparison with a negative number, never an arrow.
        if let Some(symbol) = LONG_SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            let len = if *symbol == "<-" { 1 } else { symbol.len() };
            return self.push(TokenKind::Symbol, at, len);
        }
        if "+-*/%@^=<>~:,.?∇≤≥≠".contains(c) {
            return self.push(TokenKind::Symbol, at, c.len_utf8());
        }
        let len: usize = rest.chars().take_while(|&other| other == c).map(char::len_utf8).sum();
        let (message, help) = foreign::unknown(c);
        let mut diagnostic = Diagnostic::error(Code::E0104, self.here(at, len), message);
        if let Some(help) = help {
            diagnostic = diagnostic.with_help(help);
        }
        self.bad(at, len, diagnostic)
    }

    /// Whether the token before ends exactly here and could end a value: `A'`, `t.0`.
    fn follows_directly(&self, at: usize) -> bool {
        self.tokens.last().is_some_and(|token| token.end as usize == at) && self.after_operand()
    }

    fn after_operand(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            matches!(token.kind, TokenKind::Word | TokenKind::Number | TokenKind::Str | TokenKind::Close)
        })
    }

    fn here(&self, at: usize, len: usize) -> Span {
        Span::new(self.file, at, at + len)
    }
}

fn line_of(rest: &str) -> &str {
    &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether the character may stand inside a name. Subscripts, primes and combining accents may: `x₁`, `y′`, `x̄`.
fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || matches!(c, '₀'..='₉' | '′' | '\u{300}'..='\u{36f}')
}

fn word_len(rest: &str) -> usize {
    rest.find(|c| !is_word_part(c)).unwrap_or(rest.len())
}

fn digits_len(rest: &str) -> usize {
    rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
}

/// The length of digits that may be grouped by single underscores.
fn grouped_len(rest: &str) -> usize {
    let mut len = digits_len(rest);
    while len > 0 && rest[len..].starts_with('_') && digits_len(&rest[len + 1..]) > 0 {
        len += 1 + digits_len(&rest[len + 1..]);
    }
    len
}

fn number_len(rest: &str) -> usize {
    let mut len = grouped_len(rest);
    if rest[len..].starts_with('.') && digits_len(&rest[len + 1..]) > 0 {
        len += 1 + grouped_len(&rest[len + 1..]);
    }
    if rest[len..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[len + 1..].starts_with(['+', '-']));
        let digits = digits_len(&rest[len + 1 + sign..]);
        if digits > 0 {
            len += 1 + sign + digits;
        }
    }
    len
}
