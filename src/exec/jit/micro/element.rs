//! The two kinds of numbers the kernels know, and the constants of the formulas for each.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::LazyLock;

use super::dispatch::{Isa, Kernels};

/// `f32` or `f64`.
pub trait Element: Copy + Debug + PartialEq + PartialOrd + Default + Send + Sync + sealed::Constants + 'static {
    /// The kernels for an instruction set of this machine.
    fn kernels_of(isa: Isa) -> &'static Kernels<Self>;

    /// The kernels for the best instruction set of this machine.
    fn kernels() -> &'static Kernels<Self>;

    /// Runs `f` on memory of this thread of at least `len` numbers, which is kept for the next call.
    #[doc(hidden)]
    fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R;
}

pub(super) mod sealed {
    use std::ops::{Add, Mul, Sub};

    /// Constants of the formulas, and the functions of the standard library that stand in for them.
    ///
    /// The polynomials are minimax approximations (found by the algorithm of Remez in 60 digits), lowest coefficient first;
    /// `tests/fixtures/minimax.py` finds those of the error function again.
    pub trait Constants:
        Copy + 'static + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + PartialOrd
    {
        const ZERO: Self;
        const HALF: Self;
        const ONE: Self;
        const TWO: Self;
        const THREE: Self;
        const SQRT_2: Self;
        const SIXTH: Self;
        const INFINITY: Self;
        const NEG_INFINITY: Self;
        const NAN: Self;
        /// 1.5 · 2^(digits − 1): adding it rounds to a whole number, which then stands in the low bits.
        const ROUNDER: Self;
        /// 2^DIGITS, where DIGITS is the number of stored bits of the mantissa.
        const UNIT: Self;
        const DIGITS: Self;
        /// What is added to an exponent for its representation.
        const BIAS: Self;
        const MIN_NORMAL: Self;
        /// The number whose set bits are those of the mantissa.
        const MANTISSA: Self;
        /// Below it eˣ is zero.
        const EXP_LOW: Self;
        /// Above it eˣ is infinite.
        const EXP_HIGH: Self;
        /// From here on tanh is one.
        const TANH_HIGH: Self;
        /// From here on the error function is one.
        const ERF_HIGH: Self;
        /// Below it expm1, log1p and sin are the identity.
        const TINY: Self;
        /// Up to here the argument of sin and cos is reduced by three parts of π/2.
        const TRIG_HIGH: Self;
        const LOG2_E: Self;
        const TWO_OVER_PI: Self;
        /// ln 2 as a sum.
        const LN_2: [Self; 2];
        /// π/2 as a sum.
        const HALF_PI: [Self; 3];
        /// (eʳ − 1 − r)/r² for |r| ≤ ln 2 / 2.
        const EXP: &'static [Self];
        /// (log((1+s)/(1−s))/s − 2)/s² as a polynomial of s², for |s| ≤ (√2−1)/(√2+1).
        const LOG: &'static [Self];
        /// (sin r / r − 1)/r² as a polynomial of r², for |r| ≤ π/4.
        const SIN: &'static [Self];
        /// (cos r − 1 + r²/2)/r⁴ as a polynomial of r², for |r| ≤ π/4.
        const COS: &'static [Self];
        /// erf x / x − 1 as a polynomial of x², for |x| ≤ 1.
        const ERF: &'static [Self];
        /// e^x² erfc x as a polynomial of (x − 1)/(x + 3), for 1 ≤ x ≤ `ERF_HIGH`; the errors count as those of erf.
        const ERFC: &'static [Self];
        /// Whether quotients are corrected for the rounding of their divisor, to stay below two units in the last place.
        const REFINE: bool;

        fn exp(self) -> Self;
        fn exp_m1(self) -> Self;
        fn ln(self) -> Self;
        fn ln_1p(self) -> Self;
        fn tanh(self) -> Self;
        fn sigmoid(self) -> Self;
        fn erf(self) -> Self;
        fn sin(self) -> Self;
        fn cos(self) -> Self;
    }
}

macro_rules! element {
    ($t:ident, { $($constants:tt)* }) => {
        impl sealed::Constants for $t {
            const ZERO: Self = 0.0;
            const HALF: Self = 0.5;
            const ONE: Self = 1.0;
            const TWO: Self = 2.0;
            const THREE: Self = 3.0;
            const SQRT_2: Self = std::$t::consts::SQRT_2;
            const SIXTH: Self = 1.0 / 6.0;
            const INFINITY: Self = $t::INFINITY;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
            const NAN: Self = $t::NAN;
            const MIN_NORMAL: Self = $t::MIN_POSITIVE;
            const LOG2_E: Self = std::$t::consts::LOG2_E;
            const TWO_OVER_PI: Self = std::$t::consts::FRAC_2_PI;
            $($constants)*

            fn exp(self) -> Self {
                self.exp()
            }
            fn exp_m1(self) -> Self {
                self.exp_m1()
            }
            fn ln(self) -> Self {
                self.ln()
            }
            fn ln_1p(self) -> Self {
                self.ln_1p()
            }
            fn tanh(self) -> Self {
                self.tanh()
            }
            fn sigmoid(self) -> Self {
                let e = (-self.abs()).exp();
                (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
            }
            fn erf(self) -> Self {
                crate::tensor::Real::erf(self)
            }
            fn sin(self) -> Self {
                self.sin()
            }
            fn cos(self) -> Self {
                self.cos()
            }
        }

        impl Element for $t {
            fn kernels_of(isa: Isa) -> &'static Kernels<Self> {
                isa.$t()
            }

            fn kernels() -> &'static Kernels<Self> {
                static BEST: LazyLock<&'static Kernels<$t>> = LazyLock::new(|| Isa::best().$t());
                &BEST
            }

            fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R {
                thread_local!(static SCRATCH: RefCell<Vec<$t>> = const { RefCell::new(Vec::new()) });
                SCRATCH.with_borrow_mut(|scratch| {
                    if scratch.len() < len {
                        scratch.resize(len, 0.0);
                    }
                    f(scratch)
                })
            }
        }
    };
}

element!(f32, {
    const ROUNDER: Self = 12_582_912.0;
    const UNIT: Self = 8_388_608.0;
    const DIGITS: Self = 23.0;
    const BIAS: Self = 127.0;
    const MANTISSA: Self = f32::from_bits((1 << 23) - 1);
    const EXP_LOW: Self = -104.0;
    const EXP_HIGH: Self = 89.0;
    const TANH_HIGH: Self = 10.0;
    const ERF_HIGH: Self = 3.95;
    const TINY: Self = 1e-8;
    const TRIG_HIGH: Self = 65_536.0;
    const LN_2: [Self; 2] = [std::f32::consts::LN_2, -1.904_654_2e-9];
    const HALF_PI: [Self; 3] = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];
    const REFINE: bool = false;
    const EXP: &'static [Self] = &[0.5, 0.16666543, 0.04166628, 0.008366598, 0.0013946478];
    const LOG: &'static [Self] = &[0.66666776, 0.39977717, 0.29868016];
    const SIN: &'static [Self] = &[-0.16666655, 0.008332179, -0.00019517273];
    const COS: &'static [Self] = &[0.041666646, -0.0013887375, 2.443912e-5];
    const ERF: &'static [Self] =
        &[0.12837917, -0.37612626, 0.112836, -0.026854444, 0.0051895357, -0.0008020842, 7.889123e-5];
    const ERFC: &'static [Self] = &[0.42758358, -1.092848, 1.3770914, -1.2233994, 0.72362936, -0.22680196];
});

element!(f64, {
    const ROUNDER: Self = 6_755_399_441_055_744.0;
    const UNIT: Self = 4_503_599_627_370_496.0;
    const DIGITS: Self = 52.0;
    const BIAS: Self = 1023.0;
    const MANTISSA: Self = f64::from_bits((1 << 52) - 1);
    const EXP_LOW: Self = -746.0;
    const EXP_HIGH: Self = 710.0;
    const TANH_HIGH: Self = 20.0;
    const ERF_HIGH: Self = 5.95;
    const TINY: Self = 1e-17;
    const TRIG_HIGH: Self = 67_108_864.0;
    const LN_2: [Self; 2] = [std::f64::consts::LN_2, 2.3190468138462996e-17];
    const HALF_PI: [Self; 3] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33];
    const REFINE: bool = true;
    const EXP: &'static [Self] = &[
        0.5,
        0.16666666666666677,
        0.0416666666666667,
        0.00833333333332161,
        0.0013888888888866804,
        0.00019841269886193772,
        2.4801587360644627e-5,
        2.7557244128938715e-6,
        2.7557242672902875e-7,
        2.510906867506059e-8,
        2.0924472316498084e-9,
    ];
    const LOG: &'static [Self] = &[
        0.6666666666666726,
        0.39999999999455316,
        0.28571428734839033,
        0.22222199243598947,
        0.18183533490264694,
        0.15314759377474563,
        0.14789508767641926,
    ];
    const SIN: &'static [Self] = &[
        -0.16666666666666632,
        0.008333333333322512,
        -0.0001984126982986311,
        2.755731370582791e-6,
        -2.5050759692221873e-8,
        1.5896860188380382e-10,
    ];
    const COS: &'static [Self] = &[
        0.041666666666666616,
        -0.0013888888888876074,
        2.480158729053685e-5,
        -2.755731462231308e-7,
        2.087575633963772e-9,
        -1.1361209936694739e-11,
    ];
    const ERF: &'static [Self] = &[
        0.12837916709551256,
        -0.3761263890318355,
        0.11283791670945253,
        -0.02686617064327622,
        0.005223977607423468,
        -0.0008548325989696758,
        0.00012055295320494294,
        -1.4924744663335489e-5,
        1.6447517677871873e-6,
        -1.6209175911748696e-7,
        1.3722976265924504e-8,
        -7.801188874097751e-10,
    ];
    const ERFC: &'static [Self] = &[
        0.427583576155807,
        -1.0928480591356144,
        1.3770969228187417,
        -1.2234841077527865,
        0.7239166910000282,
        -0.2239470354367332,
        -0.022368875656477022,
        0.04261883143817136,
        -0.0020560753950491857,
        -0.008815842140512033,
        0.0011149033861662556,
        0.0013150332868416287,
    ];
});
