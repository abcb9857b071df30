//! A chart: axes with their ticks, the legend above, lines and points between.

use super::super::colour::{COLOURS, FAINT, INK, SOFT, WHITE, class_colour};
use super::super::scene::{Anchor, Area, Scene, Shape, TEXT};
use super::super::{Aspect, Chart, Layer, Regions, Scale, Series, Stroke, axis::Ruler, axis::Tick, font};
use super::SMALL;

/// More points than this are thinned out: nobody sees more on so little paper.
const POINTS: usize = 1200;
/// More names than this are too many for a legend, which then has the first of them.
pub const NAMED: usize = 16;
/// The slant of names at the bottom that do not fit side by side, in degrees.
const SLANT: f64 = -35.0;

/// Lays a chart out on paper of this size, or a square one of its height.
pub fn scene(chart: &Chart, (width, height): (f64, f64)) -> Scene {
    let width = if chart.aspect == Aspect::Square { height + 60.0 } else { width };
    let mut scene = Scene::new(width, height);
    let mut top = 0.0;
    if !chart.title.is_empty() {
        scene.text(&chart.title, (0.0, TEXT + 1.0), TEXT + 1.0, Anchor::Start, INK);
        top += TEXT + 10.0;
    }
    top = legend(&mut scene, chart, top, width);
    let (x, y) = rulers(chart);
    if let Some(remark) = remark(chart) {
        scene.text(remark, (0.0, top + SMALL), SMALL, Anchor::Start, SOFT);
        top += SMALL + 8.0;
    }
    let y_ticks = y.ticks(((height - top - 50.0) / 42.0) as usize);
    let widest = y_ticks.iter().map(|tick| font::width(&tick.text, SMALL)).fold(0.0, f64::max);
    let left = widest + 12.0 + if chart.y.label.is_empty() { 0.0 } else { TEXT + 8.0 };
    let x_ticks = bottom_ticks(&x, &chart.x.scale, width - left);
    let slanted = !side_by_side(&x_ticks, width - left);
    let longest = x_ticks.iter().map(|tick| font::width(&tick.text, SMALL)).fold(0.0, f64::max);
    let below = if slanted { longest * (-SLANT).to_radians().sin() + SMALL } else { SMALL + 4.0 };
    let bottom = below + 6.0 + if chart.x.label.is_empty() { 0.0 } else { TEXT + 8.0 };
    let mut area = Area::new(left, top + 6.0, width - left - 12.0, height - top - 6.0 - bottom);
    if chart.aspect == Aspect::Square {
        area.width = area.width.min(area.height);
        area.height = area.width;
    }
    let layers: (Vec<&Regions>, Vec<&Series>) = parts(chart);
    for regions in layers.0 {
        shade(&mut scene, regions, &x, &y, area);
    }
    grid(&mut scene, &x_ticks, &y_ticks, area, chart);
    for series in layers.1 {
        draw(&mut scene, series, &x, &y, area);
    }
    scene.frame(area, SOFT);
    for tick in x_ticks.iter().filter(|tick| !tick.text.is_empty()) {
        let at = area.left + tick.place * area.width;
        let (anchor, turn) = if slanted { (Anchor::End, SLANT) } else { (Anchor::Middle, 0.0) };
        let place = if slanted { (at + 4.0, area.bottom() + SMALL + 3.0) } else { (at, area.bottom() + SMALL + 6.0) };
        scene.turned(&tick.text, place, SMALL, anchor, INK, turn);
    }
    for tick in &y_ticks {
        let at = area.bottom() - tick.place * area.height;
        scene.text(&tick.text, (area.left - 7.0, at + 0.36 * SMALL), SMALL, Anchor::End, INK);
    }
    let (middle_x, middle_y) = area.middle();
    let label_at = area.bottom() + below + TEXT + 7.0;
    scene.text(&chart.x.label, (middle_x, label_at), TEXT, Anchor::Middle, INK);
    scene.turned(&chart.y.label, (TEXT, middle_y), TEXT, Anchor::Middle, INK, -90.0);
    if chart.aspect == Aspect::Square {
        let end = scene.shapes.iter().filter_map(legend_end).fold(area.right() + 12.0, f64::max);
        scene.width = end;
        scene.height = label_at + 6.0;
    }
    scene
}

fn legend_end(shape: &Shape) -> Option<f64> {
    match shape {
        Shape::Text(text) if text.anchor == Anchor::Start => Some(text.at.0 + font::width(&text.text, text.size)),
        _ => None,
    }
}

/// The rulers of both axes, for everything that is drawn.
pub fn rulers(chart: &Chart) -> (Ruler, Ruler) {
    let points = || {
        chart.layers.iter().flat_map(|layer| match layer {
            Layer::Series(series) => series.points.clone(),
            Layer::Regions(regions) => vec![(regions.x.0, regions.y.0), (regions.x.1, regions.y.1)],
        })
    };
    (Ruler::new(&chart.x, points().map(|point| point.0)), Ruler::new(&chart.y, points().map(|point| point.1)))
}

fn parts(chart: &Chart) -> (Vec<&Regions>, Vec<&Series>) {
    let (mut regions, mut series) = (vec![], vec![]);
    for layer in &chart.layers {
        match layer {
            Layer::Regions(layer) => regions.push(layer),
            Layer::Series(layer) => series.push(layer),
        }
    }
    (regions, series)
}

/// The names of the series in rows; gives where they end.
fn legend(scene: &mut Scene, chart: &Chart, top: f64, width: f64) -> f64 {
    const SAMPLE: f64 = 22.0;
    let named: Vec<&Series> = parts(chart).1.into_iter().filter(|series| !series.name.is_empty()).collect();
    if named.is_empty() {
        return top;
    }
    let (mut left, mut row) = (0.0, top);
    let shown = if named.len() > NAMED { NAMED - 4 } else { named.len() };
    let more = named.len() - shown;
    for series in named.into_iter().take(shown) {
        let name = font::fitted(&series.name, SMALL, width - SAMPLE - 10.0);
        let needed = SAMPLE + 6.0 + font::width(&name, SMALL);
        if left > 0.0 && left + needed > width {
            (left, row) = (0.0, row + SMALL + 8.0);
        }
        let middle = row + SMALL * 0.65;
        sample(scene, series, (left, middle), SAMPLE);
        scene.text(name, (left + SAMPLE + 6.0, row + SMALL), SMALL, Anchor::Start, INK);
        left += needed + 16.0;
    }
    if more > 0 {
        let text = format!("and {more} more");
        if left + font::width(&text, SMALL) > width {
            (left, row) = (0.0, row + SMALL + 8.0);
        }
        scene.text(text, (left, row + SMALL), SMALL, Anchor::Start, SOFT);
    }
    row + SMALL + 8.0
}

/// What is said of values that have no place: a picture without them looks whole.
pub fn remark(chart: &Chart) -> Option<String> {
    let (x, y) = rulers(chart);
    let points = || parts(chart).1.into_iter().flat_map(|series| &series.points);
    let has_place = |point: &(f64, f64)| x.place(point.0).is_some() && y.place(point.1).is_some();
    let is_finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
    let lost = points().filter(is_finite).filter(|point| !has_place(point)).count();
    if points().next().is_some() && !points().any(has_place) {
        let what = if lost > 0 { "none is above 0, as a logarithmic axis needs" } else { "all are nan or infinite" };
        return Some(format!("no value to show: {what}"));
    }
    (lost > 0).then(|| {
        format!("without {lost} value{} of 0 or less, on a logarithmic axis", if lost == 1 { "" } else { "s" })
    })
}

fn sample(scene: &mut Scene, series: &Series, (left, middle): (f64, f64), width: f64) {
    let points = vec![(left, middle), (left + width, middle)];
    if series.stroke != Stroke::Dots {
        scene.shapes.push(stroke_of(series, points));
    }
    if matches!(series.stroke, Stroke::Dots | Stroke::Dotted) {
        let (at, colour) = ((left + width / 2.0, middle), class_colour(series.colour));
        scene.shapes.push(Shape::Dot { at, radius: 4.0, colour });
    }
}

fn bottom_ticks(ruler: &Ruler, scale: &Scale, width: f64) -> Vec<Tick> {
    match scale {
        Scale::Names(_) => ruler.ticks((width / 16.0) as usize),
        Scale::Linear | Scale::Whole | Scale::Log => {
            // As many as there is room for.
            let fits = |most: &usize| side_by_side(&ruler.ticks(*most), width);
            ruler.ticks((2..=8).rev().find(fits).unwrap_or(2))
        }
    }
}

/// Whether the texts of ticks at the bottom do not touch.
fn side_by_side(ticks: &[Tick], width: f64) -> bool {
    let written: Vec<&Tick> = ticks.iter().filter(|tick| !tick.text.is_empty()).collect();
    written.windows(2).all(|pair| {
        let room = (pair[1].place - pair[0].place) * width;
        (font::width(&pair[0].text, SMALL) + font::width(&pair[1].text, SMALL)) / 2.0 + 8.0 < room
    })
}

fn grid(scene: &mut Scene, x_ticks: &[Tick], y_ticks: &[Tick], area: Area, chart: &Chart) {
    let over_regions = !parts(chart).0.is_empty();
    for tick in x_ticks {
        let at = area.left + tick.place * area.width;
        let is_major = !tick.text.is_empty();
        if is_major && !over_regions && !matches!(chart.x.scale, Scale::Names(_)) {
            scene.line((at, area.top), (at, area.bottom()), FAINT, 1.0);
        }
        scene.line((at, area.bottom()), (at, area.bottom() + if is_major { 4.0 } else { 2.0 }), SOFT, 1.0);
    }
    for tick in y_ticks {
        let at = area.bottom() - tick.place * area.height;
        let is_major = !tick.text.is_empty();
        if is_major && !over_regions {
            scene.line((area.left, at), (area.right(), at), FAINT, 1.0);
        }
        scene.line((area.left - if is_major { 4.0 } else { 2.0 }, at), (area.left, at), SOFT, 1.0);
    }
}

fn shade(scene: &mut Scene, regions: &Regions, x: &Ruler, y: &Ruler, area: Area) {
    let places = (x.place(regions.x.0), x.place(regions.x.1), y.place(regions.y.0), y.place(regions.y.1));
    let (Some(left), Some(right), Some(bottom), Some(top)) = places else { return };
    // The surer, the stronger; where it is not sure at all there is a border.
    let colour = |(class, sure): &(usize, f64)| WHITE.towards(class_colour(*class), 0.08 + 0.42 * sure);
    let area = Area::new(
        area.left + left * area.width,
        area.bottom() - top * area.height,
        (right - left) * area.width,
        (top - bottom) * area.height,
    );
    let colours = regions.places.iter().map(colour).collect();
    scene.shapes.push(Shape::Pixels { area, columns: regions.columns, colours });
}

fn stroke_of(series: &Series, points: Vec<(f64, f64)>) -> Shape {
    let colour = if series.stroke == Stroke::Guide { SOFT } else { class_colour(series.colour) };
    let (width, dashes) = match series.stroke {
        // Where colours come again, dashes tell the lines apart.
        Stroke::Line | Stroke::Dotted => (2.0, [None, Some(7.0), Some(2.0)][series.colour / COLOURS % 3]),
        Stroke::Dashed => (2.0, Some(5.0)),
        Stroke::Guide => (1.2, Some(3.0)),
        Stroke::Dots => (0.0, None),
    };
    Shape::Line { points, colour, width, dashes }
}

fn draw(scene: &mut Scene, series: &Series, x: &Ruler, y: &Ruler, area: Area) {
    let place = |&(a, b): &(f64, f64)| {
        let (a, b) = (x.place(a)?, y.place(b)?);
        Some((area.left + a * area.width, area.bottom() - b * area.height))
    };
    let places: Vec<Option<(f64, f64)>> = series.points.iter().map(place).collect();
    if series.stroke != Stroke::Dots {
        for run in places.split(Option::is_none) {
            let run: Vec<(f64, f64)> = thinned(run.iter().flatten().copied().collect());
            if run.len() > 1 {
                scene.shapes.push(stroke_of(series, run));
            } else if let [at] = run[..] {
                // One epoch is a point.
                scene.shapes.push(Shape::Dot { at, radius: 4.0, colour: class_colour(series.colour) });
            }
        }
    }
    if matches!(series.stroke, Stroke::Dots | Stroke::Dotted) {
        let radius = match series.points.len() {
            0..=300 => 4.0,
            301..=2000 => 3.0,
            _ => 2.0,
        };
        let colour = class_colour(series.colour);
        scene.shapes.extend(places.into_iter().flatten().map(|at| Shape::Dot { at, radius, colour }));
    }
}

/// Fewer points of a line that looks the same: of each stretch the first, the lowest, the highest and the last.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    let stretch = (4 * points.len()).div_ceil(POINTS);
    let mut kept = vec![];
    for part in points.chunks(stretch) {
        let by_height = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let lowest = (0..part.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..part.len()).max_by(by_height).unwrap_or(0);
        let mut chosen = vec![0, lowest, highest, part.len() - 1];
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|idx| part[idx]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chart: &Chart) -> Vec<String> {
        let text = |shape: Shape| match shape {
            Shape::Text(text) => Some(text.text),
            _ => None,
        };
        scene(chart, (640.0, 400.0)).shapes.into_iter().filter_map(text).collect()
    }

    fn chart(scale: Scale, lines: Vec<Vec<f64>>) -> Chart {
        let series = |(idx, numbers): (usize, Vec<f64>)| {
            let points = numbers.into_iter().enumerate().map(|(place, number)| (place as f64, number)).collect();
            Layer::Series(Series { name: format!("line {idx}"), colour: idx, stroke: Stroke::Line, points })
        };
        Chart {
            title: String::new(),
            x: super::super::super::Axis::new("x", Scale::Linear),
            y: super::super::super::Axis::new("y", scale),
            layers: lines.into_iter().enumerate().map(series).collect(),
            aspect: Aspect::Wide,
        }
    }

    #[test]
    fn what_has_no_place_is_told() {
        let said = |scale: Scale, numbers: &[f64]| texts(&chart(scale, vec![numbers.to_vec()])).join("|");
        let log = said(Scale::Log, &[0.0, -1.0, 10.0, 100.0]);
        assert!(log.contains("without 2 values of 0 or less, on a logarithmic axis"), "{log}");
        let none = said(Scale::Log, &[0.0, -1.0]);
        assert!(none.contains("no value to show: none is above 0"), "{none}");
        let nan = said(Scale::Linear, &[f64::NAN, f64::INFINITY]);
        assert!(nan.contains("no value to show: all are nan or infinite"), "{nan}");
        // A gap is seen.
        assert!(!said(Scale::Linear, &[1.0, f64::NAN, 2.0]).contains("value"));
    }

    #[test]
    fn many_lines_have_a_short_legend_and_are_told_apart() {
        let many = chart(Scale::Linear, vec![vec![1.0, 2.0]; 40]);
        let said = texts(&many);
        assert_eq!(said.iter().filter(|text| text.starts_with("line ")).count(), 12);
        assert!(said.contains(&"and 28 more".to_string()), "{said:?}");
        let lines = scene(&many, (640.0, 400.0)).shapes.into_iter().filter_map(|shape| match shape {
            Shape::Line { colour, width: 2.0, dashes, .. } => Some(format!("{colour:?} {dashes:?}")),
            _ => None,
        });
        let mut looks: Vec<String> = lines.collect();
        looks.sort();
        looks.dedup();
        assert_eq!(looks.len(), 3 * COLOURS);
    }

    #[test]
    fn long_lines_are_thinned_and_keep_their_peaks() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|idx| (f64::from(idx), 0.0)).collect();
        points[54_321].1 = 7.0;
        let kept = thinned(points);
        assert!(kept.len() <= POINTS + 8, "{}", kept.len());
        assert!(kept.contains(&(54_321.0, 7.0)) && kept.contains(&(99_999.0, 0.0)));
    }
}
