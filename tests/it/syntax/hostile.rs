//! Texts that nobody would write: they are told about, without a panic and without taking long.

use std::time::{Duration, Instant};

use nabla::source::{Code, Diagnostic, FileId};
use nabla::syntax::{complete, parse, print};
use proptest::prelude::*;

use super::check_format;
use super::corpus::SCRIPTS;

fn mistakes(text: &str) -> Vec<Diagnostic> {
    let start = Instant::now();
    let (_, mistakes) = parse(FileId(0), text);
    complete(text);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?} for {} bytes", text.len());
    mistakes
}

#[test]
fn deep_nesting_is_told() {
    let deep = |open: &str, close: &str, count: usize| format!("x = {}1{}", open.repeat(count), close.repeat(count));
    // Each with how often it can be nested.
    for (open, close, most) in [
        ("(", ")", 250),
        ("[", "]", 250),
        ("{a: ", "}", 250),
        ("f(fn(x) { ", " })", 120),
        ("g(1, h[", "])", 120),
        ("-", "", 500),
        ("fn(x) ", "", 250),
        ("if a then b else ", "", 500),
        ("if a { ", " }", 250),
        ("2^", "", 500),
    ] {
        let told = mistakes(&deep(open, close, 5000));
        assert_eq!(told.len(), 1, "{open}");
        assert_eq!(told[0].code, Code::E0105, "{open}");
        let text = deep(open, close, most);
        let told = mistakes(&text);
        assert!(told.is_empty(), "{most} times {open}: {told:?}");
        check_format(&text);
    }
    for chain in ["a + ", "a |> ", "a.b.c + ", "2 ^ ", "a and ", "f(1)(2) * "] {
        let told = mistakes(&format!("x = {}a", chain.repeat(20_000)));
        assert_eq!(told.first().map(|told| told.code), Some(Code::E0105), "{chain}");
    }
}

#[test]
fn floods_are_survived() {
    for flood in [
        "(",
        ")",
        "[",
        "{",
        "}",
        "([{",
        "(]",
        "{)",
        "\n(",
        "\n{",
        "\"",
        "'",
        "#",
        "##\n",
        ";",
        "\\",
        "·",
        "x = (\n",
        "fn f(x) {\n",
        ",",
        "=",
        "x ",
        "if ",
        "1",
        "1.",
        "é\n",
        "\t",
        "\r",
    ] {
        mistakes(&flood.repeat(20_000));
    }
}

#[test]
fn no_text_at_all() {
    assert_eq!(mistakes("x = 1\n\0")[0].code, Code::E0109);
    assert!(mistakes("").is_empty());
    assert_eq!(print::format("").as_deref(), Ok(""));
}

/// Words, signs and fragments from which soups are made.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "x",
        "y",
        "f",
        "σ",
        "real",
        "n",
        "1",
        "2.5",
        "1e-3",
        "\"s\"",
        "\"{x:.3}\"",
        "true",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "\n",
        "=",
        ":=",
        "~",
        "->",
        ":",
        "+",
        "-",
        "*",
        "/",
        "//",
        "^",
        "@",
        "|>",
        "..",
        "...",
        ".",
        "==",
        "<",
        "and",
        "not",
        "?",
        "∇",
        "_",
        "fn",
        "if",
        "then",
        "else",
        "for",
        "in",
        "while",
        "var",
        "print",
        "adjoint",
        "layer",
        "net",
        "optimizer",
        "train",
        "search",
        "on",
        "seed",
        "precision",
        "param",
        "state",
        "next",
        "vary",
        "when training",
        "use",
        "as",
        "new",
        "# c\n",
        "## d\n",
        "'",
        "!",
        "&&",
        "\"",
        "\"{",
        "\\",
        "$",
        "fn(x)",
        "x = ",
        "f(x) ",
        "for i in xs {",
        "train m on d {",
    ])
}

proptest! {
    #![proptest_config(super::drawn())]

    #[test]
    fn soup_of_words(parts in prop::collection::vec((fragment(), prop::sample::select(vec!["", " ", "  ", "\n"])), 0..40)) {
        let text: String = parts.iter().flat_map(|(word, gap)| [*word, *gap]).collect();
        if mistakes(&text).is_empty() {
            check_format(&text);
        }
    }

    #[test]
    fn soup_of_characters(text in "\\PC{0,80}") {
        if mistakes(&text).is_empty() {
            check_format(&text);
        }
    }

    /// Scripts with a few words changed are nearly right, which is where most cases of a parser lie.
    #[test]
    fn scripts_with_slips(
        script in prop::sample::select(SCRIPTS.to_vec()),
        slips in prop::collection::vec((any::<prop::sample::Index>(), fragment(), 0..3usize), 1..4),
    ) {
        let mut words: Vec<&str> = script.split_inclusive([' ', '\n', ',', '(', ')']).collect();
        for (place, word, kind) in slips {
            let at = place.index(words.len());
            match kind {
                0 => words[at] = word,
                1 => words.insert(at, word),
                _ => words[at] = "",
            }
        }
        let text = words.concat();
        if mistakes(&text).is_empty() {
            check_format(&text);
        }
    }
}
