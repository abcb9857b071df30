//! Where the largest or smallest element of every window is.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use super::SHARED;
use super::max_window::{MaxWindows, before};
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// Writes the positions of all windows of a plane; of equal elements the first is the best.
fn positions<T: Copy + PartialOrd, const SMALLEST: bool>(windows: &MaxWindows, plane: &[T], to: &mut [i64]) {
    let columns = &windows.axes[2];
    for (covered, to) in windows.rows().zip(to.chunks_mut(columns.covered.len().max(1))) {
        for (&(column, n), to) in columns.covered.iter().zip(to) {
            let mut best = None;
            for row in covered.clone() {
                for place in (0..n).map(|k| row * columns.size + column + k * columns.dilation) {
                    let (at, largest) = best.unwrap_or((place, plane[place]));
                    // Without a branch, which nobody could foresee.
                    let wins = before::<T, SMALLEST>(plane[place], largest);
                    best = Some((if wins { place } else { at }, if wins { plane[place] } else { largest }));
                }
            }
            *to = best.map_or(0, |(at, _)| at) as i64;
        }
    }
}

/// The address of a function that writes where the best element of every window is.
pub fn arg_window_fn(dtype: DType) -> usize {
    /// # Safety
    /// The tensors have the shapes the description was made for; `to` may be written.
    unsafe extern "C" fn arg_window<T: Copy + PartialOrd>(
        shared: *const Shared,
        d: *const MaxWindows,
        from: Elements<T>,
        to: Elements<i64>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, d): (&Pool, &MaxWindows) = unsafe { (&*(*shared).pool, &*d) };
        let (from_step, to_step) = d.sizes();
        let n_parts = if d.planes * from_step < SHARED { 1 } else { pool.n_threads().min(d.planes) };
        pool.run(n_parts, &|part| {
            for plane in share(d.planes, 1, part, n_parts) {
                // SAFETY: the caller's promise; the planes are apart.
                let (from, to) = unsafe {
                    (
                        std::slice::from_raw_parts(from.after(plane * from_step).cast_const(), from_step),
                        std::slice::from_raw_parts_mut(to.after(plane * to_step), to_step),
                    )
                };
                if d.smallest { positions::<T, true>(d, from, to) } else { positions::<T, false>(d, from, to) }
            }
        });
    }
    match dtype {
        DType::F32 => arg_window::<f32> as *const () as usize,
        DType::F64 => arg_window::<f64> as *const () as usize,
        _ => arg_window::<i64> as *const () as usize,
    }
}
