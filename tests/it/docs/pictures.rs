//! The pictures of the pages. A page that shows `figures/name.svg` has a script that plots `name`, and what is in the
//! repository is what the script draws: byte for byte where `BLESS=1` has just written it, and elsewhere the same
//! size, the same words, numbers that differ by rounding and as many marks of each kind, because a training on another
//! processor may add numbers in another order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{blessing, page, pages, root};

/// Compares the pictures that a page shows with those its scripts drew in `drawn`, or writes them. What is wrong.
pub fn check(path: &Path, text: &str, drawn: &Path) -> Vec<String> {
    let mut wrong = vec![];
    for target in page::pictures(text) {
        let file = path.parent().unwrap().join(&target);
        let name = file.file_name().unwrap();
        let Ok(ought) = fs::read_to_string(drawn.join(name)) else {
            wrong.push(format!("{}: no script of the page plots `{target}`", path.display()));
            continue;
        };
        let is = fs::read_to_string(&file).unwrap_or_default();
        if blessing() && is != ought {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, ought).unwrap();
        } else if let Err(what) = alike(&is, &ought) {
            wrong.push(format!(
                "{} is not what {} draws (`BLESS=1 cargo test docs` draws it anew): {what}",
                file.display(),
                path.display()
            ));
        }
    }
    wrong
}

/// Whether two pictures differ by rounding only; if not, in what.
pub fn alike(is: &str, ought: &str) -> Result<(), String> {
    let sizes = [is, ought].map(|svg| (attribute(svg, "width"), attribute(svg, "height")));
    let near = |a: Option<f64>, b: Option<f64>| matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= 2.0);
    if !near(sizes[0].0, sizes[1].0) || !near(sizes[0].1, sizes[1].1) {
        return Err(format!("it has the size {:?} and ought to have {:?}", sizes[0], sizes[1]));
    }
    let (marks, wanted) = (marks(is), marks(ought));
    if marks != wanted {
        return Err(format!("it has the marks {marks:?} and ought to have {wanted:?}"));
    }
    for (text, wanted) in texts(is).iter().zip(&texts(ought)) {
        if !same_but_for_rounding(text, wanted) {
            return Err(format!("it says {text:?} and ought to say {wanted:?}"));
        }
    }
    Ok(())
}

/// The first number that stands as an attribute of this name.
fn attribute(svg: &str, name: &str) -> Option<f64> {
    svg.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.parse().ok()
}

/// How many elements of each kind a picture has.
fn marks(svg: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for rest in svg.split('<').skip(1) {
        let kind = rest.split([' ', '>']).next().unwrap();
        *found.entry(kind).or_default() += 1;
    }
    found
}

fn texts(svg: &str) -> Vec<&str> {
    let parts = svg.split("<text ").skip(1).filter_map(|part| part.split_once('>')?.1.split_once("</text>"));
    parts.map(|(text, _)| text).collect()
}

/// Whether two texts have the same words, and numbers that are nearly the same; a count may be off by one.
fn same_but_for_rounding(a: &str, b: &str) -> bool {
    let ((words_a, numbers_a), (words_b, numbers_b)) = (taken_apart(a), taken_apart(b));
    let near = |(a, b): (&f64, &f64)| {
        let counts = a.fract() == 0.0 && b.fract() == 0.0;
        (a - b).abs() <= 0.05 * a.abs().max(b.abs()) + if counts { 1.0 } else { 0.05 }
    };
    words_a == words_b && numbers_a.len() == numbers_b.len() && numbers_a.iter().zip(&numbers_b).all(near)
}

/// A text with its numbers taken out, and the numbers.
fn taken_apart(text: &str) -> (String, Vec<f64>) {
    let (mut words, mut numbers) = (String::new(), vec![]);
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let digits = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        match number.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => words += number,
        }
        words += before;
        words.push('#');
        rest = after;
    }
    (words + rest, numbers)
}

#[test]
fn every_picture_is_on_a_page() {
    let shown: Vec<PathBuf> = pages()
        .iter()
        .flat_map(|path| {
            let pictures = page::pictures(&fs::read_to_string(path).unwrap());
            pictures.into_iter().map(|target| path.parent().unwrap().join(target))
        })
        .collect();
    for folder in ["docs/figures", "docs/tutorial/figures"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            assert!(shown.contains(&path), "{} is on no page", path.display());
        }
    }
}

#[test]
fn pictures_are_alike_up_to_rounding() {
    let svg = |width: &str, text: &str, dots: usize| {
        let dots = "<circle cx=\"1\" cy=\"2\" r=\"3\"/>".repeat(dots);
        format!("<svg width=\"{width}\" height=\"40\">{dots}<text x=\"1\">{text}</text></svg>")
    };
    let picture = svg("100", "175 of 179 right, 97.8 %", 3);
    for (other, is_alike) in [
        (svg("100", "175 of 179 right, 97.8 %", 3), true),
        (svg("101.5", "174 of 179 right, 97.2 %", 3), true),
        (svg("120", "175 of 179 right, 97.8 %", 3), false),
        (svg("100", "120 of 179 right, 67.0 %", 3), false),
        (svg("100", "175 of 179 wrong, 97.8 %", 3), false),
        (svg("100", "175 of 179 right, 97.8 %", 4), false),
        (String::new(), false),
    ] {
        assert_eq!(alike(&other, &picture).is_ok(), is_alike, "{other}");
    }
}
