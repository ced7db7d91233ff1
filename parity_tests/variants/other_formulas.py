"""Equal formulas that look different: tanh for the sigmoid, logarithms for quotients, and so on."""

import numpy as np


def square(x):
    return np.abs(x) * np.abs(x)


def relu(x):
    return (x + np.abs(x)) / 2


def leaky_relu(x):
    return 0.6 * x + 0.4 * np.abs(x)


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def deriv(func, input_, delta=0.001):
    right, left = func(input_ + delta), func(input_ - delta)
    return 0.5 / delta * right - 0.5 / delta * left


def chain_deriv(chain, input_range):
    values = [np.array(input_range)]
    for f in chain:
        values.append(f(values[-1]))
    slope = np.ones_like(input_range)
    for f, value in zip(reversed(chain), reversed(values[:-1])):
        slope = slope * deriv(f, value)
    return slope


chain_deriv_2 = chain_deriv_3 = chain_deriv


def matrix_function_backward_sum_2(X, W, sigma):
    return (deriv(sigma, np.tensordot(X, W, 1)).T @ X).T


def matrix_function_backward_weighted_sum_1(X, W, sigma, V):
    return (W @ (deriv(sigma, X @ W) * V).T).T


# Chapter 2: the mean squared error as mean square and square of the mean, gradients from products
# with an extra column of ones.


def forward_linear_regression(X_batch, y_batch, weights):
    both = np.vstack([weights["W"], weights["B"]])
    P = np.hstack([X_batch, np.ones_like(y_batch)]) @ both
    error = P - y_batch
    return np.var(error) + np.mean(error) ** 2, {"P": P}


def loss_gradients_linear_regression(forward_info, weights):
    X, error = forward_info["X"], forward_info["P"] - forward_info["y"]
    both = np.hstack([X, np.ones_like(error)]).T @ error / (len(X) / 2)
    return {"W": both[:-1], "B": both[-1:]}


def forward_neural_network(X, y, weights):
    P = predict_neural_network(X, weights)
    return {"P": P}, np.average(np.square(P - y))


def predict_neural_network(X, weights):
    N1 = (weights["W1"].T @ X.T + weights["B1"].T) / 2
    O1 = (1 + np.tanh(N1)) / 2
    return (weights["W2"].T @ O1 + weights["B2"]).T


def loss_gradients_neural_network(forward_info, weights):
    X, N1, P, y = (forward_info[key] for key in ("X", "N1", "P", "y"))
    error = 2 / len(X) * (P - y)
    slope = 1 / (2 + np.exp(N1) + np.exp(-N1))
    inner = slope * np.outer(error, weights["W2"])
    return {
        "W1": np.tensordot(X, inner, axes=(0, 0)),
        "B1": np.ones((1, len(X)), X.dtype) @ inner,
        "W2": np.tensordot(forward_info["O1"], error, axes=(0, 0)),
        "B2": np.sum(error),
    }


def mae(preds, actuals):
    return np.mean(np.maximum(preds, actuals) - np.minimum(preds, actuals))


def rmse(preds, actuals):
    return np.hypot.reduce((preds - actuals).ravel()) / preds.size**0.5


# Chapters 3 and 4


class Activation:
    def forward(self, input_, inference=False):
        self.input_ = input_
        self.output = self.value()
        return self.output

    def backward(self, output_grad):
        return np.multiply(output_grad, self.slope())


class Sigmoid(Activation):
    def value(self):
        return 0.5 + 0.5 * np.tanh(self.input_ / 2)

    def slope(self):
        return (1 - np.tanh(self.input_ / 2) ** 2) / 4


class Linear(Activation):
    def value(self):
        return +self.input_

    def slope(self):
        return np.ones_like(self.input_)


class Tanh(Activation):
    def value(self):
        e = np.exp(-2 * np.abs(self.input_))
        return np.sign(self.input_) * (-np.expm1(-2 * np.abs(self.input_))) / (1 + e)

    def slope(self):
        e = np.exp(-2 * np.abs(self.input_))
        return 4 * e / (1 + e) ** 2


class ReLU(Activation):
    def value(self):
        return self.input_ * (self.input_ > 0)

    def slope(self):
        return np.heaviside(self.input_, 0)


class LeakyReLU(Activation):
    def __init__(self, negative_slope=0.2):
        self.negative_slope = negative_slope

    def value(self):
        return np.fmax(self.input_, 0) + self.negative_slope * np.fmin(self.input_, 0)

    def slope(self):
        positive = np.heaviside(self.input_, 0)
        return positive + self.negative_slope * (1 - positive)


class ReLU6(Activation):
    def value(self):
        return np.median([np.zeros_like(self.input_), self.input_, np.full_like(self.input_, 6)], 0)

    def slope(self):
        return np.heaviside(self.input_, 0) * np.heaviside(6 - self.input_, 0)


class Dropout(Activation):
    def __init__(self, keep_prob=0.8):
        self.keep_prob = keep_prob
        self.rng = np.random.default_rng()

    def forward(self, input_, inference=False):
        kept = self.rng.random(input_.shape) < self.keep_prob
        self.factor = (np.full_like(input_, self.keep_prob) if inference else kept).astype(
            input_.dtype
        )
        return super().forward(input_)

    def value(self):
        return self.factor * self.input_

    def slope(self):
        return self.factor


class InvertedDropout(Dropout):
    def forward(self, input_, inference=False):
        if inference:
            self.factor = 1
            return input_.copy()
        super().forward(input_)
        self.factor = self.factor / self.keep_prob
        return self.value()


class MeanSquaredError:
    def __init__(self, mean_over="rows"):
        self.by_rows = mean_over == "rows"

    def forward(self, prediction, target):
        self.error = prediction - target
        self.count = len(target) if self.by_rows else target.size
        return np.trace(self.error @ self.error.T) / self.count

    def backward(self):
        return (self.error + self.error) / self.count


class SoftmaxCrossEntropy:
    def forward(self, prediction, target):
        self.log_p = prediction - np.logaddexp.reduce(prediction, axis=1, keepdims=True)
        self.target = target
        return -np.mean(np.sum(np.where(target > 0, target * self.log_p, 0), axis=1))

    def backward(self):
        return (np.exp(self.log_p) - self.target) / len(self.target)


def normalize(x):
    return x / np.linalg.norm(x, 1) * np.sign(x.sum()) if (x >= 0).all() else x / x.sum()


def softmax(x, axis=None):
    """One over the sum of all quotients."""
    if axis is None:
        return softmax(x.reshape(-1), 0).reshape(x.shape)
    rows = np.moveaxis(x, axis, -1)
    with np.errstate(over="ignore"):
        quotients = np.exp(rows[..., None, :] - rows[..., :, None])
        return np.moveaxis(1 / quotients.sum(axis=-1), -1, axis)


def one_hot(labels, num_classes):
    return (np.asarray(labels)[:, None] == np.arange(num_classes)).astype(float)


# Optimizers, with state by position in a dictionary, and other forms of the same update.


class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def step(self):
        for param, grad in zip(self.net.params(), self.net.param_grads()):
            param[...] = param + grad * -self.lr


class SGDMomentum(SGD):
    def __init__(self, lr=0.01, momentum=0.9, final_lr=0, decay_type=None):
        super().__init__(lr)
        self.first_lr, self.momentum = lr, momentum
        self.final_lr, self.decay_type = final_lr, decay_type
        self.epoch = 0
        self.last_move = {}

    def step(self):
        for i, (param, grad) in enumerate(zip(self.net.params(), self.net.param_grads())):
            move = -self.lr * grad + self.momentum * self.last_move.get(i, 0)
            param[...] += move
            self.last_move[i] = move

    def _setup_decay(self):
        self.epoch = 0

    def _decay_lr(self):
        self.epoch += 1
        done = self.epoch / max(self.max_epochs - 1, 1)
        if self.decay_type == "linear":
            self.lr = (1 - done) * self.first_lr + done * self.final_lr
        elif self.decay_type == "exponential":
            self.lr = self.first_lr ** (1 - done) * self.final_lr**done


class RegularizedSGD(SGD):
    def __init__(self, lr=0.01, alpha=0.1):
        super().__init__(lr)
        self.alpha = alpha

    def step(self):
        for param, grad in zip(self.net.params(), self.net.param_grads()):
            param[...] = (1 - self.lr * self.alpha) * param - self.lr * grad


class AdaGrad(SGD):
    def __init__(self, lr=0.01, eps=1e-10):
        super().__init__(lr)
        self.eps, self.norms = eps, {}

    def step(self):
        for i, (param, grad) in enumerate(zip(self.net.params(), self.net.param_grads())):
            self.norms[i] = np.hypot(self.norms.get(i, 0), grad)
            param -= self.lr / (self.norms[i] + self.eps) * grad


class RMSProp(SGD):
    def __init__(self, lr=0.01, alpha=0.99, eps=1e-8):
        super().__init__(lr)
        self.alpha, self.eps, self.means = alpha, eps, {}

    def step(self):
        for i, (param, grad) in enumerate(zip(self.net.params(), self.net.param_grads())):
            mean = self.means.get(i, np.zeros_like(grad))
            self.means[i] = mean + (1 - self.alpha) * (grad**2 - mean)
            param -= self.lr * grad / (self.means[i] ** 0.5 + self.eps)


class Adam(SGD):
    def __init__(self, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(lr)
        self.betas, self.eps, self.n, self.means = betas, eps, 0, {}

    def step(self):
        self.n += 1
        (first, second), n = self.betas, self.n
        scale = np.sqrt(1 - second**n)
        for i, (param, grad) in enumerate(zip(self.net.params(), self.net.param_grads())):
            m, v = self.means.get(i, (0, 0))
            m, v = grad + first * (m - grad), grad**2 + second * (v - grad**2)
            self.means[i] = m, v
            rate = self.lr * scale / (1 - first**n)
            param -= rate * m / (np.sqrt(v) + scale * self.eps)


# Schedules in closed form


class Schedule:
    def __init__(self, lr, final_lr, max_epochs):
        self.first, self.final, self.epochs = lr, final_lr, max_epochs
        self.epoch = 0

    def step(self, loss=None):
        self.epoch += 1

    @property
    def done(self):
        return self.epoch / (self.epochs - 1) if self.epochs > 1 else 0


class LinearDecay(Schedule):
    @property
    def lr(self):
        return np.interp(self.done, [0, 1], [self.first, self.final])


class ExponentialDecay(Schedule):
    @property
    def lr(self):
        return np.exp(np.interp(self.done, [0, 1], [np.log(self.first), np.log(self.final)]))


class CosineDecay(Schedule):
    @property
    def lr(self):
        return self.final + (self.first - self.final) * np.cos(np.pi * self.done / 2) ** 2


class ReduceOnPlateau:
    def __init__(self, lr, final_lr=0.0, factor=0.1, patience=10, threshold=0.0001):
        self.lr, self.final_lr, self.factor = lr, final_lr, factor
        self.patience, self.threshold = patience, threshold
        self.best, self.waited = None, 0

    def step(self, loss):
        if self.best is None or loss < self.best - self.threshold * self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited == self.patience + 1:
            self.lr = np.maximum(self.factor * self.lr, self.final_lr)
            self.waited = 0


# Chapter 7


def distances(X):
    """|a - b|^2 = |a|^2 - 2 a b + |b|^2, about the mean, where least is lost."""
    X = X - X.mean(axis=0)
    norms = np.square(X).sum(axis=1)
    return np.maximum(norms[:, None] - 2 * X @ X.T + norms, 0)


def low_dimensional_affinities(Y):
    kernel = (1 - np.eye(len(Y), dtype=Y.dtype)) / (1 + distances(Y))
    return kernel / kernel.sum()


def kl_divergence(P, Y):
    """Cross-entropy less entropy."""
    there = P > 0
    logs = np.log1p(distances(Y))
    kernel = np.exp(-logs)
    np.fill_diagonal(kernel, 0)
    entropy = -np.sum(P[there] * np.log(P[there]))
    return np.sum(P[there] * logs[there]) + P.sum() * np.log(kernel.sum()) - entropy


def kl_gradient(P, Y):
    """With the Laplacian of the forces."""
    kernel = (1 - np.eye(len(Y), dtype=Y.dtype)) / (1 + distances(Y))
    forces = (P - kernel / kernel.sum()) * kernel
    return 4 * (np.diag(forces.sum(axis=1)) - forces) @ Y
