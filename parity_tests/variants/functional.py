"""Lambdas, partial functions, callable objects, one function for several names."""

from functools import partial, reduce
from itertools import product
from operator import add, mul

import numpy as np

PARITY = {
    "square": "second_power",
    "matmul_forward": "times",
    "matmul_backward_first": "second_turned",
    "matmul_backward_second": "first_turned",
    "chain_deriv_2": "slope_of_chain",
    "chain_deriv_3": "slope_of_chain",
    "forward_linear_regression": "linear_forward",
    "loss_gradients_linear_regression": "linear_gradients",
    "predict_linear_regression": "linear_predict",
    "train_linear_regression": "linear_fit",
    "loss_gradients_neural_network": "network_gradients",
    "predict_neural_network": "network_predict",
    "train_neural_network": "network_fit",
    "conv_1d": "convolve",
    "conv_2d": "convolve",
    "pad_1d": "frame",
    "pad_2d": "frame",
    "input_grad_1d": "convolve_back",
    "input_grad_2d": "convolve_back",
    "param_grad_1d": "correlate_with_grad",
    "param_grad_2d": "correlate_with_grad",
    "conv_1d_batch": "convolve_each",
    "conv_2d_batch": "convolve_each",
}

second_power = lambda x: x**2
relu = partial(np.fmax, 0)
leaky_relu = lambda x: np.where(x > 0, 1, 0.2).astype(x.dtype) * x


class Logistic:
    def __call__(self, x):
        return 0.5 * np.tanh(0.5 * x) + 0.5


sigmoid = Logistic()


class Slope:
    def __init__(self, default):
        self.default = default

    def __call__(self, func, input_, delta=None):
        delta = delta or self.default
        return func(input_ + delta) / (2 * delta) - func(input_ - delta) / (2 * delta)


deriv = Slope(0.001)


def compose(chain):
    return lambda x: reduce(lambda value, f: f(value), chain, x)


def chain_length_2(chain, x):
    return compose(chain)(x)


def chain_forward(chain, x):
    return compose(chain)(x) + 0


def slope_of_chain(chain, input_range):
    if not chain:
        return np.ones_like(input_range)
    *inner, last = chain
    return slope_of_chain(inner, input_range) * deriv(last, compose(inner)(input_range))


chain_deriv = slope_of_chain


def of_two(combine):
    return lambda x, y, sigma: sigma(combine(x, y))


def slopes_of_two(combine, factors):
    def slopes(x, y, sigma):
        outer = deriv(sigma, combine(x, y))
        return tuple(outer * factor for factor in factors(x, y))

    return slopes


multiple_inputs_add = of_two(add)
multiple_inputs_multiply = of_two(mul)
multiple_inputs_add_backward = slopes_of_two(add, lambda x, y: (1, 1))
multiple_inputs_multiply_backward = slopes_of_two(mul, lambda x, y: (y, x))

times = np.matmul
second_turned = lambda X, W: np.swapaxes(W, 0, 1)
first_turned = lambda X, W: np.swapaxes(X, 0, 1)
matrix_forward_extra = lambda X, W, sigma: sigma(X @ W)
matrix_function_forward_sum = lambda X, W, sigma: sigma(X @ W).sum()
matrix_function_backward_1 = lambda X, W, sigma: deriv(sigma, X @ W) @ W.T
matrix_function_backward_sum_1 = matrix_function_backward_1
matrix_function_backward_sum_2 = lambda X, W, sigma: X.T @ deriv(sigma, X @ W)
matrix_function_forward_weighted_sum = lambda X, W, sigma, V: np.vdot(V, sigma(X @ W))
matrix_function_backward_weighted_sum_1 = lambda X, W, sigma, V: (V * deriv(sigma, X @ W)) @ W.T

# Chapter 2


def linear_predict(X, weights):
    return X @ weights["W"] + weights["B"]


def hidden(X, weights):
    return sigmoid(X @ weights["W1"] + weights["B1"])


def network_predict(X, weights):
    return hidden(X, weights) @ weights["W2"] + weights["B2"]


def forward_with(predict):
    def forward(X, y, weights):
        P = predict(X, weights)
        return {"P": P, "O1": hidden(X, weights) if "W1" in weights else None}, rmse(P, y) ** 2

    return forward


linear_forward = forward_with(linear_predict)
forward_loss = forward_with(network_predict)
PARITY["forward_neural_network"] = forward_loss


def output_grad(info):
    return 2 * (info["P"] - info["y"]) / np.size(info["y"])


def linear_gradients(forward_info, weights):
    grad = output_grad(forward_info)
    return {"W": forward_info["X"].T @ grad, "B": grad.sum()}


def network_gradients(forward_info, weights):
    grad = output_grad(forward_info)
    O1 = forward_info["O1"]
    inner = grad @ weights["W2"].T * (O1 - O1 * O1)
    return {
        "W1": forward_info["X"].T @ inner,
        "B1": inner.sum(axis=0),
        "W2": O1.T @ grad,
        "B2": grad.sum(axis=0),
    }


def rounds(rows, batch_size, rng):
    while True:
        order = rng.permutation(rows)
        for start in range(0, rows, batch_size):
            yield order[start : start + batch_size]


def fit_with(shapes_of, forward, gradients):
    def fit(X, y, n_iter=1000, learning_rate=0.001, batch_size=100, seed=1, hidden_size=13):
        rng = np.random.default_rng(seed)
        weights = {
            key: rng.standard_normal(shape).astype(X.dtype)
            for key, shape in shapes_of(X.shape[1], hidden_size).items()
        }
        losses = []
        for rows, _ in zip(rounds(len(X), batch_size, rng), range(n_iter)):
            info, loss = forward(X[rows], y[rows], weights)
            grads = gradients({"X": X[rows], "y": y[rows], **info}, weights)
            weights = {key: weights[key] - learning_rate * grads[key] for key in weights}
            losses.append(loss)
        return weights, tuple(losses)

    return fit


linear_fit = fit_with(lambda n, _: {"W": (n, 1), "B": (1, 1)}, linear_forward, linear_gradients)
network_fit = fit_with(
    lambda n, h: {"W1": (n, h), "B1": (1, h), "W2": (h, 1), "B2": (1, 1)},
    forward_loss,
    network_gradients,
)

mae = lambda preds, actuals: np.abs(actuals - preds).mean()
rmse = lambda preds, actuals: np.linalg.norm(actuals - preds) / np.sqrt(np.size(preds))

# Chapter 4

normalize = lambda x: x * (1 / x.sum())


def softmax(x, axis=-1):
    e = np.exp(x - np.logaddexp.reduce(x, axis=axis, keepdims=True))
    return e


one_hot = lambda labels, num_classes: np.eye(num_classes)[np.asarray(labels, int)]

# Chapter 5: one function for one and two dimensions.

frame = np.pad


def parts(x, size):
    """The padded array, moved to each place of the filter."""
    padded = np.pad(x, size // 2)
    for place in product(range(size), repeat=x.ndim):
        yield place, padded[tuple(slice(i, i + n) for i, n in zip(place, x.shape))]


def convolve(inp, param):
    return sum(param[place] * part for place, part in parts(inp, len(param)))


def convolve_back(inp, param, output_grad):
    return convolve(output_grad, np.flip(param))


def correlate_with_grad(inp, param, output_grad):
    sums = [(part * output_grad).sum() for _, part in parts(inp, len(param))]
    return np.reshape(sums, param.shape)


def convolve_each(inp, param):
    return np.stack([*(convolve(one, param) for one in inp)])


class EachOf:
    def __init__(self, function):
        self.function = function

    def __call__(self, inp, param, output_grad):
        return np.array([self.function(x, param, g) for x, g in zip(inp, output_grad)])


class SumOf(EachOf):
    def __call__(self, inp, param, output_grad):
        return reduce(add, super().__call__(inp, param, output_grad))


input_grad_1d_batch = input_grad_2d_batch = EachOf(convolve_back)
param_grad_1d_batch = param_grad_2d_batch = SumOf(correlate_with_grad)
pad_1d_batch = lambda inp, num: np.pad(inp, ((0, 0), (num, num)))
pad_2d_batch = pad_2d_channel = lambda inp, num: np.pad(inp, ((0, 0), (num, num), (num, num)))
pad_conv_input = lambda inp, num: np.pad(inp, [(0, 0)] * 2 + [(num, num)] * 2)
conv_1d_sum = conv_2d_sum = lambda inp, param: convolve(inp, param).sum()


def compute_output_obs(obs, param):
    return np.stack(
        [
            reduce(add, (convolve(obs[i], param[i, o]) for i in range(param.shape[0])))
            for o in range(param.shape[1])
        ]
    )


def compute_grads_obs(input_obs, output_grad_obs, param):
    turned = param[:, :, ::-1, ::-1].swapaxes(0, 1)
    return compute_output_obs(output_grad_obs, turned)


conv_output = lambda inp, param: np.stack([compute_output_obs(x, param) for x in inp])


def conv_input_grad(inp, output_grad, param):
    return np.stack([compute_grads_obs(x, g, param) for x, g in zip(inp, output_grad)])


def conv_param_grad(inp, output_grad, param):
    grad = np.zeros_like(param)
    for i, o in np.ndindex(param.shape[:2]):
        for x, g in zip(inp[:, i], output_grad[:, o]):
            grad[i, o] += correlate_with_grad(x, param[i, o], g)
    return grad


# Chapter 3 and 4: a layer is a pair of functions that share a scope.


class Dense:
    """Keyword arguments only, parameters in a list that stays the same list."""

    def __init__(self, *, neurons, activation=None, weight_init="standard", seed=None):
        self.seed, self.first, self.params, self.param_grads = seed, True, [], []
        self.activation = SigmoidLayer() if activation is None else activation
        self.scale = {
            "standard": lambda n: 1,
            "glorot": lambda n: np.sqrt(2 / (n + neurons)),
        }[weight_init]
        self.neurons = neurons

    def forward(self, x):
        if self.first:
            rng = np.random.RandomState(None if self.params else self.seed)
            scale = self.scale(x.shape[1])
            shapes = (x.shape[1], self.neurons), (1, self.neurons)
            self.params[:] = [rng.normal(0, scale, shape) for shape in shapes]
            self.first = False
        W, B = self.params

        def back(grad):
            self.param_grads = [x.T @ grad, grad.sum(0, keepdims=True)]
            return grad @ W.T

        self.back = back
        return self.activation.forward(x @ W + B)

    def backward(self, grad):
        return self.back(self.activation.backward(grad))


class SigmoidLayer:
    def forward(self, x):
        y = sigmoid(x)
        self.backward = lambda grad: grad * y * (1 - y)
        return y


class NeuralNetwork:
    def __init__(self, layers, loss, seed=1):
        self.layers, self.loss = layers, loss
        for layer in layers:
            layer.seed = seed

    def forward(self, x_batch):
        return reduce(lambda x, layer: layer.forward(x), self.layers, x_batch)

    def train_batch(self, x_batch, y_batch):
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        reduce(lambda grad, layer: layer.backward(grad), self.layers[::-1], self.loss.backward())
        return loss

    def params(self):
        return (param for layer in self.layers for param in layer.params)

    def param_grads(self):
        return (grad for layer in self.layers for grad in layer.param_grads)
