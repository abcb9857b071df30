//! Linear systems and the Cholesky factor, on the last two axes; leading axes are equal in all arguments.

use super::sample::Definite;
use super::{Attrs, Batched, Contract, Derivative, Fault, Frame, Iota, OwnDerivative, Primal, Rule, Sample, SampleArg};
use super::{TypeError, arity, mismatch, one, with_axis};
use crate::ir::{Builder, Dim, Module, Type, ValueId};
use crate::tensor::Tensor;

/// Checks `a: [.., n, n]` and `b: [.., n, m]`.
fn check_system(args: &[Type]) -> Result<(), TypeError> {
    arity(args, 2)?;
    let (a, b) = (&args[0], &args[1]);
    check_square(a)?;
    let rank = a.rank();
    if a.dtype != b.dtype || b.rank() != rank || a.shape[..rank - 1] != b.shape[..rank - 1] {
        mismatch!("{b} is no right side for {a}");
    }
    Ok(())
}

fn check_square(a: &Type) -> Result<(), TypeError> {
    let rank = a.rank();
    if rank < 2 || a.shape[rank - 1] != a.shape[rank - 2] || !a.dtype.is_real() {
        mismatch!("{a} is no square matrix of reals");
    }
    Ok(())
}

/// The matrix with its last two axes swapped.
fn swap(g: &mut Builder, a: ValueId) -> ValueId {
    let rank = g.ty(a).rank();
    let perm: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
    g.transpose(a, &perm)
}

/// `a bᵀ` for `a: [.., n, m]` and `b: [.., k, m]`.
fn product_transposed(g: &mut Builder, a: ValueId, b: ValueId) -> ValueId {
    let b = swap(g, b);
    g.emit(Contract::matmul(g.ty(a).rank(), g.ty(b).rank()), &[a, b])
}

/// What of a square matrix is kept.
#[derive(Clone, Copy, PartialEq)]
enum Triangle {
    Lower,
    Upper,
}

/// The matrix with zeros outside of a triangle, which has the diagonal.
fn triangle(g: &mut Builder, a: ValueId, kept: Triangle) -> ValueId {
    let shape = g.shape(a);
    let rank = shape.len();
    let row = g.emit(Iota { shape: shape.clone(), axis: rank - 2 }, &[]);
    let column = g.emit(Iota { shape, axis: rank - 1 }, &[]);
    let outside = if kept == Triangle::Lower { g.gt(column, row) } else { g.gt(row, column) };
    let zero = g.full_like(a, 0.0);
    g.select(outside, zero, a)
}

/// What the derivatives of `x = A⁻¹ b`, or of `x = A⁻ᵀ b`, have in common; `solve` applies the inverse, transposed or not.
struct System<'a> {
    transpose: bool,
    solve: &'a dyn Fn(&mut Builder, bool, ValueId, ValueId) -> ValueId,
    /// What of the matrix is looked at.
    part: Option<Triangle>,
}

impl System<'_> {
    fn part_of(&self, g: &mut Builder, a: ValueId) -> ValueId {
        match self.part {
            Some(kept) => triangle(g, a, kept),
            None => a,
        }
    }

    fn adjoint(&self, g: &mut Builder, args: &[ValueId], x: ValueId, ct: Option<ValueId>) -> Vec<Option<ValueId>> {
        let Some(ct) = ct else { return vec![None, None] };
        // b̄ = A⁻ᵀ x̄ and Ā = −b̄ xᵀ; for the transposed system b̄ = A⁻¹ x̄ and Ā = −x b̄ᵀ.
        let b_ct = (self.solve)(g, !self.transpose, args[0], ct);
        let outer = if self.transpose { product_transposed(g, x, b_ct) } else { product_transposed(g, b_ct, x) };
        let minus = g.neg(outer);
        vec![Some(self.part_of(g, minus)), Some(b_ct)]
    }

    fn tangent(&self, g: &mut Builder, args: &[ValueId], x: ValueId, dots: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        // ẋ = A⁻¹ (ḃ − Ȧ x), with Aᵀ and Ȧᵀ for the transposed system
        let moved = dots[0].map(|dot| {
            let dot = self.part_of(g, dot);
            let dot = if self.transpose { swap(g, dot) } else { dot };
            let product = g.matmul(dot, x);
            g.neg(product)
        });
        let right = g.add_maybe(dots[1], moved);
        vec![right.map(|right| (self.solve)(g, self.transpose, args[0], right))]
    }
}

fn batch_all(op: impl Into<super::Op>, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
    let args: Vec<ValueId> = args.iter().map(|arg| arg.over_axis(g, size)).collect();
    with_axis(g.push(op, &args))
}

/// The solution x of A x = b, or of Aᵀ x = b, for `A: [.., n, n]` and `b: [.., n, m]`. A singular matrix is a fault.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Solve {
    /// Whether the matrix is transposed.
    pub transpose: bool,
}

impl Rule for Solve {
    fn name(&self) -> &'static str {
        "solve"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().flag("transpose", self.transpose)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<Solve, TypeError> {
        Ok(Solve { transpose: attrs.take_flag("transpose")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        check_system(args)?;
        one(args[1].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].solve(&args[1], self.transpose).map_err(Fault::Matrix)?])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_all(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |transpose, a: &[usize], b: &[usize]| {
            let args = vec![SampleArg::f64(a).definite(Definite::Dominant), SampleArg::f64(b)];
            Sample::new(Solve { transpose }, args)
        };
        vec![of(false, &[3, 3], &[3, 2]), of(true, &[3, 3], &[3, 1]), of(false, &[2, 2, 2], &[2, 2, 1])]
    }
}

impl Solve {
    fn system(&self) -> System<'static> {
        let solve = &|g: &mut Builder, transpose, a, b| g.emit(Solve { transpose }, &[a, b]);
        System { transpose: self.transpose, solve, part: None }
    }
}

impl OwnDerivative for Solve {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(*self, args), residuals: vec![] }
    }

    fn adjoint(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        primal: &Primal,
        cts: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        self.system().adjoint(g, args, primal.results[0], cts[0])
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        self.system().tangent(g, args, results[0], tangents)
    }
}

/// The same as [`Solve`] for a triangular matrix; the other triangle is not looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TriSolve {
    /// Whether the matrix has its elements in the lower triangle.
    pub lower: bool,
    /// Whether it is then transposed.
    pub transpose: bool,
}

impl Rule for TriSolve {
    fn name(&self) -> &'static str {
        "tri_solve"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none().flag("lower", self.lower).flag("transpose", self.transpose)
    }

    fn from_attrs(attrs: &mut Attrs) -> Result<TriSolve, TypeError> {
        Ok(TriSolve { lower: attrs.take_flag("lower")?, transpose: attrs.take_flag("transpose")? })
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        check_system(args)?;
        one(args[1].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].tri_solve(&args[1], self.lower, self.transpose).map_err(Fault::Matrix)?])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_all(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |lower, transpose| {
            let args = vec![SampleArg::f64(&[3, 3]).definite(Definite::Dominant), SampleArg::f64(&[3, 2])];
            Sample::new(TriSolve { lower, transpose }, args)
        };
        vec![of(true, false), of(true, true), of(false, false), of(false, true)]
    }
}

impl OwnDerivative for TriSolve {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(*self, args), residuals: vec![] }
    }

    fn adjoint(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        primal: &Primal,
        cts: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let lower = self.lower;
        let solve = |g: &mut Builder, transpose, a, b| g.emit(TriSolve { lower, transpose }, &[a, b]);
        let part = Some(if lower { Triangle::Lower } else { Triangle::Upper });
        System { transpose: self.transpose, solve: &solve, part }.adjoint(g, args, primal.results[0], cts[0])
    }

    fn tangent(
        &self,
        g: &mut Builder,
        args: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let lower = self.lower;
        let solve = |g: &mut Builder, transpose, a, b| g.emit(TriSolve { lower, transpose }, &[a, b]);
        let part = Some(if lower { Triangle::Lower } else { Triangle::Upper });
        System { transpose: self.transpose, solve: &solve, part }.tangent(g, args, results[0], tangents)
    }
}

/// The lower triangular L with A = L Lᵀ, for the symmetric part of `A: [.., n, n]`. A matrix that is not positive definite
/// is a fault.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cholesky;

impl Rule for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn attrs(&self) -> Attrs {
        Attrs::none()
    }

    fn from_attrs(_: &mut Attrs) -> Result<Cholesky, TypeError> {
        Ok(Cholesky)
    }

    fn infer(&self, args: &[Type], _: &Module) -> Result<Vec<Type>, TypeError> {
        arity(args, 1)?;
        check_square(&args[0])?;
        one(args[0].clone())
    }

    fn eval(&self, args: Vec<Tensor>, _: &mut dyn Frame) -> Result<Vec<Tensor>, Fault> {
        Ok(vec![args[0].cholesky().map_err(Fault::Matrix)?])
    }

    fn derivative(&self) -> Derivative<'_> {
        Derivative::Own(self)
    }

    fn batch(&self, g: &mut Builder, args: &[Batched], size: &Dim) -> Vec<Batched> {
        batch_all(*self, g, args, size)
    }

    fn samples(&self) -> Vec<Sample> {
        let of = |shape: &[usize]| Sample::new(Cholesky, vec![SampleArg::f64(shape).definite(Definite::Symmetric)]);
        vec![of(&[3, 3]), of(&[2, 2, 2])]
    }
}

/// Φ(A): the lower triangle with half of the diagonal.
fn lower_with_half_diagonal(g: &mut Builder, a: ValueId) -> ValueId {
    let shape = g.shape(a);
    let rank = shape.len();
    let row = g.emit(Iota { shape: shape.clone(), axis: rank - 2 }, &[]);
    let column = g.emit(Iota { shape, axis: rank - 1 }, &[]);
    let (above, on) = (g.gt(column, row), g.eq(row, column));
    let (zero, half) = (g.full_like(a, 0.0), g.scale(a, 0.5));
    let rest = g.select(above, zero, a);
    g.select(on, half, rest)
}

/// Ȧ or Ā, symmetrised: ½ (A + Aᵀ).
fn symmetric_part(g: &mut Builder, a: ValueId) -> ValueId {
    let transposed = swap(g, a);
    let sum = g.add(a, transposed);
    g.scale(sum, 0.5)
}

/// Murray, "Differentiation of the Cholesky decomposition", arXiv 1602.07527, equations 8 and 10.
impl OwnDerivative for Cholesky {
    fn primal(&self, g: &mut Builder, args: &[ValueId]) -> Primal {
        Primal { results: g.push(*self, args), residuals: vec![] }
    }

    fn adjoint(
        &self,
        g: &mut Builder,
        _: &[ValueId],
        primal: &Primal,
        cts: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let l = primal.results[0];
        let solved = cts[0].map(|ct| {
            // Ā = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹)
            let l_transposed = swap(g, l);
            let product = g.matmul(l_transposed, ct);
            let middle = lower_with_half_diagonal(g, product);
            let inverse = TriSolve { lower: true, transpose: true };
            let left = g.emit(inverse, &[l, middle]);
            // S L = left  ⇔  Lᵀ Sᵀ = leftᵀ
            let left_transposed = swap(g, left);
            let s_transposed = g.emit(inverse, &[l, left_transposed]);
            symmetric_part(g, s_transposed)
        });
        vec![solved]
    }

    fn tangent(
        &self,
        g: &mut Builder,
        _: &[ValueId],
        results: &[ValueId],
        tangents: &[Option<ValueId>],
    ) -> Vec<Option<ValueId>> {
        let l = results[0];
        let moved = tangents[0].map(|dot| {
            // L̇ = L Φ(L⁻¹ sym(Ȧ) L⁻ᵀ)
            let dot = symmetric_part(g, dot);
            let inverse = TriSolve { lower: true, transpose: false };
            let left = g.emit(inverse, &[l, dot]);
            let left_transposed = swap(g, left);
            let both = g.emit(inverse, &[l, left_transposed]);
            let middle = lower_with_half_diagonal(g, both);
            g.matmul(l, middle)
        });
        vec![moved]
    }
}
