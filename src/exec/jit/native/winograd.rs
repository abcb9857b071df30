//! Convolutions with filters of 3×3 or 5×5, and the gradient of these.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use crate::exec::jit::micro::{Element, Winograd};
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// Runs `f` on ranges that the threads share, one range each.
fn each_range(pool: &Pool, n: usize, f: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
    let n_parts = pool.n_threads().min(n);
    pool.run(n_parts, &|part| f(share(n, 1, part, n_parts)));
}

/// The address of a function that computes a convolution; a block of squares is work enough for a thread. It takes what the run
/// shares, the description, filters, pictures and results.
pub fn winograd_fn(dtype: DType) -> usize {
    /// # Safety
    /// The operands have the elements that the description names, and the results overlap none of them.
    unsafe extern "C" fn convolve<T: Element>(
        shared: *const Shared,
        winograd: *const Winograd,
        filters: Elements<T>,
        pictures: Elements<T>,
        results: Elements<T>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, winograd): (&Pool, &Winograd) = unsafe { (&*(*shared).pool, &*winograd) };
        let kernels = T::kernels();
        each_range(pool, kernels.n_blocks(winograd), &|blocks| {
            let operands = [filters.after(0).cast_const(), pictures.after(0).cast_const()];
            // SAFETY: the caller's promise; the blocks are apart.
            unsafe { kernels.winograd(winograd, operands, results.after(0), blocks) };
        });
    }
    if dtype == DType::F32 { convolve::<f32> as *const () as usize } else { convolve::<f64> as *const () as usize }
}

/// The address of a function that computes the gradient of the filters: takes what the run shares, the description, what comes
/// back, pictures, where the gradient goes, and memory for sums.
pub fn winograd_gradient_fn(dtype: DType) -> usize {
    /// # Safety
    /// As for `convolve`; `sums` may be written for the numbers that the kernels ask for.
    unsafe extern "C" fn gradient<T: Element>(
        shared: *const Shared,
        winograd: *const Winograd,
        back: Elements<T>,
        pictures: Elements<T>,
        filters: Elements<T>,
        sums: Elements<T>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, winograd): (&Pool, &Winograd) = unsafe { (&*(*shared).pool, &*winograd) };
        let kernels = T::kernels();
        each_range(pool, kernels.n_sums(winograd), &|range| {
            for sum in range {
                let operands = [back.after(0).cast_const(), pictures.after(0).cast_const()];
                // SAFETY: the caller's promise; every sum has numbers of its own.
                unsafe { kernels.winograd_sum(winograd, operands, sums.after(0), sum) };
            }
        });
        each_range(pool, winograd.filters, &|range| {
            // SAFETY: the caller's promise; the filters are apart.
            unsafe { kernels.winograd_filters(winograd, sums.after(0), filters.after(0), range) };
        });
    }
    if dtype == DType::F32 { gradient::<f32> as *const () as usize } else { gradient::<f64> as *const () as usize }
}
