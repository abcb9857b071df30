//! A graph from top to bottom: each box one row below the lowest that leads to it, arrows around boxes they pass.

use super::super::colour::{INK, Rgb, SOFT, WHITE, class_colour};
use super::super::scene::{Anchor, Area, Scene, Shape};
use super::super::{Graph, Role, font};
use super::SMALL;

const NAME: f64 = 12.5;
/// How far rows are apart.
const DOWN: f64 = 22.0;
/// How far boxes of a row are apart.
const ACROSS: f64 = 26.0;
/// How wide the way of an arrow past a row is.
const LANE: f64 = 14.0;

/// Something in a row: a box, or an arrow that passes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Item {
    Box(usize),
    Passing(usize),
}

pub fn scene(graph: &Graph) -> Scene {
    let level = levels(graph);
    let rows = rows(graph, &level);
    let sizes: Vec<(f64, f64)> = graph.boxes.iter().map(size).collect();
    let width_of = |item: &Item| match item {
        Item::Box(idx) => sizes[*idx].0,
        Item::Passing(_) => LANE,
    };
    let row_width = |row: &[Item]| row.iter().map(width_of).sum::<f64>() + ACROSS * row.len().saturating_sub(1) as f64;
    let widest = rows.iter().map(|row| row_width(row)).fold(0.0, f64::max);
    let mut scene = Scene::new(widest + 4.0, 0.0);
    let mut places = vec![Area::new(0.0, 0.0, 0.0, 0.0); graph.boxes.len()];
    // For each edge the places it goes through, from top to bottom.
    let mut ways: Vec<Vec<(f64, f64)>> = vec![vec![]; graph.edges.len()];
    let mut top = 2.0;
    for row in &rows {
        let tall =
            row.iter().map(|item| if let Item::Box(idx) = item { sizes[*idx].1 } else { 0.0 }).fold(0.0, f64::max);
        let mut left = (widest - row_width(row)) / 2.0 + 2.0;
        for item in row {
            match *item {
                Item::Box(idx) => {
                    let (wide, high) = sizes[idx];
                    places[idx] = Area::new(left, top + (tall - high) / 2.0, wide, high);
                }
                Item::Passing(edge) => {
                    ways[edge].extend([(left + LANE / 2.0, top - 4.0), (left + LANE / 2.0, top + tall + 4.0)]);
                }
            }
            left += width_of(item) + ACROSS;
        }
        top += tall + DOWN;
    }
    scene.height = top - DOWN + 4.0;
    for (edge, (from, to)) in graph.edges.iter().enumerate() {
        let mut points = vec![port(graph, &places, *from, edge, End::Out)];
        points.append(&mut ways[edge]);
        points.push(port(graph, &places, *to, edge, End::In));
        arrow(&mut scene, points);
    }
    for (area, node) in places.iter().zip(&graph.boxes) {
        let tint = match node.role {
            Role::End => Rgb(0xf2, 0xf2, 0xf2),
            Role::Layer => WHITE.towards(class_colour(0), 0.16),
            Role::Function => WHITE.towards(class_colour(4), 0.20),
        };
        let radius = if node.role == Role::End { 10.0 } else { 4.0 };
        scene.shapes.push(Shape::Box { area: *area, fill: Some(tint), edge: Some(SOFT), radius });
        let middle = area.middle().0;
        let mut line = area.top + 5.0 + NAME;
        scene.text(&node.name, (middle, line), NAME, Anchor::Middle, INK);
        for text in [&node.detail, &node.note].into_iter().filter(|text| !text.is_empty()) {
            line += SMALL + 5.0;
            scene.text(text, (middle, line), SMALL, Anchor::Middle, SOFT);
        }
    }
    scene
}

/// How large a box is.
fn size(node: &super::super::GraphBox) -> (f64, f64) {
    let below = [&node.detail, &node.note].into_iter().filter(|text| !text.is_empty());
    let lines = below.clone().count() as f64;
    let widest = below.map(|text| font::width(text, SMALL)).fold(font::width(&node.name, NAME), f64::max);
    (widest + 26.0, NAME + 14.0 + lines * (SMALL + 5.0))
}

/// The row of each box: one below the lowest box that leads to it.
fn levels(graph: &Graph) -> Vec<usize> {
    let mut level = vec![0; graph.boxes.len()];
    for to in 0..graph.boxes.len() {
        let before = graph.edges.iter().filter(|edge| edge.1 == to).map(|edge| level[edge.0] + 1);
        level[to] = before.max().unwrap_or(0);
    }
    level
}

/// The items of each row, ordered so that arrows cross little: each at the mean place of what leads to it.
fn rows(graph: &Graph, level: &[usize]) -> Vec<Vec<Item>> {
    let n_rows = level.iter().max().map_or(0, |last| last + 1);
    let mut rows: Vec<Vec<Item>> = vec![vec![]; n_rows];
    for (row, items) in rows.iter_mut().enumerate() {
        items.extend((0..graph.boxes.len()).filter(|&idx| level[idx] == row).map(Item::Box));
        let passes = |edge: &usize| level[graph.edges[*edge].0] < row && row < level[graph.edges[*edge].1];
        items.extend((0..graph.edges.len()).filter(passes).map(Item::Passing));
    }
    for row in 1..n_rows {
        let (above, below) = rows.split_at_mut(row);
        let above = &above[row - 1];
        let place = |wanted: Item| above.iter().position(|item| *item == wanted).map(|place| place as f64);
        let mean = |item: &Item| {
            let places: Vec<f64> = match *item {
                Item::Passing(edge) => place(Item::Passing(edge))
                    .or(place(Item::Box(graph.edges[edge].0)).map(|place| place + 0.5))
                    .into_iter()
                    .collect(),
                Item::Box(idx) => {
                    let edges = graph.edges.iter().enumerate().filter(|(_, edge)| edge.1 == idx);
                    edges
                        .filter_map(|(edge, (from, _))| place(Item::Passing(edge)).or(place(Item::Box(*from))))
                        .collect()
                }
            };
            places.iter().sum::<f64>() / places.len().max(1) as f64
        };
        let mut ordered: Vec<(f64, Item)> = below[0].iter().map(|item| (mean(item), *item)).collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        below[0] = ordered.into_iter().map(|(_, item)| item).collect();
    }
    rows
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    In,
    Out,
}

/// Where an arrow leaves or meets a box: the arrows of one side are spread over it.
fn port(graph: &Graph, places: &[Area], node: usize, edge: usize, end: End) -> (f64, f64) {
    let of = |(from, to): &(usize, usize)| if end == End::Out { *from } else { *to };
    let other = |(from, to): &(usize, usize)| places[if end == End::Out { *to } else { *from }].middle().0;
    let mut own: Vec<usize> = (0..graph.edges.len()).filter(|idx| of(&graph.edges[*idx]) == node).collect();
    own.sort_by(|a, b| other(&graph.edges[*a]).total_cmp(&other(&graph.edges[*b])));
    let position = own.iter().position(|idx| *idx == edge).unwrap_or(0) as f64;
    let area = places[node];
    let part = (position + 1.0) / (own.len() as f64 + 1.0);
    (area.left + part * area.width, if end == End::Out { area.bottom() } else { area.top })
}

fn arrow(scene: &mut Scene, mut points: Vec<(f64, f64)>) {
    let (tip, before) = (points[points.len() - 1], points[points.len() - 2]);
    let (dx, dy) = (tip.0 - before.0, tip.1 - before.1);
    let length = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    let base = (tip.0 - 8.0 * ux, tip.1 - 8.0 * uy);
    let last = points.len() - 1;
    points[last] = base;
    scene.shapes.push(Shape::Line { points, colour: SOFT, width: 1.4, dashes: None });
    let side = |sign: f64| (base.0 - sign * 4.0 * uy, base.1 + sign * 4.0 * ux);
    scene.shapes.push(Shape::Triangle { points: [tip, side(1.0), side(-1.0)], colour: SOFT });
}
