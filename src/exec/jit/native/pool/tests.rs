//! Pooling against its definition, window by window.

use super::*;
use crate::ir::Dim;
use crate::ir::op::{ReduceKind, Window};

/// Windows that slide over an axis: their size, stride and dilation, and what is added before the axis and behind it.
#[derive(Clone, Copy, Debug)]
struct Along {
    size: usize,
    window: i64,
    stride: i64,
    dilation: i64,
    pads: [i64; 2],
}

impl Along {
    /// Windows that follow each other up to the end.
    fn whole(size: usize, window: i64) -> Along {
        Along { size, window, stride: window, dilation: 1, pads: [-(size as i64 % window), 0] }
    }

    fn description(&self) -> Window {
        let [lo, hi] = self.pads.map(Dim::constant);
        Window { size: Dim::constant(self.window), stride: self.stride, dilation: self.dilation, lo, hi }
    }

    fn count(&self) -> usize {
        let span = self.dilation * (self.window - 1) + 1;
        let room = self.size as i64 + self.pads[0] + self.pads[1] - span;
        usize::try_from(room.div_euclid(self.stride) + 1).unwrap_or(0)
    }

    /// The positions of a window that lie on the axis.
    fn positions(&self, idx: usize) -> Vec<usize> {
        let all = (0..self.window).map(|k| idx as i64 * self.stride - self.pads[0] + k * self.dilation);
        all.filter_map(|at| usize::try_from(at).ok()).filter(|&at| at < self.size).collect()
    }
}

/// Every combination of one of each, the last the fastest.
fn product(axes: &[Vec<usize>], sizes: &[usize]) -> Vec<usize> {
    axes.iter().zip(sizes).fold(vec![0], |places, (axis, size)| {
        places.iter().flat_map(|place| axis.iter().map(move |at| place * size + at)).collect()
    })
}

fn check<T: Pooled + Into<f64>>(axes: &[Along], kind: ReduceKind, of: impl Fn(f64) -> T) {
    let sizes: Vec<usize> = axes.iter().map(|axis| axis.size).collect();
    let descriptions: Vec<Window> = axes.iter().map(Along::description).collect();
    let windows = MaxWindows::new(kind, &descriptions, &sizes);
    let n: usize = sizes.iter().product();
    let x: Vec<T> = (0..n).map(|i| of(if i % 29 == 5 { f64::NAN } else { (i * 7 % 5) as f64 })).collect();
    let counts: Vec<usize> = axes.iter().map(Along::count).collect();
    assert_eq!(windows.sizes(), (n, counts.iter().product()), "{axes:?}");
    let few: Vec<T> = (0..counts.iter().product()).map(|i: usize| of(i as f64 + 1.0)).collect();
    let (mut best, mut back) = (vec![of(-1.0); few.len()], vec![of(-1.0); n]);
    let smallest = kind == ReduceKind::Min;
    let kernels = Kernels::of(&windows);
    kernels.pool(&windows, &x, &mut best);
    kernels.give_back(&windows, &x, &few, &mut back);

    let mut wanted = vec![0.0; n];
    let all: Vec<Vec<usize>> = counts.iter().map(|&count| (0..count).collect()).collect();
    for at in product(&all, &counts) {
        let mut rest = at;
        let mut inside: Vec<Vec<usize>> = axes
            .iter()
            .zip(&counts)
            .rev()
            .map(|(axis, count)| {
                let idx = rest % count;
                rest /= count;
                axis.positions(idx)
            })
            .collect();
        inside.reverse();
        let value = |place: usize| -> f64 { x[place].into() };
        let wins = |x: f64, old: f64| !old.is_nan() && (x.is_nan() || if smallest { x < old } else { x > old });
        let found = product(&inside, &sizes)
            .into_iter()
            .reduce(|old, place| if wins(value(place), value(old)) { place } else { old });
        let nothing = if smallest { f64::INFINITY } else { f64::NEG_INFINITY };
        let (got, wanted_best): (f64, f64) = (best[at].into(), found.map_or(nothing, value));
        assert!(
            got == wanted_best || got.is_nan() && wanted_best.is_nan(),
            "{axes:?}, window {at}: {got}, not {wanted_best}"
        );
        if let Some(found) = found {
            wanted[found] += few[at].into();
        }
    }
    let back: Vec<f64> = back.into_iter().map(Into::into).collect();
    assert_eq!(back, wanted, "{axes:?}");
}

fn check_all(axes: &[Along]) {
    for kind in [ReduceKind::Max, ReduceKind::Min] {
        check::<f32>(axes, kind, |x| x as f32);
        check::<f64>(axes, kind, |x| x);
    }
}

#[test]
fn squares_give_what_their_windows_give_one_by_one() {
    for columns in [2, 5, 8, 9, 10, 15, 16, 17, 28, 31, 64, 67] {
        for window in [[1, 2], [1, 3], [2, 2], [3, 3]].into_iter().filter(|window| window[1] <= columns) {
            check_all(&[Along::whole(7, window[0]), Along::whole(columns as usize, window[1])]);
        }
    }
}

#[test]
fn cubes_give_what_their_windows_give_one_by_one() {
    for sizes in [[4, 4, 4], [5, 7, 9], [2, 6, 16], [6, 8, 17]] {
        for cube in [[2, 2, 2], [1, 2, 2], [2, 1, 2], [2, 3, 3]] {
            check_all(&[0, 1, 2].map(|axis| Along::whole(sizes[axis], cube[axis])));
        }
    }
}

#[test]
fn windows_of_any_kind_give_what_they_give_one_by_one() {
    let pads = [[0, 0], [1, 1], [2, 0], [0, 3], [-1, 0], [4, 4]];
    for (size, window) in [(1, 1), (2, 3), (7, 3), (9, 2), (12, 5)] {
        for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 3), (5, 1)] {
            for pads in pads {
                let across = Along { size, window, stride, dilation, pads };
                if across.count() > 0 {
                    let down = Along { size: 6, window: 3, stride: 2, dilation: 1, pads: [1, 1] };
                    check_all(&[across]);
                    check_all(&[down, across]);
                    check_all(&[Along { size: 3, window: 2, stride: 1, ..down }, down, across]);
                }
            }
        }
    }
}
