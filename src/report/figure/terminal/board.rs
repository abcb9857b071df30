//! A rectangle of characters with colours, and the codes a terminal needs to show it.

use super::super::Rgb;
use super::Ink;

/// A character with its colours.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spot {
    pub letter: char,
    pub fore: Option<Rgb>,
    pub back: Option<Rgb>,
}

const BLANK: Spot = Spot { letter: ' ', fore: None, back: None };

/// Lines of spots, which grow as they are written on.
#[derive(Clone, Debug, Default)]
pub struct Board {
    lines: Vec<Vec<Spot>>,
}

impl Board {
    pub fn set(&mut self, column: usize, row: usize, spot: Spot) {
        if self.lines.len() <= row {
            self.lines.resize(row + 1, vec![]);
        }
        let line = &mut self.lines[row];
        if line.len() <= column {
            line.resize(column + 1, BLANK);
        }
        line[column] = spot;
    }

    pub fn get(&self, column: usize, row: usize) -> Spot {
        self.lines.get(row).and_then(|line| line.get(column)).copied().unwrap_or(BLANK)
    }

    /// Writes a text from a place on.
    pub fn write(&mut self, column: usize, row: usize, text: &str, fore: Option<Rgb>) {
        for (idx, letter) in text.chars().enumerate() {
            let back = self.get(column + idx, row).back;
            self.set(column + idx, row, Spot { letter, fore, back });
        }
    }

    pub fn height(&self) -> usize {
        self.lines.len()
    }

    /// The lines with their codes, blanks at their ends left out.
    pub fn to_text(&self, ink: Ink) -> String {
        self.lines.iter().map(|line| line_text(line, ink)).collect::<Vec<_>>().join("\n")
    }
}

fn line_text(line: &[Spot], ink: Ink) -> String {
    let is_seen = |spot: &Spot| spot.letter != ' ' || ink != Ink::Plain && spot.back.is_some();
    let used = line.iter().rposition(is_seen).map_or(0, |last| last + 1);
    let mut text = String::new();
    let mut now = (None, None);
    for spot in &line[..used] {
        let wanted = if ink == Ink::Plain { (None, None) } else { (spot.fore, spot.back) };
        if wanted != now {
            text += "\u{1b}[0m";
            text += &wanted.0.map_or(String::new(), |colour| code(colour, 38, ink));
            text += &wanted.1.map_or(String::new(), |colour| code(colour, 48, ink));
            now = wanted;
        }
        text.push(spot.letter);
    }
    if now != (None, None) {
        text += "\u{1b}[0m";
    }
    text
}

fn code(colour: Rgb, layer: u8, ink: Ink) -> String {
    match ink {
        Ink::Plain => String::new(),
        Ink::Indexed => format!("\u{1b}[{layer};5;{}m", indexed(colour)),
        Ink::True => format!("\u{1b}[{layer};2;{};{};{}m", colour.0, colour.1, colour.2),
    }
}

/// The nearest of the 256 colours: one of a cube of six values a channel, or of 24 greys.
fn indexed(colour: Rgb) -> u32 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let far = |a: u8, b: u8| i32::from(a.abs_diff(b)).pow(2);
    let step = |channel: u8| (0..STEPS.len()).min_by_key(|step| far(STEPS[*step], channel)).unwrap_or(0);
    let [r, g, b] = [colour.0, colour.1, colour.2].map(step);
    let from_cube = far(STEPS[r], colour.0) + far(STEPS[g], colour.1) + far(STEPS[b], colour.2);
    let mean = (u32::from(colour.0) + u32::from(colour.1) + u32::from(colour.2)) / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23);
    let level = (8 + 10 * grey) as u8;
    let from_grey = far(level, colour.0) + far(level, colour.1) + far(level, colour.2);
    if from_grey < from_cube { 232 + grey } else { (16 + 36 * r + 6 * g + b) as u32 }
}

/// As much of a text as a line has room for.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(1)).collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_told_once_and_taken_back() {
        let mut board = Board::default();
        board.write(1, 0, "ab", Some(Rgb(255, 0, 0)));
        board.write(3, 0, "c  ", None);
        assert_eq!(board.to_text(Ink::Plain), " abc");
        assert_eq!(board.to_text(Ink::True), " \u{1b}[0m\u{1b}[38;2;255;0;0mab\u{1b}[0mc");
        assert_eq!(board.to_text(Ink::Indexed), " \u{1b}[0m\u{1b}[38;5;196mab\u{1b}[0mc");
    }

    #[test]
    fn the_nearest_of_256_colours_is_taken() {
        let cases = [(Rgb(0, 0, 0), 16), (Rgb(255, 255, 255), 231), (Rgb(128, 128, 128), 244), (Rgb(0, 95, 175), 25)];
        for (colour, index) in cases {
            assert_eq!(indexed(colour), index, "{colour:?}");
        }
    }
}
