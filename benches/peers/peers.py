"""The peers, each in a process of its own (worker.py), so that none disturbs another and all take turns."""

import json
import pathlib
import subprocess
import sys

import processes
import workloads

WORKER = pathlib.Path(__file__).with_name("worker.py")
MODES = {"torch": ["eager", "tuned"], "jax": ["step", "scan"], "sklearn": ["partial_fit"]}


def applies(name, work):
    """Whether a peer can train a workload: scikit-learn has classifiers only, and no filters."""
    return name != "sklearn" or getattr(work, "cost", None) == "cross_entropy" and not work.filters


class Server:
    def __init__(self, name, threads):
        self.name, self.modes = name, MODES[name]
        self.process = subprocess.Popen(
            [sys.executable, WORKER, name, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=processes.environment(threads), preexec_fn=processes.on_processors(threads))
        self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.name} ended")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def applies(self, work):
        return applies(self.name, work)

    def comparable(self, work):
        """Whether it trains the very net the others train: scikit-learn has no leaky relu."""
        return self.name != "sklearn" or work.hidden == "relu"

    def build(self, work, mode, folder):
        """-> the cost after the epochs that every system trains for comparison."""
        return self.ask(do="build", work=work.name, mode=mode, folder=str(folder))["cost"]

    def epoch(self, mode, seconds):
        """-> seconds an epoch."""
        return self.ask(do="time", mode=mode, seconds=seconds)["epoch"]

    def drop(self):
        self.ask(do="drop")


def process(name, mode, work, folder, epochs, threads):
    """-> seconds and peak bytes of a process that trains and ends."""
    return processes.used([sys.executable, WORKER, name, threads, work.name, mode, folder, epochs], threads)
