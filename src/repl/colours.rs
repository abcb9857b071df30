//! The colours of what is typed.

use crate::report::tones::{Tone, tones};

/// A line with the codes of a terminal for its colours; as wide as without.
pub fn coloured(text: &str) -> String {
    if text.starts_with(':') {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return format!("\u{1b}[36m{}\u{1b}[0m{}", &text[..end], coloured_words(&text[end..]));
    }
    coloured_words(text)
}

fn coloured_words(text: &str) -> String {
    let mut shown = String::new();
    let mut at = 0;
    for (range, tone) in tones(text) {
        let code = match tone {
            Tone::Keyword => "35",
            Tone::Number => "33",
            Tone::Str => "32",
            Tone::Comment => "2",
            Tone::Wrong => "31",
        };
        shown += &text[at..range.start];
        shown += &format!("\u{1b}[{code}m{}\u{1b}[0m", &text[range.clone()]);
        at = range.end;
    }
    shown + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_colour_of_their_kind() {
        assert_eq!(coloured("fn f(x) = 2"), "\u{1b}[35mfn\u{1b}[0m f(x) = \u{1b}[33m2\u{1b}[0m");
        assert_eq!(coloured(":type \"a\""), "\u{1b}[36m:type\u{1b}[0m \u{1b}[32m\"a\"\u{1b}[0m");
    }

    #[test]
    fn nothing_is_lost() {
        for text in ["", "x = f(1,\n  \"a", "# é\n∇f ⊙ \u{1F600} y", "net mlp(x: real[n, 2]) {", "a \\sigma"] {
            let mut plain = coloured(text);
            for code in ["35", "33", "32", "31", "36", "2", "0"] {
                plain = plain.replace(&format!("\u{1b}[{code}m"), "");
            }
            assert_eq!(plain, text);
        }
    }
}
