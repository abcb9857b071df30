//! Plain Rust for every other machine: short arrays, which the compiler turns into what registers there are, and the
//! functions of the standard library.

use super::dispatch::{Kernels, column_tiles, row_tiles, term_tiles};
use super::formulas::{self, map_scalar};
use super::pack::{Square, transpose};
use super::sliding::{column_tile, row_tile, term_tile};
use super::tile::{Tile, tile as generic_tile};
use super::vector::Vector;
use super::winograd::squares::{Transformations, picture, result, spread};

macro_rules! register {
    ($(#[$doc:meta])* $name:ident of $lanes:literal $elem:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name([$elem; $lanes]);

        impl $name {
            /// Lane by lane.
            #[inline(always)]
            fn zip(self, y: Self, f: impl Fn($elem, $elem) -> $elem) -> Self {
                let mut z = self.0;
                for i in 0..$lanes {
                    z[i] = f(z[i], y.0[i]);
                }
                Self(z)
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Tail = usize;
            const LANES: usize = $lanes;
            const FREE_TAIL: bool = false;

            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                Self([x; $lanes])
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: the caller vouches for `p`, and an array of numbers read unaligned is an array of numbers.
                Self(unsafe { p.cast::<[$elem; $lanes]>().read_unaligned() })
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
                Self(x)
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: the caller vouches for `p`.
                unsafe { p.cast::<[$elem; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_tail(self, p: *mut $elem, tail: usize) {
                for i in 0..tail {
                    // SAFETY: i < tail, so the caller vouches for the number.
                    unsafe { *p.add(i) = self.0[i] };
                }
            }
            #[inline(always)]
            fn add(self, y: Self) -> Self {
                self.zip(y, |x, y| x + y)
            }
            #[inline(always)]
            fn mul(self, y: Self) -> Self {
                self.zip(y, |x, y| x * y)
            }
            #[inline(always)]
            fn mul_add(self, y: Self, z: Self) -> Self {
                // Not fused: without the instruction, a fused product is a slow call.
                self.mul(y).add(z)
            }
            #[inline(always)]
            fn apart(self, y: Self) -> (Self, Self) {
                let at = |i: usize| if i < $lanes { self.0[i] } else { y.0[i - $lanes] };
                let (mut even, mut odd) = (self.0, self.0);
                for i in 0..$lanes {
                    (even[i], odd[i]) = (at(2 * i), at(2 * i + 1));
                }
                (Self(even), Self(odd))
            }
            #[inline(always)]
            fn in_turns(self, y: Self) -> (Self, Self) {
                let at = |i: usize| if i % 2 == 0 { self.0[i / 2] } else { y.0[i / 2] };
                let (mut first, mut second) = (self.0, self.0);
                for i in 0..$lanes {
                    (first[i], second[i]) = (at(i), at(i + $lanes));
                }
                (Self(first), Self(second))
            }
            #[inline(always)]
            fn positive_or(self, otherwise: Self) -> Self {
                self.zip(otherwise, |x, otherwise| if x <= 0.0 { otherwise } else { x })
            }
        }
    };
}

register! {
    /// Four numbers of single precision.
    F32x4 of 4 f32
}

register! {
    /// Two numbers of double precision.
    F64x2 of 2 f64
}

/// # Safety
/// As for [`super::tile::TileFn`].
unsafe fn tile<V: Vector, const MR: usize, const NV: usize>(t: &Tile<V::Elem>) {
    // SAFETY: passed on; there are no instructions to vouch for.
    unsafe { generic_tile::<V, MR, NV>(t) }
}

macro_rules! table {
    ($table:ident of $elem:ident in $v:ident by squares of $side:literal) => {
        pub(super) static $table: Kernels<$elem> = Kernels {
            lanes: $v::LANES,
            tiles: &[
                &[tile::<$v, 1, 1>, tile::<$v, 2, 1>, tile::<$v, 3, 1>, tile::<$v, 4, 1>],
                &[tile::<$v, 1, 2>, tile::<$v, 2, 2>, tile::<$v, 3, 2>, tile::<$v, 4, 2>],
            ],
            column_tiles: column_tiles!($v),
            row_tiles: row_tiles!($v),
            term_tiles: term_tiles!($v),
            winograd: Transformations {
                picture: [picture::<$v, 4>, picture::<$v, 2>],
                spread: [spread::<$v, 4>, spread::<$v, 2>],
                result: [result::<$v, 4>, result::<$v, 2>],
            },
            square: Square { side: $side, transpose: transpose::<$elem, $side> },
            maps: [
                map_scalar::<$elem, formulas::Exp>,
                map_scalar::<$elem, formulas::ExpM1>,
                map_scalar::<$elem, formulas::Log>,
                map_scalar::<$elem, formulas::Log1p>,
                map_scalar::<$elem, formulas::Tanh>,
                map_scalar::<$elem, formulas::Sigmoid>,
                map_scalar::<$elem, formulas::Erf>,
                map_scalar::<$elem, formulas::Sin>,
                map_scalar::<$elem, formulas::Cos>,
            ],
        };
    };
}

table!(F32 of f32 in F32x4 by squares of 4);
table!(F64 of f64 in F64x2 by squares of 2);
