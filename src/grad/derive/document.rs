//! Equations in sections, as text, as LaTeX, and as a LaTeX document.

use super::latex::latex;
use super::math::{Math, Symbol};
use super::text::text;
use crate::ir::Dim;

/// Equations in sections.
#[derive(Clone, PartialEq, Debug)]
pub struct Equations {
    /// The sections, none of them empty.
    pub sections: Vec<Section>,
    /// What the parameters of the function are called, in their order; none for those the cost does not look at.
    pub names: Vec<Option<Symbol>>,
}

/// Equations that belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// What they are.
    pub title: &'static str,
    /// The equations.
    pub rows: Vec<Row>,
}

/// `left = right = right`.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What is said something of.
    pub left: Math,
    /// Whether it is that, or becomes it.
    pub sign: Sign,
    /// What it is, in one form or in several.
    pub right: Vec<Math>,
    /// When the last form holds.
    pub provided: Option<Math>,
    /// In which steps of the loops it stands in it holds, the outermost first.
    pub turns: Vec<Turns>,
}

/// The steps of a loop.
#[derive(Clone, PartialEq, Debug)]
pub struct Turns {
    /// What they are counted by.
    pub index: String,
    /// How many there are.
    pub count: Dim,
    /// Whether the last comes first.
    pub down: bool,
    /// Whether what comes of a step behind the last is 0.
    pub ends: bool,
}

/// The sign between the sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// `=`.
    Is,
    /// `←`.
    Becomes,
    /// `~`.
    Drawn,
}

impl Section {
    /// A section.
    pub fn new(title: &'static str, rows: Vec<Row>) -> Section {
        Section { title, rows }
    }

    /// The rows, and whether those of the steps of other loops begin with it, which is to be said.
    pub fn rows_by_turns(&self) -> impl Iterator<Item = (&Row, bool)> {
        self.rows.iter().enumerate().map(|(idx, row)| {
            let before = idx.checked_sub(1).map_or(&[][..], |before| &self.rows[before].turns);
            (row, !row.turns.is_empty() && row.turns != before)
        })
    }
}

impl Row {
    /// An equation.
    pub fn new(left: Math, right: Vec<Math>) -> Row {
        Row { left, sign: Sign::Is, right, provided: None, turns: vec![] }
    }
}

impl Equations {
    /// As Unicode text: a title, then one equation a line.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (idx, section) in self.sections.iter().enumerate() {
            out += if idx == 0 { "" } else { "\n" };
            out += &format!("{}\n", section.title);
            for (row, begins) in section.rows_by_turns() {
                if begins {
                    out += &format!("  {}:\n", turns_text(&row.turns));
                }
                let indent = if row.turns.is_empty() { "  " } else { "    " };
                out += &format!("{indent}{}\n", row.to_text());
            }
        }
        out
    }

    /// As LaTeX: an `align*` for each section. Needs `amsmath`.
    pub fn to_latex(&self) -> String {
        let mut out = String::new();
        for (idx, section) in self.sections.iter().enumerate() {
            out += if idx == 0 { "" } else { "\n" };
            let mut rows: Vec<String> = vec![];
            for (row, begins) in section.rows_by_turns() {
                rows.extend(begins.then(|| format!("  &{}", turns_latex(&row.turns))));
                rows.push(format!("  {}", row.to_latex()));
            }
            let rows = rows.join(" \\\\\n");
            out += &format!("\\paragraph{{{}}}\n\\begin{{align*}}\n{rows}\n\\end{{align*}}\n", section.title);
        }
        out
    }

    /// As a LaTeX document that compiles by itself.
    pub fn to_document(&self) -> String {
        let body = self.to_latex();
        format!(
            "\\documentclass{{article}}\n\\usepackage{{amsmath}}\n\\usepackage{{amssymb}}\n\\allowdisplaybreaks\n\
             \\begin{{document}}\n{body}\\end{{document}}\n"
        )
    }
}

impl Row {
    /// As Unicode text.
    pub fn to_text(&self) -> String {
        let sign = match self.sign {
            Sign::Is => " = ",
            Sign::Becomes => " ← ",
            Sign::Drawn => " ~ ",
        };
        let right: Vec<String> = self.right.iter().map(text).collect();
        let provided = self.provided.as_ref().map(|condition| format!("   if {}", text(condition)));
        format!("{}{sign}{}{}", text(&self.left), right.join(" = "), provided.unwrap_or_default())
    }

    /// As a row of an `align*`.
    pub fn to_latex(&self) -> String {
        let sign = match self.sign {
            Sign::Is => "=",
            Sign::Becomes => "\\leftarrow",
            Sign::Drawn => "\\sim",
        };
        let right: Vec<String> = self.right.iter().map(latex).collect();
        let provided = self.provided.as_ref().map(|condition| format!(" && \\text{{if }} {}", latex(condition)));
        format!("{} &{sign} {}{}", latex(&self.left), right.join(" = "), provided.unwrap_or_default())
    }
}

/// `for t = 1, …, T and r = 1, …, R`, as Unicode text.
fn turns_text(turns: &[Turns]) -> String {
    let steps = turns.iter().map(|Turns { index, count, down, .. }| match down {
        true => format!("{index} = {count}, …, 1"),
        false => format!("{index} = 1, …, {count}"),
    });
    let ends = turns.iter().filter(|turns| turns.ends);
    let ends = ends.map(|Turns { index, count, .. }| format!("of {index} + 1 at {index} = {count}"));
    turns_of("for ", steps.collect(), " and ", ", without the terms ", ends.collect())
}

/// The same as a row of an `align*`.
fn turns_latex(turns: &[Turns]) -> String {
    let size = |count: &Dim| latex(&super::axes::size_math(count));
    let steps = turns.iter().map(|Turns { index, count, down, .. }| match down {
        true => format!("{index} = {}, \\dots, 1", size(count)),
        false => format!("{index} = 1, \\dots, {}", size(count)),
    });
    let ends = turns.iter().filter(|turns| turns.ends);
    let ends = ends.map(|Turns { index, count, .. }| {
        format!("\\text{{of }} {index} + 1 \\text{{ at }} {index} = {}", size(count))
    });
    let (and, without) = ("\\text{ and } ", "\\text{, without the terms } ");
    format!("{}\\text{{:}}", turns_of("\\text{for } ", steps.collect(), and, without, ends.collect()))
}

/// In which steps a row holds, in the words of a notation.
pub fn turns_of(given: &str, steps: Vec<String>, and: &str, without: &str, ends: Vec<String>) -> String {
    let ends = if ends.is_empty() { String::new() } else { format!("{without}{}", ends.join(and)) };
    format!("{given}{}{ends}", steps.join(and))
}
