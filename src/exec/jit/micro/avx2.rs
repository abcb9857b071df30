//! AVX2 with FMA: registers of 8 `f32` or 4 `f64`; a tail is a register whose sign bits choose the lanes, and their number.
//! Loads choose by the sign bits; such a store takes a dozen cycles on some CPUs, so stores are made of smaller ones.

use std::arch::x86_64::*;

use super::dispatch::kernels;
use super::pack::Square;
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
    ($(#[$doc:meta])* $name:ident = $reg:ident of $elem:ident, $lanes:literal lanes, $count:expr;
     $set1:ident $zero:ident $loadu:ident $storeu:ident $maskload:ident
     $add:ident $sub:ident $mul:ident $div:ident $fmadd:ident $fnmadd:ident $min:ident $max:ident
     $and:ident $andnot:ident $or:ident $xor:ident $cmp:ident $movemask:ident $blendv:ident
     $slli:ident $srli:ident $cast_int:ident $cast_float:ident
     digits $digits:literal, top $top:literal, first $store_first:ident, pairs $apart:ident $in_turns:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($reg);

        impl Vector for $name {
            type Elem = $elem;
            type Tail = Tail;
            const LANES: usize = $lanes;
            const FREE_TAIL: bool = false;

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
            unsafe fn tail(n: usize) -> Tail {
                // SAFETY: the caller vouches for the CPU.
                Tail { lanes: unsafe { $count(n) }, n }
            }
            #[inline(always)]
            unsafe fn load_tail(p: *const $elem, tail: Tail) -> Self {
                // SAFETY: the caller vouches for the CPU and for the lanes of `tail`; the others are not read.
                Self(unsafe { $maskload(p, tail.lanes) })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: `self` exists, so the CPU has the instructions; the caller vouches for `p`.
                unsafe { $storeu(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_tail(self, p: *mut $elem, tail: Tail) {
                // SAFETY: as for `store`; lanes outside `tail` are not written.
                unsafe { $store_first(p, self.0, tail.n) }
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
                |x| Self($blendv(x, otherwise.0, $cmp::<_CMP_LE_OQ>(x, $zero()))));
        }

        impl Float for $name {
            type Mask = $reg;

            op!(sub(y: Self) -> Self = |x| Self($sub(x, y.0)));
            op!(div(y: Self) -> Self = |x| Self($div(x, y.0)));
            op!(neg_mul_add(y: Self, z: Self) -> Self = |x| Self($fnmadd(x, y.0, z.0)));
            // The instructions give their second operand if one is NaN.
            op!(clamp(low: Self, high: Self) -> Self = |x| Self($max(low.0, $min(high.0, x))));
            op!(abs() -> Self = |x| Self($andnot($set1(-0.0), x)));
            op!(flip(sign: Self) -> Self = |x| Self($xor(x, $and(sign.0, $set1(-0.0)))));
            op!(lt(y: Self) -> $reg = |x| $cmp::<_CMP_LT_OQ>(x, y.0));
            op!(eq(y: Self) -> $reg = |x| $cmp::<_CMP_EQ_OQ>(x, y.0));
            #[inline(always)]
            fn negative(self) -> $reg {
                // A blend looks at sign bits only.
                self.0
            }
            op!(select(mask: $reg, other: Self) -> Self = |x| Self($blendv(other.0, x, mask)));
            #[inline(always)]
            fn any(mask: $reg) -> bool {
                // SAFETY: a mask is made from values of this type only, so the CPU has the instructions.
                unsafe { $movemask(mask) != 0 }
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
                Self($cast_float($slli::<{ $top }>($cast_int(x)))),
                Self($cast_float($slli::<{ $top - 1 }>($cast_int(x)))),
            ));
        }

        impl Bits for $name {
            op!(and(y: Self) -> Self = |x| Self($and(x, y.0)));
            op!(or(y: Self) -> Self = |x| Self($or(x, y.0)));
            op!(shift_up() -> Self = |x| Self($cast_float($slli::<$digits>($cast_int(x)))));
            op!(shift_down() -> Self = |x| Self($cast_float($srli::<$digits>($cast_int(x)))));
        }
    };
}

/// Some of the first lanes.
#[derive(Clone, Copy)]
pub(super) struct Tail {
    lanes: __m256i,
    n: usize,
}

/// Writes the first `n` of eight numbers.
///
/// # Safety
/// `p` may be written for `n` numbers.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_first_8(p: *mut f32, x: __m256, n: usize) {
    let (mut p, mut rest) = (p, _mm256_castps256_ps128(x));
    // SAFETY: the caller's promise; p moves on by what was written.
    unsafe {
        if n >= 8 {
            return _mm256_storeu_ps(p, x);
        }
        if n & 4 != 0 {
            _mm_storeu_ps(p, rest);
            (p, rest) = (p.add(4), _mm256_extractf128_ps::<1>(x));
        }
        if n & 2 != 0 {
            _mm_storel_pd(p.cast(), _mm_castps_pd(rest));
            (p, rest) = (p.add(2), _mm_movehl_ps(rest, rest));
        }
        if n & 1 != 0 {
            _mm_store_ss(p, rest);
        }
    }
}

/// Writes the first `n` of four numbers.
///
/// # Safety
/// `p` may be written for `n` numbers.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_first_4(p: *mut f64, x: __m256d, n: usize) {
    let (mut p, mut rest) = (p, _mm256_castpd256_pd128(x));
    // SAFETY: the caller's promise; p moves on by what was written.
    unsafe {
        if n >= 4 {
            return _mm256_storeu_pd(p, x);
        }
        if n & 2 != 0 {
            _mm_storeu_pd(p, rest);
            (p, rest) = (p.add(2), _mm256_extractf128_pd::<1>(x));
        }
        if n & 1 != 0 {
            _mm_store_sd(p, rest);
        }
    }
}

/// The first `n` of eight lanes.
#[target_feature(enable = "avx2")]
fn first_of_8(n: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// The first `n` of four lanes.
#[target_feature(enable = "avx2")]
fn first_of_4(n: usize) -> __m256i {
    _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3))
}

/// The even and the odd lanes of both.
#[inline]
#[target_feature(enable = "avx2")]
fn apart_8(a: __m256, b: __m256) -> (__m256, __m256) {
    // Without closures, which would not be compiled for this instruction set.
    let even = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(a, b));
    let odd = _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(a, b));
    let [even, odd] = [_mm256_permute4x64_epi64::<0xd8>(even), _mm256_permute4x64_epi64::<0xd8>(odd)];
    (_mm256_castsi256_ps(even), _mm256_castsi256_ps(odd))
}

/// The lanes of both in turns.
#[inline]
#[target_feature(enable = "avx2")]
fn in_turns_8(a: __m256, b: __m256) -> (__m256, __m256) {
    let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
}

/// The even and the odd lanes of both.
#[inline]
#[target_feature(enable = "avx2")]
fn apart_4(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    (_mm256_permute4x64_pd::<0xd8>(even), _mm256_permute4x64_pd::<0xd8>(odd))
}

/// The lanes of both in turns.
#[inline]
#[target_feature(enable = "avx2")]
fn in_turns_4(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
    (_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high))
}

register! {
    /// 8 numbers of single precision.
    F32x8 = __m256 of f32, 8 lanes, first_of_8;
    _mm256_set1_ps _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_maskload_ps
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_fmadd_ps _mm256_fnmadd_ps _mm256_min_ps _mm256_max_ps
    _mm256_and_ps _mm256_andnot_ps _mm256_or_ps _mm256_xor_ps _mm256_cmp_ps _mm256_movemask_ps _mm256_blendv_ps
    _mm256_slli_epi32 _mm256_srli_epi32 _mm256_castps_si256 _mm256_castsi256_ps
    digits 23, top 31, first store_first_8, pairs apart_8 in_turns_8
}

register! {
    /// 4 numbers of double precision.
    F64x4 = __m256d of f64, 4 lanes, first_of_4;
    _mm256_set1_pd _mm256_setzero_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_maskload_pd
    _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd _mm256_fmadd_pd _mm256_fnmadd_pd _mm256_min_pd _mm256_max_pd
    _mm256_and_pd _mm256_andnot_pd _mm256_or_pd _mm256_xor_pd _mm256_cmp_pd _mm256_movemask_pd _mm256_blendv_pd
    _mm256_slli_epi64 _mm256_srli_epi64 _mm256_castpd_si256 _mm256_castsi256_pd
    digits 52, top 63, first store_first_4, pairs apart_4 in_turns_4
}

/// Transposes 8×8 numbers of single precision: pairs, then quadruples, then halves change places.
///
/// # Safety
/// As for [`super::pack::SquareFn`].
#[target_feature(enable = "avx2")]
unsafe fn transpose_f32(source: *const f32, stride: usize, rows: usize, target: *mut f32, target_stride: usize) {
    // SAFETY: rows < 8 of 8 columns, for which the caller vouches.
    unsafe {
        // Without closures, which would not be compiled for this instruction set.
        let mut lines = [_mm256_setzero_ps(); 8];
        for (row, line) in lines.iter_mut().enumerate() {
            *line = _mm256_loadu_ps(source.add(row.min(rows - 1) * stride));
        }
        let [a, b, c, d, e, f, g, h] = lines;
        let (ab, cd, ef, gh) =
            (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d), _mm256_unpacklo_ps(e, f), _mm256_unpacklo_ps(g, h));
        let (ab2, cd2, ef2, gh2) =
            (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d), _mm256_unpackhi_ps(e, f), _mm256_unpackhi_ps(g, h));
        let upper = [
            _mm256_shuffle_ps::<0x44>(ab, cd),
            _mm256_shuffle_ps::<0xee>(ab, cd),
            _mm256_shuffle_ps::<0x44>(ab2, cd2),
            _mm256_shuffle_ps::<0xee>(ab2, cd2),
        ];
        let lower = [
            _mm256_shuffle_ps::<0x44>(ef, gh),
            _mm256_shuffle_ps::<0xee>(ef, gh),
            _mm256_shuffle_ps::<0x44>(ef2, gh2),
            _mm256_shuffle_ps::<0xee>(ef2, gh2),
        ];
        for i in 0..4 {
            _mm256_storeu_ps(target.add(i * target_stride), _mm256_permute2f128_ps::<0x20>(upper[i], lower[i]));
        }
        for i in 0..4 {
            let column = _mm256_permute2f128_ps::<0x31>(upper[i], lower[i]);
            _mm256_storeu_ps(target.add((i + 4) * target_stride), column);
        }
    }
}

/// Transposes 4×4 numbers of double precision.
///
/// # Safety
/// As for [`super::pack::SquareFn`].
#[target_feature(enable = "avx2")]
unsafe fn transpose_f64(source: *const f64, stride: usize, rows: usize, target: *mut f64, target_stride: usize) {
    // SAFETY: rows < 4 of 4 columns, for which the caller vouches.
    unsafe {
        let mut lines = [_mm256_setzero_pd(); 4];
        for (row, line) in lines.iter_mut().enumerate() {
            *line = _mm256_loadu_pd(source.add(row.min(rows - 1) * stride));
        }
        let [a, b, c, d] = lines;
        let (ab, cd) = (_mm256_unpacklo_pd(a, b), _mm256_unpacklo_pd(c, d));
        let (ab2, cd2) = (_mm256_unpackhi_pd(a, b), _mm256_unpackhi_pd(c, d));
        _mm256_storeu_pd(target, _mm256_permute2f128_pd::<0x20>(ab, cd));
        _mm256_storeu_pd(target.add(target_stride), _mm256_permute2f128_pd::<0x20>(ab2, cd2));
        _mm256_storeu_pd(target.add(2 * target_stride), _mm256_permute2f128_pd::<0x31>(ab, cd));
        _mm256_storeu_pd(target.add(3 * target_stride), _mm256_permute2f128_pd::<0x31>(ab2, cd2));
    }
}

/// Any CPU with AVX2 or AVX-512 has the instructions of these.
pub(super) const SQUARE_F32: Square<f32> = Square { side: 8, transpose: transpose_f32 };
pub(super) const SQUARE_F64: Square<f64> = Square { side: 4, transpose: transpose_f64 };

kernels!("avx2,fma", f32: F32x8, SQUARE_F32; f64: F64x4, SQUARE_F64; tiles [1: [1, 2, 3, 4, 5, 6], 2: [1, 2, 3, 4, 5, 6], 3: [1, 2, 3], 4: [1, 2], 5: [1], 6: [1], 7: [1], 8: [1]]);
