//! What to say when the grammar does not match: what was found, what was expected, and what was probably meant.

use std::ops::Range;

use pest::error::{Error, ErrorVariant, InputLocation};

use super::Reader;
use super::grammar::Rule;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::scan::{RESERVED, TokenKind};

/// Where reading stopped.
pub(super) struct Stop {
    /// The tokens that the grammar saw, without the inside of braces.
    pub(super) own: Vec<usize>,
    /// Which of them does not fit; their number if something is missing at the end.
    pub(super) at: usize,
    /// What would have fitted.
    pub(super) expected: Vec<Rule>,
    /// What was being read.
    pub(super) rule: Rule,
}

impl Stop {
    pub(super) fn expects(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    pub(super) fn expects_value(&self) -> bool {
        self.expects(Rule::expr) || self.expects(Rule::postfix) || self.expects(Rule::number)
    }

    pub(super) fn expects_block(&self) -> bool {
        self.expects(Rule::braces) || self.expects(Rule::lbrace)
    }

    pub(super) fn expects_type(&self) -> bool {
        self.expects(Rule::type_expr) || self.expects(Rule::named_type)
    }
}

impl Reader<'_, '_> {
    /// Finds the token at which the grammar gave up.
    pub(super) fn stop(&self, rule: Rule, error: &Error<Rule>, tokens: Range<usize>) -> Stop {
        let position = match error.location {
            InputLocation::Pos(position) | InputLocation::Span((position, _)) => position,
        };
        let expected = match &error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives.clone(),
            // Only the guard of the stack makes such errors.
            ErrorVariant::CustomError { .. } => vec![],
        };
        let own = self.own_tokens(tokens);
        let byte = (self.base + position) as u32;
        let at = own.iter().position(|&idx| self.scan.tokens[idx].end > byte).unwrap_or(own.len());
        Stop { own, at, expected, rule }
    }

    /// Says in words why reading stopped.
    pub(super) fn explain(&self, stop: &Stop, whole: Span) -> Diagnostic {
        if stop.expected.is_empty() {
            return Diagnostic::error(Code::E0105, whole, "this is nested too deeply")
                .with_help("give a part of it a name of its own");
        }
        self.habit(stop).unwrap_or_else(|| self.plainly(stop, whole))
    }

    /// The tokens that say something, without the inside of braces.
    fn own_tokens(&self, tokens: Range<usize>) -> Vec<usize> {
        let mut own = vec![];
        let mut idx = tokens.start;
        while idx < tokens.end {
            if !self.scan.tokens[idx].kind.is_blank() {
                own.push(idx);
            }
            if self.scan.word(idx) == "{"
                && let Some(close) = self.scan.partner[idx].filter(|&close| close < tokens.end)
            {
                own.push(close);
                idx = close;
            }
            idx += 1;
        }
        own
    }

    /// Says what was expected and what was found.
    fn plainly(&self, stop: &Stop, whole: Span) -> Diagnostic {
        let wanted = wanted(stop);
        let Some(&found) = stop.own.get(stop.at) else {
            let last = stop.own.last().map_or(whole, |&last| self.scan.span(last));
            let message = format!("{wanted} is missing at the end");
            let label = format!("{wanted} is expected after this");
            return Diagnostic::error(Code::E0101, last, message).with_label(last, label);
        };
        let span = self.scan.span(found);
        Diagnostic::error(Code::E0101, span, format!("{wanted} is expected here, not {}", self.description(found)))
    }

    /// What a token is, in words.
    pub(super) fn description(&self, idx: usize) -> String {
        let word = self.scan.word(idx);
        match self.scan.tokens[idx].kind {
            TokenKind::Word if RESERVED.contains(&word) => format!("the word `{word}`"),
            TokenKind::Word => format!("the name `{word}`"),
            TokenKind::Number => format!("the number {word}"),
            TokenKind::Str => "a string".to_owned(),
            _ => format!("`{word}`"),
        }
    }
}

/// What would have fitted, in words: the two or three most likely things.
fn wanted(stop: &Stop) -> String {
    let mut words: Vec<&str> = vec![];
    if stop.expects_type() {
        words.push("a type");
    } else if stop.expects(Rule::size) {
        words.push("a size");
    } else if stop.expects(Rule::index_item) {
        words.push("an index");
    } else if stop.expects_value() {
        words.push("a value");
    } else if stop.expects(Rule::record_field) || stop.expects(Rule::record) {
        words.push("a field `name: value`");
    } else if stop.expects(Rule::record_entry) || stop.expects(Rule::record_type) {
        words.push("a field `name: type`");
    } else if [Rule::pattern, Rule::ident, Rule::parameter, Rule::use_names].iter().any(|rule| stop.expects(*rule)) {
        words.push("a name");
    }
    let operator_fits = stop.expects(Rule::infix);
    // What closes or goes on says more than that an operator could stand here as well.
    let signs = [
        (Rule::kw_in, "`in`"),
        (Rule::kw_on, "`on`"),
        (Rule::kw_then, "`then`"),
        (Rule::kw_else, "`else`"),
        (Rule::params, "the arguments in parentheses"),
        (Rule::colon, "`:`"),
        (Rule::equals, "`=`"),
        (Rule::tilde, "`~`"),
        (Rule::arrow, "`->`"),
        (Rule::braces, "a block `{ … }`"),
        (Rule::lbrace, "`{`"),
        (Rule::comma, "`,`"),
        (Rule::rparen, "`)`"),
        (Rule::rbracket, "`]`"),
        (Rule::dot, "`.`"),
    ];
    // After a value a field could always follow; saying so helps nobody.
    let fits = |rule: Rule| stop.expects(rule) && !(rule == Rule::dot && operator_fits);
    words.extend(signs.iter().filter(|(rule, _)| fits(*rule)).map(|(_, word)| *word).take(3));
    if operator_fits && words.len() < 2 && !stop.expects_value() {
        words.insert(0, "an operator");
    }
    if words.len() < 3 && stop.expects(Rule::EOI) {
        words.push(if stop.rule == Rule::one_statement { "the end of the statement" } else { "the end" });
    }
    match words[..] {
        [only] => only.to_owned(),
        [ref first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => "something else".to_owned(),
    }
}
