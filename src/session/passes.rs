//! A function at every stage, side by side, and what each pass did to it.
//!
//! ```text
//! lowered                     │ adjoint                    │ optimised
//! fn @C(%0: f64[n]) …         │ fn @C(%0: f64[n]) …        │ …
//!
//! pass       ops  removed                     added
//! lowered      7
//! expand      12                              3 mul, 2 broadcast
//! simplify     9  2 broadcast, 1 mul
//! ```

use std::collections::BTreeMap;

use super::inspect::stage_module;
use super::options::Stage;
use crate::elaborate::Elaborator;
use crate::ir::{FuncId, Module, text};
use crate::report::grid::{Align, grid};
use crate::{grad, rewrite};

/// The least width of a column of IR; with less the stages stand below each other.
const NARROW: usize = 36;

/// How many ops there are of each name.
type Counts = BTreeMap<&'static str, usize>;

/// The stages of a function and its passes, as text of this width.
pub fn side_by_side(elaborator: &Elaborator, func: FuncId, width: usize) -> String {
    let stages = [(Stage::Lowered, "lowered"), (Stage::Adjoint, "adjoint"), (Stage::Optimised, "optimised")];
    let mut columns: Vec<(&str, String)> = vec![];
    for (stage, title) in stages {
        let (module, _) = stage_module(elaborator, func, stage);
        columns.push((title, text::show(&module)));
    }
    // A function that takes no derivative is the same with derivatives taken.
    if columns[0].1 == columns[1].1 {
        columns.remove(1);
    }
    format!("{}\n{}", beside(&columns, width), passes(elaborator, func, width))
}

/// Texts in columns, or below each other where they would be too narrow.
fn beside(columns: &[(&str, String)], width: usize) -> String {
    let each = (width + 3) / columns.len() - 3;
    if each < NARROW {
        let block = |(title, text): &(&str, String)| format!("{title}\n{}\n{text}", "─".repeat(title.chars().count()));
        return columns.iter().map(block).collect::<Vec<_>>().join("\n");
    }
    let lines: Vec<Vec<String>> =
        columns.iter().map(|(_, text)| text.lines().flat_map(|line| wrapped(line, each)).collect()).collect();
    let most = lines.iter().map(Vec::len).max().unwrap_or(0);
    let row = |cells: Vec<&str>| {
        let padded =
            cells.iter().map(|cell| format!("{cell}{}", " ".repeat(each.saturating_sub(cell.chars().count()))));
        let line = padded.collect::<Vec<_>>().join(" │ ");
        format!("{}\n", line.trim_end())
    };
    let mut out = row(columns.iter().map(|(title, _)| *title).collect());
    out += &format!("{}\n", vec!["─".repeat(each); columns.len()].join("─┼─"));
    for idx in 0..most {
        out += &row(lines.iter().map(|column| column.get(idx).map_or("", String::as_str)).collect());
    }
    out
}

/// A line in pieces of this width, those behind the first indented further.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = line.chars().take_while(|letter| *letter == ' ').count() + 4;
    let mut rest: Vec<char> = line.chars().collect();
    let mut pieces = vec![];
    while rest.len() > width {
        // Cut behind a space or a comma, if one stands in the second half.
        let found = (width / 2..width).rev().find(|&at| matches!(rest[at], ' ' | ','));
        let at = found.map_or(width, |at| at + 1);
        let (piece, others) = rest.split_at(at);
        pieces.push(piece.iter().collect::<String>().trim_end().to_string());
        let behind = others.iter().collect::<String>();
        rest = " ".repeat(indent.min(width / 2)).chars().chain(behind.trim_start().chars()).collect();
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

/// A table with a line for each pass: how many operations there are behind it, and what it removed and added.
fn passes(elaborator: &Elaborator, func: FuncId, width: usize) -> String {
    let (mut module, entry) = elaborator.module.extract(func);
    let mut last = counts(&module, entry);
    // What passes of one name did together, in the order they were done first.
    let mut done: Vec<(&'static str, Counts, Counts, usize)> =
        vec![("lowered", Counts::new(), Counts::new(), total(&last))];
    let mut note = |name: &'static str, now: Counts| {
        let (removed, added) = (less(&last, &now), less(&now, &last));
        let behind = total(&now);
        match done.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, gone, new, count)) => {
                removed.iter().for_each(|(op, n)| *gone.entry(op).or_default() += n);
                added.iter().for_each(|(op, n)| *new.entry(op).or_default() += n);
                *count = behind;
            }
            None => done.push((name, removed, added, behind)),
        }
        last = now;
    };
    grad::expand(&mut module, entry);
    note("expand", counts(&module, entry));
    rewrite::pipeline_watched(&mut module, entry, &mut |name, module| note(name, counts(module, entry)));
    let cells = |name: &str, behind: &str, removed: &str, added: &str| {
        [name, behind, removed, added].map(str::to_string).to_vec()
    };
    let mut rows = vec![cells("pass", "ops", "removed", "added"), vec![]];
    let room = (width.saturating_sub(20) / 2).max(16);
    for (name, removed, added, behind) in &done {
        if *name == "lowered" || !removed.is_empty() || !added.is_empty() {
            rows.push(cells(name, &behind.to_string(), &listed(removed, room), &listed(added, room)));
        }
    }
    let (before, behind) = (done[1].3, total(&last));
    rows.extend([vec![], cells("optimised", &behind.to_string(), &format!("{} of {before} left", behind), "")]);
    grid(&[Align::Left, Align::Right, Align::Left, Align::Left], &rows)
}

/// The operations of a function and of what it calls.
fn counts(module: &Module, entry: FuncId) -> Counts {
    let mut counts = Counts::new();
    for node in module.reachable(entry).into_iter().flat_map(|func| module.graph(func).nodes()) {
        *counts.entry(node.op.name()).or_default() += 1;
    }
    counts
}

fn total(counts: &Counts) -> usize {
    counts.values().sum()
}

/// What there is more of in the first.
fn less(a: &Counts, b: &Counts) -> Counts {
    let more = |(op, n): (&&'static str, &usize)| {
        let left = n.saturating_sub(b.get(op).copied().unwrap_or(0));
        (left > 0).then_some((*op, left))
    };
    a.iter().filter_map(more).collect()
}

/// `3 broadcast, 2 mul`, the most first, cut where there is no room.
fn listed(counts: &Counts, room: usize) -> String {
    let mut all: Vec<(&str, usize)> = counts.iter().map(|(op, n)| (*op, *n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut out = String::new();
    for (idx, (op, n)) in all.iter().enumerate() {
        let next = format!("{}{n} {op}", if idx == 0 { "" } else { ", " });
        let left = all.len() - idx;
        if idx > 0 && (out.len() + next.len() > room || left > 1 && out.len() + next.len() + 10 > room) {
            out += &format!(", {left} more");
            break;
        }
        out += &next;
    }
    out
}
