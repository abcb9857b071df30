//! Pooling of squares of two by two with AVX2: neighbours are taken apart into registers of even and odd positions.

use std::arch::x86_64::*;

macro_rules! pairs {
    ($t:ident $reg:ident $lanes:literal: $best:ident $pool:ident $give_back:ident $loadu:ident $storeu:ident $cmp:ident $and:ident
     $andnot:ident $or:ident $blendv:ident $zero:ident, even $even:expr, odd $odd:expr, low $low:ident, high $high:ident,
     order $order:expr) => {
        /// The best of four numbers, lane by lane; one that is missing is the best.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn $best<const SMALLEST: bool>(square: [$reg; 4]) -> $reg {
            let mut best = square[0];
            for x in square {
                let better = if SMALLEST { $cmp::<_CMP_LT_OQ>(x, best) } else { $cmp::<_CMP_GT_OQ>(x, best) };
                best = $blendv(best, x, $or(better, $cmp::<_CMP_UNORD_Q>(x, x)));
            }
            best
        }

        /// Writes the best elements of `n` squares of two rows; `n` is as large as a register.
        ///
        /// # Safety
        /// The CPU has AVX2; the rows may be read for `2n` numbers, and `to` written for `n`.
        #[target_feature(enable = "avx2")]
        pub unsafe fn $pool<const SMALLEST: bool>(rows: [*const $t; 2], to: *mut $t, n: usize) {
            let (even, odd, order) = ($even, $odd, $order);
            for start in (0..n).step_by($lanes) {
                // The last register may begin within the one before, which then writes the same numbers again.
                let j = start.min(n - $lanes);
                // SAFETY: the caller's promise for the squares from j on.
                unsafe {
                    let (a, b) = ($loadu(rows[0].add(2 * j)), $loadu(rows[0].add(2 * j + $lanes)));
                    let (c, d) = ($loadu(rows[1].add(2 * j)), $loadu(rows[1].add(2 * j + $lanes)));
                    let best = $best::<SMALLEST>([even(a, b), odd(a, b), even(c, d), odd(c, d)]);
                    $storeu(to.add(j), order(best));
                }
            }
        }

        /// Gives `few` to the first best element of each of `n` squares of two rows, and zero to the others; `n` is as large
        /// as a register.
        ///
        /// # Safety
        /// The CPU has AVX2; the rows may be read and `to` written for `2n` numbers, and `few` read for `n`.
        #[target_feature(enable = "avx2")]
        pub unsafe fn $give_back<const SMALLEST: bool>(
            rows: [*const $t; 2],
            few: *const $t,
            to: [*mut $t; 2],
            n: usize,
        ) {
            let (even, odd, order) = ($even, $odd, $order);
            for start in (0..n).step_by($lanes) {
                let j = start.min(n - $lanes);
                // SAFETY: the caller's promise for the squares from j on.
                unsafe {
                    let (a, b) = ($loadu(rows[0].add(2 * j)), $loadu(rows[0].add(2 * j + $lanes)));
                    let (c, d) = ($loadu(rows[1].add(2 * j)), $loadu(rows[1].add(2 * j + $lanes)));
                    let square = [even(a, b), odd(a, b), even(c, d), odd(c, d)];
                    let best = $best::<SMALLEST>(square);
                    let missing = $cmp::<_CMP_UNORD_Q>(best, best);
                    let mut left = order($loadu(few.add(j)));
                    let mut gifts = [$zero(); 4];
                    for k in 0..4 {
                        let both_missing = $and($cmp::<_CMP_UNORD_Q>(square[k], square[k]), missing);
                        let is_best = $or($cmp::<_CMP_EQ_OQ>(square[k], best), both_missing);
                        gifts[k] = $and(left, is_best);
                        left = $andnot(is_best, left);
                    }
                    for k in 0..2 {
                        let (even, odd) = (gifts[2 * k], gifts[2 * k + 1]);
                        $storeu(to[k].add(2 * j), $low(even, odd));
                        $storeu(to[k].add(2 * j + $lanes), $high(even, odd));
                    }
                }
            }
        }
    };
}

pairs! {
    f32 __m256 8: best_f32 pool_f32 give_back_f32 _mm256_loadu_ps _mm256_storeu_ps _mm256_cmp_ps _mm256_and_ps
    _mm256_andnot_ps _mm256_or_ps _mm256_blendv_ps _mm256_setzero_ps,
    even _mm256_shuffle_ps::<0x88>, odd _mm256_shuffle_ps::<0xdd>, low _mm256_unpacklo_ps, high _mm256_unpackhi_ps,
    order in_order_ps
}

pairs! {
    f64 __m256d 4: best_f64 pool_f64 give_back_f64 _mm256_loadu_pd _mm256_storeu_pd _mm256_cmp_pd _mm256_and_pd
    _mm256_andnot_pd _mm256_or_pd _mm256_blendv_pd _mm256_setzero_pd,
    even _mm256_unpacklo_pd, odd _mm256_unpackhi_pd, low _mm256_unpacklo_pd, high _mm256_unpackhi_pd,
    order _mm256_permute4x64_pd::<0xd8>
}

pairs! {
    f32 __m128 4: best_f32_narrow pool_f32_narrow give_back_f32_narrow _mm_loadu_ps _mm_storeu_ps _mm_cmp_ps _mm_and_ps
    _mm_andnot_ps _mm_or_ps _mm_blendv_ps _mm_setzero_ps,
    even _mm_shuffle_ps::<0x88>, odd _mm_shuffle_ps::<0xdd>, low _mm_unpacklo_ps, high _mm_unpackhi_ps,
    order std::convert::identity
}

/// The order of the squares in memory, of that in which `even` and `odd` leave them; and back.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order_ps(x: __m256) -> __m256 {
    _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(x)))
}
