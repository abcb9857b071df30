//! `einsum`: products and sums of tensors whose axes have letters.

use super::{Builtin, BuiltinKind, Call};
use crate::bail;
use crate::elaborate::numeric::Operand;
use crate::elaborate::value::type_text;
use crate::elaborate::{Elaborator, Result, TensorValue, Value};
use crate::ir::op::{Contract, ReduceKind};
use crate::ir::{Decision, Dim};
use crate::source::Span;
use BuiltinKind::Plain;

pub static TABLE: [Builtin; 1] = [Builtin::new(
    "einsum",
    "spec, a, b?, c?, d?",
    "Sums of products of tensors whose axes are named by letters, as \"nd,dh->nh\"; letters that the result lacks are summed over.",
    Plain(einsum),
)];

/// A tensor and the letters of its axes.
struct Leg {
    letters: Vec<char>,
    value: TensorValue,
    span: Span,
}

fn einsum(e: &mut Elaborator, call: Call) -> Result<Value> {
    let at = call.span_of("spec");
    let Some(spec) = call.opt_str("spec")? else { unreachable!("`spec` is required") };
    let text: String = spec.chars().filter(|letter| !letter.is_whitespace()).collect();
    let Some((operands, result)) = text.split_once("->") else {
        bail!(E0305, at, "`einsum` needs to know the axes of the result"; help: "\"nd,dh->nh\": the operands, an arrow, the result")
    };
    let result: Vec<char> = result.chars().collect();
    let operands: Vec<Vec<char>> = operands.split(',').map(|letters| letters.chars().collect()).collect();
    let names: Vec<&str> = ["a", "b", "c", "d"].into_iter().filter(|name| call.opt(name).is_some()).collect();
    if operands.len() != names.len() {
        bail!(E0304, at, "\"{}\" is of {} tensors, {} are given", spec, operands.len(), names.len())
    }
    for letters in operands.iter().chain([&result]) {
        if let Some(odd) = letters.iter().find(|letter| !letter.is_alphabetic()) {
            bail!(E0305, at, "an axis is named by a letter, not by `{}`", odd)
        }
        if let Some((_, twice)) = letters.iter().enumerate().find(|(idx, letter)| letters[..*idx].contains(letter)) {
            bail!(E0305, at, "`{}` stands twice in `{}`", twice, letters.iter().collect::<String>();
                  help: "`diagonal(A)` takes the diagonal of a matrix")
        }
    }
    if let Some(new) = result.iter().find(|letter| !operands.iter().any(|letters| letters.contains(letter))) {
        bail!(E0305, at, "no tensor has the axis `{}` of the result", new)
    }
    let legs = legs_of(e, &call, operands, &names)?;
    Ok(contracted(e, &call, legs, &result)?.into())
}

/// The operands, of one element type, equal letters of equal size.
fn legs_of(e: &mut Elaborator, call: &Call, operands: Vec<Vec<char>>, names: &[&str]) -> Result<Vec<Leg>> {
    let mut legs: Vec<Leg> = vec![];
    let mut sizes: Vec<(char, Dim, Span)> = vec![];
    for (letters, name) in operands.into_iter().zip(names) {
        let (value, span) = (e.to_tensor_real(call.tensor(name)?)?, call.span_of(name));
        if value.rank() != letters.len() {
            bail!(E0304, span, "`{}` names {} axes, this is {}", letters.iter().collect::<String>(), letters.len(),
                  type_text(&value.ty); label: call.span_of("spec"), "the axes are named here")
        }
        let mut shape = value.ty.shape.clone();
        for (letter, size) in letters.iter().zip(&mut shape) {
            match sizes.iter().find(|(other, ..)| other == letter) {
                None => sizes.push((*letter, size.clone(), span)),
                Some((_, known, there)) if size.compare(known) == Decision::Different => {
                    bail!(E0301, call.span, "`{}` is {} and {}", letter, known.resolve(), size.resolve();
                          label: *there, "`{}` is {} here", letter, known.resolve();
                          label: span, "and {} in {}", size.resolve(), type_text(&value.ty))
                }
                Some((_, known, _)) => *size = known.clone(),
            }
        }
        let value = e.refine(&value, &shape, "the sizes of one letter of `einsum`")?;
        legs.push(Leg { letters, value, span });
    }
    Ok(legs)
}

/// Sums over the axes whose letters nobody asks for.
fn summed(e: &mut Elaborator, leg: Leg, asked: impl Fn(&char) -> bool) -> Result<Leg> {
    let axes: Vec<usize> = (0..leg.letters.len()).filter(|&axis| !asked(&leg.letters[axis])).collect();
    let value = e.reduce(&leg.value, ReduceKind::Sum, &axes, false)?;
    Ok(Leg { letters: leg.letters.into_iter().filter(|letter| asked(letter)).collect(), value, span: leg.span })
}

/// The product of all operands, from left to right.
fn contracted(e: &mut Elaborator, call: &Call, legs: Vec<Leg>, result: &[char]) -> Result<TensorValue> {
    let mut rest = legs.into_iter().collect::<std::collections::VecDeque<_>>();
    let mut left = rest.pop_front().expect("there is an operand");
    while let Some(right) = rest.pop_front() {
        let later = |letter: &char| result.contains(letter) || rest.iter().any(|leg| leg.letters.contains(letter));
        let left_letters = left.letters.clone();
        let right_letters = right.letters.clone();
        let a = summed(e, left, |letter| later(letter) || right_letters.contains(letter))?;
        let b = summed(e, right, |letter| later(letter) || left_letters.contains(letter))?;
        let kept: Vec<char> = if rest.is_empty() {
            result.to_vec()
        } else {
            let only_b = b.letters.iter().filter(|letter| !a.letters.contains(letter));
            a.letters.iter().chain(only_b).copied().filter(later).collect()
        };
        let left_operand = Operand { value: &a.value, span: a.span };
        let right_operand = Operand { value: &b.value, span: b.span };
        let (x, y) = e.promote("einsum", left_operand, right_operand, call.span)?;
        let op = Contract { left: a.letters, right: b.letters, result: kept.clone(), relations: vec![] };
        left = Leg { letters: kept, value: e.emit(op, &[x, y])?, span: a.span };
    }
    let left = summed(e, left, |letter| result.contains(letter))?;
    let perm: Vec<usize> = result
        .iter()
        .map(|letter| left.letters.iter().position(|other| other == letter).expect("it was asked for"))
        .collect();
    e.transpose(&left.value, &perm)
}
