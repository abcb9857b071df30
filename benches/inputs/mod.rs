//! What the scripts of `benches/workloads` read: rows, targets and starting weights, drawn by a fixed rule.

use std::fs;
use std::io;
use std::path::Path;

use nabla::train::checkpoint::{self, Checkpoint, Stored, Values};

/// A script and the sizes of what it reads.
pub struct Work {
    /// What it is called in the output.
    pub name: String,
    /// Its file in `benches/workloads`.
    pub script: &'static str,
    /// The name in the script that says how many epochs, or turns of a loop, are done.
    pub counts: &'static str,
    /// How much an epoch does, in the unit of a rate.
    pub rate: Option<(f64, &'static str)>,
    reads: Reads,
}

/// What is in the folder of a workload.
enum Reads {
    /// Rows and targets, and the weights of a net with dense layers of these sizes.
    Net { n_rows: usize, sizes: &'static [usize] },
    /// Pictures [channels, side, side] and targets, and the weights of as many filters of 3 × 3, of which a pool of 2 × 2 halves
    /// the sides, and a dense layer to ten classes.
    Pictures { n_rows: usize, channels: usize, side: usize, filters: usize },
    /// An n × n matrix.
    Matrix { n: usize },
    /// Nothing: the script draws what it needs.
    Nothing,
}

/// W1 to W7, a convolution alone, and W10.
pub fn works() -> Vec<Work> {
    let net = |name: &str, script, n_rows, sizes| {
        let reads = Reads::Net { n_rows, sizes };
        Work { name: name.to_string(), script, counts: "epochs", rate: None, reads }
    };
    let mut works = vec![
        net("w1 line", "w1_line.nn", 100, &[1, 1]),
        net("w1 line, loop", "w1_line_loop.nn", 100, &[1, 1]),
        net("w2 surface", "w2_surface.nn", 100, &[2, 2, 1]),
        net("w2 surface, loop", "w2_surface_loop.nn", 100, &[2, 2, 1]),
        net("w3 xor", "w3_xor.nn", 4, &[2, 2, 1]),
        net("w3 xor, loop", "w3_xor_loop.nn", 4, &[2, 2, 1]),
        net("w4 digits", "w4_digits.nn", 1437, &[64, 100, 30, 10]),
        net("w5 cancer", "w5_cancer.nn", 455, &[30, 1]),
        net("w5 cancer, loop", "w5_cancer_loop.nn", 455, &[30, 1]),
        // A hundred batches; the rate does not depend on how many there are.
        net("w6 images", "w6_images.nn", 12_800, &[784, 300, 100, 10]),
    ];
    for work in &mut works {
        match work.script {
            // The rows of whole batches.
            "w4_digits.nn" => work.rate = Some((1408.0, "samples/s")),
            "w6_images.nn" => work.rate = Some((12_800.0, "samples/s")),
            _ => {}
        }
    }
    works.push(Work {
        name: "w7 pictures".to_string(),
        script: "w7_pictures.nn",
        counts: "epochs",
        rate: Some((640.0, "samples/s")),
        reads: Reads::Pictures { n_rows: 640, channels: 3, side: 32, filters: 12 },
    });
    let products = 64.0 * 64.0 * 32.0 * 9.0 * 1024.0;
    works.push(Work {
        name: "convolution".to_string(),
        script: "convolution.nn",
        counts: "turns",
        rate: Some((2e-9 * products, "GFLOP/s")),
        reads: Reads::Nothing,
    });
    for (element, script) in [("f32", "w10_matmul_f32.nn"), ("f64", "w10_matmul_f64.nn")] {
        for n in [64, 256, 1024] {
            let rate = Some((2e-9 * (n as f64).powi(3), "GFLOP/s"));
            let reads = Reads::Matrix { n };
            works.push(Work { name: format!("w10 matmul {n} {element}"), script, counts: "turns", rate, reads });
        }
    }
    works
}

/// Writes what a workload reads into a folder.
pub fn write(work: &Work, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut draws = Draws(work.name.len() as u64);
    match work.reads {
        Reads::Nothing => Ok(()),
        Reads::Matrix { n } => {
            // The products neither grow nor vanish: A is a reflection, 1 − 2 v vᵀ/(vᵀ v) for a drawn v.
            let v: Vec<f64> = (0..n).map(|_| draws.symmetric()).collect();
            let scale = 2.0 / v.iter().map(|x| x * x).sum::<f64>();
            let element = |row: usize, col: usize| f64::from(row == col) - scale * v[row] * v[col];
            let elements = (0..n * n).map(|idx| element(idx / n, idx % n));
            write_npy(&folder.join("a.npy"), &[n, n], elements)
        }
        Reads::Net { n_rows, sizes } => {
            write_rows(folder, n_rows, &sizes[..1], sizes[sizes.len() - 1], &mut draws)?;
            let mut start = Checkpoint::default();
            for (idx, pair) in sizes.windows(2).enumerate() {
                let [inputs, outputs] = [pair[0], pair[1]];
                let layer = format!("dense_{}", idx + 1);
                put_layer(&mut start, [&layer, "W"], &[inputs, outputs], [inputs, outputs], &mut draws);
            }
            write_start(folder, &start)
        }
        Reads::Pictures { n_rows, channels, side, filters } => {
            const CLASSES: usize = 10;
            write_rows(folder, n_rows, &[channels, side, side], CLASSES, &mut draws)?;
            let mut start = Checkpoint::default();
            put_layer(&mut start, ["conv2d_1", "K"], &[filters, channels, 3, 3], [9 * channels, filters], &mut draws);
            let inputs = filters * (side / 2).pow(2);
            put_layer(&mut start, ["dense_1", "W"], &[inputs, CLASSES], [inputs, CLASSES], &mut draws);
            write_start(folder, &start)
        }
    }
}

/// Rows of this shape, and targets: rows of one 1 each where there are classes, else 0 and 1 in turn.
fn write_rows(folder: &Path, n_rows: usize, row: &[usize], n_outputs: usize, draws: &mut Draws) -> io::Result<()> {
    let shape: Vec<usize> = [n_rows].into_iter().chain(row.iter().copied()).collect();
    write_npy(&folder.join("x.npy"), &shape, (0..shape.iter().product()).map(|_| draws.symmetric()))?;
    let classes = n_outputs.max(2);
    let target = |idx: usize| f64::from((idx / n_outputs + 1) % classes == idx % n_outputs);
    write_npy(&folder.join("t.npy"), &[n_rows, n_outputs], (0..n_rows * n_outputs).map(target))
}

/// Weights of this shape under the name of a layer and their own, drawn for so many inputs and outputs, and biases of zero.
fn put_layer(
    start: &mut Checkpoint,
    [layer, weights]: [&str; 2],
    shape: &[usize],
    [inputs, outputs]: [usize; 2],
    draws: &mut Draws,
) {
    let spread = (6.0 / (inputs + outputs) as f64).sqrt();
    let drawn = (0..shape.iter().product()).map(|_| spread * draws.symmetric()).collect();
    for (part, shape, values) in [(weights, shape.to_vec(), drawn), ("b", vec![outputs], vec![0.0; outputs])] {
        start.tensors.insert(format!("params.{layer}.{part}"), Stored { shape, values: Values::F64(values) });
    }
}

fn write_start(folder: &Path, start: &Checkpoint) -> io::Result<()> {
    checkpoint::save(&folder.join("start.safetensors"), start).map_err(|error| io::Error::other(format!("{error:?}")))
}

/// An array of 64-bit reals in NumPy's format: a magic string and the version, the length of a header, the header padded to a
/// multiple of 64 bytes, the elements.
fn write_npy(path: &Path, shape: &[usize], elements: impl Iterator<Item = f64>) -> io::Result<()> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({sizes}), }}");
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(length).expect("the header is short").to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes.extend(elements.flat_map(f64::to_le_bytes));
    fs::write(path, bytes)
}

/// Reals from a linear congruential generator (Knuth's MMIX).
struct Draws(u64);

impl Draws {
    /// From [−1, 1).
    fn symmetric(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The upper 53 bits, the better ones.
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
