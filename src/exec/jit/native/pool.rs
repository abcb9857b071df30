//! Pooling: the largest or smallest element of every window, and what goes back to it.
//!
//! Row by row: what a row of windows covers is reduced to one row first, element by element, which fills registers.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use super::SHARED;
use super::max_window::{MaxWindows, better, gift};
use super::pool_cube::Cubes;
use super::pool_square::{Pooled, Squares};
use crate::exec::jit::micro::Element;
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// The best elements of a row of windows, which covers the rows that begin at `covered`; `column` is a row of memory.
fn best_of_row<T: Element, const SMALLEST: bool>(
    windows: &MaxWindows,
    plane: &[T],
    mut covered: impl Iterator<Item = usize>,
    column: &mut [T],
    to: &mut [T],
) {
    let columns = &windows.axes[2];
    let nothing = if SMALLEST { T::INFINITY } else { T::NEG_INFINITY };
    match covered.next() {
        Some(row) => column.copy_from_slice(&plane[row..row + columns.size]),
        None => column.fill(nothing),
    }
    for row in covered {
        for (old, &x) in column.iter_mut().zip(&plane[row..row + columns.size]) {
            *old = better::<T, SMALLEST>(x, *old);
        }
    }
    for (&(first, n), to) in columns.covered.iter().zip(to) {
        let covered = (0..n).map(|k| column[first + k * columns.dilation]);
        *to = covered.reduce(|old, x| better::<T, SMALLEST>(x, old)).unwrap_or(nothing);
    }
}

fn pool_plane<T: Element, const SMALLEST: bool>(windows: &MaxWindows, plane: &[T], to: &mut [T]) {
    let columns = &windows.axes[2];
    T::with_scratch(columns.size, |column| {
        for (covered, to) in windows.rows().zip(to.chunks_mut(columns.covered.len().max(1))) {
            best_of_row::<T, SMALLEST>(windows, plane, covered, &mut column[..columns.size], to);
        }
    });
}

/// Gives what comes back to a window to the first of its best elements; to no other.
fn return_plane<T: Element, const SMALLEST: bool>(windows: &MaxWindows, plane: &[T], few: &[T], to: &mut [T]) {
    let columns = &windows.axes[2];
    let n_windows = columns.covered.len();
    to.fill(T::ZERO);
    T::with_scratch(columns.size + 2 * n_windows, |scratch| {
        let (column, rest) = scratch.split_at_mut(columns.size);
        let (best, left) = rest.split_at_mut(n_windows);
        let left = &mut left[..n_windows];
        for (covered, few) in windows.rows().zip(few.chunks(n_windows.max(1))) {
            best_of_row::<T, SMALLEST>(windows, plane, covered.clone(), column, best);
            left.copy_from_slice(few);
            for row in covered {
                let (x, to) = (&plane[row..row + columns.size], &mut to[row..row + columns.size]);
                for ((&(first, n), &best), left) in columns.covered.iter().zip(&*best).zip(&mut *left) {
                    for at in (0..n).map(|k| first + k * columns.dilation) {
                        let gift = gift(x[at], best, left);
                        to[at] = to[at] + gift;
                    }
                }
            }
        }
    });
}

/// Calls `plane` for every plane, by all threads if that pays.
fn each_plane(pool: &Pool, windows: &MaxWindows, plane: &(dyn Fn(usize) + Sync)) {
    let n_parts = if windows.planes * windows.sizes().0 < SHARED { 1 } else { pool.n_threads().min(windows.planes) };
    pool.run(n_parts, &|part| share(windows.planes, 1, part, n_parts).for_each(plane));
}

/// The address of a function that writes the best element of every window.
pub fn pool_fn(dtype: DType) -> usize {
    /// # Safety
    /// The tensors have the shapes the description was made for; `to` may be written.
    unsafe extern "C" fn pool<T: Pooled>(
        shared: *const Shared,
        windows: *const MaxWindows,
        from: Elements<T>,
        to: Elements<T>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, windows): (&Pool, &MaxWindows) = unsafe { (&*(*shared).pool, &*windows) };
        let (n, n_windows) = windows.sizes();
        let (squares, cubes) = (Squares::of(windows), Cubes::of(windows));
        each_plane(pool, windows, &|plane| {
            // SAFETY: the caller's promise; the planes are apart.
            let (from, to) = unsafe {
                (
                    std::slice::from_raw_parts(from.after(plane * n).cast_const(), n),
                    std::slice::from_raw_parts_mut(to.after(plane * n_windows), n_windows),
                )
            };
            if let Some(squares) = &squares {
                squares.pool(from, to);
            } else if let Some(cubes) = &cubes {
                cubes.pool(from, to);
            } else if windows.smallest {
                pool_plane::<T, true>(windows, from, to);
            } else {
                pool_plane::<T, false>(windows, from, to);
            }
        });
    }
    if dtype == DType::F32 { pool::<f32> as *const () as usize } else { pool::<f64> as *const () as usize }
}

/// The address of a function that gives what comes back to every window to its best element: takes what the run shares, the
/// description, the tensor that was pooled, what comes back, and where it goes.
pub fn return_fn(dtype: DType) -> usize {
    /// # Safety
    /// The tensors have the shapes the description was made for; `to` may be written.
    unsafe extern "C" fn give_back<T: Pooled>(
        shared: *const Shared,
        windows: *const MaxWindows,
        from: Elements<T>,
        few: Elements<T>,
        to: Elements<T>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, windows): (&Pool, &MaxWindows) = unsafe { (&*(*shared).pool, &*windows) };
        let (n, n_windows) = windows.sizes();
        let (squares, cubes) = (Squares::of(windows), Cubes::of(windows));
        each_plane(pool, windows, &|plane| {
            // SAFETY: the caller's promise; the planes are apart.
            let (from, few, to) = unsafe {
                (
                    std::slice::from_raw_parts(from.after(plane * n).cast_const(), n),
                    std::slice::from_raw_parts(few.after(plane * n_windows).cast_const(), n_windows),
                    std::slice::from_raw_parts_mut(to.after(plane * n), n),
                )
            };
            if let Some(squares) = &squares {
                squares.give_back(from, few, to);
            } else if let Some(cubes) = &cubes {
                cubes.give_back(from, few, to);
            } else if windows.smallest {
                return_plane::<T, true>(windows, from, few, to);
            } else {
                return_plane::<T, false>(windows, from, few, to);
            }
        });
    }
    if dtype == DType::F32 { give_back::<f32> as *const () as usize } else { give_back::<f64> as *const () as usize }
}
