"""Chapter 7 in NumPy as a reader would write it, everything right: an autoencoder, and t-SNE."""

import numpy as np

# The autoencoder. As in chapter 5, a convolution has filters and no bias.


class Convolution:
    def __init__(self, maps, size, rng):
        self.maps, self.size, self.rng = maps, size, rng
        self.params = []

    def _moved(self, images):
        """For each element of a filter, the image that it meets."""
        pad = self.size // 2
        height, width = images.shape[2:]
        padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        for i in range(self.size):
            for j in range(self.size):
                yield i, j, padded[:, :, i : i + height, j : j + width]

    def forward(self, x):
        if not self.params:
            shape = (x.shape[1], self.maps, self.size, self.size)
            scale = np.sqrt(2 / ((x.shape[1] + self.maps) * self.size**2))
            self.params = [(scale * self.rng.standard_normal(shape)).astype(x.dtype)]
        self.x, self.y = x, 0
        for i, j, image in self._moved(x):
            self.y = self.y + np.einsum("nchw,cm->nmhw", image, self.params[0][:, :, i, j])
        self.y = np.tanh(self.y)
        return self.y

    def backward(self, grad):
        grad = grad * (1 - self.y**2)
        W = self.params[0]
        W_grad, x_grad = np.zeros_like(W), 0
        for i, j, image in self._moved(self.x):
            W_grad[:, :, i, j] = np.einsum("nchw,nmhw->cm", image, grad)
        for i, j, image in self._moved(grad):  # the filter, turned round
            x_grad = x_grad + np.einsum("nmhw,cm->nchw", image, W[:, :, -1 - i, -1 - j])
        self.param_grads = [W_grad]
        return x_grad


class FullyConnected:
    def __init__(self, neurons, rng):
        self.neurons, self.rng = neurons, rng
        self.params = []

    def forward(self, x):
        if not self.params:
            scale = np.sqrt(2 / (x.shape[1] + self.neurons))
            W = scale * self.rng.standard_normal((x.shape[1], self.neurons))
            self.params = [W.astype(x.dtype), np.zeros((1, self.neurons), x.dtype)]
        W, B = self.params
        self.x, self.y = x, np.tanh(x @ W + B)
        return self.y

    def backward(self, grad):
        grad = grad * (1 - self.y**2)
        self.param_grads = [self.x.T @ grad, grad.sum(axis=0, keepdims=True)]
        return grad @ self.params[0].T


class Reshape:
    params = param_grads = ()

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)

    def backward(self, grad):
        return grad.reshape(len(grad), -1)


class Rows:
    params = param_grads = ()

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, grad):
        return grad.reshape(self.shape)


class Autoencoder:
    def __init__(self, hidden_dim=28, channels=(14, 7), param_size=5):
        self.hidden_dim, self.channels, self.param_size = hidden_dim, channels, param_size
        self.encoder = None

    def _make_layers(self, image_shape):
        rng = np.random.default_rng(7)
        in_channels, height, width = image_shape
        first, second = self.channels
        self.encoder = [
            Convolution(first, self.param_size, rng),
            Convolution(second, self.param_size, rng),
            Rows(),
            FullyConnected(self.hidden_dim, rng),
        ]
        self.decoder = [
            FullyConnected(second * height * width, rng),
            Reshape((second, height, width)),
            Convolution(first, self.param_size, rng),
            Convolution(in_channels, self.param_size, rng),
        ]

    def encode(self, x_batch):
        if self.encoder is None:
            self._make_layers(x_batch.shape[1:])
        for layer in self.encoder:
            x_batch = layer.forward(x_batch)
        return x_batch

    def decode(self, codes):
        for layer in self.decoder:
            codes = layer.forward(codes)
        return codes

    def forward(self, x_batch):
        self.code = self.encode(x_batch)
        return self.decode(self.code)

    def backward(self, loss_grad):
        for layer in reversed(self.encoder + self.decoder):
            loss_grad = layer.backward(loss_grad)

    def train_batch(self, x_batch, y_batch):
        error = self.forward(x_batch) - y_batch
        self.backward(2 * error / error.size)
        return np.mean(error**2)

    def params(self):
        for layer in self.encoder + self.decoder:
            yield from layer.params

    def param_grads(self):
        for layer in self.encoder + self.decoder:
            yield from layer.param_grads


# t-SNE


def squared_distances(X):
    return ((X[:, None] - X[None]) ** 2).sum(axis=2)


def conditional_probabilities(X, perplexity):
    distances = squared_distances(X)
    P = np.zeros_like(distances)
    for i in range(len(X)):
        others = np.delete(distances[i], i)
        others = others - others.min()
        precision, lower, upper = 1.0, 0.0, np.inf
        for _ in range(200):
            p = np.exp(-precision * others)
            p /= p.sum()
            entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
            if abs(entropy - np.log(perplexity)) < 1e-11:
                break
            if entropy > np.log(perplexity):
                lower = precision
            else:
                upper = precision
            precision = (lower + upper) / 2 if upper < np.inf else 2 * precision
        P[i] = np.insert(p, i, 0)
    return P


def joint_probabilities(X, perplexity):
    P = conditional_probabilities(X, perplexity)
    return (P + P.T) / (2 * len(X))


def student(Y):
    kernel = 1 / (1 + squared_distances(Y))
    np.fill_diagonal(kernel, 0)
    return kernel


def low_dimensional_affinities(Y):
    kernel = student(Y)
    return kernel / kernel.sum()


def kl_divergence(P, Y):
    Q = low_dimensional_affinities(Y)
    return np.sum(P[P > 0] * np.log(P[P > 0] / Q[P > 0]))


def kl_gradient(P, Y):
    forces = (P - low_dimensional_affinities(Y)) * student(Y)
    return 4 * (forces[:, :, None] * (Y[:, None] - Y[None])).sum(axis=1)
