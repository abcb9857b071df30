//! Which kernels this machine runs: a table of function pointers for each instruction set, one of which is chosen at the start.

use super::element::Element;
use super::pack::Square;
use super::sliding::{COLUMN_TILE, ColumnTileFn, RowTileFn, TERM_TILE, TermTileFn};
use super::tile::TileFn;
use super::winograd::squares::Transformations;

/// The kernel of a function over `n` numbers from `x` to `y`.
///
/// # Safety
/// The CPU has the instructions of the kernel; `x` may be read and `y` written for `n` numbers; they are equal or do not
/// overlap.
pub type MapFn<T> = unsafe extern "C" fn(x: *const T, y: *mut T, n: usize);

/// A function of one number that is applied to slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// eˣ.
    Exp,
    /// eˣ − 1, precise near zero.
    ExpM1,
    /// The natural logarithm.
    Log,
    /// ln(1 + x), precise near zero.
    Log1p,
    /// The hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// The error function.
    Erf,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
}

impl Map {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] =
        [Self::Exp, Self::ExpM1, Self::Log, Self::Log1p, Self::Tanh, Self::Sigmoid, Self::Erf, Self::Sin, Self::Cos];
}

/// The kernels of one instruction set for one kind of numbers. Whoever holds one has an [`Isa`], so the CPU can run them.
pub struct Kernels<T: 'static> {
    /// Numbers in a register.
    pub(super) lanes: usize,
    /// `tiles[v − 1][r − 1]` makes a tile of r rows and v registers. The more registers, the fewer rows there are.
    pub(super) tiles: &'static [&'static [TileFn<T>]],
    /// `column_tiles[v − 1][r − 1]` makes a tile of r rows and v registers.
    pub(super) column_tiles: [[ColumnTileFn<T>; COLUMN_TILE[1]]; COLUMN_TILE[0]],
    /// `row_tiles[v − 1][c − 1]` makes a tile of v registers of rows and c columns. The more registers, the fewer columns there are.
    pub(super) row_tiles: [&'static [RowTileFn<T>]; 2],
    /// `term_tiles[r − 1][c − 1]` adds to r · c sums.
    pub(super) term_tiles: [[TermTileFn<T>; TERM_TILE[1]]; TERM_TILE[0]],
    pub(super) winograd: Transformations<T>,
    pub(super) square: Square<T>,
    /// In the order of [`Map::ALL`].
    pub(super) maps: [MapFn<T>; Map::ALL.len()],
}

impl<T: Element> Kernels<T> {
    /// `y[i] = map(x[i])`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn map(&self, map: Map, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), y.len(), "a map needs as many results as arguments");
        // SAFETY: the slices have the same length and do not overlap, and an `Isa` vouched for the CPU.
        unsafe { self.map_fn(map)(x.as_ptr(), y.as_mut_ptr(), x.len()) }
    }

    /// `x[i] = map(x[i])`.
    pub fn map_in_place(&self, map: Map, x: &mut [T]) {
        let p = x.as_mut_ptr();
        // SAFETY: argument and result are the same slice, and an `Isa` vouched for the CPU.
        unsafe { self.map_fn(map)(p, p, x.len()) }
    }

    /// The kernel itself, for machine code that calls it.
    pub fn map_fn(&self, map: Map) -> MapFn<T> {
        self.maps[map as usize]
    }
}

/// An instruction set this machine has. A value is the proof of it: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

macro_rules! tables {
    ($($t:ident $table:ident)*) => { $(
        pub(super) fn $t(self) -> &'static Kernels<$t> {
            match self.0 {
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => &super::avx512::$table,
                #[cfg(target_arch = "x86_64")]
                Kind::Avx2 => &super::avx2::$table,
                #[cfg(target_arch = "aarch64")]
                Kind::Neon => &super::neon::$table,
                Kind::Portable => &super::portable::$table,
            }
        }
    )* };
}

impl Isa {
    /// Those of this machine, the best first; the portable one is always there.
    pub fn available() -> Vec<Self> {
        let mut kinds = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                kinds.push(Kind::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                kinds.push(Kind::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kinds.push(Kind::Neon);
        }
        kinds.push(Kind::Portable);
        kinds.into_iter().map(Self).collect()
    }

    /// The best one of this machine, or that which `NABLA_ISA` in the environment names.
    pub fn best() -> Self {
        let available = Self::available();
        let wanted = std::env::var("NABLA_ISA").unwrap_or_default();
        let named = available.iter().find(|isa| isa.name().eq_ignore_ascii_case(&wanted));
        *named.unwrap_or(&available[0])
    }

    /// As a user knows it.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "NEON",
            Kind::Portable => "portable",
        }
    }

    tables! { f32 F32  f64 F64 }
}

/// The tables `F32` and `F64` of one instruction set, whose kernels are compiled with its features.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! kernels {
    ($features:literal, f32: $f32:ident, $square32:expr; f64: $f64:ident, $square64:expr; tiles $tiles:tt) => {
        /// # Safety
        /// As for [`super::tile::TileFn`].
        #[target_feature(enable = $features)]
        unsafe fn tile<V: Vector, const MR: usize, const NV: usize>(t: &super::tile::Tile<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::tile::tile::<V, MR, NV>(t) }
        }

        /// # Safety
        /// As for [`super::sliding::ColumnTileFn`].
        #[target_feature(enable = $features)]
        unsafe fn column_tile<V: Vector, const MR: usize, const NV: usize>(t: &super::sliding::ColumnTile<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::sliding::column_tile::<V, MR, NV>(t) }
        }

        /// # Safety
        /// As for [`super::sliding::RowTileFn`].
        #[target_feature(enable = $features)]
        unsafe fn row_tile<V: Vector, const NV: usize, const NC: usize>(t: &super::sliding::RowTile<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::sliding::row_tile::<V, NV, NC>(t) }
        }

        /// # Safety
        /// As for [`super::sliding::TermTileFn`].
        #[target_feature(enable = $features)]
        unsafe fn term_tile<V: Vector, const MR: usize, const NC: usize>(t: &super::sliding::TermTile<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::sliding::term_tile::<V, MR, NC>(t) }
        }

        /// # Safety
        /// As for [`super::winograd::squares::StripFn`].
        #[target_feature(enable = $features)]
        unsafe fn picture<V: Vector, const STEP: usize>(strip: &super::winograd::squares::Strip<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::winograd::squares::picture::<V, STEP>(strip) }
        }

        /// # Safety
        /// As for [`super::winograd::squares::StripFn`].
        #[target_feature(enable = $features)]
        unsafe fn spread<V: Vector, const STEP: usize>(strip: &super::winograd::squares::Strip<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::winograd::squares::spread::<V, STEP>(strip) }
        }

        /// # Safety
        /// As for [`super::winograd::squares::StripFn`].
        #[target_feature(enable = $features)]
        unsafe fn result<V: Vector, const STEP: usize>(strip: &super::winograd::squares::Strip<V::Elem>) {
            // SAFETY: passed on.
            unsafe { super::winograd::squares::result::<V, STEP>(strip) }
        }

        /// # Safety
        /// As for [`super::dispatch::MapFn`].
        #[target_feature(enable = $features)]
        unsafe extern "C" fn map<V: Float, F: super::formulas::Function>(x: *const V::Elem, y: *mut V::Elem, n: usize) {
            // SAFETY: passed on.
            unsafe { super::formulas::map_vector::<V, F>(x, y, n) }
        }

        kernels!(@table F32 f32 $f32 ($square32) $tiles);
        kernels!(@table F64 f64 $f64 ($square64) $tiles);
    };
    (@table $table:ident $t:ident $v:ident ($square:expr) [$($vectors:literal: $rows:tt),*]) => {
        pub(super) static $table: super::dispatch::Kernels<$t> = super::dispatch::Kernels {
            lanes: <$v as Vector>::LANES,
            tiles: &[$(kernels!(@rows $v $vectors $rows)),*],
            column_tiles: super::dispatch::column_tiles!($v),
            row_tiles: super::dispatch::row_tiles!($v),
            term_tiles: super::dispatch::term_tiles!($v),
            winograd: super::winograd::squares::Transformations {
                picture: [picture::<$v, 4>, picture::<$v, 2>],
                spread: [spread::<$v, 4>, spread::<$v, 2>],
                result: [result::<$v, 4>, result::<$v, 2>],
            },
            square: $square,
            maps: [
                map::<$v, super::formulas::Exp>,
                map::<$v, super::formulas::ExpM1>,
                map::<$v, super::formulas::Log>,
                map::<$v, super::formulas::Log1p>,
                map::<$v, super::formulas::Tanh>,
                map::<$v, super::formulas::Sigmoid>,
                map::<$v, super::formulas::Erf>,
                map::<$v, super::formulas::Sin>,
                map::<$v, super::formulas::Cos>,
            ],
        };
    };
    (@rows $v:ident $vectors:literal [$($rows:literal),*]) => {
        &[$(tile::<$v, $rows, $vectors>),*]
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use kernels;

/// The tiles by columns of [`super::sliding`], made by a function `column_tile`.
macro_rules! column_tiles {
    ($v:ident) => {
        [super::dispatch::column_tiles!($v 1), super::dispatch::column_tiles!($v 2)]
    };
    ($v:ident $vectors:literal) => {
        [
            column_tile::<$v, 1, $vectors>,
            column_tile::<$v, 2, $vectors>,
            column_tile::<$v, 3, $vectors>,
            column_tile::<$v, 4, $vectors>,
            column_tile::<$v, 5, $vectors>,
            column_tile::<$v, 6, $vectors>,
        ]
    };
}
pub(super) use column_tiles;

/// The tiles by rows of [`super::sliding`], made by a function `row_tile`.
macro_rules! row_tiles {
    ($v:ident) => {
        [super::dispatch::row_tiles!($v 1: 1 2 3 4 5 6 7 8 9 10 11 12), super::dispatch::row_tiles!($v 2: 1 2 3 4 5 6)]
    };
    ($v:ident $vectors:literal: $($columns:literal)*) => {
        &[$(row_tile::<$v, $vectors, $columns>),*]
    };
}
pub(super) use row_tiles;

/// The tiles by terms of [`super::sliding`], made by a function `term_tile`.
macro_rules! term_tiles {
    ($v:ident) => {
        [super::dispatch::term_tiles!($v 1), super::dispatch::term_tiles!($v 2), super::dispatch::term_tiles!($v 3)]
    };
    ($v:ident $rows:literal) => {
        [term_tile::<$v, $rows, 1>, term_tile::<$v, $rows, 2>, term_tile::<$v, $rows, 3>, term_tile::<$v, $rows, 4>]
    };
}
pub(super) use term_tiles;
