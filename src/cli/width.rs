//! How wide what is printed may be.

use terminal_size::Width;

/// The columns where nothing tells: of a pipe or a file.
const ELSEWHERE: usize = 120;

/// The columns of the terminal that the standard output is, or what `COLUMNS` says.
pub fn columns() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    terminal.or(said).filter(|columns| *columns > 0).unwrap_or(ELSEWHERE)
}

/// The columns of the terminal that progress is drawn on.
pub fn of_progress() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stderr()).map(|(Width(columns), _)| usize::from(columns));
    terminal.filter(|columns| *columns > 0).unwrap_or(80)
}
