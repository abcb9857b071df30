//! Formulas as LaTeX, for `amsmath`: `\delta^{1} = \bigl(\delta^{2} (W^{2})^{\top}\bigr) \circ \sigma'(z^{1})`.

use super::math::{Big, Math, Step, Symbol, turn};
use super::operation::{Operation, Style};
use super::text::{
    Strength, coefficient_of_big, fraction, ordered, pi, power_of_ten, ratio, root, shape, strength, sum,
};

/// The formula as LaTeX, without the signs that begin and end mathematics.
pub fn latex(x: &Math) -> String {
    match x {
        Math::Number(value) => number(*value),
        Math::Symbol(symbol) => symbol_latex(symbol),
        Math::Partial { of, by } => {
            format!("\\frac{{\\partial {}}}{{\\partial {}}}", symbol_latex(of), symbol_latex(by))
        }
        Math::Sum(terms) => sum(terms, "-", at_least),
        Math::Neg(x) => format!("-{}", at_least(x, Strength::Product)),
        Math::Product(factors) => {
            let (scalars, tensors) = ordered(factors);
            let least = if tensors.len() == 1 { Strength::Juxtaposed } else { Strength::Power };
            let factor = |factor: &&Math| match factor {
                Math::Over { .. } | Math::Quotient(..) => latex(factor),
                factor => at_least(factor, least),
            };
            let scalars: Vec<String> = scalars.iter().map(factor).collect();
            let tensors: Vec<String> = tensors.iter().map(factor).collect();
            let tensors = (!tensors.is_empty()).then(|| tensors.join(" \\circ "));
            scalars.into_iter().chain(tensors).collect::<Vec<_>>().join(" \\, ")
        }
        Math::Quotient(x, y) => match coefficient_of_big(x) {
            Some((before, big)) => format!("\\frac{{{}}}{{{}}} {}", latex(&before), latex(y), latex(&big)),
            None => format!("\\frac{{{}}}{{{}}}", latex(x), latex(y)),
        },
        Math::Power(x, y) => match &**x {
            // A name that has an index above already would get a second one.
            Math::Symbol(symbol) if symbol.sup.is_some() => format!("{}^{{{}}}", bracketed(&latex(x)), latex(y)),
            x => format!("{}^{{{}}}", at_least(x, Strength::Atom), latex(y)),
        },
        Math::MatMul { factors, .. } => {
            factors.iter().map(|factor| at_least(factor, Strength::Power)).collect::<Vec<_>>().join(" \\, ")
        }
        Math::Transpose(x) => match &**x {
            Math::Symbol(symbol) if symbol.sup.is_none() && symbol.steps.is_empty() => {
                format!("{}^{{\\top}}", symbol_latex(symbol))
            }
            x => format!("{}^{{\\top}}", bracketed(&latex(x))),
        },
        Math::Apply { name, args, .. } if name == "abs" => format!("\\left|{}\\right|", latex(&args[0])),
        Math::Apply { name, args, .. } if name == "sqrt" => format!("\\sqrt{{{}}}", latex(&args[0])),
        Math::Apply { name, primes, args, .. } => {
            let args: Vec<String> = args.iter().map(latex).collect();
            format!("{}{}{}", function(name), "'".repeat(*primes), bracketed(&args.join(", ")))
        }
        Math::Over { sign, axis, body, .. } => {
            format!("{}_{{{}}} {}", big(*sign), word(&axis.name), at_least(body, Strength::Product))
        }
        Math::Total { sign, over, when, body } => {
            let over = over.iter().map(|axis| word(&axis.name)).collect::<Vec<_>>().join(", ");
            let when: Vec<String> = when.iter().map(latex).collect();
            let under = match when.is_empty() {
                true => over,
                false => format!("\\substack{{{over} \\\\ {}}}", when.join(" \\\\ ")),
            };
            format!("{}_{{{under}}} {}", big(*sign), at_least(body, Strength::Product))
        }
        Math::Op { op, args } => operation(op, args),
        Math::Entry { of, at } => {
            let at: Vec<String> = at.iter().map(latex).collect();
            format!("{}_{{{}}}", indexed(of), at.join(",\\, "))
        }
        Math::Words(words) => format!("\\text{{{}}}", prose(words)),
        Math::Cases { cases, otherwise } => {
            let mut rows: Vec<String> = cases
                .iter()
                .map(|(value, condition)| format!("{} & \\text{{if }} {}", latex(value), latex(condition)))
                .collect();
            rows.push(format!("{} & \\text{{otherwise}}", latex(otherwise)));
            format!("\\begin{{cases}} {} \\end{{cases}}", rows.join(" \\\\ "))
        }
        Math::Relation { sign, left, right } => format!("{} {} {}", latex(left), relation(sign), latex(right)),
    }
}

fn big(sign: Big) -> &'static str {
    match sign {
        Big::Sum => "\\sum",
        Big::Max => "\\max",
        Big::Min => "\\min",
        Big::All => "\\bigwedge",
        Big::Any => "\\bigvee",
    }
}

/// What an index is put to: a name that has an index already in brackets.
fn indexed(x: &Math) -> String {
    match x {
        Math::Symbol(symbol) if symbol.sub.is_none() && symbol.steps.is_empty() => latex(x),
        x => bracketed(&latex(x)),
    }
}

fn operation(op: &Operation, args: &[Math]) -> String {
    let written = args.iter().filter(|arg| !matches!(arg, Math::Number(_)) || args.len() == 1);
    let list = || written.clone().map(latex).collect::<Vec<_>>().join(", ");
    let range = |index: &str| index.replace(':', "{:}").replace("..", "{:}");
    match op.style() {
        Style::Infix(_, sign) => {
            args.iter().map(|arg| at_least(arg, Strength::Power)).collect::<Vec<_>>().join(&format!(" {sign} "))
        }
        Style::Function(name) if name == "ones" => format!("\\mathbf{{1}}_{{[{}]}}", escaped(&shape(op))),
        Style::Function(name) if name == "reshape" => {
            format!("\\operatorname{{reshape}}_{{[{}]}}{}", escaped(&shape(op)), bracketed(&list()))
        }
        Style::Function(name) => format!("{}{}", function(&name), bracketed(&list())),
        Style::Part(index) => format!("{}_{{[{}]}}", indexed(&args[0]), range(&index)),
        Style::Place(index) => format!("\\operatorname{{place}}_{{[{}]}}{}", range(&index), bracketed(&list())),
        Style::Lookup => format!("{}_{{[{}]}}", indexed(&args[0]), latex(&args[1])),
        Style::Inverse(transposed) => {
            let matrix = match &args[0] {
                Math::Symbol(symbol) if symbol.sup.is_none() => latex(&args[0]),
                matrix => bracketed(&latex(matrix)),
            };
            let sign = if transposed { "-\\top" } else { "-1" };
            format!("{matrix}^{{{sign}}} \\, {}", at_least(&args[1], Strength::Power))
        }
        Style::Name(name) => word(&name),
    }
}

/// Words as they stand in text.
fn prose(words: &str) -> String {
    words.replace('…', "\\dots{}").split(' ').map(escaped).collect::<Vec<_>>().join(" ").replace("Lᵀ", "$L^\\top$")
}

fn bracketed(text: &str) -> String {
    format!("\\left({text}\\right)")
}

fn at_least(x: &Math, place: Strength) -> String {
    match x {
        // A fraction needs no brackets where it stands.
        Math::Quotient(..) if place <= Strength::Juxtaposed => latex(x),
        x if strength(x) < place => bracketed(&latex(x)),
        x => latex(x),
    }
}

fn relation(sign: &str) -> &'static str {
    match sign {
        "≤" => "\\le",
        "≥" => "\\ge",
        "≠" => "\\ne",
        "<" => "<",
        ">" => ">",
        _ => "=",
    }
}

fn number(value: f64) -> String {
    match value {
        0.5 => "\\tfrac{1}{2}".into(),
        0.25 => "\\tfrac{1}{4}".into(),
        value if value < 0.0 => format!("-{}", number(-value)),
        value if value == f64::INFINITY => "\\infty".into(),
        value => {
            if let (Some(below), None) = (fraction(value), power_of_ten(value)) {
                return format!("\\tfrac{{1}}{{{below}}}");
            }
            if let Some((above, below)) = ratio(value) {
                return format!("\\tfrac{{{above}}}{{{below}}}");
            }
            match (power_of_ten(value), root(value)) {
                (Some(exponent), _) => return format!("10^{{{exponent}}}"),
                (_, Some((above, 1))) => return format!("\\sqrt{{{above}}}"),
                (_, Some((above, below))) => return format!("\\sqrt{{{above}/{below}}}"),
                (None, None) => {}
            }
            if let Some((above, below, power)) = pi(value) {
                let number = |number: u32| if number == 1 { String::new() } else { format!("{number} ") };
                let power_of_pi = if power == 2 { "\\pi^{2}" } else { "\\pi" };
                return match (power, above, below) {
                    (-1, above, below) => format!("\\tfrac{{{above}}}{{{}\\pi}}", number(below)),
                    (_, above, 1) => format!("{}{power_of_pi}", number(above)),
                    (_, above, below) => format!("\\tfrac{{{}{power_of_pi}}}{{{below}}}", number(above)),
                };
            }
            let text = format!("{value}");
            match text.len() {
                0..=12 => text,
                _ => {
                    let (digits, exponent) = split_exponent(value);
                    format!("{digits} \\cdot 10^{{{exponent}}}")
                }
            }
        }
    }
}

fn split_exponent(value: f64) -> (String, String) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.into(), exponent.into())
}

fn symbol_latex(symbol: &Symbol) -> String {
    let mut out = name(&symbol.base);
    let steps = symbol.steps.iter().map(|step| match step {
        Step::Near { depth, offset: 0 } => turn(*depth),
        Step::Near { depth, offset } => format!("{}{offset:+}", turn(*depth)),
        Step::At(step) => word(step),
    });
    let by = (!symbol.by.is_empty()).then(|| symbol.by.iter().map(|by| name(by)).collect::<Vec<_>>().join(" "));
    let below: Vec<String> = symbol.sub.as_deref().map(word).into_iter().chain(by).chain(steps).collect();
    if !below.is_empty() {
        out += &format!("_{{{}}}", below.join(","));
    }
    if let Some(sup) = &symbol.sup {
        // The number of a layer is no power: w⁽¹⁾.
        let is_number = sup.chars().all(|letter| letter.is_ascii_digit());
        out += &if is_number { format!("^{{({sup})}}") } else { format!("^{{{}}}", word(sup)) };
    }
    out
}

/// An index: numbers and single letters as mathematics, words as text.
fn word(text: &str) -> String {
    let is_word = text.chars().filter(|letter| letter.is_alphabetic()).count() > 1;
    if is_word { format!("\\text{{{}}}", escaped(text)) } else { escaped(text) }
}

/// A name: a single letter as it is, a Greek letter by its command, a word upright.
fn name(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => greek(letter).map_or_else(|| escaped(text), String::from),
        _ => format!("\\mathrm{{{}}}", escaped(text)),
    }
}

fn function(text: &str) -> String {
    match text {
        "sigmoid" => "\\sigma".into(),
        "exp" | "log" | "sin" | "cos" | "tanh" | "max" | "min" => format!("\\{text}"),
        text if text.chars().count() == 1 => name(text),
        text => format!("\\operatorname{{{}}}", escaped(text)),
    }
}

/// Without what means something else in LaTeX; Greek letters inside of words by their commands.
fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '_' | '#' | '%' | '&' | '$' | '{' | '}' => format!("\\{letter}"),
        letter => match greek(letter) {
            Some(command) => format!("\\ensuremath{{{command}}}"),
            None => letter.to_string(),
        },
    };
    text.chars().map(letter).collect()
}

fn greek(letter: char) -> Option<&'static str> {
    let table = [
        ('α', "\\alpha"),
        ('β', "\\beta"),
        ('γ', "\\gamma"),
        ('δ', "\\delta"),
        ('ε', "\\varepsilon"),
        ('ζ', "\\zeta"),
        ('η', "\\eta"),
        ('θ', "\\theta"),
        ('ι', "\\iota"),
        ('κ', "\\kappa"),
        ('λ', "\\lambda"),
        ('μ', "\\mu"),
        ('ν', "\\nu"),
        ('ξ', "\\xi"),
        ('π', "\\pi"),
        ('ρ', "\\rho"),
        ('σ', "\\sigma"),
        ('τ', "\\tau"),
        ('υ', "\\upsilon"),
        ('φ', "\\varphi"),
        ('χ', "\\chi"),
        ('ψ', "\\psi"),
        ('ω', "\\omega"),
        ('Γ', "\\Gamma"),
        ('Δ', "\\Delta"),
        ('Θ', "\\Theta"),
        ('Λ', "\\Lambda"),
        ('Ξ', "\\Xi"),
        ('Π', "\\Pi"),
        ('Σ', "\\Sigma"),
        ('Φ', "\\Phi"),
        ('Ψ', "\\Psi"),
        ('Ω', "\\Omega"),
    ];
    table.iter().find(|(other, _)| *other == letter).map(|(_, command)| *command)
}
