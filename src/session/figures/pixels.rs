//! Images, and the kernels of convolutions as images.

use super::{Fields, cells};
use crate::elaborate::Result;
use crate::report::figure::{Bar, Data, Figure, Map, Panel, Picture, Tiles};

/// More pictures than this are not shown.
const MOST: usize = 100;
/// More kernels than this are not shown.
const KERNELS: usize = 256;

/// As many columns as make the whole a little wider than high, and the last row full or nearly so.
fn columns_for(n: usize) -> usize {
    let columns = ((n as f64 * 1.6).sqrt().ceil() as usize).clamp(1, 16);
    n.div_ceil(n.div_ceil(columns).max(1)).max(1)
}

fn data_of(pictures: &[Picture]) -> Data {
    let widest = pictures.iter().map(|picture| picture.width).max().unwrap_or(0);
    let mut columns = ["picture", "channel", "row"].map(String::from).to_vec();
    columns.extend((0..widest).map(|column| column.to_string()));
    let mut rows = vec![];
    for (idx, picture) in pictures.iter().enumerate() {
        for (channel, values) in picture.channels.iter().enumerate() {
            for (row, values) in values.chunks(picture.width.max(1)).enumerate() {
                let place = [idx, channel, row].map(|number| number.to_string());
                rows.push(place.into_iter().chain(cells(values.iter().copied())).collect());
            }
        }
    }
    Data { columns, rows }
}

pub fn pictures(fields: &Fields) -> Result<Figure> {
    let x = fields.tensor("x");
    let (n, channels, height, width) = match x.shape() {
        [height, width] => (1, 1, *height, *width),
        [n, height, width] => (*n, 1, *height, *width),
        [n, channels, height, width] => (*n, *channels, *height, *width),
        _ => unreachable!("the maker checked the rank"),
    };
    if channels != 1 && channels != 3 {
        fields.same("the channels of an image", channels, "grey ones", 1)?;
    }
    let titles = fields.texts("titles");
    if let Some(titles) = &titles {
        fields.same("titles", titles.len(), "pictures", n)?;
    }
    let values = x.to_f64_vec();
    let shown = n.min(MOST);
    let size = height * width;
    let pictures: Vec<Picture> = (0..shown)
        .map(|idx| Picture {
            title: titles.as_ref().map_or(String::new(), |titles| titles[idx].clone()),
            height,
            width,
            channels: (0..channels)
                .map(|channel| values[(idx * channels + channel) * size..][..size].to_vec())
                .collect(),
        })
        .collect();
    let columns = fields.int("columns").map_or_else(|| columns_for(shown), |columns| columns as usize);
    let all =
        pictures.iter().flat_map(|picture| &picture.channels).flatten().copied().filter(|value| value.is_finite());
    let (low, high) =
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    // Images are in 0..1; what is not is shown from its darkest to its brightest.
    let range = if low >= 0.0 && high <= 1.0 || low > high { (0.0, 1.0) } else { (low, high) };
    let title = if shown < n { format!("{shown} of {n} images") } else { String::new() };
    let data = data_of(&pictures);
    let tiles = Tiles { pictures, columns, map: Map::Grey, range, bar: Bar::Absent };
    Ok(Figure { name: "pictures".into(), title, panels: vec![Panel::Tiles(tiles)], data })
}

/// Kernels around 0: blue below, red above. One input channel gives a block of pictures, several a row for each output.
pub fn filters(fields: &Fields) -> Result<Figure> {
    let kernels = fields.tensor("K");
    let (outputs, inputs, height, width) = match kernels.shape() {
        [outputs, inputs, width] => (*outputs, 1, *inputs, *width),
        [outputs, inputs, height, width] => (*outputs, *inputs, *height, *width),
        _ => unreachable!("the maker checked the rank"),
    };
    let values = kernels.to_f64_vec();
    let size = height * width;
    let inputs_shown = inputs.min(16);
    let outputs_shown = outputs.min(KERNELS / inputs_shown.max(1));
    let mut pictures = vec![];
    for output in 0..outputs_shown {
        for input in 0..inputs_shown {
            let channel = values[(output * inputs + input) * size..][..size].to_vec();
            let title = if inputs == 1 { output.to_string() } else { format!("{output}, {input}") };
            pictures.push(Picture { title, height, width, channels: vec![channel] });
        }
    }
    let largest =
        values.iter().copied().filter(|value| value.is_finite()).fold(0.0, |most, value| f64::max(most, value.abs()));
    let range = if largest > 0.0 { (-largest, largest) } else { (-1.0, 1.0) };
    let columns = if inputs_shown > 1 { inputs_shown } else { columns_for(outputs_shown) };
    let shape: Vec<String> = kernels.shape().iter().map(usize::to_string).collect();
    let shown = match (outputs_shown, inputs_shown) == (outputs, inputs) {
        true => String::new(),
        false => format!(", {} of {} shown", outputs_shown * inputs_shown, outputs * inputs),
    };
    let title = format!("Filters {}{shown}", shape.join(" × "));
    let data = data_of(&pictures);
    let tiles = Tiles { pictures, columns, map: Map::Diverging, range, bar: Bar::Shown };
    Ok(Figure { name: "filters".into(), title, panels: vec![Panel::Tiles(tiles)], data })
}
