"""Every product an einsum, every window a stride trick."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view


def matmul_forward(X, W):
    return np.einsum("nk,km->nm", X, W)


def matmul_backward_first(X, W):
    return np.einsum("km->mk", W)


def matmul_backward_second(X, W):
    return np.einsum("nk->kn", X)


def matrix_forward_extra(X, W, sigma):
    return sigma(matmul_forward(X, W))


def slope(sigma, N, step=1e-3):
    return (sigma(N + step) - sigma(N - step)) / (step + step)


def matrix_function_backward_1(X, W, sigma):
    return np.einsum("nm,km->nk", slope(sigma, matmul_forward(X, W)), W)


def matrix_function_forward_sum(X, W, sigma):
    return np.einsum("nm->", matrix_forward_extra(X, W, sigma))


def matrix_function_backward_sum_1(X, W, sigma):
    return matrix_function_backward_1(X, W, sigma)


def matrix_function_backward_sum_2(X, W, sigma):
    return np.einsum("nk,nm->km", X, slope(sigma, matmul_forward(X, W)))


def matrix_function_forward_weighted_sum(X, W, sigma, V):
    return np.einsum("nm,nm", matrix_forward_extra(X, W, sigma), V)


def matrix_function_backward_weighted_sum_1(X, W, sigma, V):
    return np.einsum("nm,nm,km->nk", slope(sigma, matmul_forward(X, W)), V, W)


def predict_linear_regression(X, weights):
    return np.einsum("nk,km->nm", X, weights["W"]) + np.einsum("im->m", weights["B"])


def forward_linear_regression(X_batch, y_batch, weights):
    P = predict_linear_regression(X_batch, weights)
    return np.einsum("nm,nm", P - y_batch, P - y_batch) / len(P), {"P": P, "y": y_batch}


def loss_gradients_linear_regression(forward_info, weights):
    error = (forward_info["P"] - forward_info["y"]) * (2 / len(forward_info["y"]))
    return {
        "W": np.einsum("nk,nm->km", forward_info["X"], error),
        "B": np.einsum("nm->m", error)[np.newaxis],
    }


# Chapter 3, on base classes as the book has them.


class Operation:
    def forward(self, input_, inference=False):
        self.input_, self.inference = input_, inference
        self.output = self._output()
        return self.output

    def backward(self, output_grad):
        if output_grad.shape != self.output.shape:
            raise ValueError("wrong shape")
        self.input_grad = self._input_grad(output_grad)
        if self.input_grad.shape != self.input_.shape:
            raise ValueError("wrong shape")
        return self.input_grad


class ParamOperation(Operation):
    def __init__(self, param):
        self.param = param

    def backward(self, output_grad):
        if output_grad.shape != self.output.shape:
            raise ValueError("wrong shape")
        self.param_grad = self._param_grad(output_grad)
        if self.param_grad.shape != self.param.shape:
            raise ValueError("wrong shape")
        return super().backward(output_grad)


class WeightMultiply(ParamOperation):
    def _output(self):
        return np.einsum("nk,km->nm", self.input_, self.param)

    def _input_grad(self, output_grad):
        return np.einsum("nm,km->nk", output_grad, self.param)

    def _param_grad(self, output_grad):
        return np.einsum("nm,nk->km", output_grad, self.input_)


class BiasAdd(ParamOperation):
    def _output(self):
        return self.input_ + np.einsum("im->m", self.param)

    def _input_grad(self, output_grad):
        return np.einsum("nm->nm", output_grad)

    def _param_grad(self, output_grad):
        return np.einsum("nm->m", output_grad)[None]


class Sigmoid(Operation):
    def _output(self):
        return 1 / (1 + np.exp(-np.clip(self.input_, -80, 700)))

    def _input_grad(self, output_grad):
        return np.einsum("...,...,...->...", self.output, 1 - self.output, output_grad)


# Chapter 5: windows of a padded image, and einsum over them.


def pad_last(x, num, axes):
    return np.pad(x, [(0, 0)] * (x.ndim - axes) + [(num, num)] * axes)


def windows_1d(x, size):
    return sliding_window_view(pad_last(x, size // 2, 1), size, axis=-1)


def windows_2d(x, size):
    padded = pad_last(x, size // 2, 2)
    height, width = x.shape[-2:]
    strides = padded.strides + padded.strides[-2:]
    return as_strided(padded, (*x.shape[:-2], height, width, size, size), strides)


def pad_1d(inp, num):
    return pad_last(inp, num, 1)


pad_1d_batch = pad_1d


def pad_2d(inp, num):
    return pad_last(inp, num, 2)


pad_2d_batch = pad_2d_channel = pad_conv_input = pad_2d


def conv_1d(inp, param):
    return np.einsum("...p,p->...", windows_1d(inp, len(param)), param)


conv_1d_batch = conv_1d


def conv_1d_sum(inp, param):
    return np.einsum("wp,p->", windows_1d(inp, len(param)), param)


def input_grad_1d(inp, param, output_grad):
    return np.einsum("...p,p->...", windows_1d(output_grad, len(param)), param[::-1])


input_grad_1d_batch = input_grad_1d


def param_grad_1d(inp, param, output_grad):
    return np.einsum("wp,w->p", windows_1d(inp, len(param)), output_grad)


def param_grad_1d_batch(inp, param, output_grad):
    return np.einsum("nwp,nw->p", windows_1d(inp, len(param)), output_grad)


def conv_2d(inp, param):
    return np.einsum("...pq,pq->...", windows_2d(inp, len(param)), param)


conv_2d_batch = conv_2d


def conv_2d_sum(inp, param):
    return np.einsum("hwpq,pq->", windows_2d(inp, len(param)), param)


def input_grad_2d(inp, param, output_grad):
    return np.einsum("...pq,pq->...", windows_2d(output_grad, len(param)), param[::-1, ::-1])


input_grad_2d_batch = input_grad_2d


def param_grad_2d(inp, param, output_grad):
    return np.einsum("hwpq,hw->pq", windows_2d(inp, len(param)), output_grad)


def param_grad_2d_batch(inp, param, output_grad):
    return np.einsum("nhwpq,nhw->pq", windows_2d(inp, len(param)), output_grad)


def compute_output_obs(obs, param):
    return np.einsum("ihwpq,iopq->ohw", windows_2d(obs, param.shape[2]), param)


def conv_output(inp, param):
    return np.einsum("nihwpq,iopq->nohw", windows_2d(inp, param.shape[2]), param)


def compute_grads_obs(input_obs, output_grad_obs, param):
    windows = windows_2d(output_grad_obs, param.shape[2])
    return np.einsum("ohwpq,iopq->ihw", windows, param[:, :, ::-1, ::-1])


def conv_input_grad(inp, output_grad, param):
    windows = windows_2d(output_grad, param.shape[2])
    return np.einsum("nohwpq,iopq->nihw", windows, param[:, :, ::-1, ::-1], optimize=True)


def conv_param_grad(inp, output_grad, param):
    return np.einsum("nihwpq,nohw->iopq", windows_2d(inp, param.shape[2]), output_grad)


def get_image_patches(imgs_batch, fil_size):
    windows = windows_2d(imgs_batch, fil_size)
    n, c, h, w, p, q = windows.shape
    return np.einsum("nchwpq->hwncpq", windows).reshape(h * w, n, c, p, q)


def output_matmul(input_, param):
    return conv_output(input_, param)


def input_grad_matmul(input_, param, output_grad):
    return conv_input_grad(input_, output_grad, param)


def param_grad_matmul(input_, param, output_grad):
    return conv_param_grad(input_, output_grad, param)


# Operations on images, with all that may be added to them.


class Flatten(Operation):
    def _output(self):
        return np.reshape(self.input_, (len(self.input_), np.prod(self.input_.shape[1:])))

    def _input_grad(self, output_grad):
        return np.reshape(output_grad, self.input_.shape)


class Windows:
    """The parts of images that a filter meets, without a copy."""

    def __init__(self, size, stride, padding, dilation=1):
        self.size, self.stride, self.padding, self.dilation = size, stride, padding, dilation

    def of(self, images, fill=0.0):
        self.shape = images.shape
        frame = [(0, 0), (0, 0), *((n, n) for n in self.padding)]
        framed = np.pad(images, frame, constant_values=fill)
        self.framed_shape = framed.shape
        spans = [self.dilation * (n - 1) + 1 for n in self.size]
        return sliding_window_view(framed, spans, axis=(2, 3))[
            :, :, :: self.stride, :: self.stride, :: self.dilation, :: self.dilation
        ]

    def add_up(self, grads):
        """Gradients on the windows, added up where they overlap."""
        framed = np.zeros(self.framed_shape, grads.dtype)
        rows, columns = grads.shape[2:4]
        for p in range(self.size[0]):
            for q in range(self.size[1]):
                top, left = p * self.dilation, q * self.dilation
                framed[
                    :,
                    :,
                    top : top + rows * self.stride : self.stride,
                    left : left + columns * self.stride : self.stride,
                ] += grads[..., p, q]
        inner = [slice(pad, pad + n) for pad, n in zip(self.padding, self.shape[2:])]
        return framed[:, :, inner[0], inner[1]]


class Conv2DOperation(ParamOperation):
    def __init__(self, W, stride=1, padding="same", dilation=1, bias=None):
        super().__init__(W)
        self.bias = bias
        size = W.shape[2:]
        if padding == "same":
            padding = [dilation * (n - 1) // 2 for n in size]
        elif padding == "valid":
            padding = [0, 0]
        else:
            padding = [padding, padding]
        self.windows = Windows(size, stride, padding, dilation)

    def _output(self):
        self.parts = self.windows.of(self.input_)
        output = np.einsum("nihwpq,iopq->nohw", self.parts, self.param)
        return output if self.bias is None else output + self.bias[0][:, None, None]

    def _input_grad(self, output_grad):
        if self.bias is not None:
            self.bias_grad = np.einsum("nohw->o", output_grad)[None]
        return self.windows.add_up(np.einsum("nohw,iopq->nihwpq", output_grad, self.param))

    def _param_grad(self, output_grad):
        return np.einsum("nihwpq,nohw->iopq", self.parts, output_grad)


class AveragePool2D(Operation):
    def __init__(self, pool_size=2, stride=None, padding=0):
        self.pool_size = pool_size
        self.windows = Windows((pool_size, pool_size), stride or pool_size, [padding] * 2)

    def _output(self):
        return np.einsum("nchwpq->nchw", self.windows.of(self.input_)) / self.pool_size**2

    def _input_grad(self, output_grad):
        share = np.full((self.pool_size,) * 2, 1 / self.pool_size**2, output_grad.dtype)
        return self.windows.add_up(np.einsum("nchw,pq->nchwpq", output_grad, share))


class MaxPool2D(Operation):
    def __init__(self, pool_size=2, stride=None, padding=0):
        self.pool_size = pool_size
        self.windows = Windows((pool_size, pool_size), stride or pool_size, [padding] * 2)

    def _output(self):
        parts = self.windows.of(self.input_, fill=-np.inf)
        flat = parts.reshape(*parts.shape[:4], -1)
        first = flat.argmax(axis=-1)
        self.chosen = np.eye(self.pool_size**2, dtype=self.input_.dtype)[first]
        return np.take_along_axis(flat, first[..., None], axis=-1)[..., 0]

    def _input_grad(self, output_grad):
        grads = np.einsum("nchw,nchwp->nchwp", output_grad, self.chosen)
        return self.windows.add_up(grads.reshape(*grads.shape[:4], self.pool_size, -1))


# Chapter 7


def squared_distances(X):
    gaps = X[:, None] - X[None]
    return np.einsum("ijd,ijd->ij", gaps, gaps)


def student(Y):
    kernel = 1 / (1 + squared_distances(Y))
    kernel[np.diag_indices(len(Y))] = 0
    return kernel


def low_dimensional_affinities(Y):
    return student(Y) / np.einsum("ij->", student(Y))


def kl_divergence(P, Y):
    ratio = np.where(P > 0, P, 1) / np.where(P > 0, low_dimensional_affinities(Y), 1)
    return np.einsum("ij,ij", P, np.log(ratio))


def kl_gradient(P, Y):
    forces = (P - low_dimensional_affinities(Y)) * student(Y)
    return 4 * (np.einsum("ij,id->id", forces, Y) - np.einsum("ij,jd->id", forces, Y))
