//! The parts of pages that are generated: between `<!-- generated: NAME -->` and `<!-- end -->`.

use std::fmt::Write as _;
use std::fs;

use nabla::elaborate::{EXPANSION_KEYS, SEARCH_KEYS, builtin};
use nabla::ir::Op;
use nabla::ir::op::MapOp;
use nabla::source::Code;

use super::root;

const START: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// A page with its generated parts as they ought to be.
pub fn fill(page: &str) -> String {
    let mut filled = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(START) {
        let (name, after) = after.split_once(" -->").expect("the comment is closed");
        let (_, after) = after.split_once(END).unwrap_or_else(|| panic!("`{name}` has no end"));
        write!(filled, "{before}{START}{name} -->\n{}{END}", part(name)).unwrap();
        rest = after;
    }
    filled + rest
}

fn part(name: &str) -> String {
    match name {
        "built-in functions" => builtins(),
        "keywords" => keywords(),
        "keys of train" => names(EXPANSION_KEYS),
        "keys of search" => names(SEARCH_KEYS),
        "codes" => codes(),
        "library" => library(),
        "elementwise ops" => names(&MapOp::ALL.iter().map(|op| Op::from(*op).name()).collect::<Vec<_>>()),
        "ops" => {
            // Elementwise ops have names of their own.
            let all: Vec<&str> = Op::NAMES.iter().copied().filter(|name| *name != "map").collect();
            format!("All of them: {}", names(&all))
        }
        other => panic!("nobody knows how to generate `{other}`"),
    }
}

fn names(names: &[&str]) -> String {
    let marked: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{}\n", marked.join(", "))
}

/// Text inside a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn builtins() -> String {
    let mut all: Vec<_> = builtin::all().collect();
    all.sort_by_key(|builtin| builtin.name.to_lowercase());
    let mut text = "| function | what it does |\n|---|---|\n".to_string();
    for builtin in all {
        let effect = if builtin.has_effect() { " *(effect)*" } else { "" };
        writeln!(text, "| `{}({})`{effect} | {} |", builtin.name, cell(builtin.signature), cell(builtin.doc)).unwrap();
    }
    text
}

/// The words of the language, read off the grammar: those that are never names, and those that are keywords in places.
fn keywords() -> String {
    let grammar = fs::read_to_string(root().join("grammar/nn.pest")).unwrap();
    let rule = grammar.split("\nreserved ").nth(1).and_then(|rest| rest.split("!word_part").next()).unwrap();
    let reserved: Vec<&str> = rule.split('"').skip(1).step_by(2).collect();
    let in_places: Vec<&str> = grammar
        .lines()
        .filter(|line| line.starts_with("kw_") || line.starts_with("new_axis"))
        .filter_map(|line| line.split('"').nth(1))
        .filter(|word| !reserved.contains(word))
        .collect();
    assert!(reserved.len() > 10 && in_places.len() > 10, "{reserved:?} {in_places:?}");
    format!("Never names: {}\nIn their places: {}", names(&reserved) + "\n", names(&in_places))
}

fn codes() -> String {
    let mut text = String::new();
    let mut group = "";
    for code in Code::ALL {
        let heading = match &code.name()[..3] {
            "E01" => "The text",
            "E02" => "Names and arguments",
            "E03" => "Types and shapes",
            "E04" => "Layers, derivatives and training",
            "E05" => "While the script runs",
            _ => "Warnings and notes",
        };
        if heading != group {
            write!(
                text,
                "{}## {heading}\n\n| code | what it is about |\n|---|---|\n",
                if group.is_empty() { "" } else { "\n" }
            )
            .unwrap();
            group = heading;
        }
        writeln!(text, "| [{code}]({code}.md) | {} |", code.title()).unwrap();
    }
    text
}

/// What a file of the library says of itself, and its public definitions with what is said of each.
fn library() -> String {
    let modules = [
        ("activations", "Activations"),
        ("costs", "Costs"),
        ("layers", "Layers"),
        ("conv", "Convolutions"),
        ("pool", "Pools"),
        ("norm", "Normalisation"),
        ("recurrent", "Recurrent layers"),
        ("attention", "Attention and embeddings"),
        ("augment", "Augmentation"),
        ("init", "Initialisers and distributions"),
        ("optim", "Optimizers"),
        ("schedule", "Schedules"),
        ("penalty", "Penalties"),
        ("clip", "Clipping"),
        ("metrics", "Metrics"),
        ("stats", "Statistics"),
        ("linalg", "Linear algebra"),
        ("arrays", "Arrays"),
        ("signal", "Signals"),
        ("figures", "Figures"),
        ("data", "Data"),
        ("notes", "The lecture notes' own variants"),
        ("builtin", "Built in"),
    ];
    let mut text = String::new();
    let folder = fs::read_dir(root().join("stdlib")).unwrap();
    for entry in folder {
        let stem = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(stem == "prelude" || modules.iter().any(|(module, _)| *module == stem), "`{stem}` is in no chapter");
    }
    let prelude = fs::read_to_string(root().join("stdlib/prelude.nn")).unwrap();
    for (module, title) in modules {
        let file = fs::read_to_string(root().join(format!("stdlib/{module}.nn"))).unwrap();
        let in_prelude = prelude.contains(&format!("use std.{module}."));
        let access = match module {
            "builtin" => "In scope everywhere.".to_string(),
            _ if in_prelude => format!("In scope everywhere; also `use std.{module}`."),
            "notes" => "`use std.notes`, then `notes.adam`.".to_string(),
            _ => format!("`use std.{module}.{{…}}`."),
        };
        let (about, definitions) = definitions(&file);
        writeln!(text, "## {title}\n\n[`stdlib/{module}.nn`](../stdlib/{module}.nn). {access}\n\n{about}").unwrap();
        for Definition { signature, about, examples } in definitions {
            // An example's braces and indentation are its own.
            writeln!(text, "### `{}`\n\n```text\n{signature}\n```\n\n{about}", name_of(&signature)).unwrap();
            if !examples.is_empty() {
                writeln!(text, "```text\n{examples}```\n").unwrap();
            }
        }
    }
    text
}

/// A definition of the library.
struct Definition {
    /// Its head, without the body.
    signature: String,
    /// What is said of it.
    about: String,
    /// Its examples, each with its result behind `# →`.
    examples: String,
}

/// The second word of a signature: the name.
fn name_of(signature: &str) -> &str {
    signature.split([' ', '(']).nth(1).unwrap_or_default()
}

/// What a file says at its beginning, and its public definitions.
fn definitions(file: &str) -> (String, Vec<Definition>) {
    let (mut about_file, mut found) = (String::new(), vec![]);
    let (mut about, mut examples) = (String::new(), String::new());
    let lines: Vec<&str> = file.lines().collect();
    for (idx, line) in lines.iter().enumerate() {
        if let Some(example) = line.strip_prefix("##     ") {
            writeln!(examples, "{example}").unwrap();
        } else if let Some(said) = line.strip_prefix("##") {
            writeln!(about, "{}", said.strip_prefix(' ').unwrap_or(said)).unwrap();
        } else if line.is_empty() {
            // What stands apart from any definition is about the file.
            if found.is_empty() && about_file.is_empty() {
                about_file = std::mem::take(&mut about);
            }
        } else {
            let defines = ["fn ", "layer ", "net ", "optimizer "].iter().any(|word| line.starts_with(word));
            let signature = head(&lines[idx..]);
            if defines && !name_of(&signature).starts_with('_') {
                assert!(!about.is_empty(), "nothing is said of `{signature}`");
                found.push(Definition {
                    signature,
                    about: std::mem::take(&mut about),
                    examples: std::mem::take(&mut examples),
                });
            }
            about.clear();
            examples.clear();
        }
    }
    (about_file, found)
}

/// The head of a definition that begins on the first of these lines: up to the `=` or `{` outside of brackets.
fn head(lines: &[&str]) -> String {
    let text = lines.join("\n");
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' | '=' if depth == 0 => {
                return text[..at]
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .replace("( ", "(")
                    .replace(" )", ")");
            }
            _ => {}
        }
    }
    text
}
