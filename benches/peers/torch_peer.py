"""PyTorch: `eager`, as its users write it, and `tuned`, with fused optimizers, gradients that are never freed, results
written to where they are kept and channels last in pictures. Both take batches as views of tensors; no DataLoader slows them down."""

import torch
import torch.nn.functional as F

import workloads

MODES = ["eager", "tuned"]
VERSION = torch.__version__
ACTIVATIONS = {"sigmoid": torch.nn.Sigmoid, "relu": torch.nn.ReLU, "leaky_relu": lambda: torch.nn.LeakyReLU(0.01)}
COSTS = {
    "mse": F.mse_loss,
    "mse_sigmoid": lambda out, t: F.mse_loss(torch.sigmoid(out), t),
    "logistic": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
}


def limit_threads(n):
    torch.set_num_threads(n)


def started(layer, w, b):
    """The layer with these weights."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(w))
        layer.bias.copy_(torch.from_numpy(b))
    return layer


class Training:
    def __init__(self, work, folder, mode):
        self.work, self.tuned = work, mode == "tuned"
        x, t, self.start = workloads.read(work, folder)
        self.x, self.t = torch.from_numpy(x), torch.from_numpy(t)
        if work.cost == "cross_entropy":
            self.t = self.t.argmax(1)
        self.cost_of = COSTS[work.cost]
        self.form = torch.channels_last if work.filters and self.tuned else torch.contiguous_format
        self.x = self.x.to(memory_format=self.form)
        self.reset()

    def reset(self):
        work, layers, dense = self.work, [], self.start
        if work.filters:
            (filters, b), *dense = self.start
            layers.append(started(torch.nn.Conv2d(work.picture[0], work.filters, 3, padding=1), filters, b))
            layers += [torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()]
        for k, (w, b) in enumerate(dense):
            layers.append(started(torch.nn.Linear(*w.shape, dtype=getattr(torch, work.dtype)), w.T, b))
            if k + 1 < len(dense):
                layers.append(ACTIVATIONS[work.hidden]())
        self.net = torch.nn.Sequential(*layers).to(memory_format=self.form)
        optimizer, more = {"adam": (torch.optim.Adam, {}), "sgd": (torch.optim.SGD, {}),
                           "momentum": (torch.optim.SGD, {"momentum": 0.9})}[work.optimizer]
        self.optimizer = optimizer(self.net.parameters(), lr=work.rate, fused=self.tuned or None, **more)

    def step(self, x, t):
        self.optimizer.zero_grad(set_to_none=not self.tuned)
        cost = self.cost_of(self.net(x), t)
        cost.backward()
        self.optimizer.step()
        return cost

    def epochs(self, n):
        batch = self.work.batch
        if batch is None:
            for _ in range(n):
                cost = self.step(self.x, self.t)
        else:
            last = len(self.x) - len(self.x) % batch
            for _ in range(n):
                for at in range(0, last, batch):
                    cost = self.step(self.x[at:at + batch], self.t[at:at + batch])
        return cost.item()

    def cost(self):
        n = workloads.judged_rows(self.work, len(self.x))
        with torch.no_grad():
            return self.cost_of(self.net(self.x[:n]), self.t[:n]).item()


class Matmul:
    def __init__(self, work, folder, mode):
        import numpy as np
        self.tuned = mode == "tuned"
        self.a = torch.from_numpy(np.load(f"{folder}/a.npy"))
        self.reset()

    def reset(self):
        self.b, self.spare = self.a.clone(), torch.empty_like(self.a)

    def epochs(self, n):
        a, b, spare = self.a, self.b, self.spare
        if self.tuned:
            for _ in range(n):
                torch.mm(a, b, out=spare)
                b, spare = spare, b
        else:
            for _ in range(n):
                b = a @ b
        self.b, self.spare = b, spare

    def cost(self):
        return (self.a * self.b).sum().item()


def build(work, folder, mode):
    return (Matmul if isinstance(work, workloads.Matmul) else Training)(work, folder, mode)
