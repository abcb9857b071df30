//! What Rust types a tensor's elements can have, and what each kind of kernel asks of them.

use num_traits::Float;

use super::buffer::{Buffer, Data};
use super::{DType, Key};

/// A type of elements.
pub trait Element: Copy + PartialEq + Send + Sync + std::fmt::Debug + 'static {
    /// Its name among the element types.
    const DTYPE: DType;

    /// A buffer as the data of a tensor.
    fn wrap(buffer: Buffer<Self>) -> Data;

    /// The buffer of a tensor, if it has this type.
    fn unwrap_ref(data: &Data) -> Option<&Buffer<Self>>;

    /// The buffer of a tensor, taken, if it has this type.
    fn unwrap(data: Data) -> Option<Buffer<Self>>;

    /// Whether two elements are the same bits; NaN is the same as itself, and 0 is not −0.
    fn same_bits(self, other: Self) -> bool;
}

macro_rules! element {
    ($($ty:ty, $dtype:ident, |$a:ident, $b:ident| $same:expr;)*) => {$(
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;

            fn wrap(buffer: Buffer<$ty>) -> Data {
                Data::$dtype(buffer)
            }

            fn unwrap_ref(data: &Data) -> Option<&Buffer<$ty>> {
                match data {
                    Data::$dtype(buffer) => Some(buffer),
                    _ => None,
                }
            }

            fn unwrap(data: Data) -> Option<Buffer<$ty>> {
                match data {
                    Data::$dtype(buffer) => Some(buffer),
                    _ => None,
                }
            }

            fn same_bits(self, other: $ty) -> bool {
                let ($a, $b) = (self, other);
                $same
            }
        }
    )*};
}

element! {
    f32, F32, |a, b| a.to_bits() == b.to_bits();
    f64, F64, |a, b| a.to_bits() == b.to_bits();
    i64, I64, |a, b| a == b;
    bool, Bool, |a, b| a == b;
    Key, Key, |a, b| a == b;
}

/// Elements with arithmetic: reals, and ints that wrap around at 64 bits.
pub trait Number: Element + Default + PartialOrd {
    /// a + b.
    fn plus(self, other: Self) -> Self;
    /// a − b.
    fn less(self, other: Self) -> Self;
    /// a·b.
    fn times(self, other: Self) -> Self;
    /// −a.
    fn minus(self) -> Self;
    /// |a|.
    fn magnitude(self) -> Self;
    /// −1, 0 or 1; NaN stays.
    fn signum_or_zero(self) -> Self;
    /// The larger of two; NaN if either is; 0 is larger than −0.
    fn larger(self, other: Self) -> Self;
    /// The smaller of two; NaN if either is; −0 is smaller than 0.
    fn smaller(self, other: Self) -> Self;
    /// aⁿ; for ints n is not negative.
    fn power(self, exponent: i32) -> Self;
    /// What no element is larger than: −∞, or the least int.
    const LEAST: Self;
    /// What no element is smaller than: ∞, or the largest int.
    const LARGEST: Self;
    /// Whether it is not a number.
    fn is_missing(self) -> bool;
    /// The nearest element to a real.
    fn from_real(value: f64) -> Self;
}

macro_rules! real {
    ($ty:ident, $erf:path) => {
        impl Number for $ty {
            const LEAST: $ty = $ty::NEG_INFINITY;
            const LARGEST: $ty = $ty::INFINITY;

            #[inline]
            fn plus(self, other: $ty) -> $ty {
                self + other
            }

            #[inline]
            fn less(self, other: $ty) -> $ty {
                self - other
            }

            #[inline]
            fn times(self, other: $ty) -> $ty {
                self * other
            }

            #[inline]
            fn minus(self) -> $ty {
                -self
            }

            #[inline]
            fn magnitude(self) -> $ty {
                self.abs()
            }

            #[inline]
            fn signum_or_zero(self) -> $ty {
                if self == 0.0 { 0.0 } else { self.signum() }
            }

            // Written as selects without branches, which become vector instructions. Equal numbers have equal bits but
            // for the zeros, whose signs are joined.
            #[inline]
            fn larger(self, other: $ty) -> $ty {
                let one = if (self > other) | self.is_nan() { self } else { other };
                if self == other { $ty::from_bits(self.to_bits() & other.to_bits()) } else { one }
            }

            #[inline]
            fn smaller(self, other: $ty) -> $ty {
                let one = if (self < other) | self.is_nan() { self } else { other };
                if self == other { $ty::from_bits(self.to_bits() | other.to_bits()) } else { one }
            }

            #[inline]
            fn power(self, exponent: i32) -> $ty {
                self.powi(exponent)
            }

            #[inline]
            fn is_missing(self) -> bool {
                self.is_nan()
            }

            fn from_real(value: f64) -> $ty {
                value as $ty
            }
        }

        impl Real for $ty {
            #[inline]
            fn erf(self) -> $ty {
                $erf(self)
            }

            #[inline]
            fn round_half_even(self) -> $ty {
                self.round_ties_even()
            }
        }
    };
}

/// Reals.
pub trait Real: Number + Float + std::ops::AddAssign + std::ops::MulAssign {
    /// The error function.
    fn erf(self) -> Self;
    /// The nearest whole number, halves to the even one.
    fn round_half_even(self) -> Self;
}

real!(f32, libm::erff);
real!(f64, libm::erf);

impl Number for i64 {
    const LEAST: i64 = i64::MIN;
    const LARGEST: i64 = i64::MAX;

    #[inline]
    fn plus(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }

    #[inline]
    fn less(self, other: i64) -> i64 {
        self.wrapping_sub(other)
    }

    #[inline]
    fn times(self, other: i64) -> i64 {
        self.wrapping_mul(other)
    }

    #[inline]
    fn minus(self) -> i64 {
        self.wrapping_neg()
    }

    #[inline]
    fn magnitude(self) -> i64 {
        self.wrapping_abs()
    }

    #[inline]
    fn signum_or_zero(self) -> i64 {
        self.signum()
    }

    #[inline]
    fn larger(self, other: i64) -> i64 {
        self.max(other)
    }

    #[inline]
    fn smaller(self, other: i64) -> i64 {
        self.min(other)
    }

    #[inline]
    fn power(self, exponent: i32) -> i64 {
        self.wrapping_pow(u32::try_from(exponent).expect("infer refused negative powers of ints"))
    }

    #[inline]
    fn is_missing(self) -> bool {
        false
    }

    fn from_real(value: f64) -> i64 {
        value as i64
    }
}

/// Division of ints.
pub trait Whole: Element {
    /// The quotient rounded down; 0 where the divisor is 0, as in NumPy.
    fn floor_quotient(self, by: Self) -> Self;
    /// The remainder, with the sign of the divisor; 0 where the divisor is 0.
    fn floor_remainder(self, by: Self) -> Self;
}

impl Whole for i64 {
    #[inline]
    fn floor_quotient(self, by: i64) -> i64 {
        if by == 0 {
            return 0;
        }
        let quotient = self.wrapping_div(by);
        let inexact = self.wrapping_rem(by) != 0;
        quotient - i64::from(inexact && (self < 0) != (by < 0))
    }

    #[inline]
    fn floor_remainder(self, by: i64) -> i64 {
        if by == 0 {
            return 0;
        }
        let remainder = self.wrapping_rem(by);
        if remainder != 0 && (remainder < 0) != (by < 0) { remainder + by } else { remainder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_and_smaller_keep_nan_and_order_the_zeros() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert!(nan.larger(1.0).is_nan() && 1.0.larger(nan).is_nan() && nan.larger(inf).is_nan());
        assert!(nan.smaller(1.0).is_nan() && 1.0.smaller(nan).is_nan() && (-inf).smaller(nan).is_nan());
        assert!(0.0.larger(-0.0).same_bits(0.0) && (-0.0).larger(0.0).same_bits(0.0));
        assert!(0.0.smaller(-0.0).same_bits(-0.0) && (-0.0).smaller(0.0).same_bits(-0.0));
        assert!((-0.0_f32).larger(-0.0).same_bits(-0.0));
        assert_eq!([(-inf).larger(-inf), inf.larger(-inf), 2.0.larger(3.0)], [-inf, inf, 3.0]);
        assert_eq!([inf.smaller(inf), inf.smaller(-inf), 2.0.smaller(3.0)], [inf, -inf, 2.0]);
    }

    #[test]
    fn division_of_ints_rounds_down_and_never_panics() {
        for (a, b, quotient, remainder) in
            [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, -3, -2, 0), (5, 0, 0, 0)]
        {
            assert_eq!((a.floor_quotient(b), a.floor_remainder(b)), (quotient, remainder), "{a} by {b}");
        }
        assert_eq!((i64::MIN.floor_quotient(-1), i64::MIN.floor_remainder(-1)), (i64::MIN, 0));
    }

    #[test]
    fn signs_and_powers() {
        assert_eq!([-2.5, 0.0, -0.0, 7.0].map(f64::signum_or_zero), [-1.0, 0.0, 0.0, 1.0]);
        assert!(f64::NAN.signum_or_zero().is_nan());
        assert_eq!([0, 1, 2, 3, 5, -1, -2].map(|n| 2.0.power(n)), [1.0, 2.0, 4.0, 8.0, 32.0, 0.5, 0.25]);
        assert_eq!(3_i64.power(4), 81);
    }
}
