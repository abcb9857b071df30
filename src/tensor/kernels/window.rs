//! The largest and smallest elements of windows that slide over the last axes.
//!
//! Windows are boxes, so axes are taken one after the other, the last first: the cost grows with the sum of a window's
//! sizes and not with their product. The first of equal elements, row by row, wins, because it wins along every axis.

use super::order::{above, below};
use crate::tensor::buffer::Data;
use crate::tensor::{Number, Tensor};

/// How a window slides along an axis. Positions outside of the axis are not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// How many positions it covers.
    pub size: usize,
    /// From one window to the next; at least 1.
    pub stride: usize,
    /// From one covered position to the next; at least 1.
    pub dilation: usize,
    /// How far the first window begins before the axis.
    pub lo: i64,
    /// How far windows may end behind the axis.
    pub hi: i64,
}

impl Window {
    /// How many windows an axis of this size has.
    pub fn count(&self, size: usize) -> usize {
        let reach = self.dilation as i64 * (self.size as i64 - 1) + 1;
        let room = size as i64 + self.lo + self.hi - reach;
        usize::try_from(room.div_euclid(self.stride as i64) + 1).unwrap_or(0)
    }

    /// The positions within an axis of this size that a window covers: the first, and how many.
    fn covered(&self, idx: usize, size: usize) -> (usize, usize) {
        let first = (idx * self.stride) as i64 - self.lo;
        // Positions of the window before the axis, and before its end.
        let steps = |distance: i64| usize::try_from(distance).unwrap_or(0).div_ceil(self.dilation).min(self.size);
        let (before, end) = (steps(-first), steps(size as i64 - first));
        ((first + (before * self.dilation) as i64).max(0) as usize, end.saturating_sub(before))
    }
}

impl Tensor {
    /// The largest element of every window; NaN if there is one. The windows slide over the last axes.
    pub fn max_window(&self, windows: &[Window]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.slide(windows, f32::LEAST, f32::larger),
            Data::F64(_) => self.slide(windows, f64::LEAST, f64::larger),
            Data::I64(_) => self.slide(windows, i64::LEAST, i64::larger),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no largest", self.dtype()),
        }
    }

    /// The smallest element of every window; NaN if there is one. The windows slide over the last axes.
    pub fn min_window(&self, windows: &[Window]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.slide(windows, f32::LARGEST, f32::smaller),
            Data::F64(_) => self.slide(windows, f64::LARGEST, f64::smaller),
            Data::I64(_) => self.slide(windows, i64::LARGEST, i64::smaller),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no smallest", self.dtype()),
        }
    }

    /// Where the largest element of every window is: its index counted row by row through the axes the windows slide over,
    /// the first if several are equal; NaN is largest. A window wholly outside gives 0.
    pub fn argmax_window(&self, windows: &[Window]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.slide_index(windows, above::<f32>),
            Data::F64(_) => self.slide_index(windows, above::<f64>),
            Data::I64(_) => self.slide_index(windows, above::<i64>),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no largest", self.dtype()),
        }
    }

    /// Where the smallest element of every window is, as in [`Tensor::argmax_window`].
    pub fn argmin_window(&self, windows: &[Window]) -> Tensor {
        match &self.data {
            Data::F32(_) => self.slide_index(windows, below::<f32>),
            Data::F64(_) => self.slide_index(windows, below::<f64>),
            Data::I64(_) => self.slide_index(windows, below::<i64>),
            Data::Bool(_) | Data::Key(_) => panic!("{} has no smallest", self.dtype()),
        }
    }

    fn slide<T: Number>(&self, windows: &[Window], nothing: T, join: impl Fn(T, T) -> T + Copy) -> Tensor {
        let mut shape = self.shape().to_vec();
        let first = shape.len() - windows.len();
        let mut elements: Option<Vec<T>> = None;
        for (axis, window) in (first..shape.len()).zip(windows).rev() {
            let slabs = Slabs::new(&shape, axis, window);
            let from = elements.as_deref().unwrap_or(self.as_slice());
            let mut out = vec![nothing; slabs.out_len()];
            if slabs.inner == 1 {
                slabs.each(|from_at, to_at| out[to_at] = join(out[to_at], from[from_at]));
            } else {
                slabs.each(|from_at, to_at| {
                    let from = &from[from_at..from_at + slabs.inner];
                    let to = &mut out[to_at..to_at + slabs.inner];
                    to.iter_mut().zip(from).for_each(|(best, &x)| *best = join(*best, x));
                });
            }
            elements = Some(out);
            shape[axis] = slabs.count;
        }
        elements.map_or_else(|| self.clone(), |elements| Tensor::from_vec(elements, &shape))
    }

    fn slide_index<T: Number>(&self, windows: &[Window], before: impl Fn(T, T) -> bool + Copy) -> Tensor {
        let mut shape = self.shape().to_vec();
        let first = shape.len() - windows.len();
        let plane: usize = shape[first..].iter().product();
        let elements = self.as_slice::<T>();
        // For each place the index of the best so far within its plane; −1 where nothing has been seen.
        let mut best: Vec<i64> = (0..elements.len()).map(|flat| (flat % plane) as i64).collect();
        for (axis, window) in (first..shape.len()).zip(windows).rev() {
            let slabs = Slabs::new(&shape, axis, window);
            let mut out = vec![-1; slabs.out_len()];
            // Slabs of one plane follow each other, and what was windowed before made them smaller or larger.
            let out_plane = slabs.count * shape[first..].iter().product::<usize>() / shape[axis].max(1);
            slabs.each(|from_at, to_at| {
                let base = to_at / out_plane * plane;
                for idx in 0..slabs.inner {
                    let (new, old) = (best[from_at + idx], &mut out[to_at + idx]);
                    let wins = |old: i64| before(elements[base + new as usize], elements[base + old as usize]);
                    if new >= 0 && (*old < 0 || wins(*old)) {
                        *old = new;
                    }
                }
            });
            best = out;
            shape[axis] = slabs.count;
        }
        best.iter_mut().for_each(|index| *index = (*index).max(0));
        Tensor::from_vec(best, &shape)
    }
}

/// A tensor seen as `[outer, size, inner]`, with windows on the middle axis.
struct Slabs {
    outer: usize,
    size: usize,
    inner: usize,
    /// How many windows there are.
    count: usize,
    /// For each window the first position it covers, and how many.
    covered: Vec<(usize, usize)>,
    dilation: usize,
}

impl Slabs {
    fn new(shape: &[usize], axis: usize, window: &Window) -> Slabs {
        let (size, count) = (shape[axis], window.count(shape[axis]));
        Slabs {
            outer: shape[..axis].iter().product(),
            size,
            inner: shape[axis + 1..].iter().product(),
            count,
            covered: (0..count).map(|idx| window.covered(idx, size)).collect(),
            dilation: window.dilation,
        }
    }

    fn out_len(&self) -> usize {
        self.outer * self.count * self.inner
    }

    /// Calls `visit` with the places of every covered run of `inner` elements and of the window that covers it, windows in
    /// order, and the positions of each in order.
    fn each(&self, mut visit: impl FnMut(usize, usize)) {
        if self.inner == 0 {
            return;
        }
        for slab in 0..self.outer {
            for (idx, &(first, count)) in self.covered.iter().enumerate() {
                let to = (slab * self.count + idx) * self.inner;
                let from = (slab * self.size + first) * self.inner;
                (0..count).for_each(|step| visit(from + step * self.dilation * self.inner, to));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::DType;

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let window = (1_usize..4, 1_usize..4, 1_usize..3, -1_i64..3, -1_i64..3)
            .prop_map(|(size, stride, dilation, lo, hi)| Window { size, stride, dilation, lo, hi });
        proptest::collection::vec(window, 2)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn windows_agree_with_the_plain_loop(
            windows in windows(),
            shape in proptest::array::uniform3(1_usize..6),
            values in proptest::collection::vec(prop_oneof![8 => (-3_i32..4).prop_map(f64::from), 1 => Just(f64::NAN)], 125),
        ) {
            let len: usize = shape.iter().product();
            let x = Tensor::from_vec(values[..len].to_vec(), &shape);
            let counts = [windows[0].count(shape[1]), windows[1].count(shape[2])];
            let (largest, smallest) = (x.max_window(&windows), x.min_window(&windows));
            let (argmax, argmin) = (x.argmax_window(&windows), x.argmin_window(&windows));
            prop_assert_eq!(largest.shape(), [shape[0], counts[0], counts[1]]);
            for flat in 0..largest.len() {
                let (plane, at) = (flat / (counts[0] * counts[1]), flat % (counts[0] * counts[1]));
                let positions = |window: &Window, idx: usize, size: usize| -> Vec<usize> {
                    let first = (idx * window.stride) as i64 - window.lo;
                    let all = (0..window.size).map(|step| first + (step * window.dilation) as i64);
                    all.filter(|position| (0..size as i64).contains(position)).map(|position| position as usize).collect()
                };
                let rows = positions(&windows[0], at / counts[1], shape[1]);
                let columns = positions(&windows[1], at % counts[1], shape[2]);
                let places: Vec<usize> =
                    rows.iter().flat_map(|row| columns.iter().map(move |column| row * shape[2] + column)).collect();
                let value = |place: usize| x.get_f64(plane * shape[1] * shape[2] + place);
                let fold = |nothing, join: fn(f64, f64) -> f64| places.iter().fold(nothing, |best, &place| join(best, value(place)));
                prop_assert_eq!(Tensor::of(largest.get_f64(flat).is_nan()), Tensor::of(places.iter().any(|&place| value(place).is_nan())));
                if !largest.get_f64(flat).is_nan() {
                    prop_assert_eq!(largest.get_f64(flat), fold(f64::NEG_INFINITY, f64::max));
                    prop_assert_eq!(smallest.get_f64(flat), fold(f64::INFINITY, f64::min));
                }
                let first = |before: fn(f64, f64) -> bool| {
                    places.iter().copied().reduce(|best, place| if before(value(place), value(best)) { place } else { best })
                };
                prop_assert_eq!(argmax.get_f64(flat), first(above).unwrap_or(0) as f64);
                prop_assert_eq!(argmin.get_f64(flat), first(below).unwrap_or(0) as f64);
            }
        }
    }

    #[test]
    fn a_pool_of_two_by_two() {
        let x = Tensor::from_vec((0..16).map(f64::from).collect(), &[4, 4]);
        let window = Window { size: 2, stride: 2, dilation: 1, lo: 0, hi: 0 };
        assert_eq!(x.max_window(&[window, window]).as_slice::<f64>(), [5.0, 7.0, 13.0, 15.0]);
        assert_eq!(x.argmin_window(&[window, window]).as_slice::<i64>(), [0, 2, 8, 10]);
        assert_eq!(window.count(5), 2);
        assert_eq!(window.count(0), 0);
        assert!(Tensor::zeros(DType::F64, &[0, 4, 4]).argmax_window(&[window, window]).is_empty());
    }
}
