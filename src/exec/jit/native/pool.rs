//! Pooling: the largest or smallest element of every window, and what goes back to it.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use super::SHARED;
use super::max_window::MaxWindows;
use super::pool_any::{pool_plane, return_plane};
use super::pool_cube::Cubes;
use super::pool_square::{Pooled, Squares};
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// The kernels for some windows.
enum Kernels {
    Squares(Squares),
    Cubes(Cubes),
    Any,
}

impl Kernels {
    fn of(windows: &MaxWindows) -> Kernels {
        let squares = Squares::of(windows).map(Kernels::Squares);
        squares.or_else(|| Cubes::of(windows).map(Kernels::Cubes)).unwrap_or(Kernels::Any)
    }

    /// Writes the best element of every window of a plane.
    fn pool<T: Pooled>(&self, windows: &MaxWindows, plane: &[T], to: &mut [T]) {
        match self {
            Kernels::Squares(squares) => squares.pool(plane, to),
            Kernels::Cubes(cubes) => cubes.pool(plane, to),
            Kernels::Any if windows.smallest => pool_plane::<T, true>(windows, plane, to),
            Kernels::Any => pool_plane::<T, false>(windows, plane, to),
        }
    }

    /// Gives what comes back to a window to the first of its best elements; to no other.
    fn give_back<T: Pooled>(&self, windows: &MaxWindows, plane: &[T], few: &[T], to: &mut [T]) {
        match self {
            Kernels::Squares(squares) => squares.give_back(plane, few, to),
            Kernels::Cubes(cubes) => cubes.give_back(plane, few, to),
            Kernels::Any if windows.smallest => return_plane::<T, true>(windows, plane, few, to),
            Kernels::Any => return_plane::<T, false>(windows, plane, few, to),
        }
    }
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
        let kernels = Kernels::of(windows);
        each_plane(pool, windows, &|plane| {
            // SAFETY: the caller's promise; the planes are apart.
            let (from, to) = unsafe {
                (
                    std::slice::from_raw_parts(from.after(plane * n).cast_const(), n),
                    std::slice::from_raw_parts_mut(to.after(plane * n_windows), n_windows),
                )
            };
            kernels.pool(windows, from, to);
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
        let kernels = Kernels::of(windows);
        each_plane(pool, windows, &|plane| {
            // SAFETY: the caller's promise; the planes are apart.
            let (from, few, to) = unsafe {
                (
                    std::slice::from_raw_parts(from.after(plane * n).cast_const(), n),
                    std::slice::from_raw_parts(few.after(plane * n_windows).cast_const(), n_windows),
                    std::slice::from_raw_parts_mut(to.after(plane * n), n),
                )
            };
            kernels.give_back(windows, from, few, to);
        });
    }
    if dtype == DType::F32 { give_back::<f32> as *const () as usize } else { give_back::<f64> as *const () as usize }
}

#[cfg(test)]
mod tests;
