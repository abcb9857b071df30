//! Tensors joined along an axis.
#![allow(unsafe_code)] // Compiled code knows addresses only.

/// Copies one of the tensors that are joined: `n` rows of `bytes` bytes, to rows that are `step` bytes apart.
///
/// # Safety
/// `from` may be read and `to` written for these rows.
pub unsafe extern "C" fn copy_apart(from: *const u8, to: *mut u8, n: usize, bytes: usize, step: usize) {
    for row in 0..n {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.add(row * bytes), to.add(row * step), bytes) };
    }
}
