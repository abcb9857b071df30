//! From text to syntax tree and back.

mod corpus;
mod format;
mod generate;
mod hostile;
mod read;

use nabla::source::FileId;
use nabla::syntax::ast::Stmt;
use proptest::test_runner::{Config, RngSeed};

/// How cases are drawn: the same in every run, unless somebody looks for more with `PROPTEST_RNG_SEED` and `PROPTEST_CASES`.
fn drawn() -> Config {
    let asked = Config::default();
    let rng_seed = if asked.rng_seed == RngSeed::Random { RngSeed::Fixed(2024) } else { asked.rng_seed };
    Config { failure_persistence: None, rng_seed, ..asked }
}

/// The statements of a script that has no mistakes.
fn read(text: &str) -> Vec<Stmt> {
    let (file, mistakes) = nabla::syntax::parse(FileId(0), text);
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert!(told.is_empty(), "mistakes in\n{text}\n{told:#?}");
    file.stmts
}

/// What the statements say, without where they stand: two scripts mean the same if these are equal.
fn meaning(stmts: &[Stmt]) -> String {
    // A span is shown as `file:start..end`.
    let shown = format!("{stmts:?}");
    let mut out = String::with_capacity(shown.len());
    for (idx, part) in shown.split("0:").enumerate() {
        let after_span = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let after_span = after_span.strip_prefix("..").filter(|_| idx > 0);
        match after_span {
            Some(rest) => out.push_str(rest.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => out.push_str(part),
        }
    }
    out
}

/// Checks what must hold of every script without mistakes.
fn check_format(text: &str) {
    let pretty = nabla::syntax::print::format(text).unwrap_or_else(|told| panic!("{told:?} in\n{text}"));
    assert_eq!(
        meaning(&read(text)),
        meaning(&read(&pretty)),
        "formatting changed the meaning of\n{text}\nto\n{pretty}"
    );
    let again = nabla::syntax::print::format(&pretty).unwrap_or_else(|told| panic!("{told:?} in\n{pretty}"));
    assert_eq!(pretty, again, "formatting is not stable for\n{text}");
    let comments = |text: &str| text.matches('#').count();
    assert_eq!(comments(text), comments(&pretty), "a comment was lost from\n{text}\nin\n{pretty}");
}
