//! Pooling in squares that follow each other, or in runs of one row, the usual cases: without memory on the side.
#![allow(unsafe_code)] // Kernels for AVX2 are called where the CPU has it.

use super::max_window::{MaxWindows, better, gift};
#[cfg(target_arch = "x86_64")]
use crate::exec::jit::micro;
use crate::exec::jit::micro::Element;

/// Squares that follow each other on planes of two dimensions, or runs on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Squares {
    /// Rows and columns of a square: 2 or 3; of a run, 1 and 2 or 3.
    sides: [usize; 2],
    /// Whether the best element is the smallest one.
    smallest: bool,
    /// Where the first square begins in a plane, and elements in a row of it.
    first: usize,
    row: usize,
    /// Rows of squares, and squares in a row.
    n_rows: usize,
    n: usize,
}

/// A number whose rows of squares have kernels.
pub trait Pooled: Element {
    /// Writes the best elements of a row of squares of `H` by two; `false` if there is no kernel for so few, or for this CPU.
    fn pool_pairs<const H: usize>(rows: [&[Self]; H], to: &mut [Self], smallest: bool) -> bool;

    /// Gives `few` to the first best element of each of a row of squares; `false` as for `pool_pairs`.
    fn return_to_pairs<const H: usize>(rows: [&[Self]; H], few: &[Self], to: [&mut [Self]; H], smallest: bool) -> bool;
}

macro_rules! pooled {
    ($t:ident $([$lanes:literal $pool:ident $give_back:ident])+) => {
        impl Pooled for $t {
            #[allow(unused_variables, reason = "other architectures have no kernels")]
            fn pool_pairs<const H: usize>(rows: [&[$t]; H], to: &mut [$t], smallest: bool) -> bool {
                let n = to.len();
                assert!(rows.iter().all(|row| row.len() == 2 * n));
                $(
                    #[cfg(target_arch = "x86_64")]
                    if n >= $lanes && is_x86_feature_detected!("avx2") {
                        let kernel = if smallest { micro::$pool::<H, true> } else { micro::$pool::<H, false> };
                        // SAFETY: the CPU has AVX2; the slices have the lengths.
                        unsafe { kernel(rows.map(|row| row.as_ptr()), to.as_mut_ptr(), n) };
                        return true;
                    }
                )+
                false
            }

            #[allow(unused_variables, reason = "other architectures have no kernels")]
            fn return_to_pairs<const H: usize>(
                rows: [&[$t]; H],
                few: &[$t],
                to: [&mut [$t]; H],
                smallest: bool,
            ) -> bool {
                let n = few.len();
                assert!(rows.iter().all(|row| row.len() == 2 * n) && to.iter().all(|row| row.len() == 2 * n));
                $(
                    #[cfg(target_arch = "x86_64")]
                    if n >= $lanes && is_x86_feature_detected!("avx2") {
                        let kernel = if smallest { micro::$give_back::<H, true> } else { micro::$give_back::<H, false> };
                        let to = to.map(|row| row.as_mut_ptr());
                        // SAFETY: the CPU has AVX2; the slices have the lengths.
                        unsafe { kernel(rows.map(|row| row.as_ptr()), few.as_ptr(), to, n) };
                        return true;
                    }
                )+
                false
            }
        }
    };
}
pooled!(f32 [8 pool_f32 give_back_f32] [4 pool_f32_narrow give_back_f32_narrow]);
pooled!(f64 [4 pool_f64 give_back_f64]);

impl Squares {
    /// What windows are, if they are such squares.
    pub fn of(windows: &MaxWindows) -> Option<Squares> {
        let slabs = &windows.axes[0];
        Squares::of_slab(windows).filter(|_| slabs.size == 1 && slabs.covered == [(0, 1)])
    }

    /// What windows are on the last two axes, if they are such squares.
    pub fn of_slab(windows: &MaxWindows) -> Option<Squares> {
        let [_, rows, columns] = &windows.axes;
        let ((first_row, down), (first, across)) = (rows.whole?, columns.whole?);
        let has_kernel = (2..=3).contains(&across) && (down == across || down == 1);
        has_kernel.then_some(Squares {
            sides: [down, across],
            smallest: windows.smallest,
            first: first_row * columns.size + first,
            row: columns.size,
            n_rows: rows.covered.len(),
            n: columns.covered.len(),
        })
    }

    /// Writes the best element of every square of a plane.
    pub fn pool<T: Pooled>(&self, plane: &[T], to: &mut [T]) {
        match (self.sides, self.smallest) {
            ([1, 2], false) => self.pool_of::<T, false, 1, 2>(plane, to),
            ([1, 2], true) => self.pool_of::<T, true, 1, 2>(plane, to),
            ([1, _], false) => self.pool_of::<T, false, 1, 3>(plane, to),
            ([1, _], true) => self.pool_of::<T, true, 1, 3>(plane, to),
            ([2, _], false) => self.pool_of::<T, false, 2, 2>(plane, to),
            ([2, _], true) => self.pool_of::<T, true, 2, 2>(plane, to),
            (_, false) => self.pool_of::<T, false, 3, 3>(plane, to),
            (_, true) => self.pool_of::<T, true, 3, 3>(plane, to),
        }
    }

    /// Gives what comes back to a square to the first of its best elements, and nothing to the others.
    pub fn give_back<T: Pooled>(&self, plane: &[T], few: &[T], to: &mut [T]) {
        match (self.sides, self.smallest) {
            ([1, 2], false) => self.give_back_of::<T, false, 1, 2>(plane, few, to),
            ([1, 2], true) => self.give_back_of::<T, true, 1, 2>(plane, few, to),
            ([1, _], false) => self.give_back_of::<T, false, 1, 3>(plane, few, to),
            ([1, _], true) => self.give_back_of::<T, true, 1, 3>(plane, few, to),
            ([2, _], false) => self.give_back_of::<T, false, 2, 2>(plane, few, to),
            ([2, _], true) => self.give_back_of::<T, true, 2, 2>(plane, few, to),
            (_, false) => self.give_back_of::<T, false, 3, 3>(plane, few, to),
            (_, true) => self.give_back_of::<T, true, 3, 3>(plane, few, to),
        }
    }

    /// Where the `k`th row of a row of squares lies in a plane.
    fn line<const H: usize, const N: usize>(&self, row: usize, k: usize) -> std::ops::Range<usize> {
        let start = self.first + (row * H + k) * self.row;
        start..start + self.n * N
    }

    fn pool_of<T: Pooled, const SMALLEST: bool, const H: usize, const N: usize>(&self, plane: &[T], to: &mut [T]) {
        for (row, to) in to.chunks_exact_mut(self.n).enumerate() {
            let line = |k: usize| &plane[self.line::<H, N>(row, k)];
            if N == 2 && T::pool_pairs::<H>(std::array::from_fn(line), to, SMALLEST) {
                continue;
            }
            for (j, to) in to.iter_mut().enumerate() {
                let mut best = line(0)[N * j];
                for k in 0..H {
                    for &x in &line(k)[N * j..N * (j + 1)] {
                        best = better::<T, SMALLEST>(x, best);
                    }
                }
                *to = best;
            }
        }
    }

    fn give_back_of<T: Pooled, const SMALLEST: bool, const H: usize, const N: usize>(
        &self,
        plane: &[T],
        few: &[T],
        to: &mut [T],
    ) {
        if self.n_rows * self.n * H * N != to.len() {
            to.fill(T::ZERO);
        }
        for (row, few) in few.chunks_exact(self.n).enumerate() {
            let line = |k: usize| self.line::<H, N>(row, k);
            if N == 2 {
                let rows = std::array::from_fn(|k| &plane[line(k)]);
                let gifts = to.get_disjoint_mut(std::array::from_fn(line)).expect("rows are apart");
                if T::return_to_pairs::<H>(rows, few, gifts, SMALLEST) {
                    continue;
                }
            }
            for (j, &few) in few.iter().enumerate() {
                let square = |k: usize| line(k).start + N * j..line(k).start + N * (j + 1);
                let mut best = plane[square(0).start];
                for k in 0..H {
                    best = plane[square(k)].iter().fold(best, |best, &x| better::<T, SMALLEST>(x, best));
                }
                let mut left = few;
                for k in 0..H {
                    for (&x, to) in plane[square(k)].iter().zip(&mut to[square(k)]) {
                        *to = gift(x, best, &mut left);
                    }
                }
            }
        }
    }
}
