//! A tensor copied into a larger one.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use super::SHARED;
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::ir::op::Pad;
use crate::tensor::DType;

/// How a tensor is copied into a larger one.
pub struct Padding {
    /// The bytes of an element, and one as it is filled in.
    size: usize,
    value: [u8; 8],
    /// For every axis: positions of the argument, positions of the result, where the first goes, from one to the next. A negative
    /// first position is cut off.
    axes: Vec<Axis>,
}

struct Axis {
    from: usize,
    to: usize,
    first: i64,
    step: i64,
}

impl Axis {
    /// The positions of the argument that lie in the result.
    fn kept(&self) -> std::ops::Range<usize> {
        let within = |idx: &usize| (0..self.to as i64).contains(&(self.first + *idx as i64 * self.step));
        let start = (0..self.from).find(within).unwrap_or(self.from);
        let len = (start..self.from).take_while(within).count();
        start..start + len
    }
}

impl Padding {
    /// Of an argument of this shape, whose sizes are numbers.
    pub fn new(pad: &Pad, dtype: DType, shape: &[usize]) -> Padding {
        let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
        let axis = |(axis, &from): (&crate::ir::op::PadAxis, &usize)| {
            let (lo, step) = (number(&axis.lo), axis.interior + 1);
            let width = if from == 0 { 0 } else { (from as i64 - 1) * step + 1 };
            Axis { from, to: usize::try_from(width + lo + number(&axis.hi)).unwrap_or(0), first: lo, step }
        };
        let mut value = [0; 8];
        match dtype {
            DType::F32 => value[..4].copy_from_slice(&(pad.value as f32).to_ne_bytes()),
            DType::F64 => value = pad.value.to_ne_bytes(),
            DType::Bool => value[0] = u8::from(pad.value != 0.0),
            DType::I64 | DType::Key => value = (pad.value as i64).to_ne_bytes(),
        }
        Padding { size: dtype.size_bytes(), value, axes: pad.axes.iter().zip(shape).map(axis).collect() }
    }

    /// Writes the axes from `axis` on.
    ///
    /// # Safety
    /// `from` may be read and `to` written for the elements of these axes.
    unsafe fn write(&self, axis: usize, from: *const u8, to: *mut u8) {
        let Some(here) = self.axes.get(axis) else {
            // SAFETY: the caller's promise, for one element.
            return unsafe { std::ptr::copy_nonoverlapping(from, to, self.size) };
        };
        let inside = |of: fn(&Axis) -> usize| self.axes[axis + 1..].iter().map(of).product::<usize>() * self.size;
        let (from_step, to_step) = (inside(|axis| axis.from), inside(|axis| axis.to));
        let kept = here.kept();
        let place = |idx: usize| (here.first + idx as i64 * here.step) as usize * to_step;
        // SAFETY: the caller's promise; the places kept are positions of the result.
        unsafe {
            if here.step == 1 && from_step == to_step {
                if !kept.is_empty() {
                    let n = kept.len() * to_step;
                    std::ptr::copy_nonoverlapping(from.add(kept.start * from_step), to.add(place(kept.start)), n);
                }
                return;
            }
            for idx in kept {
                self.write(axis + 1, from.add(idx * from_step), to.add(place(idx)));
            }
        }
    }

    /// # Safety
    /// `to` may be written for `n` elements.
    unsafe fn fill(&self, to: *mut u8, n: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.value[..self.size].iter().all(|&byte| byte == 0) {
                return std::ptr::write_bytes(to, 0, n * self.size);
            }
            match self.size {
                8 => std::slice::from_raw_parts_mut(to.cast::<[u8; 8]>(), n).fill(self.value),
                4 => {
                    let value = [self.value[0], self.value[1], self.value[2], self.value[3]];
                    std::slice::from_raw_parts_mut(to.cast::<[u8; 4]>(), n).fill(value);
                }
                _ => std::ptr::write_bytes(to, self.value[0], n),
            }
        }
    }
}

/// Copies a tensor into a larger one.
///
/// # Safety
/// `from` may be read and `to` written for the elements of the shapes that `padding` was made for.
pub unsafe extern "C" fn pad(shared: *const Shared, padding: *const Padding, from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise.
    let (pool, padding): (&Pool, &Padding) = unsafe { (&*(*shared).pool, &*padding) };
    let count = |of: fn(&Axis) -> usize, axes: &[Axis]| axes.iter().map(of).product::<usize>();
    let n = count(|axis| axis.to, &padding.axes);
    let (from, to) = (Elements(from.cast_mut()), Elements(to));
    // An axis whose positions stay where they are is one that threads can share.
    let shared = padding.axes.first().filter(|axis| axis.from == axis.to && axis.first == 0 && axis.step == 1);
    let Some(first) = shared.filter(|_| n >= SHARED) else {
        // SAFETY: the caller's promise.
        return unsafe {
            padding.fill(to.after(0), n);
            padding.write(0, from.after(0), to.after(0));
        };
    };
    let (from_step, to_step) =
        (count(|axis| axis.from, &padding.axes[1..]) * padding.size, count(|axis| axis.to, &padding.axes[1..]));
    let n_parts = pool.n_threads().min(first.to);
    pool.run(n_parts, &|part| {
        for idx in share(first.to, 1, part, n_parts) {
            // SAFETY: the caller's promise; every position is written by one thread.
            unsafe {
                let at = to.after(idx * to_step * padding.size);
                padding.fill(at, to_step);
                padding.write(1, from.after(idx * from_step), at);
            }
        }
    });
}
