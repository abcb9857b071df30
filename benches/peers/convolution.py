#!/usr/bin/env python3
"""Times small convolutional nets in Nabla beside PyTorch and JAX, and prints a table.

    python benches/peers/convolution.py --nabla target/release/nabla --threads 1,2 --rounds 3

All systems train the same net on the same rows in the same order, by descent with momentum in 32-bit reals; each draws its
own starting weights, so costs are not compared. A number is rows a second: the median over epochs, then over rounds, in
which the systems take turns. The first epoch, which compiles, is left out.

`convolution` is no net but a convolution alone, forward: 64 pictures of 32 × 32 with 32 channels by 64 filters of 3 × 3."""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH, RATE = 64, 0.01


class Conv:
    """A convolution with its bias: `pad` zeros on every side; as many groups as channels if it is `depthwise`."""

    def __init__(self, filters, kernel, pad=0, stride=1, depthwise=False):
        self.filters, self.kernel, self.pad, self.stride, self.depthwise = filters, kernel, pad, stride, depthwise

    def side(self, side):
        return (side + 2 * self.pad - self.kernel) // self.stride + 1


class Dense:
    """A dense layer of the flattened row."""

    def __init__(self, width):
        self.width = width


# Name: channels and sides of a row, then the layers: convolutions, dense layers, and by their names rectifiers, means over
# pictures, norms, pools of two by two, "overlap": pools of three by three two apart, "enlarge": pictures twice as wide.
NETS = {
    "W7": ((3, 32, 32), [Conv(12, 3, 1), "relu", "max", Dense(10)]),
    "lenet": ((1, 28, 28), [Conv(6, 5, 2), "relu", "max", Conv(16, 5), "relu", "max",
                            Dense(120), "relu", Dense(84), "relu", Dense(10)]),
    "vgg": ((3, 32, 32), [Conv(32, 3, 1), "relu", Conv(32, 3, 1), "relu", "max",
                          Conv(64, 3, 1), "relu", Conv(64, 3, 1), "relu", "max", Dense(128), "relu", Dense(10)]),
    "strided": ((1, 28, 28), [Conv(16, 3, 1, 2), "relu", Conv(32, 3, 1, 2), "relu", Dense(10)]),
    "norm": ((3, 32, 32), [Conv(16, 3, 1), "norm", "relu", "max", Conv(32, 3, 1), "norm", "relu", "mean", Dense(10)]),
    "separable": ((3, 32, 32), [Conv(16, 3, 1, 2), "relu", Conv(16, 3, 1, 1, True), "relu", Conv(32, 1), "relu",
                                "avg", Conv(32, 3, 1, 1, True), "relu", Conv(64, 1), "relu", "mean", Dense(10)]),
    "sound": ((1, 512), [Conv(16, 9, 4), "relu", "max", Conv(32, 9, 4), "relu", "max", Dense(10)]),
    "overlap": ((3, 32, 32), [Conv(16, 3, 1), "relu", "overlap", Conv(32, 3, 1), "relu", "mean", Dense(10)]),
    "enlarged": ((4, 16, 16), [Conv(8, 3, 1), "relu", "enlarge", Conv(8, 3, 1), "relu", "mean", Dense(10)]),
    "volume": ((1, 16, 16, 16), [Conv(8, 3, 1), "relu", "max", Conv(16, 3, 1), "relu", "max", Dense(10)]),
}


def sides_behind(layer, sides):
    """The sides of pictures behind a layer that is no convolution."""
    change = {"max": lambda side: side // 2, "avg": lambda side: side // 2, "mean": lambda side: 1,
              "overlap": lambda side: (side + 1) // 2, "enlarge": lambda side: 2 * side}
    return [change.get(layer, lambda side: side)(side) for side in sides]


def script(name):
    """The net as a user of Nabla writes it."""
    (channels, *sides), layers = NETS[name]
    axes = len(sides)
    spell = {"relu": "relu", "max": "max_pool(2)", "avg": "avg_pool(2)", "mean": "global_avg_pool", "norm": "batch_norm()",
             "overlap": "max_pool(3, stride = 2, pad = 1)", "enlarge": "upsample(2)"}
    steps, is_flat = [], False
    for layer in layers:
        if isinstance(layer, str):
            steps.append(spell[layer])
            is_flat |= layer == "mean"
        elif isinstance(layer, Conv):
            kind = f"depthwise_conv{axes}d(" if layer.depthwise else f"conv{axes}d({layer.filters}, "
            steps.append(f"{kind}kernel = {layer.kernel}, pad = {layer.pad}, stride = {layer.stride})")
        else:
            steps += [] if is_flat else ["flatten"]
            is_flat = True
            steps.append(f"dense({layer.width})")
    row = ", ".join(map(str, (channels, *sides)))
    return f"""use std.data.{{npy}}
precision f32
epochs = 3
x: real[rows, {row}] = npy("x.npy")
t: real[rows, 10] = npy("t.npy")
net f(x: real[n, {row}]) -> real[n, 10] = x |> {" |> ".join(steps)} |> softmax
run = train f on (x, t) {{
  cost = cross_entropy
  optimizer = momentum(lr = {RATE})
  batch = {BATCH}
  epochs = epochs
  shuffle = false
}}
"""


def rows(name, n):
    rng = np.random.default_rng(7)
    x = rng.random((n, *NETS[name][0]), dtype=np.float32)
    return x, np.eye(10, dtype=np.float32)[rng.integers(0, 10, n)]


ALONE = "convolution"
PICTURES, FILTERS = (64, 32, 32, 32), (64, 32, 3, 3)


def nabla_alone(options, threads):
    """Pictures a second of the convolution alone: the difference of a long and a short run."""
    def seconds(turns):
        began = time.perf_counter()
        script = ROOT / "benches" / "workloads" / "convolution.nn"
        subprocess.run([options.nabla, "run", str(script), "--quiet", "--threads", str(threads), "--set", f"turns={turns}"],
                       check=True, capture_output=True)
        return time.perf_counter() - began
    short, long = 5, 5 + 10 * options.epochs
    return PICTURES[0] * (long - short) / (seconds(long) - seconds(short))


def serve_alone(options):
    """Prints the seconds of PICTURES[0] pictures."""
    rng = np.random.default_rng(7)
    x, k = (rng.standard_normal(shape, np.float32) for shape in (PICTURES, FILTERS))
    if options.serve == "jax":
        import jax
        from jax import lax
        x, k = jax.numpy.moveaxis(x, 1, -1), jax.numpy.transpose(k, (2, 3, 1, 0))
        one = jax.jit(lambda x, k: lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
        turn = lambda: one(x, k).block_until_ready()
    else:
        import torch
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        torch.set_grad_enabled(False)
        form = torch.channels_last if options.serve == "torch tuned" else torch.contiguous_format
        x, k = (torch.from_numpy(a).to(memory_format=form) for a in (x, k))
        turn = lambda: torch.nn.functional.conv2d(x, k, padding=1)
    took = []
    for _ in range(10 * options.epochs):
        began = time.perf_counter()
        turn()
        took.append(time.perf_counter() - began)
    print(statistics.median(took[3:]))


def nabla(options, name, folder, threads):
    if name == ALONE:
        return nabla_alone(options, threads)
    command = [options.nabla, "run", str(folder / "net.nn"), "--json", "--threads", str(threads), "--set", f"epochs={options.epochs}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = [event["seconds"] for event in map(json.loads, out.splitlines()) if event["event"] == "epoch"]
    # An event has the seconds since the training began, so the first epoch is in no difference.
    return options.rows / statistics.median(np.diff(seconds))


def peer(options, system, name, folder, threads):
    command = [sys.executable, __file__, "--serve", system, "--only", name, "--rows", str(options.rows),
               "--epochs", str(options.epochs), "--folder", str(folder)]
    limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    processors = ",".join(map(str, range(threads)))
    out = subprocess.run(["taskset", "-c", processors, *command], check=True, capture_output=True, text=True,
                         env=os.environ | limits).stdout
    return (PICTURES[0] if name == ALONE else options.rows) / float(out.split()[-1])


def serve_torch(name, x, t, epochs, tuned):
    import torch
    from torch import nn

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    (channels, *sides), layers = NETS[name]
    axes = len(sides)
    of = lambda kind: getattr(nn, f"{kind}{axes}d")
    spell = {"relu": nn.ReLU, "max": lambda: of("MaxPool")(2), "avg": lambda: of("AvgPool")(2),
             "mean": lambda: of("AdaptiveAvgPool")(1), "norm": lambda: of("BatchNorm")(channels),
             "overlap": lambda: of("MaxPool")(3, 2, 1), "enlarge": lambda: nn.Upsample(scale_factor=2)}
    parts, width = [], None
    for layer in layers:
        if isinstance(layer, str):
            parts.append(spell[layer]())
            sides = sides_behind(layer, sides)
        elif isinstance(layer, Conv):
            groups = channels if layer.depthwise else 1
            parts.append(of("Conv")(channels, layer.filters, layer.kernel, layer.stride, layer.pad, groups=groups))
            channels, sides = layer.filters, [layer.side(side) for side in sides]
        else:
            if width is None:
                parts.append(nn.Flatten())
                width = channels * math.prod(sides)
            parts.append(nn.Linear(width, layer.width))
            width = layer.width
    net = nn.Sequential(*parts)
    x, t = torch.from_numpy(x), torch.from_numpy(t).argmax(1)
    if tuned and axes == 2:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, foreach=tuned)
    cost = nn.CrossEntropyLoss()
    for _ in range(epochs):
        began = time.perf_counter()
        for at in range(0, len(x), BATCH):
            optimizer.zero_grad(set_to_none=not tuned)
            cost(net(x[at:at + BATCH]), t[at:at + BATCH]).backward()
            optimizer.step()
        yield time.perf_counter() - began


def serve_jax(name, x, t, epochs):
    import jax
    import jax.numpy as jnp
    from jax import lax

    (channels, *sides), layers = NETS[name]
    axes = len(sides)
    letters = "DHW"[-axes:]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    over = tuple(range(1, axes + 1))
    rng, params, width = np.random.default_rng(1), [], None

    def start(*shape):
        params.append((rng.normal(0, 0.1, shape).astype(np.float32), np.zeros(shape[-1], np.float32)))

    for layer in layers:
        if isinstance(layer, str):
            sides = sides_behind(layer, sides)
        if layer == "norm":
            params.append((np.ones(channels, np.float32), np.zeros(channels, np.float32)))
        elif isinstance(layer, Conv):
            start(*[layer.kernel] * axes, 1 if layer.depthwise else channels, layer.filters)
            channels, sides = layer.filters, [layer.side(side) for side in sides]
        elif isinstance(layer, Dense):
            width = width or channels * math.prod(sides)
            start(width, layer.width)
            width = layer.width

    def cost(params, x, t):
        params = iter(params)
        for layer in layers:
            if layer == "relu":
                x = jax.nn.relu(x)
            elif layer in ("max", "avg"):
                pairs = x.reshape(len(x), *[n for side in x.shape[1:-1] for n in (side // 2, 2)], x.shape[-1])
                within = tuple(range(2, 2 * axes + 1, 2))
                x = pairs.max(within) if layer == "max" else pairs.mean(within)
            elif layer == "overlap":
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, *[3] * axes, 1), (1, *[2] * axes, 1),
                                      ((0, 0), *[(1, 1)] * axes, (0, 0)))
            elif layer == "enlarge":
                for axis in over:
                    x = x.repeat(2, axis)
            elif layer == "mean":
                x = x.mean(over)
            elif layer == "norm":
                gamma, beta = next(params)
                x = (x - x.mean((0, *over))) / jnp.sqrt(x.var((0, *over)) + 1e-5) * gamma + beta
            elif isinstance(layer, Conv):
                k, b = next(params)
                groups = x.shape[-1] if layer.depthwise else 1
                x = lax.conv_general_dilated(x, k, [layer.stride] * axes, [(layer.pad, layer.pad)] * axes,
                                             dimension_numbers=numbers, feature_group_count=groups) + b
            else:
                w, b = next(params)
                x = x.reshape(len(x), -1) @ w + b
        return -(t * jax.nn.log_softmax(x)).sum(1).mean()

    def step(carry, batch):
        params, velocity = carry
        gradient = jax.grad(cost)(params, *batch)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradient)
        return (jax.tree.map(lambda p, v: p - RATE * v, params, velocity), velocity), None

    x = jnp.moveaxis(jnp.asarray(x), 1, -1)
    x = x.reshape(-1, BATCH, *x.shape[1:])
    t = jnp.asarray(t).reshape(-1, BATCH, 10)
    one = jax.jit(step)
    carry = (params, jax.tree.map(np.zeros_like, params))
    for _ in range(epochs):
        began = time.perf_counter()
        for batch in zip(x, t):
            carry, _ = one(carry, batch)
        jax.block_until_ready(carry)
        yield time.perf_counter() - began


def serve(options):
    """Trains in this process and prints the median time of an epoch."""
    if options.only == ALONE:
        return serve_alone(options)
    x, t = np.load(options.folder / "x.npy"), np.load(options.folder / "t.npy")
    if options.serve == "jax":
        epochs = serve_jax(options.only, x, t, options.epochs)
    else:
        epochs = serve_torch(options.only, x, t, options.epochs, options.serve == "torch tuned")
    print(statistics.median(list(epochs)[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nabla", default=str(ROOT / "target" / "release" / "nabla"), metavar="PATH")
    parser.add_argument("--only", default=",".join([*NETS, ALONE]), help="nets by their names")
    parser.add_argument("--peers", default="torch eager,torch tuned,jax")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rows", type=int, default=2560, help="a multiple of the batch")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options)
    peers = [peer for peer in options.peers.split(",") if peer]
    print("| net | threads | nabla |", " | ".join(peers), "| nabla / best peer |")
    print("|---|---|---|" + "---|" * (len(peers) + 1))
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="nabla-bench-") as folder:
            folder = pathlib.Path(folder)
            if name != ALONE:
                (folder / "net.nn").write_text(script(name))
                for file, table in zip(("x.npy", "t.npy"), rows(name, options.rows)):
                    np.save(folder / file, table)
            for threads in map(int, options.threads.split(",")):
                turns = {"nabla": lambda: nabla(options, name, folder, threads)}
                turns |= {system: (lambda system=system: peer(options, system, name, folder, threads)) for system in peers}
                found = {system: [] for system in turns}
                for _ in range(options.rounds):
                    for system, turn in turns.items():
                        found[system].append(turn())
                rates = {system: statistics.median(values) for system, values in found.items()}
                best = max((rates[system] for system in peers), default=float("nan"))
                cells = [f"{rates[system]:,.0f}" for system in turns]
                print(f"| {name} | {threads} | {' | '.join(cells)} | {rates['nabla'] / best:.2f} |", flush=True)


if __name__ == "__main__":
    main()
