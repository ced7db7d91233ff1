"""Classes that stand alone: data classes, slots, properties, none of the book's base classes."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np


class Sigmoid:
    __slots__ = ("y",)

    def forward(self, x, inference=False):
        e = np.exp(-np.abs(x))
        self.y = np.where(x < 0, e / (1 + e), 1 / (1 + e))
        return self.y

    def backward(self, grad):
        return grad * self.y - grad * self.y**2


class Linear:
    def forward(self, x, inference=False):
        return x

    def backward(self, grad):
        return grad


@dataclass
class Tanh:
    y: Any = None

    def forward(self, x, inference=False):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad):
        return grad * (1 - self.y) * (1 + self.y)


@dataclass
class LeakyReLU:
    negative_slope: float = 0.2
    x: Any = field(default=None, repr=False)

    def forward(self, x, inference=False):
        self.x = x
        return np.where(x < 0, self.negative_slope * x, x)

    def backward(self, grad):
        return np.where(self.x > 0, grad, self.negative_slope * grad)


class ReLU(LeakyReLU):
    def __init__(self):
        super().__init__(negative_slope=0.0)


@dataclass
class Dropout:
    keep_prob: float = 0.8

    def forward(self, x, inference=False):
        if inference:
            return x * self.keep_prob
        self.mask = (np.random.random(x.shape) < self.keep_prob).astype(x.dtype)
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


@dataclass
class WeightMultiply:
    W: np.ndarray

    @property
    def param(self):
        return self.W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, grad):
        self.param_grad = (grad.T @ self.x).T
        return (self.W @ grad.T).T


@dataclass
class BiasAdd:
    param: np.ndarray

    def forward(self, x):
        return np.add(self.param, x)

    def backward(self, grad):
        self.param_grad = np.atleast_2d(np.add.reduce(grad))
        return grad


class Dense:
    """All in one class; parameters and gradients in tuples."""

    seed = None

    def __init__(self, neurons, activation=None, dropout=1.0, weight_init="standard"):
        self.neurons = neurons
        self.activation = activation or Sigmoid()
        self.drop = Dropout(dropout) if dropout < 1 else None
        self.weight_init = weight_init
        self.first = True
        self.params = ()

    def start(self, n):
        rng = np.random.default_rng(self.seed if self.first is True and not self.params else None)
        scale = (2 / (n + self.neurons)) ** 0.5 if self.weight_init == "glorot" else 1.0
        self.params = (
            rng.normal(0, scale, (n, self.neurons)),
            rng.normal(0, scale, (1, self.neurons)),
        )
        self.first = False

    def forward(self, x, inference=False):
        if self.first:
            self.start(x.shape[1])
        W, B = self.params
        self.x = x
        y = self.activation.forward(x @ W + B)
        return self.drop.forward(y, inference) if self.drop else y

    def backward(self, grad):
        if self.drop:
            grad = self.drop.backward(grad)
        grad = self.activation.backward(grad)
        self.param_grads = self.x.T @ grad, grad.sum(axis=0, keepdims=True)
        return grad @ self.params[0].T


@dataclass
class MeanSquaredError:
    mean_over: str = "rows"

    def forward(self, prediction, target):
        self.error = target - prediction
        self.n = self.error.size if self.mean_over == "elements" else self.error.shape[0]
        return float((self.error**2).sum() / self.n)

    def backward(self):
        return -2 / self.n * self.error


class SoftmaxCrossEntropyLoss:
    def forward(self, prediction, target):
        self.n, self.target = len(target), target
        shifted = prediction - prediction.max(axis=-1)[:, None]
        e = np.exp(shifted)
        self.p = e / e.sum(axis=-1)[:, None]
        right = target.argmax(axis=-1)
        return np.mean(np.log(e.sum(axis=-1)) - shifted[np.arange(self.n), right])

    def backward(self):
        grad = self.p.copy()
        grad[np.arange(self.n), self.target.argmax(axis=-1)] -= 1
        return grad / self.n


class NeuralNetwork:
    def __init__(self, layers, loss, seed=1):
        self.layers, self.loss = tuple(layers), loss
        for number, layer in enumerate(self.layers):
            layer.seed = seed + number

    def forward(self, x_batch, inference=False):
        for layer in self.layers:
            x_batch = layer.forward(x_batch, inference=inference)
        return x_batch

    def train_batch(self, x_batch, y_batch):
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        grad = self.loss.backward()
        for layer in self.layers[::-1]:
            grad = layer.backward(grad)
        return loss

    def params(self):
        return [*chain.from_iterable(layer.params for layer in self.layers)]

    def param_grads(self):
        return [*chain.from_iterable(layer.param_grads for layer in self.layers)]


@dataclass
class SGD:
    lr: float = 0.01
    net: Any = None

    def step(self):
        for param, grad in zip(self.net.params(), self.net.param_grads(), strict=True):
            np.subtract(param, self.lr * grad, out=param)


@dataclass
class SGDMomentum:
    lr: float = 0.01
    momentum: float = 0.9
    final_lr: float = 0.0
    decay_type: str | None = None
    velocities: list = field(default_factory=list)

    def _setup_decay(self):
        steps = max(self.max_epochs - 1, 1)
        self.rates = {
            "linear": lambda: iter(np.linspace(self.lr, self.final_lr, steps + 1)[1:]),
            "exponential": lambda: iter(np.geomspace(self.lr, self.final_lr, steps + 1)[1:]),
            None: lambda: iter(()),
        }[self.decay_type]()

    def _decay_lr(self):
        self.lr = next(self.rates, self.lr)

    def step(self):
        params, grads = list(self.net.params()), list(self.net.param_grads())
        self.velocities = self.velocities or [0 for _ in params]
        self.velocities = [
            self.momentum * velocity + self.lr * grad
            for velocity, grad in zip(self.velocities, grads, strict=True)
        ]
        for param, velocity in zip(params, self.velocities, strict=True):
            param -= velocity


@dataclass
class Adam:
    lr: float = 0.001
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self):
        self.moments, self.powers = None, np.ones(2)

    def step(self):
        params = list(self.net.params())
        self.moments = self.moments or [(np.zeros_like(p), np.zeros_like(p)) for p in params]
        self.powers = self.powers * self.betas
        b1, b2 = self.betas
        for param, grad, (m, v) in zip(params, self.net.param_grads(), self.moments, strict=True):
            m[:] = b1 * m + (1 - b1) * grad
            v[:] = b2 * v + (1 - b2) * grad * grad
            m_hat, v_hat = m / (1 - self.powers[0]), v / (1 - self.powers[1])
            param -= (self.lr * m_hat / (np.sqrt(v_hat) + self.eps)).astype(param.dtype)


class Batch(NamedTuple):
    X: np.ndarray
    y: np.ndarray


def permute_data(X, y):
    order = np.argsort(np.random.random(len(X)))
    return Batch(X.take(order, axis=0), y.take(order, axis=0))


def generate_batches(X, y, size=32):
    return [Batch(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


class Trainer:
    """Draws the order itself, and takes copies of the data batch by batch."""

    def __init__(self, net, optim):
        self.net, self.optim = net, optim
        optim.net = net

    def fit(
        self,
        X_train,
        y_train,
        X_test,
        y_test,
        epochs=100,
        eval_every=10,
        batch_size=32,
        seed=1,
        restart=True,
    ):
        rng = np.random.default_rng(seed)
        for layer in self.net.layers if restart else ():
            layer.first = True
        self.optim.max_epochs = epochs
        self.optim._setup_decay()
        for epoch in range(1, epochs + 1):
            order = rng.permutation(len(X_train))
            for rows in np.split(order, range(batch_size, len(order), batch_size)):
                self.net.train_batch(X_train[rows], y_train[rows])
                self.optim.step()
            if epoch % eval_every == 0:
                self.net.loss.forward(self.net.forward(X_test, inference=True), y_test)
            self.optim._decay_lr()


class Flatten:
    def forward(self, x, inference=False):
        self.shape = x.shape
        return x.reshape(x.shape[0], int(np.prod(x.shape[1:])))

    def backward(self, grad):
        return grad.reshape(self.shape)


class Reshape:
    def __init__(self, shape):
        self.shape = tuple(shape)

    def forward(self, x):
        self.before = x.shape
        return x.reshape((x.shape[0], *self.shape))

    def backward(self, grad):
        return grad.reshape(self.before)


class Conv2DOperation:
    """By matrix products of one filter element at a time."""

    def __init__(self, W, stride=1):
        self.param, self.stride = W, stride

    def places(self, images):
        size, step = self.param.shape[2], self.stride
        height, width = self.x.shape[2:]
        for i, j in np.ndindex(size, size):
            yield (i, j), images[:, :, i : i + height : step, j : j + width : step]

    def forward(self, x):
        self.x = x
        pad = self.param.shape[2] // 2
        self.framed = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        return sum(
            np.moveaxis(np.tensordot(part, self.param[:, :, i, j], axes=(1, 0)), -1, 1)
            for (i, j), part in self.places(self.framed)
        )

    def backward(self, grad):
        pad = self.param.shape[2] // 2
        back, self.param_grad = np.zeros_like(self.framed), np.zeros_like(self.param)
        for (i, j), part in self.places(back):
            part += np.moveaxis(np.tensordot(grad, self.param[:, :, i, j], axes=(1, 1)), -1, 1)
        for (i, j), part in self.places(self.framed):
            self.param_grad[:, :, i, j] = np.tensordot(part, grad, axes=((0, 2, 3), (0, 2, 3)))
        return back[:, :, pad : back.shape[2] - pad, pad : back.shape[3] - pad]


class Conv2D:
    seed = None

    def __init__(
        self,
        out_channels,
        param_size,
        activation=None,
        flatten=False,
        dropout=1.0,
        weight_init="standard",
    ):
        self.make = out_channels, param_size, weight_init
        self.others = [activation or Sigmoid()]
        self.others += [Flatten()] * flatten + [Dropout(dropout)] * (dropout < 1)
        self.first, self.params, self.param_grads = True, [], []

    def forward(self, x, inference=False):
        if self.first:
            out, size, weight_init = self.make
            rng = np.random.default_rng(None if self.params else self.seed)
            scale = np.sqrt(2 / (x.shape[1] + out)) / size if weight_init == "glorot" else 1
            W = scale * rng.standard_normal((x.shape[1], out, size, size))
            self.params, self.operation = [W], Conv2DOperation(W)
            self.first = False
        x = self.operation.forward(x)
        for other in self.others:
            x = other.forward(x, inference)
        return x

    def backward(self, grad):
        for other in reversed(self.others):
            grad = other.backward(grad)
        grad = self.operation.backward(grad)
        self.param_grads = [self.operation.param_grad]
        return grad
