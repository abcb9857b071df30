//! Functions of slices against references, over the whole range of numbers.

use super::super::{Element, Isa, Map};
use super::Draw;
use super::precise::{self, Precise};

/// What the tests need to know of a kind of number.
trait Number: Element {
    /// Digits of the mantissa, the least exponent of a last place, and the largest number.
    const MANTISSA_DIGITS: i32;
    const LAST: i32;
    const MAX: f64;
    /// Zero, the smallest denormal, the smallest normal number, one, the largest number, infinity, and no number.
    const MAGNITUDES: [Self; 7];
    fn of_bits(bits: u64) -> Self;
    fn of(x: f64) -> Self;
    fn value(self) -> f64;
    fn same(self, y: Self) -> bool;
}

macro_rules! number {
    ($t:ident $bits:ident $digits:literal $last:literal) => {
        impl Number for $t {
            const MANTISSA_DIGITS: i32 = $digits;
            const LAST: i32 = $last;
            const MAX: f64 = $t::MAX as f64;
            const MAGNITUDES: [Self; 7] =
                [0.0, $t::from_bits(1), $t::MIN_POSITIVE, 1.0, $t::MAX, $t::INFINITY, $t::NAN];
            fn of_bits(bits: u64) -> Self {
                Self::from_bits(bits as $bits)
            }
            fn of(x: f64) -> Self {
                x as Self
            }
            fn value(self) -> f64 {
                self as f64
            }
            fn same(self, y: Self) -> bool {
                self.to_bits() == y.to_bits() || self.is_nan() && y.is_nan()
            }
        }
    };
}
number!(f32 u32 24 -149);
number!(f64 u64 53 -1074);

fn reference(map: Map, x: f64) -> Precise {
    match map {
        Map::Exp => precise::exp(x),
        Map::ExpM1 => precise::exp_m1(x),
        Map::Log => precise::log(x),
        Map::Log1p => precise::log_1p(x),
        Map::Tanh => precise::tanh(x),
        Map::Sigmoid => precise::sigmoid(x),
        Map::Erf => precise::erf(x),
        Map::Sin => precise::sin(x),
        Map::Cos => precise::cos(x),
    }
}

/// The function of the standard library, of which only limits and signs are believed.
fn standard(map: Map, x: f64) -> f64 {
    match map {
        Map::Exp => x.exp(),
        Map::ExpM1 => x.exp_m1(),
        Map::Log => x.ln(),
        Map::Log1p => x.ln_1p(),
        Map::Tanh => x.tanh(),
        Map::Sigmoid => {
            if x < 0.0 {
                x.exp() / (1.0 + x.exp())
            } else {
                1.0 / (1.0 + (-x).exp())
            }
        }
        Map::Erf => crate::tensor::Real::erf(x),
        Map::Sin => x.sin(),
        Map::Cos => x.cos(),
    }
}

/// The interval of finite arguments for which [`reference`] is written.
fn domain(map: Map) -> (f64, f64) {
    match map {
        Map::Exp => (-800.0, 709.7),
        Map::ExpM1 => (-800.0, 709.7),
        Map::Log => (f64::from_bits(1), f64::MAX),
        Map::Log1p => (-1.0 + f64::EPSILON, f64::MAX),
        Map::Tanh | Map::Sigmoid | Map::Erf => (-800.0, 800.0),
        Map::Sin | Map::Cos => (-67_000_000.0, 67_000_000.0),
    }
}

/// How many units in the last place of the true value `got` is away from it.
fn error<T: Number>(got: T, want: Precise) -> f64 {
    let Precise { mantissa, exponent } = want;
    let size = precise::scale(mantissa.hi, exponent);
    if size.abs() > T::MAX * (1.0 + 0.5f64.powi(T::MANTISSA_DIGITS + 1)) {
        return if got.value() == f64::INFINITY.copysign(size) { 0.0 } else { f64::INFINITY };
    }
    let leading = mantissa.hi.abs().log2().floor() as i32 + exponent;
    let place = (leading + 1 - T::MANTISSA_DIGITS).max(T::LAST);
    let (got, exponent, place) = if exponent < 0 {
        (precise::scale(got.value(), -exponent), 0, place - exponent)
    } else {
        (got.value(), exponent, place)
    };
    let difference = (got - precise::scale(mantissa.hi, exponent)) - precise::scale(mantissa.lo, exponent);
    let error = precise::scale(difference.abs(), -place);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Arguments of all sizes and signs, and many of usual size.
fn arguments<T: Number>(draw: &mut Draw, n: usize) -> Vec<T> {
    let width = if T::MANTISSA_DIGITS == 24 { 32 } else { 64 };
    (0..n)
        .map(|i| match i % 4 {
            0 => T::of_bits(draw.bits() >> (64 - width)),
            1 => T::of(3.0 * draw.unit()),
            2 => T::of(if T::MANTISSA_DIGITS == 24 { 110.0 } else { 760.0 } * draw.unit()),
            _ => T::of((20.0 * draw.unit()).exp() * draw.unit()),
        })
        .collect()
}

/// The largest error of a map, in units in the last place, with its argument.
fn worst<T: Number>(isa: Isa, map: Map, x: &[T]) -> (f64, f64) {
    let mut y = vec![T::of(0.0); x.len()];
    T::kernels_of(isa).map(map, x, &mut y);
    let (low, high) = domain(map);
    let mut worst = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(&y) {
        let value = x.value();
        if !(low..=high).contains(&value) {
            continue;
        }
        let error = error(y, reference(map, value));
        if error > worst.0 {
            worst = (error, value);
        }
    }
    worst
}

/// The bounds that are promised: what was measured, and a little more for arguments nobody tried.
fn bound<T: Number>(isa: Isa, map: Map) -> f64 {
    if isa.name() == "portable" {
        // The system's functions; tanh of glibc is known to be wrong by 2.2.
        return 3.0;
    }
    match (T::MANTISSA_DIGITS, map) {
        (24, Map::Tanh | Map::Sigmoid) => 3.0,
        (24, _) => 2.0,
        _ => 2.0,
    }
}

fn check_errors<T: Number>(n: usize) {
    for isa in Isa::available() {
        for map in Map::ALL {
            let x = arguments::<T>(&mut Draw(5), n);
            let (error, at) = worst(isa, map, &x);
            println!(
                "{:8} f{} {map:?}: {error:.3} at {at:e}",
                isa.name(),
                if T::MANTISSA_DIGITS == 24 { 32 } else { 64 }
            );
            assert!(error <= bound::<T>(isa, map), "{} {map:?}({at:e}) is {error} units off", isa.name());
        }
    }
}

#[test]
fn errors_of_single_precision_are_small() {
    check_errors::<f32>(20_000);
}

#[test]
fn errors_of_double_precision_are_small() {
    check_errors::<f64>(20_000);
}

fn check_limits<T: Number>() {
    let x: Vec<T> = T::MAGNITUDES.iter().flat_map(|&x| [x, T::of(-x.value())]).collect();
    for isa in Isa::available() {
        for map in Map::ALL {
            let mut y = vec![T::of(0.0); x.len()];
            T::kernels_of(isa).map(map, &x, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let want = T::of(standard(map, x.value()));
                let is_exact = [0.0, 1.0, f64::INFINITY].contains(&want.value().abs()) || want.value().is_nan();
                let fits = if is_exact { y.same(want) } else { (y.value() / want.value() - 1.0).abs() < 1e-6 };
                assert!(fits, "{} {map:?}({x:?}) is {y:?}, not {want:?}", isa.name());
            }
        }
    }
}

#[test]
fn limits_zeros_and_what_is_no_number_are_right() {
    check_limits::<f32>();
    check_limits::<f64>();
}

/// Where a result overflows, underflows or turns denormal.
#[test]
fn thresholds_are_right() {
    for isa in Isa::available() {
        let single = f32::kernels_of(isa);
        let x = [88.722_83f32, 88.722_84, 200.0, -87.4, -100.0, -103.9, -103.98, -200.0];
        let mut y = [0.0f32; 8];
        single.map(Map::Exp, &x, &mut y);
        for (x, y) in x.iter().zip(y) {
            let want = f64::from(*x).exp() as f32;
            let distance = (i64::from(y.to_bits()) - i64::from(want.to_bits())).abs();
            assert!(distance <= 1, "{} exp({x}) is {y}, not {want}", isa.name());
        }
        let double = f64::kernels_of(isa);
        let x = [709.782_712_893_384, 709.782_712_893_385, 800.0, -708.5, -740.0, -745.13, -745.14, -1e300];
        let mut y = [0.0f64; 8];
        double.map(Map::Exp, &x, &mut y);
        for (x, y) in x.iter().zip(y) {
            let distance = (y.to_bits() as i64 - x.exp().to_bits() as i64).abs();
            assert!(distance <= 1, "{} exp({x}) is {y}", isa.name());
        }
    }
}

/// Every length, in place or not, gives every element the same bits, and nothing behind the slice is touched.
fn check_tails<T: Number>() {
    let mut draw = Draw(6);
    for isa in Isa::available() {
        let kernels = T::kernels_of(isa);
        for map in Map::ALL {
            let mut x = arguments::<T>(&mut draw, 70);
            x[33] = T::of(1e30);
            let mut single = x.clone();
            single.chunks_mut(1).for_each(|x| kernels.map_in_place(map, x));
            for n in 0..x.len() {
                let mut y = vec![T::of(7.0); x.len()];
                kernels.map(map, &x[..n], &mut y[..n]);
                let mut in_place = x.clone();
                kernels.map_in_place(map, &mut in_place[..n]);
                for i in 0..x.len() {
                    let (want, kept) = if i < n { (single[i], single[i]) } else { (T::of(7.0), x[i]) };
                    assert!(y[i].same(want) && in_place[i].same(kept), "{} {map:?} {n} {i}", isa.name());
                }
            }
        }
    }
}

#[test]
fn tails_have_the_bits_of_the_rest() {
    check_tails::<f32>();
    check_tails::<f64>();
}

#[test]
fn large_angles_are_right() {
    let x = [1e5f32, 65_537.0, 1e10, -1e20, 3e38, 0.5, -65_536.0, 7e4, 3.0];
    let z = [1e8f64, 67_108_865.0, 1e100, -1e300, 0.5, 1e22, -3.0, 6e7, 1.0];
    for isa in Isa::available() {
        for (map, of) in [(Map::Sin, f64::sin as fn(f64) -> f64), (Map::Cos, f64::cos)] {
            let mut y = x;
            f32::kernels_of(isa).map_in_place(map, &mut y);
            for (x, y) in x.iter().zip(y) {
                assert!((of(f64::from(*x)) - f64::from(y)).abs() < 1e-7, "{} {map:?}({x}) is {y}", isa.name());
            }
            let mut y = z;
            f64::kernels_of(isa).map_in_place(map, &mut y);
            for (x, y) in z.iter().zip(y) {
                assert!((of(*x) - y).abs() < 3e-16, "{} {map:?}({x}) is {y}", isa.name());
            }
        }
    }
}

#[test]
fn the_best_kernels_are_the_public_ones() {
    let x = [0.5f64, -1.0, 2.0];
    let mut y = [0.0; 3];
    super::super::tanh(&x, &mut y);
    let mut in_place = x;
    super::super::tanh_in_place(&mut in_place);
    assert_eq!(y, in_place);
    assert!(x.iter().zip(y).all(|(x, y)| (x.tanh() - y).abs() < 1e-15));
}

#[test]
#[should_panic(expected = "as many results as arguments")]
fn a_short_result_is_refused() {
    super::super::exp(&[0.0f32; 3], &mut [0.0; 2]);
}
