"""Results in Fortran order, as transposed, strided, reversed and broadcast views."""

import numpy as np


def fortran(x):
    return np.asfortranarray(x)


def strided(x):
    holder = np.zeros(tuple(3 * n for n in x.shape), x.dtype)
    view = holder[tuple(slice(1, None, 3) for _ in x.shape)]
    view[...] = x
    return view


def backwards(x):
    whole = (slice(None, None, -1),) * x.ndim
    return np.ascontiguousarray(x[whole])[whole]


def square(x):
    return strided(x * x)


def relu(x):
    return backwards(np.where(x > 0, x, 0))


def leaky_relu(x):
    return fortran(np.where(x > 0, x, x / 5))


def sigmoid(x):
    return np.tanh(x.T / 2).T / 2 + 0.5


def deriv(func, input_, delta=0.001):
    steps = np.stack([input_ + delta, input_ - delta], axis=-1)
    both = func(steps)
    return (both[..., 0] - both[..., 1]) / (2 * delta)


def chain_deriv(chain, input_range):
    values, slopes = np.array(input_range), np.ones((len(chain) + 1, *input_range.shape))
    for row, f in zip(slopes, chain):
        row[...] = deriv(f, values)
        values = f(values)
    return np.cumprod(slopes.astype(input_range.dtype), axis=0)[-1]


def multiple_inputs_add_backward(x, y, sigma):
    both = np.broadcast_to(deriv(sigma, x + y), (2, *x.shape))
    return both[0], both[1]


def matmul_forward(X, W):
    return (W.T @ X.T).T


def matmul_backward_first(X, W):
    return W.T


def matmul_backward_second(X, W):
    return X.T


def matrix_function_backward_1(X, W, sigma):
    return fortran(deriv(sigma, X @ W) @ W.T)


def matrix_function_backward_sum_2(X, W, sigma):
    return (deriv(sigma, X @ W).T @ X).T


# Chapters 3 to 5; results are views of what is kept.


class Operation:
    def forward(self, input_, inference=False):
        self.input_ = input_
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        assert output_grad.shape == self.output.shape
        input_grad = self._input_grad(output_grad)
        assert input_grad.shape == self.input_.shape
        return input_grad


class ParamOperation(Operation):
    def __init__(self, param):
        self.param = param

    def backward(self, output_grad):
        input_grad = super().backward(output_grad)
        self.param_grad = self._param_grad(output_grad)
        assert self.param_grad.shape == self.param.shape
        return input_grad


class WeightMultiply(ParamOperation):
    def _output(self):
        return (self.param.T @ self.input_.T).T

    def _input_grad(self, output_grad):
        return (self.param @ output_grad.T).T

    def _param_grad(self, output_grad):
        return (output_grad.T @ self.input_).T


class BiasAdd(ParamOperation):
    def _output(self):
        return strided(self.input_ + np.broadcast_to(self.param, self.input_.shape))

    def _input_grad(self, output_grad):
        return output_grad[:]

    def _param_grad(self, output_grad):
        return backwards(output_grad).sum(axis=0)[None, :]


class Linear(Operation):
    def _output(self):
        return self.input_.view()

    def _input_grad(self, output_grad):
        return output_grad.view()


class Sigmoid(Operation):
    def _output(self):
        return backwards(sigmoid(self.input_))

    def _input_grad(self, output_grad):
        return fortran(output_grad * self.output * (1 - self.output))


class Tanh(Operation):
    def _output(self):
        return np.tanh(self.input_.T).T

    def _input_grad(self, output_grad):
        return strided(output_grad - output_grad * self.output**2)


class ReLU(Operation):
    def _output(self):
        return np.clip(self.input_, 0, None, order="F")

    def _input_grad(self, output_grad):
        return backwards(np.where(self.input_ > 0, output_grad, 0))


class MeanSquaredError:
    def forward(self, prediction, target):
        self.error = backwards(prediction - target)
        return np.tensordot(self.error, self.error) / len(self.error)

    def backward(self):
        return (self.error.T / (0.5 * len(self.error))).T


class Flatten(Operation):
    def _output(self):
        return self.input_.reshape(len(self.input_), -1)

    def _input_grad(self, output_grad):
        return output_grad.reshape(self.input_.shape)


def framed(x, num, axes):
    """A view into a larger array of zeros, one more wide than need be."""
    inner = (slice(num + 1, -num - 1),) * axes
    whole = np.zeros(x.shape[:-axes] + tuple(n + 2 * num + 2 for n in x.shape[-axes:]), x.dtype)
    whole[(..., *inner)] = x
    return whole[(..., *(slice(1, -1),) * axes)]


def pad_1d(inp, num):
    return framed(inp, num, 1)


def pad_2d(inp, num):
    return framed(inp, num, 2)


pad_1d_batch = pad_1d
pad_2d_batch = pad_2d_channel = pad_conv_input = pad_2d


def conv_output(inp, param):
    return columns_last(inp, param).transpose(0, 3, 1, 2)


def columns_last(inp, param):
    size = param.shape[2]
    height, width = inp.shape[2:]
    images = framed(inp, size // 2, 2).transpose(0, 2, 3, 1)
    return sum(
        images[:, p : p + height, q : q + width] @ param[:, :, p, q]
        for p in range(size)
        for q in range(size)
    )


def conv_input_grad(inp, output_grad, param):
    return conv_output(output_grad, param[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))


def conv_param_grad(inp, output_grad, param):
    """A convolution of the images with the gradients as filters, batch and maps exchanged."""
    size = param.shape[2]
    images = framed(inp, size // 2, 2)
    height, width = inp.shape[2:]
    grad = np.zeros((size, size, *param.shape[:2]), param.dtype)
    for p, q in np.ndindex(size, size):
        part = images[:, :, p : p + height, q : q + width]
        grad[p, q] = np.tensordot(part, output_grad, axes=([0, 2, 3], [0, 2, 3]))
    return grad.transpose(2, 3, 0, 1)


output_matmul, param_grad_matmul = conv_output, lambda x, W, grad: conv_param_grad(x, grad, W)
input_grad_matmul = lambda x, W, grad: conv_input_grad(x, grad, W)


def get_image_patches(imgs_batch, fil_size):
    images = framed(imgs_batch, fil_size // 2, 2)
    windows = np.lib.stride_tricks.sliding_window_view(images, (fil_size, fil_size), (2, 3))
    return windows.transpose(2, 3, 0, 1, 4, 5).reshape(-1, *imgs_batch.shape[:2], *[fil_size] * 2)


class Conv2DOperation(ParamOperation):
    def _output(self):
        return conv_output(self.input_, self.param)

    def _input_grad(self, output_grad):
        return conv_input_grad(self.input_, output_grad, self.param)

    def _param_grad(self, output_grad):
        return conv_param_grad(self.input_, output_grad, self.param)


class Blocks(Operation):
    """Pools side by side: a view of the images with two more axes."""

    def __init__(self, pool_size=2):
        self.pool_size = pool_size

    def blocks(self, images):
        size = self.pool_size
        n, c, h, w = images.shape
        inner = images[:, :, : h // size * size, : w // size * size]
        a, b, y, x = inner.strides
        shape = (n, c, h // size, w // size, size, size)
        return np.lib.stride_tricks.as_strided(inner, shape, (a, b, y * size, x * size, y, x))


class AveragePool2D(Blocks):
    def _output(self):
        return self.blocks(self.input_).mean(axis=(4, 5))

    def _input_grad(self, output_grad):
        grad = np.zeros(self.input_.shape, output_grad.dtype)
        self.blocks(grad)[...] = output_grad[..., None, None] / self.pool_size**2
        return grad


class MaxPool2D(Blocks):
    def _output(self):
        flat = self.blocks(self.input_).reshape(*self.blocks(self.input_).shape[:4], -1)
        self.place = np.divmod(flat.argmax(axis=-1), self.pool_size)
        return flat.max(axis=-1)

    def _input_grad(self, output_grad):
        grad = np.zeros(self.input_.shape, output_grad.dtype)
        n, c, h, w = np.indices(output_grad.shape)
        self.blocks(grad)[n, c, h, w, self.place[0], self.place[1]] = output_grad
        return grad


def normalize(x):
    return backwards(x / x.sum())


def softmax(x, axis=None):
    e = np.exp((x - x.max(axis=axis, keepdims=True)).T).T
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(labels, num_classes):
    return np.equal.outer(np.arange(num_classes), labels).T.astype(float)


def one_hot_sequences(indices, size):
    return np.moveaxis(np.equal.outer(np.arange(size), indices) * 1.0, 0, -1)


def sequences_and_targets(indices, sequence_length):
    count = len(indices) - sequence_length
    grid = np.add.outer(np.arange(sequence_length + 1), np.arange(count))
    both = np.asarray(indices)[grid].T
    return both[:, :sequence_length], both[:, 1:]


class Reshape(Operation):
    def __init__(self, shape):
        self.shape = shape

    def _output(self):
        return self.input_.reshape(len(self.input_), *self.shape)

    def _input_grad(self, output_grad):
        return output_grad.reshape(self.input_.shape)
