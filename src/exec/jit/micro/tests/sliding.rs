//! Contractions of which one operand slides, against plain loops.

use super::super::{Element, Isa, Sliding, Turns, Way};
use super::Draw;

/// A convolution of pictures in two dimensions, or the gradient of its filters, with steps and gaps between positions.
struct Case {
    pictures: usize,
    channels: usize,
    filters: usize,
    kernel: [usize; 2],
    out: [usize; 2],
    dilation: usize,
}

impl Case {
    fn drawn(draw: &mut Draw) -> Case {
        Case {
            pictures: draw.whole(1, 3),
            channels: draw.whole(1, 4),
            filters: draw.whole(1, 14),
            kernel: [draw.whole(1, 3), draw.whole(1, 5)],
            out: [draw.whole(1, 5), draw.whole(1, 37)],
            dilation: draw.whole(1, 2),
        }
    }

    /// Sides of a picture.
    fn sides(&self) -> [usize; 2] {
        [0, 1].map(|k| self.out[k] + self.dilation * (self.kernel[k] - 1))
    }

    /// Where everything lies in filters `[f, c, kh, kw]`, pictures `[n, c, h, w]` and results `[n, f, i, j]`: distances of
    /// pictures, rows, columns and terms.
    fn forward(&self) -> Sliding {
        let ([h, w], [kh, kw], [out_h, out_w]) = (self.sides(), self.kernel, self.out);
        let window = self.channels * kh * kw;
        let mut terms = vec![];
        for c in 0..self.channels {
            for y in 0..kh {
                let line = |x: usize| [(c * kh + y) * kw + x, (c * h + y * self.dilation) * w + x * self.dilation];
                terms.extend((0..kw).map(line));
            }
        }
        let strides = [0, self.channels * h * w, self.filters * out_h * out_w];
        Sliding {
            way: Way::Columns,
            loops: vec![Turns { count: self.pictures, strides }],
            rows: (0..self.filters).map(|f| [f * window, f * out_h * out_w]).collect(),
            columns: (0..out_h).map(|i| [i * w, i * out_w]).collect(),
            terms,
            sums: Turns { count: 1, strides: [0; 3] },
            width: out_w,
        }
    }

    /// The gradient of the filters, of what comes back `[n, f, i, j]` and the pictures.
    fn backward(&self) -> Sliding {
        let forward = self.forward();
        let [_, picture, result] = forward.loops[0].strides;
        Sliding {
            way: Way::Terms,
            loops: vec![],
            rows: forward.rows.iter().map(|&[filter, result]| [result, filter]).collect(),
            columns: forward.terms.iter().map(|&[filter, picture]| [picture, filter]).collect(),
            terms: forward.columns.iter().map(|&[picture, result]| [result, picture]).collect(),
            sums: Turns { count: self.pictures, strides: [result, picture, 0] },
            width: self.out[1],
        }
    }

    /// The same, with filters side by side in registers.
    fn by_rows(mut s: Sliding) -> Sliding {
        match s.way {
            Way::Columns => {
                let places = |&[b, c]: &[usize; 2]| (0..s.width).map(move |x| [b + x, c + x]);
                s.columns = s.columns.iter().flat_map(places).collect();
            }
            _ => {
                let places = |&[a, b]: &[usize; 2]| (0..s.width).map(move |x| [a + x, b + x]);
                s.terms = s.terms.iter().flat_map(places).collect();
            }
        }
        Sliding { way: Way::Rows, width: 1, ..s }
    }

    fn sizes(&self) -> [usize; 3] {
        let window: usize = self.channels * self.kernel.iter().product::<usize>();
        let [h, w] = self.sides();
        [
            self.filters * window,
            self.pictures * self.channels * h * w,
            self.pictures * self.filters * self.out[0] * self.out[1],
        ]
    }
}

/// What the description says, number by number.
fn reference(s: &Sliding, a: &[f64], b: &[f64], c: &mut [f64]) {
    let (run, in_term) = match s.way {
        Way::Columns => (s.width, 1),
        Way::Rows => (1, 1),
        Way::Terms => (1, s.width),
    };
    let turns = s.loops.first().copied().unwrap_or(Turns { count: 1, strides: [0; 3] });
    for turn in 0..turns.count {
        let [at_a, at_b, at_c] = turns.strides.map(|stride| stride * turn);
        for row in &s.rows {
            for column in &s.columns {
                for j in 0..run {
                    let mut sum = 0.0;
                    for outer in 0..s.sums.count {
                        for term in &s.terms {
                            for l in 0..in_term {
                                let x = a[at_a + row[0] + term[0] + l + outer * s.sums.strides[0]];
                                sum += x * b[at_b + column[0] + j + term[1] + l + outer * s.sums.strides[1]];
                            }
                        }
                    }
                    c[at_c + row[1] + column[1] + j] = sum;
                }
            }
        }
    }
}

pub(super) trait Number: Element {
    const TOLERANCE: f64;
    fn of(x: f64) -> Self;
    fn value(self) -> f64;
}

impl Number for f32 {
    const TOLERANCE: f64 = 1e-4;
    fn of(x: f64) -> f32 {
        x as f32
    }
    fn value(self) -> f64 {
        self.into()
    }
}

impl Number for f64 {
    const TOLERANCE: f64 = 1e-12;
    fn of(x: f64) -> f64 {
        x
    }
    fn value(self) -> f64 {
        self
    }
}

/// Compares with the reference, the whole and cut into pieces at every place, which must change no bit.
fn check<T: Number>(draw: &mut Draw, s: &Sliding, [a, b, c]: [usize; 3]) {
    let mut numbers = |n: usize| -> Vec<f64> { (0..n).map(|_| T::of(draw.unit()).value()).collect() };
    let (a, b) = (numbers(a), numbers(b));
    // The pictures may end behind the last row that a window reaches.
    let [in_a, in_b, in_c] = s.extents();
    assert!(in_a == a.len() && in_b <= b.len() && in_c == c, "{s:?}");
    let mut wanted = vec![0.0; c];
    reference(s, &a, &b, &mut wanted);
    let [a, b] = [a, b].map(|numbers| numbers.into_iter().map(T::of).collect::<Vec<T>>());
    for isa in Isa::available() {
        let kernels = T::kernels_of(isa);
        let s = &s.clone().in_registers(kernels.lanes());
        let n = kernels.n_pieces(s);
        let run = |cuts: &[usize]| {
            let mut c = vec![T::of(f64::NAN); c];
            for pair in cuts.windows(2) {
                // SAFETY: the description names elements of the operands, which the reference has read and written as well.
                unsafe { kernels.sliding(s, [a.as_ptr(), b.as_ptr()], c.as_mut_ptr(), pair[0]..pair[1]) };
            }
            c
        };
        let whole = run(&[0, n]);
        for (got, wanted) in whole.iter().zip(&wanted) {
            let difference = (got.value() - wanted).abs();
            assert!(difference <= T::TOLERANCE * (1.0 + wanted.abs()), "{}: {got:?}, not {wanted}, {s:?}", isa.name());
        }
        for cut in 1..n {
            assert_eq!(run(&[0, cut, n]), whole, "{}: cut at {cut}, {s:?}", isa.name());
        }
    }
}

#[test]
fn convolutions_and_gradients_of_filters_are_right_in_any_pieces() {
    let mut draw = Draw(5);
    for _ in 0..60 {
        let case = Case::drawn(&mut draw);
        let [filters, pictures, results] = case.sizes();
        for s in [case.forward(), Case::by_rows(case.forward())] {
            check::<f32>(&mut draw, &s, [filters, pictures, results]);
            check::<f64>(&mut draw, &s, [filters, pictures, results]);
        }
        for s in [case.backward(), Case::by_rows(case.backward())] {
            check::<f32>(&mut draw, &s, [results, pictures, filters]);
            check::<f64>(&mut draw, &s, [results, pictures, filters]);
        }
    }
}
