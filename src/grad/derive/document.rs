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
    /// In which steps of a loop it holds; none if it stands in no loop.
    pub turns: Option<Turns>,
}

/// The steps of a loop.
#[derive(Clone, PartialEq, Debug)]
pub struct Turns {
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
}

impl Row {
    /// An equation.
    pub fn new(left: Math, right: Vec<Math>) -> Row {
        Row { left, sign: Sign::Is, right, provided: None, turns: None }
    }
}

impl Equations {
    /// As Unicode text: a title, then one equation a line.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (idx, section) in self.sections.iter().enumerate() {
            out += if idx == 0 { "" } else { "\n" };
            out += &format!("{}\n", section.title);
            let mut turns = None;
            for row in &section.rows {
                if row.turns != turns {
                    turns.clone_from(&row.turns);
                    out += &turns.as_ref().map(|turns| format!("  {}:\n", turns.to_text())).unwrap_or_default();
                }
                let indent = if turns.is_some() { "    " } else { "  " };
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
            let mut turns = None;
            for row in &section.rows {
                if row.turns != turns {
                    turns.clone_from(&row.turns);
                    rows.extend(turns.as_ref().map(|turns| format!("  &{}", turns.to_latex())));
                }
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

impl Turns {
    /// As Unicode text: `for t = 1, …, T`.
    pub fn to_text(&self) -> String {
        let count = &self.count;
        let steps = if self.down { format!("for t = {count}, …, 1") } else { format!("for t = 1, …, {count}") };
        if self.ends { format!("{steps}, without the terms of t + 1 at t = {count}") } else { steps }
    }

    /// As a row of an `align*`.
    pub fn to_latex(&self) -> String {
        let count = latex(&super::read::size_math(&self.count));
        let steps = if self.down { format!("{count}, \\dots, 1") } else { format!("1, \\dots, {count}") };
        let end = format!("\\text{{, without the terms of }} t + 1 \\text{{ at }} t = {count}");
        format!("\\text{{for }} t = {steps}{}\\text{{:}}", if self.ends { end } else { String::new() })
    }
}
