#!/usr/bin/env python3
"""Times the notes' grid (W16: 49 trainings of 100 epochs on the digits) in Nabla, PyTorch and scikit-learn, one after the
other in the same run, and prints a table with the ratios.

    python benches/peers/search.py --nabla target/release/nabla --threads 2 --rounds 3

Nabla is timed as a process, from its start to its end: reading, checking, compiling, training and scoring. The others are
timed from when their packages are loaded and the data is there. Every system trains all of the grid, in single precision, and
scores each model on the rows of the training and on those kept. PyTorch's trainings take their batches by indexing tensors, which
is faster than its DataLoader; `--loader` takes that."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATES = PENALTIES = [10.0 ** k for k in range(-5, 2)]
BATCH = 100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nabla", default=str(ROOT / "target" / "release" / "nabla"), metavar="PATH")
    parser.add_argument("--peers", default="torch,sklearn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--loader", action="store_true", help="PyTorch takes batches from a DataLoader")
    return parser.parse_args()


def digits():
    """-> x and classes of the training and of the kept rows, scaled by the training."""
    table = np.loadtxt(ROOT / "examples" / "data" / "digits.csv", delimiter=",", skiprows=1)
    header = (ROOT / "examples" / "data" / "digits.csv").read_text().splitlines()[0].split(",")
    target = header.index("digit")
    x, classes = np.delete(table, target, axis=1).astype(np.float32), table[:, target].astype(np.int64)
    order = np.random.default_rng(1).permutation(len(x))
    cut = len(x) * 4 // 5
    train, kept = order[:cut], order[cut:]
    low, high = x[train].min(axis=0), x[train].max(axis=0)
    x = (x - low) / np.where(high > low, high - low, 1)
    return (x[train], classes[train]), (x[kept], classes[kept])


def run_nabla(options):
    command = [options.nabla, "run", "--json", "--threads", str(options.threads), "--set", f"epochs={options.epochs}",
               str(ROOT / "benches" / "peers" / "search.nn")]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(done.stderr)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    results = {event["name"]: event["value"] for event in events if event["event"] == "result"}
    return took, results["score"], (results["lr"], results["l2"])


def run_torch(options):
    import torch

    torch.set_num_threads(options.threads)
    (x, t), (kept_x, kept_t) = [tuple(map(torch.from_numpy, part)) for part in digits()]
    loader = None
    if options.loader:
        dataset = torch.utils.data.TensorDataset(x, t)
        loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)

    def batches():
        if loader is not None:
            yield from loader
            return
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start:start + BATCH]
            yield x[rows], t[rows]

    def train(rate, penalty):
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.Sigmoid(), torch.nn.Linear(100, 50), torch.nn.Sigmoid(),
                                  torch.nn.Linear(50, 10))
        matrices, others = [p for p in net.parameters() if p.ndim == 2], [p for p in net.parameters() if p.ndim != 2]
        # The gradient of λ/2 Σ w², on weights only.
        optimizer = torch.optim.SGD([{"params": matrices, "weight_decay": penalty}, {"params": others}], lr=rate)
        cost = torch.nn.CrossEntropyLoss()
        for _ in range(options.epochs):
            for rows, classes in batches():
                optimizer.zero_grad()
                cost(net(rows), classes).backward()
                optimizer.step()
        with torch.no_grad():
            fit = (net(x).argmax(dim=1) == t).float().mean().item()
            return (net(kept_x).argmax(dim=1) == kept_t).float().mean().item(), fit

    return timed(train)


def run_sklearn(options):
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    (x, t), (kept_x, kept_t) = digits()

    def train(rate, penalty):
        # Its penalty is alpha/2 Σ w² over the rows of the batch.
        net = MLPClassifier(hidden_layer_sizes=(100, 50), activation="logistic", solver="sgd", alpha=penalty * BATCH,
                            batch_size=BATCH, learning_rate_init=rate, momentum=0.0, max_iter=options.epochs, tol=0.0,
                            n_iter_no_change=options.epochs + 1, random_state=1)
        try:
            net.fit(x, t)
        except ValueError:  # It refuses weights that are no numbers.
            return float("nan"), float("nan")
        return net.score(kept_x, kept_t), net.score(x, t)

    return timed(train)


def timed(train):
    began = time.perf_counter()
    best, at = -1.0, None
    for rate in RATES:
        for penalty in PENALTIES:
            score, _ = train(rate, penalty)
            if score > best:
                best, at = score, (rate, penalty)
    return time.perf_counter() - began, best, at


def main():
    options = arguments()
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
        os.environ.setdefault(name, str(options.threads))
    systems = {"nabla": run_nabla, "torch": run_torch, "sklearn": run_sklearn}
    wanted = ["nabla"] + options.peers.split(",")
    times, bests = {name: [] for name in wanted}, {}
    for _ in range(options.rounds):
        for name in wanted:
            took, score, at = systems[name](options)
            times[name].append(took)
            bests[name] = (score, at)
            print(f"{name}: {took:.2f} s, best {score:.4f} at lr {at[0]:g}, l2 {at[1]:g}", file=sys.stderr, flush=True)
    print(f"| W16, {options.threads} threads | seconds (median of {options.rounds}) | Nabla is faster by | best score |")
    print("|---|---|---|---|")
    reference = statistics.median(times["nabla"])
    for name in wanted:
        median = statistics.median(times[name])
        print(f"| {name} | {median:.2f} | {median / reference:.1f} | {bests[name][0]:.4f} |")


if __name__ == "__main__":
    main()
