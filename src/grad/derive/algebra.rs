//! The normal form of sums and products.

use super::math::Math;

/// The factors above and below the line of a formula; a sign is the factor −1.
pub fn factors(x: &Math) -> (Vec<Math>, Vec<Math>) {
    match x {
        Math::Neg(x) => {
            let (mut numer, denom) = factors(x);
            numer.insert(0, Math::Number(-1.0));
            (numer, denom)
        }
        Math::Product(parts) => {
            let (mut numer, mut denom) = (vec![], vec![]);
            for part in parts {
                let (above, below) = factors(part);
                numer.extend(above);
                denom.extend(below);
            }
            (numer, denom)
        }
        Math::Quotient(x, y) => {
            let (mut numer, mut denom) = factors(x);
            let (below, above) = factors(y);
            numer.extend(above);
            denom.extend(below);
            (numer, denom)
        }
        x => (vec![x.clone()], vec![]),
    }
}

/// The scalar factors of a tensor above and below the line, and the rest; a scalar is a rest.
pub fn split_scalars(x: &Math) -> (Vec<Math>, Vec<Math>, Math) {
    if let Math::Transpose(inner) = x {
        let (above, below, rest) = split_scalars(inner);
        return (above, below, super::math::transpose(rest));
    }
    if x.rank() == 0 {
        return (vec![], vec![], x.clone());
    }
    let is_scalar = |factor: &Math| factor.rank() == 0;
    let (numer, denom) = factors(x);
    let (scalars, tensors): (Vec<Math>, Vec<Math>) = numer.into_iter().partition(is_scalar);
    let (below, tensors_below): (Vec<Math>, Vec<Math>) = denom.into_iter().partition(is_scalar);
    (scalars, below, product(tensors, tensors_below))
}

/// The product of what stands above the line divided by that of what stands below it.
pub fn product(above: Vec<Math>, below: Vec<Math>) -> Math {
    let (mut numer, mut denom) = (vec![], vec![]);
    for factor in &above {
        let (above, below) = factors(factor);
        numer.extend(above);
        denom.extend(below);
    }
    for factor in &below {
        let (above, below) = factors(factor);
        denom.extend(above);
        numer.extend(below);
    }
    let mut number = take_number(&mut numer) / take_number(&mut denom);
    if number == 0.0 {
        return Math::Number(0.0);
    }
    // x / x = 1
    denom.retain(|factor| match numer.iter().position(|other| other == factor) {
        Some(position) => {
            numer.remove(position);
            false
        }
        None => true,
    });
    let numer = super::cases::restricted(numer);
    let (mut numer, mut denom) = cancelled(powers(numer), powers(denom));
    // 0.1/n is 1/(10 n): a whole reciprocal reads better below the line.
    if !denom.is_empty() && number.abs() < 1.0 && (1.0 / number).fract() == 0.0 {
        denom.insert(0, Math::Number((1.0 / number).abs()));
        number = number.signum();
    }
    let negative = number < 0.0;
    if number.abs() != 1.0 || numer.is_empty() {
        numer.insert(0, Math::Number(number.abs()));
    }
    let value = match denom.is_empty() {
        true => flat(numer),
        false => Math::Quotient(Box::new(flat(numer)), Box::new(flat(denom))),
    };
    if negative { Math::Neg(Box::new(value)) } else { value }
}

fn flat(mut factors: Vec<Math>) -> Math {
    if factors.len() == 1 { factors.remove(0) } else { Math::Product(factors) }
}

/// Takes the numbers out of factors and gives their product.
fn take_number(factors: &mut Vec<Math>) -> f64 {
    let mut number = 1.0;
    factors.retain(|factor| match factor {
        Math::Number(value) => {
            number *= value;
            false
        }
        _ => true,
    });
    number
}

/// x/x² = 1/x, x³/x = x²
fn cancelled(numer: Vec<Math>, mut denom: Vec<Math>) -> (Vec<Math>, Vec<Math>) {
    let parts = |factor: &Math| match factor {
        Math::Power(base, exponent) => match **exponent {
            Math::Number(exponent) => ((**base).clone(), exponent),
            _ => (factor.clone(), 1.0),
        },
        factor => (factor.clone(), 1.0),
    };
    let mut kept = vec![];
    for factor in numer {
        let (base, above) = parts(&factor);
        match denom.iter().position(|other| parts(other).0 == base) {
            Some(position) => {
                let (_, below) = parts(&denom[position]);
                let rest = above - below;
                if rest < 0.0 {
                    denom[position] = super::math::power(base, Math::Number(-rest));
                } else {
                    denom.remove(position);
                    kept.extend((rest > 0.0).then(|| super::math::power(base, Math::Number(rest))));
                }
            }
            None => kept.push(factor),
        }
    }
    (kept, denom)
}

/// x·x = x²
fn powers(factors: Vec<Math>) -> Vec<Math> {
    let mut counted: Vec<(Math, f64)> = vec![];
    for factor in factors {
        let (base, exponent) = match factor {
            Math::Power(base, exponent) => match *exponent {
                Math::Number(exponent) => (*base, exponent),
                exponent => (Math::Power(base, Box::new(exponent)), 1.0),
            },
            factor => (factor, 1.0),
        };
        match counted.iter_mut().find(|(other, _)| *other == base) {
            Some((_, count)) => *count += exponent,
            None => counted.push((base, exponent)),
        }
    }
    let raise = |(base, exponent): (Math, f64)| match (base, exponent) {
        (base, 1.0) => base,
        // (√x)² = x
        (Math::Apply { name, mut args, .. }, 2.0) if name == "sqrt" => args.remove(0),
        (base, exponent) => Math::Power(Box::new(base), Box::new(Math::Number(exponent))),
    };
    counted.into_iter().map(raise).collect()
}

/// The sum of terms: like terms are collected, a common divisor stands below all.
pub fn sum(terms: Vec<Math>) -> Math {
    let mut flat_terms = vec![];
    for term in terms {
        flatten(term, 1.0, &mut flat_terms);
    }
    // 2x + 3x = 5x
    let mut collected: Vec<(f64, Math)> = vec![];
    for (number, term) in flat_terms {
        match collected.iter_mut().find(|(_, other)| *other == term) {
            Some((total, _)) => *total += number,
            None => collected.push((number, term)),
        }
    }
    collected.retain(|(number, _)| *number != 0.0);
    if collected.is_empty() {
        return Math::Number(0.0);
    }
    let mut terms: Vec<Math> =
        collected.into_iter().map(|(number, term)| product(vec![Math::Number(number), term], vec![])).collect();
    terms = super::cases::merged(terms);
    if terms.len() == 1 {
        return terms.remove(0);
    }
    // A sum begins with a term that is added, if there is one.
    if matches!(terms[0], Math::Neg(_))
        && let Some(first) = terms.iter().position(|term| !matches!(term, Math::Neg(_)))
    {
        let term = terms.remove(first);
        terms.insert(0, term);
    }
    match common_divisor(&terms) {
        Some(divisor) => {
            let above = terms.into_iter().map(|term| product(vec![term, divisor.clone()], vec![]));
            product(vec![sum(above.collect())], vec![divisor])
        }
        None => Math::Sum(terms),
    }
}

/// Splits sums and takes numbers out of terms.
fn flatten(term: Math, number: f64, out: &mut Vec<(f64, Math)>) {
    match term {
        Math::Sum(terms) => terms.into_iter().for_each(|term| flatten(term, number, out)),
        Math::Neg(term) => flatten(*term, -number, out),
        Math::Number(value) => out.push((number * value, Math::Number(1.0))),
        term => {
            let (mut numer, denom) = factors(&term);
            let factor = take_number(&mut numer);
            if factor == 1.0 {
                out.push((number, term));
            } else {
                out.push((number * factor, product(numer, denom)));
            }
        }
    }
}

/// A factor below the line of every term.
fn common_divisor(terms: &[Math]) -> Option<Math> {
    let below: Vec<Vec<Math>> = terms.iter().map(|term| factors(term).1).collect();
    let (first, others) = below.split_first()?;
    first.iter().find(|factor| others.iter().all(|other| other.contains(factor))).cloned()
}

/// Multiplies out products of sums, so that terms cancel that can.
pub fn expand(x: &Math) -> Math {
    match x {
        Math::Sum(terms) => sum(terms.iter().map(expand).collect()),
        Math::Neg(x) => product(vec![Math::Number(-1.0), expand(x)], vec![]),
        Math::Quotient(x, y) => match expand(x) {
            Math::Sum(terms) => sum(terms.into_iter().map(|term| product(vec![term], vec![(**y).clone()])).collect()),
            x => product(vec![x], vec![(**y).clone()]),
        },
        Math::Product(parts) => {
            let mut terms = vec![Math::Number(1.0)];
            for part in parts {
                let addends = match expand(part) {
                    Math::Sum(addends) => addends,
                    part => vec![part],
                };
                let all = terms
                    .iter()
                    .flat_map(|term| addends.iter().map(|addend| product(vec![term.clone(), addend.clone()], vec![])));
                terms = all.collect();
            }
            sum(terms)
        }
        x => x.clone(),
    }
}

/// The formula with parts of it replaced.
pub fn substitute(x: &Math, replace: &dyn Fn(&Math) -> Option<Math>) -> Math {
    if let Some(found) = replace(x) {
        return found;
    }
    let inner = |x: &Math| substitute(x, replace);
    match x {
        Math::Sum(parts) => sum(parts.iter().map(inner).collect()),
        Math::Product(parts) => product(parts.iter().map(inner).collect(), vec![]),
        Math::Neg(x) => product(vec![Math::Number(-1.0), inner(x)], vec![]),
        Math::Quotient(x, y) => product(vec![inner(x)], vec![inner(y)]),
        Math::Power(x, y) => super::math::power(inner(x), inner(y)),
        Math::MatMul { factors, rank } => super::math::matmul(factors.iter().map(inner).collect(), *rank),
        Math::Transpose(x) => super::math::transpose(inner(x)),
        Math::Apply { name, primes, args, rank } => {
            Math::Apply { name: name.clone(), primes: *primes, args: args.iter().map(inner).collect(), rank: *rank }
        }
        Math::Over { sign, axis, body, rank } => super::math::over(*sign, axis, inner(body), *rank),
        Math::Cases { cases, otherwise } => super::cases::cases(
            cases.iter().map(|(value, condition)| (inner(value), inner(condition))).collect(),
            inner(otherwise),
        ),
        Math::Relation { sign, left, right } => {
            Math::Relation { sign, left: Box::new(inner(left)), right: Box::new(inner(right)) }
        }
        Math::Op { op, args } => super::operation::apply(op, args.iter().map(inner).collect()),
        Math::Entry { of, at } => Math::Entry { of: Box::new(inner(of)), at: at.iter().map(inner).collect() },
        Math::Total { sign, over, when, body } => Math::Total {
            sign: *sign,
            over: over.clone(),
            when: when.iter().map(inner).collect(),
            body: Box::new(inner(body)),
        },
        Math::Number(_) | Math::Symbol(_) | Math::Partial { .. } | Math::Words(_) => x.clone(),
    }
}

/// The formula with the factor `∂C/∂x` of all terms of a sum before the sum.
pub fn collected(x: &Math) -> Math {
    substitute(x, &|part| {
        let Math::Sum(terms) = part else { return None };
        let all: Vec<(Vec<Math>, Vec<Math>)> = terms.iter().map(factors).collect();
        let is_common = |factor: &&Math| {
            matches!(factor, Math::Partial { .. }) && all.iter().all(|(numer, _)| numer.contains(factor))
        };
        let common = all[0].0.iter().find(is_common)?.clone();
        let rest = terms.iter().map(|term| product(vec![term.clone()], vec![common.clone()])).collect();
        Some(product(vec![common, collected(&sum(rest))], vec![]))
    })
}

/// The formula with `above/below`, wherever the two stand in one product, called by a name.
pub fn fold_quotient(x: &Math, above: &Math, below: &Math, name: &Math) -> Math {
    substitute(x, &|part| {
        if !matches!(part, Math::Product(_) | Math::Quotient(..) | Math::Neg(_)) {
            return None;
        }
        let (mut numer, mut denom) = factors(part);
        let (above_at, below_at) =
            (numer.iter().position(|factor| factor == above)?, denom.iter().position(|factor| factor == below)?);
        denom.remove(below_at);
        numer[above_at] = name.clone();
        Some(fold_quotient(&product(numer, denom), above, below, name))
    })
}
