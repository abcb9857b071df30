//! Matrix products, alone and by all threads.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use crate::exec::jit::micro::{self, Descriptor};
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};

/// Rows of a part of a product that is cut into more parts than there are threads.
const MANY_ROWS: usize = 128;
/// Pieces in which the rows and columns of a product are shared, so that tiles stay whole.
const ROWS: usize = 16;
const COLUMNS: usize = 48;

/// The address of a matrix product that all threads share: takes what the run shares, the descriptor, A, B, a bias or null, C,
/// and memory for [`micro::scratch_len`] numbers.
pub fn product_fn<T: micro::Element>() -> usize {
    /// # Safety
    /// As for [`micro::GemmFn`].
    unsafe extern "C" fn product<T: micro::Element>(
        shared: *const Shared,
        d: *const Descriptor<T>,
        a: Elements<T>,
        b: Elements<T>,
        bias: Elements<T>,
        c: Elements<T>,
        scratch: Elements<T>,
    ) {
        // SAFETY: the caller's promise; the parts of C are apart.
        let (pool, d) = unsafe { (&*(*shared).pool, &*d) };
        let kernels = T::kernels();
        // An element of C depends on its operands only, so it does not matter where C is cut.
        // Loops over the elements are cut by rows, so a thread then finds its rows in its cache.
        let largest = |n: usize, unit: usize| share(n, unit, 0, pool.n_threads()).len();
        let is_even = || largest(d.m, ROWS) * d.n <= largest(d.n, COLUMNS) * d.m;
        let by_rows = d.m >= d.n || d.m >= 4 * ROWS * pool.n_threads() || is_even();
        let (n, unit) = if by_rows { (d.m, ROWS) } else { (d.n, COLUMNS) };
        let n_parts = pool.n_threads().min(n.div_ceil(unit));
        if by_rows
            && n_parts > 1
            && let Some(stages) = kernels.shared_stages(d)
        {
            // Where there are many rows, more parts than threads: one that is held up leaves its parts to the others.
            let n_parts = (d.m / MANY_ROWS).clamp(n_parts, (4 * n_parts).min(Pool::MOST_PARTS));
            for stage in stages {
                let n_panels = stage.n_panels();
                pool.run(pool.n_threads(), &|part| {
                    let panels = share(n_panels, 1, part, pool.n_threads());
                    // SAFETY: the caller's promise; every panel is written by one thread.
                    unsafe { stage.pack(b.after(0), scratch.after(0), panels) };
                });
                pool.run(n_parts, &|part| {
                    let rows = share(d.m, ROWS, part, n_parts);
                    T::with_scratch(stage.scratch_len(), |own| {
                        let operands = [a, b, bias].map(|operand| operand.after(0).cast_const());
                        // SAFETY: the caller's promise; the rows are those of this part, and its scratch its own.
                        unsafe { stage.rows(operands, scratch.after(0), c.after(0), rows, own.as_mut_ptr()) };
                    });
                });
            }
            return;
        }
        pool.run(n_parts, &|part| {
            let range = share(n, unit, part, n_parts);
            if range.is_empty() {
                return;
            }
            let (mut part, first) = (*d, range.start);
            let beyond = if by_rows {
                part.m = range.len();
                [first * d.a.row, 0, 0, first * d.c_row]
            } else {
                part.n = range.len();
                [0, first * d.b.column, if bias.is_null() { 0 } else { first }, first]
            };
            T::with_scratch(kernels.scratch_len(&part), |own| {
                let [a, b] = [a.after(beyond[0]), b.after(beyond[1])];
                let [bias, c] = [bias.after(beyond[2]), c.after(beyond[3])];
                // SAFETY: the part names elements of the whole, and the scratch is this thread's own.
                unsafe { kernels.gemm_raw(&part, a, b, bias, c, own.as_mut_ptr()) }
            });
        });
    }
    product::<T> as *const () as usize
}

/// The address of [`micro::gemm_fn`] with memory of the thread that calls it.
pub fn product_of_thread_fn<T: micro::Element>() -> usize {
    /// # Safety
    /// As for [`micro::GemmFn`]; `_scratch` may be anything.
    unsafe extern "C" fn product<T: micro::Element>(
        d: *const Descriptor<T>,
        a: *const T,
        b: *const T,
        bias: *const T,
        c: *mut T,
        _scratch: *mut T,
    ) {
        // SAFETY: the caller's promise; the scratch memory is this thread's own.
        unsafe {
            let (kernels, d) = (T::kernels(), &*d);
            let len = kernels.scratch_len(d);
            if len == 0 {
                return kernels.gemm_raw(d, a, b, bias, c, std::ptr::null_mut());
            }
            T::with_scratch(len, |scratch| kernels.gemm_raw(d, a, b, bias, c, scratch.as_mut_ptr()));
        }
    }
    product::<T> as *const () as usize
}
