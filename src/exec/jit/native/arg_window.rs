//! Where the largest or smallest element of every window is.
#![allow(unsafe_code)] // Compiled code knows addresses only.

use super::SHARED;
use crate::exec::jit::pool::{Pool, share};
use crate::exec::jit::runtime::{Elements, Shared};
use crate::ir::op::{ArgWindow, ReduceKind};
use crate::tensor::DType;

/// Windows that slide over planes.
pub struct ArgWindows {
    planes: usize,
    smallest: bool,
    /// The axes the windows slide over: the last of three, those before have one position.
    axes: [Axis; 3],
}

struct Axis {
    size: usize,
    /// For each window the first position it covers, and how many.
    covered: Vec<(usize, usize)>,
    dilation: usize,
}

impl ArgWindows {
    /// Of an argument of this shape, whose sizes are numbers.
    pub fn new(op: &ArgWindow, shape: &[usize]) -> ArgWindows {
        let number = |dim: &crate::ir::Dim| dim.as_const().expect("specialise gave every size a number");
        let (planes, sizes) = shape.split_at(shape.len() - op.windows.len());
        let axis = |(window, &size): (&crate::ir::op::Window, &usize)| {
            let count = number(&window.count(&size.into()).expect("it was inferred"));
            let covered = (0..count.max(0)).map(|idx| {
                let first = idx * window.stride - number(&window.lo);
                let inside = |k: &i64| (0..size as i64).contains(&(first + k * window.dilation));
                let all = 0..number(&window.size);
                let before = all.clone().find(inside);
                let n = all.filter(inside).count();
                ((first + before.unwrap_or(0) * window.dilation).max(0) as usize, n)
            });
            Axis { size, covered: covered.collect(), dilation: window.dilation as usize }
        };
        let mut axes = [0; 3].map(|_| Axis { size: 1, covered: vec![(0, 1)], dilation: 1 });
        let first = axes.len() - sizes.len();
        axes[first..].iter_mut().zip(op.windows.iter().zip(sizes)).for_each(|(to, of)| *to = axis(of));
        ArgWindows { planes: planes.iter().product(), smallest: op.kind == ReduceKind::Min, axes }
    }

    /// Whether one number comes before another. A number that is missing is larger than all others.
    fn before<T: Copy + PartialOrd>(&self, x: T, old: T) -> bool {
        let missing = |x: T| x.partial_cmp(&x).is_none();
        if self.smallest { x < old || missing(old) & !missing(x) } else { x > old || missing(x) & !missing(old) }
    }

    /// Writes the positions of all windows of a volume; of equal elements the first is the best.
    fn volume<T: Copy + PartialOrd>(&self, volume: &[T], to: &mut [i64]) {
        let [slabs, rows, columns] = &self.axes;
        let mut to = to.iter_mut();
        for &(slab, n_slabs) in &slabs.covered {
            for &(row, n_rows) in &rows.covered {
                for &(column, n_columns) in &columns.covered {
                    let at = |a: usize, b: usize| {
                        ((slab + a * slabs.dilation) * rows.size + row + b * rows.dilation) * columns.size + column
                    };
                    let mut best = 0;
                    if n_slabs * n_rows * n_columns > 0 {
                        best = at(0, 0);
                        let mut largest = volume[best];
                        for a in 0..n_slabs {
                            for b in 0..n_rows {
                                let mut place = at(a, b);
                                for _ in 0..n_columns {
                                    // Without a branch, which nobody could foresee.
                                    let (x, wins) = (volume[place], self.before(volume[place], largest));
                                    (best, largest) = (if wins { place } else { best }, if wins { x } else { largest });
                                    place += columns.dilation;
                                }
                            }
                        }
                    }
                    *to.next().expect("there is a place for every window") = best as i64;
                }
            }
        }
    }
}

/// The address of a function that writes where the best element of every window is.
pub fn arg_window_fn(dtype: DType) -> usize {
    /// # Safety
    /// The tensors have the shapes the description was made for; `to` may be written.
    unsafe extern "C" fn arg_window<T: Copy + PartialOrd>(
        shared: *const Shared,
        d: *const ArgWindows,
        from: Elements<T>,
        to: Elements<i64>,
    ) {
        // SAFETY: the caller's promise.
        let (pool, d): (&Pool, &ArgWindows) = unsafe { (&*(*shared).pool, &*d) };
        let from_step: usize = d.axes.iter().map(|axis| axis.size).product();
        let to_step: usize = d.axes.iter().map(|axis| axis.covered.len()).product();
        let n_parts = if d.planes * from_step < SHARED { 1 } else { pool.n_threads().min(d.planes) };
        pool.run(n_parts, &|part| {
            for plane in share(d.planes, 1, part, n_parts) {
                // SAFETY: the caller's promise; the planes are apart.
                let (from, to) = unsafe {
                    (
                        std::slice::from_raw_parts(from.after(plane * from_step).cast_const(), from_step),
                        std::slice::from_raw_parts_mut(to.after(plane * to_step), to_step),
                    )
                };
                d.volume(from, to);
            }
        });
    }
    match dtype {
        DType::F32 => arg_window::<f32> as *const () as usize,
        DType::F64 => arg_window::<f64> as *const () as usize,
        _ => arg_window::<i64> as *const () as usize,
    }
}
