//! Bringing columns to a common range. A scaling is fitted on the training rows and applied to every part.

use super::DataError;
use crate::source::Code;

/// A map `y = low + span·(x − centre)/spread` for each column, with `y = low` where the column it was fitted on is
/// constant.
#[derive(Clone, PartialEq, Debug)]
pub struct Scaling {
    /// One per column.
    pub columns: Vec<ColumnScaling>,
}

/// The scaling of one column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ColumnScaling {
    /// What goes to `low`: the least value, or the mean.
    pub centre: f64,
    /// The unit the distance is measured in: the range, or the standard deviation; 0 for a constant column.
    pub spread: f64,
    /// Where `centre` goes.
    pub low: f64,
    /// What one unit becomes.
    pub span: f64,
}

/// Maps the least value of each column to `a` and the largest to `b`; a constant column becomes `a` everywhere.
///
/// # Errors
/// E0508 unless a < b, both finite; E0502 where a value is not finite.
pub fn fit_range(x: &[f64], n_columns: usize, (a, b): (f64, f64)) -> Result<Scaling, DataError> {
    if !(a < b && (b - a).is_finite()) {
        return Err(DataError::new(Code::E0508, format!("`to` needs a lower and an upper end, got ({a}, {b})")));
    }
    fit(x, n_columns, |column| {
        let (least, largest) = extremes(column.clone());
        ColumnScaling { centre: least, spread: largest - least, low: a, span: b - a }
    })
}

/// Maps each column to mean 0 and standard deviation 1 (dividing by the number of rows); a constant column becomes 0.
///
/// # Errors
/// E0502 where a value is not finite.
pub fn fit_standard(x: &[f64], n_columns: usize) -> Result<Scaling, DataError> {
    fit(x, n_columns, |column| {
        let n_rows = column.clone().count() as f64;
        let (least, largest) = extremes(column.clone());
        // Rounding may give a constant column a tiny deviation, which would blow up its noise: ask the values instead.
        if least == largest {
            return ColumnScaling { centre: least, spread: 0.0, low: 0.0, span: 1.0 };
        }
        let mean = column.clone().sum::<f64>() / n_rows;
        let variance = column.clone().map(|value| (value - mean).powi(2)).sum::<f64>() / n_rows;
        ColumnScaling { centre: mean, spread: variance.sqrt(), low: 0.0, span: 1.0 }
    })
}

/// Fits each column by `of_column`, which sees at least one value, all finite.
fn fit(
    x: &[f64],
    n_columns: usize,
    of_column: impl Fn(std::iter::Copied<std::iter::StepBy<std::slice::Iter<'_, f64>>>) -> ColumnScaling,
) -> Result<Scaling, DataError> {
    if let Some(idx) = x.iter().position(|value| !value.is_finite()) {
        let (row, column) = (idx / n_columns, idx % n_columns);
        let message = format!("row {row}, column {column} is {}, which cannot be scaled", x[idx]);
        return Err(DataError::new(Code::E0502, message).at_row(row as u64).in_column(column.to_string()));
    }
    if x.is_empty() {
        return Err(DataError::new(Code::E0508, "there are no rows to fit a scaling on"));
    }
    let columns = (0..n_columns).map(|column| of_column(x[column..].iter().step_by(n_columns).copied())).collect();
    Ok(Scaling { columns })
}

/// The least and the largest of some finite values.
fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, largest), value| (least.min(value), largest.max(value)))
}

impl Scaling {
    /// Scales rows of as many columns as it was fitted on, in place.
    pub fn apply(&self, x: &mut [f64]) {
        for row in x.chunks_exact_mut(self.columns.len()) {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                *value = column.apply(*value);
            }
        }
    }

    /// Takes scaled rows back to their units, in place; a constant column comes back as its constant.
    pub fn invert(&self, x: &mut [f64]) {
        for row in x.chunks_exact_mut(self.columns.len()) {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                *value = column.invert(*value);
            }
        }
    }
}

impl ColumnScaling {
    /// One value, scaled.
    pub fn apply(&self, value: f64) -> f64 {
        // y = low + span·(x − centre)/spread
        if self.spread == 0.0 { self.low } else { self.low + (value - self.centre) / self.spread * self.span }
    }

    /// One value, taken back.
    pub fn invert(&self, value: f64) -> f64 {
        // x = centre + spread·(y − low)/span
        self.centre + (value - self.low) / self.span * self.spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows of: a spread column, a constant one, one with negative values.
    const X: [f64; 9] = [0.0, 0.1, -4.0, 5.0, 0.1, 0.0, 10.0, 0.1, 4.0];

    #[test]
    fn the_range_is_reached_exactly() {
        let scaling = fit_range(&X, 3, (0.0, 1.0)).unwrap();
        let mut x = X;
        scaling.apply(&mut x);
        assert_eq!(x, [0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn standardized_columns_have_mean_0_and_deviation_1() {
        let scaling = fit_standard(&X, 3).unwrap();
        let mut x = X;
        scaling.apply(&mut x);
        // The population's standard deviation of (0, 5, 10) is √(50/3).
        assert!((x[6] - 5.0 / (50.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        for column in [0, 2] {
            let values: Vec<f64> = x[column..].iter().step_by(3).copied().collect();
            assert!(values.iter().sum::<f64>().abs() < 1e-15);
            assert!((values.iter().map(|v| v * v).sum::<f64>() / 3.0 - 1.0).abs() < 1e-14);
        }
        assert_eq!([x[1], x[4], x[7]], [0.0; 3], "a constant column");
    }

    #[test]
    fn rows_not_seen_in_fitting_use_the_same_map() {
        let mut unseen = [20.0, 7.0, 0.0];
        fit_range(&X, 3, (-1.0, 1.0)).unwrap().apply(&mut unseen);
        assert_eq!(unseen, [3.0, -1.0, 0.0]);
    }

    #[test]
    fn inverting_gives_back_what_was_scaled() {
        for scaling in [fit_range(&X, 3, (-1.0, 2.0)).unwrap(), fit_standard(&X, 3).unwrap()] {
            let mut x = X;
            scaling.apply(&mut x);
            scaling.invert(&mut x);
            for (back, value) in x.iter().zip(X) {
                assert!((back - value).abs() < 1e-14, "{back} {value}");
            }
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let error = fit_standard(&[1.0, 2.0, 3.0, f64::NAN], 2).unwrap_err();
        assert_eq!((error.code, error.row, error.column.as_deref()), (Code::E0502, Some(1), Some("1")));
        assert_eq!(fit_range(&X, 3, (1.0, 1.0)).unwrap_err().code, Code::E0508);
        assert_eq!(fit_range(&[], 3, (0.0, 1.0)).unwrap_err().code, Code::E0508);
    }
}
