//! Passes, IR in and IR out: `tests/passes/*.ir`.
//!
//! A file names its passes in the first line, `# simplify, dce`; the IR before `---` becomes what stands behind it. With
//! `BLESS=1` the files are rewritten with what the passes give.

use std::fs;
use std::path::Path;

use nabla::grad;
use nabla::ir::{FuncId, Module, text, verify};
use nabla::rewrite;

fn pass(name: &str) -> fn(&mut Module, FuncId) {
    match name {
        "inline" => rewrite::inline,
        "stabilise" => rewrite::stabilise,
        "simplify" => rewrite::simplify,
        "cse" => rewrite::cse,
        "dce" => rewrite::dce,
        "prune" => rewrite::prune,
        "pool_first" => rewrite::pool_first,
        "rectify" => rewrite::rectify,
        "segment" => rewrite::segment,
        "prepare" => rewrite::prepare,
        "expand" => grad::expand,
        "pipeline" => rewrite::pipeline,
        other => panic!("there is no pass `{other}`"),
    }
}

/// What the passes in the first line make of `@main`, with the functions it needs.
fn rewritten(passes: &str, input: &str) -> String {
    let mut module = text::parse(input).expect("the input is a module");
    verify(&module).expect("the input is valid");
    let main = module.ids().find(|&id| &*module.func(id).name == "main").expect("there is a @main");
    for name in passes.split(',') {
        pass(name.trim())(&mut module, main);
        verify(&module).unwrap_or_else(|error| panic!("after {name}: {error}"));
    }
    text::print(&module.extract(main).0)
}

#[test]
fn passes_give_what_their_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/passes");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = vec![];
    for file in files {
        let content = fs::read_to_string(&file).expect("a text file");
        let (head, rest) = content.split_once('\n').expect("a first line");
        let passes = head.strip_prefix("# ").expect("the passes");
        let (input, wanted) = rest.split_once("---\n").unwrap_or((rest, ""));
        let found = rewritten(passes, input);
        if found.trim() == wanted.trim() {
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
