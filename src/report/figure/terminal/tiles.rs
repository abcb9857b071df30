//! Small pictures: a character is two pixels, one above the other, or half a pixel where there is no colour.

use super::super::layout::pixel_colours;
use super::super::{Picture, Rgb, Tiles};
use super::board::{Board, Spot, cut};
use super::cells::shade;
use super::{Ink, Paper};

/// So small pictures are drawn twice as large.
const SMALL: usize = 8;

pub fn draw(tiles: &Tiles, paper: Paper) -> Board {
    let mut board = Board::default();
    let widest = tiles.pictures.iter().map(|picture| picture.width).max().unwrap_or(1).max(1);
    let plain = paper.ink == Ink::Plain;
    let zoom = if widest <= SMALL && !plain { 2 } else { 1 };
    let per_pixel = if plain { 2 } else { zoom };
    // A picture wider than the terminal is shown by every second, third, … pixel.
    let every = (widest * per_pixel).div_ceil(paper.columns).max(1);
    let width = widest.div_ceil(every) * per_pixel;
    let per_row = ((paper.columns + 2) / (width + 2)).clamp(1, tiles.columns.max(1));
    let has_titles = tiles.pictures.iter().any(|picture| !picture.title.is_empty());
    let mut top = 0;
    for row in tiles.pictures.chunks(per_row) {
        for (place, picture) in row.iter().enumerate() {
            let left = place * (width + 2);
            if has_titles {
                board.write(left, top, &cut(&picture.title, width + 1), None);
            }
            let below = top + usize::from(has_titles);
            let shown = Shown { tiles, picture, every, zoom };
            if plain { shown.shades(&mut board, left, below) } else { shown.blocks(&mut board, left, below) }
        }
        top = board.height() + 1;
    }
    board
}

struct Shown<'a> {
    tiles: &'a Tiles,
    picture: &'a Picture,
    every: usize,
    zoom: usize,
}

impl Shown<'_> {
    /// How many rows and columns of pixels are shown.
    fn size(&self) -> (usize, usize) {
        let zoomed = |n: usize| n.div_ceil(self.every) * self.zoom;
        (zoomed(self.picture.height), zoomed(self.picture.width))
    }

    fn place(&self, row: usize, column: usize) -> usize {
        let of = |place: usize, n: usize| (place / self.zoom * self.every).min(n - 1);
        of(row, self.picture.height) * self.picture.width + of(column, self.picture.width)
    }

    fn blocks(&self, board: &mut Board, left: usize, top: usize) {
        let colours: Vec<Rgb> = pixel_colours(self.tiles, self.picture);
        let (height, width) = self.size();
        for row in (0..height).step_by(2) {
            for column in 0..width {
                let above = colours[self.place(row, column)];
                let below = (row + 1 < height).then(|| colours[self.place(row + 1, column)]);
                let spot = Spot { letter: '▀', fore: Some(above), back: below };
                board.set(left + column, top + row / 2, spot);
            }
        }
    }

    fn shades(&self, board: &mut Board, left: usize, top: usize) {
        let colours: Vec<Rgb> = pixel_colours(self.tiles, self.picture);
        let (height, width) = self.size();
        for row in 0..height {
            for column in 0..width {
                let place = self.place(row, column);
                let shade = match &self.picture.channels[..] {
                    [values] => shade(values[place], self.tiles.range),
                    _ => {
                        let Rgb(r, g, b) = colours[place];
                        shade(0.3 * f64::from(r) + 0.59 * f64::from(g) + 0.11 * f64::from(b), (0.0, 255.0))
                    }
                };
                board.write(left + 2 * column, top + row, &shade.to_string().repeat(2), None);
            }
        }
    }
}
