//! Small pictures side by side.

use super::super::colour::{INK, Rgb, SOFT};
use super::super::scene::{Anchor, Area, Scene, Shape};
use super::super::{Bar, Picture, Tiles, font};
use super::{SMALL, bar};

/// How far pictures are apart.
const BETWEEN: f64 = 10.0;

pub fn scene(tiles: &Tiles) -> Scene {
    let has_titles = tiles.pictures.iter().any(|picture| !picture.title.is_empty());
    let largest = tiles.pictures.iter().map(|picture| picture.height.max(picture.width)).max().unwrap_or(1).max(1);
    let room = match tiles.pictures.len() {
        0..=2 => 240.0,
        3..=12 => 110.0,
        13..=40 => 76.0,
        _ => 56.0,
    };
    // A pixel is a whole number of pixels where it can be.
    let zoom = if largest as f64 <= room { (room / largest as f64).floor() } else { room / largest as f64 };
    let wide = tiles.pictures.iter().map(|picture| picture.width).max().unwrap_or(1) as f64 * zoom;
    let high = tiles.pictures.iter().map(|picture| picture.height).max().unwrap_or(1) as f64 * zoom;
    let above = if has_titles { SMALL + 5.0 } else { 0.0 };
    let mut scene = Scene::new(0.0, 0.0);
    for (idx, picture) in tiles.pictures.iter().enumerate() {
        let (row, column) = (idx / tiles.columns, idx % tiles.columns);
        let (left, top) = (column as f64 * (wide + BETWEEN), row as f64 * (high + above + BETWEEN));
        let area = Area::new(left, top + above, picture.width as f64 * zoom, picture.height as f64 * zoom);
        let title = font::fitted(&picture.title, SMALL, wide + BETWEEN - 2.0);
        scene.text(title, (area.middle().0, top + SMALL), SMALL, Anchor::Middle, INK);
        scene.shapes.push(Shape::Pixels { area, columns: picture.width, colours: colours(tiles, picture) });
        scene.frame(area, SOFT);
        scene.width = scene.width.max(area.right());
        scene.height = scene.height.max(area.bottom());
    }
    if tiles.bar == Bar::Shown {
        let tall = scene.height.clamp(80.0, 260.0);
        let place = Area::new(scene.width + 14.0, above.min(4.0), 14.0, tall);
        scene.width += 14.0 + bar(&mut scene, tiles.map, tiles.range, "", place);
        scene.height = scene.height.max(tall + 8.0);
    }
    scene.width += 2.0;
    scene.height += 2.0;
    scene
}

/// The colours of the pixels of a picture.
pub fn colours(tiles: &Tiles, picture: &Picture) -> Vec<Rgb> {
    match &picture.channels[..] {
        [red, green, blue] => {
            let (low, high) = tiles.range;
            let byte = |value: f64| (255.0 * ((value - low) / (high - low)).clamp(0.0, 1.0)).round() as u8;
            let pixels = red.iter().zip(green).zip(blue);
            pixels.map(|((red, green), blue)| Rgb(byte(*red), byte(*green), byte(*blue))).collect()
        }
        [grey, ..] => grey.iter().map(|value| tiles.map.of(*value, tiles.range)).collect(),
        [] => vec![],
    }
}
