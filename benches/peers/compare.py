#!/usr/bin/env python3
"""Times Nabla beside PyTorch, JAX and scikit-learn on this machine, and prints a table.

    python benches/peers/compare.py --nabla target/release/nabla --only W1,W4 --rounds 5 --threads 1,2
    python benches/peers/compare.py --write docs/performance.md

Those systems that the Python running this can import are measured; NumPy is needed. How it is measured is told in
docs/performance.md."""

import argparse
import contextlib
import datetime
import functools
import importlib.metadata
import os
import pathlib
import tempfile

import nabla
import peers
import processes
import report
import workloads

# The Rust peer of W12, where it was built: `cargo build --release` in benches/peers/candle.
CANDLE = pathlib.Path(__file__).with_name("candle") / "target" / "release" / "nabla-peer-candle"
PACKAGES = {"torch": "torch", "jax": "jax", "sklearn": "scikit-learn"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nabla", default=str(workloads.ROOT / "target" / "release" / "nabla"), metavar="PATH")
    parser.add_argument("--engine", help="what `nabla run --engine` is given")
    parser.add_argument("--only", help="workloads by their names, as W1,W4,W10,W12,memory")
    parser.add_argument("--peers", default="torch,jax,sklearn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2", help="numbers of threads, as 1,2")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long a block that is timed takes, at least")
    parser.add_argument("--images", type=int, default=workloads.IMAGES, help="rows of W6")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="replace the table between the markers of FILE")
    return parser.parse_args()


def wanted(name, only):
    """Whether `W10 64 f32` is asked for, by its name or by its first word."""
    return only is None or name in only or name.split()[0] in only


def compare_one(work, folder, runner, servers, options, threads):
    """-> {system: [time of an epoch, in every round]}, and remarks on final costs that differ.

    In a round every system is timed once, so that what else the machine does meets all of them alike."""
    costs, turns, comparable = {}, {}, {}
    for variant in runner.variants(work):
        costs[variant] = runner.cost(work, variant, folder, threads)
        turns[variant] = functools.partial(runner.epoch, work, variant, folder, threads, options.seconds)
    reference = next(iter(costs.values()))
    for server in servers:
        if not server.applies(work):
            continue
        for mode in server.modes:
            system = f"{server.name} {mode}"
            costs[system] = server.build(work, mode, folder)
            turns[system] = functools.partial(server.epoch, mode, options.seconds)
            comparable[system] = server.comparable(work)
    times = {system: [] for system in turns}
    for _ in range(options.rounds):
        for system, turn in turns.items():
            times[system].append(turn())
    for server in servers:
        server.drop()
    margin = work.tolerance * max(abs(reference), work.scale)
    differing = [system for system, cost in costs.items()
                 if comparable.get(system, True) and not abs(cost - reference) <= margin]
    remarks = [f"{work.name}, {threads} threads: {system} ends at the cost {costs[system]:.12g}, Nabla at {reference:.12g}"
               for system in differing]
    return times, remarks


def compare_trainings(options, base, only, runner, remarks):
    """-> rows of the table: (workload, threads, {system: times})."""
    works = [work for work in workloads.ALL.values() if wanted(work.name, only)]
    rows = []
    if not works:
        return rows
    for threads in options.threads:
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(peers.Server(name, threads)) for name in options.peers]
            for work in works:
                times, differing = compare_one(work, workloads.folder_of(work, base), runner, servers, options, threads)
                rows.append((work, threads, times))
                remarks.extend(differing)
                report.progress(work, threads, times, options.images)
    return rows


def compare_processes(options, base, only, runner):
    """-> rows of the second table: (what, threads, {system: [(seconds, bytes)]}), for W12 and the peak memory of W6."""
    rows = []
    images = f"W6, 1 epoch of {options.images:,} rows, {options.images * (784 + 10) * 4 / 1e6:.0f} MB"
    for title, name, epochs, word in [("W12: W3, 1000 epochs", "W3", 1000, "W12"), (images, "W6", 1, "memory")]:
        if only is not None and word not in only:
            continue
        work, folder = workloads.ALL[name], workloads.folder_of(workloads.ALL[name], base)
        for threads in options.threads:
            found = {}
            for _ in range(min(options.rounds, 3) if word == "W12" else 1):
                found.setdefault("nabla train", []).append(runner.process(work, folder, epochs, threads))
                if word == "W12" and CANDLE.exists():
                    found.setdefault("candle", []).append(processes.used([CANDLE, epochs, folder], threads))
                for peer in options.peers:
                    for mode in peers.MODES[peer] if peers.applies(peer, work) else []:
                        used = peers.process(peer, mode, work, folder, epochs, threads)
                        found.setdefault(f"{peer} {mode}", []).append(used)
            rows.append((title, threads, found))
    return rows


def main():
    options = arguments()
    options.threads = [int(n) for n in options.threads.split(",")]
    only = set(options.only.split(",")) if options.only else None
    installed = {}
    for name in options.peers.split(","):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(PACKAGES[name])
    options.peers = list(installed)
    options.load = os.getloadavg()[0]
    runner = nabla.Runner(options.nabla, options.engine)
    remarks = []
    with tempfile.TemporaryDirectory(prefix="nabla-bench-") as base:
        needed = {"W12": "W3", "memory": "W6"}
        for work in workloads.ALL.values():
            if wanted(work.name, only) or any(needed.get(word) == work.name for word in only or ()):
                workloads.prepare(work, base, options.images)
        rows = compare_trainings(options, base, only, runner, remarks)
        whole = compare_processes(options, base, only, runner)
    text = report.document(rows, whole, remarks, options, runner, installed, datetime.date.today())
    print(text)
    if options.write:
        report.replace(options.write, text)
    return 1 if remarks else 0


if __name__ == "__main__":
    raise SystemExit(main())
