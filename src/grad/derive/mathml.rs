//! Formulas as MathML, which browsers draw by themselves: `<msup><mi>δ</mi><mn>1</mn></msup>`. Only what MathML Core has is
//! written (W3C, "MathML Core", 2023).

use super::document::{Equations, Row, Sign, Turns, turns_of};
use super::math::{Big, Math, Step, Symbol, turn};
use super::operation::{Operation, Style};
use super::text::{
    self, Strength, coefficient_of_big, fraction, ordered, power_of_ten, ratio, root, shape, signed, strength,
};
use crate::ir::Dim;

impl Equations {
    /// As a part of an HTML page: a title and a table for each section, one equation a row, its left side in a column of
    /// its own. What is equal to it may wrap, form by form.
    pub fn to_html(&self) -> String {
        let mut out = String::from("<div class=\"equations\">\n");
        for section in &self.sections {
            out += &format!("<h4>{}</h4>\n<table>\n", escaped(section.title));
            for (row, begins) in section.rows_by_turns() {
                if begins {
                    out += &format!("<tr><th colspan=\"2\">{}</th></tr>\n", turns_html(&row.turns));
                }
                out += &row.to_html();
            }
            out += "</table>\n";
        }
        out + "</div>\n"
    }
}

impl Row {
    /// As a row of an HTML table; a style sheet may tell those of a loop by their class.
    fn to_html(&self) -> String {
        let sign = match self.sign {
            Sign::Is => "=",
            Sign::Becomes => "←",
            Sign::Drawn => "~",
        };
        let form = |(idx, formula): (usize, &Math)| {
            let sign = if idx == 0 { sign } else { "=" };
            math(&format!("{}{}", operator(sign), mathml(formula)))
        };
        let mut right: Vec<String> = self.right.iter().enumerate().map(form).collect();
        right.extend(self.provided.as_ref().map(|condition| math(&format!("{}{}", words("if "), mathml(condition)))));
        let class = if !self.turns.is_empty() { " class=\"turn\"" } else { "" };
        format!("<tr{class}><td>{}</td><td>{}</td></tr>\n", math(&mathml(&self.left)), right.join("\n"))
    }
}

/// In which steps of loops a row holds.
fn turns_html(turns: &[Turns]) -> String {
    let size = |count: &Dim| mathml(&super::axes::size_math(count));
    let equals = |index: &str, value: &str| format!("{}{}{value}", name(index), operator("="));
    let steps = turns.iter().map(|Turns { index, count, down, .. }| {
        let (one, count, comma) = ("<mn>1</mn>".to_string(), size(count), operator(","));
        let (first, last) = if *down { (count, one) } else { (one, count) };
        math(&equals(index, &format!("{first}{comma}<mi>…</mi>{comma}{last}")))
    });
    let ends = turns.iter().filter(|turns| turns.ends).map(|Turns { index, count, .. }| {
        let next = format!("{}{}<mn>1</mn>", name(index), operator("+"));
        format!("of {} at {}", math(&next), math(&equals(index, &size(count))))
    });
    format!("{}:", turns_of("for ", steps.collect(), " and ", ", without the terms ", ends.collect()))
}

/// An element of an HTML page with a formula in it.
fn math(inner: &str) -> String {
    format!("<math displaystyle=\"true\">{inner}</math>")
}

/// The formula as one element.
pub fn mathml(x: &Math) -> String {
    match x {
        Math::Number(value) => number(*value),
        Math::Symbol(symbol) => symbol_mathml(symbol),
        Math::Partial { of, by } => {
            let partial = |symbol: &Symbol| row(&format!("<mo>∂</mo>{}", symbol_mathml(symbol)));
            fraction_of(&partial(of), &partial(by))
        }
        Math::Sum(terms) => {
            let mut out = String::new();
            for (idx, (sign, term)) in signed(terms, "−").enumerate() {
                if idx > 0 || sign == "−" {
                    out += &operator(sign);
                }
                out += &at_least(term, Strength::Product);
            }
            row(&out)
        }
        Math::Neg(x) => row(&format!("{}{}", operator("−"), at_least(x, Strength::Product))),
        Math::Product(factors) => {
            let (scalars, tensors) = ordered(factors);
            let least = if tensors.len() == 1 { Strength::Juxtaposed } else { Strength::Power };
            let factor = |factor: &&Math| match factor {
                Math::Over { .. } | Math::Quotient(..) => mathml(factor),
                factor => at_least(factor, least),
            };
            let scalars: Vec<String> = scalars.iter().map(factor).collect();
            let tensors: Vec<String> = tensors.iter().map(factor).collect();
            let tensors = (!tensors.is_empty()).then(|| tensors.join(&operator("∘")));
            row(&scalars.into_iter().chain(tensors).collect::<Vec<_>>().join(BESIDE))
        }
        Math::Quotient(x, y) => match coefficient_of_big(x) {
            Some((before, big)) => {
                row(&format!("{}{BESIDE}{}", fraction_of(&mathml(&before), &mathml(y)), mathml(&big)))
            }
            None => fraction_of(&mathml(x), &mathml(y)),
        },
        Math::Power(x, y) => {
            let base = match &**x {
                // A name that has an index above already would get a second one.
                Math::Symbol(symbol) if symbol.sup.is_some() || !symbol.by.is_empty() => bracketed(&mathml(x)),
                x => at_least(x, Strength::Atom),
            };
            above(&base, &mathml(y))
        }
        Math::MatMul { factors, .. } => {
            row(&factors.iter().map(|factor| at_least(factor, Strength::Power)).collect::<Vec<_>>().join(BESIDE))
        }
        Math::Transpose(x) => {
            let base = match &**x {
                Math::Symbol(symbol) if symbol.sup.is_none() && symbol.by.is_empty() && symbol.steps.is_empty() => {
                    symbol_mathml(symbol)
                }
                x => bracketed(&mathml(x)),
            };
            above(&base, "<mo>⊤</mo>")
        }
        Math::Apply { name, args, .. } if name == "abs" => {
            row(&format!("<mo form=\"prefix\">|</mo>{}<mo form=\"postfix\">|</mo>", mathml(&args[0])))
        }
        Math::Apply { name, args, .. } if name == "sqrt" => format!("<msqrt>{}</msqrt>", mathml(&args[0])),
        Math::Apply { name, primes, args, .. } => {
            let name = function(name);
            let name = if *primes == 0 { name } else { above(&name, &format!("<mo>{}</mo>", "′".repeat(*primes))) };
            applied(&name, args.iter().map(mathml))
        }
        Math::Over { sign, axis, body, .. } => {
            row(&format!("{}{}", below_big(*sign, &word(&axis.name)), at_least(body, Strength::Product)))
        }
        Math::Total { sign, over, when, body } => {
            let over = row(&over.iter().map(|axis| word(&axis.name)).collect::<Vec<_>>().join(&operator(",")));
            let under = match when.is_empty() {
                true => over,
                false => lines(std::iter::once(over).chain(when.iter().map(mathml)).map(|line| vec![line])),
            };
            row(&format!("{}{}", below_big(*sign, &under), at_least(body, Strength::Product)))
        }
        Math::Op { op, args } => operation(op, args),
        Math::Entry { of, at } => {
            let at: Vec<String> = at.iter().map(mathml).collect();
            below(&indexed(of), &row(&at.join(&operator(","))))
        }
        Math::Words(text) => words(text),
        Math::Cases { cases, otherwise } => {
            let case = |(value, condition): &(Math, Math)| {
                vec![mathml(value), row(&format!("{}{}", words("if "), mathml(condition)))]
            };
            let last = vec![mathml(otherwise), words("otherwise")];
            row(&format!("<mo>{{</mo>{}", lines(cases.iter().map(case).chain([last]))))
        }
        Math::Relation { sign, left, right } => row(&format!("{}{}{}", mathml(left), operator(sign), mathml(right))),
    }
}

/// The space between factors that stand side by side.
const BESIDE: &str = "<mspace width=\"0.17em\"/>";

fn row(inner: &str) -> String {
    format!("<mrow>{inner}</mrow>")
}

fn operator(sign: &str) -> String {
    match sign {
        // Browsers do not know it as a relation.
        "~" => "<mo lspace=\"0.28em\" rspace=\"0.28em\">~</mo>".into(),
        sign => format!("<mo>{}</mo>", escaped(sign)),
    }
}

fn fraction_of(over: &str, under: &str) -> String {
    format!("<mfrac>{over}{under}</mfrac>")
}

fn above(base: &str, sup: &str) -> String {
    format!("<msup>{base}{sup}</msup>")
}

fn below(base: &str, sub: &str) -> String {
    format!("<msub>{base}{sub}</msub>")
}

/// Brackets around what they hold together; around what is higher than a line they grow with it.
fn bracketed(inner: &str) -> String {
    fenced("(", inner, ")")
}

/// An index in square brackets.
fn squared(inner: &str) -> String {
    fenced("[", inner, "]")
}

fn fenced(open: &str, inner: &str, close: &str) -> String {
    let is_high = ["<mfrac", "<munder", "<mtable"].iter().any(|element| inner.contains(element));
    let stretch = if is_high { "" } else { " stretchy=\"false\"" };
    row(&format!("<mo{stretch}>{open}</mo>{inner}<mo{stretch}>{close}</mo>"))
}

fn applied(name: &str, args: impl Iterator<Item = String>) -> String {
    // U+2061 says that a function is applied and is not seen.
    row(&format!("{name}<mo>\u{2061}</mo>{}", bracketed(&args.collect::<Vec<_>>().join(&operator(",")))))
}

/// Cells in lines.
fn lines(rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |cells: Vec<String>| cells.iter().map(|cell| format!("<mtd>{cell}</mtd>")).collect::<String>();
    format!("<mtable>{}</mtable>", rows.map(|row| format!("<mtr>{}</mtr>", cells(row))).collect::<String>())
}

/// What is done over an axis, the axis under it.
fn below_big(sign: Big, under: &str) -> String {
    let sign = match sign {
        Big::Sum => "∑",
        Big::Max => "max",
        Big::Min => "min",
        Big::All => "⋀",
        Big::Any => "⋁",
    };
    format!("<munder>{}{under}</munder>", operator(sign))
}

/// What an index is put to: a name that has an index already in brackets.
fn indexed(x: &Math) -> String {
    match x {
        Math::Symbol(symbol) if symbol.sub.is_none() && symbol.by.is_empty() && symbol.steps.is_empty() => mathml(x),
        x => bracketed(&mathml(x)),
    }
}

fn operation(op: &Operation, args: &[Math]) -> String {
    // A window of ones is not written.
    let written = args.iter().filter(|arg| !matches!(arg, Math::Number(_)) || args.len() == 1);
    let list = written.map(mathml);
    match op.style() {
        Style::Infix(sign, _) => {
            let args: Vec<String> = args.iter().map(|arg| at_least(arg, Strength::Power)).collect();
            row(&args.join(&operator(sign)))
        }
        Style::Function(name) if name == "ones" => below(&function(&name), &squared(&words(&shape(op)))),
        Style::Function(name) if name == "reshape" => {
            applied(&function(&name), list.chain([squared(&words(&shape(op)))]))
        }
        Style::Function(name) => applied(&function(&name), list),
        Style::Part(index) => below(&indexed(&args[0]), &squared(&words(&index))),
        Style::Place(index) => applied(&function("place"), list.chain([squared(&words(&index))])),
        Style::Lookup => below(&indexed(&args[0]), &squared(&mathml(&args[1]))),
        Style::Inverse(transposed) => {
            let matrix = match &args[0] {
                Math::Symbol(symbol) if symbol.sup.is_none() => mathml(&args[0]),
                matrix => bracketed(&mathml(matrix)),
            };
            let sign = if transposed { "<mo>⊤</mo>" } else { "<mn>1</mn>" };
            let inverse = above(&matrix, &row(&format!("{}{sign}", operator("−"))));
            row(&format!("{inverse}{BESIDE}{}", at_least(&args[1], Strength::Power)))
        }
        Style::Name(name) => word(&name),
    }
}

/// The formula, in brackets if it holds together less than its place asks.
fn at_least(x: &Math, place: Strength) -> String {
    match x {
        // A fraction needs no brackets where it stands.
        Math::Quotient(..) if place <= Strength::Juxtaposed => mathml(x),
        x if strength(x) < place => bracketed(&mathml(x)),
        x => mathml(x),
    }
}

fn number(value: f64) -> String {
    let digits = |text: &str| format!("<mn>{text}</mn>");
    let small =
        |over: &str, under: &str| format!("<mfrac displaystyle=\"false\">{}{}</mfrac>", digits(over), digits(under));
    match value {
        0.5 => small("1", "2"),
        0.25 => small("1", "4"),
        value if value < 0.0 => row(&format!("{}{}", operator("−"), number(-value))),
        value if value == f64::INFINITY => "<mi>∞</mi>".into(),
        value => {
            if let Some(exponent) = power_of_ten(value) {
                let sign = if exponent < 0 { operator("−") } else { String::new() };
                return above(&digits("10"), &row(&format!("{sign}{}", digits(&exponent.unsigned_abs().to_string()))));
            }
            if let Some(below) = fraction(value) {
                return small("1", &below.to_string());
            }
            if let Some((above, below)) = ratio(value) {
                return small(&above.to_string(), &below.to_string());
            }
            if let Some(formula) = of_pi(value) {
                return formula;
            }
            match root(value) {
                Some((above, 1)) => format!("<msqrt>{}</msqrt>", digits(&above.to_string())),
                // √(p/q) with p = 1 is told as 1/√q.
                Some((1, below)) => {
                    fraction_of(&digits("1"), &format!("<msqrt>{}</msqrt>", digits(&below.to_string())))
                }
                Some((above, below)) => format!("<msqrt>{}</msqrt>", small(&above.to_string(), &below.to_string())),
                None => digits(&value.to_string()),
            }
        }
    }
}

/// A small multiple of π, 1/π or π².
fn of_pi(value: f64) -> Option<String> {
    let (over, under, power) = text::pi(value)?;
    let digits = |number: u32| format!("<mn>{number}</mn>");
    let pi = if power == 2 { above("<mi>π</mi>", &digits(2)) } else { "<mi>π</mi>".to_string() };
    let times = |number: u32| if number == 1 { pi.clone() } else { row(&format!("{}{pi}", digits(number))) };
    let small = |over: String, under: String| format!("<mfrac displaystyle=\"false\">{over}{under}</mfrac>");
    Some(match (power, under) {
        (-1, _) => small(digits(over), times(under)),
        (_, 1) => times(over),
        _ => small(times(over), digits(under)),
    })
}

fn symbol_mathml(symbol: &Symbol) -> String {
    let base = name(&symbol.base);
    let by =
        (!symbol.by.is_empty()).then(|| row(&symbol.by.iter().map(|by| name(by)).collect::<Vec<_>>().join(BESIDE)));
    let steps = symbol.steps.iter().map(step);
    let sub: Vec<String> = symbol.sub.as_deref().map(word).into_iter().chain(by).chain(steps).collect();
    let sub = (!sub.is_empty()).then(|| if sub.len() == 1 { sub.concat() } else { row(&sub.join(&operator(","))) });
    match (sub, symbol.sup.as_deref().map(word)) {
        (None, None) => base,
        (Some(sub), None) => below(&base, &sub),
        (None, Some(sup)) => above(&base, &sup),
        (Some(sub), Some(sup)) => format!("<msubsup>{base}{sub}{sup}</msubsup>"),
    }
}

/// Which step of a loop is meant: `t − 1`.
fn step(step: &Step) -> String {
    let near = |depth: usize, sign: &str, offset: i32| {
        row(&format!("{}{}<mn>{}</mn>", name(&turn(depth)), operator(sign), offset.unsigned_abs()))
    };
    match *step {
        Step::Near { depth, offset: 0 } => name(&turn(depth)),
        Step::Near { depth, offset } if offset < 0 => near(depth, "−", offset),
        Step::Near { depth, offset } => near(depth, "+", offset),
        Step::At(ref step) => word(step),
    }
}

/// An index: numbers, single letters as mathematics, words as text.
fn word(text: &str) -> String {
    match text.chars().filter(|letter| letter.is_alphabetic()).count() {
        0 if text.chars().all(|letter| letter.is_ascii_digit()) => format!("<mn>{text}</mn>"),
        1 if text.chars().count() == 1 => format!("<mi>{text}</mi>"),
        _ => words(text),
    }
}

/// A name: browsers slant a single letter and leave a word upright.
fn name(text: &str) -> String {
    format!("<mi>{}</mi>", escaped(text))
}

fn function(text: &str) -> String {
    name(text::function(text))
}

/// Words, whose first and last space stay.
fn words(text: &str) -> String {
    format!("<mtext>{}</mtext>", escaped(text).replace(' ', "\u{a0}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
