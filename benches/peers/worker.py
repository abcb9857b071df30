"""One peer in a process of its own, which does what it is asked to, one line of JSON after the other.

`worker.py torch 2` serves; `worker.py torch 2 W3 eager FOLDER 1000` trains 1000 epochs and ends, to be timed as a process.
A request is {"do": "build", "work": …, "mode": …, "folder": …}, which answers with the cost after some epochs,
{"do": "time", "mode": …, "seconds": …}, which answers with the seconds of an epoch, or {"do": "drop"}, which forgets all."""

import importlib
import json
import sys
import time

import workloads


def timed(training, n):
    training.reset()
    began = time.perf_counter()
    training.epochs(n)
    return time.perf_counter() - began


class Server:
    def __init__(self, peer):
        self.peer, self.trainings, self.lengths = peer, {}, {}

    def build(self, work, mode, folder):
        """The first epoch compiles and is not counted among those before the cost."""
        work = workloads.ALL[work]
        training = self.trainings[mode] = self.peer.build(work, folder, mode)
        training.epochs(1)
        training.reset()
        training.epochs(work.check_epochs)
        return {"cost": training.cost()}

    def time(self, mode, seconds):
        """Seconds an epoch over a block of about `seconds`, from the start weights; the first call finds its length."""
        training, n = self.trainings[mode], self.lengths.get(mode, 0)
        if not n:
            n = 1
            while (took := timed(training, n)) < seconds / 2:
                n = max(n + 1, int(n * min(seconds / took, 20)))
            n = self.lengths[mode] = max(1, round(n * seconds / took))
        return {"epoch": timed(training, n) / n, "epochs": n}

    def drop(self):
        self.trainings, self.lengths = {}, {}
        return {}


def main():
    system, threads, *once = sys.argv[1:]
    peer = importlib.import_module(f"{system}_peer")
    peer.limit_threads(int(threads))
    if once:
        work, mode, folder, epochs = once
        training = peer.build(workloads.ALL[work], folder, mode)
        training.epochs(int(epochs))
        print(training.cost())
        return
    answer = lambda what: print(json.dumps(what), flush=True)
    answer({"version": peer.VERSION, "modes": peer.MODES})
    server = Server(peer)
    for line in sys.stdin:
        request = json.loads(line)
        answer(getattr(server, request.pop("do"))(**request))


if __name__ == "__main__":
    main()
