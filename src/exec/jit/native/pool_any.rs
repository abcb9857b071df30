//! Pooling in windows of any kind, that overlap, leave gaps or stick out.
//!
//! What a row of windows covers is reduced to one row first, element by element, which fills registers. Then the elements
//! of a row are laid apart by phases, every `stride`th one in a row of its own, so that registers are full from window to window too.

use super::max_window::{Axis, MaxWindows, better, gift};
use crate::exec::jit::micro::Element;

impl Axis {
    /// Elements of a phase; the last may have one less.
    fn phase(&self) -> usize {
        self.size.div_ceil(self.stride)
    }

    /// Lays the elements of a row apart.
    fn apart<T: Copy>(&self, row: &[T], phases: &mut [T]) {
        if self.stride == 1 {
            return phases.copy_from_slice(row);
        }
        for (phase, to) in phases.chunks_exact_mut(self.phase().max(1)).enumerate() {
            to.iter_mut().zip(row[phase.min(row.len())..].iter().step_by(self.stride)).for_each(|(to, &x)| *to = x);
        }
    }

    /// Puts them together again.
    fn together<T: Copy>(&self, phases: &[T], row: &mut [T]) {
        if self.stride == 1 {
            return row.copy_from_slice(phases);
        }
        for (phase, from) in phases.chunks_exact(self.phase().max(1)).enumerate() {
            let first = phase.min(row.len());
            row[first..].iter_mut().step_by(self.stride).zip(from).for_each(|(to, &x)| *to = x);
        }
    }
}

fn nothing<T: Element, const SMALLEST: bool>() -> T {
    if SMALLEST { T::INFINITY } else { T::NEG_INFINITY }
}

/// The best of each place of some rows of numbers.
fn best_of_rows<'a, T: Element, const SMALLEST: bool>(mut rows: impl Iterator<Item = &'a [T]>, best: &mut [T]) {
    match rows.next() {
        Some(row) => best.copy_from_slice(row),
        None => best.fill(nothing::<T, SMALLEST>()),
    }
    for row in rows {
        best.iter_mut().zip(row).for_each(|(best, &x)| *best = better::<T, SMALLEST>(x, *best));
    }
}

/// The best elements of a row of windows over a row whose phases are apart.
fn best_of_windows<T: Element, const SMALLEST: bool>(columns: &Axis, phases: &[T], best: &mut [T]) {
    best.fill(nothing::<T, SMALLEST>());
    for tap in &columns.taps {
        let from = &phases[tap.phase * columns.phase() + tap.from..];
        best[tap.windows.clone()].iter_mut().zip(from).for_each(|(best, &x)| *best = better::<T, SMALLEST>(x, *best));
    }
}

/// Writes the best element of every window of a plane.
pub fn pool_plane<T: Element, const SMALLEST: bool>(windows: &MaxWindows, plane: &[T], to: &mut [T]) {
    let columns = &windows.axes[2];
    let (size, apart) = (columns.size, columns.phase() * columns.stride);
    T::with_scratch(size + apart, |scratch| {
        let (row, rest) = scratch.split_at_mut(size);
        let phases = &mut rest[..apart];
        for (covered, to) in windows.rows().zip(to.chunks_mut(columns.covered.len().max(1))) {
            best_of_rows::<T, SMALLEST>(covered.map(|row| &plane[row * size..][..size]), row);
            columns.apart(row, phases);
            best_of_windows::<T, SMALLEST>(columns, phases, to);
        }
    });
}

/// Gives what comes back to a window to the first of its best elements; to no other.
pub fn return_plane<T: Element, const SMALLEST: bool>(windows: &MaxWindows, plane: &[T], few: &[T], to: &mut [T]) {
    let columns = &windows.axes[2];
    let (size, apart, n) = (columns.size, columns.phase() * columns.stride, columns.covered.len());
    let n_rows = plane.len() / size.max(1);
    T::with_scratch((2 * n_rows + 1) * apart + 2 * n, |scratch| {
        let (xs, rest) = scratch.split_at_mut(n_rows * apart);
        let (gifts, rest) = rest.split_at_mut(n_rows * apart);
        let (row_best, rest) = rest.split_at_mut(apart);
        let (best, rest) = rest.split_at_mut(n);
        let left = &mut rest[..n];
        for (row, phases) in plane.chunks_exact(size.max(1)).zip(xs.chunks_exact_mut(apart.max(1))) {
            columns.apart(row, phases);
        }
        gifts.fill(T::ZERO);
        for (covered, few) in windows.rows().zip(few.chunks(n.max(1))) {
            best_of_rows::<T, SMALLEST>(covered.clone().map(|row| &xs[row * apart..][..apart]), row_best);
            best_of_windows::<T, SMALLEST>(columns, row_best, best);
            left.copy_from_slice(few);
            for row in covered {
                let (xs, gifts) = (&xs[row * apart..][..apart], &mut gifts[row * apart..][..apart]);
                for tap in &columns.taps {
                    let first = tap.phase * columns.phase() + tap.from;
                    let of_windows = best[tap.windows.clone()].iter().zip(&mut left[tap.windows.clone()]);
                    for ((&x, to), (&best, left)) in xs[first..].iter().zip(&mut gifts[first..]).zip(of_windows) {
                        *to = *to + gift(x, best, left);
                    }
                }
            }
        }
        for (phases, row) in gifts.chunks_exact(apart.max(1)).zip(to.chunks_exact_mut(size.max(1))) {
            columns.together(phases, row);
        }
    });
}
