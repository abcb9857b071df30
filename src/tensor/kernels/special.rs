//! Functions of reals that want care to be exact.

pub use super::tanh::{Tanh, tanh};
use crate::tensor::Real;

/// 1/(1 + e⁻ˣ), without overflow on either side.
#[inline]
pub fn sigmoid<T: Real>(x: T) -> T {
    let e = (-x.abs()).exp();
    let numerator = if x >= T::zero() { T::one() } else { e };
    numerator / (T::one() + e)
}

/// log(1 + eˣ) = max(x, 0) + log(1 + e^{−|x|}).
#[inline]
pub fn softplus<T: Real>(x: T) -> T {
    let above = if x > T::zero() { x } else { T::zero() };
    above + (-x.abs()).exp().ln_1p()
}

/// The error function, 2/√π ∫₀ˣ e^{−t²} dt.
#[inline]
pub fn erf<T: Real>(x: T) -> T {
    x.erf()
}

/// The nearest whole number, halves to the even one.
#[inline]
pub fn round_half_even<T: Real>(x: T) -> T {
    x.round_half_even()
}

/// a·log b; 0 where a = 0 unless b is NaN.
#[inline]
pub fn xlogy<T: Real>(a: T, b: T) -> T {
    if a == T::zero() && !b.is_nan() { T::zero() } else { a * b.ln() }
}

/// a/b; 0 where a = 0 unless b is NaN.
#[inline]
pub fn xdivy<T: Real>(a: T, b: T) -> T {
    if a == T::zero() && !b.is_nan() { T::zero() } else { a / b }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with a relative tolerance of a few roundings.
    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() <= 4.0 * f64::EPSILON * wanted.abs(), "{got:e} is not {wanted:e}");
    }

    #[test]
    fn sigmoid_keeps_its_digits_on_both_sides() {
        // Values of mpmath at 50 digits.
        close(sigmoid(0.0), 0.5);
        close(sigmoid(-40.0), 4.248_354_255_291_589e-18);
        close(sigmoid(-700.0), 9.859_676_543_759_77e-305);
        close(sigmoid(3.0), 0.952_574_126_822_433_2);
        assert_eq!([sigmoid(f64::INFINITY), sigmoid(f64::NEG_INFINITY)], [1.0, 0.0]);
        assert!(sigmoid(f64::NAN).is_nan());
    }

    #[test]
    fn softplus_is_exact_for_large_arguments() {
        close(softplus(0.0), std::f64::consts::LN_2);
        close(softplus(-40.0), 4.248_354_255_291_589e-18);
        assert_eq!(
            [softplus(800.0), softplus(f64::INFINITY), softplus(f64::NEG_INFINITY)],
            [800.0, f64::INFINITY, 0.0]
        );
        assert!(softplus(f64::NAN).is_nan());
    }

    #[test]
    fn the_error_function_agrees_with_tables() {
        // DLMF table 7.23, Abramowitz and Stegun 7.1, to the digits of a float.
        for (x, wanted) in [
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
            (1e-10, 1.128_379_167_095_512_6e-10),
        ] {
            close(erf(x), wanted);
            close(erf(-x), -wanted);
        }
        assert_eq!([erf(f64::INFINITY), erf(f64::NEG_INFINITY)], [1.0, -1.0]);
        assert!((f64::from(erf(1.0_f32)) - 0.842_700_792_949_714_9).abs() < 1e-7);
    }

    #[test]
    fn zero_times_an_infinite_logarithm_is_zero() {
        assert_eq!([xlogy(0.0, 0.0), xlogy(0.0, f64::INFINITY), xdivy(0.0, 0.0)], [0.0; 3]);
        assert!(xlogy(0.0, f64::NAN).is_nan() && xlogy(f64::NAN, 1.0).is_nan() && xdivy(0.0, f64::NAN).is_nan());
        close(xlogy(2.0, std::f64::consts::E), 2.0);
        close(xdivy(2.0, 4.0), 0.5);
    }

    #[test]
    fn halves_round_to_even() {
        assert_eq!([0.5, 1.5, 2.5, -0.5, -1.5, 2.4].map(round_half_even::<f64>), [0.0, 2.0, 2.0, 0.0, -2.0, 2.0]);
    }
}
