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
    axes: Vec<Axis>,
    /// Elements of the result.
    to: usize,
    /// Whether all positions of the first axis stay where they are, so that threads can share them.
    is_shared: bool,
}

/// What is copied along an axis: runs of bytes, or what the axes behind it say.
struct Axis {
    n: usize,
    /// Where the first lies in the argument and in the result, and from one to the next, in bytes.
    first: [usize; 2],
    step: [usize; 2],
    /// Bytes from one to the next in both, if nothing is between them, and nothing changes behind them.
    run: Option<usize>,
    /// Positions of the result.
    to: usize,
}

impl Padding {
    /// Of an argument of this shape, whose sizes are numbers.
    pub fn new(pad: &Pad, dtype: DType, shape: &[usize]) -> Padding {
        let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
        let size = dtype.size_bytes();
        let mut axes = vec![];
        let (mut from_step, mut to_step, mut is_same) = (size, size, true);
        for (axis, &from) in pad.axes.iter().zip(shape).rev() {
            let (lo, step) = (number(&axis.lo), axis.interior + 1);
            let width = if from == 0 { 0 } else { (from as i64 - 1) * step + 1 };
            let to = usize::try_from(width + lo + number(&axis.hi)).unwrap_or(0);
            // A negative number is cut off.
            let place = |idx: usize| usize::try_from(lo + idx as i64 * step).ok().filter(|&place| place < to);
            let start = (0..from).find(|&idx| place(idx).is_some()).unwrap_or(from);
            let n = (start..from).take_while(|&idx| place(idx).is_some()).count();
            axes.push(Axis {
                n,
                first: [start * from_step, place(start).unwrap_or(0) * to_step],
                step: [from_step, step as usize * to_step],
                run: (step == 1 && is_same).then_some(to_step),
                to,
            });
            is_same &= step == 1 && lo == 0 && to == from;
            (from_step, to_step) = (from_step * from, to_step * to);
        }
        axes.reverse();
        let is_shared =
            axes.first().is_some_and(|axis| axis.n == axis.to && axis.first == [0, 0] && axis.n == shape[0]);
        let mut value = [0; 8];
        match dtype {
            DType::F32 => value[..4].copy_from_slice(&(pad.value as f32).to_ne_bytes()),
            DType::F64 => value = pad.value.to_ne_bytes(),
            DType::Bool => value[0] = u8::from(pad.value != 0.0),
            DType::I64 | DType::Key => value = (pad.value as i64).to_ne_bytes(),
        }
        Padding { size, value, axes, to: to_step / size, is_shared }
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
        // SAFETY: the caller's promise; what is copied are positions of the argument and of the result.
        unsafe {
            let (from, to) = (from.add(here.first[0]), to.add(here.first[1]));
            if let Some(bytes) = here.run {
                return std::ptr::copy_nonoverlapping(from, to, here.n * bytes);
            }
            for idx in 0..here.n {
                self.write(axis + 1, from.add(idx * here.step[0]), to.add(idx * here.step[1]));
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
    let (from, to) = (Elements(from.cast_mut()), Elements(to));
    let first = padding.axes.first().filter(|_| padding.is_shared && padding.to >= SHARED);
    let Some(first) = first else {
        // SAFETY: the caller's promise.
        return unsafe {
            padding.fill(to.after(0), padding.to);
            padding.write(0, from.after(0), to.after(0));
        };
    };
    let n_parts = pool.n_threads().min(first.to);
    pool.run(n_parts, &|part| {
        for idx in share(first.to, 1, part, n_parts) {
            // SAFETY: the caller's promise; every position is written by one thread.
            unsafe {
                let at = to.after(idx * first.step[1]);
                padding.fill(at, padding.to / first.to);
                padding.write(1, from.after(idx * first.step[0]), at);
            }
        }
    });
}
