//! Pictures as data: what is shown, before anybody knows on what it is drawn.
//!
//! A [`Figure`] is panels, each a chart with axes, a grid of coloured cells, small pictures, or a graph. `layout` gives
//! everything in it a place; the scene it makes is written by `svg` and painted by `png`. `terminal` draws the same
//! figure with characters. A new figure is a function that makes this data; nothing here knows values of the language.

pub mod axis;
mod colour;
mod font;
mod history;
mod layout;
mod png;
mod scene;
mod svg;
pub mod terminal;

pub use axis::{Axis, Scale};
pub use colour::{Map, Rgb, class_colour};
pub use history::{of_histories, of_history};
pub use svg::escaped;

use super::grid::csv_cell;

/// A picture, and the numbers in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// What it is called: `history`, `confusion`; the files are named after it.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// Its parts, beside each other where there is room.
    pub panels: Vec<Panel>,
    /// The numbers in it.
    pub data: Data,
}

/// A part of a figure.
#[derive(Clone, PartialEq, Debug)]
pub enum Panel {
    /// Lines and points between axes.
    Chart(Chart),
    /// A matrix as coloured cells.
    Cells(Cells),
    /// Small pictures side by side.
    Tiles(Tiles),
    /// Boxes and the arrows between them.
    Graph(Graph),
}

/// Layers between two axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    /// What stands above it, if it is one of several.
    pub title: String,
    /// The axis at the bottom.
    pub x: Axis,
    /// The axis on the left.
    pub y: Axis,
    /// What is drawn, from back to front.
    pub layers: Vec<Layer>,
    /// Its shape.
    pub aspect: Aspect,
}

/// The shape of a chart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aspect {
    /// Wider than high.
    Wide,
    /// As wide as high: the axes show the same.
    Square,
}

/// Something between the axes of a chart.
#[derive(Clone, PartialEq, Debug)]
pub enum Layer {
    /// Points joined in order, or not.
    Series(Series),
    /// A class for each place.
    Regions(Regions),
}

/// Points of one kind.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// What the legend says; without a name it says nothing.
    pub name: String,
    /// Which colour of the palette.
    pub colour: usize,
    /// How the points are drawn.
    pub stroke: Stroke,
    /// The points. One that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stroke {
    /// A line through them.
    Line,
    /// A dashed line through them.
    Dashed,
    /// A line through them and a dot at each.
    Dotted,
    /// A thin grey line: something to compare with.
    Guide,
    /// A dot at each.
    Dots,
}

/// The class of every place of a grid over the chart.
#[derive(Clone, PartialEq, Debug)]
pub struct Regions {
    /// The left and the right end.
    pub x: (f64, f64),
    /// The lower and the upper end.
    pub y: (f64, f64),
    /// How many places a row has.
    pub columns: usize,
    /// The class of each place and how sure it is, from 0 to 1; the rows from the top.
    pub places: Vec<(usize, f64)>,
}

/// A matrix as coloured cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Cells {
    /// What the columns are, and the name of each.
    pub x: Names,
    /// What the rows are, and the name of each, from the top.
    pub y: Names,
    /// What the colour of each cell stands for, the rows from the top; `nan` for an empty cell.
    pub values: Vec<Vec<f64>>,
    /// What is written in each cell.
    pub texts: Vec<Vec<String>>,
    /// The colours.
    pub map: Map,
    /// The values of the first and the last colour.
    pub range: (f64, f64),
    /// What the colours stand for, beside a bar that shows them; no bar if empty.
    pub measure: String,
}

/// What the places along one side of a matrix are.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Names {
    /// All of them together.
    pub label: String,
    /// Each.
    pub names: Vec<String>,
}

/// Small pictures side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct Tiles {
    /// The pictures in reading order.
    pub pictures: Vec<Picture>,
    /// How many stand beside each other.
    pub columns: usize,
    /// The colours of pictures with one channel.
    pub map: Map,
    /// The values of the first and the last colour.
    pub range: (f64, f64),
    /// Whether a bar shows which colour is which value.
    pub bar: Bar,
}

/// Whether a bar of colours stands beside pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// It does.
    Shown,
    /// It does not: grey says enough.
    Absent,
}

/// A picture of pixels.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture {
    /// What stands above it.
    pub title: String,
    /// How many rows of pixels.
    pub height: usize,
    /// How many columns of pixels.
    pub width: usize,
    /// For each channel, of which there are one or three, the values of the pixels, row by row.
    pub channels: Vec<Vec<f64>>,
}

/// Boxes and the arrows between them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Graph {
    /// The boxes; an arrow leads from an earlier to a later one.
    pub boxes: Vec<GraphBox>,
    /// Which box leads to which.
    pub edges: Vec<(usize, usize)>,
}

/// A box of a graph.
#[derive(Clone, PartialEq, Debug)]
pub struct GraphBox {
    /// Its first line.
    pub name: String,
    /// Its second line.
    pub detail: String,
    /// Its third line, if it has one.
    pub note: String,
    /// What it is.
    pub role: Role,
}

/// What a box of a graph is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// What goes in or comes out.
    End,
    /// Something with parameters.
    Layer,
    /// Something without.
    Function,
}

/// The numbers of a figure as a table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Data {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl Data {
    /// As the text of a CSV file.
    pub fn to_csv(&self) -> String {
        let line = |cells: &Vec<String>| cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\n";
        line(&self.columns) + &self.rows.iter().map(line).collect::<String>()
    }
}

impl Figure {
    /// As the text of an SVG file.
    pub fn to_svg(&self) -> String {
        svg::file(&layout::scene(self))
    }

    /// As an element of an HTML page.
    pub fn to_inline_svg(&self) -> String {
        svg::inline(&layout::scene(self), &self.title)
    }

    /// As a small element of an HTML page, one of many.
    pub fn to_small_svg(&self) -> String {
        svg::inline(&layout::small_scene(self), &self.title)
    }

    /// As the bytes of a PNG file.
    ///
    /// # Errors
    /// The picture is too large for memory.
    pub fn to_png(&self) -> Result<Vec<u8>, String> {
        png::paint(&layout::scene(self))
    }
}

impl Map {
    /// The colour of a value where the colours span this range.
    pub fn of(self, value: f64, (low, high): (f64, f64)) -> Rgb {
        if !value.is_finite() {
            return Rgb(0xee, 0xee, 0xee);
        }
        let part = if high > low { (value - low) / (high - low) } else { 0.5 };
        self.at(part.clamp(0.0, 1.0))
    }
}
