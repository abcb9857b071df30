//! NEON: registers of 4 `f32` or 2 `f64`; the lanes of a tail go through memory.

use std::arch::aarch64::*;

use super::dispatch::kernels;
use super::pack::{Square, transpose};
use super::vector::{Bits, Float, Vector, mantissa_exponent_by_bits, scale_by_bits};

/// One method of a register, whose body is intrinsics.
macro_rules! op {
    ($name:ident($($arg:ident: $type:ty),*) -> $result:ty = |$x:ident| $body:expr) => {
        #[inline(always)]
        fn $name(self, $($arg: $type),*) -> $result {
            let $x = self.0;
            // SAFETY: `self` exists, so the CPU has the instructions (see the trait).
            unsafe { $body }
        }
    };
}

macro_rules! register {
    ($(#[$doc:meta])* $name:ident = $reg:ident of $elem:ident, $lanes:literal lanes, mask $mask:ident;
     $dup:ident $ld1:ident $st1:ident $add:ident $sub:ident $mul:ident $div:ident $fma:ident $fms:ident $min:ident $max:ident
     $abs:ident $le:ident $lt:ident $eq:ident $bsl:ident $to_bits:ident $from_bits:ident $to_signed:ident $signed_lt:ident
     $dup_signed:ident $and:ident $or:ident $xor:ident $shl:ident $shr:ident $top_word:expr;
     $uzp1:ident $uzp2:ident $zip1:ident $zip2:ident
     digits $digits:literal, top $top:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($reg);

        impl Vector for $name {
            type Elem = $elem;
            type Tail = usize;
            const LANES: usize = $lanes;
            const FREE_TAIL: bool = false;

            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: the caller vouches for the CPU.
                Self(unsafe { $dup(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: the caller vouches for the CPU and for `p`; the load need not be aligned.
                Self(unsafe { $ld1(p) })
            }
            #[inline(always)]
            unsafe fn tail(n: usize) -> usize {
                n
            }
            #[inline(always)]
            unsafe fn load_tail(p: *const $elem, tail: usize) -> Self {
                let mut x = [0.0; $lanes];
                for i in 0..tail {
                    // SAFETY: i < tail, so the caller vouches for the number.
                    x[i] = unsafe { *p.add(i) };
                }
                // SAFETY: the caller vouches for the CPU; `x` has as many numbers as the register.
                Self(unsafe { $ld1(x.as_ptr()) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: `self` exists, so the CPU has the instructions; the caller vouches for `p`.
                unsafe { $st1(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_tail(self, p: *mut $elem, tail: usize) {
                let mut x = [0.0; $lanes];
                // SAFETY: `x` has as many numbers as the register.
                unsafe { $st1(x.as_mut_ptr(), self.0) };
                for i in 0..tail {
                    // SAFETY: i < tail, so the caller vouches for the number.
                    unsafe { *p.add(i) = x[i] };
                }
            }
            op!(add(y: Self) -> Self = |x| Self($add(x, y.0)));
            op!(mul(y: Self) -> Self = |x| Self($mul(x, y.0)));
            op!(mul_add(y: Self, z: Self) -> Self = |x| Self($fma(z.0, x, y.0)));
            op!(apart(y: Self) -> (Self, Self) = |x| (Self($uzp1(x, y.0)), Self($uzp2(x, y.0))));
            op!(in_turns(y: Self) -> (Self, Self) = |x| (Self($zip1(x, y.0)), Self($zip2(x, y.0))));
            op!(positive_or(otherwise: Self) -> Self = |x| Self($bsl($le(x, $dup(0.0)), otherwise.0, x)));
        }

        impl Float for $name {
            type Mask = $mask;

            op!(sub(y: Self) -> Self = |x| Self($sub(x, y.0)));
            op!(div(y: Self) -> Self = |x| Self($div(x, y.0)));
            op!(neg_mul_add(y: Self, z: Self) -> Self = |x| Self($fms(z.0, x, y.0)));
            // The instructions give NaN if an operand is NaN.
            op!(clamp(low: Self, high: Self) -> Self = |x| Self($max(low.0, $min(high.0, x))));
            op!(abs() -> Self = |x| Self($abs(x)));
            op!(flip(sign: Self) -> Self =
                |x| Self($from_bits($xor($to_bits(x), $and($to_bits(sign.0), $to_bits($dup(-0.0)))))));
            op!(lt(y: Self) -> $mask = |x| $lt(x, y.0));
            op!(eq(y: Self) -> $mask = |x| $eq(x, y.0));
            op!(negative() -> $mask = |x| $signed_lt($to_signed(x), $dup_signed(0)));
            op!(select(mask: $mask, other: Self) -> Self = |x| Self($bsl(mask, x, other.0)));
            #[inline(always)]
            fn any(mask: $mask) -> bool {
                // SAFETY: a mask is made from values of this type only, so the CPU has the instructions.
                unsafe { $top_word(mask) != 0 }
            }
            #[inline(always)]
            fn scale(self, n: Self) -> Self {
                scale_by_bits(self, n)
            }
            #[inline(always)]
            fn mantissa_exponent(self) -> (Self, Self) {
                mantissa_exponent_by_bits(self)
            }
            op!(low_bits() -> (Self, Self) = |x| (
                Self($from_bits($shl::<{ $top }>($to_bits(x)))),
                Self($from_bits($shl::<{ $top - 1 }>($to_bits(x)))),
            ));
        }

        impl Bits for $name {
            op!(and(y: Self) -> Self = |x| Self($from_bits($and($to_bits(x), $to_bits(y.0)))));
            op!(or(y: Self) -> Self = |x| Self($from_bits($or($to_bits(x), $to_bits(y.0)))));
            op!(shift_up() -> Self = |x| Self($from_bits($shl::<$digits>($to_bits(x)))));
            op!(shift_down() -> Self = |x| Self($from_bits($shr::<$digits>($to_bits(x)))));
        }
    };
}

/// The largest half of a lane of a mask.
#[target_feature(enable = "neon")]
fn largest_half(mask: uint64x2_t) -> u32 {
    vmaxvq_u32(vreinterpretq_u32_u64(mask))
}

register! {
    /// 4 numbers of single precision.
    F32x4 = float32x4_t of f32, 4 lanes, mask uint32x4_t;
    vdupq_n_f32 vld1q_f32 vst1q_f32 vaddq_f32 vsubq_f32 vmulq_f32 vdivq_f32 vfmaq_f32 vfmsq_f32 vminq_f32 vmaxq_f32
    vabsq_f32 vcleq_f32 vcltq_f32 vceqq_f32 vbslq_f32 vreinterpretq_u32_f32 vreinterpretq_f32_u32 vreinterpretq_s32_f32
    vcltq_s32 vdupq_n_s32 vandq_u32 vorrq_u32 veorq_u32 vshlq_n_u32 vshrq_n_u32 vmaxvq_u32;
    vuzp1q_f32 vuzp2q_f32 vzip1q_f32 vzip2q_f32
    digits 23, top 31
}

register! {
    /// 2 numbers of double precision.
    F64x2 = float64x2_t of f64, 2 lanes, mask uint64x2_t;
    vdupq_n_f64 vld1q_f64 vst1q_f64 vaddq_f64 vsubq_f64 vmulq_f64 vdivq_f64 vfmaq_f64 vfmsq_f64 vminq_f64 vmaxq_f64
    vabsq_f64 vcleq_f64 vcltq_f64 vceqq_f64 vbslq_f64 vreinterpretq_u64_f64 vreinterpretq_f64_u64 vreinterpretq_s64_f64
    vcltq_s64 vdupq_n_s64 vandq_u64 vorrq_u64 veorq_u64 vshlq_n_u64 vshrq_n_u64 largest_half;
    vuzp1q_f64 vuzp2q_f64 vzip1q_f64 vzip2q_f64
    digits 52, top 63
}

kernels!("neon", f32: F32x4, Square { side: 4, transpose: transpose::<f32, 4> };
         f64: F64x2, Square { side: 2, transpose: transpose::<f64, 2> }; tiles [1: [1, 2, 3, 4, 5, 6], 2: [1, 2, 3, 4, 5, 6], 3: [1, 2, 3, 4, 5, 6], 4: [1, 2, 3, 4, 5, 6], 5: [1], 6: [1], 7: [1], 8: [1]]);
