//! Equations in sections, as text, as LaTeX, and as a LaTeX document.

use super::latex::latex;
use super::math::Math;
use super::text::text;

/// Equations in sections.
#[derive(Clone, PartialEq, Debug)]
pub struct Equations {
    /// The sections, none of them empty.
    pub sections: Vec<Section>,
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
}

/// The sign between the sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// `=`.
    Is,
    /// `←`.
    Becomes,
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
        Row { left, sign: Sign::Is, right, provided: None }
    }
}

impl Equations {
    /// As Unicode text: a title, then one equation a line.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (idx, section) in self.sections.iter().enumerate() {
            out += if idx == 0 { "" } else { "\n" };
            out += &format!("{}\n", section.title);
            for row in &section.rows {
                out += &format!("  {}\n", row.to_text());
            }
        }
        out
    }

    /// As LaTeX: an `align*` for each section. Needs `amsmath`.
    pub fn to_latex(&self) -> String {
        let mut out = String::new();
        for (idx, section) in self.sections.iter().enumerate() {
            out += if idx == 0 { "" } else { "\n" };
            let rows: Vec<String> = section.rows.iter().map(|row| format!("  {}", row.to_latex())).collect();
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
        };
        let sides: Vec<String> = std::iter::once(&self.left).chain(&self.right).map(text).collect();
        let provided = self.provided.as_ref().map(|condition| format!("   if {}", text(condition)));
        sides.join(sign) + &provided.unwrap_or_default()
    }

    /// As a row of an `align*`.
    pub fn to_latex(&self) -> String {
        let sign = match self.sign {
            Sign::Is => "=",
            Sign::Becomes => "\\leftarrow",
        };
        let right: Vec<String> = self.right.iter().map(latex).collect();
        let provided = self.provided.as_ref().map(|condition| format!(" && \\text{{if }} {}", latex(condition)));
        format!("{} &{sign} {}{}", latex(&self.left), right.join(" = "), provided.unwrap_or_default())
    }
}
