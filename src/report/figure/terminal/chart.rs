//! A chart in braille: each character has two by four dots.

use super::super::colour::{SOFT, WHITE};
use super::super::layout::{NAMED, remark, rulers};
use super::super::{Aspect, Chart, Layer, Regions, Rgb, Scale, Series, Stroke, axis::Ruler, axis::Tick, class_colour};
use super::board::{Board, Spot, cut};
use super::{Ink, Paper};

/// The bits of the dots of a character, `[column][row]`, by Unicode's block at U+2800.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// What points are drawn with where there is no colour.
const MARKS: [char; 7] = ['o', 'x', '+', '*', '#', '@', '%'];
/// What classes are filled with where there is no colour.
const SHADES: [char; 5] = [' ', '·', '░', '▒', '▓'];
/// Of so many dots of a line so many are drawn, for lines that only their dots tell apart.
const DASHES: [(usize, usize); 4] = [(1, 0), (4, 2), (2, 2), (1, 3)];
/// How many characters of a line the legend shows.
const SAMPLE: usize = 4;
/// So few points are drawn as a character each.
const FEW: usize = 80;

/// Where the plot is on the board, in characters.
struct Plot {
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
}

pub fn draw(chart: &Chart, paper: Paper) -> Board {
    let mut board = Board::default();
    let (x, y) = rulers(chart);
    let rows = (paper.columns / 4).clamp(6, 18).min(paper.rows.saturating_sub(6).max(5));
    let y_ticks: Vec<Tick> = y.ticks(rows / 3).into_iter().filter(|tick| !tick.text.is_empty()).collect();
    let widest = y_ticks.iter().map(|tick| tick.text.chars().count()).max().unwrap_or(0);
    let columns = (paper.columns - widest - 3).max(8);
    let columns = if chart.aspect == Aspect::Square { columns.min(rows * 5 / 2) } else { columns };
    let top = heading(&mut board, chart, paper);
    let plot = Plot { left: widest + 2, top, columns, rows };
    for layer in &chart.layers {
        match layer {
            Layer::Regions(regions) => shade(&mut board, regions, &x, &y, &plot, paper.ink),
            Layer::Series(series) => series_on(&mut board, series, chart, &x, &y, &plot, paper.ink),
        }
    }
    axes(&mut board, chart, &plot, &y_ticks, &x);
    board
}

/// The title, what the vertical axis shows, and the legend; gives the row below.
fn heading(board: &mut Board, chart: &Chart, paper: Paper) -> usize {
    let mut row = 0;
    if !chart.title.is_empty() {
        board.write(0, row, &cut(&chart.title, paper.columns), None);
        row += 1;
    }
    let mut column = 0;
    if !chart.y.label.is_empty() {
        let label = cut(&chart.y.label, paper.columns);
        board.write(0, row, &label, None);
        column = label.chars().count() + 3;
    }
    let is_named = |layer: &&Layer| matches!(layer, Layer::Series(series) if !series.name.is_empty());
    let n_named = chart.layers.iter().filter(is_named).count();
    let shown = if n_named > NAMED { NAMED - 4 } else { n_named };
    for (idx, layer) in chart.layers.iter().enumerate().filter(|(_, layer)| is_named(layer)).take(shown) {
        let Layer::Series(series) = layer else { continue };
        let name = cut(&series.name, paper.columns.saturating_sub(SAMPLE + 2));
        let width = SAMPLE + 1 + name.chars().count();
        if column > 0 && column + width > paper.columns {
            (column, row) = (0, row + 1);
        }
        sample(board, series, idx, chart, (column, row), paper.ink);
        board.write(column + SAMPLE + 1, row, &name, None);
        column += width + 2;
    }
    if n_named > shown {
        let text = format!("and {} more", n_named - shown);
        if column + text.len() > paper.columns {
            (column, row) = (0, row + 1);
        }
        board.write(column, row, &cut(&text, paper.columns), Some(SOFT));
        column += text.len();
    }
    if column > 0 {
        row += 1;
    }
    if let Some(remark) = remark(chart) {
        board.write(0, row, &cut(&remark, paper.columns), Some(SOFT));
        row += 1;
    }
    row
}

fn sample(board: &mut Board, series: &Series, idx: usize, chart: &Chart, (column, row): (usize, usize), ink: Ink) {
    let colour = Some(colour(series));
    if series.stroke == Stroke::Dots {
        let mark = if ink == Ink::Plain { MARKS[series.colour % MARKS.len()] } else { '●' };
        board.write(column + 1, row, &mark.to_string(), colour);
        return;
    }
    let (drawn, left_out) = dashes(series, idx, chart, ink);
    for dot in (0..2 * SAMPLE).filter(|dot| dot % (drawn + left_out) < drawn) {
        light(board, (2 * column + dot, 4 * row + 2), colour);
    }
}

/// The colour of a series, lighter than on paper: most terminals are dark.
fn colour(series: &Series) -> Rgb {
    if series.stroke == Stroke::Guide { SOFT } else { class_colour(series.colour).towards(WHITE, 0.25) }
}

/// How many dots of a line are drawn, and how many are then left out.
fn dashes(series: &Series, idx: usize, chart: &Chart, ink: Ink) -> (usize, usize) {
    match series.stroke {
        Stroke::Dashed => (3, 3),
        Stroke::Guide => (1, 2),
        Stroke::Line | Stroke::Dotted | Stroke::Dots if ink == Ink::Plain => {
            let before = chart.layers[..idx].iter();
            let lines = before.filter(|layer| matches!(layer, Layer::Series(other) if other.stroke == series.stroke));
            DASHES[lines.count() % DASHES.len()]
        }
        Stroke::Line | Stroke::Dotted | Stroke::Dots => (1, 0),
    }
}

/// Lights one dot.
fn light(board: &mut Board, (x, y): (usize, usize), colour: Option<Rgb>) {
    let (column, row) = (x / 2, y / 4);
    let before = board.get(column, row);
    let bits = u32::from(before.letter).checked_sub(0x2800).filter(|bits| *bits < 0x100).unwrap_or(0);
    let bits = bits | DOTS[x % 2][y % 4];
    let letter = char::from_u32(0x2800 + bits).unwrap_or('·');
    board.set(column, row, Spot { letter, fore: colour, back: before.back });
}

fn series_on(board: &mut Board, series: &Series, chart: &Chart, x: &Ruler, y: &Ruler, plot: &Plot, ink: Ink) {
    let (wide, high) = (2 * plot.columns - 1, 4 * plot.rows - 1);
    let place = |&(a, b): &(f64, f64)| {
        let (a, b) = (x.place(a)?, y.place(b)?);
        let inside = (-1e-9..=1.0 + 1e-9).contains(&a) && (-1e-9..=1.0 + 1e-9).contains(&b);
        inside.then_some(((a * wide as f64).round() as i64, ((1.0 - b) * high as f64).round() as i64))
    };
    let places: Vec<Option<(i64, i64)>> = series.points.iter().map(place).collect();
    let over_regions = chart.layers.iter().any(|layer| matches!(layer, Layer::Regions(_)));
    let own = Some(if over_regions { class_colour(series.colour) } else { colour(series) });
    let idx =
        chart.layers.iter().position(|layer| matches!(layer, Layer::Series(other) if std::ptr::eq(other, series)));
    let as_letters = over_regions || ink == Ink::Plain || series.points.len() <= FEW;
    let at = |(x, y): (i64, i64)| (2 * plot.left + x as usize, 4 * plot.top + y as usize);
    if series.stroke == Stroke::Dots || places.iter().flatten().count() == 1 {
        for place in places.into_iter().flatten() {
            let (x, y) = at(place);
            if as_letters {
                let letter = if ink == Ink::Plain { MARKS[series.colour % MARKS.len()] } else { '●' };
                let back = board.get(x / 2, y / 4).back;
                board.set(x / 2, y / 4, Spot { letter, fore: own, back });
            } else {
                light(board, (x, y), own);
            }
        }
        return;
    }
    let (drawn, left_out) = dashes(series, idx.unwrap_or(0), chart, ink);
    let mut count = 0;
    for run in places.split(Option::is_none) {
        let run: Vec<(i64, i64)> = run.iter().flatten().copied().collect();
        for pair in run.windows(2) {
            for dot in dots_between(pair[0], pair[1]) {
                if count % (drawn + left_out) < drawn {
                    light(board, at(dot), own);
                }
                count += 1;
            }
        }
    }
}

/// The dots of a line, its last one left out unless it is the only one.
fn dots_between((x0, y0): (i64, i64), (x1, y1): (i64, i64)) -> Vec<(i64, i64)> {
    let n = (x1 - x0).abs().max((y1 - y0).abs()).max(1);
    let part = |from: i64, to: i64, idx: i64| from + ((to - from) as f64 * idx as f64 / n as f64).round() as i64;
    (0..=n).map(|idx| (part(x0, x1, idx), part(y0, y1, idx))).collect()
}

fn shade(board: &mut Board, regions: &Regions, x: &Ruler, y: &Ruler, plot: &Plot, ink: Ink) {
    let ends = (x.ends(), y.ends());
    let n_rows = regions.places.len() / regions.columns.max(1);
    for row in 0..plot.rows {
        for column in 0..plot.columns {
            // The middle of the character, as a place of the grid.
            let part = |place: usize, n: usize| (place as f64 + 0.5) / n as f64;
            let at_x = ends.0.0 + part(column, plot.columns) * (ends.0.1 - ends.0.0);
            let at_y = ends.1.1 - part(row, plot.rows) * (ends.1.1 - ends.1.0);
            let of = |at: f64, (low, high): (f64, f64), n: usize| ((at - low) / (high - low) * n as f64).floor();
            let (column_of, row_of) =
                (of(at_x, regions.x, regions.columns), n_rows as f64 - 1.0 - of(at_y, regions.y, n_rows));
            if column_of < 0.0 || row_of < 0.0 {
                continue;
            }
            let place = row_of as usize * regions.columns + column_of as usize;
            let Some((class, sure)) = regions.places.get(place).filter(|_| (column_of as usize) < regions.columns)
            else {
                continue;
            };
            let spot = match ink {
                Ink::Plain => Spot { letter: SHADES[class % SHADES.len()], fore: None, back: None },
                Ink::Indexed | Ink::True => {
                    let back = WHITE.towards(class_colour(*class), 0.1 + 0.4 * sure);
                    Spot { letter: ' ', fore: None, back: Some(back) }
                }
            };
            board.set(plot.left + column, plot.top + row, spot);
        }
    }
}

fn axes(board: &mut Board, chart: &Chart, plot: &Plot, y_ticks: &[Tick], x: &Ruler) {
    let soft = Some(SOFT);
    let axis = plot.left - 1;
    let bottom = plot.top + plot.rows;
    (plot.top..bottom).for_each(|row| board.write(axis, row, "│", soft));
    for tick in y_ticks {
        let row = plot.top + ((1.0 - tick.place) * (plot.rows - 1) as f64).round() as usize;
        let width = tick.text.chars().count();
        board.write(axis - 1 - width, row, &tick.text, None);
        board.write(axis, row, "┤", soft);
    }
    board.write(axis, bottom, &format!("└{}", "─".repeat(plot.columns)), soft);
    let most = match chart.x.scale {
        Scale::Names(_) => plot.columns / 2,
        Scale::Linear | Scale::Whole | Scale::Log => plot.columns / 9,
    };
    let mut free = 0;
    for tick in x.ticks(most.max(2)).iter().filter(|tick| !tick.text.is_empty()) {
        let at = plot.left + (tick.place * (plot.columns - 1) as f64).round() as usize;
        let text = cut(&tick.text, plot.columns);
        let width = text.chars().count();
        // Texts stay on the paper and do not touch.
        let start = at.saturating_sub(width / 2).min((plot.left + plot.columns).saturating_sub(width));
        if start >= free {
            board.write(at, bottom, "┬", soft);
            board.write(start, bottom + 1, &text, None);
            free = start + width + 1;
        }
    }
    if !chart.x.label.is_empty() {
        let label = cut(&chart.x.label, plot.left + plot.columns);
        let start = plot.left + plot.columns.saturating_sub(label.chars().count()) / 2;
        board.write(start, board.height(), &label, None);
    }
}
