//! Gives everything in a figure its place.

mod cells;
mod chart;
mod graph;
mod tiles;

pub use chart::{NAMED, remark, rulers};
pub use tiles::colours as pixel_colours;

use super::colour::{INK, Map, SOFT};
use super::scene::{Anchor, Area, Scene, Shape, TITLE};
use super::{Axis, Figure, Panel, Scale, axis::Ruler, font};

/// How much paper there is around everything.
const BORDER: f64 = 14.0;
/// How far panels are apart.
const GAP: f64 = 18.0;
/// The size of text at ticks and in legends.
const SMALL: f64 = 11.0;

/// The figure as shapes: its title, below it the panels, two or three beside each other.
pub fn scene(figure: &Figure) -> Scene {
    match figure.panels.len() {
        0 | 1 => sized(figure, (640.0, 400.0)),
        _ => sized(figure, (460.0, 340.0)),
    }
}

/// The same with small panels: one of many figures.
pub fn small_scene(figure: &Figure) -> Scene {
    sized(figure, (290.0, 200.0))
}

fn sized(figure: &Figure, size: (f64, f64)) -> Scene {
    let panels: Vec<Scene> = figure.panels.iter().map(|panel| panel_scene(panel, size)).collect();
    let per_row = if panels.len() == 4 { 2 } else { panels.len().clamp(1, 3) };
    let title_width = font::width(&figure.title, TITLE);
    let mut whole = Scene::new(0.0, 0.0);
    let mut top = BORDER;
    if !figure.title.is_empty() {
        whole.text(&figure.title, (BORDER, top + TITLE), TITLE, Anchor::Start, INK);
        whole.width = title_width + 2.0 * BORDER;
        top += TITLE + 12.0;
    }
    for row in panels.chunks(per_row) {
        let mut left = BORDER;
        let height = row.iter().map(|panel| panel.height).fold(0.0, f64::max);
        for panel in row {
            whole.put(panel.clone(), (left, top));
            left += panel.width + GAP;
        }
        whole.width = whole.width.max(left - GAP + BORDER);
        top += height + GAP;
    }
    whole.height = top - GAP + BORDER;
    whole
}

fn panel_scene(panel: &Panel, size: (f64, f64)) -> Scene {
    match panel {
        Panel::Chart(chart) => chart::scene(chart, size),
        Panel::Cells(cells) => cells::scene(cells),
        Panel::Tiles(tiles) => tiles::scene(tiles),
        Panel::Graph(graph) => graph::scene(graph),
    }
}

/// A bar of colours with its numbers on the right; gives how wide it is.
fn bar(scene: &mut Scene, map: Map, range: (f64, f64), measure: &str, area: Area) -> f64 {
    let colours = (0..64).map(|idx| map.at(1.0 - f64::from(idx) / 63.0)).collect();
    scene.shapes.push(Shape::Pixels { area, columns: 1, colours });
    scene.frame(area, SOFT);
    let axis = Axis { label: String::new(), scale: Scale::Linear, ends: Some(range) };
    let mut widest = 0.0;
    let ruler = Ruler::new(&axis, std::iter::empty());
    let most = (area.height / 40.0).max(2.0) as usize;
    // One number says nothing of what a colour is worth.
    let ticks = (most..most + 7).map(|most| ruler.ticks(most)).find(|ticks| ticks.len() > 1);
    for tick in ticks.unwrap_or_else(|| ruler.ticks(most)) {
        let y = area.bottom() - tick.place * area.height;
        scene.line((area.right(), y), (area.right() + 4.0, y), SOFT, 1.0);
        widest = f64::max(widest, font::width(&tick.text, SMALL));
        scene.text(tick.text, (area.right() + 7.0, y + 0.36 * SMALL), SMALL, Anchor::Start, INK);
    }
    let mut width = area.width + 7.0 + widest;
    if !measure.is_empty() {
        let at = (area.right() + 7.0 + widest + 10.0, area.middle().1);
        scene.turned(measure, at, SMALL, Anchor::Middle, INK, 90.0);
        width += 10.0 + SMALL;
    }
    width
}
