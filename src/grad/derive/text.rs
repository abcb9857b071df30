//! Formulas as Unicode text: `δ¹ = (δ² (W²)ᵀ) ∘ σ′(z¹)`.

use super::math::{Big, Math, Symbol};

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
        Math::Product(factors) if factors.iter().filter(|factor| factor.rank() > 0).count() < 2 => Strength::Juxtaposed,
        Math::Product(_) | Math::Over { .. } | Math::Quotient(..) => Strength::Product,
        Math::MatMul { .. } => Strength::Juxtaposed,
        Math::Power(..) | Math::Transpose(_) => Strength::Power,
        Math::Number(_) | Math::Symbol(_) | Math::Partial { .. } | Math::Apply { .. } | Math::Part { .. } => {
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

/// The formula as text.
pub fn text(x: &Math) -> String {
    match x {
        Math::Number(value) => number(*value),
        Math::Symbol(symbol) => symbol_text(symbol),
        Math::Partial { of, by } => format!("∂{}/∂{}", symbol_text(of), symbol_text(by)),
        Math::Sum(terms) => {
            let mut out = String::new();
            for (idx, term) in terms.iter().enumerate() {
                let (sign, term) = match term {
                    Math::Neg(term) => ("−", term.as_ref()),
                    term => ("+", term),
                };
                out += &match (idx, sign) {
                    (0, "+") => String::new(),
                    (0, sign) => sign.to_string(),
                    (_, sign) => format!(" {sign} "),
                };
                out += &at_least(term, Strength::Product);
            }
            out
        }
        Math::Neg(x) => format!("−{}", at_least(x, Strength::Product)),
        Math::Product(factors) => {
            let (scalars, tensors) = ordered(factors);
            let is_single = tensors.len() == 1;
            let scalars: Vec<String> = scalars.iter().map(|factor| side_by_side(factor)).collect();
            let tensors: Vec<String> = match is_single {
                true => tensors.iter().map(|factor| side_by_side(factor)).collect(),
                false => tensors.iter().map(|factor| at_least(factor, Strength::Power)).collect(),
            };
            let tensors = (!tensors.is_empty()).then(|| tensors.join(" ∘ "));
            scalars.into_iter().chain(tensors).collect::<Vec<_>>().join(" ")
        }
        Math::Quotient(x, y) => quotient(x, y),
        Math::Power(x, y) => {
            // A name that has an index above already would get a second one.
            let base = match &**x {
                Math::Symbol(symbol) if symbol.sup.is_some() => format!("({})", text(x)),
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
            Math::Symbol(symbol) if symbol.sup.is_none() => format!("{}ᵀ", symbol_text(symbol)),
            x => format!("({})ᵀ", text(x)),
        },
        Math::Apply { name, args, .. } if name == "abs" => format!("|{}|", text(&args[0])),
        Math::Apply { name, primes, args, .. } => {
            let args: Vec<String> = args.iter().map(text).collect();
            format!("{}{}({})", function(name), "′".repeat(*primes), args.join(", "))
        }
        Math::Over { sign, axis, body, .. } => {
            let sign = match sign {
                Big::Sum => "Σ",
                Big::Max => "max",
                Big::Min => "min",
                Big::All => "all",
                Big::Any => "any",
            };
            format!("{sign}_{axis} {}", at_least(body, Strength::Product))
        }
        Math::Cases { cases, otherwise } => {
            let mut parts: Vec<String> =
                cases.iter().map(|(value, condition)| format!("{} if {}", text(value), text(condition))).collect();
            parts.push(format!("{} otherwise", text(otherwise)));
            format!("{{{}}}", parts.join("; "))
        }
        Math::Relation { sign, left, right } => format!("{} {sign} {}", text(left), text(right)),
        Math::Part { of, index, .. } => format!("{}[{index}]", at_least(of, Strength::Atom)),
    }
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

/// A number, with fractions where they are short.
pub fn number(value: f64) -> String {
    match value {
        0.5 => "½".into(),
        0.25 => "¼".into(),
        value if value < 0.0 => format!("−{}", number(-value)),
        value if value == f64::INFINITY => "∞".into(),
        value => match fraction(value) {
            Some(below) => format!("1/{below}"),
            None => format!("{value}"),
        },
    }
}

/// n of a number 1/n that is longer in digits.
pub fn fraction(value: f64) -> Option<f64> {
    let below = (1.0 / value).round();
    let is_long = format!("{value}").len() > 4;
    (is_long && (2.0..1e9).contains(&below) && 1.0 / below == value).then_some(below)
}

fn symbol_text(symbol: &Symbol) -> String {
    let sub = symbol.sub.as_deref().map(lowered).unwrap_or_default();
    let sup = symbol.sup.as_deref().map(raised).unwrap_or_default();
    format!("{}{sup}{sub}", symbol.base)
}

/// How a function is called in text.
pub fn function(name: &str) -> &str {
    match name {
        "sigmoid" => "σ",
        name => name,
    }
}

fn shifted(text: &str, digits: [char; 10]) -> Option<String> {
    text.chars().map(|letter| letter.to_digit(10).map(|digit| digits[digit as usize])).collect()
}

fn raised(text: &str) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    shifted(text, digits).unwrap_or_else(|| format!("^{text}"))
}

fn lowered(text: &str) -> String {
    let digits = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    shifted(text, digits).unwrap_or_else(|| format!("_{text}"))
}
