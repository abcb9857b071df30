//! Things left out.

use super::super::Reader;
use super::super::explain::Stop;
use super::super::grammar::Rule;
use crate::source::{Code, Diagnostic};
use crate::syntax::scan::TokenKind;

impl Reader<'_, '_> {
    /// Says what is missing at the place where reading stopped.
    pub(super) fn something_missing(&self, stop: &Stop) -> Option<Diagnostic> {
        self.missing_in_head(stop).or_else(|| self.missing_in_declaration(stop)).or_else(|| self.missing_at_end(stop))
    }

    /// What the heads of definitions, loops and trainings lack.
    fn missing_in_head(&self, stop: &Stop) -> Option<Diagnostic> {
        let span = self.stopped_at(stop);
        let first = self.own_words(stop).next()?;
        let at_end = stop.at == stop.own.len();
        let second = stop.own.get(1).map_or("", |&idx| self.scan.word(idx));
        let is_def = matches!(first, "fn" | "layer" | "net" | "optimizer");
        if is_def && stop.expects(Rule::equals) && stop.expects_block() {
            let message = if at_end { "the body is missing" } else { "the body begins with `=` or `{`" };
            let help = format!(
                "write `{first} {second}(…) = e` or `{first} {second}(…) {{ … }}`, the `=` or `{{` on the same line"
            );
            return self.slip(span, message, help);
        }
        if is_def && stop.at == 2 && (stop.expects(Rule::params) || stop.expects(Rule::lparen)) {
            return self.slip(span, "the arguments are missing", format!("write `{first} {second}(x) = e`"));
        }
        if first == "fn" && second == "(" && self.near(stop, 0) == "=" {
            return self.slip(
                span,
                "a function literal has no `=`",
                "write `fn f(x) = e` to give it a name, or `fn(x) e`",
            );
        }
        let is_word = stop.own.get(stop.at).is_some_and(|&idx| self.scan.tokens[idx].kind == TokenKind::Word);
        if is_word && stop.expects(Rule::comma) && stop.expects(Rule::colon) {
            let both = self.scan.span(stop.own[stop.at - 1]).to(span);
            return self.slip(both, "a type follows its name and `:`", "write `x: real`");
        }
        if stop.expects(Rule::kw_on) {
            let word = self.own_words(stop).find(|word| matches!(*word, "train" | "search")).unwrap_or("train");
            return self.slip(
                span,
                format!("`{word}` needs to know on what"),
                format!("write `{word} net on data {{ cost = …; optimizer = … }}`"),
            );
        }
        if stop.expects(Rule::kw_if) && stop.expects_block() && !stop.expects_value() {
            return self.slip(
                span,
                "after the `else` of a block stands a block",
                "write `if c { a } else { b }`, or `if c then a else b`",
            );
        }
        if first == "for" && stop.expects(Rule::kw_in) {
            return self.slip(span, "a loop goes through values by `in`", "write `for i in 0..10 { … }`");
        }
        if first == "vary" && stop.expects(Rule::kw_in) {
            return self.slip(
                span,
                "a hyper-parameter varies by `in` or `~`",
                "write `vary lr in [0.1, 0.01]` or `vary lr ~ loguniform(1e-4, 1)`",
            );
        }
        None
    }

    /// What declarations lack.
    fn missing_in_declaration(&self, stop: &Stop) -> Option<Diagnostic> {
        let span = self.stopped_at(stop);
        let (message, help) = match self.own_words(stop).next()? {
            "use" if self.near(stop, -2) == "." || stop.at == 2 => {
                ("the names that a `use` brings in stand in braces", "write `use std.data.{csv, split}`")
            }
            "precision" if stop.at == 1 => ("the precision is a name", "write `precision f32` or `precision f64`"),
            "param" if stop.expects(Rule::colon) => {
                ("a parameter needs a type, which says its shape", "for example `param W: real[d, units] ~ glorot`")
            }
            "param" if stop.expects(Rule::tilde) => {
                ("a parameter is drawn from an initialiser by `~`", "for example `param b: real[units] ~ zeros`")
            }
            "state" if stop.expects(Rule::equals) && stop.at > 1 => {
                ("a state needs the value it begins with", "for example `state t = 0`")
            }
            "var" if stop.expects(Rule::equals) && stop.at > 1 => {
                ("a `var` needs its first value", "for example `var w = 0.5`")
            }
            _ if stop.expects(Rule::equals) && stop.expects(Rule::tilde) && stop.at == stop.own.len() => {
                ("a value is missing", "`x: real = e` binds a value, `x: real[n] ~ dist` draws one")
            }
            _ => return None,
        };
        self.slip(span, message, help)
    }

    /// What is missing where the statement ends.
    fn missing_at_end(&self, stop: &Stop) -> Option<Diagnostic> {
        if stop.at < stop.own.len() {
            return None;
        }
        let span = self.stopped_at(stop);
        let last = self.own_words(stop).next_back()?;
        if stop.expects(Rule::kw_else) && stop.own.iter().any(|&idx| self.scan.word(idx) == "then") {
            return self.slip(
                span,
                "this `if … then …` has no `else`",
                "a value is one of two; what is done only sometimes is `if c { … }`",
            );
        }
        // `if { … }`: the braces were read as the condition.
        if let [.., word, open, _] = stop.own[..]
            && self.scan.word(open) == "{"
            && let word @ ("if" | "while" | "in") = self.scan.word(word)
        {
            let what = if word == "in" { "what the loop goes through" } else { "the condition" };
            let message = format!("{what} is missing before the block");
            return self.slip(self.scan.span(open), message, format!("write `{word} … {{`"));
        }
        if stop.expects_block() && !stop.expects_value() {
            return self.slip(span, "the block is missing", "`{` stands on the same line as what it belongs to");
        }
        if last == "print" {
            return self.slip(span, "`print` needs something to print", "an empty line is `print \"\"`");
        }
        if stop.expects_value() && stop.own.len() > 1 && !matches!(last, ")" | "]" | "}") {
            return Some(Diagnostic::error(Code::E0101, span, format!("a value is missing after `{last}`")));
        }
        None
    }
}
