//! A graph as a list from top to bottom: where an arrow does not come from the line before, it says from where.

use super::super::colour::SOFT;
use super::super::{Graph, GraphBox};
use super::Paper;
use super::board::{Board, cut};

pub fn draw(graph: &Graph, paper: Paper) -> Board {
    let mut board = Board::default();
    let widest =
        |text: fn(&GraphBox) -> &String| graph.boxes.iter().map(|node| text(node).chars().count()).max().unwrap_or(0);
    let (names, details) = (widest(|node| &node.name), widest(|node| &node.detail));
    let mut row = 0;
    for (idx, node) in graph.boxes.iter().enumerate() {
        let from: Vec<usize> = graph.edges.iter().filter(|edge| edge.1 == idx).map(|edge| edge.0).collect();
        if idx > 0 {
            if from.contains(&(idx - 1)) {
                board.write(2, row, "↓", Some(SOFT));
            }
            row += 1;
        }
        let mut line = format!("{:<names$}   {:<details$}", node.name, node.detail);
        if !node.note.is_empty() {
            line += &format!("   {}", node.note);
        }
        if from.iter().any(|other| other + 1 != idx) {
            let from: Vec<&str> = from.iter().map(|other| graph.boxes[*other].name.as_str()).collect();
            line = format!("{}   ← {}", line.trim_end(), from.join(", "));
        }
        board.write(0, row, &cut(line.trim_end(), paper.columns), None);
        row += 1;
    }
    board
}
