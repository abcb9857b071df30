"""The work that is timed: its data, its starting weights, and how it is trained.

Every system trains the same net on the same rows in the same order from the same weights. Each workload has a folder with
`x.npy`, `t.npy` and `start.safetensors`, which Nabla reads, and `w1.npy`, `b1.npy`, `w2.npy`, …, the same weights for the
others."""

import dataclasses
import json
import pathlib
import struct

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Workload:
    """A net of dense layers and its training. Without a batch an epoch is one step on all rows; with one, the rows of a
    last batch that is not full are left out. Where rows are pictures, so many filters of 3×3, a rectifier and a pool of 2×2
    come before the dense layers."""

    name: str
    script: str
    sizes: tuple
    dtype: str
    optimizer: str
    rate: float
    cost: str  # of the output before its last function: mse, mse_sigmoid, logistic, cross_entropy
    hidden: str | None = None
    picture: tuple | None = None  # channels, height, width
    filters: int = 0
    batch: int | None = None
    check_epochs: int = 100  # trained before the final costs are compared
    tolerance: float = 1e-9  # by how much, relative, final costs may differ
    scale: float = 0.0  # costs smaller than this are compared as if they were this large
    loop: bool = False  # whether there is a script of the name with `_loop`

    @property
    def layers(self):
        return list(zip(self.sizes[:-1], self.sizes[1:]))


@dataclasses.dataclass(frozen=True)
class Matmul:
    """B ← A B over and over, for an orthogonal A, so that B keeps its size and every product needs the one before."""

    name: str
    n: int
    dtype: str
    check_epochs: int = 10
    # The judged number, Σ A ∘ B, is the trace of a power of an orthogonal matrix: about 1, and by chance near 0.
    scale: float = 1.0

    @property
    def script(self):
        return f"w10_matmul_{'f32' if self.dtype == 'float32' else 'f64'}"

    @property
    def tolerance(self):
        return 1e-3 if self.dtype == "float32" else 1e-9


# Rounding differs between the systems, and training carries it on: 1e-9 in 64 bits and 1e-4 in 32 hold where an epoch is one
# step; some steps of 32 bits with relu units allow 1e-3, and hundreds on labels that are pure chance, as in W6, 1e-2.
TRAININGS = [
    Workload("W1", "w1_line", (1, 1), "float64", "sgd", 0.1, "mse", loop=True),
    Workload("W2", "w2_surface", (2, 2, 1), "float64", "sgd", 0.1, "mse", "sigmoid", loop=True),
    Workload("W3", "w3_xor", (2, 2, 1), "float64", "adam", 0.1, "mse_sigmoid", "sigmoid", loop=True),
    Workload("W4", "w4_digits", (64, 100, 30, 10), "float32", "adam", 1e-3, "cross_entropy", "leaky_relu", batch=32,
             check_epochs=3, tolerance=1e-3),
    Workload("W5", "w5_cancer", (30, 1), "float32", "adam", 0.01, "logistic", tolerance=1e-4, loop=True),
    Workload("W6", "w6_images", (784, 300, 100, 10), "float32", "adam", 1e-3, "cross_entropy", "relu", batch=128,
             check_epochs=1, tolerance=1e-2),
    Workload("W7", "w7_pictures", (12 * 16 * 16, 10), "float32", "momentum", 0.01, "cross_entropy", picture=(3, 32, 32),
             filters=12, batch=64, check_epochs=1, tolerance=1e-3),
]
MATMULS = [Matmul(f"W10 {n} {dtype[0]}{dtype[-2:]}", n, dtype) for dtype in ("float32", "float64") for n in (64, 256, 1024)]
ALL = {work.name: work for work in TRAININGS + MATMULS}

IMAGES = 60_000
PICTURES = 1280


def folder_of(work, base):
    return pathlib.Path(base) / work.name.lower().replace(" ", "_")


def table(name):
    """The columns of one of the tables of the examples, without its header."""
    return np.loadtxt(ROOT / "examples" / "data" / name, delimiter=",", skiprows=1)


def rows(work, images):
    """-> x [n, inputs], t [n, outputs]."""
    rng = np.random.default_rng(11)
    match work.name:
        case "W1":
            x = np.linspace(-1, 1, 100)[:, None]
            return x, 2 * x + 1
        case "W2":
            x = rng.uniform(-1, 1, (100, 2))
            return x, (x[:, :1] ** 2 + 3 * x[:, :1] * x[:, 1:] + x[:, 1:] ** 2 + 5)
        case "W3":
            return np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
        case "W4":
            digits = rng.permutation(table("digits.csv"))[:1437]
            return digits[:, :64] / 16, np.eye(10)[digits[:, 64].astype(int)]
        case "W5":
            tumours = rng.permutation(table("breast_cancer.csv"))[:455]
            x = tumours[:, :30]
            return (x - x.mean(0)) / x.std(0), tumours[:, 30:]
        case "W6":
            return rng.standard_normal((images, 784), np.float32), np.eye(10)[rng.integers(0, 10, images)]
        case "W7":
            return rng.standard_normal((PICTURES, *work.picture), np.float32), np.eye(10)[rng.integers(0, 10, PICTURES)]
    raise ValueError(work.name)


def start(work):
    """-> [(W [inputs, outputs], b [outputs])], W normal with variance 2/inputs before a relu and 2/(inputs + outputs) else; in
    front of them filters [filters, channels, 3, 3] and their biases, where rows are pictures."""
    rng = np.random.default_rng(23)
    pairs = []
    if work.filters:
        channels = work.picture[0]
        filters = rng.standard_normal((work.filters, channels, 3, 3)) * (2 / (9 * channels)) ** 0.5
        pairs.append((filters, np.zeros(work.filters)))
    for inputs, outputs in work.layers:
        relu = work.hidden in ("relu", "leaky_relu")
        variance = 2 / inputs if relu else 2 / (inputs + outputs)
        pairs.append((rng.standard_normal((inputs, outputs)) * variance**0.5, np.zeros(outputs)))
    return [(w.astype(work.dtype), b.astype(work.dtype)) for w, b in pairs]


def write_safetensors(path, tensors):
    """The format: the length of a JSON header, the header, the bytes of the tensors one after the other."""
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = np.ascontiguousarray(tensor).tobytes()
        kind = {"float32": "F32", "float64": "F64"}[str(tensor.dtype)]
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def prepare(work, base, images=IMAGES):
    """Writes what the workload needs into its folder."""
    folder = folder_of(work, base)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(work, Matmul):
        a, _ = np.linalg.qr(np.random.default_rng(5).standard_normal((work.n, work.n)))
        np.save(folder / "a.npy", np.ascontiguousarray(a, work.dtype))
        return folder
    x, t = rows(work, images)
    np.save(folder / "x.npy", np.ascontiguousarray(x, work.dtype))
    np.save(folder / "t.npy", np.ascontiguousarray(t, work.dtype))
    names = [("conv2d_1", "K")] if work.filters else []
    names += [(f"dense_{k}", "W") for k in range(1, len(work.layers) + 1)]
    named = {}
    for k, ((layer, weights), (w, b)) in enumerate(zip(names, start(work)), 1):
        named |= {f"params.{layer}.{weights}": w, f"params.{layer}.b": b}
        np.save(folder / f"w{k}.npy", w)
        np.save(folder / f"b{k}.npy", b)
    write_safetensors(folder / "start.safetensors", named)
    return folder


def read(work, folder):
    """-> x, t, [(W, b)], as `prepare` wrote them."""
    load = lambda name: np.load(pathlib.Path(folder) / f"{name}.npy")
    n_layers = len(work.layers) + bool(work.filters)
    return load("x"), load("t"), [(load(f"w{k}"), load(f"b{k}")) for k in range(1, n_layers + 1)]


def judged_rows(work, n):
    """How many rows the final cost is taken over; of W6 not all, which would decide the peak memory."""
    return min(n, 1024) if work.name == "W6" else n
