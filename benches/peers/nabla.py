"""Runs the workloads by the program `nabla`.

An epoch of a small net takes less than reporting it. So the time of an epoch is not read from the program: it is the
difference between a long and a short run of the whole process, by the difference of their epochs. Starting, checking,
compiling and reading data fall out, whatever is done in every epoch is counted: `train` also keeps the cost of every epoch,
which the peers do not. The variant `loop` has the same steps as a loop written by hand that keeps nothing either. Trainings in
batches take milliseconds an epoch, and there the events of `--json` say when each epoch ended."""

import json
import pathlib
import subprocess

import processes
import workloads

SCRIPTS = workloads.ROOT / "benches" / "workloads"
MOST_EPOCHS = 100_000_000


class Runner:
    def __init__(self, program, engine):
        self.program, self.engine = pathlib.Path(program).resolve(), engine
        self.lengths = {}
        self.version = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]

    def variants(self, work):
        if isinstance(work, workloads.Matmul):
            return ["nabla loop"]
        return ["nabla train", "nabla loop"] if work.loop else ["nabla train"]

    def command(self, work, variant, folder, epochs, threads, *more):
        ending = "_loop" if variant == "nabla loop" and isinstance(work, workloads.Workload) else ""
        count = "turns" if isinstance(work, workloads.Matmul) else "epochs"
        engine = ["--engine", self.engine] if self.engine else []
        return [self.program, "run", SCRIPTS / f"{work.script}{ending}.nn", "--quiet", "--threads", str(threads), *engine,
                "--set", f'folder="{folder}"', "--set", f"{count}={epochs}", *more]

    def events(self, work, variant, folder, epochs, threads):
        text, _ = processes.run(self.command(work, variant, folder, epochs, threads, "--json"), threads)
        return [json.loads(line) for line in text.splitlines()]

    def cost(self, work, variant, folder, threads):
        """The cost after the epochs that every system trains for comparison."""
        for event in self.events(work, variant, folder, work.check_epochs, threads):
            if event["event"] == "result" and event["name"] == "final_cost":
                return float(event["value"])
        raise SystemExit(f"{work.script} has no final_cost")

    def epoch(self, work, variant, folder, threads, seconds):
        """Seconds an epoch."""
        if isinstance(work, workloads.Workload) and work.batch:
            return self.epoch_by_events(work, variant, folder, threads, seconds)
        wall = lambda epochs: processes.run(self.command(work, variant, folder, epochs, threads), threads)[1]
        key = (work.name, variant, threads)
        if key not in self.lengths:
            self.lengths[key] = length(wall, seconds)
        long, short = self.lengths[key], self.lengths[key] // 10
        return max(wall(long) - wall(short), 1e-9) / (long - short)

    def epoch_by_events(self, work, variant, folder, threads, seconds):
        """The median over epochs of the time between the ends of two; the first warms up."""
        key = (work.name, variant, threads)
        epochs = self.lengths.get(key, 3)
        while True:
            events = self.events(work, variant, folder, epochs, threads)
            ends = [event["seconds"] for event in events if event["event"] == "epoch"]
            between = sorted(after - before for before, after in zip(ends, ends[1:]))
            if ends[-1] - ends[0] >= 0.8 * seconds:
                self.lengths[key] = epochs
                return between[len(between) // 2]
            epochs = min(int(epochs * seconds / (ends[-1] - ends[0])) + 2, epochs * 100)

    def process(self, work, folder, epochs, threads):
        """-> seconds and peak bytes of a whole run."""
        return processes.used(self.command(work, "nabla train", folder, epochs, threads), threads)


def length(wall, seconds):
    """How many epochs make a run take `seconds` longer than one of hardly any."""
    least, epochs = wall(2), 20
    while (extra := wall(epochs) - least) < 0.8 * seconds and epochs < MOST_EPOCHS:
        # Near the noise of a start the rate is not known yet.
        epochs = int(epochs * (min(1.1 * seconds / extra, 30) if extra > 0.02 else 30))
    return epochs
