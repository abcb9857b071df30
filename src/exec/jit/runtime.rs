//! What compiled code calls, and how it sees tensors.
//!
//! Nothing here panics into compiled code: a kernel that fails gives a status, and the interpreter finds out why.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;

use super::emit::status;
use super::pool::{Pool, share};
use crate::ir::op::{Dist, Fault, Frame, Op};
use crate::ir::{Dim, FuncId, Symbol};
use crate::tensor::{DType, Drawn, Element, Key, Tensor, Whole};

/// What a run shares with all functions of the code.
#[repr(C)]
pub struct Shared {
    /// Whether the user asked to stop; emitted code knows that this is the first field.
    pub interrupt: *const AtomicBool,
    /// The threads.
    pub pool: *const Pool,
}

/// An op that the interpreter's kernels compute, and the types of what it takes and gives.
pub struct Site {
    pub op: Op,
    pub args: Vec<(DType, Vec<usize>)>,
    pub results: Vec<(DType, Vec<usize>)>,
}

/// Where the elements of a tensor lie.
pub fn address(tensor: &Tensor) -> *const u8 {
    match tensor.dtype() {
        DType::F32 => tensor.as_slice::<f32>().as_ptr().cast(),
        DType::F64 => tensor.as_slice::<f64>().as_ptr().cast(),
        DType::I64 => tensor.as_slice::<i64>().as_ptr().cast(),
        DType::Bool => tensor.as_slice::<bool>().as_ptr().cast(),
        DType::Key => tensor.as_slice::<Key>().as_ptr().cast(),
    }
}

/// A tensor of the elements at an address.
///
/// # Safety
/// As many elements of this type as the shape has may be read there.
pub unsafe fn tensor_at(dtype: DType, shape: &[usize], at: *const u8) -> Tensor {
    /// # Safety
    /// As above.
    unsafe fn of<T: Element>(shape: &[usize], at: *const u8) -> Tensor {
        let len = shape.iter().product();
        let mut elements: Vec<T> = Vec::with_capacity(len);
        // SAFETY: the caller's promise; the vector has room for as many, and elements are plain bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(at.cast(), elements.as_mut_ptr(), len);
            elements.set_len(len);
        }
        Tensor::from_vec(elements, shape)
    }
    // SAFETY: passed on.
    unsafe {
        match dtype {
            DType::F32 => of::<f32>(shape, at),
            DType::F64 => of::<f64>(shape, at),
            DType::I64 => of::<i64>(shape, at),
            DType::Bool => of::<bool>(shape, at),
            DType::Key => of::<Key>(shape, at),
        }
    }
}

/// Ops see no sizes but those they were given as numbers.
struct Numbers;

impl Frame for Numbers {
    fn offset(&self, dim: &Dim) -> i64 {
        dim.as_const().expect("specialise gave every size a number")
    }

    fn bind(&mut self, _: &Symbol, _: usize) {}

    fn call(&mut self, _: FuncId, _: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
        unreachable!("ops with functions are compiled")
    }

    fn poll(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn reserve(&self, _: DType, _: &[usize]) -> Result<(), Fault> {
        Ok(())
    }

    fn n_results(&self, _: FuncId) -> usize {
        unreachable!("ops with functions are compiled")
    }

    fn result_type(&self, _: FuncId, _: usize) -> (DType, Vec<usize>) {
        unreachable!("ops with functions are compiled")
    }
}

/// Runs the interpreter's kernel of an op.
///
/// # Safety
/// The tables have as many pointers as the site has arguments and results, to tensors of these types.
pub unsafe extern "C" fn kernel(site: *const Site, args: *const *const u8, results: *const *mut u8) -> i64 {
    // SAFETY: the caller's promise.
    let site = unsafe { &*site };
    let run = || {
        let args = site.args.iter().enumerate().map(|(idx, (dtype, shape))| {
            // SAFETY: the caller's promise.
            unsafe { tensor_at(*dtype, shape, *args.add(idx)) }
        });
        site.op.rule().eval(args.collect(), &mut Numbers)
    };
    let Ok(Ok(values)) = catch_unwind(AssertUnwindSafe(run)) else { return status::FAULT };
    for (idx, (value, (dtype, shape))) in values.iter().zip(&site.results).enumerate() {
        if value.dtype() != *dtype || value.shape() != shape {
            return status::FAULT;
        }
        // SAFETY: the caller's promise; the value has the type of the result.
        unsafe { std::ptr::copy_nonoverlapping(address(value), *results.add(idx), value.nbytes()) };
    }
    status::DONE
}

/// Fills bytes with zeros.
///
/// # Safety
/// `n` bytes may be written there.
pub unsafe extern "C" fn zero(to: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::write_bytes(to, 0, n) };
}

/// Elements that threads share.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Elements<T>(pub *mut T);

// SAFETY: what threads do with the elements is theirs to make safe.
unsafe impl<T> Sync for Elements<T> {}

impl<T> Elements<T> {
    /// Whether there are none.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The place of the element `n` further on.
    pub fn after(&self, n: usize) -> *mut T {
        self.0.wrapping_add(n)
    }
}

/// A part of a loop as compiled code: from a turn to another.
type Part = unsafe extern "C" fn(shared: *const Shared, frame: *mut u8, from: usize, to: usize);

/// Shares the turns of a loop among the threads.
///
/// # Safety
/// The turns write apart from each other.
pub unsafe extern "C" fn parallel(shared: *const Shared, frame: *mut u8, part: Part, count: usize) {
    // SAFETY: the caller's promise.
    let pool = unsafe { &*(*shared).pool };
    let (shared, frame) = (Elements(shared.cast_mut()), Elements(frame));
    let n_parts = pool.n_threads().min(count);
    pool.run(n_parts, &|which| {
        let range = share(count, 1, which, n_parts);
        if !range.is_empty() {
            // SAFETY: the caller's promise.
            unsafe { part(shared.after(0), frame.after(0), range.start, range.end) };
        }
    });
}

/// Copies bytes.
///
/// # Safety
/// `n` bytes may be read and written there.
pub unsafe extern "C" fn copy(to: *mut u8, from: *const u8, n: usize) {
    if !std::ptr::eq(to, from) {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy(from, to, n) };
    }
}

/// A key of a key and an int.
///
/// # Safety
/// All may be read, `to` written.
pub unsafe extern "C" fn fold(key: *const Key, data: *const i64, to: *mut Key) {
    // SAFETY: the caller's promise.
    unsafe { *to = (*key).fold(*data as u64) };
}

/// The address of a function that draws `n` reals with a key.
pub fn draw_fn(dist: Dist, dtype: DType) -> usize {
    /// # Safety
    /// `key` may be read, `to` written for `n` reals.
    unsafe extern "C" fn uniform<T: Drawn>(key: *const Key, to: *mut T, n: usize) {
        // SAFETY: the caller's promise.
        unsafe { T::draw_uniform(*key, std::slice::from_raw_parts_mut(to, n)) };
    }
    /// # Safety
    /// `key` may be read, `to` written for `n` reals.
    unsafe extern "C" fn normal<T: Drawn>(key: *const Key, to: *mut T, n: usize) {
        // SAFETY: the caller's promise.
        unsafe { T::draw_normal(*key, std::slice::from_raw_parts_mut(to, n)) };
    }
    match (dist, dtype) {
        (Dist::Normal, DType::F32) => normal::<f32> as *const () as usize,
        (Dist::Normal, _) => normal::<f64> as *const () as usize,
        (_, DType::F32) => uniform::<f32> as *const () as usize,
        _ => uniform::<f64> as *const () as usize,
    }
}

/// Copies `n` of `total` rows, from the row `*start` on.
///
/// # Safety
/// `from` has `total` rows, `to` has room for `n`.
pub unsafe extern "C" fn copy_rows(
    from: *const u8,
    start: *const i64,
    to: *mut u8,
    total: usize,
    n: usize,
    row: usize,
) -> i64 {
    // SAFETY: the caller's promise; the rows lie among those there are.
    unsafe {
        match usize::try_from(*start) {
            Ok(start) if start + n <= total => std::ptr::copy_nonoverlapping(from.add(start * row), to, n * row),
            _ => return status::FAULT,
        }
    }
    status::DONE
}

/// Copies the rows of these indices.
///
/// # Safety
/// `from` has `total` rows, `index` has `n` numbers, `to` has room for `n` rows.
pub unsafe extern "C" fn gather_rows(
    from: *const u8,
    index: *const i64,
    to: *mut u8,
    total: usize,
    n: usize,
    row: usize,
) -> i64 {
    for k in 0..n {
        // SAFETY: the caller's promise; the row is one of those there are.
        unsafe {
            match usize::try_from(*index.add(k)) {
                Ok(idx) if idx < total => std::ptr::copy_nonoverlapping(from.add(idx * row), to.add(k * row), row),
                _ => return status::FAULT,
            }
        }
    }
    status::DONE
}

/// The quotient of ints rounded down.
pub extern "C" fn floor_quotient(a: i64, b: i64) -> i64 {
    a.floor_quotient(b)
}

/// The remainder of ints with the sign of the divisor.
pub extern "C" fn floor_remainder(a: i64, b: i64) -> i64 {
    a.floor_remainder(b)
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident |$($arg:ident: $single:ty, $double:ty);+| $value:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(dtype: DType) -> usize {
            extern "C" fn single($($arg: $single),+) -> f32 {
                $value
            }
            extern "C" fn double($($arg: $double),+) -> f64 {
                $value
            }
            if dtype == DType::F32 { single as *const () as usize } else { double as *const () as usize }
        }
    )*};
}

functions! {
    /// The address of aᵇ. As log a ≤ a − 1, and e⁻⁷⁴⁶ is zero in both precisions, what vanishes is known without the slow path
    /// that the library has for it: the powers of Adam's decay in a long training.
    pow_fn |a: f32, f64; b: f32, f64| if a > 0.0 && a < 1.0 && b * (1.0 - a) > 746.0 { 0.0 } else { a.powf(b) };
    /// The address of the angle of the point (x, y).
    atan2_fn |y: f32, f64; x: f32, f64| y.atan2(x);
    /// The address of aⁿ.
    powi_fn |a: f32, f64; n: i32, i32| a.powi(n);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_library() {
        let bases = [0.0, 1e-300, 0.1, 0.5, 0.9, 0.999, 1.0 - f64::EPSILON, 1.0, 1.1, -0.5, f64::NAN, f64::INFINITY];
        let exponents =
            [-1e4, -3.0, 0.0, 0.5, 740.0, 829.0, 7079.0, 7461.0, 745_000.0, 1e6, 4e18, f64::INFINITY, f64::NAN];
        // SAFETY: the address is that of a function with this signature.
        let pow: extern "C" fn(f64, f64) -> f64 = unsafe { std::mem::transmute(pow_fn(DType::F64)) };
        for (a, b) in bases.into_iter().flat_map(|a| exponents.map(|b| (a, b))) {
            let (got, want) = (pow(a, b), a.powf(b));
            assert!(got == want || got.is_nan() && want.is_nan(), "{a}^{b} is {got}, not {want}");
        }
    }
}
