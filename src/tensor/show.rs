//! Numbers and tensors as text.
//!
//! Scalars are written in full, as Python does: the fewest digits that read back as the same number. Elements of tensors
//! are written with six significant digits; over 1,000 elements only three at each edge of an axis are shown.
//!
//! ```
//! use nabla::tensor::{Tensor, show};
//! assert_eq!(show::repr(1e-7), "1e-07");
//! let x = Tensor::from_vec(vec![1.0, 2.5, -1.0 / 3.0, 1e9], &[2, 2]);
//! assert_eq!(x.to_string(), "[[      1.0,       2.5],\n [-0.333333,     1e+09]]");
//! ```

use std::fmt;

use super::buffer::Data;
use super::{DType, Key, Tensor};

/// More elements than this are not all shown.
const SHOWN_WHOLE: usize = 1000;
/// How many are shown at each edge of an axis instead.
const EDGE: usize = 3;
/// The power of ten from which on exponents are written: for numbers in full, and for elements of tensors.
const FULL: i32 = 16;
const SHORT: i32 = 6;

/// A number in full, as Python's `repr` writes it: `4.0`, `1e-07`, `4.0022640019432767e-07`, `inf`, `nan`, `-0.0`.
pub fn repr(value: f64) -> String {
    real(value, &format!("{value:e}"), FULL)
}

/// A number of 32 bits in full: the fewest digits that read back as the same 32 bits.
pub fn repr_f32(value: f32) -> String {
    real(value.into(), &format!("{value:e}"), FULL)
}

/// A number with six significant digits, without zeros at the end: `0.333333`, `4.0`, `1.5e-07`.
pub fn short(value: f64) -> String {
    real(value, &format!("{value:.5e}"), SHORT)
}

/// Writes a number given in Rust's scientific notation, with an exponent where that is −5 or less, or `limit` or more.
fn real(value: f64, scientific: &str, limit: i32) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an int");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    if (-4..0).contains(&exponent) {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    if (0..limit).contains(&exponent) {
        let whole = exponent as usize + 1;
        if digits.len() <= whole {
            return format!("{sign}{digits:0<whole$}.0");
        }
        return format!("{sign}{}.{}", &digits[..whole], &digits[whole..]);
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
}

/// A scalar in full, or a tensor as nested lists with six significant digits, a line for each row of a matrix.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() == 0 {
            return f.write_str(&self.in_full(0));
        }
        let shown: Vec<Vec<Option<usize>>> = self.shape().iter().map(|&size| shown(size, self.len())).collect();
        let mut texts = vec![];
        self.texts(&shown, 0, 0, &mut texts);
        // Elements of one row stand beside each other anyway; those of several rows are aligned.
        let aligned = self.rank() > 1;
        let width = if aligned { texts.iter().map(|text| text.chars().count()).max().unwrap_or(0) } else { 0 };
        write_axis(f, &shown, 0, width, &mut texts.into_iter())
    }
}

/// The positions of an axis that are shown; none stands for those left out.
fn shown(size: usize, len: usize) -> Vec<Option<usize>> {
    if len <= SHOWN_WHOLE || size <= 2 * EDGE {
        return (0..size).map(Some).collect();
    }
    (0..EDGE).map(Some).chain([None]).chain((size - EDGE..size).map(Some)).collect()
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    shown: &[Vec<Option<usize>>],
    axis: usize,
    width: usize,
    texts: &mut impl Iterator<Item = String>,
) -> fmt::Result {
    let below = shown.len() - axis - 1;
    f.write_str("[")?;
    for (idx, position) in shown[axis].iter().enumerate() {
        if idx > 0 && below == 0 {
            f.write_str(", ")?;
        } else if idx > 0 {
            // Matrices are a line apart, so that their rows are told from each other.
            write!(f, ",{}{}", "\n".repeat(below), " ".repeat(axis + 1))?;
        }
        match position {
            None => f.write_str("…")?,
            Some(_) if below > 0 => write_axis(f, shown, axis + 1, width, texts)?,
            Some(_) => write!(f, "{:>width$}", texts.next().expect("a text for every element shown"))?,
        }
    }
    f.write_str("]")
}

impl Tensor {
    /// The texts of the elements shown, in row-major order, within the part that starts at `start`.
    fn texts(&self, shown: &[Vec<Option<usize>>], axis: usize, start: usize, texts: &mut Vec<String>) {
        let Some(positions) = shown.get(axis) else {
            texts.push(self.in_brief(start));
            return;
        };
        let stride: usize = self.shape()[axis + 1..].iter().product();
        for position in positions.iter().flatten() {
            self.texts(shown, axis + 1, start + position * stride, texts);
        }
    }

    fn in_brief(&self, idx: usize) -> String {
        match self.dtype() {
            DType::F32 | DType::F64 => short(self.get_f64(idx)),
            DType::I64 | DType::Bool | DType::Key => self.in_full(idx),
        }
    }

    /// An element, by its place in row-major order, with all its digits.
    pub fn in_full(&self, idx: usize) -> String {
        match &self.data {
            Data::F32(buffer) => repr_f32(buffer.as_slice()[idx]),
            Data::F64(buffer) => repr(buffer.as_slice()[idx]),
            Data::I64(buffer) => buffer.as_slice()[idx].to_string(),
            Data::Bool(buffer) => buffer.as_slice()[idx].to_string(),
            Data::Key(buffer) => buffer.as_slice()[idx].to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.to_bits();
        write!(f, "key:{a:016x}{b:016x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scalars_are_written_as_python_does() {
        for (value, text) in [
            (4.0, "4.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (4.0022640019432767e-07, "4.0022640019432767e-07"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-323, "1.5e-323"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr(value), text);
        }
        assert_eq!(repr_f32(0.1), "0.1");
        assert_eq!(repr_f32(1.0 / 3.0), "0.33333334");
        assert_eq!(Tensor::of(0.1_f32).to_string(), "0.1");
        assert_eq!(Tensor::of(1.0 / 3.0).to_string(), "0.3333333333333333");
        assert_eq!(Tensor::of(true).to_string(), "true");
        assert_eq!(Tensor::of(-7_i64).to_string(), "-7");
    }

    #[test]
    fn elements_have_six_digits() {
        let texts = [1.0 / 3.0, 2e-7, 999999.4, 999999.6, 123456.0, 100.0, -1e-4].map(short);
        assert_eq!(texts, ["0.333333", "2e-07", "999999.0", "1e+06", "123456.0", "100.0", "-0.0001"]);
    }

    #[test]
    fn tensors_are_nested_lists() {
        let x = Tensor::from_vec((0..8).map(f64::from).collect(), &[2, 2, 2]);
        assert_eq!(x.rows(0, 1).reshape(&[4]).to_string(), "[0.0, 1.0, 2.0, 3.0]");
        assert_eq!(x.to_string(), "[[[0.0, 1.0],\n  [2.0, 3.0]],\n\n [[4.0, 5.0],\n  [6.0, 7.0]]]");
        let wide = Tensor::from_vec(vec![1_i64, -20, 300, 4], &[2, 2]);
        assert_eq!(wide.to_string(), "[[  1, -20],\n [300,   4]]");
        assert_eq!(Tensor::zeros(DType::F64, &[0]).to_string(), "[]");
        assert_eq!(Tensor::zeros(DType::F64, &[2, 0]).to_string(), "[[],\n []]");
    }

    #[test]
    fn large_tensors_show_their_edges() {
        let x = Tensor::iota(&[1001], 0);
        assert_eq!(x.to_string(), "[0, 1, 2, …, 998, 999, 1000]");
        assert!(!Tensor::iota(&[1000], 0).to_string().contains('…'));
        let rows = Tensor::iota(&[500, 3], 0).to_string();
        assert_eq!(rows.lines().count(), 7);
        assert_eq!(rows.lines().nth(3), Some(" …,"));
        assert_eq!(rows.lines().nth(4), Some(" [497, 497, 497],"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_in_full_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assert!(value.is_nan() || repr(value).parse::<f64>().unwrap().to_bits() == bits);
            let value = f32::from_bits(bits as u32);
            prop_assert!(value.is_nan() || repr_f32(value).parse::<f32>().unwrap().to_bits() == bits as u32);
        }
    }
}
