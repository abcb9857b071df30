//! Native kernels: products of matrices, and functions of the elements of slices, for the vector instructions of the machine.
//!
//! [`gemm`] computes `C (+)= Σ A·B` with a bias and an activation, [`exp`] and its like apply a function to a slice. Compiled
//! code calls the same kernels by pointer: [`gemm_fn`] and [`Kernels::map_fn`]. [`Kernels::sliding`] computes
//! convolutions, [`Kernels::winograd`] those of 3×3 and 5×5 with fewer multiplications. All of them take `f32` and `f64`. There are
//! kernels for AVX-512, AVX2 with FMA, NEON, and plain Rust; which ones run is decided at the first call ([`Isa`]).
//!
//! ```
//! use nabla::exec::jit::micro::{Activation, Descriptor, gemm, tanh};
//! // [2, 3] · [3, 2] + bias, then relu
//! let layer = Descriptor { activation: Activation::Relu, ..Descriptor::new(2, 2, 3) };
//! let mut c = [0.0; 4];
//! gemm(&layer, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0, 0.0, 0.0, 1.0, 1.0, -2.0], Some(&[0.5, 0.5]), &mut c);
//! assert_eq!(c, [4.5, 0.0, 10.5, 0.0]);
//! let mut y = [0.0f32; 2];
//! tanh(&[0.0, 20.0], &mut y);
//! assert_eq!(y, [0.0, 1.0]);
//! ```
//!
//! **Same bits.** An element of a result depends on its operands only: not on its place in the matrix or slice, on what is
//! computed beside it, or on the part of the work its thread has. Different instruction sets may differ in the last places.
//!
//! **Errors**, in units in the last place, of the vector formulas: in single precision, over every 31st number there is, 1.1 for
//! exp, 1.6 for expm1, 0.9 for log and log1p, 2.5 for tanh, 2.4 for sigmoid, 1.6 for sin and cos; in double precision, over
//! 20,000 drawn numbers, 1 for exp, 0.8 for log and log1p, 1.8 for expm1 and tanh, 1.2 for sigmoid, 1.5 for sin and cos, and
//! in both 1 for erf, over drawn numbers. The portable functions are those of the standard library. Angles beyond 2¹⁶ (`f64`: 2²⁶) are left to it too, one by one.
//!
//! **Speed**, as ratios to ndarray's `general_mat_mul` and to the crate gemm 0.19 in the same run, one thread of an AMD EPYC
//! (Zen 4, AVX-512), 24 November 2026, when large products still copied A:
//!
//! | m × n × k | f32 AB | AᵀB | ABᵀ | f64 AB | AᵀB | ABᵀ |
//! |---|---|---|---|---|---|---|
//! | 32 × 32 × 32 | 1.4, 1.1 | 1.2, 1.1 | 1.4, 1.3 | 1.3, 1.1 | 1.3, 1.2 | 1.2, 1.1 |
//! | 64 × 64 × 64 | 1.3, 1.1 | 1.2, 1.2 | 1.3, 1.2 | 1.3, 1.1 | 1.2, 1.2 | 1.2, 1.0 |
//! | 256 × 256 × 256 | 1.2, 1.0 | 1.1, 1.0 | 1.2, 1.0 | 1.1, 1.0 | 1.1, 1.0 | 1.1, 1.0 |
//! | 1024 × 1024 × 1024 | 1.1, 1.0 | 1.0, 1.0 | 1.1, 1.0 | 1.1, 1.0 | 1.0, 0.9 | 1.1, 1.0 |
//! | 32 × 100 × 64 | 1.3, 1.2 | 1.2, 1.3 | 1.2, 1.3 | 1.2, 1.1 | 1.2, 1.1 | 1.1, 1.1 |
//! | 32 × 30 × 100 | 1.7, 1.2 | 1.4, 1.2 | 1.4, 1.2 | 1.4, 1.2 | 1.4, 1.4 | 1.2, 1.1 |
//! | 128 × 300 × 784 | 1.1, 1.0 | 1.1, 1.1 | 1.2, 1.1 | 1.1, 1.0 | 1.1, 1.0 | 1.1, 1.0 |
//! | 128 × 10 × 100 | 1.9, 1.2 | 1.5, 1.2 | 1.8, 1.2 | 1.2, 1.1 | 1.1, 1.1 | 1.2, 1.0 |
//!
//! In `f32` and `f64` the functions are 15 and 8 times as fast as a loop over the standard library for exp, 34 and 8 for tanh,
//! 10 and 4 for sigmoid, 8 and 4 for log, 7 and 9 for sin and cos (AVX2: about half of that).
#![allow(unsafe_code)] // Intrinsics and pointers to operands; nothing outside this folder needs either.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod descriptor;
mod dispatch;
mod element;
mod formulas;
mod gemm;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod portable;
mod sliding;
mod stage;
#[cfg(test)]
mod tests;
mod tile;
mod vector;
mod winograd;

pub use descriptor::{Descriptor, Strides};
pub use dispatch::{Isa, Kernels, Map, MapFn};
pub use element::Element;
pub use gemm::{GemmFn, gemm_fn};
#[cfg(target_arch = "x86_64")]
pub use pairs::{give_back_f32, give_back_f32_narrow, give_back_f64, pool_f32, pool_f32_narrow, pool_f64};
pub use sliding::{Sliding, Turns, Way};
pub use tile::Activation;
pub use winograd::Winograd;

use crate::tensor::DType;

/// `C (+)= Σ A·B` with the kernels of this machine; see [`Kernels::gemm`].
///
/// # Panics
/// If an element of an operand does not lie in its slice.
pub fn gemm<T: Element>(d: &Descriptor<T>, a: &[T], b: &[T], bias: Option<&[T]>, c: &mut [T]) {
    T::kernels().gemm(d, a, b, bias, c);
}

/// Numbers of memory that [`gemm_fn`] needs beside the operands.
pub fn scratch_len<T: Element>(d: &Descriptor<T>) -> usize {
    T::kernels().scratch_len(d)
}

/// Numbers of a type in a register of this machine.
pub fn lanes(dtype: DType) -> usize {
    match dtype {
        DType::F32 => f32::kernels().lanes(),
        _ => f64::kernels().lanes(),
    }
}

macro_rules! maps {
    ($($(#[$doc:meta])* $name:ident $in_place:ident $map:ident;)*) => { $(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the slices differ in length.
        pub fn $name<T: Element>(x: &[T], y: &mut [T]) {
            T::kernels().map(Map::$map, x, y);
        }

        $(#[$doc])*
        pub fn $in_place<T: Element>(x: &mut [T]) {
            T::kernels().map_in_place(Map::$map, x);
        }
    )* };
}

maps! {
    /// eˣ of every element.
    exp exp_in_place Exp;
    /// eˣ − 1 of every element, precise near zero.
    exp_m1 exp_m1_in_place ExpM1;
    /// The natural logarithm of every element.
    log log_in_place Log;
    /// ln(1 + x) of every element, precise near zero.
    log_1p log_1p_in_place Log1p;
    /// The hyperbolic tangent of every element.
    tanh tanh_in_place Tanh;
    /// 1/(1 + e⁻ˣ) of every element.
    sigmoid sigmoid_in_place Sigmoid;
    /// The error function of every element.
    erf erf_in_place Erf;
    /// The sine of every element.
    sin sin_in_place Sin;
    /// The cosine of every element.
    cos cos_in_place Cos;
}
