//! Words that begin statements in other languages, and slips in those that begin them here.

use super::super::explain::Stop;
use super::super::grammar::Rule;
use super::super::{Place, Reader};
use crate::source::Diagnostic;
use crate::syntax::scan::TokenKind;

/// Words that begin statements elsewhere: the word, what is wrong, what to write.
const FIRST_WORDS: [(&str, &str, &str); 22] = [
    ("def", "a function begins with `fn`", "write `fn f(x) = e` or `fn f(x) { … }`"),
    ("function", "a function begins with `fn`", "write `fn f(x) = e` or `fn f(x) { … }`"),
    ("func", "a function begins with `fn`", "write `fn f(x) = e` or `fn f(x) { … }`"),
    ("return", "there is no `return`", "the last expression of a block is its value"),
    ("let", "a value is bound without `let`", "write `x = e`, or `var x = e` if it changes later"),
    ("const", "a value is bound without `const`", "write `x = e`"),
    ("val", "a value is bound without `val`", "write `x = e`"),
    ("import", "modules are brought in by `use`", "write `use std.data.{csv}` or `use \"./blocks.nn\" as B`"),
    ("from", "modules are brought in by `use`", "write `use std.data.{csv}` or `use \"./blocks.nn\" as B`"),
    ("include", "modules are brought in by `use`", "write `use std.data.{csv}` or `use \"./blocks.nn\" as B`"),
    ("elif", "there is no `elif`", "write `} else if c { … }`"),
    ("elseif", "there is no `elseif`", "write `} else if c { … }`"),
    (
        "class",
        "there are no classes",
        "values with names are records, `{a: 1}`; what owns parameters is a `net` or `layer`",
    ),
    ("struct", "records need no declaration", "write `{a: 1, b: 2}`"),
    ("match", "there is no `match`", "write `if c { … } else if d { … } else { … }`"),
    ("switch", "there is no `switch`", "write `if c { … } else if d { … } else { … }`"),
    ("break", "a loop cannot be left early", "give a `while` a condition that becomes false"),
    ("continue", "a turn of a loop cannot be left early", "put the rest of the turn into `if c { … }`"),
    ("pass", "an empty block is `{}`", "leave `pass` out"),
    ("end", "a block ends with `}`", "replace `end` by `}`"),
    ("del", "names are not deleted", "leave the line out"),
    ("else", "this `else` has no `if` before it", "`else` follows the `}` or the value of its `if`"),
];

/// Words that begin statements here: a first word close to one of them is a slip.
pub(super) const OPENERS: [&str; 17] = [
    "fn",
    "layer",
    "net",
    "optimizer",
    "train",
    "search",
    "for",
    "while",
    "print",
    "var",
    "param",
    "state",
    "next",
    "vary",
    "seed",
    "precision",
    "use",
];

impl Reader<'_, '_> {
    /// Recognises a statement by its first word.
    pub(super) fn first_word_elsewhere(&self, stop: &Stop) -> Option<Diagnostic> {
        let first = self.own_words(stop).next()?;
        let first_span = self.scan.span(stop.own[0]);
        // A name of one's own may be called `end`: then it is followed by `=`, `(` or the like.
        let names_follow = stop.own.get(1).is_none_or(|&idx| {
            matches!(self.scan.tokens[idx].kind, TokenKind::Word | TokenKind::Number | TokenKind::Str)
                || matches!(self.scan.word(idx), "(" | "[" | "{" | ":" | "-")
        });
        if stop.rule == Rule::one_statement && names_follow {
            if let Some((_, message, help)) = FIRST_WORDS.iter().find(|(word, ..)| *word == first) {
                return self.slip(first_span, *message, *help);
            }
            let next_is_name = stop.own.get(1).is_some_and(|&idx| self.scan.tokens[idx].kind == TokenKind::Word);
            if next_is_name
                && stop.at == 1
                && !OPENERS.contains(&first)
                && let Some(meant) = nearest_opener(first)
            {
                return self.slip(
                    first_span,
                    format!("`{first}` does not begin a statement"),
                    format!("did you mean `{meant}`?"),
                );
            }
        }
        if matches!(self.place, Place::Train | Place::Search)
            && let Some(&colon) = stop.own.get(1).filter(|&&idx| self.scan.word(idx) == ":")
        {
            return self.slip(self.scan.span(colon), "a key is given with `=`", format!("write `{first} = …`"));
        }
        if matches!(first, "train" | "search") && stop.at == 1 && self.near(stop, 0) == "on" {
            return self.slip(
                self.stopped_at(stop),
                format!("`{first}` needs a net"),
                format!("write `{first} net on data {{ … }}`"),
            );
        }
        if self.own_words(stop).any(|word| word == "lambda") && stop.at > 0 {
            let lambda = stop.own.iter().find(|&&idx| self.scan.word(idx) == "lambda");
            return self.slip(
                lambda.map_or(first_span, |&idx| self.scan.span(idx)),
                "a function literal begins with `fn`",
                "write `fn(x) x^2`",
            );
        }
        let is_head =
            matches!(first, "if" | "for" | "while" | "else" | "fn" | "net" | "layer" | "optimizer" | "when" | "train");
        if is_head && self.near(stop, 0) == ":" && !stop.expects(Rule::colon) {
            return self.slip(
                self.stopped_at(stop),
                "a block does not begin with `:`",
                "it stands between `{` and `}`, indented as you like",
            );
        }
        None
    }
}

/// The word that begins statements and is nearest to this one, if any is near.
fn nearest_opener(word: &str) -> Option<&'static str> {
    let near = || OPENERS.iter().copied().filter(|opener| is_near(word, opener));
    near().find(|opener| opener.len() == word.len()).or_else(|| near().next())
}

/// Whether two words differ by one letter more, less or other, or by two neighbours swapped.
fn is_near(word: &str, known: &str) -> bool {
    let (word, known): (Vec<char>, Vec<char>) = (word.chars().collect(), known.chars().collect());
    if word.len() < 3 || word == known || word.len().abs_diff(known.len()) > 1 {
        return false;
    }
    let same_start = word.iter().zip(&known).take_while(|(a, b)| a == b).count();
    let same_end = word.iter().rev().zip(known.iter().rev()).take_while(|(a, b)| a == b).count();
    let differing = word.len().max(known.len()) - (same_start + same_end).min(word.len().min(known.len()));
    let swapped = word.len() == known.len()
        && differing == 2
        && word[same_start] == known[same_start + 1]
        && word[same_start + 1] == known[same_start];
    differing <= 1 || swapped
}
