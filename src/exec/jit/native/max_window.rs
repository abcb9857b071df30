//! Windows that slide over planes, and what it means to be the largest or smallest in them.

use crate::exec::jit::micro::Element;
use crate::ir::op::{ReduceKind, Window};

/// Windows that slide over the last axes of a tensor; those before are planes, each for itself.
pub struct MaxWindows {
    pub planes: usize,
    pub smallest: bool,
    /// The axes the windows slide over: the last of three, those before have one position.
    pub axes: [Axis; 3],
}

/// An axis that windows slide over.
pub struct Axis {
    pub size: usize,
    /// For each window the first position it covers, and how many.
    pub covered: Vec<(usize, usize)>,
    pub dilation: usize,
    /// If the windows follow each other and all have the same number of positions: where the first begins, and the number.
    pub whole: Option<(usize, usize)>,
    /// From a window to the next.
    pub stride: usize,
    /// The positions of the windows in order: which windows have it.
    pub taps: Vec<Tap>,
}

/// A position of windows. With every `stride`th element of an axis in a row of its own, a phase, those that neighbouring windows
/// have at this position are neighbours.
pub struct Tap {
    /// The windows whose position lies inside.
    pub windows: std::ops::Range<usize>,
    /// The phase, and where in it the first of these windows looks.
    pub phase: usize,
    pub from: usize,
}

impl MaxWindows {
    /// Over an argument of this shape, whose sizes are numbers.
    pub fn new(kind: ReduceKind, windows: &[Window], shape: &[usize]) -> MaxWindows {
        let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
        let (planes, sizes) = shape.split_at(shape.len() - windows.len());
        let axis = |(window, &size): (&Window, &usize)| {
            let count = number(&window.count(&size.into()).expect("it was inferred"));
            let (lo, length, last) = (number(&window.lo), number(&window.size), size as i64 - 1);
            let covered = (0..count.max(0)).map(|idx| {
                let first = idx * window.stride - lo;
                let inside = |k: &i64| (0..size as i64).contains(&(first + k * window.dilation));
                let before = (0..length).find(inside);
                let n = (0..length).filter(inside).count();
                ((first + before.unwrap_or(0) * window.dilation).max(0) as usize, n)
            });
            let tap = |k: i64| {
                // Window j has stride · j + at.
                let (at, stride) = (k * window.dilation - lo, window.stride);
                let first = -at.min(0).div_euclid(stride);
                let end = ((last - at).div_euclid(stride) + 1).clamp(first, count.max(first));
                let from = (first + at.div_euclid(stride)) as usize;
                Tap { windows: first as usize..end as usize, phase: at.rem_euclid(stride) as usize, from }
            };
            let taps = (0..length).map(tap).filter(|tap| !tap.windows.is_empty());
            Axis::new(size, covered.collect(), window.dilation as usize, window.stride as usize, taps.collect())
        };
        let mut axes = [0; 3].map(|_| Axis::new(1, vec![(0, 1)], 1, 1, vec![]));
        let first = axes.len() - sizes.len();
        axes[first..].iter_mut().zip(windows.iter().zip(sizes)).for_each(|(to, of)| *to = axis(of));
        MaxWindows { planes: planes.iter().product(), smallest: kind == ReduceKind::Min, axes }
    }

    /// Elements of a plane, and windows over it.
    pub fn sizes(&self) -> (usize, usize) {
        let elements = self.axes.iter().map(|axis| axis.size).product();
        (elements, self.axes.iter().map(|axis| axis.covered.len()).product())
    }

    /// For every row of windows, in order, the rows of the plane that it covers.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
        let [slabs, rows, _] = &self.axes;
        let covered = |axis: &Axis, (first, n): (usize, usize)| {
            let dilation = axis.dilation;
            (0..n).map(move |k| first + k * dilation)
        };
        slabs.covered.iter().flat_map(move |&slab| {
            rows.covered.iter().map(move |&row| {
                let in_slab = move |slab: usize| covered(rows, row).map(move |row| slab * rows.size + row);
                covered(slabs, slab).flat_map(in_slab)
            })
        })
    }
}

impl Axis {
    fn new(size: usize, covered: Vec<(usize, usize)>, dilation: usize, stride: usize, taps: Vec<Tap>) -> Axis {
        let whole = covered.first().copied().filter(|&(first, n)| {
            dilation == 1 && covered.iter().enumerate().all(|(idx, &window)| window == (first + idx * n, n))
        });
        Axis { size, covered, dilation, whole, stride, taps }
    }
}

/// Whether a number is missing: NaN.
#[inline(always)]
#[expect(clippy::eq_op, reason = "unlike `partial_cmp` it is one instruction for many numbers")]
fn is_missing<T: Copy + PartialEq>(x: T) -> bool {
    x != x
}

/// Whether one number comes before another. A number that is missing is larger, and smaller, than all others.
#[inline(always)]
pub fn before<T: Copy + PartialOrd, const SMALLEST: bool>(x: T, old: T) -> bool {
    (if SMALLEST { x < old } else { x > old }) | (is_missing(x) & !is_missing(old))
}

/// The larger, or the smaller, or the one that is missing.
#[inline(always)]
pub fn better<T: Element, const SMALLEST: bool>(x: T, old: T) -> T {
    let wins = (if SMALLEST { x < old } else { x > old }) | is_missing(x);
    if wins { x } else { old }
}

/// What an element gets of what is left for its window.
#[inline(always)]
pub fn gift<T: Element>(x: T, best: T, left: &mut T) -> T {
    let is_best = (x == best) | (is_missing(x) & is_missing(best));
    let gift = if is_best { *left } else { T::ZERO };
    *left = if is_best { T::ZERO } else { *left };
    gift
}
