//! What a kernel may do with a register of numbers, so that every kernel is written once for all instruction sets.
//!
//! A value of a type that implements [`Vector`] is a witness: it can only be made by [`Vector::splat`] or by a load, which are
//! unsafe because the CPU must have the instructions of the type. So arithmetic on values that exist is safe, and a constant is
//! made from any value at hand by [`Vector::lit`].
//!
//! Every method is `#[inline(always)]`: a kernel becomes machine code inside a function that enables the instruction set, and
//! there the compiler replaces each method by one instruction.

use super::element::Element;
use super::element::sealed::Constants;

/// A register of [`Vector::LANES`] numbers.
pub(super) trait Vector: Copy {
    /// A number in a lane.
    type Elem: Element;
    /// How many of the first lanes a load or a store touches.
    type Tail: Copy;
    /// The number of lanes.
    const LANES: usize;
    /// Whether a load or store of some lanes costs no more than one of all.
    const FREE_TAIL: bool;

    /// The number in every lane.
    ///
    /// # Safety
    /// The CPU has the instructions of this type.
    unsafe fn splat(x: Self::Elem) -> Self;

    /// `LANES` numbers from `p`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type; `p` may be read for `LANES` numbers.
    unsafe fn load(p: *const Self::Elem) -> Self;

    /// The first `n` lanes, `1 ≤ n ≤ LANES`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type.
    unsafe fn tail(n: usize) -> Self::Tail;

    /// The lanes of `tail` from `p`, zero in the others.
    ///
    /// # Safety
    /// The CPU has the instructions of this type; `p` may be read for as many numbers as `tail` has lanes.
    unsafe fn load_tail(p: *const Self::Elem, tail: Self::Tail) -> Self;

    /// Writes all lanes to `p`.
    ///
    /// # Safety
    /// `p` may be written for `LANES` numbers.
    unsafe fn store(self, p: *mut Self::Elem);

    /// Writes the lanes of `tail` to `p` and leaves the memory behind them alone.
    ///
    /// # Safety
    /// `p` may be written for as many numbers as `tail` has lanes.
    unsafe fn store_tail(self, p: *mut Self::Elem, tail: Self::Tail);

    /// Asks for the line of the cache around `p`, which need not be readable.
    #[inline(always)]
    fn prefetch(_p: *const Self::Elem) {}

    /// The number in every lane of another register of this type.
    #[inline(always)]
    fn lit(self, x: Self::Elem) -> Self {
        // SAFETY: `self` exists, so the CPU has the instructions.
        unsafe { Self::splat(x) }
    }

    /// Lane by lane.
    fn add(self, y: Self) -> Self;
    /// Lane by lane.
    fn mul(self, y: Self) -> Self;
    /// `self · y + z`, rounded once where the instruction set can.
    fn mul_add(self, y: Self, z: Self) -> Self;
    /// `self` where it is positive or not a number, elsewhere `otherwise`.
    fn positive_or(self, otherwise: Self) -> Self;
    /// The even lanes of both, one behind the other, and the odd lanes.
    fn apart(self, y: Self) -> (Self, Self);
    /// The lanes of both in turns: the first half and the second. The inverse of [`Vector::apart`].
    fn in_turns(self, y: Self) -> (Self, Self);
}

/// A register on which the formulas of [`super::formulas`] can be evaluated.
pub(super) trait Float: Vector {
    /// A choice for every lane.
    type Mask: Copy;

    /// Lane by lane.
    fn sub(self, y: Self) -> Self;
    /// Lane by lane.
    fn div(self, y: Self) -> Self;
    /// `z − self · y`, rounded once.
    fn neg_mul_add(self, y: Self, z: Self) -> Self;
    /// The larger of `low` and the smaller of `high` and `self`; NaN stays.
    fn clamp(self, low: Self, high: Self) -> Self;
    /// Without the sign bit.
    fn abs(self) -> Self;
    /// The sign bit flipped where that of `sign` is set.
    fn flip(self, sign: Self) -> Self;
    /// Where `self < y`; not where one is NaN.
    fn lt(self, y: Self) -> Self::Mask;
    /// Where `self = y`; not where one is NaN.
    fn eq(self, y: Self) -> Self::Mask;
    /// Where the sign bit is set.
    fn negative(self) -> Self::Mask;
    /// `self` where the mask is set, `other` elsewhere.
    fn select(self, mask: Self::Mask, other: Self) -> Self;
    /// Whether the mask is set anywhere.
    fn any(mask: Self::Mask) -> bool;
    /// `self · 2ⁿ` for whole `n`, with infinity above and gradual underflow below.
    fn scale(self, n: Self) -> Self;
    /// `(m, e)` with `self = m · 2ᵉ` and `1 ≤ m < 2`, of positive finite numbers.
    fn mantissa_exponent(self) -> (Self, Self);
    /// Registers whose sign bits are the lowest and the second lowest bit of `self`.
    fn low_bits(self) -> (Self, Self);
}

/// What an instruction set without the last operations of [`Float`] has instead: integer operations on the representation.
pub(super) trait Bits: Float {
    /// The bits that are set in both.
    fn and(self, y: Self) -> Self;
    /// The bits that are set in one.
    fn or(self, y: Self) -> Self;
    /// The representation shifted from the lowest bit to the lowest bit of the exponent.
    fn shift_up(self) -> Self;
    /// The representation shifted from the lowest bit of the exponent to the lowest bit.
    fn shift_down(self) -> Self;
}

/// 2ⁿ of whole n in the range of normal numbers.
#[inline(always)]
fn power_of_two<V: Bits>(n: V) -> V {
    // The sum has bias + n in its low bits, which is the exponent field of 2ⁿ.
    n.add(n.lit(V::Elem::ROUNDER + V::Elem::BIAS)).shift_up()
}

/// [`Float::scale`] with a range of `n` of twice the exponents there are.
#[inline(always)]
pub(super) fn scale_by_bits<V: Bits>(x: V, n: V) -> V {
    // In two steps, since 2ⁿ may be no normal number; only the second one rounds.
    let rounder = n.lit(V::Elem::ROUNDER);
    let half = n.mul_add(n.lit(V::Elem::HALF), rounder).sub(rounder);
    x.mul(power_of_two(half)).mul(power_of_two(n.sub(half)))
}

/// [`Float::mantissa_exponent`].
#[inline(always)]
pub(super) fn mantissa_exponent_by_bits<V: Bits>(x: V) -> (V, V) {
    let unit = x.lit(V::Elem::UNIT);
    let bias = x.lit(V::Elem::BIAS);
    let denormal = x.lt(x.lit(V::Elem::MIN_NORMAL));
    let normal = x.mul(unit).select(denormal, x);
    let bias = bias.add(x.lit(V::Elem::DIGITS)).select(denormal, bias);
    let field = x.lit(V::Elem::INFINITY);
    let mantissa = normal.and(x.lit(V::Elem::MANTISSA)).or(x.lit(V::Elem::ONE));
    // The exponent field in the low bits of 2^digits is a whole number added to it.
    let exponent = normal.and(field).shift_down().or(unit).sub(unit.add(bias));
    (mantissa, exponent)
}
