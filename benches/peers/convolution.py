#!/usr/bin/env python3
"""Times small convolutional nets in Nabla beside PyTorch and JAX, and prints a table.

    python benches/peers/convolution.py --nabla target/release/nabla --threads 1,2 --rounds 3

All systems train the same net on the same rows in the same order, by descent with momentum in 32-bit reals; each draws its
own starting weights, so costs are not compared. A number is rows a second: the median over epochs, then over rounds, in
which the systems take turns. The first epoch, which compiles, is left out."""

import argparse
import json
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

# Name: channels and sides of a row, then the layers.
NETS = {
    "W7": ((3, 32, 32), [("conv", 12, 3, "same"), "relu", "pool", ("dense", 10)]),
    "lenet": ((1, 28, 28), [("conv", 6, 5, "same"), "relu", "pool", ("conv", 16, 5, "valid"), "relu", "pool",
                            ("dense", 120), "relu", ("dense", 84), "relu", ("dense", 10)]),
    "vgg": ((3, 32, 32), [("conv", 32, 3, "same"), "relu", ("conv", 32, 3, "same"), "relu", "pool",
                          ("conv", 64, 3, "same"), "relu", ("conv", 64, 3, "same"), "relu", "pool",
                          ("dense", 128), "relu", ("dense", 10)]),
}


def script(name):
    """The net as a user of Nabla writes it."""
    (channels, *sides), layers = NETS[name]
    spell = {"relu": "relu", "pool": "max_pool(2)"}
    steps, is_flat = [], False
    for layer in layers:
        if layer in spell:
            steps.append(spell[layer])
        elif layer[0] == "conv":
            steps.append(f'conv2d({layer[1]}, kernel = {layer[2]}, pad = "{layer[3]}")')
        else:
            steps += [] if is_flat else ["flatten"]
            is_flat = True
            steps.append(f"dense({layer[1]})")
    return f"""use std.data.{{npy}}
precision f32
epochs = 3
x: real[rows, {channels}, {sides[0]}, {sides[1]}] = npy("x.npy")
t: real[rows, 10] = npy("t.npy")
net f(x: real[n, {channels}, {sides[0]}, {sides[1]}]) -> real[n, 10] = x |> {" |> ".join(steps)} |> softmax
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


def nabla(options, name, folder, threads):
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
    return options.rows / float(out.split()[-1])


def serve_torch(name, x, t, epochs, tuned):
    import torch
    from torch import nn

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    (channels, side, _), layers = NETS[name]
    parts, width = [], None
    for layer in layers:
        if layer == "relu":
            parts.append(nn.ReLU())
        elif layer == "pool":
            parts.append(nn.MaxPool2d(2))
            side //= 2
        elif layer[0] == "conv":
            parts.append(nn.Conv2d(channels, layer[1], layer[2], padding=layer[3]))
            channels, side = layer[1], side if layer[3] == "same" else side - layer[2] + 1
        else:
            if width is None:
                parts.append(nn.Flatten())
                width = channels * side * side
            parts.append(nn.Linear(width, layer[1]))
            width = layer[1]
    net = nn.Sequential(*parts)
    x, t = torch.from_numpy(x), torch.from_numpy(t).argmax(1)
    if tuned:
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

    (channels, side, _), layers = NETS[name]
    rng, params, width = np.random.default_rng(1), [], None
    for layer in layers:
        if layer == "pool":
            side //= 2
        elif layer[0] == "conv":
            shape = (layer[2], layer[2], channels, layer[1])
            channels, side = layer[1], side if layer[3] == "same" else side - layer[2] + 1
            params.append((rng.normal(0, 0.1, shape).astype(np.float32), np.zeros(layer[1], np.float32)))
        elif layer[0] == "dense":
            width = width or channels * side * side
            params.append((rng.normal(0, 0.1, (width, layer[1])).astype(np.float32), np.zeros(layer[1], np.float32)))
            width = layer[1]

    def cost(params, x, t):
        params = iter(params)
        for layer in layers:
            if layer == "relu":
                x = jax.nn.relu(x)
            elif layer == "pool":
                n, h, w, c = x.shape
                x = x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
            elif layer[0] == "conv":
                k, b = next(params)
                x = lax.conv_general_dilated(x, k, (1, 1), layer[3].upper(), dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            else:
                w, b = next(params)
                x = x.reshape(len(x), -1) @ w + b
        return -(t * jax.nn.log_softmax(x)).sum(1).mean()

    def step(carry, batch):
        params, velocity = carry
        gradient = jax.grad(cost)(params, *batch)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradient)
        return (jax.tree.map(lambda p, v: p - RATE * v, params, velocity), velocity), None

    x = jnp.asarray(x.transpose(0, 2, 3, 1)).reshape(-1, BATCH, *x.shape[2:], x.shape[1])
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
    x, t = np.load(options.folder / "x.npy"), np.load(options.folder / "t.npy")
    if options.serve == "jax":
        epochs = serve_jax(options.only, x, t, options.epochs)
    else:
        epochs = serve_torch(options.only, x, t, options.epochs, options.serve == "torch tuned")
    print(statistics.median(list(epochs)[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nabla", default=str(ROOT / "target" / "release" / "nabla"), metavar="PATH")
    parser.add_argument("--only", default=",".join(NETS), help="nets by their names")
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
