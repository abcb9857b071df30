//! Which rows go where: named parts and cross-validation folds, as lists of row indices.
//!
//! Randomness comes in as one permutation of all rows, drawn by the caller from the language's own generator; what
//! follows is arithmetic, so a split is a pure function of the permutation, the sizes and the classes.

use super::DataError;
use crate::source::Code;

/// A sum of fractions may exceed 1 by this much: 0.7 + 0.2 + 0.1 is not exactly 1 in binary.
const SLACK: f64 = 1e-9;

/// The rows of each named part, in the order of the permutation. No row is in two parts; fractions that sum to less
/// than 1 leave rows out.
///
/// A part has its fraction of the rows, rounded up or down so that the sizes add up. With `classes` (the class of each
/// row) the same holds within every class.
///
/// # Errors
/// E0508: no parts, a fraction outside (0, 1], fractions that sum to more than 1, a part without any row.
pub fn split(
    parts: &[(String, f64)],
    classes: Option<&[usize]>,
    order: &[usize],
) -> Result<Vec<(String, Vec<usize>)>, DataError> {
    let fractions = check_fractions(parts)?;
    let n_rows = order.len();
    let one_class = vec![0; n_rows];
    let class_of = classes.unwrap_or(&one_class);
    let sizes = sizes_by_class(&class_sizes(class_of), &fractions);

    // In the order of the permutation, each row takes a place in the first part that has one left for its class.
    let mut places = sizes;
    let mut rows_of = vec![Vec::new(); fractions.len()];
    for &row in order {
        let left = &mut places[class_of[row]];
        let part = left.iter().position(|&n| n > 0).expect("the places of a class add up to its rows");
        left[part] -= 1;
        rows_of[part].push(row);
    }
    if let Some(empty) = rows_of[..parts.len()].iter().position(Vec::is_empty) {
        let (name, fraction) = &parts[empty];
        return Err(DataError::new(Code::E0508, format!("`{name}` would be empty: {fraction} of {n_rows} rows")));
    }
    Ok(parts.iter().map(|(name, _)| name.clone()).zip(rows_of).collect())
}

/// The fractions, with what they leave out last.
fn check_fractions(parts: &[(String, f64)]) -> Result<Vec<f64>, DataError> {
    if parts.is_empty() {
        return Err(
            DataError::new(Code::E0508, "`split` needs at least one part").with_help("split(train = 0.8, test = 0.2)")
        );
    }
    if let Some((name, fraction)) = parts.iter().find(|(_, fraction)| !(*fraction > 0.0 && *fraction <= 1.0)) {
        return Err(DataError::new(Code::E0508, format!("`{name}` is {fraction}, which is not a fraction"))
            .with_help("fractions are greater than 0 and at most 1"));
    }
    let total: f64 = parts.iter().map(|(_, fraction)| fraction).sum();
    if total > 1.0 + SLACK {
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        // Ten digits hide that 0.8 + 0.3 is 1.1 only approximately.
        let shown = (total * 1e10).round() / 1e10;
        return Err(DataError::new(
            Code::E0508,
            format!("{} add up to {shown}, more than all rows", names.join(" + ")),
        ));
    }
    Ok(parts.iter().map(|(_, fraction)| *fraction).chain([(1.0 - total).max(0.0)]).collect())
}

/// How many rows there are of each class.
fn class_sizes(class_of: &[usize]) -> Vec<usize> {
    let mut sizes = vec![0; class_of.iter().max().map_or(0, |largest| largest + 1)];
    class_of.iter().for_each(|&class| sizes[class] += 1);
    sizes
}

/// For each class the rows each part gets. Within a class every size is its exact value rounded up or down and the sizes
/// add up; who is rounded up is decided by what each part is owed over this class and those before it, so that the
/// parts as a whole keep their fractions too.
fn sizes_by_class(class_sizes: &[usize], fractions: &[f64]) -> Vec<Vec<usize>> {
    let mut owed = vec![0.0; fractions.len()];
    let mut of_class = |&n_rows: &usize| {
        let exact: Vec<f64> = fractions.iter().map(|fraction| fraction * n_rows as f64).collect();
        let mut sizes: Vec<usize> = exact.iter().map(|size| (size + SLACK).floor() as usize).collect();
        for part in 0..sizes.len() {
            owed[part] += exact[part] - sizes[part] as f64;
        }
        let mut takers: Vec<usize> = (0..sizes.len()).filter(|&p| exact[p] - sizes[p] as f64 > SLACK).collect();
        takers.sort_by(|&a, &b| owed[b].total_cmp(&owed[a]));
        let left = n_rows - sizes.iter().sum::<usize>();
        for &part in &takers[..left] {
            sizes[part] += 1;
            owed[part] -= 1.0;
        }
        sizes
    };
    class_sizes.iter().map(&mut of_class).collect()
}

/// One turn of cross validation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fold {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows to score on; over all folds every row once.
    pub valid: Vec<usize>,
}

/// `k` folds whose sizes differ by at most one row; with `classes`, so do the rows of each class in them.
///
/// # Errors
/// E0508 unless 2 ≤ k ≤ the number of rows.
pub fn kfold(k: usize, classes: Option<&[usize]>, order: &[usize]) -> Result<Vec<Fold>, DataError> {
    let n_rows = order.len();
    if k < 2 || k > n_rows {
        return Err(DataError::new(Code::E0508, format!("{k} folds of {n_rows} rows"))
            .with_help("at least two folds, each with at least one row"));
    }
    // Rows are dealt like cards, one class after the other, so that neither folds nor classes get uneven.
    let mut dealt = order.to_vec();
    if let Some(class_of) = classes {
        dealt.sort_by_key(|&row| class_of[row]);
    }
    let mut fold_of = vec![0; n_rows];
    for (turn, &row) in dealt.iter().enumerate() {
        fold_of[row] = turn % k;
    }
    let fold = |idx: usize| {
        let (valid, train) = order.iter().copied().partition(|&row| fold_of[row] == idx);
        Fold { train, valid }
    };
    Ok((0..k).map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A permutation without structure: multiplication by a prime that does not divide `n`.
    fn order(n: usize) -> Vec<usize> {
        let step = if n.is_multiple_of(7919) { 104_729 } else { 7919 };
        (0..n).map(|i| (i * step + 5) % n).collect()
    }

    fn parts(fractions: &[(&str, f64)]) -> Vec<(String, f64)> {
        fractions.iter().map(|(name, fraction)| (name.to_string(), *fraction)).collect()
    }

    fn sizes(split: &[(String, Vec<usize>)]) -> Vec<usize> {
        split.iter().map(|(_, rows)| rows.len()).collect()
    }

    #[test]
    fn every_row_is_in_exactly_one_part() {
        let halves = split(&parts(&[("train", 0.8), ("test", 0.2)]), None, &order(1797)).unwrap();
        assert_eq!(sizes(&halves), [1438, 359]);
        let mut rows: Vec<usize> = halves.iter().flat_map(|(_, rows)| rows.clone()).collect();
        rows.sort();
        assert_eq!(rows, (0..1797).collect::<Vec<_>>());
        assert_ne!(halves[0].1[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "rows are shuffled");
    }

    #[test]
    fn sizes_add_up_for_awkward_fractions() {
        let thirds = 1.0 / 3.0;
        for n in 3..200 {
            let split = split(&parts(&[("a", thirds), ("b", thirds), ("c", thirds)]), None, &order(n)).unwrap();
            let sizes = sizes(&split);
            assert_eq!(sizes.iter().sum::<usize>(), n);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{n}: {sizes:?}");
        }
        assert_eq!(sizes(&split(&parts(&[("a", 0.7), ("b", 0.2), ("c", 0.1)]), None, &order(10)).unwrap()), [7, 2, 1]);
    }

    #[test]
    fn fractions_below_one_leave_rows_out() {
        assert_eq!(sizes(&split(&parts(&[("a", 0.25), ("b", 0.25)]), None, &order(10)).unwrap()), [3, 2]);
    }

    #[test]
    fn classes_keep_their_shares_within_one_row() {
        let n = 997;
        // Classes of very different sizes, one of them a single row.
        let class_of: Vec<usize> =
            (0..n).map(|i| if i == 500 { 3 } else { (i % 10 > 2) as usize + (i % 97 == 0) as usize }).collect();
        let totals = class_sizes(&class_of);
        let fractions = [("train", 0.6), ("valid", 0.15), ("test", 0.25)];
        let split = split(&parts(&fractions), Some(&class_of), &order(n)).unwrap();
        for ((name, rows), (_, fraction)) in split.iter().zip(fractions) {
            for (class, total) in totals.iter().enumerate() {
                let found = rows.iter().filter(|&&row| class_of[row] == class).count() as f64;
                assert!((found - fraction * *total as f64).abs() < 1.0, "{name}, class {class}: {found}");
            }
            assert!((rows.len() as f64 - fraction * n as f64).abs() <= 1.0, "{name}: {}", rows.len());
        }
        assert_eq!(sizes(&split).iter().sum::<usize>(), n);
    }

    #[test]
    fn parts_that_cannot_be_made_are_refused() {
        let message = |fractions: &[(&str, f64)], n| split(&parts(fractions), None, &order(n)).unwrap_err().message;
        assert_eq!(message(&[("train", 0.8), ("test", 0.3)], 10), "train + test add up to 1.1, more than all rows");
        assert_eq!(message(&[("train", 80.0)], 10), "`train` is 80, which is not a fraction");
        assert_eq!(message(&[("train", f64::NAN)], 10), "`train` is NaN, which is not a fraction");
        assert_eq!(message(&[("train", 0.9), ("test", 0.1)], 4), "`test` would be empty: 0.1 of 4 rows");
        assert_eq!(message(&[("train", 1.0)], 0), "`train` would be empty: 1 of 0 rows");
    }

    #[test]
    fn folds_cover_every_row_once() {
        let folds = kfold(5, None, &order(23)).unwrap();
        let mut seen: Vec<usize> = folds.iter().flat_map(|fold| fold.valid.clone()).collect();
        seen.sort();
        assert_eq!(seen, (0..23).collect::<Vec<_>>());
        for fold in &folds {
            assert!(matches!(fold.valid.len(), 4 | 5));
            assert_eq!(fold.train.len() + fold.valid.len(), 23);
            assert!(fold.train.iter().all(|row| !fold.valid.contains(row)));
        }
    }

    #[test]
    fn stratified_folds_share_every_class() {
        let class_of: Vec<usize> = (0..103).map(|i| usize::from(i % 4 == 0)).collect();
        for fold in kfold(4, Some(&class_of), &order(103)).unwrap() {
            let of_class_1 = fold.valid.iter().filter(|&&row| class_of[row] == 1).count();
            assert!(matches!(of_class_1, 6 | 7), "26 rows in 4 folds: {of_class_1}");
            assert!(matches!(fold.valid.len(), 25 | 26));
        }
    }

    #[test]
    fn folds_need_rows() {
        assert!(kfold(1, None, &order(5)).is_err());
        assert!(kfold(6, None, &order(5)).is_err());
        assert!(kfold(5, None, &order(5)).is_ok());
    }
}
