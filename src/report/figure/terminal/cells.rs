//! A matrix as a table on coloured ground; without room for numbers, as blocks.

use super::super::Cells;
use super::super::colour::SOFT;
use super::board::{Board, Spot, cut};
use super::{Ink, Paper};

/// From little to much, where there is no colour.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

pub fn draw(cells: &Cells, paper: Paper) -> Board {
    let mut board = Board::default();
    let (n_rows, n_columns) = (cells.values.len(), cells.x.names.len());
    let names = cells.y.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(paper.columns / 4);
    let left = names + 1;
    let room = paper.columns.saturating_sub(left);
    let longest = cells.texts.iter().flatten().map(|text| text.chars().count()).max().unwrap_or(0);
    let headings = cells.x.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(14);
    // With room for the names of the columns, or else for the numbers at least.
    let widths = [longest.max(headings) + 2, longest + 2];
    let (mut width, writes) = match widths.into_iter().find(|width| longest > 0 && width * n_columns <= room) {
        Some(width) => (width, true),
        None => (2, false),
    };
    // What does not fit is shown by every second, third, … row and column.
    let mut every = (1, 1);
    if !writes {
        if 2 * n_columns > room {
            width = 1;
        }
        let height = paper.rows.saturating_sub(5).max(8);
        every = ((n_columns * width).div_ceil(room.max(1)).max(1), n_rows.div_ceil(height).max(1));
    }
    let columns: Vec<usize> = (0..n_columns).step_by(every.0).collect();
    let rows: Vec<usize> = (0..n_rows).step_by(every.1).collect();
    let mut top = 0;
    for label in [y_label(cells), x_label(cells)].into_iter().filter(|label| !label.is_empty()) {
        board.write(0, top, &cut(&label, paper.columns), Some(SOFT));
        top += 1;
    }
    heading(&mut board, cells, &columns, (left, top), width);
    top += 1;
    for (line, row) in rows.iter().enumerate() {
        let name = cut(&cells.y.names[*row], names);
        board.write(names - name.chars().count(), top + line, &name, None);
        for (place, column) in columns.iter().enumerate() {
            let value = cells.values[*row][*column];
            let ground = cells.map.of(value, cells.range);
            let text = if writes { cells.texts[*row][*column].clone() } else { String::new() };
            let shade = shade(value, cells.range);
            let fill = if paper.ink == Ink::Plain && !writes { shade } else { ' ' };
            let before = width - text.chars().count().min(width - 1) - usize::from(writes);
            let letters = std::iter::repeat_n(fill, before).chain(text.chars()).chain(std::iter::repeat(fill));
            for (idx, letter) in letters.take(width).enumerate() {
                let spot = Spot { letter, fore: Some(ground.ink_on()), back: Some(ground) };
                board.set(left + place * width + idx, top + line, spot);
            }
        }
    }
    if !cells.measure.is_empty() && !writes {
        scale(&mut board, cells, paper);
    }
    if every != (1, 1) {
        let note = format!("{} of {n_rows} rows and {} of {n_columns} columns", rows.len(), columns.len());
        board.write(0, board.height(), &cut(&note, paper.columns), Some(SOFT));
    }
    board
}

fn y_label(cells: &Cells) -> String {
    if cells.y.label.is_empty() { String::new() } else { format!("↓ {}", cells.y.label) }
}

fn x_label(cells: &Cells) -> String {
    if cells.x.label.is_empty() { String::new() } else { format!("→ {}", cells.x.label) }
}

/// The names of the columns, as many as there is room for.
fn heading(board: &mut Board, cells: &Cells, columns: &[usize], (left, top): (usize, usize), width: usize) {
    let mut free = 0;
    for (place, column) in columns.iter().enumerate() {
        let name = &cells.x.names[*column];
        let name = if width > 2 { cut(name, width) } else { cut(name, 8) };
        let end = left + (place + 1) * width;
        let start = if width > 2 { (end - 1).saturating_sub(name.chars().count()) } else { end - width };
        let start = start.max(left + place * width);
        if start >= free {
            board.write(start, top, &name, None);
            free = start + name.chars().count() + usize::from(width <= 2);
        }
    }
}

/// What the colours stand for.
fn scale(board: &mut Board, cells: &Cells, paper: Paper) {
    const STEPS: usize = 16;
    let (low, high) = (super::super::axis::short(cells.range.0), super::super::axis::short(cells.range.1));
    let row = board.height();
    board.write(0, row, &low, None);
    let from = low.chars().count() + 1;
    for step in 0..STEPS {
        let part = step as f64 / (STEPS - 1) as f64;
        let value = cells.range.0 + part * (cells.range.1 - cells.range.0);
        let letter = if paper.ink == Ink::Plain { shade(value, cells.range) } else { ' ' };
        board.set(from + step, row, Spot { letter, fore: None, back: Some(cells.map.at(part)) });
    }
    board.write(from + STEPS + 1, row, &format!("{high}  {}", cells.measure), None);
}

/// The character for a value where there is no colour.
pub fn shade(value: f64, (low, high): (f64, f64)) -> char {
    let part = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
    if part.is_nan() { '?' } else { SHADES[(part * (SHADES.len() - 1) as f64).round() as usize] }
}
