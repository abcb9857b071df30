//! Class indices as rows with a single one.

use super::DataError;
use crate::source::Code;

/// A row of `k` numbers for each label: 1 at the label, 0 elsewhere. Row-major, `[labels.len(), k]`.
///
/// # Errors
/// E0508 where a label is not one of 0, 1, …, k − 1, naming the first such row, from 0.
pub fn one_hot(labels: &[f64], k: usize) -> Result<Vec<f64>, DataError> {
    let mut rows = vec![0.0; labels.len() * k];
    for (row, &label) in labels.iter().enumerate() {
        let bad = |why: String| {
            DataError::new(Code::E0508, format!("row {row} of the target is {label}, {why}")).at_row(row as u64)
        };
        if label.fract() != 0.0 || label < 0.0 {
            return Err(bad("which is not a class index".to_string())
                .with_help(format!("one_hot({k}) needs whole numbers from 0 to {}", k as i64 - 1)));
        }
        if label >= k as f64 {
            let largest = labels.iter().copied().fold(0.0, f64::max);
            return Err(bad(format!("but one_hot({k}) has room for 0 to {}", k as i64 - 1))
                .with_help(format!("the largest class is {largest}: one_hot({})", largest + 1.0)));
        }
        rows[row * k + label as usize] = 1.0;
    }
    Ok(rows)
}

/// The class of each row of a target: with one column the value itself, with several the column of the largest value,
/// so that stratifying works before and after [`one_hot`]. `t` is row-major, `[n_rows, n_columns]`.
///
/// # Errors
/// E0508 where a single column holds a number that is not whole: classes are needed, this is a measured quantity.
pub fn classes_of_rows(t: &[f64], n_columns: usize) -> Result<Vec<usize>, DataError> {
    if n_columns != 1 {
        return Ok(t.chunks_exact(n_columns.max(1)).map(index_of_largest).collect());
    }
    if let Some(row) = t.iter().position(|value| value.fract() != 0.0) {
        let message = format!("row {row} of the target is {}, which is not a class", t[row]);
        return Err(DataError::new(Code::E0508, message)
            .at_row(row as u64)
            .with_help("leave out `stratify`, which keeps the shares of classes"));
    }
    let mut values = t.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    Ok(t.iter().map(|value| values.partition_point(|other| other < value)).collect())
}

/// The first position of the largest number.
fn index_of_largest(row: &[f64]) -> usize {
    let mut best = 0;
    for (idx, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = idx;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_stands_at_the_label() {
        assert_eq!(one_hot(&[1.0, 0.0], 3).unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert!(one_hot(&[], 3).unwrap().is_empty());
    }

    #[test]
    fn a_label_without_room_names_its_row() {
        let error = one_hot(&[0.0, 3.0, 9.0], 3).unwrap_err();
        assert_eq!((error.code, error.row), (Code::E0508, Some(1)));
        assert_eq!(error.message, "row 1 of the target is 3, but one_hot(3) has room for 0 to 2");
        assert_eq!(error.helps, ["the largest class is 9: one_hot(10)"]);
    }

    #[test]
    fn a_label_that_is_no_index_is_refused() {
        for bad in [0.5, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(one_hot(&[0.0, 1.0, bad], 2).unwrap_err().row, Some(2), "{bad}");
        }
    }

    #[test]
    fn classes_come_from_labels_and_from_one_hot_rows() {
        assert_eq!(classes_of_rows(&[5.0, -1.0, 5.0, 7.0], 1).unwrap(), [1, 0, 1, 2]);
        assert_eq!(classes_of_rows(&one_hot(&[2.0, 0.0, 1.0], 3).unwrap(), 3).unwrap(), [2, 0, 1]);
        assert_eq!(classes_of_rows(&[1.0, 0.5], 1).unwrap_err().row, Some(1));
    }
}
