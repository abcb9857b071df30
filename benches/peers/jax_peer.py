"""JAX on the processor: `step`, a compiled training step that is called for every batch, and `scan`, a whole epoch (or, where
an epoch is one step, all epochs) in one compiled loop. The optimizers are written out; XLA fuses them either way."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"

import functools

import jax
import jax.numpy as jnp
from jax import lax

import workloads

MODES = ["step", "scan"]
VERSION = jax.__version__
# Doubles stay doubles; arrays of 32 bits stay as they are.
jax.config.update("jax_enable_x64", True)
ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "leaky_relu": lambda z: jax.nn.leaky_relu(z, 0.01)}


def limit_threads(n):
    """XLA takes as many threads as the process may use processors; the driver sets those."""


def cost_of(work, out, t):
    match work.cost:
        case "mse":
            return jnp.mean((out - t) ** 2)
        case "mse_sigmoid":
            return jnp.mean((jax.nn.sigmoid(out) - t) ** 2)
        case "logistic":
            return jnp.mean(jnp.maximum(out, 0) - out * t + jnp.log1p(jnp.exp(-jnp.abs(out))))
        case "cross_entropy":
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), t[:, None], 1))


def net(work, params, x):
    if work.filters:
        (filters, b), *params = params
        x = lax.conv_general_dilated(x, filters, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        n, height, width, channels = x.shape
        # As reshape and maximum: the gradient of a window's maximum takes XLA twice as long.
        x = jax.nn.relu(x).reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4)).reshape(n, -1)
    for k, (w, b) in enumerate(params):
        x = x @ w + b
        if k + 1 < len(params):
            x = ACTIVATIONS[work.hidden](x)
    return x


def channels_last(work, x, start):
    """Pictures and weights as XLA takes them best: channels last, and the rows of the first dense layer in that order."""
    (filters, b), (w, c), *rest = start
    _, height, width = work.picture
    w = w.reshape(work.filters, height // 2, width // 2, -1).transpose(1, 2, 0, 3).reshape(w.shape)
    return x.transpose(0, 2, 3, 1), [(filters.transpose(2, 3, 1, 0), b), (w, c), *rest]


def updated(work, params, grads, moments):
    """-> the next parameters and moments: m, v and the number of the step, or v; plain descent has none."""
    rate, each = work.rate, functools.partial(jax.tree.map)
    if work.optimizer == "sgd":
        return each(lambda w, g: w - rate * g, params, grads), moments
    if work.optimizer == "momentum":
        moments = each(lambda v, g: 0.9 * v + g, moments, grads)
        return each(lambda w, v: w - rate * v, params, moments), moments
    m, v, k = moments
    k = k + 1
    m = each(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    power = k.astype(params[0][0].dtype)
    m_scale, v_scale = 1 / (1 - 0.9**power), 1 / (1 - 0.999**power)
    new = each(lambda w, m, v: w - rate * (m * m_scale) / (jnp.sqrt(v * v_scale) + 1e-8), params, m, v)
    return new, (m, v, k)


class Training:
    def __init__(self, work, folder, mode):
        self.work, self.scan = work, mode == "scan"
        x, t, self.start = workloads.read(work, folder)
        if work.cost == "cross_entropy":
            t = t.argmax(1)
        if work.filters:
            x, self.start = channels_last(work, x, self.start)
        self.x, self.t = jnp.asarray(x), jnp.asarray(t)
        self.reset()

        def step(carry, x, t):
            params, moments = carry
            cost, grads = jax.value_and_grad(lambda p: cost_of(work, net(work, p, x), t))(params)
            return updated(work, params, grads, moments), cost

        self.step = jax.jit(step, donate_argnums=0)

        @functools.partial(jax.jit, donate_argnums=0)
        def many(carry, n, x, t):
            turn = lambda _, carry: step(carry[0], x, t)
            return lax.fori_loop(0, n, turn, (carry, jnp.zeros((), x.dtype)))

        @functools.partial(jax.jit, donate_argnums=0)
        def epoch(carry, x, t):
            return lax.scan(lambda carry, rows: step(carry, *rows), carry, (x, t))

        self.many, self.epoch = many, epoch
        if work.batch:
            n_batches = len(x) // work.batch
            cut = lambda a: a[:n_batches * work.batch].reshape(n_batches, work.batch, *a.shape[1:])
            if self.scan:
                self.batches = (jnp.asarray(cut(x)), jnp.asarray(cut(t)))
            else:
                # NumPy's views cost less than slices of JAX arrays, each of which is a call of its own.
                self.batches = list(zip(cut(x), cut(t)))

    def reset(self):
        params = jax.tree.map(jnp.array, self.start)
        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        moments = {"adam": lambda: (zeros(), zeros(), jnp.zeros((), jnp.int32)), "momentum": zeros, "sgd": tuple}
        self.carry = (params, moments[self.work.optimizer]())

    def epochs(self, n):
        if self.work.batch is None:
            if self.scan:
                self.carry, cost = self.many(self.carry, n, self.x, self.t)
            else:
                for _ in range(n):
                    self.carry, cost = self.step(self.carry, self.x, self.t)
        else:
            for _ in range(n):
                if self.scan:
                    self.carry, costs = self.epoch(self.carry, *self.batches)
                    cost = costs[-1]
                else:
                    for x, t in self.batches:
                        self.carry, cost = self.step(self.carry, x, t)
        return float(cost)

    def cost(self):
        n = workloads.judged_rows(self.work, len(self.x))
        return float(cost_of(self.work, net(self.work, self.carry[0], self.x[:n]), self.t[:n]))


class Matmul:
    def __init__(self, work, folder, mode):
        self.scan = mode == "scan"
        self.a = jnp.asarray(jnp.load(f"{folder}/a.npy"))
        self.once = jax.jit(jnp.matmul)
        self.many = jax.jit(lambda a, b, n: lax.fori_loop(0, n, lambda _, b: a @ b, b))
        self.reset()

    def reset(self):
        self.b = self.a

    def epochs(self, n):
        if self.scan:
            self.b = self.many(self.a, self.b, n)
        else:
            for _ in range(n):
                self.b = self.once(self.a, self.b)
        self.b.block_until_ready()

    def cost(self):
        return float((self.a * self.b).sum())


def build(work, folder, mode):
    return (Matmul if isinstance(work, workloads.Matmul) else Training)(work, folder, mode)
