//! Formulas with cases in a normal form: what a case supposes is used in it, and cases that say the same are one.
//!
//! ```text
//! {z if z ≥ 0; exp(min(z, 0)) − 1 otherwise}  =  {z if z ≥ 0; exp(z) − 1 otherwise}
//! ```

use super::algebra;
use super::math::Math;

/// `{value if condition; …; otherwise}`.
pub fn cases(all: Vec<(Math, Math)>, otherwise: Math) -> Math {
    let mut excluded: Vec<Math> = vec![];
    let mut kept: Vec<(Math, Math)> = vec![];
    for (value, condition) in all {
        let value = supposing(&value, &[excluded.as_slice(), std::slice::from_ref(&condition)].concat());
        excluded.extend(negation(&condition));
        kept.push((value, condition));
    }
    let otherwise = supposing(&otherwise, &excluded);
    match otherwise {
        // Cases in the last case are further cases.
        Math::Cases { cases: more, otherwise } => {
            kept.extend(more);
            plain(kept, *otherwise)
        }
        otherwise => plain(kept, otherwise),
    }
}

fn plain(mut cases: Vec<(Math, Math)>, otherwise: Math) -> Math {
    while cases.last().is_some_and(|(value, _)| *value == otherwise) {
        cases.pop();
    }
    if cases.is_empty() { otherwise } else { Math::Cases { cases, otherwise: Box::new(otherwise) } }
}

/// The terms of a sum with those that have the same cases put together.
pub fn merged(terms: Vec<Math>) -> Vec<Math> {
    let all: Vec<Option<Vec<Math>>> = terms.iter().map(conditions).collect();
    let is_shared = |idx: usize| {
        all[idx].is_some() && all.iter().enumerate().any(|(other, found)| other != idx && *found == all[idx])
    };
    let mut out: Vec<(Option<Vec<Math>>, Math)> = vec![];
    for (idx, term) in terms.into_iter().enumerate() {
        let Some(term) = (if is_shared(idx) { pushed(&term) } else { None }) else {
            out.push((None, term));
            continue;
        };
        match out.iter_mut().find(|(found, _)| found.is_some() && *found == all[idx]) {
            Some((_, sum)) => *sum = added(sum, &term),
            None => out.push((all[idx].clone(), term)),
        }
    }
    let normal = |(_, term): (Option<Vec<Math>>, Math)| match term {
        Math::Cases { cases: own, otherwise } => cases(own, *otherwise),
        term => term,
    };
    out.into_iter().map(normal).collect()
}

/// Two formulas with the same cases, case by case.
fn added(a: &Math, b: &Math) -> Math {
    let (Math::Cases { cases, otherwise }, Math::Cases { cases: more, otherwise: rest }) = (a, b) else {
        unreachable!("both have cases")
    };
    let sum = |a: &Math, b: &Math| super::math::sum([a.clone(), b.clone()]);
    let all = cases.iter().zip(more).map(|((value, condition), (other, _))| (sum(value, other), condition.clone()));
    Math::Cases { cases: all.collect(), otherwise: Box::new(sum(otherwise, rest)) }
}

/// The factors of a product, where the cases of one of them are 0 but for one: that is where the others matter.
pub fn restricted(factors: Vec<Math>) -> Vec<Math> {
    let is_zero = |value: &Math| *value == Math::Number(0.0);
    let supposed = factors.iter().enumerate().find_map(|(idx, factor)| {
        let Math::Cases { cases, otherwise } = factor else { return None };
        let mut holds: Vec<Math> = vec![];
        let mut found = None;
        for (value, condition) in cases {
            if !is_zero(value) {
                if found.is_some() {
                    return None;
                }
                found = Some([holds.as_slice(), std::slice::from_ref(condition)].concat());
            }
            holds.extend(negation(condition));
        }
        match (found, is_zero(otherwise)) {
            (Some(found), true) => Some((idx, found)),
            (None, false) => Some((idx, holds)),
            _ => None,
        }
    });
    let Some((own, holds)) = supposed else { return factors };
    let others = |(idx, factor): (usize, Math)| if idx == own { factor } else { supposing(&factor, &holds) };
    factors.into_iter().enumerate().map(others).collect()
}

/// A term with its factors in the cases of one of them, and those; none if that has no cases.
fn pushed(term: &Math) -> Option<Math> {
    let (above, below) = algebra::factors(term);
    let place = above.iter().position(|factor| matches!(factor, Math::Cases { .. }))?;
    let Math::Cases { cases: own, otherwise } = &above[place] else { return None };
    let with = |value: &Math| {
        let mut factors = above.clone();
        factors[place] = value.clone();
        algebra::product(factors, below.clone())
    };
    let own = own.iter().map(|(value, condition)| (with(value), condition.clone())).collect();
    Some(Math::Cases { cases: own, otherwise: Box::new(with(otherwise)) })
}

/// What decides between the cases of a term.
fn conditions(term: &Math) -> Option<Vec<Math>> {
    let (above, _) = algebra::factors(term);
    above.iter().find_map(|factor| match factor {
        Math::Cases { cases, .. } => Some(cases.iter().map(|(_, condition)| condition.clone()).collect()),
        _ => None,
    })
}

/// `x < y` for `y > x`, so that a comparison is written in one way.
fn ordered(relation: &Math) -> Option<(&'static str, &Math, &Math)> {
    let Math::Relation { sign, left, right } = relation else { return None };
    Some(match *sign {
        ">" => ("<", right, left),
        "≥" => ("≤", right, left),
        sign => (sign, left, right),
    })
}

/// What holds where a comparison does not; numbers are compared that are numbers.
fn negation(relation: &Math) -> Option<Math> {
    let Math::Relation { sign, left, right } = relation else { return None };
    let sign = match *sign {
        "<" => "≥",
        "≤" => ">",
        ">" => "≤",
        "≥" => "<",
        "=" => "≠",
        "≠" => "=",
        _ => return None,
    };
    Some(Math::Relation { sign, left: left.clone(), right: right.clone() })
}

/// Whether a condition holds, as far as others tell.
fn decided(condition: &Math, holds: &[Math]) -> Option<bool> {
    let (sign, a, b) = ordered(condition)?;
    holds.iter().filter_map(ordered).find_map(|(known, c, d)| {
        let (is_same, is_turned) = ((a, b) == (c, d), (a, b) == (d, c));
        match (known, sign) {
            ("<", "<" | "≤" | "≠") | ("≤", "≤") | ("=", "=" | "≤") | ("≠", "≠") if is_same => Some(true),
            ("<", "=") | ("=", "<" | "≠") | ("≠", "=") if is_same => Some(false),
            ("<", "<" | "≤" | "=") | ("≤", "<") | ("=", "<" | "≠") | ("≠", "=") if is_turned => Some(false),
            ("<", "≠") | ("=", "=" | "≤") | ("≠", "≠") if is_turned => Some(true),
            _ => None,
        }
    })
}

/// A formula where these conditions hold.
fn supposing(x: &Math, holds: &[Math]) -> Math {
    if holds.is_empty() {
        return x.clone();
    }
    algebra::substitute(x, &|part| match part {
        Math::Cases { cases: all, otherwise } => {
            let mut kept = vec![];
            for (value, condition) in all {
                match decided(condition, holds) {
                    Some(true) => return Some(plain(kept, supposing(value, holds))),
                    Some(false) => {}
                    None => kept.push((supposing(value, holds), condition.clone())),
                }
            }
            Some(plain(kept, supposing(otherwise, holds)))
        }
        Math::Apply { name, primes: 0, args, .. } if name == "min" || name == "max" => {
            let [a, b] = args.as_slice() else { return None };
            let less = |left: &Math, right: &Math| {
                let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
                decided(&Math::Relation { sign: "≤", left, right }, holds) == Some(true)
            };
            let (smaller, larger) = match (less(a, b), less(b, a)) {
                (true, _) => (a, b),
                (_, true) => (b, a),
                _ => return None,
            };
            Some(supposing(if name == "min" { smaller } else { larger }, holds))
        }
        _ => None,
    })
}
