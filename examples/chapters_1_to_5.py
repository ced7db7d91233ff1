"""Chapters 1 to 5 and appendix A as a reader would write them, everything right."""

import numpy as np

# Chapter 1


def square(x):
    return np.power(x, 2)


def relu(x):
    return np.maximum(x, 0)


def leaky_relu(x):
    return np.maximum(0.2 * x, x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def deriv(func, input_, delta=0.001):
    return (func(input_ + delta) - func(input_ - delta)) / (2 * delta)


def chain_length_2(chain, x):
    f1, f2 = chain
    return f2(f1(x))


def chain_deriv_2(chain, input_range):
    f1, f2 = chain
    return deriv(f1, input_range) * deriv(f2, f1(input_range))


def chain_deriv_3(chain, input_range):
    f1, f2, f3 = chain
    f1_of_x = f1(input_range)
    f2_of_x = f2(f1_of_x)
    return deriv(f1, input_range) * deriv(f2, f1_of_x) * deriv(f3, f2_of_x)


def multiple_inputs_add(x, y, sigma):
    return sigma(x + y)


def multiple_inputs_add_backward(x, y, sigma):
    dsda = deriv(sigma, x + y)
    return dsda * 1, dsda * 1


def multiple_inputs_multiply(x, y, sigma):
    return sigma(x * y)


def multiple_inputs_multiply_backward(x, y, sigma):
    dsda = deriv(sigma, x * y)
    return dsda * y, dsda * x


def matmul_forward(X, W):
    return np.dot(X, W)


def matmul_backward_first(X, W):
    return np.transpose(W, (1, 0))


def matmul_backward_second(X, W):
    return np.transpose(X, (1, 0))


def matrix_forward_extra(X, W, sigma):
    return sigma(np.dot(X, W))


def matrix_function_backward_1(X, W, sigma):
    return np.dot(deriv(sigma, np.dot(X, W)), np.transpose(W, (1, 0)))


def matrix_function_forward_sum(X, W, sigma):
    return np.sum(sigma(np.dot(X, W)))


def matrix_function_backward_sum_1(X, W, sigma):
    N = np.dot(X, W)
    dLdS = np.ones_like(N)
    dLdN = dLdS * deriv(sigma, N)
    return np.dot(dLdN, np.transpose(W, (1, 0)))


def matrix_function_backward_sum_2(X, W, sigma):
    N = np.dot(X, W)
    dLdS = np.ones_like(N)
    dLdN = dLdS * deriv(sigma, N)
    return np.dot(np.transpose(X, (1, 0)), dLdN)


# The book calls both gradients of chapter 2 loss_gradients, and both predictions predict; those of
# chapter 5 are methods of an operation in the end.

PARITY = {
    "loss_gradients_linear_regression": "linear_gradients",
    "predict_linear_regression": "linear_predict",
    "train_linear_regression": "linear_train",
    "train_neural_network": "network_train",
    "conv_input_grad": "_input_grad",
    "conv_param_grad": "_param_grad",
}

# Chapter 2


def forward_linear_regression(X_batch, y_batch, weights):
    N = np.dot(X_batch, weights["W"])
    P = N + weights["B"]
    loss = np.mean(np.power(y_batch - P, 2))
    return loss, {"X": X_batch, "N": N, "P": P, "y": y_batch}


def linear_gradients(forward_info, weights):
    batch_size = forward_info["X"].shape[0]
    dLdP = -2 * (forward_info["y"] - forward_info["P"]) / batch_size
    dLdW = np.dot(np.transpose(forward_info["X"], (1, 0)), dLdP)
    dLdB = (dLdP * np.ones_like(weights["B"])).sum(axis=0)
    return {"W": dLdW, "B": dLdB}


def linear_predict(X, weights):
    return np.dot(X, weights["W"]) + weights["B"]


def descend(weights, gradients_of, X, y, n_iter, learning_rate, batch_size):
    losses = []
    X, y = permute_data(X, y)
    start = 0
    for _ in range(n_iter):
        if start >= X.shape[0]:
            X, y = permute_data(X, y)
            start = 0
        X_batch, y_batch = X[start : start + batch_size], y[start : start + batch_size]
        start += batch_size
        loss, gradients = gradients_of(X_batch, y_batch, weights)
        losses.append(loss)
        for key in weights:
            weights[key] -= learning_rate * gradients[key]
    return weights, losses


def linear_train(X, y, n_iter=1000, learning_rate=0.001, batch_size=100, seed=1):
    np.random.seed(seed)
    weights = {"W": np.random.randn(X.shape[1], 1), "B": np.random.randn(1, 1)}

    def gradients_of(X_batch, y_batch, weights):
        loss, forward_info = forward_linear_regression(X_batch, y_batch, weights)
        return loss, linear_gradients(forward_info, weights)

    return descend(weights, gradients_of, X, y, n_iter, learning_rate, batch_size)


def forward_loss(X, y, weights):
    M1 = np.dot(X, weights["W1"])
    N1 = M1 + weights["B1"]
    O1 = sigmoid(N1)
    M2 = np.dot(O1, weights["W2"])
    P = M2 + weights["B2"]
    loss = np.mean(np.power(y - P, 2))
    return {"X": X, "M1": M1, "N1": N1, "O1": O1, "M2": M2, "P": P, "y": y}, loss


def loss_gradients(forward_info, weights):
    batch_size = forward_info["X"].shape[0]
    dLdP = -2 * (forward_info["y"] - forward_info["P"]) / batch_size
    dLdO1 = np.dot(dLdP, np.transpose(weights["W2"], (1, 0)))
    dO1dN1 = sigmoid(forward_info["N1"]) * (1 - sigmoid(forward_info["N1"]))
    dLdN1 = dLdO1 * dO1dN1
    return {
        "W2": np.dot(np.transpose(forward_info["O1"], (1, 0)), dLdP),
        "B2": dLdP.sum(axis=0),
        "W1": np.dot(np.transpose(forward_info["X"], (1, 0)), dLdN1),
        "B1": dLdN1.sum(axis=0),
    }


def predict(X, weights):
    O1 = sigmoid(np.dot(X, weights["W1"]) + weights["B1"])
    return np.dot(O1, weights["W2"]) + weights["B2"]


def network_train(X, y, n_iter=1000, learning_rate=0.001, batch_size=100, hidden_size=13, seed=1):
    np.random.seed(seed)
    weights = {
        "W1": np.random.randn(X.shape[1], hidden_size),
        "B1": np.random.randn(1, hidden_size),
        "W2": np.random.randn(hidden_size, 1),
        "B2": np.random.randn(1, 1),
    }

    def gradients_of(X_batch, y_batch, weights):
        forward_info, loss = forward_loss(X_batch, y_batch, weights)
        return loss, loss_gradients(forward_info, weights)

    return descend(weights, gradients_of, X, y, n_iter, learning_rate, batch_size)


def mae(preds, actuals):
    return np.mean(np.abs(preds - actuals))


def rmse(preds, actuals):
    return np.sqrt(np.mean(np.power(preds - actuals, 2)))


# Chapters 3 and 4. What chapter 4 adds to a class of chapter 3 stands in that class.


def assert_same_shape(a, b):
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"


class Operation:
    def forward(self, input_, inference=False):
        self.input_ = input_
        self.output = self._output(inference)
        return self.output

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        return self.input_grad


class ParamOperation(Operation):
    def __init__(self, param):
        self.param = param

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        self.param_grad = self._param_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        assert_same_shape(self.param, self.param_grad)
        return self.input_grad


class WeightMultiply(ParamOperation):
    def _output(self, inference):
        return np.dot(self.input_, self.param)

    def _input_grad(self, output_grad):
        return np.dot(output_grad, np.transpose(self.param, (1, 0)))

    def _param_grad(self, output_grad):
        return np.dot(np.transpose(self.input_, (1, 0)), output_grad)


class BiasAdd(ParamOperation):
    def _output(self, inference):
        return self.input_ + self.param

    def _input_grad(self, output_grad):
        return np.ones_like(self.input_) * output_grad

    def _param_grad(self, output_grad):
        param_grad = np.ones_like(self.param) * output_grad
        return np.sum(param_grad, axis=0).reshape(1, param_grad.shape[1])


class Sigmoid(Operation):
    def _output(self, inference):
        return 1.0 / (1.0 + np.exp(-1.0 * self.input_))

    def _input_grad(self, output_grad):
        return self.output * (1.0 - self.output) * output_grad


class Linear(Operation):
    def _output(self, inference):
        return self.input_

    def _input_grad(self, output_grad):
        return output_grad


class Tanh(Operation):
    def _output(self, inference):
        return np.tanh(self.input_)

    def _input_grad(self, output_grad):
        return output_grad * (1 - self.output * self.output)


class ReLU(Operation):
    def _output(self, inference):
        return relu(self.input_)

    def _input_grad(self, output_grad):
        return output_grad * (self.input_ > 0)


class LeakyReLU(Operation):
    def _output(self, inference):
        return leaky_relu(self.input_)

    def _input_grad(self, output_grad):
        return output_grad * np.where(self.input_ > 0, 1, 0.2)


class ReLU6(Operation):
    def _output(self, inference):
        return np.clip(self.input_, 0, 6)

    def _input_grad(self, output_grad):
        return output_grad * np.logical_and(self.input_ > 0, self.input_ < 6)


class Dropout(Operation):
    def __init__(self, keep_prob=0.8):
        self.keep_prob = keep_prob

    def _output(self, inference):
        if inference:
            return self.input_ * self.keep_prob
        self.mask = np.random.binomial(1, self.keep_prob, size=self.input_.shape)
        return self.input_ * self.mask

    def _input_grad(self, output_grad):
        return output_grad * self.mask


class Layer:
    def __init__(self, neurons):
        self.neurons = neurons
        self.first = True
        self.params = []
        self.param_grads = []
        self.operations = []

    def forward(self, input_, inference=False):
        if self.first:
            self._setup_layer(input_)
            self.first = False
        self.input_ = input_
        for operation in self.operations:
            input_ = operation.forward(input_, inference)
        self.output = input_
        return self.output

    def backward(self, output_grad):
        assert_same_shape(self.output, output_grad)
        for operation in reversed(self.operations):
            output_grad = operation.backward(output_grad)
        self._param_grads()
        return output_grad

    def _param_grads(self):
        self.param_grads = []
        for operation in self.operations:
            if isinstance(operation, ParamOperation):
                self.param_grads.append(operation.param_grad)


class Dense(Layer):
    def __init__(self, neurons, activation=None, dropout=1.0, weight_init="standard"):
        super().__init__(neurons)
        self.activation = Sigmoid() if activation is None else activation
        self.dropout = dropout
        self.weight_init = weight_init

    def _setup_layer(self, input_):
        num_in = input_.shape[1]
        if self.seed:
            np.random.seed(self.seed)
        if self.weight_init == "glorot":
            scale = np.sqrt(2 / (num_in + self.neurons))
        else:
            scale = 1.0
        self.params = [
            np.random.normal(loc=0, scale=scale, size=(num_in, self.neurons)),
            np.random.normal(loc=0, scale=scale, size=(1, self.neurons)),
        ]
        self.operations = [
            WeightMultiply(self.params[0]),
            BiasAdd(self.params[1]),
            self.activation,
        ]
        if self.dropout < 1.0:
            self.operations.append(Dropout(self.dropout))


class Loss:
    def forward(self, prediction, target):
        assert_same_shape(prediction, target)
        self.prediction = prediction
        self.target = target
        return self._output()

    def backward(self):
        self.input_grad = self._input_grad()
        assert_same_shape(self.prediction, self.input_grad)
        return self.input_grad


class MeanSquaredError(Loss):
    def _output(self):
        return np.sum(np.power(self.prediction - self.target, 2)) / self.prediction.shape[0]

    def _input_grad(self):
        return 2.0 * (self.prediction - self.target) / self.prediction.shape[0]


def normalize(x):
    return x / np.sum(x)


def softmax(x, axis=None):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


class SoftmaxCrossEntropy(Loss):
    def __init__(self, eps=1e-9):
        super().__init__()
        self.eps = eps

    def _output(self):
        self.softmax_preds = softmax(self.prediction, axis=1)
        clipped = np.clip(self.softmax_preds, self.eps, 1 - self.eps)
        return -np.sum(self.target * np.log(clipped)) / self.prediction.shape[0]

    def _input_grad(self):
        return (self.softmax_preds - self.target) / self.prediction.shape[0]


class NeuralNetwork:
    def __init__(self, layers, loss, seed=1):
        self.layers = layers
        self.loss = loss
        self.seed = seed
        for layer in self.layers:
            layer.seed = self.seed

    def forward(self, x_batch, inference=False):
        for layer in self.layers:
            x_batch = layer.forward(x_batch, inference)
        return x_batch

    def backward(self, loss_grad):
        for layer in reversed(self.layers):
            loss_grad = layer.backward(loss_grad)

    def train_batch(self, x_batch, y_batch):
        predictions = self.forward(x_batch)
        loss = self.loss.forward(predictions, y_batch)
        self.backward(self.loss.backward())
        return loss

    def params(self):
        for layer in self.layers:
            yield from layer.params

    def param_grads(self):
        for layer in self.layers:
            yield from layer.param_grads


class Optimizer:
    def __init__(self, lr=0.01, final_lr=0, decay_type=None):
        self.lr = lr
        self.final_lr = final_lr
        self.decay_type = decay_type

    def _setup_decay(self):
        if not self.decay_type or self.max_epochs < 2:
            return
        decays = self.max_epochs - 1
        if self.decay_type == "exponential":
            self.decay_per_epoch = np.power(self.final_lr / self.lr, 1.0 / decays)
        elif self.decay_type == "linear":
            self.decay_per_epoch = (self.lr - self.final_lr) / decays

    def _decay_lr(self):
        if not self.decay_type or self.max_epochs < 2:
            return
        if self.decay_type == "exponential":
            self.lr *= self.decay_per_epoch
        elif self.decay_type == "linear":
            self.lr -= self.decay_per_epoch

    def step(self):
        for param, param_grad in zip(self.net.params(), self.net.param_grads()):
            self._update_rule(param=param, grad=param_grad)

    def _update_rule(self, **kwargs):
        raise NotImplementedError()


class SGD(Optimizer):
    def _update_rule(self, **kwargs):
        kwargs["param"] -= self.lr * kwargs["grad"]


class SGDMomentum(Optimizer):
    def __init__(self, lr=0.01, momentum=0.9, final_lr=0, decay_type=None):
        super().__init__(lr, final_lr, decay_type)
        self.momentum = momentum
        self.first = True

    def step(self):
        if self.first:
            self.velocities = [np.zeros_like(param) for param in self.net.params()]
            self.first = False
        for param, param_grad, velocity in zip(
            self.net.params(), self.net.param_grads(), self.velocities
        ):
            self._update_rule(param=param, grad=param_grad, velocity=velocity)

    def _update_rule(self, **kwargs):
        kwargs["velocity"] *= self.momentum
        kwargs["velocity"] += self.lr * kwargs["grad"]
        kwargs["param"] -= kwargs["velocity"]


def permute_data(X, y):
    order = np.random.permutation(X.shape[0])
    return X[order], y[order]


def generate_batches(X, y, size=32):
    for start in range(0, X.shape[0], size):
        yield X[start : start + size], y[start : start + size]


class Trainer:
    def __init__(self, net, optim):
        self.net = net
        self.optim = optim
        self.optim.net = net

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
        np.random.seed(seed)
        if restart:
            for layer in self.net.layers:
                layer.first = True
        self.optim.max_epochs = epochs
        self.optim._setup_decay()
        for e in range(epochs):
            X_train, y_train = permute_data(X_train, y_train)
            for X_batch, y_batch in generate_batches(X_train, y_train, batch_size):
                self.net.train_batch(X_batch, y_batch)
                self.optim.step()
            if (e + 1) % eval_every == 0:
                test_preds = self.net.forward(X_test, inference=True)
                loss = self.net.loss.forward(test_preds, y_test)
                print(f"Validation loss after {e + 1} epochs is {loss:.3f}")
            if self.optim.decay_type:
                self.optim._decay_lr()


# Chapter 5


def assert_dim(t, dim):
    assert t.ndim == dim, f"{t.ndim} axes, not {dim}"


def _pad_1d(inp, num):
    z = np.repeat(np.array([0]), num)
    return np.concatenate([z, inp, z])


def conv_1d(inp, param):
    assert_dim(inp, 1)
    assert_dim(param, 1)
    param_len = param.shape[0]
    input_pad = _pad_1d(inp, param_len // 2)
    out = np.zeros(inp.shape)
    for o in range(out.shape[0]):
        for p in range(param_len):
            out[o] += param[p] * input_pad[o + p]
    assert_same_shape(inp, out)
    return out


def conv_1d_sum(inp, param):
    return np.sum(conv_1d(inp, param))


def _input_grad_1d(inp, param, output_grad=None):
    if output_grad is None:
        output_grad = np.ones(inp.shape)
    param_len = param.shape[0]
    output_pad = _pad_1d(output_grad, param_len // 2)
    input_grad = np.zeros(inp.shape)
    for o in range(inp.shape[0]):
        for p in range(param_len):
            input_grad[o] += output_pad[o + param_len - p - 1] * param[p]
    return input_grad


def _param_grad_1d(inp, param, output_grad=None):
    if output_grad is None:
        output_grad = np.ones(inp.shape)
    input_pad = _pad_1d(inp, param.shape[0] // 2)
    param_grad = np.zeros(param.shape)
    for o in range(inp.shape[0]):
        for p in range(param.shape[0]):
            param_grad[p] += input_pad[o + p] * output_grad[o]
    return param_grad


def _pad_1d_batch(inp, num):
    return np.stack([_pad_1d(obs, num) for obs in inp])


def conv_1d_batch(inp, param):
    return np.stack([conv_1d(obs, param) for obs in inp])


def input_grad_1d_batch(inp, param, output_grad):
    grads = [_input_grad_1d(inp[i], param, output_grad[i]) for i in range(inp.shape[0])]
    return np.stack(grads)


def param_grad_1d_batch(inp, param, output_grad):
    input_pad = _pad_1d_batch(inp, param.shape[0] // 2)
    param_grad = np.zeros(param.shape)
    for i in range(inp.shape[0]):
        for o in range(inp.shape[1]):
            for p in range(param.shape[0]):
                param_grad[p] += input_pad[i][o + p] * output_grad[i][o]
    return param_grad


def pad_2d(inp, num):
    columns_padded = _pad_1d_batch(inp, num)
    rows = np.zeros((num, columns_padded.shape[1]))
    return np.concatenate([rows, columns_padded, rows])


def conv_2d(inp, param):
    img_height, img_width = inp.shape
    param_size = param.shape[0]
    input_pad = pad_2d(inp, param_size // 2)
    out = np.zeros(inp.shape)
    for o_h in range(img_height):
        for o_w in range(img_width):
            for p_h in range(param_size):
                for p_w in range(param_size):
                    out[o_h][o_w] += param[p_h][p_w] * input_pad[o_h + p_h][o_w + p_w]
    return out


def input_grad_2d(inp, param, output_grad):
    img_height, img_width = inp.shape
    param_size = param.shape[0]
    output_pad = pad_2d(output_grad, param_size // 2)
    input_grad = np.zeros(inp.shape)
    for i_h in range(img_height):
        for i_w in range(img_width):
            for p_h in range(param_size):
                for p_w in range(param_size):
                    input_grad[i_h][i_w] += (
                        output_pad[i_h + param_size - p_h - 1][i_w + param_size - p_w - 1]
                        * param[p_h][p_w]
                    )
    return input_grad


def param_grad_2d(inp, param, output_grad):
    return param_grad_2d_batch(inp[np.newaxis], param, output_grad[np.newaxis])


def _pad_2d_batch(inp, num):
    return np.stack([pad_2d(obs, num) for obs in inp])


def conv_2d_batch(inp, param):
    return np.stack([conv_2d(obs, param) for obs in inp])


def input_grad_2d_batch(inp, param, output_grad):
    return np.stack(
        [input_grad_2d(inp[i], param, output_grad[i]) for i in range(output_grad.shape[0])]
    )


def param_grad_2d_batch(inp, param, output_grad):
    batch_size, img_height, img_width = inp.shape
    param_size = param.shape[0]
    input_pad = _pad_2d_batch(inp, param_size // 2)
    param_grad = np.zeros(param.shape)
    for i in range(batch_size):
        for o_h in range(img_height):
            for o_w in range(img_width):
                for p_h in range(param_size):
                    for p_w in range(param_size):
                        param_grad[p_h][p_w] += (
                            input_pad[i][o_h + p_h][o_w + p_w] * output_grad[i][o_h][o_w]
                        )
    return param_grad


def _pad_2d_channel(inp, num):
    return np.stack([pad_2d(channel, num) for channel in inp])


def _pad_conv_input(inp, num):
    return np.stack([_pad_2d_channel(obs, num) for obs in inp])


def _compute_output_obs(obs, param):
    assert_dim(obs, 3)
    assert_dim(param, 4)
    in_channels, out_channels, param_size, _ = param.shape
    img_height, img_width = obs.shape[1:]
    obs_pad = _pad_2d_channel(obs, param_size // 2)
    out = np.zeros((out_channels, img_height, img_width))
    for c_in in range(in_channels):
        for c_out in range(out_channels):
            for o_h in range(img_height):
                for o_w in range(img_width):
                    for p_h in range(param_size):
                        for p_w in range(param_size):
                            out[c_out][o_h][o_w] += (
                                param[c_in][c_out][p_h][p_w] * obs_pad[c_in][o_h + p_h][o_w + p_w]
                            )
    return out


def _output(inp, param):
    return np.stack([_compute_output_obs(obs, param) for obs in inp])


def _compute_grads_obs(input_obs, output_grad_obs, param):
    in_channels, out_channels, param_size, _ = param.shape
    img_height, img_width = input_obs.shape[1:]
    output_obs_pad = _pad_2d_channel(output_grad_obs, param_size // 2)
    input_grad = np.zeros(input_obs.shape)
    for c_in in range(in_channels):
        for c_out in range(out_channels):
            for i_h in range(img_height):
                for i_w in range(img_width):
                    for p_h in range(param_size):
                        for p_w in range(param_size):
                            o_h, o_w = i_h + param_size - p_h - 1, i_w + param_size - p_w - 1
                            input_grad[c_in][i_h][i_w] += (
                                output_obs_pad[c_out][o_h][o_w] * param[c_in][c_out][p_h][p_w]
                            )
    return input_grad


def _input_grad(inp, output_grad, param):
    grads = [_compute_grads_obs(inp[i], output_grad[i], param) for i in range(output_grad.shape[0])]
    return np.stack(grads)


def _param_grad(inp, output_grad, param):
    in_channels, out_channels, param_size, _ = param.shape
    img_height, img_width = output_grad.shape[2:]
    inp_pad = _pad_conv_input(inp, param_size // 2)
    param_grad = np.zeros(param.shape)
    for i in range(inp.shape[0]):
        for c_in in range(in_channels):
            for c_out in range(out_channels):
                for o_h in range(img_height):
                    for o_w in range(img_width):
                        for p_h in range(param_size):
                            for p_w in range(param_size):
                                param_grad[c_in][c_out][p_h][p_w] += (
                                    inp_pad[i][c_in][o_h + p_h][o_w + p_w]
                                    * output_grad[i][c_out][o_h][o_w]
                                )
    return param_grad


# Appendix A


def _get_image_patches(imgs_batch, fil_size):
    imgs_batch_pad = _pad_conv_input(imgs_batch, fil_size // 2)
    img_height, img_width = imgs_batch_pad.shape[2:]
    patches = []
    for h in range(img_height - fil_size + 1):
        for w in range(img_width - fil_size + 1):
            patches.append(imgs_batch_pad[:, :, h : h + fil_size, w : w + fil_size])
    return np.stack(patches)


def _output_matmul(input_, param):
    batch_size, in_channels, img_height, img_width = input_.shape
    param_size = param.shape[2]
    patch_size = in_channels * param_size * param_size
    patches = _get_image_patches(input_, param_size)
    patches_reshaped = patches.transpose(1, 0, 2, 3, 4).reshape(
        batch_size, img_height * img_width, patch_size
    )
    param_reshaped = param.transpose(0, 2, 3, 1).reshape(patch_size, -1)
    output = np.matmul(patches_reshaped, param_reshaped)
    return output.reshape(batch_size, img_height, img_width, -1).transpose(0, 3, 1, 2)


def _param_grad_matmul(input_, param, output_grad):
    batch_size, in_channels, img_height, img_width = input_.shape
    param_size = param.shape[2]
    rows = batch_size * img_height * img_width
    patches = _get_image_patches(input_, param_size)
    patches_reshaped = patches.transpose(1, 0, 2, 3, 4).reshape(rows, -1)
    output_grad_reshaped = output_grad.transpose(0, 2, 3, 1).reshape(rows, -1)
    param_grad = np.matmul(patches_reshaped.transpose(1, 0), output_grad_reshaped)
    return param_grad.reshape(in_channels, param_size, param_size, -1).transpose(0, 3, 1, 2)


def _input_grad_matmul(input_, param, output_grad):
    batch_size, in_channels, img_height, img_width = input_.shape
    param_size = param.shape[2]
    output_grad_patches = _get_image_patches(output_grad, param_size)
    output_grad_patches_reshaped = output_grad_patches.transpose(1, 0, 2, 3, 4).reshape(
        batch_size * img_height * img_width, -1
    )
    param_reshaped = param[:, :, ::-1, ::-1].reshape(in_channels, -1)
    input_grad = np.matmul(output_grad_patches_reshaped, param_reshaped.transpose(1, 0))
    return input_grad.reshape(batch_size, img_height, img_width, in_channels).transpose(0, 3, 1, 2)


# Chapter 5's operations and its layer. A stride above 1 leaves results out, so nothing comes back
# from there.


class Conv2DOperation(ParamOperation):
    def __init__(self, W, stride=1):
        super().__init__(W)
        self.stride = stride

    def _output(self, inference):
        return _output_matmul(self.input_, self.param)[:, :, :: self.stride, :: self.stride]

    def _all_places(self, output_grad):
        batch_size, out_channels = output_grad.shape[:2]
        grad = np.zeros((batch_size, out_channels) + self.input_.shape[2:])
        grad[:, :, :: self.stride, :: self.stride] = output_grad
        return grad

    def _input_grad(self, output_grad):
        return _input_grad_matmul(self.input_, self.param, self._all_places(output_grad))

    def _param_grad(self, output_grad):
        return _param_grad_matmul(self.input_, self.param, self._all_places(output_grad))


class Flatten(Operation):
    def _output(self, inference):
        return self.input_.reshape(self.input_.shape[0], -1)

    def _input_grad(self, output_grad):
        return output_grad.reshape(self.input_.shape)


class Conv2D(Layer):
    def __init__(
        self,
        out_channels,
        param_size,
        activation=None,
        flatten=False,
        dropout=1.0,
        weight_init="standard",
    ):
        super().__init__(out_channels)
        self.out_channels = out_channels
        self.param_size = param_size
        self.activation = Sigmoid() if activation is None else activation
        self.flatten = flatten
        self.dropout = dropout
        self.weight_init = weight_init

    def _setup_layer(self, input_):
        in_channels = input_.shape[1]
        if self.seed:
            np.random.seed(self.seed)
        if self.weight_init == "glorot":
            elements = self.param_size * self.param_size
            scale = np.sqrt(2 / (elements * (in_channels + self.out_channels)))
        else:
            scale = 1.0
        shape = (in_channels, self.out_channels, self.param_size, self.param_size)
        self.params = [np.random.normal(loc=0, scale=scale, size=shape)]
        self.operations = [Conv2DOperation(self.params[0]), self.activation]
        if self.flatten:
            self.operations.append(Flatten())
        if self.dropout < 1.0:
            self.operations.append(Dropout(self.dropout))
