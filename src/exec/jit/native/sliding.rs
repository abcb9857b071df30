//! Contractions of which one operand slides over the other.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use crate::exec::jit::micro::{Element, Sliding};
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// The address of a function that computes a contraction, by all threads if it is `shared`: takes what the run shares, the
/// description, A, B and C.
pub fn sliding_fn(dtype: DType, shared: bool) -> usize {
    /// # Safety
    /// The operands have the elements that the description names, and C overlaps none of them.
    unsafe extern "C" fn alone<T: Element>(
        _shared: *const Shared,
        sliding: *const Sliding,
        a: *const T,
        b: *const T,
        c: *mut T,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let (kernels, sliding) = (T::kernels(), &*sliding);
            kernels.sliding(sliding, [a, b], c, 0..kernels.n_pieces(sliding));
        }
    }
    /// # Safety
    /// As for `alone`.
    unsafe extern "C" fn together<T: Element>(
        shared: *const Shared,
        sliding: *const Sliding,
        a: Elements<T>,
        b: Elements<T>,
        c: Elements<T>,
    ) {
        // SAFETY: the caller's promise; the pieces of C are apart.
        let (pool, sliding): (&Pool, &Sliding) = unsafe { (&*(*shared).pool, &*sliding) };
        let kernels = T::kernels();
        let n = kernels.n_pieces(sliding);
        let n_parts = pool.n_threads().min(n);
        pool.run(n_parts, &|part| {
            let operands = [a.after(0).cast_const(), b.after(0).cast_const()];
            // SAFETY: the caller's promise, for the pieces of this part.
            unsafe { kernels.sliding(sliding, operands, c.after(0), share(n, 1, part, n_parts)) };
        });
    }
    let of = |single: usize, double: usize| if dtype == DType::F32 { single } else { double };
    if shared {
        of(together::<f32> as *const () as usize, together::<f64> as *const () as usize)
    } else {
        of(alone::<f32> as *const () as usize, alone::<f64> as *const () as usize)
    }
}
