//! Values where they do not belong, above all next to other values.

use super::super::explain::Stop;
use super::super::grammar::Rule;
use super::super::{Place, Reader};
use super::words::OPENERS;
use crate::source::{Code, Diagnostic};
use crate::syntax::scan::{RESERVED, TokenKind};

/// Words that stand between values elsewhere, with what is written here.
const MIDDLE_WORDS: [(&str, &str); 9] = [
    ("is", "equality is `==`"),
    ("mod", "the remainder is `%`"),
    ("div", "the whole quotient is `//`"),
    ("xor", "for truth values write `!=`"),
    ("eq", "equality is `==`"),
    ("to", "a range is `a..b`, without `b`"),
    ("of", "`in` stands before what a loop goes through"),
    ("where", "`where` is `if c then a else b`, which also selects elementwise"),
    ("do", "a block stands between `{` and `}`"),
];

impl Reader<'_, '_> {
    /// Recognises what was meant by the word, number or string at which reading stopped.
    pub(super) fn value_misplaced(&self, stop: &Stop) -> Option<Diagnostic> {
        let &found = stop.own.get(stop.at)?;
        if stop.rule == Rule::record && stop.at == 0 {
            let head = (0..stop.own[0]).rev().filter(|&idx| !self.scan.tokens[idx].kind.is_blank()).nth(1);
            if let Some(word @ ("then" | "else")) = head.map(|idx| self.scan.word(idx)) {
                return self.slip(
                    self.scan.span(found),
                    format!("braces after `{word}` hold a record"),
                    "write `if c then a else b` without braces, or `if c { a } else { b }` without `then`",
                );
            }
            return self.slip(
                self.scan.span(found),
                "every field of a record has a name",
                "write `{a: 1, b: 2}`, names without quotes; a list is `[1, 2]`",
            );
        }
        let &previous = stop.own.get(stop.at.checked_sub(1)?)?;
        let (before, word) = (self.scan.word(previous), self.scan.word(found));
        let kind = self.scan.tokens[found].kind;
        let span = self.scan.span(found);
        let is_reserved = kind == TokenKind::Word && RESERVED.contains(&word);
        if is_reserved && stop.at == 1 && OPENERS.contains(&before) {
            return self.slip(span, format!("`{word}` is a word of the language and no name"), "choose another name");
        }
        if stop.expects_value() || stop.expects(Rule::ident) {
            if word == "print" && stop.expects_value() && matches!(before, "then" | "else") {
                return self.slip(
                    span,
                    "`print` does something and has no value",
                    "what is done stands in braces: `if c { print a } else { print b }`",
                );
            }
            if kind == TokenKind::Word && RESERVED.contains(&word) && stop.expects(Rule::ident) {
                return self.slip(
                    span,
                    format!("`{word}` is a word of the language and no name"),
                    "choose another name",
                );
            }
            return None;
        }
        if stop.rule == Rule::record && kind == TokenKind::Str {
            return self.slip(span, "the name of a field stands without quotes", "write `{a: 1}`");
        }
        // Two values side by side.
        if !stop.expects(Rule::infix)
            || stop.expects(Rule::kw_on)
            || !matches!(kind, TokenKind::Word | TokenKind::Number | TokenKind::Str | TokenKind::Open)
        {
            return None;
        }
        match word {
            "if" => return self.slip(span, "the condition comes first", "write `if c then a else b`"),
            "for" => {
                return self.slip(
                    span,
                    "there are no comprehensions",
                    "write `map(fn(x) …, xs)`, which runs over rows",
                );
            }
            "in" => {
                return self.slip(span, "`in` belongs to `for` and `vary`", "to look for a value write `max(xs == x)`");
            }
            _ if self.own_words(stop).next().is_some_and(|first| matches!(first, "for" | "while"))
                && stop.expects_block() =>
            {
                return self.slip(span, "the turns of a loop stand in braces", "write `for i in 0..10 { print i }`");
            }
            "on" | "as" | "then" | "else" | "while" | "var" | "print" | "adjoint" => {
                return self.slip(span, format!("`{word}` does not fit here"), "is a new line missing before it?");
            }
            _ => {}
        }
        if let Some((_, help)) = MIDDLE_WORDS.iter().find(|(middle, _)| *middle == word || *middle == before) {
            let which =
                if MIDDLE_WORDS.iter().any(|(middle, _)| *middle == word) { span } else { self.scan.span(previous) };
            return self.slip(
                which,
                format!("`{}` is not an operator of the language", self.scan.text[which.range()].trim()),
                *help,
            );
        }
        let touches = self.scan.tokens[previous].end == self.scan.tokens[found].start;
        if touches && before.starts_with('"') && before.matches('{').count() > before.matches('}').count() {
            return Some(
                Diagnostic::error(
                    Code::E0107,
                    self.scan.span(previous),
                    "a string cannot stand inside `{ }` of a string",
                )
                .with_help("give it a name on a line before, and write the name here"),
            );
        }
        if kind == TokenKind::Str && touches && matches!(before, "f" | "r" | "b" | "u") {
            return self.slip(
                self.scan.span(previous),
                format!("a string has no `{before}` before it"),
                format!("leave the `{before}` out: `\"{{x:.3}}\"` shows values in every string"),
            );
        }
        let in_brackets = self.level(stop) > 0;
        let is_number = self.scan.tokens[previous].kind == TokenKind::Number && kind != TokenKind::Number;
        let what = if in_brackets { "an operator or a comma" } else { "an operator" };
        let both = self.scan.span(previous).to(span);
        let diagnostic =
            Diagnostic::error(Code::E0101, both, format!("{what} is missing between `{before}` and `{word}`"));
        let is_product = (is_number || before == ")") && !in_brackets && kind != TokenKind::Str;
        Some(if is_product {
            let (left, right) =
                (if is_number { before } else { "(…)" }, if kind == TokenKind::Open { "(…)" } else { word });
            diagnostic.with_help(format!("a product needs its sign: `{left} * {right}`"))
        } else if in_brackets {
            diagnostic
        } else if stop.at == 1 && self.scan.tokens[previous].kind == TokenKind::Word && kind != TokenKind::Open {
            if matches!(self.place, Place::Train | Place::Search) {
                return Some(diagnostic.with_help(format!("a key has `=` before its value: `{before} = {word}`")));
            }
            let call = format!("a call has brackets: `{before}({word})`; ");
            diagnostic.with_help(call + "two statements stand on two lines, or with `;` between them")
        } else {
            diagnostic.with_help("two statements stand on two lines, or with `;` between them")
        })
    }
}
