//! Where the elements of a tensor lie in memory: an offset and a distance for each axis.
//!
//! Ops that only move elements change the view and copy nothing.

/// How the elements of a tensor are found among those of another; offset and strides are in elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The place of the first element.
    pub offset: i64,
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// From an element to the next along each axis.
    pub strides: Vec<i64>,
}

impl View {
    /// Row by row, without gaps.
    pub fn contiguous(shape: &[usize]) -> View {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis] as i64;
        }
        View { offset: 0, shape: shape.to_vec(), strides }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the elements lie row by row without gaps, wherever the first is.
    pub fn is_contiguous(&self) -> bool {
        let whole = View::contiguous(&self.shape);
        let mut axes = self.shape.iter().zip(self.strides.iter().zip(&whole.strides));
        self.len() == 0 || axes.all(|(&size, (stride, wanted))| size == 1 || stride == wanted)
    }

    /// The smallest and the largest place of an element; none if there are no elements.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        if self.len() == 0 {
            return None;
        }
        let (mut lo, mut hi) = (self.offset, self.offset);
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = (size as i64 - 1) * stride;
            if reach < 0 { lo += reach } else { hi += reach }
        }
        Some((lo, hi))
    }

    /// Repeated to a shape: axis `k` becomes the axis `axes[k]`.
    pub fn broadcast(&self, shape: &[usize], axes: &[usize]) -> View {
        let mut strides = vec![0; shape.len()];
        for (k, &axis) in axes.iter().enumerate() {
            strides[axis] = if self.shape[k] == 1 && shape[axis] != 1 { 0 } else { self.strides[k] };
        }
        View { offset: self.offset, shape: shape.to_vec(), strides }
    }

    /// With the axes in another order.
    pub fn transpose(&self, perm: &[usize]) -> View {
        View {
            offset: self.offset,
            shape: perm.iter().map(|&axis| self.shape[axis]).collect(),
            strides: perm.iter().map(|&axis| self.strides[axis]).collect(),
        }
    }

    /// Part of each axis: start, size and step.
    pub fn slice(&self, ranges: &[(i64, usize, i64)]) -> View {
        let mut view = self.clone();
        for (axis, &(start, size, step)) in ranges.iter().enumerate() {
            view.offset += start * self.strides[axis];
            view.shape[axis] = size;
            view.strides[axis] *= step;
        }
        view
    }

    /// With these axes backwards.
    pub fn flip(&self, axes: &[usize]) -> View {
        let mut view = self.clone();
        for &axis in axes {
            view.offset += (self.shape[axis] as i64 - 1).max(0) * self.strides[axis];
            view.strides[axis] = -self.strides[axis];
        }
        view
    }

    /// The same elements in another shape, if distances can say so.
    pub fn reshape(&self, shape: &[usize]) -> Option<View> {
        if self.len() == 0 || self.is_contiguous() {
            return Some(View { offset: self.offset, ..View::contiguous(shape) });
        }
        // Groups of axes with equal products on both sides; inside a group the old axes must follow one another.
        let old: Vec<(usize, i64)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|(size, _)| *size != 1).collect();
        let mut strides = vec![0; shape.len()];
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            let (start, mut from, mut first) = (i, old[i].0, j);
            while first < shape.len() && shape[first] == 1 {
                first += 1;
            }
            j = first;
            let mut to = *shape.get(j)?;
            while from != to {
                if from < to {
                    i += 1;
                    from *= old.get(i)?.0;
                } else {
                    j += 1;
                    to *= *shape.get(j)?;
                }
            }
            let follows = old[start..=i].windows(2).all(|pair| pair[0].1 == pair[1].1 * pair[1].0 as i64);
            if !follows {
                return None;
            }
            let mut stride = old[i].1;
            for axis in (first..=j).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as i64;
            }
            (i, j) = (i + 1, j + 1);
        }
        Some(View { offset: self.offset, shape: shape.to_vec(), strides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(view: &View) -> Vec<i64> {
        let mut places = vec![view.offset];
        for (&size, &stride) in view.shape.iter().zip(&view.strides) {
            places = places.iter().flat_map(|at| (0..size as i64).map(move |i| at + i * stride)).collect();
        }
        places
    }

    #[test]
    fn views_follow_one_another() {
        let x = View::contiguous(&[2, 3]);
        assert_eq!(places(&x.transpose(&[1, 0])), [0, 3, 1, 4, 2, 5]);
        assert_eq!(places(&x.flip(&[1])), [2, 1, 0, 5, 4, 3]);
        assert_eq!(places(&x.slice(&[(1, 1, 1), (0, 2, 2)])), [3, 5]);
        assert_eq!(places(&View::contiguous(&[2]).broadcast(&[2, 3], &[0])), [0, 0, 0, 1, 1, 1]);
        assert_eq!(x.flip(&[0]).bounds(), Some((0, 5)));
        assert!(!x.transpose(&[1, 0]).is_contiguous() && x.slice(&[(1, 1, 1), (0, 3, 1)]).is_contiguous());
    }

    #[test]
    fn reshapes_keep_the_order_or_are_refused() {
        let x = View::contiguous(&[4, 6]);
        let columns = x.slice(&[(0, 4, 1), (2, 4, 1)]);
        let halves = columns.reshape(&[2, 2, 1, 2, 2]).expect("each axis is cut");
        assert_eq!(places(&halves), places(&columns));
        assert!(columns.reshape(&[16]).is_none() && x.transpose(&[1, 0]).reshape(&[24]).is_none());
        let turned = x.transpose(&[1, 0]).reshape(&[2, 3, 4]).expect("the first axis is cut");
        assert_eq!(places(&turned), places(&x.transpose(&[1, 0])));
        assert_eq!(x.reshape(&[24]).map(|view| places(&view)), Some(places(&x)));
        let spread = View::contiguous(&[1]).broadcast(&[3, 2], &[1]).reshape(&[6]).expect("all in one place");
        assert_eq!(places(&spread), [0; 6]);
    }
}
