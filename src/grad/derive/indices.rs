//! Names with their indices as Unicode text: `W²`, `δ₁`, `hₜ₋₁`.

use super::math::{Step, Symbol, turn};

pub fn symbol_text(symbol: &Symbol) -> String {
    let sub = symbol.sub.as_deref().map(lowered).unwrap_or_default();
    let by = if symbol.by.is_empty() { String::new() } else { format!("_{}", by_text(&symbol.by)) };
    let sup = symbol.sup.as_deref().map(raised).unwrap_or_default();
    let step = match symbol.steps.as_slice() {
        [step] => step_text(step),
        steps => steps_text(steps),
    };
    // h₂ before the first step is no h₂₀.
    let is_digit = |letter: char| ('₀'..='₉').contains(&letter);
    let comma = if sub.ends_with(is_digit) && by.is_empty() && step.starts_with(is_digit) { "," } else { "" };
    format!("{}{sup}{sub}{by}{comma}{step}", symbol.base)
}

/// By what a value is differentiated: letters as they are, `xx`; words with commas between.
pub fn by_text(by: &[String]) -> String {
    let is_short = by.iter().all(|name| name.chars().count() == 1);
    by.join(if is_short { "" } else { "," })
}

/// `ₜ₋₁`, `_T`.
fn step_text(step: &Step) -> String {
    let letter = |depth: usize| match turn(depth).as_str() {
        "t" => "ₜ".to_string(),
        "r" => "ᵣ".to_string(),
        "u" => "ᵤ".to_string(),
        "v" => "ᵥ".to_string(),
        other => lowered(other),
    };
    match step {
        Step::Near { depth, offset: 0 } => letter(*depth),
        Step::Near { depth, offset } => {
            let sign = if *offset < 0 { '₋' } else { '₊' };
            format!("{}{sign}{}", letter(*depth), lowered(&offset.unsigned_abs().to_string()))
        }
        Step::At(step) => lowered(step),
    }
}

/// The steps of several loops: `ₜ,ᵣ₋₁`, and `_(t,R)` where no small letters will do.
fn steps_text(steps: &[Step]) -> String {
    let small = steps.iter().map(step_text).collect::<Vec<_>>().join(",");
    if !small.contains('_') {
        return small;
    }
    let plain = |step: &Step| match step {
        Step::Near { depth, offset: 0 } => turn(*depth),
        Step::Near { depth, offset } if *offset < 0 => format!("{}−{}", turn(*depth), offset.unsigned_abs()),
        Step::Near { depth, offset } => format!("{}+{offset}", turn(*depth)),
        Step::At(step) => step.clone(),
    };
    format!("_({})", steps.iter().map(plain).collect::<Vec<_>>().join(","))
}

fn shifted(text: &str, digits: [char; 10], minus: char) -> Option<String> {
    let shift = |letter: char| match letter {
        '-' | '−' => Some(minus),
        letter => letter.to_digit(10).map(|digit| digits[digit as usize]),
    };
    text.chars().map(shift).collect()
}

pub fn raised(text: &str) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match text {
        "l" => "ˡ".into(),
        text => shifted(text, digits, '⁻').unwrap_or_else(|| format!("^{text}")),
    }
}

fn lowered(text: &str) -> String {
    let digits = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    shifted(text, digits, '₋').unwrap_or_else(|| format!("_{text}"))
}
