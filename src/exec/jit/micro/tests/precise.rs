//! References with about thirty digits: sums of two doubles, whose series need no more than arithmetic.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `hi + lo`, where `lo` is below the last place of `hi`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dd {
    pub hi: f64,
    pub lo: f64,
}

/// a + b for |a| ≥ |b| or a = 0.
fn fast_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    Dd { hi, lo: b - (hi - a) }
}

fn sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    let v = hi - a;
    Dd { hi, lo: (a - (hi - v)) + (b - v) }
}

fn product(a: f64, b: f64) -> Dd {
    let hi = a * b;
    Dd { hi, lo: a.mul_add(b, -hi) }
}

impl From<f64> for Dd {
    fn from(hi: f64) -> Self {
        Self { hi, lo: 0.0 }
    }
}

impl Neg for Dd {
    type Output = Self;
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

impl Add for Dd {
    type Output = Self;
    fn add(self, y: Self) -> Self {
        let s = sum(self.hi, y.hi);
        let t = sum(self.lo, y.lo);
        let s = fast_sum(s.hi, s.lo + t.hi);
        fast_sum(s.hi, s.lo + t.lo)
    }
}

impl Sub for Dd {
    type Output = Self;
    fn sub(self, y: Self) -> Self {
        self + -y
    }
}

impl Mul for Dd {
    type Output = Self;
    fn mul(self, y: Self) -> Self {
        let p = product(self.hi, y.hi);
        fast_sum(p.hi, p.lo + (self.hi * y.lo + self.lo * y.hi))
    }
}

impl Div for Dd {
    type Output = Self;
    fn div(self, y: Self) -> Self {
        let q = self.hi / y.hi;
        let rest = self - y * q.into();
        let q2 = rest.hi / y.hi;
        let rest = rest - y * q2.into();
        Self::from(q) + q2.into() + (rest.hi / y.hi).into()
    }
}

/// A value `mantissa · 2^exponent`, which may be too small or large for a double.
#[derive(Clone, Copy, Debug)]
pub(super) struct Precise {
    pub mantissa: Dd,
    pub exponent: i32,
}

impl From<Dd> for Precise {
    fn from(mantissa: Dd) -> Self {
        Self { mantissa, exponent: 0 }
    }
}

const LN_2: Dd = Dd { hi: std::f64::consts::LN_2, lo: 2.3190468138462996e-17 };
/// What ln 2 is beyond [`LN_2`], and π/2 in three parts.
const LN_2_REST: f64 = 5.707708438416212e-34;
const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33];

/// x·2ⁿ, without an overflow on the way.
pub(super) fn scale(x: f64, n: i32) -> f64 {
    let part = n / 3;
    x * 2f64.powi(part) * 2f64.powi(part) * 2f64.powi(n - 2 * part)
}

/// x + x²/2! + x³/3! + … for |x| < 0.7.
fn exp_series(x: Dd) -> Dd {
    let mut total = Dd::from(0.0);
    for i in (1..=27).rev() {
        total = (x + x * total) / f64::from(i).into();
    }
    total
}

pub(super) fn exp(x: f64) -> Precise {
    let k = (x / LN_2.hi).round();
    let r = Dd::from(x) - product(k, LN_2.hi) - product(k, LN_2.lo) - Dd::from(k * LN_2_REST);
    Precise { mantissa: Dd::from(1.0) + exp_series(r), exponent: k as i32 }
}

pub(super) fn exp_m1(x: f64) -> Precise {
    if x.abs() < 0.5 {
        return exp_series(x.into()).into();
    }
    let e = exp(x);
    if e.exponent > 0 {
        return Precise { mantissa: e.mantissa - scale(1.0, -e.exponent).into(), exponent: e.exponent };
    }
    let small = Dd { hi: scale(e.mantissa.hi, e.exponent), lo: scale(e.mantissa.lo, e.exponent) };
    (small - Dd::from(1.0)).into()
}

/// ln of a number between a half and two.
fn log_near_one(x: Dd) -> Dd {
    let f = x - Dd::from(1.0);
    if f.hi.abs() < 1e-5 {
        let mut total = Dd::from(0.0);
        for i in (1..=8).rev() {
            total = f * (Dd::from(1.0) / f64::from(i).into() - total);
        }
        return total;
    }
    let guess = x.hi.ln();
    let e = exp(-guess);
    let rest = x * Dd { hi: scale(e.mantissa.hi, e.exponent), lo: scale(e.mantissa.lo, e.exponent) } - Dd::from(1.0);
    Dd::from(guess) + rest - rest * rest * Dd::from(0.5)
}

fn log_of(x: Dd) -> Precise {
    let (mut e, mut m) = (0, x);
    while m.hi > std::f64::consts::SQRT_2 {
        let step = if m.hi > 1e30 { 64 } else { 1 };
        (e, m) = (e + step, Dd { hi: scale(m.hi, -step), lo: scale(m.lo, -step) });
    }
    while m.hi < std::f64::consts::FRAC_1_SQRT_2 {
        let step = if m.hi < 1e-30 { 64 } else { 1 };
        (e, m) = (e - step, Dd { hi: scale(m.hi, step), lo: scale(m.lo, step) });
    }
    (LN_2 * f64::from(e).into() + log_near_one(m)).into()
}

pub(super) fn log(x: f64) -> Precise {
    log_of(x.into())
}

pub(super) fn log_1p(x: f64) -> Precise {
    if x.abs() < 1e-200 { Dd::from(x).into() } else { log_of(sum(1.0, x)) }
}

pub(super) fn tanh(x: f64) -> Precise {
    if x.abs() < 1e-200 {
        return Dd::from(x).into();
    }
    let m = exp_m1(2.0 * x.abs().min(30.0));
    let m = Dd { hi: scale(m.mantissa.hi, m.exponent), lo: scale(m.mantissa.lo, m.exponent) };
    let y = m / (m + Dd::from(2.0));
    (if x < 0.0 { -y } else { y }).into()
}

pub(super) fn sigmoid(x: f64) -> Precise {
    let e = exp(-x.abs());
    let divisor = Dd::from(1.0) + Dd { hi: scale(e.mantissa.hi, e.exponent), lo: scale(e.mantissa.lo, e.exponent) };
    if x < 0.0 {
        Precise { mantissa: e.mantissa / divisor, exponent: e.exponent }
    } else {
        (Dd::from(1.0) / divisor).into()
    }
}

/// 2/√π e^−x² (x + 2x³/3 + 4x⁵/15 + …), whose terms have one sign.
pub(super) fn erf(x: f64) -> Precise {
    const FACTOR: Dd = Dd { hi: std::f64::consts::FRAC_2_SQRT_PI, lo: 1.533545961316588e-17 };
    if x.abs() < 1e-200 {
        return (Dd::from(x) * FACTOR).into();
    }
    if x.abs() > 6.5 {
        return Dd::from(1.0f64.copysign(x)).into();
    }
    let square = product(x, x);
    let mut total = Dd::from(1.0);
    for i in (1..=250).rev() {
        total = Dd::from(1.0) + square * Dd::from(2.0) / f64::from(2 * i + 1).into() * total;
    }
    let e = exp(-square.hi);
    let e = Dd { hi: scale(e.mantissa.hi, e.exponent), lo: scale(e.mantissa.lo, e.exponent) };
    (FACTOR * Dd::from(x) * total * (e - e * Dd::from(square.lo))).into()
}

/// sin(x + quarters·π/2) for |x| < 2²⁷.
fn sin_from(x: f64, quarters: i64) -> Precise {
    if x.abs() < 1e-200 && quarters == 0 {
        return Dd::from(x).into();
    }
    let n = (x / HALF_PI[0]).round();
    let r = Dd::from(n.mul_add(-HALF_PI[0], x)) - product(n, HALF_PI[1]) - product(n, HALF_PI[2]);
    let quadrant = (n as i64 + quarters).rem_euclid(4);
    let odd = quadrant % 2 == 1;
    let z = r * r;
    let mut total = Dd::from(0.0);
    for i in (1..=15).rev() {
        let i = f64::from(2 * i);
        let divisor = if odd { i * (i - 1.0) } else { i * (i + 1.0) };
        total = -(z + z * total) / divisor.into();
    }
    let y = if odd { Dd::from(1.0) + total } else { r + r * total };
    (if quadrant >= 2 { -y } else { y }).into()
}

pub(super) fn sin(x: f64) -> Precise {
    sin_from(x, 0)
}

pub(super) fn cos(x: f64) -> Precise {
    sin_from(x, 1)
}
