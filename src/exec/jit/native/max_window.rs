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
}

impl MaxWindows {
    /// Over an argument of this shape, whose sizes are numbers.
    pub fn new(kind: ReduceKind, windows: &[Window], shape: &[usize]) -> MaxWindows {
        let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
        let (planes, sizes) = shape.split_at(shape.len() - windows.len());
        let axis = |(window, &size): (&Window, &usize)| {
            let count = number(&window.count(&size.into()).expect("it was inferred"));
            let covered = (0..count.max(0)).map(|idx| {
                let first = idx * window.stride - number(&window.lo);
                let inside = |k: &i64| (0..size as i64).contains(&(first + k * window.dilation));
                let all = 0..number(&window.size);
                let before = all.clone().find(inside);
                let n = all.filter(inside).count();
                ((first + before.unwrap_or(0) * window.dilation).max(0) as usize, n)
            });
            Axis::new(size, covered.collect(), window.dilation as usize)
        };
        let mut axes = [0; 3].map(|_| Axis::new(1, vec![(0, 1)], 1));
        let first = axes.len() - sizes.len();
        axes[first..].iter_mut().zip(windows.iter().zip(sizes)).for_each(|(to, of)| *to = axis(of));
        MaxWindows { planes: planes.iter().product(), smallest: kind == ReduceKind::Min, axes }
    }

    /// Elements of a plane, and windows over it.
    pub fn sizes(&self) -> (usize, usize) {
        let elements = self.axes.iter().map(|axis| axis.size).product();
        (elements, self.axes.iter().map(|axis| axis.covered.len()).product())
    }

    /// For every row of windows, in order, where the rows of the plane begin that it covers.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
        let [slabs, rows, columns] = &self.axes;
        let covered = |axis: &Axis, (first, n): (usize, usize)| {
            let dilation = axis.dilation;
            (0..n).map(move |k| first + k * dilation)
        };
        slabs.covered.iter().flat_map(move |&slab| {
            rows.covered.iter().map(move |&row| {
                let in_slab =
                    move |slab: usize| covered(rows, row).map(move |row| (slab * rows.size + row) * columns.size);
                covered(slabs, slab).flat_map(in_slab)
            })
        })
    }
}

impl Axis {
    fn new(size: usize, covered: Vec<(usize, usize)>, dilation: usize) -> Axis {
        let whole = covered.first().copied().filter(|&(first, n)| {
            dilation == 1 && covered.iter().enumerate().all(|(idx, &window)| window == (first + idx * n, n))
        });
        Axis { size, covered, dilation, whole }
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
