"""Buffers that are kept between calls and filled with ``out=``, and updates in place."""

import numpy as np


class Buffers:
    """Arrays by name, made anew where the shape or the type is another one."""

    def __init__(self):
        self.arrays = {}

    def get(self, name, like, shape=None):
        shape = like.shape if shape is None else shape
        array = self.arrays.get(name)
        if array is None or array.shape != shape or array.dtype != like.dtype:
            array = self.arrays[name] = np.empty(shape, like.dtype)
        return array


SHARED = Buffers()


def square(x):
    return np.multiply(x, x, out=SHARED.get("square", x))


def relu(x):
    out = SHARED.get("relu", x)
    np.copyto(out, x)
    out[out < 0] = 0
    return out


def leaky_relu(x):
    out = np.array(x)
    np.multiply(out, 0.2, out=out, where=out < 0, casting="same_kind")
    return out


def sigmoid(x):
    out = np.negative(x, out=SHARED.get("sigmoid", x))
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def deriv(func, input_, delta=0.001):
    moved = np.array(input_)
    moved += delta
    slope = np.array(func(moved))
    moved -= 2 * delta
    slope -= func(moved)
    slope /= 2 * delta
    return slope


def matmul_forward(X, W):
    return np.matmul(X, W, out=SHARED.get("product", X, (len(X), W.shape[1])))


class Elementwise:
    def __init__(self):
        self.buffers = Buffers()

    def forward(self, input_, inference=False):
        self.output = self.buffers.get("output", input_)
        self.fill(input_, self.output)
        return self.output

    def backward(self, output_grad):
        grad = self.buffers.get("grad", output_grad)
        self.fill_slope(grad)
        grad *= output_grad
        return grad


class Sigmoid(Elementwise):
    def fill(self, x, out):
        np.divide(x, 2, out=out)
        np.tanh(out, out=out)
        out += 1
        out *= 0.5

    def fill_slope(self, grad):
        np.subtract(1, self.output, out=grad)
        grad *= self.output


class Tanh(Elementwise):
    def fill(self, x, out):
        np.tanh(x, out=out)

    def fill_slope(self, grad):
        np.square(self.output, out=grad)
        np.subtract(1, grad, out=grad)


class ReLU(Elementwise):
    def fill(self, x, out):
        np.maximum(x, 0, out=out)

    def fill_slope(self, grad):
        np.sign(self.output, out=grad)


class ReLU6(Elementwise):
    def fill(self, x, out):
        np.clip(x, 0, 6, out=out)

    def fill_slope(self, grad):
        np.copyto(grad, (self.output > 0) & (self.output < 6))


class Linear(Elementwise):
    def fill(self, x, out):
        out[...] = x

    def fill_slope(self, grad):
        grad.fill(1)


class InvertedDropout(Elementwise):
    def __init__(self, keep_prob=0.8):
        super().__init__()
        self.keep_prob, self.rng = keep_prob, np.random.default_rng(5)

    def forward(self, input_, inference=False):
        self.mask = self.buffers.get("mask", input_)
        self.mask.fill(1)
        if not inference:
            self.mask[self.rng.random(input_.shape) >= self.keep_prob] = 0
            self.mask /= self.keep_prob
        return super().forward(input_)

    def fill(self, x, out):
        np.multiply(x, self.mask, out=out)

    def fill_slope(self, grad):
        np.copyto(grad, self.mask)


class WeightMultiply:
    def __init__(self, W):
        self.param, self.buffers = W, Buffers()
        self.param_grad = np.zeros_like(W)

    def forward(self, x):
        self.x = x
        output = self.buffers.get("output", x, (len(x), self.param.shape[1]))
        return np.dot(x, self.param, out=output) if len(x) else output

    def backward(self, grad):
        self.param_grad.fill(0)
        for row, row_grad in zip(self.x, grad):
            self.param_grad += row[:, None] * row_grad
        return np.matmul(grad, self.param.T, out=self.buffers.get("grad", grad, self.x.shape))


class BiasAdd:
    def __init__(self, B):
        self.param, self.param_grad = B, np.zeros_like(B)

    def forward(self, x):
        output = x.copy()
        output += self.param
        return output

    def backward(self, grad):
        np.sum(grad, axis=0, keepdims=True, out=self.param_grad)
        return grad.copy()


class Dense:
    """Gradients are always the same arrays."""

    seed = None

    def __init__(self, neurons, activation=None):
        self.neurons, self.activation, self.first = neurons, activation or Sigmoid(), True
        self.params, self.param_grads = [], []

    def forward(self, x):
        if self.first:
            rng = np.random.default_rng([self.seed or 0, len(self.params)])
            W = rng.standard_normal((x.shape[1], self.neurons))
            B = rng.standard_normal((1, self.neurons))
            self.multiply, self.add = WeightMultiply(W), BiasAdd(B)
            self.params, self.first = [W, B], False
            self.param_grads = [self.multiply.param_grad, self.add.param_grad]
        with_weights = self.multiply.forward(x.astype(np.float64))
        return self.activation.forward(self.add.forward(with_weights))

    def backward(self, grad):
        grad = self.activation.backward(grad.astype(np.float64))
        return self.multiply.backward(self.add.backward(grad))


class MeanSquaredError:
    def __init__(self):
        self.buffers = Buffers()

    def forward(self, prediction, target):
        self.error = np.subtract(prediction, target, out=self.buffers.get("error", prediction))
        return np.add.reduce(self.error * self.error, axis=None) / len(target)

    def backward(self):
        self.error *= 2
        self.error /= len(self.error)
        return self.error


class SoftmaxCrossEntropy:
    def forward(self, prediction, target):
        self.p, self.target = prediction.copy(), target
        self.p -= self.p.max(axis=1, keepdims=True)
        right = (self.p * target).sum()
        np.exp(self.p, out=self.p)
        total = self.p.sum(axis=1, keepdims=True)
        self.p /= total
        return (np.log(total).sum() - right) / len(target)

    def backward(self):
        self.p -= self.target
        self.p /= len(self.target)
        return self.p


class Stepper:
    def __init__(self, lr=0.01, **numbers):
        self.lr, self.state, self.n = lr, None, 0
        self.__dict__.update(numbers)

    def step(self):
        self.n += 1
        params, grads = list(self.net.params()), list(self.net.param_grads())
        if self.state is None:
            self.state = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
        for param, grad, (m, v) in zip(params, grads, self.state):
            self.update(param, grad, m, v)


class SGD(Stepper):
    def update(self, param, grad, m, v):
        np.multiply(grad, self.lr, out=m)
        param -= m


class RMSProp(Stepper):
    def __init__(self, lr=0.01, alpha=0.99, eps=1e-8):
        super().__init__(lr, alpha=alpha, eps=eps)

    def update(self, param, grad, m, v):
        v *= self.alpha
        v += (1 - self.alpha) * grad * grad
        np.sqrt(v, out=m)
        m += self.eps
        np.divide(grad, m, out=m)
        m *= self.lr
        param -= m


class AdaGrad(Stepper):
    def __init__(self, lr=0.01, eps=1e-10):
        super().__init__(lr, eps=eps)

    def update(self, param, grad, m, v):
        v += np.square(grad, out=m)
        param -= self.lr * grad / (np.sqrt(v, out=m) + self.eps)


class RegularizedSGD(Stepper):
    def __init__(self, lr=0.01, alpha=0.1):
        super().__init__(lr, alpha=alpha)

    def update(self, param, grad, m, v):
        """Destroys the gradient, which nobody needs any more."""
        grad += self.alpha * param
        grad *= self.lr
        param -= grad


class Adam(Stepper):
    def __init__(self, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(lr, betas=betas, eps=eps)

    def update(self, param, grad, m, v):
        for mean, share, value in ((m, self.betas[0], grad), (v, self.betas[1], grad * grad)):
            mean *= share
            mean += (1 - share) * value
        m_hat = m / (1 - self.betas[0] ** self.n)
        v_hat = v / (1 - self.betas[1] ** self.n)
        np.sqrt(v_hat, out=v_hat)
        v_hat += self.eps
        m_hat /= v_hat
        m_hat *= self.lr
        param -= m_hat


class ConvTranspose2DOperation:
    """Each pixel adds its share of the filter to the output, one filter element at a time."""

    def __init__(self, W, stride=1, padding=0, output_padding=0, dilation=1, bias=None):
        self.param, self.bias, self.param_grad = W, bias, np.zeros_like(W)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.more = output_padding

    def parts(self, framed):
        rows, columns = self.x.shape[2:]
        for p, q in np.ndindex(self.param.shape[2:]):
            top, left = p * self.dilation, q * self.dilation
            yield (
                self.param[:, :, p, q],
                self.param_grad[:, :, p, q],
                framed[
                    :,
                    :,
                    top : top + self.stride * rows : self.stride,
                    left : left + self.stride * columns : self.stride,
                ],
            )

    def frame(self, like):
        spans = [self.dilation * (n - 1) + 1 for n in self.param.shape[2:]]
        size = [self.stride * (n - 1) + s for n, s in zip(like.shape[2:], spans)]
        whole = [n + self.more + self.stride for n in size]
        inner = [slice(self.padding, n + self.more - self.padding) for n in size]
        framed = np.zeros((len(like), self.param.shape[1], *whole), like.dtype)
        return framed, framed[:, :, inner[0], inner[1]]

    def forward(self, x):
        self.x = x
        framed, output = self.frame(x)
        for W, _, part in self.parts(framed):
            part += np.einsum("nihw,io->nohw", x, W)
        if self.bias is not None:
            output += self.bias.reshape(-1, 1, 1)
        return output

    def backward(self, grad):
        framed, inner = self.frame(self.x)
        inner += grad
        self.bias_grad = grad.sum(axis=(0, 2, 3)).reshape(1, -1)
        x_grad = np.zeros_like(self.x)
        for W, W_grad, part in self.parts(framed):
            x_grad += np.einsum("nohw,io->nihw", part, W)
            W_grad[...] = np.einsum("nihw,nohw->io", self.x, part)
        return x_grad


class RNNNode:
    """Adds to the gradients row by row, the last one first."""

    def forward(self, x_in, H_in, params_dict):
        p = {name: param["value"] for name, param in params_dict.items()}
        self.x, self.H_in = x_in, H_in
        self.H = np.dot(H_in, p["W_f"][x_in.shape[1] :])
        self.H += np.dot(x_in, p["W_f"][: x_in.shape[1]])
        self.H += p["B_f"]
        np.tanh(self.H, out=self.H)
        return self.H @ p["W_v"] + p["B_v"], self.H.copy()

    def backward(self, X_out_grad, H_out_grad, params_dict):
        W_f, features = params_dict["W_f"]["value"], self.x.shape[1]
        grad = H_out_grad + X_out_grad @ params_dict["W_v"]["value"].T
        grad *= 1 - self.H * self.H
        for n in range(len(grad))[::-1]:
            params_dict["W_v"]["deriv"] += np.outer(self.H[n], X_out_grad[n])
            params_dict["B_v"]["deriv"] += X_out_grad[n]
            params_dict["W_f"]["deriv"][:features] += np.outer(self.x[n], grad[n])
            params_dict["W_f"]["deriv"][features:] += np.outer(self.H_in[n], grad[n])
            params_dict["B_f"]["deriv"] += grad[n]
        return grad @ W_f[:features].T, grad @ W_f[features:].T
