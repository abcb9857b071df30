//! Elements taken from, and added up at, positions that are computed.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SHARED;
use crate::exec::jit::emit::status;
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::tensor::DType;

/// Tensors `index: [batches, n]`, `few: [batches, n, inner]` and `all: [batches, size, inner]`.
pub struct Scatter {
    batches: usize,
    n: usize,
    size: usize,
    inner: usize,
}

impl Scatter {
    /// Of an index and elements of these shapes, of which the first axes are batches, and so many positions.
    pub fn new(batch_axes: usize, index: &[usize], few: &[usize], size: usize) -> Scatter {
        let count = |shape: &[usize]| shape.iter().product();
        Scatter {
            batches: count(&index[..batch_axes]),
            n: count(&index[batch_axes..]),
            size,
            inner: count(&few[index.len()..]),
        }
    }

    /// Runs `batch` for every batch, whose positions are all in range; gives a status.
    ///
    /// # Safety
    /// `index` may be read for its elements.
    unsafe fn each(&self, shared: *const Shared, index: *const i64, batch: &(dyn Fn(usize, &[i64]) + Sync)) -> i64 {
        // SAFETY: the caller's promise.
        let (pool, index): (&Pool, &[i64]) =
            unsafe { (&*(*shared).pool, std::slice::from_raw_parts(index, self.batches * self.n)) };
        let outside = AtomicBool::new(false);
        let one = |which: usize| {
            let index = &index[which * self.n..(which + 1) * self.n];
            if index.iter().all(|&idx| usize::try_from(idx).is_ok_and(|idx| idx < self.size)) {
                batch(which, index);
            } else {
                outside.store(true, Ordering::Relaxed);
            }
        };
        let elements = self.batches * (self.size + self.n) * self.inner;
        let n_parts = if elements < SHARED { 1 } else { pool.n_threads().min(self.batches) };
        pool.run(n_parts, &|part| share(self.batches, 1, part, n_parts).for_each(one));
        if outside.into_inner() { status::FAULT } else { status::DONE }
    }
}

/// The address of a function that adds the elements `few` up at the positions of `all`, which begins with zeros.
pub fn scatter_fn(dtype: DType) -> usize {
    /// # Safety
    /// The tensors have the shapes of the description; `all` may be written.
    unsafe extern "C" fn scatter<T: Copy + Default + AddAssign>(
        shared: *const Shared,
        d: *const Scatter,
        index: *const i64,
        few: Elements<T>,
        all: Elements<T>,
    ) -> i64 {
        // SAFETY: the caller's promise; the batches are apart.
        unsafe {
            let d = &*d;
            d.each(shared, index, &|batch, index| {
                let to = std::slice::from_raw_parts_mut(all.after(batch * d.size * d.inner), d.size * d.inner);
                to.fill(T::default());
                let from = std::slice::from_raw_parts(few.after(batch * d.n * d.inner), d.n * d.inner);
                if d.inner == 1 {
                    for (&idx, &from) in index.iter().zip(from) {
                        to[idx as usize] += from;
                    }
                    return;
                }
                for (k, &idx) in index.iter().enumerate() {
                    let to = &mut to[idx as usize * d.inner..][..d.inner];
                    to.iter_mut().zip(&from[k * d.inner..]).for_each(|(to, &from)| *to += from);
                }
            })
        }
    }
    match dtype {
        DType::F32 => scatter::<f32> as *const () as usize,
        DType::F64 => scatter::<f64> as *const () as usize,
        _ => scatter::<i64> as *const () as usize,
    }
}

/// The address of a function that copies the elements of `all` at the positions to `few`, for elements of so many bytes.
pub fn gather_fn(bytes: usize) -> usize {
    /// # Safety
    /// The tensors have the shapes of the description; `few` may be written.
    unsafe extern "C" fn gather<T: Copy>(
        shared: *const Shared,
        d: *const Scatter,
        index: *const i64,
        few: Elements<T>,
        all: Elements<T>,
    ) -> i64 {
        // SAFETY: the caller's promise; the batches are apart.
        unsafe {
            let d = &*d;
            d.each(shared, index, &|batch, index| {
                let from = std::slice::from_raw_parts(all.after(batch * d.size * d.inner), d.size * d.inner);
                let to = std::slice::from_raw_parts_mut(few.after(batch * d.n * d.inner), d.n * d.inner);
                for (k, &idx) in index.iter().enumerate() {
                    to[k * d.inner..][..d.inner].copy_from_slice(&from[idx as usize * d.inner..][..d.inner]);
                }
            })
        }
    }
    match bytes {
        1 => gather::<u8> as *const () as usize,
        4 => gather::<u32> as *const () as usize,
        _ => gather::<u64> as *const () as usize,
    }
}
