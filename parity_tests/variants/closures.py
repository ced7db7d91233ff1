"""Every operation leaves a function behind that sends its gradient back: numbers, arrays, and an
autoencoder and layers made of such functions.
"""

import math

import numpy as np


class NumberWithGrad:
    def __init__(self, num, send=()):
        self.num, self.send, self.grad = num, list(send), 0

    def made(self, num, *send):
        return NumberWithGrad(num, send)

    def __add__(self, other):
        other = ensure_number(other)
        return self.made(self.num + other.num, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other):
        other = ensure_number(other)
        a, b = self.num, other.num
        return self.made(a * b, (self, lambda g: g * b), (other, lambda g: g * a))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -ensure_number(other)

    def __rsub__(self, other):
        return -self + other

    def exp(self):
        value = math.exp(self.num)
        return self.made(value, (self, lambda g: g * value))

    def tanh(self):
        up, down = math.exp(min(self.num, 300)), math.exp(-max(self.num, -300))
        value = math.tanh(self.num)
        return self.made(value, (self, lambda g: g * 4 / (up + down) ** 2))

    def log(self):
        return self.made(math.log(self.num), (self, lambda g: g / self.num))

    def relu(self):
        return self.made(max(self.num, 0), (self, lambda g: g if self.num > 0 else 0))

    def backward(self, grad=1.0):
        self.grad += grad
        for source, way in self.send:
            source.backward(way(grad))

    def zero_grad(self):
        self.grad = 0
        for source, _ in self.send:
            source.zero_grad()


def ensure_number(num):
    if not isinstance(num, NumberWithGrad):
        num = NumberWithGrad(num)
    return num


def add_up(grad, shape):
    grad = np.asarray(grad)
    more = grad.ndim - len(shape)
    repeated = [i + more for i, n in enumerate(shape) if n == 1 and grad.shape[i + more] != 1]
    return grad.sum(axis=(*range(more), *repeated)).reshape(shape)


class ArrayWithGrad:
    """Gradients go over the graph once, in the order in which arrays were made."""

    made = 0

    def __init__(self, array, *send):
        self.array, self.send, self.grad = np.array(array), send, None
        ArrayWithGrad.made += 1
        self.number = ArrayWithGrad.made

    def other(self, other):
        if not isinstance(other, ArrayWithGrad):
            other = ArrayWithGrad(np.asarray(other, self.array.dtype))
        return other

    def __add__(self, other):
        other = self.other(other)
        return ArrayWithGrad(self.array + other.array, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other):
        other = self.other(other)
        a, b = self.array, other.array
        return ArrayWithGrad(a * b, (self, lambda g: g * b), (other, lambda g: g * a))

    def __truediv__(self, other):
        other = self.other(other)
        a, b = self.array, other.array
        ratio = a / b
        return ArrayWithGrad(ratio, (self, lambda g: g / b), (other, lambda g: -g * ratio / b))

    def __neg__(self):
        return ArrayWithGrad(-self.array, (self, np.negative))

    def __sub__(self, other):
        return self + -self.other(other)

    def __rsub__(self, other):
        return self.other(other) - self

    def __rtruediv__(self, other):
        return self.other(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        return ArrayWithGrad(self.array**n, (self, lambda g: g * (n * self.array ** (n - 1))))

    def __matmul__(self, other):
        a, b = self.array, other.array
        return ArrayWithGrad(
            a @ b,
            (self, lambda g: g @ np.swapaxes(b, -1, -2)),
            (other, lambda g: np.swapaxes(a, -1, -2) @ g),
        )

    def sum(self, axis=None, keepdims=False):
        whole = self.array.sum(axis=axis, keepdims=True)
        shape = self.array.shape
        return ArrayWithGrad(
            self.array.sum(axis=axis, keepdims=keepdims),
            (self, lambda g: np.broadcast_to(np.reshape(g, whole.shape), shape)),
        )

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis=axis, keepdims=keepdims)
        return total / float(self.array.size // max(total.array.size, 1))

    def reshape(self, shape):
        return ArrayWithGrad(
            self.array.reshape(shape), (self, lambda g: np.reshape(g, self.array.shape))
        )

    def transpose(self, axes=None):
        axes = axes or tuple(reversed(range(self.array.ndim)))
        return ArrayWithGrad(
            self.array.transpose(axes),
            (self, lambda g: np.moveaxis(g, range(len(axes)), axes)),
        )

    T = property(transpose)

    def __getitem__(self, index):
        def way(g):
            numbers = np.arange(self.array.size).reshape(self.array.shape)[index]
            sums = np.bincount(numbers.ravel(), np.ravel(g), self.array.size)
            return sums.reshape(self.array.shape).astype(self.array.dtype)

        return ArrayWithGrad(self.array[index], (self, way))

    @classmethod
    def concatenate(cls, arrays, axis=0):
        send, start = [], 0
        for each in arrays:
            rows = range(start, start + each.array.shape[axis])
            send.append((each, lambda g, rows=rows: np.take(g, rows, axis=axis)))
            start = rows.stop
        return cls(np.concatenate([each.array for each in arrays], axis), *send)

    @classmethod
    def stack(cls, arrays, axis=0):
        send = [(x, lambda g, i=i: np.take(g, i, axis=axis)) for i, x in enumerate(arrays)]
        return cls(np.stack([each.array for each in arrays], axis), *send)

    def function(self, value, slope):
        return ArrayWithGrad(value, (self, lambda g: g * slope))

    def exp(self):
        return self.function(np.exp(self.array), np.exp(self.array))

    def log(self):
        return self.function(np.log(self.array), 1 / self.array)

    def sigmoid(self):
        half = np.tanh(self.array / 2)
        return self.function((1 + half) / 2, (1 - half) * (1 + half) / 4)

    def tanh(self):
        return self.function(np.tanh(self.array), np.cosh(self.array) ** -2.0)

    def relu(self):
        on = (self.array > 0).astype(self.array.dtype)
        return self.function(self.array * on, on)

    def backward(self, backward_grad=None):
        if backward_grad is None:
            backward_grad = np.ones_like(self.array)
        new, arrays, todo = {self.number: backward_grad}, {}, [self]
        while todo:
            each = todo.pop()
            arrays[each.number] = each
            todo += [source for source, _ in each.send if source.number not in arrays]
        for number in sorted(arrays, reverse=True):
            each, grad = arrays[number], new[number]
            each.grad = grad + 0 if each.grad is None else each.grad + grad
            for source, way in each.send:
                sent = add_up(way(grad), source.array.shape)
                new[source.number] = new.get(source.number, 0) + sent


# An autoencoder: each layer returns its output and the function of the way back.


def convolve(x, W):
    """Channels last, by one product of patches; W as in the book."""
    size = W.shape[2]
    pad = size // 2
    framed = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(framed, (size, size), (1, 2))
    return np.tensordot(patches, W, axes=((3, 4, 5), (0, 2, 3))), patches


def tanh_layer(y):
    y = np.tanh(y)
    return y, lambda grad: grad * (1 - y) * (1 + y)


class Autoencoder:
    def __init__(self, hidden_dim=28, channels=(14, 7), param_size=5):
        self.hidden_dim, self.channels, self.size = hidden_dim, channels, param_size
        self.all = None

    def set_up(self, shape):
        rng = np.random.default_rng(3)
        (deep, rows, columns), (first, second), size = shape, self.channels, self.size
        wide = second * rows * columns
        shapes = [
            [(deep, first, size, size), (1, first)],
            [(first, second, size, size), (1, second)],
            [(wide, self.hidden_dim), (1, self.hidden_dim)],
            [(self.hidden_dim, wide), (1, wide)],
            [(second, first, size, size), (1, first)],
            [(first, deep, size, size), (1, deep)],
        ]
        self.all = [[rng.normal(0, 0.2, shape) for shape in pair] for pair in shapes]
        self.image = (rows, columns, second)

    def convolution(self, number, x):
        W, B = self.all[number]
        y, patches = convolve(x, W)
        y, through = tanh_layer(y + B[0])

        def back(grad):
            grad = through(grad)
            W_grad = np.tensordot(patches, grad, axes=((0, 1, 2), (0, 1, 2)))
            self.grads[number] = [
                W_grad.transpose(0, 3, 1, 2),
                grad.sum(axis=(0, 1, 2))[None],
            ]
            return convolve(grad, W[:, :, ::-1, ::-1].swapaxes(0, 1))[0]

        return y, back

    def full(self, number, x):
        W, B = self.all[number]
        y, through = tanh_layer(x @ W + B)

        def back(grad):
            grad = through(grad)
            self.grads[number] = [x.T @ grad, grad.sum(axis=0)[None]]
            return grad @ W.T

        return y, back

    def encode(self, x_batch):
        if self.all is None:
            self.set_up(x_batch.shape[1:])
        self.grads, self.ways = {}, []
        x = np.moveaxis(x_batch, 1, -1)
        for number in (0, 1):
            x, way = self.convolution(number, x)
            self.ways.append(way)
        shape = x.shape[1:]
        x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        self.ways.append(lambda g: self.to_maps(g, shape))
        x, way = self.full(2, x)
        self.ways.append(way)
        return x

    def to_maps(self, rows, shape):
        height, width, maps = shape
        return rows.reshape(-1, maps, height, width).transpose(0, 2, 3, 1)

    def decode(self, codes):
        ways = []
        x, way = self.full(3, codes)
        ways.append(way)
        x = self.to_maps(x, self.image)
        ways.append(lambda g: g.transpose(0, 3, 1, 2).reshape(len(g), -1))
        for number in (4, 5):
            x, way = self.convolution(number, x)
            ways.append(way)
        self.ways = [*self.ways, *ways]
        return np.moveaxis(x, -1, 1)

    def forward(self, x_batch):
        self.code = self.encode(x_batch)
        return self.decode(self.code)

    def train_batch(self, x_batch, y_batch):
        error = self.forward(x_batch) - y_batch
        grad = np.moveaxis(error, 1, -1) * (2 / error.size)
        for way in self.ways[::-1]:
            grad = way(grad)
        return np.square(error).mean()

    def params(self):
        return [param for pair in self.all for param in pair]

    def param_grads(self):
        return [grad for number in range(6) for grad in self.grads[number]]


# Schedules as generators


class Scheduled:
    def __init__(self, lr, final_lr, max_epochs):
        self.rates = self.falling(lr, final_lr, max_epochs)
        self.lr = next(self.rates)

    def step(self, loss=None):
        self.lr = next(self.rates)


class LinearDecay(Scheduled):
    def falling(self, lr, final_lr, epochs):
        yield lr
        for left in range(epochs - 2, -1, -1):
            yield final_lr + (lr - final_lr) * left / (epochs - 1)


class ExponentialDecay(Scheduled):
    def falling(self, lr, final_lr, epochs):
        while True:
            yield lr
            lr *= (final_lr / lr) ** (1 / max(epochs - 1, 1)) if epochs > 1 else 1
            epochs -= 1


class CosineDecay(Scheduled):
    def falling(self, lr, final_lr, epochs):
        for epoch in range(epochs):
            angle = np.pi * epoch / max(epochs - 1, 1)
            yield (lr + final_lr) / 2 + (lr - final_lr) / 2 * math.cos(angle)
