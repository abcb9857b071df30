//! Sums of values that are put at places of a tensor: what the parts of a tensor send back to it.

use super::math::{Math, product, quotient, sum};
use super::operation::Operation;

/// The parts of a tensor that is a sum of values put at places that do not overlap, with what stands there.
pub fn placed(x: &Math) -> Option<Vec<(Operation, String, Math)>> {
    let one = |term: &Math| {
        let (numer, denom) = super::algebra::factors(term);
        let at = numer.iter().position(|factor| matches!(factor, Math::Op { op, .. } if op.placement().is_some()))?;
        let Math::Op { op, args } = &numer[at] else { return None };
        let mut others = numer.clone();
        others.remove(at);
        // A factor with axes would have to be cut as well.
        if others.iter().chain(&denom).any(|factor| factor.rank() > 0) {
            return None;
        }
        let inner = quotient(product(others.into_iter().chain([args[0].clone()])), product(denom));
        Some(((**op).clone(), op.placement()?, inner))
    };
    let terms = match x {
        Math::Sum(terms) => terms.iter().map(one).collect::<Option<Vec<_>>>()?,
        x => vec![one(x)?],
    };
    let mut parts: Vec<(Operation, String, Math)> = vec![];
    for (op, place, term) in terms {
        match parts.iter_mut().find(|(_, other, _)| *other == place) {
            Some((_, _, total)) => *total = sum([total.clone(), term]),
            None => parts.push((op, place, term)),
        }
    }
    let apart =
        parts.iter().enumerate().all(|(idx, (op, ..))| parts[..idx].iter().all(|(other, ..)| op.is_apart(other)));
    parts.sort_by_key(|(op, ..)| op.first_place());
    apart.then_some(parts)
}
