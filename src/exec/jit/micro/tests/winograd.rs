//! Convolutions with fewer multiplications, against plain loops.

use super::super::{Isa, Winograd};
use super::Draw;
use super::sliding::Number;

/// A convolution of drawn sizes, where the operands lie row by row, the filters perhaps with the channels first.
fn drawn(draw: &mut Draw) -> Winograd {
    // Of many pictures several blocks and sums.
    let pictures = if draw.whole(0, 3) == 0 { draw.whole(20, 60) } else { draw.whole(1, 5) };
    let (filters, channels) = (draw.whole(1, 14), draw.whole(1, 9));
    let out = [draw.whole(1, 9), draw.whole(1, 37)];
    let size = if draw.whole(0, 1) == 0 { 3 } else { 5 };
    let [h, w] = out.map(|rows| rows + size - 1);
    let all = size * size;
    let filter = if draw.whole(0, 1) == 0 { [all * channels, all, size, 1] } else { [all, all * filters, 1, size] };
    Winograd {
        pictures,
        filters,
        channels,
        size,
        out,
        filter,
        picture: [channels * h * w, h * w, w],
        result: [filters * out[0] * out[1], out[0] * out[1], out[1]],
    }
}

/// Calls `f` with the place of every product of the convolution in filters, pictures and results.
fn each_product(w: &Winograd, mut f: impl FnMut([usize; 3])) {
    let at = |strides: &[usize], idx: &[usize]| strides.iter().zip(idx).map(|(s, i)| s * i).sum::<usize>();
    for i in 0..w.pictures {
        for (filter, c) in (0..w.filters).flat_map(|filter| (0..w.channels).map(move |c| (filter, c))) {
            for (y, x) in (0..w.out[0]).flat_map(|y| (0..w.out[1]).map(move |x| (y, x))) {
                for (k, l) in (0..w.size).flat_map(|k| (0..w.size).map(move |l| (k, l))) {
                    let in_filters = at(&w.filter, &[filter, c, k, l]);
                    let in_pictures = at(&w.picture, &[i, c, y + k]) + x + l;
                    f([in_filters, in_pictures, at(&w.result, &[i, filter, y]) + x]);
                }
            }
        }
    }
}

fn check<T: Number>(draw: &mut Draw, w: &Winograd) {
    let [in_filters, in_pictures, in_results] = w.extents();
    let mut numbers = |n: usize| -> Vec<f64> { (0..n).map(|_| T::of(draw.unit()).value()).collect() };
    let (filters, pictures, back) = (numbers(in_filters), numbers(in_pictures), numbers(in_results));
    let (mut results, mut gradient) = (vec![0.0; in_results], vec![0.0; in_filters]);
    each_product(w, |[f, p, r]| {
        results[r] += filters[f] * pictures[p];
        gradient[f] += back[r] * pictures[p];
    });
    let [filters, pictures, back] =
        [filters, pictures, back].map(|numbers| numbers.into_iter().map(T::of).collect::<Vec<T>>());
    for isa in Isa::available() {
        let close = |got: &[T], wanted: &[f64], what: &str| {
            for (got, wanted) in got.iter().zip(wanted) {
                let difference = (got.value() - wanted).abs();
                let most = 4.0 * T::TOLERANCE * (1.0 + wanted.abs());
                assert!(difference <= most, "{} {what}: {got:?}, not {wanted}, {w:?}", isa.name());
            }
        };
        let kernels = T::kernels_of(isa);
        let n = kernels.n_blocks(w);
        let run = |cuts: &[usize]| {
            let mut found = vec![T::of(f64::NAN); in_results];
            for pair in cuts.windows(2) {
                let operands = [filters.as_ptr(), pictures.as_ptr()];
                // SAFETY: the operands are as long as the description says.
                unsafe { kernels.winograd(w, operands, found.as_mut_ptr(), pair[0]..pair[1]) };
            }
            found
        };
        let whole = run(&[0, n]);
        close(&whole, &results, "results");
        for cut in 1..n {
            assert_eq!(run(&[0, cut, n]), whole, "{}: cut at {cut}, {w:?}", isa.name());
        }
        let mut found = vec![T::of(f64::NAN); in_filters];
        let mut sums = vec![T::of(f64::NAN); kernels.sums_len(w)];
        // SAFETY: the operands are as long as the description says, and the sums as the kernels say.
        unsafe {
            for sum in 0..kernels.n_sums(w) {
                kernels.winograd_sum(w, [back.as_ptr(), pictures.as_ptr()], sums.as_mut_ptr(), sum);
            }
            kernels.winograd_filters(w, sums.as_ptr(), found.as_mut_ptr(), 0..w.filters);
        }
        close(&found, &gradient, "gradient");
    }
}

#[test]
fn winograd_gives_what_the_definition_gives() {
    let mut draw = Draw(11);
    for _ in 0..40 {
        let case = drawn(&mut draw);
        check::<f32>(&mut draw, &case);
        check::<f64>(&mut draw, &case);
    }
}
