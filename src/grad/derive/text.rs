//! Formulas as Unicode text: `δ¹ = (δ² (W²)ᵀ) ∘ σ′(z¹)`.

use super::indices::{raised, symbol_text};
use super::math::{Big, Math, Symbol};
use super::operation::{Operation, Style};

/// How strongly a formula holds together; what is weaker than its place stands in brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Strength {
    /// Comparisons.
    Relation,
    /// Sums and signs.
    Sum,
    /// Elementwise products, quotients, and Σ.
    Product,
    /// Products of matrices and of scalars, written side by side.
    Juxtaposed,
    /// Powers, transposes.
    Power,
    /// Names, numbers, applications.
    Atom,
}

/// How strongly a formula holds together when it is written.
pub fn strength(x: &Math) -> Strength {
    match x {
        Math::Relation { .. } => Strength::Relation,
        Math::Sum(_) | Math::Neg(_) | Math::Cases { .. } => Strength::Sum,
        Math::Number(value) if *value < 0.0 => Strength::Sum,
        Math::Words(_) => Strength::Relation,
        Math::Product(factors) if factors.iter().filter(|factor| factor.rank() > 0).count() < 2 => Strength::Juxtaposed,
        Math::Product(_) | Math::Over { .. } | Math::Total { .. } | Math::Quotient(..) => Strength::Product,
        Math::MatMul { .. } => Strength::Juxtaposed,
        Math::Power(..) | Math::Transpose(_) => Strength::Power,
        Math::Op { op, .. } => match op.style() {
            Style::Infix(..) => Strength::Product,
            Style::Inverse(_) => Strength::Juxtaposed,
            Style::Function(_) | Style::Part(_) | Style::Place(_) | Style::Lookup | Style::Name(_) => Strength::Atom,
        },
        Math::Number(_) | Math::Symbol(_) | Math::Partial { .. } | Math::Apply { .. } | Math::Entry { .. } => {
            Strength::Atom
        }
    }
}

/// The factors of a product as they are written: numbers, scalars, then tensors, and Σ last.
pub fn ordered(factors: &[Math]) -> (Vec<&Math>, Vec<&Math>) {
    let place = |factor: &&Math| match factor {
        Math::Number(_) => 0,
        Math::Over { .. } => 2,
        _ => 1,
    };
    let (mut scalars, mut tensors): (Vec<&Math>, Vec<&Math>) = factors.iter().partition(|factor| factor.rank() == 0);
    scalars.sort_by_key(place);
    tensors.sort_by_key(place);
    (scalars, tensors)
}

/// The terms of a sum, each with the sign before it.
pub fn signed<'a>(terms: &'a [Math], minus: &'a str) -> impl Iterator<Item = (&'a str, &'a Math)> {
    terms.iter().map(move |term| match term {
        Math::Neg(term) => (minus, term.as_ref()),
        term => ("+", term),
    })
}

/// A sum on a line, its terms as `write` has them.
pub fn sum(terms: &[Math], minus: &str, write: fn(&Math, Strength) -> String) -> String {
    let mut out = String::new();
    for (idx, (sign, term)) in signed(terms, minus).enumerate() {
        out += &match (idx, sign) {
            (0, "+") => String::new(),
            (0, sign) => sign.to_string(),
            (_, sign) => format!(" {sign} "),
        };
        out += &write(term, Strength::Product);
    }
    out
}

/// The formula as text.
pub fn text(x: &Math) -> String {
    match x {
        Math::Number(value) => number(*value),
        Math::Symbol(symbol) => symbol_text(symbol),
        Math::Partial { of, by } => format!("∂{}/∂{}", symbol_text(of), symbol_text(by)),
        Math::Sum(terms) => sum(terms, "−", at_least),
        Math::Neg(x) => format!("−{}", at_least(x, Strength::Product)),
        Math::Product(factors) => {
            let (scalars, tensors) = ordered(factors);
            let is_single = tensors.len() == 1;
            let scalars: Vec<String> = scalars.iter().map(|factor| side_by_side(factor)).collect();
            let tensors: Vec<String> = match is_single {
                true => tensors.iter().map(|factor| beside_scalars(factor)).collect(),
                false => tensors.iter().map(|factor| at_least(factor, Strength::Power)).collect(),
            };
            let tensors = (!tensors.is_empty()).then(|| tensors.join(" ∘ "));
            scalars.into_iter().chain(tensors).collect::<Vec<_>>().join(" ")
        }
        Math::Quotient(x, y) => quotient(x, y),
        Math::Power(x, y) => {
            // A name that has an index above already would get a second one.
            let base = match &**x {
                Math::Symbol(symbol) if symbol.sup.is_some() || !symbol.by.is_empty() => format!("({})", text(x)),
                x => at_least(x, Strength::Atom),
            };
            match &**y {
                Math::Number(value) if value.fract() == 0.0 => base + &raised(&number(*value)),
                y => format!("{base}^{}", at_least(y, Strength::Atom)),
            }
        }
        Math::MatMul { factors, .. } => {
            factors.iter().map(|factor| at_least(factor, Strength::Power)).collect::<Vec<_>>().join(" ")
        }
        Math::Transpose(x) => match &**x {
            Math::Symbol(symbol) if is_bare(symbol) => format!("{}ᵀ", symbol_text(symbol)),
            x => format!("({})ᵀ", text(x)),
        },
        Math::Apply { name, args, .. } if name == "abs" => format!("|{}|", text(&args[0])),
        Math::Apply { name, args, .. } if name == "sqrt" => format!("√{}", rooted(&args[0])),
        Math::Apply { name, primes, args, .. } => {
            let args: Vec<String> = args.iter().map(text).collect();
            format!("{}{}({})", function(name), "′".repeat(*primes), args.join(", "))
        }
        Math::Over { sign, axis, body, .. } => {
            format!("{}_{} {}", big(*sign), axis.name, at_least(body, Strength::Product))
        }
        Math::Total { sign, over, when, body } => {
            let over = over.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>().join(", ");
            let when: Vec<String> = when.iter().map(text).collect();
            let when = if when.is_empty() { String::new() } else { format!(": {}", when.join(", ")) };
            format!("{}_{{{over}{when}}} {}", big(*sign), at_least(body, Strength::Product))
        }
        Math::Op { op, args } => operation(op, args),
        Math::Entry { of, at } => {
            let at: Vec<String> = at.iter().map(text).collect();
            format!("{}[{}]", at_least(of, Strength::Atom), at.join(", "))
        }
        Math::Words(words) => words.clone(),
        Math::Cases { cases, otherwise } => {
            let mut parts: Vec<String> =
                cases.iter().map(|(value, condition)| format!("{} if {}", text(value), text(condition))).collect();
            parts.push(format!("{} otherwise", text(otherwise)));
            format!("{{{}}}", parts.join("; "))
        }
        Math::Relation { sign, left, right } => format!("{} {sign} {}", text(left), text(right)),
    }
}

/// What is done over an axis.
fn big(sign: Big) -> &'static str {
    match sign {
        Big::Sum => "Σ",
        Big::Max => "max",
        Big::Min => "min",
        Big::All => "all",
        Big::Any => "any",
    }
}

/// What stands under a root: a name or number as it is.
fn rooted(x: &Math) -> String {
    match x {
        Math::Symbol(_) | Math::Number(_) => text(x),
        x => format!("({})", text(x)),
    }
}

fn operation(op: &Operation, args: &[Math]) -> String {
    // A window of ones is not written.
    let written = args.iter().filter(|arg| !matches!(arg, Math::Number(_)) || args.len() == 1);
    let list = || written.clone().map(text).collect::<Vec<_>>().join(", ");
    match op.style() {
        Style::Infix(sign, _) => {
            args.iter().map(|arg| at_least(arg, Strength::Power)).collect::<Vec<_>>().join(&format!(" {sign} "))
        }
        Style::Function(name) if name == "ones" => format!("ones[{}]", shape(op)),
        Style::Function(name) if name == "reshape" => format!("reshape({}, [{}])", list(), shape(op)),
        Style::Function(name) => format!("{name}({})", list()),
        Style::Part(index) => format!("{}[{index}]", at_least(&args[0], Strength::Atom)),
        Style::Place(index) => format!("place({}, [{index}])", list()),
        Style::Lookup => format!("{}[{}]", at_least(&args[0], Strength::Atom), text(&args[1])),
        Style::Inverse(transposed) => {
            let matrix = at_least(&args[0], Strength::Atom);
            format!("{matrix}⁻{} {}", if transposed { "ᵀ" } else { "¹" }, at_least(&args[1], Strength::Power))
        }
        Style::Name(name) => name,
    }
}

/// The sizes of what an operation gives.
pub fn shape(op: &Operation) -> String {
    op.to.shape.iter().map(|size| size.to_string()).collect::<Vec<_>>().join(", ")
}

/// A quotient whose first tensor factor is a Σ has its scalars before that: `2/n Σ x`.
fn quotient(x: &Math, y: &Math) -> String {
    let below = at_least(y, Strength::Power);
    if let Some((before, big)) = coefficient_of_big(x) {
        return format!("{}/{below} {}", side_by_side(&before), text(&big));
    }
    format!("{}/{below}", at_least(x, Strength::Juxtaposed))
}

/// The scalar factors and the Σ of a formula that is a Σ with factors before it.
pub fn coefficient_of_big(x: &Math) -> Option<(Math, Math)> {
    match x {
        Math::Over { .. } => Some((Math::Number(1.0), x.clone())),
        Math::Product(factors) => {
            let (bigs, others): (Vec<&Math>, Vec<&Math>) =
                factors.iter().partition(|factor| matches!(factor, Math::Over { .. }));
            let scalar = others.iter().all(|factor| factor.rank() == 0);
            if bigs.len() != 1 || !scalar {
                return None;
            }
            let before = super::math::product(others.into_iter().cloned());
            Some((before, bigs[0].clone()))
        }
        _ => None,
    }
}

/// The formula, in brackets if it holds together less than its place asks.
fn at_least(x: &Math, place: Strength) -> String {
    if strength(x) < place { format!("({})", text(x)) } else { text(x) }
}

/// A factor that stands beside others.
fn side_by_side(x: &Math) -> String {
    match x {
        Math::Over { .. } => text(x),
        x => at_least(x, Strength::Power),
    }
}

/// A tensor that only scalars stand before: a product of matrices needs no brackets.
fn beside_scalars(x: &Math) -> String {
    match x {
        Math::MatMul { .. } => text(x),
        x => side_by_side(x),
    }
}

/// Whether what is raised behind a name is not taken for a part of an index.
fn is_bare(symbol: &Symbol) -> bool {
    let is_word = |sub: &String| sub.chars().any(|letter| !letter.is_ascii_digit());
    symbol.sup.is_none() && symbol.by.is_empty() && symbol.steps.is_empty() && !symbol.sub.as_ref().is_some_and(is_word)
}

/// A number, with fractions, roots and powers of ten where they are short.
pub fn number(value: f64) -> String {
    match value {
        0.5 => "½".into(),
        0.25 => "¼".into(),
        value if value < 0.0 => format!("−{}", number(-value)),
        value if value == f64::INFINITY => "∞".into(),
        value => match (power_of_ten(value), fraction(value), root(value)) {
            (Some(exponent), ..) => format!("10{}", raised(&exponent.to_string())),
            (_, Some(below), _) => format!("1/{below}"),
            _ if ratio(value).is_some() => {
                let (above, below) = ratio(value).expect("looked up above");
                format!("{above}/{below}")
            }
            (.., Some((above, below))) => match (above, below) {
                (above, 1) => format!("√{above}"),
                (1, below) => format!("1/√{below}"),
                (above, below) => format!("√({above}/{below})"),
            },
            (None, None, None) => match of_pi(value) {
                Some(formula) => formula,
                None => format!("{value}"),
            },
        },
    }
}

/// A small multiple of π, 1/π or π², as `2π/3`; none of another number.
fn of_pi(value: f64) -> Option<String> {
    let (above, below, power) = pi(value)?;
    let number = |number: u32| if number == 1 { String::new() } else { number.to_string() };
    Some(match (power, above, below) {
        (-1, above, below) => format!("{above}/({}π)", number(below)),
        (power, above, below) => {
            let above = format!("{}π{}", number(above), if power == 2 { "²" } else { "" });
            if below == 1 { above } else { format!("{above}/{below}") }
        }
    })
}

/// p, q and k of a number p/q πᵏ, for small whole numbers.
pub fn pi(value: f64) -> Option<(u32, u32, i32)> {
    let is_long = format!("{value}").len() > 12;
    let all = [1, -1, 2].into_iter().flat_map(|power| (1..=16u32).map(move |below| (power, below)));
    let found = all.into_iter().find_map(|(power, below)| {
        let unit = std::f64::consts::PI.powi(power) / f64::from(below);
        let above = (value / unit).round();
        let is_it = (1.0..=64.0).contains(&above) && (above * unit - value).abs() <= 4e-16 * value;
        is_it.then_some((above as u32, below, power))
    });
    found.filter(|_| is_long)
}

/// n of a number 1/n, but for those that are short in digits.
pub fn fraction(value: f64) -> Option<f64> {
    let below = (1.0 / value).round();
    let is_round = [10.0, 100.0, 1000.0].contains(&below);
    (!is_round && (3.0..1e9).contains(&below) && 1.0 / below == value).then_some(below)
}

/// n of a power 10ⁿ that is small or large.
pub fn power_of_ten(value: f64) -> Option<i32> {
    if value <= 0.0 {
        return None;
    }
    let exponent = value.log10().round() as i32;
    let is_it = format!("1e{exponent}").parse() == Ok(value);
    (is_it && !(-2..=4).contains(&exponent)).then_some(exponent)
}

/// p and q of a fraction p/q of small whole numbers that is longer in digits.
pub fn ratio(value: f64) -> Option<(u32, u32)> {
    let is_long = format!("{value}").len() > 8;
    let above = |below: u32| (value * f64::from(below)).round();
    let is_it = |below: &u32| (1.0..1e4).contains(&above(*below)) && above(*below) / f64::from(*below) == value;
    (2..=128).find(is_it).filter(|_| is_long).map(|below| (above(below) as u32, below))
}

/// p and q of a root √(p/q) of small whole numbers.
pub fn root(value: f64) -> Option<(u32, u32)> {
    let square = value * value;
    let is_long = format!("{value}").len() > 12;
    let found = (1..=1024u32).find_map(|below| {
        let above = (square * f64::from(below)).round();
        let is_it = (1.0..1e4).contains(&above) && ((above / f64::from(below)).sqrt() - value).abs() <= 4e-16 * value;
        is_it.then_some((above as u32, below))
    });
    found.filter(|_| is_long)
}

/// How a function is called in text.
pub fn function(name: &str) -> &str {
    match name {
        "sigmoid" => "σ",
        name => name,
    }
}
