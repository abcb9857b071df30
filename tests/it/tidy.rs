//! The order of the source: which stage may name which, who alone uses a library, how long a file is, how scripts are laid out.

use std::path::PathBuf;

use crate::script::{below, root};

/// The stages a program passes through. A stage names only those before it.
const STAGES: &[&str] = &[
    "source",
    "syntax",
    "tensor",
    "ir",
    "rewrite",
    "grad",
    "elaborate",
    "exec",
    "train",
    "report",
    "session",
    "repl",
    "cli",
];

/// Stages that lie before another and yet are not for it: a script's meaning depends on no engine, file or terminal.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("elaborate", &["exec", "train", "report", "session", "repl", "cli"]),
    ("train", &["exec", "grad", "rewrite", "ir"]),
    ("report", &["exec", "grad", "rewrite"]),
    ("tensor", &["source", "syntax"]),
];

/// Who alone may name a library.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("pest", &["syntax/parse"]),
    ("pest_derive", &["syntax/parse"]),
    ("ariadne", &["source/render.rs"]),
    ("ndarray", &["tensor"]),
    ("num_traits", &["tensor"]),
    ("libm", &["tensor"]),
    ("csv", &["train/data"]),
    ("flate2", &["train/data"]),
    ("safetensors", &["train/checkpoint"]),
    ("tempfile", &["train/data"]),
    ("image", &["train/data"]),
    ("memmap2", &["exec/jit/emit/mod.rs", "train/data/mapped.rs"]),
    ("indicatif", &["report/progress.rs"]),
    ("tiny_skia", &["report/figure/png.rs"]),
    ("ttf_parser", &["report/figure/font.rs"]),
    ("terminal_size", &["cli"]),
    ("rustyline", &["repl"]),
    ("clap", &["cli", "main.rs"]),
    ("anstream", &["cli"]),
    ("terminal_size", &["cli"]),
    ("ctrlc", &["cli"]),
    ("cranelift_codegen", &["exec/jit"]),
    ("cranelift_frontend", &["exec/jit"]),
    ("cranelift_jit", &["exec/jit"]),
    ("cranelift_module", &["exec/jit"]),
    ("cranelift_native", &["exec/jit"]),
    ("iced_x86", &["exec/jit/emit/wide"]),
];

/// Files of more than 400 lines, and the one idea that keeps each together.
const LONG: &[(&str, &str)] = &[
    ("ir/dim.rs", "polynomials of sizes: one normal form and its arithmetic"),
    ("ir/op/map.rs", "the table of elementwise ops"),
    ("ir/op/movement.rs", "ops that move elements, each with every rule"),
    ("syntax/ast.rs", "the syntax tree"),
];

struct File {
    /// Its path in `src`, with `/`.
    path: String,
    text: String,
}

impl File {
    fn stage(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// Lines that are code, without tests and comments, with their numbers.
    fn code(&self) -> Vec<(usize, &str)> {
        let own = if self.path.ends_with("/tests.rs") { "" } else { self.text.split("#[cfg(test)]").next().unwrap() };
        let lines = own.lines().enumerate().map(|(idx, line)| (idx + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
    }
}

fn sources() -> Vec<File> {
    let src = root().join("src");
    let paths = below("src", "rs").into_iter();
    paths
        .map(|path| File {
            path: path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/"),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

/// The words of a line, `::` between them kept as a word.
fn words(line: &str) -> Vec<&str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).filter(|word| !word.is_empty()).collect()
}

fn position(stage: &str) -> Option<usize> {
    STAGES.iter().position(|other| *other == stage)
}

#[test]
fn a_stage_names_only_stages_before_it() {
    let mut wrong = vec![];
    for file in sources() {
        let Some(own) = position(file.stage()) else { continue };
        for (number, line) in file.code() {
            for word in words(line) {
                let Some(rest) = word.strip_prefix("crate::") else { continue };
                let named = rest.split("::").next().unwrap();
                let Some(other) = position(named) else { continue };
                let forbidden =
                    FORBIDDEN.iter().any(|(stage, others)| *stage == file.stage() && others.contains(&named));
                if other > own || forbidden {
                    wrong.push(format!("src/{}:{number} names {named}: {}", file.path, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_a_stage() {
    for file in sources() {
        let known = position(file.stage()).is_some() || ["lib", "main"].contains(&file.stage());
        assert!(known, "src/{} belongs to no stage", file.path);
    }
}

#[test]
fn a_library_is_used_in_one_place() {
    let mut wrong = vec![];
    for file in sources() {
        for (number, line) in file.code() {
            for word in words(line) {
                let first = word.trim_start_matches("::").split("::").next().unwrap();
                let is_path = word.contains("::") && !word.starts_with("crate::") && !word.starts_with("self::");
                let Some((name, homes)) = LIBRARIES.iter().find(|(name, _)| *name == first && is_path) else {
                    continue;
                };
                if !homes.iter().any(|home| file.path.starts_with(home)) {
                    wrong.push(format!("src/{}:{number} uses {name}: {}", file.path, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_a_home_and_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap();
    let dependencies = rest.split("\n[").next().unwrap();
    let mut reason = "";
    for line in dependencies.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            reason = line;
            continue;
        }
        let name = line.split(['=', ' ', '.']).next().unwrap().replace('-', "_");
        assert!(!reason.is_empty(), "{name} has no reason");
        let has_home = LIBRARIES.iter().any(|(library, _)| *library == name) || name == "serde_json";
        assert!(has_home, "{name} may be used anywhere");
    }
}

#[test]
fn files_are_short() {
    let mut wrong = vec![];
    for file in sources() {
        let n_lines = file.text.lines().count();
        let listed = LONG.iter().find(|(path, _)| *path == file.path);
        match listed {
            None if n_lines > 400 => wrong.push(format!("src/{} has {n_lines} lines", file.path)),
            Some((_, reason)) if n_lines <= 400 => wrong.push(format!("src/{} is short by now ({reason})", file.path)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "look for the second idea in these:\n{}", wrong.join("\n"));
}

#[test]
fn files_say_what_they_are() {
    for file in sources() {
        assert!(file.text.starts_with("//! "), "src/{} does not open with what it is", file.path);
        let vague = ["util", "utils", "common", "helper", "helpers", "misc", "core"];
        let stem = file.path.trim_end_matches(".rs").rsplit('/').next().unwrap();
        assert!(!vague.contains(&stem), "src/{} says nothing by its name", file.path);
    }
}

#[test]
fn nothing_is_unwrapped_and_nothing_is_left_to_do() {
    let mut wrong = vec![];
    for file in sources() {
        for (number, line) in file.code() {
            let comment = line.split("// ").nth(1).unwrap_or_default();
            let unfinished = line.contains("todo!(") || line.contains("unimplemented!(") || comment.contains("TODO");
            if line.contains(".unwrap()") || unfinished || line.contains("dbg!(") {
                wrong.push(format!("src/{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_are_in_the_form_of_fmt() {
    // Files that are wrong on purpose stay as they are.
    let wrong_on_purpose = root().join("tests/errors");
    let folders = ["benches", "docs", "examples", "stdlib", "tests"];
    let scripts: Vec<PathBuf> = folders.iter().flat_map(|folder| below(folder, "nn")).collect();
    assert!(scripts.len() > 60, "only {} scripts are found", scripts.len());
    for path in scripts.iter().filter(|path| !path.starts_with(&wrong_on_purpose)) {
        let text = std::fs::read_to_string(path).unwrap();
        let pretty = nabla::syntax::print::format(&text);
        assert_eq!(pretty.as_deref(), Ok(text.as_str()), "`nabla fmt {}` changes it", path.display());
    }
}
