//! Pooling of squares of two by two, and of pairs of one row, with AVX2: neighbours are taken apart into registers of even and odd positions.

use std::arch::x86_64::*;

macro_rules! pairs {
    ($t:ident $reg:ident $lanes:literal: $best:ident $pool:ident $give_back:ident $loadu:ident $storeu:ident $cmp:ident $and:ident
     $andnot:ident $or:ident $max:ident $min:ident $movemask:ident $zero:ident, even $even:expr, odd $odd:expr, low $low:ident,
     high $high:ident, order $order:expr) => {
        /// The best of the numbers of each square, the even and the odd ones of each row, and where one is missing, which is the best.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn $best<const H: usize, const SMALLEST: bool>(squares: [[$reg; 2]; H]) -> ($reg, $reg) {
            let [mut best, _] = squares[0];
            let mut missing = $zero();
            for (k, [even, odd]) in squares.into_iter().enumerate() {
                missing = $or(missing, $cmp::<_CMP_UNORD_Q>(even, odd));
                // Of equals the instructions give the second: the first of the square.
                if k > 0 {
                    best = if SMALLEST { $min(even, best) } else { $max(even, best) };
                }
                best = if SMALLEST { $min(odd, best) } else { $max(odd, best) };
            }
            ($or(best, missing), missing)
        }

        /// Writes the best elements of `n` squares of `H` rows; `n` is as large as a register.
        ///
        /// # Safety
        /// The CPU has AVX2; the rows may be read for `2n` numbers, and `to` written for `n`.
        #[target_feature(enable = "avx2")]
        pub unsafe fn $pool<const H: usize, const SMALLEST: bool>(rows: [*const $t; H], to: *mut $t, n: usize) {
            let (even, odd, order) = ($even, $odd, $order);
            for start in (0..n).step_by($lanes) {
                // The last register may begin within the one before, which then writes the same numbers again.
                let j = start.min(n - $lanes);
                let mut squares = [[$zero(); 2]; H];
                // SAFETY: the caller's promise for the squares from j on.
                unsafe {
                    for k in 0..H {
                        let (a, b) = ($loadu(rows[k].add(2 * j)), $loadu(rows[k].add(2 * j + $lanes)));
                        squares[k] = [even(a, b), odd(a, b)];
                    }
                    $storeu(to.add(j), order($best::<H, SMALLEST>(squares).0));
                }
            }
        }

        /// Gives `few` to the first best element of each of `n` squares of `H` rows, and zero to the others; `n` is as large
        /// as a register.
        ///
        /// # Safety
        /// The CPU has AVX2; the rows may be read and `to` written for `2n` numbers, and `few` read for `n`.
        #[target_feature(enable = "avx2")]
        pub unsafe fn $give_back<const H: usize, const SMALLEST: bool>(
            rows: [*const $t; H],
            few: *const $t,
            to: [*mut $t; H],
            n: usize,
        ) {
            let (even, odd, order) = ($even, $odd, $order);
            for start in (0..n).step_by($lanes) {
                let j = start.min(n - $lanes);
                let mut squares = [[$zero(); 2]; H];
                // SAFETY: the caller's promise for the squares from j on.
                unsafe {
                    for k in 0..H {
                        let (a, b) = ($loadu(rows[k].add(2 * j)), $loadu(rows[k].add(2 * j + $lanes)));
                        squares[k] = [even(a, b), odd(a, b)];
                    }
                    let (best, missing) = $best::<H, SMALLEST>(squares);
                    let is_missing = $movemask(missing) != 0;
                    let mut left = order($loadu(few.add(j)));
                    for k in 0..H {
                        let mut gifts = [$zero(); 2];
                        for half in 0..2 {
                            let x = squares[k][half];
                            let mut is_best = $cmp::<_CMP_EQ_OQ>(x, best);
                            if is_missing {
                                is_best = $or(is_best, $cmp::<_CMP_UNORD_Q>(x, x));
                            }
                            gifts[half] = $and(left, is_best);
                            left = $andnot(is_best, left);
                        }
                        $storeu(to[k].add(2 * j), $low(gifts[0], gifts[1]));
                        $storeu(to[k].add(2 * j + $lanes), $high(gifts[0], gifts[1]));
                    }
                }
            }
        }
    };
}

pairs! {
    f32 __m256 8: best_f32 pool_f32 give_back_f32 _mm256_loadu_ps _mm256_storeu_ps _mm256_cmp_ps _mm256_and_ps
    _mm256_andnot_ps _mm256_or_ps _mm256_max_ps _mm256_min_ps _mm256_movemask_ps _mm256_setzero_ps,
    even _mm256_shuffle_ps::<0x88>, odd _mm256_shuffle_ps::<0xdd>, low _mm256_unpacklo_ps, high _mm256_unpackhi_ps,
    order in_order_ps
}

pairs! {
    f64 __m256d 4: best_f64 pool_f64 give_back_f64 _mm256_loadu_pd _mm256_storeu_pd _mm256_cmp_pd _mm256_and_pd
    _mm256_andnot_pd _mm256_or_pd _mm256_max_pd _mm256_min_pd _mm256_movemask_pd _mm256_setzero_pd,
    even _mm256_unpacklo_pd, odd _mm256_unpackhi_pd, low _mm256_unpacklo_pd, high _mm256_unpackhi_pd,
    order _mm256_permute4x64_pd::<0xd8>
}

pairs! {
    f32 __m128 4: best_f32_narrow pool_f32_narrow give_back_f32_narrow _mm_loadu_ps _mm_storeu_ps _mm_cmp_ps _mm_and_ps
    _mm_andnot_ps _mm_or_ps _mm_max_ps _mm_min_ps _mm_movemask_ps _mm_setzero_ps,
    even _mm_shuffle_ps::<0x88>, odd _mm_shuffle_ps::<0xdd>, low _mm_unpacklo_ps, high _mm_unpackhi_ps,
    order std::convert::identity
}

/// The order of the squares in memory, of that in which `even` and `odd` leave them; and back.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order_ps(x: __m256) -> __m256 {
    _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(x)))
}
