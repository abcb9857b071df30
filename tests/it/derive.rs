//! The equations of back propagation, from IR: `tests/derive/*.ir`.
//!
//! The first line of a file names the parameters to differentiate by, by position, and what the cost is called; the IR
//! before `---` is the cost as it is lowered, `@main`; behind it stand the equations as text, then as LaTeX. With `BLESS=1`
//! the files are rewritten.

mod evaluate;
mod mathml;
mod nets;

use std::fs;
use std::path::{Path, PathBuf};

use nabla::grad::derive::{Equations, Form, Naming, Request, Start, Updates, equations};
use nabla::ir::{text, verify};

fn derived(head: &str, input: &str) -> Equations {
    let module = text::parse(input).expect("the input is a module");
    verify(&module).expect("the input is valid");
    let main = module.ids().find(|&id| &*module.func(id).name == "main").expect("there is a @main");
    let mut words = head.split_whitespace();
    let cost = words.next().expect("a name of the cost").to_string();
    let (mut wrt, mut form, mut updates) = (vec![], Form::Matrices, Updates::Written);
    for word in words {
        match word {
            "components" => form = Form::Components,
            "still" => updates = Updates::LeftOut,
            position => wrt.push(position.parse().expect("a position")),
        }
    }
    let (start, naming) = (Start::Cost, Naming::Layers);
    equations(&module, main, &Request { params: wrt.clone(), wrt, cost, form, updates, start, naming })
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/derive");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "ir"));
    files.sort();
    files
}

#[test]
fn equations_are_written_as_in_the_notes() {
    let mut wrong = vec![];
    for file in files() {
        let content = fs::read_to_string(&file).expect("a text file");
        let (head, rest) = content.split_once('\n').expect("a first line");
        let (input, wanted) = rest.split_once("---\n").unwrap_or((rest, ""));
        let found = derived(head.strip_prefix("# ").expect("what is derived"), input);
        let found = format!("{}\n{}", found.to_text(), found.to_latex());
        if found == wanted {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, format!("{head}\n{input}---\n{found}")).expect("the file can be written");
        } else {
            wrong.push(format!("{}:\n{found}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_is_whole() {
    for file in files() {
        let content = fs::read_to_string(&file).expect("a text file");
        let (head, rest) = content.split_once('\n').expect("a first line");
        let input = rest.split_once("---\n").map_or(rest, |(input, _)| input);
        let document = derived(head.strip_prefix("# ").expect("what is derived"), input).to_document();
        check_document(&document, &file);
    }
}

/// Whether a document is one that LaTeX compiles. A LaTeX engine has the last word, where there is one.
fn check_document(document: &str, file: &Path) {
    for (open, close) in [("\\begin{align*}", "\\end{align*}"), ("\\left(", "\\right)"), ("{", "}")] {
        assert_eq!(document.matches(open).count(), document.matches(close).count(), "{}: {open}", file.display());
    }
    assert!(document.is_ascii(), "{}: letters outside of ASCII need commands\n{document}", file.display());
    compile(document, file);
}

fn compile(document: &str, file: &Path) {
    let stem = file.file_stem().expect("a file").to_string_lossy();
    let folder = std::env::temp_dir().join(format!("nabla-derive-{}-{stem}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("it.tex"), document).expect("a file");
    let engine = std::process::Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", "it.tex"])
        .current_dir(&folder)
        .output();
    if let Ok(output) = engine {
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stdout));
    }
    fs::remove_dir_all(&folder).expect("the folder goes");
}
