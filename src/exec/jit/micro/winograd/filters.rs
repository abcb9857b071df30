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

/// G g, for a column of a filter.
#[inline(always)]
fn spread<T: Element>([a, b, c]: [Channels<T>; 3]) -> [Channels<T>; SIDE] {
    let (sixth, third) = (T::SIXTH, T::TWO * T::SIXTH);
    let (even, odd) = (a.times(sixth).more(third, c), b.times(sixth * T::SQRT_2));
    let even_2 = a.times(T::ZERO - T::TWO * third).more(T::ZERO - third, c);
    let (plus, minus) = (T::ONE, T::ZERO - T::ONE);
    [a, even.more(plus, odd), even.more(minus, odd), even_2.more(minus * T::TWO, odd), even_2.more(T::TWO, odd), c]
}

/// Gᵀ m, for a column of places.
#[inline(always)]
fn gather<T: Element>([m0, m1, m2, m3, m4, m5]: [Channels<T>; SIDE]) -> [Channels<T>; 3] {
    let (plus, minus, third) = (T::ONE, T::ZERO - T::ONE, T::TWO * T::SIXTH);
    let (sum, difference) = (m1.more(plus, m2), m1.more(minus, m2));
    let (sum_2, difference_2) = (m3.more(plus, m4), m3.more(minus, m4));
    [
        m0.more(T::SIXTH, sum).more(T::ZERO - T::TWO * third, sum_2),
        difference.more(T::ZERO - T::TWO, difference_2).times(T::SIXTH * T::SQRT_2),
        m5.more(third, sum.more(minus, sum_2)),
    ]
}

/// The places of all filters, for each place a matrix of filters and channels.
///
/// # Safety
/// The filters may be read for all elements the description names.
pub(super) unsafe fn spread_all<T: Element>(w: &Winograd, filters: *const T, to: &mut [T]) {
    let n = w.filters * w.channels;
    for f in 0..w.filters {
        for first in (0..w.channels).step_by(TOGETHER) {
            let count = (w.channels - first).min(TOGETHER);
            let mut g = [[Channels::ZERO; 3]; 3];
            for channel in 0..count {
                let from = filters.wrapping_add(f * w.filter[0] + (first + channel) * w.filter[1]);
                for (l, column) in g.iter_mut().enumerate() {
                    for (k, g) in column.iter_mut().enumerate() {
                        // SAFETY: the caller's promise.
                        g.0[channel] = unsafe { *from.add(k * w.filter[2] + l * w.filter[3]) };
                    }
                }
            }
            let [first_column, second, third] = g;
            let columns = spread(first_column).into_iter().zip(spread(second)).zip(spread(third));
            for (row, ((a, b), c)) in columns.enumerate() {
                let places = spread([a, b, c]);
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
pub(super) unsafe fn gather_one<T: Element>(w: &Winograd, sums: *const T, n_sums: usize, filters: *mut T, f: usize) {
    let n = w.filters * w.channels;
    for first in (0..w.channels).step_by(TOGETHER) {
        let count = (w.channels - first).min(TOGETHER);
        let mut columns = [[Channels::ZERO; 3]; SIDE];
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
        for k in 0..3 {
            let [c0, c1, c2, c3, c4, c5] = columns;
            let row = gather([c0[k], c1[k], c2[k], c3[k], c4[k], c5[k]]);
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
