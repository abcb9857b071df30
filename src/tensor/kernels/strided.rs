//! Copies between a tensor and a strided view of another: the one loop behind all ops that move elements.

/// A view: for every axis a size and the distance in memory from one position to the next, which may be 0 or negative.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Where the first element lies.
    pub offset: usize,
    /// The sizes.
    pub shape: Vec<usize>,
    /// The distances.
    pub strides: Vec<isize>,
}

/// Elements per side of the tiles in which a transposition runs: both sides of a tile stay in the fastest cache.
const TILE: usize = 16;

impl View {
    /// The same elements in the same order with as few axes as possible: axes of size 1 are dropped, and axes whose
    /// positions follow each other evenly are merged.
    fn merged(&self) -> View {
        let mut merged = View { offset: self.offset, shape: vec![], strides: vec![] };
        for (&size, &stride) in self.shape.iter().zip(&self.strides).filter(|(size, _)| **size != 1) {
            match (merged.shape.last_mut(), merged.strides.last_mut()) {
                (Some(last_size), Some(last_stride)) if *last_stride == stride * size as isize => {
                    *last_size *= size;
                    *last_stride = stride;
                }
                _ => {
                    merged.shape.push(size);
                    merged.strides.push(stride);
                }
            }
        }
        merged
    }

    /// The elements in row-major order of the view.
    pub fn collect<T: Copy>(&self, from: &[T]) -> Vec<T> {
        let len = self.shape.iter().product();
        let mut out = Vec::with_capacity(len);
        if len == 0 {
            return out;
        }
        let view = self.merged();
        let inner = view.shape.len().saturating_sub(2);
        let (outer_shape, outer_strides) = (&view.shape[..inner], &view.strides[..inner]);
        each_offset(view.offset, outer_shape, outer_strides, |at| {
            match (&view.shape[inner..], &view.strides[inner..]) {
                (&[n, m], &[1, stride]) if n >= TILE && m >= TILE && stride > 1 => {
                    transposed(from, at, n, m, stride as usize, &mut out);
                }
                (&[n, m], &[outer, stride]) => {
                    (0..n).for_each(|row| run(from, at.wrapping_add_signed(row as isize * outer), m, stride, &mut out));
                }
                (&[m], &[stride]) => run(from, at, m, stride, &mut out),
                _ => out.push(from[at]),
            }
        });
        out
    }

    /// Writes elements, in row-major order of `source`, to the places of this view, which has the same shape.
    pub fn scatter<T: Copy>(&self, to: &mut [T], source: &View, from: &[T]) {
        debug_assert_eq!(self.shape, source.shape);
        if self.shape.contains(&0) {
            return;
        }
        let Some((&run_len, outer_shape)) = self.shape.split_last() else {
            to[self.offset] = from[source.offset];
            return;
        };
        let inner = outer_shape.len();
        let (to_stride, from_stride) = (self.strides[inner], source.strides[inner]);
        let pairs: Vec<[isize; 2]> =
            self.strides[..inner].iter().zip(&source.strides).map(|(&to, &from)| [to, from]).collect();
        each_pair([self.offset, source.offset], outer_shape, &pairs, |[to_at, from_at]| {
            if (to_stride, from_stride) == (1, 1) {
                to[to_at..to_at + run_len].copy_from_slice(&from[from_at..from_at + run_len]);
                return;
            }
            for idx in 0..run_len as isize {
                to[to_at.wrapping_add_signed(idx * to_stride)] = from[from_at.wrapping_add_signed(idx * from_stride)];
            }
        });
    }
}

/// Appends `count` elements at a distance of `stride`.
fn run<T: Copy>(from: &[T], at: usize, count: usize, stride: isize, out: &mut Vec<T>) {
    match stride {
        1 => out.extend_from_slice(&from[at..at + count]),
        0 => out.extend(std::iter::repeat_n(from[at], count)),
        2.. => out.extend(from[at..].iter().step_by(stride as usize).take(count)),
        _ => out.extend((0..count).map(|idx| from[at.wrapping_add_signed(idx as isize * stride)])),
    }
}

/// Appends n rows of m elements, where rows are at a distance of 1 and elements of a row at a distance of `stride`.
fn transposed<T: Copy>(from: &[T], at: usize, n: usize, m: usize, stride: usize, out: &mut Vec<T>) {
    let start = out.len();
    out.resize(start + n * m, from[at]);
    let to = &mut out[start..];
    for row in (0..n).step_by(TILE) {
        for col in (0..m).step_by(TILE) {
            for i in row..n.min(row + TILE) {
                let end = m.min(col + TILE);
                let source = from[at + col * stride + i..].iter().step_by(stride);
                to[i * m + col..i * m + end].iter_mut().zip(source).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// Calls `visit` with the place of every position of a view, in row-major order.
pub(super) fn each_offset(offset: usize, shape: &[usize], strides: &[isize], mut visit: impl FnMut(usize)) {
    let strides: Vec<[isize; 1]> = strides.iter().map(|&stride| [stride]).collect();
    each_pair([offset], shape, &strides, |[at]| visit(at));
}

/// Calls `visit` with the places of every position of several views of one shape, in row-major order.
pub(super) fn each_pair<const N: usize>(
    offsets: [usize; N],
    shape: &[usize],
    strides: &[[isize; N]],
    mut visit: impl FnMut([usize; N]),
) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    let mut at = offsets;
    loop {
        visit(at);
        // Counts the index up by one, the last axis fastest, and moves the places along.
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            let back = if index[axis] < shape[axis] { 0 } else { std::mem::take(&mut index[axis]) as isize };
            for (at, stride) in at.iter_mut().zip(strides[axis]) {
                *at = at.wrapping_add_signed(stride - back * stride);
            }
            if back == 0 {
                break;
            }
        }
    }
}
