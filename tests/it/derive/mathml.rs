//! Equations as MathML: well formed, of elements that browsers know, each with as many children as it needs, and the same as
//! the equations as text but for the brackets that a fraction needs no more.

use std::fs;

use nabla::grad::derive::Equations;

use super::{files, nets};

/// An element, or the text in one.
enum Node {
    Element { name: String, children: Vec<Node> },
    Text(String),
}

/// Reads elements up to the end of the one that is open.
fn nodes<'a>(mut rest: &'a str, open: Option<&str>) -> Result<(Vec<Node>, &'a str), String> {
    let mut found = vec![];
    loop {
        let Some(at) = rest.find('<') else {
            return if open.is_none() { Ok((found, "")) } else { Err(format!("{open:?} does not end")) };
        };
        let text = &rest[..at];
        if !text.is_empty() {
            if text.contains('>') || text.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").contains('&') {
                return Err(format!("text that is markup: {text}"));
            }
            found.push(Node::Text(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")));
        }
        let end = rest[at..].find('>').ok_or("a tag does not end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            return if open == Some(name) { Ok((found, rest)) } else { Err(format!("</{name}> ends {open:?}")) };
        }
        let is_empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name = tag.split(' ').next().unwrap_or("").to_string();
        if tag.matches('"').count() != 2 * tag.matches('=').count() {
            return Err(format!("attributes without quotes: {tag}"));
        }
        let mut children = vec![];
        if !is_empty {
            (children, rest) = nodes(rest, Some(&name))?;
        }
        found.push(Node::Element { name, children });
    }
}

/// The text of elements in the order in which the equations as text have it; says what is wrong with an element.
fn reading(node: &Node, in_math: bool, out: &mut String) -> Result<(), String> {
    let (name, children) = match node {
        Node::Text(text) if !in_math || text.trim().is_empty() => {
            out.push_str(text);
            return Ok(());
        }
        Node::Text(text) => return Err(format!("text outside of an element: {text}")),
        Node::Element { name, children } => (name.as_str(), children),
    };
    let wanted = match name {
        "mfrac" | "msub" | "msup" | "munder" => Some(2),
        "msubsup" => Some(3),
        "mspace" => Some(0),
        "mi" | "mn" | "mo" | "mtext" => Some(1),
        "math" | "mrow" | "msqrt" | "mtable" | "mtr" | "mtd" => None,
        "div" | "h4" | "table" | "tr" | "th" | "td" if !in_math => None,
        other => return Err(format!("<{other}> stands where it is not known")),
    };
    if wanted.is_some_and(|wanted| children.len() != wanted) {
        return Err(format!("<{name}> has {} children", children.len()));
    }
    match (name, children.as_slice()) {
        ("mi" | "mn" | "mo" | "mtext", [Node::Text(text)]) => out.push_str(text),
        ("mi" | "mn" | "mo" | "mtext", _) => return Err(format!("<{name}> holds text")),
        ("msubsup", [base, sub, sup]) => {
            for part in [base, sup, sub] {
                reading(part, true, out)?;
            }
        }
        _ => {
            out.push_str(if name == "msqrt" { "√" } else { "" });
            let in_math = in_math || name == "math";
            children.iter().try_for_each(|child| reading(child, in_math, out))?;
        }
    }
    Ok(())
}

/// Text without what only a line of text needs, raised and lowered letters as they are.
fn bare(text: &str) -> String {
    let letter = |letter: char| match letter {
        '⁰'..='⁹' | '²' | '³' | '¹' => {
            let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
            digits.iter().position(|digit| *digit == letter).and_then(|digit| char::from_digit(digit as u32, 10))
        }
        '₀'..='₉' => char::from_digit(letter as u32 - '₀' as u32, 10),
        '⁻' | '₋' | '−' => Some('-'),
        '₊' => Some('+'),
        'ₜ' => Some('t'),
        'ᵣ' => Some('r'),
        'ᵤ' => Some('u'),
        'ˡ' => Some('l'),
        'ᵀ' => Some('⊤'),
        '∑' => Some('Σ'),
        '\u{2061}' | '\u{a0}' | '_' | '^' | '/' | ':' | ';' | ',' => None,
        letter if letter.is_whitespace() || "()[]{}".contains(letter) => None,
        letter => Some(letter),
    };
    let text = text.replace('½', "12").replace('¼', "14").replace('⋀', "all").replace('⋁', "any");
    text.chars().filter_map(letter).collect()
}

fn check(equations: &Equations, name: &str) {
    let html = equations.to_html();
    let read = || -> Result<String, String> {
        let (nodes, _) = nodes(&html, None)?;
        let mut text = String::new();
        nodes.iter().try_for_each(|node| reading(node, false, &mut text))?;
        Ok(text)
    };
    let found = read().unwrap_or_else(|error| panic!("{name}: {error}\n{html}"));
    let (found, wanted) = (bare(&found), bare(&equations.to_text()));
    let same = found.chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
    let near = |text: &str| text.chars().skip(same.saturating_sub(40)).take(80).collect::<String>();
    assert!(found == wanted, "{name}:\n{}\nas text\n{}", near(&found), near(&wanted));
    for (open, close) in [('(', ')'), ('[', ']')] {
        let count = |sign: char| html.matches(&format!(">{sign}</mo>")).count();
        assert_eq!(count(open), count(close), "{name}: {open}");
    }
}

#[test]
fn equations_as_mathml_say_the_same() {
    for file in files() {
        let content = fs::read_to_string(&file).expect("a text file");
        let (head, rest) = content.split_once('\n').expect("a first line");
        let input = rest.split_once("---\n").map_or(rest, |(input, _)| input);
        check(&super::derived(head.strip_prefix("# ").expect("what is derived"), input), &file.display().to_string());
    }
    for file in crate::script::files("tests/derive/nets", ".nn") {
        let source = fs::read_to_string(&file).expect("a text file");
        check(&nets::derived(&source).equations, &file.display().to_string());
    }
}

#[test]
fn mathml_is_read_as_it_should_be() {
    for wrong in ["<mrow><mi>x</mrow>", "<mfrac><mi>x</mi></mfrac>", "<mrow>x</mrow>", "<mi>a<b</mi>", "<mo a=b>x</mo>"]
    {
        let read = nodes(&format!("<math>{wrong}</math>"), None)
            .and_then(|(nodes, _)| nodes.iter().try_for_each(|node| reading(node, false, &mut String::new())));
        assert!(read.is_err(), "{wrong}");
    }
}
