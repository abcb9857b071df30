//! Pooling in cubes that follow each other: slab by slab as squares, of which the best is the best of the cube.

use super::max_window::{MaxWindows, better, gift};
use super::pool_square::{Pooled, Squares};

/// Cubes that follow each other on volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cubes {
    /// The squares of one slab.
    squares: Squares,
    smallest: bool,
    /// The slab with which the first cubes begin, and slabs of a cube.
    first: usize,
    depth: usize,
    /// Elements of a slab, and squares in it.
    slab: usize,
    n: usize,
}

impl Cubes {
    /// What windows are, if they are such cubes.
    pub fn of(windows: &MaxWindows) -> Option<Cubes> {
        let [slabs, rows, columns] = &windows.axes;
        let (first, depth) = slabs.whole.filter(|_| slabs.size > 1)?;
        let (slab, n) = (rows.size * columns.size, rows.covered.len() * columns.covered.len());
        let squares = Squares::of_slab(windows)?;
        Some(Cubes { squares, smallest: windows.smallest, first, depth, slab, n })
    }

    /// Where the `k`th slab of a row of cubes lies.
    fn slab(&self, row: usize, k: usize) -> std::ops::Range<usize> {
        let start = (self.first + row * self.depth + k) * self.slab;
        start..start + self.slab
    }

    /// Writes the best element of every cube of a volume.
    pub fn pool<T: Pooled>(&self, volume: &[T], to: &mut [T]) {
        T::with_scratch(self.n, |scratch| {
            for (row, to) in to.chunks_exact_mut(self.n).enumerate() {
                self.squares.pool(&volume[self.slab(row, 0)], to);
                let other = &mut scratch[..self.n];
                for k in 1..self.depth {
                    self.squares.pool(&volume[self.slab(row, k)], other);
                    self.keep_better(other, to);
                }
            }
        });
    }

    /// Gives what comes back to a cube to the first of its best elements, and nothing to the others.
    pub fn give_back<T: Pooled>(&self, volume: &[T], few: &[T], to: &mut [T]) {
        let n_rows = few.len() / self.n.max(1);
        if n_rows * self.depth * self.slab != to.len() {
            to.fill(T::ZERO);
        }
        let n = self.n;
        T::with_scratch((self.depth + 3) * n, |scratch| {
            let (of_slabs, rest) = scratch.split_at_mut(self.depth * n);
            let (best, rest) = rest.split_at_mut(n);
            let (left, rest) = rest.split_at_mut(n);
            let gifts = &mut rest[..n];
            for (row, few) in few.chunks_exact(n).enumerate() {
                for (k, of_slab) in of_slabs.chunks_exact_mut(n).enumerate() {
                    self.squares.pool(&volume[self.slab(row, k)], of_slab);
                    if k == 0 { best.copy_from_slice(of_slab) } else { self.keep_better(of_slab, best) }
                }
                left.copy_from_slice(few);
                for (k, of_slab) in of_slabs.chunks_exact(n).enumerate() {
                    // A slab gets what is meant for the cube if its best element is the cube's and those before had none such.
                    for (((to, left), &x), &best) in gifts.iter_mut().zip(&mut *left).zip(of_slab).zip(&*best) {
                        *to = gift(x, best, left);
                    }
                    let slab = self.slab(row, k);
                    self.squares.give_back(&volume[slab.clone()], gifts, &mut to[slab]);
                }
            }
        });
    }

    fn keep_better<T: Pooled>(&self, others: &[T], best: &mut [T]) {
        let pairs = best.iter_mut().zip(others);
        if self.smallest {
            pairs.for_each(|(best, &x)| *best = better::<T, true>(x, *best));
        } else {
            pairs.for_each(|(best, &x)| *best = better::<T, false>(x, *best));
        }
    }
}
