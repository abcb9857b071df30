//! Signs where they do not belong.

use super::super::explain::Stop;
use super::super::grammar::Rule;
use super::super::{Place, Reader};
use crate::source::{Diagnostic, Span};

impl Reader<'_, '_> {
    /// Recognises what was meant by the sign at which reading stopped.
    pub(super) fn sign_elsewhere(&self, stop: &Stop) -> Option<Diagnostic> {
        let span = self.stopped_at(stop);
        let (before, found, after) = (self.near(stop, -1), self.near(stop, 0), self.near(stop, 1));
        match found {
            "=" if before == ".." => {
                self.slip(span, "a range does not include its end", "`a..b` ends before `b`: write one more")
            }
            "=" => self.equals_misplaced(stop, span),
            ":=" if self.own_words(stop).next() == Some("var") => {
                self.slip(span, "a `var` begins with `=`", "`var x = e` here, `x := e` where it changes")
            }
            ":=" if stop.expects(Rule::arrow) => None,
            ":=" if self.own_words(stop).take(stop.at).any(|word| matches!(word, "=" | ":=")) => {
                self.slip(span, "a statement binds once", "write the second on a line of its own")
            }
            ":=" => self.slip(span, "`:=` changes a whole `var`, not a part of it", "write `x := …` with the whole new value"),
            "->" if before == ")" && self.near(stop, -(stop.at as isize) + 1) == "(" => {
                let name = self.near(stop, -(stop.at as isize));
                self.slip(span, "a call has no result type", format!("to define a function begin with `fn`: `fn {name}(…) -> …`"))
            }
            "->" => self.slip(span, "a function literal has no arrow", "write `fn(x) e`"),
            "~" if stop.expects_value() && before == "=" => {
                self.slip(span, "a draw has `~` in place of `=`", "write `x: real[n] ~ normal(0, 1)`")
            }
            ";" if stop.rule == Rule::record => self.slip(span, "fields are separated by commas", "write `{a: 1, b: 2}`"),
            _ if stop.rule == Rule::record && after == ":" && stop.expects(Rule::comma) => {
                self.slip(span, "a comma is missing before this field", "write `{a: 1, b: 2}`")
            }
            ";" if self.inside_brackets(stop) => {
                self.slip(span, "the rows of a matrix are lists", "write `[[1, 2], [3, 4]]`")
            }
            ":" if self.level(stop) == 0 && before.ends_with(|letter: char| letter.is_ascii_digit()) && !after.is_empty() => {
                self.slip(span, "a range is not written with `:`", "write `a..b`, which ends before `b`")
            }
            "?" => self.slip(span, "there is no `c ? a : b`", "write `if c then a else b`"),
            "+" if stop.expects_value() => self.slip(span, "a value has no `+` before it", "leave the `+` out"),
            "*" if before == "." => self.slip(
                span,
                "the names that a `use` brings in are listed",
                "write `use std.data.{csv, split}`, or `use std.data` and `data.csv`",
            ),
            ":" if self.inside_brackets(stop) => self.slice_hint(span),
            _ if before == ":" && self.inside_brackets(stop) && !matches!(found, "," | "]") => {
                self.slice_hint(self.scan.span(stop.own[stop.at - 1]))
            }
            "," if self.level(stop) == 0 && matches!(self.place, Place::Train | Place::Search) => {
                self.slip(span, "keys are not separated by commas", "put each on its own line, or `;` between them")
            }
            "," if self.level(stop) == 0 && self.own_words(stop).skip(stop.at).any(|word| word == "=") => {
                let assigned_names = self.own_words(stop).take(stop.at).all(|word| word.starts_with(char::is_alphabetic));
                if assigned_names {
                    self.slip(span, "several names are bound by a tuple", "write `(a, b) = e`")
                } else {
                    self.slip(span, "statements are not separated by commas", "put each on its own line, or `;` between them")
                }
            }
            "," if self.level(stop) == 0 && self.own_words(stop).next() == Some("print") => {
                self.slip(span, "`print` takes one value", "write `print \"{a} {b}\"`, or a tuple: `print (a, b)`")
            }
            "," if self.level(stop) == 0 && stop.rule == Rule::one_statement => {
                self.slip(span, "a comma stands only inside brackets", "a tuple is written `(a, b)`")
            }
            "{" if stop.at > 0 && stop.expects(Rule::infix) && !stop.expects(Rule::kw_on) => self.slip(
                span,
                "a block does not fit here",
                "a block follows the head of `fn`, `layer`, `net`, `optimizer`, `for`, `while`, `if`, `when`, `train` or `search`",
            ),
            ":" if after.is_empty() && stop.rule == Rule::one_statement => {
                self.slip(span, "a line does not end in `:`", "blocks stand between `{` and `}`; a type follows `:`")
            }
            _ => None,
        }
    }

    fn equals_misplaced(&self, stop: &Stop, span: Span) -> Option<Diagnostic> {
        let before: Vec<&str> = self.own_words(stop).take(stop.at).collect();
        if matches!(before.first(), Some(&("param" | "fn" | "layer" | "net" | "optimizer"))) {
            return None;
        }
        if stop.rule == Rule::record {
            return self.slip(span, "a field of a record is written with `:`", "write `{a: 1, b: 2}`");
        }
        let condition = before.iter().rposition(|word| matches!(*word, "if" | "while"));
        if condition.is_some_and(|at| !before[at..].contains(&"then") && !before[at..].contains(&"{")) {
            return self.slip(span, "`=` binds a name and is no condition", "did you mean `==`?");
        }
        let closes = |sign: &str, open: &str| {
            let last = stop.own[stop.at - 1];
            (before.last() == Some(&sign)).then(|| self.scan.partner[last]).flatten().and_then(|opening| {
                let at = stop.own.iter().position(|&idx| idx == opening)?;
                (self.scan.word(opening) == open).then_some(at)
            })
        };
        if matches!(before.last(), None | Some(&"=")) || stop.expects(Rule::arrow) {
            return None;
        }
        if let Some(open) = closes(")", "(") {
            if open > 1 && before[open - 1] == "fn" {
                return self.slip(span, "a function literal has no `=`", "write `fn(x) e`");
            }
            if open == 1 {
                let name = before[0];
                return self.slip(
                    span,
                    "a call cannot be given a value",
                    format!("to define a function begin with `fn`: `fn {name}(…) = …`"),
                );
            }
        }
        if closes("]", "[").is_some() {
            return self.slip(
                span,
                "a tensor is not changed in place",
                "make the new tensor as a whole, for example with `map` or `stack`",
            );
        }
        if before.len() > 2 && before[before.len() - 2] == "." {
            let field = before[before.len() - 1];
            return self.slip(
                span,
                "a field is not changed in place",
                format!("make a new value: `r.with({field} = …)`"),
            );
        }
        if self.level(stop) == 0 && before.contains(&"=") {
            return self.slip(
                span,
                "a statement binds once",
                "write the second on a line of its own; equality is `==`",
            );
        }
        if self.level(stop) == 0 && stop.rule == Rule::one_statement && stop.expects(Rule::infix) {
            let left = self.scan.span(stop.own[0]).to(self.scan.span(stop.own[stop.at - 1]));
            return self.slip(left, "only a name, or a tuple of names, stands on the left of `=`", "equality is `==`");
        }
        None
    }

    fn slice_hint(&self, span: Span) -> Option<Diagnostic> {
        self.slip(
            span,
            "a slice is not written with `:`",
            "write `x[a..b]`, `x[a..]` or `x[..b]`; `:` alone is the whole axis",
        )
    }
}
