//! Scenes as SVG. Text stays text, so it can be searched and copied; it is laid out by the widths of the font in the program.

use std::fmt::Write as _;

use super::font::FAMILY;
use super::png;
use super::scene::{Anchor, Area, PAPER, Scene, Shape, Text};

/// A file of its own.
pub fn file(scene: &Scene) -> String {
    let (width, height) = (number(scene.width), number(scene.height));
    let attributes = format!(
        "xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\""
    );
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg {attributes}>\n{}</svg>\n", body(scene))
}

/// An element of an HTML page, which shrinks with the page.
pub fn inline(scene: &Scene, title: &str) -> String {
    let (width, height) = (number(scene.width), number(scene.height));
    let title = escaped(title);
    let attributes = format!(
        "width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\""
    );
    format!("<svg {attributes}>\n{}</svg>\n", body(scene))
}

fn body(scene: &Scene) -> String {
    let mut text = String::new();
    let paper = Area::new(0.0, 0.0, scene.width, scene.height);
    write_shape(&mut text, &Shape::Box { area: paper, fill: Some(PAPER), edge: None, radius: 0.0 });
    let _ = writeln!(text, "<g font-family=\"{FAMILY}\">");
    scene.shapes.iter().for_each(|shape| write_shape(&mut text, shape));
    text + "</g>\n"
}

fn write_shape(out: &mut String, shape: &Shape) {
    // Writing to a string cannot fail.
    let _ = match shape {
        Shape::Box { area, fill, edge, radius } => {
            let fill = fill.map_or("none".to_string(), |fill| fill.css());
            let edge = edge.map_or(String::new(), |edge| format!(" stroke=\"{}\"", edge.css()));
            let round = if *radius > 0.0 { format!(" rx=\"{}\"", number(*radius)) } else { String::new() };
            writeln!(out, "<rect {} fill=\"{fill}\"{edge}{round}/>", place(*area))
        }
        Shape::Line { points, colour, width, dashes } => {
            let dashes = dashes.map_or(String::new(), |length| format!(" stroke-dasharray=\"{}\"", number(length)));
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes}/>",
                points.join(" "),
                colour.css(),
                number(*width)
            )
        }
        Shape::Dot { at: (x, y), radius, colour } => writeln!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"0.7\"/>",
            number(*x),
            number(*y),
            number(*radius),
            colour.css(),
            PAPER.css()
        ),
        Shape::Triangle { points, colour } => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
            writeln!(out, "<polygon points=\"{}\" fill=\"{}\"/>", points.join(" "), colour.css())
        }
        Shape::Text(text) => writeln!(out, "{}", written(text)),
        Shape::Pixels { area, columns, colours } => writeln!(
            out,
            "<image {} preserveAspectRatio=\"none\" style=\"image-rendering: pixelated\" href=\"data:image/png;base64,{}\"/>",
            place(*area),
            base64(&png::pixels(*columns, colours))
        ),
    };
}

fn written(text: &Text) -> String {
    let (x, y) = (number(text.at.0), number(text.at.1));
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let turn = match text.turn {
        0.0 => String::new(),
        turn => format!(" transform=\"rotate({} {x} {y})\"", number(turn)),
    };
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"{anchor}{turn}>{}</text>",
        number(text.size),
        text.colour.css(),
        escaped(&text.text)
    )
}

fn place(area: Area) -> String {
    let (x, y) = (number(area.left), number(area.top));
    format!("x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\"", number(area.width), number(area.height))
}

/// A coordinate to a hundredth of a pixel.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

/// Text as it stands in XML and HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // XML has no place for other control characters.
            letter if letter.is_control() && letter != '\n' && letter != '\t' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(word >> (18 - 6 * place) & 63) as usize]);
            text.push(if place <= group.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_rfc_4648_has_it() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn text_cannot_become_markup() {
        let mut scene = Scene::new(100.0, 50.0);
        scene.text("a < b & \"c\"\u{1}", (10.0, 20.0), 12.0, Anchor::Middle, PAPER);
        let text = file(&scene);
        assert!(text.contains(">a &lt; b &amp; &quot;c&quot;\u{fffd}</text>"), "{text}");
        assert_eq!([number(1.0), number(-0.001), number(2.345)], ["1", "0", "2.35"].map(String::from));
    }
}
