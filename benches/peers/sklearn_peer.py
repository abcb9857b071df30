"""scikit-learn: MLPClassifier, for the two classifiers. It has no leaky relu, so it trains W4 with relu, and its Adam adds ε
before the correction of the second moment."""

import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

import workloads

MODES = ["partial_fit"]
VERSION = sklearn.__version__
# Labels that are pure chance are not learnt in the epochs given, which scikit-learn would say every time.
warnings.filterwarnings("ignore", module="sklearn")


def limit_threads(n):
    """NumPy's threads are set by the environment."""


def applies(work):
    return isinstance(work, workloads.Workload) and work.cost == "cross_entropy"


def comparable(work):
    """Whether it trains the very net the others train."""
    return work.hidden == "relu"


class Training:
    def __init__(self, work, folder, mode):
        self.work = work
        x, t, self.start = workloads.read(work, folder)
        n = len(x) // work.batch * work.batch
        self.x, self.t = x[:n], t.argmax(1)[:n]
        self.reset()

    def reset(self):
        work = self.work
        self.net = MLPClassifier(work.sizes[1:-1], batch_size=work.batch, learning_rate_init=work.rate, alpha=0.0,
                                 shuffle=False, solver="adam", activation="relu")
        # The first call makes the weights and the optimizer; both are then set back to the start.
        self.net.partial_fit(self.x[:work.batch], self.t[:work.batch], classes=np.arange(10))
        weights, offsets = zip(*self.start)
        for own, given in zip(self.net.coefs_ + self.net.intercepts_, weights + offsets):
            own[...] = given
        adam = self.net._optimizer
        adam.t = 0
        for moment in adam.ms + adam.vs:
            moment[...] = 0

    def epochs(self, n):
        for _ in range(n):
            self.net.partial_fit(self.x, self.t)

    def cost(self):
        n = workloads.judged_rows(self.work, len(self.x))
        p = self.net.predict_proba(self.x[:n])
        return float(-np.log(np.maximum(p[np.arange(n), self.t[:n]], np.finfo(p.dtype).tiny)).mean())


def build(work, folder, mode):
    return Training(work, folder, mode)
