//! The documentation is true: its scripts are run, its commands are executed, its links lead somewhere, and what is
//! generated from the source is as generated.
//!
//! | block | what is done with it |
//! |---|---|
//! | `nn` | run; the next `text` block is what it prints, and there is none if it prints nothing |
//! | `nn error` | run; it fails, and the next `text` block is what is said about it |
//! | `nn warning` | run; it succeeds, and the next `text` block is what is said about it |
//! | `nn … continue` | appended to the script of the page so far; what that printed before is not shown again |
//! | `nn … file.nn` | kept under this name for `use` and for the commands of the page (else `script.nn`) |
//! | `nn … skip` | kept and not run: the commands of the page show what comes of it |
//! | `csv file.csv` | a table for the scripts of the page |
//! | `console` | commands behind `$ `, each followed by all it writes; only `nabla` and `cargo run … --` are executed |
//!
//! A picture that a page shows, `figures/name.svg`, is one that a script of the page plots ([`pictures`]).
//!
//! In a `text` or `console` block `…` stands for any text, for times and for what is left out. Scripts run in a folder where
//! `examples` and `data` are those of the repository. `BLESS=1 cargo test docs` writes the outputs and the
//! pictures anew.

mod book;
mod generated;
mod page;
mod pictures;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nabla::source::Code;
use page::{Block, Part};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// All pages: the README and its neighbours, and everything in `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut found = crate::script::below("docs", "md");
    found.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    found.sort();
    found
}

/// The folder of a workshop in which scripts leave their pictures.
const PLOTS: &str = "plots";

/// What a command wrote.
struct Written {
    success: bool,
    out: String,
    err: String,
}

/// The folder in which the scripts of a page run.
struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Workshop {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        for (name, target) in [("examples", "examples"), ("data", "examples/data"), ("stdlib", "stdlib")] {
            std::os::unix::fs::symlink(root().join(target), folder.path().join(name)).unwrap();
        }
        Workshop { folder }
    }

    fn nabla(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("nabla"));
        command.args(arguments).current_dir(self.folder.path());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    fn write(&self, name: &str, script: &str) {
        fs::write(self.folder.path().join(name), script).unwrap();
    }

    fn run(&self, name: &str) -> Written {
        let arguments = ["run", "--quiet", "--plots", PLOTS, name];
        let output = self.nabla(&arguments.map(String::from)).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Written { success: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Everything a command writes, in the order in which it is written; none if it is not `nabla`.
    fn command(&self, line: &str) -> Option<String> {
        let words = words(line);
        let program = words.iter().position(|word| word == "nabla").filter(|&at| at == 0);
        let own =
            program.or_else(|| words.iter().position(|word| word == "--").filter(|_| line.starts_with("cargo run")))?;
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = self.nabla(&words[own + 1..]);
        let mut child =
            command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        // The command holds the ends of the pipe that are written to.
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        Some(text)
    }
}

/// The words of a command line; quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    for (idx, piece) in line.split(['"', '\'']).enumerate() {
        match idx % 2 {
            0 => words.extend(piece.split_whitespace().map(String::from)),
            _ => words.push(piece.to_string()),
        }
    }
    words
}

/// Whether a text is the one a page shows, in which `…` stands for anything.
pub fn shows(shown: &str, text: &str) -> bool {
    let mut pieces = shown.trim_end().split('…');
    let Some(mut rest) = text.trim_end().strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Runs the blocks of a page. Gives the page as it ought to be, and what was found wrong beyond outputs.
fn run_page(workshop: &Workshop, name: &str, text: &str) -> (String, Vec<String>) {
    let mut parts = page::parts(text);
    let mut wrong = vec![];
    let (mut script, mut printed) = (String::new(), String::new());
    let mut idx = 0;
    while idx < parts.len() {
        let Part::Block(block) = parts[idx].clone() else {
            idx += 1;
            continue;
        };
        let at = format!("{name}:{}", block.line);
        match block.language() {
            "console" => {
                let shown = Block { text: commands(workshop, &block), ..block.clone() };
                if !shows(&block.text, &shown.text) {
                    parts[idx] = Part::Block(shown);
                }
            }
            "csv" => workshop.write(block.file().expect("a table has a name"), &block.text),
            "nn" if block.says("skip") => workshop.write(block.file().unwrap_or("script.nn"), &block.text),
            "nn" => {
                let file = block.file().unwrap_or("script.nn");
                let continues = block.says("continue");
                let whole = if continues { format!("{script}{}", block.text) } else { block.text.clone() };
                workshop.write(file, &whole);
                let Written { success, out, err } = workshop.run(file);
                let before = if continues { printed.as_str() } else { "" };
                let (error, warning) = (block.says("error"), block.says("warning"));
                let told = match (error, warning) {
                    _ if err.contains("panicked at") => Err(format!("shows a bug of the program:\n{err}")),
                    (true, _) if success => Err("is said to fail and does not".to_string()),
                    (false, _) if !success => Err(format!("fails:\n{err}")),
                    (false, false) if !err.is_empty() => Err(format!("is not as right as is said:\n{err}")),
                    (false, true) if err.is_empty() => Err("is said to be warned of and is not".to_string()),
                    (false, false) => match out.strip_prefix(before) {
                        Some(new) => Ok(new.to_string()),
                        None => Err("prints something else than before".to_string()),
                    },
                    _ => Ok(err),
                };
                match told {
                    Ok(told) => put_output(&mut parts, idx, &told),
                    Err(what) => wrong.push(format!("{at}: the block {what}")),
                }
                if !error {
                    (script, printed) = (whole, out);
                }
            }
            "text" | "sh" | "latex" | "math" | "rust" | "json" | "toml" | "python" => {}
            other => wrong.push(format!("{at}: nobody knows what to do with a block of `{other}`")),
        }
        idx += 1;
    }
    (page::join(&parts), wrong)
}

/// Makes the `text` block behind a script show what is `told`.
fn put_output(parts: &mut Vec<Part>, script: usize, told: &str) {
    let between = parts[script + 1..].iter().take_while(|part| matches!(part, Part::Prose(_))).count();
    let next = script + 1 + between;
    let shown = match parts.get(next) {
        Some(Part::Block(block)) if block.language() == "text" => Some(block.clone()),
        _ => None,
    };
    match shown {
        Some(block) if shows(&block.text, told) && !told.is_empty() => {}
        // A block that is not right behind the script shows something else.
        Some(_) if told.is_empty() && parts[script + 1..next].iter().all(is_blank) => drop(parts.remove(next)),
        Some(block) if !told.is_empty() => parts[next] = Part::Block(Block { text: told.to_string(), ..block }),
        _ if told.is_empty() => {}
        _ => {
            let Part::Block(block) = parts[script].clone() else { unreachable!("the script is a block") };
            let output = Block { words: vec!["text".to_string()], text: told.to_string(), ..block };
            parts.splice(script + 1..script + 1, [Part::Prose("\n".to_string()), Part::Block(output)]);
        }
    }
}

fn is_blank(part: &Part) -> bool {
    matches!(part, Part::Prose(text) if text.trim().is_empty())
}

/// The commands of a block with what each writes.
fn commands(workshop: &Workshop, block: &Block) -> String {
    let mut text = String::new();
    let mut is_ours = true;
    for line in block.text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                text += &format!("{line}\n");
                let written = workshop.command(command);
                is_ours = written.is_some();
                text += &written.unwrap_or_default();
            }
            // What commands of others write is left as it is.
            None if !is_ours => text += &format!("{line}\n"),
            None => {}
        }
    }
    text
}

/// Compares a page with what it ought to be, or writes it.
fn expect(path: &Path, is: &str, ought: &str) -> Result<(), String> {
    if is == ought {
        return Ok(());
    }
    if blessing() {
        fs::write(path, ought).unwrap();
        return Ok(());
    }
    let mut told = format!("{} is not as it ought to be (`BLESS=1 cargo test docs` writes it anew):\n", path.display());
    let (is, ought): (Vec<&str>, Vec<&str>) = (is.lines().collect(), ought.lines().collect());
    let same = is.iter().zip(&ought).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(3);
    for (name, lines) in [("is", is), ("ought to be", ought)] {
        let shown = lines[from.min(lines.len())..].iter().take(16).copied().collect::<Vec<_>>().join("\n    ");
        told += &format!("  {name}, from line {}:\n    {shown}\n", from + 1);
    }
    Err(told)
}

/// Runs the pages for which `choose` holds; there are some.
fn check(choose: impl Fn(&str) -> bool) {
    let mut wrong = vec![];
    let mut count = 0;
    for path in pages() {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if !choose(&name) {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path).unwrap();
        let workshop = Workshop::new();
        let (ought, mut found) = run_page(&workshop, &name, &generated::fill(&text));
        wrong.append(&mut found);
        wrong.append(&mut pictures::check(&path, &text, &workshop.folder.path().join(PLOTS)));
        wrong.extend(expect(&path, &text, &ought).err());
    }
    assert!(count > 0, "no such pages");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_and_its_neighbours_are_true() {
    check(|name| !name.starts_with("docs/"));
}

#[test]
fn the_pages_on_errors_are_true() {
    check(|name| name.starts_with("docs/errors/"));
}

#[test]
fn every_code_has_a_page_whose_example_provokes_it() {
    let mut wrong = vec![];
    for code in Code::ALL {
        let page = code.page();
        let heading = format!("# {code}: {}\n", code.title());
        let said = [format!("error[{code}]: "), format!("warning[{code}]: "), format!("note[{code}]: ")];
        let shown = page::parts(page).into_iter().any(|part| match part {
            Part::Block(block) => said.iter().any(|said| block.text.contains(said.as_str())),
            Part::Prose(_) => false,
        });
        if !page.starts_with(&heading) || !shown || !(10..=60).contains(&page.lines().count()) {
            wrong.push(code.name());
        }
    }
    assert!(
        wrong.is_empty(),
        "the pages of {wrong:?} do not begin with the title, show no message, or are too short or long"
    );
}

#[test]
fn the_other_pages_are_true() {
    check(|name| {
        name.starts_with("docs/") && !["docs/tutorial/", "docs/errors/"].iter().any(|dir| name.starts_with(dir))
    });
}

#[test]
fn links_lead_somewhere() {
    let mut broken = vec![];
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for link in page::links(&text) {
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = target.exists()
                && anchor.is_none_or(|anchor| {
                    page::anchors(&fs::read_to_string(&target).unwrap()).iter().any(|a| a == anchor)
                });
            if !is_there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (shown, text, does) in [
        ("a\n", "a\n", true),
        ("a\n", "b\n", false),
        ("a … c\n…\nd\n", "a b c\nx\ny\nd\n", true),
        ("a … c\n", "a b d\n", false),
        ("…d\n", "abc\n", false),
        ("a", "ab", false),
    ] {
        assert_eq!(shows(shown, text), does, "{shown:?} {text:?}");
    }
}
