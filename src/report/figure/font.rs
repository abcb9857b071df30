//! The font of pictures, DejaVu Sans, which is part of the program: a picture looks the same where no font is installed.

use std::sync::OnceLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Latin, Greek, Cyrillic and mathematical letters; its licence lies beside it.
const BYTES: &[u8] = include_bytes!("../../../assets/DejaVuSans.ttf");

/// What a browser is asked for in place of it.
pub const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";

/// A step of the outline of a letter, in pixels from the start of its baseline, y downwards.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// A new outline begins here.
    Move(f64, f64),
    /// A straight line to here.
    Line(f64, f64),
    /// A parabola with this control point, to here.
    Curve(f64, f64, f64, f64),
    /// Back to where the outline began.
    Close,
}

fn face() -> &'static Face<'static> {
    static FACE: OnceLock<Face<'static>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(BYTES, 0).expect("the font in the program is whole"))
}

/// The glyph of a letter; a letter the font lacks is the empty box.
fn glyph(letter: char) -> GlyphId {
    face().glyph_index(letter).unwrap_or(GlyphId(0))
}

fn scale(size: f64) -> f64 {
    size / f64::from(face().units_per_em())
}

/// How wide a text is, in pixels.
pub fn width(text: &str, size: f64) -> f64 {
    let units = text.chars().map(|letter| f64::from(face().glyph_hor_advance(glyph(letter)).unwrap_or(0)));
    units.sum::<f64>() * scale(size)
}

/// As much of a text as fits a width, with `…` where it is cut.
pub fn fitted(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_string();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while !kept.is_empty() && width(&kept.iter().collect::<String>(), size) + width("…", size) > most {
        kept.pop();
    }
    kept.iter().collect::<String>() + "…"
}

/// The outlines of a text from the origin on.
pub fn outlines(text: &str, size: f64) -> Vec<Step> {
    let mut pen = Pen { steps: vec![], left: 0.0, scale: scale(size) };
    for letter in text.chars() {
        let glyph = glyph(letter);
        // A space has no outline.
        let _ = face().outline_glyph(glyph, &mut pen);
        pen.left += f64::from(face().glyph_hor_advance(glyph).unwrap_or(0)) * pen.scale;
    }
    pen.steps
}

struct Pen {
    steps: Vec<Step>,
    left: f64,
    scale: f64,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f64, f64) {
        (self.left + f64::from(x) * self.scale, -f64::from(y) * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.steps.push(Step::Move(x, y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.steps.push(Step::Line(x, y));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.steps.push(Step::Curve(x1, y1, x, y));
    }

    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        unreachable!("the outlines of a TrueType font are parabolas")
    }

    fn close(&mut self) {
        self.steps.push(Step::Close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_we_write_is_in_the_font() {
        for letter in "abcXYZ019 .,:;()[]{}+−×·=≤≥≈∂∇Σσλθμη⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂→←…–äöüéñłЖ€".chars()
        {
            assert!(face().glyph_index(letter).is_some(), "{letter}");
        }
    }

    #[test]
    fn texts_are_cut_to_a_width() {
        assert!(width("mm", 12.0) > width("ii", 12.0));
        assert_eq!(fitted("loss", 12.0, 500.0), "loss");
        let cut = fitted("a rather long name of a class", 12.0, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 80.0, "{cut}");
        assert!(!outlines("loss", 12.0).is_empty());
    }
}
