//! What users read when something is wrong: every `tests/errors/*.nn` and the text beside it.
//!
//! A script is run as by `nabla run`, from the folder it lies in; what is told about it is compared, and the exit code.
//! `UPDATE=1 cargo nextest run errors` writes the texts anew; read the difference before committing it.

use std::collections::BTreeSet;
use std::path::Path;

use nabla::report::Form;
use nabla::session::{Exit, Options, Script};
use nabla::source::Code;

use crate::script::{check_with, file_name, files, root, run_with};

/// Everything that is said about a script, and how it ended.
fn told(path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut script = match Script::read(path) {
        Ok(script) => script,
        Err(error) => return format!("error[{}]: {}\n", error.code().expect("the file can be read"), error),
    };
    script.name = file_name(path);
    // What a script saves goes to a folder of the test.
    script.text = script.text.replace("TEMP", &folder.path().display().to_string());
    // A file that is not there yet is a warning of the check; running needs it.
    let outcome = match script.name.starts_with("W0501") {
        true => check_with(Options::default(), &script),
        false => run_with(Options::default(), &script, Form::Text),
    };
    let is_progress = |line: &&str| line.contains("  epoch ") && line.contains("  cost ");
    let said: Vec<&str> = outcome.err.lines().filter(|line| !is_progress(line)).collect();
    // Lines under a path have its length.
    let said = said.join("\n").replace(&folder.path().display().to_string(), "TEMP");
    let said = said.replace(&script.folder.display().to_string(), "tests/errors");
    assert_ne!(outcome.exit, Exit::Usage);
    format!("{}\nexit {}\n", said.trim_end(), outcome.exit.code())
}

#[test]
fn messages_are_as_reviewed() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut different = vec![];
    for path in files("tests/errors", ".nn") {
        let name = file_name(&path);
        let told = told(&path).replace(&format!("{}/", root().display()), "");
        let code = name.split('_').next().unwrap();
        assert!(code.parse::<Code>().is_ok(), "{name} does not begin with a code");
        assert!(told.contains(&format!("[{code}]")), "{name} does not provoke {code}:\n{told}");
        let expected_path = path.with_extension("txt");
        if update {
            std::fs::write(&expected_path, &told).unwrap();
        } else if std::fs::read_to_string(&expected_path).unwrap_or_default() != told {
            different.push(format!("── {name}\n{told}"));
        }
    }
    assert!(different.is_empty(), "other messages than reviewed (UPDATE=1 accepts them):\n{}", different.join("\n"));
}

#[test]
fn every_code_has_a_script_that_provokes_it_and_a_page() {
    let provoked: BTreeSet<String> =
        files("tests/errors", ".nn").iter().map(|path| file_name(path)[..5].to_string()).collect();
    let all: BTreeSet<String> = Code::ALL.iter().map(|code| code.name().to_string()).collect();
    assert_eq!(provoked, all);
    for code in Code::ALL {
        let page = code.page();
        assert!(page.starts_with(&format!("# {code}: ")), "{code} has another heading");
        assert!(page.lines().count() > 5, "the page of {code} says too little");
    }
}

#[test]
fn a_mistake_is_told_once() {
    for path in files("tests/errors", ".txt") {
        let text = std::fs::read_to_string(&path).unwrap();
        // A message and its place; the same mistake is not told for the check and for the run.
        let lines: Vec<&str> = text.lines().collect();
        let heads = lines.windows(2).filter(|pair| pair[0].starts_with("error[") || pair[0].starts_with("note["));
        let heads: Vec<String> = heads.map(|pair| pair.join("\n")).collect();
        let once: BTreeSet<&String> = heads.iter().collect();
        assert_eq!(heads.len(), once.len(), "{} tells something twice", file_name(&path));
    }
}

#[test]
fn messages_use_no_words_of_the_inside() {
    for path in files("tests/errors", ".txt") {
        let text = std::fs::read_to_string(&path).unwrap();
        // The script's own lines are quoted; everything else is said by us.
        let quoted = |line: &str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
        for line in text.lines().filter(|line| !quoted(line)) {
            for word in [
                "contract",
                "f64",
                "i64",
                "ValueId",
                "node",
                "graph",
                "trace",
                "primal",
                "cotangent",
                "IR",
                "None",
                "Some(",
            ] {
                let found =
                    line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(').any(|other| other == word);
                assert!(!found, "{} says `{word}`: {line}", file_name(&path));
            }
        }
    }
}
