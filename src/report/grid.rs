//! Text in columns.

/// Which side the cells of a column stand at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Rows of cells as lines whose columns line up, two spaces apart, each line ending in a newline. A row of no cells
/// becomes a rule.
pub fn grid(aligns: &[Align], rows: &[Vec<String>]) -> String {
    let mut widths = vec![0; aligns.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let mut text = String::new();
    for row in rows {
        if row.is_empty() {
            text.push_str(&"─".repeat(total));
        }
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - cell.chars().count());
            let gap = if column == 0 { "" } else { "  " };
            line += gap;
            match aligns[column] {
                Align::Left => line.extend([cell.as_str(), &padding]),
                Align::Right => line.extend([padding.as_str(), cell]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One cell of a CSV file, quoted if it has to be.
pub fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters() {
        let rows = [vec!["σ".to_string(), "1".to_string()], vec![], vec!["dense".to_string(), "6,500".to_string()]];
        assert_eq!(grid(&[Align::Left, Align::Right], &rows), "σ          1\n────────────\ndense  6,500\n");
    }

    #[test]
    fn csv_cells_are_quoted_where_needed() {
        assert_eq!(csv_cell("a b"), "a b");
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
