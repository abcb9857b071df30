//! Scenes as pixels, two for each pixel of the layout in both directions, so that a page can show them at any size.

use tiny_skia::{
    Color, ColorU8, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke,
    StrokeDash, Transform,
};

use super::colour::Rgb;
use super::font::{Step, outlines};
use super::scene::{Area, PAPER, Scene, Shape, Text};

const SCALE: f64 = 2.0;

/// The bytes of a PNG file.
pub fn paint(scene: &Scene) -> Result<Vec<u8>, String> {
    let size = |length: f64| (length * SCALE).ceil() as u32;
    let mut canvas = Pixmap::new(size(scene.width), size(scene.height))
        .ok_or_else(|| format!("a picture of {} by {} pixels is too large", size(scene.width), size(scene.height)))?;
    canvas.fill(Color::from_rgba8(PAPER.0, PAPER.1, PAPER.2, 255));
    scene.shapes.iter().for_each(|shape| paint_shape(&mut canvas, shape));
    canvas.encode_png().map_err(|error| error.to_string())
}

/// The bytes of a PNG file of these pixels, row by row.
pub fn pixels(columns: usize, colours: &[Rgb]) -> Vec<u8> {
    map_of(columns, colours).and_then(|map| map.encode_png().ok()).unwrap_or_default()
}

fn map_of(columns: usize, colours: &[Rgb]) -> Option<Pixmap> {
    let mut map = Pixmap::new(columns as u32, (colours.len() / columns.max(1)) as u32)?;
    for (pixel, colour) in map.pixels_mut().iter_mut().zip(colours) {
        *pixel = ColorU8::from_rgba(colour.0, colour.1, colour.2, 255).premultiply();
    }
    Some(map)
}

fn paint_shape(canvas: &mut Pixmap, shape: &Shape) {
    match shape {
        Shape::Box { area, fill, edge, radius } => {
            let Some(path) = rectangle(*area, *radius) else { return };
            if let Some(fill) = fill {
                fill_path(canvas, &path, *fill);
            }
            if let Some(edge) = edge {
                stroke(canvas, &path, *edge, 1.0, None);
            }
        }
        Shape::Line { points, colour, width, dashes } => {
            let mut path = PathBuilder::new();
            for (idx, (x, y)) in points.iter().enumerate() {
                let (x, y) = (*x as f32, *y as f32);
                if idx == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
            }
            if let Some(path) = path.finish() {
                stroke(canvas, &path, *colour, *width, *dashes);
            }
        }
        Shape::Dot { at: (x, y), radius, colour } => {
            let circle = |radius: f64| PathBuilder::from_circle(*x as f32, *y as f32, radius as f32);
            if let (Some(edge), Some(dot)) = (circle(radius + 0.35), circle(radius - 0.35)) {
                fill_path(canvas, &edge, PAPER);
                fill_path(canvas, &dot, *colour);
            }
        }
        Shape::Triangle { points: [a, b, c], colour } => {
            let mut path = PathBuilder::new();
            path.move_to(a.0 as f32, a.1 as f32);
            path.line_to(b.0 as f32, b.1 as f32);
            path.line_to(c.0 as f32, c.1 as f32);
            path.close();
            if let Some(path) = path.finish() {
                fill_path(canvas, &path, *colour);
            }
        }
        Shape::Text(text) => paint_text(canvas, text),
        Shape::Pixels { area, columns, colours } => {
            let Some(map) = map_of(*columns, colours) else { return };
            let (wide, high) = (area.width / f64::from(map.width()), area.height / f64::from(map.height()));
            let place = Transform::from_row(wide as f32, 0.0, 0.0, high as f32, area.left as f32, area.top as f32);
            canvas.draw_pixmap(0, 0, map.as_ref(), &PixmapPaint::default(), place.post_concat(whole()), None);
        }
    }
}

fn paint_text(canvas: &mut Pixmap, text: &Text) {
    let offset = text.offset();
    let mut path = PathBuilder::new();
    for step in outlines(&text.text, text.size) {
        let at = |x: f64, y: f64| ((x + offset) as f32, y as f32);
        match step {
            Step::Move(x, y) => {
                let (x, y) = at(x, y);
                path.move_to(x, y);
            }
            Step::Line(x, y) => {
                let (x, y) = at(x, y);
                path.line_to(x, y);
            }
            Step::Curve(x1, y1, x, y) => {
                let ((x1, y1), (x, y)) = (at(x1, y1), at(x, y));
                path.quad_to(x1, y1, x, y);
            }
            Step::Close => path.close(),
        }
    }
    let place = Transform::from_rotate(text.turn as f32).post_translate(text.at.0 as f32, text.at.1 as f32);
    if let Some(path) = path.finish().and_then(|path| path.transform(place)) {
        fill_path(canvas, &path, text.colour);
    }
}

fn rectangle(area: Area, radius: f64) -> Option<Path> {
    let rect = Rect::from_xywh(area.left as f32, area.top as f32, area.width as f32, area.height as f32)?;
    if radius == 0.0 {
        return Some(PathBuilder::from_rect(rect));
    }
    let (left, top, right, bottom, r) = (rect.left(), rect.top(), rect.right(), rect.bottom(), radius as f32);
    let mut path = PathBuilder::new();
    path.move_to(left + r, top);
    path.line_to(right - r, top);
    path.quad_to(right, top, right, top + r);
    path.line_to(right, bottom - r);
    path.quad_to(right, bottom, right - r, bottom);
    path.line_to(left + r, bottom);
    path.quad_to(left, bottom, left, bottom - r);
    path.line_to(left, top + r);
    path.quad_to(left, top, left + r, top);
    path.close();
    path.finish()
}

fn whole() -> Transform {
    Transform::from_scale(SCALE as f32, SCALE as f32)
}

fn ink(colour: Rgb) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(colour.0, colour.1, colour.2, 255);
    paint
}

fn fill_path(canvas: &mut Pixmap, path: &Path, colour: Rgb) {
    canvas.fill_path(path, &ink(colour), FillRule::Winding, whole(), None);
}

fn stroke(canvas: &mut Pixmap, path: &Path, colour: Rgb, width: f64, dashes: Option<f64>) {
    let stroke = Stroke {
        width: width as f32,
        line_join: LineJoin::Round,
        line_cap: LineCap::Butt,
        dash: dashes.and_then(|length| StrokeDash::new(vec![length as f32, length as f32], 0.0)),
        ..Stroke::default()
    };
    canvas.stroke_path(path, &ink(colour), &stroke, whole(), None);
}
