//! Arrays, pictures and modules in files: read, refused where they are damaged, and left in the file where memory is small.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use nabla::session::{Engine, Exit, Options, Script};

use crate::script::{Outcome, Values, check_with, evaluate, file_name, run_with, values_with};

/// A file of NumPy's.
fn npy(kind: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), elements].concat()
}

fn doubles(numbers: impl IntoIterator<Item = f64>) -> Vec<u8> {
    numbers.into_iter().flat_map(f64::to_le_bytes).collect()
}

fn floats(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// An archive of these files, each stored (0) or deflated (8).
fn zip(files: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (vec![], vec![]);
    for (name, method, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let packed = match method {
            8 => {
                let mut packer = DeflateEncoder::new(vec![], Compression::default());
                packer.write_all(content).unwrap();
                packer.finish().unwrap()
            }
            _ => content.to_vec(),
        };
        let numbers = [crc.sum(), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let length = (name.len() as u16).to_le_bytes();
        let offset = bytes.len() as u32;
        let start = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 4], &numbers, &length].concat();
        bytes.extend([&b"PK\x03\x04"[..], &start, &[0; 2], name.as_bytes(), &packed].concat());
        let end = [&[0; 2][..], &[0; 2], &[0; 2], &[0; 2], &[0; 4], &offset.to_le_bytes()].concat();
        directory.extend([&b"PK\x01\x02"[..], &[20, 0], &start, &end, name.as_bytes()].concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
    let end = [&b"PK\x05\x06"[..], &[0; 4], &count, &count, &size, &start, &[0; 2]].concat();
    [bytes, directory, end].concat()
}

/// A folder with these files, and scripts in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, Vec<u8>)]) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Folder(folder)
    }

    fn script(&self, text: &str) -> Script {
        let text = format!("use std.data.{{npy, npz, idx, images, split, one_hot}}\n{text}\n");
        Script { name: "test.nn".to_string(), folder: self.0.path().to_path_buf(), text }
    }

    fn values(&self, text: &str) -> Values {
        values_with(Options::default(), &self.script(text))
    }

    fn run(&self, text: &str) -> Outcome {
        run_with(Options::default(), &self.script(text), nabla::report::Form::Text)
    }
}

#[test]
fn arrays_are_read_by_name_and_without() {
    let x = npy("<f8", "2, 3", &doubles([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let k = npy("|u1", "3,", &[7, 0, 255]);
    let folder = Folder::new(&[
        ("x.npy", x.clone()),
        ("k.npy", k.clone()),
        ("both.npz", zip(&[("x.npy", 0, &x), ("labels.npy", 8, &k), ("README", 0, b"no array")])),
    ]);
    let text = "x: real[2, 3] = npy(\"x.npy\")
k: int[3] = npy(\"k.npy\")
both = npz(\"both.npz\")
y: real[2, 3] = both.x
l: int[3] = both.labels";
    let values = folder.values(text);
    assert_eq!(values.numbers("x"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(values.numbers("k"), [7.0, 0.0, 255.0]);
    assert_eq!((values.numbers("y"), values.numbers("l")), (values.numbers("x"), values.numbers("k")));
    let single = folder.values(&format!("precision f32\n{text}"));
    assert_eq!(single.tensor("y").dtype(), nabla::tensor::DType::F32);
    // Sizes are known before anything runs.
    let wrong = check_with(Options::default(), &folder.script("print npz(\"both.npz\").x @ npy(\"k.npy\")[0..2]"));
    assert!(wrong.err.contains("error[E0301]"), "{}", wrong.err);
    let missing = check_with(Options::default(), &folder.script("print npz(\"both.npz\").y"));
    assert!(
        missing.err.contains("error[E0205]") && missing.err.contains("it has `x`, `labels`, `with`"),
        "{}",
        missing.err
    );
}

#[test]
fn damaged_files_are_refused_where_the_script_names_them() {
    let x = npy("<f8", "2,", &doubles([1.0, 2.0]));
    let archive = zip(&[("x.npy", 8, &x)]);
    let mut flipped = zip(&[("x.npy", 0, &x)]);
    let at = flipped.windows(8).position(|bytes| bytes == 2.0_f64.to_le_bytes()).unwrap();
    flipped[at] ^= 1;
    let folder = Folder::new(&[
        ("cut.npy", x[..x.len() - 1].to_vec()),
        ("long.npy", [&x[..], &[0]].concat()),
        ("text.npy", b"a,b".to_vec()),
        ("flipped.npz", flipped),
        ("cut.npz", archive[..archive.len() - 30].to_vec()),
        ("empty.npz", zip(&[])),
        ("one/a.png", b"\x89PNG\r\n\x1a\nno more".to_vec()),
        ("loose/a.png", vec![]),
    ]);
    for (call, said) in [
        ("npy(\"cut.npy\")", "is cut off: it holds 15 of 16 bytes"),
        ("npy(\"long.npy\")", "is longer than its sizes [2] say"),
        ("npy(\"text.npy\")", "is no NPY file"),
        ("npy(\"none.npy\")", "there is no file"),
        ("npz(\"flipped.npz\")", "its checksum is another"),
        ("npz(\"cut.npz\")", "is no ZIP archive"),
        ("npz(\"cut.npy\")", "is no ZIP archive"),
        ("npz(\"empty.npz\")", "there is no array in"),
        ("images(\"one\")", "is in no folder of a class"),
        ("images(\".\")", "is damaged, or neither PNG nor JPEG"),
        ("images(\"none\")", "there is no folder"),
    ] {
        let outcome = folder.run(&format!("data = {call}"));
        assert!(matches!(outcome.exit, Exit::Failed | Exit::Script), "{call}");
        assert!(outcome.err.contains("error[E050") && outcome.err.contains(said), "{call}\n{}", outcome.err);
        assert!(outcome.err.contains("test.nn:2:"), "{call}\n{}", outcome.err);
    }
}

#[test]
fn a_folder_of_pictures_trains() {
    let folder = Folder::new(&[]);
    for class in ["dark", "light"] {
        std::fs::create_dir(folder.0.path().join(class)).unwrap();
        for idx in 0..6_u8 {
            let level = if class == "dark" { 20 + idx } else { 220 + idx };
            let picture = image::GrayImage::from_fn(4, 3, |x, y| image::Luma([level + (x * y) as u8]));
            picture.save(folder.0.path().join(class).join(format!("{idx}.png"))).unwrap();
        }
    }
    let values = folder.values(
        "pictures = images(\".\")
shown = \"{pictures.classes}\"
x: real[12, 1, 3, 4] = pictures.x
classes = pictures.t
net f(x: real[n, 1, 3, 4]) -> real[n, 1] = x |> flatten |> dense(1, act = sigmoid)
run = train f on pictures { cost = logistic; optimizer = adam(lr = 0.1); epochs = 60; metrics = [accuracy] }
accuracy_at_the_end = run.metrics.accuracy
print shown",
    );
    assert_eq!(values.out, "(\"dark\", \"light\")\n");
    assert_eq!(values.numbers("classes"), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert!((values.numbers("x")[5] - 21.0 / 255.0).abs() < 1e-15);
    assert_eq!(values.number("accuracy_at_the_end"), 1.0);
}

/// Rows of a hundred reals, as many as a quarter of a megabyte has and more, and the targets of a line.
fn large() -> Folder {
    let n = 2000;
    let row = |i: usize| (0..100).map(move |j| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.5);
    let x: Vec<f32> = (0..n).flat_map(row).collect();
    let t: Vec<f32> = (0..n).map(|i| row(i).step_by(9).sum()).collect();
    let bytes: Vec<u8> = (0..n * 12).map(|i| (i % 251) as u8).collect();
    let idx = |head: &[u8], bytes: &[u8]| [head, bytes].concat();
    let sizes = [0, 0, 8, 3, 0, 0, 7, 208, 0, 0, 0, 3, 0, 0, 0, 4];
    let mut packed = GzEncoder::new(vec![], Compression::fast());
    packed.write_all(&idx(&sizes, &bytes)).unwrap();
    Folder::new(&[
        ("x.npy", npy("<f4", "2000, 100", &floats(x.iter().copied()))),
        ("wide.npy", npy("<f8", "2000, 100", &doubles(x.iter().map(|&x| f64::from(x))))),
        ("t.npy", npy("<f4", "2000, 1", &floats(t))),
        ("images.gz", packed.finish().unwrap()),
        ("labels", idx(&[0, 0, 8, 1, 0, 0, 7, 208], &bytes[..n])),
    ])
}

#[test]
fn data_larger_than_memory_trains_as_any_other() {
    let folder = large();
    let text = |file: &str| {
        format!(
            "precision f32
data = (npy(\"{file}\"), npy(\"t.npy\")) |> split(train = 0.9, valid = 0.1)
net f(x: real[n, 100]) -> real[n, 1] = x |> dense(8, act = tanh) |> dense(1)
run = train f on (data.train.x, data.train.t) {{ cost = mse; optimizer = adam(lr = 0.01); epochs = 3; batch = 50 }}
rows = (npy(\"{file}\"), npy(\"t.npy\"))
raw = train f on rows {{ cost = mse; optimizer = adam(lr = 0.01); epochs = 2; batch = 64 }}
pictures = idx(\"images.gz\", \"labels\")
net g(x: real[n, 1, 3, 4]) -> real[n, 1] = x |> flatten |> dense(1)
other = train g on pictures {{ cost = mse; optimizer = sgd(lr = 1e-4); epochs = 1; batch = 100 }}"
        )
    };
    for engine in [Engine::Interp, Engine::Jit] {
        // The rows take 800 kB, or twice that in the file: no tensor of that size may be made.
        let small = Options { memory: Some(300_000), engine, ..Options::default() };
        let all = Options { engine, ..Options::default() };
        let plenty = values_with(all, &folder.script(&text("x.npy")));
        for file in ["x.npy", "wide.npy"] {
            let little = values_with(small.clone(), &folder.script(&text(file)));
            for run in ["run.model.params", "raw.model.params", "other.model.params"] {
                // Where a value does not fit, code gives way to the interpreter, which rounds otherwise.
                let tolerance = if engine == Engine::Interp { 0.0 } else { 1e-5 };
                for ((path, a), (_, b)) in little.bits(run).into_iter().zip(plenty.bits(run)) {
                    let differs = |(a, b): (u64, u64)| (f64::from_bits(a) - f64::from_bits(b)).abs() > tolerance;
                    assert!(!a.into_iter().zip(b).any(differs), "{file} {run}{path} {engine:?}");
                }
            }
        }
        let whole = evaluate(small, &folder.script("y = npy(\"wide.npy\") * 2"));
        assert!(whole.is_err_and(|said| said.contains("E0314")), "there is no room for all rows at once");
    }
}

#[test]
fn mnist_is_read() {
    let folder = Path::new("/work/shared/data");
    if !folder.join("t10k-images-idx3-ubyte.gz").exists() {
        return;
    }
    let text = "use std.data.{idx, one_hot, split}
precision f32
digits = idx(\"t10k-images-idx3-ubyte.gz\", \"t10k-labels-idx1-ubyte.gz\") |> one_hot(10)
x: real[10000, 1, 28, 28] = digits.x
least = min(x)
most = max(x)
counts = sum(digits.t, axis = 0)
";
    let script = Script { name: "test.nn".to_string(), folder: folder.to_path_buf(), text: text.to_string() };
    let values = values_with(Options::default(), &script);
    assert_eq!((values.number("least"), values.number("most")), (0.0, 1.0));
    // The numbers of test images of each digit.
    let counts = [980.0, 1135.0, 1032.0, 1010.0, 982.0, 892.0, 958.0, 1028.0, 974.0, 1009.0];
    assert_eq!(values.numbers("counts"), counts);
}

#[test]
fn weights_go_to_other_programs_and_come_back() {
    // As in the design's program 14, but for the formats that are not there yet.
    let batch = npy("<f8", "5, 64", &doubles((0..320).map(|i| f64::from(i % 17) / 16.0)));
    let folder = Folder::new(&[("batch.npy", batch)]);
    let path = folder.0.path().join("mlp.safetensors");
    let values = folder.values(&format!(
        "net mlp(x: real[n, 64]) -> real[n, 10] = x |> dense(50, act = relu) |> dense(10) |> softmax
m = mlp.init(seed = 1)
save(m, \"{0}\")
same = load(mlp, \"{0}\")
x = npy(\"batch.npy\")
print argmax(same(x), axis = 1)
agrees = all(same(x) == m(x))",
        path.display()
    ));
    assert_eq!(values.number("agrees"), 1.0);
    assert_eq!(values.out.matches(',').count(), 4, "five digits: {}", values.out);
    assert_eq!(file_name(&path), "mlp.safetensors");
}

#[test]
fn a_module_sees_the_library_and_the_library_no_module() {
    // `relu` and what `softmax` is made of have names of their own here; the library's stay what they are.
    let module =
        b"use std.data.{batches}\nuse std.stats as s\nfn relu(x: real[...]) -> real[...] = x + 1\nfn exp(x) = 7.0\n
fn full(d) {\n  var n = 0\n  for (x, t) in batches(d, 2, last = drop) { n := n + 1 }\n  n\n}\n
fn middle(x: real[n]) -> real = s.median(elu(x))\n";
    let folder = Folder::new(&[("own.nn", module.to_vec())]);
    let values = folder.values(
        "use \"./own.nn\" as own
use \"./own.nn\".{exp}
use std.prelude
n = own.full((ones((5, 1)), ones((5, 1))))
middle = own.middle([1.0, 4.0, 2.0])
theirs = own.relu([-2.0])
ours = prelude.relu([-2.0])
half = softmax([exp(1.0), 7.0])",
    );
    assert_eq!([values.number("n"), values.number("middle")], [2.0, 2.0]);
    assert_eq!((values.numbers("theirs"), values.numbers("ours")), (vec![-1.0], vec![0.0]));
    assert_eq!(values.numbers("half"), [0.5, 0.5]);
    // A mistake that is found in the library is shown where it stands there.
    let told = folder.run("x = relu(dense)").err;
    assert!(told.contains("std/activations.nn:") && told.contains("asked for here"), "{told}");
}
