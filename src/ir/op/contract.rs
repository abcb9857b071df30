//! Matrix products, convolutions, and everything between: one op, closed under differentiation.
//!
//! A contraction multiplies two tensors and sums, with the axes of both operands and of the result named by labels:
//!
//! ```text
//! nd,dh->nh                  y[n,h] = Σ_d x[n,d] w[d,h]            a dense layer
//! bmk,bkn->bmn               one matrix product for each b
//! ncH,ocK->noI;2I+1K=1H      y[n,o,I] = Σ_cK x[n,c,H] w[o,c,K]     a convolution of stride 2, where 2I + K = H + offset
//! ```
//!
//! A label stands in two of the three *legs* (left, right, result) or in all three. A *relation* `aI + bK = cH + offset`
//! ties three labels, one in each leg; combinations that it sends outside of the axes contribute nothing, which is zero
//! padding. Seen as the trilinear form Σ left·right·result, any two legs give the third: the adjoint of a contraction is
//! the same form with another leg asked for.

use super::window::Window;
use super::{Attrs, Batched, Derivative, Fault, Frame, Rule, Sample, SampleArg, TypeError};
use super::{arity, mismatch, one};
use crate::ir::{Builder, Dim, Module, Type};
use crate::tensor::{self, Tensor};

/// The name of an axis within a contraction.
pub type Label = char;

/// Ties three labels, one in each leg: `aI + bK = cH + offset`.
#[derive(Clone, PartialEq, Debug)]
pub struct Relation {
    /// The factor and the label of the first term: `a`, `I`.
    pub i: (i64, Label),
    /// Of the second: `b`, `K`.
    pub k: (i64, Label),
    /// Of the right side: `c`, `H`.
    pub h: (i64, Label),
    /// What is added on the right side: the padding before the axis.
    pub offset: Dim,
    /// The size of that of the three labels which the result has: the operands do not tell it.
    pub size: Dim,
}

impl Relation {
    fn labels(&self) -> [Label; 3] {
        [self.i.1, self.k.1, self.h.1]
    }
}

/// The sum over products of the elements of two tensors, as [described above](self).
#[derive(Clone, PartialEq, Debug)]
pub struct Contract {
    /// The labels of the first operand.
    pub left: Vec<Label>,
    /// The labels of the second operand.
    pub right: Vec<Label>,
    /// The labels of the result.
    pub result: Vec<Label>,
    /// What ties labels of different legs.
    pub relations: Vec<Relation>,
}

impl Contract {
    /// A contraction without relations: `nd,dh->nh`.
    ///
    /// # Panics
    /// If the text is not of this form.
    pub fn einsum(spec: &str) -> Contract {
        let legs = parse_legs(spec).expect("the legs of a contraction are written as `nd,dh->nh`");
        let [left, right, result] = legs;
        Contract { left, right, result, relations: vec![] }
    }

    /// The matrix product of `a: [.., m, k]` and `b: [.., k, n]`, as `[.., m, n]`.
    ///
    /// Leading axes are equal in both, or only one of the two has any. An operand of rank 1 is a row on the left, a column
    /// on the right, and that axis is not in the result.
    ///
    /// # Panics
    /// If an operand is a scalar, or both have leading axes and not equally many.
    pub fn matmul(rank_a: usize, rank_b: usize) -> Contract {
        assert!(rank_a > 0 && rank_b > 0, "a matrix product has no scalars");
        assert!(rank_a == rank_b || rank_a <= 2 || rank_b <= 2, "leading axes fit");
        let leading = rank_a.max(rank_b).saturating_sub(2);
        let batch: Vec<Label> = free_labels("mkn").take(leading).collect();
        let leg = |rank: usize, alone: Label, first: Label, second: Label| match rank {
            1 => vec![alone],
            2 => vec![first, second],
            _ => batch.iter().copied().chain([first, second]).collect(),
        };
        let rows = (rank_a > 1).then_some('m');
        let columns = (rank_b > 1).then_some('n');
        Contract {
            left: leg(rank_a, 'k', 'm', 'k'),
            right: leg(rank_b, 'k', 'k', 'n'),
            result: batch.iter().copied().chain(rows).chain(columns).collect(),
            relations: vec![],
        }
    }

    /// The convolution (without flip, as networks have it) of `x: [n, c, H..]` with `w: [o, c, K..]`, as `[n, o, I..]`.
    /// One window for each spatial axis says how the filter slides; `sizes` are the sizes `H..`.
    ///
    /// With `groups`, `x: [n, g, c, H..]` and `w: [g, o, c, K..]` give `[n, g, o, I..]`.
    ///
    /// None if a size overflows.
    pub fn convolution(windows: &[Window], sizes: &[Dim], groups: Groups) -> Option<Contract> {
        let (left, right, result) = match groups {
            Groups::One => ("nc", "oc", "no"),
            Groups::Axis => ("ngc", "goc", "ngo"),
        };
        Contract { left: letters(left), right: letters(right), result: letters(result), relations: vec![] }
            .sliding(windows, sizes)
    }

    /// The sums of the windows that slide over the last axes of `x: [.., H..]`, as `[.., I..]`. The second operand are ones
    /// `[K..]`, or weights. `rank` is that of `x`, and `sizes` are the sizes `H..`.
    ///
    /// None if a size overflows.
    pub fn window_sums(rank: usize, windows: &[Window], sizes: &[Dim]) -> Option<Contract> {
        let kept: Vec<Label> = free_labels("").take(rank - windows.len()).collect();
        Contract { left: kept.clone(), right: vec![], result: kept, relations: vec![] }.sliding(windows, sizes)
    }

    /// With an axis more in each leg for every window, tied by how it slides over an axis of the left operand.
    fn sliding(mut self, windows: &[Window], sizes: &[Dim]) -> Option<Contract> {
        for (window, size) in windows.iter().zip(sizes) {
            let used: String = self.legs().into_iter().flatten().collect();
            let labels: Vec<Label> = free_labels(&used).take(3).collect();
            self.left.push(labels[0]);
            self.right.push(labels[1]);
            self.result.push(labels[2]);
            self.relations.push(Relation {
                i: (window.stride, labels[2]),
                k: (window.dilation, labels[1]),
                h: (1, labels[0]),
                offset: window.lo.clone(),
                size: window.count(size)?,
            });
        }
        Some(self)
    }

    /// The contraction that gives the cotangent of an operand from that of the result and the other operand:
    /// of `(ct, right)` for operand 0, of `(left, ct)` for operand 1. `shape` is the operand's shape.
    pub fn adjoint(&self, operand: usize, shape: &[Dim]) -> Contract {
        let (left, right, result) = if operand == 0 {
            (&self.result, &self.right, &self.left)
        } else {
            (&self.left, &self.result, &self.right)
        };
        let size_of = |relation: &Relation| {
            let axis = result.iter().position(|label| relation.labels().contains(label)).expect("one in each leg");
            shape[axis].clone()
        };
        let relations = self.relations.iter().map(|relation| Relation { size: size_of(relation), ..relation.clone() });
        Contract { left: left.clone(), right: right.clone(), result: result.clone(), relations: relations.collect() }
    }

    /// The labels of both operands and of the result.
    pub fn legs(&self) -> [&[Label]; 3] {
        [&self.left, &self.right, &self.result]
    }

    fn relation_of(&self, label: Label) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.labels().contains(&label))
    }

    /// A label that does not stand in it yet.
    pub fn fresh_label(&self) -> Label {
        let used: String = self.legs().into_iter().flatten().collect();
        free_labels(&used).next().expect("there are more letters than axes")
    }

    /// Checks that every label stands where it may.
    fn check_labels(&self) -> Result<(), TypeError> {
        for leg in self.legs() {
            if let Some(label) = leg.iter().enumerate().find(|(idx, label)| leg[..*idx].contains(label)) {
                mismatch!("`{}` stands twice in one leg of {self}", label.1);
            }
        }
        let legs_with = |label: &Label| self.legs().iter().filter(|leg| leg.contains(label)).count();
        for relation in &self.relations {
            let labels = relation.labels();
            let one_each = self.legs().iter().all(|leg| labels.iter().filter(|label| leg.contains(label)).count() == 1);
            let once = labels.iter().all(|label| legs_with(label) == 1);
            if !one_each || !once || [relation.i.0, relation.k.0, relation.h.0].contains(&0) {
                mismatch!("a relation of {self} does not tie one label of each leg");
            }
        }
        for label in self.legs().into_iter().flatten() {
            if legs_with(label) < 2 && self.relation_of(*label).is_none() {
                mismatch!("`{label}` stands in one leg only of {self}");
            }
        }
        Ok(())
    }
}

/// Whether the channels of a convolution fall into groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Groups {
    /// They do not.
    One,
    /// They do, and an axis of both operands and of the result says which.
    Axis,
}

fn free_labels(used: &str) -> impl Iterator<Item = Label> {
    ('a'..='z').chain('A'..='Z').chain('α'..='ω').filter(move |label| !used.contains(*label))
}

impl std::fmt::Display for Contract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [left, right, result] = self.legs().map(|leg| leg.iter().collect::<String>());
        write!(f, "{left},{right}->{result}")?;
        for Relation { i, k, h, .. } in &self.relations {
            let sign = if k.0 < 0 { "-" } else { "+" };
            write!(f, ";{}{}{sign}{}{}={}{}", i.0, i.1, k.0.unsigned_abs(), k.1, h.0, h.1)?;
        }
        Ok(())
    }
}

fn letters(text: &str) -> Vec<Label> {
    text.chars().collect()
}

fn parse_legs(text: &str) -> Option<[Vec<Label>; 3]> {
    let (operands, result) = text.split_once("->")?;
    let (left, right) = operands.split_once(',')?;
    Some([left, right, result].map(letters))
}

/// Reads `2I+1K=1H`, without offset and size.
fn parse_relation(text: &str) -> Option<[(i64, Label); 3]> {
    let (sum, h) = text.split_once('=')?;
    let split = sum.char_indices().skip(1).find(|(_, letter)| matches!(letter, '+' | '-'))?.0;
    let term = |text: &str| {
        let label = text.chars().next_back()?;
        Some((text[..text.len() - label.len_utf8()].parse().ok()?, label))
    };
    Some([term(&sum[..split])?, term(&sum[split..])?, term(h)?])
}

impl Rule for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }

    fn attrs(&self) -> Attrs {
        let column = |get: fn(&Relation) -> &Dim| self.relations.iter().map(|it| get(it).clone()).collect::<Vec<_>>();
        let attrs = Attrs::none().word("spec", self);
        if self.relations.is_empty() {
            return attrs;
        }
        attrs.dims("offset", &column(|relation| &relation.offset)).dims("size", &column(|relation| &relation.size))
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Contract, TypeError> {
        let spec: String = attrs.take_word("spec")?;
        let malformed = || TypeError(format!("`{spec}` is not a contraction"));
        let mut parts = spec.split(';');
        let [left, right, result] = parts.next().and_then(parse_legs).ok_or_else(malformed)?;
        let terms: Vec<_> = parts.map(parse_relation).collect::<Option<_>>().ok_or_else(malformed)?;
        let (mut offsets, mut sizes) = (vec![], vec![]);
        if !terms.is_empty() {
            (offsets, sizes) = (attrs.take_dims("offset")?, attrs.take_dims("size")?);
        }
        if [offsets.len(), sizes.len()] != [terms.len(); 2] {
            mismatch!("every relation of {spec} has an offset and a size");
        }
        let relations = terms.into_iter().zip(offsets).zip(sizes);
        let relations = relations.map(|(([i, k, h], offset), size)| Relation { i, k, h, offset, size }).collect();
        Ok(Contract { left, right, result, relations })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 2)?;
        self.check_labels()?;
        if args[0].dtype != args[1].dtype || !args[0].dtype.is_real() {
            mismatch!("the product of {} and {}", args[0], args[1]);
        }
        if args[0].rank() != self.left.len() || args[1].rank() != self.right.len() {
            mismatch!("{self} of {} and {}", args[0], args[1]);
        }
        let size_in = |leg: &[Label], ty: &Type, label: Label| {
            leg.iter().position(|&other| other == label).map(|axis| ty.shape[axis].clone())
        };
        let left = |label| size_in(&self.left, &args[0], label);
        let right = |label| size_in(&self.right, &args[1], label);
        for &label in &self.left {
            if let (Some(a), Some(b)) = (left(label), right(label))
                && a != b
            {
                mismatch!("`{label}` of {self} is {a} and {b}");
            }
        }
        let size = |&label: &Label| match self.relation_of(label) {
            Some(relation) => relation.size.clone(),
            None => left(label).or_else(|| right(label)).expect("it stands in another leg"),
        };
        one(args[0].with_shape(self.result.iter().map(size).collect()))
    }

    fn eval(&self, args: Vec<Tensor>, frame: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        let relations = self.relations.iter().map(|relation| tensor::Relation {
            i: relation.i,
            k: relation.k,
            h: relation.h,
            offset: frame.offset(&relation.offset),
            size: frame.size(&relation.size),
        });
        let relations: Vec<_> = relations.collect();
        Ok(vec![tensor::contract(&args[0], &args[1], self.legs(), &relations)])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::PerOperand(Box::new(|g, args, operand, ct| {
            let shape = g.shape(args[operand]);
            let adjoint = self.adjoint(operand, &shape);
            if operand == 0 { g.emit(adjoint, &[ct, args[1]]) } else { g.emit(adjoint, &[args[0], ct]) }
        }))
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], _: &Dim) -> Vec<Batched> {
        // The new axis is one more label, so that n vector products become one matrix product.
        let [left, right] = args else { unreachable!("the arity was checked") };
        let (label, mut batched) = (self.fresh_label(), self.clone());
        let legs = [(left.has_axis, &mut batched.left), (right.has_axis, &mut batched.right)];
        for (has_axis, leg) in legs.into_iter().chain([(left.has_axis || right.has_axis, &mut batched.result)]) {
            if has_axis {
                leg.insert(0, label);
            }
        }
        let value = g.emit(batched, &[left.value, right.value]);
        vec![Batched { value, has_axis: left.has_axis || right.has_axis }]
    }

    fn samples(&self) -> Vec<Sample> {
        let plain = |spec: &str, a: &[usize], b: &[usize]| {
            Sample::new(Contract::einsum(spec), vec![SampleArg::f64(a), SampleArg::f64(b)])
        };
        let convolution = |windows: Vec<Window>, groups, x: &[usize], w: &[usize]| {
            let sizes: Vec<Dim> = x[x.len() - windows.len()..].iter().map(|&size| size.into()).collect();
            let op = Contract::convolution(&windows, &sizes, groups).expect("small sizes");
            Sample::new(op, vec![SampleArg::f64(x), SampleArg::f64(w)])
        };
        let padded = |size: usize, stride, dilation, lo: usize, hi: usize| Window {
            dilation,
            lo: lo.into(),
            hi: hi.into(),
            ..Window::new(size.into(), stride)
        };
        let relation =
            |i, k, h, offset, size: usize| Relation { i, k, h, offset: Dim::constant(offset), size: size.into() };
        let with = |relation| Contract { relations: vec![relation], ..Contract::einsum("H,K->I") };
        let signal = || vec![SampleArg::f64(&[6]), SampleArg::f64(&[3])];
        vec![
            plain("mk,kn->mn", &[2, 3], &[3, 4]),
            plain("bmk,bkn->bmn", &[2, 2, 3], &[2, 3, 2]),
            plain("abmk,kn->abmn", &[2, 1, 2, 3], &[3, 2]),
            plain("k,k->", &[4], &[4]),
            plain("m,n->nm", &[2], &[3]),
            plain("nd,nd->n", &[3, 2], &[3, 2]),
            plain("mk,nk->nm", &[2, 3], &[4, 3]),
            convolution(vec![padded(3, 1, 1, 1, 1)], Groups::One, &[2, 2, 5], &[3, 2, 3]),
            convolution(vec![padded(3, 2, 1, 1, 0), padded(2, 1, 2, 0, 1)], Groups::One, &[1, 2, 5, 4], &[2, 2, 3, 2]),
            convolution(vec![padded(2, 1, 1, 0, 0)], Groups::Axis, &[2, 2, 2, 4], &[2, 1, 2, 2]),
            Sample::new(
                Contract::window_sums(3, &[padded(2, 2, 1, 1, 0)], &[5.into()]).expect("small sizes"),
                vec![SampleArg::f64(&[2, 2, 5]), SampleArg::f64(&[2])],
            ),
            // The convolution of polynomials flips: I − K = H.
            Sample::new(with(relation((1, 'I'), (-1, 'K'), (1, 'H'), 0, 8)), signal()),
            // A transposed convolution of stride 2: I = 2H + K is −I + K = −2H.
            Sample::new(with(relation((-1, 'I'), (1, 'K'), (-2, 'H'), 0, 13)), signal()),
        ]
    }
}
