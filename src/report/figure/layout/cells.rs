//! A matrix as coloured cells, the names of columns and rows beside it.

use super::super::colour::{INK, SOFT};
use super::super::scene::{Anchor, Area, Scene, Shape, TEXT};
use super::super::{Cells, font};
use super::{SMALL, bar};

/// How large a cell may be.
const LARGEST: f64 = 50.0;
/// How large the whole is at most, unless cells become invisible.
const WHOLE: f64 = 560.0;
/// How wide and how high the whole is at least.
const LEAST: f64 = 30.0;
/// More cells than this are painted as pixels.
const BOXES: usize = 2500;

pub fn scene(cells: &Cells) -> Scene {
    let (n_rows, n_columns) = (cells.values.len().max(1), cells.x.names.len().max(1));
    let height = (WHOLE / n_rows as f64).clamp(2.0, LARGEST).min((WHOLE / n_columns as f64).clamp(2.0, LARGEST));
    let longest = cells.texts.iter().flatten().map(|text| font::width(text, SMALL)).fold(0.0, f64::max);
    let writes = longest > 0.0 && height >= SMALL + 3.0 && (longest + 8.0) * n_columns as f64 <= 1.6 * WHOLE;
    let width = if writes { height.max(longest + 8.0) } else { height.max(LEAST / n_columns as f64) };
    let height = height.max(LEAST / n_rows as f64);

    let y_names = cells.y.names.iter().map(|name| font::width(name, SMALL)).fold(0.0, f64::max).min(160.0);
    let y_label = if cells.y.label.is_empty() { 0.0 } else { TEXT + 8.0 };
    let left = y_label + y_names + 8.0;
    let area = Area::new(left, 4.0, width * n_columns as f64, height * n_rows as f64);
    let mut scene = Scene::new(0.0, 0.0);
    paint(&mut scene, cells, area, (width, height));
    if writes {
        for (row, texts) in cells.texts.iter().enumerate() {
            for (column, text) in texts.iter().enumerate() {
                let colour = cells.map.of(cells.values[row][column], cells.range).ink_on();
                let at =
                    (area.left + (column as f64 + 0.5) * width, area.top + (row as f64 + 0.5) * height + 0.36 * SMALL);
                scene.text(text, at, SMALL, Anchor::Middle, colour);
            }
        }
    }
    scene.frame(area, SOFT);

    let every = round_step((SMALL + 2.0) / height);
    for (row, name) in cells.y.names.iter().enumerate().step_by(every) {
        let at = (area.left - 6.0, area.top + (row as f64 + 0.5) * height + 0.36 * SMALL);
        scene.text(font::fitted(name, SMALL, 160.0), at, SMALL, Anchor::End, INK);
    }
    let widest = cells.x.names.iter().map(|name| font::width(name, SMALL)).fold(0.0, f64::max).min(120.0);
    let slanted = widest + 4.0 > width && n_columns > 1;
    let every = if slanted { round_step((SMALL + 4.0) / width) } else { 1 };
    for (column, name) in cells.x.names.iter().enumerate().step_by(every) {
        let (at, name) = (area.left + (column as f64 + 0.5) * width, font::fitted(name, SMALL, 120.0));
        match slanted {
            true => scene.turned(name, (at + 4.0, area.bottom() + SMALL + 2.0), SMALL, Anchor::End, INK, -45.0),
            false => scene.text(name, (at, area.bottom() + SMALL + 5.0), SMALL, Anchor::Middle, INK),
        }
    }
    let below = area.bottom() + if slanted { widest * 0.71 + SMALL } else { SMALL + 7.0 };
    let (middle_x, middle_y) = area.middle();
    scene.text(&cells.x.label, (middle_x, below + TEXT + 3.0), TEXT, Anchor::Middle, INK);
    scene.turned(&cells.y.label, (TEXT, middle_y), TEXT, Anchor::Middle, INK, -90.0);
    scene.height = below + if cells.x.label.is_empty() { 2.0 } else { TEXT + 8.0 };
    scene.width = area.right() + 4.0;
    if !cells.measure.is_empty() {
        // The bar is no shorter than what is written along it.
        let least = font::width(&cells.measure, SMALL).clamp(90.0, 320.0);
        let tall = area.height.clamp(least, 320.0);
        // What is written below a narrow matrix ends before the bar, where that is longer than the matrix is high.
        let label_end = middle_x + font::width(&cells.x.label, TEXT) / 2.0;
        let beside = if tall > area.height { area.right().max(label_end) } else { area.right() };
        let place = Area::new(beside + 16.0, area.top, 14.0, tall);
        scene.width = beside + 16.0 + bar(&mut scene, cells.map, cells.range, &cells.measure, place);
        scene.height = scene.height.max(tall + 12.0);
    }
    let label_half = font::width(&cells.x.label, TEXT) / 2.0;
    scene.width = scene.width.max(middle_x + label_half + 4.0);
    scene
}

/// A step of 1, 2 or 5 times a power of ten that is at least this.
fn round_step(least: f64) -> usize {
    let steps = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_usize.pow(power)));
    steps.into_iter().find(|step| *step as f64 >= least).unwrap_or(1)
}

fn paint(scene: &mut Scene, cells: &Cells, area: Area, (width, height): (f64, f64)) {
    let colour = |value: &f64| cells.map.of(*value, cells.range);
    let columns = cells.x.names.len().max(1);
    if columns * cells.values.len() > BOXES {
        let colours = cells.values.iter().flatten().map(colour).collect();
        scene.shapes.push(Shape::Pixels { area, columns, colours });
        return;
    }
    for (row, values) in cells.values.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let (left, top) = (area.left + column as f64 * width, area.top + row as f64 * height);
            // Half a pixel more, so that no paper shines through.
            scene.fill(Area::new(left, top, width + 0.5, height + 0.5), colour(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Map, Names};
    use super::*;

    fn matrix(n_rows: usize, n_columns: usize) -> Cells {
        let names =
            |label: &str, n: usize| Names { label: label.into(), names: (0..n).map(|k| k.to_string()).collect() };
        Cells {
            x: names("a long label below", n_columns),
            y: names("row", n_rows),
            values: vec![vec![0.5; n_columns]; n_rows],
            texts: vec![vec![String::new(); n_columns]; n_rows],
            map: Map::Blues,
            range: (0.0, 1.0),
            measure: "value".into(),
        }
    }

    /// The frames of a scene: that of the cells, then that of the bar.
    fn frames(scene: &Scene) -> Vec<Area> {
        let frame = |shape: &Shape| match shape {
            Shape::Box { area, fill: None, .. } => Some(*area),
            _ => None,
        };
        scene.shapes.iter().filter_map(frame).collect()
    }

    #[test]
    fn one_row_is_high_enough_to_be_seen() {
        for (cells, least) in [(matrix(1, 200), LEAST), (matrix(200, 1), 2.0)] {
            let scene = scene(&cells);
            let area = frames(&scene)[0];
            assert!(area.height >= least && area.width >= LEAST, "{area:?}");
        }
    }

    #[test]
    fn labels_and_bar_do_not_meet() {
        let scene = scene(&matrix(1, 1));
        let bar = frames(&scene)[1];
        let label = scene.shapes.iter().find_map(|shape| match shape {
            Shape::Text(text) if text.text == "a long label below" => Some(text),
            _ => None,
        });
        let label = label.expect("the label is written");
        assert!(label.at.0 + font::width(&label.text, TEXT) / 2.0 < bar.left, "{label:?} {bar:?}");
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.3, 1.0, 2.2, 5.0, 7.0, 33.0].map(round_step), [1, 1, 5, 5, 10, 50]);
    }
}
