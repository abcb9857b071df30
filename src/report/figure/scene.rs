//! A picture as shapes with places, in pixels from the top left corner.

use super::colour::{Rgb, WHITE};
use super::font;

/// The size of most text.
pub const TEXT: f64 = 12.0;
/// The size of the title.
pub const TITLE: f64 = 15.0;

/// Shapes on white paper, from back to front.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

/// A part of a scene.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// A rectangle with corners of this radius.
    Box { area: Area, fill: Option<Rgb>, edge: Option<Rgb>, radius: f64 },
    /// A line through points.
    Line { points: Vec<(f64, f64)>, colour: Rgb, width: f64, dashes: Option<f64> },
    /// A dot with a thin white edge, so that dots on dots are seen.
    Dot { at: (f64, f64), radius: f64, colour: Rgb },
    /// The triangle through three points.
    Triangle { points: [(f64, f64); 3], colour: Rgb },
    /// A line of text.
    Text(Text),
    /// Pixels with sharp edges, row by row.
    Pixels { area: Area, columns: usize, colours: Vec<Rgb> },
}

/// A line of text.
#[derive(Clone, PartialEq, Debug)]
pub struct Text {
    pub text: String,
    /// Where its baseline begins, is in the middle, or ends.
    pub at: (f64, f64),
    pub size: f64,
    pub anchor: Anchor,
    /// By how many degrees it is turned clockwise about that place.
    pub turn: f64,
    pub colour: Rgb,
}

/// Which place of a text is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn new(left: f64, top: f64, width: f64, height: f64) -> Area {
        Area { left, top, width, height }
    }

    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn middle(&self) -> (f64, f64) {
        (self.left + self.width / 2.0, self.top + self.height / 2.0)
    }
}

impl Scene {
    pub fn new(width: f64, height: f64) -> Scene {
        Scene { width, height, shapes: vec![] }
    }

    /// Text upright.
    pub fn text(&mut self, text: impl Into<String>, at: (f64, f64), size: f64, anchor: Anchor, colour: Rgb) {
        self.turned(text, at, size, anchor, colour, 0.0);
    }

    /// Text turned clockwise by degrees.
    pub fn turned(
        &mut self,
        text: impl Into<String>,
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        colour: Rgb,
        turn: f64,
    ) {
        let text = text.into();
        if !text.is_empty() {
            self.shapes.push(Shape::Text(Text { text, at, size, anchor, turn, colour }));
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, width: f64) {
        self.shapes.push(Shape::Line { points: vec![from, to], colour, width, dashes: None });
    }

    /// A filled rectangle.
    pub fn fill(&mut self, area: Area, fill: Rgb) {
        self.shapes.push(Shape::Box { area, fill: Some(fill), edge: None, radius: 0.0 });
    }

    /// The edge of a rectangle.
    pub fn frame(&mut self, area: Area, edge: Rgb) {
        self.shapes.push(Shape::Box { area, fill: None, edge: Some(edge), radius: 0.0 });
    }

    /// Everything of another scene, moved.
    pub fn put(&mut self, other: Scene, (left, top): (f64, f64)) {
        let moved = |(x, y): (f64, f64)| (x + left, y + top);
        let moved_area = |area: Area| Area { left: area.left + left, top: area.top + top, ..area };
        self.shapes.extend(other.shapes.into_iter().map(|shape| match shape {
            Shape::Box { area, fill, edge, radius } => Shape::Box { area: moved_area(area), fill, edge, radius },
            Shape::Line { points, colour, width, dashes } => {
                Shape::Line { points: points.into_iter().map(moved).collect(), colour, width, dashes }
            }
            Shape::Dot { at, radius, colour } => Shape::Dot { at: moved(at), radius, colour },
            Shape::Triangle { points, colour } => Shape::Triangle { points: points.map(moved), colour },
            Shape::Text(text) => Shape::Text(Text { at: moved(text.at), ..text }),
            Shape::Pixels { area, columns, colours } => Shape::Pixels { area: moved_area(area), columns, colours },
        }));
    }
}

impl Text {
    /// Where the text begins on its baseline, before it is turned, from the place it is turned about.
    pub fn offset(&self) -> f64 {
        match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -font::width(&self.text, self.size) / 2.0,
            Anchor::End => -font::width(&self.text, self.size),
        }
    }
}

/// The paper everything is drawn on.
pub const PAPER: Rgb = WHITE;
