//! Matrix products against three loops.

use super::super::{Activation, Descriptor, Element, Isa, Strides, gemm, gemm_fn};
use super::Draw;

/// What the tests need to know of a kind of number.
trait Number: Element {
    const TOLERANCE: f64;
    fn of(x: f64) -> Self;
    fn value(self) -> f64;
}

impl Number for f32 {
    const TOLERANCE: f64 = 1.2e-7;
    fn of(x: f64) -> Self {
        x as f32
    }
    fn value(self) -> f64 {
        self.into()
    }
}

impl Number for f64 {
    const TOLERANCE: f64 = 2.3e-16;
    fn of(x: f64) -> Self {
        x
    }
    fn value(self) -> f64 {
        self
    }
}

fn span(counts: [usize; 3], strides: Strides) -> usize {
    let [batches, rows, columns] = counts;
    (batches - 1) * strides.batch + (rows - 1) * strides.row + (columns - 1) * strides.column + 1
}

fn numbers<T: Number>(draw: &mut Draw, n: usize) -> Vec<T> {
    (0..n).map(|_| T::of(draw.unit())).collect()
}

/// Compares a product on every instruction set with loops in double precision; what lies around C must not change.
fn check<T: Number>(draw: &mut Draw, d: &Descriptor<T>, with_bias: bool) {
    let a: Vec<T> = numbers(draw, span([d.batches, d.m, d.k], d.a));
    let b: Vec<T> = numbers(draw, span([d.batches, d.k, d.n], d.b));
    let bias: Option<Vec<T>> = with_bias.then(|| numbers(draw, d.n));
    let before: Vec<T> = numbers(draw, (d.m - 1) * d.c_row + d.n);
    for isa in Isa::available() {
        let mut c = before.clone();
        T::kernels_of(isa).gemm(d, &a, &b, bias.as_deref(), &mut c);
        for (at, (&got, &was)) in c.iter().zip(&before).enumerate() {
            let (i, j) = (at / d.c_row, at % d.c_row);
            if j >= d.n {
                assert_eq!(got, was, "{} wrote behind row {i} of {d:?}", isa.name());
                continue;
            }
            let (mut sum, mut size) = (0.0, 1.0);
            for batch in 0..d.batches {
                for l in 0..d.k {
                    let x = a[batch * d.a.batch + i * d.a.row + l * d.a.column].value();
                    let y = b[batch * d.b.batch + l * d.b.row + j * d.b.column].value();
                    sum += x * y;
                    size += (x * y).abs();
                }
            }
            if d.accumulate {
                sum += was.value();
            }
            sum += bias.as_ref().map_or(0.0, |bias| bias[j].value());
            let want = match d.activation {
                Activation::Identity => sum,
                Activation::Relu => sum.max(0.0),
                Activation::LeakyRelu(slope) => {
                    if sum <= 0.0 {
                        slope.value() * sum
                    } else {
                        sum
                    }
                }
                Activation::Sigmoid => 1.0 / (1.0 + (-sum).exp()),
                Activation::Tanh => sum.tanh(),
            };
            // Rounding errors of random sums grow like the square root of their length.
            let tolerance = T::TOLERANCE * size * (4.0 + 0.5 * ((d.batches * d.k) as f64).sqrt());
            let difference = (got.value() - want).abs();
            assert!(difference <= tolerance, "{}: ({i}, {j}) is {got:?}, not {want}, of {d:?}", isa.name());
        }
    }
}

fn activation<T: Number>(draw: &mut Draw) -> Activation<T> {
    match draw.whole(0, 4) {
        0 => Activation::Identity,
        1 => Activation::Relu,
        2 => Activation::LeakyRelu(T::of(0.01)),
        3 => Activation::Sigmoid,
        _ => Activation::Tanh,
    }
}

fn strides(draw: &mut Draw, rows: usize, columns: usize) -> Strides {
    let gap = draw.whole(0, 3);
    let (row, column) = match draw.whole(0, 4) {
        0 | 1 => (columns + gap, 1),
        2 | 3 => (1, rows + gap),
        _ => (2 * columns + gap, 2),
    };
    Strides { row, column, batch: draw.whole(0, rows * columns + 5) }
}

fn check_drawn<T: Number>(draw: &mut Draw, most: [usize; 3]) {
    let [m, n, k] = most.map(|most| draw.whole(1, most));
    let d = Descriptor {
        a: strides(draw, m, k),
        b: strides(draw, k, n),
        c_row: n + draw.whole(0, 3),
        batches: draw.whole(1, 3),
        accumulate: draw.whole(0, 1) == 1,
        activation: activation(draw),
        ..Descriptor::new(m, n, k)
    };
    let with_bias = draw.whole(0, 1) == 1;
    check::<T>(draw, &d, with_bias);
}

#[test]
fn every_size_of_tile_is_right() {
    let mut draw = Draw(1);
    for m in (1..=17).chain([31, 33]) {
        for n in (1..=50).chain([63, 64, 65, 97]) {
            let k = draw.whole(1, 9);
            check::<f32>(&mut draw, &Descriptor::new(m, n, k), false);
            check::<f64>(&mut draw, &Descriptor::new(m, n, k), false);
        }
    }
}

#[test]
fn drawn_products_are_right() {
    let mut draw = Draw(2);
    for _ in 0..300 {
        check_drawn::<f32>(&mut draw, [30, 70, 40]);
        check_drawn::<f64>(&mut draw, [30, 70, 40]);
    }
}

#[test]
fn long_sums_and_panels_are_right() {
    let mut draw = Draw(3);
    for size in [[7, 20, 1500], [200, 150, 500], [100, 1100, 70], [300, 90, 260]] {
        for _ in 0..2 {
            check_drawn::<f32>(&mut draw, size);
            check_drawn::<f64>(&mut draw, size);
        }
    }
    check::<f64>(&mut draw, &Descriptor::new(40, 1400, 810), true);
    check::<f32>(&mut draw, &Descriptor::new(211, 333, 401), true);
    check::<f64>(&mut draw, &Descriptor::new(211, 333, 401).with_b_transposed(), true);
    check::<f32>(&mut draw, &Descriptor::new(211, 333, 401).with_a_transposed(), true);
}

#[test]
fn an_empty_sum_is_the_bias() {
    for isa in Isa::available() {
        let mut c = [7.0f32; 6];
        f32::kernels_of(isa).gemm(&Descriptor::new(2, 3, 0), &[], &[], Some(&[1.0, 2.0, 3.0]), &mut c);
        assert_eq!(c, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        let d = Descriptor { accumulate: true, batches: 0, ..Descriptor::new(2, 3, 4) };
        f32::kernels_of(isa).gemm(&d, &[], &[], None, &mut c);
        assert_eq!(c, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        f32::kernels_of(isa).gemm(&Descriptor::new(0, 3, 4), &[], &[0.0; 12], None, &mut []);
        f32::kernels_of(isa).gemm(&Descriptor::new(3, 0, 4), &[0.0; 12], &[], None, &mut []);
    }
}

/// The whole product has the bits of its parts: how work is divided among threads does not show.
#[test]
fn parts_have_the_bits_of_the_whole() {
    fn check<T: Number>(draw: &mut Draw, m: usize, n: usize, k: usize) {
        let d = Descriptor { activation: Activation::Tanh, ..Descriptor::<T>::new(m, n, k) };
        let (a, b): (Vec<T>, Vec<T>) = (numbers(draw, m * k), numbers(draw, k * n));
        for isa in Isa::available() {
            let kernels = T::kernels_of(isa);
            let mut whole = vec![T::of(0.0); m * n];
            kernels.gemm(&d, &a, &b, None, &mut whole);
            let mut parts = vec![T::of(0.0); m * n];
            let (i, j) = (draw.whole(1, (m - 1).max(1)), draw.whole(1, n - 1));
            let parts_of = [(0..i, 0..j), (0..i, j..n), (i..m, 0..j), (i..m, j..n)];
            for (rows, columns) in parts_of.into_iter().filter(|(rows, _)| !rows.is_empty()) {
                let part = Descriptor { m: rows.len(), n: columns.len(), ..d };
                let c = &mut parts[rows.start * n + columns.start..];
                kernels.gemm(&part, &a[rows.start * k..], &b[columns.start..], None, c);
            }
            assert_eq!(whole, parts, "{} {m} {n} {k} at {i} {j}", isa.name());
        }
    }
    let mut draw = Draw(4);
    for (m, n, k) in [(5, 9, 3), (40, 130, 50), (130, 210, 900), (1, 30, 903), (1, 7, 5)] {
        check::<f32>(&mut draw, m, n, k);
        check::<f64>(&mut draw, m, n, k);
    }
}

/// What compiled code calls does the same with memory it brings along, and needs no more of it than it asks for.
#[test]
#[expect(unsafe_code, reason = "compiled code passes pointers")]
fn the_entry_for_compiled_code_is_the_same_product() {
    let mut draw = Draw(7);
    for (m, n, k) in [(3, 5, 7), (150, 170, 700)] {
        let d = Descriptor::<f32>::new(m, n, k).with_b_transposed();
        let (a, b): (Vec<f32>, Vec<f32>) = (numbers(&mut draw, m * k), numbers(&mut draw, k * n));
        let (mut want, mut got) = (vec![0.0; m * n], vec![0.0; m * n]);
        gemm(&d, &a, &b, None, &mut want);
        let len = f32::kernels().scratch_len(&d);
        let mut scratch = vec![7.0; len + 100];
        // SAFETY: the slices have the lengths of the descriptor, and the scratch memory is as long as asked for.
        unsafe {
            let null = std::ptr::null();
            gemm_fn()(&d, a.as_ptr(), b.as_ptr(), null, got.as_mut_ptr(), scratch.as_mut_ptr());
        }
        assert_eq!(want, got);
        assert!(scratch[len..].iter().all(|&x| x == 7.0), "wrote behind the scratch memory");
    }
}

/// Threads that share the panels of B give the bits of one that does all.
#[test]
#[expect(unsafe_code, reason = "compiled code passes pointers")]
fn shared_stages_have_the_bits_of_the_whole() {
    let mut draw = Draw(8);
    for (m, n, k) in [(130, 1100, 70), (101, 700, 900)] {
        let d = Descriptor::<f64>::new(m, n, k).with_b_transposed();
        let (a, b): (Vec<f64>, Vec<f64>) = (numbers(&mut draw, m * k), numbers(&mut draw, k * n));
        let (mut want, mut got) = (vec![0.0; m * n], vec![0.0; m * n]);
        gemm(&d, &a, &b, None, &mut want);
        let kernels = f64::kernels();
        let mut panels = vec![0.0; kernels.scratch_len(&d)];
        let stages = kernels.shared_stages(&d).expect("B lies the wrong way round");
        for stage in stages {
            let (half, first) = (stage.n_panels() / 2, draw.whole(1, m - 1));
            let mut own = vec![0.0; stage.scratch_len()];
            // SAFETY: the slices have the lengths of the descriptor, and the memory is as long as asked for.
            unsafe {
                stage.pack(b.as_ptr(), panels.as_mut_ptr(), half..stage.n_panels());
                stage.pack(b.as_ptr(), panels.as_mut_ptr(), 0..half);
                for rows in [first..m, 0..first] {
                    let operands = [a.as_ptr(), b.as_ptr(), std::ptr::null()];
                    stage.rows(operands, panels.as_mut_ptr(), got.as_mut_ptr(), rows, own.as_mut_ptr());
                }
            }
        }
        assert_eq!(want, got);
    }
    assert!(f64::kernels().shared_stages(&Descriptor::<f64>::new(4, 4, 4)).is_none());
}

#[test]
fn relu_keeps_what_is_not_a_number() {
    for isa in Isa::available() {
        let x = [f32::NAN, -1.0, 2.0, f32::NEG_INFINITY, f32::INFINITY, 0.0];
        for (activation, want) in [
            (Activation::Relu, [f32::NAN, 0.0, 2.0, 0.0, f32::INFINITY, 0.0]),
            (Activation::LeakyRelu(0.5), [f32::NAN, -0.5, 2.0, f32::NEG_INFINITY, f32::INFINITY, 0.0]),
        ] {
            let d = Descriptor { activation, ..Descriptor::new(1, 6, 1) };
            let mut c = [0.0; 6];
            f32::kernels_of(isa).gemm(&d, &[1.0], &x, None, &mut c);
            assert!(c[0].is_nan() && c[1..] == want[1..], "{} {activation:?} {c:?}", isa.name());
        }
    }
}

#[test]
#[should_panic(expected = "A does not lie in its slice")]
fn a_short_operand_is_refused() {
    gemm(&Descriptor::new(3, 4, 5), &[0.0f64; 14], &[0.0; 20], None, &mut [0.0; 12]);
}

#[test]
#[should_panic(expected = "C does not lie in its slice")]
fn a_short_result_is_refused() {
    gemm(&Descriptor::new(3, 4, 5), &[0.0f64; 15], &[0.0; 20], None, &mut [0.0; 11]);
}

#[test]
#[should_panic(expected = "B does not lie in its slice")]
fn strides_that_overflow_are_refused() {
    let b = Strides { row: usize::MAX / 2, column: 1, batch: 0 };
    gemm(&Descriptor { b, ..Descriptor::new(3, 4, 5) }, &[0.0f64; 15], &[0.0; 20], None, &mut [0.0; 12]);
}
