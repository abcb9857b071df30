//! Convolutions and pools: every relationship of Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
//! arXiv 1603.07285, and what is said of windows that do not fit.

use nabla::session::Exit;

use crate::script::{check, values};

/// One axis of a convolution or pool: input, kernel, stride, padding, dilation.
#[derive(Clone, Copy)]
struct Axis {
    i: usize,
    k: usize,
    s: usize,
    p: usize,
    d: usize,
}

impl Axis {
    /// Whether the window fits.
    fn fits(self) -> bool {
        self.i + 2 * self.p > self.d * (self.k - 1)
    }
}

/// Every combination of small numbers for which the window fits.
fn axes(strides: &[usize], paddings: &[usize], dilations: &[usize]) -> Vec<Axis> {
    let mut all = vec![];
    for i in 1..9 {
        for k in 1..5 {
            for &s in strides {
                for &p in paddings {
                    for &d in dilations {
                        all.extend(Some(Axis { i, k, s, p, d }).filter(|axis| axis.fits()));
                    }
                }
            }
        }
    }
    all
}

/// Tests the size that an expression of an axis gives against a formula, on every axis.
fn sizes(axes: &[Axis], expression: impl Fn(Axis) -> String, formula: impl Fn(Axis) -> usize) {
    assert!(axes.len() >= 8);
    let line = |(idx, axis): (usize, &Axis)| format!("r{idx} = {}\n", expression(*axis));
    let values = values(&axes.iter().enumerate().map(line).collect::<String>());
    for (idx, axis) in axes.iter().enumerate() {
        let got = values.tensor(&format!("r{idx}")).shape().to_vec();
        assert_eq!(got, [1, 1, formula(*axis)], "{}", expression(*axis));
    }
}

fn conv(axis: Axis) -> String {
    let Axis { i, k, s, p, d } = axis;
    format!("conv(zeros((1, 1, {i})), ones((1, 1, {k})), stride = {s}, pad = {p}, dilation = {d})")
}

/// The transposed convolution of what the convolution of an axis gives.
fn transposed(axis: Axis) -> String {
    let Axis { k, s, p, .. } = axis;
    let rest = (axis.i + 2 * p - k) % s;
    format!("conv_transpose({}, ones((1, 1, {k})), stride = {s}, pad = {p}, output_pad = {rest})", conv(axis))
}

/// The size of what the convolution of an axis gives: the input of the transposed one.
fn o(axis: Axis) -> usize {
    (axis.i + 2 * axis.p - axis.k) / axis.s + 1
}

#[test]
fn relationships_1_to_4_without_strides() {
    sizes(&axes(&[1], &[0], &[1]), conv, |a| a.i - a.k + 1);
    sizes(&axes(&[1], &[0, 1, 2], &[1]), conv, |a| a.i + 2 * a.p - a.k + 1);
    // Half padding keeps the size of odd kernels, full padding adds k − 1.
    let half = |a: &Axis| a.k % 2 == 1 && a.p == a.k / 2;
    sizes(&axes(&[1], &[0, 1], &[1]).into_iter().filter(half).collect::<Vec<_>>(), conv, |a| a.i);
    let full = |a: &Axis| a.p == a.k - 1;
    sizes(&axes(&[1], &[0, 1, 2, 3], &[1]).into_iter().filter(full).collect::<Vec<_>>(), conv, |a| a.i + a.k - 1);
}

#[test]
fn relationships_5_and_6_with_strides() {
    sizes(&axes(&[2, 3, 4], &[0], &[1]), conv, |a| (a.i - a.k) / a.s + 1);
    sizes(&axes(&[2, 3], &[1, 2], &[1]), conv, |a| (a.i + 2 * a.p - a.k) / a.s + 1);
}

#[test]
fn relationship_7_of_pools() {
    for kind in ["max_pool", "avg_pool"] {
        let pool = |a: Axis| format!("{kind}({}, stride = {})(zeros((1, 1, {})))", a.k, a.s, a.i);
        sizes(&axes(&[1, 2, 3, 5], &[0], &[1]), pool, |a| (a.i - a.k) / a.s + 1);
    }
}

#[test]
fn relationships_8_to_11_transposed_without_strides() {
    sizes(&axes(&[1], &[0], &[1]), transposed, |a| o(a) + a.k - 1);
    let padded = axes(&[1], &[0, 1, 2], &[1]);
    let within: Vec<Axis> = padded.into_iter().filter(|a| a.p < a.k).collect();
    sizes(&within, transposed, |a| o(a) + a.k - 1 - 2 * a.p);
    let half = |a: &Axis| a.k % 2 == 1 && a.p == a.k / 2;
    sizes(&axes(&[1], &[0, 1], &[1]).into_iter().filter(half).collect::<Vec<_>>(), transposed, o);
    let full = |a: &Axis| a.p == a.k - 1;
    sizes(&axes(&[1], &[0, 1, 2], &[1]).into_iter().filter(full).collect::<Vec<_>>(), transposed, |a| o(a) + 1 - a.k);
}

#[test]
fn relationships_12_to_14_transposed_with_strides() {
    let divides = |a: &Axis| (a.i + 2 * a.p - a.k).is_multiple_of(a.s);
    let whole: Vec<Axis> = axes(&[2, 3], &[0], &[1]).into_iter().filter(divides).collect();
    sizes(&whole, transposed, |a| a.s * (o(a) - 1) + a.k);
    let padded: Vec<Axis> = axes(&[2, 3], &[1, 2], &[1]).into_iter().filter(divides).collect();
    sizes(&padded, transposed, |a| a.s * (o(a) - 1) + a.k - 2 * a.p);
    // With the rest a = (i + 2p − k) mod s the transposed convolution always gives back the size of the input.
    let all = axes(&[2, 3], &[0, 1], &[1]);
    let rest = |a: Axis| (a.i + 2 * a.p - a.k) % a.s;
    sizes(&all, transposed, |a| a.s * (o(a) - 1) + rest(a) + a.k - 2 * a.p);
    sizes(&all, transposed, |a| a.i);
}

#[test]
fn relationship_15_of_dilated_kernels() {
    let dilated = |a: Axis| (a.i + 2 * a.p - a.k - (a.k - 1) * (a.d - 1)) / a.s + 1;
    sizes(&axes(&[1, 2], &[0, 1], &[2, 3]), conv, dilated);
}

/// The formulas hold for sizes that are not known, too: a definition is checked once, for all of them.
#[test]
fn sizes_are_formulas() {
    let text = "
fn f(x: real[n, c, i], w: real[o, c, k]) -> real[n, o, (i + 2*2 - k) // 3 + 1] = conv(x, w, pad = 2, stride = 3)
fn g(x: real[n, c, i], w: real[o, c, k]) -> real[n, o, i + 2 - 2*(k - 1)] = conv(x, w, pad = 1, dilation = 2)
fn h(x: real[n, c, i], w: real[c, o, k]) -> real[n, o, 2*(i - 1) + k - 2] = conv_transpose(x, w, stride = 2, pad = 1)
fn same(x: real[n, c, i, j], w: real[o, c, k, l]) -> real[n, o, i, j] = conv(x, w, pad = \"same\")
fn pool(x: real[n, c, i]) -> real[n, c, (i - 3) // 2 + 1] = window_max(x, 3, stride = 2)
net image(x: real[n, 3, 32, 32]) -> real[n, 10] =
  x |> conv2d(12, kernel = 3, pad = \"same\") |> relu |> max_pool(2) |> flatten |> dense(10) |> softmax
W = shape(image.init().params.dense_1.W)
";
    let values = values(text);
    assert_eq!((values.number("W.0"), values.number("W.1")), (16.0 * 16.0 * 12.0, 10.0));
}

/// What is said of a script that does not check.
fn said(text: &str) -> String {
    let (exit, said) = check(text);
    assert_ne!(exit, Exit::Done, "{said}");
    said
}

#[test]
fn mistakes_show_the_sizes_on_the_way() {
    let deep = said(
        "net f(x: real[n, 1, 6, 6]) -> real[n, 10] =
  x |> conv2d(4, kernel = 3) |> max_pool(2) |> conv2d(8, kernel = 3) |> flatten |> dense(10)\n",
    );
    for part in ["E0315", "a window over 3 positions does not fit an axis of 2", "|> max_pool(2): real[n, 4, 2, 2]"] {
        assert!(deep.contains(part), "no {part} in\n{deep}");
    }
    let flat = said(
        "net f(x: real[n, 1, 28, 28]) -> real[n, 10] {
  h = x |> conv2d(4, kernel = 3) |> max_pool(2) |> flatten
  param W: real[600, 10] ~ glorot
  h @ W
}\n",
    );
    for part in ["E0301", "676 and 600", "|> max_pool(2): real[n, 4, 13, 13]", "|> flatten: real[n, 676]"] {
        assert!(flat.contains(part), "no {part} in\n{flat}");
    }
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let x = "x = zeros((2, 4, 5, 5))\n";
    for (call, part) in [
        ("conv(x, zeros((3, 4, 6, 1)))", "a window over 6 positions does not fit an axis of 5"),
        ("conv(x, zeros((3, 4, 2, 2)), dilation = 5)", "a window over 6 positions (2 of them, 5 apart) does not fit"),
        ("conv(x, zeros((3, 3, 1, 1)))", "the kernels take 3 channels, the input has 4"),
        ("conv(x, zeros((3, 1, 1, 1)), groups = 3)", "4 channels do not divide into 3 groups"),
        ("conv(x, zeros((3, 2, 1, 1)), groups = 2)", "3 kernels do not divide into 2 groups"),
        ("conv(x, zeros((3, 4, 1, 1)), stride = 0)", "`stride` is at least 1"),
        ("conv(x, zeros((3, 4, 1, 1)), stride = (1, 2, 3))", "`stride` of `conv` has 3 numbers for 2 axes"),
        ("conv(x, zeros((3, 4, 1, 1)), pad = -1)", "`pad` cannot be negative"),
        ("conv(x, zeros((3, 4, 1, 1)), pad = \"full\")", "there is no padding \"full\""),
        ("conv(x, zeros((3, 4, 1, 1)), mode = \"mirror\")", "there is no mode of padding \"mirror\""),
        ("conv(x, zeros((3, 4, 3, 3)), pad = 5, mode = \"reflect\")", "an axis of 5 has 4 positions to pad with"),
        ("conv(x, zeros((3, 4)))", "kernels with as many axes"),
        ("conv_transpose(x, zeros((3, 4, 1, 1)))", "the kernels take 3 channels, the input has 4"),
        ("conv_transpose(x, zeros((4, 2, 1, 1)), output_pad = 1)", "`output_pad` is smaller than the stride"),
        ("conv_transpose(x, zeros((4, 2, 1, 1)), pad = 3)", "would leave an axis of -1 positions"),
        ("max_pool(6)(x)", "a window over 6 positions does not fit an axis of 5"),
        ("max_pool(2, pad = 2)(x)", "padding of 2 puts windows of 2 outside"),
        ("window_max(x, 0)", "a window of 0 positions covers nothing"),
        ("einsum(\"ij,jk\", x, x)", "needs to know the axes of the result"),
        ("einsum(\"ij->i\", x)", "names 2 axes"),
        ("einsum(\"abcd,abde->abce\", x, zeros((2, 4, 6, 1)))", "`d` is 5 and 6"),
        ("einsum(\"abcd->abx\", x)", "no tensor has the axis `x`"),
        ("einsum(\"aacd->cd\", x)", "`a` stands twice"),
        ("scatter_add(x, [0, 7], 3)", "there is no position 7"),
        ("scatter_add(x, [0, 1, 2], 3)", "a position for each row"),
    ] {
        let said = said(&format!("{x}y = {call}\n"));
        assert!(said.contains(part), "no {part} for {call} in\n{said}");
    }
}

#[test]
fn pools_that_do_not_divide_are_told() {
    let text = "net f(x: real[n, 1, 7, 8]) -> real[n, 1, 3, 4] = max_pool(2)(x)\nm = f.init()\n";
    let (exit, said) = check(text);
    assert_eq!(exit, Exit::Done);
    assert!(said.contains("W0301") && said.contains("its last position is left out"), "{said}");
    let (_, covered) = check(&text.replace("max_pool(2)", "max_pool(2, pad = \"same\")").replace("1, 3, 4", "1, 4, 4"));
    assert!(covered.is_empty(), "{covered}");
}

#[test]
fn augmentation_acts_in_training_only() {
    let text = "
net f(x: real[n, 2, 5, 6]) -> real[n, 2, 5, 6] = x |> random_shift(2) |> random_flip |> gaussian_noise(0.1)
net shifted(x: real[n, 1, 5, 6]) -> real[n, 1, 5, 6] = random_shift(1)(x)
net flipped(x: real[n, 1, 1, 2]) -> real[n, 1, 1, 2] = random_flip(x)
x: real[3, 2, 5, 6] ~ normal(0, 1)
same = all(f.init()(x) == x)
(y, s) = f.init().train(x)
changed = any(y != x)
spot = pad(ones((200, 1, 1, 2)), ((2, 2), (2, 2)), axis = (2, 3))
(moved, s1) = shifted.init().train(spot)
kept = all(sum(moved, axis = (1, 2, 3)) == 2)
places = sum(sum(moved, axis = (0, 1)) > 0)
(turned, s2) = flipped.init().train(broadcast_to([1.0, 2.0], (400, 1, 1, 2)))
share = mean(turned[:, 0, 0, 0] == 2)
";
    let values = values(text);
    for truth in ["same", "changed", "kept"] {
        assert_eq!(values.number(truth), 1.0, "{truth}");
    }
    // Two positions moved by −1, 0 or 1 in both directions cover 3 rows and 4 columns.
    assert_eq!(values.number("places"), 12.0);
    // 400 throws of a coin stay within six standard deviations.
    assert!((values.number("share") - 0.5).abs() < 0.15);
}
