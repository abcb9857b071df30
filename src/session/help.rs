//! What is to be known of a name of the language: its documentation, its source, its examples.

use super::library::{NAMES, source};
use crate::elaborate::{EXPANSION_KEYS, builtin};
use crate::source::nearest::nearest;
use crate::source::{Code, FileId};
use crate::syntax::{Part, outline, parse, parse_part};

/// The declarations of what is built in, with their examples.
const BUILTIN: &str = include_str!("../../stdlib/builtin.nn");

/// The page on a name of the standard library, a built-in function, a module, `train` or a code.
pub fn page(name: &str) -> Option<String> {
    if let Ok(code) = name.parse::<Code>() {
        return Some(code.page().to_string());
    }
    if name == "train" {
        return Some(format!(
            "train NET on DATA {{ KEY = VALUE; … }}\n\nTrains a net and gives a run: `.model`, `.history`, `.cost`.\nThe keys are {}.\n",
            EXPANSION_KEYS.join(", ")
        ));
    }
    if let Some(builtin) = builtin::find(name) {
        let head = format!("{}({})  built in\n\n", builtin.name, builtin.signature);
        let declared = definition(BUILTIN, name).map(|(doc, _)| doc);
        return Some(format!("{head}{}\n", declared.unwrap_or_else(|| builtin.doc.to_string()).trim_end()));
    }
    if let Some(module) = name.strip_prefix("std.").or(Some(name)).filter(|module| NAMES.contains(module)) {
        return module_page(module);
    }
    // The notes' variants have names of the others.
    let others = NAMES.iter().filter(|module| !["prelude", "notes"].contains(module));
    others.chain(&["notes"]).find_map(|module| {
        let (doc, text) = definition(source(module)?, name)?;
        let brought = if is_in_prelude(name) { String::new() } else { format!("; `use std.{module}.{{{name}}}`") };
        Some(format!("{name}  std.{module}{brought}\n\n{}\n\n{text}\n", doc.trim_end()))
    })
}

/// A known name that may be meant.
pub fn meant(name: &str) -> Option<String> {
    nearest(name, names().iter().map(String::as_str)).map(str::to_string)
}

/// All names there is a page on, but for codes.
pub fn names() -> Vec<String> {
    let library = NAMES.iter().filter_map(|module| source(module)).flat_map(public_names);
    let builtins = builtin::all().map(|builtin| builtin.name.to_string());
    library.chain(builtins).chain(["train".to_string()]).collect()
}

/// The names a module defines for others.
fn public_names(text: &str) -> Vec<String> {
    let parts = outline(FileId(0), text);
    let names = parts.iter().filter_map(defined).filter(|name| !name.starts_with('_'));
    names.map(str::to_string).collect()
}

fn module_page(module: &str) -> Option<String> {
    let text = source(module)?;
    let doc = parse(FileId(0), text).0.doc;
    Some(format!("std.{module}\n\n{}\n\nIt defines {}.\n", doc.trim_end(), public_names(text).join(", ")))
}

fn defined(part: &Part) -> Option<&str> {
    part.defines().map(|ident| &*ident.name)
}

/// Documentation and text of a definition.
fn definition(text: &str, name: &str) -> Option<(String, String)> {
    let parts = outline(FileId(0), text);
    let part = parts.iter().find(|part| defined(part) == Some(name))?;
    let stmt = parse_part(FileId(0), text, part).expect("a module of the library has no mistake");
    Some((stmt.doc.to_string(), text[stmt.span.range()].to_string()))
}

/// Whether a name of the library is there without a `use`.
fn is_in_prelude(name: &str) -> bool {
    let is_name_part = |c: char| c.is_alphanumeric() || c == '_';
    source("prelude").is_some_and(|text| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        code.flat_map(|line| line.split(|c: char| !is_name_part(c))).any(|word| word == name)
    })
}
