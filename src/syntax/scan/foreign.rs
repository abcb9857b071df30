//! Signs of other languages, and of the blackboard, with what they are called here.

use crate::source::Code;

/// A sign that is not part of the language, but whose meaning is known.
pub(super) struct Foreign {
    /// How many bytes it takes.
    pub(super) len: usize,
    /// Its code.
    pub(super) code: Code,
    /// What is wrong.
    pub(super) message: String,
    /// What to write.
    pub(super) help: Option<String>,
}

/// Pairs of signs and their spelling in Nabla, longest first.
const SPELLED: [(&str, &str); 17] = [
    ("===", "equality is `==`"),
    ("!==", "inequality is `!=`"),
    ("//=", "a `var` changes by `x := x // …`"),
    ("**", "the power is written `^`: `x^2`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("<>", "inequality is `!=`"),
    ("=>", "a function is `fn(x) e`; the comparison is `>=`"),
    ("=<", "the comparison is `<=`"),
    ("++", "a `var` changes by `x := x + 1`"),
    ("+=", "a `var` changes by `x := x + …`"),
    ("-=", "a `var` changes by `x := x - …`"),
    ("*=", "a `var` changes by `x := x * …`"),
    ("/=", "a `var` changes by `x := x / …`; inequality is `!=`"),
    ("^=", "a `var` changes by `x := x ^ …`"),
    ("%=", "a `var` changes by `x := x % …`"),
    ("@=", "a `var` changes by `x := x @ …`"),
];

/// The foreign sign that `rest` begins with. `after_value` says that it follows a value without a space.
pub(super) fn look(rest: &str, after_value: bool) -> Option<Foreign> {
    if let Some((sign, help)) = SPELLED.iter().find(|(sign, _)| rest.starts_with(sign)) {
        let message = format!("`{sign}` is not an operator of the language");
        return Some(Foreign { len: sign.len(), code: Code::E0101, message, help: Some(help.to_string()) });
    }
    if rest.starts_with('\'') {
        return Some(single_quote(rest, after_value));
    }
    let (len, help) = if rest.starts_with('!') && !rest.starts_with("!=") {
        (1, "negation is the word `not`")
    } else if rest.starts_with('&') {
        (1, "write `and`")
    } else if rest.starts_with('|') && !rest.starts_with("|>") {
        (1, "write `or`; the pipe is `|>`")
    } else {
        return None;
    };
    let message = format!("`{}` is not an operator of the language", &rest[..len]);
    Some(Foreign { len, code: Code::E0101, message, help: Some(help.to_owned()) })
}

fn single_quote(rest: &str, after_value: bool) -> Foreign {
    let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    if after_value {
        return Foreign {
            len: 1,
            code: Code::E0104,
            message: "`'` is not part of the language".to_owned(),
            help: Some(
                "the transpose is `.T`, the derivative of `f` is `grad(f)`; a prime in a name is `′`".to_owned(),
            ),
        };
    }
    let (len, inner) = match line[1..].find('\'') {
        Some(end) => (end + 2, &line[1..=end]),
        None => (1, "…"),
    };
    Foreign {
        len,
        code: Code::E0104,
        message: "strings stand between double quotes".to_owned(),
        help: Some(format!("write `\"{inner}\"`")),
    }
}

/// What to say about a character that has no meaning.
pub(super) fn unknown(c: char) -> (String, Option<String>) {
    let help = match c {
        '·' | '⋅' | '×' | '∙' | '∗' | '•' => {
            "the elementwise product is `*`, the matrix product `@`, the convolution `convolve(a, b)`"
        }
        '∘' | '⊙' => "the elementwise product is `*`; functions are composed by `x |> f |> g`",
        '−' | '–' | '—' => "this looks like a minus but is another character; type `-`",
        '“' | '”' | '„' | '«' | '»' => "strings stand between straight quotes: `\"…\"`",
        '‘' | '’' | '´' => "strings stand between double quotes: `\"…\"`",
        '÷' => "division is `/`",
        '²' => "write `^2`",
        '³' => "write `^3`",
        '⁰'..='⁹' => "write `^` and the number",
        '√' => "write `sqrt(x)`",
        '∂' => "the derivative of `f` by `x` is `deriv(f, x)`, its gradient `grad(f)` or `∇f`",
        '∑' => "write `sum(x)`",
        '∏' => "write `prod(x)`",
        '∫' => "there is no integral; sum over a grid",
        '∈' => "write `in`",
        '∞' => "write `inf`",
        '→' => "the result type follows `->`",
        '←' => "a value is bound by `=`, a `var` changed by `:=`",
        '¬' => "write `not`",
        '∧' => "write `and`",
        '∨' => "write `or`",
        '≈' => "compare with a tolerance: `abs(a - b) < 1e-6`",
        '\\' => "a line goes on by itself inside brackets, after an operator and before one",
        '$' | '`' => "values in strings are written `\"{x}\"`",
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{3000}' => {
            return (
                format!("a space of another kind (U+{:04X})", c as u32),
                Some("replace it by a plain space".to_owned()),
            );
        }
        c if c.is_control() => {
            return (format!("a control character (U+{:04X}) is not part of the language", c as u32), None);
        }
        _ => return (format!("`{c}` is not part of the language"), None),
    };
    (format!("`{c}` is not part of the language"), Some(help.to_owned()))
}
