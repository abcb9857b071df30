//! The formulas of the vector kernels, each once for all instruction sets and both kinds of numbers.
//!
//! Every function reduces its argument to a short interval, evaluates a polynomial there and undoes the reduction. A lane
//! depends on its own number only, so the result of an element does not depend on where it stands in a slice.

use super::element::Element;
use super::element::sealed::Constants;
use super::vector::Float;

/// A function of one number.
pub(super) trait Function {
    /// Whether [`Function::scalar`] takes over from [`Constants::TRIG_HIGH`] on.
    const BOUNDED: bool = false;
    /// The function of every lane.
    fn vector<V: Float>(x: V) -> V;
    /// The function of one number, by the standard library.
    fn scalar<T: Element>(x: T) -> T;
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident, $vector:ident, $scalar:ident $(, $bounded:ident)?;)*) => { $(
        $(#[$doc])*
        pub(super) struct $name;

        impl Function for $name {
            $(const BOUNDED: bool = functions!(@$bounded);)?
            #[inline(always)]
            fn vector<V: Float>(x: V) -> V {
                $vector(x)
            }
            fn scalar<T: Element>(x: T) -> T {
                x.$scalar()
            }
        }
    )* };
    (@bounded) => { true };
}

functions! {
    /// eˣ.
    Exp, exp, exp;
    /// eˣ − 1.
    ExpM1, exp_m1, exp_m1;
    /// ln x.
    Log, log, ln;
    /// ln(1 + x).
    Log1p, log_1p, ln_1p;
    /// The hyperbolic tangent.
    Tanh, tanh, tanh;
    /// 1/(1 + e⁻ˣ).
    Sigmoid, sigmoid, sigmoid;
    /// The error function.
    Erf, erf, erf;
    /// The sine.
    Sin, sin, sin, bounded;
    /// The cosine.
    Cos, cos, cos, bounded;
}

/// c₀ + c₁x + c₂x² + …
#[inline(always)]
fn polynomial<V: Float>(x: V, coefficients: &'static [V::Elem]) -> V {
    let mut i = coefficients.len() - 1;
    let mut sum = x.lit(coefficients[i]);
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(x, x.lit(coefficients[i]));
    }
    sum
}

/// `(n, eʳ − 1)` with x = n ln 2 + r and |r| ≤ ln 2 / 2, for x between `EXP_LOW` and `EXP_HIGH` or NaN.
#[inline(always)]
fn exp_parts<V: Float>(x: V) -> (V, V) {
    let rounder = x.lit(V::Elem::ROUNDER);
    let n = x.mul_add(x.lit(V::Elem::LOG2_E), rounder).sub(rounder);
    // The first difference is exact: x and n·ln 2 are multiples of the last place of ln 2 and differ by less than one.
    let r = n.neg_mul_add(x.lit(V::Elem::LN_2[0]), x);
    let r = n.neg_mul_add(x.lit(V::Elem::LN_2[1]), r);
    let q = polynomial(r, V::Elem::EXP);
    (n, r.mul(r).mul_add(q, r))
}

#[inline(always)]
fn exp<V: Float>(x: V) -> V {
    let (n, p) = exp_parts(x.clamp(x.lit(V::Elem::EXP_LOW), x.lit(V::Elem::EXP_HIGH)));
    p.add(x.lit(V::Elem::ONE)).scale(n)
}

#[inline(always)]
fn exp_m1<V: Float>(x: V) -> V {
    let (n, p) = exp_parts(x.clamp(x.lit(V::Elem::EXP_LOW), x.lit(V::Elem::EXP_HIGH)));
    // eˣ − 1 = 2(2ⁿ⁻¹p + (2ⁿ⁻¹ − ½)): 2ⁿ itself may overflow where the result does not.
    let half = x.lit(V::Elem::HALF);
    let power = half.scale(n);
    let y = power.mul_add(p, power.sub(half));
    let y = y.add(y);
    // Keeps −0 and denormals.
    x.select(x.abs().lt(x.lit(V::Elem::TINY)), y)
}

/// `numerator / (base + e)`; `e` must not be larger than `base` unless the quotient does not depend on its last bits.
#[inline(always)]
fn quotient<V: Float>(numerator: V, base: V, e: V) -> V {
    let sum = base.add(e);
    if !V::Elem::REFINE {
        return numerator.div(sum);
    }
    // One step of Newton with the exact divisor sum + lost, so that its rounding does not count.
    let inverse = base.lit(V::Elem::ONE).div(sum);
    let guess = numerator.mul(inverse);
    let lost = e.sub(sum.sub(base));
    let rest = guess.neg_mul_add(sum, numerator);
    let rest = guess.neg_mul_add(lost, rest);
    rest.mul_add(inverse, guess)
}

#[inline(always)]
fn sigmoid<V: Float>(x: V) -> V {
    // With e = e^−|x| it is 1/(1+e) or e/(1+e): no overflow, and full precision for negative x.
    let one = x.lit(V::Elem::ONE);
    let low = x.lit(V::Elem::EXP_LOW);
    let magnitude = x.abs().flip(low).clamp(low, x.lit(V::Elem::ZERO));
    let (n, p) = exp_parts(magnitude);
    let e = p.add(one).scale(n);
    quotient(e.select(x.negative(), one), one, e)
}

#[inline(always)]
fn tanh<V: Float>(x: V) -> V {
    // tanh|x| = m/(m + 2) with m = e^2|x| − 1, which loses nothing near zero.
    let magnitude = x.abs().clamp(x.lit(V::Elem::ZERO), x.lit(V::Elem::TANH_HIGH));
    let one = x.lit(V::Elem::ONE);
    let (n, p) = exp_parts(magnitude.add(magnitude));
    let power = one.scale(n);
    let m = power.mul_add(p, power.sub(one));
    quotient(m, x.lit(V::Elem::TWO), m).flip(x)
}

#[inline(always)]
fn erf<V: Float>(x: V) -> V {
    let one = x.lit(V::Elem::ONE);
    let square = x.mul(x);
    let small = x.mul_add(polynomial(square, V::Elem::ERF), x);
    // 1 − e^−x²·f(x), where f, which is e^x² erfc x, is a polynomial of (|x| − 1)/(|x| + 3).
    let size = x.abs().clamp(one, x.lit(V::Elem::ERF_HIGH));
    let (n, p) = exp_parts(size.mul(size).flip(x.lit(V::Elem::EXP_LOW)));
    let e = p.add(one).scale(n);
    let v = size.sub(one).div(size.add(x.lit(V::Elem::THREE)));
    let large = e.neg_mul_add(polynomial(v, V::Elem::ERFC), one).flip(x);
    small.select(x.abs().lt(one), large)
}

/// ln(u) + `correction` for positive finite u.
#[inline(always)]
fn log_core<V: Float>(u: V, correction: V) -> V {
    let one = u.lit(V::Elem::ONE);
    let half = u.lit(V::Elem::HALF);
    let (m, e) = u.mantissa_exponent();
    // u = m·2ᵉ with √½ ≤ m < √2, f = m − 1.
    let large = u.lit(V::Elem::SQRT_2).lt(m);
    let m = m.mul(half).select(large, m);
    let e = e.add(one).select(large, e);
    let f = m.sub(one);
    // ln(1+f) = 2 artanh(s) with s = f/(2+f); written as f − (f²/2 − s(f²/2 + R)), whose leading term is exact.
    let s = f.div(f.add(u.lit(V::Elem::TWO)));
    let z = s.mul(s);
    let r = z.mul(polynomial(z, V::Elem::LOG));
    let h = f.mul(f).mul(half);
    let small = e.mul_add(u.lit(V::Elem::LN_2[1]), correction);
    let inner = s.mul_add(h.add(r), small);
    let t = f.sub(h.sub(inner));
    e.mul_add(u.lit(V::Elem::LN_2[0]), t)
}

/// `y` where 0 < u < ∞, and what a logarithm of `u` is elsewhere.
#[inline(always)]
fn log_specials<V: Float>(u: V, y: V) -> V {
    let infinity = u.lit(V::Elem::INFINITY);
    let zero = u.lit(V::Elem::ZERO);
    let y = y.select(u.lt(infinity), u);
    let y = y.select(zero.lt(u), u.lit(V::Elem::NAN));
    u.lit(V::Elem::NEG_INFINITY).select(u.eq(zero), y)
}

#[inline(always)]
fn log<V: Float>(x: V) -> V {
    log_specials(x, log_core(x, x.lit(V::Elem::ZERO)))
}

#[inline(always)]
fn log_1p<V: Float>(x: V) -> V {
    let one = x.lit(V::Elem::ONE);
    let u = x.add(one);
    // 1 + x = u + lost exactly, and ln(u + lost) = ln u + lost/u to first order, which is enough.
    let v = u.sub(one);
    let lost = one.sub(u.sub(v)).add(x.sub(v));
    let y = log_specials(u, log_core(u, lost.div(u)));
    x.select(x.abs().lt(x.lit(V::Elem::TINY)), y)
}

/// Sine and cosine of r and a register with n in its low bits, where |x| = nπ/2 + r and |r| ≤ π/4.
#[inline(always)]
fn sin_cos_parts<V: Float>(x: V) -> (V, V, V) {
    let rounder = x.lit(V::Elem::ROUNDER);
    let shifted = x.mul_add(x.lit(V::Elem::TWO_OVER_PI), rounder);
    let n = shifted.sub(rounder);
    // The first difference is exact, as in `exp_parts`.
    let r = n.neg_mul_add(x.lit(V::Elem::HALF_PI[0]), x);
    let r = n.neg_mul_add(x.lit(V::Elem::HALF_PI[1]), r);
    let r = n.neg_mul_add(x.lit(V::Elem::HALF_PI[2]), r);
    let z = r.mul(r);
    let sin = r.mul(z).mul_add(polynomial(z, V::Elem::SIN), r);
    // 1 − z/2 loses at most half a place, which the last term puts back.
    let one = x.lit(V::Elem::ONE);
    let half_z = z.mul(x.lit(V::Elem::HALF));
    let lead = one.sub(half_z);
    let lost = one.sub(lead).sub(half_z);
    let cos = lead.add(z.mul(z).mul_add(polynomial(z, V::Elem::COS), lost));
    (sin, cos, shifted)
}

#[inline(always)]
fn sin<V: Float>(x: V) -> V {
    let (sin, cos, n) = sin_cos_parts(x.abs());
    let (odd, upper) = n.low_bits();
    cos.select(odd.negative(), sin).flip(upper).flip(x)
}

#[inline(always)]
fn cos<V: Float>(x: V) -> V {
    let (sin, cos, n) = sin_cos_parts(x.abs());
    // cos x = sin(x + π/2): one quadrant further. The sum is exact, since one is the last place of `n`.
    let (odd, upper) = n.add(x.lit(V::Elem::ONE)).low_bits();
    cos.select(odd.negative(), sin).flip(upper)
}

/// `y[i] = F(x[i])` for i < n.
///
/// # Safety
/// The CPU has the instructions of `V`; `x` may be read and `y` written for `n` numbers; they are equal or do not overlap.
#[inline(always)]
pub(super) unsafe fn map_vector<V: Float, F: Function>(x: *const V::Elem, y: *mut V::Elem, n: usize) {
    let mut i = 0;
    while i + V::LANES <= n {
        // SAFETY: i + LANES ≤ n, so the caller's promise covers the lanes; loads precede stores, so x = y is fine.
        unsafe {
            let (source, target) = (x.add(i), y.add(i));
            let value = V::load(source);
            if F::BOUNDED && is_out_of_bounds(value) {
                map_mixed::<V, F>(source, target, V::LANES);
            } else {
                F::vector(value).store(target);
            }
        }
        i += V::LANES;
    }
    if i < n {
        // SAFETY: 1 ≤ n − i < LANES, and the caller's promise covers those lanes.
        unsafe {
            let (source, target) = (x.add(i), y.add(i));
            let tail = V::tail(n - i);
            let value = V::load_tail(source, tail);
            if F::BOUNDED && is_out_of_bounds(value) {
                map_mixed::<V, F>(source, target, n - i);
            } else {
                F::vector(value).store_tail(target, tail);
            }
        }
    }
}

#[inline(always)]
fn is_out_of_bounds<V: Float>(x: V) -> bool {
    V::any(x.lit(V::Elem::TRIG_HIGH).lt(x.abs()))
}

/// At most one register, of which some numbers are too large for the vector formula. The others get what the formula gives
/// them, so that the result of an element does not depend on its neighbours.
///
/// # Safety
/// As for [`map_vector`], and 1 ≤ n ≤ LANES.
#[inline(always)]
unsafe fn map_mixed<V: Float, F: Function>(x: *const V::Elem, y: *mut V::Elem, n: usize) {
    for i in 0..n {
        // SAFETY: i < n, so the caller's promise covers this number.
        unsafe {
            let value = *x.add(i);
            let magnitude = if value < V::Elem::ZERO { V::Elem::ZERO - value } else { value };
            if magnitude > V::Elem::TRIG_HIGH {
                *y.add(i) = F::scalar(value);
            } else {
                let one = V::tail(1);
                F::vector(V::splat(value)).store_tail(y.add(i), one);
            }
        }
    }
}

/// `y[i] = F(x[i])` for i < n, one number after the other.
///
/// # Safety
/// `x` may be read and `y` written for `n` numbers; they are equal or do not overlap.
pub(super) unsafe extern "C" fn map_scalar<T: Element, F: Function>(x: *const T, y: *mut T, n: usize) {
    for i in 0..n {
        // SAFETY: i < n, so the caller's promise covers this number.
        unsafe { *y.add(i) = F::scalar(*x.add(i)) };
    }
}
