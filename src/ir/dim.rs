//! Symbolic sizes: integer polynomials over named sizes.
//!
//! A size of a tensor is a [`Dim`]: `64`, `n`, `2*n + 1`, `(h + 2*p - k)//s + 1`. Two sizes are compared by normal form:
//! a polynomial is a sorted sum of monomials over [`Symbol`]s, and `//` is an opaque atom where it does not divide out.
//! There is no constraint solving: [`Dim::compare`] says *equal*, *different* or *not known yet*.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering as Atomic};

use crate::syntax::ast::Name;

/// What is known of a named size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SymbolKind {
    /// Stands for every size: the `n` of `x: real[n, 64]` while its definition is checked. What is said of it must hold
    /// for all sizes, so `n` and `3` are different.
    Rigid,
    /// One size that is not known yet: the rows of a file, the rows of a batch. `n` and `3` may be equal.
    Data,
}

#[derive(Debug)]
struct SymbolData {
    id: u64,
    name: Name,
    kind: SymbolKind,
    /// The size, once it is known; negative until then. A data symbol is known when its data is there.
    value: AtomicI64,
}

/// A named size. Two symbols of the same name are different unless one is a copy of the other.
#[derive(Clone, Debug)]
pub struct Symbol(Arc<SymbolData>);

static NEXT_SYMBOL: AtomicU64 = AtomicU64::new(0);

impl Symbol {
    /// A new symbol, different from all others.
    pub fn new(name: impl Into<Name>, kind: SymbolKind) -> Symbol {
        let id = NEXT_SYMBOL.fetch_add(1, Atomic::Relaxed);
        Symbol(Arc::new(SymbolData { id, name: name.into(), kind, value: AtomicI64::new(-1) }))
    }

    /// A new data symbol whose size is known already.
    pub fn known(name: impl Into<Name>, value: usize) -> Symbol {
        let symbol = Symbol::new(name, SymbolKind::Data);
        symbol.0.value.store(value as i64, Atomic::Relaxed);
        symbol
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// What is known of it.
    pub fn kind(&self) -> SymbolKind {
        self.0.kind
    }

    /// Its number, unique in the process.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its size, if known.
    pub fn value(&self) -> Option<i64> {
        Some(self.0.value.load(Atomic::Relaxed)).filter(|&value| value >= 0)
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Symbol) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Symbol {}

impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Symbol) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Symbol) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

/// A factor of a monomial.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Atom {
    Symbol(Symbol),
    /// `a // b`, rounded down.
    FloorDiv(Poly, Poly),
}

/// A product of atoms, sorted; the empty product is 1.
type Monomial = Vec<Atom>;

/// A sum of `coefficient · monomial`, sorted by monomial, no coefficient zero.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Poly(Arc<Vec<(Monomial, i64)>>);

/// The size of an axis, with the name a signature gave that axis.
///
/// The label says which axis `axis = n` means; it takes no part in comparisons and is erased before the IR is run.
#[derive(Clone, Debug)]
pub struct Dim {
    size: Size,
    label: Option<Symbol>,
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Size {
    Const(i64),
    /// Never a constant.
    Poly(Poly),
}

/// What is known of two sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The same for every value of their symbols.
    Equal,
    /// Not the same; for rigid symbols: not the same for every value.
    Different,
    /// Depends on a size that is not known yet.
    Unknown,
}

impl PartialEq for Dim {
    fn eq(&self, other: &Dim) -> bool {
        self.size == other.size
    }
}

impl Eq for Dim {}

impl Hash for Dim {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.size.hash(state);
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Dim {
        Dim::constant(size as i64)
    }
}

impl From<Symbol> for Dim {
    fn from(symbol: Symbol) -> Dim {
        Dim::of_poly(Poly::of_atom(Atom::Symbol(symbol)))
    }
}

impl Dim {
    /// A size that is a number.
    pub fn constant(size: i64) -> Dim {
        Dim { size: Size::Const(size), label: None }
    }

    fn of_poly(poly: Poly) -> Dim {
        let size = match poly.as_const() {
            Some(number) => Size::Const(number),
            None => Size::Poly(poly),
        };
        Dim { size, label: None }
    }

    fn poly(&self) -> Poly {
        match &self.size {
            Size::Const(number) => Poly::constant(*number),
            Size::Poly(poly) => poly.clone(),
        }
    }

    /// The same size, its axis named `label`.
    pub fn labelled(&self, label: Symbol) -> Dim {
        Dim { size: self.size.clone(), label: Some(label) }
    }

    /// The same size, its axis named as that of `other`.
    pub fn labelled_as(&self, other: &Dim) -> Dim {
        Dim { size: self.size.clone(), label: other.label.clone() }
    }

    /// The name of the axis, if it has one.
    pub fn label(&self) -> Option<&Symbol> {
        self.label.as_ref()
    }

    /// The number written for it, if it is one; a data size that has become known does not count (see [`Dim::known`]).
    pub fn as_const(&self) -> Option<i64> {
        match self.size {
            Size::Const(number) => Some(number),
            Size::Poly(_) => None,
        }
    }

    /// The symbol it is, if it is nothing else.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        let Size::Poly(poly) = &self.size else { return None };
        match poly.0.as_slice() {
            [(monomial, 1)] => match monomial.as_slice() {
                [Atom::Symbol(symbol)] => Some(symbol),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its number, if that is known by now.
    pub fn known(&self) -> Option<i64> {
        self.eval(&|symbol: &Symbol| symbol.value())
    }

    /// Its number under an assignment of sizes to symbols; none where a symbol has no size or a divisor is zero.
    pub fn eval(&self, sizes: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        match &self.size {
            Size::Const(number) => Some(*number),
            Size::Poly(poly) => poly.eval(sizes),
        }
    }

    /// The sum; none if a coefficient overflows.
    pub fn add(&self, other: &Dim) -> Option<Dim> {
        if let (Size::Const(a), Size::Const(b)) = (&self.size, &other.size) {
            return a.checked_add(*b).map(Dim::constant);
        }
        Some(Dim::of_poly(self.poly().add(&other.poly())?))
    }

    /// The difference; none if a coefficient overflows.
    pub fn sub(&self, other: &Dim) -> Option<Dim> {
        self.add(&other.mul(&Dim::constant(-1))?)
    }

    /// The product; none if a coefficient overflows.
    pub fn mul(&self, other: &Dim) -> Option<Dim> {
        if let (Size::Const(a), Size::Const(b)) = (&self.size, &other.size) {
            return a.checked_mul(*b).map(Dim::constant);
        }
        Some(Dim::of_poly(self.poly().mul(&other.poly())?))
    }

    /// The quotient rounded down; none if the divisor is the constant zero or a coefficient overflows.
    pub fn floor_div(&self, other: &Dim) -> Option<Dim> {
        match (&self.size, &other.size) {
            (_, Size::Const(0)) => None,
            (Size::Const(a), Size::Const(b)) => {
                a.checked_rem_euclid(*b)?;
                Some(Dim::constant(a.div_euclid(*b) - i64::from(*b < 0 && a.rem_euclid(*b) != 0)))
            }
            _ => Some(Dim::of_poly(self.poly().floor_div(&other.poly())?)),
        }
    }

    /// The remainder with the sign of the divisor: `a - b * (a // b)`.
    pub fn rem(&self, other: &Dim) -> Option<Dim> {
        self.sub(&other.mul(&self.floor_div(other)?)?)
    }

    /// The quotient where it is exact for every value of the symbols, as `(n * 12) / (4)` is.
    pub fn exact_div(&self, other: &Dim) -> Option<Dim> {
        let quotient = self.floor_div(other)?;
        (quotient.mul(other)? == *self).then_some(quotient)
    }

    /// The product of sizes; none on overflow.
    pub fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> Option<Dim> {
        dims.into_iter().try_fold(Dim::constant(1), |product, dim| product.mul(dim))
    }

    /// Whether two sizes are equal, as far as that can be said now.
    pub fn compare(&self, other: &Dim) -> Decision {
        if self == other {
            return Decision::Equal;
        }
        if let (Some(a), Some(b)) = (self.known(), other.known()) {
            return if a == b { Decision::Equal } else { Decision::Different };
        }
        let Some(difference) = self.sub(other) else { return Decision::Unknown };
        match &difference.size {
            Size::Const(0) => Decision::Equal,
            Size::Const(_) => Decision::Different,
            Size::Poly(poly) if poly.may_become_known() => Decision::Unknown,
            Size::Poly(_) => Decision::Different,
        }
    }

    /// Its number with what is known by now put in for the symbols.
    pub fn resolve(&self) -> Dim {
        match self.size {
            Size::Const(_) => self.clone(),
            Size::Poly(_) => self.substitute(&|symbol| symbol.value().map(Dim::constant)),
        }
    }

    /// The same with sizes put in for symbols. Labels stay.
    pub fn substitute(&self, sizes: &dyn Fn(&Symbol) -> Option<Dim>) -> Dim {
        match &self.size {
            Size::Const(_) => self.clone(),
            Size::Poly(poly) => poly.substitute(sizes).map_or_else(|| self.clone(), |dim| dim.labelled_as(self)),
        }
    }

    /// The polynomial as terms: a coefficient, and factors that are a name or a division each.
    pub fn terms(&self) -> Vec<(i64, Vec<Dim>)> {
        let factor = |atom: &Atom| Dim::of_poly(Poly::of_atom(atom.clone()));
        match &self.size {
            Size::Const(number) => vec![(*number, vec![])],
            Size::Poly(poly) => poly.0.iter().map(|(atoms, n)| (*n, atoms.iter().map(factor).collect())).collect(),
        }
    }

    /// Every symbol in it, in no stated order, some perhaps twice.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut found = vec![];
        if let Size::Poly(poly) = &self.size {
            poly.collect_symbols(&mut found);
        }
        found
    }

    /// The same size shown with other names for its symbols; used where two symbols share one.
    pub fn display_with(&self, names: &HashMap<Symbol, String>) -> String {
        match &self.size {
            Size::Const(number) => number.to_string(),
            Size::Poly(poly) => poly.show(&|symbol| names.get(symbol).cloned().unwrap_or(symbol.name().to_string())),
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.size {
            Size::Const(number) => write!(f, "{number}"),
            Size::Poly(poly) => f.write_str(&poly.show(&|symbol| symbol.name().to_string())),
        }
    }
}

impl Poly {
    fn constant(number: i64) -> Poly {
        Poly(Arc::new(if number == 0 { vec![] } else { vec![(vec![], number)] }))
    }

    fn of_atom(atom: Atom) -> Poly {
        Poly(Arc::new(vec![(vec![atom], 1)]))
    }

    fn as_const(&self) -> Option<i64> {
        match self.0.as_slice() {
            [] => Some(0),
            [(monomial, number)] if monomial.is_empty() => Some(*number),
            _ => None,
        }
    }

    /// Sorts the terms and adds up those with the same monomial.
    fn collect(mut terms: Vec<(Monomial, i64)>) -> Option<Poly> {
        terms.sort();
        let mut sum: Vec<(Monomial, i64)> = Vec::with_capacity(terms.len());
        for (monomial, number) in terms {
            match sum.last_mut() {
                Some((last, total)) if *last == monomial => *total = total.checked_add(number)?,
                _ => sum.push((monomial, number)),
            }
        }
        sum.retain(|(_, number)| *number != 0);
        Some(Poly(Arc::new(sum)))
    }

    fn add(&self, other: &Poly) -> Option<Poly> {
        Poly::collect(self.0.iter().chain(other.0.iter()).cloned().collect())
    }

    fn mul(&self, other: &Poly) -> Option<Poly> {
        let mut terms = Vec::with_capacity(self.0.len() * other.0.len());
        for (left, a) in self.0.iter() {
            for (right, b) in other.0.iter() {
                let mut monomial: Monomial = left.iter().chain(right).cloned().collect();
                monomial.sort();
                terms.push((monomial, a.checked_mul(*b)?));
            }
        }
        Poly::collect(terms)
    }

    /// Divides term by term as far as that is exact; what remains stays under one opaque `//`.
    fn floor_div(&self, divisor: &Poly) -> Option<Poly> {
        if let [(by, number)] = divisor.0.as_slice() {
            // ⌊(q·d + r)/d⌋ = q + ⌊r/d⌋ for integers, so the terms that d divides come out.
            let (mut exact, mut rest) = (vec![], vec![]);
            for (monomial, coefficient) in self.0.iter() {
                match divide_monomial(monomial, by) {
                    Some(quotient) if coefficient % number == 0 => exact.push((quotient, coefficient / number)),
                    _ => rest.push((monomial.clone(), *coefficient)),
                }
            }
            let exact = Poly::collect(exact)?;
            if rest.is_empty() {
                return Some(exact);
            }
            let rest = Poly(Arc::new(rest));
            let floor = match (rest.as_const(), divisor.as_const()) {
                (Some(a), Some(b)) => Dim::constant(a).floor_div(&Dim::constant(b))?.poly(),
                _ => Poly::of_atom(Atom::FloorDiv(rest, divisor.clone())),
            };
            return exact.add(&floor);
        }
        if self == divisor {
            return Some(Poly::constant(1));
        }
        Some(Poly::of_atom(Atom::FloorDiv(self.clone(), divisor.clone())))
    }

    fn eval(&self, sizes: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        self.0.iter().try_fold(0i64, |total, (monomial, number)| {
            let product = monomial.iter().try_fold(*number, |product, atom| product.checked_mul(atom.eval(sizes)?))?;
            total.checked_add(product)
        })
    }

    fn substitute(&self, sizes: &dyn Fn(&Symbol) -> Option<Dim>) -> Option<Dim> {
        self.0.iter().try_fold(Dim::constant(0), |total, (monomial, number)| {
            let product = monomial.iter().try_fold(Dim::constant(*number), |product, atom| {
                let factor = match atom {
                    Atom::Symbol(symbol) => sizes(symbol).unwrap_or_else(|| symbol.clone().into()),
                    Atom::FloorDiv(a, b) => a.substitute(sizes)?.floor_div(&b.substitute(sizes)?)?,
                };
                product.mul(&factor)
            })?;
            total.add(&product)
        })
    }

    fn collect_symbols(&self, found: &mut Vec<Symbol>) {
        for atom in self.0.iter().flat_map(|(monomial, _)| monomial) {
            match atom {
                Atom::Symbol(symbol) => found.push(symbol.clone()),
                Atom::FloorDiv(a, b) => {
                    a.collect_symbols(found);
                    b.collect_symbols(found);
                }
            }
        }
    }

    /// Whether a later look may decide it: it holds a size that is not known yet, or a `//`, whose normal form is not
    /// unique.
    fn may_become_known(&self) -> bool {
        self.0.iter().flat_map(|(monomial, _)| monomial).any(|atom| match atom {
            Atom::Symbol(symbol) => symbol.kind() == SymbolKind::Data,
            Atom::FloorDiv(..) => true,
        })
    }

    fn show(&self, name: &dyn Fn(&Symbol) -> String) -> String {
        let mut out = String::new();
        // Positive terms with symbols first, the constant last: `2*n + 1`, not `1 + 2*n`.
        let (mut terms, constant): (Vec<_>, Vec<_>) = self.0.iter().partition(|(monomial, _)| !monomial.is_empty());
        terms.sort_by_key(|(_, number)| *number < 0);
        for (monomial, number) in terms.into_iter().chain(constant) {
            let magnitude = number.unsigned_abs();
            let sign = match (out.is_empty(), *number < 0) {
                (true, true) => "-",
                (true, false) => "",
                (false, true) => " - ",
                (false, false) => " + ",
            };
            let mut factors: Vec<String> = monomial.iter().map(|atom| atom.show(name)).collect();
            if magnitude != 1 || factors.is_empty() {
                factors.insert(0, magnitude.to_string());
            }
            // A quotient reads as one factor only where it comes first.
            let quotients = factors.iter_mut().skip(1).filter(|factor| factor.contains("//"));
            quotients.for_each(|factor| *factor = format!("({factor})"));
            out += sign;
            out += &factors.join("*");
        }
        if out.is_empty() { "0".into() } else { out }
    }
}

impl Atom {
    fn eval(&self, sizes: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        match self {
            Atom::Symbol(symbol) => sizes(symbol),
            Atom::FloorDiv(a, b) => Dim::constant(a.eval(sizes)?).floor_div(&Dim::constant(b.eval(sizes)?))?.as_const(),
        }
    }

    fn show(&self, name: &dyn Fn(&Symbol) -> String) -> String {
        let bracketed = |poly: &Poly| match poly.0.as_slice() {
            [(monomial, 1)] if matches!(monomial.as_slice(), [Atom::Symbol(_)]) => poly.show(name),
            [(monomial, _)] if monomial.is_empty() => poly.show(name),
            _ => format!("({})", poly.show(name)),
        };
        match self {
            Atom::Symbol(symbol) => name(symbol),
            Atom::FloorDiv(a, b) => format!("{}//{}", bracketed(a), bracketed(b)),
        }
    }
}

/// The monomial without the factors of `by`, if it has them all.
fn divide_monomial(monomial: &Monomial, by: &Monomial) -> Option<Monomial> {
    let mut rest = monomial.clone();
    for atom in by {
        let position = rest.iter().position(|other| other == atom)?;
        rest.remove(position);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rigid(name: &str) -> Dim {
        Symbol::new(name, SymbolKind::Rigid).into()
    }

    fn number(value: i64) -> Dim {
        Dim::constant(value)
    }

    #[test]
    fn polynomials_have_one_normal_form() {
        let (n, m) = (rigid("n"), rigid("m"));
        let left = n.add(&m).unwrap().mul(&n.sub(&m).unwrap()).unwrap();
        let right = n.mul(&n).unwrap().sub(&m.mul(&m).unwrap()).unwrap();
        assert_eq!(left, right);
        assert_eq!(left.to_string(), "n*n - m*m");
        assert_eq!(n.mul(&number(2)).unwrap().add(&number(1)).unwrap().to_string(), "2*n + 1");
    }

    #[test]
    fn division_comes_out_where_it_is_exact() {
        let (h, n) = (rigid("h"), rigid("n"));
        let twelve_n = n.mul(&number(12)).unwrap();
        assert_eq!(twelve_n.floor_div(&number(4)).unwrap().to_string(), "3*n");
        assert_eq!(twelve_n.exact_div(&n).unwrap(), number(12));
        assert_eq!(twelve_n.exact_div(&number(5)), None);
        let out = h.add(&number(2)).unwrap().sub(&number(3)).unwrap().floor_div(&number(2)).unwrap();
        assert_eq!(out.to_string(), "(h - 1)//2");
        let sizes = |_: &Symbol| Some(28);
        assert_eq!(out.eval(&sizes), Some(13));
        let twice = out.mul(&number(2)).unwrap();
        assert_eq!(twice.to_string(), "2*((h - 1)//2)");
        assert_eq!(twice.floor_div(&number(3)).unwrap().to_string(), "(2*((h - 1)//2))//3");
        assert_eq!(number(-7).floor_div(&number(2)).unwrap(), number(-4));
        assert_eq!(number(7).floor_div(&number(-2)).unwrap(), number(-4));
        assert_eq!(number(7).floor_div(&number(0)), None);
    }

    #[test]
    fn rigid_sizes_differ_and_data_sizes_wait() {
        let n = rigid("n");
        let rows: Dim = Symbol::new("rows", SymbolKind::Data).into();
        let loaded: Dim = Symbol::known("rows", 3).into();
        assert_eq!(n.compare(&number(3)), Decision::Different);
        assert_eq!(rows.compare(&number(3)), Decision::Unknown);
        assert_eq!(loaded.compare(&number(3)), Decision::Equal);
        assert_eq!(loaded.compare(&number(4)), Decision::Different);
        assert_eq!(loaded.as_const(), None);
        assert_eq!(loaded.resolve(), number(3));
    }

    #[test]
    fn overflow_is_reported_not_wrapped() {
        let big = number(i64::MAX);
        assert_eq!(big.add(&number(1)), None);
        assert_eq!(big.mul(&number(2)), None);
        assert_eq!(number(i64::MIN).floor_div(&number(-1)), None);
    }
}
