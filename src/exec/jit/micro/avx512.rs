//! AVX-512 (the foundation and DQ): registers of 16 `f32` or 8 `f64`, with masks for the lanes of a tail.

use std::arch::x86_64::*;

use super::avx2::{SQUARE_F32, SQUARE_F64};
use super::dispatch::kernels;
use super::vector::{Float, Vector};

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
    ($(#[$doc:meta])* $name:ident = $reg:ident of $elem:ident, $lanes:literal lanes, mask $mask:ident, bits $int:ident:
     $set1:ident $zero:ident $loadu:ident $storeu:ident $maskz_loadu:ident $mask_storeu:ident
     $add:ident $sub:ident $mul:ident $div:ident $fmadd:ident $fnmadd:ident $min:ident $max:ident
     $and:ident $andnot:ident $xor:ident $cmp:ident $movepi:ident $blend:ident
     $scalef:ident $getmant:ident $getexp:ident $slli:ident $cast_int:ident $cast_float:ident $top:literal,
     $apart:ident $in_turns:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($reg);

        impl Vector for $name {
            type Elem = $elem;
            type Tail = $mask;
            const LANES: usize = $lanes;
            const FREE_TAIL: bool = true;

            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: the caller vouches for the CPU.
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: the caller vouches for the CPU and for `p`; the load need not be aligned.
                Self(unsafe { $loadu(p) })
            }
            #[inline(always)]
            unsafe fn tail(n: usize) -> $mask {
                (((1u32 << n) - 1) & ((1u32 << $lanes) - 1)) as $mask
            }
            #[inline(always)]
            unsafe fn load_tail(p: *const $elem, tail: $mask) -> Self {
                // SAFETY: the caller vouches for the CPU and for the lanes of `tail`; the others are not read.
                Self(unsafe { $maskz_loadu(tail, p) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: `self` exists, so the CPU has the instructions; the caller vouches for `p`.
                unsafe { $storeu(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_tail(self, p: *mut $elem, tail: $mask) {
                // SAFETY: as for `store`; lanes outside `tail` are not written.
                unsafe { $mask_storeu(p, tail, self.0) }
            }
            #[inline(always)]
            fn prefetch(p: *const $elem) {
                // SAFETY: every CPU of this architecture has the instruction, and it does not fault.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
            op!(add(y: Self) -> Self = |x| Self($add(x, y.0)));
            op!(mul(y: Self) -> Self = |x| Self($mul(x, y.0)));
            op!(mul_add(y: Self, z: Self) -> Self = |x| Self($fmadd(x, y.0, z.0)));
            op!(apart(y: Self) -> (Self, Self) = |x| {
                let (even, odd) = $apart(x, y.0);
                (Self(even), Self(odd))
            });
            op!(in_turns(y: Self) -> (Self, Self) = |x| {
                let (first, second) = $in_turns(x, y.0);
                (Self(first), Self(second))
            });
            op!(positive_or(otherwise: Self) -> Self =
                |x| Self($blend($cmp::<_CMP_LE_OQ>(x, $zero()), x, otherwise.0)));
        }

        impl Float for $name {
            type Mask = $mask;

            op!(sub(y: Self) -> Self = |x| Self($sub(x, y.0)));
            op!(div(y: Self) -> Self = |x| Self($div(x, y.0)));
            op!(neg_mul_add(y: Self, z: Self) -> Self = |x| Self($fnmadd(x, y.0, z.0)));
            // The instructions give their second operand if one is NaN.
            op!(clamp(low: Self, high: Self) -> Self = |x| Self($max(low.0, $min(high.0, x))));
            op!(abs() -> Self = |x| Self($andnot($set1(-0.0), x)));
            op!(flip(sign: Self) -> Self = |x| Self($xor(x, $and(sign.0, $set1(-0.0)))));
            op!(lt(y: Self) -> $mask = |x| $cmp::<_CMP_LT_OQ>(x, y.0));
            op!(eq(y: Self) -> $mask = |x| $cmp::<_CMP_EQ_OQ>(x, y.0));
            op!(negative() -> $mask = |x| $movepi($cast_int(x)));
            op!(select(mask: $mask, other: Self) -> Self = |x| Self($blend(mask, other.0, x)));
            #[inline(always)]
            fn any(mask: $mask) -> bool {
                mask != 0
            }
            op!(scale(n: Self) -> Self = |x| Self($scalef(x, n.0)));
            op!(mantissa_exponent() -> (Self, Self) =
                |x| (Self($getmant::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(x)), Self($getexp(x))));
            op!(low_bits() -> (Self, Self) = |x| (
                Self($cast_float($slli::<{ $top }>($cast_int(x)))),
                Self($cast_float($slli::<{ $top - 1 }>($cast_int(x)))),
            ));
        }
    };
}

/// The even and the odd lanes of both.
#[inline]
#[target_feature(enable = "avx512f")]
fn apart_f32(a: __m512, b: __m512) -> (__m512, __m512) {
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
}

/// The lanes of both in turns.
#[inline]
#[target_feature(enable = "avx512f")]
fn in_turns_f32(a: __m512, b: __m512) -> (__m512, __m512) {
    let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    (_mm512_permutex2var_ps(a, first, b), _mm512_permutex2var_ps(a, second, b))
}

/// The even and the odd lanes of both.
#[inline]
#[target_feature(enable = "avx512f")]
fn apart_f64(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    let (even, odd) = (_mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15));
    (_mm512_permutex2var_pd(a, even, b), _mm512_permutex2var_pd(a, odd, b))
}

/// The lanes of both in turns.
#[inline]
#[target_feature(enable = "avx512f")]
fn in_turns_f64(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    let (first, second) = (_mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15));
    (_mm512_permutex2var_pd(a, first, b), _mm512_permutex2var_pd(a, second, b))
}

register! {
    /// 16 numbers of single precision.
    F32x16 = __m512 of f32, 16 lanes, mask __mmask16, bits __m512i:
    _mm512_set1_ps _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_maskz_loadu_ps _mm512_mask_storeu_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_fmadd_ps _mm512_fnmadd_ps _mm512_min_ps _mm512_max_ps
    _mm512_and_ps _mm512_andnot_ps _mm512_xor_ps _mm512_cmp_ps_mask _mm512_movepi32_mask _mm512_mask_blend_ps
    _mm512_scalef_ps _mm512_getmant_ps _mm512_getexp_ps _mm512_slli_epi32 _mm512_castps_si512 _mm512_castsi512_ps 31,
    apart_f32 in_turns_f32
}

register! {
    /// 8 numbers of double precision.
    F64x8 = __m512d of f64, 8 lanes, mask __mmask8, bits __m512i:
    _mm512_set1_pd _mm512_setzero_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_maskz_loadu_pd _mm512_mask_storeu_pd
    _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd _mm512_fmadd_pd _mm512_fnmadd_pd _mm512_min_pd _mm512_max_pd
    _mm512_and_pd _mm512_andnot_pd _mm512_xor_pd _mm512_cmp_pd_mask _mm512_movepi64_mask _mm512_mask_blend_pd
    _mm512_scalef_pd _mm512_getmant_pd _mm512_getexp_pd _mm512_slli_epi64 _mm512_castpd_si512 _mm512_castsi512_pd 63,
    apart_f64 in_turns_f64
}

kernels!("avx512f,avx512dq", f32: F32x16, SQUARE_F32; f64: F64x8, SQUARE_F64; tiles [1: [1, 2, 3, 4, 5, 6, 7, 8], 2: [1, 2, 3, 4, 5, 6, 7, 8], 3: [1, 2, 3, 4, 5, 6, 7, 8], 4: [1, 2], 5: [1], 6: [1], 7: [1], 8: [1]]);
