//! Figures in characters, for a terminal: lines in braille, eight dots a character; matrices and pictures as coloured blocks.

mod board;
mod cells;
mod chart;
mod graph;
mod tiles;

use super::{Figure, Panel};
use board::Board;

/// What a terminal can colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ink {
    /// Nothing: it has no colours, or the user wants none.
    #[default]
    Plain,
    /// 256 colours.
    Indexed,
    /// Every colour.
    True,
}

/// The terminal a figure is drawn on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paper {
    /// How many characters a line has.
    pub columns: usize,
    /// How many lines are seen at once.
    pub rows: usize,
    /// Its colours.
    pub ink: Ink,
}

/// Narrower than this nothing is drawn, and a wider terminal is not filled.
const WIDTHS: (usize, usize) = (24, 110);

/// The figure as lines of text, no wider than the terminal; the last one ends without a newline.
pub fn draw(figure: &Figure, paper: Paper) -> String {
    let paper = Paper { columns: paper.columns.saturating_sub(1).clamp(WIDTHS.0, WIDTHS.1), ..paper };
    let mut parts = vec![];
    if !figure.title.is_empty() {
        parts.push(board::cut(&figure.title, paper.columns));
    }
    for panel in &figure.panels {
        let board: Board = match panel {
            Panel::Chart(chart) => chart::draw(chart, paper),
            Panel::Cells(cells) => cells::draw(cells, paper),
            Panel::Tiles(tiles) => tiles::draw(tiles, paper),
            Panel::Graph(graph) => graph::draw(graph, paper),
        };
        parts.push(board.to_text(paper.ink));
    }
    parts.join("\n")
}
