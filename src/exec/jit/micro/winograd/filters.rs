//! The places of filters and back: G g Gᵀ, and Gᵀ m G for gradients.

use super::{PLACES, SIDE, Winograd};
use crate::exec::jit::micro::element::Element;

/// Channels that are transformed together.
const TOGETHER: usize = 8;

/// A number of each of these channels.
#[derive(Clone, Copy)]
struct Channels<T>([T; TOGETHER]);

impl<T: Element> Channels<T> {
    const ZERO: Self = Channels([T::ZERO; TOGETHER]);

    /// `self + a x`.
    #[inline(always)]
    fn more(mut self, a: T, x: Self) -> Self {
        for (to, x) in self.0.iter_mut().zip(x.0) {
            *to = *to + a * x;
        }
        self
    }

    #[inline(always)]
    fn times(self, a: T) -> Self {
        Self::ZERO.more(a, self)
    }
}

/// √2 to the power of these, and one through it.
fn powers<T: Element>() -> [[T; 2]; 5] {
    let (half, root) = (T::HALF, T::SQRT_2);
    let quarter = half * half;
    [[T::ONE; 2], [root, half * root], [T::TWO, half], [T::TWO * root, quarter * root], [T::TWO * T::TWO, quarter]]
}

/// G g, for a column of a filter.
#[inline(always)]
fn spread<T: Element, const SIZE: usize>(g: [Channels<T>; SIZE]) -> [Channels<T>; SIDE] {
    let [mut even, mut odd, mut even_2, mut odd_2] = [Channels::ZERO; 4];
    for (power, (&g, [up, down])) in g.iter().zip(powers()).enumerate() {
        let (sum, sum_2) = if power % 2 == 0 { (&mut even, &mut even_2) } else { (&mut odd, &mut odd_2) };
        (*sum, *sum_2) = (sum.more(up * T::SIXTH, g), sum_2.more((T::ZERO - T::TWO) * T::TWO * T::SIXTH * down, g));
    }
    let minus = T::ZERO - T::ONE;
    let (first, last) = (g[0], g[SIZE - 1]);
    [first, even.more(T::ONE, odd), even.more(minus, odd), even_2.more(T::ONE, odd_2), even_2.more(minus, odd_2), last]
}

/// Gᵀ m, for a column of places.
#[inline(always)]
fn gather<T: Element, const SIZE: usize>([m0, m1, m2, m3, m4, m5]: [Channels<T>; SIDE]) -> [Channels<T>; SIZE] {
    let (minus, two_thirds) = (T::ZERO - T::ONE, T::TWO * T::TWO * T::SIXTH);
    let even = (m1.more(T::ONE, m2), m3.more(T::ONE, m4));
    let odd = (m1.more(minus, m2), m3.more(minus, m4));
    let mut g = [Channels::ZERO; SIZE];
    for (power, (g, [up, down])) in g.iter_mut().zip(powers()).enumerate() {
        let (sum, sum_2) = if power % 2 == 0 { even } else { odd };
        *g = sum.times(up * T::SIXTH).more(minus * two_thirds * down, sum_2);
    }
    (g[0], g[SIZE - 1]) = (g[0].more(T::ONE, m0), g[SIZE - 1].more(T::ONE, m5));
    g
}

/// The places of all filters, for each place a matrix of filters and channels.
///
/// # Safety
/// The filters may be read for all elements the description names.
pub(super) unsafe fn spread_all<T: Element, const SIZE: usize>(w: &Winograd, filters: *const T, to: &mut [T]) {
    let n = w.filters * w.channels;
    for f in 0..w.filters {
        for first in (0..w.channels).step_by(TOGETHER) {
            let count = (w.channels - first).min(TOGETHER);
            let mut g = [[Channels::ZERO; SIZE]; SIZE];
            for channel in 0..count {
                let from = filters.wrapping_add(f * w.filter[0] + (first + channel) * w.filter[1]);
                for (l, column) in g.iter_mut().enumerate() {
                    for (k, g) in column.iter_mut().enumerate() {
                        // SAFETY: the caller's promise.
                        g.0[channel] = unsafe { *from.add(k * w.filter[2] + l * w.filter[3]) };
                    }
                }
            }
            let mut columns = [[Channels::ZERO; SIDE]; SIZE];
            for (column, g) in columns.iter_mut().zip(g) {
                *column = spread(g);
            }
            for row in 0..SIDE {
                let mut g = [Channels::ZERO; SIZE];
                for (g, column) in g.iter_mut().zip(&columns) {
                    *g = column[row];
                }
                let places = spread(g);
                for (column, place) in places.iter().enumerate() {
                    let start = (SIDE * row + column) * n + f * w.channels + first;
                    to[start..start + count].copy_from_slice(&place.0[..count]);
                }
            }
        }
    }
}

/// The gradient of a filter, from the sums of all parts.
///
/// # Safety
/// `sums` may be read for `n_sums` times the places of all filters, and `filters` written for all elements the description names.
pub(super) unsafe fn gather_one<T: Element, const SIZE: usize>(
    w: &Winograd,
    sums: *const T,
    n_sums: usize,
    filters: *mut T,
    f: usize,
) {
    let n = w.filters * w.channels;
    for first in (0..w.channels).step_by(TOGETHER) {
        let count = (w.channels - first).min(TOGETHER);
        let mut columns = [[Channels::ZERO; SIZE]; SIDE];
        for (column, gathered) in columns.iter_mut().enumerate() {
            let mut places = [Channels::ZERO; SIDE];
            for (row, place) in places.iter_mut().enumerate() {
                for sum in 0..n_sums {
                    let at = (sum * PLACES + SIDE * row + column) * n + f * w.channels + first;
                    // SAFETY: the caller's promise.
                    *place = place.more(T::ONE, unsafe { some(sums.add(at), count) });
                }
            }
            *gathered = gather(places);
        }
        for k in 0..SIZE {
            let [c0, c1, c2, c3, c4, c5] = &columns;
            let row: [_; SIZE] = gather([c0[k], c1[k], c2[k], c3[k], c4[k], c5[k]]);
            for (l, x) in row.iter().enumerate() {
                for (channel, &x) in x.0.iter().enumerate().take(count) {
                    let at = f * w.filter[0] + (first + channel) * w.filter[1] + k * w.filter[2] + l * w.filter[3];
                    // SAFETY: the caller's promise.
                    unsafe { *filters.add(at) = x };
                }
            }
        }
    }
}

/// The numbers of the first channels from `from` on.
///
/// # Safety
/// They may be read.
#[inline(always)]
unsafe fn some<T: Element>(from: *const T, count: usize) -> Channels<T> {
    if count == TOGETHER {
        // SAFETY: the caller's promise; the layout is that of the array.
        return Channels(unsafe { *from.cast::<[T; TOGETHER]>() });
    }
    let mut found = Channels::ZERO;
    for channel in 0..count {
        // SAFETY: the caller's promise.
        found.0[channel] = unsafe { *from.add(channel) };
    }
    found
}
